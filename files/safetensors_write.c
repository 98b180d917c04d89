/* SPDX-License-Identifier: MIT */
/* Writes safetensors: the header is padded with spaces to a multiple of 8, the
 * data follows in order of element size (largest first) and name, without
 * holes, as the Python package does it. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files/json.h"
#include "files/replace.h"
#include "files/safetensors.h"

static int compare_written(const void *a, const void *b)
{
    const struct tyto_tensor *x = a, *y = b;
    const uint32_t x_bytes = tyto_dtype_bytes(x->dtype), y_bytes = tyto_dtype_bytes(y->dtype);
    if (x_bytes != y_bytes)
        return x_bytes > y_bytes ? -1 : 1;
    return strcmp(x->name, y->name);
}

static int compare_name(const void *a, const void *b)
{
    const struct tyto_tensor *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static enum tyto_err count_bytes(struct tyto_tensor *tensor)
{
    uint64_t num_elems = 1;
    if (tensor->num_dims > TYTO_WEIGHTS_MAX_DIMS)
        return TYTO_ERR_SHAPE;
    for (uint32_t i = 0; i < tensor->num_dims; i++)
        if (tensor->dims[i] > INT64_MAX ||
            __builtin_mul_overflow(num_elems, tensor->dims[i], &num_elems))
            return TYTO_ERR_SHAPE;
    tensor->num_elems = num_elems;
    if (__builtin_mul_overflow(num_elems, (uint64_t)tyto_dtype_bytes(tensor->dtype),
                               &tensor->num_bytes) ||
        tensor->num_bytes > INT64_MAX / 2)
        return TYTO_ERR_SHAPE;
    return TYTO_OK;
}

static struct tyto_json *tensor_json(const struct tyto_tensor *tensor, uint64_t begin)
{
    struct tyto_json *json = tyto_json_new_object();
    struct tyto_json *shape = tyto_json_new_array();
    struct tyto_json *offsets = tyto_json_new_array();
    bool ok = tyto_json_append(offsets, tyto_json_new_u64(begin)) &&
              tyto_json_append(offsets, tyto_json_new_u64(begin + tensor->num_bytes));
    for (uint32_t i = 0; ok && i < tensor->num_dims; i++)
        ok = tyto_json_append(shape, tyto_json_new_u64(tensor->dims[i]));
    ok &= tyto_json_set(json, "dtype", tyto_json_new_string(tyto_dtype_name(tensor->dtype)));
    ok &= tyto_json_set(json, "shape", shape);
    ok &= tyto_json_set(json, "data_offsets", offsets);
    if (!ok)
        tyto_json_destroy(&json);
    return json;
}

static enum tyto_err add_metas(struct tyto_json *header, const struct tyto_meta *metas,
                               uint32_t num_metas, const char **ret_name)
{
    if (num_metas == 0)
        return TYTO_OK;
    struct tyto_json *metadata = tyto_json_new_object();
    for (uint32_t i = 0; i < num_metas; i++) {
        *ret_name = metas[i].key;
        const bool twice = tyto_json_get(metadata, metas[i].key) != NULL;
        /* set fails for text that is not UTF-8, and out of memory */
        if (twice || !tyto_json_set(metadata, metas[i].key, tyto_json_new_string(metas[i].value))) {
            tyto_json_destroy(&metadata);
            return twice ? TYTO_ERR_EXISTS : TYTO_ERR_INVALID;
        }
    }
    return tyto_json_set(header, "__metadata__", metadata) ? TYTO_OK : TYTO_ERR_NOMEM;
}

/* On success *ret_text (owned by the caller) is the header's JSON; *ret_name is
 * what a failure is about. */
static enum tyto_err header_text(const struct tyto_tensor *tensors, uint32_t num_tensors,
                                 const struct tyto_meta *metas, uint32_t num_metas, char **ret_text,
                                 const char **ret_name)
{
    uint64_t begin = 0;
    struct tyto_json *header = tyto_json_new_object();
    enum tyto_err err = add_metas(header, metas, num_metas, ret_name);
    for (uint32_t i = 0; !err && i < num_tensors; i++) {
        *ret_name = tensors[i].name;
        if (!tensors[i].name[0] || strcmp(tensors[i].name, "__metadata__") == 0)
            err = TYTO_ERR_INVALID;
        else if (tyto_json_get(header, tensors[i].name))
            err = TYTO_ERR_EXISTS;
        else if (!tyto_json_set(header, tensors[i].name, tensor_json(&tensors[i], begin)))
            err = TYTO_ERR_INVALID;
        begin += tensors[i].num_bytes;
    }
    char *text = err ? NULL : tyto_json_print(header);
    tyto_json_destroy(&header);
    if (!err && !text)
        return TYTO_ERR_NOMEM;
    if (!err)
        *ret_text = text;
    return err;
}

