/* SPDX-License-Identifier: MIT */
/* One picture for each time that is asked for. Packets are read ahead until it is certain which
 * picture is the nearest; then the keyframe before it is decoded, what it may need, and it. Of
 * pictures that none refers to only the wanted one is decoded. */
#include <libavcodec/avcodec.h>
#include <stdlib.h>
#include <string.h>

#include "trainer/media/internal.h"

#define NO_TIME TYTO_SOURCE_NO_TIME
#define MAX_QUEUE_BYTES (256ull << 20)
#define DEFAULT_INTERVAL_NS 40000000ll

/* The picture that is wanted: decoded already, in the queue, or nowhere. */
struct choice {
    int64_t ns, distance_ns;
    int ready_idx, queue_idx; /* -1: not there */
};

enum tyto_err tyto_video_init(struct tyto_video *video, struct tyto_demux *demux,
                              enum tyto_source_file_pictures pictures)
{
    *video = (struct tyto_video){
        .pictures = pictures,
        .read_ns = INT64_MIN,
        .end_ns = INT64_MIN,
        .interval_ns = DEFAULT_INTERVAL_NS,
    };
    const enum AVCodecID codec = demux->decoder->codec_id;
    video->can_skip = codec == AV_CODEC_ID_H264 || codec == AV_CODEC_ID_MPEG2VIDEO ||
                      codec == AV_CODEC_ID_MPEG1VIDEO || codec == AV_CODEC_ID_MPEG4;
    const AVRational rate = demux->decoder->framerate;
    if (rate.num > 0 && rate.den > 0 && rate.num / rate.den <= 1000 && rate.den / rate.num <= 60)
        video->interval_ns = av_rescale(1000000000, rate.den, rate.num);
    video->demux = *demux;
    *demux = (struct tyto_demux){0};
    return TYTO_OK;
}

static void drop_queue(struct tyto_video *video, uint32_t num)
{
    for (uint32_t i = 0; i < num; i++) {
        video->queue_bytes -= (uint64_t)video->queue[i].packet->size;
        av_packet_free(&video->queue[i].packet);
    }
    video->num_queue -= num;
    memmove(video->queue, video->queue + num, video->num_queue * sizeof(video->queue[0]));
}

static void drop_ready(struct tyto_video *video, uint32_t num)
{
    for (uint32_t i = 0; i < num; i++)
        av_frame_free(&video->ready[i]);
    video->num_ready -= num;
    memmove(video->ready, video->ready + num, video->num_ready * sizeof(AVFrame *));
}

void tyto_video_finish(struct tyto_video *video)
{
    drop_queue(video, video->num_queue);
    drop_ready(video, video->num_ready);
    tyto_demux_close(&video->demux);
}

/* Reads one packet into the queue. */
static enum tyto_err read_packet(struct tyto_video *video)
{
    AVPacket *packet = av_packet_alloc();
    if (!packet)
        return TYTO_ERR_NOMEM;
    if (tyto_demux_read(&video->demux, packet) != TYTO_OK) {
        av_packet_free(&packet);
        video->over = true;
        return TYTO_OK;
    }
    if (packet->pts == AV_NOPTS_VALUE)
        video->plain = true;
    else if (packet->pts + packet->duration > video->end_ns)
        video->end_ns = packet->pts + packet->duration;
    if (packet->dts != AV_NOPTS_VALUE && packet->dts > video->read_ns)
        video->read_ns = packet->dts;
    video->queue[video->num_queue++] = (struct tyto_video_entry){.packet = packet};
    video->queue_bytes += (uint64_t)packet->size;
    if (video->num_queue == TYTO_VIDEO_MAX_QUEUE || video->queue_bytes > MAX_QUEUE_BYTES)
        video->plain = true;
    return TYTO_OK;
}

/* --- decoding ------------------------------------------------------------------------- */

static void put_ready(struct tyto_video *video, AVFrame *frame)
{
    video->any = true;
    if (video->num_ready == TYTO_VIDEO_MAX_READY)
        drop_ready(video, 1);
    uint32_t at = video->num_ready;
    while (at > 0 && video->ready[at - 1]->pts > frame->pts) {
        video->ready[at] = video->ready[at - 1];
        at--;
    }
    video->ready[at] = frame;
    video->num_ready++;
}

static int64_t guess_time(const struct tyto_video *video, const AVFrame *frame)
{
    const int64_t best = frame->best_effort_timestamp;
    if (frame->pts != AV_NOPTS_VALUE)
        return frame->pts;
    if (best != AV_NOPTS_VALUE)
        return best;
    return video->num_ready > 0 ? video->ready[video->num_ready - 1]->pts + video->interval_ns : 0;
}

/* Takes one frame out of the decoder: EMPTY when it wants more packets, CLOSED when it is drained.
 * Frames before keep_ns are of no use. */
