/* SPDX-License-Identifier: MIT */
/* libav reads and writes through the descriptors that this file has opened, and by the one
 * container that recordings are of: there is no name by which it could reach anything else. */
#include "web/media/remux.h"

#include <errno.h>
#include <fcntl.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/pixdesc.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

enum { IO_BYTES = 64 << 10, NUM_KINDS = 2, FRAGMENT_MS = 2000 /* of sound alone */ };

/* A file, as libav sees it. */
struct file {
    int fd;
    int64_t at_bytes, num_bytes, max_bytes;
    int error; /* of errno; 0: none */
    const struct tyto_remux_params *params;
    uint64_t until_ns;
    AVIOContext *io;
};

struct remux {
    struct file from, to, again; /* again: what has been written, to be read */
    AVFormatContext *in, *out;
    int streams[NUM_KINDS];      /* of in: video, audio; -1: not copied */
    int64_t last_dts[NUM_KINDS]; /* of out's stream; NOPTS: none yet */
};

/* --- files ----------------------------------------------------------------------------------- */

static bool is_over(const struct file *file)
{
    return atomic_load(file->params->is_over) || tyto_clock_mono_ns() > file->until_ns;
}

static int read_bytes(void *user, uint8_t *bytes, int num)
{
    struct file *file = user;
    if (is_over(file))
        return AVERROR_EXIT;
    const ssize_t got = pread(file->fd, bytes, (size_t)num, file->at_bytes);
    if (got < 0)
        file->error = errno;
    if (got <= 0)
        return got < 0 ? AVERROR(EIO) : AVERROR_EOF;
    file->at_bytes += got;
    return (int)got;
}

static int write_bytes(void *user, uint8_t *bytes, int num)
{
    struct file *file = user;
    if (is_over(file))
        return AVERROR_EXIT;
    if (file->at_bytes + num > file->max_bytes)
        return AVERROR(EFBIG);
    for (int done = 0; done < num;) {
        const ssize_t put = pwrite(file->fd, bytes + done, (size_t)(num - done), file->at_bytes);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0) {
            file->error = put < 0 ? errno : ENOSPC;
            return AVERROR(EIO);
        }
        done += (int)put;
        file->at_bytes += put;
    }
    if (file->at_bytes > file->num_bytes)
        file->num_bytes = file->at_bytes;
    return num;
}

static int64_t seek_to(void *user, int64_t offset, int whence)
{
    struct file *file = user;
    if (whence & AVSEEK_SIZE)
        return file->num_bytes;
    const int64_t from = whence == SEEK_CUR   ? file->at_bytes
                         : whence == SEEK_END ? file->num_bytes
                                              : 0;
    if (from + offset < 0)
        return AVERROR(EINVAL);
    return file->at_bytes = from + offset;
}

static bool open_io(struct file *file, bool writes)
{
    uint8_t *buffer = av_malloc(IO_BYTES);
    file->io = buffer
                   ? avio_alloc_context(buffer, IO_BYTES, writes, file, writes ? NULL : read_bytes,
                                        writes ? write_bytes : NULL, seek_to)
                   : NULL;
    if (!file->io)
        av_free(buffer);
    return file->io != NULL;
}

static void close_io(struct file *file)
{
    if (file->io)
        av_freep(&file->io->buffer);
    avio_context_free(&file->io);
}

static void say_nothing(void)
{
    av_log_set_level(AV_LOG_QUIET);
}

/* Of what it has written libav reads once more what it moves, to make room for the index in front.
 */
static int open_again(AVFormatContext *out, AVIOContext **ret_io, const char *url, int flags,
                      AVDictionary **options)
{
    (void)url;
    (void)options;
    struct remux *remux = out->opaque;
    if ((flags & AVIO_FLAG_WRITE) || remux->again.io)
        return AVERROR(ENOSYS);
    remux->again = remux->to;
    remux->again.at_bytes = 0;
    if (!open_io(&remux->again, false))
        return AVERROR(ENOMEM);
    *ret_io = remux->again.io;
    return 0;
}

static int close_again(AVFormatContext *out, AVIOContext *io)
{
    struct remux *remux = out->opaque;
    if (io != remux->again.io)
        return AVERROR(EINVAL);
    close_io(&remux->again);
    return 0;
}

static enum tyto_err fail(const struct remux *remux, int error, const char *what,
                          struct tyto_fault *ret_fault)
{
    const char *path = remux->from.params->path;
    if (atomic_load(remux->from.params->is_over))
        return tyto_fault_set(ret_fault, TYTO_ERR_CLOSED, path, 0, NULL, "nobody waits for it");
    if (is_over(&remux->from))
        return tyto_fault_set(ret_fault, TYTO_ERR_TIMEOUT, path, 0, NULL,
                              "took too long to be made ready");
    if (error == AVERROR(ENOMEM))
        return TYTO_ERR_NOMEM;
    if (error == AVERROR(EFBIG))
        return tyto_fault_set(ret_fault, TYTO_ERR_FULL, path, 0, NULL, "is too large");
    const int system = remux->to.error ? remux->to.error : remux->from.error;
    if (system)
        return tyto_fault_set(ret_fault, TYTO_ERR_IO, path, 0, NULL, "%s: %s", what,
                              strerror(system));
    return tyto_fault_set(ret_fault, TYTO_ERR_FORMAT, path, 0, NULL, "%s: %s", what,
                          av_err2str(error));
}

