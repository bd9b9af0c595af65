/* SPDX-License-Identifier: MIT */
/*
 * Inside a worker: queues, lanes and their sessions. Everything belongs to the worker's thread.
 *
 *   worker_queue    one provider (or tail site): its jobs, its lanes, its clean rate
 *   lane            one source at that queue: limits and connections
 *   lane_session    one connection of a lane, to one site; carries one message, or two when the
 *                   next envelope rides along with the body
 *   lane_slot       a message under way on it: the job with the permit it holds
 *
 * A lane_session is on exactly one list of its queue or lane: lane.opening (until greeted),
 * queue.idle (may take a job), lane.busy (carries one), lane.ending (quits or waits for the peer's
 * end).
 */
#ifndef EDM_SCHEDULER_NODE_WORKER_PRIVATE_H
#define EDM_SCHEDULER_NODE_WORKER_PRIVATE_H

#include <pthread.h>

#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/net/session.h"
#include "ip-pool/choose.h"
#include "ip-pool/pool.h"
#include "ip-pool/permit.h"
#include "ip-pool/scope.h"
#include "ip-pool/spike.h"
#include "scheduler/node/slices.h"
#include "scheduler/node/worker.h"
#include "scheduler/plan/provider_queue.h"
#include "scheduler/plan/spare.h"

struct worker_queue;

/* A sending domain or a campaign in a queue. Kept while something of it is under way or learnt. */
struct queue_party {
	struct list node; /* worker_queue.parties */
	struct party party;
	struct str name;	    /* the domain, or the campaign's name; owned */
	int32_t campaign;	    /* 0: a domain */
	int64_t waited_ms;	    /* somebody last had to wait for it */
	char reply[LANE_REPLY_MAX]; /* what last slowed it down; "" = not known */
};

struct lane {
	struct worker_queue *queue;
	struct identity *identity; /* where source stands; a reference */
	const struct source *source;
	struct lane_limits limits;
	struct warmup warmup;  /* in force when limits.warmup points to it */
	bool has_health_pause; /* its rest stands in table pause, too */
	/* Found paths, of the rules of worker.limits_round: asking is per message, finding is not.
	 */
	struct permit_path path;	  /* without a campaign */
	struct permit_path campaign_path; /* with the one last asked for */
	uint32_t paths_round;		  /* 0 = not found yet */
	int32_t path_campaign, path_version;
	struct list opening, busy, ending; /* struct lane_session */
	size_t sessions;		   /* on any list */
	size_t greeted;			   /* of them, those whose host has greeted */
	int64_t failed_since_ms;	   /* since then no host has greeted; 0 = one did */
	char failed_host[256];		   /* which was the last not to … */
	char failed_text[LANE_REPLY_MAX];  /* … and what it said or did */
	bool gives_up;			   /* one of them, to a queue that has less */
	struct spare spare;
	uint64_t delivered, settled;
	struct list connected;		/* worker.connected while there are new or told ones */
	int32_t connecting;		/* connections under way */
	int32_t connects_new;		/* connections begun that control was not told of … */
	int32_t connects_told;		/* … or was, and they may not be in the database yet */
	uint64_t passes;		/* answers since the last that throttled */
	struct list retired;		/* worker_queue.retired, or nowhere */
	struct limiter_wait wait;	/* what it last had to wait for */
	int64_t wait_until_ms;		/* … and until when; in the past = it was going */
	struct limiter_wait short_wait; /* what it last waited for while it had work … */
	int64_t short_ms;		/* … and when; 0 = it never did */
};

struct lane_slot {
	struct work_job *job; /* NULL = free */
	struct permit_path path;
	struct permit permit;
	struct list committing; /* worker.committing or .written_committing */
	struct lane_session *carrier;
	int64_t begun_ms;
	bool is_given_up; /* by us: says nothing about the receiver */
};

struct lane_session {
	struct list node;
	struct lane *lane;
	struct site *site;
	char host_name[256]; /* the host may leave the site meanwhile */
	struct session *session;
	struct lane_slot slots[2];
	struct permit_path path; /* the connection's */
	int64_t begun_ms;
	int64_t messages;   /* permits used on it */
	uint64_t idle_pump; /* worker_queue.pumps when it became idle */
	bool is_greeted;
	bool has_answered; /* the host, what became of a message */
	bool is_probe;	   /* of a host that was down */
	bool is_leaving;   /* we are closing it */
	struct timer idle_timer;
	struct list resting; /* worker.resting while it is idle */
};

