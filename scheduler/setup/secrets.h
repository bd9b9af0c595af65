/* SPDX-License-Identifier: MIT */
/*
 * What must not be readable in the database: DKIM keys and passwords of routes are sealed with
 * AES-256-GCM under the node's key file (data directory, node.key, 0600), which is made when first
 * needed. Every node that signs for the same installation needs a copy of that file.
 *
 * Sealed form: version 1, 12 bytes of nonce, ciphertext, 16 bytes of tag. Blocking file access in
 * load only; sealing and opening are pure; any thread may open with a loaded key.
 */
#ifndef EDM_SCHEDULER_SETUP_SECRETS_H
#define EDM_SCHEDULER_SETUP_SECRETS_H

#include "engine/base/buf.h"
#include "engine/base/err.h"

struct secrets {
	unsigned char key[32];
};

/* Reads data_dir/node.key, or makes it when create. Refuses a file that others may read. */
int secrets_load(const char *data_dir, bool create, struct secrets *out, struct err *err) NODISCARD;
void secrets_wipe(struct secrets *s);
/* Appends the sealed form of plain. */
int secrets_seal(const struct secrets *s, struct str plain, struct buf *out,
		 struct err *err) NODISCARD;
/* Appends the plain bytes; ERR_CRYPTO when it was sealed under another key or changed since. */
int secrets_open(const struct secrets *s, struct str sealed, struct buf *out,
		 struct err *err) NODISCARD;

/* Appends the first line of the file at path ("-": of standard input), for a password: not empty,
 * at most out's maximum. */
int secrets_read_line(const char *path, struct buf *out, struct err *err) NODISCARD;
/* Wipes the bytes and ends the buffer. */
void secrets_forget(struct buf *plain);

#endif
