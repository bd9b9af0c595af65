/* SPDX-License-Identifier: MIT */
/*
 * The shared SSL_CTX and its cache of client sessions (RFC 5246 7.3, RFC 8446 2.2): a map with a
 * list in order of use, behind a mutex; see tls.h.
 */
#include "engine/net/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/hash.h"
#include "engine/base/list.h"
#include "engine/base/map.h"
#include "engine/net/tls_private.h"

/* Sessions kept; one is a few KiB. */
#define SESSIONS_MAX 4096u

struct ticket {
	struct map_node node;
	struct list by_use;
	char *key;
	SSL_SESSION *session;
};

struct tls_context {
	SSL_CTX *ctx;
	pthread_mutex_t lock;
	struct map tickets; /* guarded by lock */
	struct list by_use; /* guarded by lock; first = longest unused */
};

static bool has_key(const struct map_node *node, const void *key)
{
	return strcmp(CONTAINER_OF(node, const struct ticket, node)->key, key) == 0;
}

static struct ticket *find_ticket(struct tls_context *c, const char *key)
{
	struct map_node *node = map_get(&c->tickets, hash_str(str_from(key)), has_key, key);
	return node != NULL ? CONTAINER_OF(node, struct ticket, node) : NULL;
}

static void drop_ticket(struct tls_context *c, struct ticket *t)
{
	map_remove(&c->tickets, &t->node);
	list_remove(&t->by_use);
	SSL_SESSION_free(t->session);
	free(t->key);
	free(t);
}

static struct ticket *add_ticket(struct tls_context *c, const char *key)
{
	if (c->tickets.count >= SESSIONS_MAX)
		drop_ticket(c, LIST_ITEM(list_first(&c->by_use), struct ticket, by_use));
	struct ticket *t = xcalloc(1, sizeof(*t));
	t->key = xstrdup(key);
	list_init(&t->by_use);
	list_push_back(&c->by_use, &t->by_use);
	map_put(&c->tickets, &t->node, hash_str(str_from(key)));
	return t;
}

/* OpenSSL has a new session; returning 1 keeps it. */
static int on_new_session(SSL *ssl, SSL_SESSION *session)
{
	const struct tls_peer *peer = SSL_get_app_data(ssl);
	struct tls_context *c = peer->context;
	pthread_mutex_lock(&c->lock);
	struct ticket *t = find_ticket(c, peer->key);
	if (t == NULL)
		t = add_ticket(c, peer->key);
	SSL_SESSION_free(t->session);
	t->session = session;
	pthread_mutex_unlock(&c->lock);
	return 1;
}

static void resume(SSL *ssl, const struct tls_peer *peer)
{
	struct tls_context *c = peer->context;
	pthread_mutex_lock(&c->lock);
	struct ticket *t = find_ticket(c, peer->key);
	if (t != NULL && SSL_SESSION_is_resumable(t->session)) {
		SSL_set_session(ssl, t->session);
		list_remove(&t->by_use);
		list_push_back(&c->by_use, &t->by_use);
	}
	pthread_mutex_unlock(&c->lock);
}

static int set_up(SSL_CTX *ctx, const char *ca_file, struct err *err)
{
	int trusted = ca_file != NULL ? SSL_CTX_load_verify_file(ctx, ca_file)
				      : SSL_CTX_set_default_verify_paths(ctx);
	if (trusted != 1 || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1) {
		ERR_clear_error();
		return err_set(err, ERR_CRYPTO, "cannot load the certificates to trust from %s",
			       ca_file != NULL ? ca_file : "the system's store");
	}
	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
					 SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, on_new_session);
	return 0;
}

struct tls_context *tls_context_new(const char *ca_file, struct err *err)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	must(ctx != NULL);
	if (set_up(ctx, ca_file, err) != 0) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	struct tls_context *c = xcalloc(1, sizeof(*c));
	c->ctx = ctx;
	must(pthread_mutex_init(&c->lock, NULL) == 0);
	map_init(&c->tickets);
	list_init(&c->by_use);
	return c;
}

void tls_context_free(struct tls_context *c)
{
	if (c == NULL)
		return;
	while (!list_is_empty(&c->by_use))
		drop_ticket(c, LIST_ITEM(list_first(&c->by_use), struct ticket, by_use));
	map_done(&c->tickets);
	pthread_mutex_destroy(&c->lock);
	SSL_CTX_free(c->ctx);
	free(c);
}

static bool is_ip_literal(const char *name)
{
	struct in6_addr scratch;
	return inet_pton(AF_INET, name, &scratch) == 1 || inet_pton(AF_INET6, name, &scratch) == 1;
}

/* SNI and the name to find in the certificate: SAN dNSName only (RFC 6125). */
static bool name_peer(SSL *ssl, const char *host_name)
{
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
				       X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (is_ip_literal(host_name))
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host_name) == 1;
	return SSL_set1_host(ssl, host_name) == 1 && SSL_set_tlsext_host_name(ssl, host_name) == 1;
}

SSL *tls_start(const struct tls_peer *peer, enum tls_mode mode)
{
	SSL *ssl = SSL_new(peer->context->ctx);
	if (ssl == NULL)
		return NULL;
	SSL_set_app_data(ssl, (void *)(uintptr_t)peer);
	SSL_set_connect_state(ssl);
	SSL_set_verify(ssl, mode == TLS_VERIFIED ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	/* Without verification a weak key is still better than no TLS at all. */
	if (mode == TLS_OPPORTUNISTIC)
		SSL_set_security_level(ssl, 1);
	bool is_named = peer->host_name == NULL || name_peer(ssl, peer->host_name);
	if (!is_named || (peer->host_name == NULL && mode == TLS_VERIFIED)) {
		SSL_free(ssl);
		return NULL;
	}
	resume(ssl, peer);
	return ssl;
}

void tls_reason(const SSL *ssl, char *out, size_t size)
{
	unsigned long code = ERR_peek_last_error();
	long verify = SSL_get_verify_result(ssl);
	const char *reason = ERR_reason_error_string(code);
	bool is_verify = ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED;
	snprintf(out, size, "%s%s%s", reason != NULL ? reason : "protocol error",
		 is_verify ? ": " : "", is_verify ? X509_verify_cert_error_string(verify) : "");
	ERR_clear_error();
}
