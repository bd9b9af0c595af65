/* SPDX-License-Identifier: MIT */
/*
 * Carrying a judgement out, in transactions of a bounded size; see reclassify.h. First the outcomes
 * get their meaning, a stretch of blocks after the other, and suppress whom they suppress now; then
 * what is suppressed for nothing is taken back: whoever is to be suppressed before and after is so
 * in between. Any batch may be the last one done: the next run finds what is left.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "scheduler/ledger/reclassify_private.h"

/* Of a batch: at most some 75,000 outcomes, a second or two. */
#define BATCH_BLOCKS INT64_C(1024)
#define BATCH_LIFTS INT64_C(20000) /* suppressions */
#define DETAIL_MAX 512u

/* A part of the past: outcomes of one partition, from one block of it up to another, or
 * suppressions that are for nothing. */
struct stretch {
	int64_t from_us, before_us; /* wall time */
	int64_t from, before;	    /* blocks, or places in the list of misjudged */
	bool is_lift;
	int64_t weight; /* as so many blocks */
};

struct apply {
	struct reclassify *r; /* its counts are those of the plan */
	const struct change *change;
	struct stretch *stretches;
	size_t count, room;
	size_t done, end; /* of the batch: from this one up to that */
	bool replaces;	  /* whoever is suppressed for nothing may be so for something now */
	int64_t changed, suppressed, lifted;
};

/* What it was and what it becomes, beside the key. */
enum verdict_array {
	WAS_CLASS,
	WAS_CAUSE,
	WAS_SCOPE,
	WAS_STATE,
	NOW_CLASS,
	NOW_CAUSE,
	NOW_SCOPE,
	NOW_STATE,
	SMALL_ARRAYS,
	WAS_RULE = SMALL_ARRAYS,
	NOW_RULE,
	SUPPRESS,
	VERDICT_ARRAYS
};

static void append_verdict(struct pg_array arrays[VERDICT_ARRAYS], const struct group *g)
{
	const int64_t small[SMALL_ARRAYS] = {
		[WAS_CLASS] = g->klass,	    [WAS_CAUSE] = g->cause,	[WAS_SCOPE] = g->scope,
		[WAS_STATE] = g->state,	    [NOW_CLASS] = g->now.klass, [NOW_CAUSE] = g->now.cause,
		[NOW_SCOPE] = g->now.scope, [NOW_STATE] = g->new_state,
	};
	for (size_t i = 0; i < SMALL_ARRAYS; i++)
		pg_array_int(&arrays[i], small[i]);
	pg_array_text(&arrays[WAS_RULE], g->rule);
	pg_array_text(&arrays[NOW_RULE], str_from(g->now.rule));
	pg_array_bool(&arrays[SUPPRESS], g->suppresses);
}

static void add_kinds(struct pg_params *p, const struct reclassify *r)
{
	struct pg_array keys[KEY_ARRAYS], verdicts[VERDICT_ARRAYS];
	kinds_init(keys);
	for (size_t i = 0; i < SMALL_ARRAYS; i++)
		pg_array_init(&verdicts[i], PG_INT2);
	pg_array_init(&verdicts[WAS_RULE], PG_TEXT);
	pg_array_init(&verdicts[NOW_RULE], PG_TEXT);
	pg_array_init(&verdicts[SUPPRESS], PG_BOOL);
	for (size_t i = 0; i < r->count; i++) {
		if (!r->groups[i].is_changed)
			continue;
		kinds_append(keys, &r->groups[i]);
		append_verdict(verdicts, &r->groups[i]);
	}
	params_add_arrays(p, keys, KEY_ARRAYS);
	params_add_arrays(p, verdicts, VERDICT_ARRAYS);
}

static void add_place(struct pg_params *p, const struct stretch *of)
{
	pg_add_time(p, of->from_us);
	pg_add_time(p, of->before_us);
	pg_add_int8(p, of->from);
	pg_add_int8(p, of->before);
}

static int rewrite(struct apply *a, const struct stretch *of, struct err *err)
{
	struct pg_params p;
	struct pg_rows *rows = NULL;
	pg_params_init(&p);
	add_place(&p, of);
	add_kinds(&p, a->r);
	int result = pg_run(a->r->db, "ledger/reclassify", &p, &rows, err);
	if (result == 0) {
		a->changed += pg_int(rows, 0, 0);
		a->suppressed += pg_int(rows, 0, 1);
	}
	pg_rows_free(rows);
	pg_params_done(&p);
	return result;
}

