/* SPDX-License-Identifier: MIT */
/* The scripted server and the noting owner; see peer_support.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/unit/engine/net/peer_support.h"

struct conn {
	struct server *server;
	int fd;
	SSL *ssl;
	char in[8192];
	size_t in_len, in_at;
};

static bool put(struct conn *c, const void *data, size_t n)
{
	if (c->ssl != NULL)
		return SSL_write(c->ssl, data, (int)n) > 0;
	return send(c->fd, data, n, MSG_NOSIGNAL) == (ssize_t)n;
}

static bool fill(struct conn *c)
{
	ssize_t n = c->ssl != NULL ? SSL_read(c->ssl, c->in, sizeof(c->in))
				   : recv(c->fd, c->in, sizeof(c->in), 0);
	c->in_at = 0;
	c->in_len = n > 0 ? (size_t)n : 0;
	return n > 0;
}

/* A line without its end; false at the connection's end. */
static bool get_line(struct conn *c, char *line, size_t size)
{
	size_t n = 0;
	for (;;) {
		if (c->in_at == c->in_len && !fill(c))
			return false;
		char ch = c->in[c->in_at++];
		if (ch == '\n')
			break;
		if (ch != '\r' && n + 1 < size)
			line[n++] = ch;
	}
	line[n] = '\0';
	return true;
}

static bool get_body(struct conn *c)
{
	char line[1024];
	while (get_line(c, line, sizeof(line)))
		if (strcmp(line, ".") == 0)
			return true;
	return false;
}

/* Answers are gathered while more commands are at hand, as for a pipelined group. */
static void serve(struct conn *c)
{
	char line[1024], out[8192];
	size_t n = 0;
	while (get_line(c, line, sizeof(line))) {
		const char *answer = "250 ok\r\n";
		if (strncmp(line, "DATA", 4) == 0)
			answer = "354 go\r\n";
		else if (strncmp(line, "QUIT", 4) == 0)
			answer = "221 bye\r\n";
		n += (size_t)snprintf(out + n, sizeof(out) - n, "%s", answer);
		if (c->in_at == c->in_len || answer[0] != '2') {
			put(c, out, n);
			n = 0;
		}
		if (strncmp(line, "QUIT", 4) == 0) {
			c->server->quits++;
			return;
		}
		if (answer[0] == '3') {
			if (!get_body(c))
				return;
			c->server->messages++;
			n = (size_t)snprintf(out, sizeof(out), "250 2.0.0 queued\r\n");
			if (c->in_at == c->in_len) {
				put(c, out, n);
				n = 0;
			}
		}
	}
}

static void shake(struct conn *c)
{
	c->ssl = SSL_new(c->server->tls);
	SSL_set_fd(c->ssl, c->fd);
	if (SSL_accept(c->ssl) != 1) {
		SSL_free(c->ssl);
		c->ssl = NULL;
	}
}

static void flood(struct conn *c)
{
	static char junk[65536];
	memset(junk, 'x', sizeof(junk));
	for (unsigned i = 0; i < 1000 && put(c, junk, sizeof(junk)); i++)
		;
}

static void reset(struct conn *c)
{
	struct linger linger = {.l_onoff = 1, .l_linger = 0};
	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

static bool act(struct conn *c, const char *what)
{
	char line[1024], scratch[100];
	if (what[0] == 'S') {
		int n = snprintf(line, sizeof(line), "%s\r\n", what + 1);
		return put(c, line, (size_t)n);
	}
	if (what[0] == 'C') {
		bool is_there = get_line(c, line, sizeof(line));
		c->server->bad_lines += is_there && strncmp(line, what + 1, strlen(what + 1)) != 0;
		return is_there;
	}
	if (strcmp(what, "serve") == 0)
		serve(c);
	else if (strcmp(what, "body") == 0)
		c->server->messages += get_body(c);
	else if (strcmp(what, "some") == 0)
		return recv(c->fd, scratch, sizeof(scratch), MSG_WAITALL) > 0;
	else if (strcmp(what, "hold") == 0)
		while (fill(c))
			;
	else if (strcmp(what, "silent") == 0)
		(void)!read(c->server->released[0], scratch, 1);
	else if (strcmp(what, "tls") == 0)
		shake(c);
	else if (strcmp(what, "rst") == 0)
		reset(c);
	else if (strcmp(what, "flood") == 0)
		flood(c);
	else
		must(false && "no such act");
	return true;
}

static void *run_server(void *arg)
{
	struct server *server = arg;
	const char *const *script = server->script;
	int on = 1;
	while (*script != NULL) {
		struct conn c = {.server = server};
		c.fd = accept(server->listener, NULL, NULL);
		setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		bool goes_on = c.fd >= 0;
		for (; *script != NULL && strcmp(*script, "next") != 0; script++)
			goes_on = goes_on && act(&c, *script);
		script += *script != NULL;
		SSL_free(c.ssl);
		if (c.fd >= 0)
			close(c.fd);
	}
	return NULL;
}

int listen_on_loopback(in_port_t *port_out)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(fd, 16) == 0);
	must(getsockname(fd, (struct sockaddr *)&a, &size) == 0);
	*port_out = ntohs(a.sin_port);
	return fd;
}

void server_start(struct server *server, const char *const *script)
{
	server->script = script;
	server->listener = listen_on_loopback(&server->port);
	must(pipe(server->released) == 0);
	must(pthread_create(&server->thread, NULL, run_server, server) == 0);
}

