/* SPDX-License-Identifier: MIT */
/* Private: what ave.c and ave_labels.c share while a data set is made. */
#ifndef TYTO_TRAINER_DATA_AVE_INTERNAL_H
#define TYTO_TRAINER_DATA_AVE_INTERNAL_H

#include "trainer/data/ave/ave.h"
#include "trainer/data/ave/hdf5_file.h"

/* Features of one kind of clip. */
struct tyto_ave_features {
    struct tyto_hdf5 *audio, *visual;
};

struct tyto_ave {
    struct tyto_ave_features regular, noisy;
    uint32_t num_regular; /* clips; noisy ones come behind */
    uint32_t *rows;       /* owned, (clips): in the files */
};

/* What is open only while the data set is made. */
struct tyto_ave_opening {
    const struct tyto_ave_params *params;
    struct tyto_fault *fault;
    struct tyto_ave *ave;
    struct tyto_hdf5 *labels, *closs, *mil; /* NULL: not there */
    struct tyto_ave_rows annotations;       /* no rows: not there */
    struct tyto_dataset_shape shape;
    uint32_t num_rows; /* N */
    float *values;     /* owned: a row of labels */
};

/* The path of a file as it was named, or by its official name in the folder. */
TYTO_MUST_CHECK
enum tyto_err tyto_ave_path(const struct tyto_ave_opening *opening, const char *given,
                            const char *name, char *ret_path, size_t path_bytes);
/* Of a file that may be absent, unless it was named. */
bool tyto_ave_is_there(const struct tyto_ave_opening *opening, const char *given, const char *name);
TYTO_MUST_CHECK
enum tyto_err tyto_ave_open_file(const struct tyto_ave_opening *opening, const char *given,
                                 const char *name, struct tyto_hdf5 **ret_hdf5);
/* Says that a dataset has another shape than the one that is wanted; gives SHAPE back. */
enum tyto_err tyto_ave_shape_fault(const struct tyto_ave_opening *opening,
                                   const struct tyto_hdf5 *hdf5, const char *wanted);
/* dims[0..num) of the dataset are these, and there are no further ones. */
bool tyto_ave_has_dims(const struct tyto_hdf5 *hdf5, const uint64_t *dims, uint32_t num);

/* Finds what says the truth, and with it the number of classes. */
TYTO_MUST_CHECK
enum tyto_err tyto_ave_open_labels(struct tyto_ave_opening *opening);
void tyto_ave_close_labels(struct tyto_ave_opening *opening);
/* The classes of a row's segments, (T,K), and of the clip, (K); both are zeros before. */
TYTO_MUST_CHECK
enum tyto_err tyto_ave_read_truth(struct tyto_ave_opening *opening, uint32_t row,
                                  uint8_t *ret_truth, uint8_t *ret_clip);
void tyto_ave_name_classes(const struct tyto_ave_opening *opening, struct tyto_dataset *dataset);

#endif
