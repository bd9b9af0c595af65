/* SPDX-License-Identifier: MIT */
/* Blocking questions to DNS; see lookup.h. */
#include "scheduler/setup/lookup.h"

#include <stdlib.h>

#include "engine/dns/resolver.h"
#include "scheduler/settings.h"

struct lookup {
	struct loop *loop;
	struct resolver *resolver;
	struct dns_answer *answer; /* of the question being asked */
};

struct lookup *lookup_open(const struct conf *settings, int64_t most_ms, struct err *err)
{
	struct resolver_options dns = resolver_options_default();
	dns.servers = conf_text(settings, SETTING_DNS_SERVERS);
	dns.attempt_ms = conf_number(settings, SETTING_DNS_ATTEMPT_MS);
	dns.total_ms = conf_number(settings, SETTING_DNS_TOTAL_MS);
	if (dns.total_ms > most_ms)
		dns.total_ms = most_ms;
	/* The last attempt may begin just before the end; and there is time for a second server. */
	if (dns.attempt_ms > most_ms / 2)
		dns.attempt_ms = most_ms / 2;
	struct lookup *l = xcalloc(1, sizeof(*l));
	l->loop = loop_new();
	l->resolver = resolver_open(l->loop, &dns, err);
	if (l->resolver != NULL)
		return l;
	lookup_close(l);
	return NULL;
}

void lookup_close(struct lookup *l)
{
	if (l == NULL)
		return;
	resolver_close(l->resolver);
	/* What was closed frees itself when the loop turns. */
	loop_turn(l->loop, false);
	loop_turn(l->loop, false);
	loop_free(l->loop);
	free(l);
}

static void on_answer(void *owner, const struct dns_answer *answer)
{
	struct lookup *l = owner;
	size_t size;
	l->answer = dns_answer_copy(answer, &size);
	loop_stop(l->loop);
}

struct dns_answer *lookup_records(struct lookup *l, struct str name, enum dns_type type)
{
	if (resolver_query(l->resolver, name, type, on_answer, l) == NULL) {
		struct dns_answer *none = xcalloc(1, sizeof(*none));
		none->status = DNS_NXDOMAIN;
		return none;
	}
	loop_run(l->loop);
	return l->answer;
}

bool lookup_is_known(enum dns_status status)
{
	return status == DNS_OK || status == DNS_NODATA || status == DNS_NXDOMAIN;
}
