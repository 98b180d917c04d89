/* SPDX-License-Identifier: MIT */
/* Any bytes as a TFLite or ONNX model, and as an audio front end: a graph that
 * passes its check, or an error that says something. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "model/import/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes);

static void import(const struct tyto_import_params *params, const uint8_t *data, size_t num_bytes)
{
    struct tyto_encoder_file *file = NULL;
    struct tyto_fault fault = {0};
    const enum tyto_err err = tyto_import_memory(params, data, num_bytes, &file, &fault);
    if ((!err) != (file != NULL) || (err && !fault.text[0]))
        abort();
    if (file && tyto_graph_check(&file->graph, NULL, 0))
        abort();
    if (file && file->has_detector && tyto_detector_check(&file->detector, &file->graph))
        abort();
    tyto_encoder_file_destroy(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes)
{
    const struct tyto_import_detector detector = {.names = "???\nDog\nCar\n",
                                                  .side_px = 16,
                                                  .min_scale = 0.25f,
                                                  .max_scale = 0.75f,
                                                  .centre_scale = 10,
                                                  .size_scale = 5};
    const struct tyto_import_params plain = {.path = "fuzz"};
    const struct tyto_import_params visual = {.path = "fuzz",
                                              .output_name = "level1",
                                              .num_more_outputs = 2,
                                              .more_output_names = {"raw/scores", "raw/boxes"},
                                              .detector = &detector,
                                              .letterbox = true,
                                              .tall = true};
    struct tyto_encoder_file *file = NULL;
    struct tyto_fault fault = {0};
    import(&plain, data, num_bytes);
    import(&visual, data, num_bytes);
    if (tyto_encoder_file_create(&file))
        return 0;
    file->graph = (struct tyto_graph){.num_values = 1, .values = {{12, 8, 1}}};
    if (tyto_import_frontend_memory("fuzz", data, num_bytes, file, &fault) && !fault.text[0])
        abort();
    tyto_encoder_file_destroy(&file);
    return 0;
}
