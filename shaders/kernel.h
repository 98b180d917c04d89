/* SPDX-License-Identifier: MIT */
/* What the small ops share: one subgroup per group, and buffers that must be
 * large enough before anything is recorded. */
#ifndef TYTO_SHADERS_KERNEL_H
#define TYTO_SHADERS_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/err.h"
#include "shaders/runtime/gpu.h"

struct tyto_lane_kernel_params {
    const char *name;
    const uint32_t *spirv;
    size_t spirv_bytes;
    const enum tyto_bind_kind *binds;
    uint32_t num_binds;
    uint32_t push_bytes;
    uint32_t tile; /* specialization constant 1; 0: the kernel has none */
};

/* A kernel whose specialization constant 0 (LANES) is the device's subgroup size,
 * which is also its group size. Errors as tyto_kernel_create(). */
TYTO_MUST_CHECK
enum tyto_err tyto_lane_kernel_create(struct tyto_gpu *gpu,
                                      const struct tyto_lane_kernel_params *params,
                                      struct tyto_kernel **ret_kernel);

/* An op that is one such kernel. */
struct tyto_kernel_op {
    struct tyto_kernel *kernel; /* owned */
    uint32_t lanes, max_groups_x;
};
TYTO_MUST_CHECK
enum tyto_err tyto_kernel_op_init(struct tyto_gpu *gpu,
                                  const struct tyto_lane_kernel_params *params,
                                  struct tyto_kernel_op *ret_op);
void tyto_kernel_op_finish(struct tyto_kernel_op *op);

/* Defines struct type (its member `one` is the op), type_create() and type_destroy() of the kernel
 * called name; what follows are the kinds of its binds, in the order of their numbers. What is left
 * to write is type_record(). */
#define TYTO_KERNEL_OP(type, name_, push, ...)                                                     \
    struct type {                                                                                  \
        struct tyto_kernel_op one;                                                                 \
    };                                                                                             \
                                                                                                   \
    enum tyto_err type##_create(struct tyto_gpu *gpu, struct type **ret_op)                        \
    {                                                                                              \
        static const enum tyto_bind_kind binds[] = {__VA_ARGS__};                                  \
        static const struct tyto_lane_kernel_params params = {                                     \
            .name = #name_,                                                                        \
            .spirv = name_##_spv,                                                                  \
            .spirv_bytes = sizeof(name_##_spv),                                                    \
            .binds = binds,                                                                        \
            .num_binds = sizeof(binds) / sizeof(binds[0]),                                         \
            .push_bytes = sizeof(push),                                                            \
        };                                                                                         \
        struct type *op = calloc(1, sizeof(*op));                                                  \
        if (!op)                                                                                   \
            return TYTO_ERR_NOMEM;                                                                 \
        const enum tyto_err err = tyto_kernel_op_init(gpu, &params, &op->one);                     \
        if (err) {                                                                                 \
            free(op);                                                                              \
            return err;                                                                            \
        }                                                                                          \
        *ret_op = op;                                                                              \
        return TYTO_OK;                                                                            \
    }                                                                                              \
                                                                                                   \
    void type##_destroy(struct type **op)                                                          \
    {                                                                                              \
        if (!op || !*op)                                                                           \
            return;                                                                                \
        tyto_kernel_op_finish(&(*op)->one);                                                        \
        free(*op);                                                                                 \
        *op = NULL;                                                                                \
    }

/* Whether bind holds n0 * n1 * n2 values of 4 bytes, and no count is 0. Kernels
 * count elements in 32 bits, so that must be enough for the product. */
bool tyto_bind_fits(const struct tyto_bind *bind, uint64_t n0, uint64_t n1, uint64_t n2);

/* Groups of `lanes` that cover n lanes. */
uint32_t tyto_num_groups(uint32_t n, uint32_t lanes);

#endif
