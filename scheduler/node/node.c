/* SPDX-License-Identifier: MIT */
/* The life of a node: start, run, drain, stop. Control thread. See node.h. */
#include "scheduler/node/node.h"

#include <malloc.h>
#include <signal.h>
#include <stdlib.h>

#include "engine/base/clock.h"
#include "scheduler/node/node_private.h"
#include "scheduler/node/start.h"

#define TICK_MS 1000
#define PLAN_MS 50
/* What is bigger comes from the system and goes back to it: the people of leases, answers of the
 * database, flushes. glibc would raise this as it goes, and what lives for long between such blocks
 * would keep the heap at its highest. */
#define BIG_BLOCK (128 << 10)
/* What lanes have learnt is waited for so long at the end. */
#define SAVED_MS 1000
/* How long control lets letters of the workers gather: waking it costs as much as handling many. */
#define GATHER_MS 2

/* ------------------------------------------------------------------------------------------
 * starting */

static int start_worker(struct node *n, size_t i, struct err *err)
{
	struct worker_options options = {
		.index = i,
		.control = n->inbox,
		.composers = n->composers,
		.shared = &n->shared,
		.tls = n->tls,
		.journal = keeper_journal(n->keeper),
		.workers = n->options.settings.workers,
		.incarnation = keeper_id(n->keeper).incarnation,
		.journal_mode = n->options.settings.journal_mode,
		.journal_segment_bytes = n->options.settings.journal_segment_bytes,
		.settings = n->options.settings.worker,
		.past = keeper_past(n->keeper),
		.identity = n->identity,
	};
	n->workers[i] = worker_open(&options, err);
	if (n->workers[i] == NULL)
		return -1;
	work_posts_init(&n->posts[i], worker_inbox(n->workers[i]));
	return 0;
}

void node_start_workers(struct node *n)
{
	struct err err = {0};
	n->options.settings.worker.settle.node = keeper_id(n->keeper).node;
	for (size_t i = 0; i < n->options.settings.workers; i++) {
		if (start_worker(n, i, &err) != 0) {
			log_error_event(LOG_ERROR, "worker_not_started", &err);
			n->failure = err;
			node_drain(n);
			return;
		}
		n->worker_count++;
	}
	n->phase = NODE_RUNNING;
	struct log_line l;
	if (!log_begin(&l, LOG_INFO, "node_running"))
		return;
	log_cstr(&l, "node", n->options.name);
	log_int(&l, "incarnation", keeper_id(n->keeper).incarnation);
	log_int(&l, "workers", (int64_t)n->worker_count);
	log_int(&l, "sources", (int64_t)n->identity->pool->source_count);
	log_end(&l);
}

/* -------------------------------------------------------------------------------------------
 * stopping */

static void on_ledger_stopped(void *owner)
{
	struct node *n = owner;
	n->is_ledger_stopped = true;
	n->give_up_at_ms = loop_now_ms(n->loop) + SAVED_MS;
	node_on_saved(n);
}

void node_on_saved(struct node *n)
{
	if (n->is_ledger_stopped && n->saving == 0)
		loop_stop(n->loop);
}

static void stop_ledger(struct node *n)
{
	n->phase = NODE_STOPPING;
	slices_leave(n);
	keeper_stop(n->keeper, n->options.settings.stop_timeout_ms, on_ledger_stopped, n);
}

void node_on_drained(struct node *n)
{
	if (n->drained_count == n->worker_count && n->phase == NODE_DRAINING)
		stop_ledger(n);
}

void node_drain(struct node *n)
{
	if (n->phase > NODE_RUNNING)
		return;
	bool has_workers = n->worker_count > 0;
	n->phase = NODE_DRAINING;
	struct log_line l;
	if (log_begin(&l, LOG_INFO, "node_draining"))
		log_end(&l);
	lookups_give_back(n);
	texts_give_back(n);
	LIST_EACH (it, &n->holds)
		control_refuse_credits(n, LIST_ITEM(it, struct hold, node));
	if (!has_workers) {
		stop_ledger(n);
		return;
	}
	for (size_t i = 0; i < n->worker_count; i++)
		work_letter_send(worker_inbox(n->workers[i]), &n->drain_letters[i], LETTER_DRAIN,
				 NULL);
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct node *n = handle->data;
	if (number == SIGHUP)
		reload_all(n);
	else
		node_drain(n);
}

/* ----------------------------------------------------------------------------------------------
 * life */

static void note_lease(struct node *n)
{
	struct log_line l;
	bool holds = clock_now_ms() < atomic_load(&n->shared.lease_until_ms);
	if (holds == n->held_lease || n->phase != NODE_RUNNING)
		return;
	n->held_lease = holds;
	if (log_begin(&l, holds ? LOG_INFO : LOG_WARN, holds ? "lease_held" : "lease_over"))
		log_end(&l);
}

static void on_tick(struct timer *timer)
{
	struct node *n = timer->owner;
	note_lease(n);
	claims_tick(n);
	slices_deal(n);
	live_tick(n);
	revive_tick(n);
	standings_tick(n);
	sites_evict(n);
	lookups_tell(n);
	texts_expire(n);
	for (size_t i = 0; i < n->worker_count; i++)
		control_send_flushed(n, i);
	timer_set(n->loop, timer, loop_now_ms(n->loop) + TICK_MS);
}

static void on_plan(struct timer *timer)
{
	struct node *n = timer->owner;
	hours_look(n);
	claims_plan(n);
	slices_ask(n);
	if (n->is_ledger_stopped && loop_now_ms(n->loop) >= n->give_up_at_ms)
		loop_stop(n->loop);
	timer_set(n->loop, timer, loop_now_ms(n->loop) + PLAN_MS);
}

