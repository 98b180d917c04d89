/* SPDX-License-Identifier: MIT */
/* Whether a stream goes on and says nothing: a picture that is the same bit by bit, as of an
 * encoder that repeats its last one, and sound that is one level, as of a microphone that is
 * switched off. What a sensor gives is never that for long. It is told, and nothing else: a camera
 * may look at a still picture. Plain computation: the time is passed in. */
#ifndef TYTO_PIPELINE_SESSION_STILL_H
#define TYTO_PIPELINE_SESSION_STILL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/frame.h"
#include "pipeline/segment/segment.h"

/* Of one connection. */
struct tyto_still {
    uint64_t limit_ns;
    struct {
        bool any;
        uint64_t hash; /* of the picture */
        float level;   /* of the sound */
        uint64_t since_ns;
        uint32_t num_told; /* and over again */
        bool is_told;
    } streams[TYTO_NUM_STREAMS];
};

/* limit_ns: how long a stream may stay the same; twice that after it was told and over, and so on,
 * for a quiet microphone that is coded coarsely comes and goes. */
void tyto_still_init(struct tyto_still *still, uint64_t limit_ns);
/* The next picture, or sound, came at now_ns (monotonic). */
void tyto_still_picture(struct tyto_still *still, const struct tyto_frame *frame, uint64_t now_ns);
void tyto_still_sound(struct tyto_still *still, const float *samples, uint32_t num_samples,
                      uint64_t now_ns);
/* "its picture has not changed for 20 s or more", "its sound is silence alone", both, or "". */
void tyto_still_text(const bool is_told[TYTO_NUM_STREAMS], uint64_t limit_ns, char *ret_text,
                     uint32_t text_bytes);

#endif
