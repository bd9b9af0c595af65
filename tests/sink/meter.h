/* SPDX-License-Identifier: MIT */
/*
 * Counts events in sliding windows, exactly: it remembers the time of every event of the last hour.
 *
 * Times are monotonic microseconds and never go back. Pure; one thread.
 */
#ifndef EDM_TESTS_SINK_METER_H
#define EDM_TESTS_SINK_METER_H

#include <stddef.h>
#include <stdint.h>

#define METER_SECOND_US INT64_C(1000000)
#define METER_MINUTE_US (60 * METER_SECOND_US)
#define METER_HOUR_US (60 * METER_MINUTE_US)

struct meter {
	int64_t *times_us; /* ring, oldest at head */
	size_t head;
	size_t count;
	size_t cap; /* 0 or a power of two */
};

void meter_init(struct meter *m);
void meter_done(struct meter *m);
/* One event now; events older than an hour are forgotten. */
void meter_add(struct meter *m, int64_t now_us);
/* Events in (now_us - period_us, now_us]; period_us is at most an hour. */
size_t meter_count(const struct meter *m, int64_t now_us, int64_t period_us);

#endif
