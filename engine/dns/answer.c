/* SPDX-License-Identifier: MIT */
/* Parser of raw DNS answers (RFC 1035 4.1, RFC 2308, RFC 3596); see answer.h. */
#include "engine/dns/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"

#define HEADER_SIZE 12
#define CLASS_IN 1
#define RCODE_NXDOMAIN 3
/* Cap of what a packet can make us do: CNAMEs remembered before the chain is walked. */
#define CNAMES_MAX 64

/* A cursor over the packet; a read past the end sets is_bad and gives zeros. */
struct reader {
	const uint8_t *data;
	size_t len;
	size_t at;
	bool is_bad;
};

struct header {
	bool is_response;
	unsigned rcode;
	unsigned questions, answers, authorities;
};

/* One resource record, its data not yet read. */
struct rr {
	struct str owner; /* normalised, or empty when it is no host name */
	unsigned type, class;
	uint32_t ttl_s;
	size_t data_at, data_len;
};

struct cname {
	struct str owner, target;
	uint32_t ttl_s;
};

/* A record of the type asked, before we know whether its owner is the end of the chain. */
struct found {
	struct str owner;
	uint32_t ttl_s;
	struct dns_record record;
};

struct parse {
	struct reader in;
	struct arena *arena;
	enum dns_type type;
	struct cname cnames[CNAMES_MAX];
	size_t cname_count;
	struct found *found;
	size_t found_count, found_max;
	bool has_soa;
	uint32_t negative_ttl_s;
};

static unsigned read_u8(struct reader *r)
{
	if (r->at >= r->len) {
		r->is_bad = true;
		return 0;
	}
	return r->data[r->at++];
}

static unsigned read_u16(struct reader *r)
{
	unsigned high = read_u8(r);
	return high << 8 | read_u8(r);
}

static uint32_t read_u32(struct reader *r)
{
	uint32_t high = read_u16(r);
	return high << 16 | read_u16(r);
}

static bool is_host_char(char c)
{
	return ascii_is_alnum(c) || c == '-' || c == '_';
}

int dns_name_normalise(struct str name, char dst[DNS_NAME_MAX + 1], struct str *out)
{
	if (name.len > 1 && name.ptr[name.len - 1] == '.')
		name.len--;
	if (name.len == 0 || name.len > DNS_NAME_MAX)
		return -1;
	size_t label = 0;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];
		if (c == '.' ? label == 0 : !is_host_char(c) || label == 63)
			return -1;
		label = c == '.' ? 0 : label + 1;
		dst[i] = ascii_lower(c);
	}
	if (label == 0)
		return -1;
	dst[name.len] = '\0';
	*out = str_of(dst, name.len);
	return 0;
}

/* Reads length-prefixed labels and compression pointers (RFC 1035 4.1.4) to text in dst; returns
 * its length with a dot after each label (0: the root), or -1 when some byte has no place in a host
 * name. */
static ptrdiff_t read_labels(struct reader *in, char dst[DNS_NAME_MAX + 2])
{
	struct reader r = *in;
	size_t len = 0;
	size_t limit = in->at; /* a pointer must go before everything read so far */
	bool has_jumped = false, is_host = true;
	for (;;) {
		unsigned n = read_u8(&r);
		if (n >= 0xC0) {
			size_t target = (n & 0x3Fu) << 8 | read_u8(&r);
			if (!has_jumped)
				in->at = r.at;
			has_jumped = true;
			r.is_bad |= target >= limit;
			limit = r.at = target;
		} else if (n > 63 || len + n + 1 > DNS_NAME_MAX + 1) {
			r.is_bad |= n != 0;
		}
		if (r.is_bad || n == 0)
			break;
		for (unsigned i = 0; n < 0xC0 && i < n; i++) {
			dst[len] = ascii_lower((char)read_u8(&r));
			is_host &= is_host_char(dst[len++]);
		}
		if (n < 0xC0)
			dst[len++] = '.';
	}
	if (!has_jumped)
		in->at = r.at;
	in->is_bad |= r.is_bad;
	return is_host && !r.is_bad ? (ptrdiff_t)len : -1;
}

/* A name from the packet: normalised text in the arena, "." for the root, empty for a name that
 * is no host name. */
static struct str read_name(struct reader *in, struct arena *arena)
{
	char text[DNS_NAME_MAX + 2];
	ptrdiff_t len = read_labels(in, text);
	if (len > 0)
		return arena_str(arena, str_of(text, (size_t)len - 1));
	return len == 0 ? STR(".") : (struct str){0};
}

static struct header read_header(struct reader *in)
{
	struct header h = {0};
	read_u16(in); /* id: c-ares has matched it */
	unsigned flags = read_u16(in);
	h.is_response = (flags & 0x8000u) != 0;
	h.rcode = flags & 0xFu;
	h.questions = read_u16(in);
	h.answers = read_u16(in);
	h.authorities = read_u16(in);
	read_u16(in); /* additional: never read, so never believed */
	return h;
}

