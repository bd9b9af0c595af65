/* SPDX-License-Identifier: MIT */
/*
 * The receiver's side of an SMTP conversation (RFC 5321), without a socket.
 *
 * The owner feeds octets and sends what is in out; after each call it looks at pause_ms and then:
 * out holds `held` octets at its end that may leave only after pause_ms, and once everything has
 * left, `then` happens. While either is set, smtpd_feed takes nothing. One thread.
 */
#ifndef EDM_TESTS_SINK_SMTPD_H
#define EDM_TESTS_SINK_SMTPD_H

#include "tests/sink/body.h"
#include "tests/sink/world.h"

/* What the next octets are. */
enum smtpd_mode {
	MODE_COMMAND,
	MODE_AUTH_PLAIN,
	MODE_AUTH_NAME,
	MODE_AUTH_PASSWORD,
	MODE_BODY,
	MODE_DEAF /* anything: it is dropped */
};

/* A reply to be given at a later step, decided earlier. */
struct refusal {
	bool is_set;
	enum step at;
	struct str say;
};

struct smtpd {
	struct world *world;
	struct place *place;
	uint64_t connection;		    /* from 1 */
	char client[ADDRESS_TEXT];	    /* dotted */
	struct account *pair, *any, *limit; /* (client, listener), client, what limits look at */
	bool is_counted_by_limit, has_left; /* in limit->open; accounts were left */
	enum smtpd_mode mode;
	bool is_secure, is_greeted, is_authenticated;
	struct str auth_name; /* decoded, in auth */
	struct buf auth;
	/* the transaction */
	bool has_sender, is_overlapping;
	struct buf sender;
	struct buf rcpts; /* each with a NUL after it */
	int64_t rcpt_count;
	struct refusal refusal;	    /* over a rate limit */
	const struct rule *in_body; /* what to do in the middle of the body, or NULL */
	struct body body;
	bool is_saved;	  /* this message, if it is accepted */
	int64_t messages; /* transactions begun on this connection */
	/* what the owner does next */
	struct buf out;
	size_t held;
	int64_t pause_ms;
	enum then then;
	bool owes_dot_reply; /* the reply to a body is still in out */
};

/* Greets, or refuses, a connection from client (network order) to place. */
void smtpd_open(struct smtpd *s, struct world *world, struct place *place, uint32_t client);
void smtpd_close(struct smtpd *s);
/* Takes octets; returns how many. The rest is to be offered again, with more behind it. */
size_t smtpd_feed(struct smtpd *s, struct str bytes);
/* The pause is over. */
void smtpd_resume(struct smtpd *s);
/* Everything in out has left; it is emptied. */
void smtpd_sent(struct smtpd *s);
/* The handshake is done: version for the log, whether the session was resumed. */
void smtpd_secured(struct smtpd *s, const char *version, bool is_resumed);
/* From now on input is dropped and nothing is said. */
void smtpd_deafen(struct smtpd *s);
/* Nothing came for so long: says 421 and closes. */
void smtpd_idle(struct smtpd *s);
/* The connection ends: gives its place back at once and logs why. Further calls do nothing. */
void smtpd_leave(struct smtpd *s, const char *why);

#endif
