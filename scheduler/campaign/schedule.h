/* SPDX-License-Identifier: MIT */
/*
 * Times as people say them: a wall clock in a named zone.
 *
 * The zone rules are PostgreSQL's, so every machine of an installation agrees. A time that does not
 * exist (the clocks went forward over it) is refused; of one that comes twice, the first is meant.
 * Abbreviations such as CST are refused: they mean several zones.
 */
#ifndef EDM_SCHEDULER_CAMPAIGN_SCHEDULE_H
#define EDM_SCHEDULER_CAMPAIGN_SCHEDULE_H

#include "engine/pg/blocking.h"

#define SCHEDULE_TEXT_MAX 20 /* "YYYY-MM-DD HH:MM:SS" with its NUL */

#define SCHEDULE_ZONE_MAX 64 /* bytes of a zone's name, with its NUL */

struct schedule_time {
	int64_t at_us; /* UTC */
	bool is_twice; /* the wall clock shows it twice; at_us is the first */
	char wall[SCHEDULE_TEXT_MAX];
	char zone[SCHEDULE_ZONE_MAX]; /* as the zone database writes it */
	int64_t now_us;
};

/* Checks "YYYY-MM-DD HH:MM" (or a T between, or with :SS) and writes it with its seconds. USAGE
 * with the form expected. Pure. */
int schedule_parse(struct str text, char out[SCHEDULE_TEXT_MAX], struct err *err) NODISCARD;
/* That wall-clock time in the zone. USAGE: no such form, zone or time. Blocking. */
int schedule_resolve(struct pg_blocking *db, struct str text, const char *zone,
		     struct schedule_time *out, struct err *err) NODISCARD;

/* The zone's name as the zone database writes it, into out. USAGE: there is none. Blocking. */
int schedule_zone(struct pg_blocking *db, const char *zone, char out[SCHEDULE_ZONE_MAX],
		  struct err *err) NODISCARD;

#endif
