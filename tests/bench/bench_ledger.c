/* SPDX-License-Identifier: MIT */
/*
 * What the ledger costs the database: building an audience, claiming and reading chunks, flushing.
 *
 *	TMPDIR=/var/tmp bench_ledger [people]
 *
 * CPU is that of all processes of the server. 85 % delivered, 12 % deferred, 3 % bounced; 1,000
 * outcomes a flush; the client and the server share the machine.
 */
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/clock.h"
#include "scheduler/ledger/build.h"
#include "scheduler/ledger/claim.h"
#include "scheduler/ledger/flush.h"
#include "scheduler/ledger/member.h"
#include "tests/support/private_pg.h"

#define CLAIM_CHUNKS 8

struct bench {
	struct private_pg *server;
	struct loop *loop;
	struct pg *pg;
	struct pg_blocking *conn;
	char url[256];
	struct member_id id;
	bool is_waiting;
	int64_t started_us;
	double cpu;
	int batches;
	struct build_result built;
	/* of the node: */
	struct lease leases[CLAIM_CHUNKS];
	size_t lease_count;
	struct flush *flush;
	size_t settled;
	int64_t claim_us, read_us, flush_us; /* wall time of the calls */
};

static void start(struct bench *b)
{
	b->started_us = clock_now_us();
	b->cpu = private_pg_cpu_s(b->server);
}

static void stop(struct bench *b, const char *what, size_t people)
{
	double wall = (double)(clock_now_us() - b->started_us) / 1e6;
	double cpu = private_pg_cpu_s(b->server) - b->cpu;
	printf("%-24s %9zu people  %7.2f s  %7.2f CPU s  %6.2f us CPU a recipient\n", what, people,
	       wall, cpu, cpu * 1e6 / (double)people);
}

static void run(struct bench *b, const char *sql)
{
	struct err err;
	if (pg_run_text(b->conn, sql, &err) != 0) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
}

/* 70 % at 8 providers, the rest over 20,000 domains. */
static void make_people(struct bench *b, long n)
{
	char sql[2048];
	run(b,
	    "INSERT INTO recipient_domain(domain_id, name, provider) SELECT i, CASE WHEN i <= 8 "
	    "THEN 'p' || i || '.example' ELSE 'd' || i || '.example' END, CASE WHEN i <= 8 THEN "
	    "'p' || i END FROM generate_series(1, 20000) i; INSERT INTO list(name) VALUES ('all')");
	snprintf(sql, sizeof(sql),
		 "CREATE TEMP TABLE p AS SELECT hashtextextended('u' || i, 0) AS rid, CASE WHEN i "
		 "%% 10 "
		 "< 7 THEN 1 + (i %% 8) ELSE 9 + (i::bigint * 7919 %% 19992) END::int AS "
		 "domain_id, i FROM "
		 "generate_series(1, %ld) i; "
		 "INSERT INTO recipient(rid, domain_id, address) SELECT rid, p.domain_id, 'user' "
		 "|| i || "
		 "'@' || name FROM p JOIN recipient_domain USING (domain_id); "
		 "INSERT INTO list_member(list_id, domain_id, rid, attributes) SELECT 1, "
		 "domain_id, rid, "
		 "jsonb_build_object('name', 'Name ' || i) FROM p; "
		 "INSERT INTO list_domain_count SELECT 1, domain_id, count(*) FROM p GROUP BY 2; "
		 "INSERT INTO campaign(name, state, from_address, started_at) VALUES ('c', 3, "
		 "'a@b.example', "
		 "now()); INSERT INTO campaign_list(campaign_id, list_id) VALUES (1, 1); ANALYZE",
		 n);
	run(b, sql);
}

static void on_batch(void *owner, int32_t people, int32_t chunks)
{
	struct bench *b = owner;
	if (b->batches++ == 0)
		printf("first batch: %d people in %d chunks after %.2f s\n", (int)people,
		       (int)chunks, (double)(clock_now_us() - b->started_us) / 1e6);
}

static void on_end(void *owner, const struct build_result *result)
{
	struct bench *b = owner;
	b->built = *result;
	b->is_waiting = false;
}

/* Returns how long it took, in microseconds. */
static int64_t wait(struct bench *b)
{
	int64_t from = clock_now_us();
	while (b->is_waiting)
		loop_turn(b->loop, true);
	return clock_now_us() - from;
}

static void build(struct bench *b)
{
	struct build_events events = {.on_batch = on_batch, .on_end = on_end, .owner = b};
	b->is_waiting = true;
	start(b);
	struct builder *build = builder_open(b->loop, b->url);
	builder_start(build, 1, &events);
	wait(b);
	builder_close(build);
	loop_turn(b->loop, false);
	if (b->built.end != BUILD_COMPLETE)
		fprintf(stderr, "%s\n", b->built.err.text);
	stop(b, "build", (size_t)b->built.total);
}

static void on_leases(void *owner, const struct lease_reply *reply)
{
	struct bench *b = owner;
	must(reply->fate == PG_DONE);
	b->lease_count = reply->count;
	for (size_t i = 0; i < reply->count; i++)
		b->leases[i] = reply->leases[i];
	b->is_waiting = false;
}

