/* SPDX-License-Identifier: MIT */
/* Reads safetensors: u64 header length, a JSON header, then the data. What a
 * hostile file can do ends here: after open, every tensor lies inside the
 * mapping, no two overlap and no byte of the data is without a tensor. */
#include "files/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/half.h"
#include "files/json.h"

struct tyto_weights {
    char *path;
    const uint8_t *bytes;
    size_t num_bytes;
    bool mapped;
    struct tyto_json *header; /* owns all names and metadata strings */
    uint32_t num_tensors;
    struct tyto_tensor *tensors; /* in data order */
    uint32_t *by_name;           /* indices of tensors, sorted by name */
    uint32_t num_metas;
    struct tyto_meta *metas;
};

static const struct {
    const char *name;
    uint32_t bytes;
} dtypes[] = {
#define TYTO_DTYPE_ROW(name, text, bytes) {text, bytes},
    TYTO_DTYPE_LIST(TYTO_DTYPE_ROW)
#undef TYTO_DTYPE_ROW
};

const char *tyto_dtype_name(enum tyto_dtype dtype)
{
    return (unsigned)dtype < TYTO_DTYPE_NUM ? dtypes[dtype].name : "?";
}

uint32_t tyto_dtype_bytes(enum tyto_dtype dtype)
{
    return (unsigned)dtype < TYTO_DTYPE_NUM ? dtypes[dtype].bytes : 0;
}

static uint64_t load_u64(const uint8_t *bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

static enum tyto_err parse_shape(const struct tyto_weights *weights, const struct tyto_json *shape,
                                 struct tyto_tensor *tensor, struct tyto_fault *ret_fault)
{
    if (!tyto_json_is_array(shape))
        return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, weights->path, 0, tensor->name,
                              "tensor has no shape");
    if (tyto_json_num_items(shape) > TYTO_WEIGHTS_MAX_DIMS)
        return tyto_fault_set(ret_fault, TYTO_ERR_SHAPE, weights->path, 0, tensor->name,
                              "tensor has %u dimensions, the limit is %d",
                              tyto_json_num_items(shape), TYTO_WEIGHTS_MAX_DIMS);
    tensor->num_dims = tyto_json_num_items(shape);
    uint64_t num_elems = 1;
    for (uint32_t i = 0; i < tensor->num_dims; i++) {
        if (!tyto_json_u64(tyto_json_at(shape, i), &tensor->dims[i]))
            return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, weights->path, 0, tensor->name,
                                  "dimension %u is not a whole number", i);
        if (__builtin_mul_overflow(num_elems, tensor->dims[i], &num_elems))
            return tyto_fault_set(ret_fault, TYTO_ERR_SHAPE, weights->path, 0, tensor->name,
                                  "shape overflows");
    }
    tensor->num_elems = num_elems;
    return TYTO_OK;
}

static enum tyto_err parse_tensor(const struct tyto_weights *weights, const char *name,
                                  const struct tyto_json *json, uint64_t data_bytes,
                                  const uint8_t *data, struct tyto_tensor *ret_tensor,
                                  struct tyto_fault *ret_fault)
{
    struct tyto_tensor tensor = {.name = name, .dtype = TYTO_DTYPE_NUM};
    const char *dtype = tyto_json_string(tyto_json_get(json, "dtype"));
    for (int i = 0; dtype && i < TYTO_DTYPE_NUM; i++)
        if (strcmp(dtype, dtypes[i].name) == 0)
            tensor.dtype = (enum tyto_dtype)i;
    if (tensor.dtype == TYTO_DTYPE_NUM)
        return tyto_fault_set(ret_fault, TYTO_ERR_UNSUPPORTED, weights->path, 0, name,
                              "tensor has an unknown dtype \"%.32s\"", dtype ? dtype : "");
    enum tyto_err err = parse_shape(weights, tyto_json_get(json, "shape"), &tensor, ret_fault);
    if (err)
        return err;

    const struct tyto_json *offsets = tyto_json_get(json, "data_offsets");
    uint64_t begin, end, num_bytes;
    if (!tyto_json_is_array(offsets) || tyto_json_num_items(offsets) != 2 ||
        !tyto_json_u64(tyto_json_at(offsets, 0), &begin) ||
        !tyto_json_u64(tyto_json_at(offsets, 1), &end))
        return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, weights->path, 0, name,
                              "data_offsets is not a pair of whole numbers");
    if (begin > end || end > data_bytes)
        return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, weights->path, 0, name,
                              "data_offsets reach outside the file");
    if (__builtin_mul_overflow(tensor.num_elems, (uint64_t)dtypes[tensor.dtype].bytes,
                               &num_bytes) ||
        num_bytes != end - begin)
        return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, weights->path, 0, name,
                              "shape and data_offsets do not agree");
    tensor.num_bytes = num_bytes;
    tensor.data = data + begin;
    *ret_tensor = tensor;
    return TYTO_OK;
}

