/* SPDX-License-Identifier: MIT */
#include "trainer/eval/evaluate.h"

#include <stdlib.h>
#include <string.h>

struct evaluate {
    const struct tyto_evaluate_params *params;
    struct tyto_predictor *predictors[2]; /* the second: late fusion, or NULL */
    float *thresholds;                    /* owned, (K) */
    uint64_t num_before, num_runs;        /* predictions of the whole data set */
};

static bool on_progress(void *user, uint32_t num_done, uint32_t num_clips)
{
    const struct evaluate *e = user;
    const struct tyto_evaluate_params *params = e->params;

    return !params->on_progress ||
           params->on_progress(params->user, e->num_before * num_clips + num_done,
                               e->num_runs * num_clips);
}

static enum tyto_err open_heads(struct evaluate *e, struct tyto_fault *ret_fault)
{
    const char *const paths[] = {e->params->head_path, e->params->late_path};
    const uint32_t num_classes = e->params->dataset->shape.num_classes;
    enum tyto_err err = TYTO_OK;

    e->thresholds = calloc(num_classes, sizeof(*e->thresholds));
    if (!e->thresholds)
        return TYTO_ERR_NOMEM;
    for (int i = 0; i < 2 && paths[i] && !err; i++) {
        const struct tyto_predictor_params params = {.head_path = paths[i],
                                                     .gpu = e->params->gpu,
                                                     .num_segments =
                                                         e->params->dataset->shape.num_segments};

        err = tyto_predictor_create(&params, &e->predictors[i], ret_fault);
        if (err)
            break;
        const struct tyto_cman_weights *head = tyto_predictor_head(e->predictors[i]);
        for (uint32_t k = 0; k < num_classes && k < head->dims.num_classes; k++)
            e->thresholds[k] += head->thresholds[k] / (paths[1] ? 2 : 1);
    }
    return err;
}

/* The second head must mean the same by its classes. */
static enum tyto_err check_late(const struct evaluate *e, struct tyto_fault *ret_fault)
{
    if (!e->predictors[1])
        return TYTO_OK;
    const struct tyto_cman_weights *a = tyto_predictor_head(e->predictors[0]);
    const struct tyto_cman_weights *b = tyto_predictor_head(e->predictors[1]);
    const size_t bytes = a->dims.num_classes * sizeof(*a->classes);
    bool is_same = a->dims.num_classes == b->dims.num_classes && a->dims.head == b->dims.head;

    for (uint32_t k = 0; k < a->dims.num_classes && is_same; k++)
        is_same = strcmp(a->classes[k], b->classes[k]) == 0;
    if (is_same && bytes > 0)
        return TYTO_OK;
    return tyto_fault_set(ret_fault, TYTO_ERR_SHAPE, e->params->late_path, 0, "tyto.classes",
                          "are not those of %s, or its head is of another kind",
                          e->params->head_path);
}

static enum tyto_err predict_at(struct evaluate *e, const struct tyto_predict_change *change,
                                bool with_details, struct tyto_predictions *ret,
                                struct tyto_fault *ret_fault)
{
    const struct tyto_predict_params params = {
        .change = *change, .with_details = with_details, .user = e, .on_progress = on_progress};
    struct tyto_predictions late;
    enum tyto_err err = tyto_predict(e->predictors[0], e->params->dataset, &params, ret, ret_fault);

    if (err)
        return err;
    e->num_before++;
    if (!e->predictors[1])
        return TYTO_OK;
    err = tyto_predict(e->predictors[1], e->params->dataset, &params, &late, ret_fault);
    if (!err) {
        e->num_before++;
        err = tyto_predictions_blend(ret, &late);
        tyto_predictions_finish(&late);
    }
    if (err)
        tyto_predictions_finish(ret);
    return err;
}

/* One offset more of the sound beside those that aligned has. */
static enum tyto_err add_moved_back(struct evaluate *e, struct tyto_predict_change change,
                                    int32_t by, struct tyto_aligned *aligned,
                                    struct tyto_fault *ret_fault)
{
    struct tyto_predictions said;

    change.moved_back = by;
    enum tyto_err err = predict_at(e, &change, false, &said, ret_fault);
    if (err)
        return err;
    err = tyto_aligned_add(aligned, &said, e->params->dataset->len);
    tyto_predictions_finish(&said);
    return err;
}

