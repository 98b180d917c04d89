/* SPDX-License-Identifier: MIT */
#include "shaders/log_mel/log_mel.h"

#include <math.h>
#include <stdlib.h>

#include "shaders/kernel.h"
#include "shaders/log_mel/log_mel_shape.h"
#include "shaders/log_mel_bands_spv.h"
#include "shaders/log_mel_fold_spv.h"
#include "shaders/log_mel_level_spv.h"
#include "shaders/log_mel_power_spv.h"

enum { KERNEL_FOLD, KERNEL_POWER, KERNEL_BANDS, KERNEL_LEVEL, NUM_KERNELS };
/* lavapipe ends a kernel's loops after 65535 rounds in all; log_mel_level does two a value. */
enum { MAX_SEGMENT_VALUES = 1 << 17 };
enum { TABLE_WINDOW, TABLE_COS, TABLE_SIN, TABLE_MEL, NUM_TABLES };

struct tyto_log_mel {
    struct tyto_log_mel_shape shape; /* its tables are not read after create */
    uint32_t num_frames, max_segments, lanes;
    uint32_t folded_vec4, bins_vec4, mel_vec4;
    struct tyto_kernel *kernels[NUM_KERNELS];
    struct tyto_buf *tables[NUM_TABLES];
    struct tyto_buf *folded;   /* (B*F, 2, folded) */
    struct tyto_buf *spectrum; /* (B*F, bins) */
};

static uint32_t num_vec4(uint32_t n)
{
    return (n + 3) / 4;
}

/* Bins that some band hears: the others need not be computed. At least 1. */
static uint32_t num_bins_heard(const struct tyto_log_mel_shape *shape)
{
    for (uint32_t k = shape->fft / 2; k > 0; k--)
        for (uint32_t m = 0; m < shape->num_mel; m++)
            if (shape->mel[(size_t)k * shape->num_mel + m] != 0.0f)
                return k + 1;
    return 1;
}

static enum tyto_err table_create(struct tyto_gpu *gpu, const float *values, size_t num,
                                  struct tyto_buf **ret_buf)
{
    struct tyto_buf *buf = NULL;
    enum tyto_err err = tyto_buf_create(gpu, TYTO_BUF_DEVICE, num * sizeof(float), &buf);
    if (!err)
        err = tyto_buf_write(buf, 0, values, num * sizeof(float));
    if (err) {
        tyto_buf_destroy(&buf);
        return err;
    }
    *ret_buf = buf;
    return TYTO_OK;
}

static void fill_turns(const struct tyto_log_mel *mel, bool sine, float *table)
{
    const uint32_t fft = mel->shape.fft, num_bins = mel->bins_vec4 * 4;

    for (uint32_t n = 0; n < mel->folded_vec4 * 4; n++)
        for (uint32_t k = 0; k < num_bins; k++) {
            const double angle = 2.0 * M_PI * (double)((uint64_t)n * k % fft) / fft;
            const bool half_turn = sine && (uint64_t)n * k % (fft / 2) == 0; /* exactly 0 */
            const bool used = n <= fft / 2 && k <= fft / 2 && !half_turn;
            table[(size_t)n * num_bins + k] = used ? (float)(sine ? sin(angle) : cos(angle)) : 0.0f;
        }
}

/* For each four n the window of x[n], then that of x[N-n]; see log_mel_fold.comp. */
static void fill_windows(const struct tyto_log_mel *mel, const struct tyto_log_mel_shape *shape,
                         float *windows)
{
    const uint32_t half = shape->fft / 2;

    for (uint32_t n = 0; n < mel->folded_vec4 * 4; n++) {
        const uint32_t back = shape->fft - n;
        float *low = windows + (size_t)(n / 4) * 8 + n % 4, *high = low + 4;
        *low = n <= half && n < shape->window_len ? shape->window[n] * shape->pcm_scale : 0.0f;
        *high = n > 0 && n < half && back < shape->window_len
                    ? shape->window[back] * shape->pcm_scale
                    : 0.0f;
    }
}

