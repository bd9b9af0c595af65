/* SPDX-License-Identifier: MIT */
/*
 * Connections to modelled receivers, for virtual.h: the order of events is that of
 * engine/net/session.h, the time between them the round trips and the service of the receiver.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/ip.h"
#include "engine/net/session.h"
#include "scheduler/node/work.h"
#include "tests/sim/virtual.h"

enum step {
	CONNECTING, /* the SYN is on its way */
	GREETING,   /* taken: greeting and EHLO are under way */
	REFUSED,    /* the answer that there is no conversation is on its way */
	IDLE,
	MAIL,	  /* the envelope is on its way to the receiver */
	TURNED,	  /* its refusal is on its way back */
	BODY,	  /* taken: 354 is on its way back */
	HELD,	  /* complete but for its terminator */
	DOT,	  /* the terminator is on its way, and the receiver at work */
	ANSWERED, /* its final reply is on its way back */
	GIVEN_UP, /* by us, with something under way */
	QUITTING, /* our QUIT is on its way */
	CLOSING,  /* the peer's end is on its way */
};

struct session {
	const struct session_events *events;
	void *owner;
	struct loop *loop;
	struct receiver *receiver; /* NULL: nobody has this address */
	int host;
	uint32_t source;
	enum step step;
	bool is_counted; /* the receiver has it among its open connections */
	bool is_at_work; /* the receiver owes mail its final reply */
	struct receiver_mail mail;
	int64_t reply_ms; /* what the final reply takes on its way back */
	struct timer timer;
	void *tag; /* what is under way */
	struct receiver_reply reply;
	struct session_facts facts;
	struct outcome why;
};

struct net {
	struct loop *loop;
	size_t sessions;
};

/* The end of a connection we gave up, on its way to the receiver. */
struct farewell {
	struct list node; /* machine_farewells */
	struct timer timer;
	struct loop *loop;
	struct receiver *receiver;
	uint32_t source;
	bool is_at_work;
	struct receiver_mail mail;
};

static void mail_arrives(struct session *s);

static struct net machine_net;
static struct receiver *const *machine_receivers;
static size_t machine_receiver_count;
static struct list machine_farewells = {&machine_farewells, &machine_farewells};

void virtual_receivers(struct receiver *const *receivers, size_t count)
{
	machine_receivers = receivers;
	machine_receiver_count = count;
}

struct net *net_open(struct loop *l)
{
	machine_net = (struct net){.loop = l};
	return &machine_net;
}

void net_close(struct net *n)
{
	must(n->sessions == 0);
}

struct loop *net_loop(const struct net *n)
{
	return n->loop;
}

size_t net_sessions(const struct net *n)
{
	return n->sessions;
}

/* -------------------------------------------------------------------------------------- helpers */

static void take_step(struct session *s, enum step step, int64_t in_ms)
{
	s->step = step;
	timer_set(s->loop, &s->timer, loop_now_ms(s->loop) + in_ms);
}

static int64_t half_trip(const struct session *s)
{
	return virtual_jitter(s->receiver ? s->receiver->rtt_ms / 2 : 1);
}

/* "421 4.7.0 text" */
static struct outcome outcome_of(const char *line, enum outcome_stage stage)
{
	struct outcome o = {.words = OUTCOME_WORDS_REMOTE, .stage = stage};
	unsigned klass, subject, detail;
	int length = 0;
	uint64_t code = 0;
	must(str_to_u64(str_slice(str_from(line), 0, 3), &code) == 0);
	o.code = (uint16_t)code;
	line += strlen(line) > 4 ? 4 : 3;
	if (sscanf(line, "%1u.%3u.%3u %n", &klass, &subject, &detail, &length) == 3) {
		o.enhanced =
			(struct enhanced_code){(uint8_t)klass, (uint16_t)subject, (uint16_t)detail};
		line += length;
	}
	o.text = str_from(line);
	return o;
}

static void be_answered(struct session *s)
{
	if (s->is_at_work)
		receiver_answered(s->receiver, &s->mail);
	s->is_at_work = false;
}

static void leave_receiver(struct session *s)
{
	be_answered(s);
	if (s->is_counted)
		receiver_disconnect(s->receiver, s->source);
	s->is_counted = false;
}

