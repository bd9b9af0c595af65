/* SPDX-License-Identifier: MIT */
/*
 * Between the parts of the receiver's conversation: smtpd.c (life, lines, body), smtpd_answer.c
 * (what is said), smtpd_command.c (the commands), smtpd_auth.c (AUTH).
 */
#ifndef EDM_TESTS_SINK_SMTPD_PRIVATE_H
#define EDM_TESTS_SINK_SMTPD_PRIVATE_H

#include "tests/sink/smtpd.h"

/* What is said at a step, and what follows. */
struct answer {
	struct str say; /* octets; may be empty */
	int code;	/* 0 = nothing is said, or no code */
	int64_t repeat;
	int64_t delay_ms;
	enum then then;
	enum tristate accept;
};

/* smtpd_answer.c */

/* The scripted answer to subject at step, else usual. */
struct answer answer_choose(struct smtpd *s, enum step step, struct str subject, struct str usual);
/* say, whatever the script says. */
struct answer answer_fixed(struct str say);
/* Says it after the step's delay, logs a refusal (at RCPT: answer_log_rcpt), sets what follows.
 * True: 2yz or 3yz. */
bool answer_give(struct smtpd *s, enum step step, const struct answer *answer);
/* The log line of a refused RCPT, which answer_give leaves to its caller. */
void answer_log_rcpt(struct smtpd *s, struct str rcpt, const struct answer *answer);
/* answer_give(answer_fixed(say)). */
bool answer_say(struct smtpd *s, enum step step, struct str say);
/* "client-address#connection": the subject where there is no address. Valid until the next call. */
struct str connection_subject(struct smtpd *s, char *text, size_t size);
/* The first recipient, or empty. */
struct str first_rcpt(const struct smtpd *s);
/* Walks the recipients: *rest starts as buf_str(&s->rcpts). */
struct str next_rcpt(struct str *rest);
/* A log line about this connection; fill the rest and pass it to log_event. */
struct event event_of(const struct smtpd *s, const char *name);
void log_event(struct smtpd *s, const struct event *event);

/* smtpd_command.c */

void command_hear(struct smtpd *s, struct str line);
void transaction_reset(struct smtpd *s);

/* smtpd_auth.c */

/* After "AUTH ". */
void auth_begin(struct smtpd *s, struct str arguments);
/* A line in one of the MODE_AUTH modes. */
void auth_hear(struct smtpd *s, struct str line);

#endif
