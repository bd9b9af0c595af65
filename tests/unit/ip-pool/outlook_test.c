/* SPDX-License-Identifier: MIT */
/* What changes next about a lane, of each kind, in numbers and in words; and what binds it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "ip-pool/explain.h"
#include "ip-pool/outlook.h"

#define NOW INT64_C(90000000)
#define MINUTE INT64_C(60000)
#define HOUR INT64_C(3600000)
#define DAY INT64_C(86400000)

struct fixture {
	struct lane_limits lane;
	struct limiter source;
	struct party party;
	struct warmup warmup;
	struct permit_path path;
	struct limit_rule rule;
	struct limit_rules rules;
	struct next_change changes[OUTLOOK_MAX];
	size_t count;
};

static void init(struct fixture *f)
{
	static const struct limit_scope lane = {
		.level = LEVEL_LANE, .provider = STR_INIT("qq"), .source = STR_INIT("mx1")};
	static const struct limit_scope source = {.level = LEVEL_SOURCE, .source = STR_INIT("mx1")};
	*f = (struct fixture){.path = {.lane = &f->lane}};
	lane_limits_init(&f->lane, &lane, NULL, NOW);
	limiter_init(&f->source, &source, NOW);
	party_init(&f->party, PARTY_CAMPAIGN, NOW);
	f->path.shared[LEVEL_SOURCE] = &f->source;
	f->path.parties[PARTY_CAMPAIGN] = &f->party;
}

/* One operator's rule on the lane or, without a provider, on its source. */
static void limit(struct fixture *f, const char *provider, const char *setting, int64_t until_ms)
{
	struct err err;
	f->rule = (struct limit_rule){.id = 12,
				      .provider = str_from(provider),
				      .source = STR("mx1"),
				      .until_ms = until_ms};
	f->rules = (struct limit_rules){&f->rule, 1};
	limit_values_init(&f->rule.values);
	assert_int_equal(limit_values_parse(&f->rule.values, str_from(setting), &err), 0);
	lane_limits_bind(&f->lane, &f->rules, NULL, NOW);
	limiter_bind(&f->source, &f->rules, NULL, NOW);
}

static const struct outcome delivered = {
	.words = OUTCOME_WORDS_REMOTE, .stage = STAGE_DOT, .verdict = {.klass = OUTCOME_DELIVERED}};

static struct lane_reaction answer(struct fixture *f, const struct outcome *outcome, int64_t now)
{
	struct permit p = lane_take_message(&f->path, now);
	assert_true(p.is_granted);
	return lane_end_message(&f->path, &p, outcome, now + 10);
}

static struct outcome refusal(enum outcome_class klass, enum outcome_scope scope, unsigned actions)
{
	return (struct outcome){
		.words = OUTCOME_WORDS_REMOTE,
		.stage = STAGE_MAIL,
		.verdict = {.klass = klass, .scope = scope, .actions = actions, .delay_ms = HOUR}};
}

/* The only change of this kind at this level. */
static const struct next_change *find(struct fixture *f, enum change_kind kind,
				      enum limit_level level, int64_t now)
{
	const struct next_change *found = NULL;
	f->count = lane_outlook(&f->path, now, f->changes);
	for (size_t i = 0; i < f->count; i++) {
		assert_true(i == 0 || f->changes[i - 1].at_ms <= f->changes[i].at_ms);
		if (f->changes[i].kind != kind || f->changes[i].level != level)
			continue;
		assert_null(found);
		found = &f->changes[i];
	}
	return found;
}

static void says(const struct next_change *change, int64_t now, const char *want)
{
	struct buf text;
	assert_non_null(change);
	buf_init(&text, 1024);
	explain_change(change, now, &text);
	assert_string_equal(text.data, want);
	buf_done(&text);
}

static void connections_grow_after_a_clean_cohort(void **state)
{
	(void)state;
	struct fixture f;
	init(&f);
	assert_true(answer(&f, &delivered, NOW).rests_until_ms == 0);
	says(find(&f, CHANGE_CONNECTIONS, LEVEL_LANE, NOW + 20), NOW + 20,
	     "connections 4 → 8 after 3 more clean answers");
	/* Not beyond what is allowed, and not at all where that is reached. */
	limit(&f, "qq", "connections=5", LIMIT_FOREVER);
	says(find(&f, CHANGE_CONNECTIONS, LEVEL_LANE, NOW + 20), NOW + 20,
	     "connections 4 → 5 after 3 more clean answers");
	limit(&f, "qq", "connections=4", LIMIT_FOREVER);
	assert_null(find(&f, CHANGE_CONNECTIONS, LEVEL_LANE, NOW + 20));
	assert_null(find(&f, CHANGE_HOLD, LEVEL_LANE, NOW + 20));
}

