/* SPDX-License-Identifier: MIT */
/* The table of settings and what must hold between them; see settings.h. */
#include "scheduler/settings.h"

#include "engine/base/calendar.h"

static int check_schedule(struct str value, struct err *err);
static int check_ranges(struct str value, struct err *err);
static int check_servers(struct str value, struct err *err);
static int check_hours(struct str value, struct err *err);
static int check_lists(struct str value, struct err *err);

/* What a kind of the table is to conf: its type, its words in the order of the enum they stand
 * for, its own check. */
#define KIND_BOOL .type = CONF_BOOL
#define KIND_INT .type = CONF_INT
#define KIND_DURATION .type = CONF_DURATION
#define KIND_SIZE .type = CONF_SIZE
#define KIND_STRING .type = CONF_STRING
#define KIND_LEVEL .type = CONF_ENUM, .choices = "error|warn|info|debug|wire"
#define KIND_SYNC .type = CONF_ENUM, .choices = "process|batch"
#define KIND_TLS .type = CONF_ENUM, .choices = "none|opportunistic|required|verified"
#define KIND_SCHEDULE .type = CONF_STRING, .check = check_schedule
#define KIND_RANGES .type = CONF_STRING, .check = check_ranges
#define KIND_SERVERS .type = CONF_STRING, .check = check_servers
#define KIND_HOURS .type = CONF_STRING, .check = check_hours
#define KIND_LISTS .type = CONF_STRING, .check = check_lists

const struct conf_key settings_table[SETTING_COUNT] = {
#define X(id, key, kind, text, least, most, where, reloadable, sentence)                           \
	[SETTING_##id] = {.name = key,                                                             \
			  KIND_##kind,                                                             \
			  .preset = text,                                                          \
			  .min = least,                                                            \
			  .max = most,                                                             \
			  .scope = CONF_##where,                                                   \
			  .is_reloadable = reloadable,                                             \
			  .help = sentence},
	SETTINGS(X)
#undef X
};

struct conf *settings_new(void)
{
	return conf_new(settings_table, SETTING_COUNT);
}

/* A rule between two keys: low stays at or below times/parts of high. */
struct bound {
	enum setting low, high;
	int64_t times, parts;
	const char *of; /* the same in words */
	const char *why;
};

static const struct bound bounds[] = {
	{SETTING_LEDGER_BEAT_MS, SETTING_LEDGER_LEASE_MS, 1, 3, "a third of ",
	 "a lease must outlive two lost beats"},
	{SETTING_LEDGER_MARGIN_MS, SETTING_LEDGER_LEASE_MS, 1, 2, "half of ",
	 "nothing would be left of a lease to send in"},
	{SETTING_LEDGER_FIRST_CREDITS, SETTING_LEDGER_MAX_OPEN, 1, 1, "",
	 "a claim opens so many at once"},
	{SETTING_BUDGET_SESSIONS, SETTING_LEDGER_MAX_OPEN, 2, 3, "two thirds of ",
	 "connections would wait for people that may be under way"},
	{SETTING_DNS_TTL_MIN_MS, SETTING_DNS_TTL_MAX_MS, 1, 1, "", "the least is above the most"},
	{SETTING_DNS_ATTEMPT_MS, SETTING_DNS_TOTAL_MS, 1, 1, "", "no attempt would end in time"},
};

int settings_check(const struct conf *c, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
		const struct bound *b = &bounds[i];
		if (conf_number(c, b->low) * b->parts <= conf_number(c, b->high) * b->times)
			continue;
		return err_set(err, ERR_CONFIG, "%s = %s (%s) is above %s%s = %s (%s): %s",
			       settings_table[b->low].name, conf_text(c, b->low).ptr,
			       conf_place(c, b->low), b->of, settings_table[b->high].name,
			       conf_text(c, b->high).ptr, conf_place(c, b->high), b->why);
	}
	return 0;
}

int settings_parse_schedule(struct str s, int64_t waits_ms[SETTINGS_RETRY_MAX], struct err *err)
{
	int count = 0;
	while (s.len > 0) {
		struct str one = str_trim(str_take_until(&s, ','));
		if (count == SETTINGS_RETRY_MAX)
			return err_set(err, ERR_CONFIG, "more than %d waits", SETTINGS_RETRY_MAX);
		if (conf_duration_parse(one, &waits_ms[count]) != 0 || waits_ms[count] == 0)
			return err_set(err, ERR_CONFIG, "\"%.*s\" is no wait; write 5min,30min,2h",
				       STR_ARG(one));
		count++;
	}
	if (count == 0)
		return err_set(err, ERR_CONFIG, "at least one wait is needed: 5min,30min,2h");
	return count;
}

int settings_parse_ranges(struct str s, struct ip_range ranges[SETTINGS_RANGES_MAX],
			  struct err *err)
{
	int count = 0;
	while (s.len > 0) {
		struct str one = str_trim(str_take_until(&s, ','));
		if (count == SETTINGS_RANGES_MAX)
			return err_set(err, ERR_CONFIG, "more than %d ranges", SETTINGS_RANGES_MAX);
		if (ip_range_parse(one, &ranges[count]) != 0)
			return err_set(err, ERR_CONFIG,
				       "\"%.*s\" is no range; write 10.0.0.0/8,fd00::/8",
				       STR_ARG(one));
		count++;
	}
	return count;
}

static bool is_zone(struct str name)
{
	bool is_dotted = str_find_char(name, '.') > 0;
	for (size_t i = 0; i < name.len; i++)
		if (!ascii_is_alnum(name.ptr[i]) && name.ptr[i] != '.' && name.ptr[i] != '-' &&
		    name.ptr[i] != '_')
			return false;
	return is_dotted && name.len <= 200;
}

int settings_parse_lists(struct str s, struct str lists[SETTINGS_LISTS_MAX], struct err *err)
{
	int count = 0;
	while (s.len > 0) {
		struct str one = str_trim(str_take_until(&s, ','));
		if (!is_zone(one))
			return err_set(err, ERR_CONFIG, "\"%.*s\" is no name of a block list",
				       STR_ARG(one));
		if (count == SETTINGS_LISTS_MAX)
			return err_set(err, ERR_CONFIG, "at most %d block lists",
				       SETTINGS_LISTS_MAX);
		lists[count++] = one;
	}
	return count;
}

static int check_schedule(struct str value, struct err *err)
{
	int64_t waits_ms[SETTINGS_RETRY_MAX];
	return settings_parse_schedule(value, waits_ms, err) < 0 ? -1 : 0;
}

static int check_ranges(struct str value, struct err *err)
{
	struct ip_range ranges[SETTINGS_RANGES_MAX];
	return settings_parse_ranges(value, ranges, err) < 0 ? -1 : 0;
}

static int check_servers(struct str value, struct err *err)
{
	while (value.len > 0) {
		struct ip_port at;
		struct str one = str_trim(str_take_until(&value, ','));
		if (ip_port_parse(one, 53, &at) != 0)
			return err_set(err, ERR_CONFIG, "\"%.*s\" is not ADDRESS or ADDRESS:PORT",
				       STR_ARG(one));
	}
	return 0;
}

static int check_hours(struct str value, struct err *err)
{
	struct calendar_hours hours;
	struct str zone;
	return value.len == 0 ? 0 : calendar_parse_zoned(value, &hours, &zone, err);
}

static int check_lists(struct str value, struct err *err)
{
	struct str lists[SETTINGS_LISTS_MAX];
	return settings_parse_lists(value, lists, err) < 0 ? -1 : 0;
}
