/* SPDX-License-Identifier: MIT */
/* Columns and what they mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "engine/base/buf.h"
#include "lists/mapping.h"

#define ROWS_MAX 4

/* Rows as "a|b\nc|d". */
struct sample {
	struct csv_row rows[ROWS_MAX];
	struct str cells[ROWS_MAX][CSV_CELLS_MAX];
	size_t count;
};

static void sample_parse(struct sample *s, const char *text)
{
	struct str rest = str_from(text);
	*s = (struct sample){0};
	while (rest.len > 0) {
		struct str line = str_take_until(&rest, '\n');
		struct csv_row *row = &s->rows[s->count];
		row->line = s->count + 1;
		row->cells = s->cells[s->count];
		while (line.len > 0)
			s->cells[s->count][row->count++] = str_take_until(&line, '|');
		s->count++;
	}
}

/* "name=role" of each column: @ the address, - ignored, else the attribute's name. */
static void describe(const struct mapping *m, struct buf *out)
{
	buf_init(out, 4096);
	buf_append_cstr(out, m->has_header ? "h" : "n");
	for (size_t i = 0; i < m->count; i++) {
		const struct mapping_column *c = &m->columns[i];
		buf_append_cstr(out, " ");
		buf_append_cstr(out, c->role == COLUMN_EMAIL	 ? "@"
				     : c->role == COLUMN_IGNORED ? "-"
								 : "");
		if (c->role == COLUMN_ATTRIBUTE)
			buf_append_str(out, c->name);
	}
}

