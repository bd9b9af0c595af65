/* SPDX-License-Identifier: MIT */
/*
 * Numbers, times and cells as people read them. Wall times are microseconds since 1970 in UTC; in
 * English they are shown in UTC, in Chinese in Beijing time (UTC+8 without summer time), both as
 * YYYY-MM-DD HH:mm. Pure; any thread.
 */
#ifndef EDM_SCHEDULER_REPORT_FORMAT_H
#define EDM_SCHEDULER_REPORT_FORMAT_H

#include "engine/base/buf.h"
#include "scheduler/report/words.h"

/* "2026-11-21 23:58 UTC", "2026-11-22 07:58"; "-" for 0, "never" for ±infinity. */
void format_time(int64_t us, enum language language, struct buf *out);
/* RFC 3339 in whole seconds: "2026-11-21T23:58:03Z", for machines. */
void format_iso(int64_t us, struct buf *out);
/* "3 min", "2 h 5 min"; "3 分钟". The two largest units; less than a second is "0 s". */
void format_span(int64_t ms, enum language language, struct buf *out);
/* "1,234,567"; in Chinese "1,234,567（123.5 万）" from ten thousand on. */
void format_people(int64_t n, enum language language, struct buf *out);
/* part of whole in per cent, rounded to one digit: "98.7 %"; "-" of nothing. Never "100.0 %" unless
 * all, nor "0.0 %" unless nobody: then "<0.1 %". */
void format_share(int64_t part, int64_t whole, struct buf *out);
/* The shares of count parts that make up a whole, in tenths of a per cent, so rounded that their
 * sum is 1000 (what is cut goes to those that lose most by it); all 0 of nothing. */
void share_tenths(const int64_t *parts, size_t count, int64_t *tenths_out);
/* One of those, as format_share has it. */
void format_tenths(int64_t tenths, int64_t part, struct buf *out);
/* "550 5.1.1 text"; code and enhanced (class × 1,000,000 + subject × 1,000 + detail) are left out
 * when 0. */
void format_reply(int code, int32_t enhanced, struct str text, struct buf *out);
/* A cell of a CSV file (RFC 4180). What a spreadsheet would take for a formula, also after blanks
 * or in full width, gets an apostrophe before it. */
void format_csv_cell(struct str cell, struct buf *out);

#endif
