/* SPDX-License-Identifier: MIT */
/* Sockets, TLS and timing of one connection; see conn.h. */
#include "tests/sink/conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/sink/server.h"

#define IN_MAX (2u * READ_SIZE) /* reading stops at half of it */
#define GONE (-1)
#define NOTHING_YET (-2)

static void on_pause_over(struct conn *conn);
static void on_drip(struct conn *conn);
static void on_idle(struct conn *conn);
static void on_arrival(struct conn *conn);

static void mark_dirty(struct conn *conn)
{
	if (list_is_empty(&conn->dirty))
		list_push_back(&conn->server->dirty, &conn->dirty);
}

static void wait_for(struct conn *conn, uint32_t events)
{
	if (conn->events != events)
		server_watch(conn->server, EPOLL_CTL_MOD, conn->fd, events, &conn->watch);
	conn->events = events;
}

static void set_timer(struct conn *conn, struct conn_timer *timer, int64_t in_ms)
{
	heap_set(&conn->server->timers, &timer->node, server_now_ms(conn->server) + in_ms);
}

static void restart_idle(struct conn *conn)
{
	int64_t idle_ms = conn->dialog.place->profile->idle_ms;
	if (idle_ms > 0)
		set_timer(conn, &conn->idle, idle_ms);
}

void conn_open(struct server *server, int fd, struct place *place, uint32_t client)
{
	int on = 1;
	struct conn *conn = xcalloc(1, sizeof(*conn));
	conn->watch.kind = WATCH_CONN;
	conn->server = server;
	conn->fd = fd;
	conn->pause = (struct conn_timer){.conn = conn, .fire = on_pause_over};
	conn->drip = (struct conn_timer){.conn = conn, .fire = on_drip};
	conn->idle = (struct conn_timer){.conn = conn, .fire = on_idle};
	conn->arrival = (struct conn_timer){.conn = conn, .fire = on_arrival};
	buf_init(&conn->in, IN_MAX);
	list_init(&conn->all);
	list_init(&conn->dirty);
	list_push_back(&server->conns, &conn->all);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	conn->events = EPOLLIN;
	server_watch(server, EPOLL_CTL_ADD, fd, EPOLLIN, &conn->watch);
	smtpd_open(&conn->dialog, &server->world, place, client);
	restart_idle(conn);
	mark_dirty(conn);
}

void conn_close(struct conn *conn, const char *why, bool is_reset)
{
	struct linger abort_it = {.l_onoff = 1, .l_linger = 0};
	smtpd_leave(&conn->dialog, why);
	events_flush(&conn->server->world.events);
	smtpd_close(&conn->dialog);
	if (is_reset)
		setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &abort_it, sizeof(abort_it));
	else /* octets left unread would turn our FIN into RST */
		while (recv(conn->fd, conn->server->read_buffer, READ_SIZE, MSG_DONTWAIT) > 0)
			continue;
	SSL_free(conn->ssl);
	close(conn->fd);
	heap_remove(&conn->server->timers, &conn->pause.node);
	heap_remove(&conn->server->timers, &conn->drip.node);
	heap_remove(&conn->server->timers, &conn->idle.node);
	heap_remove(&conn->server->timers, &conn->arrival.node);
	list_remove(&conn->all);
	list_remove(&conn->dirty);
	buf_done(&conn->in);
	free(conn);
}

/* After an SSL call: NOTHING_YET or GONE. */
static ssize_t tls_trouble(struct conn *conn, int result)
{
	int kind = SSL_get_error(conn->ssl, result);
	ERR_clear_error();
	if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE)
		return NOTHING_YET;
	return kind == SSL_ERROR_ZERO_RETURN ? 0 : GONE;
}

/* Octets read into the read buffer; 0 = the peer closed; GONE; NOTHING_YET. */
static ssize_t receive(struct conn *conn)
{
	char *to = conn->server->read_buffer;
	if (conn->ssl != NULL) {
		int n = SSL_read(conn->ssl, to, READ_SIZE);
		return n > 0 ? n : tls_trouble(conn, n);
	}
	ssize_t n = recv(conn->fd, to, READ_SIZE, 0);
	if (n >= 0)
		return n;
	return errno == EAGAIN || errno == EINTR ? NOTHING_YET : GONE;
}

