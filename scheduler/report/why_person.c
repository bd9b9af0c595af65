/* SPDX-License-Identifier: MIT */
/* Why a recipient is where it is; see why.h. */
#include <stdio.h>

#include "engine/base/address.h"
#include "lists/lists.h"
#include "lists/person.h"
#include "lists/suppression.h"
#include "scheduler/ledger/lookup.h"
#include "scheduler/report/counts.h"
#include "scheduler/report/reason.h"
#include "scheduler/report/why.h"
#include "scheduler/report/why_say.h"

#define SENTENCE_MAX (64u << 10)
#define HISTORY_MAX 50
#define SITE_MAX 1024

/* Columns of report/campaigns_of. */
enum {
	COL_ID,
	COL_NAME,
	COL_STATE,
	COL_REASON,
	COL_REASON_TEXT,
	COL_STATE_BY,
	COL_STATE_SINCE,
	COL_SCHEDULED,
	COL_NOW,
	COL_BRAKED,
	COL_DEADLINE,
	COL_CANCELLED_FOR,
};

/* Columns of ledger/outcomes_of. */
enum {
	OUT_AT = 1,
	OUT_ATTEMPT = 4,
	OUT_VERSION,
	OUT_STATE,
	OUT_CLASS,
	OUT_CAUSE,
	OUT_SCOPE,
	OUT_WORDS,
	OUT_STAGE,
	OUT_CODE,
	OUT_ENHANCED,
	OUT_SOURCE,
	OUT_PROVIDER,
	OUT_MX,
	OUT_TLS,
	OUT_RULE,
	OUT_TOOK,
	OUT_TEMPLATE,
	OUT_VARS,
};

struct why_person {
	struct pg_blocking *db;
	int64_t rid;
	enum language language;
	struct buf queue; /* where mail goes for it: of report/home */
	json_t *names;	  /* of sources and nodes, by id */
	json_t *live;
	struct rule_set *rules;
};

static const char *name_of(const struct why_person *p, const char *kind, int64_t id)
{
	char number[24];
	snprintf(number, sizeof(number), "%lld", (long long)id);
	return document_text(json_object_get(p->names, kind), number);
}

/* ------------------------------------------------------------------------------------- history */

static json_t *attempt_of(const struct why_person *p, const struct pg_rows *rows, int row)
{
	static const struct {
		const char *key;
		int column;
	} numbers[] = {{"attempt", OUT_ATTEMPT},   {"content_version", OUT_VERSION},
		       {"state", OUT_STATE},	   {"class", OUT_CLASS},
		       {"cause", OUT_CAUSE},	   {"words", OUT_WORDS},
		       {"stage", OUT_STAGE},	   {"code", OUT_CODE},
		       {"enhanced", OUT_ENHANCED}, {"tls", OUT_TLS},
		       {"took_ms", OUT_TOOK}},
	  texts[] = {{"provider", OUT_PROVIDER},
		     {"mx", OUT_MX},
		     {"rule", OUT_RULE},
		     {"template", OUT_TEMPLATE},
		     {"vars", OUT_VARS}};
	json_t *attempt = json_object();
	json_object_set_new(attempt, "at", json_integer(pg_time(rows, row, OUT_AT)));
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		json_object_set_new(attempt, numbers[i].key,
				    json_integer(pg_int(rows, row, numbers[i].column)));
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		document_set_text(attempt, texts[i].key, pg_text(rows, row, texts[i].column));
	document_set_text(attempt, "source",
			  str_from(name_of(p, "sources", pg_int(rows, row, OUT_SOURCE))));
	document_explain(attempt, p->rules, p->language);
	return attempt;
}

static int add_history(const struct why_person *p, int32_t campaign, json_t *entry, struct err *err)
{
	struct pg_rows *rows = NULL;
	json_t *history = json_array();
	json_object_set_new(entry, "history", history);
	const struct lookup_question question = {p->rid, campaign, HISTORY_MAX};
	if (lookup_outcomes(p->db, &question, &rows, err) != 0)
		return -1;
	for (int row = 0; row < pg_rows_count(rows); row++)
		json_array_append_new(history, attempt_of(p, rows, row));
	pg_rows_free(rows);
	return 0;
}

/* -------------------------------------------------------------------------------------- entries */

