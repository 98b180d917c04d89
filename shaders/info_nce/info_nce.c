/* SPDX-License-Identifier: MIT */
#include "shaders/info_nce/info_nce.h"

#include <stdlib.h>

#include "shaders/gemm/gemm.h"
#include "shaders/gemm_back/gemm_back.h"
#include "shaders/info_nce_grad_spv.h"
#include "shaders/info_nce_stats_spv.h"
#include "shaders/info_nce_unit_back_spv.h"
#include "shaders/info_nce_unit_spv.h"
#include "shaders/kernel.h"
#include "shaders/weights_pack/weights_pack.h"

enum { UNIT, STATS, GRAD, UNIT_BACK, NUM_KERNELS };

/* Between the kernels; widths in floats, of N rows padded to a multiple of 4. */
#define BUF_LIST(X)                                                                                \
    X(AUDIO, shape->width)                                                                         \
    X(VISUAL, shape->width)                                                                        \
    X(AUDIO_INVERSE, 1)                                                                            \
    X(VISUAL_INVERSE, 1)                                                                           \
    X(SCORES, stride)                                                                              \
    X(SUMS, 2)                                                                                     \
    X(D_SCORES, stride)                                                                            \
    X(D_UNIT, shape->width)
#define BUF_ENTRY(name, width) BUF_##name,
enum { BUF_LIST(BUF_ENTRY) BUF_SCRATCH, NUM_BUFS };
#undef BUF_ENTRY

struct tyto_info_nce {
    struct tyto_info_nce_shape shape;
    struct tyto_info_nce_push push;
    struct tyto_kernel *kernels[NUM_KERNELS];
    struct tyto_gemm *gemm;
    struct tyto_gemm_back *gemm_back;
    struct tyto_weights_pack *pack;
    struct tyto_gemm_weights *pictures; /* those of the pass, as panels */
    struct tyto_buf *bufs[NUM_BUFS];
};

/* --- making ---------------------------------------------------------------------------------- */

static enum tyto_err make_kernels(struct tyto_gpu *gpu, struct tyto_kernel **ret_kernels)
{
    static const enum tyto_bind_kind texel = TYTO_BIND_TEXEL_RGBA32F;
    static const enum tyto_bind_kind single = TYTO_BIND_TEXEL_R32F;
    const enum tyto_bind_kind unit[] = {texel, TYTO_BIND_STORAGE, TYTO_BIND_STORAGE};
    const enum tyto_bind_kind stats[] = {single, single, TYTO_BIND_STORAGE, TYTO_BIND_STORAGE};
    const enum tyto_bind_kind grad[] = {single, single, single, TYTO_BIND_STORAGE};
    const enum tyto_bind_kind unit_back[] = {texel, single, texel, TYTO_BIND_STORAGE};
    const struct tyto_lane_kernel_params params[NUM_KERNELS] = {
        [UNIT] = {.name = "info_nce_unit",
                  .spirv = info_nce_unit_spv,
                  .spirv_bytes = sizeof(info_nce_unit_spv),
                  .binds = unit,
                  .num_binds = 3},
        [STATS] = {.name = "info_nce_stats",
                   .spirv = info_nce_stats_spv,
                   .spirv_bytes = sizeof(info_nce_stats_spv),
                   .binds = stats,
                   .num_binds = 4},
        [GRAD] = {.name = "info_nce_grad",
                  .spirv = info_nce_grad_spv,
                  .spirv_bytes = sizeof(info_nce_grad_spv),
                  .binds = grad,
                  .num_binds = 4},
        [UNIT_BACK] = {.name = "info_nce_unit_back",
                       .spirv = info_nce_unit_back_spv,
                       .spirv_bytes = sizeof(info_nce_unit_back_spv),
                       .binds = unit_back,
                       .num_binds = 4},
    };
    enum tyto_err err = TYTO_OK;

    for (uint32_t i = 0; i < NUM_KERNELS && !err; i++) {
        struct tyto_lane_kernel_params one = params[i];

        one.push_bytes = sizeof(struct tyto_info_nce_push);
        err = tyto_lane_kernel_create(gpu, &one, &ret_kernels[i]);
    }
    return err;
}

