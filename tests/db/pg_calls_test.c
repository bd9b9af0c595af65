/* SPDX-License-Identifier: MIT */
/* engine/pg against a real server: every statement prepares, fates, binary round trips, COPY. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "engine/pg/blocking.h"
#include "engine/pg/copy.h"
#include "engine/pg/pg.h"
#include "schemas/embedded.h"
#include "tests/support/private_pg.h"

#define ANSWERED 100 /* exit code of a child, with the fate on top */

struct fixture {
	struct private_pg *server;
	struct loop *loop;
	struct pg *pg;
	int ups, downs, notifies;
	/* of the last reply */
	int replies;
	enum pg_fate fate;
	struct err err;
	int64_t value;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	f->server = private_pg_start();
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	private_pg_stop(f->server);
	free(f);
	return 0;
}

static void on_up(void *owner, struct pg *pg)
{
	(void)pg;
	((struct fixture *)owner)->ups++;
}

static void on_down(void *owner, struct pg *pg, const struct err *err)
{
	struct fixture *f = owner;
	(void)pg;
	f->downs++;
	f->err = *err;
}

static void on_notify(void *owner, struct pg *pg, struct str payload)
{
	(void)pg;
	(void)payload;
	((struct fixture *)owner)->notifies++;
}

static void on_fate(void *owner, const struct pg_reply *reply)
{
	struct fixture *f = owner;
	f->replies++;
	f->fate = reply->fate;
	if (reply->err != NULL)
		f->err = *reply->err;
}

/* Keeps the number in the first column too. */
static void on_reply(void *owner, const struct pg_reply *reply)
{
	struct fixture *f = owner;
	on_fate(owner, reply);
	if (reply->fate == PG_DONE && pg_rows_count(reply->rows) > 0)
		f->value = pg_int(reply->rows, 0, 0);
}

static void open_async(struct fixture *f, const char *url)
{
	f->loop = loop_new();
	f->ups = f->downs = f->notifies = f->replies = 0;
	struct pg_options options = {.url = url,
				     .name = "edm test",
				     .listen = "edm",
				     .on_up = on_up,
				     .on_down = on_down,
				     .on_notify = on_notify,
				     .owner = f};
	f->pg = pg_open(f->loop, &options);
}

static void close_async(struct fixture *f)
{
	pg_close(f->pg);
	loop_turn(f->loop, false);
	loop_free(f->loop);
}

/* Turns the loop until n replies in all have come. */
static void await_replies(struct fixture *f, int n)
{
	while (f->replies < n)
		loop_turn(f->loop, true);
}

static struct pg_blocking *open_blocking(const char *url)
{
	struct err err;
	struct pg_blocking *conn = pg_open_blocking(url, "edm test", &err);
	assert_non_null(conn);
	return conn;
}

static void run_text(struct pg_blocking *conn, const char *sql)
{
	struct err err;
	if (pg_run_text(conn, sql, &err) != 0)
		fail_msg("%s: %s", sql, err.text);
}

static void every_statement_prepares(void **state)
{
	struct fixture *f = *state;
	struct pg_blocking *conn = open_blocking(private_pg_database(f->server, true));
	size_t count;
	int prepared = 0;
	const struct embedded_file *files = embedded_files(&count);
	static const struct str prefix = STR_INIT("schemas/queries/");
	for (size_t i = 0; i < count; i++) {
		struct str name = str_from(files[i].name);
		/* COPY is sent as text and cannot be prepared. */
		if (!str_starts_with(name, prefix) ||
		    str_find(str_from(files[i].data), STR("FROM STDIN")) >= 0)
			continue;
		char *short_name = xstrndup(name.ptr + prefix.len, name.len - prefix.len - 4);
		struct err err;
		if (pg_prepare_only(conn, short_name, &err) != 0)
			fail_msg("%s", err.text);
		free(short_name);
		prepared++;
	}
	assert_true(prepared > 0);
	pg_close_blocking(conn);
}

