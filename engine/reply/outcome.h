/* SPDX-License-Identifier: MIT */
/*
 * The outcome of one attempt: its facts, and what they mean.
 *
 * Facts come from whoever met them (the dialog, DNS, the dialler); the meaning comes from the rules
 * and from nowhere else: nobody compares reply codes outside engine/reply. Exactly one outcome per
 * recipient and attempt. Numbers are stored in the database: append, never renumber.
 */
#ifndef EDM_ENGINE_REPLY_OUTCOME_H
#define EDM_ENGINE_REPLY_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/str.h"

/* Whose words the outcome is. X(suffix, number, name) */
#define OUTCOME_WORDS(X)                                                                           \
	X(REMOTE, 1, "remote")                                                                     \
	X(DNS, 2, "dns")                                                                           \
	X(TCP, 3, "tcp")                                                                           \
	X(TLS, 4, "tls")                                                                           \
	X(LOCAL, 5, "local")

/* Where in an attempt it happened: the oldest owed reply. X(suffix, number, name) */
#define OUTCOME_STAGES(X)                                                                          \
	X(LOCAL, 0, "local")                                                                       \
	X(DNS, 1, "dns")                                                                           \
	X(CONNECT, 2, "connect")                                                                   \
	X(BANNER, 3, "banner")                                                                     \
	X(EHLO, 4, "ehlo")                                                                         \
	X(STARTTLS, 5, "starttls")                                                                 \
	X(AUTH, 6, "auth")                                                                         \
	X(MAIL, 7, "mail")                                                                         \
	X(RCPT, 8, "rcpt")                                                                         \
	X(DATA, 9, "data")                                                                         \
	X(BODY, 10, "body")                                                                        \
	X(DOT, 11, "dot")                                                                          \
	X(RSET, 12, "rset")                                                                        \
	X(QUIT, 13, "quit")

/*
 * What it does to the recipient. X(suffix, number, name)
 *   delivered   2yz to the final dot
 *   deferred    try again by the retry schedule; counts as an attempt
 *   throttled   a rate or connection signal, whatever its code; no attempt
 *   blocked     about our address, domain or reputation; no attempt, never suppresses
 *   bounced     permanent and about the address: final, may suppress
 *   rejected    permanent and about this message: final, never suppresses
 *   held        our own configuration is wrong: the scope is held, alert; no attempt
 *   unknown     the terminator was sent and its reply was not read
 *   unreached   no conversation took place (DNS, connect, TLS, lost before the terminator): an
 * event of the host, no attempt suppressed, expired, cancelled   decided here without sending
 */
#define OUTCOME_CLASSES(X)                                                                         \
	X(DELIVERED, 1, "delivered")                                                               \
	X(DEFERRED, 2, "deferred")                                                                 \
	X(THROTTLED, 3, "throttled")                                                               \
	X(BLOCKED, 4, "blocked")                                                                   \
	X(BOUNCED, 5, "bounced")                                                                   \
	X(REJECTED, 6, "rejected")                                                                 \
	X(HELD, 7, "held")                                                                         \
	X(UNKNOWN, 8, "unknown")                                                                   \
	X(UNREACHED, 9, "unreached")                                                               \
	X(SUPPRESSED, 10, "suppressed")                                                            \
	X(EXPIRED, 11, "expired")                                                                  \
	X(CANCELLED, 12, "cancelled")

/* The leaf cause: one leaf of the taxonomy of replies. X(suffix, number, name) */
#define OUTCOME_CAUSES(X)                                                                          \
	X(NONE, 0, "none")                                                                         \
	X(USER_UNKNOWN, 1, "user-unknown")                                                         \
	X(USER_DISABLED, 2, "user-disabled")                                                       \
	X(USER_MOVED, 3, "user-moved")                                                             \
	X(MAILBOX_FULL, 4, "mailbox-full")                                                         \
	X(USER_BUSY, 5, "user-busy")                                                               \
	X(RECIPIENT_REFUSES, 6, "recipient-refuses")                                               \
	X(DOMAIN_UNKNOWN, 7, "domain-unknown")                                                     \
	X(DOMAIN_MISCONFIGURED, 8, "domain-misconfigured")                                         \
	X(DNS_FAILURE, 9, "dns-failure")                                                           \
	X(CONNECT_FAILED, 10, "connect-failed")                                                    \
	X(TLS_FAILED, 11, "tls-failed")                                                            \
	X(CONNECTION_LIMIT, 12, "connection-limit")                                                \
	X(RATE_LIMIT, 13, "rate-limit")                                                            \
	X(RATE_LIMIT_DOMAIN, 14, "rate-limit-domain")                                              \
	X(RATE_LIMIT_CONTENT, 15, "rate-limit-content")                                            \
	X(GREYLISTED, 16, "greylisted")                                                            \
	X(SERVER_BUSY, 17, "server-busy")                                                          \
	X(REPUTATION, 18, "reputation")                                                            \
	X(BLOCKLISTED, 19, "blocklisted")                                                          \
	X(PTR_MISSING, 20, "ptr-missing")                                                          \
	X(AUTH_FAILED, 21, "auth-failed")                                                          \
	X(SENDER_REFUSED, 22, "sender-refused")                                                    \
	X(SPAM_CONTENT, 23, "spam-content")                                                        \
	X(URL_BLOCKED, 24, "url-blocked")                                                          \
	X(VIRUS, 25, "virus")                                                                      \
	X(TOO_LARGE, 26, "too-large")                                                              \
	X(POLICY, 27, "policy")                                                                    \
	X(PROTOCOL, 28, "protocol")                                                                \
	X(TOO_MANY_RECIPIENTS, 29, "too-many-recipients")                                          \
	X(EXPIRED, 30, "expired")                                                                  \
	X(CANCELLED, 31, "cancelled")                                                              \
	X(SUPPRESSED, 32, "suppressed")                                                            \
	X(REPLY_LOST, 33, "reply-lost")                                                            \
	X(CONNECTION_LOST, 34, "connection-lost")                                                  \
	X(CREDENTIALS, 35, "credentials")                                                          \
	X(UNCLASSIFIED, 36, "unclassified")                                                        \
	X(CRASHES_ENGINE, 37, "crashes-engine")                                                    \
	X(BAD_ADDRESS, 38, "bad-address")

