/* SPDX-License-Identifier: MIT */
/*
 * Lets a test in another language compose messages.
 *
 *	compose_messages keys DIR       makes DIR/rsa.pem, rsa.txt, ed25519.pem, ed25519.txt
 *	compose_messages messages DIR   reads an array of cases from standard input, writes
 *	                                DIR/0.eml, DIR/1.eml …, signed with the keys of DIR
 *
 * A case is a JSON object of strings: subject, preheader, html, text, from_name, from, reply_to,
 * to_name, to, unsubscribe_url, unsubscribe_mailto, list_name, list_id, feedback_id; an object
 * values; an array attachments of {name, type, cid, data}; an object extra of header fields. With
 * only = "rsa" or "ed25519" there is one signature.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/mail/compose.h"

#define FILES_MAX 8
#define SELECTOR_RSA "s1"
#define SELECTOR_ED25519 "s2"

static void fail(const char *what, const struct err *err)
{
	fprintf(stderr, "%s: %s\n", what, err->text);
	exit(1);
}

static void write_file(const char *dir, const char *name, struct str first, struct str second)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *file = fopen(path, "wb");
	must(file != NULL);
	must(fwrite(first.ptr, 1, first.len, file) == first.len);
	must(second.len == 0 || fwrite(second.ptr, 1, second.len, file) == second.len);
	must(fclose(file) == 0);
}

static void make_keys(const char *dir)
{
	static const struct {
		enum signer_algorithm algorithm;
		const char *pem_name;
		const char *txt_name;
	} keys[] = {{SIGNER_RSA, "rsa.pem", "rsa.txt"},
		    {SIGNER_ED25519, "ed25519.pem", "ed25519.txt"}};
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		struct buf pem, txt;
		struct err err;
		buf_init(&pem, 1 << 14);
		buf_init(&txt, 1 << 14);
		if (dkim_key_generate(keys[i].algorithm, &pem, &txt, &err) != 0)
			fail("key", &err);
		write_file(dir, keys[i].pem_name, buf_str(&pem), STR(""));
		write_file(dir, keys[i].txt_name, buf_str(&txt), STR(""));
		buf_done(&pem);
		buf_done(&txt);
	}
}

static struct signer *load_key(const char *dir, const char *name)
{
	char path[4096];
	char pem[1 << 14];
	struct signer *signer;
	struct err err;
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *file = fopen(path, "rb");
	must(file != NULL);
	size_t n = fread(pem, 1, sizeof(pem), file);
	fclose(file);
	if (signer_load(str_of(pem, n), &signer, &err) != 0)
		fail(name, &err);
	return signer;
}

static struct str text_of(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	return value ? str_of(json_string_value(value), json_string_length(value)) : STR("");
}

static bool find_value(const void *ctx, struct str name, struct str *value_out)
{
	const json_t *value = json_object_getn(ctx, name.ptr, name.len);
	if (value == NULL)
		return false;
	*value_out = str_of(json_string_value(value), json_string_length(value));
	return true;
}

static struct content *content_of(const json_t *a_case)
{
	struct attachment files[FILES_MAX];
	const json_t *list = json_object_get(a_case, "attachments");
	size_t count = json_array_size(list);
	must(count <= FILES_MAX);
	for (size_t i = 0; i < count; i++) {
		const json_t *file = json_array_get(list, i);
		files[i] = (struct attachment){text_of(file, "name"), text_of(file, "type"),
					       text_of(file, "cid"), text_of(file, "data")};
	}
	struct content_spec spec = {
		.subject = text_of(a_case, "subject"),
		.preheader = text_of(a_case, "preheader"),
		.html = text_of(a_case, "html"),
		.text = text_of(a_case, "text"),
		.from = {text_of(a_case, "from_name"), text_of(a_case, "from")},
		.reply_to = {STR(""), text_of(a_case, "reply_to")},
		.attachments = files,
		.attachment_count = count,
	};
	struct content *content;
	struct err err;
	if (content_new(&spec, &content, &err) != 0)
		fail("content", &err);
	return content;
}

static size_t extra_of(const json_t *a_case, struct header_field *fields)
{
	json_t *extra = json_object_get(a_case, "extra");
	const char *name;
	json_t *value;
	size_t count = 0;
	json_object_foreach(extra, name, value)
	{
		must(count < FILES_MAX);
		fields[count++] =
			(struct header_field){str_from(name), str_from(json_string_value(value))};
	}
	return count;
}

static void compose_case(struct composer *composer, const json_t *a_case,
			 const struct dkim_key *keys, struct message *message)
{
	struct content *content = content_of(a_case);
	struct header_field extra[FILES_MAX];
	struct compose_input in = {
		.to = {text_of(a_case, "to_name"), text_of(a_case, "to")},
		.values = {find_value, json_object_get(a_case, "values")},
		.message_id = STR("c7.r42@example.com"),
		.date_s = 1700000000,
		.zone_minutes = 480,
		.unsubscribe_url = text_of(a_case, "unsubscribe_url"),
		.unsubscribe_mailto = text_of(a_case, "unsubscribe_mailto"),
		.list_name = text_of(a_case, "list_name"),
		.list_id = text_of(a_case, "list_id"),
		.feedback_id = text_of(a_case, "feedback_id"),
		.extra = extra,
		.extra_count = extra_of(a_case, extra),
		.keys = keys,
		.key_count = MESSAGE_KEYS_MAX,
	};
	struct str only = text_of(a_case, "only");
	if (only.len > 0) {
		in.keys += str_equals(only, STR("ed25519")) ? 1 : 0;
		in.key_count = 1;
	}
	struct err err;
	if (compose(composer, content, &in, message, &err) != 0)
		fail("compose", &err);
	/* the shared end goes with the content, so the message takes a copy along */
	buf_append_str(&message->text, message->tail);
	must(!message->text.is_truncated);
	message->tail = STR("");
	content_free(content);
}

static void make_messages(const char *dir)
{
	struct err err;
	json_error_t at;
	json_t *cases = json_loadf(stdin, JSON_ALLOW_NUL, &at);
	must(json_is_array(cases));
	size_t count = json_array_size(cases);
	struct dkim_key keys[MESSAGE_KEYS_MAX] = {
		{STR("example.com"), STR(SELECTOR_RSA), load_key(dir, "rsa.pem")},
		{STR("example.com"), STR(SELECTOR_ED25519), load_key(dir, "ed25519.pem")}};
	struct composer *composer = composer_new();
	struct message *messages = xcalloc(count, sizeof(*messages));
	struct message **list = xcalloc(count, sizeof(*list));
	for (size_t i = 0; i < count; i++) {
		list[i] = &messages[i];
		message_init(list[i]);
		compose_case(composer, json_array_get(cases, i), keys, list[i]);
	}
	if (compose_sign(list, count, &err) != 0)
		fail("sign", &err);
	for (size_t i = 0; i < count; i++) {
		char name[32];
		snprintf(name, sizeof(name), "%zu.eml", i);
		write_file(dir, name, buf_str(&messages[i].text), STR(""));
		message_done(&messages[i]);
	}
	for (size_t i = 0; i < MESSAGE_KEYS_MAX; i++)
		signer_free((struct signer *)keys[i].signer);
	composer_free(composer);
	free(messages);
	free(list);
	json_decref(cases);
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "keys") == 0)
		make_keys(argv[2]);
	else if (argc == 3 && strcmp(argv[1], "messages") == 0)
		make_messages(argv[2]);
	else
		return fprintf(stderr, "usage: compose_messages keys|messages DIR\n"), 2;
	return 0;
}
