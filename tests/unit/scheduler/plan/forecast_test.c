/* SPDX-License-Identifier: MIT */
/* When people will be through, and what keeps them, under limits that are all known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "scheduler/plan/forecast.h"

#define NOW INT64_C(500000000)
#define NOW_US INT64_C(1796083200000000) /* Monday, 2026-11-30 00:00 UTC */
#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define MOST 4

/* A model with up to MOST of everything; what a test does not set has no limit. */
struct fixture {
	struct forecast_model model;
	struct forecast_queue queues[MOST];
	struct forecast_lane lanes[MOST];
	struct forecast_crowd crowds[MOST];
	struct forecast_campaign campaigns[MOST];
	struct limiter limiters[MOST];
	double seen[MOST];
	struct limit_rule rules[MOST];
	struct limit_rules all;
	struct forecast_span crowd_spans[MOST], campaign_spans[MOST];
};

static void add_campaign(struct fixture *f, int priority)
{
	f->campaigns[f->model.campaign_count++] =
		(struct forecast_campaign){.priority = priority,
					   .starts_ms = NOW,
					   .deadline_ms = LIMIT_FOREVER,
					   .give_up_ms = 2 * DAY,
					   .limiter = FORECAST_NONE};
}

static void begin(struct fixture *f)
{
	static const int64_t delays_ms[] = {5 * MINUTE, 15 * MINUTE, 30 * MINUTE};
	*f = (struct fixture){.model = {.now_ms = NOW, .now_us = NOW_US, .delay_count = 3}};
	for (size_t i = 0; i < 3; i++)
		f->model.delays_ms[i] = delays_ms[i];
	f->model.queues = f->queues;
	f->model.lanes = f->lanes;
	f->model.crowds = f->crowds;
	f->model.campaigns = f->campaigns;
	f->model.limiters = f->limiters;
	f->model.seen_per_s = f->seen;
	f->all = (struct limit_rules){f->rules, 0};
}

/* A queue with one lane on which a message takes so long. Rules must stand before. */
static struct forecast_lane *add_queue(struct fixture *f, double service_ms)
{
	static const struct str names[MOST] = {STR_INIT("qq"), STR_INIT("gmail"), STR_INIT("sina"),
					       STR_INIT("sohu")};
	struct str name = names[f->model.queue_count];
	struct forecast_lane *l = &f->lanes[f->model.lane_count];
	struct limit_scope scope = {
		.level = LEVEL_LANE, .provider = name, .site = name, .source = STR("mx1")};
	*l = (struct forecast_lane){.queue = f->model.queue_count,
				    .source = 1,
				    .service_ms = service_ms,
				    .is_measured = true,
				    .shared = {FORECAST_NONE, FORECAST_NONE, FORECAST_NONE,
					       FORECAST_NONE, FORECAST_NONE, FORECAST_NONE}};
	lane_limits_init(&l->limits, &scope, NULL, NOW);
	lane_limits_bind(&l->limits, &f->all, NULL, NOW);
	f->queues[f->model.queue_count++] =
		(struct forecast_queue){.first = f->model.lane_count++, .count = 1};
	return l;
}

static struct forecast_crowd *add_crowd(struct fixture *f, size_t campaign, size_t queue,
					double people)
{
	struct forecast_crowd *c = &f->crowds[f->model.crowd_count++];
	*c = (struct forecast_crowd){.campaign = campaign,
				     .queue = queue,
				     .fresh = people,
				     .throttled_ms = 5 * MINUTE,
				     .put_off_cost = 1,
				     .domain = FORECAST_NONE};
	f->campaigns[campaign].people += people;
	return c;
}

/* For each lane of qq, which is the first queue. */
static struct limit_rule *add_rule(struct fixture *f)
{
	struct limit_rule *r = &f->rules[f->all.count++];
	*r = (struct limit_rule){
		.id = (int64_t)f->all.count, .provider = STR("qq"), .until_ms = LIMIT_FOREVER};
	limit_values_init(&r->values);
	return r;
}

static int add_limiter(struct fixture *f, const struct limit_scope *scope)
{
	struct limiter *l = &f->limiters[f->model.limiter_count];
	limiter_init(l, scope, NOW);
	limiter_bind(l, &f->all, NULL, NOW);
	return (int)f->model.limiter_count++;
}

