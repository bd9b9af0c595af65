/* SPDX-License-Identifier: MIT */
/*
 * The settings of edm: the one table of keys. The manual page scheduler/cli/help/settings.md says
 * the same to people; a test holds the two against each other.
 *
 * Read a value with conf_number(conf, SETTING_PARK_MS) or conf_text(conf, SETTING_DNS_SERVERS). The
 * minima are low so that tests can make time pass faster; what is wise stands in the manual.
 */
#ifndef EDM_SCHEDULER_SETTINGS_H
#define EDM_SCHEDULER_SETTINGS_H

#include "engine/base/conf.h"
#include "engine/base/ip.h"

/* X(id, name, kind, default, min, max, scope, may be reloaded, help). Kinds stand in settings.c. */
#define SETTINGS(X)                                                                                \
	SETTINGS_NODE(X)                                                                           \
	SETTINGS_SMTP(X)                                                                           \
	SETTINGS_DNS(X)                                                                            \
	SETTINGS_LEDGER(X)                                                                         \
	SETTINGS_CAMPAIGNS(X)

#define SETTINGS_NODE(X)                                                                           \
	X(WORKERS, "workers", INT, "0", 0, 64, NODE, false,                                        \
	  "Threads that talk SMTP; 0: one per core but one, at least one.")                        \
	X(COMPOSERS, "composers", INT, "0", 0, 64, NODE, false,                                    \
	  "Threads that compose and sign; 0: one per core.")                                       \
	X(LOG_LEVEL, "log.level", LEVEL, "info", 0, 0, NODE, true,                                 \
	  "What is logged: this level and those before it.")                                       \
	X(JOURNAL_SYNC, "journal.sync", SYNC, "process", 0, 0, NODE, false,                        \
	  "process: the journal survives kill -9; batch: also a loss of power, at the cost of an " \
	  "fdatasync a turn.")                                                                     \
	X(JOURNAL_SEGMENT, "journal.segment", SIZE, "8M", 4096, 268435456, NODE, false,            \
	  "Size past which a file of the journal is closed; it goes once the database has all "    \
	  "of it.")                                                                                \
	X(STOP_MS, "stop_ms", DURATION, "30s", 0, 3600000, NODE, true,                             \
	  "How long transactions under way may take to end when the node stops.")                  \
	X(PARK_MS, "park_ms", DURATION, "20s", 10, 3600000, NODE, true,                            \
	  "How long a recipient in hand waits for its lane before it goes back.")                  \
	X(BUDGET_LEASED, "budget.leased", INT, "100000", 1000, 10000000, NODE, true,               \
	  "Recipients in hand at most.")                                                           \
	X(BUDGET_COMPOSE, "budget.compose", SIZE, "16M", 1048576, 4294967296, NODE, true,          \
	  "Bytes of composed messages not yet handed to the kernel, at most.")                     \
	X(BUDGET_SESSIONS, "budget.sessions", INT, "4000", 1, 200000, NODE, true,                  \
	  "SMTP connections of the node at most.")                                                 \
	X(ALERT_COMMAND, "alert.command", STRING, "", 0, 4096, NODE, true,                         \
	  "Command that gets each alert as JSON on its standard input; empty: only the log.")

