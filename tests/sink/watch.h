/* SPDX-License-Identifier: MIT */
/* What an epoll event is about: the first member of everything that waits for one. */
#ifndef EDM_TESTS_SINK_WATCH_H
#define EDM_TESTS_SINK_WATCH_H

enum watch_kind { WATCH_LISTENER, WATCH_SIGNALS, WATCH_CONN };

struct watch {
	enum watch_kind kind;
};

#endif
