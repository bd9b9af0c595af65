/* SPDX-License-Identifier: MIT */
/* Files of people: options, what is shown before anything moves; see file_private.h. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/utf8.h"
#include "scheduler/cli/file_private.h"
#include "scheduler/cli/report_private.h"

#define OVERRIDES_MAX 256
#define SHOWN_BYTES 40 /* of a cell */

const char *file_name(const struct cli *cli)
{
	const char *path = cli_arg(cli, 0);
	const char *slash = strrchr(path, '/');
	if (strcmp(path, "-") == 0)
		return "standard input";
	return slash != NULL ? slash + 1 : path;
}

const char *file_shown_name(const struct cli *cli)
{
	return strcmp(cli_arg(cli, 0), "-") == 0 ? REPORT_SAY(cli, file_name(cli), "标准输入")
						 : file_name(cli);
}

struct lists_actor file_actor(const struct cli *cli)
{
	return (struct lists_actor){.actor = cli->actor, .because = cli_option(cli, "because")};
}

/* ------------------------------------------------------------------------------------- options */

/* --map a=b,c=d, and again. Whether each is sound is the mapping's to say. */
static int read_map(const struct cli *cli, struct mapping_override *overrides, size_t *count_out,
		    struct err *err)
{
	const char *value;
	size_t count = 0;
	for (int i = 0; (value = args_option_at(&cli->args, "map", i)) != NULL; i++) {
		struct str rest = str_from(value);
		while (rest.len > 0) {
			struct str name = str_take_until(&rest, ',');
			struct str column = str_take_until(&name, '=');
			if (column.len == 0 || name.len == 0 || !utf8_is_valid(name) ||
			    !utf8_is_valid(column))
				return err_set(err, ERR_USAGE,
					       "--map takes COLUMN=NAME,…, as 邮箱=email,3=city");
			if (count == OVERRIDES_MAX)
				return err_set(err, ERR_USAGE, "--map names too many columns");
			overrides[count++] = (struct mapping_override){column, name};
		}
	}
	*count_out = count;
	return 0;
}

static int read_delimiter(const struct cli *cli, char *out, struct err *err)
{
	const char *text = cli_option(cli, "delimiter");
	*out = '\0';
	if (text == NULL)
		return 0;
	if (strcmp(text, "tab") == 0)
		*out = '\t';
	else if (strlen(text) == 1 && str_is_ascii(str_from(text)) && !ascii_is_alnum(text[0]) &&
		 text[0] != '"')
		*out = text[0];
	else
		return err_set(err, ERR_USAGE,
			       "--delimiter is one character such as , ; or |, or the word tab");
	return 0;
}

/* ----------------------------------------------------------------------------------- what is shown
 */

static void print_columns(struct cli *cli, const struct mapping *m)
{
	for (size_t i = 0; i < m->count; i++) {
		const struct mapping_column *c = &m->columns[i];
		cli_printf(cli, "  %.*s → ", STR_ARG(c->header));
		switch (c->role) {
		case COLUMN_EMAIL:
			cli_printf(cli, REPORT_SAY(cli, "the address\n", "邮箱地址\n"));
			break;
		case COLUMN_ATTRIBUTE:
			cli_printf(cli, "{{ %.*s }}\n", STR_ARG(c->name));
			break;
		case COLUMN_IGNORED:
			cli_printf(cli, REPORT_SAY(cli, "left out\n", "不导入\n"));
			break;
		}
	}
}

static void print_row(struct cli *cli, const struct csv_row *row)
{
	cli_printf(cli, REPORT_SAY(cli, "  line %llu: ", "  第 %llu 行："),
		   (unsigned long long)row->line);
	for (size_t i = 0; i < row->count && i < CSV_CELLS_MAX; i++) {
		struct str cell = utf8_clip(row->cells[i], SHOWN_BYTES);
		cli_printf(cli, "%s%.*s%s", i > 0 ? " | " : "", STR_ARG(cell),
			   cell.len < row->cells[i].len ? "…" : "");
	}
	cli_printf(cli, "\n");
}

