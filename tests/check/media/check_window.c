/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shaders/window/window.h"
#include "tests/check/check.h"

#define NUM(array) (sizeof(array) / sizeof(*(array)))

struct a_case {
    const char *sentence;
    struct tyto_window_shape shape;
    uint32_t num_steps;
};

/* Each stream takes part in most steps and begins anew now and then. */
static void make_items(const struct tyto_window_shape *s, uint32_t step, uint32_t *lens,
                       uint32_t *slots, struct tyto_window_item *items)
{
    for (uint32_t b = 0; b < s->batch; b++) {
        const uint32_t stream = (b + step) % s->num_streams;

        if (b >= s->num_streams || (b + step) % 7 == 6) {
            items[b] = (struct tyto_window_item){.stream = TYTO_WINDOW_NO_STREAM, .len = 99};
            continue;
        }
        lens[stream] = (stream * 3 + step) % 11 == 10 ? 0 : lens[stream];
        lens[stream] += lens[stream] < s->num_segments ? 1 : 0;
        items[b] =
            (struct tyto_window_item){.stream = stream, .slot = slots[stream], .len = lens[stream]};
        slots[stream] = (slots[stream] + 1) % s->num_segments;
    }
}

static void run_case(struct check *check, struct tyto_window *op, const struct a_case *c)
{
    const struct tyto_window_shape *s = &c->shape;
    const size_t num_new = (size_t)s->batch * s->width;
    const size_t num_ring = (size_t)s->num_streams * s->num_segments * s->width;
    const size_t num = num_new * s->num_segments;
    float *newest = check_floats(num_new);
    float *ring = check_floats(num_ring);
    float *want = check_floats(num);
    float *got = check_floats(num);
    struct tyto_window_item *items = calloc(s->batch, sizeof(*items));
    uint32_t *lens = calloc(s->num_streams, sizeof(*lens));
    uint32_t *slots = calloc(s->num_streams, sizeof(*slots));
    struct tyto_plan *plan = NULL;
    bool good = true;

    if (!items || !lens || !slots)
        check_must(TYTO_ERR_NOMEM, "items");
    struct tyto_buf *bufs[] = {check_buf(check, NULL, num_new), check_buf(check, NULL, num_ring),
                               check_buf(check, NULL, 4 * (size_t)s->batch),
                               check_buf(check, NULL, num)};
    const struct tyto_window_io io = {
        {.buf = bufs[0]}, {.buf = bufs[1]}, {.buf = bufs[2]}, {.buf = bufs[3]}};

    check_must(tyto_plan_create(check->gpu, c->sentence, &plan), "plan");
    check_must(tyto_window_record(op, plan, s, &io), c->sentence);
    check_must(tyto_plan_finish(plan), "finish");
    if (check->bench)
        (void)check_bench_plan(check, c->sentence, plan, 0);
    for (uint32_t step = 0; step < c->num_steps && !check->bench; step++) {
        check_fill(check, newest, num_new, 1);
        make_items(s, step, lens, slots, items);
        check_must(tyto_buf_write(bufs[0], 0, newest, num_new * sizeof(float)), "write");
        check_must(tyto_buf_write(bufs[2], 0, items, s->batch * sizeof(*items)), "write");
        check_must(tyto_plan_run(plan), "run");
        check_must(tyto_buf_read(bufs[3], 0, got, num * sizeof(float)), "read");
        tyto_window_ref(s, newest, ring, items, want);
        good = good && memcmp(got, want, num * sizeof(float)) == 0;
    }
    check_that(check, good, "%s: not exact", c->sentence);
    tyto_plan_destroy(&plan);
    for (size_t i = 0; i < NUM(bufs); i++)
        tyto_buf_destroy(&bufs[i]);
    free(newest);
    free(ring);
    free(want);
    free(got);
    free(items);
    free(lens);
    free(slots);
}

static const struct a_case cases[] = {
    {"one of everything", {1, 1, 1, 1}, 3},     {"the model's own", {24, 10, 128, 24}, 25},
    {"a place map", {5, 10, 49, 9}, 31},        {"more items than streams", {6, 3, 5, 4}, 12},
    {"the longest window", {2, 64, 8, 3}, 140}, {"many items", {4096, 2, 3, 4096}, 3},
};

static const struct a_case benches[] = {{"24 x 10 x 128", {24, 10, 128, 24}, 0}};

/* Slots and lengths out of range are held to the ring. */
static void hostile(struct check *check, struct tyto_window *op)
{
    const struct tyto_window_shape shape = {2, 4, 8, 2};
    const struct tyto_window_item items[] = {{0, 400, 9, 0}, {1, 0, 0, 0}};
    float newest[16], got[64];
    struct tyto_plan *plan = NULL;

    check_fill(check, newest, 16, 1);
    struct tyto_buf *bufs[] = {check_buf(check, newest, 16), check_buf(check, NULL, 64),
                               check_buf(check, (const float *)items, 8),
                               check_buf(check, NULL, 64)};
    const struct tyto_window_io io = {
        {.buf = bufs[0]}, {.buf = bufs[1]}, {.buf = bufs[2]}, {.buf = bufs[3]}};

    check_must(tyto_plan_create(check->gpu, "hostile", &plan), "plan");
    check_must(tyto_window_record(op, plan, &shape, &io), "hostile");
    check_must(tyto_plan_finish(plan), "finish");
    check_must(tyto_plan_run(plan), "run");
    check_must(tyto_buf_read(bufs[3], 0, got, sizeof(got)), "read");
    check_that(check, memcmp(got + 24, newest, 32) == 0, "a slot and a length over the end");
    check_that(check, memcmp(got + 32, newest + 8, 32) == 0, "a length of 0 counts as 1");
    tyto_plan_destroy(&plan);
    for (size_t i = 0; i < NUM(bufs); i++)
        tyto_buf_destroy(&bufs[i]);
}

static void refusals(struct check *check, struct tyto_window *op)
{
    struct tyto_buf *buf = check_buf(check, NULL, 64);
    const struct tyto_bind all = {.buf = buf};
    const struct tyto_window_io io = {all, all, all, all};
    struct tyto_window_shape shape = {2, 4, 8, 2};
    struct tyto_plan *plan = NULL;

    check_must(tyto_plan_create(check->gpu, "refusals", &plan), "plan");
    shape.num_streams = 3;
    check_err(check, tyto_window_record(op, plan, &shape, &io), TYTO_ERR_SHAPE, "a short ring");
    shape = (struct tyto_window_shape){2, 0, 8, 2};
    check_err(check, tyto_window_record(op, plan, &shape, &io), TYTO_ERR_SHAPE, "no segment");
    shape = (struct tyto_window_shape){3, 4, 8, 2};
    check_err(check, tyto_window_record(op, plan, &shape, &io), TYTO_ERR_SHAPE, "a short output");
    tyto_plan_destroy(&plan);
    tyto_buf_destroy(&buf);
}

int main(int argc, char **argv)
{
    struct tyto_window *op = NULL;
    struct check check;
    int code = 0;

    if (!check_open(&check, argc, argv, &code))
        return code;
    check_must(tyto_window_create(check.gpu, &op), "window");
    for (size_t i = 0; i < NUM(benches) && check.bench; i++)
        run_case(&check, op, &benches[i]);
    for (size_t i = 0; i < NUM(cases) && !check.bench; i++)
        run_case(&check, op, &cases[i]);
    if (!check.bench) {
        hostile(&check, op);
        refusals(&check, op);
    }
    tyto_window_destroy(&op);
    return check_close(&check);
}
