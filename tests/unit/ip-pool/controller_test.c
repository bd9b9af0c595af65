/* SPDX-License-Identifier: MIT */
/*
 * The controller against modelled receivers, in virtual time: a lane with endless work behind the
 * real permits, a receiver with a hidden number of connections or a hidden rate.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "engine/base/hash.h"
#include "ip-pool/permit.h"

#define CONNECTIONS_MAX 24
#define MINUTE INT64_C(60000)

enum step { ABSENT, CONNECTING, REFUSED, IDLE, SENDING };

struct connection {
	enum step step;
	int64_t begun_ms;
	int64_t next_ms; /* when its step ends */
	struct permit permit;
	bool is_throttled; /* what the reply to the message will be */
};

/* What the receiver does, and what it saw. */
struct receiver {
	int64_t connections; /* accepts so many; 0 = any number */
	double rate;	     /* messages a second; 0 = any */
	double tokens, burst;
	int64_t filled_ms;
	int64_t accepted_connections;
	int64_t highest_connections;
};

struct sim {
	uint64_t prng;
	int64_t now;
	struct provider provider;
	struct lane_limits lane;
	struct permit_path path;
	struct receiver receiver;
	struct connection connections[CONNECTIONS_MAX];
	int64_t service_ms;
	bool may_connect;	     /* no connection was refused in this step */
	int64_t delivered, deferred; /* since they were last cleared */
};

static int64_t jitter(struct sim *s, int64_t ms)
{
	return ms / 2 + (int64_t)(prng_next(&s->prng) % (uint64_t)(ms + 1));
}

static void sim_init(struct sim *s, uint64_t seed, int64_t service_ms)
{
	static const struct limit_scope scope = {
		.level = LEVEL_LANE, .site = STR_INIT("mx.example.com"), .source = STR_INIT("mx1")};
	*s = (struct sim){.prng = seed, .now = 5000000, .service_ms = service_ms};
	lane_limits_init(&s->lane, &scope, NULL, s->now);
	s->path = (struct permit_path){.lane = &s->lane};
	s->receiver.filled_ms = s->now;
}

static bool receiver_takes_message(struct receiver *r, int64_t now)
{
	if (r->rate <= 0)
		return true;
	r->tokens += r->rate * (double)(now - r->filled_ms) / 1000.0;
	r->filled_ms = now;
	if (r->tokens > r->burst)
		r->tokens = r->burst;
	if (r->tokens < 1)
		return false;
	r->tokens -= 1;
	return true;
}

static void end_connecting(struct sim *s, struct connection *c)
{
	struct receiver *r = &s->receiver;
	if (r->connections != 0 && r->accepted_connections >= r->connections) {
		struct outcome refused = {
			.words = OUTCOME_WORDS_REMOTE,
			.stage = STAGE_BANNER,
			.code = 421,
			.verdict = {.klass = OUTCOME_THROTTLED, .actions = ACTION_CUT_CONNECTIONS}};
		s->deferred++;
		(void)lane_failed(&s->path, &refused, true, c->begun_ms, s->now);
		lane_end_connection(&s->path, false);
		c->step = ABSENT;
		return;
	}
	r->accepted_connections++;
	if (r->accepted_connections > r->highest_connections)
		r->highest_connections = r->accepted_connections;
	(void)lane_greeted(&s->path, s->now);
	c->step = IDLE;
}

static void end_sending(struct sim *s, struct connection *c)
{
	struct outcome o = {.words = OUTCOME_WORDS_REMOTE, .stage = STAGE_DOT, .code = 250};
	o.verdict.klass = OUTCOME_DELIVERED;
	if (c->is_throttled) {
		o.verdict.klass = OUTCOME_THROTTLED;
		o.verdict.actions = ACTION_CUT_RATE;
	}
	s->delivered += !c->is_throttled;
	s->deferred += c->is_throttled;
	(void)lane_end_message(&s->path, &c->permit, &o, s->now);
	c->step = IDLE;
}

/* Idle connections above the cap are closed; others send if they may. Returns the time to ask
 * again. */
