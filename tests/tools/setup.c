/* SPDX-License-Identifier: MIT */
/*
 * setup: drives scheduler/setup for the scenarios.
 *
 *	edm_setup start|create|stop|purge	the private database of $EDM_DATA
 *	edm_setup url				prints its URL
 *	edm_setup migrate			of the database of EDM_DATABASE_URL or $EDM_DATA
 *	edm_setup doctor [key=value …]		prints the report as JSON
 *	edm_setup settings [key=value …]	prints what is set and where, of that database
 *
 * Errors go to standard error; the exit code is that of the command line.
 */
#include <stdio.h>
#include <string.h>

#include "scheduler/settings.h"
#include "scheduler/setup/configure.h"
#include "scheduler/setup/doctor.h"
#include "scheduler/setup/migrate.h"
#include "scheduler/setup/private_pg.h"

static int migrate(const struct place *place, struct err *err)
{
	int applied;
	struct pg_blocking *db = pg_open_blocking(place->database_url, "edm_setup", err);
	if (db == NULL)
		return -1;
	int rc = migrate_apply(db, &applied, err);
	pg_close_blocking(db);
	if (rc == 0)
		printf("%d\n", applied);
	return rc;
}

static int doctor(const struct place *place, const struct configure_options *configure,
		  struct err *err)
{
	static struct doctor_report report;
	struct conf *conf = configure_load(configure, err);
	if (conf == NULL)
		return -1;
	struct doctor_options options = {place, conf, ""};
	doctor_run(&options, &report);
	json_t *json = doctor_json(&report);
	json_dumpf(json, stdout, JSON_COMPACT);
	json_decref(json);
	doctor_done(&report);
	conf_drop(conf);
	return 0;
}

static int settings(struct configure_options *configure, struct err *err)
{
	struct buf out;
	configure->db = pg_open_blocking(configure->place->database_url, "edm_setup", err);
	if (configure->db == NULL)
		return -1;
	struct conf *conf = configure_load(configure, err);
	pg_close_blocking(configure->db);
	if (conf == NULL)
		return -1;
	buf_init(&out, 1 << 20);
	conf_print(conf, true, &out);
	fwrite(out.data, 1, out.len, stdout);
	buf_done(&out);
	conf_drop(conf);
	return 0;
}

static int run(const char *verb, char **rest, struct place *place, struct err *err)
{
	struct configure_options configure = {.place = place, .sets = (const char *const *)rest};
	while (rest[configure.set_count] != NULL)
		configure.set_count++;
	if (strcmp(verb, "create") == 0 || strcmp(verb, "start") == 0)
		return place_start_database(place, verb[0] == 'c', err);
	if (strcmp(verb, "stop") == 0 || strcmp(verb, "purge") == 0)
		return private_pg_stop(place->data_dir, verb[0] == 'p', err);
	if (strcmp(verb, "migrate") == 0)
		return migrate(place, err);
	if (strcmp(verb, "doctor") == 0)
		return doctor(place, &configure, err);
	if (strcmp(verb, "settings") == 0)
		return settings(&configure, err);
	must(strcmp(verb, "url") == 0);
	puts(place->database_url);
	return 0;
}

int main(int argc, char **argv)
{
	struct place place;
	struct err err = {0};
	must(argc >= 2);
	int rc = place_find(NULL, NULL, &place, &err);
	if (rc == 0) {
		rc = run(argv[1], argv + 2, &place, &err);
		place_done(&place);
	}
	if (rc != 0)
		fprintf(stderr, "%s\n", err.text);
	return rc == 0 ? 0 : err_exit_code(err.kind);
}
