/* SPDX-License-Identifier: MIT */
/*
 * What limits of ours promise, as the receivers count it. One owner; pure.
 *
 *   clause   what an operator may state: a scope and one number (connections; new connections or
 *            messages in a period; messages per connection), with all that was ever stated of it
 *   gauge    what came of one lane, source, provider …: a clause may be about several of them, each
 *            by itself (a provider's lanes; a sending domain at each provider)
 *
 * Something is over its limit when it arrives and there are more of it than the clause allows. What
 * left us under the number before an edit may arrive for METERS_GRACE_MS.
 */
#ifndef EDM_TESTS_SIM_METERS_H
#define EDM_TESTS_SIM_METERS_H

#include "ip-pool/limit.h"
#include "tests/sim/receiver.h"

#define METERS_CLAUSES 256
#define METERS_GAUGES 64
#define METERS_STATED 96
#define METERS_TARGETS 3
#define METERS_GRACE_MS 150
/* Of enum limit_meter, and one more for messages per connection. */
#define METERS_NUMBERS (LIMIT_METER_COUNT + 1)

/* Times of what came, and the first that is within each period. */
struct gauge_times {
	int64_t *times;
	size_t count, room;
	size_t first[LIMIT_PERIOD_COUNT];
};

struct gauge {
	uint32_t source;  /* 0 = any, so everywhere */
	int target;	  /* of the receivers, -1 = any */
	int32_t domain;	  /* a sending domain's id */
	int32_t campaign; /* its id */
	struct gauge_times connects, mails;
	int64_t open;	 /* connections */
	int64_t at_work; /* MAILs that are not answered */
};

/* A number as it was stated. */
struct stated {
	int64_t limit;
	int64_t set_ms, until_ms; /* it held from … until before … */
};

struct clause {
	struct limit_rule rule; /* its scope, without values */
	int number;		/* of METERS_NUMBERS */
	size_t gauges[METERS_GAUGES], gauge_count;
	struct stated stated[METERS_STATED];
	size_t stated_count;
	int64_t over;	 /* so often */
	bool is_used_up; /* it was, once */
};

struct meters {
	struct clause clauses[METERS_CLAUSES];
	size_t clause_count;
	struct gauge gauges[METERS_GAUGES];
	size_t gauge_count;
	int64_t mails, connects;
	int64_t slept_ms, woke_ms; /* the machine's last sleep: what was on its way arrives after */
};

/* The gauge of these, made when it is new. */
size_t meters_gauge(struct meters *m, const struct gauge *what);
/* A clause for each number the scope may have; gauges by index. */
void meters_add(struct meters *m, const struct limit_rule *scope, const size_t *gauges,
		size_t count);
void meters_done(struct meters *m);

enum limit_kind clause_kind(const struct clause *c);
/* Rule with the clause's number set to limit. */
struct limit_rule clause_rule(const struct clause *c, int64_t limit, int64_t until_ms);
/* It is stated; what lasts (or ends) likewise gives way. */
void clause_state(struct clause *c, int64_t limit, int64_t until_ms, int64_t now);
/* All that is stated ends. */
void clause_unset(struct clause *c, int64_t now);
/* For a person who looks for what went wrong: with EDM_SIM_TELL set each clause that is over says
 * so once. */
void clause_print(const struct clause *c);

/* A receiver takes a connection, loses it, gets a MAIL, answers it. */
void meters_open(struct meters *m, int target, uint32_t source, int64_t now);
void meters_close(struct meters *m, int target, uint32_t source);
void meters_mail(struct meters *m, int target, const struct receiver_mail *mail, int64_t now);
void meters_answer(struct meters *m, int target, const struct receiver_mail *mail);
/* Everything over a limit so far. */
int64_t meters_over(const struct meters *m, enum limit_kind kind);
/* Clauses of the kind that were used up once: limits that were felt. */
int64_t meters_felt(const struct meters *m, enum limit_kind kind);

#endif
