/* SPDX-License-Identifier: MIT */
/* Judging the past again; see reclassify.h. */
#include <stdlib.h>

#include "engine/reply/normalise.h"
#include "ip-pool/spike.h"
#include "scheduler/ledger/flush.h"
#include "scheduler/ledger/reclassify_private.h"

#define TEXT_MAX 16384u
#define FOLD_MAX 5000

static bool is_final_state(int32_t state)
{
	return state >= RECIPIENT_BOUNCED && state <= RECIPIENT_EXPIRED;
}

static bool is_final_class(enum outcome_class klass)
{
	return klass == OUTCOME_BOUNCED || klass == OUTCOME_REJECTED;
}

/* Where a recipient ends whose last outcome is of this class: given up, unless it is final. */
static enum recipient_state end_of(enum outcome_class klass)
{
	switch (klass) {
	case OUTCOME_BOUNCED:
		return RECIPIENT_BOUNCED;
	case OUTCOME_REJECTED:
		return RECIPIENT_REJECTED;
	case OUTCOME_BLOCKED:
		return RECIPIENT_BLOCKED;
	default:
		return RECIPIENT_EXPIRED;
	}
}

static void read_group(const struct pg_rows *rows, int at, struct group *g)
{
	*g = (struct group){
		.template = pg_int(rows, at, 0),
		.stage = pg_int32(rows, at, 3),
		.code = pg_int32(rows, at, 4),
		.enhanced = pg_int32(rows, at, 5),
		.provider = pg_text(rows, at, 6),
		.klass = pg_int32(rows, at, 7),
		.cause = pg_int32(rows, at, 8),
		.scope = pg_int32(rows, at, 9),
		.rule = pg_text(rows, at, 10),
		.state = pg_int32(rows, at, 11),
		.n = pg_int(rows, at, 12),
	};
}

static struct enhanced_code enhanced_of(int32_t number)
{
	return (struct enhanced_code){.klass = (uint8_t)(number / 1000000),
				      .subject = (uint16_t)(number / 1000 % 1000),
				      .detail = (uint16_t)(number % 1000)};
}

static void decide(struct group *g)
{
	const struct verdict *v = &g->now;
	const struct verdict was = {.klass = (enum outcome_class)g->klass,
				    .cause = (enum outcome_cause)g->cause,
				    .scope = (enum outcome_scope)g->scope};
	bool is_final = is_final_state(g->state);
	/* Not believed at the time, and no rule can tell better now. */
	if (spike_made(&was, v)) {
		g->new_state = (enum recipient_state)g->state;
		return;
	}
	bool means_another = (int32_t)v->klass != g->klass || (int32_t)v->cause != g->cause;
	g->new_state = is_final ? end_of(v->klass) : (enum recipient_state)g->state;
	g->is_kept = !is_final && is_final_class(v->klass);
	g->is_changed = !g->is_kept && (means_another || (int32_t)v->scope != g->scope ||
					!str_equals(g->rule, str_from(v->rule)));
	g->suppresses = is_final && means_another && v->klass == OUTCOME_BOUNCED &&
			(v->actions & ACTION_SUPPRESS) != 0;
}

static void judge(struct reclassify *r, const struct rule_set *rules)
{
	struct buf text;
	buf_init(&text, TEXT_MAX);
	for (size_t i = 0; i < r->count; i++) {
		struct group *g = &r->groups[i];
		read_group(r->rows, (int)i, g);
		buf_clear(&text);
		template_restore(pg_text(r->rows, (int)i, 1), pg_text(r->rows, (int)i, 2), &text);
		struct outcome o = {.words = OUTCOME_WORDS_REMOTE,
				    .stage = (enum outcome_stage)g->stage,
				    .code = (uint16_t)g->code,
				    .enhanced = enhanced_of(g->enhanced),
				    .text = buf_str(&text)};
		rules_apply(rules, g->provider, &o);
		g->now = o.verdict;
		decide(g);
	}
	buf_done(&text);
}

