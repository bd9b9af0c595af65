/* SPDX-License-Identifier: MIT */
/* Suppression; see suppression.h. */
#include "lists/suppression.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/base/utf8.h"

#define BATCH 10000 /* rids of a statement */

int suppression_cause_parse(struct str name, enum suppression_cause *out)
{
#define X(suffix, word, number, clause)                                                            \
	if (str_equals(name, STR(word))) {                                                         \
		*out = SUPPRESSION_##suffix;                                                       \
		return 0;                                                                          \
	}
	SUPPRESSION_CAUSES(X)
#undef X
	return -1;
}

const char *suppression_cause_name(enum suppression_cause cause)
{
	static const char *const names[] = {"any",
#define X(suffix, name, number, clause) [number] = name,
					    SUPPRESSION_CAUSES(X)
#undef X
	};
	must((size_t)cause < ARRAY_LEN(names));
	return names[cause];
}

const char *suppression_cause_clause(enum suppression_cause cause)
{
	static const char *const clauses[] = {"for any cause",
#define X(suffix, name, number, clause) [number] = clause,
					      SUPPRESSION_CAUSES(X)
#undef X
	};
	must((size_t)cause < ARRAY_LEN(clauses));
	return clauses[cause];
}

/* The rid of text, as one argument of a command. */
static int parse_rid(const struct hash_key *key, struct str text, int64_t *rid_out, struct err *err)
{
	struct address address;
	enum address_reason reason = address_parse(text, &address);
	if (reason != ADDRESS_OK)
		return err_set(err, ERR_USAGE, "\"%.*s\" is no address: %s",
			       STR_ARG(utf8_clip(text, 120)), address_reason_sentence(reason));
	*rid_out = person_rid(&address, key);
	return 0;
}

static int parse_rids(struct pg_blocking *db, const struct str *addresses, size_t count,
		      struct pg_array *rids, struct err *err)
{
	struct hash_key key;
	if (lists_load_key(db, &key, err) != 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		int64_t rid = 0;
		if (parse_rid(&key, addresses[i], &rid, err) != 0)
			return -1;
		pg_array_int(rids, rid);
	}
	return 0;
}

/* One change being made, in a transaction. */
struct addition {
	struct pg_blocking *db;
	const struct suppression_change *change;
	int32_t scope;
	int32_t import_id; /* 0 = none */
	struct pg_array rids;
	uint64_t added;
	const char *verb; /* of the event */
};

static void add_text_or_empty(struct pg_params *params, const char *text)
{
	pg_add_text(params, str_from(text));
}

static void add_int4_or_null(struct pg_params *params, int32_t value)
{
	if (value != 0)
		pg_add_int4(params, value);
	else
		pg_add_null(params, PG_INT4);
}

static void add_time_or_null(struct pg_params *params, int64_t at_us)
{
	if (at_us != 0)
		pg_add_time(params, at_us);
	else
		pg_add_null(params, PG_TIME);
}

/* Runs a statement whose answer is one number. */
static int run_for_count(struct pg_blocking *db, const char *name, const struct pg_params *params,
			 uint64_t *count_out, struct err *err)
{
	struct pg_rows *rows = NULL;
	if (pg_run(db, name, params, &rows, err) != 0)
		return -1;
	*count_out = (uint64_t)pg_int(rows, 0, 0);
	pg_rows_free(rows);
	return 0;
}

/* Suppresses the rids gathered so far. */
static int push(struct addition *a, struct err *err)
{
	struct pg_params params;
	uint64_t added = 0;
	pg_params_init(&params);
	pg_add_array(&params, &a->rids);
	pg_add_int4(&params, a->scope);
	pg_add_int2(&params, (int16_t)a->change->cause);
	add_text_or_empty(&params, a->change->note);
	add_text_or_empty(&params, a->change->actor.actor);
	add_time_or_null(&params, a->change->until_us);
	add_int4_or_null(&params, a->import_id);
	int rc = run_for_count(a->db, "lists/add_suppressions", &params, &added, err);
	pg_params_done(&params);
	pg_array_clear(&a->rids);
	a->added += added;
	return rc;
}

static int add_event(struct addition *a, const struct lists_count *counts, size_t count,
		     struct err *err)
{
	char object[LISTS_NAME_MAX + 16];
	if (a->change->list != NULL)
		snprintf(object, sizeof(object), "list:%s", a->change->list);
	else
		snprintf(object, sizeof(object), "suppression");
	const struct lists_event event = {&a->change->actor, a->verb, str_from(object), counts,
					  count};
	return lists_add_event(a->db, &event, err);
}

static int push_and_log(void *owner, struct err *err)
{
	struct addition *a = owner;
	if (push(a, err) != 0)
		return -1;
	const struct lists_count added = {"added", a->added};
	return add_event(a, &added, 1, err);
}

