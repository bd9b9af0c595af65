/* SPDX-License-Identifier: MIT */
/*
 * What the client makes of replies, in protocol order, and of their absence. Each hear_x settles
 * the transaction or corrects the course (RFC 5321 4.2, 4.3.2); whatever is out of protocol ends
 * the conversation, because replies could no longer be matched to commands.
 */
#include "engine/base/crash.h"
#include "engine/smtp/dialog_private.h"

/* --- outcomes --- */

/* At most SETTLED_TEXT_MAX octets, no character cut in two. */
static void keep_text(struct buf *keep, struct str text)
{
	if (text.len > SETTLED_TEXT_MAX) {
		text.len = SETTLED_TEXT_MAX;
		while (text.len > 0 && ((unsigned char)text.ptr[text.len] & 0xC0) == 0x80)
			text.len--;
	}
	buf_clear(keep);
	buf_append_str(keep, text);
}

void settle(struct transaction *t, const struct outcome *outcome)
{
	must(t->state == SLOT_LIVE);
	keep_text(&t->text, outcome->text);
	t->outcome = *outcome;
	t->outcome.text = buf_str(&t->text);
	t->state = SLOT_SETTLED;
}

static struct outcome fact(enum outcome_words words, enum outcome_stage stage, struct str text)
{
	return (struct outcome){.words = words, .stage = stage, .text = text};
}

static struct outcome reply_outcome(const struct dialog *d, enum outcome_stage stage)
{
	struct outcome o = fact(OUTCOME_WORDS_REMOTE, stage, d->parser.reply.text);
	o.code = d->parser.reply.code;
	o.enhanced = d->parser.reply.enhanced;
	return o;
}

/* Only for a transaction whose terminator left. */
static struct outcome unknown(enum outcome_words words, struct str text)
{
	struct outcome o = fact(words, STAGE_DOT, text);
	o.verdict.klass = OUTCOME_UNKNOWN;
	o.verdict.cause = CAUSE_REPLY_LOST;
	o.verdict.rule = "";
	return o;
}

static void settle_reply(struct dialog *d, struct transaction *t, enum outcome_stage stage)
{
	struct outcome o = reply_outcome(d, stage);
	if (t->state == SLOT_LIVE)
		settle(t, &o);
}

/* How far t came: its oldest owed reply, or its body. */
static enum outcome_stage transaction_stage(const struct dialog *d, const struct transaction *t)
{
	for (size_t i = 0; i < d->owed_count; i++) {
		const struct owed *o = &d->owed[(d->owed_first + i) % OWED_MAX];
		if (o->transaction != t)
			continue;
		if (o->step == STEP_DOT && !dialog_dot_left(d, t))
			return STAGE_BODY;
		return step_stage(o->step);
	}
	return STAGE_MAIL;
}

static enum outcome_stage conversation_stage(const struct dialog *d)
{
	if (d->next == STEP_TLS)
		return STAGE_STARTTLS;
	if (d->owed_count == 0)
		return STAGE_QUIT;
	const struct owed *oldest = &d->owed[d->owed_first];
	if (oldest->transaction != NULL)
		return transaction_stage(d, oldest->transaction);
	return step_stage(oldest->step);
}

/* --- ends --- */

static struct transaction *oldest_live(struct dialog *d)
{
	struct transaction *oldest = NULL;
	for (size_t i = 0; i < ARRAY_LEN(d->slots); i++) {
		struct transaction *t = &d->slots[i];
		if (t->state == SLOT_LIVE && (oldest == NULL || t->number < oldest->number))
			oldest = t;
	}
	return oldest;
}

/* Settles what is under way as victims of the conversation's end, in words and text. */
static void lose_all(struct dialog *d, enum outcome_words words, struct str text)
{
	struct transaction *t;
	while ((t = oldest_live(d)) != NULL) {
		struct outcome o = dialog_dot_left(d, t)
					   ? unknown(words, text)
					   : fact(words, transaction_stage(d, t), text);
		settle(t, &o);
	}
}

static void be_over(struct dialog *d)
{
	d->is_over = true;
	d->next = STEP_OVER;
	d->owed_count = 0;
	d->news = NEWS_OVER;
}

void begin_end(struct dialog *d, const struct outcome *why)
{
	if (d->is_ending)
		return;
	size_t live = 0;
	for (size_t i = 0; i < ARRAY_LEN(d->slots); i++)
		live += d->slots[i].state == SLOT_LIVE;
	d->facts.ended_overlapped = live > 1;
	d->facts.ended_idle = d->facts.is_greeted && live == 0;
	keep_text(&d->why_text, why->text);
	d->why = *why;
	d->why.text = buf_str(&d->why_text);
	d->is_ending = true;
}

