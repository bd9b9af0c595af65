/* SPDX-License-Identifier: MIT */
/*
 * Provider profiles: parsed from JSON, checked, matched by suffix. The suffixes of all providers
 * stand in one map; a host is looked up label by label from its longest suffix on. Immutable after
 * loading.
 */
#include "ip-pool/provider.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/hash.h"
#include "engine/base/map.h"
#include "schemas/embedded.h"

#define BUILTIN "schemas/rules/providers.json"
#define CONNECTIONS_MAX 10000
/* A key of a merged profile whose "tls" is an operator's. */
#define OPERATORS_TLS "tls_is_operators"

/* A name that belongs to a provider: an MX suffix or a recipient domain. */
struct entry {
	struct map_node node;
	struct str name;
	const struct provider *provider;
};

const struct provider_number provider_numbers[PROVIDER_NUMBERS] = {
#define AT(member) offsetof(struct limit_values, member)
	{"connections", "connections=", "", CONNECTIONS_MAX, LIMIT_CONNECTIONS, LIMIT_SECOND,
	 AT(connections)},
	{"messages_per_connection", "messages-per-connection=", "", LIMIT_MAX_COUNT,
	 LIMIT_MESSAGES_PER_CONNECTION, LIMIT_SECOND, AT(messages_per_connection)},
	{"new_connections_per_min", "new-connections=", "/min", LIMIT_MAX_COUNT,
	 LIMIT_NEW_CONNECTIONS, LIMIT_MINUTE, AT(new_connections[LIMIT_MINUTE])},
	{"messages_per_min", "rate=", "/min", LIMIT_MAX_COUNT, LIMIT_MESSAGES, LIMIT_MINUTE,
	 AT(messages[LIMIT_MINUTE])},
	{"messages_per_hour", "rate=", "/h", LIMIT_MAX_COUNT, LIMIT_MESSAGES, LIMIT_HOUR,
	 AT(messages[LIMIT_HOUR])},
	{"messages_per_day", "rate=", "/day", LIMIT_MAX_COUNT, LIMIT_MESSAGES, LIMIT_DAY,
	 AT(messages[LIMIT_DAY])},
#undef AT
};

int64_t *provider_number_at(struct limit_values *v, size_t i)
{
	return (int64_t *)(void *)((char *)v + provider_numbers[i].offset);
}

struct provider_table {
	struct arena arena;
	struct provider *providers;
	size_t count;
	struct map suffixes; /* struct entry */
	struct map domains;  /* struct entry */
};

static bool entry_is(const struct map_node *node, const void *key)
{
	const struct entry *e = CONTAINER_OF(node, struct entry, node);
	return str_equals(e->name, *(const struct str *)key);
}

static const struct provider *lookup(const struct map *map, struct str name)
{
	struct map_node *node = map_get(map, hash_str(name), entry_is, &name);
	return node != NULL ? CONTAINER_OF(node, struct entry, node)->provider : NULL;
}

/* Lower case, without dots at the ends, in buffer; empty if it is too long. */
static struct str normalise(struct str host, char buffer[PROVIDER_HOST_MAX])
{
	while (host.len > 0 && host.ptr[host.len - 1] == '.')
		host.len--;
	while (host.len > 0 && host.ptr[0] == '.')
		host = str_slice(host, 1, host.len);
	if (host.len > PROVIDER_HOST_MAX)
		return STR("");
	for (size_t i = 0; i < host.len; i++)
		buffer[i] = ascii_lower(host.ptr[i]);
	return str_of(buffer, host.len);
}

/* -- reading -- */

static int bad(struct err *err, struct str provider, const char *what)
{
	return err_set(err, ERR_INPUT, "provider \"%.*s\": %s", STR_ARG(provider), what);
}

static struct str json_text(struct arena *arena, const json_t *value)
{
	return json_is_string(value) ? arena_str(arena, str_of(json_string_value(value),
							       json_string_length(value)))
				     : STR("");
}

