/* SPDX-License-Identifier: MIT */
/* Reading encoder files. Nothing is allocated for a tensor before the file has
 * shown that it holds that tensor. */
#include "model/graph/file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files/safetensors.h"
#include "model/graph/json.h"

/* All floats of a file: a list of blocks. */
struct tyto_encoder_floats {
    struct block {
        struct block *next;
        float values[];
    } * blocks;
    uint64_t num;
};

static const uint64_t max_floats = 1u << 28;

const char *tyto_encoder_kind_name(enum tyto_encoder_kind kind)
{
    const char *word = tyto_word_of(TYTO_WORDS(TYTO_ENCODER_LIST), kind);
    return word ? word : "?";
}

enum tyto_err tyto_encoder_file_create(struct tyto_encoder_file **ret_file)
{
    struct tyto_encoder_file *file = calloc(1, sizeof(*file));
    if (!file)
        return TYTO_ERR_NOMEM;
    file->floats = calloc(1, sizeof(*file->floats));
    if (!file->floats) {
        free(file);
        return TYTO_ERR_NOMEM;
    }
    for (int i = 0; i < 3; i++)
        file->scale[i] = 1.0f;
    *ret_file = file;
    return TYTO_OK;
}

void tyto_encoder_file_destroy(struct tyto_encoder_file **file)
{
    struct tyto_encoder_file *old = *file;
    if (!old)
        return;
    *file = NULL;
    while (old->floats->blocks) {
        struct block *block = old->floats->blocks;
        old->floats->blocks = block->next;
        free(block);
    }
    free(old->floats);
    free(old);
}

float *tyto_encoder_file_alloc(struct tyto_encoder_file *file, uint64_t num)
{
    if (num > max_floats - file->floats->num)
        return NULL;
    struct block *block = calloc(1, sizeof(*block) + (size_t)num * sizeof(float));
    if (!block)
        return NULL;
    block->next = file->floats->blocks;
    file->floats->blocks = block;
    file->floats->num += num;
    return block->values;
}

/* --- reading ----------------------------------------------------------------------------- */

struct reader {
    const struct tyto_weights *weights;
    struct tyto_encoder_file *file;
    struct tyto_fault *ret_fault;
};

static enum tyto_err read_tensor(const struct reader *reader, const char *name, uint32_t num_dims,
                                 const uint64_t *dims, const float **ret_values)
{
    const struct tyto_tensor *tensor = tyto_weights_find(reader->weights, name);
    uint64_t num = 1;
    for (uint32_t i = 0; i < num_dims; i++)
        num *= dims[i]; /* the graph check bounded it */
    float *values = NULL;
    if (tensor && tensor->num_elems == num && num) {
        values = tyto_encoder_file_alloc(reader->file, num);
        if (!values)
            return tyto_fault_set(reader->ret_fault, TYTO_ERR_NOMEM,
                                  tyto_weights_path(reader->weights), 0, name,
                                  "out of memory, or over the limit of all tensors");
    }
    float nothing; /* when the tensor does not fit, read says so and writes nothing */
    const enum tyto_err err = tyto_weights_read(reader->weights, name, num_dims, dims,
                                                values ? values : &nothing, reader->ret_fault);
    if (!err)
        *ret_values = values;
    return err;
}

static struct tyto_json *parse_meta(const struct reader *reader, const char *key)
{
    const char *text = tyto_weights_meta(reader->weights, key);
    struct tyto_json *json = NULL;
    char error[128] = "is missing";
    if (text && tyto_json_parse(text, strlen(text), &json, error, sizeof(error)) == TYTO_OK)
        return json;
    (void)tyto_fault_set(reader->ret_fault, TYTO_ERR_FORMAT, tyto_weights_path(reader->weights), 0,
                         key, "metadata: %s", error);
    return NULL;
}

static enum tyto_err wrong_meta(const struct reader *reader, const char *key, const char *text)
{
    return tyto_fault_set(reader->ret_fault, TYTO_ERR_FORMAT, tyto_weights_path(reader->weights), 0,
                          key, "metadata: %s", text);
}

