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

/* With the lock held; true when the owner is to be woken. */
static bool put(struct mailbox *mb, struct letter *letter)
{
	bool was_empty = list_is_empty(&mb->letters);
	letter->is_on_way = true;
	list_init(&letter->node);
	list_push_back(&mb->letters, &letter->node);
	return was_empty;
}

void mailbox_send(struct mailbox *mb, struct letter *letter)
{
	pthread_mutex_lock(&mb->lock);
	must(!letter->is_on_way);
	bool wakes = put(mb, letter);
	pthread_mutex_unlock(&mb->lock);
	if (wakes)
		uv_async_send(&mb->wake);
}

void *mailbox_post(struct mailbox *mb, struct letter *letter, void *content)
{
	must(content != NULL);
	pthread_mutex_lock(&mb->lock);
	void *before = letter->content;
	letter->content = content;
	if (letter->is_on_way)
		list_remove(&letter->node); /* from the box, or from what is being delivered */
	bool wakes = put(mb, letter);
	pthread_mutex_unlock(&mb->lock);
	if (wakes)
		uv_async_send(&mb->wake);
	return before;
}

void *mailbox_take(struct mailbox *mb, struct letter *letter)
{
	pthread_mutex_lock(&mb->lock);
	void *content = letter->content;
	letter->content = NULL;
	pthread_mutex_unlock(&mb->lock);
	return content;
}

/* The next of those being delivered; a post may take it out again until then. */
static struct letter *arrive(struct mailbox *mb, struct list *taken)
{
	pthread_mutex_lock(&mb->lock);
	struct list *node = list_pop_front(taken);
	struct letter *letter = node ? CONTAINER_OF(node, struct letter, node) : NULL;
	if (letter != NULL)
		letter->is_on_way = false;
	pthread_mutex_unlock(&mb->lock);
	return letter;
}

void mailbox_drain(struct mailbox *mb)
{
	struct list taken;
	struct letter *letter;
	list_init(&taken);
	pthread_mutex_lock(&mb->lock);
	list_splice(&taken, &mb->letters);
	pthread_mutex_unlock(&mb->lock);
	while ((letter = arrive(mb, &taken)) != NULL)
		mb->on_letter(mb->owner, letter);
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
