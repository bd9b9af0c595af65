/* SPDX-License-Identifier: MIT */
/*
 * The journal: what this node was about to do and what came of it, on its own disk, so that a
 * killed process knows after its restart who may have been sent to.
 *
 * One directory a node, locked as long as it runs; in it one **writer** a worker thread, each
 * writing **segments** (append only). Record: length, type, payload, CRC-32C. A torn tail is
 * tolerated; anything else that does not check out makes the journal untrusted (treated as lost).
 * Each segment starts with a header: installation, journal uuid, node, incarnation, boot id, mode,
 * writer, sequence.
 *
 * INTENT stands in the journal before the first octet of a terminator is handed to the kernel;
 * OUTCOME before an outcome is told to anybody. UNSENT takes an INTENT back: the connection was
 * given up before the terminator.
 *
 * A segment is kept until every attempt that names it as intent_segment or outcome_segment is
 * flushed (journal_release).
 *
 * Threads: a writer belongs to one worker; set functions are control's, journal_release any
 * thread's.
 */
#ifndef EDM_SCHEDULER_LEDGER_JOURNAL_H
#define EDM_SCHEDULER_LEDGER_JOURNAL_H

#include "engine/base/err.h"
#include "engine/loop/loop.h"
#include "scheduler/ledger/attempt.h"

enum journal_mode {
	JOURNAL_PROCESS, /* write(2): survives kill -9 of the process */
	JOURNAL_BATCH,	 /* and fdatasync in groups: survives power loss */
};

struct journal_set; /* the node's directory */
struct journal;	    /* one writer */

/* A worker's writer, number index from 0; made by control before the worker's thread starts. loop:
 * where on_durable is called. on_durable (batch mode only; may be NULL in process mode): what
 * journal_write wrote up to now is on the disk. */
struct journal *journal_writer(struct journal_set *set, unsigned index, struct loop *loop,
			       void (*on_durable)(void *owner), void *owner);
void journal_writer_close(struct journal *j);

/* Put a record into the writer's buffer; the segment it will stand in. Nothing is written yet. */
uint32_t journal_add_intent(struct journal *j, const struct ledger_place *place, uint16_t number);
uint32_t journal_add_outcome(struct journal *j, const struct attempt *attempt);
void journal_add_unsent(struct journal *j, const struct ledger_place *place,
			uint32_t intent_segment);

/*
 * Writes the buffer in one write(2). 0: in process mode what was added may be acted on now; in
 * batch mode once journal_is_durable says so. -1 (disk full, read-only): nothing may be acted on;
 * the buffer is kept and the next call tries again from the last whole record.
 */
int journal_write(struct journal *j, struct err *err) NODISCARD;
/* True when everything written is as durable as the mode asks. */
bool journal_is_durable(const struct journal *j);

/* An attempt is flushed, or was never to be: its segments may go as far as it is concerned. */
void journal_release(struct journal_set *set, unsigned writer, uint32_t intent_segment,
		     uint32_t outcome_segment);

#endif
