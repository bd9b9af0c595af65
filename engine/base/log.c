/* SPDX-License-Identifier: MIT */
/* Logfmt sink; the level is the only global, and atomic. See log.h. */
#include "engine/base/log.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/clock.h"

#define LINE_MAX_BYTES 4096u

static _Atomic(int) current_level = LOG_INFO;

static const char *const level_names[] = {
#define X(suffix, name) name,
	LOG_LEVELS(X)
#undef X
};

void log_set_level(enum log_level level)
{
	atomic_store(&current_level, (int)level);
}

int log_level_parse(struct str name, enum log_level *out)
{
	for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
		if (str_equals(name, str_from(level_names[i]))) {
			*out = (enum log_level)i;
			return 0;
		}
	}
	return -1;
}

bool log_begin(struct log_line *l, enum log_level level, const char *event)
{
	if ((int)level > atomic_load(&current_level))
		return false;
	buf_init(&l->text, LINE_MAX_BYTES);
	int64_t us = clock_wall_us();
	time_t seconds = (time_t)(us / 1000000);
	struct tm tm;
	gmtime_r(&seconds, &tm);
	char stamp[32];
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	buf_appendf(&l->text, "time=%s.%03dZ level=%s event=%s", stamp, (int)(us / 1000 % 1000),
		    level_names[level], event);
	return true;
}

static bool needs_quotes(struct str value)
{
	if (value.len == 0)
		return true;
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.ptr[i];
		if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f)
			return true;
	}
	return false;
}

static void append_quoted(struct buf *b, struct str value)
{
	buf_append_char(b, '"');
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.ptr[i];
		if (c == '"' || c == '\\')
			buf_appendf(b, "\\%c", c);
		else if (c < ' ' || c == 0x7f)
			buf_appendf(b, "\\x%02x", c);
		else
			buf_append_char(b, (char)c);
	}
	buf_append_char(b, '"');
}

void log_str(struct log_line *l, const char *key, struct str value)
{
	buf_appendf(&l->text, " %s=", key);
	if (needs_quotes(value))
		append_quoted(&l->text, value);
	else
		buf_append_str(&l->text, value);
}

void log_cstr(struct log_line *l, const char *key, const char *value)
{
	log_str(l, key, str_from(value));
}

void log_int(struct log_line *l, const char *key, int64_t value)
{
	buf_appendf(&l->text, " %s=%lld", key, (long long)value);
}

void log_bool(struct log_line *l, const char *key, bool value)
{
	buf_appendf(&l->text, " %s=%s", key, value ? "yes" : "no");
}

void log_err(struct log_line *l, const struct err *err)
{
	log_cstr(l, "kind", err_kind_name(err->kind));
	log_cstr(l, "error", err->text);
}

void log_end(struct log_line *l)
{
	char newline = '\n';
	l->text.max++;
	l->text.is_truncated = false;
	buf_append(&l->text, &newline, 1);
	/* A log that cannot be written has nowhere to complain to. */
	ssize_t written = write(STDERR_FILENO, l->text.data, l->text.len);
	(void)written;
	buf_done(&l->text);
}

void log_error_event(enum log_level level, const char *event, const struct err *err)
{
	struct log_line l;
	if (!log_begin(&l, level, event))
		return;
	log_err(&l, err);
	log_end(&l);
}
