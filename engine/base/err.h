/* SPDX-License-Identifier: MIT */
/*
 * Errors of the environment: something outside the program refused.
 *
 * A fallible function returns 0 or -1 and fills the caller's struct err, passed last. The text is
 * one clear sentence: what is wrong, and where it helps, what to do. Each level may prefix context
 * once. Protocol answers are not errors (struct outcome); bugs are must().
 */
#ifndef EDM_ENGINE_BASE_ERR_H
#define EDM_ENGINE_BASE_ERR_H

#include "engine/base/must.h"

/* X(enumerator suffix, name in logs, exit code of the command line) */
#define ERR_KINDS(X)                                                                               \
	X(NONE, "none", 0)                                                                         \
	X(USAGE, "usage", 2)                                                                       \
	X(NOT_FOUND, "not-found", 3)                                                               \
	X(REFUSED, "refused", 4)                                                                   \
	X(INPUT, "input", 1)                                                                       \
	X(CONFIG, "config", 1)                                                                     \
	X(SYSTEM, "system", 1)                                                                     \
	X(DATABASE, "database", 1)                                                                 \
	X(NETWORK, "network", 1)                                                                   \
	X(CRYPTO, "crypto", 1)

enum err_kind {
#define X(suffix, name, exit_code) ERR_##suffix,
	ERR_KINDS(X)
#undef X
};

struct err {
	enum err_kind kind;
	int code;	/* errno, a libpq or OpenSSL code, or 0 */
	char text[512]; /* NUL-terminated, UTF-8, no line end */
};

/* Fills err (err may be NULL) and returns -1, so that `return err_set(...)` reads well. */
int err_set(struct err *err, enum err_kind kind, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Like err_set with kind ERR_SYSTEM; appends ": strerror(code)" and keeps code. */
int err_errno(struct err *err, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Puts "context: " before the text; returns -1. */
int err_prefix(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Clears err to ERR_NONE. */
void err_clear(struct err *err);
/* The process exit code for kind (0 done, 1 failed, 2 usage, 3 not found, 4 refused). */
int err_exit_code(enum err_kind kind);
/* The name of kind in logs; a constant. */
const char *err_kind_name(enum err_kind kind);

#endif
