/* SPDX-License-Identifier: MIT */
/* edm campaign preview: the message as one member gets it. */
#include <errno.h>
#include <stdlib.h>

#include "scheduler/campaign/preview.h"
#include "scheduler/cli/campaign_private.h"
#include "scheduler/cli/report_private.h"

static int write_file(const char *path, struct str first, struct str second, struct err *err)
{
	FILE *f = fopen(path, "wb");
	if (f == NULL)
		return err_errno(err, errno, "cannot write %s", path);
	bool is_written = fwrite(first.ptr, 1, first.len, f) == first.len &&
			  (second.len == 0 || fwrite(second.ptr, 1, second.len, f) == second.len);
	if (fclose(f) != 0 || !is_written)
		return err_errno(err, errno, "cannot write %s", path);
	return 0;
}

static int write_files(const struct cli *cli, const struct preview *p, struct err *err)
{
	const char *html = cli_option(cli, "html");
	const char *eml = cli_option(cli, "eml");
	if (html != NULL && p->html.len == 0)
		return err_set(err, ERR_REFUSED, "campaign %s has no HTML part", cli_arg(cli, 0));
	if (html != NULL && write_file(html, buf_str(&p->html), (struct str){0}, err) != 0)
		return -1;
	if (eml == NULL)
		return 0;
	return write_file(eml, buf_str(&p->message.text), p->message.tail, err);
}

/* Why he would not be mailed, or null. */
static json_t *left_out_json(const struct preview *p)
{
	if (p->excluded_by.len > 0)
		return json_pack("{s:s, s:n, s:o}", "reason", "excluded", "cause", "list",
				 json_of_str(buf_str(&p->excluded_by)));
	if (p->suppressed_for == SUPPRESSION_ANY)
		return json_null();
	return json_pack("{s:s, s:s, s:o}", "reason", "suppressed", "cause",
			 suppression_cause_name(p->suppressed_for), "list",
			 json_of_text_or_null(buf_str(&p->suppressed_in)));
}

static void print_left_out(struct cli *cli, const struct preview *p)
{
	struct str list = buf_str(&p->suppressed_in);
	struct buf why;
	if (p->excluded_by.len > 0) {
		cli_printf(cli,
			   REPORT_SAY(cli,
				      "%s would not be mailed: a member of list %.*s, which the "
				      "campaign excludes\n\n",
				      "%s 不会收到邮件：属于名单 %.*s，该任务排除此名单\n\n"),
			   p->address, STR_ARG(buf_str(&p->excluded_by)));
		return;
	}
	if (p->suppressed_for == SUPPRESSION_ANY)
		return;
	buf_init(&why, REPORT_SENTENCE_MAX);
	cli_printf(
		cli,
		REPORT_SAY(cli,
			   "%s would not be mailed: suppressed %s%.*s, as %s; edm suppress check "
			   "%s tells more\n\n",
			   "%s 不会收到邮件：已抑制（%s%.*s），原因：%s；edm suppress check %s "
			   "可了解详情\n\n"),
		p->address,
		list.len > 0 ? REPORT_SAY(cli, "for list ", "名单 ")
			     : REPORT_SAY(cli, "everywhere", "全局"),
		STR_ARG(list),
		report_sentence(cli, suppression_cause_clause(p->suppressed_for), &why),
		p->address);
	buf_done(&why);
}

static int print_preview_json(struct cli *cli, const struct campaign_row *row,
			      const struct preview *p)
{
	json_t *o = json_object();
	json_object_set_new(o, "name", json_of_str(row->name));
	json_object_set_new(o, "to", json_string(p->address));
	json_object_set_new(o, "left_out", left_out_json(p));
	json_object_set_new(o, "from", json_of_str(row->from_address));
	json_object_set_new(o, "from_name", json_of_str(row->from_name));
	json_object_set_new(o, "mail_from", json_of_str(buf_str(&p->mail_from)));
	json_object_set_new(o, "subject", json_of_str(buf_str(&p->subject)));
	json_object_set_new(o, "text", json_of_str(buf_str(&p->text)));
	json_object_set_new(o, "html", json_of_text_or_null(buf_str(&p->html)));
	json_object_set_new(o, "unsubscribe_url",
			    json_of_text_or_null(buf_str(&p->unsubscribe_url)));
	json_object_set_new(o, "bytes", json_integer((json_int_t)message_size(&p->message)));
	return cli_print_json(cli, o);
}

static void print_preview(struct cli *cli, const struct campaign_row *row, const struct preview *p)
{
	char size[32];
	print_left_out(cli, p);
	cli_printf(cli, REPORT_SAY(cli, "Envelope: %.*s → %s\n", "信封：%.*s → %s\n"),
		   STR_ARG(buf_str(&p->mail_from)), p->address);
	if (row->from_name.len > 0)
		cli_printf(cli, "From: %.*s <%.*s>\n", STR_ARG(row->from_name),
			   STR_ARG(row->from_address));
	else
		cli_printf(cli, "From: %.*s\n", STR_ARG(row->from_address));
	cli_printf(cli, "To: %s\nSubject: %.*s\n", p->address, STR_ARG(buf_str(&p->subject)));
	if (p->unsubscribe_url.len > 0)
		cli_printf(cli, "List-Unsubscribe: %.*s\n", STR_ARG(buf_str(&p->unsubscribe_url)));
	cli_printf(cli, REPORT_SAY(cli, "Size: %s bytes, %s\n\n", "大小：%s 字节，%s\n\n"),
		   cli_number((int64_t)message_size(&p->message), size, sizeof(size)),
		   p->html.len > 0
			   ? REPORT_SAY(cli, "HTML and text (see the HTML with --html FILE)",
					"HTML 和纯文本（--html FILE 可查看 HTML）")
			   : REPORT_SAY(cli, "text", "纯文本"));
	cli_printf(cli, "%.*s\n", STR_ARG(buf_str(&p->text)));
}

int run_campaign_preview(struct cli *cli, struct err *err)
{
	struct campaign_view view;
	struct preview p;
	preview_init(&p);
	int result = campaign_load_one(cli, NULL, &view, err);
	if (result == 0)
		result = preview_load(cli->db, &view.items[0], cli_option(cli, "for"), &p, err);
	if (result == 0)
		result = write_files(cli, &p, err);
	if (result == 0 && cli->wants_json)
		result = print_preview_json(cli, &view.items[0], &p);
	else if (result == 0)
		print_preview(cli, &view.items[0], &p);
	campaign_view_done(&view);
	preview_done(&p);
	return result;
}