static ssize_t transmit(struct conn *conn, const char *ptr, size_t len)
{
	if (conn->ssl != NULL) {
		int n = SSL_write(conn->ssl, ptr, (int)len);
		return n > 0 ? n : tls_trouble(conn, n);
	}
	ssize_t n = send(conn->fd, ptr, len, MSG_NOSIGNAL);
	if (n >= 0)
		return n;
	return errno == EAGAIN || errno == EINTR ? NOTHING_YET : GONE;
}

/* Gives the dialog what waits in `in`, then bytes; keeps what it does not take. */
static void feed(struct conn *conn, struct str bytes)
{
	if (conn->in.len > 0) {
		buf_append_str(&conn->in, bytes);
		buf_consume(&conn->in, smtpd_feed(&conn->dialog, buf_str(&conn->in)));
	} else {
		size_t taken = smtpd_feed(&conn->dialog, bytes);
		buf_append_str(&conn->in, str_slice(bytes, taken, bytes.len));
	}
	if (conn->dialog.pause_ms > 0 && !heap_has(&conn->pause.node))
		set_timer(conn, &conn->pause, conn->dialog.pause_ms);
	mark_dirty(conn);
}

static void on_input(struct conn *conn)
{
	for (;;) {
		if (conn->is_stalled || conn->in.len >= READ_SIZE) {
			wait_for(conn, conn->events & ~(uint32_t)EPOLLIN);
			return;
		}
		ssize_t n = receive(conn);
		if (n == NOTHING_YET)
			return;
		if (n <= 0) {
			conn_close(conn, n == 0 ? "peer" : "reset", false);
			return;
		}
		conn->server->last_input_ms = server_now_ms(conn->server);
		restart_idle(conn);
		feed(conn, str_of(conn->server->read_buffer, (size_t)n));
		if (conn->ssl == NULL) /* epoll tells of the rest; of what OpenSSL holds it can't */
			return;
	}
}

static void shake_hands(struct conn *conn)
{
	int result = SSL_accept(conn->ssl);
	if (result != 1) {
		if (tls_trouble(conn, result) != NOTHING_YET)
			conn_close(conn, "handshake failed", false);
		return;
	}
	conn->is_handshaking = false;
	smtpd_secured(&conn->dialog, SSL_get_version(conn->ssl), SSL_session_reused(conn->ssl));
	on_input(conn); /* OpenSSL may hold what came right behind the handshake */
}

void conn_ready(struct conn *conn, uint32_t events)
{
	if (conn->is_stalled && (events & (EPOLLHUP | EPOLLERR)) != 0) {
		conn_close(conn, "reset", false);
		return;
	}
	if (conn->is_handshaking) {
		shake_hands(conn);
		return;
	}
	if ((events & EPOLLOUT) != 0)
		mark_dirty(conn);
	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
		on_input(conn);
}

static void start_tls(struct conn *conn)
{
	conn->dialog.then = THEN_GO;
	buf_clear(&conn->in); /* RFC 3207: nothing from before counts */
	conn->ssl = SSL_new(conn->dialog.place->profile->tls_context);
	must(conn->ssl != NULL);
	SSL_set_fd(conn->ssl, conn->fd);
	conn->is_handshaking = true;
}

/* All replies have left. May free conn. */
static void do_what_follows(struct conn *conn)
{
	switch (conn->dialog.then) {
	case THEN_GO:
		break;
	case THEN_CLOSE:
		conn_close(conn, "sink", false);
		break;
	case THEN_RST:
		conn_close(conn, "sink reset", true);
		break;
	case THEN_HALF_CLOSE:
		shutdown(conn->fd, SHUT_WR);
		smtpd_deafen(&conn->dialog);
		feed(conn, STR(""));
		break;
	case THEN_HANG:
		smtpd_deafen(&conn->dialog);
		feed(conn, STR(""));
		break;
	case THEN_STALL:
		conn->is_stalled = true;
		conn->dialog.then = THEN_GO;
		smtpd_deafen(&conn->dialog);
		wait_for(conn, 0);
		break;
	case THEN_TLS:
		start_tls(conn);
		break;
	}
}

