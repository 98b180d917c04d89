/* SPDX-License-Identifier: MIT */
/* Moves what a source's rings hold into a segmenter and learns the camera's
 * clock on the way. Internal to the pipeline room; the inference thread's. */
#ifndef TYTO_PIPELINE_SESSION_FEED_H
#define TYTO_PIPELINE_SESSION_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "pipeline/segment/segment.h"
#include "pipeline/session/align.h"
#include "pipeline/session/camera_clock.h"
#include "pipeline/session/still.h"
#include "pipeline/source/source.h"

struct tyto_feeder {
    struct tyto_source *source;       /* borrowed until the feeder is finished */
    struct tyto_segmenter *segmenter; /* likewise */
    struct tyto_align *align;         /* likewise; gets all sound, and every small picture */
    bool is_file;
    int64_t base_ns; /* added to the source's times: the camera's media clock */
    struct tyto_media held[TYTO_NUM_STREAMS]; /* did not fit the segmenter's window yet */
    bool has_held[TYTO_NUM_STREAMS];
    bool ended[TYTO_NUM_STREAMS];
    struct tyto_camera_clock clock;
    struct tyto_still still;
};

void tyto_feeder_init(struct tyto_feeder *feeder, struct tyto_source *source,
                      struct tyto_segmenter *segmenter, struct tyto_align *align, bool is_file,
                      int64_t base_ns);
/* Lets go of what it holds. */
void tyto_feeder_finish(struct tyto_feeder *feeder);
/* Takes all that is there and fits. Never blocks. */
void tyto_feeder_step(struct tyto_feeder *feeder, uint64_t now_ns);
/* Nothing more will come: everything was popped and both streams are told their
 * end. Only after the source was said to be over. */
bool tyto_feeder_drain(struct tyto_feeder *feeder, uint64_t now_ns);

#endif
