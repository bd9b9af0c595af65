/* SPDX-License-Identifier: MIT */
/* Counting, and the JSON of it; see stats.h. */
#include "tests/sink/stats.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/resource.h>

#include "engine/base/hash.h"
#include "tests/sink/world.h"

void stats_init(struct stats *s)
{
	*s = (struct stats){0};
	seen_init(&s->recipients);
	seen_init(&s->copies);
}

void stats_done(struct stats *s)
{
	seen_done(&s->recipients);
	seen_done(&s->copies);
}

void stats_accept(struct stats *s, struct str rcpt, struct str message_id, int64_t now_us)
{
	uint64_t who = hash_str(rcpt);
	uint64_t copy = who ^ (hash_str(message_id) * 3);
	s->accepted++;
	s->duplicates += seen_add(&s->recipients, who, now_us)->times > 1;
	s->duplicate_messages += seen_add(&s->copies, copy, now_us)->times > 1;
	if (s->accepted == 1)
		s->first_us = now_us;
	s->last_us = now_us;
}

static double cpu_seconds(void)
{
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static json_t *account_json(const struct world *world, const struct account *acc)
{
	char client[ADDRESS_TEXT];
	struct in_addr address = {.s_addr = acc->key.client};
	inet_ntop(AF_INET, &address, client, sizeof(client));
	json_t *row = json_pack(
		"{ss sI sI sI sI sI sI sI}", "client", client, "connections",
		(json_int_t)acc->connections, "max_connections", (json_int_t)acc->max_open,
		"accepted", (json_int_t)acc->accepted, "messages", (json_int_t)acc->messages_total,
		"max_per_second", (json_int_t)acc->max_second, "max_per_minute",
		(json_int_t)acc->max_minute, "max_per_hour", (json_int_t)acc->max_hour);
	if (acc->key.kind == PLACE_LISTENER) {
		const struct place *place = &world->places[acc->key.place];
		json_object_set_new(row, "listener",
				    json_sprintf("%s:%u", place->text, place->port));
	}
	return row;
}

static json_t *accounts_json(const struct world *world, enum place_kind kind)
{
	json_t *rows = json_array();
	const struct account *acc = accounts_next(&world->accounts, NULL);
	for (; acc != NULL; acc = accounts_next(&world->accounts, acc))
		if (acc->key.kind == kind)
			json_array_append_new(rows, account_json(world, acc));
	return rows;
}

static json_t *counters_json(const struct stats *s)
{
	const struct {
		const char *name;
		uint64_t value;
	} counters[] = {
		{"accepted", s->accepted},
		{"distinct_recipients", s->recipients.count},
		{"duplicates", s->duplicates},
		{"duplicate_messages", s->duplicate_messages},
		{"silent", s->silent},
		{"rejected", s->rejected},
		{"deferred", s->deferred},
		{"mismatched", s->mismatched},
		{"bare_lf", s->bare_lf},
		{"long_lines", s->long_lines},
		{"overlapping", s->overlapping},
		{"bytes", s->bytes},
		{"connections", s->connections},
		{"max_connections", s->max_open},
		{"tls", s->tls},
		{"tls_resumed", s->tls_resumed},
	};
	json_t *root = json_object();
	for (size_t i = 0; i < ARRAY_LEN(counters); i++)
		json_object_set_new(root, counters[i].name,
				    json_integer((json_int_t)counters[i].value));
	return root;
}

int stats_write(const struct world *world, const char *file, struct err *err)
{
	const struct stats *s = &world->stats;
	double seconds = (double)(s->last_us - s->first_us) / 1e6;
	json_t *root = counters_json(s);
	json_object_set_new(root, "seconds", json_real(seconds));
	json_object_set_new(root, "per_second",
			    json_real(seconds > 0 ? (double)s->accepted / seconds : 0));
	json_object_set_new(root, "cpu_seconds", json_real(cpu_seconds()));
	json_object_set_new(root, "clients", accounts_json(world, PLACE_ANYWHERE));
	json_object_set_new(root, "pairs", accounts_json(world, PLACE_LISTENER));
	struct buf part;
	buf_init(&part, 4096);
	buf_appendf(&part, "%s.part", file);
	int failed = json_dump_file(root, part.data, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
	json_decref(root);
	if (failed == 0)
		failed = rename(part.data, file);
	buf_done(&part);
	return failed == 0 ? 0 : err_errno(err, errno, "cannot write %s", file);
}
