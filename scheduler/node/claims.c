/* SPDX-License-Identifier: MIT */
/* Campaigns and needs as the database tells them, and the claims made of them. Control thread. */
#include <stdlib.h>

#include "engine/base/hash.h"
#include "ip-pool/pool.h"
#include "scheduler/node/node_private.h"

struct need_key {
	int32_t campaign;
	struct str group;
};

static bool is_need(const struct map_node *node, const void *key)
{
	const struct need *need = CONTAINER_OF(node, struct need, by_key);
	const struct need_key *k = key;
	return need->campaign == k->campaign && str_equals(need->group, k->group);
}

struct need *need_of(struct node *n, int32_t campaign, struct str group)
{
	struct need_key key = {campaign, group};
	uint64_t hash = hash_str(group) ^ (uint64_t)campaign * 0x9E3779B97F4A7C15u;
	struct map_node *node = map_get(&n->needs, hash, is_need, &key);
	if (node != NULL)
		return CONTAINER_OF(node, struct need, by_key);
	struct need *need = xcalloc(1, sizeof(*need));
	need->campaign = campaign;
	need->group = str_of(xstrndup(group.ptr, group.len), group.len);
	need->queue = str_of(xstrndup(group.ptr, group.len), group.len);
	map_put(&n->needs, &need->by_key, hash);
	return need;
}

static void need_free(struct node *n, struct need *need)
{
	map_remove(&n->needs, &need->by_key);
	free((void *)(uintptr_t)need->group.ptr);
	free((void *)(uintptr_t)need->queue.ptr);
	free(need);
}

void claims_on_work(struct node *n, const struct keeper_need *needs, size_t count)
{
	struct map_node *node;
	for (node = map_next(&n->needs, NULL); node; node = map_next(&n->needs, node))
		CONTAINER_OF(node, struct need, by_key)->is_seen = false;
	for (size_t i = 0; i < count; i++) {
		struct need *need = need_of(n, needs[i].campaign, needs[i].group);
		need->ready_chunks = (size_t)needs[i].ready_chunks;
		need->is_seen = true;
	}
	node = map_next(&n->needs, NULL);
	while (node != NULL) {
		struct need *need = CONTAINER_OF(node, struct need, by_key);
		node = map_next(&n->needs, node);
		if (!need->is_seen)
			need->ready_chunks = 0;
		if (!need->is_seen && need->held == 0 && need->pace.rate_per_s < 0.01)
			need_free(n, need);
	}
	claims_plan(n);
}

static void note_refusal(struct need *need, bool is_refused, int64_t now)
{
	if (is_refused && need->refused_since_ms == 0)
		need->refused_since_ms = now;
	if (is_refused || need->refused_since_ms == 0)
		return;
	need->refused_ms += now - need->refused_since_ms;
	need->refused_since_ms = 0;
}

int32_t need_refused_s(const struct need *need, int64_t now)
{
	int64_t present_ms = need->refused_since_ms ? now - need->refused_since_ms : 0;
	return (int32_t)((need->refused_ms + present_ms) / 1000);
}

void need_goes_to(struct need *need, struct str queue)
{
	if (str_equals(need->queue, queue))
		return;
	free((void *)(uintptr_t)need->queue.ptr);
	need->queue = str_of(xstrndup(queue.ptr, queue.len), queue.len);
}

/* What is told of a pool at a queue, by both names. */
struct told {
	struct map_node by_names;
	struct str queue;
	const struct work_pool_status *pool;
};

struct told_key {
	struct str queue, pool;
};

static bool is_told(const struct map_node *node, const void *key)
{
	const struct told *told = CONTAINER_OF(node, struct told, by_names);
	const struct told_key *k = key;
	return str_equals(told->queue, k->queue) && str_equals(told->pool->pool, k->pool);
}

static uint64_t hash_told(const struct told_key *key)
{
	return hash_str(key->queue) + hash_str(key->pool) * 0x9E3779B97F4A7C15u;
}

static struct str pool_of(const struct node_campaign *campaign)
{
	struct str name = campaign->pool ? str_from(campaign->pool) : STR("");
	return name.len ? name : STR(POOL_DEFAULT);
}

/* The sources that the need's campaign may use, at its queue. */
static void take_told(struct node *n, struct need *need, const struct work_pool_status *told)
{
	int64_t now = loop_now_ms(n->loop);
	bool may_send = campaign_may_send(campaign_of(n, need->campaign));
	plan_pace_shut(&need->pace, told->next_ms, now);
	note_refusal(need, told->is_refused && may_send, now);
}

