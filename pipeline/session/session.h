/* SPDX-License-Identifier: MIT */
/* One camera: its keeper thread connects, watches and reconnects; the inference
 * thread polls it for segments. Internal to the pipeline room.
 *
 * The two meet in a mutex that guards the hand-over of the source and the
 * status; it is held for loads and stores only. A connection goes
 * NONE -> UP -> DRAINING -> (poll said OVER, owner released it) -> NONE. */
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

struct tyto_tracker_params;

#define TYTO_CAMERA_DEFAULT_STALL_NS 10000000000ull

struct tyto_camera_params {
    const char *id; /* tyto_id_is_valid() */
    const char *uri;
    struct tyto_source_options source; /* zero: all defaults */
    int64_t av_offset_ns;              /* sound behind picture, until something else is believed */
    enum tyto_align_mode align;        /* of live sources; files are read once */
    int64_t skew_ns;                   /* 0: the segmenter's default */
    uint64_t stall_ns;                 /* without data; 0: the default; never for files */
    struct tyto_tap *tap; /* gets what is coded; NULL: none. Borrowed until the camera is gone */
    const struct tyto_tracker_params *tracker; /* NULL: the engine's; borrowed until added */
};

struct tyto_camera_counts {
    struct tyto_segmenter_counts segmenter;
    uint64_t num_dropped_audio, num_dropped_video; /* ring full */
    uint64_t num_skipped; /* pictures not decoded because the networks were behind */
    uint32_t num_connects, num_losses;
    uint32_t num_abandoned; /* pipelines that did not stop in time */
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
/* Asks the keeper to let go. poll() then says OVER once if a connection was up. */
void tyto_session_stop(struct tyto_session *session);
/* Whether the keeper is gone after a stop, or had its 10 s. */
bool tyto_session_is_stopped(struct tyto_session *session, bool *ret_abandoned);
/* After is_stopped(): gives the owner's share up; the keeper's goes with it. */
void tyto_session_destroy(struct tyto_session **session);

enum tyto_session_poll {
    TYTO_SESSION_NOTHING,
    TYTO_SESSION_SEGMENT,
    TYTO_SESSION_OVER, /* nothing more of this connection: finish it, then release */
};

/* --- the inference thread's ------------------------------------------------------- */

enum tyto_session_poll tyto_session_poll(struct tyto_session *session, uint64_t now_ns,
                                         struct tyto_segment *ret_segment);
/* Takes what the source holds without giving a segment out. */
void tyto_session_feed(struct tyto_session *session, uint64_t now_ns);
/* Whether its pictures can be looked at now, all of them: it is live and has sound, too. */
bool tyto_session_can_look(const struct tyto_session *session);
/* Every picture is decoded while it is true (pipeline/source). */
void tyto_session_set_looking(struct tyto_session *session, bool is_looking);
const struct tyto_alignment *tyto_session_alignment(const struct tyto_session *session);
/* After OVER: what its events end with. */
enum tyto_event_reason tyto_session_over_reason(const struct tyto_session *session);
/* The source may go now. */
void tyto_session_release(struct tyto_session *session);
/* UTC minus media time, and how well it is known. */
int64_t tyto_session_unix_offset_ns(const struct tyto_session *session);
enum tyto_clock_quality tyto_session_clock_quality(const struct tyto_session *session);
/* True when the status changed since it was last taken; fills *ret_state. */
bool tyto_session_take_state(struct tyto_session *session, struct tyto_camera_state *ret_state);
/* ENDED or FAILED, told by take_state() already. */
bool tyto_session_has_ended(struct tyto_session *session);
void tyto_session_get_counts(struct tyto_session *session, struct tyto_camera_counts *ret_counts);
const char *tyto_session_id(const struct tyto_session *session);

#endif
