/* SPDX-License-Identifier: MIT */
/* A worker of its own, with one job for one scripted receiver: what may leave, and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <cmocka.h>

#include "engine/base/clock.h"
#include "scheduler/node/worker.h"

/* Takes everything until DATA, which it answers when it is let. */
struct peer {
	int listener;
	in_port_t port;
	pthread_t thread;
	sem_t has_data, may_answer;
	sem_t is_over;	  /* it has the message, or the connection ended */
	bool has_message; /* the terminator came */
	bool is_short;	  /* not now, it says to the first message, and hangs up on the second */
};

struct fixture {
	struct peer peer;
	struct loop *loop;
	struct mailbox *inbox;
	struct journal *journal;
	struct composers *composers;
	struct crashes *crashes;
	struct node_shared shared;
	struct identity identity;
	struct campaign_snapshot *campaign;
	struct worker *worker;
	struct work_posts posts;
	struct letter drain;
	struct node_person person;
	struct node_lease lease;
	struct site *site;
	struct mx_answer *answer;
	struct work_job *job;
	struct worker_settings settings;
	unsigned settled, returned, wishes;
	int32_t connects; /* new connections it told of */
	bool is_drained;
	const char *looked_for; /* in the states of its lanes; NULL when it was found */
	char directory[64];
};

/* -------------------------------------------------------------------------------- the receiver */

/* A line of the client; false at its end. */
static bool read_line(FILE *stream, char *line, int size)
{
	return fgets(line, size, stream) != NULL;
}

static void read_message(FILE *stream, struct peer *p)
{
	char line[2048];
	while (!p->has_message && read_line(stream, line, sizeof(line)))
		p->has_message = strcmp(line, ".\r\n") == 0;
}

static void converse(FILE *in, int fd, struct peer *p)
{
	char line[2048];
	dprintf(fd, "220 peer\r\n");
	while (read_line(in, line, sizeof(line))) {
		bool is_data = strncmp(line, "DATA", 4) == 0;
		if (is_data) {
			must(sem_post(&p->has_data) == 0);
			must(sem_wait(&p->may_answer) == 0);
		}
		dprintf(fd, is_data ? "354 go\r\n" : "250 ok\r\n");
		if (!is_data)
			continue;
		read_message(in, p);
		if (!p->has_message)
			return;
		dprintf(fd, "250 taken\r\n");
		must(sem_post(&p->is_over) == 0);
	}
}

/* One message is put off; the connection ends with the MAIL of the next. */
static void be_short(FILE *in, int fd)
{
	char line[2048];
	int mails = 0;
	bool in_body = false;
	dprintf(fd, "220 peer\r\n");
	while (mails < 2 && read_line(in, line, sizeof(line))) {
		bool is_dot = in_body && strcmp(line, ".\r\n") == 0;
		mails += !in_body && strncmp(line, "MAIL", 4) == 0;
		if (is_dot)
			dprintf(fd, "451 4.7.0 not now\r\n");
		else if (!in_body && mails < 2)
			dprintf(fd, strncmp(line, "DATA", 4) == 0 ? "354 go\r\n" : "250 ok\r\n");
		in_body = !is_dot && (in_body || strncmp(line, "DATA", 4) == 0);
	}
}

static void *peer_main(void *arg)
{
	struct peer *p = arg;
	for (int left = p->is_short ? 2 : 1; left > 0; left--) {
		int fd = accept(p->listener, NULL, NULL);
		FILE *in = fdopen(fd, "r");
		must(in != NULL);
		if (left == 2)
			be_short(in, fd);
		else
			converse(in, fd, p);
		(void)fclose(in);
	}
	must(sem_post(&p->is_over) == 0);
	return NULL;
}

static void peer_start(struct peer *p)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	p->listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(p->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(p->listener, 1), 0);
	assert_int_equal(getsockname(p->listener, (struct sockaddr *)&address, &len), 0);
	p->port = ntohs(address.sin_port);
	assert_int_equal(sem_init(&p->has_data, 0, 0), 0);
	assert_int_equal(sem_init(&p->may_answer, 0, 0), 0);
	assert_int_equal(sem_init(&p->is_over, 0, 0), 0);
	assert_int_equal(pthread_create(&p->thread, NULL, peer_main, p), 0);
}

