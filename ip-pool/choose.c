/* SPDX-License-Identifier: MIT */
/* Picking a source: weighted turns among those that can go. Pure. */
#include "ip-pool/choose.h"

#define TURN UINT64_C(1000000) /* what one job costs a source of weight 1 */

/* How far a source may lag behind the one that leads, in jobs of weight 1. */
#define LAG_MAX (2 * TURN)

static bool prefers(const struct choose_candidate *c, uint32_t preferred, int64_t until_ms,
		    int64_t now)
{
	return preferred != 0 && now < until_ms && c->is_usable && c->source == preferred;
}

struct choice choose_source(const struct choose_candidate *candidates, size_t count,
			    uint32_t preferred, int64_t prefer_until_ms, int64_t now)
{
	struct choice choice = {CHOOSE_NOBODY, CHOOSE_NOBODY, INT64_MAX};
	for (size_t i = 0; i < count; i++) {
		const struct choose_candidate *c = &candidates[i];
		bool is_ready = c->ready_at_ms <= now;
		if (prefers(c, preferred, prefer_until_ms, now))
			return (struct choice){is_ready ? i : CHOOSE_NOBODY, i, c->ready_at_ms};
		if (!c->is_usable)
			continue;
		if (is_ready &&
		    (choice.index == CHOOSE_NOBODY || c->turn < candidates[choice.index].turn))
			choice.index = i;
		if (choice.first == CHOOSE_NOBODY || c->ready_at_ms < choice.at_ms) {
			choice.first = i;
			choice.at_ms = c->ready_at_ms;
		}
	}
	if (choice.index != CHOOSE_NOBODY)
		choice.first = choice.index;
	return choice;
}

void choose_use(struct choose_candidate *candidates, size_t count, size_t index)
{
	must(index < count && candidates[index].weight > 0);
	struct choose_candidate *used = &candidates[index];
	used->turn += TURN / (uint64_t)used->weight;
	/* Who was away starts a little behind the others, not where it left off. */
	for (size_t i = 0; i < count; i++)
		if (candidates[i].turn + LAG_MAX < used->turn)
			candidates[i].turn = used->turn - LAG_MAX;
}
