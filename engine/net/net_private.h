/* SPDX-License-Identifier: MIT */
/* What streams and sessions use of the net they belong to. */
#ifndef EDM_ENGINE_NET_NET_PRIVATE_H
#define EDM_ENGINE_NET_NET_PRIVATE_H

#include <openssl/bio.h>

#include "engine/net/net.h"

#define NET_SCRATCH_SIZE 65536u
#define NET_RECORD_SIZE 16384u

/* Something whose memory is given back at the end of the turn. */
struct grave {
	struct list node;
	void (*free)(struct grave *grave);
};

struct net {
	struct loop *loop;
	uv_idle_t idle;	       /* runs while something waits for the next turn */
	struct turn_hook hook; /* end of turn: handshakes, then graves */
	struct list shaking;   /* struct stream that wait for a handshake step */
	struct list graves;
	BIO_METHOD *bio;     /* how OpenSSL reads and writes a stream */
	unsigned steps_left; /* handshake steps of this turn */
	size_t sessions;
	char scratch[NET_SCRATCH_SIZE]; /* what was read just now */
	char record[NET_RECORD_SIZE];	/* what is being encrypted */
};

/* Is there a handshake step left in this turn? Takes it. */
bool net_take_step(struct net *n);
/* Puts node (of a stream) into the queue for a step, unless it is there; see stream_on_step. */
void net_wait_for_step(struct net *n, struct list *node);
/* grave->free is called at the end of this turn or the next. */
void net_bury(struct net *n, struct grave *grave);

#endif