static int64_t use_idle(struct sim *s, struct connection *c)
{
	if (s->lane.limiter.open > lane_connections_cap(&s->lane, s->now).count) {
		s->receiver.accepted_connections--;
		lane_end_connection(&s->path, false);
		c->step = ABSENT;
		return INT64_MAX;
	}
	c->permit = lane_take_message(&s->path, s->now);
	if (!c->permit.is_granted)
		return c->permit.at_ms;
	c->step = SENDING;
	c->is_throttled = !receiver_takes_message(&s->receiver, s->now);
	c->next_ms = s->now + (c->is_throttled ? jitter(s, 20) : jitter(s, s->service_ms)) + 1;
	return c->next_ms;
}

static int64_t step_connection(struct sim *s, struct connection *c)
{
	if (c->step == CONNECTING && c->next_ms <= s->now)
		end_connecting(s, c);
	if (c->step == SENDING && c->next_ms <= s->now)
		end_sending(s, c);
	if (c->step == ABSENT) {
		if (!s->may_connect)
			return INT64_MAX;
		struct permit permit = lane_take_connection(&s->path, s->now);
		s->may_connect = permit.is_granted;
		if (!permit.is_granted)
			return permit.at_ms;
		c->step = CONNECTING;
		c->begun_ms = s->now;
		c->next_ms = s->now + jitter(s, 30) + 1;
	}
	return c->step == IDLE ? use_idle(s, c) : c->next_ms;
}

static void run_for(struct sim *s, int64_t ms)
{
	int64_t end = s->now + ms;
	while (s->now < end) {
		int64_t next = end;
		s->may_connect = true;
		for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
			int64_t at = step_connection(s, &s->connections[i]);
			if (at < next)
				next = at > s->now ? at : s->now + 1;
		}
		s->now = next;
	}
}

static void clear(struct sim *s)
{
	s->delivered = s->deferred = 0;
}

static void finds_the_hidden_number_of_connections(void **state)
{
	(void)state;
	static struct sim s;
	static const int64_t numbers[] = {1, 2, 3, 5, 10, 16};
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		int64_t hidden = numbers[i];
		sim_init(&s, 77 + (uint64_t)hidden, 100);
		s.receiver.connections = hidden;
		run_for(&s, 10 * MINUTE);
		clear(&s);
		run_for(&s, 10 * MINUTE);
		double capacity = (double)hidden * 600000.0 / 101.0;
		print_message("hidden %2lld: %.1f%% of capacity, %.3f%% deferred, level %lld\n",
			      (long long)hidden, 100.0 * (double)s.delivered / capacity,
			      100.0 * (double)s.deferred / (double)(s.delivered + s.deferred),
			      (long long)controller_connections(&s.lane.controller));
		assert_true((double)s.delivered >= 0.90 * capacity);
		assert_true(s.deferred * 100 <= (s.delivered + s.deferred) * 5);
	}
}

static void finds_the_hidden_rate(void **state)
{
	(void)state;
	static struct sim s;
	static const double rates[] = {2, 5, 10, 20, 50, 100};
	for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
		sim_init(&s, 5 + i, 60);
		s.receiver.rate = rates[i];
		s.receiver.burst = rates[i] > 5 ? rates[i] : 5;
		run_for(&s, 5 * MINUTE);
		clear(&s);
		run_for(&s, 5 * MINUTE);
		double got = (double)s.delivered / 300.0;
		print_message("rate %3.0f: %.2f of it, %.3f%% deferred, learnt %.2f\n", rates[i],
			      got / rates[i],
			      100.0 * (double)s.deferred / (double)(s.delivered + s.deferred),
			      controller_rate(&s.lane.controller));
		assert_true(got >= 0.85 * rates[i]);
		assert_true(got <= 1.01 * rates[i]);
		assert_true(s.deferred * 50 <= s.delivered + s.deferred);
	}
}

