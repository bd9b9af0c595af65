/* SPDX-License-Identifier: MIT */
/* What becomes of a recipient; see settle.h. */
#include "scheduler/node/settle.h"

#include "engine/reply/normalise.h"
#include "ip-pool/choose.h"

#define TEXT_MAX 16384u
#define BUSY_MOST_MS INT64_C(28800000)
#define RULE_MAX 1024u

void settle_strings_init(struct settle_strings *s)
{
	buf_init(&s->template_text, TEXT_MAX);
	buf_init(&s->vars, TEXT_MAX);
	buf_init(&s->rule, RULE_MAX);
}

void settle_strings_done(struct settle_strings *s)
{
	buf_done(&s->template_text);
	buf_done(&s->vars);
	buf_done(&s->rule);
}

static void fill_rule(const struct outcome *o, struct settle_strings *strings,
		      struct settlement *out)
{
	buf_clear(&strings->rule);
	if (o->verdict.rule != NULL)
		buf_append_cstr(&strings->rule, o->verdict.rule);
	out->rule = buf_str(&strings->rule);
}

static struct str local_part(struct str address)
{
	size_t n = address.len;
	while (n > 0 && address.ptr[n - 1] != '@')
		n--;
	return str_slice(address, 0, n > 0 ? n - 1 : 0);
}

static void fill_reply(const struct settle_facts *f, struct settle_strings *strings,
		       struct settlement *out)
{
	const struct outcome *o = f->outcome;
	buf_clear(&strings->template_text);
	buf_clear(&strings->vars);
	if (o->text.len == 0)
		return;
	normalise(o->text, local_part(f->person->address), &strings->template_text, &strings->vars);
	out->template_text = buf_str(&strings->template_text);
	out->vars = buf_str(&strings->vars);
	out->template_hash = (int64_t)template_hash(out->template_text);
}

static int16_t tls_number(struct str tls)
{
	if (str_equals(tls, STR("TLSv1.3")))
		return 13;
	return tls.len > 0 ? 12 : 0;
}

static void fill_facts(const struct settle_facts *f, struct settlement *out)
{
	const struct outcome *o = f->outcome;
	*out = (struct settlement){
		.position = f->position,
		.rid = (int64_t)f->person->rid,
		.domain_id = f->person->domain_id,
		.attempt = (int16_t)(f->was_tried ? f->person->attempts + 1 : 0),
		.version = f->campaign ? f->campaign->version : f->person->version,
		.klass = o->verdict.klass,
		.cause = o->verdict.cause,
		.scope = o->verdict.scope,
		.words = o->words,
		.stage = o->stage,
		.code = o->code,
		.enhanced = flush_enhanced(o->enhanced),
		.source_id = (int32_t)f->source,
		.provider = f->provider,
		.mx = f->mx,
		.tls = tls_number(f->tls),
		.at_us = f->at_us,
		.took_ms = f->took_ms,
		.age_s = f->person->age_s,
		.suppress = o->verdict.klass == OUTCOME_BOUNCED &&
			    (o->verdict.actions & ACTION_SUPPRESS) != 0,
	};
}

/* The receiver limits this very person, others pass. */
static bool is_busy(const struct verdict *verdict)
{
	return verdict->klass == OUTCOME_THROTTLED && verdict->scope == SCOPE_RECIPIENT;
}

/* Does the time until the next try count towards give-up: is it the receiver's side that costs it?
 * Sending less, which ends other throttling, does not help who is busy. */
static bool costs_receiver(const struct verdict *verdict)
{
	return verdict->klass == OUTCOME_DEFERRED || verdict->klass == OUTCOME_BLOCKED ||
	       verdict->klass == OUTCOME_UNREACHED || is_busy(verdict);
}

static int busy_count(int16_t flags)
{
	return flags >> RETRY_BUSY_SHIFT & RETRY_BUSY_MAX;
}

/* Twice as long each time it happens again. */
static int64_t asked_ms(const struct settle_facts *f)
{
	int64_t asked = f->asked_us > f->at_us ? (f->asked_us - f->at_us) / 1000 : 0;
	if (!is_busy(&f->outcome->verdict))
		return asked;
	int64_t longer = asked << busy_count(f->person->flags);
	if (longer > BUSY_MOST_MS)
		longer = BUSY_MOST_MS;
	return longer > asked ? longer : asked;
}

static int16_t next_flags(const struct settle_facts *f)
{
	const int16_t all = RETRY_BUSY_MAX << RETRY_BUSY_SHIFT;
	int count = busy_count(f->person->flags);
	int flags = f->person->flags & ~RETRY_THROTTLED;
	if (f->outcome->verdict.klass == OUTCOME_THROTTLED)
		flags |= RETRY_THROTTLED;
	if (!is_busy(&f->outcome->verdict))
		return (int16_t)flags;
	count += count < RETRY_BUSY_MAX;
	return (int16_t)((flags & ~all) | count << RETRY_BUSY_SHIFT);
}

