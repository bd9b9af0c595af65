/* SPDX-License-Identifier: MIT */
/* The campaign's state machine: every state × every move. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "scheduler/campaign/campaign.h"

static const enum campaign_state states[] = {CAMPAIGN_DRAFT,	CAMPAIGN_SCHEDULED,
					     CAMPAIGN_RUNNING,	CAMPAIGN_PAUSED,
					     CAMPAIGN_FINISHED, CAMPAIGN_CANCELLED};

static void every_state_and_move(void **state)
{
	(void)state;
	/* Rows: moves; columns: states; a letter is the state after, '-' refused. */
	static const struct {
		enum campaign_move move;
		const char *want;
	} rows[] = {
		{MOVE_SCHEDULE, "SS----"}, {MOVE_UNSCHEDULE, "-D----"}, {MOVE_START, "RR----"},
		{MOVE_PAUSE, "--P---"},	   {MOVE_RESUME, "---R--"},	{MOVE_CANCEL, "CCCC--"},
		{MOVE_FINISH, "--F---"},   {MOVE_RESEND, "--RPR-"},	{MOVE_EDIT, "DS-P--"},
	};
	static const char letters[] = "DSRPFC";
	for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
		for (size_t s = 0; s < ARRAY_LEN(states); s++) {
			struct err err = {0};
			enum campaign_state after;
			int got = campaign_move("x", states[s], rows[r].move, &after, &err);
			if (rows[r].want[s] == '-') {
				assert_int_equal(got, -1);
				assert_int_equal(err.kind, ERR_REFUSED);
				continue;
			}
			assert_int_equal(got, 0);
			const char *letter = strchr(letters, rows[r].want[s]);
			assert_int_equal(after, states[letter - letters]);
		}
	}
}

static void refusal_names_the_legal_moves(void **state)
{
	(void)state;
	struct err err;
	enum campaign_state after;
	assert_int_equal(campaign_move("spring", CAMPAIGN_PAUSED, MOVE_START, &after, &err), -1);
	assert_string_equal(err.text, "campaign spring is paused: start is not possible; "
				      "possible: resume, cancel, resend, edit");
	assert_int_equal(campaign_move("spring", CAMPAIGN_CANCELLED, MOVE_RESUME, &after, &err),
			 -1);
	assert_string_equal(err.text, "campaign spring is cancelled: resume is not possible; "
				      "possible: nothing");
}

static void names_round_trip(void **state)
{
	(void)state;
	for (size_t s = 0; s < ARRAY_LEN(states); s++) {
		enum campaign_state back;
		assert_int_equal(
			campaign_state_parse(str_from(campaign_state_name(states[s])), &back), 0);
		assert_int_equal(back, states[s]);
	}
	enum campaign_state none;
	assert_int_equal(campaign_state_parse(STR("building"), &none), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_state_and_move),
		cmocka_unit_test(refusal_names_the_legal_moves),
		cmocka_unit_test(names_round_trip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
