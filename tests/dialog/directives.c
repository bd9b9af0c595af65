/* SPDX-License-Identifier: MIT */
/* What each directive of a transcript does; run.c lists them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/dialog/play.h"

static size_t unescape_one(const char *in, size_t len, char *out)
{
	static const char names[] = "rnt0\\";
	static const char octets[] = "\r\n\t\0\\";
	unsigned value;
	const char *hit = len > 1 ? memchr(names, in[1], 5) : NULL;
	if (in[0] != '\\' || len < 2) {
		*out = in[0];
		return 1;
	}
	if (hit != NULL) {
		*out = octets[hit - names];
		return 2;
	}
	must(in[1] == 'x' && len >= 4 && sscanf(in + 2, "%2x", &value) == 1);
	*out = (char)value;
	return 4;
}

static void unescape(struct buf *out, struct str text)
{
	for (size_t i = 0; i < text.len;) {
		char c;
		i += unescape_one(text.ptr + i, text.len - i, &c);
		buf_append_char(out, c);
	}
}

static void on_say(struct play *p, struct str text)
{
	if (!p->has_pipelining && str_equals(text, STR("250-PIPELINING")))
		return;
	buf_append_str(&p->input, text);
	buf_append(&p->input, "\r\n", 2);
}

static void on_say_raw(struct play *p, struct str text)
{
	unescape(&p->input, text);
}

static void on_flood(struct play *p, struct str text)
{
	uint64_t n;
	must(str_to_u64(str_take_until(&text, ' '), &n) == 0);
	for (uint64_t i = 0; i < n; i++)
		unescape(&p->input, text);
}

static void read_line(struct play *p, struct str want)
{
	struct str got = buf_str(&p->output);
	ptrdiff_t lf = str_find_char(got, '\n');
	if (lf < 1 || got.ptr[lf - 1] != '\r')
		fail(p, "wanted \"%.*s\", client said \"%.*s\"", STR_ARG(want), STR_ARG(got));
	got.len = (size_t)lf - 1;
	if (!str_equals(got, want))
		fail(p, "wanted \"%.*s\", client said \"%.*s\"", STR_ARG(want), STR_ARG(got));
	buf_consume(&p->output, (size_t)lf + 1);
}

static void on_client(struct play *p, struct str text)
{
	read_line(p, text);
}

static void on_client_raw(struct play *p, struct str text)
{
	struct buf want;
	buf_init(&want, 4096);
	unescape(&want, text);
	if (!str_starts_with(buf_str(&p->output), buf_str(&want)))
		fail(p, "client said \"%.*s\"", STR_ARG(buf_str(&p->output)));
	buf_consume(&p->output, want.len);
	buf_done(&want);
}

static void on_skip(struct play *p, struct str text)
{
	(void)text;
	buf_clear(&p->output);
}

static void on_client_body(struct play *p, struct str text)
{
	(void)text;
	read_line(p, STR("Subject: test"));
	read_line(p, STR(""));
	read_line(p, STR("Hello."));
}

void check_quiet(struct play *p)
{
	if (p->output.len > 0)
		fail(p, "client said \"%.*s\"", STR_ARG(buf_str(&p->output)));
}

static void on_quiet(struct play *p, struct str text)
{
	(void)text;
	check_quiet(p);
}

/* A body of n octets in lines of 50. */
static struct str big_body(struct sent *s, uint64_t n)
{
	struct buf b;
	buf_init(&b, n);
	while (b.len + 50 <= n)
		buf_append_cstr(&b, "0123456789abcdef0123456789abcdef0123456789abcdef\r\n");
	s->memory = b.data;
	return buf_str(&b);
}

static void send_option(struct play *p, struct sent *s, struct str option)
{
	struct str value = option;
	struct str name = str_take_until(&value, '=');
	uint64_t n = 0;
	if (str_equals(name, STR("from"))) {
		copy(s->from, sizeof(s->from), value);
	} else if (str_equals(name, STR("size"))) {
		must(str_to_u64(value, &s->envelope.size) == 0);
	} else if (str_equals(name, STR("body"))) {
		struct buf b;
		buf_init(&b, 65536);
		unescape(&b, value);
		s->body = buf_str(&b);
		s->memory = b.data;
	} else if (str_equals(name, STR("big"))) {
		must(str_to_u64(value, &n) == 0);
		s->body = big_body(s, n);
	} else if (str_equals(name, STR("8bit"))) {
		s->envelope.needs_8bit = true;
	} else if (str_equals(name, STR("utf8"))) {
		s->envelope.needs_smtputf8 = true;
	} else {
		fail(p, "no such option: %.*s", STR_ARG(option));
	}
}

