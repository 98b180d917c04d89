/* SPDX-License-Identifier: MIT */
#include "trainer/loop/train.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "trainer/loop/internal.h"

/* --- chance ---------------------------------------------------------------------------------- */

/* The epoch's order is a function of seed and epoch alone, so that a resumed run shuffles alike. */
static void shuffle(struct tyto_train *train)
{
    uint64_t state = train->params.seed ^ ((uint64_t)train->epoch << 32);
    const uint32_t num = train->params.train->shape.num_clips;

    for (uint32_t i = 0; i < num; i++)
        train->order[i] = i;
    for (uint32_t i = num; i > 1; i--) {
        const uint32_t j = tyto_random_below(&state, i), was = train->order[i - 1];

        train->order[i - 1] = train->order[j];
        train->order[j] = was;
    }
}

/* As PyTorch's Linear: uniform within 1 / sqrt(inputs). */
static void draw_row(uint64_t *state, float *values, size_t num, uint32_t num_inputs)
{
    for (size_t i = 0; i < num; i++)
        values[i] =
            ((float)(tyto_random_bits(state) >> 40) / 8388608.0f - 1.0f) / sqrtf((float)num_inputs);
}

/* Most classes are absent most of the time: a head that begins there need not learn it first. */
static void begin_rare(float *bias, uint32_t num)
{
    for (uint32_t i = 0; i < num; i++)
        bias[i] = -2; /* a share of 0.12 */
}

static enum tyto_err draw_weights(struct tyto_train *train)
{
    const struct tyto_params_layout *layout = tyto_step_layout(train->step);
    struct tyto_cman_tensor_info infos[TYTO_CMAN_NUM_TENSORS];
    float *tensors[TYTO_CMAN_NUM_TENSORS] = {0};
    uint64_t state = train->params.seed;
    enum tyto_err err = tyto_params_make_tensors(layout, tensors);

    tyto_cman_list_tensors(&layout->dims, infos);
    for (uint32_t i = 0; i < TYTO_CMAN_NUM_TENSORS && !err; i++) {
        if (infos[i].cols > 0 && infos[i].part != TYTO_CMAN_PART_SKIP) /* those begin as nothing */
            draw_row(&state, tensors[i], (size_t)layout->slots[i].rows * infos[i].cols,
                     infos[i].cols);
    }
    if (!err) {
        /* Where a stream is missing, its bias alone is looked with: a cosine needs a length. */
        draw_row(&state, tensors[TYTO_CMAN_WHERE_AUDIO_BIAS], layout->dims.match_width,
                 layout->dims.audio_width);
        draw_row(&state, tensors[TYTO_CMAN_WHERE_VISUAL_BIAS], layout->dims.match_width,
                 layout->dims.visual_width);
        tensors[TYTO_CMAN_WHERE_SCALE][0] = 1;
        if (layout->dims.head == TYTO_HEAD_MULTI_LABEL)
            begin_rare(tensors[TYTO_CMAN_HEAD_1_BIAS], layout->dims.num_logits);
        err = tyto_train_set(train, tensors);
    }
    tyto_params_free_tensors(tensors);
    return err;
}

/* --- frozen tensors -------------------------------------------------------------------------- */

static bool is_frozen(const char *prefixes, const char *name)
{
    while (*prefixes) {
        const size_t len = strcspn(prefixes, ",");

        if (len > 0 && strncmp(prefixes, name, len) == 0)
            return true;
        prefixes += len + (prefixes[len] == ',');
    }
    return false;
}

static enum tyto_err make_frozen(struct tyto_train *train)
{
    const struct tyto_params_layout *layout = tyto_step_layout(train->step);
    struct tyto_cman_tensor_info infos[TYTO_CMAN_NUM_TENSORS];
    float *tensors[TYTO_CMAN_NUM_TENSORS] = {0};
    bool good = true;