static const struct forecast_span *play(struct fixture *f)
{
	forecast_play(&f->model, f->crowd_spans, f->campaign_spans);
	return f->crowd_spans;
}

/* The likely end is so far away, within two per cent. */
static void assert_ends(const struct forecast_span *s, int64_t want_ms)
{
	int64_t got_ms = s->likely_ms - NOW;
	int64_t off = got_ms > want_ms ? got_ms - want_ms : want_ms - got_ms;
	if (off > want_ms / 50 + SECOND)
		fail_msg("it ends after %lld s, not %lld", (long long)got_ms / 1000,
			 (long long)want_ms / 1000);
	assert_true(s->earliest_ms <= s->likely_ms && s->likely_ms <= s->latest_ms);
}

static struct fixture f;

/* -------------------------------------------------------------------------------------- numbers */

static void a_number_a_minute_binds(void **state)
{
	(void)state;
	begin(&f);
	add_rule(&f)->values.messages[LIMIT_MINUTE] = 60;
	(void)add_queue(&f, 100);
	add_campaign(&f, 0);
	(void)add_crowd(&f, 0, 0, 3600);
	const struct forecast_span *s = play(&f);
	/* A message counts until a minute after its end, and ends are counted by the second. */
	assert_ends(s, HOUR + 30 * SECOND);
	assert_int_equal(s->bind.kind, BIND_LIMIT);
	assert_int_equal(s->bind.period, LIMIT_MINUTE);
	assert_int_equal(s->bind.cap.origin, ORIGIN_OPERATOR);
	assert_int_equal(s->bind.cap.rule, 1);
	assert_true(s->bind.part > 0.9);
}

/* What each of many sites may take is told as it was set, and holds for all of them. */
static void a_number_of_each_site_is_told_as_it_was_set(void **state)
{
	(void)state;
	begin(&f);
	add_rule(&f)->values.messages[LIMIT_MINUTE] = 60;
	add_queue(&f, 100)->sites = 2;
	add_campaign(&f, 0);
	(void)add_crowd(&f, 0, 0, 3600);
	const struct forecast_span *s = play(&f);
	assert_ends(s, HOUR + 30 * SECOND);
	assert_int_equal(s->bind.cap.count, 30);
	assert_true(s->bind.is_of_each);
}

static void connections_and_the_time_of_a_message_bind(void **state)
{
	(void)state;
	begin(&f);
	add_rule(&f)->values.connections = 10;
	(void)add_queue(&f, 500);
	add_campaign(&f, 0);
	(void)add_crowd(&f, 0, 0, 72000);
	const struct forecast_span *s = play(&f);
	assert_ends(s, HOUR);
	assert_int_equal(s->bind.kind, BIND_CONNECTIONS);
	assert_int_equal(s->bind.cap.count, 10);
	assert_int_equal((int)(s->bind.service_ms + 0.5), 500);
}

/* What it was seen to send counts more than what its connections could carry. */
static void a_pace_that_was_seen_holds(void **state)
{
	(void)state;
	begin(&f);
	struct forecast_lane *l = add_queue(&f, 500);
	l->seen_per_s = 10;
	l->doubt = 0.25;
	add_campaign(&f, 0);
	(void)add_crowd(&f, 0, 0, 36000);
	const struct forecast_span *s = play(&f);
	assert_ends(s, HOUR);
	assert_int_equal(s->bind.kind, BIND_PACE);
	/* And as much faster or slower as it is doubted. */
	assert_in_range(s->earliest_ms - NOW, 46 * MINUTE, 50 * MINUTE);
	assert_in_range(s->latest_ms - NOW, 74 * MINUTE, 77 * MINUTE);
}

/* The refused level is known: the connections stay below it. */
static void what_a_receiver_refused_is_not_gone_beyond(void **state)
{
	(void)state;
	begin(&f);
	struct forecast_lane *l = add_queue(&f, 1000);
	l->limits.controller.connections =
		(struct control){.level = 5, .ceiling = 6, .ceiling_ms = NOW, .has_signal = true};
	add_campaign(&f, 0);
	(void)add_crowd(&f, 0, 0, 18000);
	const struct forecast_span *s = play(&f);
	assert_ends(s, HOUR);
	assert_int_equal(s->bind.kind, BIND_CONNECTIONS);
	assert_int_equal(s->bind.cap.origin, ORIGIN_LEARNT);
}

