/* SPDX-License-Identifier: MIT */
/* log_mel for the CPU executor: the same numbers in plain C by a table-driven
 * FFT over eight frames at once. One thread at a time. */
#ifndef TYTO_MODEL_ENCODER_LOG_MEL_CPU_H
#define TYTO_MODEL_ENCODER_LOG_MEL_CPU_H

#include "base/err.h"
#include "shaders/log_mel/log_mel.h"

struct tyto_log_mel_cpu;

/* Tables are copied. Errors of tyto_log_mel_check(), NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_log_mel_cpu_create(const struct tyto_log_mel_shape *shape,
                                      struct tyto_log_mel_cpu **ret_mel);
void tyto_log_mel_cpu_destroy(struct tyto_log_mel_cpu **mel);
/* out (F, M) of pcm (num_samples). Samples that are not finite count as 0. Never
 * fails, never allocates. */
void tyto_log_mel_cpu_run(struct tyto_log_mel_cpu *mel, const float *pcm, float *out);

#endif
