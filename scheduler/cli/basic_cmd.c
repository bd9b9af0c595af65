/* SPDX-License-Identifier: MIT */
/* The verbs around everything else: init, down, sql, version, help. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scheduler/cli/report_private.h"
#include "scheduler/cli/steer_private.h"
#include "scheduler/cli/verbs.h"
#include "scheduler/setup/migrate.h"
#include "scheduler/setup/private_pg.h"
#include "scheduler/setup/secrets.h"
#include "schemas/embedded.h"

#define HELP_DIR "scheduler/cli/help/"

/* ------------------------------------------------------------------------------------------ init
 */

static int migrate(struct cli *cli, int *applied_out, struct err *err)
{
	struct pg_blocking *db = pg_open_blocking(cli->place.database_url, "edm init", err);
	if (db == NULL)
		return err_prefix(err, "cannot open the database");
	int result = migrate_apply(db, applied_out, err);
	pg_close_blocking(db);
	return result;
}

static int make_node_key(const struct cli *cli, struct err *err)
{
	struct secrets secrets;
	if (secrets_load(cli->place.data_dir, true, &secrets, err) != 0)
		return -1;
	secrets_wipe(&secrets);
	return 0;
}

static void print_init(struct cli *cli, bool is_new, int applied, bool has_sources)
{
	struct buf place;
	buf_init(&place, REPORT_SENTENCE_MAX);
	cli_printf(cli, REPORT_SAY(cli, "database: %s%s\n", "数据库：%s%s\n"),
		   report_sentence(cli, cli->place.shown, &place),
		   is_new ? REPORT_SAY(cli, " (created)", "（已创建）") : "");
	buf_done(&place);
	cli_printf(cli, REPORT_SAY(cli, "data directory: %s\n", "数据目录：%s\n"),
		   cli->place.data_dir);
	if (applied > 0)
		cli_printf(cli,
			   REPORT_SAY(cli, "schema: %d %s applied\n", "表结构：已执行 %d %s\n"),
			   applied,
			   REPORT_SAY(cli, plural(applied, "migration", "migrations"), "项迁移"));
	else
		cli_printf(cli, REPORT_SAY(cli, "schema: up to date, nothing to do\n",
					   "表结构：已是最新，无需更改\n"));
	cli_printf(cli,
		   has_sources
			   ? REPORT_SAY(cli, "next: edm doctor, edm run (see: edm help running)\n",
					"下一步：edm doctor，edm run（见 edm help running）\n")
			   : REPORT_SAY(cli,
					"next: edm source add ADDRESS --name mx1 --ehlo HOST "
					"(see: edm help start)\n",
					"下一步：edm source add ADDRESS --name mx1 --ehlo HOST"
					"（见 edm help start）\n"));
}

static int report_init(struct cli *cli, bool is_new, int applied, bool has_sources)
{
	if (cli->wants_json)
		return cli_print_json(cli,
				      json_pack("{s:s, s:b, s:s, s:b, s:i}", "database",
						cli->place.shown, "private", cli->place.is_private,
						"data", cli->place.data_dir, "created", is_new,
						"migrations", applied));
	print_init(cli, is_new, applied, has_sources);
	return 0;
}

static int run_init(struct cli *cli, struct err *err)
{
	bool is_new = cli->place.is_private && !private_pg_exists(cli->place.data_dir);
	int applied = 0;
	if (place_make_data_dir(&cli->place, err) != 0 ||
	    place_start_database(&cli->place, true, err) != 0 || migrate(cli, &applied, err) != 0 ||
	    make_node_key(cli, err) != 0)
		return -1;
	json_t *detail = json_pack("{s:i, s:s}", "migrations", applied, "version", EDM_VERSION);
	int result = applied > 0 ? cli_event(cli, "init", "database", detail, err) : 0;
	json_decref(detail);
	struct ip_pool_snapshot *pool = NULL;
	if (result != 0 || steer_load(cli, &pool, err) != 0)
		return -1;
	bool has_sources = pool->source_count > 0;
	ip_pool_snapshot_drop(pool);
	return report_init(cli, is_new, applied, has_sources);
}

/* ------------------------------------------------------------------------------------------ down
 */

/* Refuses while a node has its lease. A database that does not answer has no nodes. */
static int check_no_node(struct cli *cli, struct err *err)
{
	struct err ignored;
	struct pg_blocking *db = pg_open_blocking(cli->place.database_url, "edm down", &ignored);
	struct pg_rows *rows = NULL;
	if (db == NULL)
		return 0;
	int result = 0;
	if (migrate_check(db, &ignored) == 0)
		result = pg_run(db, "setup/alive_nodes", NULL, &rows, err);
	if (result == 0 && pg_rows_count(rows) > 0)
		result = err_set(err, ERR_REFUSED,
				 "node %.*s is running on %.*s (process %lld): stop it first, then "
				 "edm down again",
				 STR_ARG(pg_text(rows, 0, 0)), STR_ARG(pg_text(rows, 0, 1)),
				 (long long)pg_int(rows, 0, 2));
	pg_rows_free(rows);
	pg_close_blocking(db);
	return result;
}

