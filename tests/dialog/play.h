/* SPDX-License-Identifier: MIT */
/* One play of a transcript: its state, and what run.c and directives.c need of each other. */
#ifndef EDM_TESTS_DIALOG_PLAY_H
#define EDM_TESTS_DIALOG_PLAY_H

#include "engine/base/buf.h"
#include "engine/smtp/dialog.h"

#define DEFAULT_BODY "Subject: test\r\n\r\nHello.\r\n"
#define ENVELOPES_MAX 16u

enum grain { GRAIN_OCTETS, GRAIN_LINES, GRAIN_WHOLE, GRAINS };

struct sent {
	struct envelope envelope;
	struct str body;
	char rcpt[256];
	char from[256];
	char *memory; /* of the body, or NULL */
};

struct heard {
	const struct sent *sent;
	struct outcome outcome;
	char text[2048];
};

struct play {
	const char *file;
	size_t line_number;
	enum grain grain;
	bool has_pipelining;
	bool is_skipped; /* not for this mode */
	struct dialog_config config;
	char strings[4][256]; /* ehlo, user, password */
	struct dialog *d;
	int64_t now;
	struct buf input;  /* the peer's octets not yet fed (GRAIN_WHOLE) */
	struct buf output; /* what the client said and no directive read */
	size_t may_leave;  /* octets until a stall ends */
	struct sent sents[ENVELOPES_MAX];
	size_t sent_count;
	struct heard heards[ENVELOPES_MAX];
	size_t heard_count;
	size_t expected_count;
	bool is_ready, is_room, is_commit, is_over;
	struct heard why;
};

/* Reports where the transcript and the dialog differ, and exits. */
__attribute__((noreturn)) void fail(const struct play *p, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* NUL-terminated; s must fit. */
void copy(char *to, size_t size, struct str s);
/* Lets the dialog hear what the peer said so far, as the owner of a dialog does. */
void flush_input(struct play *p);
/* News and output, until there are none. */
void settle_down(struct play *p);
/* One line of a transcript. */
void run_directive(struct play *p, struct str line);
/* The client said nothing that was not read. */
void check_quiet(struct play *p);

#endif