    if (!train->params.frozen || !train->params.frozen[0])
        return TYTO_OK;
    train->kept = calloc(layout->num, sizeof(*train->kept));
    train->is_kept = calloc(layout->num, sizeof(*train->is_kept));
    tyto_cman_list_tensors(&layout->dims, infos);
    good = train->kept && train->is_kept && !tyto_params_make_tensors(layout, tensors);
    for (uint32_t i = 0; i < TYTO_CMAN_NUM_TENSORS && good; i++)
        for (size_t j = 0; j < (size_t)layout->slots[i].rows * layout->slots[i].cols; j++)
            tensors[i][j] = is_frozen(train->params.frozen, infos[i].name);
    if (good)
        tyto_params_put(layout, tensors, train->is_kept);
    tyto_params_free_tensors(tensors);
    return good ? TYTO_OK : TYTO_ERR_NOMEM;
}

/* After a step: frozen values as they were. */
static enum tyto_err restore_frozen(struct tyto_train *train)
{
    const uint64_t num = tyto_step_layout(train->step)->num;
    float *values = train->rows;
    enum tyto_err err = TYTO_OK;

    if (!train->is_kept)
        return TYTO_OK;
    err = tyto_step_read(train->step, values, values + num, values + 2 * num);
    for (uint64_t i = 0; i < num && !err; i++)
        values[i] = train->is_kept[i] > 0 ? train->kept[i] : values[i];
    return err ? err : tyto_step_write(train->step, values, values + num, values + 2 * num);
}

/* --- batches --------------------------------------------------------------------------------- */

static uint32_t steps_per_epoch(const struct tyto_train *train)
{
    const uint32_t batch = train->params.step.batch;

    return (train->params.train->shape.num_clips + batch - 1) / batch;
}

/* --- one epoch ------------------------------------------------------------------------------- */

static struct tyto_adamw_hyper hyper_of(const struct tyto_train *train)
{
    const double t = train->num_steps + 1.0, warm_up = train->params.num_warm_up;
    const double last = (double)train->params.num_epochs * steps_per_epoch(train);
    const double share = last > warm_up ? fmin(1, (t - warm_up) / (last - warm_up)) : 1;
    const double rise = t <= warm_up ? t / warm_up : 0.5 * (1 + cos(M_PI * share));

    return (struct tyto_adamw_hyper){
        .rate = (float)((double)train->params.rate * rise),
        .beta_1 = 0.9f,
        .beta_2 = 0.999f,
        .epsilon = 1e-8f,
        .decay = train->params.decay,
        .correct_1 = (float)(1 / (1 - pow(0.9, t))),
        .correct_2 = (float)(1 / (1 - pow(0.999, t))),
        .max_norm = train->params.max_norm,
    };
}

static enum tyto_err not_finite(const struct tyto_train *train, const char *what, float rate,
                                struct tyto_fault *ret_fault)
{
    return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL,
                          "the %s is no number in epoch %u, step %u, at a rate of %g: try a lower "
                          "rate or a longer warm-up, and look for features that are no numbers",
                          what, train->epoch + 1, train->partial.num_steps + 1, (double)rate);
}

static enum tyto_err run_step(struct tyto_train *train, const struct tyto_batch *batch,
                              struct tyto_fault *ret_fault)
{
    const struct tyto_adamw_hyper hyper = hyper_of(train);
    const struct tyto_dropout_key key = {(uint32_t)train->params.seed,
                                         (uint32_t)(train->params.seed >> 32), train->num_steps, 0};
    struct tyto_train_partial *partial = &train->partial;
    struct tyto_step_result result = {0};
    enum tyto_err err = TYTO_OK;

    err = tyto_train_load(train, batch);
    if (!err)
        err = tyto_step_run(train->step, &hyper, &key, &result);
    if (!err && !isfinite(result.loss))
        err = not_finite(train, "loss", hyper.rate, ret_fault);
    if (!err && !isfinite(result.norm))
        err = not_finite(train, "gradient", hyper.rate, ret_fault);
    if (!err)
        err = restore_frozen(train);
    if (err)
        return err;
    train->num_steps++;
    partial->num_steps++;
    partial->norm = fmaxf(partial->norm, result.norm);
    partial->sum += (double)result.loss * batch->mass;
    partial->mass += batch->mass;
    return TYTO_OK;
}

