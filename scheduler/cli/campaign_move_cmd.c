/* SPDX-License-Identifier: MIT */
/* edm campaign check, schedule, unschedule, start, pause, resume, cancel, resend. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "ip-pool/pool.h"
#include "scheduler/campaign/preflight.h"
#include "scheduler/campaign/schedule.h"
#include "scheduler/cli/campaign_private.h"
#include "scheduler/cli/report_private.h"
#include "scheduler/cli/settings_private.h"
#include "scheduler/cli/steer_private.h"
#include "scheduler/setup/domain_check.h"

/* --------------------------------------------------------------------------------------- check */

#define KEY_NAME_MAX 512
#define DNS_MOST_MS 3000 /* whoever starts a campaign waits for it, and is but warned */

/* What DNS is asked about a campaign's sender. */
struct dns_checks {
	const struct campaign_row *row;
	const struct sending_domain *domain;
	struct lookup *lookup;
	struct preflight *checks;
};

static void PRINTF_LIKE(3, 4)
	warn(const struct dns_checks *c, const char *name, const char *fmt, ...)
{
	struct buf sentence;
	va_list ap;
	buf_init(&sentence, REPORT_SENTENCE_MAX);
	va_start(ap, fmt);
	buf_appendfv(&sentence, fmt, ap);
	va_end(ap);
	buf_appendf(&sentence, ": edm domain check %.*s", STR_ARG(c->domain->name));
	preflight_warn(c->checks, name, buf_str(&sentence));
	buf_done(&sentence);
}

/* A key in use that DNS does not have: receivers cannot check what is signed with it. False: DNS
 * does not answer, so nothing more is asked. */
static bool check_keys(const struct dns_checks *c)
{
	struct buf name;
	enum domain_keys keys = DOMAIN_KEYS_PUBLISHED;
	buf_init(&name, KEY_NAME_MAX);
	if (!c->row->is_unsigned)
		keys = domain_check_keys(c->lookup, c->domain, &name);
	if (keys == DOMAIN_KEYS_LACKING)
		warn(c, "key-unpublished",
		     "the DKIM key %s is not published, so receivers take what is signed with it "
		     "for forged",
		     name.data);
	if (keys == DOMAIN_KEYS_UNKNOWN)
		warn(c, "dns-unchecked",
		     "whether the DKIM key %s is published could not be checked, as the name "
		     "servers do not answer",
		     name.data);
	buf_done(&name);
	return keys != DOMAIN_KEYS_UNKNOWN;
}

/* The addresses it is sent from. */
static size_t senders_of(const struct ip_pool_snapshot *s, const struct campaign_row *row,
			 struct domain_sender *out)
{
	struct str pool = row->pool.len > 0 ? row->pool : STR(POOL_DEFAULT);
	size_t count = 0;
	for (size_t i = 0; i < s->source_count; i++)
		if (source_is_usable(&s->sources[i], STR("")) &&
		    str_equals(s->sources[i].pool, pool) &&
		    ip_parse(s->sources[i].public_address, &out[count].ip) == 0)
			out[count++].name = s->sources[i].name;
	return count;
}

static bool is_relayed(const struct ip_pool_snapshot *s)
{
	for (size_t i = 0; i < s->route_count; i++)
		if (str_equals(s->routes[i].domain, STR("*")))
			return true;
	return false;
}

/* Whether receivers are told that our sources may send for the domain; where a host of our own
 * takes all mail they see its address, not ours. */
static void check_spf(const struct dns_checks *c, const struct ip_pool_snapshot *s)
{
	if (is_relayed(s))
		return;
	struct domain_sender *senders = xcalloc(s->source_count + 1, sizeof(senders[0]));
	struct domain_report *report = xcalloc(1, sizeof(*report));
	struct domain_question q = {.domain = c->domain,
				    .senders = senders,
				    .sender_count = senders_of(s, c->row, senders)};
	domain_check_spf(c->lookup, &q, report);
	const struct domain_finding *f = &report->findings[0];
	if (f->level == DOCTOR_FAIL)
		warn(c, "spf", "SPF of %s: %s", f->name, f->text);
	if (f->level == DOCTOR_WARN)
		warn(c, "dns-unchecked", "SPF of %s could not be checked: %s", f->name, f->text);
	domain_report_done(report);
	free(report);
	free(senders);
}

