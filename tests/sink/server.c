/* SPDX-License-Identifier: MIT */
/* The sink's loop; see server.h. */
#include "tests/sink/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "tests/sink/conn.h"

#define EVENTS_A_TURN 256
#define ACCEPTS_A_TURN 256
#define BACKLOG 4096
#define LAST_WORDS_MS 300
#define PLACES_MAX UINT16_MAX

int64_t server_now_ms(const struct server *server)
{
	return server->world.now_us / 1000;
}

void server_watch(struct server *server, int op, int fd, uint32_t events, struct watch *watch)
{
	struct epoll_event event = {.events = events, .data.ptr = watch};
	must(epoll_ctl(server->epoll, op, fd, &event) == 0);
}

static void read_clock(struct server *server)
{
	server->world.now_us = clock_now_us();
	server->world.wall_us = clock_wall_us();
}

/* Opening */

static int bind_place(struct listener *listener, uint32_t address, uint16_t port, struct err *err)
{
	int on = 1;
	struct place *place = listener->place;
	struct sockaddr_in name = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(address)};
	socklen_t len = sizeof(name);
	inet_ntop(AF_INET, &name.sin_addr, place->text, sizeof(place->text));
	listener->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (listener->fd < 0)
		return err_errno(err, errno, "socket");
	setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener->fd, (struct sockaddr *)&name, len) != 0 ||
	    listen(listener->fd, BACKLOG) != 0 ||
	    getsockname(listener->fd, (struct sockaddr *)&name, &len) != 0)
		return err_errno(err, errno, "cannot listen on %s:%u", place->text, port);
	place->address = name.sin_addr.s_addr;
	place->port = ntohs(name.sin_port);
	return 0;
}

/* Opens one listener for each address of text. */
static int open_range(struct server *server, struct str text, struct profile *profile,
		      struct err *err)
{
	struct address_range range;
	struct world *world = &server->world;
	if (address_range_parse(text, &range, err) != 0)
		return -1;
	if (world->place_count + range.count > PLACES_MAX)
		return err_set(err, ERR_USAGE, "more than %d addresses", PLACES_MAX);
	for (uint32_t i = 0; i < range.count; i++) {
		struct listener *listener = &server->listeners[world->place_count];
		listener->place = &world->places[world->place_count];
		listener->place->index = (uint16_t)world->place_count;
		listener->place->profile = profile;
		listener->watch.kind = WATCH_LISTENER;
		if (bind_place(listener, range.first + i, range.port, err) != 0)
			return -1;
		world->place_count++;
		server_watch(server, EPOLL_CTL_ADD, listener->fd, EPOLLIN, &listener->watch);
	}
	return 0;
}

static struct config *config_now(const struct server *server)
{
	return server->configs.items[server->configs.count - 1];
}

static struct profile *default_profile(const struct config *config)
{
	struct profile *profile = config_profile(config, STR("default"));
	return profile != NULL ? profile : config->profiles;
}

static int open_listeners(struct server *server, struct err *err)
{
	const struct options *options = server->options;
	const struct config *config = config_now(server);
	server->world.places = xcalloc(PLACES_MAX, sizeof(*server->world.places));
	server->listeners = xcalloc(PLACES_MAX, sizeof(*server->listeners));
	for (size_t i = 0; i < options->listen_count; i++)
		if (open_range(server, str_from(options->listens[i]), default_profile(config),
			       err) != 0)
			return -1;
	for (size_t i = 0; i < config->listener_count; i++)
		if (open_range(server, config->listeners[i].listen,
			       config_profile(config, config->listeners[i].profile), err) != 0)
			return -1;
	return 0;
}

static int add_config(struct server *server, struct err *err)
{
	struct configs *configs = &server->configs;
	struct config *config = config_load(server->options->config, err);
	if (config == NULL)
		return -1;
	configs->items = xrealloc(configs->items, (configs->count + 1) * sizeof(*configs->items));
	configs->items[configs->count++] = config;
	return 0;
}

