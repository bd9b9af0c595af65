/* SPDX-License-Identifier: MIT */
/* Letters between the node's threads, and the life of jobs; see work.h. */
#include "scheduler/node/work.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/hash.h"
#include "scheduler/node/site.h"

void work_letter_send(struct mailbox *to, struct letter *letter, enum work_letter_kind kind,
		      void *content)
{
	must(kind < WORK_POSTED_FIRST);
	letter->kind = (int)kind;
	letter->content = content;
	mailbox_send(to, letter);
}

void work_posts_init(struct work_posts *posts, struct mailbox *to)
{
	*posts = (struct work_posts){.to = to};
	for (int kind = 0; kind < WORK_LETTER_COUNT; kind++)
		posts->letters[kind].kind = kind;
}

void *work_post(struct work_posts *posts, enum work_letter_kind kind, void *content)
{
	must(kind >= WORK_POSTED_FIRST);
	return mailbox_post(posts->to, &posts->letters[kind], content);
}

void *work_post_undo(struct work_posts *posts, enum work_letter_kind kind)
{
	return mailbox_take(posts->to, &posts->letters[kind]);
}

int work_compare_rids(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

bool work_recall_wants(const struct work_recall *recall, const struct work_job *job)
{
	if (recall->campaign != 0 && recall->campaign != job->campaign->id)
		return false;
	if (recall->lease != NULL && recall->lease != job->lease)
		return false;
	return recall->rids == NULL || bsearch(&job->rid, recall->rids, recall->rid_count,
					       sizeof(job->rid), work_compare_rids) != NULL;
}

/* Both lists, sorted, each once. */
static void add_rids(struct work_recall *to, const struct work_recall *from)
{
	size_t count = to->rid_count + from->rid_count;
	to->rids = xrealloc(to->rids, count * sizeof(to->rids[0]));
	memcpy(&to->rids[to->rid_count], from->rids, from->rid_count * sizeof(to->rids[0]));
	qsort(to->rids, count, sizeof(to->rids[0]), work_compare_rids);
	size_t kept = 1;
	for (size_t i = 1; i < count; i++)
		if (to->rids[i] != to->rids[kept - 1])
			to->rids[kept++] = to->rids[i];
	to->rid_count = kept;
}

static struct work_recall *find_recall(const struct work_recalls *r, const struct work_recall *like)
{
	for (size_t i = 0; i < r->count; i++) {
		struct work_recall *item = &r->items[i];
		if (item->campaign == like->campaign && item->lease == like->lease &&
		    (item->rid_count > 0) == (like->rid_count > 0))
			return item;
	}
	return NULL;
}

struct work_recalls *work_recalls_add(struct work_recalls *r, const struct work_recall *recall)
{
	if (r == NULL)
		r = xcalloc(1, sizeof(*r));
	struct work_recall *item = find_recall(r, recall);
	if (item == NULL) {
		r->items = xrealloc(r->items, (r->count + 1) * sizeof(r->items[0]));
		item = &r->items[r->count++];
		*item = (struct work_recall){.campaign = recall->campaign, .lease = recall->lease};
	}
	if (recall->rid_count > 0)
		add_rids(item, recall);
	return r;
}

void work_recalls_free(struct work_recalls *r)
{
	for (size_t i = 0; r != NULL && i < r->count; i++)
		free(r->items[i].rids);
	if (r != NULL)
		free(r->items);
	free(r);
}

struct work_flushed *work_flushed_add(struct work_flushed *f, uint64_t segment, size_t records)
{
	if (f == NULL)
		f = xcalloc(1, sizeof(*f));
	/* Mostly it is the newest. */
	for (size_t i = f->count; i > 0; i--) {
		if (f->items[i - 1].segment != segment)
			continue;
		f->items[i - 1].records += records;
		return f;
	}
	f->items = xrealloc(f->items, (f->count + 1) * sizeof(f->items[0]));
	f->items[f->count++] = (struct work_flushed_item){segment, records};
	return f;
}

void work_flushed_free(struct work_flushed *f)
{
	if (f != NULL)
		free(f->items);
	free(f);
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
	free(job->lost);
	free(job);
}
