/* SPDX-License-Identifier: MIT */
/*
 * Limits as operators and profiles state them, and what of them is in force for one meter.
 *
 *   rule    one row an operator made: a scope, some values, an optional end
 *   values  numbers by kind and period, LIMIT_NONE where nothing is stated
 *   cap     one number in force, with its origin and how long it lasts
 *   caps    every cap of one limiter
 *
 * Levels: a lane, a source, a provider over all sources, a sending domain at a provider,
 * a campaign, a node. The tightest level wins, because a permit asks them all. Inside one level the
 * tightest operator's rule wins, and it replaces the profile's number of the same kind and period;
 * of rules with exactly the same scope the newest stands, so that one "for 2 h" may also raise.
 * Times are monotonic milliseconds. Immutable after loading; any thread.
 */
#ifndef EDM_IP_POOL_LIMIT_H
#define EDM_IP_POOL_LIMIT_H

#include "engine/base/buf.h"
#include "engine/base/err.h"
#include "engine/base/str.h"

#define LIMIT_NONE INT64_C(-1)	     /* no limit of this kind */
#define LIMIT_FOREVER INT64_MAX	     /* until_ms of what does not end */
#define LIMIT_DEFAULT_CONNECTIONS 20 /* a lane without a profile */
#define LIMIT_DEFAULT_INITIAL 4	     /* where such a lane starts */
#define LIMIT_CONNECTS_AHEAD 64	     /* most new connections of a lane that are not saved */
#define LIMIT_MAX_COUNT INT64_C(1000000000)

/* X(suffix, name in logs and options, milliseconds) */
#define LIMIT_PERIODS(X)                                                                           \
	X(SECOND, "s", 1000)                                                                       \
	X(MINUTE, "min", 60000)                                                                    \
	X(HOUR, "h", 3600000)                                                                      \
	X(DAY, "day", 86400000)

/* X(suffix, name) */
#define LIMIT_KINDS(X)                                                                             \
	X(CONNECTIONS, "connections")                                                              \
	X(NEW_CONNECTIONS, "new-connections")                                                      \
	X(MESSAGES, "rate")                                                                        \
	X(MESSAGES_PER_CONNECTION, "messages-per-connection")

/* X(suffix, name). The order is the order of asking. */
#define LIMIT_LEVELS(X)                                                                            \
	X(LANE, "lane")                                                                            \
	X(SOURCE, "source")                                                                        \
	X(PROVIDER, "provider")                                                                    \
	X(DOMAIN, "domain")                                                                        \
	X(CAMPAIGN, "campaign")                                                                    \
	X(NODE, "node")

/* Where an effective number comes from. X(suffix, name) */
#define LIMIT_ORIGINS(X)                                                                           \
	X(NONE, "none")                                                                            \
	X(DEFAULT, "default")                                                                      \
	X(PROFILE, "profile")                                                                      \
	X(OPERATOR, "operator")                                                                    \
	X(WARMUP, "warm-up")                                                                       \
	X(START, "start")                                                                          \
	X(LEARNT, "learnt")                                                                        \
	X(BACKOFF, "back-off")                                                                     \
	X(SLICE, "slice")                                                                          \
	X(PAUSE, "pause")                                                                          \
	X(DEAD, "dead-site")                                                                       \
	X(UNSAVED, "unsaved")                                                                      \
	X(KILLED, "killed")

#define X(suffix, name, ms) LIMIT_##suffix,
enum limit_period { LIMIT_PERIODS(X) };
#undef X
#define X(suffix, name) LIMIT_##suffix,
enum limit_kind { LIMIT_KINDS(X) };
#undef X
#define X(suffix, name) LEVEL_##suffix,
enum limit_level { LIMIT_LEVELS(X) };
#undef X
#define X(suffix, name) ORIGIN_##suffix,
enum limit_origin { LIMIT_ORIGINS(X) };
#undef X

#define LIMIT_PERIOD_COUNT 4
#define LIMIT_LEVEL_COUNT 6

/* What can be counted and divided among workers: connections, then new connections by period, then
 * messages by period. */
#define LIMIT_METER_COUNT (1 + 2 * LIMIT_PERIOD_COUNT)

/* Numbers stated by a rule or a profile; LIMIT_NONE where it says nothing. */
struct limit_values {
	int64_t connections;
	int64_t messages_per_connection;
	int64_t new_connections[LIMIT_PERIOD_COUNT];
	int64_t messages[LIMIT_PERIOD_COUNT];
};

/*
 * One operator's rule. Empty strings and campaign 0 mean "not named". provider is a provider's
 * name, a site, or "tail" (every site without a provider, each by itself).
 */
struct limit_rule {
	int64_t id;
	struct str provider;
	struct str source;
	struct str domain; /* sending domain */
	struct str node;
	int64_t campaign;
	bool is_total;	  /* with provider: over all sources, not for each */
	int64_t until_ms; /* LIMIT_FOREVER, or when the rule ends by itself */
	struct limit_values values;
	struct str set_by, because; /* for showing */
};

struct limit_rules {
	const struct limit_rule *rules; /* oldest first */
	size_t count;
};

/* A rule of connections, or of new ones by the hour or day, with the time it held: until
 * rule.until_ms, when it ended or will. */
struct limit_past {
	struct limit_rule rule;
	int64_t set_ms;
};

/* The connections a provider's profile had before it was changed: until until_ms, and since the
 * change before that. */
struct limit_past_profile {
	struct str provider;
	int64_t connections; /* LIMIT_NONE: it said nothing */
	int64_t until_ms;
};

