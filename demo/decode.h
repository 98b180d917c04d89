/* SPDX-License-Identifier: MIT */
/* A stamp's files as pixels and samples, decoded with GStreamer. */
#ifndef TYTO_DEMO_DECODE_H
#define TYTO_DEMO_DECODE_H

#include <stdint.h>

#include "base/err.h"
#include "demo/paint.h"

enum { DEMO_RATE_HZ = 48000 };

/* Mono, DEMO_RATE_HZ, -1..1; owned by whoever holds it. */
struct demo_sound {
    float *samples;
    uint32_t num_samples;
};

/* Both: TYTO_ERR_NOT_FOUND when there is no such file, FORMAT when it cannot be decoded; gst_init()
 * has been called before. The caller frees rgba or samples. */
TYTO_MUST_CHECK
enum tyto_err demo_decode_picture(const char *path, struct demo_picture *ret_picture);
TYTO_MUST_CHECK
enum tyto_err demo_decode_sound(const char *path, struct demo_sound *ret_sound);

#endif
