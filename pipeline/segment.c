/* SPDX-License-Identifier: MIT */
#include "pipeline/segment.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/pcm_window.h"

enum { NS_PER_S = 1000000000, MIN_HOP_NS = 100000000 };

#define MAX_LENGTH_NS (4ll * NS_PER_S)
/* Rounding of timestamps (RTP clocks, containers in ms) is no gap. */
#define SNAP_NS (20ll * 1000000)
/* Going back this far is a clock that was set anew; less is late data. */
#define BACK_JUMP_NS (1ll * NS_PER_S)
/* Going ahead this far more than time really went is one, too; in a file, where
 * no time goes by, this far at all. */
#define FORWARD_JUMP_NS (10ll * NS_PER_S)
#define FILE_FORWARD_JUMP_NS (60ll * NS_PER_S)
/* Jumps of two streams that differ by less are the same jump of the camera's clock. */
#define SAME_JUMP_NS (3ll * NS_PER_S / 2)
#define DISCONTINUOUS_NS (10ll * NS_PER_S)
/* After a hole of this many lengths a segment does not continue the one before. */
#define RESTART_LENGTHS 3
/* Pictures a hop apart that fall near the segments' edges fall now into one, now
 * into the other: a segment without one takes it from this share of a hop outside. */
#define EDGE_SHARE 4
/* |pts| beyond this (146 years) is nonsense and would overflow the sums here. */
#define MAX_PTS_NS (INT64_MAX / 2)

struct stream {
    bool expected;
    bool ended;
    bool seen;    /* any data since the reset */
    bool stalled; /* was late by the skew limit; not waited for until it catches up */
    int64_t pos_ns;
    int64_t shift_ns; /* added to its times: 0 until its clock jumped */
    uint64_t progress_now_ns;
};

struct candidate {
    int64_t idx; /* of the segment */
    struct tyto_picture *picture;
};

struct tyto_segmenter {
    struct tyto_segmenter_params params;
    struct stream streams[TYTO_NUM_STREAMS];
    bool started; /* next_idx is set */
    bool emitted; /* a segment was given out since the reset */
    bool restart;
    int64_t next_idx;
    int64_t last_idx;          /* given out last; means nothing while restart is set */
    uint64_t waiting_since_ns; /* the first stream passed the end of next_idx; 0: none did */
    uint64_t newest_in_ns;
    int64_t discontinuous_until_ns;
    uint32_t segment_samples;
    int64_t audio_next_idx; /* where the next sample is expected */
    struct tyto_pcm_window window;
    float *pcm; /* of the segment given out last */
    uint32_t num_candidates;
    struct candidate *candidates; /* slot of segment idx: idx mod num_candidates */
    struct tyto_segmenter_counts counts;
};

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