static int addition_init(struct addition *a, struct pg_blocking *db,
			 const struct suppression_change *change, const char *verb, struct err *err)
{
	*a = (struct addition){.db = db, .change = change, .verb = verb};
	pg_array_init(&a->rids, PG_INT8);
	return change->list != NULL ? lists_find(db, change->list, &a->scope, err) : 0;
}

int suppression_add(struct pg_blocking *db, const struct suppression_change *change,
		    uint64_t *added_out, struct err *err)
{
	struct addition a;
	int rc = addition_init(&a, db, change, "suppress add", err);
	if (rc == 0)
		rc = parse_rids(db, change->addresses, change->address_count, &a.rids, err);
	if (rc == 0)
		rc = pg_transaction(db, push_and_log, &a, err);
	pg_array_done(&a.rids);
	if (rc == 0)
		*added_out = a.added;
	return rc;
}

/* A filter put into the parameters of remove_suppressions. */
static int add_filter(struct pg_blocking *db, const struct suppression_filter *f,
		      struct pg_params *params, struct err *err)
{
	struct pg_array rids;
	int32_t scope = 0;
	pg_array_init(&rids, PG_INT8);
	int rc = parse_rids(db, f->addresses, f->address_count, &rids, err);
	if (rc == 0 && f->list != NULL)
		rc = lists_find(db, f->list, &scope, err);
	if (f->address_count > 0)
		pg_add_array(params, &rids);
	else
		pg_add_null_array(params, PG_INT8);
	add_int4_or_null(params, scope); /* no list has number 0 */
	if (f->cause != SUPPRESSION_ANY)
		pg_add_int2(params, (int16_t)f->cause);
	else
		pg_add_null(params, PG_INT2);
	if (f->rule != NULL)
		pg_add_text(params, str_from(f->rule));
	else
		pg_add_null(params, PG_TEXT);
	add_int4_or_null(params, f->import_id);
	add_time_or_null(params, f->since_us);
	add_time_or_null(params, f->before_us);
	pg_array_done(&rids);
	return rc;
}

struct taking_back {
	struct pg_blocking *db;
	const struct pg_params *params;
	const struct lists_actor *actor; /* NULL = only count */
	const char *verb;
	int32_t import_id; /* all of this one, or 0 */
	uint64_t count;
};

/* What nodes appended, all of it. */
static int fold(struct pg_blocking *db, struct err *err)
{
	struct pg_params params;
	pg_params_init(&params);
	pg_add_int4(&params, INT32_MAX);
	int rc = pg_run(db, "lists/lock_fold", NULL, NULL, err);
	if (rc == 0)
		rc = pg_run(db, "lists/fold_suppressions", &params, NULL, err);
	pg_params_done(&params);
	return rc;
}

/* Folding comes first, or what a node appended would come back after its removal. */
static int take_back(void *owner, struct err *err)
{
	struct taking_back *t = owner;
	if (fold(t->db, err) != 0 ||
	    run_for_count(t->db, "lists/remove_suppressions", t->params, &t->count, err) != 0)
		return -1;
	const struct lists_count counts[] = {{"removed", t->count},
					     {"import", (uint64_t)t->import_id}};
	const struct lists_event event = {t->actor, t->verb, STR("suppression"), counts,
					  t->import_id != 0 ? 2 : 1};
	return t->actor == NULL ? 0 : lists_add_event(t->db, &event, err);
}

static int choose(struct pg_blocking *db, const struct suppression_filter *filter,
		  const struct lists_actor *actor, uint64_t *count_out, struct err *err)
{
	struct pg_params params;
	pg_params_init(&params);
	int rc = add_filter(db, filter, &params, err);
	pg_add_bool(&params, actor == NULL);
	/* Whom it names is removed; what was done for a cause, by a rule or an import is undone. */
	struct taking_back t = {.db = db,
				.params = &params,
				.actor = actor,
				.verb = filter->address_count > 0 ? "suppress remove"
								  : "suppress undo",
				.import_id = filter->import_id};
	if (rc == 0)
		rc = pg_transaction(db, take_back, &t, err);
	pg_params_done(&params);
	if (rc == 0)
		*count_out = t.count;
	return rc;
}

int suppression_count(struct pg_blocking *db, const struct suppression_filter *filter,
		      uint64_t *count_out, struct err *err)
{
	return choose(db, filter, NULL, count_out, err);
}

int suppression_remove(struct pg_blocking *db, const struct suppression_filter *filter,
		       const struct lists_actor *actor, uint64_t *removed_out, struct err *err)
{
	if (filter->address_count == 0 && filter->list == NULL && filter->rule == NULL &&
	    filter->cause == SUPPRESSION_ANY && filter->import_id == 0 && filter->since_us == 0 &&
	    filter->before_us == 0)
		return err_set(err, ERR_USAGE,
			       "say which suppressions: addresses, a list, a cause, a rule, an "
			       "import or a time");
	return choose(db, filter, actor, removed_out, err);
}

