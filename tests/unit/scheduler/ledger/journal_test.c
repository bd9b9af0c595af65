/* SPDX-License-Identifier: MIT */
/* The journal on a disk: locking, replay, what makes it lost, trimming, syncing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "scheduler/ledger/journal.h"

static const unsigned char ours[16] = {1, 2, 3};
static const unsigned char theirs[16] = {9};

struct fixture {
	char dir[64];
	struct journal *journal;
	size_t told;
	enum journal_type last;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	snprintf(f->dir, sizeof(f->dir), "/tmp/edm-journal-XXXXXX");
	must(mkdtemp(f->dir) != NULL);
	*state = f;
	return 0;
}

/* Calls on_name for each file of the directory. */
static void each_file(struct fixture *f, void (*on_name)(struct fixture *f, const char *path))
{
	DIR *dir = opendir(f->dir);
	must(dir != NULL);
	struct dirent *entry;
	while ((entry = readdir(dir)) != NULL) {
		char path[400];
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", f->dir, entry->d_name);
		on_name(f, path);
	}
	closedir(dir);
}

static void remove_file(struct fixture *f, const char *path)
{
	(void)f;
	unlink(path);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	journal_close(f->journal);
	each_file(f, remove_file);
	rmdir(f->dir);
	free(f);
	return 0;
}

static void reopen(struct fixture *f)
{
	struct err err;
	journal_close(f->journal);
	f->journal = journal_open(f->dir, ours, &err);
	if (f->journal == NULL)
		fail_msg("%s", err.text);
}

/* Of a segment, in octets. */
#define SEGMENT (64u << 10)

static struct journal_stream *open_stream(struct fixture *f, uint16_t number, uint16_t streams)
{
	struct err err;
	struct journal_stream_options options = {
		.number = number, .streams = streams, .incarnation = 4, .segment_bytes = SEGMENT};
	struct journal_stream *s = journal_stream_open(f->journal, &options, &err);
	if (s == NULL)
		fail_msg("%s", err.text);
	return s;
}

static const struct journal_key key = {
	.campaign = 1, .chunk = 4096, .epoch = 1, .position = 5, .attempt = 1};

/* Writes n intents in one write. */
static uint64_t write_intents(struct journal_stream *s, size_t n)
{
	struct err err;
	uint64_t segment = 0;
	for (size_t i = 0; i < n; i++)
		segment = journal_intent(s, &key);
	assert_int_equal(journal_write(s, &err), 0);
	return segment;
}

static void on_record(void *owner, const struct journal_record *record)
{
	struct fixture *f = owner;
	f->told++;
	f->last = record->type;
}

static struct journal_replay replay(struct fixture *f)
{
	struct journal_replay out;
	struct err err;
	f->told = 0;
	assert_int_equal(journal_replay(f->journal, on_record, f, &out, &err), 0);
	return out;
}

static void what_was_written_is_replayed(void **state)
{
	struct fixture *f = *state;
	reopen(f);
	assert_int_equal(replay(f).state, JOURNAL_EMPTY);
	struct journal_stream *a = open_stream(f, 0, 2);
	struct journal_stream *b = open_stream(f, 1, 2);
	write_intents(a, 3);
	struct settlement s = {
		.position = 5, .state = RECIPIENT_DELIVERED, .klass = OUTCOME_DELIVERED};
	struct err err;
	journal_outcome(b, &key, &s);
	/* What was not written did not happen. */
	assert_true(journal_pending(b) > 0);
	assert_int_equal(journal_write(b, &err), 0);
	journal_retract(b, &key);
	journal_stream_close(a);
	journal_stream_close(b);
	reopen(f);
	struct journal_replay got = replay(f);
	assert_int_equal(got.state, JOURNAL_WHOLE);
	assert_int_equal(f->told, 4);
	assert_int_equal(f->last, JOURNAL_OUTCOME);
	assert_int_equal(got.first_incarnation, 4);
	assert_int_equal(got.last_incarnation, 4);
	assert_int_equal(journal_discard(f->journal, &err), 0);
	assert_int_equal(replay(f).state, JOURNAL_EMPTY);
}

static void the_name_stays_and_strangers_are_refused(void **state)
{
	struct fixture *f = *state;
	struct err err;
	reopen(f);
	unsigned char uuid[16];
	memcpy(uuid, journal_uuid(f->journal), 16);
	/* Locked: flock is per open file, so another opening in this process is refused too. */
	assert_null(journal_open(f->dir, ours, &err));
	assert_int_equal(err.kind, ERR_REFUSED);
	journal_close(f->journal);
	f->journal = NULL;
	assert_null(journal_open(f->dir, theirs, &err));
	assert_int_equal(err.kind, ERR_REFUSED);
	reopen(f);
	assert_memory_equal(journal_uuid(f->journal), uuid, 16);
}

