/* SPDX-License-Identifier: MIT */
/*
 * The sites behind a domain. A provider's limits hold for all connections to its hosts, so a domain
 * whose MX hosts belong to several providers has a site for each of them (the tail is one, too),
 * best first: the domain's provider is that of its best MX, and mail for it goes through the lanes
 * of another only when every host of the site before is dead. Pure.
 */
#ifndef EDM_SCHEDULER_NODE_MX_SITES_H
#define EDM_SCHEDULER_NODE_MX_SITES_H

#include "engine/dns/mx.h"
#include "ip-pool/provider.h"

/*
 * Site number of the domain, from 0, as an answer with the hosts of that site only; with one
 * reference, which is the caller's. *has_more_out: there is another after it. NULL when there are
 * not so many. answer must be MX_OK.
 */
struct mx_answer *mx_site(struct mx_answer *answer, const struct provider_table *providers,
			  size_t number, bool *has_more_out);

#endif
