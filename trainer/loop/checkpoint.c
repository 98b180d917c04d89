/* SPDX-License-Identifier: MIT */
/* A training's files, both safetensors: its checkpoint, and the head that comes of it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files/safetensors.h"
#include "model/cman/weights.h"
#include "trainer/loop/internal.h"

static const char checkpoint_format[] = "checkpoint/3";

enum { VALUES, MOMENT_1, MOMENT_2, BEST, NUM_ROWS };

static const char *const row_names[NUM_ROWS] = {"values", "moment_1", "moment_2", "best"};

/* What a checkpoint says beside its rows, as text. */
struct state_text {
    char epoch[16], best_epoch[16], num_steps[16], seed[24];
    char best_loss[32], best_value[32];
    char partial_steps[16], partial_sum[32], partial_mass[32], partial_norm[32];
};

enum { NUM_STATES = 11 };

static void write_float(char ret_text[32], double value)
{
    snprintf(ret_text, 32, "%a", value); /* comes back bit by bit */
}

static void describe(const struct tyto_train *train, struct state_text *text,
                     struct tyto_meta *ret_metas)
{
    const struct tyto_train_partial *partial = &train->partial;
    const struct tyto_meta metas[NUM_STATES] = {
        {"tyto.format", checkpoint_format},
        {"epoch", text->epoch},
        {"best_epoch", text->best_epoch},
        {"num_steps", text->num_steps},
        {"seed", text->seed},
        {"best_loss", text->best_loss},
        {"best_value", text->best_value},
        {"partial_steps", text->partial_steps},
        {"partial_sum", text->partial_sum},
        {"partial_mass", text->partial_mass},
        {"partial_norm", text->partial_norm},
    };

    snprintf(text->epoch, sizeof(text->epoch), "%u", train->epoch);
    snprintf(text->best_epoch, sizeof(text->best_epoch), "%u", train->best_epoch);
    snprintf(text->num_steps, sizeof(text->num_steps), "%u", train->num_steps);
    snprintf(text->seed, sizeof(text->seed), "%llu", (unsigned long long)train->params.seed);
    snprintf(text->partial_steps, sizeof(text->partial_steps), "%u", partial->num_steps);
    write_float(text->best_loss, (double)train->best_loss);
    write_float(text->best_value, (double)train->best_value);
    write_float(text->partial_sum, partial->sum);
    write_float(text->partial_mass, partial->mass);
    write_float(text->partial_norm, (double)partial->norm);
    memcpy(ret_metas, metas, sizeof(metas));
}

enum tyto_err tyto_train_write_rows(const struct tyto_train *train, const char *path,
                                    struct tyto_fault *ret_fault)
{
    const uint64_t num = tyto_step_layout(train->step)->num;
    const float *rows = train->rows;
    const float *data[NUM_ROWS] = {rows, rows + num, rows + 2 * num, train->best};
    struct tyto_tensor tensors[NUM_ROWS] = {0};
    struct tyto_meta metas[NUM_STATES];
    struct state_text text;

    describe(train, &text, metas);
    for (uint32_t i = 0; i < NUM_ROWS; i++)
        tensors[i] = (struct tyto_tensor){.name = row_names[i],
                                          .dtype = TYTO_DTYPE_F32,
                                          .num_dims = 1,
                                          .dims = {num},
                                          .data = data[i]};
    return tyto_weights_write(path, tensors, NUM_ROWS, metas, NUM_STATES, ret_fault);
}

enum tyto_err tyto_train_write_checkpoint(struct tyto_train *train, const char *path,
                                          struct tyto_fault *ret_fault)
{
    const uint64_t num = tyto_step_layout(train->step)->num;
    float *rows = train->rows;
    const enum tyto_err err = tyto_step_read(train->step, rows, rows + num, rows + 2 * num);

    return err ? err : tyto_train_write_rows(train, path, ret_fault);
}

/* A whole number of the metadata. */
static bool read_number(const struct tyto_weights *file, const char *key, uint64_t max,
                        uint64_t *ret_value)
{
    const char *text = tyto_weights_meta(file, key);
    char *end = NULL;
    unsigned long long value = 0;

    if (!text || *text < '0' || *text > '9')
        return false;
    value = strtoull(text, &end, 10);
    if (*end != '\0' || value > max)
        return false;
    *ret_value = value;
    return true;
}

static bool read_float(const struct tyto_weights *file, const char *key, double *ret_value)
{
    const char *text = tyto_weights_meta(file, key);
    char *end = NULL;
    const double value = text ? strtod(text, &end) : 0;

    if (!text || end == text || *end != '\0' || !isfinite(value))
        return false;
    *ret_value = value;
    return true;
}

/* FORMAT when anything is missing; *train is changed only when nothing is. */
static enum tyto_err read_state(const struct tyto_weights *file, struct tyto_train *train)
{
    const char *format = tyto_weights_meta(file, "tyto.format");
    uint64_t epoch = 0, best_epoch = 0, num_steps = 0, seed = 0, partial_steps = 0;
    double loss = 0, value = 0, sum = 0, mass = 0, norm = 0;

