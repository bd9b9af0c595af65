/* SPDX-License-Identifier: MIT */
/*
 * A mailbox: how threads talk. Letters are intrusive: memory of whatever they are about.
 *
 * Any thread may send. The owner's loop wakes up once for many letters and drains the whole box, in
 * the order sent. A box is bounded by the letters there are: one that is on its way is not sent
 * again. There are two uses of a letter:
 *
 *	send	its content belongs to whoever has the letter; the receiver may send it back
 *	post	the letter stays the sender's, who puts new content into it while the old may not
 *		have been taken yet: what is said again and again takes one place in the box
 */
#ifndef EDM_ENGINE_LOOP_MAILBOX_H
#define EDM_ENGINE_LOOP_MAILBOX_H

#include "engine/loop/loop.h"

struct letter {
	struct list node;
	void *content;
	int kind;	/* what that is; for the two ends to agree on */
	bool is_on_way; /* in a box; guarded by the box's lock */
};

struct mailbox;

/* Runs on the owner's loop for each letter. */
typedef void (*mailbox_on_letter)(void *owner, struct letter *letter);

struct mailbox *mailbox_open(struct loop *l, mailbox_on_letter on_letter, void *owner);
/* From now on letters that come within ms of a delivery are delivered together, by a timer, without
 * waking the owner: for one to whom many letters come and none is urgent. Owner's thread. */
void mailbox_gather(struct mailbox *mb, int64_t ms);
/* Any thread. A letter that is on its way already is a bug. */
void mailbox_send(struct mailbox *mb, struct letter *letter);
/* n letters at once, in their order: the owner wakes up once for all of them. */
void mailbox_send_all(struct mailbox *mb, struct letter *const *letters, size_t n);
/* Puts content (not NULL) into the letter and sends it; one that is on its way goes to the end, so
 * that it comes after all that was sent before. Returns what had not been taken of it: the
 * sender's again, to be freed. One thread posts a letter, zeroed before
 * the first time; it must live until the box is closed. */
void *mailbox_post(struct mailbox *mb, struct letter *letter, void *content);
/* Takes what a posted letter holds; NULL: nothing. The receiver does so for a letter that came, the
 * sender to add to what has not been taken. */
void *mailbox_take(struct mailbox *mb, struct letter *letter);
/* Delivers what is in the box now; on the owner's loop, for draining before a stop. */
void mailbox_drain(struct mailbox *mb);
/* Nobody sends any more; letters left are delivered first. Owner's thread; frees in the close
 * callback, so run the loop afterwards. NULL is fine. */
void mailbox_close(struct mailbox *mb);

#endif
