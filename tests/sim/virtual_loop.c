/* SPDX-License-Identifier: MIT */
/* Loop, timers and mailboxes in virtual time; see virtual.h, engine/loop/loop.h and mailbox.h. */
#include <semaphore.h>
#include <stdlib.h>
#include <sys/types.h>

#include "engine/base/hash.h"
#include "engine/loop/mailbox.h"
#include "tests/sim/virtual.h"

/* So many turns without a millisecond passing: something calls itself for ever. */
#define TURNS_AT_ONCE 1000000

struct loop {
	struct heap timers;
	struct list hooks;
	struct list boxes; /* mailboxes with letters */
	int64_t now, until;
	uint64_t prng;
	bool is_stopped, is_running;
	sem_t may_run, has_paused;
	struct lag lag;
};

struct mailbox {
	struct list waiting; /* loop.boxes while there are letters */
	struct list letters;
	struct loop *loop;
	mailbox_on_letter on_letter;
	void *owner;
};

static struct loop *machine;

/* ------------------------------------------------------------------------------------- machine */

struct loop *virtual_open(int64_t now_ms, uint64_t seed)
{
	must(machine == NULL);
	machine = xcalloc(1, sizeof(*machine));
	machine->now = machine->until = now_ms;
	machine->prng = seed * UINT64_C(0x9E3779B97F4A7C15) | 1;
	heap_init(&machine->timers);
	list_init(&machine->hooks);
	list_init(&machine->boxes);
	must(sem_init(&machine->may_run, 0, 0) == 0);
	must(sem_init(&machine->has_paused, 0, 0) == 0);
	for (int i = 0; i < 8; i++)
		(void)prng_next(&machine->prng);
	return machine;
}

void virtual_close(struct loop *l)
{
	must(list_is_empty(&l->hooks) && list_is_empty(&l->boxes));
	heap_done(&l->timers);
	sem_destroy(&l->may_run);
	sem_destroy(&l->has_paused);
	free(l);
	machine = NULL;
}

void virtual_await(struct loop *l)
{
	must(sem_wait(&l->has_paused) == 0);
}

bool virtual_run(struct loop *l, int64_t until_ms)
{
	l->until = until_ms;
	must(sem_post(&l->may_run) == 0);
	virtual_await(l);
	return l->is_running;
}

void virtual_sleep(struct loop *l, int64_t ms)
{
	l->now += ms;
}

uint64_t virtual_random(void)
{
	return prng_next(&machine->prng);
}

int64_t virtual_jitter(int64_t ms)
{
	int64_t spread = ms * 6 / 10 + 1;
	int64_t at = ms - spread / 2 + (int64_t)(virtual_random() % (uint64_t)spread);
	return at > 0 ? at : 1;
}

uint64_t __wrap_random_u64(void);
uint64_t __wrap_random_u64(void)
{
	return virtual_random();
}

/* The key of the maps: a fixed one, so that what a map is walked in is the same in every run. */
ssize_t __wrap_getrandom(void *out, size_t n, unsigned flags);
ssize_t __wrap_getrandom(void *out, size_t n, unsigned flags)
{
	unsigned char *p = out;
	(void)flags;
	for (size_t i = 0; i < n; i++)
		p[i] = (unsigned char)(i * 37 + 11);
	return (ssize_t)n;
}

/* ---------------------------------------------------------------------------------------- loop */

struct loop *loop_new(void)
{
	must(machine != NULL);
	return machine;
}

void loop_free(struct loop *l)
{
	(void)l;
}

static bool deliver(struct loop *l)
{
	struct list boxes;
	struct list *node;
	list_init(&boxes);
	list_splice(&boxes, &l->boxes);
	bool is_any = !list_is_empty(&boxes);
	while ((node = list_pop_front(&boxes)) != NULL)
		mailbox_drain(CONTAINER_OF(node, struct mailbox, waiting));
	return is_any;
}

static bool fire(struct loop *l)
{
	bool is_any = false;
	struct heap_node *node;
	while ((node = heap_min(&l->timers)) != NULL && node->key <= l->now) {
		struct timer *t = CONTAINER_OF(node, struct timer, node);
		heap_remove(&l->timers, node);
		t->on_due(t);
		is_any = true;
	}
	return is_any;
}

