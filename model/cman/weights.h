/* SPDX-License-Identifier: MIT */
/* A head's weights file, read and checked completely, as plain values in host
 * memory. What a person may have got wrong ends here, with a fault. */
#ifndef TYTO_MODEL_CMAN_WEIGHTS_H
#define TYTO_MODEL_CMAN_WEIGHTS_H

#include "base/err.h"
#include "base/fault.h"
#include "files/digest.h"
#include "model/cman/cman.h"
#include "model/cman/tensors.h"

enum {
    TYTO_CMAN_CLASS_BYTES = 65, /* 64 characters and the terminator */
    TYTO_CMAN_MAX_WIDTH = 4096,
    TYTO_CMAN_MAX_INPUT = 65536,
};

/* What the head's inputs are ("tyto.fusion"; absent: cman). All but cman are baselines to measure
 * against: the daemon does not give them what they read. */
#define TYTO_CMAN_FUSION_LIST(X)                                                                   \
    X(TYTO_CMAN_FUSION_CMAN, "cman", "where, when and which")                                      \
    X(TYTO_CMAN_FUSION_EARLY, "early", "a baseline: sound beside the picture's mean over places")  \
    X(TYTO_CMAN_FUSION_AUDIO, "audio", "a baseline: sound alone")                                  \
    X(TYTO_CMAN_FUSION_VISUAL, "visual", "a baseline: pictures alone")
enum tyto_cman_fusion { TYTO_CMAN_FUSION_LIST(TYTO_WORD_ENUM) };
/* As in the file. Static. */
const char *tyto_cman_fusion_name(enum tyto_cman_fusion fusion);

/* What "tyto.config" holds of the dims; each is at least 1. X(name, largest) */
#define TYTO_CMAN_DIM_LIST(X)                                                                      \
    X(num_segments, TYTO_CMAN_MAX_SEGMENTS)                                                        \
    X(num_places, TYTO_CMAN_MAX_PLACES)                                                            \
    X(audio_in, TYTO_CMAN_MAX_INPUT)                                                               \
    X(visual_in, TYTO_CMAN_MAX_INPUT)                                                              \
    X(audio_width, TYTO_CMAN_MAX_WIDTH)                                                            \
    X(visual_width, TYTO_CMAN_MAX_WIDTH)                                                           \
    X(match_width, TYTO_CMAN_MAX_WIDTH)                                                            \
    X(when_width, TYTO_CMAN_MAX_WIDTH)                                                             \
    X(hidden_width, TYTO_CMAN_MAX_WIDTH)                                                           \
    X(which_width, TYTO_CMAN_MAX_WIDTH)                                                            \
    X(head_width, TYTO_CMAN_MAX_WIDTH)

/* Keys of thresholds in the file, by task. */
extern const char *const tyto_cman_threshold_names[TYTO_CMAN_NUM_TASKS];

struct tyto_cman_weights {
    struct tyto_cman_dims dims;
    enum tyto_cman_fusion fusion;
    float *tensors[TYTO_CMAN_NUM_TENSORS];  /* owned; NULL: an adapter that is not there */
    char (*classes)[TYTO_CMAN_CLASS_BYTES]; /* owned, (K) */
    float *thresholds;       /* owned, (3, K) by enum tyto_cman_task; heard and seen 0: not said */
    char audio_encoder[128]; /* which encoder it was trained with; "": not said */
    char visual_encoder[128];
    char digest[TYTO_DIGEST_HEX_BYTES];
};

/* Fills *ret_weights from the file at path. NOT_FOUND, IO, FORMAT, SHAPE, NOMEM with
 * *ret_fault saying what is wrong; *ret_weights is empty then. */
TYTO_MUST_CHECK
enum tyto_err tyto_cman_weights_load(const char *path, struct tyto_cman_weights *ret_weights,
                                     struct tyto_fault *ret_fault);
/* The same from memory, borrowed until the call returns. */
TYTO_MUST_CHECK
enum tyto_err tyto_cman_weights_load_memory(const void *bytes, size_t num_bytes,
                                            struct tyto_cman_weights *ret_weights,
                                            struct tyto_fault *ret_fault);
/* Writes a file that loads as *weights, but for its digest: what is owned there may be borrowed
 * here, thresholds may be NULL (each is 0.5), of which four digits are kept. provenance: any text,
 * or NULL. The faults of tyto_weights_write, NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_cman_weights_write(const char *path, const struct tyto_cman_weights *weights,
                                      const char *provenance, struct tyto_fault *ret_fault);
/* Puts a logit on a line: scale x + shift. All that it is the sum of is bent, the streams' short
 * way where tensors has one. tensors are of these dims. */
void tyto_cman_bend_logit(const struct tyto_cman_dims *dims, float *const *tensors, uint32_t logit,
                          double scale, double shift);
/* Number of the class of that name; UINT32_MAX: the weights do not know it. */
uint32_t tyto_cman_find_class(const struct tyto_cman_weights *weights, const char *name);
/* Frees the tensors alone, once they are on the device. */
void tyto_cman_weights_drop_tensors(struct tyto_cman_weights *weights);
void tyto_cman_weights_finish(struct tyto_cman_weights *weights);

#endif
