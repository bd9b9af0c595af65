/* SPDX-License-Identifier: MIT */
/* Suppressions against a real database, and what running nodes hear of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lists/suppression.h"
#include "tests/db/lists_fixture.h"

static const struct lists_actor actor = {.actor = FIXTURE_ACTOR, .because = "asked by phone"};

static uint64_t add(struct fixture *f, const char *address, const char *list,
		    enum suppression_cause cause)
{
	struct str addresses[] = {str_from(address)};
	struct suppression_change change = {.addresses = addresses,
					    .address_count = 1,
					    .list = list,
					    .cause = cause,
					    .note = "n",
					    .actor = actor};
	uint64_t added = 99;
	struct err err;
	if (suppression_add(f->db, &change, &added, &err) != 0)
		fail_msg("%s", err.text);
	return added;
}

static size_t found(struct fixture *f, const char *address, enum suppression_cause *first_out)
{
	struct suppression_found found;
	struct err err;
	assert_int_equal(suppression_check(f->db, str_from(address), &found, &err), 0);
	size_t count = found.count;
	if (count > 0 && first_out != NULL)
		*first_out = found.entries[0].cause;
	suppression_found_done(&found);
	return count;
}

static const char *feed(struct fixture *f)
{
	return fixture_query(f, "SELECT format('%s %s %s', scope, cause, lifted) FROM "
				"suppression_feed ORDER BY seq");
}

static void what_is_added_is_found_by_any_spelling_and_fed(void **state)
{
	struct fixture *f = *state;
	enum suppression_cause cause = SUPPRESSION_ANY;
	fixture_import(f, "a@b.cn\n", NULL);
	assert_int_equal(add(f, "A@B.cn", NULL, SUPPRESSION_OPERATOR), 1);
	assert_int_equal(add(f, "a@b.cn", NULL, SUPPRESSION_OPERATOR), 0);
	assert_int_equal(add(f, "a@b.cn", "people", SUPPRESSION_UNSUBSCRIBED), 1);
	assert_int_equal(found(f, "a＠b.cn", &cause), 2);
	assert_int_equal(cause, SUPPRESSION_OPERATOR);
	assert_int_equal(found(f, "c@b.cn", NULL), 0);
	assert_string_equal(feed(f), "0 4 f\n1 2 f\n");
	assert_string_equal(fixture_query(f, "SELECT because FROM event WHERE verb = 'suppress "
					     "add' LIMIT 1"),
			    "asked by phone\n");
}

static void each_cause_is_taken_back_alone(void **state)
{
	struct fixture *f = *state;
	struct err err;
	uint64_t count = 0;
	struct str address[] = {STR("a@b.cn")};
	add(f, "a@b.cn", NULL, SUPPRESSION_OPERATOR);
	add(f, "a@b.cn", NULL, SUPPRESSION_COMPLAINED);
	add(f, "c@b.cn", NULL, SUPPRESSION_OPERATOR);
	struct suppression_filter filter = {
		.addresses = address, .address_count = 1, .cause = SUPPRESSION_OPERATOR};
	assert_int_equal(suppression_count(f->db, &filter, &count, &err), 0);
	assert_int_equal(count, 1);
	assert_int_equal(found(f, "a@b.cn", NULL), 2);
	assert_int_equal(suppression_remove(f->db, &filter, &actor, &count, &err), 0);
	assert_int_equal(count, 1);
	assert_int_equal(found(f, "a@b.cn", NULL), 1);
	assert_int_equal(found(f, "c@b.cn", NULL), 1);
	assert_string_equal(feed(f), "0 4 f\n0 3 f\n0 4 f\n0 4 t\n");
	assert_int_equal(suppression_remove(
				 f->db, &(struct suppression_filter){.cause = SUPPRESSION_OPERATOR},
				 &actor, &count, &err),
			 0);
	assert_string_equal(fixture_query(f,
					  "SELECT verb || ' ' || (detail ->> 'removed') FROM "
					  "event WHERE verb <> 'suppress add' ORDER BY event_id"),
			    "suppress remove 1\nsuppress undo 1\n");
	assert_int_equal(
		suppression_remove(f->db, &(struct suppression_filter){0}, &actor, &count, &err),
		-1);
	assert_int_equal(err.kind, ERR_USAGE);
}

/* As a node's housekeeping does. */
static int fold(struct fixture *f)
{
	struct pg_params params;
	struct err err;
	pg_params_init(&params);
	pg_add_int4(&params, 1000);
	int rc = pg_run(f->db, "lists/fold_suppressions", &params, NULL, &err);
	pg_params_done(&params);
	return rc;
}

