/* SPDX-License-Identifier: MIT */
/*
 * Sessions in clear against a real server on loopback. What is asserted is what the owner was told
 * and what the server saw.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <malloc.h>
#include <unistd.h>

#include "tests/unit/engine/net/peer_support.h"

/* --- whole conversations --- */

static void test_one_message(void **state)
{
	(void)state;
	struct client c;
	struct server server = {0};
	client_init(&c, 0);
	play(&c, &server, SCRIPT(GREET, "S250 HELP", "serve"));
	assert_int_equal(server.messages, 1);
	assert_int_equal(server.quits, 1);
	assert_int_equal(c.delivered, 1);
	assert_int_equal(c.asked, 1);
	assert_string_equal(c.last_text, "queued");
	assert_why(&c, OUTCOME_WORDS_LOCAL, STAGE_QUIT);
	assert_true(c.facts.dialog.is_greeted && c.facts.ready_at_ms >= c.facts.opened_at_ms);
	assert_true(c.facts.peer_closed_at_ms > 0);
	assert_string_equal(c.facts.remote_ip, "127.0.0.1");
	assert_string_equal(c.facts.tls_version, "");
	client_done(&c);
}

static void test_ten_thousand_messages(void **state)
{
	(void)state;
	struct client c;
	struct server server = {0};
	client_init(&c, 0);
	c.to_send = 10000;
	c.target.may_overlap = false;
	size_t before = mallinfo2().uordblks;
	play(&c, &server, SCRIPT(GREET, "S250 PIPELINING", "serve"));
	size_t after = mallinfo2().uordblks;
	assert_int_equal(server.messages, 10000);
	assert_int_equal(c.delivered, 10000);
	assert_int_equal(c.rooms, 0);
	assert_true(after < before + 65536);
	client_done(&c);
}

static void test_overlap(void **state)
{
	(void)state;
	struct client c;
	struct server server = {0};
	client_init(&c, 0);
	c.to_send = 2000;
	play(&c, &server, SCRIPT(GREET, "S250 PIPELINING", "serve"));
	assert_int_equal(server.messages, 2000);
	assert_int_equal(c.delivered, 2000);
	assert_int_equal(c.asked, 2000);
	assert_true(c.rooms >= 1998);
	assert_why(&c, OUTCOME_WORDS_LOCAL, STAGE_QUIT);
	client_done(&c);
}

static void test_big_body(void **state)
{
	(void)state;
	struct client c;
	struct server server = {0};
	struct buf big;
	buf_init(&big, 8u << 20);
	while (big.len < (6u << 20))
		buf_append_cstr(&big, "0123456789abcdef0123456789abcdef0123456789abcdef\r\n");
	client_init(&c, 0);
	c.body = buf_str(&big);
	c.to_send = 2;
	play(&c, &server, SCRIPT(GREET, "S250 PIPELINING", "serve"));
	assert_int_equal(server.messages, 2);
	assert_int_equal(c.delivered, 2);
	client_done(&c);
	buf_done(&big);
}

/* --- connecting --- */

static void test_refused(void **state)
{
	(void)state;
	struct client c;
	in_port_t port;
	close(listen_on_loopback(&port));
	client_init(&c, port);
	client_run(&c);
	assert_why(&c, OUTCOME_WORDS_TCP, STAGE_CONNECT);
	assert_int_equal(c.facts.dial_errno, ECONNREFUSED);
	assert_false(c.facts.dialog.is_greeted);
	client_done(&c);
}

/* 192.0.2.1 (RFC 5737) is nobody's address: our own fault. */
static void test_source_not_ours(void **state)
{
	(void)state;
	struct client c;
	client_init(&c, 1);
	((struct sockaddr_in *)(void *)&c.target.source)->sin_addr.s_addr = htonl(0xC0000201);
	client_run(&c);
	assert_why(&c, OUTCOME_WORDS_LOCAL, STAGE_CONNECT);
	assert_int_equal(c.facts.dial_errno, EADDRNOTAVAIL);
	client_done(&c);
}

/* --- silence and loss, stage by stage --- */

