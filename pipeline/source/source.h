/* SPDX-License-Identifier: MIT */
/* One connection to one camera or file: a GStreamer pipeline that decodes no
 * more than the sampling needs and hands pictures and 16 kHz mono sound out
 * through two bounded rings. It never reconnects: it ends or fails, and its
 * owner (session.c) makes a new one. source_gst*.c are the only files with
 * GStreamer in them. */
#ifndef TYTO_PIPELINE_SOURCE_SOURCE_H
#define TYTO_PIPELINE_SOURCE_SOURCE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/words.h"
#include "files/whole.h"
#include "pipeline/segment/segment.h"
#include "pipeline/source/tap.h"
#include "pipeline/sync/sync.h"

/* Whether only keyframes are decoded. */
#define TYTO_KEYFRAMES_LIST(X)                                                                     \
    X(TYTO_KEYFRAMES_AUTO, "auto", "when they come at least once a hop")                           \
    X(TYTO_KEYFRAMES_ALWAYS, "always", "whatever their distance: cheapest")                        \
    X(TYTO_KEYFRAMES_NEVER, "never", "every picture is decoded")
enum tyto_keyframes { TYTO_KEYFRAMES_LIST(TYTO_WORD_ENUM) };

/* What RTP comes over. A source takes AUTO for TCP: trying the other is its owner's. */
#define TYTO_TRANSPORT_LIST(X)                                                                     \
    X(TYTO_TRANSPORT_AUTO, "auto", "TCP, or UDP where the camera refuses that")                    \
    X(TYTO_TRANSPORT_TCP, "tcp", NULL)                                                             \
    X(TYTO_TRANSPORT_UDP, "udp", NULL)
enum tyto_transport { TYTO_TRANSPORT_LIST(TYTO_WORD_ENUM) };

enum { TYTO_SOURCE_DEFAULT_LATENCY_MS = 200 };

struct tyto_source_options {
    enum tyto_keyframes keyframes;
    enum tyto_transport transport; /* RTSP only */
    uint32_t latency_ms;           /* RTSP jitter buffer, SRT; 0: the default */
    bool no_audio, no_video;       /* leave a stream alone */
};

struct tyto_source_params {
    const char *uri; /* path, file:// rtsp:// rtsps:// http(s):// srt:// v4l2:// test:// */
    struct tyto_source_options options;
    int64_t hop_ns, length_ns; /* of segments: tells which pictures are needed */
    struct tyto_tap *tap;      /* also gets what is coded; NULL: none. The source refers to it */
    int64_t base_ns;           /* added to the times that the tap gets */
    bool reconnects; /* RTSP: where the camera closes its connection after an answer, once more */
    bool takes_news; /* live: ends when the container names a kind of stream that it did not before
                      */
    const struct tyto_log *log;
};

struct tyto_source;

/* Whether the URI can be a source at all, before anything is opened:
 * TYTO_ERR_UNSUPPORTED for its scheme, INVALID for its form. *ret_is_file says
 * whether it is a finite file, read as fast as it is consumed. ret_fault may be NULL. */
TYTO_MUST_CHECK
enum tyto_err tyto_source_check_uri(const char *uri, bool *ret_is_file,
                                    struct tyto_fault *ret_fault);

/* Builds and starts. NOT_FOUND for a missing file, UNSUPPORTED when a GStreamer
 * element is not installed; otherwise trouble comes by tyto_source_wait(). */
TYTO_MUST_CHECK
enum tyto_err tyto_source_create(const struct tyto_source_params *params,
                                 struct tyto_source **ret_source, struct tyto_fault *ret_fault);
/* Stops on a helper thread. A pipeline that does not stop within deadline_ns is
 * abandoned (leaked) and false returned. Nobody may be popping. */
bool tyto_source_destroy(struct tyto_source **source, uint64_t deadline_ns);
/* The same until *until_ns of the monotonic clock, which another thread may bring nearer while this
 * one waits: it is looked at every 100 ms. Of a source that is filled from elsewhere (fill.h) it is
 * looked at once. */
bool tyto_source_destroy_until(struct tyto_source **source, const atomic_uint_fast64_t *until_ns);
/* Pipelines of this process that were abandoned and have not stopped since. Any thread. */
uint32_t tyto_source_num_hanging(void);

/* Waits up to timeout_ms for the end of it all. TYTO_ERR_TIMEOUT: still running;
 * CLOSED: every stream has ended; else an error, explained in text. One thread. */
TYTO_MUST_CHECK
enum tyto_err tyto_source_wait(struct tyto_source *source, int timeout_ms, char *text,
                               uint32_t text_bytes);

