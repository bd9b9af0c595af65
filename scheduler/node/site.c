/* SPDX-License-Identifier: MIT */
/* Sites at run time: which host next, and what it did before; see site.h. */
#include "scheduler/node/site.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/hash.h"
#include "engine/base/utf8.h"

#define DOWN_FIRST_MS 1000
#define DOWN_MAX_MS 300000

/* One host's; `host` is the hash of its name, 0 = free. A place once taken stays its. */
struct site_host_marks {
	_Atomic uint64_t host;
	_Atomic int64_t until_ms[SITE_MARK_COUNT];
};

struct site_marks {
	atomic_int refs;
	struct site_host_marks hosts[MX_HOSTS_MAX];
};

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
	s->access.sealed = copy_of(access->sealed);
	s->shuffle = random_u64() | 1;
	list_init(&s->dead);
	return s;
}

struct site *site_hold(struct site *s)
{
	atomic_fetch_add(&s->refs, 1);
	return s;
}

static struct site_marks *marks_hold(struct site_marks *marks)
{
	atomic_fetch_add(&marks->refs, 1);
	return marks;
}

/* Those of a site, made if it has none: by its worker and by control. */
static struct site_marks *marks_of_site(struct site *s)
{
	struct site_marks *none = NULL;
	struct site_marks *marks = atomic_load(&s->marks);
	if (marks != NULL)
		return marks;
	marks = xcalloc(1, sizeof(*marks));
	atomic_init(&marks->refs, 1);
	if (atomic_compare_exchange_strong(&s->marks, &none, marks))
		return marks;
	free(marks);
	return none;
}

static void marks_drop(struct site_marks *marks)
{
	if (marks != NULL && atomic_fetch_sub(&marks->refs, 1) == 1)
		free(marks);
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
	site_drop(s->before);
	marks_drop(atomic_load(&s->marks));
	mx_answer_drop(s->answer);
	free(s->hosts);
	free((void *)(uintptr_t)s->key.ptr);
	free((void *)(uintptr_t)s->queue.ptr);
	free((void *)(uintptr_t)s->provider.ptr);
	free((void *)(uintptr_t)s->access.user.ptr);
	free_secret(s->access.password);
	free((void *)(uintptr_t)s->access.sealed.ptr);
	free(s);
}

static bool is_same_access(const struct site_access *a, const struct site_access *b)
{
	return a->port == b->port && a->tls == b->tls && str_equals(a->user, b->user) &&
	       str_equals(a->password, b->password) && str_equals(a->sealed, b->sealed);
}

bool site_is_like(const struct site *s, const struct site *other)
{
	return str_equals(s->key, other->key) && str_equals(s->queue, other->queue) &&
	       str_equals(s->provider, other->provider) && s->takes_verp == other->takes_verp &&
	       s->is_routed == other->is_routed && s->worker == other->worker &&
	       is_same_access(&s->access, &other->access);
}

static enum tls_mode tls_of_route(enum route_tls tls)
{
	switch (tls) {
	case ROUTE_TLS_NONE:
		return TLS_NONE;
	case ROUTE_TLS_OPPORTUNISTIC:
		return TLS_OPPORTUNISTIC;
	case ROUTE_TLS_REQUIRED:
		return TLS_REQUIRED;
	case ROUTE_TLS_VERIFIED:
		return TLS_VERIFIED;
	}
	return TLS_OPPORTUNISTIC;
}

struct site_access site_access_of(const struct route *route)
{
	return (struct site_access){.port = route->port,
				    .tls = tls_of_route(route->tls),
				    .user = route->auth_user,
				    .sealed = route->sealed_password};
}

struct site_access site_access_of_provider(const struct provider *p,
					   const struct site_access *usual)
{
	struct site_access access = *usual;
	if (p == NULL || !p->tls.is_stated)
		return access;
	enum tls_mode tls = tls_of_route(p->tls.mode);
	if (p->tls.is_operators || tls > usual->tls)
		access.tls = tls;
	return access;
}

