/* SPDX-License-Identifier: MIT */
/* Where both importers put what they understood: layers with owned weights, in
 * our layout (NHWC), which finish() fuses and hands to an encoder file. Inner
 * part of import. */
#ifndef TYTO_MODEL_IMPORT_COMMON_BUILD_H
#define TYTO_MODEL_IMPORT_COMMON_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "model/graph/file.h"

enum { TYTO_BUILD_MAX_LAYERS = 1024 }; /* before fusing */

struct tyto_build_pads {
    uint32_t top, left, bottom, right;
};

/* The values that the encoder gives, the features first. */
struct tyto_build_outs {
    uint32_t num, values[TYTO_GRAPH_MAX_OUTS];
};

struct tyto_build {
    struct tyto_encoder_file *file; /* weights live here */
    struct tyto_fault *ret_fault;
    const char *path;
    const char *op, *node; /* what is being imported, for messages; borrowed */
    uint64_t floats_left;  /* bound on what weights may take, from the file's size */
    uint32_t num_values, num_layers;
    struct tyto_value values[TYTO_BUILD_MAX_LAYERS + 1]; /* 0: the input */
    bool input_read;                                     /* its shape is fixed from then on */
    struct tyto_layer layers[TYTO_BUILD_MAX_LAYERS];     /* weight, bias: into file's floats */
};

/* file_bytes: of the imported file, which bounds the weights. */
TYTO_MUST_CHECK
enum tyto_err tyto_build_create(const char *path, size_t file_bytes, struct tyto_build **ret_build,
                                struct tyto_fault *ret_fault);
void tyto_build_destroy(struct tyto_build **build);

/* Fills the fault with op, node and text; gives err back. */
enum tyto_err tyto_build_fail(const struct tyto_build *build, enum tyto_err err, const char *fmt,
                              ...) TYTO_PRINTF(3, 4);

/* num zeros for weights; NULL when out of memory or over the bound (fail with NOMEM). */
float *tyto_build_floats(struct tyto_build *build, uint64_t num);

/* Appends a layer that reads layer->in_idx; its output's shape follows from op, kernel, stride
 * and pads, channels from out_c (CONV, LINEAR). Missing bias becomes zeros. layer->out_idx is
 * ignored; *ret_value is the new value. */
TYTO_MUST_CHECK
enum tyto_err tyto_build_layer(struct tyto_build *build, const struct tyto_layer *layer,
                               uint32_t out_c, uint32_t *ret_value);
/* The same for STACK and RESIZE, whose output's shape is the caller's choice. */
TYTO_MUST_CHECK
enum tyto_err tyto_build_shaped(struct tyto_build *build, const struct tyto_layer *layer,
                                struct tyto_value shape, uint32_t *ret_value);
/* The value seen under another shape with as many floats: a STACK of it alone, or, where the shape
 * is its own, itself. */
TYTO_MUST_CHECK
enum tyto_err tyto_build_view(struct tyto_build *build, uint32_t value, struct tyto_value shape,
                              uint32_t *ret_value);
/* Appends act(x), slope for LEAKY_RELU. */
TYTO_MUST_CHECK
enum tyto_err tyto_build_act(struct tyto_build *build, uint32_t value, enum tyto_act act,
                             float slope, uint32_t *ret_value);
/* Appends max(x, min). */
TYTO_MUST_CHECK
enum tyto_err tyto_build_clamp_min(struct tyto_build *build, uint32_t value, float min,
                                   uint32_t *ret_value);
/* Appends x * scale + shift; each NULL, or num numbers: 1, or one for each channel. */
TYTO_MUST_CHECK
enum tyto_err tyto_build_scale(struct tyto_build *build, uint32_t value, const float *scale,
                               const float *shift, uint64_t num, uint32_t *ret_value);

/* Spreads kernels (num, kh, kw, c) by dilations: layer's weight, kernel_h and kernel_w change. */
TYTO_MUST_CHECK
enum tyto_err tyto_build_dilate(struct tyto_build *build, struct tyto_layer *layer, uint64_t num,
                                uint64_t c, uint32_t dilation_h, uint32_t dilation_w);

/* Padding of one side so that out = ceil(in / stride); the odd one goes after. */
void tyto_build_same_pads(uint32_t in, uint32_t kernel, uint32_t stride, uint32_t *ret_before,
                          uint32_t *ret_after);

/* Fuses activations and scales into the layers before them, drops what is unused, checks the
 * graph and moves it to the file. *ret_file is owned; build is left empty. */
TYTO_MUST_CHECK
enum tyto_err tyto_build_finish(struct tyto_build *build, const struct tyto_build_outs *outs,
                                struct tyto_encoder_file **ret_file);

/* Does name fit what was asked for: 2 exactly, 1 in part, 0 not. */
int tyto_build_name_match(const char *name, size_t name_bytes, const char *wanted);

#endif
