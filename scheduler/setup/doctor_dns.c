/* SPDX-License-Identifier: MIT */
/*
 * The checks of doctor that ask DNS: do the name servers answer, and do the public addresses of the
 * sources have names that lead back to them. Large receivers refuse mail from addresses without
 * (RFC 1912 2.1; forward-confirmed reverse DNS).
 */
#include <stdio.h>
#include <string.h>

#include "engine/dns/resolver.h"
#include "scheduler/settings.h"
#include "scheduler/setup/doctor_private.h"

/* A domain that every working resolver knows the MX of. */
#define KNOWN_DOMAIN "gmail.com"

struct look {
	const struct doctor_options *options;
	struct doctor_report *report;
	struct loop *loop;
	struct resolver *resolver;
	size_t open; /* questions not answered */
};

/* The way of one source: its PTR, then the addresses of that name. */
struct reverse {
	struct look *look;
	const struct doctor_source *source;
	char check[96];
	char address[IP_TEXT_SIZE];
	char name[DNS_NAME_MAX + 1];
};

static void answered(struct look *look)
{
	if (--look->open == 0)
		loop_stop(look->loop);
}

static void on_known(void *owner, const struct dns_answer *answer)
{
	struct look *look = owner;
	switch (answer->status) {
	case DNS_OK:
		doctor_add(look->report, DOCTOR_OK, "dns", "the name servers answer");
		break;
	case DNS_NODATA:
	case DNS_NXDOMAIN:
	case DNS_ALIAS:
		doctor_add(look->report, DOCTOR_WARN, "dns",
			   "the name servers answer, but know no MX of " KNOWN_DOMAIN
			   ": dns.servers must name recursive servers");
		break;
	case DNS_SERVFAIL:
	case DNS_TIMEOUT:
	case DNS_MALFORMED:
		doctor_add(look->report, DOCTOR_FAIL, "dns",
			   "no name server gives an answer (%s): check dns.servers (%s)",
			   dns_status_name(answer->status),
			   conf_place(look->options->settings, SETTING_DNS_SERVERS));
		break;
	}
	answered(look);
}

static void confirm(struct reverse *r, const struct dns_answer *answer)
{
	struct doctor_report *report = r->look->report;
	bool leads_back = false;
	for (size_t i = 0; i < answer->count; i++)
		leads_back |= ip_equals(&answer->records[i].ip, &r->source->public_address);
	if (!leads_back)
		doctor_add(report, DOCTOR_WARN, r->check,
			   "%s has the name %s, which does not lead back to it: add the address "
			   "record, receivers check it",
			   r->address, r->name);
	else if (!str_equals_nocase(str_from(r->name), str_from(r->source->ehlo)))
		doctor_add(report, DOCTOR_WARN, r->check,
			   "%s is called %s in DNS, but says EHLO %s: use one name for both",
			   r->address, r->name, r->source->ehlo);
	else
		doctor_add(report, DOCTOR_OK, r->check, "%s and %s lead to each other", r->address,
			   r->name);
}

static void on_forward(void *owner, const struct dns_answer *answer)
{
	struct reverse *r = owner;
	confirm(r, answer);
	answered(r->look);
}

static void on_ptr(void *owner, const struct dns_answer *answer)
{
	struct reverse *r = owner;
	struct look *look = r->look;
	enum dns_type type = r->source->public_address.family == IP_V6 ? DNS_AAAA : DNS_A;
	bool has_name = answer->count > 0 &&
			str_to_cstr(answer->records[0].name, r->name, sizeof(r->name)) == 0 &&
			resolver_query(look->resolver, answer->records[0].name, type, on_forward,
				       r) != NULL;
	if (has_name)
		return; /* on_forward counts it */
	if (answer->status == DNS_OK || answer->status == DNS_NXDOMAIN ||
	    answer->status == DNS_NODATA)
		doctor_add(look->report, DOCTOR_WARN, r->check,
			   "%s has no reverse name (PTR): ask its owner to set it to %s",
			   r->address, r->source->ehlo);
	else
		doctor_add(look->report, DOCTOR_WARN, r->check,
			   "the reverse name of %s could not be looked up (%s)", r->address,
			   dns_status_name(answer->status));
	answered(look);
}

static void ask_reverse(struct look *look, const struct doctor_source *source)
{
	char name[DNS_NAME_MAX + 1];
	struct ip_range allowed[SETTINGS_RANGES_MAX];
	struct str text = conf_text(look->options->settings, SETTING_DNS_ALLOW);
	bool is_public = !ip_is_special(&source->public_address);
	int count = settings_parse_ranges(text, allowed, NULL);
	for (int i = 0; i < count; i++)
		is_public |= ip_in_range(&source->public_address, &allowed[i]);
	if (!is_public)
		return;
	struct reverse *r = arena_alloc(&look->report->arena, sizeof(*r));
	r->look = look;
	r->source = source;
	snprintf(r->check, sizeof(r->check), "source %s", source->name);
	ip_format(&source->public_address, r->address, sizeof(r->address));
	look->open++;
	must(resolver_query(look->resolver, dns_reverse_name(&source->public_address, name),
			    DNS_PTR, on_ptr, r) != NULL);
}

static void look_up(struct look *look, const struct doctor_source *sources, size_t count)
{
	look->open = 1;
	must(resolver_query(look->resolver, STR(KNOWN_DOMAIN), DNS_MX, on_known, look) != NULL);
	for (size_t i = 0; i < count; i++)
		ask_reverse(look, &sources[i]);
	loop_run(look->loop);
	resolver_close(look->resolver);
	/* What was closed frees itself when the loop turns. */
	loop_turn(look->loop, false);
	loop_turn(look->loop, false);
}

void doctor_check_dns(const struct doctor_options *options, const struct doctor_source *sources,
		      size_t count, struct doctor_report *report)
{
	struct err err;
	struct look look = {.options = options, .report = report, .loop = loop_new()};
	struct resolver_options dns = resolver_options_default();
	dns.servers = conf_text(options->settings, SETTING_DNS_SERVERS);
	dns.attempt_ms = conf_number(options->settings, SETTING_DNS_ATTEMPT_MS);
	dns.total_ms = conf_number(options->settings, SETTING_DNS_TOTAL_MS);
	look.resolver = resolver_open(look.loop, &dns, &err);
	if (look.resolver == NULL)
		doctor_add(report, DOCTOR_FAIL, "dns", "%s", err.text);
	else
		look_up(&look, sources, count);
	loop_free(look.loop);
}