    if (!format || strcmp(format, checkpoint_format) != 0 ||
        !read_number(file, "epoch", UINT32_MAX, &epoch) ||
        !read_number(file, "best_epoch", epoch, &best_epoch) ||
        !read_number(file, "num_steps", UINT32_MAX, &num_steps) ||
        !read_number(file, "seed", UINT64_MAX, &seed) ||
        !read_number(file, "partial_steps", num_steps, &partial_steps) ||
        !read_float(file, "best_loss", &loss) || !read_float(file, "best_value", &value) ||
        !read_float(file, "partial_sum", &sum) || !read_float(file, "partial_mass", &mass) ||
        !read_float(file, "partial_norm", &norm))
        return TYTO_ERR_FORMAT;
    train->epoch = (uint32_t)epoch;
    train->best_epoch = (uint32_t)best_epoch;
    train->num_steps = (uint32_t)num_steps;
    train->best_loss = (float)loss;
    train->best_value = (float)value;
    train->params.seed = seed;
    train->partial = (struct tyto_train_partial){(uint32_t)partial_steps, sum, mass, (float)norm};
    return TYTO_OK;
}

enum tyto_err tyto_train_resume(struct tyto_train *train, const char *path,
                                struct tyto_fault *ret_fault)
{
    const uint64_t num = tyto_step_layout(train->step)->num;
    float *rows = calloc(NUM_ROWS * num, sizeof(*rows));
    struct tyto_weights *file = NULL;
    enum tyto_err err = rows ? tyto_weights_open(path, &file, ret_fault) : TYTO_ERR_NOMEM;

    for (uint32_t i = 0; i < NUM_ROWS && !err; i++)
        err = tyto_weights_read(file, row_names[i], 1, &num, rows + i * num, ret_fault);
    if (!err && read_state(file, train))
        err = tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, path, 0, "tyto.format",
                             "no checkpoint of a training of this version");
    if (!err) {
        memcpy(train->best, rows + BEST * num, num * sizeof(*rows));
        if (train->kept)
            memcpy(train->kept, rows, num * sizeof(*rows));
        err = tyto_step_write(train->step, rows, rows + MOMENT_1 * num, rows + MOMENT_2 * num);
    }
    tyto_weights_close(&file);
    free(rows);
    return err;
}

/* --- the head's file ------------------------------------------------------------------------- */

static void put_text(char *ret_text, size_t text_bytes, const char *text)
{
    snprintf(ret_text, text_bytes, "%s", text ? text : "");
}

enum tyto_err tyto_train_export(const struct tyto_train *train,
                                const struct tyto_train_export *what, struct tyto_fault *ret_fault)
{
    static const enum tyto_cman_tensor adapters[TYTO_CMAN_NUM_STREAMS][2] = {
        {TYTO_CMAN_ADAPT_AUDIO_WEIGHT, TYTO_CMAN_ADAPT_AUDIO_BIAS},
        {TYTO_CMAN_ADAPT_VISUAL_WEIGHT, TYTO_CMAN_ADAPT_VISUAL_BIAS}};
    const struct tyto_params_layout *layout = tyto_step_layout(train->step);
    float *trained[TYTO_CMAN_NUM_TENSORS] = {0};
    /* What it owns elsewhere is borrowed here. */
    struct tyto_cman_weights weights = {.dims = layout->dims,
                                        .fusion = what->fusion,
                                        .classes = what->classes,
                                        .thresholds = (float *)(uintptr_t)what->thresholds};
    enum tyto_err err = TYTO_OK;

    put_text(weights.audio_encoder, sizeof(weights.audio_encoder), what->audio_encoder);
    put_text(weights.visual_encoder, sizeof(weights.visual_encoder), what->visual_encoder);
    for (uint32_t s = 0; s < TYTO_CMAN_NUM_STREAMS; s++)
        if (what->adapt[s].weight && layout->adapt[s])
            return TYTO_ERR_INVALID;
    err = tyto_params_make_tensors(layout, trained);
    if (!err)
        tyto_params_take(layout, train->best, trained);
    /* Calibration is a line over each task's logits, so the last layers can hold it. */
    for (uint32_t n = 0; n < layout->dims.num_logits && what->scale && !err; n++) {
        const uint32_t task = n / layout->dims.num_classes;

        tyto_cman_bend_logit(&layout->dims, trained, n, what->scale[task], what->shift[task]);
    }
    memcpy(weights.tensors, trained, sizeof(trained));
    for (uint32_t s = 0; s < TYTO_CMAN_NUM_STREAMS; s++) { /* the maps that were applied before */
        if (!what->adapt[s].weight)
            continue;
        weights.tensors[adapters[s][0]] = (float *)(uintptr_t)what->adapt[s].weight;
        weights.tensors[adapters[s][1]] = (float *)(uintptr_t)what->adapt[s].bias;
        *(s == TYTO_CMAN_AUDIO ? &weights.dims.audio_in : &weights.dims.visual_in) =
            what->adapt[s].in;
    }
    if (!err)
        err = tyto_cman_weights_write(what->path, &weights, what->provenance, ret_fault);
    tyto_params_free_tensors(trained);
    return err;
}
