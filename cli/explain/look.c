/* SPDX-License-Identifier: MIT */
#include "cli/explain/look.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "files/page.h"
#include "model/encoder/log_mel_cpu.h"
#include "model/encoder/resize_cpu.h"
#include "trainer/media/write.h"

enum {
    PICTURE_HEIGHT = 108, /* px; the width follows from the picture, even and bounded */
    PICTURE_MAX_WIDTH = 256,
    PICTURE_QUALITY = 5, /* of JPEG: 2 is fine */
    SOUND_QUALITY = 4,
    RATE_HZ = 16000,
    FFT = 512,
    WINDOW = 400,
    HOP = 200,
    BANDS = 64,
    NUM_BINS = FFT / 2 + 1,
};
/* Loudness of a band in dB that is white, and that is black. */
#define QUIET_DB -75.f
#define LOUD_DB -5.f

struct tyto_explain_looks {
    int64_t begin_ns, end_ns;
    struct tyto_log_mel_cpu *mel;
    uint32_t num_frames;
    float *bands;    /* owned, (num_frames, BANDS) */
    uint8_t *planes; /* owned: an I420 picture of either kind */
    float *rgb;      /* owned, (PICTURE_HEIGHT, PICTURE_MAX_WIDTH, 3) */
    struct tyto_image_resize_cpu *resize;
    uint32_t width; /* of resize's output */
    uint32_t num;
    struct tyto_explain_shown shown[TYTO_EXPLAIN_MAX_SHOWN]; /* by time */
};

/* --- tables of the spectrogram ---------------------------------------------------------------- */

static float mel_of(float hz)
{
    return 2595 * log10f(1 + hz / 700);
}

/* Triangles of equal width in mel, each with a sum of 1, so that noise is one colour all over. */
static void fill_mel(float *mel)
{
    const float top = mel_of(RATE_HZ / 2.f), step = top / (BANDS + 1);
    for (uint32_t m = 0; m < BANDS; m++) {
        const float centre = step * (float)(m + 1);
        float sum = 0;
        for (uint32_t b = 0; b < NUM_BINS; b++) {
            const float at = mel_of((float)b * RATE_HZ / FFT);
            const float share = fmaxf(0, 1 - fabsf(at - centre) / step);
            mel[b * BANDS + m] = share;
            sum += share;
        }
        if (sum <= 0) { /* narrower than a bin: the one it lies in */
            const float hz = 700 * (powf(10, centre / 2595) - 1);
            mel[(uint32_t)(hz * FFT / RATE_HZ + 0.5f) * BANDS + m] = 1;
        }
        for (uint32_t b = 0; b < NUM_BINS && sum > 0; b++)
            mel[b * BANDS + m] /= sum;
    }
}

static enum tyto_err make_mel(struct tyto_explain_looks *looks)
{
    float window[WINDOW];
    float *mel = calloc((size_t)NUM_BINS * BANDS, sizeof(*mel));
    if (!mel)
        return TYTO_ERR_NOMEM;
    fill_mel(mel);
    for (int i = 0; i < WINDOW; i++)
        window[i] = 0.5f - 0.5f * cosf(2 * (float)M_PI * (float)i / WINDOW);
    const struct tyto_log_mel_shape shape = {
        .num_samples = RATE_HZ,
        .fft = FFT,
        .window_len = WINDOW,
        .hop = HOP,
        .num_mel = BANDS,
        .window = window,
        .mel = mel,
        .form = TYTO_LOG_FORM_DB_POWER,
        .pcm_scale = 2.f / (WINDOW / 2), /* a full-scale sine becomes 0 dB */
        .floor = 1e-12f,
        .post_scale = 1,
    };
    enum tyto_err err = tyto_log_mel_cpu_create(&shape, &looks->mel);
    looks->num_frames = tyto_log_mel_num_frames(&shape) & ~1u; /* JPEGs have even sides */
    looks->bands = calloc((size_t)tyto_log_mel_num_frames(&shape) * BANDS, sizeof(float));
    free(mel);
    return !err && !looks->bands ? TYTO_ERR_NOMEM : err;
}

enum tyto_err tyto_explain_looks_create(int64_t begin_ns, int64_t end_ns,
                                        struct tyto_explain_looks **ret_looks)
{
    struct tyto_explain_looks *looks = calloc(1, sizeof(*looks));
    if (!looks)
        return TYTO_ERR_NOMEM;
    looks->begin_ns = begin_ns;
    looks->end_ns = end_ns;
    const size_t num_px = (size_t)PICTURE_HEIGHT * PICTURE_MAX_WIDTH;
    enum tyto_err err = make_mel(looks);
    looks->planes = malloc(num_px * 3 / 2);
    looks->rgb = malloc(3 * num_px * sizeof(float));
    if (!err && (!looks->planes || !looks->rgb))
        err = TYTO_ERR_NOMEM;
    if (err) {
        tyto_explain_looks_destroy(&looks);
        return err;
    }
    *ret_looks = looks;
    return TYTO_OK;
}

void tyto_explain_looks_destroy(struct tyto_explain_looks **looks)
{
    if (!*looks)
        return;
    for (uint32_t i = 0; i < (*looks)->num; i++) {
        tyto_json_destroy(&(*looks)->shown[i].picture);
        tyto_json_destroy(&(*looks)->shown[i].sound);
    }
    tyto_log_mel_cpu_destroy(&(*looks)->mel);
    tyto_image_resize_cpu_destroy(&(*looks)->resize);
    free((*looks)->bands);
    free((*looks)->planes);
    free((*looks)->rgb);
    free(*looks);
    *looks = NULL;
}

