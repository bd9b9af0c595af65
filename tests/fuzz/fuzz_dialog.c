/* SPDX-License-Identifier: MIT */
/*
 * The dialog against any peer and any owner. The first octet configures it; then each line is one
 * act: a first octet 'S' to 'Z' lets the owner do something, anything else the peer says the line.
 * Invariants: exactly one outcome for each envelope, none delivered or in doubt without a commit,
 * over only once and nothing after it, octets never leave unless offered.
 */
#include "engine/smtp/dialog.h"
#include "tests/fuzz/fuzz.h"

struct owner {
	struct dialog *d;
	int64_t now;
	unsigned sent, outcomes, commits, in_doubt_or_done;
	bool is_over;
	bool wants_tls;
};

static void note_outcome(struct owner *o, const struct outcome *outcome)
{
	bool is_done = outcome->words == OUTCOME_WORDS_REMOTE && outcome->stage == STAGE_DOT &&
		       outcome->code / 100 == 2;
	o->outcomes++;
	o->in_doubt_or_done += is_done || outcome->verdict.klass == OUTCOME_UNKNOWN;
	must(o->outcomes <= o->sent && o->in_doubt_or_done <= o->commits);
	must(outcome->text.len <= 1024);
}

static void take_news(struct owner *o)
{
	struct settled settled;
	enum dialog_news news;
	while ((news = dialog_news(o->d, &settled)) != DIALOG_QUIET) {
		must(!o->is_over);
		if (news == DIALOG_OUTCOME)
			note_outcome(o, &settled.outcome);
		o->wants_tls = news == DIALOG_START_TLS;
		o->is_over |= news == DIALOG_OVER;
	}
	must(o->is_over == dialog_is_over(o->d));
}

/* At most n octets leave. */
static void write_some(struct owner *o, size_t n)
{
	struct str slices[4];
	size_t count = dialog_output(o->d, slices, 4);
	size_t total = 0;
	for (size_t i = 0; i < count; i++) {
		must(slices[i].len > 0);
		total += slices[i].len;
	}
	dialog_sent(o->d, total < n ? total : n, o->now);
}

static void send_one(struct owner *o)
{
	static const struct str bodies[] = {STR_INIT("a\r\n..\r"), STR_INIT("\nb\r\n")};
	struct envelope e = {
		.mail_from = STR("f@x"),
		.rcpt_to = STR("t@y"),
		.slices = bodies,
		.slice_count = 2,
		.size = 9,
	};
	if (!dialog_can_send(o->d))
		return;
	o->sent++;
	dialog_send(o->d, &e, o->now);
}

static void act(struct owner *o, char what)
{
	if (what == 'S')
		send_one(o);
	else if (what == 'T')
		o->commits += dialog_commit(o->d, o->now);
	else if (what == 'U')
		write_some(o, 1);
	else if (what == 'V')
		write_some(o, SIZE_MAX);
	else if (what == 'W')
		dialog_expired(o->d, o->now += 30000);
	else if (what == 'X')
		dialog_lost(o->d, OUTCOME_WORDS_TCP, STR("reset"));
	else if (what == 'Y')
		dialog_quit(o->d, o->now);
	else if (o->wants_tls && !dialog_is_over(o->d))
		dialog_tls_ready(o->d, o->now);
	else
		dialog_lapse(o->d);
	o->wants_tls &= what != 'Z';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = str_of((const char *)data, size);
	unsigned flags = size > 0 ? data[0] : 0;
	struct dialog_config config = {
		.ehlo_name = STR("fuzz.test"),
		.tls = (enum tls_mode)(flags & 3),
		.user = flags & 4 ? STR("me") : STR(""),
		.password = STR("secret"),
		.may_auth_in_clear = flags & 8,
		.may_pipeline = flags & 16,
		.may_overlap = flags & 32,
		.timeouts = smtp_timeouts_default,
	};
	struct owner o = {.d = dialog_new(&config, 0)};
	rest = str_slice(rest, 1, rest.len);
	while (rest.len > 0) {
		ptrdiff_t lf = str_find_char(rest, '\n');
		bool is_act = rest.ptr[0] >= 'S' && rest.ptr[0] <= 'Z';
		size_t n = is_act ? 1 : lf < 0 ? rest.len : (size_t)lf + 1;
		if (is_act)
			act(&o, rest.ptr[0]);
		else
			dialog_feed(o.d, str_slice(rest, 0, n), o.now);
		rest = str_slice(rest, n, rest.len);
		take_news(&o);
	}
	dialog_lost(o.d, OUTCOME_WORDS_LOCAL, STR("end"));
	take_news(&o);
	must(o.is_over && o.outcomes == o.sent);
	must(dialog_deadline(o.d) == INT64_MAX);
	dialog_free(o.d);
	return 0;
}
