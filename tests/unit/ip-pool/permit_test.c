/* SPDX-License-Identifier: MIT */
/* Permits over several levels, reactions to outcomes, dead sites, rests, warm-up, sentences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "ip-pool/explain.h"
#include "ip-pool/lane_state.h"
#include "ip-pool/permit.h"

#define NOW INT64_C(1000000)

/* A lane with every level above it. */
struct fixture {
	struct lane_limits lane;
	struct limiter shared[LIMIT_LEVEL_COUNT];
	struct permit_path path;
	struct limit_rule rules[8];
	struct limit_rules all;
};

static const struct limit_scope scopes[LIMIT_LEVEL_COUNT] = {
	[LEVEL_LANE] = {.level = LEVEL_LANE, .provider = STR_INIT("qq"), .source = STR_INIT("mx1")},
	[LEVEL_SOURCE] = {.level = LEVEL_SOURCE, .source = STR_INIT("mx1")},
	[LEVEL_PROVIDER] = {.level = LEVEL_PROVIDER, .provider = STR_INIT("qq")},
	[LEVEL_DOMAIN] = {.level = LEVEL_DOMAIN,
			  .domain = STR_INIT("example.com"),
			  .provider = STR_INIT("qq")},
	[LEVEL_CAMPAIGN] = {.level = LEVEL_CAMPAIGN, .campaign = 7},
	[LEVEL_NODE] = {.level = LEVEL_NODE, .node = STR_INIT("n1")},
};

static void init(struct fixture *f)
{
	*f = (struct fixture){.all = {f->rules, 0}};
	lane_limits_init(&f->lane, &scopes[LEVEL_LANE], NULL, NOW);
	f->path.lane = &f->lane;
	for (int i = LEVEL_SOURCE; i < LIMIT_LEVEL_COUNT; i++) {
		limiter_init(&f->shared[i], &scopes[i], NOW);
		f->path.shared[i] = &f->shared[i];
	}
}

/* One rule for this level. */
static void limit(struct fixture *f, enum limit_level level, const char *setting)
{
	const struct limit_scope *scope = &scopes[level];
	struct limit_rule *rule = &f->rules[f->all.count++];
	struct err err;
	*rule = (struct limit_rule){.id = (int64_t)f->all.count, .until_ms = LIMIT_FOREVER};
	if (level == LEVEL_LANE || level == LEVEL_SOURCE)
		rule->source = scope->source;
	if (level != LEVEL_SOURCE && level != LEVEL_CAMPAIGN && level != LEVEL_NODE)
		rule->provider = scope->provider;
	rule->is_total = level == LEVEL_PROVIDER;
	rule->domain = scope->domain;
	rule->campaign = scope->campaign;
	rule->node = scope->node;
	limit_values_init(&rule->values);
	assert_int_equal(limit_values_parse(&rule->values, str_from(setting), &err), 0);
	assert_int_equal(limit_rule_check(rule, &err), 0);
	lane_limits_bind(&f->lane, &f->all, NULL, NOW);
	for (int i = LEVEL_SOURCE; i < LIMIT_LEVEL_COUNT; i++)
		limiter_bind(&f->shared[i], &f->all, NULL, NOW);
}

static struct outcome reply(enum outcome_class klass, unsigned actions, int64_t delay_ms)
{
	return (struct outcome){
		.words = OUTCOME_WORDS_REMOTE,
		.stage = STAGE_DOT,
		.verdict = {.klass = klass, .actions = actions, .delay_ms = delay_ms}};
}

static void every_level_binds(void **state)
{
	(void)state;
	static struct fixture f;
	for (int level = 0; level < LIMIT_LEVEL_COUNT; level++) {
		struct outcome ok = reply(OUTCOME_DELIVERED, 0, 0);
		init(&f);
		limit(&f, (enum limit_level)level, "rate=2/h");
		for (int i = 0; i < 2; i++) {
			struct permit p = lane_take_message(&f.path, NOW);
			assert_true(p.is_granted);
			(void)lane_end_message(&f.path, &p, &ok, NOW + 50);
		}
		struct permit p = lane_take_message(&f.path, NOW + 50);
		assert_false(p.is_granted);
		assert_int_equal(p.wait.level, level);
		assert_int_equal(p.wait.period, LIMIT_HOUR);
		assert_true(p.at_ms > NOW + 3600000);
		/* A refusal takes nothing anywhere: nothing is in flight at any level. */
		assert_int_equal(f.lane.limiter.messages.in_flight, 0);
		for (int i = LEVEL_SOURCE; i < LIMIT_LEVEL_COUNT; i++)
			assert_int_equal(f.shared[i].messages.in_flight, 0);
	}
}

