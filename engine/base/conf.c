/* SPDX-License-Identifier: MIT */
/* Keys, values and where they come from; see conf.h. */
#include "engine/base/conf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/arena.h"

struct value {
	int64_t number;
	struct str text;   /* in the arena */
	const char *place; /* in the arena, or "default" */
	enum conf_origin origin;
};

struct conf {
	const struct conf_key *keys;
	size_t count;
	struct value *values;
	struct arena arena; /* of texts and places */
	int refs;	    /* atomic */
};

struct unit {
	const char *name;
	int64_t factor;
};

static const struct unit duration_units[] = {
	{"", 1},	 {"ms", 1},	   {"s", 1000}, {"min", 60 * 1000}, {"h", 3600 * 1000},
	{"d", 86400000}, {"m", 60 * 1000},
};
static const struct unit size_units[] = {
	{"", 1},	  {"K", 1 << 10},   {"M", 1 << 20},   {"G", 1 << 30},
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30},
};

static int parse_with_unit(struct str s, const struct unit *units, size_t count, int64_t *out)
{
	size_t digits = 0;
	int64_t number;
	while (digits < s.len && ascii_is_digit(s.ptr[digits]))
		digits++;
	struct str unit = str_trim(str_slice(s, digits, s.len));
	if (str_to_i64(str_slice(s, 0, digits), &number) != 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (!str_equals(unit, str_from(units[i].name)))
			continue;
		return __builtin_mul_overflow(number, units[i].factor, out) ? -1 : 0;
	}
	return -1;
}

int conf_duration_parse(struct str s, int64_t *ms_out)
{
	int64_t ms;
	if (parse_with_unit(s, duration_units, ARRAY_LEN(duration_units), &ms) != 0)
		return -1;
	*ms_out = ms;
	return 0;
}

int conf_size_parse(struct str s, int64_t *bytes_out)
{
	int64_t bytes;
	if (parse_with_unit(s, size_units, ARRAY_LEN(size_units), &bytes) != 0)
		return -1;
	*bytes_out = bytes;
	return 0;
}

static int parse_bool(struct str s, int64_t *out)
{
	static const char *const words[] = {"off", "on", "false", "true", "no", "yes"};
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (str_equals(s, str_from(words[i]))) {
			*out = (int64_t)(i % 2);
			return 0;
		}
	}
	return -1;
}

static int parse_choice(struct str s, const char *choices, int64_t *out)
{
	struct str rest = str_from(choices);
	for (int64_t i = 0; rest.len > 0; i++) {
		if (str_equals(s, str_take_until(&rest, '|'))) {
			*out = i;
			return 0;
		}
	}
	return -1;
}

/* The number of a value (of a STRING its length); -1 when it is not of the key's type. */
static int parse_value(const struct conf_key *key, struct str s, int64_t *out)
{
	switch (key->type) {
	case CONF_BOOL:
		return parse_bool(s, out);
	case CONF_INT:
		return str_to_i64(s, out);
	case CONF_DURATION:
		return conf_duration_parse(s, out);
	case CONF_SIZE:
		return conf_size_parse(s, out);
	case CONF_ENUM:
		return parse_choice(s, key->choices, out);
	case CONF_STRING:
		*out = (int64_t)s.len;
		return str_find_char(s, '\0') < 0 ? 0 : -1;
	}
	return -1;
}

static bool has_range(const struct conf_key *key)
{
	return key->type != CONF_BOOL && key->type != CONF_ENUM;
}

static void append_amount(struct buf *out, const struct conf_key *key, int64_t n)
{
	const struct unit *units = key->type == CONF_SIZE ? size_units : duration_units;
	size_t count = key->type == CONF_SIZE ? 4 : 6;
	size_t best = 0;
	if (key->type != CONF_SIZE && key->type != CONF_DURATION)
		count = 0;
	for (size_t i = 1; i < count && n != 0; i++) {
		if (n % units[i].factor == 0)
			best = i;
	}
	if (key->type == CONF_DURATION && best == 0)
		best = 1;
	buf_appendf(out, "%jd", (intmax_t)(n / units[best].factor));
	if (count > 0)
		buf_append_cstr(out, units[best].name);
}

