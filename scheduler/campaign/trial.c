/* SPDX-License-Identifier: MIT */
/* A campaign of one recipient, to try the content; see trial.h. */
#include "scheduler/campaign/trial.h"

#include <stdio.h>

#include "engine/base/hash.h"
#include "engine/reply/normalise.h"
#include "lists/suppression.h"
#include "lists/trial.h"
#include "scheduler/campaign/preflight.h"
#include "scheduler/campaign/preview.h"
#include "scheduler/ledger/lookup.h"

#define GIVE_UP_MS 600000

/* Columns of ledger/outcomes_of.sql. */
enum column {
	COL_STATE = 6,
	COL_CLASS = 7,
	COL_WORDS = 10,
	COL_STAGE = 11,
	COL_CODE = 12,
	COL_ENHANCED = 13,
	COL_MX = 16,
	COL_TLS = 17,
	COL_TOOK_MS = 19,
	COL_TEMPLATE = 20,
	COL_VARS = 21,
};

/* The attributes the message is made with: those of the address in the campaign's lists, else those
 * of any member, else none. */
static int find_attributes(struct pg_blocking *db, const struct campaign_row *row,
			   const char *address, struct buf *out, struct err *err)
{
	const char *candidates[] = {address, NULL};
	for (size_t i = 0; i < ARRAY_LEN(candidates); i++) {
		struct preview p;
		preview_init(&p);
		int result = preview_load(db, row, candidates[i], &p, err);
		if (result == 0)
			buf_append_str(out, buf_str(&p.attributes));
		preview_done(&p);
		if (result == 0 || err->kind != ERR_NOT_FOUND)
			return result;
	}
	err_clear(err);
	buf_append_cstr(out, "{}");
	return 0;
}

static int make_list(struct pg_blocking *db, const struct trial_request *request,
		     struct trial *trial, struct err *err)
{
	struct address address;
	struct buf attributes;
	if (preview_find_rid(db, request->address, &address, &trial->rid, err) != 0)
		return -1;
	buf_init(&attributes, 4u << 20);
	int result = find_attributes(db, request->row, address.mailbox, &attributes, err);
	const struct trial_list list = {.address = &address,
					.rid = trial->rid,
					.name = str_from(trial->name),
					.attributes = buf_str(&attributes),
					.by = request->by.actor};
	if (result == 0)
		result = trial_list_make(db, &list, &trial->list, err);
	buf_done(&attributes);
	return result;
}

static int make_campaign(struct pg_blocking *db, const struct campaign_row *row,
			 const struct campaign_actor *by, struct trial *trial, struct err *err)
{
	static const int64_t priority = CAMPAIGN_PRIORITY_TEST, give_up_ms = GIVE_UP_MS;
	struct str list = str_from(trial->name);
	char pool[256];
	struct content_source source;
	if (str_to_cstr(row->pool, pool, sizeof(pool)) != 0)
		return err_set(err, ERR_INPUT, "the name of its pool is too long");
	const struct campaign_request request = {
		.name = trial->name,
		.settings = {.pool = pool,
			     .is_unsigned = &row->is_unsigned,
			     .give_up_after_ms = &give_up_ms,
			     .priority = &priority,
			     .lists = {.items = &list, .count = 1}},
		.content = &source,
		.is_hidden = true,
		.by = *by,
	};
	content_source_init(&source);
	int result = campaign_content_load(db, row, &source, err);
	if (result == 0)
		result = campaign_create(db, &request, &trial->campaign, err);
	content_source_done(&source);
	return result;
}

/* What is paused would not leave while somebody waits for it. */
static int refuse_findings(const struct preflight *checks, struct err *err)
{
	for (size_t i = 0; i < checks->count; i++)
		if (checks->findings[i].is_error ||
		    str_equals(str_from(checks->findings[i].name), STR("paused")))
			return err_set(err, ERR_REFUSED, "it cannot be sent: %s",
				       checks->findings[i].sentence);
	return 0;
}

