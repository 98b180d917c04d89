/* SPDX-License-Identifier: MIT */
#include "shaders/window/window.h"

#include "shaders/kernel.h"
#include "shaders/window/window_shape.h"
#include "shaders/window_spv.h"

TYTO_KERNEL_OP(tyto_window, window, struct tyto_window_push, TYTO_BIND_TEXEL_R32F,
               TYTO_BIND_TEXEL_R32F, TYTO_BIND_STORAGE, TYTO_BIND_STORAGE, TYTO_BIND_STORAGE)

enum tyto_err tyto_window_record(struct tyto_window *op, struct tyto_plan *plan,
                                 const struct tyto_window_shape *shape,
                                 const struct tyto_window_io *io)
{
    const struct tyto_window_push push = {
        .num_segments = shape->num_segments,
        .width = shape->width,
        .num_streams = shape->num_streams,
    };
    const struct tyto_bind binds[] = {io->newest, io->ring, io->ring, io->items, io->out};

    if (shape->width > TYTO_WINDOW_MAX_WIDTH ||
        !tyto_bind_fits(&io->newest, shape->batch, shape->width, 1) ||
        !tyto_bind_fits(&io->ring, shape->num_streams, shape->num_segments, shape->width) ||
        !tyto_bind_fits(&io->items, shape->batch, 4, 1) ||
        !tyto_bind_fits(&io->out, shape->batch, shape->num_segments, shape->width))
        return TYTO_ERR_SHAPE;
    return tyto_plan_dispatch(plan, op->one.kernel, binds, &push, shape->num_segments, shape->batch,
                              1);
}
