/* SPDX-License-Identifier: MIT */
#include "shaders/adamw/adamw.h"

#include <stdlib.h>

#include "shaders/adamw_squares_spv.h"
#include "shaders/adamw_total_spv.h"
#include "shaders/adamw_update_spv.h"
#include "shaders/adamw_update_store64_spv.h"
#include "shaders/kernel.h"

enum { SQUARES, TOTAL, UPDATE, NUM_KERNELS };

struct tyto_adamw {
    struct tyto_kernel *kernels[NUM_KERNELS];
    uint32_t lanes;
};

enum tyto_err tyto_adamw_create(struct tyto_gpu *gpu, struct tyto_adamw **ret_op)
{
    static const enum tyto_bind_kind squares_binds[] = {TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_STORAGE};
    static const enum tyto_bind_kind total_binds[] = {TYTO_BIND_TEXEL_R32F, TYTO_BIND_STORAGE,
                                                      TYTO_BIND_STORAGE};
    static const enum tyto_bind_kind update_binds[] = {
        TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_STORAGE,       TYTO_BIND_STORAGE,
        TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_TEXEL_RGBA32F,
        TYTO_BIND_STORAGE,       TYTO_BIND_STORAGE,       TYTO_BIND_STORAGE};
    const bool pairs = tyto_gpu_get_info(gpu)->int64;
    const struct tyto_lane_kernel_params params[NUM_KERNELS] = {
        [SQUARES] = {.name = "adamw_squares",
                     .spirv = adamw_squares_spv,
                     .spirv_bytes = sizeof(adamw_squares_spv),
                     .binds = squares_binds,
                     .num_binds = 2,
                     .push_bytes = sizeof(struct tyto_adamw_push)},
        [TOTAL] = {.name = "adamw_total",
                   .spirv = adamw_total_spv,
                   .spirv_bytes = sizeof(adamw_total_spv),
                   .binds = total_binds,
                   .num_binds = 3,
                   .push_bytes = sizeof(struct tyto_adamw_push)},
        [UPDATE] = {.name = "adamw_update",
                    .spirv = pairs ? adamw_update_store64_spv : adamw_update_spv,
                    .spirv_bytes =
                        pairs ? sizeof(adamw_update_store64_spv) : sizeof(adamw_update_spv),
                    .binds = update_binds,
                    .num_binds = 9,
                    .push_bytes = sizeof(struct tyto_adamw_push)},
    };
    struct tyto_adamw *op = calloc(1, sizeof(*op));
    enum tyto_err err = TYTO_OK;

    if (!op)
        return TYTO_ERR_NOMEM;
    op->lanes = tyto_gpu_get_info(gpu)->subgroup_size;
    for (uint32_t i = 0; i < NUM_KERNELS && !err; i++)
        err = tyto_lane_kernel_create(gpu, &params[i], &op->kernels[i]);
    if (err) {
        tyto_adamw_destroy(&op);
        return err;
    }
    *ret_op = op;
    return TYTO_OK;
}

void tyto_adamw_destroy(struct tyto_adamw **op)
{
    if (!op || !*op)
        return;
    for (uint32_t i = 0; i < NUM_KERNELS; i++)
        tyto_kernel_destroy(&(*op)->kernels[i]);
    free(*op);
    *op = NULL;
}

static bool fits(uint32_t num, const struct tyto_adamw_io *io)
{
    return num % 4 == 0 && tyto_bind_fits(&io->params, num, 1, 1) &&
           tyto_bind_fits(&io->grads, num, 1, 1) && tyto_bind_fits(&io->moment_1, num, 1, 1) &&
           tyto_bind_fits(&io->moment_2, num, 1, 1) && tyto_bind_fits(&io->hyper, 8, 1, 1) &&
           tyto_bind_fits(&io->parts, TYTO_ADAMW_PARTS, 1, 1) && tyto_bind_fits(&io->norm, 2, 1, 1);
}

static enum tyto_err record_norm(struct tyto_adamw *op, struct tyto_plan *plan, uint32_t num,
                                 const struct tyto_adamw_io *io)
{
    const struct tyto_adamw_push push = {.num4 = num / 4, .num_parts = TYTO_ADAMW_PARTS};
    const struct tyto_bind squares[] = {io->grads, io->parts};
    const struct tyto_bind total[] = {io->parts, io->hyper, io->norm};
    const enum tyto_err err =
        tyto_plan_dispatch(plan, op->kernels[SQUARES], squares, &push, TYTO_ADAMW_PARTS, 1, 1);

    return err ? err : tyto_plan_dispatch(plan, op->kernels[TOTAL], total, &push, 1, 1, 1);
}

static enum tyto_err record_update(struct tyto_adamw *op, struct tyto_plan *plan, uint32_t num,
                                   const struct tyto_adamw_io *io)
{
    const struct tyto_adamw_push push = {.num4 = num / 4, .num_parts = TYTO_ADAMW_PARTS};
    const struct tyto_bind update[] = {io->grads,  io->hyper,    io->norm,
                                       io->params, io->moment_1, io->moment_2,
                                       io->params, io->moment_1, io->moment_2};

    return tyto_plan_dispatch(plan, op->kernels[UPDATE], update, &push, TYTO_ADAMW_GROUPS, 1, 1);
}

enum tyto_err tyto_adamw_record(struct tyto_adamw *op, struct tyto_plan *plan, uint32_t num,
                                const struct tyto_adamw_io *io)
{
    enum tyto_err err = TYTO_OK;

    if (!fits(num, io))
        return TYTO_ERR_SHAPE;
    err = record_norm(op, plan, num, io);
    return err ? err : record_update(op, plan, num, io);
}

/* Values [first, first + num) of a bind of all. */
static struct tyto_bind part(struct tyto_bind all, uint32_t first, uint32_t num)
{
    return (struct tyto_bind){.buf = all.buf,
                              .offset_bytes = all.offset_bytes + (uint64_t)first * sizeof(float),
                              .size_bytes = (uint64_t)num * sizeof(float)};
}

enum tyto_err tyto_adamw_record_two(struct tyto_adamw *op, struct tyto_plan *plan, uint32_t num,
                                    uint32_t first, const struct tyto_bind *hyper,
                                    const struct tyto_adamw_io *io)
{
    struct tyto_adamw_io later = *io;
    enum tyto_err err = TYTO_OK;

    if (!fits(num, io) || first % 64 != 0 || first >= num || !tyto_bind_fits(hyper, 8, 1, 1))
        return TYTO_ERR_SHAPE;
    later.params = part(io->params, first, num - first);
    later.grads = part(io->grads, first, num - first);
    later.moment_1 = part(io->moment_1, first, num - first);
    later.moment_2 = part(io->moment_2, first, num - first);
    later.hyper = *hyper;
    err = record_norm(op, plan, num, io);
    if (!err && first > 0)
        err = record_update(op, plan, first, io);
    return err ? err : record_update(op, plan, num - first, &later);
}
