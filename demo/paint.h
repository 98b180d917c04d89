/* SPDX-License-Identifier: MIT */
/* The demo camera's picture: a yard seen by a cheap camera (grain, slowly
 * changing light, a slight sway, a clock in the corner) with stamps in it.
 * Plain C on I420, BT.709 limited range. */
#ifndef TYTO_DEMO_PAINT_H
#define TYTO_DEMO_PAINT_H

#include <stdint.h>

#include "base/err.h"

/* RGBA, row-major, not premultiplied; owned by whoever holds it. */
struct demo_picture {
    uint8_t *rgba;
    uint32_t width_px, height_px;
};

struct demo_painter;

/* Width and height even, at least 64 and at most 4096. */
TYTO_MUST_CHECK
enum tyto_err demo_painter_create(uint32_t width_px, uint32_t height_px, uint64_t seed,
                                  struct demo_painter **ret_painter);
void demo_painter_destroy(struct demo_painter **painter);

/* Starts frame at time_s: background and light, into out (I420, width*height*3/2 bytes, packed
 * planes). */
void demo_painter_begin(struct demo_painter *painter, double time_s, uint8_t *out);
/* Blends a stamp over the box (fractions of the picture), opacity 0..1. */
void demo_painter_stamp(struct demo_painter *painter, const struct demo_picture *picture, float x0,
                        float y0, float x1, float y1, float opacity, uint8_t *out);
/* Ends the frame: clock text and grain. */
void demo_painter_end(struct demo_painter *painter, double time_s, uint8_t *out);

#endif
