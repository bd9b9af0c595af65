/* SPDX-License-Identifier: MIT */
/* What is stored becomes a model: lanes with the limits in force, paces, crowds. */
#include "scheduler/report/forecast_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define NOW INT64_C(500000000)
#define NOW_US (INT64_C(1796083200000000) + 30000000) /* half a minute has gone */
#define MINUTE INT64_C(60000)
#define DAY (1440 * MINUTE)
#define ROWS 600

/* Two sources of the default pool and one of another, people at qq and of the tail. */
struct world {
	struct ip_pool_snapshot pool;
	struct source sources[3];
	struct warmup_plan plans[3];
	struct limit_rule rules[4];
	struct pause pauses[1];
	struct past_usage usage[ROWS];
	struct forecast_job jobs[2];
	struct forecast_people people[3];
	struct forecast_seen seen[1];
	struct forecast_over over[2];
	struct forecast_facts facts;
	struct forecast_build build;
};

static void add_rule(struct world *w, const struct limit_rule *rule)
{
	struct limit_rule *r = &w->rules[w->pool.limits.count++];
	*r = *rule;
	r->id = (int64_t)w->pool.limits.count;
	r->until_ms = LIMIT_FOREVER;
	limit_values_init(&r->values);
}

static void make_pool(struct world *w)
{
	static const struct str names[] = {STR_INIT("mx1"), STR_INIT("mx2"), STR_INIT("mx3")};
	struct err err;
	for (uint32_t i = 0; i < 3; i++)
		w->sources[i] = (struct source){.id = i + 1,
						.name = names[i],
						.pool = i < 2 ? STR("default") : STR("other"),
						.weight = 1,
						.state = SOURCE_ACTIVE};
	w->pool = (struct ip_pool_snapshot){.loaded_ms = NOW,
					    .sources = w->sources,
					    .plans = w->plans,
					    .source_count = 3,
					    .limits = {w->rules, 0}};
	assert_int_equal(provider_table_builtin(NULL, 0, &w->pool.providers, &err), 0);
}

static int begin(void **state)
{
	static const int32_t delays_s[] = {300, 900};
	static struct world world;
	struct world *w = &world;
	*w = (struct world){.facts = {.now_ms = NOW, .now_us = NOW_US, .delay_count = 2}};
	make_pool(w);
	for (int i = 0; i < 2; i++)
		w->jobs[i] = (struct forecast_job){.campaign = i + 1,
						   .domain = STR("a.example"),
						   .starts_ms = NOW,
						   .began_ms = NOW - 30000 - 19 * MINUTE,
						   .deadline_ms = LIMIT_FOREVER,
						   .give_up_ms = 2 * DAY};
	w->people[0] = (struct forecast_people){.queue = STR("qq"), .people = 36000};
	w->people[1] = (struct forecast_people){.queue = STR("tail"), .people = 100};
	w->people[2] = (struct forecast_people){
		.queue = STR("qq"), .attempts = 2, .due_ms = NOW + MINUTE, .people = 5};
	w->facts.pool = &w->pool;
	w->facts.usage = w->usage;
	w->facts.jobs = w->jobs;
	w->facts.job_count = 1;
	w->facts.people = w->people;
	w->facts.people_count = 3;
	w->facts.seen = w->seen;
	w->facts.over = w->over;
	w->facts.delays_s = delays_s;
	*state = w;
	return 0;
}

static int end(void **state)
{
	struct world *w = *state;
	forecast_build_done(&w->build);
	provider_table_free(w->pool.providers);
	return 0;
}

/* So many messages of a source at a target in each of the last minutes, the present one at half. */
static void sent(struct world *w, uint32_t source, int minutes, int64_t messages)
{
	for (int i = 0; i <= minutes; i++)
		w->usage[w->facts.usage_count++] =
			(struct past_usage){.at_ms = i == 0 ? NOW : NOW - 30000 - (i - 1) * MINUTE,
					    .source = source,
					    .target = STR("qq"),
					    .domain = STR("a.example"),
					    .campaign = 1,
					    .messages = i == 0 ? messages / 2 : messages};
}

static const struct forecast_lane *lane(const struct world *w, const char *queue, uint32_t source)
{
	const struct forecast_model *m = &w->build.model;
	for (size_t i = 0; i < m->lane_count; i++)
		if (m->lanes[i].source == source &&
		    str_equals(w->build.queue_names[m->lanes[i].queue], str_from(queue)))
			return &m->lanes[i];
	fail_msg("no lane %u/%s", source, queue);
	return NULL;
}

