/* SPDX-License-Identifier: MIT */
/* Any bytes as a head's weights file: a head whose every tensor is there, or an
 * error that says something. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "model/cman/weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes)
{
    struct tyto_cman_tensor_info infos[TYTO_CMAN_NUM_TENSORS];
    struct tyto_cman_weights weights;
    struct tyto_fault fault = {0};
    const enum tyto_err err = tyto_cman_weights_load_memory(data, num_bytes, &weights, &fault);

    if (err) {
        if (!fault.text[0] || weights.classes)
            abort();
        return 0;
    }
    tyto_cman_list_tensors(&weights.dims, infos);
    for (uint32_t i = 0; i < TYTO_CMAN_NUM_TENSORS; i++) {
        const uint64_t num = (uint64_t)infos[i].rows * (infos[i].cols ? infos[i].cols : 1);
        volatile float sum = 0; /* every value is read */

        if (!weights.tensors[i] && infos[i].part == TYTO_CMAN_PART_ALWAYS)
            abort();
        for (uint64_t k = 0; weights.tensors[i] && k < num; k++)
            sum = sum + weights.tensors[i][k];
        (void)sum;
    }
    tyto_cman_weights_finish(&weights);
    return 0;
}
