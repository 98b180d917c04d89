/* SPDX-License-Identifier: MIT */
/* What happens in front of the demo camera: a scene of tyto compose, made of stamps, before a
 * camera that stands still. The same seed and length give the same one. */
#ifndef TYTO_DEMO_STAGE_H
#define TYTO_DEMO_STAGE_H

#include <stdint.h>
#include <stdio.h>

#include "base/fault.h"
#include "trainer/compose/assets.h"
#include "trainer/compose/scene.h"

struct demo_stage_params {
    const char *manifest;   /* of stamps: path,kind,class,split; lines of split "demo" count */
    const char *stamps_dir; /* where its paths count from */
    uint64_t seed;
    double seconds; /* 10..600 */
    uint32_t fps;
    void *user;
    void (*on_fault)(void *user, const struct tyto_fault *fault); /* every bad line */
};

struct demo_stage {
    struct tyto_compose_options options;
    struct tyto_compose_assets assets;
    struct tyto_compose_scene scene;
    uint64_t key; /* of all that picture and sound follow from, files by their names and sizes */
};

/* NOT_FOUND, FORMAT, IO with the faults told to on_fault; INVALID, NOMEM. Finish it when it is OK
 * alone. */
TYTO_MUST_CHECK
enum tyto_err demo_stage_init(struct demo_stage *stage, const struct demo_stage_params *params);
void demo_stage_finish(struct demo_stage *stage);

/* Picture and sound as an MP4 file, which appears whole. on_progress: 0..1, may be NULL. What
 * composing a clip says, with a fault. */
TYTO_MUST_CHECK
enum tyto_err demo_stage_render(struct demo_stage *stage, const char *path, void *user,
                                void (*on_progress)(void *user, double done),
                                struct tyto_fault *ret_fault);

/* The truth as CSV: class,begin_s,end_s,modality (av, a, v). An event lasts as long as it is seen
 * or heard. IO when it cannot be written. */
TYTO_MUST_CHECK
enum tyto_err demo_stage_write_truth(const struct demo_stage *stage, FILE *file);

#endif
