/* SPDX-License-Identifier: MIT */
#include "scheduler/report/places.h"
#include "scheduler/report/why_say.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define NOW 1795305483000000

static const char nobody[] = "{\"nodes\": [], \"lanes\": [], \"pauses\": []}";
static const char one_node[] =
	"{\"nodes\": [{\"alive\": true}], \"pauses\": [], \"lanes\": ["
	"{\"source\": \"mx1\", \"queue\": \"qq\", \"waits\": \"waits 9 s: x\"},"
	"{\"source\": \"mx1\", \"queue\": \"gmail\", \"waits\": \"waits\"},"
	"{\"source\": \"mx2\", \"queue\": \"gmail\"}]}";
static const char tail_of_another[] =
	"{\"nodes\": [{\"alive\": true}], \"pauses\": [], \"lanes\": ["
	"{\"source\": \"mx1\", \"queue\": \"mx.a.test\", \"queued\": 1,"
	" \"campaigns\": [\"autumn\"], \"waits\": \"waits 9 s: x\"}]}";
static const char tail_of_both[] =
	"{\"nodes\": [{\"alive\": true}], \"pauses\": [], \"lanes\": ["
	"{\"source\": \"mx1\", \"queue\": \"mx.a.test\", \"queued\": 1,"
	" \"campaigns\": [\"autumn\"], \"waits\": \"waits 9 s: x\"},"
	"{\"source\": \"mx1\", \"queue\": \"mx.b.test\", \"queued\": 1,"
	" \"campaigns\": [\"autumn\", \"spring\"], \"waits\": \"waits 5 s: y\"},"
	"{\"source\": \"mx1\", \"queue\": \"mx.c.test\", \"queued\": 1,"
	" \"campaigns\": [\"autumn\"]},"
	"{\"source\": \"mx1\", \"queue\": \"mx.d.test\", \"sessions\": 2, \"rate\": 3.5,"
	" \"queued\": 40}]}";
/* Lanes of one pool, and of another that can send. */
static const char of_pools[] =
	"{\"nodes\": [{\"alive\": true}], \"pauses\": [], \"campaigns\": ["
	"{\"campaign\": \"spring\", \"pool\": \"bulk\", \"sources\": 1}], \"sources\": ["
	"{\"source\": \"mx1\", \"pool\": \"bulk\"}, {\"source\": \"mx2\", \"pool\": \"vip\"}],"
	" \"lanes\": [{\"source\": \"mx1\", \"queue\": \"qq\", \"waits\": \"waits 9 s: x\"},"
	"{\"source\": \"mx2\", \"queue\": \"qq\"}]}";
static const char tail_paused[] = "{\"nodes\": [{\"alive\": true}], \"lanes\": [], \"pauses\": ["
				  "{\"provider\": \"tail\", \"pause_id\": 4, \"who\": \"li\", "
				  "\"why\": \"\", \"since\": 1795305483000000,"
				  " \"until\": 1795305783000000}]}";
static const char site_paused[] = "{\"nodes\": [{\"alive\": true}], \"lanes\": [], \"pauses\": ["
				  "{\"site\": \"mx.a.test\", \"pause_id\": 4, \"who\": \"li\", "
				  "\"why\": \"\", \"since\": 1795305483000000,"
				  " \"until\": 1795305783000000}]}";
static const char stopped[] =
	"{\"nodes\": [{\"alive\": true, \"gauges\": {\"stopped\": \"no room\"}}], \"pauses\": [], "
	"\"lanes\": []}";
static const char unrecorded[] = "{\"nodes\": [{\"alive\": true, \"gauges\": {\"stopped\": "
				 "\"nothing is sent until it can be "
				 "recorded: no room\"}}], \"pauses\": [], \"lanes\": []}";
static const char paused[] =
	"{\"nodes\": [{\"alive\": true}], \"lanes\": [], \"pauses\": ["
	"{\"provider\": \"qq\", \"pause_id\": 4, \"who\": \"li\", \"why\": \"\", \"since\": "
	"1795305483000000,"
	" \"until\": 1795305783000000},"
	"{\"provider\": \"qq\", \"source\": \"mx1\", \"who\": \"wu\", \"why\": \"\"}]}";

#define PAUSED_BY_LI                                                                               \
	" was paused by li since 2026-11-21 23:58 UTC, until 2026-11-22 00:03 UTC (in 5 min) "     \
	"(edm resume --id 4 lifts it)"
