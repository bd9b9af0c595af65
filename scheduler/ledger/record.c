/* SPDX-License-Identifier: MIT */
/* Journal records to bytes and back; see record.h. */
#include "scheduler/ledger/record.h"

#include <string.h>

#include "engine/base/hash.h"

#define MAGIC "edmj"
#define RECORD_HEAD 8u	/* size, complement, checksum */
#define PAYLOAD_MIN 17u /* type and key */
/* A reply's words are bounded where they are parsed; this is the last resort. */
#define STRING_MAX 3000u

void journal_header_write(struct buf *out, const struct journal_header *h)
{
	size_t start = out->len;
	buf_append(out, MAGIC, 4);
	buf_append_be32(out, JOURNAL_FORMAT);
	buf_append(out, h->installation, 16);
	buf_append(out, h->journal, 16);
	buf_append_be32(out, (uint32_t)h->incarnation);
	buf_append(out, h->boot, 16);
	buf_append_be16(out, h->stream);
	buf_append_be16(out, h->streams);
	buf_append_be64(out, h->sequence);
	buf_append_u8(out, h->is_durable);
	must(!out->is_truncated);
	buf_append_be32(out, crc32c(0, out->data + start, out->len - start));
	must(!out->is_truncated && out->len - start == JOURNAL_HEADER_SIZE);
}

/* Reading: a cursor that, once past the end, only gives zeros. */
struct cursor {
	struct str rest;
	bool is_bad; /* or not what a writer of ours would write */
};

static const char *take(struct cursor *c, size_t n)
{
	static const char zeros[16];
	if (c->rest.len < n) {
		c->is_bad = true;
		c->rest.len = 0;
		must(n <= sizeof(zeros));
		return zeros;
	}
	const char *at = c->rest.ptr;
	c->rest = str_slice(c->rest, n, c->rest.len);
	return at;
}

static uint64_t take_int(struct cursor *c, size_t bytes)
{
	const unsigned char *at = (const unsigned char *)take(c, bytes);
	uint64_t v = 0;
	for (size_t i = 0; i < bytes; i++)
		v = v << 8 | at[i];
	return v;
}

static int32_t take_i32(struct cursor *c)
{
	return (int32_t)(uint32_t)take_int(c, 4);
}

static int16_t take_i16(struct cursor *c)
{
	return (int16_t)(uint16_t)take_int(c, 2);
}

static struct str take_str(struct cursor *c)
{
	size_t len = (size_t)take_int(c, 2);
	if (len > STRING_MAX || len > c->rest.len) {
		c->is_bad = true;
		len = 0;
	}
	struct str s = str_slice(c->rest, 0, len);
	c->rest = str_slice(c->rest, len, c->rest.len);
	return s;
}

int journal_header_read(struct str bytes, struct journal_header *out)
{
	struct cursor c = {.rest = bytes};
	if (bytes.len < JOURNAL_HEADER_SIZE || memcmp(bytes.ptr, MAGIC, 4) != 0)
		return -1;
	uint32_t want_crc = crc32c(0, bytes.ptr, JOURNAL_HEADER_SIZE - 4);
	take(&c, 4);
	if (take_int(&c, 4) != JOURNAL_FORMAT)
		return -1;
	struct journal_header h;
	memcpy(h.installation, take(&c, 16), 16);
	memcpy(h.journal, take(&c, 16), 16);
	h.incarnation = take_i32(&c);
	memcpy(h.boot, take(&c, 16), 16);
	h.stream = (uint16_t)take_int(&c, 2);
	h.streams = (uint16_t)take_int(&c, 2);
	h.sequence = take_int(&c, 8);
	h.is_durable = take_int(&c, 1) != 0;
	if (take_int(&c, 4) != want_crc)
		return -1;
	*out = h;
	return 0;
}

/* ---- writing records ---- */

