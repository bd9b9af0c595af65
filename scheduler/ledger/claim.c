/* SPDX-License-Identifier: MIT */
/* Claims, lists of leases and reading chunks, on the node's ledger connection; see claim.h. */
#include "scheduler/ledger/claim.h"

#include <stdlib.h>

#include "engine/base/arena.h"

/* A call for leases or content under way. */
struct request {
	ledger_on_leases on_leases;
	ledger_on_content on_content;
	void *owner;
	void (*load)(struct lease *lease, const struct pg_rows *rows, int row);
};

static void on_lease_rows(void *owner, const struct pg_reply *reply)
{
	struct request *request = owner;
	struct lease_reply out = {.fate = reply->fate, .err = reply->err};
	struct lease *leases = NULL;
	if (reply->fate == PG_DONE) {
		out.count = (size_t)pg_rows_count(reply->rows);
		leases = xcalloc(out.count, sizeof(*leases));
		for (size_t i = 0; i < out.count; i++)
			request->load(&leases[i], reply->rows, (int)i);
	}
	out.leases = leases;
	request->on_leases(request->owner, &out);
	free(leases);
	free(request);
}

static void call_for_leases(struct pg *pg, const char *statement, struct pg_params *params,
			    struct request request)
{
	struct request *heap = xmalloc(sizeof(*heap));
	*heap = request;
	pg_call(pg, statement, params, on_lease_rows, heap);
	pg_params_done(params);
}

static void claimed_load(struct lease *lease, const struct pg_rows *rows, int row)
{
	lease->key = (struct chunk_key){pg_int32(rows, row, 0), pg_int32(rows, row, 1)};
	lease->group = pg_text(rows, row, 2);
	lease->epoch = pg_int32(rows, row, 3);
	lease->people = (unsigned)pg_int32(rows, row, 4);
	lease->version = pg_int32(rows, row, 5);
	positions_load(&lease->done, pg_bits(rows, row, 6));
	positions_load(&lease->open, pg_bits(rows, row, 7));
}

void ledger_claim(struct pg *pg, struct member_id id, struct claim_wants wants,
		  ledger_on_leases on_leases, void *owner)
{
	struct pg_params params;
	struct pg_array campaigns, groups, numbers;
	pg_params_init(&params);
	pg_array_init(&campaigns, PG_INT4);
	pg_array_init(&groups, PG_TEXT);
	pg_array_init(&numbers, PG_INT4);
	for (size_t i = 0; i < wants.count; i++) {
		pg_array_int(&campaigns, wants.wants[i].campaign);
		pg_array_text(&groups, wants.wants[i].group);
		pg_array_int(&numbers, wants.wants[i].n);
	}
	pg_add_int4(&params, id.node);
	pg_add_int4(&params, id.incarnation);
	pg_add_array(&params, &campaigns);
	pg_add_array(&params, &groups);
	pg_add_array(&params, &numbers);
	pg_add_int4(&params, wants.first_credits);
	pg_array_done(&campaigns);
	pg_array_done(&groups);
	pg_array_done(&numbers);
	call_for_leases(
		pg, "ledger/claim", &params,
		(struct request){.on_leases = on_leases, .owner = owner, .load = claimed_load});
}

void lease_load(struct lease *lease, const struct pg_rows *rows, int row)
{
	lease->key = (struct chunk_key){pg_int32(rows, row, 0), pg_int32(rows, row, 1)};
	lease->incarnation = pg_int32(rows, row, 2);
	lease->epoch = pg_int32(rows, row, 3);
	lease->flush_seq = pg_int32(rows, row, 4);
	lease->people = (unsigned)pg_int32(rows, row, 5);
	lease->version = pg_int32(rows, row, 6);
	positions_load(&lease->done, pg_bits(rows, row, 7));
	positions_load(&lease->open, pg_bits(rows, row, 8));
}

void ledger_list_held(struct pg *pg, struct member_id id, ledger_on_leases on_leases, void *owner)
{
	struct pg_params params;
	pg_params_init(&params);
	pg_add_int4(&params, id.node);
	call_for_leases(
		pg, "ledger/held", &params,
		(struct request){.on_leases = on_leases, .owner = owner, .load = lease_load});
}

static void key_load(struct lease *lease, const struct pg_rows *rows, int row)
{
	lease->key = (struct chunk_key){pg_int32(rows, row, 0), pg_int32(rows, row, 1)};
}