static void connections_ask_source_provider_and_node(void **state)
{
	(void)state;
	static struct fixture f;
	static const enum limit_level levels[] = {LEVEL_LANE, LEVEL_SOURCE, LEVEL_PROVIDER,
						  LEVEL_NODE};
	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		init(&f);
		limit(&f, levels[i], "connections=1");
		assert_true(lane_take_connection(&f.path, NOW).is_granted);
		struct permit p = lane_take_connection(&f.path, NOW);
		assert_false(p.is_granted);
		assert_true(p.at_ms == LIMITER_ON_EVENT);
		assert_int_equal(p.wait.level, levels[i]);
		(void)lane_greeted(&f.path, NOW + 10);
		lane_end_connection(&f.path, false);
		assert_true(lane_take_connection(&f.path, NOW + 20).is_granted);
		static const struct outcome refused = {.verdict.klass = OUTCOME_UNREACHED};
		(void)lane_failed(&f.path, &refused, false, NOW + 20, NOW + 30);
		lane_end_connection(&f.path, false);
		assert_int_equal(f.shared[LEVEL_NODE].open, 0);
	}
}

/* A rule that ends by itself does so for what a connection carries, too. */
static void messages_per_connection_end_with_their_rule(void **state)
{
	(void)state;
	static struct fixture f;
	init(&f);
	limit(&f, LEVEL_LANE, "messages-per-connection=5");
	limit(&f, LEVEL_LANE, "messages-per-connection=9");
	f.rules[1].until_ms = NOW + 1000;
	lane_limits_bind(&f.lane, &f.all, NULL, NOW);
	assert_int_equal(lane_messages_per_connection(&f.lane, NOW + 999), 9);
	assert_int_equal(lane_messages_per_connection(&f.lane, NOW + 1000), 5);
}

static void a_throttle_cuts_and_an_unknown_user_does_not(void **state)
{
	(void)state;
	static struct fixture f;
	init(&f);
	struct permit p = lane_take_message(&f.path, NOW);
	struct outcome bounced = reply(OUTCOME_BOUNCED, ACTION_SUPPRESS, 0);
	assert_false(lane_end_message(&f.path, &p, &bounced, NOW + 9).was_cut);
	assert_int_equal(controller_connections(&f.lane.controller), 4);
	p = lane_take_message(&f.path, NOW + 10);
	struct outcome throttled = reply(OUTCOME_THROTTLED, ACTION_CUT_CONNECTIONS, 0);
	assert_true(lane_end_message(&f.path, &p, &throttled, NOW + 20).was_cut);
	struct cap cap = lane_connections_cap(&f.lane, NOW + 20);
	assert_int_equal(cap.count, 2);
	assert_int_equal(cap.origin, ORIGIN_BACKOFF);
	assert_true(cap.until_ms == NOW + 20 + 60000);
}

static void a_block_rests_the_lane_and_climbs(void **state)
{
	(void)state;
	static struct fixture f;
	init(&f);
	struct outcome blocked = reply(OUTCOME_BLOCKED, ACTION_PAUSE_LANE | ACTION_ALERT, 300000);
	struct permit first = lane_take_message(&f.path, NOW);
	struct permit second = lane_take_message(&f.path, NOW);
	struct lane_reaction r = lane_end_message(&f.path, &first, &blocked, NOW + 5);
	assert_true(r.was_blocked);
	assert_true(r.rests_until_ms == NOW + 5 + 300000);
	/* The one already under way says nothing new. */
	assert_false(lane_end_message(&f.path, &second, &blocked, NOW + 6).was_blocked);
	struct permit p = lane_take_message(&f.path, NOW + 7);
	assert_false(p.is_granted);
	assert_int_equal(p.wait.cap.origin, ORIGIN_BACKOFF);
	assert_false(lane_take_connection(&f.path, NOW + 7).is_granted);
	p = lane_take_message(&f.path, NOW + 300005);
	assert_true(p.is_granted);
	r = lane_end_message(&f.path, &p, &blocked, NOW + 300010);
	assert_true(r.rests_until_ms == NOW + 300010 + 12 * 300000);
	health_resume(&f.lane.health, NOW + 300011);
	assert_true(lane_take_message(&f.path, NOW + 300011).is_granted);
}

