/* SPDX-License-Identifier: MIT */
/*
 * Shares of limits over all nodes, dealt by the database: nodes with limiters of their own in
 * simulated time that ask, lose answers, sleep, die and come back, and a receiver that counts them
 * all. Where the limit is changed each node hears of it at a time of its own, within a second.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "engine/base/hash.h"
#include "ip-pool/limiter.h"
#include "ip-pool/store/share_store.h"
#include "tests/db/share_fixture.h"

#define NODES 3
#define IN_FLIGHT_MAX 30
#define EVENTS_MAX 60000
#define LEASE_MS 10000
#define MARGIN_MS 2000
#define RULE 5
#define EDITS_MAX 400
#define HEARD_MS 1000 /* a change is in force everywhere */

enum condition { AWAKE, ASLEEP, DEAD };

struct message {
	int64_t begun, ends;
};

struct sim_node {
	int id, incarnation;
	enum condition condition;
	int64_t until_ms; /* asleep or dead until then */
	int64_t asks_ms;  /* when it asks and beats next */
	int64_t lease_ms; /* as it sees it */
	int32_t version;
	bool has_work;
	struct limit_rule rule; /* as it knows it */
	struct limit_rules rules;
	int64_t hears_ms; /* of the last change; INT64_MAX: it knows */
	struct limiter limiter;
	struct message in_flight[IN_FLIGHT_MAX];
	int in_flight_count;
};

struct story {
	const char *name;
	enum limit_kind kind;
	enum limit_period period;
	int64_t limit;
	int64_t step_ms, ask_ms, steps;
	int64_t latency_ms; /* at most, of a message; how long a connection lasts */
	int64_t sleep_ms;   /* at most */
	double least;	    /* of what the limit allows */
	int64_t edit_steps; /* the limit changes once in so many; 0: it stays */
};

/* A limit in force from then on. */
struct edit {
	int64_t at_ms, limit;
};

struct world {
	struct pg_blocking *conn;
	const struct story *story;
	struct edit edits[EDITS_MAX];
	size_t edit_count;
	uint64_t prng;
	int64_t now;
	struct sim_node nodes[NODES];
	struct message counted[EVENTS_MAX]; /* as the receiver saw it: from, to */
	size_t count;
};

static int64_t below(struct world *w, int64_t n)
{
	return (int64_t)(prng_next(&w->prng) % (uint64_t)n);
}

static bool one_in(struct world *w, int64_t n)
{
	return below(w, n) == 0;
}

static int meter_of(const struct world *w)
{
	return limit_meter(w->story->kind, w->story->period);
}

static bool counts_connections(const struct world *w)
{
	return w->story->kind == LIMIT_CONNECTIONS;
}

static void set_node(struct world *w, const struct sim_node *s, const char *sql)
{
	struct pg_params p;
	pg_params_init(&p);
	pg_add_int4(&p, s->id);
	pg_add_time(&p, w->now * 1000);
	pg_rows_free(share_fixture_query(w->conn, sql, &p));
}

static int64_t limit_now(const struct world *w)
{
	return w->edits[w->edit_count - 1].limit;
}

/* The node has loaded the limits. */
static void learn(struct world *w, struct sim_node *s)
{
	s->rule = (struct limit_rule){
		.id = RULE, .provider = STR("qq"), .is_total = true, .until_ms = LIMIT_FOREVER};
	limit_values_init(&s->rule.values);
	if (counts_connections(w))
		s->rule.values.connections = limit_now(w);
	else
		s->rule.values.messages[w->story->period] = limit_now(w);
	s->rules = (struct limit_rules){&s->rule, 1};
	s->hears_ms = INT64_MAX;
	limiter_bind(&s->limiter, &s->rules, NULL, w->now);
}

/* Somebody sets another limit, from a third to twice what the story begins with. */
static void edit(struct world *w)
{
	int64_t limit = w->story->limit / 3 + below(w, w->story->limit * 5 / 3);
	if (w->edit_count == EDITS_MAX)
		return;
	w->edits[w->edit_count++] = (struct edit){w->now, limit};
	for (int i = 0; i < NODES; i++)
		w->nodes[i].hears_ms = w->now + below(w, HEARD_MS);
}

