/* SPDX-License-Identifier: MIT */
/*
 * Bugs and memory: the two errors nobody handles.
 *
 * must(expr) states an invariant. It is always on; when it is false the program prints file:line
 * and the expression to standard error and aborts. The x-allocators abort when memory is out:
 * budgets make that unreachable, and the ledger's invariants hold after the restart.
 * Any thread.
 */
#ifndef EDM_ENGINE_BASE_MUST_H
#define EDM_ENGINE_BASE_MUST_H

#include <stddef.h>

#define NODISCARD __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define must(expr) ((expr) ? (void)0 : must_failed(#expr, __FILE__, __LINE__))

/* Reports a broken invariant and aborts. Call it through must(). */
__attribute__((noreturn)) void must_failed(const char *expr, const char *file, int line);

/* n bytes, uninitialised; n may be 0. Never NULL. Release with free(). */
void *xmalloc(size_t n);
/* count × size bytes, zeroed; aborts on overflow of the product. */
void *xcalloc(size_t count, size_t size);
/* Grows or shrinks p (may be NULL) to n bytes. */
void *xrealloc(void *p, size_t n);
/* A NUL-terminated copy of s. */
char *xstrdup(const char *s);
/* A NUL-terminated copy of the len bytes at ptr. */
char *xstrndup(const char *ptr, size_t len);

#endif
