/* SPDX-License-Identifier: MIT */
/* Static routes. Pure. */
#include "ip-pool/route.h"

#include <stdio.h>

const char *route_tls_name(enum route_tls tls)
{
	switch (tls) {
#define X(suffix, number, name)                                                                    \
	case ROUTE_TLS_##suffix:                                                                   \
		return name;
		ROUTE_TLS(X)
#undef X
	}
	return "?";
}

int route_tls_parse(struct str name, enum route_tls *out)
{
#define X(suffix, number, text)                                                                    \
	if (str_equals(name, STR(text))) {                                                         \
		*out = ROUTE_TLS_##suffix;                                                         \
		return 0;                                                                          \
	}
	ROUTE_TLS(X)
#undef X
	return -1;
}

/* Letters of a host name or an address literal, at least one. */
static bool is_host(struct str host)
{
	for (size_t i = 0; i < host.len; i++)
		if (!ascii_is_alnum(host.ptr[i]) && str_find_char(STR("-._:"), host.ptr[i]) < 0)
			return false;
	return host.len > 0;
}

/* Where the host ends and ":port" begins, or -1. */
static ptrdiff_t split(struct str text)
{
	if (text.len > 0 && text.ptr[0] == '[') {
		ptrdiff_t close = str_find_char(text, ']');
		return close > 1 ? close + 1 : -1;
	}
	return str_find_char(text, ':');
}

int route_parse_target(struct str text, struct str *host_out, uint16_t *port_out, struct err *err)
{
	ptrdiff_t at = split(text);
	int64_t port;
	struct str host = str_slice(text, 0, at > 0 ? (size_t)at : 0);
	if (host.len > 2 && host.ptr[0] == '[')
		host = str_slice(host, 1, host.len - 1);
	if (at <= 0 || (size_t)at >= text.len || text.ptr[at] != ':' ||
	    str_to_i64(str_slice(text, (size_t)at + 1, text.len), &port) != 0 || port < 1 ||
	    port > 65535 || !is_host(host))
		return err_set(err, ERR_USAGE,
			       "\"%.*s\" is no HOST:PORT, as in smtp.example.com:25 or "
			       "[2001:db8::1]:25",
			       STR_ARG(text));
	*host_out = host;
	*port_out = (uint16_t)port;
	return 0;
}

const struct route *route_find(const struct route *routes, size_t count, struct str domain)
{
	const struct route *any = NULL;
	for (size_t i = 0; i < count; i++) {
		if (str_equals(routes[i].domain, domain))
			return &routes[i];
		if (str_equals(routes[i].domain, STR("*")))
			any = &routes[i];
	}
	return any;
}

bool route_leads_to(const struct route *routes, size_t count, struct str name)
{
	char port[8];
	for (size_t i = 0; i < count; i++) {
		struct str host = routes[i].host;
		int len = snprintf(port, sizeof(port), ":%u", (unsigned)routes[i].port);
		bool begins_so = name.len >= host.len &&
				 str_equals_nocase(str_slice(name, 0, host.len), host);
		struct str rest = begins_so ? str_slice(name, host.len, name.len) : STR("-");
		if (str_is_empty(rest) || str_equals(rest, str_of(port, (size_t)len)))
			return true;
	}
	return false;
}