/* Leaves room for size and checksum and writes type and key; finish() fills the room. */
static size_t start(struct buf *out, enum journal_type type, const struct journal_key *key)
{
	size_t at = out->len;
	buf_append_be64(out, 0);
	buf_append_u8(out, (uint8_t)type);
	buf_append_be32(out, (uint32_t)key->campaign);
	buf_append_be32(out, (uint32_t)key->chunk);
	buf_append_be32(out, (uint32_t)key->epoch);
	buf_append_be16(out, key->position);
	buf_append_be16(out, (uint16_t)key->attempt);
	return at;
}

static uint32_t record_crc(const char *record, size_t payload)
{
	return crc32c(crc32c(0, record, 4), record + RECORD_HEAD, payload);
}

static void finish(struct buf *out, size_t at)
{
	must(!out->is_truncated);
	char *record = out->data + at;
	size_t payload = out->len - at - RECORD_HEAD;
	must(payload <= JOURNAL_PAYLOAD_MAX);
	uint32_t size = __builtin_bswap32((uint32_t)payload << 16 | (~(uint32_t)payload & 0xffff));
	memcpy(record, &size, sizeof(size));
	uint32_t crc = __builtin_bswap32(record_crc(record, payload));
	memcpy(record + sizeof(size), &crc, sizeof(crc));
}

static void put_str(struct buf *out, struct str s)
{
	s = str_slice(s, 0, STRING_MAX);
	buf_append_be16(out, (uint16_t)s.len);
	buf_append_str(out, s);
}

void journal_intent_write(struct buf *out, const struct journal_key *key)
{
	finish(out, start(out, JOURNAL_INTENT, key));
}

void journal_retract_write(struct buf *out, const struct journal_key *key)
{
	finish(out, start(out, JOURNAL_RETRACT, key));
}

void journal_outcome_write(struct buf *out, const struct journal_key *key,
			   const struct settlement *s)
{
	size_t at = start(out, JOURNAL_OUTCOME, key);
	buf_append_be64(out, (uint64_t)s->rid);
	buf_append_be32(out, (uint32_t)s->domain_id);
	buf_append_be32(out, (uint32_t)s->version);
	buf_append_u8(out, (uint8_t)s->state);
	buf_append_u8(out, (uint8_t)s->klass);
	buf_append_u8(out, (uint8_t)s->cause);
	buf_append_u8(out, (uint8_t)s->scope);
	buf_append_u8(out, (uint8_t)s->words);
	buf_append_u8(out, (uint8_t)s->stage);
	buf_append_be16(out, s->code);
	buf_append_be32(out, (uint32_t)s->enhanced);
	buf_append_be64(out, (uint64_t)s->template_hash);
	buf_append_be32(out, (uint32_t)s->source_id);
	buf_append_be16(out, (uint16_t)s->tls);
	buf_append_be64(out, (uint64_t)s->at_us);
	buf_append_be32(out, (uint32_t)s->took_ms);
	buf_append_be32(out, (uint32_t)s->age_s);
	buf_append_u8(out, s->suppress);
	buf_append_be64(out, (uint64_t)s->retry.due_at_us);
	buf_append_be16(out, (uint16_t)s->retry.attempts);
	buf_append_be16(out, (uint16_t)s->retry.flags);
	buf_append_be32(out, (uint32_t)s->retry.age_s);
	buf_append_be32(out, (uint32_t)s->retry.version);
	buf_append_be32(out, (uint32_t)s->retry.source_id);
	buf_append_be64(out, (uint64_t)s->retry.prefer_until_us);
	buf_append_be32(out, (uint32_t)s->retry.node);
	put_str(out, s->template_text);
	put_str(out, s->vars);
	put_str(out, s->provider);
	put_str(out, s->mx);
	put_str(out, s->rule);
	finish(out, at);
}

/* ---- reading records ---- */

