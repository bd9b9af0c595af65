/* SPDX-License-Identifier: MIT */
/*
 * The composers: a small pool of threads that render, encode, hash and sign messages.
 *
 * An RSA-2048 signature costs 20 to 40 times everything else together, so it never runs on a loop.
 * A worker hands in a job whose compose letter is free; a composer fills in message, mail_from and
 * compose_error and sends the letter to the worker's mailbox. Threads take several jobs at a time
 * so that a wake-up, and later a faster signer, serves many.
 *
 * composers_offer may be called by any thread; open and close belong to control.
 */
#ifndef EDM_SCHEDULER_NODE_COMPOSER_H
#define EDM_SCHEDULER_NODE_COMPOSER_H

#include <stdatomic.h>

#include "scheduler/node/crashes.h"
#include "scheduler/node/work.h"

struct composers;

/* How many threads (≥ 1) run at nice +5; each has a slot of crashes, which outlives them. */
struct composers *composers_open(int threads, struct crashes *crashes);
/* Waits for the threads; jobs still waiting are composed first. NULL is fine. */
void composers_close(struct composers *c);
/* Sends the job's compose letter; it comes back to reply_to as LETTER_COMPOSE. */
void composers_offer(struct composers *c, struct work_job *job, struct mailbox *reply_to);
/* Bytes of messages composed, or being composed (as long as the one before), and not yet released:
 * the node-wide budget is held against this. */
int64_t composers_bytes(struct composers *c);
/* The job's message is of no more use: forgets it and its bytes. */
void composers_release(struct composers *c, struct work_job *job);

#endif
