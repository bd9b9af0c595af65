/* SPDX-License-Identifier: MIT */
/* Campaigns in the database: changes; see store.h. */
#include "scheduler/campaign/store.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/utf8.h"
#include "scheduler/campaign/load.h"

int campaign_check_name(const char *name, struct err *err)
{
	struct str text = str_from(name);
	bool is_good = text.len >= 1 && text.len <= CAMPAIGN_NAME_MAX && utf8_is_valid(text) &&
		       text.ptr[0] != '-';
	/* What has an @ is an address to edm why, and what has a / a lane. */
	for (size_t i = 0; is_good && i < text.len; i++)
		is_good = (unsigned char)text.ptr[i] > ' ' && text.ptr[i] != 0x7f &&
			  text.ptr[i] != '@' && text.ptr[i] != '/';
	if (is_good)
		return 0;
	return err_set(err, ERR_USAGE,
		       "a campaign's name has 1 to %d bytes of text without blanks, @ and /, and "
		       "does not begin with -",
		       CAMPAIGN_NAME_MAX);
}

/* ---------------------------------------------------------------------------------- parameters */

static void add_names(struct pg_params *params, struct campaign_names names)
{
	struct pg_array array;
	pg_array_init(&array, PG_TEXT);
	for (size_t i = 0; i < names.count; i++)
		pg_array_text(&array, names.items[i]);
	pg_add_array(params, &array);
	pg_array_done(&array);
}

static void add_text_or_null(struct pg_params *params, struct str text)
{
	if (text.len > 0)
		pg_add_text(params, text);
	else
		pg_add_null(params, PG_TEXT);
}

enum file_column {
	FILE_NAMES,
	FILE_TYPES,
	FILE_CIDS,
	FILE_DATA,
	FILE_COLUMNS,
};

static struct str file_value(const struct attachment *file, int column)
{
	switch ((enum file_column)column) {
	case FILE_NAMES:
		return file->name;
	case FILE_TYPES:
		return file->type;
	case FILE_CIDS:
		return file->cid;
	case FILE_DATA:
	case FILE_COLUMNS:
		break;
	}
	return file->data;
}

static void add_files(struct pg_params *params, const struct content_spec *spec)
{
	for (int column = 0; column < FILE_COLUMNS; column++) {
		struct pg_array array;
		pg_array_init(&array, column == FILE_DATA ? PG_BYTEA : PG_TEXT);
		for (size_t i = 0; i < spec->attachment_count; i++)
			pg_array_text(&array, file_value(&spec->attachments[i], column));
		pg_add_array(params, &array);
		pg_array_done(&array);
	}
}

/* from name, reply to, subject, preheader, html, text, attachments */
static void add_content(struct pg_params *params, const struct content_spec *spec)
{
	pg_add_text(params, spec->from.name);
	pg_add_text(params, spec->reply_to.address);
	pg_add_text(params, spec->subject);
	pg_add_text(params, spec->preheader);
	add_text_or_null(params, spec->html);
	add_text_or_null(params, spec->text);
	add_files(params, spec);
}

static void add_states(struct pg_params *params, unsigned states)
{
	struct pg_array array;
	pg_array_init(&array, PG_INT2);
	for (int state = 1; state < RECIPIENT_STATE_END; state++)
		if (states & (1u << state))
			pg_array_int(&array, state);
	pg_add_array(params, &array);
	pg_array_done(&array);
}

/* -------------------------------------------------------------------------------- create, edit */

int campaign_check_lists(struct pg_blocking *db, struct campaign_names names, struct err *err)
{
	struct pg_params params;
	struct pg_rows *rows = NULL;
	pg_params_init(&params);
	add_names(&params, names);
	int result = pg_run(db, "campaign/missing_lists", &params, &rows, err);
	if (result == 0 && pg_rows_count(rows) > 0)
		result = err_set(err, ERR_NOT_FOUND,
				 "there is no list '%.*s': edm list show has those there are, edm "
				 "list import makes one",
				 STR_ARG(pg_text(rows, 0, 0)));
	pg_rows_free(rows);
	pg_params_done(&params);
	return result;
}

static int check_new_lists(struct pg_blocking *db, const struct campaign_settings *s,
			   struct err *err)
{
	for (size_t i = 0; i < s->lists.count; i++)
		for (size_t k = 0; k < s->excluded.count; k++)
			if (str_equals(s->lists.items[i], s->excluded.items[k]))
				return err_set(err, ERR_USAGE,
					       "list '%.*s' is both included and excluded",
					       STR_ARG(s->lists.items[i]));
	return campaign_check_lists(db, s->lists, err) == 0 &&
			       campaign_check_lists(db, s->excluded, err) == 0
		       ? 0
		       : -1;
}

