/* SPDX-License-Identifier: MIT */
/* What one rule asks of an outcome: parsing and testing it; see rules.h. Any thread. */
#include "engine/reply/rules_private.h"

#include "engine/base/utf8.h"
#include "engine/reply/normalise.h"

/* Octets of a compiled pattern that is compiled to machine code, too. The sixty that are larger,
 * words by meaning, are no faster by much for it, and took 4.5 MiB of 7.5. */
#define JIT_SIZE_MAX 8000u

#define TEXT_MAX 2048u	 /* octets of a reply that patterns see: bounds the work on hostile text */
#define SCRATCH_PAIRS 8u /* the whole match and named groups */
#define ASKED_MIN_MS 1000
#define ASKED_MAX_MS 3600000

/* DIGIT, or "x" for the bounds 0 and 9. */
static int parse_code_digit(char c, unsigned *low, unsigned *high)
{
	if (!ascii_is_digit(c) && c != 'x')
		return -1;
	*low = *low * 10 + (c == 'x' ? 0u : (unsigned)(c - '0'));
	*high = *high * 10 + (c == 'x' ? 9u : (unsigned)(c - '0'));
	return 0;
}

int code_range_parse(struct str s, struct code_range *out)
{
	unsigned low = 0, high = 0;
	if (s.len != 3 || s.ptr[0] < '2' || s.ptr[0] > '5')
		return -1;
	for (size_t i = 0; i < s.len; i++)
		if (parse_code_digit(s.ptr[i], &low, &high) != 0)
			return -1;
	*out = (struct code_range){(uint16_t)low, (uint16_t)high};
	return 0;
}

/* "26", "606-649" or "x" */
static int parse_bounds(struct str s, uint16_t *low_out, uint16_t *high_out)
{
	uint64_t low = 0, high = 999;
	if (!str_equals(s, STR("x"))) {
		struct str first = str_take_until(&s, '-');
		if (str_to_u64(first, &low) != 0)
			return -1;
		high = low;
		if (s.len > 0 && str_to_u64(s, &high) != 0)
			return -1;
	}
	if (low > high || high > 999)
		return -1;
	*low_out = (uint16_t)low;
	*high_out = (uint16_t)high;
	return 0;
}

int enhanced_range_parse(struct str s, struct enhanced_range *out)
{
	struct enhanced_range range = {0};
	struct str klass = str_take_until(&s, '.');
	struct str subject = str_take_until(&s, '.');
	if (klass.len != 1 || str_find_char(STR("45x"), klass.ptr[0]) < 0)
		return -1;
	range.klass = klass.ptr[0] == 'x' ? 0 : (uint8_t)(klass.ptr[0] - '0');
	if (parse_bounds(subject, &range.subject_low, &range.subject_high) != 0 ||
	    parse_bounds(s, &range.detail_low, &range.detail_high) != 0)
		return -1;
	*out = range;
	return 0;
}

/* A delay that the reply itself names, by the group's name: the group's number, 0 if none. */
static int find_delay_group(const pcre2_code *code, int64_t *unit_ms)
{
	static const struct {
		const char *name;
		int64_t unit_ms;
	} groups[] = {{"seconds", 1000}, {"minutes", 60000}, {"hours", 3600000}};
	int found = 0;
	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		int number = pcre2_substring_number_from_name(code, (PCRE2_SPTR)groups[i].name);
		if (number <= 0 || number >= (int)SCRATCH_PAIRS)
			continue;
		found = number;
		*unit_ms = groups[i].unit_ms;
	}
	return found;
}

static pcre2_code *compile(struct str text, struct err *err)
{
	const uint32_t options =
		PCRE2_UTF | PCRE2_CASELESS | PCRE2_NO_AUTO_CAPTURE | PCRE2_NEVER_BACKSLASH_C;
	int code;
	PCRE2_SIZE offset;
	pcre2_code *pattern =
		pcre2_compile((PCRE2_SPTR)text.ptr, text.len, options, &code, &offset, NULL);
	if (pattern == NULL) {
		PCRE2_UCHAR why[128];
		pcre2_get_error_message(code, why, sizeof(why));
		err_set(err, ERR_CONFIG, "text pattern \"%.*s\": %s at %zu", STR_ARG(text),
			(const char *)why, (size_t)offset);
	}
	return pattern;
}

