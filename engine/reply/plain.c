/* SPDX-License-Identifier: MIT */
/* Reply text to plain text; see plain.h. Two passes: characters to ASCII, then words. */
#include "engine/reply/plain.h"

#include <string.h>

#include "engine/base/utf8.h"
#include "engine/reply/normalise.h"

#define WORD_MAX 24u /* longer words are none that is looked up */

/* ------------------------------------------------------------------------------- characters */

/* Letters of the Latin blocks, from first to before the next row's, as ASCII. */
static const struct fold {
	uint16_t first;
	char to[3];
} folds[] = {
	{0xC0, "a"},  {0xC6, "ae"}, {0xC7, "c"},  {0xC8, "e"},	{0xCC, "i"},  {0xD0, "d"},
	{0xD1, "n"},  {0xD2, "o"},  {0xD7, " "},  {0xD8, "o"},	{0xD9, "u"},  {0xDD, "y"},
	{0xDE, "th"}, {0xDF, "ss"}, {0xE0, "a"},  {0xE6, "ae"}, {0xE7, "c"},  {0xE8, "e"},
	{0xEC, "i"},  {0xF0, "d"},  {0xF1, "n"},  {0xF2, "o"},	{0xF7, " "},  {0xF8, "o"},
	{0xF9, "u"},  {0xFD, "y"},  {0xFE, "th"}, {0xFF, "y"},	{0x100, "a"}, {0x106, "c"},
	{0x10E, "d"}, {0x112, "e"}, {0x11C, "g"}, {0x124, "h"}, {0x128, "i"}, {0x132, "ij"},
	{0x134, "j"}, {0x136, "k"}, {0x139, "l"}, {0x143, "n"}, {0x14C, "o"}, {0x152, "oe"},
	{0x154, "r"}, {0x15A, "s"}, {0x162, "t"}, {0x168, "u"}, {0x174, "w"}, {0x176, "y"},
	{0x179, "z"}, {0x17F, "s"}, {0x180, ""},
};

/* Other characters that stand for ASCII ones. */
static const struct stand_in {
	uint16_t first, last;
	char to;
} stand_ins[] = {
	{0x0218, 0x0219, 's'},	{0x021A, 0x021B, 't'},	{0x2010, 0x2015, '-'},
	{0x2018, 0x201F, '\''}, {0x2039, 0x203A, '\''}, {0x2026, 0x2026, ' '},
	{0x3000, 0x3001, ' '},	{0x3002, 0x3002, ';'},	{0x3008, 0x3011, ' '},
	{0x00A0, 0x00A0, ' '},	{0x00AB, 0x00AB, '\''}, {0x00BB, 0x00BB, '\''},
	{0x00B4, 0x00B4, '\''},
};

static void append_folded(uint32_t c, struct str bytes, struct buf *out)
{
	size_t i = 0;
	if (c >= 0xFF01 && c <= 0xFF5E) { /* wide ASCII */
		buf_append_char(out, (char)(c - 0xFEE0));
		return;
	}
	if (c >= folds[0].first && c < folds[ARRAY_LEN(folds) - 1].first) {
		while (c >= folds[i + 1].first)
			i++;
		buf_append_cstr(out, folds[i].to);
		return;
	}
	while (i < ARRAY_LEN(stand_ins) && (c < stand_ins[i].first || c > stand_ins[i].last))
		i++;
	if (i < ARRAY_LEN(stand_ins))
		buf_append_char(out, stand_ins[i].to);
	else if (c < 0x300 || c > 0x36F) /* accents that stand alone are dropped */
		buf_append_str(out, bytes);
}

static void fold(struct str text, struct buf *out)
{
	while (text.len > 0) {
		uint32_t scalar = ' ';
		size_t n = utf8_decode(text, &scalar);
		if (n == 1)
			buf_append_char(out, text.ptr[0]);
		else
			append_folded(scalar, str_slice(text, 0, n), out);
		text = str_slice(text, n ? n : 1, text.len);
	}
}

/* ------------------------------------------------------------------------------------ words */

struct writer {
	struct str in; /* folded */
	size_t at;
	struct buf *out;
	char word[WORD_MAX]; /* letters not written yet */
	size_t word_len;
	char gap;	 /* owed before what is written next: 0, ' ' or ';' */
	bool is_after_e; /* the word before was the single letter e */
};

/* The byte at an offset from the one being looked at; a space beyond the ends. */
static char peek(const struct writer *w, ptrdiff_t offset)
{
	ptrdiff_t i = (ptrdiff_t)w->at + offset;
	return i >= 0 && (size_t)i < w->in.len ? w->in.ptr[i] : ' ';
}