/* False: stop here. */
static bool tell_step(const struct tyto_train *train)
{
    const struct tyto_train_partial *partial = &train->partial;
    const struct tyto_train_progress progress = {
        .epoch = train->epoch + 1,
        .step = partial->num_steps,
        .num_steps = steps_per_epoch(train),
        .loss = partial->mass > 0 ? (float)(partial->sum / partial->mass) : 0,
    };

    return !train->params.on_step || train->params.on_step(train->params.user, &progress);
}

static enum tyto_err run_steps(struct tyto_train *train, struct tyto_fault *ret_fault)
{
    const uint32_t num = steps_per_epoch(train);
    struct tyto_batch_source source = tyto_train_source(train, train->params.train);

    source.targets.weights = train->class_weights;
    source.targets.heard = train->params.heard_weight;
    source.targets.seen = train->params.seen_weight;
    source.order = train->order;
    source.augment = &train->params.augment;
    source.seed = train->params.seed;
    source.epoch = train->epoch;
    tyto_prefetch_begin(train->prefetch, &source, train->partial.num_steps, num);
    while (train->partial.num_steps < num) {
        const struct tyto_batch *batch = NULL;
        enum tyto_err err = tyto_prefetch_next(train->prefetch, &batch);

        if (err)
            return tyto_fault_set(ret_fault, err, NULL, 0, NULL, "features could not be read: %s",
                                  tyto_err_text(err));
        err = run_step(train, batch, ret_fault);
        if (err)
            return err;
        if (!tell_step(train) && train->partial.num_steps < num)
            return TYTO_ERR_CLOSED;
    }
    return TYTO_OK;
}

static enum tyto_err validate(struct tyto_train *train, struct tyto_train_epoch *epoch)
{
    struct tyto_train_scores scores = {0};
    enum tyto_err err = tyto_train_make_scores(train, &scores);

    if (!err)
        err = tyto_train_validate(train, &scores, &epoch->val_loss);
    if (!err) {
        epoch->val_accuracy = tyto_score_accuracy(&scores.tasks[0]);
        epoch->val_f1 = tyto_score_macro_f1(&scores.tasks[0]);
        err = tyto_train_map(&scores, &epoch->val_map);
    }
    tyto_train_free_scores(&scores);
    return err;
}

/* What the best epoch has most of. */
static float value_of(const struct tyto_train *train, const struct tyto_train_epoch *epoch)
{
    return train->params.best == TYTO_TRAIN_BEST_MAP ? epoch->val_map : epoch->val_accuracy;
}

static bool is_better(const struct tyto_train *train, const struct tyto_train_epoch *epoch)
{
    const float loss = train->best_loss - epoch->val_loss;
    const float value = value_of(train, epoch) - train->best_value;

    if (!train->params.val || train->best_epoch == 0)
        return true;
    if (train->params.best == TYTO_TRAIN_BEST_LOSS)
        return loss > 0;
    return value > 0 || (value == 0 && loss > 0);
}

bool tyto_train_is_done(const struct tyto_train *train)
{
    const uint32_t patience = train->params.patience;

    return train->epoch >= train->params.num_epochs ||
           (patience > 0 && train->epoch - train->best_epoch >= patience);
}

static enum tyto_err write_checkpoint(struct tyto_train *train, struct tyto_fault *ret_fault)
{
    if (!train->params.checkpoint_path)
        return TYTO_OK;
    return tyto_train_write_checkpoint(train, train->params.checkpoint_path, ret_fault);
}

