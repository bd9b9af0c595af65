/* SPDX-License-Identifier: MIT */
/* The private PostgreSQL: initdb, pg_ctl and the directories around them. See private_pg.h. */
#include "scheduler/setup/private_pg.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/hash.h"
#include "engine/pg/blocking.h"

#define ROOT_HOME "/var/lib/edm"
/* sizeof(sun_path) less "/.s.PGSQL.5432" and a NUL. */
#define SOCKET_DIR_MAX 92u
/* A start is tried for so long, and again after this. */
#define START_MS 30000
#define START_AGAIN_MS 100
#define RUN_ARGS_MAX 24u /* of a program: its name, arguments, the NULL behind them */

struct cluster {
	char home[PATH_MAX]; /* data/, run/ and log stand in it */
	char bin[PATH_MAX];  /* of PostgreSQL's programs */
	uid_t uid;	     /* who the server runs as */
	gid_t gid;
};

/* What suits a database that holds queues on a machine shared with the engine. */
static const char server_settings[] = "listen_addresses = ''\n"
				      "unix_socket_permissions = 0700\n"
				      "shared_buffers = 256MB\n"
				      "max_wal_size = 4GB\n"
				      "checkpoint_timeout = 15min\n"
				      "wal_compression = lz4\n"
				      "jit = off\n"
				      "autovacuum_naptime = 15s\n"
				      "idle_in_transaction_session_timeout = 60s\n"
				      "logging_collector = off\n"
				      "timezone = UTC\n"
				      "log_timezone = UTC\n";

static int find_home(const char *data_dir, struct cluster *c, struct err *err)
{
	static const struct hash_key fixed = {"edm-private-pg"};
	int len;
	c->uid = geteuid();
	c->gid = getegid();
	if (c->uid != 0) {
		len = snprintf(c->home, sizeof(c->home), "%s/postgres", data_dir);
	} else {
		const struct passwd *user = getpwnam("postgres");
		if (user == NULL)
			user = getpwnam("nobody");
		if (user == NULL)
			return err_set(err, ERR_SYSTEM,
				       "there is no user postgres or nobody to run PostgreSQL as");
		c->uid = user->pw_uid;
		c->gid = user->pw_gid;
		len = snprintf(c->home, sizeof(c->home), ROOT_HOME "/%016llx",
			       (unsigned long long)hash_keyed(&fixed, str_from(data_dir)));
	}
	if ((size_t)len >= SOCKET_DIR_MAX - sizeof("/run"))
		return err_set(err, ERR_CONFIG,
			       "the data directory's name is too long for a Unix socket: choose a "
			       "shorter one with --data");
	return 0;
}

static int find_programs(struct cluster *c, struct err *err)
{
	glob_t found;
	if (glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &found) != 0)
		return err_set(
			err, ERR_NOT_FOUND,
			"PostgreSQL is not installed: install the package postgresql, or name "
			"a database with --database");
	const char *last = found.gl_pathv[found.gl_pathc - 1];
	snprintf(c->bin, sizeof(c->bin), "%.*s", (int)(strlen(last) - strlen("/initdb")), last);
	globfree(&found);
	return 0;
}

static int find_cluster(const char *data_dir, struct cluster *c, struct err *err)
{
	return find_home(data_dir, c, err) == 0 && find_programs(c, err) == 0 ? 0 : -1;
}

static void append_url(const struct cluster *c, struct buf *out)
{
	buf_append_cstr(out, "postgresql:///edm?user=edm&host=");
	for (const char *p = c->home; *p != '\0'; p++) {
		if (ascii_is_alnum(*p) || strchr("/-_.", *p) != NULL)
			buf_append_char(out, *p);
		else
			buf_appendf(out, "%%%02X", (unsigned char)*p);
	}
	buf_append_cstr(out, "/run");
}

void private_pg_url(const char *data_dir, struct buf *out)
{
	struct cluster c;
	if (find_home(data_dir, &c, NULL) == 0)
		append_url(&c, out);
}

bool private_pg_exists(const char *data_dir)
{
	struct cluster c;
	char path[PATH_MAX + 32];
	if (find_home(data_dir, &c, NULL) != 0)
		return false;
	snprintf(path, sizeof(path), "%s/data/PG_VERSION", c.home);
	return access(path, F_OK) == 0;
}

/* -------------------------------------------------------------------------------- programs */

