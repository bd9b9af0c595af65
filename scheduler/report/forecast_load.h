/* SPDX-License-Identifier: MIT */
/* What the database says that a forecast is made of. Blocking; for the command line. */
#ifndef EDM_SCHEDULER_REPORT_FORECAST_LOAD_H
#define EDM_SCHEDULER_REPORT_FORECAST_LOAD_H

#include "engine/pg/blocking.h"
#include "scheduler/campaign/campaign.h"
#include "scheduler/report/forecast_model.h"

struct forecast_question {
	const char *name;    /* of a campaign */
	struct str schedule; /* setting retry.schedule, as forecast.h has it */
	bool is_quick;	     /* only what is read in no time, and foretold without assumptions */
};

struct forecast_loaded {
	struct forecast_facts facts; /* job 0: the campaign asked for, unless it has ended */
	struct arena arena;
	struct ip_pool_snapshot *pool;
	struct usage_list usage;
	struct str name; /* of the campaign asked for, and its state */
	enum campaign_state state;
	int64_t scheduled_us, deadline_us; /* 0: none */
	bool is_frozen;			   /* else whom it goes to is counted from its lists */
	int64_t nodes;			   /* that are alive */
	double audience, through, left;	   /* people of it */
	int64_t put_off;		   /* people of all these campaigns who are put off */
	bool is_foretold;		   /* else facts has jobs alone */
};

/* ERR_NOT_FOUND: no campaign is called so. End it with forecast_loaded_done, also after a failure.
 */
int forecast_load(struct pg_blocking *db, const struct forecast_question *question,
		  struct forecast_loaded *out, struct err *err) NODISCARD;
void forecast_loaded_done(struct forecast_loaded *l);

#endif
