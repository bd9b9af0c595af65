/* SPDX-License-Identifier: MIT */
/* Letters sent and posted, and what bounds a box. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/loop/mailbox.h"

struct fixture {
	struct loop *loop;
	struct mailbox *box;
	unsigned arrived;
	struct letter *last;
	void *content;
	struct letter *to_post; /* in the callback */
	void *next;
};

static void on_letter(void *owner, struct letter *letter)
{
	struct fixture *f = owner;
	f->arrived++;
	f->last = letter;
	f->content = mailbox_take(f->box, letter);
	if (f->to_post != NULL && f->arrived == 1)
		assert_null(mailbox_post(f->box, f->to_post, f->next));
}

static int setup(void **state)
{
	static struct fixture f;
	f = (struct fixture){.loop = loop_new()};
	f.box = mailbox_open(f.loop, on_letter, &f);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	mailbox_close(f->box);
	loop_turn(f->loop, false);
	loop_free(f->loop);
	return 0;
}

static void letters_arrive_in_their_order(void **state)
{
	struct fixture *f = *state;
	struct letter letters[3] = {{.content = letters}};
	for (size_t i = 0; i < 3; i++)
		mailbox_send(f->box, &letters[i]);
	loop_turn(f->loop, true);
	assert_int_equal(f->arrived, 3);
	assert_ptr_equal(f->last, &letters[2]);
	/* Who has it may send it again. */
	mailbox_send(f->box, &letters[2]);
	mailbox_drain(f->box);
	assert_int_equal(f->arrived, 4);
}

/* Whoever wakes up for the first finds them all. */
static void letters_sent_together_arrive_together(void **state)
{
	struct fixture *f = *state;
	struct letter letters[3] = {{.content = letters}};
	struct letter *all[3] = {&letters[2], &letters[0], &letters[1]};
	mailbox_send_all(f->box, all, 3);
	loop_turn(f->loop, true);
	assert_int_equal(f->arrived, 3);
	assert_ptr_equal(f->last, &letters[1]);
	mailbox_send_all(f->box, all, 0);
	mailbox_drain(f->box);
	assert_int_equal(f->arrived, 3);
}

/* The first wakes the owner; what follows waits for the others, and nothing stays behind. */
static void letters_gather_after_a_delivery(void **state)
{
	struct fixture *f = *state;
	struct letter letters[2] = {{.content = letters}};
	mailbox_gather(f->box, 3600000);
	mailbox_send(f->box, &letters[0]);
	loop_turn(f->loop, true);
	assert_int_equal(f->arrived, 1);
	mailbox_send(f->box, &letters[1]);
	loop_turn(f->loop, false);
	assert_int_equal(f->arrived, 1);
	mailbox_drain(f->box);
	assert_int_equal(f->arrived, 2);
}

static void what_gathered_is_delivered(void **state)
{
	struct fixture *f = *state;
	struct letter letter = {.content = f};
	mailbox_gather(f->box, 1);
	for (unsigned i = 1; i <= 20; i++) {
		mailbox_send(f->box, &letter);
		while (f->arrived < i)
			loop_turn(f->loop, true);
	}
}

/* However often it is posted while nobody looks, it is one letter, with the newest content. */
static void what_is_posted_again_takes_one_place(void **state)
{
	struct fixture *f = *state;
	static char contents[100000];
	struct letter letter = {0};
	assert_null(mailbox_post(f->box, &letter, &contents[0]));
	for (size_t i = 1; i < sizeof(contents); i++)
		assert_ptr_equal(mailbox_post(f->box, &letter, &contents[i]), &contents[i - 1]);
	mailbox_drain(f->box);
	assert_int_equal(f->arrived, 1);
	assert_ptr_equal(f->content, &contents[sizeof(contents) - 1]);
	mailbox_drain(f->box);
	assert_int_equal(f->arrived, 1);
}

/* The sender adds to what was not taken; what arrives when it is empty brings nothing. */
static void a_sender_takes_back_what_was_not_taken(void **state)
{
	struct fixture *f = *state;
	struct letter letter = {0};
	int content;
	assert_null(mailbox_take(f->box, &letter));
	assert_null(mailbox_post(f->box, &letter, &content));
	assert_ptr_equal(mailbox_take(f->box, &letter), &content);
	mailbox_drain(f->box);
	assert_int_equal(f->arrived, 1);
	assert_null(f->content);
	assert_null(mailbox_post(f->box, &letter, &content));
	mailbox_drain(f->box);
	assert_ptr_equal(f->content, &content);
}

static void a_letter_that_has_arrived_may_be_posted_at_once(void **state)
{
	struct fixture *f = *state;
	struct letter letter = {0};
	int first, second;
	f->to_post = &letter;
	f->next = &second;
	assert_null(mailbox_post(f->box, &letter, &first));
	mailbox_drain(f->box);
	assert_ptr_equal(f->content, &first);
	mailbox_drain(f->box);
	assert_int_equal(f->arrived, 2);
	assert_ptr_equal(f->content, &second);
}

/* What a recall is to take back may have been sent between its two posts. */
static void what_is_posted_comes_after_what_was_sent_before(void **state)
{
	struct fixture *f = *state;
	struct letter posted = {0}, sent = {0};
	int content;
	assert_null(mailbox_post(f->box, &posted, &content));
	mailbox_send(f->box, &sent);
	assert_ptr_equal(mailbox_post(f->box, &posted, &content), &content);
	mailbox_drain(f->box);
	assert_int_equal(f->arrived, 2);
	assert_ptr_equal(f->last, &posted);
}

static void a_letter_is_in_one_place_only(void **state)
{
	struct fixture *f = *state;
	static struct letter letter;
	pid_t child = fork();
	if (child == 0) {
		struct rlimit none = {0, 0};
		(void)setrlimit(RLIMIT_CORE, &none);
		(void)signal(SIGABRT, SIG_DFL);
		(void)close(STDERR_FILENO);
		mailbox_send(f->box, &letter);
		mailbox_send(f->box, &letter);
		_exit(0);
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(letters_arrive_in_their_order, setup, teardown),
		cmocka_unit_test_setup_teardown(letters_sent_together_arrive_together, setup,
						teardown),
		cmocka_unit_test_setup_teardown(letters_gather_after_a_delivery, setup, teardown),
		cmocka_unit_test_setup_teardown(what_gathered_is_delivered, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_posted_again_takes_one_place, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_sender_takes_back_what_was_not_taken, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_letter_that_has_arrived_may_be_posted_at_once,
						setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_posted_comes_after_what_was_sent_before,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_letter_is_in_one_place_only, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
