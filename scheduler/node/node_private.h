/* SPDX-License-Identifier: MIT */
/*
 * Inside the control thread.
 *
 *   hold      a lease with the jobs made of it
 *   need      one campaign at one group: what is held, what could be used (plan/planner.h)
 *   text      one content version of a campaign, loaded or being loaded
 *   lookup    a recipient domain whose mail exchangers are being asked for, with the jobs waiting
 *
 * node.c life, signals · reload.c what changed · revive.c the private
 * database · control.c letters and ledger events · dispatch.c
 * from a lease to the workers · lookup.c domains and sites · claims.c needs and claims · hours.c
 * sending hours · texts.c snapshots · live.c what the world sees
 */
#ifndef EDM_SCHEDULER_NODE_NODE_PRIVATE_H
#define EDM_SCHEDULER_NODE_NODE_PRIVATE_H

#include "engine/base/log.h"
#include "engine/pg/pg.h"
#include "scheduler/campaign/campaign.h"
#include "scheduler/node/crashes.h"
#include "scheduler/node/identity.h"
#include "scheduler/node/node.h"
#include "scheduler/node/slices.h"
#include "scheduler/plan/planner.h"

enum node_phase { NODE_STARTING, NODE_RUNNING, NODE_DRAINING, NODE_STOPPING };

struct need {
	struct map_node by_key; /* node.needs by campaign and group */
	int32_t campaign;
	struct str group;
	struct str queue; /* that its people wait in, so their lanes are its own; owned */
	size_t held;	  /* jobs out */
	struct plan_pace pace;
	size_t ready_chunks;
	int64_t refused_since_ms; /* the receiver's side keeps its lanes shut; 0 = not now */
	int64_t refused_ms;	  /* how long it did before */
	bool is_seen;		  /* in the last list of the ledger */
};

struct hold {
	struct list node; /* node.holds */
	struct node_lease *lease;
	struct need *need;
	size_t out; /* jobs not back yet */
	bool is_fenced;
	struct work_job **jobs; /* by position; NULL = none or back */
};

struct text {
	struct map_node by_key; /* node.texts by campaign and content version */
	struct node *node;
	int32_t campaign;
	int32_t version;
	struct campaign_snapshot *snapshot; /* NULL while loading */
	struct campaign_load *load;
	struct list waiting; /* struct work_job (plan.node) */
	bool is_stale;	     /* the campaign changed: load again for the next lease */
};

/* A rate "now" is that of so many seconds. */
#define RATE_SECONDS 5u

struct node_campaign {
	struct map_node by_id;
	int32_t id;
	int32_t version, state;
	int32_t priority;
	int64_t give_up_after_ms;   /* 0 = none of its letters was loaded yet */
	char *pool;		    /* owned */
	struct sending_hours told;  /* its own, as last read */
	struct sending_hours hours; /* in force */
	bool is_hidden;
	uint64_t results;		   /* what receivers have decided here */
	uint64_t results_at[RATE_SECONDS]; /* the same at the last ticks, in turns */
	double rate_per_s;		   /* of them, over those seconds */
	bool is_open;			   /* within its sending hours */
	int64_t changes_us;		   /* when that changes (database time), CALENDAR_NEVER */
	bool is_seen;
};

/* The node's shares of limits over all nodes (slices.c). */
struct node_shares {
	bool is_asking;
	int64_t asked_ms;   /* when it last asked */
	int64_t lease_ms;   /* the end of the lease it held then */
	int64_t until_ms;   /* its parts may be used until then */
	int64_t known_rule; /* the newest under which all workers have spoken */
	bool is_urgent;	    /* work found nothing to use, or a part shrank */
	bool is_leaving;    /* the last is to be asked */
	bool has_left;	    /* it was asked */
};

/* What changed and is being loaded (reload.c). */
struct reload {
	int64_t heard[NODE_CHANGE_COUNT];  /* newest versions */
	int64_t loaded[NODE_CHANGE_COUNT]; /* in force or being loaded; RELOAD_NEVER: neither */
	bool has_heard;
	struct identity_load *identity; /* under way, or NULL */
	bool brings[NODE_CHANGE_COUNT]; /* what it was begun for */
	bool wants_files;		/* the node's files are to be read again */
	bool is_reading_files, is_asking_settings;
	bool takes_files; /* the settings asked for are the first with new files */
	uv_work_t files;
	struct err files_err; /* of the reading under way */
	struct timer timer;
	struct timer profiles; /* a change of a profile ends by itself */
	int64_t not_before_ms;
};

/* The private database being started again (revive.c). */
struct revival {
	bool is_under_way;
	bool is_told; /* it failed in this outage, and that was said */
	uv_work_t work;
	struct err err; /* of the last one */
};

/* Under which reload a worker last spoke of its limits. */
struct wish_seen {
	bool has_spoken;
	uint64_t reload;
};

