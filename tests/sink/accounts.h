/* SPDX-License-Identifier: MIT */
/*
 * What the sink knows of each client address at each place: open connections, messages, peaks.
 *
 * A place is a listener, a profile, or anywhere. The same accounts serve the limits a profile
 * imposes and the statistics a test asserts. A message counts at its MAIL, as a receiver counts
 * it. Pure; one thread.
 */
#ifndef EDM_TESTS_SINK_ACCOUNTS_H
#define EDM_TESTS_SINK_ACCOUNTS_H

#include "engine/base/map.h"
#include "tests/sink/meter.h"

/* The first two are statistics; the others are what limits are measured on. */
enum place_kind { PLACE_ANYWHERE, PLACE_LISTENER, PLACE_LIMITED_LISTENER, PLACE_LIMITED_PROFILE };

struct account_key {
	uint32_t client; /* IPv4, network order; 0 = every client */
	uint16_t kind;	 /* enum place_kind */
	uint16_t place;	 /* index of the listener or profile; 0 for anywhere */
};

/* A token bucket. */
struct bucket {
	double tokens;
	int64_t filled_us; /* 0 = it is full, and was never used */
};
#define ACCOUNT_BUCKETS 8u

struct account {
	struct map_node node;
	struct account_key key;
	uint64_t open;	   /* connections now */
	uint64_t max_open; /* most at once */
	uint64_t connections;
	uint64_t accepted;     /* messages answered 2yz after the dot, or taken in silence */
	struct meter connects; /* for limits on new connections */
	int64_t banned_until_us;
	size_t banned_by;			/* index of the rate */
	struct bucket buckets[ACCOUNT_BUCKETS]; /* by index of the rate */
	uint64_t messages_total;
	struct meter messages;			 /* by MAIL, of the last hour */
	size_t max_second, max_minute, max_hour; /* peaks of messages in sliding windows */
};

struct accounts {
	struct map by_key;
};

void accounts_init(struct accounts *a);
void accounts_done(struct accounts *a);
/* The account of key, made on first use; lives until accounts_done. */
struct account *accounts_get(struct accounts *a, struct account_key key);
/* NULL starts and ends the walk, as in map_next. */
struct account *accounts_next(const struct accounts *a, const struct account *after);
void account_connect(struct account *acc, int64_t now_us);
void account_leave(struct account *acc);
void account_message(struct account *acc, int64_t now_us);
/* Fills the bucket at count tokens a period; whether there is one. */
bool bucket_has_token(struct bucket *b, int64_t burst, int64_t count, int64_t per_us,
		      int64_t now_us);

#endif
