/* SPDX-License-Identifier: MIT */
/* The frame around every verb: options, database, questions, output. See cli.h. */
#include "scheduler/cli/cli.h"

#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/conf.h"
#include "engine/base/utf8.h"
#include "scheduler/cli/report_private.h"
#include "scheduler/setup/migrate.h"

const char *cli_arg(const struct cli *cli, int n)
{
	return n < cli->args.positional_count ? cli->args.positional[n] : NULL;
}

const char *cli_option(const struct cli *cli, const char *name)
{
	return args_option(&cli->args, name);
}

bool cli_flag(const struct cli *cli, const char *name)
{
	return args_flag(&cli->args, name);
}

struct str cli_because(const struct cli *cli)
{
	return str_from(cli_option(cli, "because"));
}

static void fill_actor(struct cli *cli)
{
	const char *actor = getenv("EDM_ACTOR");
	if (actor != NULL && actor[0] != '\0') {
		cli->actor = actor;
		return;
	}
	char host[128] = "";
	gethostname(host, sizeof(host) - 1);
	const struct passwd *user = getpwuid(getuid());
	snprintf(cli->actor_text, sizeof(cli->actor_text), "%s@%s", user ? user->pw_name : "uid",
		 host);
	cli->actor = cli->actor_text;
}

/* By --lang wherever it stands, because what is wrong with the others is said in it, too. */
static void fill_language(struct cli *cli, int argc, char **argv)
{
	struct str lang = str_from(getenv("LC_ALL"));
	if (str_is_empty(lang))
		lang = str_from(getenv("LANG"));
	for (int i = 1; i < argc; i++) {
		struct str word = str_from(argv[i]);
		if (str_equals(word, STR("--lang")) && argv[i + 1] != NULL)
			lang = str_from(argv[i + 1]);
		else if (str_starts_with(word, STR("--lang=")))
			lang = str_slice(word, strlen("--lang="), word.len);
	}
	cli->is_chinese = str_starts_with(lang, STR("zh"));
}

static int check_language(const struct cli *cli, struct err *err)
{
	const char *lang = cli_option(cli, "lang");
	if (lang == NULL || strcmp(lang, "zh") == 0 || strcmp(lang, "en") == 0)
		return 0;
	return err_set(err, ERR_USAGE, "--lang is zh or en, not '%s'", lang);
}

/* The advice first: what libpq says may be long. */
static void say_unreachable(const struct cli *cli, struct err *err)
{
	const struct err cause = *err;
	if (cli->place.is_private)
		return;
	err_set(err, cause.kind,
		"the database is not reachable: does it run, and is %s right (--database, else "
		"EDM_DATABASE_URL)? %s",
		cli->place.shown, cause.text);
}

struct pg_blocking *cli_database(struct cli *cli, struct err *err)
{
	if (cli->db != NULL)
		return cli->db;
	if (place_start_database(&cli->place, false, err) != 0)
		return NULL;
	struct pg_blocking *db = pg_open_blocking(cli->place.database_url, "edm", err);
	if (db == NULL) {
		say_unreachable(cli, err);
		return NULL;
	}
	if (migrate_check(db, err) != 0) {
		pg_close_blocking(db);
		return NULL;
	}
	if (cli->args.verb->changes && !cli->wants_json && isatty(STDERR_FILENO))
		fprintf(stderr, "database: %s\n", cli->place.shown);
	cli->db = db;
	return db;
}

