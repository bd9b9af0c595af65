/* SPDX-License-Identifier: MIT */
/* Rows and cells, and the lines they begin on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "engine/base/buf.h"
#include "lists/csv.h"

/* Writes what it is given as "LINE:cell|cell\n". */
static int note_row(void *ctx, const struct csv_row *row)
{
	struct buf *out = ctx;
	buf_appendf(out, "%llu:", (unsigned long long)row->line);
	for (size_t i = 0; i < row->count; i++) {
		buf_append_cstr(out, i > 0 ? "|" : "");
		buf_append_str(out, row->cells[i]);
	}
	buf_append_cstr(out, "\n");
	return 0;
}

static int read_rows(struct str text, char delimiter, size_t piece, struct buf *out,
		     struct err *err)
{
	struct csv_reader *r = csv_reader_new(delimiter, note_row, out);
	int rc = 0;
	buf_init(out, 1 << 20);
	buf_append_cstr(out, "");
	for (size_t at = 0; rc == 0 && at < text.len; at += piece)
		rc = csv_reader_feed(r, str_slice(text, at, at + piece), err);
	if (rc == 0)
		rc = csv_reader_finish(r, err);
	csv_reader_free(r);
	return rc;
}

static void rows_know_their_lines(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		char delimiter;
		const char *want;
	} cases[] = {
		{"a,b\nc,d\n", ',', "1:a|b\n2:c|d\n"},
		{"a,b\r\nc,d", ',', "1:a|b\n2:c|d\n"},
		{"a,b\rc,d\r", ',', "1:a|b\n2:c|d\n"},
		{"a\n\n  \r\n\nb\n", ',', "1:a\n5:b\n"},
		{"a,\"x\ny\r\nz\"\nb,c\n", ',', "1:a|x\ny\r\nz\n4:b|c\n"},
		{"\"he said \"\"hi\"\"\",b\n", ',', "1:he said \"hi\"|b\n"},
		{"a,say \"x\",b\n", ',', "1:a|say \"x\"|b\n"},
		{"\"a 7\"@a.test,q\nb,c\n", ',', "1:a 7@a.test|q\n2:b|c\n"},
		{"a,\"Ann\" Smith\nb,c\n", ',', "1:a|Ann Smith\n2:b|c\n"},
		{"\"Ann\" \"A\" Smith,x\nb\n", ',', "1:Ann \"A\" Smith|x\n2:b\n"},
		{"\"say \"hi\" to me\",x\nb\n", ',', "1:say hi\" to me\"|x\n2:b\n"},
		{"\"a\nb\"c;\"d\" ;\"\"\ne", ';', "1:a\nbc|d|\n3:e\n"},
		{"\"a\"b", ',', "1:ab\n"},
		{"\"a\"\t\"b\"x\n", '\t', "1:a|bx\n"},
		{" a , b \n", ',', "1:a|b\n"},
		{"a;b,c;\"d;e\"\n", ';', "1:a|b,c|d;e\n"},
		{"a\t\tb\n\t\tc\n", '\t', "1:a||b\n2:||c\n"},
		{"a,,\n", ',', "1:a||\n"},
		{"a@b.cn\n", ',', "1:a@b.cn\n"},
		{"\xEF\xBB\xBF\"a\",b\n\xEF\xBB\xBF\"c\",d\n", ',', "1:a|b\n2:c|d\n"},
		{"", ',', ""},
		{"\n\n", ',', ""},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str text = str_from(cases[i].text);
		/* A mark cut in two is the caller's affair: whole characters are promised. */
		bool is_marked = str_find(text, STR("\xEF\xBB\xBF")) >= 0;
		for (size_t piece = is_marked ? text.len : 1; piece <= text.len; piece++) {
			struct buf out;
			struct err err;
			assert_int_equal(read_rows(text, cases[i].delimiter, piece, &out, &err), 0);
			assert_string_equal(out.data, cases[i].want);
			buf_done(&out);
		}
	}
}

