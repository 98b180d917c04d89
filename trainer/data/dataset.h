/* SPDX-License-Identifier: MIT */
/* What training and evaluation read: clips of T segments with features and truth, whatever they
 * come from (feature cache, AVE's HDF5 files, memory). Truth is small and in memory; features are
 * read clip by clip, so that a data set may be larger than memory. */
#ifndef TYTO_TRAINER_DATA_DATASET_H
#define TYTO_TRAINER_DATA_DATASET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fault.h"
#include "model/cman/cman.h"
#include "trainer/labels/truth.h"

/* Whether a segment of this truth is one of the task's. */
static inline bool tyto_truth_is(uint8_t truth, enum tyto_cman_task task)
{
    static const uint8_t bits[TYTO_CMAN_NUM_TASKS] = {TYTO_TRUTH_BOTH, TYTO_TRUTH_HEARD,
                                                      TYTO_TRUTH_SEEN};
    return (truth & bits[task]) == bits[task];
}

struct tyto_dataset_shape {
    uint32_t num_clips;
    uint32_t num_segments; /* T */
    uint32_t audio_in;     /* A */
    uint32_t num_places;   /* L */
    uint32_t visual_in;    /* V */
    uint32_t num_classes;  /* K */
};

/* Where a clip's features go: the caller's memory. */
struct tyto_dataset_clip {
    float *audio;     /* (T, A); rows of missing segments become 0 */
    float *visual;    /* (T, L, V); likewise. NULL: not wanted */
    bool *has_audio;  /* (T) */
    bool *has_visual; /* (T) */
};

struct tyto_dataset;

struct tyto_dataset_ops {
    /* Any thread, one at a time for a data set. */
    enum tyto_err (*read)(struct tyto_dataset *dataset, uint32_t clip,
                          const struct tyto_dataset_clip *ret_clip);
    void (*destroy)(struct tyto_dataset *dataset); /* frees self, not the fields below */
};

struct tyto_dataset {
    struct tyto_dataset_shape shape;
    char (*classes)[TYTO_DATASET_NAME_BYTES]; /* owned, (K) */
    uint8_t *truth; /* owned, (clips, T, K) of TYTO_TRUTH_ bits; 0: background, or past len */
    uint8_t
        *clip_truth;  /* owned, (clips, K): over the whole clip; of weak clips all that is known */
    bool *is_weak;    /* owned, (clips): truth of single segments is not known (and 0) */
    uint32_t *len;    /* owned, (clips): valid segments, 1..T */
    char **names;     /* owned, (clips): for people, "dog.mp4@20s" */
    uint32_t *groups; /* owned, (clips): recording that it was cut from, so that folds keep
                         recordings whole */
    char audio_encoder[128],
        visual_encoder[128]; /* digests of what made the features; "": unknown */
    int64_t segment_ns;      /* hop from one segment to the next */
    const struct tyto_dataset_ops *ops;
    void *self; /* the source's own */
};

/* Reads clip number clip < num_clips. IO or FORMAT when its source went bad since it was opened. */
TYTO_MUST_CHECK
enum tyto_err tyto_dataset_read(struct tyto_dataset *dataset, uint32_t clip,
                                const struct tyto_dataset_clip *ret_clip);
void tyto_dataset_destroy(struct tyto_dataset **dataset);

/* Allocates the fields of a data set of this shape (zeros; groups by number, len T), ops and self
 * to be filled by its source. NOMEM, SHAPE over a limit. */
TYTO_MUST_CHECK
enum tyto_err tyto_dataset_create(const struct tyto_dataset_shape *shape,
                                  struct tyto_dataset **ret_dataset);
/* Copies everything but features from clips[i] of from (NULL: clip i) to clip i of to; for whoever
 * derives one data set from another of the same T and K. NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_dataset_copy_truth(struct tyto_dataset *to, const struct tyto_dataset *from,
                                      const uint32_t *clips);
/* The clips of base whose numbers are given, in that order; base is borrowed until the view is
 * destroyed. */
TYTO_MUST_CHECK
enum tyto_err tyto_dataset_view(struct tyto_dataset *base, const uint32_t *clips,
                                uint32_t num_clips, struct tyto_dataset **ret_view);
/* The clips of all parts, one part after the other, whose shapes and classes are the same but for
 * the number of clips; the parts are borrowed until it is destroyed. Encoders' names are the first
 * part's. SHAPE, NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_dataset_join(struct tyto_dataset *const *parts, uint32_t num_parts,
                                struct tyto_dataset **ret_joined);

#endif
