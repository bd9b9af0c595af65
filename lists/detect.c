/* SPDX-License-Identifier: MIT */
/* Encoding and delimiter of a file; see detect.h. */
#include "lists/detect.h"

#include <string.h>

#include "engine/base/utf8.h"

#define DELIMITER_LINES 20 /* lines that have a vote */

void detector_init(struct detector *d)
{
	*d = (struct detector){.line = 1};
}

/* One byte of: single 00–80; two bytes 81–FE, 40–7E or 80–FE; four bytes 81–FE 30–39 81–FE 30–39
 * (GB 18030). Returns the place after it, or -1. */
static int gb18030_step(unsigned place, unsigned char byte)
{
	bool leads = byte >= 0x81 && byte <= 0xFE;
	bool is_digit = byte >= 0x30 && byte <= 0x39;
	switch (place) {
	case 0:
		return byte <= 0x80 ? 0 : leads ? 1 : -1;
	case 1:
		if (is_digit)
			return 2;
		return byte >= 0x40 && byte <= 0xFE && byte != 0x7F ? 0 : -1;
	case 2:
		return leads ? 3 : -1;
	default:
		return is_digit ? 0 : -1;
	}
}

static void feed_gb18030(struct detector *d, unsigned char byte)
{
	if (d->gb18030_bad_line != 0)
		return;
	int place = gb18030_step(d->gb_place, byte);
	if (place < 0)
		d->gb18030_bad_line = d->line;
	d->gb_place = (unsigned char)(place < 0 ? 0 : place);
}

/* Keeps at most one unfinished character; a fault shows once it cannot be finished. */
static void feed_utf8(struct detector *d, unsigned char byte)
{
	uint32_t scalar;
	if (d->utf8_bad_line != 0)
		return;
	d->kept[d->kept_len++] = byte;
	if (utf8_decode(str_of((const char *)d->kept, d->kept_len), &scalar) > 0)
		d->kept_len = 0;
	else if (d->kept_len == 4 || (d->kept_len > 1 && (byte & 0xC0) != 0x80))
		d->utf8_bad_line = d->line;
}

void detector_feed(struct detector *d, struct str bytes)
{
	for (size_t i = 0; i < bytes.len; i++) {
		unsigned char byte = (unsigned char)bytes.ptr[i];
		if (d->size < sizeof(d->head))
			d->head[d->size] = byte;
		if (byte == 0)
			d->nul_count[d->size & 1]++;
		d->high_count += byte >= 0x80;
		if (byte >= 0x80 || d->kept_len > 0 || d->gb_place > 0) {
			feed_utf8(d, byte);
			feed_gb18030(d, byte);
		}
		d->line += byte == '\n';
		d->size++;
	}
}

unsigned bom_length(enum encoding encoding, struct str head)
{
	switch (encoding) {
	case ENCODING_UTF_8:
		return str_starts_with(head, STR("\xEF\xBB\xBF")) ? 3 : 0;
	case ENCODING_UTF_16LE:
		return str_starts_with(head, STR("\xFF\xFE")) ? 2 : 0;
	case ENCODING_UTF_16BE:
		return str_starts_with(head, STR("\xFE\xFF")) ? 2 : 0;
	case ENCODING_GB18030:
		return str_starts_with(head, STR("\x84\x31\x95\x33")) ? 4 : 0;
	case ENCODING_UNKNOWN:
	case ENCODING_OTHER:
		break;
	}
	return 0;
}

/* NULs in at least a tenth of the units, nearly all of them in the same half: the high bytes of
 * the ASCII characters that every list is full of. */
static enum encoding utf16_by_nuls(const struct detector *d)
{
	for (unsigned half = 0; half < 2; half++) {
		uint64_t here = d->nul_count[half], there = d->nul_count[1 - half];
		if (d->size % 2 == 0 && here > 0 && here * 20 >= d->size && there * 20 <= here)
			return half == 1 ? ENCODING_UTF_16LE : ENCODING_UTF_16BE;
	}
	return ENCODING_UNKNOWN;
}

static enum encoding encoding_by_mark(struct str head)
{
	static const enum encoding marked[] = {ENCODING_UTF_8, ENCODING_UTF_16LE,
					       ENCODING_UTF_16BE};
	for (size_t i = 0; i < ARRAY_LEN(marked); i++)
		if (bom_length(marked[i], head) > 0)
			return marked[i];
	return ENCODING_UNKNOWN;
}