static void a_day_is_waited_for(void **state)
{
	(void)state;
	begin(&f);
	add_rule(&f)->values.messages[LIMIT_DAY] = 1000;
	struct forecast_lane *l = add_queue(&f, 10);
	/* Of the first thousand a half is used, as of twelve hours ago. */
	limiter_add_usage(&l->limits.limiter, NOW - 12 * HOUR, 500, NOW);
	add_campaign(&f, 0);
	(void)add_crowd(&f, 0, 0, 2500);
	const struct forecast_span *s = play(&f);
	/* 500 now, 500 at noon, 500 the day after, and 500 at noon; 500 on the third day. */
	assert_ends(s, 2 * DAY + 24 * MINUTE);
	assert_int_equal(s->bind.period, LIMIT_DAY);
}

static void a_warm_up_grows_from_day_to_day(void **state)
{
	(void)state;
	struct warmup_plan plan;
	begin(&f);
	struct forecast_lane *l = add_queue(&f, 10);
	warmup_plan_default(&plan, 5000); /* 50, 100, 200, 500, 1000, 2000 */
	warmup_init(&l->warmup, &plan, NOW);
	l->is_warming = true;
	add_campaign(&f, 0);
	(void)add_crowd(&f, 0, 0, 50 + 100 + 200 + 500);
	const struct forecast_span *s = play(&f);
	assert_ends(s, 3 * DAY + 30 * MINUTE);
	assert_int_equal(s->bind.cap.origin, ORIGIN_WARMUP);
}

static void a_rule_that_ends_gives_way(void **state)
{
	(void)state;
	begin(&f);
	struct limit_rule *r = add_rule(&f);
	r->values.connections = 1;
	r->until_ms = NOW + HOUR;
	(void)add_queue(&f, 1000);
	add_campaign(&f, 0);
	(void)add_crowd(&f, 0, 0, 3600 + 20 * 1800); /* then 20 connections by default */
	assert_ends(play(&f), HOUR + 30 * MINUTE);
}

/* ------------------------------------------------------------------------------------ campaigns */

static void a_campaigns_own_number_holds_at_all_its_queues(void **state)
{
	(void)state;
	begin(&f);
	struct limit_rule *r = add_rule(&f);
	struct limit_scope scope = {.level = LEVEL_CAMPAIGN, .campaign = 7};
	r->provider = STR("");
	r->campaign = 7;
	r->values.messages[LIMIT_HOUR] = 6000;
	(void)add_queue(&f, 100);
	(void)add_queue(&f, 100);
	add_campaign(&f, 0);
	f.campaigns[0].limiter = add_limiter(&f, &scope);
	(void)add_crowd(&f, 0, 0, 9000);
	(void)add_crowd(&f, 0, 1, 9000);
	const struct forecast_span *s = play(&f);
	assert_ends(&s[0], 2 * HOUR + 3 * MINUTE);
	assert_ends(&s[1], 2 * HOUR + 3 * MINUTE);
	assert_int_equal(s[0].bind.level, LEVEL_CAMPAIGN);
	assert_int_equal(f.campaign_spans[0].likely_ms,
			 s[0].likely_ms > s[1].likely_ms ? s[0].likely_ms : s[1].likely_ms);
}

static void equals_share_and_the_rest_is_for_who_is_left(void **state)
{
	(void)state;
	begin(&f);
	add_rule(&f)->values.connections = 10;
	(void)add_queue(&f, 1000);
	add_campaign(&f, 0);
	add_campaign(&f, 0);
	(void)add_crowd(&f, 0, 0, 18000);
	(void)add_crowd(&f, 1, 0, 36000);
	const struct forecast_span *s = play(&f);
	assert_ends(&s[0], HOUR);
	assert_ends(&s[1], 90 * MINUTE);
	/* Nobody has a higher priority: what holds the one holds the other. */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(s[i].bind.kind, BIND_CONNECTIONS);
		assert_int_equal(s[i].bind.cap.count, 10);
	}
}

