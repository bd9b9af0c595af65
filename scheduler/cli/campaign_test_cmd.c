/* SPDX-License-Identifier: MIT */
/* edm campaign test: one message now, and what the receiver said. */
#include "engine/base/clock.h"
#include "engine/reply/outcome.h"
#include "scheduler/campaign/trial.h"
#include "scheduler/cli/campaign_private.h"
#include "scheduler/cli/report_private.h"
#include "scheduler/ledger/roster.h"
#include "scheduler/report/format.h"

#define LOOK_MS 300
/* How long one may wait for a node to come back: a supervisor starts it again in a few seconds. */
#define NODE_BACK_MS 10000
#define REPLY_MAX (64u << 10)

static int print_json(struct cli *cli, const struct trial_outcome *o, const char *class_name,
		      const char *stage)
{
	struct buf enhanced;
	buf_init(&enhanced, 64);
	format_reply(0, o->enhanced, STR(""), &enhanced);
	json_t *json = json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:i, s:o, s:i, s:I, s:o, s:b}", "name", cli_arg(cli, 0),
		"state", recipient_state_name(o->state), "class", class_name, "stage", stage, "mx",
		o->mx, "code", o->code, "enhanced", json_of_str(buf_str(&enhanced)), "tls", o->tls,
		"took_ms", (json_int_t)o->took_ms, "reply",
		json_of_text_or_null(buf_str(&o->reply)), "suppressed", o->suppresses);
	buf_done(&enhanced);
	return cli_print_json(cli, json);
}

static int print_outcome(struct cli *cli, const struct trial_outcome *o)
{
	const char *class_name = outcome_class_name((enum outcome_class)o->klass);
	const char *stage = outcome_stage_name((enum outcome_stage)o->stage);
	if (cli->wants_json)
		return print_json(cli, o, class_name, stage);
	cli_printf(cli, REPORT_SAY(cli, "%s: %s", "%s：%s"), cli_arg(cli, 1),
		   REPORT_SAY(cli, class_name,
			      words_class((enum outcome_class)o->klass, LANGUAGE_ZH)));
	if (o->mx[0] != '\0')
		cli_printf(cli,
			   REPORT_SAY(cli, " by %s at %s, %s, after %lld ms",
				      "，主机 %s，阶段 %s，%s，用时 %lld 毫秒"),
			   o->mx, stage,
			   o->tls != 0 ? REPORT_SAY(cli, "encrypted", "已加密")
				       : REPORT_SAY(cli, "not encrypted", "未加密"),
			   (long long)o->took_ms);
	cli_printf(cli, "\n");
	struct buf reply;
	buf_init(&reply, REPLY_MAX);
	format_reply(o->code, o->enhanced, buf_str(&o->reply), &reply);
	if (reply.len > 0)
		cli_printf(cli, "  %.*s\n", STR_ARG(buf_str(&reply)));
	buf_done(&reply);
	if (o->suppresses)
		cli_printf(cli,
			   REPORT_SAY(cli,
				      "%s is suppressed now, everywhere; if that is wrong: edm "
				      "suppress remove %s --cause bounced\n",
				      "%s 现已全局抑制；如判断有误：edm suppress remove %s --cause "
				      "bounced\n"),
			   cli_arg(cli, 1), cli_arg(cli, 1));
	return 0;
}

/* The node that was heard of last, of those that did not stop in order. */
static const struct roster_node *last_gone(const struct roster *r)
{
	const struct roster_node *last = NULL;
	for (size_t i = 0; i < r->count; i++) {
		const struct roster_node *n = &r->nodes[i];
		if (!n->has_left && (last == NULL || n->last_beat_ago_ms < last->last_beat_ago_ms))
			last = n;
	}
	return last;
}

/* Fills err: there is nobody who could send it. */
static int say_gone(struct cli *cli, struct err *err)
{
	struct roster r;
	if (roster_load(cli->db, &r, err) != 0)
		return -1;
	const struct roster_node *n = last_gone(&r);
	if (n != NULL)
		err_set(err, ERR_REFUSED,
			"no node is running any more (%.*s was last heard of %lld s ago), so "
			"nothing "
			"can be sent: start one with edm run",
			STR_ARG(n->name), (long long)(n->last_beat_ago_ms / 1000));
	else
		err_set(err, ERR_REFUSED,
			"no node is running any more, so nothing can be sent: start one with edm "
			"run");
	roster_done(&r);
	return -1;
}

