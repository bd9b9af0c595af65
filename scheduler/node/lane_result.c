/* SPDX-License-Identifier: MIT */
/*
 * What becomes of a message whose attempt ended: meaning by the rules, feedback to the lane, and
 * either a settled job or another connection. See worker_private.h.
 */
#include "scheduler/node/worker_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/utf8.h"
#include "scheduler/plan/planner.h"

/* So many connections may die under a job before it goes back to wait. */
#define UNREACHED_MAX 4

static void fill_evidence(const struct lane_session *ls, const struct lane_slot *slot,
			  struct work_result *r)
{
	const struct worker_queue *q = ls->lane->queue;
	struct session_facts facts = session_facts(ls->session);
	int64_t now = loop_now_ms(q->worker->loop);
	snprintf(r->host, sizeof(r->host), "%s", ls->host_name);
	snprintf(r->peer, sizeof(r->peer), "%s", facts.remote_ip);
	snprintf(r->tls, sizeof(r->tls), "%s", facts.tls_version);
	r->queue_ms = (int32_t)(slot->begun_ms - slot->job->plan.queued_at_ms);
	r->connect_ms = (int32_t)(facts.ready_at_ms - facts.opened_at_ms);
	r->transfer_ms = (int32_t)(now - slot->begun_ms);
	r->source = ls->lane->source->id;
	r->at_us = worker_wall_us(q->worker, now);
}

/* Kept as evidence for those who are given up because of it; the rules may be replaced. */
static void keep_block(const struct lane_session *ls, const struct outcome *outcome)
{
	struct worker_queue *q = ls->lane->queue;
	q->block = *outcome;
	q->block.text = utf8_clip(outcome->text, sizeof(q->block_text));
	if (q->block.text.len > 0)
		memcpy(q->block_text, outcome->text.ptr, q->block.text.len);
	q->block.text.ptr = q->block_text;
	snprintf(q->block_rule, sizeof(q->block_rule), "%s", outcome->verdict.rule);
	q->block.verdict.rule = q->block_rule;
	snprintf(q->block_host, sizeof(q->block_host), "%s", ls->host_name);
}

/* The list without the lane of b. */
static struct work_blocked *without(struct work_blocked *list, const struct work_blocked *b)
{
	struct work_blocked **at = &list;
	while (*at != NULL) {
		struct work_blocked *one = *at;
		if (strcmp(one->source, b->source) == 0 && strcmp(one->target, b->target) == 0) {
			*at = one->next;
			free(one);
		} else {
			at = &one->next;
		}
	}
	return list;
}

static void tell_block(struct lane *lane, const struct outcome *outcome, int64_t rests_ms)
{
	struct work_blocked *b = xcalloc(1, sizeof(*b));
	snprintf(b->source, sizeof(b->source), "%.*s", STR_ARG(lane->source->name));
	snprintf(b->target, sizeof(b->target), "%.*s", STR_ARG(lane->queue->name));
	snprintf(b->reply, sizeof(b->reply), "%.*s", STR_ARG(outcome->text));
	b->rests_ms = rests_ms;
	struct work_posts *posts = &lane->queue->worker->posts;
	b->next = without(work_post_undo(posts, LETTER_BLOCKED), b);
	must(work_post(posts, LETTER_BLOCKED, b) == NULL);
}

/* The lane goes on: only a sending domain or a campaign is slowed here. */
static void log_party(const struct lane *lane, const struct party *party)
{
	int64_t now = loop_now_ms(lane->queue->worker->loop);
	const struct queue_party *p = CONTAINER_OF(party, struct queue_party, party);
	struct log_line l;
	if (!log_begin(&l, LOG_INFO, "party_slowed"))
		return;
	log_str(&l, "queue", lane->queue->name);
	log_str(&l, p->campaign != 0 ? "campaign" : "domain", p->name);
	log_int(&l, "messages_a_minute", party_cap(party, now).count);
	log_end(&l);
}

static void keep_party_reply(struct party *party, const struct outcome *outcome)
{
	lane_keep_reply(outcome, CONTAINER_OF(party, struct queue_party, party)->reply);
}

