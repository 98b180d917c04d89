/* SPDX-License-Identifier: MIT */
/* What the small drawers share: one subgroup per group, and buffers that must be
 * large enough before anything is recorded. */
#ifndef TYTO_SHADERS_DRAWER_H
#define TYTO_SHADERS_DRAWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "shaders/runtime/gpu.h"

struct tyto_drawer_params {
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
enum tyto_err tyto_drawer_create(struct tyto_gpu *gpu, const struct tyto_drawer_params *params,
                                 struct tyto_kernel **ret_kernel);

/* Whether bind holds n0 * n1 * n2 values of 4 bytes, and no count is 0. Kernels
 * count elements in 32 bits, so that must be enough for the product. */
bool tyto_drawer_fits(const struct tyto_bind *bind, uint64_t n0, uint64_t n1, uint64_t n2);

/* Groups of `lanes` that cover n lanes. */
uint32_t tyto_drawer_groups(uint32_t n, uint32_t lanes);

#endif
