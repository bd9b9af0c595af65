/* SPDX-License-Identifier: MIT */
/* The sites behind a domain; see mx_sites.h. */
#include "scheduler/node/mx_sites.h"

#include "engine/base/buf.h"

/* Longest key of a site, octets: MX_HOSTS_MAX names. */
#define SITE_KEY_MAX 8192u

/* The best host of site number; host_count when there are not so many. */
static size_t leader_of(const struct mx_answer *answer, const struct provider_table *providers,
			size_t number)
{
	const struct provider *seen[MX_HOSTS_MAX];
	size_t count = 0;
	for (size_t i = 0; i < answer->host_count; i++) {
		const struct provider *p = provider_of_host(providers, answer->hosts[i].name);
		size_t k = 0;
		while (k < count && seen[k] != p)
			k++;
		if (k < count)
			continue;
		if (count == number)
			return i;
		seen[count++] = p;
	}
	return answer->host_count;
}

/* The names of the whole MX set that are the provider's, in their order. */
static void make_key(const struct mx_answer *answer, const struct provider_table *providers,
		     const struct provider *provider, struct buf *key)
{
	struct str rest = answer->site;
	while (rest.len > 0) {
		struct str name = str_take_until(&rest, ',');
		if (provider_of_host(providers, name) != provider)
			continue;
		if (key->len > 0)
			buf_append_char(key, ',');
		buf_append_str(key, name);
	}
}

struct mx_answer *mx_site(struct mx_answer *answer, const struct provider_table *providers,
			  size_t number, bool *has_more_out)
{
	must(answer->result == MX_OK);
	size_t leader = leader_of(answer, providers, number);
	if (leader == answer->host_count)
		return NULL;
	bool has_more = leader_of(answer, providers, number + 1) < answer->host_count;
	*has_more_out = has_more;
	if (number == 0 && !has_more)
		return mx_answer_hold(answer);
	const struct provider *provider = provider_of_host(providers, answer->hosts[leader].name);
	uint32_t hosts = 0;
	for (size_t i = leader; i < answer->host_count; i++)
		if (provider_of_host(providers, answer->hosts[i].name) == provider)
			hosts |= UINT32_C(1) << i;
	struct buf key;
	buf_init(&key, SITE_KEY_MAX);
	make_key(answer, providers, provider, &key);
	struct mx_answer *part = mx_answer_part(answer, hosts, buf_str(&key));
	buf_done(&key);
	return part;
}