/* --- pictures ----------------------------------------------------------------------------------
 */

/* The looks' planes as a JPEG in a string; NULL when it cannot be made. */
static struct tyto_json *make_jpeg(const struct tyto_explain_looks *looks, uint32_t width,
                                   uint32_t height, uint32_t quality)
{
    uint8_t *jpeg = NULL;
    size_t bytes = 0;
    if (tyto_sink_jpeg(looks->planes, width, height, quality, &jpeg, &bytes) != TYTO_OK)
        return NULL;
    struct tyto_json *json = tyto_page_data_url("image/jpeg", jpeg, bytes);
    free(jpeg);
    return json;
}

static uint8_t level_of(float value)
{
    return (uint8_t)fminf(255, fmaxf(0, value + 0.5f));
}

/* RGB of 0..255 to full-range I420 by BT.601, chroma of each 2 x 2 pixels. */
static void to_planes(struct tyto_explain_looks *looks, uint32_t width)
{
    const uint32_t height = PICTURE_HEIGHT;
    uint8_t *u = looks->planes + (size_t)width * height, *v = u + (size_t)width * height / 4;
    for (uint32_t y = 0; y < height; y++) {
        for (uint32_t x = 0; x < width; x++) {
            const float *p = looks->rgb + 3 * ((size_t)y * width + x);
            looks->planes[y * width + x] = level_of(0.299f * p[0] + 0.587f * p[1] + 0.114f * p[2]);
        }
    }
    for (uint32_t y = 0; y < height / 2; y++) {
        for (uint32_t x = 0; x < width / 2; x++) {
            float p[3] = {0};
            for (uint32_t i = 0; i < 4; i++)
                for (uint32_t c = 0; c < 3; c++)
                    p[c] +=
                        looks->rgb[3 * ((size_t)(2 * y + i / 2) * width + 2 * x + i % 2) + c] / 4;
            const size_t at = (size_t)y * (width / 2) + x;
            u[at] = level_of(128 - 0.168736f * p[0] - 0.331264f * p[1] + 0.5f * p[2]);
            v[at] = level_of(128 + 0.5f * p[0] - 0.418688f * p[1] - 0.081312f * p[2]);
        }
    }
}

static struct tyto_json *make_picture(struct tyto_explain_looks *looks,
                                      const struct tyto_frame *frame)
{
    uint32_t width = (PICTURE_HEIGHT * frame->width / frame->height) & ~1u;
    width = width < 16 ? 16 : width > PICTURE_MAX_WIDTH ? PICTURE_MAX_WIDTH : width;
    if (width != looks->width) {
        const struct tyto_image_resize_shape shape = {
            .out_w = width, .out_h = PICTURE_HEIGHT, .scale = {1, 1, 1}};
        tyto_image_resize_cpu_destroy(&looks->resize);
        looks->width = 0;
        if (tyto_image_resize_cpu_create(&shape, &looks->resize) != TYTO_OK)
            return NULL;
        looks->width = width;
    }
    if (tyto_image_resize_cpu_run(looks->resize, frame, looks->rgb) != TYTO_OK)
        return NULL;
    to_planes(looks, width);
    return make_jpeg(looks, width, PICTURE_HEIGHT, PICTURE_QUALITY);
}

static struct tyto_json *make_sound(struct tyto_explain_looks *looks,
                                    const struct tyto_segment_input *input)
{
    if (input->num_samples != RATE_HZ)
        return NULL;
    const uint32_t width = looks->num_frames;
    tyto_log_mel_cpu_run(looks->mel, input->pcm, looks->bands);
    for (uint32_t x = 0; x < width; x++) {
        for (uint32_t m = 0; m < BANDS; m++) {
            const float share = (looks->bands[x * BANDS + m] - QUIET_DB) / (LOUD_DB - QUIET_DB);
            looks->planes[(size_t)(BANDS - 1 - m) * width + x] = level_of(255 * (1 - share));
        }
    }
    memset(looks->planes + (size_t)width * BANDS, 128, (size_t)width * BANDS / 2);
    return make_jpeg(looks, width, BANDS, SOUND_QUALITY);
}

void tyto_explain_looks_put(struct tyto_explain_looks *looks,
                            const struct tyto_segment_input *input)
{
    if (input->begin_ns < looks->begin_ns || input->begin_ns >= looks->end_ns ||
        looks->num == TYTO_EXPLAIN_MAX_SHOWN)
        return;
    struct tyto_explain_shown *shown = &looks->shown[looks->num++];
    shown->begin_ns = input->begin_ns;
    if (input->frame) {
        shown->picture = make_picture(looks, input->frame);
        shown->aspect = (float)input->frame->width / (float)input->frame->height;
    }
    if (input->pcm)
        shown->sound = make_sound(looks, input);
}

struct tyto_explain_shown *tyto_explain_looks_at(struct tyto_explain_looks *looks, int64_t begin_ns)
{
    for (uint32_t i = 0; i < looks->num; i++)
        if (looks->shown[i].begin_ns == begin_ns)
            return &looks->shown[i];
    return NULL;
}
