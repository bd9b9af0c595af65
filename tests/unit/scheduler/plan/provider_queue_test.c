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

static struct job *ahead(struct provider_queue *q)
{
	return provider_queue_ahead(q, (struct ahead_room){true, true, true});
}

static bool is_seven(const struct job *job, void *context)
{
	(void)context;
	return job->preferred_source == 7;
}

static bool is_any(const struct job *job, void *context)
{
	(void)job;
	(void)context;
	return true;
}

static const struct compose_room all_room = {true, true, true, is_any, NULL};

/* Its credit comes and it is composed; it is the only one. */
static void prepare(struct provider_queue *q, struct job *job, bool keeps_preference)
{
	provider_queue_credit(q, job);
	assert_ptr_equal(provider_queue_compose(q, all_room), job);
	provider_queue_ready(q, job, keeps_preference);
}

static void prepare_all(struct provider_queue *q)
{
	struct job *job;
	while ((job = ahead(q)) != NULL)
		prepare(q, job, true);
}

static struct pick pick_of(struct site *site, uint32_t source)
{
	return (struct pick){.site = site, .source = source};
}

static void higher_priority_goes_first(void **state)
{
	(void)state;
	struct provider_queue q;
	provider_queue_init(&q);
	offer(&q, 1, 0, 0, 10);
	offer(&q, 2, 5, 10, 20);
	for (int i = 0; i < 10; i++)
		assert_int_equal(ahead(&q)->share->owner.campaign, 2);
	assert_int_equal(ahead(&q)->share->owner.campaign, 1);
	drain(&q);
}

static void a_high_priority_is_composed_before_what_has_credits(void **state)
{
	(void)state;
	struct provider_queue q;
	provider_queue_init(&q);
	offer(&q, 1, 0, 0, 10);
	for (int i = 0; i < 10; i++)
		provider_queue_credit(&q, ahead(&q));
	assert_ptr_equal(provider_queue_compose(&q, all_room), &jobs[0]);
	offer(&q, 2, 5, 10, 11);
	provider_queue_credit(&q, ahead(&q));
	assert_ptr_equal(provider_queue_compose(&q, all_room), &jobs[10]);
	assert_ptr_equal(provider_queue_compose(&q, all_room), &jobs[1]);
	assert_int_equal(q.credited_count, 8);
	assert_int_equal(q.draft_count, 3);
	assert_int_equal(q.ahead_count, 11);
	drain(&q);
	assert_int_equal(q.credited_count, 0);
	assert_int_equal(q.draft_count, 0);
}

static void whoever_prefers_a_source_is_composed_when_it_goes(void **state)
{
	(void)state;
	struct provider_queue q;
	provider_queue_init(&q);
	for (size_t i = 0; i < 4; i++) {
		jobs[i] = (struct job){.site = SITE_A,
				       .preferred_source = (uint32_t[]){8, 7, 0, 0}[i]};
		provider_queue_offer(&q, (struct share_owner){1, 0}, &jobs[i]);
	}
	for (int i = 0; i < 4; i++)
		provider_queue_credit(&q, ahead(&q));
	struct compose_room any = {.any = true};
	struct compose_room seven = {.preferring = true, .goes_soon = is_seven};
	assert_ptr_equal(provider_queue_compose(&q, any), &jobs[2]);
	assert_ptr_equal(provider_queue_compose(&q, seven), &jobs[1]);
	assert_null(provider_queue_compose(&q, seven));
	assert_int_equal(q.preferring_drafts, 1);
	provider_queue_ready(&q, &jobs[1], false);
	assert_int_equal(q.preferring_drafts, 0);
	assert_int_equal(q.draft_count, 2);
	drain(&q);
}

static void a_late_campaign_gets_three_quarters(void **state)
{
	(void)state;
	struct provider_queue q;
	provider_queue_init(&q);
	offer(&q, 1, 0, 0, 200);
	for (int i = 0; i < 100; i++)
		assert_non_null(ahead(&q));
	offer(&q, 2, 0, 200, 300);
	int late = 0;
	for (int i = 0; i < 80; i++)
		late += ahead(&q)->share->owner.campaign == 2;
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
		sent[ahead(&q)->share->owner.campaign]++;
	for (int c = 1; c <= 4; c++)
		assert_in_range(sent[c], 45, 55);
	drain(&q);
}