enum tyto_err tyto_train_run_epoch(struct tyto_train *train, struct tyto_train_epoch *ret_epoch,
                                   struct tyto_fault *ret_fault)
{
    struct tyto_train_epoch epoch = {.epoch = train->epoch + 1};
    enum tyto_err err = TYTO_OK;

    shuffle(train);
    err = run_steps(train, ret_fault);
    if (err == TYTO_ERR_CLOSED) {
        const enum tyto_err write_err = write_checkpoint(train, ret_fault);

        return write_err ? write_err : err;
    }
    if (!err && train->params.val)
        err = validate(train, &epoch);
    if (err)
        return err;
    train->num_steps--; /* the last step's rate */
    epoch.rate = hyper_of(train).rate;
    train->num_steps++;
    epoch.train_loss =
        train->partial.mass > 0 ? (float)(train->partial.sum / train->partial.mass) : 0;
    epoch.norm = train->partial.norm;
    train->partial = (struct tyto_train_partial){0};
    train->epoch++;
    epoch.is_best = is_better(train, &epoch);
    if (epoch.is_best) {
        train->best_epoch = train->epoch;
        train->best_loss = epoch.val_loss;
        train->best_value = value_of(train, &epoch);
        err = tyto_step_read(train->step, train->best, NULL, NULL);
    }
    if (!err && train->params.on_epoch)
        err = train->params.on_epoch(train->params.user, &epoch);
    if (!err)
        err = write_checkpoint(train, ret_fault);
    if (!err)
        *ret_epoch = epoch;
    return err;
}

/* --- the whole ------------------------------------------------------------------------------- */

const struct tyto_params_layout *tyto_train_layout(const struct tyto_train *train)
{
    return tyto_step_layout(train->step);
}

uint32_t tyto_train_best_epoch(const struct tyto_train *train)
{
    return train->best_epoch;
}

uint32_t tyto_train_num_epochs(const struct tyto_train *train)
{
    return train->epoch;
}

uint32_t tyto_train_num_steps(const struct tyto_train *train)
{
    return train->num_steps;
}

enum tyto_err tyto_train_set(struct tyto_train *train, float *const *tensors)
{
    const struct tyto_params_layout *layout = tyto_step_layout(train->step);

    tyto_params_put(layout, tensors, train->best);
    if (train->kept)
        memcpy(train->kept, train->best, layout->num * sizeof(*train->kept));
    return tyto_step_write(train->step, train->best, NULL, NULL);
}

enum tyto_err tyto_train_get(const struct tyto_train *train, float *const *ret_tensors)
{
    const enum tyto_err err = tyto_step_read(train->step, train->rows, NULL, NULL);

    if (!err)
        tyto_params_take(tyto_step_layout(train->step), train->rows, ret_tensors);
    return err;
}

void tyto_train_get_tuned(const struct tyto_train *train, float *ret_weight, float *ret_bias)
{
    const struct tyto_params_layout *l = tyto_step_layout(train->step);

    memcpy(ret_weight, train->best + l->tune_weight,
           (size_t)l->dims.visual_in * l->tune_in * sizeof(float));
    memcpy(ret_bias, train->best + l->tune_bias, l->dims.visual_in * sizeof(float));
}

/* Into train->best, from where tyto_train_set takes it to the device with the tensors. */
static void put_tuned(struct tyto_train *train)
{
    const struct tyto_params_layout *l = tyto_step_layout(train->step);

    if (l->tune_in == 0)
        return;
    memcpy(train->best + l->tune_weight, train->params.tune_weight,
           (size_t)l->dims.visual_in * l->tune_in * sizeof(float));
    memcpy(train->best + l->tune_bias, train->params.tune_bias, l->dims.visual_in * sizeof(float));
}

