/* SPDX-License-Identifier: MIT */
/* A run's net: the basis in front of it, its widths, what it starts from, and its file. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files/safetensors.h"
#include "trainer/run/init.h"
#include "trainer/run/internal.h"
#include "trainer/step/worker_pool.h"

enum { AUDIO = TYTO_CMAN_AUDIO, VISUAL = TYTO_CMAN_VISUAL, MAX_AUTO_WORKERS = 8 };

static const char basis_name[] = "basis.safetensors";

enum tyto_err tyto_run_load_init(struct tyto_run_state *run)
{
    const char *path = run->options->init;
    enum tyto_err err = TYTO_OK;

    if (!path || !path[0])
        return TYTO_OK;
    err = tyto_cman_weights_load(path, &run->init, run->fault);
    run->has_init = !err;
    return err;
}

/* --- basis ----------------------------------------------------------------------------------- */

static float *copy_floats(const float *from, size_t num)
{
    float *copy = malloc(num * sizeof(*copy));

    if (copy)
        memcpy(copy, from, num * sizeof(*copy));
    return copy;
}

/* The data set of the encoders' features. */
static struct tyto_dataset *features_of(const struct tyto_run_state *run)
{
    return run->encoded[0] ? run->encoded[0] : run->params->train;
}

/* Whether init's adapters can stand in front of the new net as they are. */
static bool init_has_basis(const struct tyto_run_state *run)
{
    const struct tyto_cman_dims *d = &run->init.dims;
    const struct tyto_dataset_shape *s = &features_of(run)->shape;

    return run->has_init && run->init.tensors[TYTO_CMAN_ADAPT_AUDIO_WEIGHT] &&
           run->init.tensors[TYTO_CMAN_ADAPT_VISUAL_WEIGHT] && d->audio_in == s->audio_in &&
           d->visual_in == s->visual_in && d->audio_width % 4 == 0 && d->visual_width % 4 == 0 &&
           run->init.fusion != TYTO_CMAN_FUSION_EARLY &&
           !tyto_run_options_is_set(run->options, "basis");
}

static enum tyto_err take_basis_of_init(struct tyto_run_state *run)
{
    const struct tyto_cman_dims *d = &run->init.dims;
    float *const *tensors = run->init.tensors;
    struct tyto_basis *basis = &run->basis;

    *basis = (struct tyto_basis){
        .audio_in = d->audio_in,
        .audio_out = d->audio_width,
        .visual_in = d->visual_in,
        .visual_out = d->visual_width,
        .audio_weight = copy_floats(tensors[TYTO_CMAN_ADAPT_AUDIO_WEIGHT],
                                    (size_t)d->audio_width * d->audio_in),
        .audio_bias = copy_floats(tensors[TYTO_CMAN_ADAPT_AUDIO_BIAS], d->audio_width),
        .visual_weight = copy_floats(tensors[TYTO_CMAN_ADAPT_VISUAL_WEIGHT],
                                     (size_t)d->visual_width * d->visual_in),
        .visual_bias = copy_floats(tensors[TYTO_CMAN_ADAPT_VISUAL_BIAS], d->visual_width),
    };
    run->basis_is_inits = true;
    tyto_run_note(run, "adapters: those of %s, unchanged", run->options->init);
    return basis->audio_weight && basis->audio_bias && basis->visual_weight && basis->visual_bias
               ? TYTO_OK
               : TYTO_ERR_NOMEM;
}

static enum tyto_err write_basis(struct tyto_run_state *run, const char *path)
{
    const struct tyto_basis *b = &run->basis;
    const struct tyto_meta meta = {"tyto.format", "basis/1"};
    const struct tyto_tensor tensors[] = {
        {.name = "adapt_audio.weight",
         .dtype = TYTO_DTYPE_F32,
         .num_dims = 2,
         .dims = {b->audio_out, b->audio_in},
         .data = b->audio_weight},
        {.name = "adapt_audio.bias",
         .dtype = TYTO_DTYPE_F32,
         .num_dims = 1,
         .dims = {b->audio_out},
         .data = b->audio_bias},
        {.name = "adapt_visual.weight",
         .dtype = TYTO_DTYPE_F32,
         .num_dims = 2,
         .dims = {b->visual_out, b->visual_in},
         .data = b->visual_weight},
        {.name = "adapt_visual.bias",
         .dtype = TYTO_DTYPE_F32,
         .num_dims = 1,
         .dims = {b->visual_out},
         .data = b->visual_bias},
    };

