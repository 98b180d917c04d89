/* SPDX-License-Identifier: MIT */
/* What record.c (events, cameras) and write.c (the thread) share. Internal. */
#ifndef TYTO_PIPELINE_RECORD_INTERNAL_H
#define TYTO_PIPELINE_RECORD_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "pipeline/record/clip.h"
#include "pipeline/record/preroll.h"
#include "pipeline/record/record.h"

enum { TYTO_RECORD_MAX_PLANS = 8, TYTO_RECORD_MAX_LABELS = 128 };

struct tyto_record_label {
    char event_id[TYTO_ULID_CHARS + 1];
    struct tyto_clip_label label; /* times of the tap */
    bool is_open;
};

/* One recording, wanted or being written. */
struct tyto_record_plan {
    char name[TYTO_FILE_NAME_MAX];
    int64_t begin_ns, end_ns; /* of the tap's times; the end counts once nothing is open */
    uint32_t num_open, num_labels;
    struct tyto_record_label labels[TYTO_RECORD_MAX_LABELS];
    uint32_t min_epoch; /* goes on where another was cut: not with what that had */
    bool is_closed;     /* takes no more events */
    bool is_retracted;  /* had events, all were taken back */
    uint64_t made_ns;   /* monotonic */
    /* When the plan's last event had ended or its connection was over; 0: not yet. */
    uint64_t settled_ns;
};

struct tyto_record_camera {
    struct tyto_tap tap; /* first: what sources point to */
    atomic_uint num_refs;
    struct tyto_record_camera *next;
    char id[TYTO_ID_MAX + 1];
    bool is_gone; /* guarded by the recorder's lock: nothing more comes of it */
    atomic_llong shift_ns;
    atomic_llong progress_ns; /* of the tap's times: evaluated up to there */

    pthread_mutex_t
        lock; /* guards the rest but the last block; never held while waiting for a disk */
    struct tyto_preroll preroll;
    int64_t pre_ns, post_ns, max_clip_ns; /* as the recorder's */
    int64_t decide_ns, lag_ns;
    bool is_connected;
    struct tyto_record_plan *plans; /* (MAX_PLANS) owned; the first is the one being written */
    uint32_t num_plans;

    /* The recorder's thread's: of plans[0]. */
    struct tyto_clip *clip;
    bool has[TYTO_NUM_STREAMS];
    uint64_t numbers[TYTO_NUM_STREAMS]; /* of the next item to write */
    uint32_t epoch;
    int64_t zero_ns, last_ns;
    uint64_t num_reserved, num_used;
    uint64_t num_pushed; /* bytes of what is coded, given to the clip */
};

struct tyto_recorder {
    char *dir;
    char *uri; /* file://... of dir, encoded */
    pthread_t thread;

    pthread_mutex_t lock; /* guards the next block; taken before a camera's */
    pthread_cond_t changed;
    struct tyto_recorder_params params; /* store.dir is dir */
    bool has_limits;                    /* of the store: the thread is to take them over */
    struct tyto_record_camera *cameras; /* linked out by the thread alone */
    bool stop, done, has_work;
    struct tyto_recorder_status status;

    atomic_bool is_failing;
    atomic_uint_fast64_t num_turns; /* the thread's; others look whether it moves */

    /* The thread's. */
    struct tyto_clip_store *store; /* NULL: not open yet */
    struct tyto_clip_store_params store_params;
    uint64_t retry_ns, expire_ns;
};

/* write.c: the thread's body. */
void *tyto_recorder_write(void *recorder);
/* end.c, for the thread: why it does not go on for now; what is in the store. */
void tyto_record_tell_failure(struct tyto_recorder *recorder, const struct tyto_fault *fault);
void tyto_record_tell_counts(struct tyto_recorder *recorder);
/* end.c, for the thread: the first plan, which is closed, is done: nothing comes of it;
 * its recording is ended; or, as it cannot be written any more, it is kept with what is in it. */
void tyto_record_throw_away(struct tyto_recorder *recorder, struct tyto_record_camera *camera);
void tyto_record_finish(struct tyto_recorder *recorder, struct tyto_record_camera *camera,
                        bool is_cut);
void tyto_record_salvage(struct tyto_recorder *recorder, struct tyto_record_camera *camera);
/* camera.c: referred to for the caller; NULL: not recorded. */
struct tyto_record_camera *tyto_record_find_camera(struct tyto_recorder *recorder, const char *id);
/* camera.c: of last use. */
void tyto_record_camera_unref(struct tyto_record_camera *camera);
/* camera.c: what it has of the recorder's times. Locked, both. */
void tyto_record_set_times(struct tyto_record_camera *camera,
                           const struct tyto_recorder_params *params);
/* record.c. */
void tyto_recorder_free(struct tyto_recorder *recorder);
/* plan.c: what an event means for its camera's recordings; the plan it now belongs to, or NULL.
 * Locked. */
struct tyto_record_plan *tyto_record_take_event(struct tyto_recorder *recorder,
                                                struct tyto_record_camera *camera,
                                                const struct tyto_event *event);
/* plan.c: the first plan takes no more; events that are still open end in it at at_ns and, with
 * go_on, continue in a new plan from epoch on. Locked. */
void tyto_record_close(struct tyto_record_camera *camera, int64_t at_ns, bool go_on,
                       uint32_t epoch);

#endif
