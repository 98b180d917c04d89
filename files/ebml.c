/* SPDX-License-Identifier: MIT */
#include "files/ebml.h"

static uint64_t big_endian(const uint8_t *at, uint32_t num_bytes)
{
    uint64_t value = 0;
    for (uint32_t i = 0; i < num_bytes; i++)
        value = value << 8 | at[i];
    return value;
}

/* The zeros at the first byte's begin say how many follow. */
static uint32_t length_of(uint8_t first)
{
    return (uint32_t)__builtin_clz((uint32_t)first << 24) + 1;
}

uint32_t tyto_ebml_read(const uint8_t *bytes, size_t num_bytes, struct tyto_ebml *ret_element)
{
    if (num_bytes < 2 || bytes[0] < 0x10)
        return 0;
    const uint32_t num_id = length_of(bytes[0]);
    if (num_id >= num_bytes || bytes[num_id] == 0)
        return 0;
    const uint32_t num_size = length_of(bytes[num_id]);
    const uint64_t mask = (1ull << (7 * num_size)) - 1;
    if (num_id + num_size > num_bytes)
        return 0;
    const uint64_t size = big_endian(bytes + num_id, num_size) & mask;
    *ret_element = (struct tyto_ebml){big_endian(bytes, num_id), size == mask ? UINT64_MAX : size};
    return num_id + num_size;
}