static void every_table_says_who_writes_it(void **state)
{
	struct fixture *f = *state;
	struct pg_blocking *conn = open_blocking(private_pg_database(f->server, true));
	run_text(conn,
		 "DO $$ DECLARE t text; BEGIN SELECT relname INTO t FROM pg_class c JOIN "
		 "pg_namespace n ON n.oid = relnamespace WHERE nspname = 'edm' AND relkind IN "
		 "('r', 'p') AND NOT relispartition AND coalesce(obj_description(c.oid), '') "
		 "!~ 'Written by' LIMIT 1; IF FOUND THEN RAISE 'table % has no comment', t; "
		 "END IF; END $$");
	pg_close_blocking(conn);
}

/* The arrays in columns 9 and 10 of the round trip. */
static void want_items(const struct pg_rows *rows)
{
	struct pg_items items = pg_items(rows, 0, 9);
	int64_t v;
	assert_true(pg_next_int(&items, &v) && v == -7);
	assert_true(pg_next_int(&items, &v) && v == 32767);
	assert_false(pg_next_int(&items, &v));
	items = pg_items(rows, 0, 10);
	struct str s;
	assert_true(pg_next_text(&items, &s) && str_equals(s, STR("中文")));
	assert_true(pg_next_text(&items, &s) && s.len == 0);
	assert_true(pg_next_text(&items, &s) && s.len == 0);
}

/* Every type out to the server and back. */
static void values_survive_the_round_trip(void **state)
{
	struct fixture *f = *state;
	struct pg_blocking *conn = open_blocking(private_pg_database(f->server, true));
	struct pg_params p;
	struct pg_array ints, texts;
	struct err err;
	pg_params_init(&p);
	pg_array_init(&ints, PG_INT2);
	pg_array_init(&texts, PG_TEXT);
	pg_array_int(&ints, -7);
	pg_array_int(&ints, 32767);
	pg_array_text(&texts, STR("中文"));
	pg_array_null(&texts);
	pg_array_text(&texts, STR(""));
	unsigned char uuid[16] = {1, 2, 3, [15] = 255};
	unsigned char bits[2] = {0x80, 0x40};
	pg_add_bool(&p, true);
	pg_add_int4(&p, INT32_MIN);
	pg_add_int8(&p, INT64_MAX);
	pg_add_text(&p, STR("a'b"));
	pg_add_bytea(&p, str_of("\0\1", 2));
	pg_add_time(&p, 1700000000123456);
	pg_add_time(&p, INT64_MAX);
	pg_add_uuid(&p, uuid);
	pg_add_bits(&p, (struct pg_bits){bits, 10});
	pg_add_array(&p, &ints);
	pg_add_array(&p, &texts);
	pg_add_null(&p, PG_TEXT);
	struct pg_rows *rows = NULL;
	static const char sql[] = "SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12";
	if (pg_query(conn, sql, &p, &rows, &err) != 0)
		fail_msg("%s", err.text);
	assert_true(pg_bool(rows, 0, 0));
	assert_int_equal(pg_int(rows, 0, 1), INT32_MIN);
	assert_true(pg_int(rows, 0, 2) == INT64_MAX);
	assert_true(str_equals(pg_text(rows, 0, 3), STR("a'b")));
	assert_true(str_equals(pg_bytes(rows, 0, 4), str_of("\0\1", 2)));
	assert_true(pg_time(rows, 0, 5) == 1700000000123456);
	assert_true(pg_time(rows, 0, 6) == INT64_MAX);
	unsigned char got[16];
	pg_uuid(rows, 0, 7, got);
	assert_memory_equal(got, uuid, 16);
	struct pg_bits back = pg_bits(rows, 0, 8);
	assert_int_equal(back.count, 10);
	assert_memory_equal(back.bytes, bits, 2);
	want_items(rows);
	assert_true(pg_is_null(rows, 0, 11));
	pg_rows_free(rows);
	pg_array_done(&ints);
	pg_array_done(&texts);
	pg_params_done(&p);
	pg_close_blocking(conn);
}

