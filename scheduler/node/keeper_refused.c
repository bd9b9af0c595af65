/* SPDX-License-Identifier: MIT */
/*
 * Flushes that the database refuses (scheduler/ledger/refusal.h): sent again, taken apart, or what
 * one person cannot be written for is set aside. Nothing of a refused flush stands, so it can be
 * undone. Control thread.
 */
#include "engine/base/log.h"
#include "scheduler/node/keeper_private.h"

/* The same refusal is logged so often. */
#define TELL_MS 60000

/* ---- undoing */

/* Credits asked for in the flush are wished for again, unless the person is back meanwhile. */
static void take_back_credits(struct tenure *t)
{
	struct keeper *k = t->keeper;
	LIST_EACH (it, &t->waiting) {
		const struct entry *e = LIST_ITEM(it, struct entry, node);
		if (!positions_has(&t->fresh, e->s.position))
			continue;
		positions_take(&t->fresh, e->s.position);
		k->open_count--;
	}
	for (unsigned i = 0; i < t->fresh.size; i++) {
		if (!positions_has(&t->fresh, i))
			continue;
		k->open_count--;
		if (positions_has(&t->returned, i))
			continue;
		positions_add(&t->wanted, i);
		k->wanted_count++;
	}
	positions_init(&t->fresh, t->open.size);
}

static void take_off(struct tenure *t)
{
	struct keeper *k = t->keeper;
	take_back_credits(t);
	LIST_EACH (it, &t->flying)
		k->waiting_count++;
	list_splice(&t->flying, &t->waiting);
	list_splice(&t->waiting, &t->flying);
	t->is_flying = t->is_released = false;
	list_remove(&t->dirty);
}

/* Those with more to tell come before the others that wait, or after them. */
static void take_off_all(struct keeper *k, bool is_first)
{
	struct list *node;
	struct list others;
	list_init(&others);
	if (is_first)
		list_splice(&others, &k->dirty);
	while ((node = list_first(&k->flying)) != NULL) {
		struct tenure *t = CONTAINER_OF(node, struct tenure, dirty);
		take_off(t);
		if (keeper_has_news(t))
			list_push_back(&k->dirty, &t->dirty);
	}
	list_splice(&k->dirty, &others);
	keeper_land_usage(k, false);
	k->is_flying = false;
}

/* ---- setting aside */

static void tell_aside(const struct tenure *t, struct entry *e, const struct err *err)
{
	struct log_line l;
	bool is_new = !e->was_aside;
	e->was_aside = true;
	if (!is_new || !log_begin(&l, LOG_ERROR, "outcome_refused"))
		return;
	log_int(&l, "campaign", t->lease.campaign);
	log_int(&l, "chunk", t->lease.chunk);
	log_int(&l, "position", (int64_t)e->s.position);
	log_str(&l, "rcpt", t->lease.people[e->s.position].address);
	log_err(&l, err);
	log_cstr(&l, "todo",
		 "put right what the error names; it is tried again by itself, and its record "
		 "stays in the journal until then");
	log_end(&l);
}

/* The one person of the refused flush; the chunk is not given back while it is there. */
static void set_aside(struct keeper *k, const struct err *err)
{
	struct tenure *t = CONTAINER_OF(list_first(&k->flying), struct tenure, dirty);
	struct entry *e = LIST_ITEM(list_first(&t->flying), struct entry, node);
	list_remove(&e->node);
	list_push_back(&t->aside, &e->node);
	k->aside_count++;
	tell_aside(t, e, err);
	for (unsigned i = 0; i < t->returned.size; i++) {
		if (!positions_has(&t->returned, i))
			continue;
		positions_take(&t->returned, i);
		keeper_park(t, (uint16_t)i, keeper_now_us(k));
	}
	if (!timer_is_set(&k->aside_timer))
		timer_set(k->loop, &k->aside_timer, loop_now_ms(k->loop) + REFUSAL_ASIDE_MS);
}

/* Whoever waits in the same chunk is tried before them. */
static void move_back(struct keeper *k)
{
	struct list *node = list_first(&k->flying);
	if (node == NULL)
		return; /* it was of usage alone */
	struct tenure *t = CONTAINER_OF(node, struct tenure, dirty);
	while ((node = list_pop_front(&t->flying)) != NULL) {
		list_push_back(&t->waiting, node);
		k->waiting_count++;
	}
}

void keeper_on_aside_timer(struct timer *timer)
{
	struct keeper *k = timer->owner;
	k->aside_count = 0;
	LIST_EACH (it, &k->tenures) {
		struct tenure *t = CONTAINER_OF(it, struct tenure, all);
		if (list_is_empty(&t->aside))
			continue;
		LIST_EACH (entry, &t->aside)
			k->waiting_count++;
		list_splice(&t->waiting, &t->aside);
		keeper_dirty(t);
	}
}

/* Nobody is out and nothing waits but what is set aside. */
static bool is_told(const struct tenure *t)
{
	return t->out == 0 && !t->is_flying && !list_is_empty(&t->aside) && !keeper_has_news(t);
}

bool keeper_is_told(const struct keeper *k)
{
	/* Nobody waits for usage that is refused. */
	bool is_refused = k->flush_after_ms != 0;
	if (k->has_usage || (keeper_has_usage_news(k) && !is_refused))
		return false;
	LIST_EACH (it, &k->tenures)
		if (!is_told(CONTAINER_OF(it, struct tenure, all)))
			return false;
	return true;
}

/* ---- the answer */

static void tell(struct keeper *k, const char *event, const struct err *err)
{
	int64_t now = loop_now_ms(k->loop);
	if (k->refusal_told_ms != 0 && now - k->refusal_told_ms < TELL_MS)
		return;
	k->refusal_told_ms = now;
	log_error_event(LOG_ERROR, event, err);
}

static void tell_refused(struct keeper *k, const struct err *err)
{
	tell(k, "flush_refused", err);
}

void keeper_on_refused(struct keeper *k, const struct err *err)
{
	size_t people = flush_people(k->flush);
	struct refusal_answer answer =
		refusals_take(&k->refusals, err, flush_targets(k->flush), people, k->has_usage);
	int64_t go_ms = loop_now_ms(k->loop) + answer.wait_ms;
	k->refusal = *err;
	switch (answer.step) {
	case REFUSAL_AGAIN:
		tell_refused(k, err);
		break;
	case REFUSAL_SMALLER:
		if (people == 0)
			tell_refused(k, err); /* nobody will be named for it */
		take_off_all(k, true);
		break;
	case REFUSAL_SET_ASIDE:
		set_aside(k, err);
		take_off_all(k, true);
		break;
	case REFUSAL_LATER:
		tell_refused(k, err);
		move_back(k);
		take_off_all(k, false);
		k->flush_after_ms = go_ms;
		break;
	}
	if (k->is_flying || !list_is_empty(&k->dirty) || keeper_has_usage_news(k))
		timer_set(k->loop, &k->flush_timer, go_ms);
}

/* Nothing is refused any more, but for who is set aside. */
static void clear_refusal(struct keeper *k)
{
	if (k->aside_count == 0)
		err_clear(&k->refusal);
}

void keeper_on_passed(struct keeper *k)
{
	keeper_land_usage(k, true);
	refusals_passed(&k->refusals);
	k->flush_after_ms = 0;
	clear_refusal(k);
}

void keeper_on_fences_refused(struct keeper *k, const struct err *err)
{
	k->refusal = *err;
	tell(k, "fences_refused", err);
}

void keeper_on_fences_read(struct keeper *k)
{
	clear_refusal(k);
}
