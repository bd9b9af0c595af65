/* SPDX-License-Identifier: MIT */
/* Times and spans as text, for people and for JSON. */
#include <stdio.h>
#include <time.h>

#include "engine/base/must.h"
#include "scheduler/cli/time_text_private.h"

#define BEIJING_US INT64_C(28800000000) /* UTC+8, without summer time */

static struct tm utc_of(int64_t us)
{
	struct tm tm;
	time_t seconds = (time_t)(us / 1000000);
	must(gmtime_r(&seconds, &tm) != NULL);
	return tm;
}

const char *time_iso(int64_t us, char dst[TIME_TEXT_MAX])
{
	struct tm tm = utc_of(us);
	must(strftime(dst, TIME_TEXT_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm) > 0);
	return dst;
}

const char *time_words(int64_t us, char dst[TIME_TEXT_MAX])
{
	struct tm tm = utc_of(us);
	must(strftime(dst, TIME_TEXT_MAX, "%Y-%m-%d %H:%M:%S UTC", &tm) > 0);
	return dst;
}

const char *time_beijing(int64_t us, char dst[TIME_TEXT_MAX])
{
	struct tm tm = utc_of(us + BEIJING_US);
	must(strftime(dst, TIME_TEXT_MAX, "%Y-%m-%d %H:%M:%S", &tm) > 0);
	return dst;
}

const char *time_span(int64_t us, char dst[TIME_TEXT_MAX])
{
	long long s = us / 1000000;
	if (s >= 86400)
		snprintf(dst, TIME_TEXT_MAX, "%lld d %lld h", s / 86400, s % 86400 / 3600);
	else if (s >= 3600)
		snprintf(dst, TIME_TEXT_MAX, "%lld h %lld min", s / 3600, s % 3600 / 60);
	else if (s >= 60)
		snprintf(dst, TIME_TEXT_MAX, "%lld min %lld s", s / 60, s % 60);
	else
		snprintf(dst, TIME_TEXT_MAX, "%lld s", s);
	return dst;
}

json_t *time_json(int64_t us)
{
	char text[TIME_TEXT_MAX];
	return us == 0 ? json_null() : json_string(time_iso(us, text));
}
