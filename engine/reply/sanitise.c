/* SPDX-License-Identifier: MIT */
/* Peer text to safe UTF-8; see sanitise.h. */
#include "engine/reply/sanitise.h"

#include <iconv.h>
#include <stdlib.h>

#include "engine/base/utf8.h"

static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7F && c <= 0x9F);
}

/* Characters that break a line or reorder what stands around them (Unicode bidi class). */
static bool is_misleading(uint32_t c)
{
	return (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0x200E ||
	       c == 0x200F || c == 0xFEFF;
}

/* Two neighbouring bytes of the GB2312 plane, which Latin-1 prose hardly ever has. */
static bool looks_like_gb(struct str raw)
{
	for (size_t i = 0; i + 1 < raw.len; i++)
		if ((uint8_t)raw.ptr[i] >= 0xA1 && (uint8_t)raw.ptr[i] < 0xF8 &&
		    (uint8_t)raw.ptr[i + 1] >= 0xA1)
			return true;
	return false;
}

static void append_utf8(struct buf *out, struct str text)
{
	while (text.len > 0) {
		uint32_t scalar = 0;
		size_t n = utf8_decode(text, &scalar);
		if (n == 1 && (scalar == '\t' || scalar == '\r'))
			buf_append_char(out, ' ');
		else if (n == 0 || is_control(scalar) || is_misleading(scalar))
			buf_append_cstr(out, UTF8_REPLACEMENT);
		else
			buf_append(out, text.ptr, n);
		text = str_slice(text, n ? n : 1, text.len);
	}
}

/* Converts the whole of raw or nothing: -1 when it is not GB18030. */
static int gb18030_to_utf8(struct str raw, struct buf *utf8)
{
	iconv_t cd = iconv_open("UTF-8", "GB18030");
	if (cd == (iconv_t)-1)
		return -1;
	size_t room = raw.len * 3; /* at most three bytes for two, four for four */
	char *to = buf_reserve(utf8, room);
	char *from = (char *)(uintptr_t)raw.ptr; /* iconv's prototype lacks the const */
	size_t left = raw.len, free_bytes = room;
	size_t rc = iconv(cd, &from, &left, &to, &free_bytes);
	iconv_close(cd);
	if (rc == (size_t)-1)
		return -1;
	buf_add(utf8, room - free_bytes);
	return 0;
}

/* Printable ASCII, as nearly every reply is. */
static bool is_plain(struct str raw)
{
	for (size_t i = 0; i < raw.len; i++)
		if ((uint8_t)raw.ptr[i] < 0x20 || (uint8_t)raw.ptr[i] >= 0x7F)
			return false;
	return true;
}

void sanitise_append(struct buf *out, struct str raw)
{
	if (is_plain(raw) && raw.len <= out->max - out->len) {
		buf_append_str(out, raw);
		return;
	}
	if (utf8_is_valid(raw) || !looks_like_gb(raw)) {
		append_utf8(out, raw);
		return;
	}
	struct buf utf8;
	buf_init(&utf8, raw.len * 3);
	append_utf8(out, gb18030_to_utf8(raw, &utf8) == 0 ? buf_str(&utf8) : raw);
	buf_done(&utf8);
}