void ledger_release_stray(struct pg *pg, struct member_id id, struct lease_list strays,
			  ledger_on_leases on_leases, void *owner)
{
	struct pg_params params;
	struct pg_array campaigns, chunks, epochs;
	pg_params_init(&params);
	pg_array_init(&campaigns, PG_INT4);
	pg_array_init(&chunks, PG_INT4);
	pg_array_init(&epochs, PG_INT4);
	for (size_t i = 0; i < strays.count; i++) {
		pg_array_int(&campaigns, strays.leases[i].key.campaign);
		pg_array_int(&chunks, strays.leases[i].key.chunk);
		pg_array_int(&epochs, strays.leases[i].epoch);
	}
	pg_add_int4(&params, id.node);
	pg_add_int4(&params, id.incarnation);
	pg_add_array(&params, &campaigns);
	pg_add_array(&params, &chunks);
	pg_add_array(&params, &epochs);
	pg_array_done(&campaigns);
	pg_array_done(&chunks);
	pg_array_done(&epochs);
	call_for_leases(pg, "ledger/release_stray", &params,
			(struct request){.on_leases = on_leases, .owner = owner, .load = key_load});
}

/* ---- what stands in chunks ---- */

/* The next element as int32, 0 when the array is NULL (a first try has none). */
static int32_t next_or_zero(struct pg_items *items)
{
	int64_t v = 0;
	return pg_next_int(items, &v) ? (int32_t)v : 0;
}

void content_load(struct chunk_content *content, struct arena *arena, const struct pg_rows *rows,
		  int row)
{
	struct pg_items rids = pg_items(rows, row, 2), domains = pg_items(rows, row, 3);
	struct pg_items addresses = pg_items(rows, row, 4), attributes = pg_items(rows, row, 5);
	struct pg_items attempts = pg_items(rows, row, 6), ages = pg_items(rows, row, 7);
	struct pg_items versions = pg_items(rows, row, 8), sources = pg_items(rows, row, 9);
	struct pg_items flags = pg_items(rows, row, 10), suppressed = pg_items(rows, row, 11);
	must(rids.count == addresses.count && rids.count <= CHUNK_MAX);
	unsigned count = (unsigned)rids.count;
	struct person *people = arena_alloc(arena, count * sizeof(*people));
	for (unsigned i = 0; i < count; i++) {
		struct person *p = &people[i];
		must(pg_next_int(&rids, &p->rid));
		p->domain_id = next_or_zero(&domains);
		must(pg_next_text(&addresses, &p->address));
		must(pg_next_text(&attributes, &p->attributes));
		p->attempts = (int16_t)next_or_zero(&attempts);
		p->age_s = next_or_zero(&ages);
		p->version = next_or_zero(&versions);
		p->source_id = next_or_zero(&sources);
		p->flags = (int16_t)next_or_zero(&flags);
	}
	int64_t at;
	while (pg_next_int(&suppressed, &at)) {
		must(at >= 0 && at < (int64_t)count);
		people[at].is_suppressed = true;
	}
	*content = (struct chunk_content){.key = {pg_int32(rows, row, 0), pg_int32(rows, row, 1)},
					  .count = count,
					  .people = people};
}

static void on_content_rows(void *owner, const struct pg_reply *reply)
{
	struct request *request = owner;
	struct content_reply out = {.fate = reply->fate, .err = reply->err};
	struct arena arena;
	arena_init(&arena, 64u << 10);
	if (reply->fate == PG_DONE) {
		out.count = (size_t)pg_rows_count(reply->rows);
		struct chunk_content *chunks = arena_alloc(&arena, out.count * sizeof(*chunks));
		for (size_t i = 0; i < out.count; i++)
			content_load(&chunks[i], &arena, reply->rows, (int)i);
		out.chunks = chunks;
	}
	request->on_content(request->owner, &out);
	arena_done(&arena);
	free(request);
}

void chunk_keys_params(struct pg_params *params, const struct chunk_key *keys, size_t count)
{
	struct pg_array campaigns, chunks;
	pg_array_init(&campaigns, PG_INT4);
	pg_array_init(&chunks, PG_INT4);
	for (size_t i = 0; i < count; i++) {
		pg_array_int(&campaigns, keys[i].campaign);
		pg_array_int(&chunks, keys[i].chunk);
	}
	pg_add_array(params, &campaigns);
	pg_add_array(params, &chunks);
	pg_array_done(&campaigns);
	pg_array_done(&chunks);
}

void ledger_read_chunks(struct pg *pg, const struct chunk_key *keys, size_t count,
			ledger_on_content on_content, void *owner)
{
	struct request *request = xcalloc(1, sizeof(*request));
	struct pg_params params;
	request->on_content = on_content;
	request->owner = owner;
	pg_params_init(&params);
	chunk_keys_params(&params, keys, count);
	pg_call(pg, "ledger/read_chunks", &params, on_content_rows, request);
	pg_params_done(&params);
}