static void a_dead_site_is_probed_by_one_connection(void **state)
{
	(void)state;
	static struct fixture f;
	init(&f);
	struct outcome timeout = {.words = OUTCOME_WORDS_TCP,
				  .stage = STAGE_CONNECT,
				  .verdict = {.klass = OUTCOME_UNREACHED}};
	int64_t now = NOW;
	int failures = 0;
	while (!health_is_dead(&f.lane.health)) {
		assert_true(lane_take_connection(&f.path, now).is_granted);
		(void)lane_failed(&f.path, &timeout, true, now, now + 100);
		lane_end_connection(&f.path, false);
		now += 200;
		failures++;
	}
	assert_in_range(failures, 3, 5);
	/* In an hour: 30 s doubling to 15 min. */
	int probes = 0;
	for (int64_t end = now + 3600000; now < end;) {
		struct permit p = lane_take_connection(&f.path, now);
		if (!p.is_granted) {
			assert_int_equal(p.wait.cap.origin, ORIGIN_DEAD);
			now = p.at_ms;
			continue;
		}
		probes++;
		assert_true(lane_take_connection(&f.path, now).at_ms == LIMITER_ON_EVENT);
		(void)lane_failed(&f.path, &timeout, true, now, now + 100);
		lane_end_connection(&f.path, false);
	}
	assert_in_range(probes, 5, 9);
	struct limiter_wait wait;
	now = lane_connection_ready_at(&f.path, now, &wait);
	assert_true(lane_take_connection(&f.path, now).is_granted);
	assert_true(lane_greeted(&f.path, now));
	assert_true(lane_take_connection(&f.path, now).is_granted);
}

/* What was begun before the site was known to be dead says nothing new: the first probe goes 30 s
 * later, however many connections failed at once. */
static void a_burst_that_fails_is_one_failure(void **state)
{
	(void)state;
	static struct fixture f;
	init(&f);
	limit(&f, LEVEL_LANE, "connections=20");
	f.lane.controller.connections.level = 20;
	struct outcome refused = {.words = OUTCOME_WORDS_TCP,
				  .stage = STAGE_CONNECT,
				  .verdict = {.klass = OUTCOME_UNREACHED}};
	for (int i = 0; i < 20; i++)
		assert_true(lane_take_connection(&f.path, NOW).is_granted);
	for (int i = 0; i < 20; i++) {
		(void)lane_failed(&f.path, &refused, true, NOW, NOW + 100 + i);
		lane_end_connection(&f.path, false);
	}
	assert_true(health_is_dead(&f.lane.health));
	assert_in_range(lane_take_connection(&f.path, NOW + 200).at_ms, NOW + 30100, NOW + 30120);
}

/* "Too many connections" to the only one there is: the next comes when the rule says, not at once.
 * Who has others open goes on with those, and nothing climbs a ladder. */
