/* SPDX-License-Identifier: MIT */
/* What operators say of provider profiles, in the database. Blocking; for the command line. */
#include "ip-pool/store/provider_store.h"

#include <stdlib.h>

#include "ip-pool/store/store_private.h"

/* What all say of all providers; the strings are those of rows. Moments are of a clock that shows 0
 * now. There is room for one more. */
struct said {
	struct pg_rows *rows;
	struct provider_changes changes;
};

/* What one transaction does, and what it found out. */
struct changing {
	struct pg_blocking *conn;
	const struct change *change;
	const char *verb;      /* of the event */
	struct str name;       /* of the provider; of an undo once it is known */
	struct str json;       /* keys that are set, or empty */
	int64_t for_ms;	       /* … for so long; 0: for ever */
	int64_t undone;	       /* the change undone; 0: the last one, or none */
	int64_t number;	       /* of this change */
	char name_buffer[64];  /* where name stands after an undo */
	enum err_kind refusal; /* of what would be unsound */
	struct said before;    /* what there was */
	/* ends what is over, puts in force what comes; fills number, name and undone */
	int (*act)(struct changing *c, struct err *err);
};

static void said_done(struct said *s)
{
	free(s->changes.items);
	pg_rows_free(s->rows);
}

static int said_load(struct pg_blocking *conn, struct said *s, struct err *err)
{
	*s = (struct said){.rows = NULL};
	if (pg_run(conn, "ip-pool/load_providers", NULL, &s->rows, err) != 0)
		return -1;
	s->changes.count = (size_t)pg_rows_count(s->rows);
	s->changes.items = xcalloc(s->changes.count + 1, sizeof(*s->changes.items));
	for (int i = 0; i < pg_rows_count(s->rows); i++)
		s->changes.items[i] = (struct provider_change){
			.override = {pg_text(s->rows, i, 0), pg_text(s->rows, i, 1)},
			.until_ms = pg_is_null(s->rows, i, 3) ? LIMIT_FOREVER
							      : pg_int(s->rows, i, 3) + 1};
	return 0;
}

/* What the profile says at a time; NULL: the table is unsound then. */
static json_t *profile_at(const struct said *s, struct str name, int64_t now, struct err *err)
{
	struct provider_table *table = NULL;
	if (provider_table_made(&s->changes, now, &table, err) != 0)
		return NULL;
	const struct provider *p = provider_find(table, name);
	json_t *profile = provider_profile_json(p);
	if (p != NULL && provider_lint(table, p, err) != 0) {
		json_decref(profile);
		profile = NULL;
	}
	provider_table_free(table);
	return profile;
}

/* The profile as it is now; -1 if it is unsound, or will be when something ends by itself. */
static int check(const struct said *s, const struct changing *c, json_t **profile_out,
		 struct err *err)
{
	json_t *profile = profile_at(s, c->name, 0, err);
	json_t *later = profile;
	int64_t at = provider_changes_end(&s->changes, c->name, 0);
	for (; later != NULL && at != LIMIT_FOREVER;
	     at = provider_changes_end(&s->changes, c->name, at)) {
		later = profile_at(s, c->name, at, err);
		if (later == NULL)
			(void)err_prefix(err, "when what is said for a time is over");
		json_decref(later);
	}
	if (later != NULL) {
		*profile_out = profile;
		return 0;
	}
	json_decref(profile);
	err->kind = c->refusal;
	return -1;
}

static int note(struct changing *c, const json_t *before, const json_t *after, struct err *err)
{
	json_t *named = c->json.len > 0
				? json_loadb(c->json.ptr, c->json.len, 0, &(json_error_t){0})
				: NULL;
	json_t *detail = provider_difference(before, after, named);
	struct pg_params p;
	json_object_set_new(detail, "id", json_integer(c->number));
	if (c->undone != 0)
		json_object_set_new(detail, "undone", json_integer(c->undone));
	char *text = json_dumps(detail, JSON_COMPACT);
	pg_params_init(&p);
	pg_add_text(&p, str_from(c->verb));
	pg_add_text(&p, c->name);
	if (c->for_ms > 0)
		pg_add_int8(&p, c->for_ms);
	else
		pg_add_null(&p, PG_INT8);
	add_change(&p, c->change);
	pg_add_text(&p, str_from(text));
	free(text);
	json_decref(detail);
	json_decref(named);
	return store_run(c->conn, "ip-pool/note_provider", &p, err) < 0 ? -1 : 0;
}

/* Looks at what there is now that the change is made. */
static int conclude(struct changing *c, struct err *err)
{
	struct said after;
	struct err ignored;
	json_t *is = NULL;
	/* What was unsound may be changed all the same. */
	json_t *was = profile_at(&c->before, c->name, 0, &ignored);
	int status = said_load(c->conn, &after, err);
	if (status == 0)
		status = check(&after, c, &is, err);
	if (status == 0)
		status = note(c, was, is, err);
	json_decref(is);
	json_decref(was);
	said_done(&after);
	return status;
}

