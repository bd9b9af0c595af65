/* SPDX-License-Identifier: MIT */
/* Where people wait, and behind what; see places.h. */
#include "scheduler/report/places.h"

#include <string.h>

static const char tail[] = "tail";

static void add(json_t *people, const char *queue, int64_t n)
{
	if (n > 0)
		json_object_set_new(people, queue, json_integer(document_int(people, queue) + n));
}

/* Every lane of a node's queue shows all of its mail: it counts once. */
static bool is_first(json_t *seen, const json_t *lane)
{
	char key[600];
	int length = snprintf(key, sizeof(key), "%s %s", document_text(lane, "node"),
			      document_text(lane, "queue"));
	bool is_known = length >= (int)sizeof(key) || json_object_get(seen, key) != NULL;
	if (!is_known)
		json_object_set_new(seen, key, json_true());
	return !is_known;
}

const char *places_queue(const json_t *group)
{
	const char *queue = document_text(group, "queue");
	return queue[0] != '\0' ? queue : document_text(group, "name");
}

bool places_has_group(const json_t *groups, const char *queue)
{
	size_t i;
	json_t *group;
	json_array_foreach(groups, i, group)
	{
		if (strcmp(places_queue(group), queue) == 0)
			return true;
	}
	return false;
}

/* What nodes have of the tail for the campaign: sites, and providers with few people. A queue may
 * have others' mail, too: of all together no more than it has people there. */
static int64_t add_tail(const struct why_context *w, const json_t *groups, int64_t left,
			json_t *people)
{
	json_t *seen = json_object(), *lane;
	int64_t sum = 0;
	size_t i;
	json_array_foreach(json_object_get(w->live, "lanes"), i, lane)
	{
		int64_t n = document_int(lane, "queued") + document_int(lane, "ready");
		if (places_has_group(groups, document_text(lane, "queue")) ||
		    !live_lane_is_of(lane, w->campaign) || !is_first(seen, lane))
			continue;
		n = n < left - sum ? n : left - sum;
		add(people, document_text(lane, "queue"), n);
		sum += n;
	}
	json_decref(seen);
	return sum;
}

static json_t *count_people(const struct why_context *w, const json_t *groups, const json_t *parked)
{
	json_t *people = json_object(), *entry;
	size_t i;
	json_array_foreach(groups, i, entry)
	{
		const char *name = document_text(entry, "name");
		int64_t n = document_int(entry, "waiting") + document_int(entry, "leased");
		if (strcmp(name, tail) == 0)
			n -= add_tail(w, groups, n, people);
		add(people, places_queue(entry), n);
	}
	json_array_foreach(parked, i, entry)
		add(people, document_text(entry, "queue"), document_int(entry, "people"));
	return people;
}

/* Those of most people first; of as many, by their names. */
static void insert(json_t *places, json_t *place)
{
	size_t at = 0;
	for (; at < json_array_size(places); at++) {
		const json_t *other = json_array_get(places, at);
		int64_t more = document_int(place, "people") - document_int(other, "people");
		if (more > 0 || (more == 0 && strcmp(document_text(place, "queue"),
						     document_text(other, "queue")) < 0))
			break;
	}
	json_array_insert_new(places, at, place);
}

json_t *places_held(const struct why_context *w, const json_t *groups, const json_t *parked)
{
	json_t *people = count_people(w, groups, parked), *places = json_array(), *n;
	const char *queue;
	json_object_foreach(people, queue, n)
	{
		struct hold hold;
		if (hold_find(w, queue, &hold))
			insert(places, json_pack("{s:s, s:O, s:o}", "queue", queue, "people", n,
						 "held", hold_json(w, &hold)));
	}
	json_decref(people);
	return places;
}