static void who_is_refused_the_only_connection_waits(void **state)
{
	(void)state;
	static struct fixture f;
	static const struct {
		enum outcome_class klass;
		enum outcome_scope scope;
		unsigned actions;
		int64_t delay_ms, want_ms;
	} cases[] = {
		{OUTCOME_THROTTLED, SCOPE_SOURCE, ACTION_CUT_CONNECTIONS, 600000, 600000},
		{OUTCOME_THROTTLED, SCOPE_SOURCE, ACTION_CUT_RATE, 60000, 60000},
		{OUTCOME_HELD, SCOPE_SOURCE, ACTION_HOLD, 0, 300000},
		{OUTCOME_DEFERRED, SCOPE_RECIPIENT, 0, 60000, 60000},
		{OUTCOME_DEFERRED, SCOPE_HOST, 0, 60000, 0}, /* the site's own wait sees to it */
		{OUTCOME_UNREACHED, SCOPE_HOST, 0, 60000, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct outcome refused = reply(cases[i].klass, cases[i].actions, cases[i].delay_ms);
		refused.stage = STAGE_BANNER;
		refused.verdict.scope = cases[i].scope;
		init(&f);
		int64_t now = NOW;
		for (int n = 0; n < 3; n++) {
			assert_true(lane_take_connection(&f.path, now).is_granted);
			(void)lane_failed(&f.path, &refused, false, now, now + 10);
			lane_end_connection(&f.path, false);
			now += 10;
			struct limiter_wait wait;
			int64_t at = lane_connection_ready_at(&f.path, now, &wait);
			if (at != now + cases[i].want_ms)
				fail_msg("case %zu, time %d: %lld ms", i, n, (long long)(at - now));
			now = at + 1;
		}
	}
	struct outcome refused = reply(OUTCOME_THROTTLED, ACTION_CUT_CONNECTIONS, 600000);
	refused.verdict.scope = SCOPE_SOURCE;
	init(&f);
	f.lane.controller.connections.level = 2;
	assert_true(lane_take_connection(&f.path, NOW).is_granted);
	assert_true(lane_take_connection(&f.path, NOW).is_granted);
	(void)lane_failed(&f.path, &refused, false, NOW, NOW + 10);
	lane_end_connection(&f.path, false);
	assert_int_equal(health_message_at(&f.lane.health, NOW + 20), NOW + 20);
}

/* One of the hosts failed and others are there: the lane goes on as before. */
static void a_failure_of_one_host_is_not_the_lanes(void **state)
{
	(void)state;
	static struct fixture f;
	init(&f);
	struct outcome refused = {.words = OUTCOME_WORDS_TCP,
				  .stage = STAGE_CONNECT,
				  .verdict = {.klass = OUTCOME_UNREACHED}};
	int64_t before = controller_connections(&f.lane.controller);
	for (int i = 0; i < 50; i++) {
		assert_true(lane_take_connection(&f.path, NOW + i).is_granted);
		(void)lane_failed(&f.path, &refused, false, NOW + i, NOW + i);
		lane_end_connection(&f.path, false);
	}
	assert_false(health_is_dead(&f.lane.health));
	assert_int_equal(controller_connections(&f.lane.controller), before);
}

static void a_pause_holds_until_it_ends(void **state)
{
	(void)state;
	static struct fixture f;
	init(&f);
	f.lane.paused_until_ms = NOW + 500;
	struct permit p = lane_take_message(&f.path, NOW);
	assert_false(p.is_granted);
	assert_true(p.at_ms == NOW + 500);
	assert_int_equal(p.wait.cap.origin, ORIGIN_PAUSE);
	assert_true(lane_take_message(&f.path, NOW + 500).is_granted);
}

/* Thirty days of a new source in virtual time: no day has more than its budget. */
static void warm_up_follows_the_curve(void **state)
{
	(void)state;
	static struct fixture f;
	struct warmup warmup;
	struct warmup_plan plan;
	struct err err;
	assert_int_equal(warmup_plan_parse(STR("50,100,200,500"), &plan, &err), 0);
	init(&f);
	warmup_init(&warmup, &plan, NOW);
	f.lane.warmup = &warmup;
	struct outcome ok = reply(OUTCOME_DELIVERED, 0, 0);
	struct outcome deferred = reply(OUTCOME_DEFERRED, 0, 0);
	int64_t now = NOW;
	size_t step = 0;
	for (int day = 0; day < 30; day++) {
		int64_t sent = 0;
		int64_t budget = warmup_budget(&warmup);
		int64_t end = NOW + (day + 1) * INT64_C(86400000);
		while (now < end && sent < 1000) {
			struct permit p = lane_take_message(&f.path, now);
			if (!p.is_granted) {
				assert_int_equal(p.wait.cap.origin, ORIGIN_WARMUP);
				now = p.at_ms < end ? p.at_ms : end;
				continue;
			}
			/* The fifth day is a bad one. */
			(void)lane_end_message(&f.path, &p,
					       day == 4 && sent % 5 == 0 ? &deferred : &ok, now);
			sent++;
		}
		assert_true(budget < 0 || sent <= budget + plan.budgets[3]);
		assert_true(warmup.step >= step || day == 5);
		step = warmup.step;
		now = end;
	}
	assert_int_equal(warmup_budget(&warmup), -1);
}

static void lane_state_survives_as_json(void **state)
{
	(void)state;
	static struct fixture f;
	struct lane_state saved, back;
	struct buf json;
	init(&f);
	struct permit p = lane_take_message(&f.path, NOW + 1);
	struct outcome throttled =
		reply(OUTCOME_THROTTLED, ACTION_CUT_RATE | ACTION_PAUSE_LANE, 60000);
	(void)lane_end_message(&f.path, &p, &throttled, NOW + 2);
	lane_state_save(&f.lane, NOW + 2, &saved);
	buf_init(&json, 4096);
	lane_state_render(&saved, &json);
	assert_int_equal(lane_state_parse(buf_str(&json), &back), 0);
	lane_state_load(&f.lane, &back, 10000, NOW + 20000);
	/* 60 s from then, 10 s of them gone. */
	assert_true(lane_take_message(&f.path, NOW + 20000).at_ms == NOW + 70000);
	assert_true(controller_rate(&f.lane.controller) > 0);
	assert_int_equal(lane_state_parse(STR("{}"), &back), 0);
	assert_int_equal(lane_state_parse(STR("{\"rate\":-1,\"rests\":\"x\"}"), &back), 0);
	assert_true(back.controller.rate == 0);
	assert_int_equal(lane_state_parse(STR("7"), &back), -1);
	assert_int_equal(lane_state_parse(STR(""), &back), -1);
	buf_done(&json);
}

static struct outcome turned_away(void)
{
	struct outcome o = reply(OUTCOME_THROTTLED, ACTION_CUT_RATE | ACTION_PAUSE_LANE, 3600000);
	o.verdict.scope = SCOPE_SOURCE;
	return o;
}

/* Turned away for what it sent, a lane tries with one message and one connection at a time. */
static void who_is_turned_away_tries_one_by_one(void **state)
{
	(void)state;
	static struct fixture f;
	struct outcome away = turned_away();
	struct outcome fine = reply(OUTCOME_DELIVERED, 0, 0);
	init(&f);
	int64_t now = NOW;
	for (int i = 0; i < 100; i++) {
		struct permit p = lane_take_message(&f.path, now);
		assert_true(p.is_granted);
		(void)lane_end_message(&f.path, &p, &fine, now + 5);
		now += 100;
	}
	struct permit p = lane_take_message(&f.path, now);
	struct lane_reaction r = lane_end_message(&f.path, &p, &away, now);
	assert_true(r.was_cut && !r.was_blocked && r.rests_until_ms == now + 300000);
	assert_true(controller_rate(&f.lane.controller) == 0);
	assert_true(lane_remembers(&f.lane, now));
	struct limiter_wait wait;
	assert_true(lane_message_ready_at(&f.path, now + 1, &wait) == now + 300000);
	assert_int_equal(wait.cap.origin, ORIGIN_BACKOFF);
	/* What is learnt lasts over a restart. */
	struct lane_state saved, back;
	struct buf json;
	lane_state_save(&f.lane, now + 1000, &saved);
	buf_init(&json, 4096);
	lane_state_render(&saved, &json);
	assert_int_equal(lane_state_parse(buf_str(&json), &back), 0);
	buf_done(&json);
	lane_state_load(&f.lane, &back, 1000, now + 2000);
	now += 300000;
	assert_true(lane_take_connection(&f.path, now).is_granted);
	assert_false(lane_take_connection(&f.path, now).is_granted);
	p = lane_take_message(&f.path, now);
	assert_true(p.is_granted);
	assert_true(lane_take_message(&f.path, now).at_ms == LIMITER_ON_EVENT);
	(void)lane_end_message(&f.path, &p, &fine, now);
	assert_int_equal(f.lane.windows.caps[WINDOW_MINUTE].count, 101 * 85 / 100);
	assert_true(lane_take_message(&f.path, now + 1).is_granted);
}

/* A lane that has learnt of each kind: a rate, connections, a window, and that it rests. */
static void learn_all(struct fixture *f, bool is_blocked)
{
	static const int64_t sent[WINDOW_COUNT] = {100, 100, 100};
	struct outcome slow = reply(OUTCOME_THROTTLED, ACTION_CUT_RATE, 0);
	struct outcome few = reply(OUTCOME_THROTTLED, ACTION_CUT_CONNECTIONS, 0);
	struct outcome rest =
		reply(is_blocked ? OUTCOME_BLOCKED : OUTCOME_THROTTLED, ACTION_PAUSE_LANE, 3600000);
	struct outcome all[] = {slow, few, rest};
	init(f);
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		int64_t now = NOW + (int64_t)i * 100000;
		struct permit p = lane_take_message(&f->path, now);
		assert_true(p.is_granted);
		all[i].code = 421;
		all[i].enhanced = (struct enhanced_code){4, 7, (uint16_t)i};
		all[i].text = STR("slow down");
		(void)lane_end_message(&f->path, &p, &all[i], now + 1);
	}
	assert_true(windows_on_refusal(&f->lane.windows, sent, 0, NOW, NOW + 1));
	windows_keep_reply(&f->lane.windows, STR("550 limited"));
	assert_true(windows_on_answer(&f->lane.windows, sent, NOW + 400000, NOW + 400000));
	assert_int_equal(windows_cap(&f->lane.windows, WINDOW_MINUTE), 85);
}