/* One permit of a provider with a cap: the window of what is ahead is filled, one job goes. Jobs of
 * campaign 1 come again for ever. Returns whose it was. */
static int32_t go_on(struct provider_queue *q)
{
	const struct pick p = pick_of(SITE_A, 1);
	struct job *job;
	while (q->ahead_count + q->ready_count < 64 && (job = ahead(q)) != NULL)
		prepare(q, job, true);
	job = provider_queue_pick(q, &p);
	assert_non_null(job);
	struct share_owner owner = job->share->owner;
	provider_queue_remove(q, job);
	if (owner.campaign == 1) {
		*job = (struct job){.site = SITE_A};
		provider_queue_offer(q, owner, job);
	}
	return owner.campaign;
}

static void a_thousand_behind_a_million_take_less_than_twice_their_time(void **state)
{
	(void)state;
	static const int64_t sent_before[] = {0, 100, 5000, 200000};
	static struct job few[1000];
	for (size_t i = 0; i < sizeof(sent_before) / sizeof(sent_before[0]); i++) {
		struct provider_queue q;
		int permits = 0;
		provider_queue_init(&q);
		offer(&q, 1, 0, 0, 300);
		for (int64_t k = 0; k < sent_before[i]; k++)
			assert_int_equal(go_on(&q), 1);
		for (size_t k = 0; k < 1000; k++) {
			few[k] = (struct job){.site = SITE_A};
			provider_queue_offer(&q, (struct share_owner){2, 0}, &few[k]);
		}
		for (int left = 1000; left > 0; permits++)
			left -= go_on(&q) == 2;
		/* Alone they take a thousand permits. */
		if (permits >= 2000)
			fail_msg("%d permits behind %lld", permits, (long long)sent_before[i]);
		drain(&q);
	}
}

