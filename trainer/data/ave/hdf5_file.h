/* SPDX-License-Identifier: MIT */
/* One dataset of an HDF5 file, read a few rows at a time. Strangers' files are not trusted: links
 * out of the file, data kept elsewhere, plug-ins and odd types are refused, and what the library
 * does on opening is tried in a process of its own first.
 *
 * The library is not safe for threads: a mutex of this file is held during each call, so that
 * several data sets may be read by several threads. */
#ifndef TYTO_TRAINER_DATA_AVE_HDF5_FILE_H
#define TYTO_TRAINER_DATA_AVE_HDF5_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"

enum { TYTO_HDF5_MAX_DIMS = 8 };

struct tyto_hdf5_info {
    char name[128]; /* of the dataset */
    uint32_t num_dims;
    uint64_t dims[TYTO_HDF5_MAX_DIMS];
    uint64_t chunk[TYTO_HDF5_MAX_DIMS]; /* 0: contiguous */
    bool is_compressed;
    bool is_float; /* else whole numbers */
    uint32_t item_bytes;
    uint64_t row_items; /* product of dims[1..] */
};

struct tyto_hdf5;

/* Opens the dataset called name, or with NULL the only one of the file's root (of several the one
 * that AVE's files have, "avadataset"). The fault names file and dataset. NOT_FOUND, IO, FORMAT,
 * UNSUPPORTED, NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_hdf5_open(const char *path, const char *name, struct tyto_hdf5 **ret_hdf5,
                             struct tyto_fault *ret_fault);
void tyto_hdf5_close(struct tyto_hdf5 **hdf5);
const char *tyto_hdf5_get_path(const struct tyto_hdf5 *hdf5);
const struct tyto_hdf5_info *tyto_hdf5_get_info(const struct tyto_hdf5 *hdf5);

/* Rows begin..begin+num of dims[0], whole: num * row_items values. INVALID out of range; IO when
 * the file is not what it was, or damaged inside (the fault says it). */
TYTO_MUST_CHECK
enum tyto_err tyto_hdf5_read_f32(struct tyto_hdf5 *hdf5, uint64_t begin, uint64_t num,
                                 float *ret_values, struct tyto_fault *ret_fault);
TYTO_MUST_CHECK
enum tyto_err tyto_hdf5_read_i64(struct tyto_hdf5 *hdf5, uint64_t begin, uint64_t num,
                                 int64_t *ret_values, struct tyto_fault *ret_fault);

#endif
