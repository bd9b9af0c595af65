/* SPDX-License-Identifier: MIT */
/*
 * Rules that go by meaning: words.json, and "says" and "unless"; see rules.h. Where a word is in a
 * text is found once, whatever the number of rules that name it. Loading: any thread, one at a
 * time for a set; matching: any thread.
 */
#include "engine/reply/rules_private.h"

#include <jansson.h>
#include <string.h>

#include "engine/reply/plain.h"
#include "schemas/embedded.h"

/* Octets of patterns that are compiled as one; much larger ones get no machine code
 * (JIT_SIZE_MAX). */
#define JOINED_MAX 4096u
#define NEAR_MAX 60 /* octets between the two sides of an item */
/* A pattern is whole words; letters beyond ASCII have no such ends. */
#define WORD_BEGIN "(?<![a-z0-9])(?:"
#define WORD_END ")(?![a-z0-9])"

/* ---------------------------------------------------------------------------------- expansion */

static const struct rule_word *find_word(const struct rule_words *words, struct str name)
{
	for (size_t i = 0; i < words->count; i++)
		if (str_equals(str_from(words->words[i].name), name))
			return &words->words[i];
	return NULL;
}

/* The length of "<name>" at the front of s, 0 if there is none. */
static size_t word_length(struct str s)
{
	size_t n = 1;
	if (s.len < 3 || s.ptr[0] != '<')
		return 0;
	while (n < s.len && s.ptr[n] >= 'a' && s.ptr[n] <= 'z')
		n++;
	return n > 1 && n < s.len && s.ptr[n] == '>' ? n + 1 : 0;
}

static bool is_letter(char c)
{
	return ascii_is_alpha(c) || (uint8_t)c >= 0x80;
}

/* Appends pattern to out with <word> replaced by what it stands for, and "x*" by "x\w*". */
static int expand(const struct rule_words *words, struct str pattern, struct buf *out,
		  struct err *err)
{
	char before = 0, last = 0;
	while (pattern.len > 0) {
		/* (?<name> is a group, (?<!x) looks behind */
		size_t n = before == '(' && last == '?' ? 0 : word_length(pattern);
		struct str name = n ? str_slice(pattern, 1, n - 1) : (struct str){0};
		const struct rule_word *word = n ? find_word(words, name) : NULL;
		if (n > 0 && word == NULL)
			return err_set(err, ERR_CONFIG, "no word <%.*s> is in words.json",
				       STR_ARG(name));
		if (word != NULL)
			buf_append_str(out, word->code->text);
		else if (pattern.ptr[0] == '*' && is_letter(last) && before != '\\')
			buf_append_cstr(out, "\\w*");
		else
			buf_append_char(out, pattern.ptr[0]);
		before = last;
		last = pattern.ptr[n ? n - 1 : 0];
		pattern = str_slice(pattern, n ? n : 1, pattern.len);
	}
	return 0;
}

/* Appends pattern, expanded and bounded. */
static int expand_whole(const struct rule_words *words, struct str pattern, struct buf *out,
			struct err *err)
{
	buf_append_cstr(out, WORD_BEGIN);
	if (expand(words, pattern, out, err) != 0)
		return -1;
	buf_append_cstr(out, WORD_END);
	if (out->is_truncated)
		return err_set(err, ERR_CONFIG, "is over %u octets with its words in place",
			       RULE_EXPANDED_MAX);
	return 0;
}

/* ----------------------------------------------------------------------------------- the words */

static int join_entries(const struct rule_words *words, const json_t *entries, struct buf *out,
			struct err *err)
{
	buf_append_cstr(out, "(?:");
	for (size_t i = 0; i < json_array_size(entries); i++) {
		const json_t *entry = json_array_get(entries, i);
		struct str text = str_of(json_string_value(entry), json_string_length(entry));
		if (i > 0)
			buf_append_char(out, '|');
		if (text.len == 0)
			return err_set(err, ERR_CONFIG, "entry %zu is no string", i);
		if (expand_whole(words, text, out, err) != 0)
			return -1;
	}
	buf_append_char(out, ')');
	return 0;
}

static int load_word(struct rule_set *set, const char *name, const json_t *entries, struct err *err)
{
	struct rule_words *words = &set->words;
	struct buf pattern;
	if (words->count == RULE_WORDS_MAX)
		return err_set(err, ERR_CONFIG, "more than %u words", RULE_WORDS_MAX);
	if (json_array_size(entries) == 0)
		return err_set(err, ERR_CONFIG, "must be a list of patterns");
	buf_init(&pattern, RULE_EXPANDED_MAX);
	int rc = join_entries(words, entries, &pattern, err);
	if (rc == 0)
		words->words[words->count++] =
			(struct rule_word){.name = arena_cstr(&set->arena, str_from(name)),
					   .code = lazy_code_new(&set->arena, buf_str(&pattern))};
	buf_done(&pattern);
	return rc;
}

