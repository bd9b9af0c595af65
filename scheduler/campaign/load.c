/* SPDX-License-Identifier: MIT */
/* One row of campaign/snapshot.sql to a campaign_snapshot; see load.h. */
#include "scheduler/campaign/load.h"

#include <stdlib.h>
#include <string.h>

#define PEM_MAX 16384u

/* Columns of campaign/snapshot.sql. */
enum column {
	COL_NAME,
	COL_PRIORITY,
	COL_POOL,
	COL_UNSIGNED,
	COL_UNKNOWN,
	COL_GIVE_UP_S,
	COL_DEADLINE,
	COL_FROM,
	COL_FROM_NAME,
	COL_REPLY_TO,
	COL_SUBJECT,
	COL_PREHEADER,
	COL_HTML,
	COL_TEXT,
	COL_FROM_DOMAIN,
	COL_RETURN_PATH,
	COL_FEEDBACK_ID,
	COL_UNSUBSCRIBE_BASE,
	COL_RID_KEY,
	COL_LIST_ID,
	COL_LIST_NAME,
	COL_SELECTORS,
	COL_SEALED_KEYS,
	COL_FILE_NAMES,
	COL_FILE_TYPES,
	COL_FILE_CIDS,
	COL_FILE_DATA,
	COL_SENDING_DOMAIN,
};

struct campaign_load {
	const struct secret_opener *secrets;
	campaign_on_loaded on_loaded; /* NULL = cancelled */
	void *owner;
	struct content_key key;
};

static struct str keep(struct campaign_snapshot *s, const struct pg_rows *rows, int col)
{
	return arena_str(&s->memory, pg_text(rows, 0, col));
}

static void read_columns(struct campaign_snapshot *s, const struct pg_rows *rows)
{
	s->name = keep(s, rows, COL_NAME);
	s->priority = pg_int32(rows, 0, COL_PRIORITY);
	s->pool = keep(s, rows, COL_POOL);
	s->unknown = (enum unknown_policy)pg_int(rows, 0, COL_UNKNOWN);
	s->give_up_after_ms = pg_int(rows, 0, COL_GIVE_UP_S) * 1000;
	s->deadline_us = pg_time(rows, 0, COL_DEADLINE);
	s->from_address = keep(s, rows, COL_FROM);
	s->from_domain = keep(s, rows, COL_FROM_DOMAIN);
	s->sending_domain = pg_int32(rows, 0, COL_SENDING_DOMAIN);
	s->return_path_domain = keep(s, rows, COL_RETURN_PATH);
	s->unsubscribe_base = keep(s, rows, COL_UNSUBSCRIBE_BASE);
	s->feedback_id = keep(s, rows, COL_FEEDBACK_ID);
	s->list_name = keep(s, rows, COL_LIST_NAME);
	if (pg_int(rows, 0, COL_LIST_ID) != 0)
		s->list_id = str_from(arena_printf(&s->memory, "list-%lld.%.*s",
						   (long long)pg_int(rows, 0, COL_LIST_ID),
						   STR_ARG(s->from_domain)));
	struct str key = pg_bytes(rows, 0, COL_RID_KEY);
	must(key.len == sizeof(s->token_key.bytes));
	memcpy(s->token_key.bytes, key.ptr, key.len);
}

static size_t read_attachments(const struct pg_rows *rows, struct attachment *out)
{
	struct pg_items names = pg_items(rows, 0, COL_FILE_NAMES);
	struct pg_items types = pg_items(rows, 0, COL_FILE_TYPES);
	struct pg_items cids = pg_items(rows, 0, COL_FILE_CIDS);
	struct pg_items data = pg_items(rows, 0, COL_FILE_DATA);
	size_t count = 0;
	while (count < CONTENT_ATTACHMENTS_MAX && pg_next_text(&names, &out[count].name)) {
		must(pg_next_text(&types, &out[count].type));
		must(pg_next_text(&cids, &out[count].cid));
		must(pg_next_text(&data, &out[count].data));
		count++;
	}
	return count;
}

void campaign_content_of_rows(const struct pg_rows *rows,
			      struct attachment attachments[CONTENT_ATTACHMENTS_MAX],
			      struct content_spec *spec_out)
{
	*spec_out = (struct content_spec){
		.subject = pg_text(rows, 0, COL_SUBJECT),
		.preheader = pg_text(rows, 0, COL_PREHEADER),
		.html = pg_text(rows, 0, COL_HTML),
		.text = pg_text(rows, 0, COL_TEXT),
		.from = {.name = pg_text(rows, 0, COL_FROM_NAME),
			 .address = pg_text(rows, 0, COL_FROM)},
		.reply_to = {.address = pg_text(rows, 0, COL_REPLY_TO)},
		.attachments = attachments,
		.attachment_count = read_attachments(rows, attachments),
	};
}

