/* SPDX-License-Identifier: MIT */
/*
 * The driver of the conversation and its output: which step may be said now, what may leave, how
 * long to wait, what to tell the owner; see dialog.h and dialog_private.h.
 */
#include "engine/smtp/dialog.h"

#include <stddef.h>
#include <stdlib.h>

#include "engine/smtp/auth.h"
#include "engine/smtp/dialog_private.h"
#include "engine/smtp/wire.h"

/* Longest run of commands before a reply: one AUTH line, or RSET MAIL RCPT DATA. */
#define COMMANDS_MAX (AUTH_LINE_MAX + 1024u)

/*
 * A commit is asked for when no more than this much of the body is still to leave: little enough
 * that an idle connection takes it with the terminator in one write.
 */
#define COMMIT_WINDOW (64u * 1024)

const struct smtp_timeouts smtp_timeouts_default = {
#define X(name, value, meaning) .name##_ms = (value),
	SMTP_TIMEOUTS(X)
#undef X
		.min_octets_per_s = 500,
};

/* After these commands no other may be said before the reply was heard (RFC 2920 3.1). */
static const bool is_sync[] = {
	[STEP_BANNER] = true,	 [STEP_EHLO] = true,	      [STEP_HELO] = true,
	[STEP_STARTTLS] = true,	 [STEP_AUTH_PLAIN] = true,    [STEP_AUTH_LOGIN] = true,
	[STEP_AUTH_USER] = true, [STEP_AUTH_PASSWORD] = true, [STEP_DATA] = true,
	[STEP_LONE_DOT] = true,	 [STEP_QUIT] = true,	      [STEP_OVER] = true,
};

/* How long to wait for each step's reply. */
static const size_t timeout_at[] = {
#define AT(name) offsetof(struct smtp_timeouts, name##_ms)
	[STEP_BANNER] = AT(banner),
	[STEP_EHLO] = AT(ehlo),
	[STEP_HELO] = AT(ehlo),
	[STEP_STARTTLS] = AT(starttls),
	[STEP_TLS] = AT(starttls),
	[STEP_AUTH_PLAIN] = AT(auth),
	[STEP_AUTH_LOGIN] = AT(auth),
	[STEP_AUTH_USER] = AT(auth),
	[STEP_AUTH_PASSWORD] = AT(auth),
	[STEP_RSET] = AT(rset),
	[STEP_MAIL] = AT(mail),
	[STEP_RCPT] = AT(rcpt),
	[STEP_DATA] = AT(data),
	[STEP_BODY] = AT(body),
	[STEP_DOT] = AT(dot),
	[STEP_LONE_DOT] = AT(dot),
	[STEP_QUIT] = AT(quit),
#undef AT
};

static void ask_for_commit(struct dialog *d);

/* --- life --- */

struct dialog *dialog_new(const struct dialog_config *config, int64_t now)
{
	struct dialog *d = xcalloc(1, sizeof(*d));
	d->config = *config;
	d->now = now;
	d->since_ms = now;
	d->current = &d->slots[0];
	reply_parser_init(&d->parser);
	buf_init(&d->head, COMMANDS_MAX);
	buf_init(&d->tail, COMMANDS_MAX);
	buf_init(&d->why_text, SETTLED_TEXT_MAX);
	for (size_t i = 0; i < ARRAY_LEN(d->slots); i++)
		buf_init(&d->slots[i].text, SETTLED_TEXT_MAX);
	if (!wire_is_ehlo_name(config->ehlo_name) ||
	    !auth_is_sound(config->user, config->password)) {
		struct outcome why = {
			.words = OUTCOME_WORDS_LOCAL,
			.stage = STAGE_EHLO,
			.text = STR("our EHLO name or the credentials are not fit for the wire"),
		};
		begin_end(d, &why);
		hear_loss(d, why.words, why.text);
	}
	dialog_advance(d);
	return d;
}

void dialog_free(struct dialog *d)
{
	if (d == NULL)
		return;
	reply_parser_done(&d->parser);
	buf_done(&d->head);
	buf_done(&d->tail);
	buf_done(&d->why_text);
	for (size_t i = 0; i < ARRAY_LEN(d->slots); i++)
		buf_done(&d->slots[i].text);
	free(d);
}

/* --- the driver --- */

bool dialog_offers(const struct dialog *d, enum smtp_extension extension)
{
	return (d->ehlo.extensions & extension) != 0;
}

bool dialog_is_pipelining(const struct dialog *d)
{
	return d->config.may_pipeline && dialog_offers(d, EXTENSION_PIPELINING);
}

static bool is_anything_live(const struct dialog *d)
{
	return d->slots[0].state == SLOT_LIVE || d->slots[1].state == SLOT_LIVE;
}

