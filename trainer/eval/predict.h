/* SPDX-License-Identifier: MIT */
/* What a head says about the clips of a data set, computed by the code that the daemon runs
 * (model/cman/cman.h): a clip's segments are fed to a stream one by one and the window is evaluated
 * after the last. Baselines (tyto.fusion) get the inputs that they were trained with. */
#ifndef TYTO_TRAINER_EVAL_PREDICT_H
#define TYTO_TRAINER_EVAL_PREDICT_H

#include "base/fault.h"
#include "model/cman/weights.h"
#include "shaders/runtime/gpu.h"
#include "trainer/data/dataset.h"

struct tyto_predictor_params {
    const char *head_path;
    struct tyto_gpu *gpu;
    uint32_t num_segments; /* T of the data sets; 0: the head's */
    uint32_t batch;        /* clips at a time; 0: 16 */
    const struct tyto_log *log;
};

struct tyto_predictor;

/* As tyto_cman_create. */
TYTO_MUST_CHECK
enum tyto_err tyto_predictor_create(const struct tyto_predictor_params *params,
                                    struct tyto_predictor **ret_predictor,
                                    struct tyto_fault *ret_fault);
void tyto_predictor_destroy(struct tyto_predictor **predictor);
const struct tyto_cman_dims *tyto_predictor_dims(const struct tyto_predictor *predictor);
/* Borrowed: dims, classes, thresholds, encoders, digest; tensors have gone to the device. */
const struct tyto_cman_weights *tyto_predictor_head(const struct tyto_predictor *predictor);

/* What is done to the clips first. */
struct tyto_predict_change {
    int32_t audio_shift; /* segments by which sound comes later (negative: earlier) */
    int32_t moved_back;  /* segments by which that sound is then brought earlier again; what fell
                            over the edge stays lost */
    bool repeats_edge;   /* rows that are shifted in repeat the first or last; else are missing */
    bool drops_audio, drops_visual;
};

struct tyto_predict_params {
    struct tyto_predict_change change;
    bool with_details; /* match and place, too */
    void *user;
    bool (*on_progress)(void *user, uint32_t num_done, uint32_t num_clips); /* false: stop; NULL */
};

/* Rows past a clip's len are zeros. */
struct tyto_predictions {
    uint32_t num_clips, num_segments, num_classes, num_logits, num_places;
    enum tyto_head_kind head;
    float *scores;       /* owned, (clips, T, num_logits): softmax or sigmoid of the logits */
    float *weight_audio; /* owned, (clips, T): share of sound in the decision, 0..1, as in events */
    float *match; /* owned, (clips, T, T): distance of sound t to picture k (match.h), of the clips
                     unchanged; NULL without details, or where the head has no such space */
    float *place; /* owned, (clips, T, L); NULL without details */
};

/* SHAPE when the data set does not fit the head (widths, T, number of classes); CLOSED when
 * on_progress said so; what the data set's read and the device answer. */
TYTO_MUST_CHECK
enum tyto_err tyto_predict(struct tyto_predictor *predictor, struct tyto_dataset *dataset,
                           const struct tyto_predict_params *params,
                           struct tyto_predictions *ret_predictions, struct tyto_fault *ret_fault);
void tyto_predictions_finish(struct tyto_predictions *predictions);

/* Late fusion: each score becomes the mean of both, the weight 0.5. SHAPE when they are of
 * different clips or heads. */
TYTO_MUST_CHECK
enum tyto_err tyto_predictions_blend(struct tyto_predictions *predictions,
                                     const struct tyto_predictions *other);

/* The offset of sound that nobody knows, left open: what a head says of each clip at several
 * offsets of its sound, weighed by how likely these are. Where sound and picture belong together a
 * head finds most that is heard and seen at once; so an offset's weight is exp(n) for n segments of
 * a certain event, and the one at which the sound came counts as if 2 segments more spoke for it (a
 * recording is more often right than not). That is the posterior mean under one likelihood for all
 * heads; both numbers were chosen with AVEL's head (scripts/experiments/README.md). */
struct tyto_aligned {
    struct tyto_predictions *mean; /* borrowed: of what was put in first, becomes that of all */
    double *most, *weight; /* owned, (clips): highest evidence, weight in units of its exp */
};

/* The predictions of the sound as it came become the mean's beginning; len (clips). NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_aligned_init(struct tyto_predictions *first, const uint32_t *len,
                                struct tyto_aligned *ret_aligned);
/* Adds what is said at another offset. SHAPE when it is of other clips or another head. */
TYTO_MUST_CHECK
enum tyto_err tyto_aligned_add(struct tyto_aligned *aligned, const struct tyto_predictions *other,
                               const uint32_t *len);
void tyto_aligned_finish(struct tyto_aligned *aligned);

#endif
