/* SPDX-License-Identifier: MIT */
/* The composer's manifest, and scenes and labels of what it accepts. Paths are only looked for, not
 * opened: the corpus names /dev/null. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "trainer/compose/truth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes);

static void make_scenes(const struct tyto_compose_assets *assets)
{
    static struct tyto_compose_scene scene;
    struct tyto_compose_options options;
    tyto_compose_options_default(&options);
    options.max_offset_s = 1;
    for (uint64_t clip = 0; clip < 8; clip++) {
        struct tyto_compose_truth truth;
        if (tyto_compose_scene_init(&scene, &options, assets, clip) != TYTO_OK)
            abort(); /* what was accepted can be composed */
        if (tyto_compose_truth_make(&scene, &options, assets, "clip.mp4", 1, &truth) == TYTO_OK)
            tyto_compose_truth_finish(&truth);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes)
{
    const struct tyto_compose_assets_params params = {.manifest = "manifest.csv", .split = "train"};
    struct tyto_compose_assets assets;
    FILE *file = num_bytes > 0 ? fmemopen((void *)(uintptr_t)data, num_bytes, "r") : NULL;
    if (!file)
        return 0;
    if (tyto_compose_assets_read_stream(&params, file, &assets) == TYTO_OK) {
        make_scenes(&assets);
        tyto_compose_assets_finish(&assets);
    }
    fclose(file);
    return 0;
}
