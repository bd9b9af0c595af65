/* SPDX-License-Identifier: MIT */
/* SMTP reply parser (RFC 5321 4.2, 4.5.3.1.5; RFC 2034 4; RFC 3463 2); see reply.h. */
#include "engine/reply/reply.h"

#include <string.h>

#include "engine/reply/sanitise.h"

#define CODE_LEN 3u

enum line_kind { LINE_BAD, LINE_MORE, LINE_LAST };

static void begin_reply(struct reply_parser *p)
{
	p->reply = (struct reply){0};
	buf_clear(&p->line);
	buf_clear(&p->text);
	p->total = 0;
	p->is_clipped = false;
	p->is_fresh = true;
}

void reply_parser_init(struct reply_parser *p)
{
	*p = (struct reply_parser){0};
	buf_init(&p->line, REPLY_LINE_MAX);
	buf_init(&p->text, REPLY_TEXT_MAX);
	begin_reply(p);
}

void reply_parser_done(struct reply_parser *p)
{
	if (p == NULL)
		return;
	buf_done(&p->line);
	buf_done(&p->text);
}

void reply_parser_reset(struct reply_parser *p)
{
	p->why = NULL;
	begin_reply(p);
}

bool reply_parser_is_midway(const struct reply_parser *p)
{
	return !p->is_fresh;
}

static enum reply_progress invalid(struct reply_parser *p, const char *why)
{
	p->why = why;
	return REPLY_INVALID;
}

/* Adds octets to the line, dropping what passes REPLY_LINE_MAX. */
static void take_octets(struct reply_parser *p, struct str octets)
{
	size_t room = REPLY_LINE_MAX - p->line.len;
	if (octets.len > room)
		p->is_clipped = true;
	buf_append_str(&p->line, str_slice(octets, 0, room));
}

/* A clipped line may end inside a multi-byte character, which would make all of it look bad. */
static struct str without_torn_character(struct str line)
{
	size_t cut = line.len;
	while (cut > 0 && line.len - cut < 3 && ((uint8_t)line.ptr[cut - 1] & 0xC0) == 0x80)
		cut--;
	if (cut > 0 && (uint8_t)line.ptr[cut - 1] >= 0xC0)
		cut--;
	return str_slice(line, 0, cut);
}

/* Reply-code = %x32-35 %x30-35 %x30-39, here any three digits; followed by "-", SP or the end. */
static enum line_kind parse_code(struct str line, uint16_t *code_out)
{
	unsigned code = 0;
	if (line.len < CODE_LEN)
		return LINE_BAD;
	for (size_t i = 0; i < CODE_LEN; i++) {
		if (!ascii_is_digit(line.ptr[i]))
			return LINE_BAD;
		code = code * 10 + (unsigned)(line.ptr[i] - '0');
	}
	char after = line.len > CODE_LEN ? line.ptr[CODE_LEN] : ' ';
	if (after != ' ' && after != '-' && after != '\t')
		return LINE_BAD;
	*code_out = (uint16_t)code;
	return after == '-' ? LINE_MORE : LINE_LAST;
}

/* Takes 1*3DIGIT off the front of text; -1 if there is none. */
static int take_number(struct str *text, uint16_t *out)
{
	unsigned value = 0;
	size_t n = 0;
	while (n < text->len && n < 3 && ascii_is_digit(text->ptr[n]))
		value = value * 10 + (unsigned)(text->ptr[n++] - '0');
	if (n == 0)
		return -1;
	*text = str_slice(*text, n, text->len);
	*out = (uint16_t)value;
	return 0;
}

static bool take_dot(struct str *text)
{
	if (text->len == 0 || text->ptr[0] != '.')
		return false;
	*text = str_slice(*text, 1, text->len);
	return true;
}

