/* SPDX-License-Identifier: MIT */
/* The keeper's life, and what the node tells it. See keeper.h and keeper_private.h. Control thread.
 */
#include "scheduler/node/keeper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/crash.h"
#include "engine/base/log.h"
#include "scheduler/node/keeper_private.h"
#include "scheduler/node/past.h"
#include "scheduler/node/start.h"

#define CHANNEL "edm"
#define REPLY_TIMEOUT_MS 60000

int64_t keeper_now_us(const struct keeper *k)
{
	return member_database_us(k->member, clock_now_us());
}

size_t keeper_room(const struct keeper *k)
{
	size_t taken = k->open_count + k->promised;
	return taken < (size_t)k->options.max_open ? (size_t)k->options.max_open - taken : 0;
}

/* -------------------------------------------------------------------------------------- heartbeat
 */

static void tell_beat(struct keeper *k)
{
	int64_t now_us = clock_now_us();
	k->options.events->on_beat(k->options.owner, member_holds_until(k->member),
				   member_database_us(k->member, now_us) - now_us);
}

static void on_beat(void *owner, const struct member_held *held)
{
	struct keeper *k = owner;
	tell_beat(k);
	/* The first one brings the time without which nothing is dated: work begins. */
	if (!k->has_beat)
		keeper_read_soon(k);
	k->has_beat = true;
	keeper_reconcile(k, held);
}

static void on_draining(void *owner)
{
	struct keeper *k = owner;
	k->options.events->on_draining(k->options.owner);
}

static void on_outdated(void *owner, struct str needed)
{
	struct keeper *k = owner;
	struct err err = {0};
	err_set(&err, ERR_REFUSED,
		"this database has been migrated by a newer edm and needs at least %.*s; this is "
		"%s: it gives back what it has and stops; upgrade this program",
		STR_ARG(needed), EDM_VERSION);
	k->options.events->on_outdated(k->options.owner, &err);
}

static void on_fenced(void *owner)
{
	struct keeper *k = owner;
	struct err err = {0};
	k->is_fenced = true;
	err_set(&err, ERR_REFUSED,
		"the database has given this node's name away: it was silent for longer than its "
		"lease, or another process registered as it");
	k->options.events->on_lost(k->options.owner, &err);
}

static void on_notify(void *owner, struct pg *pg, struct str payload)
{
	struct keeper *k = owner;
	(void)pg;
	(void)payload;
	keeper_read_soon(k);
}

/* -------------------------------------------------------------------------------------------- life
 */

/* The three go together: told once. */
static void on_down(void *owner, struct pg *pg, const struct err *err)
{
	struct keeper *k = owner;
	(void)pg;
	if (!k->is_away)
		log_error_event(LOG_WARN, "database_away", err);
	k->is_away = true;
}

static void on_up(void *owner, struct pg *pg)
{
	struct keeper *k = owner;
	struct log_line l;
	(void)pg;
	if (!pg_is_up(k->beat) || !pg_is_up(k->ledger) || !pg_is_up(k->work))
		return;
	/* The round that found one of them down comes again only in a second. */
	keeper_read_soon(k);
	if (!k->is_away)
		return;
	k->is_away = false;
	if (log_begin(&l, LOG_INFO, "database_back"))
		log_end(&l);
}

static struct pg *open_connection(struct keeper *k, const char *name, const char *listen)
{
	struct pg_options options = {.url = k->database_url,
				     .name = name,
				     .listen = listen,
				     .reply_timeout_ms = REPLY_TIMEOUT_MS,
				     .on_up = on_up,
				     .on_down = on_down,
				     .on_notify = listen ? on_notify : NULL,
				     .owner = k};
	return pg_open(k->loop, &options);
}

static struct keeper *keeper_new(struct loop *loop, const struct keeper_options *options)
{
	struct keeper *k = xcalloc(1, sizeof(*k));
	k->options = *options;
	k->loop = loop;
	k->database_url = xstrdup(options->database_url);
	snprintf(k->zone, sizeof(k->zone), "%s", options->zone);
	list_init(&k->tenures);
	list_init(&k->dirty);
	list_init(&k->flying);
	list_init(&k->fresh);
	map_init(&k->usage);
	list_init(&k->usage_dirty);
	list_init(&k->usage_flying);
	k->flush = flush_new();
	k->flush_timer = (struct timer){.on_due = keeper_on_flush_timer, .owner = k};
	k->work_timer = (struct timer){.on_due = keeper_on_work_timer, .owner = k};
	k->aside_timer = (struct timer){.on_due = keeper_on_aside_timer, .owner = k};
	refusals_init(&k->refusals);
	return k;
}

