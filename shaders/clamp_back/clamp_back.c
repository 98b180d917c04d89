/* SPDX-License-Identifier: MIT */
#include "shaders/clamp_back/clamp_back.h"

#include "shaders/clamp_back_spv.h"
#include "shaders/kernel.h"

TYTO_KERNEL_OP(tyto_clamp_back, clamp_back, struct tyto_clamp_back_push, TYTO_BIND_TEXEL_RGBA32F,
               TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_STORAGE)

enum tyto_err tyto_clamp_back_record(struct tyto_clamp_back *op, struct tyto_plan *plan,
                                     uint32_t num, float low, float high,
                                     const struct tyto_clamp_back_io *io)
{
    const struct tyto_bind binds[] = {io->y, io->dy, io->dx};
    const struct tyto_clamp_back_push push = {num / 4, low, high};
    const uint32_t groups = tyto_num_groups(num / 4, op->one.lanes);
    const uint32_t gx = groups < op->one.max_groups_x ? groups : op->one.max_groups_x;

    if (num % 4 != 0 || !(low < high) || !tyto_bind_fits(&io->y, num, 1, 1) ||
        !tyto_bind_fits(&io->dy, num, 1, 1) || !tyto_bind_fits(&io->dx, num, 1, 1))
        return TYTO_ERR_SHAPE;
    return tyto_plan_dispatch(plan, op->one.kernel, binds, &push, gx, tyto_num_groups(groups, gx),
                              1);
}