int rule_words_load(struct rule_set *set, struct err *err)
{
	const struct embedded_file *file = embedded_find(RULE_WORDS_FILE);
	json_error_t where;
	const char *name;
	json_t *entries;
	int rc = 0;
	must(file != NULL);
	json_t *root =
		json_loadb((const char *)file->data, file->size, JSON_REJECT_DUPLICATES, &where);
	if (root == NULL)
		return err_set(err, ERR_CONFIG, "%s: line %d: %s", RULE_WORDS_FILE, where.line,
			       where.text);
	json_object_foreach(json_object_get(root, "words"), name, entries)
	{
		if (rc == 0 && load_word(set, name, entries, err) != 0)
			rc = err_prefix(err, "%s: \"%s\"", RULE_WORDS_FILE, name);
	}
	json_decref(root);
	return rc;
}

void rule_words_free(struct rule_words *words)
{
	for (size_t i = 0; i < words->count; i++)
		lazy_code_done(words->words[i].code);
}

/* ------------------------------------------------------------------------------- one condition */

/* A pattern of an item, seen to be right unless it is shipped. */
static int keep(struct says_reader *r, struct str pattern, struct says_part *out, struct err *err)
{
	out->own = lazy_code_new(&r->set->arena, pattern);
	return r->is_shipped || lazy_code_compile(out->own, err) != NULL ? 0 : -1;
}

/* A part that is one word alone needs no code of its own. */
static int load_part(struct says_reader *r, struct str text, struct says_part *out, struct err *err)
{
	struct buf pattern;
	text = str_trim(text);
	if (text.len == 0)
		return err_set(err, ERR_CONFIG, "has an empty pattern");
	if (word_length(text) == text.len)
		out->word = find_word(&r->set->words, str_slice(text, 1, text.len - 1));
	if (out->word != NULL)
		return 0;
	buf_init(&pattern, RULE_EXPANDED_MAX);
	int rc = expand_whole(&r->set->words, text, &pattern, err);
	if (rc == 0)
		rc = keep(r, buf_str(&pattern), out, err);
	buf_done(&pattern);
	return rc;
}

static void grow(struct rule_set *set, struct says *says)
{
	size_t room = says->room ? says->room * 2 : 8;
	struct says_item *items = arena_alloc(&set->arena, room * sizeof(*items));
	if (says->count > 0)
		memcpy(items, says->items, says->count * sizeof(*items));
	says->items = items;
	says->room = room;
}

static struct says_item *add_item(struct says_reader *r)
{
	struct says *says = r->says;
	if (says->count == says->room)
		grow(r->set, says);
	/* The item counts at once, so that says_free finds what was compiled. */
	struct says_item *item = &says->items[says->count++];
	*item = (struct says_item){.count = 1};
	return item;
}

int says_join(struct says_reader *r, struct err *err)
{
	struct buf whole;
	if (r->own.len == 0)
		return 0;
	buf_init(&whole, r->own.len + sizeof(WORD_BEGIN WORD_END));
	buf_append_cstr(&whole, WORD_BEGIN);
	buf_append_str(&whole, buf_str(&r->own));
	buf_append_cstr(&whole, WORD_END);
	buf_clear(&r->own);
	int rc = keep(r, buf_str(&whole), &add_item(r)->parts[0], err);
	buf_done(&whole);
	return rc;
}

/* Whether names, references or verbs of its own would mean something else beside other patterns. */
static bool is_for_itself(struct str text)
{
	for (ptrdiff_t at; (at = str_find_char(text, '(')) >= 0;) {
		text = str_slice(text, (size_t)at + 1, text.len);
		char first = text.len > 0 ? text.ptr[0] : 0,
		     second = text.len > 1 ? text.ptr[1] : 0;
		if (first == '*')
			return true;
		if (first != '?')
			continue;
		bool is_named =
			second == '<' && text.len > 2 && text.ptr[2] != '=' && text.ptr[2] != '!';
		if (is_named || str_find_char(STR("PR&'(+0123456789"), second) >= 0)
			return true;
	}
	return false;
}

/* A pattern that stands alone: seen to be right by itself, compiled with the others. */
static int add_own(struct says_reader *r, struct str text, struct err *err)
{
	struct buf pattern;
	int rc = -1;
	buf_init(&pattern, RULE_EXPANDED_MAX);
	if (expand_whole(&r->set->words, text, &pattern, err) != 0)
		goto done;
	if (!r->is_shipped && pattern_check(buf_str(&pattern), err) != 0)
		goto done;
	if (r->own.len > 0 && r->own.len + pattern.len > JOINED_MAX && says_join(r, err) != 0)
		goto done;
	if (is_for_itself(text) && says_join(r, err) != 0)
		goto done;
	struct str inside = str_slice(buf_str(&pattern), sizeof(WORD_BEGIN) - 1,
				      pattern.len - (sizeof(WORD_END) - 1));
	buf_appendf(&r->own, "%s(?:%.*s)", r->own.len > 0 ? "|" : "", STR_ARG(inside));
	rc = is_for_itself(text) ? says_join(r, err) : 0;
done:
	buf_done(&pattern);
	return rc;
}