/* Lanes of three sources, stopped one by one, and one whose source is. */
static const char lanes_paused[] =
	"{\"nodes\": [{\"alive\": true}], \"lanes\": ["
	"{\"source\": \"mx1\", \"queue\": \"qq\", \"waits\": \"waits until resumed\"},"
	"{\"source\": \"mx2\", \"queue\": \"qq\", \"waits\": \"waits until resumed\"},"
	"{\"source\": \"mx3\", \"queue\": \"qq\", \"waits\": \"waits until resumed\"},"
	"{\"source\": \"mx1\", \"queue\": \"gmail\", \"waits\": \"waits until resumed\"}], "
	"\"pauses\": ["
	"{\"source\": \"mx1\", \"provider\": \"qq\", \"pause_id\": 4, \"who\": \"li\", \"why\": "
	"\"\", "
	"\"since\": 1795305483000000, \"until\": 1795305783000000},"
	"{\"source\": \"mx2\", \"provider\": \"qq\", \"pause_id\": 4, \"who\": \"li\", \"why\": "
	"\"\", "
	"\"since\": 1795305483000000, \"until\": 1795305783000000},"
	"{\"source\": \"mx3\", \"provider\": \"qq\", \"pause_id\": 4, \"who\": \"li\", \"why\": "
	"\"\", "
	"\"since\": 1795305483000000, \"until\": 1795305783000000},"
	"{\"source\": \"mx1\", \"pause_id\": 4, \"who\": \"li\", \"why\": \"\", "
	"\"since\": 1795305483000000, \"until\": 1795305783000000}]}";

static const char without_source[] =
	"{\"nodes\": [{\"alive\": true}], \"lanes\": [], \"pauses\": [], \"campaigns\": ["
	"{\"campaign\": \"spring\", \"pool\": \"bulk\", \"sources\": 0, \"spent\": null}]}";
static const char spent[] =
	"{\"nodes\": [{\"alive\": true}], \"lanes\": [], \"pauses\": [], \"campaigns\": ["
	"{\"campaign\": \"autumn\", \"pool\": \"default\", \"sources\": 0},"
	"{\"campaign\": \"spring\", \"pool\": \"default\", \"sources\": 1, \"spent\":"
	" {\"limit_id\": 7, \"value\": 1, \"period_ms\": 3600000, \"set_by\": \"li\","
	" \"set_at\": 1795305423000000, \"limit_of\": \"spring\"}}]}";

static const char spent_before[] =
	"{\"nodes\": [{\"alive\": true}], \"lanes\": [], \"pauses\": [], \"campaigns\": ["
	"{\"campaign\": \"spring\", \"pool\": \"default\", \"sources\": 1,"
	" \"started_at\": 1795305483000000, \"spent\":"
	" {\"limit_id\": 7, \"value\": 1, \"period_ms\": 3600000, \"set_by\": \"li\","
	" \"set_at\": 1795305423000000, \"limit_of\": \"spring\"}}]}";
static const char limited_before[] =
	"{\"nodes\": [{\"alive\": true}], \"pauses\": [], \"campaigns\": ["
	"{\"campaign\": \"spring\", \"pool\": \"default\", \"sources\": 1,"
	" \"started_at\": 1795305483000000}], \"limits\": [{\"limit_id\": 9, \"provider\":"
	" \"qq\", \"kind\": 3, \"value\": 40, \"period_ms\": 60000, \"each_source\": true,"
	" \"set_at\": 1795305363000000}], \"lanes\": [{\"source\": \"mx1\", \"queue\":"
	" \"qq\", \"waits\": \"waits 9 s: x\", \"wait\": {\"level\": \"lane\", \"kind\":"
	" \"rate\", \"per\": \"min\", \"count\": 40, \"origin\": \"operator\","
	" \"limit_id\": 9}}]}";
static const char ending[] = "{\"nodes\": [{\"alive\": true, \"gauges\": {\"ending\": true}}],"
			     " \"pauses\": [], \"lanes\": []}";

#define ENDS_THE_LIMIT                                                                             \
	", since 2026-11-21 23:57 UTC (edm limit unset --campaign 'spring sale' rate=1/min ends "  \
	"the limit)"
#define LIMIT_OF_A_MINUTE                                                                          \
	"\"kind\": \"rate\", \"value\": 1, \"period_ms\": 60000, \"limit_id\": 12,"                \
	" \"set_by\": \"li\", \"set_at\": 1795305423000000, \"limit_of\": \"spring sale\","        \
	" \"next_at\": 1795305523000000}]}"
static const char limited[] =
	"{\"nodes\": [{\"alive\": true}], \"lanes\": [], \"pauses\": [], \"waiting\": ["
	"{\"campaign\": \"spring\", \"level\": \"campaign\", \"queues\": "
	"[\"qq\"], " LIMIT_OF_A_MINUTE;
static const char domain_limited[] =
	"{\"nodes\": [{\"alive\": true}], \"lanes\": [], \"pauses\": [], \"waiting\": ["
	"{\"campaign\": \"spring\", \"level\": \"domain\", \"queues\": "
	"[\"qq\"], " LIMIT_OF_A_MINUTE;