static void append_choices(struct buf *out, const char *choices)
{
	struct str rest = str_from(choices);
	bool is_first = true;
	while (rest.len > 0) {
		struct str one = str_take_until(&rest, '|');
		if (!is_first)
			buf_append_cstr(out, rest.len > 0 ? ", " : " or ");
		buf_append_str(out, one);
		is_first = false;
	}
}

void conf_allowed(const struct conf_key *key, struct buf *out)
{
	switch (key->type) {
	case CONF_BOOL:
		buf_append_cstr(out, "on or off");
		return;
	case CONF_ENUM:
		append_choices(out, key->choices);
		return;
	case CONF_STRING:
		buf_appendf(out, "text of %jd to %jd bytes", (intmax_t)key->min,
			    (intmax_t)key->max);
		return;
	case CONF_INT:
	case CONF_DURATION:
	case CONF_SIZE:
		append_amount(out, key, key->min);
		buf_append_cstr(out, " to ");
		append_amount(out, key, key->max);
		return;
	}
}

static int refuse_value(const struct conf_key *key, const char *place, struct str value,
			struct err *err)
{
	struct buf allowed;
	buf_init(&allowed, 256);
	conf_allowed(key, &allowed);
	err_set(err, ERR_CONFIG, "%s: %s = %.*s is not allowed; it may be %.*s", place, key->name,
		STR_ARG(value), STR_ARG(buf_str(&allowed)));
	buf_done(&allowed);
	return -1;
}

static int check_value(const struct conf_key *key, const char *place, struct str value,
		       int64_t *number, struct err *err)
{
	if (parse_value(key, value, number) != 0)
		return refuse_value(key, place, value, err);
	if (has_range(key) && (*number < key->min || *number > key->max))
		return refuse_value(key, place, value, err);
	if (key->check != NULL && key->check(value, err) != 0)
		return err_prefix(err, "%s: %s = %.*s", place, key->name, STR_ARG(value));
	return 0;
}

struct conf *conf_new(const struct conf_key *keys, size_t count)
{
	struct conf *c = xcalloc(1, sizeof(*c));
	c->keys = keys;
	c->count = count;
	c->values = xcalloc(count, sizeof(*c->values));
	c->refs = 1;
	arena_init(&c->arena, 0);
	for (size_t i = 0; i < count; i++) {
		struct value *v = &c->values[i];
		v->text = str_from(keys[i].preset);
		v->place = "default";
		must(check_value(&keys[i], v->place, v->text, &v->number, NULL) == 0);
	}
	return c;
}

struct conf *conf_hold(struct conf *c)
{
	__atomic_add_fetch(&c->refs, 1, __ATOMIC_RELAXED);
	return c;
}

