/* SPDX-License-Identifier: MIT */
/* A run's report.html: the best head on the validation data, by what tyto eval measures with. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "trainer/eval/report/report.h"
#include "trainer/run/internal.h"

enum { MAX_PAIRS = 8, SHORT = 1, NONE = 2 };

/* What was run, in short. */
struct texts {
    char data[96], val[96], net[128], steps[96], seed[32];
};

static uint32_t describe(const struct tyto_run_state *run, struct texts *texts,
                         struct tyto_report_pair *ret_pairs)
{
    const struct tyto_run_options *o = run->options;
    const struct tyto_cman_dims *d = &run->step.dims;
    const struct tyto_report_pair pairs[] = {
        {"training", texts->data},
        {"validation", texts->val},
        {"head", texts->net},
        {"steps", texts->steps},
        {"seed", texts->seed},
        {"fusion", tyto_word_of(TYTO_WORDS(TYTO_CMAN_FUSION_LIST), o->fusion)},
        {"labels of whole clips", tyto_word_of(TYTO_WORDS(TYTO_STEP_POOL_LIST), o->weak)},
    };
    const uint32_t num = sizeof(pairs) / sizeof(*pairs);

    snprintf(texts->data, sizeof(texts->data), "%u clips, %u classes",
             run->params->train->shape.num_clips, d->num_classes);
    snprintf(texts->val, sizeof(texts->val), "%u clips; it also chose the epoch",
             run->params->val->shape.num_clips);
    snprintf(texts->net, sizeof(texts->net), "%s, %u segments, widths %u %u %u %u %u",
             tyto_word_of(TYTO_WORDS(TYTO_HEAD_LIST), o->head), d->num_segments, d->match_width,
             d->when_width, d->hidden_width, d->which_width, d->head_width);
    snprintf(texts->steps, sizeof(texts->steps), "%u of %u clips, rate %g, decay %g, dropout %g",
             tyto_train_num_steps(run->train), o->batch, (double)o->rate, (double)o->decay,
             (double)o->dropout);
    snprintf(texts->seed, sizeof(texts->seed), "%llu", (unsigned long long)o->seed);
    for (uint32_t i = 0; i < num; i++)
        ret_pairs[i] = pairs[i];
    return num;
}

/* Epochs as the report wants them, owned; NULL when out of memory. */
static struct tyto_report_epoch *list_epochs(const struct tyto_run_state *run)
{
    struct tyto_report_epoch *epochs = calloc(run->num_epochs + 1, sizeof(*epochs));

    for (uint32_t i = 0; i < run->num_epochs && epochs; i++) {
        const struct tyto_train_epoch *e = &run->epochs[i].figures;

        epochs[i] = (struct tyto_report_epoch){.epoch = e->epoch,
                                               .train_loss = (double)e->train_loss,
                                               .val_loss = (double)e->val_loss,
                                               .val_accuracy = (double)e->val_accuracy,
                                               .is_best = e->is_best};
    }
    return epochs;
}

static bool on_progress(void *user, uint64_t num_done, uint64_t num_clips)
{
    const struct tyto_run_state *run = user;

    if (run->params->on_work)
        run->params->on_work(run->params->user, "report", (uint32_t)num_done, (uint32_t)num_clips);
    return !run->params->should_stop || !run->params->should_stop(run->params->user);
}

enum tyto_err tyto_run_write_report(struct tyto_run_state *run)
{
    struct tyto_report_pair pairs[MAX_PAIRS];
    struct tyto_report_epoch *epochs = NULL;
    char path[TYTO_RUN_PATH_MAX], head[TYTO_RUN_PATH_MAX];
    struct texts texts;
    enum tyto_err err = TYTO_OK;

    if (!run->params->val || run->options->report == TYTO_RUN_REPORT_NONE)
        return TYTO_OK;
    err = tyto_run_path(run->params->dir, "report.html", path, run->fault);
    if (!err)
        err = tyto_run_path(run->params->dir, "model.safetensors", head, run->fault);
    if (err)
        return err;
    epochs = list_epochs(run);
    if (!epochs)
        return TYTO_ERR_NOMEM;
    const struct tyto_report_run report = {
        .title = run->params->dir,
        .pairs = pairs,
        .num_pairs = describe(run, &texts, pairs),
        .epochs = epochs,
        .num_epochs = run->num_epochs,
        .head_path = head,
        .gpu = run->params->gpu,
        .dataset = run->encoded[1] ? run->encoded[1] : run->params->val,
        .skips_shifts = run->options->report == TYTO_RUN_REPORT_SHORT,
        .user = run,
        .on_progress = on_progress,
    };

    err = tyto_report_from_run(path, &report, run->fault);
    free(epochs);
    return err;
}
