/* SPDX-License-Identifier: MIT */
/* Reads what a spectrogram model does instead of running it: an STFT written as
 * two convolutions (torchlibrosa's way), power, mel bands, 10 log10. The kernels
 * have to be a window times cosines and sines, which is checked number by number;
 * a model that does anything else is refused. */
#include <math.h>
#include <string.h>

#include "model/import/onnx/internal.h"

struct reader {
    struct tyto_onnx model;
    struct tyto_build *build;
    struct tyto_frontend front;
    uint32_t real, imag, mel; /* constants; TYTO_WALK_NONE until found */
    bool squared, floored, logged, scaled;
};

/* The constant input of a node with one constant and one activation, or NONE. */
static uint32_t const_input(const struct tyto_onnx *model, const struct tyto_onnx_node *node)
{
    for (uint32_t i = 0; i < node->num_in && i < 2; i++)
        if (tyto_onnx_is_const(model, node->in[i]))
            return node->in[i];
    return TYTO_WALK_NONE;
}

static const char *producer_op(const struct tyto_onnx *model, uint32_t tensor)
{
    const uint32_t node = tensor == TYTO_WALK_NONE ? TYTO_WALK_NONE : model->producers[tensor];
    return node == TYTO_WALK_NONE ? "" : model->nodes[node].op;
}

static enum tyto_err read_conv(struct reader *reader, const struct tyto_onnx_node *node)
{
    const struct tyto_onnx *model = &reader->model;
    const uint32_t tensor = tyto_onnx_in(node, 1);
    int64_t hop = 0, pads[2] = {0};
    const uint32_t num_strides = tyto_onnx_attr_ints(model, node, "strides", 1, &hop);
    const uint32_t num_pads = tyto_onnx_attr_ints(model, node, "pads", 2, pads);
    if (!tyto_onnx_is_const(model, tensor) || model->tensors[tensor].num_dims != 3 ||
        num_strides != 1 || (num_pads && (num_pads != 2 || pads[0] || pads[1])) ||
        reader->imag != TYTO_WALK_NONE)
        return tyto_build_fail(reader->build, TYTO_ERR_UNSUPPORTED,
                               "expected two convolutions with (bins,1,samples) kernels and no "
                               "padding");
    const int64_t *d = model->tensors[tensor].dims;
    const int64_t fft = d[2];
    if (fft < TYTO_LOG_MEL_MIN_FFT || fft > TYTO_LOG_MEL_MAX_FFT || (fft & (fft - 1)) ||
        d[0] != fft / 2 + 1 || d[1] != 1 || hop < 1 || hop > TYTO_LOG_MEL_MAX_SAMPLES)
        return tyto_build_fail(reader->build, TYTO_ERR_UNSUPPORTED,
                               "kernels (%lld,%lld,%lld) with hop %lld are no STFT with a power of "
                               "two in [%d, %d]",
                               (long long)d[0], (long long)d[1], (long long)d[2], (long long)hop,
                               TYTO_LOG_MEL_MIN_FFT, TYTO_LOG_MEL_MAX_FFT);
    if (reader->real == TYTO_WALK_NONE) {
        reader->real = tensor;
        reader->front.fft = reader->front.window_len = (uint32_t)fft;
        reader->front.hop = (uint32_t)hop;
        return TYTO_OK;
    }
    reader->imag = tensor;
    if (reader->front.fft != (uint32_t)fft || reader->front.hop != (uint32_t)hop)
        return tyto_build_fail(reader->build, TYTO_ERR_UNSUPPORTED,
                               "the two convolutions differ in size");
    return TYTO_OK;
}

/* Sub: of a constant 0, or of the decibels below the maximum that are kept. */
static enum tyto_err read_sub(struct reader *reader, const struct tyto_onnx_node *node)
{
    float value = 0;
    const enum tyto_err err = tyto_onnx_scalar(&reader->model, tyto_onnx_in(node, 1), &value);
    if (err)
        return err;
    if (strcmp(producer_op(&reader->model, tyto_onnx_in(node, 0)), "ReduceMax") == 0 && value > 0)
        reader->front.top_db = value;
    else if (value != 0)
        return tyto_build_fail(reader->build, TYTO_ERR_UNSUPPORTED, "of %g", (double)value);
    return TYTO_OK;
}

static enum tyto_err read_matmul(struct reader *reader, const struct tyto_onnx_node *node)
{
    const uint32_t tensor = tyto_onnx_in(node, 1);
    const struct tyto_onnx *model = &reader->model;
    if (reader->mel != TYTO_WALK_NONE || !tyto_onnx_is_const(model, tensor) ||
        model->tensors[tensor].num_dims != 2 || model->tensors[tensor].dims[1] < 1 ||
        model->tensors[tensor].dims[1] > TYTO_LOG_MEL_MAX_BANDS)
        return tyto_build_fail(reader->build, TYTO_ERR_UNSUPPORTED,
                               "expected one constant matrix (bins, bands)");
    reader->mel = tensor;
    reader->front.num_mel = (uint32_t)model->tensors[tensor].dims[1];
    return TYTO_OK;
}

/* Mul and Div by constants, all of which together turn ln into 10 log10. */
static enum tyto_err read_factor(struct reader *reader, const struct tyto_onnx_node *node,
                                 double *factor)
{
    float value = 0;
    const enum tyto_err err =
        tyto_onnx_scalar(&reader->model, const_input(&reader->model, node), &value);
    if (err)
        return err;
    *factor = node->op[0] == 'M' ? *factor * (double)value : *factor / (double)value;
    return TYTO_OK;
}