/* There may be ten thousand queues and as many needs: each is looked at once. */
void claims_on_status(struct node *n, const struct work_status *status)
{
	struct told *told = xcalloc(status->pool_count, sizeof(told[0]));
	struct map by_names;
	struct map_node *m;
	map_init(&by_names);
	for (size_t i = 0; i < status->pool_count; i++) {
		const struct work_pool_status *pool = &status->pools[i];
		struct told_key key = {str_from(status->queues[pool->queue].name), pool->pool};
		told[i].queue = key.queue;
		told[i].pool = pool;
		map_put(&by_names, &told[i].by_names, hash_told(&key));
	}
	for (m = map_next(&n->needs, NULL); m; m = map_next(&n->needs, m)) {
		struct need *need = CONTAINER_OF(m, struct need, by_key);
		const struct node_campaign *campaign = campaign_of(n, need->campaign);
		struct told_key key = {need->queue,
				       campaign ? pool_of(campaign) : STR(POOL_DEFAULT)};
		struct map_node *found = map_get(&by_names, hash_told(&key), is_told, &key);
		if (found != NULL)
			take_told(n, need, CONTAINER_OF(found, struct told, by_names)->pool);
	}
	map_done(&by_names);
	free(told);
}

void claims_on_closed(struct node *n, int32_t campaign)
{
	for (struct map_node *m = map_next(&n->needs, NULL); m; m = map_next(&n->needs, m)) {
		struct need *need = CONTAINER_OF(m, struct need, by_key);
		if (need->campaign == campaign)
			note_refusal(need, false, loop_now_ms(n->loop));
	}
}

/* The receiver's side has kept them waiting for too long: they are claimed to be given up. */
static bool is_to_be_given_up(const struct need *need, const struct node_campaign *campaign,
			      int64_t now)
{
	int64_t give_up_ms = campaign->give_up_after_ms;
	return need->refused_since_ms != 0 && give_up_ms != 0 &&
	       (int64_t)need_refused_s(need, now) * 1000 >= give_up_ms;
}

static size_t room_of(const struct node *n, const struct need *need,
		      const struct node_campaign *campaign)
{
	int64_t now = loop_now_ms(n->loop);
	struct plan_pace pace = need->pace;
	if (is_to_be_given_up(need, campaign, now))
		pace.shut_until_ms = now;
	return plan_pace_room(&pace, n->options.settings.horizon_ms, now);
}

/* A node without a source of the campaign's pool leaves its people to others. */
static bool has_source(const struct node *n, const struct node_campaign *campaign)
{
	const struct ip_pool_snapshot *pool = n->identity->pool;
	struct str name = pool_of(campaign);
	for (size_t i = 0; i < pool->source_count; i++)
		if (source_is_usable(&pool->sources[i], n->identity->node) &&
		    str_equals(pool->sources[i].pool, name))
			return true;
	return false;
}

static size_t gather(struct node *n, struct plan_need *plans, struct need **needs)
{
	size_t count = 0;
	for (struct map_node *m = map_next(&n->needs, NULL); m; m = map_next(&n->needs, m)) {
		struct need *need = CONTAINER_OF(m, struct need, by_key);
		const struct node_campaign *campaign = campaign_of(n, need->campaign);
		if (need->ready_chunks == 0 || !campaign_may_send(campaign) ||
		    !has_source(n, campaign))
			continue;
		needs[count] = need;
		plans[count++] = (struct plan_need){.campaign = need->campaign,
						    .priority = campaign->priority,
						    .held = need->held,
						    .room = room_of(n, need, campaign),
						    .ready_chunks = need->ready_chunks};
	}
	return count;
}

void claims_plan(struct node *n)
{
	size_t budget = n->options.settings.leased_budget;
	if (n->phase != NODE_RUNNING || n->identity == NULL ||
	    n->identity->pool->source_count == 0 || keeper_is_claiming(n->keeper) ||
	    n->held >= budget || n->needs.count == 0 || n->journal_failure.kind != ERR_NONE)
		return;
	struct plan_need *plans = xcalloc(n->needs.count, sizeof(plans[0]));
	struct need **needs = xcalloc(n->needs.count, sizeof(needs[0]));
	struct claim_row *rows = xcalloc(n->needs.count, sizeof(rows[0]));
	size_t count = gather(n, plans, needs);
	size_t row_count = 0;
	if (planner_claims(plans, count, budget - n->held) > 0) {
		for (size_t i = 0; i < count; i++) {
			if (plans[i].chunks == 0)
				continue;
			rows[row_count++] = (struct claim_row){.campaign = needs[i]->campaign,
							       .group = needs[i]->group,
							       .count = (int)plans[i].chunks};
			needs[i]->ready_chunks -= plans[i].chunks;
		}
		keeper_claim(n->keeper, rows, row_count);
	}
	free(rows);
	free(needs);
	free(plans);
}

