/* SPDX-License-Identifier: MIT */
/*
 * Shares: several holders with limiters of their own, who deals and slow reports; a receiver that
 * counts them all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "engine/base/hash.h"
#include "ip-pool/limiter.h"
#include "ip-pool/shares.h"

#define HOLDERS 4
#define EVENTS_MAX 40000
#define IN_FLIGHT_MAX 20

struct holder {
	struct limiter limiter;
	int64_t ends[IN_FLIGHT_MAX];
	int in_flight;
};

struct fleet {
	uint64_t prng;
	int64_t now;
	struct holder holders[HOLDERS];
	int64_t counted[EVENTS_MAX];
	size_t count;
};

static int64_t random_below(struct fleet *f, int64_t n)
{
	return (int64_t)(prng_next(&f->prng) % (uint64_t)n);
}

static void fleet_init(struct fleet *f, uint64_t seed)
{
	static const struct limit_scope scope = {.level = LEVEL_CAMPAIGN, .campaign = 1};
	*f = (struct fleet){.prng = seed, .now = 100000};
	for (int i = 0; i < HOLDERS; i++)
		limiter_init(&f->holders[i].limiter, &scope, f->now);
}

static void end_messages(struct fleet *f, struct holder *h)
{
	for (int i = 0; i < h->in_flight;) {
		if (h->ends[i] > f->now) {
			i++;
			continue;
		}
		limiter_end_message(&h->limiter, f->now);
		h->in_flight--;
		h->ends[i] = h->ends[h->in_flight];
	}
}

static void begin_messages(struct fleet *f, struct holder *h, int64_t latency_max)
{
	struct limiter_wait wait;
	while (h->in_flight < IN_FLIGHT_MAX && f->count < EVENTS_MAX &&
	       limiter_message_ready_at(&h->limiter, f->now, &wait) <= f->now) {
		int64_t latency = 1 + random_below(f, latency_max);
		limiter_take_message(&h->limiter, f->now);
		h->ends[h->in_flight++] = f->now + latency;
		f->counted[f->count++] = f->now + random_below(f, latency + 1);
	}
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static int64_t fullest_window(struct fleet *f, int64_t period_ms)
{
	int64_t most = 0;
	size_t first = 0;
	qsort(f->counted, f->count, sizeof(f->counted[0]), by_value);
	for (size_t i = 0; i < f->count; i++) {
		while (f->counted[first] <= f->counted[i] - period_ms)
			first++;
		most = (int64_t)(i - first + 1) > most ? (int64_t)(i - first + 1) : most;
	}
	return most;
}

static const struct limit_rule thirty = {
	.id = 1,
	.campaign = 1,
	.until_ms = LIMIT_FOREVER,
	.values = {.connections = LIMIT_NONE,
		   .messages_per_connection = LIMIT_NONE,
		   .new_connections = {LIMIT_NONE, LIMIT_NONE, LIMIT_NONE, LIMIT_NONE},
		   .messages = {30, LIMIT_NONE, LIMIT_NONE, LIMIT_NONE}},
};
static const struct limit_rules thirty_a_second = {&thirty, 1};

/* One mailbox each way, now and then: told, then confirmed. */
static void step_share(struct fleet *f, struct share_table *table)
{
	int meter = limit_meter(LIMIT_MESSAGES, LIMIT_SECOND);
	uint32_t who = (uint32_t)random_below(f, HOLDERS);
	struct holder *h = &f->holders[who];
	uint64_t version;
	if (random_below(f, 20) == 0)
		share_want(table, who, random_below(f, 40));
	int64_t part = share_told(table, who, &version);
	limiter_set_share(&h->limiter, meter, part, version);
	for (int i = 0; i < HOLDERS; i++)
		end_messages(f, &f->holders[i]);
	share_confirm(table, who, version, limiter_counted(&h->limiter, meter, f->now));
	begin_messages(f, h, 200);
}

static void shares_never_pass_the_limit(void **state)
{
	(void)state;
	static struct fleet f;
	for (uint64_t seed = 1; seed <= 12; seed++) {
		struct share_table table;
		fleet_init(&f, seed * 3);
		share_table_init(&table, 30);
		for (uint32_t i = 0; i < HOLDERS; i++) {
			share_join(&table, i);
			limiter_divide(&f.holders[i].limiter, LIMIT_FOREVER);
			limiter_bind(&f.holders[i].limiter, &thirty_a_second, NULL, 0);
		}
		for (int step = 0; step < 8000; step++) {
			f.now += 1 + random_below(&f, 10);
			step_share(&f, &table);
			if (step % 10 == 0)
				share_deal(&table, f.now);
		}
		assert_true(fullest_window(&f, 1000) <= 30);
		assert_true(f.count > 400);
		share_table_done(&table);
	}
}

