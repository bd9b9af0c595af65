/* SPDX-License-Identifier: MIT */
/* Non-blocking connect from a bound source address; see dial.h. */
#include "engine/net/dial.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

static socklen_t address_size(const struct sockaddr_storage *a)
{
	return a->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

static bool is_local_failure(int code)
{
	switch (code) {
	case EADDRNOTAVAIL:
	case EADDRINUSE:
	case EACCES:
	case EPERM:
	case EAFNOSUPPORT:
	case EINVAL:
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		return true;
	default:
		return false;
	}
}

static int fail(int code, bool is_local, struct dial_failure *failure_out)
{
	*failure_out = (struct dial_failure){.code = code, .is_local = is_local};
	return -1;
}

/* Whatever fails before connect() is ours; 0 or an errno. */
static int prepare(int fd, const struct sockaddr_storage *source)
{
	int on = 1;
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0)
		return errno;
	if (source->ss_family == AF_UNSPEC)
		return 0;
	if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) != 0)
		return errno;
	if (bind(fd, (const struct sockaddr *)source, address_size(source)) != 0)
		return errno;
	return 0;
}

int dial_start(const struct dial_ends *ends, struct dial_failure *failure_out)
{
	const struct sockaddr_storage *address = ends->address;
	int fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail(errno, true, failure_out);
	int code = prepare(fd, ends->source);
	if (code != 0) {
		close(fd);
		return fail(code, true, failure_out);
	}
	if (connect(fd, (const struct sockaddr *)address, address_size(address)) == 0 ||
	    errno == EINPROGRESS)
		return fd;
	code = errno;
	close(fd);
	return fail(code, is_local_failure(code), failure_out);
}

int dial_finish(int fd, struct dial_failure *failure_out)
{
	int code = 0;
	socklen_t size = sizeof(code);
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) != 0)
		code = errno;
	return code == 0 ? 0 : fail(code, is_local_failure(code), failure_out);
}
