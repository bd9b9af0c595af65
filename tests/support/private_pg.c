/* SPDX-License-Identifier: MIT */
/* See private_pg.h. */
#include "tests/support/private_pg.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/buf.h"
#include "engine/pg/blocking.h"
#include "schemas/embedded.h"

#define ARGS_MAX 32

#define TEMPLATE "edm_template"

struct private_pg {
	char dir[64];  /* socket, log and data/ */
	char bin[256]; /* where initdb and postgres are */
	char url[256];
	uid_t uid; /* who runs the server; 0 = we are not root */
	gid_t gid;
	pid_t pid;
	int databases;
};

static void find_binaries(struct private_pg *pg)
{
	glob_t found;
	must(glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &found) == 0);
	const char *last = found.gl_pathv[found.gl_pathc - 1];
	must(strlen(last) < sizeof(pg->bin));
	memcpy(pg->bin, last, strlen(last) - strlen("/initdb"));
	globfree(&found);
}

static void make_directory(struct private_pg *pg)
{
	const char *tmp = getenv("TMPDIR");
	if (tmp == NULL)
		tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	int n = snprintf(pg->dir, sizeof(pg->dir), "%s/edm-pg-XXXXXX", tmp);
	/* A socket's path has room for 107 bytes. */
	must(n > 0 && (size_t)n < sizeof(pg->dir));
	must(mkdtemp(pg->dir) != NULL);
	if (geteuid() != 0)
		return;
	const struct passwd *user = getpwnam("postgres");
	if (user == NULL)
		user = getpwnam("nobody");
	must(user != NULL);
	pg->uid = user->pw_uid;
	pg->gid = user->pw_gid;
	must(chown(pg->dir, pg->uid, pg->gid) == 0);
}

/* Starts a program of PostgreSQL as its user, its output in the log. */
static pid_t spawn(struct private_pg *pg, const char *program, const char *const args[])
{
	char path[512];
	char log[128];
	snprintf(path, sizeof(path), "%s/%s", pg->bin, program);
	snprintf(log, sizeof(log), "%s/log", pg->dir);
	pid_t pid = fork();
	must(pid >= 0);
	if (pid > 0)
		return pid;
	if (pg->uid != 0 && (setgid(pg->gid) != 0 || setuid(pg->uid) != 0))
		_exit(126);
	prctl(PR_SET_PDEATHSIG, SIGQUIT);
	int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0 || chdir(pg->dir) != 0)
		_exit(126);
	/* It finds its sisters by the path it was called by. */
	const char *argv[ARGS_MAX] = {path};
	for (size_t i = 1; args[i] != NULL && i < ARGS_MAX - 1; i++)
		argv[i] = args[i];
	execv(path, (char *const *)argv);
	_exit(127);
}

