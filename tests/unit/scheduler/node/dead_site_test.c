/* SPDX-License-Identifier: MIT */
/*
 * Hosts that refuse and sites that are dead, in simulated time: lanes and a site as the worker
 * connects them, a receiver that is a function of host and time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "ip-pool/permit.h"
#include "scheduler/node/site.h"

#define HOSTS 4
#define LANES 3
#define STEP_MS 100 /* a connection is answered, or refused, after so long */

struct connection {
	size_t lane, host;
	bool is_probe, is_greeted;
	int64_t begun_ms;
};

struct world {
	struct site *site;
	struct lane_limits lanes[LANES];
	size_t greeted[LANES];
	struct connection open[256];
	size_t open_count, opening;
	size_t tries[HOSTS]; /* connections begun to each host */
	int64_t now;
};

typedef bool (*is_up)(size_t host, int64_t now);

static const char *const names[HOSTS] = {"a", "b", "c", "d"};

static struct mx_answer *four_hosts(uint16_t others)
{
	static struct ip ip;
	struct mx_host hosts[HOSTS];
	const struct mx_answer whole = {.result = MX_OK, .hosts = hosts, .host_count = HOSTS};
	assert_int_equal(ip_parse(STR("127.0.0.9"), &ip), 0);
	for (size_t i = 0; i < HOSTS; i++)
		hosts[i] = (struct mx_host){.name = str_from(names[i]),
					    .preference = i == 0 ? 10 : others,
					    .address_count = 1,
					    .addresses = &ip};
	return mx_answer_part(&whole, UINT32_MAX, STR("a,b,c,d"));
}

static void init(struct world *w, uint16_t preference_of_others, int64_t initial)
{
	static const struct site_access access = {.port = 25};
	struct provider profile = {.initial_connections = initial};
	struct limit_scope scope = {.level = LEVEL_LANE};
	limit_values_init(&profile.limits);
	*w = (struct world){.now = 1000000};
	w->site = site_new(STR("a,b,c,d"), STR("a"), STR(""), &access);
	struct mx_answer *answer = four_hosts(preference_of_others);
	site_refresh(w->site, answer);
	mx_answer_drop(answer);
	for (size_t i = 0; i < LANES; i++)
		lane_limits_init(&w->lanes[i], &scope, &profile, w->now);
}

static void done(struct world *w)
{
	site_drop(w->site);
}

static void begin_connections(struct world *w)
{
	for (size_t lane = 0; lane < LANES; lane++) {
		struct permit_path path = {.lane = &w->lanes[lane]};
		while (site_opens_at(w->site, w->now) <= w->now &&
		       lane_take_connection(&path, w->now).is_granted) {
			struct site_pick pick;
			site_pick_host(w->site, w->now, &pick);
			size_t host = (size_t)(pick.name.ptr[0] - 'a');
			assert_true(w->open_count < ARRAY_LEN(w->open));
			w->open[w->open_count++] =
				(struct connection){lane, host, pick.is_probe, false, w->now};
			w->tries[host]++;
			w->opening++;
		}
	}
}

/* What lane.c and lane_result.c do when a connection is greeted, or fails before. */
static void answer_one(struct world *w, struct connection *c, bool is_greeted)
{
	static const struct outcome refused = {.words = OUTCOME_WORDS_TCP,
					       .stage = STAGE_CONNECT,
					       .verdict = {.klass = OUTCOME_UNREACHED}};
	struct permit_path path = {.lane = &w->lanes[c->lane]};
	struct str host = str_from(names[c->host]);
	w->opening--;
	if (c->is_probe)
		site_probe_over(site_host_named(w->site, host));
	if (is_greeted) {
		c->is_greeted = true;
		w->greeted[c->lane]++;
		(void)lane_greeted(&path, w->now);
		if (site_greeted(w->site, host))
			for (size_t i = 0; i < LANES; i++)
				health_probe(&w->lanes[i].health, w->now);
		return;
	}
	(void)site_failed(w->site, host, STR("refused"), w->now);
	bool is_alone = site_is_dead(w->site) && w->greeted[c->lane] == 0;
	(void)lane_failed(&path, &refused, is_alone, c->begun_ms, w->now);
	lane_end_connection(&path, false);
	*c = w->open[--w->open_count];
}

