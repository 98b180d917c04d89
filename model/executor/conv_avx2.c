/* SPDX-License-Identifier: MIT */
/* out[row][o] = bias[o] + sum over taps and channels of in[row's place under the tap][c] * w.
 * Weights lie in panels of 16 outputs, (O/16, taps, C, 16). A part is 48 rows (places of the
 * output), which stay in the second-level cache while all panels pass over them; 6 rows by 16
 * outputs are held in 12 registers. A tap in the padding reads zeros. */
#include "model/executor/conv_avx2.h"

#include <stdlib.h>
#include <string.h>

enum {
    ROWS = 6,       /* of one register block */
    PANEL = 16,     /* outputs of one register block */
    PART_ROWS = 48, /* a multiple of ROWS */
    MAX_TAPS = 25,
    MIN_CHANNELS = 3, /* fewer: XNNPACK is as fast */
    MIN_OUTPUTS = 8,
};

struct tyto_conv_avx2 {
    struct tyto_value in, out;
    uint32_t kernel_h, kernel_w, stride_h, stride_w, pad_top, pad_left;
    uint32_t num_taps, num_panels;
    bool plain; /* one tap, no stride, no padding: rows lie one after the other */
    float lo, hi;
    float *weight; /* (num_panels, num_taps, C, PANEL) */
    float *bias;   /* (num_panels, PANEL) */
    float *zeros;  /* (C), under taps in the padding */
};

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

#define TYTO_AVX2 __attribute__((target("avx2,fma")))

bool tyto_conv_avx2_suits(const struct tyto_graph *graph, const struct tyto_layer *layer)
{
    const uint32_t in_c = graph->values[layer->in_idx[0]].c;
    const uint32_t out_c = graph->values[layer->out_idx].c;
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           !__builtin_cpu_supports("avx512f") && layer->op == TYTO_LAYER_CONV &&
           in_c >= MIN_CHANNELS && out_c >= MIN_OUTPUTS &&
           (uint64_t)layer->kernel_h * layer->kernel_w <= MAX_TAPS;
}

