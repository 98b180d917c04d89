/* SPDX-License-Identifier: MIT */
/* Cuts the two streams of one camera into segments [k*hop, k*hop + length) of
 * its media clock: by time, not by arrival. A segment that lacks a stream says
 * so and why; nothing is invented for it. No threads, no clocks, no GStreamer:
 * one thread feeds it and passes the time in, which is how tests drive it. */
#ifndef TYTO_PIPELINE_SEGMENT_SEGMENT_H
#define TYTO_PIPELINE_SEGMENT_SEGMENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/frame.h"

enum tyto_stream { TYTO_STREAM_AUDIO, TYTO_STREAM_VIDEO, TYTO_NUM_STREAMS };

/* X(NAME, "name for people"): why a segment lacks a stream. */
#define TYTO_LACK_LIST(X)                                                                          \
    X(NONE, "present")                                                                             \
    X(NO_STREAM, "no such stream")  /* the camera or file has none */                              \
    X(LATE, "late")                 /* it did not come within the allowed lateness */              \
    X(GAP, "gap")                   /* the stream went on but left (most of) this second out */    \
    X(ENDED, "stream ended before") /* end of stream reached earlier */

enum tyto_lack {
#define TYTO_LACK_ENTRY(name, text) TYTO_LACK_##name,
    TYTO_LACK_LIST(TYTO_LACK_ENTRY)
#undef TYTO_LACK_ENTRY
};

/* Static; never NULL. */
const char *tyto_lack_text(enum tyto_lack lack);

/* A picture that several segments may share; counted. Any thread may let go of it. */
struct tyto_picture {
    struct tyto_frame frame;
    int64_t pts_ns;
    uint64_t in_ns; /* monotonic time of its arrival; 0: unknown */
    atomic_uint num_refs;
    void *owner;                                   /* of whoever made it */
    void (*release)(struct tyto_picture *picture); /* frees it; called at 0 refs */
};

struct tyto_picture *tyto_picture_ref(struct tyto_picture *picture);
void tyto_picture_unref(struct tyto_picture **picture);

#define TYTO_SEGMENTER_DEFAULT_LATENESS_NS 2000000000ll

struct tyto_segmenter_params {
    int64_t hop_ns;          /* 0: 1 s */
    int64_t length_ns;       /* 0: 1 s; at most 4 s */
    int64_t lateness_ns;     /* allowed: how long one stream waits for the other; 0: the default */
    int64_t window_ns;       /* how far a stream may run ahead of the oldest open segment; 0: 6 s */
    int64_t av_offset_ns;    /* sound behind picture: subtracted from the sound's times */
    uint32_t sample_rate_hz; /* 0: 16000 */
    float
        min_audio_share; /* of a segment's samples, else GAP; 0: the rule's (base/segment_rule.h) */
    bool live;           /* clocks of live cameras may jump: see tyto_segmenter_num_jumps() */
};

struct tyto_segment {
    int64_t idx;              /* k */
    int64_t begin_ns, end_ns; /* media clock */
    bool has_audio, has_video;
    enum tyto_lack audio_lack, video_lack;
    float audio_share; /* of its samples that really came; the rest is silence */
    const float *pcm;  /* length * rate samples, borrowed until the next call; NULL: !has_audio */
    struct tyto_picture *picture; /* nearest to the middle, *owned* by the receiver; or NULL */
    bool restart;                 /* does not continue the segment before */
    bool discontinuous;           /* a clock jump was repaired lately */
    uint64_t in_ns;               /* arrival of the data that closed it */
    uint64_t closed_ns;           /* when it closed */
};

struct tyto_segmenter;

/* TYTO_ERR_INVALID when a parameter is out of range; NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_segmenter_create(const struct tyto_segmenter_params *params,
                                    struct tyto_segmenter **ret_segmenter);
void tyto_segmenter_destroy(struct tyto_segmenter **segmenter);

/* Another offset from here on, within 10 s: what of the sound was in already stays where it is;
 * then a little of it is left out, or is missing. */
void tyto_segmenter_set_av_offset(struct tyto_segmenter *segmenter, int64_t av_offset_ns);
/* Which streams there are. Until it is called both are waited for. */
void tyto_segmenter_expect(struct tyto_segmenter *segmenter, bool audio, bool video);
/* Sound: copied. now_ns is the monotonic time of arrival. */
void tyto_segmenter_audio(struct tyto_segmenter *segmenter, int64_t pts_ns, const float *samples,
                          uint32_t num_samples, uint64_t now_ns);
/* A picture: *taken*, also when it is not kept. */
void tyto_segmenter_video(struct tyto_segmenter *segmenter, struct tyto_picture *picture,
                          uint64_t now_ns);
/* The stream has nothing (more) before pts_ns: a gap, or pictures left out on purpose. */
void tyto_segmenter_pass(struct tyto_segmenter *segmenter, enum tyto_stream stream, int64_t pts_ns,
                         uint64_t now_ns);
/* The stream is over. */
void tyto_segmenter_end(struct tyto_segmenter *segmenter, enum tyto_stream stream);
/* Forgets all data and times, e.g. after a reconnect; the next segment has restart set. */
void tyto_segmenter_reset(struct tyto_segmenter *segmenter);

/* The next closed segment. TYTO_ERR_EMPTY while none is ready, CLOSED when both
 * streams are over and nothing is left. */
TYTO_MUST_CHECK
enum tyto_err tyto_segmenter_poll(struct tyto_segmenter *segmenter, uint64_t now_ns,
                                  struct tyto_segment *ret_segment);

/* Media time up to which the stream has come; INT64_MIN: nothing yet. */
int64_t tyto_segmenter_position(const struct tyto_segmenter *segmenter, enum tyto_stream stream);
/* What was added to the stream's raw times for clock jumps: the picture's, where there is one. */
int64_t tyto_segmenter_shift_ns(const struct tyto_segmenter *segmenter);
/* How far both streams have gone past the end of the oldest segment that was not polled yet: what
 * waits for its turn, not for data. */
int64_t tyto_segmenter_backlog_ns(const struct tyto_segmenter *segmenter);
/* Whether the stream ran so far ahead that more of it would not fit the window:
 * a source with back-pressure should be left alone until this is false. */
bool tyto_segmenter_is_ahead(const struct tyto_segmenter *segmenter, enum tyto_stream stream);
/* Whether data of this raw time fit the window now. If not (a long hole in a
 * file), hold them, pass() their time and come back after the next poll. */
bool tyto_segmenter_fits(const struct tyto_segmenter *segmenter, enum tyto_stream stream,
                         int64_t pts_ns);

struct tyto_segmenter_counts {
    uint64_t num_segments;
    uint64_t num_missing[TYTO_NUM_STREAMS]; /* segments without it though there is a stream */
    uint64_t num_late[TYTO_NUM_STREAMS];    /* samples or pictures that came after their segment had
                                               closed */
    uint64_t num_overrun;                   /* segments given up because the window was full */
    uint64_t num_jumps;                     /* clock jumps repaired */
};
void tyto_segmenter_get_counts(const struct tyto_segmenter *segmenter,
                               struct tyto_segmenter_counts *ret_counts);

#endif
