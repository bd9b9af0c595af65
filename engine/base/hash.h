/* SPDX-License-Identifier: MIT */
/*
 * Hashing and randomness.
 *
 * hash_keyed is SipHash-2-4: with the installation's key it makes the recipient id (rid) from the
 * folded address, so it must never change. hash_str is for hash maps in memory: the same function
 * under a key drawn once per process. random_u64 is for shuffles and jitter, random_bytes for
 * secrets. Any thread.
 */
#ifndef EDM_ENGINE_BASE_HASH_H
#define EDM_ENGINE_BASE_HASH_H

#include "engine/base/str.h"

struct hash_key {
	uint8_t bytes[16];
};

uint64_t hash_keyed(const struct hash_key *key, struct str s);
uint64_t hash_str(struct str s);
/* Bytes from the kernel's generator; aborts if it has none. */
void random_bytes(void *out, size_t n);
uint64_t random_u64(void);

/* A small deterministic generator for pure code and simulations: xorshift64*. *state is never 0. */
uint64_t prng_next(uint64_t *state);
/* CRC-32C of the bytes, continuing from crc (0 at first); for journal records. */
uint32_t crc32c(uint32_t crc, const void *ptr, size_t len);

#endif
