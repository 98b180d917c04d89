/* SPDX-License-Identifier: MIT */
/* A TFLite file as checked plain data: what the parser hands to the converter.
 * Inner part of import. */
#ifndef TYTO_MODEL_IMPORT_TFLITE_INTERNAL_H
#define TYTO_MODEL_IMPORT_TFLITE_INTERNAL_H

#include "model/import/common/build.h"
#include "model/import/common/walk.h"
#include "model/import/tflite/flatbuffer.h"
#include "model/import/tflite/tflite.h"

enum {
    TYTO_TFLITE_MAX_DIMS = 6,
    TYTO_TFLITE_MAX_TENSORS = 1 << 14,
    TYTO_TFLITE_MAX_NODES = 1 << 14,
    TYTO_TFLITE_MAX_INPUTS = TYTO_LAYER_MAX_INS, /* of one op; more are not looked at */
    TYTO_TFLITE_NAME_BYTES = 128,
};

/* Numbers of the public schema (tensorflow/lite/schema/schema.fbs). */
enum tyto_tflite_type {
    TYTO_TFLITE_F32 = 0,
    TYTO_TFLITE_F16 = 1,
    TYTO_TFLITE_I32 = 2,
    TYTO_TFLITE_U8 = 3,
    TYTO_TFLITE_I64 = 4,
    TYTO_TFLITE_I16 = 7,
    TYTO_TFLITE_I8 = 9,
};

enum tyto_tflite_op {
    TYTO_TFLITE_ADD = 0,
    TYTO_TFLITE_AVERAGE_POOL_2D = 1,
    TYTO_TFLITE_CONCATENATION = 2,
    TYTO_TFLITE_CONV_2D = 3,
    TYTO_TFLITE_DEPTHWISE_CONV_2D = 4,
    TYTO_TFLITE_DEQUANTIZE = 6,
    TYTO_TFLITE_FULLY_CONNECTED = 9,
    TYTO_TFLITE_LOGISTIC = 14,
    TYTO_TFLITE_MAX_POOL_2D = 17,
    TYTO_TFLITE_MUL = 18,
    TYTO_TFLITE_RELU = 19,
    TYTO_TFLITE_RELU6 = 21,
    TYTO_TFLITE_RESHAPE = 22,
    TYTO_TFLITE_RESIZE_BILINEAR = 23,
    TYTO_TFLITE_SOFTMAX = 25,
    TYTO_TFLITE_TANH = 28,
    TYTO_TFLITE_PAD = 34,
    TYTO_TFLITE_MEAN = 40,
    TYTO_TFLITE_SUB = 41,
    TYTO_TFLITE_SQUEEZE = 43,
    TYTO_TFLITE_SPLIT = 49,
    TYTO_TFLITE_EXPAND_DIMS = 70,
    TYTO_TFLITE_RESIZE_NEAREST_NEIGHBOR = 97,
    TYTO_TFLITE_LEAKY_RELU = 98,
    TYTO_TFLITE_QUANTIZE = 114,
    TYTO_TFLITE_HARD_SWISH = 117,
};

struct tyto_tflite_tensor {
    char name[TYTO_TFLITE_NAME_BYTES]; /* the end of a longer one */
    uint64_t name_at;                  /* of the whole name in the file */
    uint32_t name_bytes;
    uint32_t num_dims;
    uint32_t dims[TYTO_TFLITE_MAX_DIMS]; /* 0 for what is not positive */
    uint8_t type;
    struct tyto_flat_vector data; /* bytes; empty for an activation */
    struct tyto_flat_vector scales, zero_points;
    int32_t quantized_dim;
    uint32_t dequantized; /* a constant that DEQUANTIZE makes this tensor of; or NONE */
};

struct tyto_tflite_node {
    int32_t op;
    char op_name[48];
    bool in_left_out; /* it has more inputs than `in` */
    uint32_t num_in;
    uint32_t in[TYTO_TFLITE_MAX_INPUTS]; /* tensors; TYTO_WALK_NONE where left out */
    uint32_t out;
    uint64_t options; /* table, or 0 */
};

struct tyto_tflite {
    struct tyto_flat flat;
    struct tyto_build *build;
    uint32_t num_tensors, num_nodes;
    struct tyto_tflite_tensor *tensors;
    struct tyto_tflite_node *nodes;
    uint32_t *producers; /* (num_tensors) */
    uint32_t first_output;
};

/* Fills an empty model (flat and build set); tyto_tflite_finish frees what it holds, also after
 * an error. Tensor numbers in it are in range. */
TYTO_MUST_CHECK
enum tyto_err tyto_tflite_parse(struct tyto_tflite *model);
void tyto_tflite_finish(struct tyto_tflite *model);

static inline bool tyto_tflite_is_const(const struct tyto_tflite *model, uint32_t tensor)
{
    return model->tensors[tensor].data.num > 0 ||
           model->tensors[tensor].dequantized != TYTO_WALK_NONE;
}

/* Elements by the dims; UINT64_MAX when that overflows. */
uint64_t tyto_tflite_num_elems(const struct tyto_tflite_tensor *tensor);

/* The num values of a constant as f32, dequantised; owned by the build. FORMAT when there are not
 * exactly num. */
TYTO_MUST_CHECK
enum tyto_err tyto_tflite_floats(struct tyto_tflite *model, uint32_t tensor, uint64_t num,
                                 float **ret_values);
/* The same for whole numbers (axes, paddings). */
TYTO_MUST_CHECK
enum tyto_err tyto_tflite_ints(struct tyto_tflite *model, uint32_t tensor, uint32_t num,
                               int32_t *ret_values);

/* --- conversion ------------------------------------------------------------------------- */

/* What became of a tensor. */
struct tyto_tflite_state {
    bool ready;
    uint32_t value;
    struct tyto_value view;
    struct tyto_build_pads pads; /* zeros around it, for the next convolution */
};

struct tyto_tflite_converter {
    struct tyto_tflite model;
    struct tyto_build *build;
    const struct tyto_import_params *params;
    struct tyto_tflite_state *states;
};

typedef enum tyto_err (*tyto_tflite_convert)(struct tyto_tflite_converter *conv,
                                             const struct tyto_tflite_node *node,
                                             struct tyto_tflite_state *ret_state);

/* NULL when the op cannot be imported. */
tyto_tflite_convert tyto_tflite_find_converter(int32_t op);

/* (N,H,W,C), (N,H,W), (H,W), (1,C) and (C) as H, W, C of one item. */
struct tyto_value tyto_tflite_view(const struct tyto_tflite_tensor *tensor);
bool tyto_tflite_padded(const struct tyto_tflite_state *state);

#endif
