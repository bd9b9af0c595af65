/* SPDX-License-Identifier: MIT */
/* Mutex-guarded intrusive queue with one uv_async to wake the owner; see mailbox.h. */
#include "engine/loop/mailbox.h"

#include <pthread.h>
#include <stdlib.h>

struct mailbox {
	uv_async_t wake;
	pthread_mutex_t lock;
	struct list letters; /* guarded by lock */
	mailbox_on_letter on_letter;
	void *owner;
};

static void on_wake(uv_async_t *wake)
{
	mailbox_drain(wake->data);
}

struct mailbox *mailbox_open(struct loop *l, mailbox_on_letter on_letter, void *owner)
{
	struct mailbox *mb = xcalloc(1, sizeof(*mb));
	must(uv_async_init(loop_uv(l), &mb->wake, on_wake) == 0);
	must(pthread_mutex_init(&mb->lock, NULL) == 0);
	mb->wake.data = mb;
	list_init(&mb->letters);
	mb->on_letter = on_letter;
	mb->owner = owner;
	return mb;
}

void mailbox_send(struct mailbox *mb, struct letter *letter)
{
	list_init(&letter->node);
	pthread_mutex_lock(&mb->lock);
	bool was_empty = list_is_empty(&mb->letters);
	list_push_back(&mb->letters, &letter->node);
	pthread_mutex_unlock(&mb->lock);
	if (was_empty)
		uv_async_send(&mb->wake);
}

void mailbox_drain(struct mailbox *mb)
{
	struct list taken;
	list_init(&taken);
	pthread_mutex_lock(&mb->lock);
	list_splice(&taken, &mb->letters);
	pthread_mutex_unlock(&mb->lock);
	struct list *node;
	while ((node = list_pop_front(&taken)) != NULL)
		mb->on_letter(mb->owner, CONTAINER_OF(node, struct letter, node));
}

static void on_closed(uv_handle_t *handle)
{
	struct mailbox *mb = handle->data;
	pthread_mutex_destroy(&mb->lock);
	free(mb);
}

void mailbox_close(struct mailbox *mb)
{
	if (mb == NULL)
		return;
	mailbox_drain(mb);
	uv_close((uv_handle_t *)&mb->wake, on_closed);
}