static void rows_become_queues_lanes_and_crowds(void **state)
{
	struct world *w = *state;
	forecast_build(&w->build, &w->facts);
	const struct forecast_model *m = &w->build.model;
	assert_int_equal(m->queue_count, 2);
	assert_int_equal(m->lane_count, 6);
	assert_int_equal(m->crowd_count, 2);
	assert_int_equal((int)m->crowds[0].fresh, 36000);
	assert_int_equal(m->crowds[0].retry_count, 1);
	assert_int_equal(m->crowds[0].retries[0].attempts, 2);
	/* Sources of another pool are not for it. */
	assert_true(m->crowds[0].lanes_from_ms[1] <= NOW);
	assert_true(m->crowds[0].lanes_from_ms[2] == FORECAST_NEVER);
	assert_int_equal(m->limiter_count, 0);
}

static void limits_are_those_in_force(void **state)
{
	struct world *w = *state;
	add_rule(w, &(struct limit_rule){.provider = STR("qq"), .source = STR("mx1")});
	w->rules[0].values.messages[LIMIT_HOUR] = 700;
	add_rule(w, &(struct limit_rule){.campaign = 1});
	w->rules[1].values.messages[LIMIT_DAY] = 5000;
	add_rule(w, &(struct limit_rule){.provider = STR("qq"), .is_total = true});
	w->rules[2].values.connections = 7;
	sent(w, 1, 10, 60);
	forecast_build(&w->build, &w->facts);
	const struct forecast_model *m = &w->build.model;
	const struct cap *cap = &lane(w, "qq", 1)->limits.limiter.caps.messages[LIMIT_HOUR];
	assert_int_equal(cap->count, 700);
	assert_int_equal(cap->rule, 1);
	/* What was sent counts in the windows. */
	struct limiter own = lane(w, "qq", 1)->limits.limiter;
	assert_int_equal(limiter_counted(&own, limit_meter(LIMIT_MESSAGES, LIMIT_HOUR), NOW), 630);
	assert_int_equal(m->limiter_count, 2);
	int campaign = m->campaigns[0].limiter, total = lane(w, "qq", 2)->shared[LEVEL_PROVIDER];
	assert_int_equal(m->limiters[campaign].caps.messages[LIMIT_DAY].count, 5000);
	assert_int_equal(m->limiters[total].caps.connections.count, 7);
	assert_int_equal(lane(w, "tail", 2)->shared[LEVEL_PROVIDER], FORECAST_NONE);
	struct limiter of_campaign = m->limiters[campaign];
	assert_int_equal(limiter_counted(&of_campaign, limit_meter(LIMIT_MESSAGES, LIMIT_DAY), NOW),
			 630);
}

/* The tail is many sites; one that has a queue of its own has its own limits. */
static void limits_of_sites_are_theirs(void **state)
{
	struct world *w = *state;
	w->seen[0] = (struct forecast_seen){.queue = STR("tail"), .service_ms = 300, .sites = 10};
	w->facts.seen_count = 1;
	w->people[0].queue = w->people[2].queue = STR("mx.site.example");
	add_rule(w, &(struct limit_rule){.provider = STR("tail")});
	w->rules[0].values.messages[LIMIT_MINUTE] = 30;
	add_rule(w, &(struct limit_rule){.provider = STR("mx.site.example"), .is_total = true});
	w->rules[1].values.messages[LIMIT_SECOND] = 10;
	add_rule(w, &(struct limit_rule){.provider = STR("mx.site.example"), .source = STR("mx1")});
	w->rules[2].values.messages[LIMIT_MINUTE] = 5;
	add_rule(w, &(struct limit_rule){.provider = STR("tail"), .is_total = true});
	w->rules[3].values.messages[LIMIT_HOUR] = 50;
	forecast_build(&w->build, &w->facts);
	const struct forecast_model *m = &w->build.model;
	const struct forecast_lane *rest = lane(w, "tail", 1);
	const struct forecast_lane *site = lane(w, "mx.site.example", 1);
	assert_int_equal(rest->sites, 10);
	assert_int_equal(rest->limits.limiter.caps.messages[LIMIT_MINUTE].count, 300);
	assert_int_equal(site->sites, 1);
	assert_int_equal(site->limits.limiter.caps.messages[LIMIT_MINUTE].count, 5);
	assert_int_equal(
		lane(w, "mx.site.example", 2)->limits.limiter.caps.messages[LIMIT_MINUTE].count,
		30);
	int total = site->shared[LEVEL_PROVIDER], of_rest = rest->shared[LEVEL_PROVIDER];
	assert_int_equal(m->limiters[total].caps.messages[LIMIT_SECOND].count, 10);
	assert_int_equal(m->sites[total], 1);
	assert_int_equal(m->limiters[of_rest].caps.messages[LIMIT_HOUR].count, 500);
	assert_int_equal(m->sites[of_rest], 10);
	/* What was seen of the tail is believed of each of its sites. */
	assert_true(site->is_measured && site->service_ms == 300);
}