struct worker_queue {
	struct map_node by_name; /* worker.queues */
	struct list dirty;	 /* worker.dirty while it is to be pumped */
	struct worker *worker;
	struct str name;
	struct str provider; /* empty: tail */
	struct provider_queue jobs;
	const struct source **sources;	     /* those usable here, in the worker's identity */
	struct lane **lanes;		     /* of sources[i]; NULL until used */
	struct choose_candidate *candidates; /* of sources[i] */
	size_t source_count;
	struct list retired; /* struct lane (node) whose source may not be used any more */
	struct list idle;    /* struct lane_session of all lanes */
	struct outcome
		block; /* the last one, in block_text and block_rule; OUTCOME_BLOCKED or blank */
	char block_text[WORK_TEXT_MAX], block_rule[128], block_host[256];
	struct scope_watch *watch; /* whom limits are about; NULL until somebody was throttled */
	enum outcome_scope told;   /* … as it was told at told_ms; 0 = it could not be */
	int64_t told_ms;
	struct list parties;	 /* struct queue_party, from the first watch on */
	struct list dead_sites;	 /* struct site (dead) with jobs here, each a reference */
	struct site *parked_of;	 /* the dead one whose people left last: a reference, or NULL */
	int64_t parked_until_ms; /* when they come back */
	struct spike spike;	 /* of addresses unknown here */
	size_t sessions, opening;
	uint64_t pumps;		 /* so far */
	struct timer wake;	 /* when the earliest wait ends */
	struct list waits_room;	 /* worker.waiting_room while it waits for a connection of another
				    queue to end */
	struct list waits_seat;	 /* worker.waiting_seats: it has no connection and the node has all
				    it may have */
	struct list waits_bytes; /* worker.waiting_bytes: the budget of composed bytes was full */
	int64_t held_ms;	 /* when it was last asked which campaigns go */
	int64_t open_after_ms;	 /* no new connection is tried before */
	uint64_t settled;	 /* jobs that ended here */
	uint64_t settled_before; /* at the last tick, for the rate */
	double rate_per_s;	 /* settled, smoothed */
	double transfer_ms;	 /* what messages take, smoothed */
	int64_t used_ms;	 /* last time it had a job or a session */
};

/* What a campaign last waited for, of the limits of its own or of its sending domain. */
struct campaign_wait {
	struct limiter *binding; /* NULL = nothing */
	struct limiter_wait last;
	int64_t noted_ms;
};

/* A limiter wider than a lane. */
struct shared_limiter {
	struct map_node node; /* worker.limiters by the hash of key */
	struct buf key;	      /* level and the strings of its scope */
	char *strings;	      /* what its scope points to */
	struct limiter limiter;
	struct campaign_wait campaign_wait; /* of LEVEL_CAMPAIGN */
};

struct worker {
	pthread_t thread;
	struct loop *loop;
	struct net *net;
	struct mailbox *inbox;
	struct work_posts posts;       /* to control */
	struct worker_options options; /* settings replaced by a reload */
	struct identity *identity;
	struct map queues;	   /* struct worker_queue by name */
	struct map limiters;	   /* struct shared_limiter by scope; some of them leave */
	uint32_t limits_round;	   /* grows when lanes must find their limiters anew, from 1 */
	struct list dirty;	   /* queues to pump at the end of the turn */
	struct list waiting_room;  /* queues that wait for a connection of another to end */
	struct list waiting_seats; /* queues without a connection while there are max_sessions */
	struct list waiting_bytes; /* queues that wait to compose, in turn */
	struct timer bytes_timer;  /* while there are some: looks again */
	struct list connected;	   /* lanes with connections the database may not know of */
	bool tells_connects;	   /* control was told and has not answered */
	bool wants_connects;	   /* a lane has many it was not told of */
	struct list resting;	   /* idle lane_session (resting), the longest first */
	int64_t room_looked_ms;	   /* when somebody was last asked to give up a connection */
	struct journal_stream *journal;
	struct list committing; /* slots whose intent the next write puts into the journal */
	struct list settled;	/* jobs (by plan.node) whose outcome it puts there */
	struct list written_committing, written_settled; /* written, maybe not durable yet */
	struct turn_hook hook;
	struct timer tick; /* once a second: rates, status, eviction */
	size_t sessions;
	size_t limbo; /* jobs that left their queue and wait for their letters */
	struct letter drained_letter;
	int64_t drain_until_ms;	 /* draining: what is under way then is given up */
	uint64_t reload;	 /* number of the last one */
	uint64_t site_round;	 /* of the last one */
	int64_t shares_until_ms; /* shares of limits over all nodes may be used until then */
	int64_t saved_ms;
	bool has_news;	 /* a lane or a party was cut or rests: saved at the next tick */
	bool wants_wish; /* somebody waits for a limit that other workers have shares of */
	bool is_draining, is_stopped, is_journal_broken, is_syncing;
	struct err journal_failure; /* of the last write; ERR_NONE = it went well */
};

