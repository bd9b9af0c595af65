/* SPDX-License-Identifier: MIT */
/* Operators' reply rules; see own_rules.h. */
#include "scheduler/setup/own_rules.h"

#include <stdlib.h>
#include <string.h>

#include "scheduler/setup/reply_rules.h"
#include "schemas/embedded.h"

static struct str text_of(const json_t *object, const char *key)
{
	return str_from(json_string_value(json_object_get(object, key)));
}

static void add_change(struct pg_params *p, const struct change *change, struct str third)
{
	pg_params_init(p);
	pg_add_text(p, change->actor);
	pg_add_text(p, change->because);
	pg_add_text(p, third);
}

/* How many rows the statement changed, -1 and err. */
static int run_count(struct pg_blocking *db, const char *statement, const struct change *change,
		     struct str id, struct err *err)
{
	struct pg_params p;
	struct pg_rows *rows = NULL;
	add_change(&p, change, id);
	int result = pg_run(db, statement, &p, &rows, err);
	int count = pg_rows_count(rows);
	pg_params_done(&p);
	pg_rows_free(rows);
	return result == 0 ? count : -1;
}

/* A built-in rule as it was shipped, the caller's to decref; NULL if there is none of that id. */
static json_t *built_in(struct str id)
{
	size_t count, i;
	json_t *rule, *found = NULL;
	const struct embedded_file *files = embedded_files(&count);
	for (size_t at = 0; at < count && found == NULL; at++) {
		if (!str_starts_with(str_from(files[at].name), STR("schemas/rules/")))
			continue;
		json_t *file = json_loadb(files[at].data, files[at].size, 0, NULL);
		json_array_foreach(json_object_get(file, "rules"), i, rule)
		{
			if (str_equals(text_of(rule, "id"), id))
				found = json_incref(rule);
		}
		json_decref(file);
	}
	return found;
}

static bool is_built_in(struct str id)
{
	json_t *rule = built_in(id);
	json_decref(rule);
	return rule != NULL;
}

/* ------------------------------------------------------------------------------------------- add
 */

struct addition {
	struct pg_blocking *db;
	const char *name;    /* of their file */
	const json_t *rules; /* those to be added */
	const struct change *change;
	struct own_rules_added *out;
};

static void lay_over(json_t *rules, json_t *rule)
{
	size_t i;
	json_t *old;
	json_array_foreach(rules, i, old)
	{
		if (json_equal(json_object_get(old, "id"), json_object_get(rule, "id"))) {
			json_array_set(rules, i, rule);
			return;
		}
	}
	json_array_append(rules, rule);
}

static bool is_left_out(const struct rule_set *set, const char *id)
{
	const struct rule_left_out *rule = rule_set_left_out(set);
	while (rule != NULL && strcmp(rule->id, id) != 0)
		rule = rule->next;
	return rule != NULL;
}

static bool is_given(const struct addition *a, const char *id)
{
	size_t i;
	json_t *rule;
	json_array_foreach(a->rules, i, rule)
	{
		if (str_equals(text_of(rule, "id"), str_from(id)))
			return true;
	}
	return false;
}

/* What was unsound before keeps nobody from adding others. */
static int compare_left_out(const struct addition *a, const struct rule_set *before,
			    const struct rule_set *after, struct err *err)
{
	const struct rule_left_out *rule = rule_set_left_out(after);
	for (; rule != NULL; rule = rule->next)
		if (is_given(a, rule->id) || !is_left_out(before, rule->id))
			return err_set(err, ERR_CONFIG, "%s: rule %s: %s", a->name, rule->id,
				       rule->why);
	return 0;
}

/* Would all own rules stand the lint with the new ones over them? */
static int check_all(const struct addition *a, struct str present, struct err *err)
{
	size_t i;
	json_t *rule;
	json_t *all = json_loadb(present.ptr ? present.ptr : "", present.len, 0, NULL);
	if (all == NULL)
		all = json_pack("{s:[]}", "rules");
	json_array_foreach(a->rules, i, rule) lay_over(json_object_get(all, "rules"), rule);
	json_object_del(all, "without");
	char *text = json_dumps(all, JSON_COMPACT);
	struct rule_set *before = rule_set_load_sound(present, err);
	struct rule_set *after = before ? rule_set_load_sound(str_from(text), err) : NULL;
	int result = after ? compare_left_out(a, before, after, err) : -1;
	rule_set_free(before);
	rule_set_free(after);
	free(text);
	json_decref(all);
	return result;
}

static int write_all(const struct addition *a, struct err *err)
{
	struct pg_params p;
	struct pg_rows *rows = NULL;
	char *text = json_dumps(a->rules, JSON_COMPACT);
	add_change(&p, a->change, str_from(text));
	int result = pg_run(a->db, "setup/add_reply_rules", &p, &rows, err);
	if (result == 0)
		*a->out = (struct own_rules_added){pg_int(rows, 0, 0), pg_int(rows, 0, 1)};
	pg_rows_free(rows);
	pg_params_done(&p);
	free(text);
	return result;
}

static int add(void *owner, struct err *err)
{
	struct addition *a = owner;
	struct pg_rows *rows = NULL;
	if (pg_run(a->db, "setup/lock_reply_rules", NULL, NULL, err) != 0 ||
	    pg_run(a->db, "node/reply_rules", NULL, &rows, err) != 0)
		return -1;
	int result = check_all(a, pg_text(rows, 0, 0), err);
	pg_rows_free(rows);
	return result == 0 ? write_all(a, err) : -1;
}

