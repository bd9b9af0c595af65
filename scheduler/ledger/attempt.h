/* SPDX-License-Identifier: MIT */
/*
 * What one attempt came to, in the form in which it is journalled, flushed and, after a crash,
 * flushed again: facts and verdict (engine/reply/outcome.h), the evidence, and where it belongs.
 *
 * Plain data. Slices are borrowed: whoever keeps an attempt copies them.
 */
#ifndef EDM_SCHEDULER_LEDGER_ATTEMPT_H
#define EDM_SCHEDULER_LEDGER_ATTEMPT_H

#include "engine/reply/outcome.h"

/* Recipient states as stored. X(suffix, number, name, is final) */
#define RECIPIENT_STATES(X)                                                                        \
	X(WAITING, 1, "waiting", false)                                                            \
	X(LEASED, 2, "sending", false)                                                             \
	X(DEFERRED, 3, "deferred", false)                                                          \
	X(DELIVERED, 4, "delivered", true)                                                         \
	X(BOUNCED, 5, "bounced", true)                                                             \
	X(REJECTED, 6, "rejected", true)                                                           \
	X(BLOCKED, 7, "blocked", true)                                                             \
	X(EXPIRED, 8, "expired", true)                                                             \
	X(SUPPRESSED, 9, "suppressed", true)                                                       \
	X(CANCELLED, 10, "cancelled", true)                                                        \
	X(UNKNOWN, 11, "unknown", true)

#define X(suffix, number, name, is_final) RECIPIENT_##suffix = number,
enum recipient_state { RECIPIENT_STATES(X) };
#undef X

/* Where a recipient stands: the key of everything the ledger writes. */
struct ledger_place {
	uint32_t campaign;
	uint32_t chunk;
	uint32_t epoch;
	uint16_t position;
};

struct attempt {
	struct ledger_place place;
	uint16_t number; /* attempts made including this one; the first is 1; 0 = decided untried */
	struct outcome outcome; /* verdict filled in */
	uint32_t source;	/* id; 0 = none */
	struct str provider;	/* name; empty = tail */
	struct str host;	/* MX name */
	struct str tls;		/* "TLSv1.3", empty = plain */
	int64_t at_us;		/* database time */
	int32_t took_ms;	/* from MAIL to the final reply */
	int64_t due_us;		/* not before (database time); 0 = by the retry schedule */
	int32_t cost_s;		/* seconds to count towards give-up since it was claimed */
	/* Segments of the journal that must be kept until this attempt is flushed; 0 = none. */
	unsigned writer;
	uint32_t intent_segment, outcome_segment;
};

const char *recipient_state_name(enum recipient_state state);
int recipient_state_parse(struct str name, enum recipient_state *out) NODISCARD;
bool recipient_state_is_final(enum recipient_state state);

#endif
