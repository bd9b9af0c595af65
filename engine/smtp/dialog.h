/* SPDX-License-Identifier: MIT */
/*
 * The client side of one SMTP connection, without the connection (RFC 5321, 1870, 2920, 3207, 4954,
 * 6152, 6531): bytes and `now` go in, bytes and news come out. It knows no socket and no clock, so
 * transcripts, fuzzers and simulators run it whole.
 *
 * An envelope is one message to one recipient. A transaction is its way through MAIL, RCPT, DATA,
 * body and terminator. Every envelope that dialog_send took gets exactly one outcome.
 *
 * The owner's cycle, after every call that changes something:
 *	while ((news = dialog_news(d, &settled)) != DIALOG_QUIET) …react…
 *	write what dialog_output gives, say how much of it left with dialog_sent
 *	wait until dialog_deadline, then dialog_expired
 *
 * The terminator (".\r\n"; the CRLF before it ends the body) is the point of no return:
 *  - It is withheld until dialog_commit. Body octets may leave before.
 *  - Connection lost or timed out before its first octet left: certainly not accepted. The outcome
 *    has the words of whoever failed and the stage, and no verdict.
 *  - After it left and before its reply was read: verdict OUTCOME_UNKNOWN, CAUSE_REPLY_LOST, the
 *one verdict a dialog gives itself. A reply that is not 2yz, 4yz or 5yz counts as not read.
 *
 * Outcomes: words REMOTE = the reply to a command of this very envelope (code 0: it answered, but
 * out of protocol, and the text quotes it); LOCAL = refused here before anything was written, or
 * given up by the owner; TCP, TLS = the conversation broke down for a reason that is not about
 * this envelope. Any 421, desynchronised or malformed reply ends the conversation.
 *
 * Overlap: with PIPELINING, once a whole transaction was done on the connection, the next
 *envelope's MAIL, RCPT and DATA may leave in the write of the body and terminator before it (RFC
 *2920 3.1). So at most two envelopes are under way. Memory is bounded: commands by two small
 *buffers, replies by the parser's limits; the body is never copied.
 */
#ifndef EDM_ENGINE_SMTP_DIALOG_H
#define EDM_ENGINE_SMTP_DIALOG_H

#include "engine/base/str.h"
#include "engine/reply/outcome.h"

struct dialog;

/*
 * How long to wait, in milliseconds: for a connection, for each reply from the moment its command
 * left or the reply before it was read (per reply, not per read), and so on.
 * X(name, default, meaning). Defaults: RFC 5321 4.5.3.2 where it says something for senders.
 */
#define SMTP_TIMEOUTS(X)                                                                           \
	X(connect, 30000, "the TCP connection")                                                    \
	X(banner, 60000, "the greeting")                                                           \
	X(ehlo, 120000, "the reply to EHLO or HELO")                                               \
	X(starttls, 60000, "the reply to STARTTLS, and again the TLS handshake")                   \
	X(auth, 120000, "each reply to AUTH")                                                      \
	X(mail, 300000, "the reply to MAIL")                                                       \
	X(rcpt, 300000, "the reply to RCPT")                                                       \
	X(data, 120000, "the reply to DATA")                                                       \
	X(body, 180000, "any progress while writing")                                              \
	X(dot, 600000, "the reply to the final dot; less than 5 minutes makes duplicates")         \
	X(rset, 20000, "the reply to RSET")                                                        \
	X(quit, 2000, "the reply to QUIT")                                                         \
	X(close, 2000, "the peer's end of the connection after ours")

struct smtp_timeouts {
#define X(name, value, meaning) int64_t name##_ms;
	SMTP_TIMEOUTS(X)
#undef X
	/* A body may take body_ms plus its octets at this many a second. */
	unsigned min_octets_per_s;
};

extern const struct smtp_timeouts smtp_timeouts_default;

/* How much TLS: never; if offered; or no mail at all; or no mail at all unless the certificate is
 * valid for the host's name. X(suffix, name) */
#define TLS_MODES(X)                                                                               \
	X(NONE, "none")                                                                            \
	X(OPPORTUNISTIC, "opportunistic")                                                          \
	X(REQUIRED, "required")                                                                    \
	X(VERIFIED, "verified")

enum tls_mode {
#define X(suffix, name) TLS_##suffix,
	TLS_MODES(X)
#undef X
};

/* SMTP extensions met in the reply to EHLO, as bits. X(suffix, bit, keyword) */
#define SMTP_EXTENSIONS(X)                                                                         \
	X(PIPELINING, 0, "PIPELINING")                                                             \
	X(SIZE, 1, "SIZE")                                                                         \
	X(8BITMIME, 2, "8BITMIME")                                                                 \
	X(SMTPUTF8, 3, "SMTPUTF8")                                                                 \
	X(STARTTLS, 4, "STARTTLS")                                                                 \
	X(AUTH, 5, "AUTH")                                                                         \
	X(ENHANCEDSTATUSCODES, 6, "ENHANCEDSTATUSCODES")                                           \
	X(LIMITS, 7, "LIMITS")

enum smtp_extension {
#define X(suffix, bit, keyword) EXTENSION_##suffix = 1 << bit,
	SMTP_EXTENSIONS(X)
#undef X
};

struct dialog_config {
	struct str ehlo_name; /* FQDN or address literal; printable ASCII without spaces */
	enum tls_mode tls;
	struct str user;	/* AUTH before the first MAIL when not empty */
	struct str password;	/* no NUL in either */
	bool may_auth_in_clear; /* else credentials only leave through TLS */
	bool may_pipeline;	/* use PIPELINING when offered */
	bool may_overlap; /* let the next envelope ride along; implies nothing if !may_pipeline */
	struct smtp_timeouts timeouts;
};