/* ------------------------------------------------------------------------------------- control */

static void take_connects(struct fixture *f, struct work_connects *connects)
{
	while (connects != NULL) {
		struct work_connects *next = connects->next;
		for (size_t i = 0; i < connects->count; i++)
			f->connects += connects->items[i].connections;
		free(connects);
		connects = next;
	}
}

static void take_status(struct fixture *f, struct work_status *status)
{
	if (status != NULL && f->looked_for != NULL &&
	    str_find(buf_str(&status->lanes), str_from(f->looked_for)) >= 0)
		f->looked_for = NULL;
	work_status_free(status);
}

static void on_letter(void *owner, struct letter *letter)
{
	struct fixture *f = owner;
	switch (letter->kind) {
	case LETTER_SETTLED:
		f->settled++;
		break;
	case LETTER_RETURNED:
		f->returned++;
		break;
	case LETTER_DRAINED:
		f->is_drained = true;
		break;
	case LETTER_STATUS:
		take_status(f, mailbox_take(f->inbox, letter));
		break;
	case LETTER_SHARES:
		f->wishes++;
		free(mailbox_take(f->inbox, letter));
		break;
	case LETTER_LANES:
	case LETTER_PARTIES:
		free(mailbox_take(f->inbox, letter));
		break;
	case LETTER_CONNECTS:
		take_connects(f, mailbox_take(f->inbox, letter));
		break;
	default:
		fail_msg("letter %d", (int)letter->kind);
	}
}

static void hold_identity(struct fixture *f)
{
	static struct source source;
	static struct warmup_plan plan;
	struct err err;
	source = (struct source){.id = 1,
				 .name = STR("s1"),
				 .address = STR("127.0.0.2"),
				 .ehlo = STR("s1.news.test"),
				 .public_address = STR("127.0.0.2"),
				 .pool = STR("default"),
				 .weight = 1,
				 .state = SOURCE_ACTIVE};
	struct ip_pool_snapshot *pool = xcalloc(1, sizeof(*pool));
	atomic_init(&pool->refs, 1);
	arena_init(&pool->arena, 0);
	pool->sources = &source;
	pool->plans = &plan;
	pool->source_count = 1;
	assert_int_equal(provider_table_builtin(NULL, 0, &pool->providers, &err), 0);
	f->identity.node = STR("here");
	f->identity.pool = pool;
	f->identity.rules = rule_set_load(STR(""), &err);
	assert_non_null(f->identity.rules);
	atomic_init(&f->identity.refs, 1);
}

static struct campaign_snapshot *campaign_new(void)
{
	struct content_spec spec = {.subject = STR("Hello"),
				    .text = STR("Hello\n"),
				    .from = {.name = STR("News"), .address = STR("me@news.test")}};
	struct campaign_snapshot *s = campaign_snapshot_new();
	struct err err;
	s->id = 1;
	s->version = 1;
	s->name = STR("spring");
	s->from_address = STR("me@news.test");
	s->from_domain = STR("news.test");
	s->give_up_after_ms = 3600000;
	assert_int_equal(content_new(&spec, &s->content, &err), 0);
	return s;
}

static struct mx_answer *answer_new(void)
{
	struct block {
		struct mx_answer answer;
		struct mx_host host;
		struct ip ip;
	} *block = xcalloc(1, sizeof(*block));
	assert_int_equal(ip_parse(STR("127.0.0.1"), &block->ip), 0);
	block->host = (struct mx_host){
		.name = STR("mx.peer.test"), .address_count = 1, .addresses = &block->ip};
	block->answer = (struct mx_answer){
		.result = MX_OK, .host_count = 1, .hosts = &block->host, .refs = 1};
	return &block->answer;
}

static struct work_job *job_new(struct fixture *f)
{
	struct work_job *job = work_job_new();
	job->lease = &f->lease;
	job->attempt = 1;
	job->rid = 1;
	job->address = f->person.address;
	job->campaign = f->campaign;
	job->answer = f->answer;
	job->has_credit = true;
	job->plan.site = f->site;
	return job;
}

