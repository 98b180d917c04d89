/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <string.h>

#include "shaders/window/window.h"

void tyto_window_ref(const struct tyto_window_shape *shape, const float *newest, float *ring,
                     const struct tyto_window_item *items, float *ret_out)
{
    const size_t num_segments = shape->num_segments;
    const size_t width = shape->width;

    memset(ret_out, 0, shape->batch * num_segments * width * sizeof(*ret_out));
    for (size_t b = 0; b < shape->batch; b++) {
        const struct tyto_window_item *item = &items[b];
        const size_t len = item->stream < shape->num_streams ? item->len : 1;
        float *mine =
            item->stream < shape->num_streams ? ring + item->stream * num_segments * width : NULL;

        for (size_t t = 0; t < len; t++) {
            const size_t from = (item->slot + num_segments - (len - 1 - t)) % num_segments;
            const float *row = t + 1 == len ? newest + b * width : mine + from * width;

            memcpy(ret_out + (b * num_segments + t) * width, row, width * sizeof(*row));
        }
        if (mine)
            memcpy(mine + item->slot * width, newest + b * width, width * sizeof(*newest));
    }
}
