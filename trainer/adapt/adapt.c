/* SPDX-License-Identifier: MIT */
#include "trainer/adapt/adapt.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/cman/weights.h"
#include "trainer/eval/predict.h"

enum { TASKS = TYTO_CMAN_NUM_TASKS };

/* A line over log-odds is not bent further than this: few clips say little. */
static const double min_scale = 0.5, max_scale = 2;
/* Thresholds of new classes: outside of this they are chance on a handful of clips. */
static const float min_threshold = 0.3f, max_threshold = 0.8f;

struct heads {
    struct tyto_cman_weights old, new;
    uint32_t *olds; /* (K new): number in the old head; UINT32_MAX: a new class */
};

static double log_odds(float score)
{
    const double p = fmin(1 - 1e-6, fmax(1e-6, (double)score));
    return log(p / (1 - p));
}

/* --- predictions -------------------------------------------------------------------------------
 */

/* The clips without the classes that the head does not know, in its order; borrows from. */
struct narrowed {
    struct tyto_dataset *from;
};

static enum tyto_err narrowed_read(struct tyto_dataset *dataset, uint32_t clip,
                                   const struct tyto_dataset_clip *ret_clip)
{
    const struct narrowed *self = dataset->self;
    return tyto_dataset_read(self->from, clip, ret_clip);
}

static void narrowed_destroy(struct tyto_dataset *dataset)
{
    free(dataset->self);
}

/* Features alone: truth stays empty. */
static enum tyto_err narrow(struct tyto_dataset *from, uint32_t num_classes,
                            struct tyto_dataset **ret_dataset)
{
    static const struct tyto_dataset_ops ops = {.read = narrowed_read, .destroy = narrowed_destroy};
    struct tyto_dataset_shape shape = from->shape;
    struct narrowed *self = malloc(sizeof(*self));
    struct tyto_dataset *dataset = NULL;
    shape.num_classes = num_classes;
    const enum tyto_err err = self ? tyto_dataset_create(&shape, &dataset) : TYTO_ERR_NOMEM;
    if (err) {
        free(self);
        return err;
    }
    self->from = from;
    memcpy(dataset->len, from->len, shape.num_clips * sizeof(*from->len));
    dataset->self = self;
    dataset->ops = &ops;
    *ret_dataset = dataset;
    return TYTO_OK;
}

static enum tyto_err predict(const char *path, struct tyto_gpu *gpu, struct tyto_dataset *clips,
                             struct tyto_predictions *ret_predictions, struct tyto_fault *ret_fault)
{
    const struct tyto_predictor_params params = {
        .head_path = path, .gpu = gpu, .num_segments = clips->shape.num_segments};
    const struct tyto_predict_params how = {0};
    struct tyto_predictor *predictor = NULL;
    struct tyto_dataset *narrowed = NULL;
    enum tyto_err err = tyto_predictor_create(&params, &predictor, ret_fault);
    if (!err)
        err = narrow(clips, tyto_predictor_dims(predictor)->num_classes, &narrowed);
    if (!err)
        err = tyto_predict(predictor, narrowed, &how, ret_predictions, ret_fault);
    if (narrowed)
        tyto_dataset_destroy(&narrowed);
    tyto_predictor_destroy(&predictor);
    return err;
}

/* --- the old scale ------------------------------------------------------------------------------
 */

/* The line that brings the new head's log-odds of one score nearest to the old one's, over the kept
 * segments. */
static void fit_line(const struct tyto_dataset *kept, const struct tyto_predictions *old,
                     size_t old_at, const struct tyto_predictions *new, size_t new_at,
                     double *ret_scale, double *ret_shift)
{
    const size_t t_all = kept->shape.num_segments;
    double num = 0, x_sum = 0, y_sum = 0, xx = 0, xy = 0;
    for (size_t clip = 0; clip < kept->shape.num_clips; clip++) {
        for (size_t t = 0; t < kept->len[clip]; t++) {
            const size_t row = clip * t_all + t;
            const double x = log_odds(new->scores[row * new->num_logits + new_at]);
            const double y = log_odds(old->scores[row * old->num_logits + old_at]);
            num += 1;
            x_sum += x;
            y_sum += y;
            xx += x * x;
            xy += x * y;
        }
    }
    const double x_mean = x_sum / num, y_mean = y_sum / num;
    const double spread = xx / num - x_mean * x_mean;
    const double scale = spread > 1e-9 ? (xy / num - x_mean * y_mean) / spread : 1;
    *ret_scale = fmin(max_scale, fmax(min_scale, scale));
    *ret_shift = y_mean - *ret_scale * x_mean;
}