static void add_create(struct pg_params *params, const struct campaign_request *r)
{
	const struct campaign_settings *s = &r->settings;
	int64_t give_up_ms = s->give_up_after_ms ? *s->give_up_after_ms : CAMPAIGN_GIVE_UP_MS;
	bool has_deadline = s->deadline_us != NULL && *s->deadline_us != CAMPAIGN_NO_TIME;
	pg_add_text(params, str_from(r->name));
	pg_add_text(params, r->content->spec.from.address);
	add_text_or_null(params, str_from(s->pool));
	pg_add_bool(params, s->is_unsigned != NULL && *s->is_unsigned);
	pg_add_int2(params, (int16_t)(s->unknown ? *s->unknown : UNKNOWN_HOLD));
	pg_add_int4(params, (int32_t)(give_up_ms / 1000));
	if (has_deadline)
		pg_add_time(params, *s->deadline_us);
	else
		pg_add_null(params, PG_TIME);
	pg_add_int2(params, (int16_t)(s->priority ? *s->priority : CAMPAIGN_PRIORITY));
	if (r->audience_of != 0)
		pg_add_int4(params, r->audience_of);
	else
		pg_add_null(params, PG_INT4);
	if (r->audience_of != 0)
		add_states(params, r->audience_states);
	else
		pg_add_null_array(params, PG_INT2);
	pg_add_bool(params, r->is_hidden);
	pg_add_text(params, r->by.actor);
	pg_add_text(params, r->by.because);
	add_content(params, &r->content->spec);
	add_names(params, s->lists);
	add_names(params, s->excluded);
	pg_add_text(params, str_from(s->hours));
	pg_add_text(params, str_from(s->hours_zone));
}

int campaign_create(struct pg_blocking *db, const struct campaign_request *request, int32_t *id_out,
		    struct err *err)
{
	struct pg_params params;
	struct pg_rows *rows = NULL;
	if (campaign_check_name(request->name, err) != 0 ||
	    check_new_lists(db, &request->settings, err) != 0)
		return -1;
	pg_params_init(&params);
	add_create(&params, request);
	int result = pg_run(db, "campaign/create", &params, &rows, err);
	if (result != 0 && pg_err_is(err, "23505"))
		err_set(err, ERR_REFUSED,
			"there is already a campaign '%s': choose another name, or change that one "
			"with edm campaign edit",
			request->name);
	if (result == 0)
		*id_out = pg_int32(rows, 0, 0);
	pg_rows_free(rows);
	pg_params_done(&params);
	return result;
}

int campaign_content_load(struct pg_blocking *db, const struct campaign_row *row,
			  struct content_source *source, struct err *err)
{
	struct pg_params params;
	struct pg_rows *rows = NULL;
	pg_params_init(&params);
	pg_add_int4(&params, row->id);
	pg_add_int4(&params, row->content_version);
	int result = pg_run(db, "campaign/snapshot", &params, &rows, err);
	if (result == 0) {
		struct attachment files[CONTENT_ATTACHMENTS_MAX];
		struct content_spec spec;
		must(pg_rows_count(rows) == 1);
		campaign_content_of_rows(rows, files, &spec);
		content_source_copy(source, &spec);
	}
	pg_rows_free(rows);
	pg_params_done(&params);
	return result;
}

static void add_names_or_null(struct pg_params *params, struct campaign_names names)
{
	if (names.count > 0 || names.is_none)
		add_names(params, names);
	else
		pg_add_null_array(params, PG_TEXT);
}

static void add_edited_settings(struct pg_params *params, const struct campaign_settings *s)
{
	if (s->pool != NULL)
		pg_add_text(params, str_from(s->pool));
	else
		pg_add_null(params, PG_TEXT);
	if (s->is_unsigned != NULL)
		pg_add_bool(params, *s->is_unsigned);
	else
		pg_add_null(params, PG_BOOL);
	if (s->unknown != NULL)
		pg_add_int2(params, (int16_t)*s->unknown);
	else
		pg_add_null(params, PG_INT2);
	if (s->give_up_after_ms != NULL)
		pg_add_int4(params, (int32_t)(*s->give_up_after_ms / 1000));
	else
		pg_add_null(params, PG_INT4);
	if (s->deadline_us != NULL)
		pg_add_time(params, *s->deadline_us);
	else
		pg_add_null(params, PG_TIME);
	if (s->priority != NULL)
		pg_add_int2(params, (int16_t)*s->priority);
	else
		pg_add_null(params, PG_INT2);
}

