/* SPDX-License-Identifier: MIT */
/* Limits: parsing what operators type, matching rules to scopes, resolving the caps. Pure. */
#include "ip-pool/limit.h"

#include <stdlib.h>

#define X(suffix, name, ms) [LIMIT_##suffix] = name,
static const char *const period_names[] = {LIMIT_PERIODS(X)};
#undef X
#define X(suffix, name, ms) [LIMIT_##suffix] = ms,
static const int64_t periods_ms[] = {LIMIT_PERIODS(X)};
#undef X
#define X(suffix, name) [LIMIT_##suffix] = name,
static const char *const kind_names[] = {LIMIT_KINDS(X)};
#undef X
#define X(suffix, name) [LEVEL_##suffix] = name,
static const char *const level_names[] = {LIMIT_LEVELS(X)};
#undef X
#define X(suffix, name) [ORIGIN_##suffix] = name,
static const char *const origin_names[] = {LIMIT_ORIGINS(X)};
#undef X

static const struct str tail = STR_INIT("tail");

const char *limit_period_name(enum limit_period period)
{
	return period_names[period];
}

const char *limit_kind_name(enum limit_kind kind)
{
	return kind_names[kind];
}

const char *limit_level_name(enum limit_level level)
{
	return level_names[level];
}

const char *limit_origin_name(enum limit_origin origin)
{
	return origin_names[origin];
}

int64_t limit_period_ms(enum limit_period period)
{
	return periods_ms[period];
}

int limit_meter(enum limit_kind kind, enum limit_period period)
{
	switch (kind) {
	case LIMIT_NEW_CONNECTIONS:
		return 1 + (int)period;
	case LIMIT_MESSAGES:
		return 1 + LIMIT_PERIOD_COUNT + (int)period;
	case LIMIT_CONNECTIONS:
	case LIMIT_MESSAGES_PER_CONNECTION:
		break;
	}
	return 0;
}

enum limit_kind limit_meter_kind(int meter)
{
	if (meter == 0)
		return LIMIT_CONNECTIONS;
	return meter <= LIMIT_PERIOD_COUNT ? LIMIT_NEW_CONNECTIONS : LIMIT_MESSAGES;
}

enum limit_period limit_meter_period(int meter)
{
	return meter == 0 ? LIMIT_SECOND : (enum limit_period)((meter - 1) % LIMIT_PERIOD_COUNT);
}

const struct cap *caps_of_meter(const struct caps *caps, int meter)
{
	int period = (int)limit_meter_period(meter);
	if (meter == 0)
		return &caps->connections;
	return meter <= LIMIT_PERIOD_COUNT ? &caps->new_connections[period]
					   : &caps->messages[period];
}

void limit_values_init(struct limit_values *v)
{
	v->connections = LIMIT_NONE;
	v->messages_per_connection = LIMIT_NONE;
	for (int p = 0; p < LIMIT_PERIOD_COUNT; p++) {
		v->new_connections[p] = LIMIT_NONE;
		v->messages[p] = LIMIT_NONE;
	}
}

static bool states_any(const int64_t counts[LIMIT_PERIOD_COUNT])
{
	for (int p = 0; p < LIMIT_PERIOD_COUNT; p++)
		if (counts[p] != LIMIT_NONE)
			return true;
	return false;
}

bool limit_values_are_empty(const struct limit_values *v)
{
	return v->connections == LIMIT_NONE && v->messages_per_connection == LIMIT_NONE &&
	       !states_any(v->new_connections) && !states_any(v->messages);
}

static int parse_period(struct str text, int *period_out)
{
	static const struct {
		const char *name;
		enum limit_period period;
	} names[] = {
		{"s", LIMIT_SECOND},   {"sec", LIMIT_SECOND}, {"m", LIMIT_MINUTE},
		{"min", LIMIT_MINUTE}, {"h", LIMIT_HOUR},     {"hour", LIMIT_HOUR},
		{"d", LIMIT_DAY},      {"day", LIMIT_DAY},
	};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (str_equals_nocase(text, str_from(names[i].name))) {
			*period_out = (int)names[i].period;
			return 0;
		}
	}
	return -1;
}

/* "2.5", "0,5". */
static bool is_fraction(struct str text)
{
	size_t digits = 0, marks = 0;
	for (size_t i = 0; i < text.len; i++) {
		digits += ascii_is_digit(text.ptr[i]);
		marks += text.ptr[i] == '.' || text.ptr[i] == ',';
	}
	return marks == 1 && digits > 0 && digits + marks == text.len;
}

