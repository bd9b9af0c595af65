/* SPDX-License-Identifier: MIT */
/* The budget of handshakes and the end of turn of one loop's connections; see net.h. */
#include "engine/net/net.h"

#include <stdlib.h>

#include "engine/net/net_private.h"
#include "engine/net/stream.h"

/* Its only purpose: while it is active the loop does not block. */
static void on_idle(uv_idle_t *idle)
{
	(void)idle;
}

static void free_graves(struct net *n)
{
	struct list *node;
	while ((node = list_pop_front(&n->graves)) != NULL) {
		struct grave *grave = LIST_ITEM(node, struct grave, node);
		grave->free(grave);
	}
}

static void on_turn(struct turn_hook *hook)
{
	struct net *n = hook->owner;
	struct list *node;
	n->steps_left = NET_HANDSHAKE_STEPS;
	while (n->steps_left > 0 && (node = list_pop_front(&n->shaking)) != NULL)
		stream_on_step(node);
	free_graves(n);
	if (list_is_empty(&n->shaking))
		uv_idle_stop(&n->idle);
}

struct net *net_open(struct loop *l)
{
	struct net *n = xcalloc(1, sizeof(*n));
	n->loop = l;
	n->steps_left = NET_HANDSHAKE_STEPS;
	list_init(&n->shaking);
	list_init(&n->graves);
	must(uv_idle_init(loop_uv(l), &n->idle) == 0);
	n->idle.data = n;
	n->bio = stream_bio_new();
	n->hook.on_turn = on_turn;
	n->hook.owner = n;
	loop_add_hook(l, &n->hook);
	return n;
}

static void on_idle_closed(uv_handle_t *idle)
{
	struct net *n = idle->data;
	BIO_meth_free(n->bio);
	free(n);
}

void net_close(struct net *n)
{
	if (n == NULL)
		return;
	free_graves(n);
	must(n->sessions == 0 && list_is_empty(&n->shaking));
	loop_remove_hook(&n->hook);
	uv_close((uv_handle_t *)&n->idle, on_idle_closed);
}

struct loop *net_loop(const struct net *n)
{
	return n->loop;
}

size_t net_sessions(const struct net *n)
{
	return n->sessions;
}

bool net_take_step(struct net *n)
{
	if (n->steps_left == 0)
		return false;
	n->steps_left--;
	return true;
}

void net_wait_for_step(struct net *n, struct list *node)
{
	if (!list_is_empty(node))
		return;
	list_push_back(&n->shaking, node);
	uv_idle_start(&n->idle, on_idle);
}

void net_bury(struct net *n, struct grave *grave)
{
	list_init(&grave->node);
	list_push_back(&n->graves, &grave->node);
	uv_idle_start(&n->idle, on_idle);
}
