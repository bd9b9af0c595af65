/* SPDX-License-Identifier: MIT */
/* Refusals that are about a sending domain or a campaign: it is slowed, the lane is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "ip-pool/lane_state.h"

#define NOW INT64_C(9000000)
#define HOUR INT64_C(3600000)

/* A lane with a party of each kind. */
struct fixture {
	struct lane_limits lane;
	struct party parties[PARTY_KINDS];
	struct permit_path path;
};

static void init(struct fixture *f)
{
	static const struct limit_scope scope = {
		.level = LEVEL_LANE, .provider = STR_INIT("qq"), .source = STR_INIT("mx1")};
	*f = (struct fixture){.path = {.lane = &f->lane}};
	lane_limits_init(&f->lane, &scope, NULL, NOW);
	for (int i = 0; i < PARTY_KINDS; i++) {
		party_init(&f->parties[i], (enum party_kind)i, NOW);
		f->path.parties[i] = &f->parties[i];
	}
}

static struct outcome refusal(enum outcome_scope scope, unsigned actions)
{
	return (struct outcome){.words = OUTCOME_WORDS_REMOTE,
				.stage = STAGE_MAIL,
				.verdict = {.klass = OUTCOME_THROTTLED,
					    .scope = scope,
					    .actions = actions,
					    .delay_ms = HOUR}};
}

/* n messages, one every 100 ms, the last with this outcome; returns what that asked for. */
static struct lane_reaction send(struct fixture *f, int n, const struct outcome *last, int64_t *now)
{
	const struct outcome ok = {.words = OUTCOME_WORDS_REMOTE,
				   .stage = STAGE_DOT,
				   .verdict = {.klass = OUTCOME_DELIVERED}};
	struct lane_reaction reaction = {.was_cut = false};
	for (int i = 1; i <= n; i++, *now += 100) {
		struct permit p = lane_take_message(&f->path, *now);
		assert_true(p.is_granted);
		reaction = lane_end_message(&f->path, &p, i == n ? last : &ok, *now + 50);
	}
	return reaction;
}

static void the_one_it_is_about_is_cut_and_the_lane_is_not(void **state)
{
	(void)state;
	static const struct {
		enum outcome_scope scope;
		unsigned actions;
		int want; /* the party, or -1: the lane */
	} cases[] = {
		{SCOPE_SOURCE, ACTION_CUT_RATE, -1},
		{SCOPE_SITE, ACTION_CUT_RATE, -1},
		{SCOPE_DOMAIN, ACTION_CUT_RATE, PARTY_DOMAIN},
		{SCOPE_CAMPAIGN, ACTION_CUT_RATE, PARTY_CAMPAIGN},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;
		int64_t now = NOW;
		init(&f);
		struct outcome o = refusal(cases[i].scope, cases[i].actions);
		struct lane_reaction r = send(&f, 300, &o, &now);
		assert_true(r.was_cut == (cases[i].want < 0));
		assert_true((controller_rate(&f.lane.controller) > 0) == (cases[i].want < 0));
		for (int k = 0; k < PARTY_KINDS; k++)
			assert_true(party_is_limited(&f.parties[k], now) == (k == cases[i].want));
		if (cases[i].want >= 0)
			assert_ptr_equal(r.cut_party, &f.parties[cases[i].want]);
	}
}

static void it_waits_for_its_rate_and_says_so(void **state)
{
	(void)state;
	struct fixture f;
	int64_t now = NOW;
	struct limiter_wait wait;
	init(&f);
	struct outcome o = refusal(SCOPE_CAMPAIGN, ACTION_CUT_RATE);
	(void)send(&f, 300, &o, &now); /* ten a second */
	struct cap cap = party_cap(&f.parties[PARTY_CAMPAIGN], now);
	assert_in_range(cap.count, 400, 570);
	assert_int_equal(cap.origin, ORIGIN_BACKOFF);
	assert_true(lane_take_message(&f.path, now + 200).is_granted);
	assert_true(lane_message_ready_at(&f.path, now + 200, &wait) > now + 200);
	assert_int_equal(wait.level, LEVEL_CAMPAIGN);
	assert_int_equal(wait.cap.origin, ORIGIN_BACKOFF);
	/* Somebody else's mail goes over the lane. */
	struct permit_path others = {.lane = &f.lane};
	assert_true(lane_message_ready_at(&others, now + 200, &wait) == now + 200);
}

static void who_is_wanted_no_more_for_a_while_rests(void **state)
{
	(void)state;
	static const unsigned pauses[] = {ACTION_PAUSE_LANE, ACTION_PAUSE_CAMPAIGN};
	for (size_t i = 0; i < ARRAY_LEN(pauses); i++) {
		struct fixture f;
		int64_t now = NOW;
		struct limiter_wait wait;
		init(&f);
		struct outcome o = refusal(SCOPE_CAMPAIGN, pauses[i]);
		struct lane_reaction r = send(&f, 10, &o, &now);
		assert_int_equal(r.rests_until_ms, 0);
		assert_ptr_equal(r.cut_party, &f.parties[PARTY_CAMPAIGN]);
		int64_t at = lane_message_ready_at(&f.path, now, &wait);
		assert_true(at > now + HOUR - 200 && at <= now + HOUR);
		assert_int_equal(wait.cap.count, 0);
		assert_true(lane_message_ready_at(&f.path, at, &wait) == at);
	}
}

