/* SPDX-License-Identifier: MIT */
/*
 * A worker's thread: letters in, the turn (pump, journal, commit), letters out, draining. See
 * worker.h for what a turn does and why in this order.
 */
#include <stdlib.h>
#include <string.h>

#include "scheduler/node/worker_private.h"

#define TICK_MS 1000
/* Tail queues nobody used for this long are dropped, when no limit or rest is forgotten with
 * them. */
#define QUEUE_IDLE_MS 15000

static struct worker_queue *queue_at(struct map_node *node)
{
	return node ? CONTAINER_OF(node, struct worker_queue, by_name) : NULL;
}

void worker_touch(struct worker_queue *q)
{
	if (list_is_empty(&q->dirty))
		list_push_back(&q->worker->dirty, &q->dirty);
}

int64_t worker_wall_us(const struct worker *w, int64_t at_ms)
{
	return at_ms * 1000 + atomic_load(&w->options.shared->clock_offset_us);
}

static bool holds_lease(const struct worker *w)
{
	return clock_now_ms() < atomic_load(&w->options.shared->lease_until_ms);
}

static bool has_journal(const struct worker *w)
{
	return !w->is_journal_broken && w->journal_failure.kind == ERR_NONE;
}

bool worker_may_begin(const struct worker *w)
{
	return !w->is_draining && has_journal(w) && holds_lease(w);
}

/* -------------------------------------------------------------------------------- jobs that end */

static void hand_back(struct worker *w, struct work_job *job)
{
	if (job->is_composed)
		composers_release(w->options.composers, job);
	enum work_letter_kind kind =
		job->returned == RETURNED_NOT ? LETTER_SETTLED : LETTER_RETURNED;
	if (kind == LETTER_RETURNED)
		worker_forget_records(w, job);
	work_letter_send(w->options.control, &job->letter, kind, job);
}

void worker_settle(struct worker *w, struct work_job *job)
{
	job->returned = RETURNED_NOT;
	if (job->is_credit_out || job->is_compose_out) {
		job->is_recalled = true;
		w->limbo++;
		return;
	}
	list_push_back(&w->settled, &job->plan.node);
}

void worker_return(struct worker *w, struct work_job *job, enum work_returned why)
{
	job->returned = why;
	job->is_recalled = true;
	if (job->is_credit_out || job->is_compose_out)
		w->limbo++;
	else
		hand_back(w, job);
}

static void settle_uncomposable(struct worker *w, struct worker_queue *q, struct work_job *job)
{
	struct outcome outcome = {
		.words = OUTCOME_WORDS_LOCAL,
		.stage = STAGE_LOCAL,
		.text = str_from(job->compose_error->text),
		.verdict = {.klass = OUTCOME_REJECTED,
			    .cause = CAUSE_UNCLASSIFIED,
			    .scope = SCOPE_MESSAGE,
			    .rule = "compose"},
	};
	work_job_result(job, &outcome)->at_us = worker_wall_us(w, loop_now_ms(w->loop));
	work_job_decide(job, &w->options.settings.settle);
	q->settled++;
	provider_queue_remove(&q->jobs, &job->plan);
	worker_settle(w, job);
}

/* A letter of the job came in: is it ready now? */
static void advance_job(struct worker *w, struct work_job *job)
{
	if (job->is_credit_out || job->is_compose_out)
		return;
	if (job->is_recalled) {
		w->limbo--;
		if (job->returned == RETURNED_NOT)
			worker_settle(w, job);
		else
			hand_back(w, job);
		return;
	}
	struct worker_queue *q = worker_queue_of(w, job->plan.site);
	if (!job->has_credit) {
		provider_queue_remove(&q->jobs, &job->plan);
		worker_return(w, job, RETURNED_RECALLED);
		return;
	}
	if (job->compose_error != NULL)
		settle_uncomposable(w, q, job);
	else if (job->is_composed)
		worker_queue_ready(q, &job->plan);
	else
		provider_queue_credit(&q->jobs, &job->plan);
	worker_touch(q);
}

/* ------------------------------------------------------------------------------------------
 * letters */

void worker_offer(struct worker_queue *q, struct work_job *job)
{
	struct share_owner owner = {job->campaign->id, job->campaign->priority};
	job->plan.queued_at_ms = loop_now_ms(q->worker->loop);
	provider_queue_offer(&q->jobs, owner, &job->plan);
	worker_touch(q);
}