static const char of_another[] =
	"{\"nodes\": [{\"alive\": true}], \"lanes\": [], \"pauses\": [], \"waiting\": ["
	"{\"campaign\": \"autumn\", \"level\": \"campaign\", \"queues\": "
	"[\"qq\"], " LIMIT_OF_A_MINUTE;
static const char at_work[] =
	"{\"nodes\": [{\"alive\": true}], \"lanes\": [], \"pauses\": [], \"waiting\": ["
	"{\"campaign\": \"spring\", \"level\": \"campaign\", \"queues\": [\"qq\"], \"kind\":"
	" \"connections\", \"value\": 2, \"period_ms\": 0, \"limit_id\": 3, \"set_by\": \"wu\","
	" \"until\": 1795305783000000}]}";

#define LEARNT(rest)                                                                               \
	"{\"nodes\": [{\"alive\": true}], \"lanes\": [], \"pauses\": [], \"waiting\": ["           \
	"{\"campaign\": \"spring\", \"queues\": [\"qq\"], \"target\": \"qq\", \"kind\": \"rate\"," \
	" \"period_ms\": 60000, " rest "}]}"
static const char content_limited[] =
	LEARNT("\"level\": \"campaign\", \"origin\": \"back-off\", \"value\": 114,"
	       " \"per_s\": 1.9, \"until\": 1795305523000000, \"since\": 1795305423000000,"
	       " \"reply\": \"550 too much of it\"");
static const char domain_learnt[] =
	LEARNT("\"level\": \"domain\", \"origin\": \"learnt\", \"value\": 120, \"per_s\": 2.0");
static const char content_rests[] =
	LEARNT("\"level\": \"campaign\", \"origin\": \"back-off\", \"value\": 0,"
	       " \"per_s\": 0.0, \"until\": 1795305783000000");

static const char closed[] =
	"{\"nodes\": [{\"alive\": true}], \"lanes\": [], \"pauses\": [], \"campaigns\": ["
	"{\"campaign\": \"spring\", \"pool\": \"default\", \"sources\": 1, \"is_open\": false,"
	" \"opens_at\": 1795305783000000, \"hours\": \"Mon 09:00-18:00 Asia/Shanghai\"}]}";
static const char never_open[] =
	"{\"nodes\": [{\"alive\": true}], \"lanes\": [], \"pauses\": [], \"campaigns\": ["
	"{\"campaign\": \"spring\", \"pool\": \"default\", \"sources\": 1, \"is_open\": false,"
	" \"opens_at\": 0, \"hours\": \"Mon 09:00-18:00 Mars/Olympus\"}]}";

static void check_hold_in(enum language language, const char *live_text, enum campaign_state state,
			  const char *group, const char *want)
{
	struct buf text;
	json_t *live = json_loads(live_text, 0, NULL);
	assert_non_null(live);
	const struct why_context w = {.language = language,
				      .now_us = NOW,
				      .live = live,
				      .campaign = "spring",
				      .campaign_state = state,
				      .campaign_since_us = NOW,
				      .campaign_by = "li",
				      .campaign_reason = ""};
	buf_init(&text, 4096);
	struct hold hold;
	bool is_held = hold_find(&w, group, &hold);
	assert_int_equal(is_held, want[0] != '\0');
	if (is_held)
		hold_say(&w, &hold, &text);
	assert_string_equal(text.data ? text.data : "", want);
	buf_done(&text);
	json_decref(live);
}

static void check_hold(const char *live, enum campaign_state state, const char *group,
		       const char *want)
{
	check_hold_in(LANGUAGE_EN, live, state, group, want);
}