static int run_down(struct cli *cli, struct err *err)
{
	bool purge = cli_flag(cli, "purge");
	const char *dir = cli->place.data_dir;
	if (!cli->place.is_private)
		return err_set(err, ERR_REFUSED,
			       "down stops the private database only; %s is not edm's to stop",
			       cli->place.shown);
	if (place_check_access(&cli->place, err) != 0)
		return -1;
	if (!private_pg_exists(dir))
		return err_set(err, ERR_NOT_FOUND, "there is no private database in %s", dir);
	if (check_no_node(cli, err) != 0)
		return -1;
	if (purge && cli_confirm(cli, err,
				 "Removing the database in %s with every list, campaign and result",
				 dir) != 0)
		return -1;
	if (private_pg_stop(dir, purge, err) != 0)
		return -1;
	cli_printf(cli, purge ? REPORT_SAY(cli, "the private database is stopped and removed\n",
					   "自带的数据库已停止并删除\n")
			      : REPORT_SAY(cli,
					   "the private database is stopped; any command starts it "
					   "again\n",
					   "自带的数据库已停止；运行任何命令都会再次启动它\n"));
	return 0;
}

/* ------------------------------------------------------------------------------------------- sql
 */

static int run_sql(struct cli *cli, struct err *err)
{
	const char *statement = cli_arg(cli, 0);
	if (cli_database(cli, err) == NULL)
		return -1;
	pg_close_blocking(cli->db);
	cli->db = NULL;
	const char *args[8] = {"psql", "-X", "-v", "ON_ERROR_STOP=1", cli->place.database_url};
	if (statement != NULL) {
		args[5] = "-c";
		args[6] = statement;
	}
	if (setenv("PGOPTIONS", "-c search_path=edm,public", 1) != 0)
		return err_errno(err, errno, "cannot set PGOPTIONS");
	fflush(cli->out);
	execvp(args[0], (char *const *)(uintptr_t)args);
	return err_errno(err, errno, "cannot start psql: install the package postgresql-client");
}

/* ---------------------------------------------------------------------------------- version, help
 */

static int run_version(struct cli *cli, struct err *err)
{
	(void)err;
	if (cli->wants_json)
		return cli_print_json(cli, json_pack("{s:s}", "version", EDM_VERSION));
	cli_printf(cli, "edm %s\n", EDM_VERSION);
	return 0;
}

/* The first line of a page without its "# ". */
static struct str page_title(const struct embedded_file *page)
{
	struct str rest = str_of(page->data, page->size);
	struct str line = str_take_until(&rest, '\n');
	return str_starts_with(line, STR("# ")) ? str_slice(line, 2, line.len) : line;
}

static int list_topics(struct cli *cli)
{
	size_t count;
	const struct embedded_file *files = embedded_files(&count);
	cli_printf(cli, "Topics (edm help TOPIC):\n\n");
	for (size_t i = 0; i < count; i++) {
		struct str name = str_from(files[i].name);
		if (!str_starts_with(name, STR(HELP_DIR)))
			continue;
		name = str_slice(name, sizeof(HELP_DIR) - 1, name.len - sizeof(".md") + 1);
		cli_printf(cli, "  %-12.*s %.*s\n", STR_ARG(name), STR_ARG(page_title(&files[i])));
	}
	cli_printf(cli,
		   "\nEvery command explains itself: edm --help, edm campaign create --help\n");
	return 0;
}

static int run_help(struct cli *cli, struct err *err)
{
	const char *topic = cli_arg(cli, 0);
	char path[256];
	if (topic == NULL)
		return list_topics(cli);
	if (cli_arg(cli, 1) != NULL)
		return cli_help_on(cli, topic, cli_arg(cli, 1), err);
	snprintf(path, sizeof(path), HELP_DIR "%s.md", topic);
	const struct embedded_file *page = embedded_find(path);
	if (page == NULL && cli_help_on(cli, topic, NULL, err) == 0)
		return 0;
	if (page == NULL)
		return err_set(err, ERR_NOT_FOUND,
			       "there is no help on '%s'; edm help lists the topics", topic);
	fwrite(page->data, 1, page->size, cli->out);
	return 0;
}

static const struct arg_option down_options[] = {
	{"purge", NULL, "also remove the database with everything in it"},
	{NULL, NULL, NULL},
};

const struct cli_verb basic_verbs[] = {
	{.noun = "init",
	 .summary = "Make the database and its schema, or bring it up to date",
	 .examples = "    edm init\n"
		     "    edm init --database postgresql://edm@db.example/edm",
	 .takes_json = true,
	 .changes = true,
	 .run = run_init},
	{.noun = "down",
	 .options = down_options,
	 .summary = "Stop the private database",
	 .examples = "    edm down\n"
		     "    edm down --purge --yes",
	 .asks = true,
	 .run = run_down},
	{.noun = "sql",
	 .synopsis = "[STATEMENT]",
	 .max_args = 1,
	 .summary = "Open psql on the database, or run one statement",
	 .examples = "    edm sql\n"
		     "    edm sql 'SELECT name, state FROM campaign'",
	 .run = run_sql},
	{.noun = "version",
	 .summary = "Print the version",
	 .examples = "    edm version",
	 .takes_json = true,
	 .run = run_version},
	{.noun = "help",
	 .synopsis = "[TOPIC|COMMAND]",
	 .max_args = 2,
	 .summary = "Read the manual, or what a command takes",
	 .examples = "    edm help\n"
		     "    edm help start\n"
		     "    edm help campaign create",
	 .run = run_help},
	{0},
};
