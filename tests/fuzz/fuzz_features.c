/* SPDX-License-Identifier: MIT */
/* Any bytes as a shard of the feature cache: numbers that lie inside the bytes, or an error that
 * says something. The head's digest is put right, so that what it guards is reached. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "trainer/data/features/cache_file.h"

enum { AT_DIGEST = 448 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes);

static void read_all(const struct tyto_cache_file *file)
{
    const struct tyto_cache_shape *shape = tyto_cache_file_shape(file);
    const size_t num_visual = (size_t)shape->num_places * shape->visual_in;
    float *audio = malloc((shape->audio_in + 1) * sizeof(*audio));
    float *visual = malloc((num_visual + 1) * sizeof(*visual));
    for (uint32_t i = 0; audio && visual && i < shape->num_segments && i < 64; i++) {
        bool has_audio, has_visual;
        if (tyto_cache_file_read(file, i, audio, visual, &has_audio, &has_visual) != TYTO_OK)
            continue;
        for (size_t n = 0; n < shape->audio_in; n++) {
            if (!isfinite(audio[n]) || (!has_audio && audio[n] != 0))
                abort();
        }
        for (size_t n = 0; n < num_visual; n++) {
            if (!isfinite(visual[n]) || (!has_visual && visual[n] != 0))
                abort();
        }
    }
    free(audio);
    free(visual);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes)
{
    for (int fixed = 0; fixed < 2; fixed++) {
        struct tyto_cache_file *file = NULL;
        struct tyto_fault fault = {0};
        uint8_t *bytes = malloc(num_bytes + 1);
        if (!bytes)
            return 0;
        memcpy(bytes, data, num_bytes);
        if (fixed && num_bytes >= TYTO_CACHE_FILE_HEAD_BYTES) {
            char digest[TYTO_DIGEST_HEX_BYTES];
            tyto_digest_hex(bytes, AT_DIGEST, digest);
            memcpy(bytes + AT_DIGEST, digest, sizeof(digest) - 1);
        }
        const enum tyto_err err =
            tyto_cache_file_open_memory(bytes, num_bytes, NULL, &file, &fault);
        if ((!err) != (file != NULL) || (err && !fault.text[0]))
            abort();
        if (file)
            read_all(file);
        tyto_cache_file_close(&file);
        free(bytes);
    }
    return 0;
}
