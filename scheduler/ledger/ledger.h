/* SPDX-License-Identifier: MIT */
/*
 * The ledger: who is to get what, who has it in hand, what became of everybody. This header holds
 * its words; the modules beside it are the protocol, in the order of a campaign's life: build,
 * claim, journal, flush, refusal, retry, recover, member, stats, upkeep, lookup. The ledger is the
 * only writer of its tables (schemas/migrations/0005_ledger.sql).
 *
 * chunk        up to 1,000 recipients of one campaign and group: the unit of claiming
 * position     a recipient's place in its chunk, from 0
 * lease        a chunk a node has claimed; good only under its epoch and the node's incarnation
 * epoch        number of a lease of a chunk; grows with every claim, release and revocation
 * incarnation  number of a node's registration; a dead node loses its own, and all leases with it
 * credit       a position's bit in open_map, committed: the node may send to it
 * flush        one statement that settles people of many chunks
 * settle       to write what became of a recipient: outcome, retry, counters and bit, all or none
 * fenced       not accepted, because the lease is no longer the node's
 * doubt        positions of a lost lease that may have been sent to; ten minutes for the journal to
 *              tell, then unknown
 * parked       settled into retry without an attempt
 *
 * What is promised: a recipient is done exactly when its bit was set by the transaction that wrote
 * its outcome, its retry row or its doubt; so at any instant each is in one state, and the counters
 * (moves) always add up to the audience.
 */
#ifndef EDM_SCHEDULER_LEDGER_LEDGER_H
#define EDM_SCHEDULER_LEDGER_LEDGER_H

#include "engine/base/str.h"

/* X(suffix, number, name); numbers are stored: append, never renumber. */
#define RECIPIENT_STATES(X)                                                                        \
	X(WAITING, 1, "waiting")                                                                   \
	X(LEASED, 2, "leased")                                                                     \
	X(DEFERRED, 3, "deferred")                                                                 \
	X(DELIVERED, 4, "delivered")                                                               \
	X(BOUNCED, 5, "bounced")                                                                   \
	X(REJECTED, 6, "rejected")                                                                 \
	X(BLOCKED, 7, "blocked")                                                                   \
	X(EXPIRED, 8, "expired")                                                                   \
	X(SUPPRESSED, 9, "suppressed")                                                             \
	X(CANCELLED, 10, "cancelled")                                                              \
	X(UNKNOWN, 11, "unknown")

#define X(suffix, number, name) RECIPIENT_##suffix = number,
enum recipient_state { RECIPIENT_STATES(X) };
#undef X
#define RECIPIENT_STATE_END 12

#define CHUNK_MAX 1000u
/* How long a late journal is waited for. */
#define LEDGER_DOUBT_MS 600000
/* Flag of a retry: it was sent once more after an unknown outcome. */
#define RETRY_AFTER_UNKNOWN 1
/* How often in a row the receiver limited this very person, at most 7. */
#define RETRY_BUSY_SHIFT 1
#define RETRY_BUSY_MAX 7
/* The last try was throttled, whoever it was about. */
#define RETRY_THROTTLED 16

/* A node's lease, how often it is renewed, and how long before its end the node stops (settings
 * ledger.lease_ms, .beat_ms, .margin_ms). */
struct lease_times {
	int64_t lease_ms, beat_ms, margin_ms;
};

/* A registered node: what every statement of the ledger is fenced by. */
struct member_id {
	int32_t node;
	int32_t incarnation;
};

struct chunk_key {
	int32_t campaign;
	int32_t chunk;
};

const char *recipient_state_name(enum recipient_state state);
int recipient_state_parse(struct str name, enum recipient_state *out) NODISCARD;
/* delivered … cancelled, unknown: nothing more happens by itself. */
bool recipient_state_is_final(enum recipient_state state);

#endif