static void follows_a_rate_that_changes(void **state)
{
	(void)state;
	static struct sim s;
	static const double rates[] = {50, 100, 20};
	sim_init(&s, 11, 60);
	for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
		s.receiver.rate = s.receiver.burst = rates[i];
		run_for(&s, 15 * MINUTE);
		clear(&s);
		int64_t lowest = INT64_MAX, highest = 0, deferred = 0, all = 0;
		for (int minute = 0; minute < 10; minute++) {
			run_for(&s, MINUTE);
			lowest = s.delivered < lowest ? s.delivered : lowest;
			highest = s.delivered > highest ? s.delivered : highest;
			deferred += s.deferred;
			all += s.delivered + s.deferred;
			clear(&s);
		}
		print_message("rate %3.0f: minutes %lld to %lld, %.3f%% deferred\n", rates[i],
			      (long long)lowest, (long long)highest,
			      100.0 * (double)deferred / (double)all);
		assert_true((double)highest >= 0.9 * rates[i] * 60);
		assert_true((double)highest <= 1.3 * (double)lowest);
		assert_true(deferred * 50 <= all);
	}
}

static void one_epoch_is_cut_once(void **state)
{
	(void)state;
	struct controller c;
	controller_init(&c, 10, 1000);
	assert_true(controller_cut_connections(&c, 1500, 10, 2000));
	assert_int_equal(controller_connections(&c), 7);
	assert_false(controller_cut_connections(&c, 1900, 10, 2100));
	assert_false(controller_cut_connections(&c, 2000, 10, 2100));
	assert_int_equal(controller_connections(&c), 7);
	assert_true(controller_cut_connections(&c, 2001, 7, 2200));
	assert_int_equal(controller_connections(&c), 4);
	/* So soon it is the same descent; later it is a repetition, and the hold-off doubles. */
	assert_true(controller_held_until(&c, 2200) == 2200 + 60000);
	assert_true(controller_cut_connections(&c, 40000, 4, 40100));
	assert_true(controller_held_until(&c, 40100) == 40100 + 120000);
}

static void caps_of_people_win(void **state)
{
	(void)state;
	static struct sim s;
	sim_init(&s, 3, 50);
	struct limit_rule rule = {.id = 4, .provider = STR("tail"), .until_ms = LIMIT_FOREVER};
	limit_values_init(&rule.values);
	rule.values.connections = 3;
	struct limit_rules rules = {&rule, 1};
	lane_limits_bind(&s.lane, &rules, NULL, s.now);
	run_for(&s, 5 * MINUTE);
	assert_int_equal(s.receiver.highest_connections, 3);
	assert_int_equal(lane_connections_cap(&s.lane, s.now).origin, ORIGIN_OPERATOR);
	/* And lowered while mail flows, the surplus goes. */
	rule.values.connections = 2;
	lane_limits_bind(&s.lane, &rules, NULL, s.now);
	run_for(&s, 1000);
	assert_int_equal(s.lane.limiter.open, 2);
}

static void without_signals_it_grows_to_the_cap(void **state)
{
	(void)state;
	static struct sim s;
	sim_init(&s, 3, 50);
	run_for(&s, 5000);
	assert_int_equal(s.receiver.highest_connections, LIMIT_DEFAULT_CONNECTIONS);
}

/* Right after a cut the receiver may still refuse one now and then: that is no new epoch. When it
 * refuses most it is. */
static void a_single_refusal_after_a_cut_is_its_echo(void **state)
{
	(void)state;
	struct controller c;
	int64_t now = 5000000;
	controller_init(&c, 4, now);
	for (int i = 0; i < 1000; i++, now += 20) {
		controller_on_send(&c, 1, now);
		controller_on_answer(&c, true, now, now + 10);
	}
	assert_true(controller_cut_rate(&c, now, now + 1));
	double cut = controller_rate(&c);
	for (int i = 1; i <= 5; i++)
		controller_on_answer(&c, true, now - 50, now + 10); /* begun before */
	assert_false(controller_cut_rate(&c, now + 200, now + 210));
	assert_true(controller_cut_rate(&c, now + 205, now + 210));
	assert_true(controller_rate(&c) < 0.8 * cut);
	cut = controller_rate(&c);
	for (int i = 1; i <= 5; i++)
		controller_on_answer(&c, true, now + 300, now + 320);
	assert_false(controller_cut_rate(&c, now + 425, now + 430));
	assert_true(controller_rate(&c) == cut);
	assert_true(controller_cut_rate(&c, now + 431, now + 435));
}

