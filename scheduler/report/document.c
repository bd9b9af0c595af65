/* SPDX-License-Identifier: MIT */
/* Reports as documents; see document.h. */
#include "scheduler/report/document.h"

#include <stdlib.h>
#include <string.h>

#include "engine/reply/normalise.h"
#include "scheduler/report/format.h"

#define REPLY_MAX (64u << 10)

json_t *document_load(struct pg_blocking *db, const char *statement, const struct pg_params *params,
		      struct err *err)
{
	struct pg_rows *rows = NULL;
	json_error_t where;
	if (pg_run(db, statement, params, &rows, err) != 0)
		return NULL;
	if (pg_rows_count(rows) == 0) {
		pg_rows_free(rows);
		err_set(err, ERR_NOT_FOUND, "%s", "");
		return NULL;
	}
	struct str text = pg_text(rows, 0, 0);
	json_t *document = json_loadb(text.ptr, text.len, JSON_DECODE_ANY, &where);
	pg_rows_free(rows);
	if (document == NULL)
		err_set(err, ERR_DATABASE, "%s gave no JSON: %s", statement, where.text);
	return document;
}

int64_t document_int(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

const char *document_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text != NULL ? text : "";
}

void document_set_text(json_t *object, const char *key, struct str text)
{
	/* What came off the wire was made valid UTF-8 where it was parsed. */
	json_t *value = json_stringn(text.ptr ? text.ptr : "", text.len);
	json_object_set_new(object, key, value ? value : json_string(""));
}

/* ---------------------------------------------------------------------------------- publishing */

static const char *class_name(json_int_t number)
{
	return number == 0 ? "parked" : outcome_class_name((enum outcome_class)number);
}

static const char *name_of(const char *key, json_int_t number)
{
	if (strcmp(key, "class") == 0)
		return class_name(number);
	if (strcmp(key, "cause") == 0)
		return outcome_cause_name((enum outcome_cause)number);
	if (strcmp(key, "stage") == 0)
		return outcome_stage_name((enum outcome_stage)number);
	if (strcmp(key, "words") == 0)
		return outcome_words_name((enum outcome_words)number);
	if (strcmp(key, "state") == 0)
		return recipient_state_name((enum recipient_state)number);
	return NULL;
}

static bool is_time(const char *key)
{
	static const struct str ends[] = {STR_INIT("at"), STR_INIT("since"), STR_INIT("until")};
	struct str name = str_from(key);
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		if (str_equals(name, ends[i]))
			return true;
		if (str_ends_with(name, ends[i]) && name.ptr[name.len - ends[i].len - 1] == '_')
			return true;
	}
	return false;
}

static json_t *published(const char *key, const json_t *value)
{
	json_int_t number = json_integer_value(value);
	const char *name = name_of(key, number);
	if (name != NULL)
		return json_string(name);
	if (!is_time(key))
		return NULL;
	if (number == 0)
		return json_null();
	struct buf text;
	buf_init(&text, 64);
	format_iso(number, &text);
	json_t *time = json_string(text.data);
	buf_done(&text);
	return time;
}

static json_t *named_classes(json_t *by_number)
{
	json_t *by_name = json_object();
	const char *key;
	json_t *value;
	json_object_foreach(by_number, key, value)
	{
		uint64_t number = 0;
		must(str_to_u64(str_from(key), &number) == 0);
		json_object_set(by_name, class_name((json_int_t)number), value);
	}
	return by_name;
}

static void publish_member(json_t *object, void *at)
{
	const char *key = json_object_iter_key(at);
	json_t *value = json_object_iter_value(at);
	json_t *better = NULL;
	if (json_is_integer(value))
		better = published(key, value);
	else if (strcmp(key, "by_class") == 0)
		better = named_classes(value);
	else
		document_publish(value);
	if (better != NULL)
		json_object_iter_set_new(object, at, better);
}

void document_publish(json_t *document)
{
	size_t i;
	json_t *item;
	json_array_foreach(document, i, item) document_publish(item);
	for (void *at = json_object_iter(document); at != NULL;
	     at = json_object_iter_next(document, at))
		publish_member(document, at);
}

/* ------------------------------------------------------------------------------------- meaning */

struct rule_set *document_rules(struct pg_blocking *db, struct err *err)
{
	json_t *file = document_load(db, "report/rules", NULL, err);
	if (file == NULL)
		return NULL;
	char *text = NULL;
	if (json_array_size(json_object_get(file, "rules")) > 0)
		text = json_dumps(file, JSON_COMPACT);
	struct rule_set *set = rule_set_load_sound(str_from(text), err);
	free(text);
	json_decref(file);
	return set;
}

/* "5.1.1"; empty for none. */
static void publish_enhanced(json_t *entry)
{
	struct buf text;
	buf_init(&text, 32);
	format_reply(0, (int32_t)document_int(entry, "enhanced"), STR(""), &text);
	document_set_text(entry, "enhanced", buf_str(&text));
	buf_done(&text);
}

void document_explain(json_t *entry, const struct rule_set *rules, enum language language)
{
	struct buf text, reply;
	enum outcome_cause cause = (enum outcome_cause)document_int(entry, "cause");
	const struct rule *rule = rule_set_find(rules, str_from(document_text(entry, "rule")));
	buf_init(&text, REPLY_MAX);
	buf_init(&reply, REPLY_MAX);
	template_restore(str_from(document_text(entry, "template")),
			 str_from(document_text(entry, "vars")), &text);
	format_reply((int)document_int(entry, "code"), (int32_t)document_int(entry, "enhanced"),
		     buf_str(&text), &reply);
	document_set_text(entry, "reply", buf_str(&reply));
	const char *meaning = words_cause_meaning(cause, language);
	if (rule != NULL)
		meaning = language == LANGUAGE_ZH ? rule->zh : rule->en;
	document_set_text(entry, "meaning", str_from(meaning));
	publish_enhanced(entry);
	json_object_del(entry, "template");
	json_object_del(entry, "vars");
	buf_done(&reply);
	buf_done(&text);
}
