/* SPDX-License-Identifier: MIT */
/*
 * Whether a domain's SPF record lets an address send (RFC 7208). Blocking.
 *
 * All mechanisms but two are evaluated as a receiver would: "ptr", which nobody should publish,
 * never matches, nor does one with a macro, because there is no message to fill it in from.
 */
#ifndef EDM_SCHEDULER_SETUP_SPF_H
#define EDM_SCHEDULER_SETUP_SPF_H

#include "engine/base/ip.h"
#include "scheduler/setup/lookup.h"

/* RFC 7208 2.6. X(suffix, name) */
#define SPF_RESULTS(X)                                                                             \
	X(NONE, "none")		  /* there is no record */                                         \
	X(NEUTRAL, "neutral")	  /* the record takes no side */                                   \
	X(PASS, "pass")		  /* the address may send */                                       \
	X(FAIL, "fail")		  /* it may not */                                                 \
	X(SOFTFAIL, "softfail")	  /* it should not */                                              \
	X(TEMPERROR, "temperror") /* DNS failed */                                                 \
	X(PERMERROR, "permerror") /* the record is broken, or needs more than 10 questions */

enum spf_result {
#define X(suffix, name) SPF_##suffix,
	SPF_RESULTS(X)
#undef X
};

enum spf_result spf_check(struct lookup *lookup, struct str domain, const struct ip *ip);
const char *spf_result_name(enum spf_result result);

#endif
