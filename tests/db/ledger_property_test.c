/* SPDX-License-Identifier: MIT */
/*
 * Whatever happens in whatever order, everybody is in exactly one place and the counters say which:
 * random sequences of claims, flushes, repeated and stale flushes, deaths, doubts, late journals,
 * packing, resending and cancelling, from fixed seeds. EDM_SEED and EDM_STEPS run others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "engine/base/hash.h"
#include "tests/db/ledger_world.h"

#define NODES 3
#define HELD_MAX 12
#define STEPS 150

/* A lease as its node remembers it: also after it was taken away. */
struct held {
	struct lease lease;
	size_t node;
	bool is_lost;
	bool is_used;
};

struct game {
	struct world w;
	uint64_t seed;
	struct member_id ids[NODES];
	struct held held[HELD_MAX];
	struct flush *last; /* w.flush: the last flush, to be repeated */
	struct member_id last_id;
};

static unsigned roll(struct game *g, unsigned n)
{
	return (unsigned)(prng_next(&g->seed) % n);
}

static void claim(struct game *g)
{
	size_t node = roll(g, NODES);
	size_t room = 0;
	for (size_t i = 0; i < HELD_MAX; i++)
		room += !g->held[i].is_used;
	if (room < 3)
		return;
	const char *group = roll(g, 2) ? "qq" : "tail";
	size_t count = world_claim(&g->w, g->ids[node], group, 1 + (int)roll(g, 3));
	for (size_t i = 0, at = 0; i < count; at++)
		if (!g->held[at].is_used)
			g->held[at] = (struct held){
				.lease = g->w.leases[i++], .node = node, .is_used = true};
}

/* WAITING stands for parked. */
static enum recipient_state random_state(struct game *g)
{
	static const enum recipient_state states[] = {RECIPIENT_DELIVERED, RECIPIENT_DELIVERED,
						      RECIPIENT_DELIVERED, RECIPIENT_DEFERRED,
						      RECIPIENT_WAITING,   RECIPIENT_BOUNCED,
						      RECIPIENT_UNKNOWN,   RECIPIENT_SUPPRESSED};
	return states[roll(g, ARRAY_LEN(states))];
}

/* Settles some open positions of one lease: on time, or as a late target once it was lost. */
static void settle_some(struct game *g, struct flush *f, struct held *h)
{
	struct flush_target target = {.key = h->lease.key,
				      .incarnation = h->lease.incarnation,
				      .epoch = h->lease.epoch,
				      .flush_seq = h->lease.flush_seq,
				      .people = h->lease.people,
				      .is_late = h->is_lost};
	size_t k = flush_target(f, &target);
	struct positions open = h->lease.open;
	for (unsigned i = 0; i < h->lease.people; i++) {
		if (!positions_has(&open, i) || positions_has(&h->lease.done, i) || roll(g, 3) == 0)
			continue;
		world_settle(&g->w, k, &h->lease, i, random_state(g));
		positions_add(&h->lease.done, i);
		positions_take(&open, i);
	}
	/* New credits. */
	for (unsigned i = 0; i < h->lease.people && roll(g, 30) != 0; i++)
		if (!positions_has(&h->lease.done, i))
			positions_add(&open, i);
	if (h->is_lost)
		return;
	h->lease.open = open;
	if (positions_count(&h->lease.done) == h->lease.people) {
		h->is_used = false; /* the chunk is done */
	} else if (roll(g, 4) == 0) {
		flush_release(f, k);
		h->is_used = false;
	} else {
		flush_open(f, k, &open);
	}
}

static void flush_some(struct game *g)
{
	size_t node = roll(g, NODES);
	flush_clear(g->last);
	g->last_id = g->ids[node];
	size_t want = 0;
	for (size_t i = 0; i < HELD_MAX; i++) {
		struct held *h = &g->held[i];
		if (!h->is_used || h->node != node || roll(g, 3) == 0)
			continue;
		want += !h->is_lost;
		settle_some(g, g->last, h);
		h->lease.flush_seq++;
		if (h->is_lost)
			h->is_used = false;
	}
	must(world_flush(&g->w, g->last, g->last_id) >= want);
}

static void repeat_flush(struct game *g)
{
	if (!flush_is_empty(g->last))
		world_flush(&g->w, g->last, g->last_id);
}

