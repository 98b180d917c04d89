/* SPDX-License-Identifier: MIT */
#include "model/cman/bufs.h"

#include <math.h>

enum tyto_err tyto_cman_buf_create(struct tyto_gpu *gpu, enum tyto_buf_kind kind, uint64_t rows,
                                   uint64_t width, struct tyto_buf **ret_buf)
{
    if (rows == 0 || width == 0)
        return TYTO_OK;
    if (rows > UINT32_MAX / width) /* kernels count in 32 bits */
        return TYTO_ERR_SHAPE;
    return tyto_buf_create(gpu, kind, rows * width * sizeof(float), ret_buf);
}

void tyto_cman_bufs_destroy(struct tyto_buf **bufs, uint32_t num)
{
    for (uint32_t i = 0; i < num; i++)
        tyto_buf_destroy(&bufs[i]);
}

struct tyto_self_attn_shape tyto_cman_when_shape(const struct tyto_cman_dims *d,
                                                 const struct tyto_cman_widths *w, uint32_t batch,
                                                 uint32_t s)
{
    return (struct tyto_self_attn_shape){
        .batch = batch,
        .num_segments = d->num_segments,
        .key_width = w->when,
        .width = w->stream[s],
        .look_ahead = d->look_ahead,
        .scale = 1.0f / sqrtf((float)d->when_width),
    };
}

struct tyto_lstm_sentinel_shape tyto_cman_lstm_shape(const struct tyto_cman_dims *d,
                                                     const struct tyto_cman_widths *w,
                                                     uint32_t batch)
{
    return (struct tyto_lstm_sentinel_shape){
        .batch = batch,
        .num_segments = d->num_segments,
        .width = w->hidden,
        .in_stride = w->after,
    };
}

struct tyto_co_attn_shape tyto_cman_which_shape(const struct tyto_cman_dims *d,
                                                const struct tyto_cman_widths *w, uint32_t batch,
                                                uint32_t s)
{
    return (struct tyto_co_attn_shape){
        .batch = batch,
        .num_segments = d->num_segments,
        .width = w->hidden,
        .key_width = w->which,
        .other_stride = w->after,
        .other_offset = w->after_other,
        .key_offset = w->after_key,
        .out_stride = 2 * w->hidden,
        .out_offset = s * w->hidden,
        .look_ahead = d->look_ahead,
    };
}

enum tyto_err tyto_cman_record_linear(struct tyto_gemm *gemm, struct tyto_plan *plan,
                                      const struct tyto_gemm_weights *weights, uint64_t m,
                                      struct tyto_mat x, struct tyto_mat y, enum tyto_act act)
{
    const struct tyto_gemm_args args = {.m = (uint32_t)m, .x = x, .y = y, .act = act};

    return m > UINT32_MAX ? TYTO_ERR_SHAPE : tyto_gemm_record(gemm, plan, weights, &args);
}

enum tyto_err tyto_cman_record_added(struct tyto_gemm *gemm, struct tyto_plan *plan,
                                     const struct tyto_gemm_weights *weights, uint64_t m,
                                     struct tyto_mat x, struct tyto_mat y)
{
    const struct tyto_gemm_args args = {.m = (uint32_t)m, .x = x, .y = y, .residual = y};

    return m > UINT32_MAX ? TYTO_ERR_SHAPE : tyto_gemm_record(gemm, plan, weights, &args);
}
