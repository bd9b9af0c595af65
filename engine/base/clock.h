/* SPDX-License-Identifier: MIT */
/*
 * The two clocks. Monotonic times (`_ms`, `now`) come from CLOCK_BOOTTIME, which goes on while the
 * machine sleeps, because leases do; wall times (`_us`, UTC) are for logs and for headers. Pure
 * code takes `now` as an argument and never calls these.
 */
#ifndef EDM_ENGINE_BASE_CLOCK_H
#define EDM_ENGINE_BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds since boot. */
int64_t clock_now_ms(void);
/* Microseconds since boot. */
int64_t clock_now_us(void);
/* Microseconds since 1970-01-01 UTC by this machine's clock. */
int64_t clock_wall_us(void);

#endif
