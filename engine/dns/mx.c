/* SPDX-License-Identifier: MIT */
/* MX selection: RFC 5321 5.1 (order, implicit MX), RFC 7505 (null MX); see mx.h. */
#include "engine/dns/mx.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/hash.h"

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static int compare_hosts(const void *a, const void *b)
{
	const struct mx_draft_host *x = a;
	const struct mx_draft_host *y = b;
	if (x->preference != y->preference)
		return x->preference < y->preference ? -1 : 1;
	return str_compare(x->name, y->name);
}

static int compare_records(const void *a, const void *b)
{
	const struct dns_record *x = a;
	const struct dns_record *y = b;
	if (x->preference != y->preference)
		return x->preference < y->preference ? -1 : 1;
	return str_compare(x->name, y->name);
}

static bool has_host(const struct mx_draft *d, struct str name)
{
	for (size_t i = 0; i < d->host_count; i++) {
		if (str_equals(d->hosts[i].name, name))
			return true;
	}
	return false;
}

static void add_host(struct mx_draft *d, struct str name, uint16_t preference, uint32_t ttl_s)
{
	d->hosts[d->host_count++] =
		(struct mx_draft_host){.name = name, .preference = preference, .ttl_s = ttl_s};
}

/* A usable exchange is a host name: not the root, not an address in letters (RFC 5321 5.1 wants a
 * domain name; asking for it would only load the root servers). */
static bool is_host_name(struct str name)
{
	struct ip ip;
	char text[DNS_NAME_MAX + 1];
	struct str normal;
	return ip_parse(name, &ip) != 0 && dns_name_normalise(name, text, &normal) == 0;
}

/* The best MX_HOSTS_MAX names, each once with its best preference. The choice does not depend on
 * the order of the packet, so that the site of a domain is stable. */
static void take_hosts(struct mx_draft *d, const struct dns_answer *answer)
{
	struct dns_record *sorted = arena_alloc(d->arena, answer->count * sizeof(*sorted));
	memcpy(sorted, answer->records, answer->count * sizeof(*sorted));
	qsort(sorted, answer->count, sizeof(*sorted), compare_records);
	for (size_t i = 0; i < answer->count && d->host_count < MX_HOSTS_MAX; i++) {
		const struct dns_record *mx = &sorted[i];
		if (is_host_name(mx->name) && !has_host(d, mx->name))
			add_host(d, mx->name, mx->preference, answer->ttl_s);
	}
	if (d->host_count > 0)
		return;
	bool is_null = true;
	for (size_t i = 0; i < answer->count; i++)
		is_null &= str_equals(answer->records[i].name, STR("."));
	d->result = is_null ? MX_NULL_MX : MX_NO_HOST;
}

static void init_draft(struct mx_draft *d, struct arena *arena, struct str domain,
		       const struct mx_policy *policy, size_t host_max)
{
	*d = (struct mx_draft){.arena = arena, .policy = policy, .domain = domain};
	d->result = MX_OK;
	d->ttl_s = INT32_MAX;
	d->hosts = arena_alloc(arena, host_max * sizeof(*d->hosts));
}

void mx_draft_start(struct mx_draft *d, struct arena *arena, struct str domain,
		    const struct dns_answer *answer, const struct mx_policy *policy)
{
	bool has_many = answer->count > MX_HOSTS_MAX;
	init_draft(d, arena, domain, policy, has_many ? MX_HOSTS_MAX : answer->count + 1);
	d->ttl_s = answer->ttl_s;
	switch (answer->status) {
	case DNS_OK:
		take_hosts(d, answer);
		return;
	case DNS_NODATA:
	case DNS_ALIAS:
		/* "the address is treated as if it was associated with an implicit MX RR, with a
		 * preference of 0", for the name at the end of the CNAME chain. */
		d->is_implicit = true;
		if (is_host_name(answer->name))
			add_host(d, answer->name, 0, answer->ttl_s);
		else
			d->result = MX_NODATA;
		return;
	case DNS_NXDOMAIN:
		d->result = MX_NXDOMAIN;
		return;
	case DNS_TIMEOUT:
		d->result = MX_TIMEOUT;
		return;
	case DNS_SERVFAIL:
	case DNS_MALFORMED:
		d->result = MX_SERVFAIL;
		return;
	}
}

