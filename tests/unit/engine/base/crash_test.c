/* SPDX-License-Identifier: MIT */
/* Crash points: the process ends at the pass that was asked for, and at no other; in a build
 * without them nothing happens at all. */
#include "engine/base/crash.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#ifdef EDM_CRASH_POINTS
#define HAS_POINTS true
#else
#define HAS_POINTS false
#endif

/* In a process of its own: how it ended after so many passes of `dot` and `trim`. */
static int end_after(const char *wish, int dots, int trims)
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (wish != NULL)
			setenv("EDM_CRASH_AT", wish, 1);
		for (int i = 0; i < dots; i++)
			crash_point(CRASH_DOT);
		for (int i = 0; i < trims; i++)
			crash_point(CRASH_TRIM);
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static bool was_killed(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static void the_pass_asked_for_kills(void **state)
{
	(void)state;
	assert_int_equal(was_killed(end_after("dot:1", 1, 0)), HAS_POINTS);
	assert_int_equal(was_killed(end_after("dot:3", 3, 0)), HAS_POINTS);
	assert_int_equal(end_after("dot:3", 2, 0), 0);
	assert_int_equal(end_after("dot:3", 2, 5), 0);
	assert_int_equal(end_after("trim:1", 5, 0), 0);
	assert_int_equal(was_killed(end_after("trim:2", 5, 2)), HAS_POINTS);
}

static void nothing_asked_for_nothing_done(void **state)
{
	(void)state;
	assert_int_equal(end_after(NULL, 9, 9), 0);
}

static void what_cannot_be_read_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		const char *wishes[] = {"dot", "dot:0", "dot:x", "nowhere:1"};
		int status = end_after(wishes[i], 1, 0);
		assert_int_equal(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, HAS_POINTS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_pass_asked_for_kills),
		cmocka_unit_test(nothing_asked_for_nothing_done),
		cmocka_unit_test(what_cannot_be_read_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