/* -------------------------------------------------------------------------------------- lifting */

/* What is to be lifted together. */
struct lifting {
	struct pg_array rids, campaigns, times;
};

static void lifting_init(struct lifting *l)
{
	pg_array_init(&l->rids, PG_INT8);
	pg_array_init(&l->campaigns, PG_INT4);
	pg_array_init(&l->times, PG_TIME);
}

static void lifting_add(struct lifting *l, struct misjudged *m)
{
	if (m->is_lifted)
		return;
	m->is_lifted = true;
	pg_array_int(&l->rids, m->rid);
	pg_array_int(&l->campaigns, m->campaign);
	pg_array_time(&l->times, m->at_us);
}

/* Lifts them, and is done with the list. */
static int lifting_end(struct lifting *l, struct apply *a, struct err *err)
{
	struct pg_params p;
	struct pg_rows *rows = NULL;
	int result = 0;
	pg_params_init(&p);
	pg_add_array(&p, &l->rids);
	pg_add_array(&p, &l->campaigns);
	pg_add_array(&p, &l->times);
	if (l->rids.count > 0)
		result = pg_run(a->r->db, "lists/lift_suppressions", &p, &rows, err);
	if (rows != NULL)
		a->lifted += pg_int(rows, 0, 0);
	pg_rows_free(rows);
	pg_params_done(&p);
	pg_array_done(&l->rids);
	pg_array_done(&l->campaigns);
	pg_array_done(&l->times);
	return result;
}

static int compare_rid(const void *rid, const void *misjudged)
{
	int64_t a = *(const int64_t *)rid, b = ((const struct misjudged *)misjudged)->rid;
	return a < b ? -1 : a > b;
}

/* Of those whom the stretch suppresses: the same transaction does both. */
static int lift_replaced(struct apply *a, const struct stretch *of, struct err *err)
{
	struct pg_params p;
	struct pg_rows *rows = NULL;
	struct lifting l;
	pg_params_init(&p);
	add_place(&p, of);
	reclassify_add_suppressing(&p, a->r);
	int result = pg_run(a->r->db, "ledger/refused_in", &p, &rows, err);
	pg_params_done(&p);
	if (result != 0)
		return -1;
	lifting_init(&l);
	for (int i = 0; i < pg_rows_count(rows); i++) {
		int64_t rid = pg_int(rows, i, 0);
		struct misjudged *m = bsearch(&rid, a->r->misjudged, a->r->misjudged_count,
					      sizeof(*m), compare_rid);
		if (m != NULL)
			lifting_add(&l, m);
	}
	pg_rows_free(rows);
	return lifting_end(&l, a, err);
}

static int lift_rest(struct apply *a, const struct stretch *of, struct err *err)
{
	struct lifting l;
	lifting_init(&l);
	for (int64_t i = of->from; i < of->before; i++)
		lifting_add(&l, &a->r->misjudged[i]);
	return lifting_end(&l, a, err);
}

/* -------------------------------------------------------------------------------------- batches */

/* The first stretch beyond the batch that begins with this one. */
static size_t batch_end(const struct apply *a, size_t from)
{
	size_t end = from;
	for (int64_t weight = 0; end < a->count; end++) {
		weight += a->stretches[end].weight;
		if (end > from && weight > BATCH_BLOCKS)
			break;
	}
	return end;
}

static bool is_in_one(const struct apply *a)
{
	return batch_end(a, 0) == a->count;
}