/* The conversation is of no more use: all are settled, nothing more is said. */
static void end_now(struct dialog *d, const struct outcome *why)
{
	begin_end(d, why);
	lose_all(d, d->why.words == OUTCOME_WORDS_REMOTE ? OUTCOME_WORDS_TCP : d->why.words,
		 d->why.text);
	be_over(d);
}

/* As end_now, but with a QUIT if the peer is in step to hear it. */
static void end_in_order(struct dialog *d, const struct outcome *why)
{
	if (d->owed_count > 0 || dialog_has_output(d)) {
		end_now(d, why);
		return;
	}
	begin_end(d, why);
	lose_all(d, OUTCOME_WORDS_TCP, d->why.text);
	d->queued = NULL;
	d->next = STEP_QUIT;
}

static void end_in_order_local(struct dialog *d, enum outcome_words words, enum outcome_stage stage,
			       const char *text)
{
	struct outcome why = fact(words, stage, str_from(text));
	end_in_order(d, &why);
}

/* --- replies out of protocol --- */

/* The answer to what t (may be NULL) is owed makes no sense: what says how. */
static void fail_protocol(struct dialog *d, struct transaction *t, struct str what)
{
	struct buf text;
	buf_init(&text, SETTLED_TEXT_MAX + 64);
	buf_append_cstr(&text, "reply out of protocol: ");
	buf_append_str(&text, str_slice(what, 0, SETTLED_TEXT_MAX));
	struct outcome why = fact(OUTCOME_WORDS_REMOTE, conversation_stage(d), buf_str(&text));
	begin_end(d, &why);
	if (t != NULL && t->state == SLOT_LIVE) {
		struct outcome o = dialog_dot_left(d, t) ? unknown(OUTCOME_WORDS_REMOTE, why.text)
							 : fact(OUTCOME_WORDS_REMOTE,
								transaction_stage(d, t), why.text);
		settle(t, &o);
	}
	end_now(d, &why);
	buf_done(&text);
}

static void fail_odd_reply(struct dialog *d, struct transaction *t)
{
	struct buf what;
	buf_init(&what, SETTLED_TEXT_MAX + 64);
	buf_appendf(&what, "%s%03u ", d->parser.reply.is_mixed ? "mixed codes, the last " : "",
		    (unsigned)d->parser.reply.code);
	buf_append_str(&what, str_slice(d->parser.reply.text, 0, SETTLED_TEXT_MAX));
	fail_protocol(d, t, buf_str(&what));
	buf_done(&what);
}

static struct transaction *oldest_owed(const struct dialog *d)
{
	return d->owed_count > 0 ? d->owed[d->owed_first].transaction : NULL;
}

void hear_garbage(struct dialog *d)
{
	if (d->is_ending)
		be_over(d);
	else
		fail_protocol(d, oldest_owed(d), str_from(d->parser.why));
}

void hear_injection(struct dialog *d)
{
	struct outcome why = fact(OUTCOME_WORDS_TLS, STAGE_STARTTLS,
				  STR("octets in clear behind the reply to STARTTLS"));
	d->facts.tls_failed = true;
	end_now(d, &why);
}

/* A 421 at any command ends the conversation (RFC 5321 3.8); it answers the oldest of them. */
static void hear_421(struct dialog *d)
{
	struct transaction *t = oldest_owed(d);
	struct outcome why = reply_outcome(d, conversation_stage(d));
	begin_end(d, &why);
	if (t != NULL) {
		bool in_data = d->owed[d->owed_first].step == STEP_DOT;
		settle_reply(d, t, in_data ? STAGE_DOT : transaction_stage(d, t));
	}
	end_now(d, &why);
}

/*
 * An answer to a command that has not left. Only a refusal of a message while its body is being
 * written makes sense: it is final, and the terminator must not follow.
 */
static void hear_early(struct dialog *d, const struct owed *owed)
{
	unsigned digit = reply_digit(d->parser.reply.code);
	if (owed->step != STEP_DOT || (digit != 4 && digit != 5)) {
		fail_odd_reply(d, owed->transaction);
		return;
	}
	struct outcome why = reply_outcome(d, STAGE_BODY);
	begin_end(d, &why);
	settle_reply(d, owed->transaction, STAGE_DOT);
	end_now(d, &why);
}

/* --- replies, in protocol order; each is called with a 2yz (3yz where wanted), 4yz or 5yz --- */

static void refuse_conversation(struct dialog *d, enum outcome_stage stage)
{
	struct outcome why = reply_outcome(d, stage);
	end_in_order(d, &why);
}

static void hear_banner(struct dialog *d, struct transaction *t, bool is_good)
{
	(void)t;
	if (!is_good)
		refuse_conversation(d, STAGE_BANNER);
}

