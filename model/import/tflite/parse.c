/* SPDX-License-Identifier: MIT */
/* TFLite's flatbuffer to plain data. Field numbers are those of the public
 * schema; each is named where it is read. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "files/safetensors.h"
#include "model/import/tflite/internal.h"

static const struct {
    int32_t op;
    const char *name;
} op_names[] = {
    {0, "ADD"},
    {1, "AVERAGE_POOL_2D"},
    {2, "CONCATENATION"},
    {3, "CONV_2D"},
    {4, "DEPTHWISE_CONV_2D"},
    {6, "DEQUANTIZE"},
    {9, "FULLY_CONNECTED"},
    {14, "LOGISTIC"},
    {17, "MAX_POOL_2D"},
    {18, "MUL"},
    {19, "RELU"},
    {20, "RELU_N1_TO_1"},
    {21, "RELU6"},
    {22, "RESHAPE"},
    {23, "RESIZE_BILINEAR"},
    {25, "SOFTMAX"},
    {28, "TANH"},
    {32, "CUSTOM"},
    {34, "PAD"},
    {36, "GATHER"},
    {39, "TRANSPOSE"},
    {40, "MEAN"},
    {41, "SUB"},
    {42, "DIV"},
    {43, "SQUEEZE"},
    {44, "LSTM"},
    {45, "STRIDED_SLICE"},
    {47, "EXP"},
    {49, "SPLIT"},
    {53, "CAST"},
    {54, "PRELU"},
    {55, "MAXIMUM"},
    {57, "MINIMUM"},
    {60, "PADV2"},
    {65, "SLICE"},
    {67, "TRANSPOSE_CONV"},
    {70, "EXPAND_DIMS"},
    {73, "LOG"},
    {75, "SQRT"},
    {77, "SHAPE"},
    {82, "REDUCE_MAX"},
    {83, "PACK"},
    {88, "UNPACK"},
    {92, "SQUARE"},
    {97, "RESIZE_NEAREST_NEIGHBOR"},
    {98, "LEAKY_RELU"},
    {114, "QUANTIZE"},
    {117, "HARD_SWISH"},
    {126, "BATCH_MATMUL"},
    {131, "RFFT2D"},
    {133, "IMAG"},
    {134, "REAL"},
    {135, "COMPLEX_ABS"},
};

static enum tyto_err broken(const struct tyto_tflite *model, const char *what)
{
    return tyto_build_fail(model->build, TYTO_ERR_FORMAT, "malformed TFLite file: %s", what);
}

static enum tyto_err parse_name(struct tyto_tflite *model, uint64_t table,
                                struct tyto_tflite_tensor *tensor)
{
    const struct tyto_flat_vector name = tyto_flat_vector(&model->flat, table, 3, 1); /* name */
    const uint32_t limit = sizeof(tensor->name) - 1;
    const uint32_t used = name.num < limit ? name.num : limit;
    tensor->name_at = name.at;
    tensor->name_bytes = name.num;
    for (uint32_t i = 0; i < used; i++) {
        const uint8_t c = model->flat.bytes[name.at + name.num - used + i];
        tensor->name[i] = c >= 32 && c < 127 ? (char)c : '?';
    }
    return TYTO_OK;
}

static enum tyto_err parse_tensor(struct tyto_tflite *model, uint64_t table,
                                  struct tyto_flat_vector buffers,
                                  struct tyto_tflite_tensor *tensor)
{
    struct tyto_flat *flat = &model->flat;
    enum tyto_err err = parse_name(model, table, tensor);
    if (err)
        return err;
    const struct tyto_flat_vector shape = tyto_flat_vector(flat, table, 0, 4); /* shape */
    if (shape.num > TYTO_TFLITE_MAX_DIMS)
        tensor->num_dims = 1; /* an exotic tensor; its only dimension is 0: nothing fits it */
    else
        tensor->num_dims = shape.num;
    for (uint32_t i = 0; i < tensor->num_dims && shape.num <= TYTO_TFLITE_MAX_DIMS; i++) {
        const int32_t dim = tyto_flat_i32(flat, shape.at + 4 * i);
        tensor->dims[i] = dim > 0 ? (uint32_t)dim : 0;
    }
    tensor->type = tyto_flat_field_u8(flat, table, 1, TYTO_TFLITE_F32);       /* type */
    const uint32_t buffer = (uint32_t)tyto_flat_field_i32(flat, table, 2, 0); /* buffer */
    const uint64_t quant =
        tyto_flat_follow(flat, tyto_flat_field(flat, table, 4));    /* quantization */
    tensor->scales = tyto_flat_vector(flat, quant, 2, 4);           /* scale */
    tensor->zero_points = tyto_flat_vector(flat, quant, 3, 8);      /* zero_point */
    tensor->quantized_dim = tyto_flat_field_i32(flat, quant, 6, 0); /* quantized_dimension */
    tensor->dequantized = TYTO_WALK_NONE;
    if (flat->bad || buffer >= buffers.num)
        return broken(model, "a tensor reaches outside the file");
    const uint64_t buffer_table = tyto_flat_follow(flat, buffers.at + 4 * (uint64_t)buffer);
    tensor->data = tyto_flat_vector(flat, buffer_table, 0, 1); /* data */
    return flat->bad ? broken(model, "a tensor's data reaches outside the file") : TYTO_OK;
}

