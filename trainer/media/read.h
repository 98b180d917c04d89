/* SPDX-License-Identifier: MIT */
/* Recordings of any container: one picture and one piece of sound for each segment, by exact
 * times. Sound and picture are read independently, so that a badly interleaved file costs nothing;
 * pictures are decoded only as far as the one that is wanted needs.
 *
 * Time 0 is the recording's own begin: the container's start time where that is after 0 (MPEG-TS),
 * else 0; what lies before it (encoder delay) is cut. An object belongs to one thread at a time. */
#ifndef TYTO_TRAINER_MEDIA_READ_H
#define TYTO_TRAINER_MEDIA_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "base/frame.h"

enum { TYTO_SOURCE_FILE_RATE_HZ = 16000 };

struct tyto_source_file_info {
    int64_t duration_ns; /* as the container says; 0: it does not */
    bool has_audio, has_video;
    uint32_t width, height; /* 0 without video */
    double fps;             /* on average; 0: not known */
    uint32_t rate_hz, num_channels;
    char container[32], video_codec[32], audio_codec[32];
};

/* NOT_FOUND, IO, FORMAT (no recording), UNSUPPORTED (playlists, codecs): *ret_fault says it. */
TYTO_MUST_CHECK
enum tyto_err tyto_source_file_probe(const char *path, struct tyto_source_file_info *ret_info,
                                     struct tyto_fault *ret_fault);

enum tyto_source_file_pictures {
    TYTO_SOURCE_FILE_NEAREST,   /* of all pictures the nearest to the middle */
    TYTO_SOURCE_FILE_KEYFRAMES, /* of the keyframes in the segment the nearest to the middle, of all
                                   pictures where there is none: cheap */
};

struct tyto_source_file_params {
    const char *path;
    int64_t segment_ns; /* 0: 1 s; 0.1..4 s */
    int64_t hop_ns;     /* 0: segment_ns; 0.1..60 s */
    enum tyto_source_file_pictures pictures;
    uint32_t num_threads; /* of the video decoder; 0: 1 */
    bool no_audio, no_video;
};

/* [begin, end) of a recording. */
struct tyto_source_segment {
    uint32_t idx; /* begin is idx hops after time 0 */
    int64_t begin_ns, end_ns;
    float *pcm;              /* owned: segment_ns of mono at 16 kHz, zeros where nothing was; NULL:
                                less than three quarters of it were there */
    bool has_picture;        /* frame is valid */
    struct tyto_frame frame; /* until the segment is finished */
    int64_t picture_ns;      /* its time */
    void *held;              /* what keeps the frame's bytes */
};

struct tyto_source_file;

/* As tyto_source_file_probe; INVALID for params out of range. A recording may lack sound or
 * picture, not both. */
TYTO_MUST_CHECK
enum tyto_err tyto_source_file_open(const struct tyto_source_file_params *params,
                                    struct tyto_source_file **ret_source,
                                    struct tyto_fault *ret_fault);
void tyto_source_file_close(struct tyto_source_file **source);
const struct tyto_source_file_info *
tyto_source_file_get_info(const struct tyto_source_file *source);
/* The next segment; it does not depend on the source any more and may go to another thread. In a
 * hole both parts are missing. EMPTY after the last one: less than half a segment was left. FORMAT
 * when nothing at all could be decoded, NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_source_file_next(struct tyto_source_file *source,
                                    struct tyto_source_segment *ret_segment,
                                    struct tyto_fault *ret_fault);
void tyto_source_segment_finish(struct tyto_source_segment *segment);
/* After EMPTY: "read in part: 10 of 20 s; ..." with what to do, or "" where all of it was there. */
void tyto_source_file_end_text(const struct tyto_source_file *source, char *ret_text,
                               uint32_t text_bytes);
/* Packets that could not be decoded so far. */
uint64_t tyto_source_file_num_bad(const struct tyto_source_file *source);

/* --- whole files ------------------------------------------------------------------- */

/* The sound of a file as mono at 16 kHz from its time 0 on, at most max_ns of it, gaps as zeros.
 * *ret_samples is owned by the caller (free). UNSUPPORTED without sound. */
TYTO_MUST_CHECK
enum tyto_err tyto_source_file_read_sound(const char *path, int64_t max_ns, float **ret_samples,
                                          uint64_t *ret_num, struct tyto_fault *ret_fault);

struct tyto_source_picture {
    uint32_t width, height; /* 1..TYTO_FRAME_MAX_SIDE */
    uint8_t *rgb;           /* owned, (height, width, 3) */
    uint8_t *alpha;         /* owned, (height, width); NULL: opaque everywhere */
};

/* A still picture (JPEG, PNG, WebP, BMP...; of a video the first picture). */
TYTO_MUST_CHECK
enum tyto_err tyto_source_file_read_picture(const char *path,
                                            struct tyto_source_picture *ret_picture,
                                            struct tyto_fault *ret_fault);
void tyto_source_picture_finish(struct tyto_source_picture *picture);

#endif
