/* SPDX-License-Identifier: MIT */
/* Whole messages: their shape on the wire whatever the data, their fields, their sameness. What
 * other programs read out of them is checked in tests/scenario/dkim_verify_test.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <string.h>
#include <cmocka.h>

#include "engine/mail/compose.h"

struct pair {
	const char *name;
	struct str value;
};

struct pairs {
	const struct pair *items;
	size_t count;
};

static bool find_pair(const void *ctx, struct str name, struct str *value_out)
{
	const struct pairs *pairs = ctx;
	for (size_t i = 0; i < pairs->count; i++)
		if (str_equals(str_from(pairs->items[i].name), name)) {
			*value_out = pairs->items[i].value;
			return true;
		}
	return false;
}

static struct content *new_content(const struct content_spec *spec)
{
	struct content *content = NULL;
	struct err err = {0};
	if (content_new(spec, &content, &err) != 0)
		fail_msg("%s", err.text);
	return content;
}

static struct compose_input an_input(const struct pairs *pairs)
{
	return (struct compose_input){
		.to = {STR("张三"), STR("zhang@qq.com")},
		.values = {find_pair, pairs},
		.message_id = STR("c1.r2@example.com"),
		.date_s = 1798761599,
		.zone_minutes = 480,
		.unsubscribe_url = STR("https://u.example.com/u/TOKEN"),
		.unsubscribe_mailto = STR("mailto:u+TOKEN@example.com"),
		.list_id = STR("news.example.com"),
		.feedback_id = STR("c1:t1:news:edm01"),
	};
}

/* Text and tail in one buffer; the wire's rules hold for every line of it. */
static struct buf whole(const struct message *m)
{
	struct buf text;
	buf_init(&text, 64u << 20);
	buf_append_str(&text, buf_str(&m->text));
	buf_append_str(&text, m->tail);
	assert_int_equal(text.len, message_size(m));
	struct str rest = buf_str(&text);
	assert_true(str_ends_with(rest, STR("\r\n")));
	while (rest.len > 0) {
		struct str line = str_take_until(&rest, '\n');
		assert_true(line.len > 0 && line.len <= 999);
		assert_true(line.ptr[line.len - 1] == '\r' && line.ptr[0] != '.');
		line.len--;
		for (size_t i = 0; i < line.len; i++)
			assert_true((line.ptr[i] >= ' ' && line.ptr[i] < 0x7F) ||
				    line.ptr[i] == '\t');
	}
	return text;
}

static size_t count(struct str text, struct str needle)
{
	size_t n = 0;
	ptrdiff_t at;
	while ((at = str_find(text, needle)) >= 0) {
		text = str_slice(text, (size_t)at + needle.len, text.len);
		n++;
	}
	return n;
}

static void compose_one(const struct content *content, const struct compose_input *in,
			struct message *out)
{
	struct composer *composer = composer_new();
	struct err err = {0};
	if (compose(composer, content, in, out, &err) != 0)
		fail_msg("%s", err.text);
	composer_free(composer);
}

static void plain_text_message(void **state)
{
	(void)state;
	static const char want[] = "From: =?UTF-8?B?5YWs5Y+4?= <news@example.com>\r\n"
				   "To: =?UTF-8?B?5byg5LiJ?= <zhang@qq.com>\r\n"
				   "Subject: Hello\r\n"
				   "Date: Fri, 01 Jan 2027 07:59:59 +0800\r\n"
				   "Message-ID: <c1.r2@example.com>\r\n"
				   "List-Unsubscribe: <https://u.example.com/u/TOKEN>,\r\n"
				   " <mailto:u+TOKEN@example.com>\r\n"
				   "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
				   "List-Id: <news.example.com>\r\n"
				   "Feedback-ID: c1:t1:news:edm01\r\n"
				   "Precedence: bulk\r\n"
				   "MIME-Version: 1.0\r\n"
				   "Content-Type: text/plain; charset=utf-8\r\n"
				   "Content-Transfer-Encoding: 7bit\r\n"
				   "\r\n"
				   "Hi\r\n";
	struct content_spec spec = {.subject = STR("Hello"),
				    .text = STR("Hi\n"),
				    .from = {STR("公司"), STR("news@example.com")}};
	struct content *content = new_content(&spec);
	struct pairs none = {NULL, 0};
	struct compose_input in = an_input(&none);
	struct message m;
	message_init(&m);
	compose_one(content, &in, &m);
	struct buf text = whole(&m);
	assert_string_equal(text.data, want);
	assert_true(m.is_signed);
	buf_done(&text);
	message_done(&m);
	content_free(content);
}

