/* SPDX-License-Identifier: MIT */
#include "tests/check/network/step_rig.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/golden/fill.h"

const struct tyto_cman_dims step_small_dims = {
    .num_segments = 6,
    .num_places = 9,
    .audio_in = 12,
    .visual_in = 20,
    .audio_width = 8,
    .visual_width = 16,
    .match_width = 10,
    .when_width = 8,
    .hidden_width = 12,
    .which_width = 6,
    .head_width = 14,
    .num_classes = 5,
    .num_logits = 15,
    .look_ahead = 1,
    .head = TYTO_HEAD_MULTI_LABEL,
};

/* PyTorch's AdamW at its defaults, step t from 1 on. */
struct tyto_adamw_hyper step_hyper_of(int t)
{
    return (struct tyto_adamw_hyper){
        .rate = 2e-3f,
        .beta_1 = 0.9f,
        .beta_2 = 0.999f,
        .epsilon = 1e-8f,
        .decay = 0.01f,
        .correct_1 = (float)(1 / (1 - pow(0.9, t))),
        .correct_2 = (float)(1 / (1 - pow(0.999, t))),
        .max_norm = 2,
    };
}

float *step_filled_values(const struct tyto_params_layout *layout, float where_scale)
{
    struct tyto_cman_tensor_info infos[TYTO_CMAN_NUM_TENSORS];
    float *tensors[TYTO_CMAN_NUM_TENSORS] = {0};
    float *values = check_floats(layout->num);

    tyto_cman_list_tensors(&layout->dims, infos);
    for (size_t i = 0; i < TYTO_CMAN_NUM_TENSORS; i++) {
        const size_t cols = infos[i].cols, num = infos[i].rows * (cols ? cols : 1);

        tensors[i] = check_floats(num);
        golden_fill(infos[i].name, tensors[i], num, cols ? golden_weight_scale(cols) : 0.125f);
    }
    tensors[TYTO_CMAN_WHERE_SCALE][0] = where_scale;
    tyto_params_put(layout, tensors, values);
    for (size_t i = 0; i < TYTO_CMAN_NUM_TENSORS; i++)
        free(tensors[i]);
    return values;
}

/* A batch in host memory, everything there; step_free_batch frees it. */
struct tyto_step_in step_make_batch(const struct tyto_params_layout *layout, uint32_t batch)
{
    const struct tyto_cman_dims *d = &layout->dims;
    const size_t rows = (size_t)batch * d->num_segments;
    struct tyto_step_in in = {
        .audio = check_floats(rows * d->audio_in),
        .visual = check_floats(rows * d->num_places * d->visual_in),
        .has = {malloc(rows * sizeof(uint32_t)), malloc(rows * sizeof(uint32_t))},
        .len = malloc(batch * sizeof(uint32_t)),
        .yes = check_floats(rows * layout->widths.logits),
        .no = check_floats(rows * layout->widths.logits),
    };

    if (!in.has[0] || !in.has[1] || !in.len)
        check_must(TYTO_ERR_NOMEM, "batch");
    golden_fill("in.audio", in.audio, rows * d->audio_in, 2);
    golden_fill("in.visual", in.visual, rows * d->num_places * d->visual_in, 2);
    for (uint32_t i = 0; i < rows; i++)
        in.has[0][i] = in.has[1][i] = i;
    for (uint32_t b = 0; b < batch; b++)
        in.len[b] = d->num_segments;
    return in;
}

void step_free_batch(struct tyto_step_in *in)
{
    free(in->audio);
    free(in->visual);
    free(in->has[0]);
    free(in->has[1]);
    free(in->len);
    free(in->yes);
    free(in->no);
}

/* What workers beside the first run on. */
struct tyto_gpu_params step_like_first(void)
{
    const char *minimal = getenv("TYTO_CHECK_MINIMAL"), *as_gpu = getenv("TYTO_CHECK_AS_GPU");

    return (struct tyto_gpu_params){.device = getenv("TYTO_DEVICE"),
                                    .as_gpu = as_gpu && strcmp(as_gpu, "1") == 0,
                                    .minimal = minimal && strcmp(minimal, "1") == 0};
}

void step_run_some(struct tyto_step *step, float *ret_losses, float *ret_norms)
{
    for (int t = 1; t <= STEP_RIG_STEPS; t++) {
        const struct tyto_adamw_hyper hyper = step_hyper_of(t);
        const struct tyto_dropout_key key = {7, 0, (uint32_t)t, 0};
        struct tyto_step_result result;

        check_must(tyto_step_run(step, &hyper, &key, &result), "run");
        ret_losses[t - 1] = result.loss;
        ret_norms[t - 1] = result.norm;
    }
}
