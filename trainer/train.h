/* SPDX-License-Identifier: MIT */
/* Training the head on features in memory: epochs in an order that the seed decides, warm-up and
 * cosine, validation, early stopping, checkpoints that resume to the same curve, and the head's
 * file that the daemon loads. */
#ifndef TYTO_TRAINER_TRAIN_H
#define TYTO_TRAINER_TRAIN_H

#include "base/fault.h"
#include "trainer/step.h"

/* Clips of T segments; all borrowed until the training is destroyed. N: num_logits. */
struct tyto_train_data {
    uint32_t num_clips;
    const float *audio;     /* (clips, T, A) */
    const float *visual;    /* (clips, T, L, V) */
    const bool *has_audio;  /* (clips, T); NULL: everywhere */
    const bool *has_visual; /* likewise */
    const float *yes, *no;  /* (clips, T, N), with pooling (clips, N): weight of "it is" and "it is
                               not" (sigmoid head; NULL for softmax); class and segment weights
                               included. What a batch costs is divided by the sum of its weights */
};

struct tyto_train_params {
    struct tyto_step_params step;
    struct tyto_train_data train, val; /* val.num_clips 0: no validation */
    uint64_t seed;
    uint32_t num_epochs;
    uint32_t num_warm_up; /* steps of rising rate; then half a cosine down to 0 */
    uint32_t patience;    /* epochs without a better validation before it stops; 0: never */
    float rate, decay, max_norm;
    const char *checkpoint_path; /* written after each epoch; NULL: never. Borrowed until destroy */
    const char *metrics_path;    /* a line of CSV after each epoch; NULL: none. Likewise */
};

struct tyto_train_epoch {
    uint32_t epoch;                           /* from 1 on */
    float train_loss, val_loss, val_accuracy; /* val_: 0 without validation */
    float norm;                               /* the largest of the epoch */
    bool is_best;
};

struct tyto_train;

/* Weights are drawn by the seed as PyTorch's Linear does; biases 0, where.scale 1. */
TYTO_MUST_CHECK
enum tyto_err tyto_train_create(const struct tyto_train_params *params,
                                struct tyto_train **ret_train);
void tyto_train_destroy(struct tyto_train **train);
/* Starts from these tensors instead; borrowed until the call returns. */
TYTO_MUST_CHECK
enum tyto_err tyto_train_set(struct tyto_train *train, float *const *tensors);
/* Goes on where the checkpoint at path stopped. NOT_FOUND, IO, FORMAT, SHAPE with *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_train_resume(struct tyto_train *train, const char *path,
                                struct tyto_fault *ret_fault);
/* Whether epochs or patience have run out. */
bool tyto_train_is_done(const struct tyto_train *train);
/* One epoch, validation, metrics and checkpoint. INVALID when the loss or the gradient is not
 * finite: the checkpoint is then that of the epoch before. IO when a file cannot be written. */
TYTO_MUST_CHECK
enum tyto_err tyto_train_run_epoch(struct tyto_train *train, struct tyto_train_epoch *ret_epoch);
/* Writes the best epoch's weights (the last one's without validation) as a head's file. names:
 * (num_classes), [a-z0-9_-]; provenance: free text without quotes or backslashes, or NULL. */
TYTO_MUST_CHECK
enum tyto_err tyto_train_export(const struct tyto_train *train, const char *path,
                                const char *const *names, const char *provenance,
                                struct tyto_fault *ret_fault);

#endif