static void a_back_off_ends_before_it_grows(void **state)
{
	(void)state;
	struct fixture f;
	struct outcome many = refusal(OUTCOME_THROTTLED, SCOPE_SOURCE, ACTION_CUT_CONNECTIONS);
	init(&f);
	assert_true(answer(&f, &many, NOW).was_cut);
	says(find(&f, CHANGE_HOLD, LEVEL_LANE, NOW + 10), NOW + 10,
	     "the back-off ends and it may grow again in 60 s");
	says(find(&f, CHANGE_CONNECTIONS, LEVEL_LANE, NOW + 10), NOW + 10,
	     "connections 2 → 3 after 2 more clean answers, not before 60 s from now");
}

static void a_learnt_rate_grows_step_by_step(void **state)
{
	(void)state;
	struct fixture f;
	struct outcome fast = refusal(OUTCOME_THROTTLED, SCOPE_SOURCE, ACTION_CUT_RATE);
	init(&f);
	f.lane.controller.rate.level = 10;
	f.lane.controller.rate.grow_ms = NOW - 4000;
	says(find(&f, CHANGE_RATE, LEVEL_LANE, NOW), NOW,
	     "the learnt rate 10.00/s → 10.50/s in 6 s");
	/* The same step as it takes. */
	for (int64_t at = NOW; at < NOW + 6100; at += 100)
		(void)answer(&f, &delivered, at);
	assert_true(controller_rate(&f.lane.controller) > 10.49);
	assert_true(answer(&f, &fast, NOW + 6200).was_cut);
	const struct next_change *next = find(&f, CHANGE_RATE, LEVEL_LANE, NOW + 6210);
	assert_non_null(next);
	assert_true(next->at_ms >= NOW + 6210 + MINUTE);
}

static void a_party_grows_or_rests(void **state)
{
	(void)state;
	struct fixture f;
	struct outcome fast = refusal(OUTCOME_THROTTLED, SCOPE_CAMPAIGN, ACTION_CUT_RATE);
	struct outcome enough = refusal(OUTCOME_THROTTLED, SCOPE_CAMPAIGN, ACTION_PAUSE_CAMPAIGN);
	init(&f);
	assert_null(find(&f, CHANGE_RATE, LEVEL_CAMPAIGN, NOW));
	(void)answer(&f, &fast, NOW);
	assert_non_null(find(&f, CHANGE_RATE, LEVEL_CAMPAIGN, NOW + 10));
	assert_null(find(&f, CHANGE_RATE, LEVEL_LANE, NOW + 10));
	(void)answer(&f, &enough, NOW + 2000);
	says(find(&f, CHANGE_REST, LEVEL_CAMPAIGN, NOW + 2010), NOW + 2010,
	     "the rest the receiver asked for ends in 60 min");
}

static void rests_pauses_and_tries_end(void **state)
{
	(void)state;
	struct fixture f;
	struct outcome blocked = refusal(OUTCOME_BLOCKED, SCOPE_SOURCE, ACTION_PAUSE_LANE);
	struct outcome away =
		refusal(OUTCOME_THROTTLED, SCOPE_SOURCE, ACTION_CUT_RATE | ACTION_PAUSE_LANE);
	init(&f);
	assert_true(answer(&f, &blocked, NOW).was_blocked);
	says(find(&f, CHANGE_REST, LEVEL_LANE, NOW + 10), NOW + 10,
	     "the rest the receiver asked for ends in 60 min");
	init(&f);
	assert_true(answer(&f, &away, NOW).was_cut);
	says(find(&f, CHANGE_PROBE, LEVEL_LANE, NOW + 10), NOW + 10,
	     "one tries whether the receiver lets it in again in 5 min");
	/* Nothing grows before that. */
	says(find(&f, CHANGE_CONNECTIONS, LEVEL_LANE, NOW + 10), NOW + 10,
	     "connections 4 → 8 after 4 more clean answers, not before 5 min from now");
	f.lane.controller.rate.level = 10;
	assert_non_null(find(&f, CHANGE_RATE, LEVEL_LANE, NOW + 10));
	assert_int_equal(f.changes[0].kind, CHANGE_PROBE);
	init(&f);
	f.lane.paused_until_ms = NOW + 2 * HOUR;
	says(find(&f, CHANGE_PAUSE, LEVEL_LANE, NOW), NOW, "the pause ends in 2 h 0 min");
	f.lane.paused_until_ms = LIMIT_FOREVER;
	assert_null(find(&f, CHANGE_PAUSE, LEVEL_LANE, NOW));
	assert_null(find(&f, CHANGE_CONNECTIONS, LEVEL_LANE, NOW));
}

