/* SPDX-License-Identifier: MIT */
/* Reply text to template and variable parts; see normalise.h. */
#include "engine/reply/normalise.h"

#include <string.h>

#include "engine/base/hash.h"

#define TOKENS(X)                                                                                  \
	X(URL, "{url}")                                                                            \
	X(ADDRESS, "{address}")                                                                    \
	X(IP, "{ip}")                                                                              \
	X(HOST, "{host}")                                                                          \
	X(TIME, "{time}")                                                                          \
	X(ID, "{id}")                                                                              \
	X(NUMBER, "{n}")                                                                           \
	X(NAME, "{name}")                                                                          \
	X(BRACE, "{brace}") /* a literal {, so that templates are unambiguous */

/* A shorter name may be any word of a sentence. */
#define NAME_MIN 4u

enum token {
	TOKEN_NONE,
#define X(suffix, text) TOKEN_##suffix,
	TOKENS(X)
#undef X
};

static const char *const token_text[] = {"",
#define X(suffix, text) text,
					 TOKENS(X)
#undef X
};

/* What a word is made of. */
struct shape {
	size_t digits, letters, others, dots, colons;
	size_t turns; /* changes between letters and digits, other characters left out */
	bool is_hex;  /* nothing but hexadecimal digits, dots and colons */
};

static struct shape shape_of(struct str word)
{
	struct shape shape = {.is_hex = true};
	char before = 0;
	for (size_t i = 0; i < word.len; i++) {
		char c = word.ptr[i];
		char kind = ascii_is_digit(c) ? '0' : ascii_is_alpha(c) ? 'a' : 0;
		shape.digits += kind == '0';
		shape.letters += kind == 'a';
		shape.others += kind == 0 && c != '.' && c != ':';
		shape.dots += c == '.';
		shape.colons += c == ':';
		shape.turns += kind && before && kind != before;
		shape.is_hex &= kind == '0' || c == '.' || c == ':' ||
				(ascii_lower(c) >= 'a' && ascii_lower(c) <= 'f');
		before = kind ? kind : before;
	}
	return shape;
}

/* Letters of any case, digits and hyphens in dotted labels; the last one lower case: a.b-c.com */
static bool is_host(struct str word, const struct shape *shape)
{
	struct str label = {0};
	if (shape->dots == 0 || shape->colons > 0)
		return false;
	while (word.len > 0) {
		label = str_take_until(&word, '.');
		for (size_t i = 0; i < label.len; i++)
			if (!ascii_is_alnum(label.ptr[i]) && label.ptr[i] != '-')
				return false;
		if (label.len == 0)
			return false;
	}
	for (size_t i = 0; i < label.len; i++)
		if (label.ptr[i] < 'a' || label.ptr[i] > 'z')
			return false;
	return label.len >= 2 && label.len <= 12;
}

/* dotted quad, or hexadecimal groups with two colons or more */
static bool is_ip(const struct shape *shape)
{
	if (shape->others > 0 || !shape->is_hex)
		return false;
	if (shape->colons >= 2)
		return shape->digits > 0 && (shape->letters > 0 || shape->colons > 2);
	return shape->dots == 3 && shape->letters == 0 && shape->colons == 0 && shape->digits >= 4;
}

/* 2026-05-04, 12:30:00, 2026-05-04T12:30:00.000Z */
static bool is_time(struct str word, const struct shape *shape)
{
	size_t dashes = 0;
	for (size_t i = 0; i < word.len; i++)
		dashes += word.ptr[i] == '-' || word.ptr[i] == '/';
	bool is_clock = shape->colons > 0 && shape->colons <= 3 && shape->digits >= 4;
	bool is_date = dashes == 2 && shape->digits >= 6 && shape->digits <= 20;
	return shape->letters <= 2 && ascii_is_digit(word.ptr[0]) && (is_clock || is_date);
}

/* Made by a machine: a long run that mixes letters and digits. Short codes (S3140) are not. */
static bool is_id(struct str word, const struct shape *shape)
{
	if (shape->digits == 0 || shape->letters == 0 || shape->others * 3 > word.len)
		return false;
	if (shape->is_hex && shape->dots == 0 && word.len >= 7)
		return true;
	return (word.len >= 9 && shape->turns >= 2) || word.len >= 16;
}

/* A part between separators: no URL, no address. */
static enum token classify_part(struct str part, const struct shape *shape)
{
	bool is_digits = shape->digits == part.len;
	if (is_digits || (shape->digits + 1 == part.len && part.ptr[part.len - 1] == 's'))
		return shape->digits > 0 ? TOKEN_NUMBER : TOKEN_NONE;
	if (is_host(part, shape))
		return TOKEN_HOST;
	return is_id(part, shape) ? TOKEN_ID : TOKEN_NONE;
}

/* A whole word: what may contain separators is recognised here. */
static enum token classify_word(struct str word, const struct shape *shape)
{
	ptrdiff_t at = str_find_char(word, '@');
	if (str_starts_with_nocase(word, STR("http://")) ||
	    str_starts_with_nocase(word, STR("https://")))
		return TOKEN_URL;
	if (at > 0 && (size_t)at + 1 < word.len)
		return TOKEN_ADDRESS;
	if (is_ip(shape))
		return TOKEN_IP;
	return is_time(word, shape) ? TOKEN_TIME : TOKEN_NONE;
}

/* Short, and no word of any language; numbers stay: some are a name's part (RFC 5322). */
static const char *const mask_text[] = {
	[TOKEN_NONE] = NULL,  [TOKEN_URL] = "{u}",  [TOKEN_ADDRESS] = "{@}", [TOKEN_IP] = "{i}",
	[TOKEN_HOST] = "{h}", [TOKEN_TIME] = "{t}", [TOKEN_ID] = "{x}",	     [TOKEN_NUMBER] = NULL,
	[TOKEN_NAME] = "{w}", [TOKEN_BRACE] = " ",
};

