/* SPDX-License-Identifier: MIT */
#include "model/graph/ref.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double activate(const struct tyto_layer *layer, double x)
{
    switch (layer->act) {
    case TYTO_ACT_RELU:
        x = x > 0 ? x : 0;
        break;
    case TYTO_ACT_RELU6:
        x = x < 0 ? 0 : x > 6 ? 6 : x;
        break;
    case TYTO_ACT_LEAKY_RELU:
        x = x >= 0 ? x : x * (double)layer->act_slope;
        break;
    case TYTO_ACT_SIGMOID:
        x = 1 / (1 + exp(-x));
        break;
    case TYTO_ACT_TANH:
        x = tanh(x);
        break;
    case TYTO_ACT_HARD_SWISH:
        x = x * (x < -3 ? 0 : x > 3 ? 6 : x + 3) / 6;
        break;
    case TYTO_ACT_NONE:
    case TYTO_ACT_NUM:
        break;
    }
    if (layer->has_clamp_min && x < (double)layer->clamp_min)
        x = (double)layer->clamp_min;
    return x;
}

/* The layer's input under one tap of a window, NULL in the padding. */
static const double *tap(const struct tyto_layer *layer, const struct tyto_value *in,
                         const double *x, uint32_t out_y, uint32_t out_x, uint32_t ky, uint32_t kx)
{
    const int64_t y = (int64_t)out_y * layer->stride_h + ky - layer->pad_top;
    const int64_t z = (int64_t)out_x * layer->stride_w + kx - layer->pad_left;
    if (y < 0 || z < 0 || y >= in->h || z >= in->w)
        return NULL;
    return x + ((size_t)y * in->w + (size_t)z) * in->c;
}

static double window_at(const struct tyto_layer *layer, const struct tyto_value *in,
                        const double *x, uint32_t out_y, uint32_t out_x, uint32_t c)
{
    double sum = layer->op == TYTO_LAYER_MAX_POOL ? -INFINITY : 0;
    uint32_t num = 0;
    for (uint32_t ky = 0; ky < layer->kernel_h; ky++)
        for (uint32_t kx = 0; kx < layer->kernel_w; kx++) {
            const double *place = tap(layer, in, x, out_y, out_x, ky, kx);
            if (!place)
                continue;
            const size_t k = (size_t)ky * layer->kernel_w + kx;
            num++;
            if (layer->op == TYTO_LAYER_MAX_POOL)
                sum = place[c] > sum ? place[c] : sum;
            else if (layer->op == TYTO_LAYER_AVG_POOL)
                sum += place[c];
            else if (layer->op == TYTO_LAYER_DWCONV)
                sum += place[c] * (double)layer->weight[k * in->c + c];
            else
                for (uint32_t i = 0; i < in->c; i++)
                    sum +=
                        place[i] *
                        (double)layer
                            ->weight[((size_t)c * layer->kernel_h * layer->kernel_w + k) * in->c +
                                     i];
        }
    if (layer->op == TYTO_LAYER_AVG_POOL)
        return sum / num;
    return layer->op == TYTO_LAYER_MAX_POOL ? sum : sum + (double)layer->bias[c];
}

static void run_windowed(const struct tyto_layer *layer, const struct tyto_value *in,
                         const struct tyto_value *out, const double *x, double *y)
{
    for (uint32_t i = 0; i < out->h; i++)
        for (uint32_t j = 0; j < out->w; j++)
            for (uint32_t c = 0; c < out->c; c++)
                *y++ = window_at(layer, in, x, i, j, c);
}

static void run_softmax(const struct tyto_value *in, const double *x, double *y)
{
    for (size_t row = 0; row < (size_t)in->h * in->w; row++, x += in->c, y += in->c) {
        double max = x[0], sum = 0;
        for (uint32_t c = 1; c < in->c; c++)
            max = x[c] > max ? x[c] : max;
        for (uint32_t c = 0; c < in->c; c++)
            sum += y[c] = exp(x[c] - max);
        for (uint32_t c = 0; c < in->c; c++)
            y[c] /= sum;
    }
}

/* Places under output place i of n_out, out of n_in, and the share of the second. */
static double place_under(enum tyto_resize resize, uint32_t i, uint32_t n_in, uint32_t n_out,
                          uint32_t under[2])
{
    double at = (double)((uint64_t)i * n_in / n_out);
    if (resize == TYTO_RESIZE_BILINEAR)
        at = fmin(fmax(((double)i + 0.5) * n_in / n_out - 0.5, 0), n_in - 1);
    else if (resize == TYTO_RESIZE_CORNERS)
        at = n_out > 1 ? (double)i * (n_in - 1) / (n_out - 1) : 0;
    under[0] = (uint32_t)at;
    under[1] = under[0] + 1 < n_in ? under[0] + 1 : under[0];
    return at - under[0];
}

