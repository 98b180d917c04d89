/* SPDX-License-Identifier: MIT */
/* A fixed projection, fitted once on the features that are trained on: pictures to their principal
 * components, sound standardised. Training reads projected clips, which are small enough to stay in
 * memory; the head's file carries the projection as its adapters, so that the daemon computes the
 * same. All of it in f32 with sums in double. */
#ifndef TYTO_TRAINER_DATA_BASIS_H
#define TYTO_TRAINER_DATA_BASIS_H

#include "trainer/data/dataset.h"

/* out = weight in + bias: adapt_audio and adapt_visual of a head. Widths out are multiples of 4;
 * rows beyond the rank of the data are 0. */
struct tyto_basis {
    uint32_t audio_in, audio_out, visual_in, visual_out;
    float *audio_weight;  /* owned, (audio_out, audio_in) */
    float *audio_bias;    /* owned, (audio_out) */
    float *visual_weight; /* owned, (visual_out, visual_in) */
    float *visual_bias;   /* owned, (visual_out) */
    double kept;          /* share of the visual variance that is left */
};

struct tyto_basis_params {
    uint32_t visual_out; /* 0: 128 */
    float whitening;     /* 0: one factor for all components; 1: each of variance 1 */
    uint32_t max_clips;  /* that are looked at, drawn by the seed; 0: 2000 */
    uint64_t seed;
    void *user;
    void (*on_progress)(void *user, uint32_t num_done, uint32_t num_clips); /* or NULL */
    bool (*should_stop)(void *user);                                        /* or NULL */
};

/* Where the data set has no sound, or no picture, at all, that part of the basis is 0. CLOSED when
 * stopped; NOMEM, SHAPE; IO and FORMAT of the data set. A seed gives the same basis again. */
TYTO_MUST_CHECK
enum tyto_err tyto_basis_fit(struct tyto_dataset *dataset, const struct tyto_basis_params *params,
                             struct tyto_basis *ret_basis);
void tyto_basis_finish(struct tyto_basis *basis);

struct tyto_project_params {
    uint64_t max_bytes;   /* in memory; beyond that binary16 in a temporary file. 0: 4 GiB */
    const char *temp_dir; /* NULL: /tmp */
    void *user;
    void (*on_progress)(void *user, uint32_t num_done, uint32_t num_clips); /* or NULL */
    bool (*should_stop)(void *user);                                        /* or NULL */
};

/* The data set with projected features, all computed now; dataset is not needed any more
 * afterwards. Missing segments stay missing (zeros). */
TYTO_MUST_CHECK
enum tyto_err tyto_dataset_project(struct tyto_dataset *dataset, const struct tyto_basis *basis,
                                   const struct tyto_project_params *params,
                                   struct tyto_dataset **ret_dataset);
/* For the early fusion baseline: sound becomes sound beside the mean over the places of the
 * picture (A + V wide, missing only where both are), and pictures are missing everywhere (L and V
 * stay). dataset is *taken*. */
TYTO_MUST_CHECK
enum tyto_err tyto_dataset_fuse_early(struct tyto_dataset **dataset,
                                      struct tyto_dataset **ret_dataset);

#endif