struct output {
	const char *const *tokens; /* NULL in it: the text stays */
	struct buf *template;
	struct buf *parts; /* NULL: nobody wants them */
	bool ends_at_dots; /* "denied...5f1a" is two words */
	struct str name;   /* of the recipient; empty: not looked for */
};

static void put(struct output *out, enum token token, struct str text)
{
	if (token == TOKEN_NONE || out->tokens[token] == NULL) {
		buf_append_str(out->template, text);
		return;
	}
	buf_append_cstr(out->template, out->tokens[token]);
	if (out->parts == NULL)
		return;
	buf_append_str(out->parts, text);
	buf_append_char(out->parts, '\n');
}

static bool is_name(const struct output *out, struct str word)
{
	return out->name.len > 0 && str_equals(word, out->name);
}

static bool is_word_end(char c)
{
	return ascii_is_space(c) || strchr("()[]<>{}\"',;", c) != NULL;
}

static bool is_separator(char c)
{
	return c == '=' || c == ':' || c == '/' || c == '|' || c == '&' || c == '?';
}

/* Sentence marks at a word's ends belong to the sentence. */
static struct str core_of(struct str word)
{
	while (word.len > 0 && strchr(".:!?#*-", word.ptr[word.len - 1]) != NULL)
		word.len--;
	while (word.len > 0 && strchr("#*.-", word.ptr[0]) != NULL)
		word = str_slice(word, 1, word.len);
	return word;
}

static void put_parts(struct output *out, struct str word)
{
	while (word.len > 0) {
		size_t n = 0;
		while (n < word.len && !is_separator(word.ptr[n]))
			n++;
		struct str part = str_slice(word, 0, n);
		struct shape shape = shape_of(part);
		enum token token = is_name(out, part) ? TOKEN_NAME
				   : is_ip(&shape)    ? TOKEN_IP
						      : classify_part(part, &shape);
		put(out, n ? token : TOKEN_NONE, part);
		put(out, TOKEN_NONE, str_slice(word, n, n + 1));
		word = str_slice(word, n + 1, word.len);
	}
}

static void put_word(struct output *out, struct str word, bool is_in_angles)
{
	struct str core = core_of(word);
	size_t lead = (size_t)(core.ptr - word.ptr);
	if (core.len == 0) {
		put(out, TOKEN_NONE, word);
		return;
	}
	struct shape shape = shape_of(core);
	enum token token = classify_word(core, &shape);
	if (is_name(out, core) || (token == TOKEN_NONE && is_in_angles))
		token = TOKEN_NAME;
	put(out, TOKEN_NONE, str_slice(word, 0, lead));
	if (token != TOKEN_NONE)
		put(out, token, core);
	else
		put_parts(out, core);
	put(out, TOKEN_NONE, str_slice(word, lead + core.len, word.len));
}

static size_t word_length(const struct output *out, struct str text)
{
	size_t n = 0;
	while (n < text.len && !is_word_end(text.ptr[n]) &&
	       !(out->ends_at_dots && n + 1 < text.len && text.ptr[n] == '.' &&
		 text.ptr[n + 1] == '.'))
		n++;
	return n;
}

static void put_text(struct output *out, struct str text)
{
	char before = ' ';
	while (text.len > 0) {
		size_t n = word_length(out, text);
		char after = n < text.len ? text.ptr[n] : ' ';
		if (n > 0)
			put_word(out, str_slice(text, 0, n), before == '<' && after == '>');
		struct str mark = str_slice(text, n, n + 1);
		put(out, after == '{' ? TOKEN_BRACE : TOKEN_NONE, mark);
		before = after;
		text = str_slice(text, n + 1, text.len);
	}
}

void normalise(struct str text, struct str name, struct buf *template_out, struct buf *parts_out)
{
	struct output out = {token_text, template_out, parts_out, false,
			     name.len >= NAME_MIN ? name : STR("")};
	put_text(&out, text);
}

void mask_names(struct str text, struct buf *out)
{
	struct output masked = {mask_text, out, NULL, true, STR("")};
	put_text(&masked, text);
}

uint64_t template_hash(struct str template)
{
	static const struct hash_key key = {{'e', 'd', 'm', ' ', 't', 'e', 'm', 'p'}};
	return hash_keyed(&key, template);
}

/* The token text starts with, as its length; 0 if none. */
static size_t token_length(struct str text)
{
	for (size_t i = 1; i < ARRAY_LEN(token_text); i++)
		if (str_starts_with(text, str_from(token_text[i])))
			return strlen(token_text[i]);
	return 0;
}

void template_restore(struct str template, struct str parts, struct buf *text_out)
{
	while (template.len > 0) {
		size_t n = parts.len > 0 ? token_length(template) : 0;
		if (n > 0)
			buf_append_str(text_out, str_take_until(&parts, '\n'));
		else
			buf_append_str(text_out, str_slice(template, 0, 1));
		template = str_slice(template, n ? n : 1, template.len);
	}
}

void mask_addresses(struct str text, struct buf *out)
{
	while (text.len > 0) {
		size_t n = 0;
		while (n < text.len && !is_word_end(text.ptr[n]))
			n++;
		struct str word = str_slice(text, 0, n);
		bool is_address = word.len >= 3 && str_find_char(word, '@') > 0;
		buf_append_str(out, is_address ? STR("{@}") : word);
		buf_append_str(out, str_slice(text, n, n + 1));
		text = str_slice(text, n + 1, text.len);
	}
}