static enum tyto_err read_node(struct reader *reader, const struct tyto_onnx_node *node,
                               double *factor)
{
    static const char *const silent[] = {"Constant",  "Unsqueeze", "Squeeze",  "Transpose", "Add",
                                         "ReduceMax", "Cast",      "Identity", "Reshape"};
    const struct tyto_onnx *model = &reader->model;
    float value = 0;
    enum tyto_err err = TYTO_OK;
    for (size_t i = 0; i < sizeof(silent) / sizeof(silent[0]); i++)
        if (strcmp(node->op, silent[i]) == 0)
            return TYTO_OK;
    if (strcmp(node->op, "Conv") == 0)
        return read_conv(reader, node);
    if (strcmp(node->op, "MatMul") == 0)
        return read_matmul(reader, node);
    if (strcmp(node->op, "Sub") == 0)
        return read_sub(reader, node);
    if (strcmp(node->op, "Mul") == 0 || strcmp(node->op, "Div") == 0)
        return read_factor(reader, node, factor);
    if (strcmp(node->op, "Log") == 0) {
        reader->logged = true;
        return TYTO_OK;
    }
    if (strcmp(node->op, "Pow") == 0) {
        err = tyto_onnx_scalar(model, tyto_onnx_in(node, 1), &value);
        reader->squared = value == 2;
        return err;
    }
    if (strcmp(node->op, "Clip") == 0) {
        if (reader->logged)
            return TYTO_OK; /* to the maximum less top_db, which Sub gave */
        reader->floored = true;
        if (tyto_onnx_in(node, 1) == TYTO_WALK_NONE)
            reader->front.floor = tyto_onnx_attr_float(model, node, "min", 0);
        else
            err = tyto_onnx_scalar(model, node->in[1], &reader->front.floor);
        return err;
    }
    return tyto_build_fail(reader->build, TYTO_ERR_UNSUPPORTED,
                           "not part of STFT, mel bands and decibels");
}

/* The largest difference between a kernel and window times cosine (or +- sine). */
static double kernel_error(const float *kernel, const float *window, uint32_t fft, bool sine)
{
    double error = 0, other_sign = 0;
    for (uint32_t k = 0; k <= fft / 2; k++)
        for (uint32_t n = 0; n < fft; n++) {
            const double angle = 2 * M_PI * (double)((uint64_t)k * n % fft) / fft;
            const double want = (double)window[n] * (sine ? sin(angle) : cos(angle));
            const double got = (double)kernel[(size_t)k * fft + n];
            error = fmax(error, fabs(got - want));
            other_sign = fmax(other_sign, fabs(got + want));
        }
    return sine ? fmin(error, other_sign) : error;
}

static enum tyto_err read_tables(struct reader *reader)
{
    struct tyto_frontend *front = &reader->front;
    const struct tyto_onnx *model = &reader->model;
    const uint64_t num_bins = front->fft / 2 + 1;
    float *real = NULL, *imag = NULL, *mel = NULL;
    enum tyto_err err = tyto_onnx_floats(model, reader->real, num_bins * front->fft, &real);
    if (!err)
        err = tyto_onnx_floats(model, reader->imag, num_bins * front->fft, &imag);
    if (!err)
        err = tyto_onnx_floats(model, reader->mel, num_bins * front->num_mel, &mel);
    if (err)
        return err;
    const float *window = real; /* row 0: the window times cos(0) */
    if (kernel_error(real, window, front->fft, false) > 1e-4 ||
        kernel_error(imag, window, front->fft, true) > 1e-4)
        return tyto_build_fail(reader->build, TYTO_ERR_UNSUPPORTED,
                               "the convolutions are no windowed Fourier transform");
    front->window = window;
    front->mel = mel;
    return TYTO_OK;
}

static enum tyto_err read_all(struct reader *reader)
{
    double factor = 1;
    for (uint32_t i = 0; i < reader->model.num_nodes; i++) {
        const struct tyto_onnx_node *node = &reader->model.nodes[i];
        reader->build->op = node->op;
        reader->build->node = node->name;
        const enum tyto_err err = read_node(reader, node, &factor);
        if (err)
            return err;
    }
    reader->build->op = reader->build->node = "";
    reader->scaled = fabs(factor - 10 / log(10)) < 1e-4;
    if (reader->imag == TYTO_WALK_NONE || reader->mel == TYTO_WALK_NONE || !reader->squared ||
        !reader->logged || !reader->scaled || !reader->floored || !(reader->front.floor > 0))
        return tyto_build_fail(reader->build, TYTO_ERR_UNSUPPORTED,
                               "this is no front end of STFT power, mel bands and 10 log10 with a "
                               "floor");
    if (reader->model.tensors[reader->mel].dims[0] != reader->front.fft / 2 + 1)
        return tyto_build_fail(reader->build, TYTO_ERR_SHAPE, "the mel matrix does not fit");
    return read_tables(reader);
}

enum tyto_err tyto_import_onnx_frontend(struct tyto_build *build, const uint8_t *bytes,
                                        size_t num_bytes, struct tyto_frontend *front)
{
    struct reader reader = {.model = {.build = build},
                            .build = build,
                            .front = *front,
                            .real = TYTO_WALK_NONE,
                            .imag = TYTO_WALK_NONE,
                            .mel = TYTO_WALK_NONE};
    reader.front.form = TYTO_LOG_FORM_DB_POWER;
    reader.front.top_db = 0;
    enum tyto_err err = tyto_onnx_parse(&reader.model, bytes, num_bytes);
    if (!err)
        err = read_all(&reader);
    tyto_onnx_finish(&reader.model);
    build->op = build->node = "";
    if (!err)
        *front = reader.front;
    return err;
}
