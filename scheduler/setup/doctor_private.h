/* SPDX-License-Identifier: MIT */
/* What the parts of doctor share: adding a finding, and the sources they look at. */
#ifndef EDM_SCHEDULER_SETUP_DOCTOR_PRIVATE_H
#define EDM_SCHEDULER_SETUP_DOCTOR_PRIVATE_H

#include "engine/base/ip.h"
#include "scheduler/setup/doctor.h"

#define DOCTOR_SOURCES_MAX 128

/* A row of table source; texts are in the report's arena. */
struct doctor_source {
	const char *name;
	const char *ehlo;
	struct ip address;
	struct ip public_address; /* what the world sees */
};

void doctor_add(struct doctor_report *report, enum doctor_level level, const char *check,
		const char *fmt, ...) PRINTF_LIKE(4, 5);

/* Whether the name servers answer, and the reverse names of public addresses. */
void doctor_check_dns(const struct doctor_options *options, const struct doctor_source *sources,
		      size_t count, struct doctor_report *report);

#endif