/* What a key has is not what it may have. */
static int bad_value(struct err *err, const char *key, const json_t *value, const char *wanted)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	err_set(err, ERR_INPUT, "%s is %.200s, not %s", key, text, wanted);
	free(text);
	return -1;
}

struct names {
	struct str *items;
	size_t count;
};

static int read_names(struct arena *arena, const json_t *object, const char *key, struct names *out,
		      struct err *err)
{
	const json_t *list = json_object_get(object, key);
	size_t count = json_array_size(list);
	if (list != NULL && !json_is_array(list))
		return bad_value(err, key, list, "a list of names");
	struct str *names = arena_alloc(arena, (count > 0 ? count : 1) * sizeof(*names));
	for (size_t i = 0; i < count; i++) {
		char buffer[PROVIDER_HOST_MAX];
		struct str text = json_text(arena, json_array_get(list, i));
		struct str name = normalise(text, buffer);
		if (name.len == 0)
			return bad_value(err, key, json_array_get(list, i),
					 "a name of DNS, as mx.example.net");
		names[i] = arena_str(arena, name);
	}
	*out = (struct names){names, count};
	return 0;
}

/* A number of a profile; null and absent mean that none is known. */
static int read_number(const json_t *object, const char *key, int64_t max, int64_t *out,
		       struct err *err)
{
	char wanted[64];
	const json_t *value = json_object_get(object, key);
	if (value == NULL || json_is_null(value))
		return 0;
	snprintf(wanted, sizeof(wanted), "a whole number from 1 to %lld", (long long)max);
	if (!json_is_integer(value) || json_integer_value(value) < 1 ||
	    json_integer_value(value) > max)
		return bad_value(err, key, value, wanted);
	*out = json_integer_value(value);
	return 0;
}

static int read_limits(const json_t *limits, struct limit_values *v, struct err *err)
{
	limit_values_init(v);
	for (size_t i = 0; i < PROVIDER_NUMBERS; i++) {
		const struct provider_number *n = &provider_numbers[i];
		if (read_number(limits, n->key, n->max, provider_number_at(v, i), err) != 0)
			return -1;
	}
	return 0;
}

/* What a profile may say of TLS; absent and null: nothing. */
static int read_tls(const json_t *object, struct provider_tls *out, struct err *err)
{
	const json_t *value = json_object_get(object, "tls");
	*out = (struct provider_tls){.mode = ROUTE_TLS_OPPORTUNISTIC};
	if (value == NULL || json_is_null(value))
		return 0;
	if (!json_is_string(value) ||
	    route_tls_parse(str_from(json_string_value(value)), &out->mode) != 0)
		return bad_value(err, "tls", value, "none, opportunistic, required or verified");
	out->is_stated = true;
	out->is_operators = json_is_true(json_object_get(object, OPERATORS_TLS));
	return 0;
}

static int read_provider(struct arena *arena, const json_t *object, struct provider *p,
			 struct err *err)
{
	const json_t *title = json_object_get(object, "title");
	p->name = json_text(arena, json_object_get(object, "name"));
	p->title_en = json_text(arena, json_object_get(title, "en"));
	p->title_zh = json_text(arena, json_object_get(title, "zh"));
	p->verp = !json_is_false(json_object_get(object, "verp"));
	p->initial_connections = LIMIT_DEFAULT_INITIAL;
	struct names suffixes, domains;
	if (read_names(arena, object, "mx_suffixes", &suffixes, err) != 0 ||
	    read_names(arena, object, "domains", &domains, err) != 0 ||
	    read_number(object, "initial_connections", CONNECTIONS_MAX, &p->initial_connections,
			err) != 0 ||
	    read_tls(object, &p->tls, err) != 0 ||
	    read_limits(json_object_get(object, "limits"), &p->limits, err) != 0)
		return err_prefix(err, "provider \"%.*s\"", STR_ARG(p->name));
	p->mx_suffixes = suffixes.items;
	p->mx_suffix_count = suffixes.count;
	p->domains = domains.items;
	p->domain_count = domains.count;
	return 0;
}

