/* SPDX-License-Identifier: MIT */
/* Times and spans as text. */
#ifndef EDM_SCHEDULER_CLI_TIME_TEXT_PRIVATE_H
#define EDM_SCHEDULER_CLI_TIME_TEXT_PRIVATE_H

#include <jansson.h>
#include <stdint.h>

#define TIME_TEXT_MAX 40

/* "2026-12-01T01:00:00Z" in dst; wall time in microseconds. */
const char *time_iso(int64_t us, char dst[TIME_TEXT_MAX]);
/* "2026-12-01 01:00:00 UTC" in dst. */
const char *time_words(int64_t us, char dst[TIME_TEXT_MAX]);
/* "2026-12-01 09:00:00" in dst, by the clock of Beijing. */
const char *time_beijing(int64_t us, char dst[TIME_TEXT_MAX]);
/* "3 d 4 h", "12 min", "5 s" in dst: the two largest units. */
const char *time_span(int64_t us, char dst[TIME_TEXT_MAX]);
/* time_iso as JSON; null for 0, which is none. */
json_t *time_json(int64_t us);

#endif
