/* SPDX-License-Identifier: MIT */
#include "cli/sync/follow.h"

#include <poll.h>

#include "base/clock.h"

enum { WAIT_MS = 50, TEXT_BYTES = 256 };

/* Pictures wait for sound that is so far behind, and sound for pictures: files interleave badly,
 * and the estimator keeps some seconds only. */
static const int64_t ahead_ns = 4000000000;
/* Unless nothing else came for so long. */
static const uint64_t patience_ns = 2000000000;
static const uint64_t longest_ns = 20000000000;
#define TEARDOWN_NS (5 * TYTO_NS_PER_S)
#define SAMPLING_NS 1000000 /* every picture is wanted */

struct stream {
    struct tyto_source *source; /* borrowed */
    enum tyto_stream which;
    int64_t pos_ns;
    bool seen, ended;
};

struct follow {
    const struct tyto_sync_follow_params *params;
    struct tyto_sync *sync;
    struct tyto_source *sources[2]; /* the second is the sound's where it is another's */
    struct stream streams[TYTO_NUM_STREAMS];
    uint64_t last_ns; /* of anything that came */
    int64_t told_ns;
    bool stops;
};

static int64_t moved(const struct tyto_sync_follow_params *params, int64_t pts_ns)
{
    const double time_s = (double)pts_ns / 1e9;
    const bool stepped = params->step_s != 0 && time_s >= params->step_at_s;
    const double by_s =
        params->shift_s + (stepped ? params->step_s : 0) + params->drift_ppm * 1e-6 * time_s;
    return pts_ns + (int64_t)(by_s * 1e9);
}

static void take(struct follow *follow, struct stream *stream, const struct tyto_media *media)
{
    const struct tyto_sync_follow_params *params = follow->params;
    if (media->kind == TYTO_MEDIA_END) {
        stream->ended = true;
        return;
    }
    stream->pos_ns = media->pts_ns;
    stream->seen = true;
    if (media->kind == TYTO_MEDIA_SOUND)
        tyto_sync_sound(follow->sync, moved(params, media->pts_ns), media->samples,
                        media->num_samples);
    if (media->kind == TYTO_MEDIA_PICTURE) {
        uint8_t grey[TYTO_SYNC_GREY_BYTES];
        tyto_sync_shrink(&media->picture->frame, grey);
        tyto_sync_picture(follow->sync, media->pts_ns, grey);
    }
}

/* Whether it is so far ahead that the other one should come first. */
static bool waits(const struct follow *follow, const struct stream *stream)
{
    const struct stream *other = &follow->streams[stream == follow->streams];
    if (!stream->seen || other->ended || tyto_clock_mono_ns() - follow->last_ns > patience_ns)
        return false;
    return !other->seen || stream->pos_ns - other->pos_ns > ahead_ns;
}

static bool step(struct follow *follow)
{
    bool any = false;
    for (int i = 0; i < TYTO_NUM_STREAMS; i++) {
        struct stream *stream = &follow->streams[i];
        struct tyto_media media;
        if (stream->ended || waits(follow, stream))
            continue;
        const enum tyto_err err = tyto_source_pop(stream->source, stream->which, &media);
        stream->ended |= err == TYTO_ERR_CLOSED;
        if (err)
            continue;
        take(follow, stream, &media);
        tyto_media_release(&media);
        any = true;
        follow->last_ns = tyto_clock_mono_ns();
    }
    return any;
}

static void tell(struct follow *follow)
{
    const struct tyto_sync_follow_params *params = follow->params;
    struct tyto_sync_estimate estimate;
    tyto_sync_get(follow->sync, &estimate);
    follow->stops = params->should_stop && params->should_stop(params->user);
    const double time_s = (double)estimate.time_ns / 1e9;
    if (params->end_s > 0 && follow->streams[TYTO_STREAM_VIDEO].seen)
        follow->stops |= (double)follow->streams[TYTO_STREAM_VIDEO].pos_ns / 1e9 >= params->end_s;
    if (!params->on_estimate || time_s < (double)follow->told_ns / 1e9 + params->every_s)
        return;
    follow->told_ns = estimate.time_ns;
    params->on_estimate(params->user, follow->sync);
}

/* What a source ended with; OK: it goes on, or ended as it should. */
static enum tyto_err look_at(struct tyto_source *source, bool *ret_over,
                             struct tyto_fault *ret_fault)
{
    char text[TEXT_BYTES] = "";
    const enum tyto_err err = tyto_source_wait(source, 0, text, sizeof(text));
    *ret_over = err != TYTO_ERR_TIMEOUT;
    if (err == TYTO_ERR_TIMEOUT || err == TYTO_ERR_CLOSED)
        return TYTO_OK;
    return tyto_fault_set(ret_fault, err, NULL, 0, NULL, "%s", text[0] ? text : tyto_err_text(err));
}

