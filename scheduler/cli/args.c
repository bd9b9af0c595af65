/* SPDX-License-Identifier: MIT */
/* Parsing of the command line from the verbs' descriptions, and their help; see args.h. */
#include "scheduler/cli/args.h"

#include <string.h>

const struct arg_option args_global_options[] = {
	{"database", "URL", "the database (else EDM_DATABASE_URL, else a private one)"},
	{"data", "DIR", "the data directory (else EDM_DATA, else the user's data home)"},
	{"config", "FILE", "settings of this node (default: edm.conf in the data directory)"},
	{"lang", "zh|en", "language of what people read (default: from LC_ALL, LANG)"},
	{"help", NULL, "show this help"},
	{NULL, NULL, NULL},
};

static const struct arg_option json_option = {"json", NULL, "print one JSON document"};
static const struct arg_option because_option = {"because", "TEXT",
						 "why; kept with the change as an event"};
static const struct arg_option yes_option = {"yes", NULL, "do not ask"};

static const struct arg_option *option_in(const struct arg_option *options, struct str name)
{
	for (; options != NULL && options->name != NULL; options++)
		if (str_equals(name, str_from(options->name)))
			return options;
	return NULL;
}

static const struct arg_option *option_of(const struct cli_verb *verb, struct str name)
{
	const struct arg_option *option = option_in(args_global_options, name);
	if (option == NULL)
		option = option_in(verb->options, name);
	if (option == NULL && verb->takes_json && str_equals(name, STR("json")))
		option = &json_option;
	if (option == NULL && verb->changes && str_equals(name, STR("because")))
		option = &because_option;
	if (option == NULL && verb->asks && str_equals(name, STR("yes")))
		option = &yes_option;
	return option;
}

static void append_verb_name(struct buf *out, const struct cli_verb *verb)
{
	buf_appendf(out, "edm %s", verb->noun);
	if (verb->verb != NULL)
		buf_appendf(out, " %s", verb->verb);
}

static int usage_error(const struct cli_verb *verb, struct err *err, const char *what,
		       const char *detail)
{
	struct buf name;
	buf_init(&name, 128);
	append_verb_name(&name, verb);
	err_set(err, ERR_USAGE, "%s%s; see: %s --help", what, detail, name.data);
	buf_done(&name);
	return -1;
}

static bool is_help(const char *arg)
{
	return strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0 || strcmp(arg, "help") == 0;
}

static bool noun_exists(const struct cli_verb *const *verbs, const char *noun)
{
	for (; *verbs != NULL; verbs++)
		for (const struct cli_verb *v = *verbs; v->noun != NULL; v++)
			if (strcmp(v->noun, noun) == 0)
				return true;
	return false;
}

/* The verb that words begin with (the last is NULL); *used_out is how many it took. */
static const struct cli_verb *verb_find(const struct cli_verb *const *verbs, char **words,
					int *used_out)
{
	const char *noun = strcmp(words[0], "--version") == 0 ? "version" : words[0];
	for (; *verbs != NULL; verbs++) {
		for (const struct cli_verb *v = *verbs; v->noun != NULL; v++) {
			if (strcmp(v->noun, noun) != 0)
				continue;
			if (v->verb != NULL && (words[1] == NULL || strcmp(v->verb, words[1]) != 0))
				continue;
			*used_out = v->verb == NULL ? 1 : 2;
			return v;
		}
	}
	return NULL;
}

/* How many words global options before the verb take. */
static int count_leading(int argc, char **argv)
{
	int at = 1;
	while (at < argc && str_starts_with(str_from(argv[at]), STR("--"))) {
		struct str rest = str_from(argv[at] + 2);
		bool has_value = str_find_char(rest, '=') >= 0;
		const struct arg_option *option =
			option_in(args_global_options, str_take_until(&rest, '='));
		if (option == NULL)
			break;
		at += option->value_name != NULL && !has_value ? 2 : 1;
	}
	return (at < argc ? at : argc) - 1;
}

static bool is_repeatable(const struct arg_option *option)
{
	return option->value_name == NULL || str_ends_with(str_from(option->value_name), STR(" …"));
}