void conf_drop(struct conf *c)
{
	if (c == NULL || __atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	arena_done(&c->arena);
	free(c->values);
	free(c);
}

int conf_find(const struct conf *c, struct str name, size_t *key_out)
{
	for (size_t i = 0; i < c->count; i++) {
		if (str_equals(name, str_from(c->keys[i].name))) {
			*key_out = i;
			return 0;
		}
	}
	return -1;
}

int conf_set(struct conf *c, struct conf_source from, struct str name, struct str value,
	     struct err *err)
{
	size_t key;
	int64_t number;
	if (conf_find(c, name, &key) != 0)
		return err_set(err, ERR_CONFIG,
			       "%s: there is no key %.*s; `edm help settings` lists all",
			       from.place, STR_ARG(name));
	if (from.origin == CONF_ROW && c->keys[key].scope == CONF_NODE)
		return err_set(err, ERR_REFUSED,
			       "%s: %.*s belongs to each node: write it into its edm.conf",
			       from.place, STR_ARG(name));
	if (check_value(&c->keys[key], from.place, value, &number, err) != 0)
		return -1;
	struct value *v = &c->values[key];
	if (from.origin < v->origin)
		return 0;
	v->number = number;
	v->text = arena_str(&c->arena, value);
	v->place = arena_cstr(&c->arena, str_from(from.place));
	v->origin = from.origin;
	return 0;
}

int conf_set_argument(struct conf *c, const char *text, struct err *err)
{
	struct str value = str_from(text);
	if (str_find_char(value, '=') < 0)
		return err_set(err, ERR_USAGE, "--set %s: write key=value", text);
	struct str name = str_trim(str_take_until(&value, '='));
	struct conf_source from = {CONF_ARGUMENT, "--set"};
	if (conf_set(c, from, name, str_trim(value), err) == 0)
		return 0;
	if (err != NULL)
		err->kind = ERR_USAGE; /* it was typed just now */
	return -1;
}

static int set_line(struct conf *c, const char *place, struct str line, struct err *err)
{
	if (line.len == 0 || line.ptr[0] == '#')
		return 0;
	if (str_find_char(line, '=') < 0)
		return err_set(err, ERR_CONFIG, "%s: \"%.*s\" is not key = value", place,
			       STR_ARG(line));
	struct str name = str_trim(str_take_until(&line, '='));
	struct conf_source from = {CONF_FILE, place};
	return conf_set(c, from, name, str_trim(line), err);
}

int conf_set_text(struct conf *c, const char *name, struct str text, struct err *err)
{
	int rc = 0;
	struct buf place;
	buf_init(&place, 4096 + 32);
	for (unsigned number = 1; text.len > 0 && rc == 0; number++) {
		buf_clear(&place);
		buf_appendf(&place, "%s:%u", name, number);
		rc = set_line(c, place.is_truncated ? name : place.data,
			      str_trim(str_take_until(&text, '\n')), err);
	}
	buf_done(&place);
	return rc;
}

int conf_read_file(const char *path, struct buf *out, struct err *err)
{
	FILE *file = fopen(path, "re");
	if (file == NULL && errno == ENOENT)
		return err_set(err, ERR_NOT_FOUND, "%s: there is no such file", path);
	if (file == NULL)
		return err_errno(err, errno, "cannot read %s", path);
	char *text = xmalloc(CONF_FILE_MAX + 1);
	size_t len = fread(text, 1, CONF_FILE_MAX + 1, file);
	int rc = 0;
	if (ferror(file))
		rc = err_errno(err, errno, "cannot read %s", path);
	else if (len > CONF_FILE_MAX)
		rc = err_set(err, ERR_CONFIG, "%s: larger than 1 MiB", path);
	else
		buf_append(out, text, len);
	fclose(file);
	free(text);
	return rc;
}

size_t conf_count(const struct conf *c)
{
	return c->count;
}

const struct conf_key *conf_key(const struct conf *c, size_t key)
{
	must(key < c->count);
	return &c->keys[key];
}

int64_t conf_number(const struct conf *c, size_t key)
{
	must(key < c->count && c->keys[key].type != CONF_STRING);
	return c->values[key].number;
}

struct str conf_text(const struct conf *c, size_t key)
{
	must(key < c->count);
	return c->values[key].text;
}

const char *conf_place(const struct conf *c, size_t key)
{
	must(key < c->count);
	return c->values[key].place;
}

void conf_print(const struct conf *c, bool only_set, struct buf *out)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct value *v = &c->values[i];
		if (only_set && v->origin == CONF_DEFAULT)
			continue;
		buf_appendf(out, "%s = %.*s  # %s\n", c->keys[i].name, STR_ARG(v->text), v->place);
	}
}

const char *conf_keep(struct conf *c, const struct conf *old)
{
	const char *first = NULL;
	must(old->keys == c->keys);
	for (size_t i = 0; i < c->count; i++) {
		struct value *v = &c->values[i];
		const struct value *was = &old->values[i];
		bool is_same = c->keys[i].type == CONF_STRING ? str_equals(v->text, was->text)
							      : v->number == was->number;
		if (is_same || c->keys[i].is_reloadable)
			continue;
		*v = *was;
		v->text = arena_str(&c->arena, was->text);
		v->place = arena_cstr(&c->arena, str_from(was->place));
		first = first ? first : c->keys[i].name;
	}
	return first;
}
