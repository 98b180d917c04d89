/* SPDX-License-Identifier: MIT */
/* A run's model card: what the head is made of, how good it was on validation, what it cannot say.
 * Only what the run itself knows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files/safetensors.h"
#include "model/cman/weights.h"
#include "trainer/run/internal.h"

/* How often a class comes in a data set. */
struct counts {
    uint64_t heard, seen, joint, clips;
};

static struct counts count_class(const struct tyto_dataset *data, uint32_t k)
{
    const size_t classes = data->shape.num_classes, num = data->shape.num_segments;
    struct counts counts = {0};

    for (size_t c = 0; c < data->shape.num_clips; c++) {
        counts.clips += data->clip_truth[c * classes + k] != 0;
        for (size_t t = 0; t < data->len[c]; t++) {
            const uint8_t bits = data->truth[(c * num + t) * classes + k];

            counts.heard += (bits & TYTO_TRUTH_HEARD) != 0;
            counts.seen += (bits & TYTO_TRUTH_SEEN) != 0;
            counts.joint += bits == TYTO_TRUTH_BOTH;
        }
    }
    return counts;
}

static int by_number(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* Recordings; 0 when out of memory. */
static uint32_t count_groups(const struct tyto_dataset *data)
{
    const uint32_t clips = data->shape.num_clips;
    uint32_t *groups = malloc(clips * sizeof(*groups));
    uint32_t num = 0;

    if (!groups)
        return 0;
    memcpy(groups, data->groups, clips * sizeof(*groups));
    qsort(groups, clips, sizeof(*groups), by_number);
    for (uint32_t i = 0; i < clips; i++)
        num += i == 0 || groups[i] != groups[i - 1];
    free(groups);
    return num;
}

static void put_data(FILE *out, const char *name, const struct tyto_dataset *data,
                     const char *digest)
{
    uint64_t segments = 0;
    uint32_t weak = 0;

    for (uint32_t i = 0; i < data->shape.num_clips; i++) {
        segments += data->len[i];
        weak += data->is_weak[i];
    }
    fprintf(out, "| %s | %u | %u | %llu | %u | `%.16s` |\n", name, count_groups(data),
            data->shape.num_clips, (unsigned long long)segments, weak, digest);
}

static void put_texts(FILE *out, const char *what, const struct tyto_texts *texts)
{
    for (uint32_t i = 0; i < texts->num; i++)
        fprintf(out, "- %s: `%s`\n", what, texts->texts[i]);
}

static void put_sources(FILE *out, const struct tyto_run_state *run)
{
    const struct tyto_run_options *o = run->options;

    fprintf(out, "## Data\n\n");
    put_texts(out, "labels", &o->labels);
    put_texts(out, "labels for validation", &o->val_labels);
    if (o->ave)
        fprintf(out, "- AVE's HDF5 features: `%s`, official splits\n", o->ave);
    if (!o->ave && o->val_labels.num == 0 && run->params->val)
        fprintf(out, "- validation: recordings of the same labels that training did not see\n");
    fprintf(out, "\n| | recordings | clips | segments | weak clips | digest |\n"
                 "|---|---|---|---|---|---|\n");
    put_data(out, "training", run->params->train, run->digests[0]);
    if (run->params->val)
        put_data(out, "validation", run->params->val, run->digests[1]);
    fprintf(out,
            "\nEncoders: audio `%.16s`, visual `%.16s`. Rights in the recordings are not the "
            "trainer's to judge.\n\n",
            run->params->train->audio_encoder, run->params->train->visual_encoder);
}

/* F1 and threshold of each task that comes in training. */
static void put_tasks(FILE *out, const struct tyto_run_state *run, uint32_t k,
                      const struct counts *c)
{
    const uint64_t counts[TYTO_CMAN_NUM_TASKS] = {c->joint, c->heard, c->seen};
    const size_t classes = run->step.dims.num_classes;
    const bool is_softmax = run->step.dims.head == TYTO_HEAD_SOFTMAX;

    for (size_t task = 0; task < (is_softmax ? 1 : TYTO_CMAN_NUM_TASKS); task++) {
        const size_t at = task * classes + k;

        if (!run->params->val || (!is_softmax && counts[task] == 0))
            fprintf(out, " - |");
        else if (is_softmax)
            fprintf(out, " %.3f |", (double)run->figures.f1[at]);
        else
            fprintf(out, " %.3f at %.2f |", (double)run->figures.f1[at],
                    (double)run->figures.thresholds[at]);
    }
    fputc('\n', out);
}

static void put_classes(FILE *out, const struct tyto_run_state *run)
{
    const bool is_softmax = run->step.dims.head == TYTO_HEAD_SOFTMAX;

    fprintf(out,
            "## Classes\n\nSegments of training, and what validation says of the best epoch: "
            "F1%s.\n\n"
            "| class | heard | seen | both | clips |%s\n"
            "|---|---|---|---|---|---|%s\n",
            is_softmax ? " of the decision" : " at the threshold",
            is_softmax ? " F1 |" : " both: F1 | heard: F1 | seen: F1 |",
            is_softmax ? "" : "---|---|");
    for (uint32_t k = 0; k < run->step.dims.num_classes; k++) {
        const struct counts c = count_class(run->params->train, k);

        fprintf(out, "| %s | %llu | %llu | %llu | %llu |", run->params->train->classes[k],
                (unsigned long long)c.heard, (unsigned long long)c.seen,
                (unsigned long long)c.joint, (unsigned long long)c.clips);
        put_tasks(out, run, k, &c);
    }
    fputc('\n', out);
}

/* Share of validation's rows without any joint event: what always saying "nothing" gets. */
static double background_share(const struct tyto_run_state *run)
{
    const struct tyto_dataset *val = run->params->val;
    const bool is_softmax = run->step.dims.head == TYTO_HEAD_SOFTMAX;
    const bool is_weak = run->step.pool != TYTO_STEP_POOL_NONE;
    const size_t classes = val->shape.num_classes, num = val->shape.num_segments;
    uint64_t empty = 0, rows = 0;

    for (size_t c = 0; c < val->shape.num_clips; c++) {
        const uint8_t *truth =
            is_weak ? val->clip_truth + c * classes : val->truth + c * num * classes;

        for (size_t t = 0; t < (is_weak ? 1 : val->len[c]); t++) {
            bool is_empty = true;

            for (size_t k = 0; k < classes; k++) {
                const uint8_t bits = truth[t * classes + k];

                is_empty &= is_softmax ? bits == 0 : bits != TYTO_TRUTH_BOTH;
            }
            empty += is_empty;
            rows++;
        }
    }
    return rows > 0 ? (double)empty / (double)rows : 0;
}

static void put_figures(FILE *out, const struct tyto_run_state *run)
{
    const struct tyto_train_figures *f = &run->figures;
    const char *rows = run->step.pool == TYTO_STEP_POOL_NONE ? "segments" : "clips";

    fprintf(out, "## Figures\n\n");
    if (!run->params->val) {
        fprintf(out, "There was no validation: nothing is known about how good it is.\n\n");
        return;
    }
    fprintf(out,
            "On validation, which also chose the epoch%s, so slightly flattering. "
            "`tyto eval` measures it on recordings that had no part in that.\n\n"
            "| | |\n|---|---|\n"
            "| right %s | %.1f %% of %u |\n"
            "| always saying \"nothing\" would get | %.1f %% |\n"
            "| F1, mean over classes (at 0.5) | %.3f |\n"
            "| loss | %.4f |\n"
            "| best epoch | %u of %u |\n\n",
            run->step.dims.head == TYTO_HEAD_SOFTMAX ? "" : " and the thresholds", rows,
            100 * (double)f->accuracy, f->num_rows, 100 * background_share(run),
            (double)f->macro_f1, (double)f->loss, tyto_train_best_epoch(run->train),
            tyto_train_num_epochs(run->train));
}

static uint64_t count_parameters(const struct tyto_run_state *run)
{
    const struct tyto_params_layout *layout = tyto_train_layout(run->train);
    const struct tyto_basis *b = &run->basis;
    uint64_t num = 0;

    for (uint32_t i = 0; i < TYTO_CMAN_NUM_TENSORS; i++)
        num += (uint64_t)layout->slots[i].rows * layout->slots[i].cols;
    num += run->encoded[0] ? (uint64_t)run->layer.out * (run->layer.in + 1) : 0;
    if (run->has_basis && !run->encoded[0])
        num += (uint64_t)b->audio_out * (b->audio_in + 1) +
               (uint64_t)b->visual_out * (b->visual_in + 1);
    return num;
}

static void put_head(FILE *out, const struct tyto_run_state *run, const char *digest)
{
    const struct tyto_cman_dims *d = &run->step.dims;
    char ahead[24] = "the whole window";

    if (d->look_ahead != UINT32_MAX)
        snprintf(ahead, sizeof(ahead), "%u segments", d->look_ahead);
    fprintf(out,
            "# Model card: model.safetensors\n\n"
            "A model for tyto: per second of video, which of %u classes are %s.\n\n"
            "- file: SHA-256 `%s`\n"
            "- %llu parameters%s; windows of %u segments, it waits for %s\n"
            "- fusion: %s%s\n\n",
            d->num_classes,
            d->head == TYTO_HEAD_SOFTMAX ? "there, one at a time" : "heard, seen, or both", digest,
            (unsigned long long)count_parameters(run),
            run->encoded[0]  ? " (with the picture encoder's last layer, which was tuned)"
            : run->has_basis ? " (with a fixed projection in front)"
                             : "",
            d->num_segments, ahead,
            tyto_word_of(TYTO_WORDS(TYTO_CMAN_FUSION_LIST), run->options->fusion),
            run->options->fusion == TYTO_CMAN_FUSION_CMAN
                ? ""
                : " - a baseline to compare with, which tytod refuses");
}

static void put_options(FILE *out, const struct tyto_run_state *run)
{
    struct tyto_json *json = tyto_run_options_to_json(run->options);
    char *text = json ? tyto_json_print(json) : NULL;

    fprintf(out,
            "## How it was trained\n\nSeed %llu; the whole of it again:\n\n"
            "    tyto train --config config.json --out ANOTHER\n\n```json\n%s\n```\n\n",
            (unsigned long long)run->options->seed, text ? text : "");
    free(text);
    tyto_json_destroy(&json);
}

static void put_limits(FILE *out, const struct tyto_run_state *run)
{
    fprintf(
        out,
        "## Limits\n\n"
        "- It knows the classes above, as they look and sound in the footage above, and nothing "
        "else; other cameras, rooms and microphones need figures of their own.\n"
        "- Scores are calibrated on the validation clips, for all classes of a task together: of "
        "one class, and elsewhere, they are no probabilities.\n"
        "- A class with few segments in the table is little more than a guess.\n");
    if (run->step.pool != TYTO_STEP_POOL_NONE)
        fprintf(out, "- It learnt from labels of whole clips: when an event begins and ends was "
                     "never said to it.\n");
    if (run->options->fusion != TYTO_CMAN_FUSION_CMAN)
        fprintf(out, "- It is a baseline, not for use.\n");
}

static enum tyto_err digest_model(const struct tyto_run_state *run,
                                  char ret_hex[TYTO_DIGEST_HEX_BYTES])
{
    struct tyto_weights *file = NULL;
    char path[TYTO_RUN_PATH_MAX];
    enum tyto_err err = tyto_run_path(run->params->dir, "model.safetensors", path, run->fault);

    if (!err)
        err = tyto_weights_open(path, &file, run->fault);
    if (!err)
        tyto_weights_digest(file, ret_hex);
    tyto_weights_close(&file);
    return err;
}

enum tyto_err tyto_run_write_card(const struct tyto_run_state *run)
{
    char path[TYTO_RUN_PATH_MAX], digest[TYTO_DIGEST_HEX_BYTES] = "";
    char *text = NULL;
    size_t num = 0;
    FILE *out = NULL;
    bool good = false;
    enum tyto_err err = digest_model(run, digest);

    if (!err)
        err = tyto_run_path(run->params->dir, "model-card.md", path, run->fault);
    if (err)
        return err;
    out = open_memstream(&text, &num);
    if (!out)
        return TYTO_ERR_NOMEM;
    put_head(out, run, digest);
    put_sources(out, run);
    put_figures(out, run);
    put_classes(out, run);
    put_options(out, run);
    put_limits(out, run);
    good = !ferror(out);
    good = fclose(out) == 0 && good;
    err = good ? tyto_run_write_text(path, text, run->fault) : TYTO_ERR_NOMEM;
    free(text);
    return err;
}
