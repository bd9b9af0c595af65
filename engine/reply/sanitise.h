/* SPDX-License-Identifier: MIT */
/*
 * Text of a peer, made safe once, where it is parsed: afterwards it is valid UTF-8 on one line and
 * may go to the log, the database, a CSV file and a terminal. Any thread; pure.
 */
#ifndef EDM_ENGINE_REPLY_SANITISE_H
#define EDM_ENGINE_REPLY_SANITISE_H

#include "engine/base/buf.h"

/*
 * Appends raw to out as valid UTF-8. What is not UTF-8 but reads as GB18030 Chinese is converted;
 * else each bad byte becomes U+FFFD. Tabs and CRs become spaces; other control characters, NUL,
 * line separators and bidirectional overrides become U+FFFD. Stops at a character boundary when
 * out is full (out->is_truncated).
 */
void sanitise_append(struct buf *out, struct str raw);

#endif