static void count(struct reclassify *r)
{
	struct reclassify_counts *c = &r->counts;
	for (size_t i = 0; i < r->count; i++) {
		const struct group *g = &r->groups[i];
		c->seen += g->n;
		c->kept += g->is_kept ? g->n : 0;
		if (!g->is_changed)
			continue;
		c->changed += g->n;
		c->classes[g->klass][g->now.klass] += g->n;
		c->states[g->state] -= g->n;
		c->states[g->new_state] += g->n;
	}
}

/* --------------------------------------------------------------------------------- suppressions */

int reclassify_fold(struct pg_blocking *db, struct err *err)
{
	int64_t folded = FOLD_MAX;
	while (folded == FOLD_MAX) {
		struct pg_params p;
		struct pg_rows *rows = NULL;
		pg_params_init(&p);
		pg_add_int4(&p, FOLD_MAX);
		int result = pg_run(db, "lists/fold_suppressions", &p, &rows, err);
		folded = result == 0 ? pg_int(rows, 0, 0) : 0;
		pg_rows_free(rows);
		pg_params_done(&p);
		if (result != 0)
			return -1;
	}
	return 0;
}

void kinds_init(struct pg_array keys[KEY_ARRAYS])
{
	pg_array_init(&keys[KEY_TEMPLATE], PG_INT8);
	pg_array_init(&keys[KEY_STAGE], PG_INT2);
	pg_array_init(&keys[KEY_CODE], PG_INT2);
	pg_array_init(&keys[KEY_ENHANCED], PG_INT4);
	pg_array_init(&keys[KEY_PROVIDER], PG_TEXT);
}

void kinds_append(struct pg_array keys[KEY_ARRAYS], const struct group *g)
{
	pg_array_int(&keys[KEY_TEMPLATE], g->template);
	pg_array_int(&keys[KEY_STAGE], g->stage);
	pg_array_int(&keys[KEY_CODE], g->code);
	pg_array_int(&keys[KEY_ENHANCED], g->enhanced);
	pg_array_text(&keys[KEY_PROVIDER], g->provider);
}

void params_add_arrays(struct pg_params *p, struct pg_array *arrays, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		pg_add_array(p, &arrays[i]);
		pg_array_done(&arrays[i]);
	}
}

/* Runs a statement that returns one number, and is done with its parameters. */
static int run_count(struct pg_blocking *db, const char *statement, struct pg_params *p,
		     int64_t *out, struct err *err)
{
	struct pg_rows *rows = NULL;
	int result = pg_run(db, statement, p, &rows, err);
	if (result == 0)
		*out = pg_int(rows, 0, 0);
	pg_rows_free(rows);
	pg_params_done(p);
	return result;
}

static void add_harmless(struct pg_params *p, const struct reclassify *r)
{
	struct pg_array keys[KEY_ARRAYS];
	kinds_init(keys);
	for (size_t i = 0; i < r->count; i++)
		if ((r->groups[i].now.actions & ACTION_SUPPRESS) == 0)
			kinds_append(keys, &r->groups[i]);
	params_add_arrays(p, keys, KEY_ARRAYS);
}

enum was_array { BY_CLASS, BY_CAUSE, BY_SCOPE, BY_STATE, BY_RULE, WAS_ARRAYS };

static void append_was(struct pg_array was[WAS_ARRAYS], const struct group *g)
{
	pg_array_int(&was[BY_CLASS], g->klass);
	pg_array_int(&was[BY_CAUSE], g->cause);
	pg_array_int(&was[BY_SCOPE], g->scope);
	pg_array_int(&was[BY_STATE], g->state);
	pg_array_text(&was[BY_RULE], g->rule);
}

