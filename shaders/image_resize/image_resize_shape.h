/* SPDX-License-Identifier: MIT */
/* What the image_resize kernels are told: geometry in a buffer (it changes from
 * run to run), the rest in push constants. C and GLSL read this file. */
#ifndef TYTO_IMAGE_RESIZE_SHAPE_H
#define TYTO_IMAGE_RESIZE_SHAPE_H

#include "shaders/include/types.h"

/* Texels of 4 bytes that one group of image_resize_rows works on; rows are padded to it. */
#define TYTO_IMAGE_RESIZE_BLOCK 64

/* Output rows that one group of image_resize_cols makes: they share the taps. */
#define TYTO_IMAGE_RESIZE_ROWS 4

/* One picture of a batch. Planes lie in the staging buffer; channel c is filtered
 * along x from values first[c] + pitch[c] * x of the planes' concatenated rows. */
struct tyto_image_resize_frame {
    uint32_t plane_first[4];  /* in texels of 4 bytes */
    uint32_t plane_stride[4]; /* texels between rows */
    uint32_t plane_texels[4]; /* of a row */
    uint32_t plane_rows[4];
    /* Input rows for each output row: rows_num / rows_den[plane]; columns likewise. */
    uint32_t rows_den[4];
    uint32_t channel_first[4];
    uint32_t channel_pitch[4];
    uint32_t channel_num[4];
    uint32_t cols_den[4];
    float matrix[12]; /* rgb[r] = dot(matrix[4r..4r+2], levels) + matrix[4r+3] */
    uint32_t out_row;
    uint32_t num_texels; /* of the concatenated rows */
    uint32_t rows_num, cols_num;
    uint32_t rect[4]; /* left, top, width, height of the picture in the output */
};

struct tyto_image_resize_rows_push {
    uint32_t out_h, mixed_texels; /* room for rows of one picture, for one concatenated row */
};

struct tyto_image_resize_cols_push {
    uint32_t out_w, out_h, out_c, mixed_texels;
    float mean[3], scale[3];
};

#endif