static int64_t limit_known(const struct world *w, const struct sim_node *s)
{
	return counts_connections(w) ? s->rule.values.connections
				     : s->rule.values.messages[w->story->period];
}

static void make_limiter(struct world *w, struct sim_node *s)
{
	static const struct limit_scope scope = {
		.level = LEVEL_PROVIDER, .provider = STR_INIT("qq"), .site = STR_INIT("qq")};
	limiter_init(&s->limiter, &scope, w->now);
	limiter_divide(&s->limiter, 0);
	learn(w, s);
	s->version = 0;
	s->lease_ms = 0;
	s->asks_ms = w->now;
}

static void see(struct world *w, int64_t from, int64_t to)
{
	if (w->count < EVENTS_MAX)
		w->counted[w->count++] = (struct message){from, to};
}

/* The receiver counts a message once, some time from its beginning to its end. */
static void see_end(struct world *w, const struct message *m)
{
	int64_t at = m->begun + below(w, w->now - m->begun + 1);
	if (counts_connections(w))
		see(w, m->begun, w->now);
	else
		see(w, at, at);
}

static void end_one(struct world *w, struct sim_node *s, int i)
{
	see_end(w, &s->in_flight[i]);
	if (counts_connections(w))
		limiter_end_connection(&s->limiter);
	else
		limiter_end_message(&s->limiter, w->now);
	s->in_flight[i] = s->in_flight[--s->in_flight_count];
}

static void end_due(struct world *w, struct sim_node *s)
{
	for (int i = 0; i < s->in_flight_count;) {
		bool is_over = s->in_flight[i].ends <= w->now;
		if (counts_connections(w))
			is_over |= limiter_has_surplus(&s->limiter, w->now);
		if (is_over)
			end_one(w, s, i);
		else
			i++;
	}
}

static bool may_begin(struct world *w, struct sim_node *s, struct limiter_wait *wait)
{
	if (s->in_flight_count == IN_FLIGHT_MAX || w->count >= EVENTS_MAX - NODES * IN_FLIGHT_MAX)
		return false;
	int64_t at = counts_connections(w) ? limiter_connection_ready_at(&s->limiter, w->now, wait)
					   : limiter_message_ready_at(&s->limiter, w->now, wait);
	return at <= w->now;
}

static void begin(struct world *w, struct sim_node *s)
{
	struct limiter_wait wait;
	if (!s->has_work || w->now >= s->lease_ms)
		return;
	while (may_begin(w, s, &wait)) {
		if (counts_connections(w))
			limiter_take_connection(&s->limiter, w->now);
		else
			limiter_take_message(&s->limiter, w->now);
		s->in_flight[s->in_flight_count++] =
			(struct message){w->now, w->now + 1 + below(w, w->story->latency_ms)};
	}
	s->limiter.shares[meter_of(w)].is_short = true;
}

static void beat(struct world *w, struct sim_node *s)
{
	set_node(w, s,
		 "UPDATE edm.node SET beat_at = $2, lease_until = $2::timestamptz +"
		 " interval '10 s' WHERE node_id = $1 RETURNING 1");
	s->lease_ms = w->now + LEASE_MS - MARGIN_MS;
}

static void take_part(struct world *w, struct sim_node *s, int64_t part, int32_t version)
{
	limiter_set_share(&s->limiter, meter_of(w), part, (uint64_t)version);
	limiter_extend_shares(&s->limiter, s->lease_ms);
	s->version = version;
}

static const char ask_sql[] =
	"SELECT part, version FROM edm.limit_share_ask($1, $2, $3, $4, ARRAY[ROW('campaign/1', $5,"
	" $1, $2, $6, $3, $7, $8, $9, 0, $10)::edm.limit_share], $11)";