void reclassify_add_suppressing(struct pg_params *p, const struct reclassify *r)
{
	struct pg_array keys[KEY_ARRAYS], was[WAS_ARRAYS];
	kinds_init(keys);
	for (size_t i = 0; i < WAS_ARRAYS; i++)
		pg_array_init(&was[i], i == BY_RULE ? PG_TEXT : PG_INT2);
	for (size_t i = 0; i < r->count; i++) {
		if (!r->groups[i].is_changed || !r->groups[i].suppresses)
			continue;
		kinds_append(keys, &r->groups[i]);
		append_was(was, &r->groups[i]);
	}
	params_add_arrays(p, keys, KEY_ARRAYS);
	params_add_arrays(p, was, WAS_ARRAYS);
}

/* What was suppressed for replies that do not suppress any more. */
static int load_misjudged(struct reclassify *r, struct err *err)
{
	struct pg_params p;
	struct pg_rows *rows = NULL;
	pg_params_init(&p);
	pg_add_time(&p, r->since_us);
	pg_add_time(&p, r->until_us);
	add_harmless(&p, r);
	int result = pg_run(r->db, "lists/misjudged", &p, &rows, err);
	size_t count = result == 0 ? (size_t)pg_rows_count(rows) : 0;
	r->misjudged = xcalloc(count + 1, sizeof(r->misjudged[0]));
	for (size_t i = 0; i < count; i++)
		r->misjudged[i] = (struct misjudged){.rid = pg_int(rows, (int)i, 0),
						     .campaign = pg_int32(rows, (int)i, 1),
						     .at_us = pg_time(rows, (int)i, 2)};
	r->misjudged_count = count;
	r->counts.lifted = (int64_t)count;
	pg_rows_free(rows);
	pg_params_done(&p);
	return result;
}

/* Addresses: one may have been refused in many campaigns, or be suppressed already. */
static int count_suppressed(struct reclassify *r, struct err *err)
{
	struct pg_params p;
	pg_params_init(&p);
	pg_add_time(&p, r->since_us);
	pg_add_time(&p, r->until_us);
	reclassify_add_suppressing(&p, r);
	add_harmless(&p, r);
	return run_count(r->db, "ledger/newly_suppressed", &p, &r->counts.suppressed, err);
}

/* ----------------------------------------------------------------------------------------- plan */

static int load(struct reclassify *r, struct str provider, struct err *err)
{
	struct pg_params p;
	pg_params_init(&p);
	pg_add_time(&p, r->since_us);
	pg_add_time(&p, r->until_us);
	if (str_is_empty(provider))
		pg_add_null(&p, PG_TEXT);
	else
		pg_add_text(&p, str_equals(provider, STR("tail")) ? STR("") : provider);
	int result = pg_run(r->db, "ledger/judged", &p, &r->rows, err);
	pg_params_done(&p);
	if (result != 0)
		return -1;
	r->count = (size_t)pg_rows_count(r->rows);
	r->groups = xcalloc(r->count + 1, sizeof(r->groups[0]));
	return 0;
}

/* Up to now, by the database's clock: what comes meanwhile is judged by today's rules anyway. */
static int ask_time(struct reclassify *r, struct err *err)
{
	struct pg_rows *rows = NULL;
	if (pg_run(r->db, "setup/clock", NULL, &rows, err) != 0)
		return -1;
	r->until_us = pg_time(rows, 0, 0) + 1;
	pg_rows_free(rows);
	return 0;
}

struct reclassify *reclassify_plan(struct pg_blocking *db, const struct rule_set *rules,
				   int64_t since_us, struct str provider, struct err *err)
{
	struct reclassify *r = xcalloc(1, sizeof(*r));
	*r = (struct reclassify){.db = db, .since_us = since_us};
	if (ask_time(r, err) != 0 || load(r, provider, err) != 0)
		goto failed;
	judge(r, rules);
	count(r);
	if (reclassify_fold(db, err) == 0 && load_misjudged(r, err) == 0 &&
	    count_suppressed(r, err) == 0)
		return r;
failed:
	reclassify_free(r);
	return NULL;
}

const struct reclassify_counts *reclassify_counts(const struct reclassify *r)
{
	return &r->counts;
}

void reclassify_free(struct reclassify *r)
{
	pg_rows_free(r->rows);
	free(r->groups);
	free(r->misjudged);
	free(r);
}
