/* SPDX-License-Identifier: MIT */
/* Training the head on a data set: epochs in an order that the seed decides, augmentation, warm-up
 * and cosine, validation, early stopping, checkpoints that resume to the same curve, and the head's
 * file that the daemon loads. The next batch is read while the device works. */
#ifndef TYTO_TRAINER_LOOP_TRAIN_H
#define TYTO_TRAINER_LOOP_TRAIN_H

#include "base/fault.h"
#include "base/words.h"
#include "trainer/data/dataset.h"
#include "trainer/loop/augment.h"
#include "trainer/loop/batch.h"
#include "trainer/step/step.h"

/* The figure by which the best epoch is chosen; the loss decides between equals. */
#define TYTO_TRAIN_BEST_LIST(X)                                                                    \
    X(TYTO_TRAIN_BEST_ACCURACY, "accuracy", NULL)                                                  \
    X(TYTO_TRAIN_BEST_LOSS, "loss", NULL)                                                          \
    X(TYTO_TRAIN_BEST_MAP, "map", "mean average precision")
enum tyto_train_best { TYTO_TRAIN_BEST_LIST(TYTO_WORD_ENUM) };

struct tyto_train_progress {
    uint32_t epoch; /* from 1 on */
    uint32_t step, num_steps;
    float loss; /* mean of the epoch's steps so far */
};

struct tyto_train_epoch {
    uint32_t epoch;                                            /* from 1 on */
    float train_loss, val_loss, val_accuracy, val_f1, val_map; /* val_: 0 without validation */
    float norm;                                                /* the largest of the epoch */
    float rate;                                                /* of its last step */
    bool is_best;
};

struct tyto_train_params {
    struct tyto_step_params step; /* dims that read the data sets' shape */
    struct tyto_dataset *train;   /* borrowed until destroy; its shape must fit dims */
    struct tyto_dataset *val;     /* NULL: no validation. May share its source with train */
    const float *class_weights;   /* (num_logits), copied; NULL: all 1. Training only */
    float heard_weight,
        seen_weight; /* of a multi-label head's tasks beside joint; 0: 1. Training */
    struct tyto_augment_params augment; /* training only */
    enum tyto_cman_fusion fusion;
    uint64_t seed;
    uint32_t num_epochs;
    uint32_t num_warm_up; /* steps of rising rate; then half a cosine down to 0 */
    uint32_t patience;    /* epochs without a better validation before it stops; 0: never */
    enum tyto_train_best best;
    float rate, decay, max_norm;
    const char
        *frozen; /* "where,when.audio": tensors that begin so keep their values; NULL: none */
    const float *tune_weight, *tune_bias; /* where step.tune: the encoder's own, copied */
    const char *checkpoint_path; /* written after each epoch; NULL: never. Borrowed until destroy */
    void *user;
    /* After each step; false: stop here. NULL: none. */
    bool (*on_step)(void *user, const struct tyto_train_progress *progress);
    /* After each epoch, before its checkpoint; an error ends the run. NULL: none. */
    enum tyto_err (*on_epoch)(void *user, const struct tyto_train_epoch *epoch);
};

struct tyto_train;

/* Weights and where's biases are drawn by the seed as PyTorch's Linear does; other biases 0 (a
 * multi-label head's last: -2), where.scale 1. INVALID for
 * data that cannot be trained on (none; labels of whole clips without pooling), SHAPE; *ret_fault
 * says which. */
TYTO_MUST_CHECK
enum tyto_err tyto_train_create(const struct tyto_train_params *params,
                                struct tyto_train **ret_train, struct tyto_fault *ret_fault);
void tyto_train_destroy(struct tyto_train **train);
const struct tyto_params_layout *tyto_train_layout(const struct tyto_train *train);
uint32_t tyto_train_best_epoch(const struct tyto_train *train); /* 0: none yet */
uint32_t tyto_train_num_epochs(const struct tyto_train *train); /* done */
uint32_t tyto_train_num_steps(const struct tyto_train *train);  /* done */
/* Starts from these tensors instead; borrowed until the call returns. */
TYTO_MUST_CHECK
enum tyto_err tyto_train_set(struct tyto_train *train, float *const *tensors);
/* What it starts from, or stands at: ret_tensors[i] has room for the tensor, or is NULL. */
TYTO_MUST_CHECK
enum tyto_err tyto_train_get(const struct tyto_train *train, float *const *ret_tensors);
/* The best epoch's tuned layer, (visual_in, tune.in) and (visual_in). */
void tyto_train_get_tuned(const struct tyto_train *train, float *ret_weight, float *ret_bias);
/* Goes on where the checkpoint at path stopped. NOT_FOUND, IO, FORMAT, SHAPE with *ret_fault. */
TYTO_MUST_CHECK
enum tyto_err tyto_train_resume(struct tyto_train *train, const char *path,
                                struct tyto_fault *ret_fault);
/* Whether epochs or patience have run out. */
bool tyto_train_is_done(const struct tyto_train *train);
/* One epoch, validation and checkpoint; goes on inside the epoch where the last call stopped.
 * CLOSED when on_step said so: a checkpoint was written. INVALID when the loss or the gradient is
 * not finite: the checkpoint is then that of the epoch before, and *ret_fault says where it was.
 * IO and FORMAT when a file cannot be written or the data set cannot be read. */
TYTO_MUST_CHECK
enum tyto_err tyto_train_run_epoch(struct tyto_train *train, struct tyto_train_epoch *ret_epoch,
                                   struct tyto_fault *ret_fault);

/* What validation says of the best epoch's weights (the last one's without validation, then all
 * is 0 and thresholds are 0.5). */
struct tyto_train_figures {
    float loss, accuracy, macro_f1;
    uint32_t num_rows; /* segments or clips */
    /* Of each task of a multi-label head, in the order of enum tyto_cman_task; softmax: the first.
     */
    double scale[TYTO_CMAN_NUM_TASKS], shift[TYTO_CMAN_NUM_TASKS]; /* calibration of log-odds */
    float
        *thresholds; /* (3, K), the caller's: of the best F 0.7 within 0.2..0.9; 0.5 for softmax */
    float *f1;       /* (3, K), the caller's: at those thresholds */
};
TYTO_MUST_CHECK
enum tyto_err tyto_train_evaluate(struct tyto_train *train, struct tyto_train_figures *ret_figures);

/* A map that was applied to the features before the trainer saw them and that the file must
 * bring: (width, in) and (width). */
struct tyto_train_adapt {
    const float *weight, *bias; /* NULL: none */
    uint32_t in;
};

struct tyto_train_export {
    const char *path;
    char (*classes)[TYTO_DATASET_NAME_BYTES]; /* (K), borrowed */
    const float *thresholds;                  /* (3, K); NULL: none are written */
    const double *scale, *shift; /* (3): logits become scale * x + shift; NULL: as they are */
    const char *audio_encoder, *visual_encoder;           /* digests; NULL or "": not said */
    enum tyto_cman_fusion fusion;                         /* all but CMAN are for measuring only */
    const char *provenance;                               /* any text; NULL: none */
    struct tyto_train_adapt adapt[TYTO_CMAN_NUM_STREAMS]; /* only where dims have no adapter */
};
/* Writes the best epoch's weights (the last one's without validation) as a head's file. */
TYTO_MUST_CHECK
enum tyto_err tyto_train_export(const struct tyto_train *train,
                                const struct tyto_train_export *what, struct tyto_fault *ret_fault);

#endif
