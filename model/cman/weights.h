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
enum tyto_cman_fusion {
    TYTO_CMAN_FUSION_CMAN,
    TYTO_CMAN_FUSION_EARLY,  /* sound is sound beside the mean over places of the picture; no
                                picture otherwise */
    TYTO_CMAN_FUSION_AUDIO,  /* sound alone */
    TYTO_CMAN_FUSION_VISUAL, /* pictures alone */
};

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
/* Frees the tensors alone, once they are on the device. */
void tyto_cman_weights_drop_tensors(struct tyto_cman_weights *weights);
void tyto_cman_weights_finish(struct tyto_cman_weights *weights);

#endif
