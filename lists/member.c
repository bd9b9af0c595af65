/* SPDX-License-Identifier: MIT */
/* Memberships; see member.h. */
#include "lists/member.h"

#include <stdlib.h>

#include "engine/base/utf8.h"
#include "lists/person.h"

const char *member_status_name(enum member_status status)
{
	static const char *const names[] = {
#define X(suffix, name, number) [number] = name,
		MEMBER_STATUSES(X)
#undef X
	};
	must((size_t)status < ARRAY_LEN(names) && names[status] != NULL);
	return names[status];
}

static struct membership read_membership(const struct pg_rows *rows, int row)
{
	return (struct membership){
		.list_id = pg_int32(rows, row, 0),
		.list = pg_text(rows, row, 1),
		.status = (enum member_status)pg_int(rows, row, 2),
		.consent = pg_text(rows, row, 3),
		.attributes = pg_text(rows, row, 4),
		.added_at_us = pg_time(rows, row, 5),
		.changed_at_us = pg_time(rows, row, 6),
		.import_id = pg_int32(rows, row, 7),
	};
}

int member_find(struct pg_blocking *db, struct str address, struct memberships *found,
		struct err *err)
{
	struct hash_key key;
	struct address parsed;
	struct pg_params params;
	struct pg_rows *rows = NULL;
	if (lists_load_key(db, &key, err) != 0)
		return -1;
	enum address_reason reason = address_parse(address, &parsed);
	if (reason != ADDRESS_OK)
		return err_set(err, ERR_INPUT, "\"%.*s\" is no address: %s",
			       STR_ARG(utf8_clip(address, 120)), address_reason_sentence(reason));
	pg_params_init(&params);
	pg_add_int8(&params, person_rid(&parsed, &key));
	int rc = pg_run(db, "lists/find_member", &params, &rows, err);
	pg_params_done(&params);
	if (rc != 0)
		return -1;
	found->rows = rows;
	found->count = (size_t)pg_rows_count(rows);
	found->items = xcalloc(found->count + 1, sizeof(*found->items));
	for (size_t i = 0; i < found->count; i++)
		found->items[i] = read_membership(rows, (int)i);
	return 0;
}

void memberships_done(struct memberships *found)
{
	pg_rows_free(found->rows);
	free(found->items);
	*found = (struct memberships){0};
}

int member_leave(struct pg_blocking *db, const struct member_leaving *leaving, bool *changed_out,
		 struct err *err)
{
	struct pg_params params;
	struct pg_rows *rows = NULL;
	must(leaving->status != MEMBER_SUBSCRIBED);
	pg_params_init(&params);
	pg_add_int4(&params, leaving->list_id);
	pg_add_int8(&params, leaving->rid);
	pg_add_int2(&params, (int16_t)leaving->status);
	pg_add_text(&params, str_from(leaving->actor));
	int rc = pg_run(db, "lists/leave_list", &params, &rows, err);
	if (rc == 0)
		*changed_out = pg_int(rows, 0, 0) > 0;
	pg_rows_free(rows);
	pg_params_done(&params);
	return rc;
}
