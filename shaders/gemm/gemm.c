/* SPDX-License-Identifier: MIT */
#include "shaders/gemm/gemm.h"

#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "shaders/gemm/gemm_shape.h"
#include "shaders/gemm_big_spv.h"
#include "shaders/gemm_group_spv.h"
#include "shaders/gemm_scalar_spv.h"
#include "shaders/gemm_spv.h"
#include "shaders/gemm_store64_spv.h"
#include "shaders/gemm_wide_store64_spv.h"
#include "shaders/variants.h"

/* Below, a GPU of a hundred and more cores would be half empty with tiles of 64 x 64. */
enum { BIG_MIN_GROUPS = 400 };

struct tyto_gemm {
    struct tyto_variants variants;
};

struct tyto_gemm_weights {
    struct tyto_buf *panels, *bias; /* owned; bias NULL: none */
    enum tyto_weight_type type;
    uint32_t n, k;
};

enum tyto_err tyto_gemm_create(struct tyto_gpu *gpu, struct tyto_gemm **ret_gemm)
{
    struct tyto_gemm *gemm = calloc(1, sizeof(*gemm));

    if (!gemm)
        return TYTO_ERR_NOMEM;
    tyto_variants_init(&gemm->variants, gpu);
    *ret_gemm = gemm;
    return TYTO_OK;
}

void tyto_gemm_destroy(struct tyto_gemm **gemm_ptr)
{
    struct tyto_gemm *gemm = gemm_ptr ? *gemm_ptr : NULL;

    if (!gemm)
        return;
    *gemm_ptr = NULL;
    tyto_variants_finish(&gemm->variants);
    free(gemm);
}

/* --- weights -------------------------------------------------------------------- */

static uint64_t round_up(uint64_t value, uint64_t unit)
{
    return (value + unit - 1) / unit * unit;
}

static void put(void *panels, enum tyto_weight_type type, size_t at, float value)
{
    if (type == TYTO_WEIGHT_F16)
        ((uint16_t *)panels)[at] = tyto_half_from_f32(value);
    else
        ((float *)panels)[at] = value;
}

/* weight (n, k) -> panels [n/32][k][32] */
static void pack(const float *weight, uint32_t n, uint32_t k, enum tyto_weight_type type,
                 void *panels)
{
    size_t padded_k = round_up(k, 4);

    for (size_t col = 0; col < n; col++) {
        size_t panel = col / GEMM_PANEL * padded_k * GEMM_PANEL + col % GEMM_PANEL;

        for (size_t i = 0; i < k; i++)
            put(panels, type, panel + i * GEMM_PANEL, weight[col * k + i]);
    }
}

static enum tyto_err upload(struct tyto_gpu *gpu, const void *data, uint64_t size_bytes,
                            struct tyto_buf **ret_buf)
{
    enum tyto_err err = tyto_buf_create(gpu, TYTO_BUF_DEVICE, size_bytes, ret_buf);

    if (err)
        return err;
    return tyto_buf_write(*ret_buf, 0, data, size_bytes);
}

static enum tyto_err fill_weights(struct tyto_gpu *gpu, struct tyto_gemm_weights *weights,
                                  const float *weight, const float *bias)
{
    uint64_t padded_n = round_up(weights->n, GEMM_PANEL);
    uint64_t num = padded_n * round_up(weights->k, 4);
    uint64_t item_bytes = weights->type == TYTO_WEIGHT_F16 ? 2 : 4;
    void *panels = calloc(num, item_bytes);
    float *padded_bias = calloc(padded_n, sizeof(*padded_bias));
    enum tyto_err err = panels && padded_bias ? TYTO_OK : TYTO_ERR_NOMEM;

    if (!err) {
        pack(weight, weights->n, weights->k, weights->type, panels);
        err = upload(gpu, panels, num * item_bytes, &weights->panels);
    }
    if (!err && bias) {
        memcpy(padded_bias, bias, weights->n * sizeof(*bias));
        err = upload(gpu, padded_bias, padded_n * sizeof(*bias), &weights->bias);
    }
    free(padded_bias);
    free(panels);
    return err;
}

enum tyto_err tyto_gemm_weights_create(struct tyto_gpu *gpu, enum tyto_weight_type type,
                                       const float *weight, const float *bias, uint32_t n,
                                       uint32_t k, struct tyto_gemm_weights **ret_weights)
{
    struct tyto_gemm_weights *weights = NULL;
    enum tyto_err err = TYTO_OK;

    if (n == 0 || k == 0 || n > GEMM_MAX_DIM || k > GEMM_MAX_K ||
        round_up(n, GEMM_PANEL) / 4 * round_up(k, 4) > tyto_gpu_get_info(gpu)->max_texel_elements)
        return TYTO_ERR_SHAPE;
    weights = calloc(1, sizeof(*weights));
    if (!weights)
        return TYTO_ERR_NOMEM;
    weights->type = type;
    weights->n = n;
    weights->k = k;
    err = fill_weights(gpu, weights, weight, bias);
    if (err) {
        tyto_gemm_weights_destroy(&weights);
        return err;
    }
    *ret_weights = weights;
    return TYTO_OK;
}

