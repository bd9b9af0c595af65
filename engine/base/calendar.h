/* SPDX-License-Identifier: MIT */
/*
 * Hours of the week on a wall clock: are they open now, and when does that change?
 *
 *	hours	range *("," range)		"Mon-Fri 09:00-18:00, Sat 10:00-14:00"
 *	range	[days …] HH:MM-HH:MM …		no days: every day; "22:00-06:00" ends the next day
 *	days	day / day "-" day		Mon … Sun or 周一 … 周日; "Fri-Mon" goes round
 *
 * The wall clock is that of a zone, told as its offsets from UTC: where the clocks go forward, an
 * hour that does not exist is not open; where they go back, one that comes twice is open twice.
 * Times are microseconds since 1970 in UTC. Pure; any thread.
 */
#ifndef EDM_ENGINE_BASE_CALENDAR_H
#define EDM_ENGINE_BASE_CALENDAR_H

#include "engine/base/err.h"
#include "engine/base/str.h"

#define CALENDAR_WEEK_MIN 10080
#define CALENDAR_OFFSETS_MAX 8
#define CALENDAR_NEVER INT64_MAX

/* A bit a minute, from Monday 00:00. */
struct calendar_hours {
	uint64_t open[(CALENDAR_WEEK_MIN + 63) / 64];
};

/* The wall clock is offset_s ahead of UTC from then on, until the next one. */
struct calendar_offset {
	int64_t from_us;
	int32_t offset_s;
};

struct calendar {
	struct calendar_hours hours;
	size_t count; /* of offsets, ascending; the first holds before it, too. 0: never open */
	struct calendar_offset offsets[CALENDAR_OFFSETS_MAX];
};

/* What holds now; it changes at changes_us, or CALENDAR_NEVER. */
struct calendar_state {
	bool is_open;
	int64_t changes_us;
};

/* USAGE, with the form expected; also for hours that are never open. */
int calendar_parse_hours(struct str text, struct calendar_hours *out, struct err *err) NODISCARD;
/* "HOURS ZONE": hours and the name of a zone as the last word, a slice of text. Whether there is
 * such a zone is not asked. */
int calendar_parse_zoned(struct str text, struct calendar_hours *out, struct str *zone_out,
			 struct err *err) NODISCARD;
/* One more offset; what does not fit is left out. */
void calendar_add_offset(struct calendar *c, int64_t from_us, int64_t offset_s);

/* Whether all of these (none: always) are open, and until when that is so. NULL ones are left out.
 */
struct calendar_state calendar_look(const struct calendar *const *items, size_t count,
				    int64_t now_us);
/* How long they were open between two times, µs. */
int64_t calendar_open_us(const struct calendar *const *items, size_t count, int64_t from_us,
			 int64_t to_us);

/* Of two times of one clock, or two spans, in one unit. */
static inline int64_t later_of(int64_t a, int64_t b)
{
	return a > b ? a : b;
}
static inline int64_t sooner_of(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

#endif
