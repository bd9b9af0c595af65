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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_lane_that_goes_first_is_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
