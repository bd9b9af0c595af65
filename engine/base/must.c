/* SPDX-License-Identifier: MIT */
/* Invariants and allocation that cannot fail; see must.h. */
#include "engine/base/must.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void must_failed(const char *expr, const char *file, int line)
{
	fprintf(stderr, "level=error event=bug at=%s:%d broken=\"%s\"\n", file, line, expr);
	fflush(stderr);
	abort();
}

void *xmalloc(size_t n)
{
	void *p = (malloc)(n ? n : 1);
	must(p != NULL);
	return p;
}

void *xcalloc(size_t count, size_t size)
{
	must(size == 0 || count <= SIZE_MAX / size);
	void *p = (calloc)(count ? count : 1, size ? size : 1);
	must(p != NULL);
	return p;
}

void *xrealloc(void *p, size_t n)
{
	void *q = (realloc)(p, n ? n : 1);
	must(q != NULL);
	return q;
}

char *xstrdup(const char *s)
{
	return xstrndup(s, strlen(s));
}

char *xstrndup(const char *ptr, size_t len)
{
	char *p = xmalloc(len + 1);
	if (len > 0)
		memcpy(p, ptr, len);
	p[len] = '\0';
	return p;
}