static bool may_say(const struct dialog *d)
{
	if (say_for(d->next) == NULL)
		return false;
	if (d->next == STEP_IDLE && d->queued == NULL && !(d->wants_quit && d->owed_count == 0))
		return false;
	return d->owed_count == 0 || (dialog_is_pipelining(d) && !is_sync[d->last]);
}

/* An envelope may ride along: one is on its way out, whose reply is all that is owed. */
static bool has_room(const struct dialog *d)
{
	return d->config.may_overlap && dialog_is_pipelining(d) && d->facts.delivered > 0 &&
	       d->next == STEP_IDLE && d->queued == NULL && !d->wants_quit && d->owed_count == 1 &&
	       d->owed[d->owed_first].step == STEP_DOT &&
	       (d->slots[0].state == SLOT_FREE || d->slots[1].state == SLOT_FREE);
}

static bool is_idle(const struct dialog *d)
{
	return d->next == STEP_IDLE && d->owed_count == 0 && d->queued == NULL && !d->wants_quit &&
	       d->facts.is_greeted && !is_anything_live(d);
}

/* Once for each body. */
static void tell_room(struct dialog *d)
{
	if (!has_room(d) || d->is_room_told)
		return;
	d->is_room_told = true;
	d->news |= NEWS_ROOM;
}

void dialog_advance(struct dialog *d)
{
	while (may_say(d)) {
		enum step step = d->next;
		d->next = say_for(step)(d);
		d->last = step;
	}
	if (is_idle(d) && !d->is_idle)
		d->news |= NEWS_READY;
	d->is_idle = is_idle(d);
	tell_room(d);
	ask_for_commit(d);
}

void dialog_feed(struct dialog *d, struct str bytes, int64_t now)
{
	d->now = now;
	while (bytes.len > 0 && !d->is_over) {
		if (d->next == STEP_TLS && d->owed_count == 0) {
			hear_injection(d);
			break;
		}
		size_t used;
		enum reply_progress progress = reply_parser_feed(&d->parser, bytes, &used);
		bytes = str_slice(bytes, used, bytes.len);
		if (progress == REPLY_INVALID)
			hear_garbage(d);
		else if (progress == REPLY_COMPLETE)
			hear_reply(d);
		dialog_advance(d);
	}
}

void dialog_tls_ready(struct dialog *d, int64_t now)
{
	must(d->next == STEP_TLS);
	d->now = now;
	d->since_ms = now;
	d->ehlo = (struct ehlo){0};
	d->facts.extensions = 0;
	d->facts.is_secure = true;
	d->next = STEP_EHLO;
	reply_parser_reset(&d->parser);
	dialog_advance(d);
}

void dialog_lost(struct dialog *d, enum outcome_words words, struct str text)
{
	if (!d->is_over)
		hear_loss(d, words, text);
}

/* --- envelopes --- */

/* Why e cannot be said to this host, or NULL. */
static const char *refusal(const struct dialog *d, const struct envelope *e,
			   struct enhanced_code *code_out)
{
	bool has_utf8 = dialog_offers(d, EXTENSION_SMTPUTF8);
	const char *why = NULL;
	struct enhanced_code code = {0};
	if (e->needs_smtputf8 && !has_utf8) {
		code = (struct enhanced_code){5, 6, 7};
		why = "the host does not offer SMTPUTF8, which this address needs";
	} else if (!wire_is_path(e->mail_from, e->needs_smtputf8)) {
		code = (struct enhanced_code){5, 1, 7};
		why = "the sender's address is not fit for the wire";
	} else if (e->rcpt_to.len == 0 || !wire_is_path(e->rcpt_to, e->needs_smtputf8)) {
		code = (struct enhanced_code){5, 1, 3};
		why = "the recipient's address is not fit for the wire";
	} else if (e->needs_8bit && !dialog_offers(d, EXTENSION_8BITMIME) && !has_utf8) {
		code = (struct enhanced_code){5, 6, 3};
		why = "the host does not offer 8BITMIME, which this message needs";
	} else if (d->ehlo.size_limit > 0 && e->size > d->ehlo.size_limit) {
		code = (struct enhanced_code){5, 3, 4};
		why = "the message is larger than the host's limit";
	} else if (!wire_is_body(e->slices, e->slice_count, &why)) {
		code = (struct enhanced_code){5, 6, 0};
	}
	*code_out = code;
	return why;
}

bool dialog_can_send(const struct dialog *d)
{
	return !d->is_ending && (is_idle(d) || has_room(d));
}

/* The slot not used last, so that the text told last stays valid. */
static struct transaction *take_slot(struct dialog *d)
{
	struct transaction *t = &d->slots[d->transactions % ARRAY_LEN(d->slots)];
	if (t->state != SLOT_FREE)
		t = t == &d->slots[0] ? &d->slots[1] : &d->slots[0];
	must(t->state == SLOT_FREE);
	return t;
}

