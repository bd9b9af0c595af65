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
	free((void *)(uintptr_t)s->key.ptr);
	free((void *)(uintptr_t)s->queue.ptr);
	free((void *)(uintptr_t)s->provider.ptr);
	free((void *)(uintptr_t)s->access.user.ptr);
	free_secret(s->access.password);
	free(s);
}

static struct site_host *host_named(struct site_host *hosts, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(hosts[i].name, name) == 0)
			return &hosts[i];
	return NULL;
}

void site_refresh(struct site *s, struct mx_answer *answer)
{
	if (answer == s->answer)
		return;
	struct site_host fresh[MX_HOSTS_MAX] = {0};
	for (size_t i = 0; i < answer->host_count; i++) {
		struct site_host *known =
			host_named(s->hosts, s->host_count, answer->hosts[i].name.ptr);
		if (known != NULL)
			fresh[i] = *known;
		else
			must(str_to_cstr(answer->hosts[i].name, fresh[i].name,
					 sizeof(fresh[i].name)) == 0);
	}
	mx_answer_drop(s->answer);
	s->answer = mx_answer_hold(answer);
	s->host_count = answer->host_count;
	memcpy(s->hosts, fresh, sizeof(fresh));
}

int site_pick_host(struct site *s, int64_t now, struct site_host **host_out, struct ip *ip_out,
		   int64_t *until_ms)
{
	uint8_t order[MX_HOSTS_MAX];
	int64_t soonest = INT64_MAX;
	mx_order(s->answer, prng_next(&s->shuffle), order);
	for (size_t i = 0; i < s->host_count; i++) {
		struct site_host *h = &s->hosts[order[i]];
		const struct mx_host *mx = &s->answer->hosts[order[i]];
		if (h->down_until_ms > now) {
			soonest = h->down_until_ms < soonest ? h->down_until_ms : soonest;
			continue;
		}
		*host_out = h;
		*ip_out = mx->addresses[h->next_address++ % mx->address_count];
		return 0;
	}
	*until_ms = soonest;
	return -1;
}

void site_host_failed(struct site_host *h, int64_t now)
{
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
	h->down_for_ms = 0;
	h->down_until_ms = 0;
}
