/* SPDX-License-Identifier: MIT */
/* Eight frames lie side by side in every array, so that each step of the FFT is
 * eight-wide without a thought about shuffles. A real FFT of N samples is a
 * complex one of N/2 (Stockham, radix 2) and a separation step. */
#include "model/encoder/log_mel_cpu.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/encoder/simd.h"

enum { LANES = 8, ALIGN_BYTES = 64 };

/* Bins [begin, end) are the only ones whose weight in the band is not 0. */
struct band {
    uint32_t begin, end;
};

struct tyto_log_mel_cpu {
    struct tyto_log_mel_shape shape; /* tables point into `tables` */
    uint32_t num_frames, num_bins;
    float *tables;    /* owned: window, mel (M, num_bins), cos and sin of N */
    float *mel_rows;  /* (M, num_bins) */
    float *cos, *sin; /* (fft/2): exp(-2 pi i n / fft) = cos - i sin */
    struct band *bands;
    float *work[2];  /* owned: re then im, (2, fft/2, LANES) */
    float *spectrum; /* (num_bins, LANES) */
};

static float finite_or_zero(float x)
{
    return fabsf(x) <= FLT_MAX ? x : 0.0f;
}

/* Even samples to re, odd ones to im, frame by frame. */
static void load_frames(const struct tyto_log_mel_cpu *mel, const float *pcm, uint32_t first,
                        float *re, float *im)
{
    const struct tyto_log_mel_shape *shape = &mel->shape;
    const uint32_t half = shape->fft / 2;

    for (uint32_t lane = 0; lane < LANES; lane++) {
        const uint32_t frame = first + lane < mel->num_frames ? first + lane : mel->num_frames - 1;
        const float *at = pcm + (size_t)frame * shape->hop;
        for (uint32_t n = 0; n < half; n++) {
            const uint32_t even = 2 * n, odd = 2 * n + 1;
            re[n * LANES + lane] =
                even < shape->window_len ? finite_or_zero(at[even]) * shape->window[even] : 0.0f;
            im[n * LANES + lane] =
                odd < shape->window_len ? finite_or_zero(at[odd]) * shape->window[odd] : 0.0f;
        }
    }
}

/* One Stockham step: n-point transforms, interleaved by `stride`, become n/2-point ones. */
TYTO_SIMD
static void fft_step(uint32_t half, uint32_t n, uint32_t stride, const float *restrict cosines,
                     const float *restrict sines, const float *restrict in, float *restrict out)
{
    const float *in_im = in + (size_t)half * LANES;
    float *out_im = out + (size_t)half * LANES;

    for (uint32_t p = 0; p < n / 2; p++) {
        const uint32_t turn = 2 * p * stride; /* tables are those of fft = 2 half */
        const float wr = cosines[turn], wi = -sines[turn];
        const size_t a = (size_t)p * stride * LANES, b = a + (size_t)(n / 2) * stride * LANES;
        const size_t sum = 2 * a, diff = sum + (size_t)stride * LANES;
        for (uint32_t i = 0; i < stride * LANES; i++) {
            const float re = in[a + i] - in[b + i], im = in_im[a + i] - in_im[b + i];
            out[sum + i] = in[a + i] + in[b + i];
            out_im[sum + i] = in_im[a + i] + in_im[b + i];
            out[diff + i] = re * wr - im * wi;
            out_im[diff + i] = re * wi + im * wr;
        }
    }
}

/* Separates the spectrum of the real signal out of the complex one's: power of each bin. */
TYTO_SIMD
static void real_power(uint32_t half, const float *restrict cosines, const float *restrict sines,
                       const float *restrict z, bool root, float *restrict spectrum)
{
    const float *z_im = z + (size_t)half * LANES;

    for (uint32_t k = 0; k <= half; k++) {
        const size_t a = (size_t)(k % half) * LANES, b = (size_t)((half - k) % half) * LANES;
        const float wr = k < half ? cosines[k] : -1.0f, wi = k < half ? -sines[k] : 0.0f;
        for (uint32_t lane = 0; lane < LANES; lane++) {
            const float even_re = z[a + lane] + z[b + lane];
            const float even_im = z_im[a + lane] - z_im[b + lane];
            const float odd_re = z_im[a + lane] + z_im[b + lane];
            const float odd_im = z[b + lane] - z[a + lane];
            const float re = 0.5f * (even_re + wr * odd_re - wi * odd_im);
            const float im = 0.5f * (even_im + wr * odd_im + wi * odd_re);
            spectrum[(size_t)k * LANES + lane] = re * re + im * im;
        }
    }
    if (root)
        for (size_t i = 0; i < (size_t)(half + 1) * LANES; i++)
            spectrum[i] = sqrtf(spectrum[i]);
}

TYTO_SIMD
static void sum_band(const float *restrict spectrum, const float *restrict weights,
                     struct band band, float *restrict sums)
{
    float sum[LANES] = {0};
    for (uint32_t k = band.begin; k < band.end; k++)
        for (uint32_t lane = 0; lane < LANES; lane++)
            sum[lane] += weights[k] * spectrum[(size_t)k * LANES + lane];
    memcpy(sums, sum, sizeof(sum));
}

