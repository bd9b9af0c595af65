/* SPDX-License-Identifier: MIT */
/*
 * A private key in use: signs batches of SHA-256 digests.
 *
 * RSA signs the digest with PKCS #1 v1.5 (RFC 6376 3.3.1, RFC 8301), Ed25519 takes the digest as
 * its message (RFC 8463 3). A signer is immutable; any thread may sign with it. The batch is the
 * unit of work so that a faster signer can take several digests at once; OpenSSL does them in turn
 * (about 0.8 ms an RSA-2048 signature, so never on a loop thread). Key material is wiped when freed
 * and never appears in an error text.
 */
#ifndef EDM_ENGINE_MAIL_SIGNER_H
#define EDM_ENGINE_MAIL_SIGNER_H

#include "engine/base/buf.h"
#include "engine/base/err.h"

#define SIGNER_SIGNATURE_MAX 512u /* bytes: RSA-4096 */

/* X(enumerator suffix, a= of RFC 6376 3.5, k= of its 3.6.1) */
#define SIGNER_ALGORITHMS(X)                                                                       \
	X(RSA, "rsa-sha256", "rsa")                                                                \
	X(ED25519, "ed25519-sha256", "ed25519")

enum signer_algorithm {
#define X(suffix, name, key_type) SIGNER_##suffix,
	SIGNER_ALGORITHMS(X)
#undef X
};

struct digest {
	uint8_t bytes[32]; /* SHA-256 */
};

struct signature {
	size_t len; /* signer_signature_len */
	uint8_t bytes[SIGNER_SIGNATURE_MAX];
};

struct signer;

/* A new private key as PKCS #8 PEM, appended to pem_out; RSA has 2048 bits. Takes up to a second.
 */
int signer_generate(enum signer_algorithm algorithm, struct buf *pem_out,
		    struct err *err) NODISCARD;
/* Loads an unencrypted PEM private key. Refuses (ERR_INPUT) what is no key, a type other than RSA
 * and Ed25519, and RSA outside 1024–4096 bits (RFC 8301 3.2). */
int signer_load(struct str pem, struct signer **out, struct err *err) NODISCARD;
void signer_free(struct signer *s);

enum signer_algorithm signer_algorithm(const struct signer *s);
const char *signer_algorithm_name(enum signer_algorithm algorithm);
const char *signer_key_type(enum signer_algorithm algorithm);
/* Bytes of every signature of this key. */
size_t signer_signature_len(const struct signer *s);
/* The public key as DNS publishes it (p=), without line ends: RSA a base64 SubjectPublicKeyInfo,
 * Ed25519 its 32 bytes in base64 (RFC 8463 4). Appended to out. */
void signer_public_key(const struct signer *s, struct buf *out);

/* Signs digests[0 .. n-1] into signatures_out[0 .. n-1]. */
int signer_sign_batch(const struct signer *s, const struct digest *digests, size_t n,
		      struct signature *signatures_out, struct err *err) NODISCARD;

#endif
