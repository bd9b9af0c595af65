/* SPDX-License-Identifier: MIT */
/* Applying a rule set: the winner, the fallback, and why; see rules.h. Any thread. */
#include "engine/reply/rules_private.h"

#include <stdlib.h>

#define MINUTE_MS INT64_C(60000)

/*
 * What is meant when no rule knows the words. The first row that fits wins; digit 0 is any. No row
 * suppresses: an unknown text is no evidence that an address does not exist.
 */
struct fallback {
	enum outcome_words words;
	enum outcome_stage first, last;
	unsigned digit;
	struct verdict verdict;
};

#define VERDICT(class_, cause_, scope_, actions_, delay_)                                          \
	{                                                                                          \
		.klass = OUTCOME_##class_, .cause = CAUSE_##cause_, .scope = SCOPE_##scope_,       \
		.actions = (actions_), .delay_ms = (delay_), .rule = ""                            \
	}
#define LOST_HOST (ACTION_CLOSE | ACTION_NEXT_HOST)

static const struct fallback fallbacks[] = {
	{OUTCOME_WORDS_REMOTE, STAGE_BANNER, STAGE_EHLO, 4,
	 VERDICT(UNREACHED, SERVER_BUSY, HOST, LOST_HOST, 0)},
	{OUTCOME_WORDS_REMOTE, STAGE_BANNER, STAGE_EHLO, 5,
	 VERDICT(BLOCKED, POLICY, SOURCE, LOST_HOST | ACTION_ALERT, 30 * MINUTE_MS)},
	{OUTCOME_WORDS_REMOTE, STAGE_BANNER, STAGE_EHLO, 0,
	 VERDICT(UNREACHED, PROTOCOL, HOST, LOST_HOST, 0)},
	{OUTCOME_WORDS_REMOTE, STAGE_STARTTLS, STAGE_STARTTLS, 0,
	 VERDICT(UNREACHED, TLS_FAILED, HOST, LOST_HOST, 0)},
	{OUTCOME_WORDS_REMOTE, STAGE_AUTH, STAGE_AUTH, 4,
	 VERDICT(UNREACHED, SERVER_BUSY, HOST, LOST_HOST, 0)},
	{OUTCOME_WORDS_REMOTE, STAGE_AUTH, STAGE_AUTH, 5,
	 VERDICT(HELD, CREDENTIALS, SITE, ACTION_HOLD | ACTION_ALERT | ACTION_CLOSE, 0)},
	{OUTCOME_WORDS_REMOTE, STAGE_MAIL, STAGE_MAIL, 4,
	 VERDICT(DEFERRED, UNCLASSIFIED, SITE, ACTION_NONE, 0)},
	/* MAIL names neither recipient nor content, so a refusal can only be about us. */
	{OUTCOME_WORDS_REMOTE, STAGE_MAIL, STAGE_MAIL, 5,
	 VERDICT(BLOCKED, SENDER_REFUSED, SOURCE, ACTION_CUT_RATE | ACTION_ALERT, 30 * MINUTE_MS)},
	{OUTCOME_WORDS_REMOTE, STAGE_RCPT, STAGE_RCPT, 4,
	 VERDICT(DEFERRED, UNCLASSIFIED, RECIPIENT, ACTION_NONE, 0)},
	{OUTCOME_WORDS_REMOTE, STAGE_RCPT, STAGE_RCPT, 5,
	 VERDICT(REJECTED, UNCLASSIFIED, RECIPIENT, ACTION_NONE, 0)},
	{OUTCOME_WORDS_REMOTE, STAGE_DATA, STAGE_DOT, 4,
	 VERDICT(DEFERRED, UNCLASSIFIED, MESSAGE, ACTION_NONE, 0)},
	{OUTCOME_WORDS_REMOTE, STAGE_DATA, STAGE_DOT, 5,
	 VERDICT(REJECTED, UNCLASSIFIED, MESSAGE, ACTION_NONE, 0)},
	/* A reply that the command does not have: 1yz, 850, 250 to DATA. */
	{OUTCOME_WORDS_REMOTE, STAGE_LOCAL, STAGE_QUIT, 0,
	 VERDICT(DEFERRED, PROTOCOL, SESSION, ACTION_CLOSE, 0)},
	{OUTCOME_WORDS_DNS, STAGE_LOCAL, STAGE_QUIT, 0,
	 VERDICT(UNREACHED, DNS_FAILURE, DOMAIN, ACTION_NONE, 0)},
	{OUTCOME_WORDS_TCP, STAGE_LOCAL, STAGE_CONNECT, 0,
	 VERDICT(UNREACHED, CONNECT_FAILED, HOST, LOST_HOST, 0)},
	{OUTCOME_WORDS_TCP, STAGE_BANNER, STAGE_QUIT, 0,
	 VERDICT(UNREACHED, CONNECTION_LOST, HOST, LOST_HOST, 0)},
	{OUTCOME_WORDS_TLS, STAGE_LOCAL, STAGE_QUIT, 0,
	 VERDICT(UNREACHED, TLS_FAILED, HOST, LOST_HOST, 0)},
	{OUTCOME_WORDS_LOCAL, STAGE_LOCAL, STAGE_DNS, 0,
	 VERDICT(HELD, UNCLASSIFIED, CAMPAIGN, ACTION_HOLD | ACTION_ALERT, 0)},
	{OUTCOME_WORDS_LOCAL, STAGE_CONNECT, STAGE_CONNECT, 0,
	 VERDICT(UNREACHED, CONNECT_FAILED, HOST, LOST_HOST, 0)},
	{OUTCOME_WORDS_LOCAL, STAGE_BANNER, STAGE_QUIT, 0,
	 VERDICT(UNREACHED, CONNECTION_LOST, HOST, LOST_HOST, 0)},
};

