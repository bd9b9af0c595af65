/* SPDX-License-Identifier: MIT */
/*
 * A non-blocking descriptor under uv_poll, with OpenSSL on top when asked; see stream.h. OpenSSL
 * reads straight from the descriptor and writes into `cipher`, so that many records leave in one
 * system call.
 */
#include "engine/net/stream.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "engine/base/buf.h"
#include "engine/base/crash.h"
#include "engine/net/net_private.h"
#include "engine/net/tls_private.h"

/* Slices of one system call. */
#define SLICES_MAX 64u
/* What one wake-up may read before others have their turn. */
#define READS_A_TURN 4u
/* A host that says so much at once through TLS talks no SMTP. */
#define TLS_FLOOD_OCTETS (1u << 20)
#define TLS_FLOOD_RECORDS 4096u
/* An emptied buffer larger than this is given back. */
#define CIPHER_KEEP 32768u

enum phase {
	PHASE_DIALLING,
	PHASE_OPEN,
	PHASE_ENDED, /* on_ended or on_refused was called */
	PHASE_CLOSED,
};

struct stream {
	struct net *net;
	const struct stream_events *events;
	void *owner;
	uv_poll_t poll;
	int fd;
	int mask; /* what poll waits for */
	enum phase phase;
	bool wants_write;     /* on_writable is owed */
	bool is_write_broken; /* a write failed; what is left to read comes first */
	bool has_eof;
	int code; /* errno of the first error met */
	/* TLS: */
	SSL *ssl;
	struct tls_peer peer;
	char *host_name;
	bool is_shaking;
	struct list step;  /* in net->shaking while it waits for a step */
	struct buf cipher; /* encrypted, not yet taken by the kernel */
};

static void on_poll(uv_poll_t *poll, int status, int events);
static void readable(struct stream *s);
static void writable(struct stream *s);
static void shake(struct stream *s);

/* --- the poll --- */

static void update_mask(struct stream *s)
{
	bool blocked = s->wants_write || s->cipher.len > 0;
	int mask = s->phase == PHASE_DIALLING ? UV_WRITABLE : UV_READABLE;
	if (blocked && !s->is_write_broken)
		mask |= UV_WRITABLE;
	if (s->phase > PHASE_OPEN || mask == s->mask)
		return;
	s->mask = mask;
	must(uv_poll_start(&s->poll, mask, on_poll) == 0);
}

static void stop(struct stream *s, enum phase phase)
{
	s->phase = phase;
	uv_poll_stop(&s->poll);
	list_remove(&s->step);
}

static void end(struct stream *s, enum outcome_words words, const char *text)
{
	stop(s, PHASE_ENDED);
	s->events->on_ended(s->owner, words, str_from(text));
}

/* The peer is gone; a write error before tells more than the end of file after it. */
static void end_tcp(struct stream *s)
{
	end(s, OUTCOME_WORDS_TCP,
	    s->code != 0 ? strerrordesc_np(s->code) : "connection closed by the host");
}

static void note_error(struct stream *s, int code)
{
	if (s->code == 0)
		s->code = code;
}

/* --- opening --- */

struct stream *stream_open(struct net *n, const struct dial_ends *ends,
			   const struct stream_events *events, void *owner,
			   struct dial_failure *failure_out)
{
	crash_point(CRASH_CONNECT);
	int fd = dial_start(ends, failure_out);
	if (fd < 0)
		return NULL;
	struct stream *s = xcalloc(1, sizeof(*s));
	s->net = n;
	s->events = events;
	s->owner = owner;
	s->fd = fd;
	s->poll.data = s;
	list_init(&s->step);
	buf_init(&s->cipher, 2 * (size_t)STREAM_CIPHER_MAX);
	must(uv_poll_init(loop_uv(n->loop), &s->poll, fd) == 0);
	update_mask(s);
	return s;
}

