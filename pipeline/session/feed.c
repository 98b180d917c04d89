/* SPDX-License-Identifier: MIT */
#include "pipeline/session/feed.h"

#include "base/clock.h"

void tyto_pump_init(struct tyto_pump *pump, struct tyto_source *source,
                    struct tyto_segmenter *segmenter, struct tyto_align *align, bool is_file,
                    int64_t base_ns)
{
    *pump = (struct tyto_pump){
        .source = source,
        .segmenter = segmenter,
        .align = align,
        .is_file = is_file,
        .base_ns = base_ns,
    };
    tyto_camera_clock_init(&pump->clock, is_file);
}

void tyto_pump_finish(struct tyto_pump *pump)
{
    for (int i = 0; i < TYTO_NUM_STREAMS; i++) {
        if (pump->has_held[i])
            tyto_media_release(&pump->held[i]);
        pump->has_held[i] = false;
    }
}

static void learn_clock(struct tyto_pump *pump, const struct tyto_media *media)
{
    const int64_t wall_ns = (int64_t)tyto_clock_unix_ns() - (int64_t)tyto_clock_mono_ns();
    const int64_t media_ns =
        media->pts_ns + pump->base_ns + tyto_segmenter_shift_ns(pump->segmenter);
    tyto_camera_clock_learn(&pump->clock, media_ns, media->in_ns, media->capture_unix_ns, wall_ns);
}

/* True when media was used up, false when it has to be held. */
static bool deliver(struct tyto_pump *pump, enum tyto_stream which, struct tyto_media *media,
                    uint64_t now_ns)
{
    /* A file's data arrive when we come for them: only that shows which stream is late. */
    const uint64_t in_ns = pump->is_file ? now_ns : media->in_ns;
    const int64_t pts_ns = media->pts_ns + pump->base_ns;
    const bool is_data = media->kind == TYTO_MEDIA_SOUND || media->kind == TYTO_MEDIA_PICTURE;
    if (pump->is_file && is_data && !tyto_segmenter_fits(pump->segmenter, which, pts_ns)) {
        tyto_segmenter_pass(pump->segmenter, which, pts_ns, in_ns);
        return false;
    }
    if (is_data)
        learn_clock(pump, media);
    switch (media->kind) {
    case TYTO_MEDIA_SOUND:
        tyto_align_sound(pump->align, pts_ns, media->samples, media->num_samples);
        tyto_segmenter_audio(pump->segmenter, pts_ns, media->samples, media->num_samples, in_ns);
        break;
    case TYTO_MEDIA_PICTURE: {
        struct tyto_picture *picture = media->picture;
        media->picture = NULL;
        picture->pts_ns = pts_ns;
        tyto_segmenter_video(pump->segmenter, picture, in_ns);
        break;
    }
    case TYTO_MEDIA_PASSED:
        tyto_segmenter_pass(pump->segmenter, which, pts_ns, in_ns);
        break;
    case TYTO_MEDIA_END:
        tyto_segmenter_end(pump->segmenter, which);
        pump->ended[which] = true;
        break;
    }
    return true;
}

static void step_stream(struct tyto_pump *pump, enum tyto_stream which, uint64_t now_ns)
{
    /* Before popping: whatever it says was passed has been pushed already. */
    const int64_t position_ns = tyto_source_position(pump->source, which);
    if (pump->has_held[which]) {
        if (!deliver(pump, which, &pump->held[which], now_ns))
            return;
        tyto_media_release(&pump->held[which]);
        pump->has_held[which] = false;
    }
    for (;;) {
        if (pump->is_file && tyto_segmenter_is_ahead(pump->segmenter, which))
            return;
        struct tyto_media media;
        if (tyto_source_pop(pump->source, which, &media) != TYTO_OK)
            break;
        if (!deliver(pump, which, &media, now_ns)) {
            pump->held[which] = media;
            pump->has_held[which] = true;
            return;
        }
        tyto_media_release(&media);
    }
    if (position_ns != INT64_MIN)
        tyto_segmenter_pass(pump->segmenter, which, position_ns + pump->base_ns, now_ns);
}

void tyto_pump_step(struct tyto_pump *pump, uint64_t now_ns)
{
    bool audio, video;
    if (tyto_source_get_streams(pump->source, &audio, &video))
        tyto_segmenter_expect(pump->segmenter, audio, video);
    for (int i = 0; i < TYTO_NUM_STREAMS; i++)
        step_stream(pump, (enum tyto_stream)i, now_ns);
    tyto_align_look(pump->align, pump->source, pump->base_ns);
}

bool tyto_pump_drain(struct tyto_pump *pump, uint64_t now_ns)
{
    tyto_pump_step(pump, now_ns);
    bool done = true;
    for (int i = 0; i < TYTO_NUM_STREAMS; i++) {
        const enum tyto_stream which = (enum tyto_stream)i;
        const bool waiting =
            pump->has_held[i] ||
            (pump->is_file && tyto_segmenter_is_ahead(pump->segmenter, which) && !pump->ended[i]);
        if (!waiting && !pump->ended[i]) {
            tyto_segmenter_end(pump->segmenter, which);
            pump->ended[i] = true;
        }
        done &= pump->ended[i];
    }
    return done;
}
