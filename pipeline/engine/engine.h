/* SPDX-License-Identifier: MIT */
/* Cameras in, events out. One inference thread owns the gpu and the networks
 * and batches the segments that are ready across all cameras; each camera has
 * its own GStreamer pipeline and a connection thread that connects, watches and
 * reconnects it, so that one camera's trouble stays its own.
 *
 * Callbacks come on the inference thread, one at a time; they must not block
 * and must not call into the engine (copy and queue instead). */
#ifndef TYTO_PIPELINE_ENGINE_ENGINE_H
#define TYTO_PIPELINE_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "base/histogram.h"
#include "base/log.h"
#include "model/cman/cman.h"
#include "model/encoder/encoder.h"
#include "pipeline/segment/segment.h"
#include "pipeline/session/session.h"
#include "pipeline/source/source.h"
#include "pipeline/track/tracker.h"
#include "pipeline/zones/polygon.h"
#include "proto/event.h"

enum {
    TYTO_ENGINE_MAX_CAMERAS = 256,
    TYTO_ENGINE_MAX_BATCH = 64,
    TYTO_ENGINE_RECOVER_S = 120, /* what a device has to be set up anew */
};

/* One evaluated segment, borrowed until the callback returns. */
struct tyto_segment_result {
    const char *camera;
    int64_t begin_ns, end_ns; /* media clock */
    int64_t unix_offset_ns;   /* UTC = media + this */
    struct tyto_evidence evidence;
    const struct tyto_tracker *tracker; /* that is about to take it */
    enum tyto_lack audio_lack, video_lack;
    uint32_t num_classes;
    const char *const *class_names;       /* (K) */
    const struct tyto_detector *detector; /* NULL: the eye has none */
    uint32_t num_found;
    const struct tyto_detection *found; /* in the segment's picture, highest score first */
    /* The picture, where it is kept (tyto_engine_keep_pictures()) and something may be going on in
     * it; NULL: it is gone. Whoever wants it for longer takes a reference. */
    struct tyto_picture *picture;
    bool is_looked_at;                /* the eye has seen it */
    const struct tyto_polygon *masks; /* of its camera */
    uint32_t num_masks;
};

/* What one segment consists of, before anything is made of it; borrowed until the callback returns.
 */
struct tyto_segment_input {
    const char *camera;
    int64_t begin_ns, end_ns; /* media clock */
    const float *pcm;         /* (num_samples) at 16 kHz; NULL: no sound */
    uint32_t num_samples;
    const struct tyto_frame *frame; /* NULL: no picture */
};

/* The head that serves. */
struct tyto_engine_head {
    char digest[TYTO_DIGEST_MAX + 1];
    uint32_t num_classes;
    char (*class_names)[TYTO_ID_MAX + 1]; /* (K), owned */
};

struct tyto_engine_callbacks {
    void *user;
    void (*on_event)(void *user, const struct tyto_event *event);
    void (*on_state)(void *user, const struct tyto_camera_state *state);      /* at each change */
    void (*on_segment)(void *user, const struct tyto_segment_result *result); /* may be NULL */
    void (*on_input)(void *user, const struct tyto_segment_input *input);     /* may be NULL */
    /* Another head has taken over; what comes from here on is scored by it. May be NULL. */
    void (*on_head)(void *user, const struct tyto_engine_head *head);
    /* The device had failed, and the networks are set up anew: tyto_engine_device_name() and
     * tyto_engine_exec() tell on what, text why. May be NULL. */
    void (*on_device)(void *user, const struct tyto_engine_head *head, const char *text);
    /* The networks failed for good: nothing will come any more. May be NULL. */
    void (*on_failure)(void *user, enum tyto_err err);
};

enum {
    TYTO_ENGINE_DEFAULT_THREADS = 1, /* decoding wants the other cores */
    TYTO_ENGINE_DEFAULT_CAMERAS = 32,
    TYTO_ENGINE_DEFAULT_BATCH = 16,
    TYTO_ENGINE_DEFAULT_CONNECTS_PER_S = 4,
};
#define TYTO_ENGINE_DEFAULT_HOP_NS 1000000000ll

