/* SPDX-License-Identifier: MIT */
/* Accounts by client and place; see accounts.h. */
#include "tests/sink/accounts.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/hash.h"

void accounts_init(struct accounts *a)
{
	map_init(&a->by_key);
}

static struct account *account_of(struct map_node *node)
{
	return node ? CONTAINER_OF(node, struct account, node) : NULL;
}

void accounts_done(struct accounts *a)
{
	struct account *acc = accounts_next(a, NULL);
	while (acc != NULL) {
		struct account *next = accounts_next(a, acc);
		meter_done(&acc->connects);
		meter_done(&acc->messages);
		free(acc);
		acc = next;
	}
	map_done(&a->by_key);
}

static bool has_key(const struct map_node *node, const void *key)
{
	const struct account *acc = CONTAINER_OF(node, struct account, node);
	return memcmp(&acc->key, key, sizeof(acc->key)) == 0;
}

struct account *accounts_get(struct accounts *a, struct account_key key)
{
	uint64_t hash = hash_str(str_of((const char *)&key, sizeof(key)));
	struct account *acc = account_of(map_get(&a->by_key, hash, has_key, &key));
	if (acc == NULL) {
		acc = xcalloc(1, sizeof(*acc));
		acc->key = key;
		map_put(&a->by_key, &acc->node, hash);
	}
	return acc;
}

struct account *accounts_next(const struct accounts *a, const struct account *after)
{
	return account_of(map_next(&a->by_key, after ? &after->node : NULL));
}

void account_connect(struct account *acc, int64_t now_us)
{
	acc->connections++;
	acc->open++;
	if (acc->open > acc->max_open)
		acc->max_open = acc->open;
	meter_add(&acc->connects, now_us);
}

void account_leave(struct account *acc)
{
	must(acc->open > 0);
	acc->open--;
}

static void raise_peak(size_t *peak, size_t value)
{
	if (value > *peak)
		*peak = value;
}

void account_message(struct account *acc, int64_t now_us)
{
	acc->messages_total++;
	meter_add(&acc->messages, now_us);
	raise_peak(&acc->max_second, meter_count(&acc->messages, now_us, METER_SECOND_US));
	raise_peak(&acc->max_minute, meter_count(&acc->messages, now_us, METER_MINUTE_US));
	raise_peak(&acc->max_hour, meter_count(&acc->messages, now_us, METER_HOUR_US));
}

bool bucket_has_token(struct bucket *b, int64_t burst, int64_t count, int64_t per_us,
		      int64_t now_us)
{
	if (b->filled_us == 0)
		*b = (struct bucket){(double)burst, now_us};
	b->tokens += (double)count * (double)(now_us - b->filled_us) / (double)per_us;
	b->filled_us = now_us;
	if (b->tokens > (double)burst)
		b->tokens = (double)burst;
	return b->tokens >= 1;
}