/* The lane rests: whoever waits for it only may go elsewhere meanwhile. */
static void react(struct lane *lane, const struct outcome *outcome,
		  const struct lane_reaction *reaction)
{
	if (reaction->cut_party != NULL) {
		lane->queue->worker->has_news = true;
		log_party(lane, reaction->cut_party);
	}
	if (!reaction->was_cut && !reaction->was_blocked && reaction->rests_until_ms == 0)
		return;
	int64_t rests_ms = reaction->rests_until_ms - loop_now_ms(lane->queue->worker->loop);
	/* Refused connections of the tail are too many to save each. */
	if (reaction->was_cut || (outcome->verdict.actions & ACTION_PAUSE_LANE))
		lane->queue->worker->has_news = true;
	worker_queue_unprefer(lane->queue);
	if (reaction->was_blocked)
		tell_block(lane, outcome, rests_ms);
	struct log_line l;
	if (!log_begin(&l, reaction->was_blocked ? LOG_WARN : LOG_INFO, "lane_slowed"))
		return;
	log_str(&l, "source", lane->source->name);
	log_str(&l, "queue", lane->queue->name);
	log_bool(&l, "blocked", reaction->was_blocked);
	log_int(&l, "connections", controller_connections(&lane->limits.controller));
	if (reaction->rests_until_ms > 0)
		log_int(&l, "rests_ms", rests_ms);
	log_end(&l);
}

static void log_enhanced(struct log_line *l, struct enhanced_code code)
{
	char text[32];
	if (code.klass == 0)
		return;
	snprintf(text, sizeof(text), "%u.%u.%u", code.klass, code.subject, code.detail);
	log_cstr(l, "enhanced", text);
}

static void log_outcome(const struct lane_session *ls, const struct work_job *job)
{
	const struct work_result *r = job->result;
	const struct outcome *o = &r->outcome;
	enum log_level level = o->verdict.klass == OUTCOME_DELIVERED ? LOG_DEBUG : LOG_INFO;
	struct log_line l;
	if (!log_begin(&l, level, "attempt"))
		return;
	log_str(&l, "campaign", job->campaign->name);
	log_str(&l, "rcpt", job->address);
	log_cstr(&l, "class", outcome_class_name(o->verdict.klass));
	log_cstr(&l, "cause", outcome_cause_name(o->verdict.cause));
	log_cstr(&l, "stage", outcome_stage_name(o->stage));
	log_int(&l, "code", o->code);
	log_enhanced(&l, o->enhanced);
	log_str(&l, "source", ls->lane->source->name);
	log_str(&l, "lane", ls->lane->queue->name);
	log_cstr(&l, "mx", r->host);
	log_cstr(&l, "tls", r->tls);
	log_cstr(&l, "rule", o->verdict.rule);
	log_int(&l, "attempt", job->attempt);
	log_str(&l, "reply", o->text);
	char delays[64];
	snprintf(delays, sizeof(delays), "%d/%d/%d", r->queue_ms, r->connect_ms, r->transfer_ms);
	log_cstr(&l, "delays", delays);
	log_end(&l);
}

/* When whoever was turned away may come back: when the lane could next send, or when the reply
 * said. 0: by the retry schedule. */
static int64_t due_us(struct lane *lane, const struct verdict *verdict, int64_t now)
{
	struct worker *w = lane->queue->worker;
	bool is_about_lane =
		verdict->scope != SCOPE_RECIPIENT &&
		(verdict->klass == OUTCOME_THROTTLED || verdict->klass == OUTCOME_BLOCKED ||
		 verdict->klass == OUTCOME_UNREACHED);
	if (!is_about_lane)
		return verdict->delay_ms > 0 ? worker_wall_us(w, now + verdict->delay_ms) : 0;
	struct permit_path path = worker_path(lane, NULL);
	struct limiter_wait wait;
	int64_t at = lane_message_ready_at(&path, now, &wait);
	int64_t asked = now + verdict->delay_ms;
	if (at == LIMITER_ON_EVENT || at < asked)
		at = asked;
	return worker_wall_us(w, at);
}

/* The message did not leave, and we gave it up ourselves or it is not wanted any more. */
static bool goes_back(const struct lane_slot *slot, const struct outcome *outcome)
{
	if (slot->is_given_up && outcome->words == OUTCOME_WORDS_LOCAL)
		return true;
	return slot->job->is_recalled && outcome->verdict.klass == OUTCOME_UNREACHED;
}

