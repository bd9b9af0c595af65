/* SPDX-License-Identifier: MIT */
/*
 * A party: a sending domain, or a campaign (its content), at one provider over all sources.
 *
 * Some limits of a receiver are about neither a source nor a recipient. What they ask is asked of
 * the party they are about, so that the lanes go on for everybody else: its rate is cut and grows
 * again like that of a lane (controller.h), and it rests when the receiver wants nothing more of it
 * for a while, however long that is. The rate that was learnt goes two hours after the last
 * refusal; until then it outlives the process (table party_state).
 *
 * Life of a message: party_on_send at its MAIL, or party_on_join → party_on_end. Times are
 * monotonic milliseconds. One owner; pure.
 */
#ifndef EDM_IP_POOL_PARTY_H
#define EDM_IP_POOL_PARTY_H

#include "engine/reply/outcome.h"
#include "ip-pool/controller.h"
#include "ip-pool/limiter.h"
#include "ip-pool/windows.h"

/* A message has two. */
enum party_kind { PARTY_DOMAIN, PARTY_CAMPAIGN };
#define PARTY_KINDS 2

struct party {
	enum party_kind kind;
	struct controller controller; /* only its rate: connections are the lanes' */
	int64_t rest_began_ms;	      /* what was begun before asks for no new rest */
	int64_t rests_until_ms;
	int64_t refused_ms; /* when it was last cut or sent to rest */
	int64_t used_ms;    /* the last MAIL or its end */
	int64_t in_flight;  /* messages between the two */
	int64_t forgotten;  /* how often operators had it forget what it learnt */
};

/* What survives a restart (table party_state). */
struct party_state {
	struct controller_state controller; /* its rate */
	int64_t rest_left_ms;		    /* 0: it does not rest */
	int64_t refused_age_ms;
	int64_t forgotten; /* of the times it was told to forget, those it has heard of */
	char reply[WINDOWS_REPLY_MAX]; /* what last slowed it down; "" = not known */
};

void party_init(struct party *p, enum party_kind kind, int64_t now);
/* When its next message may go: now, or later and *wait_out filled. */
int64_t party_ready_at(const struct party *p, int64_t now, struct limiter_wait *wait_out);
/* Is anything learnt of it in force? */
bool party_is_limited(const struct party *p, int64_t now);
/* What is, in messages a minute; LIMIT_NONE if nothing, 0 while it rests. */
struct cap party_cap(const struct party *p, int64_t now);
/* Nothing is under way, nothing learnt, and it was not used for long: a new one is as good. */
bool party_is_blank(const struct party *p, int64_t now);
/* Something is under way, or what was learnt is not forgotten yet: one made anew knows less. */
bool party_remembers(const struct party *p, int64_t now);

void party_on_send(struct party *p, int64_t now);
/* For one that is made while a message of its own is under way: what each lane sent lately, that
 * message too. Nobody counted whose it was: it is the most that the party may have sent. */
void party_learn_past(struct party *p, const struct controller *lane, int64_t now);
/* That message is its first; party_learn_past has counted it. */
void party_on_join(struct party *p, int64_t now);
/* Its outcome is there; was_answered: by the receiver, and not to slow anybody down. */
void party_on_end(struct party *p, bool was_answered, int64_t begun_ms, int64_t now);

/* All but the reply, which the owner keeps. */
void party_save(const struct party *p, int64_t now, struct party_state *state_out);
/* p must be initialised; age_ms: how long ago it was saved. */
void party_load(struct party *p, const struct party_state *state, int64_t age_ms, int64_t now);
/* Is anything in a state of that age still worth loading? */
bool party_state_holds(const struct party_state *state, int64_t age_ms);
/* Operators had it forget so often: rate and rest go, unless it has heard of that; true if not. */
bool party_forget(struct party *p, int64_t forgotten, int64_t now);

/* The one of the two that a refusal is about, or -1: it is not about a party. */
int party_of_verdict(const struct verdict *verdict);
/* Does what such a verdict asks, in reply to what was begun at begun_ms; true if less is allowed
 * than before. */
bool party_refused(struct party *p, const struct verdict *verdict, int64_t begun_ms, int64_t now);

#endif
