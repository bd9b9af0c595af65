/* SPDX-License-Identifier: MIT */
/* A file of people on the command line: its options, what is shown of it before anything moves,
 * and progress. Shared by list import and suppress import. */
#ifndef EDM_SCHEDULER_CLI_FILE_PRIVATE_H
#define EDM_SCHEDULER_CLI_FILE_PRIVATE_H

#include "lists/lists.h"
#include "lists/reading.h"
#include "scheduler/cli/cli.h"

/* For the option tables of both verbs. */
#define FILE_OPTIONS                                                                               \
	{"map", "COL=NAME …",                                                                      \
	 "what columns are: 邮箱=email,3=city; a name of - leaves the column out"},                \
		{"encoding", "E", "of the file, when it cannot be told (GB18030, UTF-16 …)"},      \
		{"delimiter", "D", "between cells: a character, or tab"},                          \
		{"refused", "FILE", "where refused rows go (default: beside the file)"},           \
	{                                                                                          \
		"dry-run", NULL, "do everything but the change, and say what it would be"          \
	}

/* Opens the file of the first argument as the options say, shows what was found (unless --json) and
 * asks to go on (cli_confirm), but for a dry run. what: "Importing … into list L". */
int file_open(struct cli *cli, const char *what, struct reading **out, struct err *err) NODISCARD;
/* The name of the file for the record. */
const char *file_name(const struct cli *cli);
/* The same for people to read: "standard input" in their language, a file's name as it is. */
const char *file_shown_name(const struct cli *cli);
/* Says what was refused and why to look at it. */
void file_print_refused(struct cli *cli, const struct reading *reading);
/* The file of refused rows, null without any. */
json_t *file_refused_json(const struct reading *reading);
struct lists_actor file_actor(const struct cli *cli);

#endif
