/* SPDX-License-Identifier: MIT */
/* AES-256-GCM under the node's key file; see secrets.h. */
#include "scheduler/setup/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/hash.h"

#define FORMAT 1
#define NONCE_LEN 12u
#define TAG_LEN 16u
#define OVERHEAD (1 + NONCE_LEN + TAG_LEN)

static int make_key(const char *path, struct secrets *out, struct err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(err, errno, "cannot create the key file %s", path);
	random_bytes(out->key, sizeof(out->key));
	bool is_written = write(fd, out->key, sizeof(out->key)) == (ssize_t)sizeof(out->key) &&
			  fsync(fd) == 0;
	int code = errno;
	close(fd);
	if (is_written)
		return 0;
	unlink(path);
	return err_errno(err, code, "cannot write the key file %s", path);
}

static int read_key(int fd, const char *path, struct secrets *out, struct err *err)
{
	struct stat st;
	if (fstat(fd, &st) != 0)
		return err_errno(err, errno, "cannot look at the key file %s", path);
	if ((st.st_mode & 077) != 0)
		return err_set(err, ERR_REFUSED,
			       "the key file %s can be read by others: chmod 600 it", path);
	if (read(fd, out->key, sizeof(out->key)) != (ssize_t)sizeof(out->key))
		return err_set(err, ERR_CONFIG,
			       "the key file %s is damaged: restore it from a copy", path);
	return 0;
}

int secrets_load(const char *data_dir, bool create, struct secrets *out, struct err *err)
{
	char path[4096];
	if ((size_t)snprintf(path, sizeof(path), "%s/node.key", data_dir) >= sizeof(path))
		return err_set(err, ERR_CONFIG, "the data directory's name is too long");
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && create)
		return make_key(path, out, err);
	if (fd < 0)
		return err_errno(err, errno, "cannot open the key file %s", path);
	int result = read_key(fd, path, out, err);
	close(fd);
	return result;
}

void secrets_wipe(struct secrets *s)
{
	explicit_bzero(s, sizeof(*s));
}

int secrets_seal(const struct secrets *s, struct str plain, struct buf *out, struct err *err)
{
	unsigned char nonce[NONCE_LEN];
	int len = 0;
	char *to = buf_reserve(out, plain.len + OVERHEAD);
	if (to == NULL)
		return err_set(err, ERR_INPUT, "the secret is too long");
	random_bytes(nonce, sizeof(nonce));
	to[0] = FORMAT;
	memcpy(to + 1, nonce, sizeof(nonce));
	unsigned char *body = (unsigned char *)to + 1 + NONCE_LEN;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	bool is_done =
		ctx != NULL &&
		EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, s->key, nonce) == 1 &&
		EVP_EncryptUpdate(ctx, body, &len, (const unsigned char *)plain.ptr,
				  (int)plain.len) == 1 &&
		EVP_EncryptFinal_ex(ctx, body + len, &len) == 1 &&
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_LEN, body + plain.len) == 1;
	EVP_CIPHER_CTX_free(ctx);
	if (!is_done)
		return err_set(err, ERR_CRYPTO, "the secret could not be sealed");
	buf_add(out, plain.len + OVERHEAD);
	return 0;
}

int secrets_open(const struct secrets *s, struct str sealed, struct buf *out, struct err *err)
{
	if (sealed.len < OVERHEAD || sealed.ptr[0] != FORMAT)
		return err_set(err, ERR_CRYPTO, "this is no sealed secret");
	const unsigned char *nonce = (const unsigned char *)sealed.ptr + 1;
	const unsigned char *body = nonce + NONCE_LEN;
	size_t len = sealed.len - OVERHEAD;
	unsigned char tag[TAG_LEN];
	int got = 0;
	memcpy(tag, body + len, sizeof(tag));
	unsigned char *to = (unsigned char *)buf_reserve(out, len);
	if (to == NULL)
		return err_set(err, ERR_CRYPTO, "the sealed secret is too long");
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	bool is_done = ctx != NULL &&
		       EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, s->key, nonce) == 1 &&
		       EVP_DecryptUpdate(ctx, to, &got, body, (int)len) == 1 &&
		       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_LEN, tag) == 1 &&
		       EVP_DecryptFinal_ex(ctx, to + got, &got) == 1;
	EVP_CIPHER_CTX_free(ctx);
	if (!is_done)
		return err_set(
			err, ERR_CRYPTO,
			"a secret does not open with this node's key file: copy node.key from "
			"the node that made it");
	buf_add(out, len);
	return 0;
}

int secrets_read_line(const char *path, struct buf *out, struct err *err)
{
	bool is_input = strcmp(path, "-") == 0;
	int fd = is_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, errno, "cannot open %s", path);
	char c = '\n';
	ssize_t got = 0;
	while (!out->is_truncated && (got = read(fd, &c, 1)) == 1 && c != '\n')
		buf_append_char(out, c);
	int code = errno;
	if (!is_input)
		close(fd);
	if (got < 0)
		return err_errno(err, code, "cannot read %s", path);
	if (out->len > 0 && out->data[out->len - 1] == '\r')
		out->len--;
	if (out->len == 0 || out->is_truncated)
		return err_set(err, ERR_INPUT, "the first line of %s is %s", path,
			       out->len == 0 ? "empty" : "too long");
	return 0;
}

void secrets_forget(struct buf *plain)
{
	if (plain->data != NULL)
		explicit_bzero(plain->data, plain->cap);
	buf_done(plain);
}
