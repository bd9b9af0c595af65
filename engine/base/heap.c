/* SPDX-License-Identifier: MIT */
/* Intrusive binary min-heap; see heap.h. */
#include "engine/base/heap.h"

#include <stdlib.h>

#include "engine/base/must.h"

void heap_init(struct heap *h)
{
	*h = (struct heap){0};
}

void heap_done(struct heap *h)
{
	if (h == NULL)
		return;
	free(h->nodes);
	*h = (struct heap){0};
}

bool heap_has(const struct heap_node *node)
{
	return node->place != 0;
}

static void put(struct heap *h, size_t i, struct heap_node *node)
{
	h->nodes[i] = node;
	node->place = i + 1;
}

static void sift_up(struct heap *h, size_t i, struct heap_node *node)
{
	while (i > 0 && h->nodes[(i - 1) / 2]->key > node->key) {
		put(h, i, h->nodes[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	put(h, i, node);
}

static void sift_down(struct heap *h, size_t i, struct heap_node *node)
{
	for (;;) {
		size_t child = 2 * i + 1;
		if (child >= h->count)
			break;
		if (child + 1 < h->count && h->nodes[child + 1]->key < h->nodes[child]->key)
			child++;
		if (h->nodes[child]->key >= node->key)
			break;
		put(h, i, h->nodes[child]);
		i = child;
	}
	put(h, i, node);
}

void heap_insert(struct heap *h, struct heap_node *node, int64_t key)
{
	must(!heap_has(node));
	if (h->count == h->cap) {
		h->cap = h->cap ? h->cap * 2 : 16;
		h->nodes = xrealloc(h->nodes, h->cap * sizeof(h->nodes[0]));
	}
	node->key = key;
	h->count++;
	sift_up(h, h->count - 1, node);
}

void heap_remove(struct heap *h, struct heap_node *node)
{
	if (!heap_has(node))
		return;
	size_t i = node->place - 1;
	must(i < h->count && h->nodes[i] == node);
	struct heap_node *last = h->nodes[--h->count];
	node->place = 0;
	if (last == node)
		return;
	if (i > 0 && h->nodes[(i - 1) / 2]->key > last->key)
		sift_up(h, i, last);
	else
		sift_down(h, i, last);
}

void heap_set(struct heap *h, struct heap_node *node, int64_t key)
{
	heap_remove(h, node);
	heap_insert(h, node, key);
}

struct heap_node *heap_min(const struct heap *h)
{
	return h->count ? h->nodes[0] : NULL;
}
