/* SPDX-License-Identifier: MIT */
/* A step's other objectives: the whole step's gradient against differences of its own loss, and
 * that the loss goes down. */
#include <math.h>
#include <stdlib.h>

#include "tests/check/network/step_rig.h"

enum { OTHER_BATCH = 6 };

/* A small head of one class at a time; six clips, some parts missing. */
static struct tyto_step *make_other(struct check *check, struct tyto_step_params params)
{
    const struct tyto_gpu_params gpu_params = step_like_first();
    struct tyto_step *step = NULL;

    params.gpu = check->gpu;
    params.gpu_params = &gpu_params;
    params.dims = step_small_dims;
    params.dims.head = TYTO_HEAD_SOFTMAX;
    params.dims.num_logits = params.dims.num_classes + 1;
    params.adapt[0] = params.adapt[1] = true;
    params.batch = OTHER_BATCH;
    check_must(tyto_step_create(&params, &step), "step of another objective");
    const struct tyto_params_layout *layout = tyto_step_layout(step);
    const uint32_t rows = OTHER_BATCH * layout->dims.num_segments;
    float *values = step_filled_values(layout, 8);
    struct tyto_step_in in = step_make_batch(layout, OTHER_BATCH);
    for (uint32_t i = 0; i < rows; i++)
        in.yes[i * layout->widths.logits + i % 4] = 1.0f / (float)rows;
    in.has[0][3] = in.has[1][8] = TYTO_ROW_NONE;
    in.len[5] = 4;
    check_must(tyto_step_load(step, &in), "batch");
    check_must(tyto_step_write(step, values, NULL, NULL), "values");
    step_free_batch(&in);
    free(values);
    return step;
}

/* The loss where the parameters stand: a step at a rate of 0. */
static double loss_at(struct tyto_step *step, const float *values)
{
    const struct tyto_adamw_hyper still = {.beta_1 = 0.9f, .beta_2 = 0.999f, .epsilon = 1e-8f};
    const struct tyto_dropout_key key = {0};
    struct tyto_step_result result;

    check_must(tyto_step_write(step, values, NULL, NULL), "values");
    check_must(tyto_step_run(step, &still, &key, &result), "run");
    return (double)result.loss;
}

/* The whole step's gradient against differences of its own loss, where it is large. */
static void slopes(struct check *check, struct tyto_step *step, const char *sentence)
{
    const size_t num = tyto_step_layout(step)->num;
    const float h = 4e-3f;
    float *values = check_floats(num), *grads = check_floats(num), largest = 0;
    double worst = 0;
    size_t num_tried = 0;

    check_must(tyto_step_read(step, values, NULL, NULL), "read");
    (void)loss_at(step, values);
    check_must(tyto_step_read_grads(step, grads), "gradients");
    for (size_t i = 0; i < num; i++)
        largest = fmaxf(largest, fabsf(grads[i]));
    for (size_t i = 0; i < num && num_tried < 24; i += 7) {
        const float was = values[i];

        if (fabsf(grads[i]) < 0.1f * largest)
            continue;
        values[i] = was + h;
        const double above = loss_at(step, values);
        values[i] = was - h;
        const double below = loss_at(step, values);
        values[i] = was;
        const double slope = (above - below) / (double)(was + h - (was - h));
        worst = fmax(worst, fabs(slope - (double)grads[i]) / (double)largest);
        num_tried++;
    }
    check_that(check, num_tried > 4 && worst < 1e-2, "%s: a gradient is off by %g of the largest",
               sentence, worst);
    check_must(tyto_step_write(step, values, NULL, NULL), "values");
    free(values);
    free(grads);
}

static void learns(struct check *check, struct tyto_step *step, const char *sentence)
{
    float losses[STEP_RIG_STEPS], norms[STEP_RIG_STEPS];

    step_run_some(step, losses, norms);
    check_that(check, losses[STEP_RIG_STEPS - 1] < losses[0], "%s: from %g to %g", sentence,
               (double)losses[0], (double)losses[STEP_RIG_STEPS - 1]);
}

static void contrasts(struct check *check)
{
    struct tyto_step *step =
        make_other(check, (struct tyto_step_params){.objective = TYTO_STEP_CONTRAST});
    const struct tyto_params_layout *layout = tyto_step_layout(step);
    const struct tyto_params_slot *head = &layout->slots[TYTO_CMAN_HEAD_0_WEIGHT];
    float *grads = check_floats(layout->num);
    bool is_still = true;

    slopes(check, step, "contrast");
    check_must(tyto_step_read_grads(step, grads), "gradients");
    for (size_t i = 0; i < (size_t)layout->widths.head * 2 * layout->widths.hidden; i++)
        is_still &= !(fabsf(grads[head->at + i]) > 0);
    check_that(check, is_still, "contrast: the head has no gradient");
    learns(check, step, "contrast");
    free(grads);
    tyto_step_destroy(&step);
}

/* The host has all workers' features, so that two are as one. */
static void discriminates(struct check *check)
{
    float losses[2][STEP_RIG_STEPS], norms[2][STEP_RIG_STEPS];

    for (uint32_t i = 0; i < 2; i++) {
        struct tyto_step *step = make_other(
            check, (struct tyto_step_params){.discriminant = 0.5f, .num_workers = i + 1});

        if (i == 0)
            slopes(check, step, "discriminant");
        step_run_some(step, losses[i], norms[i]);
        tyto_step_destroy(&step);
    }
    check_that(check, losses[0][STEP_RIG_STEPS - 1] < losses[0][0], "discriminant: from %g to %g",
               (double)losses[0][0], (double)losses[0][STEP_RIG_STEPS - 1]);
    check_close_to(check, losses[1], losses[0], STEP_RIG_STEPS, 1e-4,
                   "discriminant: two workers as one");
    check_close_to(check, norms[1], norms[0], STEP_RIG_STEPS, 1e-3,
                   "discriminant: two workers as one");
}

int main(int argc, char **argv)
{
    struct check check;
    int exit_code = 0;

    if (!check_open(&check, argc, argv, &exit_code))
        return exit_code;
    contrasts(&check);
    discriminates(&check);
    return check_close(&check);
}
