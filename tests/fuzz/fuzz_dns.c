/* SPDX-License-Identifier: MIT */
/* Raw DNS answers of every type, then the MX draft on what came out. The first byte picks the type.
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#include "engine/dns/mx.h"

static void check_mx(const struct dns_answer *answer, struct arena *arena)
{
	struct mx_policy policy = {.uses_ipv4 = true, .uses_ipv6 = true};
	struct mx_draft d;
	mx_draft_start(&d, arena, STR("example.com"), answer, &policy);
	must(d.host_count <= MX_HOSTS_MAX);
	for (size_t i = 0; i < d.host_count; i++)
		must(d.hosts[i].name.len > 0 && d.hosts[i].name.len <= DNS_NAME_MAX);
	mx_answer_drop(mx_draft_finish(&d));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum dns_type types[] = {DNS_MX, DNS_A, DNS_AAAA, DNS_TXT, DNS_PTR};
	if (size == 0)
		return 0;
	struct arena arena;
	arena_init(&arena, 0);
	enum dns_type type = types[data[0] % ARRAY_LEN(types)];
	struct str packet = str_of((const char *)data + 1, size - 1);
	struct dns_answer answer = dns_parse(packet, STR("example.com"), type, &arena);
	must((answer.status == DNS_OK) == (answer.count > 0));
	must(answer.count <= DNS_RECORDS_MAX && answer.name.len <= DNS_NAME_MAX);
	size_t copy_size;
	free(dns_answer_copy(&answer, &copy_size));
	if (type == DNS_MX)
		check_mx(&answer, &arena);
	arena_done(&arena);
	return 0;
}
