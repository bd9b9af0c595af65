/* SPDX-License-Identifier: MIT */
/*
 * The commands, in protocol order (RFC 5321 4.1.1; 3207 STARTTLS). Each checks its order and
 * syntax, then the limits of the profile, then the script, then answers as usual.
 */
#include <string.h>

#include "engine/base/hash.h"
#include "tests/sink/smtpd_private.h"

#define SUBJECT_MAX 64u
#define KEY_MAX 2048u
#define EHLO_MAX 4096u

void transaction_reset(struct smtpd *s)
{
	s->has_sender = s->is_overlapping = false;
	buf_clear(&s->sender);
	buf_clear(&s->rcpts);
	s->rcpt_count = 0;
	s->refusal.is_set = false;
	s->in_body = NULL;
}

static void hear_hello(struct smtpd *s, enum step step, struct str name, struct str usual)
{
	struct answer answer = answer_choose(s, step, name, usual);
	s->is_greeted = answer_give(s, step, &answer);
	transaction_reset(s);
	struct event event = event_of(s, "helo");
	event.code = answer.code;
	event.detail = name;
	log_event(s, &event);
}

static void hear_helo(struct smtpd *s, struct str name)
{
	struct buf usual;
	buf_init(&usual, EHLO_MAX);
	buf_appendf(&usual, "250 %.*s\r\n", STR_ARG(s->place->profile->host));
	hear_hello(s, STEP_HELO, name, buf_str(&usual));
	buf_done(&usual);
}

static void hear_ehlo(struct smtpd *s, struct str name)
{
	const struct profile *p = s->place->profile;
	struct buf usual;
	buf_init(&usual, EHLO_MAX);
	buf_appendf(&usual, "250-%.*s\r\n", STR_ARG(p->host));
	size_t last = 0;
	for (size_t i = 0; i < p->extension_count; i++) {
		if (s->is_secure && str_equals(p->extensions[i], STR("STARTTLS")))
			continue;
		last = usual.len;
		buf_appendf(&usual, "250-%.*s\r\n", STR_ARG(p->extensions[i]));
	}
	if (usual.len > 0)
		usual.data[last + 3] = ' '; /* the last line of the reply */
	hear_hello(s, STEP_EHLO, name, buf_str(&usual));
	buf_done(&usual);
}

static void hear_starttls(struct smtpd *s, struct str arguments)
{
	static const struct str usual = STR_INIT("220 2.0.0 Ready to start TLS\r\n");
	char subject[SUBJECT_MAX];
	(void)arguments;
	if (s->is_secure || s->place->profile->tls_context == NULL) {
		answer_say(s, STEP_STARTTLS, STR("502 5.5.1 STARTTLS is not available\r\n"));
		return;
	}
	struct answer answer = answer_choose(
		s, STEP_STARTTLS, connection_subject(s, subject, sizeof(subject)), usual);
	if (answer.say.ptr == usual.ptr)
		answer.then = THEN_TLS;
	answer_give(s, STEP_STARTTLS, &answer);
}

/* "FROM:" or "TO:", then a path; *rest_out is what follows it. Only "<...>" directly after the
 * colon is right (RFC 5321 3.3). */
static int take_path(struct str line, struct str keyword, struct str *path_out,
		     struct str *rest_out)
{
	if (!str_starts_with_nocase(line, keyword))
		return -1;
	line = str_slice(line, keyword.len, line.len);
	ptrdiff_t end = -1;
	bool is_quoted = false;
	for (size_t i = 0; i < line.len && end < 0; i++) {
		if (line.ptr[i] == '\\')
			i++;
		else if (line.ptr[i] == '"')
			is_quoted = !is_quoted;
		else if (line.ptr[i] == '>' && !is_quoted)
			end = (ptrdiff_t)i;
	}
	if (end < 1 || line.ptr[0] != '<')
		return -1;
	*path_out = str_slice(line, 1, (size_t)end);
	*rest_out = str_slice(line, (size_t)end + 1, line.len);
	return rest_out->len == 0 || rest_out->ptr[0] == ' ' ? 0 : -1;
}

/* The number after "SIZE" in the profile's extensions; 0 = no limit (RFC 1870). */
static uint64_t size_limit(const struct profile *p)
{
	uint64_t limit = 0;
	for (size_t i = 0; i < p->extension_count; i++)
		if (str_starts_with(p->extensions[i], STR("SIZE ")) &&
		    str_to_u64(str_slice(p->extensions[i], 5, p->extensions[i].len), &limit) != 0)
			limit = 0;
	return limit;
}

static bool is_too_large(const struct smtpd *s, struct str parameters)
{
	uint64_t limit = size_limit(s->place->profile), size = 0;
	while (limit > 0 && parameters.len > 0) {
		struct str one = str_take_until(&parameters, ' ');
		if (str_starts_with_nocase(one, STR("SIZE=")) &&
		    str_to_u64(str_slice(one, 5, one.len), &size) == 0 && size > limit)
			return true;
	}
	return false;
}

_Static_assert(RATES_MAX <= ACCOUNT_BUCKETS, "each rate has a bucket");

