/* SPDX-License-Identifier: MIT */
/*
 * Points where a crash is tried: `kill -9` between two steps that reach beyond the process.
 *
 * crash_point(CRASH_DOT) marks a place. In a build with EDM_CRASH_POINTS (every preset but release)
 * and with EDM_CRASH_AT=dot:3 in its environment the process kills itself the third time any thread
 * passes there. In any other build the mark is nothing. tests/crash goes through all of them.
 *
 * The marks of the socket, the journal and the database stand around every call that writes or
 * reads them, so that with a large number each of these calls is reached; the others name a moment
 * of the protocol. Any thread.
 */
#ifndef EDM_ENGINE_BASE_CRASH_H
#define EDM_ENGINE_BASE_CRASH_H

/* X(id, name): the next thing done is … (a verb), or … was just done (a participle or a noun). */
#define CRASH_POINTS(X)                                                                            \
	X(SOCKET_WRITE, "socket_write")                                                            \
	X(SOCKET_WRITTEN, "socket_written")                                                        \
	X(SOCKET_READ, "socket_read")                                                              \
	X(JOURNAL_WRITE, "journal_write")                                                          \
	X(JOURNAL_WRITTEN, "journal_written")                                                      \
	X(DATABASE_WRITE, "database_write")                                                        \
	X(DATABASE_WRITTEN, "database_written")                                                    \
	X(DATABASE_READ, "database_read")                                                          \
	/* A node starts: leases of the process before it are settled, it registers. */            \
	X(RECOVERY_FLUSHED, "recovery_flushed")                                                    \
	X(REGISTERED, "registered")                                                                \
	X(SEGMENT_DISCARDED, "segment_discarded")                                                  \
	X(SEGMENT_MADE, "segment_made") /* the file is there, and empty */                         \
	X(SEGMENT_STARTED, "segment_started")                                                      \
	/* It gets work. */                                                                        \
	X(CLAIM_SENT, "claim_sent")                                                                \
	X(CLAIM_ANSWERED, "claim_answered")                                                        \
	X(CHUNKS_READ, "chunks_read")                                                              \
	X(CREDIT, "credit") /* the database has it, its worker not yet */                          \
	/* It sends: before the words leave; and once the terminator has left. */                  \
	X(CONNECT, "connect")                                                                      \
	X(CONNECTED, "connected")                                                                  \
	X(MAIL, "mail")                                                                            \
	X(RCPT, "rcpt")                                                                            \
	X(BODY, "body")                                                                            \
	X(DOT, "dot")                                                                              \
	X(DOT_SENT, "dot_sent")                                                                    \
	X(REPLY_READ, "reply_read")                                                                \
	/* It tells the database. */                                                               \
	X(FLUSH_SENT, "flush_sent")                                                                \
	X(FLUSH_ACKNOWLEDGED, "flush_acknowledged")                                                \
	X(TRIM, "trim")                                                                            \
	X(TRIMMED, "trimmed")                                                                      \
	/* It stops in good order. */                                                              \
	X(LEAVE, "leave")                                                                          \
	X(LEFT, "left")

enum crash_point {
#define X(id, name) CRASH_##id,
	CRASH_POINTS(X)
#undef X
};

#ifdef EDM_CRASH_POINTS
#define crash_point(point) crash_pass(point)
#else
#define crash_point(point) ((void)0)
#endif

/* Call it through crash_point(). An EDM_CRASH_AT that cannot be read is a broken invariant. */
void crash_pass(enum crash_point point);

#endif