/* status-code = class "." subject "." detail;  class = "2"/"4"/"5";  subject, detail = 1*3digit */
size_t enhanced_parse(struct str text, struct enhanced_code *out)
{
	struct str rest = text;
	uint16_t klass, subject, detail;
	if (text.len < 5 || text.ptr[1] != '.' || take_number(&rest, &klass) != 0)
		return 0;
	if (klass != 2 && klass != 4 && klass != 5)
		return 0;
	if (!take_dot(&rest) || take_number(&rest, &subject) != 0 || !take_dot(&rest) ||
	    take_number(&rest, &detail) != 0)
		return 0;
	if (rest.len > 0 && rest.ptr[0] != ' ')
		return 0;
	*out = (struct enhanced_code){(uint8_t)klass, subject, detail};
	return text.len - rest.len + (rest.len > 0 ? 1 : 0);
}

/*
 * The text of a line without its codes. An enhanced code counts only directly after the code and
 * with the same first digit (RFC 2034 4); anything else is text.
 */
static struct str take_enhanced(struct reply_parser *p, struct str text, uint16_t code)
{
	struct enhanced_code found;
	size_t taken = enhanced_parse(text, &found);
	if (taken == 0 || found.klass != reply_digit(code))
		return text;
	if (p->reply.enhanced.klass == 0)
		p->reply.enhanced = found;
	return str_slice(text, taken, text.len);
}

/* textstring, made safe and joined to what the lines before said. */
static void keep_text(struct reply_parser *p, struct str text)
{
	text = str_trim(text);
	if (p->text.len > 0 && text.len > 0)
		buf_append_char(&p->text, ' ');
	sanitise_append(&p->text, text);
	if (p->reply.line_count < REPLY_LINES_MAX)
		p->ends[p->reply.line_count] = (uint16_t)p->text.len;
	p->reply.line_count++;
	p->reply.is_truncated |= p->is_clipped || p->text.is_truncated;
}

/*
 * Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF
 * The line's end is LF or CRLF; any other CR is text.
 */
static enum reply_progress end_line(struct reply_parser *p)
{
	struct str line = buf_str(&p->line);
	uint16_t code = 0;
	if (line.len > 0 && line.ptr[line.len - 1] == '\r')
		line.len--;
	if (p->is_clipped)
		line = without_torn_character(line);
	enum line_kind kind = parse_code(line, &code);
	if (kind == LINE_BAD)
		return invalid(p, "a line that does not begin with a reply code");
	p->reply.is_mixed |= p->reply.line_count > 0 && code != p->reply.code;
	p->reply.code = code;
	keep_text(p, take_enhanced(p, str_slice(line, CODE_LEN + 1, line.len), code));
	buf_clear(&p->line);
	p->is_clipped = false;
	if (kind == LINE_MORE)
		return REPLY_NEED_MORE;
	p->reply.text = buf_str(&p->text);
	/* A code that only an earlier line of a mixed reply had is not this reply's. */
	if (p->reply.enhanced.klass != reply_digit(code))
		p->reply.enhanced = (struct enhanced_code){0};
	p->is_fresh = true;
	return REPLY_COMPLETE;
}

enum reply_progress reply_parser_feed(struct reply_parser *p, struct str bytes, size_t *used_out)
{
	enum reply_progress progress = p->why ? REPLY_INVALID : REPLY_NEED_MORE;
	size_t used = 0;
	while (progress == REPLY_NEED_MORE && used < bytes.len) {
		if (p->is_fresh)
			begin_reply(p);
		struct str rest = str_slice(bytes, used, bytes.len);
		ptrdiff_t lf = str_find_char(rest, '\n');
		size_t n = lf < 0 ? rest.len : (size_t)lf;
		p->is_fresh = false;
		p->total += n + (lf >= 0);
		used += n + (lf >= 0);
		take_octets(p, str_slice(rest, 0, n));
		if (p->total > REPLY_TOTAL_MAX)
			progress = invalid(p, "a reply of more than 64 KiB");
		else if (lf >= 0)
			progress = end_line(p);
	}
	*used_out = progress == REPLY_INVALID ? bytes.len : used;
	return progress;
}

struct str reply_line(const struct reply_parser *p, size_t i)
{
	must(i < p->reply.line_count && i < REPLY_LINES_MAX);
	return str_trim(str_slice(p->reply.text, i ? p->ends[i - 1] : 0, p->ends[i]));
}

unsigned reply_digit(uint16_t code)
{
	return code / 100u;
}
