/* SPDX-License-Identifier: MIT */
#include "model/import/tflite/flatbuffer.h"

#include <string.h>

/* Little-endian bytes; zeros outside. */
static uint64_t load(struct tyto_flat *flat, uint64_t at, uint32_t num_bytes)
{
    uint64_t value = 0;
    if (at > flat->num_bytes || flat->num_bytes - at < num_bytes) {
        flat->bad = true;
        return 0;
    }
    for (uint32_t i = 0; i < num_bytes; i++)
        value |= (uint64_t)flat->bytes[at + i] << (8 * i);
    return value;
}

uint8_t tyto_flat_u8(struct tyto_flat *flat, uint64_t at)
{
    return (uint8_t)load(flat, at, 1);
}

uint32_t tyto_flat_u32(struct tyto_flat *flat, uint64_t at)
{
    return (uint32_t)load(flat, at, 4);
}

int32_t tyto_flat_i32(struct tyto_flat *flat, uint64_t at)
{
    return (int32_t)load(flat, at, 4);
}

int64_t tyto_flat_i64(struct tyto_flat *flat, uint64_t at)
{
    return (int64_t)load(flat, at, 8);
}

float tyto_flat_f32(struct tyto_flat *flat, uint64_t at)
{
    const uint32_t bits = tyto_flat_u32(flat, at);
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

uint64_t tyto_flat_field(struct tyto_flat *flat, uint64_t table, uint32_t idx)
{
    if (!table)
        return 0;
    const int64_t vtable = (int64_t)table - tyto_flat_i32(flat, table);
    if (flat->bad || vtable < 0) {
        flat->bad = true;
        return 0;
    }
    const uint32_t vtable_bytes = (uint32_t)load(flat, (uint64_t)vtable, 2);
    const uint32_t entry = 4 + 2 * idx;
    if (flat->bad || entry + 2 > vtable_bytes)
        return 0;
    const uint64_t offset = load(flat, (uint64_t)vtable + entry, 2);
    return offset ? table + offset : 0;
}

uint64_t tyto_flat_follow(struct tyto_flat *flat, uint64_t at)
{
    return at ? at + tyto_flat_u32(flat, at) : 0;
}

struct tyto_flat_vector tyto_flat_vector(struct tyto_flat *flat, uint64_t table, uint32_t idx,
                                         uint32_t elem_bytes)
{
    struct tyto_flat_vector vector = {0};
    const uint64_t at = tyto_flat_follow(flat, tyto_flat_field(flat, table, idx));
    if (!at)
        return vector;
    const uint32_t num = tyto_flat_u32(flat, at);
    if (flat->bad || (uint64_t)num * elem_bytes > flat->num_bytes - at - 4) {
        flat->bad = true;
        return vector;
    }
    vector.at = at + 4;
    vector.num = num;
    return vector;
}

uint8_t tyto_flat_field_u8(struct tyto_flat *flat, uint64_t table, uint32_t idx, uint8_t missing)
{
    const uint64_t at = tyto_flat_field(flat, table, idx);
    return at ? tyto_flat_u8(flat, at) : missing;
}

int32_t tyto_flat_field_i32(struct tyto_flat *flat, uint64_t table, uint32_t idx, int32_t missing)
{
    const uint64_t at = tyto_flat_field(flat, table, idx);
    return at ? tyto_flat_i32(flat, at) : missing;
}

float tyto_flat_field_f32(struct tyto_flat *flat, uint64_t table, uint32_t idx, float missing)
{
    const uint64_t at = tyto_flat_field(flat, table, idx);
    return at ? tyto_flat_f32(flat, at) : missing;
}
