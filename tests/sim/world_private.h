/* SPDX-License-Identifier: MIT */
/* Between world.c (the world and its process) and world_ledger.c (people and letters). */
#ifndef EDM_TESTS_SIM_WORLD_PRIVATE_H
#define EDM_TESTS_SIM_WORLD_PRIVATE_H

#include "tests/sim/world.h"

/* Letters of the worker. */
void world_on_letter(void *owner, struct letter *letter);
/* Claims and credits begin to be looked at. */
void world_ledger_start(struct world *w);
/* Nothing of it is out any more. */
void world_ledger_stop(struct world *w);
void crowd_done(struct crowd *c);
/* Counts what left in the row of its minute. */
void world_use(struct world *w, const struct past_usage *usage);

#endif
