/* SPDX-License-Identifier: MIT */
#include "shaders/gemm_back/gemm_back.h"

#include <stdlib.h>

#include "shaders/gemm_back/gemm_back_shape.h"
#include "shaders/gemm_back_sum_spv.h"
#include "shaders/gemm_back_w_big_spv.h"
#include "shaders/gemm_back_w_group_spv.h"
#include "shaders/gemm_back_w_spv.h"
#include "shaders/gemm_back_w_store64_spv.h"
#include "shaders/gemm_back_x_big_spv.h"
#include "shaders/gemm_back_x_group_spv.h"
#include "shaders/gemm_back_x_spv.h"
#include "shaders/gemm_back_x_store64_spv.h"
#include "shaders/kernel.h"
#include "shaders/variants.h"

enum {
    CHUNK = 2048,         /* rows that one group sums: fewer sums of sums, still enough groups */
    LEAST_CHUNK_GPU = 64, /* a GPU has more groups to keep busy: shorter sums, so that there are */
    ENOUGH_GROUPS_GPU = 512, /* as many of the big ones */
};

struct tyto_gemm_back {
    struct tyto_variants variants;
};

enum tyto_err tyto_gemm_back_create(struct tyto_gpu *gpu, struct tyto_gemm_back **ret_op)
{
    struct tyto_gemm_back *op = calloc(1, sizeof(*op));

    if (!op)
        return TYTO_ERR_NOMEM;
    tyto_variants_init(&op->variants, gpu);
    *ret_op = op;
    return TYTO_OK;
}

void tyto_gemm_back_destroy(struct tyto_gemm_back **op)
{
    if (!op || !*op)
        return;
    tyto_variants_finish(&(*op)->variants);
    free(*op);
    *op = NULL;
}

/* Fills in the row length, and checks that (m, cols) lies inside the buffer, by whole texels. */
static bool settle(struct tyto_mat *mat, uint32_t m, uint32_t cols)
{
    uint64_t end = 0;

    if (mat->row == 0)
        mat->row = cols;
    end = mat->offset + (uint64_t)(m - 1) * mat->row + cols;
    return mat->buf && mat->row >= cols && mat->offset <= UINT32_MAX && end <= UINT32_MAX &&
           end * sizeof(float) <= tyto_buf_size_bytes(mat->buf) && mat->offset % 4 == 0 &&
           mat->row % 4 == 0;
}

static bool sizes_are_sound(uint32_t m, uint32_t n, uint32_t k)
{
    return m > 0 && m <= GEMM_MAX_DIM && n > 0 && n <= GEMM_MAX_K && n % 4 == 0 && k > 0 &&
           k <= GEMM_MAX_K && k % 4 == 0;
}

