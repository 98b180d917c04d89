/* SPDX-License-Identifier: MIT */
/* The parts of source_file: one stream of a file as packets with times in ns (demux), its sound
 * by time (sound), its pictures by time (video). Internal; libav's types are opaque here. */
#ifndef TYTO_TRAINER_MEDIA_INTERNAL_H
#define TYTO_TRAINER_MEDIA_INTERNAL_H

#include "base/turn.h"
#include "trainer/media/read.h"

struct AVCodecContext;
struct AVFormatContext;
struct AVFrame;
struct AVPacket;
struct SwrContext;

#define TYTO_SOURCE_NO_TIME INT64_MIN

/* --- demux: one stream of one file, with its decoder --------------------------------- */

struct tyto_demux {
    struct AVFormatContext *format;
    struct AVCodecContext *decoder; /* its time base is 1 ns */
    int stream;
    int64_t origin_ns, shift_ns; /* subtracted from, added to the container's times */
    int64_t last_ns;             /* of the packet before; NO_TIME: none */
    int64_t gap_ns;              /* in all, that no packet came for by the container's own word */
    enum tyto_turn turn;         /* of the stream's pictures, as the container says */
    uint64_t num_bad;
    char path[256]; /* for faults, cut where need be */
};

/* Opens the container alone. *ret_info may be NULL. */
TYTO_MUST_CHECK
enum tyto_err tyto_demux_open(struct tyto_demux *demux, const char *path,
                              struct tyto_source_file_info *ret_info, struct tyto_fault *ret_fault);
/* Chooses the best stream and opens its decoder; all other streams are left out. NOT_FOUND when
 * there is no such stream (no fault then). */
TYTO_MUST_CHECK
enum tyto_err tyto_demux_choose(struct tyto_demux *demux, bool video, uint32_t num_threads,
                                struct tyto_fault *ret_fault);
/* The next packet of the stream, its times in ns since the recording's begin. EMPTY at the end. */
TYTO_MUST_CHECK
enum tyto_err tyto_demux_read(struct tyto_demux *demux, struct AVPacket *packet);
void tyto_demux_close(struct tyto_demux *demux);
/* What libav said last in this thread; "" when nothing. */
const char *tyto_demux_said(void);

/* --- sound ---------------------------------------------------------------------------- */

struct tyto_sound_chunk {
    struct tyto_sound_chunk *next;
    int64_t from_idx; /* at 16 kHz */
    uint32_t num;
    float samples[];
};

struct tyto_sound {
    struct tyto_demux demux;
    struct SwrContext *resampler; /* of the run; NULL: none */
    struct AVFrame *frame;
    struct AVPacket *packet;
    int rate_hz, format, num_channels;     /* of the run */
    int64_t run_ns, run_idx;               /* where it began */
    int64_t num_in, num_out;               /* samples since */
    struct tyto_sound_chunk *first, **end; /* decoded and not yet out of use */
    int64_t end_idx;                       /* of what was decoded */
    bool drained, over, any;
};

/* demux is *taken* on success; it has chosen a stream. */
TYTO_MUST_CHECK
enum tyto_err tyto_sound_init(struct tyto_sound *sound, struct tyto_demux *demux);
void tyto_sound_finish(struct tyto_sound *sound);
/* Copies [from_idx, from_idx + num), zeros where nothing is; *ret_num samples were there. What lies
 * before from_idx is forgotten. NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_sound_get(struct tyto_sound *sound, int64_t from_idx, uint32_t num,
                             float *ret_samples, uint32_t *ret_num);

/* --- pictures -------------------------------------------------------------------------- */

enum { TYTO_VIDEO_MAX_QUEUE = 2048, TYTO_VIDEO_MAX_READY = 40 };

struct tyto_video_entry {
    struct AVPacket *packet;
    bool is_done; /* its picture was given out; kept as reference of what follows */
};

struct tyto_video {
    struct tyto_demux demux;
    enum tyto_source_file_pictures pictures;
    struct tyto_video_entry queue[TYTO_VIDEO_MAX_QUEUE]; /* read, not decoded; in coding order */
    uint32_t num_queue;
    uint64_t queue_bytes;
    struct AVFrame *ready[TYTO_VIDEO_MAX_READY]; /* decoded, in order of their times */
    uint32_t num_ready;
    int64_t read_ns;     /* all packets read later are of pictures not before this */
    int64_t end_ns;      /* of the last picture read */
    int64_t interval_ns; /* of pictures, where no time says it */
    bool plain;          /* packets without times: everything is decoded in turn */
    bool keeps_all;      /* a picture did not come: no packet is dropped any more */
    bool can_skip;       /* pictures that none refers to */
    bool over, draining, drained, any;
};

TYTO_MUST_CHECK
enum tyto_err tyto_video_init(struct tyto_video *video, struct tyto_demux *demux,
                              enum tyto_source_file_pictures pictures);
void tyto_video_finish(struct tyto_video *video);
/* The picture nearest to middle_ns in [from_ns, to_ns): borrowed until the next call, NULL when
 * there is none. Middles ascend from call to call. NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_video_get(struct tyto_video *video, int64_t from_ns, int64_t middle_ns,
                             int64_t to_ns, struct AVFrame **ret_frame);

/* --- pictures in memory ------------------------------------------------------------------ */

/* Upright by turn. *ret_held, a reference of the frame or a converted copy, keeps the bytes of
 * *ret_frame. */
TYTO_MUST_CHECK
enum tyto_err tyto_frame_from_av(const struct AVFrame *av, enum tyto_turn turn,
                                 struct AVFrame **ret_held, struct tyto_frame *ret_frame);
TYTO_MUST_CHECK
enum tyto_err tyto_picture_from_av(const struct AVFrame *av, enum tyto_turn turn,
                                   struct tyto_source_picture *ret_picture);
/* What a still picture says of itself (EXIF), where its container has said nothing. */
enum tyto_turn tyto_turn_of_av(const struct AVFrame *av, enum tyto_turn fallback);

#endif
