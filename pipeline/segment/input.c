/* SPDX-License-Identifier: MIT */
#include "pipeline/segment/segment.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/segment/internal.h"

enum { MIN_HOP_NS = 100000000 };

#define MAX_LENGTH_NS (4ll * NS_PER_S)
/* Rounding of timestamps (RTP clocks, containers in ms) is no gap. */
#define SNAP_NS (20ll * 1000000)
/* Going back this far is a clock that was set anew; less is late data. */
#define BACK_JUMP_NS (1ll * NS_PER_S)
/* Jumps of two streams that differ by less are the same jump of the camera's clock. */
#define SAME_JUMP_NS (3ll * NS_PER_S / 2)
#define DISCONTINUOUS_NS (10ll * NS_PER_S)

static const char *const lack_texts[] = {
#define TYTO_LACK_ENTRY(name, text) [TYTO_LACK_##name] = (text),
    TYTO_LACK_LIST(TYTO_LACK_ENTRY)
#undef TYTO_LACK_ENTRY
};

const char *tyto_lack_text(enum tyto_lack lack)
{
    const size_t num = sizeof(lack_texts) / sizeof(lack_texts[0]);
    return (size_t)lack < num ? lack_texts[lack] : "unknown";
}

struct tyto_picture *tyto_picture_ref(struct tyto_picture *picture)
{
    atomic_fetch_add(&picture->num_refs, 1);
    return picture;
}

void tyto_picture_unref(struct tyto_picture **picture)
{
    if (!picture || !*picture)
        return;
    if (atomic_fetch_sub(&(*picture)->num_refs, 1) == 1 && (*picture)->release)
        (*picture)->release(*picture);
    *picture = NULL;
}

static void set_defaults(struct tyto_segmenter_params *params)
{
    if (params->hop_ns == 0)
        params->hop_ns = NS_PER_S;
    if (params->length_ns == 0)
        params->length_ns = NS_PER_S;
    if (params->lateness_ns == 0)
        params->lateness_ns = TYTO_SEGMENTER_DEFAULT_LATENESS_NS;
    if (params->window_ns == 0)
        params->window_ns = 6ll * NS_PER_S;
    if (params->sample_rate_hz == 0)
        params->sample_rate_hz = 16000;
    if (params->min_audio_share == 0)
        params->min_audio_share = TYTO_SEGMENT_MIN_AUDIO_SHARE;
}

enum tyto_err tyto_segmenter_create(const struct tyto_segmenter_params *params,
                                    struct tyto_segmenter **ret_segmenter)
{
    struct tyto_segmenter_params p = *params;
    set_defaults(&p);
    if (p.hop_ns < MIN_HOP_NS || p.hop_ns > 60ll * NS_PER_S || p.length_ns < MIN_HOP_NS ||
        p.length_ns > MAX_LENGTH_NS || p.lateness_ns < 0 || p.window_ns < p.length_ns ||
        p.window_ns > 60ll * NS_PER_S || p.sample_rate_hz > 192000 ||
        !(p.min_audio_share > 0 && p.min_audio_share <= 1) || p.av_offset_ns > 10ll * NS_PER_S ||
        p.av_offset_ns < -10ll * NS_PER_S)
        return TYTO_ERR_INVALID;
    struct tyto_segmenter *seg = calloc(1, sizeof(*seg));
    if (!seg)
        return TYTO_ERR_NOMEM;
    seg->params = p;
    seg->segment_samples = (uint32_t)to_samples(seg, p.length_ns);
    seg->num_candidates = (uint32_t)((p.window_ns + 2 * p.length_ns) / p.hop_ns) + 4;
    seg->candidates = calloc(seg->num_candidates, sizeof(*seg->candidates));
    seg->pcm = calloc(seg->segment_samples, sizeof(*seg->pcm));
    const uint32_t capacity = (uint32_t)to_samples(seg, p.window_ns + 2 * p.length_ns);
    enum tyto_err err = tyto_pcm_window_init(&seg->window, capacity);
    if (!seg->candidates || !seg->pcm)
        err = TYTO_ERR_NOMEM;
    if (err) {
        tyto_segmenter_destroy(&seg);
        return err;
    }
    tyto_segmenter_reset(seg);
    *ret_segmenter = seg;
    return TYTO_OK;
}

static void drop_candidates(struct tyto_segmenter *seg)
{
    for (uint32_t i = 0; seg->candidates && i < seg->num_candidates; i++)
        tyto_picture_unref(&seg->candidates[i].picture);
}

void tyto_segmenter_destroy(struct tyto_segmenter **segmenter)
{
    if (!segmenter || !*segmenter)
        return;
    struct tyto_segmenter *seg = *segmenter;
    drop_candidates(seg);
    tyto_pcm_window_finish(&seg->window);
    free(seg->candidates);
    free(seg->pcm);
    free(seg);
    *segmenter = NULL;
}

