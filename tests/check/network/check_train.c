/* SPDX-License-Identifier: MIT */
/* Training on a toy: two sounds and two pictures that agree or not; what agrees is the class,
 * what does not is background. Neither stream alone can tell. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files/safetensors.h"
#include "model/cman/weights.h"
#include "tests/check/check.h"
#include "trainer/data/dataset_memory.h"
#include "trainer/loop/train.h"

enum { T = 4, L = 6, A = 8, V = 12, N = 3, TRAIN = 96, VAL = 32, EPOCHS = 12 };

static const struct tyto_cman_dims dims = {
    .num_segments = T,
    .num_places = L,
    .audio_in = A,
    .visual_in = V,
    .audio_width = 8,
    .visual_width = 12,
    .match_width = 8,
    .when_width = 8,
    .hidden_width = 16,
    .which_width = 8,
    .head_width = 14,
    .num_classes = 2,
    .num_logits = N,
    .look_ahead = 1,
    .head = TYTO_HEAD_SOFTMAX,
};

static const struct tyto_dataset_shape shape = {
    .num_segments = T, .audio_in = A, .num_places = L, .visual_in = V, .num_classes = 2};

struct toy {
    float *audio, *visual;
    struct tyto_dataset *data;
};

static struct toy make_toy(struct check *check, uint32_t num)
{
    const size_t rows = (size_t)num * T;
    struct toy toy = {check_floats(rows * A), check_floats(rows * L * V), NULL};
    struct tyto_dataset_shape own = shape;
    float *draws = check_floats(rows * 3);

    own.num_clips = num;
    check_must(
        tyto_dataset_memory_create(
            &own, &(struct tyto_dataset_memory){toy.audio, toy.visual, NULL, NULL}, &toy.data),
        "data set");
    snprintf(toy.data->classes[0], sizeof(toy.data->classes[0]), "first");
    snprintf(toy.data->classes[1], sizeof(toy.data->classes[1]), "second");
    check_fill(check, toy.audio, rows * A, 0.3f);
    check_fill(check, toy.visual, rows * L * V, 0.3f);
    check_fill(check, draws, rows * 3, 1);
    for (size_t r = 0; r < rows; r++) {
        const size_t sound = draws[3 * r] > 0, picture = draws[3 * r + 1] > 0;
        const size_t place = (size_t)((draws[3 * r + 2] + 1) * L / 2);

        toy.audio[r * A + sound] += 2;
        toy.visual[(r * L + place) * V + picture] += 2;
        if (sound != picture)
            continue;
        toy.data->truth[r * 2 + sound] = TYTO_TRUTH_BOTH;
        toy.data->clip_truth[r / T * 2 + sound] = TYTO_TRUTH_BOTH;
    }
    free(draws);
    return toy;
}

static void drop_toy(struct toy *toy)
{
    tyto_dataset_destroy(&toy->data);
    free(toy->audio);
    free(toy->visual);
}

static struct tyto_train *make(const struct tyto_train_params *params)
{
    struct tyto_train *train = NULL;
    struct tyto_fault fault = {0};

    check_must(tyto_train_create(params, &train, &fault), "train");
    return train;
}

static void run_epoch(struct tyto_train *train, struct tyto_train_epoch *ret_epoch)
{
    struct tyto_fault fault = {0};

    check_must(tyto_train_run_epoch(train, ret_epoch, &fault), "epoch");
}

static void exports(struct check *check, struct tyto_train *train, const struct toy *toy,
                    const char *path)
{
    static const char provenance[] = "a \"toy\" from C:\\toys,\nüber {all}";
    const struct tyto_train_export what = {
        .path = path,
        .classes = toy->data->classes,
        .thresholds = (const float[3 * 2]){0.25f, 0.75f, 0.3f, 0.4f, 0.6f, 0.7f},
        .audio_encoder = "ears",
        .provenance = provenance};
    struct tyto_cman_weights weights = {0};
    struct tyto_weights *file = NULL;
    struct tyto_fault fault = {0};

    check_must(tyto_train_export(train, &what, &fault), "export");
    check_err(check, tyto_cman_weights_load(path, &weights, &fault), TYTO_OK,
              "what was trained loads as a head");
    check_that(check,
               weights.dims.num_logits == N && weights.dims.look_ahead == 1 &&
                   strcmp(weights.classes[1], "second") == 0 && weights.thresholds[1] == 0.75f &&
                   strcmp(weights.audio_encoder, "ears") == 0,
               "dims, classes, thresholds and encoders come back");
    check_that(check, weights.tensors[TYTO_CMAN_ADAPT_AUDIO_WEIGHT] != NULL,
               "the adapter is in the file");
    check_must(tyto_weights_open(path, &file, &fault), "the file itself");
    check_that(check, strcmp(tyto_weights_meta(file, "tyto.provenance"), provenance) == 0,
               "provenance may hold any text");
    tyto_weights_close(&file);
    tyto_cman_weights_finish(&weights);
    (void)unlink(path);
}

static void learns(struct check *check, const struct tyto_train_params *params,
                   const struct toy *toy, const char *path)
{
    float thresholds[3 * 2], f1[3 * 2];
    struct tyto_train_figures figures = {.thresholds = thresholds, .f1 = f1};
    struct tyto_train *train = make(params);
    struct tyto_train_epoch epoch = {0};
    float first = 0, best = 0;

    while (!tyto_train_is_done(train)) {
        run_epoch(train, &epoch);
        first = epoch.epoch == 1 ? epoch.train_loss : first;
        best = fmaxf(best, epoch.val_accuracy);
    }
    check_that(check, epoch.train_loss < first / 2, "the loss falls: %g to %g", (double)first,
               (double)epoch.train_loss);
    check_that(check, best > 0.9f, "it learns what neither stream tells alone: %g", (double)best);
    check_must(tyto_train_evaluate(train, &figures), "evaluate");
    check_that(check, figures.accuracy == best && figures.num_rows == VAL * T,
               "the best epoch is judged as it was: %g", (double)figures.accuracy);
    exports(check, train, toy, path);
    tyto_train_destroy(&train);
}

static bool is_same(const struct tyto_train_epoch *a, const struct tyto_train_epoch *b)
{
    return a->train_loss == b->train_loss && a->val_loss == b->val_loss && a->norm == b->norm &&
           a->val_accuracy == b->val_accuracy && a->val_map == b->val_map &&
           a->is_best == b->is_best;
}

static bool stop_at_step_3(void *user, const struct tyto_train_progress *progress)
{
    return *(bool *)user || progress->epoch != 3 || progress->step != 3;
}

/* Four epochs at a stretch, and the same with a stop after two and one amidst the third. */
static void resumes(struct check *check, struct tyto_train_params params, const char *path)
{
    struct tyto_train_epoch want[4], got[4];
    struct tyto_fault fault = {0};
    struct tyto_train *train = make(&params);
    bool goes_on = false;

    for (int i = 0; i < 4; i++)
        run_epoch(train, &want[i]);
    tyto_train_destroy(&train);
    params.checkpoint_path = path;
    train = make(&params);
    for (int i = 0; i < 2; i++)
        run_epoch(train, &got[i]);
    tyto_train_destroy(&train);
    params.on_step = stop_at_step_3;
    params.user = &goes_on;
    train = make(&params);
    check_must(tyto_train_resume(train, path, &fault), "resume");
    check_err(check, tyto_train_run_epoch(train, &got[2], &fault), TYTO_ERR_CLOSED,
              "a step that says stop");
    tyto_train_destroy(&train);
    goes_on = true;
    train = make(&params);
    check_must(tyto_train_resume(train, path, &fault), "resume");
    for (int i = 2; i < 4; i++)
        run_epoch(train, &got[i]);
    tyto_train_destroy(&train);
    for (int i = 0; i < 4; i++)
        check_that(check, is_same(&got[i], &want[i]),
                   "epoch %d after checkpoints is the same bit by bit", i + 1);
    params.step.dims.hidden_width = 20;
    train = make(&params);
    check_err(check, tyto_train_resume(train, path, &fault), TYTO_ERR_SHAPE,
              "a checkpoint of another net");
    tyto_train_destroy(&train);
    (void)unlink(path);
}

