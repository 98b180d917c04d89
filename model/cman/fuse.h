/* SPDX-License-Identifier: MIT */
/* A head's weights as the device wants them: linear maps that read the same input
 * are one matrix, and every width is padded with zeros to whole texels. The
 * padding stays exactly zero through the whole network. */
#ifndef TYTO_MODEL_CMAN_FUSE_H
#define TYTO_MODEL_CMAN_FUSE_H

#include "base/err.h"
#include "model/cman/weights.h"
#include "model/cman/widths.h"
#include "shaders/gemm/gemm.h"
#include "shaders/runtime/gpu.h"

struct tyto_cman_fused {
    struct tyto_cman_widths widths;
    struct tyto_gemm_weights *adapt[TYTO_CMAN_NUM_STREAMS]; /* NULL: none needed */
    struct tyto_gemm_weights *match[TYTO_CMAN_NUM_STREAMS];
    struct tyto_gemm_weights *qkv[TYTO_CMAN_NUM_STREAMS];
    struct tyto_gemm_weights *after[TYTO_CMAN_NUM_STREAMS];
    struct tyto_gemm_weights *state[TYTO_CMAN_NUM_STREAMS];    /* which.g */
    struct tyto_gemm_weights *sentinel[TYTO_CMAN_NUM_STREAMS]; /* which.s */
    struct tyto_gemm_weights *head[2];
    struct tyto_gemm_weights *skip[TYTO_CMAN_NUM_STREAMS]; /* NULL: there is none */
    struct tyto_buf *lstm[TYTO_CMAN_NUM_STREAMS];          /* packed for lstm_sentinel */
    struct tyto_buf *score[TYTO_CMAN_NUM_STREAMS];         /* which.h */
    struct tyto_buf *scale;                                /* where.scale */
};

/* Uploads; weights are borrowed until the call returns. On error *ret_fused is empty. */
TYTO_MUST_CHECK
enum tyto_err tyto_cman_fuse(struct tyto_gpu *gpu, const struct tyto_cman_weights *weights,
                             struct tyto_cman_fused *ret_fused);
void tyto_cman_fused_finish(struct tyto_cman_fused *fused);

#endif
