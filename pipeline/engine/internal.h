/* SPDX-License-Identifier: MIT */
/* What engine.c (callers' threads) and inference.c (the inference thread) share.
 * Internal. */
#ifndef TYTO_PIPELINE_ENGINE_INTERNAL_H
#define TYTO_PIPELINE_ENGINE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "pipeline/engine/camera.h"
#include "pipeline/engine/engine.h"
#include "pipeline/networks/networks.h"
#include "pipeline/session/limiter.h"
#include "pipeline/zones/mask.h"

enum { TYTO_SEGMENT_SAMPLES = 16000 }; /* 1 s at 16 kHz */
#define TYTO_SEGMENT_NS 1000000000ll

struct tyto_batch_entry {
    struct tyto_camera *camera;
    struct tyto_segment segment;
    struct tyto_stamp stamps[TYTO_NUM_STAGES];
    bool stepped;
};

enum { TYTO_ENGINE_NUM_STRINGS = 5 };

enum { TYTO_DEVICES_MAX_TRIES = 3, TYTO_DEVICES_MAX_NAMES = 4 };

/* What the networks are on. The inference thread's, but for what is atomic; a name that was given
 * out stays where it is. */
struct tyto_devices {
    uint64_t tried_ns[TYTO_DEVICES_MAX_TRIES]; /* when it was set up anew; 0: not yet */
    bool is_fallback;                          /* it is the CPU, because the other one failed */
    char head_path[1024];                      /* of the head that serves */
    char names[TYTO_DEVICES_MAX_NAMES][300];
    atomic_uint name_idx, exec;
    atomic_uint_fast64_t since_ns; /* a device is being set up anew since then; 0: none is */
};

struct tyto_engine {
    /* Set once, but for the tracker's parameters and the generation in it: those change as what
     * belongs to the head does, see below. */
    struct tyto_engine_params params; /* its strings are those below */
    char *strings[TYTO_ENGINE_NUM_STRINGS];
    struct tyto_class_rule *rules; /* of params.tracker */
    struct tyto_limiter limiter;
    struct tyto_head_fit fit; /* its paths are those above */
    struct tyto_devices devices;
    pthread_t thread;
    atomic_bool keeps_pictures;     /* until their segments are told */
    atomic_uint_fast64_t num_turns; /* the inference thread's; others look whether it moves */

    /* A swap holds `heads` from beginning to end, add_camera likewise: no camera is made for one
     * head and linked in under the next. It is taken before `lock`. */
    pthread_mutex_t heads;
    /* Of the head that serves. The inference thread exchanges them, holding `lock`, while a swap
     * that holds `heads` waits for it: holding either is enough to read. */
    const char **class_names; /* (K) borrowed from head */
    float *thresholds;        /* (3, K) by enum tyto_cman_task */
    struct tyto_engine_head head;

    pthread_mutex_t lock; /* guards the next block */
    pthread_cond_t changed;
    struct tyto_camera
        *cameras; /* linked in at the front by callers, out by the inference thread */
    uint32_t num_cameras;
    bool *stream_used; /* (max_cameras) */
    bool up, stop;
    struct tyto_swap *swap; /* NULL, or what the inference thread is asked for */
    enum tyto_err start_err;
    struct tyto_fault start_fault;
    struct tyto_engine_counts published;

    /* The inference thread's. */
    struct tyto_networks *networks;
    struct tyto_reader reader;
    struct tyto_camera_context context;
    struct tyto_batch_entry *batch; /* (max_batch) */
    struct tyto_network_item *items;
    struct tyto_cman_result *results;
    uint32_t *idxs;
    float *pcm;                 /* (max_batch, samples) */
    struct tyto_masked *masked; /* (max_batch): pictures of cameras with masks */
    uint32_t num_batch, num_failures;
    uint32_t turn;              /* stream_idx of the camera that is asked first */
    struct tyto_camera *looker; /* whose pictures are all decoded now; NULL: nobody's */
    uint64_t look_until_ns;
    struct tyto_engine_counts counts;
    uint64_t num_abandoned_before; /* by cameras that are gone */
    bool failed;
};

/* Other trackers' parameters for cameras that run; all owned. */
struct tyto_tuned_camera {
    char id[TYTO_ID_MAX + 1];
    struct tyto_tracker_params tracker;
};
struct tyto_tuning {
    struct tyto_tracker_params tracker;
    struct tyto_tuned_camera *cameras;
    uint32_t num_cameras;
    uint32_t config_generation, connects_per_s;
};

/* A swap on its way. Owned by who asked; once it is abandoned, by the inference thread. The flags
 * are guarded by the engine's lock, like what is above. */
struct tyto_swap {
    struct tyto_new_head *head; /* owned; NULL: the one that serves stays */
    struct tyto_tuning *tuning; /* owned; NULL: trackers go on as they are */
    struct tyto_swap_result result;
    struct tyto_fault fault;
    enum tyto_err err;
    bool is_taken;     /* the inference thread is at it */
    bool is_committed; /* it takes over, come what may */
    bool is_abandoned; /* who asked is gone */
    bool is_done;
};

/* swap.c, the inference thread's: what a head says of itself, for the engine's fields. */
TYTO_MUST_CHECK
enum tyto_err tyto_engine_name_head(const struct tyto_cman *cman, const char ***ret_names,
                                    float **ret_thresholds, struct tyto_engine_head *ret_head);
/* swap.c, the inference thread's: does the swap that is asked for, if one is. */
void tyto_engine_take_turn(struct tyto_engine *engine);
/* tuning.c: zones, quiet hours and the time zone are each camera's own: none for all. */
void tyto_engine_leave_to_cameras(struct tyto_tracker_params *params);
/* tuning.c: a copy; NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_tuning_copy(const struct tyto_engine_tuning *from,
                               struct tyto_tuning **ret_tuning);
void tyto_tuning_destroy(struct tyto_tuning **tuning);
/* What is said for a camera; NULL: nothing. */
const struct tyto_tracker_params *tyto_tuning_find(const struct tyto_tuning *tuning,
                                                   const char *id);
/* look.c, the inference thread's: whose pictures are all decoded, one camera's at a time. */
void tyto_engine_look(struct tyto_engine *engine, struct tyto_camera *first, uint64_t now_ns);
/* look.c: the camera goes away. */
void tyto_engine_forget_looker(struct tyto_engine *engine, const struct tyto_camera *camera);
/* devices.c, the inference thread's: loads the networks for the first time; what is wrong is in
 * start_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_engine_start_networks(struct tyto_engine *engine);
/* devices.c: whether such an error of the networks is a device's end. */
bool tyto_engine_is_lost(enum tyto_err err);
/* devices.c, the inference thread's: the device has failed. On an error there are no networks any
 * more, and there will be none. */
TYTO_MUST_CHECK
enum tyto_err tyto_engine_recover(struct tyto_engine *engine, enum tyto_err reason);
/* inference.c: the thread's body. */
void *tyto_engine_infer(void *engine);
/* inference.c: a tracker's sink; user is the engine. */
void tyto_engine_on_event(void *user, const struct tyto_event *event);

#endif