    return tyto_weights_write(path, tensors, sizeof(tensors) / sizeof(*tensors), &meta, 1,
                              run->fault);
}

/* A map of the basis' file: (out, in) and (out), owned. */
static enum tyto_err read_map(const struct tyto_run_state *run, const struct tyto_weights *file,
                              const char *weight_name, const char *bias_name, uint32_t in,
                              uint32_t *ret_out, float **ret_weight, float **ret_bias)
{
    const struct tyto_tensor *bias = tyto_weights_find(file, bias_name);
    const uint64_t out = bias && bias->num_dims == 1 ? bias->dims[0] : 0;
    const uint64_t dims[] = {out, in};
    enum tyto_err err = TYTO_OK;

    if (out == 0 || out > TYTO_CMAN_MAX_WIDTH)
        return tyto_fault_set(run->fault, TYTO_ERR_SHAPE, tyto_weights_path(file), 0, bias_name,
                              "no basis of this run: remove the file to fit it again");
    *ret_weight = malloc(out * in * sizeof(float));
    *ret_bias = malloc(out * sizeof(float));
    if (!*ret_weight || !*ret_bias)
        return TYTO_ERR_NOMEM;
    *ret_out = (uint32_t)out;
    err = tyto_weights_read(file, weight_name, 2, dims, *ret_weight, run->fault);
    return err ? err : tyto_weights_read(file, bias_name, 1, dims, *ret_bias, run->fault);
}

static enum tyto_err read_basis(struct tyto_run_state *run, const char *path)
{
    const struct tyto_dataset_shape *s = &features_of(run)->shape;
    struct tyto_basis *b = &run->basis;
    struct tyto_weights *file = NULL;
    enum tyto_err err = tyto_weights_open(path, &file, run->fault);

    b->audio_in = s->audio_in;
    b->visual_in = s->visual_in;
    if (!err)
        err = read_map(run, file, "adapt_audio.weight", "adapt_audio.bias", s->audio_in,
                       &b->audio_out, &b->audio_weight, &b->audio_bias);
    if (!err)
        err = read_map(run, file, "adapt_visual.weight", "adapt_visual.bias", s->visual_in,
                       &b->visual_out, &b->visual_weight, &b->visual_bias);
    tyto_weights_close(&file);
    return err;
}

static void tell_fit(void *user, uint32_t num_done, uint32_t num)
{
    const struct tyto_run_state *run = user;

    if (run->params->on_work)
        run->params->on_work(run->params->user, "basis", num_done, num);
}

static void tell_projection(void *user, uint32_t num_done, uint32_t num)
{
    const struct tyto_run_state *run = user;

    if (run->params->on_work)
        run->params->on_work(run->params->user, "projecting", num_done, num);
}

static bool should_stop(void *user)
{
    const struct tyto_run_state *run = user;

    return run->params->should_stop && run->params->should_stop(run->params->user);
}

static enum tyto_err fit_basis(struct tyto_run_state *run, const char *path)
{
    const struct tyto_basis_params params = {
        .visual_out = run->options->basis,
        .whitening = run->options->whitening,
        .seed = run->options->seed,
        .user = run,
        .on_progress = tell_fit,
        .should_stop = should_stop,
    };
    const enum tyto_err err = tyto_basis_fit(features_of(run), &params, &run->basis);

    if (err)
        return err;
    tyto_run_note(run, "basis: %u of %u components of the pictures hold %.1f %% of their variance",
                  run->basis.visual_out, run->basis.visual_in, 100 * run->basis.kept);
    return tyto_run_is_first(run) ? write_basis(run, path) : TYTO_OK;
}