void tyto_segmenter_reset(struct tyto_segmenter *seg)
{
    drop_candidates(seg);
    tyto_pcm_window_clear(&seg->window);
    for (int i = 0; i < TYTO_NUM_STREAMS; i++)
        seg->streams[i] = (struct stream){.expected = true, .pos_ns = INT64_MIN};
    seg->started = false;
    seg->emitted = false;
    seg->restart = true;
    seg->waiting_since_ns = 0;
    seg->discontinuous_until_ns = INT64_MIN;
}

void tyto_segmenter_expect(struct tyto_segmenter *seg, bool audio, bool video)
{
    seg->streams[TYTO_STREAM_AUDIO].expected = audio;
    seg->streams[TYTO_STREAM_VIDEO].expected = video;
}

void tyto_segmenter_set_av_offset(struct tyto_segmenter *seg, int64_t av_offset_ns)
{
    struct stream *stream = &seg->streams[TYTO_STREAM_AUDIO];
    const int64_t earlier_ns = av_offset_ns - seg->params.av_offset_ns;
    seg->params.av_offset_ns = av_offset_ns;
    /* Times of what comes next move with it: no jump of the camera's clock. */
    if (stream->seen) {
        stream->pos_ns -= earlier_ns;
        seg->audio_next_idx = to_samples(seg, to_ns(seg, seg->audio_next_idx) - earlier_ns);
    }
}

/* --- times ---------------------------------------------------------------------- */

/* Finds the shift by which a stream goes on where it was, unless the other
 * stream has made the same jump already: then both keep their alignment. */
static void repair_jump(struct tyto_segmenter *seg, enum tyto_stream which, int64_t raw_ns,
                        int64_t elapsed_ns)
{
    struct stream *stream = &seg->streams[which];
    const struct stream *other = &seg->streams[1 - which];
    const int64_t shift_ns = stream->pos_ns + elapsed_ns - raw_ns;
    if (other->seen && other->shift_ns != stream->shift_ns &&
        llabs(other->shift_ns - shift_ns) < SAME_JUMP_NS) {
        stream->shift_ns = other->shift_ns;
    } else {
        stream->shift_ns = shift_ns;
        seg->counts.num_jumps++;
    }
    seg->discontinuous_until_ns = stream->pos_ns + DISCONTINUOUS_NS;
}

/* Raw time of new data to the camera's media clock. False: nonsense. */
static bool map_time(struct tyto_segmenter *seg, enum tyto_stream which, int64_t raw_ns,
                     uint64_t now_ns, int64_t *ret_ns)
{
    struct stream *stream = &seg->streams[which];
    if (raw_ns > MAX_PTS_NS || raw_ns < -MAX_PTS_NS)
        return false;
    if (which == TYTO_STREAM_AUDIO)
        raw_ns -= seg->params.av_offset_ns;
    if (stream->seen) {
        const int64_t ahead_ns = raw_ns + stream->shift_ns - stream->pos_ns;
        int64_t elapsed_ns = 0;
        if (seg->params.live && now_ns > stream->progress_now_ns)
            elapsed_ns = (int64_t)(now_ns - stream->progress_now_ns);
        if (ahead_ns < -BACK_JUMP_NS || ahead_ns - elapsed_ns > forward_limit_ns(seg))
            repair_jump(seg, which, raw_ns, elapsed_ns);
    }
    *ret_ns = raw_ns + stream->shift_ns;
    return true;
}

static void start_at(struct tyto_segmenter *seg, int64_t ns)
{
    const int64_t idx = floor_div(ns, seg->params.hop_ns);
    if (!seg->started || (!seg->emitted && idx < seg->next_idx)) {
        seg->next_idx = idx;
        seg->started = true;
    }
}

static void progress(struct tyto_segmenter *seg, enum tyto_stream which, int64_t pos_ns,
                     uint64_t now_ns)
{
    struct stream *stream = &seg->streams[which];
    if (stream->seen && pos_ns <= stream->pos_ns)
        return;
    stream->seen = true;
    stream->pos_ns = pos_ns;
    stream->progress_now_ns = now_ns;
    seg->newest_in_ns = now_ns;
    if (stream->is_late && pos_ns > begin_of(seg, seg->next_idx))
        stream->is_late = false;
}

void tyto_segmenter_advance(struct tyto_segmenter *seg, int64_t idx)
{
    for (uint32_t i = 0; i < seg->num_candidates; i++) {
        if (seg->candidates[i].picture && seg->candidates[i].idx < idx)
            tyto_picture_unref(&seg->candidates[i].picture);
    }
    seg->next_idx = idx;
    seg->waiting_since_ns = 0;
    tyto_pcm_window_drop_before(&seg->window, to_samples(seg, begin_of(seg, idx)));
}