static int parse_count(struct str text, struct str setting, int64_t *out, struct err *err)
{
	int64_t n;
	if (*out != LIMIT_NONE)
		return err_set(err, ERR_USAGE,
			       "\"%.*s\" is the second number for the same thing: say it once",
			       STR_ARG(setting));
	if (is_fraction(text))
		return err_set(err, ERR_USAGE, "\"%.*s\": a limit is a whole number%s",
			       STR_ARG(setting),
			       str_find_char(setting, '/') < 0
				       ? ""
				       : "; what lies between is one of a longer period, as 150/h "
					 "for 2.5/min");
	if (str_to_i64(text, &n) != 0 || n < 1 || n > LIMIT_MAX_COUNT)
		return err_set(err, ERR_USAGE,
			       "\"%.*s\": the number must be from 1 to %lld; to stop mail use "
			       "edm pause",
			       STR_ARG(setting), (long long)LIMIT_MAX_COUNT);
	*out = n;
	return 0;
}

/* "100/min" into the slot of its period. */
static int parse_rate(struct str value, struct str setting, int64_t counts[LIMIT_PERIOD_COUNT],
		      struct err *err)
{
	struct str rest = value;
	struct str number = str_take_until(&rest, '/');
	int period;
	if (parse_period(rest, &period) != 0)
		return err_set(err, ERR_USAGE, "\"%.*s\": say per what: N/s, N/min, N/h or N/day",
			       STR_ARG(setting));
	return parse_count(number, setting, &counts[period], err);
}

int64_t *limit_values_at(struct limit_values *v, int64_t kind, int64_t period_ms)
{
	int period = 0;
	while (period < LIMIT_PERIOD_COUNT &&
	       limit_period_ms((enum limit_period)period) != period_ms)
		period++;
	if (kind == 1)
		return &v->connections;
	if (kind == 4)
		return &v->messages_per_connection;
	if (period == LIMIT_PERIOD_COUNT)
		return NULL;
	return kind == 2 ? &v->new_connections[period] : &v->messages[period];
}

int limit_values_parse(struct limit_values *v, struct str setting, struct err *err)
{
	struct str rest = setting;
	struct str key = str_take_until(&rest, '=');
	if (str_equals(key, str_from(kind_names[LIMIT_CONNECTIONS])))
		return parse_count(rest, setting, &v->connections, err);
	if (str_equals(key, str_from(kind_names[LIMIT_MESSAGES_PER_CONNECTION])))
		return parse_count(rest, setting, &v->messages_per_connection, err);
	if (str_equals(key, str_from(kind_names[LIMIT_MESSAGES])))
		return parse_rate(rest, setting, v->messages, err);
	if (str_equals(key, str_from(kind_names[LIMIT_NEW_CONNECTIONS])))
		return parse_rate(rest, setting, v->new_connections, err);
	return err_set(err, ERR_USAGE,
		       "\"%.*s\" is no limit: use connections=N, rate=N/min, new-connections=N/min "
		       "or messages-per-connection=N",
		       STR_ARG(setting));
}

static void render_rates(enum limit_kind kind, const int64_t counts[LIMIT_PERIOD_COUNT],
			 struct buf *out)
{
	for (int p = 0; p < LIMIT_PERIOD_COUNT; p++)
		if (counts[p] != LIMIT_NONE)
			buf_appendf(out, "%s%s=%lld/%s", out->len ? " " : "", kind_names[kind],
				    (long long)counts[p], period_names[p]);
}

void limit_values_render(const struct limit_values *v, struct buf *out)
{
	if (v->connections != LIMIT_NONE)
		buf_appendf(out, "%sconnections=%lld", out->len ? " " : "",
			    (long long)v->connections);
	render_rates(LIMIT_NEW_CONNECTIONS, v->new_connections, out);
	render_rates(LIMIT_MESSAGES, v->messages, out);
	if (v->messages_per_connection != LIMIT_NONE)
		buf_appendf(out, "%smessages-per-connection=%lld", out->len ? " " : "",
			    (long long)v->messages_per_connection);
}

int limit_parse_duration(struct str text, int64_t *ms_out, struct err *err)
{
	size_t digits = 0;
	while (digits < text.len && ascii_is_digit(text.ptr[digits]))
		digits++;
	int64_t n;
	int period;
	if (str_to_i64(str_slice(text, 0, digits), &n) != 0 || n < 1 || n > 100000 ||
	    parse_period(str_slice(text, digits, text.len), &period) != 0)
		return err_set(err, ERR_USAGE,
			       "\"%.*s\" is no duration: write it as 90s, 5min, 2h or 7d",
			       STR_ARG(text));
	*ms_out = n * periods_ms[period];
	return 0;
}

