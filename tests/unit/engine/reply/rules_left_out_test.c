/* SPDX-License-Identifier: MIT */
/* One operator's rule that is unsound costs that rule, not the others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/engine/reply/rules_support.h"

/* A rule that defers; matching: with its comma. */
#define RULE(id, matching, sample)                                                                 \
	"{\"id\": \"" id "\", " matching " \"class\": \"deferred\", \"cause\": \"policy\", "       \
	"\"scope\": \"message\", \"en\": \"e\", \"zh\": \"z\", \"samples\": [\"" sample "\"]}"
#define RULES(list) "{\"rules\": [" list "]}"
#define GOOD RULE("own.good", "\"text\": \"my words\",", "450 my words")

static struct rule_set *load(const char *overrides)
{
	struct err err;
	struct rule_set *set = rule_set_load_sound(str_from(overrides), &err);
	if (set == NULL)
		fail_msg("%s", err.text);
	return set;
}

static const struct {
	const char *rule, *want_id, *want_why;
} unsound[] = {
	{RULE("own.bad", "\"says\": \"<nowhere> ~ x\",", "450 x"), "own.bad", "<nowhere>"},
	{"{\"id\": \"own.bad\", \"text\": \"x\", \"class\": \"deferred\", "
	 "\"cause\": \"box-full\", \"scope\": \"message\", \"en\": \"e\", \"zh\": \"z\", "
	 "\"samples\": [\"450 x\"]}",
	 "own.bad", "\"box-full\" is unknown"},
	{RULE("own.bad", "\"text\": \"x\", \"stage\": \"lunch\",", "450 x"), "own.bad", "lunch"},
	{RULE("own.bad", "\"text\": \"x\", \"actions\": [\"shout\"],", "450 x"), "own.bad",
	 "shout"},
	{RULE("own.bad", "\"text\": \"x\", \"actions\": [\"suppress\"],", "450 x"), "own.bad",
	 "only class bounced"},
	{RULE("own.bad", "\"text\": \"(\",", "450 x"), "own.bad", "\"text\""},
	{RULE("own.bad", "\"text\": \"x\",", "450 y"), "own.bad", "won by no rule"},
	{RULE("own.bad", "\"text\": \"my words too\",", "450 my words too"), "own.bad",
	 "won by own.good"},
	{"{\"text\": \"x\"}", "(no id)", "has no \"id\""},
	{"5", "(no id)", "is no JSON object"},
};

static void an_unsound_override_is_left_out_and_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(unsound); i++) {
		char json[2048];
		int n = snprintf(json, sizeof(json), RULES(GOOD ", %s, %s"), unsound[i].rule,
				 RULE("own.last", "\"text\": \"last words\",", "450 last words"));
		assert_in_range(n, 1, sizeof(json) - 1);
		struct err err;
		assert_null(rule_set_load(str_from(json), &err));
		struct rule_set *set = load(json);
		const struct rule_left_out *out = rule_set_left_out(set);
		assert_non_null(out);
		assert_null(out->next);
		assert_string_equal(out->id, unsound[i].want_id);
		if (strstr(out->why, unsound[i].want_why) == NULL)
			fail_msg("%s: %s", unsound[i].rule, out->why);
		assert_null(rule_set_find(set, STR("own.bad")));
		assert_int_equal(rule_set_count(set), rule_set_count(builtin) + 2);
		assert_string_equal(judge_reply(set, "", STAGE_RCPT, "450 my words").rule,
				    "own.good");
		assert_string_equal(judge_reply(set, "", STAGE_RCPT, "450 last words").rule,
				    "own.last");
		rule_set_free(set);
	}
}

static void a_built_in_rule_is_back_where_what_stood_in_its_place_is_left_out(void **state)
{
	(void)state;
	const char *reply = "550 5.1.1 user unknown";
	struct rule_set *set =
		load(RULES(RULE("any.user-unknown", "\"text\": \"x\",", "450 y") "," RULE(
			"own.bad", "\"text\": \"x\", \"stage\": \"lunch\",", "450 x")));
	assert_int_equal(rule_set_count(set), rule_set_count(builtin));
	assert_false(rule_set_find(set, STR("any.user-unknown"))->is_override);
	assert_string_equal(judge_reply(set, "", STAGE_RCPT, reply).rule, "any.user-unknown");
	assert_string_equal(rule_set_left_out(set)->id, "any.user-unknown");
	assert_string_equal(rule_set_left_out(set)->next->id, "own.bad");
	assert_null(rule_set_left_out(set)->next->next);
	rule_set_free(set);
}

static void who_was_won_by_what_is_left_out_is_sound(void **state)
{
	(void)state;
	struct rule_set *set =
		load(RULES(RULE("own.bad", "\"text\": \"words\",", "450 other") "," GOOD));
	assert_string_equal(rule_set_left_out(set)->id, "own.bad");
	assert_null(rule_set_left_out(set)->next);
	assert_non_null(rule_set_find(set, STR("own.good")));
	rule_set_free(set);
}

static void nothing_is_left_out_of_what_is_sound(void **state)
{
	(void)state;
	const char *const all[] = {"", RULES(GOOD),
				   "{\"rules\": [], \"without\": [\"any.user-unknown\"]}"};
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		struct rule_set *set = load(all[i]);
		assert_null(rule_set_left_out(set));
		rule_set_free(set);
	}
	assert_null(rule_set_left_out(builtin));
	struct err err;
	assert_null(rule_set_load_sound(STR("{\"rules\": 1}"), &err));
	assert_null(rule_set_load_sound(STR("{"), &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_unsound_override_is_left_out_and_told),
		cmocka_unit_test(a_built_in_rule_is_back_where_what_stood_in_its_place_is_left_out),
		cmocka_unit_test(who_was_won_by_what_is_left_out_is_sound),
		cmocka_unit_test(nothing_is_left_out_of_what_is_sound),
	};
	return cmocka_run_group_tests(tests, load_builtin, free_builtin);
}
