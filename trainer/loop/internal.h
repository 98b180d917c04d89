/* SPDX-License-Identifier: MIT */
/* What train.c (the loop), validate.c (validation) and checkpoint.c (checkpoints, the head's
 * file) share. Besides them only check_checkpoint includes this. */
#ifndef TYTO_TRAINER_LOOP_INTERNAL_H
#define TYTO_TRAINER_LOOP_INTERNAL_H

#include "trainer/loop/batch.h"
#include "trainer/loop/score.h"
#include "trainer/loop/train.h"

/* An epoch that has begun. */
struct tyto_train_partial {
    uint32_t num_steps;
    double sum, mass; /* of the losses, weighted */
    float norm;
};

struct tyto_train {
    struct tyto_train_params params;
    float *class_weights; /* owned, (num_logits) */
    struct tyto_step *step;
    struct tyto_prefetch *prefetch;
    uint32_t *order; /* owned, (train clips) */
    float *best;     /* owned, (layout's num): values of the best epoch */
    float *kept;     /* owned, (layout's num): values of the frozen ones; NULL: none is */
    float *is_kept;  /* owned, likewise: 1 where frozen */
    float *rows;     /* owned, (3, layout's num): values and moments on their way */
    uint32_t epoch, best_epoch;
    uint32_t num_steps;          /* so far */
    float best_loss, best_value; /* value: accuracy or mAP */
    struct tyto_train_partial partial;
};

/* Rows of targets that a clip has. */
static inline uint32_t tyto_train_num_targets(const struct tyto_train *train)
{
    return train->params.step.pool ? 1 : train->params.step.dims.num_segments;
}

/* Where batches of data come from, without augmentation. */
struct tyto_batch_source tyto_train_source(const struct tyto_train *train,
                                           struct tyto_dataset *data);
/* The batch becomes what the next step reads. */
TYTO_MUST_CHECK
enum tyto_err tyto_train_load(struct tyto_train *train, const struct tyto_batch *batch);
/* The tasks that are scored: one of a softmax head, three of a multi-label one. */
struct tyto_train_scores {
    struct tyto_score tasks[TYTO_CMAN_NUM_TASKS];
    uint32_t num;
};

/* With room for every row of params.val. */
TYTO_MUST_CHECK
enum tyto_err tyto_train_make_scores(const struct tyto_train *train,
                                     struct tyto_train_scores *ret_scores);
void tyto_train_free_scores(struct tyto_train_scores *scores);
/* Validation with the parameters as they stand; *ret_loss is its mean. INVALID when not finite. */
TYTO_MUST_CHECK
enum tyto_err tyto_train_validate(struct tyto_train *train, struct tyto_train_scores *scores,
                                  float *ret_loss);
/* Mean average precision over every class of every task that comes. NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_train_map(const struct tyto_train_scores *scores, float *ret_map);
/* Writes everything that the next step depends on, atomically. */
TYTO_MUST_CHECK
enum tyto_err tyto_train_write_checkpoint(struct tyto_train *train, const char *path,
                                          struct tyto_fault *ret_fault);
/* The same of what is in train->rows already: nothing is asked of the device. */
TYTO_MUST_CHECK
enum tyto_err tyto_train_write_rows(const struct tyto_train *train, const char *path,
                                    struct tyto_fault *ret_fault);

#endif
