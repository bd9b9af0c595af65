/* SPDX-License-Identifier: MIT */
/* Refusals; see bounces.h. */
#include "scheduler/report/bounces.h"

#include <string.h>

#include "scheduler/report/counts.h"

static int check(struct pg_blocking *db, const struct bounces_request *request, struct err *err)
{
	static const char *const known[] = {
#define X(name) name,
		BOUNCES_BY(X)
#undef X
	};
	bool is_known = false;
	int32_t id;
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		is_known |= strcmp(known[i], request->by) == 0;
	if (!is_known)
		return err_set(err, ERR_USAGE,
			       "--by is cause, provider, source, campaign or hour, not '%s'",
			       request->by);
	return request->campaign ? counts_find_campaign(db, request->campaign, &id, err) : 0;
}

static json_t *load(struct pg_blocking *db, const struct bounces_request *request, struct err *err)
{
	struct pg_params params;
	pg_params_init(&params);
	if (request->campaign != NULL)
		pg_add_text(&params, str_from(request->campaign));
	else
		pg_add_null(&params, PG_TEXT);
	if (request->last_ms > 0)
		pg_add_int8(&params, request->last_ms);
	else
		pg_add_null(&params, PG_INT8);
	pg_add_text(&params, str_from(request->by));
	json_t *document = document_load(db, "report/bounces", &params, err);
	pg_params_done(&params);
	return document;
}

static void explain_cause(json_t *entry, const struct rule_set *rules, enum language language)
{
	json_t *samples = json_object_get(entry, "samples");
	enum outcome_cause cause = (enum outcome_cause)document_int(entry, "cause");
	size_t i;
	json_t *sample;
	json_array_foreach(samples, i, sample)
	{
		json_object_set(sample, "cause", json_object_get(entry, "cause"));
		document_explain(sample, rules, language);
		json_object_del(sample, "cause");
	}
	document_set_text(entry, "meaning", str_from(words_cause_meaning(cause, language)));
	document_set_text(entry, "advice", str_from(words_cause_advice(cause, language)));
}

json_t *bounces_load(struct pg_blocking *db, const struct bounces_request *request, struct err *err)
{
	static const char *const lists[] = {"causes", "groups"};
	size_t i;
	json_t *entry;
	if (check(db, request, err) != 0)
		return NULL;
	struct rule_set *rules = document_rules(db, err);
	json_t *document = rules ? load(db, request, err) : NULL;
	for (size_t k = 0; document != NULL && k < ARRAY_LEN(lists); k++)
		if (!json_is_array(json_object_get(document, lists[k])))
			json_object_set_new(document, lists[k], json_array());
	json_array_foreach(json_object_get(document, "causes"), i, entry)
		explain_cause(entry, rules, request->language);
	rule_set_free(rules);
	return document;
}