/*
 * One message to one recipient. The body is in wire form (engine/smtp/wire.h): lines end in CRLF,
 * no other CR or LF, no NUL, at most 998 octets a line, lines that begin with a dot have it
 * doubled, and the last octets are CRLF. The dialog adds nothing but the terminator. Slices and
 * what they point to, mail_from and rcpt_to stay the caller's, alive until the outcome.
 */
struct envelope {
	struct str mail_from;	  /* without brackets; empty = the null path */
	struct str rcpt_to;	  /* without brackets */
	const struct str *slices; /* the body; may be cut anywhere */
	size_t slice_count;
	uint64_t size;	     /* octets as RFC 1870 counts them: before dots were doubled */
	bool needs_8bit;     /* the body holds octets ≥ 0x80 */
	bool needs_smtputf8; /* an address or a header field is not ASCII (RFC 6531) */
	void *tag;	     /* the caller's, given back with the outcome */
};

/* What is known about the conversation; valid any time, also when it is over. */
struct dialog_facts {
	bool is_greeted; /* banner, EHLO or HELO, and TLS and AUTH as configured, succeeded */
	bool is_secure;	 /* TLS is on */
	bool tls_failed; /* it ended in STARTTLS or the handshake: without TLS it may go better */
	bool ended_overlapped; /* it broke with two envelopes under way: do not overlap here again
				*/
	bool ended_idle;       /* it broke when no envelope was under way */
	unsigned extensions;   /* EXTENSION_* bits of the last EHLO */
	uint64_t size_limit;   /* octets; 0 = none stated */
	uint64_t mail_limit;   /* LIMITS MAILMAX (RFC 9422); 0 = none stated */
	unsigned mails;	       /* MAIL commands said */
	unsigned delivered;    /* terminators answered 2yz */
};

enum dialog_news {
	DIALOG_QUIET,	     /* nothing (more) happened */
	DIALOG_OUTCOME,	     /* *settled_out is filled */
	DIALOG_START_TLS,    /* shake hands now, then dialog_tls_ready or
				dialog_lost(OUTCOME_WORDS_TLS) */
	DIALOG_READY,	     /* idle: dialog_send, dialog_quit or nothing */
	DIALOG_ROOM,	     /* a second envelope may ride along: dialog_send or nothing */
	DIALOG_WANTS_COMMIT, /* settled_out->tag: all that is missing is the terminator */
	DIALOG_OVER, /* the last news; settled_out->outcome says why; close the connection */
};

struct settled {
	void *tag;
	struct outcome outcome; /* text is valid until the next call but dialog_news and getters */
};

/* A dialog that waits for the banner. config's strings must outlive it; timeouts are copied. */
struct dialog *dialog_new(const struct dialog_config *config, int64_t now);
void dialog_free(struct dialog *d);

/* Bytes from the peer, in any pieces. */
void dialog_feed(struct dialog *d, struct str bytes, int64_t now);
/* May an envelope be sent now: idle, or room to ride along? */
bool dialog_can_send(const struct dialog *d);
/*
 * Begins a transaction; dialog_can_send must be true. What the host cannot take (SIZE, 8BITMIME,
 * SMTPUTF8) and what is unsafe on the wire is settled with LOCAL words and nothing is said.
 */
void dialog_send(struct dialog *d, const struct envelope *envelope, int64_t now);
/* Lets the terminator go that DIALOG_WANTS_COMMIT asked for; false (and nothing) if none waits. */
bool dialog_commit(struct dialog *d, int64_t now);
/*
 * The commit is no longer fresh: if the terminator has not begun to leave it is withheld again,
 * and DIALOG_WANTS_COMMIT comes once more when all of the body has left.
 */
void dialog_lapse(struct dialog *d);
/* QUIT as soon as nothing is under way; no envelope is taken any more. */
void dialog_quit(struct dialog *d, int64_t now);

/* What to write now: up to max slices, valid until the next call but this. Returns their number. */
size_t dialog_output(const struct dialog *d, struct str *slices, size_t max);
/* The first n octets of dialog_output were handed to the kernel. */
void dialog_sent(struct dialog *d, size_t n, int64_t now);

/* The handshake asked for by DIALOG_START_TLS succeeded. */
void dialog_tls_ready(struct dialog *d, int64_t now);
/*
 * The connection is gone or given up: every envelope under way is settled, DIALOG_OVER follows.
 * words: TCP for end of file, reset, write error; TLS for handshake and record errors; LOCAL when
 * the owner gives up. No-op when it is over.
 */
void dialog_lost(struct dialog *d, enum outcome_words words, struct str text);
/* When dialog_expired is due on the clock of now; INT64_MAX = not waiting for the peer. */
int64_t dialog_deadline(const struct dialog *d);
/* If the deadline has passed, the conversation is lost to a timeout. */
void dialog_expired(struct dialog *d, int64_t now);

/* The next thing that happened; call until DIALOG_QUIET. settled_out is untouched unless said. */
enum dialog_news dialog_news(struct dialog *d, struct settled *settled_out);
bool dialog_has_news(const struct dialog *d);
bool dialog_is_over(const struct dialog *d);
struct dialog_facts dialog_facts(const struct dialog *d);
/* Names of modes ("opportunistic"); parse returns -1 for none of them. */
const char *tls_mode_name(enum tls_mode mode);
int tls_mode_parse(struct str name, enum tls_mode *out) NODISCARD;

#endif
