/* SPDX-License-Identifier: MIT */
/* check_host() of RFC 7208 4; see spf.h. */
#include "scheduler/setup/spf.h"

#include <stdlib.h>

#define QUESTIONS_MAX 10 /* RFC 7208 4.6.4 */
#define MX_MAX 10

struct spf {
	struct lookup *lookup;
	const struct ip *ip;
	int questions_left;
};

/* A mechanism: name [":" domain] ["/" bits4] ["//" bits6]. */
struct mechanism {
	struct str name;
	struct str argument; /* after ":", without the lengths; empty = the domain itself */
	struct str bits4, bits6;
};

static enum spf_result evaluate(struct spf *s, struct str domain);

static bool is_spf(struct str record)
{
	const struct str version = STR("v=spf1");
	return str_equals_nocase(record, version) || str_starts_with_nocase(record, STR("v=spf1 "));
}

/* The one SPF record among the TXT records; the result when there is not exactly one. */
static enum spf_result pick_record(const struct dns_answer *answer, struct str *record_out)
{
	size_t found = 0;
	if (!lookup_is_known(answer->status))
		return SPF_TEMPERROR;
	for (size_t i = 0; i < answer->count; i++) {
		if (!is_spf(answer->records[i].name))
			continue;
		*record_out = answer->records[i].name;
		found++;
	}
	return found == 0 ? SPF_NONE : found == 1 ? SPF_PASS : SPF_PERMERROR;
}

static bool has_macro(struct str domain)
{
	return str_find_char(domain, '%') >= 0;
}

/* Whether ip is one of the addresses of host, or shares their leading bits. */
static bool address_matches(struct spf *s, struct str host, const struct mechanism *m)
{
	bool is_v6 = s->ip->family == IP_V6;
	struct str bits = is_v6 ? m->bits6 : m->bits4;
	uint64_t length = is_v6 ? 128 : 32;
	if (bits.len > 0 && (str_to_u64(bits, &length) != 0 || length > (is_v6 ? 128 : 32)))
		return false;
	struct dns_answer *answer = lookup_records(s->lookup, host, is_v6 ? DNS_AAAA : DNS_A);
	bool matches = false;
	for (size_t i = 0; i < answer->count; i++) {
		struct ip_range range = {answer->records[i].ip, (uint8_t)length};
		matches |= ip_in_range(s->ip, &range);
	}
	free(answer);
	return matches;
}

static bool mx_matches(struct spf *s, struct str domain, const struct mechanism *m)
{
	struct dns_answer *answer = lookup_records(s->lookup, domain, DNS_MX);
	bool matches = false;
	for (size_t i = 0; i < answer->count && i < MX_MAX && !matches; i++)
		matches = address_matches(s, answer->records[i].name, m);
	free(answer);
	return matches;
}

static bool exists(struct spf *s, struct str domain)
{
	struct dns_answer *answer = lookup_records(s->lookup, domain, DNS_A);
	bool has_records = answer->count > 0;
	free(answer);
	return has_records;
}

/* RFC 7208 5.2: PASS when the included record passes, NEUTRAL when it does not match. */
static enum spf_result include(struct spf *s, struct str domain)
{
	switch (evaluate(s, domain)) {
	case SPF_PASS:
		return SPF_PASS;
	case SPF_FAIL:
	case SPF_SOFTFAIL:
	case SPF_NEUTRAL:
		return SPF_NEUTRAL;
	case SPF_TEMPERROR:
		return SPF_TEMPERROR;
	case SPF_NONE:
	case SPF_PERMERROR:
		return SPF_PERMERROR;
	}
	return SPF_PERMERROR;
}

/* ip4:192.0.2.0/24, whose length is not that of a host's address. */
static enum spf_result range_matches(const struct spf *s, struct str term)
{
	struct ip_range range;
	struct str text = term;
	str_take_until(&text, ':');
	if (ip_range_parse(text, &range) != 0)
		return SPF_PERMERROR;
	return ip_in_range(s->ip, &range) ? SPF_PASS : SPF_NEUTRAL;
}

static struct mechanism parse_mechanism(struct str term)
{
	struct mechanism m = {0};
	struct str rest = term;
	struct str head = str_take_until(&rest, '/');
	m.name = str_take_until(&head, ':');
	m.argument = head;
	m.bits4 = str_take_until(&rest, '/');
	m.bits6 = str_find_char(rest, '/') == 0 ? str_slice(rest, 1, rest.len) : rest;
	return m;
}

