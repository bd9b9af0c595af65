/* SPDX-License-Identifier: MIT */
/*
 * A stream: one outgoing TCP connection as bytes in and bytes out, in clear or through TLS. It
 * decides nothing and buffers next to nothing: what is read is handed on at once, and what the
 * kernel does not take stays with the caller (with TLS at most STREAM_CIPHER_MAX encrypted octets
 * wait here). After a write error what the peer still said is read before the failure is told.
 * For the session only; the loop's thread.
 */
#ifndef EDM_ENGINE_NET_STREAM_H
#define EDM_ENGINE_NET_STREAM_H

#include <openssl/bio.h>
#include <sys/socket.h>

#include "engine/net/dial.h"
#include "engine/net/net.h"
#include "engine/net/tls.h"
#include "engine/smtp/dialog.h"

#define STREAM_CIPHER_MAX 65536u

struct stream;

struct stream_events {
	void (*on_connected)(void *owner);
	/* The connection could not be made; nothing else follows. */
	void (*on_refused)(void *owner, const struct dial_failure *failure);
	void (*on_secure)(void *owner); /* the handshake is done */
	/* Valid during the call. */
	void (*on_bytes)(void *owner, struct str bytes);
	/* stream_write will take something again. */
	void (*on_writable)(void *owner);
	/* End of file, reset, a TLS failure: nothing more is read; nothing else follows. */
	void (*on_ended)(void *owner, enum outcome_words words, struct str text);
};

/* Begins to connect, or NULL and the failure. events must outlive the stream. */
struct stream *stream_open(struct net *n, const struct dial_ends *ends,
			   const struct stream_events *events, void *owner,
			   struct dial_failure *failure_out);
/* Shakes hands, within the net's budget; then on_secure or on_ended. host_name may be NULL; key
 * names the peer in the resumption cache. */
void stream_start_tls(struct stream *s, struct tls_context *context, enum tls_mode mode,
		      const char *host_name, const char *key);
/* Takes as much of the slices as possible; returns the octets taken. If less than all, on_writable
 * follows (or on_ended, later: never from within). */
size_t stream_write(struct stream *s, const struct str *slices, size_t count);
/* No more is written: close_notify, end of file. Reading goes on. */
void stream_shutdown(struct stream *s);
/* No more callbacks; closes at once, frees later. NULL is fine. */
void stream_close(struct stream *s);

/* "" without TLS. */
const char *stream_tls_version(const struct stream *s);
const char *stream_tls_cipher(const struct stream *s);
bool stream_is_verified(const struct stream *s);
bool stream_is_resumed(const struct stream *s);
/* For net: the handshake of the stream with this node in the queue may take a step. */
void stream_on_step(struct list *node);
/* For net: the BIO of all its streams. */
BIO_METHOD *stream_bio_new(void);

#endif
