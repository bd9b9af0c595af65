/* SPDX-License-Identifier: MIT */
/* Rule files (JSON) to a rule set; see rules.h. Called at start and at a reload, on any thread. */
#include "engine/reply/rules_private.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "schemas/embedded.h"

#define MATCH_LIMIT 20000u /* PCRE2's own measure of work; our patterns need some hundreds */
#define HEAP_LIMIT_KIB 256u
#define TEXT_PATTERN_MAX 4096u
#define DAY_MS INT64_C(86400000)
#define PROVIDERS_FILE "schemas/rules/providers.json"
#define RULES_FOLDER "schemas/rules/"

struct loader {
	struct rule_set *set;
	const struct rule_file *file;
	json_t *providers; /* the array of providers.json */
	struct rule *rule; /* being read */
	struct rule_pattern *pattern;
	bool has_persistence; /* the rule names one */
	bool leaves_out;      /* an override that is refused, instead of all */
	struct buf text;      /* scratch: its alternatives joined */
	struct says_reader says;
	bool has_shipped; /* files that are no overrides are those that were tested and shipped */
	struct err *err;
};

static struct str str_of_json(const json_t *value)
{
	return str_of(json_string_value(value), json_string_length(value));
}

/* Calls take for the string value or for each string of the list value. */
static int each_string(struct loader *l, const json_t *value,
		       int (*take)(struct loader *l, struct str s))
{
	if (json_is_string(value))
		return take(l, str_of_json(value));
	if (!json_is_array(value) || json_array_size(value) == 0)
		return err_set(l->err, ERR_CONFIG, "must be a string or a list of strings");
	for (size_t i = 0; i < json_array_size(value); i++) {
		const json_t *item = json_array_get(value, i);
		if (!json_is_string(item))
			return err_set(l->err, ERR_CONFIG, "item %zu is no string", i);
		if (take(l, str_of_json(item)) != 0)
			return -1;
	}
	return 0;
}

static int unknown_word(struct loader *l, struct str word)
{
	return err_set(l->err, ERR_CONFIG, "\"%.*s\" is unknown", STR_ARG(word));
}

static int too_many(struct loader *l)
{
	return err_set(l->err, ERR_CONFIG, "has too many items");
}

/* ---- one function a key ---- */

static int load_string(struct loader *l, const json_t *value, const char **out)
{
	if (!json_is_string(value) || json_string_length(value) == 0)
		return err_set(l->err, ERR_CONFIG, "must be a string that is not empty");
	*out = arena_cstr(&l->set->arena, str_of_json(value));
	return 0;
}

static int load_id(struct loader *l, const json_t *value)
{
	return load_string(l, value, &l->rule->id);
}

static int load_en(struct loader *l, const json_t *value)
{
	return load_string(l, value, &l->rule->en);
}

static int load_zh(struct loader *l, const json_t *value)
{
	return load_string(l, value, &l->rule->zh);
}

static int take_words(struct loader *l, struct str s)
{
	for (unsigned w = OUTCOME_WORDS_REMOTE; w <= OUTCOME_WORDS_LOCAL; w++) {
		if (str_equals(s, str_from(outcome_words_name((enum outcome_words)w)))) {
			l->pattern->words = 1u << w;
			return 0;
		}
	}
	return unknown_word(l, s);
}

static int load_words(struct loader *l, const json_t *value)
{
	if (!json_is_string(value))
		return err_set(l->err, ERR_CONFIG, "must be a string");
	return take_words(l, str_of_json(value));
}

static bool is_known_provider(const struct loader *l, struct str name)
{
	for (size_t i = 0; i < json_array_size(l->providers); i++) {
		const json_t *provider = json_array_get(l->providers, i);
		if (str_equals(str_of_json(json_object_get(provider, "name")), name))
			return true;
	}
	return l->file->is_override;
}

static int take_provider(struct loader *l, struct str s)
{
	if (!is_known_provider(l, s))
		return unknown_word(l, s);
	if (l->pattern->provider_count == RULE_LIST_MAX)
		return too_many(l);
	l->pattern->providers[l->pattern->provider_count++] = arena_str(&l->set->arena, s);
	return 0;
}

static int load_provider(struct loader *l, const json_t *value)
{
	return each_string(l, value, take_provider);
}

static int take_stage(struct loader *l, struct str s)
{
	enum outcome_stage stage;
	if (outcome_stage_parse(s, &stage) != 0)
		return unknown_word(l, s);
	l->pattern->stages |= 1u << stage;
	return 0;
}

