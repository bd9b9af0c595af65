/* SPDX-License-Identifier: MIT */
/* The checks of doctor that need no DNS; see doctor.h. */
#include "scheduler/setup/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/pg/blocking.h"
#include "scheduler/settings.h"
#include "scheduler/setup/doctor_private.h"
#include "scheduler/setup/migrate.h"
#include "scheduler/setup/private_pg.h"
#include "scheduler/setup/reply_rules.h"
#include "scheduler/setup/secrets.h"

/* Files of a node besides its connections: journal, database, DNS, libraries. */
#define FILES_BESIDES 256
#define CLOCK_OFF_MAX_US 5000000
#define DISK_FAIL_BYTES (100u << 20)
#define DISK_WARN_BYTES (2048u << 20)
#define DOT_SAFE_MS 300000

void doctor_add(struct doctor_report *report, enum doctor_level level, const char *check,
		const char *fmt, ...)
{
	if (report->count == DOCTOR_FINDINGS_MAX)
		return;
	struct buf text;
	va_list ap;
	buf_init(&text, 2048);
	va_start(ap, fmt);
	buf_appendfv(&text, fmt, ap);
	va_end(ap);
	struct doctor_finding *f = &report->findings[report->count++];
	f->level = level;
	f->check = arena_cstr(&report->arena, str_from(check));
	f->text = arena_cstr(&report->arena, buf_str(&text));
	buf_done(&text);
}

static struct pg_blocking *check_database(const struct doctor_options *o,
					  struct doctor_report *report)
{
	const struct place *place = o->place;
	struct err err;
	if (place->is_private && !private_pg_exists(place->data_dir)) {
		doctor_add(report, DOCTOR_FAIL, "database",
			   "there is none in %s: run edm init, or name one with --database",
			   place->data_dir);
		return NULL;
	}
	struct pg_blocking *db = pg_open_blocking(place->database_url, "edm doctor", &err);
	if (db == NULL) {
		doctor_add(report, DOCTOR_FAIL, "database", "%s is not reachable: %s%s",
			   place->shown, err.text,
			   place->is_private ? "; edm init or edm run starts it" : "");
		return NULL;
	}
	if (migrate_check(db, &err) != 0) {
		doctor_add(report, DOCTOR_FAIL, "database", "%s: %s", place->shown, err.text);
		pg_close_blocking(db);
		return NULL;
	}
	doctor_add(report, DOCTOR_OK, "database", "%s answers and is migrated", place->shown);
	return db;
}

static bool is_synchronised(void)
{
	struct timex state = {0};
	return adjtimex(&state) >= 0 && (state.status & STA_UNSYNC) == 0;
}

static void check_clock(struct pg_blocking *db, struct doctor_report *report)
{
	struct pg_rows *rows = NULL;
	struct err err;
	if (db != NULL && pg_run(db, "setup/clock", NULL, &rows, &err) == 0) {
		int64_t off_us = clock_wall_us() - pg_time(rows, 0, 0);
		pg_rows_free(rows);
		if (off_us > CLOCK_OFF_MAX_US || off_us < -CLOCK_OFF_MAX_US) {
			doctor_add(report, DOCTOR_WARN, "clock",
				   "differs from the database's by %jd s: set both by NTP",
				   (intmax_t)(off_us / 1000000));
			return;
		}
	}
	if (is_synchronised())
		doctor_add(report, DOCTOR_OK, "clock", "is set by NTP");
	else
		doctor_add(report, DOCTOR_WARN, "clock",
			   "is not known to be right, and Date: headers come from it: run chrony "
			   "or systemd-timesyncd");
}

static void check_files(const struct doctor_options *o, struct doctor_report *report)
{
	struct rlimit limit;
	int64_t needed = conf_number(o->settings, SETTING_BUDGET_SESSIONS) + FILES_BESIDES;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= (rlim_t)needed)
		doctor_add(report, DOCTOR_OK, "open files", "the limit covers budget.sessions");
	else
		doctor_add(report, DOCTOR_FAIL, "open files",
			   "the limit is %ju, budget.sessions needs %jd: raise it (ulimit -n, "
			   "LimitNOFILE=) or lower the setting",
			   (uintmax_t)limit.rlim_cur, (intmax_t)needed);
}

