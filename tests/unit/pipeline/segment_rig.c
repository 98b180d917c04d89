/* SPDX-License-Identifier: MIT */
#include "tests/unit/pipeline/segment_rig.h"

#include <stdlib.h>

int num_live_pictures;

static void release_picture(struct tyto_picture *picture)
{
    num_live_pictures--;
    free(picture);
}

struct tyto_picture *make_picture(int64_t pts_ns)
{
    struct tyto_picture *picture = calloc(1, sizeof(*picture));
    assert_non_null(picture);
    picture->pts_ns = pts_ns;
    picture->num_refs = 1;
    picture->release = release_picture;
    num_live_pictures++;
    return picture;
}

struct tyto_segmenter *make(struct tyto_segmenter_params params)
{
    struct tyto_segmenter *seg = NULL;
    assert_int_equal(tyto_segmenter_create(&params, &seg), TYTO_OK);
    return seg;
}

void feed_audio(struct tyto_segmenter *seg, int64_t from_ns, int64_t to_ns, int64_t raw_off_ns,
                uint64_t now_ns)
{
    float samples[CHUNK];
    for (int64_t idx = from_ns * RATE / S; idx < to_ns * RATE / S; idx += CHUNK) {
        for (int i = 0; i < CHUNK; i++)
            samples[i] = (float)(idx + i) / (float)(1 << 24);
        tyto_segmenter_audio(seg, idx * S / RATE + raw_off_ns, samples, CHUNK, now_ns);
    }
}

void feed_video(struct tyto_segmenter *seg, int64_t from_ns, int64_t to_ns, int64_t every_ns,
                int64_t raw_off_ns, uint64_t now_ns)
{
    for (int64_t ns = from_ns; ns < to_ns; ns += every_ns)
        tyto_segmenter_video(seg, make_picture(ns + raw_off_ns), now_ns);
}

uint32_t drain(struct tyto_segmenter *seg, uint64_t now_ns, struct tyto_segment *ret, uint32_t cap)
{
    uint32_t num = 0;
    struct tyto_segment one;
    while (tyto_segmenter_poll(seg, now_ns, &one) == TYTO_OK) {
        assert_true(num < cap);
        tyto_picture_unref(&one.picture);
        ret[num++] = one;
    }
    return num;
}

void finish(struct tyto_segmenter *seg)
{
    tyto_segmenter_destroy(&seg);
    assert_int_equal(num_live_pictures, 0);
}
