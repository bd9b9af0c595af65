/* SPDX-License-Identifier: MIT */
/*
 * Operators change limits of every kind and level at random while mail flows, the process is
 * stopped, killed and suspended: whatever happens, no window of any length sees more than its
 * limit, as the receivers count it.
 */
#include <stdlib.h>

#include "tests/sim/bars.h"
#include "tests/sim/meters.h"
#include "tests/sim/world.h"

#define EDITS 120
/* So many clauses are edited in a world: few enough to be met again. */
#define CHOSEN 16

struct counting {
	struct world w;
	struct meters meters;
	int64_t edits;
};

static const char *const targets[METERS_TARGETS] = {"outlook", "netease", "mx.peer.example"};
static const char *const sources[2] = {"mx1", "mx2"};
/* Of world.c: the first and the third campaign. */
static const int campaigns[2] = {0, 2};
static const char *const domains[2] = {"a.example", "b.example"};

/* ------------------------------------------------------------------------------ what is counted */

struct post { /* a receiver's place */
	struct counting *counting;
	int target;
};

static void on_open(void *observer, uint32_t source, int64_t open, int64_t now)
{
	struct post *p = observer;
	(void)open;
	meters_open(&p->counting->meters, p->target, source, now);
}

static void on_close(void *observer, uint32_t source)
{
	struct post *p = observer;
	meters_close(&p->counting->meters, p->target, source);
}

static void on_mail(void *observer, const struct receiver_mail *mail, int64_t now)
{
	struct post *p = observer;
	meters_mail(&p->counting->meters, p->target, mail, now);
}

static void on_answer(void *observer, const struct receiver_mail *mail)
{
	struct post *p = observer;
	meters_answer(&p->counting->meters, p->target, mail);
}

static size_t gauge(struct counting *c, uint32_t source, int target, int32_t domain,
		    int32_t campaign)
{
	struct gauge what = {
		.source = source, .target = target, .domain = domain, .campaign = campaign};
	return meters_gauge(&c->meters, &what);
}

static void add_lanes(struct counting *c, int target)
{
	struct str provider = str_from(targets[target]);
	size_t lanes[2], all = gauge(c, 0, target, 0, 0);
	for (int s = 0; s < 2; s++) {
		lanes[s] = gauge(c, (uint32_t)s + 1, target, 0, 0);
		meters_add(
			&c->meters,
			&(struct limit_rule){.source = str_from(sources[s]), .provider = provider},
			&lanes[s], 1);
	}
	meters_add(&c->meters, &(struct limit_rule){.provider = provider}, lanes, 2);
	meters_add(&c->meters, &(struct limit_rule){.provider = provider, .is_total = true}, &all,
		   1);
}

static void add_senders(struct counting *c, int i)
{
	size_t source = gauge(c, (uint32_t)i + 1, -1, 0, 0);
	size_t campaign = gauge(c, 0, -1, 0, campaigns[i] + 1);
	size_t places[METERS_TARGETS];
	for (int t = 0; t < METERS_TARGETS; t++) {
		places[t] = gauge(c, 0, t, campaigns[i] / 2 + 1, 0);
		meters_add(&c->meters,
			   &(struct limit_rule){.domain = str_from(domains[i]),
						.provider = str_from(targets[t])},
			   &places[t], 1);
	}
	meters_add(&c->meters, &(struct limit_rule){.domain = str_from(domains[i])}, places,
		   METERS_TARGETS);
	meters_add(&c->meters, &(struct limit_rule){.source = str_from(sources[i])}, &source, 1);
	meters_add(&c->meters, &(struct limit_rule){.campaign = campaigns[i] + 1}, &campaign, 1);
}

/* Keeps some of each kind. */
static void choose(struct counting *c)
{
	static const enum limit_kind kinds[] = {LIMIT_CONNECTIONS, LIMIT_NEW_CONNECTIONS,
						LIMIT_MESSAGES,	   LIMIT_NEW_CONNECTIONS,
						LIMIT_MESSAGES,	   LIMIT_MESSAGES_PER_CONNECTION};
	for (size_t i = 0; i < CHOSEN; i++) {
		size_t pick;
		do
			pick = (size_t)world_pick(&c->w, (int64_t)i,
						  (int64_t)c->meters.clause_count - 1);
		while (clause_kind(&c->meters.clauses[pick]) != kinds[i % ARRAY_LEN(kinds)]);
		struct clause chosen = c->meters.clauses[pick];
		c->meters.clauses[pick] = c->meters.clauses[i];
		c->meters.clauses[i] = chosen;
	}
	c->meters.clause_count = CHOSEN;
}

