/* SPDX-License-Identifier: MIT */
/* Writing encoder files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "files/safetensors.h"
#include "model/graph/file.h"
#include "model/graph/json.h"

enum {
    MAX_TENSORS = 2 * TYTO_GRAPH_MAX_LAYERS + 2,
    MAX_METAS = 12,
    NAME_BYTES = 24,
};

struct writer {
    uint32_t num_tensors, num_metas;
    struct tyto_tensor tensors[MAX_TENSORS];
    char names[MAX_TENSORS][NAME_BYTES];
    uint16_t *halves[MAX_TENSORS]; /* owned; NULL for a tensor kept as f32 */
    struct tyto_meta metas[MAX_METAS];
    char *texts[MAX_METAS]; /* owned; NULL for a borrowed value */
};

/* NULL when a value is no half float, or memory is out: F32 is as good then. */
static uint16_t *as_halves(const float *values, uint64_t num)
{
    uint16_t *halves = malloc((size_t)num * sizeof(*halves));
    for (uint64_t i = 0; halves && i < num; i++) {
        halves[i] = tyto_half_from_f32(values[i]);
        if (tyto_half_to_f32(halves[i]) != values[i]) {
            free(halves);
            return NULL;
        }
    }
    return halves;
}

static void add_tensor(struct writer *writer, const char *name, uint32_t num_dims,
                       const uint64_t *dims, const float *values)
{
    const uint32_t idx = writer->num_tensors++;
    struct tyto_tensor *tensor = &writer->tensors[idx];
    uint64_t num = 1;
    for (uint32_t i = 0; i < num_dims; i++)
        num *= dims[i];
    snprintf(writer->names[idx], NAME_BYTES, "%s", name);
    writer->halves[idx] = as_halves(values, num);
    tensor->name = writer->names[idx];
    tensor->dtype = writer->halves[idx] ? TYTO_DTYPE_F16 : TYTO_DTYPE_F32;
    tensor->num_dims = num_dims;
    memcpy(tensor->dims, dims, num_dims * sizeof(*dims));
    tensor->data = writer->halves[idx] ? (const void *)writer->halves[idx] : values;
}

static void add_layers(struct writer *writer, const struct tyto_graph *graph)
{
    for (uint32_t i = 0; i < graph->num_layers; i++) {
        const struct tyto_layer *layer = &graph->layers[i];
        uint64_t dims[TYTO_WEIGHTS_MAX_DIMS];
        uint32_t num_dims;
        char name[NAME_BYTES];
        if (!tyto_layer_weight_dims(graph, layer, &num_dims, dims))
            continue;
        snprintf(name, sizeof(name), "layer.%03u.weight", i);
        add_tensor(writer, name, num_dims, dims, layer->weight);
        const uint64_t out_c = graph->values[layer->out_idx].c;
        snprintf(name, sizeof(name), "layer.%03u.bias", i);
        add_tensor(writer, name, 1, &out_c, layer->bias);
    }
}

static void add_meta(struct writer *writer, const char *key, const char *value)
{
    if (value[0])
        writer->metas[writer->num_metas++] = (struct tyto_meta){.key = key, .value = value};
}

/* json is taken; NULL (out of memory on the way) fails. */
static bool add_json(struct writer *writer, const char *key, struct tyto_json *json)
{
    char *text = json ? tyto_json_print(json) : NULL;
    tyto_json_destroy(&json);
    if (!text)
        return false;
    writer->texts[writer->num_metas] = text;
    add_meta(writer, key, text);
    return true;
}

static struct tyto_json *floats(const float values[3])
{
    struct tyto_json *json = tyto_json_new_array();
    for (int i = 0; i < 3; i++)
        tyto_json_push(&json, tyto_json_new_f64((double)values[i]));
    return json;
}

static struct tyto_json *input_json(const struct tyto_encoder_file *file)
{
    struct tyto_json *json = tyto_json_new_object();
    const bool mean = tyto_json_set(json, "mean", floats(file->mean));
    bool ok = tyto_json_set(json, "scale", floats(file->scale)) && mean;
    if (file->fit == TYTO_FIT_LETTERBOX)
        ok &= tyto_json_set(json, "fit", tyto_json_new_string("letterbox"));
    if (!ok)
        tyto_json_destroy(&json);
    return json;
}