static void finish_dial(struct stream *s)
{
	struct dial_failure failure;
	if (dial_finish(s->fd, &failure) != 0) {
		stop(s, PHASE_ENDED);
		s->events->on_refused(s->owner, &failure);
		return;
	}
	crash_point(CRASH_CONNECTED);
	s->phase = PHASE_OPEN;
	update_mask(s);
	s->events->on_connected(s->owner);
}

/* On an error condition libuv stops the poll and gives a status: read what is left, then end. */
static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct stream *s = poll->data;
	loop_refresh_ms(s->net->loop);
	if (s->phase == PHASE_DIALLING) {
		finish_dial(s);
		return;
	}
	if ((events & UV_READABLE) || status < 0)
		readable(s);
	if (s->phase == PHASE_OPEN && (events & UV_WRITABLE))
		writable(s);
	if (s->phase == PHASE_OPEN && status < 0)
		end_tcp(s);
}

/* --- reading --- */

static void read_clear(struct stream *s)
{
	for (unsigned i = 0; i < READS_A_TURN; i++) {
		ssize_t n = recv(s->fd, s->net->scratch, sizeof(s->net->scratch), 0);
		crash_point(CRASH_SOCKET_READ);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			note_error(s, n < 0 ? errno : 0);
			end_tcp(s);
			return;
		}
		s->events->on_bytes(s->owner, str_of(s->net->scratch, (size_t)n));
		if (s->phase != PHASE_OPEN || (size_t)n < sizeof(s->net->scratch))
			return;
	}
}

static void end_tls(struct stream *s)
{
	char reason[256];
	tls_reason(s->ssl, reason, sizeof(reason));
	end(s, OUTCOME_WORDS_TLS, reason);
}

/* result is what an SSL function returned, ≤ 0. */
static void on_tls_result(struct stream *s, int result)
{
	switch (SSL_get_error(s->ssl, result)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		break;
	case SSL_ERROR_SSL:
		end_tls(s);
		break;
	default:
		end_tcp(s);
	}
}

/* Octets may wait inside OpenSSL, where poll does not see them: all are read. */
static void read_tls(struct stream *s)
{
	size_t total = 0;
	unsigned records = 0;
	int n;
	do {
		ERR_clear_error();
		n = SSL_read(s->ssl, s->net->scratch, (int)sizeof(s->net->scratch));
		if (n <= 0)
			break;
		total += (size_t)n;
		s->events->on_bytes(s->owner, str_of(s->net->scratch, (size_t)n));
		if (s->phase != PHASE_OPEN)
			return;
		if (total > TLS_FLOOD_OCTETS || ++records > TLS_FLOOD_RECORDS) {
			end(s, OUTCOME_WORDS_TLS, "the host does not stop talking");
			return;
		}
	} while (SSL_has_pending(s->ssl));
	if (n <= 0)
		on_tls_result(s, n);
}

static void readable(struct stream *s)
{
	if (s->is_shaking)
		shake(s);
	else if (s->ssl != NULL)
		read_tls(s);
	else
		read_clear(s);
	if (s->phase == PHASE_OPEN && s->cipher.len > 0)
		writable(s);
}

/* --- writing --- */

/* What has come in is still read, then there is an end of file, whatever the error was. */
static void break_write(struct stream *s, int code)
{
	note_error(s, code);
	s->is_write_broken = true;
	shutdown(s->fd, SHUT_RD);
}

/* Hands encrypted octets to the kernel. */
static void flush_cipher(struct stream *s)
{
	size_t sent = 0;
	while (sent < s->cipher.len && !s->is_write_broken) {
		crash_point(CRASH_SOCKET_WRITE);
		ssize_t n = send(s->fd, s->cipher.data + sent, s->cipher.len - sent, MSG_NOSIGNAL);
		crash_point(CRASH_SOCKET_WRITTEN);
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0 && errno != EINTR)
			break_write(s, errno);
		sent += n > 0 ? (size_t)n : 0;
	}
	buf_consume(&s->cipher, sent);
	if (s->cipher.len == 0 && s->cipher.cap > CIPHER_KEEP) {
		buf_done(&s->cipher);
		buf_init(&s->cipher, 2 * (size_t)STREAM_CIPHER_MAX);
	}
}

