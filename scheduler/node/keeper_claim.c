/* SPDX-License-Identifier: MIT */
/*
 * Claims: leased chunks, their content read, tenures made of them; and leases that a lost reply
 * left behind. See keeper_private.h. Control thread.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/base/crash.h"
#include "engine/base/log.h"
#include "ip-pool/choose.h"
#include "scheduler/node/keeper_private.h"

/* Chunks whose content is asked for in one call. */
#define READ_CHUNKS 4u
#define STRAY_BEATS 2

static void read_next(struct keeper *k);

static struct tenure *tenure_of_lease(struct keeper *k, const struct lease *lease)
{
	struct tenure *t = xcalloc(1, sizeof(*t));
	t->keeper = k;
	arena_init(&t->memory, 256); /* the group's name; people have a block of their own */
	list_init(&t->all);
	list_init(&t->dirty);
	list_init(&t->waiting);
	list_init(&t->flying);
	list_init(&t->aside);
	t->lease.campaign = lease->key.campaign;
	t->lease.chunk = lease->key.chunk;
	t->lease.epoch = lease->epoch;
	t->lease.version = lease->version;
	t->lease.group = arena_str(&t->memory, lease->group);
	t->lease.count = lease->people;
	t->incarnation = k->id.incarnation;
	t->flush_seq = lease->flush_seq;
	t->done = lease->done;
	t->open = lease->open;
	positions_init(&t->wanted, lease->people);
	positions_init(&t->returned, lease->people);
	positions_init(&t->asked, lease->people);
	positions_init(&t->fresh, lease->people);
	return t;
}

static struct str domain_of(struct str address)
{
	for (size_t i = address.len; i > 0; i--)
		if (address.ptr[i - 1] == '@')
			return str_slice(address, i, address.len);
	return address;
}

static void fill_person(struct tenure *t, unsigned i, const struct person *from)
{
	struct node_person *seen = &t->lease.people[i];
	struct str address = arena_str(&t->memory, from->address);
	*seen = (struct node_person){
		.rid = (uint64_t)from->rid,
		.domain_id = from->domain_id,
		.flags = from->flags,
		.address = address,
		.domain = domain_of(address),
		.attributes = arena_str(&t->memory, from->attributes),
		.attempts = (uint16_t)from->attempts,
		.age_s = from->age_s,
		.version = from->version,
		.source = (uint32_t)from->source_id,
		.is_done = positions_has(&t->done, i),
		.has_credit = positions_has(&t->open, i),
		.is_suppressed = from->is_suppressed,
	};
	if (seen->source != 0)
		seen->prefer_until_us = keeper_now_us(t->keeper) + CHOOSE_PREFER_MS * 1000;
}

/* Bytes of the people of a chunk with their strings: a full one's are a block that goes back to the
 * system with its lease (BIG_BLOCK in node.c), and leaves no hole in the heap. */
static size_t bytes_of(const struct chunk_content *content)
{
	size_t bytes = content->count * sizeof(struct node_person) + ARENA_ALIGN;
	for (size_t i = 0; i < content->count; i++)
		bytes += content->people[i].address.len + content->people[i].attributes.len +
			 2 * ARENA_ALIGN;
	return bytes;
}

/* Its people are here: the node gets it. */
static void begin_tenure(struct keeper *k, struct tenure *t, const struct chunk_content *content)
{
	must(content->count == t->lease.count);
	arena_reserve(&t->memory, bytes_of(content));
	t->lease.people = arena_alloc(&t->memory, content->count * sizeof(t->lease.people[0]));
	for (unsigned i = 0; i < content->count; i++)
		fill_person(t, i, &content->people[i]);
	t->out = t->lease.count - positions_count(&t->done);
	k->open_count += positions_count(&t->open);
	k->tenure_count++;
	k->reading--;
	list_remove(&t->all);
	list_push_back(&k->tenures, &t->all);
	k->options.events->on_lease(k->options.owner, &t->lease);
}

static void tenure_drop(struct tenure *t)
{
	list_remove(&t->all);
	arena_done(&t->memory);
	free(t);
}

