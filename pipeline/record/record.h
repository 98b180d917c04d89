/* SPDX-License-Identifier: MIT */
/* Recordings around events. Each camera's last seconds are kept coded (preroll.h); when
 * an event begins there, they, the event and some seconds more go into a file
 * (clip.h) in a folder with a quota (clip_store.h), with a row of labels. Events
 * that overlap share a recording.
 *
 * Everything that may wait for a disk happens on the recorder's own thread. What
 * it does not write in time is lost to the recording, never to detection. */
#ifndef TYTO_PIPELINE_RECORD_RECORD_H
#define TYTO_PIPELINE_RECORD_RECORD_H

#include <stdint.h>

#include "base/err.h"
#include "pipeline/record/store.h"
#include "pipeline/source/tap.h"
#include "proto/event.h"

enum { TYTO_RECORDER_TEXT_MAX = 384 };

#define TYTO_RECORDER_DEFAULT_PREROLL_NS                                                           \
    5000000000ll /* of pre_ns and of post_ns, for whoever asks                                     \
                  */
#define TYTO_RECORDER_DEFAULT_MAX_CLIP_NS 600000000000ll
#define TYTO_RECORDER_DEFAULT_PREROLL_BYTES (64ull << 20)

/* Zero: the default, but for pre_ns and post_ns. */
struct tyto_recorder_params {
    struct tyto_clip_store_params store;
    int64_t pre_ns, post_ns;    /* kept before and after an event */
    int64_t max_clip_ns;        /* longer ones go on in another file */
    uint64_t preroll_max_bytes; /* of each camera's last seconds */
};

struct tyto_recorder;

/* Starts the thread. A folder that cannot be written to is no error: it is tried again every 30 s,
 * and the status says so. INVALID, NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_recorder_create(const struct tyto_recorder_params *params,
                                   struct tyto_recorder **ret_recorder);
/* Finishes what is being written, with what there is; after at most 15 s it gives up. No more
 * events may come. False: the thread hangs in a disk, and goes on using what it was given. */
bool tyto_recorder_destroy(struct tyto_recorder **recorder);

/* Other times and limits, from now on; the folder stays. What is being written goes by them, too.
 * INVALID. */
TYTO_MUST_CHECK
enum tyto_err tyto_recorder_change(struct tyto_recorder *recorder,
                                   const struct tyto_recorder_params *params);
/* decide_ns: how much later segments may still tell of an event's begin or end; lag_ns: how far
 * evaluation may lie behind what the camera gives, with that. *ret_tap is borrowed until the
 * camera is removed or the recorder destroyed; it holds itself as long as a source refers to it.
 * EXISTS, NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_recorder_add_camera(struct tyto_recorder *recorder, const char *id,
                                       int64_t av_offset_ns, int64_t decide_ns, int64_t lag_ns,
                                       struct tyto_tap **ret_tap);

/* Another decide_ns and lag_ns. A camera that is not recorded is let be. */
void tyto_recorder_change_camera(struct tyto_recorder *recorder, const char *id, int64_t decide_ns,
                                 int64_t lag_ns);
/* It is gone, and its events have ended: what was begun is written, what was kept is let go.
 * Another one of this id may come. A camera that is not recorded is let be. */
void tyto_recorder_remove_camera(struct tyto_recorder *recorder, const char *id);

/* Any thread; never waits. Sets event->clip_uri to where the recording will be, or to "" (camera
 * not recorded, nothing can be written now). */
void tyto_recorder_event(struct tyto_recorder *recorder, struct tyto_event *event);

/* A segment of the camera that ends there was evaluated, its events come next. Recordings are
 * written up to where this shows that they are wanted. Any thread; never waits. */
void tyto_recorder_progress(struct tyto_recorder *recorder, const char *camera_id,
                            int64_t end_media_ns);

struct tyto_recorder_status {
    uint64_t num_written; /* recordings since the start */
    uint64_t num_failed;  /* not written, or thrown away */
    uint64_t num_cut;     /* ended early: disk too slow, quota, a camera that changed its coding */
    struct tyto_clip_store_counts store;
    uint64_t preroll_bytes;            /* held of all cameras */
    bool is_failing;                   /* the last try failed; until one succeeds */
    char text[TYTO_RECORDER_TEXT_MAX]; /* why */
};
/* Any thread. */
/* Of the thread: one a second at least, but while a disk keeps it. Any thread; never waits. */
uint64_t tyto_recorder_num_turns(const struct tyto_recorder *recorder);
void tyto_recorder_get_status(struct tyto_recorder *recorder,
                              struct tyto_recorder_status *ret_status);

#endif
