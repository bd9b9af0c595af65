/* SPDX-License-Identifier: MIT */
/*
 * A world for a worker: sources, receivers, campaigns with their people, and a control that claims,
 * gives credits, takes results and keeps the retries, all in memory and in virtual time.
 *
 *   crowd   the people of one campaign at one receiver; what the ledger calls a group
 *
 * Claims go by scheduler/plan/planner, what becomes of somebody by scheduler/node/settle: only the
 * ledger's tables are modelled. Life: world_open, world_source, world_receiver, world_crowd,
 * world_start, world_run …, world_close. One at a time in a process.
 */
#ifndef EDM_TESTS_SIM_WORLD_H
#define EDM_TESTS_SIM_WORLD_H

#include "ip-pool/pause.h"
#include "ip-pool/store/lane_store.h"
#include "scheduler/campaign/snapshot.h"
#include "scheduler/ledger/record.h"
#include "scheduler/node/worker.h"
#include "scheduler/plan/planner.h"
#include "tests/sim/receiver.h"

#define WORLD_RECEIVERS 8
#define WORLD_CAMPAIGNS 8
#define WORLD_SOURCES 8
#define WORLD_CROWDS 32
#define WORLD_STOPS 64
#define WORLD_RULES 512
#define WORLD_PAST 256
#define WORLD_PAUSES 8
#define WORLD_REPLY 80	/* what is kept of the words that put somebody off, with a NUL */
#define WORLD_STATES 16 /* enum recipient_state */

#define SECOND INT64_C(1000)
#define MINUTE INT64_C(60000)
#define HOUR INT64_C(3600000)
#define DAY INT64_C(86400000)

/* What control knows of one lane, as the worker saved it. */
struct world_lane {
	struct lane_saved saved;
	int64_t saved_ms;
	char target[256];
};

struct crowd {
	struct world *world;
	int campaign, receiver; /* indexes */
	int64_t unborn;		/* people nobody has claimed yet */
	struct list waiting;	/* struct someone, claimed before and given back */
	size_t waiting_count;
	struct heap retries; /* struct someone, by when they are due */
	size_t held;
	struct plan_pace pace;
	int64_t states[WORLD_STATES]; /* of those who are through */
	int64_t attempts;	      /* outcomes that were a try */
	int64_t longest_ms;	      /* … not used before the first */
	/* Of first tries and of later ones: outcomes, those put off, those throttled. */
	int64_t tries[2], deferred[2], throttled[2];
	int64_t throttled_ms;		   /* all their waits */
	int64_t took_ms[2], took_count[2]; /* messages, of those not put off and those put off */
};

struct world {
	uint64_t seed;
	struct loop *loop;
	struct mailbox *inbox;
	struct composers *composers;
	struct node_shared shared;
	struct worker *worker;
	struct work_posts posts;
	struct letter drain_letter;
	struct rule_set *rules;
	struct identity *identity;
	uint64_t reloads;
	struct worker_settings settings;
	struct timer plan_timer, credit_timer;
	struct list credits; /* struct work_job (credit_letter.node) that wait for a flush */

	struct source sources[WORLD_SOURCES];
	struct warmup_plan plans[WORLD_SOURCES];
	char names[WORLD_SOURCES][16], addresses[WORLD_SOURCES][16];
	size_t source_count;
	struct limit_rule limits[WORLD_RULES];
	size_t limit_count;
	int64_t limit_id;		   /* of the newest */
	struct pause pauses[WORLD_PAUSES]; /* those that are over are left out as time goes by */
	size_t pause_count;
	int64_t pause_id;		 /* of the newest */
	bool is_closed[WORLD_CAMPAIGNS]; /* nobody of it is claimed: hours, a pause, a brake */
	struct limit_past past_limits[WORLD_PAST]; /* of connections, open and new */
	size_t past_limit_count;
	struct receiver *receivers[WORLD_RECEIVERS];
	struct site *sites[WORLD_RECEIVERS];
	struct mx_answer *answers[WORLD_RECEIVERS];
	size_t receiver_count;
	struct campaign_snapshot *campaigns[WORLD_CAMPAIGNS];
	struct crowd crowds[WORLD_CROWDS];
	size_t crowd_count;
	uint64_t people; /* born so far */
	size_t held;
	int32_t chunks;

