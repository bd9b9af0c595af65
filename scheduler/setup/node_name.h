/* SPDX-License-Identifier: MIT */
/* The node's name, kept in the data directory so that the next start is the same node. Blocking. */
#ifndef EDM_SCHEDULER_SETUP_NODE_NAME_H
#define EDM_SCHEDULER_SETUP_NODE_NAME_H

#include <stddef.h>

#include "engine/base/err.h"

/* given, else the one in data_dir/node.name, else this machine's host name; nothing is written.
 * ERR_USAGE when given is no name. */
int node_name_choose(const char *data_dir, const char *given, char *out, size_t size,
		     struct err *err) NODISCARD;
/* The name of the next start that is given none. Once the node has it: a start that is refused
 * changes nothing. */
int node_name_keep(const char *data_dir, const char *name, struct err *err) NODISCARD;

#endif
