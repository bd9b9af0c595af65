/* SPDX-License-Identifier: MIT */
/*
 * Slices and shares: several holders with limiters of their own, an issuer, edits, losses and slow
 * reports; a receiver that counts them all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "engine/base/hash.h"
#include "ip-pool/limiter.h"
#include "ip-pool/slices.h"

#define HOLDERS 4
#define EVENTS_MAX 40000
#define IN_FLIGHT_MAX 20

struct holder {
	struct limiter limiter;
	int64_t begun[IN_FLIGHT_MAX], ends[IN_FLIGHT_MAX];
	int in_flight;
	bool is_dead;
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

static void fleet_done(struct fleet *f)
{
	for (int i = 0; i < HOLDERS; i++)
		limiter_done(&f->holders[i].limiter);
}

static void end_messages(struct fleet *f, struct holder *h)
{
	for (int i = 0; i < h->in_flight;) {
		if (h->ends[i] > f->now) {
			i++;
			continue;
		}
		limiter_end_message(&h->limiter, h->begun[i], f->now);
		h->in_flight--;
		h->begun[i] = h->begun[h->in_flight];
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
		h->begun[h->in_flight] = f->now;
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

/* What passes between a holder and the issuer, unless the holder is dead. */
static void trade_slices(struct fleet *f, struct slice_book *book, int who)
{
	struct holder *h = &f->holders[who];
	struct limiter_slice_end end;
	struct limiter_wait wait = {.needs_slice = false};
	while (limiter_take_slice_end(&h->limiter, f->now, &end))
		slice_ended(book, end.id, end.unused, end.end_ms);
	if (limiter_message_ready_at(&h->limiter, f->now, &wait) <= f->now || !wait.needs_slice)
		return;
	struct slice_grant grant = slice_issue(book, (uint32_t)who, 1 + random_below(f, 8), f->now);
	if (grant.count > 0)
		limiter_add_slice(&h->limiter, LIMIT_MINUTE, &grant, f->now);
}

static void step_holder(struct fleet *f, struct slice_book *book, int who)
{
	struct holder *h = &f->holders[who];
	end_messages(f, h);
	if (h->is_dead)
		return;
	trade_slices(f, book, who);
	if (random_below(f, 3) == 0)
		begin_messages(f, h, 20000);
}

/* The holder says no more; what it has in flight is still answered and counted. */
static void lose_holder(struct fleet *f, struct slice_book *book, int who)
{
	struct holder *h = &f->holders[who];
	int64_t last = f->now;
	h->is_dead = true;
	for (int i = 0; i < h->in_flight; i++)
		last = h->ends[i] > last ? h->ends[i] : last;
	slice_holder_lost(book, (uint32_t)who, last);
}

static void slices_never_pass_the_limit(void **state)
{
	(void)state;
	static struct fleet f;
	for (uint64_t seed = 1; seed <= 12; seed++) {
		struct slice_book book;
		fleet_init(&f, seed);
		slice_book_init(&book, 60, LIMIT_MINUTE);
		for (int i = 0; i < HOLDERS; i++)
			limiter_set_sliced(&f.holders[i].limiter, LIMIT_MINUTE, true);
		for (int step = 0; step < 6000; step++) {
			f.now += 1 + random_below(&f, 100);
			for (int i = 0; i < HOLDERS; i++)
				step_holder(&f, &book, i);
			if (step == 3000)
				lose_holder(&f, &book, 0);
		}
		assert_true(fullest_window(&f, 60000) <= 60);
		assert_true(f.count > 150);
		slice_book_done(&book);
		fleet_done(&f);
	}
}

static void an_edit_of_the_limit_remembers_what_is_out(void **state)
{
	(void)state;
	struct slice_book book;
	slice_book_init(&book, 100, LIMIT_MINUTE);
	struct slice_grant first = slice_issue(&book, 1, 80, 1000);
	assert_int_equal(first.count, 80);
	assert_true(first.until_ms == 4000);
	book.limit = 90;
	assert_int_equal(slice_issue(&book, 2, 80, 1000).count, 10);
	book.limit = 50;
	assert_int_equal(slice_issue(&book, 2, 80, 1000).count, 0);
	slice_ended(&book, 1, 70, 2000);
	assert_int_equal(slice_issue(&book, 2, 80, 3000).count, 30);
	slice_ended(&book, 2, 10, 5000);
	slice_ended(&book, 3, 30, 5000);
	slice_add_usage(&book, 3000, 40);
	assert_int_equal(slice_issue(&book, 2, 80, 6000).count, 0);
	assert_int_equal(slice_issue(&book, 2, 80, 62000).count, 10);
	assert_int_equal(slice_issue(&book, 2, 80, 63000).count, 40);
	slice_book_done(&book);
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
			limiter_divide(&f.holders[i].limiter);
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
		fleet_done(&f);
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
	/* A lost one keeps its part for the grace, or until it is back. */
	share_lost(&t, 2, 3000);
	share_want(&t, 0, 10);
	share_deal(&t, 3000 + SLICES_CONNECTION_GRACE_MS - 1);
	assert_int_equal(share_told(&t, 0, &unused), 2);
	share_deal(&t, 3000 + SLICES_CONNECTION_GRACE_MS);
	assert_int_equal(share_told(&t, 0, &unused), 10);
	share_lost(&t, 0, 4000);
	share_join(&t, 0);
	share_want(&t, 0, 10);
	share_deal(&t, 4000);
	assert_int_equal(share_told(&t, 0, &unused), 10);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slices_never_pass_the_limit),
		cmocka_unit_test(an_edit_of_the_limit_remembers_what_is_out),
		cmocka_unit_test(shares_never_pass_the_limit),
		cmocka_unit_test(shares_are_dealt_fairly),
		cmocka_unit_test(fewer_permits_than_holders_go_round),
		cmocka_unit_test(what_fades_is_dealt_bit_by_bit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
