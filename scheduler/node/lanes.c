/* SPDX-License-Identifier: MIT */
/*
 * What the node does with what its lanes report: what they and the parties learnt goes to the
 * tables lane_state and party_state; a block becomes a row of table pause and an alert. Control
 * thread.
 */
#include <stdlib.h>

#include "ip-pool/store/lane_store.h"
#include "ip-pool/store/pause_store.h"
#include "scheduler/node/node_private.h"

static void on_saved(void *owner, const struct pg_reply *reply)
{
	struct node *n = owner;
	n->saving--;
	if (reply->fate == PG_REFUSED)
		log_error_event(LOG_WARN, "lanes_not_saved", reply->err);
	node_on_saved(n);
}

static void write_rows(struct node *n, const char *statement, struct pg_params *params)
{
	n->saving++;
	pg_call(n->load, statement, params, on_saved, n);
	pg_params_done(params);
}

void lanes_save(struct node *n, struct work_lanes *lanes)
{
	struct pg_params params;
	struct lane_record *records = xcalloc(lanes->count, sizeof(records[0]));
	bool *has_warmup = xcalloc(lanes->count, sizeof(has_warmup[0]));
	for (size_t i = 0; i < lanes->count; i++) {
		const struct lane_saved *lane = &lanes->lanes[i];
		records[i] = (struct lane_record){.source = lane->source,
						  .target = str_from(lane->target),
						  .state = lane->state,
						  .warmup = lane->warmup};
		has_warmup[i] = lane->has_warmup;
	}
	pg_params_init(&params);
	lane_store_params(&params, records, has_warmup, lanes->count);
	write_rows(n, LANE_STORE_SAVE, &params);
	free(has_warmup);
	free(records);
	free(lanes);
}

void lanes_save_parties(struct node *n, struct work_parties *parties)
{
	struct pg_params params;
	struct party_record *records = xcalloc(parties->count, sizeof(records[0]));
	for (size_t i = 0; i < parties->count; i++) {
		const struct party_saved *party = &parties->parties[i];
		records[i] = (struct party_record){.target = str_from(party->target),
						   .domain = str_from(party->domain),
						   .campaign = party->campaign,
						   .state = party->state};
	}
	pg_params_init(&params);
	party_store_params(&params, keeper_id(n->keeper).node, records, parties->count);
	write_rows(n, PARTY_STORE_SAVE, &params);
	free(records);
	free(parties);
}

static void lane_blocked(struct node *n, const struct work_blocked *blocked)
{
	struct pg_params params;
	struct pause pause = {.origin = PAUSE_HEALTH,
			      .provider = str_from(blocked->target),
			      .source = str_from(blocked->source),
			      .who = STR("edm"),
			      .because = str_from(blocked->reply)};
	pg_params_init(&params);
	pause_store_params(&params, &pause, blocked->rests_ms);
	write_rows(n, PAUSE_STORE_ADD, &params);
	alert_lane_blocked(n, blocked);
}

void lanes_blocked(struct node *n, struct work_blocked *list)
{
	while (list != NULL) {
		struct work_blocked *one = list;
		list = one->next;
		lane_blocked(n, one);
		free(one);
	}
}
