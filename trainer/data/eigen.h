/* SPDX-License-Identifier: MIT */
/* Linear algebra by LAPACK and BLAS, each in one call: the only file that knows them. Matrices are
 * row-major. Any thread. */
#ifndef TYTO_TRAINER_DATA_EIGEN_H
#define TYTO_TRAINER_DATA_EIGEN_H

#include <stdint.h>

#include "base/err.h"

/* Symmetric a (n, n), of which the lower half is read, becomes its eigenvectors: row i belongs to
 * values[i], values descending. INVALID when a number is not finite, NOMEM. */
TYTO_MUST_CHECK
enum tyto_err tyto_eigen_symmetric(uint32_t n, double *a, double *ret_values);
/* a x = lambda b x, a symmetric, b symmetric positive definite; both are overwritten. Rows of a
 * become the eigenvectors x (x' b x = 1), values descending. INVALID when b is not definite. */
TYTO_MUST_CHECK
enum tyto_err tyto_eigen_definite(uint32_t n, double *a, double *b, double *ret_values);
/* c (m, n) = a (m, k) b' with b (n, k), plus beta c. */
void tyto_eigen_product(uint32_t m, uint32_t n, uint32_t k, const float *a, const float *b,
                        float beta, float *c);
/* The lower half of c (n, n) += a' a with a (m, n). */
void tyto_eigen_gram(uint32_t m, uint32_t n, const double *a, double *c);

#endif
