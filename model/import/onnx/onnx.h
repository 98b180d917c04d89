/* SPDX-License-Identifier: MIT */
/* ONNX files as our graph. */
#ifndef TYTO_MODEL_IMPORT_ONNX_ONNX_H
#define TYTO_MODEL_IMPORT_ONNX_ONNX_H

#include "model/import/common/build.h"
#include "model/import/common/params.h"

/* Fills an empty build from the file's bytes, which are borrowed until the call returns. On success
 * *ret_outs are the values that params' outputs became, in their order. Errors as of
 * tyto_import_memory(). */
TYTO_MUST_CHECK
enum tyto_err tyto_import_onnx(struct tyto_build *build, const struct tyto_import_params *params,
                               const uint8_t *bytes, size_t num_bytes,
                               struct tyto_build_outs *ret_outs);
/* Reads an audio front end; its tables lie in the build's floats. */
TYTO_MUST_CHECK
enum tyto_err tyto_import_onnx_frontend(struct tyto_build *build, const uint8_t *bytes,
                                        size_t num_bytes, struct tyto_frontend *front);

#endif