/* What is left to do before mail can flow: STARTTLS, then AUTH, as configured and offered. */
static enum step next_before_mail(struct dialog *d)
{
	const struct dialog_config *c = &d->config;
	bool wants_tls = c->tls != TLS_NONE && !d->facts.is_secure;
	if (wants_tls && !d->clear_only && dialog_offers(d, EXTENSION_STARTTLS))
		return STEP_STARTTLS;
	if (wants_tls && c->tls != TLS_OPPORTUNISTIC) {
		end_in_order_local(d, OUTCOME_WORDS_TLS, STAGE_STARTTLS,
				   "the host does not offer STARTTLS, and TLS is required");
		return d->next;
	}
	if (str_is_empty(c->user))
		return STEP_IDLE;
	if (!d->facts.is_secure && !c->may_auth_in_clear)
		end_in_order_local(d, OUTCOME_WORDS_LOCAL, STAGE_AUTH,
				   "credentials may only leave through TLS");
	else if (d->ehlo.mechanisms & AUTH_PLAIN)
		return STEP_AUTH_PLAIN;
	else if (d->ehlo.mechanisms & AUTH_LOGIN)
		return STEP_AUTH_LOGIN;
	else
		end_in_order_local(d, OUTCOME_WORDS_LOCAL, STAGE_AUTH,
				   "the host offers neither AUTH PLAIN nor LOGIN");
	return d->next;
}

static void go_on_before_mail(struct dialog *d)
{
	d->next = next_before_mail(d);
	d->facts.is_greeted = d->next == STEP_IDLE;
}

static void hear_ehlo(struct dialog *d, struct transaction *t, bool is_good)
{
	(void)t;
	d->ehlo = (struct ehlo){0};
	size_t lines = d->parser.reply.line_count;
	for (size_t i = 1; is_good && i < lines && i < REPLY_LINES_MAX; i++)
		ehlo_parse_line(&d->ehlo, reply_line(&d->parser, i));
	d->facts.extensions = d->ehlo.extensions;
	d->facts.size_limit = d->ehlo.size_limit;
	d->facts.mail_limit = d->ehlo.mail_limit;
	if (is_good)
		go_on_before_mail(d);
	else if (reply_digit(d->parser.reply.code) == 5 && !d->facts.is_secure)
		d->next = STEP_HELO;
	else
		refuse_conversation(d, STAGE_EHLO);
}

static void hear_helo(struct dialog *d, struct transaction *t, bool is_good)
{
	(void)t;
	if (is_good)
		go_on_before_mail(d);
	else
		refuse_conversation(d, STAGE_EHLO);
}

static void hear_starttls(struct dialog *d, struct transaction *t, bool is_good)
{
	(void)t;
	if (is_good) {
		d->news |= NEWS_START_TLS;
	} else if (d->config.tls == TLS_OPPORTUNISTIC) {
		d->clear_only = true;
		go_on_before_mail(d);
	} else {
		refuse_conversation(d, STAGE_STARTTLS);
	}
}

/* LOGIN's steps but the last: `next` is right already. */
static void hear_auth_more(struct dialog *d, struct transaction *t, bool is_good)
{
	(void)t;
	if (!is_good)
		refuse_conversation(d, STAGE_AUTH);
}

static void hear_auth(struct dialog *d, struct transaction *t, bool is_good)
{
	(void)t;
	d->facts.is_greeted = is_good;
	if (!is_good)
		refuse_conversation(d, STAGE_AUTH);
}

/* A peer that cannot reset is in no known state. */
static void hear_rset(struct dialog *d, struct transaction *t, bool is_good)
{
	(void)t;
	if (!is_good)
		refuse_conversation(d, STAGE_RSET);
}

/* t is settled; what it has not said yet (without PIPELINING) is not said any more. */
static void leave_transaction(struct dialog *d, struct transaction *t)
{
	d->needs_rset = t->has_mail;
	if (t == d->current && (d->next == STEP_RCPT || d->next == STEP_DATA))
		d->next = STEP_IDLE;
}

static void hear_mail(struct dialog *d, struct transaction *t, bool is_good)
{
	t->has_mail = is_good;
	if (is_good)
		return;
	settle_reply(d, t, STAGE_MAIL);
	leave_transaction(d, t);
}

static void hear_rcpt(struct dialog *d, struct transaction *t, bool is_good)
{
	if (is_good)
		return;
	settle_reply(d, t, STAGE_RCPT);
	leave_transaction(d, t);
}

/*
 * A 354 to DATA after the recipient was refused still wants a lone dot. A 503 after everything was
 * accepted means that the peer lost track.
 */
static void hear_data(struct dialog *d, struct transaction *t, bool is_good)
{
	bool was_live = t->state == SLOT_LIVE;
	if (is_good) {
		d->next = was_live ? STEP_BODY : STEP_LONE_DOT;
		return;
	}
	settle_reply(d, t, STAGE_DATA);
	leave_transaction(d, t);
	d->next = STEP_IDLE;
	if (was_live && d->parser.reply.code == 503)
		refuse_conversation(d, STAGE_DATA);
}