static void measure_campaigns(struct node *n)
{
	n->ticks++;
	for (struct map_node *m = map_next(&n->campaigns, NULL); m;
	     m = map_next(&n->campaigns, m)) {
		struct node_campaign *campaign = CONTAINER_OF(m, struct node_campaign, by_id);
		uint64_t *before = &campaign->results_at[n->ticks % RATE_SECONDS];
		campaign->rate_per_s = (double)(campaign->results - *before) / RATE_SECONDS;
		*before = campaign->results;
	}
}

void claims_tick(struct node *n)
{
	measure_campaigns(n);
	for (struct map_node *m = map_next(&n->needs, NULL); m; m = map_next(&n->needs, m))
		plan_pace_tick(&CONTAINER_OF(m, struct need, by_key)->pace);
}

void needs_free(struct node *n)
{
	struct map_node *node;
	while ((node = map_next(&n->needs, NULL)) != NULL)
		need_free(n, CONTAINER_OF(node, struct need, by_key));
	map_done(&n->needs);
}

/* --------------------------------------------------------------------------------------- campaigns
 */

struct node_campaign *campaign_of(struct node *n, int32_t id)
{
	struct map_node *node = map_get(&n->campaigns, (uint64_t)id, NULL, NULL);
	return node ? CONTAINER_OF(node, struct node_campaign, by_id) : NULL;
}

bool campaign_may_send(const struct node_campaign *campaign)
{
	return campaign != NULL && campaign->state == CAMPAIGN_RUNNING && campaign->is_open;
}

static void campaign_update(struct node *n, const struct keeper_campaign *row)
{
	struct node_campaign *campaign = campaign_of(n, row->id);
	if (campaign == NULL) {
		campaign = xcalloc(1, sizeof(*campaign));
		campaign->id = row->id;
		campaign->version = row->version;
		campaign->is_open = true;
		map_put(&n->campaigns, &campaign->by_id, (uint64_t)row->id);
	}
	bool was_running = campaign->state == CAMPAIGN_RUNNING;
	campaign->is_seen = true;
	campaign->state = row->state;
	campaign->priority = row->priority;
	campaign->told = row->hours;
	campaign->is_hidden = row->is_hidden;
	free(campaign->pool);
	campaign->pool = xstrndup(row->pool.ptr, row->pool.len);
	if (campaign->version != row->version)
		texts_stale(n, row->id);
	campaign->version = row->version;
	if (was_running && row->state != CAMPAIGN_RUNNING)
		control_recall(n, &(struct work_recall){.campaign = row->id});
}

void campaigns_on_work(struct node *n, const struct keeper_campaign *campaigns, size_t count)
{
	struct map_node *node;
	for (node = map_next(&n->campaigns, NULL); node; node = map_next(&n->campaigns, node))
		CONTAINER_OF(node, struct node_campaign, by_id)->is_seen = false;
	for (size_t i = 0; i < count; i++)
		campaign_update(n, &campaigns[i]);
	node = map_next(&n->campaigns, NULL);
	while (node != NULL) {
		struct node_campaign *campaign = CONTAINER_OF(node, struct node_campaign, by_id);
		node = map_next(&n->campaigns, node);
		if (campaign->is_seen)
			continue;
		control_recall(n, &(struct work_recall){.campaign = campaign->id});
		texts_stale(n, campaign->id);
		map_remove(&n->campaigns, &campaign->by_id);
		free(campaign->pool);
		free(campaign);
	}
}

void campaigns_free(struct node *n)
{
	struct map_node *node;
	while ((node = map_next(&n->campaigns, NULL)) != NULL) {
		struct node_campaign *campaign = CONTAINER_OF(node, struct node_campaign, by_id);
		map_remove(&n->campaigns, node);
		free(campaign->pool);
		free(campaign);
	}
	map_done(&n->campaigns);
}
