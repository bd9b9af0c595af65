/* SPDX-License-Identifier: MIT */
/*
 * A modelled receiver: a mailbox provider with limits it tells nobody, and its own count of what it
 * saw. Pure: it is asked with the time at which something reaches it.
 *
 *   connections   so many of a source at once; the next is refused in its greeting
 *   rate          a token bucket of messages a second, of a source, a sending domain, a campaign
 *                 (the content) or a recipient; what finds it empty is refused at MAIL. That of a
 *                 recipient begins with less than one if burst is less: he is busy at first
 *   windows       messages of a source in a minute, an hour, a day; who goes over one is turned
 *                 away until the ban of that window ends
 *   reputation    what a source may send in a day without deferrals; it grows with clean days
 *   put off       a part of all messages is deferred, whoever sends what
 *   greylist      the first attempt at a recipient from a source is deferred
 *   hosts         those that refuse connections, and whether anybody answers at all
 *
 * Limits may be changed at any time. One owner.
 */
#ifndef EDM_TESTS_SIM_RECEIVER_H
#define EDM_TESTS_SIM_RECEIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/map.h"

#define RECEIVER_SOURCES 16 /* ids 1 … 15 */
#define RECEIVER_WINDOWS 3  /* minute, hour, day */
#define RECEIVER_BUCKETS 4096
#define RECEIVER_PARTS 60 /* a sliding window moves by such a part of its period */

enum receiver_scope { BY_SOURCE, BY_DOMAIN, BY_CAMPAIGN, BY_RECIPIENT };

struct receiver_limits {
	int64_t connections; /* 0 = any number; so everywhere */
	double rate, burst;
	enum receiver_scope scope;
	int64_t only; /* the rate is of this source, domain or campaign alone, or of every only-th
			 recipient; 0 = of each */
	int64_t windows[RECEIVER_WINDOWS];
	int64_t bans_ms[RECEIVER_WINDOWS]; /* of a calendar day: to its end */
	bool is_sliding;		   /* windows slide; else they are those of the clock */
	int64_t allowance;		   /* reputation: messages a day at first */
	int64_t put_off;		   /* of 1,000 messages */
	int64_t greylist_ms;		   /* how long a first attempt is made to wait */
	uint32_t refusing;		   /* hosts, as bits */
	bool is_dead;			   /* nobody answers … */
	bool is_silent;			   /* … nor says so: connections time out */
};

/* Its words, whole replies; NULL where it never says that. */
struct receiver_words {
	const char *connections, *rate, *windows, *reputation, *put_off, *greylist;
	const char *refusing; /* of hosts that refuse; NULL: they have no open port */
};

/* One source as the receiver knows it. */
struct receiver_source {
	int64_t open; /* connections */
	int64_t window_began[RECEIVER_WINDOWS];
	int64_t counted[RECEIVER_WINDOWS];
	int64_t parts[RECEIVER_WINDOWS][RECEIVER_PARTS]; /* of sliding ones */
	int64_t banned_until_ms;
	int64_t allowance, day, day_sent, day_over;
	int64_t accepted, refused, connects, refused_connects;
	int64_t highest_open;
};

struct receiver_bucket {
	double tokens;
	int64_t filled_ms;
	bool is_used;
};

/* What it is told of a message at its MAIL. */
struct receiver_mail {
	uint32_t source;
	int32_t domain, campaign;
	uint64_t recipient;
	int64_t nth; /* on its connection, from 1 */
};

struct receiver {
	struct receiver_limits limits;
	struct receiver_words words;
	int64_t rtt_ms, service_ms;
	int hosts;
	struct receiver_source sources[RECEIVER_SOURCES];
	struct receiver_bucket buckets[RECEIVER_BUCKETS];
	struct map greylist; /* struct receiver_grey by recipient and source */
	/* Of all sources, since the last receiver_clear. */
	int64_t accepted, refused, connects, refused_connects;
	int64_t host_accepted[32];
	uint64_t dice; /* of who is put off */
	/* Told of every connection that is taken and its end, every MAIL and its final reply (or
	 * the end of its connection), for counting limits of ours. NULL = nobody. */
	void (*on_open)(void *observer, uint32_t source, int64_t open, int64_t now);
	void (*on_close)(void *observer, uint32_t source);
	void (*on_mail)(void *observer, const struct receiver_mail *mail, int64_t now);
	void (*on_answer)(void *observer, const struct receiver_mail *mail);
	void *observer;
};

struct receiver_reply {
	enum { RECEIVER_TAKES, RECEIVER_REFUSES, RECEIVER_UNREACHABLE, RECEIVER_SILENT } what;
	const char *line; /* whole reply, of what is refused */
	bool closes;	  /* the connection ends with it */
};

void receiver_init(struct receiver *r, int64_t rtt_ms, int64_t service_ms);
void receiver_done(struct receiver *r);
/* Its counters of all sources begin anew. */
void receiver_clear(struct receiver *r);
/* A connection arrives; one that is taken ends with receiver_disconnect. */
struct receiver_reply receiver_connect(struct receiver *r, uint32_t source, int host, int64_t now);
void receiver_disconnect(struct receiver *r, uint32_t source);
struct receiver_reply receiver_mail(struct receiver *r, const struct receiver_mail *mail, int host,
				    int64_t now);
/* The final reply to it leaves, or its connection has ended. */
void receiver_answered(struct receiver *r, const struct receiver_mail *mail);

#endif
