/* SPDX-License-Identifier: MIT */
/*
 * Import: lock → stage by COPY → refuse collisions → one transaction → unlock. The lock belongs to
 * the session, so that the staging table is ours until the end; see import.h.
 */
#include "lists/import.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/base/utf8.h"
#include "engine/pg/copy.h"

#define STAGED_COLUMNS 5
/* The statements of an import sort and hash the whole file: they get room for it, and leave the
 * other cores alone. */
#define ROOM "SET work_mem = '96MB'; SET max_parallel_workers_per_gather = 0"
#define NO_ROOM "RESET work_mem; RESET max_parallel_workers_per_gather"

struct import {
	struct pg_blocking *db;
	struct reading *reading;
	const struct import_request *request;
	struct import_result result;
	struct pg_copy *copy;
	bool was_rolled_back; /* by a dry run, on purpose */
};

static int stage(struct import *im, struct err *err);
static int refuse_collisions(struct import *im, struct err *err);
static int merge(void *owner, struct err *err);
static int empty_staging(struct pg_blocking *db, struct err *err);
static void refresh_statistics(struct pg_blocking *db);

int import_mode_parse(struct str name, enum import_mode *out)
{
#define X(suffix, word, number)                                                                    \
	if (str_equals(name, STR(word))) {                                                         \
		*out = IMPORT_##suffix;                                                            \
		return 0;                                                                          \
	}
	IMPORT_MODES(X)
#undef X
	return -1;
}

static void report(const struct import *im, enum import_phase phase, uint64_t done, uint64_t total)
{
	if (im->request->on_progress != NULL)
		im->request->on_progress(im->request->ctx, phase, done, total);
}

static int run_locked(struct import *im, struct err *err)
{
	if (pg_run_text(im->db, ROOM, err) != 0 || empty_staging(im->db, err) != 0 ||
	    stage(im, err) != 0 || refuse_collisions(im, err) != 0 ||
	    reading_commit_refused(im->reading, err) != 0)
		return -1;
	report(im, IMPORT_MERGING, 0, 0);
	int rc = pg_transaction(im->db, merge, im, err);
	return rc != 0 && im->was_rolled_back ? 0 : rc;
}

int import_run(struct pg_blocking *db, struct reading *reading,
	       const struct import_request *request, struct import_result *result, struct err *err)
{
	struct import im = {.db = db, .reading = reading, .request = request};
	if (lists_check_name(request->list, err) != 0)
		return -1;
	report(&im, IMPORT_WAITING, 0, 0);
	if (pg_run(db, "lists/lock_imports", NULL, NULL, err) != 0)
		return -1;
	int rc = run_locked(&im, err);
	/* Housekeeping: what is left behind is emptied by the next import, the lock ends with the
	 * connection. The import's own result stands. */
	struct err ignored;
	if (empty_staging(db, &ignored) == 0 && pg_run_text(db, NO_ROOM, &ignored) == 0)
		(void)(pg_run(db, "lists/unlock_imports", NULL, NULL, &ignored) == 0);
	if (rc == 0 && im.result.added > 0)
		refresh_statistics(db);
	if (rc == 0)
		*result = im.result;
	return rc;
}

/* The audience build plans its batches by these tables' statistics: without them a batch that takes
 * 0.2 s takes 7, until autovacuum comes by. */
static void refresh_statistics(struct pg_blocking *db)
{
	struct err ignored;
	(void)(pg_run_text(db,
			   "ANALYZE edm.recipient_domain, edm.recipient, edm.list_member, "
			   "edm.list_domain_count",
			   &ignored) == 0);
}

static int empty_staging(struct pg_blocking *db, struct err *err)
{
	return pg_run_text(db, "TRUNCATE edm.import_staging", err);
}