static struct suppression_entry read_entry(const struct pg_rows *rows, int row)
{
	return (struct suppression_entry){
		.list = pg_text(rows, row, 1),
		.cause = (enum suppression_cause)pg_int(rows, row, 2),
		.rule = pg_text(rows, row, 3),
		.note = pg_text(rows, row, 4),
		.added_by = pg_text(rows, row, 5),
		.at_us = pg_time(rows, row, 6),
		.until_us = pg_time(rows, row, 7),
		.campaign_id = pg_int32(rows, row, 8),
		.import_id = pg_int32(rows, row, 9),
	};
}

int suppression_check(struct pg_blocking *db, struct str address, struct suppression_found *found,
		      struct err *err)
{
	struct hash_key key;
	struct pg_params params;
	struct pg_rows *rows = NULL;
	int64_t rid = 0;
	if (lists_load_key(db, &key, err) != 0 || parse_rid(&key, address, &rid, err) != 0)
		return -1;
	pg_params_init(&params);
	pg_add_int8(&params, rid);
	int rc = pg_run(db, "lists/check_suppression", &params, &rows, err);
	pg_params_done(&params);
	if (rc != 0)
		return -1;
	found->rows = rows;
	found->count = (size_t)pg_rows_count(rows);
	found->entries = xcalloc(found->count + 1, sizeof(*found->entries));
	for (size_t i = 0; i < found->count; i++)
		found->entries[i] = read_entry(rows, (int)i);
	return 0;
}

void suppression_found_done(struct suppression_found *found)
{
	pg_rows_free(found->rows);
	free(found->entries);
	*found = (struct suppression_found){0};
}

struct suppression_intake {
	struct addition addition;
	const struct suppression_import_request *request;
	struct hash_key key;
	bool was_rolled_back;
};

static int gather(void *ctx, uint64_t line, const struct person *person, struct err *err)
{
	struct suppression_intake *in = ctx;
	(void)line;
	pg_array_int(&in->addition.rids, person->rid);
	return in->addition.rids.count < BATCH ? 0 : push(&in->addition, err);
}

static int log_intake(struct suppression_intake *in, struct err *err)
{
	const struct reading_counts *counts = reading_counts(in->request->reading);
	struct str file = str_from(in->request->file);
	struct pg_params params;
	pg_params_init(&params);
	pg_add_int4(&params, in->addition.import_id);
	pg_add_text(&params, utf8_is_valid(file) ? file : STR("(its name is not UTF-8)"));
	pg_add_text(&params, str_from(reading_preview(in->request->reading)->facts.encoding));
	pg_add_int8(&params, (int64_t)counts->rows);
	pg_add_int8(&params, (int64_t)in->addition.added);
	pg_add_int8(&params, (int64_t)(counts->rows - counts->refused - in->addition.added));
	pg_add_int8(&params, (int64_t)counts->refused);
	add_text_or_empty(&params, in->addition.change->actor.actor);
	int rc = pg_run(in->addition.db, "lists/log_suppression_import", &params, NULL, err);
	pg_params_done(&params);
	return rc;
}

/* The transaction. A dry run ends it with -1 and no error, which rolls it back. */
static int take_in(void *owner, struct err *err)
{
	struct suppression_intake *in = owner;
	uint64_t import_id = 0;
	if (run_for_count(in->addition.db, "lists/next_import", NULL, &import_id, err) != 0)
		return -1;
	in->addition.import_id = (int32_t)import_id;
	if (reading_people(in->request->reading, &in->key, gather, in, err) != 0 ||
	    push(&in->addition, err) != 0 || log_intake(in, err) != 0)
		return -1;
	const struct reading_counts *read = reading_counts(in->request->reading);
	const struct lists_count counts[] = {
		{"rows", read->rows},
		{"added", in->addition.added},
		{"already", read->rows - read->refused - in->addition.added},
		{"refused", read->refused},
		{"import", import_id}};
	if (add_event(&in->addition, counts, ARRAY_LEN(counts), err) != 0)
		return -1;
	in->was_rolled_back = in->request->is_dry_run;
	return in->request->is_dry_run ? -1 : 0;
}

int suppression_import(struct pg_blocking *db, const struct suppression_import_request *request,
		       struct suppression_import_result *result, struct err *err)
{
	struct suppression_intake in = {.request = request};
	int rc = addition_init(&in.addition, db, &request->change, "suppress import", err);
	if (rc == 0)
		rc = lists_load_key(db, &in.key, err);
	if (rc == 0 && pg_transaction(db, take_in, &in, err) != 0 && !in.was_rolled_back)
		rc = -1;
	if (rc == 0)
		rc = reading_commit_refused(request->reading, err);
	pg_array_done(&in.addition.rids);
	if (rc != 0)
		return -1;
	const struct reading_counts *counts = reading_counts(request->reading);
	*result = (struct suppression_import_result){
		.import_id = request->is_dry_run ? 0 : in.addition.import_id,
		.rows = counts->rows,
		.added = in.addition.added,
		.already = counts->rows - counts->refused - in.addition.added,
		.refused = counts->refused,
	};
	return 0;
}
