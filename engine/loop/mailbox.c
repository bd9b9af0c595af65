/* SPDX-License-Identifier: MIT */
/*
 * Mutex-guarded intrusive queue with an eventfd to wake the owner; see mailbox.h. No uv_async:
 * while its sender is between the two steps of uv_async_send, libuv spins, and a sender of low
 * priority is there just when the loop it woke takes its place on the core.
 */
#include "engine/loop/mailbox.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct mailbox {
	uv_poll_t wake;
	int fd; /* readable while a wake-up is owed */
	pthread_mutex_t lock;
	struct list letters; /* guarded by lock */
	bool is_gathering;   /* letters wait for gathered; guarded by lock */
	struct timer gathered;
	int64_t gather_ms;
	struct loop *loop;
	mailbox_on_letter on_letter;
	void *owner;
};

/* What comes from now on waits until gathered is due. */
static void gather(struct mailbox *mb)
{
	pthread_mutex_lock(&mb->lock);
	mb->is_gathering = true;
	pthread_mutex_unlock(&mb->lock);
	timer_set(mb->loop, &mb->gathered, loop_now_ms(mb->loop) + mb->gather_ms);
}

/* Delivers what was gathered; when that was nothing, the next letter wakes the owner. */
static void on_gathered(struct timer *t)
{
	struct mailbox *mb = t->owner;
	pthread_mutex_lock(&mb->lock);
	bool has_letters = !list_is_empty(&mb->letters);
	mb->is_gathering = has_letters;
	pthread_mutex_unlock(&mb->lock);
	if (!has_letters)
		return;
	gather(mb);
	mailbox_drain(mb);
}

static void on_wake(uv_poll_t *wake, int status, int events)
{
	struct mailbox *mb = wake->data;
	eventfd_t count;
	(void)status;
	(void)events;
	/* before the box is looked into: who writes after this wakes the owner again */
	(void)eventfd_read(mb->fd, &count);
	if (mb->gather_ms > 0)
		gather(mb);
	mailbox_drain(mb);
}

struct mailbox *mailbox_open(struct loop *l, mailbox_on_letter on_letter, void *owner)
{
	struct mailbox *mb = xcalloc(1, sizeof(*mb));
	mb->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	must(mb->fd >= 0 && uv_poll_init(loop_uv(l), &mb->wake, mb->fd) == 0);
	must(uv_poll_start(&mb->wake, UV_READABLE, on_wake) == 0);
	must(pthread_mutex_init(&mb->lock, NULL) == 0);
	mb->wake.data = mb;
	mb->gathered = (struct timer){.on_due = on_gathered, .owner = mb};
	mb->loop = l;
	list_init(&mb->letters);
	mb->on_letter = on_letter;
	mb->owner = owner;
	return mb;
}

void mailbox_gather(struct mailbox *mb, int64_t ms)
{
	mb->gather_ms = ms;
}

static void wake(const struct mailbox *mb)
{
	/* can only fail when the counter is full: then the owner is woken anyway */
	must(eventfd_write(mb->fd, 1) == 0 || errno == EAGAIN);
}

/* With the lock held; true when the owner is to be woken. */
static bool put(struct mailbox *mb, struct letter *letter)
{
	bool wakes = list_is_empty(&mb->letters) && !mb->is_gathering;
	letter->is_on_way = true;
	list_init(&letter->node);
	list_push_back(&mb->letters, &letter->node);
	return wakes;
}

void mailbox_send_all(struct mailbox *mb, struct letter *const *letters, size_t n)
{
	bool wakes = false;
	pthread_mutex_lock(&mb->lock);
	for (size_t i = 0; i < n; i++) {
		must(!letters[i]->is_on_way);
		wakes |= put(mb, letters[i]);
	}
	pthread_mutex_unlock(&mb->lock);
	if (wakes)
		wake(mb);
}

void mailbox_send(struct mailbox *mb, struct letter *letter)
{
	mailbox_send_all(mb, &letter, 1);
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
		wake(mb);
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
	close(mb->fd);
	free(mb);
}

void mailbox_close(struct mailbox *mb)
{
	if (mb == NULL)
		return;
	mailbox_drain(mb);
	timer_clear(mb->loop, &mb->gathered);
	uv_close((uv_handle_t *)&mb->wake, on_closed);
}
