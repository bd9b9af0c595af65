/* SPDX-License-Identifier: MIT */
/*
 * SMTP replies, parsed incrementally (RFC 5321 4.2, RFC 3463).
 *
 * A parser takes the bytes of one connection in whatever pieces they come and gives one complete
 * reply at a time. It is tolerant where servers are sloppy (bare LF, a code without text, lines
 * over 512 octets, any octet in the text) and strict where being wrong would lose mail: a line
 * that is no reply line makes the connection's stream INVALID for good, because replies could no
 * longer be matched to commands. Memory is bounded: a line keeps REPLY_LINE_MAX octets, a reply
 * REPLY_TEXT_MAX of text, and a reply of more than REPLY_TOTAL_MAX octets is INVALID.
 *
 * Whether a code fits the command (3yz, 1yz, 850 …) is the dialog's business; any three digits
 * are parsed. Pure; one owner.
 */
#ifndef EDM_ENGINE_REPLY_REPLY_H
#define EDM_ENGINE_REPLY_REPLY_H

#include "engine/base/buf.h"
#include "engine/reply/outcome.h"

#define REPLY_LINE_MAX 4096u
#define REPLY_TEXT_MAX 8192u
#define REPLY_TOTAL_MAX 65536u
#define REPLY_LINES_MAX 128u /* lines that can be looked at one by one */

struct reply {
	uint16_t code;		       /* of the last line, 0..999 */
	struct enhanced_code enhanced; /* the first given that fits the code, else all zero */
	struct str text;	       /* safe UTF-8; lines joined by a space, codes taken off */
	size_t line_count;	       /* ≥ 1; beyond REPLY_LINES_MAX they are in text only */
	bool is_mixed;		       /* lines had different codes (a protocol error) */
	bool is_truncated;	       /* part of the text was dropped */
};

enum reply_progress {
	REPLY_NEED_MORE, /* all bytes were used, the reply is not complete */
	REPLY_COMPLETE,	 /* parser.reply is there until the next feed */
	REPLY_INVALID,	 /* not SMTP; parser.why says what; every later feed says so too */
};

struct reply_parser {
	struct reply reply;
	const char *why;		/* after REPLY_INVALID: a constant phrase */
	struct buf line;		/* octets of the line being read, without its end */
	struct buf text;		/* sanitised text of the lines read */
	size_t total;			/* octets of this reply so far */
	bool is_fresh;			/* the next octet begins a reply */
	bool is_clipped;		/* octets of this line were dropped */
	uint16_t ends[REPLY_LINES_MAX]; /* where each line's text ends in text */
};

void reply_parser_init(struct reply_parser *p);
void reply_parser_done(struct reply_parser *p);
/* Ready for a new connection; keeps the memory. */
void reply_parser_reset(struct reply_parser *p);
/*
 * Reads bytes up to the end of one reply. *used_out is how many octets were taken: all of them
 * unless the reply completed before the end (feed the rest again: it belongs to the next reply).
 */
enum reply_progress reply_parser_feed(struct reply_parser *p, struct str bytes,
				      size_t *used_out) NODISCARD;
/* Are there octets of a reply that is not complete yet? */
bool reply_parser_is_midway(const struct reply_parser *p);
/* Text of line i of the complete reply (i < line_count and < REPLY_LINES_MAX); as long as it. */
struct str reply_line(const struct reply_parser *p, size_t i);
/* First digit of a code: 2 for 250. */
unsigned reply_digit(uint16_t code);
/*
 * Parses the enhanced code that text starts with (RFC 3463 2), followed by a space or the end.
 * Returns the octets it takes, its space included, or 0 if there is none. *out only when found.
 */
size_t enhanced_parse(struct str text, struct enhanced_code *out);

#endif
