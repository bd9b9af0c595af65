/* SPDX-License-Identifier: MIT */
/* Profiles from JSON; see profile.h. */
#include "tests/sink/profile.h"

#include <stdlib.h>

#include "tests/sink/meter.h"
#include "tests/sink/tls.h"

static int span_load(void *to, const json_t *value, struct arena *arena, struct err *err)
{
	struct span_ms *span = to;
	const json_t *least = json_is_array(value) ? json_array_get(value, 0) : value;
	const json_t *most = json_is_array(value) ? json_array_get(value, 1) : value;
	if (field_int(&span->least, least, arena, err) != 0 ||
	    field_int(&span->most, most, arena, err) != 0)
		return err_set(err, ERR_CONFIG, "milliseconds, or [least, most], are wanted");
	return span->least <= span->most ? 0 : err_set(err, ERR_CONFIG, "least is over most");
}

static int delays_load(void *to, const json_t *value, struct arena *arena, struct err *err)
{
	struct field fields[STEP_COUNT];
	for (size_t i = 0; i < STEP_COUNT; i++)
		fields[i] = (struct field){step_name((enum step)i), i * sizeof(struct span_ms),
					   span_load};
	return fields_load(FIELD_TABLE(fields), to, value, arena, err);
}

static int drip_load(void *to, const json_t *value, struct arena *arena, struct err *err)
{
	static const struct field fields[] = {
		FIELD(struct drip, bytes, "bytes", field_int),
		FIELD(struct drip, every_ms, "every_ms", field_int),
	};
	return fields_load(FIELD_TABLE(fields), to, value, arena, err);
}

static int tls_load(void *to, const json_t *value, struct arena *arena, struct err *err)
{
	static const struct field fields[] = {
		FIELD(struct tls_files, cert, "cert", field_text),
		FIELD(struct tls_files, key, "key", field_text),
		FIELD(struct tls_files, max, "max", field_text),
	};
	return fields_load(FIELD_TABLE(fields), to, value, arena, err);
}

static int greylist_load(void *to, const json_t *value, struct arena *arena, struct err *err)
{
	static const struct field fields[] = {
		FIELD(struct greylisting, seconds, "seconds", field_int),
		FIELD(struct greylisting, reply, "reply", reply_load),
	};
	struct greylisting *greylist = to;
	greylist->is_on = true;
	greylist->reply = STR("451 4.7.1 Greylisted, please try again later\r\n");
	return fields_load(FIELD_TABLE(fields), to, value, arena, err);
}

static int period_load(void *to, const json_t *value, struct arena *arena, struct err *err)
{
	struct str name = str_from(json_string_value(value));
	int64_t per_ms = 0;
	if (str_equals(name, STR("s")))
		*(int64_t *)to = METER_SECOND_US;
	else if (str_equals(name, STR("min")))
		*(int64_t *)to = METER_MINUTE_US;
	else if (str_equals(name, STR("h")))
		*(int64_t *)to = METER_HOUR_US;
	else if (field_int(&per_ms, value, arena, err) == 0 && per_ms * 1000 <= METER_HOUR_US)
		*(int64_t *)to = per_ms * 1000;
	else
		return err_set(err, ERR_CONFIG, "s, min, h or milliseconds (≤ 1 h) are wanted");
	return 0;
}

static int ban_load(void *to, const json_t *value, struct arena *arena, struct err *err)
{
	int64_t ban_ms = 0;
	if (field_int(&ban_ms, value, arena, err) != 0)
		return -1;
	*(int64_t *)to = ban_ms * 1000;
	return 0;
}

static int at_load(void *to, const json_t *value, struct arena *arena, struct err *err)
{
	(void)arena;
	return step_parse(str_from(json_string_value(value)), to, err);
}

static int rates_load(void *to, const json_t *value, struct arena *arena, struct err *err)
{
	static const struct field fields[] = {
		FIELD(struct rate, messages, "messages", field_int),
		FIELD(struct rate, connections, "connections", field_int),
		FIELD(struct rate, per_us, "per", period_load),
		FIELD(struct rate, ban_us, "ban_ms", ban_load),
		FIELD(struct rate, burst, "burst", field_int),
		FIELD(struct rate, at, "at", at_load),
		FIELD(struct rate, reply, "reply", reply_load),
	};
	struct limits *limits = to;
	size_t count = json_array_size(value);
	if (count > RATES_MAX)
		return err_set(err, ERR_CONFIG, "at most %u rates", RATES_MAX);
	for (size_t i = 0; i < count; i++) {
		struct rate *rate = &limits->rates[i];
		*rate = (struct rate){.per_us = METER_SECOND_US,
				      .at = STEP_MAIL,
				      .reply = STR("421 4.7.0 Too fast, try again later\r\n")};
		if (fields_load(FIELD_TABLE(fields), rate, json_array_get(value, i), arena, err) !=
		    0)
			return -1;
	}
	limits->rate_count = count;
	return 0;
}

