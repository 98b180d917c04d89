/* SPDX-License-Identifier: MIT */
#include "shaders/image_resize/image_resize.h"

#include <stdlib.h>
#include <string.h>

#include "shaders/image_resize/colour.h"
#include "shaders/image_resize/image_resize_shape.h"
#include "shaders/image_resize_cols_spv.h"
#include "shaders/image_resize_rows_spv.h"
#include "shaders/kernel.h"

enum { TEXEL_BYTES = 4, ROW_ALIGN = TYTO_IMAGE_RESIZE_BLOCK * TEXEL_BYTES };

struct tyto_image_resize {
    struct tyto_image_resize_shape shape;
    uint32_t lanes;
    struct tyto_kernel *rows, *cols;
};

static uint32_t plane_row_bytes(const struct tyto_frame *frame, int plane)
{
    const uint32_t half = (frame->width + 1) / 2;

    switch (frame->format) {
    case TYTO_PIXEL_I420:
        return plane == 0 ? frame->width : half;
    case TYTO_PIXEL_NV12:
        return plane == 0 ? frame->width : plane == 1 ? 2 * half : 0;
    case TYTO_PIXEL_RGB:
        return plane == 0 ? 3 * frame->width : 0;
    default:
        return 0;
    }
}

static uint32_t plane_num_rows(const struct tyto_frame *frame, int plane)
{
    return plane == 0 ? frame->height : (frame->height + 1) / 2;
}

static uint32_t padded(uint32_t row_bytes)
{
    return (row_bytes + ROW_ALIGN - 1) / ROW_ALIGN * ROW_ALIGN;
}

uint64_t tyto_image_resize_staging_bytes(const struct tyto_frame *frame, uint32_t *ret_mixed_texels)
{
    uint64_t bytes = 0;
    uint32_t texels = 0;

    for (int i = 0; i < 3; i++) {
        const uint32_t row_bytes = padded(plane_row_bytes(frame, i));
        bytes += (uint64_t)row_bytes * plane_num_rows(frame, i);
        texels += row_bytes / TEXEL_BYTES;
    }
    *ret_mixed_texels = texels;
    return bytes;
}

static void fill_channels(const struct tyto_image_resize_shape *shape,
                          const struct tyto_frame *frame, struct tyto_image_resize_frame *geometry)
{
    const struct tyto_image_resize_rect rect =
        tyto_image_resize_rect(shape, frame->width, frame->height);
    const uint32_t half = (frame->width + 1) / 2;
    const uint32_t luma_floats = padded(plane_row_bytes(frame, 0));

    for (uint32_t c = 0; c < 3; c++) {
        const bool rgb = frame->format == TYTO_PIXEL_RGB, chroma = !rgb && c > 0;
        const bool nv12 = frame->format == TYTO_PIXEL_NV12;
        uint32_t first = 0;
        if (rgb)
            first = c;
        else if (chroma)
            first = luma_floats + (nv12 ? c - 1 : (c - 1) * padded(half));
        geometry->channel_first[c] = first;
        geometry->channel_pitch[c] = rgb ? 3 : chroma && nv12 ? 2 : 1;
        geometry->channel_num[c] = chroma ? half : frame->width;
        geometry->cols_den[c] = chroma ? 2 * rect.width : rect.width;
    }
}

void tyto_image_resize_pack(const struct tyto_image_resize_shape *shape,
                            const struct tyto_frame *frame, uint8_t *staging, uint64_t offset_bytes,
                            uint32_t out_row, struct tyto_image_resize_frame *ret_geometry)
{
    const struct tyto_image_resize_rect rect =
        tyto_image_resize_rect(shape, frame->width, frame->height);
    struct tyto_image_resize_frame geometry = {
        .out_row = out_row,
        .rows_num = frame->height,
        .cols_num = frame->width,
        .rect = {rect.left, rect.top, rect.width, rect.height},
    };
    uint8_t *to = staging + offset_bytes;

    for (int i = 0; i < 3; i++) {
        const uint32_t row_bytes = plane_row_bytes(frame, i), stride = padded(row_bytes);
        const uint32_t num_rows = plane_num_rows(frame, i);
        if (row_bytes == 0)
            continue;
        geometry.plane_first[i] = (uint32_t)((uint64_t)(to - staging) / TEXEL_BYTES);
        geometry.plane_stride[i] = stride / TEXEL_BYTES;
        geometry.plane_texels[i] = stride / TEXEL_BYTES;
        geometry.plane_rows[i] = num_rows;
        geometry.rows_den[i] = i == 0 ? rect.height : 2 * rect.height;
        geometry.num_texels += stride / TEXEL_BYTES;
        for (uint32_t y = 0; y < num_rows; y++)
            memcpy(to + (size_t)y * stride, frame->planes[i] + (size_t)y * frame->strides_bytes[i],
                   row_bytes);
        to += (size_t)num_rows * stride;
    }
    fill_channels(shape, frame, &geometry);
    tyto_image_colour(frame, geometry.matrix);
    *ret_geometry = geometry;
}

