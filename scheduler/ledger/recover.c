/* SPDX-License-Identifier: MIT */
/*
 * Settling from the journal; see recover.h. Leases still held go through the fence of the flush
 * under their old incarnation and are released; doubts go through it as late targets.
 */
#include "scheduler/ledger/recover.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/arena.h"
#include "engine/base/crash.h"
#include "engine/base/hash.h"
#include "engine/base/log.h"
#include "scheduler/ledger/claim.h"
#include "scheduler/ledger/refusal.h"
#include "scheduler/ledger/retry.h"

/* Chunks settled by one flush; 1,000 people each at most. */
#define PER_FLUSH 16
/* A chunk may be reaped while we settle it, and is then found as a doubt the next time. */
#define ROUNDS_MAX 5

/* What the journal tells of one recipient under one lease: the last record. */
struct told {
	struct map_node node; /* recovery.told, by hash of the key */
	struct journal_record record;
};

struct recovery {
	struct journal *journal;
	struct journal_replay replay;
	struct arena arena; /* told, and the strings of their settlements */
	struct map told;
	size_t refused; /* people left out by the last recover_settle */
};

/* One chunk or doubt to settle. */
struct item {
	struct flush_target target;
	struct positions open;	  /* may have been sent to: undone credits, or the doubt's map */
	struct positions unknown; /* of a doubt: became unknown since */
	struct positions refused; /* what became of them the database does not take */
};

/* A run over some items. */
struct run {
	struct recovery *recovery;
	struct pg_blocking *conn;
	struct member_id id;
	int64_t unknown_retry_ms;
	struct recovery_counts *counts;
	struct flush *flush;
	/* For the items of one flush: */
	const struct pg_rows *policies; /* ledger/unknown_policies */
	int64_t now_us;			/* database time */
};

/* ---- the journal in memory ---- */

static uint64_t key_hash(const struct journal_key *key)
{
	struct {
		int32_t campaign, chunk, epoch;
		uint32_t position;
	} k = {key->campaign, key->chunk, key->epoch, key->position};
	return hash_str(str_of((const char *)&k, sizeof(k)));
}

static bool key_equals(const struct map_node *node, const void *key)
{
	const struct journal_key *a = &CONTAINER_OF(node, struct told, node)->record.key;
	const struct journal_key *b = key;
	return a->campaign == b->campaign && a->chunk == b->chunk && a->epoch == b->epoch &&
	       a->position == b->position;
}

static struct told *told_get(const struct recovery *r, const struct journal_key *key)
{
	struct map_node *node = map_get(&r->told, key_hash(key), key_equals, key);
	return node == NULL ? NULL : CONTAINER_OF(node, struct told, node);
}

static void on_record(void *owner, const struct journal_record *record)
{
	struct recovery *r = owner;
	struct told *told = told_get(r, &record->key);
	if (told == NULL) {
		told = arena_alloc(&r->arena, sizeof(*told));
		told->record.key = record->key;
		map_put(&r->told, &told->node, key_hash(&record->key));
	}
	told->record = *record;
	struct settlement *s = &told->record.settlement;
	s->template_text = arena_str(&r->arena, s->template_text);
	s->vars = arena_str(&r->arena, s->vars);
	s->provider = arena_str(&r->arena, s->provider);
	s->mx = arena_str(&r->arena, s->mx);
	s->rule = arena_str(&r->arena, s->rule);
}

struct recovery *recover_open(struct journal *journal, struct err *err)
{
	struct recovery *r = xcalloc(1, sizeof(*r));
	r->journal = journal;
	arena_init(&r->arena, 256u << 10);
	map_init(&r->told);
	if (journal_replay(journal, on_record, r, &r->replay, err) == 0)
		return r;
	recover_close(r);
	return NULL;
}

const struct journal_replay *recover_replay(const struct recovery *r)
{
	return &r->replay;
}

int recover_finish(struct recovery *r, struct err *err)
{
	if (r->refused > 0)
		return 0;
	return journal_discard(r->journal, err);
}

void recover_close(struct recovery *r)
{
	if (r == NULL)
		return;
	map_done(&r->told);
	arena_done(&r->arena);
	free(r);
}

/* ---- what to do with one recipient ---- */

