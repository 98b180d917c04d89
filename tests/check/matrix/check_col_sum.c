/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "shaders/col_sum/col_sum.h"
#include "tests/check/gradient.h"

static void run_case(struct check *check, struct tyto_col_sum *op, uint32_t rows, uint32_t cols,
                     uint32_t stride)
{
    enum { AT = 3 };
    const size_t num = (size_t)rows * stride;
    float *x = check_floats(num), *want = check_floats(cols);
    struct tyto_plan *plan = NULL;

    check_fill(check, x, num, 1);
    for (size_t c = 0; c < cols; c++) {
        double sum = 0;

        for (size_t r = 0; r < rows; r++)
            sum += (double)x[r * stride + c];
        want[c] = (float)sum;
    }
    struct tyto_buf *in = check_buf(check, x, num), *out = check_buf(check, NULL, AT + cols);
    check_must(tyto_plan_create(check->gpu, "col_sum", &plan), "plan");
    check_must(tyto_col_sum_record(op, plan, in, rows, cols, stride, out, AT), "record");
    check_err(check, tyto_col_sum_record(op, plan, in, rows + 1, cols, stride, out, AT),
              TYTO_ERR_SHAPE, "a row too many");
    check_err(check, tyto_col_sum_record(op, plan, in, rows, cols, stride, out, AT + 1),
              TYTO_ERR_SHAPE, "no room for the sums");
    check_must(tyto_plan_finish(plan), "finish");
    check_must(tyto_plan_run(plan), "run");
    float *got = gradient_read(out, AT + cols);
    check_close_to(check, got + AT, want, cols, 1e-5, "sums of columns");
    tyto_plan_destroy(&plan);
    tyto_buf_destroy(&in);
    tyto_buf_destroy(&out);
    free(x);
    free(want);
    free(got);
}

int main(int argc, char **argv)
{
    struct check check;
    struct tyto_col_sum *op = NULL;
    int exit_code = 0;

    if (!check_open(&check, argc, argv, &exit_code))
        return exit_code;
    check_must(tyto_col_sum_create(check.gpu, &op), "col_sum");
    if (!check.bench) {
        run_case(&check, op, 1, 1, 1);
        run_case(&check, op, 640, 1, 1);
        run_case(&check, op, 640, 128, 128);
        run_case(&check, op, 33, 37, 40);
    }
    tyto_col_sum_destroy(&op);
    return check_close(&check);
}
