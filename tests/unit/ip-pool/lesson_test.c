/* SPDX-License-Identifier: MIT */
/* What single replies teach a lane: how many messages a connection takes, and to begin slowly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "ip-pool/lane_state.h"

#define NOW INT64_C(9000000)
#define DAY INT64_C(86400000)

struct fixture {
	struct lane_limits lane;
	struct permit_path path;
};

static void init(struct fixture *f)
{
	static const struct limit_scope scope = {
		.level = LEVEL_LANE, .provider = STR_INIT("qq"), .source = STR_INIT("mx1")};
	*f = (struct fixture){.path = {.lane = &f->lane}};
	lane_limits_init(&f->lane, &scope, NULL, NOW);
}

static struct outcome reply(enum outcome_class klass, unsigned actions, int64_t delay_ms)
{
	return (struct outcome){
		.words = OUTCOME_WORDS_REMOTE,
		.stage = STAGE_DOT,
		.verdict = {.klass = klass, .actions = actions, .delay_ms = delay_ms}};
}

/* One message, the nth of its connection counted from 0, ends so. */
static bool ends(struct fixture *f, int64_t nth, const struct outcome *outcome, int64_t now)
{
	struct permit p = lane_take_message(&f->path, now);
	assert_true(p.is_granted);
	p.nth = nth;
	return lane_end_message(&f->path, &p, outcome, now + 1).was_cut;
}

/* RFC 5321 does not say how many; a receiver says it with the first that is too many. */
static void messages_of_a_connection_are_learnt_for_a_day(void **state)
{
	(void)state;
	static struct fixture f;
	struct outcome full = reply(OUTCOME_THROTTLED, ACTION_CAP_MESSAGES | ACTION_CLOSE, 0);
	init(&f);
	assert_int_equal(lane_messages_per_connection(&f.lane, NOW), LIMIT_NONE);
	/* Of the first it does not say how many: there are too many connections. */
	f.lane.controller.connections.level = 8;
	assert_true(ends(&f, 0, &full, NOW + 1));
	assert_int_equal(lane_messages_per_connection(&f.lane, NOW + 2), LIMIT_NONE);
	assert_true(controller_connections(&f.lane.controller) < 8);
	assert_true(ends(&f, 5, &full, NOW + 10));
	assert_int_equal(lane_messages_per_connection(&f.lane, NOW + 12), 5);
	/* Others had gone further when that was learnt. */
	assert_false(ends(&f, 9, &full, NOW + 20));
	assert_int_equal(lane_messages_per_connection(&f.lane, NOW + 22), 5);
	assert_true(ends(&f, 4, &full, NOW + 30));
	assert_int_equal(lane_messages_per_connection(&f.lane, NOW + 32), 4);
	assert_true(controller_rate(&f.lane.controller) == 0);
	assert_true(lane_remembers(&f.lane, NOW + 30 + DAY));
	assert_int_equal(lane_messages_per_connection(&f.lane, NOW + 30 + DAY), 4);
	assert_int_equal(lane_messages_per_connection(&f.lane, NOW + 31 + DAY), LIMIT_NONE);
	/* What is set and tighter binds. */
	static struct limit_rule rule = {
		.provider = STR_INIT("qq"), .source = STR_INIT("mx1"), .until_ms = LIMIT_FOREVER};
	limit_values_init(&rule.values);
	rule.values.messages_per_connection = 3;
	lane_limits_bind(&f.lane, &(struct limit_rules){&rule, 1}, NULL, NOW + 39);
	assert_int_equal(lane_messages_per_connection(&f.lane, NOW + 40), 3);
}

static void a_messages_cap_survives_and_is_forgotten(void **state)
{
	(void)state;
	static struct fixture f;
	struct outcome full = reply(OUTCOME_THROTTLED, ACTION_CAP_MESSAGES, 0);
	struct lane_state saved, back;
	struct buf json;
	init(&f);
	assert_true(ends(&f, 7, &full, NOW));
	lane_state_save(&f.lane, NOW + 1000, &saved);
	buf_init(&json, 4096);
	lane_state_render(&saved, &json);
	assert_int_equal(lane_state_parse(buf_str(&json), &back), 0);
	buf_done(&json);
	init(&f);
	lane_state_load(&f.lane, &back, 1000, NOW + 2000);
	assert_int_equal(lane_messages_per_connection(&f.lane, NOW + 2000), 7);
	assert_int_equal(lane_messages_per_connection(&f.lane, NOW + 1 + DAY), LIMIT_NONE);
	assert_true(lane_forget(&f.lane, 1, NOW + 3000));
	assert_int_equal(lane_messages_per_connection(&f.lane, NOW + 3000), LIMIT_NONE);
}

/* One message a minute when the rest is over, and more each time that goes well; an hour is
 * enough to be at a hundred a minute again. */
static void who_crawls_after_a_rest_grows_again(void **state)
{
	(void)state;
	static struct fixture f;
	struct outcome blocked = reply(OUTCOME_BLOCKED, ACTION_PAUSE_LANE | ACTION_CRAWL, 600000);
	struct outcome fine = reply(OUTCOME_DELIVERED, 0, 0);
	int64_t now = NOW, first, sent = 0;
	init(&f);
	for (int i = 0; i < 1000; i++, now += 10)
		(void)ends(&f, i, &fine, now);
	(void)ends(&f, 0, &blocked, now);
	struct limiter_wait wait;
	first = lane_message_ready_at(&f.path, now + 1, &wait);
	assert_true(first == now + 1 + 600000);
	assert_true(controller_rate(&f.lane.controller) == 1.0 / 60);
	for (now = first; now < first + 3600000; sent++) {
		(void)ends(&f, 0, &fine, now);
		if (sent == 1)
			assert_in_range(now - first, 30000, 60000);
		now = lane_message_ready_at(&f.path, now + 1, &wait);
	}
	assert_true(controller_rate(&f.lane.controller) > 100.0 / 60);
}