void mx_draft_start_host(struct mx_draft *d, struct arena *arena, struct str host,
			 const struct mx_policy *policy)
{
	static const struct ip_range anywhere[] = {{.ip = {.family = IP_V4}},
						   {.ip = {.family = IP_V6}}};
	struct mx_policy *lax = arena_alloc(arena, sizeof(*lax));
	*lax = *policy;
	lax->allowed = anywhere;
	lax->allowed_count = ARRAY_LEN(anywhere);
	lax->own_count = 0;
	init_draft(d, arena, host, lax, 1);
	d->is_implicit = true;
	add_host(d, host, 0, INT32_MAX);
}

static bool is_allowed(const struct mx_policy *policy, const struct ip *ip)
{
	for (size_t i = 0; i < policy->own_count; i++) {
		if (ip_equals(&policy->own[i], ip))
			return false;
	}
	for (size_t i = 0; i < policy->allowed_count; i++) {
		if (ip_in_range(ip, &policy->allowed[i]))
			return true;
	}
	return !ip_is_special(ip);
}

/* AAAA first: a native IPv6 path is preferred where we have a source for it. */
static void insert_address(struct mx_draft_host *host, const struct ip *ip)
{
	size_t at = host->address_count;
	while (ip->family == IP_V6 && at > 0 && host->addresses[at - 1].family == IP_V4) {
		host->addresses[at] = host->addresses[at - 1];
		at--;
	}
	host->addresses[at] = *ip;
	host->address_count++;
}

void mx_draft_address(struct mx_draft *d, size_t i, const struct dns_answer *answer)
{
	must(i < d->host_count);
	struct mx_draft_host *host = &d->hosts[i];
	host->has_timed_out |= answer->status == DNS_TIMEOUT;
	host->has_failed |= answer->status == DNS_SERVFAIL || answer->status == DNS_MALFORMED;
	host->ttl_s = least(host->ttl_s, answer->ttl_s);
	size_t taken = 0;
	for (size_t n = 0; n < answer->count && taken < MX_ADDRESSES_MAX; n++) {
		const struct ip *ip = &answer->records[n].ip;
		if (!(ip->family == IP_V6 ? d->policy->uses_ipv6 : d->policy->uses_ipv4))
			continue;
		if (!is_allowed(d->policy, ip)) {
			host->is_forbidden = true;
			continue;
		}
		if (host->address_count == ARRAY_LEN(host->addresses))
			return;
		insert_address(host, ip);
		taken++;
	}
}

/* What it means that no host has an address; a failure that may pass outweighs what would last. */
static enum mx_result why_no_address(const struct mx_draft *d)
{
	bool forbidden = false, failed = false, timed_out = false;
	for (size_t i = 0; i < d->host_count; i++) {
		forbidden |= d->hosts[i].is_forbidden;
		failed |= d->hosts[i].has_failed;
		timed_out |= d->hosts[i].has_timed_out;
	}
	if (timed_out)
		return MX_TIMEOUT;
	if (failed)
		return MX_SERVFAIL;
	if (forbidden)
		return MX_FORBIDDEN;
	return d->is_implicit ? MX_NODATA : MX_NO_HOST;
}

static int compare_names(const void *a, const void *b)
{
	const struct str *x = a;
	const struct str *y = b;
	return str_compare(*x, *y);
}

/* The site key of all hosts of the set, whether or not they have an address today. */
static struct str make_site(struct mx_draft *d)
{
	struct str names[MX_HOSTS_MAX];
	size_t len = 0;
	for (size_t i = 0; i < d->host_count; i++) {
		names[i] = d->hosts[i].name;
		len += names[i].len + 1;
	}
	if (d->host_count == 0)
		return (struct str){0};
	qsort(names, d->host_count, sizeof(names[0]), compare_names);
	char *text = arena_alloc(d->arena, len);
	char *at = text;
	for (size_t i = 0; i < d->host_count; i++) {
		if (i > 0)
			*at++ = ',';
		memcpy(at, names[i].ptr, names[i].len);
		at += names[i].len;
	}
	return str_of(text, len - 1);
}

/* Where the parts of the answer's block go. */
struct block {
	struct mx_host *hosts;
	struct ip *addresses;
	char *text;
};

static struct str place(char **at, struct str s)
{
	struct str copy = str_of(*at, s.len);
	if (s.len > 0)
		memcpy(*at, s.ptr, s.len);
	(*at)[s.len] = '\0';
	*at += s.len + 1;
	return copy;
}

static void place_host(struct mx_answer *answer, struct block *to, const struct mx_host *from)
{
	struct mx_host *host = &to->hosts[answer->host_count++];
	*host = *from;
	host->name = place(&to->text, from->name);
	host->addresses = to->addresses;
	memcpy(to->addresses, from->addresses, from->address_count * sizeof(*to->addresses));
	to->addresses += from->address_count;
}

