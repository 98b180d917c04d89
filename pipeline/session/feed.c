/* SPDX-License-Identifier: MIT */
#include "pipeline/session/feed.h"

#include "base/clock.h"

void tyto_feeder_init(struct tyto_feeder *feeder, struct tyto_source *source,
                      struct tyto_segmenter *segmenter, struct tyto_align *align, bool is_file,
                      int64_t base_ns)
{
    *feeder = (struct tyto_feeder){
        .source = source,
        .segmenter = segmenter,
        .align = align,
        .is_file = is_file,
        .base_ns = base_ns,
    };
    tyto_camera_clock_init(&feeder->clock, is_file);
}

void tyto_feeder_finish(struct tyto_feeder *feeder)
{
    for (int i = 0; i < TYTO_NUM_STREAMS; i++) {
        if (feeder->has_held[i])
            tyto_media_release(&feeder->held[i]);
        feeder->has_held[i] = false;
    }
}

static void learn_clock(struct tyto_feeder *feeder, const struct tyto_media *media)
{
    const int64_t wall_ns = (int64_t)tyto_clock_unix_ns() - (int64_t)tyto_clock_mono_ns();
    const int64_t media_ns =
        media->pts_ns + feeder->base_ns + tyto_segmenter_shift_ns(feeder->segmenter);
    tyto_camera_clock_learn(&feeder->clock, media_ns, media->in_ns, media->capture_unix_ns,
                            wall_ns);
}

/* How far the source has come by itself, as with pictures that are skipped. */
static void pass(struct tyto_feeder *feeder, enum tyto_stream which, int64_t position_ns,
                 uint64_t now_ns)
{
    if (position_ns != INT64_MIN)
        tyto_segmenter_pass(feeder->segmenter, which, position_ns + feeder->base_ns, now_ns);
}

/* True when media was used up, false when it has to be held. */
static bool deliver(struct tyto_feeder *feeder, enum tyto_stream which, struct tyto_media *media,
                    uint64_t now_ns)
{
    /* A file's data arrive when we come for them: only that shows which stream is late. */
    const uint64_t in_ns = feeder->is_file ? now_ns : media->in_ns;
    const int64_t pts_ns = media->pts_ns + feeder->base_ns;
    const bool is_data = media->kind == TYTO_MEDIA_SOUND || media->kind == TYTO_MEDIA_PICTURE;
    if (feeder->is_file && is_data && !tyto_segmenter_fits(feeder->segmenter, which, pts_ns)) {
        tyto_segmenter_pass(feeder->segmenter, which, pts_ns, in_ns);
        return false;
    }
    if (is_data)
        learn_clock(feeder, media);
    switch (media->kind) {
    case TYTO_MEDIA_SOUND:
        if (!feeder->is_file)
            tyto_still_sound(&feeder->still, media->samples, media->num_samples, in_ns);
        tyto_align_sound(feeder->align, pts_ns, media->samples, media->num_samples);
        tyto_segmenter_audio(feeder->segmenter, pts_ns, media->samples, media->num_samples, in_ns);
        break;
    case TYTO_MEDIA_PICTURE: {
        struct tyto_picture *picture = media->picture;
        if (!feeder->is_file)
            tyto_still_picture(&feeder->still, &picture->frame, in_ns);
        media->picture = NULL;
        picture->pts_ns = pts_ns;
        tyto_segmenter_video(feeder->segmenter, picture, in_ns);
        break;
    }
    case TYTO_MEDIA_PASSED:
        tyto_segmenter_pass(feeder->segmenter, which, pts_ns, in_ns);
        break;
    case TYTO_MEDIA_END:
        /* What was passed last may be more than the position read before this was popped says, and
         * the last segment is worth telling only if it was. */
        pass(feeder, which, tyto_source_position(feeder->source, which), in_ns);
        tyto_segmenter_end(feeder->segmenter, which);
        feeder->ended[which] = true;
        break;
    }
    return true;
}

static void step_stream(struct tyto_feeder *feeder, enum tyto_stream which, uint64_t now_ns)
{
    /* Before popping: whatever it says was passed has been pushed already. */
    const int64_t position_ns = tyto_source_position(feeder->source, which);
    if (feeder->has_held[which]) {
        if (!deliver(feeder, which, &feeder->held[which], now_ns))
            return;
        tyto_media_release(&feeder->held[which]);
        feeder->has_held[which] = false;
    }
    for (;;) {
        if (feeder->is_file && tyto_segmenter_is_ahead(feeder->segmenter, which))
            return;
        struct tyto_media media;
        if (tyto_source_pop(feeder->source, which, &media) != TYTO_OK)
            break;
        if (!deliver(feeder, which, &media, now_ns)) {
            feeder->held[which] = media;
            feeder->has_held[which] = true;
            return;
        }
        tyto_media_release(&media);
    }
    pass(feeder, which, position_ns, now_ns);
}

void tyto_feeder_step(struct tyto_feeder *feeder, uint64_t now_ns)
{
    bool audio, video;
    if (tyto_source_get_streams(feeder->source, &audio, &video))
        tyto_segmenter_expect(feeder->segmenter, audio, video);
    for (int i = 0; i < TYTO_NUM_STREAMS; i++)
        step_stream(feeder, (enum tyto_stream)i, now_ns);
    tyto_align_look(feeder->align, feeder->source, feeder->base_ns);
}

bool tyto_feeder_drain(struct tyto_feeder *feeder, uint64_t now_ns)
{
    tyto_feeder_step(feeder, now_ns);
    bool done = true;
    for (int i = 0; i < TYTO_NUM_STREAMS; i++) {
        const enum tyto_stream which = (enum tyto_stream)i;
        const bool waiting =
            feeder->has_held[i] ||
            (feeder->is_file && tyto_segmenter_is_ahead(feeder->segmenter, which) &&
             !feeder->ended[i]);
        if (!waiting && !feeder->ended[i]) {
            tyto_segmenter_end(feeder->segmenter, which);
            feeder->ended[i] = true;
        }
        done &= feeder->ended[i];
    }
    return done;
}
