/* SPDX-License-Identifier: MIT */
/* Imports against a real database: what merges how, what is refused, undo, and being killed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "lists/member.h"
#include "lists/view.h"
#include "tests/db/lists_fixture.h"

static const struct lists_actor actor = {.actor = FIXTURE_ACTOR, .because = "test"};

static void a_file_becomes_a_list_and_a_second_time_nothing(void **state)
{
	struct fixture *f = *state;
	static const char file[] = "邮箱,姓名,城市\n"
				   "Wang@QQ.com,王伟,北京\n"
				   "li＠163。com,李娜,\n"
				   "not an address,x,y\n"
				   "wang@qq.COM,王伟,上海\n"
				   "u@例子.中国,,\n";
	struct import_result r = fixture_import(f, file, NULL);
	assert_true(r.list_made && r.import_id > 0);
	assert_int_equal(r.rows, 5);
	assert_int_equal(r.added, 3);
	assert_int_equal(r.duplicates, 1);
	assert_int_equal(r.refused, 1);
	static const char want[] = "li@163.com 1 {\"name\": \"李娜\"} -\n"
				   "u@xn--fsqu00a.xn--fiqs8s 1 {} -\n"
				   "wang@qq.com 1 {\"city\": \"上海\", \"name\": \"王伟\"} -\n";
	assert_string_equal(fixture_members(f), want);
	assert_string_equal(fixture_query(f, "SELECT name || n FROM list_domain_count JOIN "
					     "recipient_domain USING (domain_id) ORDER BY name"),
			    "163.com1\nqq.com1\nxn--fsqu00a.xn--fiqs8s1\n");
	assert_string_equal(fixture_read(f, "file.refused.csv"),
			    "\xEF\xBB\xBFrefused_line,refused_reason,邮箱,姓名,城市\r\n"
			    "4,there is no @,not an address,x,y\r\n");
	assert_string_equal(fixture_query(f, "SELECT verb || ' ' || object || ' ' || actor || ' ' "
					     "|| (detail ->> 'added') FROM event"),
			    "list import list:people tester 3\n");

	fixture_run(f,
		    "CREATE TABLE before AS SELECT xmin::text AS version, m.* FROM list_member m");
	r = fixture_import(f, file, NULL);
	assert_int_equal(r.unchanged, 3);
	assert_int_equal(r.added + r.updated, 0);
	assert_string_equal(fixture_query(f, "SELECT count(*)::text FROM list_member m JOIN before "
					     "b USING (rid) WHERE m.xmin::text = b.version"),
			    "3\n");
}

/* Whoever stands twice in a file loses nothing by the row that knows less. */
static void an_empty_cell_of_a_duplicate_takes_nothing_away(void **state)
{
	struct fixture *f = *state;
	static const char file[] = "email,name,city,level\n"
				   "wang@qq.com,王伟,北京,\n"
				   "li@qq.com,李娜,,\n"
				   "WANG@qq.com,,上海,gold\n"
				   "wang@qq.com,,,\n"
				   "li@qq.com,,,\n"
				   "mei@qq.com,,,\n"
				   "mei@qq.com,,,\n";
	struct import_result r = fixture_import(f, file, NULL);
	assert_int_equal(r.rows, 7);
	assert_int_equal(r.added, 3);
	assert_int_equal(r.duplicates, 4);
	/* The last filled cell of each column. */
	assert_string_equal(
		fixture_members(f),
		"li@qq.com 1 {\"name\": \"李娜\"} -\n"
		"mei@qq.com 1 {} -\n"
		"wang@qq.com 1 {\"city\": \"上海\", \"name\": \"王伟\", \"level\": \"gold\"} -\n");
	r = fixture_import(f, file, NULL);
	assert_int_equal(r.unchanged, 3);
	/* Where the first counts, its filled cells do. */
	const struct import_request keep = {
		.list = "other", .file = "keep.csv", .mode = IMPORT_KEEP, .actor = actor};
	fixture_run(f, "TRUNCATE list_member, list_domain_count, recipient");
	r = fixture_import(f, "email,x,y\nk@b.cn,1,\nk@b.cn,2,3\n", &keep);
	assert_int_equal(r.duplicates, 1);
	assert_string_equal(fixture_members(f), "k@b.cn 1 {\"x\": \"1\", \"y\": \"3\"} -\n");
}