struct stage_case {
	const char *const *script; /* what comes before the silence or the reset */
	size_t timeout_at;	   /* in struct smtp_timeouts: the one that cuts the silence */
	enum outcome_stage want;
	unsigned want_unknown;
	unsigned want_outcomes;
};

#define AT(name) offsetof(struct smtp_timeouts, name##_ms)

static const struct stage_case stages[] = {
	{SCRIPT("none"), AT(banner), STAGE_BANNER, 0, 0},
	{SCRIPT("S220 mx", "CEHLO"), AT(ehlo), STAGE_EHLO, 0, 0},
	{SCRIPT(GREET, "S250 HELP", "CMAIL"), AT(mail), STAGE_MAIL, 0, 1},
	{SCRIPT(GREET, "S250 HELP", MAIL_250, "CRCPT"), AT(rcpt), STAGE_RCPT, 0, 1},
	{SCRIPT(GREET, "S250 HELP", MAIL_250, RCPT_250, "CDATA"), AT(data), STAGE_DATA, 0, 1},
	{SCRIPT(GREET, "S250 HELP", MAIL_250, RCPT_250, DATA_354, "body"), AT(dot), STAGE_DOT, 1,
	 1},
};

static void play_stage(const struct stage_case *stage, const char *last, struct client *c)
{
	const char *script[32];
	struct server server = {0};
	size_t n = 0;
	for (size_t i = 0; stage->script[i] != NULL; i++)
		if (strcmp(stage->script[i], "none") != 0)
			script[n++] = stage->script[i];
	script[n++] = last;
	script[n] = NULL;
	client_init(c, 0);
	c->timeouts.close_ms = 30;
	if (strcmp(last, "silent") == 0)
		memcpy((char *)&c->timeouts + stage->timeout_at, &(int64_t){30}, sizeof(int64_t));
	play(c, &server, script);
	assert_int_equal(server.bad_lines, 0);
	assert_int_equal(c->outcomes, stage->want_outcomes);
	assert_int_equal(c->unknown, stage->want_unknown);
	assert_int_equal(c->delivered, 0);
	assert_why(c, OUTCOME_WORDS_TCP, stage->want);
	if (stage->want_outcomes > 0)
		assert_int_equal(c->last.stage, stage->want);
	client_done(c);
}

static void test_silence_at_each_stage(void **state)
{
	(void)state;
	struct client c;
	for (size_t i = 0; i < ARRAY_LEN(stages); i++)
		play_stage(&stages[i], "silent", &c);
}

static void test_reset_at_each_stage(void **state)
{
	(void)state;
	struct client c;
	/* A reset before the banner may be met in connecting already. */
	for (size_t i = 1; i < ARRAY_LEN(stages); i++)
		play_stage(&stages[i], "rst", &c);
}

static void test_close_ms(void **state)
{
	(void)state;
	struct client c;
	struct server server = {0};
	client_init(&c, 0);
	c.to_send = 0;
	c.timeouts.quit_ms = 20;
	c.timeouts.close_ms = 20;
	play(&c, &server, SCRIPT(GREET, "S250 HELP", "silent"));
	assert_why(&c, OUTCOME_WORDS_LOCAL, STAGE_QUIT);
	assert_int_equal(c.facts.peer_closed_at_ms, 0);
	client_done(&c);
}

/* --- the body --- */

static void play_body(struct client *c, int64_t body_ms, const char *const *script)
{
	struct server server = {0};
	struct buf big = big_body();
	client_init(c, 0);
	c->body = buf_str(&big);
	c->timeouts.body_ms = body_ms;
	c->timeouts.close_ms = 30;
	play(c, &server, script);
	assert_int_equal(c->outcomes, 1);
	assert_int_equal(c->unknown, 0);
	assert_int_equal(c->asked, 0);
	assert_int_equal(server.messages, 0);
	client_done(c);
	buf_done(&big);
}

static void test_reset_in_body(void **state)
{
	(void)state;
	struct client c;
	play_body(&c, 60000,
		  SCRIPT(GREET, "S250 HELP", MAIL_250, RCPT_250, DATA_354, "some", "rst"));
	assert_int_equal(c.last.words, OUTCOME_WORDS_TCP);
	assert_int_equal(c.last.stage, STAGE_BODY);
}

