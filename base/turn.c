/* SPDX-License-Identifier: MIT */
#include "base/turn.h"

#include <stddef.h>
#include <stdlib.h>

enum tyto_turn tyto_turn_of_matrix(int32_t a, int32_t b, int32_t c, int32_t d)
{
    const int64_t straight = llabs((int64_t)a) + llabs((int64_t)d);
    const int64_t crosswise = llabs((int64_t)b) + llabs((int64_t)c);
    if (straight == 0 && crosswise == 0)
        return TYTO_TURN_NONE; /* no matrix at all */
    if (straight >= crosswise)
        return a >= 0 ? (d >= 0 ? TYTO_TURN_NONE : TYTO_TURN_UPSIDE_DOWN)
                      : (d >= 0 ? TYTO_TURN_MIRROR : TYTO_TURN_180);
    return b >= 0 ? (c >= 0 ? TYTO_TURN_TRANSPOSE : TYTO_TURN_RIGHT)
                  : (c >= 0 ? TYTO_TURN_LEFT : TYTO_TURN_TRANSVERSE);
}

bool tyto_turn_swaps(enum tyto_turn turn)
{
    return turn >= TYTO_TURN_TRANSPOSE;
}

/* Where the walk over the upright plane begins in the stored one, and its steps there. */
struct walk {
    ptrdiff_t begin, step_x, step_y;
};

static struct walk walk_of(enum tyto_turn turn, ptrdiff_t stride, ptrdiff_t width, ptrdiff_t height,
                           ptrdiff_t element)
{
    const ptrdiff_t right = (width - 1) * element, bottom = (height - 1) * stride;
    switch (turn) {
    case TYTO_TURN_NONE:
        break;
    case TYTO_TURN_MIRROR:
        return (struct walk){right, -element, stride};
    case TYTO_TURN_180:
        return (struct walk){right + bottom, -element, -stride};
    case TYTO_TURN_UPSIDE_DOWN:
        return (struct walk){bottom, element, -stride};
    case TYTO_TURN_TRANSPOSE:
        return (struct walk){0, stride, element};
    case TYTO_TURN_RIGHT:
        return (struct walk){bottom, -stride, element};
    case TYTO_TURN_TRANSVERSE:
        return (struct walk){right + bottom, -stride, -element};
    case TYTO_TURN_LEFT:
        return (struct walk){right, stride, -element};
    }
    return (struct walk){0, element, stride};
}

void tyto_turn_plane(const uint8_t *from, uint32_t stride_bytes, uint32_t width, uint32_t height,
                     uint32_t element_bytes, enum tyto_turn turn, uint8_t *to,
                     uint32_t to_stride_bytes)
{
    const struct walk walk = walk_of(turn, (ptrdiff_t)stride_bytes, (ptrdiff_t)width,
                                     (ptrdiff_t)height, (ptrdiff_t)element_bytes);
    const bool swaps = tyto_turn_swaps(turn);
    const uint32_t num_x = swaps ? height : width, num_y = swaps ? width : height;
    for (uint32_t y = 0; y < num_y; y++) {
        const uint8_t *at = from + walk.begin + (ptrdiff_t)y * walk.step_y;
        uint8_t *put = to + (size_t)y * to_stride_bytes;
        for (uint32_t x = 0; x < num_x; x++, at += walk.step_x, put += element_bytes) {
            for (uint32_t i = 0; i < element_bytes; i++)
                put[i] = at[i];
        }
    }
}

struct plane {
    uint32_t width, height, element_bytes;
};

static struct plane plane_of(const struct tyto_frame *frame, int idx)
{
    const uint32_t half_width = (frame->width + 1) / 2, half_height = (frame->height + 1) / 2;
    if (idx == 0)
        return (struct plane){frame->width, frame->height, frame->format == TYTO_PIXEL_RGB ? 3 : 1};
    if (frame->format == TYTO_PIXEL_I420)
        return (struct plane){half_width, half_height, 1};
    if (frame->format == TYTO_PIXEL_NV12 && idx == 1)
        return (struct plane){half_width, half_height, 2};
    return (struct plane){0, 0, 0};
}

void tyto_turn_frame(const struct tyto_frame *from, enum tyto_turn turn, uint8_t *const planes[3],
                     const uint32_t strides_bytes[3], struct tyto_frame *ret_frame)
{
    struct tyto_frame frame = *from;
    if (tyto_turn_swaps(turn)) {
        frame.width = from->height;
        frame.height = from->width;
    }
    for (int i = 0; i < 3; i++) {
        const struct plane plane = plane_of(from, i);
        frame.planes[i] = plane.width > 0 ? planes[i] : NULL;
        frame.strides_bytes[i] = plane.width > 0 ? strides_bytes[i] : 0;
        if (plane.width > 0)
            tyto_turn_plane(from->planes[i], from->strides_bytes[i], plane.width, plane.height,
                            plane.element_bytes, turn, planes[i], strides_bytes[i]);
    }
    *ret_frame = frame;
}

enum tyto_err tyto_turn_frame_copy(const struct tyto_frame *from, enum tyto_turn turn,
                                   void **ret_memory, struct tyto_frame *ret_frame)
{
    size_t offsets[3] = {0}, num_bytes = 0;
    uint32_t strides_bytes[3] = {0};
    for (int i = 0; i < 3; i++) {
        const struct plane plane = plane_of(from, i);
        const bool swaps = tyto_turn_swaps(turn);
        strides_bytes[i] = (swaps ? plane.height : plane.width) * plane.element_bytes;
        offsets[i] = num_bytes;
        num_bytes += (size_t)strides_bytes[i] * (swaps ? plane.width : plane.height);
    }
    uint8_t *memory = malloc(num_bytes);
    if (!memory)
        return TYTO_ERR_NOMEM;
    uint8_t *const planes[3] = {memory, memory + offsets[1], memory + offsets[2]};
    tyto_turn_frame(from, turn, planes, strides_bytes, ret_frame);
    *ret_memory = memory;
    return TYTO_OK;
}
