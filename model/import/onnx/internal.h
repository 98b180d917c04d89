/* SPDX-License-Identifier: MIT */
/* An ONNX file as checked plain data: what the parser hands to the converter and
 * to the reader of audio front ends. Inner part of import. */
#ifndef TYTO_MODEL_IMPORT_ONNX_INTERNAL_H
#define TYTO_MODEL_IMPORT_ONNX_INTERNAL_H

#include "model/import/common/build.h"
#include "model/import/common/walk.h"
#include "model/import/onnx/onnx.h"

enum {
    TYTO_ONNX_MAX_DIMS = 6,
    TYTO_ONNX_MAX_NODES = 1 << 14,
    TYTO_ONNX_MAX_TENSORS = 1 << 16,
};

struct tyto_onnx_message; /* the parsed file; strings and data below are borrowed from it */

struct tyto_onnx_tensor {
    const char *name;
    const void *constant; /* its data, or NULL for an activation */
    /* Of a constant or of the model's input; -1 for a size that is left open. */
    uint32_t num_dims;
    int64_t dims[TYTO_ONNX_MAX_DIMS];
};

struct tyto_onnx_node {
    const char *op, *name;
    uint32_t num_in;
    const uint32_t *in; /* tensors; TYTO_WALK_NONE where left out */
    uint32_t out;       /* the first output */
    uint32_t idx;       /* for the attribute readers */
};

struct tyto_onnx {
    struct tyto_build *build;
    struct tyto_onnx_message *message;
    uint32_t num_tensors, num_nodes;
    struct tyto_onnx_tensor *tensors; /* sorted by name */
    struct tyto_onnx_node *nodes;
    uint32_t *producers; /* (num_tensors) */
    uint32_t *in_slots;  /* what nodes' in point into */
    uint32_t first_output;
};

/* Fills an empty model (build set); finish frees what it holds, also after an error. */
TYTO_MUST_CHECK
enum tyto_err tyto_onnx_parse(struct tyto_onnx *model, const uint8_t *bytes, size_t num_bytes);
void tyto_onnx_finish(struct tyto_onnx *model);

static inline bool tyto_onnx_is_const(const struct tyto_onnx *model, uint32_t tensor)
{
    return tensor != TYTO_WALK_NONE && model->tensors[tensor].constant != NULL;
}

/* Tensor of input i; TYTO_WALK_NONE when it is left out. */
static inline uint32_t tyto_onnx_in(const struct tyto_onnx_node *node, uint32_t i)
{
    return i < node->num_in ? node->in[i] : TYTO_WALK_NONE;
}

/* Elements of a constant. */
uint64_t tyto_onnx_num_elems(const struct tyto_onnx *model, uint32_t tensor);
/* All num values of a constant, owned by the build. FORMAT when there are not exactly num, or one
 * is not finite and finite is asked for. */
TYTO_MUST_CHECK
enum tyto_err tyto_onnx_floats(const struct tyto_onnx *model, uint32_t tensor, uint64_t num,
                               float **ret_values);
/* A constant of one element; infinite is allowed. */
TYTO_MUST_CHECK
enum tyto_err tyto_onnx_scalar(const struct tyto_onnx *model, uint32_t tensor, float *ret_value);
/* A constant of up to max whole numbers. */
TYTO_MUST_CHECK
enum tyto_err tyto_onnx_ints(const struct tyto_onnx *model, uint32_t tensor, uint32_t max,
                             int64_t *ret_values, uint32_t *ret_num);

/* Attributes of a node, with what holds when they are absent. */
int64_t tyto_onnx_attr_int(const struct tyto_onnx *model, const struct tyto_onnx_node *node,
                           const char *name, int64_t missing);
float tyto_onnx_attr_float(const struct tyto_onnx *model, const struct tyto_onnx_node *node,
                           const char *name, float missing);
bool tyto_onnx_attr_is(const struct tyto_onnx *model, const struct tyto_onnx_node *node,
                       const char *name, const char *text);
bool tyto_onnx_attr_present(const struct tyto_onnx *model, const struct tyto_onnx_node *node,
                            const char *name);
/* Number of values; up to max of them are copied. 0 when absent. */
uint32_t tyto_onnx_attr_ints(const struct tyto_onnx *model, const struct tyto_onnx_node *node,
                             const char *name, uint32_t max, int64_t *ret_values);

/* --- conversion ------------------------------------------------------------------------- */

/* How the foreign tensor's dimensions lie over our value (H,W,C). */
enum tyto_onnx_layout {
    TYTO_ONNX_RAW, /* the untouched input: dims are its own, no value shape is decided */
    TYTO_ONNX_NCHW,
    TYTO_ONNX_NHWC,
    TYTO_ONNX_FLAT_CHW, /* (N, C*H*W) */
    TYTO_ONNX_FLAT_HWC, /* (N, H*W*C) */
};

struct tyto_onnx_state {
    bool ready;
    uint32_t value;
    enum tyto_onnx_layout layout;
    uint32_t num_dims; /* RAW */
    int64_t dims[TYTO_ONNX_MAX_DIMS];
    struct tyto_build_pads pads; /* zeros around it, for the next convolution or pool */
};

struct tyto_onnx_converter {
    struct tyto_onnx model;
    struct tyto_build *build;
    const struct tyto_import_params *params;
    bool input_nhwc; /* the model transposes its input before it works on it */
    struct tyto_onnx_state *states;
};

typedef enum tyto_err (*tyto_onnx_convert)(struct tyto_onnx_converter *conv,
                                           const struct tyto_onnx_node *node,
                                           struct tyto_onnx_state *ret_state);

/* NULL when the op cannot be imported. */
tyto_onnx_convert tyto_onnx_find_converter(const char *op);

/* The node's input i, which has to be an activation without padding around it. */
TYTO_MUST_CHECK
enum tyto_err tyto_onnx_input(struct tyto_onnx_converter *conv, const struct tyto_onnx_node *node,
                              uint32_t i, struct tyto_onnx_state *ret_state);
/* The same seen as NCHW; padding around it is allowed. */
TYTO_MUST_CHECK
enum tyto_err tyto_onnx_spatial_input(struct tyto_onnx_converter *conv,
                                      const struct tyto_onnx_node *node, uint32_t i,
                                      struct tyto_onnx_state *ret_state);
/* Decides the shape of the untouched input. */
TYTO_MUST_CHECK
enum tyto_err tyto_onnx_settle(struct tyto_onnx_converter *conv, struct tyto_onnx_state *state);
/* (1,1,C): whose layout does not matter. */
bool tyto_onnx_is_padded(const struct tyto_onnx_state *state);
bool tyto_onnx_is_vector(const struct tyto_onnx_converter *conv,
                         const struct tyto_onnx_state *state);

/* In import_onnx_window.c. */
enum tyto_err tyto_onnx_convert_conv(struct tyto_onnx_converter *conv,
                                     const struct tyto_onnx_node *node,
                                     struct tyto_onnx_state *ret_state);
enum tyto_err tyto_onnx_convert_pool(struct tyto_onnx_converter *conv,
                                     const struct tyto_onnx_node *node,
                                     struct tyto_onnx_state *ret_state);
enum tyto_err tyto_onnx_convert_pad(struct tyto_onnx_converter *conv,
                                    const struct tyto_onnx_node *node,
                                    struct tyto_onnx_state *ret_state);

#endif