static void ask(struct world *w, struct sim_node *s)
{
	int meter = meter_of(w);
	int64_t counted = limiter_counted(&s->limiter, meter, w->now);
	int64_t part = s->limiter.shares[meter].part;
	int64_t wanted = s->has_work ? limiter_wanted(&s->limiter, meter, w->now) : counted;
	struct pg_params p;
	limiter_want_anew(&s->limiter);
	pg_params_init(&p);
	pg_add_int4(&p, s->id);
	pg_add_int4(&p, s->incarnation);
	pg_add_int4(&p, RULE);
	pg_add_bool(&p, false);
	pg_add_int2(&p, (int16_t)meter);
	pg_add_int8(&p, counts_connections(w) ? SHARE_CONNECTION_GRACE_MS
					      : limit_period_ms(w->story->period));
	pg_add_int8(&p, limit_known(w, s));
	pg_add_int8(&p, wanted);
	pg_add_int8(&p, counted > part ? counted : part);
	pg_add_int4(&p, s->version);
	pg_add_time(&p, w->now * 1000);
	struct pg_rows *rows = share_fixture_query(w->conn, ask_sql, &p);
	/* An answer may be lost. */
	if (pg_rows_count(rows) == 1 && !one_in(w, 20))
		take_part(w, s, pg_int(rows, 0, 0), pg_int32(rows, 0, 1));
	pg_rows_free(rows);
}

/* Killed: what is under way is lost with it. */
static void die(struct world *w, struct sim_node *s, int64_t for_ms)
{
	for (int i = 0; i < s->in_flight_count; i++)
		see_end(w, &s->in_flight[i]);
	s->in_flight_count = 0;
	s->condition = DEAD;
	s->until_ms = w->now + for_ms;
}

static void come_back(struct world *w, struct sim_node *s)
{
	set_node(w, s,
		 "UPDATE edm.node SET incarnation = incarnation + 1, registered_at = $2,"
		 " reaped_at = NULL WHERE node_id = $1 RETURNING 1");
	struct pg_params p;
	pg_params_init(&p);
	pg_add_int4(&p, s->id);
	struct pg_rows *rows = share_fixture_query(
		w->conn, "SELECT incarnation FROM edm.node WHERE node_id = $1", &p);
	s->incarnation = pg_int32(rows, 0, 0);
	pg_rows_free(rows);
	s->condition = AWAKE;
	/* Of hours it remembers what it sent (here: that its period was full); of a minute it
	 * takes all as spent. */
	int64_t counted = limiter_counted(&s->limiter, meter_of(w), w->now);
	make_limiter(w, s);
	if (!counts_connections(w) && w->story->period >= LIMIT_HOUR)
		limiter_add_usage(&s->limiter, w->now, counted, w->now);
	beat(w, s);
}

/* Whoever was reaped meanwhile ends; what was under way is given up. */
static void wake_up(struct world *w, struct sim_node *s)
{
	struct pg_params p;
	pg_params_init(&p);
	pg_add_int4(&p, s->id);
	struct pg_rows *rows = share_fixture_query(
		w->conn, "SELECT incarnation FROM edm.node WHERE node_id = $1", &p);
	bool is_fenced = pg_int32(rows, 0, 0) != s->incarnation;
	pg_rows_free(rows);
	s->condition = AWAKE;
	if (!counts_connections(w))
		while (s->in_flight_count > 0)
			end_one(w, s, 0);
	if (is_fenced)
		die(w, s, below(w, 5000));
	else
		beat(w, s);
}

static void reap(struct world *w)
{
	struct pg_params p;
	pg_params_init(&p);
	pg_add_time(&p, w->now * 1000);
	pg_rows_free(share_fixture_query(
		w->conn,
		"UPDATE edm.node SET incarnation = incarnation + 1, reaped_at = $1,"
		" lease_until = '-infinity' WHERE lease_until < $1"
		" AND lease_until > '-infinity' RETURNING 1",
		&p));
}

static void befall(struct world *w, struct sim_node *s)
{
	if (one_in(w, 12000)) {
		die(w, s, below(w, 40000));
	} else if (one_in(w, 6000)) {
		s->condition = ASLEEP;
		s->until_ms = w->now + below(w, w->story->sleep_ms);
	} else if (one_in(w, 300)) {
		s->has_work = !s->has_work;
	}
}

