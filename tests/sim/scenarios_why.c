/* SPDX-License-Identifier: MIT */
/*
 * Whatever keeps somebody waiting, edm why has a cause for it: receivers die, ban, block, throttle
 * and greylist, limits are changed, lanes and campaigns are paused, a source drains, another warms
 * up, sending hours end, the process is stopped, killed and suspended. Every second the sentence's
 * core is asked about one person of each crowd who waits, one who is in hand and one who was put
 * off, at two providers and three sites of the tail.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "scheduler/report/why_say.h"
#include "tests/sim/bars.h"
#include "tests/sim/world.h"

#define CHANGES 32 /* each kind twice */
#define CHANGE_KINDS 16
#define PLACES 5
#define PROVIDERS 2 /* of the places; the others are sites of the tail */
/* Claims, connections and credits take their time; so long nobody can say more. */
#define PATIENCE_MS (5 * SECOND)

enum whom { WHO_WAITS, WHO_IS_IN_HAND, WHO_WAS_PUT_OFF, WHOM_COUNT };

struct asking {
	struct world w;
	struct receiver *receivers[PLACES];
	enum campaign_state states[WORLD_CAMPAIGNS];
	int64_t opens_ms[WORLD_CAMPAIGNS]; /* its hours; 0: they are not over */
	int64_t asked[WHOM_COUNT];
	int64_t silent, mute, dumb;
	int64_t known_ms[WORLD_CROWDS][WHOM_COUNT]; /* when there last was a cause, or nobody */
	int64_t kinds[HOLD_TURN + 1];
};

static const char *const targets[PLACES] = {"qq", "netease", "mx.a.example", "mx.b.example",
					    "mx.c.example"};

/* ------------------------------------------------------------------------------------ what is
 * known
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

static const char *campaign_name(const struct world *w, int64_t id)
{
	return w->campaigns[id - 1]->name.ptr;
}

static json_t *waiting_of(const struct world *w, const struct work_status *status)
{
	json_t *waiting = list_of(&status->waiting), *entry;
	size_t i;
	json_array_foreach(waiting, i, entry)
	{
		int64_t id = json_integer_value(json_object_get(entry, "campaign_id"));
		json_object_set_new(entry, "campaign", json_string(campaign_name(w, id)));
	}
	return waiting;
}

/* Which campaigns a lane has mail of: by their names. */
static json_t *lanes_of(const struct world *w, const struct work_status *status)
{
	json_t *lanes = list_of(&status->lanes), *lane, *id;
	size_t i, k;
	json_array_foreach(lanes, i, lane)
	{
		json_t *names = json_array();
		json_array_foreach(json_object_get(lane, "campaigns"), k, id) json_array_append_new(
			names, json_string(campaign_name(w, json_integer_value(id))));
		json_object_set_new(lane, "campaigns", names);
	}
	return lanes;
}

static json_t *text_or_null(struct str text)
{
	return text.len > 0 ? json_stringn(text.ptr, text.len) : json_null();
}

static json_t *pauses_of(const struct world *w)
{
	json_t *pauses = json_array();
	for (size_t i = 0; i < w->pause_count; i++) {
		const struct pause *p = &w->pauses[i];
		if (p->until_ms > world_now(w))
			json_array_append_new(
				pauses,
				json_pack("{s:I,s:i,s:s,s:s,s:I,s:I,s:o,s:o,s:o}", "pause_id",
					  (json_int_t)p->id, "origin", (int)p->origin, "who", "li",
					  "why", "too hot", "since", (json_int_t)p->since_us,
					  "until", (json_int_t)p->until_ms * 1000, "provider",
					  text_or_null(p->provider), "source",
					  text_or_null(p->source), "campaign",
					  p->campaign ? json_string(campaign_name(w, p->campaign))
						      : json_null()));
	}
	return pauses;
}

