/* SPDX-License-Identifier: MIT */
/* What holds people or a lane; see hold.h. Its words: hold_say.c. */
#include "scheduler/report/hold.h"

#include <string.h>

#include "ip-pool/limit.h"
#include "ip-pool/pause.h"

#define SENTENCE_MAX (64u << 10)
/* Where the kind of a row of "limits" is a number, it is stored from 1. */
#define KIND_STORED(kind) ((enum limit_kind)((kind)-1))

const char *hold_kind_name(enum hold_kind kind)
{
#define X(suffix, name) [HOLD_##suffix] = name,
	static const char *const names[] = {HOLD_KINDS(X)};
#undef X
	return names[kind];
}

/* ------------------------------------------------------------------------------------- commands
 */

/* A word as a shell takes it. */
static void put_word(struct buf *out, const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-_./:@";
	if (text[0] != '\0' && text[strspn(text, plain)] == '\0') {
		buf_append_cstr(out, text);
		return;
	}
	buf_append_char(out, '\'');
	for (; *text != '\0'; text++)
		if (*text == '\'')
			buf_append_cstr(out, "'\\''");
		else
			buf_append_char(out, *text);
	buf_append_char(out, '\'');
}

static void put_option(struct buf *out, const char *option, const json_t *row, const char *key)
{
	const char *value = document_text(row, key);
	if (value[0] == '\0')
		return;
	buf_appendf(out, " --%s ", option);
	put_word(out, value);
}

static void set_change(struct hold *h, enum hold_change how, const struct buf *command)
{
	/* A longer one is not told. */
	bool fits = !command->is_truncated &&
		    str_to_cstr(buf_str(command), h->change, sizeof(h->change)) == 0;
	h->how = fits ? how : CHANGE_NOTHING;
	if (!fits)
		h->change[0] = '\0';
}

static void set_command(struct hold *h, enum hold_change how, const char *command, const char *word)
{
	struct buf text;
	buf_init(&text, HOLD_CHANGE_MAX - 1);
	buf_append_cstr(&text, command);
	if (word[0] != '\0')
		put_word(&text, word);
	set_change(h, how, &text);
	buf_done(&text);
}

static const char *period_of(int64_t period_ms)
{
	for (int p = 0; p < LIMIT_PERIOD_COUNT; p++)
		if (limit_period_ms((enum limit_period)p) == period_ms)
			return limit_period_name((enum limit_period)p);
	return "";
}

/* "edm limit unset --provider qq rate=100/min" */
static void set_unset(struct hold *h, const json_t *row, const char *kind)
{
	struct buf text;
	int64_t period_ms = document_int(row, "period_ms");
	buf_init(&text, HOLD_CHANGE_MAX - 1);
	buf_append_cstr(&text, "edm limit unset");
	put_option(&text, "campaign", row, "limit_of");
	put_option(&text, "domain", row, "domain");
	put_option(&text, "provider", row, "provider");
	if (json_is_false(json_object_get(row, "each_source")))
		buf_append_cstr(&text, " --total");
	put_option(&text, "source", row, "source");
	put_option(&text, "node", row, "limit_node");
	buf_appendf(&text, " %s=%lld", kind, (long long)document_int(row, "value"));
	if (period_ms > 0)
		buf_appendf(&text, "/%s", period_of(period_ms));
	set_change(h, CHANGE_UNSETS, &text);
	buf_done(&text);
}

static const json_t *limit_row(const json_t *live, int64_t id)
{
	size_t i;
	json_t *row;
	json_array_foreach(json_object_get(live, "limits"), i, row)
	{
		if (document_int(row, "limit_id") == id)
			return row;
	}
	return NULL;
}

/* ---------------------------------------------------------------------------------------- lanes
 */

static bool is_text(const json_t *object, const char *key, const char *text)
{
	return strcmp(document_text(object, key), text) == 0;
}

static void set_lane_command(struct hold *h, enum hold_change how, const char *command,
			     const json_t *lane)
{
	struct buf name;
	buf_init(&name, HOLD_CHANGE_MAX - 1);
	buf_appendf(&name, "%s/%s", document_text(lane, "source"), document_text(lane, "queue"));
	set_command(h, how, command, name.data);
	buf_done(&name);
}

