/* SPDX-License-Identifier: MIT */
/* SHA-256, the name by which weights files are told apart. */
#ifndef TYTO_PROTO_DIGEST_H
#define TYTO_PROTO_DIGEST_H

#include <stddef.h>

enum { TYTO_DIGEST_HEX_BYTES = 65 }; /* 64 digits and the terminator */

/* Hex SHA-256 of num_bytes at bytes, terminated. */
void tyto_digest_hex(const void *bytes, size_t num_bytes, char ret_hex[TYTO_DIGEST_HEX_BYTES]);

#endif
