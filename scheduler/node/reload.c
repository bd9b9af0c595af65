/* SPDX-License-Identifier: MIT */
/*
 * What changed decides what is loaded: limits and pauses, routes, rules, keys and settings each
 * have a version, and a node loads what has another version than it has. Whatever happens to
 * campaigns and suppressions is heard elsewhere (claims.c, control.c) and loads nothing here.
 *
 * Loads of a kind do not overlap, and in a storm of changes they keep a distance, so that most of
 * the loop's time belongs to mail. Nothing here waits: the database answers by callback, files are
 * read by a thread of the pool. Control thread, but for read_files.
 */
#include <stdlib.h>
#include <string.h>

#include "scheduler/node/node_private.h"

#define RELOAD_NEVER (-1)
/* Between the beginnings of two loads. A change is in force after at most two of these and the time
 * its reading takes (keeper_work.c), well within the second that operators are promised. */
#define GAP_MS 200
/* A load that the database did not answer is tried again after this. */
#define RETRY_MS 1000

static void look(struct node *n);

static bool is_due(const struct node *n, enum node_change kind)
{
	return n->reload.loaded[kind] != n->reload.heard[kind];
}

static void note_reloaded(const struct node *n, enum node_change kind)
{
	struct log_line l;
	if (n->phase != NODE_RUNNING || !log_begin(&l, LOG_INFO, "reloaded"))
		return;
	log_cstr(&l, "what", node_change_name(kind));
	log_end(&l);
}

static void reload_letter_free(struct work_reload *reload)
{
	if (reload != NULL)
		identity_drop(reload->identity);
	free(reload);
}

static void tell_workers(struct node *n)
{
	if (n->phase != NODE_RUNNING)
		return;
	n->reloads++;
	for (size_t i = 0; i < n->worker_count; i++) {
		struct work_reload *reload = xcalloc(1, sizeof(*reload));
		reload->number = n->reloads;
		reload->site_round = n->site_round;
		reload->identity = identity_hold(n->identity);
		reload->settings = n->options.settings.worker;
		reload_letter_free(work_post(&n->posts[i], LETTER_RELOAD, reload));
	}
}

/* What is not right will not be right until it is changed again; who did not answer may yet. */
static void try_again(struct node *n, const struct err *err, enum node_change kind)
{
	if (err->kind != ERR_DATABASE)
		return;
	n->reload.loaded[kind] = RELOAD_NEVER;
	n->reload.not_before_ms = loop_now_ms(n->loop) + RETRY_MS;
}

/* ------------------------------------------------------------------------------------------
 * identity */

/* Whoever made a rule that is not in force is told each time the rules are read. */
static void tell_left_out(struct node *n, const struct identity *old)
{
	if (old != NULL && old->rules == n->identity->rules)
		return;
	const struct rule_left_out *rule = rule_set_left_out(n->identity->rules);
	for (; rule != NULL; rule = rule->next)
		alert_rule_left_out(n, rule);
}

/* The end of a change of a profile needs no database: what it was said for is known. */
static void wait_for_profiles(struct node *n)
{
	int64_t end_ms = n->identity->pool->profiles_end_ms;
	if (end_ms == LIMIT_FOREVER)
		timer_clear(n->loop, &n->reload.profiles);
	else
		timer_set(n->loop, &n->reload.profiles, end_ms);
}

/* Takes the reference. */
static void put_in_force(struct node *n, struct identity *identity, bool is_other_way)
{
	struct identity *old = n->identity;
	n->identity = identity;
	tell_left_out(n, old);
	/* What was loaded for another reason may be without a change that has just ended. */
	is_other_way |= old != NULL && old->pool->profiles_end_ms != LIMIT_FOREVER;
	if (is_other_way)
		sites_renew(n);
	wait_for_profiles(n);
	if (n->phase == NODE_STARTING)
		node_start_workers(n);
	else
		tell_workers(n);
	slices_deal(n);
	identity_drop(old);
	claims_plan(n);
}

static void on_profiles(struct timer *timer)
{
	struct node *n = timer->owner;
	struct err err = {0};
	if (n->phase != NODE_RUNNING)
		return;
	struct ip_pool_snapshot *pool =
		ip_pool_snapshot_at(n->identity->pool, loop_now_ms(n->loop), &err);
	if (pool == NULL) {
		log_error_event(LOG_ERROR, "profiles_not_renewed", &err);
		return;
	}
	put_in_force(n, identity_with_pool(n->identity, pool), true);
	note_reloaded(n, CHANGE_ROUTES);
}

