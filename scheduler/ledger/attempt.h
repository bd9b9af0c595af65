/* SPDX-License-Identifier: MIT */
/*
 * What one attempt came to, in the form in which it is journalled, flushed and, after a crash,
 * flushed again: facts and verdict (engine/reply/outcome.h), the evidence, and where it belongs.
 *
 * Plain data. Slices are borrowed: whoever keeps an attempt copies them.
 */
#ifndef EDM_SCHEDULER_LEDGER_ATTEMPT_H
#define EDM_SCHEDULER_LEDGER_ATTEMPT_H

#include "engine/reply/outcome.h"
#include "scheduler/ledger/ledger.h"

/* Where a recipient stands: the key of everything the ledger writes. */
struct ledger_place {
	int32_t campaign;
	int32_t chunk; /* negative: packed from retries */
	int32_t epoch;
	uint16_t position;
};

struct attempt {
	struct ledger_place place;
	uint16_t number; /* attempts made including this one; the first is 1; 0 = decided untried */
	struct outcome outcome; /* verdict filled in */
	uint32_t source;	/* id; 0 = none */
	struct str provider;	/* name; empty = tail */
	struct str host;	/* MX name */
	struct str tls;		/* "TLSv1.3", empty = plain */
	int64_t at_us;		/* database time */
	int32_t took_ms;	/* from MAIL to the final reply */
	int64_t due_us;		/* not before (database time); 0 = by the retry schedule */
	int32_t cost_s;		/* seconds to count towards give-up since it was claimed */
	/* Segments of the journal that must be kept until this attempt is flushed; 0 = none. */
	unsigned writer;
	uint32_t intent_segment, outcome_segment;
};

#endif
