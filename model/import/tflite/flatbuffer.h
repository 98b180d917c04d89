/* SPDX-License-Identifier: MIT */
/* Reads a flatbuffer without trusting it. Every access is checked against the
 * size; one that falls outside gives zeros and sets `bad`, which the caller looks
 * at before it believes anything. Offsets are from the start; 0 means absent. */
#ifndef TYTO_MODEL_IMPORT_TFLITE_FLATBUFFER_H
#define TYTO_MODEL_IMPORT_TFLITE_FLATBUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tyto_flat {
    const uint8_t *bytes;
    size_t num_bytes;
    bool bad;
};

struct tyto_flat_vector {
    uint64_t at; /* of the first element */
    uint32_t num;
};

uint8_t tyto_flat_u8(struct tyto_flat *flat, uint64_t at);
uint32_t tyto_flat_u32(struct tyto_flat *flat, uint64_t at);
int32_t tyto_flat_i32(struct tyto_flat *flat, uint64_t at);
int64_t tyto_flat_i64(struct tyto_flat *flat, uint64_t at);
float tyto_flat_f32(struct tyto_flat *flat, uint64_t at);

/* Where field idx of a table lies; 0 when the table does not have it. */
uint64_t tyto_flat_field(struct tyto_flat *flat, uint64_t table, uint32_t idx);
/* Follows the offset stored at `at` (a table or vector); 0 for 0. */
uint64_t tyto_flat_follow(struct tyto_flat *flat, uint64_t at);
/* The vector in field idx; num elements of elem_bytes lie inside the buffer. Empty when absent. */
struct tyto_flat_vector tyto_flat_vector(struct tyto_flat *flat, uint64_t table, uint32_t idx,
                                         uint32_t elem_bytes);

/* Scalar fields with their default. */
uint8_t tyto_flat_field_u8(struct tyto_flat *flat, uint64_t table, uint32_t idx, uint8_t missing);
int32_t tyto_flat_field_i32(struct tyto_flat *flat, uint64_t table, uint32_t idx, int32_t missing);
float tyto_flat_field_f32(struct tyto_flat *flat, uint64_t table, uint32_t idx, float missing);

#endif
