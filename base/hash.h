/* SPDX-License-Identifier: MIT */
/* FNV-1a of 64 bits: tells changed or damaged bytes from others; no protection against anybody who
 * wants two things to look alike (files/digest.h is that). */
#ifndef TYTO_BASE_HASH_H
#define TYTO_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* Of no bytes. */
#define TYTO_HASH_INIT UINT64_C(0xcbf29ce484222325)

/* The hash of what hash is of, and these bytes behind it. */
static inline uint64_t tyto_hash(uint64_t hash, const void *bytes, size_t num_bytes)
{
    for (size_t i = 0; i < num_bytes; i++)
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
    return hash;
}

#endif
