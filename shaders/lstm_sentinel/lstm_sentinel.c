/* SPDX-License-Identifier: MIT */
#include "shaders/lstm_sentinel/lstm_sentinel.h"

#include <stdlib.h>

#include "shaders/kernel.h"
#include "shaders/lstm_sentinel/lstm_sentinel_shape.h"
#include "shaders/lstm_sentinel_spv.h"

/* One stream alone would do the work of a whole tile: it has a kernel of its own. */
enum { ONE, MANY, NUM_KERNELS };

enum { BIND_ALIGN_FLOATS = 64 };

struct tyto_lstm_sentinel {
    struct tyto_kernel *kernels[NUM_KERNELS];
    uint32_t lanes, tiles[NUM_KERNELS];
};

enum tyto_err tyto_lstm_sentinel_create(struct tyto_gpu *gpu, struct tyto_lstm_sentinel **ret_op)
{
    static const enum tyto_bind_kind binds[] = {TYTO_BIND_TEXEL_R32F,    TYTO_BIND_TEXEL_RGBA32F,
                                                TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_TEXEL_R32F,
                                                TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_STORAGE,
                                                TYTO_BIND_STORAGE,       TYTO_BIND_STORAGE};
    struct tyto_lstm_sentinel *op = calloc(1, sizeof(*op));
    enum tyto_err err = TYTO_OK;

    if (!op)
        return TYTO_ERR_NOMEM;
    op->lanes = tyto_gpu_get_info(gpu)->subgroup_size;
    op->tiles[ONE] = 1;
    op->tiles[MANY] = op->lanes < TYTO_LSTM_SENTINEL_TILE ? op->lanes : TYTO_LSTM_SENTINEL_TILE;
    for (uint32_t i = 0; i < NUM_KERNELS && !err; i++) {
        const struct tyto_lane_kernel_params params = {
            .name = "lstm_sentinel",
            .spirv = lstm_sentinel_spv,
            .spirv_bytes = sizeof(lstm_sentinel_spv),
            .binds = binds,
            .num_binds = 8,
            .push_bytes = sizeof(struct tyto_lstm_sentinel_push),
            .tile = op->tiles[i],
        };

        err = tyto_lane_kernel_create(gpu, &params, &op->kernels[i]);
    }
    if (err) {
        tyto_lstm_sentinel_destroy(&op);
        return err;
    }
    *ret_op = op;
    return TYTO_OK;
}

void tyto_lstm_sentinel_destroy(struct tyto_lstm_sentinel **op)
{
    if (!op || !*op)
        return;
    for (uint32_t i = 0; i < NUM_KERNELS; i++)
        tyto_kernel_destroy(&(*op)->kernels[i]);
    free(*op);
    *op = NULL;
}

/* Floats before the sentinel gate's weights: those of the four gates, to the next
 * offset that a binding may have. */
static uint64_t gate_offset(uint32_t width)
{
    const uint64_t floats = 4 * (uint64_t)width * width;

    return (floats + BIND_ALIGN_FLOATS - 1) / BIND_ALIGN_FLOATS * BIND_ALIGN_FLOATS;
}

uint64_t tyto_lstm_sentinel_packed_bytes(uint32_t width)
{
    if (width > TYTO_LSTM_SENTINEL_MAX_WIDTH || width % 4 != 0)
        return 0;
    return (gate_offset(width) + (uint64_t)width * width) * sizeof(float);
}

void tyto_lstm_sentinel_pack(uint32_t width, const float *hidden, const float *gate,
                             float *ret_packed)
{
    const size_t n = width;
    float *packed_gate = ret_packed + gate_offset(width);

    for (size_t i = 4 * n * n; i < gate_offset(width); i++)
        ret_packed[i] = 0.0f;
    for (size_t from = 0; from < n; from++)
        for (size_t to = 0; to < n; to++) {
            for (size_t q = 0; q < 4; q++)
                ret_packed[(from * n + to) * 4 + q] = hidden[(q * n + to) * n + from];
            packed_gate[(from / 4 * n + to) * 4 + from % 4] = gate[to * n + from];
        }
}

static bool shape_is_sound(const struct tyto_lstm_sentinel_shape *shape)
{
    return shape->width > 0 && shape->width % 4 == 0 &&
           shape->width <= TYTO_LSTM_SENTINEL_MAX_WIDTH &&
           shape->in_offset + 5 * (uint64_t)shape->width <= shape->in_stride;
}

enum tyto_err tyto_lstm_sentinel_record_step(struct tyto_lstm_sentinel *op, struct tyto_plan *plan,
                                             const struct tyto_lstm_sentinel_shape *shape,
                                             const struct tyto_lstm_sentinel_io *io, uint32_t t)
{
    const uint64_t rows = (uint64_t)shape->batch * shape->num_segments;
    const uint64_t packed_bytes = tyto_lstm_sentinel_packed_bytes(shape->width);
    const uint64_t gate_bytes = gate_offset(shape->width) * sizeof(float);
    const int which = shape->batch > 1 ? MANY : ONE;
    const uint32_t gx = tyto_num_groups(shape->width, op->lanes);
    const uint32_t gy = tyto_num_groups(shape->batch, op->tiles[which]);
    const struct tyto_bind gates = {io->weights.buf, io->weights.offset_bytes,
                                    4 * sizeof(float) * shape->width * shape->width};
    const struct tyto_bind gate = {io->weights.buf, io->weights.offset_bytes + gate_bytes,
                                   sizeof(float) * shape->width * shape->width};
    const struct tyto_bind binds[] = {io->x, gates, gate, io->cell, io->h, io->cell, io->h, io->s};
    const struct tyto_lstm_sentinel_push push = {
        .batch = shape->batch,
        .num_segments = shape->num_segments,
        .width = shape->width,
        .in_stride = shape->in_stride,
        .in_offset = shape->in_offset,
        .t = t,
    };

    if (t >= shape->num_segments || !shape_is_sound(shape) ||
        !tyto_bind_fits(&io->x, rows, shape->in_stride, 1) ||
        !tyto_bind_fits(&io->weights, packed_bytes / sizeof(float), 1, 1) ||
        !tyto_bind_fits(&io->cell, shape->batch, shape->width, 1) ||
        !tyto_bind_fits(&io->h, rows, shape->width, 1) ||
        !tyto_bind_fits(&io->s, rows, shape->width, 1))
        return TYTO_ERR_SHAPE;
    return tyto_plan_dispatch(plan, op->kernels[which], binds, &push, gx, gy, 1);
}

enum tyto_err tyto_lstm_sentinel_record(struct tyto_lstm_sentinel *op, struct tyto_plan *plan,
                                        const struct tyto_lstm_sentinel_shape *shape,
                                        const struct tyto_lstm_sentinel_io *io)
{
    enum tyto_err err = shape->num_segments > 0 ? TYTO_OK : TYTO_ERR_SHAPE;

    for (uint32_t t = 0; t < shape->num_segments && !err; t++)
        err = tyto_lstm_sentinel_record_step(op, plan, shape, io, t);
    return err;
}