struct visit {
    struct tyto_weights *weights;
    const uint8_t *data;
    uint64_t data_bytes;
    struct tyto_fault *ret_fault;
};

static enum tyto_err add_meta(void *user, const char *key, const struct tyto_json *value)
{
    const struct visit *visit = user;
    struct tyto_weights *weights = visit->weights;
    const char *text = tyto_json_string(value);
    if (!text)
        return tyto_fault_set(visit->ret_fault, TYTO_ERR_FORMAT, weights->path, 0, key,
                              "metadata value is not a string");
    weights->metas[weights->num_metas++] = (struct tyto_meta){.key = key, .value = text};
    return TYTO_OK;
}

static enum tyto_err parse_metas(struct visit *visit, const struct tyto_json *metadata)
{
    struct tyto_weights *weights = visit->weights;
    if (!tyto_json_is_object(metadata))
        return tyto_fault_set(visit->ret_fault, TYTO_ERR_FORMAT, weights->path, 0, "__metadata__",
                              "is not an object");
    weights->metas = calloc((size_t)tyto_json_num_items(metadata) + 1, sizeof(*weights->metas));
    if (!weights->metas)
        return tyto_fault_set(visit->ret_fault, TYTO_ERR_NOMEM, weights->path, 0, "",
                              "out of memory");
    return tyto_json_each(metadata, add_meta, visit);
}

static enum tyto_err add_entry(void *user, const char *name, const struct tyto_json *value)
{
    struct visit *visit = user;
    struct tyto_weights *weights = visit->weights;
    if (strcmp(name, "__metadata__") == 0)
        return parse_metas(visit, value);
    const enum tyto_err err =
        parse_tensor(weights, name, value, visit->data_bytes, visit->data,
                     &weights->tensors[weights->num_tensors], visit->ret_fault);
    if (!err)
        weights->num_tensors++;
    return err;
}

static int compare_data(const void *a, const void *b)
{
    const struct tyto_tensor *x = a, *y = b;
    if (x->data != y->data)
        return (uintptr_t)x->data < (uintptr_t)y->data ? -1 : 1;
    if (x->num_bytes != y->num_bytes) /* empty tensors stand before the one they touch */
        return x->num_bytes < y->num_bytes ? -1 : 1;
    return strcmp(x->name, y->name);
}

static int compare_name(const void *a, const void *b, void *tensors)
{
    const struct tyto_tensor *all = tensors;
    return strcmp(all[*(const uint32_t *)a].name, all[*(const uint32_t *)b].name);
}

/* Tensors in data order must follow each other without hole or overlap. */
static enum tyto_err check_contiguous(const struct tyto_weights *weights, const uint8_t *data,
                                      uint64_t data_bytes, struct tyto_fault *ret_fault)
{
    uint64_t end = 0;
    for (uint32_t i = 0; i < weights->num_tensors; i++) {
        const struct tyto_tensor *tensor = &weights->tensors[i];
        const uint64_t begin = (uint64_t)((const uint8_t *)tensor->data - data);
        if (begin != end)
            return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, weights->path, 0, tensor->name,
                                  begin < end ? "tensor overlaps the one before it"
                                              : "bytes before this tensor belong to none");
        end = begin + tensor->num_bytes;
    }
    if (end != data_bytes)
        return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, weights->path, 0, "",
                              "bytes at the end belong to no tensor");
    return TYTO_OK;
}

static enum tyto_err parse_tensors(struct tyto_weights *weights, const uint8_t *data,
                                   uint64_t data_bytes, struct tyto_fault *ret_fault)
{
    const uint32_t num = tyto_json_num_items(weights->header);
    if (num > TYTO_WEIGHTS_MAX_TENSORS)
        return tyto_fault_set(ret_fault, TYTO_ERR_SHAPE, weights->path, 0, "",
                              "%u tensors, the limit is %d", num, TYTO_WEIGHTS_MAX_TENSORS);
    weights->tensors = calloc((size_t)num + 1, sizeof(*weights->tensors));
    weights->by_name = calloc((size_t)num + 1, sizeof(*weights->by_name));
    if (!weights->tensors || !weights->by_name)
        return tyto_fault_set(ret_fault, TYTO_ERR_NOMEM, weights->path, 0, "", "out of memory");
    struct visit visit = {
        .weights = weights, .data = data, .data_bytes = data_bytes, .ret_fault = ret_fault};
    const enum tyto_err err = tyto_json_each(weights->header, add_entry, &visit);
    if (err)
        return err;
    qsort(weights->tensors, weights->num_tensors, sizeof(*weights->tensors), compare_data);
    for (uint32_t i = 0; i < weights->num_tensors; i++)
        weights->by_name[i] = i;
    qsort_r(weights->by_name, weights->num_tensors, sizeof(*weights->by_name), compare_name,
            weights->tensors);
    return check_contiguous(weights, data, data_bytes, ret_fault);
}