enum told_kind { TOLD_NOTHING, TOLD_INTENT, TOLD_OUTCOME };

static enum told_kind what_told(const struct recovery *r, const struct item *item,
				unsigned position, const struct told **out)
{
	struct journal_key key = {.campaign = item->target.key.campaign,
				  .chunk = item->target.key.chunk,
				  .epoch = item->target.epoch,
				  .position = (uint16_t)position};
	*out = told_get(r, &key);
	if (*out == NULL || (*out)->record.type == JOURNAL_RETRACT)
		return TOLD_NOTHING;
	return (*out)->record.type == JOURNAL_OUTCOME ? TOLD_OUTCOME : TOLD_INTENT;
}

static void fill_person(struct settlement *s, const struct person *p)
{
	s->rid = p->rid;
	s->domain_id = p->domain_id;
	s->retry.address = p->address;
	s->retry.attributes = p->attributes;
}

#define MINUTE_US INT64_C(60000000)

/*
 * What the lost process had not flushed counts for limits of hours and days, too. Its totals of
 * that minute are not known, so each message is a row of its own: its number stands in the
 * microseconds of the minute.
 */
static void count_usage(struct run *run, const struct told *told, const struct settlement *s)
{
	size_t settled = run->counts->outcomes + run->counts->unknown;
	int64_t number = 1 + (int64_t)settled % (MINUTE_US - 1);
	struct usage usage = {.minute_us = s->at_us / MINUTE_US * MINUTE_US + number,
			      .source_id = s->source_id,
			      .campaign = told->record.key.campaign,
			      .messages = 1,
			      .target = s->provider.len > 0 ? s->provider : s->mx};
	flush_usage(run->flush, &usage);
}

static void settle_outcome(struct run *run, size_t k, const struct told *told,
			   const struct person *p)
{
	struct settlement s = told->record.settlement;
	fill_person(&s, p);
	flush_settle(run->flush, k, &s);
	if (s.source_id != 0)
		count_usage(run, told, &s);
	run->counts->outcomes++;
}

/* Whether the campaign's policy is to try its unknown again. */
static bool tries_again(const struct run *run, int32_t campaign)
{
	for (int row = 0; row < pg_rows_count(run->policies); row++)
		if (pg_int32(run->policies, row, 0) == campaign)
			return pg_bool(run->policies, row, 1);
	return false;
}

static void settle_intent(struct run *run, size_t k, const struct told *told,
			  const struct person *p)
{
	struct settlement s = {.position = told->record.key.position,
			       .attempt = told->record.key.attempt,
			       .version = p->version,
			       .at_us = run->now_us,
			       .age_s = p->age_s};
	fill_person(&s, p);
	s.retry.flags = p->flags;
	s.retry.age_s = p->age_s;
	retry_unknown(&s, tries_again(run, told->record.key.campaign),
		      run->now_us + run->unknown_retry_ms * 1000);
	flush_settle(run->flush, k, &s);
	count_usage(run, told, &s);
	run->counts->unknown++;
}

/* Never sent to, but the chunk has moved on: due again at once, attempt unchanged. */
static void settle_unsent(struct run *run, size_t k, unsigned position, const struct person *p)
{
	struct settlement s = {.position = position,
			       .state = RECIPIENT_DEFERRED,
			       .at_us = run->now_us,
			       .retry = {.due_at_us = run->now_us,
					 .attempts = p->attempts,
					 .flags = p->flags,
					 .age_s = p->age_s,
					 .version = p->version}};
	fill_person(&s, p);
	flush_settle(run->flush, k, &s);
}

/* May have been sent to, or became unknown since: the journal has a say. */
static bool is_in_question(const struct item *item, unsigned position)
{
	if (positions_has(&item->refused, position))
		return false;
	return positions_has(&item->open, position) ||
	       (item->target.is_late && positions_has(&item->unknown, position));
}