static void cut_segments(struct fixture *f, const char *path)
{
	struct stat st;
	(void)f;
	if (strstr(path, ".seg") != NULL && stat(path, &st) == 0)
		assert_int_equal(truncate(path, st.st_size - 3), 0);
}

static void a_torn_tail_is_fine(void **state)
{
	struct fixture *f = *state;
	reopen(f);
	struct journal_stream *s = open_stream(f, 0, 1);
	write_intents(s, 10);
	journal_stream_close(s);
	each_file(f, cut_segments);
	assert_int_equal(replay(f).state, JOURNAL_WHOLE);
	assert_int_equal(f->told, 9);
}

/* What is in the one segment, and back into it. */
static void read_segment(struct fixture *f, struct buf *out)
{
	char path[100];
	snprintf(path, sizeof(path), "%s/00-0000000001.seg", f->dir);
	int fd = open(path, O_RDONLY);
	must(fd >= 0);
	buf_init(out, 1u << 20);
	ssize_t n;
	while ((n = read(fd, buf_reserve(out, 4096), 4096)) > 0)
		buf_add(out, (size_t)n);
	close(fd);
}

static void write_segment(struct fixture *f, struct str bytes)
{
	char path[100];
	snprintf(path, sizeof(path), "%s/00-0000000001.seg", f->dir);
	int fd = open(path, O_WRONLY | O_TRUNC);
	must(fd >= 0 && write(fd, bytes.ptr, bytes.len) == (ssize_t)bytes.len);
	close(fd);
}

/* Whatever byte was changed on the disk: a journal that is taken for whole tells all it was told.
 */
static void no_flipped_byte_takes_a_record_away(void **state)
{
	struct fixture *f = *state;
	struct buf bytes;
	reopen(f);
	struct journal_stream *s = open_stream(f, 0, 1);
	write_intents(s, 3);
	struct settlement delivered = {
		.position = 5, .state = RECIPIENT_DELIVERED, .klass = OUTCOME_DELIVERED};
	journal_outcome(s, &key, &delivered);
	write_intents(s, 1);
	journal_stream_close(s);
	read_segment(f, &bytes);
	for (size_t i = 0; i < bytes.len; i++) {
		for (int flip = 1; flip < 256; flip <<= 1) {
			bytes.data[i] = (char)(bytes.data[i] ^ flip);
			write_segment(f, buf_str(&bytes));
			bytes.data[i] = (char)(bytes.data[i] ^ flip);
			if (replay(f).state != JOURNAL_LOST)
				fail_msg("byte %zu of %zu, bit %d: %zu told", i, bytes.len, flip,
					 f->told);
		}
	}
	buf_done(&bytes);
}

/* Another boot of the machine: after a loss of power the end may hold anything. */
static void move_to_another_boot(struct fixture *f, bool is_durable)
{
	struct buf bytes, moved;
	struct journal_header header;
	read_segment(f, &bytes);
	assert_int_equal(journal_header_read(buf_str(&bytes), &header), 0);
	memset(header.boot, 0x42, sizeof(header.boot));
	header.is_durable = is_durable;
	buf_init(&moved, 1u << 20);
	journal_header_write(&moved, &header);
	buf_append_str(&moved, str_slice(buf_str(&bytes), JOURNAL_HEADER_SIZE, bytes.len));
	write_segment(f, buf_str(&moved));
	buf_done(&bytes);
	buf_done(&moved);
}

static void another_boot_without_batch_makes_it_lost(void **state)
{
	struct fixture *f = *state;
	reopen(f);
	struct journal_stream *s = open_stream(f, 0, 1);
	write_intents(s, 3);
	journal_stream_close(s);
	move_to_another_boot(f, true);
	assert_int_equal(replay(f).state, JOURNAL_WHOLE);
	assert_int_equal(f->told, 3);
	move_to_another_boot(f, false);
	struct journal_replay got = replay(f);
	assert_int_equal(got.state, JOURNAL_LOST);
	assert_int_equal(f->told, 3);
	assert_string_equal(got.why, "the machine was restarted and journal.sync is not batch");
}

/* The last pages of a file whose power went were not all written: what nobody waited for is no
 * loss, be it cut, zeros, or half of it. */