/* ---- worker.c */
/* Nothing queued, waiting or limited yet; part of worker_open. */
void worker_init_lists(struct worker *w);
/* The queue is pumped at the end of this turn. */
void worker_touch(struct worker_queue *q);
/* Puts a job that is outside into the queue, behind those of its campaign. */
void worker_offer(struct worker_queue *q, struct work_job *job);
/* The job ends here with the outcome in its result: goes to control after the journal write, when
 * its letters are in. */
void worker_settle(struct worker *w, struct work_job *job);
/* The job goes back untried, at once or when its letters are in. */
void worker_return(struct worker *w, struct work_job *job, enum work_returned why);
/* Database time of a loop time. */
int64_t worker_wall_us(const struct worker *w, int64_t at_ms);
/* May messages and connections be begun: neither draining nor without a lease or a journal? */
bool worker_may_begin(const struct worker *w);

/* ---- worker_record.c: what the worker writes down and tells */
/* INTENT of a job, into the journal's buffer; once, however often its commit lapses. */
void worker_record_intent(struct worker *w, struct work_job *job);
/* Takes it back, if there is one: the terminator did not leave. */
void worker_unrecord_intent(struct worker *w, struct work_job *job);
/* OUTCOME of a settled job, likewise. */
void worker_record_outcome(struct worker *w, struct work_job *job);
/* The job goes back untried: nothing in the journal is about it any more. */
void worker_forget_records(struct worker *w, struct work_job *job);
/* Sends a struct work_status to control. */
void worker_send_status(struct worker *w);

/* ---- worker_limits.c */
/* The limiter of a scope wider than a lane, made when first needed; its strings are copied. */
struct limiter *worker_limiter(struct worker *w, const struct limit_scope *scope);
/* Makes those that have a past, before the first wish. */
void worker_limiters_open(struct worker *w);
/* Puts the identity's rules in force in all of them. */
void worker_limiters_bind(struct worker *w);
/* Drops those of campaigns, and of tail sites without a queue, that count nothing any more. */
void worker_limiters_evict(struct worker *w, int64_t now);
void worker_limiters_free(struct worker *w);
/* Everything a message of this campaign asks on the lane. */
struct permit_path worker_path(struct lane *lane, const struct campaign_snapshot *campaign);

/* ---- worker_slices.c */
/* Tells control what this worker counts and could use of the limits it shares with others. */
void worker_send_wish(struct worker *w);
/* The wish of every second. */
void worker_wish_tick(struct worker *w);
/* Somebody with work has to wait for what binds on this path. */
void worker_note_short(struct worker *w, const struct permit_path *path,
		       const struct limiter_wait *wait);
/* Frees the letter. */
void worker_take_shares(struct worker *w, struct work_shares *shares);

/* ---- worker_lanes.c */
/* Tells control what the lanes and the parties have learnt. */
void worker_save(struct worker *w);
/* Now and then, and soon after news. */
void worker_save_tick(struct worker *w, int64_t now);

/* ---- worker_connects.c */
/* A connection of the lane is established, or failed. */
void worker_note_connect(struct lane *lane);
/* May the lane begin one more, or does the database not know of too many? */
bool worker_may_connect(struct lane *lane);
/* When it may ask again, and in lane->wait that it waits for the database. */
int64_t worker_wait_for_save(struct lane *lane, int64_t now);
/* That wait, if the lane had it now; changes nothing. */
struct limiter_wait worker_save_wait(struct lane *lane, int64_t now);
/* The most a lane may have had under way or not in the database at any time from … to, by the
 * limits of then: the tightest level's loosest. Strings of the scope are a lane's. */
int64_t worker_left_connects(const struct worker *w, const struct limit_scope *lane,
			     const struct limit_values *profile, int64_t from_ms, int64_t to_ms);
/* Tells control of new connections unless it has not answered yet; is_last: then, too. */
void worker_tell_connects(struct worker *w, bool is_last);
/* What it was told last is in the database. */
void worker_connects_saved(struct worker *w);

/* ---- worker_room.c */
/* The lane has work and may not open a connection (lane->wait says why): if other queues hold what
 * it waits for, one of them gives a connection up. */