/* Lanes, sources, providers over each source and over all, sending domains there, campaigns, the
 * node. */
static void add_clauses(struct counting *c)
{
	size_t node = gauge(c, 0, -1, 0, 0);
	for (int t = 0; t < METERS_TARGETS; t++)
		add_lanes(c, t);
	for (int i = 0; i < 2; i++)
		add_senders(c, i);
	meters_add(&c->meters, &(struct limit_rule){.campaign = 0}, &node, 1);
	choose(c);
}

/* --------------------------------------------------------------------------------- what happens */

/* A number that is felt: around what goes through without it. */
static int64_t some_limit(struct world *w, int number)
{
	static const int64_t most[METERS_NUMBERS] = {20, 4, 30, 120, 240, 30, 600, 3000, 6000, 20};
	return world_pick(w, 1, most[number] * world_pick(w, 1, 10) / 10 + 1);
}

static void edit(struct counting *c)
{
	struct clause *clause = &c->meters.clauses[world_pick(&c->w, 0, CHOSEN - 1)];
	int64_t now = world_now(&c->w);
	int64_t until_ms = LIMIT_FOREVER;
	c->edits++;
	if (world_pick(&c->w, 0, 3) == 0) {
		struct limit_rule any = clause_rule(clause, 1, LIMIT_FOREVER);
		clause_unset(clause, now);
		world_unset(&c->w, &any);
		return;
	}
	if (world_pick(&c->w, 0, 2) == 0)
		until_ms = now + world_pick(&c->w, 1, 600) * SECOND;
	int64_t limit = some_limit(&c->w, clause->number);
	struct limit_rule rule = clause_rule(clause, limit, until_ms);
	clause_state(clause, limit, until_ms, now);
	world_limit(&c->w, &rule);
}

static void do_something(struct counting *c)
{
	switch (world_pick(&c->w, 0, 19)) {
	case 0:
	case 1:
		world_restart(&c->w, true, world_pick(&c->w, 0, 20) * SECOND);
		break;
	case 2:
	case 3:
		world_restart(&c->w, false, world_pick(&c->w, 0, 30) * SECOND);
		break;
	case 4:
		c->meters.slept_ms = world_now(&c->w);
		world_sleep(&c->w, world_pick(&c->w, 1, 7200) * SECOND);
		c->meters.woke_ms = world_now(&c->w);
		break;
	default:
		edit(c);
	}
	/* Often another thing happens at once. */
	bool is_soon = world_pick(&c->w, 0, 2) == 0;
	world_run(&c->w, is_soon ? world_pick(&c->w, 1, 200) : world_pick(&c->w, 1, 80) * SECOND);
}

void play_limits(uint64_t seed, struct bars *out)
{
	static struct counting c;
	struct post posts[METERS_TARGETS];
	c = (struct counting){.edits = 0};
	world_open(&c.w, seed);
	(void)world_source(&c.w, NULL);
	(void)world_source(&c.w, NULL);
	for (int i = 0; i < METERS_TARGETS; i++) {
		posts[i] = (struct post){&c, i};
		struct receiver *r =
			world_receiver(&c.w, targets[i], 2, world_pick(&c.w, 100, 4000));
		r->observer = &posts[i];
		r->on_open = on_open;
		r->on_close = on_close;
		r->on_mail = on_mail;
		r->on_answer = on_answer;
		for (int k = 0; k < 2; k++)
			(void)world_crowd(&c.w, campaigns[k], r, 1000000);
	}
	add_clauses(&c);
	world_start(&c.w);
	world_run(&c.w, 10 * SECOND);
	while (c.edits < EDITS)
		do_something(&c);
	world_close(&c.w);
	const struct meters *m = &c.meters;
	static const struct {
		enum limit_kind kind;
		const char *over;
	} kinds[] = {
		{LIMIT_CONNECTIONS, "connections over a limit"},
		{LIMIT_NEW_CONNECTIONS, "new connections over a limit"},
		{LIMIT_MESSAGES, "messages over a limit"},
		{LIMIT_MESSAGES_PER_CONNECTION, "messages over a limit of their connection"},
	};
	int64_t felt = 0;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		bar_note(out, kinds[i].over, (double)meters_over(m, kinds[i].kind), 0, 0);
		felt += meters_felt(m, kinds[i].kind);
	}
	bar_note(out, "limits that were used up", (double)felt, 3, 1e9);
	bar_note(out, "messages counted", (double)m->mails, 1000, 1e9);
	bar_note(out, "connections counted", (double)m->connects, 100, 1e9);
	meters_done(&c.meters);
}
