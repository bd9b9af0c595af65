/* SPDX-License-Identifier: MIT */
/*
 * The keeper's flushes: one at a time; what is told while one is under way goes with the next. See
 * keeper_private.h and scheduler/ledger/flush.h. Control thread.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/base/crash.h"
#include "engine/base/log.h"
#include "scheduler/node/keeper_private.h"
#include "scheduler/node/settle.h"

/* A flush with credits only leaves this much after the one before, so that it carries several. */
#define CREDITS_MS 20
/* Fences that could not be read are asked for again. */
#define FENCES_MS 1000

static void send_flush(struct keeper *k);
static void read_fences(struct keeper *k);
static void on_flushed(void *owner, struct flush *flush, const struct flush_reply *reply);

void keeper_dirty(struct tenure *t)
{
	struct keeper *k = t->keeper;
	/* One under way is put back when its answer is in. */
	if (!t->is_flying && list_is_empty(&t->dirty))
		list_push_back(&k->dirty, &t->dirty);
	keeper_flush_soon(k);
}

static int64_t flush_due_ms(const struct keeper *k)
{
	int64_t due = k->flushed_ms + (k->wanted_count > 0 ? CREDITS_MS : k->options.flush_ms);
	if (k->waiting_count >= (size_t)k->options.flush_outcomes || k->is_stopping)
		due = loop_now_ms(k->loop);
	return due < k->flush_after_ms ? k->flush_after_ms : due;
}

void keeper_flush_soon(struct keeper *k)
{
	if (k->is_flying || (list_is_empty(&k->dirty) && !keeper_has_usage_news(k)))
		return;
	int64_t due = flush_due_ms(k);
	if (!timer_is_set(&k->flush_timer) || k->flush_timer.node.key > due)
		timer_set(k->loop, &k->flush_timer, due);
}

void keeper_flush_again(struct keeper *k)
{
	flush_send(k->flush, k->ledger, k->id, on_flushed, k);
}

void keeper_on_flush_timer(struct timer *timer)
{
	struct keeper *k = timer->owner;
	if (k->is_fencing) {
		k->is_fencing = false;
		read_fences(k);
		return;
	}
	if (k->is_flying) {
		/* A refused one is sent again as it is. */
		keeper_flush_again(k);
		return;
	}
	if (!list_is_empty(&k->dirty) || keeper_has_usage_news(k))
		send_flush(k);
}

/* --------------------------------------------------------------------------------------- building
 */

void keeper_park(struct tenure *t, uint16_t position, int64_t due_us)
{
	struct entry *e = xcalloc(1, sizeof(*e));
	list_init(&e->node);
	e->s = settle_parked(&t->lease.people[position], position, t->keeper->id.node, due_us,
			     keeper_now_us(t->keeper));
	list_push_back(&t->waiting, &e->node);
	t->keeper->waiting_count++;
}

/* What the tenure may have open from now on: what is and is still out, and the credits that fit. */
static void choose_open(struct keeper *k, struct tenure *t)
{
	t->asked = t->open;
	positions_init(&t->fresh, t->open.size);
	for (unsigned i = 0; i < t->asked.size; i++) {
		if (positions_has(&t->asked, i) &&
		    (positions_has(&t->done, i) || positions_has(&t->returned, i)))
			positions_take(&t->asked, i);
		if (!positions_has(&t->wanted, i) || keeper_room(k) == 0)
			continue;
		positions_add(&t->asked, i);
		positions_add(&t->fresh, i);
		positions_take(&t->wanted, i);
		k->wanted_count--;
		k->open_count++;
	}
	LIST_EACH (it, &t->flying) {
		const struct entry *e = LIST_ITEM(it, struct entry, node);
		if (positions_has(&t->asked, e->s.position))
			positions_take(&t->asked, e->s.position);
	}
}

/* As many of those that wait as fit into the flush. */
static void take_waiting(struct keeper *k, struct tenure *t)
{
	while (!list_is_empty(&t->waiting) && flush_people(k->flush) < k->refusals.people_max) {
		struct list *node = list_pop_front(&t->waiting);
		list_push_back(&t->flying, node);
		flush_settle(k->flush, t->target, &LIST_ITEM(node, struct entry, node)->s);
		k->waiting_count--;
	}
}

static void add_target(struct keeper *k, struct tenure *t)
{
	struct flush_target target = {
		.key = {t->lease.campaign, t->lease.chunk},
		.incarnation = t->incarnation,
		.epoch = t->lease.epoch,
		.flush_seq = t->flush_seq,
		.people = (unsigned)t->lease.count,
		.is_late = t->is_fenced,
	};
	t->target = flush_target(k->flush, &target);
	take_waiting(k, t);
	t->is_flying = true;
	list_push_back(&k->flying, &t->dirty);
	if (t->is_fenced)
		return;
	choose_open(k, t);
	t->is_released = t->out == 0 && positions_count(&t->returned) > 0 &&
			 list_is_empty(&t->waiting) && list_is_empty(&t->aside);
	if (t->is_released)
		flush_release(k->flush, t->target);
	else
		flush_open(k->flush, t->target, &t->asked);
}

