/* SPDX-License-Identifier: MIT */
/*
 * Answers that many domains have in common, each kept once.
 *
 * Most domains leave their mail to few sets of hosts, and all that does not exist is alike: the
 * resolver keeps a hundred thousand domains at the price of their names. Equal means the same
 * result, MX set, hosts, preferences and addresses in their order. Other threads may hold an answer
 * beyond its time here. Not thread-safe.
 */
#ifndef EDM_ENGINE_DNS_SHARED_H
#define EDM_ENGINE_DNS_SHARED_H

#include "engine/base/map.h"
#include "engine/dns/mx.h"

struct shared_answer {
	struct map_node node;
	struct mx_answer *answer; /* a reference */
	size_t users;
};

struct shared_answers {
	struct map by_content;
	size_t bytes; /* of all answers, with what holds them */
};

void shared_init(struct shared_answers *s);
/* Every answer has been given back. */
void shared_done(struct shared_answers *s);
/* Takes over the caller's reference to fresh, and returns what is kept of its content, for one more
 * user. */
struct shared_answer *shared_take(struct shared_answers *s, struct mx_answer *fresh);
/* One user less; the last one's takes the answer out. NULL is fine. */
void shared_give(struct shared_answers *s, struct shared_answer *shared);

#endif