/* What lanes share is dealt evenly, whoever is asked first; and one is held by what holds it, not
 * by what holds the other. */
static void what_is_shared_is_dealt_evenly(void **state)
{
	(void)state;
	begin(&f);
	struct limit_scope of_source = {.level = LEVEL_SOURCE, .source = STR("mx1")};
	struct limit_scope of_campaign = {.level = LEVEL_CAMPAIGN, .campaign = 7};
	struct limit_rule *r = add_rule(&f);
	r->provider = STR("");
	r->source = STR("mx1");
	r->values.messages[LIMIT_SECOND] = 40;
	r = add_rule(&f);
	r->provider = STR("");
	r->campaign = 7;
	r->values.messages[LIMIT_SECOND] = 10;
	for (int i = 0; i < 3; i++) {
		add_queue(&f, 100)->shared[LEVEL_SOURCE] = i == 0 ? add_limiter(&f, &of_source) : 0;
		add_campaign(&f, 0);
	}
	f.campaigns[2].limiter = add_limiter(&f, &of_campaign);
	(void)add_crowd(&f, 0, 0, 15 * 3600);
	(void)add_crowd(&f, 1, 1, 15 * 3600);
	(void)add_crowd(&f, 2, 2, 10 * 3600);
	const struct forecast_span *s = play(&f);
	for (int i = 0; i < 3; i++)
		assert_in_range(s[i].likely_ms - NOW, 57 * MINUTE, 64 * MINUTE);
	assert_int_equal(s[0].bind.level, LEVEL_SOURCE);
	assert_int_equal(s[1].bind.level, LEVEL_SOURCE);
	assert_int_equal(s[2].bind.level, LEVEL_CAMPAIGN);
}

static void a_higher_priority_goes_first(void **state)
{
	(void)state;
	begin(&f);
	add_rule(&f)->values.connections = 10;
	(void)add_queue(&f, 1000);
	add_campaign(&f, 0);
	add_campaign(&f, 5);
	(void)add_crowd(&f, 0, 0, 12000);
	(void)add_crowd(&f, 1, 0, 36000);
	const struct forecast_span *s = play(&f);
	assert_ends(&s[1], HOUR);
	assert_ends(&s[0], 80 * MINUTE);
	assert_int_equal(s[0].bind.kind, BIND_OTHERS);
}

/* Who goes first at another queue takes nothing here, nor does who is through. */
static void a_higher_priority_that_takes_nothing_is_not_named(void **state)
{
	(void)state;
	begin(&f);
	add_rule(&f)->values.connections = 10;
	(void)add_queue(&f, 1000);
	(void)add_queue(&f, 1000);
	for (int i = 0; i < 3; i++)
		add_campaign(&f, i == 2 ? 5 : 0);
	(void)add_crowd(&f, 0, 0, 12000);
	(void)add_crowd(&f, 1, 0, 12000);
	(void)add_crowd(&f, 2, 1, 72000);
	const struct forecast_span *s = play(&f);
	for (int i = 0; i < 3; i++)
		assert_int_equal(s[i].bind.kind, BIND_CONNECTIONS);
}

static void hours_are_kept(void **state)
{
	(void)state;
	struct calendar hours = {.count = 0};
	struct err err;
	begin(&f);
	assert_int_equal(calendar_parse_hours(STR("10:00-12:00"), &hours.hours, &err), 0);
	calendar_add_offset(&hours, 0, 0);
	add_rule(&f)->values.connections = 10;
	(void)add_queue(&f, 1000);
	add_campaign(&f, 0);
	f.campaigns[0].hours[0] = &hours;
	(void)add_crowd(&f, 0, 0, 10 * 3600 * 3); /* three hours of mail */
	const struct forecast_span *s = play(&f);
	assert_ends(s, DAY + 11 * HOUR);
	assert_int_equal(s->bind.kind, BIND_HOURS);
	/* At night there is little doubt. */
	assert_true(s->earliest_ms > NOW + DAY);
}

