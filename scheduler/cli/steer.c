/* SPDX-License-Identifier: MIT */
/* Shared by the verbs about sources, providers, routes, limits and pauses. */
#include "engine/base/clock.h"
#include "ip-pool/explain.h"
#include "scheduler/cli/steer_private.h"
#include "scheduler/setup/names.h"

#define TEN_YEARS_MS INT64_C(315360000000)

struct change steer_change(const struct cli *cli)
{
	return (struct change){.actor = str_from(cli->actor), .because = cli_because(cli)};
}

int steer_load(struct cli *cli, struct ip_pool_snapshot **out, struct err *err)
{
	struct pg_blocking *db = cli_database(cli, err);
	return db == NULL ? -1 : ip_pool_load(db, clock_now_ms(), out, err);
}

struct str steer_option(const struct cli *cli, const char *name)
{
	return str_from(cli_option(cli, name));
}

int steer_check_provider(const struct ip_pool_snapshot *s, struct str name, struct err *err)
{
	if (str_is_empty(name) || str_equals(name, STR("tail")) || str_find_char(name, '.') > 0 ||
	    provider_find(s->providers, name) != NULL)
		return 0;
	return err_set(
		err, ERR_NOT_FOUND,
		"there is no provider \"%.*s\"; edm provider list shows them (a site is named "
		"by its host)",
		STR_ARG(name));
}

int steer_check_source(const struct ip_pool_snapshot *s, struct str name, struct err *err)
{
	if (str_is_empty(name) || ip_pool_source(s, name) != NULL)
		return 0;
	return err_set(err, ERR_NOT_FOUND, "there is no source \"%.*s\"; see: edm source show",
		       STR_ARG(name));
}

int steer_campaign(struct cli *cli, int64_t *id_out, struct err *err)
{
	const char *name = cli_option(cli, "campaign");
	*id_out = 0;
	if (name == NULL)
		return 0;
	struct pg_blocking *db = cli_database(cli, err);
	return db == NULL ? -1 : names_campaign_id(db, str_from(name), id_out, err);
}

int steer_for(const struct cli *cli, int64_t *ms_out, struct err *err)
{
	*ms_out = 0;
	if (args_duration(&cli->args, "for", ms_out, err) != 0)
		return -1;
	if (cli_option(cli, "for") != NULL && (*ms_out <= 0 || *ms_out > TEN_YEARS_MS))
		return err_set(err, ERR_USAGE, "--for takes a time of up to ten years, not '%s'",
			       cli_option(cli, "for"));
	return 0;
}

void steer_until(int64_t until_ms, int64_t now, struct buf *out)
{
	if (until_ms == LIMIT_FOREVER) {
		buf_append_cstr(out, "until changed");
		return;
	}
	buf_append_cstr(out, "for another ");
	explain_duration(until_ms - now, out);
}

json_t *steer_left_json(int64_t until_ms, int64_t now)
{
	return until_ms == LIMIT_FOREVER ? json_null() : json_integer(until_ms - now);
}
