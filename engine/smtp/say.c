/* SPDX-License-Identifier: MIT */
/*
 * What the client says, in protocol order: each function appends one command to the output, notes
 * the reply it is owed and returns the step that follows if all goes well (RFC 5321 4.1.1).
 */
#include "engine/base/crash.h"
#include "engine/smtp/auth.h"
#include "engine/smtp/dialog_private.h"

static void owe(struct dialog *d, enum step step, struct transaction *t)
{
	must(d->owed_count < OWED_MAX);
	d->owed[(d->owed_first + d->owed_count++) % OWED_MAX] = (struct owed){
		.step = step,
		.transaction = t,
		.end = dialog_said(d),
	};
}

/* Where commands go now: behind the body if one is in the output. */
static struct buf *line(struct dialog *d)
{
	return d->body != NULL ? &d->tail : &d->head;
}

static void end_line(struct dialog *d)
{
	buf_append(line(d), "\r\n", 2);
	must(!line(d)->is_truncated);
}

static enum step say_word(struct dialog *d, const char *word, enum step step, enum step next)
{
	buf_append_cstr(line(d), word);
	end_line(d);
	owe(d, step, NULL);
	return next;
}

/* Nothing: the server speaks first. */
static enum step say_banner(struct dialog *d)
{
	owe(d, STEP_BANNER, NULL);
	return STEP_EHLO;
}

/* ehlo = "EHLO" SP ( Domain / address-literal ) CRLF */
static enum step say_ehlo(struct dialog *d)
{
	buf_append_cstr(line(d), "EHLO ");
	buf_append_str(line(d), d->config.ehlo_name);
	end_line(d);
	owe(d, STEP_EHLO, NULL);
	return STEP_IDLE;
}

static enum step say_helo(struct dialog *d)
{
	buf_append_cstr(line(d), "HELO ");
	buf_append_str(line(d), d->config.ehlo_name);
	end_line(d);
	owe(d, STEP_HELO, NULL);
	return STEP_IDLE;
}

static enum step say_starttls(struct dialog *d)
{
	return say_word(d, "STARTTLS", STEP_STARTTLS, STEP_TLS);
}

/* "AUTH" SP sasl-mech SP initial-response CRLF (RFC 4954 4) */
static enum step say_auth_plain(struct dialog *d)
{
	buf_append_cstr(line(d), "AUTH PLAIN ");
	auth_render_plain(line(d), d->config.user, d->config.password);
	end_line(d);
	owe(d, STEP_AUTH_PLAIN, NULL);
	return STEP_IDLE;
}

static enum step say_auth_login(struct dialog *d)
{
	return say_word(d, "AUTH LOGIN", STEP_AUTH_LOGIN, STEP_AUTH_USER);
}

static enum step say_auth_user(struct dialog *d)
{
	auth_render_base64(line(d), d->config.user);
	end_line(d);
	owe(d, STEP_AUTH_USER, NULL);
	return STEP_AUTH_PASSWORD;
}

static enum step say_auth_password(struct dialog *d)
{
	auth_render_base64(line(d), d->config.password);
	end_line(d);
	owe(d, STEP_AUTH_PASSWORD, NULL);
	return STEP_IDLE;
}

/* Only said when an envelope waits or QUIT is wanted. */
static enum step say_idle(struct dialog *d)
{
	if (d->queued == NULL)
		return STEP_QUIT;
	d->current = d->queued;
	d->queued = NULL;
	return d->needs_rset ? STEP_RSET : STEP_MAIL;
}

static enum step say_rset(struct dialog *d)
{
	d->needs_rset = false;
	return say_word(d, "RSET", STEP_RSET, STEP_MAIL);
}

/*
 * mail = "MAIL FROM:" Reverse-path [SP Mail-parameters] CRLF
 * SIZE= (RFC 1870 3), BODY=8BITMIME (RFC 6152 2), SMTPUTF8 (RFC 6531 3.4)
 */