static void what_a_node_appended_counts_and_can_be_taken_back_by_rule(void **state)
{
	struct fixture *f = *state;
	struct err err;
	uint64_t count = 0;
	char sql[256];
	snprintf(sql, sizeof(sql),
		 "INSERT INTO suppression_feed (rid, cause, folded, rule, campaign_id) VALUES "
		 "(%lld, 1, false, 'qq-unknown', 7)",
		 (long long)fixture_rid("a@b.cn"));
	fixture_run(f, sql);
	assert_int_equal(found(f, "a@b.cn", NULL), 1);
	assert_int_equal(fold(f), 0);
	assert_int_equal(found(f, "a@b.cn", NULL), 1);
	fixture_run(f, "TRUNCATE suppression, suppression_feed");
	fixture_run(f, sql);
	struct suppression_filter filter = {.rule = "qq-unknown"};
	assert_int_equal(suppression_remove(f->db, &filter, &actor, &count, &err), 0);
	assert_int_equal(count, 1);
	assert_int_equal(found(f, "a@b.cn", NULL), 0);
	assert_int_equal(fold(f), 0);
	assert_int_equal(found(f, "a@b.cn", NULL), 0);
	assert_string_equal(feed(f), "0 1 f\n0 1 t\n");
}

static struct suppression_import_result import_file(struct fixture *f, const char *text,
						    bool is_dry_run)
{
	struct suppression_import_request request = {
		.file = "file.csv",
		.change = {.cause = SUPPRESSION_IMPORTED, .actor = actor},
		.is_dry_run = is_dry_run};
	struct suppression_import_result result = {0};
	struct reading *reading;
	struct err err;
	fixture_write(f, str_from(text));
	assert_int_equal(reading_open(&reading, &(struct reading_request){.path = f->path}, &err),
			 0);
	request.reading = reading;
	if (suppression_import(f->db, &request, &result, &err) != 0)
		fail_msg("%s", err.text);
	reading_close(reading);
	return result;
}

static void a_file_is_imported_and_undone_as_one(void **state)
{
	struct fixture *f = *state;
	struct err err;
	uint64_t count = 0;
	static const char file[] = "电子邮件\na@b.cn\nbad\nc@d.cn\nA@b.cn\n";
	add(f, "c@d.cn", NULL, SUPPRESSION_IMPORTED);
	struct suppression_import_result r = import_file(f, file, true);
	assert_int_equal(r.added, 1);
	assert_int_equal(r.import_id, 0);
	assert_int_equal(found(f, "a@b.cn", NULL), 0);
	r = import_file(f, file, false);
	assert_int_equal(r.rows, 4);
	assert_int_equal(r.added, 1);
	assert_int_equal(r.already, 2);
	assert_int_equal(r.refused, 1);
	assert_non_null(strstr(fixture_read(f, "file.refused.csv"), "3,there is no @,bad"));
	assert_int_equal(found(f, "a@b.cn", NULL), 1);
	struct suppression_filter filter = {.import_id = r.import_id};
	assert_int_equal(suppression_remove(f->db, &filter, &actor, &count, &err), 0);
	assert_int_equal(count, 1);
	assert_int_equal(found(f, "a@b.cn", NULL), 0);
	assert_int_equal(found(f, "c@d.cn", NULL), 1);
	struct import_undone undone;
	assert_int_equal(import_undo(f->db, r.import_id, &actor, &undone, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
}

static void bad_addresses_and_lists_are_named(void **state)
{
	struct fixture *f = *state;
	struct str addresses[] = {STR("a@b.cn"), STR("a b@c.cn")};
	struct suppression_change change = {.addresses = addresses,
					    .address_count = 2,
					    .cause = SUPPRESSION_OPERATOR,
					    .actor = actor};
	struct err err;
	uint64_t added = 0;
	assert_int_equal(suppression_add(f->db, &change, &added, &err), -1);
	assert_string_equal(err.text,
			    "\"a b@c.cn\" is no address: there is a space inside the address");
	assert_int_equal(found(f, "a@b.cn", NULL), 0);
	change.list = "nobody";
	change.address_count = 1;
	assert_int_equal(suppression_add(f->db, &change, &added, &err), -1);
	assert_int_equal(err.kind, ERR_NOT_FOUND);
}

static void an_entry_with_an_end_ends(void **state)
{
	struct fixture *f = *state;
	struct str addresses[] = {STR("a@b.cn")};
	struct suppression_change change = {.addresses = addresses,
					    .address_count = 1,
					    .cause = SUPPRESSION_OPERATOR,
					    .until_us = 1000000,
					    .actor = actor};
	struct err err;
	uint64_t added = 0;
	assert_int_equal(suppression_add(f->db, &change, &added, &err), 0);
	assert_int_equal(found(f, "a@b.cn", NULL), 0);
	change.until_us = 0;
	assert_int_equal(suppression_add(f->db, &change, &added, &err), 0);
	assert_int_equal(added, 1);
	assert_int_equal(found(f, "a@b.cn", NULL), 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_added_is_found_by_any_spelling_and_fed),
		TEST(each_cause_is_taken_back_alone),
		TEST(what_a_node_appended_counts_and_can_be_taken_back_by_rule),
		TEST(a_file_is_imported_and_undone_as_one),
		TEST(bad_addresses_and_lists_are_named),
		TEST(an_entry_with_an_end_ends),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
