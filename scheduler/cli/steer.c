/* SPDX-License-Identifier: MIT */
/* Shared by the verbs about sources, providers, routes, limits and pauses. */
#include <stdarg.h>

#include "engine/base/clock.h"
#include "ip-pool/explain.h"
#include "scheduler/cli/report_private.h"
#include "scheduler/cli/steer_private.h"
#include "scheduler/ledger/roster.h"
#include "scheduler/report/format.h"
#include "scheduler/setup/lane_live.h"
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

int steer_check_not_empty(const struct cli *cli, const char *const *options, struct err *err)
{
	for (; *options != NULL; options++) {
		const char *value = cli_option(cli, *options);
		if (value != NULL && value[0] == '\0')
			return err_set(err, ERR_USAGE,
				       "--%s is empty: name one, or leave the option out",
				       *options);
	}
	return 0;
}

int steer_check_provider(const struct ip_pool_snapshot *s, struct str name, struct err *err)
{
	if (str_is_empty(name) || str_equals(name, STR("tail")) || str_find_char(name, '.') > 0 ||
	    provider_find(s->providers, name) != NULL ||
	    route_leads_to(s->routes, s->route_count, name))
		return 0;
	return err_set(err, ERR_NOT_FOUND,
		       "there is no provider '%.*s'; edm provider list lists them (a site is named "
		       "by its host)",
		       STR_ARG(name));
}

int steer_check_source(const struct ip_pool_snapshot *s, struct str name, struct err *err)
{
	if (str_is_empty(name) || ip_pool_source(s, name) != NULL)
		return 0;
	return err_set(err, ERR_NOT_FOUND, "there is no source '%.*s'; edm source show lists them",
		       STR_ARG(name));
}

int steer_knows(struct cli *cli, const struct ip_pool_snapshot *s, struct str name, bool *known_out,
		struct err *err)
{
	struct pg_params p;
	struct pg_rows *rows = NULL;
	*known_out = true;
	if (str_is_empty(name) || str_equals(name, STR("tail")) ||
	    provider_find(s->providers, name) != NULL ||
	    route_leads_to(s->routes, s->route_count, name))
		return 0;
	pg_params_init(&p);
	pg_add_text(&p, name);
	int result = pg_run(cli->db, "setup/known_site", &p, &rows, err);
	pg_params_done(&p);
	if (result == 0)
		*known_out = pg_bool(rows, 0, 0);
	pg_rows_free(rows);
	return result;
}

static int is_shown(struct cli *cli, struct str source, struct str target, bool *shown_out,
		    struct err *err)
{
	json_t *live = NULL;
	if (lane_live_read(cli->db, source, target, &live, err) != 0)
		return -1;
	*shown_out = live != NULL;
	json_decref(live);
	return 0;
}

int steer_check_lane(struct cli *cli, const struct ip_pool_snapshot *s, struct str name,
		     struct err *err)
{
	struct str target = name;
	struct str source = str_take_until(&target, '/');
	bool is_known = false, is_seen = false;
	if (str_is_empty(source) || str_is_empty(target))
		return err_set(err, ERR_USAGE,
			       "\"%.*s\" is no lane: write SOURCE/PROVIDER or SOURCE/SITE, as in "
			       "mx1/qq",
			       STR_ARG(name));
	if (str_equals(target, STR("tail")))
		return err_set(err, ERR_USAGE,
			       "tail is every site without a provider, each a lane of its own: "
			       "name the host, as in %.*s/mx.example.com",
			       STR_ARG(source));
	if (steer_check_source(s, source, err) != 0 || steer_check_provider(s, target, err) != 0 ||
	    steer_knows(cli, s, target, &is_known, err) != 0 ||
	    is_shown(cli, source, target, &is_seen, err) != 0)
		return -1;
	is_seen |= ip_pool_lane(s, ip_pool_source(s, source)->id, target) != NULL;
	if (is_known || is_seen)
		return 0;
	return err_set(err, ERR_NOT_FOUND,
		       "there is no lane '%.*s': %.*s is no provider, no route leads there, and it "
		       "is nobody's mail exchanger as far as is known",
		       STR_ARG(name), STR_ARG(target));
}

void steer_warn(const struct cli *cli, json_t *warnings, const char *fmt, ...)
{
	struct buf text, shown;
	va_list ap;
	buf_init(&text, 1024);
	buf_init(&shown, REPORT_SENTENCE_MAX);
	va_start(ap, fmt);
	buf_appendfv(&text, fmt, ap);
	va_end(ap);
	fprintf(stderr, REPORT_SAY(cli, "warning: %s\n", "警告：%s\n"),
		report_sentence(cli, text.data, &shown));
	buf_done(&shown);
	json_array_append_new(warnings, json_of_str(buf_str(&text)));
	buf_done(&text);
}

void steer_warn_unknown(const struct cli *cli, const struct steer_scope *scope, json_t *warnings)
{
	if (scope->is_unknown_site)
		steer_warn(cli, warnings,
			   "%.*s is no provider, no route leads there, and it is nobody's mail "
			   "exchanger "
			   "as far as is known; this holds when mail goes there",
			   STR_ARG(scope->provider));
}

