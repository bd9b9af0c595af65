/* SPDX-License-Identifier: MIT */
/*
 * The machine a worker runs on in the simulator: time that passes only when nothing is left to do,
 * and connections to modelled receivers. virtual_*.c take the place of engine/loop, engine/net, the
 * composers and the journal, under their own headers, when the simulator is linked: what a worker
 * decides (scheduler/node, scheduler/plan, ip-pool) is the code of the product, byte for byte.
 *
 * There is one machine in a process, since the functions it stands for name none. The worker keeps
 * its thread, but only one of them runs at a time: the scenario's between two virtual_run, the
 * worker's inside. So the same seed gives the same run.
 */
#ifndef EDM_TESTS_SIM_VIRTUAL_H
#define EDM_TESTS_SIM_VIRTUAL_H

#include "engine/loop/loop.h"
#include "tests/sim/receiver.h"

/* The loop of the machine; loop_new gives the same one. Time begins at now_ms. */
struct loop *virtual_open(int64_t now_ms, uint64_t seed);
/* Nothing of it may be in use any more. */
void virtual_close(struct loop *l);
/* After worker_open: waits until the worker is in its loop. */
void virtual_await(struct loop *l);
/* Lets the worker's thread run until the clock says until_ms, or it has left its loop: false. */
bool virtual_run(struct loop *l, int64_t until_ms);
/* Time passes and nothing runs, as on a machine that was suspended: what was due is late. */
void virtual_sleep(struct loop *l, int64_t ms);
/* The machine's randomness; random_u64 of the product draws from it, too. */
uint64_t virtual_random(void);
/* ms × (1 ± 0.3) or so, at least 1. */
int64_t virtual_jitter(int64_t ms);
/* Who answers at 10.N.H.x: receivers[N], host H. Borrowed. */
void virtual_receivers(struct receiver *const *receivers, size_t count);
/* What is still on its way to them arrives. */
void virtual_net_end(void);
/* Bytes a composed message is taken to have. */
#define VIRTUAL_MESSAGE_BYTES 10240

#endif