/* The last to claim a name has it. */
static void enter(struct provider_table *t, struct map *map, struct str name,
		  const struct provider *p)
{
	struct map_node *node = map_get(map, hash_str(name), entry_is, &name);
	if (node != NULL) {
		CONTAINER_OF(node, struct entry, node)->provider = p;
		return;
	}
	struct entry *e = arena_alloc(&t->arena, sizeof(*e));
	e->name = name;
	e->provider = p;
	map_put(map, &e->node, hash_str(name));
}

static void index_names(struct provider_table *t)
{
	for (size_t i = 0; i < t->count; i++) {
		const struct provider *p = &t->providers[i];
		for (size_t k = 0; k < p->mx_suffix_count; k++)
			enter(t, &t->suffixes, p->mx_suffixes[k], p);
		for (size_t k = 0; k < p->domain_count; k++)
			enter(t, &t->domains, p->domains[k], p);
	}
}

static int read_table(struct provider_table *t, const json_t *root, struct err *err)
{
	const json_t *list = json_object_get(root, "providers");
	t->count = json_array_size(list);
	if (t->count == 0)
		return err_set(err, ERR_INPUT, "the provider table has no \"providers\"");
	t->providers = arena_alloc(&t->arena, t->count * sizeof(*t->providers));
	for (size_t i = 0; i < t->count; i++)
		if (read_provider(&t->arena, json_array_get(list, i), &t->providers[i], err) != 0)
			return -1;
	if (provider_table_check(t, err) != 0)
		return -1;
	index_names(t);
	return 0;
}

static int make_table(json_t *root, struct provider_table **table_out, struct err *err)
{
	struct provider_table *t = xcalloc(1, sizeof(*t));
	arena_init(&t->arena, 16384);
	map_init(&t->suffixes);
	map_init(&t->domains);
	if (read_table(t, root, err) != 0) {
		provider_table_free(t);
		return -1;
	}
	*table_out = t;
	return 0;
}

static json_t *load_json(struct str json, struct err *err)
{
	json_error_t why;
	json_t *root = json_loadb(json.ptr, json.len, JSON_REJECT_DUPLICATES, &why);
	if (root == NULL)
		(void)err_set(err, ERR_INPUT, "the provider table is no JSON: line %d: %s",
			      why.line, why.text);
	return root;
}

int provider_table_parse(struct str json, struct provider_table **table_out, struct err *err)
{
	json_t *root = load_json(json, err);
	if (root == NULL)
		return -1;
	struct provider_table *table = NULL;
	int status = make_table(root, &table, err);
	json_decref(root);
	if (status == 0 && (status = provider_table_lint(table, err)) != 0)
		provider_table_free(table);
	if (status == 0)
		*table_out = table;
	return status;
}

/* Puts one override into the JSON of the whole table. */
static int merge(json_t *root, const struct provider_override *o, struct err *err)
{
	json_t *patch = load_json(o->json, err);
	if (patch == NULL)
		return err_prefix(err, "provider \"%.*s\"", STR_ARG(o->name));
	json_t *list = json_object_get(root, "providers");
	json_t *target = NULL;
	json_t *item;
	size_t i;
	json_array_foreach(list, i, item)
	{
		struct str name = str_from(json_string_value(json_object_get(item, "name")));
		if (str_equals(name, o->name))
			target = item;
	}
	if (target == NULL) {
		target = json_object();
		json_array_append_new(list, target);
	}
	int status = json_object_update_recursive(target, patch);
	if (json_object_get(patch, "tls") != NULL)
		json_object_set_new(target, OPERATORS_TLS, json_true());
	json_decref(patch);
	if (status != 0)
		return bad(err, o->name, "its override is no JSON object");
	json_object_set_new(target, "name", json_stringn(o->name.ptr, o->name.len));
	return 0;
}

