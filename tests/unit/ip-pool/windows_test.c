/* SPDX-License-Identifier: MIT */
/* Which window a receiver turned us away for, and what is learnt of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "engine/base/must.h"
#include "ip-pool/windows.h"

#define SECOND INT64_C(1000)
#define MINUTE INT64_C(60000)
#define HOUR INT64_C(3600000)
#define NOW INT64_C(1000000000)

static void be_away(struct windows *w, const int64_t sent[WINDOW_COUNT], int64_t from, int64_t ms)
{
	assert_true(windows_on_refusal(w, sent, HOUR, from - 1, from));
	assert_true(windows_on_answer(w, sent, from + ms - 1, from + ms));
}

static void the_length_of_the_ban_tells_the_window(void **state)
{
	(void)state;
	static const struct {
		int64_t away_ms;
		int want; /* WINDOW_COUNT: none */
		int64_t want_cap;
	} cases[] = {
		{MINUTE - 1, WINDOW_COUNT, 0},	  {5 * MINUTE, WINDOW_MINUTE, 85},
		{20 * MINUTE, WINDOW_MINUTE, 85}, {21 * MINUTE, WINDOW_HOUR, 900},
		{5 * HOUR, WINDOW_HOUR, 900},	  {6 * HOUR, WINDOW_DAY, 9500},
	};
	static const int64_t sent[WINDOW_COUNT] = {100, 1000, 10000};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct windows w;
		windows_init(&w, NOW);
		be_away(&w, sent, NOW, cases[i].away_ms);
		for (int k = 0; k < WINDOW_COUNT; k++)
			assert_int_equal(windows_cap(&w, (enum window)k),
					 k == cases[i].want ? cases[i].want_cap : -1);
	}
}

static void tries_are_one_by_one_and_ever_further_apart(void **state)
{
	(void)state;
	static const int64_t sent[WINDOW_COUNT] = {100, 100, 100};
	static const int64_t want_waits[] = {5, 10, 20, 40, 60, 60};
	struct windows w;
	windows_init(&w, NOW);
	assert_true(windows_message_at(&w, NOW) == NOW);
	assert_true(windows_on_refusal(&w, sent, HOUR, NOW - 10, NOW));
	/* Those that were under way say nothing new, nor does a late acceptance let us in. */
	assert_false(windows_on_refusal(&w, sent, HOUR, NOW - 5, NOW + 5));
	assert_false(windows_on_answer(&w, sent, NOW - 5, NOW + 6));
	int64_t now = NOW;
	for (size_t i = 0; i < ARRAY_LEN(want_waits); i++) {
		assert_true(windows_message_at(&w, now) == now + want_waits[i] * MINUTE);
		now += want_waits[i] * MINUTE;
		assert_true(windows_message_at(&w, now) == now);
		windows_on_send(&w);
		assert_true(windows_message_at(&w, now) == INT64_MAX);
		if (i == 2) { /* nobody answered: soon again */
			windows_on_loss(&w, now, now);
			assert_true(windows_message_at(&w, now) == now + 30000);
			now += 30000;
			windows_on_send(&w);
		}
		assert_true(windows_on_refusal(&w, sent, HOUR, now, now));
	}
}

/* The next second of a lane that has sent so many in each window. */
static int64_t live_on(struct windows *w, const int64_t sent[WINDOW_COUNT], int64_t now)
{
	(void)windows_on_answer(w, sent, now + 1000, now + 1000);
	return now + 1000;
}

/* A cap used up for long is not the one that was too much. */
static void a_proven_window_is_not_blamed(void **state)
{
	(void)state;
	static const int64_t first[WINDOW_COUNT] = {100, 100, 100};
	static const int64_t later[WINDOW_COUNT] = {85, 3000, 3000};
	struct windows w;
	windows_init(&w, NOW);
	be_away(&w, first, NOW, 5 * MINUTE);
	struct windows doubted = w;
	int64_t now = NOW + 5 * MINUTE;
	be_away(&doubted, later, now + MINUTE, 10 * MINUTE);
	assert_int_equal(windows_cap(&doubted, WINDOW_MINUTE), 85 * 85 / 100);
	for (int s = 0; s < 14 * 60; s++)
		now = live_on(&w, later, now);
	assert_int_equal(windows_cap(&w, WINDOW_MINUTE), 85);
	w.caps[WINDOW_MINUTE].since_ms = now; /* it does not rise meanwhile */
	for (int s = 0; s < 2 * 60; s++)
		now = live_on(&w, later, now);
	be_away(&w, later, now, 10 * MINUTE);
	assert_int_equal(windows_cap(&w, WINDOW_MINUTE), 85);
	assert_int_equal(windows_cap(&w, WINDOW_HOUR), 2700);
}

