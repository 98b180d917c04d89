/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>

#include "shaders/lstm_sentinel/lstm_sentinel.h"

static double sigmoid(double v)
{
    return 1.0 / (1.0 + exp(-v));
}

/* state: h before, h after, cell; D each. */
static void step(size_t n, const float *x, const float *hidden, const float *gate, double *state)
{
    const double *before = state;
    double *after = state + n;
    double *cell = state + 2 * n;
    double *sentinel = state + 3 * n;

    for (size_t j = 0; j < n; j++) {
        double acc[5];
        double seen = 0.0;

        for (size_t q = 0; q < 5; q++) {
            const float *w = q < 4 ? hidden + (q * n + j) * n : gate + j * n;

            acc[q] = x[q * n + j];
            for (size_t k = 0; k < n; k++)
                acc[q] += w[k] * before[k];
        }
        cell[j] = sigmoid(acc[1]) * cell[j] + sigmoid(acc[0]) * tanh(acc[2]);
        seen = tanh(cell[j]);
        after[j] = sigmoid(acc[3]) * seen;
        sentinel[j] = sigmoid(acc[4]) * seen;
    }
}

bool tyto_lstm_sentinel_ref(const struct tyto_lstm_sentinel_shape *shape, const float *x,
                            const float *hidden, const float *gate, float *ret_h, float *ret_s)
{
    const size_t n = shape->width;
    double *state = calloc(4 * n, sizeof(*state));

    if (!state)
        return false;
    for (size_t b = 0; b < shape->batch; b++) {
        for (size_t i = 0; i < 4 * n; i++)
            state[i] = 0.0;
        for (size_t t = 0; t < shape->num_segments; t++) {
            const size_t row = b * shape->num_segments + t;

            step(n, x + row * shape->in_stride + shape->in_offset, hidden, gate, state);
            for (size_t j = 0; j < n; j++) {
                state[j] = state[n + j];
                ret_h[row * n + j] = (float)state[n + j];
                ret_s[row * n + j] = (float)state[3 * n + j];
            }
        }
    }
    free(state);
    return true;
}