int provider_table_builtin(const struct provider_override *overrides, size_t count,
			   struct provider_table **table_out, struct err *err)
{
	const struct embedded_file *file = embedded_find(BUILTIN);
	must(file != NULL);
	json_t *root = load_json(str_of(file->data, file->size), err);
	must(root != NULL);
	int status = 0;
	for (size_t i = 0; i < count && status == 0; i++)
		status = merge(root, &overrides[i], err);
	if (status == 0)
		status = make_table(root, table_out, err);
	json_decref(root);
	return status;
}

int provider_table_made(const struct provider_changes *changes, int64_t now,
			struct provider_table **table_out, struct err *err)
{
	struct provider_override *held = xcalloc(changes->count + 1, sizeof(*held));
	size_t count = 0;
	for (size_t i = 0; i < changes->count; i++)
		if (changes->items[i].until_ms > now)
			held[count++] = changes->items[i].override;
	int status = provider_table_builtin(held, count, table_out, err);
	free(held);
	return status;
}

int64_t provider_changes_end(const struct provider_changes *changes, struct str name, int64_t now)
{
	int64_t first = LIMIT_FOREVER;
	for (size_t i = 0; i < changes->count; i++) {
		const struct provider_change *c = &changes->items[i];
		bool is_meant = str_is_empty(name) || str_equals(name, c->override.name);
		if (is_meant && c->until_ms > now && c->until_ms < first)
			first = c->until_ms;
	}
	return first;
}

void provider_table_free(struct provider_table *t)
{
	if (t == NULL)
		return;
	map_done(&t->suffixes);
	map_done(&t->domains);
	arena_done(&t->arena);
	free(t);
}

/* -- checking -- */

static bool is_provider_name(struct str name)
{
	if (name.len == 0 || name.len > 32 || str_equals(name, STR("tail")))
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];
		if (!ascii_is_digit(c) && !(c >= 'a' && c <= 'z') && c != '-')
			return false;
	}
	return true;
}

static int check_provider(const struct provider *p, struct err *err)
{
	if (!is_provider_name(p->name))
		return bad(err, p->name, "a name is a-z, 0-9 and \"-\", at most 32, and not tail");
	if (p->mx_suffix_count == 0)
		return bad(err, p->name, "without mx_suffixes it can never match");
	if (p->limits.connections != LIMIT_NONE && p->initial_connections > p->limits.connections)
		return err_set(err, ERR_INPUT,
			       "provider \"%.*s\": initial_connections is %lld, above its "
			       "connections: %lld",
			       STR_ARG(p->name), (long long)p->initial_connections,
			       (long long)p->limits.connections);
	return 0;
}

int provider_table_check(const struct provider_table *t, struct err *err)
{
	for (size_t i = 0; i < t->count; i++) {
		if (check_provider(&t->providers[i], err) != 0)
			return -1;
		for (size_t k = 0; k < i; k++)
			if (str_equals(t->providers[i].name, t->providers[k].name))
				return bad(err, t->providers[i].name, "the name stands twice");
	}
	return 0;
}

/* -- matching -- */

size_t provider_table_count(const struct provider_table *t)
{
	return t->count;
}

const struct provider *provider_table_at(const struct provider_table *t, size_t index)
{
	must(index < t->count);
	return &t->providers[index];
}

const struct provider *provider_find(const struct provider_table *t, struct str name)
{
	for (size_t i = 0; i < t->count; i++)
		if (str_equals(t->providers[i].name, name))
			return &t->providers[i];
	return NULL;
}

const struct provider *provider_of_host(const struct provider_table *t, struct str host)
{
	char buffer[PROVIDER_HOST_MAX];
	struct str suffix = normalise(host, buffer);
	while (suffix.len > 0) {
		const struct provider *p = lookup(&t->suffixes, suffix);
		if (p != NULL)
			return p;
		(void)str_take_until(&suffix, '.');
	}
	return NULL;
}

const struct provider *provider_of_domain(const struct provider_table *t, struct str domain)
{
	char buffer[PROVIDER_HOST_MAX];
	return lookup(&t->domains, normalise(domain, buffer));
}