static void on_identity(void *owner, struct identity *identity, const struct err *err)
{
	struct node *n = owner;
	n->reload.identity = NULL;
	if (identity == NULL) {
		log_error_event(LOG_ERROR, "identity_not_loaded", err);
		for (int kind = CHANGE_LIMITS; kind <= CHANGE_RULES; kind++)
			try_again(n, err, (enum node_change)kind);
		look(n);
		return;
	}
	for (int kind = CHANGE_LIMITS; kind <= CHANGE_RULES; kind++)
		if (n->reload.brings[kind])
			note_reloaded(n, (enum node_change)kind);
	put_in_force(n, identity, n->reload.brings[CHANGE_ROUTES]);
	look(n);
}

static void load_identity(struct node *n)
{
	struct reload *r = &n->reload;
	struct identity_want want = {
		.node = str_from(n->options.name),
		.old = n->identity,
		.pool = is_due(n, CHANGE_LIMITS) || is_due(n, CHANGE_ROUTES),
		.rules = is_due(n, CHANGE_RULES),
		.now = loop_now_ms(n->loop),
	};
	for (int kind = CHANGE_LIMITS; kind <= CHANGE_RULES; kind++) {
		r->brings[kind] = is_due(n, (enum node_change)kind);
		r->loaded[kind] = r->heard[kind];
	}
	r->identity = identity_load(n->load, &want, on_identity, n);
}

/* ------------------------------------------------------------------------------------------
 * settings */

static bool allows_the_same(const struct mx_policy *a, const struct mx_policy *b)
{
	return a->allowed_count == b->allowed_count &&
	       memcmp(a->allowed, b->allowed, a->allowed_count * sizeof(a->allowed[0])) == 0;
}

/* Threads, journal and protocol stay as they were until a restart. */
static void take_settings(struct node *n, const struct node_settings *fresh)
{
	struct node_settings *s = &n->options.settings;
	bool is_other_way = s->smtp_port != fresh->smtp_port || s->tls != fresh->tls;
	bool is_other_policy = !allows_the_same(&s->dns.policy, &fresh->dns.policy);
	s->worker = fresh->worker;
	s->worker.settle.node = keeper_id(n->keeper).node;
	s->horizon_ms = fresh->horizon_ms;
	s->leased_budget = fresh->leased_budget;
	s->alert_command = fresh->alert_command;
	memcpy(s->dnsbl, fresh->dnsbl, sizeof(s->dnsbl));
	s->dnsbl_count = fresh->dnsbl_count;
	s->standing_ms = fresh->standing_ms;
	keeper_set_upkeep(n->keeper, fresh->unknown_retry_after_ms, fresh->overdue_ms,
			  fresh->keep_outcomes_days);
	s->hours = fresh->hours;
	memcpy(s->hours_zone, fresh->hours_zone, sizeof(s->hours_zone));
	keeper_set_zone(n->keeper, s->hours_zone);
	keeper_set_brake(n->keeper, &fresh->brake);
	s->smtp_port = fresh->smtp_port;
	s->tls = fresh->tls;
	s->dns.policy = fresh->dns.policy;
	if (is_other_policy)
		resolver_set_policy(n->resolver, &s->dns.policy);
	if (is_other_way)
		sites_renew(n);
	tell_workers(n);
	note_reloaded(n, CHANGE_SETTINGS);
}

static void on_settings(void *owner, const struct pg_reply *reply)
{
	struct node *n = owner;
	struct node_settings fresh;
	struct err err = {0};
	n->reload.is_asking_settings = false;
	if (reply->fate != PG_DONE) {
		log_error_event(LOG_WARN, "settings_not_read", reply->err);
		n->reload.loaded[CHANGE_SETTINGS] = RELOAD_NEVER;
		n->reload.not_before_ms = loop_now_ms(n->loop) + RETRY_MS;
		look(n);
		return;
	}
	if (n->options.make_settings(n->options.context, reply->rows, &fresh, &err) != 0) {
		log_error_event(LOG_ERROR, "settings_not_reloaded", &err);
		/* The files are as they were: with them the rows may be good. */
		if (n->reload.takes_files)
			n->reload.loaded[CHANGE_SETTINGS] = RELOAD_NEVER;
	} else {
		take_settings(n, &fresh);
	}
	n->reload.takes_files = false;
	look(n);
}