/* --- thresholds of new classes ------------------------------------------------------------------
 */

static void count(const struct tyto_dataset *data, const struct tyto_predictions *said,
                  enum tyto_cman_task task, size_t k, float threshold, double *hits, double *told,
                  double *wanted)
{
    const size_t classes = data->shape.num_classes, t_all = data->shape.num_segments;
    for (size_t clip = 0; clip < data->shape.num_clips; clip++) {
        for (size_t t = 0; t < data->len[clip]; t++) {
            const size_t row = clip * t_all + t;
            const bool is = tyto_truth_is(data->truth[row * classes + k], task);
            const bool says =
                said->scores[row * said->num_logits + (size_t)task * said->num_classes + k] >=
                threshold;
            *hits += is && says;
            *told += says;
            *wanted += is;
        }
    }
}

static double f1_of(double hits, double told, double wanted)
{
    return told + wanted > 0 ? 2 * hits / (told + wanted) : 0;
}

/* Of the best F1 on the camera's clips and the kept ones together; 0.5 where it never comes. */
static float choose_threshold(const struct tyto_adapt_params *params,
                              const struct tyto_predictions said[2], enum tyto_cman_task task,
                              size_t k)
{
    float best = 0.5f;
    double best_f1 = 0;
    for (float threshold = min_threshold; threshold <= max_threshold; threshold += 0.02f) {
        double hits = 0, told = 0, wanted = 0;
        count(params->camera, &said[1], task, k, threshold, &hits, &told, &wanted);
        count(params->kept, &said[0], task, k, threshold, &hits, &told, &wanted);
        const double f1 = f1_of(hits, told, wanted);
        if (f1 > best_f1) {
            best_f1 = f1;
            best = threshold;
        }
    }
    return best;
}

/* --- both together ------------------------------------------------------------------------------
 */

static enum tyto_err anchor(const struct tyto_adapt_params *params, struct heads *heads,
                            struct tyto_fault *ret_fault)
{
    struct tyto_predictions old = {0}, new[2] = {0}; /* new: of kept, of camera */
    const size_t news = heads->new.dims.num_classes, olds = heads->old.dims.num_classes;
    enum tyto_err err = predict(params->old_path, params->gpu, params->kept, &old, ret_fault);
    if (!err)
        err = predict(params->new_path, params->gpu, params->kept, &new[0], ret_fault);
    if (!err)
        err = predict(params->new_path, params->gpu, params->camera, &new[1], ret_fault);
    for (size_t logit = 0; logit < TASKS * news && !err; logit++) {
        const enum tyto_cman_task task = (enum tyto_cman_task)(logit / news);
        const size_t k = logit % news, from = heads->olds[k];
        if (from == UINT32_MAX) {
            heads->new.thresholds[logit] = choose_threshold(params, new, task, k);
            continue;
        }
        const size_t old_at = (size_t)task * olds + from;
        double scale, shift;
        fit_line(params->kept, &old, old_at, &new[0], logit, &scale, &shift);
        tyto_cman_bend_logit(&heads->new.dims, heads->new.tensors, (uint32_t)logit, scale, shift);
        /* A task that the old head says no threshold of follows from joint's, as in the daemon. */
        const float threshold = heads->old.thresholds[old_at];
        heads->new.thresholds[logit] =
            threshold > 0 ? threshold : tyto_cman_single_threshold(heads->old.thresholds[from]);
    }
    tyto_predictions_finish(&old);
    tyto_predictions_finish(&new[0]);
    tyto_predictions_finish(&new[1]);
    return err;
}