static int64_t rise_after(struct windows *w, int64_t sent_of_cap_percent, int64_t limit_ms)
{
	int64_t now = w->let_in_ms, began = now, cap = windows_cap(w, WINDOW_MINUTE);
	while (windows_cap(w, WINDOW_MINUTE) == cap && now - began < limit_ms) {
		int64_t sent[WINDOW_COUNT] = {cap * sent_of_cap_percent / 100, 0, 0};
		now = live_on(w, sent, now);
	}
	return now - began;
}

static void a_cap_used_up_rises_and_a_failed_rise_makes_patient(void **state)
{
	(void)state;
	static const int64_t sent[WINDOW_COUNT] = {100, 100, 100};
	struct windows w;
	windows_init(&w, NOW);
	be_away(&w, sent, NOW, 5 * MINUTE);
	struct windows idle = w;
	assert_true(rise_after(&idle, 90, HOUR) == HOUR);
	assert_in_range(rise_after(&w, 100, HOUR), 15 * MINUTE, 16 * MINUTE);
	assert_int_equal(windows_cap(&w, WINDOW_MINUTE), 85 + 85 * 5 / 100 + 1);
	be_away(&w, sent, w.let_in_ms + HOUR, 5 * MINUTE);
	assert_int_equal(windows_cap(&w, WINDOW_MINUTE), 85);
	assert_in_range(rise_after(&w, 100, HOUR), 30 * MINUTE, 31 * MINUTE);
}

/* What failed was but a burst: well above it the steps are larger. */
static void far_above_what_failed_it_rises_faster(void **state)
{
	(void)state;
	static const int64_t sent[WINDOW_COUNT] = {100, 100, 100};
	struct windows w;
	windows_init(&w, NOW);
	be_away(&w, sent, NOW, 5 * MINUTE);
	while (windows_cap(&w, WINDOW_MINUTE) <= 110) {
		(void)rise_after(&w, 100, 24 * HOUR);
		w.let_in_ms = w.caps[WINDOW_MINUTE].since_ms;
	}
	int64_t before = windows_cap(&w, WINDOW_MINUTE);
	(void)rise_after(&w, 100, 24 * HOUR);
	assert_int_equal(windows_cap(&w, WINDOW_MINUTE), before + before / 5 + 1);
}

static void a_ban_after_a_handful_makes_no_cap(void **state)
{
	(void)state;
	static const int64_t sent[WINDOW_COUNT] = {1, 2, 2};
	struct windows w;
	windows_init(&w, NOW);
	be_away(&w, sent, NOW, 6 * HOUR);
	for (int k = 0; k < WINDOW_COUNT; k++)
		assert_int_equal(windows_cap(&w, (enum window)k), -1);
}

/* It goes in bursts: most answers come in a few minutes a day. */
static void a_cap_of_a_day_rises_by_the_answers_of_each_day(void **state)
{
	(void)state;
	static const int64_t sent[WINDOW_COUNT] = {10, 20, 100};
	struct windows w;
	windows_init(&w, NOW);
	be_away(&w, sent, NOW, 6 * HOUR);
	int64_t cap = windows_cap(&w, WINDOW_DAY);
	int64_t day = 24 * HOUR;
	assert_int_equal(cap, 95);
	for (int i = 1; i <= 3; i++) {
		const int64_t full[WINDOW_COUNT] = {10, 20, windows_cap(&w, WINDOW_DAY)};
		int64_t now = NOW + 6 * HOUR + i * day;
		(void)windows_on_answer(&w, full, now - 1, now);
	}
	assert_true(windows_cap(&w, WINDOW_DAY) > cap + cap / 10);
}

static void it_survives_a_restart(void **state)
{
	(void)state;
	static const int64_t sent[WINDOW_COUNT] = {100, 1000, 10000};
	struct windows w, back;
	struct windows_state saved;
	windows_init(&w, NOW);
	be_away(&w, sent, NOW, 5 * MINUTE);
	assert_true(windows_on_refusal(&w, sent, HOUR, NOW + HOUR, NOW + HOUR));
	windows_save(&w, NOW + HOUR + MINUTE, &saved);
	windows_load(&back, &saved, MINUTE, 5000 + 2 * MINUTE);
	/* 5 min from then, of which one had passed when it was saved, and another since. */
	assert_true(windows_message_at(&back, 5000 + 2 * MINUTE) == 5000 + 5 * MINUTE);
	assert_true(windows_are_away(&back));
	assert_int_equal(windows_cap(&back, WINDOW_MINUTE), 85);
	assert_true(windows_on_answer(&back, sent, 5000 + 6 * HOUR, 5000 + 6 * HOUR));
	assert_int_equal(windows_cap(&back, WINDOW_DAY), 9500);
}