void dialog_send(struct dialog *d, const struct envelope *envelope, int64_t now)
{
	must(dialog_can_send(d));
	d->now = now;
	struct transaction *t = take_slot(d);
	t->state = SLOT_LIVE;
	t->envelope = *envelope;
	t->number = ++d->transactions;
	t->body_size = 0;
	t->dot_at = UINT64_MAX;
	t->has_mail = false;
	struct outcome refused = {.words = OUTCOME_WORDS_LOCAL, .stage = STAGE_MAIL};
	const char *why = refusal(d, envelope, &refused.enhanced);
	if (why != NULL) {
		refused.text = str_from(why);
		settle(t, &refused);
		d->news |= d->is_idle ? NEWS_READY : NEWS_ROOM;
		return;
	}
	for (size_t i = 0; i < envelope->slice_count; i++)
		t->body_size += envelope->slices[i].len;
	d->queued = t;
	d->since_ms = d->owed_count == 0 ? now : d->since_ms;
	dialog_advance(d);
}

void dialog_quit(struct dialog *d, int64_t now)
{
	d->now = now;
	if (d->is_ending)
		return;
	d->wants_quit = true;
	d->since_ms = d->owed_count == 0 ? now : d->since_ms;
	dialog_advance(d);
}

/* --- the commit --- */

static bool is_withheld(const struct dialog *d)
{
	return d->body != NULL && d->is_asked && !d->is_committed;
}

static void ask_for_commit(struct dialog *d)
{
	uint64_t window = d->has_lapsed ? 0 : COMMIT_WINDOW;
	if (d->is_ending || d->body == NULL || d->is_asked || d->body_left > window)
		return;
	d->is_asked = true;
	d->news |= NEWS_COMMIT;
}

bool dialog_commit(struct dialog *d, int64_t now)
{
	if (d->is_over || !is_withheld(d))
		return false;
	d->now = now;
	d->since_ms = now;
	d->news &= ~(unsigned)NEWS_COMMIT;
	d->is_committed = true;
	return true;
}

void dialog_lapse(struct dialog *d)
{
	if (d->is_over || d->body == NULL || !d->is_committed || d->tail_sent > 0)
		return;
	d->is_committed = false;
	d->is_asked = false;
	d->has_lapsed = true;
	ask_for_commit(d);
}

/* --- output --- */

static uint64_t unsent(const struct buf *b, size_t sent)
{
	return b->len - sent;
}

uint64_t dialog_said(const struct dialog *d)
{
	uint64_t body = d->body != NULL ? d->body_left : 0;
	return d->sent + unsent(&d->head, d->head_sent) + body + unsent(&d->tail, d->tail_sent);
}

bool dialog_has_output(const struct dialog *d)
{
	return dialog_said(d) > d->sent;
}

bool dialog_dot_left(const struct dialog *d, const struct transaction *t)
{
	return t->dot_at < d->sent;
}

/* The rest of the body's slices that fit into max. */
static size_t body_output(const struct dialog *d, struct str *slices, size_t max)
{
	const struct envelope *e = &d->body->envelope;
	size_t n = 0;
	size_t offset = d->body_offset;
	for (size_t i = d->body_slice; i < e->slice_count && n < max; i++) {
		struct str rest = str_slice(e->slices[i], offset, e->slices[i].len);
		offset = 0;
		if (rest.len > 0)
			slices[n++] = rest;
	}
	return n;
}

size_t dialog_output(const struct dialog *d, struct str *slices, size_t max)
{
	size_t n = 0;
	if (d->is_over)
		return 0;
	if (n < max && unsent(&d->head, d->head_sent) > 0)
		slices[n++] = str_slice(buf_str(&d->head), d->head_sent, d->head.len);
	if (d->body == NULL || is_withheld(d))
		return n;
	n += body_output(d, slices + n, max - n);
	/* With slices left over, max is reached. */
	if (n < max && d->is_committed)
		slices[n++] = str_slice(buf_str(&d->tail), d->tail_sent, d->tail.len);
	return n;
}

static size_t take_from_buf(struct buf *b, size_t *sent, size_t n)
{
	size_t taken = n < b->len - *sent ? n : b->len - *sent;
	*sent += taken;
	if (*sent == b->len) {
		buf_clear(b);
		*sent = 0;
	}
	return taken;
}

static size_t take_from_body(struct dialog *d, size_t n)
{
	const struct envelope *e = &d->body->envelope;
	size_t taken = 0;
	while (taken < n && d->body_slice < e->slice_count) {
		size_t rest = e->slices[d->body_slice].len - d->body_offset;
		size_t step = n - taken < rest ? n - taken : rest;
		taken += step;
		d->body_offset += step;
		if (step == rest) {
			d->body_slice++;
			d->body_offset = 0;
		}
	}
	d->body_left -= taken;
	return taken;
}

