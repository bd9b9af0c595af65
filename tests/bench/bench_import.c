/* SPDX-License-Identifier: MIT */
/*
 * How fast a file is imported, into a PostgreSQL of its own with its default settings: first load,
 * then the same file again. usage: bench_import FILE
 */
#include <stdio.h>
#include <sys/resource.h>

#include "engine/base/clock.h"
#include "lists/import.h"
#include "tests/support/private_pg.h"

static void note_phase(void *ctx, enum import_phase phase, uint64_t done, uint64_t total)
{
	int64_t *merging_since_us = ctx;
	(void)done;
	(void)total;
	if (phase == IMPORT_MERGING)
		*merging_since_us = clock_now_us();
}

static int import_once(struct pg_blocking *db, const char *path)
{
	struct err err;
	struct reading *reading;
	struct import_result r;
	int64_t start = clock_now_us(), merging_since_us = 0;
	struct import_request request = {.list = "bench",
					 .file = path,
					 .mode = IMPORT_MERGE,
					 .actor = {.actor = "bench"},
					 .on_progress = note_phase,
					 .ctx = &merging_since_us};
	if (reading_open(&reading, &(struct reading_request){.path = path}, &err) != 0 ||
	    import_run(db, reading, &request, &r, &err) != 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	reading_close(reading);
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	int64_t end = clock_now_us();
	printf("rows=%llu added=%llu unchanged=%llu duplicates=%llu refused=%llu "
	       "read_s=%.2f merge_s=%.2f total_s=%.2f client_cpu_s=%.2f client_mib=%ld\n",
	       (unsigned long long)r.rows, (unsigned long long)r.added,
	       (unsigned long long)r.unchanged, (unsigned long long)r.duplicates,
	       (unsigned long long)r.refused, (double)(merging_since_us - start) / 1e6,
	       (double)(end - merging_since_us) / 1e6, (double)(end - start) / 1e6,
	       (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6,
	       usage.ru_maxrss / 1024);
	return 0;
}

int main(int argc, char **argv)
{
	struct err err;
	if (argc != 2) {
		fprintf(stderr, "usage: bench_import FILE\n");
		return 2;
	}
	struct private_pg *server = private_pg_start();
	struct pg_blocking *db = pg_open_blocking(private_pg_database(server, true), "bench", &err);
	must(db != NULL);
	int rc = import_once(db, argv[1]) != 0 || import_once(db, argv[1]) != 0;
	pg_close_blocking(db);
	private_pg_stop(server);
	struct rusage usage;
	getrusage(RUSAGE_CHILDREN, &usage);
	printf("server_cpu_s=%.2f (initdb, both imports, checkpoints)\n",
	       (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
	return rc;
}
