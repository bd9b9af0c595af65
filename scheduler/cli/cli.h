/* SPDX-License-Identifier: MIT */
/*
 * What every verb of the command line works with. A verb parses its options (args.h), calls one
 * function of another folder, and prints: no SQL and no policy here.
 *
 * Output goes to cli->out (standard output); progress and questions to standard error, progress
 * only on a terminal. With --json exactly one JSON document is printed (by campaign watch a line
 * each time). Errors are printed by
 * cli_main as "edm: sentence", and the kind of the error is the exit code.
 */
#ifndef EDM_SCHEDULER_CLI_CLI_H
#define EDM_SCHEDULER_CLI_CLI_H

#include <jansson.h>
#include <stdio.h>

#include "engine/pg/blocking.h"
#include "scheduler/cli/args.h"
#include "scheduler/setup/place.h"

struct cli {
	struct args args;
	const struct cli_verb *const *verbs; /* all there are */
	struct place place;
	struct pg_blocking *db; /* NULL until cli_database */
	FILE *out;
	const char *actor; /* who: EDM_ACTOR, else user@host */
	bool is_chinese;   /* --lang, else LANG */
	bool wants_json;
	char actor_text[256];
};

/* The whole program: finds the verb among verbs (arrays end with a NULL noun, the list with NULL),
 * runs it, prints its error. Returns the exit code. */
int cli_main(int argc, char **argv, const struct cli_verb *const *verbs);

/* Prints the help of the command "noun verb", of the noun's commands when verb is NULL. */
int cli_help_on(struct cli *cli, const char *noun, const char *verb, struct err *err) NODISCARD;

/* The n-th positional argument (from 0), or NULL. */
const char *cli_arg(const struct cli *cli, int n);
const char *cli_option(const struct cli *cli, const char *name);
bool cli_flag(const struct cli *cli, const char *name);

/* The migrated database, opened once; NULL and err ("run edm init") if it is not there. A verb that
 * changes something prints which database it changes (on a terminal). */
struct pg_blocking *cli_database(struct cli *cli, struct err *err);

/* Asks on the terminal; true on "y". --yes answers it. Without a terminal: ERR_REFUSED ("… needs
 * --yes"), for which the verb returns -1. */
int cli_confirm(struct cli *cli, struct err *err, const char *fmt, ...) PRINTF_LIKE(3, 4) NODISCARD;

/* Why: the text of --because, or "". */
struct str cli_because(const struct cli *cli);
/* Appends the change to table event: verb "limit set", object "campaign:spring". detail may be
 * NULL; it is not kept. */
int cli_event(struct cli *cli, const char *verb, const char *object, json_t *detail,
	      struct err *err) NODISCARD;

/* Prints the document and drops the reference. */
int cli_print_json(struct cli *cli, json_t *document);
void cli_printf(struct cli *cli, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Columns that text takes on a terminal: two a character of Chinese. */
size_t cli_width(const char *text);
/* A table: rows × columns of NUL-terminated cells, padded by display width (Chinese is two wide);
 * the first row is the heading. */
void cli_print_table(struct cli *cli, const char *const *cells, size_t rows, size_t columns);

/* A progress line on standard error, redrawn; nothing when that is no terminal. */
void cli_progress(struct cli *cli, const char *what, int64_t done, int64_t total);
void cli_progress_end(struct cli *cli);

/* "1,234,567" in dst. */
const char *cli_number(int64_t n, char *dst, size_t size);

#endif