static int check_repeated(const struct args *args, const struct arg_option *option, struct err *err)
{
	if (is_repeatable(option) || args_option(args, option->name) == NULL)
		return 0;
	return usage_error(args->verb, err, "this option is given twice: --", option->name);
}

static int parse_option(struct args *args, int argc, char **argv, int *i, struct err *err)
{
	struct str rest = str_from(argv[*i] + 2);
	bool has_value = str_find_char(rest, '=') >= 0;
	struct str name = str_take_until(&rest, '=');
	const struct arg_option *option = option_of(args->verb, name);
	if (option == NULL)
		return usage_error(args->verb, err, "there is no option ", argv[*i]);
	if (args->option_count == ARGS_MAX_OPTIONS)
		return usage_error(args->verb, err, "too many options", "");
	const char *value = "";
	if (option->value_name == NULL && has_value)
		return usage_error(args->verb, err, "this option takes no value: ", argv[*i]);
	if (option->value_name != NULL && has_value)
		value = rest.ptr;
	else if (option->value_name != NULL && *i + 1 < argc)
		value = argv[++*i];
	else if (option->value_name != NULL)
		return usage_error(args->verb, err, "this option needs a value: ", argv[*i]);
	if (check_repeated(args, option, err) != 0)
		return -1;
	args->options[args->option_count++] = (struct arg_value){option->name, value};
	if (strcmp(option->name, "help") == 0)
		args->wants_help = true;
	return 0;
}

static int parse_words(struct args *args, int argc, char **argv, struct err *err)
{
	bool are_options_over = false;
	for (int i = 0; i < argc; i++) {
		if (!are_options_over && strcmp(argv[i], "--") == 0) {
			are_options_over = true;
		} else if (!are_options_over && strcmp(argv[i], "-h") == 0) {
			args->wants_help = true;
		} else if (!are_options_over && argv[i][0] == '-' && argv[i][1] == '-') {
			if (parse_option(args, argc, argv, &i, err) != 0)
				return -1;
		} else if (args->positional_count == ARGS_MAX_POSITIONAL) {
			return usage_error(args->verb, err, "too many arguments", "");
		} else {
			args->positional[args->positional_count++] = argv[i];
		}
	}
	return 0;
}

/* No verb, but perhaps a noun: the help on it, or what is wrong. */
static int parse_without_verb(const struct cli_verb *const *verbs, char **words, struct args *out,
			      struct err *err)
{
	if (!noun_exists(verbs, words[0]))
		return err_set(err, ERR_USAGE, "there is no command '%s'; see: edm --help",
			       words[0]);
	out->noun = words[0];
	if (words[1] == NULL || is_help(words[1])) {
		out->wants_help = true;
		return 0;
	}
	return err_set(err, ERR_USAGE, "there is no '%s %s'; see: edm %s --help", words[0],
		       words[1], words[0]);
}

static int check_count(const struct args *args, struct err *err)
{
	const struct cli_verb *verb = args->verb;
	if (args->wants_help)
		return 0;
	if (args->positional_count < verb->min_args)
		return usage_error(verb, err, "missing argument: ", verb->synopsis);
	if (args->positional_count > verb->max_args)
		return usage_error(verb, err,
				   "unexpected argument: ", args->positional[verb->max_args]);
	return 0;
}

int args_parse(const struct cli_verb *const *verbs, int argc, char **argv, struct args *out,
	       struct err *err)
{
	*out = (struct args){0};
	int leading = count_leading(argc, argv);
	char **words = argv + 1 + leading; /* argv ends with NULL */
	if (words[0] == NULL || strcmp(words[0], "-h") == 0) {
		out->wants_help = true;
		return 0;
	}
	int used = 0;
	out->verb = verb_find(verbs, words, &used);
	if (out->verb == NULL)
		return parse_without_verb(verbs, words, out, err);
	if (parse_words(out, leading, argv + 1, err) != 0 ||
	    parse_words(out, argc - 1 - leading - used, words + used, err) != 0)
		return -1;
	return check_count(out, err);
}

const char *args_option(const struct args *args, const char *name)
{
	for (int i = args->option_count - 1; i >= 0; i--)
		if (strcmp(args->options[i].name, name) == 0)
			return args->options[i].value;
	return NULL;
}

bool args_flag(const struct args *args, const char *name)
{
	return args_option(args, name) != NULL;
}