static void writable(struct stream *s)
{
	flush_cipher(s);
	bool is_owed = s->wants_write && s->cipher.len == 0 && !s->is_shaking;
	if (is_owed)
		s->wants_write = false;
	update_mask(s);
	if (is_owed)
		s->events->on_writable(s->owner);
}

static size_t write_clear(struct stream *s, const struct str *slices, size_t count)
{
	struct iovec iov[SLICES_MAX];
	struct msghdr message = {.msg_iov = iov};
	for (size_t i = 0; i < count && i < SLICES_MAX; i++) {
		iov[i].iov_base = (void *)(uintptr_t)slices[i].ptr;
		iov[i].iov_len = slices[i].len;
		message.msg_iovlen++;
	}
	crash_point(CRASH_SOCKET_WRITE);
	ssize_t n = sendmsg(s->fd, &message, MSG_NOSIGNAL);
	crash_point(CRASH_SOCKET_WRITTEN);
	if (n >= 0)
		return (size_t)n;
	if (errno != EAGAIN && errno != EINTR)
		break_write(s, errno);
	return 0;
}

/* Copies octets from..(from + NET_RECORD_SIZE) of the slices' total into the net's record. */
static size_t gather(struct net *n, const struct str *slices, size_t count, size_t from)
{
	size_t filled = 0;
	for (size_t i = 0; i < count && filled < NET_RECORD_SIZE; i++) {
		struct str part = str_slice(slices[i], from, slices[i].len);
		from -= slices[i].len - part.len;
		part = str_slice(part, 0, NET_RECORD_SIZE - filled);
		if (part.len > 0)
			memcpy(n->record + filled, part.ptr, part.len);
		filled += part.len;
	}
	return filled;
}

static size_t write_tls(struct stream *s, const struct str *slices, size_t count)
{
	size_t taken = 0;
	while (s->cipher.len < STREAM_CIPHER_MAX) {
		size_t size = gather(s->net, slices, count, taken);
		if (size == 0)
			break;
		ERR_clear_error();
		int n = SSL_write(s->ssl, s->net->record, (int)size);
		if (n <= 0) {
			break_write(s, EPROTO);
			break;
		}
		taken += (size_t)n;
	}
	flush_cipher(s);
	return taken;
}

size_t stream_write(struct stream *s, const struct str *slices, size_t count)
{
	size_t total = 0, taken = 0;
	if (s->phase != PHASE_OPEN)
		return 0;
	for (size_t i = 0; i < count; i++)
		total += slices[i].len;
	if (!s->is_write_broken && !s->is_shaking)
		taken = s->ssl != NULL ? write_tls(s, slices, count)
				       : write_clear(s, slices, count);
	s->wants_write = taken < total;
	update_mask(s);
	return taken;
}

void stream_shutdown(struct stream *s)
{
	if (s->phase != PHASE_OPEN)
		return;
	if (s->ssl != NULL && !s->is_shaking) {
		ERR_clear_error();
		SSL_shutdown(s->ssl);
		flush_cipher(s);
	}
	s->wants_write = false;
	s->is_write_broken = true;
	buf_clear(&s->cipher);
	shutdown(s->fd, SHUT_WR);
	update_mask(s);
}

/* --- TLS --- */

static int bio_read(BIO *bio, char *out, int size)
{
	struct stream *s = BIO_get_data(bio);
	ssize_t n = recv(s->fd, out, (size_t)size, 0);
	crash_point(CRASH_SOCKET_READ);
	BIO_clear_retry_flags(bio);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		BIO_set_retry_read(bio);
	else if (n < 0)
		note_error(s, errno);
	s->has_eof |= n == 0;
	return (int)n;
}