static bool is_over(const struct smtpd *s, size_t i)
{
	const struct rate *rate = &s->place->profile->limits.rates[i];
	int64_t now_us = s->world->now_us;
	if (rate->messages == 0)
		return false;
	if (rate->burst > 0)
		return !bucket_has_token(&s->limit->buckets[i], rate->burst, rate->messages,
					 rate->per_us, now_us);
	return meter_count(&s->limit->messages, now_us, rate->per_us) >= (size_t)rate->messages;
}

/* The message is taken. */
static void count_message(struct smtpd *s)
{
	const struct limits *limits = &s->place->profile->limits;
	account_message(s->limit, s->world->now_us);
	for (size_t i = 0; i < limits->rate_count; i++)
		if (limits->rates[i].messages > 0 && limits->rates[i].burst > 0)
			s->limit->buckets[i].tokens -= 1;
}

/* The rate that has its client turned away, or the first that this message is over. */
static const struct rate *rate_exceeded(const struct smtpd *s)
{
	const struct limits *limits = &s->place->profile->limits;
	struct account *client = s->limit;
	int64_t now_us = s->world->now_us;
	if (now_us < client->banned_until_us && client->banned_by < limits->rate_count)
		return &limits->rates[client->banned_by];
	for (size_t i = 0; i < limits->rate_count; i++) {
		const struct rate *rate = &limits->rates[i];
		if (!is_over(s, i))
			continue;
		client->banned_until_us = now_us + rate->ban_us;
		client->banned_by = i;
		return rate;
	}
	return NULL;
}

/* Whether a refusal decided at MAIL is due at step; if so it is given. */
static bool refuses(struct smtpd *s, enum step step)
{
	if (!s->refusal.is_set || s->refusal.at != step)
		return false;
	answer_say(s, step, s->refusal.say);
	return true;
}

static void log_command(struct smtpd *s, const char *name, struct str rcpt, int code)
{
	struct event event = event_of(s, name);
	event.rcpt = rcpt;
	event.code = code;
	log_event(s, &event);
}

/* The answer to a MAIL of right syntax; counts the message. */
static struct answer judge_mail(struct smtpd *s)
{
	const struct limits *limits = &s->place->profile->limits;
	if (limits->messages_per_connection > 0 && s->messages >= limits->messages_per_connection)
		return answer_fixed(limits->messages_per_connection_reply);
	const struct rate *rate = rate_exceeded(s);
	if (rate != NULL && rate->at == STEP_MAIL)
		return answer_fixed(rate->reply);
	if (rate != NULL)
		s->refusal = (struct refusal){true, rate->at, rate->reply};
	struct answer answer =
		answer_choose(s, STEP_MAIL, buf_str(&s->sender), STR("250 2.1.0 Ok\r\n"));
	if (rate == NULL && answer.code / 100 == 2)
		count_message(s);
	return answer;
}

static void hear_mail(struct smtpd *s, struct str arguments)
{
	struct str path, parameters;
	if (!s->is_greeted || s->has_sender) {
		answer_say(s, STEP_MAIL, STR("503 5.5.1 Bad sequence of commands\r\n"));
		return;
	}
	if (s->place->profile->user_count > 0 && !s->is_authenticated) {
		answer_say(s, STEP_MAIL, STR("530 5.7.0 Authentication required\r\n"));
		return;
	}
	if (take_path(arguments, STR("FROM:"), &path, &parameters) != 0) {
		answer_say(s, STEP_MAIL, STR("501 5.5.4 Syntax: MAIL FROM:<address>\r\n"));
		return;
	}
	if (is_too_large(s, parameters)) {
		answer_say(s, STEP_MAIL, STR("552 5.3.4 Message too large\r\n"));
		return;
	}
	buf_append_str(&s->sender, path);
	s->has_sender = true;
	s->is_overlapping = s->owes_dot_reply;
	s->world->stats.overlapping += s->is_overlapping;
	struct answer answer = judge_mail(s);
	log_command(s, "mail", (struct str){0}, answer.code);
	if (!answer_give(s, STEP_MAIL, &answer)) {
		transaction_reset(s);
		return;
	}
	s->messages++;
	account_message(s->pair, s->world->now_us);
	account_message(s->any, s->world->now_us);
}

static bool is_greylisted(struct smtpd *s, struct str rcpt)
{
	const struct greylisting *greylist = &s->place->profile->greylist;
	if (!greylist->is_on)
		return false;
	struct buf key;
	buf_init(&key, KEY_MAX);
	buf_appendf(&key, "%s %.*s %.*s", s->client, STR_ARG(buf_str(&s->sender)), STR_ARG(rcpt));
	const struct seen_entry *entry =
		seen_add(&s->world->greylist, hash_str(buf_str(&key)), s->world->now_us);
	buf_done(&key);
	if (greylist->seconds == 0)
		return entry->times == 1;
	return s->world->now_us - entry->first_us < greylist->seconds * METER_SECOND_US;
}