static enum tyto_err read_graph(const struct reader *reader)
{
    struct tyto_json *json = parse_meta(reader, "tyto.graph");
    if (!json)
        return TYTO_ERR_FORMAT;
    struct tyto_graph *graph = &reader->file->graph;
    char text[256] = "";
    enum tyto_err err = tyto_graph_from_json(json, graph, text, sizeof(text));
    tyto_json_destroy(&json);
    if (err)
        return wrong_meta(reader, "tyto.graph", text);
    /* Shapes are bounded before any size is computed from them: a dummy stands for
     * the weights until they are read. */
    static const float dummy;
    for (uint32_t i = 0; i < graph->num_layers; i++)
        graph->layers[i].weight = graph->layers[i].bias = &dummy;
    if (tyto_graph_check(graph, text, sizeof(text)))
        return wrong_meta(reader, "tyto.graph", text);
    for (uint32_t i = 0; !err && i < graph->num_layers; i++) {
        struct tyto_layer *layer = &graph->layers[i];
        uint64_t dims[TYTO_WEIGHTS_MAX_DIMS];
        uint32_t num_dims;
        char name[32];
        layer->weight = layer->bias = NULL;
        if (!tyto_layer_weight_dims(graph, layer, &num_dims, dims))
            continue;
        snprintf(name, sizeof(name), "layer.%03u.weight", i);
        err = read_tensor(reader, name, num_dims, dims, &layer->weight);
        const uint64_t out_c = graph->values[layer->out_idx].c;
        snprintf(name, sizeof(name), "layer.%03u.bias", i);
        if (!err)
            err = read_tensor(reader, name, 1, &out_c, &layer->bias);
    }
    return err;
}

static bool read_floats(const struct tyto_json *json, float ret_values[3])
{
    for (uint32_t i = 0; i < 3; i++) {
        double value;
        if (!tyto_json_f64(tyto_json_at(json, i), &value) || !isfinite((float)value))
            return false;
        ret_values[i] = (float)value;
    }
    return tyto_json_num_items(json) == 3;
}

/* Files from before there was a choice say nothing: squash. */
static bool read_fit(const struct tyto_json *json, enum tyto_fit *ret_fit)
{
    const char *name = json ? tyto_json_string(json) : "squash";
    if (!name || (strcmp(name, "squash") != 0 && strcmp(name, "letterbox") != 0))
        return false;
    *ret_fit = name[0] == 'l' ? TYTO_FIT_LETTERBOX : TYTO_FIT_SQUASH;
    return true;
}

static enum tyto_err read_input(const struct reader *reader)
{
    struct tyto_json *json = parse_meta(reader, "tyto.input");
    if (!json)
        return TYTO_ERR_FORMAT;
    const bool ok = read_floats(tyto_json_get(json, "mean"), reader->file->mean) &&
                    read_floats(tyto_json_get(json, "scale"), reader->file->scale);
    const bool fits = read_fit(tyto_json_get(json, "fit"), &reader->file->fit);
    tyto_json_destroy(&json);
    if (!ok)
        return wrong_meta(reader, "tyto.input", "mean and scale must be 3 numbers each");
    if (!fits)
        return wrong_meta(reader, "tyto.input", "fit must be squash or letterbox");
    const uint32_t needed = reader->file->fit == TYTO_FIT_LETTERBOX ? 4 : 3;
    if (reader->file->graph.values[0].c != needed)
        return wrong_meta(reader, "tyto.graph",
                          needed == 3 ? "a visual encoder's input needs 3 channels"
                                      : "the input of a letterboxed picture needs 4 channels");
    return TYTO_OK;
}

static enum tyto_err read_detector(const struct reader *reader, const char *key,
                                   const struct tyto_graph *graph, struct tyto_detector *detector)
{
    struct tyto_json *json = parse_meta(reader, key);
    if (!json)
        return TYTO_ERR_FORMAT;
    const bool ok = tyto_detector_from_json(json, detector);
    tyto_json_destroy(&json);
    if (!ok)
        return wrong_meta(reader, key, "a field is missing, of the wrong type or out of bounds");
    const char *wrong = tyto_detector_check(detector, graph);
    return wrong ? wrong_meta(reader, key, wrong) : TYTO_OK;
}

