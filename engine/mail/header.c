/* SPDX-License-Identifier: MIT */
/*
 * Writes header fields. Every value is cleaned first, so no path below can see a line end; folding
 * only ever puts CRLF before a space that is there, or between two encoded-words.
 */
#include "engine/mail/header.h"

#include <openssl/evp.h>
#include <string.h>
#include <time.h>

#include "engine/base/utf8.h"

#define WORD_MAX 75u	      /* an encoded-word (RFC 2047 2) */
#define WORD_FRAME 12u	      /* "=?UTF-8?B?" and "?=" */
#define WORD_ROOM 24u	      /* with less room on the line, a new line starts: 4 bytes as Q */
#define TOKEN_MAX 60u	      /* longer runs of ASCII are encoded, so that they can fold */
#define VALUE_MAX (64u << 10) /* bytes of one value looked at; the rest is cut */
#define ADDRESS_MAX 320u      /* 64 + 1 + 255 */
#define MESSAGE_ID_MAX 200u

static size_t column(const struct buf *out)
{
	size_t n = 0;
	while (n < out->len && out->data[out->len - 1 - n] != '\n')
		n++;
	return n;
}

static bool is_printable(char c)
{
	return c > ' ' && c < 0x7F;
}

static bool is_control(char c)
{
	return (unsigned char)c < ' ' || c == 0x7F;
}

/* Appends c, a control as a space; none at the start of out. */
static void append_clean(struct buf *out, char c)
{
	c = is_control(c) ? ' ' : c;
	if (c != ' ' || out->len > 0)
		buf_append_char(out, c);
}

static void trim_end(struct buf *out)
{
	while (out->len > 0 && out->data[out->len - 1] == ' ')
		out->len--;
}

/* value with controls as spaces, trimmed, malformed bytes as U+FFFD. */
static void clean(struct str value, struct buf *out)
{
	value = utf8_clip(value, VALUE_MAX);
	buf_init(out, 3 * (size_t)VALUE_MAX);
	while (value.len > 0) {
		uint32_t scalar;
		size_t n = utf8_decode(value, &scalar);
		if (n == 0)
			buf_append_cstr(out, UTF8_REPLACEMENT);
		else if (n == 1)
			append_clean(out, value.ptr[0]);
		else
			buf_append(out, value.ptr, n);
		value = str_slice(value, n ? n : 1, value.len);
	}
	trim_end(out);
}

/* Appends text, folding before the spaces in it. Lines hold HEADER_LINE_MAX if the tokens do. */
static void append_folded(struct buf *out, struct str text)
{
	size_t at = column(out);
	while (text.len > 0) {
		size_t n = 0;
		while (n < text.len && text.ptr[n] == ' ')
			n++;
		while (n < text.len && text.ptr[n] != ' ')
			n++;
		bool folds = text.ptr[0] == ' ' && at + n > HEADER_LINE_MAX;
		if (folds)
			buf_append_cstr(out, "\r\n");
		buf_append(out, text.ptr, n);
		at = folds ? n : at + n;
		text = str_slice(text, n, text.len);
	}
}

/* ASCII without anything that has to be encoded to survive: see header_text. */
static bool is_plain(struct str value)
{
	size_t token = 0;
	for (size_t i = 0; i < value.len; i++) {
		if ((unsigned char)value.ptr[i] >= 0x80)
			return false;
		bool is_start = value.ptr[i] == ' ' && i > 0 && value.ptr[i - 1] != ' ';
		token = is_start ? 1 : token + 1;
		if (token > TOKEN_MAX)
			return false;
	}
	return str_find(value, STR("=?")) < 0;
}

/* What stands for itself in Q, the narrow set that is right in a phrase too (RFC 2047 5 (3)). */
static bool is_q_literal(char c)
{
	return ascii_is_alnum(c) || c == '!' || c == '*' || c == '+' || c == '-' || c == '/';
}

static size_t q_size(struct str text)
{
	size_t size = 0;
	for (size_t i = 0; i < text.len; i++)
		size += is_q_literal(text.ptr[i]) || text.ptr[i] == ' ' ? 1 : 3;
	return size;
}

static void append_q(struct buf *out, struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (is_q_literal(c) || c == ' ')
			buf_append_char(out, c == ' ' ? '_' : c);
		else
			buf_appendf(out, "=%02X", (unsigned char)c);
	}
}

static void append_b(struct buf *out, struct str text)
{
	size_t size = (text.len + 2) / 3 * 4;
	char *to = buf_reserve(out, size);
	if (to == NULL)
		return;
	EVP_EncodeBlock((unsigned char *)to, (const unsigned char *)text.ptr, (int)text.len);
	buf_add(out, size);
}

