/* SPDX-License-Identifier: MIT */
/* Which pause stops what. Pure. */
#include "ip-pool/pause.h"

const char *pause_origin_name(enum pause_origin origin)
{
	switch (origin) {
#define X(suffix, number, name)                                                                    \
	case PAUSE_##suffix:                                                                       \
		return name;
		PAUSE_ORIGINS(X)
#undef X
	}
	return "?";
}

static bool names_lane(const struct pause *p, const struct limit_scope *lane)
{
	if (!str_is_empty(p->source) && !str_equals(p->source, lane->source))
		return false;
	return limit_names_target(p->provider, lane);
}

bool pause_stops_lane(const struct pause *p, const struct limit_scope *lane)
{
	return p->campaign == 0 && names_lane(p, lane);
}

const struct pause *pause_of_lane(const struct pause *pauses, size_t count,
				  const struct limit_scope *lane, int64_t now)
{
	const struct pause *last = NULL;
	for (size_t i = 0; i < count; i++) {
		const struct pause *p = &pauses[i];
		if (p->until_ms > now && pause_stops_lane(p, lane) &&
		    (last == NULL || p->until_ms > last->until_ms))
			last = p;
	}
	return last;
}

const struct pause *pause_of_campaign(const struct pause *pauses, size_t count, int64_t campaign,
				      const struct limit_scope *lane, int64_t now)
{
	const struct pause *last = NULL;
	for (size_t i = 0; i < count; i++) {
		const struct pause *p = &pauses[i];
		bool is_everywhere = str_is_empty(p->provider) && str_is_empty(p->source);
		if (p->until_ms <= now || p->campaign != campaign ||
		    !(is_everywhere || (lane != NULL && names_lane(p, lane))))
			continue;
		if (last == NULL || p->until_ms > last->until_ms)
			last = p;
	}
	return last;
}
