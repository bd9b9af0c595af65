/* SPDX-License-Identifier: MIT */
/*
 * What a rule set must prove before it is used; see rules.h. Rules decide whom we never write to
 * again, so a file that is wrong is refused as a whole.
 */
#include "engine/reply/rules_private.h"

#include "engine/reply/reply.h"

/* Classes that the engine itself gives, from facts no text can tell. */
static bool is_reserved(enum outcome_class klass)
{
	return klass == OUTCOME_DELIVERED || klass == OUTCOME_UNKNOWN ||
	       klass == OUTCOME_SUPPRESSED || klass == OUTCOME_EXPIRED ||
	       klass == OUTCOME_CANCELLED;
}

/* Only a bounce about the recipient may suppress; only rate signals feed the controller. */
static int lint_meaning(const struct rule *rule, struct err *err)
{
	bool is_bounce = rule->klass == OUTCOME_BOUNCED && rule->scope == SCOPE_RECIPIENT;
	bool is_final = rule->klass == OUTCOME_BOUNCED || rule->klass == OUTCOME_REJECTED;
	bool is_rate = rule->klass == OUTCOME_THROTTLED;
	if (is_reserved(rule->klass))
		return err_set(err, ERR_CONFIG, "class %s is not a rule's to give",
			       outcome_class_name(rule->klass));
	if ((rule->actions & ACTION_SUPPRESS) && !is_bounce)
		return err_set(err, ERR_CONFIG,
			       "suppresses, but is %s with scope %s: only class bounced with scope "
			       "recipient may suppress",
			       outcome_class_name(rule->klass), outcome_scope_name(rule->scope));
	if (is_final && rule->persistence != PERSISTENCE_PERMANENT)
		return err_set(err, ERR_CONFIG, "class %s is permanent",
			       outcome_class_name(rule->klass));
	if (is_rate != (rule->persistence == PERSISTENCE_RATE_SIGNAL))
		return err_set(err, ERR_CONFIG,
			       "class throttled and persistence rate-signal go "
			       "together");
	if ((rule->actions & ACTION_PAUSE_LANE) && rule->delay_ms == 0)
		return err_set(err, ERR_CONFIG, "pause-lane needs a delay");
	return 0;
}

/* A rule that asks for what cannot be, or never gets to speak. */
static int lint_reach(const struct rule_pattern *pattern, struct err *err)
{
	bool is_remote = pattern->words == 1u << OUTCOME_WORDS_REMOTE;
	if (!is_remote && pattern->code_count > 0)
		return err_set(err, ERR_CONFIG, "is dead: only remote words have reply codes");
	if (!is_remote && !pattern->is_any_stage && (pattern->stages & 1u << STAGE_DOT))
		return err_set(err, ERR_CONFIG,
			       "is dead: a lost reply to the final dot is always unknown");
	if (pattern->text == NULL && pattern->says.count == 0 && pattern->code_count == 0 &&
	    pattern->enhanced_count == 0)
		return err_set(err, ERR_CONFIG, "needs a text, a code or an enhanced code");
	for (size_t i = 0; i < pattern->code_count; i++)
		if (pattern->codes[i].low < 400)
			return err_set(err, ERR_CONFIG, "is dead: no rule sees a 2yz or 3yz");
	if (pattern->sample_count == 0)
		return err_set(err, ERR_CONFIG, "needs at least one sample that it matches");
	return 0;
}

int rule_lint(const struct rule *rule, struct err *err)
{
	if (lint_meaning(rule, err) != 0)
		return -1;
	return lint_reach(rule->pattern, err);
}

/* The facts a sample stands for. The texts live in parser. */
static int sample_facts(const struct rule_pattern *pattern, struct str sample,
			struct reply_parser *parser, struct outcome *out)
{
	size_t used;
	unsigned words = (unsigned)__builtin_ctz(pattern->words);
	*out = (struct outcome){.words = (enum outcome_words)words, .text = sample};
	if (out->words != OUTCOME_WORDS_REMOTE) {
		size_t taken = enhanced_parse(sample, &out->enhanced);
		out->text = str_slice(sample, taken, sample.len);
		return 0;
	}
	if (reply_parser_feed(parser, sample, &used) == REPLY_INVALID || used != sample.len)
		return -1;
	if (reply_parser_feed(parser, STR("\n"), &used) != REPLY_COMPLETE)
		return -1;
	out->code = parser->reply.code;
	out->enhanced = parser->reply.enhanced;
	out->text = parser->reply.text;
	return rules_may_speak(out) ? 0 : -1;
}

static bool takes_samples_of(const struct rule *winner, const struct rule *rule)
{
	return winner == rule || (winner != NULL && winner->is_override && !rule->is_override);
}

/* A sample, and where the search of what wins it keeps what it found out already. */
struct trial {
	const struct rule_set *set;
	const struct rule *rule; /* whose sample it is */
	struct outcome facts;
	struct rule_scratch scratch;
};

/* Is the sample won by its rule at this provider, at every stage the rule has? */
static int lint_sample_at(struct trial *t, struct str provider, struct err *err)
{
	struct outcome *facts = &t->facts;
	for (unsigned stage = STAGE_LOCAL; stage <= STAGE_DOT; stage++) {
		int64_t ignored;
		facts->stage = (enum outcome_stage)stage;
		if ((t->rule->pattern->stages & 1u << stage) == 0 || !rules_may_speak(facts))
			continue;
		const struct rule *winner =
			rules_winner(t->set, provider, facts, &t->scratch, &ignored);
		if (!takes_samples_of(winner, t->rule))
			return err_set(err, ERR_CONFIG, "sample \"%.*s\" at stage %s is won by %s",
				       STR_ARG(str_slice(facts->text, 0, 160)),
				       outcome_stage_name(facts->stage),
				       winner ? winner->id : "no rule");
	}
	return 0;
}

