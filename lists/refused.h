/* SPDX-License-Identifier: MIT */
/*
 * The file of refused rows: what an import left out, each row as it was, behind the line it stood
 * on and the reason. It is UTF-8 with a byte order mark, so that Excel and WPS open it, and can be
 * mended and imported as it is: the two added columns are then left out by themselves. It appears
 * under its name only when it is complete. Cells are given back unchanged, also those a
 * spreadsheet would take for a formula: they come from the user's own file. A file that is there
 * already, perhaps mended by hand, is never overwritten, unless it is the same: then a number comes
 * into the name ("may.refused.2.csv"). Blocking.
 */
#ifndef EDM_LISTS_REFUSED_H
#define EDM_LISTS_REFUSED_H

#include <stdio.h>

#include "lists/mapping.h"

struct refused {
	char *path;	 /* where it is, once committed */
	char *kept_path; /* a different file of the wanted name; NULL = none was there */
	char *part_path; /* where it is written until it is complete */
	FILE *file;	 /* NULL until the first row */
	uint64_t count;
};

/* Nothing is made before the first row. */
void refused_init(struct refused *r, const char *path);
/* m names the columns. */
int refused_write(struct refused *r, const struct mapping *m, const struct csv_row *row,
		  const char *reason, struct err *err) NODISCARD;
/* Puts the file in its place, if there is one; path and kept_path tell which. */
int refused_commit(struct refused *r, struct err *err) NODISCARD;
/* Also removes what was not committed. */
void refused_done(struct refused *r);

#endif