void tyto_gemm_weights_destroy(struct tyto_gemm_weights **weights_ptr)
{
    struct tyto_gemm_weights *weights = weights_ptr ? *weights_ptr : NULL;

    if (!weights)
        return;
    *weights_ptr = NULL;
    tyto_buf_destroy(&weights->panels);
    tyto_buf_destroy(&weights->bias);
    free(weights);
}

const struct tyto_buf *tyto_gemm_weights_panels(const struct tyto_gemm_weights *weights)
{
    return weights->panels;
}

const struct tyto_buf *tyto_gemm_weights_bias(const struct tyto_gemm_weights *weights)
{
    return weights->bias;
}

uint32_t tyto_gemm_weights_n(const struct tyto_gemm_weights *weights)
{
    return weights->n;
}

uint32_t tyto_gemm_weights_k(const struct tyto_gemm_weights *weights)
{
    return weights->k;
}

enum tyto_bind_kind tyto_gemm_weights_bind_kind(const struct tyto_gemm_weights *weights)
{
    return weights->type == TYTO_WEIGHT_F16 ? TYTO_BIND_TEXEL_RGBA16F : TYTO_BIND_TEXEL_RGBA32F;
}

/* --- recording ------------------------------------------------------------------ */

bool tyto_gemm_shuffles(const struct tyto_gpu *gpu)
{
    return tyto_gpu_get_info(gpu)->subgroup_size >= GEMM_LANES;
}

bool tyto_gemm_stores_wide(const struct tyto_gpu *gpu, uint64_t offset, uint64_t row)
{
    return tyto_gemm_stores_pairs(gpu) && tyto_gemm_shuffles(gpu) && offset % 8 == 0 &&
           row % 8 == 0;
}

bool tyto_gemm_stores_pairs(const struct tyto_gpu *gpu)
{
    const struct tyto_gpu_info *info = tyto_gpu_get_info(gpu);

    return !info->wants_groups && info->int64;
}

static uint32_t divide_up(uint32_t value, uint32_t unit)
{
    return (value + unit - 1) / unit;
}

struct tyto_gemm_tile tyto_gemm_tile_of(uint32_t m, uint32_t n, uint32_t num_batches)
{
    const struct tyto_gemm_tile small = {GEMM_GROUP_ROWS(GEMM_SMALL_LANE_ROWS),
                                         GEMM_SMALL_LANE_ROWS, GEMM_SMALL_PANELS * GEMM_PANEL,
                                         false};
    const struct tyto_gemm_tile big = {GEMM_GROUP_ROWS(GEMM_BIG_LANE_ROWS), GEMM_BIG_LANE_ROWS,
                                       GEMM_BIG_PANELS * GEMM_PANEL, true};
    const uint64_t num_groups =
        (uint64_t)divide_up(m, big.rows) * divide_up(n, big.cols) * num_batches;

    return num_groups >= BIG_MIN_GROUPS ? big : small;
}

static enum tyto_err get_kernel(struct tyto_gemm *gemm, const struct tyto_gemm_weights *weights,
                                bool scalar, bool wide, bool big, const uint32_t spec[4],
                                const struct tyto_kernel **ret_kernel)
{
    const enum tyto_bind_kind texel = scalar ? TYTO_BIND_TEXEL_R32F : TYTO_BIND_TEXEL_RGBA32F;
    const enum tyto_bind_kind binds[] = {texel, tyto_gemm_weights_bind_kind(weights),
                                         TYTO_BIND_TEXEL_RGBA32F, texel, TYTO_BIND_STORAGE};
    struct tyto_kernel_params params = {.name = "gemm",
                                        .spirv = gemm_spv,
                                        .spirv_bytes = sizeof(gemm_spv),
                                        .binds = binds,
                                        .num_binds = 5,
                                        .push_bytes = sizeof(struct gemm_push),
                                        .spec = spec,
                                        .num_spec = 4};

    if (scalar) {
        params.spirv = gemm_scalar_spv;
        params.spirv_bytes = sizeof(gemm_scalar_spv);
    } else if (big) {
        params.spirv = gemm_big_spv;
        params.spirv_bytes = sizeof(gemm_big_spv);
    } else if (tyto_gpu_get_info(gemm->variants.gpu)->wants_groups) {
        params.spirv = gemm_group_spv;
        params.spirv_bytes = sizeof(gemm_group_spv);
    } else if (wide) {
        params.spirv = gemm_wide_store64_spv;
        params.spirv_bytes = sizeof(gemm_wide_store64_spv);
    } else if (tyto_gemm_stores_pairs(gemm->variants.gpu)) {
        params.spirv = gemm_store64_spv;
        params.spirv_bytes = sizeof(gemm_store64_spv);
    }
    return tyto_variants_get(&gemm->variants, &params, ret_kernel);
}

