/* SPDX-License-Identifier: MIT */
/* One camera, over all of its connections.
 *
 * Two threads meet here. The CONNECTION THREAD (keep.c, one for each session) connects, watches,
 * backs off and connects again. The INFERENCE THREAD (one for all sessions) empties what came,
 * cuts it into segments and decides what they mean. `lock` guards the hand-over between them: the
 * source, the link and the status. It is held for loads and stores only, never while anything waits
 * for a camera, a disk or a network.
 *
 * WHO MAY CALL WHAT
 *   create, stop, is_stopped, destroy    whoever owns the session: the engine's callers' threads
 *   poll, feed, over_reason, release,    the inference thread, and no other
 *   unix_offset, clock_quality, look
 *   take_state, has_ended, get_counts    any thread
 *
 * ONE TURN OF THE INFERENCE THREAD (engine/inference.c)
 *   for each camera, beginning with another one each turn:
 *       switch (tyto_session_poll(session, now, &segment)):
 *       case SEGMENT:  the segment joins the batch; its samples are copied, its picture is borrowed
 *                      until the batch has been encoded
 *       case OVER:     tyto_camera_flush()       what waited is judged without its look-ahead
 *                      tyto_tracker_end(reason)  open events END with tyto_session_over_reason()
 *                      tyto_session_release()    from here on the source may be torn down
 *       case NOTHING:  next camera
 *   a camera that found no place in the batch:  tyto_session_feed()  so that its rings do not fill
 *   encode the batch, attend, read out, track:  evidence to events
 *   tyto_session_take_state() of each camera:   changes are told
 *   nothing to do:                              20 ms of sleep
 *
 * A CONNECTION goes through three states.
 *   NONE      there is no source. The connection thread is waiting, or setting one up
 *   UP        both threads use it: the connection thread watches, the inference thread polls
 *   DRAINING  the connection thread has given it up and waits. The inference thread still takes
 *             out what the rings hold; then poll() says OVER, once, and only release() lets the
 *             connection thread tear the source down (at most 5 s, and 2.5 once the end is asked
 *             for; else it is abandoned, and counted)
 *
 * RESTART. The next connection has a new source and a new segmenter window, but the same media
 * clock: it goes on in whole hops and never back, so that no two segments have the same time and a
 * tracker's begin never precedes what was told. Events do not live over a restart: OVER ends them.
 *
 * THE END. stop() is a wish and returns at once. The connection thread takes its source down as
 * above, marks itself done and gives its share of the session up; is_stopped() tells when, or that
 * it had its 10 s. destroy() gives up the owner's share. The last of both frees (owners.c), so that
 * a thread that hangs in a driver never touches freed memory: it keeps what it has. */
#ifndef TYTO_PIPELINE_SESSION_SESSION_H
#define TYTO_PIPELINE_SESSION_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "pipeline/segment/segment.h"
#include "pipeline/session/align.h"
#include "pipeline/session/limiter.h"
#include "pipeline/source/source.h"
#include "proto/event.h"

struct tyto_isolation;
struct tyto_tracker_params;

#define TYTO_CAMERA_DEFAULT_STALL_NS 10000000000ull

struct tyto_camera_params {
    const char *id; /* tyto_id_is_valid() */
    const char *uri;
    struct tyto_source_options source; /* zero: all defaults */
    int64_t av_offset_ns;              /* sound behind picture, until something else is believed */
    enum tyto_align_mode align;        /* of live sources; files are read once */
    int64_t lateness_ns;               /* 0: the segmenter's default */
    uint64_t stall_ns;                 /* without data; 0: the default; never for files */
    /* The networks get nothing of it, as if there were none: to see what it adds. */
    bool is_deaf, is_blind;
    /* Of its picture nothing counts there: neither what moves, nor what is seen. Borrowed until the
     * camera was added. */
    const struct tyto_polygon *masks;
    uint32_t num_masks;
    struct tyto_tap *tap; /* gets what is coded; NULL: none. Borrowed until the camera is gone */
    const struct tyto_tracker_params *tracker; /* NULL: the engine's; borrowed until added */
    /* Each of its connections in a process of its own (pipeline/isolate); NULL: in this one.
     * Borrowed until the camera is gone. */
    const struct tyto_isolation *isolation;
};