void server_stop(struct server *server)
{
	close(server->released[1]);
	shutdown(server->listener, SHUT_RDWR);
	pthread_join(server->thread, NULL);
	close(server->listener);
	close(server->released[0]);
}

/* A self-signed certificate for mx.peer.test, also written to path. */
SSL_CTX *server_tls(const char *path)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	X509_NAME *name = X509_get_subject_name(cert);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1,
				   0);
	X509_set_issuer_name(cert, name);
	X509_EXTENSION *san =
		X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:mx.peer.test");
	X509_add_ext(cert, san, -1);
	X509_EXTENSION_free(san);
	X509_sign(cert, key, EVP_sha256());
	FILE *f = fopen(path, "we");
	must(f != NULL && PEM_write_X509(f, cert) == 1);
	fclose(f);
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	must(SSL_CTX_use_certificate(ctx, cert) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1);
	X509_free(cert);
	EVP_PKEY_free(key);
	return ctx;
}

static bool send_next(struct client *c)
{
	struct envelope e = {
		.mail_from = STR("me@our.test"),
		.rcpt_to = STR("you@peer.test"),
		.slices = &c->body,
		.slice_count = 1,
		.size = c->body.len,
		.tag = c,
	};
	if (c->to_send == 0 || !session_send(c->session, &e))
		return false;
	c->to_send--;
	return true;
}

static bool closes(struct client *c, enum callback in)
{
	if (c->closes_in != in)
		return false;
	session_close(c->session);
	loop_stop(c->loop);
	return true;
}

static void on_ready(void *owner, struct session *s)
{
	struct client *c = owner;
	c->ready++;
	if (closes(c, READY))
		return;
	if (!send_next(c))
		session_quit(s);
}

static void on_room(void *owner, struct session *s)
{
	struct client *c = owner;
	(void)s;
	c->rooms++;
	if (!closes(c, ROOM))
		send_next(c);
}

static void on_wants_commit(void *owner, struct session *s, void *tag)
{
	struct client *c = owner;
	assert_ptr_equal(tag, c);
	c->asked++;
	if (closes(c, COMMIT))
		return;
	if (c->aborts)
		session_abort(s);
	else
		assert_true(session_commit(s));
}

static void keep(struct outcome *to, char *text, size_t size, const struct outcome *from)
{
	*to = *from;
	snprintf(text, size, "%.*s", STR_ARG(from->text));
	to->text = str_from(text);
}

static void on_outcome(void *owner, struct session *s, void *tag, const struct outcome *o)
{
	struct client *c = owner;
	(void)s;
	assert_ptr_equal(tag, c);
	c->outcomes++;
	c->unknown += o->verdict.klass == OUTCOME_UNKNOWN;
	c->delivered += o->words == OUTCOME_WORDS_REMOTE && o->stage == STAGE_DOT && o->code == 250;
	keep(&c->last, c->last_text, sizeof(c->last_text), o);
	closes(c, OUTCOME);
}

static void on_closed(void *owner, struct session *s, const struct outcome *why)
{
	struct client *c = owner;
	c->closed++;
	keep(&c->why, c->why_text, sizeof(c->why_text), why);
	c->facts = session_facts(s);
	loop_stop(c->loop);
}

const struct session_events client_events = {
	.on_ready = on_ready,
	.on_room = on_room,
	.on_wants_commit = on_wants_commit,
	.on_outcome = on_outcome,
	.on_closed = on_closed,
};

void client_init(struct client *c, in_port_t port)
{
	struct sockaddr_in *address = (void *)&c->target.address;
	struct sockaddr_in *source = (void *)&c->target.source;
	*c = (struct client){.to_send = 1, .body = STR(BODY)};
	c->timeouts = smtp_timeouts_default;
	c->timeouts.close_ms = 60000;
	address->sin_family = AF_INET;
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address->sin_port = htons(port);
	source->sin_family = AF_INET;
	source->sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
	c->target.host_name = "mx.peer.test";
	c->target.ehlo_name = "mx1.our.test";
	c->target.may_pipeline = true;
	c->target.may_overlap = true;
	c->target.timeouts = &c->timeouts;
	c->loop = loop_new();
	c->net = net_open(c->loop);
}

void client_run(struct client *c)
{
	c->closed = 0;
	c->session = session_open(c->net, &c->target, &client_events, c);
	assert_int_equal(c->ready + c->closed, 0);
	loop_run(c->loop);
}

void client_done(struct client *c)
{
	while (net_sessions(c->net) > 0)
		loop_turn(c->loop, false);
	net_close(c->net);
	loop_free(c->loop);
}

void assert_why(const struct client *c, enum outcome_words words, enum outcome_stage stage)
{
	assert_int_equal(c->closed, 1);
	assert_string_equal(outcome_words_name(c->why.words), outcome_words_name(words));
	assert_string_equal(outcome_stage_name(c->why.stage), outcome_stage_name(stage));
}

void play(struct client *c, struct server *server, const char *const *script)
{
	server_start(server, script);
	((struct sockaddr_in *)(void *)&c->target.address)->sin_port = htons(server->port);
	client_run(c);
	server_stop(server);
}

struct buf big_body(void)
{
	struct buf big;
	buf_init(&big, 32u << 20);
	while (big.len < (24u << 20))
		buf_append_cstr(&big, "0123456789abcdef0123456789abcdef0123456789abcdef\r\n");
	return big;
}