static void ask_settings(struct node *n)
{
	n->reload.is_asking_settings = true;
	n->reload.loaded[CHANGE_SETTINGS] = n->reload.heard[CHANGE_SETTINGS];
	pg_call(n->load, "setup/settings", NULL, on_settings, n);
}

static void read_files(uv_work_t *work)
{
	struct node *n = work->data;
	struct err *err = &n->reload.files_err;
	*err = (struct err){0};
	if (n->options.read_files(n->options.context, err) != 0)
		must(err->kind != ERR_NONE);
}

static void on_files_read(uv_work_t *work, int status)
{
	struct node *n = work->data;
	must(status == 0);
	n->reload.is_reading_files = false;
	n->reload.takes_files = n->reload.files_err.kind == ERR_NONE;
	if (!n->reload.takes_files)
		log_error_event(LOG_ERROR, "settings_not_reloaded", &n->reload.files_err);
	if (n->phase <= NODE_RUNNING)
		ask_settings(n);
}

static void load_settings(struct node *n)
{
	struct reload *r = &n->reload;
	if (!r->wants_files) {
		ask_settings(n);
		return;
	}
	r->wants_files = false;
	r->is_reading_files = true;
	r->files.data = n;
	must(uv_queue_work(loop_uv(n->loop), &r->files, read_files, on_files_read) == 0);
}

/* ------------------------------------------------------------------------------------------
 * what there is to load */

static void load_due(struct node *n)
{
	struct reload *r = &n->reload;
	if (is_due(n, CHANGE_DOMAINS)) {
		/* Keys and return paths are part of what campaigns are made with. */
		texts_stale(n, 0);
		r->loaded[CHANGE_DOMAINS] = r->heard[CHANGE_DOMAINS];
		note_reloaded(n, CHANGE_DOMAINS);
	}
	bool is_identity_due =
		is_due(n, CHANGE_LIMITS) || is_due(n, CHANGE_ROUTES) || is_due(n, CHANGE_RULES);
	if (is_identity_due && r->identity == NULL)
		load_identity(n);
	if ((is_due(n, CHANGE_SETTINGS) || r->wants_files) && !r->is_reading_files &&
	    !r->is_asking_settings)
		load_settings(n);
}

static bool is_any_due(const struct node *n)
{
	for (int kind = 0; kind < NODE_CHANGE_COUNT; kind++)
		if (is_due(n, (enum node_change)kind))
			return true;
	return n->reload.wants_files;
}

static void look(struct node *n)
{
	struct reload *r = &n->reload;
	int64_t now = loop_now_ms(n->loop);
	if (!r->has_heard || n->phase > NODE_RUNNING || !is_any_due(n))
		return;
	if (now < r->not_before_ms) {
		timer_set(n->loop, &r->timer, r->not_before_ms);
		return;
	}
	r->not_before_ms = now + GAP_MS;
	load_due(n);
}

static void on_timer(struct timer *timer)
{
	look(timer->owner);
}

void reload_init(struct node *n)
{
	n->reload.timer = (struct timer){.on_due = on_timer, .owner = n};
	n->reload.profiles = (struct timer){.on_due = on_profiles, .owner = n};
	for (size_t kind = 0; kind < NODE_CHANGE_COUNT; kind++)
		n->reload.loaded[kind] = RELOAD_NEVER;
}

void reload_on_versions(struct node *n, const int64_t *versions)
{
	for (size_t kind = 0; kind < NODE_CHANGE_COUNT; kind++)
		n->reload.heard[kind] = versions[kind];
	n->reload.has_heard = true;
	look(n);
}

void reload_all(struct node *n)
{
	n->reload.wants_files = true;
	for (size_t kind = 0; kind < NODE_CHANGE_COUNT; kind++)
		n->reload.loaded[kind] = RELOAD_NEVER;
	look(n);
}

void reload_free(struct node *n)
{
	timer_clear(n->loop, &n->reload.timer);
	timer_clear(n->loop, &n->reload.profiles);
	while (n->reload.is_reading_files)
		loop_turn(n->loop, true);
	identity_load_free(n->reload.identity);
}
