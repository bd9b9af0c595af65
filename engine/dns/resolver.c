/* SPDX-License-Identifier: MIT */
/*
 * MX answers out of record sets: one finding per wanted domain, its result kept; see resolver.h.
 *
 * A finding wants the MX set, then A and AAAA of each host, and feeds them to an MX draft. Record
 * sets bring the TTLs, already bounded, so a finding's answer expires with its shortest part.
 */
#include "engine/dns/resolver.h"

#include <stdlib.h>
#include <string.h>

#include "engine/dns/cache.h"
#include "engine/dns/rrset_private.h"
#include "engine/dns/shared.h"

/* PLACE_NOWHERE: a name that can't be asked for. */
enum place_kind { PLACE_DOMAIN, PLACE_HOST, PLACE_NOWHERE };

struct resolver {
	struct loop *loop;
	struct resolver_options options;
	struct mx_policy policy; /* its slices are ours */
	uint64_t policy_version;
	struct rrsets *rrsets;
	struct cache cache;	      /* struct place */
	struct shared_answers shared; /* the places' */
	struct list ready;    /* struct place: answered, requests to be called by the timer */
	struct list requests; /* struct resolver_request: all that are open */
	struct timer due;
	uv_async_t closer; /* its close callback frees everything */
	uint64_t request_count, hit_count, stale_count;
	bool is_closed;
};

/* A domain or host and where its mail goes; busy while it has a finding or is on `ready`. */
struct place {
	struct cache_entry entry;     /* kind = enum place_kind */
	struct shared_answer *shared; /* its answer; NULL before the first */
	uint64_t policy_version;      /* under which answer was made */
	int64_t good_until_ms;	      /* what DNS said; a stale answer is kept beyond it */
	struct finding *finding;
	struct list ready;
	struct list requests; /* struct resolver_request by place_node */
	char name[];
};

struct address_waiter {
	struct rrset_waiter waiter;
	struct finding *finding;
	size_t host; /* index in the draft */
};

/* The way to one answer. */
struct finding {
	struct resolver *resolver;
	struct place *place;
	struct arena arena;
	struct mx_draft draft;
	struct rrset_waiter mx;
	struct dns_answer *mx_answer; /* the draft points into it */
	struct address_waiter *addresses;
	size_t address_count;
	size_t pending; /* of these: not answered */
	uint64_t policy_version;
};

struct resolver_request {
	struct list node;	    /* on the resolver's list of open requests */
	struct list place_node;	    /* on its place's list; on none for a plain query */
	struct rrset_waiter waiter; /* of a plain query */
	resolver_on_mx on_mx;
	resolver_on_answer on_answer;
	void *owner;
};

static void on_due(struct timer *t);
static void on_evict(struct cache *c, struct cache_entry *entry);

struct resolver_options resolver_options_default(void)
{
	return (struct resolver_options){
		.policy = {.uses_ipv4 = true},
		.attempt_ms = 2500,
		.total_ms = 10 * 1000,
		.ttl_min_ms = 30 * 1000,
		.ttl_max_ms = 24 * 3600 * 1000,
		.negative_max_ms = 3 * 3600 * 1000,
		.failure_ms = 30 * 1000,
		.stale_ms = 3600 * 1000,
		.cache_bytes = 64 << 20,
		.in_flight_max = 1000,
	};
}

static void *copy_of(const void *items, size_t size)
{
	void *copy = xmalloc(size);
	if (size > 0)
		memcpy(copy, items, size);
	return copy;
}

static void take_policy(struct resolver *r, const struct mx_policy *policy)
{
	r->policy = *policy;
	r->policy.allowed =
		copy_of(policy->allowed, policy->allowed_count * sizeof(struct ip_range));
	r->policy.own = copy_of(policy->own, policy->own_count * sizeof(struct ip));
}

static void drop_policy(struct resolver *r)
{
	free((void *)r->policy.allowed);
	free((void *)r->policy.own);
}

struct resolver *resolver_open(struct loop *loop, const struct resolver_options *options,
			       struct err *err)
{
	must(options->attempt_ms > 0 && options->in_flight_max > 0);
	struct rrsets *rrsets = rrsets_open(loop, options, err);
	if (rrsets == NULL)
		return NULL;
	struct resolver *r = xcalloc(1, sizeof(*r));
	r->loop = loop;
	r->options = *options;
	r->options.servers = (struct str){0};
	r->rrsets = rrsets;
	r->due = (struct timer){.on_due = on_due, .owner = r};
	list_init(&r->ready);
	list_init(&r->requests);
	cache_init(&r->cache, options->cache_bytes / 2, on_evict);
	shared_init(&r->shared);
	take_policy(r, &options->policy);
	must(uv_async_init(loop_uv(loop), &r->closer, NULL) == 0);
	r->closer.data = r;
	return r;
}