static json_t *campaigns_of(const struct asking *a)
{
	const struct world *w = &a->w;
	json_t *campaigns = json_array();
	int active = 0;
	for (size_t i = 0; i < w->source_count; i++)
		active += w->sources[i].state == SOURCE_ACTIVE;
	for (size_t i = 0; i < WORLD_CAMPAIGNS; i++) {
		if (w->campaigns[i] == NULL || a->states[i] != CAMPAIGN_RUNNING)
			continue;
		json_array_append_new(
			campaigns,
			json_pack("{s:s,s:s,s:i,s:n,s:b,s:I,s:s}", "campaign",
				  campaign_name(w, (int64_t)i + 1), "pool", "default", "sources",
				  active, "spent", "is_open", a->opens_ms[i] == 0, "opens_at",
				  (json_int_t)a->opens_ms[i] * 1000, "hours", "Mon 09:00-18:00"));
	}
	return campaigns;
}

/* As report/live.sql makes it of a node's row. */
static json_t *live_of(const struct asking *a, const struct work_status *status)
{
	bool is_ending = a->w.is_ending && !a->w.is_dying;
	return json_pack("{s:[{s:b,s:s,s:{s:b}}],s:o,s:o,s:o,s:o,s:[]}", "nodes", "alive", 1,
			 "node", "n1", "gauges", "ending", (int)is_ending, "lanes",
			 lanes_of(&a->w, status), "waiting", waiting_of(&a->w, status), "pauses",
			 pauses_of(&a->w), "campaigns", campaigns_of(a), "limits");
}

/* ------------------------------------------------------------------------------------- the asking
 */

/* What the receiver told a lane to do, and not in which words. */
static bool is_mute(const struct hold *hold)
{
	const json_t *wait = json_object_get(hold->of, "wait");
	const char *origin = document_text(wait, "origin");
	return hold->kind == HOLD_LANE && hold->reply[0] == '\0' &&
	       strcmp(document_text(wait, "level"), "lane") == 0 &&
	       (strcmp(origin, "back-off") == 0 || strcmp(origin, "learnt") == 0);
}

/* Somebody who waits or is in hand. */
static void judge(struct asking *a, size_t crowd, enum whom which, const struct why_context *w,
		  json_t *person)
{
	struct hold hold;
	struct buf text;
	bool is_held = why_find_hold(w, person, &hold);
	int64_t now = w->now_us / 1000, *known_ms = &a->known_ms[crowd][which];
	buf_init(&text, 8192);
	why_say_person(w, person, &text);
	*known_ms = is_held ? now : *known_ms;
	a->silent += now - *known_ms > PATIENCE_MS || text.len == 0;
	if (is_held) {
		a->kinds[hold.kind]++;
		a->mute += is_mute(&hold);
	}
	buf_done(&text);
}

/* Who was put off: until when, and by which reply. Once he is due he waits like others. */
static void judge_retry(struct asking *a, size_t crowd, const struct why_context *w, json_t *person)
{
	struct buf text;
	const char *reply = document_text(person, "reply");
	if (document_int(person, "until") <= w->now_us) {
		judge(a, crowd, WHO_WAS_PUT_OFF, w, person);
		return;
	}
	buf_init(&text, 8192);
	why_say_person(w, person, &text);
	a->known_ms[crowd][WHO_WAS_PUT_OFF] = w->now_us / 1000;
	a->dumb += reply[0] == '\0' || strstr(text.data, reply) == NULL ||
		   strstr(text.data, "deferred until ") == NULL;
	buf_done(&text);
}

static json_t *person_of(const char *target, bool is_tail, enum recipient_state state)
{
	return json_pack("{s:i,s:s,s:s,s:s,s:I}", "state", (int)state, "group",
			 is_tail ? "tail" : target, "queue", target, "node", "n1", "since",
			 (json_int_t)1);
}

