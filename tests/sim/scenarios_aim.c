/* SPDX-License-Identifier: MIT */
/*
 * A receiver limits one source, one sending domain, one campaign or some recipients: what is about
 * them slows them down, and everybody else goes on as if they were not there.
 */
#include "tests/sim/bars.h"
#include "tests/sim/world.h"

#define PLENTY INT64_C(100000000)
#define CAMPAIGNS 4
#define LEARN (6 * MINUTE)
#define MEASURE (5 * MINUTE)
#define LEARN_AGAIN (10 * MINUTE) /* by a process that comes after */
#define BUSY_ONE_IN 50

/* One world: who is there, and who is limited. */
struct cast {
	const char *words;
	enum receiver_scope scope;
	int64_t only;
	double rate; /* of the limited one; 0 = nobody is */
	int sources;
	unsigned campaigns; /* as bits */
	bool restarts;	    /* after it has learnt */
};

/* What was delivered and refused while it was looked at. */
struct take {
	int64_t of_source[3], of_campaign[CAMPAIGNS];
	int64_t accepted, refused;
};

static double share(double part, double whole)
{
	return whole > 0 ? part / whole : 0;
}

struct stage {
	struct world w;
	struct receiver *r;
	struct crowd *crowds[CAMPAIGNS];
};

static void set_stage(struct stage *s, uint64_t seed, const struct cast *cast, int64_t people)
{
	world_open(&s->w, seed);
	int64_t service_ms = world_pick(&s->w, 300, 900);
	for (int i = 0; i < cast->sources; i++)
		(void)world_source(&s->w, NULL);
	s->r = world_receiver(&s->w, "comcast", 2, service_ms);
	s->r->words.rate = cast->words;
	s->r->limits.scope = cast->scope;
	s->r->limits.only = cast->only;
	s->r->limits.rate = cast->rate;
	s->r->limits.burst = cast->scope == BY_RECIPIENT ? 0.1 : cast->rate;
	for (int i = 0; i < CAMPAIGNS; i++)
		s->crowds[i] =
			cast->campaigns & (1u << i) ? world_crowd(&s->w, i, s->r, people) : NULL;
	world_start(&s->w);
	world_connections(&s->w, "comcast", 25);
}

static int64_t delivered(const struct crowd *c)
{
	return c != NULL ? c->states[RECIPIENT_DELIVERED] : 0;
}

static void look(const struct stage *s, struct take *take, int sign)
{
	for (int i = 0; i < CAMPAIGNS; i++)
		take->of_campaign[i] += sign * delivered(s->crowds[i]);
	for (int i = 1; i < 3; i++)
		take->of_source[i] += sign * s->r->sources[i].accepted;
	take->accepted += sign * s->r->accepted;
	take->refused += sign * s->r->refused;
}

static struct take play_cast(uint64_t seed, const struct cast *cast)
{
	struct stage s;
	struct take take = {.accepted = 0};
	set_stage(&s, seed, cast, PLENTY);
	world_run(&s.w, LEARN);
	if (cast->restarts) {
		world_restart(&s.w, true, 5 * SECOND);
		world_run(&s.w, LEARN_AGAIN);
	}
	look(&s, &take, -1);
	world_run(&s.w, MEASURE);
	look(&s, &take, 1);
	world_close(&s.w);
	return take;
}

static int64_t of_campaigns(const struct take *take, unsigned campaigns)
{
	int64_t sum = 0;
	for (int i = 0; i < CAMPAIGNS; i++)
		sum += campaigns & (1u << i) ? take->of_campaign[i] : 0;
	return sum;
}

#define TOO_FAST "451 4.7.1 You are sending too fast, slow down"
#define ALL_CAMPAIGNS 15u

/* -------------------------------------------------------------------------------------- source */

static void play_source(uint64_t seed, double rate, struct bars *out)
{
	const struct cast limited = {TOO_FAST, BY_SOURCE, 1, rate, 2, ALL_CAMPAIGNS, false};
	const struct cast alone = {TOO_FAST, BY_SOURCE, 0, 0, 1, ALL_CAMPAIGNS, false};
	struct take with = play_cast(seed, &limited), without = play_cast(seed, &alone);
	double allowed = rate * (double)MEASURE / 1000.0;
	double tried = (double)(with.of_source[1] + with.refused);
	bar_note(out, "source: the other one, of what it has alone",
		 share((double)with.of_source[2], (double)without.of_source[1]), 0.9, 1.1);
	bar_note(out, "source: of what is allowed", share((double)with.of_source[1], allowed), 0.8,
		 1.05);
	bar_note(out, "source: refused of its tries", share((double)with.refused, tried), 0, 0.05);
}

/* -------------------------------------------------------------------------- domain and campaign */

struct about {
	enum receiver_scope scope;
	unsigned limited; /* campaigns */
	bool restarts;
	const char *words;
	const char *others, *own, *refused; /* names of the bars */
};

/* What those campaigns get when nobody is limited, nor anybody else there. */
static struct take play_alone(uint64_t seed, unsigned campaigns)
{
	const struct cast alone = {TOO_FAST, BY_SOURCE, 0, 0, 2, campaigns, false};
	return play_cast(seed, &alone);
}

static void play_about(uint64_t seed, double rate, const struct about *a,
		       const struct take *without, struct bars *out)
{
	unsigned others = ALL_CAMPAIGNS & ~a->limited;
	const struct cast limited = {a->words, a->scope, 1, rate, 2, ALL_CAMPAIGNS, a->restarts};
	struct take with = play_cast(seed, &limited);
	double own = (double)of_campaigns(&with, a->limited);
	double allowed = rate * (double)MEASURE / 1000.0;
	bar_note(out, a->others,
		 share((double)of_campaigns(&with, others), (double)of_campaigns(without, others)),
		 0.9, 1.1);
	bar_note(out, a->own, share(own, allowed), 0.8, 1.05);
	bar_note(out, a->refused, share((double)with.refused, own + (double)with.refused), 0, 0.05);
}

