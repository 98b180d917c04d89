/* SPDX-License-Identifier: MIT */
/* One picture in memory, as decoders give it. Plain data; whoever made it keeps
 * the bytes. */
#ifndef TYTO_BASE_FRAME_H
#define TYTO_BASE_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum { TYTO_FRAME_MAX_SIDE = 8192 };

enum tyto_pixel_format {
    TYTO_PIXEL_I420, /* planes Y, U, V; chroma planes are (w+1)/2 x (h+1)/2 */
    TYTO_PIXEL_NV12, /* planes Y, UV interleaved */
    TYTO_PIXEL_RGB,  /* one plane, 3 bytes a pixel */
};

/* Borrowed by whoever gets a pointer to it, planes too. BT.601 or 709 and the
 * range matter for the YUV formats only. */
struct tyto_frame {
    enum tyto_pixel_format format;
    uint32_t width, height; /* 1..TYTO_FRAME_MAX_SIDE */
    const uint8_t *planes[3];
    uint32_t strides_bytes[3];
    bool bt709;
    bool full_range;
};

/* TYTO_ERR_INVALID unless format, sides, strides and planes make a picture. */
TYTO_MUST_CHECK
enum tyto_err tyto_frame_check(const struct tyto_frame *frame);

#endif
