/* SPDX-License-Identifier: MIT */
/* The node's name, kept in the data directory so that the next start is the same node. Blocking. */
#ifndef EDM_SCHEDULER_SETUP_NODE_NAME_H
#define EDM_SCHEDULER_SETUP_NODE_NAME_H

#include <stddef.h>

#include "engine/base/err.h"

/* given, else the one in data_dir/node.name, else this machine's host name; written to that file.
 * ERR_USAGE when given is no name. */
int node_name_choose(const char *data_dir, const char *given, char *out, size_t size,
		     struct err *err) NODISCARD;

#endif
