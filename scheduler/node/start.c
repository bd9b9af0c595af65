/* SPDX-License-Identifier: MIT */
/* Journal, recovery and registration in their order; see start.h. */
#include "scheduler/node/start.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "scheduler/ledger/recover.h"
#include "scheduler/node/past.h"

static int read_installation(struct pg_blocking *db, unsigned char out[16], struct err *err)
{
	struct pg_rows *rows = NULL;
	if (pg_run(db, "node/installation", NULL, &rows, err) != 0)
		return -1;
	if (pg_rows_count(rows) != 1) {
		pg_rows_free(rows);
		return err_set(err, ERR_NOT_FOUND,
			       "this database has no installation: run edm init");
	}
	pg_uuid(rows, 0, 0, out);
	pg_rows_free(rows);
	return 0;
}

static int open_journal(struct start *s, struct pg_blocking *db, struct err *err)
{
	char dir[PATH_MAX];
	unsigned char installation[16];
	if ((size_t)snprintf(dir, sizeof(dir), "%s/journal", s->data_dir) >= sizeof(dir))
		return err_set(err, ERR_CONFIG, "the data directory's name is too long");
	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return err_errno(err, errno, "cannot create %s", dir);
	if (read_installation(db, installation, err) != 0)
		return -1;
	s->journal = journal_open(dir, installation, err);
	return s->journal ? 0 : -1;
}

static int join(struct start *s, struct pg_blocking *db, struct err *err)
{
	char host[256] = "";
	struct registration r = {.name = s->node_name,
				 .host = host,
				 .pid = (int32_t)getpid(),
				 .version = EDM_VERSION,
				 .lease_ms = s->lease_ms};
	gethostname(host, sizeof(host) - 1);
	memcpy(r.journal, journal_uuid(s->journal), sizeof(r.journal));
	s->registered_ms = clock_now_ms();
	return member_register(db, &r, &s->id, err);
}

static void log_recovery(const struct start *s, const struct recovery_counts *c)
{
	struct log_line l;
	if (c->leases == 0 && c->doubts == 0 && c->outcomes == 0)
		return;
	if (!log_begin(&l, LOG_INFO, "node_recovered"))
		return;
	log_cstr(&l, "node", s->node_name);
	log_int(&l, "outcomes", (int64_t)c->outcomes);
	log_int(&l, "unknown", (int64_t)c->unknown);
	log_int(&l, "unsent", (int64_t)c->unsent);
	log_int(&l, "leases", (int64_t)c->leases);
	log_int(&l, "doubts", (int64_t)c->doubts);
	log_end(&l);
}

static int read_past(struct start *s, struct pg_blocking *db, struct err *err)
{
	s->past = past_load(db, s->id, err);
	return s->past ? 0 : -1;
}

static int settle_and_join(struct start *s, struct pg_blocking *db, struct err *err)
{
	struct recovery_counts counts = {0};
	struct recovery *r = recover_open(s->journal, err);
	if (r == NULL)
		return -1;
	int result = -1;
	if (recover_settle(r, db, s->unknown_retry_ms, &counts, err) == 0 &&
	    join(s, db, err) == 0 &&
	    recover_settle(r, db, s->unknown_retry_ms, &counts, err) == 0 &&
	    recover_finish(r, err) == 0) {
		log_recovery(s, &counts);
		result = 0;
	}
	recover_close(r);
	return result;
}

/* One row, who and why, if the node is drained. */
static int ask_who_drained(struct pg_blocking *db, const char *name, struct pg_rows **rows_out,
			   struct err *err)
{
	struct pg_params params;
	pg_params_init(&params);
	pg_add_text(&params, str_from(name));
	int rc = pg_run(db, "ledger/who_drained", &params, rows_out, err);
	pg_params_done(&params);
	return rc;
}

/* "n1 is drained (ann: kernel update); …", or 0 if it is not. */
static int refuse_drained(const char *name, struct pg_blocking *db, struct err *err)
{
	struct pg_rows *rows = NULL;
	int rc = ask_who_drained(db, name, &rows, err);
	if (rc == 0 && pg_rows_count(rows) > 0) {
		struct str because = pg_text(rows, 0, 1);
		rc = err_set(err, ERR_REFUSED,
			     "%s is drained (%.*s%s%.*s); edm node drain %s --undo", name,
			     STR_ARG(pg_text(rows, 0, 0)), str_is_empty(because) ? "" : ": ",
			     STR_ARG(because), name);
	}
	pg_rows_free(rows);
	return rc;
}

/* A drained node has said what its journal knew and had its leases released; it begins nothing. */
static int leave_if_drained(const struct start *s, struct pg_blocking *db, struct err *err)
{
	struct pg_params params;
	struct err ignored;
	if (refuse_drained(s->node_name, db, err) == 0)
		return 0;
	pg_params_init(&params);
	pg_add_int4(&params, s->id.node);
	pg_add_int4(&params, s->id.incarnation);
	/* If that fails the lease just runs out. */
	(void)(pg_run(db, "ledger/leave", &params, NULL, &ignored) == 0);
	pg_params_done(&params);
	return -1;
}

int keeper_start(struct start *s, struct err *err)
{
	struct pg_blocking *db = pg_open_blocking(s->database_url, "edm start", err);
	if (db == NULL)
		return -1;
	/* Outcomes of the process before us may be of a day that has no partition yet. */
	int result = pg_run(db, "ledger/add_partitions", NULL, NULL, err);
	if (result == 0)
		result = open_journal(s, db, err);
	if (result == 0)
		result = settle_and_join(s, db, err);
	if (result == 0)
		result = leave_if_drained(s, db, err);
	if (result == 0)
		result = read_past(s, db, err);
	pg_close_blocking(db);
	if (result != 0) {
		journal_close(s->journal);
		s->journal = NULL;
	}
	return result;
}

void start_log_drained(const char *database_url, const char *node_name)
{
	struct err err;
	struct log_line l;
	struct pg_rows *rows = NULL;
	struct pg_blocking *db = pg_open_blocking(database_url, "edm end", &err);
	if (db != NULL && ask_who_drained(db, node_name, &rows, &err) == 0 &&
	    pg_rows_count(rows) > 0 && log_begin(&l, LOG_INFO, "node_drained")) {
		log_cstr(&l, "node", node_name);
		log_str(&l, "by", pg_text(rows, 0, 0));
		log_str(&l, "because", pg_text(rows, 0, 1));
		log_end(&l);
	}
	pg_rows_free(rows);
	pg_close_blocking(db);
}