int steer_warn_node(struct cli *cli, struct str name, json_t *warnings, struct err *err)
{
	struct roster r;
	if (str_is_empty(name))
		return 0;
	if (roster_load(cli->db, &r, err) != 0)
		return -1;
	if (roster_find(&r, name) == NULL)
		steer_warn(cli, warnings,
			   "there is no node '%.*s' (edm node list); this holds when one of that "
			   "name "
			   "runs",
			   STR_ARG(name));
	roster_done(&r);
	return 0;
}

int steer_warn_sender(struct cli *cli, struct str domain, json_t *warnings, struct err *err)
{
	struct pg_params p;
	struct pg_rows *rows = NULL;
	if (str_is_empty(domain))
		return 0;
	pg_params_init(&p);
	pg_add_text(&p, domain);
	int result = pg_run(cli->db, "setup/known_sender", &p, &rows, err);
	pg_params_done(&p);
	if (result == 0 && !pg_bool(rows, 0, 0))
		steer_warn(cli, warnings,
			   "%.*s is no sending domain (edm domain show), and no campaign is from "
			   "there; "
			   "this holds when one is",
			   STR_ARG(domain));
	pg_rows_free(rows);
	return result;
}

static int find_campaign(struct cli *cli, int64_t *id_out, struct err *err)
{
	const char *name = cli_option(cli, "campaign");
	*id_out = 0;
	return name == NULL ? 0 : names_campaign_id(cli->db, str_from(name), id_out, err);
}

/* Whether a limit or a pause is about a source of that name, be there one or not. */
static bool is_named(const struct ip_pool_snapshot *s, struct str source)
{
	for (size_t i = 0; i < s->limits.count; i++)
		if (str_equals(s->limits.rules[i].source, source))
			return true;
	for (size_t i = 0; i < s->pause_count; i++)
		if (str_equals(s->pauses[i].source, source))
			return true;
	return false;
}

static int find_scope(struct cli *cli, bool is_back, struct steer_scope *out, struct err *err)
{
	struct ip_pool_snapshot *s = NULL;
	bool is_site_known = true;
	*out = (struct steer_scope){.provider = steer_option(cli, "provider"),
				    .source = steer_option(cli, "source")};
	if (steer_load(cli, &s, err) != 0)
		return -1;
	int result = steer_check_provider(s, out->provider, err);
	if (result == 0 && !(is_back && is_named(s, out->source)))
		result = steer_check_source(s, out->source, err);
	if (result == 0)
		result = steer_knows(cli, s, out->provider, &is_site_known, err);
	out->is_unknown_site = !is_site_known;
	ip_pool_snapshot_drop(s);
	return result == 0 ? find_campaign(cli, &out->campaign, err) : -1;
}

int steer_scope(struct cli *cli, struct steer_scope *out, struct err *err)
{
	return find_scope(cli, false, out, err);
}

int steer_scope_back(struct cli *cli, struct steer_scope *out, struct err *err)
{
	return find_scope(cli, true, out, err);
}

bool steer_say_source(const struct cli *cli, struct str source, struct str provider,
		      struct buf *out)
{
	if (str_is_empty(source))
		return false;
	if (str_is_empty(provider))
		buf_appendf(out, REPORT_NAME(cli, "source %.*s", "发信源 %.*s"), STR_ARG(source));
	else
		buf_appendf(out, REPORT_NAME(cli, "lane %.*s/%.*s", "通道 %.*s/%.*s"),
			    STR_ARG(source), STR_ARG(provider));
	return true;
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

int steer_undo_number(const struct cli *cli, const char *of_what, int64_t *out, struct err *err)
{
	const char *text = cli_arg(cli, 0);
	*out = 0;
	if (text == NULL ||
	    (str_to_i64(str_from(text), out) == 0 && *out >= 1 && *out <= INT32_MAX))
		return 0;
	return err_set(err, ERR_USAGE, "'%s' is no number of a %s", text, of_what);
}

void steer_span(const struct cli *cli, int64_t ms, struct buf *out)
{
	if (cli->is_chinese)
		format_span(ms, LANGUAGE_ZH, out);
	else
		explain_duration(ms, out);
}

void steer_until(const struct cli *cli, int64_t until_ms, int64_t now, struct buf *out)
{
	if (until_ms == LIMIT_FOREVER) {
		buf_append_cstr(out, REPORT_SAY(cli, "until changed", "长期有效"));
		return;
	}
	buf_append_cstr(out, REPORT_SAY(cli, "for another ", "剩余 "));
	steer_span(cli, until_ms - now, out);
}

json_t *steer_left_json(int64_t until_ms, int64_t now)
{
	return until_ms == LIMIT_FOREVER ? json_null() : json_integer(until_ms - now);
}

const char *steer_tls_words(const struct cli *cli, enum route_tls tls)
{
	static const char *const names_zh[] = {[ROUTE_TLS_NONE] = "不加密（none）",
					       [ROUTE_TLS_OPPORTUNISTIC] =
						       "尽量加密（opportunistic）",
					       [ROUTE_TLS_REQUIRED] = "必须加密（required）",
					       [ROUTE_TLS_VERIFIED] = "必须验证（verified）"};
	return REPORT_NAMED(cli, route_tls_name(tls), names_zh, tls);
}
