/* SPDX-License-Identifier: MIT */
/* The truth about a clip, as text. */
#ifndef TYTO_TRAINER_COMPOSE_TRUTH_H
#define TYTO_TRAINER_COMPOSE_TRUTH_H

#include "trainer/compose/scene.h"

/* All owned: free(). "" where there is nothing to say. */
struct tyto_compose_truth {
    char *labels;     /* rows of labels.csv */
    char *annotation; /* a row of Annotations.txt, for clips with one event that is seen and heard
                         at once */
    char *scene;      /* a line of scene.jsonl */
    uint32_t num_labels;
};

/* Painted scene: objects have their aspects. gain: of the mix. NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_compose_truth_make(const struct tyto_compose_scene *scene,
                                      const struct tyto_compose_options *options,
                                      const struct tyto_compose_assets *assets, const char *file,
                                      float gain, struct tyto_compose_truth *ret_truth);
void tyto_compose_truth_finish(struct tyto_compose_truth *truth);

/* Options and seed as JSON text, owned; NULL when out of memory. */
char *tyto_compose_options_print(const struct tyto_compose_options *options,
                                 const struct tyto_compose_assets *assets, const char *manifest,
                                 const char *split, uint32_t num_clips);

#endif