static int lint_sample(const struct rule_set *set, const struct rule *rule, struct str sample,
		       struct err *err)
{
	const struct rule_pattern *pattern = rule->pattern;
	struct trial t = {.set = set, .rule = rule};
	struct reply_parser parser;
	int rc = 0;
	reply_parser_init(&parser);
	if (sample_facts(pattern, sample, &parser, &t.facts) != 0) {
		rc = err_set(err, ERR_CONFIG, "sample \"%.*s\" is no 4yz or 5yz reply",
			     STR_ARG(str_slice(sample, 0, 160)));
		goto out;
	}
	scratch_init(&t.scratch, set, t.facts.text);
	if (pattern->provider_count == 0)
		rc = lint_sample_at(&t, (struct str){0}, err);
	for (size_t i = 0; i < pattern->provider_count && rc == 0; i++)
		rc = lint_sample_at(&t, pattern->providers[i], err);
	scratch_done(&t.scratch);
out:
	reply_parser_done(&parser);
	return rc;
}

static int lint_id(const struct rule_set *set, size_t at, struct err *err)
{
	const struct rule *rule = set->rules[at];
	for (size_t i = 0; i < at; i++)
		if (set->rules[i]->is_override == rule->is_override &&
		    str_equals(str_from(set->rules[i]->id), str_from(rule->id)))
			return err_set(err, ERR_CONFIG, "the id stands twice");
	return 0;
}

int rule_lint_at(const struct rule_set *set, size_t at, struct err *err)
{
	const struct rule *rule = set->rules[at];
	int rc = lint_id(set, at, err);
	for (size_t i = 0; i < rule->pattern->sample_count && rc == 0; i++)
		rc = lint_sample(set, rule, rule->pattern->samples[i], err);
	return rc;
}

static int lint_rules(const struct rule_set *set, bool only_overrides, struct err *err)
{
	for (size_t at = 0; at < set->count; at++) {
		const struct rule *rule = set->rules[at];
		if (only_overrides && !rule->is_override)
			continue;
		if (rule_lint_at(set, at, err) != 0)
			return err_prefix(err, "%s: rule %s", rule->file, rule->id);
	}
	return 0;
}

int rule_set_lint(const struct rule_set *set, struct err *err)
{
	return lint_rules(set, false, err);
}

int rule_set_lint_overrides(const struct rule_set *set, struct err *err)
{
	return lint_rules(set, true, err);
}

/* ------------------------------------------------------------------------------------ overlaps */

struct overlap_search {
	const struct rule_set *set;
	bool of_overrides; /* only pairs with one of them */
	void (*tell)(void *owner, const struct rule_overlap *overlap);
	void *owner;
};

static bool means_the_same(const struct rule *a, const struct rule *b)
{
	return a->klass == b->klass && a->cause == b->cause &&
	       ((a->actions ^ b->actions) & ACTION_SUPPRESS) == 0;
}

/* The rules that match facts, a sample of rule `at`, beside it. */
static void search_others(const struct overlap_search *s, size_t at, const struct outcome *facts,
			  struct rule_overlap *found)
{
	const struct rule *rule = s->set->rules[at];
	struct rule_scratch scratch;
	scratch_init(&scratch, s->set, facts->text);
	for (size_t i = 0; i < s->set->count; i++) {
		const struct rule *other = s->set->rules[i];
		int64_t ignored;
		if (i == at || means_the_same(rule, other) ||
		    (s->of_overrides && !rule->is_override && !other->is_override) ||
		    pattern_test(other->pattern, found->provider, facts, &scratch, &ignored) !=
			    MISS_NONE)
			continue;
		found->winner = i < at ? other : rule;
		found->other = i < at ? rule : other;
		s->tell(s->owner, found);
	}
	scratch_done(&scratch);
}

/* RCPT when the rule has it, else its first stage. */
static enum outcome_stage sample_stage(const struct rule_pattern *pattern)
{
	if (pattern->stages & 1u << STAGE_RCPT)
		return STAGE_RCPT;
	return (enum outcome_stage)__builtin_ctz(pattern->stages);
}

void rule_set_overlaps(const struct rule_set *set, bool of_overrides,
		       void (*tell)(void *owner, const struct rule_overlap *overlap), void *owner)
{
	const struct overlap_search search = {set, of_overrides, tell, owner};
	for (size_t at = 0; at < set->count; at++) {
		const struct rule_pattern *pattern = set->rules[at]->pattern;
		for (size_t i = 0; i < pattern->sample_count; i++) {
			struct rule_overlap found = {.sample = pattern->samples[i],
						     .stage = sample_stage(pattern),
						     .provider = pattern->providers[0]};
			struct reply_parser parser;
			struct outcome facts;
			reply_parser_init(&parser);
			if (sample_facts(pattern, found.sample, &parser, &facts) == 0) {
				facts.stage = found.stage;
				search_others(&search, at, &facts, &found);
			}
			reply_parser_done(&parser);
		}
	}
}
