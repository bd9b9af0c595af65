/* SPDX-License-Identifier: MIT */
/* What the receiver says: the script, delays, refusals and their log lines. */
#include "tests/sink/smtpd_private.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/hash.h"

#define DETAIL_MAX 512u

struct event event_of(const struct smtpd *s, const char *name)
{
	return (struct event){
		.wall_us = s->world->wall_us,
		.listener = s->place->text,
		.client = s->client,
		.name = name,
		.mail_from = s->has_sender
				     ? str_of(s->sender.data ? s->sender.data : "", s->sender.len)
				     : (struct str){0},
		.is_overlapping = s->has_sender && s->is_overlapping,
		.connection = s->connection,
		.port = s->place->port,
	};
}

void log_event(struct smtpd *s, const struct event *event)
{
	events_add(&s->world->events, event);
}

struct str connection_subject(struct smtpd *s, char *text, size_t size)
{
	snprintf(text, size, "%s#%llu", s->client, (unsigned long long)s->connection);
	return str_from(text);
}

struct str next_rcpt(struct str *rest)
{
	return str_take_until(rest, '\0');
}

struct str first_rcpt(const struct smtpd *s)
{
	struct str rest = buf_str(&s->rcpts);
	return next_rcpt(&rest);
}

struct answer answer_fixed(struct str say)
{
	int code = reply_code(say);
	return (struct answer){
		.say = say, .code = code, .repeat = 1, .then = code == 421 ? THEN_CLOSE : THEN_GO};
}

struct answer answer_choose(struct smtpd *s, enum step step, struct str subject, struct str usual)
{
	struct situation where = {
		.subject = subject, .seed = s->world->seed, .is_secure = s->is_secure};
	const struct rule *rule = rules_pick(&s->place->profile->rules[step], &where);
	if (rule == NULL)
		return answer_fixed(usual);
	return (struct answer){.say = rule->say,
			       .code = reply_code(rule->say),
			       .repeat = rule->repeat,
			       .delay_ms = rule->delay_ms,
			       .then = rule->then,
			       .accept = rule->accept};
}

static int64_t delay_of(struct smtpd *s, enum step step)
{
	struct span_ms span = s->place->profile->delays[step];
	uint64_t width = (uint64_t)(span.most - span.least) + 1;
	return span.least + (width > 1 ? (int64_t)(prng_next(&s->world->random) % width) : 0);
}

/* One line, and one in the statistics. */
static void log_one_refusal(struct smtpd *s, enum step step, struct str rcpt,
			    const struct answer *answer)
{
	char detail[DETAIL_MAX];
	bool is_final = answer->code >= 500;
	struct event event = event_of(s, is_final ? "rejected" : "deferred");
	snprintf(detail, sizeof(detail), "%s %.*s", step_name(step),
		 STR_ARG(str_trim(answer->say)));
	event.detail = str_from(detail);
	event.code = answer->code;
	event.rcpt = rcpt;
	if (step == STEP_DOT)
		event.message_id = body_header(&s->body, STR("Message-ID"));
	log_event(s, &event);
	*(is_final ? &s->world->stats.rejected : &s->world->stats.deferred) += 1;
}

void answer_log_rcpt(struct smtpd *s, struct str rcpt, const struct answer *answer)
{
	if (answer->code >= 400)
		log_one_refusal(s, STEP_RCPT, rcpt, answer);
}

static void log_refusal(struct smtpd *s, enum step step, const struct answer *answer)
{
	bool is_about_rcpts = step == STEP_DATA || step == STEP_BODY || step == STEP_DOT;
	struct str rest = is_about_rcpts ? buf_str(&s->rcpts) : (struct str){0};
	do
		log_one_refusal(s, step, next_rcpt(&rest), answer);
	while (rest.len > 0);
}

bool answer_give(struct smtpd *s, enum step step, const struct answer *answer)
{
	int64_t delay_ms = answer->delay_ms + delay_of(s, step);
	size_t before = s->out.len;
	for (int64_t i = 0; i < answer->repeat; i++)
		buf_append_str(&s->out, answer->say);
	if (delay_ms > 0) {
		s->pause_ms = delay_ms;
		s->held = s->out.len - before;
	}
	s->then = answer->then;
	if (answer->code >= 400 && step != STEP_RCPT)
		log_refusal(s, step, answer);
	return answer->code >= 200 && answer->code < 400;
}

bool answer_say(struct smtpd *s, enum step step, struct str say)
{
	struct answer answer = answer_fixed(say);
	return answer_give(s, step, &answer);
}
