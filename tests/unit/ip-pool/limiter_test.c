/* SPDX-License-Identifier: MIT */
/*
 * The limiter against a receiver that counts. Each message has a random latency, and the receiver
 * counts it at a random moment between its MAIL and its final reply. Whatever the edits, no window
 * may hold more than the largest limit that was in force while its messages were begun.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "engine/base/hash.h"
#include "ip-pool/limiter.h"

#define EVENTS_MAX 20000
#define IN_FLIGHT_MAX 64

struct event {
	int64_t begun, counted, ended;
	int64_t limit; /* in force at its beginning */
};

struct world {
	uint64_t prng;
	int64_t now;
	enum limit_period period;
	struct limit_rule rule;
	struct limit_rules rules;
	struct limiter limiter;
	struct event events[EVENTS_MAX];
	size_t count;
	size_t in_flight[IN_FLIGHT_MAX];
	size_t in_flight_count;
	int64_t max_latency;
};

static int64_t random_below(struct world *w, int64_t n)
{
	return (int64_t)(prng_next(&w->prng) % (uint64_t)n);
}

static void set_limit(struct world *w, int64_t n)
{
	w->rule.values.messages[w->period] = n;
	limiter_bind(&w->limiter, &w->rules, NULL, w->now);
}

static void world_init(struct world *w, uint64_t seed, enum limit_period period, int64_t n)
{
	static const struct limit_scope scope = {
		.level = LEVEL_LANE, .provider = STR_INIT("qq"), .source = STR_INIT("mx1")};
	*w = (struct world){.prng = seed, .now = 1000000 + (int64_t)(seed % 977), .period = period};
	w->rule = (struct limit_rule){.id = 1, .provider = STR("qq"), .until_ms = LIMIT_FOREVER};
	limit_values_init(&w->rule.values);
	w->rules = (struct limit_rules){&w->rule, 1};
	w->max_latency = limit_period_ms(period) / 3;
	limiter_init(&w->limiter, &scope, w->now);
	set_limit(w, n);
}

static void begin_message(struct world *w)
{
	must(w->count < EVENTS_MAX && w->in_flight_count < IN_FLIGHT_MAX);
	limiter_take_message(&w->limiter, w->now);
	int64_t latency = 1 + random_below(w, w->max_latency);
	if (random_below(w, 4) != 0)
		latency = 1 + latency / 20;
	struct event *e = &w->events[w->count];
	e->begun = w->now;
	e->ended = w->now + latency;
	e->counted = w->now + random_below(w, latency + 1);
	e->limit = w->rule.values.messages[w->period];
	w->in_flight[w->in_flight_count++] = w->count++;
}

static void end_messages(struct world *w)
{
	for (size_t i = 0; i < w->in_flight_count;) {
		const struct event *e = &w->events[w->in_flight[i]];
		if (e->ended > w->now) {
			i++;
			continue;
		}
		limiter_end_message(&w->limiter, w->now);
		w->in_flight[i] = w->in_flight[--w->in_flight_count];
	}
}

static int64_t next_end(const struct world *w)
{
	int64_t next = INT64_MAX;
	for (size_t i = 0; i < w->in_flight_count; i++)
		if (w->events[w->in_flight[i]].ended < next)
			next = w->events[w->in_flight[i]].ended;
	return next;
}

/* Sends as much as it may until end_ms; an impatient sender with many connections. */
static void run_until(struct world *w, int64_t end_ms)
{
	while (w->now < end_ms) {
		end_messages(w);
		struct limiter_wait wait;
		int64_t at = limiter_message_ready_at(&w->limiter, w->now, &wait);
		if (at <= w->now && w->in_flight_count < IN_FLIGHT_MAX) {
			begin_message(w);
			continue;
		}
		int64_t next = next_end(w);
		if (at > w->now && at < next)
			next = at;
		assert_true(next > w->now);
		w->now = next < end_ms ? next : end_ms;
	}
}

static int by_counted(const void *a, const void *b)
{
	const struct event *x = a, *y = b;
	return (x->counted > y->counted) - (x->counted < y->counted);
}

