/* SPDX-License-Identifier: MIT */
/* When a segment closes, what it then holds, and what there is to know. */
#include "pipeline/segment/internal.h"

/* After a hole of this many lengths a segment does not continue the one before. */
#define RESTART_LENGTHS 3

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

/* Whether next_idx can be closed: both streams are past its end, or the one that is behind has used
 * up the allowed lateness. That counts from when the other one passed the end, or from when the one
 * that is behind last went on, whichever was later; one that is late already is not waited for. */
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
        if (now_ns > since_ns && now_ns - since_ns > (uint64_t)seg->params.lateness_ns)
            stream->is_late = true;
        late &= stream->is_late;
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
    out.audio_share = tyto_segment_audio_share(num_came, seg->segment_samples);
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
    tyto_segmenter_advance(seg, idx + 1);
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
        if (stream->expected && !stream->ended && !stream->is_late && stream->seen &&
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
            tyto_segmenter_advance(seg, first_open_idx(seg));
            continue;
        }
        if (filled_idx > seg->next_idx) {
            tyto_segmenter_advance(seg, filled_idx);
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

int64_t tyto_segmenter_shift_ns(const struct tyto_segmenter *seg)
{
    const struct stream *video = &seg->streams[TYTO_STREAM_VIDEO];
    return video->expected && video->seen ? video->shift_ns
                                          : seg->streams[TYTO_STREAM_AUDIO].shift_ns;
}

int64_t tyto_segmenter_backlog_ns(const struct tyto_segmenter *seg)
{
    int64_t pos_ns = INT64_MAX;
    for (int i = 0; i < TYTO_NUM_STREAMS; i++) {
        const struct stream *stream = &seg->streams[i];
        if (stream->expected && !stream->ended && !stream->is_late &&
            (!stream->seen || stream->pos_ns < pos_ns))
            pos_ns = stream->seen ? stream->pos_ns : INT64_MIN;
    }
    if (!seg->started || pos_ns == INT64_MAX || pos_ns <= end_of(seg, seg->next_idx))
        return 0;
    return pos_ns - end_of(seg, seg->next_idx);
}

void tyto_segmenter_get_counts(const struct tyto_segmenter *seg,
                               struct tyto_segmenter_counts *ret_counts)
{
    *ret_counts = seg->counts;
}