static void a_pace_is_what_was_sent_by_the_minute(void **state)
{
	struct world *w = *state;
	sent(w, 1, 19, 600);
	forecast_build(&w->build, &w->facts);
	const struct forecast_lane *l = lane(w, "qq", 1);
	assert_true(l->seen_per_s > 9.7 && l->seen_per_s < 10.3);
	assert_true(l->doubt > 0.05 && l->doubt < 0.1);
	/* The other one sent nothing although there was work: nothing is known of it. */
	assert_true(lane(w, "qq", 2)->seen_per_s <= 0);
	assert_true(lane(w, "qq", 2)->doubt > 1);
}

/* What was sent while its hours were closed says nothing of the pace. */
static void hours_that_were_closed_are_left_out(void **state)
{
	struct world *w = *state;
	struct sending_hours *h = &w->jobs[0].hours;
	struct err err;
	sent(w, 1, 4, 600); /* since 23:55 */
	h->has_own = true;
	assert_int_equal(calendar_parse_hours(STR("23:56-00:30"), &h->own.hours, &err), 0);
	calendar_add_offset(&h->own, 0, 0);
	forecast_build(&w->build, &w->facts);
	assert_true(lane(w, "qq", 1)->seen_per_s > 9.5);
}

/* It held from so many minutes ago to so many minutes ago, on the minute. */
static struct limit_rule *over(struct world *w, int from, int to)
{
	struct forecast_over *o = &w->over[w->facts.over_count++];
	*o = (struct forecast_over){.from_ms = NOW - 30000 - (from - 1) * MINUTE,
				    .to_ms = NOW - 30000 - (to - 1) * MINUTE};
	limit_values_init(&o->rule.values);
	return &o->rule;
}

/* 60 a minute till `minutes` ago, 600 since. */
static void sent_slower_before(struct world *w, int minutes)
{
	sent(w, 1, 15, 60);
	for (int i = 0; i <= minutes; i++)
		w->usage[i].messages *= 10;
}

static void assert_pace(const struct world *w, uint32_t source, double want)
{
	double got = lane(w, "qq", source)->seen_per_s;
	if (got < want * 0.98 - 0.001 || got > want * 1.02 + 0.001)
		fail_msg("%.2f a second, not %.2f", got, want);
}

static void a_limit_that_is_over_tells_nothing_of_the_pace(void **state)
{
	struct world *w = *state;
	sent_slower_before(w, 3);
	w->jobs[0].began_ms = NOW - 30000 - 14 * MINUTE;
	struct limit_rule *r = over(w, 15, 4);
	r->provider = STR("qq");
	r->source = STR("mx1");
	r->values.messages[LIMIT_MINUTE] = 60;
	forecast_build(&w->build, &w->facts);
	assert_pace(w, 1, 10);
}

static void nor_does_one_of_everybody_who_was_sent_to(void **state)
{
	struct world *w = *state;
	sent_slower_before(w, 3);
	w->jobs[0].began_ms = NOW - 30000 - 14 * MINUTE;
	struct limit_rule *r = over(w, 15, 4);
	r->campaign = 1;
	r->values.messages[LIMIT_SECOND] = 1;
	forecast_build(&w->build, &w->facts);
	assert_pace(w, 1, 10);
	/* Others were not held by it. */
	forecast_build_done(&w->build);
	w->facts.job_count = 2;
	w->people[0].job = 1;
	forecast_build(&w->build, &w->facts);
	assert_true(lane(w, "qq", 1)->seen_per_s < 9);
}

