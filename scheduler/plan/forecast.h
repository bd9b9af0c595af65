/* SPDX-License-Identifier: MIT */
/*
 * When people will be through: queues, lanes and limits as they are, played forward. Pure.
 *
 *   queue   a provider, the host of a route, or the tail taken together
 *   lane    a source at a queue
 *   crowd   the people of one campaign at one queue
 *   pace    the messages a second a lane manages when no number holds it: what it managed lately,
 * or its connections by the time a message takes; who is put off takes less of it bind    what
 * keeps a crowd from being faster
 *
 * People flow: nobody is followed one by one, so a million costs no more than a thousand. Time goes
 * on in steps that grow with the time that has passed, and end where something begins or ends
 * (sending hours, pauses, rests, rules). What limits say is asked of the limiters of ip-pool
 * themselves, with what counts in their windows; a day's warm-up and what a window has taught are
 * those of warmup.h and windows.h. What a controller does is taken as its mean: it stays just below
 * the level that failed, and reaches any other soon.
 *
 * It is played three times. As likely; and early and late, with paces and shares at the ends of
 * what is believed of them. A crowd is through when less than one person is expected to be left:
 * likely, when it is as probable as not that nobody is.
 *
 * Times are monotonic milliseconds.
 */
#ifndef EDM_SCHEDULER_PLAN_FORECAST_H
#define EDM_SCHEDULER_PLAN_FORECAST_H

#include "engine/base/calendar.h"
#include "ip-pool/permit.h"

#define FORECAST_NEVER INT64_MAX
#define FORECAST_PAUSED (INT64_MAX - 1) /* not before somebody resumes it */
#define FORECAST_NONE (-1)		/* index of no limiter */
#define FORECAST_TRIES 16		/* tries told apart */
#define FORECAST_HORIZON_MS (INT64_C(90) * 86400000)

/* What binds. X(suffix, name) */
#define FORECAST_BINDS(X)                                                                          \
	X(NOTHING, "nothing")	      /* there was nobody to wait */                               \
	X(LIMIT, "limit")	      /* a number of messages in a period */                       \
	X(CONNECTIONS, "connections") /* as many, and the time a message takes */                  \
	X(PACE, "pace")		      /* as fast as it was lately, whatever the cause */           \
	X(RETRIES, "retries")	      /* who was, or will be, put off is not due yet */            \
	X(HOURS, "hours")	      /* outside its sending hours */                              \
	X(START, "start")	      /* it has not begun */                                       \
	X(PAUSE, "pause")	      /* lanes are paused */                                       \
	X(REST, "rest")	      /* lanes rest as the receiver asked, or it does not answer */        \
	X(SOURCES, "sources") /* no source may be used */                                          \
	X(OTHERS, "others")   /* campaigns of a higher priority go first */

#define X(suffix, name) BIND_##suffix,
enum forecast_bind_kind { FORECAST_BINDS(X) };
#undef X
const char *forecast_bind_name(enum forecast_bind_kind kind);

struct forecast_bind {
	enum forecast_bind_kind kind;
	enum limit_level level;	  /* LIMIT, CONNECTIONS: whose number; PAUSE: LANE or CAMPAIGN */
	enum limit_period period; /* LIMIT */
	struct cap cap;
	double service_ms; /* CONNECTIONS: how long a connection is busy with a message */
	double per_s;	   /* PACE: messages a second */
	bool is_expected;  /* RETRIES: nobody is put off now */
	size_t lane;	   /* whose lane it was seen at, of LIMIT to REST */
	double part;	   /* of the time somebody waited, 0 … 1 */
	bool is_of_each;   /* LIMIT, CONNECTIONS: of each site of the queue by itself */
};

struct forecast_lane {
	size_t queue;
	uint32_t source;
	struct lane_limits limits; /* bound, with what was learnt and used; warmup is not read */
	struct warmup warmup;
	bool is_warming;
	int shared[LIMIT_LEVEL_COUNT]; /* limiters: of its source, provider and node */
	double seen_per_s;	       /* whole messages lately, with work waiting; 0: not known */
	double service_ms;	       /* of a message, where no pace was seen */
	bool is_measured;	       /* service_ms is of this lane's messages */
	double doubt;		       /* its pace may be so much more or less: 0.5 = a half more */
	int64_t sites; /* limits hold so many times their numbers, for so many sites; 0: of one */
};

/* Shares of what is tried that is put off: as a try that counts, or not. */
struct forecast_shares {
	double deferred, throttled;
};

/* So many people who have been tried before are due then. */
struct forecast_retry {
	int64_t due_ms;
	int attempts; /* made: 1 … */
	double people;
};

struct forecast_crowd {
	size_t campaign, queue;
	double fresh; /* not tried yet, or in hand */
	const struct forecast_retry *retries;
	size_t retry_count;
	struct forecast_shares first, later; /* of first tries, of later ones */
	double doubt;			     /* of the shares, as of a pace */
	double unseen;			     /* a share that would not have been seen yet */
	double put_off_cost;		     /* of the time of a message taken: of one put off */
	int64_t throttled_ms;		     /* how long who is throttled waits */
	int domain;			     /* limiter of its sending domain here */
	const int64_t *lanes_from_ms; /* a lane of the queue: when it may be used; or NEVER */
};

struct forecast_campaign {
	int priority;
	int64_t starts_ms;   /* or stays away until then; NEVER */
	int64_t deadline_ms; /* LIMIT_FOREVER: none */
	int64_t give_up_ms;  /* after so long of being put off */
	const struct calendar *hours[2];
	int limiter;
	double people; /* in all, those who are through too */
};

struct forecast_queue {
	size_t first, count; /* lanes */
};

struct forecast_model {
	int64_t now_ms, now_us; /* the same moment by both clocks */
	const struct forecast_queue *queues;
	const struct forecast_lane *lanes; /* by queue */
	const struct forecast_crowd *crowds;
	const struct forecast_campaign *campaigns;
	const struct limiter *limiters;
	const double *seen_per_s; /* of each limiter: messages lately */
	const int64_t *sites;	  /* of each limiter, as of a lane; NULL: of one */
	size_t queue_count, lane_count, crowd_count, campaign_count, limiter_count;
	int64_t delays_ms[FORECAST_TRIES]; /* retry.schedule */
	size_t delay_count;
};

/* When one crowd, or campaign, will be through. FORECAST_NEVER: not within the horizon. */
struct forecast_span {
	int64_t earliest_ms, likely_ms, latest_ms;
	int64_t most_ms;	   /* a campaign: likely, 99 % of its people */
	struct forecast_bind bind; /* likely, for most of the time */
	double missed;		   /* likely: people the deadline cuts off */
};

/* crowds_out: one a crowd; campaigns_out: one a campaign. */
void forecast_play(const struct forecast_model *model, struct forecast_span *crowds_out,
		   struct forecast_span *campaigns_out);

#endif