static void wait_for(pid_t pid, bool want_success)
{
	int status;
	must(waitpid(pid, &status, 0) == pid);
	must(!want_success || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
}

static void run_initdb(struct private_pg *pg)
{
	char data[128];
	snprintf(data, sizeof(data), "%s/data", pg->dir);
	const char *args[] = {"initdb", "-D", data,   "-A",	    "trust", "-U",
			      "edm",	"-E", "UTF8", "--locale=C", "-N",    NULL};
	wait_for(spawn(pg, "initdb", args), true);
}

static struct pg_blocking *connect_to(struct private_pg *pg, const char *database)
{
	snprintf(pg->url, sizeof(pg->url), "host=%s user=edm dbname=%s", pg->dir, database);
	struct err err;
	struct pg_blocking *conn = NULL;
	/* Waits for the server's start; its socket file is the event, the poll bounds the rate. */
	for (int i = 0; i < 1500 && conn == NULL; i++) {
		conn = pg_open_blocking(pg->url, "private_pg", &err);
		if (conn == NULL)
			poll(NULL, 0, 20);
	}
	if (conn == NULL)
		fprintf(stderr, "private_pg: %s\n", err.text);
	must(conn != NULL);
	return conn;
}

static void start_server(struct private_pg *pg)
{
	char data[128];
	char sockets[160];
	snprintf(data, sizeof(data), "%s/data", pg->dir);
	snprintf(sockets, sizeof(sockets), "unix_socket_directories=%s", pg->dir);
	const char *args[] = {"postgres",
			      "-D",
			      data,
			      "-c",
			      sockets,
			      "-c",
			      "listen_addresses=",
			      "-c",
			      "max_wal_size=4GB",
			      "-c",
			      "wal_compression=lz4",
			      "-c",
			      "shared_buffers=256MB",
			      "-c",
			      "autovacuum_naptime=15s",
			      NULL};
	pg->pid = spawn(pg, "postgres", args);
	pg_close_blocking(connect_to(pg, "postgres"));
}

static void run(struct pg_blocking *conn, const char *sql)
{
	struct err err;
	int rc = pg_run_text(conn, sql, &err);
	if (rc != 0)
		fprintf(stderr, "private_pg: %.60s…: %s\n", sql, err.text);
	must(rc == 0);
}

static void migrate(struct private_pg *pg)
{
	struct pg_blocking *conn = connect_to(pg, TEMPLATE);
	size_t count;
	const struct embedded_file *files = embedded_files(&count);
	for (size_t i = 0; i < count; i++)
		if (strncmp(files[i].name, "schemas/migrations/", 19) == 0)
			run(conn, files[i].data);
	run(conn, "INSERT INTO edm.installation(rid_key) "
		  "VALUES ('\\x000102030405060708090a0b0c0d0e0f')");
	pg_close_blocking(conn);
}

struct private_pg *private_pg_start(void)
{
	struct private_pg *pg = xcalloc(1, sizeof(*pg));
	find_binaries(pg);
	make_directory(pg);
	run_initdb(pg);
	start_server(pg);
	struct pg_blocking *conn = connect_to(pg, "postgres");
	run(conn, "CREATE DATABASE " TEMPLATE);
	pg_close_blocking(conn);
	migrate(pg);
	return pg;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
	(void)st;
	(void)type;
	(void)walk;
	return remove(path);
}

void private_pg_stop(struct private_pg *pg)
{
	if (pg == NULL)
		return;
	kill(pg->pid, SIGQUIT);
	wait_for(pg->pid, false);
	nftw(pg->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(pg);
}

const char *private_pg_database(struct private_pg *pg, bool migrated)
{
	struct pg_blocking *conn = connect_to(pg, "postgres");
	char sql[128];
	int number = ++pg->databases;
	snprintf(sql, sizeof(sql), "CREATE DATABASE test_%d TEMPLATE %s", number,
		 migrated ? TEMPLATE : "template0");
	run(conn, sql);
	pg_close_blocking(conn);
	snprintf(pg->url, sizeof(pg->url), "host=%s user=edm dbname=test_%d", pg->dir, number);
	return pg->url;
}

void private_pg_crash(struct private_pg *pg)
{
	char url[sizeof(pg->url)];
	memcpy(url, pg->url, sizeof(url));
	kill(pg->pid, SIGQUIT);
	wait_for(pg->pid, false);
	start_server(pg);
	memcpy(pg->url, url, sizeof(url));
}

void private_pg_freeze(struct private_pg *pg, bool frozen)
{
	kill(pg->pid, frozen ? SIGSTOP : SIGCONT);
}

/* utime, stime, cutime and cstime of a process in clock ticks; 0 when it is gone. parent_out gets
 * its parent. */
static long ticks_of(const char *pid, bool with_ended_children, long *parent_out)
{
	char path[64];
	char line[1024];
	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	FILE *file = fopen(path, "r");
	bool got = file != NULL && fgets(line, sizeof(line), file) != NULL;
	if (file != NULL)
		fclose(file);
	const char *after_name = got ? strrchr(line, ')') : NULL;
	long own[4];
	if (after_name == NULL ||
	    sscanf(after_name + 2, "%*c %ld %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld %ld %ld",
		   parent_out, &own[0], &own[1], &own[2], &own[3]) != 5)
		return 0;
	return own[0] + own[1] + (with_ended_children ? own[2] + own[3] : 0);
}

double private_pg_cpu_s(const struct private_pg *pg)
{
	char pid[16];
	long parent = 0;
	snprintf(pid, sizeof(pid), "%d", (int)pg->pid);
	long ticks = ticks_of(pid, true, &parent);
	DIR *proc = opendir("/proc");
	must(proc != NULL);
	struct dirent *entry;
	while ((entry = readdir(proc)) != NULL) {
		parent = 0;
		long n = ascii_is_digit(entry->d_name[0]) ? ticks_of(entry->d_name, false, &parent)
							  : 0;
		ticks += parent == pg->pid ? n : 0;
	}
	closedir(proc);
	return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}
