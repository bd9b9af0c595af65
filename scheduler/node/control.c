/* SPDX-License-Identifier: MIT */
/* What control hears: letters of the workers, events of the ledger. */
#include <stdlib.h>
#include <string.h>

#include "scheduler/node/node_private.h"

/* A worker hears at once of records in so many segments, not with the next tick: they may go. */
#define FLUSHED_SEGMENTS 16u

void control_recall(struct node *n, const struct work_recall *recall)
{
	for (size_t i = 0; i < n->worker_count; i++) {
		struct work_recalls *all = work_post_undo(&n->posts[i], LETTER_RECALL);
		all = work_recalls_add(all, recall);
		must(work_post(&n->posts[i], LETTER_RECALL, all) == NULL);
	}
}

/* ------------------------------------------------------------------------------------------
 * letters */

static void count_usage(struct node *n, const struct work_job *job, uint32_t source,
			int32_t messages)
{
	struct node_usage usage = {.source = source,
				   .sending_domain = job->campaign->sending_domain,
				   .campaign = job->campaign->id,
				   .messages = messages,
				   .target = job->plan.site->queue};
	if (source != 0 && messages > 0)
		keeper_usage(n->keeper, &usage);
}

/* Each connection that died under the job has had its MAIL, whatever became of the job. */
static void count_lost(struct node *n, struct work_job *job)
{
	for (size_t i = 0; job->lost != NULL && i < WORK_LOST_SOURCES; i++)
		count_usage(n, job, job->lost[i].source, job->lost[i].messages);
	free(job->lost);
	job->lost = NULL;
}

/* The receiver has decided for good. */
static bool is_result(enum outcome_class klass)
{
	return klass == OUTCOME_DELIVERED || klass == OUTCOME_BOUNCED || klass == OUTCOME_REJECTED;
}

static void take_settled(struct node *n, struct work_job *job)
{
	struct node_campaign *campaign = campaign_of(n, job->lease->campaign);
	count_lost(n, job);
	count_usage(n, job, job->result->source, 1);
	plan_pace_settle(&hold_of(job->lease)->need->pace, job->result->transfer_ms);
	if (campaign != NULL && is_result(job->result->outcome.verdict.klass))
		campaign->results++;
	hours_spare(n, job);
	keeper_settle(n->keeper, job->lease, &job->result->settlement, &job->marks);
	dispatch_forget(n, job);
}

/*
 * Parked people of the group's own lane stay in their chunk, which is given back: claims stop until
 * the lane goes. Anybody else waits in the retry table, to be packed with those of that lane.
 */
static void take_returned(struct node *n, struct work_job *job)
{
	struct hold *hold = hold_of(job->lease);
	count_lost(n, job);
	if (job->returned == RETURNED_SUPPRESSED) {
		dispatch_settle_suppressed(n, job);
		return;
	}
	if (job->returned == RETURNED_ELSEWHERE) {
		dispatch_again(n, job, job->site_number + 1);
		return;
	}
	if (job->returned == RETURNED_REROUTED) {
		dispatch_again(n, job, 0);
		return;
	}
	if (job->returned != RETURNED_PARKED) {
		dispatch_return(n, job, 0);
		return;
	}
	struct plan_pace *pace = &hold->need->pace;
	if (job->is_of_group && pace->shut_until_ms < job->due_ms)
		pace->shut_until_ms = job->due_ms;
	int64_t due_ms =
		planner_parked_until_ms(job->due_ms, n->options.settings.overdue_ms,
					n->options.settings.worker.park_ms, loop_now_ms(n->loop));
	dispatch_return(n, job, job->is_of_group ? 0 : node_wall_us(n, due_ms));
}

static void send_credit(struct node *n, struct work_job *job)
{
	job->is_credit_wished = false;
	work_letter_send(worker_inbox(n->workers[job->plan.site->worker]), &job->credit_letter,
			 LETTER_CREDIT, job);
}

/* A worker wants the credit of a job; of a lease that is not ours any more there is none. */
static void take_credit_wish(struct node *n, struct work_job *job)
{
	job->is_credit_wished = true;
	if (hold_of(job->lease)->is_fenced || n->phase != NODE_RUNNING)
		send_credit(n, job);
	else
		keeper_credit(n->keeper, job->lease, job->position);
}

static bool is_any_unrecorded(const struct node *n, const struct work_status *latest)
{
	bool is_any = latest->journal.kind != ERR_NONE;
	for (size_t i = 0; i < n->worker_count; i++)
		if (i != latest->worker && n->statuses[i] != NULL)
			is_any |= n->statuses[i]->journal.kind != ERR_NONE;
	return is_any;
}

/* Without its journal a worker sends nothing, and nothing is claimed for it: said once, and taken
 * back when all can write again. */
