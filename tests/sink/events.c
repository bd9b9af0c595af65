/* SPDX-License-Identifier: MIT */
/* The tab-separated log; see events.h. */
#include "tests/sink/events.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PENDING_MAX (64u * 1024 * 1024)
#define FLUSH_AT (256u * 1024)
#define DIGITS_MAX 20u

int events_open(struct events *e, const char *file, struct err *err)
{
	static const char columns[] =
		"time_us\tlistener\tclient\tevent\tmail_from\trcpt\tcode\tsize"
		"\tmessage_id\toverlapping\tconnection\tport\tdetail\n";
	struct stat status;
	*e = (struct events){.fd = -1};
	buf_init(&e->lines, PENDING_MAX);
	if (file == NULL)
		return 0;
	e->fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	if (e->fd < 0 || fstat(e->fd, &status) != 0)
		return err_errno(err, errno, "cannot open %s", file);
	if (status.st_size == 0)
		buf_append_cstr(&e->lines, columns);
	return 0;
}

void events_close(struct events *e)
{
	events_flush(e);
	buf_done(&e->lines);
	if (e->fd >= 0)
		close(e->fd);
	e->fd = -1;
}

static void add_number(struct buf *line, uint64_t value, char after)
{
	char digits[DIGITS_MAX + 1];
	size_t at = DIGITS_MAX;
	digits[at] = after;
	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	buf_append(line, digits + at, DIGITS_MAX + 1 - at);
}

/* Bytes that would break a line or a column become '?'. */
static void add_text(struct buf *line, struct str text, char after)
{
	if (text.ptr == NULL || text.len == 0)
		text = STR("-");
	char *to = buf_reserve(line, text.len + 1);
	if (to == NULL)
		return;
	for (size_t i = 0; i < text.len; i++)
		to[i] = (unsigned char)text.ptr[i] < ' ' ? '?' : text.ptr[i];
	to[text.len] = after;
	buf_add(line, text.len + 1);
}

void events_add(struct events *e, const struct event *event)
{
	struct buf *line = &e->lines;
	if (e->fd < 0)
		return;
	bool is_null_path = event->mail_from.ptr != NULL && event->mail_from.len == 0;
	add_number(line, (uint64_t)event->wall_us, '\t');
	add_text(line, str_from(event->listener), '\t');
	add_text(line, str_from(event->client), '\t');
	add_text(line, str_from(event->name), '\t');
	add_text(line, is_null_path ? STR("<>") : event->mail_from, '\t');
	add_text(line, event->rcpt, '\t');
	add_number(line, (uint64_t)event->code, '\t');
	add_number(line, event->size, '\t');
	add_text(line, event->message_id, '\t');
	add_number(line, event->is_overlapping, '\t');
	add_number(line, event->connection, '\t');
	add_number(line, event->port, '\t');
	add_text(line, event->detail, '\n');
	if (line->len >= FLUSH_AT)
		events_flush(e);
}

void events_flush(struct events *e)
{
	size_t done = 0;
	while (e->fd >= 0 && done < e->lines.len) {
		ssize_t n = write(e->fd, e->lines.data + done, e->lines.len - done);
		if (n < 0 && errno == EINTR)
			continue;
		must(n > 0); /* a log with holes would prove nothing */
		done += (size_t)n;
	}
	buf_clear(&e->lines);
}