static int open_signals(struct server *server, struct err *err)
{
	static const int wanted[] = {SIGHUP, SIGUSR1, SIGINT, SIGTERM};
	sigset_t set;
	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
		sigaddset(&set, wanted[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return err_errno(err, errno, "sigprocmask");
	server->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (server->signals < 0)
		return err_errno(err, errno, "signalfd");
	server->signal_watch.kind = WATCH_SIGNALS;
	server_watch(server, EPOLL_CTL_ADD, server->signals, EPOLLIN, &server->signal_watch);
	return 0;
}

static void raise_descriptor_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static void say_ready(const struct world *world)
{
	printf("ready");
	for (size_t i = 0; i < world->place_count; i++)
		printf(" %s:%u", world->places[i].text, world->places[i].port);
	printf("\n");
	fflush(stdout);
}

static void world_init(struct world *world, const struct options *options)
{
	world->seed = options->seed;
	world->random = options->seed * 2 + 1; /* never 0 */
	world->verify_rcpt = options->verify_rcpt;
	world->save_dir = options->save_dir;
	world->save_every = options->save_every;
	accounts_init(&world->accounts);
	seen_init(&world->greylist);
	stats_init(&world->stats);
}

int server_open(struct server *server, const struct options *options, struct err *err)
{
	*server = (struct server){.options = options, .epoll = -1, .signals = -1};
	list_init(&server->conns);
	list_init(&server->dirty);
	heap_init(&server->timers);
	world_init(&server->world, options);
	server->read_buffer = xmalloc(READ_SIZE);
	raise_descriptor_limit();
	read_clock(server);
	server->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (server->epoll < 0)
		return err_errno(err, errno, "epoll_create1");
	if (events_open(&server->world.events, options->log, err) != 0 ||
	    add_config(server, err) != 0 || open_signals(server, err) != 0 ||
	    open_listeners(server, err) != 0)
		return -1;
	say_ready(&server->world);
	return 0;
}

/* Signals */

/* Points each listener at the profile of the same name in the new configuration. */
static void reload(struct server *server)
{
	struct err err;
	if (add_config(server, &err) != 0) {
		log_error_event(LOG_ERROR, "reload_failed", &err);
		return;
	}
	const struct config *config = config_now(server);
	for (size_t i = 0; i < server->world.place_count; i++) {
		struct place *place = &server->world.places[i];
		struct profile *profile = config_profile(config, place->profile->name);
		place->profile = profile != NULL ? profile : default_profile(config);
	}
}

static void write_stats(struct server *server)
{
	struct err err;
	if (server->options->stats == NULL)
		return;
	if (stats_write(&server->world, server->options->stats, &err) != 0)
		log_error_event(LOG_ERROR, "stats_failed", &err);
}

static void on_signals(struct server *server)
{
	struct signalfd_siginfo info;
	while (read(server->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			reload(server);
		else if (info.ssi_signo == SIGUSR1)
			write_stats(server);
		else
			server->has_to_end = true;
	}
}

/* The loop */

static void accept_some(struct server *server, struct listener *listener)
{
	struct sockaddr_in peer = {0};
	listener->is_ready = false;
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		socklen_t len = sizeof(peer);
		int fd = accept4(listener->fd, (struct sockaddr *)&peer, &len,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return;
		conn_open(server, fd, listener->place, peer.sin_addr.s_addr);
	}
}

static int wait_ms(const struct server *server)
{
	const struct heap_node *first = heap_min(&server->timers);
	int64_t at_ms = first != NULL ? first->key : INT64_MAX;
	int64_t idle_ms = (int64_t)server->options->idle_exit_s * 1000;
	if (idle_ms > 0 && server->last_input_ms + idle_ms < at_ms)
		at_ms = server->last_input_ms + idle_ms;
	if (server->end_at_ms > 0 && server->end_at_ms < at_ms)
		at_ms = server->end_at_ms;
	if (at_ms == INT64_MAX)
		return -1;
	int64_t in_ms = at_ms - clock_now_ms();
	return in_ms > 0 ? (int)in_ms : 0;
}

static void take_event(struct server *server, const struct epoll_event *event)
{
	struct watch *watch = event->data.ptr;
	switch (watch->kind) {
	case WATCH_CONN:
		conn_ready(CONTAINER_OF(watch, struct conn, watch), event->events);
		break;
	case WATCH_SIGNALS:
		on_signals(server);
		break;
	case WATCH_LISTENER:
		CONTAINER_OF(watch, struct listener, watch)->is_ready = true;
		break;
	}
}

static void take_events(struct server *server, const struct epoll_event *events, int count)
{
	for (int i = 0; i < count; i++)
		take_event(server, &events[i]);
	for (int i = 0; i < count; i++) {
		struct listener *listener = events[i].data.ptr; /* a conn may be gone by now */
		if (listener >= server->listeners &&
		    listener < server->listeners + server->world.place_count && listener->is_ready)
			accept_some(server, listener);
	}
}

static void fire_timers(struct server *server)
{
	struct heap_node *first;
	while ((first = heap_min(&server->timers)) != NULL && first->key <= server_now_ms(server)) {
		struct conn_timer *timer = CONTAINER_OF(first, struct conn_timer, node);
		heap_remove(&server->timers, first);
		timer->fire(timer->conn);
	}
}

static void flush_all(struct server *server)
{
	struct list now;
	struct list *node;
	list_init(&now);
	events_flush(&server->world.events);
	list_splice(&now, &server->dirty);
	while ((node = list_first(&now)) != NULL)
		conn_flush(LIST_ITEM(node, struct conn, dirty));
}

/* Enough was accepted: ends when the peers have said QUIT, or soon. */
static void check_count(struct server *server)
{
	uint64_t count = server->options->count;
	if (count == 0 || server->world.stats.accepted < count)
		return;
	if (server->end_at_ms == 0)
		server->end_at_ms = server_now_ms(server) + LAST_WORDS_MS;
	server->has_to_end |=
		list_is_empty(&server->conns) || server_now_ms(server) >= server->end_at_ms;
}

static bool is_idle(const struct server *server)
{
	const struct options *o = server->options;
	return o->idle_exit_s > 0 &&
	       server_now_ms(server) - server->last_input_ms >= (int64_t)o->idle_exit_s * 1000;
}

int server_run(struct server *server, struct err *err)
{
	struct epoll_event events[EVENTS_A_TURN];
	server->last_input_ms = server_now_ms(server);
	while (!server->has_to_end && !is_idle(server)) {
		int wait = list_is_empty(&server->dirty) ? wait_ms(server) : 0;
		int count = epoll_wait(server->epoll, events, EVENTS_A_TURN, wait);
		if (count < 0 && errno != EINTR)
			return err_errno(err, errno, "epoll_wait");
		read_clock(server);
		take_events(server, events, count);
		fire_timers(server);
		flush_all(server);
		check_count(server);
	}
	write_stats(server);
	return 0;
}

void server_close(struct server *server)
{
	LIST_EACH (node, &server->conns)
		conn_close(LIST_ITEM(node, struct conn, all), "sink ends", false);
	for (size_t i = 0; i < server->world.place_count; i++)
		close(server->listeners[i].fd);
	for (size_t i = 0; i < server->configs.count; i++)
		config_free(server->configs.items[i]);
	if (server->signals >= 0)
		close(server->signals);
	if (server->epoll >= 0)
		close(server->epoll);
	events_close(&server->world.events);
	accounts_done(&server->world.accounts);
	seen_done(&server->world.greylist);
	stats_done(&server->world.stats);
	heap_done(&server->timers);
	free(server->configs.items);
	free(server->listeners);
	free(server->world.places);
	free(server->read_buffer);
}
