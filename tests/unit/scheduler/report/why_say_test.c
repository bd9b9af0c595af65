/* SPDX-License-Identifier: MIT */
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
	" \"campaigns\": [\"autumn\"]}]}";
/* Lanes of one pool, and of another that can send. */
static const char of_pools[] =
	"{\"nodes\": [{\"alive\": true}], \"pauses\": [], \"campaigns\": ["
	"{\"campaign\": \"spring\", \"pool\": \"bulk\", \"sources\": 1}], \"sources\": ["
	"{\"source\": \"mx1\", \"pool\": \"bulk\"}, {\"source\": \"mx2\", \"pool\": \"vip\"}],"
	" \"lanes\": [{\"source\": \"mx1\", \"queue\": \"qq\", \"waits\": \"waits 9 s: x\"},"
	"{\"source\": \"mx2\", \"queue\": \"qq\"}]}";
static const char tail_paused[] =
	"{\"nodes\": [{\"alive\": true}], \"lanes\": [], \"pauses\": ["
	"{\"provider\": \"tail\", \"who\": \"li\", \"why\": \"\", \"since\": 1795305483000000,"
	" \"until\": 1795305783000000}]}";
static const char site_paused[] =
	"{\"nodes\": [{\"alive\": true}], \"lanes\": [], \"pauses\": ["
	"{\"site\": \"mx.a.test\", \"who\": \"li\", \"why\": \"\", \"since\": 1795305483000000,"
	" \"until\": 1795305783000000}]}";
static const char stopped[] =
	"{\"nodes\": [{\"alive\": true, \"gauges\": {\"stopped\": \"no room\"}}], \"pauses\": [], "
	"\"lanes\": []}";
static const char paused[] =
	"{\"nodes\": [{\"alive\": true}], \"lanes\": [], \"pauses\": ["
	"{\"provider\": \"qq\", \"who\": \"li\", \"why\": \"\", \"since\": 1795305483000000,"
	" \"until\": 1795305783000000},"
	"{\"provider\": \"qq\", \"source\": \"mx1\", \"who\": \"wu\", \"why\": \"\"}]}";

#define PAUSED_BY_LI                                                                               \
	"it was paused by li since 2026-11-21 23:58 UTC, until 2026-11-22 00:03 UTC (in 5 min)"
static const char without_source[] =
	"{\"nodes\": [{\"alive\": true}], \"lanes\": [], \"pauses\": [], \"campaigns\": ["
	"{\"campaign\": \"spring\", \"pool\": \"bulk\", \"sources\": 0, \"spent\": null}]}";
static const char spent[] =
	"{\"nodes\": [{\"alive\": true}], \"lanes\": [], \"pauses\": [], \"campaigns\": ["
	"{\"campaign\": \"autumn\", \"pool\": \"default\", \"sources\": 0},"
	"{\"campaign\": \"spring\", \"pool\": \"default\", \"sources\": 1, \"spent\":"
	" {\"limit_id\": 7, \"value\": 1, \"period_ms\": 3600000, \"set_by\": \"li\"}}]}";

#define LIMIT_OF_A_MINUTE                                                                          \
	"\"kind\": \"rate\", \"value\": 1, \"period_ms\": 60000, \"limit_id\": 12,"                \
	" \"set_by\": \"li\", \"next_at\": 1795305523000000}]}"
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
	       " \"per_s\": 1.9, \"until\": 1795305523000000");
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

static void check_hold(const char *live_text, enum campaign_state state, const char *group,
		       const char *want)
{
	struct buf text;
	json_t *live = json_loads(live_text, 0, NULL);
	assert_non_null(live);
	const struct why_context w = {.now_us = NOW,
				      .live = live,
				      .campaign = "spring",
				      .campaign_state = state,
				      .campaign_since_us = NOW,
				      .campaign_by = "li",
				      .campaign_reason = ""};
	buf_init(&text, 4096);
	assert_int_equal(why_say_hold(&w, group, &text), want[0] != '\0');
	assert_string_equal(text.data ? text.data : "", want);
	buf_done(&text);
	json_decref(live);
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
		 "its campaign is paused since 2026-11-21 23:58 UTC by li"},
		{nobody, CAMPAIGN_RUNNING, "qq", "no node is running (edm run starts one)"},
		{one_node, CAMPAIGN_RUNNING, "qq", "mx1/qq waits 9 s: x"},
		{stopped, CAMPAIGN_RUNNING, "qq", "no room"},
		{limited, CAMPAIGN_RUNNING, "qq",
		 "it waits for its limit of 1 message in 1 min (limit 12 by li), until 2026-11-21 "
		 "23:58 UTC (in 40 s)"},
		{limited, CAMPAIGN_RUNNING, NULL,
		 "it waits for its limit of 1 message in 1 min (limit 12 by li), until 2026-11-21 "
		 "23:58 UTC (in 40 s)"},
		{domain_limited, CAMPAIGN_RUNNING, "qq",
		 "it waits for its sending domain's limit of 1 message in 1 min (limit 12 by li), "
		 "until 2026-11-21 23:58 UTC (in 40 s)"},
		{domain_limited, CAMPAIGN_RUNNING, "gmail", ""},
		{of_another, CAMPAIGN_RUNNING, "qq", ""},
		{at_work, CAMPAIGN_RUNNING, "qq",
		 "it waits for its limit of 2 connections at work (limit 3 by wu); the limit holds "
		 "until 2026-11-22 00:03 UTC (in 5 min)"},
		{without_source, CAMPAIGN_RUNNING, "qq",
		 "no active source in pool bulk (edm source show)"},
		{spent, CAMPAIGN_RUNNING, NULL,
		 "its limit of 1 message in 1 h is used up (limit 7 by li)"},
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
		{tail_of_both, CAMPAIGN_RUNNING, "tail", "mx1/mx.b.test waits 5 s: y"},
		/* Of one site: its own lanes, whatever the others do. */
		{tail_of_both, CAMPAIGN_RUNNING, "mx.a.test", "mx1/mx.a.test waits 9 s: x"},
		{tail_of_both, CAMPAIGN_RUNNING, "mx.c.test", ""},
		{of_pools, CAMPAIGN_RUNNING, "qq", "mx1/qq waits 9 s: x"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check_hold(cases[i].live, cases[i].state, cases[i].group, cases[i].want);
}

