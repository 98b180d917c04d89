/* SPDX-License-Identifier: MIT */
#include "trainer/run/run.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "trainer/loop/targets.h"
#include "trainer/run/internal.h"

/* A rare class weighs at most so many times the mean one. */
static const float max_class_weight = 10;

static const char checkpoint_name[] = "checkpoint.safetensors";

/* --- callbacks of the training --------------------------------------------------------------- */

/* All ranks stop as soon as one should. */
static bool should_stop(const struct tyto_run_state *run)
{
    float sum = run->params->should_stop && run->params->should_stop(run->params->user) ? 1 : 0;

    if (run->params->ranks && tyto_ranks_sum(run->params->ranks, &sum, 1))
        return true;
    return sum > 0;
}

static bool on_step(void *user, const struct tyto_train_progress *progress)
{
    const struct tyto_run_state *run = user;

    if (run->params->on_step && tyto_run_is_first(run))
        run->params->on_step(run->params->user, progress);
    return !should_stop(run);
}

/* Before the checkpoint, so that no epoch of it lacks its line. */
static enum tyto_err on_epoch(void *user, const struct tyto_train_epoch *figures)
{
    struct tyto_run_state *run = user;
    const struct tyto_run_epoch epoch = {
        *figures, (double)(tyto_clock_mono_ns() - run->epoch_begin_ns) / 1e9};
    enum tyto_err err = tyto_run_add_epoch(run, &epoch);

    if (err || !tyto_run_is_first(run))
        return err;
    err = tyto_run_write_metrics(run, false);
    if (!err && run->params->on_epoch)
        run->params->on_epoch(run->params->user, &epoch);
    return err;
}

/* --- making ---------------------------------------------------------------------------------- */

static enum tyto_err digest_data(struct tyto_run_state *run)
{
    enum tyto_err err = tyto_run_data_digest(run->params->train, run->digests[0]);

    if (!err && run->params->val)
        err = tyto_run_data_digest(run->params->val, run->digests[1]);
    return err;
}

static enum tyto_err choose_class_weights(struct tyto_run_state *run)
{
    const struct tyto_cman_dims *dims = &run->step.dims;

    if (run->options->class_weights == TYTO_RUN_BALANCE_NONE)
        return TYTO_OK;
    run->class_weights = calloc(dims->num_logits, sizeof(*run->class_weights));
    if (!run->class_weights)
        return TYTO_ERR_NOMEM;
    tyto_targets_balance(run->params->train, dims->head, run->step.pool != TYTO_STEP_POOL_NONE,
                         max_class_weight, run->class_weights);
    return TYTO_OK;
}

/* What both phases share. */
static struct tyto_train_params common_params(struct tyto_run_state *run)
{
    const struct tyto_run_options *o = run->options;

    return (struct tyto_train_params){
        .step = run->step,
        .train = run->projected[0] ? run->projected[0] : run->params->train,
        .augment = {.noise = o->tune_visual ? 0 : o->noise}, /* that is in a basis' deviations */
        .tune_weight = run->layer.weight,
        .tune_bias = run->layer.bias,
        .fusion = o->fusion,
        .seed = o->seed,
        .num_warm_up = o->warm_up,
        .rate = o->rate,
        .decay = o->decay,
        .max_norm = o->max_norm,
        .frozen = o->freeze,
        .user = run,
    };
}

static enum tyto_err make_train(struct tyto_run_state *run, const char *checkpoint_path)
{
    const struct tyto_run_options *o = run->options;
    const bool has_both = o->fusion == TYTO_CMAN_FUSION_CMAN || o->fusion == TYTO_CMAN_FUSION_EARLY;
    struct tyto_train_params params = common_params(run);
    enum tyto_err err = TYTO_OK;

    params.val = run->projected[1] ? run->projected[1] : run->params->val;
    params.class_weights = run->class_weights;
    params.heard_weight = o->heard_weight;
    params.seen_weight = o->seen_weight;
    params.augment.max_shift = has_both ? o->shift : 0;
    params.augment.shift_share = o->shift_share;
    params.augment.modality_dropout = has_both ? o->modality_dropout : 0;
    params.augment.mixup = o->mixup;
    params.num_epochs = o->epochs;
    params.patience = run->params->val ? o->patience : 0;
    params.best = o->best;
    params.checkpoint_path = tyto_run_is_first(run) ? checkpoint_path : NULL;
    params.on_step = on_step;
    params.on_epoch = on_epoch;
    err = tyto_train_create(&params, &run->train, run->fault);
    if (!err)
        err = tyto_run_start_from_basis(run);
    return err ? err : tyto_run_start_from_init(run);
}