static void take_journal_state(struct node *n, const struct work_status *status)
{
	struct log_line l;
	bool was_stopped = n->journal_failure.kind != ERR_NONE;
	bool is_stopped = is_any_unrecorded(n, status);
	if (status->is_journal_broken && n->failure.kind == ERR_NONE) {
		n->failure = status->journal;
		node_drain(n);
	}
	if (is_stopped && !was_stopped) {
		n->journal_failure = status->journal;
		err_prefix(&n->journal_failure, "nothing is sent until it can be recorded");
		log_error_event(LOG_ERROR, "sending_stopped", &n->journal_failure);
	} else if (was_stopped && !is_stopped) {
		err_clear(&n->journal_failure);
		if (log_begin(&l, LOG_INFO, "sending_resumed"))
			log_end(&l);
	}
}

static void take_status(struct node *n, struct work_status *status)
{
	take_journal_state(n, status);
	claims_on_status(n, status);
	live_on_status(n, status);
}

/* Connections are of no campaign. The worker hears when they are in the database. */
static void take_connects(struct node *n, struct work_connects *connects)
{
	while (connects != NULL) {
		struct work_connects *next = connects->next;
		for (size_t i = 0; i < connects->count; i++) {
			const struct work_connect_item *item = &connects->items[i];
			struct node_usage usage = {.source = item->source,
						   .connections = item->connections,
						   .target = str_from(item->target)};
			keeper_usage(n->keeper, &usage);
		}
		n->unsaved_connects[connects->worker] = keeper_usage_told(n->keeper);
		free(connects);
		connects = next;
	}
}

/* What was posted, unless it came with a letter before. */
static void take_post(struct node *n, enum work_letter_kind kind, void *content)
{
	if (content == NULL)
		return;
	if (kind == LETTER_STATUS)
		take_status(n, content);
	else if (kind == LETTER_LANES)
		lanes_save(n, content);
	else if (kind == LETTER_PARTIES)
		lanes_save_parties(n, content);
	else if (kind == LETTER_BLOCKED)
		lanes_blocked(n, content);
	else if (kind == LETTER_CONNECTS)
		take_connects(n, content);
	else if (kind == LETTER_SHARES)
		slices_on_wish(n, content);
	else
		must(!"a letter for a worker");
}

void control_on_letter(void *owner, struct letter *letter)
{
	struct node *n = owner;
	enum work_letter_kind kind = (enum work_letter_kind)letter->kind;
	if (kind >= WORK_POSTED_FIRST) {
		take_post(n, kind, mailbox_take(n->inbox, letter));
	} else if (kind == LETTER_CREDIT) {
		take_credit_wish(n, letter->content);
	} else if (kind == LETTER_SETTLED) {
		take_settled(n, letter->content);
	} else if (kind == LETTER_RETURNED) {
		take_returned(n, letter->content);
	} else {
		must(kind == LETTER_DRAINED);
		n->drained_count++;
		node_on_drained(n);
	}
}

/* -------------------------------------------------------------------------------------------
 * ledger */

static void on_beat(void *owner, int64_t lease_until_ms, int64_t clock_offset_us)
{
	struct node *n = owner;
	atomic_store(&n->shared.clock_offset_us, clock_offset_us);
	atomic_store(&n->shared.lease_until_ms, lease_until_ms);
}

static void on_lost(void *owner, const struct err *err)
{
	struct node *n = owner;
	atomic_store(&n->shared.lease_until_ms, 0);
	log_error_event(LOG_ERROR, "node_fenced", err);
	n->failure = *err;
	node_drain(n);
}

static void on_draining(void *owner)
{
	struct node *n = owner;
	n->is_drained = true;
	node_drain(n);
}

static void on_outdated(void *owner, const struct err *err)
{
	struct node *n = owner;
	log_error_event(LOG_ERROR, "node_outdated", err);
	n->failure = *err;
	node_drain(n);
}

static void on_work(void *owner, const struct keeper_round *round)
{
	struct node *n = owner;
	/* Nothing can be dated before the first heartbeat has brought the database's time. */
	if (atomic_load(&n->shared.clock_offset_us) == 0)
		return;
	campaigns_on_work(n, round->campaigns, round->campaign_count);
	hours_on_work(n, round);
	reload_on_versions(n, round->versions);
	claims_on_work(n, round->needs, round->need_count);
}

static void on_lease(void *owner, struct node_lease *lease)
{
	dispatch_lease(owner, lease);
}

static void on_claimed(void *owner, size_t chunks)
{
	if (chunks > 0)
		claims_plan(owner);
}

static void on_credit(void *owner, struct node_lease *lease, uint16_t position)
{
	struct work_job *job = hold_of(lease)->jobs[position];
	/* It may have been refused meanwhile: its bit is closed when the job is back. */
	if (job == NULL || !job->is_credit_wished)
		return;
	job->has_credit = true;
	send_credit(owner, job);
}

