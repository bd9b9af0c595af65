/* SPDX-License-Identifier: MIT */
/* Why a campaign or a lane is where it is; see why.h. People: why_person.c. */
#include "scheduler/report/why.h"

#include <string.h>

#include "ip-pool/explain.h"
#include "ip-pool/source.h"
#include "scheduler/report/counts.h"
#include "scheduler/report/places.h"
#include "scheduler/report/why_say.h"

#define SENTENCE_MAX (64u << 10)

typedef void (*why_say)(const struct why_context *w, const json_t *document, struct buf *out);

static void set_sentence(const struct why_context *w, json_t *document, why_say say)
{
	struct buf text;
	buf_init(&text, SENTENCE_MAX);
	say(w, document, &text);
	document_set_text(document, "sentence", buf_str(&text));
	buf_done(&text);
}

/* ------------------------------------------------------------------------------------ campaign */

static json_t *load_of(struct pg_blocking *db, const char *statement, int32_t id, struct err *err)
{
	struct pg_params params;
	pg_params_init(&params);
	pg_add_int4(&params, id);
	json_t *rows = document_load(db, statement, &params, err);
	pg_params_done(&params);
	return rows;
}

/* Puts "groups" and "parked" into the campaign. */
static int load_work(struct pg_blocking *db, json_t *campaign, struct err *err)
{
	int32_t id;
	if (counts_find_campaign(db, document_text(campaign, "name"), &id, err) != 0)
		return -1;
	json_t *groups = load_of(db, "report/campaign_work", id, err);
	json_t *parked = groups ? load_of(db, "report/campaign_parked", id, err) : NULL;
	json_object_set_new(campaign, "groups", groups ? groups : json_array());
	json_object_set_new(campaign, "parked", parked ? parked : json_array());
	return parked != NULL ? 0 : -1;
}

/* The place of most people in the tail, where no group has its name; NULL: none is held. */
static const json_t *place_in_tail(const json_t *places, const json_t *groups)
{
	size_t i;
	json_t *place;
	json_array_foreach(places, i, place)
	{
		const char *queue = document_text(place, "queue");
		if (!places_has_group(groups, queue) || strcmp(queue, "tail") == 0)
			return place;
	}
	return NULL;
}

/* A group of the tail is held where most of it waits, if that is in hand. */
static void add_hold(const struct why_context *w, const json_t *campaign, json_t *group)
{
	const json_t *groups = json_object_get(campaign, "groups");
	const char *name = document_text(group, "name");
	const json_t *place = NULL;
	struct hold hold;
	struct buf says;
	bool is_held = hold_find(w, places_queue(group), &hold);
	buf_init(&says, SENTENCE_MAX);
	if (!is_held && strcmp(name, "tail") == 0)
		place = place_in_tail(json_object_get(campaign, "places"), groups);
	if (is_held)
		hold_say(w, &hold, &says);
	else if (place != NULL)
		why_say_place(w, place,
			      document_int(group, "waiting") + document_int(group, "leased"),
			      &says);
	json_t *held = place ? json_incref(json_object_get(place, "held")) : json_null();
	json_object_set_new(group, "held", is_held ? hold_json(w, &hold) : held);
	json_object_set_new(group, "hold", says.len > 0 ? json_string(says.data) : json_null());
	buf_done(&says);
}

/* What keeps each group, and when the next of the deferred is due. */
static void add_work(const struct why_context *w, json_t *campaign)
{
	json_t *groups = json_object_get(campaign, "groups"), *entry;
	size_t i;
	int64_t due = 0;
	json_object_set_new(campaign, "places",
			    places_held(w, groups, json_object_get(campaign, "parked")));
	json_object_del(campaign, "parked");
	json_array_foreach(groups, i, entry) add_hold(w, campaign, entry);
	json_array_foreach(json_object_get(campaign, "deferrals"), i, entry)
	{
		int64_t at = document_int(entry, "next_due_at");
		if (due == 0 || at < due)
			due = at;
	}
	json_object_set_new(campaign, "next_due_at", json_integer(due));
}

static struct why_context context_of(const json_t *campaign, const json_t *live,
				     enum language language)
{
	enum campaign_state state = CAMPAIGN_DRAFT;
	int known = campaign_state_parse(str_from(document_text(campaign, "state")), &state);
	must(known == 0);
	return (struct why_context){
		.language = language,
		.now_us = document_int(campaign, "now_at"),
		.live = live,
		.campaign = document_text(campaign, "name"),
		.campaign_state = state,
		.campaign_since_us = document_int(campaign, "state_since"),
		.campaign_by = document_text(campaign, "state_by"),
		.campaign_reason = document_text(campaign, "reason_text"),
		.scheduled_us = document_int(campaign, "scheduled_at"),
	};
}

json_t *why_campaign(struct pg_blocking *db, const char *name, enum language language,
		     struct err *err)
{
	static const char *const elsewhere[] = {"providers", "sources", "bounces"};
	json_t *campaign = counts_campaign(db, name, language, err);
	json_t *live = campaign ? live_load(db, err) : NULL;
	if (live == NULL || load_work(db, campaign, err) != 0) {
		json_decref(live);
		json_decref(campaign);
		return NULL;
	}
	struct why_context w = context_of(campaign, live, language);
	add_work(&w, campaign);
	set_sentence(&w, campaign, why_say_campaign);
	for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++)
		json_object_del(campaign, elsewhere[i]);
	json_decref(live);
	return campaign;
}

