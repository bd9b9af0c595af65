/* SPDX-License-Identifier: MIT */
/* The verbs about static routes: recipient domain or * to a host of one's own. */
#include <string.h>

#include "ip-pool/store/route_store.h"
#include "scheduler/cli/report_private.h"
#include "scheduler/cli/steer_private.h"
#include "scheduler/cli/verbs.h"
#include "scheduler/setup/secrets.h"

#define SEALED_MAX 4096

/* The password of the file, sealed for the database. */
static int seal_password(const struct cli *cli, const char *path, struct buf *sealed_out,
			 struct err *err)
{
	struct secrets secrets;
	struct buf password;
	buf_init(&password, SEALED_MAX / 2);
	int result = secrets_read_line(path, &password, err);
	if (result == 0 && secrets_load(cli->place.data_dir, true, &secrets, err) == 0) {
		result = secrets_seal(&secrets, buf_str(&password), sealed_out, err);
		secrets_wipe(&secrets);
	} else {
		result = -1;
	}
	secrets_forget(&password);
	return result;
}

static int auth_of(const struct cli *cli, struct route *route, struct buf *sealed, struct err *err)
{
	const char *file = cli_option(cli, "password-file");
	route->auth_user = steer_option(cli, "auth");
	if (str_is_empty(route->auth_user) != (file == NULL))
		return err_set(err, ERR_USAGE, "--auth USER and --password-file FILE go together");
	if (file == NULL)
		return 0;
	if (seal_password(cli, file, sealed, err) != 0)
		return -1;
	route->sealed_password = buf_str(sealed);
	return 0;
}

static int set_route(struct cli *cli, struct route *route, struct err *err)
{
	struct change change = steer_change(cli);
	struct pg_blocking *db = cli_database(cli, err);
	struct buf sealed;
	buf_init(&sealed, SEALED_MAX);
	int result = db == NULL ? -1 : auth_of(cli, route, &sealed, err);
	if (result == 0)
		result = route_store_set(db, route, &change, err);
	buf_done(&sealed);
	return result;
}

static json_t *route_json(const struct route *r)
{
	return json_pack("{s:o, s:o, s:i, s:s, s:o}", "domain", json_of_str(r->domain), "host",
			 json_of_str(r->host), "port", (int)r->port, "tls", route_tls_name(r->tls),
			 "auth_user", json_of_text_or_null(r->auth_user));
}

static int run_set(struct cli *cli, struct err *err)
{
	struct route route = {.domain = str_from(cli_arg(cli, 0)), .tls = ROUTE_TLS_OPPORTUNISTIC};
	const char *tls = cli_option(cli, "tls");
	if (route_parse_target(str_from(cli_arg(cli, 1)), &route.host, &route.port, err) != 0)
		return -1;
	if (tls != NULL && route_tls_parse(str_from(tls), &route.tls) != 0)
		return err_set(err, ERR_USAGE,
			       "--tls is none, opportunistic, required or verified, not '%s'", tls);
	if (set_route(cli, &route, err) != 0)
		return -1;
	if (cli->wants_json)
		return cli_print_json(cli, route_json(&route));
	struct str domain = route.domain;
	if (str_equals(route.domain, STR("*")))
		domain = str_from(REPORT_SAY(cli, "every other domain", "其他所有域名"));
	cli_printf(cli,
		   REPORT_SAY(cli, "mail for %.*s goes to %.*s port %u%s\n",
			      "%.*s 的邮件发往 %.*s 端口 %u%s\n"),
		   STR_ARG(domain), STR_ARG(route.host), route.port,
		   str_is_empty(route.auth_user) ? ""
						 : REPORT_SAY(cli, ", with AUTH", "，使用 AUTH"));
	return 0;
}

static int run_remove(struct cli *cli, struct err *err)
{
	struct str domain = str_from(cli_arg(cli, 0));
	struct change change = steer_change(cli);
	struct pg_blocking *db = cli_database(cli, err);
	if (db == NULL || route_store_remove(db, domain, &change, err) != 0)
		return -1;
	if (cli->wants_json)
		return cli_print_json(
			cli, json_pack("{s:o, s:b}", "domain", json_of_str(domain), "removed", 1));
	cli_printf(cli, REPORT_SAY(cli, "the route of %.*s is removed\n", "%.*s 的路由已移除\n"),
		   STR_ARG(domain));
	return 0;
}

static int run_show(struct cli *cli, struct err *err)
{
	struct ip_pool_snapshot *s = NULL;
	struct table t;
	if (steer_load(cli, &s, err) != 0)
		return -1;
	json_t *list = json_array();
	table_init(&t, REPORT_SAY(cli, "domain|host|port|tls|auth", "收件域名|主机|端口|TLS|AUTH"));
	for (size_t i = 0; i < s->route_count; i++) {
		const struct route *r = &s->routes[i];
		table_str(&t, r->domain);
		table_str(&t, r->host);
		table_cell(&t, "%u", r->port);
		table_str(&t, str_from(steer_tls_words(cli, r->tls)));
		table_str_or_dash(&t, r->auth_user);
		json_array_append_new(list, route_json(r));
	}
	ip_pool_snapshot_drop(s);
	if (cli->wants_json) {
		table_done(&t);
		return cli_print_json(cli, json_pack("{s:o}", "routes", list));
	}
	json_decref(list);
	table_print(&t, cli,
		    REPORT_SAY(cli, "no route: mail goes where DNS says",
			       "没有静态路由：邮件按 DNS 投递"));
	return 0;
}

static const struct arg_option set_options[] = {
	{"tls", "MODE", "none, opportunistic (default), required or verified"},
	{"auth", "USER", "log in as USER (needs TLS)"},
	{"password-file", "FILE", "file whose first line is the password; - for standard input"},
	{NULL, NULL, NULL},
};

const struct cli_verb route_verbs[] = {
	{.noun = "route",
	 .verb = "set",
	 .synopsis = "DOMAIN|* HOST:PORT",
	 .min_args = 2,
	 .max_args = 2,
	 .options = set_options,
	 .summary = "Send the mail of a domain, or of all, to a host of your own",
	 .examples = "    edm route set example.com 192.0.2.10:2525\n"
		     "    edm route set '*' smtp.example.net:587 --tls verified --auth edm "
		     "--password-file pw",
	 .changes = true,
	 .takes_json = true,
	 .run = run_set},
	{.noun = "route",
	 .verb = "remove",
	 .synopsis = "DOMAIN|*",
	 .min_args = 1,
	 .max_args = 1,
	 .summary = "Remove a route: the domain's mail goes where DNS says",
	 .examples = "    edm route remove example.com",
	 .changes = true,
	 .takes_json = true,
	 .run = run_remove},
	{.noun = "route",
	 .verb = "show",
	 .summary = "Show the routes",
	 .examples = "    edm route show --json",
	 .takes_json = true,
	 .run = run_show},
	{0},
};
