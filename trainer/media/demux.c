/* SPDX-License-Identifier: MIT */
/* Containers by libavformat. Only plain local files are opened: whatever would open other files
 * (playlists) is refused. */
#include <errno.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "files/matroska_turn.h"
#include "trainer/media/internal.h"

#define NS_PER_S 1000000000ll
/* Times before this are another way of counting, not the delay of an encoder. */
#define MAX_PRIMING_NS NS_PER_S
/* A stream's time that goes back by more, or ahead by more, is a clock set anew. */
#define BACK_JUMP_NS NS_PER_S
#define FORWARD_JUMP_NS (3600 * NS_PER_S)
/* Of less nothing is made: pictures come once in a while. */
#define LEAST_GAP_NS (2 * NS_PER_S)
#define MAX_PIXELS ((int64_t)TYTO_FRAME_MAX_SIDE * TYTO_FRAME_MAX_SIDE)

/* libav has one log for the whole process; each thread keeps the last line that was meant for it.
 */
static _Thread_local char said[200];

static void TYTO_PRINTF(3, 0) on_log(void *user, int level, const char *fmt, va_list args)
{
    (void)user;
    if (level > AV_LOG_ERROR)
        return;
    char line[sizeof(said)];
    vsnprintf(line, sizeof(line), fmt, args);
    const size_t len = strcspn(line, "\r\n");
    line[len] = '\0';
    if (len > 0)
        memcpy(said, line, sizeof(said));
}

static void set_log(void)
{
    av_log_set_callback(on_log);
}

const char *tyto_demux_said(void)
{
    return said;
}

static bool opens_others(const AVInputFormat *format)
{
    static const char *const names[] = {
        "hls",    "concat",   "dash",        "sdp",   "rtsp", "rtp",  "imf",
        "image2", "tee",      "image2pipe",  "lavfi", "sap",  "xbin", "tty",
        "avs",    "avisynth", "vapoursynth", "mpl2",  "srt",  "ass",  "ffmetadata"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const size_t len = strlen(names[i]);
        if (strncmp(format->name, names[i], len) == 0 &&
            (format->name[len] == '\0' || format->name[len] == ','))
            return true;
    }
    return false;
}

/* What is in the file; NULL with a fault. */
static enum tyto_err probe_format(const char *path, const char *url, const AVInputFormat **ret,
                                  struct tyto_fault *ret_fault)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return tyto_fault_set(ret_fault, errno == ENOENT ? TYTO_ERR_NOT_FOUND : TYTO_ERR_IO, path,
                              0, NULL, "%s", strerror(errno));
    if (!S_ISREG(info.st_mode))
        return tyto_fault_set(ret_fault, TYTO_ERR_UNSUPPORTED, path, 0, NULL,
                              "is not a file: name the recordings themselves");
    AVIOContext *io = NULL;
    const AVInputFormat *format = NULL;
    AVDictionary *options = NULL;
    av_dict_set(&options, "protocol_whitelist", "file", 0);
    int error = avio_open2(&io, url, AVIO_FLAG_READ, NULL, &options);
    av_dict_free(&options);
    if (error < 0)
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, path, 0, NULL, "%s", av_err2str(error));
    error = av_probe_input_buffer2(io, &format, url, NULL, 0, 1 << 20);
    /* by its name a still picture is one of a series (image2): by its bytes it is a picture */
    if (error >= 0 && format && opens_others(format) && avio_seek(io, 0, SEEK_SET) == 0) {
        format = NULL;
        error = av_probe_input_buffer2(io, &format, "", NULL, 0, 1 << 20);
    }
    avio_closep(&io);
    if (error < 0 || !format)
        return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, path, 0, NULL,
                              "is no recording that FFmpeg knows: convert it, or leave it out");
    if (opens_others(format) || (format->flags & AVFMT_NOFILE))
        return tyto_fault_set(ret_fault, TYTO_ERR_UNSUPPORTED, path, 0, NULL,
                              "is of kind '%s', which is no recording itself: name the recordings",
                              format->name);
    *ret = format;
    return TYTO_OK;
}

static void copy_name(char *to, size_t to_bytes, const char *from)
{
    snprintf(to, to_bytes, "%s", from);
}

static int best_stream(AVFormatContext *format, bool video)
{
    const int idx = av_find_best_stream(format, video ? AVMEDIA_TYPE_VIDEO : AVMEDIA_TYPE_AUDIO, -1,
                                        -1, NULL, 0);
    if (idx < 0 || (format->streams[idx]->disposition & AV_DISPOSITION_ATTACHED_PIC))
        return -1;
    return idx;
}

