/* SPDX-License-Identifier: MIT */
/* One message for one person; see personalise.h. Runs on composer threads and in previews. */
#include "scheduler/campaign/personalise.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "lists/token.h"

#define URL_MAX 2048u

struct personaliser {
	struct composer *composer;
	struct buf message_id, unsubscribe_url, feedback_id, mailto;
};

/* Where templates get their values from for one person. */
struct value_source {
	const struct personaliser *p;
	const struct campaign_snapshot *campaign;
	const struct addressee *person;
	json_t *attributes; /* object, or NULL */
	struct buf number;  /* text of an attribute that is a number */
};

static const char *const builtin_names[] = {"email", "campaign", "unsubscribe_url", "message_id"};

struct personaliser *personaliser_new(void)
{
	struct personaliser *p = xcalloc(1, sizeof(*p));
	p->composer = composer_new();
	buf_init(&p->message_id, 200);
	buf_init(&p->unsubscribe_url, URL_MAX);
	buf_init(&p->feedback_id, 512);
	buf_init(&p->mailto, URL_MAX);
	return p;
}

void personaliser_free(struct personaliser *p)
{
	if (p == NULL)
		return;
	composer_free(p->composer);
	buf_done(&p->message_id);
	buf_done(&p->unsubscribe_url);
	buf_done(&p->feedback_id);
	buf_done(&p->mailto);
	free(p);
}

bool personalise_is_builtin(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(builtin_names); i++)
		if (str_equals(name, str_from(builtin_names[i])))
			return true;
	return false;
}

static bool find_builtin(const struct value_source *source, struct str name, struct str *value_out)
{
	if (str_equals(name, STR("email")))
		*value_out = source->person->address;
	else if (str_equals(name, STR("campaign")))
		*value_out = source->campaign->name;
	else if (str_equals(name, STR("unsubscribe_url")))
		*value_out = buf_str(&source->p->unsubscribe_url);
	else if (str_equals(name, STR("message_id")))
		*value_out = buf_str(&source->p->message_id);
	else
		return false;
	return true;
}

static bool find_value(const void *ctx, struct str name, struct str *value_out)
{
	/* The number buffer is the only thing a look-up changes. */
	struct value_source *source = (struct value_source *)(uintptr_t)ctx;
	if (find_builtin(source, name, value_out))
		return true;
	json_t *value = source->attributes
				? json_object_getn(source->attributes, name.ptr, name.len)
				: NULL;
	if (json_is_string(value)) {
		*value_out = str_of(json_string_value(value), json_string_length(value));
		return true;
	}
	buf_clear(&source->number);
	if (json_is_integer(value))
		buf_appendf(&source->number, "%lld", (long long)json_integer_value(value));
	else if (json_is_real(value))
		buf_appendf(&source->number, "%.15g", json_real_value(value));
	else if (json_is_boolean(value))
		buf_append_cstr(&source->number, json_is_true(value) ? "true" : "false");
	else
		return false;
	*value_out = buf_str(&source->number);
	return true;
}

/* The same in every attempt, and it tells nobody who the recipient is. */
static void make_message_id(struct personaliser *p, const struct campaign_snapshot *campaign,
			    uint64_t rid)
{
	struct buf seed;
	buf_init(&seed, 64);
	buf_append_cstr(&seed, "message-id");
	buf_append_be32(&seed, (uint32_t)campaign->id);
	buf_append_be64(&seed, rid);
	uint64_t hash = hash_keyed(&campaign->token_key, buf_str(&seed));
	buf_done(&seed);
	buf_clear(&p->message_id);
	buf_appendf(&p->message_id, "%016llx.%x@%.*s", (unsigned long long)hash,
		    (unsigned)campaign->id, STR_ARG(campaign->from_domain));
}

