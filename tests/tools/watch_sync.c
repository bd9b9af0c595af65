/* SPDX-License-Identifier: MIT */
/*
 * watch_sync: a library to be preloaded into a node (LD_PRELOAD), so that a test knows what is on
 * the disk. Each fdatasync appends "begin PATH SIZE" and, once it is through, "done PATH SIZE" to
 * the file EDM_SYNC_LOG. While there is a FIFO called EDM_SYNC_GATE, it waits at it between the two
 * for somebody to open the other end and close it.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void note(const char *phase, int fd, long long size)
{
	char link[64], path[512], line[700];
	const char *log = getenv("EDM_SYNC_LOG");
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof(path) - 1);
	int out = log == NULL || n < 0 ? -1 : open(log, O_WRONLY | O_APPEND | O_CREAT, 0600);
	if (out < 0)
		return;
	path[n] = '\0';
	int len = snprintf(line, sizeof(line), "%s %s %lld\n", phase, path, size);
	if (write(out, line, (size_t)len) != len)
		abort();
	close(out);
}

static void wait_at_gate(void)
{
	char byte;
	const char *gate = getenv("EDM_SYNC_GATE");
	int fd = gate == NULL ? -1 : open(gate, O_RDONLY);
	if (fd < 0)
		return;
	while (read(fd, &byte, 1) > 0)
		;
	close(fd);
}

int fdatasync(int fd)
{
	union {
		void *symbol;
		int (*call)(int fd);
	} next = {dlsym(RTLD_NEXT, "fdatasync")};
	struct stat st;
	if (fstat(fd, &st) != 0)
		return -1;
	note("begin", fd, (long long)st.st_size);
	wait_at_gate();
	int result = next.call(fd);
	if (result == 0)
		note("done", fd, (long long)st.st_size);
	return result;
}
