/* SPDX-License-Identifier: MIT */
/* Gradients against central differences of a reference. The reference is smooth, so four points
 * a step apart leave little more than the rounding of its own outputs to f32. */
#ifndef TYTO_TESTS_GRADIENT_H
#define TYTO_TESTS_GRADIENT_H

#include "tests/check/check.h"

struct gradient {
    double (*value)(void *user); /* what is differentiated: a sum of outputs, weighed, in double */
    void *user;
    const char *sentence;
};

/* A case: got (num) is the derivative of value by x (num), which value reads; x comes back as it
 * was. At most 64 elements are tried, spread over all. Tolerance: 1e-3 of the largest derivative
 * tried. */
void check_gradient(struct check *check, const struct gradient *gradient, const char *of, float *x,
                    const float *got, size_t num);

/* The sum of a[i] b[i], in double. */
double gradient_dot(const float *a, const float *b, size_t num);

/* Reads a buffer into memory of its own, to be freed. */
float *gradient_read(const struct tyto_buf *buf, size_t num);

#endif