static bool goes_to_another_connection(struct work_job *job, const struct verdict *verdict)
{
	if (verdict->klass != OUTCOME_UNREACHED && !(verdict->actions & ACTION_NEXT_HOST))
		return false;
	return ++job->unreached_tries < UNREACHED_MAX && !job->is_recalled;
}

/* Its MAIL was said over that source, and it is not settled. */
static void note_lost(struct work_job *job, uint32_t source)
{
	size_t i = 0;
	if (job->lost == NULL)
		job->lost = xcalloc(WORK_LOST_SOURCES, sizeof(job->lost[0]));
	while (i + 1 < WORK_LOST_SOURCES && job->lost[i].messages > 0 &&
	       job->lost[i].source != source)
		i++;
	job->lost[i].source = source;
	job->lost[i].messages++;
}

/* Ready again, to be composed again when its message has left, or off to control when it was
 * recalled meanwhile. */
static void put_back(struct worker_queue *q, struct lane_slot *slot)
{
	struct work_job *job = slot->job;
	note_lost(job, slot->carrier->lane->source->id);
	slot->job = NULL;
	worker_unrecord_intent(q->worker, job);
	if (!job->is_recalled && job->is_composed) {
		provider_queue_untake(&q->jobs, &job->plan);
		return;
	}
	provider_queue_remove(&q->jobs, &job->plan);
	if (job->is_recalled)
		worker_return(q->worker, job, job->returned);
	else
		worker_offer(q, job);
}

/* What we gave up ourselves says nothing about the receiver: no rule is asked. */
static void judge(struct lane_session *ls, const struct lane_slot *slot, struct outcome *outcome,
		  int64_t now)
{
	const struct worker_queue *q = ls->lane->queue;
	if (slot->is_given_up && outcome->words == OUTCOME_WORDS_LOCAL)
		outcome->verdict =
			(struct verdict){.klass = OUTCOME_UNREACHED, .scope = SCOPE_SESSION};
	else
		rules_apply(q->worker->identity->rules, q->provider, outcome);
	verdict_end_of_day(&outcome->verdict, worker_wall_us(q->worker, now));
}

static void tell_spike(const struct worker_queue *q)
{
	struct log_line l;
	if (!log_begin(&l, LOG_WARN, "unknown_spike"))
		return;
	log_str(&l, "queue", q->name);
	log_bool(&l, "on", q->spike.is_on);
	log_end(&l);
}

/* A site that knows nobody any more has an outage: not believed. */
static void doubt(struct worker_queue *q, const struct work_job *job, struct outcome *outcome,
		  int64_t now)
{
	bool is_unknown = spike_is_unknown(&outcome->verdict);
	if (outcome->words != OUTCOME_WORDS_REMOTE ||
	    !(is_unknown || outcome->verdict.klass == OUTCOME_DELIVERED))
		return;
	bool was_on = q->spike.is_on;
	bool is_in_spike = spike_answered(&q->spike, is_unknown, now);
	if (was_on != q->spike.is_on)
		tell_spike(q);
	if (is_in_spike && is_unknown)
		spike_quarantine(&outcome->verdict, job->attempt);
}

/* The host is to be left alone: a rule says so, or it hangs up on us without ever saying what
 * becomes of a message. One that has answered on this connection is there, however it ends. */
static bool is_to_be_left(const struct lane_session *ls, const struct outcome *outcome)
{
	bool is_lost = outcome->words != OUTCOME_WORDS_REMOTE;
	return (outcome->verdict.actions & ACTION_NEXT_HOST) != 0 && !(is_lost && ls->has_answered);
}

