/* SPDX-License-Identifier: MIT */
/* Transfer encodings and parameters of MIME; see mime.h for what their output never holds. */
#include "engine/mail/mime.h"

#include <openssl/evp.h>
#include <string.h>

#include "engine/base/utf8.h"

#define BASE64_LINE_BYTES 57u /* = 76 characters */
#define PARAMETER_PIECE 54u   /* characters of one RFC 2231 section */
#define PARAMETER_MAX 1024u   /* bytes of a parameter looked at; the rest is cut */

static const char hex[] = "0123456789ABCDEF";

const char *mime_encoding_name(enum mime_encoding encoding)
{
	switch (encoding) {
#define X(suffix, name)                                                                            \
	case MIME_##suffix:                                                                        \
		return name;
		MIME_ENCODINGS(X)
#undef X
	}
	return "";
}

/* Takes one line end of any kind off the start of *text. */
static bool take_line_end(struct str *text)
{
	if (text->len == 0 || (text->ptr[0] != '\n' && text->ptr[0] != '\r'))
		return false;
	*text = str_slice(*text, str_starts_with(*text, STR("\r\n")) ? 2 : 1, text->len);
	return true;
}

/* The bytes before the first CR or LF. */
static struct str take_line(struct str *text)
{
	size_t n = 0;
	while (n < text->len && text->ptr[n] != '\n' && text->ptr[n] != '\r')
		n++;
	struct str line = str_slice(*text, 0, n);
	*text = str_slice(*text, n, text->len);
	return line;
}

static bool is_7bit_line(struct str line)
{
	if (line.len > MIME_LINE_MAX || str_starts_with(line, STR(".")) ||
	    str_starts_with(line, STR("From ")) || str_find(line, STR("=_")) >= 0)
		return false;
	for (size_t i = 0; i < line.len; i++)
		if ((unsigned char)line.ptr[i] >= 0x7F ||
		    (line.ptr[i] < ' ' && line.ptr[i] != '\t'))
			return false;
	return line.len == 0 || !ascii_is_space(line.ptr[line.len - 1]);
}

bool mime_is_7bit(struct str text)
{
	while (text.len > 0) {
		if (!is_7bit_line(take_line(&text)))
			return false;
		take_line_end(&text);
	}
	return true;
}

void mime_7bit(struct str text, struct buf *out)
{
	while (text.len > 0) {
		buf_append_str(out, take_line(&text));
		take_line_end(&text);
		buf_append_cstr(out, "\r\n");
	}
}

/* Stands for itself anywhere in a line of quoted-printable; space and tab: unless at its end. */
static bool is_literal(char c)
{
	return (c >= ' ' && c < 0x7F && c != '=') || c == '\t';
}

/* A literal that must be encoded where it stands: a dot or "From " at the start of an output line,
 * white space at the end of a text line. */
static bool is_encoded_here(struct str line, bool is_ended, size_t at, size_t column)
{
	char c = line.ptr[at];
	if ((c == ' ' || c == '\t') && at + 1 == line.len)
		return is_ended;
	return column == 0 &&
	       (c == '.' || str_starts_with(str_slice(line, at, line.len), STR("From ")));
}

static void put_line(struct str line, bool is_ended, struct buf *out)
{
	size_t column = 0;
	for (size_t i = 0; i < line.len; i++) {
		char c = line.ptr[i];
		bool is_bare = is_literal(c) && !is_encoded_here(line, is_ended, i, column);
		if (column + (is_bare ? 1 : 3) > MIME_LINE_MAX - 1) {
			buf_append_cstr(out, "=\r\n");
			column = 0;
			is_bare = is_literal(c) && !is_encoded_here(line, is_ended, i, column);
		}
		if (is_bare) {
			buf_append_char(out, c);
			column++;
			continue;
		}
		char triplet[3] = {'=', hex[(unsigned char)c >> 4], hex[c & 15]};
		buf_append(out, triplet, sizeof(triplet));
		column += 3;
	}
}

void mime_quoted_printable(struct str text, struct buf *out)
{
	while (text.len > 0) {
		struct str line = take_line(&text);
		bool is_ended = take_line_end(&text);
		put_line(line, is_ended, out);
		buf_append_cstr(out, is_ended ? "\r\n" : "=\r\n");
	}
}

void mime_quoted_printable_end(struct buf *out)
{
	if (str_ends_with(buf_str(out), STR("=\r\n")))
		buf_append_cstr(out, "\r\n");
}

size_t mime_quoted_printable_size(struct str text)
{
	size_t size = 0;
	for (size_t i = 0; i < text.len; i++)
		size += is_literal(text.ptr[i]) || ascii_is_space(text.ptr[i]) ? 1 : 3;
	return size;
}

size_t mime_base64_chars(struct str bytes, char *to)
{
	return (size_t)EVP_EncodeBlock((unsigned char *)to, (const unsigned char *)bytes.ptr,
				       (int)bytes.len);
}