static enum tyto_err parse(struct tyto_weights *weights, struct tyto_fault *ret_fault)
{
    if (weights->num_bytes < 8)
        return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, weights->path, 0, "",
                              "too short for a safetensors file (%zu bytes)", weights->num_bytes);
    const uint64_t header_bytes = load_u64(weights->bytes);
    if (header_bytes > weights->num_bytes - 8)
        return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, weights->path, 0, "",
                              "not a safetensors file, or cut off: its header is said to be %llu "
                              "bytes long",
                              (unsigned long long)header_bytes);
    if (header_bytes > TYTO_WEIGHTS_MAX_HEADER_BYTES)
        return tyto_fault_set(ret_fault, TYTO_ERR_SHAPE, weights->path, 0, "",
                              "header of %llu bytes, the limit is %d",
                              (unsigned long long)header_bytes, TYTO_WEIGHTS_MAX_HEADER_BYTES);
    const char *text = (const char *)weights->bytes + 8;
    char error[128] = "";
    enum tyto_err err = TYTO_ERR_FORMAT;
    if (header_bytes > 0 && text[0] == '{')
        err = tyto_json_parse(text, (size_t)header_bytes, &weights->header, error, sizeof(error));
    if (err)
        return tyto_fault_set(ret_fault, err, weights->path, 0, "",
                              "header is not a JSON object%s%s", error[0] ? ": " : "", error);
    const uint64_t data_bytes = weights->num_bytes - 8 - header_bytes;
    return parse_tensors(weights, weights->bytes + 8 + header_bytes, data_bytes, ret_fault);
}

enum tyto_err tyto_weights_open_memory(const void *bytes, size_t num_bytes,
                                       struct tyto_weights **ret_weights,
                                       struct tyto_fault *ret_fault)
{
    struct tyto_weights *weights = calloc(1, sizeof(*weights));
    if (!weights || !(weights->path = strdup(""))) {
        free(weights);
        return tyto_fault_set(ret_fault, TYTO_ERR_NOMEM, "", 0, "", "out of memory");
    }
    weights->bytes = bytes;
    weights->num_bytes = num_bytes;
    const enum tyto_err err = parse(weights, ret_fault);
    if (err) {
        tyto_weights_close(&weights);
        return err;
    }
    *ret_weights = weights;
    return TYTO_OK;
}

static enum tyto_err map_file(struct tyto_weights *weights, struct tyto_fault *ret_fault)
{
    const int fd = open(weights->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        const int saved = errno;
        if (fd >= 0)
            close(fd);
        return tyto_fault_set(ret_fault, saved == ENOENT ? TYTO_ERR_NOT_FOUND : TYTO_ERR_IO,
                              weights->path, 0, "", "cannot open: %s", strerror(saved));
    }
    if (!S_ISREG(st.st_mode) || st.st_size < 8) {
        close(fd);
        return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, weights->path, 0, "",
                              S_ISREG(st.st_mode) ? "too short for a safetensors file"
                                                  : "is not a regular file");
    }
    void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    const int saved = errno;
    close(fd);
    if (bytes == MAP_FAILED)
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, weights->path, 0, "", "cannot map: %s",
                              strerror(saved));
    weights->bytes = bytes;
    weights->num_bytes = (size_t)st.st_size;
    weights->mapped = true;
    return TYTO_OK;
}

enum tyto_err tyto_weights_open(const char *path, struct tyto_weights **ret_weights,
                                struct tyto_fault *ret_fault)
{
    struct tyto_weights *weights = calloc(1, sizeof(*weights));
    if (!weights || !(weights->path = strdup(path))) {
        free(weights);
        return tyto_fault_set(ret_fault, TYTO_ERR_NOMEM, path, 0, "", "out of memory");
    }
    enum tyto_err err = map_file(weights, ret_fault);
    if (!err)
        err = parse(weights, ret_fault);
    if (err) {
        tyto_weights_close(&weights);
        return err;
    }
    *ret_weights = weights;
    return TYTO_OK;
}