static void write_bands(const struct tyto_log_mel_cpu *mel, uint32_t first, float *out)
{
    const struct tyto_log_mel_shape *shape = &mel->shape;
    const bool db = shape->form == TYTO_LOG_FORM_DB_POWER;
    const float db_per_neper = 4.342944819f; /* 10 / ln 10 */
    const uint32_t num = mel->num_frames - first < LANES ? mel->num_frames - first : LANES;

    for (uint32_t m = 0; m < shape->num_mel; m++) {
        float sums[LANES];
        sum_band(mel->spectrum, mel->mel_rows + (size_t)m * mel->num_bins, mel->bands[m], sums);
        for (uint32_t lane = 0; lane < num; lane++)
            out[(size_t)(first + lane) * shape->num_mel + m] =
                db ? db_per_neper * logf(fmaxf(sums[lane], shape->floor))
                   : logf(sums[lane] + shape->floor);
    }
}

void tyto_log_mel_cpu_run(struct tyto_log_mel_cpu *mel, const float *pcm, float *out)
{
    const struct tyto_log_mel_shape *shape = &mel->shape;
    const uint32_t half = shape->fft / 2;

    for (uint32_t first = 0; first < mel->num_frames; first += LANES) {
        float *in = mel->work[0], *next = mel->work[1];
        load_frames(mel, pcm, first, in, in + (size_t)half * LANES);
        for (uint32_t n = half, stride = 1; n > 1; n /= 2, stride *= 2) {
            fft_step(half, n, stride, mel->cos, mel->sin, in, next);
            float *swap = in;
            in = next;
            next = swap;
        }
        real_power(half, mel->cos, mel->sin, in, shape->form == TYTO_LOG_FORM_LN_MAGNITUDE,
                   mel->spectrum);
        write_bands(mel, first, out);
    }

    const size_t num_out = (size_t)mel->num_frames * shape->num_mel;
    float lowest = -FLT_MAX;
    if (shape->form == TYTO_LOG_FORM_DB_POWER && shape->top_db > 0.0f) {
        float peak = -FLT_MAX;
        for (size_t i = 0; i < num_out; i++)
            peak = out[i] > peak ? out[i] : peak;
        lowest = peak - shape->top_db;
    }
    for (size_t i = 0; i < num_out; i++)
        out[i] = (out[i] > lowest ? out[i] : lowest) * shape->post_scale + shape->post_shift;
}

static void fill_tables(struct tyto_log_mel_cpu *mel, const struct tyto_log_mel_shape *given)
{
    float *window = mel->tables;

    /* The scale of the samples rides on the window. */
    for (uint32_t n = 0; n < given->window_len; n++)
        window[n] = given->window[n] * given->pcm_scale;
    mel->shape.window = window;
    mel->shape.mel = mel->mel_rows;
    for (uint32_t n = 0; n < given->fft / 2; n++) {
        mel->cos[n] = (float)cos(2.0 * M_PI * n / given->fft);
        mel->sin[n] = (float)sin(2.0 * M_PI * n / given->fft);
    }
    for (uint32_t m = 0; m < given->num_mel; m++) {
        struct band *band = &mel->bands[m];
        for (uint32_t k = 0; k < mel->num_bins; k++) {
            const float weight = given->mel[(size_t)k * given->num_mel + m];
            mel->mel_rows[(size_t)m * mel->num_bins + k] = weight;
            if (weight == 0.0f)
                continue;
            if (band->end == 0)
                band->begin = k;
            band->end = k + 1;
        }
    }
}

enum tyto_err tyto_log_mel_cpu_create(const struct tyto_log_mel_shape *shape,
                                      struct tyto_log_mel_cpu **ret_mel)
{
    enum tyto_err err = tyto_log_mel_check(shape);
    if (err)
        return err;
    struct tyto_log_mel_cpu *mel = calloc(1, sizeof(*mel));
    if (!mel)
        return TYTO_ERR_NOMEM;

    mel->shape = *shape;
    mel->num_frames = tyto_log_mel_num_frames(shape);
    mel->num_bins = shape->fft / 2 + 1;
    const size_t num_mel_floats = (size_t)shape->num_mel * mel->num_bins;
    const size_t work_bytes = (size_t)shape->fft * LANES * sizeof(float);
    mel->tables = calloc((size_t)shape->fft * 2 + num_mel_floats, sizeof(float));
    mel->bands = calloc(shape->num_mel, sizeof(*mel->bands));
    mel->work[0] = aligned_alloc(ALIGN_BYTES, work_bytes);
    mel->work[1] = aligned_alloc(ALIGN_BYTES, work_bytes);
    mel->spectrum = aligned_alloc(ALIGN_BYTES, work_bytes);
    if (!mel->tables || !mel->bands || !mel->work[0] || !mel->work[1] || !mel->spectrum) {
        tyto_log_mel_cpu_destroy(&mel);
        return TYTO_ERR_NOMEM;
    }
    mel->cos = mel->tables + shape->fft;
    mel->sin = mel->cos + shape->fft / 2;
    mel->mel_rows = mel->sin + shape->fft / 2;
    fill_tables(mel, shape);
    *ret_mel = mel;
    return TYTO_OK;
}

void tyto_log_mel_cpu_destroy(struct tyto_log_mel_cpu **mel)
{
    struct tyto_log_mel_cpu *self = *mel;
    if (!self)
        return;
    free(self->tables);
    free(self->bands);
    free(self->work[0]);
    free(self->work[1]);
    free(self->spectrum);
    free(self);
    *mel = NULL;
}
