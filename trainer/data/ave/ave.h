/* SPDX-License-Identifier: MIT */
/* AVE's official features and labels (Tian et al., ECCV 2018) as a data set, read clip by clip.
 * Only truth is in memory: an epoch needs a few MB more than one clip.
 *
 *   audio_feature.h5 (N,T,A)   visual_feature.h5 (N,T,7,7,V) or (N,T,L,V)   labels.h5 (N,T,K+1),
 *   the last class is background   train_order.h5, val_order.h5, test_order.h5: row numbers
 *
 * Contiguous files and chunks of one clip are quick to read in any order. Packed chunks that span
 * many clips (h5py's own choice) are not: h5repack -l avadataset:CHUNK=1x10x7x7x512 IN OUT.
 *
 * Without labels.h5 they are made of labels_closs.h5 (N,T) and mil_labels.h5 (N,K+1), or of
 * labels_closs.h5 and Annotations.txt, or of Annotations.txt alone. */
#ifndef TYTO_TRAINER_DATA_AVE_AVE_H
#define TYTO_TRAINER_DATA_AVE_AVE_H

#include "base/words.h"
#include "trainer/data/dataset.h"

#define TYTO_AVE_SPLIT_LIST(X)                                                                     \
    X(TYTO_AVE_TRAIN, "train", NULL)                                                               \
    X(TYTO_AVE_VAL, "val", NULL)                                                                   \
    X(TYTO_AVE_TEST, "test", NULL)                                                                 \
    X(TYTO_AVE_ALL, "all", NULL)
enum tyto_ave_split { TYTO_AVE_SPLIT_LIST(TYTO_WORD_ENUM) };

struct tyto_ave_params {
    const char *dir; /* where files of the official names are; NULL when all are named below */
    /* Each NULL: by its official name in dir. */
    const char *audio_path, *visual_path, *labels_path, *closs_path, *mil_path, *order_path,
        *annotations_path;
    enum tyto_ave_split split; /* ALL needs no order file */
    bool is_weak;              /* only what a whole clip holds */
    /* Adds the clips of audio_feature_noisy.h5 and visual_feature_noisy.h5, where picture and sound
     * do not belong together: background. TRAIN only. */
    bool with_noisy;
};

/* *ret_dataset is owned (tyto_dataset_destroy); clips in the order of the order file, then noisy
 * ones. Names are YouTube ids and classes as of Annotations.txt where that is there; clips of one
 * video are one group. NOT_FOUND, IO, FORMAT, UNSUPPORTED, SHAPE, INVALID, NOMEM: the fault names
 * file and dataset. */
TYTO_MUST_CHECK
enum tyto_err tyto_ave_open(const struct tyto_ave_params *params, struct tyto_dataset **ret_dataset,
                            struct tyto_fault *ret_fault);

/* --- Annotations.txt, row by row as the feature files count -------------------------- */

struct tyto_ave_row {
    char id[64];
    uint32_t category; /* in the order of first mention */
    uint32_t begin, end;
};

struct tyto_ave_rows {
    struct tyto_ave_row *rows; /* owned */
    uint32_t num_rows, num_categories;
    char (*categories)[TYTO_DATASET_NAME_BYTES]; /* owned */
};

TYTO_MUST_CHECK
enum tyto_err tyto_ave_rows_read(const char *path, struct tyto_ave_rows *ret_rows,
                                 struct tyto_fault *ret_fault);
void tyto_ave_rows_finish(struct tyto_ave_rows *rows);

#endif
