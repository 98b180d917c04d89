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

/* What a file does not say about its detector. */
struct tyto_import_detector {
    const char *names;          /* one a line for each column of its scores; ??? and background are
                                 * no classes */
    float side_px;              /* of the square input that scales are shares of */
    float min_scale, max_scale; /* of the finest and the coarsest level's anchors */
    float centre_scale, size_scale; /* what its boxes are divided by */
};

struct tyto_import_params {
    const char *path;          /* for messages, and opened by tyto_import */
    const char *input_name;    /* tensor to cut at; NULL: the model's input, or the first tensor
                                * after the last op that cannot be imported */
    const char *output_name;   /* name, or a part that only one tensor has; NULL: the model's own */
    uint32_t num_more_outputs; /* 0..TYTO_GRAPH_MAX_OUTS - 1 */
    const char *more_output_names[TYTO_GRAPH_MAX_OUTS - 1];
    uint32_t input_h, input_w;                   /* new input size; 0: the file's */
    const struct tyto_import_detector *detector; /* outputs are features, scores, boxes; or NULL */
    bool letterbox;                              /* pictures keep their shape (enum tyto_fit) */
};

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
