/* SPDX-License-Identifier: MIT */
/* A run folder's config.json, metrics.csv and metrics.json. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files/json.h"
#include "files/open.h"
#include "files/replace.h"
#include "trainer/run/internal.h"

enum { MAX_TEXT_BYTES = 64 << 20 };

static const char config_format[] = "run/1";

enum tyto_err tyto_run_path(const char *dir, const char *name, char ret_path[TYTO_RUN_PATH_MAX],
                            struct tyto_fault *ret_fault)
{
    if (snprintf(ret_path, TYTO_RUN_PATH_MAX, "%s/%s", dir, name) >= TYTO_RUN_PATH_MAX)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, dir, 0, NULL, "the path is too long");
    return TYTO_OK;
}

/* --- texts ----------------------------------------------------------------------------------- */

enum tyto_err tyto_run_write_text(const char *path, const char *text, struct tyto_fault *ret_fault)
{
    enum tyto_err err = tyto_replace_all(path, 0666, text, strlen(text));

    if (err)
        return tyto_fault_set(ret_fault, err, path, 0, NULL, "cannot be written: %s",
                              err == TYTO_ERR_IO ? strerror(errno) : tyto_err_text(err));
    return TYTO_OK;
}

/* The text of a file, owned and terminated. */
static enum tyto_err read_text(const char *path, char **ret_text, struct tyto_fault *ret_fault)
{
    FILE *file = tyto_fopen_input(path);
    char *text = NULL;
    long num = 0;
    enum tyto_err err = TYTO_ERR_IO;

    if (!file)
        return tyto_fault_set(ret_fault, errno == ENOENT ? TYTO_ERR_NOT_FOUND : TYTO_ERR_IO, path,
                              0, NULL, "cannot be read: %s", strerror(errno));
    if (fseek(file, 0, SEEK_END) == 0 && (num = ftell(file)) >= 0 && num <= MAX_TEXT_BYTES &&
        fseek(file, 0, SEEK_SET) == 0)
        text = calloc(1, (size_t)num + 1);
    if (text && fread(text, 1, (size_t)num, file) == (size_t)num)
        err = TYTO_OK;
    (void)fclose(file);
    if (err) {
        free(text);
        return tyto_fault_set(ret_fault, err, path, 0, NULL, "cannot be read, or is too long");
    }
    *ret_text = text;
    return TYTO_OK;
}

static enum tyto_err read_json(const char *path, struct tyto_json **ret_json,
                               struct tyto_fault *ret_fault)
{
    char *text = NULL, reason[160] = "";
    enum tyto_err err = read_text(path, &text, ret_fault);

    if (err)
        return err;
    err = tyto_json_parse(text, strlen(text), ret_json, reason, sizeof(reason));
    if (err)
        (void)tyto_fault_set(ret_fault, err, path, 0, NULL, "not JSON: %s", reason);
    free(text);
    return err;
}

/* JSON as text, with a line for each member of the outer objects so that people can read it. */
static enum tyto_err write_json(const char *path, const struct tyto_json *json,
                                struct tyto_fault *ret_fault)
{
    char *flat = json ? tyto_json_print(json) : NULL;
    const size_t num = flat ? strlen(flat) : 0;
    char *text = malloc(num * 2 + 2);
    size_t at = 0;
    int depth = 0;
    bool is_string = false, is_escaped = false;

    for (size_t i = 0; text && i < num; i++) {
        const char c = flat[i];

        text[at++] = c;
        is_string ^= c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        if (is_string)
            continue;
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        if ((c == ',' || c == '{' || c == '[') && depth <= 2)
            text[at++] = '\n';
    }
    if (text) {
        text[at++] = '\n';
        text[at] = '\0';
    }
    const enum tyto_err err =
        flat && text ? tyto_run_write_text(path, text, ret_fault) : TYTO_ERR_NOMEM;

    free(flat);
    free(text);
    return err;
}

/* --- config.json ----------------------------------------------------------------------------- */

/* Bytes one after the other, to be digested. */
struct bytes {
    char *data; /* owned */
    size_t num, cap;
    bool failed;
};

static void add_bytes(struct bytes *bytes, const void *data, size_t num)
{
    if (bytes->num + num > bytes->cap) {
        const size_t cap = 2 * (bytes->num + num);
        char *grown = realloc(bytes->data, cap);

        bytes->failed |= !grown;
        bytes->data = grown ? grown : bytes->data;
        bytes->cap = grown ? cap : bytes->cap;
    }
    if (bytes->failed)
        return;
    memcpy(bytes->data + bytes->num, data, num);
    bytes->num += num;
}

