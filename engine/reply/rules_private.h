/* SPDX-License-Identifier: MIT */
/*
 * Inside of the rules: what a rule matches, and the set. Glossary: pattern = everything a rule asks
 * of an outcome; range = one code or enhanced-code pattern; word = a name of words.json and what it
 * stands for; item = one alternative of "says" or "unless"; part = one side of an item's " ~ ".
 */
#ifndef EDM_ENGINE_REPLY_RULES_PRIVATE_H
#define EDM_ENGINE_REPLY_RULES_PRIVATE_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdatomic.h>

#include "engine/base/arena.h"
#include "engine/base/buf.h"
#include "engine/reply/rules.h"

/* Octets of a pattern with its words in place. */
#define RULE_EXPANDED_MAX 32768u

#define RULE_RANGES_MAX 16u
#define RULE_LIST_MAX 24u /* providers, samples */
#define RULE_WORDS_FILE "schemas/rules/words.json"
#define RULE_WORDS_MAX 40u
#define RULE_SPANS_MAX 12u /* places of one word in one text that are looked at */

/* A pattern that the first text it is held against compiles, on whatever thread. */
struct lazy_code {
	struct str text; /* in the set's arena */
	_Atomic(pcre2_code *) code;
};

struct code_range {
	uint16_t low, high;
};

struct enhanced_range {
	uint8_t klass; /* 0 = any */
	uint16_t subject_low, subject_high;
	uint16_t detail_low, detail_high;
};

struct rule_word {
	const char *name;
	struct lazy_code *code; /* its text: expanded */
};

/* What words.json says. */
struct rule_words {
	struct rule_word words[RULE_WORDS_MAX];
	size_t count;
};

/* Either a word, whose places are found once a text, or the item's own pattern: in an item of one
 * part all those of the list that stand alone. */
struct says_part {
	const struct rule_word *word; /* NULL: own */
	struct lazy_code *own;
};

struct says_item {
	struct says_part parts[2];
	size_t count; /* 2: both, near each other, in any order */
};

/* Items of which one must be found. */
struct says {
	struct says_item *items;
	size_t count, room;
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
	size_t enhanced_count;	/* 0 = any, none included */
	struct lazy_code *text; /* NULL = any */
	struct says says;	/* in the plain text; empty = any */
	struct says unless;	/* not in the plain text */
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
	struct rule_left_out *left_out, *left_out_last;
	pcre2_match_context *limits; /* never changed after the load */
	struct rule_words words;
};

struct rule_span {
	uint16_t from, to;
};

/* Where a word is in a text. */
struct rule_spans {
	bool is_known; /* it was looked for */
	size_t count;
	struct rule_span spans[RULE_SPANS_MAX];
};

/*
 * Memory of one matching run. Patterns see the text cut to a bound and without mail addresses: what
 * a recipient is called (no-spam@, virus@) must not look like what the server says.
 */
struct rule_scratch {
	struct str text;
	struct buf masked;
	struct buf plain; /* made by the first rule that goes by meaning */
	struct str raw;	  /* what it is made from */
	bool has_plain;
	struct rule_spans spans[RULE_WORDS_MAX]; /* of the set's words, in their order */
	const struct rule_words *words;
	pcre2_match_data *block;     /* made by the first rule that has a text */
	pcre2_match_context *limits; /* the set's */
};

/* ---- rules_pattern.c: parse and test one pattern ---- */

/* "550", "55x", "5xx" */
int code_range_parse(struct str s, struct code_range *out) NODISCARD;
/* "5.7.26", "x.2.2", "4.7.x", "5.7.606-649" */
int enhanced_range_parse(struct str s, struct enhanced_range *out) NODISCARD;
/* A copy of text, not compiled yet; arena is to outlive it. */
struct lazy_code *lazy_code_new(struct arena *arena, struct str text);
/* Compiles it now: NULL and err when it is wrong. Any thread. */
const pcre2_code *lazy_code_compile(struct lazy_code *lazy, struct err *err) NODISCARD;
/* The same for one that is known to be right. */
const pcre2_code *lazy_code_get(struct lazy_code *lazy);
/* NULL is nothing. */
void lazy_code_done(struct lazy_code *lazy);
/* Compiles everything of it that is not yet. */
void pattern_warm(const struct rule_pattern *pattern);
/* Frees what was compiled for it. */
void pattern_free(const struct rule_pattern *pattern);
/*
 * MISS_NONE, or the first condition that fails, in the order cheapest first, text last. When a
 * named group gave a delay, *delay_ms is set.
 */
enum rule_miss pattern_test(const struct rule_pattern *pattern, struct str provider,
			    const struct outcome *outcome, struct rule_scratch *scratch,
			    int64_t *delay_ms);
/* The conditions that fail, as bits 1 << MISS_x: all of them, but that the text is not looked at
 * where two others fail already, nor "unless" where the text does. */
unsigned pattern_misses(const struct rule_pattern *pattern, struct str provider,
			const struct outcome *outcome, struct rule_scratch *scratch);
/* Really all of them: every pattern is tried. */
unsigned pattern_all_misses(const struct rule_pattern *pattern, struct str provider,
			    const struct outcome *outcome, struct rule_scratch *scratch);
void scratch_init(struct rule_scratch *scratch, const struct rule_set *set, struct str text);
void scratch_done(struct rule_scratch *scratch);
/* Can a rule speak here at all, or is the verdict beyond the rules (see rules_apply)? */
bool rules_may_speak(const struct outcome *outcome);
/* The first rule that matches, or NULL; *delay_ms as in pattern_test, else untouched. scratch is of
 * the outcome's text. */
const struct rule *rules_winner(const struct rule_set *set, struct str provider,
				const struct outcome *outcome, struct rule_scratch *scratch,
				int64_t *delay_ms);

/* ---- rules_words.c: patterns that go by meaning ---- */

/* Reading one list of items. */
struct says_reader {
	struct rule_set *set; /* its arena and words serve it */
	struct says *says;
	struct buf own;	 /* patterns that stand alone, to be compiled as one */
	bool is_shipped; /* tested before: not compiled to see if it is right */
};

/* Reads words.json. Called once a set. */
int rule_words_load(struct rule_set *set, struct err *err) NODISCARD;
void rule_words_free(struct rule_words *words);
/* Adds one alternative; when it is a pattern alone it waits in own, which says_join ends. */
int says_add(struct says_reader *reader, struct str item, struct err *err) NODISCARD;
/* Makes all of own one item, and empties it: one search instead of one for each. */
int says_join(struct says_reader *reader, struct err *err) NODISCARD;
void says_free(const struct says *says);
void says_warm(const struct says *says);
/* Is one of the items found in the plain text of scratch? */
bool says_match(const struct says *says, struct rule_scratch *scratch);
/* Is the pattern right? */
int pattern_check(struct str text, struct err *err) NODISCARD;
/* The memory that patterns are matched with. */
pcre2_match_data *scratch_block(struct rule_scratch *scratch);

/* ---- rules_lint.c ---- */

/* Refuses a rule that is wrong in itself. */
int rule_lint(const struct rule *rule, struct err *err) NODISCARD;
/* Refuses rule `at` of the set when a sample of it is not won by it, or its id stands before. */
int rule_lint_at(const struct rule_set *set, size_t at, struct err *err) NODISCARD;
/* rule_set_lint of the overrides alone. Nothing that comes before or goes away can make a built-in
 * rule lose a sample to another built-in one, and to an override it may. */
int rule_set_lint_overrides(const struct rule_set *set, struct err *err) NODISCARD;

#endif