static void a_start_is_waited_for(void **state)
{
	(void)state;
	begin(&f);
	(void)add_queue(&f, 1000);
	add_campaign(&f, 0);
	f.campaigns[0].starts_ms = NOW + 5 * HOUR;
	(void)add_crowd(&f, 0, 0, 20 * 600);
	const struct forecast_span *s = play(&f);
	assert_ends(s, 5 * HOUR + 10 * MINUTE);
	assert_int_equal(s->bind.kind, BIND_START);
	assert_true(s->earliest_ms > NOW + 5 * HOUR && s->earliest_ms < s->likely_ms);
}

static void the_deadline_ends_it(void **state)
{
	(void)state;
	begin(&f);
	add_rule(&f)->values.connections = 10;
	(void)add_queue(&f, 1000);
	add_campaign(&f, 0);
	f.campaigns[0].deadline_ms = NOW + HOUR;
	(void)add_crowd(&f, 0, 0, 72000);
	const struct forecast_span *s = play(&f);
	assert_ends(s, HOUR);
	assert_in_range((int)s->missed, 35000, 37000);
}

/* -------------------------------------------------------------------------------------- retries */

/* Everybody comes twice, and who comes back goes first: 900 s of all connections, and who had to
 * let them by waits for five minutes at the end. */
static void who_is_put_off_comes_back(void **state)
{
	(void)state;
	begin(&f);
	add_rule(&f)->values.connections = 10;
	(void)add_queue(&f, 100);
	add_campaign(&f, 0);
	struct forecast_crowd *c = add_crowd(&f, 0, 0, 60000);
	c->first.deferred = 1;
	c->put_off_cost = 0.5;
	const struct forecast_span *s = play(&f);
	assert_ends(s, 1180 * SECOND);
	c->fresh = 100;
	s = play(&f);
	assert_in_range(s->likely_ms - NOW, 4 * MINUTE, 7 * MINUTE);
	assert_int_equal(s->bind.kind, BIND_RETRIES);
	/* Nobody is put off yet. */
	assert_true(s->bind.is_expected);
}

static void those_due_later_are_waited_for(void **state)
{
	static const struct forecast_retry later[] = {{NOW + 2 * HOUR, 1, 10}, {NOW + HOUR, 2, 10}};
	(void)state;
	begin(&f);
	(void)add_queue(&f, 100);
	add_campaign(&f, 0);
	struct forecast_crowd *c = add_crowd(&f, 0, 0, 0);
	c->retries = later;
	c->retry_count = 2;
	const struct forecast_span *s = play(&f);
	assert_ends(s, 2 * HOUR);
	assert_int_equal(s->bind.kind, BIND_RETRIES);
	assert_false(s->bind.is_expected);
}

/* Who is never taken is given up after two days. */
static void all_are_given_up_some_time(void **state)
{
	(void)state;
	begin(&f);
	(void)add_queue(&f, 100);
	add_campaign(&f, 0);
	struct forecast_crowd *c = add_crowd(&f, 0, 0, 1000);
	c->first.deferred = c->later.deferred = 1;
	f.campaigns[0].give_up_ms = 2 * HOUR;
	const struct forecast_span *s = play(&f);
	assert_in_range(s->likely_ms - NOW, 2 * HOUR, 3 * HOUR);
}

/* ---------------------------------------------------------------------------------------- never */

static void what_cannot_go_never_ends(void **state)
{
	(void)state;
	static const int64_t never = FORECAST_NEVER, paused = FORECAST_PAUSED;
	static const struct calendar closed = {.count = 0};
	for (int i = 0; i < 7; i++) {
		begin(&f);
		if (i == 0)
			add_rule(&f)->values.messages[LIMIT_HOUR] = 0;
		struct forecast_lane *l = add_queue(&f, 100);
		if (i == 1)
			l->limits.paused_until_ms = LIMIT_FOREVER;
		add_campaign(&f, 0);
		struct forecast_crowd *c = add_crowd(&f, 0, 0, i < 6 ? 100 : 1);
		if (i == 2)
			c->lanes_from_ms = &never;
		if (i == 4)
			c->lanes_from_ms = &paused;
		if (i > 4)
			f.queues[0].count = f.model.lane_count = 0;
		if (i == 3)
			f.campaigns[0].hours[0] = &closed;
		static const enum forecast_bind_kind want[] = {
			BIND_LIMIT, BIND_PAUSE,	  BIND_SOURCES, BIND_HOURS,
			BIND_PAUSE, BIND_SOURCES, BIND_SOURCES};
		const struct forecast_span *s = play(&f);
		assert_int_equal(s->likely_ms, FORECAST_NEVER);
		assert_int_equal(s->latest_ms, FORECAST_NEVER);
		assert_int_equal(f.campaign_spans[0].likely_ms, FORECAST_NEVER);
		assert_int_equal(s->bind.kind, want[i]);
		/* Whose pause it is: the lane's, or the campaign's. */
		assert_int_equal(s->bind.level, i == 4 ? LEVEL_CAMPAIGN : LEVEL_LANE);
	}
}

