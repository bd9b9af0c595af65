/* SPDX-License-Identifier: MIT */
/*
 * The ceiling: what the SMTP bytes alone cost here. One thread on epoll that keeps its connections
 * busy with MAIL, RCPT and DATA in one write, then the message; no queue, no database, no DNS, no
 * limits, nothing written down. What the engine adds to this is what all of that costs.
 *
 *	ceiling --to 127.1.0.1-20:PORT --count N [--connections C] [--html BYTES] [--key PEM]
 *
 * Recipient i is u<i>@d<i mod 20>.test, its domain's address is that of the same number. Messages
 * have their own To and Message-ID; the rest is one and the same, but with --key: then each is
 * composed and signed (DKIM, RSA). A receiver that says no ends the measurement. Prints one JSON
 * object. Addresses outside 127.0.0.0/8 are refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/mail/compose.h"
#include "tests/sink/options.h"

#define CONNECTIONS_MAX 20000u
#define OUTPUT_MAX (16u << 20)
#define KEY_MAX 16384u
#define EVENTS 256

struct plan {
	struct address_range to;
	uint64_t count, connections, html;
	const char *key; /* NULL = unsigned */
};

enum step { STEP_GREETING, STEP_EHLO, STEP_ENVELOPE, STEP_BODY, STEP_QUIT };

struct peer {
	int fd;
	uint32_t domain;
	uint64_t recipient;
	enum step step;
	unsigned owed;	 /* replies */
	size_t column;	 /* of the reply line being read */
	char code, mark; /* its first and fourth character */
	struct buf out;
	size_t sent;
	bool waits_for_room;
};

struct sender {
	struct plan plan;
	int epoll;
	struct peer *peers;
	uint64_t *next; /* per domain, its next recipient */
	uint64_t accepted, open;
	struct content *content;
	struct composer *composer;
	struct signer *signer;
	struct dkim_key key;
	struct message message;
	struct buf shared; /* an unsigned message without To and Message-ID */
};

static void die(const char *what)
{
	fprintf(stderr, "ceiling: %s\n", what);
	exit(1);
}

/* ------------------------------------------------------------------------------------ messages */

static bool find_name(const void *ctx, struct str name, struct str *value_out)
{
	(void)ctx;
	(void)name;
	*value_out = STR("张三");
	return true;
}

static void compose_for(struct sender *s, uint64_t recipient, uint32_t domain)
{
	char address[64], id[64];
	struct err err;
	snprintf(address, sizeof(address), "u%" PRIu64 "@d%u.test", recipient, domain);
	snprintf(id, sizeof(id), "c1.%" PRIu64 "@news.test", recipient);
	struct compose_input in = {.to = {STR(""), str_from(address)},
				   .values = {find_name, NULL},
				   .message_id = str_from(id),
				   .date_s = clock_wall_us() / 1000000,
				   .keys = &s->key,
				   .key_count = s->signer != NULL};
	struct message *message = &s->message;
	if (compose(s->composer, s->content, &in, message, &err) != 0 ||
	    (!message->is_signed && compose_sign(&message, 1, &err) != 0))
		die(err.text);
}

static void make_content(struct sender *s)
{
	struct buf html;
	struct err err;
	buf_init(&html, OUTPUT_MAX);
	buf_append_cstr(&html, "<html><body><p>Hello {{ name }}</p>\n");
	while (html.len < s->plan.html)
		buf_append_cstr(&html, "<p>lorem ipsum dolor sit amet consectetur</p>\n");
	buf_append_cstr(&html, "</body></html>\n");
	struct content_spec spec = {.subject = STR("你好 {{ name }}"),
				    .html = buf_str(&html),
				    .text = STR("你好 {{ name }}\n"),
				    .from = {STR("新闻"), STR("news@news.test")}};
	if (content_new(&spec, &s->content, &err) != 0)
		die(err.text);
	buf_done(&html);
	s->composer = composer_new();
	message_init(&s->message);
}

