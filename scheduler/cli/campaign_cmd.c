/* SPDX-License-Identifier: MIT */
/* edm campaign: the table of its verbs, and what they share. */
#include "scheduler/cli/campaign_private.h"
#include "scheduler/cli/report_private.h"
#include "scheduler/cli/verbs.h"

int campaign_load_one(struct cli *cli, const char *name, struct campaign_view *view,
		      struct err *err)
{
	*view = (struct campaign_view){0};
	struct pg_blocking *db = cli_database(cli, err);
	if (db == NULL)
		return -1;
	return campaign_view_load(db, name != NULL ? name : cli_arg(cli, 0), view, err);
}

struct campaign_actor campaign_by(const struct cli *cli)
{
	return (struct campaign_actor){.actor = str_from(cli->actor), .because = cli_because(cli)};
}

const char *campaign_zone(const struct cli *cli)
{
	return report_zone(cli);
}

int campaign_tell_nodes(struct cli *cli, struct err *err)
{
	int64_t nodes;
	if (campaign_count_nodes(cli->db, &nodes, err) != 0)
		return -1;
	if (nodes == 0)
		cli_printf(
			cli,
			REPORT_SAY(cli,
				   "no node is running: it goes on as soon as one is (edm run)\n",
				   "没有运行中的节点：有节点运行后即继续（edm run）\n"));
	return 0;
}

static const struct arg_option schedule_options[] = {
	{"at", "TIME", "when, as '2026-12-01 09:00'"},
	{"tz", "ZONE",
	 "the zone of that time, as Asia/Shanghai (default: UTC, or Beijing's with --lang zh)"},
	{"grace", "2h", "start at most this much late, else pause as late"},
	{NULL, NULL, NULL},
};

static const struct arg_option resend_options[] = {
	{"state", "STATE", "whose outcome: unknown"},
	{NULL, NULL, NULL},
};

static const struct arg_option wait_options[] = {
	{"timeout", "S", "give up after this many seconds"},
	{NULL, NULL, NULL},
};

static const struct arg_option preview_options[] = {
	{"for", "ADDRESS", "the member to show it for (default: any)"},
	{"html", "FILE", "write the HTML part there"},
	{"eml", "FILE", "write the whole message there"},
	{NULL, NULL, NULL},
};

static const struct arg_option test_options[] = {
	{"timeout", "S", "wait at most this long for the reply (default 120)"},
	{NULL, NULL, NULL},
};

