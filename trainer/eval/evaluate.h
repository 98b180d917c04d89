/* SPDX-License-Identifier: MIT */
/* A head on a data set: predictions and their measurement, how accuracy holds when the sound is
 * shifted, and what is left without either stream. */
#ifndef TYTO_TRAINER_EVAL_EVALUATE_H
#define TYTO_TRAINER_EVAL_EVALUATE_H

#include "base/fault.h"
#include "trainer/eval/measure.h"

enum { TYTO_EVALUATE_MAX_SHIFT = 32 };

struct tyto_evaluate_params {
    const char *head_path;
    const char *late_path; /* late fusion: scores are the mean of both heads', as are thresholds;
                              NULL: none */
    struct tyto_gpu *gpu;
    struct tyto_dataset *dataset; /* features as the heads' files want them, classes as theirs */
    int32_t min_shift, max_shift; /* of sound, in segments; both 0: no curve */
    bool repeats_edge;            /* of shifted sound, see tyto_predict_change */
    uint32_t align;               /* look for the sound's offset so many segments either way, see
                                     tyto_aligned; 0: sound is taken as it comes */
    bool drops;                   /* also without sound, and without picture */
    void *user;
    bool (*on_progress)(void *user, uint64_t num_done, uint64_t num); /* false: stop; or NULL */
};

struct tyto_evaluation {
    struct tyto_predictions predictions; /* all owned */
    struct tyto_measurement measurement;
    struct tyto_shift_point shifts[2 * TYTO_EVALUATE_MAX_SHIFT + 1];
    uint32_t num_shifts;
    bool has_drops;
    struct tyto_shift_point no_audio, no_visual;
    enum tyto_cman_fusion fusion;
};

/* As tyto_predictor_create and tyto_predict; INVALID for shifts or an align out of range. CLOSED
 * when stopped.
 */
TYTO_MUST_CHECK
enum tyto_err tyto_evaluate(const struct tyto_evaluate_params *params,
                            struct tyto_evaluation *ret_evaluation, struct tyto_fault *ret_fault);
void tyto_evaluation_finish(struct tyto_evaluation *evaluation);

#endif
