/* SPDX-License-Identifier: MIT */
#include "trainer/train.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shaders/cosine_attn/cosine_attn_shape.h"
#include "trainer/train_parts.h"

/* --- chance ---------------------------------------------------------------------------------- */

static uint64_t draw(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u); /* splitmix64 */

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* The epoch's order is a function of seed and epoch alone, so that a resumed run shuffles alike. */
static void shuffle(struct tyto_train *train)
{
    uint64_t state = train->params.seed ^ ((uint64_t)train->epoch << 32);
    const uint32_t num = train->params.train.num_clips;

    for (uint32_t i = 0; i < num; i++)
        train->order[i] = i;
    for (uint32_t i = num; i > 1; i--) {
        const uint32_t j = (uint32_t)(draw(&state) % i), was = train->order[i - 1];

        train->order[i - 1] = train->order[j];
        train->order[j] = was;
    }
}

static enum tyto_err draw_weights(struct tyto_train *train)
{
    const struct tyto_params_layout *layout = tyto_step_layout(train->step);
    struct tyto_cman_tensor_info infos[TYTO_CMAN_NUM_TENSORS];
    float *tensors[TYTO_CMAN_NUM_TENSORS] = {0};
    uint64_t state = train->params.seed;
    enum tyto_err err = TYTO_OK;

    tyto_cman_list_tensors(&layout->dims, infos);
    for (uint32_t i = 0; i < TYTO_CMAN_NUM_TENSORS && !err; i++) {
        const size_t cols = infos[i].cols, num = infos[i].rows * (cols > 0 ? cols : 1);

        tensors[i] = calloc(num, sizeof(float));
        if (!tensors[i])
            err = TYTO_ERR_NOMEM;
        for (size_t j = 0; cols > 0 && j < num && !err; j++)
            tensors[i][j] = ((float)(draw(&state) >> 40) / 8388608.0F - 1.0F) / sqrtf((float)cols);
    }
    if (!err) {
        tensors[TYTO_CMAN_WHERE_SCALE][0] = 1;
        err = tyto_train_set(train, tensors);
    }
    for (uint32_t i = 0; i < TYTO_CMAN_NUM_TENSORS; i++)
        free(tensors[i]);
    return err;
}

/* --- batches --------------------------------------------------------------------------------- */

/* Rows of targets that a clip has. */
static size_t num_targets(const struct tyto_train *train)
{
    return train->params.step.pool ? 1 : train->params.step.dims.num_segments;
}

/* Clip number clip of data, or nothing when that is over the end, into place b of the batch. */
static double load_clip(struct tyto_train *train, const struct tyto_train_data *data, uint32_t b,
                        uint32_t clip)
{
    const struct tyto_params_layout *layout = tyto_step_layout(train->step);
    const struct tyto_cman_dims *d = &layout->dims;
    const struct tyto_step_in in = tyto_step_in(train->step);
    const size_t num = d->num_segments, audio = num * d->audio_in;
    const size_t visual = num * d->num_places * d->visual_in;
    const bool *const has[] = {data->has_audio, data->has_visual};
    const size_t targets = num_targets(train), wide = targets * layout->logits;
    double mass = 0;

    memset(in.yes + b * wide, 0, wide * sizeof(float));
    memset(in.no + b * wide, 0, wide * sizeof(float));
    if (clip >= data->num_clips)
        return 0;
    memcpy(in.audio + b * audio, data->audio + clip * audio, audio * sizeof(float));
    memcpy(in.visual + b * visual, data->visual + clip * visual, visual * sizeof(float));
    for (size_t t = 0; t < num; t++) {
        const size_t row = b * num + t, from = clip * num + t;

        for (size_t s = 0; s < 2; s++)
            in.has[s][row] = !has[s] || has[s][from] ? (uint32_t)row : TYTO_ROW_NONE;
    }
    for (size_t t = 0; t < targets; t++) {
        const size_t row = b * targets + t, from = clip * targets + t;

        for (size_t n = 0; n < d->num_logits; n++) {
            const float yes = data->yes[from * d->num_logits + n];
            const float no = data->no ? data->no[from * d->num_logits + n] : 0;

            in.yes[row * layout->logits + n] = yes;
            in.no[row * layout->logits + n] = no;
            mass += (double)yes + (double)no;
        }
    }
    return mass;
}

/* Fills the batch with clips order[first..] (order NULL: first..), weights divided by their sum,
 * which is what it gives. */