static void make_job(struct fixture *f)
{
	struct site_access access = {.port = f->peer.port, .tls = TLS_NONE};
	f->campaign = campaign_new();
	f->answer = answer_new();
	f->site = site_new(STR("mx.peer.test"), STR("mx.peer.test"), STR(""), &access);
	f->person = (struct node_person){.rid = 1,
					 .address = STR("you@peer.test"),
					 .domain = STR("peer.test"),
					 .has_credit = true};
	f->lease = (struct node_lease){.campaign = 1, .chunk = 1, .count = 1, .people = &f->person};
	f->job = job_new(f);
}

static void open_worker(struct fixture *f)
{
	struct err err;
	f->settings = (struct worker_settings){
		.timeouts = smtp_timeouts_default,
		.idle_ms = 1000,
		.grace_ms = 5000,
		.park_ms = 60000,
		.flush_ms = 200,
		.compose_budget = 1 << 20,
		.max_sessions = 10,
		.settle.schedule = {.delays_s = {300}, .count = 1},
	};
	struct worker_options options = {
		.control = f->inbox,
		.composers = f->composers,
		.shared = &f->shared,
		.journal = f->journal,
		.workers = 1,
		.incarnation = 1,
		.settings = f->settings,
		.identity = &f->identity,
	};
	f->worker = worker_open(&options, &err);
	assert_non_null(f->worker);
	work_posts_init(&f->posts, worker_inbox(f->worker));
}

/* So few that one new connection may be under way or not saved. */
static void limit_new_connections(struct fixture *f)
{
	static struct limit_rule rule;
	rule = (struct limit_rule){.id = 1, .source = STR("s1"), .until_ms = LIMIT_FOREVER};
	limit_values_init(&rule.values);
	rule.values.new_connections[LIMIT_DAY] = 50;
	f->identity.pool->limits = (struct limit_rules){&rule, 1};
}

static int setup_at(void **state, bool is_short, void (*arrange)(struct fixture *f))
{
	static const unsigned char installation[16] = {1};
	static struct fixture f;
	struct err err;
	f = (struct fixture){.directory = "/tmp/edm-worker-XXXXXX", .peer.is_short = is_short};
	assert_non_null(mkdtemp(f.directory));
	peer_start(&f.peer);
	f.loop = loop_new();
	f.inbox = mailbox_open(f.loop, on_letter, &f);
	f.journal = journal_open(f.directory, installation, &err);
	assert_non_null(f.journal);
	f.crashes = crashes_open(f.directory, &err);
	assert_non_null(f.crashes);
	f.composers = composers_open(1, f.crashes);
	hold_identity(&f);
	if (arrange != NULL)
		arrange(&f);
	make_job(&f);
	atomic_store(&f.shared.lease_until_ms, clock_now_ms() + 3600000);
	open_worker(&f);
	work_letter_send(worker_inbox(f.worker), &f.job->letter, LETTER_OFFER, f.job);
	*state = &f;
	return 0;
}

static int setup(void **state)
{
	return setup_at(state, false, NULL);
}

static int setup_limited(void **state)
{
	return setup_at(state, false, limit_new_connections);
}

static int setup_short(void **state)
{
	return setup_at(state, true, NULL);
}

static void drain(struct fixture *f)
{
	work_letter_send(worker_inbox(f->worker), &f->drain, LETTER_DRAIN, NULL);
	while (!f->is_drained)
		loop_turn(f->loop, true);
}

static void remove_directory(const char *directory)
{
	char command[128];
	snprintf(command, sizeof(command), "rm -r %s", directory);
	assert_int_equal(system(command), 0);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	if (!f->is_drained)
		drain(f);
	worker_close(f->worker);
	composers_close(f->composers);
	crashes_close(f->crashes);
	mailbox_close(f->inbox);
	loop_turn(f->loop, false);
	loop_free(f->loop);
	pthread_join(f->peer.thread, NULL);
	close(f->peer.listener);
	journal_close(f->journal);
	work_job_free(f->job);
	campaign_snapshot_unref(f->campaign);
	site_drop(f->site);
	mx_answer_drop(f->answer);
	ip_pool_snapshot_drop(f->identity.pool);
	rule_set_free(f->identity.rules);
	remove_directory(f->directory);
	return 0;
}