/* The receiver takes what is sent from now on, as much as is allowed. */
static int64_t send_clean(struct controller *c, int64_t now, int64_t ms)
{
	for (int64_t end = now + ms; now < end; now++) {
		if (controller_ready_at(c, now) > now)
			continue;
		controller_on_send(c, 1, now);
		controller_on_answer(c, true, now, now);
	}
	return now;
}

/* Once it goes well near what failed, that says less and less: from 90 % of it to well beyond in
 * four minutes, hold-off included, yet not at once. */
static void a_ceiling_is_passed_when_it_is_gone(void **state)
{
	(void)state;
	struct controller c;
	int64_t now = 5000000;
	controller_init(&c, 4, now);
	c.rate.level = c.rate.ceiling = 20;
	c.rate.ceiling_ms = now;
	now = send_clean(&c, now, 20000);
	double failed = controller_rate(&c);
	assert_true(controller_cut_rate(&c, now, now + 1));
	double cut = controller_rate(&c);
	now = send_clean(&c, now + 1, 60000);
	assert_true(controller_rate(&c) < 1.02 * cut);
	now = send_clean(&c, now, 60000);
	assert_true(controller_rate(&c) < failed);
	(void)send_clean(&c, now, 120000);
	assert_true(controller_rate(&c) > 1.05 * failed);
}

static void a_refusal_tells_whether_the_cut_helped(void **state)
{
	(void)state;
	struct controller c;
	int64_t now = 5000000;
	controller_init(&c, 4, now);
	c.rate.level = c.rate.ceiling = 20;
	c.rate.ceiling_ms = now;
	assert_int_equal(controller_look_at_refusal(&c, now, now + 1), REFUSAL_OF_CUT);
	now = send_clean(&c, now, 20000);
	assert_true(controller_cut_rate(&c, now, now + 1));
	int64_t cut = now + 1;
	now = send_clean(&c, cut, 5000);
	assert_int_equal(controller_look_at_refusal(&c, now, now), REFUSAL_OF_CUT);
	now = send_clean(&c, now, 10000);
	assert_int_equal(controller_look_at_refusal(&c, cut, now), REFUSAL_OF_CUT);
	assert_int_equal(controller_look_at_refusal(&c, now, now), REFUSAL_IN_VAIN);
	now = send_clean(&c, now, 80000);
	assert_int_equal(controller_look_at_refusal(&c, now, now), REFUSAL_OF_STEP);
	c.rate.level /= 2;
	assert_int_equal(controller_look_at_refusal(&c, now, now), REFUSAL_IN_VAIN);
}

static void what_was_learnt_survives(void **state)
{
	(void)state;
	static struct sim s;
	struct controller_state saved;
	struct controller c;
	sim_init(&s, 8, 100);
	s.receiver.connections = 3;
	s.receiver.rate = s.receiver.burst = 10;
	run_for(&s, 10 * MINUTE);
	controller_save(&s.lane.controller, s.now, &saved);
	controller_init(&c, 4, 1000);
	controller_load(&c, &saved, 60000, 1000);
	assert_true(controller_connections(&c) <= 3);
	assert_true(controller_rate(&c) > 0 && controller_rate(&c) <= 10.5);
	assert_true(c.connections.ceiling >= 4 && c.connections.ceiling <= 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_hidden_number_of_connections),
		cmocka_unit_test(finds_the_hidden_rate),
		cmocka_unit_test(follows_a_rate_that_changes),
		cmocka_unit_test(one_epoch_is_cut_once),
		cmocka_unit_test(caps_of_people_win),
		cmocka_unit_test(without_signals_it_grows_to_the_cap),
		cmocka_unit_test(a_single_refusal_after_a_cut_is_its_echo),
		cmocka_unit_test(a_ceiling_is_passed_when_it_is_gone),
		cmocka_unit_test(a_refusal_tells_whether_the_cut_helped),
		cmocka_unit_test(what_was_learnt_survives),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
