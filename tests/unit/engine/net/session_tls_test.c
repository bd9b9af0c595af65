/* SPDX-License-Identifier: MIT */
/* Sessions through TLS, and handshakes that fail, against a real server on loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "engine/net/net_private.h"
#include "tests/unit/engine/net/peer_support.h"

#define STARTTLS "S250 STARTTLS", "CSTARTTLS", "S220 go"
#define SECURE STARTTLS, "tls", "CEHLO", "S250-mx", "S250 PIPELINING", "serve"

struct tls_fixture {
	char path[64];
	SSL_CTX *server;
	struct tls_context *trusting;	/* trusts the server's certificate */
	struct tls_context *suspicious; /* trusts what the system trusts */
};

static int set_up_tls(void **state)
{
	static struct tls_fixture f;
	struct err err;
	snprintf(f.path, sizeof(f.path), "/tmp/edm-session-test-%d.pem", (int)getpid());
	f.server = server_tls(f.path);
	f.trusting = tls_context_new(f.path, &err);
	f.suspicious = tls_context_new(NULL, &err);
	*state = &f;
	return f.trusting != NULL && f.suspicious != NULL ? 0 : -1;
}

static int tear_down_tls(void **state)
{
	struct tls_fixture *f = *state;
	tls_context_free(f->trusting);
	tls_context_free(f->suspicious);
	SSL_CTX_free(f->server);
	unlink(f->path);
	return 0;
}

static void test_tls_and_resumption(void **state)
{
	struct tls_fixture *f = *state;
	struct client c;
	struct server server = {.tls = f->server};
	client_init(&c, 0);
	c.to_send = 1;
	c.target.tls = TLS_OPPORTUNISTIC;
	c.target.tls_context = f->suspicious;
	server_start(&server, SCRIPT(GREET, SECURE, "next", GREET, SECURE));
	((struct sockaddr_in *)(void *)&c.target.address)->sin_port = htons(server.port);
	client_run(&c);
	assert_why(&c, OUTCOME_WORDS_LOCAL, STAGE_QUIT);
	assert_string_equal(c.facts.tls_version, "TLSv1.3");
	assert_string_not_equal(c.facts.tls_cipher, "");
	assert_false(c.facts.tls_verified);
	assert_false(c.facts.tls_resumed);
	c.to_send = 500;
	c.ready = 0;
	client_run(&c);
	assert_true(c.facts.tls_resumed);
	server_stop(&server);
	assert_int_equal(server.messages, 501);
	assert_int_equal(c.delivered, 501);
	client_done(&c);
}

/* Leaves no handshake step to what happens between two ends of turns. */
static void take_all_steps(struct turn_hook *hook)
{
	while (net_take_step(hook->owner))
		;
}

static void test_handshakes_wait_for_their_turn(void **state)
{
	struct tls_fixture *f = *state;
	struct client c;
	struct server server = {.tls = f->server};
	client_init(&c, 0);
	struct turn_hook hook = {.on_turn = take_all_steps, .owner = c.net};
	loop_add_hook(c.loop, &hook);
	for (unsigned i = 0; i < NET_HANDSHAKE_STEPS; i++)
		assert_true(net_take_step(c.net));
	assert_false(net_take_step(c.net));
	c.target.tls = TLS_REQUIRED;
	c.target.tls_context = f->suspicious;
	play(&c, &server, SCRIPT(GREET, SECURE));
	assert_int_equal(c.delivered, 1);
	loop_remove_hook(&hook);
	client_done(&c);
}

struct verify_case {
	const char *host_name;
	bool is_trusting;
	bool want_delivered;
	const char *want_why;
};

static const struct verify_case verifies[] = {
	{"mx.peer.test", true, true, "closed in good order"},
	{"other.peer.test", true, false, "certificate verify failed: hostname mismatch"},
	{"mx.peer.test", false, false, "certificate verify failed: self-signed certificate"},
	{NULL, true, false, "no usable host name to verify"},
};

static void test_verified(void **state)
{
	struct tls_fixture *f = *state;
	for (size_t i = 0; i < ARRAY_LEN(verifies); i++) {
		struct client c;
		struct server server = {.tls = f->server};
		client_init(&c, 0);
		c.target.tls = TLS_VERIFIED;
		c.target.host_name = verifies[i].host_name;
		c.target.tls_context = verifies[i].is_trusting ? f->trusting : f->suspicious;
		play(&c, &server, SCRIPT(GREET, SECURE));
		assert_int_equal(c.delivered, verifies[i].want_delivered);
		assert_string_equal(c.why_text, verifies[i].want_why);
		assert_int_equal(c.facts.tls_verified, verifies[i].want_delivered);
		assert_int_equal(c.facts.dialog.tls_failed, !verifies[i].want_delivered);
		if (!verifies[i].want_delivered)
			assert_why(&c, OUTCOME_WORDS_TLS, STAGE_STARTTLS);
		client_done(&c);
	}
}

static void test_tls_big_body(void **state)
{
	struct tls_fixture *f = *state;
	struct client c;
	struct server server = {.tls = f->server};
	struct buf big = big_body();
	client_init(&c, 0);
	c.body = buf_str(&big);
	c.target.tls = TLS_REQUIRED;
	c.target.tls_context = f->suspicious;
	play(&c, &server, SCRIPT(GREET, SECURE));
	assert_int_equal(server.messages, 1);
	assert_int_equal(c.delivered, 1);
	client_done(&c);
	buf_done(&big);
}

struct broken_case {
	const char *const *script;
	int64_t starttls_ms;
	enum outcome_words want_words;
};

/* A handshake that fails, is cut, is answered in clear, or never ends. */
static const struct broken_case broken[] = {
	{SCRIPT(GREET, STARTTLS), 60000, OUTCOME_WORDS_TCP},
	{SCRIPT(GREET, STARTTLS, "rst"), 60000, OUTCOME_WORDS_TCP},
	{SCRIPT(GREET, "S250 STARTTLS", "CSTARTTLS", "S220 go\r\n220 again"), 60000,
	 OUTCOME_WORDS_TLS},
	{SCRIPT(GREET, STARTTLS, "silent"), 50, OUTCOME_WORDS_TLS},
	{SCRIPT(GREET, STARTTLS, "some", "S421 what is this", "hold"), 60000, OUTCOME_WORDS_TLS},
};

/* What broke is told, so that the owner can come back without TLS, which then works. */
static void test_broken_starttls(void **state)
{
	struct tls_fixture *f = *state;
	for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
		struct client c;
		struct server server = {0}, plain = {0};
		client_init(&c, 0);
		c.target.tls = TLS_OPPORTUNISTIC;
		c.target.tls_context = f->suspicious;
		c.timeouts.starttls_ms = broken[i].starttls_ms;
		c.timeouts.close_ms = 30;
		play(&c, &server, broken[i].script);
		assert_why(&c, broken[i].want_words, STAGE_STARTTLS);
		assert_true(c.facts.dialog.tls_failed);
		assert_int_equal(c.outcomes + c.ready, 0);
		c.target.tls = TLS_NONE;
		play(&c, &plain, SCRIPT(GREET, "S250 STARTTLS", "serve"));
		assert_int_equal(c.delivered, 1);
		client_done(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tls_and_resumption),
		cmocka_unit_test(test_handshakes_wait_for_their_turn),
		cmocka_unit_test(test_verified),
		cmocka_unit_test(test_tls_big_body),
		cmocka_unit_test(test_broken_starttls),
	};
	return cmocka_run_group_tests(tests, set_up_tls, tear_down_tls);
}