static void read_settlement(struct cursor *c, struct settlement *s)
{
	s->rid = (int64_t)take_int(c, 8);
	s->domain_id = take_i32(c);
	s->version = take_i32(c);
	s->state = (enum recipient_state)take_int(c, 1);
	s->klass = (unsigned)take_int(c, 1);
	s->cause = (unsigned)take_int(c, 1);
	s->scope = (unsigned)take_int(c, 1);
	s->words = (unsigned)take_int(c, 1);
	s->stage = (unsigned)take_int(c, 1);
	s->code = (uint16_t)take_int(c, 2);
	s->enhanced = take_i32(c);
	s->template_hash = (int64_t)take_int(c, 8);
	s->source_id = take_i32(c);
	s->tls = take_i16(c);
	s->at_us = (int64_t)take_int(c, 8);
	s->took_ms = take_i32(c);
	s->age_s = take_i32(c);
	uint64_t suppress = take_int(c, 1);
	s->suppress = suppress == 1;
	c->is_bad = c->is_bad || suppress > 1;
	s->retry.due_at_us = (int64_t)take_int(c, 8);
	s->retry.attempts = take_i16(c);
	s->retry.flags = take_i16(c);
	s->retry.age_s = take_i32(c);
	s->retry.version = take_i32(c);
	s->retry.source_id = take_i32(c);
	s->retry.prefer_until_us = (int64_t)take_int(c, 8);
	s->retry.node = take_i32(c);
	s->template_text = take_str(c);
	s->vars = take_str(c);
	s->provider = take_str(c);
	s->mx = take_str(c);
	s->rule = take_str(c);
}

/* A settlement the flush would take. */
static bool is_sound(const struct settlement *s)
{
	bool known = s->state == RECIPIENT_DEFERRED ||
		     (recipient_state_is_final(s->state) && s->state < RECIPIENT_STATE_END);
	return known && (s->klass != 0 || s->state == RECIPIENT_DEFERRED);
}

static bool read_payload(struct str payload, struct journal_record *out)
{
	struct cursor c = {.rest = payload};
	struct journal_record r = {.type = (enum journal_type)take_int(&c, 1)};
	r.key.campaign = take_i32(&c);
	r.key.chunk = take_i32(&c);
	r.key.epoch = take_i32(&c);
	r.key.position = (uint16_t)take_int(&c, 2);
	r.key.attempt = take_i16(&c);
	if (r.key.position >= CHUNK_MAX)
		return false;
	r.settlement.position = r.key.position;
	r.settlement.attempt = r.key.attempt;
	if (r.type == JOURNAL_OUTCOME) {
		read_settlement(&c, &r.settlement);
		if (!is_sound(&r.settlement))
			return false;
	} else if (r.type != JOURNAL_INTENT && r.type != JOURNAL_RETRACT) {
		return false;
	}
	if (c.is_bad || c.rest.len != 0)
		return false;
	*out = r;
	return true;
}

static bool is_all_zero(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] != 0)
			return false;
	return true;
}

/* Something is wrong with the record whose bytes end there. */
static enum journal_scan fault_before(struct str behind)
{
	return is_all_zero(behind) ? JOURNAL_SPOILED : JOURNAL_CORRUPT;
}

enum journal_scan journal_record_read(struct str *rest, struct journal_record *out)
{
	if (rest->len == 0)
		return JOURNAL_END;
	struct cursor c = {.rest = *rest};
	size_t size = (size_t)take_int(&c, 2);
	size_t complement = (size_t)take_int(&c, 2);
	uint32_t crc = (uint32_t)take_int(&c, 4);
	if (c.is_bad || is_all_zero(*rest))
		return JOURNAL_TORN;
	if ((size ^ complement) != 0xffff || size < PAYLOAD_MIN || size > JOURNAL_PAYLOAD_MAX)
		return fault_before(c.rest);
	if (size > c.rest.len)
		return JOURNAL_TORN;
	struct str behind = str_slice(c.rest, size, c.rest.len);
	if (record_crc(rest->ptr, size) != crc)
		return fault_before(behind);
	if (!read_payload(str_slice(c.rest, 0, size), out))
		return JOURNAL_CORRUPT;
	*rest = behind;
	return JOURNAL_RECORD;
}
