/* SPDX-License-Identifier: MIT */
/* Tensors on disk: the safetensors format, as the Python package writes and
 * reads it. Every weights file of tyto (encoders, heads, checkpoints) is one.
 *
 * A file is mapped, checked completely (header size, JSON, duplicate names,
 * offsets contiguous and inside the file), and only then handed out; it is
 * written to a temporary name, synced and renamed, so that a reader sees the old
 * file or the new one. Do not truncate a file in place while it is open. */
#ifndef TYTO_FILES_SAFETENSORS_H
#define TYTO_FILES_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "files/digest.h"

enum {
    TYTO_WEIGHTS_MAX_DIMS = 8,
    TYTO_WEIGHTS_MAX_HEADER_BYTES = 4 << 20,
    TYTO_WEIGHTS_MAX_TENSORS = 16384,
};

/* X(NAME, "name in files", bytes of one element). F32 and F16 can be read as
 * numbers here; the others are listed and bounded, no more. */
#define TYTO_DTYPE_LIST(X)                                                                         \
    X(F64, "F64", 8)                                                                               \
    X(F32, "F32", 4)                                                                               \
    X(F16, "F16", 2)                                                                               \
    X(BF16, "BF16", 2)                                                                             \
    X(I64, "I64", 8)                                                                               \
    X(I32, "I32", 4)                                                                               \
    X(I16, "I16", 2)                                                                               \
    X(I8, "I8", 1)                                                                                 \
    X(U64, "U64", 8)                                                                               \
    X(U32, "U32", 4)                                                                               \
    X(U16, "U16", 2)                                                                               \
    X(U8, "U8", 1)                                                                                 \
    X(BOOL, "BOOL", 1)

enum tyto_dtype {
#define TYTO_DTYPE_ENTRY(name, text, bytes) TYTO_DTYPE_##name,
    TYTO_DTYPE_LIST(TYTO_DTYPE_ENTRY)
#undef TYTO_DTYPE_ENTRY
        TYTO_DTYPE_NUM
};

const char *tyto_dtype_name(enum tyto_dtype dtype); /* never NULL */
uint32_t tyto_dtype_bytes(enum tyto_dtype dtype);   /* 0 for what is no dtype */

struct tyto_tensor {
    const char *name;
    enum tyto_dtype dtype;
    uint32_t num_dims; /* 0: a scalar */
    uint64_t dims[TYTO_WEIGHTS_MAX_DIMS];
    uint64_t num_elems;
    uint64_t num_bytes;
    const void *data; /* row-major, little-endian; may be unaligned in a foreign file */
};

struct tyto_meta {
    const char *key;
    const char *value;
};

/* --- reading ------------------------------------------------------------------------ */

struct tyto_weights;

/* Everything below is borrowed from the weights until they are closed.
 * NOT_FOUND, IO, FORMAT (malformed), SHAPE (over a limit), NOMEM; *ret_fault says
 * which file and what. */
TYTO_MUST_CHECK
enum tyto_err tyto_weights_open(const char *path, struct tyto_weights **ret_weights,
                                struct tyto_fault *ret_fault);
/* The same from memory (tests, fuzzing); bytes are borrowed until close. */
TYTO_MUST_CHECK
enum tyto_err tyto_weights_open_memory(const void *bytes, size_t num_bytes,
                                       struct tyto_weights **ret_weights,
                                       struct tyto_fault *ret_fault);
void tyto_weights_close(struct tyto_weights **weights);

const char *tyto_weights_path(const struct tyto_weights *weights); /* "" from memory */
uint32_t tyto_weights_num_tensors(const struct tyto_weights *weights);
/* In the order of the file's data, one after the other in memory; NULL when idx is over the end. */
const struct tyto_tensor *tyto_weights_tensor(const struct tyto_weights *weights, uint32_t idx);
/* NULL when there is none of that name. */
const struct tyto_tensor *tyto_weights_find(const struct tyto_weights *weights, const char *name);

uint32_t tyto_weights_num_metas(const struct tyto_weights *weights);
const struct tyto_meta *tyto_weights_meta_at(const struct tyto_weights *weights, uint32_t idx);
/* The value of a metadata key, NULL when it is absent. */
const char *tyto_weights_meta(const struct tyto_weights *weights, const char *key);

/* Copies tensor `name` to ret_values as f32 (F16 is converted), after checking
 * that its shape is exactly dims (num_dims); values must all be finite.
 * NOT_FOUND, SHAPE, UNSUPPORTED (dtype), FORMAT (nan, inf): fault filled. */
TYTO_MUST_CHECK
enum tyto_err tyto_weights_read(const struct tyto_weights *weights, const char *name,
                                uint32_t num_dims, const uint64_t *dims, float *ret_values,
                                struct tyto_fault *ret_fault);

/* Hex SHA-256 of the whole file, computed at the call: keep it. */
void tyto_weights_digest(const struct tyto_weights *weights, char ret_hex[TYTO_DIGEST_HEX_BYTES]);

/* --- writing ------------------------------------------------------------------------ */

/* Writes tensors (num_elems and num_bytes are computed from dims) and metadata to
 * path, atomically. Tensors are ordered by element size, then by name, so that
 * each is aligned. EXISTS when a name or key comes twice, INVALID for an empty
 * name, SHAPE, IO, NOMEM; an old file at path is untouched then. */
TYTO_MUST_CHECK
enum tyto_err tyto_weights_write(const char *path, const struct tyto_tensor *tensors,
                                 uint32_t num_tensors, const struct tyto_meta *metas,
                                 uint32_t num_metas, struct tyto_fault *ret_fault);

/* Hex SHA-256 over "name dim,dim,...\n" of the tensors in the order of their names:
 * two files with the same layout fit the same network. dtypes do not count. */
TYTO_MUST_CHECK
enum tyto_err tyto_weights_layout(const struct tyto_tensor *tensors, uint32_t num_tensors,
                                  char ret_hex[TYTO_DIGEST_HEX_BYTES]);

#endif
