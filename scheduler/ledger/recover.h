/* SPDX-License-Identifier: MIT */
/*
 * The restart of a node: what the process before us had in hand is settled from its journal.
 *
 * Order at start: journal_open → recover_open → recover_settle → member_register → recover_settle
 * once more (a claim of the old process may have committed meanwhile) → recover_finish → streams
 * are opened → claims.
 *
 * Of a whole journal: an OUTCOME is flushed, an INTENT without one is unknown, and who has neither
 * was not sent to and waits again. Of a lost one only what it tells is used; the rest is left to
 * doubt. The same holds for doubts another node has made of our leases in the meantime, and for
 * those that became unknown and were not resent.
 * What the database refuses of one person is left out, and the segments stay for the next start.
 * Everything here is idempotent: killed anywhere, the next start does the rest. Blocking; at start.
 */
#ifndef EDM_SCHEDULER_LEDGER_RECOVER_H
#define EDM_SCHEDULER_LEDGER_RECOVER_H

#include "scheduler/ledger/journal.h"

struct recovery;

struct recovery_counts {
	size_t outcomes; /* settled as the journal tells */
	size_t unknown;	 /* INTENT without OUTCOME */
	size_t unsent;	 /* waiting again, in released chunks or as retries due now */
	size_t leases;	 /* released */
	size_t doubts;	 /* cleared */
	size_t refused;	 /* people the database took nothing of, in the last run */
};

/* Reads the journal. NULL on error. */
struct recovery *recover_open(struct journal *journal, struct err *err);
/* What was found; valid until recover_close. */
const struct journal_replay *recover_replay(const struct recovery *r);
/* Settles what the database holds of this journal's nodes. unknown_retry_ms:
 * unknown.retry_after_ms. counts are added to. */
int recover_settle(struct recovery *r, struct pg_blocking *conn, int64_t unknown_retry_ms,
		   struct recovery_counts *counts, struct err *err) NODISCARD;
/* Removes the old segments when everything is settled. */
int recover_finish(struct recovery *r, struct err *err) NODISCARD;
/* NULL is fine. */
void recover_close(struct recovery *r);

#endif
