/* SPDX-License-Identifier: MIT */
/*
 * Importing a file into a list.
 *
 * The good rows stream into a staging table, then one transaction makes them members: all of them
 * or none, whatever is killed when. Importing the same file again changes nothing. One import runs
 * at a time in a database; another waits for it.
 *
 * An address already in the list is updated by the mode: merge adds the file's values to what is
 * there, replace also drops attributes the file has no column for, keep leaves the member as it
 * was. An empty cell never overwrites. Whoever unsubscribed, complained or was erased stays out.
 * Of rows with the same address the last one counts (with keep, the first).
 *
 *	reading_open(&reading, …)  → show reading_preview, ask
 *	import_run(db, reading, …) → print the result
 *	reading_close(reading)
 *
 * Blocking; for the command line.
 */
#ifndef EDM_LISTS_IMPORT_H
#define EDM_LISTS_IMPORT_H

#include "lists/lists.h"
#include "lists/reading.h"

/* X(enumerator suffix, name for --update, number in table import) */
#define IMPORT_MODES(X)                                                                            \
	X(MERGE, "merge", 1)                                                                       \
	X(REPLACE, "replace", 2)                                                                   \
	X(KEEP, "keep", 3)

enum import_mode {
#define X(suffix, name, number) IMPORT_##suffix = number,
	IMPORT_MODES(X)
#undef X
};

/* Reading: done of total bytes. Waiting (for another import) and merging: done = total = 0. */
enum import_phase {
	IMPORT_WAITING,
	IMPORT_READING,
	IMPORT_MERGING,
};

typedef void (*import_on_progress)(void *ctx, enum import_phase phase, uint64_t done,
				   uint64_t total);

struct import_request {
	const char *list; /* made if it is not there */
	const char *file; /* its name, for the record */
	enum import_mode mode;
	const char *consent; /* where consent comes from, kept with the members; or NULL */
	bool is_dry_run;     /* everything but the commit: exact counts, nothing changed */
	struct lists_actor actor;
	import_on_progress on_progress; /* or NULL */
	void *ctx;
};

/* rows = added + updated + unchanged + duplicates + refused + kept_out. */
struct import_result {
	int32_t import_id; /* for undo; 0 after a dry run */
	bool list_made;
	uint64_t rows;
	uint64_t added;
	uint64_t updated;
	uint64_t unchanged;
	uint64_t duplicates; /* the address stood in another row, whose filled cells counted */
	uint64_t refused;    /* in the refused file, with reasons */
	uint64_t kept_out;   /* unsubscribed, complained or erased */
	uint64_t suppressed; /* of the members: suppressed for another cause, get nothing now */
};

/* The mode called name, or -1. */
int import_mode_parse(struct str name, enum import_mode *out) NODISCARD;

/* Imports what reading holds. The refused file is written in a dry run too. On failure the list is
 * as it was. */
int import_run(struct pg_blocking *db, struct reading *reading,
	       const struct import_request *request, struct import_result *result,
	       struct err *err) NODISCARD;

struct import_undone {
	uint64_t removed;   /* members it had added */
	uint64_t restored;  /* members that are as they were before it */
	uint64_t later;	    /* left alone: a later import changed them; undo that one first */
	uint64_t left_list; /* left alone: they unsubscribed or complained since */
};

/* Whether it could be taken back: the errors of import_undo, before anybody is asked. */
int import_check_undo(struct pg_blocking *db, int32_t import_id, struct err *err) NODISCARD;
/* Takes import import_id back. NOT_FOUND; REFUSED when it was undone before or is one of
 * suppressions (suppression_remove takes those back). */
int import_undo(struct pg_blocking *db, int32_t import_id, const struct lists_actor *actor,
		struct import_undone *undone, struct err *err) NODISCARD;

#endif
