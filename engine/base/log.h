/* SPDX-License-Identifier: MIT */
/*
 * Log lines are events in logfmt: time=… level=… event=… key=value …
 *
 *	struct log_line l;
 *	if (log_begin(&l, LOG_INFO, "campaign_started")) {
 *		log_str(&l, "campaign", name);
 *		log_int(&l, "audience", n);
 *		log_end(&l);
 *	}
 *
 * Values are quoted and escaped as needed; a line never holds a line end. Lines go to standard
 * error in one write(2), whole. Levels: error = someone must act; warn = degraded; info = life
 * cycle; debug; wire (off by default, redacted by its callers). Any thread.
 */
#ifndef EDM_ENGINE_BASE_LOG_H
#define EDM_ENGINE_BASE_LOG_H

#include <stdbool.h>

#include "engine/base/buf.h"
#include "engine/base/err.h"

#define LOG_LEVELS(X)                                                                              \
	X(ERROR, "error")                                                                          \
	X(WARN, "warn")                                                                            \
	X(INFO, "info")                                                                            \
	X(DEBUG, "debug")                                                                          \
	X(WIRE, "wire")

enum log_level {
#define X(suffix, name) LOG_##suffix,
	LOG_LEVELS(X)
#undef X
};

struct log_line {
	struct buf text;
};

/* Sets what is written from now on: this level and those above it. Default LOG_INFO. */
void log_set_level(enum log_level level);
/* The level called name, or -1. */
int log_level_parse(struct str name, enum log_level *out) NODISCARD;
/* Starts a line; false (and nothing to end) when the level is off. */
bool log_begin(struct log_line *l, enum log_level level, const char *event);
void log_str(struct log_line *l, const char *key, struct str value);
void log_cstr(struct log_line *l, const char *key, const char *value);
void log_int(struct log_line *l, const char *key, int64_t value);
void log_bool(struct log_line *l, const char *key, bool value);
/* error="text" kind=… */
void log_err(struct log_line *l, const struct err *err);
void log_end(struct log_line *l);
/* A whole line with an error and nothing else. */
void log_error_event(enum log_level level, const char *event, const struct err *err);

#endif
