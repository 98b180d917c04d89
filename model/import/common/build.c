/* SPDX-License-Identifier: MIT */
#include "model/import/common/build.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Weights may take this many floats and eight for each byte of the file: int8
 * weights need one for each byte; the rest is for expanded kernels. A hostile file
 * that names one tensor in every layer does not get further. */
enum { FREE_FLOATS = 1 << 22, FLOATS_PER_BYTE = 8 };

enum { MAX_KERNEL = 1024 };

enum tyto_err tyto_build_create(const char *path, size_t file_bytes, struct tyto_build **ret_build,
                                struct tyto_fault *ret_fault)
{
    struct tyto_build *build = calloc(1, sizeof(*build));
    if (!build || tyto_encoder_file_create(&build->file)) {
        free(build);
        return tyto_fault_set(ret_fault, TYTO_ERR_NOMEM, path, 0, "", "out of memory");
    }
    build->path = path;
    build->ret_fault = ret_fault;
    build->op = build->node = "";
    build->floats_left = FREE_FLOATS + (uint64_t)file_bytes * FLOATS_PER_BYTE;
    build->num_values = 1;
    *ret_build = build;
    return TYTO_OK;
}

void tyto_build_destroy(struct tyto_build **build)
{
    if (!*build)
        return;
    tyto_encoder_file_destroy(&(*build)->file);
    free(*build);
    *build = NULL;
}

enum tyto_err tyto_build_fail(const struct tyto_build *build, enum tyto_err err, const char *fmt,
                              ...)
{
    char key[128], text[384];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    snprintf(key, sizeof(key), "%s%s%.100s%s", build->op, build->op[0] ? " (" : "", build->node,
             build->op[0] ? ")" : "");
    return tyto_fault_set(build->ret_fault, err, build->path, 0, key, "%s", text);
}

float *tyto_build_floats(struct tyto_build *build, uint64_t num)
{
    if (num > build->floats_left)
        return NULL;
    float *values = tyto_encoder_file_alloc(build->file, num);
    if (values)
        build->floats_left -= num;
    return values;
}

void tyto_build_same_pads(uint32_t in, uint32_t kernel, uint32_t stride, uint32_t *ret_before,
                          uint32_t *ret_after)
{
    *ret_before = *ret_after = 0;
    if (!stride || !in)
        return; /* refused later, with a text */
    const uint64_t out = ((uint64_t)in + stride - 1) / stride;
    const uint64_t need = (out - 1) * stride + kernel;
    if (need <= in)
        return;
    *ret_before = (uint32_t)((need - in) / 2);
    *ret_after = (uint32_t)(need - in - *ret_before);
}

/* 0 when the window fits nowhere. */
static uint32_t out_side(uint32_t in, uint32_t kernel, uint32_t stride, uint32_t before,
                         uint32_t after)
{
    const uint64_t padded = (uint64_t)in + before + after;
    if (kernel < 1 || kernel > MAX_KERNEL || stride < 1 || before >= kernel || after >= kernel ||
        padded < kernel)
        return 0;
    return (uint32_t)((padded - kernel) / stride + 1);
}

static enum tyto_err out_shape(const struct tyto_build *build, const struct tyto_layer *layer,
                               uint32_t out_c, struct tyto_value *ret_out)
{
    const struct tyto_value *in = &build->values[layer->in_idx[0]];
    struct tyto_value out = *in;
    if (tyto_layer_is_windowed(layer->op)) {
        out.h =
            out_side(in->h, layer->kernel_h, layer->stride_h, layer->pad_top, layer->pad_bottom);
        out.w =
            out_side(in->w, layer->kernel_w, layer->stride_w, layer->pad_left, layer->pad_right);
        if (!out.h || !out.w)
            return tyto_build_fail(build, TYTO_ERR_SHAPE,
                                   "a %ux%u window with stride %ux%u and padding %u,%u,%u,%u does "
                                   "not fit into %ux%u",
                                   layer->kernel_h, layer->kernel_w, layer->stride_h,
                                   layer->stride_w, layer->pad_top, layer->pad_left,
                                   layer->pad_bottom, layer->pad_right, in->h, in->w);
    } else if (layer->op == TYTO_LAYER_MEAN || layer->op == TYTO_LAYER_LINEAR) {
        out.h = out.w = 1;
    } else if (layer->op == TYTO_LAYER_ADD &&
               memcmp(in, &build->values[layer->in_idx[1]], sizeof(*in)) != 0) {
        const struct tyto_value *other = &build->values[layer->in_idx[1]];
        return tyto_build_fail(build, TYTO_ERR_UNSUPPORTED,
                               "addition of (%u,%u,%u) and (%u,%u,%u): both sides must have the "
                               "same shape",
                               in->h, in->w, in->c, other->h, other->w, other->c);
    }
    if (layer->op == TYTO_LAYER_MUL) {
        const struct tyto_value *other = &build->values[layer->in_idx[1]];
        if (other->h != 1 || other->w != 1 || other->c != in->c)
            return tyto_build_fail(
                build, TYTO_ERR_UNSUPPORTED,
                "product of (%u,%u,%u) and (%u,%u,%u): one side must be (1,1,C) with the C of "
                "the other",
                in->h, in->w, in->c, other->h, other->w, other->c);
    }
    if (layer->op == TYTO_LAYER_CONV || layer->op == TYTO_LAYER_LINEAR)
        out.c = out_c;
    if (layer->op == TYTO_LAYER_CONCAT) {
        out.c = 0;
        for (uint32_t i = 0; i < layer->num_ins; i++)
            out.c += build->values[layer->in_idx[i]].c; /* the graph's check has the rest */
    }
    *ret_out = out;
    return TYTO_OK;
}

