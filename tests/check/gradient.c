/* SPDX-License-Identifier: MIT */
#include "tests/check/gradient.h"

#include <math.h>
#include <stdlib.h>

enum { MAX_TRIED = 64 };

static const double tolerance = 1e-3;
static const float step = 1.0f / 32;

static double value_at(const struct gradient *gradient, float *x, float shift)
{
    const float was = *x;
    double value = 0;

    *x = was + shift;
    value = gradient->value(gradient->user);
    *x = was;
    return value;
}

static double derivative(const struct gradient *gradient, float *x)
{
    const double near = value_at(gradient, x, step) - value_at(gradient, x, -step);
    const double far = value_at(gradient, x, 2 * step) - value_at(gradient, x, -2 * step);

    return (8 * near - far) / (12 * (double)step);
}

void check_gradient(struct check *check, const struct gradient *gradient, const char *of, float *x,
                    const float *got, size_t num)
{
    const size_t stride = num / MAX_TRIED + 1;
    double largest = 1e-3, worst = -1, worst_want = 0;
    size_t at = 0;

    for (size_t i = 0; i < num; i += stride) {
        const double want = derivative(gradient, &x[i]);
        const double error = isfinite(got[i]) ? fabs((double)got[i] - want) : INFINITY;

        largest = fmax(largest, fabs(want));
        if (error > worst) {
            worst = error;
            worst_want = want;
            at = i;
        }
    }
    check_error(check, worst, tolerance * largest, "%s: d/d%s[%zu] is %.9g, should be %.9g",
                gradient->sentence, of, at, (double)got[at], worst_want);
}

double gradient_dot(const float *a, const float *b, size_t num)
{
    double sum = 0;

    for (size_t i = 0; i < num; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

float *gradient_read(const struct tyto_buf *buf, size_t num)
{
    float *values = check_floats(num);

    check_must(tyto_buf_read(buf, 0, values, num * sizeof(*values)), "read");
    return values;
}
