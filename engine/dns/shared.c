/* SPDX-License-Identifier: MIT */
/* Answers by their content, with a count of users; see shared.h. */
#include "engine/dns/shared.h"

#include <stdlib.h>

#include "engine/base/hash.h"

static bool is_same_host(const struct mx_host *a, const struct mx_host *b)
{
	if (a->preference != b->preference || a->address_count != b->address_count ||
	    !str_equals(a->name, b->name))
		return false;
	for (size_t i = 0; i < a->address_count; i++)
		if (!ip_equals(&a->addresses[i], &b->addresses[i]))
			return false;
	return true;
}

static bool is_same(const struct map_node *node, const void *key)
{
	const struct mx_answer *a = CONTAINER_OF(node, struct shared_answer, node)->answer;
	const struct mx_answer *b = key;
	if (a->result != b->result || a->is_implicit != b->is_implicit ||
	    a->host_count != b->host_count || !str_equals(a->site, b->site))
		return false;
	for (size_t i = 0; i < a->host_count; i++)
		if (!is_same_host(&a->hosts[i], &b->hosts[i]))
			return false;
	return true;
}

void shared_init(struct shared_answers *s)
{
	*s = (struct shared_answers){0};
	map_init(&s->by_content);
}

void shared_done(struct shared_answers *s)
{
	must(s->by_content.count == 0);
	map_done(&s->by_content);
}

static size_t bytes_of(const struct shared_answer *shared)
{
	return sizeof(*shared) + shared->answer->size;
}

struct shared_answer *shared_take(struct shared_answers *s, struct mx_answer *fresh)
{
	/* Sites mostly have one answer at a time; those without a site differ by their result. */
	uint64_t hash = hash_str(fresh->site) + (uint64_t)fresh->result;
	struct map_node *node = map_get(&s->by_content, hash, is_same, fresh);
	if (node != NULL) {
		struct shared_answer *known = CONTAINER_OF(node, struct shared_answer, node);
		known->users++;
		mx_answer_drop(fresh);
		return known;
	}
	struct shared_answer *shared = xcalloc(1, sizeof(*shared));
	shared->answer = fresh;
	shared->users = 1;
	s->bytes += bytes_of(shared);
	map_put(&s->by_content, &shared->node, hash);
	return shared;
}

void shared_give(struct shared_answers *s, struct shared_answer *shared)
{
	if (shared == NULL || --shared->users > 0)
		return;
	s->bytes -= bytes_of(shared);
	map_remove(&s->by_content, &shared->node);
	mx_answer_drop(shared->answer);
	free(shared);
}