static void shares_are_dealt_fairly(void **state)
{
	(void)state;
	struct share_table t;
	uint64_t version;
	share_table_init(&t, 10);
	for (uint32_t i = 0; i < 3; i++)
		share_join(&t, i);
	share_want(&t, 0, 2);
	share_want(&t, 1, 20);
	share_want(&t, 2, 20);
	share_deal(&t, 1000);
	assert_int_equal(share_told(&t, 0, &version), 2);
	assert_int_equal(share_told(&t, 1, &version), 4);
	assert_int_equal(share_told(&t, 2, &version), 4);
	/* What one gives up is dealt only when it says that it fits. */
	share_want(&t, 1, 0);
	share_deal(&t, 2000);
	assert_int_equal(share_told(&t, 1, &version), 0);
	uint64_t unused;
	assert_int_equal(share_told(&t, 2, &unused), 4);
	share_confirm(&t, 1, version - 1, 0);
	share_deal(&t, 2000);
	assert_int_equal(share_told(&t, 2, &unused), 4);
	share_confirm(&t, 1, version, 0);
	share_deal(&t, 2000);
	assert_int_equal(share_told(&t, 2, &unused), 8);
	/* What nobody wants is room for those who want some. */
	share_want(&t, 0, 0);
	share_want(&t, 2, 3);
	share_confirm(&t, 0, 0, 0);
	share_deal(&t, 3000);
	assert_int_equal(share_told(&t, 2, &unused), 8);
	(void)share_told(&t, 0, &version);
	share_confirm(&t, 0, version, 0);
	share_deal(&t, 3000);
	assert_int_equal(share_told(&t, 2, &unused), 10);
	share_table_done(&t);
}

static void fewer_permits_than_holders_go_round(void **state)
{
	(void)state;
	struct share_table t;
	uint64_t version;
	share_table_init(&t, 1);
	share_join(&t, 1);
	share_join(&t, 2);
	share_want(&t, 1, 5);
	share_want(&t, 2, 5);
	share_deal(&t, 1000);
	assert_int_equal(share_told(&t, 1, &version), 1);
	share_deal(&t, 1500);
	share_deal(&t, 3000);
	assert_int_equal(share_told(&t, 1, &version), 0);
	share_confirm(&t, 1, version, 1);
	share_deal(&t, 3100);
	assert_int_equal(share_told(&t, 2, &version), 0);
	(void)share_told(&t, 1, &version);
	share_confirm(&t, 1, version, 0);
	share_deal(&t, 3200);
	assert_int_equal(share_told(&t, 2, &version), 1);
	share_table_done(&t);
}

/* Whoever has used much shrinks as what it counts fades; the rest is free for others at once. */
static void what_fades_is_dealt_bit_by_bit(void **state)
{
	(void)state;
	struct share_table t;
	uint64_t version;
	share_table_init(&t, 100);
	share_join(&t, 1);
	share_join(&t, 2);
	share_want(&t, 1, 1000);
	share_deal(&t, 1000);
	share_want(&t, 2, 1000);
	share_deal(&t, 2000);
	assert_int_equal(share_told(&t, 2, &version), 0);
	assert_int_equal(share_told(&t, 1, &version), 50);
	static const struct {
		int64_t counted, want_other;
	} rows[] = {{90, 10}, {70, 30}, {40, 50}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		share_confirm(&t, 1, version, rows[i].counted);
		share_deal(&t, 2000);
		uint64_t other;
		assert_int_equal(share_told(&t, 2, &other), rows[i].want_other);
		assert_int_equal(share_told(&t, 1, &version), 50);
	}
	share_table_done(&t);
}

/* Seconds and connections of a campaign that may use its shares until 1000. */
static void init_with_shares(struct limiter *l, const struct limit_rules *rules)
{
	static const struct limit_scope scope = {.level = LEVEL_CAMPAIGN, .campaign = 1};
	limiter_init(l, &scope, 0);
	limiter_divide(l, 1000);
	limiter_bind(l, rules, NULL, 0);
}

