/* SPDX-License-Identifier: MIT */
/* English sentences looked up in Chinese; see sentence.h. The pairs stand in sentence_pairs.c. */
#include "scheduler/report/sentence.h"

#include <string.h>

/* What stood in place of the conversions of a format. */
struct holes {
	struct str items[SENTENCE_HOLES_MAX];
	size_t count;
};

/* The length of the conversion that begins here, as of "%.*s" and "%lld". */
static size_t conversion_length(const char *at)
{
	return strcspn(at + 1, "csdiufgxX") + 2;
}

static bool is_conversion(const char *at)
{
	return at[0] == '%' && at[1] != '%';
}

/* How much of the format comes before its next conversion, "%%" being one letter; and what that
 * is of the text, or false. */
static bool take_letters(const char **format, struct str *text)
{
	while (**format != '\0' && !is_conversion(*format)) {
		if (text->len == 0 || text->ptr[0] != **format)
			return false;
		*format += (*format)[0] == '%' ? 2 : 1;
		*text = str_slice(*text, 1, text->len);
	}
	return true;
}

/* Whether the text may have been made by the format; each hole is as short as it can be. */
static bool fits(const char *format, struct str text, struct holes *holes)
{
	if (!take_letters(&format, &text))
		return false;
	if (*format == '\0')
		return text.len == 0;
	must(holes->count < SENTENCE_HOLES_MAX);
	size_t number = holes->count++;
	const char *rest = format + conversion_length(format);
	for (size_t len = 0; len <= text.len; len++) {
		holes->items[number] = (struct str){text.ptr, len};
		if (fits(rest, str_slice(text, len, text.len), holes))
			return true;
		holes->count = number + 1;
	}
	return false;
}

/* The pair that fits a sentence, if one does. */
struct found {
	const struct sentence_pair *pair;
	struct holes holes;
	size_t letters; /* of the sentence that it knows, those of sentences within it included */
};

static struct found find(struct str en);

static size_t count_letters(const char *format)
{
	size_t count = 0;
	while (*format != '\0') {
		bool is_hole = is_conversion(format);
		count += !is_hole;
		format += is_hole ? conversion_length(format) : *format == '%' ? 2 : 1;
	}
	return count;
}

/* The next hole of the Chinese that is looked up, the rest of it in *zh; NULL: there is no more. */
static const struct str *next_sentence(const char **zh, const struct holes *holes)
{
	const char *mark = strstr(*zh, "%~");
	if (mark == NULL)
		return NULL;
	*zh = mark + 3;
	return &holes->items[mark[2] - '1'];
}

static struct found try(const struct sentence_pair *pair, struct str en)
{
	struct found f = {.pair = pair, .letters = count_letters(pair->en)};
	const char *zh = pair->zh;
	const struct str *within;
	if (!fits(pair->en, en, &f.holes))
		return (struct found){.pair = NULL};
	while ((within = next_sentence(&zh, &f.holes)) != NULL)
		f.letters += find(*within).letters;
	return f;
}

static struct found find(struct str en)
{
	size_t count;
	const struct sentence_pair *pairs = sentence_pairs(&count);
	struct found best = {.pair = NULL};
	for (size_t i = 0; i < count; i++) {
		struct found f = try(&pairs[i], en);
		if (f.letters > best.letters)
			best = f;
	}
	return best;
}

/* Appends the Chinese of the pair, its holes filled. */
static void fill(const struct found *f, struct buf *out)
{
	for (const char *zh = f->pair->zh; *zh != '\0'; zh++) {
		if (zh[0] != '%' || zh[1] == '%') {
			buf_append_char(out, *zh);
			zh += zh[0] == '%';
			continue;
		}
		bool is_sentence = zh[1] == '~';
		zh += is_sentence ? 2 : 1;
		must(*zh >= '1' && *zh <= '0' + (int)f->holes.count);
		struct str hole = f->holes.items[*zh - '1'];
		if (!is_sentence || !sentence_zh(hole, out))
			buf_append_str(out, hole);
	}
}

bool sentence_zh(struct str en, struct buf *out)
{
	struct found f = find(en);
	if (f.pair != NULL)
		fill(&f, out);
	return f.pair != NULL;
}