static void load_key(struct sender *s)
{
	char pem[KEY_MAX];
	struct err err;
	int fd = open(s->plan.key, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, pem, sizeof(pem));
	if (n <= 0)
		die("the key cannot be read");
	close(fd);
	if (signer_load(str_of(pem, (size_t)n), &s->signer, &err) != 0)
		die(err.text);
	s->key = (struct dkim_key){STR("news.test"), STR("s1"), s->signer};
}

/* The message of recipient 0 without the two fields that each has for itself. */
static void make_shared(struct sender *s)
{
	compose_for(s, 0, 0);
	struct str rest = buf_str(&s->message.text);
	buf_init(&s->shared, OUTPUT_MAX);
	while (rest.len > 2 && rest.ptr[0] != '\r') {
		struct str line = str_take_until(&rest, '\n');
		if (str_starts_with(line, STR("To:")) || str_starts_with(line, STR("Message-ID:")))
			continue;
		buf_append_str(&s->shared, line);
		buf_append_char(&s->shared, '\n');
	}
	buf_append_str(&s->shared, rest);
}

static void say_message(struct sender *s, struct peer *p)
{
	if (s->signer == NULL) {
		buf_appendf(&p->out,
			    "To: <u%" PRIu64 "@d%u.test>\r\nMessage-ID: <c1.%" PRIu64
			    "@news.test>\r\n",
			    p->recipient, p->domain, p->recipient);
		buf_append_str(&p->out, buf_str(&s->shared));
	} else {
		compose_for(s, p->recipient, p->domain);
		buf_append_str(&p->out, buf_str(&s->message.text));
		buf_append_str(&p->out, s->message.tail);
	}
	buf_append_cstr(&p->out, ".\r\n");
	p->step = STEP_BODY;
	p->owed = 1;
}

/* -------------------------------------------------------------------------------- conversation */

static void say_envelope(struct sender *s, struct peer *p)
{
	p->recipient = s->next[p->domain];
	if (p->recipient >= s->plan.count) {
		buf_append_cstr(&p->out, "QUIT\r\n");
		p->step = STEP_QUIT;
		p->owed = 1;
		return;
	}
	s->next[p->domain] += s->plan.to.count;
	buf_appendf(&p->out,
		    "MAIL FROM:<news@news.test>\r\nRCPT TO:<u%" PRIu64 "@d%u.test>\r\nDATA\r\n",
		    p->recipient, p->domain);
	p->step = STEP_ENVELOPE;
	p->owed = 3;
}

static void go_on(struct sender *s, struct peer *p)
{
	switch (p->step) {
	case STEP_GREETING:
		buf_append_cstr(&p->out, "EHLO ceiling.test\r\n");
		p->step = STEP_EHLO;
		p->owed = 1;
		break;
	case STEP_ENVELOPE:
		say_message(s, p);
		break;
	case STEP_BODY:
		s->accepted++;
		say_envelope(s, p);
		break;
	case STEP_EHLO:
		say_envelope(s, p);
		break;
	case STEP_QUIT:
		close(p->fd);
		s->open--;
		break;
	}
}

/* Replies are only counted: the first digit says yes, a space after the code ends one. */
static void take_reply_char(struct sender *s, struct peer *p, char c)
{
	if (p->column == 0)
		p->code = c;
	if (p->column == 3)
		p->mark = c;
	p->column++;
	if (c != '\n')
		return;
	bool is_last = p->mark != '-';
	p->column = 0;
	if (p->code != '2' && p->code != '3')
		die("the receiver refused");
	if (is_last && --p->owed == 0)
		go_on(s, p);
}

static void write_out(struct sender *s, struct peer *p)
{
	while (p->sent < p->out.len) {
		ssize_t n = send(p->fd, p->out.data + p->sent, p->out.len - p->sent, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN)
			die(strerror(errno));
		if (n < 0)
			break;
		p->sent += (size_t)n;
	}
	bool is_full = p->sent < p->out.len;
	if (!is_full) {
		buf_clear(&p->out);
		p->sent = 0;
	}
	if (is_full == p->waits_for_room)
		return;
	p->waits_for_room = is_full;
	struct epoll_event event = {.events = EPOLLIN | (is_full ? EPOLLOUT : 0), .data.ptr = p};
	must(epoll_ctl(s->epoll, EPOLL_CTL_MOD, p->fd, &event) == 0);
}