static void on_send(struct play *p, struct str text)
{
	must(p->sent_count < ENVELOPES_MAX);
	struct sent *s = &p->sents[p->sent_count++];
	struct buf rcpt;
	s->body = STR(DEFAULT_BODY);
	s->envelope = (struct envelope){.slices = &s->body, .slice_count = 1, .tag = s};
	copy(s->from, sizeof(s->from), STR("me@our.test"));
	buf_init(&rcpt, sizeof(s->rcpt) - 1);
	unescape(&rcpt, str_take_until(&text, ' '));
	copy(s->rcpt, sizeof(s->rcpt), buf_str(&rcpt));
	while (text.len > 0)
		send_option(p, s, str_take_until(&text, ' '));
	struct buf from;
	buf_init(&from, sizeof(s->from) - 1);
	unescape(&from, str_from(s->from));
	copy(s->from, sizeof(s->from), buf_str(&from));
	s->envelope.mail_from = str_of(s->from, from.len);
	s->envelope.rcpt_to = str_of(s->rcpt, rcpt.len);
	if (s->envelope.size == 0)
		s->envelope.size = s->body.len;
	buf_done(&from);
	buf_done(&rcpt);
	if (!dialog_can_send(p->d))
		fail(p, "cannot send now");
	dialog_send(p->d, &s->envelope, p->now);
}

static void want_news(struct play *p, bool *flag, const char *name)
{
	if (!*flag)
		fail(p, "news did not come: %s", name);
	*flag = false;
}

static void on_ready(struct play *p, struct str text)
{
	(void)text;
	want_news(p, &p->is_ready, "ready");
}

static void on_room(struct play *p, struct str text)
{
	(void)text;
	want_news(p, &p->is_room, "room");
}

static void on_wants_commit(struct play *p, struct str text)
{
	(void)text;
	want_news(p, &p->is_commit, "wants commit");
}

static void on_commit(struct play *p, struct str text)
{
	(void)text;
	p->is_commit = false;
	if (!dialog_commit(p->d, p->now))
		fail(p, "no terminator waits");
}

static void on_lapse(struct play *p, struct str text)
{
	(void)text;
	dialog_lapse(p->d);
}

static void on_quit(struct play *p, struct str text)
{
	(void)text;
	dialog_quit(p->d, p->now);
}

static void on_abort(struct play *p, struct str text)
{
	(void)text;
	dialog_lost(p->d, OUTCOME_WORDS_LOCAL, STR("given up"));
}

static void on_tls(struct play *p, struct str text)
{
	(void)text;
	dialog_tls_ready(p->d, p->now);
}

static void on_lost(struct play *p, struct str text)
{
	enum outcome_words words = str_equals(text, STR("tls"))	  ? OUTCOME_WORDS_TLS
				   : str_equals(text, STR("tcp")) ? OUTCOME_WORDS_TCP
								  : OUTCOME_WORDS_LOCAL;
	dialog_lost(p->d, words, STR("connection reset by peer"));
}

static void on_timeout(struct play *p, struct str text)
{
	(void)text;
	int64_t at = dialog_deadline(p->d);
	if (at == INT64_MAX)
		fail(p, "no deadline");
	dialog_expired(p->d, at - 1);
	if (dialog_is_over(p->d))
		fail(p, "over before the deadline");
	p->now = at;
	dialog_expired(p->d, at);
}

static void on_wait(struct play *p, struct str text)
{
	int64_t ms;
	must(str_to_i64(text, &ms) == 0);
	p->now += ms;
	dialog_expired(p->d, p->now);
}

static void on_stall(struct play *p, struct str text)
{
	uint64_t n;
	must(str_to_u64(text, &n) == 0);
	p->may_leave = n;
}

static void on_unstall(struct play *p, struct str text)
{
	(void)text;
	p->may_leave = SIZE_MAX;
}

static void render_enhanced(const struct enhanced_code *e, char *out, size_t size)
{
	if (e->klass == 0)
		snprintf(out, size, "-");
	else
		snprintf(out, size, "%u.%u.%u", e->klass, e->subject, e->detail);
}

