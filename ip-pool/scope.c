/* SPDX-License-Identifier: MIT */
/* Comparing who is throttled with who is not; see scope.h. Pure. */
#include "ip-pool/scope.h"

#define HALF_MS INT64_C(300000)
#define PERSON_MS INT64_C(14400000) /* who has not come again by then is forgotten */
#define FEW 8.0			    /* answers, or throttled ones, that tell nothing yet */
#define FEW_THROTTLED 3.0	    /* of one side, while nobody else is */
#define FEW_AGAIN 4.0		    /* people tried again */
#define GONE 0.1		    /* of an answer: forgotten */
#define GUILTY_PART 0.5		    /* of the largest share */
#define CLEAN_PART 0.1
#define CLEAN_LEAST 2.0	     /* throttled ones to be expected of somebody who has none */
#define ALL_BUT 0.9	     /* of what was throttled must be the guilty ones' */
#define CHANCE 0.0078125     /* 1 in 128: eight of eight at one of two sources */
#define CHANCE_OF_OTHER 16.0 /* one that is somebody else's makes it so much likelier */
#define IN_VAIN 4.0	     /* cuts that changed nothing */
#define IN_VAIN_PART 0.75    /* of the cuts must be */
#define SHARE_OF 50.0	     /* answers, about, that the share is of */
#define SHARE_TIMES 3.0	     /* it may rise by while it does not follow the rate … */
#define SHARE_LEAST 0.1	     /* … or to this */
#define STEADY_MS INT64_C(3600000)
#define DOUBTED_MS INT64_C(1800000)
#define LOOKED_AT_MOST 2000 /* throttled ones the chance is reckoned of */

void scope_watch_init(struct scope_watch *w, int64_t now)
{
	*w = (struct scope_watch){.faded_ms = now};
}

/* -- what is noted -- */

static void fade(struct scope_watch *w, int64_t now)
{
	while (now - w->faded_ms >= HALF_MS) {
		size_t kept = 0;
		for (size_t i = 0; i < w->count; i++) {
			struct scope_cell cell = w->cells[i];
			cell.answers /= 2;
			cell.throttled /= 2;
			if (cell.answers >= GONE)
				w->cells[kept++] = cell;
		}
		w->count = kept;
		w->again /= 2;
		w->again_throttled /= 2;
		w->steps /= 2;
		w->in_vain /= 2;
		w->faded_ms = w->count > 0 ? w->faded_ms + HALF_MS : now;
	}
}

static struct scope_cell *cell_of(struct scope_watch *w, const struct scope_event *e)
{
	struct scope_cell *least = &w->cells[0];
	for (size_t i = 0; i < w->count; i++) {
		struct scope_cell *c = &w->cells[i];
		if (c->source == e->source && c->campaign == e->campaign && c->domain == e->domain)
			return c;
		if (c->answers < least->answers)
			least = c;
	}
	if (w->count < SCOPE_CELLS)
		least = &w->cells[w->count++];
	*least = (struct scope_cell){
		.source = e->source, .domain = e->domain, .campaign = e->campaign};
	return least;
}

static uint64_t hash_of(uint64_t recipient)
{
	return recipient * UINT64_C(0x9E3779B97F4A7C15);
}

/* One in four stands for all: the next try comes an hour later, after many others. */
static bool is_sampled(uint64_t recipient)
{
	return hash_of(recipient) >> 62 == 0;
}

static void note_person(struct scope_watch *w, const struct scope_event *e, int64_t now)
{
	struct scope_person *p = &w->people[(hash_of(e->recipient) >> 32) % SCOPE_PEOPLE];
	if (!is_sampled(e->recipient))
		return;
	if (p->recipient == e->recipient) {
		w->again += 1;
		w->again_throttled += e->is_throttled;
		p->recipient = e->is_throttled ? e->recipient : 0;
		p->at_ms = now;
	} else if (e->is_throttled && (p->recipient == 0 || now - p->at_ms > PERSON_MS)) {
		*p = (struct scope_person){e->recipient, now};
	}
}

/* Believed to be the same at any rate: is it? */
static void check_steady(struct scope_watch *w, const struct scope_event *e, int64_t now)
{
	double most = SHARE_TIMES * w->steady_share;
	if (!e->is_again)
		w->share += ((e->is_throttled ? 1.0 : 0.0) - w->share) / SHARE_OF;
	if (w->steady_share <= 0)
		return;
	if (w->share > (most > SHARE_LEAST ? most : SHARE_LEAST)) {
		w->doubted_until_ms = now + DOUBTED_MS;
		w->steady_share = w->in_vain = 0;
	} else if (e->is_throttled) {
		w->steady_until_ms = now + STEADY_MS;
	} else if (now > w->steady_until_ms) {
		w->steady_share = 0;
	}
}

