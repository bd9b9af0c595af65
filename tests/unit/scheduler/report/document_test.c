/* SPDX-License-Identifier: MIT */
#include "scheduler/report/document.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void check_published(const char *given, const char *want)
{
	json_t *document = json_loads(given, JSON_DECODE_ANY, NULL);
	json_t *wanted = json_loads(want, JSON_DECODE_ANY, NULL);
	assert_non_null(document);
	assert_non_null(wanted);
	document_publish(document);
	char *text = json_dumps(document, JSON_SORT_KEYS | JSON_ENCODE_ANY);
	if (!json_equal(document, wanted))
		fail_msg("%s became %s, not %s", given, text, want);
	free(text);
	json_decref(wanted);
	json_decref(document);
}

static void test_numbers_become_names(void **state)
{
	(void)state;
	static const struct {
		const char *given, *want;
	} cases[] = {
		{"{\"class\": 5, \"cause\": 1}",
		 "{\"class\": \"bounced\", \"cause\": \"user-unknown\"}"},
		{"{\"class\": 0, \"n\": 7}", "{\"class\": \"parked\", \"n\": 7}"},
		{"[{\"stage\": 8, \"words\": 1}]",
		 "[{\"stage\": \"rcpt\", \"words\": \"remote\"}]"},
		{"{\"state\": 2}", "{\"state\": \"leased\"}"},
		{"{\"state\": \"running\"}", "{\"state\": \"running\"}"},
		{"{\"by_class\": {\"1\": 4, \"0\": 2}}",
		 "{\"by_class\": {\"delivered\": 4, \"parked\": 2}}"},
		{"{\"deep\": {\"list\": [{\"at\": 0}]}}",
		 "{\"deep\": {\"list\": [{\"at\": null}]}}"},
		{"{\"next_due_at\": 1795305483000000}",
		 "{\"next_due_at\": \"2026-11-21T23:58:03Z\"}"},
		{"{\"until\": null, \"rate\": 5}", "{\"until\": null, \"rate\": 5}"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check_published(cases[i].given, cases[i].want);
}

static void test_a_reply_is_explained(void **state)
{
	(void)state;
	struct err err;
	struct rule_set *rules = rule_set_load(STR(""), &err);
	assert_non_null(rules);
	json_t *entry =
		json_pack("{s:i, s:i, s:s, s:s, s:s, s:i}", "code", 550, "enhanced", 5001001,
			  "template", "<{address}>: unknown", "vars", "bob@example.com\n", "rule",
			  "any.user-unknown", "cause", (int)CAUSE_USER_UNKNOWN);
	json_t *other = json_deep_copy(entry);
	document_explain(entry, rules, LANGUAGE_ZH);
	assert_string_equal(document_text(entry, "reply"), "550 5.1.1 <bob@example.com>: unknown");
	assert_string_equal(document_text(entry, "meaning"), "用户不存在。");
	assert_string_equal(document_text(entry, "enhanced"), "5.1.1");
	assert_null(json_object_get(entry, "vars"));
	/* Without a rule the cause speaks. */
	document_set_text(other, "rule", STR("gone"));
	document_explain(other, rules, LANGUAGE_EN);
	assert_string_equal(document_text(other, "meaning"), "There is no such mailbox.");
	json_decref(other);
	json_decref(entry);
	rule_set_free(rules);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers_become_names),
		cmocka_unit_test(test_a_reply_is_explained),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