enum limit_level limit_rule_level(const struct limit_rule *rule)
{
	if (rule->campaign != 0)
		return LEVEL_CAMPAIGN;
	if (!str_is_empty(rule->domain))
		return LEVEL_DOMAIN;
	if (!str_is_empty(rule->provider))
		return rule->is_total ? LEVEL_PROVIDER : LEVEL_LANE;
	return str_is_empty(rule->source) ? LEVEL_NODE : LEVEL_SOURCE;
}

static int check_fields(const struct limit_rule *rule, enum limit_level level, struct err *err)
{
	bool has_provider = !str_is_empty(rule->provider);
	bool has_source = !str_is_empty(rule->source);
	bool has_node = !str_is_empty(rule->node);
	if (rule->is_total && (!has_provider || has_source))
		return err_set(
			err, ERR_USAGE,
			"--total is the sum over all sources: name a provider and no source");
	if (level == LEVEL_CAMPAIGN &&
	    (has_provider || has_source || has_node || !str_is_empty(rule->domain)))
		return err_set(
			err, ERR_USAGE,
			"a campaign's limit stands alone: name no provider, source, domain or "
			"node with it");
	if (level == LEVEL_DOMAIN && (has_source || has_node))
		return err_set(err, ERR_USAGE,
			       "a sending domain's limit may name a provider, but no source and no "
			       "node");
	if (has_node && level != LEVEL_NODE)
		return err_set(err, ERR_USAGE, "a node's limit names nothing but the node");
	return 0;
}

int limit_rule_check(const struct limit_rule *rule, struct err *err)
{
	enum limit_level level = limit_rule_level(rule);
	const struct limit_values *v = &rule->values;
	if (limit_values_are_empty(v))
		return err_set(
			err, ERR_USAGE,
			"say what to limit: connections=N, rate=N/min, new-connections=N/min "
			"or messages-per-connection=N");
	if (check_fields(rule, level, err) != 0)
		return -1;
	if ((level == LEVEL_CAMPAIGN || level == LEVEL_DOMAIN) && states_any(v->new_connections))
		return err_set(err, ERR_USAGE,
			       "new connections are shared by campaigns and sending domains: limit "
			       "connections (in use at once) or the rate of this %s instead",
			       level_names[level]);
	if (v->messages_per_connection != LIMIT_NONE && level != LEVEL_LANE)
		return err_set(err, ERR_USAGE,
			       "messages-per-connection belongs to a provider (with --each-source "
			       "or --source)");
	return 0;
}

/* A route's site is "host:port": its host alone names it too, whatever the port. */
static bool names_site(struct str name, struct str site)
{
	size_t end = site.len;
	while (end > 0 && ascii_is_digit(site.ptr[end - 1]))
		end--;
	if (str_equals_nocase(name, site))
		return true;
	return end > 1 && end < site.len && site.ptr[end - 1] == ':' &&
	       str_equals_nocase(name, str_slice(site, 0, end - 1));
}

bool limit_names_target(struct str name, const struct limit_scope *scope)
{
	if (str_is_empty(name))
		return true;
	if (str_is_empty(scope->provider))
		return str_equals(name, tail) || names_site(name, scope->site);
	return str_equals(name, scope->provider);
}

static bool names(struct str wanted, struct str have)
{
	return str_is_empty(wanted) || str_equals(wanted, have);
}

bool limit_rule_matches(const struct limit_rule *rule, const struct limit_scope *scope)
{
	if (limit_rule_level(rule) != scope->level)
		return false;
	switch (scope->level) {
	case LEVEL_LANE:
		return limit_names_target(rule->provider, scope) &&
		       names(rule->source, scope->source);
	case LEVEL_SOURCE:
		return names(rule->source, scope->source);
	case LEVEL_PROVIDER:
		return limit_names_target(rule->provider, scope);
	case LEVEL_DOMAIN:
		return str_equals_nocase(rule->domain, scope->domain) &&
		       limit_names_target(rule->provider, scope);
	case LEVEL_CAMPAIGN:
		return rule->campaign == scope->campaign;
	case LEVEL_NODE:
		return names(rule->node, scope->node);
	}
	return false;
}

