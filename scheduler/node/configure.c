/* SPDX-License-Identifier: MIT */
/* Settings to struct node_settings; see configure.h. */
#include "scheduler/node/configure.h"

#include <unistd.h>

#include "scheduler/settings.h"

#define HORIZON_MS 1500
/* How long the database is waited for at the end. */
#define STOP_LEDGER_MS 10000

static size_t cores(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);
	return n < 1 ? 1 : (size_t)n;
}

static size_t count_or(const struct conf *c, enum setting key, size_t fallback)
{
	int64_t n = conf_number(c, key);
	return n > 0 ? (size_t)n : fallback;
}

static struct smtp_timeouts timeouts_of(const struct conf *c)
{
	struct smtp_timeouts t = smtp_timeouts_default;
	t.connect_ms = conf_number(c, SETTING_TIMEOUT_CONNECT);
	t.banner_ms = conf_number(c, SETTING_TIMEOUT_BANNER);
	t.ehlo_ms = conf_number(c, SETTING_TIMEOUT_EHLO);
	t.starttls_ms = conf_number(c, SETTING_TIMEOUT_STARTTLS);
	t.auth_ms = conf_number(c, SETTING_TIMEOUT_AUTH);
	t.mail_ms = conf_number(c, SETTING_TIMEOUT_MAIL);
	t.rcpt_ms = conf_number(c, SETTING_TIMEOUT_RCPT);
	t.data_ms = conf_number(c, SETTING_TIMEOUT_DATA);
	t.body_ms = conf_number(c, SETTING_TIMEOUT_BODY);
	t.dot_ms = conf_number(c, SETTING_TIMEOUT_DOT);
	t.rset_ms = conf_number(c, SETTING_TIMEOUT_RSET);
	t.quit_ms = conf_number(c, SETTING_TIMEOUT_QUIT);
	t.close_ms = conf_number(c, SETTING_CLOSE_MS);
	return t;
}

static struct worker_settings worker_of(const struct conf *c, size_t workers)
{
	return (struct worker_settings){
		.timeouts = timeouts_of(c),
		.idle_ms = conf_number(c, SETTING_SMTP_IDLE_MS),
		.grace_ms = conf_number(c, SETTING_STOP_MS),
		.park_ms = conf_number(c, SETTING_PARK_MS),
		.flush_ms = conf_number(c, SETTING_LEDGER_FLUSH_MS),
		.compose_budget = conf_number(c, SETTING_BUDGET_COMPOSE),
		.max_sessions = (size_t)conf_number(c, SETTING_BUDGET_SESSIONS) / workers + 1,
		.may_pipeline = conf_number(c, SETTING_SMTP_PIPELINING) != 0,
		.may_overlap = conf_number(c, SETTING_SMTP_OVERLAP) != 0,
	};
}

static int dns_of(const struct conf *c, struct node_configuration *out, struct err *err)
{
	struct resolver_options *dns = &out->settings.dns;
	int allowed = settings_parse_ranges(conf_text(c, SETTING_DNS_ALLOW), out->allowed, err);
	if (allowed < 0)
		return -1;
	*dns = resolver_options_default();
	dns->servers = conf_text(c, SETTING_DNS_SERVERS);
	dns->policy.allowed = out->allowed;
	dns->policy.allowed_count = (size_t)allowed;
	dns->attempt_ms = conf_number(c, SETTING_DNS_ATTEMPT_MS);
	dns->total_ms = conf_number(c, SETTING_DNS_TOTAL_MS);
	dns->ttl_min_ms = conf_number(c, SETTING_DNS_TTL_MIN_MS);
	dns->ttl_max_ms = conf_number(c, SETTING_DNS_TTL_MAX_MS);
	dns->negative_max_ms = conf_number(c, SETTING_DNS_NEGATIVE_MAX_MS);
	dns->failure_ms = conf_number(c, SETTING_DNS_FAILURE_MS);
	dns->stale_ms = conf_number(c, SETTING_DNS_STALE_MS);
	dns->cache_bytes = (size_t)conf_number(c, SETTING_DNS_CACHE);
	dns->in_flight_max = (size_t)conf_number(c, SETTING_DNS_IN_FLIGHT);
	return 0;
}

static int settle_of(const struct conf *c, struct settle_policy *out, struct err *err)
{
	int64_t waits_ms[SETTINGS_RETRY_MAX];
	int count = settings_parse_schedule(conf_text(c, SETTING_RETRY_SCHEDULE), waits_ms, err);
	if (count < 0)
		return -1;
	for (int i = 0; i < count; i++)
		out->schedule.delays_s[i] = (int32_t)((waits_ms[i] + 999) / 1000);
	out->schedule.count = (size_t)count;
	out->unknown_retry_after_ms = conf_number(c, SETTING_UNKNOWN_RETRY_AFTER_MS);
	return 0;
}

