/* SPDX-License-Identifier: MIT */
/*
 * A rule out of replies that differ only in what names one mail: its text is their template, with
 * anything where the parts stood. See own_rules.h.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "engine/reply/normalise.h"
#include "scheduler/setup/own_rules.h"

#define SAMPLES_MAX 5u
#define PATTERN_MAX 4096u
#define REPLY_MAX 16384u
/* Where a part stood. It may be cut into several when it is masked, so nothing is asked of it. */
#define ANYTHING ".*"

static size_t token_length(struct str s)
{
	size_t len = 1;
	while (len < s.len && s.ptr[len] >= 'a' && s.ptr[len] <= 'z')
		len++;
	return s.ptr[0] == '{' && len > 1 && len < s.len && s.ptr[len] == '}' ? len + 1 : 0;
}

static void pattern_of(struct str template, struct buf *out)
{
	buf_appendf(out, "^");
	for (size_t i = 0; i < template.len; i++) {
		size_t token = token_length(str_slice(template, i, template.len));
		if (token > 0) {
			buf_appendf(out, ANYTHING);
			i += token - 1;
			continue;
		}
		if (strchr("\\^$.[]|()?*+{}", template.ptr[i]) != NULL)
			buf_append(out, "\\", 1);
		buf_append(out, &template.ptr[i], 1);
	}
	buf_appendf(out, "$");
}

static void reply_of(const struct pg_rows *rows, int at, struct buf *out)
{
	int enhanced = pg_int32(rows, at, 2);
	buf_clear(out);
	buf_appendf(out, "%d ", pg_int32(rows, at, 1));
	if (enhanced != 0)
		buf_appendf(out, "%d.%d.%d ", enhanced / 1000000, enhanced / 1000 % 1000,
			    enhanced % 1000);
	template_restore(pg_text(rows, at, 0), pg_text(rows, at, 3), out);
}

static void append_once(json_t *list, json_t *value)
{
	size_t i;
	json_t *old;
	json_array_foreach(list, i, old)
	{
		if (json_equal(old, value)) {
			json_decref(value);
			return;
		}
	}
	json_array_append_new(list, value);
}

/* Codes and samples of the rows; the enhanced code, when it is the same everywhere. */
static void describe(const struct pg_rows *rows, json_t *rule)
{
	struct buf text;
	json_t *codes = json_array(), *samples = json_array();
	buf_init(&text, REPLY_MAX);
	for (int i = 0; i < pg_rows_count(rows); i++) {
		char code[16];
		snprintf(code, sizeof(code), "%d", pg_int32(rows, i, 1));
		reply_of(rows, i, &text);
		if (json_array_size(samples) < SAMPLES_MAX) {
			append_once(codes, json_string(code));
			append_once(samples, json_stringn(text.data, text.len));
		}
	}
	json_object_set_new(rule, "code", codes);
	json_object_set_new(rule, "samples", samples);
	buf_done(&text);
}

static json_t *string_of(struct str s)
{
	return json_stringn(s.ptr ? s.ptr : "", s.len);
}

static json_t *rule_of(const struct pg_rows *rows, const struct own_rule_lesson *m)
{
	struct buf pattern;
	json_t *rule = json_object();
	buf_init(&pattern, PATTERN_MAX);
	pattern_of(pg_text(rows, 0, 0), &pattern);
	json_object_set_new(rule, "id", string_of(m->id));
	if (!str_is_empty(m->provider))
		json_object_set_new(rule, "provider", string_of(m->provider));
	json_object_set_new(rule, "text", string_of(buf_str(&pattern)));
	describe(rows, rule);
	json_object_set_new(rule, "class", json_string(outcome_class_name(m->klass)));
	json_object_set_new(rule, "cause", json_string(outcome_cause_name(m->cause)));
	json_object_set_new(rule, "scope", json_string(outcome_scope_name(m->scope)));
	if (m->suppresses)
		json_object_set_new(rule, "actions", json_pack("[s]", "suppress"));
	if (!str_is_empty(m->delay))
		json_object_set_new(rule, "delay", string_of(m->delay));
	json_object_set_new(rule, "en", string_of(m->en));
	json_object_set_new(rule, "zh", string_of(m->zh));
	buf_done(&pattern);
	return rule;
}

int own_rules_learn(struct pg_blocking *db, const struct own_rule_lesson *lesson,
		    struct buf *json_out, struct err *err)
{
	struct pg_params p;
	struct pg_rows *rows = NULL;
	pg_params_init(&p);
	pg_add_int8(&p, lesson->cluster);
	pg_add_int8(&p, lesson->last_ms);
	int result = pg_run(db, "setup/reply_cluster", &p, &rows, err);
	pg_params_done(&p);
	if (result != 0)
		return -1;
	if (pg_rows_count(rows) == 0) {
		result = err_set(err, ERR_NOT_FOUND,
				 "no reply of that time is of cluster %016llx; edm report replies "
				 "--unmatched lists them",
				 (unsigned long long)lesson->cluster);
	} else {
		json_t *file = json_pack("{s:[o]}", "rules", rule_of(rows, lesson));
		char *text = json_dumps(file, JSON_COMPACT);
		buf_append_str(json_out, str_from(text));
		free(text);
		json_decref(file);
	}
	pg_rows_free(rows);
	return result;
}