static void a_session_takes_only_jobs_of_its_site(void **state)
{
	(void)state;
	struct provider_queue q;
	provider_queue_init(&q);
	for (size_t i = 0; i < 3; i++) {
		jobs[i] = (struct job){.site = i == 1 ? SITE_B : SITE_A};
		provider_queue_offer(&q, (struct share_owner){1, 0}, &jobs[i]);
	}
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

static void offer_preferring(struct provider_queue *q, size_t i, uint32_t source)
{
	jobs[i] = (struct job){
		.site = SITE_A, .queued_at_ms = (int64_t)i, .preferred_source = source};
	provider_queue_offer(q, (struct share_owner){1, 0}, &jobs[i]);
}

static bool prefers_seven(const struct job *job, void *context)
{
	(void)context;
	return job->preferred_source == 7;
}

static void a_greylisted_job_waits_for_its_source(void **state)
{
	(void)state;
	struct provider_queue q;
	provider_queue_init(&q);
	static const uint32_t preferred[] = {7, 0, 7, 8};
	for (size_t i = 0; i < 4; i++)
		offer_preferring(&q, i, preferred[i]);
	prepare_all(&q);
	assert_int_equal(q.preferring_count, 3);
	struct pick other = pick_of(SITE_A, 1);
	assert_int_equal(provider_queue_count(&q, &other, 10), 1);
	assert_ptr_equal(provider_queue_pick(&q, &other), &jobs[1]);
	assert_null(provider_queue_pick(&q, &other));
	size_t ready;
	struct pick seven = pick_of(NULL, 7);
	assert_ptr_equal(provider_queue_site(&q, &seven, &ready), SITE_A);
	assert_int_equal(ready, 2);
	assert_ptr_equal(provider_queue_pick(&q, &seven), &jobs[0]);
	/* Its source will not go: any other may. */
	provider_queue_unprefer(&q, prefers_seven, NULL);
	assert_int_equal(q.preferring_count, 1);
	assert_ptr_equal(provider_queue_pick(&q, &other), &jobs[2]);
	assert_null(provider_queue_pick(&q, &other));
	for (size_t i = 0; i < 3; i++)
		provider_queue_remove(&q, &jobs[i]);
	drain(&q);
}

/* However many wait for a source, whoever does not is found behind them, in every step. */
static void a_preference_holds_up_nobody(void **state)
{
	(void)state;
	struct provider_queue q;
	provider_queue_init(&q);
	for (size_t i = 0; i < 301; i++)
		offer_preferring(&q, i, i < 300 ? 7 : 0);
	for (int i = 0; i < 200; i++)
		prepare(&q, ahead(&q), true);
	assert_int_equal(q.preferring_count, 200);
	assert_ptr_equal(provider_queue_ahead(&q, (struct ahead_room){true, false, true}),
			 &jobs[300]);
	prepare(&q, &jobs[300], true);
	assert_null(provider_queue_ahead(&q, (struct ahead_room){true, false, true}));
	assert_ptr_equal(provider_queue_ahead(&q, (struct ahead_room){false, true, true}),
			 &jobs[200]);
	struct pick other = pick_of(SITE_A, 1);
	assert_ptr_equal(provider_queue_pick(&q, &other), &jobs[300]);
	assert_null(provider_queue_pick(&q, &other));
	/* One whose source has left meanwhile. */
	prepare(&q, &jobs[200], false);
	assert_ptr_equal(provider_queue_pick(&q, &other), &jobs[200]);
	provider_queue_remove(&q, &jobs[200]);
	provider_queue_remove(&q, &jobs[300]);
	drain(&q);
	assert_int_equal(q.preferring_count, 0);
}

static bool reaches_b(const struct site *site, void *context)
{
	(void)context;
	return site == SITE_B;
}

static void a_site_that_is_down_holds_up_no_other(void **state)
{
	(void)state;
	struct provider_queue q;
	provider_queue_init(&q);
	for (size_t i = 0; i < 20; i++) {
		jobs[i] = (struct job){.site = i == 19 ? SITE_B : SITE_A};
		provider_queue_offer(&q, (struct share_owner){1, 0}, &jobs[i]);
	}
	prepare_all(&q);
	struct pick p = pick_of(NULL, 1);
	p.reaches = reaches_b;
	size_t ready;
	for (int i = 0; i < 2; i++) {
		assert_ptr_equal(provider_queue_site(&q, &p, &ready), SITE_B);
		assert_int_equal(ready, 1);
	}
	drain(&q);
}

static size_t length(const struct list *head)
{
	size_t n = 0;
	LIST_EACH (it, head)
		n++;
	return n;
}

/* Of those who wait, only who is overdue is looked at: the walk ends at the first who is not. */
static void who_is_overdue_goes_and_nobody_else_is_looked_at(void **state)
{
	(void)state;
	struct provider_queue q;
	struct list out;
	provider_queue_init(&q);
	list_init(&out);
	for (size_t i = 0; i < 100; i++) {
		jobs[i] = (struct job){.site = i % 2 ? SITE_B : SITE_A, .queued_at_ms = (int64_t)i};
		provider_queue_offer(&q, (struct share_owner){1, 0}, &jobs[i]);
	}
	for (int i = 0; i < 30; i++)
		prepare(&q, ahead(&q), true);
	struct pick p = pick_of(SITE_B, 1);
	struct job *taken = provider_queue_pick(&q, &p);
	assert_ptr_equal(taken, &jobs[1]);
	provider_queue_recall_site(&q, SITE_B, 8, &out);
	assert_int_equal(length(&out), 3); /* 3, 5, 7 */
	/* Behind the first who is not overdue lies nothing that may be touched. */
	struct list behind = jobs[21].arrival;
	jobs[21].arrival = (struct list){NULL, NULL};
	provider_queue_recall_overdue(&q, 20, NULL, NULL, &out);
	jobs[21].arrival = behind;
	assert_int_equal(length(&out), 19);
	behind = jobs[23].in_line;
	jobs[23].in_line = (struct list){NULL, NULL};
	provider_queue_recall_site(&q, SITE_B, 20, &out);
	jobs[23].in_line = behind;
	assert_int_equal(length(&out), 19);
	assert_int_equal(provider_queue_total(&q), 81);
	LIST_EACH (it, &out)
		assert_int_equal(LIST_ITEM(it, struct job, node)->step, JOB_OUTSIDE);
	provider_queue_untake(&q, taken);
	provider_queue_recall_overdue(&q, 2, NULL, NULL, &out);
	assert_int_equal(taken->step, JOB_OUTSIDE);
	assert_true(provider_queue_has_site(&q, SITE_B));
	provider_queue_recall_site(&q, SITE_B, 1000, &out);
	assert_false(provider_queue_has_site(&q, SITE_B));
	assert_true(provider_queue_has_site(&q, SITE_A));
	drain(&q);
}

static void a_campaign_that_leaves_takes_its_share_along(void **state)
{
	(void)state;
	struct provider_queue q;
	struct list out;
	provider_queue_init(&q);
	list_init(&out);
	for (int32_t c = 1; c <= 100; c++) {
		offer(&q, c, 0, 0, 3);
		prepare_all(&q);
		struct pick p = pick_of(SITE_A, 1);
		struct job *taken = provider_queue_pick(&q, &p);
		provider_queue_recall(&q, NULL, NULL, &out);
		list_init(&out);
		provider_queue_forget(&q, c);
		assert_int_equal(length(&q.shares), 1); /* one is still with a session */
		if (c % 2)
			provider_queue_untake(&q, taken);
		provider_queue_remove(&q, taken);
		assert_int_equal(length(&q.shares), 0);
	}
	/* It comes again: its share is as any other. */
	offer(&q, 1, 0, 0, 2);
	provider_queue_forget(&q, 1);
	offer(&q, 1, 0, 2, 3);
	for (size_t i = 0; i < 3; i++)
		provider_queue_remove(&q, &jobs[i]);
	assert_int_equal(length(&q.shares), 1);
	provider_queue_done(&q);
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
		prepare(&q, ahead(&q), true);
	for (int i = 0; i < 4; i++)
		assert_non_null(ahead(&q));
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

static bool is_of_another(const struct job *job, void *context)
{
	(void)context;
	return job->share->owner.campaign != 1;
}

/* Campaign 1 is held, and all of it prefers a source. */
static void who_is_held_takes_no_room_of_those_that_prefer_a_source(void **state)
{
	(void)state;
	struct provider_queue q;
	const struct ahead_room not_held = {.any = true, .preferring = true, .held = false};
	provider_queue_init(&q);
	for (size_t i = 0; i < 3; i++)
		offer_preferring(&q, i, 7);
	offer(&q, 2, 0, 3, 4);
	prepare(&q, ahead(&q), true);
	provider_queue_hold(&q, is_of_another, NULL);
	assert_int_equal(q.preferring_count, 1);
	assert_int_equal(q.held_preferring, 1);
	assert_int_equal(q.held_preferring_drafts, 1);
	assert_ptr_equal(provider_queue_ahead(&q, not_held), &jobs[3]);
	assert_null(provider_queue_ahead(&q, not_held));
	assert_ptr_equal(ahead(&q), &jobs[1]);
	assert_int_equal(q.held_preferring, 2);
	drain(&q);
	assert_int_equal(q.preferring_count, 0);
	assert_int_equal(q.preferring_drafts, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(higher_priority_goes_first),
		cmocka_unit_test(a_high_priority_is_composed_before_what_has_credits),
		cmocka_unit_test(whoever_prefers_a_source_is_composed_when_it_goes),
		cmocka_unit_test(a_late_campaign_gets_three_quarters),
		cmocka_unit_test(nobody_is_starved_at_equal_priority),
		cmocka_unit_test(a_thousand_behind_a_million_take_less_than_twice_their_time),
		cmocka_unit_test(a_session_takes_only_jobs_of_its_site),
		cmocka_unit_test(a_greylisted_job_waits_for_its_source),
		cmocka_unit_test(a_preference_holds_up_nobody),
		cmocka_unit_test(a_site_that_is_down_holds_up_no_other),
		cmocka_unit_test(who_is_overdue_goes_and_nobody_else_is_looked_at),
		cmocka_unit_test(a_campaign_that_leaves_takes_its_share_along),
		cmocka_unit_test(recall_takes_what_the_filter_wants_and_not_what_is_taken),
		cmocka_unit_test(who_is_held_takes_no_room_of_those_that_prefer_a_source),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