static void kill_node(struct game *g)
{
	size_t node = roll(g, NODES);
	char name[16];
	world_reap(&g->w, g->ids[node]);
	for (size_t i = 0; i < HELD_MAX; i++)
		if (g->held[i].is_used && g->held[i].node == node)
			g->held[i].is_lost = true;
	snprintf(name, sizeof(name), "mx%zu", node);
	g->ids[node] = world_register(&g->w, name);
}

static void end_doubts(struct game *g)
{
	world_sql(&g->w, "UPDATE doubt SET until = now() WHERE open AND chunk_no %% 2 = %u",
		  roll(g, 2));
	world_expire_doubts(&g->w);
}

static void pack(struct game *g)
{
	world_sql(&g->w, "UPDATE retry SET due_at = now() - interval '1 min' WHERE rid %% 3 = %u",
		  roll(g, 3));
	world_pack(&g->w);
}

static void resend(struct game *g)
{
	struct pg_params params;
	struct err err;
	pg_params_init(&params);
	pg_add_int4(&params, g->w.campaign);
	pg_add_time(&params, INT64_MAX);
	must(pg_run(g->w.conn, "ledger/resend_unknown", &params, NULL, &err) == 0);
	pg_params_done(&params);
}

static void roll_up(struct game *g)
{
	world_run(&g->w, "ledger/roll_up");
}

static void step(struct game *g)
{
	static void (*const moves[])(struct game *) = {
		claim,	    claim,	claim,	      flush_some,   flush_some,
		flush_some, flush_some, repeat_flush, repeat_flush, kill_node,
		pack,	    end_doubts, resend,	      roll_up};
	moves[roll(g, ARRAY_LEN(moves))](g);
}

/* Gives everything back, cancels, and sees that everybody is final. */
static void finish(struct game *g)
{
	for (size_t node = 0; node < NODES; node++)
		world_reap(&g->w, g->ids[node]);
	world_sql(&g->w, "UPDATE doubt SET until = now() WHERE open");
	while (world_expire_doubts(&g->w) > 0)
		continue;
	world_sql(&g->w, "UPDATE campaign SET state = 6");
	world_settle_ended(&g->w);
	world_pack(&g->w); /* who may have the message */
	world_settle_ended(&g->w);
	world_check(&g->w);
	static const enum recipient_state gone[] = {RECIPIENT_WAITING, RECIPIENT_LEASED,
						    RECIPIENT_DEFERRED};
	for (size_t i = 0; i < ARRAY_LEN(gone); i++)
		must(world_count(&g->w, gone[i]) == 0);
}

static void play(uint64_t seed, int steps)
{
	struct game g = {.seed = seed};
	world_open(&g.w);
	g.last = g.w.flush;
	world_people(&g.w, "qq.com", "qq", 150);
	world_people(&g.w, "a.example", NULL, 40);
	world_people(&g.w, "b.example", NULL, 30);
	world_campaign(&g.w, 1 + (int)(seed % 2));
	world_build(&g.w, 0);
	for (size_t node = 0; node < NODES; node++) {
		char name[16];
		snprintf(name, sizeof(name), "mx%zu", node);
		g.ids[node] = world_register(&g.w, name);
	}
	for (int i = 0; i < steps; i++) {
		step(&g);
		if (i % 10 == 0)
			world_check(&g.w);
	}
	world_check(&g.w);
	finish(&g);
	world_close(&g.w);
}

static int64_t from_environment(const char *name, int64_t otherwise)
{
	int64_t v = otherwise;
	const char *text = getenv(name);
	if (text != NULL)
		must(str_to_i64(str_from(text), &v) == 0);
	return v;
}

static void everybody_is_in_one_place_whatever_happens(void **state)
{
	(void)state;
	int64_t seed = from_environment("EDM_SEED", 0);
	int steps = (int)from_environment("EDM_STEPS", STEPS);
	if (seed != 0)
		play((uint64_t)seed, steps);
	else
		for (uint64_t s = 1; s <= 4; s++)
			play(s, steps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everybody_is_in_one_place_whatever_happens),
	};
	return cmocka_run_group_tests(tests, world_serve, world_serve_end);
}
