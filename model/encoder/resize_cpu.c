/* SPDX-License-Identifier: MIT */
/* Each output row is first the weighted sum of the input rows under it (bytes to
 * floats, any pixel layout), then each of its pixels a short dot product along
 * the row. Tap lists depend on the frame's size only and are kept while it stays. */
#include "model/encoder/resize_cpu.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/encoder/simd.h"
#include "shaders/image_resize/colour.h"

enum { LANES = 8, ROW_PAD = 64 };
typedef float vec8 __attribute__((vector_size(32), aligned(4), may_alias));

/* Taps of one axis: output i is the sum of taps[i*max_taps + t] * input[begin[i] + t];
 * max_taps is a multiple of LANES, unused taps are 0. */
struct axis {
    uint32_t num_in, num_out, cap_out, max_taps, cap_taps;
    float scale;
    uint32_t *begin, *num; /* owned (cap_out) each */
    float *taps;           /* owned (cap_out, cap_taps) */
};

enum { AXIS_X, AXIS_Y, AXIS_CHROMA_X, AXIS_CHROMA_Y, NUM_AXES };

struct tyto_image_resize_cpu {
    struct tyto_image_resize_shape shape;
    struct axis axes[NUM_AXES];
    float *mixed; /* one row of weighted sums, as the plane's bytes lie */
    float *lanes; /* the same, one channel after the other, each row_floats long */
    uint32_t row_floats;
    float *level; /* (3, out_w): one output row of Y, U, V or R, G, B */
};

static enum tyto_err axis_set(struct axis *axis, uint32_t num_in, uint32_t num_out, double scale)
{
    if (axis->num_in == num_in && axis->num_out == num_out && axis->scale == (float)scale)
        return TYTO_OK;

    const double width = fmax(scale, 1.0);
    const uint32_t needed = 2 * (uint32_t)ceil(width) + 2;
    const uint32_t max_taps = (needed + LANES - 1) / LANES * LANES;
    if (max_taps > axis->cap_taps) {
        float *taps = malloc((size_t)axis->cap_out * max_taps * sizeof(*taps));
        if (!taps)
            return TYTO_ERR_NOMEM;
        free(axis->taps);
        axis->taps = taps;
        axis->cap_taps = max_taps;
    }
    axis->max_taps = max_taps;
    axis->num_in = num_in;
    axis->num_out = num_out;
    axis->scale = (float)scale;
    for (uint32_t i = 0; i < axis->num_out; i++) {
        const double centre = ((double)i + 0.5) * scale;
        const uint32_t begin = (uint32_t)fmax(floor(centre - width), 0.0);
        const uint32_t end = (uint32_t)fmin(ceil(centre + width), (double)num_in);
        float *taps = axis->taps + (size_t)i * max_taps;
        double sum = 0.0;
        for (uint32_t t = 0; t < end - begin; t++)
            sum += fmax(0.0, 1.0 - fabs((double)(begin + t) + 0.5 - centre) / width);
        for (uint32_t t = 0; t < max_taps; t++) {
            const double tap = fmax(0.0, 1.0 - fabs((double)(begin + t) + 0.5 - centre) / width);
            taps[t] = t < end - begin ? (float)(tap / sum) : 0.0f;
        }
        axis->begin[i] = begin;
        axis->num[i] = end - begin;
    }
    return TYTO_OK;
}

/* mixed[x] = sum over taps of tap * row[x], four rows at a time. */
TYTO_SIMD
static void mix_rows(const uint8_t *rows, size_t stride, const float *taps, uint32_t num,
                     float *restrict mixed, uint32_t row_bytes)
{
    const float first = taps[0];
    for (uint32_t x = 0; x < row_bytes; x++)
        mixed[x] = first * (float)rows[x];
    uint32_t t = 1;
    for (; t + 4 <= num; t += 4) {
        const uint8_t *r0 = rows + t * stride, *r1 = r0 + stride, *r2 = r1 + stride,
                      *r3 = r2 + stride;
        const float w0 = taps[t], w1 = taps[t + 1], w2 = taps[t + 2], w3 = taps[t + 3];
        for (uint32_t x = 0; x < row_bytes; x++)
            mixed[x] +=
                (w0 * (float)r0[x] + w1 * (float)r1[x]) + (w2 * (float)r2[x] + w3 * (float)r3[x]);
    }
    for (; t < num; t++) {
        const uint8_t *row = rows + t * stride;
        const float w = taps[t];
        for (uint32_t x = 0; x < row_bytes; x++)
            mixed[x] += w * (float)row[x];
    }
}

