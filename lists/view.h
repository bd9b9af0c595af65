/* SPDX-License-Identifier: MIT */
/*
 * Seeing lists: what there is, what a list is made of, and its members as a file. Blocking; for the
 * command line.
 */
#ifndef EDM_LISTS_VIEW_H
#define EDM_LISTS_VIEW_H

#include <stdio.h>

#include "lists/lists.h"

struct view_list {
	int32_t list_id;
	struct str name;
	struct str description;
	struct str created_by;
	int64_t created_at_us;
	uint64_t subscribed;
	uint64_t unsubscribed;
	uint64_t complained;
	uint64_t imports; /* not undone */
};

struct view_domain {
	struct str name; /* A-labels */
	uint64_t members;
	struct str provider; /* empty = of the tail, or not known yet */
};

struct view_import {
	int32_t import_id;
	struct str file;
	struct str encoding;
	int mode; /* enum import_mode */
	uint64_t rows, added, updated, unchanged, duplicates, refused, kept_out;
	struct str imported_by;
	int64_t imported_at_us;
	int64_t undone_at_us; /* 0 = it stands */
};

struct view_attribute {
	struct str name;
	uint64_t members; /* that have it */
};

/* Each array is as long as its count; slices live until the view is done. */
struct view {
	struct view_list *lists;
	size_t list_count;
	/* of the one list asked for; else empty */
	struct view_domain *domains; /* the biggest, in that order */
	size_t domain_count;
	struct view_import *imports; /* the latest first */
	size_t import_count;
	struct view_attribute *attributes;
	size_t attribute_count;
	struct pg_rows *rows[4];
};

/* All lists, or with a name (NOT_FOUND) that one with domains, imports and attributes, at most
 * limit of each of the first two. End with view_done, also after a failure. */
int view_load(struct pg_blocking *db, const char *name, int limit, struct view *view,
	      struct err *err) NODISCARD;
void view_done(struct view *view);

/* Writes the members of a list to out as CSV (UTF-8 with a byte order mark, CR LF): email,
 * edm_status, edm_consent (which import leaves out), then every attribute. A cell that a
 * spreadsheet would take for a formula gets an apostrophe before it, which import takes off again.
 * *members_out: how many. */
int view_export(struct pg_blocking *db, const char *name, FILE *out, uint64_t *members_out,
		struct err *err) NODISCARD;

#endif