static void name_op(struct tyto_tflite *model, uint64_t code_table, struct tyto_tflite_node *node)
{
    snprintf(node->op_name, sizeof(node->op_name), "op %d", node->op);
    for (size_t i = 0; i < sizeof(op_names) / sizeof(op_names[0]); i++)
        if (op_names[i].op == node->op)
            snprintf(node->op_name, sizeof(node->op_name), "%s", op_names[i].name);
    const struct tyto_flat_vector custom = tyto_flat_vector(&model->flat, code_table, 1, 1);
    if (node->op != 32 || !custom.num) /* custom_code */
        return;
    char name[33] = "";
    for (uint32_t i = 0; i < custom.num && i < sizeof(name) - 1; i++) {
        const uint8_t c = model->flat.bytes[custom.at + i];
        name[i] = c >= 32 && c < 127 ? (char)c : '?';
    }
    snprintf(node->op_name, sizeof(node->op_name), "CUSTOM:%s", name);
}

static enum tyto_err parse_node(struct tyto_tflite *model, uint64_t table,
                                struct tyto_flat_vector codes, struct tyto_tflite_node *node)
{
    struct tyto_flat *flat = &model->flat;
    const uint32_t code = (uint32_t)tyto_flat_field_i32(flat, table, 0, 0);  /* opcode_index */
    const struct tyto_flat_vector in = tyto_flat_vector(flat, table, 1, 4);  /* inputs */
    const struct tyto_flat_vector out = tyto_flat_vector(flat, table, 2, 4); /* outputs */
    if (flat->bad || code >= codes.num || out.num < 1)
        return broken(model, "an operator reaches outside the file");
    const uint64_t code_table = tyto_flat_follow(flat, codes.at + 4 * (uint64_t)code);
    /* Files before 2020 have the first field only (a byte), later ones both. */
    const int32_t old_op = (int8_t)tyto_flat_field_u8(flat, code_table, 0, 0);
    const int32_t new_op = tyto_flat_field_i32(flat, code_table, 3, 0);
    node->op = new_op > old_op ? new_op : old_op;
    name_op(model, code_table, node);
    node->num_in = in.num < TYTO_TFLITE_MAX_INPUTS ? in.num : TYTO_TFLITE_MAX_INPUTS;
    node->in_left_out = in.num > node->num_in;
    for (uint32_t i = 0; i < node->num_in; i++) {
        const int32_t tensor = tyto_flat_i32(flat, in.at + 4 * i);
        if (tensor < -1 || tensor >= (int32_t)model->num_tensors)
            return broken(model, "an operator reads a tensor that is not there");
        node->in[i] = tensor < 0 ? TYTO_WALK_NONE : (uint32_t)tensor;
    }
    node->out = tyto_flat_u32(flat, out.at);
    if (node->out >= model->num_tensors)
        return broken(model, "an operator writes a tensor that is not there");
    node->options = tyto_flat_follow(flat, tyto_flat_field(flat, table, 4)); /* builtin_options */
    return flat->bad ? broken(model, "an operator's options reach outside the file") : TYTO_OK;
}

static enum tyto_err parse_tensors(struct tyto_tflite *model, uint64_t graph,
                                   struct tyto_flat_vector buffers)
{
    struct tyto_flat *flat = &model->flat;
    const struct tyto_flat_vector tensors = tyto_flat_vector(flat, graph, 0, 4); /* tensors */
    if (flat->bad || tensors.num > TYTO_TFLITE_MAX_TENSORS)
        return broken(model, "too many tensors");
    model->tensors = calloc((size_t)tensors.num + 1, sizeof(*model->tensors));
    model->producers = calloc((size_t)tensors.num + 1, sizeof(*model->producers));
    if (!model->tensors || !model->producers)
        return tyto_build_fail(model->build, TYTO_ERR_NOMEM, "out of memory");
    model->num_tensors = tensors.num;
    for (uint32_t i = 0; i < tensors.num; i++) {
        model->producers[i] = TYTO_WALK_NONE;
        const uint64_t table = tyto_flat_follow(flat, tensors.at + 4 * (uint64_t)i);
        const enum tyto_err err = parse_tensor(model, table, buffers, &model->tensors[i]);
        if (err)
            return err;
    }
    return TYTO_OK;
}

