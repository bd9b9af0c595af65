/* SPDX-License-Identifier: MIT */
/*
 * Campaigns against limits that nobody tells, and the question of `campaign forecast` asked when a
 * quarter of the people is through: how far is the likely end from the real one, and does that lie
 * within the range?
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/report/forecast_model.h"
#include "tests/sim/bars.h"
#include "tests/sim/world.h"

#define LOOK_MS (10 * SECOND)
#define LONGEST (40 * DAY)
#define PEOPLE_ROWS 65536

static const int32_t delays_s[] = {300, 900, 1800, 3600, 7200, 14400, 28800};

/* --------------------------------------------------------------------------------------- asking */

/* What the database would say of a world. */
struct view {
	struct world *w;
	struct forecast_job jobs[WORLD_CAMPAIGNS];
	size_t job_of[WORLD_CAMPAIGNS]; /* by campaign */
	struct forecast_people *people;
	struct forecast_seen seen[WORLD_RECEIVERS];
	size_t job_count, people_count, seen_count;
	size_t crowd; /* whose retries are being read */
	int64_t began_ms[WORLD_CAMPAIGNS], people_of[WORLD_CAMPAIGNS];
};

static struct str queue_of(const struct view *v, const struct crowd *c)
{
	return v->w->sites[c->receiver]->queue;
}

static void add_people(struct view *v, const struct forecast_people *row)
{
	must(v->people_count < PEOPLE_ROWS);
	v->people[v->people_count++] = *row;
}

static void add_retry(void *owner, int64_t due_ms, int attempts)
{
	struct view *v = owner;
	const struct crowd *c = &v->w->crowds[v->crowd];
	struct forecast_people row = {v->job_of[c->campaign], queue_of(v, c), attempts,
				      due_ms / MINUTE * MINUTE + MINUTE / 2, 1};
	for (size_t i = v->people_count; i > 0; i--) {
		struct forecast_people *have = &v->people[i - 1];
		if (have->job == row.job && str_equals(have->queue, row.queue) &&
		    have->attempts == attempts && have->due_ms == row.due_ms) {
			have->people++;
			return;
		}
	}
	add_people(v, &row);
}

static void see_crowd(struct view *v, const struct crowd *c)
{
	struct forecast_seen *seen = NULL;
	for (size_t i = 0; i < v->seen_count; i++)
		if (str_equals(v->seen[i].queue, queue_of(v, c)))
			seen = &v->seen[i];
	if (seen == NULL) {
		seen = &v->seen[v->seen_count++];
		*seen = (struct forecast_seen){.queue = queue_of(v, c)};
	}
	for (int i = 0; i < 2; i++) {
		seen->tries[i] += (double)c->tries[i];
		seen->deferred[i] += (double)c->deferred[i];
		seen->throttled[i] += (double)c->throttled[i];
	}
	if (c->took_count[0] > 0)
		seen->service_ms = (double)c->took_ms[0] / (double)c->took_count[0];
	if (c->took_count[1] > 0)
		seen->put_off_ms = (double)c->took_ms[1] / (double)c->took_count[1];
	if (c->throttled[0] + c->throttled[1] > 0)
		seen->throttled_ms = c->throttled_ms / (c->throttled[0] + c->throttled[1]);
}

static void add_job(struct view *v, int campaign)
{
	const struct campaign_snapshot *s = v->w->campaigns[campaign];
	v->job_of[campaign] = v->job_count;
	v->jobs[v->job_count++] = (struct forecast_job){.campaign = s->id,
							.domain = s->from_domain,
							.starts_ms = world_now(v->w),
							.began_ms = v->began_ms[campaign],
							.deadline_ms = LIMIT_FOREVER,
							.give_up_ms = s->give_up_after_ms,
							.people = (double)v->people_of[campaign]};
}

static void look(struct view *v)
{
	v->job_count = v->people_count = v->seen_count = 0;
	for (int i = 0; i < WORLD_CAMPAIGNS; i++)
		if (v->w->campaigns[i] != NULL)
			add_job(v, i);
	for (v->crowd = 0; v->crowd < v->w->crowd_count; v->crowd++) {
		const struct crowd *c = &v->w->crowds[v->crowd];
		struct forecast_people row = {
			.job = v->job_of[c->campaign],
			.queue = queue_of(v, c),
			.people = (double)(crowd_left(c) - (int64_t)c->retries.count)};
		add_people(v, &row);
		crowd_retries(c, add_retry, v);
		see_crowd(v, c);
	}
}