static void step_node(struct world *w, struct sim_node *s)
{
	if (s->condition != AWAKE) {
		if (w->now < s->until_ms)
			return;
		if (s->condition == DEAD)
			come_back(w, s);
		else
			wake_up(w, s);
		return;
	}
	if (w->now >= s->hears_ms)
		learn(w, s);
	end_due(w, s);
	if (w->now >= s->asks_ms) {
		/* Now and then the answer to a beat is late: it asks under the old lease. */
		if (!one_in(w, 5))
			beat(w, s);
		ask(w, s);
		s->asks_ms = w->now + 1 + below(w, w->story->ask_ms);
	}
	begin(w, s);
	befall(w, s);
}

static int by_time(const void *a, const void *b)
{
	int64_t x = ((const struct message *)a)->begun, y = ((const struct message *)b)->begun;
	return (x > y) - (x < y);
}

/* The highest limit that was in force between the two times. */
static int64_t highest_limit(const struct world *w, int64_t from, int64_t to)
{
	int64_t most = 0;
	for (size_t i = 0; i < w->edit_count; i++) {
		bool is_last = i + 1 == w->edit_count;
		if (w->edits[i].at_ms <= to && (is_last || w->edits[i + 1].at_ms >= from) &&
		    w->edits[i].limit > most)
			most = w->edits[i].limit;
	}
	return most;
}

/* The most that any window saw beyond what was allowed while it lasted; ≤ 0. */
static int64_t worst_window(struct world *w)
{
	int64_t most = INT64_MIN, period_ms = limit_period_ms(w->story->period);
	int64_t late_ms = HEARD_MS + w->story->ask_ms + w->story->latency_ms;
	size_t first = 0;
	qsort(w->counted, w->count, sizeof(w->counted[0]), by_time);
	for (size_t i = 0; i < w->count; i++) {
		int64_t at = w->counted[i].begun;
		while (w->counted[first].begun <= at - period_ms)
			first++;
		int64_t allowed = highest_limit(w, at - period_ms - late_ms, at);
		int64_t beyond = (int64_t)(i - first + 1) - allowed;
		most = beyond > most ? beyond : most;
	}
	return most;
}

/* Who sleeps keeps what he has open. */
static int64_t worst_open(const struct world *w)
{
	int64_t most = INT64_MIN;
	int64_t late_ms = HEARD_MS + w->story->ask_ms + w->story->sleep_ms;
	for (size_t i = 0; i < w->count; i++) {
		int64_t open = 0, at = w->counted[i].begun;
		for (size_t j = 0; j < w->count; j++)
			open += w->counted[j].begun <= at && at < w->counted[j].ends;
		int64_t beyond = open - highest_limit(w, at - late_ms, at);
		most = beyond > most ? beyond : most;
	}
	return most;
}

/* The part of what the limit allows that was used. */
static double used(const struct world *w, int64_t ms)
{
	double sum = 0;
	for (size_t i = 0; i < w->count; i++)
		sum += counts_connections(w) ? (double)(w->counted[i].ends - w->counted[i].begun)
					     : (double)limit_period_ms(w->story->period);
	return sum / (double)(w->story->limit * ms);
}

static void world_init(struct world *w, const struct story *story, uint64_t seed)
{
	*w = (struct world){.story = story, .prng = seed, .now = 1000000};
	w->edits[w->edit_count++] = (struct edit){0, story->limit};
	w->conn = share_fixture_open(share_fixture_database());
	share_fixture_run(
		w->conn,
		"SET synchronous_commit = off; SET TIME ZONE 'UTC';"
		"INSERT INTO edm.node(name, incarnation, journal, registered_at, lease_until)"
		" SELECT 'mx' || i, 1, gen_random_uuid(), 'epoch', 'epoch'"
		" FROM generate_series(1, 3) i");
	for (int i = 0; i < NODES; i++) {
		w->nodes[i] = (struct sim_node){.id = i + 1, .incarnation = 1, .has_work = true};
		make_limiter(w, &w->nodes[i]);
		beat(w, &w->nodes[i]);
	}
}