/* No half-open window of one period holds more than the largest limit of its events. */
static void assert_no_window_is_full(struct world *w)
{
	int64_t period_ms = limit_period_ms(w->period);
	qsort(w->events, w->count, sizeof(w->events[0]), by_counted);
	size_t first = 0;
	for (size_t i = 0; i < w->count; i++) {
		while (w->events[first].counted <= w->events[i].counted - period_ms)
			first++;
		int64_t limit = 0;
		for (size_t k = first; k <= i; k++)
			limit = w->events[k].limit > limit ? w->events[k].limit : limit;
		assert_true((int64_t)(i - first + 1) <= limit);
	}
}

static void no_window_sees_more_than_the_limit(void **state)
{
	(void)state;
	static struct world w;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		enum limit_period period = (enum limit_period)(seed % LIMIT_PERIOD_COUNT);
		int64_t n = 1 + (int64_t)(seed * 7 % 60);
		world_init(&w, seed, period, n);
		run_until(&w, w.now + 8 * limit_period_ms(period));
		assert_no_window_is_full(&w);
		/* And it is used: the windows are as full as latencies allow. */
		assert_true((int64_t)w.count > 4 * n);
	}
}

static void edits_never_reset_or_widen_a_window(void **state)
{
	(void)state;
	static struct world w;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		enum limit_period period = (enum limit_period)(seed % LIMIT_PERIOD_COUNT);
		int64_t period_ms = limit_period_ms(period);
		world_init(&w, seed * 31, period, 20);
		for (int edit = 0; edit < 40; edit++) {
			run_until(&w, w.now + 1 + random_below(&w, period_ms / 3));
			set_limit(&w, 1 + random_below(&w, 40));
		}
		assert_no_window_is_full(&w);
	}
}

/*
 * The program is killed and starts again a little later: ended messages are known by the minute
 * they ended in; of those in flight only how many connections there may have been.
 */
static void restart(struct world *w)
{
	int64_t killed_ms = w->now;
	struct limit_scope scope = w->limiter.scope;
	for (size_t i = 0; i < w->in_flight_count; i++) {
		struct event *e = &w->events[w->in_flight[i]];
		e->ended = INT64_MAX;
		e->counted = e->counted < killed_ms ? e->counted : killed_ms;
	}
	w->now += random_below(w, limit_period_ms(w->period) / 5);
	limiter_init(&w->limiter, &scope, w->now);
	for (size_t i = 0; i < w->count; i++) {
		struct event *e = &w->events[i];
		if (e->ended != INT64_MAX)
			limiter_add_usage(&w->limiter, (e->ended / 60000 + 1) * 60000, 1, w->now);
		else
			e->ended = w->now; /* one for each connection, see below */
	}
	limiter_distrust(&w->limiter, (int64_t)w->in_flight_count, w->now + 2000, killed_ms,
			 w->now);
	w->in_flight_count = 0;
	set_limit(w, w->rule.values.messages[w->period]);
}

static void restarts_never_widen_a_window(void **state)
{
	(void)state;
	static struct world w;
	for (uint64_t seed = 1; seed <= 800; seed++) {
		enum limit_period period = (enum limit_period)(seed % LIMIT_PERIOD_COUNT);
		int64_t ms = limit_period_ms(period);
		world_init(&w, seed * 17, period, 1 + (int64_t)(seed % 30));
		run_until(&w, w.now + 1 + random_below(&w, ms));
		restart(&w);
		set_limit(&w, 1 + random_below(&w, 30));
		run_until(&w, w.now + 1 + random_below(&w, ms));
		assert_no_window_is_full(&w);
	}
}

/* The rules are taken away and come back: what was sent meanwhile counts. */
static void a_new_limit_counts_what_was_sent_before(void **state)
{
	(void)state;
	static struct world w;
	struct limiter_wait wait;
	world_init(&w, 5, LIMIT_HOUR, 50);
	limiter_bind(&w.limiter, NULL, NULL, w.now);
	for (int i = 0; i < 60; i++) {
		limiter_take_message(&w.limiter, w.now);
		limiter_end_message(&w.limiter, w.now + 10);
	}
	set_limit(&w, 50);
	int64_t at = limiter_message_ready_at(&w.limiter, w.now + 20, &wait);
	assert_true(at >= w.now + 10 + 3600000);
	assert_true(at <= w.now + 10 + 3600000 + 60000);
	assert_int_equal(wait.period, LIMIT_HOUR);
	assert_int_equal(wait.cap.origin, ORIGIN_OPERATOR);
}