static enum tyto_err make_basis(struct tyto_run_state *run)
{
    char path[TYTO_RUN_PATH_MAX];
    enum tyto_err err = tyto_run_path(run->params->dir, basis_name, path, run->fault);

    if (err)
        return err;
    if (run->params->resumes && access(path, R_OK) == 0)
        return read_basis(run, path);
    return init_has_basis(run) ? take_basis_of_init(run) : fit_basis(run, path);
}

enum tyto_err tyto_run_project(struct tyto_run_state *run)
{
    struct tyto_dataset *const data[] = {run->params->train, run->params->val};
    const struct tyto_project_params params = {
        .user = run, .on_progress = tell_projection, .should_stop = should_stop};
    enum tyto_err err = TYTO_OK;

    if (run->options->basis == 0 && !init_has_basis(run))
        return TYTO_OK;
    err = make_basis(run);
    run->has_basis = !err;
    for (uint32_t i = 0; i < 2 && !err; i++)
        if (data[i] && !run->encoded[0])
            err = tyto_dataset_project(data[i], &run->basis, &params, &run->projected[i]);
    return err;
}

/* --- the net --------------------------------------------------------------------------------- */

/* An option, or init's width where nobody said. */
static uint32_t width_of(const struct tyto_run_state *run, const char *name, uint32_t option,
                         uint32_t inits)
{
    return run->has_init && !tyto_run_options_is_set(run->options, name) ? inits : option;
}

/* As chosen, or one for each core that a software driver can have; no more than there are clips. */
static uint32_t num_workers(const struct tyto_run_state *run)
{
    const uint32_t ranks = run->params->ranks ? tyto_ranks_num(run->params->ranks) : 1;
    const uint32_t most = run->options->batch / ranks;
    const long cores = sysconf(_SC_NPROCESSORS_ONLN) / (long)ranks;
    uint32_t num = run->options->workers;

    if (!run->params->gpu_params)
        return 1;
    if (num == 0 && tyto_gpu_get_info(run->params->gpu)->kind == TYTO_GPU_KIND_CPU && cores > 1)
        num = cores < MAX_AUTO_WORKERS ? (uint32_t)cores : MAX_AUTO_WORKERS;
    if (num > TYTO_WORKER_POOL_MAX)
        num = TYTO_WORKER_POOL_MAX;
    return num > most ? most : num;
}

enum tyto_err tyto_run_choose_dims(struct tyto_run_state *run)
{
    const struct tyto_run_options *o = run->options;
    const struct tyto_cman_dims *from = &run->init.dims;
    const struct tyto_dataset *train = run->projected[0] ? run->projected[0] : features_of(run);
    const struct tyto_dataset_shape *s = &train->shape;
    const bool tunes = run->encoded[0] != NULL;
    const bool adapts = tunes || (!run->has_basis && o->width > 0);
    struct tyto_cman_dims *d = &run->step.dims;