/* One row of the register block: two accumulators, 16 outputs. */
#define ROW_BEGIN(r) __m256 sum##r##0 = bias0, sum##r##1 = bias1;
#define ROW_TAP(r) const float *in##r = rows[tap * ROWS + r];
#define ROW_STEP(r)                                                                                \
    {                                                                                              \
        const __m256 x = _mm256_broadcast_ss(in##r + c);                                           \
        sum##r##0 = _mm256_fmadd_ps(x, weight0, sum##r##0);                                        \
        sum##r##1 = _mm256_fmadd_ps(x, weight1, sum##r##1);                                        \
    }
#define ROW_END(r)                                                                                 \
    _mm256_storeu_ps(out + (r)*stride, _mm256_min_ps(_mm256_max_ps(sum##r##0, lo), hi));           \
    _mm256_storeu_ps(out + (r)*stride + 8, _mm256_min_ps(_mm256_max_ps(sum##r##1, lo), hi));
#define EACH_ROW(X) X(0) X(1) X(2) X(3) X(4) X(5)

/* out (ROWS, PANEL) of one panel, rows stride apart; rows (num_taps, ROWS) are where each row's
 * channels lie. */
TYTO_AVX2
static void run_block(const struct tyto_conv_avx2 *conv, const float *const *rows, uint32_t panel,
                      float *out, size_t stride)
{
    const uint32_t num_taps = conv->num_taps, num_channels = conv->in.c;
    const float *weight = conv->weight + (size_t)panel * num_taps * num_channels * PANEL;
    const __m256 bias0 = _mm256_loadu_ps(conv->bias + (size_t)panel * PANEL);
    const __m256 bias1 = _mm256_loadu_ps(conv->bias + (size_t)panel * PANEL + 8);
    const __m256 lo = _mm256_set1_ps(conv->lo), hi = _mm256_set1_ps(conv->hi);
    EACH_ROW(ROW_BEGIN)
    for (uint32_t tap = 0; tap < num_taps; tap++) {
        EACH_ROW(ROW_TAP)
        for (size_t c = 0; c < num_channels; c++) {
            const __m256 weight0 = _mm256_loadu_ps(weight), weight1 = _mm256_loadu_ps(weight + 8);
            weight += PANEL;
            EACH_ROW(ROW_STEP)
        }
    }
    EACH_ROW(ROW_END)
}
#else
bool tyto_conv_avx2_suits(const struct tyto_graph *graph, const struct tyto_layer *layer)
{
    (void)graph;
    (void)layer;
    return false;
}

static void run_block(const struct tyto_conv_avx2 *conv, const float *const *rows, uint32_t panel,
                      float *out, size_t stride)
{
    (void)conv;
    (void)rows;
    (void)panel;
    (void)out;
    (void)stride;
}
#endif

/* Where the channels under each tap lie for the output place `row` of the batch. */
static void find_row(const struct tyto_conv_avx2 *conv, const float *in, uint64_t row,
                     const float **ret_taps /* each ROWS apart */)
{
    if (conv->plain) {
        ret_taps[0] = in + row * conv->in.c;
        return;
    }
    const uint64_t places = (uint64_t)conv->out.h * conv->out.w;
    const uint32_t place = (uint32_t)(row % places);
    const int64_t top = (int64_t)(place / conv->out.w) * conv->stride_h - conv->pad_top;
    const int64_t left = (int64_t)(place % conv->out.w) * conv->stride_w - conv->pad_left;
    const float *image = in + row / places * conv->in.h * conv->in.w * conv->in.c;
    for (uint32_t y = 0; y < conv->kernel_h; y++)
        for (uint32_t x = 0; x < conv->kernel_w; x++, ret_taps += ROWS) {
            const int64_t in_y = top + y, in_x = left + x;
            const bool inside = in_y >= 0 && in_y < conv->in.h && in_x >= 0 && in_x < conv->in.w;
            *ret_taps = inside ? image + (in_y * conv->in.w + in_x) * conv->in.c : conv->zeros;
        }
}

static void run_panel(const struct tyto_conv_avx2 *conv, const float *const *rows,
                      uint32_t num_rows, uint32_t panel, float *out)
{
    const uint32_t out_c = conv->out.c, first = panel * PANEL;
    const uint32_t num = out_c - first < PANEL ? out_c - first : PANEL;
    for (uint32_t row = 0; row < num_rows; row += ROWS) {
        const float *const *from = rows + (size_t)row * conv->num_taps;
        if (num == PANEL && row + ROWS <= num_rows) {
            run_block(conv, from, panel, out + (size_t)row * out_c + first, out_c);
            continue;
        }
        float block[ROWS * PANEL];
        run_block(conv, from, panel, block, PANEL);
        for (uint32_t r = 0; r < ROWS && row + r < num_rows; r++)
            memcpy(out + (size_t)(row + r) * out_c + first, block + (size_t)r * PANEL,
                   num * sizeof(float));
    }
}

uint32_t tyto_conv_avx2_num_parts(const struct tyto_conv_avx2 *conv, uint32_t batch)
{
    const uint64_t num_rows = (uint64_t)batch * conv->out.h * conv->out.w;
    return (uint32_t)((num_rows + PART_ROWS - 1) / PART_ROWS);
}

void tyto_conv_avx2_run_part(const struct tyto_conv_avx2 *conv, const float *in, float *out,
                             uint32_t batch, uint32_t part_idx)
{
    const float *rows[PART_ROWS * MAX_TAPS];
    const uint64_t all_rows = (uint64_t)batch * conv->out.h * conv->out.w;
    const uint64_t first = (uint64_t)part_idx * PART_ROWS;
    const uint32_t num_rows =
        all_rows - first < PART_ROWS ? (uint32_t)(all_rows - first) : PART_ROWS;
    const uint32_t num_blocks = (num_rows + ROWS - 1) / ROWS;
    for (uint32_t row = 0; row < num_blocks * ROWS; row++) {
        /* The last block is filled up with its last row, whose results are dropped. */
        const uint32_t used = row < num_rows ? row : num_rows - 1;
        find_row(conv, in, first + used,
                 rows + (size_t)(row / ROWS) * ROWS * conv->num_taps + row % ROWS);
    }
    for (uint32_t panel = 0; panel < conv->num_panels; panel++)
        run_panel(conv, rows, num_rows, panel, out + first * conv->out.c);
}

static void pack(const struct tyto_conv_avx2 *conv, const struct tyto_layer *layer)
{
    const size_t row = (size_t)conv->num_taps * conv->in.c;
    for (uint32_t o = 0; o < conv->out.c; o++) {
        float *panel = conv->weight + (size_t)(o / PANEL) * row * PANEL;
        for (size_t k = 0; k < row; k++)
            panel[k * PANEL + o % PANEL] = layer->weight[o * row + k];
        conv->bias[o] = layer->bias[o];
    }
}

enum tyto_err tyto_conv_avx2_create(const struct tyto_graph *graph, const struct tyto_layer *layer,
                                    float lo, float hi, struct tyto_conv_avx2 **ret_conv)
{
    struct tyto_conv_avx2 *conv = calloc(1, sizeof(*conv));
    if (!conv)
        return TYTO_ERR_NOMEM;
    *conv = (struct tyto_conv_avx2){.in = graph->values[layer->in_idx[0]],
                                    .out = graph->values[layer->out_idx],
                                    .kernel_h = layer->kernel_h,
                                    .kernel_w = layer->kernel_w,
                                    .stride_h = layer->stride_h,
                                    .stride_w = layer->stride_w,
                                    .pad_top = layer->pad_top,
                                    .pad_left = layer->pad_left,
                                    .num_taps = layer->kernel_h * layer->kernel_w,
                                    .lo = lo,
                                    .hi = hi};
    conv->num_panels = (conv->out.c + PANEL - 1) / PANEL;
    conv->plain = conv->num_taps == 1 && conv->stride_h == 1 && conv->stride_w == 1 &&
                  !layer->pad_top && !layer->pad_left && !layer->pad_bottom && !layer->pad_right;
    const size_t num_outputs = (size_t)conv->num_panels * PANEL;
    conv->weight = calloc(num_outputs * conv->num_taps * conv->in.c, sizeof(float));
    conv->bias = calloc(num_outputs, sizeof(float));
    conv->zeros = calloc(conv->in.c, sizeof(float));
    if (!conv->weight || !conv->bias || !conv->zeros) {
        tyto_conv_avx2_destroy(&conv);
        return TYTO_ERR_NOMEM;
    }
    pack(conv, layer);
    *ret_conv = conv;
    return TYTO_OK;
}

void tyto_conv_avx2_destroy(struct tyto_conv_avx2 **conv)
{
    if (!*conv)
        return;
    free((*conv)->weight);
    free((*conv)->bias);
    free((*conv)->zeros);
    free(*conv);
    *conv = NULL;
}