static enum tyto_err check_data(const struct tyto_train_params *params,
                                const struct tyto_dataset *data, struct tyto_fault *ret_fault)
{
    const struct tyto_dataset_shape *s = &data->shape;
    const struct tyto_cman_dims *d = &params->step.dims;
    const uint32_t audio =
        s->audio_in + (params->fusion == TYTO_CMAN_FUSION_EARLY ? s->visual_in : 0);

    const uint32_t visual = params->step.tune.in > 0 ? params->step.tune.in : d->visual_in;

    if (s->num_segments != d->num_segments || audio != d->audio_in ||
        s->num_places != d->num_places || s->visual_in != visual ||
        s->num_classes != d->num_classes)
        return tyto_fault_set(ret_fault, TYTO_ERR_SHAPE, NULL, 0, NULL,
                              "features of %u x %u and %u x %u x %u with %u classes do not fit the "
                              "model's %u x %u and %u x %u x %u with %u",
                              s->num_segments, audio, s->num_segments, s->num_places, s->visual_in,
                              s->num_classes, d->num_segments, d->audio_in, d->num_segments,
                              d->num_places, visual, d->num_classes);
    for (uint32_t i = 0; i < s->num_clips && params->step.pool == TYTO_STEP_POOL_NONE; i++)
        if (data->is_weak[i])
            return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, "--weak",
                                  "%s is labelled as a whole, without times: train with --weak, or "
                                  "give begin and end of its events",
                                  data->names[i] ? data->names[i] : "a clip");
    return TYTO_OK;
}

static enum tyto_err make_memory(struct tyto_train *train)
{
    const struct tyto_params_layout *layout = tyto_step_layout(train->step);
    const struct tyto_train_params *params = &train->params;
    const uint32_t logits = layout->dims.num_logits;

    train->order = calloc(params->train->shape.num_clips, sizeof(*train->order));
    train->best = calloc(layout->num, sizeof(*train->best));
    train->rows = calloc(3 * layout->num, sizeof(*train->rows));
    if (params->class_weights)
        train->class_weights = calloc(logits, sizeof(*train->class_weights));
    if (!train->order || !train->best || !train->rows ||
        (params->class_weights && !train->class_weights))
        return TYTO_ERR_NOMEM;
    if (params->class_weights)
        memcpy(train->class_weights, params->class_weights, logits * sizeof(float));
    return tyto_prefetch_create(&params->train->shape, params->step.batch,
                                tyto_train_num_targets(train), layout->widths.logits,
                                params->fusion, &train->prefetch);
}

enum tyto_err tyto_train_create(const struct tyto_train_params *params,
                                struct tyto_train **ret_train, struct tyto_fault *ret_fault)
{
    struct tyto_train *train = NULL;
    enum tyto_err err = TYTO_OK;

    if (params->num_epochs == 0)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, NULL, "0 epochs");
    err = check_data(params, params->train, ret_fault);
    if (!err && params->val)
        err = check_data(params, params->val, ret_fault);
    if (err)
        return err;
    train = calloc(1, sizeof(*train));
    if (!train)
        return TYTO_ERR_NOMEM;
    train->params = *params;
    err = tyto_step_create(&params->step, &train->step);
    if (err == TYTO_ERR_SHAPE)
        (void)tyto_fault_set(ret_fault, err, NULL, 0, NULL,
                             "the kernels cannot run a model of these widths and batches of %u: "
                             "widths of features must be multiples of 4",
                             params->step.batch);
    if (!err)
        err = make_memory(train);
    if (!err)
        err = make_frozen(train);
    if (!err) {
        put_tuned(train);
        err = draw_weights(train);
    }
    if (err) {
        tyto_train_destroy(&train);
        return err;
    }
    *ret_train = train;
    return TYTO_OK;
}

void tyto_train_destroy(struct tyto_train **train)
{
    if (!train || !*train)
        return;
    tyto_prefetch_destroy(&(*train)->prefetch);
    tyto_step_destroy(&(*train)->step);
    free((*train)->class_weights);
    free((*train)->order);
    free((*train)->best);
    free((*train)->kept);
    free((*train)->is_kept);
    free((*train)->rows);
    free(*train);
    *train = NULL;
}