/* Whether all is said about the position: it is settled, or was never sent to. */
static bool settle_position(struct run *run, const struct item *item, size_t k, unsigned position,
			    const struct person *p)
{
	const struct told *told;
	bool whole = run->recovery->replay.state == JOURNAL_WHOLE;
	switch (what_told(run->recovery, item, position, &told)) {
	case TOLD_OUTCOME:
		settle_outcome(run, k, told, p);
		return true;
	case TOLD_INTENT:
		/* Who is unknown already stays so. */
		if (whole && positions_has(&item->open, position))
			settle_intent(run, k, told, p);
		break;
	case TOLD_NOTHING:
		/* A lease is given back whole; a doubt has no chunk to go back to. */
		if (whole && item->target.is_late)
			settle_unsent(run, k, position, p);
		run->counts->unsent += whole;
		break;
	}
	return whole;
}

static void settle_item(struct run *run, const struct item *item,
			const struct chunk_content *content)
{
	size_t k = flush_target(run->flush, &item->target);
	for (unsigned i = 0; i < item->target.people; i++)
		if (is_in_question(item, i))
			settle_position(run, item, k, i, &content->people[i]);
	if (item->target.is_late) {
		run->counts->doubts++;
	} else if (positions_count(&item->refused) > 0) {
		flush_open(run->flush, k, &item->refused);
	} else if (run->recovery->replay.state == JOURNAL_WHOLE) {
		flush_release(run->flush, k);
		run->counts->leases++;
	} else {
		flush_open(run->flush, k, &item->open); /* left for the reaper to put in doubt */
	}
}

/* ---- what the database holds ---- */

static bool is_covered(const struct recovery *r, int32_t incarnation)
{
	return r->replay.state != JOURNAL_EMPTY && incarnation >= r->replay.first_incarnation &&
	       incarnation <= r->replay.last_incarnation;
}

/* Of a lost journal only what it tells is of use. */
static bool tells_of(const struct recovery *r, const struct item *item)
{
	if (r->replay.state == JOURNAL_WHOLE)
		return true;
	for (unsigned i = 0; i < item->target.people; i++) {
		const struct told *told;
		if (is_in_question(item, i) && what_told(r, item, i, &told) == TOLD_OUTCOME)
			return true;
	}
	return false;
}

static void lease_item(struct item *item, const struct pg_rows *rows, int row)
{
	struct lease lease = {.people = 0};
	lease_load(&lease, rows, row);
	item->target = (struct flush_target){.key = lease.key,
					     .incarnation = lease.incarnation,
					     .epoch = lease.epoch,
					     .flush_seq = lease.flush_seq,
					     .people = lease.people};
	item->open = lease.open;
	for (unsigned i = 0; i < lease.people; i++)
		if (positions_has(&lease.done, i))
			positions_take(&item->open, i);
}

static void doubt_item(struct item *item, const struct pg_rows *rows, int row)
{
	item->target =
		(struct flush_target){.key = {pg_int32(rows, row, 0), pg_int32(rows, row, 1)},
				      .incarnation = pg_int32(rows, row, 2),
				      .epoch = pg_int32(rows, row, 3),
				      .is_late = true};
	positions_load(&item->open, pg_bits(rows, row, 5));
	positions_load(&item->unknown, pg_bits(rows, row, 6));
	item->target.people = item->open.size;
}

/* The items of one statement that the journal is about; an array of *count_out, to be freed. */
static struct item *load_items(struct run *run, const char *statement,
			       void (*load)(struct item *item, const struct pg_rows *rows, int row),
			       size_t *count_out, struct err *err)
{
	struct pg_params params;
	struct pg_rows *rows = NULL;
	pg_params_init(&params);
	pg_add_int4(&params, run->id.node);
	int rc = pg_run(run->conn, statement, &params, &rows, err);
	pg_params_done(&params);
	if (rc != 0)
		return NULL;
	size_t all = (size_t)pg_rows_count(rows);
	struct item *items = xcalloc(all + 1, sizeof(*items));
	*count_out = 0;
	for (size_t i = 0; i < all; i++) {
		struct item *item = &items[*count_out];
		memset(item, 0, sizeof(*item));
		load(item, rows, (int)i);
		positions_init(&item->refused, item->target.people);
		if (is_covered(run->recovery, item->target.incarnation) &&
		    tells_of(run->recovery, item))
			(*count_out)++;
	}
	pg_rows_free(rows);
	return items;
}

