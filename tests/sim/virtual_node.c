/* SPDX-License-Identifier: MIT */
/*
 * Composers that take a moment and a journal that takes everything, for virtual.h. What they stand
 * for costs processor time and a disk, and decides nothing.
 */
#include <stdlib.h>

#include "scheduler/ledger/journal.h"
#include "scheduler/node/composer.h"
#include "tests/sim/virtual.h"

struct composers {
	int64_t bytes;
};

struct composers *composers_open(int threads, struct crashes *crashes)
{
	(void)threads;
	(void)crashes;
	return xcalloc(1, sizeof(struct composers));
}

void composers_close(struct composers *c)
{
	must(c->bytes == 0);
	free(c);
}

void composers_offer(struct composers *c, struct work_job *job, struct mailbox *reply_to)
{
	must(!job->is_compose_out && !job->is_composed);
	job->is_compose_out = true;
	work_job_draft(job);
	job->draft->counted = VIRTUAL_MESSAGE_BYTES;
	c->bytes += VIRTUAL_MESSAGE_BYTES;
	work_letter_send(reply_to, &job->compose_letter, LETTER_COMPOSE, job);
}

int64_t composers_bytes(struct composers *c)
{
	return c->bytes;
}

void composers_release(struct composers *c, struct work_job *job)
{
	c->bytes -= (int64_t)job->draft->counted;
	work_job_uncompose(job);
}

/* ------------------------------------------------------------------------------------- journal */

struct journal_stream {
	size_t pending;
};

struct journal_stream *journal_stream_open(struct journal *j,
					   const struct journal_stream_options *options,
					   struct err *err)
{
	(void)j;
	(void)options;
	(void)err;
	return xcalloc(1, sizeof(struct journal_stream));
}

void journal_stream_close(struct journal_stream *s)
{
	free(s);
}

uint64_t journal_intent(struct journal_stream *s, const struct journal_key *key)
{
	(void)key;
	s->pending++;
	return 1;
}

uint64_t journal_retract(struct journal_stream *s, const struct journal_key *key)
{
	(void)key;
	s->pending++;
	return 1;
}

uint64_t journal_outcome(struct journal_stream *s, const struct journal_key *key,
			 const struct settlement *settlement)
{
	(void)key;
	(void)settlement;
	s->pending++;
	return 1;
}

int journal_write(struct journal_stream *s, struct err *err)
{
	(void)err;
	s->pending = 0;
	return 0;
}

size_t journal_pending(const struct journal_stream *s)
{
	return s->pending;
}

void journal_sync(struct journal_stream *s, struct loop *loop, journal_on_synced on_synced,
		  void *owner)
{
	(void)s;
	(void)loop;
	on_synced(owner, NULL);
}

void journal_settled(struct journal_stream *s, uint64_t segment, size_t n)
{
	(void)s;
	(void)segment;
	(void)n;
}
