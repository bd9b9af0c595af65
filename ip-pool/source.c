/* SPDX-License-Identifier: MIT */
/* Sources: names, addresses, states. Pure. */
#include "ip-pool/source.h"

#define SOURCE_NAME_MAX 63
#define HOST_MAX 253

const char *source_state_name(enum source_state state)
{
	switch (state) {
#define X(suffix, number, name)                                                                    \
	case SOURCE_##suffix:                                                                      \
		return name;
		SOURCE_STATES(X)
#undef X
	}
	return "?";
}

int source_parse_address(struct str text, struct sockaddr_storage *out)
{
	struct ip ip;
	if (ip_parse(text, &ip) != 0)
		return -1;
	(void)ip_to_sockaddr(&ip, 0, out);
	return 0;
}

bool source_name_is_valid(struct str name)
{
	if (name.len == 0 || name.len > SOURCE_NAME_MAX || name.ptr[0] == '-')
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];
		if (!ascii_is_digit(c) && !(c >= 'a' && c <= 'z') && c != '-')
			return false;
	}
	return true;
}

/* RFC 5321 4.1.2: Domain = sub-domain *("." sub-domain), two labels at least for a public name. */
static bool is_host_name(struct str host)
{
	size_t labels = 0;
	if (host.len == 0 || host.len > HOST_MAX || host.ptr[host.len - 1] == '.')
		return false;
	while (host.len > 0) {
		struct str label = str_take_until(&host, '.');
		if (label.len == 0 || label.len > 63 || label.ptr[0] == '-' ||
		    label.ptr[label.len - 1] == '-')
			return false;
		for (size_t i = 0; i < label.len; i++)
			if (!ascii_is_alnum(label.ptr[i]) && label.ptr[i] != '-')
				return false;
		labels++;
	}
	return labels >= 2;
}

static int check_addresses(const struct source *s, struct err *err)
{
	struct ip ip;
	if (ip_parse(s->address, &ip) != 0)
		return err_set(err, ERR_USAGE, "\"%.*s\" is no IPv4 or IPv6 address",
			       STR_ARG(s->address));
	if (!str_is_empty(s->public_address) && ip_parse(s->public_address, &ip) != 0)
		return err_set(err, ERR_USAGE, "--public \"%.*s\" is no IPv4 or IPv6 address",
			       STR_ARG(s->public_address));
	return 0;
}

int source_check(const struct source *s, struct err *err)
{
	if (!source_name_is_valid(s->name))
		return err_set(err, ERR_USAGE,
			       "\"%.*s\" is no source name: a-z, 0-9 and \"-\", at most 63, as in "
			       "mx1",
			       STR_ARG(s->name));
	if (check_addresses(s, err) != 0)
		return -1;
	if (!is_host_name(s->ehlo))
		return err_set(err, ERR_USAGE,
			       "--ehlo \"%.*s\" is no full host name, as in mx1.example.com",
			       STR_ARG(s->ehlo));
	if (!str_is_empty(s->pool) && !source_name_is_valid(s->pool))
		return err_set(err, ERR_USAGE,
			       "\"%.*s\" is no pool name: a-z, 0-9 and \"-\", at most 63",
			       STR_ARG(s->pool));
	if (s->weight < 1 || s->weight > SOURCE_WEIGHT_MAX)
		return err_set(err, ERR_USAGE, "--weight is from 1 to %d", SOURCE_WEIGHT_MAX);
	return 0;
}

bool source_is_usable(const struct source *s, struct str node)
{
	if (s->state != SOURCE_ACTIVE)
		return false;
	return str_is_empty(node) || str_is_empty(s->node) || str_equals(s->node, node);
}