static void send_flush(struct keeper *k)
{
	size_t targets = 0;
	struct list *node;
	flush_clear(k->flush);
	while (targets < k->refusals.targets_max &&
	       flush_people(k->flush) < k->refusals.people_max &&
	       (node = list_pop_front(&k->dirty)) != NULL) {
		add_target(k, CONTAINER_OF(node, struct tenure, dirty));
		targets++;
	}
	/* While something is refused it goes alone. */
	if (refusals_are_over(&k->refusals) || targets == 0)
		keeper_add_usage(k);
	k->is_flying = true;
	k->flushed_ms = loop_now_ms(k->loop);
	keeper_flush_again(k);
	crash_point(CRASH_FLUSH_SENT);
}

/* ---------------------------------------------------------------------------------------- answers
 */

static void release_entries(struct keeper *k, struct list *entries)
{
	struct list *node;
	while ((node = list_pop_front(entries)) != NULL) {
		struct entry *e = LIST_ITEM(node, struct entry, node);
		if (e->marks.outcome != 0)
			k->options.events->on_flushed(k->options.owner, &e->marks);
		free(e);
	}
}

static void recount_open(struct tenure *t, const struct positions *open)
{
	struct keeper *k = t->keeper;
	k->open_count -= positions_count(&t->open);
	t->open = *open;
	k->open_count += positions_count(&t->open);
}

/* The flush under way was accepted for this tenure. */
static void take_accepted(struct tenure *t)
{
	struct keeper *k = t->keeper;
	LIST_EACH (it, &t->flying)
		positions_add(&t->done, LIST_ITEM(it, struct entry, node)->s.position);
	release_entries(k, &t->flying);
	if (t->is_fenced) {
		keeper_settled_late(k);
		return;
	}
	t->flush_seq++;
	/* choose_open counted the fresh ones when it asked. */
	k->open_count -= positions_count(&t->fresh);
	recount_open(t, &t->asked);
	for (unsigned i = 0; i < t->fresh.size; i++)
		if (positions_has(&t->fresh, i) && !positions_has(&t->returned, i)) {
			crash_point(CRASH_CREDIT);
			k->options.events->on_credit(k->options.owner, &t->lease, (uint16_t)i);
		}
	positions_init(&t->fresh, t->open.size);
}

bool keeper_is_settled(const struct tenure *t)
{
	if (t->out > 0 || t->is_flying || !list_is_empty(&t->waiting) || !list_is_empty(&t->aside))
		return false;
	return t->is_released || t->is_fenced || positions_count(&t->done) == t->lease.count;
}

void keeper_end(struct tenure *t)
{
	struct keeper *k = t->keeper;
	k->options.events->on_lease_over(k->options.owner, &t->lease);
	k->open_count -= positions_count(&t->open);
	k->wanted_count -= positions_count(&t->wanted);
	list_remove(&t->all);
	list_remove(&t->dirty);
	k->tenure_count--;
	arena_done(&t->memory);
	free(t);
}

bool keeper_has_news(const struct tenure *t)
{
	if (!list_is_empty(&t->waiting))
		return true;
	if (t->is_fenced)
		return false;
	for (unsigned i = 0; i < t->open.size; i++)
		if (positions_has(&t->returned, i) && positions_has(&t->open, i))
			return true;
	/* Wishes are news only while there is room for them: see keeper_wake_wishes. */
	return (keeper_room(t->keeper) > 0 && positions_count(&t->wanted) > 0) ||
	       (t->out == 0 && positions_count(&t->returned) > 0);
}

/* Its part of the flush is over, one way or the other. */
static void land(struct tenure *t)
{
	struct keeper *k = t->keeper;
	t->is_flying = false;
	list_remove(&t->dirty);
	if (keeper_is_settled(t))
		keeper_end(t);
	else if (keeper_has_news(t))
		list_push_back(&k->dirty, &t->dirty);
}