static int64_t origin_of(const AVFormatContext *format)
{
    if (format->start_time == AV_NOPTS_VALUE || llabs(format->start_time) > INT64_MAX / 2000)
        return 0;
    const int64_t start_ns = format->start_time * 1000;
    return start_ns > 0 || start_ns < -MAX_PRIMING_NS ? start_ns : 0;
}

/* container: what it says of its pictures in a way that libav does not read. */
static enum tyto_turn turn_of(const AVStream *stream, enum tyto_turn container)
{
    size_t num_bytes = 0;
    const void *bytes = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &num_bytes);
    int32_t matrix[9];
    if (!bytes || num_bytes < sizeof(matrix))
        return container;
    memcpy(matrix, bytes, sizeof(matrix));
    return tyto_turn_of_matrix(matrix[0], matrix[1], matrix[3], matrix[4]);
}

static void describe(AVFormatContext *format, enum tyto_turn container,
                     struct tyto_source_file_info *info)
{
    *info = (struct tyto_source_file_info){0};
    copy_name(info->container, sizeof(info->container), format->iformat->name);
    if (format->duration > 0 && format->duration < INT64_MAX / 1000)
        info->duration_ns = format->duration * 1000;
    /* Matroska's counts from 0, whenever its first stream begins. */
    if (strncmp(format->iformat->name, "matroska", 8) == 0 && info->duration_ns > origin_of(format))
        info->duration_ns -= origin_of(format);
    const int video = best_stream(format, true), audio = best_stream(format, false);
    if (video >= 0) {
        const AVStream *stream = format->streams[video];
        info->has_video = true;
        info->width = stream->codecpar->width > 0 ? (uint32_t)stream->codecpar->width : 0;
        info->height = stream->codecpar->height > 0 ? (uint32_t)stream->codecpar->height : 0;
        if (tyto_turn_swaps(turn_of(stream, container))) {
            const uint32_t width = info->width;
            info->width = info->height;
            info->height = width;
        }
        const AVRational rate = stream->avg_frame_rate;
        info->fps = rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 0;
        copy_name(info->video_codec, sizeof(info->video_codec),
                  avcodec_get_name(stream->codecpar->codec_id));
    }
    if (audio >= 0) {
        const AVCodecParameters *par = format->streams[audio]->codecpar;
        info->has_audio = true;
        info->rate_hz = par->sample_rate > 0 ? (uint32_t)par->sample_rate : 0;
        info->num_channels =
            par->ch_layout.nb_channels > 0 ? (uint32_t)par->ch_layout.nb_channels : 0;
        copy_name(info->audio_codec, sizeof(info->audio_codec), avcodec_get_name(par->codec_id));
    }
}

enum tyto_err tyto_demux_open(struct tyto_demux *demux, const char *path,
                              struct tyto_source_file_info *ret_info, struct tyto_fault *ret_fault)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_log);
    said[0] = '\0';
    *demux =
        (struct tyto_demux){.stream = -1, .last_ns = TYTO_SOURCE_NO_TIME, .turn = TYTO_TURN_NONE};
    copy_name(demux->path, sizeof(demux->path), path);
    static const char scheme[] = "file:"; /* a name with a colon is no other protocol */
    const size_t path_bytes = strlen(path) + 1;
    char *url = malloc(sizeof(scheme) + path_bytes);
    if (!url)
        return TYTO_ERR_NOMEM;
    memcpy(url, scheme, sizeof(scheme) - 1);
    memcpy(url + sizeof(scheme) - 1, path, path_bytes);
    const AVInputFormat *input = NULL;
    const enum tyto_err err = probe_format(path, url, &input, ret_fault);
    if (err) {
        free(url);
        return err;
    }
    AVDictionary *options = NULL;
    av_dict_set(&options, "protocol_whitelist", "file", 0);
    int error = avformat_open_input(&demux->format, url, input, &options);
    av_dict_free(&options);
    free(url);
    if (error >= 0)
        error = avformat_find_stream_info(demux->format, NULL);
    if (error < 0) {
        tyto_demux_close(demux);
        return tyto_fault_set(
            ret_fault, error == AVERROR(ENOMEM) ? TYTO_ERR_NOMEM : TYTO_ERR_FORMAT, path, 0, NULL,
            "cannot be read: %s%s%s", av_err2str(error), said[0] ? ": " : "", said);
    }
    demux->origin_ns = origin_of(demux->format);
    demux->turn = tyto_matroska_turn(path);
    if (ret_info)
        describe(demux->format, demux->turn, ret_info);
    return TYTO_OK;
}

