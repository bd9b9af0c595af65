/* SPDX-License-Identifier: MIT */
/*
 * The built-in rules on any facts: there is always a verdict, and it never suppresses unless it is
 * a bounce about the recipient. The first octet picks words, the second the stage, the third the
 * provider and the first digit; the rest is the text. An input that begins with { is a rule file.
 */
#include "engine/reply/rules.h"
#include "engine/reply/sanitise.h"
#include "tests/fuzz/fuzz.h"

static const struct rule_set *builtin(void)
{
	static struct rule_set *set;
	struct err err;
	if (set == NULL)
		set = rule_set_load((struct str){0}, &err);
	must(set != NULL);
	return set;
}

static void apply(const uint8_t *head, struct str raw)
{
	static const char *const providers[] = {"", "qq", "netease", "gmail", "m365", "yahoo"};
	struct buf text;
	buf_init(&text, 8192);
	sanitise_append(&text, raw);
	struct outcome o = {
		.words = (enum outcome_words)(OUTCOME_WORDS_REMOTE + head[0] % 5),
		.stage = (enum outcome_stage)(head[1] % (STAGE_QUIT + 1)),
		.code = (uint16_t)(head[2] / 8 * 50),
		.text = buf_str(&text),
	};
	struct str provider = str_from(providers[head[2] % ARRAY_LEN(providers)]);
	rules_apply(builtin(), provider, &o);
	must(o.verdict.klass != 0 && o.verdict.rule != NULL && o.verdict.delay_ms >= 0);
	if (o.verdict.actions & ACTION_SUPPRESS)
		must(o.verdict.klass == OUTCOME_BOUNCED && o.verdict.scope == SCOPE_RECIPIENT);
	if (o.words != OUTCOME_WORDS_REMOTE && o.stage == STAGE_DOT)
		must(o.verdict.klass == OUTCOME_UNKNOWN);
	buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err;
	if (size > 0 && data[0] == '{') {
		struct rule_file file = {"fuzz", str_of((const char *)data, size), false};
		rule_set_free(rule_set_parse(&file, 1, &err));
	} else if (size >= 3) {
		apply(data, str_of((const char *)data + 3, size - 3));
	}
	return 0;
}
