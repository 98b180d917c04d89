/* SPDX-License-Identifier: MIT */
/* SHA-256 by nettle; the only file that knows which library it is. */
#include "files/digest.h"

#include <errno.h>
#include <nettle/hmac.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <unistd.h>

enum { READ_BYTES = 4 << 20 };

static void put_hex(const uint8_t digest[SHA256_DIGEST_SIZE], char ret_hex[TYTO_DIGEST_HEX_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    for (unsigned i = 0; i < SHA256_DIGEST_SIZE; i++) {
        ret_hex[2 * i] = digits[digest[i] >> 4];
        ret_hex[2 * i + 1] = digits[digest[i] & 15];
    }
    ret_hex[2 * SHA256_DIGEST_SIZE] = '\0';
}

static void finish(struct sha256_ctx *ctx, char ret_hex[TYTO_DIGEST_HEX_BYTES])
{
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_digest(ctx, sizeof(digest), digest);
    put_hex(digest, ret_hex);
}

void tyto_digest_bytes(const void *bytes, size_t num_bytes, uint8_t ret_digest[TYTO_DIGEST_BYTES])
{
    struct sha256_ctx ctx;
    sha256_init(&ctx);
    sha256_update(&ctx, num_bytes, bytes);
    sha256_digest(&ctx, TYTO_DIGEST_BYTES, ret_digest);
}

void tyto_digest_hex(const void *bytes, size_t num_bytes, char ret_hex[TYTO_DIGEST_HEX_BYTES])
{
    struct sha256_ctx ctx;
    sha256_init(&ctx);
    sha256_update(&ctx, num_bytes, bytes);
    finish(&ctx, ret_hex);
}

enum tyto_err tyto_digest_fd(int fd, bool (*should_stop)(void *user), void *user,
                             char ret_hex[TYTO_DIGEST_HEX_BYTES])
{
    struct sha256_ctx ctx;
    uint8_t *bytes = malloc(READ_BYTES);
    if (!bytes)
        return TYTO_ERR_NOMEM;
    sha256_init(&ctx);
    enum tyto_err err = TYTO_OK;
    while (!err) {
        const ssize_t num = read(fd, bytes, READ_BYTES);
        if (num == 0)
            break;
        if (num < 0 && errno == EINTR)
            continue;
        if (num < 0)
            err = TYTO_ERR_IO;
        else
            sha256_update(&ctx, (size_t)num, bytes);
        if (should_stop && should_stop(user))
            err = TYTO_ERR_CLOSED;
    }
    free(bytes);
    if (!err)
        finish(&ctx, ret_hex);
    return err;
}

void tyto_digest_hmac_hex(const void *key, size_t key_bytes, const struct tyto_digest_part *parts,
                          size_t num_parts, char ret_hex[TYTO_DIGEST_HEX_BYTES])
{
    struct hmac_sha256_ctx ctx;
    uint8_t digest[SHA256_DIGEST_SIZE];
    hmac_sha256_set_key(&ctx, key_bytes, key);
    for (size_t i = 0; i < num_parts; i++)
        hmac_sha256_update(&ctx, parts[i].num_bytes, parts[i].bytes);
    hmac_sha256_digest(&ctx, sizeof(digest), digest);
    put_hex(digest, ret_hex);
}