static enum tyto_err open_decoder(struct tyto_demux *demux, const AVCodec *codec,
                                  uint32_t num_threads)
{
    demux->decoder = avcodec_alloc_context3(codec);
    if (!demux->decoder)
        return TYTO_ERR_NOMEM;
    AVCodecContext *decoder = demux->decoder;
    int error =
        avcodec_parameters_to_context(decoder, demux->format->streams[demux->stream]->codecpar);
    if (error < 0)
        return error == AVERROR(ENOMEM) ? TYTO_ERR_NOMEM : TYTO_ERR_FORMAT;
    decoder->pkt_timebase = (AVRational){1, (int)NS_PER_S};
    decoder->thread_count = num_threads ? (int)num_threads : 1;
    decoder->max_pixels = MAX_PIXELS;
    decoder->max_samples = 1 << 22;
    error = avcodec_open2(decoder, codec, NULL);
    if (error < 0)
        return error == AVERROR(ENOMEM) ? TYTO_ERR_NOMEM : TYTO_ERR_UNSUPPORTED;
    return TYTO_OK;
}

enum tyto_err tyto_demux_choose(struct tyto_demux *demux, bool video, uint32_t num_threads,
                                struct tyto_fault *ret_fault)
{
    demux->stream = best_stream(demux->format, video);
    if (demux->stream < 0)
        return TYTO_ERR_NOT_FOUND;
    demux->turn = turn_of(demux->format->streams[demux->stream], demux->turn);
    for (unsigned i = 0; i < demux->format->nb_streams; i++)
        demux->format->streams[i]->discard =
            (int)i == demux->stream ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
    const AVCodecParameters *par = demux->format->streams[demux->stream]->codecpar;
    const AVCodec *codec = avcodec_find_decoder(par->codec_id);
    const enum tyto_err err =
        codec ? open_decoder(demux, codec, num_threads) : TYTO_ERR_UNSUPPORTED;
    if (err)
        return tyto_fault_set(ret_fault, err, demux->path, 0, video ? "video" : "audio",
                              "codec '%s' cannot be decoded%s%s: convert the file with ffmpeg",
                              avcodec_get_name(par->codec_id), said[0] ? ": " : "", said);
    return TYTO_OK;
}

/* A container's time in ns since the begin, before any shift. */
static int64_t to_ns(const struct tyto_demux *demux, int64_t time)
{
    if (time == AV_NOPTS_VALUE)
        return TYTO_SOURCE_NO_TIME;
    const AVRational base = demux->format->streams[demux->stream]->time_base;
    const int64_t ns = av_rescale_q(time, base, (AVRational){1, (int)NS_PER_S});
    if (ns == INT64_MIN || llabs(ns) > INT64_MAX / 4)
        return TYTO_SOURCE_NO_TIME;
    return ns - demux->origin_ns;
}

enum tyto_err tyto_demux_read(struct tyto_demux *demux, AVPacket *packet)
{
    for (;;) {
        const int error = av_read_frame(demux->format, packet);
        if (error == AVERROR(EAGAIN))
            continue;
        if (error < 0) {
            if (error != AVERROR_EOF)
                demux->num_bad++; /* what is left of a damaged file is given up */
            return TYTO_ERR_EMPTY;
        }
        if (packet->stream_index == demux->stream && packet->size > 0)
            break;
        av_packet_unref(packet);
    }
    int64_t pts = to_ns(demux, packet->pts), dts = to_ns(demux, packet->dts);
    const int64_t clock = dts != TYTO_SOURCE_NO_TIME ? dts : pts;
    const int64_t duration = to_ns(demux, packet->duration);
    packet->duration = duration == TYTO_SOURCE_NO_TIME ? 0 : duration + demux->origin_ns;
    if (clock != TYTO_SOURCE_NO_TIME) {
        const int64_t ahead_ns = clock + demux->shift_ns - demux->last_ns;
        if (demux->last_ns != TYTO_SOURCE_NO_TIME &&
            (ahead_ns < -BACK_JUMP_NS || ahead_ns > FORWARD_JUMP_NS))
            demux->shift_ns = demux->last_ns + packet->duration - clock;
        else if (demux->last_ns != TYTO_SOURCE_NO_TIME && ahead_ns > LEAST_GAP_NS)
            demux->gap_ns += ahead_ns - NS_PER_S;
        demux->last_ns = clock + demux->shift_ns;
    }
    packet->pts = pts == TYTO_SOURCE_NO_TIME ? AV_NOPTS_VALUE : pts + demux->shift_ns;
    packet->dts = dts == TYTO_SOURCE_NO_TIME ? AV_NOPTS_VALUE : dts + demux->shift_ns;
    return TYTO_OK;
}

void tyto_demux_close(struct tyto_demux *demux)
{
    avcodec_free_context(&demux->decoder);
    avformat_close_input(&demux->format);
}
