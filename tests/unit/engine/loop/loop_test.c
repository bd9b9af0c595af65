/* SPDX-License-Identifier: MIT */
/* The order inside a turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/loop/loop.h"

struct fixture {
	struct loop *loop;
	struct turn_hook hook;
	struct timer timer;
	bool has_work;
};

static void on_due(struct timer *timer)
{
	((struct fixture *)timer->owner)->has_work = true;
}

static void on_turn(struct turn_hook *hook)
{
	struct fixture *f = hook->owner;
	if (f->has_work)
		loop_stop(f->loop);
}

/* Nothing else ever happens here: were the hook to wait for the next poll, it would wait for ever.
 */
static void a_hook_follows_a_timer_before_the_next_poll(void **state)
{
	(void)state;
	struct fixture f = {.loop = loop_new()};
	f.hook = (struct turn_hook){.on_turn = on_turn, .owner = &f};
	f.timer = (struct timer){.on_due = on_due, .owner = &f};
	loop_add_hook(f.loop, &f.hook);
	timer_set(f.loop, &f.timer, loop_now_ms(f.loop));
	loop_run(f.loop);
	assert_true(f.has_work);
	loop_remove_hook(&f.hook);
	loop_free(f.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hook_follows_a_timer_before_the_next_poll),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
