/* SPDX-License-Identifier: MIT */
/* Patterns of one list are compiled together: each matches as if it stood alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "engine/reply/rules.h"

/* says: the list; sample: what it must match. */
#define FILE_OF(says, sample)                                                                      \
	"{\"rules\": [{\"id\": \"own.a\", \"says\": [" says                                        \
	"], \"class\": \"deferred\", \"cause\": \"policy\", \"scope\": \"message\", "              \
	"\"en\": \"e\", \"zh\": \"z\", \"samples\": [\"" sample "\"]}]}"

static const struct {
	const char *json;
	bool is_right;
} cases[] = {
	{FILE_OF("\"ab cd\", \"qz+ gh\"", "450 qzz gh"), true},
	{FILE_OF("\"ab cd\", \"qz+ gh\"", "450 aqzz gh"), false}, /* no whole word */
	{FILE_OF("\"(?<x>ab) cd\", \"(?<x>qz) gh\"", "450 qz gh"), true},
	{FILE_OF("\"qz(*COMMIT) house\", \"qj late\"", "450 qz of qj late"), true},
	{FILE_OF("\"(qz|qy) (?1)\", \"qj late\"", "450 qj late"), false}, /* nothing is captured */
	{FILE_OF("\"(?:qz|(?R) qk) qy\", \"qj late\"", "450 qj late"), true},
	{FILE_OF("\"(?i)QZ\", \"late(?! sir)\", \"^qx\"", "450 qx and so on"), true},
	{FILE_OF("\"late(?! sir)\", \"^qx\"", "450 and qx"), false},
};

static void patterns_of_a_list_do_not_change_each_other(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = {0};
		struct rule_set *set = rule_set_load(str_from(cases[i].json), &err);
		if ((set != NULL) != cases[i].is_right)
			fail_msg("%s: %s", cases[i].json, set ? "loaded" : err.text);
		rule_set_free(set);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_of_a_list_do_not_change_each_other),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