void lane_on_outcome(struct lane_session *ls, struct lane_slot *slot, const struct outcome *facts)
{
	struct lane *lane = ls->lane;
	struct worker_queue *q = lane->queue;
	struct worker *w = q->worker;
	struct work_job *job = slot->job;
	struct outcome outcome = *facts;
	int64_t now = loop_now_ms(w->loop);
	judge(ls, slot, &outcome, now);
	doubt(q, job, &outcome, now);
	worker_aim(lane, slot, &outcome);
	bool was_away = windows_are_away(&lane->limits.windows);
	struct lane_reaction reaction = lane_end_message(&slot->path, &slot->permit, &outcome, now);
	w->has_news |= was_away && !windows_are_away(&lane->limits.windows);
	/* A limiter that comes to be from here on has not seen it. */
	slot->permit.is_granted = false;
	if (reaction.was_blocked)
		keep_block(ls, &outcome);
	if (reaction.cut_party != NULL)
		keep_party_reply(slot->path.parties[reaction.cut_party->kind], &outcome);
	react(lane, &outcome, &reaction);
	worker_message_ended(w, &slot->path);
	ls->has_answered |= outcome.words == OUTCOME_WORDS_REMOTE;
	if (is_to_be_left(ls, &outcome))
		worker_queue_site_failed(ls, &outcome);
	worker_touch(q);
	if (goes_back(slot, &outcome) || goes_to_another_connection(job, &outcome.verdict)) {
		put_back(q, slot);
		return;
	}
	lane->settled++;
	lane->delivered += outcome.verdict.klass == OUTCOME_DELIVERED;
	if (outcome.verdict.klass == OUTCOME_UNREACHED)
		worker_unrecord_intent(w, job);
	struct work_result *r = work_job_result(job, &outcome);
	fill_evidence(ls, slot, r);
	r->asked_us = due_us(lane, &outcome.verdict, now);
	q->transfer_ms += (r->transfer_ms - q->transfer_ms) / PLAN_TRANSFER_PARTS;
	slot->job = NULL;
	work_job_decide(job, &w->options.settings.settle);
	log_outcome(ls, job);
	q->settled++;
	provider_queue_remove(&q->jobs, &job->plan);
	worker_settle(w, job);
}

/* Is the host down for everybody? Not when our own address cannot be used, nor when the host
 * refuses this source: its sisters go on. With broken TLS the next connection goes without. */
static bool is_hosts_fault(const struct lane_session *ls, const struct outcome *outcome,
			   const struct session_facts *facts)
{
	if (outcome->words == OUTCOME_WORDS_LOCAL)
		return false;
	if (outcome->words == OUTCOME_WORDS_REMOTE)
		return outcome->verdict.scope == SCOPE_HOST || outcome->verdict.scope == SCOPE_SITE;
	return !(facts->dialog.tls_failed && ls->site->access.tls == TLS_OPPORTUNISTIC);
}

/* For those who ask why: until a host of the lane greets. */
static void keep_failure(const struct lane_session *ls, const struct outcome *outcome, int64_t now)
{
	struct lane *lane = ls->lane;
	if (lane->greeted > 0)
		return;
	if (lane->failed_since_ms == 0)
		lane->failed_since_ms = now;
	snprintf(lane->failed_host, sizeof(lane->failed_host), "%s", ls->host_name);
	lane_keep_reply(outcome, lane->failed_text);
}

void lane_on_failed(struct lane_session *ls, const struct outcome *why)
{
	struct lane *lane = ls->lane;
	struct worker *w = lane->queue->worker;
	struct outcome outcome = *why;
	int64_t now = loop_now_ms(w->loop);
	if (outcome.words == OUTCOME_WORDS_LOCAL && outcome.stage == STAGE_QUIT)
		return; /* we gave it up ourselves */
	rules_apply(w->identity->rules, lane->queue->provider, &outcome);
	verdict_end_of_day(&outcome.verdict, worker_wall_us(w, now));
	keep_failure(ls, &outcome, now);
	struct session_facts facts = session_facts(ls->session);
	if (is_hosts_fault(ls, &outcome, &facts))
		worker_queue_site_failed(ls, &outcome);
	/* An event of the host, while there are others. */
	bool is_alone = site_is_dead(ls->site) && lane->greeted == 0;
	struct lane_reaction reaction =
		lane_failed(&ls->path, &outcome, is_alone, ls->begun_ms, now);
	if (reaction.was_blocked)
		keep_block(ls, &outcome);
	react(lane, &outcome, &reaction);
	struct log_line l;
	if (!log_begin(&l, LOG_INFO, "connection_failed"))
		return;
	log_str(&l, "source", lane->source->name);
	log_str(&l, "lane", lane->queue->name);
	log_cstr(&l, "mx", ls->host_name);
	log_cstr(&l, "peer", facts.remote_ip);
	log_cstr(&l, "words", outcome_words_name(outcome.words));
	log_cstr(&l, "stage", outcome_stage_name(outcome.stage));
	log_cstr(&l, "class", outcome_class_name(outcome.verdict.klass));
	log_str(&l, "text", outcome.text);
	log_end(&l);
}
