/* SPDX-License-Identifier: MIT */
/*
 * Where one recipient of a campaign is, and everything that happened to it: for `why` and for
 * reports. Blocking. The newest day's outcomes have no index by rid, so a look-up scans them.
 */
#ifndef EDM_SCHEDULER_LEDGER_LOOKUP_H
#define EDM_SCHEDULER_LEDGER_LOOKUP_H

#include "engine/pg/blocking.h"
#include "scheduler/ledger/ledger.h"

struct whereabouts {
	enum recipient_state state; /* 0: not in the audience (or not built yet) */
	/* deferred: */
	int64_t due_at_us;
	int64_t since_us;
	int16_t attempts;
	unsigned klass, cause; /* of what happened last, numbers of outcome.h; 0 = parked */
	/* waiting, leased: */
	int32_t chunk;
	int32_t node; /* that has it, 0 = none */
	int64_t leased_at_us;
	bool is_open;	  /* the node may be sending to it now */
	bool is_in_doubt; /* the node is gone; until: */
	int64_t doubt_until_us;
	char group[256]; /* NUL-terminated, cut if longer */
	/* final, or the last attempt of one deferred; 0 = none: */
	int64_t outcome_at_us;
};

int lookup_where(struct pg_blocking *conn, int32_t campaign, int64_t rid, struct whereabouts *out,
		 struct err *err) NODISCARD;

struct lookup_question {
	int64_t rid;
	int32_t campaign; /* 0 = all */
	int32_t limit;	  /* rows at most */
};

/* Rows of ledger/outcomes_of, newest first. The caller frees them. */
int lookup_outcomes(struct pg_blocking *conn, const struct lookup_question *question,
		    struct pg_rows **rows_out, struct err *err) NODISCARD;

#endif