static const struct verdict delivered = VERDICT(DELIVERED, NONE, RECIPIENT, ACTION_NONE, 0);
static const struct verdict unknown = VERDICT(UNKNOWN, REPLY_LOST, SESSION, ACTION_CLOSE, 0);

static unsigned first_digit(const struct outcome *outcome)
{
	return outcome->code / 100u;
}

static bool is_for(const struct fallback *f, const struct outcome *outcome)
{
	return f->words == outcome->words && outcome->stage >= f->first &&
	       outcome->stage <= f->last && (f->digit == 0 || f->digit == first_digit(outcome));
}

static struct verdict fallback_verdict(const struct outcome *outcome)
{
	size_t i = 0;
	while (i < ARRAY_LEN(fallbacks) && !is_for(&fallbacks[i], outcome))
		i++;
	must(i < ARRAY_LEN(fallbacks));
	return fallbacks[i].verdict;
}

bool rules_may_speak(const struct outcome *outcome)
{
	unsigned digit = first_digit(outcome);
	if (outcome->words == OUTCOME_WORDS_REMOTE)
		return digit == 4 || digit == 5;
	return outcome->stage != STAGE_DOT;
}

/* The verdict where no rule may speak. */
static struct verdict verdict_beyond_rules(const struct outcome *outcome)
{
	if (outcome->stage != STAGE_DOT)
		return fallback_verdict(outcome);
	bool is_accepted = outcome->words == OUTCOME_WORDS_REMOTE && first_digit(outcome) == 2;
	return is_accepted ? delivered : unknown;
}

const struct rule *rules_winner(const struct rule_set *set, struct str provider,
				const struct outcome *outcome, struct rule_scratch *scratch,
				int64_t *delay_ms)
{
	for (size_t i = 0; i < set->count; i++)
		if (pattern_test(set->rules[i]->pattern, provider, outcome, scratch, delay_ms) ==
		    MISS_NONE)
			return set->rules[i];
	return NULL;
}

void rules_apply(const struct rule_set *set, struct str provider, struct outcome *io)
{
	if (io->verdict.klass != 0)
		return;
	if (!rules_may_speak(io)) {
		io->verdict = verdict_beyond_rules(io);
		return;
	}
	int64_t asked_ms = 0;
	struct rule_scratch scratch;
	scratch_init(&scratch, set, io->text);
	const struct rule *rule = rules_winner(set, provider, io, &scratch, &asked_ms);
	scratch_done(&scratch);
	if (rule == NULL) {
		io->verdict = fallback_verdict(io);
	} else {
		io->verdict = (struct verdict){.klass = rule->klass,
					       .cause = rule->cause,
					       .scope = rule->scope,
					       .actions = rule->actions,
					       .delay_ms = asked_ms ? asked_ms : rule->delay_ms,
					       .until_day = rule->until_day && asked_ms == 0,
					       .day_zone = rule->day_zone,
					       .rule = rule->id};
	}
	if (io->words == OUTCOME_WORDS_REMOTE && io->code == 421) /* RFC 5321 3.8 */
		io->verdict.actions |= ACTION_CLOSE;
}

