/* SPDX-License-Identifier: MIT */
/* See ledger_world.h. */
#include "tests/db/ledger_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/private_pg.h"

static struct private_pg *server;

int world_serve(void **state)
{
	(void)state;
	server = private_pg_start();
	return 0;
}

int world_serve_end(void **state)
{
	(void)state;
	private_pg_stop(server);
	return 0;
}

static void must_go(int rc, const struct err *err, const char *what)
{
	if (rc != 0)
		fprintf(stderr, "%s: %s\n", what, err->text);
	must(rc == 0);
}

void world_open(struct world *w)
{
	struct err err;
	*w = (struct world){.now_us = 0};
	snprintf(w->url, sizeof(w->url), "%s", private_pg_database(server, true));
	w->conn = pg_open_blocking(w->url, "edm test", &err);
	must_go(w->conn == NULL ? -1 : 0, &err, "connect");
	w->loop = loop_new();
	w->flush = flush_new();
	struct pg_options options = {.url = w->url, .name = "edm test ledger"};
	w->pg = pg_open(w->loop, &options);
	world_sql(w, "INSERT INTO list(name) VALUES ('all')");
	w->now_us = world_number(w, "SELECT (extract(epoch FROM now()) * 1000000)::bigint");
}

void world_close(struct world *w)
{
	pg_close(w->pg);
	loop_turn(w->loop, false);
	loop_free(w->loop);
	pg_close_blocking(w->conn);
	flush_free(w->flush);
}

struct world *world_new(void)
{
	struct world *w = xcalloc(1, sizeof(*w));
	world_open(w);
	return w;
}

int world_setup(void **state)
{
	*state = world_new();
	return 0;
}

int world_teardown(void **state)
{
	world_close(*state);
	free(*state);
	return 0;
}

PRINTF_LIKE(2, 0)
static struct pg_rows *query(struct world *w, const char *fmt, va_list ap)
{
	struct buf sql;
	struct err err;
	struct pg_rows *rows = NULL;
	buf_init(&sql, 1 << 16);
	buf_appendfv(&sql, fmt, ap);
	must_go(pg_query(w->conn, sql.data, NULL, &rows, &err), &err, sql.data);
	buf_done(&sql);
	return rows;
}

void world_sql(struct world *w, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	pg_rows_free(query(w, fmt, ap));
	va_end(ap);
}

int64_t world_number(struct world *w, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	struct pg_rows *rows = query(w, fmt, ap);
	va_end(ap);
	must(pg_rows_count(rows) == 1);
	int64_t n = pg_int(rows, 0, 0);
	pg_rows_free(rows);
	return n;
}

void world_people(struct world *w, const char *domain, const char *provider, int n)
{
	world_sql(w,
		  "INSERT INTO recipient_domain(name, provider) VALUES ('%s', %s%s%s) "
		  "ON CONFLICT DO NOTHING",
		  domain, provider ? "'" : "", provider ? provider : "NULL", provider ? "'" : "");
	world_sql(w,
		  "WITH d AS (SELECT domain_id FROM recipient_domain WHERE name = '%s'), "
		  "p AS (INSERT INTO recipient(rid, domain_id, address) "
		  "SELECT hashtextextended('p' || i || '@%s', 0), domain_id, 'p' || i || '@%s' "
		  "FROM d, generate_series(1, %d) i RETURNING rid, domain_id), "
		  "m AS (INSERT INTO list_member(list_id, domain_id, rid, attributes) "
		  "SELECT 1, domain_id, rid, '{\"name\": \"n\"}' FROM p) "
		  "INSERT INTO list_domain_count SELECT 1, domain_id, %d FROM d",
		  domain, domain, domain, n, n);
}

void world_campaign(struct world *w, int policy)
{
	w->campaign = (int32_t)world_number(
		w,
		"INSERT INTO campaign(name, state, from_address, unknown_policy, started_at) "
		"VALUES ('c' || (SELECT count(*) FROM campaign), 3, 'a@b.example', %d, now()) "
		"RETURNING campaign_id",
		policy);
	world_sql(w, "INSERT INTO campaign_list(campaign_id, list_id) VALUES (%d, 1)",
		  (int)w->campaign);
}

static void on_batch(void *owner, int32_t people, int32_t chunks)
{
	struct world *w = owner;
	(void)people;
	(void)chunks;
	w->batches++;
}

static void on_end(void *owner, const struct build_result *result)
{
	struct world *w = owner;
	w->built = *result;
	w->is_waiting = false;
}

