/* SPDX-License-Identifier: MIT */
#include "model/encoder/visual_front.h"

#include <stdlib.h>

#include "shaders/image_resize/image_resize_shape.h"

enum { MAX_CHUNK = 8, ALIGN_BYTES = 256 };
static const uint64_t CHUNK_BYTES = 16u << 20; /* of staging, unless one picture needs more */

struct tyto_visual_front {
    struct tyto_gpu *gpu; /* borrowed */
    struct tyto_image_resize_shape shape;
    struct tyto_image_resize *resize;
    struct tyto_buf *out;    /* borrowed */
    struct tyto_buf *frames; /* geometry */
    /* These follow the largest picture seen; NULL before the first. */
    uint64_t frame_bytes;
    uint32_t mixed_texels, chunk;
    struct tyto_buf *upload, *staging; /* staging: NULL where kernels read upload itself */
    struct tyto_buf *mixed;
    struct tyto_plan *plans[MAX_CHUNK]; /* for 1, 2, ... pictures */
};

enum tyto_err tyto_visual_front_create(struct tyto_gpu *gpu,
                                       const struct tyto_image_resize_shape *shape,
                                       struct tyto_buf *out, struct tyto_visual_front **ret_front)
{
    struct tyto_visual_front *front = calloc(1, sizeof(*front));
    if (!front)
        return TYTO_ERR_NOMEM;
    front->gpu = gpu;
    front->shape = *shape;
    front->out = out;
    enum tyto_err err = tyto_image_resize_create(gpu, shape, &front->resize);
    if (!err)
        err = tyto_buf_create(gpu, TYTO_BUF_UPLOAD,
                              MAX_CHUNK * sizeof(struct tyto_image_resize_frame), &front->frames);
    if (err) {
        tyto_visual_front_destroy(&front);
        return err;
    }
    *ret_front = front;
    return TYTO_OK;
}

static void drop_sized(struct tyto_visual_front *front)
{
    for (int i = 0; i < MAX_CHUNK; i++)
        tyto_plan_destroy(&front->plans[i]);
    tyto_buf_destroy(&front->upload);
    tyto_buf_destroy(&front->staging);
    tyto_buf_destroy(&front->mixed);
    front->frame_bytes = 0;
    front->mixed_texels = 0;
}

void tyto_visual_front_destroy(struct tyto_visual_front **front)
{
    if (!front || !*front)
        return;
    drop_sized(*front);
    tyto_buf_destroy(&(*front)->frames);
    tyto_image_resize_destroy(&(*front)->resize);
    free(*front);
    *front = NULL;
}

static enum tyto_err fit(struct tyto_visual_front *front, uint64_t frame_bytes,
                         uint32_t mixed_texels)
{
    frame_bytes = (frame_bytes + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;
    if (frame_bytes <= front->frame_bytes && mixed_texels <= front->mixed_texels)
        return TYTO_OK;
    if (frame_bytes < front->frame_bytes)
        frame_bytes = front->frame_bytes;
    if (mixed_texels < front->mixed_texels)
        mixed_texels = front->mixed_texels;

    const uint64_t many = CHUNK_BYTES / frame_bytes;
    const uint32_t chunk = many < 1 ? 1 : many > MAX_CHUNK ? MAX_CHUNK : (uint32_t)many;
    const uint64_t mixed_bytes = (uint64_t)chunk * front->shape.out_h * mixed_texels * 16;
    const bool apart = tyto_gpu_get_info(front->gpu)->kind == TYTO_GPU_KIND_DISCRETE;
    drop_sized(front);
    enum tyto_err err =
        tyto_buf_create(front->gpu, TYTO_BUF_UPLOAD, chunk * frame_bytes, &front->upload);
    if (!err && apart)
        err = tyto_buf_create(front->gpu, TYTO_BUF_DEVICE, chunk * frame_bytes, &front->staging);
    if (!err)
        err = tyto_buf_create(front->gpu, TYTO_BUF_DEVICE, mixed_bytes, &front->mixed);
    if (err) {
        drop_sized(front);
        return err;
    }
    front->chunk = chunk;
    front->frame_bytes = frame_bytes;
    front->mixed_texels = mixed_texels;
    return TYTO_OK;
}

static enum tyto_err plan_for(struct tyto_visual_front *front, uint32_t num,
                              struct tyto_plan **ret_plan)
{
    struct tyto_plan **kept = &front->plans[num - 1];
    struct tyto_plan *plan = NULL;

    if (!*kept) {
        const struct tyto_image_resize_binds binds = {
            .staging = {.buf = front->staging ? front->staging : front->upload},
            .frames = {.buf = front->frames},
            .mixed = {.buf = front->mixed},
            .out = {.buf = front->out},
        };
        enum tyto_err err = tyto_plan_create(front->gpu, "visual front", &plan);
        if (!err && front->staging)
            err =
                tyto_plan_copy(plan, front->upload, 0, front->staging, 0, num * front->frame_bytes);
        if (!err)
            err = tyto_image_resize_record(front->resize, plan, num, front->mixed_texels, &binds);
        if (!err)
            err = tyto_plan_finish(plan);
        if (err) {
            tyto_plan_destroy(&plan);
            return err;
        }
        *kept = plan;
    }
    *ret_plan = *kept;
    return TYTO_OK;
}

enum tyto_err tyto_visual_front_run(struct tyto_visual_front *front,
                                    const struct tyto_frame *frames, uint32_t num_frames)
{
    uint64_t frame_bytes = 0;
    uint32_t mixed_texels = 0;

    for (uint32_t i = 0; i < num_frames; i++) {
        enum tyto_err err = tyto_frame_check(&frames[i]);
        if (err)
            return err;
        uint32_t texels = 0;
        const uint64_t bytes = tyto_image_resize_staging_bytes(&frames[i], &texels);
        frame_bytes = bytes > frame_bytes ? bytes : frame_bytes;
        mixed_texels = texels > mixed_texels ? texels : mixed_texels;
    }
    enum tyto_err err = fit(front, frame_bytes, mixed_texels);
    struct tyto_image_resize_frame *geometry = tyto_buf_map(front->frames);
    for (uint32_t first = 0; first < num_frames && !err; first += front->chunk) {
        const uint32_t left = num_frames - first;
        const uint32_t num = left < front->chunk ? left : front->chunk;
        struct tyto_plan *plan = NULL;
        for (uint32_t i = 0; i < num; i++)
            tyto_image_resize_pack(&front->shape, &frames[first + i], tyto_buf_map(front->upload),
                                   i * front->frame_bytes, first + i, &geometry[i]);
        err = plan_for(front, num, &plan);
        if (!err)
            err = tyto_plan_run(plan);
    }
    return err;
}