/* What the last attempt said is what the recipient's state means. */
static void add_last(json_t *entry)
{
	static const char *const keys[] = {"class", "cause", "reply", "meaning", "rule"};
	const json_t *last = json_array_get(json_object_get(entry, "history"), 0);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		json_t *value = json_object_get(last, keys[i]);
		if (json_object_get(entry, keys[i]) == NULL)
			json_object_set_new(entry, keys[i],
					    value ? json_incref(value) : json_null());
	}
}

static bool is_cancelled(const struct whereabouts *where, const struct pg_rows *rows, int row)
{
	return where->state == RECIPIENT_CANCELLED &&
	       pg_int(rows, row, COL_STATE) == CAMPAIGN_CANCELLED;
}

/* Whoever ended with the campaign, untried, has no outcome: then it is the campaign's time. */
static int64_t ended_at(const struct whereabouts *where, const struct pg_rows *rows, int row)
{
	if (where->outcome_at_us != 0)
		return where->outcome_at_us;
	if (where->state == RECIPIENT_EXPIRED)
		return pg_time(rows, row, COL_DEADLINE);
	return is_cancelled(where, rows, row) ? pg_time(rows, row, COL_STATE_SINCE) : 0;
}

static int64_t since_of(const struct whereabouts *where, const struct pg_rows *rows, int row)
{
	if (where->state == RECIPIENT_DEFERRED)
		return where->since_us;
	if (where->state == RECIPIENT_WAITING)
		return 0;
	return where->state == RECIPIENT_LEASED ? where->leased_at_us : ended_at(where, rows, row);
}

/* Who cancelled it and what for; "" of every other state. */
static void add_who(json_t *entry, const struct whereabouts *where, const struct pg_rows *rows,
		    int row)
{
	bool is = is_cancelled(where, rows, row);
	document_set_text(entry, "by", is ? pg_text(rows, row, COL_STATE_BY) : STR(""));
	document_set_text(entry, "because", is ? pg_text(rows, row, COL_CANCELLED_FOR) : STR(""));
}

static json_t *entry_of(const struct why_person *p, const struct whereabouts *where,
			const struct pg_rows *rows, int row)
{
	json_t *entry = json_object();
	bool is_deferred = where->state == RECIPIENT_DEFERRED;
	document_set_text(entry, "campaign", pg_text(rows, row, COL_NAME));
	json_object_set_new(entry, "state", json_integer(where->state));
	json_object_set_new(entry, "since", json_integer(since_of(where, rows, row)));
	json_object_set_new(entry, "until",
			    json_integer(is_deferred ? where->due_at_us : where->doubt_until_us));
	add_who(entry, where, rows, row);
	document_set_text(entry, "group", str_from(where->group));
	document_set_text(entry, "queue", buf_str(&p->queue));
	document_set_text(entry, "node", str_from(name_of(p, "nodes", where->node)));
	json_object_set_new(entry, "in_doubt", json_boolean(where->is_in_doubt));
	if (is_deferred)
		json_object_set_new(entry, "class", json_integer(where->klass));
	return entry;
}

/* Why the campaign is paused, in the reader's language. */
static void put_reason(const struct why_person *p, const struct pg_rows *rows, int row,
		       struct buf *out)
{
	struct str braked = pg_text(rows, row, COL_BRAKED);
	char text[1024] = "";
	int fits = str_to_cstr(pg_text(rows, row, COL_REASON_TEXT), text, sizeof(text));
	(void)fits; /* longer ones are left out of the sentence */
	json_t *detail = braked.len > 0 ? json_loadb(braked.ptr, braked.len, 0, NULL) : NULL;
	const struct pause_facts paused = {.reason =
						   (enum pause_reason)pg_int(rows, row, COL_REASON),
					   .text = text,
					   .braked = detail};
	reason_say(&paused, p->language, out);
	json_decref(detail);
}

