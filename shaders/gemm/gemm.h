/* SPDX-License-Identifier: MIT */
/* y = clamp(act(x W^T + bias + residual)): a matrix product with fixed weights
 * and its epilogue. Also every 1x1 convolution (M = B*H*W). */
#ifndef TYTO_SHADERS_GEMM_H
#define TYTO_SHADERS_GEMM_H

#include "shaders/include/act.h"
#include "shaders/runtime/gpu.h"

/* The pipelines, made at first need and shared by all products on one gpu. */
struct tyto_gemm;

TYTO_MUST_CHECK
enum tyto_err tyto_gemm_create(struct tyto_gpu *gpu, struct tyto_gemm **ret_gemm);
/* After every plan that uses it. */
void tyto_gemm_destroy(struct tyto_gemm **gemm);

/* Weights packed into panels in device memory. */
struct tyto_gemm_weights;

enum tyto_weight_type {
    TYTO_WEIGHT_F32,
    TYTO_WEIGHT_F16, /* half the memory; rounded to nearest */
};

/* weight (n, k) row-major as in PyTorch's Linear, bias (n) or NULL; both are
 * copied. TYTO_ERR_SHAPE when n or k is 0 or over the limits. */
TYTO_MUST_CHECK
enum tyto_err tyto_gemm_weights_create(struct tyto_gpu *gpu, enum tyto_weight_type type,
                                       const float *weight, const float *bias, uint32_t n,
                                       uint32_t k, struct tyto_gemm_weights **ret_weights);
void tyto_gemm_weights_destroy(struct tyto_gemm_weights **weights);
/* For kernels that read the panels too (conv). Borrowed; bias may be NULL. */
const struct tyto_buf *tyto_gemm_weights_panels(const struct tyto_gemm_weights *weights);
const struct tyto_buf *tyto_gemm_weights_bias(const struct tyto_gemm_weights *weights);
uint32_t tyto_gemm_weights_n(const struct tyto_gemm_weights *weights);
uint32_t tyto_gemm_weights_k(const struct tyto_gemm_weights *weights);
enum tyto_bind_kind tyto_gemm_weights_bind_kind(const struct tyto_gemm_weights *weights);
/* Whether a subgroup holds a tile's 8 lanes, so that they can shuffle. */
bool tyto_gemm_shuffles(const struct tyto_gpu *gpu);
/* Whether the variants that store pairs of floats as 64-bit words are the fast ones. */
bool tyto_gemm_stores_pairs(const struct tyto_gpu *gpu);
/* Whether they may write y 8 floats at a time. */
bool tyto_gemm_stores_wide(const struct tyto_gpu *gpu, uint64_t offset, uint64_t row);

/* A matrix inside a buffer, in floats. row and batch are the distances between
 * rows and batches; 0 means contiguous. */
struct tyto_mat {
    const struct tyto_buf *buf;
    uint64_t offset;
    uint32_t row, batch;
};

struct tyto_gemm_args {
    uint32_t m;           /* rows of x and y in one batch */
    uint32_t num_batches; /* 0 counts as 1 */
    /* (m, k). Fast when n and the offset, row and batch of x, y and residual are multiples of 4
     * floats; then the up to 3 floats after the k-th of a row of x are read too (and must be
     * finite) when k is none. Otherwise a slower variant reads exactly what is named. */
    struct tyto_mat x;
    struct tyto_mat y;        /* (m, n); may not overlap x */
    struct tyto_mat residual; /* (m, n), added before act; buf NULL: none; may be y itself */
    enum tyto_act act;
    float act_slope; /* of TYTO_ACT_LEAKY_RELU */
    bool has_clamp_min;
    float clamp_min; /* y = max(y, clamp_min), last */
};

/* Buffers and weights are borrowed until the plan is destroyed. TYTO_ERR_SHAPE
 * when a matrix does not fit its buffer or a limit; then nothing is recorded. */
TYTO_MUST_CHECK
enum tyto_err tyto_gemm_record(struct tyto_gemm *gemm, struct tyto_plan *plan,
                               const struct tyto_gemm_weights *weights,
                               const struct tyto_gemm_args *args);

/* The truth for tests, with double accumulators; x, y, residual contiguous. */
struct tyto_gemm_ref_args {
    uint32_t m, n, k;
    const float *x, *weight, *bias, *residual; /* bias and residual may be NULL */
    enum tyto_act act;
    float act_slope;
    bool has_clamp_min;
    float clamp_min;
};
void tyto_gemm_ref(const struct tyto_gemm_ref_args *args, float *ret_y);
double tyto_act_ref(enum tyto_act act, double slope, double x);

/* The tile of y that a group makes where the device wants groups: rows by cols, of which a lane has
 * lane_rows; big ones where enough of them are left to fill a GPU. */
struct tyto_gemm_tile {
    uint32_t rows, lane_rows, cols;
    bool is_big;
};
struct tyto_gemm_tile tyto_gemm_tile_of(uint32_t m, uint32_t n, uint32_t num_batches);

#endif
