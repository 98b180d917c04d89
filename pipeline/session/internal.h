/* SPDX-License-Identifier: MIT */
/* What a session's two sides share: session.c (owner, inference thread) and keep.c (its
 * connection thread). Internal. */
#ifndef TYTO_PIPELINE_SESSION_INTERNAL_H
#define TYTO_PIPELINE_SESSION_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "pipeline/session/align.h"
#include "pipeline/session/feed.h"
#include "pipeline/session/session.h"
#include "pipeline/source/source.h"

/* A connection thread that says nothing for so long beyond what it waits for stands still. */
#define TYTO_SESSION_CONNECTOR_NS (10 * TYTO_NS_PER_S)

/* For so long a pipeline is waited for whose session is asked to stop, from when it is taken down,
 * or from the wish if that comes later: the daemon has four seconds for its whole end
 * (daemon/daemon.c), and a source that failed takes two before it stops (pipeline/source/gst.c). */
#define TYTO_SESSION_LETS_GO_NS (5 * TYTO_NS_PER_S / 2)

enum link_state { LINK_NONE, LINK_UP, LINK_DRAINING };

struct tyto_session {
    /* Set once. */
    char id[TYTO_ID_MAX + 1];
    char *uri;
    struct tyto_camera_params camera;
    bool is_file;
    int64_t hop_ns, length_ns;
    uint64_t created_ns;
    struct tyto_limiter *limiter;
    const struct tyto_log *log;

    pthread_mutex_t lock;   /* guards the next block */
    pthread_cond_t changed; /* link or stop */
    enum link_state link;
    struct tyto_source *source; /* the connector's; the inference thread's while UP or DRAINING */
    int64_t base_ns;            /* of this source */
    int64_t end_ns;             /* of the last segment that was given out, of any connection */
    enum tyto_event_reason over_reason;
    bool stop, connector_done;
    uint64_t stop_ns;
    uint32_t num_owners;
    uint32_t state_rev;
    enum tyto_camera_status status;
    char text[TYTO_STATE_TEXT_MAX + 1];
    bool missing[TYTO_NUM_STREAMS];  /* the connection has it, but nothing comes */
    bool is_still[TYTO_NUM_STREAMS]; /* it goes on, and is always the same */
    int64_t clock_off_ns;            /* of the camera's clock, where that is too much */
    int64_t since_unix_ns;
    uint32_t num_connects, num_losses, num_abandoned, num_processes;
    int pid; /* of its process; 0: none */
    int64_t duration_ns;
    uint64_t num_dropped[TYTO_NUM_STREAMS];        /* of this source */
    uint64_t num_dropped_before[TYTO_NUM_STREAMS]; /* of earlier ones */
    uint64_t num_skipped, num_skipped_before;

    atomic_uint_fast64_t teardown_until_ns; /* when its source is left behind */
    atomic_uint_fast64_t connector_due_ns;  /* 0: nothing is heard of it any more */

    /* The inference thread's. */
    struct tyto_segmenter *segmenter;
    struct tyto_align align;
    struct tyto_feeder feeder;
    bool feeding, over;
    bool has_audio, has_video;
    uint32_t taken_rev;
    bool is_connector_late; /* told */
    int64_t media_ns;
    int64_t begin_ns; /* of the first segment that was given out */
};

/* keep.c: the connection thread's body; arg is the session. */
void *tyto_session_keep(void *arg);
/* owners.c: one that no thread was started for. */
void tyto_session_free(struct tyto_session *session);
/* owners.c: called locked; unlocks. The last owner frees. */
void tyto_session_give_up(struct tyto_session *session);

#endif