static void set_sentence(const struct why_person *p, json_t *entry, const struct pg_rows *rows,
			 int row)
{
	struct buf text, reason;
	char by[256] = "";
	int fits = str_to_cstr(pg_text(rows, row, COL_STATE_BY), by, sizeof(by));
	(void)fits; /* a longer one is left out of the sentence */
	buf_init(&reason, SENTENCE_MAX);
	put_reason(p, rows, row, &reason);
	const struct why_context w = {
		.language = p->language,
		.now_us = pg_time(rows, row, COL_NOW),
		.live = p->live,
		.campaign = document_text(entry, "campaign"),
		.campaign_state = (enum campaign_state)pg_int(rows, row, COL_STATE),
		.campaign_since_us = pg_time(rows, row, COL_STATE_SINCE),
		.campaign_by = by,
		.campaign_reason = reason.len > 0 ? reason.data : "",
		.scheduled_us = pg_time(rows, row, COL_SCHEDULED),
	};
	buf_init(&text, SENTENCE_MAX);
	why_say_person(&w, entry, &text);
	document_set_text(entry, "sentence", buf_str(&text));
	struct hold hold;
	enum recipient_state state = (enum recipient_state)document_int(entry, "state");
	bool is_held = (state == RECIPIENT_WAITING || state == RECIPIENT_LEASED ||
			state == RECIPIENT_DEFERRED) &&
		       why_find_hold(&w, entry, &hold);
	json_object_set_new(entry, "held", is_held ? hold_json(&w, &hold) : json_null());
	buf_done(&text);
	buf_done(&reason);
}

static int add_campaign(const struct why_person *p, const struct pg_rows *rows, int row,
			json_t *campaigns, struct err *err)
{
	struct whereabouts where;
	int32_t id = pg_int32(rows, row, COL_ID);
	if (lookup_where(p->db, id, p->rid, &where, err) != 0)
		return -1;
	if (where.state == 0)
		return 0;
	json_t *entry = entry_of(p, &where, rows, row);
	json_array_append_new(campaigns, entry);
	if (add_history(p, id, entry, err) != 0)
		return -1;
	add_last(entry);
	size_t attempts = json_array_size(json_object_get(entry, "history"));
	json_object_set_new(entry, "attempts",
			    json_integer(where.state == RECIPIENT_DEFERRED ? where.attempts
									   : (int64_t)attempts));
	set_sentence(p, entry, rows, row);
	return 0;
}

/* The rows that a statement has of the person, of one campaign or (NULL) of all. */
static int ask(const struct why_person *p, const char *statement, const char *campaign,
	       struct pg_rows **rows_out, struct err *err)
{
	struct pg_params params;
	pg_params_init(&params);
	pg_add_int8(&params, p->rid);
	if (campaign != NULL)
		pg_add_text(&params, str_from(campaign));
	else
		pg_add_null(&params, PG_TEXT);
	int rc = pg_run(p->db, statement, &params, rows_out, err);
	pg_params_done(&params);
	return rc;
}

static int add_campaigns(const struct why_person *p, const char *campaign, json_t *document,
			 struct err *err)
{
	struct pg_rows *rows = NULL;
	json_t *campaigns = json_array();
	json_object_set_new(document, "campaigns", campaigns);
	int rc = ask(p, "report/campaigns_of", campaign, &rows, err);
	for (int row = 0; rc == 0 && row < pg_rows_count(rows); row++)
		rc = add_campaign(p, rows, row, campaigns, err);
	pg_rows_free(rows);
	return rc;
}

/* ---------------------------------------------------------------------------------- suppression */

static int add_suppressions(struct pg_blocking *db, struct str address, json_t *document,
			    struct err *err)
{
	struct suppression_found found;
	json_t *list = json_array();
	json_object_set_new(document, "suppressions", list);
	if (suppression_check(db, address, &found, err) != 0)
		return -1;
	for (size_t i = 0; i < found.count; i++) {
		const struct suppression_entry *e = &found.entries[i];
		json_t *entry = json_object();
		document_set_text(entry, "list", e->list);
		json_object_set_new(entry, "suppressed_for",
				    json_string(suppression_cause_name(e->cause)));
		document_set_text(entry, "rule", e->rule);
		document_set_text(entry, "note", e->note);
		document_set_text(entry, "added_by", e->added_by);
		json_object_set_new(entry, "since", json_integer(e->at_us));
		json_object_set_new(entry, "until", json_integer(e->until_us));
		json_array_append_new(list, entry);
	}
	suppression_found_done(&found);
	return 0;
}

/* ------------------------------------------------------------------------------------- left out */

