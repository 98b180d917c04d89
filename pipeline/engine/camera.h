/* SPDX-License-Identifier: MIT */
/* What the inference thread keeps of one camera: its session, its tracker and
 * the segments whose look-ahead has not come yet. Internal to the pipeline room. */
#ifndef TYTO_PIPELINE_ENGINE_CAMERA_H
#define TYTO_PIPELINE_ENGINE_CAMERA_H

#include <stdbool.h>
#include <stdint.h>

#include "pipeline/engine/engine.h"
#include "pipeline/session/session.h"
#include "pipeline/track/decode.h"
#include "pipeline/track/tracker.h"
#include "pipeline/zones/polygon.h"

/* A segment that was evaluated but may still see more of its future. */
struct tyto_waiting {
    struct tyto_segment segment; /* pcm means nothing any more; picture: NULL, or kept */
    int64_t unix_offset_ns;
    enum tyto_clock_quality clock_quality;
    struct tyto_stamp stamps[TYTO_NUM_STAGES];
    struct tyto_reading reading; /* by the newest window that held it */
    struct tyto_sight sight;
    struct tyto_embeddings embeddings;
};

struct tyto_camera {
    struct tyto_camera *next;
    char id[TYTO_ID_MAX + 1];
    struct tyto_session *session;
    struct tyto_tracker *tracker;
    uint32_t stream_idx;
    bool is_file;
    bool is_deaf, is_blind;     /* the networks get no sound, no picture */
    bool restart;               /* the next segment is the first of a connection */
    bool over;                  /* poll() returned OVER: flush and release after the batch */
    bool polled;                /* in this round */
    bool removing;              /* asked for by another thread */
    bool has_ended;             /* its listeners have been told */
    bool ended;                 /* the same, once all of it is counted */
    uint64_t looked_ns;         /* when all its pictures were looked at last; 0: never */
    struct tyto_polygon *masks; /* owned */
    uint32_t num_masks;
    uint32_t look_ahead, num_waiting;
    struct tyto_waiting *waiting; /* (look_ahead + 1), oldest first */
    struct {                      /* while another model is being set up; NULL otherwise */
        struct tyto_tracker *tracker;
        struct tyto_reading *readings; /* (look_ahead + 1), of waiting; NULL: the model stays */
    } next_head;
    struct tyto_camera_counts counts; /* as of the last round; for other threads */
};

struct tyto_camera_context {
    const struct tyto_reader *reader;
    const struct tyto_engine_callbacks *callbacks;
    const struct tyto_detector *detector; /* the eye's; NULL when it has none */
    uint32_t num_classes;
    const char *const *class_names; /* (K) */
    uint32_t look_ahead;            /* < T */
    bool keeps_pictures;
};

TYTO_MUST_CHECK
enum tyto_err tyto_camera_create(const char *id, const struct tyto_camera_context *context,
                                 struct tyto_camera **ret_camera);
void tyto_camera_destroy(struct tyto_camera **camera);
/* What the encoders say of a segment besides features: what the eye found in its picture, and where
 * it lies among others. */
struct tyto_looked {
    const struct tyto_sight *sight;
    const struct tyto_embeddings *embeddings;
};
/* Takes the network's result for a segment: result is of the window that ends with it. The oldest
 * waiting segment, which has had its look-ahead now, goes to the tracker and to the callbacks. */
void tyto_camera_observe(struct tyto_camera *camera, const struct tyto_camera_context *context,
                         const struct tyto_segment *segment, const struct tyto_looked *looked,
                         const struct tyto_cman_result *result,
                         const struct tyto_stamp stamps[TYTO_NUM_STAGES]);
/* Sends all waiting segments to the tracker and the callbacks, without the rest of their
 * look-ahead. */
void tyto_camera_flush(struct tyto_camera *camera, const struct tyto_camera_context *context);

/* --- another model ----------------------------------------------------------------------- */

/* Allocates what the camera will need under a model of num_classes; 0: only the tracker is another
 * one. tracker is *taken*. NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_camera_prepare(struct tyto_camera *camera, uint32_t num_classes,
                                  struct tyto_tracker *tracker);
/* Scores the waiting segments by that model: result is of the window that ends with the newest. */
void tyto_camera_foresee(struct tyto_camera *camera, const struct tyto_reader *reader,
                         const struct tyto_cman_result *result);
/* Puts that model, or tracker, in the running one's place. Ends events of classes that it does not
 * know. */
void tyto_camera_change(struct tyto_camera *camera);
/* After a change, or instead of one: frees what prepare() allocated and is not in use. */
void tyto_camera_unprepare(struct tyto_camera *camera);

#endif
