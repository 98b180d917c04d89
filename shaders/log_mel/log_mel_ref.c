/* SPDX-License-Identifier: MIT */
/* The truth for log_mel: a plain DFT sum in double for each frame and bin. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "shaders/log_mel/log_mel.h"

static void frame_spectrum(const struct tyto_log_mel_shape *shape, const float *pcm,
                           const double *turn, double *spectrum)
{
    const uint32_t fft = shape->fft;

    for (uint32_t k = 0; k <= fft / 2; k++) {
        double re = 0.0, im = 0.0;
        for (uint32_t n = 0; n < shape->window_len; n++) {
            const double x = (double)pcm[n] * (double)shape->pcm_scale * (double)shape->window[n];
            const uint32_t phase = (uint32_t)((uint64_t)n * k % fft);
            re += x * turn[(phase + fft / 4) % fft];
            im -= x * turn[phase];
        }
        const double power = re * re + im * im;
        spectrum[k] = shape->form == TYTO_LOG_FORM_LN_MAGNITUDE ? sqrt(power) : power;
    }
}

enum tyto_err tyto_log_mel_ref(const struct tyto_log_mel_shape *shape, const float *pcm,
                               double *out)
{
    const uint32_t num_frames = tyto_log_mel_num_frames(shape);
    const uint32_t num_bins = shape->fft / 2 + 1;
    const bool db = shape->form == TYTO_LOG_FORM_DB_POWER;
    double *turn = calloc((size_t)shape->fft + num_bins, sizeof(*turn));
    if (!turn)
        return TYTO_ERR_NOMEM;
    double *spectrum = turn + shape->fft;

    for (uint32_t n = 0; n < shape->fft; n++)
        turn[n] = sin(2.0 * M_PI * n / shape->fft);
    double peak = -INFINITY;
    for (uint32_t f = 0; f < num_frames; f++) {
        frame_spectrum(shape, pcm + (size_t)f * shape->hop, turn, spectrum);
        for (uint32_t m = 0; m < shape->num_mel; m++) {
            double sum = 0.0;
            for (uint32_t k = 0; k < num_bins; k++)
                sum += spectrum[k] * (double)shape->mel[(size_t)k * shape->num_mel + m];
            const double value = db ? 10.0 * log10(fmax(sum, (double)shape->floor))
                                    : log(sum + (double)shape->floor);
            out[(size_t)f * shape->num_mel + m] = value;
            peak = fmax(peak, value);
        }
    }
    for (size_t i = 0; i < (size_t)num_frames * shape->num_mel; i++) {
        if (db && shape->top_db > 0.0f)
            out[i] = fmax(out[i], peak - (double)shape->top_db);
        out[i] = out[i] * (double)shape->post_scale + (double)shape->post_shift;
    }
    free(turn);
    return TYTO_OK;
}