static struct answer judge_rcpt(struct smtpd *s, struct str rcpt)
{
	const struct limits *limits = &s->place->profile->limits;
	if (s->refusal.is_set && s->refusal.at == STEP_RCPT)
		return answer_fixed(s->refusal.say);
	if (limits->rcpts_per_message > 0 && s->rcpt_count >= limits->rcpts_per_message)
		return answer_fixed(limits->rcpts_per_message_reply);
	if (is_greylisted(s, rcpt))
		return answer_fixed(s->place->profile->greylist.reply);
	return answer_choose(s, STEP_RCPT, rcpt, STR("250 2.1.5 Ok\r\n"));
}

static void hear_rcpt(struct smtpd *s, struct str arguments)
{
	struct str rcpt, parameters;
	if (!s->has_sender) {
		answer_say(s, STEP_OTHER, STR("503 5.5.1 MAIL first\r\n"));
		return;
	}
	if (take_path(arguments, STR("TO:"), &rcpt, &parameters) != 0 || rcpt.len == 0) {
		answer_say(s, STEP_OTHER, STR("501 5.5.4 Syntax: RCPT TO:<address>\r\n"));
		return;
	}
	struct answer answer = judge_rcpt(s, rcpt);
	log_command(s, "rcpt", rcpt, answer.code);
	if (!answer_give(s, STEP_RCPT, &answer)) {
		answer_log_rcpt(s, rcpt, &answer);
		return;
	}
	buf_append_str(&s->rcpts, rcpt);
	buf_append_char(&s->rcpts, '\0');
	s->rcpt_count++;
}

static void hear_data(struct smtpd *s, struct str arguments)
{
	(void)arguments;
	struct str subject = first_rcpt(s);
	if (s->rcpt_count == 0) {
		answer_say(s, STEP_OTHER,
			   s->has_sender ? STR("554 5.5.1 No valid recipients\r\n")
					 : STR("503 5.5.1 MAIL first\r\n"));
		return;
	}
	if (refuses(s, STEP_DATA)) {
		transaction_reset(s);
		return;
	}
	struct answer answer = answer_choose(s, STEP_DATA, subject,
					     STR("354 End data with <CR><LF>.<CR><LF>\r\n"));
	log_command(s, "data", subject, answer.code);
	answer_give(s, STEP_DATA, &answer);
	if (answer.code / 100 != 3) {
		transaction_reset(s);
		return;
	}
	struct situation where = {subject, s->world->seed, s->is_secure};
	s->in_body = rules_pick(&s->place->profile->rules[STEP_BODY], &where);
	s->is_saved = s->world->save_dir != NULL && s->world->bodies++ % s->world->save_every == 0;
	body_begin(&s->body, s->is_saved);
	s->mode = MODE_BODY;
}

static void hear_rset(struct smtpd *s, struct str arguments)
{
	char subject[SUBJECT_MAX];
	(void)arguments;
	transaction_reset(s);
	struct answer answer =
		answer_choose(s, STEP_RSET, connection_subject(s, subject, sizeof(subject)),
			      STR("250 2.0.0 Ok\r\n"));
	answer_give(s, STEP_RSET, &answer);
}

static void hear_noop(struct smtpd *s, struct str arguments)
{
	(void)arguments;
	answer_say(s, STEP_OTHER, STR("250 2.0.0 Ok\r\n"));
}

static void hear_quit(struct smtpd *s, struct str arguments)
{
	static const struct str usual = STR_INIT("221 2.0.0 Bye\r\n");
	char subject[SUBJECT_MAX];
	(void)arguments;
	struct answer answer =
		answer_choose(s, STEP_QUIT, connection_subject(s, subject, sizeof(subject)), usual);
	if (answer.say.ptr == usual.ptr)
		answer.then = THEN_CLOSE;
	answer_give(s, STEP_QUIT, &answer);
}

static void hear_auth(struct smtpd *s, struct str arguments)
{
	if (s->place->profile->has_auth)
		auth_begin(s, arguments);
	else
		answer_say(s, STEP_AUTH, STR("502 5.5.1 AUTH is not available\r\n"));
}

void command_hear(struct smtpd *s, struct str line)
{
	static const struct {
		struct str verb;
		void (*hear)(struct smtpd *s, struct str arguments);
	} commands[] = {
		{STR_INIT("MAIL"), hear_mail}, {STR_INIT("RCPT"), hear_rcpt},
		{STR_INIT("DATA"), hear_data}, {STR_INIT("EHLO"), hear_ehlo},
		{STR_INIT("HELO"), hear_helo}, {STR_INIT("STARTTLS"), hear_starttls},
		{STR_INIT("AUTH"), hear_auth}, {STR_INIT("RSET"), hear_rset},
		{STR_INIT("NOOP"), hear_noop}, {STR_INIT("QUIT"), hear_quit},
	};
	struct str verb = str_take_until(&line, ' ');
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (str_equals_nocase(verb, commands[i].verb)) {
			commands[i].hear(s, line);
			return;
		}
	}
	answer_say(s, STEP_OTHER, STR("500 5.5.2 Command not known\r\n"));
}
