/* SPDX-License-Identifier: MIT */
#include "trainer/data/eigen.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdbool.h>

/* LAPACK is column-major: its upper half is our lower one, its columns are our rows. */

/* One thread: other numbers of them round otherwise, and OpenBLAS's wait for each other by
 * spinning, which takes minutes instead of seconds on a machine that has other work. */
static void use_one_thread(void)
{
    openblas_set_num_threads(1);
}

static bool is_finite(uint32_t n, const double *a)
{
    for (uint32_t row = 0; row < n; row++) {
        for (uint32_t col = 0; col <= row; col++) {
            if (!isfinite(a[(size_t)row * n + col]))
                return false;
        }
    }
    return true;
}

/* LAPACK's values ascend. Of the two signs of a vector the one counts by which its largest
 * component is positive. */
static void put_in_order(uint32_t n, double *a, double *values)
{
    for (uint32_t low = 0, high = n - 1; low < high; low++, high--) {
        cblas_dswap((int)n, a + (size_t)low * n, 1, a + (size_t)high * n, 1);
        const double value = values[low];
        values[low] = values[high];
        values[high] = value;
    }
    for (uint32_t row = 0; row < n; row++) {
        double *vector = a + (size_t)row * n;
        if (vector[cblas_idamax((int)n, vector, 1)] < 0)
            cblas_dscal((int)n, -1, vector, 1);
    }
}

enum tyto_err tyto_eigen_symmetric(uint32_t n, double *a, double *ret_values)
{
    if (n == 0 || n > INT32_MAX || !is_finite(n, a))
        return TYTO_ERR_INVALID;
    use_one_thread();
    const int info =
        LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'V', 'U', (lapack_int)n, a, (lapack_int)n, ret_values);
    if (info == LAPACK_WORK_MEMORY_ERROR || info == LAPACK_TRANSPOSE_MEMORY_ERROR)
        return TYTO_ERR_NOMEM;
    if (info != 0)
        return TYTO_ERR_INVALID;
    put_in_order(n, a, ret_values);
    return TYTO_OK;
}

enum tyto_err tyto_eigen_definite(uint32_t n, double *a, double *b, double *ret_values)
{
    if (n == 0 || n > INT32_MAX || !is_finite(n, a) || !is_finite(n, b))
        return TYTO_ERR_INVALID;
    use_one_thread();
    const int info = LAPACKE_dsygvd(LAPACK_COL_MAJOR, 1, 'V', 'U', (lapack_int)n, a, (lapack_int)n,
                                    b, (lapack_int)n, ret_values);
    if (info == LAPACK_WORK_MEMORY_ERROR || info == LAPACK_TRANSPOSE_MEMORY_ERROR)
        return TYTO_ERR_NOMEM;
    if (info != 0)
        return TYTO_ERR_INVALID;
    put_in_order(n, a, ret_values);
    return TYTO_OK;
}

void tyto_eigen_product(uint32_t m, uint32_t n, uint32_t k, const float *a, const float *b,
                        float beta, float *c)
{
    use_one_thread();
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)m, (int)n, (int)k, 1, a, (int)k, b,
                (int)k, beta, c, (int)n);
}

void tyto_eigen_gram(uint32_t m, uint32_t n, const double *a, double *c)
{
    use_one_thread();
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, (int)n, (int)m, 1, a, (int)n, 1, c, (int)n);
}
