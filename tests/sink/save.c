/* SPDX-License-Identifier: MIT */
/* Messages as files; see save.h. */
#include "tests/sink/save.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "engine/base/log.h"

static int write_all(int fd, struct str text)
{
	while (text.len > 0) {
		ssize_t n = write(fd, text.ptr, text.len);
		if (n < 0 && errno != EINTR)
			return -1;
		text = str_slice(text, n > 0 ? (size_t)n : 0, text.len);
	}
	return 0;
}

void save_message(const char *dir, const char *queue_id, const struct body *body)
{
	struct buf path, text;
	struct err err;
	buf_init(&path, 4096);
	buf_init(&text, body->kept.len + 1);
	buf_appendf(&path, "%s/%s.eml", dir, queue_id);
	body_unstuff(body, &text);
	int fd = open(path.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || write_all(fd, buf_str(&text)) != 0) {
		err_errno(&err, errno, "cannot write %s", path.data);
		log_error_event(LOG_ERROR, "save_failed", &err);
	}
	if (fd >= 0)
		close(fd);
	buf_done(&path);
	buf_done(&text);
}