static void values_reach_each_encoding(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *value;
		const char *want; /* the body */
	} cases[] = {
		{"Hi {{ v }}, ok\n", "Ann", "Hi =\r\nAnn=\r\n, ok\r\n"},
		{"Hi {{ v }}", ".\r\n.\r\nx", "Hi =\r\n=2E\r\n=2E\r\nx=\r\n\r\n"},
		{"{{ v }}\n", "", "\r\n"},
		{"中中中{{ v }}文文\n", "a", "5Lit5Lit5LitYeaWh+aWhw0K\r\n"},
		{"中中中{{ v }}文文\n", "ab", "5Lit5Lit5LitYWLmlofmlocNCg==\r\n"},
		{"中中中{{ v }}文文\n", "abc", "5Lit5Lit5LitYWJj5paH5paHDQo=\r\n"},
		{"中中中{{ v }}文文\n", "", "5Lit5Lit5Lit5paH5paHDQo=\r\n"},
		{"中中中{{ v }}文文\n", "\n", "5Lit5Lit5LitDQrmlofmlocNCg==\r\n"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct content_spec spec = {.subject = STR("s"),
					    .text = str_from(cases[i].text),
					    .from = {STR(""), STR("news@example.com")}};
		struct content *content = new_content(&spec);
		struct pair pair = {"v", str_from(cases[i].value)};
		struct pairs pairs = {&pair, 1};
		struct compose_input in = an_input(&pairs);
		struct message m;
		message_init(&m);
		compose_one(content, &in, &m);
		struct buf text = whole(&m);
		assert_string_equal(strstr(text.data, "\r\n\r\n") + 4, cases[i].want);
		buf_done(&text);
		message_done(&m);
		content_free(content);
	}
}

/* Lines of base64 are full but for the last, whatever stands between the literal texts. */
static void lines_of_base64_are_even(void **state)
{
	(void)state;
	char value[300], got[8000];
	struct buf text;
	buf_init(&text, 4000);
	for (int i = 0; i < 200; i++)
		buf_append_cstr(&text, i % 40 == 20 ? "{{ v }}" : "中文");
	struct content_spec spec = {.subject = STR("s"),
				    .text = buf_str(&text),
				    .from = {STR(""), STR("news@example.com")}};
	struct content *content = new_content(&spec);
	for (size_t length = 0; length < 300; length += 7) {
		struct pair pair = {"v", str_of(value, length)};
		struct pairs pairs = {&pair, 1};
		struct compose_input in = an_input(&pairs);
		struct message m;
		memset(value, 'x', length);
		message_init(&m);
		compose_one(content, &in, &m);
		struct buf all = whole(&m);
		const char *body = strstr(all.data, "\r\n\r\n") + 4;
		size_t bytes = 195 * 6 + 5 * length, chars = (bytes + 2) / 3 * 4, lines = 0;
		for (struct str rest = str_from(body); rest.len > 0; lines++) {
			struct str line = str_take_until(&rest, '\n');
			assert_int_equal(line.len,
					 (rest.len > 0 || chars % 76 == 0 ? 76 : chars % 76) + 1);
			memcpy(got + lines * 76, line.ptr, line.len - 1);
		}
		assert_int_equal(lines, (chars + 75) / 76);
		assert_true(memcmp(got, "5Lit5paH", 8) == 0);
		buf_done(&all);
		message_done(&m);
	}
	content_free(content);
	buf_done(&text);
}

