/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "shaders/self_attn_back/self_attn_back.h"
#include "tests/check/gradient.h"

#define NUM(array) (sizeof(array) / sizeof(*(array)))

struct a_case {
    const char *sentence;
    struct tyto_self_attn_shape shape;
    bool full; /* every window has T rows; else 1..T */
};

struct pass {
    const struct tyto_self_attn_shape *shape;
    float *qkv, *x, *dout, *out;
    uint32_t *len;
};

static double value(void *user)
{
    struct pass *p = user;

    tyto_self_attn_ref(p->shape, p->qkv, p->x, p->len, p->out);
    return gradient_dot(p->out, p->dout,
                        (size_t)p->shape->batch * p->shape->num_segments * p->shape->width);
}

static void run_case(struct check *check, struct tyto_self_attn_back *op, const struct a_case *c)
{
    const struct tyto_self_attn_shape *s = &c->shape;
    const size_t rows = (size_t)s->batch * s->num_segments;
    const size_t num_qkv = rows * (2 * (size_t)s->key_width + s->width), num = rows * s->width;
    struct pass p = {s,
                     check_floats(num_qkv),
                     check_floats(num),
                     check_floats(num),
                     check_floats(num),
                     calloc(s->batch, sizeof(uint32_t))};
    const struct gradient gradient = {value, &p, c->sentence};
    struct tyto_plan *plan = NULL;

    if (!p.len)
        check_must(TYTO_ERR_NOMEM, "len");
    check_fill(check, p.qkv, num_qkv, 1);
    check_fill(check, p.dout, num, 1);
    for (uint32_t b = 0; b < s->batch; b++)
        p.len[b] = c->full ? s->num_segments : 1 + b % s->num_segments;
    for (size_t i = 0; i < num; i++)
        if (i / s->width % s->num_segments >= p.len[i / s->width / s->num_segments])
            p.dout[i] = 0;
    struct tyto_buf *bufs[] = {
        check_buf(check, p.qkv, num_qkv), check_buf(check, (const float *)p.len, s->batch),
        check_buf(check, p.dout, num), check_buf(check, NULL, rows * 2 * s->num_segments),
        check_buf(check, NULL, num_qkv)};
    const struct tyto_self_attn_back_io io = {
        {.buf = bufs[0]}, {.buf = bufs[1]}, {.buf = bufs[2]}, {.buf = bufs[3]}, {.buf = bufs[4]}};

    check_must(tyto_plan_create(check->gpu, c->sentence, &plan), "plan");
    check_must(tyto_self_attn_back_record(op, plan, s, &io), c->sentence);
    check_must(tyto_plan_finish(plan), "finish");
    if (check->bench) {
        (void)check_bench_plan(check, c->sentence, plan, 0);
    } else {
        check_must(tyto_plan_run(plan), "run");
        float *dqkv = gradient_read(bufs[4], num_qkv);
        check_gradient(check, &gradient, "qkv", p.qkv, dqkv, num_qkv);
        free(dqkv);
    }
    tyto_plan_destroy(&plan);
    for (size_t i = 0; i < NUM(bufs); i++)
        tyto_buf_destroy(&bufs[i]);
    free(p.qkv);
    free(p.x);
    free(p.dout);
    free(p.out);
    free(p.len);
}

static const struct a_case cases[] = {
    {"one of everything", {1, 1, 4, 4, 0, 1}, true},
    {"the model's own", {8, 10, 64, 128, 1, 0.125f}, true},
    {"no mask", {3, 10, 128, 512, UINT32_MAX, 0.09f}, true},
    {"look-ahead 0", {5, 10, 8, 12, 0, 1}, true},
    {"windows of every length", {20, 10, 8, 12, 2, 1}, false},
    {"the longest window", {2, TYTO_SELF_ATTN_MAX_SEGMENTS, 12, 36, UINT32_MAX, 1}, true},
};

static void refusals(struct check *check, struct tyto_self_attn_back *op)
{
    const struct tyto_self_attn_shape odd = {1, 2, 6, 4, 0, 1}, large = {3, 4, 8, 12, 0, 1};
    const struct tyto_self_attn_shape longest = {1, TYTO_SELF_ATTN_MAX_SEGMENTS + 1, 4, 4, 0, 1};
    struct tyto_buf *buf = check_buf(check, NULL, 256), *roomy = check_buf(check, NULL, 65536);
    const struct tyto_bind all = {.buf = buf}, more = {.buf = roomy};
    const struct tyto_self_attn_back_io io = {all, all, all, all, all};
    const struct tyto_self_attn_back_io big = {more, more, more, more, more};
    struct tyto_plan *plan = NULL;

    check_must(tyto_plan_create(check->gpu, "refusals", &plan), "plan");
    check_err(check, tyto_self_attn_back_record(op, plan, &odd, &big), TYTO_ERR_SHAPE,
              "a width that is no multiple of 4");
    check_err(check, tyto_self_attn_back_record(op, plan, &large, &io), TYTO_ERR_SHAPE,
              "buffers too small");
    check_err(check, tyto_self_attn_back_record(op, plan, &longest, &big), TYTO_ERR_SHAPE,
              "a window too long");
    tyto_plan_destroy(&plan);
    tyto_buf_destroy(&buf);
    tyto_buf_destroy(&roomy);
}

int main(int argc, char **argv)
{
    struct check check;
    struct tyto_self_attn_back *op = NULL;
    int exit_code = 0;

    if (!check_open(&check, argc, argv, &exit_code))
        return exit_code;
    check_must(tyto_self_attn_back_create(check.gpu, &op), "self_attn_back");
    for (size_t i = 0; i < NUM(cases); i++)
        run_case(&check, op, &cases[i]);
    if (!check.bench)
        refusals(&check, op);
    tyto_self_attn_back_destroy(&op);
    return check_close(&check);
}
