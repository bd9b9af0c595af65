/* SPDX-License-Identifier: MIT */
/*
 * Operators change limits at random while mail flows, the process is stopped, killed and suspended:
 * whatever happens, no window of any length sees more than its limit, as the receivers count it.
 */
#include <stdlib.h>

#include "tests/sim/bars.h"
#include "tests/sim/world.h"

#define EDITS 40
#define METERS 16
#define PERIODS 4
/* A MAIL sent before an edit arrives so long after it at most. */
#define GRACE_MS 100

static const int64_t periods_ms[PERIODS] = {SECOND, MINUTE, HOUR, DAY};

/* Everything one rule of a scope may limit, and what came that it concerns. */
struct meter {
	struct limit_rule scope; /* without values */
	int64_t limits[PERIODS], until_ms[PERIODS];
	int64_t before[PERIODS];    /* the limit before the last edit … */
	int64_t edited_ms[PERIODS]; /* … which was then */
	int64_t *times;		    /* of every MAIL it concerns */
	size_t count, room;
	size_t first[PERIODS]; /* of those within the period */
};

struct counting {
	struct world w;
	struct meter meters[METERS];
	size_t meter_count;
	int64_t over, mails, edits;
	struct receiver *receivers[2];
};

static const char *const targets[2] = {"outlook", "netease"};
static const char *const sources[2] = {"mx1", "mx2"};

static bool concerns(const struct meter *m, int receiver, const struct receiver_mail *mail)
{
	const struct limit_rule *r = &m->scope;
	if (r->campaign != 0 && r->campaign != mail->campaign)
		return false;
	if (r->source.len > 0 && !str_equals(r->source, str_from(sources[mail->source - 1])))
		return false;
	return r->provider.len == 0 || str_equals(r->provider, str_from(targets[receiver]));
}

/* What the operator's rule allows at now; the one before while what was sent under it may come. */
static int64_t limit_at(const struct meter *m, int p, int64_t now)
{
	bool is_over = m->until_ms[p] <= now - GRACE_MS;
	int64_t limit = is_over ? LIMIT_NONE : m->limits[p];
	bool is_fresh = now - m->edited_ms[p] <= GRACE_MS;
	if (limit == LIMIT_NONE || (is_fresh && m->before[p] == LIMIT_NONE))
		return INT64_MAX;
	return is_fresh && m->before[p] > limit ? m->before[p] : limit;
}

static void count_on(struct counting *c, struct meter *m, int64_t now)
{
	if (m->count == m->room) {
		m->room = m->room ? 2 * m->room : 4096;
		m->times = xrealloc(m->times, m->room * sizeof(m->times[0]));
	}
	m->times[m->count++] = now;
	for (int p = 0; p < PERIODS; p++) {
		while (m->times[m->first[p]] <= now - periods_ms[p])
			m->first[p]++;
		if ((int64_t)(m->count - m->first[p]) > limit_at(m, p, now))
			c->over++;
	}
}

static void count_mail(struct counting *c, int receiver, const struct receiver_mail *mail,
		       int64_t now)
{
	c->mails++;
	for (size_t i = 0; i < c->meter_count; i++)
		if (concerns(&c->meters[i], receiver, mail))
			count_on(c, &c->meters[i], now);
}

static void count_first(void *observer, const struct receiver_mail *mail, int64_t now)
{
	count_mail(observer, 0, mail, now);
}

static void count_second(void *observer, const struct receiver_mail *mail, int64_t now)
{
	count_mail(observer, 1, mail, now);
}

/* -------------------------------------------------------------------------------------- edits */

static void add_meter(struct counting *c, const struct limit_rule *scope)
{
	struct meter *m = &c->meters[c->meter_count++];
	*m = (struct meter){.scope = *scope};
	for (int p = 0; p < PERIODS; p++) {
		m->limits[p] = m->before[p] = LIMIT_NONE;
		m->until_ms[p] = LIMIT_FOREVER;
	}
}