static void hear_dot(struct dialog *d, struct transaction *t, bool is_good)
{
	crash_point(CRASH_REPLY_READ);
	settle_reply(d, t, STAGE_DOT);
	d->facts.delivered += is_good;
}

static void hear_lone_dot(struct dialog *d, struct transaction *t, bool is_good)
{
	(void)t;
	(void)is_good;
	d->needs_rset = false;
}

static void hear_quit(struct dialog *d, struct transaction *t, bool is_good)
{
	(void)t;
	(void)is_good;
	be_over(d);
}

/* --- the table --- */

static const struct {
	enum outcome_stage stage;
	unsigned wants; /* first digit of the reply that goes on */
	void (*hear)(struct dialog *d, struct transaction *t, bool is_good);
} rules[] = {
	[STEP_BANNER] = {STAGE_BANNER, 2, hear_banner},
	[STEP_EHLO] = {STAGE_EHLO, 2, hear_ehlo},
	[STEP_HELO] = {STAGE_EHLO, 2, hear_helo},
	[STEP_STARTTLS] = {STAGE_STARTTLS, 2, hear_starttls},
	[STEP_TLS] = {STAGE_STARTTLS, 0, NULL},
	[STEP_AUTH_PLAIN] = {STAGE_AUTH, 2, hear_auth},
	[STEP_AUTH_LOGIN] = {STAGE_AUTH, 3, hear_auth_more},
	[STEP_AUTH_USER] = {STAGE_AUTH, 3, hear_auth_more},
	[STEP_AUTH_PASSWORD] = {STAGE_AUTH, 2, hear_auth},
	[STEP_IDLE] = {STAGE_MAIL, 0, NULL},
	[STEP_RSET] = {STAGE_RSET, 2, hear_rset},
	[STEP_MAIL] = {STAGE_MAIL, 2, hear_mail},
	[STEP_RCPT] = {STAGE_RCPT, 2, hear_rcpt},
	[STEP_DATA] = {STAGE_DATA, 3, hear_data},
	[STEP_BODY] = {STAGE_BODY, 0, NULL},
	[STEP_DOT] = {STAGE_DOT, 2, hear_dot},
	[STEP_LONE_DOT] = {STAGE_RSET, 2, hear_lone_dot},
	[STEP_QUIT] = {STAGE_QUIT, 2, hear_quit},
	[STEP_OVER] = {STAGE_QUIT, 0, NULL},
};

enum outcome_stage step_stage(enum step step)
{
	return rules[step].stage;
}

/* Is the reply one that step can be answered with? */
static bool is_in_protocol(const struct dialog *d, enum step step)
{
	unsigned digit = reply_digit(d->parser.reply.code);
	if (step == STEP_QUIT)
		return true;
	if (digit == rules[step].wants)
		return !d->parser.reply.is_mixed;
	return digit == 4 || digit == 5;
}

/* Nothing was asked: the peer is out of step, or says goodbye. */
static void hear_unasked(struct dialog *d)
{
	if (d->parser.reply.code == 421)
		hear_421(d);
	else
		fail_odd_reply(d, NULL);
}

void hear_reply(struct dialog *d)
{
	const struct reply *reply = &d->parser.reply;
	if (d->owed_count == 0) {
		hear_unasked(d);
		return;
	}
	struct owed owed = d->owed[d->owed_first];
	if (reply->code == 421 && owed.step != STEP_QUIT) {
		hear_421(d);
	} else if (owed.end > d->sent) {
		hear_early(d, &owed);
	} else if (!is_in_protocol(d, owed.step)) {
		fail_odd_reply(d, owed.transaction);
	} else {
		d->owed_first = (d->owed_first + 1) % OWED_MAX;
		d->owed_count--;
		d->since_ms = d->now;
		rules[owed.step].hear(d, owed.transaction,
				      reply_digit(reply->code) == rules[owed.step].wants);
		if (reply->is_mixed && !d->is_ending)
			fail_odd_reply(d, NULL);
	}
}

void hear_loss(struct dialog *d, enum outcome_words words, struct str text)
{
	if (d->is_ending) {
		be_over(d);
		return;
	}
	/* TLS 1.3: a server may refuse after the client thinks that the handshake is done. */
	bool in_first_ehlo =
		d->facts.is_secure && d->owed_count > 0 && d->owed[d->owed_first].step == STEP_EHLO;
	bool is_tls = d->next == STEP_TLS || (in_first_ehlo && words == OUTCOME_WORDS_TLS);
	d->facts.tls_failed |= is_tls;
	struct outcome why = fact(words, is_tls ? STAGE_STARTTLS : conversation_stage(d), text);
	end_now(d, &why);
}