enum tyto_err tyto_run_data_digest(const struct tyto_dataset *data,
                                   char ret_hex[TYTO_DIGEST_HEX_BYTES])
{
    const struct tyto_dataset_shape *s = &data->shape;
    const size_t clips = s->num_clips, classes = s->num_classes;
    struct bytes bytes = {0};

    add_bytes(&bytes, s, sizeof(*s));
    add_bytes(&bytes, data->truth, clips * s->num_segments * classes);
    add_bytes(&bytes, data->clip_truth, clips * classes);
    add_bytes(&bytes, data->is_weak, clips * sizeof(*data->is_weak));
    add_bytes(&bytes, data->len, clips * sizeof(*data->len));
    for (size_t i = 0; i < clips; i++)
        if (data->names[i])
            add_bytes(&bytes, data->names[i], strlen(data->names[i]) + 1);
    for (size_t k = 0; k < classes; k++)
        add_bytes(&bytes, data->classes[k], strlen(data->classes[k]) + 1);
    add_bytes(&bytes, data->audio_encoder, strlen(data->audio_encoder) + 1);
    add_bytes(&bytes, data->visual_encoder, strlen(data->visual_encoder) + 1);
    if (!bytes.failed)
        tyto_digest_hex(bytes.data, bytes.num, ret_hex);
    free(bytes.data);
    return bytes.failed ? TYTO_ERR_NOMEM : TYTO_OK;
}

static struct tyto_json *describe_data(const struct tyto_dataset *data, const char *digest)
{
    struct tyto_json *json = tyto_json_new_object();
    struct tyto_json *classes = tyto_json_new_array();
    uint64_t segments = 0;

    for (uint32_t i = 0; i < data->shape.num_clips; i++)
        segments += data->len[i];
    for (uint32_t k = 0; k < data->shape.num_classes; k++)
        (void)tyto_json_append(classes, tyto_json_new_string(data->classes[k]));
    (void)tyto_json_set(json, "digest", tyto_json_new_string(digest));
    (void)tyto_json_set(json, "clips", tyto_json_new_u64(data->shape.num_clips));
    (void)tyto_json_set(json, "segments", tyto_json_new_u64(segments));
    (void)tyto_json_set(json, "classes", classes);
    (void)tyto_json_set(json, "audio_encoder", tyto_json_new_string(data->audio_encoder));
    (void)tyto_json_set(json, "visual_encoder", tyto_json_new_string(data->visual_encoder));
    return json;
}

enum tyto_err tyto_run_write_config(const struct tyto_run_state *run)
{
    struct tyto_json *json = tyto_json_new_object(), *data = tyto_json_new_object();
    char path[TYTO_RUN_PATH_MAX];
    enum tyto_err err = tyto_run_path(run->params->dir, "config.json", path, run->fault);
    bool good = true;

    good &= tyto_json_set(data, "train", describe_data(run->params->train, run->digests[0]));
    if (run->params->val)
        good &= tyto_json_set(data, "val", describe_data(run->params->val, run->digests[1]));
    good &= tyto_json_set(json, "format", tyto_json_new_string(config_format));
    good &= tyto_json_set(json, "options", tyto_run_options_to_json(run->options));
    good &= tyto_json_set(json, "data", data);
    if (!err)
        err = good ? write_json(path, json, run->fault) : TYTO_ERR_NOMEM;
    tyto_json_destroy(&json);
    return err;
}

enum tyto_err tyto_run_write_options(const char *path, const struct tyto_run_options *options,
                                     struct tyto_fault *ret_fault)
{
    struct tyto_json *json = tyto_json_new_object();
    bool good = tyto_json_set(json, "format", tyto_json_new_string(config_format));
    enum tyto_err err = TYTO_OK;

    good &= tyto_json_set(json, "options", tyto_run_options_to_json(options));
    err = good ? write_json(path, json, ret_fault) : TYTO_ERR_NOMEM;
    tyto_json_destroy(&json);
    return err;
}

enum tyto_err tyto_run_read_config(const char *path, struct tyto_run_options *options,
                                   struct tyto_fault *ret_fault)
{
    struct tyto_json *json = NULL;
    enum tyto_err err = read_json(path, &json, ret_fault);
    const char *format = tyto_json_string(tyto_json_get(json, "format"));

    if (!err && (!format || strcmp(format, config_format) != 0))
        err = tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, path, 0, "format",
                             "must be \"%s\": give the config.json of a run", config_format);
    if (!err)
        err = tyto_run_options_from_json(options, tyto_json_get(json, "options"), path, ret_fault);
    /* A run from before there were such maps has none, and its checkpoint no place for them. */
    if (!err && !tyto_json_get(tyto_json_get(json, "options"), "no_skip"))
        options->no_skip = true;
    tyto_json_destroy(&json);
    return err;
}

enum tyto_err tyto_run_check_data(const struct tyto_run_state *run)
{
    static const char *const names[] = {"train", "val"};
    struct tyto_json *json = NULL;
    char path[TYTO_RUN_PATH_MAX];
    enum tyto_err err = tyto_run_path(run->params->dir, "config.json", path, run->fault);