static int compile_content(struct campaign_snapshot *s, const struct pg_rows *rows, struct err *err)
{
	struct attachment attachments[CONTENT_ATTACHMENTS_MAX];
	struct content_spec spec;
	campaign_content_of_rows(rows, attachments, &spec);
	return content_new(&spec, &s->content, err);
}

static int open_key(struct campaign_snapshot *s, struct str selector, struct str sealed,
		    const struct secret_opener *secrets, struct err *err)
{
	struct buf pem;
	buf_init(&pem, PEM_MAX);
	int result = secrets->open(secrets->context, sealed, &pem, err);
	if (result == 0)
		result = signer_load(buf_str(&pem), &s->signers[s->key_count], err);
	if (pem.data != NULL)
		explicit_bzero(pem.data, pem.len);
	buf_done(&pem);
	if (result != 0)
		return err_prefix(err, "DKIM key %.*s of %.*s", STR_ARG(selector),
				  STR_ARG(s->from_domain));
	s->keys[s->key_count] = (struct dkim_key){.domain = s->from_domain,
						  .selector = arena_str(&s->memory, selector),
						  .signer = s->signers[s->key_count]};
	s->key_count++;
	return 0;
}

static int open_keys(struct campaign_snapshot *s, const struct pg_rows *rows,
		     const struct secret_opener *secrets, struct err *err)
{
	struct pg_items selectors = pg_items(rows, 0, COL_SELECTORS);
	struct pg_items keys = pg_items(rows, 0, COL_SEALED_KEYS);
	struct str selector, sealed;
	if (secrets == NULL || pg_bool(rows, 0, COL_UNSIGNED))
		return 0;
	while (s->key_count < MESSAGE_KEYS_MAX && pg_next_text(&selectors, &selector)) {
		must(pg_next_text(&keys, &sealed));
		if (open_key(s, selector, sealed, secrets, err) != 0)
			return -1;
	}
	if (s->key_count == 0)
		return err_set(err, ERR_REFUSED,
			       "%.*s has no DKIM key: edm domain key %.*s, or create the campaign "
			       "with --unsigned",
			       STR_ARG(s->from_domain), STR_ARG(s->from_domain));
	return 0;
}

struct campaign_snapshot *campaign_snapshot_of_rows(const struct pg_rows *rows, int32_t campaign,
						    int32_t version,
						    const struct secret_opener *secrets,
						    struct err *err)
{
	if (pg_rows_count(rows) == 0) {
		err_set(err, ERR_NOT_FOUND, "campaign %d has no content version %d", campaign,
			version);
		return NULL;
	}
	struct campaign_snapshot *s = campaign_snapshot_new();
	s->id = campaign;
	s->version = version;
	read_columns(s, rows);
	if (compile_content(s, rows, err) == 0 && open_keys(s, rows, secrets, err) == 0)
		return s;
	campaign_snapshot_unref(s);
	return NULL;
}

static void on_row(void *owner, const struct pg_reply *reply)
{
	struct campaign_load *load = owner;
	struct err err = {0};
	struct campaign_snapshot *s = NULL;
	if (load->on_loaded == NULL) {
		free(load);
		return;
	}
	if (reply->fate == PG_DONE)
		s = campaign_snapshot_of_rows(reply->rows, load->key.campaign, load->key.version,
					      load->secrets, &err);
	else
		err = *reply->err;
	load->on_loaded(load->owner, s, &err);
	free(load);
}

struct campaign_load *campaign_load(struct pg *pg, struct content_key key,
				    const struct secret_opener *secrets,
				    campaign_on_loaded on_loaded, void *owner)
{
	struct campaign_load *load = xcalloc(1, sizeof(*load));
	load->secrets = secrets;
	load->on_loaded = on_loaded;
	load->owner = owner;
	load->key = key;
	struct pg_params params;
	pg_params_init(&params);
	pg_add_int4(&params, key.campaign);
	pg_add_int4(&params, key.version);
	pg_call(pg, "campaign/snapshot", &params, on_row, load);
	pg_params_done(&params);
	return load;
}

void campaign_load_cancel(struct campaign_load *load)
{
	if (load != NULL)
		load->on_loaded = NULL;
}
