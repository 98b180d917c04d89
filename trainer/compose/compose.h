/* SPDX-License-Identifier: MIT */
/* Labelled footage out of sounds and pictures: clips, and the truth about them.
 *
 * In the folder: clip-000001.mp4 and on; labels.csv (file,class,begin_s,end_s,modality) with the
 * truth of each stream on its own timeline; Annotations.txt, as AVE's, of the clips that one event
 * is about; scene.jsonl, a line a clip, with all that was drawn; sources.csv, which sound and
 * picture was used how often; compose.json, seed and options. */
#ifndef TYTO_TRAINER_COMPOSE_COMPOSE_H
#define TYTO_TRAINER_COMPOSE_COMPOSE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/fault.h"
#include "trainer/compose/scene.h"

struct tyto_compose_params {
    const struct tyto_compose_options *options;
    const struct tyto_compose_assets *assets; /* borrowed during the call */
    const char *manifest, *split;             /* for compose.json */
    const char *folder;                       /* made if it is not there */
    bool replaces;                            /* clips that lie there are removed */
    uint32_t num_clips, num_jobs;             /* 1..999999; 1..64 threads */
    uint32_t num_shown;                       /* clips on sheet.html: frames and truth to look at */
    const atomic_bool *stop;                  /* true: no further clip is begun; may be NULL */
    void *user;
    /* On the calling thread, now and then. May be NULL. */
    void (*on_progress)(void *user, uint32_t num_done);
};

struct tyto_compose_result {
    uint32_t num_clips, num_acts[TYTO_COMPOSE_NUM_KINDS], num_labels;
    bool was_stopped;
};

/* Clips do not depend on num_jobs. What was made is labelled also when it was stopped. EXISTS when
 * the folder holds labels already and replaces is false; INVALID, IO, NOMEM, UNSUPPORTED and what
 * reading a picture or sound says, with a fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_compose(const struct tyto_compose_params *params,
                           struct tyto_compose_result *ret_result, struct tyto_fault *ret_fault);

#endif
