/* SPDX-License-Identifier: MIT */
/*
 * Plays transcripts against a dialog: dialog_run FILE…
 *
 * Each file is played three times (the peer's octets one by one, line by line, and in one piece up
 * to the next directive that is not S), and, unless it says otherwise, both with PIPELINING and,
 * leaving out the line "S: 250-PIPELINING", without. One directive a line; '#' begins a comment.
 *
 *	pipelining yes|no|both	  in which modes the transcript holds (before anything else)
 *	set KEY VALUE		  tls MODE; user U; password P; ehlo NAME; clear yes; overlap yes
 *	S: TEXT			  the peer says a line
 *	S! TEXT			  the peer says octets with \r \n \t \0 \xHH \\, no line end added
 *	flood N TEXT		  the peer says TEXT N times, no line ends added
 *	C: TEXT			  the next line the client said
 *	C body			  the lines of the default message
 *	C! TEXT			  the next octets, written as for S!
 *	skip			  whatever the client said is not looked at
 *	quiet			  the client said nothing (more)
 *	greet [EXTENSION]	  short for a banner and EHLO that offer it, up to ready
 *	offer RCPT		  short for a message up to its 354 and commit?
 *	deliver RCPT		  short for a whole message
 *	send RCPT [from=A] [size=N] [body=ESCAPED] [big=N] [8bit] [utf8]
 *	ready | room | commit?	  this news came since the last directive asked for news
 *	commit | lapse | quit | abort | tls
 *	lost tcp|tls|local	  the connection is gone
 *	timeout			  the clock goes on to the deadline, and not before
 *	wait MS			  the clock goes on
 *	stall N | unstall	  only N more octets leave until unstall
 *	expect RCPT WORDS STAGE CODE [ENHANCED|-] [TEXT it contains]
 *	unknown RCPT WORDS	  verdict unknown / reply-lost at the dot
 *	over WORDS STAGE CODE [TEXT it contains]
 *	going			  the conversation is not over
 *	fact NAME VALUE		  greeted, secure, tls_failed, overlapped, idle, delivered, mails …
 *
 * At the end every envelope sent must have been expected, and nothing said that was not read.
 */
#include "tests/dialog/play.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fail(const struct play *p, const char *fmt, ...)
{
	static const char *const grains[] = {"octets", "lines", "whole"};
	va_list ap;
	va_start(ap, fmt);
	fprintf(stderr, "%s:%zu (%s, %s pipelining): ", p->file, p->line_number, grains[p->grain],
		p->has_pipelining ? "with" : "without");
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "\n");
	va_end(ap);
	exit(1);
}

void copy(char *to, size_t size, struct str s)
{
	must(s.len < size);
	if (s.len > 0)
		memcpy(to, s.ptr, s.len);
	to[s.len] = '\0';
}

/* --- the owner's part --- */

static void keep(struct heard *h, const struct settled *settled)
{
	h->sent = settled->tag;
	h->outcome = settled->outcome;
	copy(h->text, sizeof(h->text), settled->outcome.text);
	h->outcome.text = str_from(h->text);
}

static void take_news(struct play *p)
{
	struct settled settled;
	enum dialog_news news;
	while ((news = dialog_news(p->d, &settled)) != DIALOG_QUIET) {
		p->is_ready |= news == DIALOG_READY;
		p->is_room |= news == DIALOG_ROOM;
		p->is_commit |= news == DIALOG_WANTS_COMMIT;
		if (news == DIALOG_OUTCOME) {
			must(p->heard_count < ENVELOPES_MAX);
			keep(&p->heards[p->heard_count++], &settled);
		} else if (news == DIALOG_OVER) {
			if (p->is_over)
				fail(p, "over twice");
			p->is_over = true;
			keep(&p->why, &settled);
		}
	}
}

static void take_output(struct play *p)
{
	struct str slices[3];
	size_t n;
	while (p->may_leave > 0 && (n = dialog_output(p->d, slices, 3)) > 0) {
		size_t total = 0;
		for (size_t i = 0; i < n && total < p->may_leave; i++) {
			struct str s = str_slice(slices[i], 0, p->may_leave - total);
			buf_append_str(&p->output, s);
			total += s.len;
		}
		must(total > 0);
		dialog_sent(p->d, total, p->now);
		if (p->may_leave != SIZE_MAX)
			p->may_leave -= total;
	}
}

/* What an owner does after every call. */
void settle_down(struct play *p)
{
	take_news(p);
	take_output(p);
	take_news(p);
}

static void feed(struct play *p, struct str bytes)
{
	while (bytes.len > 0) {
		ptrdiff_t lf = str_find_char(bytes, '\n');
		size_t n = p->grain == GRAIN_OCTETS		? 1
			   : p->grain == GRAIN_LINES && lf >= 0 ? (size_t)lf + 1
								: bytes.len;
		dialog_feed(p->d, str_slice(bytes, 0, n), p->now);
		settle_down(p);
		bytes = str_slice(bytes, n, bytes.len);
	}
}

void flush_input(struct play *p)
{
	if (p->d == NULL) {
		p->d = dialog_new(&p->config, p->now);
		settle_down(p);
	}
	feed(p, buf_str(&p->input));
	buf_clear(&p->input);
}

static void check_end(struct play *p)
{
	flush_input(p);
	check_quiet(p);
	if (p->expected_count != p->heard_count)
		fail(p, "outcome nobody expected for %s", p->heards[p->expected_count].sent->rcpt);
	if (p->heard_count != p->sent_count)
		fail(p, "%zu envelopes, %zu outcomes", p->sent_count, p->heard_count);
}

static void play_text(struct play *p, struct str text)
{
	p->config.ehlo_name = STR("mx1.our.test");
	p->config.may_pipeline = true;
	p->config.timeouts = smtp_timeouts_default;
	p->now = 1000;
	p->may_leave = SIZE_MAX;
	buf_init(&p->input, 4u << 20);
	buf_init(&p->output, 4u << 20);
	while (text.len > 0 && !p->is_skipped) {
		struct str line = str_take_until(&text, '\n');
		p->line_number++;
		if (line.len > 0 && line.ptr[0] != '#')
			run_directive(p, line);
	}
	if (!p->is_skipped)
		check_end(p);
	dialog_free(p->d);
	buf_done(&p->input);
	buf_done(&p->output);
	for (size_t i = 0; i < p->sent_count; i++)
		free(p->sents[i].memory);
}

static struct buf read_file(const char *path)
{
	struct buf b;
	char chunk[4096];
	size_t n;
	FILE *f = fopen(path, "re");
	must(f != NULL);
	buf_init(&b, 1u << 20);
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_append(&b, chunk, n);
	fclose(f);
	return b;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct buf text = read_file(argv[i]);
		for (unsigned mode = 0; mode < 2u * GRAINS; mode++) {
			struct play *p = xcalloc(1, sizeof(*p));
			p->file = argv[i];
			p->grain = (enum grain)(mode / 2);
			p->has_pipelining = mode % 2 == 0;
			play_text(p, buf_str(&text));
			free(p);
		}
		buf_done(&text);
	}
	return 0;
}