static void take_offer(struct worker *w, struct work_job *job)
{
	if (w->is_draining) {
		worker_return(w, job, RETURNED_DRAINED);
		return;
	}
	site_refresh(job->plan.site, job->answer);
	struct worker_queue *q = worker_queue_of(w, job->plan.site);
	/* Where another site is dead, lanes may have died of it that this one could use. */
	if (site_is_dead(job->plan.site))
		worker_queue_site_died(q, job->plan.site);
	else if (!list_is_empty(&q->dead_sites))
		worker_queue_site_lives(q, job->plan.site);
	worker_offer(q, job);
}

static bool is_recalled(const struct job *plan, void *context)
{
	return work_recall_wants(context, CONTAINER_OF(plan, struct work_job, plan));
}

static void recall_queue(struct worker_queue *q, struct work_recall *recall, enum work_returned why,
			 struct list *out)
{
	provider_queue_recall(&q->jobs, is_recalled, recall, out);
	for (size_t i = 0; i < q->source_count; i++)
		if (q->lanes[i] != NULL)
			lane_recall(q->lanes[i], recall, why);
	LIST_EACH (it, &q->retired)
		lane_recall(LIST_ITEM(it, struct lane, retired), recall, why);
}

static void recall_all(struct worker *w, struct work_recall *recall, enum work_returned why)
{
	struct list out;
	list_init(&out);
	for (struct map_node *n = map_next(&w->queues, NULL); n; n = map_next(&w->queues, n))
		recall_queue(queue_at(n), recall, why, &out);
	struct list *node;
	while ((node = list_pop_front(&out)) != NULL)
		worker_return(
			w, CONTAINER_OF(LIST_ITEM(node, struct job, node), struct work_job, plan),
			why);
}

/* A campaign that is recalled whole has ended or is paused: its shares go. */
static void forget_campaign(struct worker *w, int32_t campaign)
{
	for (struct map_node *n = map_next(&w->queues, NULL); n; n = map_next(&w->queues, n))
		provider_queue_forget(&queue_at(n)->jobs, campaign);
}

static void take_recalls(struct worker *w, struct work_recalls *recalls)
{
	for (size_t i = 0; i < recalls->count; i++) {
		struct work_recall *recall = &recalls->items[i];
		recall_all(w, recall, recall->rids ? RETURNED_SUPPRESSED : RETURNED_RECALLED);
		if (recall->campaign != 0 && recall->rids == NULL && recall->lease == NULL)
			forget_campaign(w, recall->campaign);
	}
	work_recalls_free(recalls);
}

/* Its domain goes another way now. */
static bool is_rerouted(const struct job *plan, void *context)
{
	const struct ip_pool_snapshot *pool = context;
	const struct work_job *job = CONTAINER_OF(plan, struct work_job, plan);
	struct str domain = job->lease->people[job->position].domain;
	return atomic_load(&plan->site->is_past) ||
	       !site_fits(plan->site, route_find(pool->routes, pool->route_count, domain));
}

static void return_rerouted(struct worker *w)
{
	struct list out;
	struct list *node;
	list_init(&out);
	for (struct map_node *n = map_next(&w->queues, NULL); n; n = map_next(&w->queues, n))
		provider_queue_recall(&queue_at(n)->jobs, is_rerouted, w->identity->pool, &out);
	while ((node = list_pop_front(&out)) != NULL)
		worker_return(
			w, CONTAINER_OF(LIST_ITEM(node, struct job, node), struct work_job, plan),
			RETURNED_REROUTED);
}

static void take_reload(struct worker *w, struct work_reload *reload)
{
	struct identity *old = w->identity;
	bool is_other_way = reload->site_round != w->site_round;
	w->identity = reload->identity;
	w->options.settings = reload->settings;
	w->reload = reload->number;
	w->site_round = reload->site_round;
	worker_limiters_bind(w);
	for (struct map_node *n = map_next(&w->queues, NULL); n; n = map_next(&w->queues, n))
		worker_queue_bind(queue_at(n));
	if (is_other_way)
		return_rerouted(w);
	worker_send_wish(w);
	identity_drop(old);
	free(reload);
}

static void take_flushed(struct worker *w, struct work_flushed *flushed)
{
	/* Without a stream the worker has stopped: the next start reads what is left. */
	for (size_t i = 0; i < flushed->count && w->journal != NULL; i++)
		journal_settled(w->journal, flushed->items[i].segment, flushed->items[i].records);
	work_flushed_free(flushed);
}