static void stops(struct check *check, struct tyto_train_params params, struct toy *toy)
{
    const float was = toy->audio[0];
    struct tyto_train_epoch epoch = {0};
    struct tyto_fault fault = {0};
    struct tyto_train *train = NULL;
    uint32_t num = 0;

    params.rate = 0; /* nothing gets better than the first epoch */
    params.patience = 3;
    params.val = params.train;
    train = make(&params);
    for (; !tyto_train_is_done(train); num++)
        run_epoch(train, &epoch);
    check_that(check, num == 4, "patience of 3 ends after 4 epochs, not %u", num);
    tyto_train_destroy(&train);
    toy->audio[0] = NAN;
    train = make(&params);
    check_err(check, tyto_train_run_epoch(train, &epoch, &fault), TYTO_ERR_INVALID,
              "a number that is none stops the run");
    check_that(check, strstr(fault.text, "epoch 1, step") && strstr(fault.text, "lower rate"),
               "it says where and what to try: %s", fault.text);
    tyto_train_destroy(&train);
    toy->audio[0] = was;
    toy->data->is_weak[5] = true;
    check_err(check, tyto_train_create(&params, &train, &fault), TYTO_ERR_INVALID,
              "labels of whole clips without pooling");
    check_that(check, strstr(fault.text, "--weak") != NULL, "it says --weak: %s", fault.text);
    toy->data->is_weak[5] = false;
}

