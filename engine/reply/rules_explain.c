/* SPDX-License-Identifier: MIT */
/* Why all the rules that are not near did not win; see rules.h. Any thread. */
#include "engine/reply/rules_private.h"

#include <stdlib.h>

static bool is_about(const struct rule_pattern *pattern, struct str provider)
{
	for (size_t i = 0; i < pattern->provider_count; i++)
		if (str_equals(pattern->providers[i], provider))
			return true;
	return false;
}

static bool is_akin(const struct rule *rule, struct str provider, const struct verdict *verdict)
{
	bool has_cause = verdict->cause != CAUSE_UNCLASSIFIED && rule->cause == verdict->cause;
	return has_cause || is_about(rule->pattern, provider);
}

/* Those rules_explain tells of, and the winner. */
struct told {
	struct rule_near_miss near[RULE_NEAR_MAX];
	size_t count;
	const struct rule *winner;
};

static bool is_told(const struct told *told, const struct rule *rule)
{
	for (size_t i = 0; i < told->count; i++)
		if (told->near[i].rule == rule)
			return true;
	return told->winner == rule;
}

static int compare(const void *left, const void *right)
{
	const struct rule_far_miss *a = left, *b = right;
	int by = __builtin_popcount(a->misses) - __builtin_popcount(b->misses);
	if (a->is_akin != b->is_akin)
		return a->is_akin ? -1 : 1;
	return by != 0 ? by : (a->at > b->at) - (a->at < b->at);
}

size_t rules_explain_rest(const struct rule_set *set, struct str provider,
			  const struct outcome *outcome, struct rule_far_miss *out,
			  size_t *akin_out)
{
	struct rule_scratch scratch;
	struct told told = {.count = 0};
	size_t count = 0, akin = 0;
	told.winner = rules_explain(set, provider, outcome, told.near, &told.count);
	scratch_init(&scratch, set, outcome->text);
	for (size_t i = 0; i < set->count && rules_may_speak(outcome); i++) {
		const struct rule *rule = set->rules[i];
		if (is_told(&told, rule))
			continue;
		out[count] = (struct rule_far_miss){
			.rule = rule,
			.misses = pattern_all_misses(rule->pattern, provider, outcome, &scratch),
			.is_akin = is_akin(rule, provider, &outcome->verdict),
			.at = i};
		akin += out[count++].is_akin;
	}
	scratch_done(&scratch);
	qsort(out, count, sizeof(*out), compare);
	*akin_out = akin;
	return count;
}