static void modes_differ_in_what_they_overwrite(void **state)
{
	struct fixture *f = *state;
	static const struct {
		enum import_mode mode;
		const char *want;
	} cases[] = {
		{IMPORT_MERGE, "a@b.cn 1 {\"x\": \"1\", \"y\": \"new\", \"z\": \"3\"} web\n"
			       "c@d.cn 1 {\"y\": \"4\"} web\n"},
		{IMPORT_REPLACE, "a@b.cn 1 {\"x\": \"1\", \"y\": \"new\"} web\n"
				 "c@d.cn 1 {\"y\": \"4\"} web\n"},
		{IMPORT_KEEP, "a@b.cn 1 {\"x\": \"1\", \"y\": \"2\", \"z\": \"3\"} -\n"
			      "c@d.cn 1 {\"y\": \"4\"} web\n"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct import_request request = {.list = "people",
						 .file = "second.csv",
						 .mode = cases[i].mode,
						 .consent = "web",
						 .actor = actor};
		fixture_run(f, "TRUNCATE list_member, list_domain_count, recipient");
		fixture_import(f, "email,x,y,z\na@b.cn,1,2,3\n", NULL);
		struct import_result r =
			fixture_import(f, "email,x,y\nA@b.cn,,new\nc@d.cn,,4\n", &request);
		assert_int_equal(r.added, 1);
		assert_int_equal(r.updated, cases[i].mode == IMPORT_KEEP ? 0 : 1);
		assert_string_equal(fixture_members(f), cases[i].want);
	}
}

static int leave(struct fixture *f, int32_t list_id, const char *address, enum member_status status,
		 bool *changed_out)
{
	struct member_leaving leaving = {
		.list_id = list_id, .rid = fixture_rid(address), .status = status, .actor = "link"};
	struct err err;
	return member_leave(f->db, &leaving, changed_out, &err);
}

static void who_left_stays_out_and_is_counted(void **state)
{
	struct fixture *f = *state;
	struct err err;
	bool changed = false;
	int32_t list_id = 0;
	fixture_import(f, "a@b.cn\nc@d.cn\ne@f.cn\n", NULL);
	assert_int_equal(lists_find(f->db, "people", &list_id, &err), 0);
	assert_int_equal(leave(f, list_id, "a@b.cn", MEMBER_UNSUBSCRIBED, &changed), 0);
	assert_true(changed);
	assert_int_equal(leave(f, list_id, "a@b.cn", MEMBER_UNSUBSCRIBED, &changed), 0);
	assert_false(changed);
	/* g: complained everywhere, known from a node's feed only; h: bounced, may be a member */
	char sql[512];
	snprintf(sql, sizeof(sql),
		 "INSERT INTO suppression_feed (rid, cause, folded) VALUES (%lld, 3, false);"
		 "INSERT INTO suppression (rid, cause) VALUES (%lld, 1)",
		 (long long)fixture_rid("g@h.cn"), (long long)fixture_rid("h@h.cn"));
	fixture_run(f, sql);
	struct import_result r =
		fixture_import(f, "email,n\na@b.cn,1\nc@d.cn,2\ng@h.cn,3\nh@h.cn,4\n", NULL);
	assert_int_equal(r.kept_out, 2);
	assert_int_equal(r.updated, 1);
	assert_int_equal(r.added, 1);
	assert_int_equal(r.suppressed, 1);
	assert_string_equal(fixture_members(f), "a@b.cn 2 {} -\n"
						"c@d.cn 1 {\"n\": \"2\"} -\n"
						"e@f.cn 1 {} -\n"
						"h@h.cn 1 {\"n\": \"4\"} -\n");
	assert_string_equal(fixture_query(f, "SELECT name || n FROM list_domain_count JOIN "
					     "recipient_domain USING (domain_id) ORDER BY name"),
			    "b.cn0\nd.cn1\nf.cn1\nh.cn1\n");
	assert_string_equal(fixture_query(f, "SELECT format('%s %s', scope, cause) FROM "
					     "suppression_feed WHERE folded"),
			    "1 2\n");
}

static void a_dry_run_counts_and_changes_nothing(void **state)
{
	struct fixture *f = *state;
	fixture_import(f, "a@b.cn\n", NULL);
	int64_t before = fixture_digest(f);
	struct import_request request = {.list = "people",
					 .file = "x",
					 .mode = IMPORT_MERGE,
					 .is_dry_run = true,
					 .actor = actor};
	struct import_result r =
		fixture_import(f, "email,n\na@b.cn,1\nc@d.cn,2\nbad,3\n", &request);
	assert_int_equal(r.added, 1);
	assert_int_equal(r.updated, 1);
	assert_int_equal(r.refused, 1);
	assert_int_equal(r.import_id, 0);
	request.list = "another";
	assert_true(fixture_import(f, "a@b.cn\n", &request).list_made);
	assert_int_equal(fixture_digest(f), before);
	assert_non_null(strstr(fixture_read(f, "file.refused.csv"), "there is no @"));
}

static void two_addresses_under_one_rid_are_refused(void **state)
{
	struct fixture *f = *state;
	char sql[256];
	snprintf(sql, sizeof(sql),
		 "INSERT INTO recipient_domain (name) VALUES ('z.cn');"
		 "INSERT INTO recipient (rid, domain_id, address) VALUES (%lld, 1, 'Other@z.cn')",
		 (long long)fixture_rid("a@b.cn"));
	fixture_run(f, sql);
	struct import_result r = fixture_import(f, "email,n\nc@d.cn,1\na@b.cn,2\n", NULL);
	assert_int_equal(r.added, 1);
	assert_int_equal(r.refused, 1);
	assert_non_null(strstr(fixture_read(f, "file.refused.csv"), "same recipient id"));
	assert_non_null(strstr(f->answer, "\r\n3,"));
	assert_non_null(strstr(f->answer, "a@b.cn,2\r\n"));
	assert_string_equal(fixture_members(f), "c@d.cn 1 {\"n\": \"1\"} -\n");
}

static void undo_takes_back_what_nothing_newer_rests_on(void **state)
{
	struct fixture *f = *state;
	struct err err;
	struct import_undone undone;
	struct import_result first =
		fixture_import(f, "email,n\na@b.cn,1\nc@d.cn,1\ne@f.cn,1\n", NULL);
	fixture_run(f, "CREATE TABLE kept AS SELECT list_id, domain_id, rid, attributes, consent, "
		       "import_id FROM list_member");
	struct import_result second =
		fixture_import(f, "email,n,m\na@b.cn,2,x\ng@h.cn,2,y\n", NULL);
	assert_int_equal(import_undo(f->db, first.import_id, &actor, &undone, &err), 0);
	assert_int_equal(undone.removed, 2);
	assert_int_equal(undone.later, 1);
	assert_string_equal(fixture_members(f), "a@b.cn 1 {\"m\": \"x\", \"n\": \"2\"} -\n"
						"g@h.cn 1 {\"m\": \"y\", \"n\": \"2\"} -\n");
	assert_int_equal(import_undo(f->db, second.import_id, &actor, &undone, &err), 0);
	assert_int_equal(undone.removed, 1);
	assert_int_equal(undone.restored, 1);
	assert_int_equal(undone.later, 0);
	assert_string_equal(fixture_query(f, "SELECT count(*)::text FROM (SELECT list_id, "
					     "domain_id, rid, attributes, consent, import_id FROM "
					     "list_member EXCEPT SELECT * FROM kept) x"),
			    "0\n");
	assert_string_equal(fixture_query(f, "SELECT name || n FROM list_domain_count JOIN "
					     "recipient_domain USING (domain_id) ORDER BY name"),
			    "b.cn1\nd.cn0\nf.cn0\nh.cn0\n");
	assert_int_equal(import_undo(f->db, first.import_id, &actor, &undone, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_int_equal(import_undo(f->db, 4711, &actor, &undone, &err), -1);
	assert_int_equal(err.kind, ERR_NOT_FOUND);
}

static void undo_leaves_those_who_left(void **state)
{
	struct fixture *f = *state;
	struct err err;
	struct import_undone undone;
	bool changed;
	struct import_result r = fixture_import(f, "a@b.cn\nc@d.cn\n", NULL);
	assert_int_equal(leave(f, 1, "a@b.cn", MEMBER_COMPLAINED, &changed), 0);
	assert_int_equal(import_undo(f->db, r.import_id, &actor, &undone, &err), 0);
	assert_int_equal(undone.removed, 1);
	assert_int_equal(undone.left_list, 1);
	assert_string_equal(fixture_members(f), "a@b.cn 3 {} -\n");
}

/* How far a child may get before it is killed. */
struct stopper {
	enum import_phase phase;
	uint64_t done;
	int ready; /* pipe to the parent */
};

static void stop_here(void *ctx, enum import_phase phase, uint64_t done, uint64_t total)
{
	const struct stopper *s = ctx;
	(void)total;
	if (phase != s->phase || done < s->done)
		return;
	(void)!write(s->ready, "x", 1);
	for (;;)
		pause();
}

/* Imports the file at path in a process of its own, which never comes back by itself. */
static pid_t start_import(struct fixture *f, struct stopper *stopper)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	struct err err;
	struct reading *reading;
	struct import_result result;
	struct import_request request = {.list = "people",
					 .file = "x",
					 .mode = IMPORT_MERGE,
					 .actor = actor,
					 .on_progress = stop_here,
					 .ctx = stopper};
	struct pg_blocking *db = pg_open_blocking(f->url, "edm killed", &err);
	if (db != NULL &&
	    reading_open(&reading, &(struct reading_request){.path = f->path}, &err) == 0)
		(void)!import_run(db, reading, &request, &result, &err);
	_exit(1);
}

static void kill_hard(pid_t pid)
{
	int status;
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

/* 40,000 rows: several blocks, of which the server has some when the child is killed. */
static void write_many(struct fixture *f)
{
	struct buf text;
	buf_init(&text, 8u << 20);
	buf_append_cstr(&text, "email,name\n");
	for (int i = 0; i < 40000; i++)
		buf_appendf(&text, "user%d@d%d.example,王%d\n", i, i % 97, i);
	fixture_write(f, buf_str(&text));
	buf_done(&text);
}

static void assert_untouched_and_importable(struct fixture *f, int64_t before)
{
	struct err err;
	struct reading *reading;
	struct import_result result;
	struct import_request request = {
		.list = "people", .file = "x", .mode = IMPORT_MERGE, .actor = actor};
	/* The dead client's session may still be at it: the lock is free once it is gone. */
	assert_int_equal(pg_run(f->db, "lists/lock_imports", NULL, NULL, &err), 0);
	assert_int_equal(pg_run(f->db, "lists/unlock_imports", NULL, NULL, &err), 0);
	assert_int_equal(fixture_digest(f), before);
	assert_int_equal(reading_open(&reading, &(struct reading_request){.path = f->path}, &err),
			 0);
	assert_int_equal(import_run(f->db, reading, &request, &result, &err), 0);
	assert_int_equal(result.added, 40000);
	reading_close(reading);
}

static void killed_before_the_commit_the_list_is_as_it_was(void **state)
{
	struct fixture *f = *state;
	static const struct stopper cases[] = {
		{IMPORT_READING, 500000, 0},
		{IMPORT_MERGING, 0, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int ends[2];
		char byte;
		fixture_run(f, "TRUNCATE list_member, list_domain_count, recipient, import, event");
		fixture_import(f, "email,name\nuser7@d7.example,old\nx@y.cn,z\n", NULL);
		fixture_run(f, "DELETE FROM list_member WHERE attributes ->> 'name' = 'old'");
		fixture_run(f, "UPDATE list_domain_count SET n = 0 WHERE n > 0");
		write_many(f);
		int64_t before = fixture_digest(f);
		struct stopper stopper = cases[i];
		assert_int_equal(pipe(ends), 0);
		stopper.ready = ends[1];
		pid_t pid = start_import(f, &stopper);
		assert_int_equal(read(ends[0], &byte, 1), 1);
		kill_hard(pid);
		close(ends[0]);
		close(ends[1]);
		assert_untouched_and_importable(f, before);
	}
}

static void killed_inside_the_transaction_the_list_is_as_it_was(void **state)
{
	struct fixture *f = *state;
	struct stopper never = {.phase = IMPORT_MERGING, .done = UINT64_MAX};
	write_many(f);
	fixture_run(f, "INSERT INTO event (actor, verb, object) VALUES ('x', 'y', 'z')");
	int64_t before = fixture_digest(f);
	/* The merge is done and waits to write its event. */
	fixture_run(f, "BEGIN; LOCK TABLE event IN ACCESS EXCLUSIVE MODE");
	pid_t pid = start_import(f, &never);
	while (strcmp(fixture_query(f, "SELECT count(*)::text FROM pg_locks WHERE NOT granted AND "
				       "relation = 'edm.event'::regclass"),
		      "1\n") != 0)
		sched_yield();
	kill_hard(pid);
	fixture_run(f, "COMMIT");
	assert_untouched_and_importable(f, before);
}

static void lists_are_shown_exported_and_removed(void **state)
{
	struct fixture *f = *state;
	struct err err;
	struct view view;
	uint64_t members = 0;
	char path[128];
	fixture_import(f, "email,name,note\na@b.cn,\"x,y\",+86 1\nc@b.cn,,=1+1\ne@f.cn,王,\n",
		       NULL);
	assert_int_equal(view_load(f->db, NULL, 10, &view, &err), 0);
	assert_int_equal(view.list_count, 1);
	assert_int_equal(view.lists[0].subscribed, 3);
	view_done(&view);
	assert_int_equal(view_load(f->db, "people", 10, &view, &err), 0);
	assert_int_equal(view.domain_count, 2);
	assert_true(str_equals(view.domains[0].name, STR("b.cn")));
	assert_int_equal(view.domains[0].members, 2);
	assert_int_equal(view.import_count, 1);
	assert_int_equal(view.imports[0].added, 3);
	assert_int_equal(view.attribute_count, 2);
	view_done(&view);
	assert_int_equal(view_load(f->db, "nobody", 10, &view, &err), -1);
	assert_int_equal(err.kind, ERR_NOT_FOUND);
	view_done(&view);

	snprintf(path, sizeof(path), "%s/export.csv", f->dir);
	FILE *out = fopen(path, "w");
	assert_int_equal(view_export(f->db, "people", out, &members, &err), 0);
	fclose(out);
	assert_int_equal(members, 3);
	char *text = xstrdup(fixture_read(f, "export.csv"));
	assert_true(
		str_starts_with(str_from(text), STR("\xEF\xBB\xBF"
						    "email,edm_status,edm_consent,name,note\r\n")));
	assert_non_null(strstr(text, "a@b.cn,subscribed,,\"x,y\",'+86 1\r\n"));
	assert_non_null(strstr(text, "c@b.cn,subscribed,,,'=1+1\r\n"));
	/* What was exported imports as it was. */
	assert_int_equal(fixture_import(f, text, NULL).unchanged, 3);
	free(text);

	assert_int_equal(lists_remove(f->db, "people", &actor, &members, &err), 0);
	assert_int_equal(members, 3);
	assert_int_equal(lists_remove(f->db, "people", &actor, &members, &err), -1);
	assert_int_equal(err.kind, ERR_NOT_FOUND);
	assert_true(fixture_import(f, "a@b.cn\n", NULL).list_made);
}

static void the_file_of_refused_rows_comes_back_mended(void **state)
{
	struct fixture *f = *state;
	fixture_import(f, "name,e-mail\n\"Wang, \"\"W\"\"\",w@@b.cn\nLi,li@b.cn\n", NULL);
	struct str refused = str_from(fixture_read(f, "file.refused.csv"));
	ptrdiff_t at = str_find(refused, STR("@@"));
	assert_true(at > 0);
	memmove(f->answer + at, f->answer + at + 1, refused.len - (size_t)at);
	char *mended = xstrdup(f->answer);
	assert_int_equal(fixture_import(f, mended, NULL).added, 1);
	free(mended);
	assert_string_equal(fixture_members(f), "li@b.cn 1 {\"name\": \"Li\"} -\n"
						"w@b.cn 1 {\"name\": \"Wang, \\\"W\\\"\"} -\n");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_becomes_a_list_and_a_second_time_nothing),
		TEST(an_empty_cell_of_a_duplicate_takes_nothing_away),
		TEST(modes_differ_in_what_they_overwrite),
		TEST(who_left_stays_out_and_is_counted),
		TEST(a_dry_run_counts_and_changes_nothing),
		TEST(two_addresses_under_one_rid_are_refused),
		TEST(undo_takes_back_what_nothing_newer_rests_on),
		TEST(undo_leaves_those_who_left),
		TEST(killed_before_the_commit_the_list_is_as_it_was),
		TEST(killed_inside_the_transaction_the_list_is_as_it_was),
		TEST(lists_are_shown_exported_and_removed),
		TEST(the_file_of_refused_rows_comes_back_mended),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