/* Who is at fault, hence what a reaction applies to. X(suffix, number, name) */
#define OUTCOME_SCOPES(X)                                                                          \
	X(RECIPIENT, 1, "recipient")                                                               \
	X(MESSAGE, 2, "message")                                                                   \
	X(SOURCE, 3, "source")                                                                     \
	X(DOMAIN, 4, "domain")                                                                     \
	X(SITE, 5, "site")                                                                         \
	X(CAMPAIGN, 6, "campaign")                                                                 \
	X(HOST, 7, "host")                                                                         \
	X(SESSION, 8, "session")

/* What the rules ask to be done beside settling the recipient. X(suffix, bit, name) */
#define OUTCOME_ACTIONS(X)                                                                         \
	X(SUPPRESS, 0, "suppress")		 /* the address, everywhere */                     \
	X(CUT_RATE, 1, "cut-rate")		 /* the lane: rate feedback */                     \
	X(CUT_CONNECTIONS, 2, "cut-connections") /* the lane: connection feedback */               \
	X(PAUSE_LANE, 3, "pause-lane")		 /* for delay_ms */                                \
	X(PAUSE_CAMPAIGN, 4, "pause-campaign")	 /* brake */                                       \
	X(HOLD, 5, "hold")			 /* the scope, until an operator acts */           \
	X(ALERT, 6, "alert")                                                                       \
	X(CLOSE, 7, "close")		   /* the connection is of no more use */                  \
	X(NEXT_HOST, 8, "next-host")	   /* the same attempt moves on to the next MX address */  \
	X(CAP_MESSAGES, 9, "cap-messages") /* the lane: no more on a connection than there were */ \
	X(CRAWL, 10, "crawl") /* the lane: after its rest one message a minute, then more */

#define X(suffix, number, name) OUTCOME_WORDS_##suffix = number,
enum outcome_words { OUTCOME_WORDS(X) };
#undef X
#define X(suffix, number, name) STAGE_##suffix = number,
enum outcome_stage { OUTCOME_STAGES(X) };
#undef X
#define X(suffix, number, name) OUTCOME_##suffix = number,
enum outcome_class { OUTCOME_CLASSES(X) };
#undef X
#define X(suffix, number, name) CAUSE_##suffix = number,
enum outcome_cause { OUTCOME_CAUSES(X) };
#undef X
#define X(suffix, number, name) SCOPE_##suffix = number,
enum outcome_scope { OUTCOME_SCOPES(X) };
#undef X
#define X(suffix, bit, name) ACTION_##suffix = 1 << bit,
enum outcome_action { ACTION_NONE = 0, OUTCOME_ACTIONS(X) };
#undef X

/* RFC 3463 code; all zero = none was given. */
struct enhanced_code {
	uint8_t klass;
	uint16_t subject;
	uint16_t detail;
};

/* What the rules made of the facts. */
struct verdict {
	enum outcome_class klass;
	enum outcome_cause cause;
	enum outcome_scope scope;
	unsigned actions; /* ACTION_* bits */
	int64_t delay_ms; /* retry or pause; 0 = by the schedule */
	bool until_day;	  /* it ends when the receiver's day does: verdict_end_of_day */
	int8_t day_zone;  /* the receiver's clock, hours east of UTC */
	const char *rule; /* id of the rule, lives as long as the rule set; "" = no rule matched */
};

/* Makes delay_ms of what ends with the receiver's day so long, from wall_us on; a minute is added,
 * for clocks that differ. Leaves every other verdict as it is. */
void verdict_end_of_day(struct verdict *io, int64_t wall_us);

struct outcome {
	enum outcome_words words;
	enum outcome_stage stage;
	uint16_t code; /* reply code, 0 = none */
	struct enhanced_code enhanced;
	struct str text;	/* sanitised UTF-8, lines joined by a space, without the codes */
	struct verdict verdict; /* klass 0 until the rules have spoken */
};

/* Names of the enumerators, constants; "?" for a number that has none. */
const char *outcome_words_name(enum outcome_words words);
const char *outcome_stage_name(enum outcome_stage stage);
const char *outcome_class_name(enum outcome_class klass);
const char *outcome_cause_name(enum outcome_cause cause);
const char *outcome_scope_name(enum outcome_scope scope);
/* The reverse; -1 if there is none of that name. */
int outcome_stage_parse(struct str name, enum outcome_stage *out) NODISCARD;
int outcome_class_parse(struct str name, enum outcome_class *out) NODISCARD;
int outcome_cause_parse(struct str name, enum outcome_cause *out) NODISCARD;
int outcome_scope_parse(struct str name, enum outcome_scope *out) NODISCARD;
/* One action's bit. */
int outcome_action_parse(struct str name, unsigned *out) NODISCARD;

#endif