/* ---------------------------------------------------------------------------------------- lane */

static const json_t *find_source(const json_t *live, const char *name)
{
	size_t i;
	json_t *source;
	json_array_foreach(json_object_get(live, "sources"), i, source)
	{
		if (strcmp(document_text(source, "source"), name) == 0)
			return source;
	}
	return NULL;
}

/* The lane as limits are asked about it; the level is that of who asks. */
static struct limit_scope scope_at(const struct ip_pool_snapshot *pool, const char *source,
				   const char *queue)
{
	const struct source *of = ip_pool_source(pool, str_from(source));
	bool is_tail = provider_find(pool->providers, str_from(queue)) == NULL;
	return (struct limit_scope){.provider = str_from(is_tail ? "" : queue),
				    .site = str_from(is_tail ? queue : ""),
				    .source = str_from(source),
				    .node = of != NULL ? of->node : STR("")};
}

/* Does this row of "limits" hold for the lane? Sets the level it is of. Not if it is about others,
 * nor if a later one of the same scope holds instead. */
static bool applies(const struct ip_pool_snapshot *pool, const json_t *limit,
		    struct limit_scope *scope)
{
	const struct limit_rules *rules = &pool->limits;
	for (size_t i = 0; i < rules->count; i++) {
		if (rules->rules[i].id != document_int(limit, "limit_id"))
			continue;
		scope->level = limit_rule_level(&rules->rules[i]);
		return limit_rule_matches(&rules->rules[i], scope) &&
		       limit_superseded_by(rules, i, pool->loaded_ms) == 0;
	}
	return false;
}

static json_t *limit_json(json_t *limit, const struct limit_scope *scope)
{
	json_t *copy = json_copy(limit);
	struct buf text;
	/* Kinds are stored from 1. */
	int64_t kind = document_int(limit, "kind");
	document_set_text(copy, "kind", str_from(limit_kind_name((enum limit_kind)(kind - 1))));
	document_set_text(copy, "level", str_from(limit_level_name(scope->level)));
	buf_init(&text, SENTENCE_MAX);
	explain_scope(scope, &text);
	document_set_text(copy, "scope", buf_str(&text));
	buf_done(&text);
	return copy;
}

/* Operators' limits in force for the lane: its own, and those of what stands above it. */
static json_t *limits_of(const json_t *live, const struct ip_pool_snapshot *pool,
			 const char *source, const char *queue)
{
	json_t *found = json_array(), *limit;
	struct limit_scope scope = scope_at(pool, source, queue);
	size_t i;
	json_array_foreach(json_object_get(live, "limits"), i, limit)
	{
		if (applies(pool, limit, &scope))
			json_array_append_new(found, limit_json(limit, &scope));
	}
	return found;
}

static json_t *lane_document(const json_t *live, const struct ip_pool_snapshot *pool,
			     const char *source, const char *queue)
{
	const struct live_scope scope = {.source = source, .target = queue};
	const json_t *row = live_lane(live, source, queue);
	const json_t *pause = live_pause(live, &scope);
	json_t *lane = row ? json_deep_copy(row) : json_object();
	json_t *pauses = json_array();
	if (pause != NULL)
		json_array_append_new(pauses, json_deep_copy(pause));
	enum source_state state =
		(enum source_state)document_int(find_source(live, source), "source_state");
	json_object_set_new(lane, "source", json_string(source));
	json_object_set_new(lane, "source_state", json_string(source_state_name(state)));
	json_object_set_new(lane, "queue", json_string(queue));
	json_object_set_new(lane, "lane", json_sprintf("%s/%s", source, queue));
	json_object_set_new(lane, "in_use", json_boolean(row != NULL));
	json_object_set_new(lane, "pauses", pauses);
	json_object_set_new(lane, "limits", limits_of(live, pool, source, queue));
	return lane;
}

json_t *why_lane(struct pg_blocking *db, const char *lane, const struct ip_pool_snapshot *pool,
		 enum language language, struct err *err)
{
	char source[256];
	struct str queue = str_from(lane);
	struct str name = str_take_until(&queue, '/');
	if (str_to_cstr(name, source, sizeof(source)) != 0 || queue.len == 0) {
		err_set(err, ERR_USAGE, "a lane is written source/provider, as mx1/qq");
		return NULL;
	}
	json_t *live = live_load(db, err);
	if (live == NULL)
		return NULL;
	if (find_source(live, source) == NULL) {
		json_decref(live);
		err_set(err, ERR_NOT_FOUND, "there is no source '%s'; edm source show lists them",
			source);
		return NULL;
	}
	json_t *document = lane_document(live, pool, source, queue.ptr);
	const struct why_context w = {
		.language = language, .now_us = document_int(live, "now_at"), .live = live};
	set_sentence(&w, document, why_say_lane);
	struct hold hold;
	bool is_held = why_find_lane_hold(&w, document, &hold);
	json_object_set_new(document, "held", is_held ? hold_json(&w, &hold) : json_null());
	json_decref(live);
	return document;
}
