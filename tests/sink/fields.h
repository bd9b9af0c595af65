/* SPDX-License-Identifier: MIT */
/*
 * Fills structs from JSON objects by a table of fields, and refuses what the table does not name.
 */
#ifndef EDM_TESTS_SINK_FIELDS_H
#define EDM_TESTS_SINK_FIELDS_H

#include <jansson.h>

#include "engine/base/arena.h"
#include "engine/base/err.h"

/* Fills *to from value; texts are copied into arena. 0, or -1 and err. */
typedef int (*field_load)(void *to, const json_t *value, struct arena *arena, struct err *err);

struct field {
	const char *name;
	size_t offset; /* of the member in the struct being filled */
	field_load load;
};

struct field_table {
	const struct field *fields;
	size_t count;
};

#define FIELD(type, member, name, load)                                                            \
	{                                                                                          \
		name, offsetof(type, member), load                                                 \
	}
#define FIELD_TABLE(array) ((struct field_table){(array), ARRAY_LEN(array)})

/* Sets each member the object has a value for; the others keep what they hold. */
int fields_load(struct field_table table, void *to, const json_t *object, struct arena *arena,
		struct err *err) NODISCARD;

/* Loaders for bool, int64_t (not negative), double and struct str members. */
int field_bool(void *to, const json_t *value, struct arena *arena, struct err *err);
int field_int(void *to, const json_t *value, struct arena *arena, struct err *err);
int field_real(void *to, const json_t *value, struct arena *arena, struct err *err);
int field_text(void *to, const json_t *value, struct arena *arena, struct err *err);

#endif
