/* SPDX-License-Identifier: MIT */
/* struct err: filling and prefixing; see err.h. */
#include "engine/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/utf8.h"

/* A text that did not fit ends with a whole character. */
static int finish(struct err *err)
{
	size_t len = strlen(err->text);
	if (len + 1 == sizeof(err->text))
		err->text[utf8_clip(str_of(err->text, len), len - 1).len] = '\0';
	return -1;
}

int err_set(struct err *err, enum err_kind kind, const char *fmt, ...)
{
	if (err == NULL)
		return -1;
	va_list ap;
	va_start(ap, fmt);
	err->kind = kind;
	err->code = 0;
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return finish(err);
}

int err_errno(struct err *err, int code, const char *fmt, ...)
{
	if (err == NULL)
		return -1;
	va_list ap;
	va_start(ap, fmt);
	err->kind = ERR_SYSTEM;
	err->code = code;
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	size_t len = strlen(err->text);
	snprintf(err->text + len, sizeof(err->text) - len, ": %s", strerror(code));
	return finish(err);
}

int err_prefix(struct err *err, const char *fmt, ...)
{
	if (err == NULL)
		return -1;
	char old[sizeof(err->text)];
	memcpy(old, err->text, sizeof(old));
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	size_t len = strlen(err->text);
	snprintf(err->text + len, sizeof(err->text) - len, ": %s", old);
	return finish(err);
}

void err_clear(struct err *err)
{
	if (err == NULL)
		return;
	err->kind = ERR_NONE;
	err->code = 0;
	err->text[0] = '\0';
}

int err_exit_code(enum err_kind kind)
{
	switch (kind) {
#define X(suffix, name, exit_code)                                                                 \
	case ERR_##suffix:                                                                         \
		return exit_code;
		ERR_KINDS(X)
#undef X
	}
	return 1;
}

const char *err_kind_name(enum err_kind kind)
{
	switch (kind) {
#define X(suffix, name, exit_code)                                                                 \
	case ERR_##suffix:                                                                         \
		return name;
		ERR_KINDS(X)
#undef X
	}
	return "none";
}