void keeper_drop_fresh(struct keeper *k)
{
	struct list *node;
	while ((node = list_first(&k->fresh)) != NULL)
		tenure_drop(CONTAINER_OF(node, struct tenure, all));
	k->reading = 0;
}

static void finish_claim(struct keeper *k)
{
	size_t claimed = k->claimed;
	k->is_claiming = false;
	k->promised = 0;
	k->claimed = 0;
	keeper_wake_wishes(k);
	keeper_flush_soon(k);
	k->options.events->on_claimed(k->options.owner, claimed);
}

static struct tenure *fresh_tenure(struct keeper *k, const struct chunk_key *key)
{
	LIST_EACH (it, &k->fresh) {
		struct tenure *t = CONTAINER_OF(it, struct tenure, all);
		if (t->lease.campaign == key->campaign && t->lease.chunk == key->chunk)
			return t;
	}
	return NULL;
}

/* A chunk without content belongs to a campaign that was removed: not asked for again. */
static void drop_absent(struct keeper *k)
{
	LIST_EACH (it, &k->fresh) {
		struct tenure *t = CONTAINER_OF(it, struct tenure, all);
		if (!t->is_asked)
			continue;
		tenure_drop(t);
		k->reading--;
	}
}

static void on_content(void *owner, const struct content_reply *reply)
{
	struct keeper *k = owner;
	if (reply->fate == PG_REFUSED)
		log_error_event(LOG_ERROR, "chunks_not_read", reply->err);
	crash_point(CRASH_CHUNKS_READ);
	for (size_t i = 0; reply->fate == PG_DONE && i < reply->count; i++) {
		struct tenure *t = fresh_tenure(k, &reply->chunks[i].key);
		if (t != NULL)
			begin_tenure(k, t, &reply->chunks[i]);
	}
	if (reply->fate == PG_DONE)
		drop_absent(k);
	if (reply->fate == PG_REFUSED)
		keeper_drop_fresh(k); /* the heartbeat finds them and gives them back */
	read_next(k);
}

static void read_next(struct keeper *k)
{
	struct chunk_key keys[READ_CHUNKS];
	size_t count = 0;
	LIST_EACH (it, &k->fresh) {
		struct tenure *t = CONTAINER_OF(it, struct tenure, all);
		if (count == READ_CHUNKS)
			break;
		t->is_asked = true;
		keys[count++] = (struct chunk_key){t->lease.campaign, t->lease.chunk};
	}
	if (count == 0)
		finish_claim(k);
	else
		ledger_read_chunks(k->ledger, keys, count, on_content, k);
}

static void on_leases(void *owner, const struct lease_reply *reply)
{
	struct keeper *k = owner;
	if (reply->fate == PG_REFUSED)
		log_error_event(LOG_ERROR, "claim_refused", reply->err);
	crash_point(CRASH_CLAIM_ANSWERED);
	for (size_t i = 0; reply->fate == PG_DONE && i < reply->count; i++) {
		struct tenure *t = tenure_of_lease(k, &reply->leases[i]);
		list_push_back(&k->fresh, &t->all);
		k->reading++;
		k->claimed++;
	}
	read_next(k);
}

/* How many of each chunk the claim may open, so that all together stay under U. */
static int promise_credits(struct keeper *k, const struct claim_row *rows, size_t count)
{
	size_t chunks = 0;
	for (size_t i = 0; i < count; i++)
		chunks += (size_t)rows[i].count;
	must(chunks > 0);
	size_t each = keeper_room(k) / chunks;
	if (each > (size_t)k->options.first_credits)
		each = (size_t)k->options.first_credits;
	k->promised = each * chunks;
	return (int)each;
}

void keeper_claim(struct keeper *k, const struct claim_row *rows, size_t count)
{
	must(!k->is_claiming);
	if (k->is_fenced || k->is_stopping)
		return;
	struct claim_want *wants = xcalloc(count, sizeof(wants[0]));
	for (size_t i = 0; i < count; i++)
		wants[i] = (struct claim_want){rows[i].campaign, rows[i].group, rows[i].count};
	k->is_claiming = true;
	ledger_claim(k->ledger, k->id,
		     (struct claim_wants){wants, count, promise_credits(k, rows, count)}, on_leases,
		     k);
	crash_point(CRASH_CLAIM_SENT);
	free(wants);
}

