/* SPDX-License-Identifier: MIT */
/* The picture encoder's last layer on its own: read from the encoder's file, applied to data sets
 * of what it reads (features with taps_visual), and put back into a copy of the file. */
#ifndef TYTO_TRAINER_DATA_LAST_LAYER_H
#define TYTO_TRAINER_DATA_LAST_LAYER_H

#include "shaders/include/act.h"
#include "trainer/data/dataset.h"

struct tyto_last_layer {
    uint32_t in, out;
    enum tyto_act act;
    float *weight, *bias; /* owned, (out, in) and (out) */
};

/* UNSUPPORTED when the encoder ends in anything but a linear map of each place; otherwise as
 * tyto_encoder_file_read. */
TYTO_MUST_CHECK
enum tyto_err tyto_last_layer_read(const char *path, struct tyto_last_layer *ret_layer,
                                   struct tyto_fault *ret_fault);
void tyto_last_layer_finish(struct tyto_last_layer *layer);
/* The encoder at `from` with this last layer instead, atomically to `to`. */
TYTO_MUST_CHECK
enum tyto_err tyto_last_layer_write(const struct tyto_last_layer *layer, const char *from,
                                    const char *to, struct tyto_fault *ret_fault);
/* dataset's pictures through the layer. dataset and layer are borrowed until it is destroyed.
 * SHAPE when they do not fit. */
TYTO_MUST_CHECK
enum tyto_err tyto_last_layer_dataset(struct tyto_dataset *dataset,
                                      const struct tyto_last_layer *layer,
                                      struct tyto_dataset **ret_dataset);

#endif