/* What stands between the cells, in words where it has a name; quoted has it in quotes. */
static const char *delimiter_words(const struct cli *cli, char delimiter, const char *quoted)
{
	switch (delimiter) {
	case ',':
		return REPORT_SAY(cli, "commas", "逗号");
	case ';':
		return REPORT_SAY(cli, "semicolons", "分号");
	case '\t':
		return REPORT_SAY(cli, "tabs", "制表符");
	default:
		return quoted;
	}
}

static void print_preview(struct cli *cli, const struct reading_preview *p)
{
	const char quoted[] = {'"', p->facts.delimiter, '"', '\0'};
	cli_printf(cli, REPORT_SAY(cli, "%s: %s, cells between %s, %s\n", "%s：%s，以%s分隔，%s\n"),
		   file_shown_name(cli), p->facts.is_ascii ? "ASCII" : p->facts.encoding,
		   delimiter_words(cli, p->facts.delimiter, quoted),
		   p->mapping->has_header ? REPORT_SAY(cli, "first row is the header", "首行为表头")
					  : REPORT_SAY(cli, "no header", "没有表头"));
	print_columns(cli, p->mapping);
	if (p->sample_count > 0)
		cli_printf(cli, REPORT_SAY(cli, "rows that show whether the encoding is right:\n",
					   "请核对以下各行的编码是否正确：\n"));
	for (size_t i = 0; i < p->sample_count; i++)
		print_row(cli, &p->samples[i]);
	if (p->sample_count == 0 && p->first.count > 0)
		print_row(cli, &p->first);
}

int file_open(struct cli *cli, const char *what, struct reading **out, struct err *err)
{
	struct mapping_override overrides[OVERRIDES_MAX];
	struct reading_request request = {
		.path = cli_arg(cli, 0),
		.encoding = cli_option(cli, "encoding"),
		.overrides = overrides,
		.refused_path = cli_option(cli, "refused"),
	};
	if (read_map(cli, overrides, &request.override_count, err) != 0 ||
	    read_delimiter(cli, &request.delimiter, err) != 0 ||
	    reading_open(out, &request, err) != 0)
		return -1;
	if (!cli->wants_json)
		print_preview(cli, reading_preview(*out));
	fflush(cli->out);
	if (cli_flag(cli, "dry-run") || cli_confirm(cli, err, "%s", what) == 0)
		return 0;
	reading_close(*out);
	return -1;
}

void file_print_refused(struct cli *cli, const struct reading *reading)
{
	const struct reading_counts *counts = reading_counts(reading);
	const char *kept = reading_preview(reading)->kept_path;
	if (counts->refused > 0)
		cli_printf(cli,
			   REPORT_SAY(cli,
				      "what was refused, with reasons, is in %s: mend and import "
				      "it\n",
				      "被拒的行及原因在 %s：修正后可再导入\n"),
			   reading_preview(reading)->refused_path);
	if (counts->refused > 0 && kept != NULL)
		cli_printf(cli,
			   REPORT_SAY(cli, "(%s is another and stays as it is)\n",
				      "（%s 是另一份，保持不变）\n"),
			   kept);
	if (counts->typos > 0)
		cli_printf(cli,
			   REPORT_SAY(cli,
				      "%llu %s misspelt, such as %s (meant: %s?), and taken as it "
				      "stands\n",
				      "%llu %s疑似拼写错误，如 %s（应为 %s？），已按原样导入\n"),
			   (unsigned long long)counts->typos,
			   REPORT_SAY(cli,
				      plural((int64_t)counts->typos, "address looks",
					     "addresses look"),
				      "个地址"),
			   counts->typo, counts->typo_meant);
	if (counts->smtputf8 > 0)
		cli_printf(cli,
			   REPORT_SAY(cli,
				      "%llu %s other than ASCII before the @: few receivers take "
				      "that\n",
				      "%llu %s的 @ 前含非 ASCII 字符：多数服务商不接受\n"),
			   (unsigned long long)counts->smtputf8,
			   REPORT_SAY(cli,
				      plural((int64_t)counts->smtputf8, "address has",
					     "addresses have"),
				      "个地址"));
}

json_t *file_refused_json(const struct reading *reading)
{
	return reading_counts(reading)->refused > 0
		       ? json_string(reading_preview(reading)->refused_path)
		       : json_null();
}