static void a_limit_that_held_nobody_changes_nothing(void **state)
{
	struct world *w = *state;
	sent(w, 1, 15, 600);
	w->jobs[0].began_ms = NOW - 30000 - 14 * MINUTE;
	for (size_t i = 4; i < w->facts.usage_count; i++)
		w->usage[i].messages = 60;
	forecast_build(&w->build, &w->facts);
	double before = lane(w, "qq", 1)->seen_per_s;
	forecast_build_done(&w->build);
	/* More than was used of it; more than there may be now; or it was about another lane. */
	struct limit_rule *r = over(w, 15, 4);
	r->source = STR("mx1");
	r->values.messages[LIMIT_HOUR] = 5000;
	forecast_build(&w->build, &w->facts);
	assert_true(lane(w, "qq", 1)->seen_per_s == before);
	forecast_build_done(&w->build);
	limit_values_init(&r->values);
	r->provider = STR("qq");
	r->values.connections = 500;
	forecast_build(&w->build, &w->facts);
	assert_true(lane(w, "qq", 1)->seen_per_s == before);
	forecast_build_done(&w->build);
	r->source = STR("mx2");
	r->values.connections = 1;
	forecast_build(&w->build, &w->facts);
	assert_true(lane(w, "qq", 1)->seen_per_s == before);
	forecast_build_done(&w->build);
	/* Of few connections, all that was sent tells nothing. */
	r->source = STR("mx1");
	forecast_build(&w->build, &w->facts);
	assert_pace(w, 1, 10);
}

/* 15 minutes of 60 are most of 1,000 an hour only with what went before. */
static void a_limit_of_hours_that_is_over_counts_what_was_sent_before_it(void **state)
{
	struct world *w = *state;
	sent_slower_before(w, 3);
	w->jobs[0].began_ms = NOW - 30000 - 14 * MINUTE;
	struct limit_rule *r = over(w, 15, 4);
	r->source = STR("mx1");
	r->values.messages[LIMIT_HOUR] = 1000;
	forecast_build(&w->build, &w->facts);
	assert_true(lane(w, "qq", 1)->seen_per_s < 9);
	forecast_build_done(&w->build);
	w->usage[w->facts.usage_count++] = (struct past_usage){
		.at_ms = NOW - 45 * MINUTE, .source = 1, .target = STR("qq"), .messages = 300};
	w->jobs[0].began_ms = NOW - 30000 - 14 * MINUTE;
	forecast_build(&w->build, &w->facts);
	assert_pace(w, 1, 10);
}

static void a_pace_under_nothing_but_what_is_over_is_not_known(void **state)
{
	struct world *w = *state;
	sent(w, 1, 15, 60);
	struct limit_rule *r = over(w, 30, 0);
	w->over[0].to_ms = NOW;
	r->provider = STR("qq");
	r->source = STR("mx1");
	r->values.messages[LIMIT_MINUTE] = 60;
	forecast_build(&w->build, &w->facts);
	assert_pace(w, 1, 0);
}

static void a_pause_that_is_over_tells_nothing_of_the_pace(void **state)
{
	struct world *w = *state;
	sent(w, 1, 15, 600);
	w->jobs[0].began_ms = NOW - 30000 - 14 * MINUTE;
	for (size_t i = 2; i < 8; i++)
		w->usage[i].messages = i % 2;
	struct limit_rule *r = over(w, 8, 2);
	r->source = STR("mx1");
	forecast_build(&w->build, &w->facts);
	assert_pace(w, 1, 10);
}

static void a_rest_that_is_over_tells_nothing_of_the_pace(void **state)
{
	struct world *w = *state;
	sent(w, 1, 15, 600);
	sent(w, 2, 15, 600);
	w->jobs[0].began_ms = NOW - 30000 - 14 * MINUTE;
	/* It stood still once for three minutes; the other twice, as it will again. */
	for (size_t i = 0; i < w->facts.usage_count; i++) {
		bool is_second = i > 15;
		size_t minute = i % 16;
		if ((minute > 2 && minute < 6) || (is_second && minute > 8 && minute < 11))
			w->usage[i].messages = 0;
	}
	w->usage[2].messages = w->usage[6].messages = 100;
	forecast_build(&w->build, &w->facts);
	assert_pace(w, 1, 10);
	assert_true(lane(w, "qq", 2)->seen_per_s < 8);
}

static void shares_are_those_seen(void **state)
{
	struct world *w = *state;
	w->seen[0] = (struct forecast_seen){.queue = STR("qq"),
					    .tries = {1000, 400},
					    .deferred = {50, 0},
					    .throttled = {10, 0},
					    .service_ms = 400,
					    .put_off_ms = 100,
					    .throttled_ms = 60000};
	w->facts.seen_count = 1;
	forecast_build(&w->build, &w->facts);
	const struct forecast_crowd *c = &w->build.model.crowds[0];
	assert_int_equal((int)(c->first.deferred * 1000 + 0.5), 50);
	assert_int_equal((int)(c->first.throttled * 1000 + 0.5), 10);
	assert_int_equal((int)(c->later.deferred * 1000), 0);
	assert_int_equal(c->throttled_ms, 60000);
	assert_int_equal((int)(c->put_off_cost * 100 + 0.5), 25);
	assert_true(lane(w, "qq", 1)->is_measured);
	/* Of the tail nothing was seen: something is believed. */
	assert_true(w->build.model.crowds[1].first.deferred > 0);
}

