/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stddef.h>

#include "shaders/co_attn/co_attn.h"

static uint32_t num_visible(uint32_t t, uint32_t len, uint32_t look_ahead)
{
    return look_ahead >= len - t ? len : t + look_ahead + 1;
}

static double score(const float *u, const float *key, const float *g, uint32_t width)
{
    double z = 0.0;

    for (uint32_t d = 0; d < width; d++)
        z += u[d] * tanh((double)key[d] + g[d]);
    return z;
}

/* One row t of one window; the pointers of io are at the window's beginning. */
static void look(const struct tyto_co_attn_shape *shape, const struct tyto_co_attn_ref_io *io,
                 uint32_t t, uint32_t num_keys)
{
    const float *g = io->g + (size_t)t * shape->key_width;
    const float *ks = io->ks + (size_t)t * shape->key_width;
    const double zs = score(io->u, ks, g, shape->key_width);
    double w[TYTO_CO_ATTN_MAX_SEGMENTS];
    double top = -INFINITY;
    double sum = 0.0;
    double beta = 0.0;

    for (uint32_t k = 0; k < num_keys; k++) {
        const float *key = io->other + (size_t)k * shape->other_stride + shape->key_offset;

        w[k] = score(io->u, key, g, shape->key_width);
        top = fmax(top, w[k]);
    }
    for (uint32_t k = 0; k < num_keys; k++) {
        w[k] = exp(w[k] - top);
        sum += w[k];
    }
    beta = 1.0 / (1.0 + sum * exp(top - zs));
    io->beta[t] = (float)beta;
    for (uint32_t k = 0; k < shape->num_segments; k++)
        io->align[(size_t)t * shape->num_segments + k] = k < num_keys ? (float)(w[k] / sum) : 0.0f;
    for (uint32_t c = 0; c < shape->width; c++) {
        const size_t at = (size_t)t * shape->width + c;
        double acc = 0.0;

        for (uint32_t k = 0; k < num_keys; k++)
            acc +=
                w[k] / sum * io->other[(size_t)k * shape->other_stride + shape->other_offset + c];
        io->out[(size_t)t * shape->out_stride + shape->out_offset + c] =
            (float)(beta * io->s[at] + (1.0 - beta) * acc + io->h[at]);
    }
}

void tyto_co_attn_ref(const struct tyto_co_attn_shape *shape, const struct tyto_co_attn_ref_io *io)
{
    for (size_t b = 0; b < shape->batch; b++) {
        const size_t row0 = b * shape->num_segments;
        const struct tyto_co_attn_ref_io at = {
            .other = io->other + row0 * shape->other_stride,
            .g = io->g + row0 * shape->key_width,
            .ks = io->ks + row0 * shape->key_width,
            .u = io->u,
            .h = io->h + row0 * shape->width,
            .s = io->s + row0 * shape->width,
            .out = io->out + row0 * shape->out_stride,
            .beta = io->beta + row0,
            .align = io->align + row0 * shape->num_segments,
        };

        for (uint32_t t = 0; t < io->len[b]; t++)
            look(shape, &at, t, num_visible(t, io->len[b], shape->look_ahead));
    }
}