static enum tyto_err create_tables(struct tyto_log_mel *mel, struct tyto_gpu *gpu,
                                   const struct tyto_log_mel_shape *shape)
{
    const size_t num_bins = (size_t)mel->bins_vec4 * 4, num_mel = (size_t)mel->mel_vec4 * 4;
    const size_t num_turns = (size_t)mel->folded_vec4 * 4 * num_bins;
    const size_t num_weights = num_bins * num_mel;
    const size_t num = num_turns > num_weights ? num_turns : num_weights;
    float *values = calloc(num > 2 * shape->fft ? num : 2 * shape->fft, sizeof(*values));
    if (!values)
        return TYTO_ERR_NOMEM;

    fill_windows(mel, shape, values);
    enum tyto_err err =
        table_create(gpu, values, (size_t)mel->folded_vec4 * 8, &mel->tables[TABLE_WINDOW]);
    for (int i = TABLE_COS; i <= TABLE_SIN && !err; i++) {
        fill_turns(mel, i == TABLE_SIN, values);
        err = table_create(gpu, values, num_turns, &mel->tables[i]);
    }
    for (size_t k = 0; k < num_bins; k++)
        for (size_t m = 0; m < num_mel; m++)
            values[k * num_mel + m] = k <= shape->fft / 2 && m < shape->num_mel
                                          ? shape->mel[k * shape->num_mel + m]
                                          : 0.0f;
    if (!err)
        err = table_create(gpu, values, num_weights, &mel->tables[TABLE_MEL]);
    free(values);
    return err;
}

static enum tyto_err create_kernels(struct tyto_log_mel *mel, struct tyto_gpu *gpu)
{
    static const enum tyto_bind_kind fold[] = {TYTO_BIND_TEXEL_R32F, TYTO_BIND_TEXEL_RGBA32F,
                                               TYTO_BIND_STORAGE};
    static const enum tyto_bind_kind power[] = {TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_TEXEL_RGBA32F,
                                                TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_STORAGE};
    static const enum tyto_bind_kind bands[] = {TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_TEXEL_RGBA32F,
                                                TYTO_BIND_STORAGE};
    static const enum tyto_bind_kind level[] = {TYTO_BIND_STORAGE};
    const struct tyto_lane_kernel_params params[NUM_KERNELS] = {
        {"log_mel_fold", log_mel_fold_spv, sizeof(log_mel_fold_spv), fold, 3,
         sizeof(struct tyto_log_mel_fold_push), 0},
        {"log_mel_power", log_mel_power_spv, sizeof(log_mel_power_spv), power, 4,
         sizeof(struct tyto_log_mel_power_push), 0},
        {"log_mel_bands", log_mel_bands_spv, sizeof(log_mel_bands_spv), bands, 3,
         sizeof(struct tyto_log_mel_bands_push), mel->shape.num_mel % 4 == 0 ? 1 : 2},
        {"log_mel_level", log_mel_level_spv, sizeof(log_mel_level_spv), level, 1,
         sizeof(struct tyto_log_mel_level_push), 0},
    };
    enum tyto_err err = TYTO_OK;

    for (int i = 0; i < NUM_KERNELS && !err; i++)
        err = tyto_lane_kernel_create(gpu, &params[i], &mel->kernels[i]);
    return err;
}

enum tyto_err tyto_log_mel_create(struct tyto_gpu *gpu, const struct tyto_log_mel_shape *shape,
                                  uint32_t max_segments, struct tyto_log_mel **ret_mel)
{
    enum tyto_err err = tyto_log_mel_check(shape);
    if (err)
        return err;
    if (max_segments == 0 || max_segments > UINT16_MAX ||
        tyto_log_mel_num_frames(shape) > UINT16_MAX ||
        (uint64_t)tyto_log_mel_num_frames(shape) * shape->num_mel > MAX_SEGMENT_VALUES)
        return TYTO_ERR_SHAPE;
    const uint32_t lanes = tyto_gpu_get_info(gpu)->subgroup_size;
    if (lanes < TYTO_LOG_MEL_ROWS)
        return TYTO_ERR_UNSUPPORTED;

    struct tyto_log_mel *mel = calloc(1, sizeof(*mel));
    if (!mel)
        return TYTO_ERR_NOMEM;
    mel->shape = *shape;
    mel->lanes = lanes;
    mel->max_segments = max_segments;
    mel->num_frames = tyto_log_mel_num_frames(shape);
    mel->folded_vec4 = num_vec4(shape->fft / 2 + 1);
    mel->bins_vec4 = num_vec4(num_bins_heard(shape));
    mel->mel_vec4 = num_vec4(shape->num_mel);
    const uint64_t row_bytes = sizeof(float) * 4 * (uint64_t)max_segments * mel->num_frames;
    err = create_tables(mel, gpu, shape);
    if (!err)
        err = create_kernels(mel, gpu);
    if (!err)
        err = tyto_buf_create(gpu, TYTO_BUF_DEVICE, row_bytes * 2 * mel->folded_vec4, &mel->folded);
    if (!err)
        err = tyto_buf_create(gpu, TYTO_BUF_DEVICE, row_bytes * mel->bins_vec4, &mel->spectrum);
    if (err) {
        tyto_log_mel_destroy(&mel);
        return err;
    }
    *ret_mel = mel;
    return TYTO_OK;
}

