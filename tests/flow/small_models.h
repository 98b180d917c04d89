/* SPDX-License-Identifier: MIT */
/* Networks small enough to be made up on the spot, for tests of what is around them. */
#ifndef TYTO_TESTS_FLOW_SMALL_MODELS_H
#define TYTO_TESTS_FLOW_SMALL_MODELS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* A segment's features: 2 x 2 places of 6, and 7 + 2 * 6 of the sound. */
enum { SMALL_TUNE_IN = 8, SMALL_TUNE_OUT = 12 };
enum { SMALL_PLACES = 4, SMALL_VISUAL = 6, SMALL_AUDIO = 19, SMALL_SEGMENTS = 6 };

struct small_head {
    const char *seed;      /* other weights for each */
    const char *classes;   /* JSON */
    const char *encoders;  /* JSON, or NULL: not said */
    const char *fusion;    /* NULL: not said */
    uint32_t num_classes;  /* of `classes` */
    uint32_t num_segments; /* 0: SMALL_SEGMENTS */
    uint32_t visual;       /* 0: SMALL_VISUAL */
    float scale;           /* of the weights of the last layers; 0: as usual */
    bool is_softmax;
};

enum tyto_err small_visual_write(const char *path);
/* 2 x 2 places of 12 by a 1x1 convolution of 8 with ReLU6: a last layer that can be tuned. */
enum tyto_err small_tunable_write(const char *path);
enum tyto_err small_audio_write(const char *path);
/* One that gives 20 numbers: features as they are want a multiple of 4. */
enum tyto_err small_even_audio_write(const char *path);
enum tyto_err small_head_write(const char *path, const struct small_head *head);

#endif
