/* SPDX-License-Identifier: MIT */
/*
 * What to do with a flush that the database refuses, so that nothing is lost and nothing else is
 * held up. Pure.
 *
 * A refusal that is about the moment (a lock, a full disk, a read-only or restarting server, rights
 * or tables that are not as they must be) passes or is put right by somebody: the same flush is
 * sent again, ever more slowly. One that is about what is written (a value that cannot be stored, a
 * broken constraint) would come back for ever: the flush is halved until one person is left, who is
 * set aside, and the others go. When one after the other is refused and nothing is accepted in
 * between, it is not about them, and the flush waits as for a full disk, as
 * one with counts of usage alone does.
 */
#ifndef EDM_SCHEDULER_LEDGER_REFUSAL_H
#define EDM_SCHEDULER_LEDGER_REFUSAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/err.h"

/* Set aside in a row at most. */
#define REFUSAL_ASIDE_MAX 64u
/* How often those set aside are tried again. */
#define REFUSAL_ASIDE_MS 30000

enum refusal_step {
	REFUSAL_AGAIN,	 /* the same, after wait_ms */
	REFUSAL_SMALLER, /* nothing of it stands: a smaller one at once (targets_max, people_max) */
	REFUSAL_SET_ASIDE, /* its one person is what is refused */
	REFUSAL_LATER,	   /* others first, after wait_ms */
};

struct refusals {
	size_t targets_max, people_max; /* of the next flush */
	unsigned in_row;		/* refusals since one was accepted */
	unsigned aside_in_row;		/* people set aside since then */
};

struct refusal_answer {
	enum refusal_step step;
	int64_t wait_ms;
};

void refusals_init(struct refusals *r);
/* A flush was accepted: the next may be larger again. */
void refusals_passed(struct refusals *r);
/* err is that of a refused flush with so many targets and people, and usage besides or none. */
struct refusal_answer refusals_take(struct refusals *r, const struct err *err, size_t targets,
				    size_t people, bool has_usage);
/* Whether flushes are of full size; usage goes only with those, or alone. */
bool refusals_are_over(const struct refusals *r);
/* Whether the refusal is about what was to be written. */
bool refusal_is_of_data(const struct err *err);

#endif