static enum tyto_err receive(struct tyto_video *video, int64_t keep_ns)
{
    AVFrame *frame = av_frame_alloc();
    if (!frame)
        return TYTO_ERR_NOMEM;
    const int error = avcodec_receive_frame(video->demux.decoder, frame);
    if (error < 0) {
        av_frame_free(&frame);
        if (error == AVERROR(ENOMEM))
            return TYTO_ERR_NOMEM;
        if (error != AVERROR_EOF && error != AVERROR(EAGAIN))
            video->demux.num_bad++;
        return error == AVERROR_EOF || video->drained ? TYTO_ERR_CLOSED : TYTO_ERR_EMPTY;
    }
    frame->pts = guess_time(video, frame);
    if (frame->pts < keep_ns)
        av_frame_free(&frame);
    else
        put_ready(video, frame);
    return TYTO_OK;
}

static enum tyto_err send(struct tyto_video *video, const AVPacket *packet, bool may_skip)
{
    AVCodecContext *decoder = video->demux.decoder;
    decoder->skip_frame =
        may_skip && video->can_skip && !video->keeps_all ? AVDISCARD_NONREF : AVDISCARD_DEFAULT;
    const int error = avcodec_send_packet(decoder, packet);
    if (error == AVERROR(ENOMEM))
        return TYTO_ERR_NOMEM;
    if (error < 0 && packet)
        video->demux.num_bad++;
    if (error < 0 && !packet)
        video->drained = true;
    return TYTO_OK;
}

/* Sends the next packet of the queue, reading one when it is empty. */
static enum tyto_err send_next(struct tyto_video *video, int64_t wanted_ns, bool *was_wanted)
{
    if (video->num_queue == 0 && !video->over) {
        const enum tyto_err err = read_packet(video);
        if (err)
            return err;
    }
    if (video->num_queue == 0)
        return send(video, NULL, false);
    AVPacket *packet = video->queue[0].packet;
    *was_wanted |= packet->pts == wanted_ns;
    const enum tyto_err err = send(video, packet, !*was_wanted);
    drop_queue(video, 1);
    return err;
}

static int find_ready(const struct tyto_video *video, int64_t ns)
{
    for (uint32_t i = 0; i < video->num_ready; i++) {
        if (video->ready[i]->pts == ns)
            return (int)i;
    }
    return -1;
}

/* Decodes from the head of the queue until the picture of wanted_ns has come, or cannot come. */
static enum tyto_err decode_until(struct tyto_video *video, int64_t wanted_ns)
{
    bool was_wanted = false;
    enum tyto_err err = TYTO_OK;
    while (!err) {
        err = receive(video, wanted_ns);
        if (!err && find_ready(video, wanted_ns) >= 0)
            return TYTO_OK;
        if (!err && was_wanted && video->num_ready > 8)
            break; /* later ones have come, and it has not */
        if (err == TYTO_ERR_EMPTY)
            err = send_next(video, wanted_ns, &was_wanted);
    }
    video->keeps_all = true;
    return err == TYTO_ERR_CLOSED ? TYTO_OK : err;
}

/* Decodes the keyframe at queue_idx alone; it stays in the queue for what refers to it. */
static enum tyto_err decode_key(struct tyto_video *video, uint32_t queue_idx)
{
    AVCodecContext *decoder = video->demux.decoder;
    drop_queue(video, queue_idx);
    avcodec_flush_buffers(decoder);
    video->drained = false;
    video->queue[0].is_done = true;
    const int64_t ns = video->queue[0].packet->pts;
    enum tyto_err err = send(video, video->queue[0].packet, false);
    if (!err)
        err = send(video, NULL, false);
    while (!err)
        err = receive(video, ns);
    avcodec_flush_buffers(decoder);
    video->drained = false;
    return err == TYTO_ERR_CLOSED || err == TYTO_ERR_EMPTY ? TYTO_OK : err;
}

/* --- choosing ---------------------------------------------------------------------------- */

static void consider(struct choice *best, int64_t ns, int64_t middle_ns, int ready_idx,
                     int queue_idx)
{
    const int64_t distance_ns = llabs(ns - middle_ns);
    if (distance_ns > best->distance_ns || (distance_ns == best->distance_ns && ns >= best->ns))
        return;
    *best = (struct choice){ns, distance_ns, ready_idx, queue_idx};
}

