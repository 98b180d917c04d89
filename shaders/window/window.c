/* SPDX-License-Identifier: MIT */
#include "shaders/window/window.h"

#include <stdlib.h>

#include "shaders/drawer.h"
#include "shaders/window/window_shape.h"
#include "shaders/window_spv.h"

struct tyto_window {
    struct tyto_kernel *kernel;
};

enum tyto_err tyto_window_create(struct tyto_gpu *gpu, struct tyto_window **ret_op)
{
    static const enum tyto_bind_kind binds[] = {TYTO_BIND_TEXEL_R32F, TYTO_BIND_TEXEL_R32F,
                                                TYTO_BIND_STORAGE, TYTO_BIND_STORAGE,
                                                TYTO_BIND_STORAGE};
    const struct tyto_drawer_params params = {
        .name = "window",
        .spirv = window_spv,
        .spirv_bytes = sizeof(window_spv),
        .binds = binds,
        .num_binds = 5,
        .push_bytes = sizeof(struct tyto_window_push),
    };
    struct tyto_window *op = calloc(1, sizeof(*op));
    enum tyto_err err = TYTO_OK;

    if (!op)
        return TYTO_ERR_NOMEM;
    err = tyto_drawer_create(gpu, &params, &op->kernel);
    if (err) {
        tyto_window_destroy(&op);
        return err;
    }
    *ret_op = op;
    return TYTO_OK;
}

void tyto_window_destroy(struct tyto_window **op)
{
    if (!op || !*op)
        return;
    tyto_kernel_destroy(&(*op)->kernel);
    free(*op);
    *op = NULL;
}

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
        !tyto_drawer_fits(&io->newest, shape->batch, shape->width, 1) ||
        !tyto_drawer_fits(&io->ring, shape->num_streams, shape->num_segments, shape->width) ||
        !tyto_drawer_fits(&io->items, shape->batch, 4, 1) ||
        !tyto_drawer_fits(&io->out, shape->batch, shape->num_segments, shape->width))
        return TYTO_ERR_SHAPE;
    return tyto_plan_dispatch(plan, op->kernel, binds, &push, shape->num_segments, shape->batch, 1);
}