/* DNS of the sender: warnings, as what is published may change before anybody is sent to. */
static int check_dns(struct cli *cli, struct dns_checks *c, struct err *err)
{
	struct ip_pool_snapshot *s = NULL;
	struct err unable;
	if (steer_load(cli, &s, err) != 0)
		return -1;
	struct conf *conf = cli_settings(cli, &unable);
	c->lookup = conf != NULL ? lookup_open(conf, DNS_MOST_MS, &unable) : NULL;
	if (c->lookup == NULL)
		warn(c, "dns-unchecked", "DKIM and SPF could not be checked (%s)", unable.text);
	else if (check_keys(c))
		check_spf(c, s);
	lookup_close(c->lookup);
	conf_drop(conf);
	ip_pool_snapshot_drop(s);
	return 0;
}

/* What the checks of the campaign say, and DNS of its sender. */
static int run_checks(struct cli *cli, const struct campaign_row *row, struct preflight *checks,
		      struct err *err)
{
	struct sending_domains domains;
	struct str from = row->from_address, domain = from;
	struct err unknown; /* the checks say so */
	str_take_until(&domain, '@');
	if (preflight_run(cli->db, row, checks, err) != 0)
		return -1;
	if (domain.len == 0 || sending_domains_load(cli->db, domain, &domains, &unknown) != 0)
		return 0;
	struct dns_checks c = {.row = row, .domain = &domains.items[0], .checks = checks};
	int result = check_dns(cli, &c, err);
	sending_domains_done(&domains);
	return result;
}

static void print_findings(struct cli *cli, const struct preflight *checks)
{
	struct buf text;
	buf_init(&text, REPORT_SENTENCE_MAX);
	for (size_t i = 0; i < checks->count; i++) {
		const struct preflight_finding *f = &checks->findings[i];
		report_sentence(cli, f->sentence, &text);
		cli_printf(cli, REPORT_SAY(cli, "%s: %s\n", "%s：%s\n"),
			   f->is_error ? REPORT_SAY(cli, "error", "错误")
				       : REPORT_SAY(cli, "warning", "警告"),
			   text.data);
	}
	buf_done(&text);
}

static json_t *findings_json(const struct preflight *checks)
{
	json_t *findings = json_array();
	for (size_t i = 0; i < checks->count; i++) {
		const struct preflight_finding *f = &checks->findings[i];
		json_array_append_new(findings, json_pack("{s:s, s:s, s:s}", "level",
							  f->is_error ? "error" : "warning", "name",
							  f->name, "sentence", f->sentence));
	}
	return findings;
}

static int print_findings_json(struct cli *cli, const struct preflight *checks)
{
	return cli_print_json(cli,
			      json_pack("{s:s, s:b, s:I, s:o}", "name", cli_arg(cli, 0), "ready",
					checks->errors == 0, "people", (json_int_t)checks->audience,
					"findings", findings_json(checks)));
}

static int refuse_unready(const struct cli *cli, const struct preflight *checks, struct err *err)
{
	if (checks->errors == 0)
		return 0;
	return err_set(err, ERR_REFUSED,
		       "campaign %s is not ready: %zu %s above; nothing was changed",
		       cli_arg(cli, 0), checks->errors,
		       plural((int64_t)checks->errors, "error", "errors"));
}

/* Checks the campaign for a start at start_us (0: now) and prints what was found, with --json only
 * when it could not start, which is refused. Else more, an object, gets the findings and how many
 * people there are. */
static int check_for_start(struct cli *cli, struct campaign_view *view, int64_t start_us,
			   json_t *more, struct err *err)
{
	struct preflight checks;
	preflight_init(&checks);
	checks.start_us = start_us;
	int result = run_checks(cli, &view->items[0], &checks, err);
	if (result == 0 && !cli->wants_json)
		print_findings(cli, &checks);
	else if (result == 0 && checks.errors > 0)
		print_findings_json(cli, &checks);
	if (result == 0) {
		json_object_set_new(more, "people", json_integer(checks.audience));
		json_object_set_new(more, "findings", findings_json(&checks));
		result = refuse_unready(cli, &checks, err);
	}
	preflight_done(&checks);
	return result;
}

int run_campaign_check(struct cli *cli, struct err *err)
{
	struct campaign_view view;
	struct preflight checks;
	char number[32];
	preflight_init(&checks);
	int result = campaign_load_one(cli, NULL, &view, err);
	if (result == 0)
		result = run_checks(cli, &view.items[0], &checks, err);
	if (result == 0 && cli->wants_json) {
		result = print_findings_json(cli, &checks);
	} else if (result == 0) {
		print_findings(cli, &checks);
		if (checks.errors == 0)
			cli_printf(
				cli,
				REPORT_SAY(cli, "campaign %s is ready to go to at most %s %s\n",
					   "任务 %s 已就绪，最多发给 %s %s\n"),
				cli_arg(cli, 0),
				cli_number(checks.audience, number, sizeof(number)),
				REPORT_SAY(cli, plural(checks.audience, "person", "people"), "人"));
	}
	if (result == 0)
		result = refuse_unready(cli, &checks, err);
	campaign_view_done(&view);
	preflight_done(&checks);
	return result;
}

