/* SPDX-License-Identifier: MIT */
/*
 * What is checked before a campaign starts, each finding one sentence. An error stops the start, a
 * warning is shown. preflight_judge is pure; preflight_run reads the facts. Blocking.
 */
#ifndef EDM_SCHEDULER_CAMPAIGN_PREFLIGHT_H
#define EDM_SCHEDULER_CAMPAIGN_PREFLIGHT_H

#include "scheduler/campaign/store.h"

#define PREFLIGHT_FINDINGS_MAX 64
#define PREFLIGHT_SAMPLE 5000 /* members of each list looked at for empty attributes */

/* A variable of the content. */
struct preflight_variable {
	struct str name;
	bool is_needed;	 /* content_variable_is_needed */
	bool is_known;	 /* some member has it */
	int64_t lacking; /* of sampled members */
	int64_t sampled;
};

struct preflight_facts {
	int64_t lists;
	struct pg_items removed_lists;	  /* names */
	struct pg_items removed_excluded; /* whose people were to be left out */
	int64_t audience;		  /* subscribed members, at most */
	int64_t sources;		  /* active ones */
	int64_t pool_sources;		  /* of them in the pool */
	struct str pool;		  /* empty: any */
	struct str from_domain;
	bool domain_is_known;
	bool is_unsigned;
	int64_t signing_keys;
	struct str unsubscribe_base;
	bool names_unsubscribe;		   /* the content shows unsubscribe_url */
	int64_t deadline_us, scheduled_us; /* 0 = none */
	int64_t opens_us;		   /* of struct campaign_row */
	int64_t now_us;
	int64_t nodes;	    /* running */
	struct str of_name; /* audience of that campaign; empty: of lists */
	enum campaign_state of_state;
	int64_t of_people;
	struct str paused_what, paused_by, paused_why; /* what is empty: nothing is */
	const struct preflight_variable *variables;
	size_t variable_count;
};

struct preflight_finding {
	bool is_error;
	const char *name; /* stable, for --json: "audience-empty" */
	char *sentence;
};

struct preflight {
	struct arena memory;
	struct preflight_finding findings[PREFLIGHT_FINDINGS_MAX];
	size_t count;
	size_t errors;
	int64_t audience; /* people it would go to, at most */
	int64_t start_us; /* when it is to start; 0 = as stored, else now */
};

void preflight_init(struct preflight *p);
void preflight_done(struct preflight *p);
/* Adds the findings. */
void preflight_judge(struct preflight *p, const struct preflight_facts *facts);
/* Adds a warning that was found elsewhere; name is kept, the sentence copied. */
void preflight_warn(struct preflight *p, const char *name, struct str sentence);
/* Reads the facts of the campaign and judges them. */
int preflight_run(struct pg_blocking *db, const struct campaign_row *row, struct preflight *p,
		  struct err *err) NODISCARD;

#endif
