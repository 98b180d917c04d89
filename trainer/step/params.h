/* SPDX-License-Identifier: MIT */
/* Where each tensor of the head lies in the one row of floats that the trainer keeps on the
 * device (and its gradients and moments in three more). Widths are padded with zeros to whole
 * texels, which stay zero; matrices that read the same input are neighbours. */
#ifndef TYTO_TRAINER_STEP_PARAMS_H
#define TYTO_TRAINER_STEP_PARAMS_H

#include <stdbool.h>

#include "model/cman/tensors.h"
#include "model/cman/widths.h"

/* A tensor of (rows, cols), blocks of which are padded: head.0 reads two states, the LSTM has
 * four gates. */
struct tyto_params_slot {
    uint64_t at;         /* float of its first value */
    uint32_t rows, cols; /* as in the file; cols 1 where it has one dimension; rows 0: not there */
    uint32_t row_block, padded_row_block;
    uint32_t col_block, padded_col_block;
    uint32_t padded_cols;
};

struct tyto_params_layout {
    struct tyto_cman_dims dims;
    struct tyto_cman_widths widths; /* padded */
    bool adapt[TYTO_CMAN_NUM_STREAMS];
    bool skip;
    uint64_t num; /* floats altogether, a multiple of 4 */
    /* The picture encoder's last layer, behind all tensors, where it is tuned: (visual_in, tune_in)
     * and (visual_in). tune_in 0: it is not, and both places are num. */
    uint32_t tune_in;
    uint64_t tune_weight, tune_bias;
    struct tyto_params_slot slots[TYTO_CMAN_NUM_TENSORS];
};

/* adapt: which streams have an adapter; skip: whether there are maps from the streams' segments to
 * the logits. TYTO_ERR_SHAPE when an input's width is no multiple of 4,
 * or differs from the stream's without an adapter. */
TYTO_MUST_CHECK
enum tyto_err tyto_params_layout_init(const struct tyto_cman_dims *dims,
                                      const bool adapt[TYTO_CMAN_NUM_STREAMS], bool skip,
                                      struct tyto_params_layout *ret_layout);
/* Adds a place for the last layer of `in` inputs. SHAPE when that is no multiple of 4, or the
 * pictures have no adapter. */
TYTO_MUST_CHECK
enum tyto_err tyto_params_layout_tune(struct tyto_params_layout *layout, uint32_t in);
/* ret_values (num) <- tensors as in the file, NULL where one is not there; padding becomes 0. A
 * tuned layer's values stay. */
void tyto_params_put(const struct tyto_params_layout *layout, float *const *tensors,
                     float *ret_values);
/* A place for every tensor that is there, zeros; NULL for the others. NOMEM: what was made is to be
 * freed all the same. */
TYTO_MUST_CHECK
enum tyto_err tyto_params_make_tensors(const struct tyto_params_layout *layout,
                                       float *ret_tensors[TYTO_CMAN_NUM_TENSORS]);
void tyto_params_free_tensors(float *tensors[TYTO_CMAN_NUM_TENSORS]);
/* The other way round; ret_tensors[i] has room for the tensor's values, or is NULL. */
void tyto_params_take(const struct tyto_params_layout *layout, const float *values,
                      float *const *ret_tensors);

#endif
