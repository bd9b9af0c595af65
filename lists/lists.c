/* SPDX-License-Identifier: MIT */
/* Lists by name; see lists.h. */
#include "lists/lists.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/utf8.h"

int lists_check_name(const char *name, struct err *err)
{
	struct str s = str_from(name);
	bool is_good = s.len > 0 && s.len <= LISTS_NAME_MAX && utf8_is_valid(s) && s.ptr[0] != '-';
	for (size_t i = 0; i < s.len; i++)
		is_good = is_good && (unsigned char)s.ptr[i] > ' ' && s.ptr[i] != 0x7F &&
			  s.ptr[i] != '@' && s.ptr[i] != '/';
	if (!is_good)
		return err_set(
			err, ERR_USAGE,
			"a list's name has 1 to %d bytes of text without blanks, @ and /, and "
			"does not begin with -",
			LISTS_NAME_MAX);
	return 0;
}

int lists_find(struct pg_blocking *db, const char *name, int32_t *id_out, struct err *err)
{
	struct pg_params params;
	struct pg_rows *rows = NULL;
	if (!utf8_is_valid(str_from(name)))
		return err_set(err, ERR_USAGE, "the list's name is not UTF-8");
	pg_params_init(&params);
	pg_add_text(&params, str_from(name));
	int rc = pg_run(db, "lists/find_list", &params, &rows, err);
	if (rc == 0 && pg_rows_count(rows) == 0)
		rc = err_set(err, ERR_NOT_FOUND, "there is no list '%s'; edm list show lists them",
			     name);
	if (rc == 0)
		*id_out = pg_int32(rows, 0, 0);
	pg_rows_free(rows);
	pg_params_done(&params);
	return rc;
}

int lists_load_key(struct pg_blocking *db, struct hash_key *key_out, struct err *err)
{
	struct pg_rows *rows = NULL;
	if (pg_run(db, "lists/installation_key", NULL, &rows, err) != 0)
		return -1;
	int rc = 0;
	if (pg_rows_count(rows) != 1)
		rc = err_set(err, ERR_NOT_FOUND,
			     "this database holds no installation yet; run `edm init`");
	else
		memcpy(key_out->bytes, pg_bytes(rows, 0, 0).ptr, sizeof(key_out->bytes));
	pg_rows_free(rows);
	return rc;
}

int lists_add_event(struct pg_blocking *db, const struct lists_event *event, struct err *err)
{
	struct pg_params params;
	struct buf detail;
	buf_init(&detail, 1024);
	for (size_t i = 0; i < event->count; i++)
		buf_appendf(&detail, "%c\"%s\":%llu", i == 0 ? '{' : ',', event->counts[i].name,
			    (unsigned long long)event->counts[i].n);
	buf_append_char(&detail, '}');
	pg_params_init(&params);
	pg_add_text(&params, str_from(event->actor->actor));
	pg_add_text(&params, str_from(event->verb));
	pg_add_text(&params, event->object);
	pg_add_text(&params, str_from(event->actor->because));
	pg_add_text(&params, buf_str(&detail));
	int rc = pg_run(db, "lists/add_event", &params, NULL, err);
	pg_params_done(&params);
	buf_done(&detail);
	return rc;
}

struct removal {
	struct pg_blocking *db;
	const char *name;
	const struct lists_actor *actor;
	struct pg_params *id; /* one parameter: the list */
	uint64_t members;
};

static int check_unused(struct removal *r, struct err *err)
{
	struct pg_rows *rows = NULL;
	if (pg_run(r->db, "lists/list_in_use", r->id, &rows, err) != 0)
		return -1;
	int rc = 0;
	if (pg_int(rows, 0, 1) > 0)
		rc = err_set(
			err, ERR_REFUSED,
			"list \"%s\" is needed by campaigns that are not finished: %.*s; cancel "
			"them or wait",
			r->name, STR_ARG(utf8_clip(pg_text(rows, 0, 0), 200)));
	pg_rows_free(rows);
	return rc;
}

static int remove_list(void *owner, struct err *err)
{
	struct removal *r = owner;
	struct pg_rows *rows = NULL;
	char object[LISTS_NAME_MAX + 8];
	if (check_unused(r, err) != 0 || pg_run(r->db, "lists/remove_list", r->id, &rows, err) != 0)
		return -1;
	r->members = (uint64_t)pg_int(rows, 0, 0);
	pg_rows_free(rows);
	snprintf(object, sizeof(object), "list:%s", r->name);
	const struct lists_count members = {"members", r->members};
	const struct lists_event event = {r->actor, "list remove", str_from(object), &members, 1};
	return lists_add_event(r->db, &event, err);
}

int lists_remove(struct pg_blocking *db, const char *name, const struct lists_actor *actor,
		 uint64_t *members_out, struct err *err)
{
	struct pg_params params;
	int32_t id;
	if (lists_find(db, name, &id, err) != 0)
		return -1;
	pg_params_init(&params);
	pg_add_int4(&params, id);
	struct removal removal = {.db = db, .name = name, .actor = actor, .id = &params};
	int rc = pg_transaction(db, remove_list, &removal, err);
	pg_params_done(&params);
	if (rc == 0)
		*members_out = removal.members;
	return rc;
}