struct tyto_camera_counts {
    struct tyto_segmenter_counts segmenter;
    uint64_t num_dropped_audio, num_dropped_video; /* ring full */
    uint64_t num_skipped; /* pictures not decoded because the networks were behind */
    uint32_t num_connects, num_losses;
    uint32_t num_abandoned; /* pipelines that did not stop in time */
    uint32_t num_processes; /* of its own, begun so far */
    int pid;                /* of the one that there is; 0: none */
    int64_t media_ns;       /* begin of the newest segment */
    int64_t duration_ns;    /* of a file; 0: not known */
    struct tyto_alignment alignment;
};

struct tyto_session_params {
    const struct tyto_camera_params *camera; /* copied */
    bool is_file;
    int64_t hop_ns;
    int64_t length_ns;
    struct tyto_limiter *limiter; /* borrowed until the session was stopped */
    const struct tyto_log *log;   /* likewise */
};

struct tyto_session;

TYTO_MUST_CHECK
enum tyto_err tyto_session_create(const struct tyto_session_params *params,
                                  struct tyto_session **ret_session);
/* Asks the connection thread to disconnect and end. If a connection was up, poll() returns OVER
 * once more. */
void tyto_session_stop(struct tyto_session *session);
/* After a stop: true when the connection thread has ended, or has not within 10 s; then
 * *ret_abandoned is true and its pipeline is left behind. */
bool tyto_session_is_stopped(struct tyto_session *session, bool *ret_abandoned);
/* After is_stopped(). The session is freed when its owner and its connection thread have both given
 * it up. */
void tyto_session_destroy(struct tyto_session **session);

enum tyto_session_poll {
    TYTO_SESSION_NOTHING,
    TYTO_SESSION_SEGMENT,
    TYTO_SESSION_OVER, /* this connection gives nothing more: end its events, then release it */
};

/* --- the inference thread's ------------------------------------------------------- */

enum tyto_session_poll tyto_session_poll(struct tyto_session *session, uint64_t now_ns,
                                         struct tyto_segment *ret_segment);
/* Moves data from the source's rings into the segmenter; no segment is given out. */
void tyto_session_feed(struct tyto_session *session, uint64_t now_ns);
/* Whether alignment can be measured on this camera now: it is live, connected, and has both sound
 * and picture. */
bool tyto_session_can_look(const struct tyto_session *session);
/* While true, every picture is decoded, not only one a segment (pipeline/source). */
void tyto_session_set_looking(struct tyto_session *session, bool is_looking);
const struct tyto_alignment *tyto_session_alignment(const struct tyto_session *session);
/* After OVER: the reason that open events end with. */
enum tyto_event_reason tyto_session_over_reason(const struct tyto_session *session);
/* After OVER: the inference thread no longer uses the source; the connection thread may destroy it.
 */
void tyto_session_release(struct tyto_session *session);
/* UTC minus media time, and how well it is known. */
int64_t tyto_session_unix_offset_ns(const struct tyto_session *session);
enum tyto_clock_quality tyto_session_clock_quality(const struct tyto_session *session);
/* True when the status changed since it was last taken; fills *ret_state. */
bool tyto_session_take_state(struct tyto_session *session, struct tyto_camera_state *ret_state);
/* True when the camera has ENDED or FAILED and take_state() has reported so. */
bool tyto_session_has_ended(struct tyto_session *session);
void tyto_session_get_counts(struct tyto_session *session, struct tyto_camera_counts *ret_counts);
const char *tyto_session_id(const struct tyto_session *session);

#endif
