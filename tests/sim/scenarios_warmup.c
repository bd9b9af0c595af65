/* SPDX-License-Identifier: MIT */
/*
 * Thirty days of a new source beside a warm one: at a receiver that minds nothing, and at one that
 * defers what is more than it trusts the source with.
 */
#include <string.h>

#include "tests/sim/bars.h"
#include "tests/sim/world.h"

#define DAYS 30
#define OPEN 0 /* receivers and crowds */
#define STRICT 1
#define WARM 1 /* ids of sources */
#define NEW 2

static const char *const names[] = {"outlook", "netease"};

/* A step is saved so late at most. */
#define SAVED_MS (11 * SECOND)

/* What the new source sent in the last 24 hours, and what of it was over its budget. */
struct ledger {
	int64_t at_ms[8192]; /* ring */
	size_t head, count;
	int64_t over;
	int64_t suspect, suspect_ms; /* more than the budget last saved, unless it has just risen */
	const struct story *story;
};

struct story {
	struct world w;
	struct receiver *receivers[2];
	struct ledger ledger; /* of the new source where all is taken */
	struct warmup_plan plan;
	int64_t daily; /* people a day and receiver */
};

/* Where the worker says the new source stands at this receiver; the plan's length = warm. */
static size_t step_of(const struct world *w, const char *target)
{
	for (size_t i = 0; i < w->lane_count; i++)
		if (w->lanes[i].saved.source == NEW &&
		    strcmp(w->lanes[i].saved.target, target) == 0)
			return w->lanes[i].saved.warmup.step;
	return 0;
}

static int64_t budget_of(const struct story *s)
{
	size_t step = step_of(&s->w, names[OPEN]);
	return step < s->plan.count ? s->plan.budgets[step] : INT64_MAX;
}

static void look_at_suspect(struct ledger *l, int64_t now)
{
	if (l->suspect <= budget_of(l->story)) {
		l->suspect = 0;
	} else if (now - l->suspect_ms > SAVED_MS) {
		l->over += l->suspect - budget_of(l->story);
		l->suspect = 0;
	}
}

static void count_mail(void *observer, const struct receiver_mail *mail, int64_t now)
{
	struct ledger *l = observer;
	if (mail->source != NEW)
		return;
	while (l->count > 0 && l->at_ms[l->head] <= now - DAY) {
		l->head = (l->head + 1) % ARRAY_LEN(l->at_ms);
		l->count--;
	}
	must(l->count < ARRAY_LEN(l->at_ms));
	l->at_ms[(l->head + l->count++) % ARRAY_LEN(l->at_ms)] = now;
	look_at_suspect(l, now);
	if ((int64_t)l->count <= budget_of(l->story))
		return;
	if (l->suspect == 0)
		l->suspect_ms = now;
	l->suspect = (int64_t)l->count;
}

static void begin(struct story *s, uint64_t seed)
{
	world_open(&s->w, seed);
	warmup_plan_default(&s->plan, 2000);
	(void)world_source(&s->w, NULL);
	(void)world_source(&s->w, &s->plan);
	s->daily = world_pick(&s->w, 4000, 6000);
	for (int i = 0; i < 2; i++) {
		s->receivers[i] = world_receiver(&s->w, names[i], 2, world_pick(&s->w, 50, 400));
		(void)world_crowd(&s->w, 0, s->receivers[i], 0);
	}
	s->ledger.story = s;
	s->receivers[OPEN]->on_mail = count_mail;
	s->receivers[OPEN]->observer = &s->ledger;
	s->receivers[STRICT]->words.reputation = "451 4.7.1 put off by local policy";
	/* The warm one is trusted with everything. */
	s->receivers[STRICT]->limits.allowance = 60;
	s->receivers[STRICT]->sources[WARM].allowance = 1000000;
	world_start(&s->w);
}

/* A day of mail from nine o'clock on. */
static void live_a_day(struct story *s, int64_t *delivered_out)
{
	int64_t before = 0, after = 0;
	for (int i = 0; i < 2; i++)
		before += s->w.crowds[i].states[RECIPIENT_DELIVERED];
	world_run_idle(&s->w, 9 * HOUR);
	for (int i = 0; i < 2; i++)
		(void)world_crowd(&s->w, 0, s->receivers[i], s->daily);
	world_run_idle(&s->w, 15 * HOUR);
	for (int i = 0; i < 2; i++)
		after += s->w.crowds[i].states[RECIPIENT_DELIVERED];
	*delivered_out = after - before;
}

/* Thirty days. */
struct month {
	double least_day; /* share of a day's people delivered that day */
	size_t steps[2];
};

static struct month live(struct story *s)
{
	struct month m = {.least_day = 1};
	for (int day = 0; day < DAYS; day++) {
		int64_t delivered = 0;
		live_a_day(s, &delivered);
		double part = (double)delivered / (double)(2 * s->daily);
		m.least_day = part < m.least_day ? part : m.least_day;
		look_at_suspect(&s->ledger, world_now(&s->w));
		for (int i = 0; i < 2; i++)
			m.steps[i] = step_of(&s->w, names[i]);
	}
	return m;
}

static double share(int64_t part, int64_t whole)
{
	return whole > 0 ? (double)part / (double)whole : 0;
}

void play_warmup(uint64_t seed, struct bars *out)
{
	static struct story s;
	s = (struct story){.daily = 0};
	begin(&s, seed);
	struct month m = live(&s);
	const struct receiver_source *open = &s.receivers[OPEN]->sources[NEW];
	const struct receiver_source *strict = &s.receivers[STRICT]->sources[NEW];
	double count = (double)s.plan.count;
	bar_note(out, "messages over the budget of a day", (double)s.ledger.over, 0, 0);
	bar_note(out, "of a day's people delivered that day", m.least_day, 0.99, 1e9);
	bar_note(out, "steps of the plan where all is taken", (double)m.steps[OPEN] / count, 1, 1);
	bar_note(out, "of its half by the new source there",
		 share(2 * open->accepted, DAYS * s.daily), 0.5, 1e9);
	bar_note(out, "deferred where it is not trusted",
		 share(strict->refused, strict->refused + strict->accepted), 0, 0.10);
	/* It stands beside what it is allowed, on the first steps: neither thrown back to nothing
	 * nor as if nobody had refused. */
	bar_note(out, "steps of the plan there", (double)m.steps[STRICT] / count, 0.16, 0.7);
	world_close(&s.w);
}
