/* SPDX-License-Identifier: MIT */
/* What snapshot.c (events, life) and worker.c (the thread) share. Internal. */
#ifndef TYTO_PIPELINE_SNAPSHOT_INTERNAL_H
#define TYTO_PIPELINE_SNAPSHOT_INTERNAL_H

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/snapshot/canvas.h"
#include "pipeline/snapshot/snapshot.h"

enum { TYTO_SNAPSHOTS_DIR_BYTES = 1024 };

/* A picture to be made. */
struct tyto_snapshot_job {
    char event_id[TYTO_ULID_CHARS + 1];
    char camera[TYTO_ID_MAX + 1];
    char class_name[TYTO_ID_MAX + 1];
    int64_t begin_unix_ns; /* of the event: its file is called by it */
    int64_t media_ns, unix_ns;
    float score;
    bool has_box;
    struct tyto_box box;
    struct tyto_picture *picture; /* owned: a reference */
    bool hides_people, hides_all;
    uint32_t num_people;
    struct tyto_box people[TYTO_SIGHT_MAX_FOUND];
    struct tyto_polygon *masks; /* owned; NULL: none */
    uint32_t num_masks;
};

struct tyto_snapshot_open {
    char event_id[TYTO_ULID_CHARS + 1];
    char camera[TYTO_ID_MAX + 1];
    char class_name[TYTO_ID_MAX + 1];
    uint32_t class_id;
    enum tyto_modality modality;
    int64_t begin_unix_ns;
    float best;      /* score of the picture that was asked for last; below 0: none */
    bool is_written; /* its file is there */
};

/* What the last segment had, for the events that it makes. */
struct tyto_snapshot_current {
    char camera[TYTO_ID_MAX + 1]; /* "": none */
    struct tyto_picture *picture; /* owned; NULL: none */
    int64_t media_ns, unix_ns;
    bool can_hide, may_lack; /* there was a detector of people; there may be more than it told */
    uint32_t num_found;
    struct tyto_box boxes[TYTO_SIGHT_MAX_FOUND];
    char names[TYTO_SIGHT_MAX_FOUND][TYTO_DETECTOR_NAME_BYTES];
    bool has_box; /* of where the sound is */
    struct tyto_box box;
    const struct tyto_polygon *masks; /* borrowed: for this segment's events only */
    uint32_t num_masks;
};

struct tyto_snapshots {
    pthread_t thread;

    pthread_mutex_t lock; /* guards the next block */
    pthread_cond_t changed;
    struct tyto_snapshots_params params; /* store.dir is dir */
    char dir[TYTO_SNAPSHOTS_DIR_BYTES];
    char *uri;       /* file:// of dir, owned; NULL: no files */
    bool has_change; /* the thread is to take the folder and its limits over */
    bool stop;
    uint32_t num_jobs;
    struct tyto_snapshot_job jobs[TYTO_SNAPSHOTS_MAX_WAITING]; /* oldest first */
    char busy_id[TYTO_ULID_CHARS + 1];                         /* the thread is at this event's */
    uint32_t num_open;
    struct tyto_snapshot_open *open; /* (MAX_OPEN) owned */
    struct tyto_snapshots_status status;

    struct tyto_snapshot_current current; /* the inference thread's */
    atomic_uint_fast64_t num_turns; /* the snapshots' thread's; others look whether it moves */

    /* The snapshots' thread's. */
    struct tyto_canvas canvas;
    struct tyto_clip_store *store; /* NULL: not open */
    char store_dir[TYTO_SNAPSHOTS_DIR_BYTES];
    uint64_t retry_ns, expire_ns;
};

/* The event among those that are open; NULL: it is not. Locked. */
static inline struct tyto_snapshot_open *tyto_snapshots_find_open(struct tyto_snapshots *self,
                                                                  const char *event_id)
{
    for (uint32_t i = 0; i < self->num_open; i++) {
        if (strcmp(self->open[i].event_id, event_id) == 0)
            return &self->open[i];
    }
    return NULL;
}

/* worker.c: the thread's body. */
void *tyto_snapshots_work(void *snapshots);
/* Lets go of what a job has. */
static inline void tyto_snapshot_job_finish(struct tyto_snapshot_job *job)
{
    tyto_picture_unref(&job->picture);
    free(job->masks);
    job->masks = NULL;
}

#endif