static void arrive_farewell(struct farewell *f)
{
	if (f->is_at_work)
		receiver_answered(f->receiver, &f->mail);
	receiver_disconnect(f->receiver, f->source);
	timer_clear(f->loop, &f->timer);
	list_remove(&f->node);
	free(f);
}

static void on_farewell(struct timer *t)
{
	arrive_farewell(t->owner);
}

/* It is over for us; the receiver hears of it half a trip later. */
static void say_farewell(struct session *s)
{
	if (!s->is_counted)
		return;
	struct farewell *f = xcalloc(1, sizeof(*f));
	*f = (struct farewell){.timer = {.on_due = on_farewell, .owner = f},
			       .loop = s->loop,
			       .receiver = s->receiver,
			       .source = s->source,
			       .is_at_work = s->is_at_work,
			       .mail = s->mail};
	list_init(&f->node);
	list_push_back(&machine_farewells, &f->node);
	timer_set(f->loop, &f->timer, loop_now_ms(f->loop) + s->receiver->rtt_ms / 2);
	s->is_counted = s->is_at_work = false;
}

void virtual_net_end(void)
{
	while (!list_is_empty(&machine_farewells))
		arrive_farewell(LIST_ITEM(list_first(&machine_farewells), struct farewell, node));
}

static void finish(struct session *s)
{
	leave_receiver(s);
	s->events->on_closed(s->owner, s, &s->why);
	timer_clear(s->loop, &s->timer);
	machine_net.sessions--;
	free(s);
}

static void settle(struct session *s, const struct outcome *outcome)
{
	void *tag = s->tag;
	s->tag = NULL;
	s->events->on_outcome(s->owner, s, tag, outcome);
}

static void become_ready(struct session *s)
{
	s->step = IDLE;
	if (s->facts.ready_at_ms == 0)
		s->facts.ready_at_ms = loop_now_ms(s->loop);
	s->events->on_ready(s->owner, s);
}

/* ---------------------------------------------------------------------------------------- steps */

static void arrive(struct session *s)
{
	if (s->receiver == NULL) {
		s->reply = (struct receiver_reply){.what = RECEIVER_UNREACHABLE};
	} else {
		s->reply = receiver_connect(s->receiver, s->source, s->host, loop_now_ms(s->loop));
		s->is_counted = s->reply.what == RECEIVER_TAKES;
	}
	if (s->reply.what == RECEIVER_TAKES)
		take_step(s, GREETING, half_trip(s) + virtual_jitter(s->receiver->rtt_ms));
	else if (s->reply.what == RECEIVER_SILENT)
		take_step(s, REFUSED, smtp_timeouts_default.connect_ms);
	else
		take_step(s, REFUSED, half_trip(s));
}

static void be_refused(struct session *s)
{
	if (s->reply.what == RECEIVER_REFUSES)
		s->why = outcome_of(s->reply.line, STAGE_BANNER);
	else
		s->why = (struct outcome){.words = OUTCOME_WORDS_TCP,
					  .stage = STAGE_CONNECT,
					  .text = s->reply.what == RECEIVER_SILENT
							  ? STR("timed out: no connection")
							  : STR("Connection refused")};
	finish(s);
}

static void mail_arrives(struct session *s)
{
	const struct work_job *job = s->tag;
	s->mail = (struct receiver_mail){.source = s->source,
					 .domain = job->campaign->sending_domain,
					 .campaign = job->campaign->id,
					 .recipient = job->rid,
					 .nth = s->mail.nth + 1};
	s->is_at_work = true;
	s->reply = receiver_mail(s->receiver, &s->mail, s->host, loop_now_ms(s->loop));
	if (s->reply.what == RECEIVER_TAKES) {
		take_step(s, BODY, half_trip(s));
		return;
	}
	be_answered(s);
	if (s->reply.closes)
		leave_receiver(s);
	take_step(s, TURNED, half_trip(s));
}

static void be_turned_away(struct session *s)
{
	struct outcome outcome = outcome_of(s->reply.line, STAGE_MAIL);
	settle(s, &outcome);
	if (!s->reply.closes) {
		become_ready(s);
		return;
	}
	s->why = outcome;
	finish(s);
}