bool keeper_is_claiming(const struct keeper *k)
{
	return k->is_claiming;
}

/* ----------------------------------------------------------------------------------------- strays
 */

static struct tenure *known_tenure(struct keeper *k, const struct lease *lease)
{
	LIST_EACH (it, &k->tenures) {
		struct tenure *t = CONTAINER_OF(it, struct tenure, all);
		if (t->lease.campaign == lease->key.campaign &&
		    t->lease.chunk == lease->key.chunk && t->lease.epoch == lease->epoch)
			return t;
	}
	return NULL;
}

static void on_strays_released(void *owner, const struct lease_reply *reply)
{
	struct keeper *k = owner;
	struct log_line l;
	if (reply->fate != PG_DONE || !log_begin(&l, LOG_WARN, "strays_released"))
		return;
	log_cstr(&l, "node", k->options.node_name);
	log_int(&l, "chunks", (int64_t)reply->count);
	log_end(&l);
}

static void release_strays(struct keeper *k, const struct lease_reply *held)
{
	struct lease *strays = xcalloc(held->count, sizeof(strays[0]));
	size_t count = 0;
	for (size_t i = 0; i < held->count; i++)
		if (known_tenure(k, &held->leases[i]) == NULL)
			strays[count++] = held->leases[i];
	if (count > 0)
		ledger_release_stray(k->ledger, k->id, (struct lease_list){strays, count},
				     on_strays_released, k);
	free(strays);
}

static bool is_held(const struct tenure *t, const struct lease_reply *held)
{
	for (size_t i = 0; i < held->count; i++) {
		const struct lease *lease = &held->leases[i];
		if (lease->key.campaign == t->lease.campaign &&
		    lease->key.chunk == t->lease.chunk && lease->epoch == t->lease.epoch)
			return true;
	}
	return false;
}

/* Of those in the flush under way its answer tells. */
static void fence_lost(struct keeper *k, const struct lease_reply *held)
{
	LIST_EACH (it, &k->tenures) {
		struct tenure *t = CONTAINER_OF(it, struct tenure, all);
		if (t->is_fenced || t->is_flying || is_held(t, held))
			continue;
		keeper_fence(t);
		if (keeper_is_settled(t))
			keeper_end(t);
		else if (keeper_has_news(t))
			keeper_dirty(t);
	}
}

static void on_held(void *owner, const struct lease_reply *reply)
{
	struct keeper *k = owner;
	/* A claim or its reading under way explains the difference. */
	if (reply->fate != PG_DONE || k->is_claiming || k->is_fenced)
		return;
	release_strays(k, reply);
	fence_lost(k, reply);
}

static struct member_held live_tenures(const struct keeper *k)
{
	struct member_held held = {0};
	LIST_EACH (it, &k->tenures) {
		const struct tenure *t = CONTAINER_OF(it, struct tenure, all);
		struct chunk_key key = {t->lease.campaign, t->lease.chunk};
		if (!t->is_fenced)
			member_held_add(&held, key, t->lease.epoch);
	}
	return held;
}

void keeper_reconcile(struct keeper *k, const struct member_held *held)
{
	/* What is under way explains a difference: the next beat tells. */
	if (k->is_claiming || k->is_flying)
		return;
	struct member_held ours = live_tenures(k);
	if (held->count == ours.count && held->sum == ours.sum) {
		k->strays = 0;
		return;
	}
	/* The list is asked for on the connection of the claims, behind whatever was sent there,
	 * and no claim of ours is in flight: what it shows and memory lacks is a stray, and what
	 * memory has and it lacks is lost. */
	if (++k->strays < STRAY_BEATS)
		return;
	k->strays = 0;
	ledger_list_held(k->ledger, k->id, on_held, k);
}