/* An alert given lately. */
#define ALERTS_SEEN 64u
struct alert_seen {
	uint64_t key;
	int64_t at_ms;
};

struct lookup {
	struct map_node by_domain;
	struct node *node;
	struct str domain;
	struct resolver_request *request;
	bool is_routed; /* a static route's host is asked for, not the domain's MX */
	struct list jobs;
};

/* What DNS said of domains since the last tick, for recipient_domain: the next audience is grouped
 * by it. */
struct learnt_domains {
	struct pg_array names, providers, hosts;
};

struct node {
	struct node_options options;
	enum node_phase phase;
	struct loop *loop;
	struct mailbox *inbox;
	struct keeper *keeper;
	struct pg *load; /* snapshots, identity, node_live */
	struct resolver *resolver;
	struct crashes *crashes;
	struct composers *composers;
	struct tls_context *tls;
	struct node_shared shared;
	struct worker **workers;
	struct letter *drain_letters; /* one a worker */
	struct work_posts *posts;     /* what is posted to each worker */
	size_t worker_count, drained_count;
	struct identity *identity; /* NULL until loaded */
	struct reload reload;
	struct revival revival;
	uint64_t site_round; /* grows with every change of what sites are made of */
	struct map needs, texts, campaigns, lookups, sites;
	struct sending_hours hours; /* of all campaigns: only common is set */
	struct map wide_limits;	    /* struct wide_limit (slices.c) */
	struct map wide_names;	    /* the same, as the database names them */
	uint64_t reloads;	    /* sent to the workers so far */
	struct wish_seen *wishes;   /* by worker */
	struct node_shares shares;
	struct list holds;
	struct learnt_domains learnt;
	size_t held;	   /* jobs out, of all needs */
	size_t ticks;	   /* so far */
	struct timer tick; /* once a second */
	struct timer plan; /* claims */
	struct buf lanes;  /* JSON of the last statuses, by worker, joined for node_live */
	struct work_flushed **flushed; /* for each worker what it is to be told, or NULL */
	uint64_t *unsaved_connects;    /* by worker: keeper_usage_told of its last report, until it
					  is saved; 0 = none */
	struct work_status **statuses; /* the last of each worker, or NULL */
	uv_signal_t signals[3];
	bool is_live_pending;
	size_t saving; /* writes of lanes.c under way */
	bool is_ledger_stopped;
	int64_t give_up_at_ms;	  /* the ledger has stopped: what is not written then is lost */
	struct list standings;	  /* struct source_standing (standings.c) */
	int64_t standings_due_ms; /* when sources are looked up next; 0 = not decided yet */
	size_t alerts_running;
	struct alert_seen alerts_seen[ALERTS_SEEN];
	bool held_lease;	    /* at the last tick */
	bool is_drained;	    /* by an operator */
	struct err failure;	    /* why it stops by itself; ERR_NONE: it was told to */
	struct err journal_failure; /* why nothing is sent for now; ERR_NONE = all can write */
};

/* ---- node.c */
/* The first identity is there: the workers start. */
void node_start_workers(struct node *n);
/* Starts to stop: nothing new, what is under way ends. */
void node_drain(struct node *n);
/* One more worker has nothing left. */
void node_on_drained(struct node *n);

/* ---- reload.c */
void reload_init(struct node *n);
/* Loads what has another version than what is in force. */
void reload_on_versions(struct node *n, const int64_t *versions);
/* Reads everything again, the node's files too. */
void reload_all(struct node *n);
/* Connections are closed. */
void reload_free(struct node *n);

/* ---- revive.c */
/* Once a second. */
void revive_tick(struct node *n);
/* Waits for what is under way. */
void revive_free(struct node *n);

/* ---- standings.c */
/* Once a second. */
void standings_tick(struct node *n);
/* Before the resolver is closed. */
void standings_free(struct node *n);

/* ---- control.c */
extern const struct keeper_events node_keeper_events;
void control_on_letter(void *owner, struct letter *letter);
/* Tells a worker which records of its journal are in the database. */
void control_send_flushed(struct node *n, size_t writer);
/* The letters of the credits this lease's jobs wait for go back without. */
void control_refuse_credits(struct node *n, struct hold *hold);
/* Sends a recall to every worker; it is copied. */
void control_recall(struct node *n, const struct work_recall *recall);

/* ---- dispatch.c */
/* Makes jobs of everybody in the lease who is not done and sends them on their way. */
void dispatch_lease(struct node *n, struct node_lease *lease);
/* The job's content is there: admission, then its domain's mail exchangers. */
void dispatch_job(struct node *n, struct work_job *job);
/* May it be sent now? False: it has gone back or was settled. Asked again after every wait. */
bool dispatch_may_go(struct node *n, struct work_job *job);
/* The job's site is known: off to the worker. */
void dispatch_to_worker(struct node *n, struct work_job *job, struct site *site,
			struct mx_answer *answer);