static void large_limits_are_spaced_and_nearly_used_up(void **state)
{
	(void)state;
	static struct world w;
	world_init(&w, 9, LIMIT_SECOND, 1800);
	w.max_latency = 40;
	run_until(&w, w.now + 5000);
	assert_no_window_is_full(&w);
	assert_true(w.count > 5 * 1800 * 90 / 100);
}

static void restart_takes_short_periods_as_spent(void **state)
{
	(void)state;
	static struct world w;
	struct limiter_wait wait;
	world_init(&w, 3, LIMIT_MINUTE, 10);
	limiter_distrust(&w.limiter, 0, 0, w.now - 20000, w.now);
	assert_true(limiter_message_ready_at(&w.limiter, w.now, &wait) == w.now + 40000);
}

static void restart_rebuilds_long_periods_from_usage(void **state)
{
	(void)state;
	static struct world w;
	struct limiter_wait wait;
	world_init(&w, 3, LIMIT_DAY, 100);
	limiter_add_usage(&w.limiter, w.now - 80000000, 60, w.now);
	limiter_add_usage(&w.limiter, w.now - 3000000, 39, w.now);
	limiter_add_usage(&w.limiter, w.now - 90000000, 500, w.now); /* more than a day ago */
	assert_true(limiter_message_ready_at(&w.limiter, w.now, &wait) == w.now);
	/* One message for each connection there may have been. */
	limiter_distrust(&w.limiter, 1, w.now + 2000, w.now - 5000000, w.now);
	int64_t at = limiter_message_ready_at(&w.limiter, w.now, &wait);
	assert_true(at >= w.now - 80000000 + 86400000);
	assert_true(at <= w.now - 80000000 + 86400000 + 1440000);
}

/* A lane first used hours after the restart owes nothing for it any more. */
static void a_restart_long_ago_costs_a_new_limiter_nothing(void **state)
{
	(void)state;
	static struct world w;
	struct limiter_wait wait;
	world_init(&w, 3, LIMIT_HOUR, 30);
	w.rule.values.connections = 20;
	set_limit(&w, 30);
	int64_t restarted_ms = w.now - 3 * limit_period_ms(LIMIT_HOUR);
	limiter_distrust(&w.limiter, 20, restarted_ms + 2000, restarted_ms - 5000, w.now);
	assert_int_equal(limiter_open_connections(&w.limiter, w.now), 0);
	assert_int_equal(
		limiter_counted(&w.limiter, limit_meter(LIMIT_MESSAGES, LIMIT_HOUR), w.now), 0);
	assert_true(limiter_connection_ready_at(&w.limiter, w.now, &wait) == w.now);
	assert_true(limiter_message_ready_at(&w.limiter, w.now, &wait) == w.now);
}

static void connections_count_until_their_end(void **state)
{
	(void)state;
	static struct world w;
	struct limiter_wait wait;
	world_init(&w, 3, LIMIT_SECOND, 1);
	w.rule.values.connections = 2;
	w.rule.values.new_connections[LIMIT_MINUTE] = 3;
	set_limit(&w, 1);
	limiter_take_connection(&w.limiter, w.now);
	w.now += 20000;
	limiter_settle_connection(&w.limiter, w.now);
	limiter_take_connection(&w.limiter, w.now);
	assert_true(limiter_connection_ready_at(&w.limiter, w.now, &wait) == LIMITER_ON_EVENT);
	assert_int_equal(wait.kind, LIMIT_CONNECTIONS);
	limiter_settle_connection(&w.limiter, w.now);
	limiter_end_connection(&w.limiter);
	w.now += 20000;
	assert_true(limiter_connection_ready_at(&w.limiter, w.now, &wait) == w.now);
	limiter_take_connection(&w.limiter, w.now);
	limiter_settle_connection(&w.limiter, w.now);
	limiter_end_connection(&w.limiter);
	int64_t at = limiter_connection_ready_at(&w.limiter, w.now, &wait);
	assert_true(at > w.now && at <= w.now + 41000);
	assert_int_equal(wait.kind, LIMIT_NEW_CONNECTIONS);
	/* After an unclean stop the old ones may still stand. */
	w.now += 120000;
	limiter_distrust(&w.limiter, 2, w.now + 2000, w.now - 100000, w.now);
	assert_true(limiter_connection_ready_at(&w.limiter, w.now, &wait) == w.now + 2000);
	assert_true(limiter_connection_ready_at(&w.limiter, w.now + 2000, &wait) == w.now + 2000);
}

