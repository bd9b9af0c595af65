/* SPDX-License-Identifier: MIT */
/*
 * Intrusive doubly linked list. A node that is on no list points to itself (after list_init), so
 * being on a list can be the state. Not thread-safe.
 */
#ifndef EDM_ENGINE_BASE_LIST_H
#define EDM_ENGINE_BASE_LIST_H

#include <stdbool.h>

#include "engine/base/must.h"

struct list {
	struct list *prev;
	struct list *next;
};

#define LIST_ITEM(node, type, member) CONTAINER_OF(node, type, member)

/* Walks the nodes; the current one may be removed. */
#define LIST_EACH(it, head)                                                                        \
	for (struct list *it = (head)->next, *it##_next = it->next; it != (head);                  \
	     it = it##_next, it##_next = it->next)

static inline void list_init(struct list *l)
{
	l->prev = l->next = l;
}

/* For a head: no nodes. For a node: on no list. */
static inline bool list_is_empty(const struct list *l)
{
	return l->next == l;
}

/* node must be on no list. */
static inline void list_insert_before(struct list *at, struct list *node)
{
	must(list_is_empty(node));
	node->prev = at->prev;
	node->next = at;
	at->prev->next = node;
	at->prev = node;
}

static inline void list_push_back(struct list *head, struct list *node)
{
	list_insert_before(head, node);
}

static inline void list_push_front(struct list *head, struct list *node)
{
	list_insert_before(head->next, node);
}

/* Takes node off its list, if it is on one; it may be added again. */
static inline void list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

static inline struct list *list_first(const struct list *head)
{
	return list_is_empty(head) ? NULL : head->next;
}

static inline struct list *list_pop_front(struct list *head)
{
	struct list *node = list_first(head);
	if (node != NULL)
		list_remove(node);
	return node;
}

/* Moves every node of from to the end of to. */
static inline void list_splice(struct list *to, struct list *from)
{
	if (list_is_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}

#endif