/* want = WORDS STAGE CODE [ENHANCED|-] [TEXT] (no ENHANCED when is_why). */
static void check_outcome(struct play *p, const struct outcome *o, struct str want, bool is_why)
{
	char enhanced[24], got[128];
	render_enhanced(&o->enhanced, enhanced, sizeof(enhanced));
	snprintf(got, sizeof(got), "%s %s %u", outcome_words_name(o->words),
		 outcome_stage_name(o->stage), o->code);
	struct str words = str_take_until(&want, ' ');
	struct str stage = str_take_until(&want, ' ');
	struct str code = str_take_until(&want, ' ');
	struct buf head;
	buf_init(&head, 128);
	buf_appendf(&head, "%.*s %.*s %.*s", STR_ARG(words), STR_ARG(stage), STR_ARG(code));
	if (!str_equals(buf_str(&head), str_from(got)))
		fail(p, "wanted %s, got %s: %.*s", head.data, got, STR_ARG(o->text));
	buf_done(&head);
	struct str code3 = is_why ? str_from("") : str_take_until(&want, ' ');
	if (code3.len > 0 && !str_equals(code3, str_from(enhanced)))
		fail(p, "wanted %.*s, got %s", STR_ARG(code3), enhanced);
	if (str_find(o->text, want) < 0)
		fail(p, "wanted text \"%.*s\", got \"%.*s\"", STR_ARG(want), STR_ARG(o->text));
}

static const struct outcome *next_outcome(struct play *p, struct str rcpt)
{
	if (p->expected_count == p->heard_count)
		fail(p, "no outcome");
	const struct heard *h = &p->heards[p->expected_count++];
	if (!str_equals(rcpt, str_from(h->sent->rcpt)))
		fail(p, "outcome is for %s", h->sent->rcpt);
	return &h->outcome;
}

static void on_expect(struct play *p, struct str text)
{
	const struct outcome *o = next_outcome(p, str_take_until(&text, ' '));
	check_outcome(p, o, text, false);
	if (o->verdict.klass != 0)
		fail(p, "has a verdict: %s", outcome_class_name(o->verdict.klass));
}

static void on_unknown(struct play *p, struct str text)
{
	const struct outcome *o = next_outcome(p, str_take_until(&text, ' '));
	if (o->verdict.klass != OUTCOME_UNKNOWN || o->verdict.cause != CAUSE_REPLY_LOST ||
	    o->stage != STAGE_DOT)
		fail(p, "not unknown: %s %s %u", outcome_words_name(o->words),
		     outcome_stage_name(o->stage), o->code);
	if (!str_equals(text, str_from(outcome_words_name(o->words))))
		fail(p, "words of %s", outcome_words_name(o->words));
}

static void on_over(struct play *p, struct str text)
{
	if (!p->is_over)
		fail(p, "not over");
	check_outcome(p, &p->why.outcome, text, true);
}

static void on_going(struct play *p, struct str text)
{
	(void)text;
	if (dialog_is_over(p->d))
		fail(p, "over: %s", p->why.text);
}

static void on_fact(struct play *p, struct str text)
{
	struct dialog_facts f = dialog_facts(p->d);
	const struct {
		const char *name;
		uint64_t value;
	} facts[] = {
		{"greeted", f.is_greeted},    {"secure", f.is_secure},
		{"tls_failed", f.tls_failed}, {"overlapped", f.ended_overlapped},
		{"idle", f.ended_idle},	      {"delivered", f.delivered},
		{"mails", f.mails},	      {"size_limit", f.size_limit},
		{"mail_limit", f.mail_limit}, {"extensions", f.extensions},
	};
	struct str name = str_take_until(&text, ' ');
	uint64_t want;
	must(str_to_u64(text, &want) == 0);
	for (size_t i = 0; i < ARRAY_LEN(facts); i++) {
		if (!str_equals(name, str_from(facts[i].name)))
			continue;
		if (facts[i].value != want)
			fail(p, "is %" PRIu64, facts[i].value);
		return;
	}
	fail(p, "no such fact");
}

static void on_pipelining(struct play *p, struct str text)
{
	p->is_skipped = (str_equals(text, STR("yes")) && !p->has_pipelining) ||
			(str_equals(text, STR("no")) && p->has_pipelining);
}

static struct str keep_string(struct play *p, size_t i, struct str value)
{
	copy(p->strings[i], sizeof(p->strings[i]), value);
	return str_from(p->strings[i]);
}

static void on_set(struct play *p, struct str text)
{
	struct str key = str_take_until(&text, ' ');
	must(p->d == NULL);
	if (str_equals(key, STR("tls")))
		must(tls_mode_parse(text, &p->config.tls) == 0);
	else if (str_equals(key, STR("ehlo")))
		p->config.ehlo_name = keep_string(p, 0, text);
	else if (str_equals(key, STR("user")))
		p->config.user = keep_string(p, 1, text);
	else if (str_equals(key, STR("password")))
		p->config.password = keep_string(p, 2, text);
	else if (str_equals(key, STR("clear")))
		p->config.may_auth_in_clear = true;
	else if (str_equals(key, STR("overlap")))
		p->config.may_overlap = true;
	else
		fail(p, "no such setting");
}