static void skip_questions(struct parse *p, unsigned count)
{
	for (unsigned i = 0; i < count && !p->in.is_bad; i++) {
		char text[DNS_NAME_MAX + 2];
		(void)read_labels(&p->in, text);
		(void)read_u32(&p->in);
	}
}

static struct rr read_rr(struct parse *p)
{
	struct rr rr = {.owner = read_name(&p->in, p->arena)};
	rr.type = read_u16(&p->in);
	rr.class = read_u16(&p->in);
	rr.ttl_s = read_u32(&p->in);
	if (rr.ttl_s > INT32_MAX)
		rr.ttl_s = 0; /* RFC 2181 8 */
	rr.data_len = read_u16(&p->in);
	rr.data_at = p->in.at;
	if (p->in.is_bad || rr.data_len > p->in.len - p->in.at)
		p->in.is_bad = true;
	else
		p->in.at += rr.data_len;
	return rr;
}

/* A reader of the record's data: it may follow pointers before it, but not read past its end. */
static struct reader data_of(const struct parse *p, const struct rr *rr)
{
	return (struct reader){
		.data = p->in.data, .len = rr->data_at + rr->data_len, .at = rr->data_at};
}

static struct str read_txt(struct reader *data, struct arena *arena)
{
	struct buf text;
	buf_init(&text, DNS_TXT_MAX);
	while (data->at < data->len) {
		size_t n = read_u8(data);
		if (n > data->len - data->at)
			n = data->len - data->at;
		buf_append(&text, data->data + data->at, n);
		data->at += n;
	}
	struct str copy = arena_str(arena, buf_str(&text));
	buf_done(&text);
	return copy;
}

static bool read_address(struct reader *data, enum ip_family family, struct ip *out)
{
	size_t size = family == IP_V4 ? 4 : 16;
	if (data->len - data->at != size)
		return false;
	out->family = (uint8_t)family;
	memcpy(out->bytes, data->data + data->at, size);
	return true;
}

/* Reads the data of a record of the type asked; false when it is malformed: the record is
 * dropped, the rest of the packet holds. */
static bool read_data(struct parse *p, const struct rr *rr, struct dns_record *out)
{
	struct reader data = data_of(p, rr);
	switch (p->type) {
	case DNS_A:
		return read_address(&data, IP_V4, &out->ip);
	case DNS_AAAA:
		return read_address(&data, IP_V6, &out->ip);
	case DNS_MX:
		out->preference = (uint16_t)read_u16(&data);
		out->name = read_name(&data, p->arena);
		return !data.is_bad;
	case DNS_PTR:
		out->name = read_name(&data, p->arena);
		return !data.is_bad;
	case DNS_TXT:
		out->name = read_txt(&data, p->arena);
		return true;
	case DNS_CNAME:
	case DNS_SOA:
		return false;
	}
	return false;
}

static void take_answer(struct parse *p, const struct rr *rr)
{
	if (rr->class != CLASS_IN || rr->owner.len == 0)
		return;
	if (rr->type == DNS_CNAME && p->cname_count < CNAMES_MAX) {
		struct reader data = data_of(p, rr);
		struct str target = read_name(&data, p->arena);
		if (!data.is_bad)
			p->cnames[p->cname_count++] = (struct cname){rr->owner, target, rr->ttl_s};
	} else if (rr->type == p->type && p->found_count < p->found_max) {
		struct found *f = &p->found[p->found_count];
		*f = (struct found){.owner = rr->owner, .ttl_s = rr->ttl_s};
		if (read_data(p, rr, &f->record))
			p->found_count++;
	}
}

/* SOA rdata: mname rname serial refresh retry expire minimum (RFC 1035 3.3.13). */
static void take_authority(struct parse *p, const struct rr *rr)
{
	if (rr->type != DNS_SOA || rr->class != CLASS_IN || p->has_soa)
		return;
	struct reader data = data_of(p, rr);
	char name[DNS_NAME_MAX + 2];
	(void)read_labels(&data, name);
	(void)read_labels(&data, name);
	for (int i = 0; i < 4; i++)
		(void)read_u32(&data);
	uint32_t minimum = read_u32(&data);
	if (data.is_bad)
		return;
	p->has_soa = true;
	p->negative_ttl_s = minimum < rr->ttl_s ? minimum : rr->ttl_s;
}

/* Walks the chain from answer->name; false when it loops or is longer than DNS_CHAIN_MAX. */
static bool follow_chain(const struct parse *p, struct dns_answer *answer)
{
	for (int hops = 0; hops <= DNS_CHAIN_MAX; hops++) {
		size_t i = 0;
		while (i < p->cname_count && !str_equals(p->cnames[i].owner, answer->name))
			i++;
		if (i == p->cname_count)
			return true;
		answer->name = p->cnames[i].target;
		if (p->cnames[i].ttl_s < answer->ttl_s)
			answer->ttl_s = p->cnames[i].ttl_s;
	}
	return false;
}