void resolver_set_policy(struct resolver *r, const struct mx_policy *policy)
{
	struct resolver old = *r;
	take_policy(r, policy);
	drop_policy(&old);
	r->policy_version++;
}

static void wake(struct resolver *r)
{
	if (!timer_is_set(&r->due))
		timer_set(r->loop, &r->due, loop_now_ms(r->loop));
}

static struct place *add_place(struct resolver *r, struct str name, enum place_kind kind)
{
	struct place *place = xcalloc(1, sizeof(*place) + name.len + 1);
	memcpy(place->name, name.ptr, name.len);
	place->entry.kind = kind;
	place->entry.name = str_of(place->name, name.len);
	list_init(&place->ready);
	list_init(&place->requests);
	cache_add(&r->cache, &place->entry, sizeof(*place) + name.len + 1);
	return place;
}

static void free_finding(struct finding *f)
{
	if (f == NULL)
		return;
	rrsets_forget(&f->mx);
	for (size_t i = 0; i < f->address_count; i++)
		rrsets_forget(&f->addresses[i].waiter);
	free(f->mx_answer);
	arena_done(&f->arena);
	free(f);
}

/* Of its shared answers, the cache counts what they take as well. */
static void share(struct resolver *r, struct place *place, struct mx_answer *fresh)
{
	size_t before = r->shared.bytes;
	struct shared_answer *old = place->shared;
	place->shared = fresh ? shared_take(&r->shared, fresh) : NULL;
	shared_give(&r->shared, old);
	cache_charge(&r->cache, (ptrdiff_t)(r->shared.bytes - before));
}

static void on_evict(struct cache *c, struct cache_entry *entry)
{
	struct place *place = CONTAINER_OF(entry, struct place, entry);
	list_remove(&place->ready);
	free_finding(place->finding);
	share(CONTAINER_OF(c, struct resolver, cache), place, NULL);
	free(place);
}

static bool is_fresh(const struct resolver *r, const struct place *place)
{
	return place->shared != NULL && place->policy_version == r->policy_version &&
	       loop_now_ms(r->loop) < place->entry.expires_at_ms;
}

/* Gives place its answer (one reference, taken over; NULL: the one it has) until expires_at_ms. */
static void answer_place(struct resolver *r, struct place *place, struct mx_answer *answer,
			 int64_t expires_at_ms)
{
	if (answer != NULL)
		share(r, place, answer);
	place->policy_version = r->policy_version;
	place->entry.expires_at_ms = expires_at_ms;
	list_push_back(&r->ready, &place->ready);
	wake(r);
}

/* DNS failed, but what it said before is good enough for now. */
static bool may_use_stale(const struct finding *f, const struct mx_answer *answer)
{
	const struct resolver *r = f->resolver;
	const struct place *place = f->place;
	return (answer->result == MX_SERVFAIL || answer->result == MX_TIMEOUT) &&
	       place->shared != NULL && place->shared->answer->result == MX_OK &&
	       place->policy_version == r->policy_version &&
	       loop_now_ms(r->loop) < place->good_until_ms + r->options.stale_ms;
}

static void finish(struct finding *f)
{
	struct resolver *r = f->resolver;
	struct place *place = f->place;
	struct mx_answer *answer = mx_draft_finish(&f->draft);
	int64_t now = loop_now_ms(r->loop);
	/* A draft without look-ups (an address in place of a host) has no TTL of its own. */
	int64_t keep_ms = dns_keep_ms(f->draft.ttl_s, 1000, r->options.ttl_max_ms);
	bool is_stale = may_use_stale(f, answer);
	if (f->policy_version != r->policy_version)
		keep_ms = 0;
	place->finding = NULL;
	if (is_stale) {
		r->stale_count++;
		mx_answer_drop(answer);
		answer = NULL;
	} else {
		place->good_until_ms = now + keep_ms;
	}
	answer_place(r, place, answer, now + keep_ms);
	free_finding(f);
}

static void on_address(struct rrset_waiter *w, const struct dns_answer *answer)
{
	struct address_waiter *a = CONTAINER_OF(w, struct address_waiter, waiter);
	struct finding *f = a->finding;
	mx_draft_address(&f->draft, a->host, answer);
	if (--f->pending == 0)
		finish(f);
}