enum tyto_media_kind { TYTO_MEDIA_SOUND, TYTO_MEDIA_PICTURE, TYTO_MEDIA_PASSED, TYTO_MEDIA_END };

struct tyto_media {
    enum tyto_media_kind kind;
    int64_t pts_ns;           /* of this connection: starts near 0 */
    uint64_t capture_unix_ns; /* of pts_ns by the camera's clock (RTCP); 0: not known */
    uint64_t in_ns;           /* arrival */
    const float *samples;     /* SOUND: 16 kHz mono, borrowed until tyto_media_release() */
    uint32_t num_samples;
    struct tyto_picture *picture; /* PICTURE: owned; NULL after it was taken */
    void *sample, *map;           /* the source's own */
};

/* The next thing of one stream. EMPTY; CLOSED after its END. One thread. */
TYTO_MUST_CHECK
enum tyto_err tyto_source_pop(struct tyto_source *source, enum tyto_stream stream,
                              struct tyto_media *ret_media);
void tyto_media_release(struct tyto_media *media);
/* Everything before this time has been pushed to the ring already; INT64_MIN: nothing yet. Read it
 * before popping. It runs ahead of the pictures when only some are decoded. */
int64_t tyto_source_position(const struct tyto_source *source, enum tyto_stream stream);

/* Which streams there are. False as long as that is not settled. */
bool tyto_source_get_streams(const struct tyto_source *source, bool *ret_audio, bool *ret_video);
/* What a stream lacks when the camera has one that cannot be decoded ("no
 * decoder for video/x-foo"), else "". Borrowed. */
const char *tyto_source_note(const struct tyto_source *source);
/* Whether there is to be such a stream: it was set up at the camera, or found in the container. */
bool tyto_source_expects(const struct tyto_source *source, enum tyto_stream stream);
/* Monotonic time of the last data of the stream, of whatever use; 0: none yet. */
uint64_t tyto_source_last_data_ns(const struct tyto_source *source, enum tyto_stream stream);
/* Monotonic time of the last step ahead: something was given out, a time was passed, or there was
 * no room to give it out. Data that bring nothing ahead do not count. */
uint64_t tyto_source_last_step_ns(const struct tyto_source *source);
/* Pictures come that need an earlier keyframe, and there was none yet. */
bool tyto_source_waits_for_key(const struct tyto_source *source);
/* After an error: where the camera wants us to go instead, copied. False: nowhere. */
bool tyto_source_redirect(struct tyto_source *source, char *ret_uri, uint32_t uri_bytes);
/* After an error: it was for a stream that came later. */
bool tyto_source_has_news(const struct tyto_source *source);
/* After an error: RTSP's streams could not be had by this transport. */
bool tyto_source_refuses_transport(const struct tyto_source *source);
uint64_t tyto_source_num_dropped(const struct tyto_source *source, enum tyto_stream stream);
/* While it is true every picture is decoded, from the next keyframe on, and can be looked at small;
 * as many as before are popped. Any thread. */
void tyto_source_set_looking(struct tyto_source *source, bool is_looking);
/* The next small picture, its time as tyto_source_pop() tells it. EMPTY. The thread that pops. What
 * is not taken within some seconds is lost. */
TYTO_MUST_CHECK
enum tyto_err tyto_source_look(struct tyto_source *source, int64_t *ret_pts_ns,
                               uint8_t ret_grey[TYTO_SYNC_GREY_BYTES]);
/* Until it is false again no picture is decoded, from the next keyframe on; sound goes on. For live
 * sources when the networks cannot keep up. Any thread. */
void tyto_source_set_behind(struct tyto_source *source, bool is_behind);
/* Pictures that would have been decoded otherwise. */
uint64_t tyto_source_num_skipped(const struct tyto_source *source);
/* Of a file from its begin on, as far as its container says; 0: not known. */
int64_t tyto_source_duration_ns(const struct tyto_source *source);
/* Of that, for how long no stream has anything, as of pictures that are taken when something moves.
 */
int64_t tyto_source_gap_ns(const struct tyto_source *source);
/* Of a file, what its container says of itself; of anything else all is false. Borrowed. */
const struct tyto_whole *tyto_source_whole(const struct tyto_source *source);
/* Of a file: it has more bytes now than when it was opened. */
bool tyto_source_has_grown(const struct tyto_source *source);
/* Readable when a ring may hold something; for poll(). Borrowed. */
int tyto_source_fd(const struct tyto_source *source, enum tyto_stream stream);

#endif
