/* SPDX-License-Identifier: MIT */
/* Why a rule did not win, for those that missed by more than one condition, too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "engine/reply/rules.h"

#define RULE(id, matching, cause, sample)                                                          \
	"{\"id\": \"" id "\", " matching " \"class\": \"deferred\", \"cause\": \"" cause "\", "    \
	"\"scope\": \"message\", \"en\": \"e\", \"zh\": \"z\", \"samples\": [\"" sample "\"]}"

static const char file[] = "{\"rules\": ["
	/* another code, another text, about another matter: two misses, not akin */
	RULE("a.two", "\"code\": \"452\", \"text\": \"two\",", "policy", "452 two") ","
	/* the same cause, three misses */
	RULE("b.three", "\"code\": \"452\", \"stage\": \"dot\", \"text\": \"three\",",
	     "mailbox-full", "452 three") ","
	/* the provider's own, two misses */
	RULE("c.own", "\"provider\": \"qq\", \"code\": \"452\", \"text\": \"own\",", "policy",
	     "452 own") "," RULE("d.wins", "\"code\": \"450\", \"text\": \"full\",", "mailbox-full",
				 "450 full") ","
	/* one miss: near */
	RULE("e.near", "\"code\": \"452\", \"text\": \"full\",", "mailbox-full", "452 full") ","
	/* one miss, but its text is not there, which is not near */
	RULE("f.one", "\"text\": \"elsewhere\",", "mailbox-full", "450 elsewhere") "]}";

static struct rule_set *parse(void)
{
	struct err err;
	struct rule_file one = {"test.json", str_of(file, sizeof(file) - 1), true};
	struct rule_set *set = rule_set_parse(&one, 1, &err);
	if (set == NULL)
		fail_msg("%s", err.text);
	return set;
}

static void the_rest_is_told_the_akin_and_the_nearest_first(void **state)
{
	(void)state;
	static const struct {
		const char *id;
		unsigned misses;
		bool is_akin;
	} want[] = {
		{"f.one", 1u << MISS_TEXT, true},
		{"c.own", 1u << MISS_CODE | 1u << MISS_TEXT, true},
		{"b.three", 1u << MISS_STAGE | 1u << MISS_CODE | 1u << MISS_TEXT, true},
		{"a.two", 1u << MISS_CODE | 1u << MISS_TEXT, false},
	};
	struct rule_set *set = parse();
	struct rule_far_miss far[6];
	size_t akin = 0;
	struct outcome o = {.words = OUTCOME_WORDS_REMOTE,
			    .stage = STAGE_RCPT,
			    .code = 450,
			    .text = STR("full")};
	rules_apply(set, STR("qq"), &o);
	assert_string_equal(o.verdict.rule, "d.wins");
	assert_int_equal(rules_explain_rest(set, STR("qq"), &o, far, &akin), ARRAY_LEN(want));
	assert_int_equal(akin, 3);
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		assert_string_equal(far[i].rule->id, want[i].id);
		assert_int_equal(far[i].misses, want[i].misses);
		assert_int_equal(far[i].is_akin, want[i].is_akin);
	}
	rule_set_free(set);
}

/* What no rule knows is of no cause; nothing is akin to it but the provider's own. */
static void an_unknown_reply_is_akin_to_its_provider_alone(void **state)
{
	(void)state;
	struct rule_set *set = parse();
	struct rule_far_miss far[6];
	size_t akin = 9;
	struct outcome o = {.words = OUTCOME_WORDS_REMOTE,
			    .stage = STAGE_RCPT,
			    .code = 599,
			    .text = STR("qwertz")};
	rules_apply(set, STR(""), &o);
	assert_int_equal(rules_explain_rest(set, STR(""), &o, far, &akin), 6);
	assert_int_equal(akin, 0);
	assert_int_equal(rules_explain_rest(set, STR("qq"), &o, far, &akin), 6);
	assert_int_equal(akin, 1);
	assert_string_equal(far[0].rule->id, "c.own");
	rule_set_free(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rest_is_told_the_akin_and_the_nearest_first),
		cmocka_unit_test(an_unknown_reply_is_akin_to_its_provider_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