void world_build(struct world *w, int max_batches)
{
	struct build_events events = {.on_batch = on_batch, .on_end = on_end, .owner = w};
	w->batches = 0;
	w->is_waiting = true;
	struct builder *b = builder_open(w->loop, w->url);
	builder_start(b, w->campaign, &events);
	while (w->is_waiting && (max_batches == 0 || w->batches < max_batches))
		loop_turn(w->loop, true);
	builder_close(b);
	loop_turn(w->loop, false);
	if (!w->is_waiting && w->built.end == BUILD_FAILED)
		fprintf(stderr, "build: %s\n", w->built.err.text);
}

struct member_id world_register(struct world *w, const char *name)
{
	struct registration r = {
		.name = name, .host = "test", .pid = 1, .version = "0", .lease_ms = WORLD_LEASE_MS};
	struct member_id id;
	struct err err;
	snprintf((char *)r.journal, sizeof(r.journal), "%s", name);
	must_go(member_register(w->conn, &r, &id, &err), &err, "register");
	return id;
}

static void on_claimed(void *owner, const struct lease_reply *reply)
{
	struct world *w = owner;
	w->fate = reply->fate;
	w->lease_count = reply->count;
	must(reply->count <= WORLD_LEASES_MAX);
	for (size_t i = 0; i < reply->count; i++) {
		w->leases[i] = reply->leases[i];
		w->leases[i].group = STR("");
	}
	w->is_waiting = false;
}

size_t world_claim(struct world *w, struct member_id id, const char *group, int n)
{
	struct claim_want want = {.campaign = w->campaign, .group = str_from(group), .n = n};
	w->is_waiting = true;
	ledger_claim(w->pg, id, (struct claim_wants){&want, 1, WORLD_FIRST_CREDITS}, on_claimed, w);
	while (w->is_waiting)
		loop_turn(w->loop, true);
	must(w->fate == PG_DONE);
	for (size_t i = 0; i < w->lease_count; i++)
		w->leases[i].incarnation = id.incarnation;
	return w->lease_count;
}

static int64_t run_params(struct world *w, const char *statement, const struct pg_params *params,
			  int column)
{
	struct err err;
	struct pg_rows *rows = NULL;
	must_go(pg_run(w->conn, statement, params, &rows, &err), &err, statement);
	int64_t n = column >= 0 && pg_rows_count(rows) > 0 ? pg_int(rows, 0, column) : 0;
	pg_rows_free(rows);
	return n;
}

void world_run(struct world *w, const char *statement)
{
	run_params(w, statement, NULL, -1);
}

void world_reap(struct world *w, struct member_id id)
{
	struct pg_params params;
	world_sql(w,
		  "UPDATE node SET incarnation = incarnation + 1, lease_until = '-infinity' "
		  "WHERE node_id = %d AND incarnation = %d",
		  (int)id.node, (int)id.incarnation);
	pg_params_init(&params);
	pg_add_int8(&params, LEDGER_DOUBT_MS);
	run_params(w, "ledger/reap_chunks", &params, -1);
	pg_params_done(&params);
}

int64_t world_expire_doubts(struct world *w)
{
	struct pg_params params;
	pg_params_init(&params);
	pg_add_int8(&params, 0);
	pg_add_int4(&params, 100);
	int64_t n = run_params(w, "ledger/expire_doubts", &params, 0);
	pg_params_done(&params);
	return n;
}

int64_t world_pack(struct world *w)
{
	struct pg_params params;
	pg_params_init(&params);
	pg_add_int4(&params, 50000);
	pg_add_int8(&params, 5000);
	int64_t n = run_params(w, "ledger/pack", &params, 1);
	pg_params_done(&params);
	return n;
}

void world_settle_ended(struct world *w)
{
	struct pg_params params;
	pg_params_init(&params);
	pg_add_int4(&params, 1000);
	pg_add_int4(&params, 10000);
	run_params(w, "ledger/settle_ended", &params, -1);
	pg_params_done(&params);
}

size_t world_target(struct flush *f, const struct lease *lease)
{
	return flush_target(f, &(struct flush_target){.key = lease->key,
						      .incarnation = lease->incarnation,
						      .epoch = lease->epoch,
						      .flush_seq = lease->flush_seq,
						      .people = lease->people});
}