/* What is to be done, or what was. */
static int note(const struct apply *a, bool is_done, struct err *err)
{
	struct pg_params p;
	char detail[DETAIL_MAX];
	const struct reclassify_counts *plan = &a->r->counts;
	snprintf(detail, sizeof(detail),
		 "{\"since_us\": %" PRId64 ", \"%s\": %" PRId64 ", \"%s\": %" PRId64
		 ", \"%s\": %" PRId64 "}",
		 a->r->since_us, is_done ? "changed" : "to_change",
		 is_done ? a->changed : plan->changed, is_done ? "suppressed" : "to_suppress",
		 is_done ? a->suppressed : plan->suppressed, is_done ? "lifted" : "to_lift",
		 is_done ? a->lifted : plan->lifted);
	pg_params_init(&p);
	pg_add_text(&p, a->change->actor);
	pg_add_text(&p, STR("rules apply"));
	pg_add_text(&p, STR("rules"));
	pg_add_text(&p, a->change->because);
	pg_add_text(&p, str_from(detail));
	int result = pg_run(a->r->db, "setup/event_add", &p, NULL, err);
	pg_params_done(&p);
	return result;
}

static int do_stretch(struct apply *a, const struct stretch *of, struct err *err)
{
	if (of->is_lift)
		return lift_rest(a, of, err);
	if (a->replaces && lift_replaced(a, of, err) != 0)
		return -1;
	return rewrite(a, of, err);
}

static int do_batch(void *owner, struct err *err)
{
	struct apply *a = owner;
	struct reclassify *r = a->r;
	/* Where the server last saw an empty feed it would read all of it for each person. */
	if (pg_run_text(r->db, "SET LOCAL enable_seqscan = off", err) != 0 ||
	    pg_run(r->db, "lists/lock_fold", NULL, NULL, err) != 0 ||
	    reclassify_fold(r->db, err) != 0)
		return -1;
	if (a->done == 0 && !is_in_one(a) && note(a, false, err) != 0)
		return -1;
	for (size_t i = a->done; i < a->end; i++)
		if (do_stretch(a, &a->stretches[i], err) != 0)
			return -1;
	return a->end == a->count ? note(a, true, err) : 0;
}

static void add_stretch(struct apply *a, const struct stretch *of)
{
	if (a->count == a->room) {
		a->room = a->room ? a->room * 2 : 64;
		a->stretches = xrealloc(a->stretches, a->room * sizeof(*a->stretches));
	}
	a->stretches[a->count++] = *of;
}

/* Adds s for each step of what is from 0 up to end. */
static void add_steps(struct apply *a, struct stretch s, int64_t end, int64_t step)
{
	for (; s.before < end; s.from = s.before) {
		int64_t n = end - s.before < step ? end - s.before : step;
		s.before += n;
		s.weight = n * BATCH_BLOCKS / step;
		add_stretch(a, &s);
	}
}

static int make_stretches(struct apply *a, struct err *err)
{
	const struct reclassify *r = a->r;
	struct pg_params p;
	struct pg_rows *days = NULL;
	pg_params_init(&p);
	pg_add_time(&p, r->since_us);
	pg_add_time(&p, r->until_us);
	int result = pg_run(r->db, "ledger/outcome_days", &p, &days, err);
	for (int i = 0; result == 0 && i < pg_rows_count(days); i++) {
		const struct stretch day = {.from_us = pg_time(days, i, 0),
					    .before_us = pg_time(days, i, 1)};
		add_steps(a, day, pg_int(days, i, 2), BATCH_BLOCKS);
	}
	add_steps(a, (struct stretch){.is_lift = true}, (int64_t)r->misjudged_count, BATCH_LIFTS);
	pg_rows_free(days);
	pg_params_done(&p);
	return result;
}

static int do_batches(struct apply *a, struct err *err)
{
	for (; a->done < a->count; a->done = a->end) {
		a->end = batch_end(a, a->done);
		if (pg_transaction(a->r->db, do_batch, a, err) == 0)
			continue;
		if (a->done > 0)
			return err_prefix(err, "not through (the same again does the rest)");
		return -1;
	}
	return 0;
}

int reclassify_apply(struct reclassify *r, const struct change *change, struct err *err)
{
	struct apply a = {.r = r, .change = change};
	for (size_t i = 0; i < r->count; i++)
		a.replaces |= r->groups[i].is_changed && r->groups[i].suppresses;
	a.replaces &= r->misjudged_count > 0;
	int result = make_stretches(&a, err);
	if (result == 0)
		result = do_batches(&a, err);
	free(a.stretches);
	r->counts.changed = a.changed;
	r->counts.suppressed = a.suppressed;
	r->counts.lifted = a.lifted;
	return result;
}
