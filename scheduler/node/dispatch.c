/* SPDX-License-Identifier: MIT */
/* From a lease to jobs, through admission and routing to the workers, and back. Control thread. */
#include <stdlib.h>

#include "scheduler/node/node_private.h"

struct hold *hold_of(const struct node_lease *lease)
{
	return lease->context;
}

int64_t node_wall_us(const struct node *n, int64_t at_ms)
{
	return at_ms * 1000 + atomic_load(&n->shared.clock_offset_us);
}

static struct work_job *job_of_person(struct hold *hold, uint16_t position)
{
	const struct node_person *person = &hold->lease->people[position];
	struct work_job *job = work_job_new();
	job->lease = hold->lease;
	job->position = position;
	job->attempt = (uint16_t)(person->attempts + 1);
	job->rid = person->rid;
	job->address = person->address;
	job->attributes = person->attributes;
	job->has_credit = person->has_credit;
	job->plan.preferred_source = person->source;
	hold->jobs[position] = job;
	hold->out++;
	hold->need->held++;
	return job;
}

void dispatch_lease(struct node *n, struct node_lease *lease)
{
	struct hold *hold = xcalloc(1, sizeof(*hold));
	list_init(&hold->node);
	list_push_back(&n->holds, &hold->node);
	hold->lease = lease;
	hold->need = need_of(n, lease->campaign, lease->group);
	hold->jobs = xcalloc(lease->count, sizeof(struct work_job *));
	lease->context = hold;
	/* All are made before the first goes: one that ends at once must not end the lease. */
	for (size_t i = 0; i < lease->count; i++)
		if (!lease->people[i].is_done)
			job_of_person(hold, (uint16_t)i);
	n->held += hold->out;
	int32_t refused_s = need_refused_s(hold->need, loop_now_ms(n->loop));
	for (size_t i = 0; i < lease->count; i++) {
		struct node_person *person = &lease->people[i];
		if (hold->jobs[i] == NULL)
			continue;
		/* Who was never tried has waited in the chunk for as long. */
		if (person->attempts == 0 && person->age_s == 0)
			person->age_s = refused_s;
		if (person->prefer_until_us != 0)
			hold->jobs[i]->plan.prefer_until_ms =
				(person->prefer_until_us -
				 atomic_load(&n->shared.clock_offset_us)) /
				1000;
		texts_attach(n, hold->jobs[i], person->version ? person->version : lease->version);
	}
}

void hold_free(struct node *n, struct hold *hold)
{
	(void)n;
	must(hold->out == 0);
	list_remove(&hold->node);
	hold->lease->context = NULL;
	free(hold->jobs);
	free(hold);
}

void dispatch_forget(struct node *n, struct work_job *job)
{
	struct hold *hold = hold_of(job->lease);
	must(hold->jobs[job->position] == job);
	hold->jobs[job->position] = NULL;
	hold->out--;
	hold->need->held--;
	n->held--;
	campaign_snapshot_unref(job->campaign);
	mx_answer_drop(job->answer);
	site_drop(job->plan.site);
	work_job_free(job);
}

void dispatch_return(struct node *n, struct work_job *job, int64_t due_us)
{
	keeper_return(n->keeper, job->lease, job->position, due_us);
	dispatch_forget(n, job);
}

void dispatch_settle(struct node *n, struct work_job *job, struct outcome *facts, int64_t due_us)
{
	rules_apply(n->identity->rules, STR(""), facts);
	struct work_result *r = work_job_result(job, facts);
	r->at_us = node_wall_us(n, loop_now_ms(n->loop));
	r->asked_us = due_us;
	work_job_decide(job, &n->options.settings.worker.settle);
	hours_spare(n, job);
	hold_of(job->lease)->need->pace.settled++;
	keeper_settle(n->keeper, job->lease, &r->settlement, &job->marks);
	dispatch_forget(n, job);
}