void keeper_fence(struct tenure *t)
{
	struct keeper *k = t->keeper;
	struct log_line l;
	struct positions none;
	if (log_begin(&l, LOG_WARN, "lease_lost")) {
		log_int(&l, "campaign", t->lease.campaign);
		log_int(&l, "chunk", t->lease.chunk);
		log_int(&l, "epoch", t->lease.epoch);
		log_end(&l);
	}
	t->is_fenced = true;
	k->wanted_count -= positions_count(&t->wanted);
	positions_init(&t->wanted, t->wanted.size);
	LIST_EACH (it, &t->flying)
		k->waiting_count++;
	list_splice(&t->waiting, &t->flying);
	/* Who was open may be in doubt: of those given back we know that nothing was sent. */
	for (unsigned i = 0; i < t->open.size; i++)
		if (positions_has(&t->returned, i) && positions_has(&t->open, i))
			keeper_park(t, (uint16_t)i, keeper_now_us(k));
	k->open_count -= positions_count(&t->fresh);
	positions_init(&t->fresh, t->open.size);
	positions_init(&none, t->open.size);
	recount_open(t, &none);
	k->options.events->on_fenced(k->options.owner, &t->lease);
}

static struct tenure *flying_tenure(struct keeper *k, const struct chunk_key *key)
{
	LIST_EACH (it, &k->flying) {
		struct tenure *t = CONTAINER_OF(it, struct tenure, dirty);
		if (t->lease.campaign == key->campaign && t->lease.chunk == key->chunk)
			return t;
	}
	return NULL;
}

/*
 * A target was not accepted. Still ours with flush_seq one ahead: the same flush had committed
 * before and its reply was lost. Otherwise the lease is gone.
 */
static void on_fences(void *owner, const struct fence_reply *reply)
{
	struct keeper *k = owner;
	if (reply->fate == PG_REFUSED)
		keeper_on_fences_refused(k, reply->err);
	if (reply->fate != PG_DONE) {
		k->is_fencing = true;
		timer_set(k->loop, &k->flush_timer, loop_now_ms(k->loop) + FENCES_MS);
		return;
	}
	keeper_on_fences_read(k);
	for (size_t i = 0; i < reply->count; i++) {
		const struct fence *f = &reply->fences[i];
		struct tenure *t = flying_tenure(k, &f->key);
		if (t == NULL)
			continue;
		bool was_done = f->flush_seq == t->flush_seq + 1 &&
				f->incarnation == t->incarnation &&
				(f->epoch == t->lease.epoch ||
				 (t->is_released && f->epoch == t->lease.epoch + 1));
		if (was_done)
			take_accepted(t);
		else
			keeper_fence(t);
		land(t);
	}
	/* A chunk that is not there any more belongs to a campaign that was removed. */
	struct list *node;
	while ((node = list_first(&k->flying)) != NULL) {
		struct tenure *t = CONTAINER_OF(node, struct tenure, dirty);
		keeper_fence(t);
		land(t);
	}
	k->is_flying = false;
	keeper_flush_soon(k);
}

static void read_fences(struct keeper *k)
{
	size_t count = 0;
	LIST_EACH (it, &k->flying)
		count++;
	struct chunk_key *keys = xcalloc(count, sizeof(keys[0]));
	size_t i = 0;
	LIST_EACH (it, &k->flying) {
		const struct tenure *t = CONTAINER_OF(it, struct tenure, dirty);
		keys[i++] = (struct chunk_key){t->lease.campaign, t->lease.chunk};
	}
	ledger_read_fences(k->ledger, keys, count, on_fences, k);
	free(keys);
}

void keeper_wake_wishes(struct keeper *k)
{
	if (k->wanted_count == 0 || keeper_room(k) == 0)
		return;
	LIST_EACH (it, &k->tenures) {
		struct tenure *t = CONTAINER_OF(it, struct tenure, all);
		if (positions_count(&t->wanted) > 0 && !t->is_flying && list_is_empty(&t->dirty))
			list_push_back(&k->dirty, &t->dirty);
	}
}

static void take_answers(struct keeper *k, const struct flush_reply *reply)
{
	keeper_on_passed(k);
	LIST_EACH (it, &k->flying) {
		struct tenure *t = CONTAINER_OF(it, struct tenure, dirty);
		must(t->target < reply->count);
		/* Late targets find nothing when nobody of theirs is in doubt any more. */
		if (!reply->answers[t->target].accepted && !t->is_fenced)
			continue;
		take_accepted(t);
		land(t);
	}
	if (!list_is_empty(&k->flying)) {
		read_fences(k);
		return;
	}
	k->is_flying = false;
	keeper_wake_wishes(k);
	keeper_flush_soon(k);
}

static void on_flushed(void *owner, struct flush *flush, const struct flush_reply *reply)
{
	struct keeper *k = owner;
	(void)flush;
	switch (reply->fate) {
	case PG_DONE:
		crash_point(CRASH_FLUSH_ACKNOWLEDGED);
		take_answers(k, reply);
		break;
	case PG_LOST:
		/* It may have committed: the same again before anything else; flush_seq tells. */
		keeper_flush_again(k);
		break;
	case PG_REFUSED:
		keeper_on_refused(k, reply->err);
		break;
	}
}
