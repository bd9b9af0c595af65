/* SPDX-License-Identifier: MIT */
/*
 * Sending hours: those of a campaign and those of all campaigns (setting sending.hours), each by
 * the clock of its own zone. Mail leaves while both are open. Pure, but for what reads rows.
 */
#ifndef EDM_SCHEDULER_CAMPAIGN_HOURS_H
#define EDM_SCHEDULER_CAMPAIGN_HOURS_H

#include "engine/base/calendar.h"
#include "engine/pg/rows.h"

#define HOURS_ZONE_MAX 64 /* bytes of a zone's name, with its NUL */

struct sending_hours {
	bool has_own, has_common; /* else they are always open */
	struct calendar own, common;
};

/* Hours in text and the offsets of their zone, as zone_offsets of the database gives them. What
 * cannot be read (a newer engine wrote it), or has no zone, is never open. Empty text: none. */
void sending_hours_own(struct sending_hours *h, struct str text, struct pg_items offsets);
/* The same of setting sending.hours, "HOURS ZONE". */
void sending_hours_common(struct sending_hours *h, struct str text, struct pg_items offsets);
/* Pairs of time and offset to the calendar. */
void sending_hours_offsets(struct calendar *c, struct pg_items offsets);

struct calendar_state sending_hours_look(const struct sending_hours *h, int64_t now_us);
/* How long between two times they are open, µs. */
int64_t sending_hours_open_us(const struct sending_hours *h, int64_t from_us, int64_t to_us);

#endif
