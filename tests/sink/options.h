/* SPDX-License-Identifier: MIT */
/* The command line of edm-sink, and the notation of address ranges. */
#ifndef EDM_TESTS_SINK_OPTIONS_H
#define EDM_TESTS_SINK_OPTIONS_H

#include "engine/base/err.h"
#include "engine/base/str.h"

#define LISTENS_MAX 64u

struct options {
	const char *listens[LISTENS_MAX];
	size_t listen_count;
	const char *log, *save_dir, *stats, *config; /* NULL = not given */
	uint64_t count;				     /* 0 = no end by number */
	uint64_t save_every;
	uint64_t idle_exit_s; /* 0 = never */
	uint64_t seed;
	bool verify_rcpt;
	bool wants_help;
};

/* Addresses first .. first + count - 1 at one port. */
struct address_range {
	uint32_t first; /* host order */
	uint32_t count;
	uint16_t port; /* 0 = any free one */
};

extern const char options_help[];

/* 0, or -1 and err (ERR_USAGE). */
int options_parse(struct options *options, int argc, char **argv, struct err *err) NODISCARD;
/* "127.1.0.1-20:2525": a range over the last number. Only 127.0.0.0/8 is taken. */
int address_range_parse(struct str text, struct address_range *out, struct err *err) NODISCARD;

#endif
