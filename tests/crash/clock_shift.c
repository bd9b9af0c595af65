/* SPDX-License-Identifier: MIT */
/*
 * Loaded before a program (LD_PRELOAD): its wall clock is EDM_CLOCK_SHIFT_S seconds ahead, as on a
 * machine whose clock nobody sets. Times since boot are as they are.
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static time_t shift_s(void)
{
	const char *text = getenv("EDM_CLOCK_SHIFT_S");
	time_t s = 0;
	for (; text != NULL && *text >= '0' && *text <= '9'; text++)
		s = s * 10 + (*text - '0');
	return s;
}

int clock_gettime(clockid_t id, struct timespec *out)
{
	int rc = (int)syscall(SYS_clock_gettime, id, out);
	if (rc == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
		out->tv_sec += shift_s();
	return rc;
}

int gettimeofday(struct timeval *out, void *zone)
{
	(void)zone;
	struct timespec now;
	int rc = clock_gettime(CLOCK_REALTIME, &now);
	*out = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
	return rc;
}

time_t time(time_t *out)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	if (out != NULL)
		*out = now.tv_sec;
	return now.tv_sec;
}
