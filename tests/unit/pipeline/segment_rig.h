/* SPDX-License-Identifier: MIT */
/* A segmenter driven by hand: streams as arrays, time as a number. */
#ifndef TYTO_TESTS_SEGMENT_RIG_H
#define TYTO_TESTS_SEGMENT_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "pipeline/segment/segment.h"

#define S 1000000000ll
#define MS 1000000ll

enum { RATE = 16000, CHUNK = 320 }; /* 20 ms */

extern int num_live_pictures;

struct tyto_picture *make_picture(int64_t pts_ns);
struct tyto_segmenter *make(struct tyto_segmenter_params params);
/* Sound of [from, to) whose samples are their own absolute index / 2^24. */
void feed_audio(struct tyto_segmenter *seg, int64_t from_ns, int64_t to_ns, int64_t raw_off_ns,
                uint64_t now_ns);
void feed_video(struct tyto_segmenter *seg, int64_t from_ns, int64_t to_ns, int64_t every_ns,
                int64_t raw_off_ns, uint64_t now_ns);
/* Takes what is there, at most cap; its number. */
uint32_t drain(struct tyto_segmenter *seg, uint64_t now_ns, struct tyto_segment *ret, uint32_t cap);
/* No picture is left. */
void finish(struct tyto_segmenter *seg);

#endif
