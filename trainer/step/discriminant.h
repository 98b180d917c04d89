/* SPDX-License-Identifier: MIT */
/* How far features tell classes apart, as linear discriminant analysis sees it, and its gradient:
 * the generalised eigenvalues of the scatter between classes against that within. On the host, in
 * double: a small dense problem (width x width) for each step.
 *   within  = 1/N sum_i (x_i - m_c(i)) (x_i - m_c(i))' + regular I
 *   between = 1/N sum_c N_c (m_c - m) (m_c - m)'
 *   between v = lambda within v,  v' within v = 1
 *   value = the mean of the num_smallest smallest eigenvalues that are not 0: (classes - 1) at most
 *   d lambda / d x_i = 2/N (v'(m_c(i) - m) - lambda v'(x_i - m_c(i))) v
 * Dorfer et al., Deep Linear Discriminant Analysis, ICLR 2016. */
#ifndef TYTO_TRAINER_STEP_DISCRIMINANT_H
#define TYTO_TRAINER_STEP_DISCRIMINANT_H

#include <stdint.h>

#include "base/err.h"

#define TYTO_DISCRIMINANT_NONE UINT32_MAX /* a row without a class: left out */

struct tyto_discriminant_params {
    uint32_t num_rows, width;
    const uint32_t *classes; /* (num_rows): any numbers below num_classes, or NONE */
    uint32_t num_classes;
    double regular;        /* above 0: added to the scatter within */
    uint32_t num_smallest; /* 0: those within 1 of the smallest, as in the paper */
};

/* x (num_rows, width). *ret_value and ret_grads (num_rows, width), its derivative by x; both 0 when
 * there are fewer than two classes of rows. INVALID when x is not finite, NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_discriminant(const struct tyto_discriminant_params *params, const float *x,
                                double *ret_value, double *ret_grads);

#endif
