/* SPDX-License-Identifier: MIT */
/*
 * A campaign's message as one member gets it: the parts rendered for reading, and the composed,
 * unsigned bytes. Blocking.
 */
#ifndef EDM_SCHEDULER_CAMPAIGN_PREVIEW_H
#define EDM_SCHEDULER_CAMPAIGN_PREVIEW_H

#include "engine/base/address.h"
#include "lists/suppression.h"
#include "scheduler/campaign/store.h"

struct preview {
	char address[ADDRESS_MAX + 1];
	enum suppression_cause suppressed_for; /* SUPPRESSION_ANY: he is not */
	struct buf suppressed_in;	       /* the list; empty: everywhere */
	struct buf excluded_by;		       /* an excluded list he is in; empty: none */
	struct buf attributes;		       /* JSON */
	struct buf subject;
	struct buf text;
	struct buf html; /* empty: there is none */
	struct buf unsubscribe_url;
	struct buf mail_from;
	struct message message;
	struct campaign_snapshot *campaign; /* what message points into */
};

void preview_init(struct preview *p);
void preview_done(struct preview *p);
/* Renders the newest content for the member with that address, or for any (NULL). NOT_FOUND when
 * there is no such member. */
int preview_load(struct pg_blocking *db, const struct campaign_row *row, const char *address,
		 struct preview *p, struct err *err) NODISCARD;

/* The id of a person by address; USAGE when it is none. */
int preview_find_rid(struct pg_blocking *db, struct str text, struct address *address_out,
		     int64_t *rid_out, struct err *err) NODISCARD;

#endif
