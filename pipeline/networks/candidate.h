/* SPDX-License-Identifier: MIT */
/* A head that is to take over from the running one: its file read, checked and
 * computed once in plain C, all without the device, so that any thread may do it.
 * Internal to the pipeline room. */
#ifndef TYTO_PIPELINE_NETWORKS_CANDIDATE_H
#define TYTO_PIPELINE_NETWORKS_CANDIDATE_H

#include "base/err.h"
#include "base/fault.h"
#include "model/cman/cman.h"
#include "model/cman/weights.h"

/* What it has to fit: the encoders and the window that run. */
struct tyto_head_fit {
    uint32_t num_places, visual_in, audio_in;
    uint32_t num_segments, look_ahead;
    bool any_num_segments,
        any_look_ahead; /* the configuration has set them: weights need not agree */
    struct {
        char digest[TYTO_DIGEST_HEX_BYTES]; /* of the file */
        char layout[TYTO_DIGEST_HEX_BYTES]; /* its "tyto.layout", "" without */
        const char *path;                   /* borrowed */
    } audio, visual;
};

/* SHAPE or FORMAT with *ret_fault naming file and key when the weights, read from
 * path, do not fit. Any thread. */
TYTO_MUST_CHECK
enum tyto_err tyto_head_fit_check(const struct tyto_head_fit *fit,
                                  const struct tyto_cman_weights *weights, const char *path,
                                  struct tyto_fault *ret_fault);

/* Features made up for the self-check: with both streams, then without sound,
 * then without picture, then both again. */
enum { TYTO_NEW_HEAD_CHECKS = 4 };

struct tyto_new_head {
    char *path;                       /* owned */
    struct tyto_cman_weights weights; /* empty once the device has them */
    uint32_t num_checks;              /* n <= TYTO_NEW_HEAD_CHECKS and T */
    bool has_audio[TYTO_NEW_HEAD_CHECKS], has_visual[TYTO_NEW_HEAD_CHECKS];
    float *audio, *visual;                            /* (n, A), (n, L, V); owned, like the rest */
    float *logits, *place, *beta_audio, *beta_visual; /* what the plain C makes of them */
};

/* Reads, checks, computes (the last not for the head whose digest is `serves`: nothing will be
 * done with it). NOT_FOUND, IO, FORMAT, SHAPE, NOMEM with *ret_fault. Any thread. */
TYTO_MUST_CHECK
enum tyto_err tyto_new_head_create(const char *path, const struct tyto_head_fit *fit,
                                   const char *serves, struct tyto_new_head **ret_head,
                                   struct tyto_fault *ret_fault);
void tyto_new_head_destroy(struct tyto_new_head **head);
/* INVALID with *ret_fault when what the device made of the same features is further
 * than 1e-3 (of 1, or of the value where that is more) from the plain C, or not finite. */
TYTO_MUST_CHECK
enum tyto_err tyto_new_head_compare(const struct tyto_new_head *head,
                                    const struct tyto_cman_dims *dims,
                                    const struct tyto_cman_result *result,
                                    struct tyto_fault *ret_fault);

#endif