static void assert_like_new(const struct lane_limits *l)
{
	assert_int_equal(controller_connections(&l->controller), LIMIT_DEFAULT_INITIAL);
	assert_true(controller_rate(&l->controller) == 0);
	assert_true(l->controller.connections.ceiling == 0 && l->controller.rate.ceiling == 0);
	assert_int_equal(windows_cap(&l->windows, WINDOW_MINUTE), -1);
	assert_string_equal(l->replies[LESSON_CONNECTIONS], "");
	assert_string_equal(l->replies[LESSON_RATE], "");
}

/* At once where the lane is at work; where it is not, of what was saved; each time but once. */
static void what_was_learnt_is_forgotten(void **state)
{
	(void)state;
	static struct fixture f;
	struct lane_state saved, back;
	struct buf json;
	int64_t now = NOW + 500000;
	for (int is_blocked = 0; is_blocked < 2; is_blocked++) {
		buf_init(&json, 16384);
		learn_all(&f, is_blocked);
		assert_string_equal(f.lane.replies[LESSON_RATE], "421 4.7.0 slow down");
		assert_string_equal(f.lane.replies[LESSON_CONNECTIONS], "421 4.7.1 slow down");
		assert_string_equal(f.lane.replies[LESSON_REST], "421 4.7.2 slow down");
		lane_state_save(&f.lane, now, &saved);
		assert_false(lane_forget(&f.lane, 0, now));
		assert_true(lane_forget(&f.lane, 2, now));
		assert_like_new(&f.lane);
		/* An operator lifts a block by its pause. */
		assert_int_equal(health_message_at(&f.lane.health, now) > now, is_blocked);
		assert_int_equal(f.lane.replies[LESSON_REST][0] != '\0', is_blocked);
		/* What was sent lately still says how fast it goes. */
		assert_true(controller_sent_rate(&f.lane.controller, NOW + 200001) > 0);
		assert_false(lane_forget(&f.lane, 2, now));
		assert_true(lane_forget(&f.lane, 3, now));

		lane_state_render(&saved, &json);
		assert_int_equal(lane_state_parse(buf_str(&json), &back), 0);
		lane_state_load(&f.lane, &back, 0, now);
		assert_int_equal(windows_cap(&f.lane.windows, WINDOW_MINUTE), 85);
		assert_string_equal(f.lane.replies[LESSON_RATE], "421 4.7.0 slow down");
		lane_state_forget(&back, 0);
		assert_int_equal(back.windows.caps[WINDOW_MINUTE], 85);
		lane_state_forget(&back, 1);
		init(&f);
		lane_state_load(&f.lane, &back, 0, now);
		assert_like_new(&f.lane);
		assert_int_equal(health_message_at(&f.lane.health, now) > now, is_blocked);
		lane_state_save(&f.lane, now, &saved);
		assert_int_equal(saved.forgotten, 1);
		buf_done(&json);
	}
}

