/* SPDX-License-Identifier: MIT */
/* SipHash-2-4, process-keyed map hash, kernel randomness, CRC-32C; see hash.h. */
#include "engine/base/hash.h"

#include <pthread.h>
#include <string.h>
#include <sys/random.h>

struct sip {
	uint64_t v0, v1, v2, v3;
};

static uint64_t rotl(uint64_t x, unsigned b)
{
	return (x << b) | (x >> (64 - b));
}

static void sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v1 = rotl(s->v1, 13) ^ s->v0;
	s->v0 = rotl(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotl(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotl(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotl(s->v1, 17) ^ s->v2;
	s->v2 = rotl(s->v2, 32);
}

static uint64_t load_le64(const void *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static void sip_word(struct sip *s, uint64_t word)
{
	s->v3 ^= word;
	sip_round(s);
	sip_round(s);
	s->v0 ^= word;
}

uint64_t hash_keyed(const struct hash_key *key, struct str s)
{
	uint64_t k0 = load_le64(key->bytes);
	uint64_t k1 = load_le64(key->bytes + 8);
	struct sip sip = {k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du,
			  k0 ^ 0x6c7967656e657261u, k1 ^ 0x7465646279746573u};
	size_t whole = s.len / 8 * 8;
	for (size_t i = 0; i < whole; i += 8)
		sip_word(&sip, load_le64(s.ptr + i));
	uint64_t last = (uint64_t)s.len << 56;
	for (size_t i = whole; i < s.len; i++)
		last |= (uint64_t)(unsigned char)s.ptr[i] << (8 * (i - whole));
	sip_word(&sip, last);
	sip.v2 ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(&sip);
	return sip.v0 ^ sip.v1 ^ sip.v2 ^ sip.v3;
}

static struct hash_key map_key;

static void draw_map_key(void)
{
	random_bytes(&map_key, sizeof(map_key));
}

uint64_t hash_str(struct str s)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, draw_map_key);
	return hash_keyed(&map_key, s);
}

void random_bytes(void *out, size_t n)
{
	char *p = out;
	while (n > 0) {
		ssize_t got = getrandom(p, n, 0);
		must(got > 0);
		p += got;
		n -= (size_t)got;
	}
}

uint64_t random_u64(void)
{
	uint64_t v;
	random_bytes(&v, sizeof(v));
	return v;
}

uint64_t prng_next(uint64_t *state)
{
	must(*state != 0);
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545F4914F6CDD1Du;
}

static uint32_t crc_table[256];

static void fill_crc_table(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;
		for (int bit = 0; bit < 8; bit++)
			c = c & 1 ? (c >> 1) ^ 0x82F63B78u : c >> 1;
		crc_table[i] = c;
	}
}

uint32_t crc32c(uint32_t crc, const void *ptr, size_t len)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, fill_crc_table);
	const unsigned char *p = ptr;
	crc = ~crc;
	for (size_t i = 0; i < len; i++)
		crc = crc_table[(crc ^ p[i]) & 0xff] ^ (crc >> 8);
	return ~crc;
}