static int stage_person(void *ctx, uint64_t line, const struct person *person, struct err *err)
{
	struct import *im = ctx;
	(void)err;
	pg_copy_row(im->copy, STAGED_COLUMNS);
	pg_copy_int8(im->copy, (int64_t)line);
	pg_copy_int8(im->copy, person->rid);
	pg_copy_text(im->copy, address_mailbox(&person->address));
	pg_copy_text(im->copy, address_domain(&person->address));
	pg_copy_jsonb(im->copy, buf_str(&person->attributes));
	return 0;
}

static void report_reading(void *ctx, uint64_t done, uint64_t total)
{
	report(ctx, IMPORT_READING, done, total);
}

static int stage(struct import *im, struct err *err)
{
	struct hash_key key;
	if (lists_load_key(im->db, &key, err) != 0)
		return -1;
	im->copy = pg_copy_start(im->db, "lists/copy_staging", err);
	if (im->copy == NULL)
		return -1;
	reading_report_to(im->reading, report_reading, im);
	int rc = reading_people(im->reading, &key, stage_person, im, err);
	reading_report_to(im->reading, NULL, NULL);
	if (rc != 0) {
		pg_copy_abort(im->copy);
		return -1;
	}
	if (pg_copy_end(im->copy, NULL, err) != 0)
		return -1;
	return pg_run_text(im->db, "ANALYZE edm.import_staging", err);
}

/* Two addresses under one rid: an odd chance in 10^7 at a hundred million people, but then somebody
 * would get another's mail. */
static int refuse_collisions(struct import *im, struct err *err)
{
	struct pg_rows *rows = NULL;
	struct pg_array lines;
	struct pg_params params;
	if (pg_run(im->db, "lists/find_collisions", NULL, &rows, err) != 0)
		return -1;
	size_t count = (size_t)pg_rows_count(rows);
	int64_t *numbers = xcalloc(count + 1, sizeof(*numbers));
	pg_array_init(&lines, PG_INT8);
	pg_params_init(&params);
	for (size_t i = 0; i < count; i++) {
		numbers[i] = pg_int(rows, (int)i, 0);
		pg_array_int(&lines, numbers[i]);
	}
	pg_add_array(&params, &lines);
	int rc = 0;
	if (count > 0)
		rc = reading_refuse_lines(im->reading, numbers, count, PERSON_COLLISION, err);
	if (rc == 0 && count > 0)
		rc = pg_run(im->db, "lists/unstage_lines", &params, NULL, err);
	pg_params_done(&params);
	pg_array_done(&lines);
	pg_rows_free(rows);
	free(numbers);
	return rc;
}

/* The list's id; made if need be. */
static int make_list(struct import *im, int32_t *id_out, struct err *err)
{
	struct pg_rows *rows = NULL;
	struct pg_params params;
	pg_params_init(&params);
	pg_add_text(&params, str_from(im->request->list));
	pg_add_text(&params, str_from(im->request->actor.actor));
	int rc = pg_run(im->db, "lists/make_list", &params, &rows, err);
	if (rc == 0) {
		*id_out = pg_int32(rows, 0, 0);
		im->result.list_made = pg_bool(rows, 0, 1);
	}
	pg_rows_free(rows);
	pg_params_done(&params);
	return rc;
}

static int next_import(struct import *im, struct err *err)
{
	struct pg_rows *rows = NULL;
	if (pg_run(im->db, "lists/next_import", NULL, &rows, err) != 0)
		return -1;
	im->result.import_id = pg_int32(rows, 0, 0);
	pg_rows_free(rows);
	return 0;
}

/* {"header": "attribute", …} for the record. */
static void describe_mapping(const struct mapping *m, struct buf *json)
{
	buf_append_char(json, '{');
	for (size_t i = 0; i < m->count; i++) {
		buf_append_cstr(json, i > 0 ? "," : "");
		buf_append_json(json, m->columns[i].header);
		buf_append_char(json, ':');
		buf_append_json(json, m->columns[i].name);
	}
	buf_append_char(json, '}');
}