/* The forecast of the first campaign. */
static struct forecast_span ask(struct view *v)
{
	struct forecast_span crowds[WORLD_CROWDS], campaigns[WORLD_CAMPAIGNS];
	struct forecast_build build;
	look(v);
	struct identity *identity = world_identity(v->w);
	struct forecast_facts facts = {.now_ms = world_now(v->w),
				       .now_us = world_now(v->w) * 1000,
				       .pool = identity->pool,
				       .usage = v->w->usage,
				       .usage_count = v->w->usage_count,
				       .jobs = v->jobs,
				       .job_count = v->job_count,
				       .people = v->people,
				       .people_count = v->people_count,
				       .seen = v->seen,
				       .seen_count = v->seen_count,
				       .delays_s = delays_s,
				       .delay_count = ARRAY_LEN(delays_s)};
	forecast_build(&build, &facts);
	forecast_play(&build.model, crowds, campaigns);
	forecast_build_done(&build);
	identity_drop(identity);
	return campaigns[0];
}

/* -------------------------------------------------------------------------------------- playing */

static int64_t left_of_first(const struct world *w)
{
	int64_t left = 0;
	for (size_t i = 0; i < w->crowd_count; i++)
		if (w->crowds[i].campaign == 0)
			left += crowd_left(&w->crowds[i]);
	return left;
}

static void run_until(struct world *w, int64_t left)
{
	int64_t until = world_now(w) + LONGEST;
	while (left_of_first(w) > left && world_now(w) < until)
		world_run(w, LOOK_MS);
}

/* Of one run. */
struct answer {
	double error; /* of the time that was left */
	bool is_within;
	bool was_foreseen; /* the end was within the range given before the start */
};

static bool is_within(const struct forecast_span *s, int64_t ended)
{
	return s->earliest_ms <= ended + LOOK_MS && s->latest_ms >= ended - LOOK_MS;
}

static struct answer play_story(struct view *v, int64_t people)
{
	struct world *w = v->w;
	v->people_of[0] = people;
	int64_t began = v->began_ms[0];
	v->began_ms[0] = FORECAST_NEVER;
	struct forecast_span before = ask(v);
	v->began_ms[0] = began;
	run_until(w, people - people / 4);
	int64_t asked = world_now(w);
	struct forecast_span span = ask(v);
	run_until(w, 0);
	int64_t took = world_now(w) - asked;
	int64_t ended = asked + took;
	struct answer a = {.error = fabs((double)(span.likely_ms - ended)) / (double)took,
			   .is_within = is_within(&span, ended),
			   .was_foreseen = is_within(&before, ended)};
	world_close(w);
	return a;
}

static void begin(struct view *v, struct world *w, uint64_t seed)
{
	struct forecast_people *people = v->people;
	*v = (struct view){.w = w, .people = people};
	world_open(w, seed);
	for (int i = 0; i < WORLD_CAMPAIGNS; i++)
		v->began_ms[i] = world_now(w);
}

static const char *const too_fast = "451 4.7.1 You are sending too fast, slow down";
static const char *const too_many = "421 4.7.0 Too many concurrent SMTP connections, try later";

/* A rate that nobody tells. */
static struct answer play_hidden_rate(struct view *v, struct world *w, uint64_t seed)
{
	begin(v, w, seed);
	(void)world_source(w, NULL);
	int64_t rate = world_pick(w, 5, 15);
	struct receiver *r = world_receiver(w, "mx.peer.example", 1, world_pick(w, 30, 300));
	r->limits.rate = r->limits.burst = (double)rate;
	r->words.rate = too_fast;
	int64_t people = rate * world_pick(w, 1800, 3600);
	(void)world_crowd(w, 0, r, people);
	world_start(w);
	return play_story(v, people);
}

/* Connections that nobody counts aloud, of two sources. */
static struct answer play_hidden_connections(struct view *v, struct world *w, uint64_t seed)
{
	begin(v, w, seed);
	(void)world_source(w, NULL);
	(void)world_source(w, NULL);
	int64_t hidden = world_pick(w, 2, 8), service_ms = world_pick(w, 400, 1200);
	struct receiver *r = world_receiver(w, "mx.peer.example", 1, service_ms);
	r->limits.connections = hidden;
	r->words.connections = too_many;
	int64_t people = 2 * hidden * 1000 / (service_ms + 130) * world_pick(w, 1200, 2400);
	people = people > 1000 ? people : 2000;
	(void)world_crowd(w, 0, r, people);
	world_start(w);
	return play_story(v, people);
}

/* Days of warm-up of two new sources, beside one with a number of ours a day. */
static struct answer play_days(struct view *v, struct world *w, uint64_t seed)
{
	struct warmup_plan plan;
	begin(v, w, seed);
	warmup_plan_default(&plan, 5000);
	(void)world_source(w, &plan);
	(void)world_source(w, &plan);
	(void)world_source(w, NULL);
	struct receiver *r = world_receiver(w, "netease", 2, world_pick(w, 50, 400));
	int64_t people = world_pick(w, 15000, 30000);
	(void)world_crowd(w, 0, r, people);
	world_start(w);
	struct limit_rule rule = {
		.provider = STR("netease"), .source = STR("mx3"), .until_ms = LIMIT_FOREVER};
	limit_values_init(&rule.values);
	rule.values.messages[LIMIT_DAY] = world_pick(w, 1000, 3000);
	world_limit(w, &rule);
	return play_story(v, people);
}