static int check_edit(const struct campaign_row *row, const struct campaign_request *request,
		      struct err *err)
{
	char name[CAMPAIGN_NAME_MAX + 1];
	enum campaign_state after;
	must(str_to_cstr(row->name, name, sizeof(name)) == 0);
	if (campaign_move(name, row->state, MOVE_EDIT, &after, err) != 0)
		return -1;
	const struct campaign_settings *s = &request->settings;
	if ((s->lists.count > 0 || s->excluded.count > 0 || s->excluded.is_none) &&
	    row->started_us != 0)
		return err_set(err, ERR_REFUSED,
			       "campaign %s has started, so its audience is frozen: lists can no "
			       "longer change; who must not get it can be suppressed (edm suppress "
			       "add)",
			       name);
	return 0;
}

int campaign_edit(struct pg_blocking *db, const struct campaign_row *row,
		  const struct campaign_request *request, bool *is_leased_out, struct err *err)
{
	static const struct content_spec nothing;
	struct pg_params params;
	struct pg_rows *rows = NULL;
	if (check_edit(row, request, err) != 0 || check_new_lists(db, &request->settings, err) != 0)
		return -1;
	const struct content_spec *spec = request->content ? &request->content->spec : &nothing;
	pg_params_init(&params);
	pg_add_int4(&params, row->id);
	pg_add_int4(&params, row->version);
	add_edited_settings(&params, &request->settings);
	pg_add_text(&params, request->by.actor);
	pg_add_text(&params, request->by.because);
	pg_add_bool(&params, request->content != NULL);
	pg_add_text(&params, spec->from.address);
	add_content(&params, spec);
	add_names_or_null(&params, request->settings.lists);
	add_names_or_null(&params, request->settings.excluded);
	if (request->settings.hours != NULL)
		pg_add_text(&params, str_from(request->settings.hours));
	else
		pg_add_null(&params, PG_TEXT);
	pg_add_text(&params, str_from(request->settings.hours_zone));
	int result = pg_run(db, "campaign/edit", &params, &rows, err);
	if (result == 0)
		*is_leased_out = pg_rows_count(rows) == 0 && row->state == CAMPAIGN_PAUSED;
	if (result == 0 && pg_rows_count(rows) == 0)
		result = err_set(err, ERR_REFUSED,
				 "campaign %.*s %s: nothing was changed; try again in a moment",
				 STR_ARG(row->name),
				 row->state == CAMPAIGN_PAUSED
					 ? "still has messages in the hands of a node, or was "
					   "changed meanwhile"
					 : "was changed meanwhile");
	pg_rows_free(rows);
	pg_params_done(&params);
	return result;
}

int campaign_set_hours(struct pg_blocking *db, const struct campaign_row *row,
		       const struct campaign_request *request, struct err *err)
{
	struct pg_params params;
	struct pg_rows *rows = NULL;
	if (campaign_is_final(row->state))
		return err_set(err, ERR_REFUSED, "campaign %.*s is %s: it sends no more",
			       STR_ARG(row->name), campaign_state_name(row->state));
	pg_params_init(&params);
	pg_add_int4(&params, row->id);
	pg_add_int4(&params, row->version);
	pg_add_text(&params, str_from(request->settings.hours));
	pg_add_text(&params, str_from(request->settings.hours_zone));
	pg_add_text(&params, request->by.actor);
	pg_add_text(&params, request->by.because);
	int result = pg_run(db, "campaign/set_hours", &params, &rows, err);
	if (result == 0 && pg_rows_count(rows) == 0)
		result = err_set(err, ERR_REFUSED,
				 "campaign %.*s was changed meanwhile: nothing was changed; try "
				 "again",
				 STR_ARG(row->name));
	pg_rows_free(rows);
	pg_params_done(&params);
	return result;
}

int campaign_edit_reach(struct pg_blocking *db, int32_t campaign, int64_t *bound_out,
			int64_t *newest_out, struct err *err)
{
	struct pg_params params;
	struct pg_rows *rows = NULL;
	pg_params_init(&params);
	pg_add_int4(&params, campaign);
	int result = pg_run(db, "campaign/edit_reach", &params, &rows, err);
	if (result == 0) {
		*bound_out = pg_int(rows, 0, 0);
		*newest_out = pg_int(rows, 0, 1);
	}
	pg_rows_free(rows);
	pg_params_done(&params);
	return result;
}

/* --------------------------------------------------------------------------------------- moves */

struct move {
	const struct campaign_row *row;
	const struct campaign_change *change;
	const char *verb;
	enum campaign_state to;
	enum pause_reason reason;
	struct str reason_text;
};