static enum tyto_err read_tall(const struct reader *reader)
{
    static const char key[] = "tyto.graph_tall";
    struct tyto_encoder_file *file = reader->file;
    struct tyto_graph *tall = NULL;
    struct tyto_json *json = parse_meta(reader, key);
    char text[256] = "out of memory";
    if (!json)
        return TYTO_ERR_FORMAT;
    tall = calloc(1, sizeof(*tall));
    enum tyto_err err =
        tall ? tyto_graph_from_json(json, tall, text, sizeof(text)) : TYTO_ERR_NOMEM;
    tyto_json_destroy(&json);
    if (err) {
        free(tall);
        return wrong_meta(reader, key, text);
    }
    if (file->has_detector)
        err = read_detector(reader, "tyto.detector_tall", tall, &file->tall_detector);
    const char *wrong = err ? NULL : tyto_encoder_file_set_tall(file, tall, &file->tall_detector);
    free(tall);
    return wrong ? wrong_meta(reader, key, wrong) : err;
}

/* What a visual encoder may bring besides. */
static enum tyto_err read_visual(const struct reader *reader)
{
    struct tyto_encoder_file *file = reader->file;
    enum tyto_err err = read_input(reader);
    if (!err && tyto_weights_meta(reader->weights, "tyto.detector")) {
        err = read_detector(reader, "tyto.detector", &file->graph, &file->detector);
        file->has_detector = !err;
    }
    if (!err && tyto_weights_meta(reader->weights, "tyto.graph_tall"))
        err = read_tall(reader);
    return err;
}

static bool read_f32(const struct tyto_json *json, const char *key, float *ret_value)
{
    double value;
    if (!tyto_json_f64(tyto_json_get(json, key), &value) || !isfinite((float)value))
        return false;
    *ret_value = (float)value;
    return true;
}

static bool parse_frontend(const struct tyto_json *json, struct tyto_frontend *ret)
{
    const char *log = tyto_json_string(tyto_json_get(json, "log"));
    if (!log || (strcmp(log, "db_power") != 0 && strcmp(log, "ln_magnitude") != 0))
        return false;
    ret->form = log[0] == 'd' ? TYTO_LOG_FORM_DB_POWER : TYTO_LOG_FORM_LN_MAGNITUDE;
    const uint32_t max_frames = TYTO_GRAPH_MAX_DIM;
    return tyto_json_u32(tyto_json_get(json, "sample_rate"), 384000, &ret->sample_rate_hz) &&
           tyto_json_u32(tyto_json_get(json, "fft"), TYTO_LOG_MEL_MAX_FFT, &ret->fft) &&
           tyto_json_u32(tyto_json_get(json, "window"), ret->fft, &ret->window_len) &&
           tyto_json_u32(tyto_json_get(json, "hop"), TYTO_LOG_MEL_MAX_SAMPLES, &ret->hop) &&
           tyto_json_u32(tyto_json_get(json, "num_mel"), TYTO_LOG_MEL_MAX_BANDS, &ret->num_mel) &&
           tyto_json_u32(tyto_json_get(json, "frames"), max_frames, &ret->num_frames) &&
           tyto_json_u32(tyto_json_get(json, "frames_hop"), max_frames, &ret->frames_hop) &&
           read_f32(json, "pcm_scale", &ret->pcm_scale) && read_f32(json, "floor", &ret->floor) &&
           read_f32(json, "top_db", &ret->top_db) &&
           read_f32(json, "post_scale", &ret->post_scale) &&
           read_f32(json, "post_shift", &ret->post_shift);
}

static bool frontend_makes_sense(const struct tyto_frontend *front, const struct tyto_value *input)
{
    return front->sample_rate_hz >= 1000 && front->fft >= TYTO_LOG_MEL_MIN_FFT &&
           (front->fft & (front->fft - 1)) == 0 && front->window_len >= 1 && front->hop >= 1 &&
           front->num_mel >= 1 && front->floor > 0 && front->top_db >= 0 &&
           front->num_frames == input->h && front->num_mel == input->w && input->c == 1 &&
           front->frames_hop >= 1;
}

static enum tyto_err read_frontend(const struct reader *reader)
{
    static const char key[] = "tyto.frontend";
    if (!tyto_weights_meta(reader->weights, key))
        return TYTO_OK;
    struct tyto_json *json = parse_meta(reader, key);
    if (!json)
        return TYTO_ERR_FORMAT;
    struct tyto_frontend *front = &reader->file->frontend;
    const bool ok = parse_frontend(json, front);
    tyto_json_destroy(&json);
    if (!ok)
        return wrong_meta(reader, key, "a field is missing, of the wrong type or out of bounds");
    if (!frontend_makes_sense(front, &reader->file->graph.values[0]))
        return wrong_meta(reader, key, "its numbers do not fit each other or the graph's input");
    const uint64_t window_dims[] = {front->window_len};
    const uint64_t mel_dims[] = {front->fft / 2 + 1, front->num_mel};
    enum tyto_err err = read_tensor(reader, "frontend.window", 1, window_dims, &front->window);
    if (!err)
        err = read_tensor(reader, "frontend.mel", 2, mel_dims, &front->mel);
    reader->file->has_frontend = !err;
    return err;
}