/* ----------------------------------------------------------------------------------- recipients */

static void play_recipients(uint64_t seed, const struct take *without, struct bars *out)
{
	static const char busy[] = "450 4.2.1 user is receiving mail too quickly";
	const struct cast limited = {busy, BY_RECIPIENT,  BUSY_ONE_IN, 1.0 / 7200,
				     2,	   ALL_CAMPAIGNS, false};
	struct take with = play_cast(seed, &limited);
	bar_note(out, "recipients: the others, of what they get",
		 share((double)with.accepted, (double)without->accepted), 0.9, 1.1);
	/* Each of them may have one message after nearly two hours. */
	struct stage s;
	set_stage(&s, seed, &limited, 2500);
	world_run_idle(&s.w, 5 * HOUR);
	int64_t left = 0;
	for (int i = 0; i < CAMPAIGNS; i++)
		left += crowd_left(s.crowds[i]);
	double people = 2500.0 * CAMPAIGNS;
	bar_note(out, "recipients: of those who are limited, delivered",
		 1 - (double)left * BUSY_ONE_IN / people, 0.8, 1);
	bar_note(out, "recipients: refused of all tries",
		 share((double)s.r->refused, (double)(s.r->accepted + s.r->refused)), 0, 0.05);
	world_close(&s.w);
}

/* The reply says that we are too fast, and is about some recipients: that a rate is cut in vain
 * tells long before they come again, and when they come, all at once, it is still known. */
static void play_vague_recipients(uint64_t seed, const struct take *without, struct bars *out)
{
	const struct cast limited = {TOO_FAST, BY_RECIPIENT,  BUSY_ONE_IN, 1.0 / 7200,
				     2,	       ALL_CAMPAIGNS, false};
	struct take soon = {.accepted = 0}, later = {.accepted = 0};
	struct stage s;
	set_stage(&s, seed, &limited, PLENTY);
	world_run(&s.w, LEARN);
	look(&s, &soon, -1);
	world_run(&s.w, MEASURE);
	look(&s, &soon, 1);
	look(&s, &later, -1);
	world_run(&s.w, 2 * MEASURE);
	look(&s, &later, 1);
	world_close(&s.w);
	bar_note(out, "vague recipients: the others, of what they get",
		 share((double)soon.accepted, (double)without->accepted), 0.9, 1.1);
	bar_note(out, "vague recipients: when they come again",
		 share((double)later.accepted / 2, (double)without->accepted), 0.9, 1.1);
}

/* A receiver of the tail, with nobody to send to for a while: what is known of a domain is not let
 * go with its queue. */
static void play_pause(uint64_t seed, struct bars *out)
{
	struct world w;
	world_open(&w, seed);
	(void)world_source(&w, NULL);
	struct receiver *r = world_receiver(&w, "mx.tail.example", 1, world_pick(&w, 50, 100));
	r->words.rate = "451 4.7.1 Sender rate limit exceeded";
	r->limits.scope = BY_DOMAIN;
	r->limits.only = 1;
	r->limits.rate = 0.5;
	r->limits.burst = 0.5;
	(void)world_crowd(&w, 0, r, 50);
	world_start(&w);
	world_run(&w, LEARN);
	int64_t before = r->refused;
	(void)world_crowd(&w, 0, r, 50);
	world_run(&w, MINUTE);
	bar_note(out, "after a pause: refused at first", (double)before, 1, 50);
	bar_note(out, "after a pause: refused again", (double)(r->refused - before), 0, 3);
	world_close(&w);
}

void play_aim(uint64_t seed, struct bars *out)
{
	static const struct about domain = {BY_DOMAIN,
					    3u,
					    false,
					    TOO_FAST,
					    "domain: the others, of what they have alone",
					    "domain: of what is allowed",
					    "domain: refused of its tries"};
	static const struct about campaign = {BY_CAMPAIGN,
					      1u,
					      false,
					      TOO_FAST,
					      "campaign: the others, of what they have alone",
					      "campaign: of what is allowed",
					      "campaign: refused of its tries"};
	/* What is known of campaigns goes with the process. */
	static const struct about again = {BY_CAMPAIGN,
					   1u,
					   true,
					   TOO_FAST,
					   "after a restart: the others",
					   "after a restart: of what is allowed",
					   "after a restart: refused of its tries"};
	static const struct about named = {BY_DOMAIN,
					   3u,
					   false,
					   "451 4.7.1 Sender rate limit exceeded",
					   "named domain: the others",
					   "named domain: of what is allowed",
					   "named domain: refused of its tries"};
	double rate = 1 + (double)(seed * 7 % 40) / 10;
	play_source(seed, rate, out);
	struct take other_domain = play_alone(seed, ALL_CAMPAIGNS & ~domain.limited);
	struct take other_campaigns = play_alone(seed, ALL_CAMPAIGNS & ~campaign.limited);
	struct take all = play_alone(seed, ALL_CAMPAIGNS);
	play_about(seed, rate, &domain, &other_domain, out);
	play_about(seed, rate, &campaign, &other_campaigns, out);
	play_about(seed, rate, &again, &other_campaigns, out);
	play_about(seed, rate, &named, &other_domain, out);
	play_recipients(seed, &all, out);
	play_vague_recipients(seed, &all, out);
	play_pause(seed, out);
}