/* Between two messages a minute apart its queue may be dropped: it is not, or each would be the
 * first again. */
static void who_crawls_is_remembered_for_an_hour(void **state)
{
	(void)state;
	static struct fixture f;
	struct outcome blocked = reply(OUTCOME_BLOCKED, ACTION_PAUSE_LANE | ACTION_CRAWL, 600000);
	init(&f);
	(void)ends(&f, 0, &blocked, NOW);
	int64_t over = NOW + 1 + 600000;
	assert_true(lane_remembers(&f.lane, over + 60000));
	assert_true(lane_remembers(&f.lane, over + 3599000));
	assert_false(lane_remembers(&f.lane, over + 3601000));
}

/* It grows by one a minute each ten seconds at first, and never as fast as it fell. */
static void who_crawls_does_not_jump(void **state)
{
	(void)state;
	static struct fixture f;
	struct outcome blocked = reply(OUTCOME_BLOCKED, ACTION_PAUSE_LANE | ACTION_CRAWL, 600000);
	struct outcome fine = reply(OUTCOME_DELIVERED, 0, 0);
	int64_t now = NOW;
	init(&f);
	for (int i = 0; i < 1000; i++, now += 10)
		(void)ends(&f, i, &fine, now);
	(void)ends(&f, 0, &blocked, now);
	struct limiter_wait wait;
	now = lane_message_ready_at(&f.path, now + 1, &wait);
	for (int64_t end = now + 600000; now < end;) {
		(void)ends(&f, 0, &fine, now);
		now = lane_message_ready_at(&f.path, now + 1, &wait);
	}
	assert_in_range((int)(60.0 * controller_rate(&f.lane.controller)), 30, 400);
}

/* A day's count is over when the day is, every time. */
static void what_ends_with_the_day_climbs_no_ladder(void **state)
{
	(void)state;
	static struct fixture f;
	int64_t now = NOW;
	struct outcome refused =
		reply(OUTCOME_THROTTLED, ACTION_CUT_CONNECTIONS | ACTION_PAUSE_LANE, 7200000);
	refused.verdict.scope = SCOPE_SOURCE;
	refused.verdict.until_day = true;
	init(&f);
	for (int i = 0; i < 3; i++) {
		assert_true(lane_take_connection(&f.path, now).is_granted);
		(void)lane_failed(&f.path, &refused, false, now, now + 10);
		lane_end_connection(&f.path, false);
		assert_int_equal(health_message_at(&f.lane.health, now + 10), now + 10 + 7200000);
		now += 7200011;
	}
}

/* How long after a refusal of its only connection the lane connects again. */
static int64_t refused_for(struct fixture *f, const struct outcome *refused, int64_t now)
{
	struct limiter_wait wait;
	assert_true(lane_take_connection(&f->path, now).is_granted);
	(void)lane_failed(&f->path, refused, false, now, now);
	lane_end_connection(&f->path, false);
	return lane_connection_ready_at(&f->path, now, &wait) - now;
}

/* The receiver may count connections of the killed process, which will soon be gone: it is asked
 * later and later, until one is greeted. Any other refusal waits as the rule says. */
static void after_a_kill_too_many_connections_may_soon_be_over(void **state)
{
	(void)state;
	static struct fixture f;
	static const int64_t waits_s[] = {5, 10, 20, 40, 80, 160, 300, 300};
	struct outcome many = reply(OUTCOME_THROTTLED, ACTION_CUT_CONNECTIONS, 300000);
	struct outcome fast = reply(OUTCOME_THROTTLED, ACTION_CUT_RATE, 300000);
	many.verdict.scope = fast.verdict.scope = SCOPE_SOURCE;
	init(&f);
	assert_int_equal(refused_for(&f, &many, NOW), 300000);
	init(&f);
	f.lane.limiter.died_ms = NOW - 600000;
	assert_int_equal(refused_for(&f, &many, NOW), 300000);
	init(&f);
	f.lane.limiter.died_ms = NOW - 3000;
	assert_int_equal(refused_for(&f, &fast, NOW), 300000);
	init(&f);
	int64_t now = NOW;
	for (size_t i = 0; i < ARRAY_LEN(waits_s); i++) {
		f.lane.limiter.died_ms = now - 3000;
		assert_int_equal(refused_for(&f, &many, now), waits_s[i] * 1000);
		now += waits_s[i] * 1000;
	}
	assert_true(lane_take_connection(&f.path, now).is_granted);
	(void)lane_greeted(&f.path, now);
	lane_end_connection(&f.path, false);
	assert_int_equal(refused_for(&f, &many, now + 1), 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(after_a_kill_too_many_connections_may_soon_be_over),
		cmocka_unit_test(messages_of_a_connection_are_learnt_for_a_day),
		cmocka_unit_test(a_messages_cap_survives_and_is_forgotten),
		cmocka_unit_test(who_crawls_after_a_rest_grows_again),
		cmocka_unit_test(who_crawls_is_remembered_for_an_hour),
		cmocka_unit_test(who_crawls_does_not_jump),
		cmocka_unit_test(what_ends_with_the_day_climbs_no_ladder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
