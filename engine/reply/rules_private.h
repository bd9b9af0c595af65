/* SPDX-License-Identifier: MIT */
/*
 * Inside of the rules: what a rule matches, and the set. Glossary: pattern = everything a rule asks
 * of an outcome; range = one code or enhanced-code pattern.
 */
#ifndef EDM_ENGINE_REPLY_RULES_PRIVATE_H
#define EDM_ENGINE_REPLY_RULES_PRIVATE_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdatomic.h>

#include "engine/base/arena.h"
#include "engine/base/buf.h"
#include "engine/reply/rules.h"

#define RULE_RANGES_MAX 16u
#define RULE_LIST_MAX 24u /* providers, samples */

struct code_range {
	uint16_t low, high;
};

struct enhanced_range {
	uint8_t klass; /* 0 = any */
	uint16_t subject_low, subject_high;
	uint16_t detail_low, detail_high;
};

struct rule_pattern {
	unsigned words;	   /* bit per enum outcome_words */
	unsigned stages;   /* bit per enum outcome_stage */
	bool is_any_stage; /* no stage was named */
	struct str providers[RULE_LIST_MAX];
	size_t provider_count; /* 0 = any */
	struct code_range codes[RULE_RANGES_MAX];
	size_t code_count; /* 0 = any */
	struct enhanced_range enhanced[RULE_RANGES_MAX];
	size_t enhanced_count; /* 0 = any, none included */
	pcre2_code *text;      /* NULL = any */
	int64_t delay_unit_ms; /* of the named group, 0 = there is none */
	uint32_t delay_group;  /* its number */
	struct str samples[RULE_LIST_MAX];
	size_t sample_count;
};

struct rule_set {
	atomic_int owners;
	struct arena arena; /* rules, patterns, strings */
	struct rule **rules;
	size_t count, room;
	struct str *without; /* ids of built-in rules that are left out */
	size_t without_count;
	pcre2_match_context *limits; /* never changed after the load */
};

/*
 * Memory of one matching run. Patterns see the text cut to a bound and without mail addresses: what
 * a recipient is called (no-spam@, virus@) must not look like what the server says.
 */
struct rule_scratch {
	struct str text;
	struct buf masked;
	pcre2_match_data *block;     /* made by the first rule that has a text */
	pcre2_match_context *limits; /* the set's */
};

/* ---- rules_pattern.c: parse and test one pattern ---- */

/* "550", "55x", "5xx" */
int code_range_parse(struct str s, struct code_range *out) NODISCARD;
/* "5.7.26", "x.2.2", "4.7.x", "5.7.606-649" */
int enhanced_range_parse(struct str s, struct enhanced_range *out) NODISCARD;
/* Compiles the text; alternatives were joined by the caller. */
int pattern_compile(struct rule_pattern *pattern, struct str text, struct err *err) NODISCARD;
/*
 * MISS_NONE, or the first condition that fails, in the order cheapest first, text last. When a
 * named group gave a delay, *delay_ms is set.
 */
enum rule_miss pattern_test(const struct rule_pattern *pattern, struct str provider,
			    const struct outcome *outcome, struct rule_scratch *scratch,
			    int64_t *delay_ms);
/* All conditions that fail, as bits 1 << MISS_x. */
unsigned pattern_misses(const struct rule_pattern *pattern, struct str provider,
			const struct outcome *outcome, struct rule_scratch *scratch);
void scratch_init(struct rule_scratch *scratch, const struct rule_set *set, struct str text);
void scratch_done(struct rule_scratch *scratch);
/* Can a rule speak here at all, or is the verdict beyond the rules (see rules_apply)? */
bool rules_may_speak(const struct outcome *outcome);
/* The first rule that matches, or NULL; *delay_ms as in pattern_test, else untouched. */
const struct rule *rules_winner(const struct rule_set *set, struct str provider,
				const struct outcome *outcome, int64_t *delay_ms);

/* ---- rules_lint.c ---- */

/* Refuses a rule that is wrong in itself. */
int rule_lint(const struct rule *rule, struct err *err) NODISCARD;
/* Refuses a set in which a sample is not won by its rule, or an id stands twice. */
int rule_set_lint(const struct rule_set *set, struct err *err) NODISCARD;

#endif
