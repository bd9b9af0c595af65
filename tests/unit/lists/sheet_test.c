/* SPDX-License-Identifier: MIT */
/* Whole files as people have them: what Excel, WPS and text editors write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "engine/base/buf.h"
#include "lists/sheet.h"

static char path[] = "/tmp/edm-sheet-test-XXXXXX";

static void write_file(struct str bytes)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, f), bytes.len);
	assert_int_equal(fclose(f), 0);
}

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

static void real_files_read_alike(void **state)
{
	(void)state;
	static const struct {
		struct str bytes;
		const char *encoding;
		const char *want_encoding;
		char want_delimiter;
		const char *want;
	} cases[] = {
		/* Excel, "Unicode text" */
		{STR_INIT("\xFF\xFE\xAE\x90\xB1\x7B\t\0\x0D\x54\r\0\n\0a\0@\0b\0."
			  "\0c\0n\0\t\0\x8B\x73\r\0\n\0"),
		 NULL, "UTF-16LE", '\t', "1:邮箱|名\n2:a@b.cn|王\n"},
		/* WPS, CSV, with the euro of code page 936 */
		{STR_INIT("\xD3\xCA\xCF\xE4,\xC3\xFB\r\na@b.cn,\xCD\xF5 5\x80\r\n"), NULL,
		 "GB18030", ',', "1:邮箱|名\n2:a@b.cn|王 5€\n"},
		/* Excel in Europe */
		{STR_INIT("email;name\r\na@b.cn;\"x;y\"\r\n"), NULL, "UTF-8", ';',
		 "1:email|name\n2:a@b.cn|x;y\n"},
		/* two files glued together, old Mac line ends, quoted line ends */
		{STR_INIT("\xEF\xBB\xBF"
			  "email,n\r\"a@b.cn\",\"x\ry\"\r\xEF\xBB\xBF\"c@d.cn\",z"),
		 NULL, "UTF-8", ',', "1:email|n\n2:a@b.cn|x\ry\n4:c@d.cn|z\n"},
		/* one column, no header, no last line end */
		{STR_INIT("a@b.cn\nc@d.cn"), NULL, "UTF-8", ',', "1:a@b.cn\n2:c@d.cn\n"},
		/* named by the user */
		{STR_INIT("\xABH\xBD"
			  "c,a@b.cn\n"),
		 "BIG5", "BIG5", ',', "1:信箱|a@b.cn\n"},
		{STR_INIT("a@b.cn,\xFF\n"), "utf-8", "UTF-8", ',', "1:a@b.cn|\xEF\xBF\xBD\n"},
		{STR_INIT("\xFE\xFF\0a\0,\0b"), "utf-16", "UTF-16BE", ',', "1:a|b\n"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sheet *s;
		struct err err;
		struct sheet_request request = {.path = path, .encoding = cases[i].encoding};
		write_file(cases[i].bytes);
		if (sheet_open(&s, &request, &err) != 0)
			fail_msg("case %zu: %s", i, err.text);
		assert_string_equal(sheet_facts(s).encoding, cases[i].want_encoding);
		assert_int_equal(sheet_facts(s).delimiter, cases[i].want_delimiter);
		for (int pass = 0; pass < 2; pass++) {
			struct buf out;
			buf_init(&out, 4096);
			assert_int_equal(sheet_each(s, note_row, &out, &err), 0);
			assert_string_equal(out.data, cases[i].want);
			buf_done(&out);
		}
		sheet_close(s);
	}
}

static void unusable_files_are_refused_with_a_sentence(void **state)
{
	(void)state;
	static const struct {
		struct str bytes;
		const char *encoding;
		const char *want;
	} cases[] = {
		{STR_INIT(""), NULL, "is empty"},
		{STR_INIT("PK\x03\x04rest"), NULL, "is a workbook"},
		{STR_INIT("a,b\nc\xFF,d\n"), NULL,
		 "is neither UTF-8 (see line 2) nor GB18030 (see line 2); name its encoding with "
		 "--encoding"},
		{STR_INIT("a,b\n"), "klingon", "\"klingon\" is not known"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sheet *s;
		struct err err;
		struct sheet_request request = {.path = path, .encoding = cases[i].encoding};
		write_file(cases[i].bytes);
		assert_int_equal(sheet_open(&s, &request, &err), -1);
		if (strstr(err.text, cases[i].want) == NULL)
			fail_msg("%s", err.text);
	}
	struct sheet *s;
	struct err err;
	assert_int_equal(sheet_open(&s, &(struct sheet_request){.path = "/tmp"}, &err), -1);
	assert_int_equal(sheet_open(&s, &(struct sheet_request){.path = "/nowhere/x"}, &err), -1);
}

static int stop_at_second(void *ctx, const struct csv_row *row)
{
	(void)ctx;
	return row->line == 2 ? -1 : 0;
}

static void note_progress(void *ctx, uint64_t done, uint64_t total)
{
	uint64_t *last = ctx;
	assert_true(done >= *last && done <= total);
	*last = done;
}

static void stopping_is_no_error_and_progress_reaches_the_end(void **state)
{
	(void)state;
	struct sheet *s;
	struct err err;
	uint64_t last = 0;
	write_file(STR("a\nb\nc\n\"d\n"));
	assert_int_equal(sheet_open(&s, &(struct sheet_request){.path = path}, &err), 0);
	assert_int_equal(sheet_each(s, stop_at_second, NULL, &err), 1);
	struct buf out;
	buf_init(&out, 4096);
	sheet_report_to(s, note_progress, &last);
	assert_int_equal(sheet_each(s, note_row, &out, &err), -1);
	assert_non_null(strstr(err.text, "line 4"));
	assert_int_equal(last, 9);
	buf_done(&out);
	sheet_close(s);
}

static int make_file(void **state)
{
	(void)state;
	int fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_files_read_alike),
		cmocka_unit_test(unusable_files_are_refused_with_a_sentence),
		cmocka_unit_test(stopping_is_no_error_and_progress_reaches_the_end),
	};
	return cmocka_run_group_tests(tests, make_file, remove_file);
}