/* It is known when a cap was learnt and from which words, whatever it rises to meanwhile. */
static void a_cap_knows_what_taught_it(void **state)
{
	(void)state;
	static const int64_t sent[WINDOW_COUNT] = {100, 1000, 10000};
	char longest[2 * WINDOWS_REPLY_MAX];
	struct windows w, back;
	struct windows_state saved;
	memset(longest, 'x', sizeof(longest));
	windows_init(&w, NOW);
	assert_true(windows_on_refusal(&w, sent, HOUR, NOW - 1, NOW));
	windows_keep_reply(&w, STR("550 Ip frequency limited"));
	assert_true(windows_on_answer(&w, sent, NOW + 5 * MINUTE, NOW + 5 * MINUTE));
	assert_true(windows_on_refusal(&w, sent, HOUR, NOW + HOUR, NOW + HOUR));
	windows_keep_reply(&w, str_of(longest, sizeof(longest)));
	w.caps[WINDOW_MINUTE].since_ms = NOW + HOUR; /* it rose */
	windows_save(&w, NOW + HOUR, &saved);
	windows_load(&back, &saved, MINUTE, 5000 + MINUTE);
	assert_string_equal(back.caps[WINDOW_MINUTE].reply, "550 Ip frequency limited");
	assert_true(back.caps[WINDOW_MINUTE].learnt_ms == 5000 - 55 * MINUTE);
	assert_int_equal(strlen(back.reply), WINDOWS_REPLY_MAX - 1);
	/* An older version did not say. */
	saved.learnt_ages_ms[WINDOW_MINUTE] = -1;
	windows_load(&back, &saved, MINUTE, 5000 + MINUTE);
	assert_true(back.caps[WINDOW_MINUTE].learnt_ms == 5000);
}

/* How long a cap was used up, and that it was for long, is known after a restart. */
static void what_is_proven_survives_a_restart(void **state)
{
	static const int64_t first[WINDOW_COUNT] = {100, 100, 100};
	static const int64_t later[WINDOW_COUNT] = {85, 3000, 3000};
	(void)state;
	for (int minutes = 14; minutes <= 16; minutes += 2) {
		struct windows w, back;
		struct windows_state saved;
		windows_init(&w, NOW);
		be_away(&w, first, NOW, 5 * MINUTE);
		w.caps[WINDOW_MINUTE].patience = 3; /* it does not rise meanwhile */
		int64_t now = NOW + 5 * MINUTE;
		for (int s = 0; s < minutes * 60; s++)
			now = live_on(&w, later, now);
		windows_save(&w, now, &saved);
		windows_load(&back, &saved, SECOND, now + SECOND);
		assert_true(back.caps[WINDOW_MINUTE].used_ms == w.caps[WINDOW_MINUTE].used_ms);
		assert_int_equal(back.caps[WINDOW_MINUTE].is_proven, minutes > 15);
		for (int s = 0; s < 2 * 60; s++)
			now = live_on(&back, later, now);
		be_away(&back, later, now, 10 * MINUTE);
		assert_int_equal(windows_cap(&back, WINDOW_MINUTE), 85);
		assert_int_equal(windows_cap(&back, WINDOW_HOUR), 2700);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_length_of_the_ban_tells_the_window),
		cmocka_unit_test(tries_are_one_by_one_and_ever_further_apart),
		cmocka_unit_test(a_proven_window_is_not_blamed),
		cmocka_unit_test(a_cap_used_up_rises_and_a_failed_rise_makes_patient),
		cmocka_unit_test(far_above_what_failed_it_rises_faster),
		cmocka_unit_test(a_ban_after_a_handful_makes_no_cap),
		cmocka_unit_test(a_cap_of_a_day_rises_by_the_answers_of_each_day),
		cmocka_unit_test(it_survives_a_restart),
		cmocka_unit_test(a_cap_knows_what_taught_it),
		cmocka_unit_test(what_is_proven_survives_a_restart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
