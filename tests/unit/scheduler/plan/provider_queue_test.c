/* SPDX-License-Identifier: MIT */
/* Fair shares of campaigns at one provider, ready jobs by site, recall. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "scheduler/plan/provider_queue.h"

#define JOBS 400

static struct job jobs[JOBS];
static int site_a_object, site_b_object;
#define SITE_A ((struct site *)(void *)&site_a_object)
#define SITE_B ((struct site *)(void *)&site_b_object)

static void offer(struct provider_queue *q, int32_t campaign, int32_t priority, size_t from,
		  size_t to)
{
	for (size_t i = from; i < to; i++) {
		jobs[i] = (struct job){.site = SITE_A};
		provider_queue_offer(q, (struct share_owner){campaign, priority}, &jobs[i]);
	}
}

static void drain(struct provider_queue *q)
{
	struct list out;
	list_init(&out);
	provider_queue_recall(q, NULL, NULL, &out);
	assert_int_equal(provider_queue_total(q), 0);
	provider_queue_done(q);
}

static void prepare_all(struct provider_queue *q)
{
	struct job *job;
	while ((job = provider_queue_ahead(q)) != NULL)
		provider_queue_ready(q, job);
}

static struct pick pick_of(struct site *site, uint32_t source)
{
	return (struct pick){.site = site, .source = source, .now_ms = 1000};
}

static void higher_priority_goes_first(void **state)
{
	(void)state;
	struct provider_queue q;
	provider_queue_init(&q);
	offer(&q, 1, 0, 0, 10);
	offer(&q, 2, 5, 10, 20);
	for (int i = 0; i < 10; i++)
		assert_int_equal(provider_queue_ahead(&q)->share->owner.campaign, 2);
	assert_int_equal(provider_queue_ahead(&q)->share->owner.campaign, 1);
	drain(&q);
}

static void a_late_campaign_gets_three_quarters(void **state)
{
	(void)state;
	struct provider_queue q;
	provider_queue_init(&q);
	offer(&q, 1, 0, 0, 200);
	for (int i = 0; i < 100; i++)
		assert_non_null(provider_queue_ahead(&q));
	offer(&q, 2, 0, 200, 300);
	int late = 0;
	for (int i = 0; i < 80; i++)
		late += provider_queue_ahead(&q)->share->owner.campaign == 2;
	/* 60 by "least sent", and the round-robin picks are shared. */
	assert_in_range(late, 60, 72);
	drain(&q);
}

static void nobody_is_starved_at_equal_priority(void **state)
{
	(void)state;
	struct provider_queue q;
	provider_queue_init(&q);
	for (int32_t c = 0; c < 4; c++)
		offer(&q, c + 1, 0, (size_t)c * 100, (size_t)c * 100 + 100);
	int sent[5] = {0};
	for (int i = 0; i < 200; i++)
		sent[provider_queue_ahead(&q)->share->owner.campaign]++;
	for (int c = 1; c <= 4; c++)
		assert_in_range(sent[c], 45, 55);
	drain(&q);
}

static void a_session_takes_only_jobs_of_its_site(void **state)
{
	(void)state;
	struct provider_queue q;
	provider_queue_init(&q);
	offer(&q, 1, 0, 0, 3);
	jobs[1].site = SITE_B;
	prepare_all(&q);
	struct pick b = pick_of(SITE_B, 1);
	assert_int_equal(provider_queue_count(&q, &b, 10), 1);
	assert_ptr_equal(provider_queue_pick(&q, &b), &jobs[1]);
	assert_null(provider_queue_pick(&q, &b));
	struct pick a = pick_of(SITE_A, 1);
	assert_ptr_equal(provider_queue_pick(&q, &a), &jobs[0]);
	size_t ready;
	struct pick any = pick_of(NULL, 1);
	assert_ptr_equal(provider_queue_site(&q, &any, &ready), SITE_A);
	assert_int_equal(ready, 1);
	provider_queue_untake(&q, &jobs[0]);
	assert_ptr_equal(provider_queue_pick(&q, &any), &jobs[0]);
	provider_queue_remove(&q, &jobs[0]);
	provider_queue_remove(&q, &jobs[1]);
	drain(&q);
}

static void a_greylisted_job_waits_for_its_source(void **state)
{
	(void)state;
	struct provider_queue q;
	provider_queue_init(&q);
	offer(&q, 1, 0, 0, 2);
	jobs[0].preferred_source = 7;
	jobs[0].prefer_until_ms = 2000;
	prepare_all(&q);
	struct pick other = pick_of(SITE_A, 1);
	assert_ptr_equal(provider_queue_pick(&q, &other), &jobs[1]);
	assert_null(provider_queue_pick(&q, &other));
	other.now_ms = 2000;
	assert_ptr_equal(provider_queue_pick(&q, &other), &jobs[0]);
	provider_queue_remove(&q, &jobs[0]);
	provider_queue_remove(&q, &jobs[1]);
	drain(&q);
}

static bool of_campaign_two(const struct job *job, void *context)
{
	(void)context;
	return job->share->owner.campaign == 2;
}

static void recall_takes_what_the_filter_wants_and_not_what_is_taken(void **state)
{
	(void)state;
	struct provider_queue q;
	provider_queue_init(&q);
	offer(&q, 1, 0, 0, 10);
	offer(&q, 2, 0, 10, 20);
	for (int i = 0; i < 12; i++)
		provider_queue_ready(&q, provider_queue_ahead(&q));
	for (int i = 0; i < 4; i++)
		assert_non_null(provider_queue_ahead(&q));
	struct pick p = pick_of(SITE_A, 1);
	struct job *taken = provider_queue_pick(&q, &p);
	while (taken->share->owner.campaign != 2)
		taken = provider_queue_pick(&q, &p);
	size_t before = provider_queue_total(&q);
	struct list out;
	list_init(&out);
	provider_queue_recall(&q, of_campaign_two, NULL, &out);
	size_t recalled = 0;
	LIST_EACH (it, &out) {
		assert_int_equal(LIST_ITEM(it, struct job, node)->step, JOB_OUTSIDE);
		recalled++;
	}
	assert_int_equal(recalled, 9);
	assert_int_equal(provider_queue_total(&q), before - 9);
	assert_int_equal(taken->step, JOB_TAKEN);
	for (size_t i = 0; i < 20; i++)
		if (jobs[i].step == JOB_TAKEN)
			provider_queue_remove(&q, &jobs[i]);
	provider_queue_forget(&q, 2);
	drain(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(higher_priority_goes_first),
		cmocka_unit_test(a_late_campaign_gets_three_quarters),
		cmocka_unit_test(nobody_is_starved_at_equal_priority),
		cmocka_unit_test(a_session_takes_only_jobs_of_its_site),
		cmocka_unit_test(a_greylisted_job_waits_for_its_source),
		cmocka_unit_test(recall_takes_what_the_filter_wants_and_not_what_is_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