/* Zero in a number means the default. Strings are copied. */
struct tyto_engine_params {
    const char *visual_path; /* encoder safetensors */
    const char *audio_path;
    const char *head_path;
    const char *device;    /* as tyto_gpu_params.device */
    const char *cache_dir; /* NULL: pipeline cache not kept */
    bool validate;
    enum tyto_exec exec;
    uint32_t num_threads;  /* of the CPU executor */
    uint32_t num_segments; /* T; 0: the weights' */
    uint32_t look_ahead;   /* TYTO_CMAN_LOOK_AHEAD_FROM_WEIGHTS or a number of segments */
    int64_t hop_ns;        /* segments are 1 s long */
    uint32_t max_cameras;
    uint32_t max_batch;
    uint32_t connects_per_s; /* of all cameras together */
    uint32_t config_generation;
    struct tyto_tracker_params tracker; /* without zones and quiet hours: those are a camera's */
    struct tyto_engine_callbacks callbacks;
    /* Asked every 100 ms while create waits for the networks: false ends the wait. NULL: always. */
    bool (*go_on)(void *user);
    void *go_on_user;
    const struct tyto_log *log; /* borrowed until destroy; NULL: silent */
};

struct tyto_engine;

/* Loads the networks, starts the inference thread. NO_DEVICE, NOT_FOUND, FORMAT,
 * SHAPE, NOMEM...; *ret_fault (may be NULL) says which file and why. CLOSED when go_on said no and
 * TIMEOUT after 10 minutes: the inference thread is left alone with what it has, end the process.
 */
TYTO_MUST_CHECK
enum tyto_err tyto_engine_create(const struct tyto_engine_params *params,
                                 struct tyto_engine **ret_engine, struct tyto_fault *ret_fault);
/* Ends open events (reason SHUTDOWN), tears all cameras down, joins. A camera that does not let go
 * within 10 s is abandoned. False when the inference thread stood still for 5 s, or has not ended
 * within 15 s: it keeps what it has and may still call back, and the process should _exit(). */
bool tyto_engine_destroy(struct tyto_engine **engine);

/* At run time, from any thread but the inference thread. EXISTS for an id in
 * use, FULL over max_cameras, INVALID for a bad id, an unsupported URI scheme,
 * options out of range or a rule for a class that the weights do not know. A camera that cannot be
 * reached is no error here: its state says so and it is tried again for ever (files: once). */
TYTO_MUST_CHECK
enum tyto_err tyto_engine_add_camera(struct tyto_engine *engine,
                                     const struct tyto_camera_params *params,
                                     struct tyto_fault *ret_fault);
/* The first half of removing: asks the camera to go and does not wait. NOT_FOUND. */
TYTO_MUST_CHECK
enum tyto_err tyto_engine_stop_camera(struct tyto_engine *engine, const char *id);
/* Ends its open events with SHUTDOWN. NOT_FOUND. Returns when it is gone; TIMEOUT after 20 s: it
 * will go, unless the inference thread stands still. */
TYTO_MUST_CHECK
enum tyto_err tyto_engine_remove_camera(struct tyto_engine *engine, const char *id);
/* Waits until every camera has ENDED or FAILED (files) and their callbacks have
 * returned; TIMEOUT after timeout_ms (-1: for ever). */
TYTO_MUST_CHECK
enum tyto_err tyto_engine_wait_ended(struct tyto_engine *engine, int timeout_ms);

/* --- another model while cameras run --------------------------------------------------------- */

struct tyto_swap_result {
    char old_digest[TYTO_DIGEST_MAX + 1], new_digest[TYTO_DIGEST_MAX + 1];
    bool is_same;         /* this model serves already: nothing was done */
    uint64_t load_ns;     /* reading, checking and computing, on the caller's thread */
    uint64_t stop_ns;     /* for so long no batch ran: on the inference thread */
    uint32_t num_went_on; /* open events that go on under the new model */
    uint32_t
        num_ended; /* open events whose class the new model does not know: END, MODEL_CHANGED */
};

/* Swaps the model between two batches. The file is read and checked here; the inference thread
 * then sets it up beside the running one, holds it against plain C on made-up features, feeds it
 * the last T segments of every camera, and exchanges the two. No segment is lost or told twice,
 * and windows stay full. On any error the running model goes on as if nothing had been:
 * NOT_FOUND, IO, FORMAT, SHAPE (does not fit the encoders, T or look-ahead that run), INVALID
 * (a rule of the tracker for a class it does not know; the self-check), NOMEM, DEVICE_LOST;
 * *ret_fault names file and key. Any thread but the inference thread; waits for its turn, TIMEOUT
 * after 30 s: then it will not take over. */
TYTO_MUST_CHECK
enum tyto_err tyto_engine_swap_head(struct tyto_engine *engine, const char *path,
                                    struct tyto_swap_result *ret_result,
                                    struct tyto_fault *ret_fault);