static void quit_idle(struct worker_queue *q)
{
	LIST_EACH (it, &q->idle)
		lane_session_quit(LIST_ITEM(it, struct lane_session, node));
}

static void start_drain(struct worker *w)
{
	struct work_recall everything = {0};
	w->is_draining = true;
	w->drain_until_ms = loop_now_ms(w->loop) + w->options.settings.grace_ms;
	timer_set(w->loop, &w->tick, loop_now_ms(w->loop));
	recall_all(w, &everything, RETURNED_DRAINED);
	for (struct map_node *n = map_next(&w->queues, NULL); n; n = map_next(&w->queues, n))
		quit_idle(queue_at(n));
}

static void take_credit(struct worker *w, struct work_job *job)
{
	job->is_credit_out = false;
	advance_job(w, job);
}

static void take_composed(struct worker *w, struct work_job *job)
{
	job->is_compose_out = false;
	job->is_composed = true;
	advance_job(w, job);
}

static void take_connects_saved(struct worker *w, struct work_connects_saved *saved)
{
	free(saved);
	worker_connects_saved(w);
}

/* What was posted, unless it came with a letter before. */
static void take_post(struct worker *w, enum work_letter_kind kind, void *content)
{
	if (content == NULL)
		return;
	if (kind == LETTER_RECALL)
		take_recalls(w, content);
	else if (kind == LETTER_FLUSHED)
		take_flushed(w, content);
	else if (kind == LETTER_RELOAD)
		take_reload(w, content);
	else if (kind == LETTER_CONNECTS)
		take_connects_saved(w, content);
	else if (kind == LETTER_SHARES)
		worker_take_shares(w, content);
	else
		must(!"a letter for control");
}

static void on_letter(void *owner, struct letter *letter)
{
	struct worker *w = owner;
	enum work_letter_kind kind = (enum work_letter_kind)letter->kind;
	if (kind >= WORK_POSTED_FIRST) {
		take_post(w, kind, mailbox_take(w->inbox, letter));
	} else if (kind == LETTER_OFFER) {
		take_offer(w, letter->content);
	} else if (kind == LETTER_CREDIT) {
		take_credit(w, letter->content);
	} else if (kind == LETTER_COMPOSE) {
		take_composed(w, letter->content);
	} else {
		must(kind == LETTER_DRAIN);
		start_drain(w);
	}
}

/* --------------------------------------------------------------------------------- the end of a
 * turn */

static void pump_dirty(struct worker *w)
{
	struct list *node;
	struct list dirty;
	list_init(&dirty);
	list_splice(&dirty, &w->dirty);
	while ((node = list_pop_front(&dirty)) != NULL)
		worker_queue_pump(CONTAINER_OF(node, struct worker_queue, dirty));
}

static void record_outcomes(struct worker *w)
{
	LIST_EACH (it, &w->settled)
		worker_record_outcome(
			w, CONTAINER_OF(LIST_ITEM(it, struct job, node), struct work_job, plan));
}

static void record_turn(struct worker *w)
{
	LIST_EACH (it, &w->committing)
		worker_record_intent(w, CONTAINER_OF(it, struct lane_slot, committing)->job);
	record_outcomes(w);
}

static void hand_back_all(struct worker *w, struct list *settled)
{
	struct list *node;
	while ((node = list_pop_front(settled)) != NULL)
		hand_back(w,
			  CONTAINER_OF(LIST_ITEM(node, struct job, node), struct work_job, plan));
}

static void go_on_unrecorded(struct worker *w)
{
	struct list *node;
	list_splice(&w->written_committing, &w->committing);
	while ((node = list_pop_front(&w->written_committing)) != NULL)
		lane_session_abort(CONTAINER_OF(node, struct lane_slot, committing)->carrier);
	hand_back_all(w, &w->written_settled);
	hand_back_all(w, &w->settled);
}

/*
 * No record, no terminator: what waits for its commit is given up before the dot. Outcomes go to
 * the database without a record: until they are there, the INTENT that stands makes them unknown to
 * the next start. A write that found no room is tried again at each tick, and the node sends on
 * then; after a sync that failed nobody knows what the disk has, and the node stops.
 */
static void fail_write(struct worker *w, const struct err *err)
{
	w->journal_failure = *err;
	worker_send_status(w);
	go_on_unrecorded(w);
}

static void break_journal(struct worker *w, const struct err *err)
{
	w->is_journal_broken = true;
	fail_write(w, err);
}

