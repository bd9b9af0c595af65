/* SPDX-License-Identifier: MIT */
/*
 * Who is in which state: everybody in the audience of a campaign, a row each, as of one snapshot
 * and in bounded memory (the rows come through a cursor, a thousand at a time). Blocking; for the
 * command line.
 */
#ifndef EDM_SCHEDULER_REPORT_RECIPIENTS_H
#define EDM_SCHEDULER_REPORT_RECIPIENTS_H

#include "engine/base/buf.h"
#include "engine/pg/blocking.h"
#include "engine/reply/outcome.h"
#include "scheduler/ledger/ledger.h"

/* Slices are valid during the callback. */
struct recipient_row {
	enum recipient_state state;
	struct str address; /* empty: erased */
	int64_t since_us;   /* 0 = it was always so */
	int64_t until_us;   /* deferred: due; sending in doubt: settled; 0 = none */
	int attempts;
	unsigned klass, cause; /* numbers of outcome.h, 0 = none */
	struct str reply;      /* as the server said it; empty = none */
	struct str rule;
	struct str mx;
};

struct recipients_request {
	int32_t campaign;
	unsigned states; /* bit set of enum recipient_state (1 << state), 0 = all */
	/* 0 to go on; -1 with err stops. */
	int (*on_row)(void *owner, const struct recipient_row *row, struct err *err);
	void *owner;
};

/* Calls on_row for each, in no order. */
int recipients_stream(struct pg_blocking *db, const struct recipients_request *request,
		      struct err *err) NODISCARD;

#endif