TYTO_SIMD
static void filter_row(const struct axis *axis, const float *restrict in, float *restrict out)
{
    const uint32_t num_out = axis->num_out, max_taps = axis->max_taps;
    for (uint32_t i = 0; i < num_out; i++) {
        const float *at = in + axis->begin[i];
        const float *taps = axis->taps + (size_t)i * max_taps;
        vec8 sum = *(const vec8 *)at * *(const vec8 *)taps;
        for (uint32_t t = LANES; t < max_taps; t += LANES)
            sum += *(const vec8 *)(at + t) * *(const vec8 *)(taps + t);
        out[i] = ((sum[0] + sum[4]) + (sum[1] + sum[5])) + ((sum[2] + sum[6]) + (sum[3] + sum[7]));
    }
}

TYTO_SIMD
static void split_row(const float *restrict in, uint32_t pitch, uint32_t num, float *restrict out,
                      uint32_t out_floats)
{
    if (pitch == 2)
        for (uint32_t x = 0; x < num; x++) {
            out[x] = in[2 * x];
            out[out_floats + x] = in[2 * x + 1];
        }
    else
        for (uint32_t x = 0; x < num; x++) {
            out[x] = in[3 * x];
            out[out_floats + x] = in[3 * x + 1];
            out[2 * out_floats + x] = in[3 * x + 2];
        }
}

/* `pitch` interleaved channels of one plane at output row oy. */
static void resize_row(struct tyto_image_resize_cpu *resize, const struct axis *x_axis,
                       const struct axis *y_axis, const uint8_t *plane, size_t stride,
                       uint32_t pitch, uint32_t oy, float *out)
{
    const uint8_t *rows = plane + y_axis->begin[oy] * stride;
    const float *taps = y_axis->taps + (size_t)oy * y_axis->max_taps;

    mix_rows(rows, stride, taps, y_axis->num[oy], resize->mixed, x_axis->num_in * pitch);
    if (pitch == 1) {
        filter_row(x_axis, resize->mixed, out);
        return;
    }
    split_row(resize->mixed, pitch, x_axis->num_in, resize->lanes, resize->row_floats);
    for (uint32_t c = 0; c < pitch; c++)
        filter_row(x_axis, resize->lanes + (size_t)c * resize->row_floats,
                   out + (size_t)c * x_axis->num_out);
}

/* rgb = matrix * yuv + offset, clamped, normalised. */
TYTO_SIMD
static void write_row(const struct tyto_image_resize_shape *shape, uint32_t width,
                      const float matrix[12], const float *restrict level, float *restrict out)
{
    const uint32_t channels = tyto_image_resize_channels(shape);
    const float *mean = shape->mean, *scale = shape->scale;

    for (uint32_t x = 0; x < width; x++) {
        const float y = level[x], u = level[width + x], v = level[2 * width + x];
        for (uint32_t c = 0; c < 3; c++) {
            float rgb = matrix[4 * c] * y + matrix[4 * c + 1] * u + matrix[4 * c + 2] * v +
                        matrix[4 * c + 3];
            rgb = rgb < 0.0f ? 0.0f : rgb;
            rgb = rgb > 255.0f ? 255.0f : rgb;
            out[channels * x + c] = (rgb - mean[c]) * scale[c];
        }
        if (channels == 4)
            out[4 * x + 3] = 1.0f;
    }
}

static enum tyto_err prepare(struct tyto_image_resize_cpu *resize, const struct tyto_frame *frame,
                             const struct tyto_image_resize_rect *rect)
{
    const uint32_t w = rect->width, h = rect->height;
    const double scale_x = (double)frame->width / w;
    const double scale_y = (double)frame->height / h;
    const uint32_t half_w = (frame->width + 1) / 2, half_h = (frame->height + 1) / 2;
    struct axis *axes = resize->axes;
    enum tyto_err err = axis_set(&axes[AXIS_X], frame->width, w, scale_x);

    if (!err)
        err = axis_set(&axes[AXIS_Y], frame->height, h, scale_y);
    if (!err && frame->format != TYTO_PIXEL_RGB)
        err = axis_set(&axes[AXIS_CHROMA_X], half_w, w, scale_x / 2.0);
    if (!err && frame->format != TYTO_PIXEL_RGB)
        err = axis_set(&axes[AXIS_CHROMA_Y], half_h, h, scale_y / 2.0);
    if (err)
        return err;

    /* filter_row() reads up to max_taps past the last tap's begin: weight 0, but
     * the float must exist and be finite. */
    const uint32_t row_floats = frame->width + axes[AXIS_X].max_taps + ROW_PAD;
    if (row_floats > resize->row_floats) {
        float *mixed = calloc((size_t)row_floats * 6, sizeof(*mixed));
        if (!mixed)
            return TYTO_ERR_NOMEM;
        free(resize->mixed);
        resize->mixed = mixed;
        resize->lanes = mixed + (size_t)row_floats * 3;
        resize->row_floats = row_floats;
    }
    return TYTO_OK;
}

