/* SPDX-License-Identifier: MIT */
/* The colours of a frame as the network's: one matrix for the kernel and for the CPU's twin of it.
 */
#ifndef TYTO_SHADERS_IMAGE_RESIZE_COLOUR_H
#define TYTO_SHADERS_IMAGE_RESIZE_COLOUR_H

#include "base/frame.h"

/* rgb[c] = dot(matrix[4 c .. 4 c + 2], levels) + matrix[4 c + 3], levels in 0..255 as the frame has
 * them: Y, U, V of BT.601 or BT.709 in full or in studio range, or R, G, B. */
void tyto_image_colour(const struct tyto_frame *frame, float ret_matrix[12]);

#endif