void dialog_sent(struct dialog *d, size_t n, int64_t now)
{
	d->now = now;
	if (n == 0 || d->is_over)
		return;
	d->sent += n;
	d->since_ms = now;
	n -= take_from_buf(&d->head, &d->head_sent, n);
	if (d->body != NULL) {
		n -= take_from_body(d, n);
		n -= n > 0 ? take_from_buf(&d->tail, &d->tail_sent, n) : 0;
		if (d->body_left == 0 && d->tail.len == 0)
			d->body = NULL;
	}
	must(n == 0);
	ask_for_commit(d);
}

/* --- time --- */

static int64_t output_deadline(const struct dialog *d)
{
	int64_t body_ms = d->config.timeouts.body_ms;
	int64_t due = d->since_ms + body_ms;
	unsigned rate = d->config.timeouts.min_octets_per_s;
	if (d->body == NULL || rate == 0)
		return due;
	int64_t whole = d->body_since_ms + body_ms + (int64_t)(d->body->body_size * 1000 / rate);
	return whole < due ? whole : due;
}

int64_t dialog_deadline(const struct dialog *d)
{
	struct str slice;
	enum step waits;
	if (d->is_over)
		return INT64_MAX;
	if (dialog_output(d, &slice, 1) > 0)
		return output_deadline(d);
	if (is_withheld(d))
		return INT64_MAX;
	if (d->owed_count > 0)
		waits = d->owed[d->owed_first].step;
	else if (d->next == STEP_TLS)
		waits = STEP_TLS;
	else
		return INT64_MAX;
	const char *timeouts = (const char *)&d->config.timeouts;
	return d->since_ms + *(const int64_t *)(const void *)(timeouts + timeout_at[waits]);
}

void dialog_expired(struct dialog *d, int64_t now)
{
	struct str slice;
	d->now = now;
	if (now < dialog_deadline(d))
		return;
	if (dialog_output(d, &slice, 1) > 0)
		hear_loss(d, OUTCOME_WORDS_TCP, STR("timed out: the host does not read"));
	else if (d->next == STEP_TLS && d->owed_count == 0)
		hear_loss(d, OUTCOME_WORDS_TLS, STR("timed out: the handshake did not finish"));
	else
		hear_loss(d, OUTCOME_WORDS_TCP, STR("timed out: the host does not reply"));
}

/* --- news --- */

static bool take_news(struct dialog *d, enum news_bit bit)
{
	bool is_set = (d->news & bit) != 0;
	d->news &= ~(unsigned)bit;
	return is_set;
}

static struct transaction *oldest_settled(struct dialog *d)
{
	struct transaction *a = &d->slots[0];
	struct transaction *b = &d->slots[1];
	if (a->state != SLOT_SETTLED)
		return b->state == SLOT_SETTLED ? b : NULL;
	return b->state == SLOT_SETTLED && b->number < a->number ? b : a;
}

enum dialog_news dialog_news(struct dialog *d, struct settled *settled_out)
{
	struct transaction *t = oldest_settled(d);
	if (t != NULL) {
		t->state = SLOT_FREE;
		tell_room(d);
		*settled_out = (struct settled){t->envelope.tag, t->outcome};
		return DIALOG_OUTCOME;
	}
	if (take_news(d, NEWS_START_TLS))
		return DIALOG_START_TLS;
	if (take_news(d, NEWS_READY) && is_idle(d))
		return DIALOG_READY;
	if (take_news(d, NEWS_ROOM) && has_room(d))
		return DIALOG_ROOM;
	if (take_news(d, NEWS_COMMIT) && is_withheld(d)) {
		settled_out->tag = d->body->envelope.tag;
		return DIALOG_WANTS_COMMIT;
	}
	if (take_news(d, NEWS_OVER)) {
		*settled_out = (struct settled){NULL, d->why};
		return DIALOG_OVER;
	}
	return DIALOG_QUIET;
}

bool dialog_has_news(const struct dialog *d)
{
	return d->news != 0 || d->slots[0].state == SLOT_SETTLED ||
	       d->slots[1].state == SLOT_SETTLED;
}

bool dialog_is_over(const struct dialog *d)
{
	return d->is_over;
}

struct dialog_facts dialog_facts(const struct dialog *d)
{
	return d->facts;
}

/* --- names --- */

static const char *const mode_names[] = {
#define X(suffix, name) [TLS_##suffix] = (name),
	TLS_MODES(X)
#undef X
};

const char *tls_mode_name(enum tls_mode mode)
{
	return mode_names[mode];
}

int tls_mode_parse(struct str name, enum tls_mode *out)
{
	for (size_t i = 0; i < ARRAY_LEN(mode_names); i++) {
		if (str_equals(name, str_from(mode_names[i]))) {
			*out = (enum tls_mode)i;
			return 0;
		}
	}
	return -1;
}
