/* SPDX-License-Identifier: MIT */
/*
 * Whatever keeps people waiting, edm why has a cause for it: receivers die, ban, throttle and
 * greylist, limits are changed, the process is stopped, killed and suspended, and every second the
 * sentence's core is asked about every group with people who wait.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "scheduler/report/why_say.h"
#include "tests/sim/bars.h"
#include "tests/sim/world.h"

#define CHANGES 25
/* A lane that is open sends something within this. */
#define PATIENCE_MS (60 * SECOND)

struct asking {
	struct world w;
	struct receiver *receivers[2];
	int64_t asked, silent, stalled;
	int64_t moved_ms[WORLD_CROWDS]; /* when something last went on in the crowd's queue */
	uint64_t settled[WORLD_CROWDS];
};

static const char *const targets[2] = {"qq", "netease"};

/* ------------------------------------------------------------------------------------- the asking
 */

static json_t *list_of(const struct buf *objects)
{
	struct buf text;
	buf_init(&text, 2u << 20);
	buf_append_char(&text, '[');
	if (objects->len > 0)
		buf_append_str(&text, buf_str(objects));
	buf_append_char(&text, ']');
	json_t *list = json_loadb(text.data, text.len, 0, NULL);
	buf_done(&text);
	must(list != NULL);
	return list;
}

/* As report/live.sql makes it of a node's row. */
static json_t *live_of(const struct world *w, const struct work_status *status)
{
	json_t *waiting = list_of(&status->waiting), *entry;
	size_t i;
	json_array_foreach(waiting, i, entry)
	{
		int64_t id = json_integer_value(json_object_get(entry, "campaign_id"));
		json_object_set_new(entry, "campaign",
				    json_stringn(w->campaigns[id - 1]->name.ptr,
						 w->campaigns[id - 1]->name.len));
	}
	return json_pack("{s:[{s:b,s:s}],s:o,s:o}", "nodes", "alive", 1, "node", "n1", "lanes",
			 list_of(&status->lanes), "waiting", waiting);
}

static const struct work_queue_status *queue_of(const struct work_status *status, const char *name)
{
	for (size_t i = 0; i < status->queue_count; i++)
		if (str_equals(str_from(status->queues[i].name), str_from(name)))
			return &status->queues[i];
	return NULL;
}

/* Does anything go on in the queue, or did just now? */
static bool goes_on(struct asking *a, size_t i, const struct work_queue_status *q)
{
	int64_t now = world_now(&a->w);
	uint64_t settled = a->w.crowds[i].pace.settled;
	if (settled != a->settled[i] || (q != NULL && q->sessions > 0)) {
		a->settled[i] = settled;
		a->moved_ms[i] = now;
	}
	return now - a->moved_ms[i] < PATIENCE_MS;
}

static void ask(struct asking *a, size_t i, const json_t *live, const struct work_status *status)
{
	const struct crowd *c = &a->w.crowds[i];
	const char *name = targets[c->receiver];
	const struct work_queue_status *q = queue_of(status, name);
	bool is_going = goes_on(a, i, q);
	size_t in_hand = q != NULL ? q->queued + q->ready : 0;
	const json_t *waiting = NULL;
	if (c->unborn + (int64_t)c->waiting_count == 0 && (c->held == 0 || in_hand == 0))
		return;
	struct why_context context = {.now_us = world_now(&a->w) * 1000,
				      .live = live,
				      .campaign = a->w.campaigns[c->campaign]->name.ptr,
				      .campaign_state = CAMPAIGN_RUNNING};
	struct buf sentence;
	buf_init(&sentence, 4096);
	a->asked++;
	struct hold hold;
	bool has_cause = hold_find(&context, name, &hold);
	if (has_cause)
		hold_say(&context, &hold, &sentence);
	if (has_cause)
		a->moved_ms[i] = context.now_us / 1000; /* the minute begins when it ends */
	else if (live_open_lane(live, context.campaign, name, &waiting) == NULL && !is_going)
		a->silent++;
	else if (!is_going)
		a->stalled++;
	buf_done(&sentence);
}

