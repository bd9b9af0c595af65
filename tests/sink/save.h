/* SPDX-License-Identifier: MIT */
/* Keeps received messages as files, for checks of their octets (DKIM above all). */
#ifndef EDM_TESTS_SINK_SAVE_H
#define EDM_TESTS_SINK_SAVE_H

#include "tests/sink/body.h"

/* Writes the text of body, without dot-stuffing, to DIR/QUEUE_ID.eml; a failure is logged. */
void save_message(const char *dir, const char *queue_id, const struct body *body);

#endif