static void an_unsynced_end_is_fine_after_a_loss_of_power(void **state)
{
	struct fixture *f = *state;
	struct buf bytes;
	reopen(f);
	struct journal_stream *s = open_stream(f, 0, 1);
	write_intents(s, 3);
	journal_stream_close(s);
	move_to_another_boot(f, true);
	read_segment(f, &bytes);
	size_t last = bytes.len - (bytes.len - JOURNAL_HEADER_SIZE) / 3;
	for (size_t zeros = 0; zeros < bytes.len - last; zeros++) {
		struct buf torn;
		buf_init(&torn, 1u << 20);
		buf_append_str(&torn, buf_str(&bytes));
		memset(torn.data + torn.len - zeros, 0, zeros);
		for (int i = 0; i < 100; i++)
			buf_append_char(&torn, '\0');
		write_segment(f, buf_str(&torn));
		assert_int_equal(replay(f).state, JOURNAL_WHOLE);
		assert_int_equal(f->told, zeros == 0 ? 3 : 2);
		buf_done(&torn);
	}
	buf_done(&bytes);
}

static void damage_segments(struct fixture *f, const char *path)
{
	(void)f;
	if (strstr(path, ".seg") == NULL)
		return;
	int fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, "x", 1, JOURNAL_HEADER_SIZE + 12), 1);
	close(fd);
}

static void damage_makes_it_lost(void **state)
{
	struct fixture *f = *state;
	reopen(f);
	struct journal_stream *s = open_stream(f, 0, 1);
	write_intents(s, 10);
	journal_stream_close(s);
	each_file(f, damage_segments);
	struct journal_replay got = replay(f);
	assert_int_equal(got.state, JOURNAL_LOST);
	assert_string_equal(got.why, "a record is corrupt");
}

static void remove_second(struct fixture *f, const char *path)
{
	(void)f;
	if (strstr(path, "0000000002.seg") != NULL)
		unlink(path);
}

/* Fills segments with intents until there are n of them. */
static uint64_t fill_segments(struct journal_stream *s, uint64_t n, size_t *per_segment_out)
{
	uint64_t segment = 0;
	*per_segment_out = 0;
	while (segment < n) {
		segment = write_intents(s, 500);
		if (segment == 1)
			*per_segment_out += 500;
	}
	return segment;
}

static void a_missing_segment_makes_it_lost(void **state)
{
	struct fixture *f = *state;
	size_t per_segment;
	reopen(f);
	struct journal_stream *s = open_stream(f, 0, 1);
	fill_segments(s, 3, &per_segment);
	journal_stream_close(s);
	assert_int_equal(replay(f).state, JOURNAL_WHOLE);
	each_file(f, remove_second);
	struct journal_replay got = replay(f);
	assert_int_equal(got.state, JOURNAL_LOST);
	assert_string_equal(got.why, "a segment is missing");
}

static void a_missing_stream_makes_it_lost(void **state)
{
	struct fixture *f = *state;
	reopen(f);
	struct journal_stream *s = open_stream(f, 1, 2);
	journal_stream_close(s);
	assert_int_equal(replay(f).state, JOURNAL_LOST);
}

/* Segments that a start has left stay before those of the next process: a torn end and a gap
 * between the two are no fault. */
static void rows_of_two_processes_stand_one_after_the_other(void **state)
{
	struct fixture *f = *state;
	struct err err;
	size_t per_segment;
	reopen(f);
	struct journal_stream *s = open_stream(f, 0, 1);
	write_intents(s, 10);
	journal_stream_close(s);
	each_file(f, cut_segments);
	struct journal_stream_options options = {
		.streams = 1, .incarnation = 5, .segment_bytes = SEGMENT};
	s = journal_stream_open(f->journal, &options, &err);
	assert_non_null(s);
	assert_int_equal(replay(f).state, JOURNAL_WHOLE);
	assert_int_equal(fill_segments(s, 3, &per_segment), 3);
	journal_stream_close(s);
	each_file(f, remove_second);
	struct journal_replay got = replay(f);
	assert_int_equal(got.state, JOURNAL_WHOLE);
	assert_int_equal(got.first_incarnation, 4);
	assert_int_equal(got.last_incarnation, 5);
}