/* Stamps what is new in the dialog's output with the time at which it arrives; how many octets of
 * it have arrived by now. */
static size_t arrived(struct conn *conn)
{
	int64_t round_trip_ms = conn->dialog.place->profile->round_trip_ms;
	int64_t now = server_now_ms(conn->server);
	size_t left = conn->dialog.out.len - conn->dialog.held;
	size_t ready = 0, i = 0;
	if (round_trip_ms == 0)
		return left;
	for (size_t k = 0; k < conn->flight_count; k++)
		left -= conn->flights[k].octets;
	if (left > 0 && conn->flight_count < FLIGHTS_MAX)
		conn->flights[conn->flight_count++].octets = 0;
	if (left > 0) { /* the last one, if there are too many, waits for what came behind it */
		struct flight *last = &conn->flights[conn->flight_count - 1];
		*last = (struct flight){now + round_trip_ms, last->octets + left};
	}
	while (i < conn->flight_count && conn->flights[i].at_ms <= now)
		ready += conn->flights[i++].octets;
	if (i < conn->flight_count)
		set_timer(conn, &conn->arrival, conn->flights[i].at_ms - now);
	return ready;
}

/* So many octets of the output have left. */
static void take_from_flights(struct conn *conn, size_t octets)
{
	size_t gone = 0;
	while (gone < conn->flight_count && conn->flights[gone].octets <= octets)
		octets -= conn->flights[gone++].octets;
	conn->flight_count -= gone;
	memmove(conn->flights, conn->flights + gone, conn->flight_count * sizeof(struct flight));
	if (conn->flight_count > 0)
		conn->flights[0].octets -= octets;
}

void conn_flush(struct conn *conn)
{
	struct smtpd *dialog = &conn->dialog;
	const struct drip *drip = &dialog->place->profile->drip;
	size_t len;
	list_remove(&conn->dirty);
	while (!heap_has(&conn->drip.node) && (len = arrived(conn)) > 0) {
		if (drip->bytes > 0 && len > (size_t)drip->bytes)
			len = (size_t)drip->bytes;
		ssize_t n = transmit(conn, dialog->out.data, len);
		if (n == NOTHING_YET) {
			wait_for(conn, conn->events | EPOLLOUT);
			return;
		}
		if (n < 0) {
			conn_close(conn, "reset", false);
			return;
		}
		buf_consume(&dialog->out, (size_t)n);
		take_from_flights(conn, (size_t)n);
		if (drip->bytes > 0)
			set_timer(conn, &conn->drip, drip->every_ms);
	}
	if (dialog->pause_ms > 0 && !heap_has(&conn->pause.node))
		set_timer(conn, &conn->pause, dialog->pause_ms);
	wait_for(conn, conn->events & ~(uint32_t)EPOLLOUT);
	if (dialog->out.len > 0 || dialog->pause_ms > 0)
		return;
	smtpd_sent(dialog);
	do_what_follows(conn);
}

static void on_pause_over(struct conn *conn)
{
	smtpd_resume(&conn->dialog);
	feed(conn, STR(""));
	if (conn->is_stalled)
		return;
	wait_for(conn, conn->events | EPOLLIN);
	if (conn->ssl != NULL && !conn->is_handshaking)
		on_input(conn); /* OpenSSL may hold what came while reading had stopped */
}

static void on_drip(struct conn *conn)
{
	mark_dirty(conn);
}

static void on_arrival(struct conn *conn)
{
	mark_dirty(conn);
}

static void on_idle(struct conn *conn)
{
	smtpd_idle(&conn->dialog);
	mark_dirty(conn);
}
