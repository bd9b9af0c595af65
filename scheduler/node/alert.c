/* SPDX-License-Identifier: MIT */
/*
 * Alerts: a log line each, and the command of setting alert.command with the alert as JSON on its
 * standard input. Commands run beside the loop, a few at a time; one that is one too many is only
 * logged, and so is the same alert again within a minute. Control thread.
 */
#include <stdlib.h>

#include "engine/base/hash.h"
#include "scheduler/node/node_private.h"

#define RUNNING_MAX 4
#define AGAIN_MS 60000
#define JSON_MAX 4096

struct alert_run {
	uv_process_t process;
	uv_pipe_t input;
	uv_write_t write;
	struct buf json;
	struct node *node;
	int open_handles;
};

static void on_handle_closed(uv_handle_t *handle)
{
	struct alert_run *run = handle->data;
	if (--run->open_handles > 0)
		return;
	run->node->alerts_running--;
	buf_done(&run->json);
	free(run);
}

static void on_exit_of(uv_process_t *process, int64_t status, int signal_number)
{
	struct alert_run *run = process->data;
	struct log_line l;
	if ((status != 0 || signal_number != 0) &&
	    log_begin(&l, LOG_WARN, "alert_command_failed")) {
		log_int(&l, "status", status);
		log_int(&l, "signal", signal_number);
		log_end(&l);
	}
	uv_close((uv_handle_t *)&run->process, on_handle_closed);
}

static void on_written(uv_write_t *write, int status)
{
	struct alert_run *run = write->data;
	(void)status; /* a command that does not read is none of ours */
	uv_close((uv_handle_t *)&run->input, on_handle_closed);
}

static int spawn(struct alert_run *run, const char *command)
{
	char shell[] = "/bin/sh";
	char option[] = "-c";
	char *arguments[] = {shell, option, (char *)(uintptr_t)command, NULL};
	uv_stdio_container_t streams[3] = {
		{.flags = UV_CREATE_PIPE | UV_READABLE_PIPE,
		 .data.stream = (uv_stream_t *)&run->input},
		{.flags = UV_IGNORE},
		{.flags = UV_IGNORE},
	};
	uv_process_options_t options = {.exit_cb = on_exit_of,
					.file = shell,
					.args = arguments,
					.stdio = streams,
					.stdio_count = 3};
	return uv_spawn(loop_uv(run->node->loop), &run->process, &options);
}

static void start_command(struct node *n, const char *command, struct buf *json)
{
	struct alert_run *run = xcalloc(1, sizeof(*run));
	*run = (struct alert_run){.json = *json, .node = n, .open_handles = 2};
	n->alerts_running++;
	run->process.data = run->input.data = run->write.data = run;
	must(uv_pipe_init(loop_uv(n->loop), &run->input, 0) == 0);
	int status = spawn(run, command);
	if (status != 0) {
		struct log_line l;
		if (log_begin(&l, LOG_WARN, "alert_command_failed")) {
			log_cstr(&l, "error", uv_strerror(status));
			log_end(&l);
		}
		uv_close((uv_handle_t *)&run->process, on_handle_closed);
		uv_close((uv_handle_t *)&run->input, on_handle_closed);
		return;
	}
	uv_buf_t bytes = uv_buf_init(run->json.data, (unsigned)run->json.len);
	status = uv_write(&run->write, (uv_stream_t *)&run->input, &bytes, 1, on_written);
	if (status != 0)
		uv_close((uv_handle_t *)&run->input, on_handle_closed);
}

/* The same alert was given within the last minute. */
static bool is_again(struct node *n, struct str source, struct str target)
{
	uint64_t key = hash_str(source) * 31 + hash_str(target);
	int64_t now = loop_now_ms(n->loop);
	struct alert_seen *slot = &n->alerts_seen[key % ALERTS_SEEN];
	if (slot->key == key && slot->at_ms != 0 && now - slot->at_ms < AGAIN_MS)
		return true;
	*slot = (struct alert_seen){key, now};
	return false;
}

static void append_json(struct buf *out, const char *key, struct str value)
{
	buf_appendf(out, "%s\"%s\":\"", out->len > 1 ? "," : "", key);
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.ptr[i];
		if (c == '"' || c == '\\')
			buf_appendf(out, "\\%c", c);
		else if (c < ' ')
			buf_appendf(out, "\\u%04x", c);
		else
			buf_append_char(out, (char)c);
	}
	buf_append_char(out, '"');
}

/* Runs the command with the alert, unless it may not now. */
static void give(struct node *n, struct str about, struct str more, struct buf *json)
{
	const char *command = n->options.settings.alert_command;
	if (command != NULL && n->alerts_running < RUNNING_MAX && !is_again(n, about, more))
		start_command(n, command, json);
	else
		buf_done(json);
}

static void begin_json(struct node *n, const char *what, struct buf *json)
{
	buf_init(json, JSON_MAX);
	buf_append_char(json, '{');
	append_json(json, "alert", str_from(what));
	append_json(json, "node", str_from(n->options.name));
}

void alert_lane_blocked(struct node *n, const struct work_blocked *b)
{
	struct str source = str_from(b->source);
	struct str target = str_from(b->target);
	struct log_line l;
	struct buf json;
	if (log_begin(&l, LOG_ERROR, "alert")) {
		log_cstr(&l, "what", "lane_blocked");
		log_str(&l, "source", source);
		log_str(&l, "lane", target);
		log_int(&l, "rests_ms", b->rests_ms);
		log_cstr(&l, "reply", b->reply);
		log_end(&l);
	}
	begin_json(n, "lane_blocked", &json);
	append_json(&json, "source", source);
	append_json(&json, "lane", target);
	append_json(&json, "reply", str_from(b->reply));
	buf_appendf(&json, ",\"rests_ms\":%lld}\n", (long long)b->rests_ms);
	give(n, source, target, &json);
}

void alert_rule_left_out(struct node *n, const struct rule_left_out *rule)
{
	struct str id = str_from(rule->id), why = str_from(rule->why);
	struct log_line l;
	struct buf json;
	if (log_begin(&l, LOG_ERROR, "alert")) {
		log_cstr(&l, "what", "rule_left_out");
		log_str(&l, "rule", id);
		log_str(&l, "why", why);
		log_cstr(&l, "todo", "edm rules check");
		log_end(&l);
	}
	begin_json(n, "rule_left_out", &json);
	append_json(&json, "rule", id);
	append_json(&json, "why", why);
	buf_append_cstr(&json, "}\n");
	give(n, id, why, &json);
}

void alert_source_standing(struct node *n, struct str source, struct str why)
{
	struct log_line l;
	struct buf json;
	if (log_begin(&l, LOG_ERROR, "alert")) {
		log_cstr(&l, "what", "source_standing");
		log_str(&l, "source", source);
		log_str(&l, "why", why);
		log_end(&l);
	}
	begin_json(n, "source_standing", &json);
	append_json(&json, "source", source);
	append_json(&json, "why", why);
	buf_append_cstr(&json, "}\n");
	give(n, source, why, &json);
}

void alert_campaign_braked(struct node *n, struct str campaign, struct str why)
{
	struct log_line l;
	struct buf json;
	if (log_begin(&l, LOG_ERROR, "alert")) {
		log_cstr(&l, "what", "campaign_braked");
		log_str(&l, "campaign", campaign);
		log_str(&l, "why", why);
		log_end(&l);
	}
	begin_json(n, "campaign_braked", &json);
	append_json(&json, "campaign", campaign);
	append_json(&json, "why", why);
	buf_append_cstr(&json, "}\n");
	give(n, campaign, why, &json);
}
