/* SPDX-License-Identifier: MIT */
/* Identities: the operators' reply rules first, then the pool's snapshot. See identity.h. */
#include "scheduler/node/identity.h"

#include <stdlib.h>

struct identity_load {
	struct pg *pg;
	struct str node;
	int64_t now;
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

static void finish(struct identity_load *load, struct identity *identity, const struct err *err)
{
	identity_on_loaded on_loaded = load->on_loaded;
	void *owner = load->owner;
	rule_set_free(load->rules);
	free(load);
	on_loaded(owner, identity, err);
}

static void on_pool(void *owner, struct ip_pool_snapshot *pool, const struct err *err)
{
	struct identity_load *load = owner;
	load->pool = NULL;
	if (pool == NULL) {
		finish(load, NULL, err);
		return;
	}
	struct identity *identity = xcalloc(1, sizeof(*identity));
	atomic_init(&identity->refs, 1);
	identity->node = load->node;
	identity->pool = pool;
	identity->rules = rule_set_ref(load->rules);
	finish(load, identity, NULL);
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
	load->rules = rule_set_load(pg_text(reply->rows, 0, 0), &err);
	if (load->rules == NULL) {
		finish(load, NULL, &err);
		return;
	}
	load->pool = ip_pool_load_start(load->pg, load->now, on_pool, load);
}

struct identity_load *identity_load(struct pg *pg, struct str node, int64_t now,
				    identity_on_loaded on_loaded, void *owner)
{
	struct identity_load *load = xcalloc(1, sizeof(*load));
	*load = (struct identity_load){
		.pg = pg, .node = node, .now = now, .on_loaded = on_loaded, .owner = owner};
	pg_call(pg, "node/reply_rules", NULL, on_rules, load);
	return load;
}

void identity_load_free(struct identity_load *load)
{
	if (load == NULL)
		return;
	if (load->pool != NULL)
		ip_pool_load_cancel(load->pool, true);
	rule_set_free(load->rules);
	free(load);
}
