/* SPDX-License-Identifier: MIT */
/* How stored pictures are to be turned to stand upright: phones store what the sensor gives, lying
 * or mirrored, and say so beside it. The eight ways, numbered as EXIF does. Plain computation. */
#ifndef TYTO_BASE_TURN_H
#define TYTO_BASE_TURN_H

#include "base/frame.h"

enum tyto_turn {
    TYTO_TURN_NONE = 1,
    TYTO_TURN_MIRROR = 2, /* left and right swapped */
    TYTO_TURN_180 = 3,
    TYTO_TURN_UPSIDE_DOWN = 4, /* top and bottom swapped */
    TYTO_TURN_TRANSPOSE = 5,   /* rows become columns */
    TYTO_TURN_RIGHT = 6,       /* by 90 degrees, clockwise */
    TYTO_TURN_TRANSVERSE = 7,  /* transposed, then by 180 degrees */
    TYTO_TURN_LEFT = 8,
};

/* By a display matrix whose upper left part is (a b; c d): what is stored at (p, q) is shown at
 * (a p + c q, b p + d q), y downwards. Angles in between become the nearest of the eight. */
enum tyto_turn tyto_turn_of_matrix(int32_t a, int32_t b, int32_t c, int32_t d);
/* Whether width and height change places. */
bool tyto_turn_swaps(enum tyto_turn turn);

/* One plane of width x height elements of element_bytes, upright into `to`. */
void tyto_turn_plane(const uint8_t *from, uint32_t stride_bytes, uint32_t width, uint32_t height,
                     uint32_t element_bytes, enum tyto_turn turn, uint8_t *to,
                     uint32_t to_stride_bytes);
/* A whole frame into planes of the same format with room for it. *ret_frame refers to them. */
void tyto_turn_frame(const struct tyto_frame *from, enum tyto_turn turn, uint8_t *const planes[3],
                     const uint32_t strides_bytes[3], struct tyto_frame *ret_frame);
/* The same into one block of memory, *owned* by the caller (free). NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_turn_frame_copy(const struct tyto_frame *from, enum tyto_turn turn,
                                   void **ret_memory, struct tyto_frame *ret_frame);

#endif
