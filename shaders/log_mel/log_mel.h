/* SPDX-License-Identifier: MIT */
/* Sound to log-mel: frames of `fft` samples every `hop`, windowed, DFT, mel
 * bands of magnitude or power, logarithm, affine. Every table comes with the
 * encoder's weights, so that it hears what it was trained with. */
#ifndef TYTO_SHADERS_LOG_MEL_H
#define TYTO_SHADERS_LOG_MEL_H

#include <stdint.h>

#include "base/err.h"
#include "shaders/runtime/gpu.h"

enum tyto_log_form {
    TYTO_LOG_FORM_LN_MAGNITUDE, /* ln(mel(|X|) + floor) */
    TYTO_LOG_FORM_DB_POWER, /* 10 log10(max(mel(|X|^2), floor)), then max(., segment's max - top_db)
                             */
};

enum {
    TYTO_LOG_MEL_MIN_FFT = 64,
    TYTO_LOG_MEL_MAX_FFT = 2048,
    TYTO_LOG_MEL_MAX_BANDS = 256,
    TYTO_LOG_MEL_MAX_SAMPLES = 1 << 20,
};

struct tyto_log_mel_shape {
    uint32_t num_samples; /* of one segment */
    uint32_t fft;         /* power of two */
    uint32_t window_len;  /* <= fft; the rest of a frame counts as zeros */
    uint32_t hop;
    uint32_t num_mel;    /* M */
    const float *window; /* (window_len), borrowed until create returns */
    const float *mel;    /* (fft/2+1, M), borrowed until create returns */
    enum tyto_log_form form;
    float pcm_scale;              /* samples are multiplied by it first */
    float floor;                  /* > 0 */
    float top_db;                 /* DB_POWER: 0 is none */
    float post_scale, post_shift; /* out = log * post_scale + post_shift */
};

/* TYTO_ERR_SHAPE when a count is outside its limits or the segment is shorter
 * than one window; INVALID when floor is not positive or a table is missing. */
TYTO_MUST_CHECK
enum tyto_err tyto_log_mel_check(const struct tyto_log_mel_shape *shape);
/* F: windows that fit into a segment, without padding. 0 for a shape that does not pass. */
uint32_t tyto_log_mel_num_frames(const struct tyto_log_mel_shape *shape);

struct tyto_log_mel;

/* Tables are copied to the gpu; scratch for max_segments is made. gpu is borrowed
 * until destroy. Errors of tyto_log_mel_check(); UNSUPPORTED when the device's
 * subgroups have less than 8 lanes; those of buffers and kernels. */
TYTO_MUST_CHECK
enum tyto_err tyto_log_mel_create(struct tyto_gpu *gpu, const struct tyto_log_mel_shape *shape,
                                  uint32_t max_segments, struct tyto_log_mel **ret_mel);
void tyto_log_mel_destroy(struct tyto_log_mel **mel);
/* out (B, F, M) f32 = log-mel of pcm (B, num_samples) f32. Buffers and mel are
 * borrowed until the plan is destroyed. TYTO_ERR_SHAPE when B is 0 or over
 * max_segments or a buffer is too small; then nothing is recorded. */
TYTO_MUST_CHECK
enum tyto_err tyto_log_mel_record(struct tyto_log_mel *mel, struct tyto_plan *plan,
                                  uint32_t num_segments, const struct tyto_bind *pcm,
                                  const struct tyto_bind *out);

/* The truth for tests: out (F, M) of pcm (num_samples). The shape must pass the check. */
TYTO_MUST_CHECK
enum tyto_err tyto_log_mel_ref(const struct tyto_log_mel_shape *shape, const float *pcm,
                               double *out);

#endif
