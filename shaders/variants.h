/* SPDX-License-Identifier: MIT */
/* An op's pipelines by their specialization: made at first need, then found. */
#ifndef TYTO_SHADERS_VARIANTS_H
#define TYTO_SHADERS_VARIANTS_H

#include "shaders/runtime/gpu.h"

enum { TYTO_VARIANTS_MAX = 64 };

struct tyto_variant {
    const uint32_t *spirv;
    enum tyto_bind_kind binds[TYTO_KERNEL_MAX_BINDS];
    uint32_t spec[TYTO_KERNEL_MAX_SPEC];
    uint32_t num_binds, num_spec;
    struct tyto_kernel *kernel;
};

struct tyto_variants {
    struct tyto_gpu *gpu;
    uint32_t num;
    struct tyto_variant list[TYTO_VARIANTS_MAX];
};

void tyto_variants_init(struct tyto_variants *variants, struct tyto_gpu *gpu);
/* After every plan that uses one of the kernels. */
void tyto_variants_finish(struct tyto_variants *variants);
/* *ret_kernel is borrowed until finish. Kernels are the same when spirv (the
 * pointer), binds and spec are. TYTO_ERR_FULL beyond TYTO_VARIANTS_MAX. */
TYTO_MUST_CHECK
enum tyto_err tyto_variants_get(struct tyto_variants *variants,
                                const struct tyto_kernel_params *params,
                                const struct tyto_kernel **ret_kernel);

#endif