static int load_stage(struct loader *l, const json_t *value)
{
	l->pattern->stages = 0;
	l->pattern->is_any_stage = false;
	return each_string(l, value, take_stage);
}

static int take_code(struct loader *l, struct str s)
{
	if (l->pattern->code_count == RULE_RANGES_MAX)
		return too_many(l);
	if (code_range_parse(s, &l->pattern->codes[l->pattern->code_count]) != 0)
		return unknown_word(l, s);
	l->pattern->code_count++;
	return 0;
}

static int load_code(struct loader *l, const json_t *value)
{
	return each_string(l, value, take_code);
}

static int take_enhanced(struct loader *l, struct str s)
{
	if (l->pattern->enhanced_count == RULE_RANGES_MAX)
		return too_many(l);
	if (enhanced_range_parse(s, &l->pattern->enhanced[l->pattern->enhanced_count]) != 0)
		return unknown_word(l, s);
	l->pattern->enhanced_count++;
	return 0;
}

static int load_enhanced(struct loader *l, const json_t *value)
{
	return each_string(l, value, take_enhanced);
}

/* Alternatives are joined as (?:a)|(?:b). */
static int take_alternative(struct loader *l, struct str s)
{
	buf_appendf(&l->text, "%s(?:%.*s)", l->text.len ? "|" : "", STR_ARG(s));
	if (l->text.is_truncated || s.len == 0)
		return err_set(l->err, ERR_CONFIG, "must have 1 to %u bytes of patterns",
			       TEXT_PATTERN_MAX);
	return 0;
}

static int load_text(struct loader *l, const json_t *value)
{
	buf_clear(&l->text);
	if (each_string(l, value, take_alternative) != 0)
		return -1;
	l->pattern->text = lazy_code_new(&l->set->arena, buf_str(&l->text));
	if (!l->says.is_shipped && lazy_code_compile(l->pattern->text, l->err) == NULL)
		return -1;
	return 0;
}

static int take_says(struct loader *l, struct str s)
{
	return says_add(&l->says, s, l->err);
}

static int load_items(struct loader *l, const json_t *value, struct says *says)
{
	l->says.says = says;
	buf_clear(&l->says.own);
	if (each_string(l, value, take_says) != 0)
		return -1;
	return says_join(&l->says, l->err);
}

static int load_says(struct loader *l, const json_t *value)
{
	return load_items(l, value, &l->pattern->says);
}

static int load_unless(struct loader *l, const json_t *value)
{
	return load_items(l, value, &l->pattern->unless);
}

static int load_class(struct loader *l, const json_t *value)
{
	struct str s = str_of_json(value);
	return outcome_class_parse(s, &l->rule->klass) == 0 ? 0 : unknown_word(l, s);
}

static int load_cause(struct loader *l, const json_t *value)
{
	struct str s = str_of_json(value);
	return outcome_cause_parse(s, &l->rule->cause) == 0 ? 0 : unknown_word(l, s);
}

static int load_scope(struct loader *l, const json_t *value)
{
	struct str s = str_of_json(value);
	return outcome_scope_parse(s, &l->rule->scope) == 0 ? 0 : unknown_word(l, s);
}

static int load_persistence(struct loader *l, const json_t *value)
{
	static const enum rule_persistence all[] = {PERSISTENCE_PERMANENT, PERSISTENCE_TEMPORARY,
						    PERSISTENCE_RATE_SIGNAL};
	l->has_persistence = true;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		l->rule->persistence = all[i];
		if (str_equals(str_of_json(value), str_from(rule_persistence_name(all[i]))))
			return 0;
	}
	return unknown_word(l, str_of_json(value));
}

static enum rule_persistence default_persistence(enum outcome_class klass)
{
	if (klass == OUTCOME_THROTTLED)
		return PERSISTENCE_RATE_SIGNAL;
	if (klass == OUTCOME_BOUNCED || klass == OUTCOME_REJECTED)
		return PERSISTENCE_PERMANENT;
	return PERSISTENCE_TEMPORARY;
}

static int take_action(struct loader *l, struct str s)
{
	unsigned bit;
	if (outcome_action_parse(s, &bit) != 0)
		return unknown_word(l, s);
	l->rule->actions |= bit;
	return 0;
}

static int load_actions(struct loader *l, const json_t *value)
{
	return each_string(l, value, take_action);
}