/* --- what is in it --------------------------------------------------------------------------- */

static const struct known {
    enum AVCodecID id;
    const char *name;
    bool plays;
} codecs[] = {
    {AV_CODEC_ID_H264, "H.264", true},
    {AV_CODEC_ID_HEVC, "H.265", false},
    {AV_CODEC_ID_MPEG4, "MPEG-4 Part 2", false},
    {AV_CODEC_ID_MJPEG, "Motion JPEG", false},
    {AV_CODEC_ID_MPEG2VIDEO, "MPEG-2", false},
    {AV_CODEC_ID_AAC, "AAC", true},
    {AV_CODEC_ID_OPUS, "Opus", true},
    {AV_CODEC_ID_MP3, "MP3", true},
    {AV_CODEC_ID_PCM_MULAW, "G.711 (mu-law)", false},
    {AV_CODEC_ID_PCM_ALAW, "G.711 (A-law)", false},
    {AV_CODEC_ID_ADPCM_G726, "G.726", false},
};

/* Browsers know H.264 of eight bits and with colours at half the width and height alone. */
static bool is_unusual(const AVCodecParameters *par)
{
    return par->codec_id == AV_CODEC_ID_H264 && par->format != AV_PIX_FMT_NONE &&
           par->format != AV_PIX_FMT_YUV420P && par->format != AV_PIX_FMT_YUVJ420P;
}

static struct tyto_remux_stream describe(const AVCodecParameters *par)
{
    struct tyto_remux_stream stream = {.is_there = true};
    const char *name = avcodec_get_name(par->codec_id);
    for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++) {
        if (codecs[i].id == par->codec_id) {
            name = codecs[i].name;
            stream.plays = codecs[i].plays;
        }
    }
    snprintf(stream.codec, sizeof(stream.codec), "%s", name);
    if (is_unusual(par)) {
        const char *format = av_get_pix_fmt_name((enum AVPixelFormat)par->format);
        stream.plays = false;
        snprintf(stream.codec, sizeof(stream.codec), "%s (%s)", name, format ? format : "?");
    }
    return stream;
}

/* Chooses what is copied. */
static void look(struct remux *remux, struct tyto_remux_info *info)
{
    static const enum AVMediaType kinds[NUM_KINDS] = {AVMEDIA_TYPE_VIDEO, AVMEDIA_TYPE_AUDIO};
    struct tyto_remux_stream *const found[NUM_KINDS] = {&info->video, &info->audio};
    for (int i = 0; i < NUM_KINDS; i++) {
        const int idx = av_find_best_stream(remux->in, kinds[i], -1, -1, NULL, 0);
        remux->streams[i] = -1;
        if (idx < 0 || (remux->in->streams[idx]->disposition & AV_DISPOSITION_ATTACHED_PIC))
            continue;
        *found[i] = describe(remux->in->streams[idx]->codecpar);
        if (found[i]->plays)
            remux->streams[i] = idx;
    }
    if (remux->in->duration > 0 && remux->in->duration < INT64_MAX / 1000)
        info->duration_ms = remux->in->duration / 1000;
}

