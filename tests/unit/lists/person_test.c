/* SPDX-License-Identifier: MIT */
/* Rows into people: attributes as JSON, and rows refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lists/person.h"

static const struct hash_key key = {{1, 2, 3}};
static struct mapping_column columns[] = {
	{STR_INIT("邮箱"), STR_INIT("email"), COLUMN_EMAIL},
	{STR_INIT("姓名"), STR_INIT("name"), COLUMN_ATTRIBUTE},
	{STR_INIT("x"), STR_INIT(""), COLUMN_IGNORED},
	{STR_INIT("备注"), STR_INIT("备注"), COLUMN_ATTRIBUTE},
};
static const struct mapping mapping = {columns, ARRAY_LEN(columns), 0, true};

static void rows_become_people_or_reasons(void **state)
{
	(void)state;
	static const struct {
		struct str cells[6];
		size_t count;
		enum person_reason want;
		const char *want_name;
		const char *want_attributes;
	} cases[] = {
		{{STR_INIT("a@b.cn"), STR_INIT("王伟"), STR_INIT("no"), STR_INIT("二")},
		 4,
		 PERSON_OK,
		 "ok",
		 "{\"name\":\"王伟\",\"备注\":\"二\"}"},
		{{STR_INIT("a@b.cn")}, 1, PERSON_OK, "ok", "{}"},
		{{STR_INIT("a@b.cn"), STR_INIT(" "), STR_INIT("no"), STR_INIT("　")},
		 4,
		 PERSON_OK,
		 "ok",
		 "{}"},
		{{STR_INIT("a@b.cn"), STR_INIT("\"\\\n\x01/")},
		 2,
		 PERSON_OK,
		 "ok",
		 "{\"name\":\"\\\"\\\\\\u000a\\u0001/\"}"},
		{{STR_INIT("a@b.cn"), STR_INIT("x"), STR_INIT(""), STR_INIT(""), STR_INIT("")},
		 5,
		 PERSON_OK,
		 "ok",
		 "{\"name\":\"x\"}"},
		{{STR_INIT("a@b.cn"), STR_INIT("x"), STR_INIT(""), STR_INIT(""), STR_INIT("y")},
		 5,
		 PERSON_CELLS,
		 "cells",
		 NULL},
		{{STR_INIT("a b@c.cn"), STR_INIT("x")}, 2, PERSON_ADDRESS, "space", NULL},
		{{STR_INIT("")}, 1, PERSON_ADDRESS, "empty", NULL},
		{{STR_INIT("a@b.cn"), STR_INIT("x\0y")}, 2, PERSON_NUL, "nul", NULL},
		{{STR_INIT("a@b.cn"), STR_INIT("x\xEF\xBF\xBDy")},
		 2,
		 PERSON_ENCODING,
		 "encoding",
		 NULL},
	};
	struct person p;
	person_init(&p);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct csv_row row = {.line = 1, .count = cases[i].count, .cells = cases[i].cells};
		assert_int_equal(person_parse(&p, &row, &mapping, &key),
				 cases[i].want == PERSON_OK);
		assert_int_equal(p.reason, cases[i].want);
		assert_string_equal(person_reason_name(&p), cases[i].want_name);
		assert_true(strlen(person_reason_sentence(&p)) > 10);
		if (cases[i].want_attributes != NULL)
			assert_string_equal(p.attributes.data, cases[i].want_attributes);
	}
	person_done(&p);
}

static void the_rid_is_that_of_the_folded_address(void **state)
{
	(void)state;
	const struct str lower[] = {STR("wang@qq.com")}, upper[] = {STR("WANG@QQ.COM")};
	struct csv_row row = {.line = 1, .count = 1, .cells = lower};
	struct person p;
	person_init(&p);
	assert_true(person_parse(&p, &row, &mapping, &key));
	int64_t rid = p.rid;
	row.cells = upper;
	assert_true(person_parse(&p, &row, &mapping, &key));
	assert_int_equal(p.rid, rid);
	assert_int_equal(p.rid, (int64_t)hash_keyed(&key, STR("wang@qq.com")));
	person_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_become_people_or_reasons),
		cmocka_unit_test(the_rid_is_that_of_the_folded_address),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