static double load_batch(struct tyto_train *train, const struct tyto_train_data *data,
                         const uint32_t *order, uint32_t first)
{
    const struct tyto_params_layout *layout = tyto_step_layout(train->step);
    const struct tyto_step_in in = tyto_step_in(train->step);
    const uint32_t batch = train->params.step.batch;
    const size_t num = batch * num_targets(train) * layout->logits;
    double mass = 0;

    for (uint32_t b = 0; b < batch; b++) {
        const bool is_there = first + b < data->num_clips;
        const uint32_t clip = !is_there ? UINT32_MAX : order ? order[first + b] : first + b;

        mass += load_clip(train, data, b, clip);
    }
    for (size_t i = 0; i < num && mass > 0; i++) {
        in.yes[i] = (float)(in.yes[i] / mass);
        in.no[i] = (float)(in.no[i] / mass);
    }
    return mass;
}

static uint32_t steps_per_epoch(const struct tyto_train *train)
{
    const uint32_t batch = train->params.step.batch;

    return (train->params.train.num_clips + batch - 1) / batch;
}

/* --- one epoch ------------------------------------------------------------------------------- */

static struct tyto_adamw_hyper hyper_of(const struct tyto_train *train)
{
    const double t = train->num_steps + 1.0, warm_up = train->params.num_warm_up;
    const double last = (double)train->params.num_epochs * steps_per_epoch(train);
    const double share = last > warm_up ? fmin(1, (t - warm_up) / (last - warm_up)) : 1;
    const double rise = t <= warm_up ? t / warm_up : 0.5 * (1 + cos(M_PI * share));

    return (struct tyto_adamw_hyper){
        .rate = (float)(train->params.rate * rise),
        .beta_1 = 0.9F,
        .beta_2 = 0.999F,
        .epsilon = 1e-8F,
        .decay = train->params.decay,
        .correct_1 = (float)(1 / (1 - pow(0.9, t))),
        .correct_2 = (float)(1 / (1 - pow(0.999, t))),
        .max_norm = train->params.max_norm,
    };
}

static enum tyto_err run_steps(struct tyto_train *train, struct tyto_train_epoch *epoch)
{
    const struct tyto_train_data *data = &train->params.train;
    double sum = 0, total = 0;

    for (uint32_t i = 0; i < steps_per_epoch(train); i++) {
        const struct tyto_adamw_hyper hyper = hyper_of(train);
        const struct tyto_dropout_key key = {(uint32_t)train->params.seed,
                                             (uint32_t)(train->params.seed >> 32), train->num_steps,
                                             0};
        struct tyto_step_result result = {0};
        const double mass = load_batch(train, data, train->order, i * train->params.step.batch);
        const enum tyto_err err = tyto_step_run(train->step, &hyper, &key, &result);

        if (err)
            return err;
        if (!isfinite(result.loss) || !isfinite(result.norm))
            return TYTO_ERR_INVALID;
        train->num_steps++;
        epoch->norm = fmaxf(epoch->norm, result.norm);
        sum += result.loss * mass;
        total += mass;
    }
    epoch->train_loss = total > 0 ? (float)(sum / total) : 0;
    return TYTO_OK;
}

/* Counts what counts: segments by their largest logit, or single logits by their sign. */
static void count_right(const struct tyto_train *train, const struct tyto_step_in *in,
                        const float *logits, uint64_t *right, uint64_t *num)
{
    const struct tyto_params_layout *layout = tyto_step_layout(train->step);
    const uint32_t width = layout->dims.num_logits, stride = layout->logits;
    const bool softmax = layout->dims.head == TYTO_HEAD_SOFTMAX;

    for (size_t r = 0; r < train->params.step.batch * num_targets(train); r++) {
        const float *z = logits + r * stride, *yes = in->yes + r * stride,
                    *no = in->no + r * stride;
        uint32_t got = 0, want = 0;

        for (uint32_t n = 0; n < width; n++) {
            got = z[n] > z[got] ? n : got;
            want = yes[n] > yes[want] ? n : want;
            if (!softmax && yes[n] + no[n] > 0) {
                *right += (z[n] > 0) == (yes[n] > no[n]);
                ++*num;
            }
        }
        if (softmax && yes[want] > 0) {
            *right += got == want;
            ++*num;
        }
    }
}

