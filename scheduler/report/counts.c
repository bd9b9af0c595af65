/* SPDX-License-Identifier: MIT */
/* One campaign in numbers; see counts.h. */
#include "scheduler/report/counts.h"

#include <stdio.h>

#include "scheduler/report/format.h"
#include "scheduler/report/reason.h"

#define REASON_MAX 4096

static const enum recipient_state all_states[] = {
#define X(suffix, number, name) RECIPIENT_##suffix,
	RECIPIENT_STATES(X)
#undef X
};

static int no_campaign(const char *name, struct err *err)
{
	return err_set(err, ERR_NOT_FOUND,
		       "there is no campaign '%s'; edm campaign show lists them", name);
}

/* by_state → one member a state, and their sum. */
static void count_states(json_t *campaign)
{
	const json_t *by_state = json_object_get(campaign, "by_state");
	int64_t audience = 0;
	for (size_t i = 0; i < ARRAY_LEN(all_states); i++) {
		char number[16];
		snprintf(number, sizeof(number), "%d", (int)all_states[i]);
		int64_t n = document_int(by_state, number);
		json_object_set_new(campaign, recipient_state_name(all_states[i]), json_integer(n));
		audience += n;
	}
	json_object_set_new(campaign, "audience", json_integer(audience));
	json_object_del(campaign, "by_state");
}

int64_t counts_tried(const json_t *campaign)
{
	int64_t tried = 0;
	for (size_t i = 0; i < ARRAY_LEN(all_states); i++)
		if (recipient_state_is_final(all_states[i]) &&
		    all_states[i] != RECIPIENT_SUPPRESSED && all_states[i] != RECIPIENT_CANCELLED)
			tried += document_int(campaign, recipient_state_name(all_states[i]));
	return tried;
}

static double per_second(int64_t n, int64_t from_us, int64_t to_us)
{
	return from_us > 0 && to_us > from_us ? (double)n * 1e6 / (double)(to_us - from_us) : 0;
}

static double hundredths(double n)
{
	return (double)(int64_t)(n * 100 + 0.5) / 100;
}

static void count_rates(json_t *campaign)
{
	int64_t now = document_int(campaign, "now_at");
	int64_t end = document_int(campaign, "finished_at");
	int64_t delivered = document_int(campaign, "delivered"), tried = counts_tried(campaign);
	bool runs = document_int(campaign, "campaign_state") == CAMPAIGN_RUNNING;
	double rate = json_number_value(json_object_get(campaign, "rate"));
	double average =
		per_second(tried, document_int(campaign, "started_at"), end > 0 ? end : now);
	json_object_set_new(campaign, "rate", json_real(hundredths(runs ? rate : 0)));
	json_object_set_new(campaign, "average_rate", json_real(hundredths(average)));
	json_object_set_new(campaign, "delivered_share",
			    tried > 0 ? json_real((double)delivered / (double)tried) : json_null());
}

static void explain_causes(json_t *campaign, const char *key, enum language language)
{
	json_t *causes = json_object_get(campaign, key);
	size_t i;
	json_t *entry;
	if (!json_is_array(causes)) {
		json_object_set_new(campaign, key, json_array());
		return;
	}
	json_array_foreach(causes, i, entry)
	{
		enum outcome_cause cause = (enum outcome_cause)document_int(entry, "cause");
		enum outcome_class klass = (enum outcome_class)document_int(entry, "class");
		document_set_text(entry, "meaning", str_from(words_cause_meaning(cause, language)));
		document_set_text(entry, "advice",
				  str_from(words_cause_advice(cause, klass, language)));
	}
}

static void name_state(json_t *campaign, enum language language)
{
	enum campaign_state state = (enum campaign_state)document_int(campaign, "campaign_state");
	enum pause_reason reason = (enum pause_reason)document_int(campaign, "pause_reason");
	document_set_text(campaign, "state", str_from(campaign_state_name(state)));
	json_object_set_new(campaign, "reason",
			    reason ? json_string(pause_reason_name(reason)) : json_null());
	const struct pause_facts paused = {.reason = reason,
					   .text = document_text(campaign, "reason_text"),
					   .braked = json_object_get(campaign, "braked")};
	struct buf text;
	buf_init(&text, REASON_MAX);
	reason_say(&paused, language, &text);
	document_set_text(campaign, "reason_text", buf_str(&text));
	buf_done(&text);
	json_object_del(campaign, "braked");
	json_object_del(campaign, "pause_reason");
}

json_t *counts_campaign(struct pg_blocking *db, const char *name, enum language language,
			struct err *err)
{
	struct pg_params params;
	static const char *const lists[] = {"providers", "sources"};
	pg_params_init(&params);
	pg_add_text(&params, str_from(name));
	json_t *campaign = document_load(db, "report/campaign", &params, err);
	pg_params_done(&params);
	if (campaign == NULL) {
		if (err->kind == ERR_NOT_FOUND)
			(void)no_campaign(name, err);
		return NULL;
	}
	count_states(campaign);
	count_rates(campaign);
	name_state(campaign, language);
	json_object_del(campaign, "campaign_state");
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		if (!json_is_array(json_object_get(campaign, lists[i])))
			json_object_set_new(campaign, lists[i], json_array());
	explain_causes(campaign, "deferrals", language);
	explain_causes(campaign, "bounces", language);
	return campaign;
}

int counts_find_campaign(struct pg_blocking *db, const char *name, int32_t *id_out, struct err *err)
{
	struct pg_params params;
	struct pg_rows *rows = NULL;
	pg_params_init(&params);
	pg_add_text(&params, str_from(name));
	int rc = pg_run(db, "report/campaign_id", &params, &rows, err);
	pg_params_done(&params);
	if (rc == 0 && pg_rows_count(rows) == 0)
		rc = no_campaign(name, err);
	if (rc == 0)
		*id_out = pg_int32(rows, 0, 0);
	pg_rows_free(rows);
	return rc;
}