static struct outcome suppressed(void)
{
	return (struct outcome){.words = OUTCOME_WORDS_LOCAL,
				.stage = STAGE_LOCAL,
				.verdict = {.klass = OUTCOME_SUPPRESSED,
					    .cause = CAUSE_SUPPRESSED,
					    .scope = SCOPE_RECIPIENT,
					    .rule = ""}};
}

void dispatch_settle_suppressed(struct node *n, struct work_job *job)
{
	struct outcome facts = suppressed();
	dispatch_settle(n, job, &facts, 0);
}

/* Suppressed since the freeze, past the deadline, or somebody whose message crashes the program:
 * settled without a try. */
static bool is_admitted(struct node *n, struct work_job *job, struct outcome *facts)
{
	const struct node_person *person = &job->lease->people[job->position];
	*facts = (struct outcome){.words = OUTCOME_WORDS_LOCAL, .stage = STAGE_LOCAL};
	if (person->is_suppressed) {
		*facts = suppressed();
		return false;
	}
	int64_t deadline_us = job->campaign->deadline_us;
	if (deadline_us != 0 && node_wall_us(n, loop_now_ms(n->loop)) >= deadline_us) {
		facts->verdict = (struct verdict){.klass = OUTCOME_EXPIRED,
						  .cause = CAUSE_EXPIRED,
						  .scope = SCOPE_CAMPAIGN,
						  .rule = ""};
		facts->text = STR("past the campaign's deadline");
		return false;
	}
	if (crashes_of(n->crashes, job->lease->campaign, job->rid) >= CRASHES_MAX) {
		facts->verdict = (struct verdict){.klass = OUTCOME_REJECTED,
						  .cause = CAUSE_CRASHES_ENGINE,
						  .scope = SCOPE_MESSAGE,
						  .rule = "crash"};
		facts->text = STR("the program crashed three times while it made this message");
		return false;
	}
	return true;
}

bool dispatch_may_go(struct node *n, struct work_job *job)
{
	const struct node_campaign *campaign = campaign_of(n, job->lease->campaign);
	struct outcome facts;
	if (n->phase != NODE_RUNNING || hold_of(job->lease)->is_fenced ||
	    !campaign_may_send(campaign))
		dispatch_return(n, job, 0);
	else if (!is_admitted(n, job, &facts))
		dispatch_settle(n, job, &facts, 0);
	else
		return true;
	return false;
}

void dispatch_job(struct node *n, struct work_job *job)
{
	struct node_campaign *campaign = campaign_of(n, job->lease->campaign);
	if (campaign != NULL)
		campaign->give_up_after_ms = job->campaign->give_up_after_ms;
	if (dispatch_may_go(n, job))
		lookup_job(n, job);
}

void dispatch_again(struct node *n, struct work_job *job, size_t site_number)
{
	mx_answer_drop(job->answer);
	site_drop(job->plan.site);
	job->answer = NULL;
	job->plan.site = NULL;
	job->site_number = (uint16_t)site_number;
	job->has_other_site = false;
	job->is_recalled = false;
	job->returned = RETURNED_NOT;
	job->unreached_tries = 0;
	dispatch_job(n, job);
}

/* A group is named by its provider or route, as its queue is, or by its one domain, whose queue is
 * that of its site. While there is another site to go to, nobody waits for this one. */
static bool is_of_group(const struct work_job *job)
{
	struct need *need = hold_of(job->lease)->need;
	const struct site *site = job->plan.site;
	if (str_equals(job->lease->people[job->position].domain, need->group) &&
	    !job->has_other_site)
		need_goes_to(need, site->queue);
	return str_equals(site->queue, need->queue);
}

void dispatch_to_worker(struct node *n, struct work_job *job, struct site *site,
			struct mx_answer *answer)
{
	job->plan.site = site_hold(site);
	job->answer = mx_answer_hold(answer);
	job->is_of_group = is_of_group(job);
	job->takes_verp = site->takes_verp;
	work_letter_send(worker_inbox(n->workers[site->worker]), &job->letter, LETTER_OFFER, job);
}