/* "day" ("+" / "-") 1*DIGIT, hours east of UTC */
static int load_day(struct loader *l, struct str s)
{
	uint64_t hours;
	char sign = s.len > 3 ? s.ptr[3] : 0;
	if ((sign != '+' && sign != '-') || str_to_u64(str_slice(s, 4, s.len), &hours) != 0 ||
	    hours > 14)
		return err_set(l->err, ERR_CONFIG, "must be like day+8");
	l->rule->until_day = true;
	l->rule->day_zone = (int8_t)(sign == '-' ? -(int)hours : (int)hours);
	l->rule->delay_ms = DAY_MS;
	return 0;
}

/* 1*DIGIT ("s" / "m" / "h" / "d"), or until the day is over */
static int load_delay(struct loader *l, const json_t *value)
{
	static const char units[] = "smhd";
	static const uint64_t unit_ms[] = {1000, 60000, 3600000, 86400000};
	struct str s = str_of_json(value);
	uint64_t number;
	if (str_starts_with(s, STR("day")))
		return load_day(l, s);
	ptrdiff_t unit = s.len > 1 ? str_find_char(STR(units), s.ptr[s.len - 1]) : -1;
	if (unit < 0 || str_to_u64(str_slice(s, 0, s.len - 1), &number) != 0 || number == 0 ||
	    number > 1000)
		return err_set(l->err, ERR_CONFIG, "must be like 90s, 15m, 4h, 1d or day+8");
	l->rule->delay_ms = (int64_t)(number * unit_ms[unit]);
	return 0;
}

static int take_sample(struct loader *l, struct str s)
{
	if (l->pattern->sample_count == RULE_LIST_MAX)
		return too_many(l);
	l->pattern->samples[l->pattern->sample_count++] = arena_str(&l->set->arena, s);
	return 0;
}

static int load_samples(struct loader *l, const json_t *value)
{
	return each_string(l, value, take_sample);
}

/* ---- a rule, a file, a set ---- */

static const struct rule_key {
	const char *name;
	int (*load)(struct loader *l, const json_t *value);
	bool is_required;
} keys[] = {
	{"id", load_id, true},
	{"words", load_words, false},
	{"provider", load_provider, false},
	{"stage", load_stage, false},
	{"code", load_code, false},
	{"enhanced", load_enhanced, false},
	{"text", load_text, false},
	{"says", load_says, false},
	{"unless", load_unless, false},
	{"class", load_class, true},
	{"cause", load_cause, true},
	{"scope", load_scope, true},
	{"persistence", load_persistence, false},
	{"actions", load_actions, false},
	{"delay", load_delay, false},
	{"en", load_en, true},
	{"zh", load_zh, true},
	{"samples", load_samples, true},
};

static bool is_key(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (strcmp(name, keys[i].name) == 0)
			return true;
	return false;
}

static int name_unknown(struct loader *l, const json_t *object)
{
	const char *name;
	const json_t *value;
	json_object_foreach((json_t *)object, name, value)
	{
		if (!is_key(name))
			return err_set(l->err, ERR_CONFIG, "has a key \"%s\" that no rule has",
				       name);
	}
	return 0;
}

static int load_keys(struct loader *l, const json_t *object)
{
	size_t used = 0;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const json_t *value = json_object_get(object, keys[i].name);
		used += value != NULL;
		if (value == NULL && keys[i].is_required)
			return err_set(l->err, ERR_CONFIG, "has no \"%s\"", keys[i].name);
		if (value != NULL && keys[i].load(l, value) != 0)
			return err_prefix(l->err, "\"%s\"", keys[i].name);
	}
	return used < json_object_size(object) ? name_unknown(l, object) : 0;
}

/* A rule is part of the set from the start, so that rule_set_free finds its pattern. */
static void begin_rule(struct loader *l)
{
	struct rule_set *set = l->set;
	l->rule = arena_alloc(&set->arena, sizeof(*l->rule));
	l->pattern = arena_alloc(&set->arena, sizeof(*l->pattern));
	*l->rule = (struct rule){.id = "(no id)",
				 .file = arena_cstr(&set->arena, str_from(l->file->name)),
				 .is_override = l->file->is_override,
				 .pattern = l->pattern};
	l->pattern->words = 1u << OUTCOME_WORDS_REMOTE;
	l->pattern->stages = ~0u;
	l->pattern->is_any_stage = true;
	l->has_persistence = false;
	if (set->count == set->room) {
		set->room = set->room ? set->room * 2 : 64;
		set->rules = xrealloc(set->rules, set->room * sizeof(*set->rules));
	}
	set->rules[set->count++] = l->rule;
}