/* Lanes, sources, providers over all sources, campaigns, the node. */
static void add_meters(struct counting *c)
{
	for (int s = 0; s < 2; s++) {
		struct limit_rule source = {.source = str_from(sources[s])};
		add_meter(c, &source);
		for (int t = 0; t < 2; t++) {
			struct limit_rule lane = {.source = str_from(sources[s]),
						  .provider = str_from(targets[t])};
			add_meter(c, &lane);
		}
		struct limit_rule total = {.provider = str_from(targets[s]), .is_total = true};
		add_meter(c, &total);
		struct limit_rule campaign = {.campaign = s + 1};
		add_meter(c, &campaign);
	}
	add_meter(c, &(struct limit_rule){.campaign = 0});
}

/* A number for a period that is felt: around what goes through in it without. */
static int64_t some_limit(struct world *w, int period)
{
	static const int64_t most[PERIODS] = {30, 900, 9000, 20000};
	return world_pick(w, 1, most[period] * world_pick(w, 1, 10) / 10);
}

static void edit(struct counting *c)
{
	struct meter *m = &c->meters[world_pick(&c->w, 0, (int64_t)c->meter_count - 1)];
	int p = (int)world_pick(&c->w, 0, PERIODS - 1);
	struct limit_rule rule = m->scope;
	/* Of one scope and period a rule that ends by itself is the last: what was before would
	 * hold again. */
	bool ends = c->edits > EDITS / 2 && world_pick(&c->w, 0, 3) == 0;
	if (m->until_ms[p] != LIMIT_FOREVER)
		return;
	rule.until_ms =
		ends ? world_now(&c->w) + world_pick(&c->w, 1, 600) * SECOND : LIMIT_FOREVER;
	limit_values_init(&rule.values);
	rule.values.messages[p] = some_limit(&c->w, p);
	m->before[p] = m->limits[p];
	m->limits[p] = rule.values.messages[p];
	m->until_ms[p] = rule.until_ms;
	m->edited_ms[p] = world_now(&c->w);
	c->edits++;
	world_limit(&c->w, &rule);
}

static void do_something(struct counting *c)
{
	switch (world_pick(&c->w, 0, 9)) {
	case 0:
		world_restart(&c->w, true, world_pick(&c->w, 0, 20) * SECOND);
		break;
	case 1:
	case 2:
		world_restart(&c->w, false, world_pick(&c->w, 0, 30) * SECOND);
		break;
	case 3:
		world_sleep(&c->w, world_pick(&c->w, 1, 7200) * SECOND);
		break;
	default:
		edit(c);
	}
	world_run(&c->w, world_pick(&c->w, 1, 400) * SECOND);
}

void play_limits(uint64_t seed, struct bars *out)
{
	static struct counting c;
	c = (struct counting){.over = 0};
	world_open(&c.w, seed);
	(void)world_source(&c.w, NULL);
	(void)world_source(&c.w, NULL);
	for (int i = 0; i < 2; i++) {
		c.receivers[i] = world_receiver(&c.w, targets[i], 2, world_pick(&c.w, 20, 2000));
		c.receivers[i]->observer = &c;
		c.receivers[i]->on_mail = i == 0 ? count_first : count_second;
		for (int k = 0; k < 2; k++)
			(void)world_crowd(&c.w, k, c.receivers[i], 1000000);
	}
	add_meters(&c);
	world_start(&c.w);
	world_run(&c.w, 10 * SECOND);
	while (c.edits < EDITS)
		do_something(&c);
	int64_t mails = c.mails, over = c.over;
	world_close(&c.w);
	for (size_t i = 0; i < c.meter_count; i++)
		free(c.meters[i].times);
	bar_note(out, "messages over a limit", (double)over, 0, 0);
	bar_note(out, "messages counted", (double)mails, 1000, 1e9);
}