static void a_learnt_window_rises(void **state)
{
	(void)state;
	struct fixture f;
	init(&f);
	f.lane.windows.caps[WINDOW_HOUR] =
		(struct window_cap){.count = 100, .failed = 110, .since_ms = NOW, .used_ms = HOUR};
	says(find(&f, CHANGE_WINDOW, LEVEL_LANE, NOW), NOW,
	     "the learnt cap rises from 100 to 106/h, if it is used up until then, in 6 h 0 min");
}

static void the_warm_up_moves_on_unless_it_is_held(void **state)
{
	(void)state;
	struct fixture f;
	const struct warmup_plan plan = {.budgets = {50, 100}, .count = 2};
	init(&f);
	warmup_init(&f.warmup, &plan, NOW);
	f.lane.warmup = &f.warmup;
	says(find(&f, CHANGE_WARMUP, LEVEL_LANE, NOW + HOUR), NOW + HOUR,
	     "the warm-up's budget 50 a day → 100 a day in 23 h 0 min");
	f.warmup.step = 1;
	says(find(&f, CHANGE_WARMUP, LEVEL_LANE, NOW + HOUR), NOW + HOUR,
	     "the warm-up's budget 100 a day → no limit in 23 h 0 min");
	f.warmup.is_held = true;
	assert_null(find(&f, CHANGE_WARMUP, LEVEL_LANE, NOW + HOUR));
}

static void operators_limits_end(void **state)
{
	(void)state;
	struct fixture f;
	init(&f);
	limit(&f, "qq", "rate=100/min", NOW + 80 * MINUTE);
	says(find(&f, CHANGE_LIMIT, LEVEL_LANE, NOW), NOW,
	     "100 messages/min by operator (limit 12) ends in 80 min");
	limit(&f, "", "connections=3", NOW + 80 * MINUTE);
	says(find(&f, CHANGE_LIMIT, LEVEL_SOURCE, NOW), NOW,
	     "3 connections by operator (limit 12) ends in 80 min");
	limit(&f, "", "connections=3", LIMIT_FOREVER);
	assert_null(find(&f, CHANGE_LIMIT, LEVEL_SOURCE, NOW));
}

static void a_full_window_lets_the_next_one_go(void **state)
{
	(void)state;
	struct fixture f;
	struct limiter_wait binds;
	init(&f);
	limit(&f, "", "rate=1/h", LIMIT_FOREVER);
	assert_null(find(&f, CHANGE_REFILL, LEVEL_SOURCE, NOW));
	assert_false(lane_binding(&f.path, NOW, &binds));
	(void)answer(&f, &delivered, NOW);
	says(find(&f, CHANGE_REFILL, LEVEL_SOURCE, NOW + 10), NOW + 10,
	     "the next message goes, as far as 1 message/h by operator (limit 12) is concerned, in "
	     "61 min");
	assert_true(lane_binding(&f.path, NOW + 10, &binds));
	assert_int_equal(binds.level, LEVEL_SOURCE);
	assert_int_equal(binds.cap.rule, 12);
	assert_ptr_equal(path_scope(&f.path, binds.level), &f.source.scope);
	assert_ptr_equal(path_scope(&f.path, LEVEL_NODE), &f.lane.limiter.scope);
}

static void connections_in_use_bind(void **state)
{
	(void)state;
	struct fixture f;
	struct limiter_wait binds;
	init(&f);
	for (int i = 0; i < 4; i++) {
		assert_false(lane_binding(&f.path, NOW, &binds));
		assert_true(lane_take_connection(&f.path, NOW).is_granted);
	}
	assert_true(lane_binding(&f.path, NOW, &binds));
	assert_int_equal(binds.kind, LIMIT_CONNECTIONS);
	assert_int_equal(binds.cap.origin, ORIGIN_START);
}

