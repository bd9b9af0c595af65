/* SPDX-License-Identifier: MIT */
/* Hidden limits and what is counted against them; see receiver.h. */
#include "tests/sim/receiver.h"

#include <stdlib.h>
#include <string.h>

static const int64_t periods_ms[RECEIVER_WINDOWS] = {60000, 3600000, 86400000};

#define DAY 2

struct receiver_grey {
	struct map_node by_key;
	int64_t first_ms;
};

void receiver_init(struct receiver *r, int64_t rtt_ms, int64_t service_ms)
{
	*r = (struct receiver){.rtt_ms = rtt_ms, .service_ms = service_ms, .hosts = 1};
	map_init(&r->greylist);
}

void receiver_done(struct receiver *r)
{
	struct map_node *n;
	while ((n = map_next(&r->greylist, NULL)) != NULL) {
		map_remove(&r->greylist, n);
		free(CONTAINER_OF(n, struct receiver_grey, by_key));
	}
	map_done(&r->greylist);
}

void receiver_clear(struct receiver *r)
{
	r->accepted = r->refused = r->connects = r->refused_connects = 0;
	memset(r->host_accepted, 0, sizeof(r->host_accepted));
}

static struct receiver_reply takes(void)
{
	return (struct receiver_reply){.what = RECEIVER_TAKES};
}

static struct receiver_reply refuses(const char *line)
{
	must(line != NULL);
	return (struct receiver_reply){
		.what = RECEIVER_REFUSES, .line = line, .closes = strncmp(line, "421", 3) == 0};
}

/* --------------------------------------------------------------------------------- connections */

struct receiver_reply receiver_connect(struct receiver *r, uint32_t source, int host, int64_t now)
{
	struct receiver_source *s = &r->sources[source % RECEIVER_SOURCES];
	r->connects++;
	s->connects++;
	bool is_refusing = (r->limits.refusing & (1u << host)) != 0;
	if (r->limits.is_dead || is_refusing)
		r->refused_connects++;
	if (r->limits.is_dead && r->limits.is_silent)
		return (struct receiver_reply){.what = RECEIVER_SILENT};
	if (r->limits.is_dead || (is_refusing && r->words.refusing == NULL))
		return (struct receiver_reply){.what = RECEIVER_UNREACHABLE};
	if (is_refusing)
		return refuses(r->words.refusing);
	if (r->limits.connections != 0 && s->open >= r->limits.connections) {
		r->refused_connects++;
		s->refused_connects++;
		return refuses(r->words.connections);
	}
	s->open++;
	if (s->open > s->highest_open)
		s->highest_open = s->open;
	if (r->on_open != NULL)
		r->on_open(r->observer, source, s->open, now);
	return takes();
}

void receiver_disconnect(struct receiver *r, uint32_t source)
{
	struct receiver_source *s = &r->sources[source % RECEIVER_SOURCES];
	must(s->open > 0);
	s->open--;
	if (r->on_close != NULL)
		r->on_close(r->observer, source);
}

/* ------------------------------------------------------------------------------------ messages */

static uint64_t bucket_key(const struct receiver *r, const struct receiver_mail *mail)
{
	switch (r->limits.scope) {
	case BY_SOURCE:
		return mail->source;
	case BY_DOMAIN:
		return (uint64_t)mail->domain;
	case BY_CAMPAIGN:
		return (uint64_t)mail->campaign;
	case BY_RECIPIENT:
		return mail->recipient;
	}
	return 0;
}

static bool bucket_gives(struct receiver *r, const struct receiver_mail *mail, int64_t now)
{
	if (r->limits.rate <= 0)
		return true;
	uint64_t key = bucket_key(r, mail);
	uint64_t only = (uint64_t)r->limits.only;
	bool is_recipient = r->limits.scope == BY_RECIPIENT;
	if (only != 0 && (is_recipient ? key % only != 0 : key != only))
		return true;
	struct receiver_bucket *b = &r->buckets[key % RECEIVER_BUCKETS];
	double burst = r->limits.burst > 1 ? r->limits.burst : 1;
	if (!b->is_used)
		*b = (struct receiver_bucket){is_recipient ? r->limits.burst : burst, now, true};
	b->tokens += r->limits.rate * (double)(now - b->filled_ms) / 1000.0;
	b->filled_ms = now;
	if (b->tokens > burst)
		b->tokens = burst;
	if (b->tokens < 1)
		return false;
	b->tokens -= 1;
	return true;
}

