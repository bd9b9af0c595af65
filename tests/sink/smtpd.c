/* SPDX-License-Identifier: MIT */
/* The receiver's conversation: its life, its lines, the body and the dot; see smtpd.h. */
#include "tests/sink/smtpd.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "tests/sink/save.h"
#include "tests/sink/smtpd_private.h"

#define LINE_MAX_OCTETS (64u * 1024)
#define OUT_MAX (64u * 1024 * 1024)
#define RCPTS_MAX (1024u * 1024)
#define ADDRESS_MAX (64u * 1024)
#define AUTH_MAX 1024u
#define SUBJECT_MAX 64u

static struct account_key limit_key(const struct smtpd *s, uint32_t client)
{
	const struct profile *p = s->place->profile;
	switch (p->limits.scope) {
	case SCOPE_CLIENT_PROFILE:
		return (struct account_key){client, PLACE_LIMITED_PROFILE, p->index};
	case SCOPE_PROFILE:
		return (struct account_key){0, PLACE_LIMITED_PROFILE, p->index};
	case SCOPE_CLIENT_LISTENER:
		break;
	}
	return (struct account_key){client, PLACE_LIMITED_LISTENER, s->place->index};
}

static void join_accounts(struct smtpd *s, uint32_t client)
{
	struct accounts *accounts = &s->world->accounts;
	struct stats *stats = &s->world->stats;
	s->pair = accounts_get(accounts,
			       (struct account_key){client, PLACE_LISTENER, s->place->index});
	s->any = accounts_get(accounts, (struct account_key){client, PLACE_ANYWHERE, 0});
	s->limit = accounts_get(accounts, limit_key(s, client));
	account_connect(s->pair, s->world->now_us);
	account_connect(s->any, s->world->now_us);
	s->connection = ++stats->connections;
	if (++stats->open > stats->max_open)
		stats->max_open = stats->open;
}

/* The limit that refuses this connection, as the reply to give; empty if none. The limit account is
 * joined only by a connection that is let in; a refused one counts in the connection rate. */
static struct str connection_refusal(struct smtpd *s)
{
	const struct limits *limits = &s->place->profile->limits;
	int64_t now_us = s->world->now_us;
	for (size_t i = 0; i < limits->rate_count; i++) {
		const struct rate *rate = &limits->rates[i];
		if (rate->connections > 0 && meter_count(&s->limit->connects, now_us,
							 rate->per_us) >= (size_t)rate->connections)
			return rate->reply;
	}
	if (limits->connections > 0 && s->limit->open >= (uint64_t)limits->connections)
		return limits->connections_reply;
	return STR("");
}

static void greet(struct smtpd *s)
{
	char subject[SUBJECT_MAX];
	struct str refusal = connection_refusal(s);
	if (refusal.len > 0) {
		meter_add(&s->limit->connects, s->world->now_us);
		struct answer answer = answer_fixed(refusal);
		answer.then = THEN_CLOSE;
		answer_give(s, STEP_BANNER, &answer);
		return;
	}
	account_connect(s->limit, s->world->now_us);
	s->is_counted_by_limit = true;
	struct answer answer =
		answer_choose(s, STEP_BANNER, connection_subject(s, subject, sizeof(subject)),
			      s->place->profile->greeting);
	answer_give(s, STEP_BANNER, &answer);
}

void smtpd_open(struct smtpd *s, struct world *world, struct place *place, uint32_t client)
{
	*s = (struct smtpd){.world = world, .place = place};
	struct in_addr address = {.s_addr = client};
	inet_ntop(AF_INET, &address, s->client, sizeof(s->client));
	buf_init(&s->auth, AUTH_MAX);
	buf_init(&s->sender, ADDRESS_MAX);
	buf_init(&s->rcpts, RCPTS_MAX);
	buf_init(&s->out, OUT_MAX);
	body_init(&s->body);
	join_accounts(s, client);
	struct event event = event_of(s, "connect");
	log_event(s, &event);
	greet(s);
}

void smtpd_close(struct smtpd *s)
{
	smtpd_leave(s, "sink");
	buf_done(&s->auth);
	buf_done(&s->sender);
	buf_done(&s->rcpts);
	buf_done(&s->out);
	body_done(&s->body);
}

void smtpd_leave(struct smtpd *s, const char *why)
{
	if (s->has_left)
		return;
	s->has_left = true;
	account_leave(s->pair);
	account_leave(s->any);
	if (s->is_counted_by_limit)
		account_leave(s->limit);
	s->world->stats.open--;
	struct event event = event_of(s, "close");
	event.rcpt = first_rcpt(s);
	event.detail = str_from(why);
	log_event(s, &event);
}

static bool names_rcpt(const struct smtpd *s, struct str rcpt)
{
	struct str to = body_header(&s->body, STR("To"));
	for (size_t i = 0; i + rcpt.len <= to.len; i++)
		if (str_starts_with_nocase(str_slice(to, i, to.len), rcpt))
			return true;
	return false;
}