/* --- which sound belongs to which picture ---------------------------------------------------- */

static bool on_contrast_step(void *user, const struct tyto_train_progress *progress)
{
    const struct tyto_run_state *run = user;

    if (run->params->on_work && tyto_run_is_first(run))
        run->params->on_work(run->params->user, "contrast",
                             (progress->epoch - 1) * progress->num_steps + progress->step,
                             run->options->contrast * progress->num_steps);
    return !should_stop(run);
}

/* Whether that phase trains the tensor; of the others it would only decay the values. */
static bool is_contrasts(const char *name)
{
    return strncmp(name, "where.", 6) == 0 || strncmp(name, "adapt_", 6) == 0;
}

static enum tyto_err run_contrast_epochs(struct tyto_run_state *run)
{
    struct tyto_train_epoch epoch = {0};
    float first = 0;
    enum tyto_err err = TYTO_OK;

    while (!err && !tyto_train_is_done(run->train)) {
        err = tyto_train_run_epoch(run->train, &epoch, run->fault);
        first = epoch.epoch == 1 ? epoch.train_loss : first;
    }
    if (!err)
        tyto_run_note(run, "contrast: %u epochs without labels, loss %.4f to %.4f", epoch.epoch,
                      (double)first, (double)epoch.train_loss);
    return err;
}

/* Trains without labels first; what was learnt goes to ret_tensors, owned also after an error. */
static enum tyto_err learn_contrast(struct tyto_run_state *run, float **ret_tensors)
{
    struct tyto_train_params params = common_params(run);
    enum tyto_err err = TYTO_OK;

    if (run->options->fusion != TYTO_CMAN_FUSION_CMAN)
        return tyto_fault_set(run->fault, TYTO_ERR_INVALID, NULL, 0, "--contrast",
                              "is for --fusion cman");
    params.step.objective = TYTO_STEP_CONTRAST;
    params.step.discriminant = 0;
    params.num_epochs = run->options->contrast;
    params.on_step = on_contrast_step;
    err = tyto_train_create(&params, &run->train, run->fault);
    if (!err)
        err = tyto_run_start_from_init(run);
    if (!err)
        err = run_contrast_epochs(run);
    if (!err)
        err = tyto_params_make_tensors(tyto_train_layout(run->train), ret_tensors);
    if (!err)
        err = tyto_train_get(run->train, ret_tensors);
    tyto_train_destroy(&run->train);
    return err;
}

/* The training, after a phase without labels where one is asked for. */
static enum tyto_err start(struct tyto_run_state *run, const char *checkpoint_path)
{
    const bool goes_on = run->params->resumes && access(checkpoint_path, F_OK) == 0;
    struct tyto_cman_tensor_info infos[TYTO_CMAN_NUM_TENSORS];
    float *learnt[TYTO_CMAN_NUM_TENSORS] = {0}, *tensors[TYTO_CMAN_NUM_TENSORS] = {0};
    enum tyto_err err = TYTO_OK;

    if (run->options->contrast == 0 || goes_on)
        return make_train(run, checkpoint_path);
    tyto_cman_list_tensors(&run->step.dims, infos);
    err = learn_contrast(run, learnt);
    if (!err)
        err = make_train(run, checkpoint_path);
    if (!err)
        err = tyto_params_make_tensors(tyto_train_layout(run->train), tensors);
    if (!err)
        err = tyto_train_get(run->train, tensors);
    for (uint32_t i = 0; i < TYTO_CMAN_NUM_TENSORS && !err; i++) {
        if (is_contrasts(infos[i].name) && learnt[i] && tensors[i])
            memcpy(tensors[i], learnt[i],
                   (size_t)infos[i].rows * (infos[i].cols > 0 ? infos[i].cols : 1) * sizeof(float));
    }
    if (!err)
        err = tyto_train_set(run->train, tensors);
    tyto_params_free_tensors(learnt);
    tyto_params_free_tensors(tensors);
    return err;
}

/* --- making ---------------------------------------------------------------------------------- */

static enum tyto_err resume(struct tyto_run_state *run, const char *path)
{
    enum tyto_err err = TYTO_OK;

