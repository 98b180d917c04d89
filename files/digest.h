/* SPDX-License-Identifier: MIT */
/* SHA-256, the name by which weights files are told apart; and HMAC by it, which signs messages. */
#ifndef TYTO_FILES_DIGEST_H
#define TYTO_FILES_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { TYTO_DIGEST_HEX_BYTES = 65 }; /* 64 digits and the terminator */

enum { TYTO_DIGEST_BYTES = 32 };

/* SHA-256 of num_bytes at bytes. */
void tyto_digest_bytes(const void *bytes, size_t num_bytes, uint8_t ret_digest[TYTO_DIGEST_BYTES]);
/* Hex SHA-256 of num_bytes at bytes, terminated. */
void tyto_digest_hex(const void *bytes, size_t num_bytes, char ret_hex[TYTO_DIGEST_HEX_BYTES]);

/* The same of all that fd gives from where it stands to its end. should_stop (NULL: never) is asked
 * every few megabytes. IO, NOMEM, CLOSED when stopped. */
TYTO_MUST_CHECK
enum tyto_err tyto_digest_fd(int fd, bool (*should_stop)(void *user), void *user,
                             char ret_hex[TYTO_DIGEST_HEX_BYTES]);

struct tyto_digest_part {
    const void *bytes;
    size_t num_bytes;
};

/* Hex HMAC-SHA256 by a key of any length over the parts, one behind the other (RFC 2104). */
void tyto_digest_hmac_hex(const void *key, size_t key_bytes, const struct tyto_digest_part *parts,
                          size_t num_parts, char ret_hex[TYTO_DIGEST_HEX_BYTES]);

#endif
