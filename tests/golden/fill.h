/* SPDX-License-Identifier: MIT */
/* Numbers and pictures made from a name and an index, the same as
 * scripts/golden/fill.py and make_encoders.py make, and a reader of golden files.
 * For tests only; header only, so that any test can use it. */
#ifndef TYTO_GOLDEN_FILL_H
#define TYTO_GOLDEN_FILL_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static inline uint64_t golden_fnv1a64(const char *name)
{
    uint64_t value = 0xCBF29CE484222325u;

    for (; *name != '\0'; name++)
        value = (value ^ (uint8_t)*name) * 0x100000001B3u;
    return value;
}

static inline uint64_t golden_splitmix64(uint64_t x)
{
    uint64_t z = x + 0x9E3779B97F4A7C15u;

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* Fills out with count values in [-scale, scale); exact when scale is a power of two. */
static inline void golden_fill(const char *name, float *out, size_t count, float scale)
{
    const uint64_t seed = golden_fnv1a64(name);

    for (size_t i = 0; i < count; i++) {
        const float bits = (float)(golden_splitmix64(seed + i) >> 40);

        out[i] = (bits / 8388608.0f - 1.0f) * scale;
    }
}

/* Scale of a filled weight: the largest power of two s with s*s*fan_in <= 3. */
static inline float golden_weight_scale(size_t fan_in)
{
    float scale = 2.0f;

    while (scale * scale * (float)fan_in > 3.0f)
        scale /= 2.0f;
    return scale;
}

static inline uint8_t golden_triangle(int64_t n)
{
    n &= 511;
    return (uint8_t)(n < 256 ? n : 511 - n);
}

/* A smooth picture, (height,width,3). */
static inline void golden_picture(uint8_t *rgb, int64_t width, int64_t height)
{
    for (int64_t y = 0; y < height; y++) {
        for (int64_t x = 0; x < width; x++) {
            uint8_t *pixel = rgb + (y * width + x) * 3;

            pixel[0] = golden_triangle(2 * x + y);
            pixel[1] = golden_triangle(x * x / 64 + 3 * y);
            pixel[2] = golden_triangle(((x - 112) * (x - 112) + (y - 112) * (y - 112)) / 32);
        }
    }
}

/* The count floats of tests/golden/FILE (from $TYTO_GOLDEN_DIR, which meson sets), owned:
 * free() them. NULL when the file is not there or of another size. */
static inline float *golden_read(const char *file, size_t count)
{
    const char *folder = getenv("TYTO_GOLDEN_DIR");
    char path[4096];

    snprintf(path, sizeof(path), "%s/%s", folder != NULL ? folder : "tests/golden", file);
    FILE *stream = fopen(path, "rb");
    if (stream == NULL)
        return NULL;
    float *values = calloc(count + 1, sizeof(*values));
    const size_t num_read = values != NULL ? fread(values, sizeof(*values), count + 1, stream) : 0;
    fclose(stream);
    if (num_read != count) {
        free(values);
        return NULL;
    }
    return values;
}

#endif
