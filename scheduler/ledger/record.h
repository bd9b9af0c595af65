/* SPDX-License-Identifier: MIT */
/*
 * What stands in a journal, as bytes. Pure: the I/O is journal.h's.
 *
 * A segment is a header and records, all numbers big-endian:
 *   header   "edmj" | format u32 | installation 16 | journal 16 | incarnation u32 | boot 16 |
 *            stream u16 | streams u16 | sequence u64 | durable u8 | crc32c u32 of all before
 *   record   size u16 of the payload | its complement u16 | crc32c u32 of all but itself | payload
 *   payload  type u8 | campaign u32 | chunk u32 | epoch u32 | position u16 | attempt u16 | body
 * An INTENT says that the terminator may leave any moment; a RETRACT after it, that it did not
 * leave after all (the lease ended, the connection died before). Both have no body. The body of an
 * OUTCOME is the whole settlement but the address and the attributes, which stand in the chunk. Of
 * one recipient and lease the last record holds.
 *
 * Nothing read here is trusted: sizes are checked, a slice never leaves the bytes given.
 */
#ifndef EDM_SCHEDULER_LEDGER_RECORD_H
#define EDM_SCHEDULER_LEDGER_RECORD_H

#include "scheduler/ledger/flush.h"

#define JOURNAL_FORMAT 2u
#define JOURNAL_HEADER_SIZE 77u
/* No payload is larger: a reply is at most a few kB. */
#define JOURNAL_PAYLOAD_MAX 16384u

struct journal_header {
	unsigned char installation[16];
	unsigned char journal[16];
	int32_t incarnation;
	unsigned char boot[16];
	uint16_t stream;   /* whose it is, of streams */
	uint16_t streams;  /* that were open together */
	uint64_t sequence; /* of the stream, from 1 */
	bool is_durable;   /* synced before anything it told of happened (journal.sync = batch) */
};

enum journal_type { JOURNAL_INTENT = 1, JOURNAL_OUTCOME = 2, JOURNAL_RETRACT = 3 };

/* One recipient of one lease. */
struct journal_key {
	int32_t campaign;
	int32_t chunk;
	int32_t epoch;
	uint16_t position;
	int16_t attempt;
};

struct journal_record {
	enum journal_type type;
	struct journal_key key;
	struct settlement settlement; /* of an OUTCOME; its strings point into the bytes read */
};

enum journal_scan {
	JOURNAL_RECORD,	 /* *out is filled in and the bytes are consumed */
	JOURNAL_END,	 /* nothing is left */
	JOURNAL_TORN,	 /* the last write did not get all the way: fine at the very end only */
	JOURNAL_SPOILED, /* the last record is all there, and is not what was written: fine at the
			  * very end only, and only where the power went before it was synced */
	JOURNAL_CORRUPT, /* something else stands here */
};

void journal_header_write(struct buf *out, const struct journal_header *header);
/* -1 when it is no header of this format. */
int journal_header_read(struct str bytes, struct journal_header *out) NODISCARD;

void journal_intent_write(struct buf *out, const struct journal_key *key);
void journal_retract_write(struct buf *out, const struct journal_key *key);
void journal_outcome_write(struct buf *out, const struct journal_key *key,
			   const struct settlement *s);
/* Takes the next record off *rest. TORN: the record would reach past the end, or only zeros are
 * left. SPOILED: a size or a checksum is wrong, and nothing but zeros comes behind. */
enum journal_scan journal_record_read(struct str *rest, struct journal_record *out);

#endif