static void a_share_is_over_with_its_lease(void **state)
{
	(void)state;
	struct limit_rule rule = thirty;
	struct limiter l;
	struct limiter_wait wait;
	rule.values.connections = 9;
	init_with_shares(&l, &(struct limit_rules){&rule, 1});
	limiter_set_share(&l, limit_meter(LIMIT_MESSAGES, LIMIT_SECOND), 5, 1);
	limiter_set_share(&l, limit_meter(LIMIT_CONNECTIONS, LIMIT_SECOND), 2, 1);
	assert_true(limiter_message_ready_at(&l, 999, &wait) == 999);
	assert_true(limiter_connection_ready_at(&l, 999, &wait) == 999);
	limiter_take_connection(&l, 999);
	assert_false(limiter_has_surplus(&l, 999));
	assert_true(limiter_message_ready_at(&l, 1000, &wait) > 1000);
	assert_int_equal(wait.cap.origin, ORIGIN_SLICE);
	assert_int_equal(wait.cap.until_ms, 1000);
	assert_true(limiter_connection_ready_at(&l, 1000, &wait) > 1000);
	assert_true(limiter_has_surplus(&l, 1000));
	limiter_extend_shares(&l, 2000);
	assert_true(limiter_message_ready_at(&l, 1000, &wait) == 1000);
	assert_false(limiter_has_surplus(&l, 1000));
}

static void what_is_wanted_is_what_is_used(void **state)
{
	(void)state;
	struct limiter l;
	int meter = limit_meter(LIMIT_MESSAGES, LIMIT_SECOND);
	init_with_shares(&l, &thirty_a_second);
	assert_int_equal(limiter_wanted(&l, meter, 0), 0);
	/* Nothing to use, and somebody waits. */
	l.shares[meter].is_short = true;
	assert_int_equal(limiter_wanted(&l, meter, 0), LIMIT_MAX_COUNT);
	limiter_set_share(&l, meter, 30, 1);
	for (int i = 0; i < 16; i++)
		limiter_take_message(&l, 0);
	/* Who waits for the spacing alone is not short. */
	assert_int_equal(limiter_wanted(&l, meter, 0), 16 + 2 + 1);
	limiter_set_share(&l, meter, 17, 2);
	assert_int_equal(limiter_wanted(&l, meter, 0), LIMIT_MAX_COUNT);
	limiter_want_anew(&l);
	assert_int_equal(limiter_wanted(&l, meter, 0), 16 + 2 + 1);
	limiter_want_anew(&l);
	assert_int_equal(limiter_wanted(&l, meter, 0), 16);
}

/* Of a minute the pace tells what will be counted. */
static void a_pace_is_wanted_for_its_whole_period(void **state)
{
	(void)state;
	struct limiter l;
	struct limit_rule rule = thirty;
	struct limiter_wait wait;
	int meter = limit_meter(LIMIT_MESSAGES, LIMIT_MINUTE);
	rule.values.messages[LIMIT_MINUTE] = 600;
	init_with_shares(&l, &(struct limit_rules){&rule, 1});
	limiter_set_share(&l, meter, 600, 1);
	limiter_take_message(&l, 0);
	limiter_take_message(&l, 0);
	assert_int_equal(limiter_wanted(&l, meter, 0), 120 + 15 + 1);
	/* What may have been sent before a kill fills it: it could use nothing. */
	l.shares[meter].is_short = true;
	limiter_distrust(&l, 0, 0, 0, 0);
	assert_int_equal(limiter_wanted(&l, meter, 59999), 2);
	assert_true(limiter_wanted(&l, meter, 60000) > 2);
	/* And that, not the share it has meanwhile, is what it waits for. */
	limiter_set_share(&l, meter, 0, 2);
	l.died_ms = -7;
	assert_int_equal(limiter_message_ready_at(&l, 30000, &wait), 60000);
	assert_int_equal(wait.cap.origin, ORIGIN_KILLED);
	assert_true(wait.cap.count == 600 && wait.cap.until_ms == 60000 && wait.died_ms == -7);
	assert_int_equal(limiter_message_ready_at(&l, 60000, &wait), 60000 + 1000);
	assert_int_equal(wait.cap.origin, ORIGIN_SLICE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shares_never_pass_the_limit),
		cmocka_unit_test(shares_are_dealt_fairly),
		cmocka_unit_test(fewer_permits_than_holders_go_round),
		cmocka_unit_test(what_fades_is_dealt_bit_by_bit),
		cmocka_unit_test(a_share_is_over_with_its_lease),
		cmocka_unit_test(what_is_wanted_is_what_is_used),
		cmocka_unit_test(a_pace_is_wanted_for_its_whole_period),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
