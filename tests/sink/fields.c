/* SPDX-License-Identifier: MIT */
/* JSON objects into structs; see fields.h. */
#include "tests/sink/fields.h"

#include <string.h>

#include "engine/base/str.h"

static const struct field *find(struct field_table table, const char *name)
{
	for (size_t i = 0; i < table.count; i++)
		if (strcmp(table.fields[i].name, name) == 0)
			return &table.fields[i];
	return NULL;
}

int fields_load(struct field_table table, void *to, const json_t *object, struct arena *arena,
		struct err *err)
{
	if (!json_is_object(object))
		return err_set(err, ERR_CONFIG, "an object is wanted");
	void *it = json_object_iter((json_t *)object);
	for (; it != NULL; it = json_object_iter_next((json_t *)object, it)) {
		const char *name = json_object_iter_key(it);
		const struct field *field = find(table, name);
		if (field == NULL)
			return err_set(err, ERR_CONFIG, "unknown key \"%s\"", name);
		if (field->load((char *)to + field->offset, json_object_iter_value(it), arena,
				err) != 0)
			return err_prefix(err, "%s", name);
	}
	return 0;
}

int field_bool(void *to, const json_t *value, struct arena *arena, struct err *err)
{
	(void)arena;
	if (!json_is_boolean(value))
		return err_set(err, ERR_CONFIG, "true or false is wanted");
	*(bool *)to = json_is_true(value);
	return 0;
}

int field_int(void *to, const json_t *value, struct arena *arena, struct err *err)
{
	(void)arena;
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return err_set(err, ERR_CONFIG, "a whole number, not negative, is wanted");
	*(int64_t *)to = json_integer_value(value);
	return 0;
}

int field_real(void *to, const json_t *value, struct arena *arena, struct err *err)
{
	(void)arena;
	if (!json_is_number(value))
		return err_set(err, ERR_CONFIG, "a number is wanted");
	*(double *)to = json_number_value(value);
	return 0;
}

int field_text(void *to, const json_t *value, struct arena *arena, struct err *err)
{
	if (!json_is_string(value))
		return err_set(err, ERR_CONFIG, "a text is wanted");
	struct str text = str_of(json_string_value(value), json_string_length(value));
	*(struct str *)to = arena_str(arena, text);
	return 0;
}