/* Whoever is on an excluded list is in no audience at all. */
static int add_left_out(const struct why_person *p, const char *campaign, json_t *document,
			struct err *err)
{
	struct pg_rows *rows = NULL;
	json_t *list = json_array();
	json_object_set_new(document, "left_out", list);
	int rc = ask(p, "report/left_out", campaign, &rows, err);
	for (int row = 0; rc == 0 && row < pg_rows_count(rows); row++) {
		json_t *entry = json_object();
		document_set_text(entry, "campaign", pg_text(rows, row, 0));
		document_set_text(entry, "list", pg_text(rows, row, 1));
		json_array_append_new(list, entry);
	}
	pg_rows_free(rows);
	return rc;
}

static int find_home(struct why_person *p, struct err *err)
{
	struct pg_params params;
	struct pg_rows *rows = NULL;
	pg_params_init(&params);
	pg_add_int8(&params, p->rid);
	int rc = pg_run(p->db, "report/home", &params, &rows, err);
	pg_params_done(&params);
	if (rc == 0 && pg_rows_count(rows) > 0)
		buf_append_str(&p->queue, pg_text(rows, 0, 0));
	pg_rows_free(rows);
	return rc;
}

static int fill(struct why_person *p, const struct address *address, const char *campaign,
		json_t *document, struct err *err)
{
	document_set_text(document, "address", address_mailbox(address));
	p->names = document_load(p->db, "report/names", NULL, err);
	p->live = p->names ? live_load(p->db, err) : NULL;
	p->rules = p->live ? document_rules(p->db, err) : NULL;
	if (p->rules == NULL || find_home(p, err) != 0 ||
	    add_suppressions(p->db, address_mailbox(address), document, err) != 0)
		return -1;
	return add_campaigns(p, campaign, document, err) == 0
		       ? add_left_out(p, campaign, document, err)
		       : -1;
}

/* "left out of spring: on list staff" */
static void conclude_left_out(json_t *document, const json_t *entry, enum language language)
{
	struct buf text;
	buf_init(&text, SENTENCE_MAX);
	buf_appendf(&text,
		    language == LANGUAGE_ZH ? "不在 %s 的受众中：在排除名单 %s 上"
					    : "left out of %s: on list %s",
		    document_text(entry, "campaign"), document_text(entry, "list"));
	document_set_text(document, "sentence", buf_str(&text));
	buf_done(&text);
}

/* The sentence of all: of the latest campaign, else why there is none. */
static int conclude(json_t *document, const char *campaign, enum language language, struct err *err)
{
	json_t *latest = json_array_get(json_object_get(document, "campaigns"), 0);
	bool is_suppressed = json_array_size(json_object_get(document, "suppressions")) > 0;
	const char *address = document_text(document, "address");
	if (latest != NULL) {
		json_object_set(document, "sentence", json_object_get(latest, "sentence"));
		return 0;
	}
	const json_t *left_out = json_array_get(json_object_get(document, "left_out"), 0);
	if (left_out != NULL) {
		conclude_left_out(document, left_out, language);
		return 0;
	}
	if (campaign != NULL)
		return err_set(err, ERR_NOT_FOUND,
			       "%s is not in the audience of '%s' (as far as it is built)", address,
			       campaign);
	if (!is_suppressed)
		return err_set(err, ERR_NOT_FOUND, "%s is in no campaign and not suppressed",
			       address);
	document_set_text(document, "sentence",
			  language == LANGUAGE_ZH ? STR("不在任何任务中，且已被抑制")
						  : STR("In no campaign, and suppressed"));
	return 0;
}

json_t *why_address(struct pg_blocking *db, const char *text, const char *campaign,
		    enum language language, struct err *err)
{
	struct address address;
	struct hash_key key;
	int32_t id;
	enum address_reason reason = address_parse(str_from(text), &address);
	if (reason != ADDRESS_OK) {
		err_set(err, ERR_USAGE, "'%s': %s", text, address_reason_sentence(reason));
		return NULL;
	}
	if (lists_load_key(db, &key, err) != 0 ||
	    (campaign != NULL && counts_find_campaign(db, campaign, &id, err) != 0))
		return NULL;
	struct why_person p = {.db = db, .rid = person_rid(&address, &key), .language = language};
	json_t *document = json_object();
	buf_init(&p.queue, SITE_MAX);
	int rc = fill(&p, &address, campaign, document, err);
	if (rc == 0)
		rc = conclude(document, campaign, language, err);
	buf_done(&p.queue);
	json_decref(p.names);
	json_decref(p.live);
	rule_set_free(p.rules);
	if (rc == 0)
		return document;
	json_decref(document);
	return NULL;
}
