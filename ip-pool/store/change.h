/* SPDX-License-Identifier: MIT */
/*
 * Who changes something, and why: the words of the event row each change leaves behind. Every verb
 * of this directory is one statement that changes, notes the event and notifies the nodes.
 *
 * All are blocking and for the command line; errors are sentences for people: ERR_USAGE (the
 * request makes no sense), ERR_NOT_FOUND, ERR_REFUSED (by the state), ERR_DATABASE.
 */
#ifndef EDM_IP_POOL_STORE_CHANGE_H
#define EDM_IP_POOL_STORE_CHANGE_H

#include "engine/base/str.h"

struct change {
	struct str actor;   /* EDM_ACTOR, else user@host */
	struct str because; /* --because, may be empty */
};

#endif
