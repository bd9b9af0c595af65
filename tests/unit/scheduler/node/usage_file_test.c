/* SPDX-License-Identifier: MIT */
/* What is kept of refused usage is read as it was written, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "scheduler/node/usage_file.h"

struct fixture {
	char directory[64], path[96];
	size_t read;
	struct usage rows[4];
	char targets[4][64];
};

static int setup(void **state)
{
	static struct fixture f;
	f = (struct fixture){.directory = "/tmp/edm-usage-XXXXXX"};
	assert_non_null(mkdtemp(f.directory));
	snprintf(f.path, sizeof(f.path), "%s/usage", f.directory);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	usage_file_remove(f->directory);
	assert_int_equal(rmdir(f->directory), 0);
	return 0;
}

static void on_row(void *owner, const struct usage *row)
{
	struct fixture *f = owner;
	assert_true(f->read < ARRAY_LEN(f->rows));
	f->rows[f->read] = *row;
	snprintf(f->targets[f->read], sizeof(f->targets[0]), "%.*s", STR_ARG(row->target));
	f->read++;
}

static void write_rows(struct fixture *f, const struct usage *rows, size_t count)
{
	struct err err;
	struct usage_file *file = usage_file_new(f->directory, &err);
	assert_non_null(file);
	for (size_t i = 0; i < count; i++)
		usage_file_add(file, &rows[i]);
	assert_int_equal(usage_file_commit(file, &err), 0);
}

static int read_rows(struct fixture *f)
{
	struct err err;
	f->read = 0;
	return usage_file_read(f->directory, on_row, f, &err);
}

static void what_was_written_last_is_read(void **state)
{
	struct fixture *f = *state;
	static const struct usage first[] = {{60000000, 9, 9, 9, 9, 9, STR_INIT("old")}};
	static const struct usage rows[] = {
		{1700000000000000, 3, 2, 1, 500, 0, STR_INIT("gmail")},
		{1700000060000000, 4, 0, 0, 0, 64, STR_INIT("a.example, b.example")},
		{0, 0, 0, 7, 1, 0, STR_INIT("")},
	};
	assert_int_equal(read_rows(f), 0);
	assert_int_equal(f->read, 0);
	write_rows(f, first, 1);
	write_rows(f, rows, ARRAY_LEN(rows));
	assert_int_equal(read_rows(f), 0);
	assert_int_equal(f->read, ARRAY_LEN(rows));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct usage *have = &f->rows[i];
		assert_true(have->minute_us == rows[i].minute_us);
		assert_int_equal(have->source_id, rows[i].source_id);
		assert_int_equal(have->sending_domain_id, rows[i].sending_domain_id);
		assert_int_equal(have->campaign, rows[i].campaign);
		assert_int_equal(have->messages, rows[i].messages);
		assert_int_equal(have->connections, rows[i].connections);
		assert_true(str_equals(str_from(f->targets[i]), rows[i].target));
	}
	usage_file_remove(f->directory);
	assert_int_equal(read_rows(f), 0);
	assert_int_equal(f->read, 0);
}

static void what_is_no_such_file_is_refused(void **state)
{
	struct fixture *f = *state;
	static const char *const texts[] = {"", "something else\n", "edm usage 1\n1 2 3\n",
					    "edm usage 1\nx\n"};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		FILE *stream = fopen(f->path, "w");
		assert_non_null(stream);
		assert_true(fputs(texts[i], stream) >= 0);
		assert_int_equal(fclose(stream), 0);
		assert_int_equal(read_rows(f), -1);
		assert_int_equal(f->read, 0);
	}
}

static void a_directory_that_is_gone_is_said(void **state)
{
	struct err err;
	(void)state;
	assert_null(usage_file_new("/nonexistent", &err));
	assert_non_null(strstr(err.text, "usage of limits cannot be kept in /nonexistent/usage"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_written_last_is_read, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_such_file_is_refused, setup, teardown),
		cmocka_unit_test(a_directory_that_is_gone_is_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