static void become_user(const struct cluster *c)
{
	if (geteuid() == c->uid)
		return;
	if (setgroups(0, NULL) != 0 || setgid(c->gid) != 0 || setuid(c->uid) != 0)
		_exit(126);
}

/* What a node ignores and its threads block is not for the server to inherit. */
static void accept_signals(void)
{
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
}

/* Runs a program of PostgreSQL as the server's user, its output in home/log. It finds its sisters
 * by the path it was called by. args: its name, arguments, NULL; RUN_ARGS_MAX at most. */
static int run_program(const struct cluster *c, const char *const args[], struct err *err)
{
	char path[PATH_MAX + 32];
	char log[PATH_MAX + 32];
	snprintf(path, sizeof(path), "%s/%s", c->bin, args[0]);
	snprintf(log, sizeof(log), "%s/log", c->home);
	pid_t pid = fork();
	if (pid < 0)
		return err_errno(err, errno, "cannot start %s", args[0]);
	if (pid == 0) {
		become_user(c);
		accept_signals();
		int in = open("/dev/null", O_RDONLY);
		int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
		if (in < 0 || fd < 0 || dup2(in, 0) < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0 ||
		    chdir(c->home) != 0)
			_exit(126);
		closefrom(3);
		const char *argv[RUN_ARGS_MAX] = {path};
		for (size_t i = 1; args[i] != NULL && i < RUN_ARGS_MAX - 1; i++)
			argv[i] = args[i];
		execv(path, (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	int status = 0;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return err_set(err, ERR_SYSTEM, "%s failed: see %s", args[0], log);
}

/* ------------------------------------------------------------------------------- directories */

static int make_dir(const char *path, const struct cluster *owner, mode_t mode, struct err *err)
{
	if (mkdir(path, mode) != 0 && errno != EEXIST)
		return err_errno(err, errno, "cannot create %s", path);
	if (owner != NULL && geteuid() == 0 && chown(path, owner->uid, owner->gid) != 0)
		return err_errno(err, errno, "cannot give %s to the server's user", path);
	return 0;
}

static int make_home(const char *data_dir, const struct cluster *c, struct err *err)
{
	char path[PATH_MAX + 32];
	if (geteuid() == 0 && make_dir(ROOT_HOME, NULL, 0755, err) != 0)
		return -1;
	if (make_dir(c->home, c, 0700, err) != 0)
		return -1;
	snprintf(path, sizeof(path), "%s/run", c->home);
	if (make_dir(path, c, 0700, err) != 0)
		return -1;
	if (geteuid() != 0)
		return 0;
	snprintf(path, sizeof(path), "%s/postgres", data_dir);
	if (symlink(c->home, path) != 0 && errno != EEXIST)
		return err_errno(err, errno, "cannot link %s", path);
	return 0;
}

static int append_settings(const struct cluster *c, const char *data, struct err *err)
{
	char path[PATH_MAX + 64];
	snprintf(path, sizeof(path), "%s/postgresql.conf", data);
	FILE *f = fopen(path, "a");
	if (f == NULL)
		return err_errno(err, errno, "cannot write %s", path);
	fprintf(f, "\n# edm\n%sunix_socket_directories = '%s/run'\n", server_settings, c->home);
	if (fclose(f) != 0)
		return err_errno(err, errno, "cannot write %s", path);
	return 0;
}

/* Made beside its place and moved there whole, so that a killed initdb leaves nothing half. */
static int make_cluster(const struct cluster *c, struct err *err)
{
	char fresh[PATH_MAX + 32];
	char data[PATH_MAX + 32];
	snprintf(fresh, sizeof(fresh), "%s/data.new", c->home);
	snprintf(data, sizeof(data), "%s/data", c->home);
	const char *rm[] = {"rm", "-rf", fresh, NULL};
	pid_t pid = fork();
	if (pid == 0) {
		execvp("rm", (char *const *)(uintptr_t)rm);
		_exit(127);
	}
	int status;
	if (pid > 0)
		waitpid(pid, &status, 0);
	const char *initdb[] = {"initdb", "-D", fresh,	"-A",	      "trust", "-U",
				"edm",	  "-E", "UTF8", "--locale=C", "-k",    NULL};
	if (run_program(c, initdb, err) != 0 || append_settings(c, fresh, err) != 0)
		return -1;
	if (rename(fresh, data) != 0)
		return err_errno(err, errno, "cannot put %s in place", data);
	return 0;
}

/* ------------------------------------------------------------------------------ start and stop */

static int lock_cluster(const char *data_dir, struct err *err)
{
	char path[PATH_MAX + 32];
	snprintf(path, sizeof(path), "%s/postgres.lock", data_dir);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(err, errno, "cannot open %s", path);
	while (flock(fd, LOCK_EX) != 0) {
		if (errno != EINTR) {
			err_errno(err, errno, "cannot lock %s", path);
			close(fd);
			return -1;
		}
	}
	return fd;
}

static bool is_answering(const struct cluster *c, const char *database)
{
	char url[PATH_MAX + 64];
	snprintf(url, sizeof(url), "host=%s/run user=edm dbname=%s connect_timeout=5", c->home,
		 database);
	struct err ignored;
	struct pg_blocking *db = pg_open_blocking(url, "edm start", &ignored);
	pg_close_blocking(db);
	return db != NULL;
}

static int create_database(const struct cluster *c, struct err *err)
{
	char url[PATH_MAX + 64];
	snprintf(url, sizeof(url), "host=%s/run user=edm dbname=postgres", c->home);
	if (is_answering(c, "edm"))
		return 0;
	struct pg_blocking *db = pg_open_blocking(url, "edm start", err);
	if (db == NULL)
		return -1;
	int result = pg_run_text(db, "CREATE DATABASE edm", err);
	pg_close_blocking(db);
	return result;
}

/* What a killed server leaves holds its memory for a moment, and one that recovers does not answer
 * yet: tried for START_MS. */
static int start_server(const struct cluster *c, const char *data, struct err *err)
{
	const char *start[] = {"pg_ctl", "start", "-w", "-s", "-D", data, NULL};
	int64_t until_ms = clock_now_ms() + START_MS;
	while (!is_answering(c, "postgres") && run_program(c, start, err) != 0) {
		if (clock_now_ms() >= until_ms)
			return -1;
		poll(NULL, 0, START_AGAIN_MS);
	}
	return 0;
}

static int start_locked(const char *data_dir, bool create, struct cluster *c, struct err *err)
{
	char data[PATH_MAX + 32];
	snprintf(data, sizeof(data), "%s/data", c->home);
	/* Also where the data directory was made anew and only the link is missing. */
	if (create && make_home(data_dir, c, err) != 0)
		return -1;
	if (is_answering(c, "edm"))
		return 0;
	if (!private_pg_exists(data_dir)) {
		if (!create)
			return err_set(err, ERR_NOT_FOUND,
				       "there is no database yet: run edm init, or name one with "
				       "--database");
		if (make_cluster(c, err) != 0)
			return -1;
	}
	return start_server(c, data, err) == 0 ? create_database(c, err) : -1;
}

int private_pg_start(const char *data_dir, bool create, struct err *err)
{
	struct cluster c;
	if (find_cluster(data_dir, &c, err) != 0)
		return -1;
	int lock = lock_cluster(data_dir, err);
	if (lock < 0)
		return -1;
	int result = start_locked(data_dir, create, &c, err);
	close(lock);
	return result;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
	(void)st;
	(void)type;
	(void)walk;
	return remove(path);
}

static int purge_home(const char *data_dir, const struct cluster *c, struct err *err)
{
	char link[PATH_MAX + 32];
	if (nftw(c->home, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT)
		return err_errno(err, errno, "cannot remove %s", c->home);
	snprintf(link, sizeof(link), "%s/postgres", data_dir);
	if (geteuid() == 0 && unlink(link) != 0 && errno != ENOENT)
		return err_errno(err, errno, "cannot remove %s", link);
	return 0;
}

int private_pg_stop(const char *data_dir, bool purge, struct err *err)
{
	struct cluster c;
	char data[PATH_MAX + 32];
	if (find_cluster(data_dir, &c, err) != 0)
		return -1;
	int lock = lock_cluster(data_dir, err);
	if (lock < 0)
		return -1;
	snprintf(data, sizeof(data), "%s/data", c.home);
	const char *stop[] = {"pg_ctl", "stop", "-w", "-s", "-m", "fast", "-D", data, NULL};
	const char *status[] = {"pg_ctl", "status", "-D", data, NULL};
	int result = 0;
	if (private_pg_exists(data_dir) && run_program(&c, status, NULL) == 0)
		result = run_program(&c, stop, err);
	if (result == 0 && purge)
		result = purge_home(data_dir, &c, err);
	close(lock);
	return result;
}