    *d = (struct tyto_cman_dims){
        .num_segments = s->num_segments,
        .num_places = s->num_places,
        .audio_in = s->audio_in + (o->fusion == TYTO_CMAN_FUSION_EARLY ? s->visual_in : 0),
        .visual_in = s->visual_in,
        .match_width = width_of(run, "match", o->match, from->match_width),
        .when_width = width_of(run, "when", o->when, from->when_width),
        .hidden_width = width_of(run, "hidden", o->hidden, from->hidden_width),
        .which_width = width_of(run, "which", o->which, from->which_width),
        .head_width = width_of(run, "head_width", o->head_width, from->head_width),
        .look_ahead = width_of(run, "look_ahead", o->look_ahead, from->look_ahead),
        .num_classes = s->num_classes,
        .head = o->head,
    };
    d->num_logits = tyto_head_num_logits(d->head, d->num_classes);
    d->audio_width = adapts ? width_of(run, "width", o->width, from->audio_width) : d->audio_in;
    d->visual_width = adapts ? width_of(run, "width", o->width, from->visual_width) : d->visual_in;
    if (tunes && run->has_basis) {
        d->audio_width = run->basis.audio_out;
        d->visual_width = run->basis.visual_out;
    }
    if (d->visual_width == 0)
        return tyto_fault_set(run->fault, TYTO_ERR_INVALID, NULL, 0, "--tune-visual",
                              "wants adapters: --basis or --width");
    if (tunes)
        run->step.tune =
            (struct tyto_step_tune){run->layer.in, run->layer.act, run->options->tune_rate};
    run->step.gpu = run->params->gpu;
    run->step.gpu_params = run->params->gpu_params;
    run->step.ranks = run->params->ranks;
    run->step.num_workers = num_workers(run);
    run->step.adapt[AUDIO] = run->step.adapt[VISUAL] = adapts;
    run->step.skip = !o->no_skip;
    run->step.batch = o->batch;
    run->step.pool = o->weak;
    run->step.dropout = o->dropout;
    run->step.discriminant = o->discriminant;
    if (o->discriminant > 0 &&
        (d->head != TYTO_HEAD_SOFTMAX || run->step.pool != TYTO_STEP_POOL_NONE))
        return tyto_fault_set(run->fault, TYTO_ERR_INVALID, NULL, 0, "--discriminant",
                              "is for --head softmax and labels of segments");
    if (d->num_classes > TYTO_CMAN_MAX_CLASSES)
        return tyto_fault_set(run->fault, TYTO_ERR_SHAPE, NULL, 0, "classes",
                              "%u are over the limit of %d", d->num_classes, TYTO_CMAN_MAX_CLASSES);
    return TYTO_OK;
}

static void tell_init(const struct tyto_run_state *run, const struct tyto_init_report *report)
{
    const uint32_t num = run->step.dims.num_classes;

    tyto_run_note(run, "start: %s: %u of %u tensors fit%s%s", run->options->init, report->num_kept,
                  report->num_tensors, report->first_misfit ? ", not " : "",
                  report->first_misfit ? report->first_misfit : "");
    if (report->other_head)
        tyto_run_note(run, "start: it has a head of another kind, so its classes begin anew");
    else
        tyto_run_note(run, "start: %u of %u classes are known to it by name",
                      report->num_classes_kept, num);
    if (run->has_basis && !run->basis_is_inits)
        tyto_run_note(run,
                      "start: its adapters do not fit, so what it learnt behind them may help "
                      "little%s",
                      tyto_run_options_is_set(run->options, "basis")
                          ? ": they are kept where --basis is left away"
                          : "");
}

enum tyto_err tyto_run_start_from_basis(struct tyto_run_state *run)
{
    const struct tyto_basis *b = &run->basis;
    float *tensors[TYTO_CMAN_NUM_TENSORS] = {0};
    enum tyto_err err = TYTO_OK;

    if (!run->encoded[0] || !run->has_basis)
        return TYTO_OK;
    err = tyto_params_make_tensors(tyto_train_layout(run->train), tensors);
    if (!err)
        err = tyto_train_get(run->train, tensors);
    if (!err) {
        memcpy(tensors[TYTO_CMAN_ADAPT_AUDIO_WEIGHT], b->audio_weight,
               (size_t)b->audio_out * b->audio_in * sizeof(float));
        memcpy(tensors[TYTO_CMAN_ADAPT_AUDIO_BIAS], b->audio_bias, b->audio_out * sizeof(float));
        memcpy(tensors[TYTO_CMAN_ADAPT_VISUAL_WEIGHT], b->visual_weight,
               (size_t)b->visual_out * b->visual_in * sizeof(float));
        memcpy(tensors[TYTO_CMAN_ADAPT_VISUAL_BIAS], b->visual_bias, b->visual_out * sizeof(float));
        err = tyto_train_set(run->train, tensors);
    }
    tyto_params_free_tensors(tensors);
    return err;
}