static void try_journal(struct worker *w)
{
	if (w->is_journal_broken || w->journal_failure.kind == ERR_NONE)
		return;
	struct err err = {0};
	if (journal_write(w->journal, &err) == 0)
		err_clear(&w->journal_failure);
}

static void commit_all(struct worker *w)
{
	bool may_go = holds_lease(w);
	struct list *node;
	while ((node = list_pop_front(&w->written_committing)) != NULL) {
		struct lane_slot *slot = CONTAINER_OF(node, struct lane_slot, committing);
		if (may_go)
			lane_commit(slot);
		else
			lane_session_abort(slot->carrier);
	}
}

/* What is written is as durable as it has to be: terminators leave, outcomes are told. */
static void finish_written(struct worker *w)
{
	commit_all(w);
	hand_back_all(w, &w->written_settled);
}

static void on_synced(void *owner, const struct err *err)
{
	struct worker *w = owner;
	w->is_syncing = false;
	if (err != NULL)
		break_journal(w, err);
	else
		finish_written(w);
}

static void write_turn(struct worker *w)
{
	struct err err = {0};
	record_turn(w);
	/* A commit that lapsed asks again without a new record. */
	if (journal_pending(w->journal) == 0 && list_is_empty(&w->committing))
		return;
	if (journal_write(w->journal, &err) != 0) {
		fail_write(w, &err);
		return;
	}
	list_splice(&w->written_committing, &w->committing);
	list_splice(&w->written_settled, &w->settled);
	if (w->options.journal_mode == JOURNAL_SYNC_PROCESS) {
		finish_written(w);
		return;
	}
	w->is_syncing = true;
	journal_sync(w->journal, w->loop, on_synced, w);
}

static void on_turn(struct turn_hook *hook)
{
	struct worker *w = hook->owner;
	worker_share_seats(w);
	worker_share_bytes(w);
	pump_dirty(w);
	if (w->wants_wish)
		worker_send_wish(w);
	if (w->wants_connects)
		worker_tell_connects(w, false);
	/* While a sync is under way the next records gather: that is the group of the group commit.
	 */
	if (!has_journal(w)) {
		record_outcomes(w);
		go_on_unrecorded(w);
	} else if (!w->is_syncing) {
		write_turn(w);
	}
}

/* --------------------------------------------------------------------------------------------
 * ticks */

static bool is_drained(struct worker *w)
{
	if (!w->is_draining || w->sessions > 0 || w->limbo > 0 || !list_is_empty(&w->settled) ||
	    !list_is_empty(&w->written_settled))
		return false;
	for (struct map_node *n = map_next(&w->queues, NULL); n; n = map_next(&w->queues, n))
		if (provider_queue_total(&queue_at(n)->jobs) > 0)
			return false;
	return true;
}

static void give_up_sessions(struct lane *lane)
{
	if (lane == NULL)
		return;
	LIST_EACH (it, &lane->busy)
		lane_session_abort(LIST_ITEM(it, struct lane_session, node));
	LIST_EACH (it, &lane->opening)
		session_quit(LIST_ITEM(it, struct lane_session, node)->session);
}

/* Grace is over: what has not been answered yet is not waited for. */
static void give_up(struct worker *w)
{
	for (struct map_node *n = map_next(&w->queues, NULL); n; n = map_next(&w->queues, n)) {
		struct worker_queue *q = queue_at(n);
		for (size_t i = 0; i < q->source_count; i++)
			give_up_sessions(q->lanes[i]);
		LIST_EACH (it, &q->retired)
			give_up_sessions(LIST_ITEM(it, struct lane, retired));
	}
}

static bool is_remembered(struct lane *lane, int64_t now)
{
	return lane_remembers(&lane->limits, now) || !list_is_empty(&lane->connected);
}

static bool is_any_remembered(const struct worker_queue *q, int64_t now)
{
	for (size_t i = 0; i < q->source_count; i++)
		if (q->lanes[i] != NULL && is_remembered(q->lanes[i], now))
			return true;
	LIST_EACH (it, &q->retired)
		if (is_remembered(LIST_ITEM(it, struct lane, retired), now))
			return true;
	return worker_parties_remember(q, now);
}

static void evict_unused(struct worker *w, int64_t now)
{
	struct map_node *n = map_next(&w->queues, NULL);
	while (n != NULL) {
		struct worker_queue *q = queue_at(n);
		n = map_next(&w->queues, n);
		if (q->provider.len == 0 && q->sessions == 0 && !q->spike.is_on &&
		    provider_queue_total(&q->jobs) == 0 && now - q->used_ms > QUEUE_IDLE_MS &&
		    worker_queue_parked_of(q, now) == NULL && !is_any_remembered(q, now))
			worker_queue_free(q);
	}
	worker_limiters_evict(w, now);
}

