/* SPDX-License-Identifier: MIT */
/* Processes that crash at work for somebody, and what the next one makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "engine/base/log.h"
#include "scheduler/node/crashes.h"

struct fixture {
	char dir[64];
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	snprintf(f->dir, sizeof(f->dir), "/tmp/edm-crashes-XXXXXX");
	must(mkdtemp(f->dir) != NULL);
	log_set_level(LOG_ERROR);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char path[100];
	snprintf(path, sizeof(path), "%s/crashes", f->dir);
	unlink(path);
	rmdir(f->dir);
	free(f);
	return 0;
}

static const struct crash_subject somebody = {.rid = 77, .campaign = 5, .chunk = -9, .position = 3};
static const struct crash_subject other = {.rid = 78, .campaign = 5, .chunk = -9, .position = 4};

enum death { DIES_OF_FAULT, DIES_OF_ABORT, DIES_OF_STACK, DIES_BETWEEN, IS_KILLED, IS_SENT };

static int64_t run_out(volatile int64_t n)
{
	volatile char room[4096];
	room[n % 4096] = (char)n;
	return n < 0 ? room[0] : run_out(n + 1) + room[n % 4096];
}

static pthread_barrier_t ready;

static void *innocent(void *arg)
{
	crash_slot_take(arg, 1);
	crash_slot_enter(&other);
	pthread_barrier_wait(&ready);
	while (pause() != 0)
		;
	return NULL;
}

/* Where nothing is mapped. */
static volatile int *volatile nowhere = (volatile int *)(uintptr_t)16;

static void die(enum death death)
{
	switch (death) {
	case DIES_OF_FAULT:
		*nowhere = 1;
		break;
	case DIES_OF_ABORT:
		abort();
	case DIES_OF_STACK:
		exit((int)run_out(0));
	case DIES_BETWEEN:
		crash_slot_leave();
		abort();
	case IS_KILLED:
		raise(SIGKILL);
		break;
	case IS_SENT:
		for (;;)
			pause();
	}
}

/* A process at work for somebody, with another thread at work for another, that dies. */
static void one_life(struct fixture *f, enum death death)
{
	pid_t pid = fork();
	if (pid == 0) {
		struct err err;
		struct rlimit none = {0, 0};
		pthread_t thread;
		setrlimit(RLIMIT_CORE, &none);
		signal(SIGSEGV, SIG_DFL); /* the test's own would outlive it */
		struct crashes *c = crashes_open(f->dir, &err);
		must(c != NULL);
		crashes_watch();
		pthread_barrier_init(&ready, NULL, 2);
		must(pthread_create(&thread, NULL, innocent, c) == 0);
		crash_slot_take(c, 0);
		crash_slot_enter(&somebody);
		pthread_barrier_wait(&ready);
		must(raise(SIGSTOP) == 0);
		die(death);
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	if (death == IS_SENT)
		kill(pid, SIGSEGV);
	kill(pid, SIGCONT);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static unsigned crashes_against(struct fixture *f, const struct crash_subject *who)
{
	struct err err;
	struct crashes *c = crashes_open(f->dir, &err);
	assert_non_null(c);
	unsigned n = crashes_of(c, who->campaign, who->rid);
	crashes_close(c);
	return n;
}

static void crashes_are_counted(void **state)
{
	struct fixture *f = *state;
	static const enum death deaths[] = {DIES_OF_FAULT, DIES_OF_ABORT, DIES_OF_STACK};
	assert_int_equal(crashes_against(f, &somebody), 0);
	for (unsigned i = 0; i < ARRAY_LEN(deaths); i++) {
		one_life(f, deaths[i]);
		assert_int_equal(crashes_against(f, &somebody), i + 1);
		/* Counted once. */
		assert_int_equal(crashes_against(f, &somebody), i + 1);
	}
	/* Who stood in another slot has nothing to do with it. */
	assert_int_equal(crashes_against(f, &other), 0);
	struct crash_subject elsewhere = somebody;
	elsewhere.campaign = 6;
	assert_int_equal(crashes_against(f, &elsewhere), 0);
}

static void other_deaths_blame_nobody(void **state)
{
	struct fixture *f = *state;
	static const enum death deaths[] = {IS_KILLED, DIES_BETWEEN, IS_SENT};
	for (unsigned i = 0; i < ARRAY_LEN(deaths); i++)
		one_life(f, deaths[i]);
	assert_int_equal(crashes_against(f, &somebody), 0);
	assert_int_equal(crashes_against(f, &other), 0);
}

static void a_damaged_file_is_made_anew(void **state)
{
	struct fixture *f = *state;
	char path[100];
	one_life(f, DIES_OF_ABORT);
	snprintf(path, sizeof(path), "%s/crashes", f->dir);
	int fd = open(path, O_WRONLY);
	must(fd >= 0 && pwrite(fd, "x", 1, 2) == 1);
	close(fd);
	assert_int_equal(crashes_against(f, &somebody), 0);
	one_life(f, DIES_OF_ABORT);
	assert_int_equal(crashes_against(f, &somebody), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(crashes_are_counted),
		TEST(other_deaths_blame_nobody),
		TEST(a_damaged_file_is_made_anew),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