static enum tyto_err write_tensors(FILE *file, const char *header,
                                   const struct tyto_tensor *tensors, uint32_t num_tensors)
{
    const size_t text_bytes = strlen(header);
    const size_t header_bytes = (text_bytes + 7) / 8 * 8;
    uint8_t length[8];
    if (header_bytes > TYTO_WEIGHTS_MAX_HEADER_BYTES)
        return TYTO_ERR_SHAPE;
    for (unsigned i = 0; i < 8; i++)
        length[i] = (uint8_t)((uint64_t)header_bytes >> (8 * i));
    if (fwrite(length, 1, 8, file) != 8 || fwrite(header, 1, text_bytes, file) != text_bytes ||
        fwrite("       ", 1, header_bytes - text_bytes, file) != header_bytes - text_bytes)
        return TYTO_ERR_IO;
    for (uint32_t i = 0; i < num_tensors; i++)
        if (tensors[i].num_bytes &&
            fwrite(tensors[i].data, 1, (size_t)tensors[i].num_bytes, file) != tensors[i].num_bytes)
            return TYTO_ERR_IO;
    return TYTO_OK;
}

static enum tyto_err write_file(const char *path, const char *header,
                                const struct tyto_tensor *tensors, uint32_t num_tensors)
{
    struct tyto_replace *replace = NULL;
    enum tyto_err err = tyto_replace_begin(path, 0644, &replace);
    if (err)
        return err;
    FILE *file = tyto_replace_file(replace);
    err = file ? write_tensors(file, header, tensors, num_tensors) : TYTO_ERR_NOMEM;
    if (!err)
        return tyto_replace_commit(&replace);
    tyto_replace_abandon(&replace);
    return err;
}

enum tyto_err tyto_weights_write(const char *path, const struct tyto_tensor *tensors,
                                 uint32_t num_tensors, const struct tyto_meta *metas,
                                 uint32_t num_metas, struct tyto_fault *ret_fault)
{
    if (num_tensors > TYTO_WEIGHTS_MAX_TENSORS)
        return tyto_fault_set(ret_fault, TYTO_ERR_SHAPE, path, 0, "", "too many tensors: %u",
                              num_tensors);
    struct tyto_tensor *sorted = calloc((size_t)num_tensors + 1, sizeof(*sorted));
    if (!sorted)
        return tyto_fault_set(ret_fault, TYTO_ERR_NOMEM, path, 0, "", "out of memory");
    enum tyto_err err = TYTO_OK;
    const char *name = "";
    char *header = NULL;
    for (uint32_t i = 0; !err && i < num_tensors; i++) {
        sorted[i] = tensors[i];
        name = sorted[i].name;
        err = count_bytes(&sorted[i]);
    }
    if (!err) {
        qsort(sorted, num_tensors, sizeof(*sorted), compare_written);
        err = header_text(sorted, num_tensors, metas, num_metas, &header, &name);
    }
    if (!err) {
        name = "";
        errno = 0;
        err = write_file(path, header, sorted, num_tensors);
    }
    free(header);
    free(sorted);
    if (err)
        return tyto_fault_set(ret_fault, err, path, 0, name, "cannot write: %s%s%s",
                              tyto_err_text(err), err == TYTO_ERR_IO && errno ? ": " : "",
                              err == TYTO_ERR_IO && errno ? strerror(errno) : "");
    return TYTO_OK;
}

enum tyto_err tyto_weights_layout(const struct tyto_tensor *tensors, uint32_t num_tensors,
                                  char ret_hex[TYTO_DIGEST_HEX_BYTES])
{
    struct tyto_tensor *sorted = calloc((size_t)num_tensors + 1, sizeof(*sorted));
    char *text = NULL;
    size_t text_bytes = 0;
    FILE *stream = sorted ? open_memstream(&text, &text_bytes) : NULL;
    if (!stream) {
        free(sorted);
        return TYTO_ERR_NOMEM;
    }
    for (uint32_t i = 0; i < num_tensors; i++)
        sorted[i] = tensors[i];
    qsort(sorted, num_tensors, sizeof(*sorted), compare_name);
    for (uint32_t i = 0; i < num_tensors; i++) {
        fprintf(stream, "%s ", sorted[i].name);
        for (uint32_t j = 0; j < sorted[i].num_dims; j++)
            fprintf(stream, j ? ",%llu" : "%llu", (unsigned long long)sorted[i].dims[j]);
        fputc('\n', stream);
    }
    const int failed = ferror(stream);
    const int closed = fclose(stream);
    if (!failed && closed == 0)
        tyto_digest_hex(text, text_bytes, ret_hex);
    free(text);
    free(sorted);
    return failed || closed != 0 ? TYTO_ERR_NOMEM : TYTO_OK;
}