#define SETTINGS_SMTP(X)                                                                           \
	X(SMTP_PORT, "smtp.port", INT, "25", 1, 65535, NODE, true,                                 \
	  "Port of mail exchangers; a route names its own.")                                       \
	X(SMTP_TLS, "smtp.tls", TLS, "opportunistic", 0, 0, SHARED, true,                          \
	  "TLS where neither provider nor route says otherwise.")                                  \
	X(SMTP_CA_FILE, "smtp.ca_file", STRING, "", 0, 4096, NODE, false,                          \
	  "File of trusted certificates for verified TLS; empty: the system's.")                   \
	X(SMTP_OVERLAP, "smtp.overlap", BOOL, "on", 0, 0, SHARED, true,                            \
	  "Let the next envelope ride with the body where the receiver allows it.")                \
	X(SMTP_PIPELINING, "smtp.pipelining", BOOL, "on", 0, 0, SHARED, true,                      \
	  "Use PIPELINING where it is offered.")                                                   \
	X(SMTP_IDLE_MS, "smtp.idle_ms", DURATION, "10s", 0, 300000, NODE, true,                    \
	  "How long an idle connection is kept.")                                                  \
	X(TIMEOUT_CONNECT, "timeout.connect_ms", DURATION, "30s", 10, 3600000, NODE, true,         \
	  "Wait for a TCP connection.")                                                            \
	X(TIMEOUT_BANNER, "timeout.banner_ms", DURATION, "60s", 10, 3600000, NODE, true,           \
	  "Wait for the greeting.")                                                                \
	X(TIMEOUT_EHLO, "timeout.ehlo_ms", DURATION, "120s", 10, 3600000, NODE, true,              \
	  "Wait for the reply to EHLO or HELO.")                                                   \
	X(TIMEOUT_STARTTLS, "timeout.starttls_ms", DURATION, "60s", 10, 3600000, NODE, true,       \
	  "Wait for the reply to STARTTLS, and again for the handshake.")                          \
	X(TIMEOUT_AUTH, "timeout.auth_ms", DURATION, "120s", 10, 3600000, NODE, true,              \
	  "Wait for each reply to AUTH.")                                                          \
	X(TIMEOUT_MAIL, "timeout.mail_ms", DURATION, "300s", 10, 3600000, NODE, true,              \
	  "Wait for the reply to MAIL.")                                                           \
	X(TIMEOUT_RCPT, "timeout.rcpt_ms", DURATION, "300s", 10, 3600000, NODE, true,              \
	  "Wait for the reply to RCPT.")                                                           \
	X(TIMEOUT_DATA, "timeout.data_ms", DURATION, "120s", 10, 3600000, NODE, true,              \
	  "Wait for the reply to DATA.")                                                           \
	X(TIMEOUT_BODY, "timeout.body_ms", DURATION, "180s", 10, 3600000, NODE, true,              \
	  "Wait for any progress while the message is written.")                                   \
	X(TIMEOUT_DOT, "timeout.dot_ms", DURATION, "600s", 10, 3600000, NODE, true,                \
	  "Wait for the reply to the final dot; below 5 minutes messages may be sent twice.")      \
	X(TIMEOUT_RSET, "timeout.rset_ms", DURATION, "20s", 10, 3600000, NODE, true,               \
	  "Wait for the reply to RSET.")                                                           \
	X(TIMEOUT_QUIT, "timeout.quit_ms", DURATION, "2s", 10, 3600000, NODE, true,                \
	  "Wait for the reply to QUIT.")                                                           \
	X(CLOSE_MS, "close_ms", DURATION, "2s", 10, 600000, NODE, true,                            \
	  "How long a connection counts after we closed it, if the peer does not close.")

#define SETTINGS_DNS(X)                                                                            \
	X(DNS_SERVERS, "dns.servers", SERVERS, "", 0, 1024, NODE, false,                           \
	  "Recursive name servers, ADDRESS or ADDRESS:PORT, by comma; empty: /etc/resolv.conf.")   \
	X(DNS_ALLOW, "dns.allow", RANGES, "", 0, 4096, NODE, true,                                 \
	  "Private or loopback ranges (by comma) that mail may be sent to all the same.")          \
	X(DNS_ATTEMPT_MS, "dns.attempt_ms", DURATION, "2500ms", 10, 60000, NODE, false,            \
	  "Wait for one name server before the next is asked.")                                    \
	X(DNS_TOTAL_MS, "dns.total_ms", DURATION, "10s", 10, 300000, NODE, false,                  \
	  "No new attempt for a question after this.")                                             \
	X(DNS_TTL_MIN_MS, "dns.ttl_min_ms", DURATION, "30s", 0, 86400000, NODE, false,             \
	  "Answers are kept at least this long.")                                                  \
	X(DNS_TTL_MAX_MS, "dns.ttl_max_ms", DURATION, "24h", 1000, 604800000, NODE, false,         \
	  "Answers are kept at most this long.")                                                   \
	X(DNS_NEGATIVE_MAX_MS, "dns.negative_max_ms", DURATION, "3h", 1000, 86400000, NODE, false, \
	  "Most that \"does not exist\" is kept.")                                                 \
	X(DNS_FAILURE_MS, "dns.failure_ms", DURATION, "30s", 0, 300000, NODE, false,               \
	  "How long a failure is remembered.")                                                     \
	X(DNS_STALE_MS, "dns.stale_ms", DURATION, "1h", 0, 86400000, NODE, false,                  \
	  "How long a good answer outlives its time while DNS fails.")                             \
	X(DNS_CACHE, "dns.cache", SIZE, "64M", 1048576, 4294967296, NODE, false,                   \
	  "Memory for answers.")                                                                   \
	X(DNS_IN_FLIGHT, "dns.in_flight", INT, "1000", 1, 20000, NODE, false,                      \
	  "Questions asked at a time; more wait in line.")                                         \
	X(SOURCES_DNSBL, "sources.dnsbl", LISTS, "zen.spamhaus.org,bl.spamcop.net", 0, 1024,       \
	  SHARED, true, "Block lists, by comma, that are asked about sources; empty: none.")       \
	X(SOURCES_CHECK_MS, "sources.check_ms", DURATION, "1h", 0, 604800000, SHARED, true,        \
	  "How often a node looks up reverse names and block lists of its sources; 0: never.")