    if (!err)
        err = read_json(path, &json, run->fault);
    for (uint32_t i = 0; i < 2 && !err; i++) {
        const struct tyto_json *data = tyto_json_get(tyto_json_get(json, "data"), names[i]);
        const char *digest = tyto_json_string(tyto_json_get(data, "digest"));

        if (strcmp(digest ? digest : "", run->digests[i]) != 0)
            err = tyto_fault_set(run->fault, TYTO_ERR_INVALID, path, 0, names[i],
                                 "the labels, recordings or encoders have changed since this run "
                                 "began: begin a new one with another --out");
    }
    tyto_json_destroy(&json);
    return err;
}

/* --- metrics --------------------------------------------------------------------------------- */

enum tyto_err tyto_run_add_epoch(struct tyto_run_state *run, const struct tyto_run_epoch *epoch)
{
    if (run->num_epochs >= run->cap_epochs) {
        const uint32_t cap = 2 * run->cap_epochs + 64;
        struct tyto_run_epoch *grown = realloc(run->epochs, cap * sizeof(*grown));

        if (!grown)
            return TYTO_ERR_NOMEM;
        run->epochs = grown;
        run->cap_epochs = cap;
    }
    run->epochs[run->num_epochs++] = *epoch;
    return TYTO_OK;
}

/* X(name in files, member of struct tyto_train_epoch) */
#define METRIC_LIST(X)                                                                             \
    X(train_loss)                                                                                  \
    X(val_loss)                                                                                    \
    X(val_accuracy)                                                                                \
    X(val_f1)                                                                                      \
    X(val_map)                                                                                     \
    X(norm)                                                                                        \
    X(rate)

static enum tyto_err write_csv(const struct tyto_run_state *run, const char *path)
{
    const size_t line = 160, cap = (run->num_epochs + 1) * line;
    char *text = malloc(cap);
    size_t at = 0;
    enum tyto_err err = TYTO_OK;

    if (!text)
        return TYTO_ERR_NOMEM;
    at += (size_t)snprintf(text, cap,
                           "epoch,train_loss,val_loss,val_accuracy,val_f1,val_map,norm,rate,"
                           "seconds,best\n");
    for (uint32_t i = 0; i < run->num_epochs; i++) {
        const struct tyto_train_epoch *e = &run->epochs[i].figures;

        at +=
            (size_t)snprintf(text + at, cap - at, "%u,%.9g,%.9g,%.9g,%.9g,%.9g,%.9g,%.9g,%.3f,%d\n",
                             e->epoch, (double)e->train_loss, (double)e->val_loss,
                             (double)e->val_accuracy, (double)e->val_f1, (double)e->val_map,
                             (double)e->norm, (double)e->rate, run->epochs[i].took_s, e->is_best);
    }
    err = tyto_run_write_text(path, text, run->fault);
    free(text);
    return err;
}

static struct tyto_json *epoch_to_json(const struct tyto_run_epoch *epoch)
{
    const struct tyto_train_epoch *e = &epoch->figures;
    struct tyto_json *json = tyto_json_new_object();

    (void)tyto_json_set(json, "epoch", tyto_json_new_u64(e->epoch));
#define SET_METRIC(name) (void)tyto_json_set(json, #name, tyto_json_new_f64((double)e->name));
    METRIC_LIST(SET_METRIC)
#undef SET_METRIC
    (void)tyto_json_set(json, "seconds", tyto_json_new_f64(epoch->took_s));
    (void)tyto_json_set(json, "best", tyto_json_new_bool(e->is_best));
    return json;
}

/* {"class": value} of one task's row of (3, K). */
static struct tyto_json *of_classes(const struct tyto_run_state *run, const float *values)
{
    struct tyto_json *json = tyto_json_new_object();

    for (uint32_t k = 0; k < run->step.dims.num_classes; k++)
        (void)tyto_json_set(json, run->params->train->classes[k],
                            tyto_json_new_f64((double)values[k]));
    return json;
}

static struct tyto_json *result_to_json(const struct tyto_run_state *run)
{
    static const char *const f1_names[TYTO_CMAN_NUM_TASKS] = {"f1", "f1_heard", "f1_seen"};
    static const char *const threshold_names[TYTO_CMAN_NUM_TASKS] = {
        "thresholds", "thresholds_heard", "thresholds_seen"};
    const struct tyto_train_figures *f = &run->figures;
    const size_t classes = run->step.dims.num_classes;
    const size_t tasks = run->step.dims.head == TYTO_HEAD_SOFTMAX ? 1 : TYTO_CMAN_NUM_TASKS;
    struct tyto_json *json = tyto_json_new_object();

