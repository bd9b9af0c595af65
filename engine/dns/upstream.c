/* SPDX-License-Identifier: MIT */
/* A c-ares channel with uv_poll per socket and one timer; see upstream_private.h. */
#include "engine/dns/upstream_private.h"

#include <ares.h>
#include <stdlib.h>

/* How often c-ares looks for questions whose time is over, while there are any. */
#define TICK_MS 50
#define EDNS_SIZE 1232 /* DNS flag day 2020: no fragments */
#define RECEIVE_BUFFER (1 << 20)
#define CLASS_IN 1

struct upstream {
	struct loop *loop;
	ares_channel channel;
	struct timer tick;   /* set while pending > 0 */
	struct list polls;   /* struct poll of open sockets */
	size_t pending;	     /* questions inside c-ares */
	size_t open_handles; /* polls not yet closed by the loop */
	bool is_closing;
};

/* A socket of c-ares, watched by the loop. */
struct poll {
	struct list node;
	uv_poll_t handle;
	struct upstream *upstream;
	ares_socket_t socket;
};

struct question {
	struct upstream *upstream;
	upstream_on_reply on_reply;
	void *owner;
};

static void free_when_idle(struct upstream *u)
{
	if (u->is_closing && u->open_handles == 0)
		free(u);
}

static void on_poll_closed(uv_handle_t *handle)
{
	struct poll *poll = handle->data;
	struct upstream *u = poll->upstream;
	free(poll);
	u->open_handles--;
	free_when_idle(u);
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
	struct poll *poll = handle->data;
	ares_socket_t none = ARES_SOCKET_BAD;
	bool readable = status < 0 || (events & UV_READABLE) != 0;
	bool writable = status < 0 || (events & UV_WRITABLE) != 0;
	ares_process_fd(poll->upstream->channel, readable ? poll->socket : none,
			writable ? poll->socket : none);
}

static struct poll *find_poll(struct upstream *u, ares_socket_t socket)
{
	LIST_EACH (it, &u->polls) {
		struct poll *poll = LIST_ITEM(it, struct poll, node);
		if (poll->socket == socket)
			return poll;
	}
	return NULL;
}

static struct poll *add_poll(struct upstream *u, ares_socket_t socket)
{
	struct poll *poll = xcalloc(1, sizeof(*poll));
	poll->upstream = u;
	poll->socket = socket;
	poll->handle.data = poll;
	list_init(&poll->node);
	list_push_back(&u->polls, &poll->node);
	must(uv_poll_init(loop_uv(u->loop), &poll->handle, socket) == 0);
	u->open_handles++;
	return poll;
}

/* c-ares opened, closes (nothing to watch) or wants to watch a socket. */
static void on_socket(void *data, ares_socket_t socket, int readable, int writable)
{
	struct upstream *u = data;
	struct poll *poll = find_poll(u, socket);
	if (!readable && !writable) {
		if (poll == NULL)
			return;
		list_remove(&poll->node);
		uv_poll_stop(&poll->handle);
		uv_close((uv_handle_t *)&poll->handle, on_poll_closed);
		return;
	}
	if (poll == NULL)
		poll = add_poll(u, socket);
	int events = (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0);
	must(uv_poll_start(&poll->handle, events, on_poll) == 0);
}

static void on_tick(struct timer *t)
{
	struct upstream *u = t->owner;
	ares_process_fd(u->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	if (u->pending > 0)
		timer_set(u->loop, t, loop_now_ms(u->loop) + TICK_MS);
}

static int open_channel(struct upstream *u, const struct ip_port *server, int timeout_ms)
{
	static char lookups[] = "b";
	static char no_file[] = "/dev/null";
	struct ares_options options = {
		.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_EDNS |
			 ARES_FLAG_NOCHECKRESP,
		.timeout = timeout_ms,
		.tries = 1,
		.lookups = lookups,
		.ednspsz = EDNS_SIZE,
		.resolvconf_path = no_file,
		.socket_receive_buffer_size = RECEIVE_BUFFER,
		.sock_state_cb = on_socket,
		.sock_state_cb_data = u,
	};
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_DOMAINS |
		   ARES_OPT_LOOKUPS | ARES_OPT_EDNSPSZ | ARES_OPT_RESOLVCONF |
		   ARES_OPT_SOCK_RCVBUF | ARES_OPT_SOCK_STATE_CB;
	int rc = ares_init_options(&u->channel, &options, mask);
	if (rc != ARES_SUCCESS)
		return rc;
	char text[IP_TEXT_SIZE];
	rc = ares_set_servers_ports_csv(u->channel, ip_port_format(server, text, sizeof(text)));
	if (rc != ARES_SUCCESS)
		ares_destroy(u->channel);
	return rc;
}

struct upstream *upstream_open(struct loop *loop, const struct ip_port *server, int timeout_ms,
			       struct err *err)
{
	struct upstream *u = xcalloc(1, sizeof(*u));
	u->loop = loop;
	u->tick = (struct timer){.on_due = on_tick, .owner = u};
	list_init(&u->polls);
	int rc = open_channel(u, server, timeout_ms);
	if (rc != ARES_SUCCESS) {
		err_set(err, ERR_SYSTEM, "c-ares cannot start: %s", ares_strerror(rc));
		free(u);
		return NULL;
	}
	return u;
}

static void on_answer(void *arg, int status, int timeouts, unsigned char *data, int len)
{
	(void)status; /* data says it all: the response code stands in it */
	(void)timeouts;
	struct question *q = arg;
	q->upstream->pending--;
	if (!q->upstream->is_closing)
		q->on_reply(q->owner, str_of((char *)data, data == NULL ? 0 : (size_t)len));
	free(q);
}

void upstream_ask(struct upstream *u, const char *name, enum dns_type type,
		  upstream_on_reply on_reply, void *owner)
{
	struct question *q = xmalloc(sizeof(*q));
	*q = (struct question){.upstream = u, .on_reply = on_reply, .owner = owner};
	u->pending++;
	ares_query(u->channel, name, CLASS_IN, (int)type, on_answer, q);
	if (u->pending > 0 && !timer_is_set(&u->tick))
		timer_set(u->loop, &u->tick, loop_now_ms(u->loop) + TICK_MS);
}

void upstream_close(struct upstream *u)
{
	if (u == NULL)
		return;
	u->is_closing = true;
	timer_clear(u->loop, &u->tick);
	ares_destroy(u->channel);
	free_when_idle(u);
}

size_t upstream_system_servers(struct ip_port *out, size_t max)
{
	ares_channel channel;
	struct ares_addr_port_node *servers = NULL;
	size_t count = 0;
	if (ares_init(&channel) != ARES_SUCCESS)
		return 0;
	if (ares_get_servers_ports(channel, &servers) == ARES_SUCCESS) {
		for (struct ares_addr_port_node *s = servers; s != NULL && count < max;
		     s = s->next) {
			struct ip_port *at = &out[count++];
			*at = (struct ip_port){.port = (uint16_t)s->udp_port};
			at->ip.family = s->family == AF_INET ? IP_V4 : IP_V6;
			const uint8_t *bytes = (const uint8_t *)&s->addr;
			for (size_t i = 0; i < (s->family == AF_INET ? 4u : 16u); i++)
				at->ip.bytes[i] = bytes[i];
			at->port = at->port == 0 ? 53 : at->port;
		}
	}
	ares_free_data(servers);
	ares_destroy(channel);
	return count;
}
