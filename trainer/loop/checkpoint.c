/* SPDX-License-Identifier: MIT */
/* A training's files, both safetensors: its checkpoint, and the head that comes of it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files/json.h"
#include "files/safetensors.h"
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

enum { CONFIG_BYTES = 1024 };

static void write_config(const struct tyto_cman_dims *d, char ret_text[CONFIG_BYTES])
{
    char ahead[16] = "null";

    if (d->look_ahead != UINT32_MAX)
        snprintf(ahead, sizeof(ahead), "%u", d->look_ahead);
    snprintf(ret_text, CONFIG_BYTES,
             "{\"num_segments\":%u,\"num_places\":%u,\"audio_in\":%u,\"visual_in\":%u,"
             "\"audio_width\":%u,\"visual_width\":%u,\"match_width\":%u,\"when_width\":%u,"
             "\"hidden_width\":%u,\"which_width\":%u,\"head_width\":%u,\"look_ahead\":%s,"
             "\"head\":\"%s\"}",
             d->num_segments, d->num_places, d->audio_in, d->visual_in, d->audio_width,
             d->visual_width, d->match_width, d->when_width, d->hidden_width, d->which_width,
             d->head_width, ahead, d->head == TYTO_HEAD_SOFTMAX ? "softmax" : "multi_label");
}

/* A JSON array of names, owned; NULL when out of memory. */
static char *write_classes(char (*names)[TYTO_DATASET_NAME_BYTES], uint32_t num)
{
    struct tyto_json *array = tyto_json_new_array();
    char *text = NULL;
    bool good = array != NULL;

    for (uint32_t i = 0; i < num; i++)
        good &= tyto_json_append(array, tyto_json_new_string(names[i]));
    text = good ? tyto_json_print(array) : NULL;
    tyto_json_destroy(&array);
    return text;
}

/* The same of thresholds. */
static char *write_thresholds(const float *thresholds, uint32_t num)
{
    struct tyto_json *array = tyto_json_new_array();
    char *text = NULL;
    bool good = array != NULL;

    for (uint32_t i = 0; i < num; i++) /* four digits say enough */
        good &=
            tyto_json_append(array, tyto_json_new_f64(round((double)thresholds[i] * 1e4) / 1e4));
    text = good ? tyto_json_print(array) : NULL;
    tyto_json_destroy(&array);
    return text;
}

static void write_encoders(const struct tyto_train_export *what, char ret_text[CONFIG_BYTES])
{
    snprintf(ret_text, CONFIG_BYTES, "{\"audio\":\"%.127s\",\"visual\":\"%.127s\"}",
             what->audio_encoder ? what->audio_encoder : "",
             what->visual_encoder ? what->visual_encoder : "");
}

/* The tensors of a head's file and the memory of those that were trained. */
struct head {
    struct tyto_tensor tensors[TYTO_CMAN_NUM_TENSORS];
    float *memory[TYTO_CMAN_NUM_TENSORS];
    uint32_t num;
};

static void add_tensor(struct head *head, const struct tyto_cman_tensor_info *info,
                       const float *data)
{
    head->tensors[head->num++] = (struct tyto_tensor){.name = info->name,
                                                      .dtype = TYTO_DTYPE_F32,
                                                      .num_dims = info->cols > 0 ? 2 : 1,
                                                      .dims = {info->rows, info->cols},
                                                      .data = data};
}

/* Calibration is a line over each task's logits, so the last layer can hold it. */
static void bend_logits(const struct tyto_cman_dims *dims, const struct tyto_train_export *what,
                        struct head *head)
{
    float *weight = head->memory[TYTO_CMAN_HEAD_1_WEIGHT];
    float *bias = head->memory[TYTO_CMAN_HEAD_1_BIAS];

    for (uint32_t n = 0; n < dims->num_logits; n++) {
        const uint32_t task = n / dims->num_classes;

        for (uint32_t k = 0; k < dims->head_width; k++)
            weight[(size_t)n * dims->head_width + k] *= (float)what->scale[task];
        bias[n] = (float)(what->scale[task] * (double)bias[n] + what->shift[task]);
    }
}

