/* SPDX-License-Identifier: MIT */
/* TLS contexts for the sink; see tls.h. */
#include "tests/sink/tls.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "tests/sink/profile.h"

#define CERT_DAYS 30

static int refuse(struct err *err, const char *what)
{
	char reason[256];
	unsigned long code = ERR_get_error();
	ERR_error_string_n(code, reason, sizeof(reason));
	return err_set(err, ERR_CRYPTO, "%s: %s", what, reason);
}

static int use_files(SSL_CTX *context, const struct tls_files *files, struct err *err)
{
	struct str key = files->key.len > 0 ? files->key : files->cert;
	if (SSL_CTX_use_certificate_chain_file(context, files->cert.ptr) != 1)
		return refuse(err, files->cert.ptr);
	if (SSL_CTX_use_PrivateKey_file(context, key.ptr, SSL_FILETYPE_PEM) != 1)
		return refuse(err, key.ptr);
	return 0;
}

static bool name_certificate(X509 *cert, const char *host)
{
	X509_NAME *name = X509_get_subject_name(cert);
	char alternative[300];
	if (X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)host, -1,
				       -1, 0) != 1 ||
	    X509_set_issuer_name(cert, name) != 1)
		return false;
	snprintf(alternative, sizeof(alternative), "DNS:%s", host);
	X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, alternative);
	bool is_named = names != NULL && X509_add_ext(cert, names, -1) == 1;
	X509_EXTENSION_free(names);
	return is_named;
}

static bool sign_certificate(X509 *cert, EVP_PKEY *key, const char *host)
{
	return X509_set_version(cert, 2) == 1 &&
	       ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) == 1 &&
	       X509_gmtime_adj(X509_getm_notBefore(cert), -3600) != NULL &&
	       X509_gmtime_adj(X509_getm_notAfter(cert), CERT_DAYS * 86400L) != NULL &&
	       X509_set_pubkey(cert, key) == 1 && name_certificate(cert, host) &&
	       X509_sign(cert, key, EVP_sha256()) > 0;
}

static int use_self_signed(SSL_CTX *context, const char *host, struct err *err)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	bool is_made = key != NULL && cert != NULL && sign_certificate(cert, key, host) &&
		       SSL_CTX_use_certificate(context, cert) == 1 &&
		       SSL_CTX_use_PrivateKey(context, key) == 1;
	X509_free(cert);
	EVP_PKEY_free(key);
	return is_made ? 0 : refuse(err, "cannot make a certificate");
}

static int set_max(SSL_CTX *context, struct str max, struct err *err)
{
	int version = 0;
	if (str_equals(max, STR("1.2")))
		version = TLS1_2_VERSION;
	else if (max.len > 0 && !str_equals(max, STR("1.3")))
		return err_set(err, ERR_CONFIG, "tls max: 1.2 or 1.3 is wanted");
	SSL_CTX_set_max_proto_version(context, version);
	return 0;
}

SSL_CTX *tls_context_new(const struct tls_files *files, const char *host, struct err *err)
{
	static const unsigned char session_id[] = "edm-sink";
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	must(context != NULL);
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
					  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					  SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(context, 1);
	SSL_CTX_set_session_id_context(context, session_id, sizeof(session_id) - 1);
	int result = files->cert.len > 0 ? use_files(context, files, err)
					 : use_self_signed(context, host, err);
	if (result == 0)
		result = set_max(context, files->max, err);
	if (result != 0) {
		SSL_CTX_free(context);
		return NULL;
	}
	return context;
}
