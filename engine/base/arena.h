/* SPDX-License-Identifier: MIT */
/*
 * Memory with one lifespan: many small allocations, freed together.
 *
 * Everything handed out lives until arena_reset or arena_done. One owner, one thread at a time.
 */
#ifndef EDM_ENGINE_BASE_ARENA_H
#define EDM_ENGINE_BASE_ARENA_H

#include <stddef.h>

#include "engine/base/str.h"

#define ARENA_ALIGN sizeof(max_align_t)

struct arena_block;

struct arena {
	struct arena_block *head; /* the block being filled; older ones behind it */
	size_t block_size;	  /* bytes of a fresh block */
	size_t used;		  /* bytes handed out since the last reset, for budgets */
};

/* block_size 0 means 4 KiB. Nothing is allocated until the first use. */
void arena_init(struct arena *a, size_t block_size);
void arena_done(struct arena *a);
/* What is handed out next lies in one block, up to n bytes of it, each piece rounded up to
 * ARENA_ALIGN. Before the first use, or it wastes the rest of a block. */
void arena_reserve(struct arena *a, size_t n);
/* Forgets everything handed out; keeps one block. */
void arena_reset(struct arena *a);
/* n bytes, zeroed, aligned for any type. */
void *arena_alloc(struct arena *a, size_t n);
/* A copy of s; NUL-terminated after len. */
struct str arena_str(struct arena *a, struct str s);
/* A NUL-terminated copy of s. */
char *arena_cstr(struct arena *a, struct str s);
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