static void run_resize(const struct tyto_layer *layer, const struct tyto_value *in,
                       const struct tyto_value *out, const double *x, double *y)
{
    for (uint32_t i = 0; i < out->h; i++)
        for (uint32_t j = 0; j < out->w; j++) {
            uint32_t row[2], col[2];
            const double below = place_under(layer->resize, i, in->h, out->h, row);
            const double right = place_under(layer->resize, j, in->w, out->w, col);
            for (uint32_t c = 0; c < in->c; c++) {
                double sides[2];
                for (int k = 0; k < 2; k++) {
                    const double *line = x + (size_t)row[k] * in->w * in->c + c;
                    sides[k] = line[(size_t)col[0] * in->c] * (1 - right) +
                               line[(size_t)col[1] * in->c] * right;
                }
                *y++ = sides[0] * (1 - below) + sides[1] * below;
            }
        }
}

/* CONCAT beside each other at each place, STACK as if there were one place. */
static void run_parts(const struct tyto_graph *graph, const struct tyto_layer *layer,
                      double *const *values)
{
    const struct tyto_value *out = &graph->values[layer->out_idx];
    const size_t places = layer->op == TYTO_LAYER_CONCAT ? (size_t)out->h * out->w : 1;
    const size_t pitch = tyto_value_num_floats(out) / places;
    double *y = values[layer->out_idx];

    for (uint32_t i = 0; i < layer->num_ins; i++) {
        const size_t width = tyto_value_num_floats(&graph->values[layer->in_idx[i]]) / places;
        for (size_t place = 0; place < places; place++)
            memcpy(y + place * pitch, values[layer->in_idx[i]] + place * width, width * sizeof(*y));
        y += width;
    }
}

static void run_layer(const struct tyto_graph *graph, const struct tyto_layer *layer,
                      double *const *values)
{
    const struct tyto_value *in = &graph->values[layer->in_idx[0]];
    const struct tyto_value *out = &graph->values[layer->out_idx];
    const double *x = values[layer->in_idx[0]];
    double *y = values[layer->out_idx];
    const size_t num_in = tyto_value_num_floats(in), num_out = tyto_value_num_floats(out);
    switch (layer->op) {
    case TYTO_LAYER_CONV:
    case TYTO_LAYER_DWCONV:
    case TYTO_LAYER_MAX_POOL:
    case TYTO_LAYER_AVG_POOL:
        run_windowed(layer, in, out, x, y);
        break;
    case TYTO_LAYER_LINEAR:
        for (size_t o = 0; o < num_out; o++) {
            y[o] = (double)layer->bias[o];
            for (size_t i = 0; i < num_in; i++)
                y[o] += x[i] * (double)layer->weight[o * num_in + i];
        }
        break;
    case TYTO_LAYER_ADD:
        for (size_t i = 0; i < num_out; i++)
            y[i] = x[i] + values[layer->in_idx[1]][i];
        break;
    case TYTO_LAYER_MUL:
        for (size_t i = 0; i < num_out; i++)
            y[i] = x[i] * values[layer->in_idx[1]][i % in->c];
        break;
    case TYTO_LAYER_MEAN:
        for (size_t c = 0; c < in->c; c++) {
            y[c] = 0;
            for (size_t i = c; i < num_in; i += in->c)
                y[c] += x[i];
            y[c] /= (double)(num_in / in->c);
        }
        break;
    case TYTO_LAYER_SOFTMAX:
        run_softmax(in, x, y);
        break;
    case TYTO_LAYER_SCALE:
        for (size_t i = 0; i < num_out; i++)
            y[i] = x[i] * (double)layer->weight[i % in->c] + (double)layer->bias[i % in->c];
        break;
    case TYTO_LAYER_CONCAT:
    case TYTO_LAYER_STACK:
        run_parts(graph, layer, values);
        break;
    case TYTO_LAYER_RESIZE:
        run_resize(layer, in, out, x, y);
        break;
    case TYTO_LAYER_ACTIVATION:
    case TYTO_LAYER_NUM_OPS:
        memcpy(y, x, num_in * sizeof(*y));
        break;
    }
    for (size_t i = 0; i < num_out; i++)
        y[i] = activate(layer, y[i]);
}

enum tyto_err tyto_graph_ref_run(const struct tyto_graph *graph, const float *input, double *output)
{
    struct tyto_graph first = *graph;
    first.num_more_outs = 0;
    return tyto_graph_ref_run_all(&first, input, &output);
}

enum tyto_err tyto_graph_ref_run_all(const struct tyto_graph *graph, const float *input,
                                     double *const *outputs)
{
    double *values[TYTO_GRAPH_MAX_VALUES] = {NULL};
    enum tyto_err err = TYTO_OK;
    for (uint32_t i = 0; i < graph->num_values && !err; i++) {
        values[i] = calloc(tyto_value_num_floats(&graph->values[i]), sizeof(double));
        err = values[i] ? TYTO_OK : TYTO_ERR_NOMEM;
    }
    if (!err) {
        for (size_t i = 0; i < tyto_value_num_floats(&graph->values[0]); i++)
            values[0][i] = (double)input[i];
        for (uint32_t i = 0; i < graph->num_layers; i++)
            run_layer(graph, &graph->layers[i], values);
        for (uint32_t i = 0; i < tyto_graph_num_outs(graph); i++) {
            const uint32_t out = tyto_graph_out(graph, i);
            memcpy(outputs[i], values[out],
                   tyto_value_num_floats(&graph->values[out]) * sizeof(double));
        }
    }
    for (uint32_t i = 0; i < graph->num_values; i++)
        free(values[i]);
    return err;
}