/* A peer that makes OpenSSL answer but reads nothing fills `cipher`: then it must wait. */
static int bio_write(BIO *bio, const char *in, int size)
{
	struct stream *s = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	if (s->cipher.len + (size_t)size > s->cipher.max) {
		BIO_set_retry_write(bio);
		return -1;
	}
	buf_append(&s->cipher, in, (size_t)size);
	return size;
}

static long bio_ctrl(BIO *bio, int what, long number, void *pointer)
{
	const struct stream *s = BIO_get_data(bio);
	(void)number;
	(void)pointer;
	if (what == BIO_CTRL_EOF)
		return s->has_eof;
	return what == BIO_CTRL_FLUSH;
}

BIO_METHOD *stream_bio_new(void)
{
	BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "stream");
	must(method != NULL);
	BIO_meth_set_read(method, bio_read);
	BIO_meth_set_write(method, bio_write);
	BIO_meth_set_ctrl(method, bio_ctrl);
	return method;
}

void stream_start_tls(struct stream *s, struct tls_context *context, enum tls_mode mode,
		      const char *host_name, const char *key)
{
	must(s->phase == PHASE_OPEN && s->ssl == NULL);
	s->host_name = host_name != NULL ? xstrdup(host_name) : NULL;
	s->peer = (struct tls_peer){context, s->host_name, xstrdup(key)};
	s->ssl = tls_start(&s->peer, mode);
	if (s->ssl == NULL) {
		end(s, OUTCOME_WORDS_TLS, "no usable host name to verify");
		return;
	}
	BIO *bio = BIO_new(s->net->bio);
	must(bio != NULL);
	BIO_set_data(bio, s);
	BIO_set_init(bio, 1);
	SSL_set_bio(s->ssl, bio, bio);
	s->is_shaking = true;
	shake(s);
}

static void shake_now(struct stream *s)
{
	ERR_clear_error();
	int result = SSL_do_handshake(s->ssl);
	flush_cipher(s);
	update_mask(s);
	if (result <= 0) {
		on_tls_result(s, result);
		return;
	}
	s->is_shaking = false;
	s->events->on_secure(s->owner);
	if (s->phase == PHASE_OPEN && SSL_has_pending(s->ssl))
		read_tls(s);
}

static void shake(struct stream *s)
{
	if (list_is_empty(&s->step) && net_take_step(s->net))
		shake_now(s);
	else
		net_wait_for_step(s->net, &s->step);
}

void stream_on_step(struct list *node)
{
	struct stream *s = LIST_ITEM(node, struct stream, step);
	must(net_take_step(s->net));
	shake_now(s);
}

const char *stream_tls_version(const struct stream *s)
{
	return s->ssl != NULL && !s->is_shaking ? SSL_get_version(s->ssl) : "";
}

const char *stream_tls_cipher(const struct stream *s)
{
	return s->ssl != NULL && !s->is_shaking ? SSL_get_cipher_name(s->ssl) : "";
}

bool stream_is_verified(const struct stream *s)
{
	return s->ssl != NULL && !s->is_shaking && s->host_name != NULL &&
	       SSL_get_verify_result(s->ssl) == X509_V_OK;
}

bool stream_is_resumed(const struct stream *s)
{
	return s->ssl != NULL && !s->is_shaking && SSL_session_reused(s->ssl);
}

/* --- closing --- */

static void on_poll_closed(uv_handle_t *handle)
{
	struct stream *s = handle->data;
	/* Else OpenSSL takes the session for spoilt, and the cache could not resume it. */
	if (s->ssl != NULL && !s->is_shaking)
		SSL_set_shutdown(s->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(s->ssl);
	free(s->host_name);
	free(s->peer.key);
	buf_done(&s->cipher);
	free(s);
}

void stream_close(struct stream *s)
{
	if (s == NULL || s->phase == PHASE_CLOSED)
		return;
	stop(s, PHASE_CLOSED);
	uv_close((uv_handle_t *)&s->poll, on_poll_closed);
	close(s->fd);
}