/* A campaign's connections are those that carry a message of it. */
static void a_campaigns_connections_are_those_at_work_for_it(void **state)
{
	(void)state;
	struct limit_scope scope = {.level = LEVEL_CAMPAIGN, .campaign = 7};
	struct limit_rule rule = {.id = 1, .campaign = 7, .until_ms = LIMIT_FOREVER};
	struct limit_rules rules = {&rule, 1};
	struct limiter l;
	struct limiter_wait wait;
	limit_values_init(&rule.values);
	rule.values.connections = 2;
	limiter_init(&l, &scope, 0);
	limiter_bind(&l, &rules, NULL, 0);
	limiter_take_message(&l, 0);
	assert_int_equal(limiter_message_ready_at(&l, 1, &wait), 1);
	limiter_take_message(&l, 1);
	assert_true(limiter_message_ready_at(&l, 2, &wait) == LIMITER_ON_EVENT);
	assert_int_equal(wait.kind, LIMIT_CONNECTIONS);
	assert_int_equal(limiter_counted(&l, limit_meter(LIMIT_CONNECTIONS, LIMIT_SECOND), 2), 2);
	limiter_end_message(&l, 3);
	assert_int_equal(limiter_message_ready_at(&l, 3, &wait), 3);
}

static void a_rule_that_ends_gives_way(void **state)
{
	(void)state;
	static struct world w;
	struct limiter_wait wait;
	world_init(&w, 3, LIMIT_SECOND, 1);
	w.rule.values.connections = 1;
	w.rule.until_ms = w.now + 1000;
	set_limit(&w, 1);
	limiter_take_connection(&w.limiter, w.now);
	assert_true(limiter_connection_ready_at(&w.limiter, w.now, &wait) > w.now);
	w.now += 1000;
	assert_true(limiter_connection_ready_at(&w.limiter, w.now, &wait) == w.now);
	assert_int_equal(w.limiter.caps.connections.origin, ORIGIN_DEFAULT);
}

/* What nothing counts against any more need not be kept. */
static void blank_a_day_after_the_last_message(void **state)
{
	(void)state;
	struct limiter l;
	struct limit_scope scope = {.level = LEVEL_CAMPAIGN, .campaign = 7};
	static const struct limit_rules none;
	limiter_init(&l, &scope, 0);
	limiter_bind(&l, &none, NULL, 0);
	assert_true(limiter_is_blank(&l, 0));
	limiter_take_message(&l, 1000);
	assert_false(limiter_is_blank(&l, 1000 + 3 * limit_period_ms(LIMIT_DAY)));
	limiter_end_message(&l, 2000);
	assert_false(limiter_is_blank(&l, 1999 + limit_period_ms(LIMIT_DAY)));
	assert_true(limiter_is_blank(&l, 2000 + 2 * limit_period_ms(LIMIT_DAY)));
}

static void not_blank_while_there_is_a_limit(void **state)
{
	(void)state;
	static struct world w;
	world_init(&w, 3, LIMIT_SECOND, 1);
	set_limit(&w, 1);
	assert_false(limiter_is_blank(&w.limiter, w.now));
}

static int64_t count_of(struct limiter *l, enum limit_kind kind, enum limit_period period,
			int64_t now)
{
	return limiter_counted(l, limit_meter(kind, period), now);
}