/* Runs the lines, with "%s" in them replaced. */
static void run_lines(struct play *p, const char *const *lines, struct str argument)
{
	for (; *lines != NULL; lines++) {
		struct str rest = str_from(*lines);
		ptrdiff_t at = str_find(rest, STR("%s"));
		struct buf line;
		buf_init(&line, 1024);
		buf_append_str(&line, at < 0 ? rest : str_slice(rest, 0, (size_t)at));
		if (at >= 0) {
			buf_append_str(&line, argument);
			buf_append_str(&line, str_slice(rest, (size_t)at + 2, rest.len));
		}
		run_directive(p, buf_str(&line));
		buf_done(&line);
	}
}

static void on_greet(struct play *p, struct str text)
{
	static const char *const lines[] = {
		"S: 220 mx.peer.test ESMTP",
		"C: EHLO mx1.our.test",
		"S: 250-mx.peer.test",
		"S: 250-PIPELINING",
		"S: 250 %s",
		"ready",
		NULL,
	};
	run_lines(p, lines, text.len > 0 ? text : STR("HELP"));
}

static void on_offer(struct play *p, struct str text)
{
	static const char *const lines[] = {
		"send %s",	   "C: MAIL FROM:<me@our.test>",
		"S: 250 ok",	   "C: RCPT TO:<%s>",
		"S: 250 ok",	   "C: DATA",
		"S: 354 go ahead", "commit?",
		"quiet",	   NULL,
	};
	run_lines(p, lines, text);
}

static void on_deliver(struct play *p, struct str text)
{
	static const char *const lines[] = {
		"offer %s",
		"commit",
		"C body",
		"C: .",
		"S: 250 2.0.0 queued",
		"expect %s remote dot 250 2.0.0 queued",
		"ready",
		NULL,
	};
	run_lines(p, lines, text);
}

/* Which directives come before the dialog, add to the peer's octets, or act on the dialog. */
enum when { WHEN_BEFORE, WHEN_INPUT, WHEN_ACT };

static const struct {
	const char *name;
	enum when when;
	void (*run)(struct play *p, struct str text);
} directives[] = {
	{"pipelining", WHEN_BEFORE, on_pipelining},
	{"set", WHEN_BEFORE, on_set},
	{"S:", WHEN_INPUT, on_say},
	{"S!", WHEN_INPUT, on_say_raw},
	{"flood", WHEN_INPUT, on_flood},
	{"C:", WHEN_ACT, on_client},
	{"C!", WHEN_ACT, on_client_raw},
	{"C", WHEN_ACT, on_client_body},
	{"skip", WHEN_ACT, on_skip},
	{"quiet", WHEN_ACT, on_quiet},
	{"greet", WHEN_ACT, on_greet},
	{"offer", WHEN_ACT, on_offer},
	{"deliver", WHEN_ACT, on_deliver},
	{"send", WHEN_ACT, on_send},
	{"ready", WHEN_ACT, on_ready},
	{"room", WHEN_ACT, on_room},
	{"commit?", WHEN_ACT, on_wants_commit},
	{"commit", WHEN_ACT, on_commit},
	{"lapse", WHEN_ACT, on_lapse},
	{"quit", WHEN_ACT, on_quit},
	{"abort", WHEN_ACT, on_abort},
	{"tls", WHEN_ACT, on_tls},
	{"lost", WHEN_ACT, on_lost},
	{"timeout", WHEN_ACT, on_timeout},
	{"wait", WHEN_ACT, on_wait},
	{"stall", WHEN_ACT, on_stall},
	{"unstall", WHEN_ACT, on_unstall},
	{"expect", WHEN_ACT, on_expect},
	{"unknown", WHEN_ACT, on_unknown},
	{"over", WHEN_ACT, on_over},
	{"going", WHEN_ACT, on_going},
	{"fact", WHEN_ACT, on_fact},
};

void run_directive(struct play *p, struct str text)
{
	struct str name = str_take_until(&text, ' ');
	for (size_t i = 0; i < ARRAY_LEN(directives); i++) {
		if (!str_equals(name, str_from(directives[i].name)))
			continue;
		if (directives[i].when == WHEN_ACT)
			flush_input(p);
		directives[i].run(p, text);
		if (directives[i].when == WHEN_ACT)
			settle_down(p);
		return;
	}
	fail(p, "no such directive: %.*s", STR_ARG(name));
}
