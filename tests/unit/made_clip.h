/* SPDX-License-Identifier: MIT */
/* Recordings whose picture says its own number and whose sound begins at known times. */
#ifndef TYTO_TESTS_MADE_CLIP_H
#define TYTO_TESTS_MADE_CLIP_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "trainer/media/write.h"

enum { MADE_WIDTH = 64, MADE_HEIGHT = 48, MADE_FPS = 25, MADE_RATE_HZ = 44100, MADE_STEP = 2 };

struct made_clip {
    double length_s;
    double beep_begin_s, beep_end_s; /* 1 kHz of amplitude 0.5, silence elsewhere */
    bool no_audio, no_video;
    uint32_t gop_frames;
    uint32_t first; /* number of the first picture: makes clips differ */
};

/* All of picture n is this grey. */
static inline int made_grey(uint32_t n)
{
    return 20 + MADE_STEP * (int)(n % 100);
}

static inline void make_clip(const char *path, const struct made_clip *made)
{
    const struct tyto_sink_params params = {
        .path = path,
        .width_px = made->no_video ? 0 : MADE_WIDTH,
        .height_px = made->no_video ? 0 : MADE_HEIGHT,
        .fps_num = MADE_FPS,
        .fps_den = 1,
        .rate_hz = made->no_audio ? 0 : MADE_RATE_HZ,
        .gop_frames = made->gop_frames,
        .quality = 12,
    };
    static uint8_t picture[MADE_WIDTH * MADE_HEIGHT * 3 / 2];
    const uint32_t per_frame = MADE_RATE_HZ / MADE_FPS;
    float samples[MADE_RATE_HZ / MADE_FPS];
    struct tyto_sink *sink = NULL;
    struct tyto_fault fault = {0};
    if (tyto_sink_create(&params, &sink, &fault))
        fail_msg("%s", fault.text);
    for (uint32_t n = 0; n < (uint32_t)(made->length_s * MADE_FPS + 0.5); n++) {
        memset(picture, made_grey(made->first + n), MADE_WIDTH * MADE_HEIGHT);
        memset(picture + MADE_WIDTH * MADE_HEIGHT, 128, MADE_WIDTH * MADE_HEIGHT / 2);
        for (uint32_t i = 0; i < per_frame; i++) {
            const double t = (double)(n * per_frame + i) / MADE_RATE_HZ;
            const bool on = t >= made->beep_begin_s && t < made->beep_end_s;
            samples[i] = on ? 0.5f * (float)sin(2 * M_PI * 1000 * (t - made->beep_begin_s)) : 0;
        }
        if (!made->no_video)
            assert_int_equal(tyto_sink_put_frame(sink, picture, &fault), TYTO_OK);
        if (!made->no_audio)
            assert_int_equal(tyto_sink_put_samples(sink, samples, per_frame, &fault), TYTO_OK);
    }
    if (tyto_sink_finish(&sink, &fault))
        fail_msg("%s", fault.text);
}

#endif
