/* SPDX-License-Identifier: MIT */
/* Training on a toy: two sounds and two pictures that agree or not; what agrees is the class,
 * what does not is background. Neither stream alone can tell. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/cman_weights.h"
#include "tests/check/check.h"
#include "trainer/train.h"

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

struct toy {
    float *audio, *visual, *yes;
    struct tyto_train_data data;
};

static struct toy make_toy(struct check *check, uint32_t num)
{
    const size_t rows = (size_t)num * T;
    struct toy toy = {
        check_floats(rows * A), check_floats(rows * L * V), check_floats(rows * N), {0}};
    float *draws = check_floats(rows * 3);

    check_fill(check, toy.audio, rows * A, 0.3F);
    check_fill(check, toy.visual, rows * L * V, 0.3F);
    check_fill(check, draws, rows * 3, 1);
    for (size_t r = 0; r < rows; r++) {
        const size_t sound = draws[3 * r] > 0, picture = draws[3 * r + 1] > 0;
        const size_t place = (size_t)((draws[3 * r + 2] + 1) * L / 2);

        toy.audio[r * A + sound] += 2;
        toy.visual[(r * L + place) * V + picture] += 2;
        toy.yes[r * N + (sound == picture ? sound : 2)] = 1;
    }
    toy.data = (struct tyto_train_data){
        .num_clips = num, .audio = toy.audio, .visual = toy.visual, .yes = toy.yes};
    free(draws);
    return toy;
}

static void drop_toy(struct toy *toy)
{
    free(toy->audio);
    free(toy->visual);
    free(toy->yes);
}

static struct tyto_train *make(const struct tyto_train_params *params)
{
    struct tyto_train *train = NULL;

    check_must(tyto_train_create(params, &train), "train");
    return train;
}

static void exports(struct check *check, const struct tyto_train *train, const char *path)
{
    static const char *const names[] = {"first", "second"};
    struct tyto_cman_weights weights = {0};
    struct tyto_fault fault = {0};

    check_must(tyto_train_export(train, path, names, "a toy", &fault), "export");
    check_err(check, tyto_cman_weights_load(path, &weights, &fault), TYTO_OK,
              "what was trained loads as a head");
    check_that(check,
               weights.dims.num_logits == N && weights.dims.look_ahead == 1 &&
                   strcmp(weights.classes[1], "second") == 0,
               "dims and classes come back");
    check_that(check, weights.tensors[TYTO_CMAN_ADAPT_AUDIO_WEIGHT] != NULL,
               "the adapter is in the file");
    tyto_cman_weights_finish(&weights);
    (void)unlink(path);
}

static void learns(struct check *check, const struct tyto_train_params *params, const char *path)
{
    struct tyto_train *train = make(params);
    struct tyto_train_epoch epoch = {0};
    float first = 0, best = 0;

    while (!tyto_train_is_done(train)) {
        check_must(tyto_train_run_epoch(train, &epoch), "epoch");
        first = epoch.epoch == 1 ? epoch.train_loss : first;
        best = fmaxf(best, epoch.val_accuracy);
    }
    check_that(check, epoch.train_loss < first / 2, "the loss falls: %g to %g", (double)first,
               (double)epoch.train_loss);
    check_that(check, best > 0.9F, "it learns what neither stream tells alone: %g", (double)best);
    exports(check, train, path);
    tyto_train_destroy(&train);
}

/* Four epochs at a stretch, and two with a checkpoint between. */
static void resumes(struct check *check, struct tyto_train_params params, const char *path)
{
    struct tyto_train_epoch want[4], got[4];
    struct tyto_fault fault = {0};
    struct tyto_train *train = make(&params);

    for (int i = 0; i < 4; i++)
        check_must(tyto_train_run_epoch(train, &want[i]), "epoch");
    tyto_train_destroy(&train);
    params.checkpoint_path = path;
    train = make(&params);
    for (int i = 0; i < 2; i++)
        check_must(tyto_train_run_epoch(train, &got[i]), "epoch");
    tyto_train_destroy(&train);
    params.checkpoint_path = NULL;
    train = make(&params);
    check_must(tyto_train_resume(train, path, &fault), "resume");
    for (int i = 2; i < 4; i++)
        check_must(tyto_train_run_epoch(train, &got[i]), "epoch");
    tyto_train_destroy(&train);
    for (int i = 0; i < 4; i++)
        check_that(check,
                   got[i].train_loss == want[i].train_loss && got[i].val_loss == want[i].val_loss,
                   "epoch %d after a checkpoint is the same bit by bit", i + 1);
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
    struct tyto_train *train = NULL;
    uint32_t num = 0;

    params.rate = 0; /* nothing gets better than the first epoch */
    params.patience = 3;
    params.val = params.train;
    train = make(&params);
    for (; !tyto_train_is_done(train); num++)
        check_must(tyto_train_run_epoch(train, &epoch), "epoch");
    check_that(check, num == 4, "patience of 3 ends after 4 epochs, not %u", num);
    tyto_train_destroy(&train);
    toy->audio[0] = NAN;
    train = make(&params);
    check_err(check, tyto_train_run_epoch(train, &epoch), TYTO_ERR_INVALID,
              "a number that is none stops the run");
    tyto_train_destroy(&train);
    toy->audio[0] = was;
}

/* Labels of whole clips: which agreements there are in some segment. */
static void learns_from_clips(struct check *check, struct tyto_train_params params,
                              const struct toy *toy)
{
    float *yes = check_floats((size_t)TRAIN * N), *no = check_floats((size_t)TRAIN * N);
    struct tyto_train_epoch epoch = {0};
    float first = 0;

    for (size_t i = 0; i < (size_t)TRAIN * T; i++)
        for (size_t n = 0; n < N; n++)
            yes[i / T * N + n] = fmaxf(yes[i / T * N + n], toy->yes[i * N + n]);
    for (size_t i = 0; i < (size_t)TRAIN * N; i++)
        no[i] = 1 - yes[i];
    params.train.yes = yes;
    params.train.no = no;
    params.val = params.train;
    params.step.dims.head = TYTO_HEAD_MULTI_LABEL;
    params.step.dims.num_classes = 1;
    params.step.pool = TYTO_STEP_POOL_MAX;
    params.num_epochs = 2 * EPOCHS;
    struct tyto_train *train = make(&params);
    while (!tyto_train_is_done(train)) {
        check_must(tyto_train_run_epoch(train, &epoch), "epoch");
        first = epoch.epoch == 1 ? epoch.val_loss : first;
    }
    check_that(check, epoch.val_loss < first / 2 && epoch.val_accuracy > 0.9F,
               "it learns from labels of whole clips: %g to %g, %g right", (double)first,
               (double)epoch.val_loss, (double)epoch.val_accuracy);
    tyto_train_destroy(&train);
    free(yes);
    free(no);
}

static void cases(struct check *check)
{
    struct toy train = make_toy(check, TRAIN), val = make_toy(check, VAL);
    char path[64];
    const struct tyto_train_params params = {
        .step =
            {.gpu = check->gpu, .dims = dims, .adapt = {true, true}, .batch = 16, .dropout = 0.1F},
        .train = train.data,
        .val = val.data,
        .seed = 3,
        .num_epochs = EPOCHS,
        .num_warm_up = 6,
        .rate = 0.02F,
        .decay = 0.01F,
        .max_norm = 1,
    };

    snprintf(path, sizeof(path), "/tmp/tyto-check-train-%ld.safetensors", (long)getpid());
    learns(check, &params, path);
    resumes(check, params, path);
    learns_from_clips(check, params, &train);
    stops(check, params, &train);
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