static void tree_has_only_the_levels_needed(void **state)
{
	(void)state;
	static const struct {
		bool has_html, has_inline, has_file;
		const char *want; /* the multipart types in order */
		size_t want_tail;
	} cases[] = {
		{false, false, false, "", 0},
		{true, false, false, "alternative ", 0},
		{true, true, false, "alternative related ", 1},
		{true, false, true, "mixed alternative ", 1},
		{true, true, true, "mixed alternative related ", 1},
		{false, true, true, "mixed ", 1},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct attachment files[2];
		size_t n = 0;
		if (cases[i].has_inline)
			files[n++] = (struct attachment){STR("图.png"), STR("image/png"),
							 STR("img1"), STR("\x89PNG")};
		if (cases[i].has_file)
			files[n++] = (struct attachment){STR("a/../b.pdf"), STR(""), STR(""),
							 STR("%PDF")};
		struct content_spec spec = {.subject = STR("s {{ v }}"),
					    .text = cases[i].has_html ? STR("") : STR("t {{ v }}"),
					    .html = cases[i].has_html ? STR("<p>h {{ v }}</p>")
								      : STR(""),
					    .from = {STR(""), STR("news@example.com")},
					    .attachments = files,
					    .attachment_count = n};
		struct content *content = new_content(&spec);
		struct pair pair = {"v", STR("V")};
		struct pairs pairs = {&pair, 1};
		struct compose_input in = an_input(&pairs);
		struct message m;
		message_init(&m);
		compose_one(content, &in, &m);
		struct buf text = whole(&m), types;
		buf_init(&types, 100);
		struct str rest = buf_str(&text);
		ptrdiff_t at;
		while ((at = str_find(rest, STR("multipart/"))) >= 0) {
			rest = str_slice(rest, (size_t)at + 10, rest.len);
			buf_append_str(&types, str_take_until(&rest, ';'));
			buf_append_char(&types, ' ');
		}
		assert_string_equal(types.data ? types.data : "", cases[i].want);
		assert_int_equal(m.tail.len > 0, cases[i].want_tail);
		assert_int_equal(content_shared_size(content), m.tail.len);
		if (cases[i].has_file)
			assert_non_null(strstr(text.data, "filename=\"a_.._b.pdf\""));
		buf_done(&types);
		buf_done(&text);
		message_done(&m);
		content_free(content);
	}
}

/* Whatever a recipient's data holds, fields, lines and boundaries stay what the content says. */
static void hostile_values_change_nothing(void **state)
{
	(void)state;
	static const struct str values[] = {
		STR_INIT("x\r\nBcc: evil@example.com\r\n\r\nbody"),
		STR_INIT("\r\n.\r\nMAIL FROM:<a@b>\r\n"),
		STR_INIT("\n.\n"),
		STR_INIT("\r.\r"),
		STR_INIT("\0.\0\r\n"),
		STR_INIT("."),
		STR_INIT("{{ name }}{% if %}"),
		STR_INIT("--=_edm_"),
		STR_INIT("\r\n--=_edm_000000000000000000000000_2--\r\n"),
		STR_INIT("\xff\xfe\x80"),
		STR_INIT("<script>alert(1)</script>"),
		STR_INIT("😀𠮷㐂中文"),
	};
	struct attachment file = {STR("f"), STR("text/plain"), STR(""), STR("--=_edm_\r\n.\r\n")};
	struct content_spec spec = {
		.subject = STR("S {{ v }}"),
		.preheader = STR("P {{ v }} <&"),
		.html = STR("<html><body class=x>\n<p>你好{{ v }}</p>\n.\n{{ v }}\n</body></html>"),
		.text = STR("{{ v }}\n{{ v }}.{{ v }}\n"),
		.from = {STR("n"), STR("news@example.com")},
		.attachments = &file,
		.attachment_count = 1};
	struct content *content = new_content(&spec);
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		struct pair pair = {"v", values[i]};
		struct pairs pairs = {&pair, 1};
		struct header_field extra = {STR("X-Token"), values[i]};
		struct compose_input in = an_input(&pairs);
		struct message m;
		in.to.name = values[i];
		in.list_name = values[i];
		in.extra = &extra;
		in.extra_count = 1;
		message_init(&m);
		compose_one(content, &in, &m);
		struct buf text = whole(&m);
		assert_int_equal(count(buf_str(&text), STR("\r\n--=_edm_")), 6);
		struct str html = buf_str(&text);
		html = str_slice(html, (size_t)str_find(html, STR("text/html")), html.len);
		assert_int_equal(count(html, STR("<script>")), 0);
		struct str header = str_slice(buf_str(&text), 0,
					      (size_t)str_find(buf_str(&text), STR("\r\n\r\n")));
		assert_int_equal(count(header, STR("\nBcc:")), 0);
		size_t fields = 0;
		while (header.len > 0)
			fields += str_take_until(&header, '\n').ptr[0] != ' ';
		assert_int_equal(fields, 13);
		buf_done(&text);
		message_done(&m);
	}
	content_free(content);
}

