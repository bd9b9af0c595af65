/* SPDX-License-Identifier: MIT */
/* The end of the process at a crash point; see crash.h. Only in builds that have them. */
#include "engine/base/crash.h"

#ifdef EDM_CRASH_POINTS

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/base/must.h"
#include "engine/base/str.h"

#define NOWHERE (-1)

static const char *const names[] = {
#define X(id, name) [CRASH_##id] = name,
	CRASH_POINTS(X)
#undef X
};

/* Written once, before the first pass is counted. */
static int wanted = NOWHERE;
static _Atomic int64_t passes_left;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static int point_named(struct str name)
{
	for (int i = 0; i < (int)ARRAY_LEN(names); i++)
		if (str_equals(name, str_from(names[i])))
			return i;
	return NOWHERE;
}

/* EDM_CRASH_AT = name ":" number, the number of the pass from 1. */
static void read_wish(void)
{
	const char *wish = getenv("EDM_CRASH_AT");
	int64_t passes = 0;
	if (wish == NULL)
		return;
	struct str rest = str_from(wish);
	wanted = point_named(str_take_until(&rest, ':'));
	must(wanted != NOWHERE && str_to_i64(rest, &passes) == 0 && passes > 0);
	atomic_store(&passes_left, passes);
}

void crash_pass(enum crash_point point)
{
	pthread_once(&once, read_wish);
	if ((int)point == wanted && atomic_fetch_sub(&passes_left, 1) == 1)
		kill(getpid(), SIGKILL);
}

#endif