/* A limit over all lanes of a site that comes while they are at work. */
static void a_limiter_made_later_counts_what_others_counted(void **state)
{
	(void)state;
	static const struct limit_scope scope = {.level = LEVEL_PROVIDER,
						 .site = STR_INIT("mx.peer.example")};
	static struct limiter lanes[2], all;
	const int64_t then = 1000000, now = then + 30000;
	for (int i = 0; i < 2; i++) {
		limiter_init(&lanes[i], &scope, then);
		for (int k = 0; k < 3; k++) {
			limiter_take_connection(&lanes[i], then);
			limiter_settle_connection(&lanes[i], then + 50);
			limiter_take_message(&lanes[i], then + 100);
		}
		limiter_end_message(&lanes[i], then + 200);
		limiter_end_connection(&lanes[i]);
	}
	limiter_distrust(&lanes[1], 5, now + 2000, then, now);
	limiter_init(&all, &scope, now);
	for (int i = 0; i < 2; i++) {
		limiter_merge(&all, &lanes[i], now);
		for (int k = 0; k < 2; k++) {
			limiter_adopt_message(&all);
			limiter_adopt_connection(&all, true, k == 0);
		}
	}
	assert_true(limiter_open_connections(&all, now) == 4 + 5);
	assert_true(count_of(&all, LIMIT_NEW_CONNECTIONS, LIMIT_MINUTE, now) == 6);
	assert_true(count_of(&all, LIMIT_NEW_CONNECTIONS, LIMIT_DAY, now) == 6);
	/* Two ended, five that nobody wrote down, four under way. */
	assert_true(count_of(&all, LIMIT_MESSAGES, LIMIT_HOUR, now) == 11);
	assert_true(count_of(&all, LIMIT_MESSAGES, LIMIT_SECOND, now) == 9);
	assert_true(tally_is_spent(&all.messages, LIMIT_MINUTE, now));
	for (int k = 0; k < 4; k++)
		limiter_end_message(&all, now + 10);
	assert_true(count_of(&all, LIMIT_MESSAGES, LIMIT_HOUR, now + 10) == 11);
	assert_true(count_of(&all, LIMIT_MESSAGES, LIMIT_HOUR, now + 4000000) == 0);
}

static void restart_rebuilds_new_connections_from_usage(void **state)
{
	(void)state;
	static struct world w;
	struct limiter_wait wait;
	world_init(&w, 5, LIMIT_HOUR, 1000);
	w.rule.values.new_connections[LIMIT_HOUR] = 10;
	limiter_bind(&w.limiter, &w.rules, NULL, w.now);
	limiter_add_connects(&w.limiter, w.now - 60000, 9, w.now);
	assert_true(limiter_connection_ready_at(&w.limiter, w.now, &wait) == w.now);
	limiter_add_connects(&w.limiter, w.now - 30000, 1, w.now);
	assert_true(limiter_connection_ready_at(&w.limiter, w.now, &wait) > w.now + 50 * 60000);
	assert_int_equal(wait.kind, LIMIT_NEW_CONNECTIONS);
	assert_int_equal(wait.period, LIMIT_HOUR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_window_sees_more_than_the_limit),
		cmocka_unit_test(edits_never_reset_or_widen_a_window),
		cmocka_unit_test(restarts_never_widen_a_window),
		cmocka_unit_test(a_new_limit_counts_what_was_sent_before),
		cmocka_unit_test(large_limits_are_spaced_and_nearly_used_up),
		cmocka_unit_test(restart_takes_short_periods_as_spent),
		cmocka_unit_test(restart_rebuilds_long_periods_from_usage),
		cmocka_unit_test(a_restart_long_ago_costs_a_new_limiter_nothing),
		cmocka_unit_test(connections_count_until_their_end),
		cmocka_unit_test(a_campaigns_connections_are_those_at_work_for_it),
		cmocka_unit_test(a_rule_that_ends_gives_way),
		cmocka_unit_test(blank_a_day_after_the_last_message),
		cmocka_unit_test(not_blank_while_there_is_a_limit),
		cmocka_unit_test(a_limiter_made_later_counts_what_others_counted),
		cmocka_unit_test(restart_rebuilds_new_connections_from_usage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