static void watch_signals(struct node *n)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a journal that may not grow is an error of write(2) */
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		must(uv_signal_init(loop_uv(n->loop), &n->signals[i]) == 0);
		n->signals[i].data = n;
		must(uv_signal_start(&n->signals[i], on_signal, numbers[i]) == 0);
	}
}

static int open_ledger(struct node *n, struct err *err)
{
	const struct node_settings *s = &n->options.settings;
	struct keeper_options options = {
		.database_url = n->options.database_url,
		.node_name = n->options.name,
		.data_dir = n->options.data_dir,
		.times = s->times,
		.flush_ms = s->flush_ms,
		.unknown_retry_after_ms = s->unknown_retry_after_ms,
		.overdue_ms = s->overdue_ms,
		.keep_outcomes_days = s->keep_outcomes_days,
		.flush_outcomes = s->flush_outcomes,
		.max_open = s->max_open,
		.first_credits = s->first_credits,
		.zone = s->hours_zone,
		.brake = s->brake,
		.events = &node_keeper_events,
		.owner = n,
	};
	return keeper_open(n->loop, &options, &n->keeper, err);
}

static void open_load(struct node *n)
{
	struct pg_options options = {.url = n->options.database_url,
				     .name = "edm load",
				     .reply_timeout_ms = 30000,
				     .owner = n};
	n->load = pg_open(n->loop, &options);
}

static int open_parts(struct node *n, struct err *err)
{
	const struct node_settings *s = &n->options.settings;
	n->tls = tls_context_new(s->ca_file, err);
	if (n->tls == NULL)
		return -1;
	n->resolver = resolver_open(n->loop, &s->dns, err);
	if (n->resolver == NULL)
		return -1;
	if (open_ledger(n, err) != 0 || n->options.on_joined(n->options.context, err) != 0)
		return -1;
	open_load(n);
	n->workers = xcalloc(s->workers, sizeof(n->workers[0]));
	n->statuses = xcalloc(s->workers, sizeof(n->statuses[0]));
	n->flushed = xcalloc(s->workers, sizeof(n->flushed[0]));
	n->unsaved_connects = xcalloc(s->workers, sizeof(n->unsaved_connects[0]));
	n->wishes = xcalloc(s->workers, sizeof(n->wishes[0]));
	n->drain_letters = xcalloc(s->workers, sizeof(n->drain_letters[0]));
	n->posts = xcalloc(s->workers, sizeof(n->posts[0]));
	n->crashes = crashes_open(n->options.data_dir, err);
	if (n->crashes == NULL)
		return -1;
	crashes_watch();
	n->composers = composers_open((int)s->composers, n->crashes);
	return 0;
}

static struct node *node_new(const struct node_options *options)
{
	struct node *n = xcalloc(1, sizeof(*n));
	n->options = *options;
	n->loop = loop_new();
	n->inbox = mailbox_open(n->loop, control_on_letter, n);
	mailbox_gather(n->inbox, GATHER_MS);
	reload_init(n);
	map_init(&n->needs);
	map_init(&n->texts);
	map_init(&n->campaigns);
	lookups_init(n);
	map_init(&n->sites);
	map_init(&n->wide_limits);
	map_init(&n->wide_names);
	list_init(&n->holds);
	list_init(&n->standings);
	n->tick = (struct timer){.on_due = on_tick, .owner = n};
	n->plan = (struct timer){.on_due = on_plan, .owner = n};
	return n;
}

static void node_free(struct node *n)
{
	for (size_t i = 0; i < n->worker_count; i++)
		worker_close(n->workers[i]);
	composers_close(n->composers);
	crashes_close(n->crashes);
	timer_clear(n->loop, &n->tick);
	timer_clear(n->loop, &n->plan);
	for (size_t i = 0; i < ARRAY_LEN(n->signals); i++)
		if (n->signals[i].data != NULL)
			uv_close((uv_handle_t *)&n->signals[i], NULL);
	mailbox_close(n->inbox);
	standings_free(n);
	resolver_close(n->resolver);
	keeper_close(n->keeper);
	pg_close(n->load);
	reload_free(n);
	revive_free(n);
	texts_free(n);
	lookups_free(n);
	sites_free(n);
	needs_free(n);
	campaigns_free(n);
	slices_free(n);
	live_free(n);
	identity_drop(n->identity);
	tls_context_free(n->tls);
	loop_free(n->loop);
	for (size_t i = 0; i < n->worker_count; i++)
		work_flushed_free(n->flushed[i]);
	free(n->flushed);
	free(n->unsaved_connects);
	free(n->workers);
	free(n->drain_letters);
	free(n->posts);
	free(n->wishes);
	free(n);
}

int node_run(const struct node_options *options, struct err *err)
{
	mallopt(M_MMAP_THRESHOLD, BIG_BLOCK);
	struct node *n = node_new(options);
	int result = open_parts(n, err);
	if (result == 0) {
		watch_signals(n);
		timer_set(n->loop, &n->tick, loop_now_ms(n->loop) + TICK_MS);
		timer_set(n->loop, &n->plan, loop_now_ms(n->loop) + PLAN_MS);
		loop_run(n->loop);
		if (n->is_drained)
			start_log_drained(options->database_url, options->name);
		result = n->failure.kind == ERR_NONE ? 0 : -1;
		if (result != 0)
			*err = n->failure;
	}
	node_free(n);
	return result;
}
