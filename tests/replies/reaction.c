/* SPDX-License-Identifier: MIT */
/* What a table asks to be done about a reply; see reaction.h. */
#include "tests/replies/reaction.h"

/* These change what is sent, so whoever did not ask for one is not given it. */
#define STRONG                                                                                     \
	(ACTION_SUPPRESS | ACTION_CUT_RATE | ACTION_CUT_CONNECTIONS | ACTION_PAUSE_LANE |          \
	 ACTION_PAUSE_CAMPAIGN | ACTION_HOLD | ACTION_CAP_MESSAGES | ACTION_CRAWL)

#define DAY_IN_CHINA "day+8"

static bool is(struct str s, const char *word)
{
	return str_equals(s, str_from(word));
}

/* "90s", "15m", "4h", "1d"; -1 when it is none. */
static int64_t duration(struct str s)
{
	static const char units[] = "smhd";
	static const uint64_t unit_ms[] = {1000, 60000, 3600000, 86400000};
	uint64_t number;
	ptrdiff_t unit = s.len > 1 ? str_find_char(STR(units), s.ptr[s.len - 1]) : -1;
	if (unit < 0 || str_to_u64(str_slice(s, 0, s.len - 1), &number) != 0)
		return -1;
	return (int64_t)(number * unit_ms[unit]);
}

/* The least and the most of a delay; -1 in *most: no end. False when it is none. */
static bool delay_range(struct str s, int64_t *least, int64_t *most)
{
	ptrdiff_t at = str_find(s, STR(".."));
	struct str last = at < 0 ? s : str_slice(s, (size_t)at + 2, s.len);
	*least = *most = 0;
	if (is(s, "-"))
		return true;
	*least = duration(at < 0 ? s : str_slice(s, 0, (size_t)at));
	*most = last.len > 0 ? duration(last) : -1;
	return *least >= 0 && (last.len == 0 || *most >= *least);
}

enum asked { ASKED_MUST, ASKED_MAY, ASKED_BEYOND };

/* Takes the next of the actions off; its names are bits of *mask, or *name for what is beyond. */
static bool next_action(struct str *rest, enum asked *how, unsigned *mask, struct str *name)
{
	struct str word = str_take_until(rest, ',');
	*mask = 0;
	*how = word.len > 0 && word.ptr[0] == '~' ? ASKED_BEYOND : ASKED_MUST;
	if (word.len > 2 && word.ptr[0] == '(' && word.ptr[word.len - 1] == ')') {
		*how = ASKED_MAY;
		word = str_slice(word, 1, word.len - 1);
	}
	*name = *how == ASKED_BEYOND ? str_slice(word, 1, word.len) : word;
	while (*how != ASKED_BEYOND && word.len > 0) {
		unsigned bit;
		if (outcome_action_parse(str_take_until(&word, '/'), &bit) != 0)
			return false;
		*mask |= bit;
	}
	return name->len > 0;
}

bool reaction_is_sound(const struct reaction *want)
{
	int64_t least, most;
	enum asked how;
	unsigned mask;
	struct str name, scopes = want->scope, actions = want->actions;
	while (scopes.len > 0 && !is(want->scope, "*")) {
		enum outcome_scope scope;
		if (outcome_scope_parse(str_take_until(&scopes, '/'), &scope) != 0)
			return false;
	}
	while (actions.len > 0 && !is(want->actions, "-"))
		if (!next_action(&actions, &how, &mask, &name))
			return false;
	return want->scope.len > 0 && want->actions.len > 0 &&
	       (is(want->delay, "*") || is(want->delay, DAY_IN_CHINA) ||
		delay_range(want->delay, &least, &most));
}

static void compare_scope(struct str scopes, enum outcome_scope got, struct buf *out)
{
	struct str rest = scopes;
	while (rest.len > 0)
		if (is(str_take_until(&rest, '/'), outcome_scope_name(got)))
			return;
	if (!is(scopes, "*"))
		buf_appendf(out, "scope %s, not %.*s; ", outcome_scope_name(got), STR_ARG(scopes));
}

static void compare_actions(struct str actions, unsigned got, struct buf *out)
{
	unsigned allowed = 0;
	enum asked how;
	unsigned mask;
	struct str name;
	while (actions.len > 0 && !is(actions, "-") && next_action(&actions, &how, &mask, &name)) {
		allowed |= mask;
		if (how == ASKED_MUST && (got & mask) == 0)
			buf_appendf(out, "no %.*s; ", STR_ARG(name));
	}
#define X(suffix, bit, word)                                                                       \
	if (got & STRONG & ~allowed & ACTION_##suffix)                                             \
		buf_appendf(out, "%s, which it does not ask for; ", word);
	OUTCOME_ACTIONS(X)
#undef X
}

static void compare_delay(struct str delay, const struct verdict *got, struct buf *out)
{
	int64_t least, most;
	bool is_day = is(delay, DAY_IN_CHINA);
	if (is(delay, "*") || (is_day && got->until_day && got->day_zone == 8))
		return;
	bool is_range = !is_day && delay_range(delay, &least, &most);
	if (!is_range || got->until_day || got->delay_ms < least ||
	    (most >= 0 && got->delay_ms > most))
		buf_appendf(out, "%lld s, not %.*s; ", (long long)(got->delay_ms / 1000),
			    STR_ARG(delay));
}

void reaction_compare(const struct reaction *want, const struct verdict *got, struct buf *out)
{
	compare_scope(want->scope, got->scope, out);
	compare_actions(want->actions, got->actions, out);
	compare_delay(want->delay, got, out);
}

void reaction_beyond(const struct reaction *want, struct buf *out)
{
	struct str actions = want->actions;
	enum asked how;
	unsigned mask;
	struct str name;
	while (actions.len > 0 && !is(actions, "-") && next_action(&actions, &how, &mask, &name))
		if (how == ASKED_BEYOND)
			buf_appendf(out, ", %.*s", STR_ARG(name));
}