static const struct chunk_content *find_content(const struct chunk_content *all, size_t count,
						struct chunk_key key)
{
	for (size_t i = 0; i < count; i++)
		if (all[i].key.campaign == key.campaign && all[i].key.chunk == key.chunk)
			return &all[i];
	return NULL;
}

/* What is in the flush; counted only when it stands. */
static int flush_it(struct run *run, const struct recovery_counts *before, struct err *err)
{
	const struct flush_answer *answers;
	if (flush_is_empty(run->flush) ||
	    flush_run(run->flush, run->conn, run->id, &answers, err) == 0)
		return 0;
	*run->counts = *before;
	return -1;
}

/* The items with a content go in one flush. */
static int flush_together(struct run *run, struct item *const *items, size_t count,
			  const struct chunk_content *const *contents, struct err *err)
{
	struct recovery_counts before = *run->counts;
	flush_clear(run->flush);
	for (size_t i = 0; i < count; i++)
		settle_item(run, items[i], contents[i]);
	return flush_it(run, &before, err);
}

static void leave_out(struct run *run, struct item *item, const struct person *p, unsigned position,
		      const struct err *err)
{
	struct log_line l;
	positions_add(&item->refused, position);
	run->recovery->refused++;
	if (!log_begin(&l, LOG_ERROR, "outcome_refused"))
		return;
	log_int(&l, "campaign", item->target.key.campaign);
	log_int(&l, "chunk", item->target.key.chunk);
	log_int(&l, "position", (int64_t)position);
	log_str(&l, "rcpt", p->address);
	log_err(&l, err);
	log_cstr(&l, "todo",
		 "put right what the error names and start the node again; its record stays in "
		 "the journal until then");
	log_end(&l);
}

/* A part of an item's people. */
struct part {
	struct item *item;
	const struct chunk_content *content;
	unsigned from, to;
};

/* Settles people of one item and leaves the others as they are. */
static int flush_part(struct run *run, const struct part *part, struct err *err)
{
	struct item *item = part->item;
	struct recovery_counts before = *run->counts;
	struct positions open = item->open, unknown = item->unknown;
	flush_clear(run->flush);
	size_t k = flush_target(run->flush, &item->target);
	for (unsigned i = part->from; i < part->to; i++) {
		if (!is_in_question(item, i) ||
		    !settle_position(run, item, k, i, &part->content->people[i]))
			continue;
		positions_take(&open, i);
		if (item->target.is_late)
			positions_take(&unknown, i);
	}
	if (!item->target.is_late)
		flush_open(run->flush, k, &open);
	if (flush_it(run, &before, err) != 0)
		return -1;
	item->target.flush_seq++;
	item->open = open;
	item->unknown = unknown;
	return 0;
}

/* One item, which the database refuses: halves it until those are found who are to blame. */
static int flush_apart(struct run *run, struct item *item, const struct chunk_content *content,
		       struct err *err)
{
	unsigned from = 0, size = item->target.people;
	while (from < item->target.people) {
		unsigned end = from + size;
		struct part part = {item, content, from,
				    end < item->target.people ? end : item->target.people};
		if (flush_part(run, &part, err) == 0) {
			from = part.to;
			size *= 2;
			continue;
		}
		if (!refusal_is_of_data(err))
			return -1;
		size = (part.to - from) / 2;
		if (size > 0)
			continue;
		leave_out(run, item, &content->people[from], from, err);
		from++;
		size = 1;
	}
	return flush_together(run, &item, 1, &content, err);
}

static int flush_items(struct run *run, struct item *items, size_t count,
		       const struct pg_rows *rows, struct err *err)
{
	struct arena arena;
	struct item *found[PER_FLUSH];
	const struct chunk_content *contents[PER_FLUSH];
	arena_init(&arena, 64u << 10);
	size_t n = (size_t)pg_rows_count(rows), with = 0;
	struct chunk_content *all = arena_alloc(&arena, n * sizeof(*all));
	for (size_t i = 0; i < n; i++)
		content_load(&all[i], &arena, rows, (int)i);
	for (size_t i = 0; i < count; i++) {
		const struct chunk_content *content = find_content(all, n, items[i].target.key);
		if (content == NULL || content->count != items[i].target.people)
			continue;
		found[with] = &items[i];
		contents[with++] = content;
	}
	int rc = flush_together(run, found, with, contents, err);
	bool is_refused = rc != 0 && refusal_is_of_data(err);
	for (size_t i = 0; is_refused && i < with; i++) {
		rc = flush_apart(run, found[i], contents[i], err);
		is_refused = rc == 0;
	}
	crash_point(CRASH_RECOVERY_FLUSHED);
	arena_done(&arena);
	return rc;
}

