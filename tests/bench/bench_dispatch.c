/* SPDX-License-Identifier: MIT */
/* What submitting a plan costs, and each further small dispatch in it, with the
 * barrier before it and without. LP_NUM_THREADS=2 in the environment shows what
 * the runtime's choice of 0 saves on lavapipe. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "shaders/gemm/gemm.h"
#include "tests/check/check.h"

enum { NUM_DISPATCHES = 1000, NUM_RUNS = 30 };

struct rig {
    struct tyto_gpu *gpu;
    struct tyto_gemm *gemm;
    struct tyto_gemm_weights *weights;
    struct tyto_buf *x, *y;
};

/* Best microseconds of one run of a plan of num dispatches; negative on error. */
static double run(struct rig *rig, uint32_t num, bool concurrent)
{
    const struct tyto_gemm_args args = {.m = 1, .x = {.buf = rig->x}, .y = {.buf = rig->y}};
    struct tyto_plan *plan = NULL;
    double best_us = 1e12;
    enum tyto_err err = tyto_plan_create(rig->gpu, "dispatches", &plan);

    for (uint32_t i = 0; i < num && !err; i++) {
        if (concurrent)
            tyto_plan_concurrent(plan);
        err = tyto_gemm_record(rig->gemm, plan, rig->weights, &args);
    }
    if (!err)
        err = tyto_plan_finish(plan);
    for (int i = 0; i < NUM_RUNS && !err; i++) {
        const uint64_t begin_ns = tyto_clock_mono_ns();

        err = tyto_plan_run(plan);
        const double us = (double)(tyto_clock_mono_ns() - begin_ns) / 1e3;
        if (us < best_us)
            best_us = us;
    }
    tyto_plan_destroy(&plan);
    return err ? -1 : best_us;
}

int main(void)
{
    const struct tyto_gpu_params params = {.device = getenv("TYTO_DEVICE")};
    const float weight[4 * 4] = {0};
    struct rig rig = {0};
    double one_us = 0, many_us = 0, free_us = 0;
    int failed =
        tyto_gpu_create(&params, &rig.gpu) || tyto_gemm_create(rig.gpu, &rig.gemm) ||
        tyto_gemm_weights_create(rig.gpu, TYTO_WEIGHT_F32, weight, NULL, 4, 4, &rig.weights) ||
        tyto_buf_create(rig.gpu, TYTO_BUF_DEVICE, 64, &rig.x) ||
        tyto_buf_create(rig.gpu, TYTO_BUF_DEVICE, 64, &rig.y);

    if (!failed) {
        one_us = run(&rig, 1, false);
        many_us = run(&rig, NUM_DISPATCHES, false);
        free_us = run(&rig, NUM_DISPATCHES, true);
        failed = one_us < 0 || many_us < 0 || free_us < 0;
    }
    if (!failed) {
        check_tell_time("submit and wait", one_us * 1e-3);
        check_tell_time("each further tiny dispatch, with a barrier",
                        (many_us - one_us) * 1e-3 / (NUM_DISPATCHES - 1));
        check_tell_time("each further tiny dispatch, without",
                        (free_us - one_us) * 1e-3 / (NUM_DISPATCHES - 1));
        printf("%s, LP_NUM_THREADS=%s: submit and wait %.1f us; each further tiny dispatch %.2f "
               "us, %.2f us without a barrier\n",
               tyto_gpu_get_info(rig.gpu)->name, getenv("LP_NUM_THREADS"), one_us,
               (many_us - one_us) / (NUM_DISPATCHES - 1),
               (free_us - one_us) / (NUM_DISPATCHES - 1));
    }
    tyto_buf_destroy(&rig.y);
    tyto_buf_destroy(&rig.x);
    tyto_gemm_weights_destroy(&rig.weights);
    tyto_gemm_destroy(&rig.gemm);
    tyto_gpu_destroy(&rig.gpu);
    return failed;
}