enum tyto_err tyto_image_resize_create(struct tyto_gpu *gpu,
                                       const struct tyto_image_resize_shape *shape,
                                       struct tyto_image_resize **ret_op)
{
    static const enum tyto_bind_kind rows_binds[] = {TYTO_BIND_TEXEL_RGBA8UI, TYTO_BIND_STORAGE,
                                                     TYTO_BIND_STORAGE};
    static const enum tyto_bind_kind cols_binds[] = {TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_STORAGE,
                                                     TYTO_BIND_STORAGE};
    const struct tyto_lane_kernel_params rows = {
        .name = "image_resize_rows",
        .spirv = image_resize_rows_spv,
        .spirv_bytes = sizeof(image_resize_rows_spv),
        .binds = rows_binds,
        .num_binds = 3,
        .push_bytes = sizeof(struct tyto_image_resize_rows_push),
    };
    const struct tyto_lane_kernel_params cols = {
        .name = "image_resize_cols",
        .spirv = image_resize_cols_spv,
        .spirv_bytes = sizeof(image_resize_cols_spv),
        .binds = cols_binds,
        .num_binds = 3,
        .push_bytes = sizeof(struct tyto_image_resize_cols_push),
    };

    if (shape->out_w == 0 || shape->out_h == 0 || shape->out_w > TYTO_IMAGE_RESIZE_MAX_OUT ||
        shape->out_h > TYTO_IMAGE_RESIZE_MAX_OUT)
        return TYTO_ERR_SHAPE;
    if (TYTO_IMAGE_RESIZE_BLOCK % tyto_gpu_get_info(gpu)->subgroup_size != 0)
        return TYTO_ERR_UNSUPPORTED;
    struct tyto_image_resize *op = calloc(1, sizeof(*op));
    if (!op)
        return TYTO_ERR_NOMEM;
    op->shape = *shape;
    op->lanes = tyto_gpu_get_info(gpu)->subgroup_size;
    enum tyto_err err = tyto_lane_kernel_create(gpu, &rows, &op->rows);
    if (!err)
        err = tyto_lane_kernel_create(gpu, &cols, &op->cols);
    if (err) {
        tyto_image_resize_destroy(&op);
        return err;
    }
    *ret_op = op;
    return TYTO_OK;
}

void tyto_image_resize_destroy(struct tyto_image_resize **op)
{
    if (!op || !*op)
        return;
    tyto_kernel_destroy(&(*op)->rows);
    tyto_kernel_destroy(&(*op)->cols);
    free(*op);
    *op = NULL;
}

enum tyto_err tyto_image_resize_record(struct tyto_image_resize *op, struct tyto_plan *plan,
                                       uint32_t num_frames, uint32_t mixed_texels,
                                       const struct tyto_image_resize_binds *binds)
{
    const struct tyto_image_resize_shape *shape = &op->shape;
    const uint32_t channels = tyto_image_resize_channels(shape);
    const uint64_t out_floats = (uint64_t)shape->out_h * shape->out_w * channels;

    if (num_frames == 0 || num_frames > UINT16_MAX || mixed_texels == 0 ||
        mixed_texels % TYTO_IMAGE_RESIZE_BLOCK != 0 || !tyto_bind_fits(&binds->staging, 1, 1, 1) ||
        !tyto_bind_fits(&binds->frames, num_frames,
                        sizeof(struct tyto_image_resize_frame) / sizeof(float), 1) ||
        !tyto_bind_fits(&binds->mixed, num_frames, shape->out_h, 4ull * mixed_texels) ||
        !tyto_bind_fits(&binds->out, num_frames, out_floats, 1))
        return TYTO_ERR_SHAPE;

    const struct tyto_image_resize_rows_push rows_push = {
        .out_h = shape->out_h,
        .mixed_texels = mixed_texels,
    };
    const struct tyto_image_resize_cols_push cols_push = {
        .out_w = shape->out_w,
        .out_h = shape->out_h,
        .out_c = channels,
        .mixed_texels = mixed_texels,
        .mean = {shape->mean[0], shape->mean[1], shape->mean[2]},
        .scale = {shape->scale[0], shape->scale[1], shape->scale[2]},
    };
    const struct tyto_bind rows_binds[] = {binds->staging, binds->frames, binds->mixed};
    const struct tyto_bind cols_binds[] = {binds->mixed, binds->frames, binds->out};
    const uint32_t rows_groups = tyto_num_groups(mixed_texels, TYTO_IMAGE_RESIZE_BLOCK);
    const uint32_t cols_groups = tyto_num_groups(shape->out_w, op->lanes);
    enum tyto_err err = tyto_plan_dispatch(plan, op->rows, rows_binds, &rows_push, rows_groups,
                                           shape->out_h, num_frames);
    if (!err)
        err = tyto_plan_dispatch(plan, op->cols, cols_binds, &cols_push, cols_groups,
                                 tyto_num_groups(shape->out_h, TYTO_IMAGE_RESIZE_ROWS), num_frames);
    return err;
}
