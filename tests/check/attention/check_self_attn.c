/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shaders/self_attn/self_attn.h"
#include "tests/check/check.h"

#define NUM(array) (sizeof(array) / sizeof(*(array)))

static const double tolerance = 1e-5; /* numerics line of self_attn.comp */

struct a_case {
    const char *sentence;
    struct tyto_self_attn_shape shape;
    float spread;
    bool full; /* every window has T rows; else 1..T */
};

static void run_case(struct check *check, struct tyto_self_attn *op, const struct a_case *c)
{
    const struct tyto_self_attn_shape *s = &c->shape;
    const size_t rows = (size_t)s->batch * s->num_segments;
    const size_t num_qkv = rows * (2 * (size_t)s->key_width + s->width);
    const size_t num = rows * s->width;
    float *qkv = check_floats(num_qkv);
    float *x = check_floats(num);
    float *want = check_floats(num);
    float *got = check_floats(num);
    uint32_t *len = calloc(s->batch, sizeof(*len));
    struct tyto_plan *plan = NULL;

    if (!len)
        check_must(TYTO_ERR_NOMEM, "len");
    check_fill(check, qkv, num_qkv, c->spread);
    check_fill(check, x, num, c->spread);
    for (uint32_t b = 0; b < s->batch; b++)
        len[b] = c->full ? s->num_segments : 1 + b % s->num_segments;
    struct tyto_buf *bufs[] = {check_buf(check, qkv, num_qkv), check_buf(check, x, num),
                               check_buf(check, (const float *)len, s->batch),
                               check_buf(check, NULL, num)};
    const struct tyto_self_attn_io io = {
        {.buf = bufs[0]}, {.buf = bufs[1]}, {.buf = bufs[2]}, {.buf = bufs[3]}};

    check_must(tyto_plan_create(check->gpu, c->sentence, &plan), "plan");
    check_must(tyto_self_attn_record(op, plan, s, &io), c->sentence);
    check_must(tyto_plan_finish(plan), "finish");
    if (check->bench) {
        (void)check_bench_plan(check, c->sentence, plan,
                               2.0 * (double)(rows * s->num_segments) *
                                   (double)(s->key_width + s->width));
    } else {
        check_must(tyto_plan_run(plan), "run");
        check_must(tyto_buf_read(bufs[3], 0, got, num * sizeof(float)), "read");
        tyto_self_attn_ref(s, qkv, x, len, want);
        bool finite = true;
        for (size_t i = 0; i < num; i++) {
            const bool valid = i / s->width % s->num_segments < len[i / s->width / s->num_segments];

            finite = finite && isfinite(got[i]);
            if (!valid)
                got[i] = want[i] = 0; /* undefined: must not be read */
        }
        check_that(check, finite, "%s: rows beyond the window are finite", c->sentence);
        check_close_to(check, got, want, num, tolerance, c->sentence);
    }
    tyto_plan_destroy(&plan);
    for (size_t i = 0; i < NUM(bufs); i++)
        tyto_buf_destroy(&bufs[i]);
    free(qkv);
    free(x);
    free(want);
    free(got);
    free(len);
}

static const struct a_case cases[] = {
    {"one of everything", {1, 1, 4, 4, 0, 1}, 1, true},
    {"the model's own", {24, 10, 64, 128, 1, 0.125f}, 1, true},
    {"no mask", {5, 10, 64, 128, UINT32_MAX, 0.125f}, 1, true},
    {"look-ahead 0", {5, 10, 8, 12, 0, 1}, 1, true},
    {"look-ahead beyond the window", {3, 4, 8, 12, 9, 1}, 1, true},
    {"look-ahead next to the top", {3, 4, 8, 12, UINT32_MAX - 1, 1}, 1, true},
    {"windows of every length", {20, 10, 8, 12, 2, 1}, 1, false},
    {"the longest window", {3, TYTO_SELF_ATTN_MAX_SEGMENTS, 12, 36, UINT32_MAX, 1}, 1, true},
    {"the longest window, causal", {3, TYTO_SELF_ATTN_MAX_SEGMENTS, 12, 36, 5, 1}, 1, false},
    {"wide", {2, 3, 516, 1284, UINT32_MAX, 0.05f}, 1, true},
    {"scores up to 30", {4, 10, 4, 8, UINT32_MAX, 0.3f}, 5, true},
    {"scale 0 is the mean", {4, 10, 4, 8, UINT32_MAX, 0}, 1, true},
};

static const struct a_case benches[] = {{"24 x 10, 64, 128", {24, 10, 64, 128, 1, 0.1f}, 1, true},
                                        {"1 x 10, 64, 128", {1, 10, 64, 128, 1, 0.1f}, 1, true}};

static void refusals(struct check *check, struct tyto_self_attn *op)
{
    struct tyto_buf *buf = check_buf(check, NULL, 1024);
    const struct tyto_bind all = {.buf = buf};
    const struct tyto_self_attn_io io = {all, all, all, all};
    struct tyto_self_attn_shape shape = {2, 16, 8, 16, 0, 1};
    struct tyto_plan *plan = NULL;

    check_must(tyto_plan_create(check->gpu, "refusals", &plan), "plan");
    check_err(check, tyto_self_attn_record(op, plan, &shape, &io), TYTO_OK, "all fits");
    shape.key_width = 6;
    check_err(check, tyto_self_attn_record(op, plan, &shape, &io), TYTO_ERR_SHAPE,
              "keys no multiple of 4");
    shape = (struct tyto_self_attn_shape){2, 16, 8, 18, 0, 1};
    check_err(check, tyto_self_attn_record(op, plan, &shape, &io), TYTO_ERR_SHAPE,
              "columns no multiple of 4");
    shape = (struct tyto_self_attn_shape){2, 16, 8, 20, 0, 1};
    check_err(check, tyto_self_attn_record(op, plan, &shape, &io), TYTO_ERR_SHAPE,
              "more than there is");
    shape = (struct tyto_self_attn_shape){1, TYTO_SELF_ATTN_MAX_SEGMENTS + 1, 4, 4, 0, 1};
    check_err(check, tyto_self_attn_record(op, plan, &shape, &io), TYTO_ERR_SHAPE,
              "one segment too many");
    shape = (struct tyto_self_attn_shape){1, 4, 0, 4, 0, 1};
    check_err(check, tyto_self_attn_record(op, plan, &shape, &io), TYTO_ERR_SHAPE, "no key");
    tyto_plan_destroy(&plan);
    tyto_buf_destroy(&buf);
}

int main(int argc, char **argv)
{
    struct tyto_self_attn *op = NULL;
    struct check check;
    int code = 0;

    if (!check_open(&check, argc, argv, &code))
        return code;
    check_must(tyto_self_attn_create(check.gpu, &op), "self_attn");
    for (size_t i = 0; i < NUM(benches) && check.bench; i++)
        run_case(&check, op, &benches[i]);
    for (size_t i = 0; i < NUM(cases) && !check.bench; i++)
        run_case(&check, op, &cases[i]);
    if (!check.bench) {
        refusals(&check, op);
    }
    tyto_self_attn_destroy(&op);
    return check_close(&check);
}
