/* SPDX-License-Identifier: MIT */
/* A message rendered for one member; see preview.h. */
#include "scheduler/campaign/preview.h"

#include "engine/mail/html_text.h"
#include "lists/lists.h"
#include "scheduler/campaign/load.h"
#include "scheduler/campaign/personalise.h"

#define PART_MAX (16u << 20)

/* What rendering works with. */
struct rendering {
	struct preview *preview;
	struct personaliser *personaliser;
	struct addressee person;
};

void preview_init(struct preview *p)
{
	*p = (struct preview){0};
	buf_init(&p->suppressed_in, 4096);
	buf_init(&p->excluded_by, 4096);
	buf_init(&p->attributes, 4u << 20);
	buf_init(&p->subject, PART_MAX);
	buf_init(&p->text, PART_MAX);
	buf_init(&p->html, PART_MAX);
	buf_init(&p->unsubscribe_url, 4096);
	buf_init(&p->mail_from, 1024);
	message_init(&p->message);
}

void preview_done(struct preview *p)
{
	buf_done(&p->suppressed_in);
	buf_done(&p->excluded_by);
	buf_done(&p->attributes);
	buf_done(&p->subject);
	buf_done(&p->text);
	buf_done(&p->html);
	buf_done(&p->unsubscribe_url);
	buf_done(&p->mail_from);
	message_done(&p->message);
	campaign_snapshot_unref(p->campaign);
}

/* ------------------------------------------------------------------------------------- member */

int preview_find_rid(struct pg_blocking *db, struct str text, struct address *address_out,
		     int64_t *rid_out, struct err *err)
{
	struct hash_key key;
	enum address_reason reason = address_parse(text, address_out);
	if (reason != ADDRESS_OK)
		return err_set(err, ERR_USAGE, "'%.*s' is no address: %s", STR_ARG(text),
			       address_reason_sentence(reason));
	if (lists_load_key(db, &key, err) != 0)
		return -1;
	*rid_out = (int64_t)hash_keyed(&key, address_key(address_out));
	return 0;
}

static int read_member(const struct pg_rows *rows, struct rendering *r)
{
	struct preview *p = r->preview;
	r->person.rid = (uint64_t)pg_int(rows, 0, 0);
	r->person.takes_verp = true;
	buf_append_str(&p->attributes, pg_text(rows, 0, 2));
	p->suppressed_for = (enum suppression_cause)pg_int32(rows, 0, 3);
	buf_append_str(&p->suppressed_in, pg_text(rows, 0, 4));
	buf_append_str(&p->excluded_by, pg_text(rows, 0, 5));
	int result = str_to_cstr(pg_text(rows, 0, 1), p->address, sizeof(p->address));
	r->person.address = str_from(p->address);
	r->person.attributes = buf_str(&p->attributes);
	return result;
}

static int find_member(struct pg_blocking *db, const struct campaign_row *row, const char *address,
		       struct rendering *r, struct err *err)
{
	struct pg_params params;
	struct pg_rows *rows = NULL;
	struct address parsed;
	int64_t rid = 0;
	if (address != NULL && preview_find_rid(db, str_from(address), &parsed, &rid, err) != 0)
		return -1;
	pg_params_init(&params);
	pg_add_int4(&params, row->id);
	if (address != NULL)
		pg_add_int8(&params, rid);
	else
		pg_add_null(&params, PG_INT8);
	int result = pg_run(db, "campaign/member_of", &params, &rows, err);
	if (result == 0 && pg_rows_count(rows) == 0)
		result =
			address != NULL
				? err_set(err, ERR_NOT_FOUND,
					  "%s is no subscribed member of the lists of campaign "
					  "%.*s: leave the address out to see it for any member",
					  address, STR_ARG(row->name))
				: err_set(err, ERR_NOT_FOUND,
					  "the lists of campaign %.*s have no subscribed member to "
					  "show it for: import people with edm list import",
					  STR_ARG(row->name));
	if (result == 0)
		result = read_member(rows, r);
	pg_rows_free(rows);
	pg_params_done(&params);
	return result;
}

/* -------------------------------------------------------------------------------------- parts */

static int render(const struct rendering *r, struct str source, enum template_mode mode,
		  struct buf *out, struct err *err)
{
	struct template *template = NULL;
	if (source.len == 0)
		return 0;
	if (template_compile(source, mode, &template, err) != 0)
		return -1;
	const struct personal_text text = {.template = template, .out = out};
	int result =
		personalise_text(r->personaliser, r->preview->campaign, &r->person, &text, err);
	template_free(template);
	return result;
}

static int render_text(const struct rendering *r, const struct content_spec *spec, struct buf *out,
		       struct err *err)
{
	struct buf made;
	buf_init(&made, PART_MAX);
	if (spec->text.len == 0)
		text_from_html(spec->html, &made);
	int result = render(r, spec->text.len > 0 ? spec->text : buf_str(&made), TEMPLATE_TEXT, out,
			    err);
	buf_done(&made);
	return result;
}

static int render_all(const struct rendering *r, const struct pg_rows *rows, struct preview *p,
		      struct err *err)
{
	struct attachment files[CONTENT_ATTACHMENTS_MAX];
	struct content_spec spec;
	campaign_content_of_rows(rows, files, &spec);
	if (render(r, spec.subject, TEMPLATE_TEXT, &p->subject, err) != 0 ||
	    render_text(r, &spec, &p->text, err) != 0 ||
	    render(r, spec.html, TEMPLATE_HTML, &p->html, err) != 0 ||
	    render(r, STR("{{ unsubscribe_url }}"), TEMPLATE_TEXT, &p->unsubscribe_url, err) != 0)
		return -1;
	const struct personal_message out = {.message = &p->message, .mail_from = &p->mail_from};
	return personalise(r->personaliser, r->preview->campaign, &r->person, &out, err);
}

int preview_load(struct pg_blocking *db, const struct campaign_row *row, const char *address,
		 struct preview *p, struct err *err)
{
	struct rendering r = {.preview = p};
	struct pg_params params;
	struct pg_rows *rows = NULL;
	pg_params_init(&params);
	pg_add_int4(&params, row->id);
	pg_add_int4(&params, row->content_version);
	int result = pg_run(db, "campaign/snapshot", &params, &rows, err);
	if (result == 0) {
		p->campaign =
			campaign_snapshot_of_rows(rows, row->id, row->content_version, NULL, err);
		result = p->campaign == NULL ? -1 : find_member(db, row, address, &r, err);
	}
	if (result == 0) {
		r.personaliser = personaliser_new();
		result = render_all(&r, rows, p, err);
	}
	personaliser_free(r.personaliser);
	pg_rows_free(rows);
	pg_params_done(&params);
	return result;
}