/* Another campaign shares the lanes for a part of the time. */
static struct answer play_beside(struct view *v, struct world *w, uint64_t seed)
{
	begin(v, w, seed);
	(void)world_source(w, NULL);
	int64_t rate = world_pick(w, 3, 7);
	struct receiver *r = world_receiver(w, "mx.peer.example", 1, world_pick(w, 30, 300));
	r->limits.rate = r->limits.burst = (double)rate;
	r->words.rate = too_fast;
	int64_t people = rate * world_pick(w, 5400, 7200);
	(void)world_crowd(w, 0, r, people);
	(void)world_crowd(w, 1, r, people * world_pick(w, 50, 150) / 100);
	world_start(w);
	return play_story(v, people);
}

/* A part of everybody is put off and tried again, at a number of ours. */
static struct answer play_put_off(struct view *v, struct world *w, uint64_t seed)
{
	begin(v, w, seed);
	(void)world_source(w, NULL);
	struct receiver *r = world_receiver(w, "mx.peer.example", 1, world_pick(w, 200, 800));
	r->limits.put_off = world_pick(w, 10, 60);
	r->words.put_off = "450 4.2.1 mailbox temporarily disabled";
	struct limit_rule rule = {.provider = STR("tail"), .until_ms = LIMIT_FOREVER};
	int64_t people = world_pick(w, 10000, 20000);
	(void)world_crowd(w, 0, r, people);
	world_start(w);
	limit_values_init(&rule.values);
	rule.values.messages[LIMIT_MINUTE] = people / world_pick(w, 600, 900);
	world_limit(w, &rule);
	return play_story(v, people);
}

/* Everybody has to come twice. */
static struct answer play_greylist(struct view *v, struct world *w, uint64_t seed)
{
	begin(v, w, seed);
	(void)world_source(w, NULL);
	int64_t service_ms = world_pick(w, 700, 1200);
	struct receiver *r = world_receiver(w, "mx.peer.example", 1, service_ms);
	r->limits.greylist_ms = 60 * SECOND;
	r->words.greylist = "451 4.7.1 Greylisting in action, please come back later";
	int64_t people = 20 * 1000 / (service_ms + 130) * world_pick(w, 2400, 3600);
	(void)world_crowd(w, 0, r, people);
	world_start(w);
	return play_story(v, people);
}

/* So many an hour, and who asks for more is turned away for a while. */
static struct answer play_hourly(struct view *v, struct world *w, uint64_t seed)
{
	begin(v, w, seed);
	(void)world_source(w, NULL);
	int64_t hourly = world_pick(w, 400, 1500);
	struct receiver *r = world_receiver(w, "qq", 1, world_pick(w, 50, 400));
	r->limits.windows[1] = hourly;
	r->limits.bans_ms[1] = 30 * MINUTE;
	r->limits.is_sliding = true;
	r->words.windows = "550 Ip frequency limited [MzMx8QKkR0Vb1 IP: 192.0.2.1]. "
			   "https://service.mail.qq.com/detail/122/57";
	int64_t people = hourly * world_pick(w, 14, 24);
	(void)world_crowd(w, 0, r, people);
	world_start(w);
	return play_story(v, people);
}

static const struct {
	const char *error; /* the bar */
	bool is_ours;	   /* what binds is a number of ours, known before the start */
	struct answer (*play)(struct view *v, struct world *w, uint64_t seed);
} stories[] = {
	{"error: a rate that nobody tells", false, play_hidden_rate},
	{"error: connections that nobody tells", false, play_hidden_connections},
	{"error: days of warm-up", true, play_days},
	{"error: beside another campaign", false, play_beside},
	{"error: a part is put off", true, play_put_off},
	{"error: all are greylisted", false, play_greylist},
	{"error: a number an hour that nobody tells", false, play_hourly},
};

void play_forecast(uint64_t seed, struct bars *out)
{
	static struct world w;
	static struct view v;
	int within = 0, ours = 0, foreseen = 0;
	v.people = xcalloc(PEOPLE_ROWS, sizeof(v.people[0]));
	for (size_t i = 0; i < ARRAY_LEN(stories); i++) {
		struct answer a = stories[i].play(&v, &w, seed);
		bar_note(out, stories[i].error, a.error, 0, 0.15);
		within += a.is_within;
		ours += stories[i].is_ours;
		foreseen += stories[i].is_ours && a.was_foreseen;
	}
	bar_note(out, "ends within their range", (double)within / (double)ARRAY_LEN(stories), 0.8,
		 1);
	bar_note(out, "before the start, with numbers of ours", (double)foreseen / (double)ours, 1,
		 1);
	free(v.people);
}