static void settled_segments_are_removed(void **state)
{
	struct fixture *f = *state;
	size_t per_segment;
	reopen(f);
	struct journal_stream *s = open_stream(f, 0, 1);
	fill_segments(s, 3, &per_segment);
	assert_int_equal(replay(f).segments, 3);
	/* The second alone cannot go before the first. */
	journal_settled(s, 2, per_segment);
	assert_int_equal(replay(f).segments, 3);
	journal_settled(s, 1, per_segment);
	struct journal_replay got = replay(f);
	assert_int_equal(got.segments, 1);
	assert_int_equal(got.state, JOURNAL_WHOLE);
	journal_stream_close(s);
}

/* No file of this process may grow past this; 0 = as far as it can. */
static void limit_files(size_t size)
{
	struct rlimit limit;
	signal(SIGXFSZ, SIG_IGN);
	must(getrlimit(RLIMIT_FSIZE, &limit) == 0);
	limit.rlim_cur = size > 0 ? size : limit.rlim_max;
	must(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

/* A full disk: the write fails, half a record is taken away again, and all of it is written once
 * there is room. */
static void what_found_no_room_is_written_later(void **state)
{
	struct fixture *f = *state;
	struct err err = {0};
	reopen(f);
	struct journal_stream *s = open_stream(f, 0, 1);
	write_intents(s, 2);
	limit_files(JOURNAL_HEADER_SIZE + 3 * 25 + 11);
	for (int i = 0; i < 5; i++)
		journal_intent(s, &key);
	assert_int_equal(journal_write(s, &err), -1);
	assert_true(journal_pending(s) > 0);
	assert_int_equal(replay(f).state, JOURNAL_WHOLE);
	assert_int_equal(f->told, 2);
	journal_retract(s, &key);
	assert_int_equal(journal_write(s, &err), -1);
	limit_files(0);
	assert_int_equal(journal_write(s, &err), 0);
	assert_int_equal(journal_pending(s), 0);
	journal_stream_close(s);
	assert_int_equal(replay(f).state, JOURNAL_WHOLE);
	assert_int_equal(f->told, 8);
	assert_int_equal(f->last, JOURNAL_RETRACT);
}

/* No next segment can be made: the one that is there goes on. */
static void without_a_next_segment_the_last_goes_on(void **state)
{
	struct fixture *f = *state;
	struct err err = {0};
	char path[100];
	reopen(f);
	struct journal_stream *s = open_stream(f, 0, 1);
	snprintf(path, sizeof(path), "%s/00-0000000002.seg", f->dir);
	must(mkdir(path, 0700) == 0);
	size_t n = 0;
	for (int i = 0; i < 10; i++, n += 500) {
		for (int k = 0; k < 500; k++)
			assert_int_equal(journal_intent(s, &key), 1);
		assert_int_equal(journal_write(s, &err), 0);
	}
	must(rmdir(path) == 0);
	write_intents(s, 1);
	assert_int_equal(write_intents(s, 1), 2);
	journal_stream_close(s);
	assert_int_equal(replay(f).state, JOURNAL_WHOLE);
	assert_int_equal(f->told, n + 2);
}

static void on_synced(void *owner, const struct err *err)
{
	assert_null(err);
	(*(int *)owner)++;
}

static void a_sync_calls_back_on_the_loop(void **state)
{
	struct fixture *f = *state;
	struct err err;
	struct loop *loop = loop_new();
	int synced = 0;
	reopen(f);
	struct journal_stream_options options = {.streams = 1,
						 .incarnation = 4,
						 .mode = JOURNAL_SYNC_BATCH,
						 .segment_bytes = SEGMENT};
	struct journal_stream *s = journal_stream_open(f->journal, &options, &err);
	assert_non_null(s);
	write_intents(s, 1);
	journal_sync(s, loop, on_synced, &synced);
	while (synced == 0)
		loop_turn(loop, true);
	journal_stream_close(s);
	loop_free(loop);
	assert_int_equal(replay(f).state, JOURNAL_WHOLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(what_was_written_is_replayed),
		TEST(the_name_stays_and_strangers_are_refused),
		TEST(a_torn_tail_is_fine),
		TEST(damage_makes_it_lost),
		TEST(no_flipped_byte_takes_a_record_away),
		TEST(another_boot_without_batch_makes_it_lost),
		TEST(an_unsynced_end_is_fine_after_a_loss_of_power),
		TEST(a_missing_segment_makes_it_lost),
		TEST(a_missing_stream_makes_it_lost),
		TEST(rows_of_two_processes_stand_one_after_the_other),
		TEST(settled_segments_are_removed),
		TEST(what_found_no_room_is_written_later),
		TEST(without_a_next_segment_the_last_goes_on),
		TEST(a_sync_calls_back_on_the_loop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
