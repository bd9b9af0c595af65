/* SPDX-License-Identifier: MIT */
/*
 * A tally counts events as the other side may count them, over a second, a minute, an hour and a
 * day at once.
 *
 * An event has a beginning and an end (a message: its MAIL and its final reply; a connection: its
 * connect() and its being established). The receiver counts it somewhere in between, so it counts
 * here from its beginning until a whole period after its end. Ends are kept in sub-buckets of 1/60
 * of a period; one that is overlapped by the window counts whole. Hence event k + N begins no
 * earlier than T after the end of event k, for any latencies and any number of connections.
 *
 * The tally knows no limit: it is asked with the caps of the moment. So an edit of a limit, or a
 * new one, never resets or widens a window: what was counted stays counted.
 *
 * Beginnings under a cap per second or minute are also spaced (GCRA, burst 1 + N/50): the count
 * above keeps the promise, the spacing keeps the peace.
 *
 * Times are monotonic milliseconds and may be negative (before this boot). One owner; pure.
 */
#ifndef EDM_IP_POOL_TALLY_H
#define EDM_IP_POOL_TALLY_H

#include "ip-pool/limit.h"

#define TALLY_SLOTS 64

/* One period's history. */
struct tally_window {
	uint32_t slots[TALLY_SLOTS]; /* ends per sub-bucket; index = slot number mod TALLY_SLOTS */
	int64_t oldest;		     /* number of the oldest slot that may still count */
	int64_t sum;		     /* of all slots from oldest on */
	int64_t next_ns;	     /* spacing: when the next beginning is due (GCRA's TAT) */
	int64_t spent_until_ms;	     /* taken as fully spent until then */
};

struct tally {
	struct tally_window windows[LIMIT_PERIOD_COUNT];
	int64_t in_flight; /* begun and not ended */
	uint64_t begun;	   /* in all */
};

void tally_init(struct tally *t, int64_t now);
/*
 * When one more event may begin under caps (one per period): now, or a lower bound later. On a
 * wait *period_out says which period binds. Ask again at that time and after each end.
 */
int64_t tally_ready_at(struct tally *t, const struct cap caps[LIMIT_PERIOD_COUNT], int64_t now,
		       enum limit_period *period_out);
/* An event begins. */
void tally_begin(struct tally *t, const struct cap caps[LIMIT_PERIOD_COUNT], int64_t now);
/* It ended at now, read after the bytes that ended it. */
void tally_end(struct tally *t, int64_t now);
/* n events of the past that ended at at_ms or before; they count in every window that reaches. */
void tally_add(struct tally *t, int64_t at_ms, int64_t n, int64_t now);
/* Adds what other counts of ended events, and until when it is spent; not what is under way. */
void tally_merge(struct tally *t, struct tally *other, int64_t now);
/* One more is under way that began before. */
void tally_adopt(struct tally *t);
/*
 * After a stop whose last moments are not known: second and minute count as fully spent by what may
 * have happened until last_alive_ms.
 */
void tally_distrust(struct tally *t, int64_t last_alive_ms);
/* True while this period is taken as fully spent. */
bool tally_is_spent(const struct tally *t, enum limit_period period, int64_t now);
/* Events counted in this period's window at now, begun ones included. */
int64_t tally_count(struct tally *t, enum limit_period period, int64_t now);
/* Nothing is counted at now, nor taken as spent, in any period that has a cap (caps one per period;
 * NULL: in any at all): as good as a new one. */
bool tally_is_blank(struct tally *t, const struct cap *caps, int64_t now);

#endif
