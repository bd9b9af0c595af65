/* SPDX-License-Identifier: MIT */
/*
 * Cuts a template source into text, outputs and tags, and resolves what is lexical: dashes that eat
 * white space, raw and comment. Braces inside a quoted string do not end a tag.
 */
#include "engine/mail/template_private.h"

#include <stdarg.h>
#include <stdio.h>

#define END_TAG_MAX 64u /* bytes of {% endraw %} with its spaces */

static struct str rest_of(const struct lexer *lexer)
{
	return str_slice(lexer->source, lexer->at, lexer->source.len);
}

static struct str trim_left(struct str s)
{
	while (s.len > 0 && ascii_is_space(s.ptr[0]))
		s = str_slice(s, 1, s.len);
	return s;
}

static struct str trim_right(struct str s)
{
	while (s.len > 0 && ascii_is_space(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

int lexer_error(const struct lexer *lexer, const char *at, struct err *err, const char *fmt, ...)
{
	size_t line = 1;
	size_t column = 1;
	for (const char *p = lexer->source.ptr; p < at; p++) {
		if (*p == '\n') {
			line++;
			column = 1;
		} else if (((unsigned char)*p & 0xC0) != 0x80) {
			column++;
		}
	}
	char sentence[400];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(sentence, sizeof(sentence), fmt, ap);
	va_end(ap);
	return err_set(err, ERR_INPUT, "line %zu, column %zu: %s", line, column, sentence);
}

/* Offset of the first "{{" or "{%" in s, or its length. */
static size_t find_open(struct str s)
{
	size_t from = 0;
	for (;;) {
		ptrdiff_t at = str_find_char(str_slice(s, from, s.len), '{');
		if (at < 0)
			return s.len;
		from += (size_t)at;
		if (from + 1 < s.len && (s.ptr[from + 1] == '{' || s.ptr[from + 1] == '%'))
			return from;
		from++;
	}
}

/* Offset of close in s outside of quotes, or -1. */
static ptrdiff_t find_close(struct str s, struct str close)
{
	char quote = '\0';
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		if (quote != '\0')
			quote = c == quote ? '\0' : quote;
		else if (c == '"' || c == '\'')
			quote = c;
		else if (str_starts_with(str_slice(s, i, s.len), close))
			return (ptrdiff_t)i;
	}
	return -1;
}

/* Takes the text up to the next opening; false when there is none before it. */
static bool take_text(struct lexer *lexer, struct token *token)
{
	struct str rest = rest_of(lexer);
	struct str text = str_slice(rest, 0, find_open(rest));
	if (text.len == 0) {
		lexer->eats_space = false;
		return false;
	}
	lexer->at += text.len;
	struct str after = rest_of(lexer);
	if (after.len > 2 && after.ptr[2] == '-')
		text = trim_right(text);
	if (lexer->eats_space)
		text = trim_left(text);
	lexer->eats_space = false;
	*token = (struct token){TOKEN_TEXT, text};
	return text.len > 0;
}

/* Takes one {{ … }} or {% … %}, at which the lexer stands. */
static int take_braces(struct lexer *lexer, struct token *token, struct err *err)
{
	struct str rest = rest_of(lexer);
	bool is_tag = rest.ptr[1] == '%';
	struct str inside = str_slice(rest, 2, rest.len);
	ptrdiff_t end = find_close(inside, is_tag ? STR("%}") : STR("}}"));
	if (end < 0)
		return lexer_error(lexer, rest.ptr, err, "this %s is not closed by %s",
				   is_tag ? "{%" : "{{", is_tag ? "%}" : "}}");
	struct str body = str_slice(inside, 0, (size_t)end);
	lexer->at += 2 + (size_t)end + 2;
	if (body.len > 0 && body.ptr[0] == '-')
		body = str_slice(body, 1, body.len);
	if (body.len > 0 && body.ptr[body.len - 1] == '-') {
		body.len--;
		lexer->eats_space = true;
	}
	*token = (struct token){is_tag ? TOKEN_TAG : TOKEN_OUTPUT, str_trim(body)};
	return 0;
}

/* Reads the tag "{%[-] name [-]%}" at the start of s; false when there is none. */
static bool read_end_tag(struct str s, struct str name, struct str *body_out)
{
	ptrdiff_t close = str_find(str_slice(s, 0, END_TAG_MAX), STR("%}"));
	if (close < 0)
		return false;
	struct str body = str_slice(s, 2, (size_t)close);
	*body_out = body;
	if (body.len > 0 && body.ptr[0] == '-')
		body = str_slice(body, 1, body.len);
	if (body.len > 0 && body.ptr[body.len - 1] == '-')
		body.len--;
	return str_equals(str_trim(body), name);
}

/* Moves the lexer behind the tag called end; the text before it goes to *text_out. */
static int skip_to(struct lexer *lexer, struct str end, struct str *text_out, struct err *err)
{
	const char *start = lexer->source.ptr + lexer->at;
	struct str body;
	struct str rest;
	do {
		rest = rest_of(lexer);
		ptrdiff_t open = str_find(rest, STR("{%"));
		if (open < 0)
			return lexer_error(lexer, start, err, "{%% %.*s %%} is missing",
					   STR_ARG(end));
		rest = str_slice(rest, (size_t)open, rest.len);
		lexer->at += (size_t)open + 2;
	} while (!read_end_tag(rest, end, &body));
	struct str text = str_of(start, (size_t)(rest.ptr - start));
	if (lexer->eats_space)
		text = trim_left(text);
	*text_out = body.ptr[0] == '-' ? trim_right(text) : text;
	lexer->eats_space = body.ptr[body.len - 1] == '-';
	lexer->at += body.len + 2;
	return 0;
}

int lexer_next(struct lexer *lexer, struct token *token, struct err *err)
{
	for (;;) {
		if (take_text(lexer, token))
			return 0;
		if (lexer->at == lexer->source.len) {
			*token = (struct token){TOKEN_END, rest_of(lexer)};
			return 0;
		}
		if (take_braces(lexer, token, err) != 0)
			return -1;
		bool is_raw = token->kind == TOKEN_TAG && str_equals(token->body, STR("raw"));
		bool is_comment =
			token->kind == TOKEN_TAG && str_equals(token->body, STR("comment"));
		if (!is_raw && !is_comment)
			return 0;
		struct str text = {0};
		if (skip_to(lexer, is_raw ? STR("endraw") : STR("endcomment"), &text, err) != 0)
			return -1;
		*token = (struct token){TOKEN_TEXT, text};
		if (is_raw && text.len > 0)
			return 0;
	}
}
