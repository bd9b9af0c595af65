/* SPDX-License-Identifier: MIT */
/* Names and block lists of one sending address, asked all at once; see standing.h. */
#include "engine/dns/standing.h"

#include <stdlib.h>
#include <string.h>

struct list_question {
	struct standing_check *check;
	size_t index;
	struct resolver_request *request;
};

struct standing_check {
	struct resolver *resolver;
	struct standing_ask ask;
	struct standing found;
	standing_on_known on_known;
	void *owner;
	size_t open; /* questions not answered */
	struct resolver_request *reverse, *ehlo;
	struct list_question lists[STANDING_LISTS_MAX];
	char names[STANDING_NAMES_MAX][DNS_NAME_MAX + 1]; /* reverse ones */
	size_t name_count, names_asked;
};

/* -- names -- */

struct str standing_list_name(const struct ip *address, struct str zone, char dst[DNS_NAME_MAX + 1])
{
	struct str reverse = dns_reverse_name(address, dst);
	/* Without "in-addr.arpa" or "ip6.arpa", the dot stays. */
	size_t kept = reverse.len - (address->family == IP_V6 ? 8 : 12);
	if (kept + zone.len > DNS_NAME_MAX)
		return STR("");
	memcpy(dst + kept, zone.ptr, zone.len);
	dst[kept + zone.len] = '\0';
	return str_of(dst, kept + zone.len);
}

bool standing_is_refusal(const struct ip *answer)
{
	return answer->family == IP_V4 && answer->bytes[0] == 127 && answer->bytes[1] == 255 &&
	       answer->bytes[2] == 255;
}

bool standing_is_listing(const struct ip *answer)
{
	return answer->family == IP_V4 && answer->bytes[0] == 127 && !standing_is_refusal(answer);
}

/* -- answers -- */

static void answered(struct standing_check *check)
{
	if (--check->open > 0)
		return;
	check->on_known(check->owner, &check->ask, &check->found);
	free(check);
}

static bool is_known(enum dns_status status)
{
	return status == DNS_OK || status == DNS_NODATA || status == DNS_NXDOMAIN;
}

static bool leads_to(const struct dns_answer *answer, const struct ip *address)
{
	for (size_t i = 0; i < answer->count; i++)
		if (ip_equals(&answer->records[i].ip, address))
			return true;
	return false;
}

enum standing_reverse standing_better(enum standing_reverse a, enum standing_reverse b)
{
	/* One that is not known may be sound. */
	static const int ranks[] = {[STANDING_SOUND] = 0,
				    [STANDING_UNKNOWN] = 1,
				    [STANDING_OTHER] = 2,
				    [STANDING_ASTRAY] = 3,
				    [STANDING_NAMELESS] = 4};
	return ranks[a] <= ranks[b] ? a : b;
}

static enum standing_reverse judge(const struct standing_check *check, struct str name,
				   const struct dns_answer *answer)
{
	if (!is_known(answer->status))
		return STANDING_UNKNOWN;
	if (!leads_to(answer, &check->ask.address))
		return STANDING_ASTRAY;
	return str_equals_nocase(name, check->ask.ehlo) ? STANDING_SOUND : STANDING_OTHER;
}

static void ask_next_name(struct standing_check *check);

static void on_forward(void *owner, const struct dns_answer *answer)
{
	struct standing_check *check = owner;
	struct standing *found = &check->found;
	struct str name = str_from(check->names[check->names_asked - 1]);
	enum standing_reverse reverse = judge(check, name, answer);
	check->reverse = NULL;
	if (standing_better(found->reverse, reverse) != found->reverse) {
		found->reverse = reverse;
		found->status = answer->status;
		found->name = name;
	}
	if (found->reverse != STANDING_SOUND)
		ask_next_name(check);
	if (check->reverse == NULL)
		answered(check);
}

static enum dns_type address_type(const struct standing_check *check)
{
	return check->ask.address.family == IP_V6 ? DNS_AAAA : DNS_A;
}

/* None is left: check->reverse stays NULL. */
static void ask_next_name(struct standing_check *check)
{
	while (check->reverse == NULL && check->names_asked < check->name_count)
		check->reverse = resolver_query(check->resolver,
						str_from(check->names[check->names_asked++]),
						address_type(check), on_forward, check);
}

static void on_reverse(void *owner, const struct dns_answer *answer)
{
	struct standing_check *check = owner;
	struct standing *found = &check->found;
	check->reverse = NULL;
	found->status = answer->status;
	found->reverse = is_known(answer->status) ? STANDING_NAMELESS : STANDING_UNKNOWN;
	for (size_t i = 0; i < answer->count && check->name_count < STANDING_NAMES_MAX; i++)
		if (str_to_cstr(answer->records[i].name, check->names[check->name_count],
				sizeof(check->names[0])) == 0)
			check->name_count++;
	ask_next_name(check);
	if (check->reverse == NULL)
		answered(check);
}

