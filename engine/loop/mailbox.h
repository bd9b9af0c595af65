/* SPDX-License-Identifier: MIT */
/*
 * A mailbox: how threads talk. Letters are intrusive; whoever takes one out owns it.
 *
 * Any thread may send. The owner's loop wakes up once for many letters and drains the whole box, in
 * the order sent. What bounds a box is the sender's budget (jobs, credits), not the box.
 */
#ifndef EDM_ENGINE_LOOP_MAILBOX_H
#define EDM_ENGINE_LOOP_MAILBOX_H

#include "engine/loop/loop.h"

struct letter {
	struct list node;
};

struct mailbox;

/* Runs on the owner's loop for each letter. */
typedef void (*mailbox_on_letter)(void *owner, struct letter *letter);

struct mailbox *mailbox_open(struct loop *l, mailbox_on_letter on_letter, void *owner);
/* Any thread. The letter's node is initialised here. */
void mailbox_send(struct mailbox *mb, struct letter *letter);
/* Delivers what is in the box now; on the owner's loop, for draining before a stop. */
void mailbox_drain(struct mailbox *mb);
/* Nobody sends any more; letters left are delivered first. Owner's thread; frees in the close
 * callback, so run the loop afterwards. NULL is fine. */
void mailbox_close(struct mailbox *mb);

#endif