enum tyto_err tyto_run_start_from_init(struct tyto_run_state *run)
{
    const struct tyto_params_layout *layout = tyto_train_layout(run->train);
    float *tensors[TYTO_CMAN_NUM_TENSORS] = {0};
    struct tyto_init_report report;
    enum tyto_err err = TYTO_OK;

    if (!run->has_init)
        return TYTO_OK;
    err = tyto_params_make_tensors(layout, tensors);
    if (!err)
        err = tyto_train_get(run->train, tensors);
    if (!err) {
        tyto_init_tensors(&run->init, &layout->dims, run->params->train->classes, tensors, &report);
        tell_init(run, &report);
        err = tyto_train_set(run->train, tensors);
    }
    tyto_params_free_tensors(tensors);
    return err;
}

/* --- the head's file ------------------------------------------------------------------------- */

/* Early fusion's map of sound beside picture: both maps of the basis in one matrix, owned. */
static enum tyto_err join_maps(const struct tyto_basis *b, struct tyto_train_adapt *ret_adapt,
                               float **ret_weight, float **ret_bias)
{
    const size_t in = (size_t)b->audio_in + b->visual_in;
    const size_t out = (size_t)b->audio_out + b->visual_out;

    *ret_weight = calloc(out * in, sizeof(float));
    *ret_bias = calloc(out, sizeof(float));
    if (!*ret_weight || !*ret_bias)
        return TYTO_ERR_NOMEM;
    for (size_t r = 0; r < b->audio_out; r++)
        memcpy(*ret_weight + r * in, b->audio_weight + r * b->audio_in,
               b->audio_in * sizeof(float));
    for (size_t r = 0; r < b->visual_out; r++)
        memcpy(*ret_weight + (b->audio_out + r) * in + b->audio_in,
               b->visual_weight + r * b->visual_in, b->visual_in * sizeof(float));
    memcpy(*ret_bias, b->audio_bias, b->audio_out * sizeof(float));
    memcpy(*ret_bias + b->audio_out, b->visual_bias, b->visual_out * sizeof(float));
    *ret_adapt = (struct tyto_train_adapt){*ret_weight, *ret_bias, (uint32_t)in};
    return TYTO_OK;
}

enum tyto_err tyto_run_export(struct tyto_run_state *run)
{
    const struct tyto_dataset *train = run->params->train;
    const struct tyto_basis *b = &run->basis;
    const bool is_early = run->options->fusion == TYTO_CMAN_FUSION_EARLY;
    char path[TYTO_RUN_PATH_MAX], digest[TYTO_DIGEST_HEX_BYTES] = "";
    float *weight = NULL, *bias = NULL;
    struct tyto_train_export what = {
        .path = path,
        .classes = train->classes,
        .thresholds = run->step.dims.head == TYTO_HEAD_MULTI_LABEL ? run->figures.thresholds : NULL,
        .scale = run->step.dims.head == TYTO_HEAD_MULTI_LABEL ? run->figures.scale : NULL,
        .shift = run->figures.shift,
        .audio_encoder = train->audio_encoder,
        .visual_encoder = train->visual_encoder,
        .fusion = run->options->fusion,
        .provenance = "tyto train; see the model card beside it",
    };
    enum tyto_err err = tyto_run_path(run->params->dir, "model.safetensors", path, run->fault);

    if (!err && run->encoded[0]) {
        err = tyto_run_export_tuned(run, digest);
        what.visual_encoder = digest;
    }
    if (run->has_basis && !run->encoded[0]) {
        what.adapt[AUDIO] = (struct tyto_train_adapt){b->audio_weight, b->audio_bias, b->audio_in};
        what.adapt[VISUAL] =
            (struct tyto_train_adapt){b->visual_weight, b->visual_bias, b->visual_in};
    }
    if (!err && run->has_basis && is_early)
        err = join_maps(b, &what.adapt[AUDIO], &weight, &bias);
    if (!err)
        err = tyto_train_export(run->train, &what, run->fault);
    free(weight);
    free(bias);
    return err;
}