static void check_disk(const struct doctor_options *o, struct doctor_report *report)
{
	struct statvfs fs;
	const char *dir = o->place->data_dir;
	if (statvfs(dir, &fs) != 0) {
		doctor_add(report, DOCTOR_FAIL, "disk", "cannot look at %s: %s; edm init makes it",
			   dir, strerror(errno));
		return;
	}
	uint64_t free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	enum doctor_level level = free_bytes < DISK_FAIL_BYTES	 ? DOCTOR_FAIL
				  : free_bytes < DISK_WARN_BYTES ? DOCTOR_WARN
								 : DOCTOR_OK;
	doctor_add(report, level, "disk", "%ju MiB free for %s%s", (uintmax_t)(free_bytes >> 20),
		   dir, level == DOCTOR_OK ? "" : ": make room, a full disk stops the node");
}

/* The journal is written in the data directory or below it: a write and an fsync must work. */
static void check_journal(const struct doctor_options *o, struct doctor_report *report)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/.doctor-XXXXXX", o->place->data_dir);
	int fd = n < (int)sizeof(path) ? mkostemp(path, O_CLOEXEC) : -1;
	bool is_fine = fd >= 0 && write(fd, "x", 1) == 1 && fsync(fd) == 0;
	int code = errno;
	if (fd >= 0) {
		close(fd);
		unlink(path);
	}
	if (is_fine)
		doctor_add(report, DOCTOR_OK, "journal", "the data directory can be written");
	else
		doctor_add(report, DOCTOR_FAIL, "journal",
			   "cannot write in %s: %s; nothing is sent without a journal",
			   o->place->data_dir, strerror(code));
}

static void check_key(const struct doctor_options *o, struct doctor_report *report)
{
	struct secrets key;
	struct err err;
	if (secrets_load(o->place->data_dir, false, &key, &err) == 0)
		doctor_add(report, DOCTOR_OK, "key file", "is there and only ours to read");
	else if (err.code == ENOENT)
		doctor_add(report, DOCTOR_OK, "key file",
			   "is made when the first secret is stored; copy it to other nodes then");
	else
		doctor_add(report, DOCTOR_FAIL, "key file", "%s", err.text);
	secrets_wipe(&key);
}

static void check_settings(const struct doctor_options *o, struct doctor_report *report)
{
	struct err err;
	if (settings_check(o->settings, &err) != 0)
		doctor_add(report, DOCTOR_FAIL, "settings", "%s", err.text);
	else if (conf_number(o->settings, SETTING_TIMEOUT_DOT) < DOT_SAFE_MS)
		doctor_add(report, DOCTOR_WARN, "settings",
			   "timeout.dot_ms is below 5 minutes (%s): slow receivers will have taken "
			   "what we count as unknown",
			   conf_place(o->settings, SETTING_TIMEOUT_DOT));
	else
		doctor_add(report, DOCTOR_OK, "settings", "make sense together");
}

static size_t load_sources(const struct doctor_options *o, struct pg_blocking *db,
			   struct doctor_source sources[DOCTOR_SOURCES_MAX],
			   struct doctor_report *report)
{
	struct pg_rows *rows = NULL;
	struct pg_params params;
	struct err err;
	size_t count = 0;
	pg_params_init(&params);
	pg_add_text(&params, str_from(o->node_name));
	if (pg_run(db, "setup/doctor_sources", &params, &rows, &err) != 0)
		doctor_add(report, DOCTOR_FAIL, "sources", "%s", err.text);
	pg_params_done(&params);
	for (int i = 0; i < pg_rows_count(rows) && count < DOCTOR_SOURCES_MAX; i++) {
		struct doctor_source *s = &sources[count];
		s->name = arena_cstr(&report->arena, pg_text(rows, i, 0));
		s->ehlo = arena_cstr(&report->arena, pg_text(rows, i, 2));
		if (ip_parse(pg_text(rows, i, 1), &s->address) == 0 &&
		    ip_parse(pg_text(rows, i, 3), &s->public_address) == 0)
			count++;
	}
	if (rows != NULL && count == 0)
		doctor_add(report, DOCTOR_WARN, "sources",
			   "this node has none, so nothing is sent: edm source add");
	pg_rows_free(rows);
	return count;
}

