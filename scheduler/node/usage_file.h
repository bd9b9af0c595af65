/* SPDX-License-Identifier: MIT */
/*
 * Usage of limits that the database does not take, kept in the data directory: outcomes go on
 * without it, and the next process must find it all the same. Text, a line a row, replaced as a
 * whole, so it is never torn; as durable as a journal under journal.sync = process. One thread at a
 * time.
 */
#ifndef EDM_SCHEDULER_NODE_USAGE_FILE_H
#define EDM_SCHEDULER_NODE_USAGE_FILE_H

#include "engine/base/err.h"
#include "scheduler/ledger/flush.h"

struct usage_file; /* being written */

/* Begins a new file beside the one there is; NULL and err if it cannot be. */
struct usage_file *usage_file_new(const char *data_dir, struct err *err) NODISCARD;
void usage_file_add(struct usage_file *f, const struct usage *row);
/* Puts it in the place of the one there is, and frees it; -1: that one stands. */
int usage_file_commit(struct usage_file *f, struct err *err) NODISCARD;
/* Calls on_row for each row of the file, its text valid during the call; none if there is no file.
 * -1 if it cannot be read or is not one. */
int usage_file_read(const char *data_dir, void (*on_row)(void *owner, const struct usage *row),
		    void *owner, struct err *err) NODISCARD;
/* All of it is in the database. */
void usage_file_remove(const char *data_dir);

#endif
