/* SPDX-License-Identifier: MIT */
/* A training's files, both safetensors: its checkpoint, and the head that comes of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/weights.h"
#include "trainer/train_parts.h"

static const char checkpoint_format[] = "checkpoint/1";

enum { VALUES, MOMENT_1, MOMENT_2, BEST, NUM_ROWS };

static const char *const row_names[NUM_ROWS] = {"values", "moment_1", "moment_2", "best"};

/* What a checkpoint says beside its rows, as text. */
struct state_text {
    char epoch[16], best_epoch[16], num_steps[16], best_loss[32], seed[24];
};

enum tyto_err tyto_train_write_checkpoint(const struct tyto_train *train, const char *path)
{
    const uint64_t num = tyto_step_layout(train->step)->num;
    float *rows = calloc(3 * num, sizeof(*rows));
    const float *data[NUM_ROWS] = {rows, rows + num, rows + 2 * num, train->best};
    struct tyto_tensor tensors[NUM_ROWS] = {0};
    struct state_text text;
    struct tyto_fault fault = {0};
    enum tyto_err err = TYTO_OK;

    if (!rows)
        return TYTO_ERR_NOMEM;
    snprintf(text.epoch, sizeof(text.epoch), "%u", train->epoch);
    snprintf(text.best_epoch, sizeof(text.best_epoch), "%u", train->best_epoch);
    snprintf(text.num_steps, sizeof(text.num_steps), "%u", train->num_steps);
    snprintf(text.best_loss, sizeof(text.best_loss), "%a", (double)train->best_loss);
    snprintf(text.seed, sizeof(text.seed), "%llu", (unsigned long long)train->params.seed);
    const struct tyto_meta metas[] = {
        {"tyto.format", checkpoint_format}, {"epoch", text.epoch},
        {"best_epoch", text.best_epoch},    {"num_steps", text.num_steps},
        {"best_loss", text.best_loss},      {"seed", text.seed}};
    for (uint32_t i = 0; i < NUM_ROWS; i++)
        tensors[i] = (struct tyto_tensor){.name = row_names[i],
                                          .dtype = TYTO_DTYPE_F32,
                                          .num_dims = 1,
                                          .dims = {num},
                                          .data = data[i]};
    err = tyto_step_read(train->step, rows, rows + num, rows + 2 * num);
    if (!err)
        err = tyto_weights_write(path, tensors, NUM_ROWS, metas, sizeof(metas) / sizeof(*metas),
                                 &fault);
    free(rows);
    return err;
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

static enum tyto_err read_state(const struct tyto_weights *file, struct tyto_train *train)
{
    const char *format = tyto_weights_meta(file, "tyto.format");
    const char *loss = tyto_weights_meta(file, "best_loss");
    uint64_t epoch = 0, best_epoch = 0, num_steps = 0, seed = 0;

    if (!format || strcmp(format, checkpoint_format) != 0 || !loss ||
        !read_number(file, "epoch", UINT32_MAX, &epoch) ||
        !read_number(file, "best_epoch", epoch, &best_epoch) ||
        !read_number(file, "num_steps", UINT32_MAX, &num_steps) ||
        !read_number(file, "seed", UINT64_MAX, &seed))
        return TYTO_ERR_FORMAT;
    train->epoch = (uint32_t)epoch;
    train->best_epoch = (uint32_t)best_epoch;
    train->num_steps = (uint32_t)num_steps;
    train->best_loss = strtof(loss, NULL);
    train->params.seed = seed;
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
    if (!err) {
        err = read_state(file, train);
        if (err)
            tyto_fault_set(ret_fault, err, path, 0, "tyto.format", "no checkpoint of a training");
    }
    if (!err) {
        memcpy(train->best, rows + BEST * num, num * sizeof(*rows));
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
static char *write_classes(const char *const *names, uint32_t num)
{
    const size_t cap = (size_t)num * (TYTO_CMAN_CLASS_BYTES + 3) + 3;
    char *text = malloc(cap);
    size_t at = 0;

    if (!text)
        return NULL;
    text[at++] = '[';
    for (uint32_t i = 0; i < num; i++)
        at += (size_t)snprintf(text + at, cap - at, "%s\"%.64s\"", i > 0 ? "," : "", names[i]);
    text[at++] = ']';
    text[at] = '\0';
    return text;
}

static enum tyto_err make_tensors(const struct tyto_train *train, struct tyto_tensor *tensors,
                                  float **memory, uint32_t *ret_num)
{
    const struct tyto_params_layout *layout = tyto_step_layout(train->step);
    struct tyto_cman_tensor_info infos[TYTO_CMAN_NUM_TENSORS];
    uint32_t num = 0;

    tyto_cman_list_tensors(&layout->dims, infos);
    for (uint32_t i = 0; i < TYTO_CMAN_NUM_TENSORS; i++) {
        const struct tyto_cman_tensor_info *info = &infos[i];

        if (layout->slots[i].rows == 0)
            continue;
        memory[i] = calloc((size_t)info->rows * (info->cols > 0 ? info->cols : 1), sizeof(float));
        if (!memory[i])
            return TYTO_ERR_NOMEM;
        tensors[num++] = (struct tyto_tensor){.name = info->name,
                                              .dtype = TYTO_DTYPE_F32,
                                              .num_dims = info->cols > 0 ? 2 : 1,
                                              .dims = {info->rows, info->cols},
                                              .data = memory[i]};
    }
    tyto_params_take(layout, train->best, memory);
    *ret_num = num;
    return TYTO_OK;
}

enum tyto_err tyto_train_export(const struct tyto_train *train, const char *path,
                                const char *const *names, const char *provenance,
                                struct tyto_fault *ret_fault)
{
    const struct tyto_cman_dims *dims = &tyto_step_layout(train->step)->dims;
    struct tyto_tensor tensors[TYTO_CMAN_NUM_TENSORS] = {0};
    float *memory[TYTO_CMAN_NUM_TENSORS] = {0};
    char config[CONFIG_BYTES], layout[TYTO_DIGEST_HEX_BYTES] = "";
    char *classes = write_classes(names, dims->num_classes);
    uint32_t num = 0;
    enum tyto_err err = classes ? make_tensors(train, tensors, memory, &num) : TYTO_ERR_NOMEM;

    write_config(dims, config);
    if (!err)
        err = tyto_weights_layout(tensors, num, layout);
    if (!err) {
        const struct tyto_meta metas[] = {{"tyto.format", "head/1"},
                                          {"tyto.config", config},
                                          {"tyto.classes", classes},
                                          {"tyto.layout", layout},
                                          {"tyto.provenance", provenance ? provenance : ""}};

        err = tyto_weights_write(path, tensors, num, metas, sizeof(metas) / sizeof(*metas),
                                 ret_fault);
    }
    for (uint32_t i = 0; i < TYTO_CMAN_NUM_TENSORS; i++)
        free(memory[i]);
    free(classes);
    return err;
}