/* Fills in row and batch, and checks that (batches, m, cols) lies inside the buffer. */
static enum tyto_err settle(struct tyto_mat *mat, uint32_t m, uint32_t cols, uint32_t num_batches)
{
    uint64_t end = 0;

    if (!mat->buf)
        return TYTO_ERR_INVALID;
    if (mat->row == 0)
        mat->row = cols;
    if (mat->batch == 0) {
        if ((uint64_t)m * mat->row > UINT32_MAX)
            return TYTO_ERR_SHAPE;
        mat->batch = m * mat->row;
    }
    end = mat->offset + (uint64_t)(num_batches - 1) * mat->batch + (uint64_t)(m - 1) * mat->row +
          cols;
    if (mat->row < cols || mat->offset > UINT32_MAX || end > UINT32_MAX ||
        end * sizeof(float) > tyto_buf_size_bytes(mat->buf))
        return TYTO_ERR_SHAPE;
    return TYTO_OK;
}

static bool is_whole_texels(const struct tyto_mat *mat)
{
    return mat->offset % 4 == 0 && mat->row % 4 == 0 && mat->batch % 4 == 0;
}

enum tyto_err tyto_gemm_record(struct tyto_gemm *gemm, struct tyto_plan *plan,
                               const struct tyto_gemm_weights *weights,
                               const struct tyto_gemm_args *args)
{
    struct tyto_mat x = args->x, y = args->y, r = args->residual;
    uint32_t num_batches = args->num_batches ? args->num_batches : 1;
    const struct tyto_kernel *kernel = NULL;
    enum tyto_err err = TYTO_OK;

    if (args->m == 0 || args->m > GEMM_MAX_DIM)
        return TYTO_ERR_SHAPE;
    if ((uint32_t)args->act >= TYTO_ACT_NUM)
        return TYTO_ERR_INVALID;
    err = settle(&x, args->m, weights->k, num_batches);
    if (!err)
        err = settle(&y, args->m, weights->n, num_batches);
    if (!err && r.buf)
        err = settle(&r, args->m, weights->n, num_batches);
    if (err)
        return err;

    const uint32_t flags = (weights->bias ? GEMM_BIAS : 0) | (r.buf ? GEMM_RESIDUAL : 0) |
                           (args->has_clamp_min ? GEMM_CLAMP_MIN : 0);
    const bool scalar = weights->n % 4 || !is_whole_texels(&x) || !is_whole_texels(&y) ||
                        (r.buf && !is_whole_texels(&r));
    const bool group = !scalar && tyto_gpu_get_info(gemm->variants.gpu)->wants_groups;
    const struct tyto_gemm_tile tile = tyto_gemm_tile_of(args->m, weights->n, num_batches);
    const uint32_t lane_rows = group                  ? tile.lane_rows
                               : args->m > GEMM_LANES ? GEMM_MAX_ROWS
                                                      : GEMM_LANES;
    const uint32_t rows = group ? tile.rows : lane_rows;
    const uint32_t spec[4] = {lane_rows, (uint32_t)args->act, flags,
                              tyto_gemm_shuffles(gemm->variants.gpu)};
    const bool wide = weights->n % 8 == 0 && y.batch % 8 == 0 &&
                      tyto_gemm_stores_wide(gemm->variants.gpu, y.offset, y.row);
    err = get_kernel(gemm, weights, scalar, wide, group && tile.is_big, spec, &kernel);
    if (err)
        return err;

    const uint32_t unit = scalar ? 1 : 4;
    const struct gemm_push push = {.m = args->m,
                                   .n = weights->n,
                                   .k = weights->k,
                                   .x_offset = (uint32_t)x.offset / unit,
                                   .x_row = x.row / unit,
                                   .x_batch = x.batch / unit,
                                   .y_offset = (uint32_t)y.offset,
                                   .y_row = y.row,
                                   .y_batch = y.batch,
                                   .r_offset = (uint32_t)r.offset,
                                   .r_row = r.row,
                                   .r_batch = r.batch,
                                   .slope = args->act_slope,
                                   .clamp_min = args->clamp_min};
    const struct tyto_bind binds[] = {{.buf = x.buf},
                                      {.buf = weights->panels},
                                      {.buf = weights->bias ? weights->bias : weights->panels},
                                      {.buf = r.buf ? r.buf : y.buf},
                                      {.buf = y.buf}};
    return tyto_plan_dispatch(plan, kernel, binds, &push,
                              divide_up(weights->n, group ? tile.cols : GEMM_PANEL),
                              divide_up(args->m, rows), num_batches);
}