static void test_peer_does_not_read(void **state)
{
	(void)state;
	struct client c;
	play_body(&c, 60, SCRIPT(GREET, "S250 HELP", MAIL_250, RCPT_250, DATA_354, "silent"));
	assert_int_equal(c.last.words, OUTCOME_WORDS_TCP);
	assert_int_equal(c.last.stage, STAGE_BODY);
}

/* A refusal said before a close is read although writing has failed. */
static void test_refusal_in_body(void **state)
{
	(void)state;
	struct client c;
	play_body(&c, 60000,
		  SCRIPT(GREET, "S250 HELP", MAIL_250, RCPT_250, DATA_354, "some",
			 "S552 5.3.4 too big", "hold"));
	assert_int_equal(c.last.words, OUTCOME_WORDS_REMOTE);
	assert_int_equal(c.last.code, 552);
}

static void test_abort(void **state)
{
	(void)state;
	struct client c;
	struct server server = {0};
	client_init(&c, 0);
	c.aborts = true;
	play(&c, &server, SCRIPT(GREET, "S250 HELP", MAIL_250, RCPT_250, DATA_354, "body", "hold"));
	assert_int_equal(server.messages, 0);
	assert_int_equal(c.outcomes, 1);
	assert_int_equal(c.last.words, OUTCOME_WORDS_LOCAL);
	assert_int_equal(c.last.stage, STAGE_BODY);
	assert_why(&c, OUTCOME_WORDS_LOCAL, STAGE_BODY);
	client_done(&c);
}

static void test_flood(void **state)
{
	(void)state;
	struct client c;
	struct server server = {0};
	client_init(&c, 0);
	size_t before = mallinfo2().uordblks;
	play(&c, &server, SCRIPT(GREET, "S250 HELP", MAIL_250, "flood"));
	assert_true(mallinfo2().uordblks < before + (1u << 20));
	assert_int_equal(c.outcomes, 1);
	assert_int_equal(c.last.words, OUTCOME_WORDS_REMOTE);
	assert_int_equal(c.last.code, 0);
	client_done(&c);
}

/* --- closing from within --- */

static void test_close_in_callbacks(void **state)
{
	(void)state;
	for (enum callback in = READY; in <= OUTCOME; in++) {
		struct client c;
		struct server server = {0};
		client_init(&c, 0);
		c.to_send = 5;
		c.closes_in = in;
		play(&c, &server, SCRIPT(GREET, "S250 PIPELINING", "serve"));
		assert_int_equal(c.closed, 0);
		client_done(&c);
	}
}

static void test_close_at_once(void **state)
{
	(void)state;
	struct client c;
	in_port_t port;
	int listener = listen_on_loopback(&port);
	client_init(&c, port);
	c.session = session_open(c.net, &c.target, &client_events, &c);
	session_close(c.session);
	session_close(NULL);
	client_done(&c);
	assert_int_equal(c.closed, 0);
	close(listener);
}

static void test_quit_while_connecting(void **state)
{
	(void)state;
	struct client c;
	in_port_t port;
	int listener = listen_on_loopback(&port);
	client_init(&c, port);
	c.session = session_open(c.net, &c.target, &client_events, &c);
	session_quit(c.session);
	assert_int_equal(c.closed, 0);
	loop_run(c.loop);
	assert_why(&c, OUTCOME_WORDS_LOCAL, STAGE_CONNECT);
	client_done(&c);
	close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_message),
		cmocka_unit_test(test_ten_thousand_messages),
		cmocka_unit_test(test_overlap),
		cmocka_unit_test(test_big_body),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_source_not_ours),
		cmocka_unit_test(test_silence_at_each_stage),
		cmocka_unit_test(test_reset_at_each_stage),
		cmocka_unit_test(test_close_ms),
		cmocka_unit_test(test_reset_in_body),
		cmocka_unit_test(test_peer_does_not_read),
		cmocka_unit_test(test_refusal_in_body),
		cmocka_unit_test(test_abort),
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_close_in_callbacks),
		cmocka_unit_test(test_close_at_once),
		cmocka_unit_test(test_quit_while_connecting),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