/* An operator's rule has its id, or switches it off. */
static bool is_replaced(const struct rule_set *set, struct str id)
{
	for (size_t i = 0; i < set->without_count; i++)
		if (str_equals(set->without[i], id))
			return true;
	for (size_t i = 0; i + 1 < set->count; i++)
		if (set->rules[i]->is_override && str_equals(str_from(set->rules[i]->id), id))
			return true;
	return false;
}

/* Takes the rule that was begun last out again. */
static void drop_rule(struct loader *l)
{
	pattern_free(l->pattern);
	l->set->count--;
}

/* The same for an override that was refused; the set tells of it. */
static void leave_out(struct loader *l)
{
	struct rule_set *set = l->set;
	struct rule_left_out *out = arena_alloc(&set->arena, sizeof(*out));
	*out = (struct rule_left_out){.id = l->rule->id,
				      .why = arena_cstr(&set->arena, str_from(l->err->text))};
	if (set->left_out_last != NULL)
		set->left_out_last->next = out;
	else
		set->left_out = out;
	set->left_out_last = out;
	drop_rule(l);
	err_clear(l->err);
}

static int load_rule(struct loader *l, const json_t *object)
{
	begin_rule(l);
	if (!json_is_object(object))
		return err_set(l->err, ERR_CONFIG, "is no JSON object");
	if (load_keys(l, object) != 0)
		return -1;
	if (!l->has_persistence)
		l->rule->persistence = default_persistence(l->rule->klass);
	if (rule_lint(l->rule, l->err) != 0)
		return -1;
	/* Only overrides before it can win its samples, and those that are there stay. */
	if (l->leaves_out && l->rule->is_override &&
	    rule_lint_at(l->set, l->set->count - 1, l->err) != 0)
		return -1;
	if (!l->rule->is_override && is_replaced(l->set, str_from(l->rule->id)))
		drop_rule(l);
	return 0;
}

static int take_without(struct loader *l, struct str s)
{
	struct rule_set *set = l->set;
	if (!l->file->is_override)
		return err_set(l->err, ERR_CONFIG, "stands in an operator's file only");
	set->without[set->without_count++] = arena_str(&set->arena, s);
	return 0;
}

/* The ids of built-in rules that are switched off; those of none are left alone: an upgrade may
 * have dropped it. */
static int load_without(struct loader *l, const json_t *value)
{
	if (value == NULL || (json_is_array(value) && json_array_size(value) == 0))
		return 0;
	l->set->without_count = 0;
	l->set->without = arena_alloc(&l->set->arena,
				      (json_array_size(value) + 1) * sizeof(l->set->without[0]));
	if (each_string(l, value, take_without) != 0)
		return err_prefix(l->err, "%s: \"without\"", l->file->name);
	return 0;
}

static int check_members(struct loader *l, const json_t *root)
{
	const char *name;
	const json_t *value;
	if (!json_is_array(json_object_get(root, "rules")))
		return err_set(l->err, ERR_CONFIG,
			       "%s: must be {\"about\": TEXT, \"rules\": [RULE, ...]}",
			       l->file->name);
	json_object_foreach((json_t *)root, name, value)
	{
		if (strcmp(name, "about") != 0 && strcmp(name, "rules") != 0 &&
		    strcmp(name, "without") != 0)
			return err_set(l->err, ERR_CONFIG,
				       "%s: has a key \"%s\" that no rule file has: \"about\", "
				       "\"rules\"",
				       l->file->name, name);
	}
	return 0;
}

static int load_rules(struct loader *l, const json_t *root)
{
	const json_t *rules = json_object_get(root, "rules");
	const json_t *without = json_object_get(root, "without");
	if (check_members(l, root) != 0)
		return -1;
	if (load_without(l, without) != 0)
		return -1;
	for (size_t i = 0; i < json_array_size(rules); i++) {
		if (load_rule(l, json_array_get(rules, i)) == 0)
			continue;
		if (!l->leaves_out || !l->file->is_override)
			return err_prefix(l->err, "%s: rule %zu, %s", l->file->name, i + 1,
					  l->rule->id);
		leave_out(l);
	}
	return 0;
}

static json_t *parse_json(const char *name, struct str text, struct err *err)
{
	json_error_t where;
	json_t *root =
		json_loadb(text.ptr ? text.ptr : "", text.len, JSON_REJECT_DUPLICATES, &where);
	if (root == NULL)
		err_set(err, ERR_CONFIG, "%s: line %d: %s", name, where.line, where.text);
	return root;
}

