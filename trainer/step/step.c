/* SPDX-License-Identifier: MIT */
/* Who does what in a step: one device alone runs it whole; several workers and ranks run it plan by
 * plan, and between backward and update the host adds their gradients up. */
#include "trainer/step/step.h"

#include <stdlib.h>
#include <string.h>

#include "trainer/step/discriminant.h"
#include "trainer/step/internal.h"
#include "trainer/step/worker_pool.h"

static const double within_regular = 1e-3; /* as in Deep LDA's published code */

struct worker {
    struct tyto_gpu *gpu; /* owned but the first one's */
    struct tyto_step_device *device;
    const float *grads; /* (layout.num): where the device has them, or own_grads */
    float *own_grads;   /* where the device's are not mapped */
};

struct tyto_step {
    struct tyto_ranks *ranks; /* borrowed; NULL: alone */
    struct tyto_worker_pool *worker_pool;
    bool is_split;
    uint32_t batch, begin, end; /* of all ranks; its own */
    uint32_t num_workers;
    struct worker workers[TYTO_WORKER_POOL_MAX];
    struct tyto_discriminant_params discriminant;
    float weight;      /* of the discriminant */
    uint32_t *classes; /* (B T) what load was given */
    float *features;   /* (B T, head_width) */
    double *feature_grads;
    float *sum;    /* (layout.num + 1) gradients of all, then the loss; split only */
    float *logits; /* of all clips in an evaluation, then the loss; split only */
    /* What the worker pool is at. */
    const struct tyto_step_in *in;
    float pair_weight;
    const struct tyto_adamw_hyper *hyper;
    const struct tyto_dropout_key *key;
};

/* --- making ---------------------------------------------------------------------------------- */

static uint32_t first_of(const struct tyto_step *step, uint32_t idx)
{
    return step->begin + (uint32_t)((uint64_t)(step->end - step->begin) * idx / step->num_workers);
}

static enum tyto_err make_worker(struct tyto_step *step, const struct tyto_step_params *params,
                                 uint32_t idx)
{
    const uint32_t begin = first_of(step, idx), end = first_of(step, idx + 1);
    struct worker *worker = &step->workers[idx];
    enum tyto_err err = TYTO_OK;

    if (idx == 0)
        worker->gpu = params->gpu;
    else
        err = tyto_gpu_create(params->gpu_params, &worker->gpu);
    if (!err)
        err = tyto_step_device_create(params, worker->gpu, begin, end - begin, step->is_split,
                                      &worker->device);
    if (err || !step->is_split)
        return err;
    worker->grads = tyto_buf_map(worker->device->bufs[TYTO_STEP_GRADS]);
    if (!worker->grads)
        worker->grads = worker->own_grads = malloc(worker->device->layout.num * sizeof(float));
    return worker->grads ? TYTO_OK : TYTO_ERR_NOMEM;
}

static enum tyto_err make_rows(struct tyto_step *step)
{
    const struct tyto_params_layout *layout = &step->workers[0].device->layout;
    const size_t rows = (size_t)step->batch * layout->dims.num_segments;

    if (step->is_split)
        step->sum = malloc((layout->num + 1) * sizeof(*step->sum));
    if (step->is_split)
        step->logits = malloc((rows * layout->widths.logits + 1) * sizeof(*step->logits));
    return step->is_split && (!step->sum || !step->logits) ? TYTO_ERR_NOMEM : TYTO_OK;
}

static enum tyto_err make_discriminant(struct tyto_step *step,
                                       const struct tyto_step_params *params)
{
    const struct tyto_params_layout *layout = &step->workers[0].device->layout;
    const uint32_t rows = step->batch * layout->dims.num_segments, width = layout->widths.head;

    step->weight = params->discriminant;
    step->classes = malloc(rows * sizeof(*step->classes));
    step->features = malloc((size_t)rows * width * sizeof(*step->features));
    step->feature_grads = malloc((size_t)rows * width * sizeof(*step->feature_grads));
    if (!step->classes || !step->features || !step->feature_grads)
        return TYTO_ERR_NOMEM;
    for (uint32_t i = 0; i < rows; i++)
        step->classes[i] = TYTO_DISCRIMINANT_NONE;
    step->discriminant = (struct tyto_discriminant_params){.num_rows = rows,
                                                           .width = width,
                                                           .classes = step->classes,
                                                           .num_classes = layout->dims.num_logits,
                                                           .regular = within_regular,
                                                           .num_smallest = params->num_smallest};
    return TYTO_OK;
}

enum tyto_err tyto_step_create(const struct tyto_step_params *params, struct tyto_step **ret_step)
{
    const uint32_t num_workers = params->num_workers ? params->num_workers : 1;
    const uint32_t num_ranks = params->ranks ? tyto_ranks_num(params->ranks) : 1;
    const uint32_t rank = params->ranks ? tyto_ranks_rank(params->ranks) : 0;
    struct tyto_step *step = NULL;
    enum tyto_err err = TYTO_OK;

