/* SPDX-License-Identifier: MIT */
/* The contrastive loss of sounds and pictures, both ways (symmetric InfoNCE), and its gradient: a
 * row of one belongs to the same row of the other and to no row of another clip. Formulae, limits:
 * info_nce_stats.comp, info_nce_grad.comp. */
#ifndef TYTO_SHADERS_INFO_NCE_H
#define TYTO_SHADERS_INFO_NCE_H

#include "base/err.h"
#include "shaders/info_nce/info_nce_shape.h"
#include "shaders/runtime/gpu.h"

struct tyto_info_nce;

struct tyto_info_nce_shape {
    uint32_t rows;          /* N, at most TYTO_INFO_NCE_MAX_ROWS */
    uint32_t segments;      /* of a clip, which follow each other */
    uint32_t width;         /* D, a multiple of 4 */
    uint32_t weight_stride; /* at least 1 */
    float temperature;      /* above 0 */
};

struct tyto_info_nce_io {
    struct tyto_bind audio, visual;   /* (N, D) f32, of any length but 0 */
    struct tyto_bind weights;         /* f32: row i's at i * weight_stride; 0: it is left out */
    struct tyto_bind losses;          /* (N) f32, written: their sum is the loss */
    struct tyto_bind daudio, dvisual; /* (N, D) f32, written; buf NULL (both): not wanted */
};

/* With what lies between its kernels. TYTO_ERR_SHAPE for a shape outside the limits. */
TYTO_MUST_CHECK
enum tyto_err tyto_info_nce_create(struct tyto_gpu *gpu, const struct tyto_info_nce_shape *shape,
                                   struct tyto_info_nce **ret_op);
void tyto_info_nce_destroy(struct tyto_info_nce **op);
/* The op and the buffers are borrowed until the plan is destroyed. TYTO_ERR_SHAPE when a buffer is
 * too small; then nothing is recorded. */
TYTO_MUST_CHECK
enum tyto_err tyto_info_nce_record(struct tyto_info_nce *op, struct tyto_plan *plan,
                                   const struct tyto_info_nce_io *io);

/* The truth for tests: the loss, in double. */
double tyto_info_nce_ref(const struct tyto_info_nce_shape *shape, const float *audio,
                         const float *visual, const float *weights);

#endif