/* Tells the lane, in doubt, that a message was too fast. */
static void cut_in_doubt(struct fixture *f, int64_t now)
{
	struct outcome slow = reply(OUTCOME_THROTTLED, ACTION_CUT_RATE, 60000);
	struct permit p = lane_take_message(&f->path, now);
	assert_true(p.is_granted);
	lane_doubt(&f->lane, now);
	assert_true(lane_end_message(&f->path, &p, &slow, now + 50).was_cut);
}

/* What was cut in doubt stands when nobody could tell in time; a new doubt is about new cuts. */
static void a_doubt_does_not_last(void **state)
{
	(void)state;
	static struct fixture f;
	int64_t now = NOW;
	init(&f);
	cut_in_doubt(&f, now);
	now += 11 * 60000;
	double learnt = controller_rate(&f.lane.controller);
	assert_true(learnt > 0);
	lane_acquit(&f.lane, now);
	assert_true(controller_rate(&f.lane.controller) == learnt);

	init(&f);
	cut_in_doubt(&f, now);
	now += INT64_C(48) * 3600000;
	learnt = controller_rate(&f.lane.controller);
	cut_in_doubt(&f, now);
	assert_true(controller_rate(&f.lane.controller) < learnt);
	lane_acquit(&f.lane, now + 60000);
	assert_in_range((int64_t)(controller_rate(&f.lane.controller) * 1000), 1,
			(int64_t)(learnt * 1000));

	init(&f);
	cut_in_doubt(&f, now);
	lane_acquit(&f.lane, now + 60000);
	assert_true(controller_rate(&f.lane.controller) == 0);
}