int pattern_check(struct str text, struct err *err)
{
	pcre2_code *pattern = compile(text, err);
	pcre2_code_free(pattern);
	return pattern != NULL ? 0 : -1;
}

struct lazy_code *lazy_code_new(struct arena *arena, struct str text)
{
	struct lazy_code *lazy = arena_alloc(arena, sizeof(*lazy));
	lazy->text = arena_str(arena, text);
	atomic_init(&lazy->code, NULL);
	return lazy;
}

const pcre2_code *lazy_code_compile(struct lazy_code *lazy, struct err *err)
{
	pcre2_code *present = atomic_load_explicit(&lazy->code, memory_order_acquire);
	size_t size = 0;
	if (present != NULL)
		return present;
	pcre2_code *made = compile(lazy->text, err);
	if (made == NULL)
		return NULL;
	/* Without JIT (not built in, no executable memory) the interpreter does the same. */
	(void)pcre2_pattern_info(made, PCRE2_INFO_SIZE, &size);
	if (size <= JIT_SIZE_MAX)
		(void)pcre2_jit_compile(made, PCRE2_JIT_COMPLETE);
	if (atomic_compare_exchange_strong(&lazy->code, &present, made))
		return made;
	pcre2_code_free(made); /* another thread was there first */
	return present;
}

const pcre2_code *lazy_code_get(struct lazy_code *lazy)
{
	struct err err;
	const pcre2_code *code = lazy_code_compile(lazy, &err);
	must(code != NULL);
	return code;
}

void lazy_code_done(struct lazy_code *lazy)
{
	if (lazy != NULL)
		pcre2_code_free(atomic_load_explicit(&lazy->code, memory_order_acquire));
}

void pattern_free(const struct rule_pattern *pattern)
{
	lazy_code_done(pattern->text);
	says_free(&pattern->says);
	says_free(&pattern->unless);
}

void pattern_warm(const struct rule_pattern *pattern)
{
	if (pattern->text != NULL)
		(void)lazy_code_get(pattern->text);
	says_warm(&pattern->says);
	says_warm(&pattern->unless);
}

static bool has_provider(const struct rule_pattern *pattern, struct str provider)
{
	for (size_t i = 0; i < pattern->provider_count; i++)
		if (str_equals(pattern->providers[i], provider))
			return true;
	return pattern->provider_count == 0;
}

static bool has_code(const struct rule_pattern *pattern, uint16_t code)
{
	for (size_t i = 0; i < pattern->code_count; i++)
		if (code >= pattern->codes[i].low && code <= pattern->codes[i].high)
			return true;
	return pattern->code_count == 0;
}

static bool is_in_range(const struct enhanced_range *range, struct enhanced_code code)
{
	return code.klass != 0 && (range->klass == 0 || range->klass == code.klass) &&
	       code.subject >= range->subject_low && code.subject <= range->subject_high &&
	       code.detail >= range->detail_low && code.detail <= range->detail_high;
}

static bool has_enhanced(const struct rule_pattern *pattern, struct enhanced_code code)
{
	for (size_t i = 0; i < pattern->enhanced_count; i++)
		if (is_in_range(&pattern->enhanced[i], code))
			return true;
	return pattern->enhanced_count == 0;
}

/* The delay that the reply names, kept within sense. */
static void read_delay(const pcre2_code *code, struct rule_scratch *scratch, int64_t *delay_ms)
{
	const PCRE2_SIZE *pairs = pcre2_get_ovector_pointer(scratch->block);
	int64_t unit_ms = 0;
	int group = find_delay_group(code, &unit_ms);
	uint64_t number;
	if (group == 0 || pairs[2 * group] == PCRE2_UNSET ||
	    str_to_u64(str_slice(scratch->text, pairs[2 * group], pairs[2 * group + 1]), &number) !=
		    0)
		return;
	if (number > ASKED_MAX_MS)
		number = ASKED_MAX_MS;
	int64_t asked = (int64_t)number * unit_ms;
	*delay_ms = asked < ASKED_MIN_MS ? ASKED_MIN_MS : asked;
	if (asked > ASKED_MAX_MS)
		*delay_ms = ASKED_MAX_MS;
}

pcre2_match_data *scratch_block(struct rule_scratch *scratch)
{
	if (scratch->block == NULL)
		scratch->block = pcre2_match_data_create(SCRATCH_PAIRS, NULL);
	must(scratch->block != NULL);
	return scratch->block;
}

