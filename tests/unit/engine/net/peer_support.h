/* SPDX-License-Identifier: MIT */
/*
 * For tests of sessions: a server thread on loopback that plays a script over TCP and TLS, and an
 * owner of one session that notes what it is told.
 */
#ifndef EDM_TESTS_UNIT_ENGINE_NET_PEER_SUPPORT_H
#define EDM_TESTS_UNIT_ENGINE_NET_PEER_SUPPORT_H

#include <openssl/ssl.h>
#include <pthread.h>

#include "engine/base/buf.h"
#include "engine/net/session.h"

/*
 * A script is a list of acts: "S…" says a line; "C…" reads one that must begin so; "serve" answers
 * as a server that takes everything until QUIT or the end; "body" reads up to the terminator;
 * "some" reads 100 octets; "hold" reads until the client's end; "silent" waits for the test's end
 * without reading; "tls" shakes hands; "rst" resets; "flood" talks until it cannot. At its end the
 * connection is closed.
 */
struct server {
	int listener;
	in_port_t port;
	pthread_t thread;
	const char *const *script; /* acts of all connections; "next" parts them; NULL ends */
	SSL_CTX *tls;
	int released[2]; /* a pipe: closed when the test is over */
	unsigned messages;
	unsigned quits;
	unsigned bad_lines; /* not what the script wanted */
};

#define SCRIPT(...) ((const char *const[]){__VA_ARGS__, NULL})
#define GREET "S220 mx", "CEHLO mx1.our.test", "S250-mx"
#define MAIL_250 "CMAIL FROM:<me@our.test>", "S250 ok"
#define RCPT_250 "CRCPT TO:<you@peer.test>", "S250 ok"
#define DATA_354 "CDATA", "S354 go"

#define BODY "Subject: test\r\n\r\nHello.\r\n"

enum callback { NONE, READY, ROOM, COMMIT, OUTCOME };

struct client {
	struct loop *loop;
	struct net *net;
	struct session *session;
	struct session_target target;
	struct smtp_timeouts timeouts;
	struct str body;
	unsigned to_send; /* messages still to be offered */
	bool aborts;	  /* session_abort instead of session_commit */
	enum callback closes_in;
	bool quits_at_ready;
	/* what was told */
	unsigned ready, rooms, asked, outcomes, delivered, unknown, closed;
	struct outcome last, why;
	char last_text[512], why_text[512];
	struct session_facts facts;
};

void server_start(struct server *server, const char *const *script);
void server_stop(struct server *server);
/* A listener nobody accepts from. */
int listen_on_loopback(in_port_t *port_out);
/* For a self-signed certificate for mx.peer.test, which is also written to path. */
SSL_CTX *server_tls(const char *path);

/* Sends from 127.0.0.2, in clear, one message. */
void client_init(struct client *c, in_port_t port);
/* One connection, from opening to on_closed (or the close a callback makes). */
void client_run(struct client *c);
void client_done(struct client *c);
/* Plays script against a client that was set up by the caller, apart from the port. */
void play(struct client *c, struct server *server, const char *const *script);
void assert_why(const struct client *c, enum outcome_words words, enum outcome_stage stage);
/* 24 MiB, more than any socket takes; the caller's to buf_done. */
struct buf big_body(void);
extern const struct session_events client_events;

#endif