static struct member *open_member(struct keeper *k, int64_t registered_ms)
{
	const struct member_options options = {.id = k->id,
					       .times = k->options.times,
					       .registered_at_ms = registered_ms,
					       .events = {.on_beat = on_beat,
							  .on_draining = on_draining,
							  .on_outdated = on_outdated,
							  .on_fenced = on_fenced,
							  .owner = k}};
	return member_open(k->loop, k->beat, &options);
}

int keeper_open(struct loop *loop, const struct keeper_options *options, struct keeper **out,
		struct err *err)
{
	struct keeper *k = keeper_new(loop, options);
	struct start start = {.database_url = options->database_url,
			      .node_name = options->node_name,
			      .data_dir = options->data_dir,
			      .lease_ms = options->times.lease_ms,
			      .unknown_retry_ms = options->unknown_retry_after_ms};
	if (keeper_start(&start, err) != 0) {
		keeper_close(k);
		return -1;
	}
	k->journal = start.journal;
	k->past = start.past;
	k->id = start.id;
	k->beat = open_connection(k, "edm beat", CHANNEL);
	k->ledger = open_connection(k, "edm ledger", NULL);
	k->work = open_connection(k, "edm work", NULL);
	k->member = open_member(k, start.registered_ms);
	timer_set(loop, &k->work_timer, loop_now_ms(loop));
	*out = k;
	return 0;
}

const struct past *keeper_past(const struct keeper *k)
{
	return k->past;
}

bool keeper_is_away(const struct keeper *k)
{
	return k->is_away;
}

void keeper_set_zone(struct keeper *k, const char *zone)
{
	snprintf(k->zone, sizeof(k->zone), "%s", zone);
	keeper_read_soon(k);
}

struct journal *keeper_journal(struct keeper *k)
{
	return k->journal;
}

struct member_id keeper_id(const struct keeper *k)
{
	return k->id;
}

static void finish_stop(struct keeper *k)
{
	if (k->is_stopped)
		return;
	k->is_stopped = true;
	k->on_stopped(k->stop_owner);
}

static void on_left(void *owner, const struct pg_reply *reply)
{
	struct keeper *k = owner;
	crash_point(CRASH_LEFT);
	if (reply->fate != PG_DONE)
		log_error_event(LOG_WARN, "node_not_deregistered", reply->err);
	finish_stop(k);
}

/* The flush timer's rhythm also drives the stop: once all is told, leave. */
static void on_stop_tick(struct timer *timer)
{
	struct keeper *k = timer->owner;
	int64_t now = loop_now_ms(k->loop);
	if (now >= k->stop_at_ms) {
		struct err err = {0};
		err_set(&err, ERR_DATABASE,
			"the database did not answer in time: what is not flushed is in the "
			"journal");
		log_error_event(LOG_WARN, "stopped_unflushed", &err);
		finish_stop(k);
		return;
	}
	bool is_told = keeper_is_told(k) && !k->is_claiming && k->work_calls == 0;
	if (is_told && !k->is_leaving) {
		k->is_leaving = true;
		crash_point(CRASH_LEAVE);
		membership_leave(k->beat, k->id, on_left, k);
	}
	keeper_flush_soon(k);
	timer_set(k->loop, timer, now + 10);
}

void keeper_stop(struct keeper *k, int64_t timeout_ms, void (*on_done)(void *owner), void *owner)
{
	k->is_stopping = true;
	k->on_stopped = on_done;
	k->stop_owner = owner;
	k->stop_at_ms = loop_now_ms(k->loop) + timeout_ms;
	timer_clear(k->loop, &k->work_timer);
	k->work_timer = (struct timer){.on_due = on_stop_tick, .owner = k};
	timer_set(k->loop, &k->work_timer, loop_now_ms(k->loop));
}

static void free_entries(struct list *entries)
{
	struct list *node;
	while ((node = list_pop_front(entries)) != NULL)
		free(LIST_ITEM(node, struct entry, node));
}

