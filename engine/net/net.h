/* SPDX-License-Identifier: MIT */
/*
 * What the connections of one loop share: the read buffer, and the budget of TLS handshake steps
 * (at most NET_HANDSHAKE_STEPS a loop turn, so that a burst of new connections does not hold up
 * the conversations). One for each loop; the loop's thread only.
 */
#ifndef EDM_ENGINE_NET_NET_H
#define EDM_ENGINE_NET_NET_H

#include "engine/loop/loop.h"

#define NET_HANDSHAKE_STEPS 8u

struct net;

struct net *net_open(struct loop *l);
/* All sessions must be closed or gone. Frees in the close callback: run the loop afterwards. */
void net_close(struct net *n);
struct loop *net_loop(const struct net *n);
/* Sessions that are open, those still closing included. */
size_t net_sessions(const struct net *n);

#endif