void tyto_log_mel_destroy(struct tyto_log_mel **mel)
{
    struct tyto_log_mel *self = *mel;
    if (!self)
        return;
    tyto_buf_destroy(&self->folded);
    tyto_buf_destroy(&self->spectrum);
    for (int i = 0; i < NUM_TABLES; i++)
        tyto_buf_destroy(&self->tables[i]);
    for (int i = 0; i < NUM_KERNELS; i++)
        tyto_kernel_destroy(&self->kernels[i]);
    free(self);
    *mel = NULL;
}

static enum tyto_err record_spectrum(struct tyto_log_mel *mel, struct tyto_plan *plan,
                                     uint32_t num_segments, const struct tyto_bind *pcm)
{
    const struct tyto_log_mel_shape *shape = &mel->shape;
    const uint32_t num_rows = num_segments * mel->num_frames;
    const struct tyto_bind fold_binds[] = {
        *pcm, {.buf = mel->tables[TABLE_WINDOW]}, {.buf = mel->folded}};
    const struct tyto_log_mel_fold_push fold = {
        .num_samples = shape->num_samples,
        .num_frames = mel->num_frames,
        .hop = shape->hop,
        .fft = shape->fft,
        .folded_vec4 = mel->folded_vec4,
    };
    const struct tyto_bind power_binds[] = {{.buf = mel->folded},
                                            {.buf = mel->tables[TABLE_COS]},
                                            {.buf = mel->tables[TABLE_SIN]},
                                            {.buf = mel->spectrum}};
    const struct tyto_log_mel_power_push power = {
        .num_rows = num_rows,
        .folded_vec4 = mel->folded_vec4,
        .bins_vec4 = mel->bins_vec4,
        .root = shape->form == TYTO_LOG_FORM_LN_MAGNITUDE,
    };
    const uint32_t fold_groups = tyto_num_groups(mel->folded_vec4, mel->lanes);
    const uint32_t tiles = tyto_num_groups(num_rows, TYTO_LOG_MEL_ROWS);
    const uint32_t bin_groups = tyto_num_groups(mel->bins_vec4, mel->lanes);
    enum tyto_err err = tyto_plan_dispatch(plan, mel->kernels[KERNEL_FOLD], fold_binds, &fold,
                                           fold_groups, mel->num_frames, num_segments);
    if (!err)
        err = tyto_plan_dispatch(plan, mel->kernels[KERNEL_POWER], power_binds, &power, tiles,
                                 bin_groups, 1);
    return err;
}

enum tyto_err tyto_log_mel_record(struct tyto_log_mel *mel, struct tyto_plan *plan,
                                  uint32_t num_segments, const struct tyto_bind *pcm,
                                  const struct tyto_bind *out)
{
    const struct tyto_log_mel_shape *shape = &mel->shape;
    const uint32_t num_rows = num_segments * mel->num_frames;
    const bool db = shape->form == TYTO_LOG_FORM_DB_POWER;

    if (num_segments == 0 || num_segments > mel->max_segments ||
        !tyto_bind_fits(pcm, num_segments, shape->num_samples, 1) ||
        !tyto_bind_fits(out, num_segments, mel->num_frames, shape->num_mel))
        return TYTO_ERR_SHAPE;
    enum tyto_err err = record_spectrum(mel, plan, num_segments, pcm);
    if (err)
        return err;

    const struct tyto_bind bands_binds[] = {
        {.buf = mel->spectrum}, {.buf = mel->tables[TABLE_MEL]}, *out};
    const struct tyto_log_mel_bands_push bands = {
        .num_rows = num_rows,
        .bins_vec4 = mel->bins_vec4,
        .mel_vec4 = mel->mel_vec4,
        .num_mel = shape->num_mel,
        .db = db,
        .level_floor = shape->floor,
        .post_scale = shape->post_scale,
        .post_shift = shape->post_shift,
    };
    const uint32_t tiles = tyto_num_groups(num_rows, TYTO_LOG_MEL_ROWS);
    const uint32_t quad_groups = tyto_num_groups(mel->mel_vec4, mel->lanes);
    err = tyto_plan_dispatch(plan, mel->kernels[KERNEL_BANDS], bands_binds, &bands, tiles,
                             quad_groups, 1);
    if (err || !db)
        return err;

    const struct tyto_log_mel_level_push level = {
        .num = mel->num_frames * shape->num_mel,
        .top_db = shape->top_db,
        .post_scale = shape->post_scale,
        .post_shift = shape->post_shift,
    };
    return tyto_plan_dispatch(plan, mel->kernels[KERNEL_LEVEL], out, &level, num_segments, 1, 1);
}
