/* SPDX-License-Identifier: MIT */
/* The demo camera's table of stamps, and a scene of what it accepts. */
#include <stdint.h>
#include <stdio.h>

#include "demo/scene.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes)
{
    static struct demo_stamp_table table;
    static struct demo_scene scene;
    const struct demo_scene_params params = {.seed = 1, .seconds = 60, .picture_aspect = 1.78f};
    FILE *file = num_bytes > 0 ? fmemopen((void *)(uintptr_t)data, num_bytes, "r") : NULL;
    uint32_t line = 0;

    if (!file) {
        return 0;
    }
    if (demo_stamp_table_read(file, &table, &line) == TYTO_OK &&
        demo_scene_init(&scene, &params, &table) != TYTO_OK) {
        line = 0;
    }
    fclose(file);
    return 0;
}