int own_rules_add(struct pg_blocking *db, const struct rule_file *file, const struct change *change,
		  struct own_rules_added *out, struct err *err)
{
	struct rule_set *alone = rule_set_try(file, err);
	if (alone == NULL)
		return -1;
	rule_set_free(alone);
	json_t *json = json_loadb(file->json.ptr, file->json.len, 0, NULL);
	struct addition a = {db, file->name, json_object_get(json, "rules"), change, out};
	int result;
	if (json_object_get(json, "without") != NULL)
		result = err_set(err, ERR_INPUT,
				 "\"without\" cannot be added: edm rules remove ID switches a "
				 "built-in rule off");
	else if (json_array_size(a.rules) == 0)
		result = err_set(err, ERR_INPUT, "there is no rule to add");
	else
		result = pg_transaction(db, add, &a, err);
	json_decref(json);
	return result;
}

/* ------------------------------------------------------------------------------- remove, restore
 */

int own_rules_remove(struct pg_blocking *db, struct str id, const struct change *change,
		     enum own_rule_removed *out, struct err *err)
{
	int count = run_count(db, "setup/remove_reply_rule", change, id, err);
	bool is_shipped = is_built_in(id);
	*out = is_shipped ? OWN_RULE_UNCOVERED : OWN_RULE_REMOVED;
	if (count != 0)
		return count < 0 ? -1 : 0;
	if (!is_shipped)
		return err_set(err, ERR_NOT_FOUND,
			       "there is no rule '%.*s'; edm rules list lists them", STR_ARG(id));
	*out = OWN_RULE_OFF;
	count = run_count(db, "setup/disable_reply_rule", change, id, err);
	if (count == 0)
		return err_set(err, ERR_REFUSED,
			       "rule %.*s is switched off already; edm rules restore %.*s switches "
			       "it on",
			       STR_ARG(id), STR_ARG(id));
	return count < 0 ? -1 : 0;
}

int own_rules_restore(struct pg_blocking *db, struct str id, const struct change *change,
		      struct err *err)
{
	if (!is_built_in(id))
		return err_set(err, ERR_NOT_FOUND, "there is no built-in rule '%.*s'", STR_ARG(id));
	int count = run_count(db, "setup/restore_reply_rule", change, id, err);
	if (count == 0)
		return err_set(err, ERR_REFUSED, "rule %.*s is in force as it was shipped",
			       STR_ARG(id));
	return count < 0 ? -1 : 0;
}

/* ------------------------------------------------------------------------------------------ diff
 */

/* The fields of which a and b differ, once each. */
static json_t *differences(json_t *a, json_t *b)
{
	json_t *names = json_array();
	const char *key;
	json_t *value;
	json_object_foreach(a, key, value)
	{
		if (!json_equal(value, json_object_get(b, key)))
			json_array_append_new(names, json_string(key));
	}
	json_object_foreach(b, key, value)
	{
		if (json_object_get(a, key) == NULL)
			json_array_append_new(names, json_string(key));
	}
	return names;
}

static json_t *diff_of(struct pg_rows *rows, int at)
{
	struct str id = pg_text(rows, at, 0), body = pg_text(rows, at, 1);
	json_t *mine = json_loadb(body.ptr, body.len, 0, NULL);
	json_t *shipped = built_in(id);
	bool is_off = pg_bool(rows, at, 2);
	const char *change = is_off ? "off" : shipped != NULL ? "replaced" : "added";
	json_t *fields = !is_off && shipped != NULL ? differences(mine, shipped) : json_array();
	json_t *diff =
		json_pack("{s:s%, s:s, s:o, s:[], s:s%, s:s%, s:I}", "id", id.ptr, id.len, "change",
			  change, "fields", fields, "takes", "by", pg_text(rows, at, 3).ptr,
			  pg_text(rows, at, 3).len, "because", pg_text(rows, at, 4).ptr,
			  pg_text(rows, at, 4).len, "at_us", (json_int_t)pg_int(rows, at, 5));
	json_decref(mine);
	json_decref(shipped);
	return diff;
}

/* The element of list whose member key is text, or NULL. */
static json_t *find(const json_t *list, const char *key, const char *text)
{
	size_t i;
	json_t *entry;
	json_array_foreach(list, i, entry)
	{
		if (str_equals(text_of(entry, key), str_from(text)))
			return entry;
	}
	return NULL;
}

static void note_taken(void *owner, const struct rule_overlap *o)
{
	if (!o->winner->is_override || o->other->is_override)
		return;
	json_t *takes = json_object_get(find(owner, "id", o->winner->id), "takes");
	json_t *taken = find(takes, "rule", o->other->id);
	if (taken == NULL) {
		taken = json_pack("{s:s, s:i, s:s%}", "rule", o->other->id, "samples", 0, "sample",
				  o->sample.ptr, o->sample.len);
		json_array_append_new(takes, taken);
	}
	json_object_set_new(
		taken, "samples",
		json_integer(json_integer_value(json_object_get(taken, "samples")) + 1));
}

json_t *own_rules_diff(struct pg_blocking *db, struct err *err)
{
	struct pg_rows *rows = NULL;
	struct rule_set *set = reply_rules_load(db, err);
	if (set == NULL)
		return NULL;
	if (pg_run(db, "setup/own_rules", NULL, &rows, err) != 0) {
		rule_set_free(set);
		return NULL;
	}
	json_t *list = json_array();
	for (int i = 0; i < pg_rows_count(rows); i++)
		json_array_append_new(list, diff_of(rows, i));
	if (json_array_size(list) > 0)
		rule_set_overlaps(set, true, note_taken, list);
	pg_rows_free(rows);
	rule_set_free(set);
	return json_pack("{s:o}", "rules", list);
}
