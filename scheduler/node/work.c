/* SPDX-License-Identifier: MIT */
/* Letters between the node's threads, and the life of jobs; see work.h. */
#include "scheduler/node/work.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/hash.h"
#include "scheduler/node/site.h"

void work_letter_send(struct mailbox *to, struct work_letter *letter, enum work_letter_kind kind,
		      void *subject)
{
	letter->kind = kind;
	letter->subject = subject;
	mailbox_send(to, &letter->letter);
}

struct work_job *work_job_new(void)
{
	struct work_job *job = xcalloc(1, sizeof(*job));
	list_init(&job->plan.node);
	return job;
}

void work_job_draft(struct work_job *job)
{
	must(job->draft == NULL);
	job->draft = xcalloc(1, sizeof(*job->draft));
	message_init(&job->draft->message);
	buf_init(&job->draft->mail_from, MAIL_FROM_MAX);
}

void work_job_uncompose(struct work_job *job)
{
	job->is_composed = false;
	if (job->draft == NULL)
		return;
	message_done(&job->draft->message);
	buf_done(&job->draft->mail_from);
	free(job->draft);
	job->draft = NULL;
}

/* How much of text is kept: clipped before a continuation byte, so that it stays UTF-8. */
static size_t clip(struct str text, size_t max)
{
	if (text.len <= max)
		return text.len;
	size_t len = max;
	while (len > 0 && ((unsigned char)text.ptr[len] & 0xc0) == 0x80)
		len--;
	return len;
}

static void result_free(struct work_result *r)
{
	if (r == NULL)
		return;
	settle_strings_done(&r->strings);
	free(r);
}

struct work_result *work_job_result(struct work_job *job, const struct outcome *outcome)
{
	result_free(job->result);
	struct work_result *r = xcalloc(1, sizeof(*r));
	size_t len = clip(outcome->text, sizeof(r->text));
	settle_strings_init(&r->strings);
	r->outcome = *outcome;
	if (len > 0)
		memcpy(r->text, outcome->text.ptr, len);
	r->outcome.text = str_of(r->text, len);
	job->result = r;
	return r;
}

void work_job_decide(struct work_job *job, const struct settle_policy *policy)
{
	struct work_result *r = job->result;
	struct settle_facts facts = {
		.person = &job->lease->people[job->position],
		.campaign = job->campaign,
		.position = job->position,
		.outcome = &r->outcome,
		.was_tried = r->source != 0,
		.had_intent = job->marks.intent != 0,
		.source = r->source,
		.provider = job->plan.site ? job->plan.site->provider : STR(""),
		.mx = str_from(r->host),
		.tls = str_from(r->tls),
		.at_us = r->at_us,
		.took_ms = r->transfer_ms,
		.asked_us = r->asked_us,
		.random = random_u64(),
	};
	settle_decide(policy, &facts, &r->strings, &r->settlement);
}

void work_job_free(struct work_job *job)
{
	if (job == NULL)
		return;
	must(!job->is_credit_out && !job->is_compose_out);
	work_job_uncompose(job);
	result_free(job->result);
	free(job->compose_error);
	free(job);
}