/* One block holds the answer and everything it points to. like: what it says besides. */
static struct mx_answer *make_answer(const struct mx_answer *like, const struct mx_host *hosts,
				     size_t count)
{
	size_t addresses = 0, text = like->site.len + 1;
	for (size_t i = 0; i < count; i++) {
		addresses += hosts[i].address_count;
		text += hosts[i].name.len + 1;
	}
	size_t size = sizeof(struct mx_answer) + count * sizeof(struct mx_host) +
		      addresses * sizeof(struct ip) + text;
	struct mx_answer *answer = xcalloc(1, size);
	struct block to = {.hosts = (struct mx_host *)(answer + 1)};
	to.addresses = (struct ip *)(to.hosts + count);
	to.text = (char *)(to.addresses + addresses);
	*answer = *like;
	answer->size = size;
	answer->refs = 1;
	answer->hosts = to.hosts;
	answer->host_count = 0;
	answer->site = place(&to.text, like->site);
	for (size_t i = 0; i < count; i++)
		place_host(answer, &to, &hosts[i]);
	return answer;
}

struct mx_answer *mx_draft_finish(struct mx_draft *d)
{
	struct mx_host hosts[MX_HOSTS_MAX];
	size_t count = 0;
	for (size_t i = 0; i < d->host_count; i++)
		d->ttl_s = least(d->ttl_s, d->hosts[i].ttl_s);
	qsort(d->hosts, d->host_count, sizeof(*d->hosts), compare_hosts);
	for (size_t i = 0; i < d->host_count; i++)
		if (d->hosts[i].address_count > 0)
			hosts[count++] =
				(struct mx_host){.name = d->hosts[i].name,
						 .preference = d->hosts[i].preference,
						 .address_count = d->hosts[i].address_count,
						 .addresses = d->hosts[i].addresses};
	if (d->result == MX_OK && count == 0)
		d->result = why_no_address(d);
	const struct mx_answer like = {
		.result = d->result, .is_implicit = d->is_implicit, .site = make_site(d)};
	return make_answer(&like, hosts, count);
}

struct mx_answer *mx_answer_part(const struct mx_answer *answer, uint32_t hosts, struct str site)
{
	struct mx_host kept[MX_HOSTS_MAX];
	size_t count = 0;
	for (size_t i = 0; i < answer->host_count; i++)
		if (hosts & UINT32_C(1) << i)
			kept[count++] = answer->hosts[i];
	struct mx_answer like = *answer;
	like.site = site;
	return make_answer(&like, kept, count);
}

struct mx_answer *mx_answer_hold(struct mx_answer *answer)
{
	__atomic_add_fetch(&answer->refs, 1, __ATOMIC_RELAXED);
	return answer;
}

void mx_answer_drop(struct mx_answer *answer)
{
	if (answer == NULL)
		return;
	int left = __atomic_sub_fetch(&answer->refs, 1, __ATOMIC_ACQ_REL);
	must(left >= 0);
	if (left == 0)
		free(answer);
}

/* Fisher–Yates over order[from … to-1]. */
static void shuffle(uint8_t *order, size_t from, size_t to, uint64_t *state)
{
	for (size_t left = to - from; left > 1; left--) {
		size_t pick = from + (size_t)((prng_next(state) >> 16) % left);
		uint8_t swapped = order[pick];
		order[pick] = order[from + left - 1];
		order[from + left - 1] = swapped;
	}
}

void mx_order(const struct mx_answer *answer, uint64_t seed, uint8_t order[MX_HOSTS_MAX])
{
	/* An odd multiplier spreads seeds that differ in a few bits (counters) over the state. */
	uint64_t state = (seed + 1) * 0x9E3779B97F4A7C15u;
	state = state == 0 ? 1 : state;
	(void)prng_next(&state);
	size_t n = answer->host_count;
	for (size_t i = 0; i < n; i++)
		order[i] = (uint8_t)i;
	for (size_t from = 0, to; from < n; from = to) {
		to = from + 1;
		while (to < n && answer->hosts[to].preference == answer->hosts[from].preference)
			to++;
		shuffle(order, from, to, &state);
	}
}

const char *mx_result_name(enum mx_result result)
{
	static const char *const names[] = {
#define X(suffix, name, lasting) [MX_##suffix] = name,
		MX_RESULTS(X)
#undef X
	};
	return names[result];
}

bool mx_result_is_lasting(enum mx_result result)
{
	static const bool is_lasting[] = {
#define X(suffix, name, lasting) [MX_##suffix] = lasting,
		MX_RESULTS(X)
#undef X
	};
	return is_lasting[result];
}