void worker_want_room(struct lane *lane);
/* The queue looks again when a connection of another, or what it carries, has ended. */
void worker_wait_for_room(struct worker_queue *q);
/* A connection ended: queues that waited for that may try, before the one it was of. */
void worker_has_room(struct worker *w);
/* Has the queue a connection, or may the worker open one for it? Else it waits for a seat. */
bool worker_has_seat(struct worker_queue *q);
/* May it open one now? Those that have none go first. */
bool worker_may_open(struct worker_queue *q);
/* Has nobody of the queue use for its idle connections, while other queues wait for a seat? */
bool worker_seat_is_wanted(const struct worker_queue *q);
/* Queues that waited for a seat try, as many as there are free ones. */
void worker_share_seats(struct worker *w);
/* A message over this path has ended: who waits for its campaign or sending domain looks again. */
void worker_message_ended(struct worker *w, const struct permit_path *path);

/* ---- worker_ahead.c */
/* Asks for credits, and has messages composed. */
void worker_queue_let_ahead(struct worker_queue *q);
/* Queues that waited for the budget of composed bytes are pumped in turn, while there is room. */
void worker_share_bytes(struct worker *w);

/* ---- worker_queue.c */
struct worker_queue *worker_queue_of(struct worker *w, const struct site *site);
bool worker_has_queue(struct worker *w, struct str name);
void worker_queue_free(struct worker_queue *q);
/* composing → ready. */
void worker_queue_ready(struct worker_queue *q, struct job *plan);
/* Will a job that prefers a source be sent by until_ms: by it, or by any as it prefers in vain? */
bool worker_queue_goes_by(struct worker_queue *q, const struct job *plan, int64_t until_ms);
/* Who waits for a source that will not go soon waits for it no longer. */
void worker_queue_unprefer(struct worker_queue *q);
/* The session's host is to be left alone for a while. */
void worker_queue_site_failed(struct lane_session *ls, const struct outcome *outcome);
/* The site is dead: its jobs are parked, while there are any. */
void worker_queue_site_died(struct worker_queue *q, struct site *site);
void worker_queue_forget_dead(struct site *site);
/* People of a dead site leave until then. */
void worker_queue_parked(struct worker_queue *q, struct site *site, int64_t until_ms);
/* The dead site whose people have left and are not back yet, while nobody else is here; or NULL. */
const struct site *worker_queue_parked_of(const struct worker_queue *q, int64_t now);
/* A dead site was greeted, or may live: lanes that died of it may try. */
void worker_queue_site_lives(struct worker_queue *q, struct site *site);
/* pick_allows with the queue for context: may the job's campaign send over one of the lanes now, or
 * as soon as the lane may? */
bool worker_queue_campaign_goes(const struct job *plan, void *context);
/* It has work and its lanes wait: others may have what they wait for (shares, connections). */
void worker_queue_note_short(struct worker_queue *q);
/* The queue is pumped then at the latest; LIMITER_ON_EVENT: no such time. */
void worker_queue_wake(struct worker_queue *q, int64_t at);
/* Lets jobs ahead, gives ready jobs to idle sessions, opens connections, arms the wake-up. */
void worker_queue_pump(struct worker_queue *q);
/* Rates, and who waits for what will not go. */
void worker_queue_tick(struct worker_queue *q, int64_t now);
/* Takes the worker's identity: sources, limits and pauses; lanes of sources that may not be used
 * any more finish what they carry. */
void worker_queue_bind(struct worker_queue *q);
/* Closes idle connections that are more than is allowed now. */
void worker_queue_shed(struct worker_queue *q);
/* When the queue could go next: now, or what its lanes wait for; INT64_MAX = nobody knows. pool:
 * those of sources of that pool; NULL: all. */
int64_t worker_queue_next_ms(struct worker_queue *q, const struct str *pool, int64_t now);
/* Does the receiver's side keep every lane of the pool from going: is each dead, or resting after a
 * block? */
bool worker_queue_is_refused(const struct worker_queue *q, struct str pool, int64_t now);
/* Is sources[i] the first of its pool? To see each pool once. */
bool worker_queue_begins_pool(const struct worker_queue *q, size_t i);
/* Whose sources the campaign goes by. */
struct str worker_pool_of(const struct campaign_snapshot *campaign);
/* The next job a session of this lane may take for this site now, with its permit; false = none. */
bool worker_queue_take(struct lane *lane, struct site *site, struct lane_slot *slot);

/* ---- worker_parties.c */
/* After a reload, and once before anything: what earlier processes learnt of parties here holds,
 * what operators had them forget does not. */
