/* SPDX-License-Identifier: MIT */
#include "base/frame.h"

#include <stddef.h>

enum tyto_err tyto_frame_check(const struct tyto_frame *frame)
{
    if (!frame || frame->width == 0 || frame->height == 0 || frame->width > TYTO_FRAME_MAX_SIDE ||
        frame->height > TYTO_FRAME_MAX_SIDE)
        return TYTO_ERR_INVALID;

    const uint32_t half_width = (frame->width + 1) / 2;
    uint32_t row_bytes[3] = {frame->width, 0, 0};
    switch (frame->format) {
    case TYTO_PIXEL_I420:
        row_bytes[1] = row_bytes[2] = half_width;
        break;
    case TYTO_PIXEL_NV12:
        row_bytes[1] = 2 * half_width;
        break;
    case TYTO_PIXEL_RGB:
        row_bytes[0] = 3 * frame->width;
        break;
    default:
        return TYTO_ERR_INVALID;
    }
    for (int i = 0; i < 3; i++)
        if (row_bytes[i] > 0 && (!frame->planes[i] || frame->strides_bytes[i] < row_bytes[i]))
            return TYTO_ERR_INVALID;
    return TYTO_OK;
}