/* On to this site of its domain: the one it was at is dead, or routes have changed. */
void dispatch_again(struct node *n, struct work_job *job, size_t site_number);
/* The job ends without a try, with these facts. */
void dispatch_settle(struct node *n, struct work_job *job, struct outcome *facts, int64_t due_us);
/* Suppressed since the freeze: it ends so. */
void dispatch_settle_suppressed(struct node *n, struct work_job *job);
/* The job goes back untried; due_us > 0: to the retry table until then. */
void dispatch_return(struct node *n, struct work_job *job, int64_t due_us);
/* The job is settled or returned: forgets it. */
void dispatch_forget(struct node *n, struct work_job *job);
struct hold *hold_of(const struct node_lease *lease);
void hold_free(struct node *n, struct hold *hold);
/* Database time of a loop time. */
int64_t node_wall_us(const struct node *n, int64_t at_ms);

/* ---- lookup.c */
void lookup_job(struct node *n, struct work_job *job);
/* Writes down what was learnt of domains since the last call. */
void lookups_tell(struct node *n);
void lookups_init(struct node *n);
/* The node stops: who waits for DNS goes back. */
void lookups_give_back(struct node *n);
void lookups_free(struct node *n);
/* Routes, profiles or the way to hosts are others now: sites are held against them when they are
 * next used, and those whose hosts are spoken to in another way are of the past, for jobs in hand
 * too. */
void sites_renew(struct node *n);
/* Forgets sites nobody uses once there are too many. */
void sites_evict(struct node *n);
void sites_free(struct node *n);

/* ---- claims.c */
struct need *need_of(struct node *n, int32_t campaign, struct str group);
/* What the receiver's side has cost this need so far, seconds: who has not been tried yet is so old
 * towards give-up. */
int32_t need_refused_s(const struct need *need, int64_t now);
void claims_on_work(struct node *n, const struct keeper_need *needs, size_t count);
/* Its people wait in that queue. */
void need_goes_to(struct need *need, struct str queue);
void claims_on_status(struct node *n, const struct work_status *status);
/* Its campaign does not send now: what its lanes refuse costs it nothing meanwhile. */
void claims_on_closed(struct node *n, int32_t campaign);
void claims_plan(struct node *n);
void claims_tick(struct node *n);
void needs_free(struct node *n);
struct node_campaign *campaign_of(struct node *n, int32_t id);
void campaigns_on_work(struct node *n, const struct keeper_campaign *campaigns, size_t count);
void campaigns_free(struct node *n);

/* It runs, and within its sending hours. */
bool campaign_may_send(const struct node_campaign *campaign);

/* ---- hours.c */
/* After the campaigns of a round: who is within its hours now. */
void hours_on_work(struct node *n, const struct keeper_round *round);
/* Opens and closes what it is time for; many times a second. */
void hours_look(struct node *n);
/* The time until its next try counts towards give-up only as far as it is within the hours. */
void hours_spare(struct node *n, struct work_job *job);

/* ---- texts.c */
/* Gives the job its snapshot, at once or when it is loaded, and dispatches it. */
void texts_attach(struct node *n, struct work_job *job, int32_t version);
/* The campaign (0: whatever all of them are made with) changed: who has a snapshot keeps it, the
 * next lease loads anew. */
void texts_stale(struct node *n, int32_t campaign);
/* Whose deadline has passed comes back from the queues. */
void texts_expire(struct node *n);
/* The node stops: who waits for a content goes back. */
void texts_give_back(struct node *n);
void texts_free(struct node *n);

/* A write of lanes.c was answered. */
void node_on_saved(struct node *n);

/* ---- lanes.c: both free what the letter brings */
void lanes_save(struct node *n, struct work_lanes *lanes);
void lanes_save_parties(struct node *n, struct work_parties *parties);
void lanes_blocked(struct node *n, struct work_blocked *blocked);

/* ---- alert.c */
void alert_lane_blocked(struct node *n, const struct work_blocked *b);
void alert_rule_left_out(struct node *n, const struct rule_left_out *rule);
void alert_source_standing(struct node *n, struct str source, struct str why);
void alert_campaign_braked(struct node *n, struct str campaign, struct str why);

/* ---- slices.c */
/* Takes a worker's wish, and frees it. */
void slices_on_wish(struct node *n, struct work_wish *wish);
/* Deals the limits wider than a worker anew and tells the workers what changed. */
void slices_deal(struct node *n);
/* Asks the database for the node's parts if it is time to. */
void slices_ask(struct node *n);
/* No worker counts anything more than it said last: tells the database. */
void slices_leave(struct node *n);
void slices_free(struct node *n);

/* ---- live.c */
void live_on_status(struct node *n, struct work_status *status);
void live_tick(struct node *n);
void live_free(struct node *n);

#endif
