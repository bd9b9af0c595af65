/* SPDX-License-Identifier: MIT */
/*
 * What a reply means: ordered rules, loaded from data, turn the facts of an attempt into a verdict.
 *
 * A rule file is {"about": "...", "rules": [RULE, ...]}. The first rule that matches wins; a RULE
 * is
 *
 *   "id"        unique, e.g. "qq.ip-frequency"
 *   matching, all of them must agree; what is absent matches anything:
 *   "words"     "remote" (default), "dns", "tcp", "tls", "local": whose words the outcome is
 *   "provider"  name or list of names of schemas/rules/providers.json
 *   "stage"     name or list of names of outcome stages
 *   "code"      "550", "55x", "5xx" or a list
 *   "enhanced"  "5.7.26", "x.2.2", "4.7.x", "5.7.606-649" or a list
 *   "text"      PCRE2 pattern or a list of alternatives; caseless, UTF-8, unanchored; matched
 *               against the joined, sanitised text without its codes, mail
 *               addresses in it replaced by {@}
 *   "says"      pattern or list of alternatives, matched against the plain text (plain.h): what
 *               is said, however it is written. <word> in it is what words.json lists under that
 *               name, "x*" a word that begins with x, and "A ~ B" both A and B in one clause, in
 *               any order, at most 60 octets apart. A pattern is found as whole words
 *   "unless"    the same; the rule does not match where one of these is found
 *   meaning:
 *   "class" "cause" "scope"  names of outcome.h
 *   "persistence"            "permanent", "temporary" or "rate-signal"; default by class
 *   "actions"                list of names of outcome.h
 *   "delay"                  "90s", "15m", "4h", "1d", or "day+8": until the day is over on the
 * receiver's clock, in UTC+8; absent = by the retry schedule. A named
 * group seconds, minutes or hours of the text overrides it (1 min to 1 h). "en" "zh" one sentence
 * each for the operator "samples"                at least one whole reply, lines separated by \n
 * ("550-a\n550 b"); for rules that are not about remote words, the text alone
 *
 * An operator's file may have a third member, "without": [ID, ...]: built-in rules that are
 * switched off; one that has the id of a built-in rule stands in its place.
 *
 * Loading refuses a set in which a sample is not won by its own rule at every stage and provider
 * the rule names, a rule can never match, or anything is unknown or misspelt; and above all a rule
 * that suppresses without being a bounce about the recipient. Overrides (an operator's) come first
 * and may take samples from built-in rules, never the other way round.
 *
 * A rule set is immutable: any number of threads may apply it at once.
 */
#ifndef EDM_ENGINE_REPLY_RULES_H
#define EDM_ENGINE_REPLY_RULES_H

#include "engine/base/err.h"
#include "engine/reply/outcome.h"

/* X(suffix, name) */
#define RULE_PERSISTENCES(X)                                                                       \
	X(PERMANENT, "permanent")     /* trying again gives the same answer */                     \
	X(TEMPORARY, "temporary")     /* trying later may succeed */                               \
	X(RATE_SIGNAL, "rate-signal") /* going slower would have succeeded */

enum rule_persistence {
#define X(suffix, name) PERSISTENCE_##suffix,
	RULE_PERSISTENCES(X)
#undef X
};

struct rule_pattern;

struct rule {
	const char *id;
	const char *file;    /* where it was read from */
	const char *en, *zh; /* gloss */
	enum outcome_class klass;
	enum outcome_cause cause;
	enum outcome_scope scope;
	enum rule_persistence persistence;
	unsigned actions; /* ACTION_* */
	int64_t delay_ms; /* 0 = by the retry schedule; of until_day the most */
	bool until_day;	  /* … as in struct verdict */
	int8_t day_zone;
	bool is_override;
	const struct rule_pattern *pattern;
};

struct rule_set;

/* A rule file in memory. */
struct rule_file {
	const char *name;
	struct str json;
	bool is_override; /* an operator's: may name providers that are not built in */
};

/*
 * The built-in rules with overrides (the JSON of a rule file, or empty) before them. NULL and err
 * when anything is refused; err names the file, the rule and what to mend. The built-in rules are
 * not checked: the tests have done it, and nothing put before them makes one wrong. Nor are their
 * patterns compiled: the first text that is held against one does it (some 0.1 ms, 70 ms in all).
 */
struct rule_set *rule_set_load(struct str overrides, struct err *err) NODISCARD;
/*
 * The same for what runs: an override that is refused (an upgrade has renamed what it names, say)
 * is left out, and rule_set_left_out tells of it; where it stood in the place of a built-in rule,
 * that one is in force. NULL and err only when overrides are no rule file at all.
 */
struct rule_set *rule_set_load_sound(struct str overrides, struct err *err) NODISCARD;
/* The same with the rules of a file before them. */
struct rule_set *rule_set_try(const struct rule_file *overrides, struct err *err) NODISCARD;
/* The same from the caller's files alone, in their order. They may go away afterwards. */
struct rule_set *rule_set_parse(const struct rule_file *files, size_t count,
				struct err *err) NODISCARD;