void tyto_picture_unref(struct tyto_picture **picture)
{
    if (!picture || !*picture)
        return;
    if (--(*picture)->num_refs == 0 && (*picture)->release)
        (*picture)->release(*picture);
    *picture = NULL;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

static int64_t to_samples(const struct tyto_segmenter *seg, int64_t ns)
{
    const int64_t rate = seg->params.sample_rate_hz;
    const int64_t s = floor_div(ns, NS_PER_S);
    return s * rate + ((ns - s * NS_PER_S) * rate + NS_PER_S / 2) / NS_PER_S;
}

static int64_t to_ns(const struct tyto_segmenter *seg, int64_t samples)
{
    const int64_t rate = seg->params.sample_rate_hz;
    const int64_t s = floor_div(samples, rate);
    return s * NS_PER_S + (samples - s * rate) * NS_PER_S / rate;
}

static int64_t begin_of(const struct tyto_segmenter *seg, int64_t idx)
{
    return idx * seg->params.hop_ns;
}

static int64_t end_of(const struct tyto_segmenter *seg, int64_t idx)
{
    return idx * seg->params.hop_ns + seg->params.length_ns;
}

static int64_t edge_of(const struct tyto_segmenter *seg)
{
    return (seg->params.hop_ns < seg->params.length_ns ? seg->params.hop_ns
                                                       : seg->params.length_ns) /
           EDGE_SHARE;
}

static struct candidate *candidate_of(const struct tyto_segmenter *seg, int64_t idx)
{
    const int64_t num = seg->num_candidates;
    return &seg->candidates[((idx % num) + num) % num];
}

static void set_defaults(struct tyto_segmenter_params *params)
{
    if (params->hop_ns == 0)
        params->hop_ns = NS_PER_S;
    if (params->length_ns == 0)
        params->length_ns = NS_PER_S;
    if (params->skew_ns == 0)
        params->skew_ns = 2ll * NS_PER_S;
    if (params->window_ns == 0)
        params->window_ns = 6ll * NS_PER_S;
    if (params->sample_rate_hz == 0)
        params->sample_rate_hz = 16000;
    if (params->min_audio_share == 0)
        params->min_audio_share = 0.75f;
}

enum tyto_err tyto_segmenter_create(const struct tyto_segmenter_params *params,
                                    struct tyto_segmenter **ret_segmenter)
{
    struct tyto_segmenter_params p = *params;
    set_defaults(&p);
    if (p.hop_ns < MIN_HOP_NS || p.hop_ns > 60ll * NS_PER_S || p.length_ns < MIN_HOP_NS ||
        p.length_ns > MAX_LENGTH_NS || p.skew_ns < 0 || p.window_ns < p.length_ns ||
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
    if (err != TYTO_OK) {
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

/* --- times ---------------------------------------------------------------------- */

static int64_t forward_limit_ns(const struct tyto_segmenter *seg)
{
    return seg->params.live ? FORWARD_JUMP_NS : FILE_FORWARD_JUMP_NS;
}

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
    if (stream->stalled && pos_ns > begin_of(seg, seg->next_idx))
        stream->stalled = false;
}

static void advance_to(struct tyto_segmenter *seg, int64_t idx)
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
    advance_to(seg, idx);
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
    picture->num_refs++;
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

/* --- segments out ------------------------------------------------------------------ */

/* First segment from next_idx on that any data lies in; INT64_MAX: none. */
static int64_t next_filled_idx(const struct tyto_segmenter *seg)
{
    int64_t idx = INT64_MAX;
    for (uint32_t i = 0; i < seg->num_candidates; i++) {
        const struct candidate *candidate = &seg->candidates[i];
        if (candidate->picture && candidate->idx < idx)
            idx = candidate->idx;
    }
    const int64_t from_idx =
        tyto_pcm_window_next(&seg->window, to_samples(seg, begin_of(seg, seg->next_idx)));
    if (from_idx != INT64_MAX) {
        int64_t audio_idx =
            floor_div(to_ns(seg, from_idx) - seg->params.length_ns, seg->params.hop_ns) + 1;
        if (audio_idx < seg->next_idx)
            audio_idx = seg->next_idx;
        if (audio_idx < idx)
            idx = audio_idx;
    }
    return idx;
}

static bool has_passed(const struct tyto_segmenter *seg, enum tyto_stream which, int64_t end_ns)
{
    if (which == TYTO_STREAM_VIDEO) {
        const struct candidate *candidate = candidate_of(seg, seg->next_idx);
        if (!candidate->picture || candidate->idx != seg->next_idx)
            end_ns += edge_of(seg);
    }
    return seg->streams[which].seen && seg->streams[which].pos_ns >= end_ns;
}

/* Whether next_idx can be closed: both streams are past its end, or the late
 * one has used up its time. */
static bool is_ready(struct tyto_segmenter *seg, uint64_t now_ns)
{
    const int64_t end_ns = end_of(seg, seg->next_idx);
    bool any_passed = false;
    bool all_settled = true;
    bool all_ended = true;
    for (int i = 0; i < TYTO_NUM_STREAMS; i++) {
        const struct stream *stream = &seg->streams[i];
        const bool passed = has_passed(seg, (enum tyto_stream)i, end_ns);
        any_passed |= passed;
        all_settled &= !stream->expected || stream->ended || passed;
        all_ended &= !stream->expected || stream->ended;
    }
    if (all_ended)
        return true;
    if (!any_passed)
        return false;
    if (all_settled)
        return true;
    if (seg->waiting_since_ns == 0)
        seg->waiting_since_ns = now_ns;
    bool late = true;
    for (int i = 0; i < TYTO_NUM_STREAMS; i++) {
        struct stream *stream = &seg->streams[i];
        if (!stream->expected || stream->ended || has_passed(seg, (enum tyto_stream)i, end_ns))
            continue;
        uint64_t since_ns = seg->waiting_since_ns;
        if (stream->progress_now_ns > since_ns)
            since_ns = stream->progress_now_ns;
        if (now_ns > since_ns && now_ns - since_ns > (uint64_t)seg->params.skew_ns)
            stream->stalled = true;
        late &= stream->stalled;
    }
    return late;
}

static enum tyto_lack lack_of(const struct tyto_segmenter *seg, enum tyto_stream which,
                              int64_t end_ns)
{
    const struct stream *stream = &seg->streams[which];
    if (!stream->expected)
        return TYTO_LACK_NO_STREAM;
    if (stream->seen && stream->pos_ns >= end_ns)
        return TYTO_LACK_GAP;
    if (stream->ended)
        return stream->seen ? TYTO_LACK_ENDED : TYTO_LACK_NO_STREAM;
    return TYTO_LACK_LATE;
}

/* Takes next_idx out. False when there is nothing worth a segment in it. */
static bool close_next(struct tyto_segmenter *seg, uint64_t now_ns, struct tyto_segment *ret)
{
    const int64_t idx = seg->next_idx;
    const int64_t begin_ns = begin_of(seg, idx);
    const int64_t end_ns = end_of(seg, idx);
    const uint32_t num_came = tyto_pcm_window_get(&seg->window, to_samples(seg, begin_ns),
                                                  seg->segment_samples, seg->pcm);
    struct candidate *slot = candidate_of(seg, idx);
    struct tyto_segment out = {.idx = idx, .begin_ns = begin_ns, .end_ns = end_ns};
    out.audio_share = (float)num_came / (float)seg->segment_samples;
    out.has_audio = out.audio_share >= seg->params.min_audio_share;
    out.pcm = out.has_audio ? seg->pcm : NULL;
    if (slot->picture && slot->idx == idx) {
        out.picture = slot->picture;
        slot->picture = NULL;
    }
    if (out.picture && !out.has_audio &&
        (out.picture->pts_ns < begin_ns || out.picture->pts_ns >= end_ns))
        tyto_picture_unref(&out.picture); /* a neighbour's alone makes no segment */
    out.has_video = out.picture != NULL;
    if (!out.has_audio)
        out.audio_lack = lack_of(seg, TYTO_STREAM_AUDIO, end_ns);
    if (!out.has_video)
        out.video_lack = lack_of(seg, TYTO_STREAM_VIDEO, end_ns);
    out.in_ns = seg->newest_in_ns;
    out.closed_ns = now_ns;
    out.discontinuous = begin_ns < seg->discontinuous_until_ns;

    /* The stub after the last whole second of something that is over tells nothing. */
    int64_t content_ns = INT64_MIN;
    for (int i = 0; i < TYTO_NUM_STREAMS; i++) {
        if (seg->streams[i].seen && seg->streams[i].pos_ns > content_ns)
            content_ns = seg->streams[i].pos_ns;
    }
    const bool stub = seg->emitted && content_ns - begin_ns < seg->params.length_ns / 2;
    advance_to(seg, idx + 1);
    if ((!out.has_audio && !out.has_video) || stub) {
        tyto_picture_unref(&out.picture);
        return false;
    }
    out.restart = seg->restart || (idx - seg->last_idx - 1) * seg->params.hop_ns >=
                                      RESTART_LENGTHS * seg->params.length_ns;
    seg->restart = false;
    seg->last_idx = idx;
    seg->emitted = true;
    seg->counts.num_segments++;
    if (!out.has_audio && seg->streams[TYTO_STREAM_AUDIO].expected)
        seg->counts.num_missing[TYTO_STREAM_AUDIO]++;
    if (!out.has_video && seg->streams[TYTO_STREAM_VIDEO].expected)
        seg->counts.num_missing[TYTO_STREAM_VIDEO]++;
    *ret = out;
    return true;
}

/* The first segment after next_idx that some stream has not passed yet. */
static int64_t first_open_idx(const struct tyto_segmenter *seg)
{
    int64_t pos_ns = INT64_MAX;
    for (int i = 0; i < TYTO_NUM_STREAMS; i++) {
        const struct stream *stream = &seg->streams[i];
        if (stream->expected && !stream->ended && !stream->stalled && stream->seen &&
            stream->pos_ns < pos_ns)
            pos_ns = stream->pos_ns;
    }
    int64_t idx = seg->next_idx + 1;
    if (pos_ns != INT64_MAX) {
        const int64_t open_idx = floor_div(pos_ns - seg->params.length_ns, seg->params.hop_ns) + 1;
        if (open_idx > idx)
            idx = open_idx;
    }
    return idx;
}

enum tyto_err tyto_segmenter_poll(struct tyto_segmenter *seg, uint64_t now_ns,
                                  struct tyto_segment *ret_segment)
{
    for (;;) {
        bool all_ended = true;
        for (int i = 0; i < TYTO_NUM_STREAMS; i++)
            all_ended &= !seg->streams[i].expected || seg->streams[i].ended;
        const int64_t filled_idx = seg->started ? next_filled_idx(seg) : INT64_MAX;
        if (all_ended && filled_idx == INT64_MAX)
            return TYTO_ERR_CLOSED;
        if (!seg->started || !is_ready(seg, now_ns))
            return TYTO_ERR_EMPTY;
        if (filled_idx == INT64_MAX) { /* time goes on, but nothing is in it */
            advance_to(seg, first_open_idx(seg));
            continue;
        }
        if (filled_idx > seg->next_idx) {
            advance_to(seg, filled_idx);
            continue;
        }
        if (close_next(seg, now_ns, ret_segment))
            return TYTO_OK;
    }
}

bool tyto_segmenter_fits(const struct tyto_segmenter *seg, enum tyto_stream which, int64_t pts_ns)
{
    const struct stream *stream = &seg->streams[which];
    if (!seg->started || pts_ns > MAX_PTS_NS || pts_ns < -MAX_PTS_NS)
        return true;
    const int64_t ns = pts_ns + stream->shift_ns;
    if (stream->seen && ns - stream->pos_ns > forward_limit_ns(seg))
        return true; /* a jump: will be repaired */
    return ns - begin_of(seg, seg->next_idx) <= seg->params.window_ns;
}

int64_t tyto_segmenter_position(const struct tyto_segmenter *seg, enum tyto_stream which)
{
    return seg->streams[which].seen ? seg->streams[which].pos_ns : INT64_MIN;
}

bool tyto_segmenter_is_ahead(const struct tyto_segmenter *seg, enum tyto_stream which)
{
    const struct stream *stream = &seg->streams[which];
    return seg->started && stream->seen &&
           stream->pos_ns - begin_of(seg, seg->next_idx) >
               seg->params.window_ns - seg->params.length_ns;
}

void tyto_segmenter_get_counts(const struct tyto_segmenter *seg,
                               struct tyto_segmenter_counts *ret_counts)
{
    *ret_counts = seg->counts;
}