static const struct cap no_cap = {LIMIT_NONE, LIMIT_FOREVER, 0, ORIGIN_NONE};

void caps_init(struct caps *caps)
{
	caps->connections = no_cap;
	caps->messages_per_connection = no_cap;
	for (int p = 0; p < LIMIT_PERIOD_COUNT; p++) {
		caps->new_connections[p] = no_cap;
		caps->messages[p] = no_cap;
	}
	caps->next_change_ms = LIMIT_FOREVER;
}

/* The numbers of a rule and the caps they set, in one order. */
#define VALUE_COUNT (2 + 2 * LIMIT_PERIOD_COUNT)

static int64_t value_at(const struct limit_values *v, int i)
{
	if (i == 0)
		return v->connections;
	if (i == 1)
		return v->messages_per_connection;
	return i < 2 + LIMIT_PERIOD_COUNT ? v->new_connections[i - 2]
					  : v->messages[i - 2 - LIMIT_PERIOD_COUNT];
}

static struct cap *cap_at(struct caps *caps, int i)
{
	if (i == 0)
		return &caps->connections;
	if (i == 1)
		return &caps->messages_per_connection;
	return i < 2 + LIMIT_PERIOD_COUNT ? &caps->new_connections[i - 2]
					  : &caps->messages[i - 2 - LIMIT_PERIOD_COUNT];
}

bool limit_same_scope(const struct limit_rule *a, const struct limit_rule *b)
{
	return str_equals(a->provider, b->provider) && str_equals(a->source, b->source) &&
	       str_equals(a->domain, b->domain) && str_equals(a->node, b->node) &&
	       a->campaign == b->campaign && a->is_total == b->is_total;
}

/* A later rule of the same scope states the same number: "… --for 2h" over a lasting rule. */
static int64_t superseded_by(const struct limit_rules *rules, size_t index, int value, int64_t now)
{
	for (size_t i = rules->count; i-- > index + 1;)
		if (value_at(&rules->rules[i].values, value) != LIMIT_NONE &&
		    rules->rules[i].until_ms > now &&
		    limit_same_scope(&rules->rules[i], &rules->rules[index]))
			return rules->rules[i].id;
	return 0;
}

static bool is_superseded(const struct limit_rules *rules, size_t index, int value, int64_t now)
{
	return superseded_by(rules, index, value, now) != 0;
}

int64_t limit_superseded_by(const struct limit_rules *rules, size_t index, int64_t now)
{
	int64_t by = 0;
	for (int i = 0; i < VALUE_COUNT; i++) {
		if (value_at(&rules->rules[index].values, i) == LIMIT_NONE)
			continue;
		int64_t id = superseded_by(rules, index, i, now);
		if (id == 0)
			return 0;
		by = id;
	}
	return by;
}

/* An operator's number replaces the profile's; of several scopes the tightest stays. */
static void apply_rule(struct caps *caps, const struct limit_rules *rules, size_t index,
		       int64_t now)
{
	const struct limit_rule *rule = &rules->rules[index];
	for (int i = 0; i < VALUE_COUNT; i++) {
		int64_t count = value_at(&rule->values, i);
		struct cap *cap = cap_at(caps, i);
		if (count == LIMIT_NONE || is_superseded(rules, index, i, now) ||
		    (cap->origin == ORIGIN_OPERATOR && cap->count <= count))
			continue;
		*cap = (struct cap){count, rule->until_ms, rule->id, ORIGIN_OPERATOR};
	}
	if (rule->until_ms < caps->next_change_ms)
		caps->next_change_ms = rule->until_ms;
}

void cap_tighten(struct cap *cap, int64_t count, enum limit_origin origin, int64_t until_ms)
{
	if (count == LIMIT_NONE || (cap->count != LIMIT_NONE && cap->count <= count))
		return;
	*cap = (struct cap){count, until_ms, 0, origin};
}

static void apply_profile(struct caps *caps, const struct limit_values *v)
{
	for (int i = 0; i < VALUE_COUNT; i++)
		cap_tighten(cap_at(caps, i), value_at(v, i), ORIGIN_PROFILE, LIMIT_FOREVER);
}

