/* SPDX-License-Identifier: MIT */
/* Any bytes as a safetensors file and as an encoder: tensors that lie inside the
 * bytes, a graph that passes its check, or an error that says something. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "files/safetensors.h"
#include "model/graph/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes)
{
    struct tyto_weights *weights = NULL;
    struct tyto_encoder_file *file = NULL;
    struct tyto_fault fault = {0};
    if (tyto_weights_open_memory(data, num_bytes, &weights, &fault) == TYTO_OK) {
        volatile uint8_t sum = 0;
        for (uint32_t i = 0; i < tyto_weights_num_tensors(weights); i++) {
            const struct tyto_tensor *tensor = tyto_weights_tensor(weights, i);
            if (tyto_weights_find(weights, tensor->name) != tensor)
                abort();
            const uint8_t *bytes = tensor->data;
            for (uint64_t j = 0; j < tensor->num_bytes; j++)
                sum = (uint8_t)(sum + bytes[j]);
        }
    } else if (!fault.text[0]) {
        abort();
    }
    tyto_weights_close(&weights);

    fault = (struct tyto_fault){0};
    const enum tyto_err err = tyto_encoder_file_read_memory(data, num_bytes, &file, &fault);
    if ((!err) != (file != NULL) || (err && !fault.text[0]))
        abort();
    if (file && tyto_graph_check(&file->graph, NULL, 0))
        abort();
    if (file && file->has_detector && tyto_detector_check(&file->detector, &file->graph))
        abort();
    tyto_encoder_file_destroy(&file);
    return 0;
}
