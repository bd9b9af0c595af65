/* SPDX-License-Identifier: MIT */
/*
 * A session: one SMTP connection, from connect() to the peer's end of it. It joins a dialog
 * (engine/smtp/dialog.h, which defines envelopes, outcomes and the ambiguity rule) to a socket, TLS
 * and timers. One owner; everything happens on the loop's thread.
 *
 * Life: session_open → on_ready → (session_send → [on_room] → on_wants_commit → session_commit →
 * on_outcome → on_ready) … → session_quit → on_closed. on_closed is the last callback: the session
 * frees itself afterwards and the pointer is dead. session_close ends it at once, without
 * callbacks. No callback runs before the call that caused it has returned; any function here may
 * be called from within any callback.
 *
 * A connection counts from session_open until on_closed (end of file or reset read from the peer,
 * or close_ms after our end). Between the end of the conversation and on_closed, session_can_send
 * is false.
 *
 * Commit: on_wants_commit says that the envelope tagged so is complete but for its terminator;
 * nothing more leaves until session_commit, which writes at once. If the kernel does not take the
 * terminator then, the commit lapses and on_wants_commit comes again for the same tag: log the
 * intent and commit again. With TLS the octet counts as handed over when it is encrypted.
 */
#ifndef EDM_ENGINE_NET_SESSION_H
#define EDM_ENGINE_NET_SESSION_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "engine/net/net.h"
#include "engine/net/tls.h"
#include "engine/smtp/dialog.h"

struct session;

/* Where to and how. Copied by session_open, strings included; tls_context is shared. */
struct session_target {
	struct sockaddr_storage address; /* to dial, port included */
	struct sockaddr_storage source;	 /* to bind, port 0; AF_UNSPEC = any */
	const char *host_name;		 /* of the MX or route: SNI, certificate; NULL = none */
	const char *ehlo_name;		 /* ours */
	enum tls_mode tls;		 /* NONE also for the retry after tls_failed */
	struct tls_context *tls_context; /* NULL only with TLS_NONE */
	const char *user;		 /* AUTH when not NULL */
	const char *password;
	bool may_auth_in_clear; /* else AUTH only inside TLS */
	bool may_pipeline;
	bool may_overlap;
	const struct smtp_timeouts *timeouts; /* NULL = smtp_timeouts_default */
};

struct session_facts {
	struct dialog_facts dialog; /* greeted, overlapped, tls_failed, extensions, counts */
	const char *tls_version;    /* "TLSv1.3"; "" = plain */
	const char *tls_cipher;	    /* OpenSSL's name; "" = plain */
	bool tls_verified;	    /* the certificate is valid for host_name */
	bool tls_resumed;
	char remote_ip[INET6_ADDRSTRLEN]; /* numeric address dialled */
	int dial_errno;	      /* why connecting failed, or 0; with words LOCAL (bind, socket:
				   ours) or TCP (theirs) */
	int64_t opened_at_ms; /* loop time of connect(); 0 below = not reached */
	int64_t connected_at_ms;
	int64_t ready_at_ms;	   /* first on_ready */
	int64_t peer_closed_at_ms; /* end of file or reset read */
};

struct session_events {
	/* Idle: the greeting is done, or a transaction is settled. May send. */
	void (*on_ready)(void *owner, struct session *s);
	/* The body under way is in hand: another envelope may ride along, now or until its outcome
	 * while session_can_send says so. NULL = never. */
	void (*on_room)(void *owner, struct session *s);
	/* Then session_commit or session_abort, now or later. */
	void (*on_wants_commit)(void *owner, struct session *s, void *tag);
	/* Exactly one for each envelope taken; text is valid during the call. */
	void (*on_outcome)(void *owner, struct session *s, void *tag, const struct outcome *o);
	/* Gone. why: LOCAL at stage QUIT after session_quit; else who ended it and where. */
	void (*on_closed)(void *owner, struct session *s, const struct outcome *why);
};

/* Begins to connect; never fails at once: what is wrong comes with on_closed. */
struct session *session_open(struct net *n, const struct session_target *target,
			     const struct session_events *events, void *owner);
/* Idle, or room to ride along? */
bool session_can_send(const struct session *s);
/* Takes the envelope (copied; what it points to must live until the outcome) if session_can_send;
 * false and nothing else if not. */
bool session_send(struct session *s, const struct envelope *envelope) NODISCARD;
/* Lets the terminator go and writes; false if none waits (the connection was lost meanwhile). */
bool session_commit(struct session *s);
/* Has all that was said been handed over? After a commit the body is then not needed any more. */
bool session_is_written(const struct session *s);
/* Gives up what is under way: closes the connection without the terminator. Outcomes (LOCAL, if
 * the terminator had not left) and on_closed follow. */
void session_abort(struct session *s);
/* QUIT once nothing is under way; on_closed follows. */
void session_quit(struct session *s);
/* At once: no more callbacks, also no outcomes; frees later. NULL is fine. */
void session_close(struct session *s);
/* Valid until on_closed has returned. */
struct session_facts session_facts(const struct session *s);

#endif