/* Does the part of the pattern that says most about the reply agree? */
static bool is_telling(const struct rule_pattern *pattern, unsigned misses)
{
	if (pattern->text != NULL || pattern->says.count > 0)
		return (misses & 1u << MISS_TEXT) == 0;
	return pattern->enhanced_count > 0 && (misses & 1u << MISS_ENHANCED) == 0;
}

const struct rule *rules_explain(const struct rule_set *set, struct str provider,
				 const struct outcome *outcome,
				 struct rule_near_miss near_out[RULE_NEAR_MAX], size_t *count_out)
{
	struct rule_scratch scratch;
	const struct rule *winner = NULL;
	size_t count = 0;
	scratch_init(&scratch, set, outcome->text);
	for (size_t i = 0; i < set->count && rules_may_speak(outcome); i++) {
		const struct rule *rule = set->rules[i];
		unsigned misses = pattern_misses(rule->pattern, provider, outcome, &scratch);
		if (misses == 0 && winner == NULL) {
			winner = rule;
			continue;
		}
		bool is_single = (misses & (misses - 1)) == 0;
		if (count == RULE_NEAR_MAX || !is_single || !is_telling(rule->pattern, misses))
			continue;
		enum rule_miss miss = MISS_LATER;
		if (misses != 0)
			miss = (enum rule_miss)__builtin_ctz(misses);
		near_out[count++] = (struct rule_near_miss){rule, miss};
	}
	scratch_done(&scratch);
	*count_out = count;
	return winner;
}

const char *rule_miss_phrase(enum rule_miss miss)
{
	static const char *const phrases[] = {
#define X(suffix, phrase) phrase,
		RULE_MISSES(X)
#undef X
	};
	return (size_t)miss < ARRAY_LEN(phrases) ? phrases[miss] : "?";
}

const char *rule_persistence_name(enum rule_persistence persistence)
{
	static const char *const names[] = {
#define X(suffix, name) name,
		RULE_PERSISTENCES(X)
#undef X
	};
	return (size_t)persistence < ARRAY_LEN(names) ? names[persistence] : "?";
}

const struct rule_left_out *rule_set_left_out(const struct rule_set *set)
{
	return set->left_out;
}

void rule_set_warm(const struct rule_set *set)
{
	for (size_t i = 0; i < set->words.count; i++)
		(void)lazy_code_get(set->words.words[i].code);
	for (size_t i = 0; i < set->count; i++)
		pattern_warm(set->rules[i]->pattern);
}

struct rule_set *rule_set_ref(struct rule_set *set)
{
	atomic_fetch_add(&set->owners, 1);
	return set;
}

void rule_set_free(struct rule_set *set)
{
	if (set == NULL || atomic_fetch_sub(&set->owners, 1) > 1)
		return;
	for (size_t i = 0; i < set->count; i++)
		pattern_free(set->rules[i]->pattern);
	rule_words_free(&set->words);
	pcre2_match_context_free(set->limits);
	free(set->rules);
	arena_done(&set->arena);
	free(set);
}

size_t rule_set_count(const struct rule_set *set)
{
	return set->count;
}

const struct rule *rule_set_at(const struct rule_set *set, size_t i)
{
	must(i < set->count);
	return set->rules[i];
}

const struct rule *rule_set_find(const struct rule_set *set, struct str id)
{
	for (size_t i = 0; i < set->count; i++)
		if (str_equals(str_from(set->rules[i]->id), id))
			return set->rules[i];
	return NULL;
}

struct str rule_sample(const struct rule *rule, size_t i)
{
	return i < rule->pattern->sample_count ? rule->pattern->samples[i] : (struct str){0};
}

struct str rule_provider(const struct rule *rule, size_t i)
{
	return i < rule->pattern->provider_count ? rule->pattern->providers[i] : (struct str){0};
}
