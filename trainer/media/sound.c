/* SPDX-License-Identifier: MIT */
/* Sound by its times: runs of samples without a hole go through one resampler each, whose output
 * is placed by the time of the run's first sample. */
#include <libavcodec/avcodec.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>
#include <stdlib.h>
#include <string.h>

#include "trainer/media/internal.h"

enum { MIN_RATE_HZ = 1000, MAX_RATE_HZ = 768000, MAX_CHANNELS = 64, MAX_FRAME = 1 << 20 };

#define NS_PER_S 1000000000ll
/* Rounding of timestamps is no hole. */
#define SNAP_NS 20000000ll

enum tyto_err tyto_sound_init(struct tyto_sound *sound, struct tyto_demux *demux)
{
    *sound = (struct tyto_sound){.run_ns = TYTO_SOURCE_NO_TIME, .end_idx = INT64_MIN};
    sound->end = &sound->first;
    sound->frame = av_frame_alloc();
    sound->packet = av_packet_alloc();
    if (!sound->frame || !sound->packet) {
        av_frame_free(&sound->frame);
        av_packet_free(&sound->packet);
        return TYTO_ERR_NOMEM;
    }
    sound->demux = *demux;
    *demux = (struct tyto_demux){0};
    return TYTO_OK;
}

static void forget_before(struct tyto_sound *sound, int64_t idx)
{
    struct tyto_sound_chunk **at = &sound->first;
    while (*at) {
        struct tyto_sound_chunk *chunk = *at;
        if (chunk->from_idx + chunk->num > idx) {
            at = &chunk->next;
            continue;
        }
        *at = chunk->next;
        free(chunk);
    }
    sound->end = at;
}

void tyto_sound_finish(struct tyto_sound *sound)
{
    forget_before(sound, INT64_MAX);
    swr_free(&sound->resampler);
    av_frame_free(&sound->frame);
    av_packet_free(&sound->packet);
    tyto_demux_close(&sound->demux);
}

static enum tyto_err convert(struct tyto_sound *sound, const uint8_t **in, int num_in)
{
    const int max = swr_get_out_samples(sound->resampler, num_in);
    if (max <= 0)
        return TYTO_OK;
    struct tyto_sound_chunk *chunk = malloc(sizeof(*chunk) + (size_t)max * sizeof(float));
    if (!chunk)
        return TYTO_ERR_NOMEM;
    uint8_t *out = (uint8_t *)chunk->samples;
    const int num = swr_convert(sound->resampler, &out, max, in, num_in);
    if (num <= 0) {
        free(chunk);
        return num == AVERROR(ENOMEM) ? TYTO_ERR_NOMEM : TYTO_OK;
    }
    chunk->next = NULL;
    chunk->from_idx = sound->run_idx + sound->num_out;
    chunk->num = (uint32_t)num;
    for (int i = 0; i < num; i++) { /* NaN and the like come out of damaged files */
        if (!(chunk->samples[i] >= -16 && chunk->samples[i] <= 16))
            chunk->samples[i] = 0;
    }
    sound->num_out += num;
    if (sound->run_idx + sound->num_out > sound->end_idx)
        sound->end_idx = sound->run_idx + sound->num_out;
    *sound->end = chunk;
    sound->end = &chunk->next;
    return TYTO_OK;
}

/* What the resampler still holds belongs to the run, up to the run's own end. */
static enum tyto_err end_run(struct tyto_sound *sound)
{
    if (!sound->resampler)
        return TYTO_OK;
    const enum tyto_err err = convert(sound, NULL, 0);
    swr_free(&sound->resampler);
    return err;
}

/* Channels without places, as a field recorder's: each as loud as any other, as in the daemon. */
static int mix_evenly(SwrContext *resampler, int num_channels)
{
    double shares[MAX_CHANNELS];
    for (int i = 0; i < num_channels; i++)
        shares[i] = 1.0 / num_channels;
    return swr_set_matrix(resampler, shares, num_channels);
}

static enum tyto_err begin_run(struct tyto_sound *sound, int64_t ns)
{
    const AVFrame *frame = sound->frame;
    AVChannelLayout mono = AV_CHANNEL_LAYOUT_MONO;
    AVChannelLayout layout = {0};
    if (frame->ch_layout.order == AV_CHANNEL_ORDER_NATIVE)
        av_channel_layout_copy(&layout, &frame->ch_layout);
    else
        av_channel_layout_default(&layout, frame->ch_layout.nb_channels);
    int error =
        swr_alloc_set_opts2(&sound->resampler, &mono, AV_SAMPLE_FMT_FLT, TYTO_SOURCE_FILE_RATE_HZ,
                            &layout, frame->format, frame->sample_rate, 0, NULL);
    const bool has_places = layout.order != AV_CHANNEL_ORDER_UNSPEC;
    av_channel_layout_uninit(&layout);
    if (error >= 0 && !has_places)
        error = mix_evenly(sound->resampler, frame->ch_layout.nb_channels);
    /* Stereo becomes its mean, as in the daemon, not louder. */
    if (error >= 0)
        error = av_opt_set_double(sound->resampler, "rematrix_maxval", 1.0, 0);
    if (error >= 0)
        error = swr_init(sound->resampler);
    if (error < 0) {
        swr_free(&sound->resampler);
        return error == AVERROR(ENOMEM) ? TYTO_ERR_NOMEM : TYTO_ERR_FORMAT;
    }
    sound->rate_hz = frame->sample_rate;
    sound->format = frame->format;
    sound->num_channels = frame->ch_layout.nb_channels;
    sound->run_ns = ns;
    sound->run_idx = av_rescale_rnd(ns, TYTO_SOURCE_FILE_RATE_HZ, NS_PER_S, AV_ROUND_NEAR_INF);
    sound->num_in = 0;
    sound->num_out = 0;
    return TYTO_OK;
}

