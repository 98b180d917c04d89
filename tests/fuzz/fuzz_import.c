/* SPDX-License-Identifier: MIT */
/* Any bytes as a TFLite or ONNX model, and as an audio front end: a graph that
 * passes its check, or an error that says something. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "model/import/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes)
{
    const struct tyto_import_params params = {.path = "fuzz"};
    struct tyto_encoder_file *file = NULL;
    struct tyto_fault fault = {0};
    const enum tyto_err err = tyto_import_memory(&params, data, num_bytes, &file, &fault);
    if ((err == TYTO_OK) != (file != NULL) || (err && !fault.text[0]))
        abort();
    if (file && tyto_graph_check(&file->graph, NULL, 0))
        abort();
    tyto_encoder_file_destroy(&file);

    if (tyto_encoder_file_create(&file))
        return 0;
    file->graph = (struct tyto_graph){.num_values = 1, .values = {{12, 8, 1}}};
    fault = (struct tyto_fault){0};
    if (tyto_import_frontend_memory("fuzz", data, num_bytes, file, &fault) && !fault.text[0])
        abort();
    tyto_encoder_file_destroy(&file);
    return 0;
}
