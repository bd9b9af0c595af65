/* SPDX-License-Identifier: MIT */
/* Journal files: locking, replay, appending, syncing, trimming; see journal.h. */
#include "scheduler/ledger/journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/crash.h"
#include "engine/base/hash.h"

#define SEGMENT_MAX (1u << 30)	/* no segment to be read is larger */
#define COLLECT_MAX (64u << 20) /* records of one turn */
#define NAME_FORMAT "%02u-%010llu.seg"

struct journal {
	int dir;  /* directory */
	int lock; /* `lock`, flocked */
	char *path;
	unsigned char installation[16];
	unsigned char uuid[16];
	unsigned char boot[16];
};

/* A segment with records that are not settled, or the one being written. */
struct segment {
	struct list node; /* journal_stream.segments, oldest first; the last is being written */
	uint64_t sequence;
	size_t unsettled;
};

struct journal_stream {
	struct journal *journal;
	struct journal_stream_options options;
	int fd;
	size_t size;	 /* of the segment being written */
	bool is_torn;	 /* behind that stands part of a write that failed */
	int sync_failed; /* errno: what was written may be lost, whatever a later sync says */
	struct buf out;
	struct list segments;
	/* A sync under way: */
	uv_work_t work;
	bool is_syncing;
	journal_on_synced on_synced;
	void *owner;
};

/* ---- open ---- */

/* The kernel's name of this boot: "xxxxxxxx-xxxx-…\n" in hex. */
static int read_boot_id(unsigned char out[16], struct err *err)
{
	char text[37];
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
	if (fd >= 0)
		close(fd);
	if (n < 36)
		return err_set(err, ERR_SYSTEM, "cannot read the machine's boot id");
	memset(out, 0, 16);
	for (int i = 0, digits = 0; i < 36 && digits < 32; i++) {
		char c = ascii_lower(text[i]);
		if (c == '-')
			continue;
		int v = ascii_is_digit(c) ? c - '0' : c - 'a' + 10;
		out[digits / 2] = (unsigned char)(out[digits / 2] << 4 | (v & 15));
		digits++;
	}
	return 0;
}