/* --------------------------------------------------------------------------------------- moves */

/* Whether the move is legal at all, before anything is checked or asked. */
static int check_move(const struct campaign_row *row, enum campaign_move move, struct err *err)
{
	char name[CAMPAIGN_NAME_MAX + 1];
	enum campaign_state after;
	must(str_to_cstr(row->name, name, sizeof(name)) == 0);
	return campaign_move(name, row->state, move, &after, err);
}

static int load_for(struct cli *cli, enum campaign_move move, struct campaign_view *view,
		    struct err *err)
{
	if (campaign_load_one(cli, NULL, view, err) != 0)
		return -1;
	return check_move(&view->items[0], move, err);
}

static int apply(struct cli *cli, struct campaign_view *view, enum campaign_move move,
		 struct err *err)
{
	const struct campaign_change change = {.by = campaign_by(cli)};
	return campaign_apply(cli->db, &view->items[0], move, &change, err);
}

/* What a move did, in words; nothing with --json. */
static void PRINTF_LIKE(2, 3) say(struct cli *cli, const char *fmt, ...)
{
	va_list ap;
	if (cli->wants_json)
		return;
	va_start(ap, fmt);
	vfprintf(cli->out, fmt, ap);
	va_end(ap);
}

/* After a move: the campaign as it is now and what more says, as JSON; else, if the move needs a
 * node, whether one runs. */
static int report_move(struct cli *cli, const json_t *more, bool needs_node, struct err *err)
{
	struct campaign_view view;
	int64_t nodes = 0;
	if (!cli->wants_json)
		return needs_node ? campaign_tell_nodes(cli, err) : 0;
	int result = campaign_load_one(cli, NULL, &view, err);
	if (result == 0)
		result = campaign_count_nodes(cli->db, &nodes, err);
	if (result == 0) {
		json_t *json = json_pack("{s:i, s:s, s:s, s:I}", "id", view.items[0].id, "name",
					 cli_arg(cli, 0), "state",
					 campaign_state_name(view.items[0].state), "nodes_running",
					 (json_int_t)nodes);
		json_object_update(json, (json_t *)(uintptr_t)more);
		cli_print_json(cli, json);
	}
	campaign_view_done(&view);
	return result;
}

static int resolve_start(struct cli *cli, struct schedule_time *when, struct err *err)
{
	const char *at = cli_option(cli, "at");
	if (at == NULL)
		return err_set(err, ERR_USAGE,
			       "when? Give --at '2026-12-01 09:00' --tz Asia/Shanghai");
	if (schedule_resolve(cli->db, str_from(at), campaign_zone(cli), when, err) != 0)
		return err_prefix(err, "--at");
	if (when->at_us > when->now_us)
		return 0;
	char now[TIME_TEXT_MAX];
	return err_set(err, ERR_USAGE,
		       "--at: %s %s is past (it is %s): to send now, edm campaign start %s",
		       when->wall, when->zone, time_words(when->now_us, now), cli_arg(cli, 0));
}

static int schedule(struct cli *cli, struct campaign_view *view, json_t *more, struct err *err)
{
	struct schedule_time when = {0};
	char utc[TIME_TEXT_MAX], span[TIME_TEXT_MAX];
	int64_t grace_ms = -1;
	if (load_for(cli, MOVE_SCHEDULE, view, err) != 0 || resolve_start(cli, &when, err) != 0 ||
	    args_duration(&cli->args, "grace", &grace_ms, err) != 0 ||
	    check_for_start(cli, view, when.at_us, more, err) != 0)
		return -1;
	const struct campaign_change change = {.by = campaign_by(cli),
					       .at_us = when.at_us,
					       .zone = when.zone,
					       .grace_s = grace_ms < 0 ? -1 : grace_ms / 1000};
	if (campaign_apply(cli->db, &view->items[0], MOVE_SCHEDULE, &change, err) != 0)
		return -1;
	json_object_set_new(more, "starts_at", time_json(when.at_us));
	say(cli,
	    REPORT_SAY(cli, "campaign %s starts at %s %s, which is %s, in %s\n",
		       "任务 %s 将于 %s %s 开始，即 %s，还有 %s\n"),
	    cli_arg(cli, 0), when.wall, when.zone, time_words(when.at_us, utc),
	    report_span(cli, when.at_us - when.now_us, span));
	if (when.is_twice)
		say(cli,
		    REPORT_SAY(cli, "the clocks go back that night: the first %s is meant\n",
			       "当晚时钟回拨：以第一个 %s 为准\n"),
		    when.wall);
	return report_move(cli, more, true, err);
}

