/* SPDX-License-Identifier: MIT */
#include <stddef.h>

#include "shaders/row_gather/row_gather.h"

void tyto_row_gather_ref(const struct tyto_row_gather_shape *shape, const float *in,
                         const uint32_t *rows, float *ret_out)
{
    for (size_t b = 0; b < shape->batch; b++)
        for (size_t c = 0; c < shape->out_width; c++) {
            const int there = rows[b] < shape->num_rows && c < shape->in_width;

            ret_out[b * shape->out_width + c] =
                there ? in[rows[b] * (size_t)shape->in_width + c] : 0.0f;
        }
}