static int take_lock(struct journal *j, struct err *err)
{
	j->lock = openat(j->dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (j->lock < 0)
		return err_errno(err, errno, "cannot open %s/lock", j->path);
	if (flock(j->lock, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return err_errno(err, errno, "cannot lock %s/lock", j->path);
	return err_set(err, ERR_REFUSED,
		       "another process uses the journal in %s; stop it, or give this node another "
		       "--data directory",
		       j->path);
}

/* Writes the whole of a small file and syncs it, by way of a temporary name. */
static int write_small(struct journal *j, const char *name, const void *bytes, size_t size,
		       struct err *err)
{
	int fd = openat(j->dir, "new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool good = fd >= 0 && write(fd, bytes, size) == (ssize_t)size && fsync(fd) == 0;
	int code = errno;
	if (fd >= 0)
		close(fd);
	if (!good || renameat(j->dir, "new", j->dir, name) != 0 || fsync(j->dir) != 0)
		return err_errno(err, good ? errno : code, "cannot write %s/%s", j->path, name);
	return 0;
}

/* journal.id: installation and uuid, 16 bytes each; made on the first use. */
static int load_id(struct journal *j, struct err *err)
{
	unsigned char id[33];
	int fd = openat(j->dir, "journal.id", O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno != ENOENT)
		return err_errno(err, errno, "cannot open %s/journal.id", j->path);
	if (fd < 0) {
		random_bytes(j->uuid, 16);
		memcpy(id, j->installation, 16);
		memcpy(id + 16, j->uuid, 16);
		return write_small(j, "journal.id", id, 32, err);
	}
	ssize_t n = read(fd, id, sizeof(id));
	close(fd);
	if (n != 32)
		return err_set(err, ERR_REFUSED,
			       "%s/journal.id is damaged; if this node has nothing in hand, remove "
			       "the directory",
			       j->path);
	if (memcmp(id, j->installation, 16) != 0)
		return err_set(
			err, ERR_REFUSED,
			"the journal in %s belongs to another installation; use its database, "
			"or another --data directory",
			j->path);
	memcpy(j->uuid, id + 16, 16);
	return 0;
}

struct journal *journal_open(const char *dir, const unsigned char installation[16], struct err *err)
{
	struct journal *j = xcalloc(1, sizeof(*j));
	j->path = xstrdup(dir);
	j->lock = -1;
	memcpy(j->installation, installation, 16);
	j->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (j->dir < 0)
		err_errno(err, errno, "cannot open the journal directory %s", dir);
	if (j->dir < 0 || take_lock(j, err) != 0 || load_id(j, err) != 0 ||
	    read_boot_id(j->boot, err) != 0) {
		journal_close(j);
		return NULL;
	}
	return j;
}

void journal_close(struct journal *j)
{
	if (j == NULL)
		return;
	if (j->lock >= 0)
		close(j->lock);
	if (j->dir >= 0)
		close(j->dir);
	free(j->path);
	free(j);
}

const unsigned char *journal_uuid(const struct journal *j)
{
	return j->uuid;
}

/* ---- replay ---- */

static int is_segment(const struct dirent *entry)
{
	return str_ends_with(str_from(entry->d_name), STR(".seg"));
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* Names of the segments in order of stream and sequence; each and the array are freed by the
 * caller. */
static int list_segments(struct journal *j, struct dirent ***names_out, struct err *err)
{
	int n = scandirat(j->dir, ".", names_out, is_segment, by_name);
	return n >= 0 ? n : err_errno(err, errno, "cannot list %s", j->path);
}

static void free_names(struct dirent **names, int count)
{
	for (int i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

static int read_whole(struct journal *j, const char *name, struct buf *out, struct err *err)
{
	int fd = openat(j->dir, name, O_RDONLY | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) != 0)
		goto failed;
	buf_clear(out);
	while (out->len < (size_t)st.st_size) {
		char *room = buf_reserve(out, (size_t)st.st_size - out->len);
		ssize_t n = room == NULL ? -1 : read(fd, room, (size_t)st.st_size - out->len);
		if (n < 0)
			goto failed;
		if (n == 0)
			break;
		buf_add(out, (size_t)n);
	}
	close(fd);
	return 0;
failed:
	err_errno(err, errno, "cannot read %s/%s", j->path, name);
	if (fd >= 0)
		close(fd);
	return -1;
}

/* A replay under way, with what the segment before told, to see that the next follows it. */
struct replay {
	struct journal *journal;
	journal_on_record on_record;
	void *owner;
	struct journal_replay *out;
	bool any; /* a segment was read: */
	uint16_t stream;
	int32_t incarnation;
	uint64_t sequence;
	bool was_torn;
};

static void set_lost(struct journal_replay *out, const char *why)
{
	if (out->state != JOURNAL_LOST)
		out->why = why;
	out->state = JOURNAL_LOST;
}

/* Why a segment makes the journal lost, or NULL. Each process has its own row of segments in a
 * stream: where one ends, torn perhaps, the next begins somewhere behind it. */
static const char *fault_of(const struct replay *r, const struct journal_header *h)
{
	bool same_stream = r->any && h->stream == r->stream;
	bool same_row = same_stream && h->incarnation == r->incarnation;
	bool is_ours = memcmp(h->installation, r->journal->installation, 16) == 0 &&
		       memcmp(h->journal, r->journal->uuid, 16) == 0;
	if (!is_ours)
		return "a segment belongs to another journal";
	if (same_row && h->sequence != r->sequence + 1)
		return "a segment is missing";
	if (same_row && r->was_torn)
		return "a segment is cut off";
	if (!same_stream && h->stream != (r->any ? r->stream + 1 : 0))
		return "a stream is missing";
	if (memcmp(h->boot, r->journal->boot, 16) != 0 && !h->is_durable)
		return "the machine was restarted and journal.sync is not batch";
	return NULL;
}

static void take_header(struct replay *r, const struct journal_header *h)
{
	const char *fault = fault_of(r, h);
	if (fault != NULL)
		set_lost(r->out, fault);
	r->any = true;
	r->stream = h->stream;
	r->incarnation = h->incarnation;
	r->sequence = h->sequence;
	r->was_torn = false;
	if (r->out->first_incarnation == 0 || h->incarnation < r->out->first_incarnation)
		r->out->first_incarnation = h->incarnation;
	if (h->incarnation > r->out->last_incarnation)
		r->out->last_incarnation = h->incarnation;
}

static void replay_segment(struct replay *r, struct str bytes)
{
	struct journal_header header;
	if (journal_header_read(bytes, &header) != 0) {
		/* The process died while it made the segment: nothing of it was in use. */
		r->was_torn = true;
		if (bytes.len >= JOURNAL_HEADER_SIZE)
			set_lost(r->out, "a segment has no header");
		return;
	}
	take_header(r, &header);
	struct str rest = str_slice(bytes, JOURNAL_HEADER_SIZE, bytes.len);
	struct journal_record record;
	enum journal_scan scan;
	while ((scan = journal_record_read(&rest, &record)) == JOURNAL_RECORD) {
		r->out->records++;
		r->on_record(r->owner, &record);
	}
	/* While the power stays a write is cut off, but never spoiled. */
	bool lost_power = memcmp(header.boot, r->journal->boot, 16) != 0;
	r->was_torn = scan == JOURNAL_TORN || scan == JOURNAL_SPOILED;
	if (scan == JOURNAL_CORRUPT || (scan == JOURNAL_SPOILED && !lost_power))
		set_lost(r->out, "a record is corrupt");
}

int journal_replay(struct journal *j, journal_on_record on_record, void *owner,
		   struct journal_replay *out, struct err *err)
{
	struct dirent **names = NULL;
	int count = list_segments(j, &names, err);
	if (count < 0)
		return -1;
	struct buf bytes;
	struct replay r = {.journal = j, .on_record = on_record, .owner = owner, .out = out};
	buf_init(&bytes, SEGMENT_MAX);
	*out = (struct journal_replay){.state = count == 0 ? JOURNAL_EMPTY : JOURNAL_WHOLE,
				       .why = ""};
	int rc = 0;
	for (int i = 0; i < count && rc == 0; i++) {
		rc = read_whole(j, names[i]->d_name, &bytes, err);
		if (rc == 0)
			replay_segment(&r, buf_str(&bytes));
		out->segments++;
	}
	buf_done(&bytes);
	free_names(names, count);
	return rc;
}

int journal_discard(struct journal *j, struct err *err)
{
	struct dirent **names = NULL;
	int count = list_segments(j, &names, err);
	if (count < 0)
		return -1;
	int rc = 0;
	for (int i = 0; i < count && rc == 0; i++)
		if (unlinkat(j->dir, names[i]->d_name, 0) != 0)
			rc = err_errno(err, errno, "cannot remove %s/%s", j->path,
				       names[i]->d_name);
		else
			crash_point(CRASH_SEGMENT_DISCARDED);
	free_names(names, count);
	return rc;
}

/* ---- streams ---- */

static struct segment *current(const struct journal_stream *s)
{
	return LIST_ITEM(s->segments.prev, struct segment, node);
}

static void segment_name(const struct journal_stream *s, uint64_t sequence, char *out, size_t size)
{
	snprintf(out, size, NAME_FORMAT, s->options.number, (unsigned long long)sequence);
}

static int write_all(int fd, const char *bytes, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, bytes, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		bytes += n;
		size -= (size_t)n;
	}
	return 0;
}

/* Makes the next segment and writes to it from now on. */
static int segment_start(struct journal_stream *s, uint64_t sequence, struct err *err)
{
	struct journal *j = s->journal;
	struct journal_header header = {.incarnation = s->options.incarnation,
					.stream = s->options.number,
					.streams = s->options.streams,
					.sequence = sequence,
					.is_durable = s->options.mode == JOURNAL_SYNC_BATCH};
	memcpy(header.installation, j->installation, 16);
	memcpy(header.journal, j->uuid, 16);
	memcpy(header.boot, j->boot, 16);
	char name[32];
	segment_name(s, sequence, name, sizeof(name));
	struct buf bytes;
	buf_init(&bytes, JOURNAL_HEADER_SIZE);
	journal_header_write(&bytes, &header);
	int fd = openat(j->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
	crash_point(CRASH_SEGMENT_MADE);
	bool good = fd >= 0 && write_all(fd, bytes.data, bytes.len) == 0;
	crash_point(CRASH_SEGMENT_STARTED);
	if (good && s->options.mode == JOURNAL_SYNC_BATCH)
		good = fdatasync(fd) == 0 && fsync(j->dir) == 0;
	buf_done(&bytes);
	if (!good) {
		err_errno(err, errno, "cannot make %s/%s", j->path, name);
		if (fd >= 0) {
			close(fd);
			unlinkat(j->dir, name, 0);
		}
		return -1;
	}
	struct segment *segment = xcalloc(1, sizeof(*segment));
	list_init(&segment->node);
	segment->sequence = sequence;
	list_push_back(&s->segments, &segment->node);
	s->fd = fd;
	s->size = JOURNAL_HEADER_SIZE;
	return 0;
}

/* The sequence after the last segment this stream has left in the directory. */
static int next_sequence(struct journal *j, uint16_t number, uint64_t *out, struct err *err)
{
	struct dirent **names = NULL;
	int count = list_segments(j, &names, err);
	if (count < 0)
		return -1;
	*out = 1;
	for (int i = 0; i < count; i++) {
		struct str rest = str_from(names[i]->d_name);
		uint64_t stream = 0, sequence = 0;
		if (str_to_u64(str_take_until(&rest, '-'), &stream) == 0 && stream == number &&
		    str_to_u64(str_take_until(&rest, '.'), &sequence) == 0)
			*out = sequence + 1;
	}
	free_names(names, count);
	return 0;
}

struct journal_stream *journal_stream_open(struct journal *j,
					   const struct journal_stream_options *options,
					   struct err *err)
{
	struct journal_stream *s = xcalloc(1, sizeof(*s));
	s->journal = j;
	s->options = *options;
	s->fd = -1;
	list_init(&s->segments);
	buf_init(&s->out, COLLECT_MAX);
	uint64_t sequence;
	if (next_sequence(j, options->number, &sequence, err) != 0 ||
	    segment_start(s, sequence, err) != 0) {
		journal_stream_close(s);
		return NULL;
	}
	return s;
}

void journal_stream_close(struct journal_stream *s)
{
	if (s == NULL)
		return;
	must(!s->is_syncing);
	if (s->fd >= 0)
		close(s->fd);
	struct list *node;
	while ((node = list_pop_front(&s->segments)) != NULL)
		free(LIST_ITEM(node, struct segment, node));
	buf_done(&s->out);
	free(s);
}

uint64_t journal_intent(struct journal_stream *s, const struct journal_key *key)
{
	journal_intent_write(&s->out, key);
	current(s)->unsettled++;
	return current(s)->sequence;
}

uint64_t journal_retract(struct journal_stream *s, const struct journal_key *key)
{
	journal_retract_write(&s->out, key);
	current(s)->unsettled++;
	return current(s)->sequence;
}

uint64_t journal_outcome(struct journal_stream *s, const struct journal_key *key,
			 const struct settlement *settlement)
{
	journal_outcome_write(&s->out, key, settlement);
	current(s)->unsettled++;
	return current(s)->sequence;
}

size_t journal_pending(const struct journal_stream *s)
{
	return s->out.len;
}

/* Removes closed segments nobody needs, the oldest first. One that cannot be removed now is tried
 * again with the next; it costs room, not truth. */
static void trim(struct journal_stream *s)
{
	struct segment *oldest;
	while ((oldest = LIST_ITEM(s->segments.next, struct segment, node)) != current(s) &&
	       oldest->unsettled == 0) {
		char name[32];
		segment_name(s, oldest->sequence, name, sizeof(name));
		crash_point(CRASH_TRIM);
		if (unlinkat(s->journal->dir, name, 0) != 0 && errno != ENOENT)
			return;
		crash_point(CRASH_TRIMMED);
		list_remove(&oldest->node);
		free(oldest);
	}
}

/* What was collected is written, so a new segment may begin; if it cannot be made now, this one
 * goes on. */
static void rotate(struct journal_stream *s)
{
	int old = s->fd;
	if (s->options.mode == JOURNAL_SYNC_BATCH && fdatasync(old) != 0) {
		s->sync_failed = errno;
		return;
	}
	if (segment_start(s, current(s)->sequence + 1, NULL) != 0)
		return;
	close(old);
	trim(s);
}

/* Takes away what a failed write has left. */
static int mend_tail(struct journal_stream *s)
{
	if (s->is_torn && ftruncate(s->fd, (off_t)s->size) != 0)
		return -1;
	s->is_torn = false;
	return 0;
}

int journal_write(struct journal_stream *s, struct err *err)
{
	must(!s->out.is_truncated);
	crash_point(CRASH_JOURNAL_WRITE);
	if (mend_tail(s) != 0 || write_all(s->fd, s->out.data, s->out.len) != 0) {
		err_errno(err, errno, "cannot write the journal in %s", s->journal->path);
		s->is_torn = true;
		(void)mend_tail(s); /* else before the next write */
		return -1;
	}
	crash_point(CRASH_JOURNAL_WRITTEN);
	s->size += s->out.len;
	buf_clear(&s->out);
	/* A sync under way holds the descriptor. */
	if (s->size > s->options.segment_bytes && !s->is_syncing)
		rotate(s);
	return 0;
}

static void sync_work(uv_work_t *work)
{
	struct journal_stream *s = work->data;
	if (s->options.mode == JOURNAL_SYNC_BATCH && s->sync_failed == 0 && fdatasync(s->fd) != 0)
		s->sync_failed = errno;
}

static void after_sync(uv_work_t *work, int status)
{
	struct journal_stream *s = work->data;
	struct err err;
	must(status == 0);
	s->is_syncing = false;
	if (s->sync_failed != 0)
		err_errno(&err, s->sync_failed, "cannot sync the journal in %s", s->journal->path);
	s->on_synced(s->owner, s->sync_failed != 0 ? &err : NULL);
}

void journal_sync(struct journal_stream *s, struct loop *loop, journal_on_synced on_synced,
		  void *owner)
{
	must(!s->is_syncing);
	s->is_syncing = true;
	s->on_synced = on_synced;
	s->owner = owner;
	s->work.data = s;
	must(uv_queue_work(loop_uv(loop), &s->work, sync_work, after_sync) == 0);
}

void journal_settled(struct journal_stream *s, uint64_t segment, size_t n)
{
	LIST_EACH (it, &s->segments) {
		struct segment *seg = LIST_ITEM(it, struct segment, node);
		if (seg->sequence != segment)
			continue;
		must(seg->unsettled >= n);
		seg->unsettled -= n;
		break;
	}
	trim(s);
}