static int scope_load(void *to, const json_t *value, struct arena *arena, struct err *err)
{
	struct str name = str_from(json_string_value(value));
	(void)arena;
	if (str_equals(name, STR("client-listener")))
		*(enum limit_scope *)to = SCOPE_CLIENT_LISTENER;
	else if (str_equals(name, STR("client-profile")))
		*(enum limit_scope *)to = SCOPE_CLIENT_PROFILE;
	else if (str_equals(name, STR("profile")))
		*(enum limit_scope *)to = SCOPE_PROFILE;
	else
		return err_set(err, ERR_CONFIG,
			       "client-listener, client-profile or profile is wanted");
	return 0;
}

static int limits_load(void *to, const json_t *value, struct arena *arena, struct err *err)
{
	static const struct field fields[] = {
		FIELD(struct limits, connections, "connections", field_int),
		FIELD(struct limits, connections_reply, "connections_reply", reply_load),
		FIELD(struct limits, messages_per_connection, "messages_per_connection", field_int),
		FIELD(struct limits, messages_per_connection_reply, "messages_per_connection_reply",
		      reply_load),
		FIELD(struct limits, rcpts_per_message, "rcpts_per_message", field_int),
		FIELD(struct limits, rcpts_per_message_reply, "rcpts_per_message_reply",
		      reply_load),
		FIELD(struct limits, scope, "scope", scope_load),
		{"rates", 0, rates_load}, /* fills two members */
	};
	struct limits *limits = to;
	limits->connections_reply = STR("421 4.7.0 Too many connections\r\n");
	limits->messages_per_connection_reply =
		STR("421 4.7.0 Too many messages on this connection\r\n");
	limits->rcpts_per_message_reply = STR("452 4.5.3 Too many recipients\r\n");
	return fields_load(FIELD_TABLE(fields), to, value, arena, err);
}

static void set_extensions(struct profile *p, struct str *list, size_t count)
{
	p->extensions = list;
	p->extension_count = count;
	p->has_starttls = p->has_auth = false;
	for (size_t i = 0; i < count; i++) {
		p->has_starttls |= str_equals(list[i], STR("STARTTLS"));
		p->has_auth |= str_starts_with(list[i], STR("AUTH "));
	}
}

static int extensions_load(void *to, const json_t *value, struct arena *arena, struct err *err)
{
	size_t count = json_array_size(value);
	struct str *list = arena_alloc(arena, count * sizeof(*list));
	for (size_t i = 0; i < count; i++)
		if (field_text(&list[i], json_array_get(value, i), arena, err) != 0)
			return -1;
	set_extensions(to, list, count);
	return 0;
}

static int users_load(void *to, const json_t *value, struct arena *arena, struct err *err)
{
	struct profile *p = to;
	size_t count = json_object_size(value);
	p->users = arena_alloc(arena, count * sizeof(*p->users));
	void *it = json_object_iter((json_t *)value);
	for (; it != NULL; it = json_object_iter_next((json_t *)value, it)) {
		struct user *user = &p->users[p->user_count++];
		user->name = arena_str(arena, str_from(json_object_iter_key(it)));
		if (field_text(&user->password, json_object_iter_value(it), arena, err) != 0)
			return -1;
	}
	return 0;
}

static const struct field profile_fields[] = {
	FIELD(struct profile, about, "about", field_text),
	FIELD(struct profile, host, "host", field_text),
	FIELD(struct profile, greeting, "greeting", reply_load),
	{"extensions", 0, extensions_load}, /* these two fill several members */
	{"users", 0, users_load},
	FIELD(struct profile, tls, "tls", tls_load),
	FIELD(struct profile, delays, "delay_ms", delays_load),
	FIELD(struct profile, round_trip_ms, "round_trip_ms", field_int),
	FIELD(struct profile, drip, "drip", drip_load),
	FIELD(struct profile, idle_ms, "idle_ms", field_int),
	FIELD(struct profile, greylist, "greylist", greylist_load),
	FIELD(struct profile, limits, "limits", limits_load),
#define X(suffix, name) FIELD(struct profile, rules[STEP_##suffix], name, rules_load),
	SINK_STEPS(X)
#undef X
};