/* The longest start of text, whole characters, whose encoding fits in room; at least one. */
static struct str fitting(struct str text, bool is_q, size_t room)
{
	size_t taken = 0;
	size_t size = 0;
	while (taken < text.len) {
		uint32_t scalar;
		size_t n = utf8_decode(str_slice(text, taken, text.len), &scalar);
		n = n ? n : 1;
		size_t next = is_q ? size + q_size(str_slice(text, taken, taken + n))
				   : (taken + n + 2) / 3 * 4;
		if (next > room && taken > 0)
			break;
		size = next;
		taken += n;
	}
	return str_slice(text, 0, taken);
}

/* encoded-word = "=?" charset "?" encoding "?" encoded-text "?="  (RFC 2047 2) */
static void append_encoded(struct buf *out, struct str text)
{
	bool is_q = q_size(text) <= (text.len + 2) / 3 * 4;
	while (text.len > 0) {
		size_t at = column(out);
		if (at + WORD_FRAME + WORD_ROOM > HEADER_LINE_MAX) {
			buf_append_cstr(out, "\r\n ");
			at = 1;
		}
		size_t room = HEADER_LINE_MAX - at;
		room = (room < WORD_MAX ? room : WORD_MAX) - WORD_FRAME;
		struct str part = fitting(text, is_q, room);
		buf_append_cstr(out, is_q ? "=?UTF-8?Q?" : "=?UTF-8?B?");
		if (is_q)
			append_q(out, part);
		else
			append_b(out, part);
		buf_append_cstr(out, "?=");
		text = str_slice(text, part.len, text.len);
		if (text.len > 0)
			buf_append_cstr(out, "\r\n ");
	}
}

static void begin(struct buf *out, const char *name)
{
	buf_append_cstr(out, name);
	buf_append_char(out, ':');
}

void header_text(struct buf *out, const char *name, struct str value)
{
	struct buf text;
	clean(value, &text);
	begin(out, name);
	buf_append_char(out, ' ');
	if (is_plain(buf_str(&text)))
		append_folded(out, buf_str(&text));
	else
		append_encoded(out, buf_str(&text));
	buf_append_cstr(out, "\r\n");
	buf_done(&text);
}

void header_structured(struct buf *out, const char *name, struct str value)
{
	struct buf text;
	buf_init(&text, VALUE_MAX + 1);
	value = str_slice(value, 0, VALUE_MAX);
	size_t word = 0;
	for (size_t i = 0; i < value.len; i++) {
		char c = value.ptr[i];
		word = is_control(c) || c == ' ' ? 0 : word + 1;
		if (word < HEADER_LINE_HARD - HEADER_LINE_MAX - 2)
			append_clean(&text, (unsigned char)c < 0x80 ? c : '?');
	}
	trim_end(&text);
	begin(out, name);
	buf_append_char(out, ' ');
	append_folded(out, buf_str(&text));
	buf_append_cstr(out, "\r\n");
	buf_done(&text);
}

