/* SPDX-License-Identifier: MIT */
/* The pool of composing threads: one queue, batches out of it; see composer.h. */
#include "scheduler/node/composer.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "scheduler/campaign/personalise.h"

/* Jobs a thread takes at once: few enough that a signed batch is back within some milliseconds. */
#define BATCH_MAX 8u
#define NICENESS 5
/* The part of a message that may be room to spare: to copy it costs more. */
#define SPARE_PART 8u
/* What a message is taken to be before there was one, bytes. */
#define FIRST_SIZE 16384u

struct composers {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct list waiting; /* letters; guarded by lock */
	size_t waiting_count;
	bool is_closing; /* guarded by lock */
	atomic_llong bytes;
	struct crashes *crashes;
	atomic_size_t slots;	 /* of crashes that are taken */
	atomic_size_t last_size; /* of the message made last */
	int thread_count;
	pthread_t threads[];
};

/* Takes up to BATCH_MAX jobs; 0 = closing and nothing left. */
static size_t take_batch(struct composers *c, struct work_job *batch[BATCH_MAX])
{
	size_t n = 0;
	pthread_mutex_lock(&c->lock);
	while (list_is_empty(&c->waiting) && !c->is_closing)
		pthread_cond_wait(&c->changed, &c->lock);
	/* A fair part, so that two threads share a burst. */
	size_t part = c->waiting_count / (size_t)c->thread_count + 1;
	size_t want = part < BATCH_MAX ? part : BATCH_MAX;
	struct list *node;
	while (n < want && (node = list_pop_front(&c->waiting)) != NULL) {
		struct letter *letter = CONTAINER_OF(node, struct letter, node);
		batch[n++] = letter->content;
		c->waiting_count--;
	}
	pthread_mutex_unlock(&c->lock);
	return n;
}

static void fail(struct work_job *job, const struct err *err)
{
	free(job->compose_error);
	job->compose_error = xmalloc(sizeof(*err));
	*job->compose_error = *err;
}

static void compose_one(struct personaliser *p, struct work_job *job)
{
	struct addressee person = {.rid = job->rid,
				   .address = job->address,
				   .attributes = job->attributes,
				   .takes_verp = job->takes_verp};
	struct personal_message made = {.message = &job->draft->message,
					.mail_from = &job->draft->mail_from};
	const struct crash_subject subject = {.rid = job->rid,
					      .campaign = job->lease->campaign,
					      .chunk = job->lease->chunk,
					      .position = job->position};
	struct err err = {0};
	crash_slot_enter(&subject);
	if (personalise(p, job->campaign, &person, &made, &err) != 0)
		fail(job, &err);
	crash_slot_leave();
}

static void count_bytes(struct composers *c, struct work_job *job)
{
	struct work_draft *draft = job->draft;
	struct buf *text = &draft->message.text;
	if (text->cap - text->len > text->len / SPARE_PART)
		buf_fit(text);
	size_t size = text->cap;
	atomic_fetch_add(&c->bytes, (long long)size - (long long)draft->counted);
	atomic_store(&c->last_size, size);
	draft->counted = size;
}

/* Those for one worker together: it has the higher priority, and each letter of its own would have
 * it take this core. */
static void send_all(struct work_job *const *batch, size_t n)
{
	struct letter *letters[BATCH_MAX];
	for (size_t at = 0; at < n;) {
		struct mailbox *to = batch[at]->compose_reply_to;
		size_t count = 0;
		while (at < n && batch[at]->compose_reply_to == to)
			letters[count++] = &batch[at++]->compose_letter;
		mailbox_send_all(to, letters, count);
	}
}

static void sign_all(struct work_job *const *batch, size_t n)
{
	struct message *messages[BATCH_MAX];
	size_t count = 0;
	for (size_t i = 0; i < n; i++)
		if (batch[i]->compose_error == NULL && !batch[i]->draft->message.is_signed)
			messages[count++] = &batch[i]->draft->message;
	struct err err = {0};
	if (count == 0 || compose_sign(messages, count, &err) == 0)
		return;
	for (size_t i = 0; i < n; i++)
		if (batch[i]->compose_error == NULL && !batch[i]->draft->message.is_signed)
			fail(batch[i], &err);
}

static void *composer_main(void *arg)
{
	struct composers *c = arg;
	struct work_job *batch[BATCH_MAX];
	struct personaliser *p = personaliser_new();
	setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICENESS);
	crash_slot_take(c->crashes, atomic_fetch_add(&c->slots, 1));
	size_t n;
	while ((n = take_batch(c, batch)) > 0) {
		for (size_t i = 0; i < n; i++)
			compose_one(p, batch[i]);
		sign_all(batch, n);
		for (size_t i = 0; i < n; i++)
			count_bytes(c, batch[i]);
		send_all(batch, n);
	}
	crash_slot_done();
	personaliser_free(p);
	return NULL;
}

struct composers *composers_open(int threads, struct crashes *crashes)
{
	must(threads >= 1);
	struct composers *c = xcalloc(1, sizeof(*c) + (size_t)threads * sizeof(c->threads[0]));
	must(pthread_mutex_init(&c->lock, NULL) == 0);
	must(pthread_cond_init(&c->changed, NULL) == 0);
	list_init(&c->waiting);
	atomic_init(&c->bytes, 0);
	c->crashes = crashes;
	atomic_init(&c->slots, 0);
	atomic_init(&c->last_size, FIRST_SIZE);
	c->thread_count = threads;
	for (int i = 0; i < threads; i++)
		must(pthread_create(&c->threads[i], NULL, composer_main, c) == 0);
	return c;
}

void composers_close(struct composers *c)
{
	if (c == NULL)
		return;
	pthread_mutex_lock(&c->lock);
	c->is_closing = true;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
	for (int i = 0; i < c->thread_count; i++)
		pthread_join(c->threads[i], NULL);
	pthread_cond_destroy(&c->changed);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

void composers_offer(struct composers *c, struct work_job *job, struct mailbox *reply_to)
{
	must(!job->is_compose_out && !job->is_composed);
	job->is_compose_out = true;
	work_job_draft(job);
	job->draft->counted = atomic_load(&c->last_size);
	atomic_fetch_add(&c->bytes, (long long)job->draft->counted);
	job->compose_reply_to = reply_to;
	job->compose_letter.kind = LETTER_COMPOSE;
	job->compose_letter.content = job;
	list_init(&job->compose_letter.node);
	pthread_mutex_lock(&c->lock);
	list_push_back(&c->waiting, &job->compose_letter.node);
	c->waiting_count++;
	pthread_cond_signal(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

int64_t composers_bytes(struct composers *c)
{
	return atomic_load(&c->bytes);
}

void composers_release(struct composers *c, struct work_job *job)
{
	atomic_fetch_sub(&c->bytes, (long long)job->draft->counted);
	work_job_uncompose(job);
}
