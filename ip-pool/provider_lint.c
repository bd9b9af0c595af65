/* SPDX-License-Identifier: MIT */
/*
 * What of a provider's profile could never do anything: names that no host has, that stand twice or
 * are covered already, limits that others keep from ever being met. Pure.
 */
#include "ip-pool/provider.h"

static int say(struct err *err, const struct provider *p, struct str name, const char *what)
{
	return err_set(err, ERR_INPUT, "provider \"%.*s\": \"%.*s\" %s", STR_ARG(p->name),
		       STR_ARG(name), what);
}

/* -- names -- */

static bool is_address(struct str name)
{
	if (str_find_char(name, ':') >= 0 || str_find_char(name, '[') >= 0)
		return true;
	for (size_t i = 0; i < name.len; i++)
		if (!ascii_is_digit(name.ptr[i]) && name.ptr[i] != '.')
			return false;
	return true;
}

static bool is_label(struct str label)
{
	if (label.len == 0 || label.len > 63 || label.ptr[0] == '-' ||
	    label.ptr[label.len - 1] == '-')
		return false;
	for (size_t i = 0; i < label.len; i++)
		if (!ascii_is_alnum(label.ptr[i]) && label.ptr[i] != '-' && label.ptr[i] != '_')
			return false;
	return true;
}

static int check_name(const struct provider *p, struct str name, struct err *err)
{
	if (str_find_char(name, '*') >= 0)
		return say(err, p, name,
			   "has a \"*\": leave it out, an ending stands for every name below it");
	if (is_address(name))
		return say(err, p, name, "is an address: give the ending of a host name");
	if (str_find_char(name, '@') >= 0)
		return say(err, p, name, "is a mail address: give its domain");
	if (!str_is_ascii(name))
		return say(err, p, name, "is not as DNS has it: write its xn-- form");
	if (str_find_char(name, '.') < 0)
		return say(err, p, name, "is a whole top-level domain: give at least two labels");
	for (struct str rest = name; rest.len > 0;)
		if (!is_label(str_take_until(&rest, '.')))
			return say(err, p, name, "can be no host name: look at its labels");
	return 0;
}

/* Does the ending stand for the name? */
static bool covers(struct str ending, struct str name)
{
	if (str_equals(ending, name))
		return true;
	if (ending.len >= name.len)
		return false;
	size_t start = name.len - ending.len;
	return name.ptr[start - 1] == '.' && str_equals(ending, str_slice(name, start, name.len));
}

static int check_suffix(const struct provider *p, size_t at, struct err *err)
{
	struct str name = p->mx_suffixes[at];
	if (check_name(p, name, err) != 0)
		return -1;
	for (size_t i = 0; i < p->mx_suffix_count; i++) {
		struct str other = p->mx_suffixes[i];
		if (i < at && str_equals(other, name))
			return say(err, p, name, "stands twice in its mx_suffixes");
		if (i != at && !str_equals(other, name) && covers(other, name))
			return err_set(err, ERR_INPUT,
				       "provider \"%.*s\": \"%.*s\" adds nothing, since \"%.*s\" "
				       "covers it",
				       STR_ARG(p->name), STR_ARG(name), STR_ARG(other));
	}
	return 0;
}

static int check_domain(const struct provider *p, size_t at, struct err *err)
{
	struct str name = p->domains[at];
	if (check_name(p, name, err) != 0)
		return -1;
	for (size_t i = 0; i < at; i++)
		if (str_equals(p->domains[i], name))
			return say(err, p, name, "stands twice in its domains");
	return 0;
}

/* -- limits -- */

static int never_binds(struct err *err, const struct provider *p, const char *rate, int64_t count,
		       int64_t most)
{
	return err_set(err, ERR_INPUT,
		       "provider \"%.*s\": rate=%lld/%s can never bind: its other limits allow "
		       "%lld/%s at most",
		       STR_ARG(p->name), (long long)count, rate, (long long)most, rate);
}

/* Messages in a minute by connections: each that is open then, or opened in it, has so many. */
static int64_t most_by_connections(const struct limit_values *v)
{
	int64_t fresh = v->new_connections[LIMIT_MINUTE];
	if (v->connections == LIMIT_NONE || v->messages_per_connection == LIMIT_NONE ||
	    fresh == LIMIT_NONE)
		return INT64_MAX;
	int64_t connections = v->connections + fresh;
	return v->messages_per_connection < INT64_MAX / connections
		       ? connections * v->messages_per_connection
		       : INT64_MAX;
}

static int check_limits(const struct provider *p, struct err *err)
{
	static const enum limit_period periods[] = {LIMIT_MINUTE, LIMIT_HOUR, LIMIT_DAY};
	int64_t most = most_by_connections(&p->limits);
	int64_t last_ms = limit_period_ms(LIMIT_MINUTE);
	for (size_t i = 0; i < ARRAY_LEN(periods); i++) {
		int64_t count = p->limits.messages[periods[i]];
		int64_t times = limit_period_ms(periods[i]) / last_ms;
		most = most < INT64_MAX / times ? most * times : INT64_MAX;
		last_ms = limit_period_ms(periods[i]);
		if (count == LIMIT_NONE)
			continue;
		if (count > most)
			return never_binds(err, p, limit_period_name(periods[i]), count, most);
		most = count;
	}
	return 0;
}

/* -- against the others -- */

static int is_taken(const struct provider *p, const struct provider *other, struct str name,
		    const char *what, struct err *err)
{
	return err_set(err, ERR_INPUT, "provider \"%.*s\": \"%.*s\" is among the %s of \"%.*s\"",
		       STR_ARG(p->name), STR_ARG(name), what, STR_ARG(other->name));
}

static int check_against(const struct provider *p, const struct provider *other, struct err *err)
{
	for (size_t i = 0; i < p->mx_suffix_count; i++)
		for (size_t k = 0; k < other->mx_suffix_count; k++)
			if (str_equals(p->mx_suffixes[i], other->mx_suffixes[k]))
				return is_taken(p, other, p->mx_suffixes[i], "mx_suffixes", err);
	for (size_t i = 0; i < p->domain_count; i++)
		for (size_t k = 0; k < other->domain_count; k++)
			if (str_equals(p->domains[i], other->domains[k]))
				return is_taken(p, other, p->domains[i], "domains", err);
	return 0;
}

int provider_lint(const struct provider_table *t, const struct provider *p, struct err *err)
{
	for (size_t i = 0; i < p->mx_suffix_count; i++)
		if (check_suffix(p, i, err) != 0)
			return -1;
	for (size_t i = 0; i < p->domain_count; i++)
		if (check_domain(p, i, err) != 0)
			return -1;
	for (size_t i = 0; i < provider_table_count(t); i++) {
		const struct provider *other = provider_table_at(t, i);
		if (other != p && check_against(p, other, err) != 0)
			return -1;
	}
	return check_limits(p, err);
}

int provider_table_lint(const struct provider_table *t, struct err *err)
{
	for (size_t i = 0; i < provider_table_count(t); i++)
		if (provider_lint(t, provider_table_at(t, i), err) != 0)
			return -1;
	return 0;
}