static bool is_atext(char c)
{
	return ascii_is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static bool is_bare_phrase(struct str name)
{
	for (size_t i = 0; i < name.len; i++) {
		bool is_inner_space = name.ptr[i] == ' ' && name.ptr[i - 1] != ' ';
		if (!is_atext(name.ptr[i]) && !is_inner_space)
			return false;
	}
	return true;
}

/* phrase = 1*word / encoded-words; word = atom / quoted-string  (RFC 5322 3.2.5) */
static void append_phrase(struct buf *out, struct str name)
{
	if (!is_plain(name)) {
		append_encoded(out, name);
	} else if (is_bare_phrase(name)) {
		append_folded(out, name);
	} else {
		struct buf quoted;
		buf_init(&quoted, 2 * name.len + 2);
		buf_append_char(&quoted, '"');
		for (size_t i = 0; i < name.len; i++) {
			if (name.ptr[i] == '"' || name.ptr[i] == '\\')
				buf_append_char(&quoted, '\\');
			buf_append_char(&quoted, name.ptr[i]);
		}
		buf_append_char(&quoted, '"');
		append_folded(out, buf_str(&quoted));
		buf_done(&quoted);
	}
}

/* [ phrase ] "<" what ">"; what alone if is_bare and there is no phrase. */
static void append_phrase_and_angle(struct buf *out, const char *field, struct str name,
				    struct str what, bool is_bare)
{
	struct buf phrase;
	clean(name, &phrase);
	begin(out, field);
	if (phrase.len > 0) {
		buf_append_char(out, ' ');
		append_phrase(out, buf_str(&phrase));
		is_bare = false;
	}
	if (column(out) + what.len + 3 > HEADER_LINE_MAX)
		buf_append_cstr(out, "\r\n");
	buf_append_cstr(out, is_bare ? " " : " <");
	buf_append_str(out, what);
	buf_append_cstr(out, is_bare ? "\r\n" : ">\r\n");
	buf_done(&phrase);
}

void header_mailbox(struct buf *out, const char *name, const struct mailbox *mailbox)
{
	must(header_address_is_safe(mailbox->address));
	append_phrase_and_angle(out, name, mailbox->name, mailbox->address, true);
}

void header_list_id(struct buf *out, struct str name, struct str id)
{
	must(header_list_id_is_valid(id));
	append_phrase_and_angle(out, "List-Id", name, id, false);
}

/* The last width decimal digits of n ≥ 0: what "%0*d" does, at a twentieth of its price. */
static void append_digits(struct buf *out, int n, int width)
{
	char digits[8];
	for (int i = width; i > 0; i--, n /= 10)
		digits[i - 1] = (char)('0' + n % 10);
	buf_append(out, digits, (size_t)width);
}

void header_date(struct buf *out, int64_t unix_s, int zone_minutes)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	must(zone_minutes > -1440 && zone_minutes < 1440);
	time_t local = (time_t)(unix_s + (int64_t)zone_minutes * 60);
	struct tm tm;
	must(gmtime_r(&local, &tm) != NULL);
	int zone = zone_minutes < 0 ? -zone_minutes : zone_minutes;
	buf_append_cstr(out, "Date: ");
	buf_append(out, days + 3 * (size_t)tm.tm_wday, 3);
	buf_append(out, ", ", 2);
	append_digits(out, tm.tm_mday, 2);
	buf_append_char(out, ' ');
	buf_append(out, months + 3 * (size_t)tm.tm_mon, 3);
	buf_append_char(out, ' ');
	append_digits(out, tm.tm_year + 1900, 4);
	buf_append_char(out, ' ');
	append_digits(out, tm.tm_hour, 2);
	buf_append_char(out, ':');
	append_digits(out, tm.tm_min, 2);
	buf_append_char(out, ':');
	append_digits(out, tm.tm_sec, 2);
	buf_append(out, zone_minutes < 0 ? " -" : " +", 2);
	append_digits(out, zone / 60, 2);
	append_digits(out, zone % 60, 2);
	buf_append(out, "\r\n", 2);
}

/* field-name = 1*ftext; ftext = %d33-57 / %d59-126 */
bool header_name_is_valid(struct str name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!is_printable(name.ptr[i]) || name.ptr[i] == ':')
			return false;
	return name.len > 0 && name.len <= HEADER_LINE_MAX;
}

/* quoted-string = DQUOTE *( qtext / SP / quoted-pair ) DQUOTE, in printable ASCII, as a whole */
static bool is_quoted_string(struct str s)
{
	if (s.len < 2 || s.ptr[0] != '"' || s.ptr[s.len - 1] != '"')
		return false;
	for (size_t i = 1; i + 1 < s.len; i++) {
		if (s.ptr[i] == '\\')
			i++;
		else if (s.ptr[i] == '"')
			return false;
		if (i + 1 >= s.len || (!is_printable(s.ptr[i]) && s.ptr[i] != ' '))
			return false;
	}
	return true;
}

static bool is_plain_part(struct str s, const char *also)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_atext(s.ptr[i]) && (s.ptr[i] == '\0' || strchr(also, s.ptr[i]) == NULL))
			return false;
	return s.len > 0;
}

bool header_address_is_safe(struct str address)
{
	const char *at = address.len ? memrchr(address.ptr, '@', address.len) : NULL;
	if (at == NULL || address.len > ADDRESS_MAX)
		return false;
	struct str local = str_of(address.ptr, (size_t)(at - address.ptr));
	struct str domain = str_slice(address, local.len + 1, address.len);
	return (is_plain_part(local, ".") || is_quoted_string(local)) &&
	       is_plain_part(domain, ".[]:");
}

bool header_message_id_is_valid(struct str id)
{
	ptrdiff_t at = str_find_char(id, '@');
	return at > 0 && id.len <= MESSAGE_ID_MAX &&
	       is_plain_part(str_slice(id, 0, (size_t)at), ".") &&
	       is_plain_part(str_slice(id, (size_t)at + 1, id.len), ".");
}

bool header_list_id_is_valid(struct str id)
{
	return id.len <= MESSAGE_ID_MAX && is_plain_part(id, ".");
}