static void settle(struct bench *b, size_t k, const struct person *p, unsigned position)
{
	unsigned lot = (unsigned)((uint64_t)p->rid % 100);
	struct settlement s = {.position = position,
			       .rid = p->rid,
			       .domain_id = p->domain_id,
			       .attempt = 1,
			       .version = 1,
			       .state = lot < 85   ? RECIPIENT_DELIVERED
					: lot < 97 ? RECIPIENT_DEFERRED
						   : RECIPIENT_BOUNCED,
			       .klass = lot < 85   ? OUTCOME_DELIVERED
					: lot < 97 ? OUTCOME_DEFERRED
						   : OUTCOME_BOUNCED,
			       .scope = SCOPE_RECIPIENT,
			       .words = OUTCOME_WORDS_REMOTE,
			       .stage = STAGE_DOT,
			       .code = 250,
			       .template_hash = 1 + (int64_t)lot,
			       .template_text = STR("OK: queued as {id}"),
			       .vars = STR("4bXyZ12abcd"),
			       .source_id = 1 + (int32_t)(lot % 4),
			       .provider = STR("p1"),
			       .mx = STR("mx1.p1.example"),
			       .tls = 13,
			       .rule = STR("accepted"),
			       .at_us = clock_wall_us(),
			       .took_ms = 120,
			       .suppress = lot >= 97,
			       .retry = {.due_at_us = clock_wall_us() + 300000000,
					 .attempts = 1,
					 .address = p->address,
					 .attributes = p->attributes}};
	flush_settle(b->flush, k, &s);
}

static void on_flushed(void *owner, struct flush *flush, const struct flush_reply *reply)
{
	struct bench *b = owner;
	must(reply->fate == PG_DONE);
	for (size_t i = 0; i < reply->count; i++)
		must(reply->answers[i].accepted);
	flush_clear(flush);
	b->is_waiting = false;
}

static void on_content(void *owner, const struct content_reply *reply)
{
	struct bench *b = owner;
	must(reply->fate == PG_DONE && reply->count == 1);
	struct flush_target target = {.incarnation = b->id.incarnation};
	for (size_t i = 0; i < b->lease_count; i++) {
		const struct lease *l = &b->leases[i];
		if (l->key.chunk != reply->chunks[0].key.chunk)
			continue;
		target.key = l->key;
		target.epoch = l->epoch;
		target.people = l->people;
	}
	size_t k = flush_target(b->flush, &target);
	for (unsigned i = 0; i < reply->chunks[0].count; i++)
		settle(b, k, &reply->chunks[0].people[i], i);
	b->settled += reply->chunks[0].count;
	b->is_waiting = false;
}

/* Claims, reads and, when flushing, settles everything of one group; returns people. */
static size_t work(struct bench *b, const char *group)
{
	size_t before = b->settled;
	struct claim_want want = {.campaign = 1, .group = str_from(group), .n = CLAIM_CHUNKS};
	for (;;) {
		b->is_waiting = true;
		ledger_claim(b->pg, b->id, (struct claim_wants){&want, 1, 32}, on_leases, b);
		b->claim_us += wait(b);
		if (b->lease_count == 0)
			return b->settled - before;
		for (size_t i = 0; i < b->lease_count; i++) {
			b->is_waiting = true;
			ledger_read_chunks(b->pg, &b->leases[i].key, 1, on_content, b);
			b->read_us += wait(b);
			b->is_waiting = true;
			flush_send(b->flush, b->pg, b->id, on_flushed, b);
			b->flush_us += wait(b);
		}
		/* Keeps the lease alive: nothing else does here. */
		run(b, "UPDATE node SET lease_until = now() + interval '1 h'");
	}
}

/* Makes all retries due and packs them; -1 when a statement failed. */
static int pack(struct bench *b)
{
	struct pg_params params;
	struct pg_rows *rows = NULL;
	struct err err;
	size_t packed = 0, last;
	run(b, "UPDATE retry SET due_at = now() - interval '1 min'");
	pg_params_init(&params);
	pg_add_int4(&params, 50000);
	pg_add_int8(&params, 5000);
	start(b);
	do {
		if (pg_run(b->conn, "ledger/pack", &params, &rows, &err) != 0) {
			fprintf(stderr, "%s\n", err.text);
			return -1;
		}
		last = (size_t)pg_int(rows, 0, 1);
		packed += last;
		pg_rows_free(rows);
	} while (last > 0);
	stop(b, "pack", packed);
	pg_params_done(&params);
	return 0;
}

int main(int argc, char **argv)
{
	struct bench b = {.flush = flush_new()};
	int64_t people = 1000000;
	struct err err;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1 && str_to_i64(str_from(argv[1]), &people) != 0)
		return 2;
	b.server = private_pg_start();
	snprintf(b.url, sizeof(b.url), "%s", private_pg_database(b.server, true));
	b.conn = pg_open_blocking(b.url, "bench", &err);
	b.loop = loop_new();
	struct pg_options options = {.url = b.url, .name = "bench ledger"};
	b.pg = pg_open(b.loop, &options);
	make_people(&b, (long)people);
	build(&b);
	struct registration r = {.name = "mx1", .host = "h", .version = "0", .lease_ms = 10000};
	must(member_register(b.conn, &r, &b.id, &err) == 0);
	start(&b);
	size_t done = 0;
	char group[16];
	for (int i = 1; i <= 8; i++) {
		snprintf(group, sizeof(group), "p%d", i);
		done += work(&b, group);
	}
	done += work(&b, "tail");
	stop(&b, "claim, read, flush", done);
	printf("  of a recipient's wall time: claim %.2f us, read %.2f us, flush %.2f us\n",
	       (double)b.claim_us / (double)done, (double)b.read_us / (double)done,
	       (double)b.flush_us / (double)done);
	if (pack(&b) != 0)
		return 1;
	start(&b);
	must(pg_run(b.conn, "ledger/roll_up", NULL, NULL, &err) == 0);
	stop(&b, "roll up", done);
	pg_close(b.pg);
	loop_turn(b.loop, false);
	loop_free(b.loop);
	pg_close_blocking(b.conn);
	flush_free(b.flush);
	private_pg_stop(b.server);
	return 0;
}