int cli_confirm(struct cli *cli, struct err *err, const char *fmt, ...)
{
	char question[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(question, sizeof(question), fmt, ap);
	va_end(ap);
	if (cli_flag(cli, "yes"))
		return 0;
	if (!isatty(STDIN_FILENO))
		return err_set(err, ERR_REFUSED, "%s needs --yes where there is nobody to ask",
			       question);
	struct buf text;
	buf_init(&text, REPORT_SENTENCE_MAX);
	fprintf(stderr, "%s [y/N] ", report_sentence(cli, question, &text));
	buf_done(&text);
	fflush(stderr);
	char answer[16] = "";
	if (fgets(answer, sizeof(answer), stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y'))
		return 0;
	return err_set(err, ERR_REFUSED, "nothing was changed");
}

int cli_event(struct cli *cli, const char *verb, const char *object, json_t *detail,
	      struct err *err)
{
	struct pg_blocking *db = cli_database(cli, err);
	if (db == NULL)
		return -1;
	char *text = detail ? json_dumps(detail, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	struct pg_params params;
	pg_params_init(&params);
	pg_add_text(&params, str_from(cli->actor));
	pg_add_text(&params, str_from(verb));
	pg_add_text(&params, str_from(object));
	pg_add_text(&params, cli_because(cli));
	if (text != NULL)
		pg_add_text(&params, str_from(text));
	else
		pg_add_null(&params, PG_TEXT);
	int result = pg_run(db, "setup/event_add", &params, NULL, err);
	pg_params_done(&params);
	free(text);
	return result;
}

/* --------------------------------------------------------------------------------------- output */

int cli_print_json(struct cli *cli, json_t *document)
{
	json_dumpf(document, cli->out, JSON_INDENT(2));
	fputc('\n', cli->out);
	json_decref(document);
	return 0;
}

void cli_printf(struct cli *cli, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vfprintf(cli->out, fmt, ap);
	va_end(ap);
}

/* East Asian Wide and Fullwidth (UAX 11), with what is unassigned between them. */
static bool is_wide(uint32_t scalar)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{0x1100, 0x115f},   {0x2e80, 0x303e},	{0x3041, 0xa4cf},   {0xa960, 0xa97c},
		{0xac00, 0xd7a3},   {0xf900, 0xfaff},	{0xfe10, 0xfe19},   {0xfe30, 0xfe6b},
		{0xff01, 0xff60},   {0xffe0, 0xffe6},	{0x17000, 0x1b2fb}, {0x1f300, 0x1f64f},
		{0x1f680, 0x1f6fc}, {0x1f900, 0x1faf8}, {0x20000, 0x3fffd},
	};
	for (size_t i = 0; i < ARRAY_LEN(ranges); i++)
		if (scalar >= ranges[i].first && scalar <= ranges[i].last)
			return true;
	return false;
}

size_t cli_width(const char *text)
{
	struct str rest = str_from(text);
	size_t width = 0;
	while (rest.len > 0) {
		uint32_t scalar = 0;
		size_t len = utf8_decode(rest, &scalar);
		width += len > 0 && is_wide(scalar) ? 2 : 1;
		rest = str_slice(rest, len > 0 ? len : 1, rest.len);
	}
	return width;
}

void cli_print_table(struct cli *cli, const char *const *cells, size_t rows, size_t columns)
{
	size_t *widths = xcalloc(columns, sizeof(widths[0]));
	for (size_t i = 0; i < rows * columns; i++) {
		size_t width = cli_width(cells[i]);
		if (width > widths[i % columns])
			widths[i % columns] = width;
	}
	for (size_t i = 0; i < rows * columns; i++) {
		bool is_last = i % columns == columns - 1;
		fputs(cells[i], cli->out);
		size_t pad = widths[i % columns] - cli_width(cells[i]) + 2;
		for (size_t k = 0; !is_last && k < pad; k++)
			fputc(' ', cli->out);
		if (is_last)
			fputc('\n', cli->out);
	}
	free(widths);
}

void cli_progress(struct cli *cli, const char *what, int64_t done, int64_t total)
{
	if (cli->wants_json || !isatty(STDERR_FILENO))
		return;
	const int bar = 30;
	int filled = total > 0 ? (int)(done * bar / total) : 0;
	fprintf(stderr, "\r%s [", what);
	for (int i = 0; i < bar; i++)
		fputc(i < filled ? '#' : '.', stderr);
	fprintf(stderr, "] %3lld %%", total > 0 ? (long long)(done * 100 / total) : 0LL);
	fflush(stderr);
}

void cli_progress_end(struct cli *cli)
{
	if (!cli->wants_json && isatty(STDERR_FILENO))
		fputc('\n', stderr);
}

const char *cli_number(int64_t n, char *dst, size_t size)
{
	char digits[32];
	int len = snprintf(digits, sizeof(digits), "%lld", (long long)(n < 0 ? -n : n));
	size_t at = 0;
	if (n < 0 && size > 1)
		dst[at++] = '-';
	for (int i = 0; i < len && at + 2 < size; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			dst[at++] = ',';
		dst[at++] = digits[i];
	}
	dst[at] = '\0';
	return dst;
}

/* ------------------------------------------------------------------------------------------ frame
 */

static int print_help(const struct args *args, const struct cli_verb *const *verbs,
		      const char *noun)
{
	struct buf text;
	buf_init(&text, 1u << 16);
	if (args->verb != NULL) {
		args_help_verb(args->verb, &text);
	} else {
		buf_append_cstr(&text,
				"edm: bulk e-mail campaigns from PostgreSQL, at the rate each "
				"provider takes\n\n");
		args_help_list(verbs, noun, &text);
	}
	fputs(text.data, stdout);
	buf_done(&text);
	return 0;
}

int cli_help_on(struct cli *cli, const char *noun, const char *verb, struct err *err)
{
	char help[] = "--help";
	char *words[] = {help, (char *)(uintptr_t)noun, verb ? (char *)(uintptr_t)verb : help,
			 verb ? help : NULL, NULL};
	struct args args;
	if (args_parse(cli->verbs, verb ? 4 : 3, words, &args, err) != 0)
		return -1;
	return print_help(&args, cli->verbs, args.noun);
}

/* A file that was named must be there, whether or not the verb looks into it. */
static int check_config_file(const struct cli *cli, struct err *err)
{
	const char *path = cli_option(cli, "config");
	struct buf text;
	if (path == NULL)
		return 0;
	buf_init(&text, CONF_FILE_MAX);
	int result = conf_read_file(path, &text, err);
	buf_done(&text);
	return result;
}

static int run_verb(struct cli *cli, struct err *err)
{
	fill_actor(cli);
	cli->wants_json = cli_flag(cli, "json");
	if (check_language(cli, err) != 0 || check_config_file(cli, err) != 0 ||
	    place_find(cli_option(cli, "database"), cli_option(cli, "data"), &cli->place, err) != 0)
		return -1;
	int result = cli->args.verb->run(cli, err);
	if (fflush(cli->out) != 0 && result == 0)
		result = err_set(err, ERR_SYSTEM, "the output could not be written");
	pg_close_blocking(cli->db);
	place_done(&cli->place);
	return result;
}

int cli_main(int argc, char **argv, const struct cli_verb *const *verbs)
{
	struct err err = {0};
	struct cli cli = {.out = stdout, .verbs = verbs};
	struct buf text;
	fill_language(&cli, argc, argv);
	if (args_parse(verbs, argc, argv, &cli.args, &err) == 0) {
		if (cli.args.wants_help)
			return print_help(&cli.args, verbs, cli.args.noun);
		if (run_verb(&cli, &err) == 0)
			return 0;
	}
	buf_init(&text, REPORT_SENTENCE_MAX);
	fprintf(stderr, "edm: %s\n", report_sentence(&cli, err.text, &text));
	buf_done(&text);
	return err_exit_code(err.kind);
}