static enum tyto_err make_bufs(struct tyto_info_nce *op, struct tyto_gpu *gpu)
{
    const struct tyto_info_nce_shape *shape = &op->shape;
    const uint32_t stride = op->push.row_stride;
    const uint64_t scratch = tyto_gemm_back_scratch(gpu, shape->rows, stride, shape->width);
    enum tyto_err err = TYTO_OK;

#define MAKE_BUF(name, width)                                                                      \
    if (!err)                                                                                      \
        err = tyto_buf_create(gpu, TYTO_BUF_DEVICE, (uint64_t)stride * (width) * sizeof(float),    \
                              &op->bufs[BUF_##name]);
    BUF_LIST(MAKE_BUF)
#undef MAKE_BUF
    if (!err && scratch > 0)
        err =
            tyto_buf_create(gpu, TYTO_BUF_DEVICE, scratch * sizeof(float), &op->bufs[BUF_SCRATCH]);
    return err;
}

static enum tyto_err make_ops(struct tyto_info_nce *op, struct tyto_gpu *gpu)
{
    const uint32_t n = op->push.row_stride, k = op->shape.width;
    float *zeros = calloc((size_t)n * k, sizeof(*zeros));
    enum tyto_err err = zeros ? TYTO_OK : TYTO_ERR_NOMEM;

    if (!err)
        err = tyto_gemm_create(gpu, &op->gemm);
    if (!err)
        err = tyto_gemm_back_create(gpu, &op->gemm_back);
    if (!err)
        err = tyto_weights_pack_create(gpu, &op->pack);
    if (!err)
        err = tyto_gemm_weights_create(gpu, TYTO_WEIGHT_F32, zeros, NULL, n, k, &op->pictures);
    free(zeros);
    return err;
}

enum tyto_err tyto_info_nce_create(struct tyto_gpu *gpu, const struct tyto_info_nce_shape *shape,
                                   struct tyto_info_nce **ret_op)
{
    struct tyto_info_nce *op = NULL;
    enum tyto_err err = TYTO_OK;

    if (shape->rows == 0 || shape->rows > TYTO_INFO_NCE_MAX_ROWS || shape->segments == 0 ||
        shape->width == 0 || shape->width % 4 != 0 || shape->width > 1 << 16 ||
        shape->weight_stride == 0 || shape->weight_stride > UINT32_MAX / shape->rows ||
        !(shape->temperature > 0))
        return TYTO_ERR_SHAPE;
    op = calloc(1, sizeof(*op));
    if (!op)
        return TYTO_ERR_NOMEM;
    op->shape = *shape;
    op->push = (struct tyto_info_nce_push){shape->rows,          (shape->rows + 3) / 4 * 4,
                                           shape->width,         shape->segments,
                                           shape->weight_stride, 1 / shape->temperature};
    err = make_kernels(gpu, op->kernels);
    if (!err)
        err = make_bufs(op, gpu);
    if (!err)
        err = make_ops(op, gpu);
    if (err) {
        tyto_info_nce_destroy(&op);
        return err;
    }
    *ret_op = op;
    return TYTO_OK;
}

void tyto_info_nce_destroy(struct tyto_info_nce **op_ptr)
{
    struct tyto_info_nce *op = op_ptr ? *op_ptr : NULL;

    if (!op)
        return;
    *op_ptr = NULL;
    for (uint32_t i = 0; i < NUM_KERNELS; i++)
        tyto_kernel_destroy(&op->kernels[i]);
    for (uint32_t i = 0; i < NUM_BUFS; i++)
        tyto_buf_destroy(&op->bufs[i]);
    tyto_gemm_weights_destroy(&op->pictures);
    tyto_weights_pack_destroy(&op->pack);
    tyto_gemm_back_destroy(&op->gemm_back);
    tyto_gemm_destroy(&op->gemm);
    free(op);
}

/* --- recording ------------------------------------------------------------------------------- */

static enum tyto_err record(struct tyto_info_nce *op, struct tyto_plan *plan, uint32_t kernel,
                            const struct tyto_bind *binds)
{
    return tyto_plan_dispatch(plan, op->kernels[kernel], binds, &op->push, op->shape.rows, 1, 1);
}

static struct tyto_bind of(const struct tyto_info_nce *op, uint32_t buf)
{
    return (struct tyto_bind){.buf = op->bufs[buf]};
}

static struct tyto_mat mat_of(const struct tyto_info_nce *op, uint32_t buf)
{
    return (struct tyto_mat){.buf = op->bufs[buf]};
}

static enum tyto_err record_losses(struct tyto_info_nce *op, struct tyto_plan *plan,
                                   const struct tyto_info_nce_io *io)
{
    const struct tyto_bind audio[] = {io->audio, of(op, BUF_AUDIO), of(op, BUF_AUDIO_INVERSE)};
    const struct tyto_bind visual[] = {io->visual, of(op, BUF_VISUAL), of(op, BUF_VISUAL_INVERSE)};
    const struct tyto_bind stats[] = {of(op, BUF_SCORES), io->weights, of(op, BUF_SUMS),
                                      io->losses};
    const struct tyto_gemm_args product = {
        .m = op->shape.rows, .x = mat_of(op, BUF_AUDIO), .y = mat_of(op, BUF_SCORES)};
    enum tyto_err err = record(op, plan, UNIT, audio);

    if (!err)
        err = record(op, plan, UNIT, visual);
    if (!err)
        err = tyto_weights_pack_record_panels(op->pack, plan, op->bufs[BUF_VISUAL], 0, 0,
                                              op->pictures);
    if (!err)
        err = tyto_gemm_record(op->gemm, plan, op->pictures, &product);
    return err ? err : record(op, plan, STATS, stats);
}

static enum tyto_err record_back(struct tyto_info_nce *op, struct tyto_plan *plan,
                                 const struct tyto_info_nce_io *io)
{
    const uint32_t m = op->shape.rows, n = op->push.row_stride, k = op->shape.width;
    const struct tyto_bind grad[] = {of(op, BUF_SCORES), io->weights, of(op, BUF_SUMS),
                                     of(op, BUF_D_SCORES)};
    const struct tyto_bind audio[] = {of(op, BUF_AUDIO), of(op, BUF_AUDIO_INVERSE),
                                      of(op, BUF_D_UNIT), io->daudio};
    const struct tyto_bind visual[] = {of(op, BUF_VISUAL), of(op, BUF_VISUAL_INVERSE),
                                       of(op, BUF_D_UNIT), io->dvisual};
    const struct tyto_gemm_back_x_args x_args = {.m = m,
                                                 .n = n,
                                                 .k = k,
                                                 .dy = mat_of(op, BUF_D_SCORES),
                                                 .weight = mat_of(op, BUF_VISUAL),
                                                 .dx = mat_of(op, BUF_D_UNIT)};
    const struct tyto_gemm_back_w_args w_args = {.m = m,
                                                 .n = n,
                                                 .k = k,
                                                 .dy = mat_of(op, BUF_D_SCORES),
                                                 .x = mat_of(op, BUF_AUDIO),
                                                 .dw = mat_of(op, BUF_D_UNIT),
                                                 .scratch = op->bufs[BUF_SCRATCH]};
    enum tyto_err err = record(op, plan, GRAD, grad);

    if (!err)
        err = tyto_gemm_back_x_record(op->gemm_back, plan, &x_args);
    if (!err)
        err = record(op, plan, UNIT_BACK, audio);
    if (!err)
        err = tyto_gemm_back_w_record(op->gemm_back, plan, &w_args);
    return err ? err : record(op, plan, UNIT_BACK, visual);
}

enum tyto_err tyto_info_nce_record(struct tyto_info_nce *op, struct tyto_plan *plan,
                                   const struct tyto_info_nce_io *io)
{
    const uint32_t n = op->shape.rows, d = op->shape.width;
    const bool back = io->daudio.buf != NULL;
    enum tyto_err err = TYTO_OK;

    if (!tyto_bind_fits(&io->audio, n, d, 1) || !tyto_bind_fits(&io->visual, n, d, 1) ||
        !tyto_bind_fits(&io->weights, (uint64_t)(n - 1) * op->shape.weight_stride + 1, 1, 1) ||
        !tyto_bind_fits(&io->losses, n, 1, 1) ||
        (back && (!tyto_bind_fits(&io->daudio, n, d, 1) || !tyto_bind_fits(&io->dvisual, n, d, 1))))
        return TYTO_ERR_SHAPE;
    err = record_losses(op, plan, io);
    return err || !back ? err : record_back(op, plan, io);
}
