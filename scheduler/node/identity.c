/* SPDX-License-Identifier: MIT */
/* Identities: the operators' reply rules first, then the pool's snapshot. See identity.h. */
#include "scheduler/node/identity.h"

#include <malloc.h>
#include <stdlib.h>

struct identity_load {
	struct pg *pg;
	struct identity_want want;
	struct identity *old; /* a reference, or NULL */
	identity_on_loaded on_loaded;
	void *owner;
	struct rule_set *rules; /* once they are there */
	struct ip_pool_loader *pool;
};

struct identity *identity_hold(struct identity *identity)
{
	atomic_fetch_add(&identity->refs, 1);
	return identity;
}

void identity_drop(struct identity *identity)
{
	if (identity == NULL || atomic_fetch_sub(&identity->refs, 1) != 1)
		return;
	ip_pool_snapshot_drop(identity->pool);
	rule_set_free(identity->rules);
	free(identity);
}

static void free_load(struct identity_load *load)
{
	rule_set_free(load->rules);
	identity_drop(load->old);
	free(load);
}

static void finish(struct identity_load *load, struct identity *identity, const struct err *err)
{
	identity_on_loaded on_loaded = load->on_loaded;
	void *owner = load->owner;
	free_load(load);
	on_loaded(owner, identity, err);
}

/* Takes the reference to pool. */
static struct identity *identity_new(struct str node, struct ip_pool_snapshot *pool,
				     struct rule_set *rules)
{
	struct identity *identity = xcalloc(1, sizeof(*identity));
	atomic_init(&identity->refs, 1);
	identity->node = node;
	identity->pool = pool;
	identity->rules = rule_set_ref(rules);
	return identity;
}

struct identity *identity_with_pool(const struct identity *old, struct ip_pool_snapshot *pool)
{
	return identity_new(old->node, pool, old->rules);
}

static void put_together(struct identity_load *load, struct ip_pool_snapshot *pool)
{
	finish(load, identity_new(load->want.node, pool, load->rules), NULL);
}

static void on_pool(void *owner, struct ip_pool_snapshot *pool, const struct err *err)
{
	struct identity_load *load = owner;
	load->pool = NULL;
	if (pool == NULL)
		finish(load, NULL, err);
	else
		put_together(load, pool);
}

static void go_on_with_pool(struct identity_load *load)
{
	if (load->old != NULL && !load->want.pool)
		put_together(load, ip_pool_snapshot_hold(load->old->pool));
	else
		load->pool = ip_pool_load_start(load->pg, load->want.now, on_pool, load);
}

static void on_rules(void *owner, const struct pg_reply *reply)
{
	struct identity_load *load = owner;
	struct err err = {0};
	if (reply->fate != PG_DONE) {
		err = *reply->err;
		finish(load, NULL, &err);
		return;
	}
	load->rules = rule_set_load_sound(pg_text(reply->rows, 0, 0), &err);
	if (load->rules != NULL)
		rule_set_warm(load->rules);
	(void)malloc_trim(0); /* what reading them took: some MiB */
	if (load->rules == NULL) {
		finish(load, NULL, &err);
		return;
	}
	go_on_with_pool(load);
}

struct identity_load *identity_load(struct pg *pg, const struct identity_want *want,
				    identity_on_loaded on_loaded, void *owner)
{
	struct identity_load *load = xcalloc(1, sizeof(*load));
	*load = (struct identity_load){
		.pg = pg, .want = *want, .on_loaded = on_loaded, .owner = owner};
	must(want->old == NULL || want->pool || want->rules);
	if (want->old != NULL)
		load->old = identity_hold(want->old);
	if (want->old == NULL || want->rules) {
		pg_call(pg, "node/reply_rules", NULL, on_rules, load);
		return load;
	}
	load->rules = rule_set_ref(load->old->rules);
	go_on_with_pool(load);
	return load;
}

void identity_load_free(struct identity_load *load)
{
	if (load == NULL)
		return;
	if (load->pool != NULL)
		ip_pool_load_cancel(load->pool, true);
	free_load(load);
}