static void tell(const struct story *story, uint64_t seed)
{
	static struct world w;
	world_init(&w, story, seed);
	int64_t began = w.now;
	for (int64_t step = 0; step < story->steps; step++) {
		w.now += 1 + below(&w, story->step_ms);
		for (int i = 0; i < NODES; i++)
			step_node(&w, &w.nodes[i]);
		if (one_in(&w, 500))
			reap(&w);
		if (story->edit_steps > 0 && one_in(&w, story->edit_steps))
			edit(&w);
	}
	for (int i = 0; i < NODES; i++)
		die(&w, &w.nodes[i], 0);
	int64_t beyond = counts_connections(&w) ? worst_open(&w) : worst_window(&w);
	print_message("%s, seed %d: %zu, %lld beyond the limit of %lld (%zu edits), used %.0f %%\n",
		      story->name, (int)seed, w.count, (long long)beyond, (long long)story->limit,
		      w.edit_count - 1, 100.0 * used(&w, w.now - began));
	assert_true(beyond <= 0);
	assert_true(used(&w, w.now - began) >= story->least);
	pg_close_blocking(w.conn);
}

static void seconds_never_pass_the_limit(void **state)
{
	(void)state;
	static const struct story story = {.name = "seconds",
					   .kind = LIMIT_MESSAGES,
					   .period = LIMIT_SECOND,
					   .limit = 30,
					   .step_ms = 20,
					   .ask_ms = 1500,
					   .steps = 8000,
					   .latency_ms = 300,
					   .sleep_ms = 30000,
					   .least = 0.15};
	tell(&story, 1);
	tell(&story, 2);
}

static void minutes_never_pass_the_limit(void **state)
{
	(void)state;
	static const struct story story = {.name = "minutes",
					   .kind = LIMIT_MESSAGES,
					   .period = LIMIT_MINUTE,
					   .limit = 60,
					   .step_ms = 60,
					   .ask_ms = 1500,
					   .steps = 8000,
					   .latency_ms = 2000,
					   .sleep_ms = 30000,
					   .least = 0.2};
	tell(&story, 1);
}

static void hours_never_pass_the_limit(void **state)
{
	(void)state;
	static const struct story story = {.name = "hours",
					   .kind = LIMIT_MESSAGES,
					   .period = LIMIT_HOUR,
					   .limit = 200,
					   .step_ms = 1000,
					   .ask_ms = 7000,
					   .steps = 8000,
					   .latency_ms = 20000,
					   .sleep_ms = 60000,
					   .least = 0.2};
	tell(&story, 1);
}

static void connections_never_pass_the_limit(void **state)
{
	(void)state;
	static const struct story story = {.name = "connections",
					   .kind = LIMIT_CONNECTIONS,
					   .limit = 10,
					   .step_ms = 40,
					   .ask_ms = 1500,
					   .steps = 8000,
					   .latency_ms = 20000,
					   .sleep_ms = 60000,
					   .least = 0.3};
	tell(&story, 1);
	tell(&story, 2);
}

/* While operators change the limit, up and down. */
static void edits_never_let_more_pass(void **state)
{
	(void)state;
	static const struct story stories[] = {
		{"edited seconds", LIMIT_MESSAGES, LIMIT_SECOND, 30, 20, 1500, 3000, 300, 30000,
		 0.1, 150},
		{"edited minutes", LIMIT_MESSAGES, LIMIT_MINUTE, 60, 60, 1500, 3000, 2000, 30000,
		 0.1, 300},
		{"edited hours", LIMIT_MESSAGES, LIMIT_HOUR, 200, 3000, 7000, 3000, 20000, 60000,
		 0.1, 300},
		{"edited days", LIMIT_MESSAGES, LIMIT_DAY, 400, 60000, 60000, 3000, 20000, 60000,
		 0.1, 300},
		{"edited connections", LIMIT_CONNECTIONS, 0, 10, 40, 1500, 3000, 20000, 60000, 0.2,
		 150},
	};
	for (size_t i = 0; i < ARRAY_LEN(stories); i++)
		tell(&stories[i], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seconds_never_pass_the_limit),
		cmocka_unit_test(minutes_never_pass_the_limit),
		cmocka_unit_test(hours_never_pass_the_limit),
		cmocka_unit_test(connections_never_pass_the_limit),
		cmocka_unit_test(edits_never_let_more_pass),
	};
	return cmocka_run_group_tests(tests, share_fixture_start, share_fixture_stop);
}
