/* SPDX-License-Identifier: MIT */
/* Validation: of an epoch, and of the best one with its thresholds. */
#include <math.h>

#include "trainer/loop/internal.h"

/* Thresholds outside of this are chance on a small validation split. */
static const float min_threshold = 0.2f, max_threshold = 0.9f;

enum tyto_err tyto_train_make_scores(const struct tyto_train *train,
                                     struct tyto_train_scores *ret_scores)
{
    const struct tyto_cman_dims *dims = &train->params.step.dims;
    const struct tyto_dataset *val = train->params.val;
    const uint64_t rows = val ? (uint64_t)val->shape.num_clips * tyto_train_num_targets(train) : 0;
    struct tyto_train_scores scores = {
        .num = dims->head == TYTO_HEAD_SOFTMAX ? 1 : TYTO_CMAN_NUM_TASKS};
    enum tyto_err err = rows > UINT32_MAX ? TYTO_ERR_SHAPE : TYTO_OK;

    for (uint32_t i = 0; i < scores.num && !err; i++)
        err = tyto_score_init(dims->head, (enum tyto_cman_task)i, dims->num_classes, (uint32_t)rows,
                              &scores.tasks[i]);
    if (err) {
        tyto_train_free_scores(&scores);
        return err;
    }
    *ret_scores = scores;
    return TYTO_OK;
}

void tyto_train_free_scores(struct tyto_train_scores *scores)
{
    for (uint32_t i = 0; i < TYTO_CMAN_NUM_TASKS; i++)
        tyto_score_finish(&scores->tasks[i]);
    scores->num = 0;
}

enum tyto_err tyto_train_map(const struct tyto_train_scores *scores, float *ret_map)
{
    uint32_t num = 0;
    float sum = 0;
    enum tyto_err err = TYTO_OK;

    for (uint32_t i = 0; i < scores->num && !err; i++) {
        uint32_t classes = 0;
        float map = 0;

        err = tyto_score_map(&scores->tasks[i], &map, &classes);
        sum += map * (float)classes;
        num += classes;
    }
    *ret_map = num > 0 ? sum / (float)num : 0;
    return err;
}

static void add_clip(const struct tyto_train *train, const float *logits, uint32_t clip,
                     struct tyto_train_scores *scores)
{
    const struct tyto_dataset *val = train->params.val;
    const size_t stride = tyto_step_layout(train->step)->widths.logits;
    const size_t classes = val->shape.num_classes, num = val->shape.num_segments;

    const size_t rows = train->params.step.pool ? 1 : val->len[clip];
    const uint8_t *truth = train->params.step.pool ? val->clip_truth + clip * classes
                                                   : val->truth + clip * num * classes;

    for (uint32_t i = 0; i < scores->num; i++)
        for (size_t t = 0; t < rows; t++)
            tyto_score_add(&scores->tasks[i], logits + t * stride, truth + t * classes);
}

enum tyto_err tyto_train_validate(struct tyto_train *train, struct tyto_train_scores *scores,
                                  float *ret_loss)
{
    const uint32_t clips = train->params.val->shape.num_clips, size = train->params.step.batch;
    const uint32_t num = (clips + size - 1) / size;
    const size_t wide =
        (size_t)tyto_train_num_targets(train) * tyto_step_layout(train->step)->widths.logits;
    const struct tyto_batch_source source = tyto_train_source(train, train->params.val);
    double sum = 0, mass = 0;

    for (uint32_t i = 0; i < scores->num; i++)
        scores->tasks[i].num_rows = 0;
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
            add_clip(train, logits + b * wide, i * size + b, scores);
    }
    *ret_loss = mass > 0 ? (float)(sum / mass) : 0;
    return TYTO_OK;
}

/* Scores are bent to say how often they are right before thresholds are chosen on them; the file's
 * last layer is bent likewise (tyto_train_export). */
static void judge(struct tyto_train_scores *scores, struct tyto_train_figures *figures)
{
    const struct tyto_score *first = &scores->tasks[0];
    const size_t classes = first->num_classes;

    figures->num_rows = first->num_rows;
    figures->accuracy = tyto_score_accuracy(first);
    figures->macro_f1 = tyto_score_macro_f1(first);
    for (uint32_t i = 0; i < scores->num; i++) {
        struct tyto_score *score = &scores->tasks[i];
        float *thresholds = figures->thresholds + i * classes;

        if (score->head == TYTO_HEAD_MULTI_LABEL) {
            tyto_score_fit(score, &figures->scale[i], &figures->shift[i]);
            tyto_score_bend(score, figures->scale[i], figures->shift[i]);
            tyto_score_choose(score, min_threshold, max_threshold, thresholds);
        }
        for (uint32_t k = 0; k < classes; k++)
            figures->f1[i * classes + k] = tyto_score_f1(score, k, thresholds[k]);
    }
}

enum tyto_err tyto_train_evaluate(struct tyto_train *train, struct tyto_train_figures *ret_figures)
{
    const uint64_t num = tyto_step_layout(train->step)->num;
    struct tyto_train_figures figures = *ret_figures;
    struct tyto_train_scores scores = {0};
    enum tyto_err err = TYTO_OK;

    figures.loss = figures.accuracy = figures.macro_f1 = 0;
    figures.num_rows = 0;
    for (uint32_t k = 0; k < TYTO_CMAN_NUM_TASKS * train->params.step.dims.num_classes; k++) {
        figures.thresholds[k] = 0.5f;
        figures.f1[k] = 0;
    }
    for (uint32_t i = 0; i < TYTO_CMAN_NUM_TASKS; i++) {
        figures.scale[i] = 1;
        figures.shift[i] = 0;
    }
    if (!train->params.val) {
        *ret_figures = figures;
        return TYTO_OK;
    }
    err = tyto_train_make_scores(train, &scores);
    if (err)
        return err;
    err = tyto_step_read(train->step, train->rows, train->rows + num, train->rows + 2 * num);
    if (!err)
        err = tyto_step_write(train->step, train->best, NULL, NULL);
    if (!err)
        err = tyto_train_validate(train, &scores, &figures.loss);
    if (!err) /* as it was */
        err = tyto_step_write(train->step, train->rows, train->rows + num, train->rows + 2 * num);
    if (!err)
        judge(&scores, &figures);
    tyto_train_free_scores(&scores);
    if (!err)
        *ret_figures = figures;
    return err;
}
