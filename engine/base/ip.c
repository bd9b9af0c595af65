/* SPDX-License-Identifier: MIT */
/* IP addresses as values: text forms, ranges, and which ones mail must not go to; see ip.h. */
#include "engine/base/ip.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* RFC 6890 and successors: what is not globally routable unicast. */
static const char *const special_ranges[] = {
	"0.0.0.0/8",	   "10.0.0.0/8",     "100.64.0.0/10", "127.0.0.0/8",	"169.254.0.0/16",
	"172.16.0.0/12",   "192.0.0.0/24",   "192.0.2.0/24",  "192.168.0.0/16", "198.18.0.0/15",
	"198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",   "240.0.0.0/4",	"::/128",
	"::1/128",	   "64:ff9b:1::/48", "100::/64",      "2001:db8::/32",	"fc00::/7",
	"fe80::/10",	   "fec0::/10",	     "ff00::/8",
};

static uint8_t family_bits(const struct ip *ip)
{
	return ip->family == IP_V4 ? 32 : 128;
}

int ip_parse(struct str s, struct ip *out)
{
	char text[INET6_ADDRSTRLEN];
	struct ip ip = {0};
	if (str_to_cstr(s, text, sizeof(text)) != 0)
		return -1;
	if (inet_pton(AF_INET, text, ip.bytes) == 1)
		ip.family = IP_V4;
	else if (inet_pton(AF_INET6, text, ip.bytes) == 1)
		ip.family = IP_V6;
	else
		return -1;
	*out = ip;
	return 0;
}

int ip_range_parse(struct str s, struct ip_range *out)
{
	bool has_bits = str_find_char(s, '/') >= 0;
	struct str rest = s;
	struct ip_range range = {0};
	if (ip_parse(str_take_until(&rest, '/'), &range.ip) != 0)
		return -1;
	uint64_t bits = family_bits(&range.ip);
	if (has_bits && (str_to_u64(rest, &bits) != 0 || bits > family_bits(&range.ip)))
		return -1;
	range.bits = (uint8_t)bits;
	*out = range;
	return 0;
}

int ip_port_parse(struct str s, uint16_t default_port, struct ip_port *out)
{
	struct str host = s;
	struct str port = {0};
	ptrdiff_t colon = str_find_char(s, ':');
	if (s.len > 0 && s.ptr[0] == '[') {
		ptrdiff_t end = str_find_char(s, ']');
		if (end < 0)
			return -1;
		host = str_slice(s, 1, (size_t)end);
		port = str_slice(s, (size_t)end + 1, s.len);
		if (port.len > 0 && port.ptr[0] != ':')
			return -1;
	} else if (colon >= 0 && str_find_char(str_slice(s, (size_t)colon + 1, s.len), ':') < 0) {
		host = str_slice(s, 0, (size_t)colon);
		port = str_slice(s, (size_t)colon, s.len);
	}
	uint64_t number = default_port;
	if (port.len > 0 && str_to_u64(str_slice(port, 1, port.len), &number) != 0)
		return -1;
	struct ip_port at = {.port = (uint16_t)number};
	if (number == 0 || number > UINT16_MAX || ip_parse(host, &at.ip) != 0)
		return -1;
	*out = at;
	return 0;
}

const char *ip_format(const struct ip *ip, char *dst, size_t size)
{
	must(size >= IP_TEXT_SIZE);
	if (ip->family == IP_NONE)
		snprintf(dst, size, "-");
	else
		inet_ntop(ip->family == IP_V4 ? AF_INET : AF_INET6, ip->bytes, dst,
			  (socklen_t)size);
	return dst;
}

const char *ip_port_format(const struct ip_port *at, char *dst, size_t size)
{
	char text[IP_TEXT_SIZE];
	ip_format(&at->ip, text, sizeof(text));
	snprintf(dst, size, at->ip.family == IP_V6 ? "[%s]:%u" : "%s:%u", text, at->port);
	return dst;
}

bool ip_equals(const struct ip *a, const struct ip *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool ip_in_range(const struct ip *ip, const struct ip_range *range)
{
	if (ip->family != range->ip.family)
		return false;
	size_t whole = range->bits / 8;
	if (memcmp(ip->bytes, range->ip.bytes, whole) != 0)
		return false;
	unsigned rest = range->bits % 8u;
	return rest == 0 || ((ip->bytes[whole] ^ range->ip.bytes[whole]) >> (8 - rest)) == 0;
}

/* The IPv4 address inside ::ffff:0:0/96, else the address itself. */
static struct ip unmapped(const struct ip *ip)
{
	static const uint8_t prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	if (ip->family != IP_V6 || memcmp(ip->bytes, prefix, sizeof(prefix)) != 0)
		return *ip;
	struct ip v4 = {.family = IP_V4};
	memcpy(v4.bytes, ip->bytes + sizeof(prefix), 4);
	return v4;
}

bool ip_is_special(const struct ip *ip)
{
	struct ip plain = unmapped(ip);
	if (plain.family == IP_NONE)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(special_ranges); i++) {
		struct ip_range range;
		must(ip_range_parse(str_from(special_ranges[i]), &range) == 0);
		if (ip_in_range(&plain, &range))
			return true;
	}
	return false;
}

socklen_t ip_to_sockaddr(const struct ip *ip, uint16_t port, struct sockaddr_storage *out)
{
	must(ip->family != IP_NONE);
	memset(out, 0, sizeof(*out));
	if (ip->family == IP_V4) {
		struct sockaddr_in *v4 = (struct sockaddr_in *)out;
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		memcpy(&v4->sin_addr, ip->bytes, 4);
		return sizeof(*v4);
	}
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	memcpy(&v6->sin6_addr, ip->bytes, 16);
	return sizeof(*v6);
}

struct ip_port ip_from_sockaddr(const struct sockaddr *sa)
{
	struct ip_port at = {0};
	if (sa->sa_family == AF_INET) {
		struct sockaddr_in v4;
		memcpy(&v4, sa, sizeof(v4));
		at.ip.family = IP_V4;
		at.port = ntohs(v4.sin_port);
		memcpy(at.ip.bytes, &v4.sin_addr, 4);
	} else if (sa->sa_family == AF_INET6) {
		struct sockaddr_in6 v6;
		memcpy(&v6, sa, sizeof(v6));
		at.ip.family = IP_V6;
		at.port = ntohs(v6.sin6_port);
		memcpy(at.ip.bytes, &v6.sin6_addr, 16);
	}
	return at;
}