static void want_address(struct finding *f, size_t host, enum dns_type type)
{
	struct address_waiter *a = &f->addresses[f->address_count++];
	*a = (struct address_waiter){.finding = f, .host = host};
	a->waiter.on_rrset = on_address;
	f->pending++;
	rrsets_want(f->resolver->rrsets, f->draft.hosts[host].name, type, &a->waiter);
}

/* The draft knows its hosts: want their addresses, or finish when there are none. */
static void find_addresses(struct finding *f)
{
	size_t count = f->draft.host_count;
	f->addresses = arena_alloc(&f->arena, 2 * count * sizeof(*f->addresses));
	for (size_t i = 0; i < count; i++) {
		if (f->draft.policy->uses_ipv6)
			want_address(f, i, DNS_AAAA);
		if (f->draft.policy->uses_ipv4)
			want_address(f, i, DNS_A);
	}
	if (f->pending == 0)
		finish(f);
}

static void on_mx_set(struct rrset_waiter *w, const struct dns_answer *answer)
{
	struct finding *f = CONTAINER_OF(w, struct finding, mx);
	size_t size;
	f->mx_answer = dns_answer_copy(answer, &size);
	mx_draft_start(&f->draft, &f->arena, f->place->entry.name, f->mx_answer,
		       &f->resolver->policy);
	find_addresses(f);
}

/* A host named by the operator: its addresses, or itself if it is one. */
static void find_host(struct finding *f)
{
	struct str name = f->place->entry.name;
	struct dns_record literal = {0};
	mx_draft_start_host(&f->draft, &f->arena, name, &f->resolver->policy);
	if (ip_parse(name, &literal.ip) != 0) {
		find_addresses(f);
		return;
	}
	struct dns_answer answer = {.status = DNS_OK, .records = &literal, .count = 1};
	answer.ttl_s = INT32_MAX;
	mx_draft_address(&f->draft, 0, &answer);
	finish(f);
}

static void find_nothing(struct finding *f)
{
	struct dns_answer none = {.status = DNS_NXDOMAIN, .ttl_s = INT32_MAX};
	mx_draft_start(&f->draft, &f->arena, f->place->entry.name, &none, &f->resolver->policy);
	finish(f);
}

static void start_finding(struct resolver *r, struct place *place)
{
	struct finding *f = xcalloc(1, sizeof(*f));
	f->resolver = r;
	f->place = place;
	f->policy_version = r->policy_version;
	f->mx.on_rrset = on_mx_set;
	arena_init(&f->arena, 1024);
	place->finding = f;
	switch ((enum place_kind)place->entry.kind) {
	case PLACE_DOMAIN:
		rrsets_want(r->rrsets, place->entry.name, DNS_MX, &f->mx);
		return;
	case PLACE_HOST:
		find_host(f);
		return;
	case PLACE_NOWHERE:
		find_nothing(f);
		return;
	}
}

static struct resolver_request *new_request(struct resolver *r, void *owner)
{
	struct resolver_request *request = xcalloc(1, sizeof(*request));
	request->owner = owner;
	list_init(&request->node);
	list_init(&request->place_node);
	list_init(&request->waiter.node);
	list_push_back(&r->requests, &request->node);
	r->request_count++;
	return request;
}

static struct resolver_request *want_place(struct resolver *r, struct str name,
					   enum place_kind kind, resolver_on_mx on_mx, void *owner)
{
	struct cache_entry *entry = cache_find(&r->cache, kind, name);
	struct place *place =
		entry != NULL ? CONTAINER_OF(entry, struct place, entry) : add_place(r, name, kind);
	struct resolver_request *request = new_request(r, owner);
	request->on_mx = on_mx;
	list_push_back(&place->requests, &request->place_node);
	if (place->finding != NULL || !list_is_empty(&place->ready))
		return request;
	cache_keep(&place->entry);
	if (is_fresh(r, place)) {
		r->hit_count++;
		list_push_back(&r->ready, &place->ready);
		wake(r);
	} else {
		start_finding(r, place);
	}
	return request;
}

struct resolver_request *resolver_mx(struct resolver *r, struct str domain, resolver_on_mx on_mx,
				     void *owner)
{
	char text[DNS_NAME_MAX + 1];
	struct str name;
	if (dns_name_normalise(domain, text, &name) != 0)
		return want_place(r, str_slice(domain, 0, DNS_NAME_MAX + 1), PLACE_NOWHERE, on_mx,
				  owner);
	return want_place(r, name, PLACE_DOMAIN, on_mx, owner);
}