static enum tyto_err validate(struct tyto_train *train, struct tyto_train_epoch *epoch)
{
    const struct tyto_train_data *data = &train->params.val;
    const struct tyto_step_in in = tyto_step_in(train->step);
    double sum = 0, total = 0;
    uint64_t right = 0, num = 0;

    for (uint32_t first = 0; first < data->num_clips; first += train->params.step.batch) {
        const double mass = load_batch(train, data, NULL, first);
        const float *logits = NULL;
        float loss = 0;
        const enum tyto_err err = tyto_step_eval(train->step, &logits, &loss);

        if (err)
            return err;
        if (!isfinite(loss))
            return TYTO_ERR_INVALID;
        sum += loss * mass;
        total += mass;
        count_right(train, &in, logits, &right, &num);
    }
    epoch->val_loss = total > 0 ? (float)(sum / total) : 0;
    epoch->val_accuracy = num > 0 ? (float)right / (float)num : 0;
    return TYTO_OK;
}

static enum tyto_err write_metrics(const struct tyto_train *train,
                                   const struct tyto_train_epoch *epoch)
{
    FILE *file = NULL;
    bool good = false;

    if (!train->params.metrics_path)
        return TYTO_OK;
    file = fopen(train->params.metrics_path, epoch->epoch == 1 ? "w" : "a");
    if (!file)
        return TYTO_ERR_IO;
    if (epoch->epoch == 1)
        fprintf(file, "epoch,train_loss,val_loss,val_accuracy,gradient_norm,best\n");
    good = fprintf(file, "%u,%.9g,%.9g,%.9g,%.9g,%d\n", epoch->epoch, (double)epoch->train_loss,
                   (double)epoch->val_loss, (double)epoch->val_accuracy, (double)epoch->norm,
                   epoch->is_best) > 0;
    return fclose(file) == 0 && good ? TYTO_OK : TYTO_ERR_IO;
}

bool tyto_train_is_done(const struct tyto_train *train)
{
    const uint32_t patience = train->params.patience;

    return train->epoch >= train->params.num_epochs ||
           (patience > 0 && train->epoch - train->best_epoch >= patience);
}

enum tyto_err tyto_train_run_epoch(struct tyto_train *train, struct tyto_train_epoch *ret_epoch)
{
    const bool validates = train->params.val.num_clips > 0;
    struct tyto_train_epoch epoch = {.epoch = train->epoch + 1};
    enum tyto_err err = TYTO_OK;

    shuffle(train);
    err = run_steps(train, &epoch);
    if (!err && validates)
        err = validate(train, &epoch);
    if (err)
        return err;
    train->epoch++;
    epoch.is_best = !validates || train->best_epoch == 0 || epoch.val_loss < train->best_loss;
    if (epoch.is_best) {
        train->best_epoch = train->epoch;
        train->best_loss = epoch.val_loss;
        err = tyto_step_read(train->step, train->best, NULL, NULL);
    }
    if (!err)
        err = write_metrics(train, &epoch);
    if (!err && train->params.checkpoint_path)
        err = tyto_train_write_checkpoint(train, train->params.checkpoint_path);
    if (!err)
        *ret_epoch = epoch;
    return err;
}

/* --- the whole ------------------------------------------------------------------------------- */

enum tyto_err tyto_train_set(struct tyto_train *train, float *const *tensors)
{
    const struct tyto_params_layout *layout = tyto_step_layout(train->step);

    tyto_params_put(layout, tensors, train->best);
    return tyto_step_write(train->step, train->best, NULL, NULL);
}

enum tyto_err tyto_train_create(const struct tyto_train_params *params,
                                struct tyto_train **ret_train)
{
    struct tyto_train *train = NULL;
    enum tyto_err err = TYTO_OK;

    if (params->train.num_clips == 0 || params->num_epochs == 0)
        return TYTO_ERR_INVALID;
    train = calloc(1, sizeof(*train));
    if (!train)
        return TYTO_ERR_NOMEM;
    train->params = *params;
    err = tyto_step_create(&params->step, &train->step);
    if (!err) {
        train->order = calloc(params->train.num_clips, sizeof(*train->order));
        train->best = calloc(tyto_step_layout(train->step)->num, sizeof(*train->best));
        err = train->order && train->best ? draw_weights(train) : TYTO_ERR_NOMEM;
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
    tyto_step_destroy(&(*train)->step);
    free((*train)->order);
    free((*train)->best);
    free(*train);
    *train = NULL;
}
