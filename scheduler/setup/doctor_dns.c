/* SPDX-License-Identifier: MIT */
/*
 * The checks of doctor that ask DNS: do the name servers answer, do the public addresses of the
 * sources have names that lead back to them, and are they on block lists. Large receivers refuse
 * mail from addresses without, and from those that are.
 */
#include <stdio.h>
#include <string.h>

#include "engine/dns/standing.h"
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
	struct str lists[STANDING_LISTS_MAX];
	size_t list_count;
	bool is_refused[STANDING_LISTS_MAX]; /* lists[i] does not answer us: said once */
};

/* One source that is looked up. */
struct source_look {
	struct look *look;
	char check[96];
	char address[IP_TEXT_SIZE];
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

static void tell_name(const struct source_look *l, const struct standing_ask *ask,
		      const struct standing *s)
{
	struct doctor_report *report = l->look->report;
	switch (s->reverse) {
	case STANDING_SOUND:
		doctor_add(report, DOCTOR_OK, l->check, "%s and %.*s lead to each other",
			   l->address, STR_ARG(s->name));
		break;
	case STANDING_NAMELESS:
		doctor_add(report, DOCTOR_WARN, l->check,
			   "%s has no reverse name (PTR): ask its owner to set it to %.*s",
			   l->address, STR_ARG(ask->ehlo));
		break;
	case STANDING_ASTRAY:
		doctor_add(report, DOCTOR_WARN, l->check,
			   "%s has the name %.*s, which does not lead back to it: add the address "
			   "record, receivers check it",
			   l->address, STR_ARG(s->name));
		break;
	case STANDING_OTHER:
		doctor_add(report, DOCTOR_WARN, l->check,
			   "%s is called %.*s in DNS, but says EHLO %.*s: use one name for both",
			   l->address, STR_ARG(s->name), STR_ARG(ask->ehlo));
		break;
	case STANDING_UNKNOWN:
		doctor_add(report, DOCTOR_WARN, l->check,
			   "the reverse name of %s could not be looked up (%s)", l->address,
			   dns_status_name(s->status));
		break;
	}
}

static void tell_lists(const struct source_look *l, const struct standing_ask *ask,
		       const struct standing *s)
{
	struct look *look = l->look;
	for (size_t i = 0; i < ask->list_count; i++) {
		if (s->is_listed[i])
			doctor_add(look->report, DOCTOR_WARN, l->check,
				   "%s is on the block list %.*s: see there why, and how to be "
				   "taken off",
				   l->address, STR_ARG(ask->lists[i]));
		if (s->is_refused[i] && !look->is_refused[i])
			doctor_add(
				look->report, DOCTOR_WARN, "block lists",
				"%.*s gives these name servers no answer: use a resolver of your "
				"own (dns.servers), or take it out of sources.dnsbl",
				STR_ARG(ask->lists[i]));
		look->is_refused[i] |= s->is_refused[i];
	}
}

static void on_standing(void *owner, const struct standing_ask *ask,
			const struct standing *standing)
{
	struct source_look *l = owner;
	tell_name(l, ask, standing);
	tell_lists(l, ask, standing);
	answered(l->look);
}

static bool is_looked_up(const struct look *look, const struct ip *address)
{
	struct ip_range allowed[SETTINGS_RANGES_MAX];
	struct str text = conf_text(look->options->settings, SETTING_DNS_ALLOW);
	bool is_public = !ip_is_special(address);
	int count = settings_parse_ranges(text, allowed, NULL);
	for (int i = 0; i < count; i++)
		is_public |= ip_in_range(address, &allowed[i]);
	return is_public;
}

static void ask_standing(struct look *look, const struct doctor_source *source)
{
	struct standing_ask ask = {.address = source->public_address,
				   .ehlo = str_from(source->ehlo),
				   .list_count = look->list_count};
	if (!is_looked_up(look, &source->public_address))
		return;
	memcpy(ask.lists, look->lists, sizeof(ask.lists));
	struct source_look *l = arena_alloc(&look->report->arena, sizeof(*l));
	l->look = look;
	snprintf(l->check, sizeof(l->check), "source %s", source->name);
	ip_format(&source->public_address, l->address, sizeof(l->address));
	look->open++;
	(void)standing_start(look->resolver, &ask, on_standing, l);
}

static void look_up(struct look *look, const struct doctor_source *sources, size_t count)
{
	look->open = 1;
	must(resolver_query(look->resolver, STR(KNOWN_DOMAIN), DNS_MX, on_known, look) != NULL);
	for (size_t i = 0; i < count; i++)
		ask_standing(look, &sources[i]);
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
	int lists = settings_parse_lists(conf_text(options->settings, SETTING_SOURCES_DNSBL),
					 look.lists, &err);
	if (lists < 0)
		doctor_add(report, DOCTOR_FAIL, "block lists", "sources.dnsbl: %s", err.text);
	look.list_count = lists > 0 ? (size_t)lists : 0;
	look.resolver = resolver_open(look.loop, &dns, &err);
	if (look.resolver == NULL)
		doctor_add(report, DOCTOR_FAIL, "dns", "%s", err.text);
	else
		look_up(&look, sources, count);
	loop_free(look.loop);
}
