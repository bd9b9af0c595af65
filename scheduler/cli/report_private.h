/* SPDX-License-Identifier: MIT */
/*
 * How the documents of scheduler/report are shown to people: sentences and tables, in English or
 * Chinese. With --json the same documents are printed as they are.
 */
#ifndef EDM_SCHEDULER_CLI_REPORT_PRIVATE_H
#define EDM_SCHEDULER_CLI_REPORT_PRIVATE_H

#include "scheduler/cli/table_private.h"
#include "scheduler/cli/time_text_private.h"
#include "scheduler/report/words.h"

enum language report_language(const struct cli *cli);
/* The text of the language in force; literals, so that they may be formats. */
#define REPORT_SAY(cli, en, zh) ((cli)->is_chinese ? (zh) : (en))
/* A name of an enumeration: en, or that of the table by number, where it has one. */
#define REPORT_NAMED(cli, en, names_zh, number)                                                    \
	((cli)->is_chinese && (size_t)(number) < ARRAY_LEN(names_zh) && (names_zh)[number] != NULL \
		 ? (names_zh)[number]                                                              \
		 : (en))
/* The text of what --json prints, too: there it is English, for programs to read. */
#define REPORT_NAME(cli, en, zh) ((cli)->is_chinese && !(cli)->wants_json ? (zh) : (en))
/* The next cell of a table: a number of people, a time. */
void report_number(struct table *t, int64_t n);
void report_time(struct table *t, int64_t us, enum language language);
#define REPORT_SENTENCE_MAX 4096 /* bytes of a sentence */
/* What another layer says in English, in the language in force: dst has it. */
const char *report_sentence(const struct cli *cli, const char *en, struct buf *dst);
/* "3 d 4 h", "3 天 4 小时" in dst, of microseconds. */
const char *report_span(const struct cli *cli, int64_t us, char dst[TIME_TEXT_MAX]);
/* "2026-12-01 01:00:00 UTC" in dst; in Chinese "2026-12-01 09:00:00", by the clock of Beijing. */
const char *report_when(const struct cli *cli, int64_t us, char dst[TIME_TEXT_MAX]);
/* The zone of times as they are typed: --tz, else that in which they are shown. */
const char *report_zone(const struct cli *cli);
/* Prints the document as JSON when asked for (true), and drops it; else leaves it alone. */
bool report_is_json(struct cli *cli, json_t *document);

void report_print_campaign(struct cli *cli, const json_t *campaign);
void report_print_bounces(struct cli *cli, const json_t *bounces);
void report_print_replies(struct cli *cli, const json_t *replies);

#endif
