/* SPDX-License-Identifier: MIT */
/* Pictures to the rows of a visual network's input, on the device. Inner part of
 * model/encoder/visual.c: staging memory that grows to the largest picture seen, a few
 * pictures at a time. */
#ifndef TYTO_MODEL_ENCODER_VISUAL_FRONT_H
#define TYTO_MODEL_ENCODER_VISUAL_FRONT_H

#include "base/err.h"
#include "base/frame.h"
#include "shaders/image_resize/image_resize.h"
#include "shaders/runtime/gpu.h"

struct tyto_visual_front;

/* out (rows, out_h, out_w, 3), borrowed like gpu until destroy. */
TYTO_MUST_CHECK
enum tyto_err tyto_visual_front_create(struct tyto_gpu *gpu,
                                       const struct tyto_image_resize_shape *shape,
                                       struct tyto_buf *out, struct tyto_visual_front **ret_front);
void tyto_visual_front_destroy(struct tyto_visual_front **front);
/* Row i becomes frames[i]. INVALID when one is no picture: nothing ran then. */
TYTO_MUST_CHECK
enum tyto_err tyto_visual_front_run(struct tyto_visual_front *front,
                                    const struct tyto_frame *frames, uint32_t num_frames);

#endif