static void unfit_input_is_refused(void **state)
{
	(void)state;
	struct content_spec spec = {
		.subject = STR("s"), .text = STR("t"), .from = {STR("n"), STR("news@example.com")}};
	struct content *content = new_content(&spec);
	struct composer *composer = composer_new();
	struct pairs none = {NULL, 0};
	static const struct header_field extras[] = {
		{STR_INIT("bcc"), STR_INIT("x")},
		{STR_INIT("Content-Type"), STR_INIT("x")},
		{STR_INIT("X Y"), STR_INIT("x")},
		{STR_INIT("X:\r\nBcc"), STR_INIT("x")},
		{STR_INIT("DKIM-Signature"), STR_INIT("")},
		{STR_INIT(""), STR_INIT("x")},
	};
	for (size_t i = 0; i < 6 + ARRAY_LEN(extras); i++) {
		struct compose_input in = an_input(&none);
		struct message m;
		struct err err = {0};
		message_init(&m);
		if (i == 0)
			in.to.address = STR("a@b>\r\nX: y");
		if (i == 1)
			in.message_id = STR("a b@c");
		if (i == 2)
			in.unsubscribe_url = STR("http://u.example.com");
		if (i == 3)
			in.unsubscribe_url = STR("https://u.example.com/>\r\nX: y");
		if (i == 4)
			in.feedback_id = STR("a:b:c:d:e");
		if (i == 5)
			in.list_id = STR("a b");
		if (i >= 6) {
			in.extra = &extras[i - 6];
			in.extra_count = 1;
		}
		assert_int_equal(compose(composer, content, &in, &m, &err), -1);
		assert_int_equal(err.kind, ERR_INPUT);
		assert_false(m.is_signed);
		message_done(&m);
	}
	composer_free(composer);
	content_free(content);
}

static void unfit_content_is_refused(void **state)
{
	(void)state;
	static const struct {
		struct content_spec spec;
		const char *want;
	} cases[] = {
		{{.subject = STR_INIT("{{"), .text = STR_INIT("t")}, "subject: line 1, column 1"},
		{{.html = STR_INIT("\n{% if %}")}, "html: line 2, column 6"},
		{{.html = STR_INIT("h"), .preheader = STR_INIT("{{")}, "preheader: line 1"},
		{{.text = STR_INIT("{% else %}")}, "text: line 1"},
		{{.subject = STR_INIT("s")}, "the content has neither html nor text"},
		{{.text = STR_INIT("t"), .reply_to = {STR_INIT(""), STR_INIT("x")}}, "'x' is no a"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct content_spec spec = cases[i].spec;
		struct content *content = NULL;
		struct err err = {0};
		spec.from.address = STR("news@example.com");
		assert_int_equal(content_new(&spec, &content, &err), -1);
		assert_non_null(strstr(err.text, cases[i].want));
		assert_null(content);
	}
	struct attachment bad = {STR("x"), STR("message/rfc822"), STR(""), STR("")};
	struct content_spec spec = {.text = STR("t"),
				    .from = {STR(""), STR("news@example.com")},
				    .attachments = &bad,
				    .attachment_count = 1};
	struct content *content = NULL;
	struct err err = {0};
	assert_int_equal(content_new(&spec, &content, &err), -1);
	bad.type = STR("");
	bad.cid = STR("a>\r\nX: y");
	assert_int_equal(content_new(&spec, &content, &err), -1);
}

static void same_input_same_bytes(void **state)
{
	(void)state;
	struct content_spec spec = {.subject = STR("s {{ v }}"),
				    .html = STR("<p>你好 {{ v }} {{ w | default: v }}</p>"),
				    .from = {STR("n"), STR("news@example.com")}};
	struct content *content = new_content(&spec);
	assert_int_equal(content_variable_count(content), 2);
	struct pair pair = {"v", STR("张三")};
	struct pairs pairs = {&pair, 1};
	struct buf pem, txt;
	struct signer *signer = NULL;
	struct err err;
	buf_init(&pem, 1 << 14);
	buf_init(&txt, 1 << 14);
	assert_int_equal(dkim_key_generate(SIGNER_ED25519, &pem, &txt, &err), 0);
	assert_int_equal(signer_load(buf_str(&pem), &signer, &err), 0);
	struct dkim_key key = {STR("example.com"), STR("s1"), signer};
	struct message messages[3];
	struct message *list[3];
	for (size_t i = 0; i < 3; i++) {
		struct compose_input in = an_input(&pairs);
		in.keys = &key;
		in.key_count = i < 2 ? 1 : 0;
		list[i] = &messages[i];
		message_init(list[i]);
		compose_one(content, &in, list[i]);
		assert_int_equal(messages[i].is_signed, i == 2);
	}
	assert_int_equal(compose_sign(list, 3, &err), 0);
	assert_true(messages[0].is_signed && messages[1].is_signed && messages[2].is_signed);
	assert_true(str_equals(buf_str(&messages[0].text), buf_str(&messages[1].text)));
	/* the unsigned one is the signed one without its first field */
	struct str signed_text = buf_str(&messages[0].text);
	assert_true(str_equals(str_slice(signed_text, messages[0].slots[0].end, signed_text.len),
			       buf_str(&messages[2].text)));
	for (size_t i = 0; i < 3; i++)
		message_done(list[i]);
	signer_free(signer);
	buf_done(&pem);
	buf_done(&txt);
	content_free(content);
}

/* Room for a message is made once, and little is left over: nobody has to copy it to save memory.
 */
static void a_message_fits_its_memory(void **state)
{
	(void)state;
	struct buf html;
	buf_init(&html, 1 << 14);
	buf_append_cstr(&html, "<p>{{ v }}</p>\n");
	while (html.len < 10000)
		buf_append_cstr(&html, "<p>lorem ipsum dolor sit amet consectetur</p>\n");
	struct content_spec spec = {.subject = STR("s {{ v }}"),
				    .html = buf_str(&html),
				    .text = STR("{{ v }}\n"),
				    .from = {STR("n"), STR("news@example.com")}};
	struct content *content = new_content(&spec);
	struct pair pair = {"v", STR("张三")};
	struct pairs pairs = {&pair, 1};
	struct compose_input in = an_input(&pairs);
	struct message m;
	message_init(&m);
	compose_one(content, &in, &m);
	assert_true(m.text.cap - m.text.len <= m.text.len / 16);
	message_done(&m);
	content_free(content);
	buf_done(&html);
}

/* What the threads of threads_share_content work on. */
struct shared {
	const struct content *content;
	const struct compose_input *in;
	struct message messages[8];
};

static void *compose_and_sign(void *arg)
{
	struct shared *s = arg;
	struct message *list[ARRAY_LEN(s->messages)];
	struct composer *composer = composer_new();
	struct err err;
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		list[i] = &s->messages[i];
		message_init(list[i]);
		must(compose(composer, s->content, s->in, list[i], &err) == 0);
	}
	must(compose_sign(list, ARRAY_LEN(list), &err) == 0);
	composer_free(composer);
	return NULL;
}