#define USE_SPIRV(params, name)                                                                    \
    ((params)->spirv = name##_spv, (params)->spirv_bytes = sizeof(name##_spv))

/* The fast variant of gemm_back_x or _w: the tile is NULL where the device wants no groups. */
static void use_variant(const struct tyto_gpu *gpu, bool is_w, const struct tyto_gemm_tile *tile,
                        struct tyto_kernel_params *params)
{
    if (tile && tile->is_big && is_w)
        USE_SPIRV(params, gemm_back_w_big);
    else if (tile && tile->is_big)
        USE_SPIRV(params, gemm_back_x_big);
    else if (tile && is_w)
        USE_SPIRV(params, gemm_back_w_group);
    else if (tile)
        USE_SPIRV(params, gemm_back_x_group);
    else if (tyto_gemm_stores_pairs(gpu) && is_w)
        USE_SPIRV(params, gemm_back_w_store64);
    else if (tyto_gemm_stores_pairs(gpu))
        USE_SPIRV(params, gemm_back_x_store64);
    else if (is_w)
        USE_SPIRV(params, gemm_back_w);
    else
        USE_SPIRV(params, gemm_back_x);
}

enum tyto_err tyto_gemm_back_x_record(struct tyto_gemm_back *op, struct tyto_plan *plan,
                                      const struct tyto_gemm_back_x_args *args)
{
    static const enum tyto_bind_kind binds_of[] = {TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_TEXEL_RGBA32F,
                                                   TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_STORAGE};
    const bool groups = tyto_gpu_get_info(op->variants.gpu)->wants_groups;
    const struct tyto_gemm_tile tile = tyto_gemm_tile_of(args->m, args->k, 1);
    const uint32_t rows = groups ? tile.rows : args->m > GEMM_LANES ? GEMM_MAX_ROWS : GEMM_LANES;
    const uint32_t extra = args->is_gate ? GEMM_BACK_GATE : GEMM_BACK_ADD;
    const uint32_t spec[3] = {rows, args->extra.buf ? extra : 0,
                              tyto_gemm_shuffles(op->variants.gpu)};
    struct tyto_kernel_params params = {
        .name = "gemm_back_x",
        .binds = binds_of,
        .num_binds = 4,
        .push_bytes = sizeof(struct gemm_back_x_push),
        .spec = spec,
        .num_spec = 3,
    };
    struct tyto_mat dy = args->dy, w = args->weight, dx = args->dx, r = args->extra;
    const struct tyto_kernel *kernel = NULL;
    enum tyto_err err = TYTO_OK;

    if (!sizes_are_sound(args->m, args->n, args->k) || !settle(&dy, args->m, args->n) ||
        !settle(&w, args->n, args->k) || !settle(&dx, args->m, args->k) ||
        (r.buf && !settle(&r, args->m, args->k)))
        return TYTO_ERR_SHAPE;
    use_variant(op->variants.gpu, false, groups ? &tile : NULL, &params);
    err = tyto_variants_get(&op->variants, &params, &kernel);
    if (err)
        return err;

    const struct gemm_back_x_push push = {
        .m = args->m,
        .n = args->k,
        .k = args->n,
        .x_offset = (uint32_t)dy.offset / 4,
        .x_row = dy.row / 4,
        .w_offset = (uint32_t)w.offset / 4,
        .w_row = w.row / 4,
        .y_offset = (uint32_t)dx.offset,
        .y_row = dx.row,
        .r_offset = (uint32_t)r.offset,
        .r_row = r.row,
    };
    const struct tyto_bind binds[] = {
        {.buf = dy.buf}, {.buf = w.buf}, {.buf = r.buf ? r.buf : dx.buf}, {.buf = dx.buf}};
    return tyto_plan_dispatch(plan, kernel, binds, &push,
                              tyto_num_groups(args->k, groups ? tile.cols : GEMM_PANEL),
                              tyto_num_groups(args->m, rows), 1);
}

/* Rows that one group sums, of a product that makes (n, k); a multiple of 4 whatever the sizes. */
static uint32_t chunk_of(const struct tyto_gpu *gpu, uint32_t m, uint32_t n, uint32_t k)
{
    const uint32_t side = GEMM_BIG_PANELS * GEMM_PANEL;
    const uint32_t tiles = tyto_num_groups(n, side) * tyto_num_groups(k, side);
    uint32_t chunk = CHUNK;

    if (tyto_gpu_get_info(gpu)->wants_groups && tiles > 0) {
        chunk = tyto_num_groups(m, tyto_num_groups(ENOUGH_GROUPS_GPU, tiles));
        chunk = chunk < LEAST_CHUNK_GPU ? LEAST_CHUNK_GPU : chunk;
    }
    chunk = chunk < m ? chunk : m;
    return chunk > 0 ? tyto_num_groups(chunk, 4) * 4 : 4;
}

static uint32_t num_parts(const struct tyto_gpu *gpu, uint32_t m, uint32_t n, uint32_t k)
{
    return tyto_num_groups(m, chunk_of(gpu, m, n, k));
}

uint64_t tyto_gemm_back_scratch(const struct tyto_gpu *gpu, uint32_t m, uint32_t n, uint32_t k)
{
    const uint32_t parts = num_parts(gpu, m, n, k);

    return parts > 1 ? (uint64_t)parts * n * ((uint64_t)k + 1) : 0;
}

/* out <- the sum of the parts that begin at float `from` of scratch. */
static enum tyto_err record_sum(struct tyto_gemm_back *op, struct tyto_plan *plan,
                                const struct tyto_buf *scratch, uint32_t from, uint32_t num,
                                uint32_t parts, const struct tyto_mat *out)
{
    static const enum tyto_bind_kind binds_of[] = {TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_STORAGE};
    const uint32_t lanes = tyto_gpu_get_info(op->variants.gpu)->subgroup_size;
    const struct tyto_kernel_params params = {
        .name = "gemm_back_sum",
        .spirv = gemm_back_sum_spv,
        .spirv_bytes = sizeof(gemm_back_sum_spv),
        .binds = binds_of,
        .num_binds = 2,
        .push_bytes = sizeof(struct gemm_back_sum_push),
        .spec = &lanes,
        .num_spec = 1,
    };
    const struct gemm_back_sum_push push = {
        .num4 = num / 4,
        .num_parts = parts,
        .part4 = num / 4,
        .x_offset4 = from / 4,
        .y_offset4 = (uint32_t)out->offset / 4,
    };
    const struct tyto_bind binds[] = {{.buf = scratch}, {.buf = out->buf}};
    const struct tyto_kernel *kernel = NULL;
    enum tyto_err err = tyto_variants_get(&op->variants, &params, &kernel);

    if (err)
        return err;
    return tyto_plan_dispatch(plan, kernel, binds, &push, tyto_num_groups(num / 4, lanes), 1, 1);
}

static enum tyto_err get_w_kernel(struct tyto_gemm_back *op, bool bias,
                                  const struct tyto_gemm_tile *tile,
                                  const struct tyto_kernel **ret_kernel)
{
    static const enum tyto_bind_kind binds_of[] = {TYTO_BIND_TEXEL_RGBA32F, TYTO_BIND_TEXEL_RGBA32F,
                                                   TYTO_BIND_STORAGE, TYTO_BIND_STORAGE};
    const uint32_t spec[2] = {bias, tyto_gemm_shuffles(op->variants.gpu)};
    struct tyto_kernel_params params = {
        .name = "gemm_back_w",
        .binds = binds_of,
        .num_binds = 4,
        .push_bytes = sizeof(struct gemm_back_w_push),
        .spec = spec,
        .num_spec = 2,
    };

    use_variant(op->variants.gpu, true, tile, &params);
    return tyto_variants_get(&op->variants, &params, ret_kernel);
}

enum tyto_err tyto_gemm_back_w_record(struct tyto_gemm_back *op, struct tyto_plan *plan,
                                      const struct tyto_gemm_back_w_args *args)
{
    const struct tyto_gpu *gpu = op->variants.gpu;
    const uint32_t parts = num_parts(gpu, args->m, args->n, args->k);
    const uint64_t scratch = tyto_gemm_back_scratch(gpu, args->m, args->n, args->k);
    const uint32_t num = args->n * args->k;
    const bool groups = tyto_gpu_get_info(op->variants.gpu)->wants_groups;
    const struct tyto_gemm_tile tile = tyto_gemm_tile_of(args->n, args->k, parts);
    struct tyto_mat dy = args->dy, x = args->x, dw = args->dw, db = args->db;
    const struct tyto_kernel *kernel = NULL;
    enum tyto_err err = TYTO_OK;

    dw.row = db.row = 0;
    if (!sizes_are_sound(args->m, args->n, args->k) || !settle(&dy, args->m, args->n) ||
        !settle(&x, args->m, args->k) || !settle(&dw, args->n, args->k) ||
        (db.buf && !settle(&db, 1, args->n)) || scratch > UINT32_MAX ||
        (scratch > 0 && (!args->scratch || tyto_buf_size_bytes(args->scratch) < scratch * 4)))
        return TYTO_ERR_SHAPE;
    err = get_w_kernel(op, db.buf != NULL, groups ? &tile : NULL, &kernel);
    if (err)
        return err;

    const struct tyto_mat to = parts > 1 ? (struct tyto_mat){.buf = args->scratch} : dw;
    const struct tyto_mat bias_to =
        parts > 1 ? (struct tyto_mat){.buf = args->scratch, .offset = (uint64_t)parts * num} : db;
    const struct gemm_back_w_push push = {
        .m = args->m,
        .rows = args->n,
        .n = args->k,
        .chunk = chunk_of(gpu, args->m, args->n, args->k),
        .d_offset = (uint32_t)dy.offset / 4,
        .d_row = dy.row / 4,
        .x_offset = (uint32_t)x.offset / 4,
        .x_row = x.row / 4,
        .y_offset = (uint32_t)to.offset,
        .y_part = num,
        .b_offset = (uint32_t)bias_to.offset,
        .b_part = args->n,
    };
    const struct tyto_bind binds[] = {{.buf = dy.buf},
                                      {.buf = x.buf},
                                      {.buf = to.buf},
                                      {.buf = bias_to.buf ? bias_to.buf : to.buf}};
    err = tyto_plan_dispatch(
        plan, kernel, binds, &push, tyto_num_groups(args->k, groups ? tile.cols : GEMM_PANEL),
        tyto_num_groups(args->n, groups ? tile.rows : GEMM_BACK_W_ROWS), parts);
    if (!err && parts > 1)
        err = record_sum(op, plan, args->scratch, 0, num, parts, &dw);
    if (!err && parts > 1 && db.buf)
        err = record_sum(op, plan, args->scratch, parts * num, args->n, parts, &db);
    return err;
}