static bool has_ended(const struct follow *follow)
{
    return follow->streams[TYTO_STREAM_AUDIO].ended && follow->streams[TYTO_STREAM_VIDEO].ended;
}

static enum tyto_err check_streams(struct follow *follow, struct tyto_fault *ret_fault)
{
    for (int i = 0; i < TYTO_NUM_STREAMS; i++) {
        bool there[TYTO_NUM_STREAMS];
        const struct stream *stream = &follow->streams[i];
        if (!tyto_source_get_streams(stream->source, &there[TYTO_STREAM_AUDIO],
                                     &there[TYTO_STREAM_VIDEO]) ||
            there[stream->which])
            continue;
        const char *note = tyto_source_note(stream->source);
        return tyto_fault_set(ret_fault, TYTO_ERR_UNSUPPORTED, NULL, 0, NULL,
                              "has no %s%s%s: there is nothing to compare",
                              stream->which == TYTO_STREAM_AUDIO ? "sound" : "picture",
                              note[0] ? ": " : "", note);
    }
    return TYTO_OK;
}

static enum tyto_err run(struct follow *follow, struct tyto_fault *ret_fault)
{
    uint64_t looked_ns = 0;
    bool over = false;
    while (!follow->stops && !has_ended(follow)) {
        const bool any = step(follow);
        tell(follow);
        const uint64_t now_ns = tyto_clock_mono_ns();
        if (over && !any)
            return TYTO_OK; /* what was in the rings has been taken */
        if (now_ns - follow->last_ns > longest_ns)
            return tyto_fault_set(ret_fault, TYTO_ERR_TIMEOUT, NULL, 0, NULL,
                                  "nothing has come for %.0f s", (double)longest_ns / 1e9);
        if (now_ns - looked_ns > WAIT_MS * 1000000ull) {
            looked_ns = now_ns;
            over = true;
            for (int i = 0; i < 2 && follow->sources[i]; i++) {
                bool is_over;
                enum tyto_err err = look_at(follow->sources[i], &is_over, ret_fault);
                if (!err)
                    err = check_streams(follow, ret_fault);
                if (err)
                    return err;
                over &= is_over;
            }
        }
        if (!any) {
            struct pollfd fds[TYTO_NUM_STREAMS];
            for (int i = 0; i < TYTO_NUM_STREAMS; i++)
                fds[i] = (struct pollfd){
                    .fd = tyto_source_fd(follow->streams[i].source, follow->streams[i].which),
                    .events = POLLIN};
            (void)poll(fds, TYTO_NUM_STREAMS, WAIT_MS / 10);
        }
    }
    return TYTO_OK;
}

static enum tyto_err open_source(const struct tyto_sync_follow_params *params, const char *uri,
                                 bool no_audio, bool no_video, struct tyto_source **ret_source,
                                 struct tyto_fault *ret_fault)
{
    const struct tyto_source_params source_params = {
        .uri = uri,
        .options = {.keyframes = TYTO_KEYFRAMES_NEVER,
                    .transport = params->transport,
                    .no_audio = no_audio,
                    .no_video = no_video},
        .hop_ns = SAMPLING_NS,
        .length_ns = SAMPLING_NS,
    };
    return tyto_source_create(&source_params, ret_source, ret_fault);
}

enum tyto_err tyto_sync_follow(const struct tyto_sync_follow_params *params, struct tyto_sync *sync,
                               struct tyto_fault *ret_fault)
{
    struct follow follow = {
        .params = params, .sync = sync, .last_ns = tyto_clock_mono_ns(), .told_ns = 0};
    const bool two = params->audio_uri != NULL;
    enum tyto_err err = open_source(params, params->uri, two, false, &follow.sources[0], ret_fault);
    if (!err && two)
        err = open_source(params, params->audio_uri, false, true, &follow.sources[1], ret_fault);
    if (!err) {
        follow.streams[TYTO_STREAM_AUDIO] =
            (struct stream){.source = follow.sources[two], .which = TYTO_STREAM_AUDIO};
        follow.streams[TYTO_STREAM_VIDEO] =
            (struct stream){.source = follow.sources[0], .which = TYTO_STREAM_VIDEO};
        err = run(&follow, ret_fault);
    }
    for (int i = 0; i < 2; i++)
        (void)tyto_source_destroy(&follow.sources[i], TEARDOWN_NS);
    if (!err && params->on_estimate)
        params->on_estimate(params->user, sync);
    return err;
}
