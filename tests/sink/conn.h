/* SPDX-License-Identifier: MIT */
/*
 * One accepted connection: a socket, TLS on it, and when its octets leave.
 *
 * Replies leave at the end of a loop turn (conn_flush), after the log of that turn was written.
 * One thread.
 */
#ifndef EDM_TESTS_SINK_CONN_H
#define EDM_TESTS_SINK_CONN_H

#include "engine/base/heap.h"
#include "engine/base/list.h"
#include "tests/sink/smtpd.h"
#include "tests/sink/watch.h"

struct server;
struct conn;

/* A time at which something happens to a connection. */
struct conn_timer {
	struct heap_node node; /* in the server's heap, by monotonic ms */
	struct conn *conn;
	void (*fire)(struct conn *conn);
};

/* Replies on their way to a distant peer. */
struct flight {
	int64_t at_ms; /* when they arrive */
	size_t octets;
};
#define FLIGHTS_MAX 16u

struct conn {
	struct watch watch;
	struct server *server;
	int fd;
	SSL *ssl; /* NULL = plain */
	bool is_handshaking;
	bool is_stalled; /* reads nothing any more */
	uint32_t events; /* what epoll waits for */
	struct smtpd dialog;
	struct buf in;	   /* octets the dialog has not taken yet */
	struct list all;   /* in the server's list of connections */
	struct list dirty; /* in the server's list of those with something to send or to do */
	struct conn_timer pause, drip, idle, arrival;
	struct flight flights[FLIGHTS_MAX]; /* of the dialog's output, in order */
	size_t flight_count;
};

/* Takes over fd; client is the peer's address in network order. */
void conn_open(struct server *server, int fd, struct place *place, uint32_t client);
/* Logs why, closes the socket and frees conn. With is_reset the peer gets RST. */
void conn_close(struct conn *conn, const char *why, bool is_reset);
/* The socket is ready for what epoll says. May free conn. */
void conn_ready(struct conn *conn, uint32_t events);
/* Sends what may leave and does what follows. May free conn. */
void conn_flush(struct conn *conn);

#endif