static void owe(struct writer *w, char gap)
{
	if (w->gap != ';')
		w->gap = gap;
}

static void put(struct writer *w, struct str text)
{
	if (w->gap == ';' && w->out->len > 0)
		buf_append_char(w->out, ';');
	if (w->gap != 0 && w->out->len > 0)
		buf_append_char(w->out, ' ');
	w->gap = 0;
	buf_append_str(w->out, text);
}

/* Short forms without their apostrophe. */
static struct str long_form(struct str word)
{
	static const struct {
		const char *is, *means;
	} forms[] = {
		{"cannot", "can not"},	{"cant", "can not"},	  {"dont", "do not"},
		{"doesnt", "does not"}, {"isnt", "is not"},	  {"arent", "are not"},
		{"wasnt", "was not"},	{"couldnt", "could not"}, {"didnt", "did not"},
		{"wont", "will not"},	{"havent", "have not"},	  {"hasnt", "has not"},
	};
	for (size_t i = 0; i < ARRAY_LEN(forms); i++)
		if (str_equals(word, str_from(forms[i].is)))
			return str_from(forms[i].means);
	return word;
}

static void end_word(struct writer *w)
{
	struct str word = str_of(w->word, w->word_len);
	if (word.len == 0)
		return;
	if (w->is_after_e && w->gap == ' ' && str_starts_with(word, STR("mail")))
		w->gap = 0;
	w->is_after_e = str_equals(word, STR("e")) && (w->gap != 0 || w->out->len == 0);
	put(w, long_form(word));
	w->word_len = 0;
}

static bool is_small(char c)
{
	return c >= 'a' && c <= 'z';
}

static void take_letter(struct writer *w, char c)
{
	bool is_hump = c >= 'A' && c <= 'Z' && is_small(peek(w, -1)) && is_small(peek(w, -2)) &&
		       is_small(peek(w, 1));
	if (is_hump) {
		end_word(w);
		owe(w, ' ');
	}
	if (w->word_len == WORD_MAX)
		end_word(w);
	w->word[w->word_len++] = ascii_lower(c);
}

/* An apostrophe: n't is a word of its own, any other is a space. */
static void take_quote(struct writer *w)
{
	bool is_not = w->word_len > 1 && w->word[w->word_len - 1] == 'n' &&
		      ascii_lower(peek(w, 1)) == 't' && !ascii_is_alnum(peek(w, 2));
	if (!is_not) {
		end_word(w);
		owe(w, ' ');
		return;
	}
	struct str word = str_of(w->word, w->word_len);
	if (str_equals(word, STR("won")))
		memcpy(w->word, "will", w->word_len = 4);
	else if (!str_equals(word, STR("can")))
		w->word_len--;
	end_word(w);
	owe(w, ' ');
	put(w, STR("not"));
	w->at++;
}

static bool is_inside_number(const struct writer *w)
{
	return ascii_is_digit(peek(w, -1)) && ascii_is_digit(peek(w, 1));
}

/* A mark that may end a clause, or be a part of something. */
static void take_dot(struct writer *w)
{
	bool is_run = peek(w, -1) == '.' || peek(w, 1) == '.';
	bool is_end = strchr(" )]>'\"", peek(w, 1)) != NULL;
	end_word(w);
	if (is_run || is_end)
		owe(w, is_run ? ' ' : ';');
	else
		put(w, STR("."));
}

static void take(struct writer *w, char c)
{
	if (ascii_is_alpha(c)) {
		take_letter(w, c);
	} else if (c == '\'') {
		take_quote(w);
	} else if (c == '.') {
		take_dot(w);
	} else if ((c == ':' || c == '-') && is_inside_number(w)) {
		put(w, str_of(&c, 1));
	} else if (c == '!' || c == '?' || c == ';') {
		end_word(w);
		owe(w, ';');
	} else if (strchr(" \t:-_,()[]<>\"`*#|=/\\", c) != NULL) {
		end_word(w);
		owe(w, ' ');
	} else {
		end_word(w);
		put(w, str_of(&c, 1));
	}
}

void plain_append(struct str text, struct buf *out)
{
	struct buf masked, folded;
	buf_init(&masked, text.len * 3);
	buf_init(&folded, text.len * 3);
	mask_names(text, &masked);
	fold(buf_str(&masked), &folded);
	struct writer w = {.in = buf_str(&folded), .out = out};
	for (; w.at < w.in.len; w.at++)
		take(&w, w.in.ptr[w.at]);
	end_word(&w);
	buf_done(&masked);
	buf_done(&folded);
}
