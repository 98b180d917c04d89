/* SPDX-License-Identifier: MIT */
/* A batch in host memory, filled from a data set with what augmentation does to it: a function of
 * seed, epoch and clips alone, whoever fills it and when. And the thread that fills the next one
 * while the device works on the last. */
#ifndef TYTO_TRAINER_LOOP_BATCH_H
#define TYTO_TRAINER_LOOP_BATCH_H

#include "model/cman/weights.h"
#include "trainer/data/dataset.h"
#include "trainer/loop/augment.h"
#include "trainer/loop/targets.h"

/* As struct tyto_step_in wants it. */
struct tyto_batch {
    float *audio;     /* (B, T, A) */
    float *visual;    /* (B, T, L, V) */
    uint32_t *has[2]; /* (B, T): the row's own number, or TYTO_ROW_NONE */
    uint32_t *len;    /* (B) */
    float *yes, *no;  /* (B, T, stride) or pooled (B, stride), divided by mass */
    double mass;      /* the sum of all weights of yes and no */
    uint32_t num;     /* clips in it; later places weigh nothing */
};

/* Where batches come from; everything is borrowed while they are filled. */
struct tyto_batch_source {
    struct tyto_dataset *data;
    struct tyto_targets targets;
    bool is_pooled; /* targets are of clips */
    uint32_t batch; /* B */
    uint32_t own_begin,
        own_end; /* places whose features are wanted (0, 0: all); of the others, targets */
    const uint32_t *order; /* (num_clips of data): clip of each place; NULL: its number */
    const struct tyto_augment_params *augment; /* NULL: nothing is done to it */
    uint64_t seed;
    uint32_t epoch;
    enum tyto_cman_fusion fusion;
};

struct tyto_prefetch;

/* Memory for batches of `batch` clips of data sets of this shape, each with `rows` rows of targets,
 * for this way of fusion; and the thread, which is up. */
TYTO_MUST_CHECK
enum tyto_err tyto_prefetch_create(const struct tyto_dataset_shape *shape, uint32_t batch,
                                   uint32_t rows, uint32_t stride, enum tyto_cman_fusion fusion,
                                   struct tyto_prefetch **ret_prefetch);
void tyto_prefetch_destroy(struct tyto_prefetch **prefetch);
/* Begins to fill batches number first..last-1 of the source, in place of what it did before. */
void tyto_prefetch_begin(struct tyto_prefetch *prefetch, const struct tyto_batch_source *source,
                         uint32_t first, uint32_t last);
/* The next batch, borrowed until the next call; what reading the data set gave otherwise. EMPTY
 * after the last. */
TYTO_MUST_CHECK
enum tyto_err tyto_prefetch_next(struct tyto_prefetch *prefetch,
                                 const struct tyto_batch **ret_batch);

#endif
