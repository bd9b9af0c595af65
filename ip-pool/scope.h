/* SPDX-License-Identifier: MIT */
/*
 * Whom a limit of a receiver is about, found by comparing who is throttled there and who is not.
 *
 * A reply says "too fast" and often not who: the source, the sending domain, the content, the
 * recipient. If mx1 is throttled at a provider while mx2 goes on with the same campaigns, it is the
 * source; if one campaign is on every source and the others are not, its content; and so on. What
 * is compared is the share of throttled answers of the last minutes (old ones fade by half in
 * 5 min), in cells of source, sending domain and campaign. Of people who were throttled it is kept
 * what became of their next try: who is refused again while others pass is limited himself.
 *
 * Refusals that go on at any rate, of a few while the others pass, are about people (or messages)
 * one by one, too, long before those come again: a rate that was cut in vain several times tells,
 * and is believed until the share of the refused rises with the rate.
 *
 * It is told when chance is no explanation: had all answers been throttled alike, hardly ever would
 * so many have hit these alone. So few are enough when they are of a source that sends little.
 *
 * One for each provider; no rule is changed by it. Pure; one owner.
 */
#ifndef EDM_IP_POOL_SCOPE_H
#define EDM_IP_POOL_SCOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/reply/outcome.h"

#define SCOPE_CELLS 64
#define SCOPE_PEOPLE 512

/* An answer of the receiver to one message. */
struct scope_event {
	uint32_t source;
	int32_t domain, campaign;
	uint64_t recipient;
	bool is_throttled;
	bool is_again; /* he was throttled the last time, too: that says nothing of the others */
};

struct scope_cell {
	uint32_t source;
	int32_t domain, campaign;
	double answers, throttled; /* fading */
};

/* Somebody throttled lately, some of them; recipient 0 = nobody. */
struct scope_person {
	uint64_t recipient;
	int64_t at_ms;
};

struct scope_watch {
	struct scope_cell cells[SCOPE_CELLS];
	size_t count;
	struct scope_person people[SCOPE_PEOPLE]; /* by hash; who is there first stays */
	double again, again_throttled;		  /* their next tries, fading */
	double steps, in_vain;	  /* cuts of rates, by what the next refusal said of them; fading */
	double share;		  /* of the throttled in the last answers */
	double steady_share;	  /* what it was when it did not follow the rate; 0 = it does */
	int64_t steady_until_ms;  /* believed until then, or while there are some */
	int64_t doubted_until_ms; /* it was believed, and wrong */
	int64_t faded_ms;	  /* when all was last made to fade */
};

void scope_watch_init(struct scope_watch *w, int64_t now);
void scope_watch_note(struct scope_watch *w, const struct scope_event *event, int64_t now);
/* The next refusal after a cut came: was the cut in vain, while most others passed? */
void scope_watch_note_cut(struct scope_watch *w, bool was_in_vain, int64_t now);
/*
 * SCOPE_SOURCE, SCOPE_DOMAIN, SCOPE_CAMPAIGN, SCOPE_RECIPIENT, or SCOPE_SITE: everybody alike. 0
 * while it cannot be told: too few were throttled, or there is nobody to compare with. Of a domain
 * with one campaign it is said to be the campaign, the smaller of the two.
 */
enum outcome_scope scope_watch_tell(const struct scope_watch *w);
/* The limits being about domains, or campaigns: is the event's among those limited? */
bool scope_watch_blames(const struct scope_watch *w, enum outcome_scope about,
			const struct scope_event *event);

#endif
