/* SPDX-License-Identifier: MIT */
/*
 * Journal segments: whatever the bytes, the reader stays in its bounds and ends; what it does
 * accept is written back to the same bytes.
 */
#include "scheduler/ledger/record.h"
#include "tests/fuzz/fuzz.h"

static void write_again(struct buf *out, const struct journal_record *r)
{
	switch (r->type) {
	case JOURNAL_INTENT:
		journal_intent_write(out, &r->key);
		break;
	case JOURNAL_RETRACT:
		journal_retract_write(out, &r->key);
		break;
	case JOURNAL_OUTCOME:
		journal_outcome_write(out, &r->key, &r->settlement);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = str_of((const char *)data, size);
	struct journal_header header;
	if (journal_header_read(rest, &header) == 0)
		rest = str_slice(rest, JOURNAL_HEADER_SIZE, rest.len);
	struct journal_record record;
	struct buf again;
	buf_init(&again, JOURNAL_PAYLOAD_MAX * 2);
	struct str before = rest;
	while (journal_record_read(&rest, &record) == JOURNAL_RECORD) {
		must(rest.len < before.len);
		struct str bytes = str_slice(before, 0, before.len - rest.len);
		buf_clear(&again);
		write_again(&again, &record);
		must(str_equals(buf_str(&again), bytes));
		before = rest;
	}
	buf_done(&again);
	return 0;
}
