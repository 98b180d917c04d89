/* SPDX-License-Identifier: MIT */
#include "model/cman/weights.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "files/json.h"
#include "files/safetensors.h"

const char *const tyto_cman_threshold_names[TYTO_CMAN_NUM_TASKS] = {
    "tyto.thresholds", "tyto.thresholds_heard", "tyto.thresholds_seen"};

static const float default_threshold = 0.5f;

/* What is read, and where a fault goes. */
struct reader {
    const struct tyto_weights *file;
    struct tyto_cman_weights *weights;
    struct tyto_fault *fault;
};

static enum tyto_err wrong(const struct reader *reader, enum tyto_err err, const char *key,
                           const char *text)
{
    return tyto_fault_set(reader->fault, err, tyto_weights_path(reader->file), 0, key, "%s", text);
}

void tyto_cman_list_tensors(const struct tyto_cman_dims *d, struct tyto_cman_tensor_info *ret_infos)
{
#define TENSOR_INFO(name, text, rows, cols, part)                                                  \
    ret_infos[TYTO_CMAN_##name] =                                                                  \
        (struct tyto_cman_tensor_info){(text), (rows), (cols), TYTO_CMAN_PART_##part};
    TYTO_CMAN_TENSOR_LIST(TENSOR_INFO)
#undef TENSOR_INFO
}

/* --- metadata -------------------------------------------------------------------------- */

/* The JSON in metadata key, owned; *ret_json is NULL when the key is absent. */
static enum tyto_err parse_meta(const struct reader *reader, const char *key,
                                struct tyto_json **ret_json)
{
    const char *text = tyto_weights_meta(reader->file, key);
    char reason[160] = "";
    enum tyto_err err = TYTO_OK;

    *ret_json = NULL;
    if (!text)
        return TYTO_OK;
    err = tyto_json_parse(text, strlen(text), ret_json, reason, sizeof(reason));
    if (err)
        return tyto_fault_set(reader->fault, err, tyto_weights_path(reader->file), 0, key,
                              "not JSON: %s", reason);
    return TYTO_OK;
}

struct dim_field {
    const char *key;
    size_t offset;
    uint32_t max;
};

static const struct dim_field dim_fields[] = {
#define DIM_FIELD(name, max) {#name, offsetof(struct tyto_cman_dims, name), (max)},
    TYTO_CMAN_DIM_LIST(DIM_FIELD)
#undef DIM_FIELD
};

const char *tyto_head_name(enum tyto_head_kind head)
{
    return tyto_word_of(TYTO_WORDS(TYTO_HEAD_LIST), head);
}

static enum tyto_err read_head_kind(const struct reader *reader, const struct tyto_json *config)
{
    struct tyto_cman_dims *dims = &reader->weights->dims;
    const char *text = tyto_json_string(tyto_json_get(config, "head"));
    uint32_t head = 0;

    if (!text || !tyto_word_find(TYTO_WORDS(TYTO_HEAD_LIST), text, &head))
        return wrong(reader, TYTO_ERR_FORMAT, "tyto.config head",
                     "must be one of " TYTO_HEAD_LIST(TYTO_WORD_TEXT) "as a text");
    dims->head = (enum tyto_head_kind)head;
    return TYTO_OK;
}

static enum tyto_err read_look_ahead(const struct reader *reader, const struct tyto_json *config)
{
    const struct tyto_json *value = tyto_json_get(config, "look_ahead");
    struct tyto_cman_dims *dims = &reader->weights->dims;

    dims->look_ahead = UINT32_MAX;
    if (!value || tyto_json_is_null(value))
        return TYTO_OK;
    if (!tyto_json_u32(value, TYTO_CMAN_MAX_SEGMENTS, &dims->look_ahead))
        return wrong(reader, TYTO_ERR_FORMAT, "tyto.config look_ahead",
                     "must be 0 to 64 segments, or null for no mask");
    return TYTO_OK;
}

static enum tyto_err read_config(const struct reader *reader)
{
    struct tyto_json *config = NULL;
    enum tyto_err err = parse_meta(reader, "tyto.config", &config);

    if (!err && !tyto_json_is_object(config))
        err = wrong(reader, TYTO_ERR_FORMAT, "tyto.config",
                    "missing: this file is not a head; give the file that training wrote");
    for (size_t i = 0; i < sizeof(dim_fields) / sizeof(*dim_fields) && !err; i++) {
        const struct dim_field *field = &dim_fields[i];
        uint32_t *dim = (uint32_t *)((char *)&reader->weights->dims + field->offset);

        if (!tyto_json_u32(tyto_json_get(config, field->key), field->max, dim) || *dim == 0)
            err = tyto_fault_set(reader->fault, TYTO_ERR_SHAPE, tyto_weights_path(reader->file), 0,
                                 "tyto.config", "%s must be a whole number, 1 to %u", field->key,
                                 field->max);
    }
    if (!err)
        err = read_head_kind(reader, config);
    if (!err)
        err = read_look_ahead(reader, config);
    tyto_json_destroy(&config);
    return err;
}

static enum tyto_err take_class_names(const struct reader *reader, const struct tyto_json *names)
{
    const uint32_t num_classes = tyto_json_num_items(names);
    struct tyto_cman_weights *weights = reader->weights;

    if (!tyto_json_is_array(names) || num_classes == 0 || num_classes > TYTO_CMAN_MAX_CLASSES)
        return wrong(reader, TYTO_ERR_FORMAT, "tyto.classes",
                     "must be a JSON array of 1 to 1024 class names");
    weights->classes = calloc(num_classes, sizeof(*weights->classes));
    if (!weights->classes)
        return TYTO_ERR_NOMEM;
    for (uint32_t i = 0; i < num_classes; i++) {
        const char *name = tyto_json_string(tyto_json_at(names, i));

        if (!tyto_text_is_name(name, TYTO_CMAN_CLASS_BYTES))
            return tyto_fault_set(reader->fault, TYTO_ERR_FORMAT, tyto_weights_path(reader->file),
                                  0, "tyto.classes",
                                  "class %u must be 1 to 64 characters of a-z 0-9 _ -", i);
        for (uint32_t k = 0; k < i; k++)
            if (strcmp(weights->classes[k], name) == 0)
                return tyto_fault_set(reader->fault, TYTO_ERR_FORMAT,
                                      tyto_weights_path(reader->file), 0, "tyto.classes",
                                      "class %s comes twice", name);
        memcpy(weights->classes[i], name, strlen(name) + 1);
    }
    weights->dims.num_classes = num_classes;
    weights->dims.num_logits = tyto_head_num_logits(weights->dims.head, num_classes);
    return TYTO_OK;
}

/* One number for each class to thresholds (K), under this name; nothing where it is not there. */
static enum tyto_err read_thresholds(const struct reader *reader, const char *name,
                                     float *thresholds)
{
    const uint32_t num_classes = reader->weights->dims.num_classes;
    struct tyto_json *values = NULL;
    enum tyto_err err = parse_meta(reader, name, &values);

    if (!err && values &&
        (!tyto_json_is_array(values) || tyto_json_num_items(values) != num_classes))
        err = wrong(reader, TYTO_ERR_FORMAT, name,
                    "must be a JSON array with one number for each class");
    for (uint32_t i = 0; !err && values && i < num_classes; i++) {
        double value = 0.0;

        if (tyto_json_f64(tyto_json_at(values, i), &value) && value > 0.0 && value < 1.0)
            thresholds[i] = (float)value;
        else
            err = wrong(reader, TYTO_ERR_FORMAT, name, "every threshold must lie between 0 and 1");
    }
    tyto_json_destroy(&values);
    return err;
}

static enum tyto_err read_classes(const struct reader *reader)
{
    struct tyto_cman_weights *weights = reader->weights;
    struct tyto_json *names = NULL;
    enum tyto_err err = parse_meta(reader, "tyto.classes", &names);

    if (!err)
        err = take_class_names(reader, names);
    tyto_json_destroy(&names);
    if (err)
        return err;
    const size_t num = weights->dims.num_classes;
    weights->thresholds = calloc(TYTO_CMAN_NUM_TASKS * num, sizeof(*weights->thresholds));
    if (!weights->thresholds)
        return TYTO_ERR_NOMEM;
    for (size_t i = 0; i < num; i++)
        weights->thresholds[i] = default_threshold;
    for (size_t task = 0; task < TYTO_CMAN_NUM_TASKS && !err; task++)
        err = read_thresholds(reader, tyto_cman_threshold_names[task],
                              weights->thresholds + task * num);
    return err;
}

static enum tyto_err read_encoders(const struct reader *reader)
{
    struct tyto_cman_weights *weights = reader->weights;
    struct tyto_json *encoders = NULL;
    enum tyto_err err = parse_meta(reader, "tyto.encoders", &encoders);
    const char *audio = tyto_json_string(tyto_json_get(encoders, "audio"));
    const char *visual = tyto_json_string(tyto_json_get(encoders, "visual"));

    if (audio)
        (void)snprintf(weights->audio_encoder, sizeof(weights->audio_encoder), "%s", audio);
    if (visual)
        (void)snprintf(weights->visual_encoder, sizeof(weights->visual_encoder), "%s", visual);
    tyto_json_destroy(&encoders);
    return err;
}

const char *tyto_cman_fusion_name(enum tyto_cman_fusion fusion)
{
    return tyto_word_of(TYTO_WORDS(TYTO_CMAN_FUSION_LIST), fusion);
}

static enum tyto_err read_fusion(const struct reader *reader)
{
    const char *text = tyto_weights_meta(reader->file, "tyto.fusion");
    uint32_t fusion = TYTO_CMAN_FUSION_CMAN;

    if (!text || tyto_word_find(TYTO_WORDS(TYTO_CMAN_FUSION_LIST), text, &fusion)) {
        reader->weights->fusion = (enum tyto_cman_fusion)fusion;
        return TYTO_OK;
    }
    return wrong(reader, TYTO_ERR_FORMAT, "tyto.fusion",
                 "must be one of " TYTO_CMAN_FUSION_LIST(TYTO_WORD_TEXT) "or be absent");
}

static enum tyto_err read_metadata(const struct reader *reader)
{
    const char *format = tyto_weights_meta(reader->file, "tyto.format");
    enum tyto_err err = TYTO_OK;

    if (!format || strcmp(format, "head/1") != 0)
        return wrong(reader, TYTO_ERR_FORMAT, "tyto.format",
                     "must be \"head/1\": give a head's weights file, not an encoder's");
    err = read_config(reader);
    if (!err)
        err = read_classes(reader);
    if (!err)
        err = read_encoders(reader);
    if (!err)
        err = read_fusion(reader);
    return err;
}

/* --- tensors --------------------------------------------------------------------------- */

/* A part is there when its first tensor is; then all of it must be. */
static void find_parts(const struct reader *reader, const struct tyto_cman_tensor_info *infos,
                       bool *ret_there)
{
    for (uint32_t part = 0; part < TYTO_CMAN_NUM_PARTS; part++)
        ret_there[part] = part == TYTO_CMAN_PART_ALWAYS;
    for (uint32_t i = 0; i < TYTO_CMAN_NUM_TENSORS; i++)
        if (tyto_weights_find(reader->file, infos[i].name))
            ret_there[infos[i].part] = true;
}

static enum tyto_err check_widths(const struct reader *reader, const bool *there)
{
    const struct tyto_cman_dims *d = &reader->weights->dims;

    if (!there[TYTO_CMAN_PART_ADAPT_AUDIO] && d->audio_width != d->audio_in)
        return wrong(reader, TYTO_ERR_SHAPE, "tyto.config audio_width",
                     "must equal audio_in where there is no adapt_audio");
    if (!there[TYTO_CMAN_PART_ADAPT_VISUAL] && d->visual_width != d->visual_in)
        return wrong(reader, TYTO_ERR_SHAPE, "tyto.config visual_width",
                     "must equal visual_in where there is no adapt_visual");
    return TYTO_OK;
}

static enum tyto_err read_tensor(const struct reader *reader,
                                 const struct tyto_cman_tensor_info *info, float **ret_values)
{
    const uint64_t dims[2] = {info->rows, info->cols};
    const uint32_t num_dims = info->cols > 0 ? 2 : 1;
    const uint64_t num = dims[0] * (num_dims > 1 ? dims[1] : 1);
    const struct tyto_tensor *tensor = tyto_weights_find(reader->file, info->name);

    /* memory only for what the file really holds; read() words the fault */
    *ret_values = calloc(tensor && tensor->num_elems == num ? num : 1, sizeof(**ret_values));
    if (!*ret_values)
        return TYTO_ERR_NOMEM;
    return tyto_weights_read(reader->file, info->name, num_dims, dims, *ret_values, reader->fault);
}

static enum tyto_err refuse_strangers(const struct reader *reader,
                                      const struct tyto_cman_tensor_info *infos)
{
    for (uint32_t i = 0; i < tyto_weights_num_tensors(reader->file); i++) {
        const char *name = tyto_weights_tensor(reader->file, i)->name;
        bool known = false;

        for (uint32_t k = 0; k < TYTO_CMAN_NUM_TENSORS && !known; k++)
            known = strcmp(infos[k].name, name) == 0;
        if (!known)
            return wrong(reader, TYTO_ERR_FORMAT, name, "no tensor of this network has that name");
    }
    return TYTO_OK;
}

static enum tyto_err read_tensors(const struct reader *reader)
{
    struct tyto_cman_tensor_info infos[TYTO_CMAN_NUM_TENSORS];
    bool there[TYTO_CMAN_NUM_PARTS];
    enum tyto_err err = TYTO_OK;

    tyto_cman_list_tensors(&reader->weights->dims, infos);
    find_parts(reader, infos, there);
    err = check_widths(reader, there);
    for (uint32_t i = 0; i < TYTO_CMAN_NUM_TENSORS && !err; i++)
        if (there[infos[i].part])
            err = read_tensor(reader, &infos[i], &reader->weights->tensors[i]);
    if (!err)
        err = refuse_strangers(reader, infos);
    return err;
}

/* The layout in the metadata, where there is one, must be that of the tensors. */
static enum tyto_err check_layout(const struct reader *reader)
{
    const char *said = tyto_weights_meta(reader->file, "tyto.layout");
    const uint32_t num = tyto_weights_num_tensors(reader->file);
    char layout[TYTO_DIGEST_HEX_BYTES] = "";
    struct tyto_tensor *tensors = NULL;
    enum tyto_err err = TYTO_OK;

    if (!said)
        return TYTO_OK;
    tensors = calloc(num > 0 ? num : 1, sizeof(*tensors));
    if (!tensors)
        return TYTO_ERR_NOMEM;
    for (uint32_t i = 0; i < num; i++)
        tensors[i] = *tyto_weights_tensor(reader->file, i);
    err = tyto_weights_layout(tensors, num, layout);
    free(tensors);
    if (!err && strcmp(said, layout) != 0)
        err = wrong(reader, TYTO_ERR_FORMAT, "tyto.layout",
                    "is not that of the tensors: the file was changed after training");
    return err;
}

/* --- the whole file ---------------------------------------------------------------------- */

static enum tyto_err load(const struct tyto_weights *file, struct tyto_cman_weights *ret_weights,
                          struct tyto_fault *ret_fault)
{
    struct tyto_cman_weights weights = {0};
    const struct reader reader = {.file = file, .weights = &weights, .fault = ret_fault};
    enum tyto_err err = read_metadata(&reader);

    if (!err)
        err = read_tensors(&reader);
    if (!err)
        err = check_layout(&reader);
    if (err == TYTO_ERR_NOMEM)
        err = wrong(&reader, err, NULL, tyto_err_text(err));
    if (err) {
        tyto_cman_weights_finish(&weights);
        return err;
    }
    tyto_weights_digest(file, weights.digest);
    *ret_weights = weights;
    return TYTO_OK;
}

enum tyto_err tyto_cman_weights_load(const char *path, struct tyto_cman_weights *ret_weights,
                                     struct tyto_fault *ret_fault)
{
    struct tyto_weights *file = NULL;
    enum tyto_err err = TYTO_OK;

    *ret_weights = (struct tyto_cman_weights){0};
    err = tyto_weights_open(path, &file, ret_fault);
    if (!err)
        err = load(file, ret_weights, ret_fault);
    tyto_weights_close(&file);
    return err;
}

enum tyto_err tyto_cman_weights_load_memory(const void *bytes, size_t num_bytes,
                                            struct tyto_cman_weights *ret_weights,
                                            struct tyto_fault *ret_fault)
{
    struct tyto_weights *file = NULL;
    enum tyto_err err = TYTO_OK;

    *ret_weights = (struct tyto_cman_weights){0};
    err = tyto_weights_open_memory(bytes, num_bytes, &file, ret_fault);
    if (!err)
        err = load(file, ret_weights, ret_fault);
    tyto_weights_close(&file);
    return err;
}

static void scale_row(float *rows, uint32_t row, uint32_t width, double scale)
{
    for (size_t i = 0; rows && i < width; i++)
        rows[(size_t)row * width + i] = (float)(scale * (double)rows[(size_t)row * width + i]);
}

void tyto_cman_bend_logit(const struct tyto_cman_dims *dims, float *const *tensors, uint32_t logit,
                          double scale, double shift)
{
    float *bias = tensors[TYTO_CMAN_HEAD_1_BIAS] + logit;

    scale_row(tensors[TYTO_CMAN_HEAD_1_WEIGHT], logit, dims->head_width, scale);
    scale_row(tensors[TYTO_CMAN_SKIP_AUDIO], logit, dims->audio_width, scale);
    scale_row(tensors[TYTO_CMAN_SKIP_VISUAL], logit, dims->visual_width, scale);
    *bias = (float)(scale * (double)*bias + shift);
}

uint32_t tyto_cman_find_class(const struct tyto_cman_weights *weights, const char *name)
{
    for (uint32_t k = 0; k < weights->dims.num_classes; k++)
        if (strcmp(weights->classes[k], name) == 0)
            return k;
    return UINT32_MAX;
}

void tyto_cman_weights_drop_tensors(struct tyto_cman_weights *weights)
{
    for (uint32_t i = 0; i < TYTO_CMAN_NUM_TENSORS; i++) {
        free(weights->tensors[i]);
        weights->tensors[i] = NULL;
    }
}

void tyto_cman_weights_finish(struct tyto_cman_weights *weights)
{
    tyto_cman_weights_drop_tensors(weights);
    free(weights->classes);
    free(weights->thresholds);
    *weights = (struct tyto_cman_weights){0};
}
