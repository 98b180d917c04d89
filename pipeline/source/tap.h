/* SPDX-License-Identifier: MIT */
/* A second way out of a source: its coded pictures and sounds, before they are
 * decoded or left out. Whoever owns the tap (record.c) decides what becomes of them. */
#ifndef TYTO_PIPELINE_SOURCE_TAP_H
#define TYTO_PIPELINE_SOURCE_TAP_H

#include <stdbool.h>
#include <stdint.h>

#include "pipeline/segment/segment.h"

#define TYTO_CODED_NO_TIME INT64_MIN

/* One coded picture or piece of sound; times are the camera's media clock (before
 * repairs of jumps), sound shifted by its av_offset. */
struct tyto_coded {
    void *sample;                        /* of GStreamer; counted: ref and unref below */
    int64_t pts_ns, dts_ns, duration_ns; /* dts: NO_TIME when not known; duration: 0 */
    uint32_t num_bytes;
    bool is_key;
};

/* clip_gst.c. */
void tyto_coded_ref(const struct tyto_coded *coded);
void tyto_coded_unref(struct tyto_coded *coded);
/* Whether both have the same coding, size and parameters: can be in one clip. */
bool tyto_coded_is_alike(const struct tyto_coded *a, const struct tyto_coded *b);

/* Called on any thread, also after the connection was given up: each source holds
 * a reference from its creation to its end. */
struct tyto_tap {
    int64_t av_offset_ns; /* subtracted from the sound's times */
    void (*on_coded)(struct tyto_tap *tap, enum tyto_stream stream, struct tyto_coded *coded);
    void (*on_connected)(struct tyto_tap *tap, bool is_connected);
    /* Media time of segments and events minus the times above; after clock jumps not 0. */
    void (*on_shift)(struct tyto_tap *tap, int64_t shift_ns);
    void (*ref)(struct tyto_tap *tap);
    void (*unref)(struct tyto_tap *tap);
};

#endif