static void add_columns(struct pg_params *params, const struct mapping *m)
{
	struct pg_array names;
	pg_array_init(&names, PG_TEXT);
	for (size_t i = 0; i < m->count; i++)
		if (m->columns[i].role == COLUMN_ATTRIBUTE)
			pg_array_text(&names, m->columns[i].name);
	pg_add_array(params, &names);
	pg_array_done(&names);
}

/* The parameters of merge_import, in its order. */
static void add_merge_params(const struct import *im, int32_t list_id, struct pg_params *params)
{
	const struct reading_preview *preview = reading_preview(im->reading);
	const struct reading_counts *counts = reading_counts(im->reading);
	struct buf mapping;
	buf_init(&mapping, 1u << 20);
	describe_mapping(preview->mapping, &mapping);
	pg_add_int4(params, im->result.import_id);
	pg_add_int4(params, list_id);
	pg_add_int2(params, (int16_t)im->request->mode);
	if (im->request->consent != NULL)
		pg_add_text(params, str_from(im->request->consent));
	else
		pg_add_null(params, PG_TEXT);
	add_columns(params, preview->mapping);
	struct str file = str_from(im->request->file);
	pg_add_text(params, utf8_is_valid(file) ? file : STR("(its name is not UTF-8)"));
	pg_add_text(params, str_from(preview->facts.encoding));
	pg_add_text(params, buf_str(&mapping));
	pg_add_int8(params, (int64_t)counts->rows);
	pg_add_int8(params, (int64_t)counts->refused);
	pg_add_text(params, str_from(im->request->actor.actor));
	buf_done(&mapping);
}

static int merge_rows(struct import *im, int32_t list_id, struct err *err)
{
	struct pg_rows *rows = NULL;
	struct pg_params params;
	struct import_result *result = &im->result;
	pg_params_init(&params);
	add_merge_params(im, list_id, &params);
	int rc = pg_run(im->db, "lists/merge_import", &params, &rows, err);
	if (rc == 0) {
		result->added = (uint64_t)pg_int(rows, 0, 0);
		result->updated = (uint64_t)pg_int(rows, 0, 1);
		result->unchanged = (uint64_t)pg_int(rows, 0, 2);
		result->duplicates = (uint64_t)pg_int(rows, 0, 3);
		result->kept_out = (uint64_t)pg_int(rows, 0, 4);
		result->suppressed = (uint64_t)pg_int(rows, 0, 5);
	}
	pg_rows_free(rows);
	pg_params_done(&params);
	return rc;
}

static int add_event(struct import *im, struct err *err)
{
	const struct import_result *r = &im->result;
	const struct lists_count counts[] = {
		{"rows", r->rows},	   {"added", r->added},
		{"updated", r->updated},   {"unchanged", r->unchanged},
		{"refused", r->refused},   {"duplicates", r->duplicates},
		{"kept_out", r->kept_out}, {"import", (uint64_t)r->import_id}};
	char object[LISTS_NAME_MAX + 8];
	snprintf(object, sizeof(object), "list:%s", im->request->list);
	const struct lists_event event = {&im->request->actor, "list import", str_from(object),
					  counts, ARRAY_LEN(counts)};
	return lists_add_event(im->db, &event, err);
}

/* The transaction. A dry run ends it with -1 and no error, which rolls it back. */
static int merge(void *owner, struct err *err)
{
	struct import *im = owner;
	int32_t list_id;
	if (make_list(im, &list_id, err) != 0 || next_import(im, err) != 0 ||
	    pg_run(im->db, "lists/add_domains", NULL, NULL, err) != 0 ||
	    merge_rows(im, list_id, err) != 0)
		return -1;
	im->result.rows = reading_counts(im->reading)->rows;
	im->result.refused = reading_counts(im->reading)->refused;
	if (im->request->is_dry_run) {
		im->result.import_id = 0;
		im->was_rolled_back = true;
		return -1;
	}
	return add_event(im, err);
}

