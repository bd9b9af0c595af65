/* SPDX-License-Identifier: MIT */
/*
 * A small world for the tests of the ledger: a migrated database of its own with people in it, one
 * campaign, nodes, and blocking versions of what a node does. Everything aborts the test when it
 * fails. world_check is the heart: it reads where everybody is from the tables that are the truth
 * and compares it with the counters.
 */
#ifndef EDM_TESTS_DB_LEDGER_WORLD_H
#define EDM_TESTS_DB_LEDGER_WORLD_H

#include "scheduler/ledger/build.h"
#include "scheduler/ledger/claim.h"
#include "scheduler/ledger/flush.h"
#include "scheduler/ledger/member.h"
#include "scheduler/ledger/stats.h"

#define WORLD_LEASES_MAX 64
#define WORLD_LEASE_MS 10000
#define WORLD_MARGIN_MS 2000
#define WORLD_FIRST_CREDITS 32

struct world {
	char url[256];
	struct loop *loop;
	struct pg *pg; /* a node's ledger connection */
	struct pg_blocking *conn;
	struct flush *flush; /* to be filled, sent, cleared */
	int32_t campaign;
	struct lease leases[WORLD_LEASES_MAX]; /* of the last claim; group is not kept */
	size_t lease_count;
	struct build_result built; /* by the last world_build */
	int batches;
	bool is_waiting;
	enum pg_fate fate;
	int64_t now_us; /* grows by a second with each settlement */
};

/* Fixtures of a group of tests: worlds stand in one server of its own. */
int world_serve(void **state);
int world_serve_end(void **state);
/* An empty world, in a database of its own. */
void world_open(struct world *w);
void world_close(struct world *w);
/* The same on the heap; fixtures of a test whose *state it is. */
struct world *world_new(void);
int world_setup(void **state);
int world_teardown(void **state);
/* Runs SQL that must succeed. */
void world_sql(struct world *w, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The one number a query returns; NULL reads as 0. */
int64_t world_number(struct world *w, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Adds n people at domain to list `all`, evenly spread over rid; provider may be NULL. */
void world_people(struct world *w, const char *domain, const char *provider, int n);
/* A running campaign to list `all`; policy 1 hold, 2 retry. */
void world_campaign(struct world *w, int policy);
/* Builds to the end, or stops after max_batches (0 = never). */
void world_build(struct world *w, int max_batches);
struct member_id world_register(struct world *w, const char *name);
/* Claims and keeps the leases; returns how many. */
size_t world_claim(struct world *w, struct member_id id, const char *group, int n);
/* The node is declared dead and its chunks are reaped. */
void world_reap(struct world *w, struct member_id id);
/* Runs a statement of the ledger without parameters. */
void world_run(struct world *w, const char *statement);
/* The duties of upkeep that the tests run by hand; doubts and packing say how many people. */
int64_t world_expire_doubts(struct world *w);
int64_t world_pack(struct world *w);
void world_settle_ended(struct world *w);
/* Adds a lease to a flush as its target. */
size_t world_target(struct flush *f, const struct lease *lease);
/* Settles position of target k of w->flush: DELIVERED, BOUNCED, SUPPRESSED, UNKNOWN, DEFERRED (due
 * now), or WAITING, which stands for parked: into retry without a try. */
void world_settle(struct world *w, size_t k, const struct lease *lease, unsigned position,
		  enum recipient_state state);
/* Flushes; returns how many targets were accepted. The caller counts flush_seq on. */
size_t world_flush(struct world *w, struct flush *f, struct member_id id);
/* Every person of the audience is in exactly one place, nobody has two final outcomes, and the
 * counters say the same. */
void world_check(struct world *w);
/* People in a state, by the counters. */
int64_t world_count(struct world *w, enum recipient_state state);

#endif