static void on_tick(struct timer *timer)
{
	struct worker *w = timer->owner;
	int64_t now = loop_now_ms(w->loop);
	for (struct map_node *n = map_next(&w->queues, NULL); n; n = map_next(&w->queues, n)) {
		struct worker_queue *q = queue_at(n);
		worker_queue_tell(q, now);
		if (provider_queue_total(&q->jobs) > 0 || q->rate_per_s > 0)
			worker_queue_tick(q, now);
	}
	evict_unused(w, now);
	try_journal(w);
	worker_wish_tick(w);
	worker_tell_connects(w, false);
	worker_save_tick(w, now);
	worker_send_status(w);
	if (w->is_draining && now >= w->drain_until_ms)
		give_up(w);
	if (is_drained(w) && !w->is_stopped) {
		w->is_stopped = true;
		worker_tell_connects(w, true);
		worker_save(w);
		loop_stop(w->loop);
		return;
	}
	timer_set(w->loop, timer, now + (w->is_draining ? TICK_MS / 20 : TICK_MS));
}

/* ----------------------------------------------------------------------------------------------
 * life */

/* A turn is all that is wanted: queues take what bytes are free at its end. */
static void on_bytes_timer(struct timer *timer)
{
	(void)timer;
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	worker_limiters_open(w);
	worker_send_wish(w);
	loop_run(w->loop);
	struct map_node *n;
	while ((n = map_next(&w->queues, NULL)) != NULL)
		worker_queue_free(queue_at(n));
	map_done(&w->queues);
	loop_remove_hook(&w->hook);
	timer_clear(w->loop, &w->tick);
	timer_clear(w->loop, &w->bytes_timer);
	net_close(w->net);
	journal_stream_close(w->journal);
	w->journal = NULL;
	loop_turn(w->loop, false);
	work_letter_send(w->options.control, &w->drained_letter, LETTER_DRAINED, w);
	return NULL;
}

void worker_init_lists(struct worker *w)
{
	map_init(&w->queues);
	map_init(&w->limiters);
	w->limits_round = 1;
	list_init(&w->dirty);
	list_init(&w->waiting_room);
	list_init(&w->waiting_seats);
	list_init(&w->waiting_bytes);
	list_init(&w->resting);
	list_init(&w->connected);
	list_init(&w->committing);
	list_init(&w->settled);
	list_init(&w->written_committing);
	list_init(&w->written_settled);
}

struct worker *worker_open(const struct worker_options *options, struct err *err)
{
	struct journal_stream_options stream = {.number = (uint16_t)options->index,
						.streams = (uint16_t)options->workers,
						.incarnation = options->incarnation,
						.mode = options->journal_mode,
						.segment_bytes = options->journal_segment_bytes};
	struct journal_stream *journal = journal_stream_open(options->journal, &stream, err);
	if (journal == NULL)
		return NULL;
	struct worker *w = xcalloc(1, sizeof(*w));
	w->journal = journal;
	w->options = *options;
	w->identity = identity_hold(options->identity);
	w->loop = loop_new();
	w->net = net_open(w->loop);
	w->inbox = mailbox_open(w->loop, on_letter, w);
	work_posts_init(&w->posts, options->control);
	worker_init_lists(w);
	w->bytes_timer = (struct timer){.on_due = on_bytes_timer, .owner = w};
	w->hook = (struct turn_hook){.on_turn = on_turn, .owner = w};
	loop_add_hook(w->loop, &w->hook);
	w->tick = (struct timer){.on_due = on_tick, .owner = w};
	timer_set(w->loop, &w->tick, loop_now_ms(w->loop) + TICK_MS);
	must(pthread_create(&w->thread, NULL, worker_main, w) == 0);
	return w;
}

struct mailbox *worker_inbox(struct worker *w)
{
	return w->inbox;
}

void worker_close(struct worker *w)
{
	if (w == NULL)
		return;
	pthread_join(w->thread, NULL);
	/* Letters that came after its end are delivered here, with what they may touch. */
	mailbox_close(w->inbox);
	mailbox_drain(w->options.control); /* what it posted there is part of it */
	worker_limiters_free(w);
	identity_drop(w->identity);
	loop_free(w->loop);
	free(w);
}
