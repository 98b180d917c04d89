/* SPDX-License-Identifier: MIT */
/* Parts of a picture that do not count: as cells of a grid, and painted over in a copy. */
#ifndef TYTO_PIPELINE_ZONES_MASK_H
#define TYTO_PIPELINE_ZONES_MASK_H

#include "base/frame.h"
#include "pipeline/zones/polygon.h"

/* ret_hidden (rows, cols): 1 for each cell of which the masks cover at least that share, else 0.
 * Where masks overlap what they cover is counted twice. */
void tyto_mask_cells(const struct tyto_polygon *masks, uint32_t num_masks, uint32_t rows,
                     uint32_t cols, double least_share, uint8_t *ret_hidden);

/* Room for a copy of a frame, kept from one to the next. Zeroed: none yet. */
struct tyto_masked {
    uint8_t *bytes; /* owned */
    size_t room_bytes;
    struct tyto_frame frame; /* refers to bytes */
};

/* A copy of the frame in which the masks are an even grey: decoders still read what they gave out,
 * so that nothing is written there. INVALID for no sound frame, NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_masked_paint(struct tyto_masked *masked, const struct tyto_polygon *masks,
                                uint32_t num_masks, const struct tyto_frame *frame);
void tyto_masked_finish(struct tyto_masked *masked);

#endif
