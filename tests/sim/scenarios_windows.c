/* SPDX-License-Identifier: MIT */
/*
 * A receiver that limits a source by the minute, the hour and the day, keeps the numbers to itself,
 * answers with 550 and turns away for minutes, for hours, or until the day is over (QQ).
 */
#include "tests/sim/bars.h"
#include "tests/sim/world.h"

#define WORDS                                                                                      \
	"550 Ip frequency limited [MzMx8QKkR0Vb1 IP: 192.0.2.1]. "                                 \
	"https://service.mail.qq.com/detail/122/57"

static void set_windows(struct world *w, struct receiver *r)
{
	int64_t minute = world_pick(w, 60, 300);
	int64_t hour = minute * world_pick(w, 15, 40);
	int64_t day = hour * world_pick(w, 5, 12);
	r->limits.windows[0] = minute;
	r->limits.windows[1] = hour;
	r->limits.windows[2] = day;
	r->limits.bans_ms[0] = world_pick(w, 3, 10) * MINUTE;
	r->limits.bans_ms[1] = world_pick(w, 60, 180) * MINUTE;
	r->limits.bans_ms[2] = world_pick(w, 6, 12) * HOUR;
	r->words.windows = WORDS;
}

/* What the receiver took in a day of its own, and how often it turned us away. */
struct day {
	int64_t accepted, refused;
};

static struct day live_until(struct world *w, struct receiver *r, int64_t until_ms)
{
	receiver_clear(r);
	world_run(w, until_ms - world_now(w));
	return (struct day){r->accepted, r->refused};
}

void play_windows(uint64_t seed, struct bars *out)
{
	struct world w;
	world_open(&w, seed);
	(void)world_source(&w, NULL);
	struct receiver *r = world_receiver(&w, "qq", 4, world_pick(&w, 50, 600));
	set_windows(&w, r);
	r->limits.is_sliding = seed % 3 == 0;
	double allowance = (double)r->limits.windows[2];
	struct crowd *c = world_crowd(&w, 0, r, 4 * r->limits.windows[2]);
	int64_t midnight = world_now(&w);
	world_start(&w);
	struct day first = live_until(&w, r, midnight + DAY);
	struct day second = live_until(&w, r, midnight + 2 * DAY);
	struct day third = live_until(&w, r, midnight + 3 * DAY);
	int64_t lost = c->states[RECIPIENT_BOUNCED] + c->states[RECIPIENT_REJECTED] +
		       c->states[RECIPIENT_BLOCKED] + c->states[RECIPIENT_EXPIRED];
	world_close(&w);
	bar_note(out, "people lost", (double)lost, 0, 0);
	bar_note(out, "of the allowance on the first day", (double)first.accepted / allowance, 0,
		 1e9);
	bar_note(out, "of the allowance on the second day", (double)second.accepted / allowance,
		 0.85, 1e9);
	bar_note(out, "of the allowance on the days after the first",
		 (double)(second.accepted + third.accepted) / (2 * allowance), 0.85, 1e9);
	bar_note(out, "turned away on the second day",
		 (double)second.refused / (double)(second.accepted + second.refused), 0, 0.02);
}
