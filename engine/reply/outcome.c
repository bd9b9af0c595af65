/* SPDX-License-Identifier: MIT */
/* Names of outcome enumerators, both ways; see outcome.h. */
#include "engine/reply/outcome.h"

struct named {
	unsigned number;
	const char *name;
};

#define X(suffix, number, name) {number, name},
static const struct named words_names[] = {OUTCOME_WORDS(X)};
static const struct named stage_names[] = {OUTCOME_STAGES(X)};
static const struct named class_names[] = {OUTCOME_CLASSES(X)};
static const struct named cause_names[] = {OUTCOME_CAUSES(X)};
static const struct named scope_names[] = {OUTCOME_SCOPES(X)};
#undef X
#define X(suffix, bit, name) {1u << bit, name},
static const struct named action_names[] = {OUTCOME_ACTIONS(X)};
#undef X

#define NAME_IN(table, number) name_in(table, ARRAY_LEN(table), (unsigned)(number))
#define NUMBER_IN(table, name, out) number_in(table, ARRAY_LEN(table), name, out)

static const char *name_in(const struct named *table, size_t count, unsigned number)
{
	for (size_t i = 0; i < count; i++)
		if (table[i].number == number)
			return table[i].name;
	return "?";
}

static int number_in(const struct named *table, size_t count, struct str name, unsigned *out)
{
	for (size_t i = 0; i < count; i++) {
		if (str_equals(name, str_from(table[i].name))) {
			*out = table[i].number;
			return 0;
		}
	}
	return -1;
}

#define DAY_MS INT64_C(86400000)
#define HOUR_MS INT64_C(3600000)
#define MINUTE_MS INT64_C(60000)

void verdict_end_of_day(struct verdict *io, int64_t wall_us)
{
	if (!io->until_day)
		return;
	int64_t of_day_ms = (wall_us / 1000 + io->day_zone * HOUR_MS) % DAY_MS;
	io->delay_ms = DAY_MS - of_day_ms + MINUTE_MS;
}

const char *outcome_words_name(enum outcome_words words)
{
	return NAME_IN(words_names, words);
}

const char *outcome_stage_name(enum outcome_stage stage)
{
	return NAME_IN(stage_names, stage);
}

const char *outcome_class_name(enum outcome_class klass)
{
	return NAME_IN(class_names, klass);
}

const char *outcome_cause_name(enum outcome_cause cause)
{
	return NAME_IN(cause_names, cause);
}

const char *outcome_scope_name(enum outcome_scope scope)
{
	return NAME_IN(scope_names, scope);
}

int outcome_stage_parse(struct str name, enum outcome_stage *out)
{
	unsigned number;
	if (NUMBER_IN(stage_names, name, &number) != 0)
		return -1;
	*out = (enum outcome_stage)number;
	return 0;
}

int outcome_class_parse(struct str name, enum outcome_class *out)
{
	unsigned number;
	if (NUMBER_IN(class_names, name, &number) != 0)
		return -1;
	*out = (enum outcome_class)number;
	return 0;
}

int outcome_cause_parse(struct str name, enum outcome_cause *out)
{
	unsigned number;
	if (NUMBER_IN(cause_names, name, &number) != 0)
		return -1;
	*out = (enum outcome_cause)number;
	return 0;
}

int outcome_scope_parse(struct str name, enum outcome_scope *out)
{
	unsigned number;
	if (NUMBER_IN(scope_names, name, &number) != 0)
		return -1;
	*out = (enum outcome_scope)number;
	return 0;
}

int outcome_action_parse(struct str name, unsigned *out)
{
	return NUMBER_IN(action_names, name, out);
}