	struct world_lane lanes[WORLD_SOURCES * WORLD_RECEIVERS];
	size_t lane_count;
	struct party_saved parties[WORLD_RECEIVERS * 2 * WORLD_CAMPAIGNS];
	size_t party_count;
	int64_t parties_saved_ms;
	struct past *past;
	struct past_usage *usage; /* what was sent, by minute */
	size_t usage_count, usage_room;
	struct past_stop stops[WORLD_STOPS]; /* kills */
	size_t stop_count;
	bool is_ending; /* it hears nothing any more */
	bool is_dying;	/* killed: what it says now nobody hears */

	/* Told of every status before it is freed; NULL = nobody. */
	void (*on_status)(struct world *w, const struct work_status *status);
	void *observer;
};

void world_open(struct world *w, uint64_t seed);
/* Adds a source (mx1, mx2 …) to the default pool; plan NULL: it is warm. Returns its id. */
uint32_t world_source(struct world *w, const struct warmup_plan *plan);
/* Adds a receiver that is the named provider, or a site of the tail if no provider is called so. */
struct receiver *world_receiver(struct world *w, const char *name, int hosts, int64_t service_ms);
/* Adds people of a campaign (from 0) at a receiver; the same pair may be added to at any time. */
struct crowd *world_crowd(struct world *w, int campaign, const struct receiver *r, int64_t people);
/* A number from low to high, by the world's seed. */
int64_t world_pick(struct world *w, int64_t low, int64_t high);

void world_start(struct world *w);
void world_run(struct world *w, int64_t ms);
/* Runs until nobody is in hand and none can be claimed, then skips the rest of the time: of days
 * with little to do. At least a minute, at most ms. */
/* The machine is suspended for a while. */
void world_sleep(struct world *w, int64_t ms);
void world_run_idle(struct world *w, int64_t ms);
int64_t world_now(const struct world *w);
/* An operator's rule, in force at once, in the place of one of the same scope with the same numbers
 * that lasts (or ends by itself) likewise. */
void world_limit(struct world *w, const struct limit_rule *rule);
/* An operator allows each lane to a provider so many connections, whatever its profile says. */
void world_connections(struct world *w, const char *provider, int64_t connections);
/* Ends all rules of the scope with numbers of the same kinds and periods as the rule's. */
void world_unset(struct world *w, const struct limit_rule *rule);
/* Something stands still from now on, until pause->until_ms. */
void world_pause(struct world *w, const struct pause *pause);
/* Puts sources, plans and rules as they are now in force. */
void world_reload(struct world *w);
/* The process ends, politely or killed, and another begins after down_ms. */
void world_restart(struct world *w, bool is_clean, int64_t down_ms);
/* Stops the worker and frees everything. */
void world_close(struct world *w);

/* What the sources, limits and lanes are now; end it with identity_drop. */
struct identity *world_identity(const struct world *w);
/* Calls each for everybody who waits for another try. */
void crowd_retries(const struct crowd *c, void (*each)(void *owner, int64_t due_ms, int attempts),
		   void *owner);
/* Somebody who waits for another try, and what put him off. */
struct crowd_retry {
	int64_t due_ms;
	int attempts;
	unsigned klass, cause; /* numbers of outcome.h */
	const char *reply;     /* "451 slower"; "" = nobody said anything */
};
/* One of them by any number; false: there are none. */
bool crowd_pick_retry(const struct crowd *c, uint64_t number, struct crowd_retry *out);
/* People of a crowd not through yet. */
int64_t crowd_left(const struct crowd *c);

#endif
