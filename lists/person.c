/* SPDX-License-Identifier: MIT */
/* Rows into people; see person.h. */
#include "lists/person.h"

#include <string.h>

#include "engine/base/utf8.h"

void person_init(struct person *p)
{
	*p = (struct person){0};
	buf_init(&p->attributes, PERSON_ATTRIBUTES_MAX);
}

void person_done(struct person *p)
{
	buf_done(&p->attributes);
}

int64_t person_rid(const struct address *a, const struct hash_key *key)
{
	return (int64_t)hash_keyed(key, address_key(a));
}

static void append_attribute(struct person *p, struct str name, struct str value)
{
	if (p->attributes.len > 1)
		buf_append_char(&p->attributes, ',');
	buf_append_json(&p->attributes, name);
	buf_append_char(&p->attributes, ':');
	buf_append_json(&p->attributes, value);
}

/* Cells beyond the columns do no harm while they are empty (trailing delimiters). */
static bool has_extra_cells(const struct csv_row *row, const struct mapping *m)
{
	for (size_t i = m->count; i < row->count; i++)
		if (i >= CSV_CELLS_MAX || !str_is_empty(row->cells[i]))
			return true;
	return false;
}

static enum person_reason check_text(const struct csv_row *row)
{
	for (size_t i = 0; i < row->count && i < CSV_CELLS_MAX; i++) {
		struct str cell = row->cells[i];
		if (cell.len > 0 && memchr(cell.ptr, '\0', cell.len) != NULL)
			return PERSON_NUL;
		if (str_find(cell, STR(UTF8_REPLACEMENT)) >= 0)
			return PERSON_ENCODING;
	}
	return PERSON_OK;
}

static void parse_attributes(struct person *p, const struct csv_row *row, const struct mapping *m)
{
	buf_clear(&p->attributes);
	buf_append_char(&p->attributes, '{');
	for (size_t i = 0; i < m->count && i < row->count; i++) {
		struct str value = mapping_clean_cell(row->cells[i]);
		if (m->columns[i].role == COLUMN_ATTRIBUTE && !str_is_empty(value))
			append_attribute(p, m->columns[i].name, value);
	}
	buf_append_char(&p->attributes, '}');
}

bool person_parse(struct person *p, const struct csv_row *row, const struct mapping *m,
		  const struct hash_key *key)
{
	struct str cell = m->email < row->count ? row->cells[m->email] : STR("");
	p->address_reason = ADDRESS_OK;
	p->reason = check_text(row);
	if (p->reason == PERSON_OK)
		p->address_reason = address_parse(mapping_clean_cell(cell), &p->address);
	if (p->address_reason != ADDRESS_OK)
		p->reason = PERSON_ADDRESS;
	else if (p->reason == PERSON_OK && has_extra_cells(row, m))
		p->reason = PERSON_CELLS;
	if (p->reason != PERSON_OK)
		return false;
	parse_attributes(p, row, m);
	if (p->attributes.is_truncated)
		p->reason = PERSON_TOO_BIG;
	p->rid = person_rid(&p->address, key);
	return p->reason == PERSON_OK;
}

const char *person_reason_name(const struct person *p)
{
	static const char *const names[] = {
#define X(suffix, name, sentence) name,
		PERSON_REASONS(X)
#undef X
	};
	must((size_t)p->reason < ARRAY_LEN(names));
	return p->reason == PERSON_ADDRESS ? address_reason_name(p->address_reason)
					   : names[p->reason];
}

const char *person_reason_sentence(const struct person *p)
{
	static const char *const sentences[] = {
#define X(suffix, name, sentence) sentence,
		PERSON_REASONS(X)
#undef X
	};
	must((size_t)p->reason < ARRAY_LEN(sentences));
	return p->reason == PERSON_ADDRESS ? address_reason_sentence(p->address_reason)
					   : sentences[p->reason];
}
