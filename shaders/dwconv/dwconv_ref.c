/* SPDX-License-Identifier: MIT */
#include "shaders/dwconv/dwconv.h"
#include "shaders/gemm/gemm.h"

static double sum_at(const struct tyto_dwconv_ref_args *args, size_t b, size_t oy, size_t ox,
                     size_t c)
{
    const struct tyto_dwconv_shape *s = &args->shape;
    double sum = args->bias ? (double)args->bias[c] : 0;

    for (size_t i = 0; i < s->kernel_h; i++) {
        for (size_t j = 0; j < s->kernel_w; j++) {
            size_t y = oy * s->stride_h + i - s->pad_top; /* wraps to huge when negative */
            size_t x = ox * s->stride_w + j - s->pad_left;

            if (y < s->in_h && x < s->in_w)
                sum += (double)args->x[((b * s->in_h + y) * s->in_w + x) * s->channels + c] *
                       (double)args->weight[(i * s->kernel_w + j) * s->channels + c];
        }
    }
    return sum;
}

void tyto_dwconv_ref(const struct tyto_dwconv_ref_args *args, float *ret_y)
{
    const struct tyto_dwconv_shape *s = &args->shape;

    for (size_t b = 0; b < args->num_batches; b++) {
        for (size_t oy = 0; oy < s->out_h; oy++) {
            for (size_t ox = 0; ox < s->out_w; ox++) {
                size_t at = ((b * s->out_h + oy) * s->out_w + ox) * s->channels;

                for (size_t c = 0; c < s->channels; c++) {
                    double sum = tyto_act_ref(args->act, (double)args->act_slope,
                                              sum_at(args, b, oy, ox, c));

                    if (args->has_clamp_min && sum < (double)args->clamp_min)
                        sum = (double)args->clamp_min;
                    ret_y[at + c] = (float)sum;
                }
            }
        }
    }
}