static void ask(struct asking *a, size_t i, const struct why_context *w)
{
	const struct crowd *c = &a->w.crowds[i];
	bool is_tail = c->receiver >= PROVIDERS;
	const bool is_there[WHOM_COUNT] = {c->unborn + (int64_t)c->waiting_count > 0, c->held > 0,
					   c->retries.count > 0};
	static const enum recipient_state states[WHOM_COUNT] = {RECIPIENT_WAITING, RECIPIENT_LEASED,
								RECIPIENT_DEFERRED};
	for (int which = 0; which < WHOM_COUNT; which++) {
		struct crowd_retry retry;
		json_t *person = person_of(targets[c->receiver], is_tail, states[which]);
		if (!is_there[which]) {
			a->known_ms[i][which] = w->now_us / 1000;
			json_decref(person);
			continue;
		}
		a->asked[which]++;
		if (which != WHO_WAS_PUT_OFF) {
			judge(a, i, (enum whom)which, w, person);
		} else if (crowd_pick_retry(c, (uint64_t)a->asked[which], &retry)) {
			json_object_set_new(person, "until", json_integer(retry.due_ms * 1000));
			json_object_set_new(person, "class", json_integer(retry.klass));
			json_object_set_new(person, "attempts", json_integer(retry.attempts));
			json_object_set_new(person, "reply", json_string(retry.reply));
			judge_retry(a, i, w, person);
		}
		json_decref(person);
	}
}

static void on_status(struct world *world, const struct work_status *status)
{
	struct asking *a = world->observer;
	json_t *live = live_of(a, status);
	for (size_t i = 0; i < world->crowd_count; i++) {
		int campaign = world->crowds[i].campaign;
		const struct why_context w = {.now_us = world_now(world) * 1000,
					      .live = live,
					      .campaign = campaign_name(world, campaign + 1),
					      .campaign_state = a->states[campaign],
					      .campaign_since_us = 1,
					      .campaign_by = "",
					      .campaign_reason = ""};
		ask(a, i, &w);
	}
	json_decref(live);
}

/* ------------------------------------------------------------------------------------ the changes
 */

static void change_receiver(struct world *w, struct receiver *r)
{
	struct receiver_limits none = {.connections = 0};
	r->limits = none;
	switch (world_pick(w, 0, 7)) {
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
	case 6:
		r->limits.allowance = 1;
		return;
	default:
		return;
	}
}

static void change_limit(struct world *w)
{
	struct limit_rule rule = {.until_ms = world_now(w) + world_pick(w, 60, 3000) * SECOND};
	int64_t kind = world_pick(w, 0, 3);
	limit_values_init(&rule.values);
	rule.values.messages[world_pick(w, LIMIT_SECOND, LIMIT_DAY)] = world_pick(w, 1, 500);
	if (kind == 0)
		rule.source = STR("mx1");
	else if (kind == 1)
		rule.provider = str_from(targets[world_pick(w, 0, PLACES - 1)]);
	else if (kind == 2)
		rule.campaign = 1;
	else
		rule.values.connections = world_pick(w, 1, 3);
	world_limit(w, &rule);
}

static void change_pause(struct world *w)
{
	struct pause pause = {.origin = PAUSE_OPERATOR,
			      .until_ms = world_now(w) + world_pick(w, 10, 900) * SECOND};
	int64_t kind = w->pause_id % 5; /* each of them in turn */
	if (kind == 0)
		pause.provider = STR("tail");
	else if (kind < 4)
		pause.provider = str_from(targets[world_pick(w, 0, PLACES - 1)]);
	if (kind == 2 || kind == 4)
		pause.source = STR("mx1");
	if (kind == 3)
		pause.campaign = 1;
	world_pause(w, &pause);
}

/* A source drains, or all of them, or is back. */
static void change_sources(struct world *w)
{
	bool is_back = w->sources[0].state == SOURCE_DRAINING;
	bool is_all = world_pick(w, 0, 3) == 0;
	for (size_t i = 0; i < w->source_count; i++)
		w->sources[i].state =
			!is_back && (i == 0 || is_all) ? SOURCE_DRAINING : SOURCE_ACTIVE;
	world_reload(w);
}

/* It is paused, braked or outside its hours for a while, and then goes on. */
static void change_campaign(struct asking *a)
{
	struct world *w = &a->w;
	int which = 2 * (int)world_pick(w, 0, 1);
	if (world_pick(w, 0, 1) == 0)
		a->states[which] = CAMPAIGN_PAUSED;
	else
		a->opens_ms[which] = world_now(w) + HOUR;
	w->is_closed[which] = true;
	world_run(w, world_pick(w, 5, 300) * SECOND);
	a->states[which] = CAMPAIGN_RUNNING;
	a->opens_ms[which] = 0;
	w->is_closed[which] = false;
}

