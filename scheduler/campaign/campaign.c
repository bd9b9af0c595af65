/* SPDX-License-Identifier: MIT */
/* The campaign's state machine as one table; see campaign.h. */
#include "scheduler/campaign/campaign.h"

#include "engine/base/buf.h"

#define IN(state) (1u << CAMPAIGN_##state)

struct move {
	const char *name;
	unsigned legal;
	enum campaign_state after;
};

static const struct move moves[] = {
#define X(suffix, name, legal, after) {name, legal, CAMPAIGN_##after},
	CAMPAIGN_MOVES(X)
#undef X
};

const char *campaign_state_name(enum campaign_state state)
{
	switch (state) {
#define X(suffix, number, name)                                                                    \
	case CAMPAIGN_##suffix:                                                                    \
		return name;
		CAMPAIGN_STATES(X)
#undef X
	}
	return "?";
}

const char *pause_reason_name(enum pause_reason reason)
{
	switch (reason) {
#define X(suffix, number, name)                                                                    \
	case PAUSED_##suffix:                                                                      \
		return name;
		PAUSE_REASONS(X)
#undef X
	}
	return "?";
}

int campaign_state_parse(struct str name, enum campaign_state *out)
{
	static const enum campaign_state all[] = {
#define X(suffix, number, text) CAMPAIGN_##suffix,
		CAMPAIGN_STATES(X)
#undef X
	};
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		if (!str_equals(name, str_from(campaign_state_name(all[i]))))
			continue;
		*out = all[i];
		return 0;
	}
	return -1;
}

bool campaign_is_final(enum campaign_state state)
{
	return state == CAMPAIGN_FINISHED || state == CAMPAIGN_CANCELLED;
}

static void append_legal_moves(enum campaign_state from, struct buf *out)
{
	const char *separator = "";
	for (size_t i = 0; i < ARRAY_LEN(moves); i++) {
		/* Finishing is the engine's own move. */
		if (!(moves[i].legal & (1u << from)) || i == MOVE_FINISH)
			continue;
		buf_appendf(out, "%s%s", separator, moves[i].name);
		separator = ", ";
	}
	if (out->len == 0)
		buf_append_cstr(out, "nothing");
}

int campaign_move(const char *campaign, enum campaign_state from, enum campaign_move move,
		  enum campaign_state *to_out, struct err *err)
{
	if (!(moves[move].legal & (1u << from))) {
		struct buf legal;
		buf_init(&legal, 256);
		append_legal_moves(from, &legal);
		err_set(err, ERR_REFUSED, "campaign %s is %s: %s is not possible; possible: %s",
			campaign, campaign_state_name(from), moves[move].name, legal.data);
		buf_done(&legal);
		return -1;
	}
	bool keeps = move == MOVE_EDIT || (move == MOVE_RESEND && from != CAMPAIGN_FINISHED);
	*to_out = keeps ? from : moves[move].after;
	return 0;
}