/* Running out of the match limits counts as no match. */
static bool has_text(const struct rule_pattern *pattern, struct rule_scratch *scratch,
		     int64_t *delay_ms)
{
	struct str text = scratch->text;
	if (pattern->text == NULL)
		return true;
	const pcre2_code *code = lazy_code_get(pattern->text);
	int rc = pcre2_match(code, (PCRE2_SPTR)(text.ptr ? text.ptr : ""), text.len, 0, 0,
			     scratch_block(scratch), scratch->limits);
	if (rc <= 0)
		return false;
	read_delay(code, scratch, delay_ms);
	return true;
}

static bool has_said(const struct rule_pattern *pattern, struct rule_scratch *scratch)
{
	return pattern->says.count == 0 || says_match(&pattern->says, scratch);
}

enum rule_miss pattern_test(const struct rule_pattern *pattern, struct str provider,
			    const struct outcome *outcome, struct rule_scratch *scratch,
			    int64_t *delay_ms)
{
	if ((pattern->words & 1u << outcome->words) == 0)
		return MISS_WORDS;
	if ((pattern->stages & 1u << outcome->stage) == 0)
		return MISS_STAGE;
	if (!has_code(pattern, outcome->code))
		return MISS_CODE;
	if (!has_provider(pattern, provider))
		return MISS_PROVIDER;
	if (!has_enhanced(pattern, outcome->enhanced))
		return MISS_ENHANCED;
	if (!has_text(pattern, scratch, delay_ms) || !has_said(pattern, scratch))
		return MISS_TEXT;
	return says_match(&pattern->unless, scratch) ? MISS_UNLESS : MISS_NONE;
}

/* What needs no text, as bits. */
static unsigned misses_beside_text(const struct rule_pattern *pattern, struct str provider,
				   const struct outcome *outcome)
{
	unsigned misses = 0;
	misses |= pattern->words & 1u << outcome->words ? 0 : 1u << MISS_WORDS;
	misses |= pattern->stages & 1u << outcome->stage ? 0 : 1u << MISS_STAGE;
	misses |= has_code(pattern, outcome->code) ? 0 : 1u << MISS_CODE;
	misses |= has_provider(pattern, provider) ? 0 : 1u << MISS_PROVIDER;
	misses |= has_enhanced(pattern, outcome->enhanced) ? 0 : 1u << MISS_ENHANCED;
	return misses;
}

unsigned pattern_misses(const struct rule_pattern *pattern, struct str provider,
			const struct outcome *outcome, struct rule_scratch *scratch)
{
	int64_t ignored;
	unsigned misses = misses_beside_text(pattern, provider, outcome);
	if ((misses & (misses - 1)) != 0)
		return misses;
	if (!has_text(pattern, scratch, &ignored) || !has_said(pattern, scratch))
		return misses | 1u << MISS_TEXT;
	return misses | (says_match(&pattern->unless, scratch) ? 1u << MISS_UNLESS : 0);
}

unsigned pattern_all_misses(const struct rule_pattern *pattern, struct str provider,
			    const struct outcome *outcome, struct rule_scratch *scratch)
{
	int64_t ignored;
	bool has_words = has_text(pattern, scratch, &ignored) && has_said(pattern, scratch);
	bool is_unwanted = says_match(&pattern->unless, scratch);
	return misses_beside_text(pattern, provider, outcome) | (has_words ? 0 : 1u << MISS_TEXT) |
	       (is_unwanted ? 1u << MISS_UNLESS : 0);
}

void scratch_init(struct rule_scratch *scratch, const struct rule_set *set, struct str text)
{
	*scratch = (struct rule_scratch){
		.text = utf8_clip(text, TEXT_MAX), .limits = set->limits, .words = &set->words};
	scratch->raw = scratch->text;
	if (str_find_char(scratch->text, '@') < 0)
		return;
	buf_init(&scratch->masked, TEXT_MAX);
	mask_addresses(scratch->text, &scratch->masked);
	scratch->text = buf_str(&scratch->masked);
}

void scratch_done(struct rule_scratch *scratch)
{
	buf_done(&scratch->masked);
	buf_done(&scratch->plain);
	pcre2_match_data_free(scratch->block);
}