static void answer_connections(struct world *w, is_up up)
{
	for (size_t i = w->open_count; i-- > 0;) {
		struct connection *c = &w->open[i];
		if (!c->is_greeted && c->begun_ms + STEP_MS <= w->now)
			answer_one(w, c, up(c->host, w->now));
	}
}

static void run(struct world *w, int64_t ms, is_up up)
{
	for (int64_t end = w->now + ms; w->now < end; w->now += STEP_MS) {
		answer_connections(w, up);
		begin_connections(w);
	}
}

static bool all_but_a(size_t host, int64_t now)
{
	(void)now;
	return host != 0;
}

/* Whether it is the best of them or one among equals. */
static void one_host_that_refuses_costs_the_others_nothing(void **state)
{
	(void)state;
	static const uint16_t others[] = {10, 20};
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		struct world w;
		init(&w, others[i], 20);
		run(&w, 1000, all_but_a);
		for (size_t lane = 0; lane < LANES; lane++) {
			assert_false(health_is_dead(&w.lanes[lane].health));
			assert_int_equal(controller_connections(&w.lanes[lane].controller), 20);
			assert_int_equal(w.greeted[lane], 20);
		}
		/* An hour later it was tried now and then, by one connection each time. */
		size_t before = w.tries[0];
		run(&w, 3600000, all_but_a);
		assert_in_range(w.tries[0] - before, 0, 25);
		done(&w);
	}
}

static bool none(size_t host, int64_t now)
{
	(void)host;
	(void)now;
	return false;
}

static bool none_for_an_hour(size_t host, int64_t now)
{
	(void)host;
	return now >= 1000000 + 3600000;
}

static void a_dead_site_is_probed_and_starts_slowly(void **state)
{
	(void)state;
	struct world w;
	init(&w, 10, 5);
	run(&w, 60000, none_for_an_hour);
	for (size_t lane = 0; lane < LANES; lane++)
		assert_true(health_is_dead(&w.lanes[lane].health));
	size_t before = 0, after = 0;
	for (size_t i = 0; i < HOSTS; i++)
		before += w.tries[i];
	for (int64_t t = 60000; t < 3600000; t += STEP_MS) {
		run(&w, STEP_MS, none_for_an_hour);
		assert_true(w.opening <= LANES); /* a lane has one probe under way */
	}
	for (size_t i = 0; i < HOSTS; i++)
		after += w.tries[i];
	/* Three lanes, 30 s doubling to 15 min, at four hosts that have their own waits. */
	assert_in_range(after - before, 8, 30);
	assert_true(site_is_dead(w.site));
	/* It lives: within the last wait one connection finds it, and all lanes begin anew. */
	while (site_is_dead(w.site)) {
		run(&w, STEP_MS, none_for_an_hour);
		assert_true(w.now < 1000000 + 3600000 + 900000);
	}
	run(&w, 2 * STEP_MS, none_for_an_hour);
	for (size_t lane = 0; lane < LANES; lane++) {
		assert_false(health_is_dead(&w.lanes[lane].health));
		assert_int_equal(controller_connections(&w.lanes[lane].controller), 5);
	}
	done(&w);
}

/* A lane that carries mail elsewhere does not die of one site. */
static void a_dead_site_does_not_kill_a_lane_that_is_connected(void **state)
{
	(void)state;
	struct world w;
	init(&w, 10, 5);
	w.greeted[0] = 1;
	run(&w, 60000, none);
	assert_true(site_is_dead(w.site));
	assert_false(health_is_dead(&w.lanes[0].health));
	done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_host_that_refuses_costs_the_others_nothing),
		cmocka_unit_test(a_dead_site_is_probed_and_starts_slowly),
		cmocka_unit_test(a_dead_site_does_not_kill_a_lane_that_is_connected),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
