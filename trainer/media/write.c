/* SPDX-License-Identifier: MIT */
/* Encoders run on one thread and in bit-exact mode: the same frames and samples give the same
 * file. */
#include "trainer/media/write.h"

#include <errno.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files/replace.h"

enum { MAX_PX = 4096, MIN_PX = 16, MAX_PATH = 4000, AAC_BITS_PER_S = 64000 };

struct stream {
    AVCodecContext *codec;
    AVStream *out;
    AVFrame *frame;
    int64_t next_pts; /* in the codec's time base */
};

struct tyto_sink {
    char path[MAX_PATH + 1];
    struct tyto_replace *replace; /* which the muxer opens by name */
    AVFormatContext *format;
    AVPacket *packet;
    struct stream video, audio;
    uint32_t num_held; /* samples in audio.frame */
    bool has_header;
};

static enum tyto_err fail(const struct tyto_sink *sink, int code, const char *what,
                          struct tyto_fault *ret_fault)
{
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    av_strerror(code, text, sizeof(text));
    const enum tyto_err err = code == AVERROR(ENOMEM) ? TYTO_ERR_NOMEM : TYTO_ERR_IO;
    return tyto_fault_set(ret_fault, err, sink->path, 0, NULL, "%s: %s", what, text);
}

/* --- opening ------------------------------------------------------------------------------ */

static enum tyto_err check_params(const struct tyto_sink_params *params,
                                  struct tyto_fault *ret_fault)
{
    const bool has_video = params->width_px || params->height_px;
    const char *text = NULL;
    if (!params->path || !params->path[0] || strlen(params->path) > MAX_PATH)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, "path",
                              "no file name, or one of more than %d bytes", MAX_PATH);
    if (!has_video && params->rate_hz == 0)
        text = "neither picture nor sound was asked for";
    else if (has_video && (params->width_px < MIN_PX || params->width_px > MAX_PX ||
                           params->height_px < MIN_PX || params->height_px > MAX_PX ||
                           (params->width_px | params->height_px) % 2 != 0))
        text = "width and height are even numbers from 16 to 4096";
    else if (has_video && (params->fps_num == 0 || params->fps_den == 0 ||
                           params->fps_num > 1000 * (uint64_t)params->fps_den ||
                           params->fps_num > 1000000 || params->fps_den > 1000000))
        text = "frames per second are a ratio of up to 1000";
    else if (params->rate_hz != 0 && (params->rate_hz < 8000 || params->rate_hz > 96000))
        text = "sample rates are 8000 to 96000 Hz";
    else if (params->quality < 10 || params->quality > 45)
        text = "quality is 10 to 45";
    if (text)
        return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, params->path, 0, NULL, "%s", text);
    return TYTO_OK;
}

static int open_stream(struct tyto_sink *sink, struct stream *stream, const AVCodec *codec,
                       AVDictionary **options)
{
    AVCodecContext *context = stream->codec;
    context->thread_count = 1;
    context->flags |= AV_CODEC_FLAG_BITEXACT;
    if (sink->format->oformat->flags & AVFMT_GLOBALHEADER)
        context->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    int code = avcodec_open2(context, codec, options);
    if (code < 0)
        return code;
    stream->out = avformat_new_stream(sink->format, NULL);
    stream->frame = av_frame_alloc();
    if (!stream->out || !stream->frame)
        return AVERROR(ENOMEM);
    stream->out->time_base = context->time_base;
    return avcodec_parameters_from_context(stream->out->codecpar, context);
}

