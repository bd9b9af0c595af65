/* SPDX-License-Identifier: MIT */
/*
 * `campaign test`: a hidden campaign of one recipient with the newest content of another, at the
 * highest priority, sent by a running node; its first outcome ends it. Blocking.
 *
 *	trial_start → trial_look until it has an outcome (or time is up) → trial_end
 */
#ifndef EDM_SCHEDULER_CAMPAIGN_TRIAL_H
#define EDM_SCHEDULER_CAMPAIGN_TRIAL_H

#include "engine/base/address.h"
#include "scheduler/campaign/store.h"

#define TRIAL_NAME_MAX 40

struct trial {
	char name[TRIAL_NAME_MAX]; /* of the hidden campaign and of its list */
	int32_t campaign;
	int32_t list;
	int64_t rid;
	struct str address; /* of the request */
};

/* What became of it; numbers of engine/reply/outcome.h. */
struct trial_outcome {
	enum recipient_state state;
	unsigned klass, words, stage;
	int code;	  /* of the reply, 0 = none */
	int32_t enhanced; /* class × 1,000,000 + subject × 1,000 + detail; 0 = none */
	int tls;	  /* 0 plain, 12, 13 */
	int64_t took_ms;
	char mx[ADDRESS_DOMAIN_MAX + 1];
	struct buf reply; /* the receiver's words, or ours */
	bool suppresses;  /* the address gets nothing any more, from any campaign, because of it */
};

/* What to send to whom. */
struct trial_request {
	const struct campaign_row *row;
	struct str address;
	struct campaign_actor by;
};

/* Makes and starts it. The attributes are those of the member with that address, else of any
 * member. REFUSED when no node runs or it could not be sent (the sentence says why). */
int trial_start(struct pg_blocking *db, const struct trial_request *request, struct trial *trial,
		struct err *err) NODISCARD;
/* 1: there is an outcome, in *out (its buf initialised by the caller); 0: not yet. */
int trial_look(struct pg_blocking *db, const struct trial *trial, struct trial_outcome *out,
	       struct err *err) NODISCARD;
/* Cancels what is not final and takes the hidden list away. */
int trial_end(struct pg_blocking *db, const struct trial *trial, const struct campaign_actor *by,
	      struct err *err) NODISCARD;

#endif