static void on_event(struct sender *s, struct peer *p)
{
	char in[4096];
	ssize_t n = recv(p->fd, in, sizeof(in), 0);
	if (n == 0 || (n < 0 && errno != EAGAIN))
		die("the receiver closed the connection");
	for (ssize_t i = 0; i < n; i++)
		take_reply_char(s, p, in[i]);
	if (p->step != STEP_QUIT || p->owed > 0)
		write_out(s, p);
}

/* -------------------------------------------------------------------------------- life */

static void dial(struct sender *s, struct peer *p, uint32_t domain)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(s->plan.to.port),
				 .sin_addr.s_addr = htonl(s->plan.to.first + domain)};
	int one = 1;
	*p = (struct peer){.domain = domain, .step = STEP_GREETING, .owed = 1};
	buf_init(&p->out, OUTPUT_MAX);
	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (p->fd < 0 || connect(p->fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		die(strerror(errno));
	must(setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0);
	must(fcntl(p->fd, F_SETFL, O_NONBLOCK) == 0);
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = p};
	must(epoll_ctl(s->epoll, EPOLL_CTL_ADD, p->fd, &event) == 0);
	s->open++;
}

static void send_all(struct sender *s)
{
	struct epoll_event events[EVENTS];
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	s->peers = xcalloc(s->plan.connections, sizeof(s->peers[0]));
	s->next = xcalloc(s->plan.to.count, sizeof(s->next[0]));
	for (uint32_t i = 0; i < s->plan.to.count; i++)
		s->next[i] = i;
	for (uint64_t i = 0; i < s->plan.connections; i++)
		dial(s, &s->peers[i], (uint32_t)(i % s->plan.to.count));
	while (s->open > 0) {
		int n = epoll_wait(s->epoll, events, EVENTS, -1);
		for (int i = 0; i < n; i++)
			on_event(s, events[i].data.ptr);
	}
}

static int number(const char *name, const char *value, uint64_t *out, struct err *err)
{
	if (str_to_u64(str_from(value), out) != 0 || *out == 0)
		return err_set(err, ERR_USAGE, "%s wants a number from 1, not \"%s\"", name, value);
	return 0;
}

static int take_option(struct plan *o, const char *name, const char *value, struct err *err)
{
	if (strcmp(name, "--to") == 0)
		return address_range_parse(str_from(value), &o->to, err);
	if (strcmp(name, "--count") == 0)
		return number(name, value, &o->count, err);
	if (strcmp(name, "--connections") == 0)
		return number(name, value, &o->connections, err);
	if (strcmp(name, "--html") == 0)
		return number(name, value, &o->html, err);
	if (strcmp(name, "--key") != 0)
		return err_set(err, ERR_USAGE, "there is no option %s", name);
	o->key = value;
	return 0;
}

static double cpu_s(void)
{
	struct rusage u;
	must(getrusage(RUSAGE_SELF, &u) == 0);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
	static struct sender s;
	struct err err = {0};
	s.plan = (struct plan){.connections = 80, .html = 10240};
	for (int i = 1; i + 1 < argc; i += 2)
		if (take_option(&s.plan, argv[i], argv[i + 1], &err) != 0)
			die(err.text);
	if (argc % 2 == 0 || s.plan.to.port == 0 || s.plan.count == 0 ||
	    s.plan.connections > CONNECTIONS_MAX)
		die("usage: --to 127.1.0.1-20:PORT --count N [--connections C] [--html BYTES] "
		    "[--key PEM]");
	if (s.plan.key != NULL)
		load_key(&s);
	make_content(&s);
	if (s.signer == NULL)
		make_shared(&s);
	int64_t start_us = clock_now_us();
	double cpu = cpu_s();
	send_all(&s);
	double seconds = (double)(clock_now_us() - start_us) / 1e6;
	printf("{\"messages\":%" PRIu64 ",\"seconds\":%.3f,\"per_second\":%.0f,"
	       "\"cpu_s\":%.3f}\n",
	       s.accepted, seconds, (double)s.accepted / seconds, cpu_s() - cpu);
	return s.accepted == s.plan.count ? 0 : 1;
}
