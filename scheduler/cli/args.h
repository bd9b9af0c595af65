/* SPDX-License-Identifier: MIT */
/*
 * The command line's grammar: verbs, their options, and one sentence for everything that is wrong.
 *
 * A verb is described by data; parsing, --help and the check of argument counts come from it. Pure
 * but for reading argv. Options may stand anywhere after the verb, those every verb takes before it
 * too; "--" ends them; "--name value" and "--name=value" are the same. --version is the verb
 * version.
 */
#ifndef EDM_SCHEDULER_CLI_ARGS_H
#define EDM_SCHEDULER_CLI_ARGS_H

#include <stdbool.h>

#include "engine/base/buf.h"
#include "engine/base/err.h"

#define ARGS_MAX_OPTIONS 64
#define ARGS_MAX_POSITIONAL 64

struct arg_option {
	const char *name;	/* without the dashes */
	const char *value_name; /* "FILE"; NULL = a flag; "FILE …" = may be given again */
	const char *help;	/* one line */
};

struct cli;

struct cli_verb {
	const char *noun;     /* "campaign", or the whole verb ("init") */
	const char *verb;     /* "create"; NULL for a verb without a noun */
	const char *synopsis; /* positional arguments: "NAME", "FILE|- …" */
	int min_args, max_args;
	const struct arg_option *options; /* ends with a NULL name; NULL = none of its own */
	const char *summary;		  /* one line */
	const char *examples;		  /* lines of "edm …", each indented by four spaces */
	bool takes_json;		  /* has --json */
	bool changes;			  /* has --because; prints the database it changes */
	bool asks;			  /* has --yes: destructive, shows a count and asks */
	/* Runs it; 0, or -1 with err filled (its kind gives the exit code). */
	int (*run)(struct cli *cli, struct err *err);
};

struct arg_value {
	const char *name;
	const char *value; /* "" for a flag */
};

struct args {
	const struct cli_verb *verb;
	const char *noun; /* without a verb: the one to help on, or NULL */
	struct arg_value options[ARGS_MAX_OPTIONS]; /* in the order given */
	int option_count;
	const char *positional[ARGS_MAX_POSITIONAL];
	int positional_count;
	bool wants_help;
};

/* The options every verb takes: --database, --data, --config, --help, …; ends with a NULL name. */
extern const struct arg_option args_global_options[];

/*
 * Finds the verb of argv[1..] (NULL behind the last) among verbs (ends with a NULL noun) and parses
 * the rest. -1 with a sentence (ERR_USAGE) that says what is wrong and what to type instead; an
 * option given twice that takes one value is wrong, because one of them would be lost. With
 * --help only the verb is looked for. `edm` alone and `edm NOUN` alone give verb NULL and
 * wants_help.
 */
int args_parse(const struct cli_verb *const *verbs, int argc, char **argv, struct args *out,
	       struct err *err) NODISCARD;
/* The last value of the option, or NULL if it was not given. */
const char *args_option(const struct args *args, const char *name);
bool args_flag(const struct args *args, const char *name);
/* The n-th value (from 0) of a repeatable option, or NULL. */
const char *args_option_at(const struct args *args, const char *name, int n);
/* What a number may be, both ends included. */
struct arg_range {
	int64_t min, max;
};
#define ARG_RANGE(min, max) ((struct arg_range){(min), (max)})
/* A whole number within range; *out keeps its value if the option was not given. */
int args_number(const struct args *args, const char *name, struct arg_range range, int64_t *out,
		struct err *err) NODISCARD;
/* A duration ("90s", "15m", "2h", "3d", or ms as "500ms") in milliseconds; likewise. */
int args_duration(const struct args *args, const char *name, int64_t *ms_out,
		  struct err *err) NODISCARD;
/* Parses such a duration. */
int duration_parse(struct str text, int64_t *ms_out) NODISCARD;

/* The help text of one verb. */
void args_help_verb(const struct cli_verb *verb, struct buf *out);
/* The list of verbs, of one noun or (NULL) all. */
void args_help_list(const struct cli_verb *const *verbs, const char *noun, struct buf *out);

#endif
