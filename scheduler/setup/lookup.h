/* SPDX-License-Identifier: MIT */
/*
 * Questions to DNS, one after the other: the resolver on a loop of its own. Blocking; for the
 * command line, which checks what is published.
 */
#ifndef EDM_SCHEDULER_SETUP_LOOKUP_H
#define EDM_SCHEDULER_SETUP_LOOKUP_H

#include "engine/base/conf.h"
#include "engine/dns/answer.h"

struct lookup;

/* With the name servers and waits of the settings (dns.*), but no question waits longer than about
 * most_ms (2 or more); NULL and err if there are none. */
struct lookup *lookup_open(const struct conf *settings, int64_t most_ms, struct err *err);
#define LOOKUP_PATIENT INT64_MAX /* as long as the settings say */
/* NULL is fine. */
void lookup_close(struct lookup *l);

/* The answer, always one: what is no host name does not exist. The caller releases it with free().
 */
struct dns_answer *lookup_records(struct lookup *l, struct str name, enum dns_type type);
/* Whether the status says what is published, as against that it could not be found out. */
bool lookup_is_known(enum dns_status status);

#endif