static void fill_retry(const struct settle_policy *policy, const struct settle_facts *f,
		       int64_t due_us, struct settlement *out)
{
	const struct outcome *o = f->outcome;
	bool is_attempt = o->verdict.klass == OUTCOME_DEFERRED;
	out->retry = (struct retry_order){
		.due_at_us = due_us,
		.attempts = (int16_t)(f->person->attempts + (is_attempt ? 1 : 0)),
		.flags = next_flags(f),
		.age_s = f->person->age_s,
		.version = f->had_intent && f->campaign ? f->campaign->version : f->person->version,
		.address = f->person->address,
		.attributes = f->person->attributes,
	};
	if (costs_receiver(&o->verdict) && due_us > f->at_us)
		out->retry.age_s += (int32_t)((due_us - f->at_us) / 1000000);
	if (o->verdict.cause == CAUSE_GREYLISTED && f->source != 0) {
		out->retry.source_id = (int32_t)f->source;
		out->retry.prefer_until_us = f->at_us + CHOOSE_PREFER_MS * 1000;
		out->retry.node = policy->node;
	}
}

static void decide_retry(const struct settle_policy *policy, const struct settle_facts *f,
			 struct settlement *out)
{
	int64_t due_us = 0;
	int64_t give_up_ms = f->campaign ? f->campaign->give_up_after_ms : INT64_C(172800000);
	struct retry_question q = {
		.klass = f->outcome->verdict.klass,
		.attempts = (int16_t)(f->person->attempts + 1),
		.age_s = f->person->age_s,
		.give_up_after_s = (int32_t)(give_up_ms / 1000),
		.asked_ms = asked_ms(f),
		.now_us = f->at_us,
		.random = f->random,
	};
	out->state = retry_decide(&policy->schedule, &q, &due_us);
	if (out->state == RECIPIENT_DEFERRED)
		fill_retry(policy, f, due_us, out);
}

static void decide_unknown(const struct settle_policy *policy, const struct settle_facts *f,
			   struct settlement *out)
{
	int64_t due_us = f->at_us + policy->unknown_retry_after_ms * 1000;
	fill_retry(policy, f, due_us, out);
	retry_unknown(out, f->campaign != NULL && f->campaign->unknown == UNKNOWN_RETRY, due_us);
}

static void decide(const struct settle_policy *policy, const struct settle_facts *f,
		   struct settlement *out)
{
	switch (f->outcome->verdict.klass) {
	case OUTCOME_DELIVERED:
		out->state = RECIPIENT_DELIVERED;
		break;
	case OUTCOME_BOUNCED:
		out->state = RECIPIENT_BOUNCED;
		break;
	case OUTCOME_REJECTED:
		out->state = RECIPIENT_REJECTED;
		break;
	case OUTCOME_SUPPRESSED:
		out->state = RECIPIENT_SUPPRESSED;
		break;
	case OUTCOME_EXPIRED:
		out->state = RECIPIENT_EXPIRED;
		break;
	case OUTCOME_CANCELLED:
		out->state = RECIPIENT_CANCELLED;
		break;
	case OUTCOME_UNKNOWN:
		decide_unknown(policy, f, out);
		break;
	case OUTCOME_DEFERRED:
	case OUTCOME_THROTTLED:
	case OUTCOME_BLOCKED:
	case OUTCOME_HELD:
	case OUTCOME_UNREACHED:
		decide_retry(policy, f, out);
		break;
	}
}

/* Delivered, or refused for good in the receiver's own words. */
static bool receiver_ended_it(const struct settlement *s)
{
	return s->state == RECIPIENT_DELIVERED ||
	       ((s->state == RECIPIENT_BOUNCED || s->state == RECIPIENT_REJECTED) &&
		s->words == OUTCOME_WORDS_REMOTE);
}

void settle_decide(const struct settle_policy *policy, const struct settle_facts *f,
		   struct settle_strings *strings, struct settlement *out)
{
	fill_facts(f, out);
	fill_rule(f->outcome, strings, out);
	fill_reply(f, strings, out);
	decide(policy, f, out);
	if ((f->person->flags & RETRY_AFTER_UNKNOWN) == 0 || out->state == RECIPIENT_DEFERRED ||
	    receiver_ended_it(out))
		return;
	/* An earlier try may have arrived: nothing that was decided without the receiver tells. */
	out->state = RECIPIENT_UNKNOWN;
	if (!f->was_tried)
		out->attempt = (int16_t)f->person->attempts;
}

struct settlement settle_parked(const struct node_person *person, unsigned position, int32_t node,
				int64_t due_us, int64_t now_us)
{
	return (struct settlement){
		.position = position,
		.rid = (int64_t)person->rid,
		.domain_id = person->domain_id,
		.attempt = (int16_t)person->attempts,
		.version = person->version,
		.state = RECIPIENT_DEFERRED,
		.at_us = now_us,
		.age_s = person->age_s,
		.retry = {.due_at_us = due_us,
			  .attempts = (int16_t)person->attempts,
			  .flags = person->flags,
			  .age_s = person->age_s,
			  .version = person->version,
			  .source_id = (int32_t)person->source,
			  .prefer_until_us = person->prefer_until_us,
			  .node = person->source != 0 ? node : 0,
			  .address = person->address,
			  .attributes = person->attributes},
	};
}
