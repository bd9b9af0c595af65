/* SPDX-License-Identifier: MIT */
/*
 * The loop of the sink: listening sockets, connections, timers and signals on one epoll.
 *
 * A turn: read the clock; hear what connections say; accept; fire timers; write the log; send the
 * replies. Connections are heard before others are accepted, so that a peer that closed one and
 * opened another is never counted with both. SIGHUP reads the configuration again, SIGUSR1 writes
 * the statistics, SIGINT and SIGTERM end.
 */
#ifndef EDM_TESTS_SINK_SERVER_H
#define EDM_TESTS_SINK_SERVER_H

#include "engine/base/heap.h"
#include "engine/base/list.h"
#include "tests/sink/options.h"
#include "tests/sink/watch.h"
#include "tests/sink/world.h"

#define READ_SIZE (256u * 1024)

struct listener {
	struct watch watch;
	int fd;
	bool is_ready; /* accept at the end of this turn */
	struct place *place;
};

struct configs {
	struct config **items; /* kept to the end: sessions hold texts of old ones */
	size_t count;	       /* the last is in force */
};

struct server {
	const struct options *options;
	struct world world;
	struct configs configs;
	struct listener *listeners; /* world.place_count of them */
	int epoll;
	int signals;
	struct watch signal_watch;
	struct heap timers; /* struct conn_timer */
	struct list conns;
	struct list dirty;
	int64_t last_input_ms; /* for idle_exit */
	int64_t end_at_ms;     /* when --count was reached; 0 = not yet */
	bool has_to_end;
	char *read_buffer; /* READ_SIZE octets, for whoever reads now */
};

/* Binds every address of the options and the configuration file. */
int server_open(struct server *server, const struct options *options, struct err *err) NODISCARD;
/* Runs until it has to end, then writes the statistics. */
int server_run(struct server *server, struct err *err) NODISCARD;
void server_close(struct server *server);

/* For connections: waits for events on fd (op as in epoll_ctl). */
void server_watch(struct server *server, int op, int fd, uint32_t events, struct watch *watch);
int64_t server_now_ms(const struct server *server);

#endif