/* Whether each rule wins its samples and has an id of its own: what loading and parsing check. */
int rule_set_lint(const struct rule_set *set, struct err *err) NODISCARD;
/* Compiles every pattern that is not yet, for those whose threads must not stop for it later. Any
 * thread. */
void rule_set_warm(const struct rule_set *set);

/* An override that is not in the set. */
struct rule_left_out {
	const char *id;	 /* "(no id)" if it has none */
	const char *why; /* what is wrong with it */
	const struct rule_left_out *next;
};

/* The overrides that were left out, in their order; NULL: none. Lives as long as the set. */
const struct rule_left_out *rule_set_left_out(const struct rule_set *set);
/* One more owner; returns set. Each owner frees once. Any thread. */
struct rule_set *rule_set_ref(struct rule_set *set);
void rule_set_free(struct rule_set *set);

size_t rule_set_count(const struct rule_set *set);
/* Rule i in the order of matching; lives as long as the set. */
const struct rule *rule_set_at(const struct rule_set *set, size_t i);
/* The rule called id, an override before a built-in one; NULL if there is none. */
const struct rule *rule_set_find(const struct rule_set *set, struct str id);
/* Sample i of a rule as it stands in the file; the empty slice past the last. */
struct str rule_sample(const struct rule *rule, size_t i);
/* Provider i the rule names; the empty slice past the last: with none it is about all. */
struct str rule_provider(const struct rule *rule, size_t i);

/* A sample that two rules know: the earlier one wins it. It belongs to either. */
struct rule_overlap {
	const struct rule *winner, *other;
	struct str sample;
	enum outcome_stage stage;
	struct str provider; /* empty: any */
};
/*
 * Calls tell for every sample of a rule that another rule matches too, once per pair and sample:
 * what the order decides, and, where an override wins what a built-in rule stands for, what
 * operators changed. Only pairs that mean something else are told, by class, suppression or cause;
 * of_overrides: only those that an override is one of, which takes a hundredth of the time.
 */
void rule_set_overlaps(const struct rule_set *set, bool of_overrides,
		       void (*tell)(void *owner, const struct rule_overlap *overlap), void *owner);

const char *rule_persistence_name(enum rule_persistence persistence);

/*
 * Fills io->verdict from the other members, always; provider is the name of the site's provider or
 * empty. A verdict that is already there (klass not 0) is left alone. Three things are beyond the
 * rules: 2yz to the final dot is delivered; no reply, or none that SMTP allows, to the final dot
 * is unknown; a 421 closes. What no rule knows is judged by stage and first digit, with rule "",
 * and never suppresses.
 */
void rules_apply(const struct rule_set *set, struct str provider, struct outcome *io);

/* Why a rule did not win. X(suffix, phrase) */
#define RULE_MISSES(X)                                                                             \
	X(NONE, "matches")                                                                         \
	X(LATER, "matches, but an earlier rule wins")                                              \
	X(WORDS, "is about other words")                                                           \
	X(PROVIDER, "is for another provider")                                                     \
	X(STAGE, "is for another stage")                                                           \
	X(CODE, "wants another reply code")                                                        \
	X(ENHANCED, "wants another enhanced code")                                                 \
	X(TEXT, "wants another text")                                                              \
	X(UNLESS, "does not want what the text says")

enum rule_miss {
#define X(suffix, phrase) MISS_##suffix,
	RULE_MISSES(X)
#undef X
};

#define RULE_NEAR_MAX 8u

struct rule_near_miss {
	const struct rule *rule;
	enum rule_miss miss; /* the only thing that kept it from winning */
};

const char *rule_miss_phrase(enum rule_miss miss);
/*
 * The rule that wins for the facts in outcome, or NULL when the fallback speaks. Up to
 * RULE_NEAR_MAX rules that missed by exactly one condition are put into near_out, in their order;
 * *count_out says how many. A rule counts as near only when its text, or without one its enhanced
 * code, agrees: otherwise there would be hundreds.
 */
const struct rule *rules_explain(const struct rule_set *set, struct str provider,
				 const struct outcome *outcome,
				 struct rule_near_miss near_out[RULE_NEAR_MAX], size_t *count_out);

struct rule_far_miss {
	const struct rule *rule;
	unsigned misses; /* 1 << MISS_x for each condition that failed; 0: an earlier rule wins */
	bool is_akin;	 /* it is about the provider by name, or has the cause of the verdict */
	size_t at;	 /* its place in the set */
};

/*
 * Why those that rules_explain does not tell of did not win; outcome has its verdict. The akin come
 * first, then who missed by fewer conditions, then who stands earlier. out has room
 * for rule_set_count(set); returns how many there are, *akin_out how many of them are akin.
 */
size_t rules_explain_rest(const struct rule_set *set, struct str provider,
			  const struct outcome *outcome, struct rule_far_miss *out,
			  size_t *akin_out);

#endif
