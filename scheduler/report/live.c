/* SPDX-License-Identifier: MIT */
/* What goes on now; see live.h. */
#include "scheduler/report/live.h"

#include <string.h>

#include "ip-pool/limit.h"
#include "scheduler/campaign/hours.h"

static void add_offsets(struct calendar *c, const json_t *offsets)
{
	for (size_t i = 0; i + 1 < json_array_size(offsets); i += 2)
		calendar_add_offset(c, json_integer_value(json_array_get(offsets, i)),
				    json_integer_value(json_array_get(offsets, i + 1)));
}

static bool is_closed(bool has_hours, const struct calendar *c, int64_t now_us)
{
	return has_hours && !calendar_look(&c, 1, now_us).is_open;
}

/* Which hours are closed, in words. */
static json_t *closed_hours(const struct sending_hours *h, const json_t *campaign,
			    const json_t *common, int64_t now_us)
{
	if (is_closed(h->has_own, &h->own, now_us))
		return json_sprintf("%s %s", document_text(campaign, "hours"),
				    document_text(campaign, "hours_zone"));
	if (is_closed(h->has_common, &h->common, now_us))
		return json_string(document_text(common, "hours"));
	return json_null();
}

/* "hours" with their offsets to whether they are open. */
static void look_at_hours(json_t *campaign, const json_t *common, int64_t now_us)
{
	struct sending_hours h;
	const struct pg_items none = {.count = 0};
	bool is_hidden = json_is_true(json_object_get(campaign, "is_hidden"));
	sending_hours_own(&h, str_from(document_text(campaign, "hours")), none);
	sending_hours_common(&h, str_from(is_hidden ? "" : document_text(common, "hours")), none);
	add_offsets(&h.own, json_object_get(campaign, "offsets"));
	add_offsets(&h.common, json_object_get(common, "offsets"));
	struct calendar_state state = sending_hours_look(&h, now_us);
	bool is_known = !state.is_open && state.changes_us != CALENDAR_NEVER;
	json_object_set_new(campaign, "hours", closed_hours(&h, campaign, common, now_us));
	json_object_set_new(campaign, "is_open", json_boolean(state.is_open));
	json_object_set_new(campaign, "opens_at", json_integer(is_known ? state.changes_us : 0));
	json_object_del(campaign, "hours_zone");
	json_object_del(campaign, "offsets");
}

static void look_at_campaigns(json_t *live)
{
	const json_t *common = json_object_get(live, "sending_hours");
	size_t i;
	json_t *campaign;
	json_array_foreach(json_object_get(live, "campaigns"), i, campaign)
		look_at_hours(campaign, common, document_int(live, "now_at"));
	json_object_del(live, "sending_hours");
}

json_t *live_load(struct pg_blocking *db, struct err *err)
{
	static const char *const lists[] = {"nodes",  "lanes",	"waiting",  "sources",
					    "pauses", "limits", "campaigns"};
	json_t *live = document_load(db, "report/live", NULL, err);
	for (size_t i = 0; live != NULL && i < ARRAY_LEN(lists); i++)
		if (!json_is_array(json_object_get(live, lists[i])))
			json_object_set_new(live, lists[i], json_array());
	if (live != NULL)
		look_at_campaigns(live);
	return live;
}

bool live_has_node(const json_t *live)
{
	size_t i;
	json_t *node;
	json_array_foreach(json_object_get(live, "nodes"), i, node)
	{
		if (json_is_true(json_object_get(node, "alive")))
			return true;
	}
	return false;
}

bool live_is_ending(const json_t *live)
{
	size_t i, left = 0;
	json_t *node;
	json_array_foreach(json_object_get(live, "nodes"), i, node) left +=
		json_is_true(json_object_get(node, "alive")) &&
		!json_is_true(json_object_get(json_object_get(node, "gauges"), "ending"));
	return live_has_node(live) && left == 0;
}

const char *live_trouble(const json_t *live, const char *name, const char *key)
{
	size_t i;
	json_t *node;
	json_array_foreach(json_object_get(live, "nodes"), i, node)
	{
		const char *why = document_text(json_object_get(node, "gauges"), key);
		bool is_it = name == NULL || strcmp(document_text(node, "node"), name) == 0;
		if (is_it && why[0] != '\0')
			return why;
	}
	return NULL;
}

/* A selector that names nothing fits anything; one that does must be of the scope. */
static bool fits(const char *selector, const char *value)
{
	return selector[0] == '\0' || (value != NULL && strcmp(selector, value) == 0);
}

/* A provider's name has neither a dot nor a port, a site has one. */
static bool is_site(const char *target)
{
	return strpbrk(target, ".:") != NULL;
}

static bool fits_target(const char *selector, const char *target)
{
	if (selector[0] == '\0' || target == NULL || strcmp(selector, target) == 0)
		return fits(selector, target);
	const struct limit_scope scope = {.provider = str_from(is_site(target) ? "" : target),
					  .site = str_from(is_site(target) ? target : "")};
	return limit_names_target(str_from(selector), &scope);
}

static bool stops(const json_t *pause, const struct live_scope *scope)
{
	return fits(document_text(pause, "campaign"), scope->campaign) &&
	       fits(document_text(pause, "source"), scope->source) &&
	       fits_target(document_text(pause, "provider"), scope->target) &&
	       fits_target(document_text(pause, "site"), scope->target);
}

static int64_t end_of(const json_t *pause)
{
	int64_t until = document_int(pause, "until");
	return until == 0 ? INT64_MAX : until;
}

