/* SPDX-License-Identifier: MIT */
/* The front end that YAMNet's TFLite file has inside, read instead of run: frames by reshape and
 * gather, a window, RFFT, magnitude, mel bands with a floor as their bias, logarithm. A file that
 * does anything else before its logarithm is refused. */
#include <math.h>
#include <string.h>

#include "model/import/tflite/internal.h"

enum {
    OP_GATHER = 36,
    OP_LOG = 73,
    OP_RFFT2D = 131,
    OP_STRIDED_SLICE = 45,
    OP_COMPLEX_ABS = 135,
    MAX_FRAME_PARTS = 64,
};

struct reader {
    struct tyto_tflite model;
    struct tyto_build *build;
    struct tyto_frontend front;
    uint32_t part; /* samples of which frames are put together */
    bool transformed, magnitude, logged;
};

static enum tyto_err wrong(const struct reader *reader)
{
    return tyto_build_fail(reader->build, TYTO_ERR_UNSUPPORTED,
                           "not what is expected of frames, window, RFFT, magnitude, mel bands and "
                           "logarithm");
}

static uint32_t const_input(const struct reader *reader, const struct tyto_tflite_node *node,
                            uint32_t i)
{
    const bool there = i < node->num_in && node->in[i] != TYTO_WALK_NONE;
    return there && tyto_tflite_is_const(&reader->model, node->in[i]) ? node->in[i]
                                                                      : TYTO_WALK_NONE;
}

/* Index (frames, parts): frame i has the parts i * step + 0, 1, 2 ... */
static enum tyto_err read_gather(struct reader *reader, const struct tyto_tflite_node *node)
{
    const uint32_t tensor = const_input(reader, node, 1);
    int32_t idx[2 * MAX_FRAME_PARTS];
    if (tensor == TYTO_WALK_NONE || !reader->part)
        return wrong(reader);
    const struct tyto_tflite_tensor *table = &reader->model.tensors[tensor];
    const uint32_t frames = table->dims[0], parts = table->dims[1];
    if (table->num_dims != 2 || frames < 2 || frames > TYTO_GRAPH_MAX_DIM || parts < 1 ||
        parts > MAX_FRAME_PARTS || table->type != TYTO_TFLITE_I32 ||
        table->data.num != 4 * frames * parts)
        return wrong(reader);
    for (uint32_t i = 0; i < 2 * parts; i++) {
        idx[i] = tyto_flat_i32(&reader->model.flat, table->data.at + 4 * (uint64_t)i);
        if (idx[i] != (i < parts ? 0 : idx[parts]) + (int32_t)(i % parts))
            return wrong(reader);
    }
    if (idx[parts] < 1 || idx[parts] > 4096 || reader->part > TYTO_LOG_MEL_MAX_FFT)
        return wrong(reader);
    reader->front.window_len = parts * reader->part;
    reader->front.hop = (uint32_t)idx[parts] * reader->part;
    return TYTO_OK;
}

static enum tyto_err read_reshape(struct reader *reader, const struct tyto_tflite_node *node)
{
    const struct tyto_tflite_tensor *out = &reader->model.tensors[node->out];
    if (!reader->part && out->num_dims == 2)
        reader->part = out->dims[1];
    return TYTO_OK;
}

static enum tyto_err read_window(struct reader *reader, const struct tyto_tflite_node *node)
{
    const uint32_t first = const_input(reader, node, 0);
    const uint32_t tensor = first != TYTO_WALK_NONE ? first : const_input(reader, node, 1);
    float *window = NULL;
    if (tensor == TYTO_WALK_NONE || reader->front.window || !reader->front.window_len ||
        reader->front.window_len > TYTO_LOG_MEL_MAX_FFT)
        return wrong(reader);
    const enum tyto_err err =
        tyto_tflite_floats(&reader->model, tensor, reader->front.window_len, &window);
    reader->front.window = window;
    return err;
}

static enum tyto_err read_rfft(struct reader *reader, const struct tyto_tflite_node *node)
{
    const uint32_t tensor = const_input(reader, node, 1);
    int32_t size[2];
    if (tensor == TYTO_WALK_NONE || !reader->front.window)
        return wrong(reader);
    const enum tyto_err err = tyto_tflite_ints(&reader->model, tensor, 2, size);
    if (err)
        return err;
    if (size[0] != 1 || size[1] < TYTO_LOG_MEL_MIN_FFT || size[1] > TYTO_LOG_MEL_MAX_FFT ||
        (size[1] & (size[1] - 1)) || (uint32_t)size[1] < reader->front.window_len)
        return wrong(reader);
    reader->front.fft = (uint32_t)size[1];
    reader->transformed = true;
    return TYTO_OK;
}