/* The profile's number is the provider's; a site of the tail has the default. */
static void set_another(struct hold *h, const json_t *lane, const json_t *wait)
{
	struct buf text;
	buf_init(&text, HOLD_CHANGE_MAX - 1);
	buf_append_cstr(&text, "edm limit set");
	put_option(&text, "provider", lane, "queue");
	put_option(&text, "source", lane, "source");
	buf_appendf(&text, " %s=N", document_text(wait, "kind"));
	if (document_text(wait, "per")[0] != '\0')
		buf_appendf(&text, "/%s", document_text(wait, "per"));
	set_change(h, CHANGE_SETS, &text);
	buf_done(&text);
}

/* A limit holds nobody before their campaign began. */
static int64_t limited_since(const struct why_context *w, const json_t *limit)
{
	int64_t set_us = document_int(limit, "set_at");
	const json_t *campaign = w->campaign ? live_campaign(w->live, w->campaign) : NULL;
	int64_t began_us = document_int(campaign, "started_at");
	return began_us > set_us ? began_us : set_us;
}

/* Of "wait" or "binds" of a lane. */
static void explain_wait(const struct why_context *w, const json_t *lane, const json_t *wait,
			 struct hold *h)
{
	const json_t *rule = limit_row(w->live, document_int(wait, "limit_id"));
	h->since_us = document_int(wait, "since");
	h->until_us = document_int(wait, "until");
	h->reply = document_text(wait, "reply");
	if (rule != NULL) {
		h->since_us = limited_since(w, rule);
		int64_t kind = document_int(rule, "kind");
		set_unset(h, rule, limit_kind_name(KIND_STORED(kind)));
	} else if (is_text(wait, "origin", "back-off") || is_text(wait, "origin", "learnt")) {
		set_lane_command(h, CHANGE_FORGETS, "edm limit forget ", lane);
	} else if (is_text(wait, "origin", "warm-up")) {
		set_lane_command(h, CHANGE_ADVANCES, "edm warmup advance ", lane);
	} else if (is_text(wait, "origin", "profile") || is_text(wait, "origin", "default")) {
		set_another(h, lane, wait);
	}
}

static void set_pause(struct hold *h, const json_t *pause)
{
	char command[64];
	bool is_of_people = document_int(pause, "origin") <= PAUSE_OPERATOR;
	snprintf(command, sizeof(command), "edm resume --id %lld",
		 (long long)document_int(pause, "pause_id"));
	*h = (struct hold){.kind = HOLD_PAUSE,
			   .of = pause,
			   .since_us = document_int(pause, "since"),
			   .until_us = document_int(pause, "until"),
			   .reply = is_of_people ? "" : document_text(pause, "why")};
	set_command(h, CHANGE_LIFTS, command, "");
}

bool hold_find_lane(const struct why_context *w, const json_t *lane, struct hold *out)
{
	const struct live_scope scope = {.campaign = w->campaign,
					 .source = document_text(lane, "source"),
					 .target = document_text(lane, "queue")};
	const json_t *pause = live_pause(w->live, &scope);
	const json_t *refused = json_object_get(lane, "refused");
	if (pause != NULL) {
		set_pause(out, pause);
		return true;
	}
	if (document_text(lane, "waits")[0] == '\0')
		return false;
	*out = (struct hold){.kind = HOLD_LANE, .of = lane, .reply = ""};
	if (refused != NULL) {
		out->since_us = document_int(refused, "since");
		out->until_us = document_int(refused, "next_at");
		out->reply = document_text(refused, "said");
	} else {
		explain_wait(w, lane, json_object_get(lane, "wait"), out);
	}
	return true;
}

bool hold_find_binding(const struct why_context *w, const json_t *lane, struct hold *out)
{
	const json_t *binds = json_object_get(lane, "binds");
	*out = (struct hold){.kind = HOLD_BINDING, .of = lane, .reply = ""};
	if (!json_is_object(binds))
		return false;
	explain_wait(w, lane, binds, out);
	return true;
}

/* --------------------------------------------------------------------------------------- people
 */

void hold_of_waiting(const struct why_context *w, const json_t *waiting, struct hold *out)
{
	int64_t next = document_int(waiting, "next_at");
	*out = (struct hold){.kind = HOLD_LIMITED, .of = waiting, .reply = ""};
	if (document_text(waiting, "origin")[0] != '\0') {
		out->since_us = document_int(waiting, "since");
		out->until_us = document_int(waiting, "until");
		out->reply = document_text(waiting, "reply");
		set_command(out, CHANGE_FORGETS, "edm limit forget ",
			    document_text(waiting, "target"));
		return;
	}
	out->since_us = limited_since(w, waiting);
	out->until_us = next > w->now_us ? next : 0;
	set_unset(out, waiting, document_text(waiting, "kind"));
}