/* 90 days of steps of five minutes, three times over, cost far more than a few jumps. */
static void what_stands_still_is_not_played(void **state)
{
	static const struct forecast_retry put_off[] = {{NOW + DAY, 1, 50}};
	(void)state;
	begin(&f);
	for (size_t i = 0; i < MOST; i++)
		add_queue(&f, 100)->limits.paused_until_ms = LIMIT_FOREVER;
	for (size_t i = 0; i < MOST; i++) {
		add_campaign(&f, 0);
		struct forecast_crowd *c = add_crowd(&f, i, i, 100);
		c->retries = put_off;
		c->retry_count = 1;
	}
	clock_t began = clock();
	const struct forecast_span *s = play(&f);
	clock_t took = clock() - began;
	assert_int_equal(s->likely_ms, FORECAST_NEVER);
	assert_int_equal(s->bind.kind, BIND_PAUSE);
	if (took > CLOCKS_PER_SEC / 50)
		fail_msg("it took %.3f s of the processor", (double)took / CLOCKS_PER_SEC);
}

static void a_pause_that_ends_is_waited_for(void **state)
{
	(void)state;
	begin(&f);
	struct forecast_lane *l = add_queue(&f, 1000);
	l->limits.paused_until_ms = NOW + 3 * HOUR;
	add_campaign(&f, 0);
	(void)add_crowd(&f, 0, 0, 20 * 600);
	const struct forecast_span *s = play(&f);
	assert_ends(s, 3 * HOUR + 10 * MINUTE);
	assert_int_equal(s->bind.kind, BIND_PAUSE);
}

static void nobody_left_is_through_now(void **state)
{
	(void)state;
	begin(&f);
	(void)add_queue(&f, 1000);
	add_campaign(&f, 0);
	(void)add_crowd(&f, 0, 0, 0);
	const struct forecast_span *s = play(&f);
	assert_int_equal(s->latest_ms, NOW);
	assert_int_equal(s->bind.kind, BIND_NOTHING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_a_minute_binds),
		cmocka_unit_test(a_number_of_each_site_is_told_as_it_was_set),
		cmocka_unit_test(connections_and_the_time_of_a_message_bind),
		cmocka_unit_test(a_pace_that_was_seen_holds),
		cmocka_unit_test(what_a_receiver_refused_is_not_gone_beyond),
		cmocka_unit_test(a_day_is_waited_for),
		cmocka_unit_test(a_warm_up_grows_from_day_to_day),
		cmocka_unit_test(a_rule_that_ends_gives_way),
		cmocka_unit_test(a_campaigns_own_number_holds_at_all_its_queues),
		cmocka_unit_test(equals_share_and_the_rest_is_for_who_is_left),
		cmocka_unit_test(what_is_shared_is_dealt_evenly),
		cmocka_unit_test(a_higher_priority_goes_first),
		cmocka_unit_test(a_higher_priority_that_takes_nothing_is_not_named),
		cmocka_unit_test(hours_are_kept),
		cmocka_unit_test(a_start_is_waited_for),
		cmocka_unit_test(the_deadline_ends_it),
		cmocka_unit_test(who_is_put_off_comes_back),
		cmocka_unit_test(those_due_later_are_waited_for),
		cmocka_unit_test(all_are_given_up_some_time),
		cmocka_unit_test(what_cannot_go_never_ends),
		cmocka_unit_test(what_stands_still_is_not_played),
		cmocka_unit_test(a_pause_that_ends_is_waited_for),
		cmocka_unit_test(nobody_left_is_through_now),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
