/* SPDX-License-Identifier: MIT */
/* Connections to spare; see spare.h. */
#include "scheduler/plan/spare.h"

#include <stddef.h>

/* What a connection takes to come up where it is not very near. */
#define SPARE_MS 100
/* So long without a connection, and how its connections ended says nothing any more. */
#define GONE_MS 1000
/* A connection that may carry fewer is no help to those that wait. */
#define MESSAGES_MIN 8

void spare_found(struct spare *s, const struct site *site, int64_t now)
{
	*s = (struct spare){site, now};
}

void spare_begun(struct spare *s, const struct site *site, int64_t now)
{
	if (s->at_ms == 0 || now > s->at_ms + GONE_MS)
		spare_found(s, site, now);
}

void spare_ended(struct spare *s, int64_t now)
{
	*s = (struct spare){NULL, now};
}

int64_t spare_until(const struct spare *s, const struct site *site, int64_t messages, int64_t now)
{
	int64_t until = s->at_ms + SPARE_MS;
	return s->site == site && messages >= MESSAGES_MIN && now < until ? until : 0;
}
