/* SPDX-License-Identifier: MIT */
/*
 * Scripted answers: at a step of the conversation, for a share of the recipients or for those
 * whose address matches, say this and do that.
 *
 * A rule in JSON (every key is optional; the first rule of a step that fires wins):
 *	share     0..1 of all subjects, chosen by a hash of the subject and --seed: the same each
 *time match     glob on the local part, or on the whole subject if it holds '@' regex     POSIX
 *extended expression on the whole subject secure    only inside TLS (true) or only outside (false)
 *	first     only the first n times for each subject
 *	skip      lets the first n events that match pass
 *	times     fires n times in all
 *	reply     the lines to say, "\n" between them, without the last CRLF
 *	hex       raw octets to say instead, nothing added
 *	repeat    says it n times
 *	delay_ms  waits before
 *	then      what follows: go (the default; close after a 421), close, rst, half-close,
 *	          hang (reads and says nothing), stall (does not even read), tls
 *	accept    at the dot: whether the message counts as taken (default: reply is 2yz)
 *	after_bytes  at the body: how many octets to read first
 * A rule without reply and hex says nothing. The subject is the recipient from RCPT to the dot, the
 * sender at MAIL, the name at EHLO, and "client-address#connection" elsewhere.
 */
#ifndef EDM_TESTS_SINK_RULE_H
#define EDM_TESTS_SINK_RULE_H

#include <regex.h>

#include "tests/sink/fields.h"
#include "tests/sink/seen.h"

/* Steps of the conversation, in protocol order. X(suffix, name in JSON and in the log) */
#define SINK_STEPS(X)                                                                              \
	X(BANNER, "banner")                                                                        \
	X(HELO, "helo")                                                                            \
	X(EHLO, "ehlo")                                                                            \
	X(STARTTLS, "starttls")                                                                    \
	X(AUTH, "auth")                                                                            \
	X(MAIL, "mail")                                                                            \
	X(RCPT, "rcpt")                                                                            \
	X(DATA, "data")                                                                            \
	X(BODY, "body")                                                                            \
	X(DOT, "dot")                                                                              \
	X(RSET, "rset")                                                                            \
	X(QUIT, "quit")                                                                            \
	X(OTHER, "other")

enum step {
#define X(suffix, name) STEP_##suffix,
	SINK_STEPS(X)
#undef X
		STEP_COUNT
};

#define SINK_THENS(X)                                                                              \
	X(GO, "go")                                                                                \
	X(CLOSE, "close")                                                                          \
	X(RST, "rst")                                                                              \
	X(HALF_CLOSE, "half-close")                                                                \
	X(HANG, "hang")                                                                            \
	X(STALL, "stall")                                                                          \
	X(TLS, "tls")

/* What happens after a reply. */
enum then {
#define X(suffix, name) THEN_##suffix,
	SINK_THENS(X)
#undef X
};

enum tristate { TRISTATE_UNSET, TRISTATE_FALSE, TRISTATE_TRUE };

struct rule {
	double share;
	struct str match;
	regex_t *regex; /* NULL = none; freed by rules_done */
	enum tristate secure;
	int64_t first, skip, times; /* 0 = not used */
	struct str say;		    /* octets, line ends included; empty = nothing */
	int64_t repeat;
	int64_t delay_ms;
	enum then then;
	bool has_then; /* then was given */
	enum tristate accept;
	int64_t after_bytes;
	/* counters, since the configuration was read */
	int64_t matched, fired;
	struct seen subjects;
};

struct rules {
	struct rule *items;
	size_t count;
};

/* Whom a rule is asked about. */
struct situation {
	struct str subject;
	uint64_t seed;
	bool is_secure;
};

const char *step_name(enum step step);
/* The step called name; 0, or -1 and err. */
int step_parse(struct str name, enum step *out, struct err *err) NODISCARD;
/* A field_load for struct rules: a JSON array of rules. */
int rules_load(void *to, const json_t *value, struct arena *arena, struct err *err);
void rules_done(struct rules *rules);
/* The rule that fires, counted; NULL if none does. */
const struct rule *rules_pick(struct rules *rules, const struct situation *where);
/* A field_load for struct str: lines as in `reply`, CRLF added. */
int reply_load(void *to, const json_t *value, struct arena *arena, struct err *err);
/* The code a reply begins with, or 0. */
int reply_code(struct str reply);

#endif
