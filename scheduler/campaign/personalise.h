/* SPDX-License-Identifier: MIT */
/*
 * One message for one person: the campaign's content with the person's attributes, the headers that
 * name the campaign, and the envelope sender.
 *
 * Values of the templates: every attribute of the membership by its name, and of our own email,
 * campaign, unsubscribe_url and message_id, which no attribute can override. The Message-ID is made
 * from campaign and person alone, so it is the same in every attempt.
 *
 * Threads: a personaliser belongs to one thread; snapshots are shared.
 */
#ifndef EDM_SCHEDULER_CAMPAIGN_PERSONALISE_H
#define EDM_SCHEDULER_CAMPAIGN_PERSONALISE_H

#include "scheduler/campaign/snapshot.h"

struct addressee {
	uint64_t rid;
	struct str address;
	struct str attributes; /* a flat JSON object, or empty */
	bool takes_verp;       /* their provider takes an envelope sender that is not From */
};

/* What is made; both are the caller's, initialised. */
struct personal_message {
	struct message *message; /* not signed yet: compose_sign */
	struct buf *mail_from;	 /* the envelope sender */
};

struct personaliser;
struct personaliser *personaliser_new(void);
void personaliser_free(struct personaliser *p);

/*
 * Composes the message and writes the envelope sender: a VERP address when the campaign has a
 * return-path domain and takes_verp, else the From address. -1 (ERR_INPUT) if the person's data
 * cannot be made into a message.
 */
int personalise(struct personaliser *p, const struct campaign_snapshot *campaign,
		const struct addressee *person, const struct personal_message *out,
		struct err *err) NODISCARD;

/* A template to render, and the buffer to append to. */
struct personal_text {
	const struct template *template;
	struct buf *out;
};

/* Renders any template with the values the person's message has: for previews. */
int personalise_text(struct personaliser *p, const struct campaign_snapshot *campaign,
		     const struct addressee *person, const struct personal_text *text,
		     struct err *err) NODISCARD;

/* True if name is a value that every campaign has (email, unsubscribe_url, …). */
bool personalise_is_builtin(struct str name);

#endif