bool site_has_access(const struct site *s, const struct site_access *access)
{
	return is_same_access(&s->access, access);
}

bool site_fits(const struct site *s, const struct route *route)
{
	char name[512];
	if (route == NULL || !s->is_routed)
		return route == NULL && !s->is_routed;
	snprintf(name, sizeof(name), SITE_OF_ROUTE, SITE_OF_ROUTE_ARGS(route));
	struct site_access wanted = site_access_of(route);
	wanted.password = s->access.password;
	/* A password that did not open: the site goes without AUTH. */
	if (s->access.user.len == 0)
		wanted.user = s->access.user;
	return str_equals(s->key, str_from(name)) && is_same_access(&wanted, &s->access);
}

void site_succeed(struct site *s, struct site *before)
{
	must(s->before == NULL && s->answer == NULL);
	if (!is_same_access(&s->access, &before->access))
		return;
	atomic_store(&s->marks, marks_hold(marks_of_site(before)));
	if (s->worker == before->worker)
		s->before = site_hold(before);
}

/* The place of a host, taken if it has none; NULL: there is none for it. */
static struct site_host_marks *marks_of_host(struct site_marks *marks, uint64_t host)
{
	for (size_t i = 0; i < ARRAY_LEN(marks->hosts); i++) {
		struct site_host_marks *h = &marks->hosts[i];
		uint64_t taken_by = 0;
		if (atomic_compare_exchange_strong(&h->host, &taken_by, host) || taken_by == host)
			return h;
	}
	return NULL;
}

void site_mark(struct site *s, struct str host, enum site_mark mark, int64_t until_ms)
{
	struct site_host_marks *h = marks_of_host(marks_of_site(s), hash_str(host) | 1);
	if (h != NULL)
		atomic_store(&h->until_ms[mark], until_ms);
}

bool site_is_marked(struct site *s, struct str host, enum site_mark mark, int64_t now)
{
	struct site_marks *marks = atomic_load(&s->marks);
	uint64_t key = hash_str(host) | 1;
	for (size_t i = 0; marks != NULL && i < ARRAY_LEN(marks->hosts); i++)
		if (atomic_load(&marks->hosts[i].host) == key)
			return atomic_load(&marks->hosts[i].until_ms[mark]) > now;
	return false;
}

/* The one that knows hosts: itself, or the last before it that had addresses. */
static struct site *site_with_hosts(struct site *s)
{
	while (s->answer == NULL && s->before != NULL)
		s = s->before;
	return s;
}

struct site_host *site_host_named(struct site *s, struct str name)
{
	for (size_t i = 0; s->answer != NULL && i < s->answer->host_count; i++)
		if (str_equals(s->answer->hosts[i].name, name))
			return &s->hosts[i];
	return NULL;
}

static bool has_no_host_left(const struct site *s)
{
	for (size_t i = 0; i < s->answer->host_count; i++)
		if (s->hosts[i].down_for_ms == 0)
			return false;
	return true;
}

void site_refresh(struct site *s, struct mx_answer *answer)
{
	if (answer == s->answer)
		return;
	struct site_host *fresh = xcalloc(answer->host_count, sizeof(fresh[0]));
	struct site *from = site_with_hosts(s);
	for (size_t i = 0; i < answer->host_count; i++) {
		const struct site_host *known = site_host_named(from, answer->hosts[i].name);
		if (known != NULL)
			fresh[i] = *known;
		/* Ends of a probe and of connections are told to the site that began them. */
		if (from != s) {
			fresh[i].is_probed = false;
			fresh[i].connections = 0;
		}
	}
	mx_answer_drop(s->answer);
	free(s->hosts);
	s->answer = mx_answer_hold(answer);
	s->hosts = fresh;
	s->dead_since_ms = from->dead_since_ms;
	/* A host that nobody has tried: the site may live. */
	if (!has_no_host_left(s))
		s->dead_since_ms = 0;
	site_drop(s->before);
	s->before = NULL;
}