/* Runs the move on a fresh view, with an object for what its JSON says more. */
static int run_move(struct cli *cli,
		    int (*move)(struct cli *cli, struct campaign_view *view, json_t *more,
				struct err *err),
		    struct err *err)
{
	struct campaign_view view = {0};
	json_t *more = json_object();
	int result = move(cli, &view, more, err);
	json_decref(more);
	campaign_view_done(&view);
	return result;
}

int run_campaign_schedule(struct cli *cli, struct err *err)
{
	return run_move(cli, schedule, err);
}

static int unschedule(struct cli *cli, struct campaign_view *view, json_t *more, struct err *err)
{
	if (load_for(cli, MOVE_UNSCHEDULE, view, err) != 0 ||
	    apply(cli, view, MOVE_UNSCHEDULE, err) != 0)
		return -1;
	say(cli, REPORT_SAY(cli, "campaign %s is a draft again\n", "任务 %s 恢复为草稿\n"),
	    cli_arg(cli, 0));
	return report_move(cli, more, false, err);
}

int run_campaign_unschedule(struct cli *cli, struct err *err)
{
	return run_move(cli, unschedule, err);
}

static int start(struct cli *cli, struct campaign_view *view, json_t *more, struct err *err)
{
	char number[32];
	const char *name = cli_arg(cli, 0);
	if (load_for(cli, MOVE_START, view, err) != 0 ||
	    check_for_start(cli, view, 0, more, err) != 0)
		return -1;
	int64_t audience = json_integer_value(json_object_get(more, "people"));
	if (cli_confirm(cli, err, "Starting campaign %s to at most %s %s", name,
			cli_number(audience, number, sizeof(number)),
			plural(audience, "person", "people")) != 0 ||
	    apply(cli, view, MOVE_START, err) != 0)
		return -1;
	say(cli,
	    REPORT_SAY(cli,
		       "campaign %s is running; its audience is being built while it is sent\n"
		       "watch it: edm campaign watch %s\n",
		       "任务 %s 已开始；受众边生成边发送\n查看进度：edm campaign watch %s\n"),
	    name, name);
	return report_move(cli, more, true, err);
}

int run_campaign_start(struct cli *cli, struct err *err)
{
	return run_move(cli, start, err);
}

static int pause_it(struct cli *cli, struct campaign_view *view, json_t *more, struct err *err)
{
	char number[32];
	const char *name = cli_arg(cli, 0);
	if (load_for(cli, MOVE_PAUSE, view, err) != 0 || apply(cli, view, MOVE_PAUSE, err) != 0)
		return -1;
	int64_t leased = view->items[0].counts[RECIPIENT_LEASED];
	json_object_set_new(more, "in_hand", json_integer(leased));
	if (leased > 0)
		say(cli,
		    REPORT_SAY(cli,
			       "campaign %s is paused; of up to %s %s in hand, what has not begun "
			       "is given back\n",
			       "任务 %s 已暂停；最多 %s %s处理中，尚未开始的退回队列\n"),
		    name, cli_number(leased, number, sizeof(number)),
		    REPORT_SAY(cli, plural(leased, "message", "messages"), "封"));
	else
		say(cli,
		    REPORT_SAY(cli, "campaign %s is paused; nothing of it is in hand\n",
			       "任务 %s 已暂停；没有发送中的邮件\n"),
		    name);
	say(cli,
	    REPORT_SAY(cli, "to go on: edm campaign resume %s\n",
		       "继续发送：edm campaign resume %s\n"),
	    name);
	return report_move(cli, more, false, err);
}

int run_campaign_pause(struct cli *cli, struct err *err)
{
	return run_move(cli, pause_it, err);
}

/* Findings that an edit while paused may have brought; audience and sources are as they were. */
static bool is_about_content(const struct preflight_finding *f)
{
	static const char *const names[] = {"variable-unknown", "no-key", "unsubscribe-empty"};
	for (size_t i = 0; f->is_error && i < ARRAY_LEN(names); i++)
		if (strcmp(f->name, names[i]) == 0)
			return true;
	return false;
}

