/* SPDX-License-Identifier: MIT */
#include "model/encoder/audio_device.h"

#include <stdlib.h>
#include <string.h>

#include "shaders/pool/pool.h"

struct tyto_audio_device {
    struct tyto_gpu *gpu;       /* borrowed */
    struct tyto_executor *exec; /* borrowed */
    struct tyto_audio_layout layout;
    uint32_t max_batch, num_samples;
    struct tyto_log_mel *log_mel;
    struct tyto_pool *pool;
    struct tyto_buf *upload, *pcm;      /* (B, num_samples); pcm: NULL where kernels read upload */
    struct tyto_buf *mel;               /* (B, F, M) */
    struct tyto_buf *output;            /* (B, A) */
    struct tyto_plan **before, **after; /* owned (max_batch) each: for 1, 2, ... segments */
};

static enum tyto_err create_bufs(struct tyto_audio_device *device)
{
    const struct tyto_audio_layout *layout = &device->layout;
    const uint64_t num = sizeof(float) * (uint64_t)device->max_batch;
    const uint64_t pcm_bytes = num * device->num_samples;
    const uint32_t channels = layout->embedding + 2 * layout->num_mel;
    const bool apart = tyto_gpu_get_info(device->gpu)->kind == TYTO_GPU_KIND_DISCRETE;
    enum tyto_err err = tyto_buf_create(device->gpu, TYTO_BUF_UPLOAD, pcm_bytes, &device->upload);

    if (!err && apart)
        err = tyto_buf_create(device->gpu, TYTO_BUF_DEVICE, pcm_bytes, &device->pcm);
    if (!err)
        err = tyto_buf_create(device->gpu, TYTO_BUF_DEVICE,
                              num * layout->num_frames * layout->num_mel, &device->mel);
    if (!err)
        err = tyto_buf_create(device->gpu, TYTO_BUF_DEVICE, num * channels, &device->output);
    return err;
}

enum tyto_err tyto_audio_device_create(struct tyto_gpu *gpu, const struct tyto_log_mel_shape *shape,
                                       const struct tyto_audio_layout *layout, uint32_t max_batch,
                                       struct tyto_executor *exec,
                                       struct tyto_audio_device **ret_device)
{
    struct tyto_audio_device *device = calloc(1, sizeof(*device));
    if (!device)
        return TYTO_ERR_NOMEM;
    device->gpu = gpu;
    device->exec = exec;
    device->layout = *layout;
    device->max_batch = max_batch;
    device->num_samples = shape->num_samples;
    device->before = calloc(max_batch, sizeof(struct tyto_plan *));
    device->after = calloc(max_batch, sizeof(struct tyto_plan *));
    enum tyto_err err = device->before && device->after ? TYTO_OK : TYTO_ERR_NOMEM;
    if (!err)
        err = tyto_log_mel_create(gpu, shape, max_batch, &device->log_mel);
    if (!err)
        err = tyto_pool_create(gpu, &device->pool);
    if (!err)
        err = create_bufs(device);
    if (err) {
        tyto_audio_device_destroy(&device);
        return err;
    }
    *ret_device = device;
    return TYTO_OK;
}

void tyto_audio_device_destroy(struct tyto_audio_device **device)
{
    if (!device || !*device)
        return;
    struct tyto_audio_device *self = *device;
    for (uint32_t i = 0; i < self->max_batch; i++) {
        if (self->before)
            tyto_plan_destroy(&self->before[i]);
        if (self->after)
            tyto_plan_destroy(&self->after[i]);
    }
    free(self->before);
    free(self->after);
    tyto_buf_destroy(&self->upload);
    tyto_buf_destroy(&self->pcm);
    tyto_buf_destroy(&self->mel);
    tyto_buf_destroy(&self->output);
    tyto_pool_destroy(&self->pool);
    tyto_log_mel_destroy(&self->log_mel);
    free(self);
    *device = NULL;
}