static enum tyto_err parse_nodes(struct tyto_tflite *model, uint64_t graph,
                                 struct tyto_flat_vector codes)
{
    struct tyto_flat *flat = &model->flat;
    const struct tyto_flat_vector nodes = tyto_flat_vector(flat, graph, 3, 4); /* operators */
    if (flat->bad || nodes.num > TYTO_TFLITE_MAX_NODES)
        return broken(model, "too many operators");
    model->nodes = calloc((size_t)nodes.num + 1, sizeof(*model->nodes));
    if (!model->nodes)
        return tyto_build_fail(model->build, TYTO_ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; i < nodes.num; i++) {
        struct tyto_tflite_node *node = &model->nodes[i];
        const uint64_t table = tyto_flat_follow(flat, nodes.at + 4 * (uint64_t)i);
        const enum tyto_err err = parse_node(model, table, codes, node);
        if (err)
            return err;
        model->num_nodes = i + 1;
        /* Weights stored as fp16 or int8 and widened by a node are constants. */
        const bool widens = node->op == TYTO_TFLITE_DEQUANTIZE && node->num_in >= 1 &&
                            node->in[0] != TYTO_WALK_NONE &&
                            model->tensors[node->in[0]].data.num > 0;
        if (widens)
            model->tensors[node->out].dequantized = node->in[0];
        else
            model->producers[node->out] = i;
    }
    return TYTO_OK;
}

enum tyto_err tyto_tflite_parse(struct tyto_tflite *model)
{
    struct tyto_flat *flat = &model->flat;
    const uint64_t root = tyto_flat_u32(flat, 0);
    const struct tyto_flat_vector codes = tyto_flat_vector(flat, root, 1, 4);   /* operator_codes */
    const struct tyto_flat_vector graphs = tyto_flat_vector(flat, root, 2, 4);  /* subgraphs */
    const struct tyto_flat_vector buffers = tyto_flat_vector(flat, root, 4, 4); /* buffers */
    if (flat->bad || graphs.num < 1)
        return broken(model, "no subgraph in it, or cut off");
    const uint64_t graph = tyto_flat_follow(flat, graphs.at);
    enum tyto_err err = parse_tensors(model, graph, buffers);
    if (!err)
        err = parse_nodes(model, graph, codes);
    if (err)
        return err;
    const struct tyto_flat_vector outputs = tyto_flat_vector(flat, graph, 2, 4); /* outputs */
    model->first_output = outputs.num ? tyto_flat_u32(flat, outputs.at) : TYTO_WALK_NONE;
    if (flat->bad || model->first_output >= model->num_tensors)
        return broken(model, "no output tensor");
    return TYTO_OK;
}

void tyto_tflite_finish(struct tyto_tflite *model)
{
    free(model->tensors);
    free(model->nodes);
    free(model->producers);
    model->tensors = NULL;
    model->nodes = NULL;
    model->producers = NULL;
}

uint64_t tyto_tflite_num_elems(const struct tyto_tflite_tensor *tensor)
{
    uint64_t num = 1;
    for (uint32_t i = 0; i < tensor->num_dims; i++)
        if (__builtin_mul_overflow(num, (uint64_t)tensor->dims[i], &num))
            return UINT64_MAX;
    return num;
}

/* --- constants ------------------------------------------------------------------------- */

static uint32_t type_bytes(uint8_t type)
{
    switch ((enum tyto_tflite_type)type) {
    case TYTO_TFLITE_F32:
    case TYTO_TFLITE_I32:
        return 4;
    case TYTO_TFLITE_F16:
    case TYTO_TFLITE_I16:
        return 2;
    case TYTO_TFLITE_U8:
    case TYTO_TFLITE_I8:
        return 1;
    case TYTO_TFLITE_I64:
        return 8;
    }
    return 0;
}

static double load_number(struct tyto_flat *flat, uint8_t type, uint64_t at)
{
    switch ((enum tyto_tflite_type)type) {
    case TYTO_TFLITE_F32:
        return (double)tyto_flat_f32(flat, at);
    case TYTO_TFLITE_F16:
        return (double)tyto_half_to_f32(
            (uint16_t)(tyto_flat_u8(flat, at) | ((unsigned)tyto_flat_u8(flat, at + 1) << 8)));
    case TYTO_TFLITE_I32:
        return tyto_flat_i32(flat, at);
    case TYTO_TFLITE_U8:
        return tyto_flat_u8(flat, at);
    case TYTO_TFLITE_I8:
        return (int8_t)tyto_flat_u8(flat, at);
    case TYTO_TFLITE_I16:
        return (int16_t)(tyto_flat_u8(flat, at) | ((unsigned)tyto_flat_u8(flat, at + 1) << 8));
    case TYTO_TFLITE_I64:
        return (double)tyto_flat_i64(flat, at);
    }
    return 0;
}

