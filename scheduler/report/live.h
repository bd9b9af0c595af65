/* SPDX-License-Identifier: MIT */
/*
 * What nodes are doing now and what stands still: their rows of node_live (one a node and second),
 * pauses, operators' limits. For `top` and `why`. Nobody talks to a node; what is older than ten
 * seconds is not shown. Blocking; for the command line.
 */
#ifndef EDM_SCHEDULER_REPORT_LIVE_H
#define EDM_SCHEDULER_REPORT_LIVE_H

#include "engine/base/buf.h"
#include "scheduler/report/document.h"

/* {"now_at", "nodes", "lanes", "waiting", "sources", "pauses", "limits", "campaigns"}, each but the
 * first a list. */
json_t *live_load(struct pg_blocking *db, struct err *err) NODISCARD;
bool live_has_node(const json_t *live);
/* There are nodes, and each of them is being stopped: it ends what it has begun. */
bool live_is_ending(const json_t *live);
/* What the node called name (NULL = any) says under this key of its gauges: "refused", why the
 * database does not take what it writes, or "stopped", why it sends nothing. NULL = nothing. */
const char *live_trouble(const json_t *live, const char *name, const char *key);

/* What a pause has to concern. NULL = it must not name one. */
struct live_scope {
	const char *campaign;
	const char *source;
	const char *target; /* provider or site; "tail": of any site without a provider */
};

/* The pause that stops all of the scope and ends last, or NULL. */
const json_t *live_pause(const json_t *live, const struct live_scope *scope);
/* A lane to the target (a provider or a site), of a source the campaign goes by, that can send now,
 * or NULL; then *waiting_out is the one that waits for the shortest time, if any does. */
const json_t *live_open_lane(const json_t *live, const char *campaign, const char *target,
			     const json_t **waiting_out);
/* How many lanes to the target it has. */
size_t live_count_lanes(const json_t *live, const char *campaign, const char *target);
/* The one of those lanes with the most connections, or NULL: none has any. */
const json_t *live_sending_lane(const json_t *live, const char *campaign, const char *target);
/* Has a lane's queue mail of the campaign? Of who says not whose it has, only if of the tail. */
bool live_lane_is_of(const json_t *lane, const char *campaign);
/* A campaign (NULL = any) that waits for a limit of its own or of its sending domain, among the
 * people of this queue (NULL: among all its people); NULL if none does. */
const json_t *live_waiting(const json_t *live, const char *campaign, const char *queue);
/* The same of a lane that has nothing else to send: whoever is in its queue waits for such a limit.
 */
const json_t *live_waiting_on(const json_t *live, const json_t *lane);
/* The lane source/queue, or NULL. */
const json_t *live_lane(const json_t *live, const char *source, const char *queue);
/* Of a running campaign: its pool, when it was started, how many active sources the pool has,
 * "spent", its limit of hours or days that is used up (or null), "is_open", whether it is within
 * its sending hours, "opens_at", when it will be if it is not (0: never), and "hours", those that
 * are closed; NULL if there is none of the name. */
const json_t *live_campaign(const json_t *live, const char *name);

#endif
