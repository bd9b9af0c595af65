/* SPDX-License-Identifier: MIT */
/*
 * The files of schemas/ and of the manual, embedded in the program at build time. Names are paths
 * from the repository root ("schemas/queries/ledger/claim.sql"). Immutable; any thread.
 */
#ifndef EDM_SCHEMAS_EMBEDDED_H
#define EDM_SCHEMAS_EMBEDDED_H

#include <stddef.h>

struct embedded_file {
	const char *name;
	const char *data; /* NUL-terminated after size */
	size_t size;	  /* bytes, without the NUL */
};

/* All files, sorted by name. */
const struct embedded_file *embedded_files(size_t *count_out);
/* The file called name, or NULL. */
const struct embedded_file *embedded_find(const char *name);

#endif
