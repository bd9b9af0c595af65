/* SPDX-License-Identifier: MIT */
/* Arena allocation in a chain of blocks; see arena.h. */
#include "engine/base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_BLOCK 4096u

struct arena_block {
	struct arena_block *next;
	size_t cap;
	size_t used;
	max_align_t data[];
};

void arena_init(struct arena *a, size_t block_size)
{
	*a = (struct arena){.block_size = block_size ? block_size : DEFAULT_BLOCK};
}

static void free_chain(struct arena_block *block)
{
	while (block != NULL) {
		struct arena_block *next = block->next;
		free(block);
		block = next;
	}
}

void arena_done(struct arena *a)
{
	if (a == NULL)
		return;
	free_chain(a->head);
	a->head = NULL;
	a->used = 0;
}

void arena_reset(struct arena *a)
{
	if (a->head != NULL) {
		free_chain(a->head->next);
		a->head->next = NULL;
		a->head->used = 0;
	}
	a->used = 0;
}

static void add_block(struct arena *a, size_t cap)
{
	struct arena_block *block = xmalloc(sizeof(*block) + cap);
	*block = (struct arena_block){.next = a->head, .cap = cap};
	a->head = block;
}

void arena_reserve(struct arena *a, size_t n)
{
	if (a->head == NULL || a->head->cap - a->head->used < n)
		add_block(a, n);
}

void *arena_alloc(struct arena *a, size_t n)
{
	must(n < SIZE_MAX / 2);
	n = (n + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
	if (a->head == NULL || a->head->cap - a->head->used < n)
		add_block(a, n > a->block_size ? n : a->block_size);
	void *p = (char *)a->head->data + a->head->used;
	a->head->used += n;
	a->used += n;
	memset(p, 0, n);
	return p;
}

struct str arena_str(struct arena *a, struct str s)
{
	return str_of(arena_cstr(a, s), s.len);
}

char *arena_cstr(struct arena *a, struct str s)
{
	char *p = arena_alloc(a, s.len + 1);
	if (s.len > 0)
		memcpy(p, s.ptr, s.len);
	return p;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	va_list again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	must(n >= 0);
	char *p = arena_alloc(a, (size_t)n + 1);
	vsnprintf(p, (size_t)n + 1, fmt, again);
	va_end(again);
	return p;
}