static struct choice choose(const struct tyto_video *video, bool only_keys, int64_t from_ns,
                            int64_t middle_ns, int64_t to_ns)
{
    struct choice best = {INT64_MAX, INT64_MAX, -1, -1};
    for (uint32_t i = 0; i < video->num_ready; i++) {
        const AVFrame *frame = video->ready[i];
        if (frame->pts >= from_ns && frame->pts < to_ns && (!only_keys || frame->key_frame))
            consider(&best, frame->pts, middle_ns, (int)i, -1);
    }
    for (uint32_t i = 0; i < video->num_queue; i++) {
        const AVPacket *packet = video->queue[i].packet;
        if (!video->queue[i].is_done && packet->pts >= from_ns && packet->pts < to_ns &&
            !(packet->flags & AV_PKT_FLAG_DISCARD) &&
            (!only_keys || (packet->flags & AV_PKT_FLAG_KEY)))
            consider(&best, packet->pts, middle_ns, -1, (int)i);
    }
    return best;
}

/* Reads ahead until no packet still unread can be nearer than the best so far. */
static enum tyto_err choose_certain(struct tyto_video *video, bool only_keys, int64_t from_ns,
                                    int64_t middle_ns, int64_t to_ns, struct choice *ret)
{
    for (;;) {
        *ret = choose(video, only_keys, from_ns, middle_ns, to_ns);
        const int64_t limit_ns =
            ret->distance_ns == INT64_MAX ? to_ns : middle_ns + ret->distance_ns;
        if (video->over || video->plain || video->read_ns >= limit_ns)
            return TYTO_OK;
        const enum tyto_err err = read_packet(video);
        if (err)
            return err;
    }
}

/* The keyframe from which the packet at idx can be decoded; -1: it is behind us. */
static int anchor_of(const struct tyto_video *video, int idx)
{
    const int64_t ns = video->queue[idx].packet->pts;
    for (int i = idx; i >= 0; i--) {
        const AVPacket *packet = video->queue[i].packet;
        if ((packet->flags & AV_PKT_FLAG_KEY) && packet->pts <= ns)
            return i;
    }
    return -1;
}

static enum tyto_err decode_choice(struct tyto_video *video, const struct choice *choice,
                                   bool only_keys)
{
    if (choice->queue_idx < 0)
        return TYTO_OK;
    if (only_keys)
        return decode_key(video, (uint32_t)choice->queue_idx);
    const int anchor = anchor_of(video, choice->queue_idx);
    if (anchor > 0 && !video->keeps_all) {
        drop_queue(video, (uint32_t)anchor);
        avcodec_flush_buffers(video->demux.decoder);
    }
    return decode_until(video, choice->ns);
}

/* Packets without times: decodes everything up to the first picture from middle_ns on. */
static enum tyto_err decode_plain(struct tyto_video *video, int64_t middle_ns)
{
    bool was_wanted = true; /* nothing is skipped */
    enum tyto_err err = TYTO_OK;
    while (!err) {
        if (video->num_ready > 0 && video->ready[video->num_ready - 1]->pts >= middle_ns)
            return TYTO_OK;
        if (video->num_ready > 2)
            drop_ready(video, video->num_ready - 2);
        err = receive(video, INT64_MIN);
        if (err == TYTO_ERR_EMPTY)
            err = send_next(video, NO_TIME, &was_wanted);
        if (video->num_ready > 0) {
            const int64_t end_ns = video->ready[video->num_ready - 1]->pts + video->interval_ns;
            video->end_ns = end_ns > video->end_ns ? end_ns : video->end_ns;
        }
    }
    return err == TYTO_ERR_CLOSED ? TYTO_OK : err;
}

enum tyto_err tyto_video_get(struct tyto_video *video, int64_t from_ns, int64_t middle_ns,
                             int64_t to_ns, AVFrame **ret_frame)
{
    struct choice choice = {INT64_MAX, INT64_MAX, -1, -1};
    enum tyto_err err = TYTO_OK;
    bool only_keys = video->pictures == TYTO_SOURCE_FILE_KEYFRAMES;
    if (only_keys && !video->plain)
        err = choose_certain(video, true, from_ns, middle_ns, to_ns, &choice);
    if (choice.distance_ns == INT64_MAX) {
        only_keys = false;
        if (!err && !video->plain)
            err = choose_certain(video, false, from_ns, middle_ns, to_ns, &choice);
    }
    if (!err)
        err = video->plain ? decode_plain(video, middle_ns)
                           : decode_choice(video, &choice, only_keys);
    if (err)
        return err;
    /* What came is what counts: a damaged picture's place is taken by its neighbour. */
    struct choice best = {INT64_MAX, INT64_MAX, -1, -1};
    for (uint32_t i = 0; i < video->num_ready; i++) {
        if (video->ready[i]->pts >= from_ns && video->ready[i]->pts < to_ns)
            consider(&best, video->ready[i]->pts, middle_ns, (int)i, -1);
    }
    if (best.ready_idx < 0) {
        *ret_frame = NULL;
        return TYTO_OK;
    }
    drop_ready(video, (uint32_t)best.ready_idx);
    *ret_frame = video->ready[0];
    return TYTO_OK;
}