static void copy_streams_rows(void **state)
{
	struct fixture *f = *state;
	struct pg_blocking *conn = open_blocking(private_pg_database(f->server, true));
	run_text(conn, "CREATE TEMP TABLE t(a bigint, b text, c timestamptz)");
	struct err err;
	static const char sql[] = "COPY t(a, b, c) FROM STDIN (FORMAT binary)";
	struct pg_copy *copy = pg_copy_start_text(conn, sql, &err);
	assert_non_null(copy);
	for (int i = 0; i < 20000; i++) {
		pg_copy_row(copy, 3);
		pg_copy_int8(copy, i);
		pg_copy_text(copy, STR("小明"));
		pg_copy_time(copy, 1700000000000000);
	}
	int64_t rows = 0;
	assert_int_equal(pg_copy_end(copy, &rows, &err), 0);
	assert_int_equal(rows, 20000);
	/* A bad row is told at the end, and the connection can go on. */
	copy = pg_copy_start_text(conn, sql, &err);
	pg_copy_row(copy, 1);
	pg_copy_int8(copy, 1);
	assert_int_equal(pg_copy_end(copy, &rows, &err), -1);
	assert_true(pg_err_is(&err, "22P04"));
	copy = pg_copy_start_text(conn, sql, &err);
	pg_copy_row(copy, 3);
	pg_copy_abort(copy);
	struct pg_rows *got = NULL;
	assert_int_equal(
		pg_query(conn, "SELECT count(*), min(b) FROM t WHERE c = to_timestamp(1700000000)",
			 NULL, &got, &err),
		0);
	assert_int_equal(pg_int(got, 0, 0), 20000);
	assert_true(str_equals(pg_text(got, 0, 1), STR("小明")));
	pg_rows_free(got);
	pg_close_blocking(conn);
}

static void a_refused_call_harms_no_other(void **state)
{
	struct fixture *f = *state;
	open_async(f, private_pg_database(f->server, true));
	pg_command(f->pg, "CREATE TABLE t(a int PRIMARY KEY)", on_reply, f);
	pg_command(f->pg, "INSERT INTO t VALUES (1)", on_reply, f);
	await_replies(f, 2);
	assert_int_equal(f->fate, PG_DONE);
	pg_command(f->pg, "INSERT INTO t VALUES (1)", on_reply, f);
	await_replies(f, 3);
	assert_int_equal(f->fate, PG_REFUSED);
	assert_true(pg_err_is(&f->err, "23505"));
	pg_command(f->pg, "INSERT INTO t VALUES (1)", on_reply, f);
	pg_command(f->pg, "SELECT count(*) FROM t", on_reply, f);
	await_replies(f, 5);
	assert_int_equal(f->fate, PG_DONE);
	assert_int_equal(f->value, 1);
	assert_int_equal(f->downs, 0);
	close_async(f);
}

/* In a pipeline the server reports a statement as complete before it commits. */
static void a_commit_that_fails_is_no_success(void **state)
{
	struct fixture *f = *state;
	open_async(f, private_pg_database(f->server, true));
	pg_command(f->pg, "CREATE TABLE t(a int UNIQUE DEFERRABLE INITIALLY DEFERRED)", on_reply,
		   f);
	pg_command(f->pg, "INSERT INTO t VALUES (1), (1)", on_reply, f);
	await_replies(f, 2);
	assert_int_equal(f->fate, PG_REFUSED);
	assert_true(pg_err_is(&f->err, "23505"));
	pg_command(f->pg, "SELECT count(*) FROM t", on_reply, f);
	await_replies(f, 3);
	assert_int_equal(f->fate, PG_DONE);
	assert_int_equal(f->value, 0);
	close_async(f);
}