static void what_was_learnt_goes_two_hours_after_the_last_refusal(void **state)
{
	(void)state;
	struct fixture f;
	int64_t now = NOW;
	init(&f);
	struct party *party = &f.parties[PARTY_DOMAIN];
	struct outcome o = refusal(SCOPE_DOMAIN, ACTION_CUT_RATE);
	(void)send(&f, 300, &o, &now);
	assert_false(party_is_blank(party, now + HOUR));
	now += 2 * HOUR + 60000;
	assert_true(party_is_blank(party, now));
	assert_true(lane_take_message(&f.path, now).is_granted);
	assert_false(party_is_limited(party, now));
	assert_false(party_is_blank(party, now + HOUR)); /* one is under way */
}

/* The receiver wants nothing of it for a day: it is not forgotten before. */
static void a_long_rest_is_kept_to_its_end(void **state)
{
	(void)state;
	struct fixture f;
	int64_t now = NOW;
	struct limiter_wait wait;
	init(&f);
	struct party *party = &f.parties[PARTY_CAMPAIGN];
	struct outcome o = refusal(SCOPE_CAMPAIGN, ACTION_PAUSE_CAMPAIGN);
	o.verdict.delay_ms = 24 * HOUR;
	(void)send(&f, 1, &o, &now);
	assert_true(party_remembers(party, now + 23 * HOUR));
	assert_false(party_is_blank(party, now + 23 * HOUR));
	assert_true(lane_message_ready_at(&f.path, now + 23 * HOUR, &wait) > now + 23 * HOUR);
	assert_true(party_is_blank(party, now + 24 * HOUR + 1));
}

/* A queue that is let go has nobody who forgets for it. */
static void it_is_remembered_while_it_is_limited_or_used(void **state)
{
	(void)state;
	struct fixture f;
	int64_t now = NOW;
	init(&f);
	struct party *party = &f.parties[PARTY_DOMAIN];
	assert_false(party_remembers(party, now));
	struct permit p = lane_take_message(&f.path, now);
	assert_true(party_remembers(party, now));
	struct outcome o = refusal(SCOPE_DOMAIN, ACTION_CUT_RATE);
	(void)lane_end_message(&f.path, &p, &o, now);
	assert_true(party_remembers(party, now + HOUR));
	assert_false(party_remembers(&f.parties[PARTY_CAMPAIGN], now));
	assert_false(party_remembers(party, now + 2 * HOUR + 1));
}

/* The lane sent for it before anybody knew that it would be limited. */
static void its_first_cut_is_from_what_was_sent(void **state)
{
	(void)state;
	static const int64_t every_ms[] = {5000, 100, 20};
	for (size_t i = 0; i < ARRAY_LEN(every_ms); i++) {
		struct fixture f;
		int64_t now = NOW;
		init(&f);
		f.path.parties[PARTY_DOMAIN] = f.path.parties[PARTY_CAMPAIGN] = NULL;
		const struct outcome ok = {.words = OUTCOME_WORDS_REMOTE,
					   .verdict = {.klass = OUTCOME_DELIVERED}};
		for (int64_t end = NOW + 300000; now < end; now += every_ms[i]) {
			struct permit p = lane_take_message(&f.path, now);
			(void)lane_end_message(&f.path, &p, &ok, now);
		}
		struct party *party = &f.parties[PARTY_DOMAIN];
		struct permit p = lane_take_message(&f.path, now);
		party_init(party, PARTY_DOMAIN, now + 50);
		party_learn_past(party, &f.lane.controller, now + 50);
		party_on_join(party, now + 50);
		f.path.parties[PARTY_DOMAIN] = party;
		struct outcome o = refusal(SCOPE_DOMAIN, ACTION_CUT_RATE);
		(void)lane_end_message(&f.path, &p, &o, now + 50);
		double sent = 1000.0 / (double)every_ms[i];
		double cut = controller_rate(&party->controller);
		if (cut < 0.5 * sent || cut > 0.95 * sent)
			fail_msg("%.2f a second of %.2f", cut, sent);
	}
}

static void cuts_in_doubt_are_taken_back_or_stand(void **state)
{
	(void)state;
	for (int is_guilty = 0; is_guilty < 2; is_guilty++) {
		struct fixture f;
		int64_t now = NOW;
		init(&f);
		struct outcome o = refusal(SCOPE_SOURCE, ACTION_CUT_RATE);
		lane_doubt(&f.lane, now);
		assert_true(send(&f, 300, &o, &now).was_cut);
		if (is_guilty)
			lane_convict(&f.lane);
		lane_acquit(&f.lane, now);
		assert_true((controller_rate(&f.lane.controller) > 0) == is_guilty);
	}
}