static int hours_of(const struct conf *c, struct node_settings *s, struct err *err)
{
	struct calendar_hours hours;
	struct str zone;
	s->hours = conf_text(c, SETTING_SENDING_HOURS);
	s->hours_zone[0] = '\0';
	if (s->hours.len == 0)
		return 0;
	if (calendar_parse_zoned(s->hours, &hours, &zone, err) != 0)
		return -1;
	return str_to_cstr(zone, s->hours_zone, sizeof(s->hours_zone));
}

static void brake_of(const struct conf *c, struct brake_policy *out)
{
	static const enum setting limits[BRAKE_KIND_COUNT] = {
		[BRAKE_BOUNCED] = SETTING_BRAKE_BOUNCED,
		[BRAKE_BLOCKED] = SETTING_BRAKE_BLOCKED,
		[BRAKE_UNAUTHENTICATED] = SETTING_BRAKE_UNAUTHENTICATED,
	};
	for (int kind = 0; kind < BRAKE_KIND_COUNT; kind++)
		out->limits[kind] = (double)conf_number(c, limits[kind]) / 100;
	out->canary = (double)conf_number(c, SETTING_BRAKE_CANARY) / 100;
	out->least = conf_number(c, SETTING_BRAKE_LEAST);
}

static void ledger_of(const struct conf *c, struct node_settings *s)
{
	s->journal_mode = conf_number(c, SETTING_JOURNAL_SYNC) == 0 ? JOURNAL_SYNC_PROCESS
								    : JOURNAL_SYNC_BATCH;
	s->journal_segment_bytes = (size_t)conf_number(c, SETTING_JOURNAL_SEGMENT);
	s->flush_ms = conf_number(c, SETTING_LEDGER_FLUSH_MS);
	s->unknown_retry_after_ms = conf_number(c, SETTING_UNKNOWN_RETRY_AFTER_MS);
	s->overdue_ms = conf_number(c, SETTING_LEDGER_OVERDUE_MS);
	s->flush_outcomes = (int)conf_number(c, SETTING_LEDGER_FLUSH_OUTCOMES);
	s->max_open = (int)conf_number(c, SETTING_LEDGER_MAX_OPEN);
	s->keep_outcomes_days = (int32_t)conf_number(c, SETTING_KEEP_OUTCOMES_DAYS);
	s->times = (struct lease_times){.lease_ms = conf_number(c, SETTING_LEDGER_LEASE_MS),
					.beat_ms = conf_number(c, SETTING_LEDGER_BEAT_MS),
					.margin_ms = conf_number(c, SETTING_LEDGER_MARGIN_MS)};
	s->first_credits = (int)conf_number(c, SETTING_LEDGER_FIRST_CREDITS);
	s->stop_timeout_ms = STOP_LEDGER_MS;
}

int node_configure(struct conf *conf, struct node_configuration *out, struct err *err)
{
	struct node_settings *s = &out->settings;
	*out = (struct node_configuration){0};
	struct settle_policy settle = {.node = 0};
	if (settings_check(conf, err) != 0 || dns_of(conf, out, err) != 0 ||
	    settle_of(conf, &settle, err) != 0 || hours_of(conf, s, err) != 0)
		return -1;
	size_t processors = cores();
	s->workers = count_or(conf, SETTING_WORKERS, processors > 1 ? processors - 1 : 1);
	s->composers = count_or(conf, SETTING_COMPOSERS, processors);
	s->smtp_port = (uint16_t)conf_number(conf, SETTING_SMTP_PORT);
	s->tls = (enum tls_mode)conf_number(conf, SETTING_SMTP_TLS);
	s->worker = worker_of(conf, s->workers);
	s->worker.settle = settle;
	ledger_of(conf, s);
	brake_of(conf, &s->brake);
	s->horizon_ms = HORIZON_MS;
	s->leased_budget = (size_t)conf_number(conf, SETTING_BUDGET_LEASED);
	struct str ca_file = conf_text(conf, SETTING_SMTP_CA_FILE);
	struct str command = conf_text(conf, SETTING_ALERT_COMMAND);
	s->alert_command = command.len ? command.ptr : NULL;
	s->ca_file = ca_file.len ? ca_file.ptr : NULL;
	s->standing_ms = conf_number(conf, SETTING_SOURCES_CHECK_MS);
	_Static_assert(SETTINGS_LISTS_MAX <= STANDING_LISTS_MAX, "all lists are asked");
	int lists = settings_parse_lists(conf_text(conf, SETTING_SOURCES_DNSBL), s->dnsbl, err);
	must(lists >= 0); /* the table has checked it */
	s->dnsbl_count = (size_t)lists;
	out->conf = conf_hold(conf);
	return 0;
}

void node_configuration_done(struct node_configuration *c)
{
	conf_drop(c->conf);
	*c = (struct node_configuration){0};
}