/* Trained tensors, and the maps that were applied before. */
static enum tyto_err make_head(const struct tyto_train *train, const struct tyto_cman_dims *dims,
                               const struct tyto_train_export *what, struct head *head)
{
    static const enum tyto_cman_tensor weights[] = {TYTO_CMAN_ADAPT_AUDIO_WEIGHT,
                                                    TYTO_CMAN_ADAPT_VISUAL_WEIGHT};
    static const enum tyto_cman_tensor biases[] = {TYTO_CMAN_ADAPT_AUDIO_BIAS,
                                                   TYTO_CMAN_ADAPT_VISUAL_BIAS};
    const struct tyto_params_layout *layout = tyto_step_layout(train->step);
    struct tyto_cman_tensor_info infos[TYTO_CMAN_NUM_TENSORS];

    tyto_cman_list_tensors(dims, infos);
    for (uint32_t i = 0; i < TYTO_CMAN_NUM_TENSORS; i++) {
        const struct tyto_cman_tensor_info *info = &infos[i];

        if (layout->slots[i].rows == 0)
            continue;
        head->memory[i] =
            calloc((size_t)info->rows * (info->cols > 0 ? info->cols : 1), sizeof(float));
        if (!head->memory[i])
            return TYTO_ERR_NOMEM;
        add_tensor(head, info, head->memory[i]);
    }
    for (uint32_t s = 0; s < TYTO_CMAN_NUM_STREAMS; s++) {
        if (!what->adapt[s].weight)
            continue;
        add_tensor(head, &infos[weights[s]], what->adapt[s].weight);
        add_tensor(head, &infos[biases[s]], what->adapt[s].bias);
    }
    tyto_params_take(layout, train->best, head->memory);
    if (what->scale)
        bend_logits(dims, what, head);
    return TYTO_OK;
}

static enum tyto_err write_head(const struct tyto_train_export *what,
                                const struct tyto_cman_dims *dims, const struct head *head,
                                struct tyto_fault *ret_fault)
{
    char config[CONFIG_BYTES], encoders[CONFIG_BYTES], layout[TYTO_DIGEST_HEX_BYTES] = "";
    char *classes = write_classes(what->classes, dims->num_classes);
    static const char *const threshold_names[TYTO_CMAN_NUM_TASKS] = {
        "tyto.thresholds", "tyto.thresholds_heard", "tyto.thresholds_seen"};
    char *thresholds[TYTO_CMAN_NUM_TASKS] = {NULL};
    enum tyto_err err = classes ? TYTO_OK : TYTO_ERR_NOMEM;
    struct tyto_meta metas[10] = {{"tyto.format", "head/1"},
                                  {"tyto.config", config},
                                  {"tyto.classes", classes},
                                  {"tyto.layout", layout},
                                  {"tyto.provenance", what->provenance ? what->provenance : ""}};
    uint32_t num = 5;

    write_config(dims, config);
    write_encoders(what, encoders);
    for (size_t task = 0; what->thresholds && task < TYTO_CMAN_NUM_TASKS && !err; task++) {
        thresholds[task] =
            write_thresholds(what->thresholds + task * dims->num_classes, dims->num_classes);
        metas[num++] = (struct tyto_meta){threshold_names[task], thresholds[task]};
        err = thresholds[task] ? TYTO_OK : TYTO_ERR_NOMEM;
    }
    if (what->audio_encoder || what->visual_encoder)
        metas[num++] = (struct tyto_meta){"tyto.encoders", encoders};
    if (what->fusion)
        metas[num++] = (struct tyto_meta){"tyto.fusion", what->fusion};
    if (!err)
        err = tyto_weights_layout(head->tensors, head->num, layout);
    if (!err)
        err = tyto_weights_write(what->path, head->tensors, head->num, metas, num, ret_fault);
    free(classes);
    for (size_t task = 0; task < TYTO_CMAN_NUM_TASKS; task++)
        free(thresholds[task]);
    return err;
}

enum tyto_err tyto_train_export(const struct tyto_train *train,
                                const struct tyto_train_export *what, struct tyto_fault *ret_fault)
{
    const struct tyto_params_layout *layout = tyto_step_layout(train->step);
    struct tyto_cman_dims dims = layout->dims;
    struct head head = {0};
    enum tyto_err err = TYTO_OK;

    for (uint32_t s = 0; s < TYTO_CMAN_NUM_STREAMS; s++)
        if (what->adapt[s].weight && layout->adapt[s])
            return TYTO_ERR_INVALID;
    if (what->adapt[TYTO_CMAN_AUDIO].weight)
        dims.audio_in = what->adapt[TYTO_CMAN_AUDIO].in;
    if (what->adapt[TYTO_CMAN_VISUAL].weight)
        dims.visual_in = what->adapt[TYTO_CMAN_VISUAL].in;
    err = make_head(train, &dims, what, &head);
    if (!err)
        err = write_head(what, &dims, &head, ret_fault);
    for (uint32_t i = 0; i < TYTO_CMAN_NUM_TENSORS; i++)
        free(head.memory[i]);
    return err;
}