/* When it may be connected to; INT64_MAX: when its probe has ended. */
static int64_t host_opens_at(const struct site_host *h, int64_t now)
{
	if (h->down_until_ms > now)
		return h->down_until_ms;
	return h->down_for_ms > 0 && h->is_probed ? INT64_MAX : now;
}

int64_t site_opens_at(const struct site *s, int64_t now)
{
	int64_t soonest = INT64_MAX;
	for (size_t i = 0; i < s->answer->host_count; i++) {
		int64_t at = host_opens_at(&s->hosts[i], now);
		soonest = at < soonest ? at : soonest;
	}
	return soonest;
}

/* Which of the hosts is to be connected to. */
static size_t choose_host(struct site *s, int64_t now)
{
	const struct mx_host *mx = s->answer->hosts;
	uint8_t order[MX_HOSTS_MAX];
	size_t i = 0;
	mx_order(s->answer, prng_next(&s->shuffle), order);
	while (host_opens_at(&s->hosts[order[i]], now) > now)
		must(++i < s->answer->host_count);
	size_t best = order[i];
	for (; i < s->answer->host_count && mx[order[i]].preference == mx[best].preference; i++)
		if (host_opens_at(&s->hosts[order[i]], now) <= now &&
		    s->hosts[order[i]].connections < s->hosts[best].connections)
			best = order[i];
	return best;
}

void site_pick_host(struct site *s, int64_t now, struct site_pick *out)
{
	size_t i = choose_host(s, now);
	struct site_host *h = &s->hosts[i];
	const struct mx_host *mx = &s->answer->hosts[i];
	h->is_probed = h->down_for_ms > 0;
	h->connections++;
	*out = (struct site_pick){
		.name = mx->name,
		.ip = mx->addresses[h->next_address++ % mx->address_count],
		.is_plain = site_is_marked(s, mx->name, SITE_MARK_PLAIN, now),
		.may_overlap = !site_is_marked(s, mx->name, SITE_MARK_IN_TURN, now),
		.is_probe = h->is_probed,
	};
}

void site_left(struct site_host *h)
{
	if (h != NULL && h->connections > 0)
		h->connections--;
}

void site_probe_over(struct site_host *h)
{
	if (h != NULL)
		h->is_probed = false;
}

static void host_failed(struct site_host *h, int64_t now)
{
	/* Failures of connections begun before the first one was known do not add up. */
	if (h->down_until_ms > now)
		return;
	h->down_for_ms = h->down_for_ms == 0 ? DOWN_FIRST_MS : h->down_for_ms * 2;
	if (h->down_for_ms > DOWN_MAX_MS)
		h->down_for_ms = DOWN_MAX_MS;
	h->down_until_ms = now + h->down_for_ms;
}

bool site_failed(struct site *s, struct str host, struct str text, int64_t now)
{
	struct site_host *h = site_host_named(s, host);
	if (h == NULL)
		return false;
	host_failed(h, now);
	snprintf(s->last_host, sizeof(s->last_host), "%.*s", STR_ARG(host));
	snprintf(s->last_text, sizeof(s->last_text), "%.*s",
		 STR_ARG(utf8_clip(text, sizeof(s->last_text) - 1)));
	if (s->dead_since_ms != 0 || !has_no_host_left(s))
		return false;
	s->dead_since_ms = now;
	return true;
}

bool site_greeted(struct site *s, struct str host)
{
	struct site_host *h = site_host_named(s, host);
	bool was_dead = s->dead_since_ms != 0;
	if (h == NULL)
		return false;
	h->down_for_ms = 0;
	h->down_until_ms = 0;
	s->dead_since_ms = 0;
	return was_dead;
}

bool site_is_dead(const struct site *s)
{
	return s->dead_since_ms != 0;
}