static void pauses_of_a_campaign_hold_its_lanes(void **state)
{
	struct world *w = *state;
	w->pauses[0] = (struct pause){
		.id = 1, .campaign = 1, .source = STR("mx2"), .until_ms = NOW + 5 * MINUTE};
	w->pool.pauses = w->pauses;
	w->pool.pause_count = 1;
	forecast_build(&w->build, &w->facts);
	const struct forecast_model *m = &w->build.model;
	assert_true(m->crowds[0].lanes_from_ms[0] <= NOW);
	assert_int_equal(m->crowds[0].lanes_from_ms[1], NOW + 5 * MINUTE);
	assert_int_equal(lane(w, "qq", 2)->limits.paused_until_ms, 0);
}

static void what_a_lane_has_learnt_is_loaded(void **state)
{
	struct world *w = *state;
	struct lane_record record = {.source = 1, .target = STR("qq"), .warmup = {.step = 2}};
	assert_int_equal(lane_state_parse(STR("{}"), &record.state), 0);
	record.state.controller.connections = 5;
	record.state.controller.connections_ceiling = 6;
	record.state.controller.connections_cut_age_ms = MINUTE;
	w->pool.lanes = &record;
	w->pool.lane_count = 1;
	warmup_plan_default(&w->plans[0], 5000);
	forecast_build(&w->build, &w->facts);
	const struct forecast_lane *l = lane(w, "qq", 1);
	assert_int_equal((int)l->limits.controller.connections.ceiling, 6);
	assert_true(l->is_warming);
	assert_int_equal(warmup_budget(&l->warmup), 200);
	assert_false(lane(w, "qq", 2)->is_warming);
}

static void a_lane_that_is_refused_now_is_dead(void **state)
{
	static const struct forecast_refused refused = {.source = STR_INIT("mx1"),
							.queue = STR_INIT("qq"),
							.said = STR_INIT("Connection refused"),
							.since_ms = NOW - MINUTE,
							.probes_ms = NOW + 20000};
	struct world *w = *state;
	w->facts.refused = &refused;
	w->facts.refused_count = 1;
	forecast_build(&w->build, &w->facts);
	assert_true(health_is_dead(&lane(w, "qq", 1)->limits.health));
	assert_int_equal(lane(w, "qq", 1)->limits.health.probe_at_ms, NOW + 20000);
	assert_false(health_is_dead(&lane(w, "qq", 2)->limits.health));
	assert_false(health_is_dead(&lane(w, "tail", 1)->limits.health));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rows_become_queues_lanes_and_crowds, begin, end),
		cmocka_unit_test_setup_teardown(limits_are_those_in_force, begin, end),
		cmocka_unit_test_setup_teardown(limits_of_sites_are_theirs, begin, end),
		cmocka_unit_test_setup_teardown(a_pace_is_what_was_sent_by_the_minute, begin, end),
		cmocka_unit_test_setup_teardown(hours_that_were_closed_are_left_out, begin, end),
		cmocka_unit_test_setup_teardown(a_limit_that_is_over_tells_nothing_of_the_pace,
						begin, end),
		cmocka_unit_test_setup_teardown(nor_does_one_of_everybody_who_was_sent_to, begin,
						end),
		cmocka_unit_test_setup_teardown(a_limit_that_held_nobody_changes_nothing, begin,
						end),
		cmocka_unit_test_setup_teardown(
			a_limit_of_hours_that_is_over_counts_what_was_sent_before_it, begin, end),
		cmocka_unit_test_setup_teardown(a_pace_under_nothing_but_what_is_over_is_not_known,
						begin, end),
		cmocka_unit_test_setup_teardown(a_pause_that_is_over_tells_nothing_of_the_pace,
						begin, end),
		cmocka_unit_test_setup_teardown(a_rest_that_is_over_tells_nothing_of_the_pace,
						begin, end),
		cmocka_unit_test_setup_teardown(shares_are_those_seen, begin, end),
		cmocka_unit_test_setup_teardown(pauses_of_a_campaign_hold_its_lanes, begin, end),
		cmocka_unit_test_setup_teardown(what_a_lane_has_learnt_is_loaded, begin, end),
		cmocka_unit_test_setup_teardown(a_lane_that_is_refused_now_is_dead, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