static int open_video(struct tyto_sink *sink, const struct tyto_sink_params *params)
{
    const AVCodec *codec = avcodec_find_encoder_by_name("libx264");
    const bool is_x264 = codec != NULL;
    if (!codec)
        codec = avcodec_find_encoder(AV_CODEC_ID_MPEG4);
    if (!codec)
        return AVERROR_ENCODER_NOT_FOUND;
    AVCodecContext *context = sink->video.codec = avcodec_alloc_context3(codec);
    if (!context)
        return AVERROR(ENOMEM);
    const uint32_t gop = (params->fps_num + params->fps_den - 1) / params->fps_den;
    context->width = (int)params->width_px;
    context->height = (int)params->height_px;
    context->pix_fmt = AV_PIX_FMT_YUV420P;
    context->colorspace = AVCOL_SPC_SMPTE170M;
    context->color_primaries = AVCOL_PRI_SMPTE170M;
    context->color_trc = AVCOL_TRC_SMPTE170M;
    context->color_range = AVCOL_RANGE_MPEG;
    context->time_base = (AVRational){(int)params->fps_den, (int)params->fps_num};
    context->framerate = (AVRational){(int)params->fps_num, (int)params->fps_den};
    context->gop_size = (int)(params->gop_frames ? params->gop_frames : gop);
    context->max_b_frames = 0;
    AVDictionary *options = NULL;
    int code = 0;
    if (is_x264) {
        char crf[16];
        snprintf(crf, sizeof(crf), "%u", params->quality);
        code = av_dict_set(&options, "preset", "ultrafast", 0);
        if (code >= 0)
            code = av_dict_set(&options, "crf", crf, 0);
        if (code >= 0)
            code = av_dict_set(&options, "x264-params", "scenecut=0:sliced-threads=0", 0);
    } else {
        context->flags |= AV_CODEC_FLAG_QSCALE; /* CRF 10..45 as MPEG-4's 2..12 */
        context->global_quality = (int)(2 + (params->quality - 10) * 10 / 35) * FF_QP2LAMBDA;
    }
    if (code >= 0)
        code = open_stream(sink, &sink->video, codec, &options);
    av_dict_free(&options);
    if (code < 0)
        return code;
    AVFrame *frame = sink->video.frame;
    frame->format = context->pix_fmt;
    frame->width = context->width;
    frame->height = context->height;
    return av_frame_get_buffer(frame, 0);
}

static int open_audio(struct tyto_sink *sink, const struct tyto_sink_params *params)
{
    const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_AAC);
    if (!codec)
        return AVERROR_ENCODER_NOT_FOUND;
    AVCodecContext *context = sink->audio.codec = avcodec_alloc_context3(codec);
    if (!context)
        return AVERROR(ENOMEM);
    context->sample_fmt = AV_SAMPLE_FMT_FLTP;
    context->sample_rate = (int)params->rate_hz;
    context->bit_rate = AAC_BITS_PER_S;
    context->time_base = (AVRational){1, (int)params->rate_hz};
    av_channel_layout_default(&context->ch_layout, 1);
    AVDictionary *options = NULL;
    /* its fast coder takes up to 4 dB off a loud tone */
    int code = av_dict_set(&options, "aac_coder", "twoloop", 0);
    if (code >= 0)
        code = open_stream(sink, &sink->audio, codec, &options);
    av_dict_free(&options);
    if (code < 0)
        return code;
    AVFrame *frame = sink->audio.frame;
    frame->format = context->sample_fmt;
    frame->sample_rate = context->sample_rate;
    frame->nb_samples = context->frame_size;
    code = av_channel_layout_copy(&frame->ch_layout, &context->ch_layout);
    return code < 0 ? code : av_frame_get_buffer(frame, 0);
}

static int open_file(struct tyto_sink *sink)
{
    int code = avio_open(&sink->format->pb, tyto_replace_part(sink->replace), AVIO_FLAG_WRITE);
    if (code < 0)
        return code;
    AVDictionary *options = NULL;
    code = av_dict_set(&options, "movflags", "+faststart", 0);
    if (code >= 0)
        code = avformat_write_header(sink->format, &options);
    av_dict_free(&options);
    sink->has_header = code >= 0;
    return code;
}

enum tyto_err tyto_sink_create(const struct tyto_sink_params *params, struct tyto_sink **ret_sink,
                               struct tyto_fault *ret_fault)
{
    enum tyto_err err = check_params(params, ret_fault);
    if (err)
        return err;
    struct tyto_sink *sink = calloc(1, sizeof(*sink));
    if (!sink)
        return TYTO_ERR_NOMEM;
    av_log_set_level(AV_LOG_ERROR);
    snprintf(sink->path, sizeof(sink->path), "%s", params->path);
    sink->packet = av_packet_alloc();
    int code = AVERROR(ENOMEM);
    const char *what = "cannot be written";
    err = tyto_replace_begin(params->path, 0666, &sink->replace);
    if (err == TYTO_ERR_IO)
        code = AVERROR(errno);
    if (!err && sink->packet) { /* the muxer reads its file again, by this name */
        what = "cannot make an encoder for it";
        code = avformat_alloc_output_context2(&sink->format, NULL, "mp4",
                                              tyto_replace_part(sink->replace));
    }
    if (code >= 0)
        sink->format->flags |= AVFMT_FLAG_BITEXACT;
    if (code >= 0 && params->width_px)
        code = open_video(sink, params);
    if (code >= 0 && params->rate_hz)
        code = open_audio(sink, params);
    if (code >= 0) {
        what = "cannot be written";
        code = open_file(sink);
    }
    if (code == AVERROR_ENCODER_NOT_FOUND) {
        err = tyto_fault_set(ret_fault, TYTO_ERR_UNSUPPORTED, sink->path, 0, NULL,
                             "this libavcodec has neither H.264 nor MPEG-4 or no AAC encoder: "
                             "install Debian's libavcodec-extra");
    } else if (code < 0) {
        err = fail(sink, code, what, ret_fault);
    }
    if (err) {
        tyto_sink_destroy(&sink);
        return err;
    }
    *ret_sink = sink;
    return TYTO_OK;
}

