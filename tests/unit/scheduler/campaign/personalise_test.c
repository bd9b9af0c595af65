/* SPDX-License-Identifier: MIT */
/* One message for one person: values, names, envelope sender, stable Message-ID, hostile data. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "lists/token.h"
#include "scheduler/campaign/personalise.h"

struct fixture {
	struct campaign_snapshot *campaign;
	struct personaliser *p;
	struct message message;
	struct buf mail_from;
};

static struct campaign_snapshot *campaign_new(void)
{
	struct campaign_snapshot *s = campaign_snapshot_new();
	struct content_spec spec = {
		.subject = STR("{{ name }}, {{ campaign }}"),
		.text = STR("to {{ email }}: {{ city | default: \"nowhere\" }} {{ points }}\n"),
		.from = {.name = STR("News"), .address = STR("news@news.test")},
	};
	struct err err;
	s->id = 5;
	s->version = 1;
	s->name = STR("spring");
	s->from_address = STR("news@news.test");
	s->from_domain = STR("news.test");
	assert_int_equal(content_new(&spec, &s->content, &err), 0);
	return s;
}

static int setup(void **state)
{
	static struct fixture f;
	f.campaign = campaign_new();
	f.p = personaliser_new();
	message_init(&f.message);
	buf_init(&f.mail_from, 320);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	message_done(&f->message);
	buf_done(&f->mail_from);
	personaliser_free(f->p);
	campaign_snapshot_unref(f->campaign);
	return 0;
}

static int make(struct fixture *f, const struct addressee *to, struct err *err)
{
	struct personal_message out = {.message = &f->message, .mail_from = &f->mail_from};
	return personalise(f->p, f->campaign, to, &out, err);
}

static bool has(const struct fixture *f, const char *text)
{
	return strstr(f->message.text.data, text) != NULL;
}

static void values_come_from_the_membership_and_from_us(void **state)
{
	struct fixture *f = *state;
	struct err err;
	struct addressee to = {.rid = 1,
			       .address = STR("a@b.test"),
			       .attributes = STR("{\"name\":\"Ann\",\"city\":\"Ulm\","
						 "\"points\":12,\"email\":\"forged@x.test\"}")};
	assert_int_equal(make(f, &to, &err), 0);
	assert_true(has(f, "Subject: Ann, spring\r\n"));
	assert_true(has(f, "To: Ann <a@b.test>\r\n"));
	/* Values stand on lines of their own in the encoded body. */
	assert_true(has(f, "\r\na@b.test=\r\n"));
	assert_true(has(f, "\r\nUlm=\r\n"));
	assert_true(has(f, "\r\n12=\r\n"));
	assert_false(has(f, "forged"));
}

static void a_name_cannot_leave_its_header(void **state)
{
	struct fixture *f = *state;
	struct err err;
	struct addressee to = {.rid = 1,
			       .address = STR("a@b.test"),
			       .attributes = STR("{\"name\":\"x\\r\\nBcc: evil@x.test\"}")};
	assert_int_equal(make(f, &to, &err), 0);
	assert_false(has(f, "\r\nBcc:"));
}

static void broken_attributes_are_an_error_not_a_message(void **state)
{
	struct fixture *f = *state;
	struct err err;
	struct addressee to = {.rid = 1, .address = STR("a@b.test"), .attributes = STR("[1]")};
	assert_int_equal(make(f, &to, &err), -1);
	assert_int_equal(err.kind, ERR_INPUT);
}

static void message_id_is_the_same_in_every_attempt_and_another_for_another(void **state)
{
	struct fixture *f = *state;
	struct err err;
	struct addressee to = {.rid = 77, .address = STR("a@b.test")};
	char first[200], second[200];
	assert_int_equal(make(f, &to, &err), 0);
	const char *id = strstr(f->message.text.data, "Message-ID: ");
	assert_non_null(id);
	memcpy(first, id, 60);
	assert_int_equal(make(f, &to, &err), 0);
	memcpy(second, strstr(f->message.text.data, "Message-ID: "), 60);
	assert_memory_equal(first, second, 60);
	to.rid = 78;
	assert_int_equal(make(f, &to, &err), 0);
	memcpy(second, strstr(f->message.text.data, "Message-ID: "), 60);
	assert_memory_not_equal(first, second, 60);
}

static void verp_where_it_is_set_up_and_taken(void **state)
{
	struct fixture *f = *state;
	struct err err;
	struct addressee to = {.rid = 77, .address = STR("a@b.test"), .takes_verp = true};
	assert_int_equal(make(f, &to, &err), 0);
	assert_string_equal(f->mail_from.data, "news@news.test");
	f->campaign->return_path_domain = STR("bounce.news.test");
	assert_int_equal(make(f, &to, &err), 0);
	struct str sender = buf_str(&f->mail_from);
	assert_true(str_starts_with(sender, STR("b-")));
	assert_true(str_ends_with(sender, STR("@bounce.news.test")));
	struct token token;
	assert_int_equal(token_parse(&f->campaign->token_key, TOKEN_BOUNCE,
				     str_slice(sender, 2, 2 + TOKEN_LEN), &token),
			 0);
	assert_int_equal(token.rid, 77);
	assert_int_equal(token.campaign_id, 5);
	to.takes_verp = false;
	assert_int_equal(make(f, &to, &err), 0);
	assert_string_equal(f->mail_from.data, "news@news.test");
}

static void list_unsubscribe_only_with_a_base(void **state)
{
	struct fixture *f = *state;
	struct err err;
	struct addressee to = {.rid = 77, .address = STR("a@b.test")};
	assert_int_equal(make(f, &to, &err), 0);
	assert_false(has(f, "List-Unsubscribe"));
	f->campaign->unsubscribe_base = STR("https://u.news.test/u");
	assert_int_equal(make(f, &to, &err), 0);
	assert_true(has(f, "List-Unsubscribe: <https://u.news.test/u/"));
	assert_true(has(f, "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"));
}

int main(void)
{
#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH_FIXTURE(values_come_from_the_membership_and_from_us),
		WITH_FIXTURE(a_name_cannot_leave_its_header),
		WITH_FIXTURE(broken_attributes_are_an_error_not_a_message),
		WITH_FIXTURE(message_id_is_the_same_in_every_attempt_and_another_for_another),
		WITH_FIXTURE(verp_where_it_is_set_up_and_taken),
		WITH_FIXTURE(list_unsubscribe_only_with_a_base),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
