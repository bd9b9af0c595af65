/* SPDX-License-Identifier: MIT */
/*
 * A set of positions of one chunk: a bit map of at most CHUNK_MAX, laid out as PostgreSQL's bit
 * strings are. Plain data, passed by pointer; pure.
 */
#ifndef EDM_SCHEDULER_LEDGER_POSITIONS_H
#define EDM_SCHEDULER_LEDGER_POSITIONS_H

#include "engine/pg/rows.h"
#include "scheduler/ledger/ledger.h"

struct positions {
	unsigned char bytes[(CHUNK_MAX + 7) / 8];
	unsigned size; /* positions in the chunk, not in the set */
};

/* The empty set over a chunk of size people. */
static inline void positions_init(struct positions *p, unsigned size)
{
	must(size <= CHUNK_MAX);
	*p = (struct positions){.size = size};
}

static inline bool positions_has(const struct positions *p, unsigned i)
{
	must(i < p->size);
	return (p->bytes[i / 8] & (0x80u >> i % 8)) != 0;
}

static inline void positions_add(struct positions *p, unsigned i)
{
	must(i < p->size);
	p->bytes[i / 8] = (unsigned char)(p->bytes[i / 8] | 0x80u >> i % 8);
}

static inline void positions_take(struct positions *p, unsigned i)
{
	must(i < p->size);
	p->bytes[i / 8] = (unsigned char)(p->bytes[i / 8] & ~(0x80u >> i % 8));
}

static inline unsigned positions_count(const struct positions *p)
{
	unsigned n = 0;
	for (size_t i = 0; i < sizeof(p->bytes); i++)
		n += (unsigned)__builtin_popcount(p->bytes[i]);
	return n;
}

/* For a parameter; points into p. */
static inline struct pg_bits positions_bits(const struct positions *p)
{
	return (struct pg_bits){p->bytes, p->size};
}

/* From a column. */
static inline void positions_load(struct positions *p, struct pg_bits bits)
{
	positions_init(p, (unsigned)bits.count);
	for (size_t i = 0; i < (bits.count + 7) / 8; i++)
		p->bytes[i] = bits.bytes[i];
}

#endif
