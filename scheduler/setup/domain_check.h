/* SPDX-License-Identifier: MIT */
/*
 * What DNS says about a sending domain, against what receivers want to see: a DKIM record for each
 * key (RFC 6376), an SPF record that lets every source send (RFC 7208), a DMARC policy (RFC 7489),
 * hosts that take the bounces, hosts that take replies.
 *
 * ok: as it should be; warn: mail goes, but worse than it could, or DNS did not answer; fail:
 * receivers will refuse or distrust the mail. Blocking.
 */
#ifndef EDM_SCHEDULER_SETUP_DOMAIN_CHECK_H
#define EDM_SCHEDULER_SETUP_DOMAIN_CHECK_H

#include <jansson.h>

#include "engine/base/ip.h"
#include "scheduler/setup/doctor.h"
#include "scheduler/setup/lookup.h"
#include "scheduler/setup/sending_domain.h"

#define DOMAIN_FINDINGS_MAX 64

struct domain_finding {
	enum doctor_level level;
	const char *check;   /* "DKIM edm1", "SPF", "DMARC", "return path", "MX" */
	const char *name;    /* the name asked for */
	const char *type;    /* "TXT", "MX" */
	const char *text;    /* one sentence */
	const char *publish; /* the value that mends it, or NULL */
};

struct domain_report {
	struct arena arena; /* of the texts */
	size_t count;
	struct domain_finding findings[DOMAIN_FINDINGS_MAX];
};

/* An address the world sees mail come from. */
struct domain_sender {
	struct str name; /* the source's */
	struct ip ip;
};

struct domain_question {
	const struct sending_domain *domain;
	const struct secrets *secrets; /* NULL: this machine has no node.key */
	const struct domain_sender *senders;
	size_t sender_count;
};

/* Fills the report, to be ended with domain_report_done. */
void domain_check(struct lookup *lookup, const struct domain_question *q,
		  struct domain_report *out);
/* The SPF record alone, as one finding: the report's first. */
void domain_check_spf(struct lookup *lookup, const struct domain_question *q,
		      struct domain_report *out);
enum domain_keys {
	DOMAIN_KEYS_PUBLISHED, /* as far as there are any in use */
	DOMAIN_KEYS_LACKING,
	DOMAIN_KEYS_UNKNOWN, /* DNS does not say */
};
/* Whether DNS has the keys in use; the name of the record that it does not have, or does not tell
 * of, is appended to name_out. */
enum domain_keys domain_check_keys(struct lookup *lookup, const struct sending_domain *domain,
				   struct buf *name_out);
void domain_report_done(struct domain_report *report);
enum doctor_level domain_report_worst(const struct domain_report *report);
/* {"domain": …, "level": …, "rows": [{"level", "check", "name", "type", "text", "publish"}]} */
json_t *domain_report_json(const struct domain_report *report, struct str domain);

#endif