struct limit_history {
	const struct limit_past *items; /* oldest first */
	size_t count;
	const struct limit_past_profile *profiles; /* oldest first */
	size_t profile_count;
};

/* What one limiter is about; the fields its level needs, the rest empty. Strings are borrowed. */
struct limit_scope {
	enum limit_level level;
	struct str provider; /* empty: a tail site */
	struct str site;
	struct str source;
	struct str domain;
	struct str node;
	int64_t campaign;
};

struct cap {
	int64_t count;	  /* LIMIT_NONE: no limit */
	int64_t until_ms; /* LIMIT_FOREVER, or when it ends */
	int64_t rule;	  /* the rule's id, or 0 */
	enum limit_origin origin;
};

struct caps {
	struct cap connections;
	struct cap messages_per_connection;
	struct cap new_connections[LIMIT_PERIOD_COUNT];
	struct cap messages[LIMIT_PERIOD_COUNT];
	int64_t next_change_ms; /* when the first of the rules looked at ends; resolve again then */
};

/* Names of the enumerators, constants. */
const char *limit_period_name(enum limit_period period);
const char *limit_kind_name(enum limit_kind kind);
const char *limit_level_name(enum limit_level level);
const char *limit_origin_name(enum limit_origin origin);
int64_t limit_period_ms(enum limit_period period);

/* The number of a meter; period is not looked at for connections. */
int limit_meter(enum limit_kind kind, enum limit_period period);
enum limit_kind limit_meter_kind(int meter);
enum limit_period limit_meter_period(int meter);

/* Everything LIMIT_NONE. */
void limit_values_init(struct limit_values *v);
bool limit_values_are_empty(const struct limit_values *v);
/* Where the number of a row of table limit_rule belongs, by its kind and period_ms; NULL: to
 * nothing that this version knows. */
int64_t *limit_values_at(struct limit_values *v, int64_t kind, int64_t period_ms);
/*
 * One setting as typed, "connections=20", "rate=100/min", "new-connections=30/min",
 * "messages-per-connection=50"; several may be merged into *v, each kind and period once. Counts
 * are 1 … LIMIT_MAX_COUNT. Returns 0, or -1 with a sentence (ERR_USAGE).
 */
int limit_values_parse(struct limit_values *v, struct str setting, struct err *err) NODISCARD;
/* "connections=20 rate=100/min", in the order of the kinds; nothing for no values. */
void limit_values_render(const struct limit_values *v, struct buf *out);
/* "90s", "5min", "2h", "7d" → milliseconds, > 0; -1 with a sentence. */
int limit_parse_duration(struct str text, int64_t *ms_out, struct err *err) NODISCARD;

/* The level a rule acts on, from the fields it names. */
enum limit_level limit_rule_level(const struct limit_rule *rule);
/*
 * Refuses what cannot work, with a sentence (ERR_USAGE): no values; --total without a provider or
 * with a source; a campaign or a domain with new connections, which they all share;
 * messages per connection anywhere but on a lane; fields of two levels at once.
 */
int limit_rule_check(const struct limit_rule *rule, struct err *err) NODISCARD;
/* Whether name means the scope's provider or site. Empty: any; "tail": every site without a
 * provider; the host of a static route: its site on whatever port. */
bool limit_names_target(struct str name, const struct limit_scope *scope);
/* True if the rule acts on a limiter of this scope (whether or not it has ended). */
bool limit_rule_matches(const struct limit_rule *rule, const struct limit_scope *scope);

/* The cap of one meter. */
const struct cap *caps_of_meter(const struct caps *caps, int meter);
/* No caps at all. */
void caps_init(struct caps *caps);
/*
 * What is in force for scope at now. profile: numbers of the provider's profile, used on lanes
 * only; NULL for none: a lane then has LIMIT_DEFAULT_CONNECTIONS.
 */
void limit_resolve(const struct limit_rules *rules, const struct limit_scope *scope,
		   const struct limit_values *profile, int64_t now, struct caps *caps_out);
/* The most connections the rules allowed a scope at any time from … to, as limit_resolve has it at
 * each; LIMIT_NONE: any number. */
int64_t limit_most_connections(const struct limit_history *history, const struct limit_scope *scope,
			       const struct limit_values *profile, int64_t from_ms, int64_t to_ms);
/* The loosest of each cap in that time. profile: as it is now; what is known of its past is in
 * history, but not what an older version of edm had built in. */
struct caps limit_most(const struct limit_history *history, const struct limit_scope *scope,
		       const struct limit_values *profile, int64_t from_ms, int64_t to_ms);
/*
 * How many new connections of one lane may be under way or not saved yet, as far as the caps of one
 * level above it, or its own, are concerned: 1 … LIMIT_CONNECTS_AHEAD. After a kill so many count
 * for each lane, whether there were any, and must not use up a limit by the hour or day. (Seconds
 * and minutes count as spent then.) The least of its levels holds.
 */
int64_t limit_connects_ahead(const struct caps *caps, enum limit_level level);
/* Whether two rules are about the same lanes, in the same spread. */
bool limit_same_scope(const struct limit_rule *a, const struct limit_rule *b);
/* The id of the later rule of the same scope that states the numbers of rule index instead; 0: some
 * of them hold. */
int64_t limit_superseded_by(const struct limit_rules *rules, size_t index, int64_t now);
/* Lowers cap to count if that is tighter. */
void cap_tighten(struct cap *cap, int64_t count, enum limit_origin origin, int64_t until_ms);

#endif
