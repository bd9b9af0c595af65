/* SPDX-License-Identifier: MIT */
/* Streaming conversion by iconv; see convert.h. */
#include "lists/convert.h"

#include <errno.h>
#include <string.h>

#include "engine/base/utf8.h"

#define EURO "\xE2\x82\xAC"

int converter_init(struct converter *c, enum encoding encoding, const char *name, struct err *err)
{
	*c = (struct converter){.unit = 1, .is_utf8 = encoding == ENCODING_UTF_8};
	if (c->is_utf8)
		return 0;
	bool is_utf16 = encoding == ENCODING_UTF_16LE || encoding == ENCODING_UTF_16BE;
	c->has_euro = encoding == ENCODING_GB18030;
	c->unit = is_utf16 ? 2 : 1;
	const char *from = encoding == ENCODING_OTHER ? name : encoding_iconv_name(encoding);
	c->iconv = iconv_open("UTF-8", from);
	if (c->iconv == (iconv_t)-1)
		return err_set(
			err, ERR_USAGE,
			"the encoding \"%s\" is not known; try GB18030, UTF-8, UTF-16LE, BIG5 "
			"or a name from `iconv -l`",
			from);
	c->is_open = true;
	return 0;
}

void converter_done(struct converter *c)
{
	if (c->is_open)
		iconv_close(c->iconv);
	c->is_open = false;
}

/* What the byte at the head of a bad sequence becomes. */
static void replace(struct converter *c, char byte, struct buf *out)
{
	if (c->has_euro && (unsigned char)byte == 0x80) {
		buf_append_cstr(out, EURO);
		return;
	}
	buf_append_cstr(out, UTF8_REPLACEMENT);
	c->bad_count++;
}

/* The beginning of a character, as far as its first byte and its length tell. */
static bool may_be_cut(struct str s)
{
	unsigned char lead = (unsigned char)s.ptr[0];
	size_t announced = lead < 0xC2 || lead > 0xF4 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
	for (size_t i = 1; i < s.len && i < announced; i++)
		if (((unsigned char)s.ptr[i] & 0xC0) != 0x80)
			return false;
	return s.len < announced;
}

/* UTF-8 is only checked, and not by iconv, which lets numbers above U+10FFFF pass. */
static void copy_utf8(struct converter *c, struct str *in, struct buf *out)
{
	while (in->len > 0) {
		size_t n = utf8_valid_len(*in);
		buf_append(out, in->ptr, n);
		*in = str_slice(*in, n, in->len);
		if (in->len == 0 || may_be_cut(*in))
			return;
		replace(c, in->ptr[0], out);
		*in = str_slice(*in, 1, in->len);
	}
}

/* Converts what it can of *in; what is left is the beginning of a character. */
static void convert(struct converter *c, struct str *in, struct buf *out)
{
	if (c->is_utf8) {
		copy_utf8(c, in, out);
		return;
	}
	while (in->len > 0) {
		char *from = (char *)(uintptr_t)in->ptr;
		size_t from_left = in->len, room = in->len * 4 + 16;
		char *to = buf_reserve(out, room);
		must(to != NULL);
		size_t to_left = room;
		size_t rc = iconv(c->iconv, &from, &from_left, &to, &to_left);
		int code = rc == (size_t)-1 ? errno : 0;
		buf_add(out, room - to_left);
		*in = str_of(from, from_left);
		if (code == EINVAL)
			return;
		if (code == EILSEQ) {
			replace(c, in->ptr[0], out);
			*in = str_slice(*in, c->unit, in->len);
		}
	}
}

void converter_feed(struct converter *c, struct str bytes, bool is_last, struct buf *out)
{
	/* Finish the kept character byte by byte: at most a few. */
	while (c->kept_len > 0 && bytes.len > 0 && c->kept_len < sizeof(c->kept)) {
		c->kept[c->kept_len++] = bytes.ptr[0];
		bytes = str_slice(bytes, 1, bytes.len);
		struct str kept = str_of(c->kept, c->kept_len);
		convert(c, &kept, out);
		memmove(c->kept, kept.ptr, kept.len);
		c->kept_len = kept.len;
	}
	convert(c, &bytes, out);
	if (bytes.len > 0) {
		must(bytes.len <= sizeof(c->kept));
		memcpy(c->kept, bytes.ptr, bytes.len);
		c->kept_len = bytes.len;
	}
	if (is_last && c->kept_len > 0) {
		replace(c, c->kept[0], out);
		c->kept_len = 0;
	}
}