static int load_file(struct loader *l, const struct rule_file *file)
{
	l->file = file;
	l->says.is_shipped = l->has_shipped && !file->is_override;
	json_t *root = parse_json(file->name, file->json, l->err);
	if (root == NULL)
		return -1;
	int rc = load_rules(l, root);
	json_decref(root);
	return rc;
}

static struct rule_set *new_set(void)
{
	struct rule_set *set = xcalloc(1, sizeof(*set));
	atomic_init(&set->owners, 1);
	arena_init(&set->arena, 64 << 10);
	set->limits = pcre2_match_context_create(NULL);
	must(set->limits != NULL);
	pcre2_set_match_limit(set->limits, MATCH_LIMIT);
	pcre2_set_depth_limit(set->limits, MATCH_LIMIT);
	pcre2_set_heap_limit(set->limits, HEAP_LIMIT_KIB);
	return set;
}

/* What is done about a rule that is wrong; what is shipped was tested. */
enum check {
	CHECK_ALL, /* refuse the set; nothing of it is shipped */
	CHECK_OWN, /* refuse the set for an override */
	LEAVE_OUT, /* refuse the override */
};

static int load_files(struct rule_set *set, const struct rule_file *files, size_t count,
		      enum check check, struct err *err)
{
	const struct embedded_file *profiles = embedded_find(PROVIDERS_FILE);
	struct loader l = {.set = set,
			   .says = {.set = set},
			   .has_shipped = check != CHECK_ALL,
			   .leaves_out = check == LEAVE_OUT,
			   .err = err};
	int rc = 0;
	must(profiles != NULL);
	json_t *root = parse_json(PROVIDERS_FILE, str_of(profiles->data, profiles->size), err);
	if (root == NULL)
		return -1;
	l.providers = json_object_get(root, "providers");
	buf_init(&l.text, TEXT_PATTERN_MAX);
	buf_init(&l.says.own, 2 * RULE_EXPANDED_MAX);
	rc = rule_words_load(set, err);
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = load_file(&l, &files[i]);
	buf_done(&l.text);
	buf_done(&l.says.own);
	json_decref(root);
	return rc;
}

static int check_read(const struct rule_set *set, enum check check, struct err *err)
{
	if (check == LEAVE_OUT)
		return 0;
	return check == CHECK_OWN ? rule_set_lint_overrides(set, err) : rule_set_lint(set, err);
}

static struct rule_set *read_files(const struct rule_file *files, size_t count, enum check check,
				   struct err *err)
{
	struct rule_set *set = new_set();
	if (load_files(set, files, count, check, err) == 0 && check_read(set, check, err) == 0)
		return set;
	rule_set_free(set);
	return NULL;
}

struct rule_set *rule_set_parse(const struct rule_file *files, size_t count, struct err *err)
{
	return read_files(files, count, CHECK_ALL, err);
}

static bool is_rule_file(const char *name)
{
	return str_starts_with(str_from(name), STR(RULES_FOLDER)) &&
	       strcmp(name, PROVIDERS_FILE) != 0 && strcmp(name, RULE_WORDS_FILE) != 0;
}

/* What is shipped, after overrides or, with NULL, alone. */
static struct rule_set *read_shipped(const struct rule_file *overrides, enum check check,
				     struct err *err)
{
	size_t embedded_count, count = 0;
	const struct embedded_file *embedded = embedded_files(&embedded_count);
	struct rule_file *files = xcalloc(embedded_count + 1, sizeof(*files));
	if (overrides != NULL)
		files[count++] = *overrides;
	for (size_t i = 0; i < embedded_count; i++) {
		const struct embedded_file *file = &embedded[i];
		if (is_rule_file(file->name))
			files[count++] = (struct rule_file){file->name,
							    str_of(file->data, file->size), false};
	}
	struct rule_set *set = read_files(files, count, check, err);
	free(files);
	return set;
}

struct rule_set *rule_set_try(const struct rule_file *overrides, struct err *err)
{
	return read_shipped(overrides, CHECK_OWN, err);
}

static struct rule_set *load(struct str overrides, enum check check, struct err *err)
{
	struct rule_file file = {"overrides", overrides, true};
	return read_shipped(str_is_empty(str_trim(overrides)) ? NULL : &file, check, err);
}

struct rule_set *rule_set_load(struct str overrides, struct err *err)
{
	return load(overrides, CHECK_OWN, err);
}

struct rule_set *rule_set_load_sound(struct str overrides, struct err *err)
{
	return load(overrides, LEAVE_OUT, err);
}
