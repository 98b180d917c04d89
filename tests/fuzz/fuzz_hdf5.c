/* SPDX-License-Identifier: MIT */
/* Any bytes as an HDF5 file: a dataset that can be read, or a fault that says something. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "trainer/data/ave/hdf5_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes);

enum { MAX_ITEMS = 1 << 16 };

static void read_some(struct tyto_hdf5 *hdf5)
{
    const struct tyto_hdf5_info *info = tyto_hdf5_get_info(hdf5);
    uint64_t num_items = 1;
    for (uint32_t i = 0; i < info->num_dims; i++)
        num_items *= info->dims[i];
    if (info->num_dims < 1 || info->num_dims > TYTO_HDF5_MAX_DIMS || num_items == 0 ||
        num_items != info->row_items * info->dims[0] || !info->name[0])
        abort();
    struct tyto_fault fault = {0};
    float *values = info->row_items <= MAX_ITEMS ? malloc(info->row_items * sizeof(*values)) : NULL;
    for (uint64_t row = 0; values && row < info->dims[0] && row < 4; row++) {
        if (tyto_hdf5_read_f32(hdf5, row, 1, values, &fault) != TYTO_OK && !fault.text[0])
            abort();
    }
    int64_t *order = info->row_items <= MAX_ITEMS ? malloc(info->row_items * sizeof(*order)) : NULL;
    if (order && tyto_hdf5_read_i64(hdf5, info->dims[0] - 1, 1, order, &fault) != TYTO_OK &&
        !fault.text[0])
        abort();
    if (tyto_hdf5_read_f32(hdf5, info->dims[0], 1, values, NULL) != TYTO_ERR_INVALID)
        abort();
    free(values);
    free(order);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes)
{
    char path[64];
    const int file = memfd_create("fuzz.h5", MFD_CLOEXEC);
    if (file < 0 || write(file, data, num_bytes) != (ssize_t)num_bytes)
        abort();
    snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    struct tyto_hdf5 *hdf5 = NULL;
    struct tyto_fault fault = {0};
    const enum tyto_err err = tyto_hdf5_open(path, NULL, &hdf5, &fault);
    if ((!err) != (hdf5 != NULL) || (err && !fault.text[0]))
        abort();
    if (hdf5)
        read_some(hdf5);
    tyto_hdf5_close(&hdf5);
    close(file);
    return 0;
}