static int run_change(void *owner, struct err *err)
{
	struct changing *c = owner;
	if (pg_run(c->conn, "ip-pool/lock_providers", NULL, NULL, err) != 0 ||
	    said_load(c->conn, &c->before, err) != 0)
		return -1;
	int status = c->act(c, err);
	if (status == 0)
		status = conclude(c, err);
	said_done(&c->before);
	return status;
}

/* -- set, unset -- */

/* Whether it would be sound with one more: the database would only say that a row is not right. */
static int try_it(struct changing *c, struct err *err)
{
	struct said with = c->before;
	json_t *profile = NULL;
	with.changes.items[with.changes.count++] =
		(struct provider_change){.override = {c->name, c->json},
					 .until_ms = c->for_ms > 0 ? c->for_ms : LIMIT_FOREVER};
	int status = check(&with, c, &profile, err);
	json_decref(profile);
	return status;
}

static int say(struct changing *c, struct err *err)
{
	struct pg_params p;
	struct pg_rows *rows = NULL;
	bool is_reset = c->json.len == 0;
	if (!is_reset && try_it(c, err) != 0)
		return -1;
	pg_params_init(&p);
	pg_add_text(&p, c->name);
	add_text_or_null(&p, c->json);
	if (c->for_ms > 0)
		pg_add_int8(&p, c->for_ms);
	else
		pg_add_null(&p, PG_INT8);
	add_change(&p, c->change);
	int status = pg_run(c->conn, "ip-pool/set_provider", &p, &rows, err);
	pg_params_done(&p);
	if (status != 0)
		return -1;
	c->number = pg_int(rows, 0, 0);
	if (is_reset && pg_int(rows, 0, 1) == 0)
		status = err_set(err, ERR_NOT_FOUND, "nothing was set for provider \"%.*s\"",
				 STR_ARG(c->name));
	pg_rows_free(rows);
	return status;
}

int provider_store_set(struct pg_blocking *conn, const struct provider_override *override,
		       int64_t for_ms, const struct change *change, struct err *err)
{
	struct changing c = {.conn = conn,
			     .change = change,
			     .verb = "provider set",
			     .name = override->name,
			     .json = override->json,
			     .for_ms = for_ms,
			     .refusal = ERR_USAGE,
			     .act = say};
	return pg_transaction(conn, run_change, &c, err);
}

int provider_store_unset(struct pg_blocking *conn, struct str name, const struct change *change,
			 struct err *err)
{
	struct changing c = {.conn = conn,
			     .change = change,
			     .verb = "provider unset",
			     .name = name,
			     .refusal = ERR_REFUSED,
			     .act = say};
	return pg_transaction(conn, run_change, &c, err);
}

/* -- undo -- */

static int refuse_undo(const struct changing *c, const struct pg_rows *rows, struct err *err)
{
	if (c->undone == 0 && pg_is_null(rows, 0, 0))
		return err_set(err, ERR_NOT_FOUND, "no profile was ever changed");
	if (pg_is_null(rows, 0, 0))
		return err_set(err, ERR_NOT_FOUND, "there is no change %lld of a profile",
			       (long long)c->undone);
	return err_set(err, ERR_REFUSED,
		       "nothing of change %lld holds any more; edm provider show lists the changes "
		       "that do",
		       (long long)pg_int(rows, 0, 0));
}

static int undo(struct changing *c, struct err *err)
{
	struct pg_params p;
	struct pg_rows *rows = NULL;
	pg_params_init(&p);
	if (c->undone != 0)
		pg_add_int4(&p, (int32_t)c->undone);
	else
		pg_add_null(&p, PG_INT4);
	add_change(&p, c->change);
	int status = pg_run(c->conn, "ip-pool/undo_provider", &p, &rows, err);
	pg_params_done(&p);
	if (status != 0)
		return -1;
	if (pg_is_null(rows, 0, 0) || pg_is_null(rows, 0, 1)) {
		status = refuse_undo(c, rows, err);
	} else {
		c->undone = pg_int(rows, 0, 0);
		must(str_to_cstr(pg_text(rows, 0, 1), c->name_buffer, sizeof(c->name_buffer)) == 0);
		c->name = str_from(c->name_buffer);
		c->number = pg_int(rows, 0, 2);
	}
	pg_rows_free(rows);
	return status;
}

int provider_store_undo(struct pg_blocking *conn, int64_t number, const struct change *change,
			int64_t *number_out, struct err *err)
{
	struct changing c = {.conn = conn,
			     .change = change,
			     .verb = "provider undo",
			     .undone = number,
			     .refusal = ERR_REFUSED,
			     .act = undo};
	if (pg_transaction(conn, run_change, &c, err) != 0)
		return -1;
	*number_out = c.undone;
	return 0;
}
