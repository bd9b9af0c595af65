/* SPDX-License-Identifier: MIT */
/* Private keys through OpenSSL's EVP; see signer.h. */
#include "engine/mail/signer.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#define RSA_BITS_NEW 2048
#define RSA_BITS_MIN 1024 /* RFC 8301 3.2: verifiers accept no less */
#define RSA_BITS_MAX 4096
#define PEM_MAX (16u << 10)

struct signer {
	EVP_PKEY *key;
	enum signer_algorithm algorithm;
	size_t signature_len;
};

const char *signer_algorithm_name(enum signer_algorithm algorithm)
{
	switch (algorithm) {
#define X(suffix, name, key_type)                                                                  \
	case SIGNER_##suffix:                                                                      \
		return name;
		SIGNER_ALGORITHMS(X)
#undef X
	}
	return "";
}

const char *signer_key_type(enum signer_algorithm algorithm)
{
	switch (algorithm) {
#define X(suffix, name, key_type)                                                                  \
	case SIGNER_##suffix:                                                                      \
		return key_type;
		SIGNER_ALGORITHMS(X)
#undef X
	}
	return "";
}

/* OpenSSL's first reason behind what; its queue is empty afterwards. */
static int fail_openssl(struct err *err, const char *what)
{
	unsigned long code = ERR_get_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;
	ERR_clear_error();
	return err_set(err, ERR_CRYPTO, "%s: %s", what,
		       reason ? reason : "OpenSSL gives no reason");
}

int signer_generate(enum signer_algorithm algorithm, struct buf *pem_out, struct err *err)
{
	EVP_PKEY *key = algorithm == SIGNER_RSA
				? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)RSA_BITS_NEW)
				: EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	BIO *bio = BIO_new(BIO_s_secmem());
	char *text;
	int failed = -1;
	if (key == NULL || bio == NULL ||
	    PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1) {
		fail_openssl(err, "a key cannot be made");
	} else {
		long len = BIO_get_mem_data(bio, &text);
		buf_append(pem_out, text, (size_t)len);
		failed = 0;
	}
	BIO_free(bio);
	EVP_PKEY_free(key);
	return failed;
}

static int check_key(const EVP_PKEY *key, struct err *err)
{
	if (EVP_PKEY_is_a(key, "ED25519"))
		return 0;
	if (!EVP_PKEY_is_a(key, "RSA"))
		return err_set(err, ERR_INPUT, "the key is neither RSA nor Ed25519");
	int bits = EVP_PKEY_get_bits(key);
	if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX)
		return err_set(err, ERR_INPUT,
			       "the RSA key has %d bits; receivers want 1024 to 4096, best is 2048",
			       bits);
	return 0;
}

/* An encrypted key has no pass phrase here: never ask the terminal. */
static int no_pass_phrase(char *out, int size, int is_write, void *ctx)
{
	(void)out;
	(void)size;
	(void)is_write;
	(void)ctx;
	return -1;
}

int signer_load(struct str pem, struct signer **out, struct err *err)
{
	if (pem.len > PEM_MAX)
		return err_set(err, ERR_INPUT, "the key file is too long for one PEM key");
	BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	must(bio != NULL);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, NULL);
	BIO_free(bio);
	if (key == NULL) {
		ERR_clear_error();
		return err_set(err, ERR_INPUT,
			       "this is no unencrypted private key in PEM form "
			       "(-----BEGIN PRIVATE KEY-----)");
	}
	if (check_key(key, err) != 0) {
		EVP_PKEY_free(key);
		return -1;
	}
	struct signer *s = xcalloc(1, sizeof(*s));
	s->key = key;
	s->algorithm = EVP_PKEY_is_a(key, "RSA") ? SIGNER_RSA : SIGNER_ED25519;
	s->signature_len = (size_t)EVP_PKEY_get_size(key);
	must(s->signature_len <= SIGNER_SIGNATURE_MAX);
	*out = s;
	return 0;
}

void signer_free(struct signer *s)
{
	if (s == NULL)
		return;
	EVP_PKEY_free(s->key);
	free(s);
}

enum signer_algorithm signer_algorithm(const struct signer *s)
{
	return s->algorithm;
}

size_t signer_signature_len(const struct signer *s)
{
	return s->signature_len;
}

static void append_base64(const unsigned char *bytes, size_t len, struct buf *out)
{
	size_t size = (len + 2) / 3 * 4;
	char *to = buf_reserve(out, size);
	if (to == NULL)
		return;
	EVP_EncodeBlock((unsigned char *)to, bytes, (int)len);
	buf_add(out, size);
}

void signer_public_key(const struct signer *s, struct buf *out)
{
	unsigned char raw[32];
	unsigned char *der = NULL;
	size_t len = sizeof(raw);
	if (s->algorithm == SIGNER_ED25519) {
		must(EVP_PKEY_get_raw_public_key(s->key, raw, &len) == 1);
		append_base64(raw, len, out);
		return;
	}
	int size = i2d_PUBKEY(s->key, &der);
	must(size > 0);
	append_base64(der, (size_t)size, out);
	OPENSSL_free(der);
}

static int sign_rsa(const struct signer *s, const struct digest *digests, size_t n,
		    struct signature *out)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(s->key, NULL);
	bool works = ctx != NULL && EVP_PKEY_sign_init(ctx) == 1 &&
		     EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
		     EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1;
	for (size_t i = 0; i < n && works; i++) {
		out[i].len = sizeof(out[i].bytes);
		works = EVP_PKEY_sign(ctx, out[i].bytes, &out[i].len, digests[i].bytes,
				      sizeof(digests[i].bytes)) == 1;
	}
	EVP_PKEY_CTX_free(ctx);
	return works ? 0 : -1;
}

static int sign_ed25519(const struct signer *s, const struct digest *digests, size_t n,
			struct signature *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool works = ctx != NULL;
	for (size_t i = 0; i < n && works; i++) {
		out[i].len = sizeof(out[i].bytes);
		works = EVP_DigestSignInit(ctx, NULL, NULL, NULL, s->key) == 1 &&
			EVP_DigestSign(ctx, out[i].bytes, &out[i].len, digests[i].bytes,
				       sizeof(digests[i].bytes)) == 1;
	}
	EVP_MD_CTX_free(ctx);
	return works ? 0 : -1;
}

int signer_sign_batch(const struct signer *s, const struct digest *digests, size_t n,
		      struct signature *signatures_out, struct err *err)
{
	int failed = s->algorithm == SIGNER_RSA ? sign_rsa(s, digests, n, signatures_out)
						: sign_ed25519(s, digests, n, signatures_out);
	if (failed)
		return fail_openssl(err, "signing failed");
	for (size_t i = 0; i < n; i++)
		must(signatures_out[i].len == s->signature_len);
	return 0;
}
