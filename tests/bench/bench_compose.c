/* SPDX-License-Identifier: MIT */
/*
 * What a message costs in CPU time: compiling the content, composing (without and with the hashes
 * DKIM needs), signing.
 *
 *	bench_compose [rounds]
 */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "engine/mail/compose.h"

#define HTML_BYTES (10u << 10)
#define BATCH 16u

/* CPU time, so that what else the machine does matters less. */
static int64_t cpu_us(void)
{
	struct timespec t;
	must(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static bool find_name(const void *ctx, struct str name, struct str *value_out)
{
	(void)ctx;
	(void)name;
	*value_out = STR("张三");
	return true;
}

/* About 10 KB of HTML with one variable, of this paragraph again and again. */
static void make_html(struct buf *html, const char *paragraph)
{
	buf_init(html, 2 * HTML_BYTES);
	buf_append_cstr(html, "<html><body>\n<p>{{ name }}</p>\n");
	while (html->len < HTML_BYTES)
		buf_append_cstr(html, paragraph);
	buf_append_cstr(html, "</body></html>\n");
}

static struct content *make_content(const struct buf *html, bool has_text)
{
	struct content_spec spec = {
		.subject = STR("你好 {{ name }}"),
		.html = buf_str(html),
		.text = has_text ? STR("你好 {{ name }}\n") : STR(""),
		.from = {STR("公司"), STR("news@example.com")},
	};
	struct content *content;
	struct err err;
	int64_t start = cpu_us();
	must(content_new(&spec, &content, &err) == 0);
	printf("  compile %" PRId64 " µs", cpu_us() - start);
	return content;
}

static void time_compose(const struct content *content, const struct dkim_key *keys, size_t count,
			 const char *what, int rounds)
{
	struct composer *composer = composer_new();
	struct compose_input in = {
		.to = {STR("张三"), STR("zhang@qq.com")},
		.values = {find_name, NULL},
		.message_id = STR("c1.r2@example.com"),
		.date_s = 1700000000,
		.unsubscribe_url = STR("https://u.example.com/u/0123456789abcdef0123456789abcdef"),
		.list_id = STR("weekly.example.com"),
		.feedback_id = STR("c1:t1:news:edm01"),
		.keys = keys,
		.key_count = count,
	};
	struct message message;
	struct err err;
	message_init(&message);
	int64_t start = cpu_us();
	for (int i = 0; i < rounds; i++)
		must(compose(composer, content, &in, &message, &err) == 0);
	double us = (double)(cpu_us() - start) / rounds;
	printf(", %s %.1f µs (%zu bytes)", what, us, message_size(&message));
	message_done(&message);
	composer_free(composer);
}

static struct signer *new_signer(enum signer_algorithm algorithm)
{
	struct buf pem;
	struct signer *signer;
	struct err err;
	buf_init(&pem, 1 << 14);
	must(signer_generate(algorithm, &pem, &err) == 0);
	must(signer_load(buf_str(&pem), &signer, &err) == 0);
	buf_done(&pem);
	return signer;
}

static void time_signing(const struct signer *signer, int rounds)
{
	struct digest digests[BATCH] = {0};
	struct signature signatures[BATCH];
	struct err err;
	int64_t start = cpu_us();
	for (int i = 0; i < rounds; i++)
		must(signer_sign_batch(signer, digests, BATCH, signatures, &err) == 0);
	printf("sign %s: %.1f µs each\n", signer_algorithm_name(signer_algorithm(signer)),
	       (double)(cpu_us() - start) / (rounds * (double)BATCH));
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		const char *paragraph;
		bool has_text;
	} contents[] = {
		{"English, short text part", "<p class=\"a\">A line of ordinary words here.</p>\n",
		 true},
		{"English, text made from HTML",
		 "<p class=\"a\">A line of ordinary words here.</p>\n", false},
		{"Chinese, short text part",
		 "<p class=\"a\">这里是一段普通的中文文字，没有别的。</p>\n", true},
		{"Chinese, text made from HTML",
		 "<p class=\"a\">这里是一段普通的中文文字，没有别的。</p>\n", false},
	};
	int64_t rounds = 20000;
	if (argc > 1 && (str_to_i64(str_from(argv[1]), &rounds) != 0 || rounds < 100))
		return fprintf(stderr, "usage: bench_compose [rounds, from 100]\n"), 2;
	struct signer *rsa = new_signer(SIGNER_RSA);
	struct signer *ed25519 = new_signer(SIGNER_ED25519);
	struct dkim_key keys[] = {{STR("example.com"), STR("s1"), rsa},
				  {STR("example.com"), STR("s2"), ed25519}};
	for (size_t i = 0; i < ARRAY_LEN(contents); i++) {
		struct buf html;
		make_html(&html, contents[i].paragraph);
		printf("%s:\n", contents[i].name);
		struct content *content = make_content(&html, contents[i].has_text);
		time_compose(content, NULL, 0, "compose", (int)rounds);
		time_compose(content, keys, 1, "with DKIM digest", (int)rounds);
		time_compose(content, keys, 2, "with two", (int)rounds);
		printf("\n");
		content_free(content);
		buf_done(&html);
	}
	time_signing(rsa, (int)(rounds / 100));
	time_signing(ed25519, (int)(rounds / 100));
	signer_free(rsa);
	signer_free(ed25519);
	return 0;
}
