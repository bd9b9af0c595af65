/* SPDX-License-Identifier: MIT */
/* Wall-clock times in named zones; see schedule.h. */
#include "scheduler/campaign/schedule.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/utf8.h"

/* digits characters of text from at as a number, or -1. */
static int number_at(struct str text, size_t at, size_t digits)
{
	uint64_t n;
	struct str part = str_slice(text, at, at + digits);
	return part.len == digits && str_to_u64(part, &n) == 0 ? (int)n : -1;
}

static int days_of(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return month == 2 && is_leap ? 29 : days[month - 1];
}

static bool is_form(struct str text)
{
	static const char form[] = "0000-00-00 00:00:00";
	if (text.len != 16 && text.len != 19)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		bool is_digit = ascii_is_digit(text.ptr[i]);
		bool fits = form[i] == '0'   ? is_digit
			    : form[i] == ' ' ? text.ptr[i] == ' ' || text.ptr[i] == 'T'
					     : text.ptr[i] == form[i];
		if (!fits)
			return false;
	}
	return true;
}

int schedule_parse(struct str text, char out[SCHEDULE_TEXT_MAX], struct err *err)
{
	text = str_trim(text);
	if (!is_form(text))
		return err_set(err, ERR_USAGE, "'%.*s' is no time: write it as '2026-12-01 09:00'",
			       (int)(text.len < 60 ? text.len : 60), text.ptr ? text.ptr : "");
	int year = number_at(text, 0, 4), month = number_at(text, 5, 2);
	int day = number_at(text, 8, 2), hour = number_at(text, 11, 2);
	int minute = number_at(text, 14, 2);
	int second = text.len == 19 ? number_at(text, 17, 2) : 0;
	if (year < 2000 || month < 1 || month > 12 || day < 1 || day > days_of(year, month) ||
	    hour > 23 || minute > 59 || second > 59)
		return err_set(err, ERR_USAGE, "there is no such date or time as '%.*s'",
			       STR_ARG(text));
	memcpy(out, "0000-00-00 00:00:00", SCHEDULE_TEXT_MAX);
	memcpy(out, text.ptr, text.len);
	out[10] = ' ';
	return 0;
}

static int no_zone(const char *zone, struct err *err)
{
	return err_set(err, ERR_USAGE,
		       "there is no time zone '%s': name one as Asia/Shanghai, Europe/Berlin or "
		       "UTC",
		       zone);
}

static int read_time(const struct pg_rows *rows, const char *wall, const char *zone,
		     struct schedule_time *out, struct err *err)
{
	if (pg_rows_count(rows) == 0)
		return no_zone(zone, err);
	if (!pg_bool(rows, 0, 2))
		return err_set(err, ERR_USAGE,
			       "%s does not exist in %s: the clocks go forward over it (%.*s is "
			       "the next that does)",
			       wall, zone, STR_ARG(pg_text(rows, 0, 4)));
	out->at_us = pg_time(rows, 0, 1);
	out->is_twice = pg_bool(rows, 0, 3);
	out->now_us = pg_time(rows, 0, 6);
	snprintf(out->wall, sizeof(out->wall), "%s", wall);
	return str_to_cstr(pg_text(rows, 0, 5), out->zone, sizeof(out->zone));
}

int schedule_resolve(struct pg_blocking *db, struct str text, const char *zone,
		     struct schedule_time *out, struct err *err)
{
	char wall[SCHEDULE_TEXT_MAX];
	struct pg_params params;
	struct pg_rows *rows = NULL;
	if (schedule_parse(text, wall, err) != 0)
		return -1;
	if (!utf8_is_valid(str_from(zone)))
		return err_set(err, ERR_USAGE, "the time zone's name is not text");
	pg_params_init(&params);
	pg_add_text(&params, str_from(wall));
	pg_add_text(&params, str_from(zone));
	int result = pg_run(db, "campaign/local_time", &params, &rows, err);
	if (result == 0)
		result = read_time(rows, wall, zone, out, err);
	pg_rows_free(rows);
	pg_params_done(&params);
	return result;
}

int schedule_zone(struct pg_blocking *db, const char *zone, char out[SCHEDULE_ZONE_MAX],
		  struct err *err)
{
	struct pg_params params;
	struct pg_rows *rows = NULL;
	if (!utf8_is_valid(str_from(zone)))
		return err_set(err, ERR_USAGE, "the time zone's name is not text");
	pg_params_init(&params);
	pg_add_text(&params, str_from(zone));
	int result = pg_run(db, "setup/zone", &params, &rows, err);
	if (result == 0 && pg_rows_count(rows) == 0)
		result = no_zone(zone, err);
	if (result == 0)
		must(str_to_cstr(pg_text(rows, 0, 0), out, SCHEDULE_ZONE_MAX) == 0);
	pg_rows_free(rows);
	pg_params_done(&params);
	return result;
}