/* What was counted leaves a window of the clock at once, a sliding one part by part. */
static void roll_window(const struct receiver *r, struct receiver_source *s, int w, int64_t now)
{
	int64_t step = r->limits.is_sliding ? periods_ms[w] / RECEIVER_PARTS : periods_ms[w];
	int64_t at = now / step;
	if (at - s->window_began[w] >= RECEIVER_PARTS || !r->limits.is_sliding) {
		if (at != s->window_began[w])
			s->counted[w] = 0;
		if (r->limits.is_sliding)
			memset(s->parts[w], 0, sizeof(s->parts[w]));
		s->window_began[w] = at;
	}
	while (s->window_began[w] < at) {
		int64_t *part = &s->parts[w][++s->window_began[w] % RECEIVER_PARTS];
		s->counted[w] -= *part;
		*part = 0;
	}
}

static void count(const struct receiver *r, struct receiver_source *s, int w)
{
	s->counted[w]++;
	if (r->limits.is_sliding)
		s->parts[w][s->window_began[w] % RECEIVER_PARTS]++;
}

static bool windows_allow(struct receiver *r, struct receiver_source *s, int64_t now)
{
	if (now < s->banned_until_ms)
		return false;
	for (int w = 0; w < RECEIVER_WINDOWS; w++) {
		if (r->limits.windows[w] == 0)
			continue;
		roll_window(r, s, w, now);
		if (s->counted[w] < r->limits.windows[w])
			continue;
		s->banned_until_ms = now + r->limits.bans_ms[w];
		if (w == DAY && !r->limits.is_sliding)
			s->banned_until_ms = (now / periods_ms[w] + 1) * periods_ms[w];
		return false;
	}
	for (int w = 0; w < RECEIVER_WINDOWS; w++)
		count(r, s, w);
	return true;
}

/* A third more for each day that stayed within what was allowed and used half of it. */
static bool reputation_allows(struct receiver *r, struct receiver_source *s, int64_t now)
{
	if (r->limits.allowance == 0)
		return true;
	int64_t day = now / periods_ms[DAY];
	if (s->allowance == 0)
		s->allowance = r->limits.allowance;
	if (day != s->day) {
		if (s->day_over * 20 < s->day_sent && s->day_sent * 2 >= s->allowance)
			s->allowance = s->allowance * 4 / 3;
		s->day = day;
		s->day_sent = s->day_over = 0;
	}
	s->day_sent++;
	s->day_over += s->day_sent > s->allowance;
	return s->day_sent <= s->allowance;
}

static bool puts_off(struct receiver *r, const struct receiver_mail *mail)
{
	r->dice = (r->dice + mail->recipient + 1) * UINT64_C(0x9E3779B97F4A7C15);
	return (int64_t)((r->dice >> 32) % 1000) < r->limits.put_off;
}

static bool is_grey(const struct map_node *node, const void *key)
{
	(void)node;
	(void)key;
	return true;
}

static bool greylist_allows(struct receiver *r, const struct receiver_mail *mail, int64_t now)
{
	if (r->limits.greylist_ms == 0)
		return true;
	uint64_t key =
		(mail->recipient * RECEIVER_SOURCES + mail->source) * UINT64_C(0x9E3779B97F4A7C15);
	struct map_node *n = map_get(&r->greylist, key, is_grey, NULL);
	if (n != NULL)
		return now - CONTAINER_OF(n, struct receiver_grey, by_key)->first_ms >=
		       r->limits.greylist_ms;
	struct receiver_grey *grey = xcalloc(1, sizeof(*grey));
	grey->first_ms = now;
	map_put(&r->greylist, &grey->by_key, key);
	return false;
}

static struct receiver_reply judge(struct receiver *r, const struct receiver_mail *mail,
				   int64_t now)
{
	struct receiver_source *s = &r->sources[mail->source % RECEIVER_SOURCES];
	if (!windows_allow(r, s, now))
		return refuses(r->words.windows);
	if (!bucket_gives(r, mail, now))
		return refuses(r->words.rate);
	if (!reputation_allows(r, s, now))
		return refuses(r->words.reputation);
	if (puts_off(r, mail))
		return refuses(r->words.put_off);
	if (!greylist_allows(r, mail, now))
		return refuses(r->words.greylist);
	return takes();
}

struct receiver_reply receiver_mail(struct receiver *r, const struct receiver_mail *mail, int host,
				    int64_t now)
{
	struct receiver_source *s = &r->sources[mail->source % RECEIVER_SOURCES];
	if (r->on_mail != NULL)
		r->on_mail(r->observer, mail, now);
	struct receiver_reply reply = judge(r, mail, now);
	bool takes_it = reply.what == RECEIVER_TAKES;
	r->accepted += takes_it;
	r->refused += !takes_it;
	s->accepted += takes_it;
	s->refused += !takes_it;
	if (takes_it)
		r->host_accepted[host]++;
	return reply;
}

void receiver_answered(struct receiver *r, const struct receiver_mail *mail)
{
	if (r->on_answer != NULL)
		r->on_answer(r->observer, mail);
}