static void on_ehlo(void *owner, const struct dns_answer *answer)
{
	struct standing_check *check = owner;
	check->ehlo = NULL;
	check->found.is_ehlo_unknown = !is_known(answer->status);
	check->found.is_ehlo_astray =
		is_known(answer->status) && !leads_to(answer, &check->ask.address);
	answered(check);
}

static void on_listed(void *owner, const struct dns_answer *answer)
{
	struct list_question *q = owner;
	struct standing_check *check = q->check;
	q->request = NULL;
	check->found.is_refused[q->index] = !is_known(answer->status);
	for (size_t i = 0; i < answer->count; i++) {
		check->found.is_listed[q->index] |= standing_is_listing(&answer->records[i].ip);
		check->found.is_refused[q->index] |= standing_is_refusal(&answer->records[i].ip);
	}
	answered(check);
}

/* -- asking -- */

static void ask_list(struct standing_check *check, size_t i)
{
	char name[DNS_NAME_MAX + 1];
	struct str question = standing_list_name(&check->ask.address, check->ask.lists[i], name);
	check->lists[i] = (struct list_question){.check = check, .index = i};
	check->lists[i].request =
		resolver_query(check->resolver, question, DNS_A, on_listed, &check->lists[i]);
	if (check->lists[i].request != NULL)
		check->open++;
	else
		check->found.is_refused[i] = true;
}

struct standing_check *standing_start(struct resolver *r, const struct standing_ask *ask,
				      standing_on_known on_known, void *owner)
{
	char name[DNS_NAME_MAX + 1];
	struct standing_check *check = xcalloc(1, sizeof(*check));
	*check = (struct standing_check){
		.resolver = r, .ask = *ask, .on_known = on_known, .owner = owner, .open = 1};
	check->reverse = resolver_query(r, dns_reverse_name(&ask->address, name), DNS_PTR,
					on_reverse, check);
	must(check->reverse != NULL);
	check->ehlo = resolver_query(r, ask->ehlo, address_type(check), on_ehlo, check);
	if (check->ehlo != NULL)
		check->open++;
	else
		check->found.is_ehlo_astray = true;
	for (size_t i = 0; i < ask->list_count; i++)
		ask_list(check, i);
	return check;
}

void standing_cancel(struct standing_check *check)
{
	if (check == NULL)
		return;
	resolver_cancel(check->reverse);
	resolver_cancel(check->ehlo);
	for (size_t i = 0; i < check->ask.list_count; i++)
		resolver_cancel(check->lists[i].request);
	free(check);
}

/* -- over time -- */

void standing_merge(const struct standing_ask *ask, const struct standing *found,
		    struct standing *known)
{
	known->status = found->status;
	if (found->reverse != STANDING_UNKNOWN) {
		known->reverse = found->reverse;
		known->name = found->name;
	}
	if (!found->is_ehlo_unknown)
		known->is_ehlo_astray = found->is_ehlo_astray;
	known->is_ehlo_unknown = found->is_ehlo_unknown;
	for (size_t i = 0; i < ask->list_count; i++) {
		known->is_refused[i] = found->is_refused[i];
		if (found->is_listed[i] || !found->is_refused[i])
			known->is_listed[i] = found->is_listed[i];
	}
}

/* -- saying -- */

static void begin_clause(struct buf *out)
{
	if (out->len > 0)
		buf_append_cstr(out, "; ");
}

static void say_reverse(const struct standing_ask *ask, const struct standing *s, struct buf *out)
{
	switch (s->reverse) {
	case STANDING_SOUND:
	case STANDING_UNKNOWN:
		return;
	case STANDING_NAMELESS:
		buf_append_cstr(out, "it has no reverse name (PTR)");
		return;
	case STANDING_ASTRAY:
		buf_appendf(out, "its name %.*s does not lead back to it", STR_ARG(s->name));
		return;
	case STANDING_OTHER:
		buf_appendf(out, "it is called %.*s in DNS, but says EHLO %.*s", STR_ARG(s->name),
			    STR_ARG(ask->ehlo));
		return;
	}
}

void standing_render(const struct standing_ask *ask, const struct standing *s, struct buf *out)
{
	say_reverse(ask, s, out);
	if (s->is_ehlo_astray) {
		begin_clause(out);
		buf_appendf(out, "the EHLO name %.*s does not lead to it", STR_ARG(ask->ehlo));
	}
	for (size_t i = 0; i < ask->list_count; i++) {
		if (!s->is_listed[i])
			continue;
		begin_clause(out);
		buf_appendf(out, "it is on the block list %.*s", STR_ARG(ask->lists[i]));
	}
}
