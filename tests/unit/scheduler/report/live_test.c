/* SPDX-License-Identifier: MIT */
/* Which lane is named for people who wait: the one that goes first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "scheduler/report/document.h"
#include "scheduler/report/live.h"

#define LANE(source, more) "{\"source\":\"" source "\",\"queue\":\"qq\"" more "}"
#define WAITS(more) ",\"waits\":\"for something\"" more
#define OTHER "{\"source\":\"mx0\",\"queue\":\"gmail\",\"waits\":\"\"}"

static const struct {
	const char *lanes;
	const char *open;    /* its source, NULL: none is */
	const char *waiting; /* likewise, of those that wait */
} cases[] = {
	{OTHER, NULL, NULL},
	{LANE("mx1", WAITS(",\"waits_ms\":80000")) "," LANE("mx4", WAITS(",\"waits_ms\":87600000")),
	 NULL, "mx1"},
	{LANE("mx4", WAITS(",\"waits_ms\":87600000")) "," LANE("mx1", WAITS(",\"waits_ms\":80000")),
	 NULL, "mx1"},
	{LANE("mx1", WAITS(",\"waits_ms\":500")) "," LANE("mx2", WAITS(",\"sessions\":5")), NULL,
	 "mx2"},
	{LANE("mx1", WAITS(",\"waits_ms\":500")) "," LANE("mx2", WAITS(",\"sessions\":0")), NULL,
	 "mx1"},
	{LANE("mx1", WAITS("")) "," LANE("mx2", ",\"waits\":\"\""), "mx2", "mx1"},
};

static void the_lane_that_goes_first_is_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[1024];
		const json_t *waiting;
		snprintf(text, sizeof(text), "{\"lanes\":[%s]}", cases[i].lanes);
		json_t *live = json_loads(text, 0, NULL);
		const json_t *open = live_open_lane(live, "spring", "qq", &waiting);
		const char *want = cases[i].open ? cases[i].open : "";
		assert_string_equal(open ? document_text(open, "source") : "", want);
		want = cases[i].waiting ? cases[i].waiting : "";
		assert_string_equal(waiting ? document_text(waiting, "source") : "", want);
		json_decref(live);
	}
}

#define HELD "\"waiting\":[{\"campaign\":\"spring\",\"level\":\"campaign\",\"queues\":[\"qq\"]}]"

/* A lane waits for a campaign's limit if whoever is in its queue does. */
static void who_waits_on_a_lane(void **state)
{
	(void)state;
	static const struct {
		const char *lane;
		bool want;
	} waits[] = {
		{LANE("mx1", ",\"queued\":40,\"campaigns\":[\"spring\"]"), true},
		{LANE("mx1", ",\"queued\":0,\"campaigns\":[]"), false},
		{LANE("mx1", ",\"queued\":40,\"campaigns\":[\"autumn\"]"), false},
		{LANE("mx1", ",\"queued\":40,\"campaigns\":[\"autumn\",\"spring\"]"), false},
	};
	json_t *live = json_loads("{" HELD "}", 0, NULL);
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		json_t *lane = json_loads(waits[i].lane, 0, NULL);
		assert_non_null(lane);
		assert_int_equal(live_waiting_on(live, lane) != NULL, waits[i].want);
		json_decref(lane);
	}
	json_decref(live);
}

static void nodes_that_are_being_stopped(void **state)
{
	(void)state;
	static const struct {
		const char *nodes;
		bool want;
	} ends[] = {
		{"", false},
		{"{\"alive\":true}", false},
		{"{\"alive\":true,\"gauges\":{\"ending\":true}}", true},
		{"{\"alive\":true,\"gauges\":{\"ending\":true}},{\"alive\":true}", false},
		{"{\"alive\":true,\"gauges\":{\"ending\":true}},{\"alive\":false}", true},
		{"{\"alive\":false,\"gauges\":{\"ending\":true}}", false},
	};
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		json_t *live = json_object();
		char text[256];
		snprintf(text, sizeof(text), "[%s]", ends[i].nodes);
		json_object_set_new(live, "nodes", json_loads(text, 0, NULL));
		assert_int_equal(live_is_ending(live), ends[i].want);
		json_decref(live);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_lane_that_goes_first_is_named),
		cmocka_unit_test(who_waits_on_a_lane),
		cmocka_unit_test(nodes_that_are_being_stopped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