struct detected detector_finish(struct detector *d)
{
	if (d->kept_len > 0 && d->utf8_bad_line == 0)
		d->utf8_bad_line = d->line;
	if (d->gb_place > 0 && d->gb18030_bad_line == 0)
		d->gb18030_bad_line = d->line;
	struct detected found = {.utf8_bad_line = d->utf8_bad_line,
				 .gb18030_bad_line = d->gb18030_bad_line};
	struct str head = str_of((const char *)d->head,
				 d->size < sizeof(d->head) ? (size_t)d->size : sizeof(d->head));
	found.encoding = encoding_by_mark(head);
	found.bom_len = bom_length(found.encoding, head);
	if (found.encoding == ENCODING_UNKNOWN)
		found.encoding = utf16_by_nuls(d);
	if (found.encoding == ENCODING_UNKNOWN && d->utf8_bad_line == 0)
		found.encoding = ENCODING_UTF_8;
	if (found.encoding == ENCODING_UNKNOWN && d->gb18030_bad_line == 0)
		found.encoding = ENCODING_GB18030;
	if (found.encoding == ENCODING_UTF_8 && d->utf8_bad_line != 0)
		found.encoding = ENCODING_UNKNOWN; /* the mark lied */
	found.is_ascii = found.encoding == ENCODING_UTF_8 && d->high_count == found.bom_len;
	return found;
}

enum encoding encoding_parse(struct str name)
{
	static const struct {
		struct str name;
		enum encoding encoding;
	} names[] = {
		{STR_INIT("utf-8"), ENCODING_UTF_8},
		{STR_INIT("utf8"), ENCODING_UTF_8},
		{STR_INIT("ascii"), ENCODING_UTF_8},
		{STR_INIT("utf-16"), ENCODING_UTF_16LE},
		{STR_INIT("utf16"), ENCODING_UTF_16LE},
		{STR_INIT("unicode"), ENCODING_UTF_16LE},
		{STR_INIT("utf-16le"), ENCODING_UTF_16LE},
		{STR_INIT("utf-16be"), ENCODING_UTF_16BE},
		{STR_INIT("gb18030"), ENCODING_GB18030},
		{STR_INIT("gbk"), ENCODING_GB18030},
		{STR_INIT("gb2312"), ENCODING_GB18030},
		{STR_INIT("cp936"), ENCODING_GB18030},
		{STR_INIT("ansi"), ENCODING_GB18030},
	};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_equals_nocase(name, names[i].name))
			return names[i].encoding;
	return ENCODING_OTHER;
}

const char *encoding_name(enum encoding encoding)
{
	static const char *const names[] = {
#define X(suffix, name, iconv_name) name,
		ENCODINGS(X)
#undef X
	};
	must((size_t)encoding < ARRAY_LEN(names));
	return names[encoding];
}

const char *encoding_iconv_name(enum encoding encoding)
{
	static const char *const names[] = {
#define X(suffix, name, iconv_name) iconv_name,
		ENCODINGS(X)
#undef X
	};
	must((size_t)encoding < ARRAY_LEN(names));
	return names[encoding];
}

/* How often c stands outside quotes on the line that *rest begins with; takes the line off. A
 * quoted field may hold line ends, so the line is a record. */
static size_t count_on_line(struct str *rest, char c)
{
	size_t count = 0, i = 0;
	bool is_quoted = false;
	for (; i < rest->len && (is_quoted || (rest->ptr[i] != '\n' && rest->ptr[i] != '\r'));
	     i++) {
		if (rest->ptr[i] == '"')
			is_quoted = !is_quoted;
		else if (!is_quoted && rest->ptr[i] == c)
			count++;
	}
	while (i < rest->len && (rest->ptr[i] == '\n' || rest->ptr[i] == '\r'))
		i++;
	*rest = str_slice(*rest, i, rest->len);
	return count;
}

/* Votes for c: lines that have as many of it as the first one, and how many that is. */
static size_t delimiter_score(struct str text, char c)
{
	size_t first = count_on_line(&text, c), agree = first > 0;
	for (size_t lines = 1; first > 0 && lines < DELIMITER_LINES && text.len > 0; lines++)
		agree += count_on_line(&text, c) == first;
	return agree * 1000 + (first < 999 ? first : 999);
}

char detect_delimiter(struct str text)
{
	static const char candidates[] = {',', ';', '\t'};
	size_t best = 0, best_score = 0;
	for (size_t i = 0; i < ARRAY_LEN(candidates); i++) {
		size_t score = delimiter_score(text, candidates[i]);
		if (score > best_score) {
			best = i;
			best_score = score;
		}
	}
	return candidates[best];
}