struct resolver_request *resolver_host(struct resolver *r, struct str host, resolver_on_mx on_mx,
				       void *owner)
{
	char text[DNS_NAME_MAX + 1];
	struct str name;
	struct ip ip;
	if (ip_parse(host, &ip) == 0)
		return want_place(r, host, PLACE_HOST, on_mx, owner);
	if (dns_name_normalise(host, text, &name) != 0)
		return want_place(r, str_slice(host, 0, DNS_NAME_MAX + 1), PLACE_NOWHERE, on_mx,
				  owner);
	return want_place(r, name, PLACE_HOST, on_mx, owner);
}

static void free_request(struct resolver_request *request)
{
	list_remove(&request->node);
	list_remove(&request->place_node);
	rrsets_forget(&request->waiter);
	free(request);
}

static void on_rrset(struct rrset_waiter *w, const struct dns_answer *answer)
{
	struct resolver_request *request = CONTAINER_OF(w, struct resolver_request, waiter);
	resolver_on_answer on_answer = request->on_answer;
	void *owner = request->owner;
	free_request(request);
	on_answer(owner, answer);
}

struct resolver_request *resolver_query(struct resolver *r, struct str name, enum dns_type type,
					resolver_on_answer on_answer, void *owner)
{
	char text[DNS_NAME_MAX + 1];
	struct str normal;
	if (dns_name_normalise(name, text, &normal) != 0)
		return NULL;
	struct resolver_request *request = new_request(r, owner);
	request->on_answer = on_answer;
	request->waiter.on_rrset = on_rrset;
	rrsets_want(r->rrsets, normal, type, &request->waiter);
	return request;
}

struct mx_answer *resolver_cached_mx(struct resolver *r, struct str domain)
{
	char text[DNS_NAME_MAX + 1];
	struct str name;
	if (dns_name_normalise(domain, text, &name) != 0)
		return NULL;
	struct cache_entry *entry = cache_find(&r->cache, PLACE_DOMAIN, name);
	if (entry == NULL)
		return NULL;
	struct place *place = CONTAINER_OF(entry, struct place, entry);
	if (!is_fresh(r, place))
		return NULL;
	r->request_count++;
	r->hit_count++;
	return place->shared->answer;
}

void resolver_cancel(struct resolver_request *request)
{
	if (request != NULL)
		free_request(request);
}

/* Calls all that asked for place; they may ask again, cancel, or close the resolver. */
static void call_requests(struct place *place)
{
	struct mx_answer *answer = mx_answer_hold(place->shared->answer);
	struct list requests;
	list_init(&requests);
	list_splice(&requests, &place->requests);
	struct list *node;
	while ((node = list_first(&requests)) != NULL) {
		struct resolver_request *request =
			LIST_ITEM(node, struct resolver_request, place_node);
		resolver_on_mx on_mx = request->on_mx;
		void *owner = request->owner;
		free_request(request);
		on_mx(owner, answer);
	}
	mx_answer_drop(answer);
}

static void on_due(struct timer *t)
{
	struct resolver *r = t->owner;
	struct list *node;
	while (!r->is_closed && (node = list_pop_front(&r->ready)) != NULL) {
		struct place *place = LIST_ITEM(node, struct place, ready);
		call_requests(place);
		if (r->is_closed || place->finding != NULL || !list_is_empty(&place->requests))
			continue;
		size_t bytes = sizeof(*place) + place->entry.name.len + 1;
		cache_settle(&r->cache, &place->entry, bytes, place->entry.expires_at_ms);
	}
}

void resolver_stats(const struct resolver *r, struct resolver_stats *out)
{
	*out = (struct resolver_stats){
		.requests = r->request_count,
		.hits = r->hit_count,
		.stale_used = r->stale_count,
		.evicted = r->cache.evicted,
		.cached = r->cache.entries.count,
		.cached_bytes = r->cache.bytes,
	};
	rrsets_stats(r->rrsets, out);
}

static void on_closed(uv_handle_t *handle)
{
	struct resolver *r = handle->data;
	cache_done(&r->cache);
	shared_done(&r->shared);
	rrsets_free(r->rrsets);
	drop_policy(r);
	free(r);
}

void resolver_close(struct resolver *r)
{
	if (r == NULL)
		return;
	must(!r->is_closed);
	r->is_closed = true;
	timer_clear(r->loop, &r->due);
	struct list *node;
	while ((node = list_first(&r->requests)) != NULL)
		free_request(LIST_ITEM(node, struct resolver_request, node));
	rrsets_close(r->rrsets);
	uv_close((uv_handle_t *)&r->closer, on_closed);
}
