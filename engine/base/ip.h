/* SPDX-License-Identifier: MIT */
/*
 * IP addresses, address ranges (CIDR) and endpoints (address and port), as plain values.
 *
 * IPv4 and IPv6 in one struct. An IPv4-mapped IPv6 address (::ffff:a.b.c.d) stays IPv6, but
 * ip_is_special looks at the IPv4 address inside it. Pure; any thread.
 */
#ifndef EDM_ENGINE_BASE_IP_H
#define EDM_ENGINE_BASE_IP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "engine/base/str.h"

enum ip_family { IP_NONE, IP_V4, IP_V6 };

/* Longest text form with its NUL: "[ffff:…:255.255.255.255]:65535". */
#define IP_TEXT_SIZE 64

struct ip {
	uint8_t family;	   /* enum ip_family; IP_NONE = no address */
	uint8_t bytes[16]; /* network order; IPv4 uses the first 4, the rest is 0 */
};

struct ip_range {
	struct ip ip;
	uint8_t bits; /* leading bits that count: 0–32 or 0–128 */
};

struct ip_port {
	struct ip ip;
	uint16_t port;
};

/* "192.0.2.1" or "2001:db8::1"; no brackets, no zone. 0, or -1 on syntax. */
int ip_parse(struct str s, struct ip *out) NODISCARD;
/* "10.0.0.0/8", or an address alone for itself. 0, or -1 on syntax. */
int ip_range_parse(struct str s, struct ip_range *out) NODISCARD;
/* "192.0.2.1", "192.0.2.1:53", "[2001:db8::1]:53"; without a port default_port holds. */
int ip_port_parse(struct str s, uint16_t default_port, struct ip_port *out) NODISCARD;
/* The address as text in dst (size ≥ IP_TEXT_SIZE); returns dst. IP_NONE gives "-". */
const char *ip_format(const struct ip *ip, char *dst, size_t size);
/* "192.0.2.1:53" or "[2001:db8::1]:53" in dst (size ≥ IP_TEXT_SIZE); returns dst. */
const char *ip_port_format(const struct ip_port *at, char *dst, size_t size);
bool ip_equals(const struct ip *a, const struct ip *b);
bool ip_in_range(const struct ip *ip, const struct ip_range *range);
/* True unless the address is globally routable unicast: private, loopback, link-local, shared
 * (RFC 6598), multicast, reserved, unspecified (RFC 6890), also inside ::ffff:0:0/96. */
bool ip_is_special(const struct ip *ip);
/* Fills out for connect or bind and returns its length. ip must not be IP_NONE. */
socklen_t ip_to_sockaddr(const struct ip *ip, uint16_t port, struct sockaddr_storage *out);
/* The address and port in sa; IP_NONE for another family. */
struct ip_port ip_from_sockaddr(const struct sockaddr *sa);

#endif
