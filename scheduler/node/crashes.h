/* SPDX-License-Identifier: MIT */
/*
 * Whom the program was at work for when it crashed, so that somebody whose message crashes it each
 * time is set aside instead of holding everybody up for ever.
 *
 * A small mapped file, `crashes` in the data directory, has a slot for each composing thread and a
 * list of suspects. A thread enters its slot before it does what depends on one recipient's own
 * data (rendering and encoding; a signature is made of a digest, and what a receiver replies is not
 * the recipient's doing), and leaves it after. A crash (SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT)
 * is blamed on who stands in the slot of the thread that crashed, if anybody does; a kill -9, a
 * loss of power or a signal that somebody sent to the process blames nobody. The next start counts;
 * at CRASHES_MAX the recipient is set aside for that campaign.
 *
 * open, close and the questions belong to the control thread; a slot to its thread.
 */
#ifndef EDM_SCHEDULER_NODE_CRASHES_H
#define EDM_SCHEDULER_NODE_CRASHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/err.h"

/* So many crashes are no accident. */
#define CRASHES_MAX 3
/* Threads that can have a slot; more go without. */
#define CRASH_SLOTS 64u

struct crashes;

/* One recipient of one campaign. */
struct crash_subject {
	uint64_t rid;
	int32_t campaign;
	int32_t chunk;
	int32_t position;
};

/* Maps the file of the data directory, made if there is none or it is damaged, and counts what the
 * process before us left; logs each. NULL on error. */
struct crashes *crashes_open(const char *data_dir, struct err *err);
/* No thread may be in a slot any more. NULL is fine. */
void crashes_close(struct crashes *c);
/* Notes in the file whom a crash is to be blamed on, from now on and for the whole process. */
void crashes_watch(void);
/* How many crashes stand against the recipient in this campaign. */
unsigned crashes_of(const struct crashes *c, int32_t campaign, uint64_t rid);

/* The calling thread takes slot number i, and gives it back at its end. */
void crash_slot_take(struct crashes *c, size_t i);
void crash_slot_done(void);
/* A thread that took a slot begins and ends its work for a recipient. */
void crash_slot_enter(const struct crash_subject *subject);
void crash_slot_leave(void);

#endif
