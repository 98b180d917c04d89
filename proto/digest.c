/* SPDX-License-Identifier: MIT */
/* SHA-256 by nettle; the only file that knows which library it is. */
#include "proto/digest.h"

#include <nettle/sha2.h>

void tyto_digest_hex(const void *bytes, size_t num_bytes, char ret_hex[TYTO_DIGEST_HEX_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    struct sha256_ctx ctx;
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_init(&ctx);
    sha256_update(&ctx, num_bytes, bytes);
    sha256_digest(&ctx, sizeof(digest), digest);
    for (unsigned i = 0; i < SHA256_DIGEST_SIZE; i++) {
        ret_hex[2 * i] = digits[digest[i] >> 4];
        ret_hex[2 * i + 1] = digits[digest[i] & 15];
    }
    ret_hex[2 * SHA256_DIGEST_SIZE] = '\0';
}