static void a_call_in_flight_is_lost_and_a_waiting_one_is_not(void **state)
{
	struct fixture *f = *state;
	const char *url = private_pg_database(f->server, true);
	open_async(f, url);
	pg_call(f->pg, "ledger/export_snapshot", NULL, on_fate, f);
	await_replies(f, 1);
	assert_int_equal(f->fate, PG_DONE);
	pg_command(f->pg, "SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(60)", on_fate,
		   f);
	await_replies(f, 2);
	assert_int_equal(f->fate, PG_LOST);
	assert_false(pg_is_up(f->pg));
	/* Waits for the new connection, which knows no prepared statement yet. */
	pg_call(f->pg, "ledger/export_snapshot", NULL, on_fate, f);
	await_replies(f, 3);
	assert_int_equal(f->fate, PG_DONE);
	assert_int_equal(f->ups, 2);
	assert_int_equal(f->downs, 1);
	close_async(f);
}

static void a_server_crash_is_survived(void **state)
{
	struct fixture *f = *state;
	open_async(f, private_pg_database(f->server, true));
	pg_command(f->pg, "SELECT 1", on_reply, f);
	await_replies(f, 1);
	pg_command(f->pg, "SELECT pg_sleep(60)", on_fate, f);
	loop_turn(f->loop, false);
	private_pg_crash(f->server);
	await_replies(f, 2);
	assert_int_equal(f->fate, PG_LOST);
	pg_command(f->pg, "SELECT 7", on_reply, f);
	await_replies(f, 3);
	assert_int_equal(f->fate, PG_DONE);
	assert_int_equal(f->value, 7);
	close_async(f);
}

static void silence_takes_the_connection_down(void **state)
{
	struct fixture *f = *state;
	struct pg_options options = {.url = private_pg_database(f->server, true),
				     .name = "edm test",
				     .reply_timeout_ms = 100,
				     .on_down = on_down,
				     .owner = f};
	f->loop = loop_new();
	f->replies = f->downs = 0;
	f->pg = pg_open(f->loop, &options);
	pg_command(f->pg, "SELECT pg_sleep(30)", on_fate, f);
	await_replies(f, 1);
	assert_int_equal(f->fate, PG_LOST);
	while (f->downs == 0)
		loop_turn(f->loop, true);
	close_async(f);
}

static void a_hundred_pipelined_calls_keep_their_order(void **state)
{
	struct fixture *f = *state;
	open_async(f, private_pg_database(f->server, true));
	pg_command(f->pg, "CREATE SEQUENCE s", on_reply, f);
	for (int i = 0; i < 100; i++)
		pg_command(f->pg, "SELECT nextval('s')", on_reply, f);
	for (int i = 1; i <= 101; i++) {
		await_replies(f, i);
		assert_int_equal(f->fate, PG_DONE);
	}
	assert_int_equal(f->value, 100);
	assert_int_equal(pg_calls_open(f->pg), 0);
	close_async(f);
}

static void a_notify_arrives(void **state)
{
	struct fixture *f = *state;
	open_async(f, private_pg_database(f->server, true));
	pg_command(f->pg, "NOTIFY edm, 'x'", on_reply, f);
	while (f->notifies == 0)
		loop_turn(f->loop, true);
	assert_int_equal(f->notifies, 1);
	close_async(f);
}

static void close_in_callback(void *owner, const struct pg_reply *reply)
{
	struct fixture *f = owner;
	on_reply(owner, reply);
	pg_close(f->pg);
}

static void closing_inside_a_callback_is_fine(void **state)
{
	struct fixture *f = *state;
	open_async(f, private_pg_database(f->server, true));
	pg_command(f->pg, "SELECT 1", close_in_callback, f);
	pg_command(f->pg, "SELECT 2", on_reply, f);
	await_replies(f, 1);
	loop_turn(f->loop, false);
	loop_free(f->loop);
	assert_int_equal(f->replies, 1);
}