static void hold_of_state(const struct why_context *w, struct hold *out)
{
	*out = (struct hold){.kind = HOLD_STATE, .since_us = w->campaign_since_us, .reply = ""};
	switch (w->campaign_state) {
	case CAMPAIGN_PAUSED:
		set_command(out, CHANGE_LIFTS, "edm campaign resume ", w->campaign);
		return;
	case CAMPAIGN_SCHEDULED:
		out->until_us = w->scheduled_us;
		set_command(out, CHANGE_STARTS, "edm campaign start ", w->campaign);
		return;
	case CAMPAIGN_DRAFT:
		set_command(out, CHANGE_STARTS, "edm campaign start ", w->campaign);
		return;
	case CAMPAIGN_RUNNING:
	case CAMPAIGN_FINISHED:
	case CAMPAIGN_CANCELLED:
		return;
	}
}

/* What stops every lane of the campaign alike. Limits of seconds and minutes are what lanes wait
 * for, and they say so. */
static bool find_stop(const struct why_context *w, struct hold *out)
{
	const json_t *campaign = live_campaign(w->live, w->campaign);
	const json_t *spent = json_object_get(campaign, "spent");
	*out = (struct hold){.of = campaign, .reply = ""};
	if (campaign == NULL)
		return false;
	if (json_is_false(json_object_get(campaign, "is_open"))) {
		out->kind = HOLD_HOURS;
		out->until_us = document_int(campaign, "opens_at");
		return true;
	}
	if (document_int(campaign, "sources") == 0) {
		out->kind = HOLD_NO_SOURCE;
		return true;
	}
	if (!json_is_object(spent))
		return false;
	out->kind = HOLD_SPENT;
	out->since_us = limited_since(w, spent);
	set_unset(out, spent, limit_kind_name(LIMIT_MESSAGES));
	return true;
}

/* Whatever their lanes do. */
static bool find_wide(const struct why_context *w, const char *target, struct hold *out)
{
	const struct live_scope scope = {.campaign = w->campaign, .target = target};
	if (w->campaign_state != CAMPAIGN_RUNNING) {
		hold_of_state(w, out);
		return true;
	}
	const json_t *pause = live_pause(w->live, &scope);
	if (pause != NULL) {
		set_pause(out, pause);
		return true;
	}
	*out = (struct hold){.kind = HOLD_NO_NODE, .reply = ""};
	if (!live_has_node(w->live)) {
		set_command(out, CHANGE_STARTS, "edm run", "");
		return true;
	}
	out->kind = HOLD_ENDING;
	if (live_is_ending(w->live)) {
		set_command(out, CHANGE_STARTS, "edm run", "");
		return true;
	}
	out->kind = HOLD_STOPPED;
	if (live_trouble(w->live, NULL, "stopped") != NULL || find_stop(w, out))
		return true;
	const json_t *limited = live_waiting(w->live, w->campaign, target);
	if (limited == NULL)
		return false;
	hold_of_waiting(w, limited, out);
	return true;
}

bool hold_find(const struct why_context *w, const char *target, struct hold *out)
{
	const json_t *waiting = NULL;
	if (find_wide(w, target, out))
		return true;
	if (target == NULL || live_open_lane(w->live, w->campaign, target, &waiting) != NULL ||
	    waiting == NULL)
		return false;
	if (!hold_find_lane(w, waiting, out))
		return false;
	/* None of them can send. */
	if (out->kind == HOLD_PAUSE)
		out->others = live_count_lanes(w->live, w->campaign, target) - 1;
	return true;
}

bool hold_find_turn(const struct why_context *w, const char *target, struct hold *out)
{
	const json_t *lane = live_sending_lane(w->live, w->campaign, target);
	*out = (struct hold){.kind = HOLD_TURN, .of = lane, .reply = ""};
	return lane != NULL;
}

json_t *hold_json(const struct why_context *w, const struct hold *hold)
{
	struct buf says;
	json_t *object = json_object();
	buf_init(&says, SENTENCE_MAX);
	hold_say(w, hold, &says);
	json_object_set_new(object, "by", json_string(hold_kind_name(hold->kind)));
	document_set_text(object, "says", buf_str(&says));
	json_object_set_new(object, "since", json_integer(hold->since_us));
	json_object_set_new(object, "until", json_integer(hold->until_us));
	json_object_set_new(object, "reply",
			    hold->reply[0] != '\0' ? json_string(hold->reply) : json_null());
	json_object_set_new(object, "change",
			    hold->change[0] != '\0' ? json_string(hold->change) : json_null());
	buf_done(&says);
	return object;
}