const char *args_option_at(const struct args *args, const char *name, int n)
{
	for (int i = 0; i < args->option_count; i++)
		if (strcmp(args->options[i].name, name) == 0 && n-- == 0)
			return args->options[i].value;
	return NULL;
}

int args_number(const struct args *args, const char *name, struct arg_range range, int64_t *out,
		struct err *err)
{
	const char *text = args_option(args, name);
	int64_t value;
	if (text == NULL)
		return 0;
	if (str_to_i64(str_from(text), &value) != 0 || value < range.min || value > range.max)
		return err_set(err, ERR_USAGE,
			       "--%s takes a whole number from %lld to %lld, not '%s'", name,
			       (long long)range.min, (long long)range.max, text);
	*out = value;
	return 0;
}

int duration_parse(struct str text, int64_t *ms_out)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = {{"ms", 1},		{"s", 1000},	 {"sec", 1000},
		     {"m", 60000},	{"min", 60000},	 {"h", 3600000},
		     {"hour", 3600000}, {"d", 86400000}, {"day", 86400000}};
	size_t digits = 0;
	int64_t value;
	while (digits < text.len && ascii_is_digit(text.ptr[digits]))
		digits++;
	if (str_to_i64(str_slice(text, 0, digits), &value) != 0)
		return -1;
	struct str unit = str_slice(text, digits, text.len);
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (!str_equals(unit, str_from(units[i].unit)))
			continue;
		return __builtin_mul_overflow(value, units[i].ms, ms_out) ? -1 : 0;
	}
	return -1;
}

int args_duration(const struct args *args, const char *name, int64_t *ms_out, struct err *err)
{
	const char *text = args_option(args, name);
	int64_t ms;
	if (text == NULL)
		return 0;
	if (duration_parse(str_from(text), &ms) != 0)
		return err_set(err, ERR_USAGE,
			       "--%s takes a time such as 90s, 15m, 2h or 3d, not '%s'", name,
			       text);
	*ms_out = ms;
	return 0;
}

static void append_option(struct buf *out, const struct arg_option *option)
{
	struct buf left;
	buf_init(&left, 256);
	buf_appendf(&left, "--%s", option->name);
	if (option->value_name != NULL)
		buf_appendf(&left, " %s", option->value_name);
	buf_appendf(out, "  %-28s %s\n", left.data, option->help);
	buf_done(&left);
}

static void append_options(struct buf *out, const struct arg_option *options)
{
	for (; options != NULL && options->name != NULL; options++)
		append_option(out, options);
}

void args_help_verb(const struct cli_verb *verb, struct buf *out)
{
	buf_append_cstr(out, "Usage: ");
	append_verb_name(out, verb);
	if (verb->synopsis != NULL && verb->synopsis[0] != '\0')
		buf_appendf(out, " %s", verb->synopsis);
	buf_appendf(out, " [options]\n\n%s\n\nOptions:\n", verb->summary);
	append_options(out, verb->options);
	if (verb->takes_json)
		append_option(out, &json_option);
	if (verb->changes)
		append_option(out, &because_option);
	if (verb->asks)
		append_option(out, &yes_option);
	append_options(out, args_global_options);
	if (verb->examples != NULL)
		buf_appendf(out, "\nExamples:\n%s\n", verb->examples);
}

void args_help_list(const struct cli_verb *const *verbs, const char *noun, struct buf *out)
{
	for (; *verbs != NULL; verbs++) {
		for (const struct cli_verb *v = *verbs; v->noun != NULL; v++) {
			if (noun != NULL && strcmp(v->noun, noun) != 0)
				continue;
			struct buf name;
			buf_init(&name, 128);
			append_verb_name(&name, v);
			buf_appendf(out, "  %-26s %s\n", name.data, v->summary);
			buf_done(&name);
		}
	}
	if (noun == NULL)
		buf_append_cstr(out, "\nIn the source tree, ./edm build, ./edm test and ./edm demo "
				     "build it, test it and show it.\n");
	buf_append_cstr(out, "\nEvery command has --help with examples; --version is edm version. "
			     "Exit codes: 0 done, 1 failed, "
			     "2 usage, 3 not found, 4 refused by state.\n");
}