/* Limits with an end are asked for one after another: the soonest of them are what comes next. */
static void the_soonest_changes_are_kept(void **state)
{
	(void)state;
	static const char *const settings[] = {"connections=3",
					       "new-connections=9/s",
					       "new-connections=9/min",
					       "new-connections=9/h",
					       "new-connections=9/day",
					       "rate=9/s",
					       "rate=9/min",
					       "rate=9/h",
					       "rate=9/day"};
	struct fixture f;
	struct limiter levels[LIMIT_LEVEL_COUNT];
	struct limit_rule rule = {.id = 12, .node = STR("n1")};
	const struct limit_rules rules = {&rule, 1};
	struct err err;
	limit_values_init(&rule.values);
	init(&f);
	for (size_t i = 0; i < ARRAY_LEN(settings); i++)
		assert_int_equal(limit_values_parse(&rule.values, str_from(settings[i]), &err), 0);
	/* The last level to be asked ends first. */
	for (int i = LEVEL_SOURCE; i < LIMIT_LEVEL_COUNT; i++) {
		struct limit_scope scope = {.level = LEVEL_NODE, .node = STR("n1")};
		rule.until_ms = NOW + (LIMIT_LEVEL_COUNT - i) * HOUR;
		limiter_init(&levels[i], &scope, NOW);
		limiter_bind(&levels[i], &rules, NULL, NOW);
		(void)limiter_caps(&levels[i], NOW);
		levels[i].scope.level = (enum limit_level)i;
		f.path.shared[i] = &levels[i];
	}
	assert_non_null(find(&f, CHANGE_CONNECTIONS, LEVEL_LANE, NOW));
	assert_int_equal(f.count, OUTLOOK_MAX);
	for (size_t i = 1; i <= ARRAY_LEN(settings); i++)
		assert_int_equal(f.changes[i].level, LEVEL_NODE);
	assert_true(f.changes[OUTLOOK_MAX - 1].at_ms == NOW + 3 * HOUR);
}

/* -- what a wait comes of -- */

#define AWAY "Ip frequency limited"

static struct outcome throttled(unsigned actions, const char *text)
{
	struct outcome o = refusal(OUTCOME_THROTTLED, SCOPE_SOURCE, actions);
	o.code = 550;
	o.text = str_from(text);
	return o;
}

static void check_cause(struct fixture *f, int64_t now, const char *reply, int64_t since_ms)
{
	struct limiter_wait wait;
	assert_true(lane_message_ready_at(&f->path, now, &wait) > now);
	struct wait_cause cause = lane_wait_cause(&f->lane, &wait, now);
	assert_string_equal(cause.reply, reply);
	assert_int_equal(cause.since_ms, since_ms);
}

static void a_wait_knows_the_reply_it_comes_of(void **state)
{
	(void)state;
	static const struct {
		unsigned actions;
		const char *reply;
	} cases[] = {{ACTION_PAUSE_LANE, "550 rest"},
		     {ACTION_PAUSE_LANE | ACTION_CUT_RATE, "550 " AWAY},
		     {ACTION_CUT_RATE, "550 slower"}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;
		init(&f);
		struct outcome o = throttled(cases[i].actions, cases[i].reply + 4);
		(void)answer(&f, &o, NOW + 100);
		if (cases[i].actions == ACTION_CUT_RATE)
			(void)lane_take_message(&f.path, NOW + 120);
		check_cause(&f, NOW + 120, cases[i].reply, NOW + 110);
	}
}

static void an_operators_limit_comes_of_no_reply(void **state)
{
	(void)state;
	struct fixture f;
	struct outcome o = throttled(ACTION_CUT_CONNECTIONS, "too many");
	init(&f);
	(void)answer(&f, &o, NOW + 100);
	limit(&f, "qq", "rate=1/h", LIMIT_FOREVER);
	check_cause(&f, NOW + 200, "", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wait_knows_the_reply_it_comes_of),
		cmocka_unit_test(an_operators_limit_comes_of_no_reply),
		cmocka_unit_test(connections_grow_after_a_clean_cohort),
		cmocka_unit_test(a_back_off_ends_before_it_grows),
		cmocka_unit_test(a_learnt_rate_grows_step_by_step),
		cmocka_unit_test(a_party_grows_or_rests),
		cmocka_unit_test(rests_pauses_and_tries_end),
		cmocka_unit_test(a_learnt_window_rises),
		cmocka_unit_test(the_warm_up_moves_on_unless_it_is_held),
		cmocka_unit_test(operators_limits_end),
		cmocka_unit_test(a_full_window_lets_the_next_one_go),
		cmocka_unit_test(connections_in_use_bind),
		cmocka_unit_test(the_soonest_changes_are_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
