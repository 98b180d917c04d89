/* SPDX-License-Identifier: MIT */
/* Tiles of 6 rows and 16 columns stay in 12 registers while k runs; weights lie in
 * panels of 16 columns. */
#include "model/pointwise_cpu.h"

#include <stdlib.h>
#include <string.h>

#include "model/simd.h"

enum { ROWS = 6, LANES = 8, PANEL = 2 * LANES, BLOCK_ROWS = 16 * ROWS, ALIGN_BYTES = 64 };
typedef float vec8 __attribute__((vector_size(32), aligned(4), may_alias));

struct tyto_pointwise_cpu {
    uint32_t n, k, num_panels;
    float lo, hi;
    float *panels; /* owned (num_panels, 1 + k, PANEL): bias, then weights */
};

bool tyto_pointwise_cpu_is_faster(void)
{
#ifdef TYTO_HAS_SIMD
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           !__builtin_cpu_supports("avx512f");
#else
    return false;
#endif
}

/* One tile of R rows; R is a constant at every call, so that sums live in registers. */
static inline __attribute__((always_inline)) void tile(const struct tyto_pointwise_cpu *op,
                                                       const float *panel, const float *x, float *y,
                                                       uint32_t num_cols, const int R)
{
    const size_t k = op->k, n = op->n;
    const float lo = op->lo, hi = op->hi;
    const vec8 *w = (const vec8 *)panel;
    vec8 sums[ROWS][2];

    for (int r = 0; r < R; r++) {
        sums[r][0] = w[0];
        sums[r][1] = w[1];
    }
    for (size_t i = 0; i < k; i++) {
        w += 2;
        const vec8 w0 = w[0], w1 = w[1];
        for (int r = 0; r < R; r++) {
            const float level = x[(size_t)r * k + i];
            sums[r][0] += level * w0;
            sums[r][1] += level * w1;
        }
    }
    for (int r = 0; r < R; r++) {
        float row[PANEL];
        memcpy(row, sums[r], sizeof(row));
        for (int c = 0; c < PANEL; c++) {
            row[c] = row[c] > lo ? row[c] : lo;
            row[c] = row[c] < hi ? row[c] : hi;
        }
        if (num_cols == PANEL)
            memcpy(y + (size_t)r * n, row, sizeof(row));
        else
            memcpy(y + (size_t)r * n, row, num_cols * sizeof(*row));
    }
}

TYTO_SIMD
static void run_block(const struct tyto_pointwise_cpu *op, const float *x, float *y, uint64_t m)
{
    const size_t k = op->k, n = op->n;

    for (uint32_t p = 0; p < op->num_panels; p++) {
        const float *panel = op->panels + (size_t)p * (k + 1) * PANEL;
        const uint32_t left = op->n - p * PANEL, num_cols = left < PANEL ? left : PANEL;
        float *to = y + (size_t)p * PANEL;
        uint64_t row = 0;
        for (; row + ROWS <= m; row += ROWS)
            tile(op, panel, x + row * k, to + row * n, num_cols, ROWS);
        if (row == m)
            continue;
        if (m >= ROWS) { /* some rows once more: the same result */
            tile(op, panel, x + (m - ROWS) * k, to + (m - ROWS) * n, num_cols, ROWS);
            continue;
        }
        for (; row < m; row++)
            tile(op, panel, x + row * k, to + row * n, num_cols, 1);
    }
}

void tyto_pointwise_cpu_run(const struct tyto_pointwise_cpu *op, const float *x, float *y,
                            uint64_t m)
{
    /* Rows in blocks that the cache holds, each with all panels. */
    while (m > 0) {
        const uint64_t num = m < 2 * BLOCK_ROWS ? m : BLOCK_ROWS;
        run_block(op, x, y, num);
        x += num * op->k;
        y += num * op->n;
        m -= num;
    }
}

enum tyto_err tyto_pointwise_cpu_create(const float *weight, const float *bias, uint32_t n,
                                        uint32_t k, float lo, float hi,
                                        struct tyto_pointwise_cpu **ret_op)
{
    struct tyto_pointwise_cpu *op = calloc(1, sizeof(*op));
    if (!op)
        return TYTO_ERR_NOMEM;
    op->n = n;
    op->k = k;
    op->lo = lo;
    op->hi = hi;
    op->num_panels = (n + PANEL - 1) / PANEL;
    const size_t bytes = (size_t)op->num_panels * ((size_t)k + 1) * PANEL * sizeof(float);
    op->panels = aligned_alloc(ALIGN_BYTES, bytes);
    if (!op->panels) {
        tyto_pointwise_cpu_destroy(&op);
        return TYTO_ERR_NOMEM;
    }
    for (uint32_t p = 0; p < op->num_panels; p++)
        for (uint32_t c = 0; c < PANEL; c++) {
            float *at = op->panels + (size_t)p * (k + 1) * PANEL + c;
            const uint32_t column = p * PANEL + c;
            const bool used = column < n;
            *at = used && bias ? bias[column] : 0.0f;
            for (uint32_t i = 0; i < k; i++)
                at[(size_t)(i + 1) * PANEL] = used ? weight[(size_t)column * k + i] : 0.0f;
        }
    *ret_op = op;
    return TYTO_OK;
}

void tyto_pointwise_cpu_destroy(struct tyto_pointwise_cpu **op)
{
    if (!op || !*op)
        return;
    free((*op)->panels);
    free(*op);
    *op = NULL;
}
