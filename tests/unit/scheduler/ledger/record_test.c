/* SPDX-License-Identifier: MIT */
/* Journal records: there and back, torn tails, damage in the middle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "scheduler/ledger/record.h"

static struct settlement sample(void)
{
	return (struct settlement){.position = 7,
				   .rid = -5,
				   .domain_id = 3,
				   .attempt = 2,
				   .version = 4,
				   .state = RECIPIENT_DEFERRED,
				   .klass = OUTCOME_DEFERRED,
				   .cause = CAUSE_GREYLISTED,
				   .scope = SCOPE_RECIPIENT,
				   .words = OUTCOME_WORDS_REMOTE,
				   .stage = STAGE_RCPT,
				   .code = 451,
				   .enhanced = 4007001,
				   .template_hash = INT64_MIN,
				   .template_text = STR("greylisted, wait {n} s"),
				   .vars = STR("300"),
				   .source_id = 9,
				   .provider = STR("qq"),
				   .mx = STR("mx1.qq.com"),
				   .tls = 13,
				   .rule = STR("qq-grey"),
				   .at_us = 1700000000000001,
				   .took_ms = 1234,
				   .age_s = 60,
				   .retry = {.due_at_us = 1700000300000000,
					     .attempts = 2,
					     .flags = RETRY_AFTER_UNKNOWN,
					     .age_s = 60,
					     .version = 4,
					     .source_id = 9,
					     .prefer_until_us = 1700000900000000,
					     .node = 1}};
}

static const struct journal_key key = {
	.campaign = 1, .chunk = -2147483640, .epoch = 3, .position = 7, .attempt = 2};

static void an_outcome_comes_back_whole(void **state)
{
	(void)state;
	struct buf bytes;
	struct settlement want = sample();
	buf_init(&bytes, 1 << 20);
	journal_outcome_write(&bytes, &key, &want);
	struct str rest = buf_str(&bytes);
	struct journal_record got;
	assert_int_equal(journal_record_read(&rest, &got), JOURNAL_RECORD);
	assert_int_equal(got.type, JOURNAL_OUTCOME);
	assert_memory_equal(&got.key, &key, sizeof(key));
	const struct settlement *s = &got.settlement;
	assert_true(s->rid == want.rid && s->template_hash == want.template_hash);
	assert_int_equal(s->state, want.state);
	assert_int_equal(s->cause, want.cause);
	assert_int_equal(s->code, want.code);
	assert_int_equal(s->enhanced, want.enhanced);
	assert_true(s->at_us == want.at_us && s->took_ms == want.took_ms);
	assert_true(str_equals(s->template_text, want.template_text));
	assert_true(str_equals(s->vars, want.vars) && str_equals(s->mx, want.mx));
	assert_true(str_equals(s->provider, want.provider) && str_equals(s->rule, want.rule));
	assert_true(s->retry.due_at_us == want.retry.due_at_us);
	assert_true(s->retry.prefer_until_us == want.retry.prefer_until_us);
	assert_int_equal(s->retry.flags, want.retry.flags);
	assert_int_equal(journal_record_read(&rest, &got), JOURNAL_END);
	buf_done(&bytes);
}

/* Wherever the last write was cut, what stands before it is read and the rest is "torn". */
static void every_cut_is_a_torn_tail(void **state)
{
	(void)state;
	struct buf bytes;
	struct settlement s = sample();
	buf_init(&bytes, 1 << 20);
	journal_intent_write(&bytes, &key);
	size_t first = bytes.len;
	journal_outcome_write(&bytes, &key, &s);
	for (size_t cut = 0; cut < bytes.len; cut++) {
		struct str rest = str_of(bytes.data, cut);
		struct journal_record got;
		enum journal_scan want =
			cut == 0 ? JOURNAL_END : (cut < first ? JOURNAL_TORN : JOURNAL_RECORD);
		assert_int_equal(journal_record_read(&rest, &got), want);
		if (want != JOURNAL_RECORD)
			continue;
		want = cut == first ? JOURNAL_END : JOURNAL_TORN;
		assert_int_equal(journal_record_read(&rest, &got), want);
	}
	buf_done(&bytes);
}

/* A changed byte is never read as a record, nor as a write that was cut off. */
static void damage_is_noticed(void **state)
{
	(void)state;
	struct buf bytes;
	buf_init(&bytes, 1 << 20);
	journal_intent_write(&bytes, &key);
	size_t first = bytes.len;
	journal_retract_write(&bytes, &key);
	for (size_t i = 0; i < bytes.len; i++) {
		bytes.data[i] ^= 0x11;
		struct str rest = buf_str(&bytes);
		struct journal_record got;
		enum journal_scan scan = journal_record_read(&rest, &got);
		if (i >= first) {
			assert_int_equal(scan, JOURNAL_RECORD);
			scan = journal_record_read(&rest, &got);
		}
		assert_true(scan == JOURNAL_CORRUPT || (scan == JOURNAL_SPOILED && i >= first));
		bytes.data[i] ^= 0x11;
	}
	buf_done(&bytes);
}

static void zeros_at_the_end_are_a_torn_tail(void **state)
{
	(void)state;
	static const char zeros[64];
	struct str rest = str_of(zeros, sizeof(zeros));
	struct journal_record got;
	assert_int_equal(journal_record_read(&rest, &got), JOURNAL_TORN);
}

static void a_header_is_checked(void **state)
{
	(void)state;
	struct journal_header want = {.installation = {1},
				      .journal = {2},
				      .incarnation = 5,
				      .boot = {3},
				      .stream = 1,
				      .streams = 2,
				      .sequence = 77,
				      .is_durable = true};
	struct journal_header got;
	struct buf bytes;
	buf_init(&bytes, 1 << 10);
	journal_header_write(&bytes, &want);
	assert_int_equal(journal_header_read(buf_str(&bytes), &got), 0);
	assert_int_equal(got.incarnation, 5);
	assert_true(got.sequence == 77 && got.is_durable && got.streams == 2);
	assert_memory_equal(got.journal, want.journal, 16);
	for (size_t i = 0; i < bytes.len; i++) {
		bytes.data[i] ^= 1;
		assert_int_equal(journal_header_read(buf_str(&bytes), &got), -1);
		bytes.data[i] ^= 1;
	}
	assert_int_equal(journal_header_read(str_of(bytes.data, bytes.len - 1), &got), -1);
	buf_done(&bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_outcome_comes_back_whole),
		cmocka_unit_test(every_cut_is_a_torn_tail),
		cmocka_unit_test(damage_is_noticed),
		cmocka_unit_test(zeros_at_the_end_are_a_torn_tail),
		cmocka_unit_test(a_header_is_checked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
