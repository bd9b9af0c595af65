/* SPDX-License-Identifier: MIT */
/* Content versions of campaigns: loaded when a lease first needs them, shared by its jobs. */
#include <stdlib.h>

#include "scheduler/node/node_private.h"

/* People whose campaign cannot be loaded are asked about again after this. */
#define LOAD_RETRY_MS 60000

static struct work_job *job_at(struct list *node)
{
	return CONTAINER_OF(LIST_ITEM(node, struct job, node), struct work_job, plan);
}

static void text_free(struct text *text)
{
	map_remove(&text->node->texts, &text->by_key);
	campaign_load_cancel(text->load);
	campaign_snapshot_unref(text->snapshot);
	free(text);
}

static void give_out(struct node *n, struct text *text, struct work_job *job)
{
	job->campaign = campaign_snapshot_ref(text->snapshot);
	dispatch_job(n, job);
}

static void on_loaded(void *owner, struct campaign_snapshot *snapshot, const struct err *err)
{
	struct text *text = owner;
	struct node *n = text->node;
	struct list *node;
	text->load = NULL;
	text->snapshot = snapshot;
	if (snapshot == NULL) {
		struct log_line l;
		if (log_begin(&l, LOG_ERROR, "campaign_not_loaded")) {
			log_int(&l, "campaign", text->campaign);
			log_int(&l, "version", text->version);
			log_err(&l, err);
			log_end(&l);
		}
	}
	while ((node = list_pop_front(&text->waiting)) != NULL) {
		if (snapshot != NULL)
			give_out(n, text, job_at(node));
		else
			dispatch_return(n, job_at(node),
					node_wall_us(n, loop_now_ms(n->loop) + LOAD_RETRY_MS));
	}
	/* Nobody would tell that it is stale: its campaign ended or changed meanwhile. */
	if (snapshot == NULL || text->is_stale || campaign_of(n, text->campaign) == NULL)
		text_free(text);
}

void texts_attach(struct node *n, struct work_job *job, int32_t version)
{
	if (n->phase != NODE_RUNNING) {
		dispatch_return(n, job, 0); /* nobody would wait for the content */
		return;
	}
	uint64_t key = (uint64_t)(uint32_t)job->lease->campaign << 32 | (uint32_t)version;
	struct map_node *node = map_get(&n->texts, key, NULL, NULL);
	struct text *text = node ? CONTAINER_OF(node, struct text, by_key) : NULL;
	if (text != NULL && text->is_stale && text->snapshot != NULL) {
		text_free(text);
		text = NULL;
	}
	if (text == NULL) {
		text = xcalloc(1, sizeof(*text));
		text->node = n;
		text->campaign = job->lease->campaign;
		text->version = version;
		list_init(&text->waiting);
		map_put(&n->texts, &text->by_key, key);
		struct content_key wanted = {text->campaign, version};
		text->load = campaign_load(n->load, wanted, &n->options.secrets, on_loaded, text);
	}
	if (text->snapshot != NULL)
		give_out(n, text, job);
	else
		list_push_back(&text->waiting, &job->plan.node);
}

void texts_stale(struct node *n, int32_t campaign)
{
	struct map_node *m = map_next(&n->texts, NULL);
	while (m != NULL) {
		struct text *text = CONTAINER_OF(m, struct text, by_key);
		m = map_next(&n->texts, m);
		if (campaign != 0 && text->campaign != campaign)
			continue;
		/* Jobs hold references of their own. */
		if (text->snapshot != NULL)
			text_free(text);
		else
			text->is_stale = true;
	}
}

void texts_expire(struct node *n)
{
	int64_t now_us = node_wall_us(n, loop_now_ms(n->loop));
	for (struct map_node *m = map_next(&n->texts, NULL); m; m = map_next(&n->texts, m)) {
		const struct text *text = CONTAINER_OF(m, struct text, by_key);
		if (text->snapshot != NULL && text->snapshot->deadline_us != 0 &&
		    now_us >= text->snapshot->deadline_us)
			control_recall(n, &(struct work_recall){.campaign = text->campaign});
	}
}

void texts_give_back(struct node *n)
{
	struct list *node;
	for (struct map_node *m = map_next(&n->texts, NULL); m; m = map_next(&n->texts, m))
		while ((node = list_pop_front(&CONTAINER_OF(m, struct text, by_key)->waiting)) !=
		       NULL)
			dispatch_return(n, job_at(node), 0);
}

void texts_free(struct node *n)
{
	struct map_node *node;
	while ((node = map_next(&n->texts, NULL)) != NULL) {
		must(list_is_empty(&CONTAINER_OF(node, struct text, by_key)->waiting));
		text_free(CONTAINER_OF(node, struct text, by_key));
	}
	map_done(&n->texts);
}