static void threads_share_content(void **state)
{
	(void)state;
	struct content_spec spec = {.subject = STR("s"),
				    .html = STR("<p>fixed</p>"),
				    .text = STR("你好 {{ v }}"),
				    .from = {STR("n"), STR("news@example.com")}};
	struct content *content = new_content(&spec);
	struct pair pair = {"v", STR("张三")};
	struct pairs pairs = {&pair, 1};
	struct buf pem, txt;
	struct signer *signer = NULL;
	struct err err;
	buf_init(&pem, 1 << 14);
	buf_init(&txt, 1 << 14);
	assert_int_equal(dkim_key_generate(SIGNER_RSA, &pem, &txt, &err), 0);
	assert_int_equal(signer_load(buf_str(&pem), &signer, &err), 0);
	struct dkim_key key = {STR("example.com"), STR("s1"), signer};
	struct compose_input in = an_input(&pairs);
	in.keys = &key;
	in.key_count = 1;
	struct shared shared[3];
	pthread_t threads[ARRAY_LEN(shared)];
	for (size_t i = 0; i < ARRAY_LEN(shared); i++) {
		shared[i].content = content;
		shared[i].in = &in;
		assert_int_equal(pthread_create(&threads[i], NULL, compose_and_sign, &shared[i]),
				 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(shared); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	struct str want = buf_str(&shared[0].messages[0].text);
	for (size_t i = 0; i < ARRAY_LEN(shared) * ARRAY_LEN(shared[0].messages); i++) {
		struct message *m = &shared[i / ARRAY_LEN(shared[0].messages)]
					     .messages[i % ARRAY_LEN(shared[0].messages)];
		assert_true(str_equals(buf_str(&m->text), want));
		if (i > 0)
			message_done(m);
	}
	message_done(&shared[0].messages[0]);
	signer_free(signer);
	buf_done(&pem);
	buf_done(&txt);
	content_free(content);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_text_message),
		cmocka_unit_test(values_reach_each_encoding),
		cmocka_unit_test(lines_of_base64_are_even),
		cmocka_unit_test(tree_has_only_the_levels_needed),
		cmocka_unit_test(hostile_values_change_nothing),
		cmocka_unit_test(unfit_input_is_refused),
		cmocka_unit_test(unfit_content_is_refused),
		cmocka_unit_test(same_input_same_bytes),
		cmocka_unit_test(a_message_fits_its_memory),
		cmocka_unit_test(threads_share_content),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