void worker_parties_bind(struct worker_queue *q);
/* Fills in the parties of a campaign's path; none while nobody is known to have been throttled
 * here. */
void worker_parties_find(struct worker_queue *q, const struct campaign_snapshot *campaign,
			 struct permit_path *path);
/* Drops those that are like new. */
void worker_parties_tick(struct worker_queue *q, int64_t now);
/* True while new parties would know less: one is limited, or a message of one is under way. */
bool worker_parties_remember(const struct worker_queue *q, int64_t now);
void worker_parties_free(struct worker_queue *q);
/* Tells control what limits them. */
void worker_save_parties(struct worker *w);
/* Compares anew, now and then, whom limits here are about (q->told); cuts in doubt stand then, or
 * are taken back. Whoever only asks reads what is told. */
void worker_queue_tell(struct worker_queue *q, int64_t now);
/* Before the feedback of a slot's outcome: notes who was throttled and who was not, and puts into
 * the verdict whom a refusal is about that does not say so. */
void worker_aim(struct lane *lane, struct lane_slot *slot, struct outcome *outcome);
/* Is the wait one for what was learnt of a party? Then it is to be noted. */
bool worker_is_party_wait(const struct permit_path *path, const struct limiter_wait *wait);
void worker_note_party_wait(const struct permit_path *path, const struct limiter_wait *wait,
			    int64_t now);
/* A key of a lane's object: the parties limited there, if there are any. */
void worker_append_parties(const struct worker_queue *q, struct buf *out);
/* Objects of the campaigns that wait for their party here, after those in out. */
void worker_append_party_waits(struct worker_queue *q, struct buf *out);

/* ---- worker_outlook.c */
/* Keys of a lane's object: what it sends, what binds it, and what changes next; while it has a
 * connection or its queue mail. */
void worker_append_outlook(struct lane *lane, struct buf *out);
/* Keys of an object that says what the lane waits for, until when, and since when and because of
 * which reply, as far as these are known. */
void worker_append_wait(const struct lane *lane, const struct limiter_wait *wait, struct buf *out);

/* ---- worker_waits.c */
/* A message over this path has to wait: kept if the limit is one of the campaign. */
void worker_note_campaign_wait(struct worker *w, const struct permit_path *path,
			       const struct limiter_wait *wait);
/* JSON objects of the campaigns that wait for a limit of their own, separated by commas. */
void worker_append_campaign_waits(struct worker *w, struct buf *out);
/* A key of a lane's object: ids of the campaigns with people in the queue, some of them. */
void worker_append_campaigns(const struct worker_queue *q, struct buf *out);
/* Keys of a lane's object whose host cannot be connected to; false: nothing, it can. */
bool worker_append_refused(struct lane *lane, struct buf *out);
/* The same of a lane that goes on trying while its host turns every connection away; false: one was
 * greeted, or none was tried. */
bool worker_append_turned_away(struct lane *lane, struct buf *out);

/* ---- worker_park.c */
/* Jobs that waited too long for a lane or a site that will not go leave the queue. */
void worker_queue_park(struct worker_queue *q, int64_t now);

/* ---- lane.c */
struct lane *lane_new(struct worker_queue *q, const struct source *source);
void lane_free(struct lane *lane);
/* Puts limits and pauses of the worker's identity in force; source NULL: it may not be used any
 * more, and the lane keeps what it knows of it. */
void lane_bind(struct lane *lane, const struct source *source);
/* Opens a connection to the site; the permit must be there, and a host that may be tried. */
void lane_open(struct lane *lane, struct site *site);
/* Gives an idle session a job; false if there is none for it. */
bool lane_feed(struct lane_session *ls);
/* What its site knows of its host; NULL when the host has left the site. */
struct site_host *lane_session_host(struct lane_session *ls);
/* Ends a session politely; it must be idle. */
void lane_session_quit(struct lane_session *ls);
/* Lets the terminator of a slot go: its intent is in the journal. */
void lane_commit(struct lane_slot *slot);
/* Gives up the connection and whatever it carries; before its terminator a job just goes back. */
void lane_session_abort(struct lane_session *ls);
/* Recalls what is under way: it ends as it ends, but if it did not leave it is not tried again. */
void lane_recall(struct lane *lane, const struct work_recall *recall, enum work_returned why);

/* ---- lane_result.c */
/* What the outcome of a slot means: feedback, then settle, or another connection. */
void lane_on_outcome(struct lane_session *ls, struct lane_slot *slot, const struct outcome *facts);
/* A connection that ended before it was greeted. */
void lane_on_failed(struct lane_session *ls, const struct outcome *why);

#endif
