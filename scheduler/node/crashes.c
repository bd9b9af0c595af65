/* SPDX-License-Identifier: MIT */
/* The mapped file of slots and suspects; see crashes.h. */
#include "scheduler/node/crashes.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/base/log.h"

#define MAGIC UINT64_C(0x65646d6372617331) /* "edmcras1": this layout */
#define SUSPECTS 256u
/* A crash may be a stack that ran out. */
#define STACK_BYTES 32768u

enum slot_state { SLOT_FREE, SLOT_BUSY, SLOT_CRASHED };

struct slot {
	_Atomic int32_t state; /* enum slot_state; written last on entering */
	struct crash_subject subject;
};

struct suspect {
	struct crash_subject subject;
	uint32_t count; /* 0 = free */
};

struct crash_file {
	uint64_t magic;
	struct slot slots[CRASH_SLOTS];
	struct suspect suspects[SUSPECTS];
};

struct crashes {
	struct crash_file *file;
};

/* Of the calling thread. */
static _Thread_local struct slot *own_slot;
static _Thread_local void *own_stack;

/* ---- at start: counting */

static struct suspect *find(const struct crashes *c, int32_t campaign, uint64_t rid)
{
	for (size_t i = 0; i < SUSPECTS; i++) {
		struct suspect *s = &c->file->suspects[i];
		if (s->count > 0 && s->subject.campaign == campaign && s->subject.rid == rid)
			return s;
	}
	return NULL;
}

/* A free place, else that of the one with the fewest crashes. */
static struct suspect *make_room(struct crashes *c)
{
	struct suspect *best = &c->file->suspects[0];
	for (size_t i = 1; i < SUSPECTS; i++)
		if (c->file->suspects[i].count < best->count)
			best = &c->file->suspects[i];
	best->count = 0;
	return best;
}

static void blame(struct crashes *c, const struct crash_subject *subject)
{
	struct log_line l;
	struct suspect *s = find(c, subject->campaign, subject->rid);
	if (s == NULL)
		s = make_room(c);
	s->subject = *subject;
	s->count++;
	if (!log_begin(&l, LOG_ERROR,
		       s->count >= CRASHES_MAX ? "recipient_set_aside" : "crashed_on"))
		return;
	log_int(&l, "campaign", subject->campaign);
	log_int(&l, "chunk", subject->chunk);
	log_int(&l, "position", subject->position);
	log_int(&l, "rid", (int64_t)subject->rid);
	log_int(&l, "crashes", s->count);
	log_end(&l);
}

static void count_crashes(struct crashes *c)
{
	for (size_t i = 0; i < CRASH_SLOTS; i++) {
		struct slot *slot = &c->file->slots[i];
		if (atomic_load(&slot->state) == SLOT_CRASHED)
			blame(c, &slot->subject);
		atomic_store(&slot->state, SLOT_FREE);
	}
}

static int map_file(struct crashes *c, int fd, const char *path, struct err *err)
{
	/* Room is taken now: a full disk would be a crash of its own when a page is first written.
	 */
	int code = posix_fallocate(fd, 0, sizeof(*c->file));
	if (code != 0)
		return err_errno(err, code, "cannot make %s", path);
	void *at = mmap(NULL, sizeof(*c->file), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return err_errno(err, errno, "cannot map %s", path);
	c->file = at;
	if (c->file->magic != MAGIC) {
		memset(c->file, 0, sizeof(*c->file));
		c->file->magic = MAGIC;
	}
	return 0;
}

struct crashes *crashes_open(const char *data_dir, struct err *err)
{
	char path[PATH_MAX];
	struct crashes *c = xcalloc(1, sizeof(*c));
	snprintf(path, sizeof(path), "%s/crashes", data_dir);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		err_errno(err, errno, "cannot open %s", path);
	int result = fd < 0 ? -1 : map_file(c, fd, path, err);
	if (fd >= 0)
		close(fd);
	if (result != 0) {
		free(c);
		return NULL;
	}
	count_crashes(c);
	return c;
}

void crashes_close(struct crashes *c)
{
	if (c == NULL)
		return;
	munmap(c->file, sizeof(*c->file));
	free(c);
}

unsigned crashes_of(const struct crashes *c, int32_t campaign, uint64_t rid)
{
	const struct suspect *s = find(c, campaign, rid);
	return s == NULL ? 0 : s->count;
}

/* ---- a crash */

static const int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
static struct sigaction before[ARRAY_LEN(fatal)];

/* Runs in the thread that crashed. A fault comes again when this returns, and then ends the process
 * as it would have; abort() and raise() are repeated. What another process sent is nobody's fault.
 */
static void on_crash(int number, siginfo_t *info, void *context)
{
	bool is_sent = info->si_code == SI_USER;
	(void)context;
	if (own_slot != NULL && !is_sent && atomic_load(&own_slot->state) == SLOT_BUSY)
		atomic_store(&own_slot->state, SLOT_CRASHED);
	for (size_t i = 0; i < ARRAY_LEN(fatal); i++)
		sigaction(fatal[i], &before[i], NULL);
	if (info->si_code <= 0)
		raise(number);
}

void crashes_watch(void)
{
	struct sigaction action = {.sa_sigaction = on_crash,
				   .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < ARRAY_LEN(fatal); i++)
		must(sigaction(fatal[i], &action, &before[i]) == 0);
}

/* ---- slots */

void crash_slot_take(struct crashes *c, size_t i)
{
	must(own_slot == NULL);
	if (i >= CRASH_SLOTS)
		return;
	own_slot = &c->file->slots[i];
	own_stack = xmalloc(STACK_BYTES);
	stack_t stack = {.ss_sp = own_stack, .ss_size = STACK_BYTES};
	must(sigaltstack(&stack, NULL) == 0);
}

void crash_slot_done(void)
{
	stack_t none = {.ss_flags = SS_DISABLE};
	if (own_slot == NULL)
		return;
	must(sigaltstack(&none, NULL) == 0);
	free(own_stack);
	own_stack = NULL;
	own_slot = NULL;
}

void crash_slot_enter(const struct crash_subject *subject)
{
	if (own_slot == NULL)
		return;
	own_slot->subject = *subject;
	atomic_store(&own_slot->state, SLOT_BUSY);
}

void crash_slot_leave(void)
{
	if (own_slot != NULL)
		atomic_store(&own_slot->state, SLOT_FREE);
}
