/* SPDX-License-Identifier: MIT */
/* ONNX's protobuf to plain data; the only file here that knows protobuf-c.
 * A hostile file can make a parser allocate much more than its own size (an empty
 * message takes two bytes there and two hundred in memory): the allocator has a
 * budget, after which parsing fails. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "files/safetensors.h"
#include "model/import/onnx/internal.h"
#include "model/import/onnx/onnx.pb-c.h"

enum { BUDGET_FREE_BYTES = 64 << 20, BUDGET_PER_BYTE = 4 };

/* Element types of the public format. */
enum {
    TYPE_FLOAT = 1,
    TYPE_INT32 = 6,
    TYPE_INT64 = 7,
    TYPE_FLOAT16 = 10,
    TYPE_DOUBLE = 11,
};

struct tyto_onnx_message {
    TytoOnnx__Model *model;
    ProtobufCAllocator allocator;
    uint64_t bytes_left;
};

static void *budget_alloc(void *user, size_t num_bytes)
{
    struct tyto_onnx_message *message = user;
    if (num_bytes > message->bytes_left)
        return NULL;
    message->bytes_left -= num_bytes; /* what is freed is not given back: a bound on the work */
    return malloc(num_bytes);
}

static void budget_free(void *user, void *pointer)
{
    (void)user;
    free(pointer);
}

static enum tyto_err broken(const struct tyto_onnx *model, const char *what)
{
    return tyto_build_fail(model->build, TYTO_ERR_FORMAT, "malformed ONNX file: %s", what);
}

static enum tyto_err no_memory(const struct tyto_onnx *model)
{
    return tyto_build_fail(model->build, TYTO_ERR_NOMEM, "out of memory");
}

/* --- names ------------------------------------------------------------------------------- */

