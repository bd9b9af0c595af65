/* SPDX-License-Identifier: MIT */
/* Refusals; see bounces.h. */
#include "scheduler/report/bounces.h"

#include <string.h>

#include "scheduler/report/counts.h"

/* The next one of by, without blanks; false at the end. */
static bool next_by(struct str *rest, struct str *one)
{
	if (rest->len == 0)
		return false;
	*one = str_trim(str_take_until(rest, ','));
	return true;
}

static int check_by(const char *by, struct err *err)
{
	static const struct str known[] = {
#define X(name) STR_INIT(name),
		BOUNCES_BY(X)
#undef X
	};
	struct str rest = str_from(by), one;
	while (next_by(&rest, &one)) {
		bool is_known = false;
		for (size_t i = 0; i < ARRAY_LEN(known); i++)
			is_known |= str_equals(known[i], one);
		if (!is_known)
			return err_set(err, ERR_USAGE,
				       "--by is some of cause, provider, source, campaign and "
				       "hour, not '%.*s'",
				       STR_ARG(one));
	}
	return 0;
}

/* A cause is told of each group anyhow. */
static void add_by(struct pg_params *params, const char *by)
{
	struct pg_array names;
	struct str rest = str_from(by), one;
	pg_array_init(&names, PG_TEXT);
	while (next_by(&rest, &one))
		if (!str_equals(one, STR("cause")))
			pg_array_text(&names, one);
	pg_add_array(params, &names);
	pg_array_done(&names);
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
	add_by(&params, request->by);
	json_t *document = document_load(db, "report/bounces", &params, err);
	pg_params_done(&params);
	if (document != NULL)
		document_set_text(document, "by", str_from(request->by));
	return document;
}

/* ------------------------------------------------------------------------------------- samples */

static void add_numbers(struct pg_params *params, const json_t *causes, const char *key,
			enum pg_type type)
{
	struct pg_array numbers;
	size_t i;
	json_t *entry;
	pg_array_init(&numbers, type);
	json_array_foreach(causes, i, entry) pg_array_int(&numbers, document_int(entry, key));
	pg_add_array(params, &numbers);
	pg_array_done(&numbers);
}

static json_t *load_samples(struct pg_blocking *db, const json_t *causes, int samples,
			    struct err *err)
{
	struct pg_params params;
	pg_params_init(&params);
	add_numbers(&params, causes, "class", PG_INT2);
	add_numbers(&params, causes, "cause", PG_INT2);
	add_numbers(&params, causes, "campaign_id", PG_INT4);
	add_numbers(&params, causes, "minute", PG_INT8);
	pg_add_int4(&params, samples);
	json_t *lists = document_load(db, "report/bounce_samples", &params, err);
	pg_params_done(&params);
	return lists;
}

/* Each cause gets its samples; -1 and err if they cannot be read. */
static int add_samples(struct pg_blocking *db, json_t *causes, int samples, struct err *err)
{
	json_t *lists = NULL, *entry;
	size_t i;
	if (samples > 0 && json_array_size(causes) > 0) {
		lists = load_samples(db, causes, samples, err);
		if (lists == NULL)
			return -1;
	}
	json_array_foreach(causes, i, entry)
	{
		json_t *list = json_array_get(lists, i);
		json_object_set_new(entry, "samples",
				    list != NULL ? json_incref(list) : json_array());
		json_object_del(entry, "campaign_id");
		json_object_del(entry, "minute");
	}
	json_decref(lists);
	return 0;
}

static void explain_cause(json_t *entry, const struct rule_set *rules, enum language language)
{
	json_t *samples = json_object_get(entry, "samples");
	enum outcome_cause cause = (enum outcome_cause)document_int(entry, "cause");
	enum outcome_class klass = (enum outcome_class)document_int(entry, "class");
	size_t i;
	json_t *sample;
	json_array_foreach(samples, i, sample)
	{
		json_object_set(sample, "cause", json_object_get(entry, "cause"));
		document_explain(sample, rules, language);
		json_object_del(sample, "cause");
	}
	document_set_text(entry, "meaning", str_from(words_cause_meaning(cause, language)));
	document_set_text(entry, "advice", str_from(words_cause_advice(cause, klass, language)));
}

static int complete(struct pg_blocking *db, const struct bounces_request *request,
		    const struct rule_set *rules, json_t *document, struct err *err)
{
	static const char *const lists[] = {"causes", "groups"};
	size_t i;
	json_t *entry;
	for (size_t k = 0; k < ARRAY_LEN(lists); k++)
		if (!json_is_array(json_object_get(document, lists[k])))
			json_object_set_new(document, lists[k], json_array());
	json_t *causes = json_object_get(document, "causes");
	if (add_samples(db, causes, request->samples, err) != 0)
		return -1;
	json_array_foreach(causes, i, entry) explain_cause(entry, rules, request->language);
	return 0;
}

json_t *bounces_load(struct pg_blocking *db, const struct bounces_request *request, struct err *err)
{
	int32_t id;
	if (check_by(request->by, err) != 0 ||
	    (request->campaign && counts_find_campaign(db, request->campaign, &id, err) != 0))
		return NULL;
	struct rule_set *rules = document_rules(db, err);
	json_t *document = rules ? load(db, request, err) : NULL;
	if (document != NULL && complete(db, request, rules, document, err) != 0) {
		json_decref(document);
		document = NULL;
	}
	rule_set_free(rules);
	return document;
}