int says_add(struct says_reader *r, struct str text, struct err *err)
{
	ptrdiff_t at = str_find(text, STR(" ~ "));
	struct str alone = at < 0 ? str_trim(text) : (struct str){0};
	if (alone.len > 0 && word_length(alone) < alone.len)
		return add_own(r, alone, err);
	struct says_item *item = add_item(r);
	if (at < 0)
		return load_part(r, text, &item->parts[0], err);
	item->count = 2;
	if (load_part(r, str_slice(text, 0, (size_t)at), &item->parts[0], err) != 0)
		return -1;
	return load_part(r, str_slice(text, (size_t)at + 3, text.len), &item->parts[1], err);
}

void says_free(const struct says *says)
{
	for (size_t i = 0; i < says->count; i++)
		for (size_t k = 0; k < ARRAY_LEN(says->items[i].parts); k++)
			lazy_code_done(says->items[i].parts[k].own);
}

void says_warm(const struct says *says)
{
	for (size_t i = 0; i < says->count; i++)
		for (size_t k = 0; k < says->items[i].count; k++)
			if (says->items[i].parts[k].own != NULL)
				(void)lazy_code_get(says->items[i].parts[k].own);
}

/* ------------------------------------------------------------------------------------ matching */

static struct str plain_of(struct rule_scratch *scratch)
{
	if (!scratch->has_plain) {
		buf_init(&scratch->plain, scratch->raw.len * 6 + 1);
		plain_append(scratch->raw, &scratch->plain);
		scratch->has_plain = true;
	}
	return buf_str(&scratch->plain);
}

static void find_spans(struct lazy_code *lazy, struct rule_scratch *scratch, struct rule_spans *out)
{
	const pcre2_code *code = lazy_code_get(lazy);
	struct str text = plain_of(scratch);
	pcre2_match_data *block = scratch_block(scratch);
	const PCRE2_SIZE *pair = pcre2_get_ovector_pointer(block);
	size_t at = 0;
	out->is_known = true;
	out->count = 0;
	while (out->count < RULE_SPANS_MAX && at < text.len &&
	       pcre2_match(code, (PCRE2_SPTR)text.ptr, text.len, at, PCRE2_NO_UTF_CHECK, block,
			   scratch->limits) > 0 &&
	       pair[1] > pair[0]) {
		out->spans[out->count++] = (struct rule_span){(uint16_t)pair[0], (uint16_t)pair[1]};
		at = pair[1];
	}
}

/* own is where the spans of a part that is no word are put. */
static const struct rule_spans *spans_of(const struct says_part *part, struct rule_scratch *scratch,
					 struct rule_spans *own)
{
	if (part->word == NULL) {
		find_spans(part->own, scratch, own);
		return own;
	}
	struct rule_spans *spans = &scratch->spans[part->word - scratch->words->words];
	if (!spans->is_known)
		find_spans(part->word->code, scratch, spans);
	return spans;
}

/* a before b, in one clause, and near */
static bool is_close(const struct rule_span *a, const struct rule_span *b, struct str text)
{
	if (a->to > b->from || b->from - a->to > NEAR_MAX)
		return false;
	return str_find_char(str_slice(text, a->to, b->from), ';') < 0;
}

static bool has_pair(const struct rule_spans *a, const struct rule_spans *b, struct str text)
{
	for (size_t i = 0; i < a->count; i++)
		for (size_t k = 0; k < b->count; k++)
			if (is_close(&a->spans[i], &b->spans[k], text) ||
			    is_close(&b->spans[k], &a->spans[i], text))
				return true;
	return false;
}

static bool has_own(const struct says_part *part, struct rule_scratch *scratch)
{
	struct str text = plain_of(scratch);
	return pcre2_match(lazy_code_get(part->own), (PCRE2_SPTR)(text.ptr ? text.ptr : ""),
			   text.len, 0, PCRE2_NO_UTF_CHECK, scratch_block(scratch),
			   scratch->limits) > 0;
}

static bool has_item(const struct says_item *item, struct rule_scratch *scratch)
{
	struct rule_spans first, second;
	if (item->count == 1 && item->parts[0].word == NULL)
		return has_own(&item->parts[0], scratch);
	const struct rule_spans *a = spans_of(&item->parts[0], scratch, &first);
	if (item->count == 1 || a->count == 0)
		return a->count > 0;
	const struct rule_spans *b = spans_of(&item->parts[1], scratch, &second);
	return has_pair(a, b, plain_of(scratch));
}

bool says_match(const struct says *says, struct rule_scratch *scratch)
{
	for (size_t i = 0; i < says->count; i++)
		if (has_item(&says->items[i], scratch))
			return true;
	return false;
}