static enum tyto_err open_in(struct remux *remux, struct tyto_fault *ret_fault)
{
    struct stat info;
    struct file *from = &remux->from;
    from->fd = open(from->params->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (from->fd < 0 || fstat(from->fd, &info) != 0)
        return tyto_fault_set(ret_fault, errno == ENOENT ? TYTO_ERR_NOT_FOUND : TYTO_ERR_IO,
                              from->params->path, 0, NULL, "%s", strerror(errno));
    from->num_bytes = info.st_size;
    if (!S_ISREG(info.st_mode))
        return fail(remux, AVERROR_INVALIDDATA, "is no file", ret_fault);
    if (from->num_bytes > from->max_bytes)
        return fail(remux, AVERROR(EFBIG), "", ret_fault);
    if (!open_io(from, false) || !(remux->in = avformat_alloc_context()))
        return TYTO_ERR_NOMEM;
    remux->in->pb = from->io;
    const AVInputFormat *format = av_find_input_format("matroska");
    if (!format)
        return tyto_fault_set(ret_fault, TYTO_ERR_UNSUPPORTED, from->params->path, 0, NULL,
                              "this libavformat reads no Matroska");
    /* A format that cannot be opened is freed there. */
    int error = avformat_open_input(&remux->in, NULL, format, NULL);
    if (error >= 0)
        error = avformat_find_stream_info(remux->in, NULL);
    return error < 0 ? fail(remux, error, "is no recording", ret_fault) : TYTO_OK;
}

/* --- what is made of it ---------------------------------------------------------------------- */

static int add_stream(struct remux *remux, int idx)
{
    const AVStream *from = remux->in->streams[idx];
    AVStream *to = avformat_new_stream(remux->out, NULL);
    if (!to)
        return AVERROR(ENOMEM);
    const int error = avcodec_parameters_copy(to->codecpar, from->codecpar);
    to->codecpar->codec_tag = 0; /* MP4 has its own */
    to->time_base = from->time_base;
    to->sample_aspect_ratio = from->sample_aspect_ratio;
    return error;
}

static int open_out(struct remux *remux)
{
    int error = avformat_alloc_output_context2(&remux->out, NULL, "mp4", NULL);
    if (error < 0)
        return error;
    if (!open_io(&remux->to, true))
        return AVERROR(ENOMEM);
    remux->out->pb = remux->to.io;
    remux->out->opaque = remux;
    remux->out->io_open = open_again;
    remux->out->io_close2 = close_again;
    for (int i = 0; error >= 0 && i < NUM_KINDS; i++) {
        if (remux->streams[i] >= 0)
            error = add_stream(remux, remux->streams[i]);
    }
    if (error < 0)
        return error;
    AVDictionary *options = NULL;
    /* The index in front tells how long it is, and where to go on for a seek. */
    av_dict_set(&options, "movflags", "frag_keyframe+empty_moov+default_base_moof+global_sidx", 0);
    if (remux->streams[0] < 0) /* no keyframes: by time */
        av_dict_set_int(&options, "frag_duration", FRAGMENT_MS * 1000, 0);
    error = avformat_write_header(remux->out, &options);
    av_dict_free(&options);
    return error;
}

/* One packet with times that a muxer takes: those of cameras may stand still or go back. */
static int put(struct remux *remux, AVPacket *packet)
{
    const int kind = packet->stream_index == remux->streams[0] ? 0 : 1;
    if (packet->stream_index != remux->streams[kind] ||
        (packet->pts == AV_NOPTS_VALUE && packet->dts == AV_NOPTS_VALUE))
        return 0;
    const AVStream *from = remux->in->streams[packet->stream_index];
    packet->stream_index = kind == 1 && remux->streams[0] >= 0 ? 1 : 0;
    const AVStream *to = remux->out->streams[packet->stream_index];
    av_packet_rescale_ts(packet, from->time_base, to->time_base);
    packet->pos = -1;
    if (packet->dts == AV_NOPTS_VALUE)
        packet->dts = packet->pts;
    int64_t *last = &remux->last_dts[kind];
    if (*last != AV_NOPTS_VALUE && packet->dts <= *last)
        packet->dts = *last + 1;
    if (packet->pts == AV_NOPTS_VALUE || packet->pts < packet->dts)
        packet->pts = packet->dts;
    *last = packet->dts;
    return av_interleaved_write_frame(remux->out, packet);
}

static int copy(struct remux *remux)
{
    AVPacket *packet = av_packet_alloc();
    int error = packet ? 0 : AVERROR(ENOMEM);
    while (error >= 0 && !is_over(&remux->from)) {
        error = av_read_frame(remux->in, packet);
        if (error < 0)
            break;
        error = put(remux, packet);
        av_packet_unref(packet);
    }
    av_packet_free(&packet);
    if (is_over(&remux->from))
        return AVERROR_EXIT;
    /* What is left of a damaged file is given up: it plays as far as it goes. */
    const bool is_end = error == AVERROR_EOF || error == AVERROR_INVALIDDATA;
    return is_end ? av_write_trailer(remux->out) : error;
}

enum tyto_err tyto_remux(const struct tyto_remux_params *params, struct tyto_remux_info *ret_info,
                         struct tyto_fault *ret_fault)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, say_nothing);
    struct remux remux = {.last_dts = {AV_NOPTS_VALUE, AV_NOPTS_VALUE}};
    struct tyto_remux_info info = {0};
    const struct file file = {.fd = -1,
                              .params = params,
                              .max_bytes = (int64_t)params->max_bytes,
                              .until_ns =
                                  tyto_clock_mono_ns() + params->max_ms * (uint64_t)TYTO_NS_PER_MS};
    remux.from = remux.to = remux.again = file;
    remux.to.fd = params->fd;
    enum tyto_err err = open_in(&remux, ret_fault);
    if (!err)
        look(&remux, &info);
    if (!err && (info.video.plays || info.audio.plays)) {
        int error = open_out(&remux);
        if (error >= 0)
            error = copy(&remux);
        if (error >= 0)
            avio_flush(remux.to.io);
        if (error >= 0 && remux.to.io->error < 0)
            error = remux.to.io->error;
        if (error < 0)
            err = fail(&remux, error, "cannot be made ready to be played", ret_fault);
        info.num_bytes = (uint64_t)remux.to.num_bytes;
    }
    avformat_close_input(&remux.in);
    avformat_free_context(remux.out);
    close_io(&remux.from);
    close_io(&remux.to);
    close_io(&remux.again);
    if (remux.from.fd >= 0)
        (void)close(remux.from.fd);
    if (!err)
        *ret_info = info;
    return err;
}
