/* SPDX-License-Identifier: MIT */
#include "pipeline/session/still.h"

#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/hash.h"

/* Of a picture each so many rows are looked at. */
enum { ROWS = 8, MAX_DOUBLINGS = 5 };

/* What resampling makes of a constant. */
static const float same_level = 1e-6f;

void tyto_still_init(struct tyto_still *still, uint64_t limit_ns)
{
    *still = (struct tyto_still){.limit_ns = limit_ns};
}

static void note(struct tyto_still *still, enum tyto_stream which, bool is_same, uint64_t now_ns)
{
    const uint32_t num_told = still->streams[which].num_told;
    const uint64_t limit_ns = still->limit_ns
                              << (num_told < MAX_DOUBLINGS ? num_told : MAX_DOUBLINGS);
    const uint64_t since_ns = still->streams[which].since_ns;
    if (!is_same) {
        still->streams[which].num_told += still->streams[which].is_told;
        still->streams[which].is_told = false;
        still->streams[which].since_ns = now_ns;
    } else if (now_ns > since_ns && now_ns - since_ns > limit_ns) {
        still->streams[which].is_told = true;
    }
    still->streams[which].any = true;
}

void tyto_still_picture(struct tyto_still *still, const struct tyto_frame *frame, uint64_t now_ns)
{
    const uint32_t row_bytes = frame->format == TYTO_PIXEL_RGB ? 3 * frame->width : frame->width;
    uint64_t hash = TYTO_HASH_INIT;
    for (uint32_t y = 0; y < frame->height; y += ROWS)
        hash = tyto_hash(hash, frame->planes[0] + (size_t)y * frame->strides_bytes[0], row_bytes);
    const bool is_same =
        still->streams[TYTO_STREAM_VIDEO].any && still->streams[TYTO_STREAM_VIDEO].hash == hash;
    still->streams[TYTO_STREAM_VIDEO].hash = hash;
    note(still, TYTO_STREAM_VIDEO, is_same, now_ns);
}

void tyto_still_sound(struct tyto_still *still, const float *samples, uint32_t num_samples,
                      uint64_t now_ns)
{
    bool is_same = still->streams[TYTO_STREAM_AUDIO].any;
    if (num_samples == 0)
        return;
    const float level = is_same ? still->streams[TYTO_STREAM_AUDIO].level : samples[0];
    for (uint32_t i = 0; i < num_samples && is_same; i++)
        is_same = fabsf(samples[i] - level) <= same_level;
    if (!is_same)
        still->streams[TYTO_STREAM_AUDIO].level = samples[num_samples - 1];
    note(still, TYTO_STREAM_AUDIO, is_same, now_ns);
}

void tyto_still_text(const bool is_told[TYTO_NUM_STREAMS], uint64_t limit_ns, char *ret_text,
                     uint32_t text_bytes)
{
    char picture[64] = "";
    if (is_told[TYTO_STREAM_VIDEO])
        snprintf(picture, sizeof(picture), "its picture has not changed for %llu s or more",
                 (unsigned long long)(limit_ns / TYTO_NS_PER_S));
    snprintf(ret_text, text_bytes, "%s%s%s", picture,
             is_told[TYTO_STREAM_VIDEO] && is_told[TYTO_STREAM_AUDIO] ? "; " : "",
             is_told[TYTO_STREAM_AUDIO] ? "its sound is silence alone" : "");
}