void world_settle(struct world *w, size_t k, const struct lease *lease, unsigned position,
		  enum recipient_state state)
{
	bool parked = state == RECIPIENT_WAITING;
	static const unsigned class_of[RECIPIENT_STATE_END] = {
		[RECIPIENT_DELIVERED] = OUTCOME_DELIVERED,
		[RECIPIENT_BOUNCED] = OUTCOME_BOUNCED,
		[RECIPIENT_DEFERRED] = OUTCOME_DEFERRED,
		[RECIPIENT_UNKNOWN] = OUTCOME_UNKNOWN,
		[RECIPIENT_SUPPRESSED] = OUTCOME_SUPPRESSED};
	int64_t rid = world_number(
		w, "SELECT rids[%u] FROM chunk_data WHERE campaign_id = %d AND chunk_no = %d",
		position + 1, (int)lease->key.campaign, (int)lease->key.chunk);
	w->now_us += 1000000;
	struct settlement s = {.position = position,
			       .rid = rid,
			       .domain_id = 1,
			       .attempt = 1,
			       .version = 1,
			       .state = parked ? RECIPIENT_DEFERRED : state,
			       .klass = class_of[state],
			       .cause =
				       state == RECIPIENT_BOUNCED ? CAUSE_USER_UNKNOWN : CAUSE_NONE,
			       .scope = SCOPE_RECIPIENT,
			       .words = OUTCOME_WORDS_REMOTE,
			       .stage = STAGE_DOT,
			       .code = 250,
			       .template_hash = 42,
			       .template_text = STR("ok {id}"),
			       .vars = STR("7"),
			       .provider = STR("qq"),
			       .mx = STR("mx.qq.com"),
			       .rule = STR("r1"),
			       .source_id = 1,
			       .at_us = w->now_us,
			       .suppress = state == RECIPIENT_BOUNCED,
			       .retry = {.due_at_us = 0,
					 .attempts = parked ? 0 : 1,
					 .address = STR("x@y.example"),
					 .attributes = STR("{}")}};
	flush_settle(w->flush, k, &s);
}

size_t world_flush(struct world *w, struct flush *f, struct member_id id)
{
	const struct flush_answer *answers;
	struct err err;
	must_go(flush_run(f, w->conn, id, &answers, &err), &err, "flush");
	size_t accepted = 0;
	for (size_t i = 0; i < flush_targets(f); i++)
		accepted += answers[i].accepted;
	return accepted;
}

int64_t world_count(struct world *w, enum recipient_state state)
{
	struct state_counts counts;
	struct err err;
	must_go(stats_states(w->conn, w->campaign, &counts, &err), &err, "states");
	return counts.by_state[state];
}

/* Where everybody is, by the tables that are the truth: rid, state. */
#define PLACES                                                                                     \
	"WITH place AS ("                                                                          \
	"SELECT x.rid, CASE c.state WHEN 0 THEN 1 WHEN 1 THEN 2 ELSE c.settled_as END AS state "   \
	"FROM chunk c JOIN chunk_data d USING (campaign_id, chunk_no), "                           \
	"unnest(d.rids) WITH ORDINALITY x(rid, i) WHERE c.campaign_id = %1$d AND c.state <> 2 "    \
	"AND get_bit(c.done_map, (x.i - 1)::int) = 0 "                                             \
	"UNION ALL SELECT x.rid, 2 FROM doubt c JOIN chunk_data d USING (campaign_id, chunk_no), " \
	"unnest(d.rids) WITH ORDINALITY x(rid, i) WHERE c.campaign_id = %1$d "                     \
	"AND get_bit(c.map, (x.i - 1)::int) = 1 "                                                  \
	"UNION ALL SELECT rid, 3 FROM retry WHERE campaign_id = %1$d "                             \
	"UNION ALL SELECT rid, 11 FROM unknown WHERE campaign_id = %1$d "                          \
	"UNION ALL SELECT rid, state FROM outcome WHERE campaign_id = %1$d "                       \
	"AND state BETWEEN 4 AND 10) "

void world_check(struct world *w)
{
	int c = (int)w->campaign;
	int64_t audience = world_number(
		w, "SELECT coalesce(sum(n), 0)::bigint FROM build_batch WHERE campaign_id = %d", c);
	int64_t places = world_number(w, PLACES "SELECT count(*) FROM place", c);
	int64_t people = world_number(w, PLACES "SELECT count(DISTINCT rid) FROM place", c);
	if (places != audience || people != audience)
		fprintf(stderr, "audience %lld, places %lld, people %lld\n", (long long)audience,
			(long long)places, (long long)people);
	must(places == audience && people == audience);
	for (int state = 1; state < RECIPIENT_STATE_END; state++) {
		int64_t want = world_number(
			w, PLACES "SELECT count(*) FROM place WHERE state = %2$d", c, state);
		int64_t got = world_count(w, (enum recipient_state)state);
		if (want != got)
			fprintf(stderr, "state %d: %lld by truth, %lld by counters\n", state,
				(long long)want, (long long)got);
		must(want == got);
	}
	int64_t outcomes =
		world_number(w, "SELECT count(*) FROM outcome WHERE campaign_id = %d", c);
	int64_t attempts =
		world_number(w,
			     "SELECT coalesce(sum(n), 0)::bigint FROM (SELECT campaign_id, n FROM "
			     "attempts UNION ALL "
			     "SELECT campaign_id, n FROM attempts_delta) x WHERE campaign_id = %d",
			     c);
	must(outcomes == attempts);
}
