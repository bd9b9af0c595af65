/* SPDX-License-Identifier: MIT */
/*
 * What the verbs about sources, providers, routes, limits and pauses share: who changes, the state
 * of the database they look at, and the names people give.
 */
#ifndef EDM_SCHEDULER_CLI_STEER_PRIVATE_H
#define EDM_SCHEDULER_CLI_STEER_PRIVATE_H

#include "ip-pool/store/change.h"
#include "ip-pool/store/snapshot.h"
#include "scheduler/cli/cli.h"

/* Who and why, of this run. */
struct change steer_change(const struct cli *cli);
/* The database and all of its identity; *out is the caller's to drop. */
int steer_load(struct cli *cli, struct ip_pool_snapshot **out, struct err *err) NODISCARD;
/* The value of the option as a slice; empty if it was not given. */
struct str steer_option(const struct cli *cli, const char *name);
/* Refuses options that are given without a name (an unset variable of a script): they would mean
 * everything. options end with NULL. */
int steer_check_not_empty(const struct cli *cli, const char *const *options,
			  struct err *err) NODISCARD;

/* ERR_NOT_FOUND unless name (empty is fine) is a provider, "tail", or a site (has a dot, or a
 * route leads there). */
int steer_check_provider(const struct ip_pool_snapshot *s, struct str name,
			 struct err *err) NODISCARD;
/* ERR_NOT_FOUND unless name (empty is fine) is a source in use. */
int steer_check_source(const struct ip_pool_snapshot *s, struct str name,
		       struct err *err) NODISCARD;
/* Whether mail has a reason to go to what name says: only for a site that is asked for by its host
 * is that ever in doubt. */
int steer_knows(struct cli *cli, const struct ip_pool_snapshot *s, struct str name, bool *known_out,
		struct err *err) NODISCARD;
/*
 * ERR_NOT_FOUND, with a sentence, unless there is or may be such a lane: its source is in use, and
 * its target a provider, or a site to which mail goes or went. ERR_USAGE: the name is that of no
 * lane.
 */
int steer_check_lane(struct cli *cli, const struct ip_pool_snapshot *s, struct str name,
		     struct err *err) NODISCARD;
/* What --provider, --source and --campaign name, looked up; empty and 0 without them. */
struct steer_scope {
	struct str provider, source;
	int64_t campaign;
	bool is_unknown_site; /* provider is a host to which nothing goes as far as is known */
};
int steer_scope(struct cli *cli, struct steer_scope *out, struct err *err) NODISCARD;
/* The same for what is to be taken back: a source that is gone is fine while a limit or a pause
 * still names it. */
int steer_scope_back(struct cli *cli, struct steer_scope *out, struct err *err) NODISCARD;
/* A line on standard error; appends the sentence to warnings, a JSON array, if that is not NULL. */
void steer_warn(const struct cli *cli, json_t *warnings, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Names may be given ahead of what they name. Each of these warns where there is nothing of that
 * name (empty is fine). */
void steer_warn_unknown(const struct cli *cli, const struct steer_scope *scope, json_t *warnings);
int steer_warn_node(struct cli *cli, struct str name, json_t *warnings, struct err *err) NODISCARD;
int steer_warn_sender(struct cli *cli, struct str domain, json_t *warnings,
		      struct err *err) NODISCARD;
/* "lane mx1/qq" when both are named, else "source mx1"; false and nothing without a source. */
bool steer_say_source(const struct cli *cli, struct str source, struct str provider,
		      struct buf *out);

/* --for in milliseconds, 0 without it; refuses 0 and more than ten years. */
int steer_for(const struct cli *cli, int64_t *ms_out, struct err *err) NODISCARD;
/* The number that an undo names, 0 without one: of what? "limit; see: …". */
int steer_undo_number(const struct cli *cli, const char *of_what, int64_t *out,
		      struct err *err) NODISCARD;
/* "2 h 5 min", "2 小时 5 分钟". */
void steer_span(const struct cli *cli, int64_t ms, struct buf *out);
/* "for another 2 h 0 min", or "until changed" for LIMIT_FOREVER. */
void steer_until(const struct cli *cli, int64_t until_ms, int64_t now, struct buf *out);
/* Milliseconds left, or JSON null for LIMIT_FOREVER. */
json_t *steer_left_json(int64_t until_ms, int64_t now);
/* "required", "必须加密（required）": in Chinese with the name that is typed. */
const char *steer_tls_words(const struct cli *cli, enum route_tls tls);

#endif
