/* SPDX-License-Identifier: MIT */
/*
 * Sentences that other layers make in English (what a check found, why something was refused, a
 * warning, a question), in Chinese.
 *
 * Those layers know no language, and their sentences go to logs and JSON as well. So the finished
 * sentence is looked up where it is shown to people: a pair holds the format it was made from, as
 * it stands in the source, and its Chinese. What stood in place of the n-th conversion of the
 * format is %n there, as it is, or %~n: itself looked up, and left as it is if not known. A
 * sentence that no pair fits stays English. tests/lint/sentences finds pairs whose format has gone
 * from the source. Pure; any thread.
 */
#ifndef EDM_SCHEDULER_REPORT_SENTENCE_H
#define EDM_SCHEDULER_REPORT_SENTENCE_H

#include "engine/base/buf.h"

#define SENTENCE_HOLES_MAX 9

struct sentence_pair {
	const char *en, *zh;
};

/* Appends the Chinese of an English sentence and returns true; false, and nothing is appended, for
 * one that is not known. Of the pairs that fit, the one that knows most letters of it. */
bool sentence_zh(struct str en, struct buf *out);
/* All pairs, and how many there are. */
const struct sentence_pair *sentence_pairs(size_t *count_out);

#endif
