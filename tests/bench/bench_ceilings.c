/* SPDX-License-Identifier: MIT */
/* What the device does at most, to hold kernels against: f32 multiply-adds out of registers, and a
 * copy inside its memory (bytes read and bytes written). */
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/ceilings_spv.h"
#include "tests/check/check.h"

struct push {
    float factor, term;
    uint32_t rounds;
};

enum { LANES = 128, CHAINS = 16 * 4 };

/* Sizes that keep the device busy for milliseconds, and a software driver for no more. */
struct size {
    uint32_t groups, rounds;
    uint64_t copy_bytes;
};

static void multiply_adds(struct check *check, const struct size *size)
{
    static const enum tyto_bind_kind binds_of[] = {TYTO_BIND_STORAGE};
    const struct tyto_kernel_params params = {.name = "ceilings",
                                              .spirv = ceilings_spv,
                                              .spirv_bytes = sizeof(ceilings_spv),
                                              .binds = binds_of,
                                              .num_binds = 1,
                                              .push_bytes = sizeof(struct push)};
    const struct push push = {0.999f, 0.001f, size->rounds};
    const double lanes = (double)size->groups * LANES;
    struct tyto_buf *out = check_buf(check, NULL, (size_t)lanes * 4);
    const struct tyto_bind bind = {.buf = out};
    struct tyto_kernel *kernel = NULL;
    struct tyto_plan *plan = NULL;
    float first[4];

    check_must(tyto_kernel_create(check->gpu, &params, &kernel), "kernel");
    check_must(tyto_plan_create(check->gpu, "multiply-adds", &plan), "plan");
    check_must(tyto_plan_dispatch(plan, kernel, &bind, &push, size->groups, 1, 1), "dispatch");
    check_must(tyto_plan_finish(plan), "finish");
    (void)check_bench_plan(check, "ceiling: f32 multiply-adds", plan,
                           2.0 * lanes * CHAINS * (double)size->rounds);
    check_must(tyto_buf_read(out, 0, first, sizeof(first)), "read");
    check_that(check, first[0] > 0 && first[0] < 16, "the chains end between 0 and 1 each: %g",
               (double)first[0]);
    tyto_plan_destroy(&plan);
    tyto_kernel_destroy(&kernel);
    tyto_buf_destroy(&out);
}

static void copy(struct check *check, uint64_t bytes)
{
    struct tyto_buf *bufs[2] = {0};
    struct tyto_plan *plan = NULL;

    for (int i = 0; i < 2; i++)
        check_must(tyto_buf_create(check->gpu, TYTO_BUF_DEVICE, bytes, &bufs[i]), "memory to copy");
    check_must(tyto_plan_create(check->gpu, "copy", &plan), "plan");
    check_must(tyto_plan_copy(plan, bufs[0], 0, bufs[1], 0, bytes), "copy");
    check_must(tyto_plan_finish(plan), "finish");
    check->buf_bytes = 2 * bytes;
    (void)check_bench_plan(check, "ceiling: a copy on the device", plan, 0);
    tyto_plan_destroy(&plan);
    for (int i = 0; i < 2; i++)
        tyto_buf_destroy(&bufs[i]);
}

int main(void)
{
    static const struct size software = {64, 64, 64ull << 20}, gpu = {16384, 1024, 1ull << 30};
    char program[] = "bench_ceilings", option[] = "--bench";
    char *argv[] = {program, option, NULL};
    struct check check;
    int code = 0;

    if (!check_open(&check, 2, argv, &code))
        return code;
    const struct tyto_gpu_info *info = tyto_gpu_get_info(check.gpu);
    const struct size *size = info->kind == TYTO_GPU_KIND_CPU ? &software : &gpu;
    const uint64_t share = info->heap_bytes / 8 / 4 * 4;

    multiply_adds(&check, size);
    copy(&check, share < size->copy_bytes ? share : size->copy_bytes);
    return check_close(&check);
}