static void headers_are_understood(void **state)
{
	(void)state;
	static const struct {
		const char *rows;
		const char *want;
	} cases[] = {
		{"email|name\na@b.cn|x", "h @ name"},
		{"姓名|邮箱|公司|备注\n王|a@b.cn|c|d", "h name @ company 备注"},
		{"电子邮件|名|姓|手机号码\na@b.cn|x|y|1", "h @ first_name last_name phone"},
		{"E-mail Address|First Name|Last Name\na@b.cn|x|y", "h @ first_name last_name"},
		{"Ｅ－ｍａｉｌ|Join Date|2nd line\na@b.cn|x|y", "h @ join_date _2nd_line"},
		{"邮箱（必填）|VIP?|vip|VIP\na@b.cn|1|2|3", "h @ vip vip_2 vip_3"},
		{"邮箱 地址|\na@b.cn|x", "h @"},
		{"联系方式|称呼\na@b.cn|x", "h @ name"},
		{"x|email\n1|", "h x @"},
		{"email|mail\na@b.cn|c@d.cn", "h @ email_2"},
		{"a@b.cn\nc@d.cn", "n @"},
		{"王|a@b.cn\n李|c@d.cn|more", "n column_1 @ column_3"},
		{"refused_line|refused_reason|邮箱\n3|x|a b@c", "h - - @"},
		{"mail|email_2\na@b.cn|z", "h @ email_2"},
		{"邮箱|a·b（c）\na@b.cn|z", "h @ a_b_c"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		static struct sample s;
		struct arena arena;
		struct mapping m;
		struct err err;
		struct buf got;
		arena_init(&arena, 0);
		sample_parse(&s, cases[i].rows);
		struct mapping_request request = {.rows = s.rows, .row_count = s.count};
		if (mapping_build(&m, &request, &arena, &err) != 0)
			fail_msg("%s: %s", cases[i].rows, err.text);
		describe(&m, &got);
		assert_string_equal(got.data, cases[i].want);
		buf_done(&got);
		arena_done(&arena);
	}
}

static void overrides_win_and_mistakes_are_explained(void **state)
{
	(void)state;
	static const char rows[] = "邮箱|备用邮箱|Note\na@b.cn|c@d.cn|x";
	static const struct {
		struct mapping_override override;
		const char *want;
	} cases[] = {
		{{STR_INIT("备用邮箱"), STR_INIT("email")}, "h email_2 @ note"},
		{{STR_INIT("2"), STR_INIT("email")}, "h email_2 @ note"},
		{{STR_INIT("note"), STR_INIT("Memo 1")}, "h @ 备用邮箱 memo_1"},
		{{STR_INIT("3"), STR_INIT("-")}, "h @ 备用邮箱 -"},
		{{STR_INIT("Nte"), STR_INIT("x")},
		 "--map: there is no column \"Nte\"; the columns are 邮箱, 备用邮箱, Note"},
		{{STR_INIT("4"), STR_INIT("x")},
		 "--map: there is no column \"4\"; the columns are 邮箱, 备用邮箱, Note"},
		{{STR_INIT("3"), STR_INIT("!!")},
		 "--map: \"!!\" is no name for an attribute; use letters, digits and _, or - to "
		 "leave the column out"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		static struct sample s;
		struct arena arena;
		struct mapping m;
		struct err err;
		struct buf got;
		arena_init(&arena, 0);
		sample_parse(&s, rows);
		struct mapping_request request = {.rows = s.rows,
						  .row_count = s.count,
						  .overrides = &cases[i].override,
						  .override_count = 1};
		if (mapping_build(&m, &request, &arena, &err) == 0) {
			describe(&m, &got);
			assert_string_equal(got.data, cases[i].want);
			buf_done(&got);
		} else {
			assert_int_equal(err.kind, ERR_USAGE);
			assert_string_equal(err.text, cases[i].want);
		}
		arena_done(&arena);
	}
}

static void two_overrides_do_not_contend(void **state)
{
	(void)state;
	static const struct {
		struct mapping_override overrides[2];
		const char *want;
	} cases[] = {
		{{{STR_INIT("name"), STR_INIT("email")}, {STR_INIT("email"), STR_INIT("email")}},
		 "--map makes both \"name\" and \"email\" email: only one column can be"},
		{{{STR_INIT("name"), STR_INIT("x")}, {STR_INIT("1"), STR_INIT("x")}},
		 "--map makes both \"name\" and \"email\" x: only one column can be"},
		{{{STR_INIT("name"), STR_INIT("x")}, {STR_INIT("2"), STR_INIT("y")}},
		 "--map names column \"name\" twice"},
		{{{STR_INIT("name"), STR_INIT("email")}, {STR_INIT("1"), STR_INIT("old")}},
		 "h old @"},
		{{{STR_INIT("name"), STR_INIT("-")}, {STR_INIT("email"), STR_INIT("email")}},
		 "h @ -"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		static struct sample s;
		struct arena arena;
		struct mapping m;
		struct err err;
		struct buf got;
		arena_init(&arena, 0);
		sample_parse(&s, "email|name\na@b.cn|c@d.cn");
		struct mapping_request request = {.rows = s.rows,
						  .row_count = s.count,
						  .overrides = cases[i].overrides,
						  .override_count = 2};
		if (mapping_build(&m, &request, &arena, &err) == 0) {
			describe(&m, &got);
			assert_string_equal(got.data, cases[i].want);
			buf_done(&got);
		} else {
			assert_string_equal(err.text, cases[i].want);
		}
		arena_done(&arena);
	}
}

static void two_address_columns_are_not_guessed_between(void **state)
{
	(void)state;
	static const struct {
		const char *rows;
		struct mapping_override override;
		const char *want; /* NULL: refused */
	} cases[] = {
		{"work|home\na@b.cn|c@d.cn", {STR_INIT("home"), STR_INIT("email")}, "h work @"},
		{"work|home\na@b.cn|c@d.cn", {STR_INIT("home"), STR_INIT("-")}, "h @ -"},
		{"work|home\na@b.cn|c@d.cn", {STR_INIT("home"), STR_INIT("x")}, NULL},
		{"work|home|email\na@b.cn|c@d.cn|e@f.cn",
		 {STR_INIT("1"), STR_INIT("x")},
		 "h x home @"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		static struct sample s;
		struct arena arena;
		struct mapping m;
		struct buf got;
		struct err err = {0};
		arena_init(&arena, 0);
		sample_parse(&s, cases[i].rows);
		struct mapping_request request = {.rows = s.rows,
						  .row_count = s.count,
						  .overrides = &cases[i].override,
						  .override_count = 1};
		int rc = mapping_build(&m, &request, &arena, &err);
		assert_int_equal(rc, cases[i].want == NULL ? -1 : 0);
		if (rc == 0) {
			describe(&m, &got);
			assert_string_equal(got.data, cases[i].want);
			buf_done(&got);
		} else {
			assert_string_equal(err.text,
					    "more than one column holds e-mail addresses; the "
					    "columns are work, home: name the right one with --map "
					    "COLUMN=email");
		}
		arena_done(&arena);
	}
}

static void no_address_column_is_one_clear_sentence(void **state)
{
	(void)state;
	static struct sample s;
	struct arena arena;
	struct mapping m;
	struct err err;
	arena_init(&arena, 0);
	sample_parse(&s, "姓名|手机\n王|138");
	struct mapping_request request = {.rows = s.rows, .row_count = s.count};
	assert_int_equal(mapping_build(&m, &request, &arena, &err), -1);
	assert_string_equal(err.text,
			    "no column holds e-mail addresses; the columns are 姓名, 手机: "
			    "name the right one with --map COLUMN=email");
	request.row_count = 0;
	assert_int_equal(mapping_build(&m, &request, &arena, &err), -1);
	s.rows[0].count = CSV_CELLS_MAX + 1;
	request.row_count = 1;
	assert_int_equal(mapping_build(&m, &request, &arena, &err), -1);
	assert_non_null(strstr(err.text, "257 columns"));
	arena_done(&arena);
}

static void cells_lose_blanks_and_guards(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *want;
	} cases[] = {
		{" 王　\xC2\xA0", "王"},
		{"\xEF\xBB\xBFx", "x"},
		{"x\xE2\x80\x8B", "x"},
		{"'+86 138", "+86 138"},
		{"'=1", "=1"},
		{"'x", "'x"},
		{"'", "'"},
		{"", ""},
		{"　", ""},
		{"a 　 b", "a 　 b"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str got = mapping_clean_cell(str_from(cases[i].text));
		if (!str_equals(got, str_from(cases[i].want)))
			fail_msg("[%s] became [%.*s]", cases[i].text, STR_ARG(got));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_understood),
		cmocka_unit_test(overrides_win_and_mistakes_are_explained),
		cmocka_unit_test(two_overrides_do_not_contend),
		cmocka_unit_test(two_address_columns_are_not_guessed_between),
		cmocka_unit_test(no_address_column_is_one_clear_sentence),
		cmocka_unit_test(cells_lose_blanks_and_guards),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