void tyto_weights_close(struct tyto_weights **weights)
{
    struct tyto_weights *old = *weights;
    if (!old)
        return;
    *weights = NULL;
    tyto_json_destroy(&old->header);
    if (old->mapped)
        munmap((void *)(uintptr_t)old->bytes, old->num_bytes);
    free(old->tensors);
    free(old->by_name);
    free(old->metas);
    free(old->path);
    free(old);
}

const char *tyto_weights_path(const struct tyto_weights *weights)
{
    return weights->path;
}

uint32_t tyto_weights_num_tensors(const struct tyto_weights *weights)
{
    return weights->num_tensors;
}

const struct tyto_tensor *tyto_weights_tensor(const struct tyto_weights *weights, uint32_t idx)
{
    return idx < weights->num_tensors ? &weights->tensors[idx] : NULL;
}

const struct tyto_tensor *tyto_weights_find(const struct tyto_weights *weights, const char *name)
{
    uint32_t low = 0, high = weights->num_tensors;
    while (low < high) {
        const uint32_t mid = low + (high - low) / 2;
        const struct tyto_tensor *tensor = &weights->tensors[weights->by_name[mid]];
        const int order = strcmp(name, tensor->name);
        if (order == 0)
            return tensor;
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

uint32_t tyto_weights_num_metas(const struct tyto_weights *weights)
{
    return weights->num_metas;
}

const struct tyto_meta *tyto_weights_meta_at(const struct tyto_weights *weights, uint32_t idx)
{
    return idx < weights->num_metas ? &weights->metas[idx] : NULL;
}

const char *tyto_weights_meta(const struct tyto_weights *weights, const char *key)
{
    for (uint32_t i = 0; i < weights->num_metas; i++)
        if (strcmp(weights->metas[i].key, key) == 0)
            return weights->metas[i].value;
    return NULL;
}

/* "3,3,32" for messages. */
static void print_dims(uint32_t num_dims, const uint64_t *dims, char *buf, size_t buf_bytes)
{
    size_t used = 0;
    buf[0] = '\0';
    for (uint32_t i = 0; i < num_dims && used < buf_bytes; i++)
        used += (size_t)snprintf(buf + used, buf_bytes - used, i ? ",%llu" : "%llu",
                                 (unsigned long long)dims[i]);
}

enum tyto_err tyto_weights_read(const struct tyto_weights *weights, const char *name,
                                uint32_t num_dims, const uint64_t *dims, float *ret_values,
                                struct tyto_fault *ret_fault)
{
    const struct tyto_tensor *tensor = tyto_weights_find(weights, name);
    if (!tensor)
        return tyto_fault_set(ret_fault, TYTO_ERR_NOT_FOUND, weights->path, 0, name,
                              "tensor is missing");
    if (num_dims != tensor->num_dims ||
        (num_dims && memcmp(dims, tensor->dims, num_dims * sizeof(*dims)) != 0)) {
        char want[96], have[96];
        print_dims(num_dims, dims, want, sizeof(want));
        print_dims(tensor->num_dims, tensor->dims, have, sizeof(have));
        return tyto_fault_set(ret_fault, TYTO_ERR_SHAPE, weights->path, 0, name,
                              "shape is (%s), expected (%s)", have, want);
    }
    if (tensor->dtype != TYTO_DTYPE_F32 && tensor->dtype != TYTO_DTYPE_F16)
        return tyto_fault_set(ret_fault, TYTO_ERR_UNSUPPORTED, weights->path, 0, name,
                              "dtype is %s, expected F32 or F16", dtypes[tensor->dtype].name);
    bool finite = true;
    if (tensor->dtype == TYTO_DTYPE_F32) {
        if (tensor->num_bytes)
            memcpy(ret_values, tensor->data, tensor->num_bytes);
    } else {
        const uint8_t *bytes = tensor->data;
        for (uint64_t i = 0; i < tensor->num_elems; i++)
            ret_values[i] =
                tyto_half_to_f32((uint16_t)(bytes[2 * i] | ((unsigned)bytes[2 * i + 1] << 8)));
    }
    for (uint64_t i = 0; i < tensor->num_elems; i++)
        finite = finite && isfinite(ret_values[i]);
    if (!finite)
        return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, weights->path, 0, name,
                              "tensor holds values that are not finite");
    return TYTO_OK;
}

void tyto_weights_digest(const struct tyto_weights *weights, char ret_hex[TYTO_DIGEST_HEX_BYTES])
{
    tyto_digest_hex(weights->bytes, weights->num_bytes, ret_hex);
}
