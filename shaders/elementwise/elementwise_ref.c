/* SPDX-License-Identifier: MIT */
/* The truth for elementwise, in double. */
#include <math.h>

#include "shaders/elementwise/elementwise.h"

static double activate(const struct tyto_elementwise_shape *shape, double x)
{
    switch (shape->act) {
    case TYTO_ACT_RELU:
        return fmax(x, 0.0);
    case TYTO_ACT_RELU6:
        return fmin(fmax(x, 0.0), 6.0);
    case TYTO_ACT_LEAKY_RELU:
        return x < 0.0 ? x * (double)shape->act_slope : x;
    case TYTO_ACT_SIGMOID:
        return 1.0 / (1.0 + exp(-x));
    case TYTO_ACT_TANH:
        return tanh(x);
    case TYTO_ACT_HARD_SWISH:
        return x * fmin(fmax(x + 3.0, 0.0), 6.0) / 6.0;
    case TYTO_ACT_NONE:
    case TYTO_ACT_NUM:
    default:
        return x;
    }
}

void tyto_elementwise_ref(const struct tyto_elementwise_shape *shape, const float *a,
                          const float *b, const float *bias, double *out)
{
    for (uint32_t i = 0; i < shape->num; i++) {
        double x = (double)a[i];
        if (shape->op == TYTO_ELEMENTWISE_OP_ADD)
            x += (double)b[i];
        else if (shape->op == TYTO_ELEMENTWISE_OP_MUL)
            x *= (double)b[i / shape->item * shape->channels + i % shape->channels];
        else if (shape->op == TYTO_ELEMENTWISE_OP_SCALE)
            x = x * (double)b[i % shape->channels] + (double)bias[i % shape->channels];
        x = activate(shape, x);
        out[i] = shape->has_clamp_min ? fmax(x, (double)shape->clamp_min) : x;
    }
}