struct undoing {
	struct pg_blocking *db;
	int32_t import_id;
	const struct lists_actor *actor;
	struct import_undone undone;
};

/* Whether it can be undone, and the list it went to. */
static int find_import(struct undoing *u, int32_t *list_id_out, struct buf *object, struct err *err)
{
	struct pg_rows *rows = NULL;
	struct pg_params params;
	pg_params_init(&params);
	pg_add_int4(&params, u->import_id);
	int rc = pg_run(u->db, "lists/find_import", &params, &rows, err);
	if (rc == 0 && pg_rows_count(rows) == 0)
		rc = err_set(err, ERR_NOT_FOUND,
			     "there is no import %d; `edm list show NAME` shows a list's imports",
			     u->import_id);
	else if (rc == 0 && !pg_is_null(rows, 0, 3))
		rc = err_set(err, ERR_REFUSED, "import %d was undone before", u->import_id);
	else if (rc == 0 && pg_int(rows, 0, 0) == 0)
		rc = err_set(err, ERR_REFUSED,
			     "import %d added suppressions; `edm suppress undo --import %d` takes "
			     "them back",
			     u->import_id, u->import_id);
	if (rc == 0) {
		*list_id_out = pg_int32(rows, 0, 0);
		buf_appendf(object, "list:%.*s", STR_ARG(pg_text(rows, 0, 1)));
	}
	pg_rows_free(rows);
	pg_params_done(&params);
	return rc;
}

static int undo_rows(struct undoing *u, int32_t list_id, struct err *err)
{
	struct pg_rows *rows = NULL;
	struct pg_params params;
	pg_params_init(&params);
	pg_add_int4(&params, u->import_id);
	pg_add_int4(&params, list_id);
	int rc = pg_run(u->db, "lists/undo_import", &params, &rows, err);
	if (rc == 0)
		u->undone = (struct import_undone){.removed = (uint64_t)pg_int(rows, 0, 0),
						   .restored = (uint64_t)pg_int(rows, 0, 1),
						   .left_list = (uint64_t)pg_int(rows, 0, 2),
						   .later = (uint64_t)pg_int(rows, 0, 3)};
	pg_rows_free(rows);
	pg_params_done(&params);
	return rc;
}

static int undo(void *owner, struct err *err)
{
	struct undoing *u = owner;
	struct buf object;
	int32_t list_id;
	buf_init(&object, 512);
	int rc = find_import(u, &list_id, &object, err);
	if (rc == 0)
		rc = undo_rows(u, list_id, err);
	const struct lists_count counts[] = {{"removed", u->undone.removed},
					     {"restored", u->undone.restored},
					     {"left", u->undone.left_list},
					     {"later", u->undone.later},
					     {"import", (uint64_t)u->import_id}};
	const struct lists_event event = {u->actor, "list undo", buf_str(&object), counts,
					  ARRAY_LEN(counts)};
	if (rc == 0)
		rc = lists_add_event(u->db, &event, err);
	buf_done(&object);
	return rc;
}

int import_check_undo(struct pg_blocking *db, int32_t import_id, struct err *err)
{
	struct undoing u = {.db = db, .import_id = import_id};
	struct buf object;
	int32_t list_id;
	buf_init(&object, 512);
	int rc = find_import(&u, &list_id, &object, err);
	buf_done(&object);
	return rc;
}

int import_undo(struct pg_blocking *db, int32_t import_id, const struct lists_actor *actor,
		struct import_undone *undone, struct err *err)
{
	struct undoing u = {.db = db, .import_id = import_id, .actor = actor};
	if (pg_run(db, "lists/lock_imports", NULL, NULL, err) != 0)
		return -1;
	int rc = pg_transaction(db, undo, &u, err);
	struct err ignored;
	(void)(pg_run(db, "lists/unlock_imports", NULL, NULL, &ignored) == 0);
	if (rc == 0)
		*undone = u.undone;
	return rc;
}