static void profile_init(struct profile *p, struct str name)
{
	static struct str usual[] = {
		STR_INIT("PIPELINING"), STR_INIT("SIZE 52428800"),	 STR_INIT("8BITMIME"),
		STR_INIT("SMTPUTF8"),	STR_INIT("ENHANCEDSTATUSCODES"),
	};
	*p = (struct profile){.name = name, .host = STR("sink.test")};
	set_extensions(p, usual, ARRAY_LEN(usual));
}

/* Fills what follows from the other keys. */
static int profile_finish(struct profile *p, struct arena *arena, struct err *err)
{
	if (p->greeting.len == 0)
		p->greeting = str_from(arena_printf(arena, "220 %.*s ESMTP\r\n", STR_ARG(p->host)));
	if (!p->has_starttls)
		return 0;
	p->tls_context = tls_context_new(&p->tls, p->host.ptr, err);
	return p->tls_context != NULL ? 0 : -1;
}

static int profile_load(struct profile *p, struct str name, const json_t *object,
			struct arena *arena, struct err *err)
{
	profile_init(p, arena_str(arena, name));
	if (fields_load(FIELD_TABLE(profile_fields), p, object, arena, err) != 0 ||
	    profile_finish(p, arena, err) != 0)
		return err_prefix(err, "profile %.*s", STR_ARG(name));
	return 0;
}

static int profiles_load(void *to, const json_t *value, struct arena *arena, struct err *err)
{
	struct config *config = to;
	size_t count = json_object_size(value);
	config->profiles = arena_alloc(arena, count * sizeof(*config->profiles));
	void *it = json_object_iter((json_t *)value);
	for (; it != NULL; it = json_object_iter_next((json_t *)value, it)) {
		struct profile *p = &config->profiles[config->profile_count++];
		if (profile_load(p, str_from(json_object_iter_key(it)), json_object_iter_value(it),
				 arena, err) != 0)
			return -1;
		p->index = (uint16_t)config->profile_count;
	}
	return 0;
}

static int listeners_load(void *to, const json_t *value, struct arena *arena, struct err *err)
{
	static const struct field fields[] = {
		FIELD(struct listen_entry, listen, "listen", field_text),
		FIELD(struct listen_entry, profile, "profile", field_text),
	};
	struct config *config = to;
	config->listener_count = json_array_size(value);
	config->listeners = arena_alloc(arena, config->listener_count * sizeof(*config->listeners));
	for (size_t i = 0; i < config->listener_count; i++)
		if (fields_load(FIELD_TABLE(fields), &config->listeners[i],
				json_array_get(value, i), arena, err) != 0)
			return -1;
	return 0;
}

static int check_listeners(const struct config *config, struct err *err)
{
	for (size_t i = 0; i < config->listener_count; i++)
		if (config_profile(config, config->listeners[i].profile) == NULL)
			return err_set(err, ERR_CONFIG,
				       "listener %zu: no profile is called \"%.*s\"", i + 1,
				       STR_ARG(config->listeners[i].profile));
	return 0;
}

static int read_file(struct config *config, const char *file, struct err *err)
{
	static const struct field fields[] = {
		{"profiles", 0, profiles_load},
		{"listeners", 0, listeners_load},
	};
	json_error_t where;
	json_t *root = json_load_file(file, JSON_REJECT_DUPLICATES, &where);
	if (root == NULL)
		return err_set(err, ERR_CONFIG, "line %d: %s", where.line, where.text);
	int result = fields_load(FIELD_TABLE(fields), config, root, &config->arena, err);
	json_decref(root);
	return result == 0 ? check_listeners(config, err) : -1;
}

struct config *config_load(const char *file, struct err *err)
{
	struct config *config = xcalloc(1, sizeof(*config));
	arena_init(&config->arena, 0);
	if (file != NULL && read_file(config, file, err) != 0) {
		err_prefix(err, "%s", file);
		config_free(config);
		return NULL;
	}
	if (config->profile_count == 0) {
		config->profiles = arena_alloc(&config->arena, sizeof(*config->profiles));
		config->profile_count = 1;
		profile_init(config->profiles, STR("default"));
		config->profiles->index = 1;
		if (profile_finish(config->profiles, &config->arena, err) != 0) {
			config_free(config);
			return NULL;
		}
	}
	return config;
}

void config_free(struct config *config)
{
	if (config == NULL)
		return;
	for (size_t i = 0; i < config->profile_count; i++) {
		for (size_t step = 0; step < STEP_COUNT; step++)
			rules_done(&config->profiles[i].rules[step]);
		SSL_CTX_free(config->profiles[i].tls_context);
	}
	arena_done(&config->arena);
	free(config);
}

struct profile *config_profile(const struct config *config, struct str name)
{
	for (size_t i = 0; i < config->profile_count; i++)
		if (str_equals(config->profiles[i].name, name))
			return &config->profiles[i];
	return NULL;
}