    if (params->batch == 0 || (uint64_t)num_workers * num_ranks > params->batch)
        return TYTO_ERR_SHAPE;
    if (params->discriminant > 0 &&
        (params->objective != TYTO_STEP_LABELS || params->pool != TYTO_STEP_POOL_NONE ||
         params->dims.head != TYTO_HEAD_SOFTMAX))
        return TYTO_ERR_UNSUPPORTED;
    if (params->tune.in > 0 &&
        (params->objective != TYTO_STEP_LABELS || params->tune.act > TYTO_ACT_RELU6))
        return TYTO_ERR_UNSUPPORTED;
    if (num_workers > TYTO_WORKER_POOL_MAX || (num_workers > 1 && !params->gpu_params))
        return TYTO_ERR_INVALID;
    step = calloc(1, sizeof(*step));
    if (!step)
        return TYTO_ERR_NOMEM;
    step->ranks = num_ranks > 1 ? params->ranks : NULL;
    step->batch = params->batch;
    step->begin = (uint32_t)((uint64_t)params->batch * rank / num_ranks);
    step->end = (uint32_t)((uint64_t)params->batch * (rank + 1) / num_ranks);
    step->num_workers = num_workers;
    step->is_split = num_workers > 1 || step->ranks || params->discriminant > 0;
    for (uint32_t i = 0; i < num_workers && !err; i++)
        err = make_worker(step, params, i);
    if (!err)
        err = make_rows(step);
    if (!err && params->discriminant > 0)
        err = make_discriminant(step, params);
    if (!err)
        err = tyto_worker_pool_create(num_workers, &step->worker_pool);
    if (err) {
        tyto_step_destroy(&step);
        return err;
    }
    *ret_step = step;
    return TYTO_OK;
}

void tyto_step_destroy(struct tyto_step **step_ptr)
{
    struct tyto_step *step = step_ptr ? *step_ptr : NULL;

    if (!step)
        return;
    *step_ptr = NULL;
    tyto_worker_pool_destroy(&step->worker_pool);
    for (uint32_t i = 0; i < step->num_workers; i++) {
        tyto_step_device_destroy(&step->workers[i].device);
        if (i > 0)
            tyto_gpu_destroy(&step->workers[i].gpu);
        free(step->workers[i].own_grads);
    }
    free(step->classes);
    free(step->features);
    free(step->feature_grads);
    free(step->sum);
    free(step->logits);
    free(step);
}

/* --- reading and writing --------------------------------------------------------------------- */

const struct tyto_params_layout *tyto_step_layout(const struct tyto_step *step)
{
    return &step->workers[0].device->layout;
}

struct tyto_step_in tyto_step_in(struct tyto_step *step)
{
    if (step->is_split)
        return (struct tyto_step_in){0};
    return tyto_step_device_in(step->workers[0].device);
}

static enum tyto_err load(void *user, uint32_t idx)
{
    struct tyto_step *step = user;

    tyto_step_device_load(step->workers[idx].device, step->in, step->pair_weight);
    return TYTO_OK;
}

/* One by the number of segments of all ranks that have both streams. */
static float weigh_pair(const struct tyto_step *step, const struct tyto_step_in *in)
{
    const uint32_t num = tyto_step_layout(step)->dims.num_segments;
    uint32_t pairs = 0;

    for (uint32_t i = 0; i < step->batch * num; i++)
        pairs += in->has[TYTO_CMAN_AUDIO][i] != TYTO_ROW_NONE &&
                 in->has[TYTO_CMAN_VISUAL][i] != TYTO_ROW_NONE && i % num < in->len[i / num];
    return pairs > 0 ? 1 / (float)pairs : 0;
}

/* A row's class is the one that weighs most. */
static void find_classes(struct tyto_step *step, const struct tyto_step_in *in)
{
    const struct tyto_params_layout *layout = tyto_step_layout(step);

    for (uint32_t i = 0; i < step->discriminant.num_rows; i++) {
        const float *yes = in->yes + (size_t)i * layout->widths.logits;
        float most = 0;

        step->classes[i] = TYTO_DISCRIMINANT_NONE;
        for (uint32_t k = 0; k < layout->dims.num_logits; k++) {
            if (yes[k] > most) {
                most = yes[k];
                step->classes[i] = k;
            }
        }
    }
}

enum tyto_err tyto_step_load(struct tyto_step *step, const struct tyto_step_in *in)
{
    step->in = in;
    step->pair_weight = weigh_pair(step, in);
    if (step->weight > 0)
        find_classes(step, in);
    return tyto_worker_pool_run(step->worker_pool, load, step);
}