void tyto_sink_destroy(struct tyto_sink **sink)
{
    if (!*sink)
        return;
    struct tyto_sink *s = *sink;
    for (int i = 0; i < 2; i++) {
        struct stream *stream = i ? &s->audio : &s->video;
        av_frame_free(&stream->frame);
        avcodec_free_context(&stream->codec);
    }
    av_packet_free(&s->packet);
    if (s->format)
        avio_closep(&s->format->pb);
    tyto_replace_abandon(&s->replace);
    avformat_free_context(s->format);
    free(s);
    *sink = NULL;
}

/* --- writing ------------------------------------------------------------------------------- */

/* frame NULL: what the encoder still holds. */
static int encode(struct tyto_sink *sink, struct stream *stream, const AVFrame *frame)
{
    int code = avcodec_send_frame(stream->codec, frame);
    while (code >= 0) {
        code = avcodec_receive_packet(stream->codec, sink->packet);
        if (code == AVERROR(EAGAIN) || code == AVERROR_EOF)
            return 0;
        if (code < 0)
            break;
        if (stream == &sink->video && sink->packet->duration == 0)
            sink->packet->duration = 1;
        av_packet_rescale_ts(sink->packet, stream->codec->time_base, stream->out->time_base);
        sink->packet->stream_index = stream->out->index;
        code = av_interleaved_write_frame(sink->format, sink->packet);
    }
    return code;
}

enum tyto_err tyto_sink_put_frame(struct tyto_sink *sink, const uint8_t *i420,
                                  struct tyto_fault *ret_fault)
{
    struct stream *video = &sink->video;
    if (!video->codec)
        return TYTO_ERR_INVALID;
    AVFrame *frame = video->frame;
    int code = av_frame_make_writable(frame);
    for (int plane = 0; code >= 0 && plane < 3; plane++) {
        const size_t width = (size_t)frame->width / (plane ? 2 : 1);
        const int height = frame->height / (plane ? 2 : 1);
        for (int y = 0; y < height; y++, i420 += width)
            memcpy(frame->data[plane] + (ptrdiff_t)y * frame->linesize[plane], i420, width);
    }
    if (code >= 0) {
        frame->pts = video->next_pts++;
        frame->quality = video->codec->global_quality;
        code = encode(sink, video, frame);
    }
    return code < 0 ? fail(sink, code, "cannot be written", ret_fault) : TYTO_OK;
}

static int flush_samples(struct tyto_sink *sink)
{
    AVFrame *frame = sink->audio.frame;
    if (sink->num_held == 0)
        return 0;
    frame->nb_samples = (int)sink->num_held;
    frame->pts = sink->audio.next_pts;
    sink->audio.next_pts += sink->num_held;
    sink->num_held = 0;
    return encode(sink, &sink->audio, frame);
}

enum tyto_err tyto_sink_put_samples(struct tyto_sink *sink, const float *samples,
                                    uint32_t num_samples, struct tyto_fault *ret_fault)
{
    struct stream *audio = &sink->audio;
    if (!audio->codec)
        return TYTO_ERR_INVALID;
    const uint32_t full = (uint32_t)audio->codec->frame_size;
    int code = 0;
    while (num_samples > 0 && code >= 0) {
        code = sink->num_held == 0 ? av_frame_make_writable(audio->frame) : 0;
        if (code < 0)
            break;
        const uint32_t room = full - sink->num_held;
        const uint32_t num = num_samples < room ? num_samples : room;
        memcpy((float *)(void *)audio->frame->data[0] + sink->num_held, samples,
               num * sizeof(*samples));
        sink->num_held += num;
        samples += num;
        num_samples -= num;
        if (sink->num_held == full)
            code = flush_samples(sink);
    }
    return code < 0 ? fail(sink, code, "cannot be written", ret_fault) : TYTO_OK;
}