/* Weights (bands, bins), bias: the floor, the same for all. */
static enum tyto_err read_mel(struct reader *reader, const struct tyto_tflite_node *node)
{
    const uint32_t weight = const_input(reader, node, 1), bias = const_input(reader, node, 2);
    const uint64_t num_bins = reader->front.fft / 2 + 1;
    float *from = NULL, *floors = NULL;
    if (weight == TYTO_WALK_NONE || bias == TYTO_WALK_NONE || !reader->magnitude ||
        reader->front.mel)
        return wrong(reader);
    const struct tyto_tflite_tensor *tensor = &reader->model.tensors[weight];
    const uint32_t num_mel = tensor->dims[0];
    if (tensor->num_dims != 2 || num_mel < 1 || num_mel > TYTO_LOG_MEL_MAX_BANDS ||
        tensor->dims[1] != num_bins)
        return wrong(reader);
    enum tyto_err err = tyto_tflite_floats(&reader->model, weight, num_bins * num_mel, &from);
    if (!err)
        err = tyto_tflite_floats(&reader->model, bias, num_mel, &floors);
    if (err)
        return err;
    float *mel = tyto_build_floats(reader->build, num_bins * num_mel);
    if (!mel)
        return tyto_build_fail(reader->build, TYTO_ERR_NOMEM, "out of memory");
    for (uint32_t m = 0; m < num_mel; m++) {
        if (floors[m] != floors[0] || !(floors[m] > 0))
            return wrong(reader);
        for (uint64_t b = 0; b < num_bins; b++)
            mel[b * num_mel + m] = from[m * num_bins + b];
    }
    reader->front.num_mel = num_mel;
    reader->front.floor = floors[0];
    reader->front.mel = mel;
    return TYTO_OK;
}

static enum tyto_err read_node(struct reader *reader, const struct tyto_tflite_node *node)
{
    switch (node->op) {
    case OP_STRIDED_SLICE: /* the whole signal, in whole parts */
    case TYTO_TFLITE_PAD:  /* zeros behind the window, up to the transform's size */
        return TYTO_OK;
    case TYTO_TFLITE_RESHAPE:
        return read_reshape(reader, node);
    case OP_GATHER:
        return read_gather(reader, node);
    case TYTO_TFLITE_MUL:
        return read_window(reader, node);
    case OP_RFFT2D:
        return read_rfft(reader, node);
    case OP_COMPLEX_ABS:
        reader->magnitude = reader->transformed;
        return TYTO_OK;
    case TYTO_TFLITE_FULLY_CONNECTED:
        return read_mel(reader, node);
    case OP_LOG:
        reader->logged = true;
        return reader->front.mel ? TYTO_OK : wrong(reader);
    default:
        return wrong(reader);
    }
}

enum tyto_err tyto_import_tflite_frontend(struct tyto_build *build, const uint8_t *bytes,
                                          size_t num_bytes, struct tyto_frontend *front)
{
    struct reader reader = {
        .model = {.flat = {.bytes = bytes, .num_bytes = num_bytes}, .build = build},
        .build = build,
        .front = *front};
    reader.front.window = reader.front.mel = NULL;
    reader.front.window_len = 0;
    reader.front.form = TYTO_LOG_FORM_LN_MAGNITUDE;
    reader.front.top_db = 0;
    enum tyto_err err = tyto_tflite_parse(&reader.model);
    for (uint32_t i = 0; !err && !reader.logged && i < reader.model.num_nodes; i++) {
        build->op = reader.model.nodes[i].op_name;
        build->node = reader.model.tensors[reader.model.nodes[i].out].name;
        err = read_node(&reader, &reader.model.nodes[i]);
    }
    if (!err && reader.model.flat.bad)
        err = tyto_build_fail(build, TYTO_ERR_FORMAT, "reaches outside the file");
    if (!err && !reader.logged)
        err = tyto_build_fail(build, TYTO_ERR_UNSUPPORTED, "no logarithm in it");
    tyto_tflite_finish(&reader.model);
    build->op = build->node = "";
    if (!err)
        *front = reader.front;
    return err;
}
