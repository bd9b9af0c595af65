/* SPDX-License-Identifier: MIT */
/* Sending hours of a campaign; see hours.h. */
#include "scheduler/campaign/hours.h"

#define KINDS 2

void sending_hours_offsets(struct calendar *c, struct pg_items offsets)
{
	int64_t from_us, offset_s;
	while (pg_next_int(&offsets, &from_us) && pg_next_int(&offsets, &offset_s))
		calendar_add_offset(c, from_us, offset_s);
}

void sending_hours_own(struct sending_hours *h, struct str text, struct pg_items offsets)
{
	struct err unread;
	h->own = (struct calendar){.count = 0};
	h->has_own = text.len > 0;
	if (h->has_own && calendar_parse_hours(text, &h->own.hours, &unread) == 0)
		sending_hours_offsets(&h->own, offsets);
}

void sending_hours_common(struct sending_hours *h, struct str text, struct pg_items offsets)
{
	struct err unread;
	struct str zone;
	h->common = (struct calendar){.count = 0};
	h->has_common = text.len > 0;
	if (h->has_common && calendar_parse_zoned(text, &h->common.hours, &zone, &unread) == 0)
		sending_hours_offsets(&h->common, offsets);
}

static void list_kinds(const struct sending_hours *h, const struct calendar *out[KINDS])
{
	out[0] = h->has_own ? &h->own : NULL;
	out[1] = h->has_common ? &h->common : NULL;
}

struct calendar_state sending_hours_look(const struct sending_hours *h, int64_t now_us)
{
	const struct calendar *kinds[KINDS];
	list_kinds(h, kinds);
	return calendar_look(kinds, KINDS, now_us);
}

int64_t sending_hours_open_us(const struct sending_hours *h, int64_t from_us, int64_t to_us)
{
	const struct calendar *kinds[KINDS];
	list_kinds(h, kinds);
	return calendar_open_us(kinds, KINDS, from_us, to_us);
}
