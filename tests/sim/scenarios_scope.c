/* SPDX-License-Identifier: MIT */
/*
 * A receiver that limits one source, one sending domain, one campaign or each recipient and says
 * only "too fast": the worker tells which by comparing.
 */
#include <string.h>

#include "tests/sim/bars.h"
#include "tests/sim/world.h"

#define MINUTES 100

/* What the worker says. */
struct told {
	const char *want;
	int64_t first_ms; /* when it first said so; 0 = it did not */
	int64_t right, all;
};

static void on_status(struct world *w, const struct work_status *status)
{
	static const char key[] = "\"limit_about\":\"";
	struct told *told = w->observer;
	const char *at = status->lanes.len > 0 ? strstr(status->lanes.data, key) : NULL;
	if (at == NULL)
		return;
	at += sizeof(key) - 1;
	told->all++;
	if (strncmp(at, told->want, strlen(told->want)) != 0)
		return;
	told->right++;
	if (told->first_ms == 0)
		told->first_ms = world_now(w);
}

void play_scope(uint64_t seed, struct bars *out)
{
	static const struct {
		enum receiver_scope scope;
		int64_t only;
		double rate;
		const char *name;
	} cases[] = {{BY_SOURCE, 1, 2.0, "source"},
		     {BY_DOMAIN, 1, 2.0, "domain"},
		     {BY_CAMPAIGN, 1, 2.0, "campaign"},
		     {BY_RECIPIENT, 20, 1.0 / 7200, "recipient"}};
	size_t which = seed % ARRAY_LEN(cases);
	struct world w;
	struct told told = {.want = cases[which].name, .first_ms = 0};
	world_open(&w, seed);
	(void)world_source(&w, NULL);
	(void)world_source(&w, NULL);
	struct receiver *r = world_receiver(&w, "comcast", 2, world_pick(&w, 50, 300));
	r->words.rate = "451 4.7.1 You are sending too fast, slow down";
	if (cases[which].scope == BY_RECIPIENT)
		r->words.rate = "450 4.2.1 user is receiving mail too quickly";
	r->limits.scope = cases[which].scope;
	r->limits.only = cases[which].only;
	r->limits.rate = cases[which].rate;
	r->limits.burst = 0.1; /* a recipient who is busy is so at first */
	for (int campaign = 0; campaign < 4; campaign++)
		(void)world_crowd(&w, campaign, r, 1000);
	w.on_status = on_status;
	w.observer = &told;
	world_start(&w);
	world_connections(&w, "comcast", 25);
	int64_t began_ms = world_now(&w);
	/* Mail goes on coming, and the throttled come again. */
	for (int minute = 0; minute < MINUTES; minute++) {
		world_run(&w, MINUTE);
		for (int campaign = 0; campaign < 4; campaign++)
			(void)world_crowd(&w, campaign, r, world_pick(&w, 20, 120));
	}
	world_close(&w);
	double minutes =
		told.first_ms == 0 ? MINUTES : (double)(told.first_ms - began_ms) / (double)MINUTE;
	/* People have to come again first. */
	bar_note(out, "minutes until it is told", minutes, 0, which == 3 ? 75 : 5);
	bar_note(out, "of what is told that is right",
		 told.all > 0 ? (double)told.right / (double)told.all : 0, 0.9, 1e9);
}