static int check_and_start(struct pg_blocking *db, const struct trial *trial,
			   const struct campaign_actor *by, struct err *err)
{
	const struct campaign_change change = {.by = *by};
	struct campaign_view view;
	struct preflight checks;
	preflight_init(&checks);
	int result = campaign_view_load(db, trial->name, &view, err);
	if (result == 0)
		result = preflight_run(db, &view.items[0], &checks, err);
	if (result == 0)
		result = refuse_findings(&checks, err);
	if (result == 0)
		result = campaign_apply(db, &view.items[0], MOVE_START, &change, err);
	preflight_done(&checks);
	campaign_view_done(&view);
	return result;
}

int trial_start(struct pg_blocking *db, const struct trial_request *request, struct trial *trial,
		struct err *err)
{
	int64_t nodes;
	*trial = (struct trial){.address = request->address};
	snprintf(trial->name, sizeof(trial->name), "test-%016llx",
		 (unsigned long long)random_u64());
	if (campaign_count_nodes(db, &nodes, err) != 0)
		return -1;
	if (nodes == 0)
		return err_set(
			err, ERR_REFUSED,
			"no node is running, so nothing can be sent: start one with edm run");
	if (make_list(db, request, trial, err) != 0)
		return -1;
	int result = make_campaign(db, request->row, &request->by, trial, err);
	if (result == 0)
		result = check_and_start(db, trial, &request->by, err);
	if (result != 0) {
		struct err ignored;
		if (trial_end(db, trial, &request->by, &ignored) != 0)
			err_prefix(err, "(and what it left could not be taken away)");
	}
	return result;
}

static void read_outcome(const struct pg_rows *rows, struct trial_outcome *out)
{
	struct str mx = pg_text(rows, 0, COL_MX);
	out->state = (enum recipient_state)pg_int(rows, 0, COL_STATE);
	out->klass = (unsigned)pg_int(rows, 0, COL_CLASS);
	out->words = (unsigned)pg_int(rows, 0, COL_WORDS);
	out->stage = (unsigned)pg_int(rows, 0, COL_STAGE);
	out->code = (int)pg_int(rows, 0, COL_CODE);
	out->enhanced = pg_int32(rows, 0, COL_ENHANCED);
	out->tls = (int)pg_int(rows, 0, COL_TLS);
	out->took_ms = pg_int(rows, 0, COL_TOOK_MS);
	snprintf(out->mx, sizeof(out->mx), "%.*s", STR_ARG(mx));
	template_restore(pg_text(rows, 0, COL_TEMPLATE), pg_text(rows, 0, COL_VARS), &out->reply);
}

static int find_suppression(struct pg_blocking *db, const struct trial *trial, struct str address,
			    bool *found_out, struct err *err)
{
	struct suppression_found found;
	if (suppression_check(db, address, &found, err) != 0)
		return -1;
	for (size_t i = 0; i < found.count; i++)
		*found_out |= found.entries[i].campaign_id == trial->campaign;
	suppression_found_done(&found);
	return 0;
}

int trial_look(struct pg_blocking *db, const struct trial *trial, struct trial_outcome *out,
	       struct err *err)
{
	struct pg_rows *rows = NULL;
	struct lookup_question question = {
		.rid = trial->rid, .campaign = trial->campaign, .limit = 1};
	if (lookup_outcomes(db, &question, &rows, err) != 0)
		return -1;
	int count = pg_rows_count(rows);
	if (count > 0)
		read_outcome(rows, out);
	pg_rows_free(rows);
	out->suppresses = false;
	if (count > 0 && find_suppression(db, trial, trial->address, &out->suppresses, err) != 0)
		return -1;
	return count > 0;
}

int trial_end(struct pg_blocking *db, const struct trial *trial, const struct campaign_actor *by,
	      struct err *err)
{
	const struct campaign_change change = {.by = *by};
	struct campaign_view view = {0};
	int result = 0;
	if (trial->campaign != 0)
		result = campaign_view_load(db, trial->name, &view, err);
	if (result == 0 && trial->campaign != 0 && !campaign_is_final(view.items[0].state))
		result = campaign_apply(db, &view.items[0], MOVE_CANCEL, &change, err);
	/* It finished in between: then there is nothing to cancel. */
	if (result != 0 && err->kind == ERR_REFUSED)
		result = 0;
	campaign_view_done(&view);
	if (result == 0 && trial->list != 0)
		result = trial_list_drop(db, trial->list, err);
	return result;
}
