/* SPDX-License-Identifier: MIT */
/*
 * A recipient on its way through the node, and the letters in which threads hand it on.
 *
 * Life of a work_job: control makes it from a leased chunk and offers it to the worker that owns
 * its provider. There it waits in the provider's queue. When it is let ahead, two letters leave at
 * once: one to the composers, one to control for its credit. With both back it is ready, and a
 * session takes it. It ends by going back to control, settled (with an outcome) or returned (not
 * tried). A job never goes back while one of its letters is out, so whoever receives a letter may
 * touch the job.
 *
 * Threads: a job has one owner at a time, the thread that holds it; while a letter is out the
 * receiver touches only what the letter is about (draft, or has_credit).
 */
#ifndef EDM_SCHEDULER_NODE_WORK_H
#define EDM_SCHEDULER_NODE_WORK_H

#include "engine/dns/mx.h"
#include "engine/loop/mailbox.h"
#include "engine/reply/outcome.h"
#include "scheduler/campaign/snapshot.h"
#include "scheduler/node/keeper.h"
#include "scheduler/node/settle.h"
#include "scheduler/plan/job.h"

/* Longest reply text kept with an outcome, bytes. */
#define WORK_TEXT_MAX 512u

/*
 * What bounds the boxes. A job has three letters (offer/settled/returned, credit, compose), each in
 * one box at most, and jobs are bounded by budget.leased; LETTER_DRAIN and LETTER_DRAINED are one a
 * worker. All others are posted: one letter a worker and kind, whose content is replaced or added
 * to while it has not been taken. What may grow that way has a bound of its own:
 *
 *	RECALL	a wish for each campaign and lease there is, and the suppressed among held jobs
 *	FLUSHED	a count for each segment of the worker's journal
 *	RELOAD	the newest
 *	STATUS, LANES	the newest
 *	BLOCKED	one for each lane
 *	CONNECTS	the worker's: two, since it waits for the answer but at its end;
 *		control's: one
 *	SHARES	control's: one item for each limit; the worker's: the newest
 */
enum work_letter_kind {
	LETTER_OFFER,	 /* control → worker: a new job */
	LETTER_CREDIT,	 /* worker → control: credit wanted; control → worker: committed */
	LETTER_COMPOSE,	 /* worker → composers; composers → worker: composed, or failed */
	LETTER_SETTLED,	 /* worker → control: result holds the outcome */
	LETTER_RETURNED, /* worker → control: not tried; returned says why */
	LETTER_DRAIN,	 /* control → worker: take nothing new, finish what is under way */
	LETTER_DRAINED,	 /* worker → control: nothing is left */
	/* Posted. */
	LETTER_RECALL,	 /* control → worker: struct work_recalls */
	LETTER_FLUSHED,	 /* control → worker: struct work_flushed */
	LETTER_RELOAD,	 /* control → worker: struct work_reload */
	LETTER_STATUS,	 /* worker → control: struct work_status */
	LETTER_LANES,	 /* worker → control: struct work_lanes (worker.h) */
	LETTER_PARTIES,	 /* worker → control: struct work_parties (worker.h) */
	LETTER_BLOCKED,	 /* worker → control: struct work_blocked (worker.h) */
	LETTER_CONNECTS, /* worker → control: struct work_connects (worker.h); control → worker:
			    what it told is in the database */
	LETTER_SHARES,	 /* worker → control: struct work_wish; control → worker: work_shares */
};
#define WORK_POSTED_FIRST LETTER_RECALL
#define WORK_LETTER_COUNT (LETTER_SHARES + 1)

/* The letters that one side posts to the other, by kind; those of the other side lie idle. */
struct work_posts {
	struct mailbox *to;
	struct letter letters[WORK_LETTER_COUNT];
};
void work_posts_init(struct work_posts *posts, struct mailbox *to);
/* Posts content as a letter of that kind; returns what of it had not been taken yet. */
void *work_post(struct work_posts *posts, enum work_letter_kind kind, void *content);
/* Takes back what has not been taken, to add to it. */
void *work_post_undo(struct work_posts *posts, enum work_letter_kind kind);

/* Why a job came back untried. */
enum work_returned {
	RETURNED_NOT,	     /* it did not come back */
	RETURNED_RECALLED,   /* a recall wanted it */
	RETURNED_SUPPRESSED, /* a recall by rid wanted it */
	RETURNED_PARKED,     /* its lane will not go for long: due_ms says when */
	RETURNED_ELSEWHERE,  /* its site is dead, and its domain has another */
	RETURNED_REROUTED,   /* a route has taken its domain elsewhere, or changed the way there */
	RETURNED_DRAINED,    /* the node stops */
};

/* What became of one attempt. Slices of the settlement point into text, host, the strings, the
 * person or the job's site. */