const json_t *live_pause(const json_t *live, const struct live_scope *scope)
{
	const json_t *found = NULL;
	size_t i;
	json_t *pause;
	json_array_foreach(json_object_get(live, "pauses"), i, pause)
	{
		if (stops(pause, scope) && (found == NULL || end_of(pause) > end_of(found)))
			found = pause;
	}
	return found;
}

static bool has_text(const json_t *array, const char *text)
{
	size_t i;
	json_t *entry;
	json_array_foreach(array, i, entry)
	{
		if (strcmp(json_string_value(entry), text) == 0)
			return true;
	}
	return false;
}

/* The entry of a list that has this text there. */
static const json_t *entry_with(const json_t *list, const char *key, const char *text)
{
	size_t i;
	json_t *entry;
	json_array_foreach(list, i, entry)
	{
		if (strcmp(document_text(entry, key), text) == 0)
			return entry;
	}
	return NULL;
}

static bool is_in_pool(const json_t *live, const json_t *lane, const char *campaign)
{
	const json_t *of = live_campaign(live, campaign);
	const json_t *source = entry_with(json_object_get(live, "sources"), "source",
					  document_text(lane, "source"));
	return of == NULL || source == NULL ||
	       strcmp(document_text(of, "pool"), document_text(source, "pool")) == 0;
}

static bool serves(const json_t *live, const json_t *lane, const char *campaign, const char *target)
{
	return strcmp(document_text(lane, "queue"), target) == 0 &&
	       is_in_pool(live, lane, campaign);
}

bool live_lane_is_of(const json_t *lane, const char *campaign)
{
	const json_t *campaigns = json_object_get(lane, "campaigns");
	return campaigns == NULL ? json_is_true(json_object_get(lane, "tail"))
				 : has_text(campaigns, campaign);
}

/* Milliseconds until a waiting lane goes on. One that names no end waits for what its own sessions
 * do; without any it is stopped for good. */
static int64_t wait_ms(const json_t *lane)
{
	if (json_object_get(lane, "waits_ms") != NULL)
		return document_int(lane, "waits_ms");
	return document_int(lane, "sessions") > 0 ? 0 : INT64_MAX;
}

const json_t *live_open_lane(const json_t *live, const char *campaign, const char *target,
			     const json_t **waiting_out)
{
	size_t i;
	json_t *lane;
	*waiting_out = NULL;
	json_array_foreach(json_object_get(live, "lanes"), i, lane)
	{
		if (!serves(live, lane, campaign, target))
			continue;
		if (document_text(lane, "waits")[0] == '\0')
			return lane;
		if (*waiting_out == NULL || wait_ms(lane) < wait_ms(*waiting_out))
			*waiting_out = lane;
	}
	return NULL;
}

size_t live_count_lanes(const json_t *live, const char *campaign, const char *target)
{
	size_t i, count = 0;
	json_t *lane;
	json_array_foreach(json_object_get(live, "lanes"), i, lane) count +=
		serves(live, lane, campaign, target);
	return count;
}

const json_t *live_sending_lane(const json_t *live, const char *campaign, const char *target)
{
	const json_t *best = NULL;
	size_t i;
	json_t *lane;
	json_array_foreach(json_object_get(live, "lanes"), i, lane)
	{
		if (serves(live, lane, campaign, target) &&
		    document_int(lane, "sessions") > document_int(best, "sessions"))
			best = lane;
	}
	return best;
}

const json_t *live_lane(const json_t *live, const char *source, const char *queue)
{
	size_t i;
	json_t *lane;
	json_array_foreach(json_object_get(live, "lanes"), i, lane)
	{
		if (strcmp(document_text(lane, "source"), source) == 0 &&
		    strcmp(document_text(lane, "queue"), queue) == 0)
			return lane;
	}
	return NULL;
}

static bool names_queue(const json_t *waiting, const char *queue)
{
	return has_text(json_object_get(waiting, "queues"), queue);
}

const json_t *live_waiting(const json_t *live, const char *campaign, const char *queue)
{
	size_t i;
	json_t *waiting;
	json_array_foreach(json_object_get(live, "waiting"), i, waiting)
	{
		bool is_of_all = strcmp(document_text(waiting, "level"), "campaign") == 0 &&
				 document_text(waiting, "target")[0] == '\0';
		if (campaign != NULL && strcmp(document_text(waiting, "campaign"), campaign) != 0)
			continue;
		if (queue != NULL ? names_queue(waiting, queue) || (campaign && is_of_all)
				  : is_of_all)
			return waiting;
	}
	return NULL;
}

/* Is the mail of every campaign in the lane's queue held by a limit of its own? */
static bool all_wait(const json_t *live, const json_t *lane)
{
	size_t i;
	json_t *name;
	json_array_foreach(json_object_get(lane, "campaigns"), i, name)
	{
		if (live_waiting(live, json_string_value(name), document_text(lane, "queue")) ==
		    NULL)
			return false;
	}
	return true;
}

const json_t *live_waiting_on(const json_t *live, const json_t *lane)
{
	const char *queue = document_text(lane, "queue");
	size_t i;
	json_t *waiting;
	if (document_int(lane, "queued") == 0 || !all_wait(live, lane))
		return NULL;
	json_array_foreach(json_object_get(live, "waiting"), i, waiting)
	{
		const char *campaign = document_text(waiting, "campaign");
		if (names_queue(waiting, queue) && is_in_pool(live, lane, campaign) &&
		    (json_object_get(lane, "campaigns") == NULL || live_lane_is_of(lane, campaign)))
			return waiting;
	}
	return NULL;
}

const json_t *live_campaign(const json_t *live, const char *name)
{
	return entry_with(json_object_get(live, "campaigns"), "campaign", name);
}
