/* SPDX-License-Identifier: MIT */
/*
 * Sending hours: outside of them a campaign is to this node as one that is paused. What they are
 * comes with each reading of the campaigns; whether they are open is told here, by the database's
 * time, so that they close to the minute whatever the database does. Control thread.
 */
#include <stdlib.h>
#include <string.h>

#include "scheduler/node/node_private.h"

static void note_change(const struct node_campaign *campaign)
{
	struct log_line l;
	if (!log_begin(&l, LOG_INFO, campaign->is_open ? "hours_open" : "hours_closed"))
		return;
	log_int(&l, "campaign", campaign->id);
	log_end(&l);
}

/* Looks at one whose hours may have changed. */
static void look(struct node *n, struct node_campaign *campaign, int64_t now_us)
{
	struct calendar_state state = sending_hours_look(&campaign->hours, now_us);
	bool was_open = campaign->is_open;
	campaign->is_open = state.is_open;
	campaign->changes_us = state.changes_us;
	if (was_open == state.is_open)
		return;
	note_change(campaign);
	if (state.is_open)
		return;
	control_recall(n, &(struct work_recall){.campaign = campaign->id});
	claims_on_closed(n, campaign->id);
}

static struct node_campaign *next_campaign(struct node *n, struct map_node **at)
{
	*at = map_next(&n->campaigns, *at);
	return *at ? CONTAINER_OF(*at, struct node_campaign, by_id) : NULL;
}

/* Most readings bring what was there before. */
static void take_hours(struct node *n, struct node_campaign *campaign, int64_t now_us)
{
	struct sending_hours fresh = campaign->told;
	fresh.has_common = n->hours.has_common && !campaign->is_hidden;
	if (fresh.has_common)
		fresh.common = n->hours.common;
	if (memcmp(&fresh, &campaign->hours, sizeof(fresh)) == 0 && now_us < campaign->changes_us)
		return;
	campaign->hours = fresh;
	look(n, campaign, now_us);
}

void hours_on_work(struct node *n, const struct keeper_round *round)
{
	int64_t now_us = node_wall_us(n, loop_now_ms(n->loop));
	const struct node_settings *s = &n->options.settings;
	struct node_campaign *campaign;
	struct map_node *at = NULL;
	/* Of settings that have just changed the zone comes with the next reading. */
	if (str_equals(str_from(round->zone), str_from(s->hours_zone))) {
		sending_hours_common(&n->hours, s->hours, (struct pg_items){.count = 0});
		n->hours.common.count = round->zone_offsets->count;
		for (size_t i = 0; i < n->hours.common.count; i++)
			n->hours.common.offsets[i] = round->zone_offsets->offsets[i];
	}
	while ((campaign = next_campaign(n, &at)) != NULL)
		take_hours(n, campaign, now_us);
}

void hours_look(struct node *n)
{
	int64_t now_us = node_wall_us(n, loop_now_ms(n->loop));
	struct node_campaign *campaign;
	struct map_node *at = NULL;
	while ((campaign = next_campaign(n, &at)) != NULL)
		if (now_us >= campaign->changes_us)
			look(n, campaign, now_us);
}

void hours_spare(struct node *n, struct work_job *job)
{
	struct settlement *s = &job->result->settlement;
	const struct node_campaign *campaign = campaign_of(n, job->lease->campaign);
	if (campaign == NULL || s->state != RECIPIENT_DEFERRED || s->retry.age_s <= s->age_s)
		return;
	int64_t open_us = sending_hours_open_us(&campaign->hours, s->at_us, s->retry.due_at_us);
	s->retry.age_s = s->age_s + (int32_t)(open_us / 1000000);
}
