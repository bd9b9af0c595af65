/* SPDX-License-Identifier: MIT */
/*
 * The running node: `edm run`. One control thread, some workers, some composers.
 *
 * node_run blocks until the node has stopped: on SIGTERM or SIGINT it drains (nothing new, every
 * transaction under way gets its reply or the grace runs out), flushes, releases its leases and
 * returns. It also stops by itself, with an error, when it was fenced or cannot write its journal:
 * to be started again. It takes changes of
 * what steers it as they come (reload.c); SIGHUP makes it read its file and everything else again.
 */
#ifndef EDM_SCHEDULER_NODE_NODE_H
#define EDM_SCHEDULER_NODE_NODE_H

#include "engine/dns/resolver.h"
#include "engine/dns/standing.h"
#include "scheduler/campaign/hours.h"
#include "scheduler/campaign/load.h"
#include "scheduler/node/keeper.h"
#include "scheduler/node/worker.h"
#include "scheduler/plan/brake.h"

/* What a node is told; strings are borrowed for its life. */
struct node_settings {
	size_t workers, composers;
	uint16_t smtp_port;
	enum tls_mode tls; /* of sites without a route */
	struct worker_settings worker;
	struct resolver_options dns;
	enum journal_sync_mode journal_mode;
	size_t journal_segment_bytes;
	struct lease_times times;
	int64_t flush_ms, horizon_ms;
	int64_t unknown_retry_after_ms, overdue_ms, stop_timeout_ms;
	int flush_outcomes, max_open, first_credits;
	int32_t keep_outcomes_days;
	size_t leased_budget; /* recipients leased at most */
	struct brake_policy brake;
	struct str hours;		 /* sending.hours, with their zone; empty: always */
	char hours_zone[HOURS_ZONE_MAX]; /* that zone; empty: none */
	const char *ca_file;		 /* NULL = the system's */
	const char *alert_command;	 /* NULL = none */
	struct str dnsbl[STANDING_LISTS_MAX];
	size_t dnsbl_count;
	int64_t standing_ms; /* 0 = never */
};

struct node_options {
	const char *database_url;
	const char *data_dir;
	const char *name;
	struct node_settings settings;
	/* The name is this node's now; -1 ends the start. */
	int (*on_joined)(void *context, struct err *err);
	/* Starts the database, which does not answer, on a thread of the pool; one call at a time.
	 * NULL: it is not ours to start. */
	int (*revive_database)(void *context, struct err *err);
	/* Reads the files of the settings again, on a thread of the pool; one call at a time. */
	int (*read_files)(void *context, struct err *err);
	/* The settings of the files as read last and these rows of setup/settings; -1: the old ones
	 * stay in force, and the files as they were. Texts live until the next good call. */
	int (*make_settings)(void *context, const struct pg_rows *shared, struct node_settings *out,
			     struct err *err);
	/* Opens sealed secrets (DKIM keys, passwords). */
	struct secret_opener secrets;
	void *context;
};

int node_run(const struct node_options *options, struct err *err) NODISCARD;

#endif
