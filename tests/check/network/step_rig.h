/* SPDX-License-Identifier: MIT */
/* Filled heads and batches for the checks of a training step, as scripts/golden/make_train.py and
 * make_cman.py fill theirs. */
#ifndef TYTO_TESTS_STEP_RIG_H
#define TYTO_TESTS_STEP_RIG_H

#include "shaders/cosine_attn/cosine_attn_shape.h"
#include "tests/check/check.h"
#include "trainer/step/step.h"

enum { STEP_RIG_STEPS = 10 };

extern const struct tyto_cman_dims step_small_dims;

/* PyTorch's AdamW at its defaults, step t from 1 on. */
struct tyto_adamw_hyper step_hyper_of(int t);
/* (layout->num), to be freed. */
float *step_filled_values(const struct tyto_params_layout *layout, float where_scale);
/* A batch in host memory, everything there, targets 0; step_free_batch frees it. */
struct tyto_step_in step_make_batch(const struct tyto_params_layout *layout, uint32_t batch);
void step_free_batch(struct tyto_step_in *in);
/* What workers beside the first run on. */
struct tyto_gpu_params step_like_first(void);
/* STEP_RIG_STEPS steps. */
void step_run_some(struct tyto_step *step, float *ret_losses, float *ret_norms);

#endif