static enum step say_mail(struct dialog *d)
{
	const struct envelope *e = &d->current->envelope;
	struct buf *out = line(d);
	crash_point(CRASH_MAIL);
	buf_append_cstr(out, "MAIL FROM:<");
	buf_append_str(out, e->mail_from);
	buf_append_char(out, '>');
	if (dialog_offers(d, EXTENSION_SIZE))
		buf_appendf(out, " SIZE=%llu", (unsigned long long)e->size);
	if ((e->needs_8bit || e->needs_smtputf8) && dialog_offers(d, EXTENSION_8BITMIME))
		buf_append_cstr(out, " BODY=8BITMIME");
	if (e->needs_smtputf8)
		buf_append_cstr(out, " SMTPUTF8");
	end_line(d);
	owe(d, STEP_MAIL, d->current);
	d->facts.mails++;
	return STEP_RCPT;
}

/* rcpt = "RCPT TO:" Forward-path CRLF */
static enum step say_rcpt(struct dialog *d)
{
	crash_point(CRASH_RCPT);
	buf_append_cstr(line(d), "RCPT TO:<");
	buf_append_str(line(d), d->current->envelope.rcpt_to);
	buf_append_char(line(d), '>');
	end_line(d);
	owe(d, STEP_RCPT, d->current);
	return STEP_DATA;
}

static enum step say_data(struct dialog *d)
{
	buf_append_cstr(line(d), "DATA");
	end_line(d);
	owe(d, STEP_DATA, d->current);
	return STEP_BODY;
}

/* Puts the body into the output by reference. */
static enum step say_body(struct dialog *d)
{
	crash_point(CRASH_BODY);
	must(d->body == NULL && d->tail.len == 0);
	d->body = d->current;
	d->body_slice = 0;
	d->body_offset = 0;
	d->body_left = d->current->body_size;
	d->body_since_ms = d->now;
	d->is_room_told = false;
	d->is_asked = false;
	d->is_committed = false;
	d->has_lapsed = false;
	return STEP_DOT;
}

/* The body ends in CRLF, so this is the rest of CRLF "." CRLF (RFC 5321 4.1.1.4). */
static enum step say_dot(struct dialog *d)
{
	crash_point(CRASH_DOT);
	d->current->dot_at = dialog_said(d);
	buf_append_char(line(d), '.');
	end_line(d);
	owe(d, STEP_DOT, d->current);
	return STEP_IDLE;
}

/* No commit: this ends a message without recipients (RFC 2920 3.1). */
static enum step say_lone_dot(struct dialog *d)
{
	return say_word(d, ".", STEP_LONE_DOT, STEP_IDLE);
}

/* Either the owner's wish or the end of a conversation that failed. */
static enum step say_quit(struct dialog *d)
{
	struct outcome why = {.words = OUTCOME_WORDS_LOCAL,
			      .stage = STAGE_QUIT,
			      .text = STR("closed in good order")};
	begin_end(d, &why);
	return say_word(d, "QUIT", STEP_QUIT, STEP_OVER);
}

say_fn say_for(enum step step)
{
	static const say_fn table[] = {
		[STEP_BANNER] = say_banner,
		[STEP_EHLO] = say_ehlo,
		[STEP_HELO] = say_helo,
		[STEP_STARTTLS] = say_starttls,
		[STEP_TLS] = NULL,
		[STEP_AUTH_PLAIN] = say_auth_plain,
		[STEP_AUTH_LOGIN] = say_auth_login,
		[STEP_AUTH_USER] = say_auth_user,
		[STEP_AUTH_PASSWORD] = say_auth_password,
		[STEP_IDLE] = say_idle,
		[STEP_RSET] = say_rset,
		[STEP_MAIL] = say_mail,
		[STEP_RCPT] = say_rcpt,
		[STEP_DATA] = say_data,
		[STEP_BODY] = say_body,
		[STEP_DOT] = say_dot,
		[STEP_LONE_DOT] = say_lone_dot,
		[STEP_QUIT] = say_quit,
		[STEP_OVER] = NULL,
	};
	return table[step];
}
