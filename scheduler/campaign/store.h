/* SPDX-License-Identifier: MIT */
/*
 * Campaigns in the database: make, edit, see, move from state to state.
 *
 * Every change is one statement that is guarded by what the caller saw (state or version), writes
 * an event with actor and reason, and notifies running nodes on channel `edm`. Blocking; for the
 * command line.
 */
#ifndef EDM_SCHEDULER_CAMPAIGN_STORE_H
#define EDM_SCHEDULER_CAMPAIGN_STORE_H

#include "engine/pg/blocking.h"
#include "scheduler/campaign/campaign.h"
#include "scheduler/campaign/content.h"
#include "scheduler/campaign/hours.h"
#include "scheduler/campaign/snapshot.h"
#include "scheduler/ledger/ledger.h"

#define CAMPAIGN_NAME_MAX 100 /* bytes */
#define CAMPAIGN_PRIORITY 100
#define CAMPAIGN_PRIORITY_MAX 1000
#define CAMPAIGN_PRIORITY_TEST 32767 /* of `campaign test` */
#define CAMPAIGN_GIVE_UP_MS (48 * 3600000LL)
#define CAMPAIGN_NO_TIME INT64_MAX /* a deadline that is none */

struct campaign_actor {
	struct str actor;
	struct str because; /* may be empty */
};

struct campaign_names {
	const struct str *items;
	size_t count;
	bool is_none; /* count 0 is meant: those there were are taken away */
};

/* What is not set (NULL, no names) is the default of a new campaign, or stays as it is. */
struct campaign_settings {
	const char *pool; /* "" = any source */
	const bool *is_unsigned;
	const enum unknown_policy *unknown;
	const int64_t *give_up_after_ms;
	const int64_t *deadline_us; /* CAMPAIGN_NO_TIME: none */
	const int64_t *priority;
	const char *hours; /* "" = always */
	const char *hours_zone;
	struct campaign_names lists;
	struct campaign_names excluded;
};

struct campaign_request {
	const char *name;
	struct campaign_settings settings;
	const struct content_source *content; /* NULL (edit): as it is */
	int32_t audience_of;		      /* campaign whose people it goes to, 0 = none */
	unsigned audience_states;	      /* bit set of enum recipient_state */
	bool is_hidden;			      /* made by the program itself; not listed */
	struct campaign_actor by;
};

/* One campaign as shown; slices live as long as the view. */
struct campaign_row {
	int32_t id;
	int32_t version;
	int32_t content_version;
	enum campaign_state state;
	enum pause_reason reason;
	enum unknown_policy unknown;
	bool is_unsigned;
	bool is_complete; /* the audience is built */
	int priority;
	struct str name, reason_text, state_by, from_address, from_name, subject, pool, zone;
	struct str audience_of, created_by; /* audience_of: a campaign's name, or empty */
	struct str hours, hours_zone;	    /* empty: always */
	struct str common_hours;	    /* of all campaigns, with the zone */
	struct pg_items lists, excluded;    /* names */
	struct str reply_to, preheader;	    /* empty: none */
	struct pg_items attachments;	    /* names of files */
	struct pg_items audience_states;    /* with audience_of: numbers of recipient states */
	struct str scheduled_wall;	    /* the start by the clock of zone, or empty */
	int64_t give_up_after_s;
	int64_t grace_s;     /* -1 = any */
	int64_t deadline_us; /* 0 = none, as all times here */
	int64_t scheduled_us, state_since_us, created_us, started_us, finished_us;
	int64_t now_us;	  /* database time of the view */
	int64_t audience; /* people in it; while it is built, those built so far */
	int64_t expected; /* people it is being built from; 0 = not frozen yet */
	int64_t counts[RECIPIENT_STATE_END];
	double rate;	  /* messages that receivers decide about a second, over the last seconds */
	int64_t opens_us; /* outside its sending hours until then (CALENDAR_NEVER); 0 = within */
};

struct campaign_view {
	struct campaign_row *items;
	size_t count;
	struct pg_rows *rows;
};

/* 1 to CAMPAIGN_NAME_MAX bytes of UTF-8 without control characters, beginning with neither a blank
 * nor '-'; USAGE otherwise. */
int campaign_check_name(const char *name, struct err *err) NODISCARD;
/* The one called name (NOT_FOUND), or with NULL all that are not hidden, newest first. End with
 * campaign_view_done, also after a failure. */
int campaign_view_load(struct pg_blocking *db, const char *name, struct campaign_view *view,
		       struct err *err) NODISCARD;
void campaign_view_done(struct campaign_view *view);

/* NOT_FOUND with the names that are no list. */
int campaign_check_lists(struct pg_blocking *db, struct campaign_names names,
			 struct err *err) NODISCARD;
/* Makes a draft. REFUSED when the name is taken. */
int campaign_create(struct pg_blocking *db, const struct campaign_request *request, int32_t *id_out,
		    struct err *err) NODISCARD;
/* The newest content of a campaign, to be edited or copied. */
int campaign_content_load(struct pg_blocking *db, const struct campaign_row *row,
			  struct content_source *source, struct err *err) NODISCARD;
/* Changes what request sets. REFUSED by state, when it was changed since row was read, or (paused)
 * while nodes still hold leases of it (retry in a moment: *is_leased_out). */
int campaign_edit(struct pg_blocking *db, const struct campaign_row *row,
		  const struct campaign_request *request, bool *is_leased_out,
		  struct err *err) NODISCARD;
/* Changes the sending hours of a campaign that is not over, running or not. REFUSED by state, or
 * when it was changed since row was read. */
int campaign_set_hours(struct pg_blocking *db, const struct campaign_row *row,
		       const struct campaign_request *request, struct err *err) NODISCARD;
/* Of a paused campaign: how many keep the version they may have had, how many get the newest. */
int campaign_edit_reach(struct pg_blocking *db, int32_t campaign, int64_t *bound_out,
			int64_t *newest_out, struct err *err) NODISCARD;

struct campaign_change {
	struct campaign_actor by;
	int64_t at_us;	  /* MOVE_SCHEDULE: when */
	const char *zone; /* in which zone that was said */
	int64_t grace_s;  /* -1 = any */
};

/* One move of the state machine. REFUSED with the legal moves, or when row is stale. */
int campaign_apply(struct pg_blocking *db, const struct campaign_row *row, enum campaign_move move,
		   const struct campaign_change *change, struct err *err) NODISCARD;
/* Sends once more to everybody whose outcome was unknown when row was read; how many. REFUSED when
 * there is nobody. */
int campaign_resend_unknown(struct pg_blocking *db, const struct campaign_row *row,
			    const struct campaign_actor *by, int64_t *count_out,
			    struct err *err) NODISCARD;

/* Nodes whose lease holds. */
int campaign_count_nodes(struct pg_blocking *db, int64_t *count_out, struct err *err) NODISCARD;
/* Waits until something is said on channel `edm`, at most timeout_ms. */
int campaign_wait_news(struct pg_blocking *db, int timeout_ms, struct err *err) NODISCARD;

#endif
