/* SPDX-License-Identifier: MIT */
/*
 * Which column of a file is what: the e-mail address, an attribute (and its name), or nothing.
 *
 * A first row without any address is the header. The address column is the one named so in Chinese
 * or English (邮箱, 电子邮件, E-mail, …), else the only one that holds addresses; of several, --map
 * must name one. The usual
 * headers get their usual names (姓名 → name, 名 → first_name, 手机 → phone, 公司 → company …),
 * any other becomes an attribute under its own name, cleaned until a template can write it:
 * letters, digits and _ (Chinese letters stay), lower case, no digit first; "E-Mail 2" is
 * e_mail_2. A column without a header is column_N. What `--map` says wins over all of this.
 *
 * Pure.
 */
#ifndef EDM_LISTS_MAPPING_H
#define EDM_LISTS_MAPPING_H

#include "engine/base/arena.h"
#include "engine/base/err.h"
#include "lists/csv.h"

#define MAPPING_NAME_MAX 60 /* bytes of an attribute's name */

enum column_role {
	COLUMN_IGNORED,
	COLUMN_EMAIL,
	COLUMN_ATTRIBUTE,
};

struct mapping_column {
	struct str header; /* as it stands in the file; "column 3" if it has none */
	struct str name;   /* of the attribute; "email" for the address; empty when ignored */
	enum column_role role;
};

struct mapping {
	struct mapping_column *columns;
	size_t count;
	size_t email; /* index of the address column */
	bool has_header;
};

/* `--map column=name`: column is a header (any case) or a number from 1; name is an attribute,
 * "email", or "-" to leave the column out. */
struct mapping_override {
	struct str column;
	struct str name;
};

/* What decides: the first rows of the file, the header among them if it has one. */
struct mapping_request {
	const struct csv_row *rows;
	size_t row_count;
	const struct mapping_override *overrides;
	size_t override_count;
};

/* Fills m; its memory is the arena's. Errors (INPUT): no row at all, too many columns, no address
 * column (the sentence lists the columns); (USAGE): an override names no column or no good name. */
int mapping_build(struct mapping *m, const struct mapping_request *request, struct arena *arena,
		  struct err *err) NODISCARD;
/* header as the name of an attribute, in the arena; may be empty. */
struct str mapping_clean_name(struct str header, struct arena *arena);
/* text without the blanks (wide ones too) and invisible characters at its ends, and without the
 * apostrophe that spreadsheets and our exports put before = + - @. */
struct str mapping_clean_cell(struct str text);

#endif