/* Keeps the records owned by the end of the chain. */
static void keep_records(struct parse *p, struct dns_answer *answer)
{
	struct dns_record *records = arena_alloc(p->arena, p->found_count * sizeof(*records));
	for (size_t i = 0; i < p->found_count; i++) {
		if (!str_equals(p->found[i].owner, answer->name))
			continue;
		records[answer->count++] = p->found[i].record;
		if (p->found[i].ttl_s < answer->ttl_s)
			answer->ttl_s = p->found[i].ttl_s;
	}
	answer->records = records;
}

static void conclude(struct parse *p, const struct header *h, struct dns_answer *answer)
{
	struct str asked = answer->name;
	answer->ttl_s = INT32_MAX;
	if (!follow_chain(p, answer)) {
		*answer = (struct dns_answer){.status = DNS_MALFORMED, .name = asked};
		return;
	}
	if (h->rcode != RCODE_NXDOMAIN)
		keep_records(p, answer);
	bool is_alias = !str_equals(answer->name, asked) && answer->name.len > 1;
	if (answer->count > 0) {
		answer->status = DNS_OK;
		return;
	}
	answer->status = h->rcode == RCODE_NXDOMAIN ? DNS_NXDOMAIN
			 : is_alias && !p->has_soa  ? DNS_ALIAS
						    : DNS_NODATA;
	uint32_t negative = p->has_soa ? p->negative_ttl_s : 0;
	if (answer->status != DNS_ALIAS && negative < answer->ttl_s)
		answer->ttl_s = negative;
}

struct dns_answer dns_parse(struct str packet, struct str name, enum dns_type type,
			    struct arena *arena)
{
	struct dns_answer answer = {.status = DNS_MALFORMED, .name = name};
	struct parse p = {.arena = arena, .type = type};
	p.in = (struct reader){.data = (const uint8_t *)packet.ptr, .len = packet.len};
	struct header h = read_header(&p.in);
	if (p.in.is_bad || !h.is_response)
		return answer;
	if (h.rcode != 0 && h.rcode != RCODE_NXDOMAIN) {
		answer.status = DNS_SERVFAIL;
		return answer;
	}
	p.found_max = h.answers < DNS_RECORDS_MAX ? h.answers : DNS_RECORDS_MAX;
	p.found = arena_alloc(arena, p.found_max * sizeof(*p.found));
	skip_questions(&p, h.questions);
	for (unsigned i = 0; i < h.answers && !p.in.is_bad; i++) {
		struct rr rr = read_rr(&p);
		if (!p.in.is_bad)
			take_answer(&p, &rr);
	}
	for (unsigned i = 0; i < h.authorities && !p.in.is_bad; i++) {
		struct rr rr = read_rr(&p);
		if (!p.in.is_bad)
			take_authority(&p, &rr);
	}
	if (!p.in.is_bad)
		conclude(&p, &h, &answer);
	return answer;
}

/* Copies s to *at and moves *at on. */
static struct str place(char **at, struct str s)
{
	struct str copy = str_of(*at, s.len);
	if (s.len > 0)
		memcpy(*at, s.ptr, s.len);
	(*at)[s.len] = '\0';
	*at += s.len + 1;
	return copy;
}

struct dns_answer *dns_answer_copy(const struct dns_answer *answer, size_t *size_out)
{
	size_t size = sizeof(*answer) + answer->count * sizeof(*answer->records);
	size_t text = answer->name.len + 1;
	for (size_t i = 0; i < answer->count; i++)
		text += answer->records[i].name.len + 1;
	struct dns_answer *copy = xmalloc(size + text);
	struct dns_record *records = (struct dns_record *)(copy + 1);
	char *at = (char *)copy + size;
	*copy = *answer;
	copy->records = records;
	copy->name = place(&at, answer->name);
	for (size_t i = 0; i < answer->count; i++) {
		records[i] = answer->records[i];
		records[i].name = place(&at, answer->records[i].name);
	}
	*size_out = size + text;
	return copy;
}

struct str dns_reverse_name(const struct ip *ip, char dst[DNS_NAME_MAX + 1])
{
	static const char hex[] = "0123456789abcdef";
	size_t size = DNS_NAME_MAX + 1;
	const uint8_t *b = ip->bytes;
	if (ip->family == IP_V4) {
		int n = snprintf(dst, size, "%u.%u.%u.%u.in-addr.arpa", b[3], b[2], b[1], b[0]);
		return str_of(dst, (size_t)n);
	}
	char *at = dst;
	for (int i = 15; i >= 0; i--) {
		*at++ = hex[b[i] & 0xF];
		*at++ = '.';
		*at++ = hex[b[i] >> 4];
		*at++ = '.';
	}
	snprintf(at, size - (size_t)(at - dst), "ip6.arpa");
	return str_from(dst);
}

int64_t dns_keep_ms(uint32_t ttl_s, int64_t min_ms, int64_t max_ms)
{
	int64_t ms = (int64_t)ttl_s * 1000;
	if (ms < min_ms)
		return min_ms;
	return ms > max_ms ? max_ms : ms;
}

const char *dns_status_name(enum dns_status status)
{
	static const char *const names[] = {
#define X(suffix, name) [DNS_##suffix] = name,
		DNS_STATUSES(X)
#undef X
	};
	return names[status];
}