const struct cli_verb campaign_verbs[] = {
	{.noun = "campaign",
	 .verb = "create",
	 .synopsis = "NAME",
	 .min_args = 1,
	 .max_args = 1,
	 .options = campaign_create_options,
	 .summary = "Make a campaign: what is sent, to whom, from whom",
	 .examples =
		 "    edm campaign create spring --list customers --from 'Shop <news@example.com>' "
		 "\\\n        --subject 'Hello {{ name | default: \"friend\" }}' --html "
		 "letter.html\n"
		 "    edm campaign create again --audience-of spring --state blocked,expired "
		 "--html letter.html \\\n        --from news@example.com --subject 'Once more'",
	 .takes_json = true,
	 .changes = true,
	 .run = run_campaign_create},
	{.noun = "campaign",
	 .verb = "edit",
	 .synopsis = "NAME",
	 .min_args = 1,
	 .max_args = 1,
	 .options = campaign_edit_options,
	 .summary = "Change a campaign that is a draft, scheduled or paused; its hours at any time",
	 .examples = "    edm campaign edit spring --subject 'A better one'\n"
		     "    edm campaign edit spring --html corrected.html --because 'wrong link'\n"
		     "    edm campaign edit spring --window 'Mon-Fri 09:00-18:00' --tz "
		     "Asia/Shanghai",
	 .takes_json = true,
	 .changes = true,
	 .run = run_campaign_edit},
	{.noun = "campaign",
	 .verb = "preview",
	 .synopsis = "NAME",
	 .min_args = 1,
	 .max_args = 1,
	 .options = preview_options,
	 .summary = "Show the message as one member gets it",
	 .examples = "    edm campaign preview spring\n"
		     "    edm campaign preview spring --for wang@qq.com --html page.html",
	 .takes_json = true,
	 .run = run_campaign_preview},
	{.noun = "campaign",
	 .verb = "test",
	 .synopsis = "NAME ADDRESS",
	 .min_args = 2,
	 .max_args = 2,
	 .options = test_options,
	 .summary = "Send it to one address now and show the receiver's reply",
	 .examples = "    edm campaign test spring me@example.com",
	 .takes_json = true,
	 .changes = true,
	 .run = run_campaign_test},
	{.noun = "campaign",
	 .verb = "check",
	 .synopsis = "NAME",
	 .min_args = 1,
	 .max_args = 1,
	 .summary = "Say what would keep it from starting",
	 .examples = "    edm campaign check spring",
	 .takes_json = true,
	 .run = run_campaign_check},
	{.noun = "campaign",
	 .verb = "schedule",
	 .synopsis = "NAME",
	 .min_args = 1,
	 .max_args = 1,
	 .options = schedule_options,
	 .summary = "Start it at a time of the wall clock",
	 .examples = "    edm campaign schedule spring --at '2026-12-01 09:00' --tz Asia/Shanghai\n"
		     "    edm campaign schedule spring --at '2026-12-01 09:00' --tz Europe/Berlin "
		     "--grace 2h",
	 .takes_json = true,
	 .changes = true,
	 .run = run_campaign_schedule},
	{.noun = "campaign",
	 .verb = "unschedule",
	 .synopsis = "NAME",
	 .min_args = 1,
	 .max_args = 1,
	 .summary = "Make a scheduled campaign a draft again",
	 .examples = "    edm campaign unschedule spring",
	 .takes_json = true,
	 .changes = true,
	 .run = run_campaign_unschedule},
	{.noun = "campaign",
	 .verb = "start",
	 .synopsis = "NAME",
	 .min_args = 1,
	 .max_args = 1,
	 .summary = "Check it and start it now",
	 .examples = "    edm campaign start spring\n"
		     "    edm campaign start spring --yes --because 'approved by Li'",
	 .takes_json = true,
	 .changes = true,
	 .asks = true,
	 .run = run_campaign_start},
	{.noun = "campaign",
	 .verb = "pause",
	 .synopsis = "NAME",
	 .min_args = 1,
	 .max_args = 1,
	 .summary = "Stop sending it for now; nobody is lost",
	 .examples = "    edm campaign pause spring --because 'wrong price'",
	 .takes_json = true,
	 .changes = true,
	 .run = run_campaign_pause},
	{.noun = "campaign",
	 .verb = "resume",
	 .synopsis = "NAME",
	 .min_args = 1,
	 .max_args = 1,
	 .summary = "Go on with a paused campaign",
	 .examples = "    edm campaign resume spring",
	 .takes_json = true,
	 .changes = true,
	 .run = run_campaign_resume},
	{.noun = "campaign",
	 .verb = "cancel",
	 .synopsis = "NAME",
	 .min_args = 1,
	 .max_args = 1,
	 .summary = "End it for good: who has not got it will not",
	 .examples = "    edm campaign cancel spring",
	 .takes_json = true,
	 .changes = true,
	 .asks = true,
	 .run = run_campaign_cancel},
	{.noun = "campaign",
	 .verb = "resend",
	 .synopsis = "NAME",
	 .min_args = 1,
	 .max_args = 1,
	 .options = resend_options,
	 .summary = "Send once more to everybody whose outcome is unknown",
	 .examples = "    edm campaign resend spring --state unknown",
	 .takes_json = true,
	 .changes = true,
	 .asks = true,
	 .run = run_campaign_resend},
	{.noun = "campaign",
	 .verb = "show",
	 .synopsis = "[NAME]",
	 .max_args = 1,
	 .summary = "List campaigns, or show one with its recipients by state",
	 .examples = "    edm campaign show\n"
		     "    edm campaign show spring --json",
	 .takes_json = true,
	 .run = run_campaign_show},
	{.noun = "campaign",
	 .verb = "forecast",
	 .synopsis = "NAME",
	 .min_args = 1,
	 .max_args = 1,
	 .summary =
		 "When it will be through, per provider, and what limits it; also before it starts",
	 .examples = "    edm campaign forecast spring\n"
		     "    edm campaign forecast spring --json",
	 .takes_json = true,
	 .run = run_campaign_forecast},
	{.noun = "campaign",
	 .verb = "watch",
	 .synopsis = "NAME",
	 .min_args = 1,
	 .max_args = 1,
	 .summary = "Follow its progress until it ends",
	 .examples = "    edm campaign watch spring\n"
		     "    edm campaign watch spring --json",
	 .takes_json = true,
	 .run = run_campaign_watch},
	{.noun = "campaign",
	 .verb = "wait",
	 .synopsis = "NAME",
	 .min_args = 1,
	 .max_args = 1,
	 .options = wait_options,
	 .summary = "Wait until it is finished; fails when it was cancelled or time ran out",
	 .examples = "    edm campaign wait spring --timeout 3600",
	 .takes_json = true,
	 .run = run_campaign_wait},
	{0},
};