void scope_watch_note_cut(struct scope_watch *w, bool was_in_vain, int64_t now)
{
	double throttled = 0, answers = 0;
	fade(w, now);
	w->steps += !was_in_vain;
	w->in_vain += was_in_vain;
	if (now < w->doubted_until_ms || w->in_vain < IN_VAIN ||
	    w->in_vain < IN_VAIN_PART * (w->in_vain + w->steps))
		return;
	for (size_t i = 0; i < w->count; i++) {
		answers += w->cells[i].answers;
		throttled += w->cells[i].throttled;
	}
	w->steady_share = answers > 0 ? throttled / answers : 0;
	w->steady_until_ms = now + STEADY_MS;
}

void scope_watch_note(struct scope_watch *w, const struct scope_event *event, int64_t now)
{
	fade(w, now);
	check_steady(w, event, now);
	struct scope_cell *cell = cell_of(w, event);
	cell->answers += 1;
	cell->throttled += event->is_throttled;
	note_person(w, event, now);
}

/* -- what it tells -- */

enum dimension { BY_SOURCE, BY_DOMAIN, BY_CAMPAIGN };

static int64_t value_of(const struct scope_cell *c, enum dimension by)
{
	switch (by) {
	case BY_SOURCE:
		return c->source;
	case BY_DOMAIN:
		return c->domain;
	case BY_CAMPAIGN:
		break;
	}
	return c->campaign;
}

/* All cells of one value. */
static struct scope_cell sum_of(const struct scope_watch *w, enum dimension by, int64_t value)
{
	struct scope_cell sum = {.answers = 0};
	for (size_t i = 0; i < w->count; i++) {
		if (value_of(&w->cells[i], by) != value)
			continue;
		sum.answers += w->cells[i].answers;
		sum.throttled += w->cells[i].throttled;
	}
	return sum;
}

static double share_of(const struct scope_cell *c)
{
	return c->answers >= FEW ? c->throttled / c->answers : 0;
}

static double largest_share(const struct scope_watch *w, enum dimension by)
{
	double largest = 0;
	for (size_t i = 0; i < w->count; i++) {
		struct scope_cell sum = sum_of(w, by, value_of(&w->cells[i], by));
		double share = share_of(&sum);
		largest = share > largest ? share : largest;
	}
	return largest;
}

static bool is_guilty(const struct scope_cell *sum, double largest)
{
	return sum->throttled > 0 && share_of(sum) >= GUILTY_PART * largest;
}

/* Would somebody who is limited have been throttled by now, and was hardly? */
static bool is_clean(const struct scope_cell *sum, double largest)
{
	return sum->answers >= FEW && sum->answers * largest >= CLEAN_LEAST &&
	       share_of(sum) <= CLEAN_PART * largest;
}

/* What is known of one dimension. */
struct division {
	double answers, throttled;		 /* of all */
	double guilty_answers, guilty_throttled; /* of those that are */
	size_t values, guilty;			 /* how many there are */
	bool has_clean;
};

static bool is_first_of(const struct scope_watch *w, enum dimension by, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (value_of(&w->cells[k], by) == value_of(&w->cells[i], by))
			return false;
	return true;
}

static struct division divide(const struct scope_watch *w, enum dimension by)
{
	double largest = largest_share(w, by);
	struct division d = {.values = 0};
	for (size_t i = 0; i < w->count; i++) {
		if (!is_first_of(w, by, i))
			continue;
		struct scope_cell sum = sum_of(w, by, value_of(&w->cells[i], by));
		d.values++;
		d.answers += sum.answers;
		d.throttled += sum.throttled;
		d.has_clean |= is_clean(&sum, largest);
		if (!is_guilty(&sum, largest))
			continue;
		d.guilty++;
		d.guilty_answers += sum.answers;
		d.guilty_throttled += sum.throttled;
	}
	return d;
}

/* How likely it is that so many hit some of these values and hardly one the others, were all
 * throttled alike. */
static double chance_of(const struct division *d)
{
	double chance = 1;
	double others = d->throttled - d->guilty_throttled;
	double hits = d->guilty_throttled < LOOKED_AT_MOST ? d->guilty_throttled : LOOKED_AT_MOST;
	for (size_t i = 0; i < d->guilty; i++)
		chance *= (double)(d->values - i) / (double)(i + 1);
	for (; hits >= 1; hits--)
		chance *= d->guilty_answers / d->answers;
	for (; others >= 1; others--)
		chance *= CHANCE_OF_OTHER;
	return chance;
}