void keeper_close(struct keeper *k)
{
	if (k == NULL)
		return;
	timer_clear(k->loop, &k->flush_timer);
	timer_clear(k->loop, &k->aside_timer);
	timer_clear(k->loop, &k->work_timer);
	pg_close(k->beat);
	pg_close(k->ledger);
	pg_close(k->work);
	member_close(k->member);
	keeper_work_close(k);
	keeper_brake_close(k);
	keeper_drop_fresh(k);
	struct list *node;
	while ((node = list_first(&k->tenures)) != NULL) {
		struct tenure *t = CONTAINER_OF(node, struct tenure, all);
		free_entries(&t->waiting);
		free_entries(&t->aside);
		free_entries(&t->flying);
		keeper_end(t);
	}
	flush_free(k->flush);
	keeper_drop_usage(k);
	past_free(k->past);
	journal_close(k->journal);
	free(k->database_url);
	free(k);
}

/* ------------------------------------------------------------------------------- what the node
 * says */

static struct tenure *tenure_at(struct node_lease *lease)
{
	return CONTAINER_OF(lease, struct tenure, lease);
}

void keeper_credit(struct keeper *k, struct node_lease *lease, uint16_t position)
{
	struct tenure *t = tenure_at(lease);
	must(!t->is_fenced && !positions_has(&t->wanted, position));
	positions_add(&t->wanted, position);
	k->wanted_count++;
	keeper_dirty(t);
}

static void forget_wish(struct tenure *t, uint16_t position)
{
	if (!positions_has(&t->wanted, position))
		return;
	positions_take(&t->wanted, position);
	t->keeper->wanted_count--;
}

void keeper_uncredit(struct keeper *k, struct node_lease *lease, uint16_t position)
{
	(void)k;
	forget_wish(tenure_at(lease), position);
}

static struct str put(char **at, struct str s)
{
	struct str own = str_of(*at, s.len);
	if (s.len > 0)
		memcpy(*at, s.ptr, s.len);
	*at += s.len;
	return own;
}

/* A copy with its strings behind it; address and attributes are the tenure's. */
static struct entry *entry_of(const struct tenure *t, const struct settlement *from,
			      const struct journal_marks *marks)
{
	size_t size = from->template_text.len + from->vars.len + from->provider.len + from->mx.len +
		      from->rule.len;
	struct entry *e = xcalloc(1, sizeof(*e) + size);
	char *at = e->text;
	list_init(&e->node);
	e->marks = *marks;
	e->s = *from;
	e->s.template_text = put(&at, from->template_text);
	e->s.vars = put(&at, from->vars);
	e->s.provider = put(&at, from->provider);
	e->s.mx = put(&at, from->mx);
	e->s.rule = put(&at, from->rule);
	e->s.retry.address = t->lease.people[from->position].address;
	e->s.retry.attributes = t->lease.people[from->position].attributes;
	return e;
}

/* The node has nothing of this position any more. */
static void take_back(struct tenure *t, uint16_t position)
{
	must(t->out > 0);
	t->out--;
	forget_wish(t, position);
}

static void after_take_back(struct tenure *t)
{
	keeper_dirty(t);
}

void keeper_settle(struct keeper *k, struct node_lease *lease, const struct settlement *settlement,
		   const struct journal_marks *marks)
{
	struct tenure *t = tenure_at(lease);
	struct entry *e = entry_of(t, settlement, marks);
	take_back(t, (uint16_t)settlement->position);
	list_push_back(&t->waiting, &e->node);
	k->waiting_count++;
	after_take_back(t);
}

void keeper_return(struct keeper *k, struct node_lease *lease, uint16_t position, int64_t due_us)
{
	struct tenure *t = tenure_at(lease);
	take_back(t, position);
	/* A chunk of which something is set aside is not given back. */
	bool has_no_chunk = t->is_fenced || !list_is_empty(&t->aside);
	if (due_us > 0 || has_no_chunk)
		keeper_park(t, position, due_us > 0 ? due_us : keeper_now_us(k));
	else
		positions_add(&t->returned, position);
	after_take_back(t);
}

struct keeper_gauges keeper_gauges(const struct keeper *k)
{
	struct keeper_gauges g = {.leases = k->tenure_count,
				  .open_bits = k->open_count,
				  .credits_wanted = k->wanted_count,
				  .unflushed = k->waiting_count,
				  .set_aside = k->aside_count,
				  .refusal = k->refusal.kind != ERR_NONE ? &k->refusal : NULL};
	LIST_EACH (it, &k->tenures)
		g.people += CONTAINER_OF(it, struct tenure, all)->out;
	return g;
}