void tyto_step_own(const struct tyto_step *step, uint32_t *ret_begin, uint32_t *ret_end)
{
    *ret_begin = step->begin;
    *ret_end = step->end;
}

enum tyto_err tyto_step_write(struct tyto_step *step, const float *values, const float *moment_1,
                              const float *moment_2)
{
    enum tyto_err err = TYTO_OK;

    for (uint32_t i = 0; i < step->num_workers && !err; i++)
        err = tyto_step_device_write(step->workers[i].device, values, moment_1, moment_2);
    return err;
}

enum tyto_err tyto_step_read(const struct tyto_step *step, float *ret_values, float *ret_moment_1,
                             float *ret_moment_2)
{
    const struct tyto_step_device *device = step->workers[0].device; /* all have the same */
    const uint64_t num_bytes = device->layout.num * sizeof(float);
    enum tyto_err err = tyto_buf_read(device->bufs[TYTO_STEP_VALUES], 0, ret_values, num_bytes);

    if (!err && ret_moment_1)
        err = tyto_buf_read(device->bufs[TYTO_STEP_MOMENT_1], 0, ret_moment_1, num_bytes);
    if (!err && ret_moment_2)
        err = tyto_buf_read(device->bufs[TYTO_STEP_MOMENT_2], 0, ret_moment_2, num_bytes);
    return err;
}

enum tyto_err tyto_step_read_grads(const struct tyto_step *step, float *ret_grads)
{
    const struct tyto_step_device *device = step->workers[0].device;

    return tyto_buf_read(device->bufs[TYTO_STEP_GRADS], 0, ret_grads,
                         device->layout.num * sizeof(float));
}

/* --- running --------------------------------------------------------------------------------- */

/* What the discriminant wants of a device's share of the hidden units, through their ReLU. */
static void put_feature_grads(const struct tyto_step *step, struct tyto_step_device *device)
{
    const size_t width = device->layout.widths.head, num = device->rows * width;
    const size_t from = (size_t)device->first * device->layout.dims.num_segments * width;
    float *extra = tyto_buf_map(device->bufs[TYTO_STEP_EXTRA]);

    for (size_t i = 0; i < num; i++)
        extra[i] =
            step->features[from + i] > 0 ? -step->weight * (float)step->feature_grads[from + i] : 0;
}

static enum tyto_err go_forward(void *user, uint32_t idx)
{
    struct tyto_step *step = user;
    struct tyto_step_device *device = step->workers[idx].device;
    const enum tyto_err err =
        tyto_step_device_run(device, TYTO_STEP_PLAN_FORWARD, step->hyper, step->key);
    const size_t width = device->layout.widths.head, rows = device->rows;

    if (err || !step->features)
        return err;
    return tyto_buf_read(device->bufs[TYTO_STEP_HEAD], 0,
                         step->features + (size_t)device->first * rows / device->batch * width,
                         rows * width * sizeof(float));
}

/* The forward passes, then the discriminant of all ranks' features: *ret_loss, its share of the
 * loss, is told by the first rank alone. */
static enum tyto_err discriminate(struct tyto_step *step, float *ret_loss)
{
    const size_t num = (size_t)step->discriminant.num_rows * step->discriminant.width;
    double value = 0;
    enum tyto_err err = TYTO_OK;

    memset(step->features, 0, num * sizeof(*step->features));
    err = tyto_worker_pool_run(step->worker_pool, go_forward, step);
    if (!err && step->ranks)
        err = tyto_ranks_sum(step->ranks, step->features, num);
    if (!err)
        err = tyto_discriminant(&step->discriminant, step->features, &value, step->feature_grads);
    if (!err && (!step->ranks || tyto_ranks_rank(step->ranks) == 0))
        *ret_loss = -step->weight * (float)value;
    return err;
}

static enum tyto_err find_grads(void *user, uint32_t idx)
{
    struct tyto_step *step = user;
    struct worker *worker = &step->workers[idx];
    enum tyto_err err = TYTO_OK;

    if (step->features)
        put_feature_grads(step, worker->device);
    else
        err = go_forward(user, idx);
    if (!err)
        err = tyto_step_device_run(worker->device, TYTO_STEP_PLAN_BACK, NULL, NULL);
    if (!err && worker->own_grads)
        err = tyto_buf_read(worker->device->bufs[TYTO_STEP_GRADS], 0, worker->own_grads,
                            worker->device->layout.num * sizeof(float));
    return err;
}

/* Its share of the row, all workers' in their order. */
static enum tyto_err add_up(void *user, uint32_t idx)
{
    struct tyto_step *step = user;
    const uint64_t num = tyto_step_layout(step)->num;
    const uint64_t begin = num * idx / step->num_workers, end = num * (idx + 1) / step->num_workers;