void mime_base64(struct str bytes, struct buf *out)
{
	size_t lines = (bytes.len + BASE64_LINE_BYTES - 1) / BASE64_LINE_BYTES;
	char *to = buf_reserve(out, (bytes.len + 2) / 3 * 4 + 2 * lines);
	if (to == NULL)
		return;
	char *start = to;
	while (bytes.len > 0) {
		struct str line = str_slice(bytes, 0, BASE64_LINE_BYTES);
		to += EVP_EncodeBlock((unsigned char *)to, (const unsigned char *)line.ptr,
				      (int)line.len);
		*to++ = '\r';
		*to++ = '\n';
		bytes = str_slice(bytes, line.len, bytes.len);
	}
	buf_add(out, (size_t)(to - start));
}

/* attribute-char of RFC 2231 7: what a parameter value need not percent-encode. */
static bool is_attribute_char(char c)
{
	return ascii_is_alnum(c) || (c != '\0' && strchr("!#$&+-.^_`{|}~", c) != NULL);
}

static bool is_printable_ascii(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < ' ' || text.ptr[i] >= 0x7F)
			return false;
	return true;
}

/* parameter="text": quotes escaped, one '_' for each character that is not printable ASCII. */
static void put_plain_parameter(struct buf *out, const char *parameter, struct str text)
{
	buf_appendf(out, ";\r\n %s=\"", parameter);
	while (text.len > 0) {
		uint32_t scalar;
		size_t n = utf8_decode(text, &scalar);
		char c = text.ptr[0];
		if (c == '"' || c == '\\')
			buf_append_char(out, '\\');
		buf_append_char(out, c >= ' ' && c < 0x7F ? c : '_');
		text = str_slice(text, n ? n : 1, text.len);
	}
	buf_append_char(out, '"');
}

/* Percent-encodes text with what is not UTF-8 as U+FFFD and control characters as '_'. */
static void put_percent(struct str text, struct buf *out)
{
	while (text.len > 0) {
		uint32_t scalar;
		size_t n = utf8_decode(text, &scalar);
		struct str bytes = n ? str_slice(text, 0, n) : STR(UTF8_REPLACEMENT);
		bool is_control = (unsigned char)text.ptr[0] < ' ' || text.ptr[0] == 0x7F;
		bytes = is_control ? STR("_") : bytes;
		for (size_t i = 0; i < bytes.len; i++) {
			unsigned char c = (unsigned char)bytes.ptr[i];
			if (is_attribute_char((char)c))
				buf_append_char(out, (char)c);
			else
				buf_appendf(out, "%%%02X", c);
		}
		text = str_slice(text, n ? n : 1, text.len);
	}
}

/* parameter*=UTF-8''…, or parameter*0*=UTF-8''…; parameter*1*=… (RFC 2231 3, 4) */
static void put_extended_parameter(struct buf *out, const char *parameter, struct str text)
{
	struct buf encoded;
	buf_init(&encoded, 9 * (size_t)PARAMETER_MAX);
	put_percent(text, &encoded);
	struct str rest = buf_str(&encoded);
	bool is_single = rest.len <= PARAMETER_PIECE;
	for (size_t i = 0; rest.len > 0; i++) {
		size_t n = rest.len < PARAMETER_PIECE ? rest.len : PARAMETER_PIECE;
		if (n < rest.len && rest.ptr[n - 1] == '%')
			n -= 1;
		else if (n < rest.len && rest.ptr[n - 2] == '%')
			n -= 2;
		buf_appendf(out, ";\r\n %s*", parameter);
		if (!is_single)
			buf_appendf(out, "%zu*", i);
		buf_append_cstr(out, i == 0 ? "=UTF-8''" : "=");
		buf_append(out, rest.ptr, n);
		rest = str_slice(rest, n, rest.len);
	}
	buf_done(&encoded);
}

void mime_field_with_parameter(struct buf *out, const char *name, struct str value,
			       const char *parameter, struct str text)
{
	text = utf8_clip(text, PARAMETER_MAX);
	buf_appendf(out, "%s: %.*s", name, STR_ARG(value));
	bool is_plain = is_printable_ascii(text) && text.len <= PARAMETER_PIECE;
	if (is_plain)
		put_plain_parameter(out, parameter, text);
	else
		put_extended_parameter(out, parameter, text);
	if (!is_plain)
		put_plain_parameter(out, parameter, utf8_clip(text, 2 * PARAMETER_PIECE));
	buf_append_cstr(out, "\r\n");
}

/* token = 1*<any ASCII but SPACE, CTLs and tspecials> */
bool mime_type_is_valid(struct str type)
{
	struct str subtype = type;
	struct str first = str_take_until(&subtype, '/');
	for (size_t i = 0; i < type.len; i++)
		if (!ascii_is_alnum(type.ptr[i]) &&
		    (type.ptr[i] == '\0' || strchr("!#$&-^_.+/", type.ptr[i]) == NULL))
			return false;
	return first.len > 0 && subtype.len > 0 && str_find_char(subtype, '/') < 0 &&
	       type.len <= 100;
}