static void copy_meta(const struct reader *reader, const char *key, char *buf, size_t buf_bytes)
{
    const char *text = tyto_weights_meta(reader->weights, key);
    snprintf(buf, buf_bytes, "%s", text ? text : "");
}

static enum tyto_err check_layout(const struct reader *reader)
{
    const uint32_t num = tyto_weights_num_tensors(reader->weights);
    copy_meta(reader, "tyto.layout", reader->file->layout, sizeof(reader->file->layout));
    char layout[TYTO_DIGEST_HEX_BYTES];
    const struct tyto_tensor *first = tyto_weights_tensor(reader->weights, 0);
    const enum tyto_err err = tyto_weights_layout(first, num, layout);
    if (err)
        return err;
    return strcmp(layout, reader->file->layout) == 0
               ? TYTO_OK
               : wrong_meta(reader, "tyto.layout", "does not belong to the tensors in the file");
}

static enum tyto_err read_all(const struct reader *reader)
{
    const char *format = tyto_weights_meta(reader->weights, "tyto.format");
    if (!format || strcmp(format, "encoder/1") != 0)
        return tyto_fault_set(reader->ret_fault, TYTO_ERR_FORMAT,
                              tyto_weights_path(reader->weights), 0, "tyto.format",
                              "is \"%.32s\", expected \"encoder/1\": make encoder files with `tyto "
                              "model import`",
                              format ? format : "");
    const char *kind = tyto_weights_meta(reader->weights, "tyto.kind");
    uint32_t idx = 0;
    if (!kind || !tyto_word_find(TYTO_WORDS(TYTO_ENCODER_LIST), kind, &idx))
        return wrong_meta(reader, "tyto.kind",
                          "must be one of " TYTO_ENCODER_LIST(TYTO_WORD_TEXT) "as a text");
    reader->file->kind = (enum tyto_encoder_kind)idx;
    enum tyto_err err = read_graph(reader);
    if (!err && reader->file->kind == TYTO_ENCODER_VISUAL)
        err = read_visual(reader);
    if (!err && reader->file->kind == TYTO_ENCODER_AUDIO)
        err = read_frontend(reader);
    if (!err)
        err = check_layout(reader);
    copy_meta(reader, "tyto.source", reader->file->source, sizeof(reader->file->source));
    copy_meta(reader, "tyto.license", reader->file->license, sizeof(reader->file->license));
    copy_meta(reader, "tyto.sha256", reader->file->source_sha256,
              sizeof(reader->file->source_sha256));
    return err;
}

static enum tyto_err read_weights(const struct tyto_weights *weights,
                                  struct tyto_encoder_file **ret_file, struct tyto_fault *ret_fault)
{
    struct reader reader = {.weights = weights, .ret_fault = ret_fault};
    enum tyto_err err = tyto_encoder_file_create(&reader.file);
    if (err)
        return tyto_fault_set(ret_fault, err, tyto_weights_path(weights), 0, "", "out of memory");
    err = read_all(&reader);
    if (err)
        tyto_encoder_file_destroy(&reader.file);
    else
        *ret_file = reader.file;
    return err;
}

enum tyto_err tyto_encoder_file_read(const char *path, struct tyto_encoder_file **ret_file,
                                     struct tyto_fault *ret_fault)
{
    struct tyto_weights *weights = NULL;
    enum tyto_err err = tyto_weights_open(path, &weights, ret_fault);
    if (!err)
        err = read_weights(weights, ret_file, ret_fault);
    tyto_weights_close(&weights);
    return err;
}

enum tyto_err tyto_encoder_file_read_memory(const void *bytes, size_t num_bytes,
                                            struct tyto_encoder_file **ret_file,
                                            struct tyto_fault *ret_fault)
{
    struct tyto_weights *weights = NULL;
    enum tyto_err err = tyto_weights_open_memory(bytes, num_bytes, &weights, ret_fault);
    if (!err)
        err = read_weights(weights, ret_file, ret_fault);
    tyto_weights_close(&weights);
    return err;
}