/* Until a receiver objected nothing was learnt: the number is the one a lane begins with, or what
 * that has grown to. */
static void a_start_is_not_taken_for_learnt(void **state)
{
	(void)state;
	static struct fixture f;
	init(&f);
	assert_int_equal(lane_connections_cap(&f.lane, NOW).origin, ORIGIN_START);
	f.lane.controller.connections.level = 8;
	assert_int_equal(lane_connections_cap(&f.lane, NOW).origin, ORIGIN_START);
	assert_true(controller_cut_connections(&f.lane.controller, NOW, 8, NOW));
	assert_int_equal(lane_connections_cap(&f.lane, NOW).origin, ORIGIN_BACKOFF);
	int64_t later = controller_held_until(&f.lane.controller, NOW);
	assert_int_equal(lane_connections_cap(&f.lane, later).origin, ORIGIN_LEARNT);
}

static void waits_are_explained(void **state)
{
	(void)state;
	static const struct {
		struct limiter_wait wait;
		const char *want;
	} cases[] = {
		{{.at_ms = NOW + 12000,
		  .kind = LIMIT_MESSAGES,
		  .period = LIMIT_MINUTE,
		  .cap = {100, NOW + 4800000, 12, ORIGIN_OPERATOR}},
		 "waits 12 s: lane mx1/qq has its 100 messages/min by operator (limit 12), for "
		 "another 80 min"},
		{{.at_ms = LIMITER_ON_EVENT,
		  .kind = LIMIT_CONNECTIONS,
		  .cap = {1, LIMIT_FOREVER, 0, ORIGIN_LEARNT}},
		 "waits for a connection to end: lane mx1/qq has its 1 connection learnt from the "
		 "receiver"},
		{{.at_ms = LIMITER_ON_EVENT,
		  .kind = LIMIT_CONNECTIONS,
		  .cap = {4, LIMIT_FOREVER, 0, ORIGIN_START}},
		 "waits for a connection to end: lane mx1/qq has its 4 connections for now: it "
		 "began low and feels its way up"},
		{{.at_ms = LIMITER_ON_EVENT, .cap = {0, LIMIT_FOREVER, 0, ORIGIN_PAUSE}},
		 "waits until resumed: lane mx1/qq is paused"},
		{{.at_ms = NOW + 350, .cap = {0, NOW + 350, 0, ORIGIN_BACKOFF}},
		 "waits 350 ms: lane mx1/qq rests because the receiver asked for it"},
		{{.at_ms = NOW + 100,
		  .kind = LIMIT_NEW_CONNECTIONS,
		  .period = LIMIT_DAY,
		  .cap = {6, LIMIT_FOREVER, 0, ORIGIN_UNSAVED}},
		 "waits for new connections to be saved: lane mx1/qq opens none until the database "
		 "has counted its last new ones"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf text;
		buf_init(&text, 500);
		explain_wait(&cases[i].wait, &scopes[LEVEL_LANE], NOW, &text);
		if (!str_equals(buf_str(&text), str_from(cases[i].want)))
			fail_msg("%.*s", STR_ARG(buf_str(&text)));
		buf_done(&text);
	}
}

static void pauses_are_explained(void **state)
{
	(void)state;
	static const struct {
		struct pause pause;
		const char *want;
	} cases[] = {
		{{.origin = PAUSE_OPERATOR,
		  .who = STR_INIT("li@ops"),
		  .because = STR_INIT("complaints"),
		  .until_ms = NOW + 7200000},
		 "paused by li@ops (complaints), for another 2 h 0 min"},
		{{.origin = PAUSE_BRAKE, .who = STR_INIT("n1"), .until_ms = LIMIT_FOREVER},
		 "paused by n1 (brake) until resumed"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf text;
		buf_init(&text, 500);
		explain_pause(&cases[i].pause, NOW, &text);
		assert_true(str_equals(buf_str(&text), str_from(cases[i].want)));
		buf_done(&text);
	}
}

/* Whoever drops a lane with nothing to do must not give it a new window, rest or back-off. */
static void a_lane_is_kept_while_it_counts_or_rests(void **state)
{
	struct fixture f;
	struct outcome fine = reply(OUTCOME_DELIVERED, 0, 0);
	struct outcome blocked = reply(OUTCOME_BLOCKED, ACTION_PAUSE_LANE, 60000);
	int64_t now = NOW;
	(void)state;
	init(&f);
	assert_false(lane_remembers(&f.lane, now));
	struct permit permit = lane_take_message(&f.path, now);
	(void)lane_end_message(&f.path, &permit, &fine, now);
	assert_false(lane_remembers(&f.lane, now)); /* nobody has limited it */

	limit(&f, LEVEL_LANE, "rate=5/h");
	permit = lane_take_message(&f.path, now);
	assert_true(permit.is_granted);
	(void)lane_end_message(&f.path, &permit, &fine, now);
	assert_true(lane_remembers(&f.lane, now + 3500000));
	now += 3700000;
	assert_false(lane_remembers(&f.lane, now));

	init(&f);
	permit = lane_take_message(&f.path, now);
	struct lane_reaction reaction = lane_end_message(&f.path, &permit, &blocked, now);
	assert_true(lane_remembers(&f.lane, reaction.rests_until_ms - 1));

	init(&f);
	permit = lane_take_connection(&f.path, now);
	assert_true(permit.is_granted && lane_remembers(&f.lane, now));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_level_binds),
		cmocka_unit_test(connections_ask_source_provider_and_node),
		cmocka_unit_test(messages_per_connection_end_with_their_rule),
		cmocka_unit_test(a_throttle_cuts_and_an_unknown_user_does_not),
		cmocka_unit_test(a_block_rests_the_lane_and_climbs),
		cmocka_unit_test(a_dead_site_is_probed_by_one_connection),
		cmocka_unit_test(a_burst_that_fails_is_one_failure),
		cmocka_unit_test(who_is_refused_the_only_connection_waits),
		cmocka_unit_test(a_failure_of_one_host_is_not_the_lanes),
		cmocka_unit_test(a_pause_holds_until_it_ends),
		cmocka_unit_test(a_lane_is_kept_while_it_counts_or_rests),
		cmocka_unit_test(warm_up_follows_the_curve),
		cmocka_unit_test(what_was_learnt_is_forgotten),
		cmocka_unit_test(lane_state_survives_as_json),
		cmocka_unit_test(who_is_turned_away_tries_one_by_one),
		cmocka_unit_test(a_doubt_does_not_last),
		cmocka_unit_test(a_start_is_not_taken_for_learnt),
		cmocka_unit_test(waits_are_explained),
		cmocka_unit_test(pauses_are_explained),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