enum tyto_err tyto_image_resize_cpu_run(struct tyto_image_resize_cpu *resize,
                                        const struct tyto_frame *frame, float *out)
{
    enum tyto_err err = tyto_frame_check(frame);
    if (err)
        return err;
    const struct tyto_image_resize_rect rect =
        tyto_image_resize_rect(&resize->shape, frame->width, frame->height);
    err = prepare(resize, frame, &rect);
    if (err)
        return err;

    const struct axis *axes = resize->axes;
    const uint32_t width = rect.width;
    const size_t channels = tyto_image_resize_channels(&resize->shape);
    const size_t out_pitch = resize->shape.out_w * channels;
    if (resize->shape.letterbox)
        memset(out, 0, resize->shape.out_h * out_pitch * sizeof(*out));
    out += rect.top * out_pitch + rect.left * channels;
    float *level = resize->level;
    float matrix[12];
    tyto_image_colour(frame, matrix);
    for (uint32_t oy = 0; oy < rect.height; oy++) {
        const uint8_t *const *planes = frame->planes;
        const uint32_t *strides = frame->strides_bytes;
        const uint32_t pitch = frame->format == TYTO_PIXEL_RGB ? 3 : 1;
        resize_row(resize, &axes[AXIS_X], &axes[AXIS_Y], planes[0], strides[0], pitch, oy, level);
        if (frame->format == TYTO_PIXEL_NV12)
            resize_row(resize, &axes[AXIS_CHROMA_X], &axes[AXIS_CHROMA_Y], planes[1], strides[1], 2,
                       oy, level + width);
        else if (frame->format == TYTO_PIXEL_I420)
            for (uint32_t c = 1; c < 3; c++)
                resize_row(resize, &axes[AXIS_CHROMA_X], &axes[AXIS_CHROMA_Y], planes[c],
                           strides[c], 1, oy, level + (size_t)c * width);
        write_row(&resize->shape, width, matrix, level, out + oy * out_pitch);
    }
    return TYTO_OK;
}

enum tyto_err tyto_image_resize_cpu_create(const struct tyto_image_resize_shape *shape,
                                           struct tyto_image_resize_cpu **ret_resize)
{
    if (shape->out_w == 0 || shape->out_h == 0 || shape->out_w > TYTO_IMAGE_RESIZE_MAX_OUT ||
        shape->out_h > TYTO_IMAGE_RESIZE_MAX_OUT)
        return TYTO_ERR_SHAPE;
    struct tyto_image_resize_cpu *resize = calloc(1, sizeof(*resize));
    if (!resize)
        return TYTO_ERR_NOMEM;

    resize->shape = *shape;
    resize->level = malloc((size_t)shape->out_w * 3 * sizeof(*resize->level));
    bool complete = resize->level != NULL;
    for (int i = 0; i < NUM_AXES; i++) {
        struct axis *axis = &resize->axes[i];
        axis->cap_out = i == AXIS_X || i == AXIS_CHROMA_X ? shape->out_w : shape->out_h;
        axis->begin = malloc((size_t)axis->cap_out * 2 * sizeof(*axis->begin));
        axis->num = axis->begin ? axis->begin + axis->cap_out : NULL;
        complete = complete && axis->begin;
    }
    if (!complete) {
        tyto_image_resize_cpu_destroy(&resize);
        return TYTO_ERR_NOMEM;
    }
    *ret_resize = resize;
    return TYTO_OK;
}

void tyto_image_resize_cpu_destroy(struct tyto_image_resize_cpu **resize)
{
    struct tyto_image_resize_cpu *self = *resize;
    if (!self)
        return;
    for (int i = 0; i < NUM_AXES; i++) {
        free(self->axes[i].begin);
        free(self->axes[i].taps);
    }
    free(self->mixed);
    free(self->level);
    free(self);
    *resize = NULL;
}