/* Mechanisms that cost a question. */
static enum spf_result ask_matches(struct spf *s, struct str domain, const struct mechanism *m)
{
	struct str target = str_is_empty(m->argument) ? domain : m->argument;
	if (s->questions_left-- == 0)
		return SPF_PERMERROR;
	if (has_macro(target) || str_equals_nocase(m->name, STR("ptr")))
		return SPF_NEUTRAL;
	if (str_equals_nocase(m->name, STR("include")))
		return include(s, target);
	bool matches = str_equals_nocase(m->name, STR("a"))    ? address_matches(s, target, m)
		       : str_equals_nocase(m->name, STR("mx")) ? mx_matches(s, target, m)
							       : exists(s, target);
	return matches ? SPF_PASS : SPF_NEUTRAL;
}

/* PASS: it matches; NEUTRAL: it does not; an error otherwise. */
static enum spf_result mechanism_matches(struct spf *s, struct str domain, struct str term)
{
	static const struct str asking[] = {STR_INIT("a"), STR_INIT("mx"), STR_INIT("include"),
					    STR_INIT("exists"), STR_INIT("ptr")};
	struct mechanism m = parse_mechanism(term);
	if (str_equals_nocase(m.name, STR("all")))
		return SPF_PASS;
	if (str_equals_nocase(m.name, STR("ip4")) || str_equals_nocase(m.name, STR("ip6")))
		return range_matches(s, term);
	for (size_t i = 0; i < ARRAY_LEN(asking); i++)
		if (str_equals_nocase(m.name, asking[i]))
			return ask_matches(s, domain, &m);
	return SPF_PERMERROR;
}

static enum spf_result qualifier(char c)
{
	switch (c) {
	case '-':
		return SPF_FAIL;
	case '~':
		return SPF_SOFTFAIL;
	case '?':
		return SPF_NEUTRAL;
	default:
		return SPF_PASS;
	}
}

/* name=value, as against a mechanism, whose first mark is ':' or '/'. */
static bool is_modifier(struct str term)
{
	ptrdiff_t equals = str_find_char(term, '=');
	ptrdiff_t colon = str_find_char(term, ':');
	ptrdiff_t slash = str_find_char(term, '/');
	return equals > 0 && (colon < 0 || equals < colon) && (slash < 0 || equals < slash);
}

static enum spf_result evaluate_terms(struct spf *s, struct str domain, struct str terms)
{
	struct str redirect = {0};
	while (terms.len > 0) {
		struct str term = str_take_until(&terms, ' ');
		if (is_modifier(term)) {
			if (str_starts_with_nocase(term, STR("redirect=")))
				redirect = str_slice(term, 9, term.len);
			continue;
		}
		if (str_is_empty(term))
			continue;
		bool has_sign = str_find_char(STR("+-~?"), term.ptr[0]) >= 0;
		enum spf_result matches =
			mechanism_matches(s, domain, str_slice(term, has_sign ? 1 : 0, term.len));
		if (matches == SPF_PASS)
			return qualifier(term.ptr[0]);
		if (matches != SPF_NEUTRAL)
			return matches;
	}
	if (str_is_empty(redirect) || has_macro(redirect))
		return SPF_NEUTRAL;
	if (s->questions_left-- == 0)
		return SPF_PERMERROR;
	enum spf_result result = evaluate(s, redirect);
	return result == SPF_NONE ? SPF_PERMERROR : result;
}

static enum spf_result evaluate(struct spf *s, struct str domain)
{
	struct str record;
	struct dns_answer *answer = lookup_records(s->lookup, domain, DNS_TXT);
	enum spf_result result = pick_record(answer, &record);
	if (result == SPF_PASS)
		result = evaluate_terms(s, domain, str_slice(record, 6, record.len));
	free(answer);
	return result;
}

enum spf_result spf_check(struct lookup *lookup, struct str domain, const struct ip *ip)
{
	struct spf s = {.lookup = lookup, .ip = ip, .questions_left = QUESTIONS_MAX};
	return evaluate(&s, domain);
}

const char *spf_result_name(enum spf_result result)
{
	static const char *const names[] = {
#define X(suffix, name) [SPF_##suffix] = name,
		SPF_RESULTS(X)
#undef X
	};
	return names[result];
}
