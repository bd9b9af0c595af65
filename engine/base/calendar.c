/* SPDX-License-Identifier: MIT */
/* Hours of the week on a wall clock; see calendar.h. */
#include "engine/base/calendar.h"

#include <string.h>

#define DAY_MIN 1440
#define MINUTE_US INT64_C(60000000)
#define MONDAY_MIN (3 * DAY_MIN) /* 1970-01-01 was a Thursday */
/* Looked ahead at most: what did not change in two weeks never will. */
#define AHEAD_US (2 * CALENDAR_WEEK_MIN * MINUTE_US)
/* Openings of one that the others do not share, before it is said that they never meet. */
#define MEET_MOST 64

/* --------------------------------------------------------------------------------------- parse */

static int refuse(struct str text, struct err *err)
{
	return err_set(err, ERR_USAGE,
		       "'%.*s' are no hours: write them as 'Mon-Fri 09:00-18:00, Sat 10:00-14:00'",
		       (int)(text.len < 80 ? text.len : 80), text.ptr ? text.ptr : "");
}

static int parse_day(struct str text, int *day_out)
{
	static const struct {
		struct str name, han;
	} days[] = {
		{STR_INIT("Mon"), STR_INIT("周一")}, {STR_INIT("Tue"), STR_INIT("周二")},
		{STR_INIT("Wed"), STR_INIT("周三")}, {STR_INIT("Thu"), STR_INIT("周四")},
		{STR_INIT("Fri"), STR_INIT("周五")}, {STR_INIT("Sat"), STR_INIT("周六")},
		{STR_INIT("Sun"), STR_INIT("周日")},
	};
	for (int i = 0; i < 7; i++) {
		if (str_equals_nocase(text, days[i].name) || str_equals(text, days[i].han)) {
			*day_out = i;
			return 0;
		}
	}
	return -1;
}

/* A day or two with '-' between, as bits. */
static int parse_days(struct str text, unsigned *days)
{
	struct str last = text;
	struct str first = str_take_until(&last, '-');
	int from, to;
	if (parse_day(first, &from) != 0)
		return -1;
	if (last.len == 0 && first.len == text.len)
		to = from;
	else if (parse_day(last, &to) != 0)
		return -1;
	for (int day = from;; day = (day + 1) % 7) {
		*days |= 1u << day;
		if (day == to)
			return 0;
	}
}

/* "HH:MM" as minutes; 24:00 is the end of a day. */
static int parse_minute(struct str text, int *out)
{
	uint64_t hour, minute;
	if (text.len != 5 || text.ptr[2] != ':' || str_to_u64(str_slice(text, 0, 2), &hour) != 0 ||
	    str_to_u64(str_slice(text, 3, 5), &minute) != 0 || minute > 59 ||
	    hour * 60 + minute > DAY_MIN)
		return -1;
	*out = (int)(hour * 60 + minute);
	return 0;
}

static void open_from(struct calendar_hours *h, int from, int minutes)
{
	for (int i = from; i < from + minutes; i++) {
		int at = i % CALENDAR_WEEK_MIN;
		h->open[at / 64] |= UINT64_C(1) << (at % 64);
	}
}

/* "HH:MM-HH:MM" on each of the days. */
static int open_range(struct calendar_hours *h, unsigned days, struct str text)
{
	struct str last = text;
	struct str first = str_take_until(&last, '-');
	int from, to;
	if (parse_minute(first, &from) != 0 || parse_minute(last, &to) != 0 || from == to ||
	    from == DAY_MIN)
		return -1;
	int minutes = to > from ? to - from : to + DAY_MIN - from;
	for (int day = 0; day < 7; day++)
		if (days & (1u << day))
			open_from(h, day * DAY_MIN + from, minutes);
	return 0;
}

/* Days, then ranges, with blanks between. */
static int parse_range(struct calendar_hours *h, struct str text)
{
	unsigned days = 0;
	bool has_hours = false;
	while (text.len > 0) {
		struct str word = str_take_until(&text, ' ');
		if (word.len == 0)
			continue;
		bool is_day = !ascii_is_digit(word.ptr[0]);
		if (is_day && (has_hours || parse_days(word, &days) != 0))
			return -1;
		if (!is_day && open_range(h, days != 0 ? days : 0x7f, word) != 0)
			return -1;
		has_hours |= !is_day;
	}
	return has_hours ? 0 : -1;
}

int calendar_parse_hours(struct str text, struct calendar_hours *out, struct err *err)
{
	struct calendar_hours hours = {{0}};
	struct str rest = str_trim(text);
	if (rest.len == 0)
		return refuse(text, err);
	while (rest.len > 0)
		if (parse_range(&hours, str_trim(str_take_until(&rest, ','))) != 0)
			return refuse(text, err);
	*out = hours;
	return 0;
}

