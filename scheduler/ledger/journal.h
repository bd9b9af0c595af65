/* SPDX-License-Identifier: MIT */
/*
 * The journal of a node: what it is about to send and what it was told, on its own disk before it
 * happens. After a crash it tells which of the people the database holds open were sent to.
 *
 * A directory holds `journal.id` (the uuid the node row names), `lock` (held by the process that
 * uses it) and segments `SS-NNNNNNNNNN.seg`, a series for each stream (a worker thread). Streams
 * are opened after the node has registered, all of them before the first claim.
 *
 * Modes: `process` writes with write(2), which survives kill −9 of the process; `batch` also syncs
 * before the terminator goes, which survives the loss of power. After another boot of the machine
 * only a durable journal proves anything.
 *
 * A record counts as needed until journal_settled is called for it; a closed segment whose records
 * are all settled is removed, the oldest first, so what is there is always contiguous.
 *
 * journal_open, journal_replay and journal_discard are for the start, before any thread runs. A
 * stream is used by one thread.
 */
#ifndef EDM_SCHEDULER_LEDGER_JOURNAL_H
#define EDM_SCHEDULER_LEDGER_JOURNAL_H

#include "engine/loop/loop.h"
#include "scheduler/ledger/record.h"

struct journal;
struct journal_stream;

enum journal_sync_mode { JOURNAL_SYNC_PROCESS, JOURNAL_SYNC_BATCH };

/* Opens or makes the journal in dir (which exists) and locks it. ERR_REFUSED when another process
 * has it, or when it belongs to another installation. NULL on error. */
struct journal *journal_open(const char *dir, const unsigned char installation[16],
			     struct err *err);
/* Unlocks; the streams must be closed. NULL is fine. */
void journal_close(struct journal *j);
/* Its uuid, for the registration. */
const unsigned char *journal_uuid(const struct journal *j);

/* ---- at start: what the process before us left ---- */

enum journal_state {
	JOURNAL_WHOLE, /* a missing INTENT proves that nothing was sent */
	JOURNAL_EMPTY, /* no segments: nothing was ever claimed, or all was settled and removed */
	JOURNAL_LOST,  /* gapped, corrupt, or not durable and from another boot */
};

struct journal_replay {
	enum journal_state state;
	/* The incarnations it tells of; 0 when empty. Who claimed had segments open, so a lease of
	 * an incarnation outside is of another journal. */
	int32_t first_incarnation;
	int32_t last_incarnation;
	const char *why; /* of a lost one: a constant */
	size_t segments;
	size_t records;
};

typedef void (*journal_on_record)(void *owner, const struct journal_record *record);

/* Reads all segments in order and calls on_record for each record (also of a lost one, up to where
 * it can be read: what it says did happen). */
int journal_replay(struct journal *j, journal_on_record on_record, void *owner,
		   struct journal_replay *out, struct err *err) NODISCARD;
/* Removes all segments: everything in them is settled. */
int journal_discard(struct journal *j, struct err *err) NODISCARD;

/* ---- while running ---- */

struct journal_stream_options {
	uint16_t number;  /* from 0, of */
	uint16_t streams; /* that are open together */
	int32_t incarnation;
	enum journal_sync_mode mode;
	size_t segment_bytes; /* a segment that has grown past this is closed */
};

/* Opens a stream. NULL on error. */
struct journal_stream *journal_stream_open(struct journal *j,
					   const struct journal_stream_options *options,
					   struct err *err);
/* Closes it; segments with unsettled records stay. NULL is fine. */
void journal_stream_close(struct journal_stream *s);

/* Collects a record for the next journal_write and returns its segment, to be named to
 * journal_settled. */
uint64_t journal_intent(struct journal_stream *s, const struct journal_key *key);
/* Takes an INTENT back: the terminator never left. */
uint64_t journal_retract(struct journal_stream *s, const struct journal_key *key);
uint64_t journal_outcome(struct journal_stream *s, const struct journal_key *key,
			 const struct settlement *settlement);
/* Writes what was collected in one write(2). In mode process the terminators may go now; in mode
 * batch after journal_sync. On error (no room, read only) nothing of it is written, nothing may be
 * sent, and it stays collected for the next call. */
int journal_write(struct journal_stream *s, struct err *err) NODISCARD;
/* Bytes collected and not written. */
size_t journal_pending(const struct journal_stream *s);

/* Syncs what is written off the loop and calls back on it; in mode process calls back at the end of
 * the turn. One at a time. err is NULL when it went well; else what was written since the last time
 * may be lost, and the stream is good for nothing more. */
typedef void (*journal_on_synced)(void *owner, const struct err *err);
void journal_sync(struct journal_stream *s, struct loop *loop, journal_on_synced on_synced,
		  void *owner);

/* n records of segment are settled in the database. */
void journal_settled(struct journal_stream *s, uint64_t segment, size_t n);

#endif
