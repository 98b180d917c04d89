/* SPDX-License-Identifier: MIT */
/* Encoders from other people's files: TFLite and ONNX become our graph. Every
 * byte of such a file is checked before it is used; an op that our graph has no
 * word for is a fault that names it. */
#ifndef TYTO_MODEL_IMPORT_IMPORT_H
#define TYTO_MODEL_IMPORT_IMPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "model/graph/file.h"
#include "model/import/common/params.h"

/* Reads params->path, tells by its content what it is and makes a GENERIC encoder
 * of it; source and source_sha256 are filled. NOT_FOUND, IO, FORMAT, UNSUPPORTED,
 * SHAPE, NOMEM: *ret_fault names op and node. */
TYTO_MUST_CHECK
enum tyto_err tyto_import(const struct tyto_import_params *params,
                          struct tyto_encoder_file **ret_file, struct tyto_fault *ret_fault);

/* The same from memory; bytes need not outlive the call. */
TYTO_MUST_CHECK
enum tyto_err tyto_import_memory(const struct tyto_import_params *params, const void *bytes,
                                 size_t num_bytes, struct tyto_encoder_file **ret_file,
                                 struct tyto_fault *ret_fault);

/* Reads the STFT + mel + logarithm front end out of an ONNX file, or of a TFLite file that begins
 * with one, into file->frontend, and makes file AUDIO. What the file does not say stays as the
 * caller set it: sample_rate_hz, pcm_scale, post_scale, post_shift, frames_hop. */
TYTO_MUST_CHECK
enum tyto_err tyto_import_frontend(const char *path, struct tyto_encoder_file *file,
                                   struct tyto_fault *ret_fault);
TYTO_MUST_CHECK
enum tyto_err tyto_import_frontend_memory(const char *path, const void *bytes, size_t num_bytes,
                                          struct tyto_encoder_file *file,
                                          struct tyto_fault *ret_fault);

#endif