/* --------------------------------------------------------------------------------------- tests */

static void deliver(struct fixture *f)
{
	assert_int_equal(sem_wait(&f->peer.has_data), 0);
	assert_int_equal(sem_post(&f->peer.may_answer), 0);
	while (f->settled == 0)
		loop_turn(f->loop, true);
}

static void a_message_leaves_under_a_lease(void **state)
{
	struct fixture *f = *state;
	deliver(f);
	assert_int_equal(f->job->result->outcome.verdict.klass, OUTCOME_DELIVERED);
	drain(f);
	/* Limits find it after a restart, though nobody has said that it is saved. */
	assert_int_equal(f->connects, 1);
	assert_int_equal(sem_wait(&f->peer.is_over), 0);
	assert_true(f->peer.has_message);
}

/* The lease ends between the envelope and the body: the terminator does not leave. */
static void no_terminator_leaves_without_a_lease(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(sem_wait(&f->peer.has_data), 0);
	atomic_store(&f->shared.lease_until_ms, 0);
	assert_int_equal(sem_post(&f->peer.may_answer), 0);
	assert_int_equal(sem_wait(&f->peer.is_over), 0);
	assert_false(f->peer.has_message);
	drain(f);
	assert_int_equal(f->settled, 0);
	assert_int_equal(f->returned, 1);
}

/* What it says when it hears a letter that came after its end is heard before it is gone. */
static void last_words_are_heard(void **state)
{
	struct fixture *f = *state;
	deliver(f);
	drain(f);
	struct work_reload *reload = xcalloc(1, sizeof(*reload));
	*reload = (struct work_reload){
		.identity = identity_hold(&f->identity), .settings = f->settings, .number = 1};
	assert_null(work_post(&f->posts, LETTER_RELOAD, reload));
	unsigned before = f->wishes;
	worker_close(f->worker);
	f->worker = NULL;
	assert_int_equal(f->wishes, before + 1);
}

/* A second connection waits until the database knows of the first, and that is said. */
static void who_waits_for_the_database_says_so(void **state)
{
	struct fixture *f = *state;
	deliver(f);
	/* The message, then the end of its connection. */
	assert_int_equal(sem_wait(&f->peer.is_over), 0);
	assert_int_equal(sem_wait(&f->peer.is_over), 0);
	struct work_job *second = job_new(f);
	work_letter_send(worker_inbox(f->worker), &second->letter, LETTER_OFFER, second);
	f->looked_for = "waits for new connections to be saved";
	while (f->looked_for != NULL)
		loop_turn(f->loop, true);
	drain(f);
	assert_int_equal(f->connects, 1);
	assert_int_equal(f->settled, 1);
	assert_int_equal(f->returned, 1);
	work_job_free(second);
}

/* A host that has answered is reachable, whatever it says and however it hangs up. */
static void who_puts_off_and_hangs_up_is_reachable(void **state)
{
	struct fixture *f = *state;
	while (f->settled == 0)
		loop_turn(f->loop, true);
	assert_int_equal(f->job->result->outcome.code, 451);
	struct work_job *second = job_new(f);
	work_letter_send(worker_inbox(f->worker), &second->letter, LETTER_OFFER, second);
	assert_int_equal(sem_wait(&f->peer.has_data), 0);
	assert_int_equal(sem_post(&f->peer.may_answer), 0);
	while (f->settled == 1)
		loop_turn(f->loop, true);
	drain(f);
	assert_int_equal(second->result->outcome.verdict.klass, OUTCOME_DELIVERED);
	assert_string_equal(f->site->last_text, "");
	work_job_free(second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_message_leaves_under_a_lease, setup, teardown),
		cmocka_unit_test_setup_teardown(no_terminator_leaves_without_a_lease, setup,
						teardown),
		cmocka_unit_test_setup_teardown(who_waits_for_the_database_says_so, setup_limited,
						teardown),
		cmocka_unit_test_setup_teardown(last_words_are_heard, setup, teardown),
		cmocka_unit_test_setup_teardown(who_puts_off_and_hangs_up_is_reachable, setup_short,
						teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
