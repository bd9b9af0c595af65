/* SPDX-License-Identifier: MIT */
/* From the table of settings to what a node is told. Pure, but for the count of cores. */
#ifndef EDM_SCHEDULER_NODE_CONFIGURE_H
#define EDM_SCHEDULER_NODE_CONFIGURE_H

#include "engine/base/conf.h"
#include "scheduler/node/node.h"

/* What resolver policy and strings point to; lives as long as the settings made of it. */
struct node_configuration {
	struct conf *conf; /* a reference */
	struct ip_range allowed[32];
	struct node_settings settings;
};

/* Fills *out from conf and takes a reference; -1 when values do not fit each other. */
int node_configure(struct conf *conf, struct node_configuration *out, struct err *err) NODISCARD;
void node_configuration_done(struct node_configuration *c);

#endif
