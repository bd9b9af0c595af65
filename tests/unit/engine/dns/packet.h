/* SPDX-License-Identifier: MIT */
/* Builds DNS packets for tests, field by field, so that broken ones can be built as well. */
#ifndef EDM_TESTS_UNIT_ENGINE_DNS_PACKET_H
#define EDM_TESTS_UNIT_ENGINE_DNS_PACKET_H

#include "engine/base/buf.h"

/* Labels of a dotted name and the root. */
static inline void packet_name(struct buf *b, const char *name)
{
	struct str rest = str_from(name);
	while (rest.len > 0) {
		struct str label = str_take_until(&rest, '.');
		buf_append_u8(b, (uint8_t)label.len);
		buf_append_str(b, label);
	}
	buf_append_u8(b, 0);
}

/* Header of a response with one question for (name, type), and that many answers to follow. */
static inline void packet_start(struct buf *b, unsigned rcode, const char *name, unsigned type,
				unsigned answers)
{
	buf_init(b, 65535);
	buf_append_be16(b, 0x1234);
	buf_append_be16(b, (uint16_t)(0x8180u | rcode));
	buf_append_be16(b, 1);
	buf_append_be16(b, (uint16_t)answers);
	buf_append_be32(b, 0); /* neither authorities nor additional records */
	packet_name(b, name);
	buf_append_be16(b, (uint16_t)type);
	buf_append_be16(b, 1);
}

/* Says in the header how many authority records follow (at most 255). */
static inline void packet_set_authorities(struct buf *b, unsigned count)
{
	b->data[9] = (char)count;
}

/* Owner, type, class IN, TTL, length; the data follows. */
static inline void packet_rr(struct buf *b, const char *owner, unsigned type, uint32_t ttl_s,
			     size_t len)
{
	packet_name(b, owner);
	buf_append_be16(b, (uint16_t)type);
	buf_append_be16(b, 1);
	buf_append_be32(b, ttl_s);
	buf_append_be16(b, (uint16_t)len);
}

static inline size_t packet_name_size(const char *name)
{
	return name[0] == '\0' ? 1 : str_from(name).len + 2;
}

static inline void packet_mx(struct buf *b, const char *owner, uint32_t ttl_s, unsigned preference,
			     const char *host)
{
	packet_rr(b, owner, 15, ttl_s, 2 + packet_name_size(host));
	buf_append_be16(b, (uint16_t)preference);
	packet_name(b, host);
}

static inline void packet_cname(struct buf *b, const char *owner, uint32_t ttl_s,
				const char *target)
{
	packet_rr(b, owner, 5, ttl_s, packet_name_size(target));
	packet_name(b, target);
}

static inline void packet_a(struct buf *b, const char *owner, uint32_t ttl_s, uint32_t ip)
{
	packet_rr(b, owner, 1, ttl_s, 4);
	buf_append_be32(b, ip);
}

static inline void packet_soa(struct buf *b, const char *owner, uint32_t ttl_s, uint32_t minimum_s)
{
	packet_rr(b, owner, 6, ttl_s, 2 + 20);
	packet_name(b, "");
	packet_name(b, "");
	for (int i = 0; i < 4; i++)
		buf_append_be32(b, 1);
	buf_append_be32(b, minimum_s);
}

#endif