static struct tyto_json *frontend_json(const struct tyto_frontend *front)
{
    struct tyto_json *json = tyto_json_new_object();
    const char *log = front->form == TYTO_LOG_FORM_DB_POWER ? "db_power" : "ln_magnitude";
    bool ok = tyto_json_set(json, "log", tyto_json_new_string(log));
    const struct {
        const char *key;
        uint32_t value;
    } counts[] = {
        {"sample_rate", front->sample_rate_hz},
        {"fft", front->fft},
        {"window", front->window_len},
        {"hop", front->hop},
        {"num_mel", front->num_mel},
        {"frames", front->num_frames},
        {"frames_hop", front->frames_hop},
    };
    const struct {
        const char *key;
        float value;
    } numbers[] = {
        {"pcm_scale", front->pcm_scale},   {"floor", front->floor},
        {"top_db", front->top_db},         {"post_scale", front->post_scale},
        {"post_shift", front->post_shift},
    };
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        ok &= tyto_json_set(json, counts[i].key, tyto_json_new_u64(counts[i].value));
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        ok &= tyto_json_set(json, numbers[i].key, tyto_json_new_f64((double)numbers[i].value));
    if (!ok)
        tyto_json_destroy(&json);
    return json;
}

static bool fill(struct writer *writer, const struct tyto_encoder_file *file)
{
    add_layers(writer, &file->graph);
    add_meta(writer, "tyto.format", "encoder/1");
    add_meta(writer, "tyto.kind", tyto_encoder_kind_name(file->kind));
    add_meta(writer, "tyto.source", file->source);
    add_meta(writer, "tyto.license", file->license);
    add_meta(writer, "tyto.sha256", file->source_sha256);
    bool ok = add_json(writer, "tyto.graph", tyto_graph_to_json(&file->graph));
    if (ok && file->kind == TYTO_ENCODER_VISUAL)
        ok = add_json(writer, "tyto.input", input_json(file));
    if (ok && file->has_detector)
        ok = add_json(writer, "tyto.detector", tyto_detector_to_json(&file->detector));
    if (ok && file->has_tall)
        ok = add_json(writer, "tyto.graph_tall", tyto_graph_to_json(&file->tall));
    if (ok && file->has_tall && file->has_detector)
        ok = add_json(writer, "tyto.detector_tall", tyto_detector_to_json(&file->tall_detector));
    if (ok && file->kind == TYTO_ENCODER_AUDIO && file->has_frontend) {
        const struct tyto_frontend *front = &file->frontend;
        const uint64_t window_dims[] = {front->window_len};
        const uint64_t mel_dims[] = {front->fft / 2 + 1, front->num_mel};
        add_tensor(writer, "frontend.window", 1, window_dims, front->window);
        add_tensor(writer, "frontend.mel", 2, mel_dims, front->mel);
        ok = add_json(writer, "tyto.frontend", frontend_json(front));
    }
    return ok;
}

enum tyto_err tyto_encoder_file_write(struct tyto_encoder_file *file, const char *path,
                                      struct tyto_fault *ret_fault)
{
    char text[256] = "";
    enum tyto_err err = tyto_graph_check(&file->graph, text, sizeof(text));
    if (err)
        return tyto_fault_set(ret_fault, err, path, 0, "", "%s", text);
    struct writer *writer = calloc(1, sizeof(*writer));
    err = writer && fill(writer, file) ? TYTO_OK : TYTO_ERR_NOMEM;
    if (!err)
        err = tyto_weights_layout(writer->tensors, writer->num_tensors, file->layout);
    if (err) {
        (void)tyto_fault_set(ret_fault, err, path, 0, "", "%s", tyto_err_text(err));
    } else {
        add_meta(writer, "tyto.layout", file->layout);
        err = tyto_weights_write(path, writer->tensors, writer->num_tensors, writer->metas,
                                 writer->num_metas, ret_fault);
    }
    for (uint32_t i = 0; writer && i < MAX_TENSORS; i++)
        free(writer->halves[i]);
    for (uint32_t i = 0; writer && i < MAX_METAS; i++)
        free(writer->texts[i]);
    free(writer);
    return err;
}
