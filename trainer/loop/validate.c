/* SPDX-License-Identifier: MIT */
/* Validation: of an epoch, and of the best one with its thresholds. */
#include <math.h>

#include "trainer/loop/internal.h"

/* Thresholds outside of this are chance on a small validation split. */
static const float min_threshold = 0.2F, max_threshold = 0.9F;

enum tyto_err tyto_train_make_score(const struct tyto_train *train, struct tyto_score *ret_score)
{
    const struct tyto_cman_dims *dims = &train->params.step.dims;
    const struct tyto_dataset *val = train->params.val;
    const uint64_t rows = val ? (uint64_t)val->shape.num_clips * tyto_train_num_targets(train) : 0;

    if (rows > UINT32_MAX)
        return TYTO_ERR_SHAPE;
    return tyto_score_init(dims->head, dims->num_classes, (uint32_t)rows, ret_score);
}

static void add_clip(const struct tyto_train *train, const float *logits, uint32_t clip,
                     struct tyto_score *score)
{
    const struct tyto_dataset *val = train->params.val;
    const size_t stride = tyto_step_layout(train->step)->widths.logits;
    const size_t classes = val->shape.num_classes, num = val->shape.num_segments;

    if (train->params.step.pool) {
        tyto_score_add(score, logits, val->clip_truth + clip * classes);
        return;
    }
    for (size_t t = 0; t < val->len[clip]; t++)
        tyto_score_add(score, logits + t * stride, val->truth + (clip * num + t) * classes);
}

enum tyto_err tyto_train_validate(struct tyto_train *train, struct tyto_score *score,
                                  float *ret_loss)
{
    const uint32_t clips = train->params.val->shape.num_clips, size = train->params.step.batch;
    const uint32_t num = (clips + size - 1) / size;
    const size_t wide =
        (size_t)tyto_train_num_targets(train) * tyto_step_layout(train->step)->widths.logits;
    const struct tyto_batch_source source = tyto_train_source(train, train->params.val);
    double sum = 0, mass = 0;

    score->num_rows = 0;
    tyto_prefetch_begin(train->prefetch, &source, 0, num);
    for (uint32_t i = 0; i < num; i++) {
        const struct tyto_batch *batch = NULL;
        const float *logits = NULL;
        float loss = 0;
        enum tyto_err err = tyto_prefetch_next(train->prefetch, &batch);

        if (err)
            return err;
        err = tyto_train_load(train, batch);
        if (!err)
            err = tyto_step_eval(train->step, &logits, &loss);
        if (!err && !isfinite(loss))
            err = TYTO_ERR_INVALID;
        if (err)
            return err;
        sum += (double)loss * batch->mass;
        mass += batch->mass;
        for (uint32_t b = 0; b < batch->num; b++)
            add_clip(train, logits + b * wide, i * size + b, score);
    }
    *ret_loss = mass > 0 ? (float)(sum / mass) : 0;
    return TYTO_OK;
}

static void judge(const struct tyto_score *score, struct tyto_train_figures *figures)
{
    figures->num_rows = score->num_rows;
    figures->accuracy = tyto_score_accuracy(score);
    figures->macro_f1 = tyto_score_macro_f1(score);
    if (score->head == TYTO_HEAD_MULTI_LABEL)
        tyto_score_choose(score, min_threshold, max_threshold, figures->thresholds);
    for (uint32_t k = 0; k < score->num_classes; k++)
        figures->f1[k] = tyto_score_f1(score, k, figures->thresholds[k]);
}

enum tyto_err tyto_train_judge(struct tyto_train *train, struct tyto_train_figures *ret_figures)
{
    const uint64_t num = tyto_step_layout(train->step)->num;
    struct tyto_train_figures figures = *ret_figures;
    struct tyto_score score = {0};
    enum tyto_err err = TYTO_OK;

    figures.loss = figures.accuracy = figures.macro_f1 = 0;
    figures.num_rows = 0;
    for (uint32_t k = 0; k < train->params.step.dims.num_classes; k++) {
        figures.thresholds[k] = 0.5F;
        figures.f1[k] = 0;
    }
    if (!train->params.val) {
        *ret_figures = figures;
        return TYTO_OK;
    }
    err = tyto_train_make_score(train, &score);
    if (err)
        return err;
    err = tyto_step_read(train->step, train->rows, train->rows + num, train->rows + 2 * num);
    if (!err)
        err = tyto_step_write(train->step, train->best, NULL, NULL);
    if (!err)
        err = tyto_train_validate(train, &score, &figures.loss);
    if (!err) /* as it was */
        err = tyto_step_write(train->step, train->rows, train->rows + num, train->rows + 2 * num);
    if (!err)
        judge(&score, &figures);
    tyto_score_finish(&score);
    if (!err)
        *ret_figures = figures;
    return err;
}