/* Elements between two neighbours of the quantised dimension; 0 when it does not fit. */
static uint64_t channel_stride(const struct tyto_tflite_tensor *tensor)
{
    if (tensor->scales.num <= 1)
        return 1;
    if (tensor->quantized_dim < 0 || (uint32_t)tensor->quantized_dim >= tensor->num_dims ||
        tensor->dims[tensor->quantized_dim] != tensor->scales.num)
        return 0;
    uint64_t stride = 1;
    for (uint32_t i = (uint32_t)tensor->quantized_dim + 1; i < tensor->num_dims; i++)
        stride *= tensor->dims[i]; /* num_elems did not overflow */
    return stride;
}

enum tyto_err tyto_tflite_floats(struct tyto_tflite *model, uint32_t tensor_idx, uint64_t num,
                                 float **ret_values)
{
    if (model->tensors[tensor_idx].dequantized != TYTO_WALK_NONE)
        tensor_idx = model->tensors[tensor_idx].dequantized;
    const struct tyto_tflite_tensor *tensor = &model->tensors[tensor_idx];
    const uint32_t bytes = type_bytes(tensor->type);
    if (!bytes || tensor->type == TYTO_TFLITE_I64 || tyto_tflite_num_elems(tensor) != num ||
        (uint64_t)tensor->data.num != num * bytes)
        return tyto_build_fail(model->build, TYTO_ERR_FORMAT,
                               "constant \"%.60s\" has %llu elements of type %u in %u bytes, "
                               "expected %llu",
                               tensor->name, (unsigned long long)tyto_tflite_num_elems(tensor),
                               tensor->type, tensor->data.num, (unsigned long long)num);
    const bool is_float = tensor->type == TYTO_TFLITE_F32 || tensor->type == TYTO_TFLITE_F16;
    const uint32_t num_scales = is_float ? 0 : tensor->scales.num;
    const uint64_t stride = channel_stride(tensor);
    if (!stride || (!is_float && !num_scales) ||
        (tensor->zero_points.num > 1 && tensor->zero_points.num != num_scales))
        return tyto_build_fail(model->build, TYTO_ERR_FORMAT,
                               "constant \"%.60s\" is quantised, but its scales do not fit it",
                               tensor->name);
    float *values = tyto_build_floats(model->build, num);
    if (!values)
        return tyto_build_fail(model->build, TYTO_ERR_NOMEM, "too many weights");
    struct tyto_flat *flat = &model->flat;
    for (uint64_t i = 0; i < num; i++) {
        double value = load_number(flat, tensor->type, tensor->data.at + i * bytes);
        if (num_scales) {
            const uint64_t c = num_scales == 1 ? 0 : i / stride % num_scales;
            const uint64_t z = tensor->zero_points.num == 1 ? 0 : c;
            if (tensor->zero_points.num)
                value -= (double)tyto_flat_i64(flat, tensor->zero_points.at + 8 * z);
            value *= (double)tyto_flat_f32(flat, tensor->scales.at + 4 * c);
        }
        if (!isfinite((float)value))
            return tyto_build_fail(model->build, TYTO_ERR_FORMAT,
                                   "constant \"%.60s\" holds values that are not finite",
                                   tensor->name);
        values[i] = (float)value;
    }
    *ret_values = values;
    return TYTO_OK;
}

enum tyto_err tyto_tflite_ints(struct tyto_tflite *model, uint32_t tensor_idx, uint32_t num,
                               int32_t *ret_values)
{
    const struct tyto_tflite_tensor *tensor = &model->tensors[tensor_idx];
    const uint32_t bytes = type_bytes(tensor->type);
    if ((tensor->type != TYTO_TFLITE_I32 && tensor->type != TYTO_TFLITE_I64) ||
        (uint64_t)tensor->data.num != (uint64_t)num * bytes)
        return tyto_build_fail(model->build, TYTO_ERR_UNSUPPORTED,
                               "\"%.60s\" is not a constant of %u whole numbers", tensor->name,
                               num);
    for (uint32_t i = 0; i < num; i++) {
        const double value =
            load_number(&model->flat, tensor->type, tensor->data.at + (uint64_t)i * bytes);
        if (fabs(value) > (double)INT32_MAX)
            return broken(model, "a number is out of range");
        ret_values[i] = (int32_t)value;
    }
    return TYTO_OK;
}
