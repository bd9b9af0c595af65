/* SPDX-License-Identifier: MIT */
/*
 * Configuration: one table of keys, and what is in force for each with where it comes from.
 *
 * The program states its keys in a table (struct conf_key). A struct conf starts with the defaults;
 * shared rows, a file and --set are laid over it, in any order: the stronger origin wins, of the
 * same origin the later one. When it is complete it is not changed any more and may be shared by
 * reference (conf_hold, any thread); a reload builds another one or changes nothing.
 *
 *	file	lines "key = value"; '#' begins a comment line; spaces around both are dropped
 *	boolean	"on" or "off" (also "true", "false", "yes", "no")
 *	duration	milliseconds, or a number with ms, s, min, h or d: "90s"
 *	size	bytes, or a number with K, M or G (1024): "64M"
 */
#ifndef EDM_ENGINE_BASE_CONF_H
#define EDM_ENGINE_BASE_CONF_H

#include <stdbool.h>

#include "engine/base/buf.h"
#include "engine/base/err.h"

enum conf_type { CONF_BOOL, CONF_INT, CONF_DURATION, CONF_SIZE, CONF_STRING, CONF_ENUM };

/* node: each node has its own (edm.conf); shared: one value for all (table setting), which a node's
 * file or --set may still override for itself. */
enum conf_scope { CONF_NODE, CONF_SHARED };

/* Where a value comes from, the weakest first. */
enum conf_origin { CONF_DEFAULT, CONF_ROW, CONF_FILE, CONF_ARGUMENT };

struct conf_key {
	const char *name;
	enum conf_type type;
	const char *preset;  /* the default, as text */
	int64_t min, max;    /* INT; DURATION in ms; SIZE; STRING: its length in bytes */
	const char *choices; /* ENUM: "none|opportunistic|…", numbered from 0; else NULL */
	enum conf_scope scope;
	bool is_reloadable; /* a running node takes a new value */
	const char *help;   /* one sentence */
	/* A further condition on the text, or NULL: 0, or -1 and err. */
	int (*check)(struct str value, struct err *err);
};

/* Where a value stands. */
struct conf_source {
	enum conf_origin origin;
	const char *place; /* for errors and conf_print: "edm.conf:12", "--set"; copied */
};

struct conf;

/* All keys at their defaults, one reference. keys is kept; a default that breaks its own rules is a
 * bug. */
struct conf *conf_new(const struct conf_key *keys, size_t count);
struct conf *conf_hold(struct conf *c);
/* NULL is fine. */
void conf_drop(struct conf *c);

/* Lays value over key name. ERR_CONFIG names place, key, value and what is allowed; a CONF_ROW of a
 * node's key is ERR_REFUSED; nothing is changed then. */
int conf_set(struct conf *c, struct conf_source from, struct str name, struct str value,
	     struct err *err) NODISCARD;
/* "key=value", as --set has it. */
int conf_set_argument(struct conf *c, const char *text, struct err *err) NODISCARD;
/* Lays the lines of text over c; name is what errors call the file. */
int conf_set_text(struct conf *c, const char *name, struct str text, struct err *err) NODISCARD;
/* The text of the file at path (at most CONF_FILE_MAX) for conf_set_text, appended to out. A file
 * that is not there: ERR_NOT_FOUND. */
#define CONF_FILE_MAX (1u << 20)
int conf_read_file(const char *path, struct buf *out, struct err *err) NODISCARD;

size_t conf_count(const struct conf *c);
const struct conf_key *conf_key(const struct conf *c, size_t key);
/* The number of key name, or -1. */
int conf_find(const struct conf *c, struct str name, size_t *key_out) NODISCARD;
/* BOOL 0 or 1, INT, DURATION in ms, SIZE in bytes, ENUM its number. key must not be a STRING. */
int64_t conf_number(const struct conf *c, size_t key);
/* The value as it was written, NUL-terminated; lives as long as c. */
struct str conf_text(const struct conf *c, size_t key);
/* "default", or the place it was set; lives as long as c. */
const char *conf_place(const struct conf *c, size_t key);

/* What key may be, in words: "5 to 65535", "none, opportunistic or required". */
void conf_allowed(const struct conf_key *key, struct buf *out);
/* One "key = value  # where it comes from" per key. only_set: without the defaults. */
void conf_print(const struct conf *c, bool only_set, struct buf *out);
/* c is to replace old in a running node: keys that take a restart keep their value of old. Returns
 * the name of the first that would have changed, or NULL. Both of the same table. */
const char *conf_keep(struct conf *c, const struct conf *old);

/* "90s", "15min", "2h", "1d", "1500" or "1500ms" to milliseconds; 0, or -1 on syntax, overflow. */
int conf_duration_parse(struct str s, int64_t *ms_out) NODISCARD;
/* "64M" to bytes. */
int conf_size_parse(struct str s, int64_t *bytes_out) NODISCARD;

#endif