void limit_resolve(const struct limit_rules *rules, const struct limit_scope *scope,
		   const struct limit_values *profile, int64_t now, struct caps *caps_out)
{
	struct caps caps;
	caps_init(&caps);
	if (scope->level == LEVEL_LANE) {
		if (profile != NULL)
			apply_profile(&caps, profile);
		if (caps.connections.count == LIMIT_NONE)
			cap_tighten(&caps.connections, LIMIT_DEFAULT_CONNECTIONS, ORIGIN_DEFAULT,
				    LIMIT_FOREVER);
	}
	for (size_t i = 0; rules != NULL && i < rules->count; i++) {
		const struct limit_rule *rule = &rules->rules[i];
		if (rule->until_ms > now && limit_rule_matches(rule, scope))
			apply_rule(&caps, rules, i, now);
	}
	*caps_out = caps;
}

/* -- the past -- */

/* The profile as it was at that time; *kept has room for it. */
static const struct limit_values *profile_at(const struct limit_history *history,
					     const struct limit_scope *scope,
					     const struct limit_values *profile, int64_t at,
					     struct limit_values *kept)
{
	for (size_t i = 0; i < history->profile_count; i++) {
		const struct limit_past_profile *p = &history->profiles[i];
		if (p->until_ms <= at || str_is_empty(scope->provider) ||
		    !str_equals(p->provider, scope->provider))
			continue;
		if (profile != NULL)
			*kept = *profile;
		else
			limit_values_init(kept);
		kept->connections = p->connections;
		return kept;
	}
	return profile;
}

static struct caps caps_at(const struct limit_history *history, const struct limit_scope *scope,
			   const struct limit_values *profile, int64_t at)
{
	struct limit_values kept;
	struct limit_rule *rules = xcalloc(history->count + 1, sizeof(*rules));
	struct limit_rules held = {rules, 0};
	struct caps caps;
	for (size_t i = 0; i < history->count; i++)
		if (history->items[i].set_ms <= at)
			rules[held.count++] = history->items[i].rule;
	limit_resolve(&held, scope, profile_at(history, scope, profile, at, &kept), at, &caps);
	free(rules);
	return caps;
}

static void loosen(struct caps *most, struct caps *caps)
{
	for (int i = 0; i < VALUE_COUNT; i++) {
		struct cap *have = cap_at(most, i);
		const struct cap *cap = cap_at(caps, i);
		if (have->count != LIMIT_NONE &&
		    (cap->count == LIMIT_NONE || cap->count > have->count))
			*have = *cap;
	}
}

/* When something changed: when each rule was set and ended, when each profile did. */
static int64_t changed_at(const struct limit_history *history, size_t i)
{
	if (i >= 2 * history->count)
		return history->profiles[i - 2 * history->count].until_ms;
	const struct limit_past *p = &history->items[i / 2];
	return i % 2 ? p->set_ms : p->rule.until_ms;
}

struct caps limit_most(const struct limit_history *history, const struct limit_scope *scope,
		       const struct limit_values *profile, int64_t from_ms, int64_t to_ms)
{
	struct caps most = caps_at(history, scope, profile, from_ms);
	for (size_t i = 0; i < 2 * history->count + history->profile_count; i++) {
		int64_t at = changed_at(history, i);
		if (at <= from_ms || at > to_ms)
			continue;
		struct caps caps = caps_at(history, scope, profile, at);
		loosen(&most, &caps);
	}
	return most;
}

int64_t limit_most_connections(const struct limit_history *history, const struct limit_scope *scope,
			       const struct limit_values *profile, int64_t from_ms, int64_t to_ms)
{
	return limit_most(history, scope, profile, from_ms, to_ms).connections.count;
}

/* -- new connections that are not saved -- */

/* What all lanes under the cap may be ahead is an eighth of it, where they are not too many: so
 * many are reckoned with, whatever is set up, as another process may have had it otherwise. */
static int64_t lanes_under(enum limit_level level)
{
	switch (level) {
	case LEVEL_SOURCE:
	case LEVEL_PROVIDER:
		return 8;
	case LEVEL_NODE:
		return 32;
	case LEVEL_LANE:
	case LEVEL_DOMAIN:
	case LEVEL_CAMPAIGN:
		break;
	}
	return 1;
}

int64_t limit_connects_ahead(const struct caps *caps, enum limit_level level)
{
	int64_t ahead = LIMIT_CONNECTS_AHEAD;
	for (int p = LIMIT_HOUR; p <= LIMIT_DAY; p++) {
		int64_t cap = caps->new_connections[p].count;
		int64_t part = cap / (8 * lanes_under(level));
		if (cap != LIMIT_NONE && part < ahead)
			ahead = part;
	}
	return ahead > 1 ? ahead : 1;
}
