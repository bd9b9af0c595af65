/* SPDX-License-Identifier: MIT */
/* Sites at run time: which host next, and what it did before; see site.h. */
#include "scheduler/node/site.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/hash.h"

#define DOWN_FIRST_MS 1000
#define DOWN_MAX_MS 300000

static struct str copy_of(struct str s)
{
	return str_of(xstrndup(s.ptr, s.len), s.len);
}

struct site *site_new(struct str key, struct str queue, struct str provider,
		      const struct site_access *access)
{
	struct site *s = xcalloc(1, sizeof(*s));
	atomic_init(&s->refs, 1);
	s->key = copy_of(key);
	s->queue = copy_of(queue);
	s->provider = copy_of(provider);
	s->access = *access;
	s->access.user = copy_of(access->user);
	s->access.password = copy_of(access->password);
	s->shuffle = random_u64() | 1;
	return s;
}

struct site *site_hold(struct site *s)
{
	atomic_fetch_add(&s->refs, 1);
	return s;
}

static void free_secret(struct str s)
{
	if (s.len > 0)
		explicit_bzero((void *)(uintptr_t)s.ptr, s.len);
	free((void *)(uintptr_t)s.ptr);
}

void site_drop(struct site *s)
{
	if (s == NULL || atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	mx_answer_drop(s->answer);
	free(s->hosts);
	free((void *)(uintptr_t)s->key.ptr);
	free((void *)(uintptr_t)s->queue.ptr);
	free((void *)(uintptr_t)s->provider.ptr);
	free((void *)(uintptr_t)s->access.user.ptr);
	free_secret(s->access.password);
	free(s);
}

struct site_host *site_host_named(struct site *s, struct str name)
{
	for (size_t i = 0; s->answer != NULL && i < s->answer->host_count; i++)
		if (str_equals(s->answer->hosts[i].name, name))
			return &s->hosts[i];
	return NULL;
}

void site_refresh(struct site *s, struct mx_answer *answer)
{
	if (answer == s->answer)
		return;
	struct site_host *fresh = xcalloc(answer->host_count, sizeof(fresh[0]));
	for (size_t i = 0; i < answer->host_count; i++) {
		const struct site_host *known = site_host_named(s, answer->hosts[i].name);
		if (known != NULL)
			fresh[i] = *known;
	}
	mx_answer_drop(s->answer);
	free(s->hosts);
	s->answer = mx_answer_hold(answer);
	s->hosts = fresh;
}

int site_pick_host(struct site *s, int64_t now, struct site_pick *out, int64_t *until_ms)
{
	uint8_t order[MX_HOSTS_MAX];
	int64_t soonest = INT64_MAX;
	mx_order(s->answer, prng_next(&s->shuffle), order);
	for (size_t i = 0; i < s->answer->host_count; i++) {
		struct site_host *h = &s->hosts[order[i]];
		const struct mx_host *mx = &s->answer->hosts[order[i]];
		if (h->down_until_ms > now) {
			soonest = h->down_until_ms < soonest ? h->down_until_ms : soonest;
			continue;
		}
		*out = (struct site_pick){
			.name = mx->name,
			.ip = mx->addresses[h->next_address++ % mx->address_count],
			.is_plain = h->plain_until_ms > now,
			.may_overlap = h->no_overlap_until_ms <= now,
		};
		return 0;
	}
	*until_ms = soonest;
	return -1;
}

bool site_is_down(const struct site *s, int64_t now)
{
	for (size_t i = 0; i < s->answer->host_count; i++)
		if (s->hosts[i].down_until_ms <= now)
			return false;
	return true;
}

void site_host_failed(struct site_host *h, int64_t now)
{
	if (h == NULL)
		return;
	/* Failures of connections begun before the first one was known do not add up. */
	if (h->down_until_ms > now)
		return;
	h->down_for_ms = h->down_for_ms == 0 ? DOWN_FIRST_MS : h->down_for_ms * 2;
	if (h->down_for_ms > DOWN_MAX_MS)
		h->down_for_ms = DOWN_MAX_MS;
	h->down_until_ms = now + h->down_for_ms;
}

void site_host_greeted(struct site_host *h)
{
	if (h == NULL)
		return;
	h->down_for_ms = 0;
	h->down_until_ms = 0;
}
