/* SPDX-License-Identifier: MIT */
/*
 * The dialog's inside, for dialog.c (the driver and the output), say.c and hear.c.
 *
 * A step is one exchange. say_x appends a command, notes what reply is owed and returns the step
 * that follows; hear_x takes the reply and may correct the course by setting `next`. advance()
 * says steps while it may: nothing is owed, or PIPELINING is on and the last step was not `sync`.
 *
 * Output is one stream: head (commands), then the body of one transaction, then tail (terminator
 * and what rides along with it), withheld until the commit. `sent` and an owed reply's `end` are
 * offsets in that stream: a reply to a command that has not left is out of protocol.
 */
#ifndef EDM_ENGINE_SMTP_DIALOG_PRIVATE_H
#define EDM_ENGINE_SMTP_DIALOG_PRIVATE_H

#include "engine/base/buf.h"
#include "engine/reply/reply.h"
#include "engine/smtp/dialog.h"
#include "engine/smtp/ehlo.h"

/* In protocol order. */
enum step {
	STEP_BANNER,
	STEP_EHLO,
	STEP_HELO,
	STEP_STARTTLS,
	STEP_TLS, /* the owner's handshake; nothing is said or heard */
	STEP_AUTH_PLAIN,
	STEP_AUTH_LOGIN,
	STEP_AUTH_USER,
	STEP_AUTH_PASSWORD,
	STEP_IDLE, /* chooses RSET, MAIL or QUIT when there is something to do */
	STEP_RSET,
	STEP_MAIL,
	STEP_RCPT,
	STEP_DATA,
	STEP_BODY,
	STEP_DOT,
	STEP_LONE_DOT, /* ends the message nobody gets after a 354 */
	STEP_QUIT,
	STEP_OVER, /* nothing more is said */
};

enum slot_state {
	SLOT_FREE,
	SLOT_LIVE,    /* under way, no outcome yet */
	SLOT_SETTLED, /* the outcome waits for dialog_news */
};

/* One envelope under way. */
struct transaction {
	enum slot_state state;
	struct envelope envelope;
	uint64_t number;    /* grows with every transaction of the dialog */
	uint64_t body_size; /* octets of the slices */
	uint64_t dot_at;    /* offset of the terminator; UINT64_MAX until it is said */
	bool has_mail;	    /* MAIL was accepted: a failure needs RSET */
	struct outcome outcome;
	struct buf text; /* holds outcome.text */
};

/* A reply the peer owes. */
struct owed {
	enum step step;
	struct transaction *transaction; /* NULL outside transactions */
	uint64_t end;			 /* offset behind the command */
};

/* RSET MAIL RCPT DATA behind a DOT is the most there can be. */
#define OWED_MAX 8u
/* Octets of text kept of an outcome. */
#define SETTLED_TEXT_MAX 1024u

enum news_bit {
	NEWS_START_TLS = 1 << 0,
	NEWS_READY = 1 << 1,
	NEWS_ROOM = 1 << 2,
	NEWS_COMMIT = 1 << 3,
	NEWS_OVER = 1 << 4,
};

struct dialog {
	struct dialog_config config;
	struct dialog_facts facts;
	struct reply_parser parser;
	struct ehlo ehlo; /* of the last EHLO; zero after HELO */
	int64_t now;	  /* of the current call */
	enum step next;	  /* said by advance() as soon as it may */
	enum step last;	  /* said last */
	unsigned news;	  /* NEWS_* bits not yet told */
	bool is_idle;	  /* greeted, nothing under way */
	bool needs_rset;  /* a transaction is still open at the peer */
	bool wants_quit;  /* QUIT when idle */
	bool clear_only;  /* STARTTLS was refused; go on without */
	bool is_ending;	  /* `why` is settled; at most QUIT is still owed */
	bool is_over;

	struct owed owed[OWED_MAX]; /* ring */
	size_t owed_first;
	size_t owed_count;

	struct transaction slots[2];
	struct transaction *queued;  /* taken, not begun */
	struct transaction *current; /* whose commands are being said */
	uint64_t transactions;

	struct buf head;
	size_t head_sent;
	struct transaction *body; /* whose body is in the output; NULL when its tail has left */
	size_t body_slice;	  /* the next octet is slices[body_slice][body_offset] */
	size_t body_offset;
	uint64_t body_left;
	int64_t body_since_ms;
	struct buf tail;
	size_t tail_sent;
	bool is_room_told; /* for this body */
	bool is_asked;	   /* the commit was asked for */
	bool is_committed; /* and given */
	bool has_lapsed;   /* ask again only when the whole body has left */
	uint64_t sent;	   /* octets that left, all told */
	int64_t since_ms;  /* last progress: a reply heard or octets sent */

	struct outcome why; /* once is_ending: how it ended */
	struct buf why_text;
};

/* dialog.c */
void dialog_advance(struct dialog *d);
/* Offset behind everything said so far. */
uint64_t dialog_said(const struct dialog *d);
bool dialog_is_pipelining(const struct dialog *d);
bool dialog_offers(const struct dialog *d, enum smtp_extension extension);
/* Has the first octet of t's terminator left? */
bool dialog_dot_left(const struct dialog *d, const struct transaction *t);
bool dialog_has_output(const struct dialog *d);

/* say.c: the command of each step; NULL for those that say nothing. */
typedef enum step (*say_fn)(struct dialog *d);
say_fn say_for(enum step step);

/* hear.c */
/* Takes the reply in d->parser as the answer to what is owed longest. */
void hear_reply(struct dialog *d);
/* The peer's bytes are no reply. */
void hear_garbage(struct dialog *d);
/* The same for a lost connection or a timeout. */
void hear_loss(struct dialog *d, enum outcome_words words, struct str text);
/* Octets came where only TLS may speak. */
void hear_injection(struct dialog *d);
/* Records why the conversation ends, unless that is known already. */
void begin_end(struct dialog *d, const struct outcome *why);
/* Gives t its outcome; text is copied, up to SETTLED_TEXT_MAX octets. */
void settle(struct transaction *t, const struct outcome *outcome);
enum outcome_stage step_stage(enum step step);

#endif