int calendar_parse_zoned(struct str text, struct calendar_hours *out, struct str *zone_out,
			 struct err *err)
{
	text = str_trim(text);
	size_t at = text.len;
	while (at > 0 && text.ptr[at - 1] != ' ')
		at--;
	struct str zone = str_slice(text, at, text.len);
	if (at == 0 || zone.len == 0 || zone.len > 63 || !ascii_is_alpha(zone.ptr[0]))
		return err_set(err, ERR_USAGE,
			       "'%.*s' names no zone at its end: write hours as 'Mon-Fri "
			       "09:00-18:00 Asia/Shanghai'",
			       (int)(text.len < 80 ? text.len : 80), text.ptr ? text.ptr : "");
	if (calendar_parse_hours(str_slice(text, 0, at), out, err) != 0)
		return -1;
	*zone_out = zone;
	return 0;
}

void calendar_add_offset(struct calendar *c, int64_t from_us, int64_t offset_s)
{
	if (c->count == CALENDAR_OFFSETS_MAX)
		return;
	must(c->count == 0 || c->offsets[c->count - 1].from_us < from_us);
	c->offsets[c->count++] = (struct calendar_offset){from_us, (int32_t)offset_s};
}

/* ---------------------------------------------------------------------------------------- look */

/* The offset in force, and in *until_us the time to which it holds. */
static int64_t offset_us(const struct calendar *c, int64_t at_us, int64_t *until_us)
{
	size_t i = 0;
	while (i + 1 < c->count && c->offsets[i + 1].from_us <= at_us)
		i++;
	*until_us = i + 1 < c->count ? c->offsets[i + 1].from_us : CALENDAR_NEVER;
	return (int64_t)c->offsets[i].offset_s * 1000000;
}

static bool is_open_minute(const struct calendar_hours *h, int64_t minute)
{
	int64_t at = (minute + MONDAY_MIN) % CALENDAR_WEEK_MIN;
	if (at < 0)
		at += CALENDAR_WEEK_MIN;
	return (h->open[at / 64] >> (at % 64)) & 1;
}

/* Nothing to look for: it would be asked minute by minute. */
static bool never_closes(const struct calendar_hours *h)
{
	int open = 0;
	for (size_t i = 0; i < ARRAY_LEN(h->open); i++)
		open += __builtin_popcountll(h->open[i]);
	return open == CALENDAR_WEEK_MIN;
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Goes from minute to minute of the wall clock, and over the changes of its offset. */
static struct calendar_state look_at_one(const struct calendar *c, int64_t now_us)
{
	struct calendar_state state = {.changes_us = CALENDAR_NEVER};
	if (c->count == 0)
		return state;
	if (never_closes(&c->hours)) {
		state.is_open = true;
		return state;
	}
	for (int64_t at = now_us; at <= now_us + AHEAD_US;) {
		int64_t until_us;
		int64_t offset = offset_us(c, at, &until_us);
		int64_t minute = floor_div(at + offset, MINUTE_US);
		bool is_open = is_open_minute(&c->hours, minute);
		if (at == now_us)
			state.is_open = is_open;
		if (is_open != state.is_open) {
			state.changes_us = at;
			return state;
		}
		int64_t next = (minute + 1) * MINUTE_US - offset;
		at = next < until_us ? next : until_us;
	}
	return state;
}

/* Until the first of them closes. */
static int64_t first_close(const struct calendar *const *items, size_t count, int64_t now_us)
{
	int64_t first = CALENDAR_NEVER;
	for (size_t i = 0; i < count; i++) {
		if (items[i] == NULL)
			continue;
		int64_t at = look_at_one(items[i], now_us).changes_us;
		first = at < first ? at : first;
	}
	return first;
}

/* When the last of those closed at that time opens; at_us itself if none is closed. */
static int64_t last_opening(const struct calendar *const *items, size_t count, int64_t at_us)
{
	int64_t last = at_us;
	for (size_t i = 0; i < count; i++) {
		if (items[i] == NULL)
			continue;
		struct calendar_state one = look_at_one(items[i], at_us);
		if (!one.is_open && one.changes_us > last)
			last = one.changes_us;
	}
	return last;
}

struct calendar_state calendar_look(const struct calendar *const *items, size_t count,
				    int64_t now_us)
{
	int64_t at = now_us;
	for (int i = 0; i < MEET_MOST; i++) {
		int64_t opens = last_opening(items, count, at);
		if (opens == CALENDAR_NEVER)
			break;
		if (opens == at && at == now_us)
			return (struct calendar_state){true, first_close(items, count, now_us)};
		if (opens == at)
			return (struct calendar_state){false, at};
		at = opens;
	}
	return (struct calendar_state){false, CALENDAR_NEVER};
}

int64_t calendar_open_us(const struct calendar *const *items, size_t count, int64_t from_us,
			 int64_t to_us)
{
	int64_t sum = 0;
	for (int64_t at = from_us; at < to_us;) {
		struct calendar_state state = calendar_look(items, count, at);
		int64_t end = state.changes_us < to_us ? state.changes_us : to_us;
		if (state.is_open)
			sum += end - at;
		at = end;
	}
	return sum;
}