/* Nothing is said while the process or the machine stands still. */
static void begin_anew(struct asking *a)
{
	for (size_t i = 0; i < WORLD_CROWDS; i++)
		for (int which = 0; which < WHOM_COUNT; which++)
			a->known_ms[i][which] = world_now(&a->w);
}

static void change(struct asking *a, int kind)
{
	struct world *w = &a->w;
	switch (kind) {
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
	case 6:
	case 7:
		change_pause(w);
		break;
	case 8:
		change_sources(w);
		break;
	case 9:
		change_campaign(a);
		break;
	default:
		change_receiver(w, a->receivers[world_pick(w, 0, PLACES - 1)]);
	}
	begin_anew(a);
	world_run(w, world_pick(w, 5, 300) * SECOND);
}

static void open_world(struct asking *a, uint64_t seed)
{
	struct warmup_plan plan;
	world_open(&a->w, seed);
	warmup_plan_default(&plan, 20000);
	(void)world_source(&a->w, NULL);
	(void)world_source(&a->w, &plan);
	for (int i = 0; i < PLACES; i++) {
		struct receiver *r =
			world_receiver(&a->w, targets[i], 2, world_pick(&a->w, 300, 900));
		r->words = (struct receiver_words){
			.connections = "421 4.7.0 Too many concurrent SMTP connections",
			.rate = "451 4.7.1 You are sending too fast, slow down",
			.windows = "550 Ip frequency limited",
			.reputation = "550 5.7.1 Service unavailable; client host [192.0.2.1] "
				      "blocked using zen.spamhaus.org",
			.greylist = "451 4.7.1 Greylisting in action, please come back later"};
		a->receivers[i] = r;
		for (int k = 0; k < 2; k++)
			(void)world_crowd(&a->w, 2 * k, r, i < PROVIDERS ? 300000 : 5000);
	}
	/* A queue that holds all that may be composed is another story. */
	a->w.settings.compose_budget = INT64_C(1) << 40;
	a->w.on_status = on_status;
	a->w.observer = a;
	for (size_t i = 0; i < WORLD_CAMPAIGNS; i++)
		a->states[i] = CAMPAIGN_RUNNING;
	a->receivers[PLACES - 1]->limits.greylist_ms = 4 * MINUTE;
	world_start(&a->w);
}

void play_why(uint64_t seed, struct bars *out)
{
	static struct asking a;
	a = (struct asking){.silent = 0};
	open_world(&a, seed);
	begin_anew(&a);
	world_run(&a.w, 30 * SECOND);
	int kind = (int)world_pick(&a.w, 0, CHANGE_KINDS - 1);
	int step = 2 * (int)world_pick(&a.w, 0, CHANGE_KINDS / 2 - 1) + 1;
	for (int i = 0; i < CHANGES; i++, kind = (kind + step) % CHANGE_KINDS)
		change(&a, kind);
	world_close(&a.w);
	bar_note(out, "people who wait, or are in hand, without a cause", (double)a.silent, 0, 0);
	bar_note(out, "people put off without the reply and the time", (double)a.dumb, 0, 0);
	bar_note(out, "lanes that rest or hold back, and not for which reply", (double)a.mute, 0,
		 0);
	bar_note(out, "who wait asked about", (double)a.asked[WHO_WAITS], 1000, 1e9);
	bar_note(out, "who are in hand asked about", (double)a.asked[WHO_IS_IN_HAND], 1000, 1e9);
	bar_note(out, "who were put off asked about", (double)a.asked[WHO_WAS_PUT_OFF], 100, 1e9);
	bar_note(out, "told of a lane", (double)a.kinds[HOLD_LANE], 100, 1e9);
	bar_note(out, "told of a pause", (double)a.kinds[HOLD_PAUSE], 100, 1e9);
	bar_note(out, "told of whom it sends to first", (double)a.kinds[HOLD_TURN], 100, 1e9);
}
