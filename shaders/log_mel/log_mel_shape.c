/* SPDX-License-Identifier: MIT */
/* What both the kernel and the plain C version ask of a log-mel shape. */
#include <stddef.h>

#include "shaders/log_mel/log_mel.h"

enum tyto_err tyto_log_mel_check(const struct tyto_log_mel_shape *shape)
{
    if (shape->fft < TYTO_LOG_MEL_MIN_FFT || shape->fft > TYTO_LOG_MEL_MAX_FFT ||
        (shape->fft & (shape->fft - 1)) != 0 || shape->window_len == 0 ||
        shape->window_len > shape->fft || shape->hop == 0 || shape->num_mel == 0 ||
        shape->num_mel > TYTO_LOG_MEL_MAX_BANDS || shape->num_samples < shape->window_len ||
        shape->num_samples > TYTO_LOG_MEL_MAX_SAMPLES)
        return TYTO_ERR_SHAPE;
    if (!shape->window || !shape->mel || !(shape->floor > 0.0f) || !(shape->top_db >= 0.0f) ||
        (shape->form != TYTO_LOG_FORM_LN_MAGNITUDE && shape->form != TYTO_LOG_FORM_DB_POWER))
        return TYTO_ERR_INVALID;
    return TYTO_OK;
}

uint32_t tyto_log_mel_num_frames(const struct tyto_log_mel_shape *shape)
{
    if (shape->hop == 0 || shape->num_samples < shape->window_len)
        return 0;
    return (shape->num_samples - shape->window_len) / shape->hop + 1;
}