#define SETTINGS_LEDGER(X)                                                                         \
	X(RETRY_SCHEDULE, "retry.schedule", SCHEDULE, "5min,15min,30min,1h,2h,4h,8h", 1, 256,      \
	  SHARED, true, "Waits between attempts, by comma, at most 16; the last one repeats.")     \
	X(UNKNOWN_RETRY_AFTER_MS, "unknown.retry_after_ms", DURATION, "15min", 0, 86400000,        \
	  SHARED, true, "When a campaign with --unknown retry tries an unknown recipient again.")  \
	X(LEDGER_LEASE_MS, "ledger.lease_ms", DURATION, "10s", 500, 600000, SHARED, false,         \
	  "How long a node may send after its last good heartbeat.")                               \
	X(LEDGER_BEAT_MS, "ledger.beat_ms", DURATION, "2s", 50, 60000, SHARED, false,              \
	  "Time between heartbeats.")                                                              \
	X(LEDGER_MARGIN_MS, "ledger.margin_ms", DURATION, "2s", 10, 60000, SHARED, false,          \
	  "How long before the end of its lease a node stops.")                                    \
	X(LEDGER_FLUSH_MS, "ledger.flush_ms", DURATION, "200ms", 1, 10000, NODE, false,            \
	  "Outcomes are written to the database at the latest after this.")                        \
	X(LEDGER_FLUSH_OUTCOMES, "ledger.flush_outcomes", INT, "1000", 1, 10000, NODE, false,      \
	  "Outcomes are written at the latest when there are so many.")                            \
	X(LEDGER_FIRST_CREDITS, "ledger.first_credits", INT, "32", 1, 1000, NODE, false,           \
	  "Recipients of a chunk that may be sent to as soon as it is claimed (K).")               \
	X(LEDGER_MAX_OPEN, "ledger.max_open", INT, "8192", 32, 1000000, NODE, false,               \
	  "Recipients that may be under way and not accounted for at most (U): half as many "      \
	  "again as budget.sessions, or more.")                                                    \
	X(LEDGER_OVERDUE_MS, "ledger.overdue_ms", DURATION, "5s", 10, 600000, SHARED, true,        \
	  "Retries are packed to chunks at the latest when the oldest is so late.")                \
	X(KEEP_OUTCOMES_DAYS, "keep.outcomes_days", INT, "400", 1, 36500, SHARED, true,            \
	  "Days that outcomes are kept; counters stay.")

#define SETTINGS_CAMPAIGNS(X)                                                                      \
	X(SENDING_HOURS, "sending.hours", HOURS, "", 0, 250, SHARED, true,                         \
	  "Hours in which campaigns are sent, with the zone of their clock, as Mon-Fri "           \
	  "09:00-18:00 Asia/Shanghai; empty: always.")                                             \
	X(BRAKE_BOUNCED, "brake.bounced_percent", INT, "10", 0, 100, SHARED, true,                 \
	  "A campaign is paused when more than this bounces at a provider; 0: never.")             \
	X(BRAKE_BLOCKED, "brake.blocked_percent", INT, "25", 0, 100, SHARED, true,                 \
	  "A campaign is paused when more than this is blocked or rejected; 0: never.")            \
	X(BRAKE_UNAUTHENTICATED, "brake.unauthenticated_percent", INT, "5", 0, 100, SHARED, true,  \
	  "A campaign is paused when more than this fails SPF, DKIM or DMARC; 0: never.")          \
	X(BRAKE_CANARY, "brake.canary_percent", INT, "1", 0, 100, SHARED, true,                    \
	  "Per cent of its people at a provider that are tried before it is judged there.")        \
	X(BRAKE_LEAST, "brake.least", INT, "100", 1, 1000000, SHARED, true,                        \
	  "Attempts at a provider, at least, before it is judged there.")

enum setting {
#define X(id, ...) SETTING_##id,
	SETTINGS(X)
#undef X
		SETTING_COUNT
};

/* The numbers of log.level, journal.sync and smtp.tls are those of enum log_level (engine/base),
 * journal_mode (ledger) and tls_mode (engine/smtp). */
extern const struct conf_key settings_table[SETTING_COUNT];

/* All settings at their defaults. */
struct conf *settings_new(void);
/* What must hold between several keys (a beat fits into a lease, …); after all are set. */
int settings_check(const struct conf *c, struct err *err) NODISCARD;

#define SETTINGS_RETRY_MAX 16
/* "5min,15min,1h" to waits in ms; returns how many (1 … SETTINGS_RETRY_MAX), or -1 and err. */
int settings_parse_schedule(struct str s, int64_t waits_ms[SETTINGS_RETRY_MAX],
			    struct err *err) NODISCARD;
#define SETTINGS_LISTS_MAX 8
#define SETTINGS_RANGES_MAX 32
/* Names by comma, with spaces or not; how many, or -1 and err. */
int settings_parse_lists(struct str s, struct str lists[SETTINGS_LISTS_MAX],
			 struct err *err) NODISCARD;
/* "127.0.0.0/8,10.1.0.0/16" to ranges; returns how many, or -1 and err. */
int settings_parse_ranges(struct str s, struct ip_range ranges[SETTINGS_RANGES_MAX],
			  struct err *err) NODISCARD;

#endif