struct work_result {
	struct settlement settlement;
	struct outcome outcome; /* text points into text[] */
	struct settle_strings strings;
	char text[WORK_TEXT_MAX];
	char host[256]; /* MX name, NUL-terminated */
	char peer[64];	/* its address */
	char tls[32];	/* "TLSv1.3", "" = plain */
	uint32_t source;
	int64_t at_us;	  /* database time of the final reply */
	int64_t asked_us; /* not before, from lane or rule; 0 = by the schedule */
	int32_t queue_ms, connect_ms, transfer_ms; /* delays= of the log line */
};

/* A message as it goes out. Most jobs in hand have none. */
struct work_draft {
	struct message message;
	struct buf mail_from;
	struct str slices[2]; /* of message, while a session has it */
	size_t counted;	      /* bytes counted for it: while it is being made, of the one before */
};

/* Messages begun of a job that nothing was settled for, by source: receivers count them. */
struct work_lost {
	uint32_t source;
	int32_t messages;
};
#define WORK_LOST_SOURCES 4u /* told apart; more are counted for the last */

struct work_job {
	struct job plan;
	struct letter letter; /* offer, settled, returned */
	struct letter credit_letter;
	struct letter compose_letter;
	/* The small ones stand together: there are tens of thousands of jobs in hand. */
	bool is_credit_out, is_compose_out; /* which letters are under way (the worker's notes) */
	bool is_credit_wished;		    /* the credit letter is with control (control's note) */
	bool has_credit;		    /* its bit in open_map is committed */
	bool is_composed;		    /* draft is filled in */
	bool is_recalled;		    /* goes back as soon as its letters are in */
	bool has_other_site;		    /* there is one after site_number */
	bool is_of_group;	  /* its queue is its group's: parked, it waits in its chunk */
	bool takes_verp;	  /* the provider takes an envelope sender that differs from From */
	bool has_intent;	  /* its INTENT stands and was not taken back */
	uint16_t position;	  /* in the chunk */
	uint16_t attempt;	  /* this one; the first is 1 */
	uint16_t site_number;	  /* which of its domain's sites, from 0, the best */
	uint16_t unreached_tries; /* connections that failed under it since it was offered */
	enum work_returned returned;

	/* From the chunk; owned by the lease, which outlives the job. */
	struct node_lease *lease;
	uint64_t rid;
	struct str address;
	struct str attributes; /* JSON object, or empty */
	struct campaign_snapshot *campaign;
	struct mx_answer
		*answer; /* the addresses of its site when it was dispatched; a reference */

	/* Filled in by the composer. */
	struct mailbox *compose_reply_to;
	struct work_draft *draft;  /* from the offer to the composers until its message has left */
	struct err *compose_error; /* why it could not be made, owned; NULL when it could */

	int64_t due_ms;		    /* of a parked job: when its lane can go (monotonic) */
	struct work_lost *lost;	    /* WORK_LOST_SOURCES of them, owned; NULL: none */
	struct journal_marks marks; /* segments of the journal with its records */
	struct work_result *result; /* made when there is something to say */
};

/* Take back jobs not past MAIL. */
struct work_recall {
	int32_t campaign; /* 0 = any */
	uint64_t *rids;	  /* sorted; NULL = any */
	size_t rid_count;
	struct node_lease *lease; /* NULL = any */
};

bool work_recall_wants(const struct work_recall *recall, const struct work_job *job);
/* For qsort and bsearch of uint64_t. */
int work_compare_rids(const void *a, const void *b);

/* What was not heard yet. Freed by the worker. */
struct work_recalls {
	size_t count;
	struct work_recall *items; /* no two alike; at most one with rids. Owned, rids too */
};
/* Adds a copy of recall to what r (NULL: nothing yet) wants; returns r. */
struct work_recalls *work_recalls_add(struct work_recalls *r, const struct work_recall *recall);
void work_recalls_free(struct work_recalls *r);

/* Longest envelope sender, bytes. */
#define MAIL_FROM_MAX 320u

/* A blank job; control owns it. */
struct work_job *work_job_new(void);
/* None of its letters may be out. NULL is fine. */
void work_job_free(struct work_job *job);
/* Gives it an empty draft; it has none. */
void work_job_draft(struct work_job *job);
/* Forgets the composed message. */
void work_job_uncompose(struct work_job *job);
/* Keeps a copy of the outcome as the job's result, the text clipped to WORK_TEXT_MAX; the evidence
 * is blank for the caller to fill in. */
struct work_result *work_job_result(struct work_job *job, const struct outcome *outcome);
/* Fills in the result's settlement: what becomes of the recipient. */
void work_job_decide(struct work_job *job, const struct settle_policy *policy);

/* Records of the journal whose settlements are in the database. Freed by the worker. */
struct work_flushed {
	size_t count;
	struct work_flushed_item {
		uint64_t segment;
		size_t records;
	} * items; /* a segment once; owned */
};
/* Counts records of a segment in f (NULL: nothing yet); returns f. */
struct work_flushed *work_flushed_add(struct work_flushed *f, uint64_t segment, size_t records);
void work_flushed_free(struct work_flushed *f);

/* Of a job, or of the end. */
void work_letter_send(struct mailbox *to, struct letter *letter, enum work_letter_kind kind,
		      void *content);

#endif