static void add_move(struct pg_params *params, const struct move *m)
{
	const struct campaign_change *change = m->change;
	pg_add_int4(params, m->row->id);
	pg_add_int2(params, (int16_t)m->row->state);
	pg_add_int2(params, (int16_t)m->to);
	pg_add_int2(params, (int16_t)m->reason);
	pg_add_text(params, m->reason_text);
	pg_add_text(params, change->by.actor);
	pg_add_text(params, str_from(m->verb));
	pg_add_text(params, change->by.because);
	if (m->to == CAMPAIGN_SCHEDULED)
		pg_add_time(params, change->at_us);
	else
		pg_add_null(params, PG_TIME);
	pg_add_text(params, str_from(change->zone ? change->zone : "UTC"));
	if (m->to == CAMPAIGN_SCHEDULED && change->grace_s >= 0)
		pg_add_int4(params, (int32_t)change->grace_s);
	else
		pg_add_null(params, PG_INT4);
}

static int run_move(struct pg_blocking *db, const struct move *m, struct err *err)
{
	struct pg_params params;
	struct pg_rows *rows = NULL;
	pg_params_init(&params);
	add_move(&params, m);
	int result = pg_run(db, "campaign/move", &params, &rows, err);
	if (result == 0 && pg_rows_count(rows) == 0)
		result = err_set(err, ERR_REFUSED,
				 "campaign %.*s is no longer %s: nothing was changed; see: edm "
				 "campaign show %.*s",
				 STR_ARG(m->row->name), campaign_state_name(m->row->state),
				 STR_ARG(m->row->name));
	pg_rows_free(rows);
	pg_params_done(&params);
	return result;
}

static const char *move_verb(enum campaign_move move)
{
	switch (move) {
#define X(suffix, name, legal, after)                                                              \
	case MOVE_##suffix:                                                                        \
		return name;
		CAMPAIGN_MOVES(X)
#undef X
	}
	return "?";
}

static int prepare_move(const struct campaign_row *row, enum campaign_move move,
			const struct campaign_change *change, struct move *out, struct err *err)
{
	char name[CAMPAIGN_NAME_MAX + 1];
	must(str_to_cstr(row->name, name, sizeof(name)) == 0);
	*out = (struct move){.row = row, .change = change, .verb = move_verb(move)};
	if (campaign_move(name, row->state, move, &out->to, err) != 0)
		return -1;
	if (out->to == row->state) {
		out->reason = row->reason;
		out->reason_text = row->reason_text;
	} else if (move == MOVE_PAUSE) {
		out->reason = PAUSED_OPERATOR;
		out->reason_text = change->by.because;
	}
	return 0;
}

int campaign_apply(struct pg_blocking *db, const struct campaign_row *row, enum campaign_move move,
		   const struct campaign_change *change, struct err *err)
{
	struct move m;
	return prepare_move(row, move, change, &m, err) == 0 ? run_move(db, &m, err) : -1;
}

struct resend {
	struct pg_blocking *db;
	struct move move;
	int64_t count;
};

static int resend_body(void *owner, struct err *err)
{
	struct resend *r = owner;
	struct pg_params params;
	struct pg_rows *rows = NULL;
	if (run_move(r->db, &r->move, err) != 0)
		return -1;
	pg_params_init(&params);
	pg_add_int4(&params, r->move.row->id);
	pg_add_time(&params, r->move.row->now_us);
	int result = pg_run(r->db, "ledger/resend_unknown", &params, &rows, err);
	if (result == 0)
		r->count = pg_int(rows, 0, 0);
	pg_rows_free(rows);
	pg_params_done(&params);
	if (result == 0 && r->count == 0)
		result = err_set(err, ERR_REFUSED,
				 "nobody in campaign %.*s has an unknown outcome: there is nothing "
				 "to resend",
				 STR_ARG(r->move.row->name));
	return result;
}

int campaign_resend_unknown(struct pg_blocking *db, const struct campaign_row *row,
			    const struct campaign_actor *by, int64_t *count_out, struct err *err)
{
	const struct campaign_change change = {.by = *by};
	struct resend r = {.db = db};
	if (prepare_move(row, MOVE_RESEND, &change, &r.move, err) != 0 ||
	    pg_transaction(db, resend_body, &r, err) != 0)
		return -1;
	*count_out = r.count;
	return 0;
}

/* --------------------------------------------------------------------------------------- nodes */

int campaign_count_nodes(struct pg_blocking *db, int64_t *count_out, struct err *err)
{
	struct pg_rows *rows = NULL;
	if (pg_run(db, "setup/alive_nodes", NULL, &rows, err) != 0)
		return -1;
	*count_out = pg_rows_count(rows);
	pg_rows_free(rows);
	return 0;
}

int campaign_wait_news(struct pg_blocking *db, int timeout_ms, struct err *err)
{
	if (pg_run_text(db, "LISTEN edm", err) != 0)
		return -1;
	return pg_wait_notify(db, timeout_ms, err) < 0 ? -1 : 0;
}
