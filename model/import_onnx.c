/* SPDX-License-Identifier: MIT */
#include "model/import_build.h"
enum tyto_err tyto_import_onnx(struct tyto_build *build, const struct tyto_import_params *params,
                               const uint8_t *bytes, size_t num_bytes, uint32_t *ret_out)
{
    (void)params;
    (void)bytes;
    (void)num_bytes;
    (void)ret_out;
    return tyto_build_fail(build, TYTO_ERR_UNSUPPORTED, "ONNX");
}
enum tyto_err tyto_import_frontend_memory(const char *path, const void *bytes, size_t num_bytes,
                                          struct tyto_encoder_file *file,
                                          struct tyto_fault *ret_fault)
{
    (void)bytes;
    (void)num_bytes;
    (void)file;
    return tyto_fault_set(ret_fault, TYTO_ERR_UNSUPPORTED, path, 0, "", "ONNX");
}