/* "Our sending domain has a bad reputation": it rests and crawls, other domains go on. */
static void a_blocked_domain_costs_the_lane_nothing(void **state)
{
	(void)state;
	struct fixture f;
	int64_t now = NOW;
	init(&f);
	struct outcome o = refusal(SCOPE_DOMAIN, ACTION_PAUSE_LANE | ACTION_CRAWL);
	o.verdict.klass = OUTCOME_BLOCKED;
	struct lane_reaction reaction = send(&f, 300, &o, &now);
	const struct party *p = &f.parties[PARTY_DOMAIN];
	assert_ptr_equal(reaction.cut_party, p);
	assert_false(reaction.was_blocked);
	assert_true(health_message_at(&f.lane.health, now) == now);
	assert_true(controller_rate(&f.lane.controller) == 0);
	assert_true(p->rests_until_ms > now + HOUR / 2);
	assert_true(controller_rate(&p->controller) == 1.0 / 60);
}

/* Saved and read again age_ms later, which nobody lived through. */
static struct party restarted(const struct party *p, int64_t age_ms, int64_t now)
{
	struct party_state saved, back;
	struct party after;
	struct buf json;
	party_save(p, now, &saved);
	memcpy(saved.reply, "451 \"slow\"", 11);
	buf_init(&json, 4096);
	party_state_render(&saved, &json);
	assert_int_equal(party_state_parse(buf_str(&json), &back), 0);
	buf_done(&json);
	assert_string_equal(back.reply, "451 \"slow\"");
	party_init(&after, p->kind, now + age_ms);
	party_load(&after, &back, age_ms, now + age_ms);
	return after;
}

static void what_it_learnt_outlives_the_process(void **state)
{
	(void)state;
	struct fixture f;
	int64_t now = NOW;
	init(&f);
	struct outcome o = refusal(SCOPE_DOMAIN, ACTION_CUT_RATE | ACTION_PAUSE_LANE);
	(void)send(&f, 300, &o, &now);
	const struct party *before = &f.parties[PARTY_DOMAIN];
	double rate = controller_rate(&before->controller);
	struct party p = restarted(before, 60000, now);
	assert_true(rate > 0 && controller_rate(&p.controller) > 0);
	assert_true(controller_rate(&p.controller) <= rate);
	assert_true(p.rests_until_ms == before->rests_until_ms);
	/* The rest is over; the rate goes two hours after the refusal. */
	p = restarted(before, HOUR + 1, now);
	assert_true(p.rests_until_ms == 0 && controller_rate(&p.controller) > 0);
	p = restarted(before, 2 * HOUR + 1, now);
	assert_false(party_is_limited(&p, now + 2 * HOUR + 1));
	/* Of two restarts in a row, too. */
	p = restarted(before, HOUR + 1, now);
	p = restarted(&p, HOUR, now + HOUR + 1);
	assert_false(party_is_limited(&p, now + 2 * HOUR + 1));
}

static void operators_have_it_forget(void **state)
{
	(void)state;
	struct fixture f;
	int64_t now = NOW;
	init(&f);
	struct outcome o = refusal(SCOPE_CAMPAIGN, ACTION_CUT_RATE | ACTION_PAUSE_CAMPAIGN);
	(void)send(&f, 300, &o, &now);
	struct party *p = &f.parties[PARTY_CAMPAIGN];
	struct party_state saved;
	party_save(p, now, &saved);
	assert_false(party_forget(p, 0, now));
	assert_true(party_is_limited(p, now));
	assert_true(party_forget(p, 1, now));
	assert_false(party_is_limited(p, now));
	assert_false(party_forget(p, 1, now));
	/* Nor is it back with what was saved before it had heard. */
	party_state_forget(&saved, 1);
	assert_false(party_state_holds(&saved, 0));
	party_load(p, &saved, 0, now);
	assert_false(party_is_limited(p, now));
	assert_false(party_forget(p, 1, now));
}

static void a_spoilt_state_is_none(void **state)
{
	(void)state;
	struct party_state s;
	assert_int_equal(party_state_parse(STR("7"), &s), -1);
	assert_int_equal(party_state_parse(STR("{\"rate\":-3,\"rest_left_ms\":\"x\"}"), &s), 0);
	assert_false(party_state_holds(&s, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_one_it_is_about_is_cut_and_the_lane_is_not),
		cmocka_unit_test(it_waits_for_its_rate_and_says_so),
		cmocka_unit_test(who_is_wanted_no_more_for_a_while_rests),
		cmocka_unit_test(what_was_learnt_goes_two_hours_after_the_last_refusal),
		cmocka_unit_test(a_long_rest_is_kept_to_its_end),
		cmocka_unit_test(it_is_remembered_while_it_is_limited_or_used),
		cmocka_unit_test(its_first_cut_is_from_what_was_sent),
		cmocka_unit_test(a_blocked_domain_costs_the_lane_nothing),
		cmocka_unit_test(what_it_learnt_outlives_the_process),
		cmocka_unit_test(operators_have_it_forget),
		cmocka_unit_test(a_spoilt_state_is_none),
		cmocka_unit_test(cuts_in_doubt_are_taken_back_or_stand),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