static enum tyto_err predict(struct evaluate *e, const struct tyto_predict_change *change,
                             bool with_details, struct tyto_predictions *ret,
                             struct tyto_fault *ret_fault)
{
    const int32_t reach = (int32_t)e->params->align;
    struct tyto_aligned aligned = {0};
    enum tyto_err err = predict_at(e, change, with_details, ret, ret_fault);

    if (err || reach == 0)
        return err;
    err = tyto_aligned_init(ret, e->params->dataset->len, &aligned);
    for (int32_t by = -reach; by <= reach && !err; by++)
        if (by != 0)
            err = add_moved_back(e, *change, by, &aligned, ret_fault);
    tyto_aligned_finish(&aligned);
    if (err)
        tyto_predictions_finish(ret);
    return err;
}

static enum tyto_err measure_change(struct evaluate *e, struct tyto_predict_change change,
                                    struct tyto_shift_point *ret_point,
                                    struct tyto_fault *ret_fault)
{
    struct tyto_predictions predictions;
    enum tyto_err err = predict(e, &change, false, &predictions, ret_fault);

    if (err)
        return err;
    err = tyto_measure_shift(e->params->dataset, &predictions, e->thresholds, &change, ret_point);
    tyto_predictions_finish(&predictions);
    return err;
}

static enum tyto_err run(struct evaluate *e, struct tyto_evaluation *ret,
                         struct tyto_fault *ret_fault)
{
    const struct tyto_evaluate_params *params = e->params;
    const struct tyto_predict_change none = {0};
    const bool has_curve = params->min_shift != 0 || params->max_shift != 0;
    enum tyto_err err = TYTO_OK;

    e->num_runs = 1 + (has_curve ? (uint64_t)(params->max_shift - params->min_shift) + 1 : 0) +
                  (params->drops ? 2 : 0);
    e->num_runs *= (params->late_path ? 2 : 1) * (1 + 2 * (uint64_t)params->align);
    err = predict(e, &none, true, &ret->predictions, ret_fault);
    if (!err)
        err = tyto_measure(params->dataset, &ret->predictions, e->thresholds, &ret->measurement);
    for (int32_t s = params->min_shift; has_curve && s <= params->max_shift && !err; s++)
        err = measure_change(
            e, (struct tyto_predict_change){.audio_shift = s, .repeats_edge = params->repeats_edge},
            &ret->shifts[ret->num_shifts++], ret_fault);
    if (!err && params->drops)
        err = measure_change(e, (struct tyto_predict_change){.drops_audio = true}, &ret->no_audio,
                             ret_fault);
    if (!err && params->drops)
        err = measure_change(e, (struct tyto_predict_change){.drops_visual = true}, &ret->no_visual,
                             ret_fault);
    ret->has_drops = params->drops;
    ret->fusion = tyto_predictor_head(e->predictors[0])->fusion;
    return err;
}

enum tyto_err tyto_evaluate(const struct tyto_evaluate_params *params,
                            struct tyto_evaluation *ret_evaluation, struct tyto_fault *ret_fault)
{
    struct evaluate e = {.params = params};
    struct tyto_evaluation evaluation = {0};
    enum tyto_err err = TYTO_OK;

    if (params->min_shift < -TYTO_EVALUATE_MAX_SHIFT || params->min_shift > params->max_shift ||
        params->max_shift > TYTO_EVALUATE_MAX_SHIFT || params->align > TYTO_EVALUATE_MAX_SHIFT)
        return TYTO_ERR_INVALID;
    err = open_heads(&e, ret_fault);
    if (!err)
        err = check_late(&e, ret_fault);
    if (!err)
        err = run(&e, &evaluation, ret_fault);
    tyto_predictor_destroy(&e.predictors[0]);
    tyto_predictor_destroy(&e.predictors[1]);
    free(e.thresholds);
    if (err) {
        tyto_evaluation_finish(&evaluation);
        return err;
    }
    *ret_evaluation = evaluation;
    return TYTO_OK;
}

void tyto_evaluation_finish(struct tyto_evaluation *evaluation)
{
    tyto_predictions_finish(&evaluation->predictions);
    tyto_measurement_finish(&evaluation->measurement);
}
