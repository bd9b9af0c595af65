/* SPDX-License-Identifier: MIT */
/*
 * The configuration of the sink: profiles (how a mailbox provider behaves) and listeners.
 *
 *	{"profiles": {"qq": {...}}, "listeners": [{"listen": "127.1.0.1-5:2525", "profile": "qq"}]}
 *
 * A profile in JSON (every key is optional):
 *	about       a note for people; nothing follows from it
 *	host        name in the banner and EHLO reply (default "sink.test")
 *	greeting    the banner's lines (default "220 HOST ESMTP")
 *	extensions  list of EHLO lines (default PIPELINING, SIZE 52428800, 8BITMIME, SMTPUTF8,
 *	            ENHANCEDSTATUSCODES); "STARTTLS" and "AUTH PLAIN LOGIN" switch these on
 *	users       {"name": "password"}; with it MAIL wants AUTH first
 *	tls         {"cert": FILE, "key": FILE, "max": "1.2"}: default self-signed for host, newest
 *TLS delay_ms    {"rcpt": 20, "dot": [200, 500]}: before the reply of a step drip        {"bytes":
 *1, "every_ms": 10}: how replies leave idle_ms     closes with 421 after so long without input
 *	round_trip_ms  how far away it is: each reply leaves so long after it was made, and what
 *	            comes meanwhile is heard and answered all the same (plain connections)
 *	greylist    {"seconds": 30, "reply": "451 …"}: until so long after the first attempt of a
 *	            (client, sender, recipient); seconds 0 = the first attempt only
 *	limits      {"connections": 10, "connections_reply": "421 …",
 *	            "messages_per_connection": 50, "messages_per_connection_reply": "421 …",
 *	            "rcpts_per_message": 100, "rcpts_per_message_reply": "452 …",
 *	            "scope": "client-listener" | "client-profile" | "profile",
 *	            "rates": [{"messages": 100, "per": "s" | "min" | "h" | milliseconds,
 *	                       "at": "mail" | "rcpt" | "data" | "dot", "reply": "550 …",
 *	                       "ban_ms": 300000, "burst": 10},
 *	                      {"connections": 60, "per": "min", "reply": "421 …"}]}
 *	            (a refused message does not count; a refused connection does; who is over a
 *	            rate with ban_ms is refused everything for so long; with burst a rate is a
 *	            token bucket of that size, else a sliding window)
 *	banner, ehlo, mail, rcpt, data, body, dot, …   lists of rules (rule.h)
 *
 * A snapshot is immutable but for the counters of its rules. A reload makes a new one.
 */
#ifndef EDM_TESTS_SINK_PROFILE_H
#define EDM_TESTS_SINK_PROFILE_H

#include <openssl/ssl.h>

#include "tests/sink/rule.h"

#define RATES_MAX 8u

struct span_ms {
	int64_t least, most; /* milliseconds */
};

enum limit_scope { SCOPE_CLIENT_LISTENER, SCOPE_CLIENT_PROFILE, SCOPE_PROFILE };

struct rate {
	int64_t messages;    /* at most so many in a period, or 0 */
	int64_t connections; /* the same for new connections */
	int64_t per_us;
	int64_t burst;	/* tokens of a bucket that fills at this rate; 0 = a sliding window */
	int64_t ban_us; /* who is over it is turned away for so long; 0 = not */
	enum step at;	/* where an excess message is refused */
	struct str reply;
};

struct limits {
	int64_t connections; /* 0 = no limit, here and below */
	int64_t messages_per_connection;
	int64_t rcpts_per_message;
	struct str connections_reply, messages_per_connection_reply, rcpts_per_message_reply;
	enum limit_scope scope;
	struct rate rates[RATES_MAX];
	size_t rate_count;
};

struct greylisting {
	bool is_on;
	int64_t seconds;
	struct str reply;
};

struct drip {
	int64_t bytes; /* 0 = whole replies */
	int64_t every_ms;
};

struct tls_files {
	struct str cert, key; /* NUL-terminated; empty = self-signed */
	struct str max;	      /* "1.2", "1.3" or empty */
};

struct user {
	struct str name, password;
};

struct profile {
	uint16_t index; /* stable while the file names the same profiles */
	struct str name;
	struct str about; /* for people */
	struct str host;
	struct str greeting; /* CRLF included */
	struct str *extensions;
	size_t extension_count;
	bool has_starttls, has_auth;
	struct user *users;
	size_t user_count;
	struct tls_files tls;
	SSL_CTX *tls_context; /* NULL without STARTTLS */
	struct span_ms delays[STEP_COUNT];
	int64_t round_trip_ms;
	struct drip drip;
	int64_t idle_ms;
	struct greylisting greylist;
	struct limits limits;
	struct rules rules[STEP_COUNT];
};

struct listen_entry {
	struct str listen;  /* "127.1.0.1-5:2525", NUL-terminated */
	struct str profile; /* its name */
};

struct config {
	struct arena arena;
	struct profile *profiles;
	size_t profile_count;
	struct listen_entry *listeners;
	size_t listener_count;
};

/* The configuration in file, or a single plain profile "default" when file is NULL. Free it with
 * config_free. NULL and err when the file is wrong. */
struct config *config_load(const char *file, struct err *err) NODISCARD;
void config_free(struct config *config);
/* The profile called name, or NULL. */
struct profile *config_profile(const struct config *config, struct str name);

#endif
