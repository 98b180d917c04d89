/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "shaders/co_attn_back/co_attn_back.h"
#include "tests/check/gradient.h"

#define NUM(array) (sizeof(array) / sizeof(*(array)))

struct a_case {
    const char *sentence;
    struct tyto_co_attn_shape shape;
    bool full; /* every window has T rows; else 1..T */
};

enum { OTHER, G, KS, U, H, S, OUT, BETA, ALIGN, DOUT, NUM_VALUES };
enum { LEN = NUM_VALUES, SCRATCH, DOTHER, DS, DG, DKS, DU, NUM_BUFS };

struct pass {
    const struct tyto_co_attn_shape *shape;
    float *values[NUM_VALUES];
    size_t nums[NUM_BUFS];
    uint32_t *len;
};

static double value(void *user)
{
    struct pass *p = user;
    float *const *v = p->values;
    const struct tyto_co_attn_ref_io io = {v[OTHER], v[G],   v[KS],  v[U],    v[H],
                                           v[S],     p->len, v[OUT], v[BETA], v[ALIGN]};

    tyto_co_attn_ref(p->shape, &io);
    return gradient_dot(v[OUT], v[DOUT], p->nums[OUT]);
}

static struct pass make_pass(struct check *check, const struct a_case *c)
{
    const struct tyto_co_attn_shape *s = &c->shape;
    const size_t rows = (size_t)s->batch * s->num_segments;
    const size_t keys = rows * s->key_width, num = rows * s->width;
    struct pass p = {
        .shape = s,
        .nums = {rows * s->other_stride, keys, keys, s->key_width, num, num, rows * s->out_stride,
                 rows, rows * s->num_segments, rows * s->out_stride, s->batch,
                 rows * (2 * s->num_segments + 2), rows * s->other_stride, num, keys, keys, keys},
        .len = calloc(s->batch, sizeof(uint32_t)),
    };

    if (!p.len)
        check_must(TYTO_ERR_NOMEM, "len");
    for (uint32_t b = 0; b < s->batch; b++)
        p.len[b] = c->full ? s->num_segments : 1 + b % s->num_segments;
    for (size_t i = 0; i < NUM_VALUES; i++) {
        p.values[i] = check_floats(p.nums[i]);
        if (i < OUT || i == DOUT)
            check_fill(check, p.values[i], p.nums[i], 1);
    }
    for (size_t i = 0; i < p.nums[DOUT]; i++) {
        const size_t row = i / s->out_stride, col = i % s->out_stride;

        if (row % s->num_segments >= p.len[row / s->num_segments] || col < s->out_offset ||
            col >= s->out_offset + s->width)
            p.values[DOUT][i] = 0;
    }
    return p;
}

static void compare(struct check *check, const struct a_case *c, struct pass *p,
                    struct tyto_buf *const *bufs)
{
    static const struct {
        int of, from;
        const char *name;
    } by[] = {{OTHER, DOTHER, "other"}, {S, DS, "s"}, {G, DG, "g"}, {KS, DKS, "ks"}, {U, DU, "u"}};
    const struct gradient gradient = {value, p, c->sentence};

    for (size_t i = 0; i < NUM(by); i++) {
        float *got = gradient_read(bufs[by[i].from], p->nums[by[i].from]);

        for (size_t j = p->nums[U]; by[i].of == U && j < p->nums[DU]; j++)
            got[j % p->nums[U]] += got[j];
        check_gradient(check, &gradient, by[i].name, p->values[by[i].of], got, p->nums[by[i].of]);
        free(got);
    }
}

static void run_case(struct check *check, struct tyto_co_attn_back *op, const struct a_case *c)
{
    struct pass p = make_pass(check, c);
    struct tyto_buf *bufs[NUM_BUFS] = {0};
    struct tyto_bind b[NUM_BUFS];
    struct tyto_plan *plan = NULL;

    (void)value(&p);
    for (size_t i = 0; i < NUM_BUFS; i++) {
        bufs[i] = check_buf(check,
                            i == LEN         ? (const float *)p.len
                            : i < NUM_VALUES ? p.values[i]
                                             : NULL,
                            p.nums[i]);
        b[i] = (struct tyto_bind){.buf = bufs[i]};
    }
    const struct tyto_co_attn_back_io io = {b[OTHER], b[G],     b[KS],   b[U],       b[S],
                                            b[BETA],  b[ALIGN], b[DOUT], b[SCRATCH], b[DOTHER],
                                            b[DS],    b[DG],    b[DKS],  b[DU]};

    check_must(tyto_plan_create(check->gpu, c->sentence, &plan), "plan");
    check_must(tyto_co_attn_back_record(op, plan, &c->shape, &io), c->sentence);
    check_must(tyto_plan_finish(plan), "finish");
    if (check->bench) {
        (void)check_bench_plan(check, c->sentence, plan, 0);
    } else {
        check_must(tyto_plan_run(plan), "run");
        compare(check, c, &p, bufs);
    }
    tyto_plan_destroy(&plan);
    for (size_t i = 0; i < NUM_BUFS; i++)
        tyto_buf_destroy(&bufs[i]);
    for (size_t i = 0; i < NUM_VALUES; i++)
        free(p.values[i]);
    free(p.len);
}

static const struct a_case cases[] = {
    {"one of everything", {1, 1, 4, 4, 8, 0, 4, 4, 0, 0}, true},
    {"the model's own", {8, 10, 128, 128, 256, 0, 128, 256, 128, 1}, true},
    {"gaps, look-ahead 0", {3, 6, 12, 8, 28, 4, 16, 24, 12, 0}, true},
    {"no mask, windows of every length", {7, 6, 8, 12, 20, 0, 8, 8, 0, UINT32_MAX}, false},
    {"the longest window", {1, TYTO_CO_ATTN_MAX_SEGMENTS, 12, 8, 20, 0, 12, 12, 0, 5}, true},
};

static void refusals(struct check *check, struct tyto_co_attn_back *op)
{
    const struct tyto_co_attn_shape odd = {1, 2, 4, 6, 12, 0, 4, 4, 0, 0};
    const struct tyto_co_attn_shape large = {3, 4, 8, 8, 16, 0, 8, 8, 0, 0};
    struct tyto_buf *buf = check_buf(check, NULL, 128);
    const struct tyto_bind all = {.buf = buf};
    const struct tyto_co_attn_back_io io = {all, all, all, all, all, all, all,
                                            all, all, all, all, all, all, all};
    struct tyto_plan *plan = NULL;

    check_must(tyto_plan_create(check->gpu, "refusals", &plan), "plan");
    check_err(check, tyto_co_attn_back_record(op, plan, &odd, &io), TYTO_ERR_SHAPE,
              "a width that is no multiple of 4");
    check_err(check, tyto_co_attn_back_record(op, plan, &large, &io), TYTO_ERR_SHAPE,
              "buffers too small");
    tyto_plan_destroy(&plan);
    tyto_buf_destroy(&buf);
}

int main(int argc, char **argv)
{
    struct check check;
    struct tyto_co_attn_back *op = NULL;
    int exit_code = 0;

    if (!check_open(&check, argc, argv, &exit_code))
        return exit_code;
    check_must(tyto_co_attn_back_create(check.gpu, &op), "co_attn_back");
    for (size_t i = 0; i < NUM(cases); i++)
        run_case(&check, op, &cases[i]);
    if (!check.bench)
        refusals(&check, op);
    tyto_co_attn_back_destroy(&op);
    return check_close(&check);
}