static void be_delivered(struct session *s)
{
	struct outcome outcome = outcome_of("250 2.0.0 taken", STAGE_DOT);
	settle(s, &outcome);
	become_ready(s);
}

static void give_up(struct session *s)
{
	s->why = (struct outcome){
		.words = OUTCOME_WORDS_LOCAL, .stage = STAGE_DOT, .text = STR("given up")};
	if (s->tag != NULL)
		settle(s, &s->why);
	finish(s);
}

static void on_due(struct timer *t)
{
	struct session *s = t->owner;
	switch (s->step) {
	case CONNECTING:
		arrive(s);
		return;
	case REFUSED:
		be_refused(s);
		return;
	case GREETING:
		become_ready(s);
		return;
	case MAIL:
		mail_arrives(s);
		return;
	case TURNED:
		be_turned_away(s);
		return;
	case BODY:
		s->step = HELD;
		s->events->on_wants_commit(s->owner, s, s->tag);
		return;
	case DOT:
		be_answered(s);
		take_step(s, ANSWERED, s->reply_ms);
		return;
	case ANSWERED:
		be_delivered(s);
		return;
	case GIVEN_UP:
		give_up(s);
		return;
	case QUITTING:
		leave_receiver(s);
		take_step(s, CLOSING, half_trip(s));
		return;
	case CLOSING:
		finish(s);
		return;
	case IDLE:
	case HELD:
		must(!"nothing is due");
	}
}

/* ------------------------------------------------------------------------------- what is called */

struct session *session_open(struct net *n, const struct session_target *target,
			     const struct session_events *events, void *owner)
{
	struct session *s = xcalloc(1, sizeof(*s));
	struct ip_port to = ip_from_sockaddr((const struct sockaddr *)&target->address);
	struct ip_port from = ip_from_sockaddr((const struct sockaddr *)&target->source);
	s->events = events;
	s->owner = owner;
	s->loop = n->loop;
	s->host = to.ip.bytes[2];
	s->source = from.ip.bytes[3];
	if (to.ip.bytes[1] < machine_receiver_count)
		s->receiver = machine_receivers[to.ip.bytes[1]];
	s->facts.opened_at_ms = loop_now_ms(s->loop);
	s->facts.tls_version = s->facts.tls_cipher = "";
	s->timer = (struct timer){.on_due = on_due, .owner = s};
	n->sessions++;
	take_step(s, CONNECTING, half_trip(s));
	return s;
}

bool session_can_send(const struct session *s)
{
	return s->step == IDLE;
}

bool session_send(struct session *s, const struct envelope *envelope)
{
	must(s->step == IDLE);
	s->tag = envelope->tag;
	take_step(s, MAIL, half_trip(s));
	return true;
}

bool session_commit(struct session *s)
{
	if (s->step != HELD)
		return false;
	int64_t at_work = virtual_jitter(s->receiver->service_ms);
	int64_t there_ms = half_trip(s);
	s->reply_ms = half_trip(s);
	take_step(s, DOT, there_ms + at_work);
	return true;
}

bool session_is_written(const struct session *s)
{
	return s->step == DOT || s->step == ANSWERED;
}

/* What was handed to the kernel arrives all the same. */
void session_abort(struct session *s)
{
	if (s->step == MAIL)
		mail_arrives(s);
	say_farewell(s);
	take_step(s, GIVEN_UP, 0);
}

void session_quit(struct session *s)
{
	if (s->step == REFUSED || s->step == CLOSING || s->step == QUITTING)
		return;
	bool is_connected = s->step != CONNECTING && s->step != GREETING;
	s->why = (struct outcome){.words = OUTCOME_WORDS_LOCAL,
				  .stage = is_connected ? STAGE_QUIT : STAGE_CONNECT,
				  .text = STR("given up")};
	take_step(s, is_connected ? QUITTING : CLOSING, is_connected ? half_trip(s) : 0);
}

void session_close(struct session *s)
{
	(void)s;
	must(!"a worker ends its sessions with quit or abort");
}

struct session_facts session_facts(const struct session *s)
{
	return s->facts;
}
