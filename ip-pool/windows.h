/* SPDX-License-Identifier: MIT */
/*
 * Limits by the minute, the hour and the day that a receiver keeps to itself, learnt from being
 * turned away.
 *
 * Some receivers count what a source sends in windows and, when it is too much, turn it away for a
 * while: for minutes, for hours, or until the day is over. A rate that follows refusals learns
 * nothing from that; how much was sent in each window and how long the refusal lasted does.
 *
 * Turned away, the lane rests and then tries with one message at a time: after 5 min (or the delay
 * of the rule, if that is shorter), after twice as long, … at most the delay of the rule. The first
 * answer that is no refusal lets it in again. By the time that took (up to 20 min, up to 5 h,
 * longer) the window was that of the minute, the hour or the day. One whose cap was not used up
 * then, or was used up for long before, is not it: it was the next longer one. What had been sent
 * in that window, less a part, is its cap from then on.
 *
 * Who is let in again within a minute met no window: that is a matter for the rate. Who was turned
 * away after a handful of messages met none either.
 *
 * A cap that is used up rises by 5 % now and then, by 20 % once it is well above what failed, and
 * more seldom each time the rise was what failed: the receiver may take more by now, and a burst
 * says little of what lasts. Counting is the limiter's: caps are numbers for it.
 *
 * Times are monotonic milliseconds. One owner; pure.
 */
#ifndef EDM_IP_POOL_WINDOWS_H
#define EDM_IP_POOL_WINDOWS_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/str.h"

enum window { WINDOW_MINUTE, WINDOW_HOUR, WINDOW_DAY };
#define WINDOW_COUNT 3
/* Of a reply so much is kept, its NUL included. */
#define WINDOWS_REPLY_MAX 128
/* Away for less, it was no window. */
#define WINDOWS_LEAST_MS INT64_C(60000)

struct window_cap {
	int64_t count;	   /* messages; -1 = none is known */
	int64_t failed;	   /* what was too much when it was set */
	int64_t since_ms;  /* it was set, or last rose */
	int64_t used_ms;   /* since then it was used up for so long */
	int64_t looked_ms; /* when that was last looked at */
	unsigned patience; /* it rises after 2^patience of its time */
	bool is_proven;	   /* it was used up for long, at this number or less */
	int64_t learnt_ms; /* it was last set by being turned away, which was said … */
	char reply[WINDOWS_REPLY_MAX]; /* … in these words; "" = not known */
};

struct windows {
	struct window_cap caps[WINDOW_COUNT];
	int64_t sent[WINDOW_COUNT];    /* in each window when it was turned away */
	bool is_away;		       /* turned away … */
	int64_t away_since_ms;	       /* … since then */
	int64_t let_in_ms;	       /* since then it was not; at first when it began */
	int64_t probe_at_ms;	       /* away: when one message may try */
	int64_t probe_wait_ms;	       /* away: the wait before that */
	int64_t probe_most_ms;	       /* away: no wait is longer */
	bool is_probing;	       /* the one is out */
	char reply[WINDOWS_REPLY_MAX]; /* the words that last turned it away; "" = not known */
};

/* What survives a restart; ages instead of times. */
struct windows_state {
	int64_t caps[WINDOW_COUNT]; /* -1 = none */
	int64_t failed[WINDOW_COUNT];
	int64_t ages_ms[WINDOW_COUNT];
	int64_t patience[WINDOW_COUNT];
	int64_t used_ms[WINDOW_COUNT];
	int64_t proven[WINDOW_COUNT]; /* 0 or 1 */
	int64_t sent[WINDOW_COUNT];
	int64_t away_ms;       /* -1 = it is not turned away */
	int64_t probe_left_ms; /* until the next try */
	int64_t probe_wait_ms, probe_most_ms;
	int64_t let_in_ms;		      /* ago */
	int64_t learnt_ages_ms[WINDOW_COUNT]; /* -1: not known */
	char replies[WINDOW_COUNT][WINDOWS_REPLY_MAX];
	char reply[WINDOWS_REPLY_MAX];
};

/* How a learnt cap rises next: not before at_ms, if it is used up for long enough until then. */
struct window_step {
	int64_t from, to, at_ms;
};

void windows_init(struct windows *w, int64_t now);
/* The cap of a window in force now; -1 = none. */
int64_t windows_cap(const struct windows *w, enum window window);
/* When a message may be sent: now, at the next try, or INT64_MAX while one is out. */
int64_t windows_message_at(const struct windows *w, int64_t now);
/* Is it turned away? */
bool windows_are_away(const struct windows *w);
/* True while windows_on_answer has something to look at. */
bool windows_are_learning(const struct windows *w);

/* The next rise of a window's cap; false: none is known, or it is turned away. */
bool windows_next(const struct windows *w, enum window window, int64_t now,
		  struct window_step *out);

/* A message is about to be sent. */
void windows_on_send(struct windows *w);
/*
 * What was begun at begun_ms was turned away, having sent so many messages within each window, and
 * the rule thinks for delay_ms (0: 1 h). True if it rests anew, until probe_at_ms; false if it was
 * begun before it was first turned away.
 */
bool windows_on_refusal(struct windows *w, const int64_t sent[WINDOW_COUNT], int64_t delay_ms,
			int64_t begun_ms, int64_t now);
/* The words of a refusal that made it rest: what is learnt from it keeps them, clipped. */
void windows_keep_reply(struct windows *w, struct str reply);
/* The receiver answered otherwise, having been sent so many. True if it lets us in again. */
bool windows_on_answer(struct windows *w, const int64_t sent[WINDOW_COUNT], int64_t begun_ms,
		       int64_t now);
/* No answer came to what was begun at begun_ms. */
void windows_on_loss(struct windows *w, int64_t begun_ms, int64_t now);

void windows_save(const struct windows *w, int64_t now, struct windows_state *state_out);
void windows_load(struct windows *w, const struct windows_state *state, int64_t age_ms,
		  int64_t now);

#endif