/* False when there was nothing to do. */
static bool turn(struct loop *l)
{
	bool is_any = deliver(l);
	is_any |= fire(l);
	if (!is_any)
		return false;
	LIST_EACH (it, &l->hooks) {
		struct turn_hook *hook = LIST_ITEM(it, struct turn_hook, node);
		hook->on_turn(hook);
	}
	return true;
}

static void run_until(struct loop *l)
{
	int64_t last = l->now;
	int turns = 0;
	while (!l->is_stopped) {
		if (turn(l)) {
			turns = l->now == last ? turns + 1 : 0;
			last = l->now;
			must(turns < TURNS_AT_ONCE);
			continue;
		}
		struct heap_node *next = heap_min(&l->timers);
		if (next == NULL || next->key > l->until) {
			l->now = l->until;
			return;
		}
		l->now = next->key;
	}
}

void loop_run(struct loop *l)
{
	l->is_stopped = false;
	l->is_running = true;
	must(sem_post(&l->has_paused) == 0);
	for (;;) {
		must(sem_wait(&l->may_run) == 0);
		run_until(l);
		if (l->is_stopped)
			break;
		must(sem_post(&l->has_paused) == 0);
	}
	l->is_running = false;
	must(sem_post(&l->has_paused) == 0);
}

void loop_turn(struct loop *l, bool block)
{
	(void)block;
	(void)deliver(l);
}

void loop_stop(struct loop *l)
{
	l->is_stopped = true;
}

uv_loop_t *loop_uv(struct loop *l)
{
	(void)l;
	must(!"no system call is made in the simulator");
	return NULL;
}

int64_t loop_now_ms(const struct loop *l)
{
	return l->now;
}

int64_t loop_refresh_ms(struct loop *l)
{
	return l->now;
}

void timer_set(struct loop *l, struct timer *t, int64_t at_ms)
{
	heap_set(&l->timers, &t->node, at_ms);
}

void timer_clear(struct loop *l, struct timer *t)
{
	heap_remove(&l->timers, &t->node);
}

bool timer_is_set(const struct timer *t)
{
	return heap_has(&t->node);
}

struct lag *loop_lag(struct loop *l)
{
	return &l->lag;
}

void loop_add_hook(struct loop *l, struct turn_hook *hook)
{
	list_init(&hook->node);
	list_push_back(&l->hooks, &hook->node);
}

void loop_remove_hook(struct turn_hook *hook)
{
	list_remove(&hook->node);
}

/* ----------------------------------------------------------------------------------- mailboxes */

struct mailbox *mailbox_open(struct loop *l, mailbox_on_letter on_letter, void *owner)
{
	struct mailbox *mb = xcalloc(1, sizeof(*mb));
	list_init(&mb->waiting);
	list_init(&mb->letters);
	mb->loop = l;
	mb->on_letter = on_letter;
	mb->owner = owner;
	return mb;
}

static void put(struct mailbox *mb, struct letter *letter)
{
	letter->is_on_way = true;
	list_init(&letter->node);
	list_push_back(&mb->letters, &letter->node);
	if (list_is_empty(&mb->waiting))
		list_push_back(&mb->loop->boxes, &mb->waiting);
}

void mailbox_send(struct mailbox *mb, struct letter *letter)
{
	must(!letter->is_on_way);
	put(mb, letter);
}

void *mailbox_post(struct mailbox *mb, struct letter *letter, void *content)
{
	void *before = letter->content;
	letter->content = content;
	if (letter->is_on_way)
		list_remove(&letter->node);
	put(mb, letter);
	return before;
}

void *mailbox_take(struct mailbox *mb, struct letter *letter)
{
	void *content = letter->content;
	(void)mb;
	letter->content = NULL;
	return content;
}

void mailbox_drain(struct mailbox *mb)
{
	struct list taken;
	struct list *node;
	list_remove(&mb->waiting);
	list_init(&taken);
	list_splice(&taken, &mb->letters);
	while ((node = list_pop_front(&taken)) != NULL) {
		struct letter *letter = CONTAINER_OF(node, struct letter, node);
		letter->is_on_way = false;
		mb->on_letter(mb->owner, letter);
	}
}

void mailbox_close(struct mailbox *mb)
{
	if (mb == NULL)
		return;
	mailbox_drain(mb);
	list_remove(&mb->waiting);
	free(mb);
}