enum tyto_err tyto_build_layer(struct tyto_build *build, const struct tyto_layer *layer,
                               uint32_t out_c, uint32_t *ret_value)
{
    struct tyto_value out;
    const enum tyto_err err = out_shape(build, layer, out_c, &out);
    return err ? err : tyto_build_shaped(build, layer, out, ret_value);
}

enum tyto_err tyto_build_view(struct tyto_build *build, uint32_t value, struct tyto_value shape,
                              uint32_t *ret_value)
{
    const struct tyto_layer layer = {.op = TYTO_LAYER_STACK, .in_idx = {value}, .num_ins = 1};
    if (memcmp(&build->values[value], &shape, sizeof(shape)) != 0)
        return tyto_build_shaped(build, &layer, shape, ret_value);
    *ret_value = value;
    return TYTO_OK;
}

enum tyto_err tyto_build_shaped(struct tyto_build *build, const struct tyto_layer *layer,
                                struct tyto_value out, uint32_t *ret_value)
{
    if (build->num_layers == TYTO_BUILD_MAX_LAYERS)
        return tyto_build_fail(build, TYTO_ERR_SHAPE, "more than %d layers", TYTO_BUILD_MAX_LAYERS);
    struct tyto_layer *new_layer = &build->layers[build->num_layers];
    *new_layer = *layer;
    new_layer->out_idx = build->num_values;
    if (layer->weight && !layer->bias) {
        new_layer->bias = tyto_build_floats(build, out.c);
        if (!new_layer->bias)
            return tyto_build_fail(build, TYTO_ERR_NOMEM, "too many weights");
    }
    build->values[build->num_values] = out;
    build->num_layers++;
    for (uint32_t i = 0; i < tyto_layer_num_inputs(layer); i++)
        build->input_read |= layer->in_idx[i] == 0;
    *ret_value = build->num_values++;
    return TYTO_OK;
}

enum tyto_err tyto_build_act(struct tyto_build *build, uint32_t value, enum tyto_act act,
                             float slope, uint32_t *ret_value)
{
    const struct tyto_layer layer = {
        .op = TYTO_LAYER_ACTIVATION, .in_idx = {value}, .act = act, .act_slope = slope};
    return tyto_build_layer(build, &layer, 0, ret_value);
}

enum tyto_err tyto_build_clamp_min(struct tyto_build *build, uint32_t value, float min,
                                   uint32_t *ret_value)
{
    const struct tyto_layer layer = {
        .op = TYTO_LAYER_ACTIVATION, .in_idx = {value}, .has_clamp_min = true, .clamp_min = min};
    return tyto_build_layer(build, &layer, 0, ret_value);
}

enum tyto_err tyto_build_scale(struct tyto_build *build, uint32_t value, const float *scale,
                               const float *shift, uint64_t num, uint32_t *ret_value)
{
    const uint32_t c = build->values[value].c;
    if (num != 1 && num != c)
        return tyto_build_fail(build, TYTO_ERR_UNSUPPORTED,
                               "a constant of %llu elements: only one number, or one for each of "
                               "the %u channels, can be imported",
                               (unsigned long long)num, c);
    float *weight = tyto_build_floats(build, c);
    float *bias = tyto_build_floats(build, c);
    if (!weight || !bias)
        return tyto_build_fail(build, TYTO_ERR_NOMEM, "too many weights");
    for (uint32_t i = 0; i < c; i++) {
        weight[i] = scale ? scale[num == 1 ? 0 : i] : 1.0f;
        bias[i] = shift ? shift[num == 1 ? 0 : i] : 0.0f;
    }
    const struct tyto_layer layer = {
        .op = TYTO_LAYER_SCALE, .in_idx = {value}, .weight = weight, .bias = bias};
    return tyto_build_layer(build, &layer, 0, ret_value);
}

enum tyto_err tyto_build_dilate(struct tyto_build *build, struct tyto_layer *layer, uint64_t num,
                                uint64_t c, uint32_t dilation_h, uint32_t dilation_w)
{
    if (dilation_h == 1 && dilation_w == 1)
        return TYTO_OK;
    const uint64_t old_h = layer->kernel_h, old_w = layer->kernel_w;
    const uint64_t new_h = (old_h - 1) * dilation_h + 1, new_w = (old_w - 1) * dilation_w + 1;
    if (!dilation_h || !dilation_w || !old_h || !old_w || new_h > MAX_KERNEL || new_w > MAX_KERNEL)
        return tyto_build_fail(build, TYTO_ERR_SHAPE, "dilation %ux%u is out of limits", dilation_h,
                               dilation_w);
    float *spread = tyto_build_floats(build, num * new_h * new_w * c);
    if (!spread)
        return tyto_build_fail(build, TYTO_ERR_NOMEM, "the dilated kernel is too large");
    const float *old = layer->weight;
    for (uint64_t n = 0; n < num; n++)
        for (uint64_t y = 0; y < old_h; y++)
            for (uint64_t x = 0; x < old_w; x++, old += c)
                memcpy(spread + ((n * new_h + y * dilation_h) * new_w + x * dilation_w) * c, old,
                       (size_t)c * sizeof(float));
    layer->weight = spread;
    layer->kernel_h = (uint32_t)new_h;
    layer->kernel_w = (uint32_t)new_w;
    return TYTO_OK;
}

int tyto_build_name_match(const char *name, size_t name_bytes, const char *wanted)
{
    const size_t wanted_bytes = strlen(wanted);
    if (name_bytes == wanted_bytes && memcmp(name, wanted, wanted_bytes) == 0)
        return 2;
    return wanted_bytes && memmem(name, name_bytes, wanted, wanted_bytes) ? 1 : 0;
}
