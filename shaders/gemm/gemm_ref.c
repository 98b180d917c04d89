/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "shaders/gemm/gemm.h"

double tyto_act_ref(enum tyto_act act, double slope, double x)
{
    switch (act) {
    case TYTO_ACT_RELU:
        return x > 0 ? x : 0;
    case TYTO_ACT_RELU6:
        return x < 0 ? 0 : (x > 6 ? 6 : x);
    case TYTO_ACT_LEAKY_RELU:
        return x > 0 ? x : slope * x;
    case TYTO_ACT_SIGMOID:
        return 1 / (1 + exp(-x));
    case TYTO_ACT_TANH:
        return tanh(x);
    case TYTO_ACT_HARD_SWISH:
        return x * (x < -3 ? 0 : x > 3 ? 6 : x + 3) / 6;
    case TYTO_ACT_NONE:
    case TYTO_ACT_NUM:
        break;
    }
    return x;
}

void tyto_gemm_ref(const struct tyto_gemm_ref_args *args, float *ret_y)
{
    for (size_t m = 0; m < args->m; m++) {
        for (size_t n = 0; n < args->n; n++) {
            double sum = args->bias ? (double)args->bias[n] : 0;

            for (size_t k = 0; k < args->k; k++)
                sum += (double)args->x[m * args->k + k] * (double)args->weight[n * args->k + k];
            if (args->residual)
                sum += (double)args->residual[m * args->n + n];
            sum = tyto_act_ref(args->act, (double)args->act_slope, sum);
            if (args->has_clamp_min && sum < (double)args->clamp_min)
                sum = (double)args->clamp_min;
            ret_y[m * args->n + n] = (float)sum;
        }
    }
}