static void a_prologue_runs_in_the_same_transaction(void **state)
{
	struct fixture *f = *state;
	open_async(f, private_pg_database(f->server, true));
	pg_set_prologue(f->pg, "CREATE TEMP TABLE t(a int) ON COMMIT DROP");
	pg_call(f->pg, "ledger/export_snapshot", NULL, on_fate, f);
	pg_command(f->pg, "SELECT count(*) FROM pg_class WHERE relname = 't'", on_reply, f);
	await_replies(f, 2);
	assert_int_equal(f->fate, PG_DONE);
	assert_int_equal(f->value, 0);
	close_async(f);
}

static int insert_then_fail(void *owner, struct err *err)
{
	if (pg_run_text(owner, "INSERT INTO edm.setting(key, value, set_by) VALUES ('a', 'b', 'c')",
			err) != 0)
		return -1;
	return err_set(err, ERR_REFUSED, "no");
}

static void a_failing_transaction_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct pg_blocking *conn = open_blocking(private_pg_database(f->server, true));
	struct err err;
	struct pg_rows *rows = NULL;
	assert_int_equal(pg_transaction(conn, insert_then_fail, conn, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_int_equal(pg_query(conn, "SELECT count(*) FROM setting", NULL, &rows, &err), 0);
	assert_int_equal(pg_int(rows, 0, 0), 0);
	pg_rows_free(rows);
	pg_close_blocking(conn);
}

/* Answers with its fate, unless it dies. */
static void ask_without_memory(struct fixture *f, const char *url)
{
	static const struct rlimit little = {1 << 20, 1 << 20};
	signal(SIGABRT, SIG_DFL);
	open_async(f, url);
	while (f->ups == 0)
		loop_turn(f->loop, true);
	must(setrlimit(RLIMIT_DATA, &little) == 0);
	pg_command(f->pg, "SELECT i, repeat('x', 100) FROM generate_series(1, 300000) i", on_fate,
		   f);
	await_replies(f, 1);
	_exit(ANSWERED + (int)f->fate);
}

/* libpq calls that an error of the statement; it is one of ours, and like any other it ends the
 * process: nobody goes on for ever with a reply that never fits. */
static void a_reply_without_room_is_no_refusal(void **state)
{
	struct fixture *f = *state;
	const char *url = private_pg_database(f->server, false);
	int status = 0;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		ask_without_memory(f, url);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_false(WIFEXITED(status) && WEXITSTATUS(status) == ANSWERED + PG_REFUSED);
	assert_false(WIFEXITED(status) && WEXITSTATUS(status) == ANSWERED + PG_DONE);
}

static void an_absent_database_says_so(void **state)
{
	(void)state;
	struct err err;
	assert_null(pg_open_blocking("host=/nonexistent", "edm test", &err));
	assert_int_equal(err.kind, ERR_DATABASE);
	assert_non_null(strstr(err.text, "/nonexistent"));
	assert_null(strchr(err.text, '\n'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_statement_prepares),
		cmocka_unit_test(every_table_says_who_writes_it),
		cmocka_unit_test(values_survive_the_round_trip),
		cmocka_unit_test(copy_streams_rows),
		cmocka_unit_test(a_refused_call_harms_no_other),
		cmocka_unit_test(a_commit_that_fails_is_no_success),
		cmocka_unit_test(a_call_in_flight_is_lost_and_a_waiting_one_is_not),
		cmocka_unit_test(a_server_crash_is_survived),
		cmocka_unit_test(silence_takes_the_connection_down),
		cmocka_unit_test(a_hundred_pipelined_calls_keep_their_order),
		cmocka_unit_test(a_notify_arrives),
		cmocka_unit_test(closing_inside_a_callback_is_fine),
		cmocka_unit_test(a_prologue_runs_in_the_same_transaction),
		cmocka_unit_test(a_failing_transaction_leaves_nothing),
		cmocka_unit_test(a_reply_without_room_is_no_refusal),
		cmocka_unit_test(an_absent_database_says_so),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