static void a_mark_counts_only_where_a_line_begins(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t cut; /* where the second piece begins */
		const char *want;
	} cases[] = {
		{" \xEF\xBB\xBF\"a\",b\n", 0, "1:\xEF\xBB\xBF\"a\"|b\n"},
		{" \xEF\xBB\xBF\"a\",b\n", 1, "1:\xEF\xBB\xBF\"a\"|b\n"},
		{"\xEF\xBB\xBF\xEF\xBB\xBF\"a\",b\n", 3, "1:a|b\n"},
		{"a\n\xEF\xBB\xBF\"b\"\n", 2, "1:a\n2:b\n"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str text = str_from(cases[i].text);
		struct buf out;
		buf_init(&out, 1 << 10);
		struct csv_reader *r = csv_reader_new(',', note_row, &out);
		assert_int_equal(csv_reader_feed(r, str_slice(text, 0, cases[i].cut), NULL), 0);
		assert_int_equal(csv_reader_feed(r, str_slice(text, cases[i].cut, text.len), NULL),
				 0);
		assert_int_equal(csv_reader_finish(r, NULL), 0);
		assert_string_equal(out.data, cases[i].want);
		csv_reader_free(r);
		buf_done(&out);
	}
}

static void a_nul_stays_in_its_cell(void **state)
{
	(void)state;
	struct buf out;
	assert_int_equal(read_rows(STR("a\0b,c\nd\n"), ',', 3, &out, NULL), 0);
	assert_true(str_equals(buf_str(&out), STR("1:a\0b|c\n2:d\n")));
	buf_done(&out);
}

static void a_quote_never_closed_is_an_error_with_its_line(void **state)
{
	(void)state;
	struct buf text, out;
	struct err err;
	assert_int_equal(read_rows(STR("a,b\n\"c,d\ne,f\n"), ',', 100, &out, &err), -1);
	assert_non_null(strstr(err.text, "line 2"));
	buf_done(&out);
	buf_init(&text, 1 << 20);
	buf_append_cstr(&text, "a,b\nc,\"d\n");
	for (int i = 0; i < 20000; i++)
		buf_append_cstr(&text, "line after line\n");
	assert_int_equal(read_rows(buf_str(&text), ',', 4096, &out, &err), -1);
	assert_non_null(strstr(err.text, "line 2"));
	buf_done(&out);
	buf_done(&text);
}

static int count_cells(void *ctx, const struct csv_row *row)
{
	*(size_t *)ctx = row->count;
	return -1;
}

static void wide_rows_are_counted_and_the_reader_can_be_stopped(void **state)
{
	(void)state;
	char text[3001];
	size_t count = 0;
	struct err err;
	memset(text, ',', sizeof(text));
	text[3000] = '\n';
	err_clear(&err);
	struct csv_reader *r = csv_reader_new(',', count_cells, &count);
	assert_int_equal(csv_reader_feed(r, str_of(text, sizeof(text)), &err), -1);
	assert_int_equal(err.kind, ERR_NONE);
	assert_int_equal(count, 3001);
	csv_reader_free(r);
}

static void written_cells_read_back(void **state)
{
	(void)state;
	static const char *const cells[] = {"plain",  "a,b", "say \"x\"", "two\nlines", "",
					    " blank", "\"",  "a;b",	  "\"\""};
	struct buf line, out, want;
	buf_init(&line, 4096);
	buf_init(&want, 4096);
	buf_append_cstr(&want, "1:");
	for (size_t i = 0; i < ARRAY_LEN(cells); i++) {
		buf_append_cstr(&line, i > 0 ? "," : "");
		csv_write_cell(&line, str_from(cells[i]));
		buf_appendf(&want, "%s%s", i > 0 ? "|" : "", cells[i]);
	}
	buf_append_cstr(&want, "\n");
	assert_int_equal(read_rows(buf_str(&line), ',', 1, &out, NULL), 0);
	assert_string_equal(out.data, want.data);
	buf_done(&line);
	buf_done(&want);
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_know_their_lines),
		cmocka_unit_test(a_mark_counts_only_where_a_line_begins),
		cmocka_unit_test(a_nul_stays_in_its_cell),
		cmocka_unit_test(a_quote_never_closed_is_an_error_with_its_line),
		cmocka_unit_test(wide_rows_are_counted_and_the_reader_can_be_stopped),
		cmocka_unit_test(written_cells_read_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
