/* SPDX-License-Identifier: MIT */
/* Profiles of providers as JSON, and what a change made of one. Pure. */
#include "ip-pool/provider.h"

static json_t *text_json(struct str s)
{
	return json_stringn(s.ptr, s.len);
}

static json_t *names_json(const struct str *names, size_t count)
{
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, text_json(names[i]));
	return list;
}

static json_t *limits_json(const struct provider *p)
{
	json_t *limits = json_object();
	struct limit_values values = p->limits;
	for (size_t i = 0; i < PROVIDER_NUMBERS; i++) {
		int64_t n = *provider_number_at(&values, i);
		json_object_set_new(limits, provider_numbers[i].key,
				    n == LIMIT_NONE ? json_null() : json_integer(n));
	}
	return limits;
}

json_t *provider_profile_json(const struct provider *p)
{
	if (p == NULL)
		return json_object();
	return json_pack("{s:o, s:o, s:b, s:o, s:I, s:o}", "mx_suffixes",
			 names_json(p->mx_suffixes, p->mx_suffix_count), "domains",
			 names_json(p->domains, p->domain_count), "verp", p->verp, "tls",
			 p->tls.is_stated ? json_string(route_tls_name(p->tls.mode)) : json_null(),
			 "initial_connections", (json_int_t)p->initial_connections, "limits",
			 limits_json(p));
}

/* Borrowed; null where there is none. */
static json_t *value_of(const json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);
	return value != NULL ? value : json_null();
}

static bool is_of_interest(const json_t *before, const json_t *after, const json_t *named,
			   const char *key)
{
	return json_object_get(named, key) != NULL ||
	       !json_equal(value_of(before, key), value_of(after, key));
}

/* The keys of all, which may be NULL; an object with what was and is. */
static json_t *compare(const json_t *all, const json_t *before, const json_t *after,
		       const json_t *named)
{
	json_t *set = json_object(), *was = json_object();
	const char *key;
	json_t *ignored;
	json_object_foreach((json_t *)(uintptr_t)all, key, ignored)
	{
		if (!is_of_interest(before, after, named, key))
			continue;
		json_object_set(was, key, value_of(before, key));
		json_object_set(set, key, value_of(after, key));
	}
	return json_pack("{s:o, s:o}", "set", set, "was", was);
}

json_t *provider_difference(const json_t *before, const json_t *after, const json_t *named)
{
	const json_t *all = json_object_size(after) > 0 ? after : before;
	json_t *told = compare(all, before, after, named);
	json_t *limits =
		compare(json_object_get(all, "limits"), json_object_get(before, "limits"),
			json_object_get(after, "limits"), json_object_get(named, "limits"));
	static const char *const sides[] = {"set", "was"};
	for (size_t i = 0; i < ARRAY_LEN(sides); i++) {
		json_t *side = json_object_get(told, sides[i]);
		json_t *numbers = json_object_get(limits, sides[i]);
		json_object_del(side, "limits");
		if (json_object_size(numbers) > 0)
			json_object_set(side, "limits", numbers);
	}
	json_decref(limits);
	return told;
}

/* -- who said it -- */

static bool says(const struct provider_change *c, const char *key)
{
	struct str text = c->override.json;
	json_t *keys = json_loadb(text.ptr, text.len, 0, &(json_error_t){0});
	bool is_said = json_object_get(json_object_get(keys, "limits"), key) != NULL;
	json_decref(keys);
	return is_said;
}

static const char *key_of(enum limit_kind kind, enum limit_period period)
{
	for (size_t i = 0; i < PROVIDER_NUMBERS; i++)
		if (provider_numbers[i].kind == kind && provider_numbers[i].period == period)
			return provider_numbers[i].key;
	return "";
}

const struct provider_change *provider_change_of(const struct provider_changes *changes,
						 struct str provider, enum limit_kind kind,
						 enum limit_period period, int64_t now)
{
	const struct provider_change *last = NULL;
	const char *key = key_of(kind, period);
	for (size_t i = 0; i < changes->count; i++) {
		const struct provider_change *c = &changes->items[i];
		if (str_equals(c->override.name, provider) && c->until_ms > now && says(c, key))
			last = c;
	}
	return last;
}

/* -- as it is typed -- */

static void render_value(const json_t *value, struct buf *out)
{
	size_t i;
	json_t *name;
	if (json_is_integer(value))
		buf_appendf(out, "%lld", (long long)json_integer_value(value));
	else if (json_is_boolean(value))
		buf_append_cstr(out, json_is_true(value) ? "on" : "off");
	else if (json_is_string(value))
		buf_append_cstr(out, json_string_value(value));
	else if (json_array_size(value) == 0)
		buf_append_cstr(out, "-");
	json_array_foreach(value, i, name)
		buf_appendf(out, "%s%s", i > 0 ? "," : "", json_string_value(name));
}

static void render_number(const json_t *limits, const struct provider_number *n, struct buf *out)
{
	const json_t *value = json_object_get(limits, n->key);
	if (value == NULL)
		return;
	buf_appendf(out, "%s%s", out->len > 0 ? " " : "", n->typed);
	render_value(value, out);
	buf_append_cstr(out, n->per);
}

void provider_keys_render(const json_t *keys, struct buf *out)
{
	static const char *const typed[][2] = {{"initial_connections", "initial"},
					       {"verp", "verp"},
					       {"tls", "tls"},
					       {"mx_suffixes", "mx"},
					       {"domains", "domain"}};
	struct buf text;
	buf_init(&text, 16384);
	for (size_t i = 0; i < PROVIDER_NUMBERS; i++)
		render_number(json_object_get(keys, "limits"), &provider_numbers[i], &text);
	for (size_t i = 0; i < ARRAY_LEN(typed); i++) {
		const json_t *value = json_object_get(keys, typed[i][0]);
		if (value == NULL)
			continue;
		buf_appendf(&text, "%s%s=", text.len > 0 ? " " : "", typed[i][1]);
		render_value(value, &text);
	}
	buf_append_str(out, buf_str(&text));
	buf_done(&text);
}
