/* SPDX-License-Identifier: MIT */
/* Refused flushes: by SQLSTATE class, halved or waited for; see refusal.h. */
#include "scheduler/ledger/refusal.h"

#include "engine/pg/statement.h"
#include "scheduler/ledger/flush.h"

#define WAIT_MIN_MS 100
#define WAIT_MAX_MS 10000
#define PEOPLE_MAX (FLUSH_PEOPLE_MAX / 2)

void refusals_init(struct refusals *r)
{
	*r = (struct refusals){.targets_max = FLUSH_TARGETS_MAX, .people_max = PEOPLE_MAX};
}

static size_t twice(size_t n, size_t max)
{
	return n > max / 2 ? max : n * 2;
}

void refusals_passed(struct refusals *r)
{
	r->targets_max = twice(r->targets_max, FLUSH_TARGETS_MAX);
	r->people_max = twice(r->people_max, PEOPLE_MAX);
	r->in_row = 0;
	r->aside_in_row = 0;
}

bool refusals_are_over(const struct refusals *r)
{
	return r->targets_max == FLUSH_TARGETS_MAX && r->people_max == PEOPLE_MAX;
}

/* PostgreSQL, appendix A: cardinality, data, integrity, triggered data change, external routines,
 * check option, limits, PL/pgSQL's RAISE, internal. */
bool refusal_is_of_data(const struct err *err)
{
	static const char *const classes[] = {"21", "22", "23", "27", "38",
					      "39", "44", "54", "P0", "XX"};
	for (size_t i = 0; i < ARRAY_LEN(classes); i++)
		if (pg_err_is_of(err, classes[i]))
			return true;
	return false;
}

static struct refusal_answer wait_for(struct refusals *r, enum refusal_step step)
{
	struct refusal_answer answer = {step, WAIT_MAX_MS};
	if (r->in_row < 7)
		answer.wait_ms = (int64_t)WAIT_MIN_MS << r->in_row;
	r->in_row++;
	return answer;
}

struct refusal_answer refusals_take(struct refusals *r, const struct err *err, size_t targets,
				    size_t people, bool has_usage)
{
	struct refusal_answer answer = {REFUSAL_SMALLER, 0};
	if (!refusal_is_of_data(err))
		return wait_for(r, REFUSAL_AGAIN);
	if (targets > 1) {
		r->targets_max = targets / 2;
		return answer;
	}
	/* Usage by itself: there is nothing to take off it, and nobody to set aside. */
	if (people == 0 && targets == 0)
		return wait_for(r, REFUSAL_LATER);
	if (people > 1 || has_usage) {
		r->people_max = people > 1 ? people / 2 : 1;
		return answer;
	}
	if (people == 0 || r->aside_in_row >= REFUSAL_ASIDE_MAX)
		return wait_for(r, REFUSAL_LATER);
	r->aside_in_row++;
	answer.step = REFUSAL_SET_ASIDE;
	return answer;
}