void control_refuse_credits(struct node *n, struct hold *hold)
{
	for (size_t i = 0; i < hold->lease->count; i++) {
		struct work_job *job = hold->jobs[i];
		if (job == NULL || !job->is_credit_wished)
			continue;
		keeper_uncredit(n->keeper, hold->lease, (uint16_t)i);
		send_credit(n, job);
	}
}

static void on_fenced(void *owner, struct node_lease *lease)
{
	struct node *n = owner;
	struct hold *hold = hold_of(lease);
	hold->is_fenced = true;
	control_recall(n, &(struct work_recall){.lease = lease});
	control_refuse_credits(n, hold);
}

static void on_lease_over(void *owner, struct node_lease *lease)
{
	hold_free(owner, hold_of(lease));
}

/* Counts a record that is in the database now. */
static void add_flushed(struct node *n, unsigned writer, uint64_t segment)
{
	if (segment == 0)
		return;
	n->flushed[writer] = work_flushed_add(n->flushed[writer], segment, 1);
	if (n->flushed[writer]->count >= FLUSHED_SEGMENTS)
		control_send_flushed(n, writer);
}

void control_send_flushed(struct node *n, size_t writer)
{
	struct work_flushed *f = n->flushed[writer];
	n->flushed[writer] = NULL;
	if (f == NULL)
		return;
	if (n->drained_count > 0) {
		work_flushed_free(f); /* its stream is closed: the next start reads what is left */
		return;
	}
	struct work_flushed *before = work_post_undo(&n->posts[writer], LETTER_FLUSHED);
	for (size_t i = 0; before != NULL && i < before->count; i++)
		f = work_flushed_add(f, before->items[i].segment, before->items[i].records);
	work_flushed_free(before);
	must(work_post(&n->posts[writer], LETTER_FLUSHED, f) == NULL);
}

static void on_flushed(void *owner, const struct journal_marks *marks)
{
	add_flushed(owner, marks->writer, marks->intent);
	add_flushed(owner, marks->writer, marks->retract);
	add_flushed(owner, marks->writer, marks->outcome);
}

static void on_usage(void *owner, uint64_t saved)
{
	struct node *n = owner;
	/* A worker that has left reads no letters. */
	for (size_t i = 0; i < n->worker_count && n->drained_count == 0; i++) {
		if (n->unsaved_connects[i] == 0 || n->unsaved_connects[i] > saved)
			continue;
		n->unsaved_connects[i] = 0;
		struct work_connects_saved *letter = xcalloc(1, sizeof(*letter));
		letter->worker = i;
		free(work_post(&n->posts[i], LETTER_CONNECTS, letter));
	}
}

/* Who is still here, waiting for a content or for DNS, is seen to when that is over; who is with a
 * worker is recalled. */
static size_t mark_suppressed(struct hold *hold, const struct work_recall *suppressed,
			      uint64_t *held_out)
{
	struct node_person *people = hold->lease->people;
	size_t held = 0;
	for (size_t i = 0; i < hold->lease->count; i++) {
		if (hold->jobs[i] == NULL ||
		    bsearch(&people[i].rid, suppressed->rids, suppressed->rid_count,
			    sizeof(people[i].rid), work_compare_rids) == NULL)
			continue;
		people[i].is_suppressed = true;
		held_out[held++] = people[i].rid;
	}
	return held;
}

/* Workers hear only of people they may have: a million suppressed at once are no letter. */
static void on_suppressed(void *owner, const uint64_t *rids, size_t count)
{
	struct node *n = owner;
	uint64_t *sorted = xcalloc(count, sizeof(sorted[0]));
	uint64_t *held = xcalloc(n->held + 1, sizeof(held[0]));
	struct work_recall suppressed = {.rids = sorted, .rid_count = count};
	struct work_recall recall = {.rids = held};
	memcpy(sorted, rids, count * sizeof(sorted[0]));
	qsort(sorted, count, sizeof(sorted[0]), work_compare_rids);
	LIST_EACH (it, &n->holds)
		recall.rid_count += mark_suppressed(LIST_ITEM(it, struct hold, node), &suppressed,
						    &held[recall.rid_count]);
	if (recall.rid_count > 0)
		control_recall(n, &recall);
	free(held);
	free(sorted);
}

static void on_braked(void *owner, struct str campaign, struct str why)
{
	alert_campaign_braked(owner, campaign, why);
}

const struct keeper_events node_keeper_events = {
	.on_beat = on_beat,
	.on_lost = on_lost,
	.on_draining = on_draining,
	.on_outdated = on_outdated,
	.on_work = on_work,
	.on_lease = on_lease,
	.on_claimed = on_claimed,
	.on_credit = on_credit,
	.on_fenced = on_fenced,
	.on_lease_over = on_lease_over,
	.on_flushed = on_flushed,
	.on_usage = on_usage,
	.on_suppressed = on_suppressed,
	.on_braked = on_braked,
};
