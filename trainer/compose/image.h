/* SPDX-License-Identifier: MIT */
/* Pictures as the painter wants them: planes of brightness, colour and opacity, cut out of what
 * surrounds the object where that can be told apart. */
#ifndef TYTO_TRAINER_COMPOSE_IMAGE_H
#define TYTO_TRAINER_COMPOSE_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* (height, width, 4) bytes: R, G, B, opacity. */
struct tyto_compose_rgba {
    uint32_t width_px, height_px;
    uint8_t *pixels; /* owned */
};

/* BT.601, limited range, as H.264 will hold it; u, v and alpha_half are half as wide and high. */
struct tyto_compose_planes {
    uint32_t width_px, height_px; /* even */
    uint8_t *y, *u, *v;           /* owned, one block with the next two */
    uint8_t *alpha, *alpha_half;  /* NULL: opaque */
};

/* NOMEM; SHAPE when a side is 0 or over 8192. */
TYTO_MUST_CHECK
enum tyto_err tyto_compose_rgba_create(uint32_t width_px, uint32_t height_px,
                                       struct tyto_compose_rgba *ret_image);
void tyto_compose_rgba_finish(struct tyto_compose_rgba *image);

/* The part [x0, x1) x [y0, y1) of from (in pixels, inside it) at another size, each pixel the mean
 * of what it covers; an enlarged one is interpolated. Colours count by their opacity. */
TYTO_MUST_CHECK
enum tyto_err tyto_compose_resize(const struct tyto_compose_rgba *from, const double part[4],
                                  uint32_t width_px, uint32_t height_px,
                                  struct tyto_compose_rgba *ret_image);

/* Makes everything transparent that looks like the picture's border, and crops to the rest; a
 * picture that is transparent somewhere is only cropped. False, and nothing is changed, when what
 * is left would be no object: too little, too much, or in pieces. */
bool tyto_compose_cut_out(struct tyto_compose_rgba *image);
/* What is outside an oval as large as the picture becomes transparent, softly. */
void tyto_compose_soften_oval(struct tyto_compose_rgba *image);
/* Only the last pixels at its edges become transparent. */
void tyto_compose_soften_edges(struct tyto_compose_rgba *image);

/* An odd last row or column is left out. SHAPE when smaller than 2 x 2, NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_compose_to_planes(const struct tyto_compose_rgba *image,
                                     struct tyto_compose_planes *ret_planes);
void tyto_compose_planes_finish(struct tyto_compose_planes *planes);

#endif