static int compare_tensor(const void *a, const void *b)
{
    const struct tyto_onnx_tensor *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static uint32_t find(const struct tyto_onnx *model, const char *name)
{
    const struct tyto_onnx_tensor wanted = {.name = name};
    const struct tyto_onnx_tensor *found =
        name && name[0] ? bsearch(&wanted, model->tensors, model->num_tensors,
                                  sizeof(*model->tensors), compare_tensor)
                        : NULL;
    return found ? (uint32_t)(found - model->tensors) : TYTO_WALK_NONE;
}

static uint64_t count_names(const TytoOnnx__Graph *graph)
{
    uint64_t num = (uint64_t)graph->n_initializer + graph->n_input + graph->n_output;
    for (size_t i = 0; i < graph->n_node; i++)
        num += (uint64_t)graph->node[i]->n_input + graph->node[i]->n_output;
    return num;
}

static void add_name(struct tyto_onnx *model, const char *name)
{
    if (name && name[0])
        model->tensors[model->num_tensors++].name = name;
}

/* All names once, sorted. */
static enum tyto_err collect_names(struct tyto_onnx *model, const TytoOnnx__Graph *graph)
{
    const uint64_t num = count_names(graph);
    if (num > TYTO_ONNX_MAX_TENSORS || graph->n_node > TYTO_ONNX_MAX_NODES)
        return broken(model, "too many nodes or tensors");
    model->tensors = calloc((size_t)num + 1, sizeof(*model->tensors));
    model->producers = calloc((size_t)num + 1, sizeof(*model->producers));
    model->in_slots = calloc((size_t)num + 1, sizeof(*model->in_slots));
    model->nodes = calloc(graph->n_node + 1, sizeof(*model->nodes));
    if (!model->tensors || !model->producers || !model->in_slots || !model->nodes)
        return no_memory(model);
    for (size_t i = 0; i < graph->n_initializer; i++)
        add_name(model, graph->initializer[i]->name);
    for (size_t i = 0; i < graph->n_input; i++)
        add_name(model, graph->input[i]->name);
    for (size_t i = 0; i < graph->n_output; i++)
        add_name(model, graph->output[i]->name);
    for (size_t i = 0; i < graph->n_node; i++) {
        for (size_t j = 0; j < graph->node[i]->n_input; j++)
            add_name(model, graph->node[i]->input[j]);
        for (size_t j = 0; j < graph->node[i]->n_output; j++)
            add_name(model, graph->node[i]->output[j]);
    }
    qsort(model->tensors, model->num_tensors, sizeof(*model->tensors), compare_tensor);
    uint32_t num_unique = 0;
    for (uint32_t i = 0; i < model->num_tensors; i++)
        if (i == 0 || strcmp(model->tensors[i].name, model->tensors[num_unique - 1].name) != 0)
            model->tensors[num_unique++] = model->tensors[i];
    model->num_tensors = num_unique;
    return TYTO_OK;
}

/* --- parsing ----------------------------------------------------------------------------- */

static enum tyto_err add_constant(struct tyto_onnx *model, const char *name,
                                  const TytoOnnx__Tensor *constant)
{
    const uint32_t idx = find(model, name);
    if (idx == TYTO_WALK_NONE)
        return TYTO_OK; /* nobody can read it */
    struct tyto_onnx_tensor *tensor = &model->tensors[idx];
    if (constant->n_dims > TYTO_ONNX_MAX_DIMS)
        return broken(model, "a constant has too many dimensions");
    tensor->constant = constant;
    tensor->num_dims = (uint32_t)constant->n_dims;
    for (size_t i = 0; i < constant->n_dims; i++) {
        if (constant->dims[i] < 0 || constant->dims[i] > INT32_MAX)
            return broken(model, "a constant has a dimension out of range");
        tensor->dims[i] = constant->dims[i];
    }
    return TYTO_OK;
}

static void add_input(struct tyto_onnx *model, const TytoOnnx__ValueInfo *info)
{
    const uint32_t idx = find(model, info->name);
    if (idx == TYTO_WALK_NONE || model->tensors[idx].constant || !info->type ||
        !info->type->tensor_type || !info->type->tensor_type->shape)
        return; /* old files list constants as inputs, too */
    const TytoOnnx__Shape *shape = info->type->tensor_type->shape;
    struct tyto_onnx_tensor *tensor = &model->tensors[idx];
    if (shape->n_dim > TYTO_ONNX_MAX_DIMS)
        return; /* no op takes it */
    tensor->num_dims = (uint32_t)shape->n_dim;
    for (size_t i = 0; i < shape->n_dim; i++) {
        const TytoOnnx__Dimension *dim = shape->dim[i];
        const bool open =
            !dim->has_dim_value || dim->dim_value < 1 || dim->dim_value > TYTO_GRAPH_MAX_DIM;
        tensor->dims[i] = open ? -1 : dim->dim_value;
    }
}

static const TytoOnnx__Attribute *find_attr(const struct tyto_onnx *model, size_t node_idx,
                                            const char *name)
{
    const TytoOnnx__Node *node = model->message->model->graph->node[node_idx];
    for (size_t i = 0; i < node->n_attribute; i++)
        if (node->attribute[i]->name && strcmp(node->attribute[i]->name, name) == 0)
            return node->attribute[i];
    return NULL;
}

/* Identity, or a cast to float, of a constant: a constant. */
static bool passes_constant(const struct tyto_onnx *model, const struct tyto_onnx_node *node)
{
    const bool same = strcmp(node->op, "Identity") == 0 ||
                      (strcmp(node->op, "Cast") == 0 &&
                       tyto_onnx_attr_int(model, node, "to", TYPE_FLOAT) == TYPE_FLOAT);
    return same && node->out != TYTO_WALK_NONE && tyto_onnx_is_const(model, tyto_onnx_in(node, 0));
}

static enum tyto_err add_nodes(struct tyto_onnx *model, const TytoOnnx__Graph *graph)
{
    uint32_t num_slots = 0;
    for (uint32_t i = 0; i < model->num_tensors; i++)
        model->producers[i] = TYTO_WALK_NONE;
    for (size_t i = 0; i < graph->n_node; i++) {
        const TytoOnnx__Node *from = graph->node[i];
        struct tyto_onnx_node *node = &model->nodes[i];
        node->op = from->op_type ? from->op_type : "";
        node->name = from->name ? from->name : "";
        node->idx = (uint32_t)i;
        node->num_in = (uint32_t)from->n_input;
        node->in = model->in_slots + num_slots;
        for (size_t j = 0; j < from->n_input; j++)
            model->in_slots[num_slots++] = find(model, from->input[j]);
        node->out = from->n_output ? find(model, from->output[0]) : TYTO_WALK_NONE;
        if (!node->name[0] && node->out != TYTO_WALK_NONE)
            node->name = model->tensors[node->out].name;
        model->num_nodes++;
        const TytoOnnx__Attribute *value = from->n_output && strcmp(node->op, "Constant") == 0
                                               ? find_attr(model, i, "value")
                                               : NULL;
        if (value && value->t) {
            const enum tyto_err err = add_constant(model, from->output[0], value->t);
            if (err)
                return err;
            continue;
        }
        if (passes_constant(model, node)) {
            const uint32_t in = node->in[0];
            struct tyto_onnx_tensor *out = &model->tensors[node->out];
            const char *name = out->name;
            *out = model->tensors[in];
            out->name = name;
            continue;
        }
        for (size_t j = 0; j < from->n_output; j++) {
            const uint32_t out = find(model, from->output[j]);
            if (out != TYTO_WALK_NONE)
                model->producers[out] = (uint32_t)i;
        }
    }
    return TYTO_OK;
}

enum tyto_err tyto_onnx_parse(struct tyto_onnx *model, const uint8_t *bytes, size_t num_bytes)
{
    struct tyto_onnx_message *message = calloc(1, sizeof(*message));
    if (!message)
        return no_memory(model);
    model->message = message;
    message->allocator =
        (ProtobufCAllocator){.alloc = budget_alloc, .free = budget_free, .allocator_data = message};
    message->bytes_left = BUDGET_FREE_BYTES + (uint64_t)num_bytes * BUDGET_PER_BYTE;
    message->model = tyto_onnx__model__unpack(&message->allocator, num_bytes, bytes);
    if (!message->model)
        return broken(model, "it is no ONNX (nor TFLite), or cut off");
    const TytoOnnx__Graph *graph = message->model->graph;
    if (!graph || !graph->n_node)
        return broken(model, "no graph in it");
    enum tyto_err err = collect_names(model, graph);
    for (size_t i = 0; !err && i < graph->n_initializer; i++)
        err = add_constant(model, graph->initializer[i]->name, graph->initializer[i]);
    if (err)
        return err;
    for (size_t i = 0; i < graph->n_input; i++)
        add_input(model, graph->input[i]);
    for (size_t i = 0; i < graph->n_value_info; i++)
        add_input(model, graph->value_info[i]); /* inner tensors, where the model may be cut */
    err = add_nodes(model, graph);
    model->first_output = graph->n_output ? find(model, graph->output[0]->name) : TYTO_WALK_NONE;
    if (!err && model->first_output == TYTO_WALK_NONE)
        err = broken(model, "no output");
    return err;
}

void tyto_onnx_finish(struct tyto_onnx *model)
{
    if (model->message) {
        if (model->message->model)
            tyto_onnx__model__free_unpacked(model->message->model, &model->message->allocator);
        free(model->message);
    }
    free(model->tensors);
    free(model->nodes);
    free(model->producers);
    free(model->in_slots);
    *model = (struct tyto_onnx){.build = model->build};
}

/* --- constants --------------------------------------------------------------------------- */

uint64_t tyto_onnx_num_elems(const struct tyto_onnx *model, uint32_t tensor)
{
    uint64_t num = 1;
    for (uint32_t i = 0; i < model->tensors[tensor].num_dims; i++)
        if (__builtin_mul_overflow(num, (uint64_t)model->tensors[tensor].dims[i], &num))
            return UINT64_MAX;
    return num;
}

static double load_raw(const uint8_t *bytes, int32_t type)
{
    uint64_t bits = 0;
    const unsigned num = type == TYPE_FLOAT16                       ? 2
                         : type == TYPE_FLOAT || type == TYPE_INT32 ? 4
                                                                    : 8;
    for (unsigned i = 0; i < num; i++)
        bits |= (uint64_t)bytes[i] << (8 * i);
    const uint32_t low = (uint32_t)bits;
    float single;
    double wide;
    memcpy(&single, &low, sizeof(single));
    memcpy(&wide, &bits, sizeof(wide));
    return type == TYPE_FLOAT16  ? (double)tyto_half_to_f32((uint16_t)bits)
           : type == TYPE_FLOAT  ? (double)single
           : type == TYPE_DOUBLE ? wide
           : type == TYPE_INT32  ? (double)(int32_t)low
                                 : (double)(int64_t)bits;
}

/* Element i of a constant that fits() */
static double load(const TytoOnnx__Tensor *constant, uint64_t i)
{
    static const unsigned widths[] = {[TYPE_FLOAT] = 4,
                                      [TYPE_INT32] = 4,
                                      [TYPE_INT64] = 8,
                                      [TYPE_FLOAT16] = 2,
                                      [TYPE_DOUBLE] = 8};
    if (constant->has_raw_data && constant->raw_data.len)
        return load_raw(constant->raw_data.data + i * widths[constant->data_type],
                        constant->data_type);
    switch (constant->data_type) {
    case TYPE_FLOAT:
        return (double)constant->float_data[i];
    case TYPE_FLOAT16:
        return (double)tyto_half_to_f32((uint16_t)constant->int32_data[i]);
    case TYPE_INT32:
        return constant->int32_data[i];
    case TYPE_INT64:
        return (double)constant->int64_data[i];
    default:
        return constant->double_data[i];
    }
}

/* Does the constant hold exactly num elements of a type that load() knows? */
static bool fits(const TytoOnnx__Tensor *constant, uint64_t num)
{
    const bool raw = constant->has_raw_data && constant->raw_data.len;
    if (constant->data_location == 1)
        return false;
    switch (constant->data_type) {
    case TYPE_FLOAT:
        return raw ? constant->raw_data.len == num * 4 : constant->n_float_data == num;
    case TYPE_FLOAT16:
        return raw ? constant->raw_data.len == num * 2 : constant->n_int32_data == num;
    case TYPE_INT32:
        return raw ? constant->raw_data.len == num * 4 : constant->n_int32_data == num;
    case TYPE_INT64:
        return raw ? constant->raw_data.len == num * 8 : constant->n_int64_data == num;
    case TYPE_DOUBLE:
        return raw ? constant->raw_data.len == num * 8 : constant->n_double_data == num;
    default:
        return false;
    }
}

static enum tyto_err check_fits(const struct tyto_onnx *model, uint32_t tensor, uint64_t num)
{
    if (!tyto_onnx_is_const(model, tensor))
        return tyto_build_fail(model->build, TYTO_ERR_UNSUPPORTED, "\"%.60s\" has to be a constant",
                               tensor == TYTO_WALK_NONE ? "?" : model->tensors[tensor].name);
    const TytoOnnx__Tensor *constant = model->tensors[tensor].constant;
    if (constant->data_location == 1)
        return tyto_build_fail(model->build, TYTO_ERR_UNSUPPORTED,
                               "constant \"%.60s\" lies in another file: save the model with its "
                               "data inside",
                               model->tensors[tensor].name);
    if (tyto_onnx_num_elems(model, tensor) != num || num > INT32_MAX || !fits(constant, num))
        return tyto_build_fail(model->build, TYTO_ERR_FORMAT,
                               "constant \"%.60s\" of type %d does not hold the %llu elements "
                               "expected of it",
                               model->tensors[tensor].name, constant->data_type,
                               (unsigned long long)num);
    return TYTO_OK;
}

enum tyto_err tyto_onnx_floats(const struct tyto_onnx *model, uint32_t tensor, uint64_t num,
                               float **ret_values)
{
    const enum tyto_err err = check_fits(model, tensor, num);
    if (err)
        return err;
    float *values = tyto_build_floats(model->build, num);
    if (!values)
        return tyto_build_fail(model->build, TYTO_ERR_NOMEM, "too many weights");
    for (uint64_t i = 0; i < num; i++) {
        values[i] = (float)load(model->tensors[tensor].constant, i);
        if (!isfinite(values[i]))
            return tyto_build_fail(model->build, TYTO_ERR_FORMAT,
                                   "constant \"%.60s\" holds values that are not finite",
                                   model->tensors[tensor].name);
    }
    *ret_values = values;
    return TYTO_OK;
}

enum tyto_err tyto_onnx_scalar(const struct tyto_onnx *model, uint32_t tensor, float *ret_value)
{
    const enum tyto_err err = check_fits(model, tensor, 1);
    if (err)
        return err;
    *ret_value = (float)load(model->tensors[tensor].constant, 0);
    if (isnan(*ret_value))
        return tyto_build_fail(model->build, TYTO_ERR_FORMAT, "a constant is not a number");
    return TYTO_OK;
}

enum tyto_err tyto_onnx_ints(const struct tyto_onnx *model, uint32_t tensor, uint32_t max,
                             int64_t *ret_values, uint32_t *ret_num)
{
    if (!tyto_onnx_is_const(model, tensor))
        return check_fits(model, tensor, 0);
    const uint64_t num = tyto_onnx_num_elems(model, tensor);
    const enum tyto_err err = check_fits(model, tensor, num);
    if (err)
        return err;
    if (num > max)
        return tyto_build_fail(model->build, TYTO_ERR_UNSUPPORTED,
                               "constant \"%.60s\" has more than %u elements",
                               model->tensors[tensor].name, max);
    for (uint64_t i = 0; i < num; i++) {
        const double value = load(model->tensors[tensor].constant, i);
        if (!(fabs(value) <= 0x1p62))
            return broken(model, "a number is out of range");
        ret_values[i] = (int64_t)value;
    }
    *ret_num = (uint32_t)num;
    return TYTO_OK;
}

/* --- attributes -------------------------------------------------------------------------- */

int64_t tyto_onnx_attr_int(const struct tyto_onnx *model, const struct tyto_onnx_node *node,
                           const char *name, int64_t missing)
{
    const TytoOnnx__Attribute *attr = find_attr(model, node->idx, name);
    return attr && attr->has_i ? attr->i : missing;
}

float tyto_onnx_attr_float(const struct tyto_onnx *model, const struct tyto_onnx_node *node,
                           const char *name, float missing)
{
    const TytoOnnx__Attribute *attr = find_attr(model, node->idx, name);
    return attr && attr->has_f ? attr->f : missing;
}

bool tyto_onnx_attr_is(const struct tyto_onnx *model, const struct tyto_onnx_node *node,
                       const char *name, const char *text)
{
    const TytoOnnx__Attribute *attr = find_attr(model, node->idx, name);
    return attr && attr->has_s && attr->s.len == strlen(text) &&
           memcmp(attr->s.data, text, attr->s.len) == 0;
}

bool tyto_onnx_attr_present(const struct tyto_onnx *model, const struct tyto_onnx_node *node,
                            const char *name)
{
    return find_attr(model, node->idx, name) != NULL;
}

uint32_t tyto_onnx_attr_ints(const struct tyto_onnx *model, const struct tyto_onnx_node *node,
                             const char *name, uint32_t max, int64_t *ret_values)
{
    const TytoOnnx__Attribute *attr = find_attr(model, node->idx, name);
    if (!attr)
        return 0;
    for (size_t i = 0; i < attr->n_ints && i < max; i++)
        ret_values[i] = attr->ints[i];
    return attr->n_ints > UINT32_MAX ? UINT32_MAX : (uint32_t)attr->n_ints;
}