static void test_what_holds(void **state)
{
	(void)state;
	static const struct {
		const char *live;
		enum campaign_state state;
		const char *group, *want;
	} cases[] = {
		{one_node, CAMPAIGN_PAUSED, "qq",
		 "its campaign is paused since 2026-11-21 23:58 UTC by li (edm campaign resume "
		 "spring lifts it)"},
		{nobody, CAMPAIGN_RUNNING, "qq", "no node is running (edm run starts one)"},
		{one_node, CAMPAIGN_RUNNING, "qq", "mx1/qq waits 9 s: x"},
		{stopped, CAMPAIGN_RUNNING, "qq", "no room"},
		{limited, CAMPAIGN_RUNNING, "qq",
		 "it waits for its limit of 1 message in 1 min (limit 12 by li), until 2026-11-21 "
		 "23:58 UTC (in 40 s)" ENDS_THE_LIMIT},
		{limited, CAMPAIGN_RUNNING, NULL,
		 "it waits for its limit of 1 message in 1 min (limit 12 by li), until 2026-11-21 "
		 "23:58 UTC (in 40 s)" ENDS_THE_LIMIT},
		{domain_limited, CAMPAIGN_RUNNING, "qq",
		 "it waits for its sending domain's limit of 1 message in 1 min (limit 12 by li), "
		 "until 2026-11-21 23:58 UTC (in 40 s)" ENDS_THE_LIMIT},
		{domain_limited, CAMPAIGN_RUNNING, "gmail", ""},
		{of_another, CAMPAIGN_RUNNING, "qq", ""},
		{at_work, CAMPAIGN_RUNNING, "qq",
		 "it waits for its limit of 2 connections at work (limit 3 by wu); the limit holds "
		 "until 2026-11-22 00:03 UTC (in 5 min) (edm limit unset connections=2 ends the "
		 "limit)"},
		{without_source, CAMPAIGN_RUNNING, "qq",
		 "no active source in pool bulk (edm source show)"},
		{spent, CAMPAIGN_RUNNING, NULL,
		 "its limit of 1 message in 1 h is used up (limit 7 by li), since 2026-11-21 23:57 "
		 "UTC (edm limit unset --campaign spring rate=1/h ends the limit)"},
		{closed, CAMPAIGN_RUNNING, "qq",
		 "outside its sending hours until 2026-11-22 00:03 UTC (in 5 min) (sent Mon "
		 "09:00-18:00 Asia/Shanghai)"},
		{never_open, CAMPAIGN_RUNNING, NULL,
		 "outside its sending hours for good, they never come (sent Mon 09:00-18:00 "
		 "Mars/Olympus)"},
		/* Another lane of the provider can send. */
		{one_node, CAMPAIGN_RUNNING, "gmail", ""},
		{one_node, CAMPAIGN_RUNNING, "tail", ""},
		{one_node, CAMPAIGN_RUNNING, NULL, ""},
		/* Another campaign's site waits, or goes. */
		{tail_of_another, CAMPAIGN_RUNNING, "tail", ""},
		/* Of somebody of the tail whose site is not known no lane is. */
		{tail_of_both, CAMPAIGN_RUNNING, "tail", ""},
		/* Of one site: its own lanes, whatever the others do. */
		{tail_of_both, CAMPAIGN_RUNNING, "mx.a.test", "mx1/mx.a.test waits 9 s: x"},
		{tail_of_both, CAMPAIGN_RUNNING, "mx.c.test", ""},
		{of_pools, CAMPAIGN_RUNNING, "qq", "mx1/qq waits 9 s: x"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check_hold(cases[i].live, cases[i].state, cases[i].group, cases[i].want);
}

static void test_what_holds_in_chinese(void **state)
{
	(void)state;
	static const struct {
		const char *live;
		enum campaign_state state;
		const char *want;
	} cases[] = {
		{one_node, CAMPAIGN_PAUSED,
		 "任务已暂停，自 2026-11-22 07:58 起，操作人 li（edm campaign resume spring "
		 "可恢复）"},
		{paused, CAMPAIGN_RUNNING,
		 "发往 qq 的邮件已被 li 暂停，自 2026-11-22 07:58 起，至 2026-11-22 08:03（还有 5 "
		 "分钟）"
		 "（edm resume --id 4 可恢复）"},
		{unrecorded, CAMPAIGN_RUNNING, "在能够记录结果之前不会发送：no room"},
		{stopped, CAMPAIGN_RUNNING, "no room"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check_hold_in(LANGUAGE_ZH, cases[i].live, cases[i].state, "qq", cases[i].want);
}

/* Of a limit: not since before the campaign began. */
static void test_since_when_it_holds(void **state)
{
	(void)state;
	static const struct {
		const char *live, *group, *want;
	} cases[] = {
		{spent_before, NULL,
		 "its limit of 1 message in 1 h is used up (limit 7 by li), since 2026-11-21 23:58 "
		 "UTC (edm limit unset --campaign spring rate=1/h ends the limit)"},
		{limited_before, "qq",
		 "mx1/qq waits 9 s: x, since 2026-11-21 23:58 UTC (edm limit unset --provider qq "
		 "rate=40/min ends the limit)"},
		{ending, "qq",
		 "the node is being stopped: it ends what it has begun and begins nothing more "
		 "(edm run "
		 "starts it again)"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check_hold(cases[i].live, CAMPAIGN_RUNNING, cases[i].group, cases[i].want);
}

static void test_what_is_paused(void **state)
{
	(void)state;
	static const struct {
		const char *live, *group, *want;
	} cases[] = {
		{paused, "qq", "all mail to qq" PAUSED_BY_LI},
		{paused, "gmail", ""},
		{tail_paused, "tail", "all mail to tail" PAUSED_BY_LI},
		{tail_paused, "mx.b.test", "all mail to tail" PAUSED_BY_LI},
		{lanes_paused, "qq",
		 "lane mx1/qq" PAUSED_BY_LI "; 2 other lanes are stopped there, too"},
		{lanes_paused, "gmail", "source mx1" PAUSED_BY_LI},
		{lanes_paused, NULL, ""},
		{tail_paused, "qq", ""},
		{site_paused, "mx.a.test", "all mail to mx.a.test" PAUSED_BY_LI},
		{site_paused, "mx.a.test:2525", "all mail to mx.a.test" PAUSED_BY_LI},
		{site_paused, "mx.b.test", ""},
		{site_paused, "tail", ""},
		{paused, NULL, ""},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check_hold(cases[i].live, CAMPAIGN_RUNNING, cases[i].group, cases[i].want);
}

/* Learnt of a campaign or its domain at one provider: it holds the people of that group only. */
static void test_what_a_receiver_limits(void **state)
{
	(void)state;
	static const struct {
		const char *live;
		enum campaign_state state;
		const char *group, *want;
	} cases[] = {
		{content_limited, CAMPAIGN_RUNNING, "qq",
		 "qq limits its content: back-off to 1.9 messages/s, no more until 2026-11-21 "
		 "23:58 UTC (in 40 s), since 2026-11-21 23:57 UTC, after \"550 too much of it\" "
		 "(edm limit forget qq has it start again at once)"},
		{content_limited, CAMPAIGN_RUNNING, NULL, ""},
		{domain_learnt, CAMPAIGN_RUNNING, "qq",
		 "qq limits its sending domain: learnt to take up to 2.0 messages/s (edm limit "
		 "forget qq has it start again at once)"},
		{content_rests, CAMPAIGN_RUNNING, "qq",
		 "qq limits its content: back-off, nothing is sent until 2026-11-22 00:03 UTC "
		 "(in 5 min) (edm limit forget qq has it start again at once)"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check_hold(cases[i].live, cases[i].state, cases[i].group, cases[i].want);
}

/* -- what binds a lane, in words and as JSON -- */

#define AWAY "550 5.7.1 Ip frequency limited [MHtS4]."
#define LANE_WAITS(wait)                                                                           \
	"{\"source\": \"mx1\", \"queue\": \"qq\", \"lane\": \"mx1/qq\", \"in_use\": true,"         \
	" \"waits\": \"waits 5 min: x\", " wait "}"
static const char lane_rests[] =
	LANE_WAITS("\"wait\": {\"level\": \"lane\", \"kind\": \"rate\", \"count\": 0, \"origin\":"
		   " \"back-off\", \"since\": 1795305423000000, \"until\": 1795305783000000,"
		   " \"reply\": \"" AWAY "\"}");
static const char lane_limited[] = LANE_WAITS(
	"\"wait\": {\"level\": \"lane\", \"kind\": \"rate\", \"per\": \"min\", \"count\":"
	" 40, \"origin\": \"operator\", \"limit_id\": 9, \"until\": 1795305483700000}");
static const char lane_warms[] = LANE_WAITS(
	"\"wait\": {\"level\": \"lane\", \"kind\": \"rate\", \"per\": \"day\", \"count\":"
	" 50, \"origin\": \"warm-up\", \"until\": 1795305783000000}");
static const char lane_profiled[] = LANE_WAITS(
	"\"wait\": {\"level\": \"lane\", \"kind\": \"rate\", \"per\": \"min\", \"count\":"
	" 50, \"origin\": \"profile\", \"until\": 1795305483700000}");
static const char lane_refused[] =
	LANE_WAITS("\"refused\": {\"host\": \"mx3.qq.com\", \"said\": \"421 busy\", \"since\":"
		   " 1795305423000000, \"next_at\": 1795305783000000}");
static const char lane_binds[] =
	"{\"source\": \"mx1\", \"queue\": \"qq\", \"lane\": \"mx1/qq\", \"in_use\": true,"
	" \"sessions\": 2, \"allowed\": 2, \"rate\": 3.5, \"queued\": 40, \"binds\": {\"level\":"
	" \"lane\", \"kind\": \"connections\", \"count\": 2, \"origin\": \"learnt\", \"since\":"
	" 1795305423000000, \"reply\": \"421 too many\", \"says\": \"waits for a connection to "
	"end: x\"}}";

static const struct {
	const char *lane, *want, *zh, *reply, *change;
	int64_t since_us, until_us;
} bound[] = {
	{lane_rests,
	 "mx1/qq waits 5 min: x, since 2026-11-21 23:57 UTC, until 2026-11-22 00:03 UTC, after "
	 "\"" AWAY "\" (edm limit forget mx1/qq has it start again at once)",
	 "mx1/qq 等待 5 分钟：通道 mx1/qq 按收件方要求暂停发送，自 2026-11-22 07:57 起，至 "
	 "2026-11-22 "
	 "08:03，收件方回复“" AWAY "”（edm limit forget mx1/qq 可令其立即重新开始）",
	 AWAY, "edm limit forget mx1/qq", 1795305423000000, 1795305783000000},
	{lane_limited,
	 "mx1/qq waits 5 min: x, since 2026-11-21 23:56 UTC (edm limit unset --provider qq "
	 "--source mx1 "
	 "rate=40/min ends the limit)",
	 "mx1/qq 等待不到 1 秒：通道 mx1/qq 已用满 每分钟 40 封（人工设定，限制 9），自 2026-11-22 "
	 "07:56 起"
	 "（edm limit unset --provider qq --source mx1 rate=40/min 可取消该限制）",
	 NULL, "edm limit unset --provider qq --source mx1 rate=40/min", 1795305363000000,
	 1795305483700000},
	{lane_warms,
	 "mx1/qq waits 5 min: x, until 2026-11-22 00:03 UTC (edm warmup advance mx1/qq takes the "
	 "next "
	 "step)",
	 NULL, NULL, "edm warmup advance mx1/qq", 0, 1795305783000000},
	{lane_profiled,
	 "mx1/qq waits 5 min: x (edm limit set --provider qq --source mx1 rate=N/min sets another)",
	 NULL, NULL, "edm limit set --provider qq --source mx1 rate=N/min", 0, 1795305483700000},
	{lane_refused, "mx1/qq waits 5 min: x, until 2026-11-22 00:03 UTC", NULL, "421 busy", NULL,
	 1795305423000000, 1795305783000000},
	{lane_binds,
	 "mx1/qq is sending: 2 of 2 sessions, 3.5 a second, 40 queued; binds: waits for a "
	 "connection to "
	 "end: x, since 2026-11-21 23:57 UTC, after \"421 too many\" (edm limit forget mx1/qq has "
	 "it "
	 "start again at once)",
	 NULL, "421 too many", "edm limit forget mx1/qq", 1795305423000000, 0},
};

static void check_text(const json_t *object, const char *key, const char *want)
{
	const char *text = json_string_value(json_object_get(object, key));
	assert_string_equal(text ? text : "(none)", want ? want : "(none)");
}

static void check_lane(size_t i, const json_t *live, enum language language)
{
	struct buf text;
	struct hold hold;
	json_t *lane = json_loads(bound[i].lane, 0, NULL);
	assert_non_null(lane);
	const struct why_context w = {.language = language, .now_us = NOW, .live = live};
	buf_init(&text, 4096);
	why_say_lane(&w, lane, &text);
	assert_string_equal(text.data, language == LANGUAGE_ZH ? bound[i].zh : bound[i].want);
	assert_true(why_find_lane_hold(&w, lane, &hold));
	json_t *held = hold_json(&w, &hold);
	check_text(held, "reply", bound[i].reply);
	check_text(held, "change", bound[i].change);
	assert_int_equal(json_integer_value(json_object_get(held, "since")), bound[i].since_us);
	assert_int_equal(json_integer_value(json_object_get(held, "until")), bound[i].until_us);
	json_decref(held);
	json_decref(lane);
	buf_done(&text);
}

static void test_what_binds_a_lane(void **state)
{
	(void)state;
	json_t *live = json_loads("{\"nodes\": [{\"alive\": true}], \"pauses\": [], \"limits\": ["
				  "{\"limit_id\": 9, \"provider\": \"qq\", \"source\": \"mx1\","
				  " \"kind\": 3, \"value\": 40, \"period_ms\": 60000,"
				  " \"each_source\": true, \"set_at\": 1795305363000000}]}",
				  0, NULL);
	for (size_t i = 0; i < ARRAY_LEN(bound); i++) {
		check_lane(i, live, LANGUAGE_EN);
		if (bound[i].zh != NULL)
			check_lane(i, live, LANGUAGE_ZH);
	}
	json_decref(live);
}

/* -- what holds most people of a campaign -- */

static const char two_places[] =
	"{\"nodes\": [{\"alive\": true}], \"pauses\": [], \"lanes\": ["
	"{\"source\": \"mx1\", \"queue\": \"big\", \"waits\": \"waits 736 ms: x\", \"waits_ms\": "
	"736},"
	"{\"source\": \"mx1\", \"queue\": \"qq\", \"waits\": \"waits 5 min: y\", \"waits_ms\": "
	"300000},"
	"{\"source\": \"mx1\", \"queue\": \"gmail\"},"
	"{\"source\": \"mx1\", \"queue\": \"mx.a.test\", \"tail\": true, \"queued\": 3, \"ready\": "
	"2,"
	" \"campaigns\": [\"spring\"], \"waits\": \"waits 1 s: z\"},"
	"{\"source\": \"mx2\", \"queue\": \"mx.a.test\", \"tail\": true, \"queued\": 3, \"ready\": "
	"2,"
	" \"campaigns\": [\"spring\"], \"waits\": \"waits 2 s: z\"},"
	"{\"source\": \"mx1\", \"queue\": \"mx.b.test\", \"tail\": true, \"queued\": 9,"
	" \"campaigns\": [\"autumn\"], \"waits\": \"waits 1 s: z\"}]}";

static void check_campaign(const char *groups_text, const char *parked_text, const char *counts,
			   const char *want)
{
	struct buf text;
	json_t *live = json_loads(two_places, 0, NULL), *groups = json_loads(groups_text, 0, NULL);
	json_t *parked = json_loads(parked_text, 0, NULL), *campaign = json_loads(counts, 0, NULL);
	struct why_context w = {.now_us = NOW,
				.live = live,
				.campaign = "spring",
				.campaign_state = CAMPAIGN_RUNNING};
	assert_true(live && groups && parked && campaign);
	json_object_set_new(campaign, "places", places_held(&w, groups, parked));
	buf_init(&text, 4096);
	why_say_campaign(&w, campaign, &text);
	assert_string_equal(text.data, want);
	buf_done(&text);
	json_decref(campaign);
	json_decref(parked);
	json_decref(groups);
	json_decref(live);
}

static void test_what_holds_most_people_is_named(void **state)
{
	(void)state;
	/* Those of qq are put off until it may go again, those of big go soon. */
	check_campaign(
		"[{\"name\": \"big\", \"waiting\": 4, \"leased\": 25}]",
		"[{\"queue\": \"qq\", \"people\": 50}]",
		"{\"complete\": true, \"waiting\": 4, \"leased\": 25, \"deferred\": 50}",
		"spring is running: 50 of 79: mx1/qq waits 5 min: y; 4 waiting, 25 sending, 50 "
		"deferred; 29 of 79: mx1/big waits 736 ms: x");
	/* Most of it goes. */
	check_campaign(
		"[{\"name\": \"gmail\", \"waiting\": 60, \"leased\": 0},"
		" {\"name\": \"qq\", \"waiting\": 0, \"leased\": 20}]",
		"[]", "{\"complete\": true, \"waiting\": 60, \"leased\": 20, \"deferred\": 0}",
		"spring is running: 60 waiting, 20 sending, 0 deferred; 20 of 80: mx1/qq waits 5 "
		"min: y");
	/* All of it is behind one lane. */
	check_campaign(
		"[{\"name\": \"qq\", \"waiting\": 5, \"leased\": 20}]",
		"[{\"queue\": \"qq\", \"people\": 5}]",
		"{\"complete\": true, \"waiting\": 5, \"leased\": 20, \"deferred\": 5}",
		"spring is running: mx1/qq waits 5 min: y; 5 waiting, 20 sending, 5 deferred");
	/* A large domain of the tail is called by its name, its queue by its site. */
	check_campaign("[{\"name\": \"big.example\", \"queue\": \"mx.a.test\", \"waiting\": 0,"
		       " \"leased\": 1188}]",
		       "[]",
		       "{\"complete\": true, \"waiting\": 0, \"leased\": 1188, \"deferred\": 0}",
		       "spring is running: mx1/mx.a.test waits 1 s: z; 0 waiting, 1,188 sending, 0 "
		       "deferred");
	/* More places than a sentence names. */
	check_campaign(
		"[{\"name\": \"big\", \"waiting\": 4, \"leased\": 0},"
		" {\"name\": \"qq\", \"waiting\": 4, \"leased\": 0},"
		" {\"name\": \"mx.a.test\", \"waiting\": 4, \"leased\": 0},"
		" {\"name\": \"gmail\", \"waiting\": 40, \"leased\": 0}]",
		"[]", "{\"complete\": true, \"waiting\": 52, \"leased\": 0, \"deferred\": 0}",
		"spring is running: 52 waiting, 0 sending, 0 deferred; 4 of 52: mx1/big waits 736 "
		"ms: x; 4 of 52: mx1/mx.a.test waits 1 s: z; 1 more queue is held (edm why spring "
		"--json has them)");
	/* Two lanes of one site have the same five people. */
	check_campaign(
		"[{\"name\": \"tail\", \"waiting\": 1, \"leased\": 5}]", "[]",
		"{\"complete\": true, \"waiting\": 1, \"leased\": 5, \"deferred\": 0}",
		"spring is running: 5 of 6: mx1/mx.a.test waits 1 s: z; 1 waiting, 5 sending, 0 "
		"deferred");
}

/* A person as the database has him, and what is said of him. */
struct asked {
	const char *person, *want;
};

static void check_persons(const char *live_json, const char *campaign, const struct asked *cases,
			  size_t count)
{
	json_t *live = json_loads(live_json, 0, NULL);
	const struct why_context w = {.now_us = NOW,
				      .live = live,
				      .campaign = campaign,
				      .campaign_state = CAMPAIGN_RUNNING};
	for (size_t i = 0; i < count; i++) {
		struct buf text;
		json_t *person = json_loads(cases[i].person, 0, NULL);
		buf_init(&text, 4096);
		why_say_person(&w, person, &text);
		assert_string_equal(text.data, cases[i].want);
		buf_done(&text);
		json_decref(person);
	}
	json_decref(live);
}

/* A node that cannot write what became of people says so of those it has in hand. */
static void test_what_a_node_cannot_write(void **state)
{
	(void)state;
	static const char live_text[] =
		"{\"nodes\": [{\"node\": \"n1\", \"alive\": true, \"gauges\": {\"set_aside\": 1, "
		"\"refused\": \"no room\"}}], \"lanes\": [], \"pauses\": []}";
	static const struct asked cases[] = {
		{"{\"state\": 2, \"node\": \"n1\", \"since\": 1795305483000000}",
		 "In spring: sending: node n1 has had it in hand since 2026-11-21 23:58 UTC; what "
		 "became of "
		 "some of its people cannot be written to the database: no room"},
		{"{\"state\": 2, \"node\": \"n2\", \"since\": 1795305483000000}",
		 "In spring: sending: node n2 has had it in hand since 2026-11-21 23:58 UTC"},
	};
	check_persons(live_text, "spring", cases, ARRAY_LEN(cases));
}

/* Told by the site his mail goes to; of a site that nobody has looked up yet no lane is known. */
static void test_a_person_of_the_tail(void **state)
{
	(void)state;
	static const struct asked cases[] = {
		{"{\"state\": 1, \"group\": \"tail\", \"queue\": \"mx.a.test\"}",
		 "In autumn: waiting: mx1/mx.a.test waits 9 s: x"},
		{"{\"state\": 1, \"group\": \"tail\", \"queue\": \"mx.c.test\"}",
		 "In autumn: waiting: its turn among the people of group tail has not come yet"},
		{"{\"state\": 1, \"group\": \"tail\", \"queue\": \"mx.d.test\"}",
		 "In autumn: waiting: its turn among the people of group tail has not come yet: "
		 "mx1/mx.d.test sends 3.5 a second and has 40 in its queue"},
		{"{\"state\": 3, \"group\": \"tail\", \"queue\": \"mx.d.test\", \"class\": 2,"
		 " \"attempts\": 1, \"meaning\": \"Later.\", \"reply\": \"451 later\","
		 " \"until\": 1795305423000000}",
		 "In autumn: deferred, due since 2026-11-21 23:57 UTC after 1 attempt: Later. "
		 "(\"451 later\"); mx1/mx.d.test sends 3.5 a second and has 40 in its queue"},
		{"{\"state\": 3, \"group\": \"tail\", \"queue\": \"mx.a.test\", \"class\": 0,"
		 " \"until\": 1795305783000000}",
		 "In autumn: deferred until 2026-11-22 00:03 UTC (in 5 min): its lane had no room, "
		 "no attempt was made; mx1/mx.a.test waits 9 s: x"},
		{"{\"state\": 1, \"group\": \"tail\", \"queue\": \"\"}",
		 "In autumn: waiting: its turn among the people of group tail has not come yet"},
		{"{\"state\": 2, \"node\": \"n1\", \"group\": \"tail\", \"queue\": \"mx.a.test\","
		 " \"since\": 1795305483000000}",
		 "In autumn: sending: node n1 has had it in hand since 2026-11-21 23:58 UTC; "
		 "mx1/mx.a.test waits 9 s: x"},
	};
	check_persons(tail_of_both, "autumn", cases, ARRAY_LEN(cases));
}

static void test_a_limit_holds_who_is_in_hand(void **state)
{
	(void)state;
	struct buf text;
	json_t *live = json_loads(limited, 0, NULL);
	json_t *person = json_pack("{s:i, s:s, s:s, s:I}", "state", 2, "node", "n1", "group", "qq",
				   "since", (json_int_t)NOW);
	const struct why_context w = {.now_us = NOW,
				      .live = live,
				      .campaign = "spring",
				      .campaign_state = CAMPAIGN_RUNNING};
	buf_init(&text, 4096);
	why_say_person(&w, person, &text);
	assert_string_equal(
		text.data,
		"In spring: sending: node n1 has had it in hand since 2026-11-21 23:58 UTC; it "
		"waits for its limit of 1 message in 1 min (limit 12 by li), until 2026-11-21 "
		"23:58 UTC (in 40 s)" ENDS_THE_LIMIT);
	buf_done(&text);
	json_decref(person);
	json_decref(live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_what_holds),
					   cmocka_unit_test(test_what_holds_in_chinese),
					   cmocka_unit_test(test_since_when_it_holds),
					   cmocka_unit_test(test_what_is_paused),
					   cmocka_unit_test(test_what_a_receiver_limits),
					   cmocka_unit_test(test_what_binds_a_lane),
					   cmocka_unit_test(test_what_holds_most_people_is_named),
					   cmocka_unit_test(test_what_a_node_cannot_write),
					   cmocka_unit_test(test_a_person_of_the_tail),
					   cmocka_unit_test(test_a_limit_holds_who_is_in_hand)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