static bool is_sane(const AVFrame *frame)
{
    return frame->sample_rate >= MIN_RATE_HZ && frame->sample_rate <= MAX_RATE_HZ &&
           frame->ch_layout.nb_channels >= 1 && frame->ch_layout.nb_channels <= MAX_CHANNELS &&
           frame->nb_samples > 0 && frame->nb_samples <= MAX_FRAME;
}

static enum tyto_err take_frame(struct tyto_sound *sound)
{
    const AVFrame *frame = sound->frame;
    if (!is_sane(frame)) {
        sound->demux.num_bad++;
        return TYTO_OK;
    }
    int64_t expected_ns = sound->run_ns;
    if (expected_ns != TYTO_SOURCE_NO_TIME)
        expected_ns += av_rescale(sound->num_in, NS_PER_S, sound->rate_hz);
    int64_t ns = frame->pts != AV_NOPTS_VALUE ? frame->pts : frame->best_effort_timestamp;
    if (ns == AV_NOPTS_VALUE)
        ns = expected_ns == TYTO_SOURCE_NO_TIME ? 0 : expected_ns;
    const bool goes_on = sound->resampler && llabs(ns - expected_ns) <= SNAP_NS &&
                         frame->sample_rate == sound->rate_hz && frame->format == sound->format &&
                         frame->ch_layout.nb_channels == sound->num_channels;
    enum tyto_err err = TYTO_OK;
    if (!goes_on) {
        err = end_run(sound);
        if (!err)
            err = begin_run(sound, ns);
        if (err == TYTO_ERR_FORMAT) {
            sound->demux.num_bad++;
            return TYTO_OK;
        }
    }
    if (!err)
        err = convert(sound, (const uint8_t **)frame->extended_data, frame->nb_samples);
    sound->num_in += frame->nb_samples;
    sound->any |= !err;
    return err;
}

/* Decodes one more frame; at the end over is set. */
static enum tyto_err step(struct tyto_sound *sound)
{
    AVCodecContext *decoder = sound->demux.decoder;
    const int error = avcodec_receive_frame(decoder, sound->frame);
    if (error == 0) {
        const enum tyto_err err = take_frame(sound);
        av_frame_unref(sound->frame);
        return err;
    }
    if (error == AVERROR(ENOMEM))
        return TYTO_ERR_NOMEM;
    if (error == AVERROR_EOF || sound->drained) {
        sound->over = true;
        return end_run(sound);
    }
    if (error != AVERROR(EAGAIN))
        sound->demux.num_bad++;
    int sent;
    if (tyto_demux_read(&sound->demux, sound->packet) == TYTO_OK) {
        sent = avcodec_send_packet(decoder, sound->packet);
        av_packet_unref(sound->packet);
        if (sent < 0)
            sound->demux.num_bad++;
    } else {
        sent = avcodec_send_packet(decoder, NULL);
        sound->drained = sent < 0;
    }
    return sent == AVERROR(ENOMEM) ? TYTO_ERR_NOMEM : TYTO_OK;
}

enum tyto_err tyto_sound_get(struct tyto_sound *sound, int64_t from_idx, uint32_t num,
                             float *ret_samples, uint32_t *ret_num)
{
    const int64_t to_idx = from_idx + num;
    while (!sound->over && sound->end_idx < to_idx) {
        const enum tyto_err err = step(sound);
        if (err)
            return err;
        forget_before(sound, from_idx);
    }
    forget_before(sound, from_idx);
    memset(ret_samples, 0, num * sizeof(*ret_samples));
    uint32_t num_there = 0;
    for (const struct tyto_sound_chunk *c = sound->first; c; c = c->next) {
        const int64_t from = c->from_idx > from_idx ? c->from_idx : from_idx;
        const int64_t to = c->from_idx + c->num < to_idx ? c->from_idx + c->num : to_idx;
        if (from >= to)
            continue;
        memcpy(ret_samples + (from - from_idx), c->samples + (from - c->from_idx),
               (size_t)(to - from) * sizeof(*ret_samples));
        num_there += (uint32_t)(to - from);
    }
    *ret_num = num_there < num ? num_there : num; /* runs may overlap by the snap */
    return TYTO_OK;
}
