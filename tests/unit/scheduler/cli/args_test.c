/* SPDX-License-Identifier: MIT */
/* The command line's grammar. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "scheduler/cli/args.h"

static const struct arg_option create_options[] = {
	{"list", "NAME …", "send to this list"},
	{"unsigned", NULL, "do not sign"},
	{"priority", "N", "higher goes first"},
	{"for", "TIME", "how long"},
	{NULL, NULL, NULL},
};
static const struct cli_verb campaign_verbs[] = {
	{.noun = "campaign",
	 .verb = "create",
	 .synopsis = "NAME",
	 .min_args = 1,
	 .max_args = 1,
	 .options = create_options,
	 .summary = "make a campaign",
	 .examples = "    edm campaign create spring --list news",
	 .takes_json = true},
	{.noun = NULL},
};
static const struct cli_verb other_verbs[] = {
	{.noun = "init", .synopsis = "", .summary = "make the database"},
	{.noun = "version", .summary = "print the version", .takes_json = true},
	{.noun = NULL},
};
static const struct cli_verb *const verbs[] = {campaign_verbs, other_verbs, NULL};

static int parse(struct args *args, struct err *err, const char *line)
{
	static char text[256];
	static char *argv[32];
	int argc = 0;
	snprintf(text, sizeof(text), "%s", line);
	char *save = text;
	for (char *word = strsep(&save, " "); word != NULL; word = strsep(&save, " "))
		argv[argc++] = word;
	argv[argc] = NULL;
	return args_parse(verbs, argc, argv, args, err);
}

static void options_and_arguments_in_any_order(void **state)
{
	(void)state;
	struct args args;
	struct err err;
	assert_int_equal(parse(&args, &err,
			       "edm campaign create --list a spring --list=b --unsigned --json"),
			 0);
	assert_ptr_equal(args.verb, &campaign_verbs[0]);
	assert_string_equal(args.positional[0], "spring");
	assert_string_equal(args_option_at(&args, "list", 0), "a");
	assert_string_equal(args_option_at(&args, "list", 1), "b");
	assert_null(args_option_at(&args, "list", 2));
	assert_string_equal(args_option(&args, "list"), "b");
	assert_true(args_flag(&args, "unsigned"));
	assert_true(args_flag(&args, "json"));
	assert_false(args_flag(&args, "priority"));
}

static void what_every_verb_takes_may_stand_before_it(void **state)
{
	(void)state;
	struct args args;
	struct err err;
	assert_int_equal(parse(&args, &err, "edm --lang zh --data=d campaign create spring"), 0);
	assert_ptr_equal(args.verb, &campaign_verbs[0]);
	assert_string_equal(args_option(&args, "lang"), "zh");
	assert_string_equal(args_option(&args, "data"), "d");
	assert_string_equal(args.positional[0], "spring");
	assert_int_equal(parse(&args, &err, "edm --lang zh campaign"), 0);
	assert_string_equal(args.noun, "campaign");
	assert_int_equal(parse(&args, &err, "edm --help campaign create"), 0);
	assert_ptr_equal(args.verb, &campaign_verbs[0]);
	assert_true(args.wants_help);
	assert_int_equal(parse(&args, &err, "edm --version --json"), 0);
	assert_string_equal(args.verb->noun, "version");
	assert_true(args_flag(&args, "json"));
}

static void mistakes_get_a_sentence(void **state)
{
	(void)state;
	static const struct {
		const char *line;
		const char *want;
	} cases[] = {
		{"edm nonsense", "there is no command 'nonsense'; see: edm --help"},
		{"edm --unsigned campaign create a",
		 "there is no command '--unsigned'; see: edm --help"},
		{"edm --lang zh nonsense", "there is no command 'nonsense'; see: edm --help"},
		{"edm campaign destroy",
		 "there is no 'campaign destroy'; see: edm campaign --help"},
		{"edm campaign create", "missing argument: NAME; see: edm campaign create --help"},
		{"edm campaign create a b",
		 "unexpected argument: b; see: edm campaign create --help"},
		{"edm campaign create a --lists b",
		 "there is no option --lists; see: edm campaign create --help"},
		{"edm campaign create a --list",
		 "this option needs a value: --list; see: edm campaign create --help"},
		{"edm campaign create a --unsigned=1",
		 "this option takes no value: --unsigned=1; see: edm campaign create --help"},
		{"edm campaign create a --priority 1 --priority=2",
		 "this option is given twice: --priority; see: edm campaign create --help"},
		{"edm --lang zh campaign create a --lang en",
		 "this option is given twice: --lang; see: edm campaign create --help"},
		{"edm init --yes", "there is no option --yes; see: edm init --help"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct args args;
		struct err err = {0};
		assert_int_equal(parse(&args, &err, cases[i].line), -1);
		assert_int_equal(err.kind, ERR_USAGE);
		assert_string_equal(err.text, cases[i].want);
	}
}

static void help_needs_no_arguments(void **state)
{
	(void)state;
	static const char *const lines[] = {"edm",
					    "edm --help",
					    "edm campaign",
					    "edm campaign --help",
					    "edm campaign create --help",
					    "edm init -h"};
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct args args;
		struct err err;
		assert_int_equal(parse(&args, &err, lines[i]), 0);
		assert_true(args.wants_help);
	}
	struct buf out;
	buf_init(&out, 10000);
	args_help_verb(&campaign_verbs[0], &out);
	assert_non_null(strstr(out.data, "Usage: edm campaign create NAME [options]"));
	assert_non_null(strstr(out.data, "--list NAME"));
	assert_non_null(strstr(out.data, "--json"));
	assert_non_null(strstr(out.data, "edm campaign create spring --list news"));
	buf_done(&out);
}

static void numbers_and_durations(void **state)
{
	(void)state;
	struct args args;
	struct err err;
	assert_int_equal(parse(&args, &err, "edm campaign create a --priority 7 --for 2h"), 0);
	int64_t priority = 1;
	int64_t ms = 0;
	assert_int_equal(args_number(&args, "priority", ARG_RANGE(0, 9), &priority, &err), 0);
	assert_int_equal(priority, 7);
	assert_int_equal(args_number(&args, "priority", ARG_RANGE(0, 5), &priority, &err), -1);
	assert_string_equal(err.text, "--priority takes a whole number from 0 to 5, not '7'");
	assert_int_equal(args_duration(&args, "for", &ms, &err), 0);
	assert_int_equal(ms, 7200000);
	assert_int_equal(duration_parse(STR("500ms"), &ms), 0);
	assert_int_equal(ms, 500);
	assert_int_equal(duration_parse(STR("soon"), &ms), -1);
	assert_int_equal(duration_parse(STR("5"), &ms), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_and_arguments_in_any_order),
		cmocka_unit_test(what_every_verb_takes_may_stand_before_it),
		cmocka_unit_test(mistakes_get_a_sentence),
		cmocka_unit_test(help_needs_no_arguments),
		cmocka_unit_test(numbers_and_durations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