static int settle_some(struct run *run, struct item *items, size_t count, struct err *err)
{
	struct chunk_key keys[PER_FLUSH];
	struct pg_params params;
	struct pg_array campaigns;
	struct pg_rows *contents = NULL, *policies = NULL;
	pg_params_init(&params);
	pg_array_init(&campaigns, PG_INT4);
	for (size_t i = 0; i < count; i++) {
		keys[i] = items[i].target.key;
		pg_array_int(&campaigns, keys[i].campaign);
	}
	pg_add_array(&params, &campaigns);
	int rc = pg_run(run->conn, "ledger/unknown_policies", &params, &policies, err);
	pg_params_clear(&params);
	chunk_keys_params(&params, keys, count);
	if (rc == 0)
		rc = pg_run(run->conn, "ledger/read_chunks", &params, &contents, err);
	if (rc == 0) {
		run->policies = policies;
		run->now_us = pg_rows_count(policies) > 0 ? pg_time(policies, 0, 2) : 0;
		rc = flush_items(run, items, count, contents, err);
	}
	pg_rows_free(contents);
	pg_rows_free(policies);
	pg_array_done(&campaigns);
	pg_params_done(&params);
	return rc;
}

/* Settles what one statement lists; *left_out gets how many items there were that the database
 * takes. */
static int settle_listed(struct run *run, const char *statement,
			 void (*load)(struct item *item, const struct pg_rows *rows, int row),
			 size_t *left_out, struct err *err)
{
	size_t count = 0;
	struct item *items = load_items(run, statement, load, &count, err);
	if (items == NULL)
		return -1;
	int rc = 0;
	for (size_t i = 0; i < count && rc == 0; i += PER_FLUSH)
		rc = settle_some(run, items + i, count - i < PER_FLUSH ? count - i : PER_FLUSH,
				 err);
	for (size_t i = 0; i < count; i++)
		*left_out += positions_count(&items[i].refused) == 0;
	free(items);
	return rc;
}

static int settle_node(struct run *run, struct err *err)
{
	bool whole = run->recovery->replay.state == JOURNAL_WHOLE;
	for (int round = 0; round < ROUNDS_MAX; round++) {
		size_t leases = 0, doubts = 0;
		if (settle_listed(run, "ledger/held", lease_item, &leases, err) != 0 ||
		    settle_listed(run, "ledger/doubts", doubt_item, &doubts, err) != 0)
			return -1;
		/* Doubts whose only word is an INTENT stay listed; leases do not. */
		if (leases == 0 || !whole)
			return 0;
	}
	return err_set(
		err, ERR_DATABASE,
		"chunks of this node keep changing hands; is another node of its name alive?");
}

int recover_settle(struct recovery *r, struct pg_blocking *conn, int64_t unknown_retry_ms,
		   struct recovery_counts *counts, struct err *err)
{
	struct pg_params params;
	struct pg_rows *nodes = NULL;
	pg_params_init(&params);
	pg_add_uuid(&params, journal_uuid(r->journal));
	int rc = pg_run(conn, "ledger/nodes_of_journal", &params, &nodes, err);
	pg_params_done(&params);
	if (rc != 0)
		return -1;
	r->refused = 0;
	struct run run = {.recovery = r,
			  .conn = conn,
			  .unknown_retry_ms = unknown_retry_ms,
			  .counts = counts,
			  .flush = flush_new()};
	for (int row = 0; row < pg_rows_count(nodes) && rc == 0; row++) {
		run.id = (struct member_id){pg_int32(nodes, row, 0), pg_int32(nodes, row, 1)};
		rc = settle_node(&run, err);
	}
	counts->refused = r->refused;
	flush_free(run.flush);
	pg_rows_free(nodes);
	return rc;
}
