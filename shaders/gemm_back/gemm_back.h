/* SPDX-License-Identifier: MIT */
/* Gradients of a linear layer y = x W^T + b, on the device. Weights lie in any buffer as they
 * are stored, (n, k) row-major. Formulae, limits, numerics: gemm_back_x.comp, gemm_back_w.comp. */
#ifndef TYTO_SHADERS_GEMM_BACK_H
#define TYTO_SHADERS_GEMM_BACK_H

#include "shaders/gemm/gemm.h"

struct tyto_gemm_back;

TYTO_MUST_CHECK
enum tyto_err tyto_gemm_back_create(struct tyto_gpu *gpu, struct tyto_gemm_back **ret_op);
/* After every plan that uses it. */
void tyto_gemm_back_destroy(struct tyto_gemm_back **op);

/* n outputs, k inputs, m rows; every width, offset and row length a multiple of 4 floats. A
 * row of 0 means contiguous; batches are not used. */
struct tyto_gemm_back_x_args {
    uint32_t m, n, k;
    struct tyto_mat dy;     /* (m, n) */
    struct tyto_mat weight; /* (n, k) */
    struct tyto_mat dx;     /* (m, k), written; may not overlap dy */
    struct tyto_mat extra;  /* (m, k) added, may be dx itself; buf NULL: none */
    bool is_gate;           /* extra is not added: dx is 0 where it is not above 0 */
};

/* Buffers are borrowed until the plan is destroyed. TYTO_ERR_SHAPE when something does not fit
 * or is no multiple of 4; then nothing is recorded. So too below. */
TYTO_MUST_CHECK
enum tyto_err tyto_gemm_back_x_record(struct tyto_gemm_back *op, struct tyto_plan *plan,
                                      const struct tyto_gemm_back_x_args *args);

struct tyto_gemm_back_w_args {
    uint32_t m, n, k;
    struct tyto_mat dy;             /* (m, n) */
    struct tyto_mat x;              /* (m, k) */
    struct tyto_mat dw;             /* (n, k) contiguous, overwritten */
    struct tyto_mat db;             /* (n), overwritten; buf NULL: not wanted */
    const struct tyto_buf *scratch; /* tyto_gemm_back_scratch() floats, overwritten */
};

/* Floats of scratch that exactly (m, n, k) needs on this device; 0: none. */
uint64_t tyto_gemm_back_scratch(const struct tyto_gpu *gpu, uint32_t m, uint32_t n, uint32_t k);

TYTO_MUST_CHECK
enum tyto_err tyto_gemm_back_w_record(struct tyto_gemm_back *op, struct tyto_plan *plan,
                                      const struct tyto_gemm_back_w_args *args);

#endif
