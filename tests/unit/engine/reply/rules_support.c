/* SPDX-License-Identifier: MIT */
#include "tests/unit/engine/reply/rules_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "engine/reply/reply.h"

struct rule_set *builtin;

struct verdict judge_reply(const struct rule_set *set, const char *provider,
			   enum outcome_stage stage, const char *reply)
{
	struct reply_parser p;
	size_t used;
	reply_parser_init(&p);
	if (reply_parser_feed(&p, str_from(reply), &used) != REPLY_COMPLETE)
		assert_int_equal(reply_parser_feed(&p, STR("\n"), &used), REPLY_COMPLETE);
	struct outcome o = {.words = OUTCOME_WORDS_REMOTE,
			    .stage = stage,
			    .code = p.reply.code,
			    .enhanced = p.reply.enhanced,
			    .text = p.reply.text};
	rules_apply(set, str_from(provider), &o);
	reply_parser_done(&p);
	return o.verdict;
}

int load_builtin(void **state)
{
	struct err err;
	(void)state;
	builtin = rule_set_load((struct str){0}, &err);
	if (builtin != NULL && rule_set_lint(builtin, &err) == 0) {
		rule_set_warm(builtin); /* every pattern is right */
		return 0;
	}
	print_error("%s\n", err.text);
	return -1;
}

int free_builtin(void **state)
{
	(void)state;
	rule_set_free(builtin);
	return 0;
}