/* F1 of all cells of a head on clips whose classes are the new head's. */
static enum tyto_err measure(const char *path, const struct tyto_cman_weights *head,
                             struct tyto_gpu *gpu, struct tyto_dataset *clips, double *ret_f1,
                             struct tyto_fault *ret_fault)
{
    const size_t classes = clips->shape.num_classes, t_all = clips->shape.num_segments;
    const size_t own = head->dims.num_classes;
    struct tyto_predictions said = {0};
    double hits = 0, told = 0, wanted = 0;
    const enum tyto_err err = predict(path, gpu, clips, &said, ret_fault);
    for (size_t k = 0; k < classes && !err; k++) {
        const size_t at = tyto_cman_find_class(head, clips->classes[k]);
        for (size_t i = 0; i < clips->shape.num_clips * t_all * TASKS; i++) {
            const size_t row = i / TASKS, task = i % TASKS;
            if (row % t_all >= clips->len[row / t_all])
                continue;
            const bool is =
                tyto_truth_is(clips->truth[row * classes + k], (enum tyto_cman_task)task);
            float threshold = at < own ? head->thresholds[task * own + at] : 2;
            if (at < own && threshold <= 0)
                threshold = tyto_cman_single_threshold(head->thresholds[at]);
            const bool says =
                at < own && said.scores[row * said.num_logits + task * own + at] >= threshold;
            hits += is && says;
            told += says;
            wanted += is;
        }
    }
    *ret_f1 = f1_of(hits, told, wanted);
    tyto_predictions_finish(&said);
    return err;
}

static enum tyto_err load(const struct tyto_adapt_params *params, struct heads *heads,
                          struct tyto_fault *ret_fault)
{
    enum tyto_err err = tyto_cman_weights_load(params->old_path, &heads->old, ret_fault);
    if (!err)
        err = tyto_cman_weights_load(params->new_path, &heads->new, ret_fault);
    if (err)
        return err;
    if (heads->old.dims.head != TYTO_HEAD_MULTI_LABEL ||
        heads->new.dims.head != TYTO_HEAD_MULTI_LABEL)
        return tyto_fault_set(ret_fault, TYTO_ERR_UNSUPPORTED, params->old_path, 0, "head",
                              "only a head that tells heard, seen and both can be adapted");
    heads->olds = calloc(heads->new.dims.num_classes, sizeof(*heads->olds));
    for (uint32_t k = 0; heads->olds && k < heads->new.dims.num_classes; k++)
        heads->olds[k] = tyto_cman_find_class(&heads->old, heads->new.classes[k]);
    return heads->olds ? TYTO_OK : TYTO_ERR_NOMEM;
}

enum tyto_err tyto_adapt_finish(const struct tyto_adapt_params *params,
                                struct tyto_adapt_figures *ret_figures,
                                struct tyto_fault *ret_fault)
{
    struct tyto_dataset *const clips[] = {params->kept_val, params->camera_val};
    struct heads heads = {0};
    struct tyto_adapt_figures figures;
    double *const results[] = {figures.kept, figures.camera};
    enum tyto_err err = load(params, &heads, ret_fault);
    if (!err)
        err = anchor(params, &heads, ret_fault);
    if (!err)
        err = tyto_cman_weights_write(params->new_path, &heads.new,
                                      "tyto adapt; see the model card beside it", ret_fault);
    for (int i = 0; i < 2 && !err; i++) {
        results[i][0] = results[i][1] = (double)NAN;
        if (!clips[i])
            continue;
        err =
            measure(params->old_path, &heads.old, params->gpu, clips[i], &results[i][0], ret_fault);
        if (!err)
            err = measure(params->new_path, &heads.new, params->gpu, clips[i], &results[i][1],
                          ret_fault);
    }
    if (!err)
        *ret_figures = figures;
    tyto_cman_weights_finish(&heads.old);
    tyto_cman_weights_finish(&heads.new);
    free(heads.olds);
    return err;
}
