/* SPDX-License-Identifier: MIT */
/* What servers say; see replies.h. */
#include "scheduler/report/replies.h"

static json_t *load(struct pg_blocking *db, int64_t last_ms, bool is_unmatched, struct err *err)
{
	struct pg_params params;
	pg_params_init(&params);
	pg_add_int8(&params, last_ms);
	pg_add_bool(&params, is_unmatched);
	json_t *document = document_load(db, "report/replies", &params, err);
	pg_params_done(&params);
	return document;
}

json_t *replies_load(struct pg_blocking *db, int64_t last_ms, bool is_unmatched,
		     enum language language, struct err *err)
{
	size_t i;
	json_t *entry;
	struct rule_set *rules = document_rules(db, err);
	if (rules == NULL)
		return NULL;
	json_t *document = load(db, last_ms, is_unmatched, err);
	if (document != NULL && !json_is_array(json_object_get(document, "replies")))
		json_object_set_new(document, "replies", json_array());
	json_array_foreach(json_object_get(document, "replies"), i, entry)
	{
		json_object_set(entry, "pattern", json_object_get(entry, "template"));
		document_explain(entry, rules, language);
	}
	rule_set_free(rules);
	return document;
}