    memcpy(step->sum + begin, step->workers[0].grads + begin, (end - begin) * sizeof(float));
    for (uint32_t w = 1; w < step->num_workers; w++) {
        const float *grads = step->workers[w].grads;

        for (uint64_t i = begin; i < end; i++)
            step->sum[i] += grads[i];
    }
    return TYTO_OK;
}

static enum tyto_err update(void *user, uint32_t idx)
{
    struct tyto_step *step = user;
    struct tyto_step_device *device = step->workers[idx].device;
    enum tyto_err err = tyto_buf_write(device->bufs[TYTO_STEP_GRADS], 0, step->sum,
                                       device->layout.num * sizeof(float));

    return err ? err : tyto_step_device_run(device, TYTO_STEP_PLAN_UPDATE, NULL, NULL);
}

static float total_loss(const struct tyto_step *step)
{
    double sum = 0;

    for (uint32_t i = 0; i < step->num_workers; i++)
        sum += (double)tyto_step_device_loss(step->workers[i].device);
    return (float)sum;
}

static enum tyto_err run_split(struct tyto_step *step, float *ret_loss)
{
    const uint64_t num = tyto_step_layout(step)->num;
    float extra_loss = 0;
    enum tyto_err err = step->features ? discriminate(step, &extra_loss) : TYTO_OK;

    if (!err)
        err = tyto_worker_pool_run(step->worker_pool, find_grads, step);
    if (!err)
        err = tyto_worker_pool_run(step->worker_pool, add_up, step);
    if (!err) {
        step->sum[num] = total_loss(step) + extra_loss;
        if (step->ranks)
            err = tyto_ranks_sum(step->ranks, step->sum, num + 1);
    }
    if (!err)
        err = tyto_worker_pool_run(step->worker_pool, update, step);
    if (!err)
        *ret_loss = step->sum[num];
    return err;
}

enum tyto_err tyto_step_run(struct tyto_step *step, const struct tyto_adamw_hyper *hyper,
                            const struct tyto_dropout_key *key, struct tyto_step_result *ret_result)
{
    struct tyto_step_device *device = step->workers[0].device;
    float loss = 0;
    enum tyto_err err = TYTO_OK;

    step->hyper = hyper;
    step->key = key;
    if (step->is_split)
        err = run_split(step, &loss);
    else
        err = tyto_step_device_run(device, TYTO_STEP_PLAN_WHOLE, hyper, key);
    if (err)
        return err;
    ret_result->loss = step->is_split ? loss : tyto_step_device_loss(device);
    ret_result->norm = *(const float *)tyto_buf_map(device->bufs[TYTO_STEP_NORM]);
    return TYTO_OK;
}

static enum tyto_err evaluate(void *user, uint32_t idx)
{
    struct tyto_step *step = user;
    struct tyto_step_device *device = step->workers[idx].device;
    const size_t width = device->layout.widths.logits, num = tyto_step_device_targets(device);
    const size_t per_clip = num / device->batch;
    enum tyto_err err = tyto_step_device_run(device, TYTO_STEP_PLAN_EVAL, NULL, NULL);

    if (!err)
        memcpy(step->logits + first_of(step, idx) * per_clip * width,
               tyto_step_device_logits(device), num * width * sizeof(float));
    return err;
}

/* Each rank's logits lie among zeros, so that their sum is all of them. */
static enum tyto_err eval_split(struct tyto_step *step, float *ret_loss)
{
    const struct tyto_step_device *device = step->workers[0].device;
    const size_t per_clip = tyto_step_device_targets(device) / device->batch;
    const size_t num = step->batch * per_clip * device->layout.widths.logits;
    enum tyto_err err = TYTO_OK;

    memset(step->logits, 0, num * sizeof(*step->logits));
    err = tyto_worker_pool_run(step->worker_pool, evaluate, step);
    if (err)
        return err;
    step->logits[num] = total_loss(step);
    if (step->ranks)
        err = tyto_ranks_sum(step->ranks, step->logits, num + 1);
    *ret_loss = step->logits[num];
    return err;
}

enum tyto_err tyto_step_eval(struct tyto_step *step, const float **ret_logits, float *ret_loss)
{
    struct tyto_step_device *device = step->workers[0].device;
    const enum tyto_err err = step->is_split
                                  ? eval_split(step, ret_loss)
                                  : tyto_step_device_run(device, TYTO_STEP_PLAN_EVAL, NULL, NULL);

    if (err)
        return err;
    *ret_logits = step->is_split ? step->logits : tyto_step_device_logits(device);
    if (!step->is_split)
        *ret_loss = tyto_step_device_loss(device);
    return TYTO_OK;
}

bool tyto_step_part(const struct tyto_step *step, uint32_t idx, struct tyto_plan_part *ret_part)
{
    const struct tyto_step_device *device = step->workers[0].device;

    return !step->is_split && tyto_plan_part(device->plans[TYTO_STEP_PLAN_WHOLE], idx, ret_part);
}