/* Are some throttled and others not, and nearly all that was throttled of the former? */
static bool separates(const struct scope_watch *w, enum dimension by)
{
	struct division d = divide(w, by);
	return d.has_clean && d.throttled >= FEW_THROTTLED &&
	       d.guilty_throttled >= ALL_BUT * d.throttled && chance_of(&d) <= CHANCE;
}

/* Does a guilty domain have several campaigns, none of them clean? */
static bool is_about_domains(const struct scope_watch *w)
{
	double largest = largest_share(w, BY_CAMPAIGN), domains = largest_share(w, BY_DOMAIN);
	bool has_several = false;
	for (size_t i = 0; i < w->count; i++) {
		const struct scope_cell *c = &w->cells[i];
		struct scope_cell domain = sum_of(w, BY_DOMAIN, c->domain);
		struct scope_cell campaign = sum_of(w, BY_CAMPAIGN, c->campaign);
		if (!is_guilty(&domain, domains))
			continue;
		if (is_clean(&campaign, largest))
			return false;
		for (size_t k = 0; k < i; k++)
			has_several |= w->cells[k].domain == c->domain &&
				       w->cells[k].campaign != c->campaign;
	}
	return has_several;
}

/* Both sources and campaigns separate: are the clean campaigns throttled on guilty sources? */
static bool is_about_sources(const struct scope_watch *w)
{
	double sources = largest_share(w, BY_SOURCE), campaigns = largest_share(w, BY_CAMPAIGN);
	struct scope_cell crossed = {.answers = 0};
	for (size_t i = 0; i < w->count; i++) {
		const struct scope_cell *c = &w->cells[i];
		struct scope_cell source = sum_of(w, BY_SOURCE, c->source);
		struct scope_cell campaign = sum_of(w, BY_CAMPAIGN, c->campaign);
		if (is_clean(&source, sources) || !is_clean(&campaign, campaigns))
			continue;
		crossed.answers += c->answers;
		crossed.throttled += c->throttled;
	}
	return is_guilty(&crossed, sources);
}

/* Are those who come again refused, and the others mostly not? */
static bool is_about_people(const struct scope_watch *w, const struct scope_cell *all)
{
	double others = all->answers - w->again, refused = all->throttled - w->again_throttled;
	return w->again >= FEW_AGAIN && w->again_throttled >= GUILTY_PART * w->again &&
	       refused * w->again < GUILTY_PART * w->again_throttled * others;
}

/* Is there anybody to compare with? */
static bool has_several(const struct scope_watch *w, enum dimension by)
{
	for (size_t i = 1; i < w->count; i++)
		if (value_of(&w->cells[i], by) != value_of(&w->cells[0], by))
			return true;
	return false;
}

/* Are some of them throttled and others not? Else 0. */
static enum outcome_scope tell_apart(const struct scope_watch *w)
{
	bool by_source = separates(w, BY_SOURCE);
	/* Domains are fewer than campaigns, so it shows there first. */
	bool by_sender = separates(w, BY_CAMPAIGN) || separates(w, BY_DOMAIN);
	if (by_source && (!by_sender || is_about_sources(w)))
		return SCOPE_SOURCE;
	if (by_sender)
		return is_about_domains(w) ? SCOPE_DOMAIN : SCOPE_CAMPAIGN;
	return 0;
}

enum outcome_scope scope_watch_tell(const struct scope_watch *w)
{
	struct scope_cell all = {.answers = 0};
	for (size_t i = 0; i < w->count; i++) {
		all.answers += w->cells[i].answers;
		all.throttled += w->cells[i].throttled;
	}
	enum outcome_scope about = tell_apart(w);
	if (about != 0)
		return about;
	if (w->steady_share > 0)
		return SCOPE_RECIPIENT;
	if (all.throttled < FEW)
		return 0;
	if (is_about_people(w, &all))
		return SCOPE_RECIPIENT;
	/* Not before the next tries of some have shown that it is not them. */
	bool is_compared = has_several(w, BY_SOURCE) && has_several(w, BY_CAMPAIGN);
	return is_compared && w->again >= FEW_AGAIN ? SCOPE_SITE : 0;
}

bool scope_watch_blames(const struct scope_watch *w, enum outcome_scope about,
			const struct scope_event *event)
{
	enum dimension by = about == SCOPE_DOMAIN ? BY_DOMAIN : BY_CAMPAIGN;
	struct scope_cell sum = sum_of(w, by, by == BY_DOMAIN ? event->domain : event->campaign);
	return is_guilty(&sum, largest_share(w, by));
}