/* Sources of a node that nobody started: mail does not leave from them. */
static void check_strays(const struct doctor_options *o, struct pg_blocking *db,
			 struct doctor_report *report)
{
	struct pg_rows *rows = NULL;
	struct pg_params params;
	struct err err;
	pg_params_init(&params);
	pg_add_text(&params, str_from(o->node_name));
	if (pg_run(db, "setup/stray_sources", &params, &rows, &err) != 0)
		doctor_add(report, DOCTOR_FAIL, "sources", "%s", err.text);
	pg_params_done(&params);
	for (int i = 0; i < pg_rows_count(rows); i++)
		doctor_add(report, DOCTOR_WARN, "sources",
			   "%.*s belongs to node %.*s, which there is not (edm node list): start "
			   "it, or edm source set %.*s --node NODE",
			   STR_ARG(pg_text(rows, i, 0)), STR_ARG(pg_text(rows, i, 1)),
			   STR_ARG(pg_text(rows, i, 0)));
	pg_rows_free(rows);
}

/* A rule that is left out is missed when its reply comes: addresses may be suppressed that it was
 * made to keep. */
static void check_rules(struct pg_blocking *db, struct doctor_report *report)
{
	struct err err;
	struct rule_set *set = reply_rules_load(db, &err);
	if (set == NULL) {
		doctor_add(report, DOCTOR_FAIL, "reply rules", "%s", err.text);
		return;
	}
	const struct rule_left_out *rule = rule_set_left_out(set);
	if (rule == NULL)
		doctor_add(report, DOCTOR_OK, "reply rules", "are sound");
	for (; rule != NULL; rule = rule->next) {
		struct buf text;
		buf_init(&text, 2048);
		reply_rules_say_left_out(rule, &text);
		doctor_add(report, DOCTOR_WARN, "reply rules", "%s", text.data);
		buf_done(&text);
	}
	rule_set_free(set);
}

static void check_bind(const struct doctor_source *source, struct doctor_report *report)
{
	char check[96], text[IP_TEXT_SIZE];
	struct sockaddr_storage sa;
	socklen_t len = ip_to_sockaddr(&source->address, 0, &sa);
	ip_format(&source->address, text, sizeof(text));
	snprintf(check, sizeof(check), "source %s", source->name);
	int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool is_bound = fd >= 0 && bind(fd, (struct sockaddr *)&sa, len) == 0;
	int code = errno;
	if (fd >= 0)
		close(fd);
	if (is_bound)
		doctor_add(report, DOCTOR_OK, check, "%s is an address of this machine", text);
	else
		doctor_add(report, DOCTOR_FAIL, check,
			   "cannot send from %s: %s; give the address to this machine, or the "
			   "source to another node",
			   text, strerror(code));
}

void doctor_run(const struct doctor_options *options, struct doctor_report *out)
{
	struct doctor_source sources[DOCTOR_SOURCES_MAX];
	size_t count = 0;
	out->count = 0;
	arena_init(&out->arena, 0);
	check_settings(options, out);
	struct pg_blocking *db = check_database(options, out);
	check_clock(db, out);
	check_files(options, out);
	check_disk(options, out);
	check_journal(options, out);
	check_key(options, out);
	if (db != NULL) {
		count = load_sources(options, db, sources, out);
		check_strays(options, db, out);
		check_rules(db, out);
	}
	pg_close_blocking(db);
	for (size_t i = 0; i < count; i++)
		check_bind(&sources[i], out);
	doctor_check_dns(options, sources, count, out);
}

void doctor_done(struct doctor_report *report)
{
	arena_done(&report->arena);
	report->count = 0;
}

enum doctor_level doctor_worst(const struct doctor_report *report)
{
	enum doctor_level worst = DOCTOR_OK;
	for (size_t i = 0; i < report->count; i++) {
		if (report->findings[i].level > worst)
			worst = report->findings[i].level;
	}
	return worst;
}

const char *doctor_level_name(enum doctor_level level)
{
	static const char *const names[] = {
#define X(suffix, name) [DOCTOR_##suffix] = name,
		DOCTOR_LEVELS(X)
#undef X
	};
	return names[level];
}

json_t *doctor_json(const struct doctor_report *report)
{
	json_t *findings = json_array();
	for (size_t i = 0; i < report->count; i++) {
		const struct doctor_finding *f = &report->findings[i];
		json_array_append_new(findings, json_pack("{s:s, s:s, s:s}", "level",
							  doctor_level_name(f->level), "check",
							  f->check, "text", f->text));
	}
	return json_pack("{s:s, s:o}", "level", doctor_level_name(doctor_worst(report)), "findings",
			 findings);
}
