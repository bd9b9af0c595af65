/* SPDX-License-Identifier: MIT */
/*
 * The text after DATA: finds its end, keeps its head, and notes what a sender must not do.
 *
 * The end is <CRLF>.<CRLF> and nothing else (RFC 5321 4.1.1.4), however the bytes are cut. What is
 * kept is dot-stuffed, as it came; body_unstuff undoes that. Pure; one thread.
 */
#ifndef EDM_TESTS_SINK_BODY_H
#define EDM_TESTS_SINK_BODY_H

#include <stdbool.h>

#include "engine/base/buf.h"

struct body {
	struct buf kept;     /* the first octets, or all of them */
	uint64_t size;	     /* octets so far; without the terminator once ended */
	uint64_t bare_lf;    /* line ends without CR */
	uint64_t long_lines; /* lines over 998 octets (RFC 5321 4.5.3.1.6) */
	size_t line_len;     /* octets of the unfinished line */
	char line_first;     /* its first octet */
	char last;	     /* the octet before the next one */
	bool after_crlf;     /* the unfinished line began after CRLF */
};

void body_init(struct body *b);
void body_done(struct body *b);
/* Starts a message; keeps all of it when keep_all, else its first 16 KiB. */
void body_begin(struct body *b, bool keep_all);
/* Takes octets up to the end of the message; returns how many were taken. *ended_out says whether
 * the terminator was among them. */
size_t body_feed(struct body *b, struct str bytes, bool *ended_out);
/* The value of the first header field called name, unfolded lines not joined; empty if none. */
struct str body_header(const struct body *b, struct str name);
/* Appends the kept text without dot-stuffing. */
void body_unstuff(const struct body *b, struct buf *out);

#endif