static void note_wait(const struct cli *cli, const char *gone)
{
	struct buf text;
	buf_init(&text, REPORT_SENTENCE_MAX);
	fprintf(stderr,
		REPORT_SAY(cli, "note: %s; waiting %d s for it\n", "注意：%s；将等待 %d 秒\n"),
		report_sentence(cli, gone, &text), NODE_BACK_MS / 1000);
	buf_done(&text);
}

/* Is there still a node? gone_ms: since when there is none, 0 = there was one. Says it when it
 * finds the last one gone, and fails when none comes back. */
static int watch_nodes(struct cli *cli, int64_t *gone_ms, struct err *err)
{
	int64_t nodes, now_ms = clock_now_ms();
	struct err gone;
	if (campaign_count_nodes(cli->db, &nodes, err) != 0)
		return -1;
	if (nodes > 0 && *gone_ms != 0)
		fprintf(stderr, "%s\n",
			REPORT_SAY(cli, "note: a node is running again; the test goes on",
				   "注意：已有节点恢复运行，测试继续"));
	if (nodes > 0) {
		*gone_ms = 0;
		return 0;
	}
	if (*gone_ms != 0)
		return now_ms - *gone_ms < NODE_BACK_MS ? 0 : say_gone(cli, err);
	(void)say_gone(cli, &gone);
	*gone_ms = now_ms;
	note_wait(cli, gone.text);
	return 0;
}

/* Waits for the first outcome; 1 when it came, 0 when time is up. */
static int wait_outcome(struct cli *cli, const struct trial *trial, int64_t timeout_s,
			struct trial_outcome *out, struct err *err)
{
	int64_t until_ms = clock_now_ms() + timeout_s * 1000, gone_ms = 0;
	for (;;) {
		int found = trial_look(cli->db, trial, out, err);
		if (found != 0)
			return found;
		if (watch_nodes(cli, &gone_ms, err) != 0)
			return -1;
		if (clock_now_ms() >= until_ms)
			return gone_ms != 0 ? say_gone(cli, err) : 0;
		if (campaign_wait_news(cli->db, LOOK_MS, err) != 0)
			return -1;
	}
}

/* Delivered is success; the verb fails on anything else, after printing it. */
static int judge(struct cli *cli, int found, const struct trial_outcome *o, int64_t timeout_s,
		 struct err *err)
{
	if (found < 0)
		return -1;
	if (found == 0)
		return err_set(err, ERR_INPUT,
			       "no reply within %lld s; what it waited for: edm top",
			       (long long)timeout_s);
	if (print_outcome(cli, o) != 0)
		return -1;
	if (o->state == RECIPIENT_DELIVERED)
		return 0;
	return err_set(err, ERR_INPUT, "the test message was not delivered (%s)",
		       REPORT_SAY(cli, recipient_state_name(o->state),
				  words_state(o->state, LANGUAGE_ZH)));
}

int run_campaign_test(struct cli *cli, struct err *err)
{
	struct campaign_view view;
	struct trial trial;
	struct trial_outcome outcome = {0};
	struct err ending;
	const struct campaign_actor by = campaign_by(cli);
	int64_t timeout_s = 120;
	if (args_number(&cli->args, "timeout", ARG_RANGE(1, 86400), &timeout_s, err) != 0)
		return -1;
	int result = campaign_load_one(cli, NULL, &view, err);
	const struct trial_request request = {
		.row = view.items, .address = str_from(cli_arg(cli, 1)), .by = by};
	if (result == 0)
		result = trial_start(cli->db, &request, &trial, err);
	campaign_view_done(&view);
	if (result != 0)
		return -1;
	buf_init(&outcome.reply, REPLY_MAX);
	int found = wait_outcome(cli, &trial, timeout_s, &outcome, err);
	result = judge(cli, found, &outcome, timeout_s, err);
	buf_done(&outcome.reply);
	if (trial_end(cli->db, &trial, &by, result == 0 ? err : &ending) != 0)
		return -1;
	return result;
}