enum tyto_err tyto_sink_finish(struct tyto_sink **sink, struct tyto_fault *ret_fault)
{
    struct tyto_sink *s = *sink;
    int code = s->audio.codec ? flush_samples(s) : 0;
    if (code >= 0 && s->video.codec)
        code = encode(s, &s->video, NULL);
    if (code >= 0 && s->audio.codec)
        code = encode(s, &s->audio, NULL);
    if (code >= 0)
        code = av_write_trailer(s->format);
    if (code >= 0)
        code = avio_closep(&s->format->pb);
    if (code >= 0 && tyto_replace_commit(&s->replace) != TYTO_OK)
        code = AVERROR(errno);
    enum tyto_err err = code < 0 ? fail(s, code, "cannot be written", ret_fault) : TYTO_OK;
    tyto_sink_destroy(sink);
    return err;
}

/* --- single pictures ------------------------------------------------------------------------ */

static int encode_jpeg(AVCodecContext *context, const uint8_t *i420, AVFrame *frame,
                       AVPacket *packet)
{
    int code = avcodec_open2(context, NULL, NULL);
    if (code < 0)
        return code;
    frame->format = context->pix_fmt;
    frame->width = context->width;
    frame->height = context->height;
    frame->quality = context->global_quality;
    frame->pts = 0;
    code = av_frame_get_buffer(frame, 0);
    for (int plane = 0; code >= 0 && plane < 3; plane++) {
        const int width = frame->width / (plane ? 2 : 1), height = frame->height / (plane ? 2 : 1);
        for (int y = 0; y < height; y++) {
            uint8_t *row = frame->data[plane] + (ptrdiff_t)y * frame->linesize[plane];
            for (int x = 0; x < width; x++) { /* JPEG counts from 0 to 255 */
                const int value =
                    plane ? 128 + (i420[x] - 128) * 255 / 224 : (i420[x] - 16) * 255 / 219;
                row[x] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
            }
            i420 += width;
        }
    }
    if (code >= 0)
        code = avcodec_send_frame(context, frame);
    return code < 0 ? code : avcodec_receive_packet(context, packet);
}

enum tyto_err tyto_sink_jpeg(const uint8_t *i420, uint32_t width_px, uint32_t height_px,
                             uint32_t quality, uint8_t **ret_jpeg, size_t *ret_bytes)
{
    const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_MJPEG);
    if (!codec)
        return TYTO_ERR_UNSUPPORTED;
    if (width_px < MIN_PX || width_px > MAX_PX || height_px < MIN_PX || height_px > MAX_PX ||
        (width_px | height_px) % 2 != 0 || quality < 2 || quality > 31)
        return TYTO_ERR_INVALID;
    AVCodecContext *context = avcodec_alloc_context3(codec);
    AVFrame *frame = av_frame_alloc();
    AVPacket *packet = av_packet_alloc();
    int code = AVERROR(ENOMEM);
    uint8_t *jpeg = NULL;
    if (context && frame && packet) {
        context->width = (int)width_px;
        context->height = (int)height_px;
        context->pix_fmt = AV_PIX_FMT_YUVJ420P;
        context->color_range = AVCOL_RANGE_JPEG;
        context->time_base = (AVRational){1, 25};
        context->thread_count = 1;
        context->flags |= AV_CODEC_FLAG_QSCALE | AV_CODEC_FLAG_BITEXACT;
        context->global_quality = (int)quality * FF_QP2LAMBDA;
        code = encode_jpeg(context, i420, frame, packet);
    }
    if (code >= 0 && packet->size > 0) {
        jpeg = malloc((size_t)packet->size);
        if (jpeg) {
            memcpy(jpeg, packet->data, (size_t)packet->size);
            *ret_jpeg = jpeg;
            *ret_bytes = (size_t)packet->size;
        }
    }
    av_packet_free(&packet);
    av_frame_free(&frame);
    avcodec_free_context(&context);
    return code < 0 ? TYTO_ERR_INTERNAL : jpeg ? TYTO_OK : TYTO_ERR_NOMEM;
}