static void on_status(struct world *w, const struct work_status *status)
{
	struct asking *a = w->observer;
	json_t *live = live_of(w, status);
	for (size_t i = 0; i < w->crowd_count; i++)
		ask(a, i, live, status);
	json_decref(live);
}

/* ------------------------------------------------------------------------------------ the changes
 */

static void change_receiver(struct world *w, struct receiver *r)
{
	struct receiver_limits none = {.connections = 0};
	r->limits = none;
	switch (world_pick(w, 0, 6)) {
	case 0:
		r->limits.is_dead = true;
		r->limits.is_silent = world_pick(w, 0, 1) == 0;
		return;
	case 1:
		r->limits.windows[0] = world_pick(w, 20, 200);
		r->limits.bans_ms[0] = world_pick(w, 2, 40) * MINUTE;
		return;
	case 2:
		r->limits.rate = r->limits.burst = (double)world_pick(w, 1, 20);
		return;
	case 3:
		r->limits.greylist_ms = 4 * MINUTE;
		return;
	case 4:
		r->limits.connections = world_pick(w, 1, 4);
		return;
	case 5:
		r->limits.refusing = 1;
		return;
	default:
		return;
	}
}

static void change_limit(struct world *w)
{
	struct limit_rule rule = {.until_ms = world_now(w) + world_pick(w, 60, 3000) * SECOND};
	int64_t kind = world_pick(w, 0, 2);
	limit_values_init(&rule.values);
	rule.values.messages[world_pick(w, LIMIT_SECOND, LIMIT_DAY)] = world_pick(w, 1, 500);
	if (kind == 0)
		rule.source = STR("mx1");
	else if (kind == 1)
		rule.provider = str_from(targets[world_pick(w, 0, 1)]);
	else
		rule.values.connections = world_pick(w, 1, 3);
	world_limit(w, &rule);
}

static void change(struct asking *a)
{
	struct world *w = &a->w;
	switch (world_pick(w, 0, 9)) {
	case 0:
		world_restart(w, true, world_pick(w, 0, 20) * SECOND);
		break;
	case 1:
		world_restart(w, false, world_pick(w, 0, 30) * SECOND);
		break;
	case 2:
		world_sleep(w, world_pick(w, 1, 1200) * SECOND);
		break;
	case 3:
	case 4:
	case 5:
		change_limit(w);
		break;
	default:
		change_receiver(w, a->receivers[world_pick(w, 0, 1)]);
	}
	for (size_t i = 0; i < w->crowd_count; i++)
		a->moved_ms[i] = world_now(w);
	world_run(w, world_pick(w, 5, 600) * SECOND);
}

void play_why(uint64_t seed, struct bars *out)
{
	static struct asking a;
	a = (struct asking){.asked = 0};
	world_open(&a.w, seed);
	(void)world_source(&a.w, NULL);
	(void)world_source(&a.w, NULL);
	for (int i = 0; i < 2; i++) {
		struct receiver *r = world_receiver(&a.w, targets[i], 2, world_pick(&a.w, 50, 900));
		r->words = (struct receiver_words){
			.connections = "421 4.7.0 Too many concurrent SMTP connections",
			.rate = "451 4.7.1 You are sending too fast, slow down",
			.windows = "550 Ip frequency limited",
			.greylist = "451 4.7.1 Greylisting in action, please come back later"};
		a.receivers[i] = r;
		for (int k = 0; k < 2; k++)
			(void)world_crowd(&a.w, 2 * k, r, 300000);
	}
	/* A queue that holds all that may be composed is another story. */
	a.w.settings.compose_budget = INT64_C(1) << 40;
	a.w.on_status = on_status;
	a.w.observer = &a;
	world_start(&a.w);
	for (size_t i = 0; i < a.w.crowd_count; i++)
		a.moved_ms[i] = world_now(&a.w);
	for (int i = 0; i < CHANGES; i++)
		change(&a);
	world_close(&a.w);
	bar_note(out, "groups that wait without a cause", (double)a.silent, 0, 0);
	bar_note(out, "open lanes that send nothing for a minute", (double)a.stalled, 0, 0);
	bar_note(out, "groups asked about", (double)a.asked, 1000, 1e9);
}