static void make_links(struct personaliser *p, const struct campaign_snapshot *campaign,
		       uint64_t rid)
{
	struct token token = {.rid = (int64_t)rid, .campaign_id = campaign->id};
	char text[TOKEN_LEN + 1];
	token_render(&campaign->token_key, TOKEN_UNSUBSCRIBE, &token, text);
	buf_clear(&p->unsubscribe_url);
	if (campaign->unsubscribe_base.len > 0)
		buf_appendf(&p->unsubscribe_url, "%.*s/%s", STR_ARG(campaign->unsubscribe_base),
			    text);
	buf_clear(&p->mailto);
	if (campaign->unsubscribe_mailto.len > 0)
		buf_appendf(&p->mailto, "%.*s?subject=unsubscribe-%s",
			    STR_ARG(campaign->unsubscribe_mailto), text);
	buf_clear(&p->feedback_id);
	if (campaign->feedback_id.len > 0)
		buf_appendf(&p->feedback_id, "%d:%.*s", campaign->id,
			    STR_ARG(campaign->feedback_id));
}

static void make_mail_from(const struct campaign_snapshot *campaign, const struct addressee *person,
			   struct buf *out)
{
	buf_clear(out);
	if (campaign->return_path_domain.len == 0 || !person->takes_verp) {
		buf_append_str(out, campaign->from_address);
		return;
	}
	struct token token = {.rid = (int64_t)person->rid, .campaign_id = campaign->id};
	char text[TOKEN_LEN + 1];
	token_render(&campaign->token_key, TOKEN_BOUNCE, &token, text);
	buf_appendf(out, "b-%s@%.*s", text, STR_ARG(campaign->return_path_domain));
}

static struct str display_name(const struct value_source *source)
{
	struct str name = {0};
	if (source->attributes != NULL)
		(void)find_value(source, STR("name"), &name);
	return name;
}

static int load_attributes(const struct addressee *person, json_t **out, struct err *err)
{
	*out = NULL;
	if (person->attributes.len == 0)
		return 0;
	json_error_t why;
	*out = json_loadb(person->attributes.ptr, person->attributes.len, 0, &why);
	if (!json_is_object(*out)) {
		json_decref(*out);
		return err_set(err, ERR_INPUT, "the attributes are no JSON object: %s", why.text);
	}
	return 0;
}

int personalise(struct personaliser *p, const struct campaign_snapshot *campaign,
		const struct addressee *person, const struct personal_message *out, struct err *err)
{
	struct value_source source = {.p = p, .campaign = campaign, .person = person};
	if (load_attributes(person, &source.attributes, err) != 0)
		return -1;
	buf_init(&source.number, 64);
	make_message_id(p, campaign, person->rid);
	make_links(p, campaign, person->rid);
	make_mail_from(campaign, person, out->mail_from);
	struct compose_input input = {
		.to = {.name = display_name(&source), .address = person->address},
		.values = {.find = find_value, .ctx = &source},
		.message_id = buf_str(&p->message_id),
		.date_s = clock_wall_us() / 1000000,
		.unsubscribe_url = buf_str(&p->unsubscribe_url),
		.unsubscribe_mailto = buf_str(&p->mailto),
		.list_id = campaign->list_id,
		.list_name = campaign->list_name,
		.feedback_id = buf_str(&p->feedback_id),
		.keys = campaign->keys,
		.key_count = campaign->key_count,
	};
	int result = compose(p->composer, campaign->content, &input, out->message, err);
	buf_done(&source.number);
	json_decref(source.attributes);
	return result;
}

int personalise_text(struct personaliser *p, const struct campaign_snapshot *campaign,
		     const struct addressee *person, const struct personal_text *text,
		     struct err *err)
{
	struct value_source source = {.p = p, .campaign = campaign, .person = person};
	struct template_values values = {.find = find_value, .ctx = &source};
	struct template_scratch scratch;
	if (load_attributes(person, &source.attributes, err) != 0)
		return -1;
	buf_init(&source.number, 64);
	make_message_id(p, campaign, person->rid);
	make_links(p, campaign, person->rid);
	template_scratch_init(&scratch);
	int result = template_render(text->template, &values, &scratch, text->out, err);
	template_scratch_done(&scratch);
	buf_done(&source.number);
	json_decref(source.attributes);
	return result;
}