/* How cameras are judged. Borrowed until the call returns. */
struct tyto_engine_camera_tuning {
    const char *id;
    const struct tyto_tracker_params *tracker;
};
struct tyto_engine_tuning {
    const struct tyto_tracker_params *tracker;       /* of cameras that come without their own */
    const struct tyto_engine_camera_tuning *cameras; /* that run; others keep what they have */
    uint32_t num_cameras;
    uint32_t config_generation; /* events carry it from now on */
    uint32_t connects_per_s;    /* 0: as it is */
};

/* Changes the model (head_path; NULL: it stays), how cameras are judged (tuning; NULL: as before),
 * or both at one blow, between two batches, as tyto_engine_swap_head() does: open events go on,
 * with what they were begun with, no segment is lost, and on any error all stays as it was.
 * INVALID, too: a parameter is out of range. Where the model serves already and there is no tuning,
 * nothing is done. */
TYTO_MUST_CHECK
enum tyto_err tyto_engine_change(struct tyto_engine *engine, const char *head_path,
                                 const struct tyto_engine_tuning *tuning,
                                 struct tyto_swap_result *ret_result, struct tyto_fault *ret_fault);
/* A copy of what serves now, owned: tyto_engine_head_finish(). NOMEM. Any thread. */
TYTO_MUST_CHECK
enum tyto_err tyto_engine_get_head(struct tyto_engine *engine, struct tyto_engine_head *ret_head);
void tyto_engine_head_finish(struct tyto_engine_head *head);

/* Of the running model. The next three are only valid while no swap can happen (before cameras run,
 * in tests, in `tyto localize`); everybody else calls tyto_engine_get_head(). */
uint32_t tyto_engine_num_classes(const struct tyto_engine *engine);
const char *tyto_engine_class_name(const struct tyto_engine *engine, uint32_t class_idx);
const char *tyto_engine_digest(const struct tyto_engine *engine); /* of the head */
/* What the camera's scores are held against: ret_thresholds (3, K) by enum tyto_cman_task; 2 for a
 * class that is off. NOT_FOUND. */
TYTO_MUST_CHECK
enum tyto_err tyto_engine_get_thresholds(struct tyto_engine *engine, const char *id,
                                         float *ret_thresholds);
/* "XNNPACK" or a device's name, for people. Borrowed. */
const char *tyto_engine_device_name(const struct tyto_engine *engine);
/* Segments of future that a decision waits for, as the weights or the params say. */
uint32_t tyto_engine_look_ahead(const struct tyto_engine *engine);
enum tyto_exec tyto_engine_exec(const struct tyto_engine *engine);

struct tyto_engine_counts {
    uint32_t num_cameras;
    uint64_t num_segments, num_events;
    uint64_t num_steps, num_batch_items; /* batches run, segments in them */
    uint32_t max_batch_seen;
    struct tyto_histogram stages[TYTO_NUM_STAGES]; /* of segments; ENCODE, ATTEND, TRACK: batches */
    struct tyto_histogram latency; /* from when a segment was whole to its evaluation */
    uint64_t num_dropped, num_skipped, num_losses; /* by the cameras there are */
    uint64_t cpu_ns;                               /* of the inference thread */
    uint32_t num_heads;                            /* that have served: 1 + swaps */
    uint64_t num_abandoned;                        /* pipelines that did not stop in time */
    uint32_t num_hanging;                          /* those of them that have not stopped since */
    uint64_t num_given_up;                         /* segments lost with a device */
    uint32_t num_device_losses;
    bool is_fallback; /* the CPU serves, because the device failed too often */
};

/* Whether pictures in which something may be going on are kept until on_segment tells of them: as
 * many of a camera as the look-ahead has segments, and one. They are not at first. Any thread. */
void tyto_engine_keep_pictures(struct tyto_engine *engine, bool keeps_pictures);

/* Grows as long as the inference thread does its work, whether there is any or not; within a
 * batch, and for TYTO_ENGINE_RECOVER_S while a device is set up anew, too. Any thread; never waits.
 */
uint64_t tyto_engine_num_turns(const struct tyto_engine *engine);
/* Any thread. */
void tyto_engine_get_counts(struct tyto_engine *engine, struct tyto_engine_counts *ret_counts);
TYTO_MUST_CHECK
enum tyto_err tyto_engine_get_camera_counts(struct tyto_engine *engine, const char *id,
                                            struct tyto_camera_counts *ret_counts);

#endif