/* Labels of whole clips: which agreements there are in some segment. */
static void learns_from_clips(struct check *check, struct tyto_train_params params)
{
    struct tyto_train_epoch epoch = {0};
    float first = 0;

    params.val = params.train;
    params.step.dims.head = TYTO_HEAD_MULTI_LABEL;
    params.step.dims.num_logits = 6;
    params.step.pool = TYTO_STEP_POOL_MAX;
    params.num_epochs = 2 * EPOCHS;
    struct tyto_train *train = make(&params);
    while (!tyto_train_is_done(train)) {
        run_epoch(train, &epoch);
        first = epoch.epoch == 1 ? epoch.val_loss : first;
    }
    check_that(check, epoch.val_loss < first / 2 && epoch.val_accuracy > 0.9f,
               "it learns from labels of whole clips: %g to %g, %g right", (double)first,
               (double)epoch.val_loss, (double)epoch.val_accuracy);
    tyto_train_destroy(&train);
}

static float *read_tensor(struct check *check, const struct tyto_train *train, uint32_t tensor)
{
    const struct tyto_params_slot *slot = &tyto_train_layout(train)->slots[tensor];
    float *tensors[TYTO_CMAN_NUM_TENSORS] = {0};

    (void)check;
    tensors[tensor] = check_floats((size_t)slot->rows * slot->cols);
    check_must(tyto_train_get(train, tensors), "get");
    return tensors[tensor];
}

static void freezes(struct check *check, struct tyto_train_params params)
{
    enum { FROZEN = TYTO_CMAN_WHEN_AUDIO_V, FREE = TYTO_CMAN_HEAD_0_WEIGHT };
    struct tyto_train_epoch epoch = {0};
    struct tyto_train *train = NULL;
    float *frozen = NULL, *free_one = NULL, *frozen_after = NULL, *free_after = NULL;

    params.frozen = "where,when.audio";
    train = make(&params);
    frozen = read_tensor(check, train, FROZEN);
    free_one = read_tensor(check, train, FREE);
    run_epoch(train, &epoch);
    frozen_after = read_tensor(check, train, FROZEN);
    free_after = read_tensor(check, train, FREE);
    check_that(check, memcmp(frozen, frozen_after, sizeof(float) * A * A) == 0,
               "what is frozen keeps its values");
    check_that(check, memcmp(free_one, free_after, sizeof(float) * 14 * 32) != 0,
               "what is not learns");
    tyto_train_destroy(&train);
    free(frozen);
    free(free_one);
    free(frozen_after);
    free(free_after);
}

static void cases(struct check *check)
{
    struct toy train = make_toy(check, TRAIN), val = make_toy(check, VAL);
    char path[64];
    struct tyto_train_params params = {
        .step =
            {.gpu = check->gpu, .dims = dims, .adapt = {true, true}, .batch = 16, .dropout = 0.1f},
        .train = train.data,
        .val = val.data,
        .augment = {.max_shift = 1,
                    .shift_share = 0.1f,
                    .modality_dropout = 0.05f,
                    .mixup = 0.05f,
                    .noise = 0.05f},
        .seed = 3,
        .num_epochs = EPOCHS,
        .num_warm_up = 6,
        .rate = 0.02f,
        .decay = 0.01f,
        .max_norm = 1,
    };

    snprintf(path, sizeof(path), "/tmp/tyto-check-train-%ld.safetensors", (long)getpid());
    learns(check, &params, &train, path);
    resumes(check, params, path);
    freezes(check, params);
    stops(check, params, &train);
    params.augment = (struct tyto_augment_params){0};
    learns_from_clips(check, params);
    drop_toy(&train);
    drop_toy(&val);
}

int main(int argc, char **argv)
{
    struct check check;
    int exit_code = 0;

    if (!check_open(&check, argc, argv, &exit_code))
        return exit_code;
    if (!check.bench)
        cases(&check);
    return check_close(&check);
}