    (void)tyto_json_set(json, "best_epoch", tyto_json_new_u64(tyto_train_best_epoch(run->train)));
    (void)tyto_json_set(json, "epochs", tyto_json_new_u64(tyto_train_num_epochs(run->train)));
    (void)tyto_json_set(json, "rows", tyto_json_new_u64(f->num_rows));
    (void)tyto_json_set(json, "loss", tyto_json_new_f64((double)f->loss));
    (void)tyto_json_set(json, "accuracy", tyto_json_new_f64((double)f->accuracy));
    (void)tyto_json_set(json, "macro_f1", tyto_json_new_f64((double)f->macro_f1));
    for (size_t task = 0; task < tasks; task++) {
        (void)tyto_json_set(json, f1_names[task], of_classes(run, f->f1 + task * classes));
        (void)tyto_json_set(json, threshold_names[task],
                            of_classes(run, f->thresholds + task * classes));
    }
    return json;
}

enum tyto_err tyto_run_write_metrics(const struct tyto_run_state *run, bool is_over)
{
    struct tyto_json *json = tyto_json_new_object(), *epochs = tyto_json_new_array();
    char path[TYTO_RUN_PATH_MAX];
    enum tyto_err err = tyto_run_path(run->params->dir, "metrics.csv", path, run->fault);
    bool good = true;

    if (!err)
        err = write_csv(run, path);
    for (uint32_t i = 0; i < run->num_epochs; i++)
        good &= tyto_json_append(epochs, epoch_to_json(&run->epochs[i]));
    good &= tyto_json_set(json, "epochs", epochs);
    if (is_over)
        good &= tyto_json_set(json, "result", result_to_json(run));
    if (!err)
        err = tyto_run_path(run->params->dir, "metrics.json", path, run->fault);
    if (!err)
        err = good ? write_json(path, json, run->fault) : TYTO_ERR_NOMEM;
    tyto_json_destroy(&json);
    return err;
}

static void read_float(const struct tyto_json *json, const char *key, float *ret_value)
{
    double value = 0;

    if (tyto_json_f64(tyto_json_get(json, key), &value))
        *ret_value = (float)value;
}

enum tyto_err tyto_run_read_metrics(struct tyto_run_state *run, uint32_t num_epochs)
{
    struct tyto_json *json = NULL;
    char path[TYTO_RUN_PATH_MAX];
    const struct tyto_json *epochs = NULL;
    enum tyto_err err = tyto_run_path(run->params->dir, "metrics.json", path, run->fault);

    if (!err && access(path, F_OK) != 0)
        return TYTO_OK;
    if (!err)
        err = read_json(path, &json, run->fault);
    epochs = tyto_json_get(json, "epochs");
    for (uint32_t i = 0; i < tyto_json_num_items(epochs) && !err; i++) {
        const struct tyto_json *item = tyto_json_at(epochs, i);
        struct tyto_run_epoch epoch = {0};
        struct tyto_train_epoch *e = &epoch.figures;

        (void)tyto_json_u32(tyto_json_get(item, "epoch"), UINT32_MAX, &e->epoch);
#define GET_METRIC(name) read_float(item, #name, &e->name);
        METRIC_LIST(GET_METRIC)
#undef GET_METRIC
        (void)tyto_json_f64(tyto_json_get(item, "seconds"), &epoch.took_s);
        (void)tyto_json_bool(tyto_json_get(item, "best"), &e->is_best);
        if (e->epoch > 0 && e->epoch <= num_epochs)
            err = tyto_run_add_epoch(run, &epoch);
    }
    tyto_json_destroy(&json);
    return err;
}

enum tyto_err tyto_run_read_result(const char *dir, struct tyto_run_result *ret_result)
{
    struct tyto_json *json = NULL;
    char path[TYTO_RUN_PATH_MAX];
    struct tyto_run_result result = {0};
    enum tyto_err err = tyto_run_path(dir, "metrics.json", path, NULL);

    if (!err)
        err = read_json(path, &json, NULL);
    if (err)
        return err;
    const struct tyto_json *over = tyto_json_get(json, "result");

    if (!over)
        err = TYTO_ERR_NOT_FOUND;
    (void)tyto_json_u32(tyto_json_get(over, "epochs"), UINT32_MAX, &result.num_epochs);
    (void)tyto_json_u32(tyto_json_get(over, "best_epoch"), UINT32_MAX, &result.best_epoch);
    (void)tyto_json_u32(tyto_json_get(over, "rows"), UINT32_MAX, &result.num_rows);
    read_float(over, "loss", &result.loss);
    read_float(over, "accuracy", &result.accuracy);
    read_float(over, "macro_f1", &result.macro_f1);
    tyto_json_destroy(&json);
    if (!err)
        *ret_result = result;
    return err;
}
