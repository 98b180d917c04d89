/* SPDX-License-Identifier: MIT */
/* A small picture to be drawn on: made from a decoded one, with what is not to be seen hidden and a
 * box drawn. Plain computation; one thread at a time. */
#ifndef TYTO_PIPELINE_SNAPSHOT_CANVAS_H
#define TYTO_PIPELINE_SNAPSHOT_CANVAS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/frame.h"
#include "pipeline/zones/polygon.h"
#include "proto/event.h"

enum { TYTO_CANVAS_MAX_SIDE = 1024 };

struct tyto_image_resize_cpu;

/* Zeroed: none yet. Room is kept from one picture to the next. */
struct tyto_canvas {
    uint32_t width, height;
    uint8_t *rgb; /* (height, width, 3), owned */
    size_t room_bytes;
    struct tyto_image_resize_cpu *resize; /* owned, of this size */
    float *levels;                        /* (height, width, 3), owned */
    uint32_t resize_width, resize_height;
};

/* The whole frame, at most max_width (1..TYTO_CANVAS_MAX_SIDE) wide and TYTO_CANVAS_MAX_SIDE high,
 * in its shape; never larger than it is. INVALID for no sound frame, NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_canvas_take(struct tyto_canvas *canvas, const struct tyto_frame *frame,
                               uint32_t max_width);
/* Makes what lies in the masks an even grey. */
void tyto_canvas_mask(struct tyto_canvas *canvas, const struct tyto_polygon *masks,
                      uint32_t num_masks);
/* Makes what lies in the box, and a tenth of its size around it, unrecognizable: an even colour for
 * each of some squares, four along its shorter side and none smaller than 12 pixels. */
void tyto_canvas_pixelate(struct tyto_canvas *canvas, const struct tyto_box *box);
/* Draws the box's outline. */
void tyto_canvas_outline(struct tyto_canvas *canvas, const struct tyto_box *box);
void tyto_canvas_finish(struct tyto_canvas *canvas);

#endif