/* Data at ns must fit: gives up the oldest segments when the window is full. */
static void make_room(struct tyto_segmenter *seg, int64_t ns)
{
    const int64_t limit_ns = seg->params.window_ns + seg->params.length_ns;
    if (ns - begin_of(seg, seg->next_idx) <= limit_ns)
        return;
    const int64_t idx = floor_div(ns - limit_ns, seg->params.hop_ns) + 1;
    bool lost = false;
    for (uint32_t i = 0; i < seg->num_candidates; i++)
        lost |= seg->candidates[i].picture && seg->candidates[i].idx < idx;
    lost |= tyto_pcm_window_next(&seg->window, INT64_MIN) < to_samples(seg, begin_of(seg, idx));
    if (lost) { /* else there was a hole in both streams: nothing given up */
        seg->counts.num_overrun += (uint64_t)(idx - seg->next_idx);
        seg->restart = true;
    }
    /* For a stream that is late no time begins anew: else it would be waited for as long as the
     * other one goes on. */
    const uint64_t since_ns = seg->waiting_since_ns;
    tyto_segmenter_advance(seg, idx);
    seg->waiting_since_ns = since_ns;
}

/* --- data in ---------------------------------------------------------------------- */

void tyto_segmenter_audio(struct tyto_segmenter *seg, int64_t pts_ns, const float *samples,
                          uint32_t num_samples, uint64_t now_ns)
{
    struct stream *stream = &seg->streams[TYTO_STREAM_AUDIO];
    int64_t ns;
    if (num_samples == 0 || !map_time(seg, TYTO_STREAM_AUDIO, pts_ns, now_ns, &ns))
        return;
    int64_t from_idx = to_samples(seg, ns);
    if (stream->seen) {
        const int64_t off = from_idx - seg->audio_next_idx;
        if (llabs(off) < to_samples(seg, SNAP_NS)) {
            from_idx = seg->audio_next_idx;
        } else if (off < 0) {
            const int64_t num_late = -off < num_samples ? -off : num_samples;
            seg->counts.num_late[TYTO_STREAM_AUDIO] += (uint64_t)num_late;
            samples += num_late;
            num_samples -= (uint32_t)num_late;
            from_idx += num_late;
            if (num_samples == 0)
                return;
        }
    }
    start_at(seg, to_ns(seg, from_idx));
    make_room(seg, to_ns(seg, from_idx + num_samples));
    const int64_t oldest_idx = to_samples(seg, begin_of(seg, seg->next_idx));
    if (from_idx + num_samples <= oldest_idx)
        seg->counts.num_late[TYTO_STREAM_AUDIO] += num_samples;
    else
        tyto_pcm_window_put(&seg->window, from_idx, samples, num_samples);
    seg->audio_next_idx = from_idx + num_samples;
    progress(seg, TYTO_STREAM_AUDIO, to_ns(seg, seg->audio_next_idx), now_ns);
}

static void offer(struct tyto_segmenter *seg, int64_t idx, int64_t ns, struct tyto_picture *picture)
{
    struct candidate *slot = candidate_of(seg, idx);
    const int64_t middle_ns = begin_of(seg, idx) + seg->params.length_ns / 2;
    if (slot->picture && slot->idx == idx &&
        llabs(slot->picture->pts_ns - middle_ns) <= llabs(ns - middle_ns))
        return;
    tyto_picture_unref(&slot->picture);
    (void)tyto_picture_ref(picture);
    *slot = (struct candidate){.idx = idx, .picture = picture};
}

void tyto_segmenter_video(struct tyto_segmenter *seg, struct tyto_picture *picture, uint64_t now_ns)
{
    int64_t ns;
    if (map_time(seg, TYTO_STREAM_VIDEO, picture->pts_ns, now_ns, &ns)) {
        picture->pts_ns = ns; /* from here on in media time */
        start_at(seg, ns);
        make_room(seg, ns);
        const int64_t edge_ns = edge_of(seg);
        int64_t idx = floor_div(ns - edge_ns - seg->params.length_ns, seg->params.hop_ns) + 1;
        if (ns < begin_of(seg, seg->next_idx))
            seg->counts.num_late[TYTO_STREAM_VIDEO]++;
        for (; begin_of(seg, idx) - edge_ns <= ns; idx++) {
            if (idx >= seg->next_idx)
                offer(seg, idx, ns, picture);
        }
        progress(seg, TYTO_STREAM_VIDEO, ns, now_ns);
    }
    tyto_picture_unref(&picture);
}

void tyto_segmenter_pass(struct tyto_segmenter *seg, enum tyto_stream which, int64_t pts_ns,
                         uint64_t now_ns)
{
    struct stream *stream = &seg->streams[which];
    if (pts_ns > MAX_PTS_NS || pts_ns < -MAX_PTS_NS)
        return;
    int64_t ns = pts_ns + stream->shift_ns;
    if (which == TYTO_STREAM_AUDIO)
        ns -= seg->params.av_offset_ns;
    /* A pass is not ordered with the data around a clock jump: leave jumps to the data. */
    if (stream->seen && ns - stream->pos_ns > forward_limit_ns(seg))
        return;
    if (which == TYTO_STREAM_AUDIO && (!stream->seen || ns > stream->pos_ns))
        seg->audio_next_idx = to_samples(seg, ns);
    progress(seg, which, ns, now_ns);
}

void tyto_segmenter_end(struct tyto_segmenter *seg, enum tyto_stream which)
{
    seg->streams[which].ended = true;
}