    if (!run->params->resumes)
        return TYTO_OK;
    if (access(path, F_OK) != 0) {
        tyto_run_note(run, "no checkpoint yet: from the beginning");
        return TYTO_OK;
    }
    err = tyto_train_resume(run->train, path, run->fault);
    if (err && run->fault->text[0]) { /* what to do about it */
        const struct tyto_fault why = *run->fault;

        return tyto_fault_set(run->fault, err, path, 0, why.key,
                              "%.200s: the run cannot go on from here; remove the file to begin "
                              "it again",
                              why.text);
    }
    if (!err)
        err = tyto_run_read_metrics(run, tyto_train_num_epochs(run->train));
    if (!err)
        tyto_run_note(run, "going on after epoch %u, step %u", tyto_train_num_epochs(run->train),
                      tyto_train_num_steps(run->train));
    return err;
}

static enum tyto_err prepare(struct tyto_run_state *run, const char *checkpoint_path)
{
    const uint32_t classes = run->params->train->shape.num_classes;
    char path[TYTO_RUN_PATH_MAX];
    enum tyto_err err = tyto_run_path(run->params->dir, "config.json", path, run->fault);

    run->figures.thresholds = calloc(TYTO_CMAN_NUM_TASKS * (size_t)classes, sizeof(float));
    run->figures.f1 = calloc(TYTO_CMAN_NUM_TASKS * (size_t)classes, sizeof(float));
    if (!run->figures.thresholds || !run->figures.f1)
        return TYTO_ERR_NOMEM;
    if (!err)
        err = digest_data(run);
    if (!err && run->params->resumes && access(path, F_OK) == 0)
        err = tyto_run_check_data(run);
    else if (!err && tyto_run_is_first(run))
        err = tyto_run_write_config(run);
    if (!err)
        err = tyto_run_load_init(run);
    if (!err)
        err = tyto_run_open_tune(run);
    if (!err)
        err = tyto_run_project(run);
    if (!err)
        err = tyto_run_choose_dims(run);
    if (!err)
        err = choose_class_weights(run);
    if (!err)
        err = start(run, checkpoint_path);
    return err ? err : resume(run, checkpoint_path);
}

/* --- running --------------------------------------------------------------------------------- */

static enum tyto_err run_epochs(struct tyto_run_state *run)
{
    enum tyto_err err = TYTO_OK;

    while (!err && !tyto_train_is_done(run->train)) {
        struct tyto_train_epoch epoch;

        run->epoch_begin_ns = tyto_clock_mono_ns();
        err = tyto_train_run_epoch(run->train, &epoch, run->fault);
        if (!err && !tyto_train_is_done(run->train) && should_stop(run))
            err = TYTO_ERR_CLOSED;
    }
    return err;
}

/* The best model so far, its figures and card; at the end its report. */
static enum tyto_err write_model(struct tyto_run_state *run, bool is_over)
{
    enum tyto_err err = TYTO_OK;

    if (tyto_train_best_epoch(run->train) == 0)
        return TYTO_OK;
    err = tyto_train_evaluate(run->train, &run->figures);
    if (err || !tyto_run_is_first(run))
        return err;
    err = tyto_run_export(run);
    if (!err)
        err = tyto_run_write_card(run);
    if (!err)
        err = tyto_run_write_metrics(run, is_over);
    return err || !is_over ? err : tyto_run_write_report(run);
}

static void finish(struct tyto_run_state *run)
{
    tyto_train_destroy(&run->train);
    for (uint32_t i = 0; i < 2; i++)
        tyto_dataset_destroy(&run->projected[i]);
    tyto_run_close_tune(run);
    tyto_basis_finish(&run->basis);
    if (run->has_init)
        tyto_cman_weights_finish(&run->init);
    free(run->class_weights);
    free(run->epochs);
    free(run->figures.thresholds);
    free(run->figures.f1);
}

enum tyto_err tyto_run(const struct tyto_run_params *params, struct tyto_run_result *ret_result,
                       struct tyto_fault *ret_fault)
{
    struct tyto_run_state run = {.params = params, .options = params->options, .fault = ret_fault};
    char path[TYTO_RUN_PATH_MAX];
    enum tyto_err err = tyto_run_path(params->dir, checkpoint_name, path, ret_fault);

    if (!err)
        err = prepare(&run, path);
    if (!err)
        err = run_epochs(&run);
    if (!err || (err == TYTO_ERR_CLOSED && run.train)) {
        const enum tyto_err write_err = write_model(&run, !err);

        err = write_err ? write_err : err;
    }
    if (!err)
        *ret_result = (struct tyto_run_result){
            .num_epochs = tyto_train_num_epochs(run.train),
            .best_epoch = tyto_train_best_epoch(run.train),
            .loss = run.figures.loss,
            .accuracy = run.figures.accuracy,
            .macro_f1 = run.figures.macro_f1,
            .num_rows = run.figures.num_rows,
        };
    finish(&run);
    return err;
}