static void test_what_is_paused(void **state)
{
	(void)state;
	static const struct {
		const char *live, *group, *want;
	} cases[] = {
		{paused, "qq", PAUSED_BY_LI},
		{paused, "gmail", ""},
		{tail_paused, "tail", PAUSED_BY_LI},
		{tail_paused, "mx.b.test", PAUSED_BY_LI},
		{tail_paused, "qq", ""},
		{site_paused, "mx.a.test", PAUSED_BY_LI},
		{site_paused, "mx.a.test:2525", PAUSED_BY_LI},
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
		 "23:58 UTC (in 40 s)"},
		{content_limited, CAMPAIGN_RUNNING, NULL, ""},
		{domain_learnt, CAMPAIGN_RUNNING, "qq",
		 "qq limits its sending domain: learnt to take up to 2.0 messages/s"},
		{content_rests, CAMPAIGN_RUNNING, "qq",
		 "qq limits its content: back-off, nothing is sent until 2026-11-22 00:03 UTC "
		 "(in 5 min)"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check_hold(cases[i].live, cases[i].state, cases[i].group, cases[i].want);
}

/* A node that cannot write what became of people says so of those it has in hand. */
static void test_what_a_node_cannot_write(void **state)
{
	(void)state;
	static const char live_text[] =
		"{\"nodes\": [{\"node\": \"n1\", \"alive\": true, \"gauges\": {\"set_aside\": 1, "
		"\"refused\": \"no room\"}}], \"lanes\": [], \"pauses\": []}";
	static const struct {
		const char *person, *want;
	} cases[] = {
		{"{\"state\": 2, \"node\": \"n1\", \"since\": 1795305483000000}",
		 "In spring: sending: node n1 has had it in hand since 2026-11-21 23:58 UTC; what "
		 "became of "
		 "some of its people cannot be written to the database: no room"},
		{"{\"state\": 2, \"node\": \"n2\", \"since\": 1795305483000000}",
		 "In spring: sending: node n2 has had it in hand since 2026-11-21 23:58 UTC"},
	};
	json_t *live = json_loads(live_text, 0, NULL);
	const struct why_context w = {.now_us = NOW,
				      .live = live,
				      .campaign = "spring",
				      .campaign_state = CAMPAIGN_RUNNING};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
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

/* Told by the site his mail goes to; of a site that nobody has looked up yet no lane is known. */
static void test_a_person_of_the_tail(void **state)
{
	(void)state;
	static const struct {
		const char *person, *want;
	} cases[] = {
		{"{\"state\": 1, \"group\": \"tail\", \"queue\": \"mx.a.test\"}",
		 "In autumn: waiting: mx1/mx.a.test waits 9 s: x"},
		{"{\"state\": 1, \"group\": \"tail\", \"queue\": \"mx.c.test\"}",
		 "In autumn: waiting: its turn among the people of group tail has not come yet"},
		{"{\"state\": 1, \"group\": \"tail\", \"queue\": \"\"}",
		 "In autumn: waiting: its turn among the people of group tail has not come yet"},
		{"{\"state\": 2, \"node\": \"n1\", \"group\": \"tail\", \"queue\": \"mx.a.test\","
		 " \"since\": 1795305483000000}",
		 "In autumn: sending: node n1 has had it in hand since 2026-11-21 23:58 UTC; "
		 "mx1/mx.a.test waits 9 s: x"},
	};
	json_t *live = json_loads(tail_of_both, 0, NULL);
	const struct why_context w = {.now_us = NOW,
				      .live = live,
				      .campaign = "autumn",
				      .campaign_state = CAMPAIGN_RUNNING};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
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
		"23:58 UTC (in 40 s)");
	buf_done(&text);
	json_decref(person);
	json_decref(live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_what_holds),
					   cmocka_unit_test(test_what_is_paused),
					   cmocka_unit_test(test_what_a_receiver_limits),
					   cmocka_unit_test(test_what_a_node_cannot_write),
					   cmocka_unit_test(test_a_person_of_the_tail),
					   cmocka_unit_test(test_a_limit_holds_who_is_in_hand)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