/* Samples to log-mel, and its windows to the network's rows: they are contiguous. */
static enum tyto_err record_before(struct tyto_audio_device *device, struct tyto_plan *plan,
                                   uint32_t num)
{
    const struct tyto_audio_layout *layout = &device->layout;
    const uint64_t frame_bytes = sizeof(float) * layout->num_mel;
    const uint64_t row_bytes = frame_bytes * layout->row_frames;
    const struct tyto_bind pcm = {.buf = device->pcm ? device->pcm : device->upload};
    const struct tyto_bind mel = {.buf = device->mel};
    struct tyto_buf *in = tyto_executor_input(device->exec);
    enum tyto_err err = TYTO_OK;

    if (device->pcm)
        err = tyto_plan_copy(plan, device->upload, 0, device->pcm, 0,
                             sizeof(float) * (uint64_t)num * device->num_samples);
    if (!err)
        err = tyto_log_mel_record(device->log_mel, plan, num, &pcm, &mel);
    for (uint32_t i = 0; i < num; i++)
        for (uint32_t r = 0; r < layout->rows_per_segment && !err; r++) {
            const uint64_t frame = (uint64_t)i * layout->num_frames + r * layout->frames_hop;
            const uint64_t row = (uint64_t)i * layout->rows_per_segment + r;
            err = tyto_plan_copy(plan, device->mel, frame * frame_bytes, in, row * row_bytes,
                                 row_bytes);
        }
    return err;
}

/* Means of the embeddings and of the log-mel, and its deviations, side by side. */
static enum tyto_err record_after(struct tyto_audio_device *device, struct tyto_plan *plan,
                                  uint32_t num)
{
    const struct tyto_audio_layout *layout = &device->layout;
    const struct tyto_bind embeddings = {.buf = tyto_executor_output(device->exec)};
    const struct tyto_bind mel = {.buf = device->mel}, out = {.buf = device->output};
    struct tyto_pool_shape shape = {
        .mode = TYTO_POOL_MODE_AVG,
        .batch = num,
        .in_h = layout->num_places,
        .in_w = 1,
        .channels = layout->embedding,
        .out_h = 1,
        .out_w = 1,
        .kernel_h = layout->num_places,
        .kernel_w = 1,
        .stride_h = 1,
        .stride_w = 1,
        .out_pitch = layout->embedding + 2 * layout->num_mel,
    };
    enum tyto_err err = tyto_pool_record(device->pool, plan, &shape, &embeddings, &out);
    if (err)
        return err;
    shape.in_h = shape.kernel_h = layout->num_frames;
    shape.channels = layout->num_mel;
    shape.out_first = layout->embedding;
    tyto_plan_concurrent(plan);
    err = tyto_pool_record(device->pool, plan, &shape, &mel, &out);
    if (err)
        return err;
    shape.mode = TYTO_POOL_MODE_STD;
    shape.out_first = layout->embedding + layout->num_mel;
    tyto_plan_concurrent(plan);
    return tyto_pool_record(device->pool, plan, &shape, &mel, &out);
}

typedef enum tyto_err record_fn(struct tyto_audio_device *device, struct tyto_plan *plan,
                                uint32_t num);

static enum tyto_err run_plan(struct tyto_audio_device *device, struct tyto_plan **plans,
                              uint32_t num, const char *name, record_fn *record)
{
    struct tyto_plan **kept = &plans[num - 1];

    if (!*kept) {
        struct tyto_plan *plan = NULL;
        enum tyto_err err = tyto_plan_create(device->gpu, name, &plan);
        if (!err)
            err = record(device, plan, num);
        if (!err)
            err = tyto_plan_finish(plan);
        if (err) {
            tyto_plan_destroy(&plan);
            return err;
        }
        *kept = plan;
    }
    return tyto_plan_run(*kept);
}

enum tyto_err tyto_audio_device_run(struct tyto_audio_device *device, const float *const *pcm,
                                    uint32_t num_segments)
{
    float *upload = tyto_buf_map(device->upload);

    for (uint32_t i = 0; i < num_segments; i++)
        memcpy(upload + (size_t)i * device->num_samples, pcm[i],
               device->num_samples * sizeof(*upload));
    enum tyto_err err =
        run_plan(device, device->before, num_segments, "audio front", record_before);
    if (!err)
        err = tyto_executor_run(device->exec, num_segments * device->layout.rows_per_segment);
    if (!err)
        err = run_plan(device, device->after, num_segments, "audio statistics", record_after);
    return err;
}

const struct tyto_buf *tyto_audio_device_output(const struct tyto_audio_device *device)
{
    return device->output;
}