static int check_for_resume(struct cli *cli, const struct campaign_view *view, struct err *err)
{
	struct preflight checks;
	preflight_init(&checks);
	int result = preflight_run(cli->db, &view->items[0], &checks, err);
	for (size_t i = 0; result == 0 && i < checks.count; i++)
		if (is_about_content(&checks.findings[i]))
			result = err_set(err, ERR_REFUSED,
					 "%s; it stays paused: edm campaign edit %s",
					 checks.findings[i].sentence, cli_arg(cli, 0));
	preflight_done(&checks);
	return result;
}

static int resume(struct cli *cli, struct campaign_view *view, json_t *more, struct err *err)
{
	if (load_for(cli, MOVE_RESUME, view, err) != 0)
		return -1;
	enum pause_reason reason = view->items[0].reason;
	if (check_for_resume(cli, view, err) != 0 || apply(cli, view, MOVE_RESUME, err) != 0)
		return -1;
	say(cli, REPORT_SAY(cli, "campaign %s is running again%s\n", "任务 %s 已恢复发送%s\n"),
	    cli_arg(cli, 0),
	    reason == PAUSED_BRAKE
		    ? REPORT_SAY(cli, "; its brake judges what comes back from now on",
				 "；自动熔断只看此后的结果")
		    : "");
	return report_move(cli, more, true, err);
}

int run_campaign_resume(struct cli *cli, struct err *err)
{
	return run_move(cli, resume, err);
}

static int cancel(struct cli *cli, struct campaign_view *view, json_t *more, struct err *err)
{
	char open[32], delivered[32];
	if (load_for(cli, MOVE_CANCEL, view, err) != 0)
		return -1;
	const int64_t *counts = view->items[0].counts;
	int64_t rest =
		counts[RECIPIENT_WAITING] + counts[RECIPIENT_LEASED] + counts[RECIPIENT_DEFERRED];
	const char *name = cli_arg(cli, 0);
	if (cli_confirm(
		    cli, err,
		    "Cancelling campaign %s for good (%s %s still to be sent to, %s "
		    "delivered)",
		    name, cli_number(rest, open, sizeof(open)), plural(rest, "person", "people"),
		    cli_number(counts[RECIPIENT_DELIVERED], delivered, sizeof(delivered))) != 0 ||
	    apply(cli, view, MOVE_CANCEL, err) != 0)
		return -1;
	json_object_set_new(more, "not_sent", json_integer(rest));
	say(cli, REPORT_SAY(cli, "campaign %s is cancelled\n", "任务 %s 已取消\n"), name);
	return report_move(cli, more, rest > 0, err);
}

int run_campaign_cancel(struct cli *cli, struct err *err)
{
	return run_move(cli, cancel, err);
}

static int resend(struct cli *cli, struct campaign_view *view, json_t *more, struct err *err)
{
	const char *state = cli_option(cli, "state");
	const char *name = cli_arg(cli, 0);
	const struct campaign_actor by = campaign_by(cli);
	char number[32];
	int64_t count = 0;
	if (state == NULL || strcmp(state, "unknown") != 0)
		return err_set(
			err, ERR_USAGE,
			"resend takes --state unknown; for people in other final states make "
			"a campaign: edm campaign create NEW --audience-of %s --state %s",
			name, state ? state : "bounced,blocked");
	if (load_for(cli, MOVE_RESEND, view, err) != 0)
		return -1;
	count = view->items[0].counts[RECIPIENT_UNKNOWN];
	if (count == 0)
		return err_set(err, ERR_REFUSED,
			       "nobody in campaign %s has an unknown outcome: there is nothing to "
			       "resend",
			       name);
	if (cli_confirm(cli, err,
			"Sending once more to %s %s of campaign %s who may have got it already",
			cli_number(count, number, sizeof(number)),
			plural(count, "person", "people"), name) != 0 ||
	    campaign_resend_unknown(cli->db, &view->items[0], &by, &count, err) != 0)
		return -1;
	json_object_set_new(more, "resent", json_integer(count));
	say(cli,
	    REPORT_SAY(cli, "%s %s of campaign %s will be sent to once more\n",
		       "%s %s将再收到一次任务 %s\n"),
	    cli_number(count, number, sizeof(number)),
	    REPORT_SAY(cli, plural(count, "person", "people"), "人"), name);
	return report_move(cli, more, true, err);
}

int run_campaign_resend(struct cli *cli, struct err *err)
{
	return run_move(cli, resend, err);
}