/* The message is ours now: counts it, logs it, saves it. */
static void accept_message(struct smtpd *s, int code)
{
	char queue_id[SUBJECT_MAX];
	struct world *world = s->world;
	struct stats *stats = &world->stats;
	snprintf(queue_id, sizeof(queue_id), "%06llu", (unsigned long long)world->messages);
	if (s->is_saved)
		save_message(world->save_dir, queue_id, &s->body);
	struct event event = event_of(s, "accepted");
	event.code = code;
	event.size = s->body.size;
	event.message_id = body_header(&s->body, STR("Message-ID"));
	event.detail = str_from(queue_id);
	stats->bytes += s->body.size;
	stats->bare_lf += s->body.bare_lf > 0;
	stats->long_lines += s->body.long_lines > 0;
	struct str rest = buf_str(&s->rcpts);
	while (rest.len > 0) {
		event.rcpt = next_rcpt(&rest);
		stats_accept(stats, event.rcpt, event.message_id, world->now_us);
		stats->silent += code == 0;
		stats->mismatched += world->verify_rcpt && !names_rcpt(s, event.rcpt);
		s->pair->accepted++;
		s->any->accepted++;
		log_event(s, &event);
	}
}

static void hear_dot(struct smtpd *s)
{
	struct buf usual;
	struct answer answer;
	buf_init(&usual, SUBJECT_MAX);
	buf_appendf(&usual, "250 2.0.0 Ok: queued as %06llu\r\n",
		    (unsigned long long)(s->world->messages + 1));
	if (s->refusal.is_set && s->refusal.at == STEP_DOT)
		answer = answer_fixed(s->refusal.say);
	else
		answer = answer_choose(s, STEP_DOT, first_rcpt(s), buf_str(&usual));
	bool is_taken = answer.accept == TRISTATE_UNSET ? answer.code / 100 == 2
							: answer.accept == TRISTATE_TRUE;
	if (is_taken) {
		s->world->messages++;
		accept_message(s, answer.code);
	}
	answer_give(s, STEP_DOT, &answer);
	s->owes_dot_reply = answer.say.len > 0;
	s->mode = MODE_COMMAND;
	transaction_reset(s);
	buf_done(&usual);
}

static size_t hear_body(struct smtpd *s, struct str bytes)
{
	bool has_ended;
	const struct rule *rule = s->in_body;
	if (rule != NULL) {
		uint64_t room = (uint64_t)rule->after_bytes - s->body.size;
		bytes = str_slice(bytes, 0, (size_t)room);
	}
	size_t taken = body_feed(&s->body, bytes, &has_ended);
	if (has_ended) {
		hear_dot(s);
	} else if (rule != NULL && s->body.size >= (uint64_t)rule->after_bytes) {
		struct answer answer = {rule->say,    rule->say.len ? reply_code(rule->say) : 0,
					rule->repeat, rule->delay_ms,
					rule->then,   TRISTATE_UNSET};
		s->in_body = NULL;
		answer_give(s, STEP_BODY, &answer);
	}
	return taken;
}

static void hear_line(struct smtpd *s, struct str line)
{
	if (s->mode == MODE_COMMAND)
		command_hear(s, line);
	else
		auth_hear(s, line);
}

static size_t hear_command(struct smtpd *s, struct str bytes)
{
	ptrdiff_t end = str_find_char(bytes, '\n');
	if (end >= 0) {
		struct str line = str_slice(bytes, 0, (size_t)end);
		if (line.len > 0 && line.ptr[line.len - 1] == '\r')
			line.len--;
		hear_line(s, line);
		return (size_t)end + 1;
	}
	if (bytes.len <= LINE_MAX_OCTETS)
		return 0;
	struct answer answer = answer_fixed(STR("500 5.5.2 Line too long\r\n"));
	answer.then = THEN_CLOSE;
	answer_give(s, STEP_OTHER, &answer);
	return bytes.len;
}

static size_t hear(struct smtpd *s, struct str bytes)
{
	switch (s->mode) {
	case MODE_DEAF:
		return bytes.len;
	case MODE_BODY:
		return hear_body(s, bytes);
	case MODE_COMMAND:
	case MODE_AUTH_PLAIN:
	case MODE_AUTH_NAME:
	case MODE_AUTH_PASSWORD:
		break;
	}
	return hear_command(s, bytes);
}

size_t smtpd_feed(struct smtpd *s, struct str bytes)
{
	size_t taken = 0;
	while (taken < bytes.len && s->pause_ms == 0 && s->then == THEN_GO && !s->has_left) {
		size_t n = hear(s, str_slice(bytes, taken, bytes.len));
		if (n == 0)
			break;
		taken += n;
	}
	return taken;
}

void smtpd_resume(struct smtpd *s)
{
	s->pause_ms = 0;
	s->held = 0;
}

void smtpd_sent(struct smtpd *s)
{
	buf_clear(&s->out);
	s->owes_dot_reply = false;
}

void smtpd_secured(struct smtpd *s, const char *version, bool is_resumed)
{
	char detail[SUBJECT_MAX];
	s->is_secure = true;
	s->is_greeted = s->is_authenticated = false; /* RFC 3207 4.2: all is forgotten */
	transaction_reset(s);
	s->world->stats.tls++;
	s->world->stats.tls_resumed += is_resumed;
	snprintf(detail, sizeof(detail), "%s%s", version, is_resumed ? " resumed" : "");
	struct event event = event_of(s, "tls");
	event.detail = str_from(detail);
	log_event(s, &event);
}

void smtpd_deafen(struct smtpd *s)
{
	s->mode = MODE_DEAF;
	s->then = THEN_GO;
}

void smtpd_idle(struct smtpd *s)
{
	answer_say(s, STEP_OTHER, STR("421 4.4.2 Idle for too long\r\n"));
}
