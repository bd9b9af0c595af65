/* SPDX-License-Identifier: MIT */
/* Everything that is told of a rule has a Chinese name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "scheduler/cli/rules_private.h"

static const struct cli chinese = {.is_chinese = true}, english = {.is_chinese = false};

static void is_told(const char *zh, const char *en)
{
	if (str_is_ascii(str_from(zh)) || !str_is_ascii(str_from(en)))
		fail_msg("%s: %s", en, zh);
}

static void names_are_chinese(void **state)
{
	(void)state;
#define X(suffix, number, name)                                                                    \
	is_told(rules_scope_words(&chinese, SCOPE_##suffix),                                       \
		rules_scope_words(&english, SCOPE_##suffix));
	OUTCOME_SCOPES(X)
#undef X
#define X(suffix, name)                                                                            \
	is_told(rules_persistence_words(&chinese, PERSISTENCE_##suffix),                           \
		rules_persistence_words(&english, PERSISTENCE_##suffix));
	RULE_PERSISTENCES(X)
#undef X
#define X(suffix, phrase)                                                                          \
	is_told(rules_miss_words(&chinese, MISS_##suffix),                                         \
		rules_miss_words(&english, MISS_##suffix));
	RULE_MISSES(X)
#undef X
}

static void actions_are_chinese(void **state)
{
	(void)state;
	struct buf zh, en;
	buf_init(&zh, 1024);
	buf_init(&en, 1024);
#define X(suffix, bit, name)                                                                       \
	buf_clear(&zh);                                                                            \
	buf_clear(&en);                                                                            \
	rules_say_actions(&chinese, ACTION_##suffix, &zh);                                         \
	rules_say_actions(&english, ACTION_##suffix, &en);                                         \
	is_told(zh.data, en.data);
	OUTCOME_ACTIONS(X)
#undef X
	buf_clear(&zh);
	rules_say_actions(&chinese, ACTION_SUPPRESS | ACTION_ALERT, &zh);
	assert_string_equal(zh.data, "抑制该地址、告警");
	buf_done(&zh);
	buf_done(&en);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_chinese),
		cmocka_unit_test(actions_are_chinese),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
