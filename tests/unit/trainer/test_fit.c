/* SPDX-License-Identifier: MIT */
/* A last layer that goes on learning: it reaches the one best answer, which can be checked by its
 * slope; what must not change does not; and it ends when it is told to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "trainer/adapt/fit.h"

enum { ROWS = 40, WIDTH = 5, OUTPUTS = 3 };

static float inputs[2][ROWS * WIDTH], starts[2][ROWS * OUTPUTS], targets[2][ROWS * OUTPUTS];

/* A number in -1..1 that follows from its place alone. */
static float made(size_t i)
{
    return (float)sin(12.9898 * (double)(i + 1) + 0.1 * (double)(i % 7));
}

static void make_parts(struct tyto_fit_part parts[2])
{
    for (size_t p = 0; p < 2; p++) {
        for (size_t i = 0; i < (size_t)ROWS * WIDTH; i++)
            inputs[p][i] = made(i + 1000 * p);
        for (size_t i = 0; i < (size_t)ROWS * OUTPUTS; i++) {
            starts[p][i] = 2 * made(i + 77 + 500 * p);
            targets[p][i] = p == 0 ? 1 / (1 + expf(-starts[p][i])) : made(3 * i) > 0;
        }
        parts[p] = (struct tyto_fit_part){.num = ROWS,
                                          .inputs = inputs[p],
                                          .starts = starts[p],
                                          .targets = targets[p],
                                          .weight = p == 0 ? 2 : 1};
    }
}

/* Of the whole loss, by one change; in double. */
static double slope_of(const struct tyto_fit_params *p, const float *changes, size_t k, size_t i)
{
    double slope = 2 * p->hold * (double)changes[k * p->width + i];
    for (uint32_t part = 0; part < p->num_parts; part++) {
        const struct tyto_fit_part *rows = &p->parts[part];
        for (size_t r = 0; r < rows->num; r++) {
            double x = (double)rows->starts[r * p->outputs + k];
            for (size_t j = 0; j < p->width; j++)
                x += (double)rows->inputs[r * p->width + j] * (double)changes[k * p->width + j];
            slope += rows->weight / rows->num *
                     (1 / (1 + exp(-x)) - (double)rows->targets[r * p->outputs + k]) *
                     (double)rows->inputs[r * p->width + i];
        }
    }
    return slope;
}

static void the_slope_is_none_at_the_answer(void **state)
{
    (void)state;
    struct tyto_fit_part parts[2];
    float changes[OUTPUTS * WIDTH];
    make_parts(parts);
    const struct tyto_fit_params params = {.width = WIDTH,
                                           .outputs = OUTPUTS,
                                           .parts = parts,
                                           .num_parts = 2,
                                           .hold = 0.003,
                                           .num_rounds = 20};
    assert_int_equal(tyto_fit(&params, changes), TYTO_OK);
    for (size_t k = 0; k < OUTPUTS; k++)
        for (size_t i = 0; i < WIDTH; i++)
            assert_true(fabs(slope_of(&params, changes, k, i)) < 1e-4);
    float again[OUTPUTS * WIDTH];
    assert_int_equal(tyto_fit(&params, again), TYTO_OK);
    assert_memory_equal(changes, again, sizeof(changes));
}

static void what_is_right_already_stays(void **state)
{
    (void)state;
    struct tyto_fit_part parts[2];
    float changes[OUTPUTS * WIDTH];
    make_parts(parts);
    const struct tyto_fit_params params = {.width = WIDTH,
                                           .outputs = OUTPUTS,
                                           .parts = parts, /* the first alone */
                                           .num_parts = 1,
                                           .hold = 0.01,
                                           .num_rounds = 3};
    assert_int_equal(tyto_fit(&params, changes), TYTO_OK);
    for (size_t i = 0; i < (size_t)OUTPUTS * WIDTH; i++)
        assert_true(fabsf(changes[i]) < 1e-5f);
}

static bool stop_at_two(void *user, const struct tyto_fit_progress *progress, const float *changes)
{
    uint32_t *seen = user;
    (void)changes;
    *seen = progress->round;
    return progress->round < 2;
}

static void it_stops_and_says_what_cannot_be(void **state)
{
    (void)state;
    struct tyto_fit_part parts[2];
    float changes[OUTPUTS * WIDTH];
    uint32_t seen = 0;
    make_parts(parts);
    const struct tyto_fit_params params = {.width = WIDTH,
                                           .outputs = OUTPUTS,
                                           .parts = parts,
                                           .num_parts = 2,
                                           .hold = 0.01,
                                           .num_rounds = 9,
                                           .user = &seen,
                                           .on_round = stop_at_two};
    assert_int_equal(tyto_fit(&params, changes), TYTO_ERR_CLOSED);
    assert_int_equal(seen, 2);
    starts[1][4] = NAN;
    assert_int_equal(tyto_fit(&params, changes), TYTO_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_slope_is_none_at_the_answer),
        cmocka_unit_test(what_is_right_already_stays),
        cmocka_unit_test(it_stops_and_says_what_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
