/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "trainer/step/discriminant.h"

enum { ROWS = 24, WIDTH = 5, CLASSES = 4 };

struct rig {
    float x[ROWS * WIDTH];
    uint32_t classes[ROWS];
};

/* What scripts/golden/make_discriminant.py makes too. */
static void fill(struct rig *rig)
{
    for (int i = 0; i < ROWS; i++) {
        rig->classes[i] = (uint32_t)(i % CLASSES);
        for (int k = 0; k < WIDTH; k++)
            rig->x[i * WIDTH + k] = (float)(sin(1.3 + 0.7 * i + 2.1 * k + 0.37 * i * k) +
                                            0.5 * cos(1.1 * (i % CLASSES) * (k + 1)));
    }
}

static double value_of(const struct rig *rig, uint32_t num_smallest, double *ret_grads)
{
    const struct tyto_discriminant_params params = {ROWS,    WIDTH, rig->classes,
                                                    CLASSES, 1e-3,  num_smallest};
    double value = NAN;

    assert_int_equal(tyto_discriminant(&params, rig->x, &value, ret_grads), TYTO_OK);
    return value;
}

static void eigenvalues_are_those_of_scipy(void **state)
{
    static const double golden[] = {0.379035688553728, 0.673531442426409, 2.444176840703511};
    double grads[ROWS * WIDTH], sum = 0;
    struct rig rig;

    (void)state;
    fill(&rig);
    for (uint32_t num = 1; num <= 3; num++) {
        sum += golden[num - 1];
        assert_true(fabs(value_of(&rig, num, grads) - sum / num) < 1e-5 * fabs(sum));
    }
    /* more than there are: all */
    assert_true(fabs(value_of(&rig, 9, grads) - sum / 3) < 1e-5 * fabs(sum));
}

static void its_gradient_is_that_of_differences(void **state)
{
    double grads[ROWS * WIDTH], unused[ROWS * WIDTH];
    struct rig rig;

    (void)state;
    fill(&rig);
    rig.classes[3] = TYTO_DISCRIMINANT_NONE;
    for (uint32_t num = 0; num <= 3; num++) {
        double largest = 0;

        (void)value_of(&rig, num, grads);
        for (int i = 0; i < ROWS * WIDTH; i++)
            largest = fmax(largest, fabs(grads[i]));
        for (int i = 0; i < ROWS * WIDTH; i++) {
            const float was = rig.x[i], up = was + 1e-3f, down = was - 1e-3f;

            rig.x[i] = up;
            const double above = value_of(&rig, num, unused);
            rig.x[i] = down;
            const double below = value_of(&rig, num, unused);
            rig.x[i] = was;
            const double slope = (above - below) / ((double)up - (double)down);
            assert_true(fabs(slope - grads[i]) <= 1e-3 * largest);
        }
        for (int k = 0; k < WIDTH; k++)
            assert_true(grads[3 * WIDTH + k] == 0);
    }
}

static void going_up_the_gradient_tells_classes_apart(void **state)
{
    double grads[ROWS * WIDTH];
    struct rig rig;

    (void)state;
    fill(&rig);
    const double before = value_of(&rig, 0, grads);
    for (int step = 0; step < 20; step++) {
        for (int i = 0; i < ROWS * WIDTH; i++)
            rig.x[i] += (float)(0.5 * grads[i]);
        (void)value_of(&rig, 0, grads);
    }
    assert_true(value_of(&rig, 0, grads) > 1.2 * before);
}

static void one_class_or_constant_columns_are_no_error(void **state)
{
    double grads[ROWS * WIDTH];
    struct rig rig;

    (void)state;
    fill(&rig);
    for (int i = 0; i < ROWS; i++)
        rig.x[i * WIDTH + 2] = 0; /* a dead unit */
    assert_true(value_of(&rig, 1, grads) > 0);
    for (int i = 0; i < ROWS; i++)
        assert_true(fabs(grads[i * WIDTH + 2]) < 1e-9);
    memset(rig.classes, 0, sizeof(rig.classes));
    assert_true(value_of(&rig, 0, grads) == 0);
    for (int i = 0; i < ROWS * WIDTH; i++)
        assert_true(grads[i] == 0);
}

static void numbers_that_are_none_are_refused(void **state)
{
    double value = 0, grads[ROWS * WIDTH];
    struct rig rig;

    (void)state;
    fill(&rig);
    rig.x[7] = NAN;
    const struct tyto_discriminant_params params = {ROWS, WIDTH, rig.classes, CLASSES, 1e-3, 0};
    assert_int_equal(tyto_discriminant(&params, rig.x, &value, grads), TYTO_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eigenvalues_are_those_of_scipy),
        cmocka_unit_test(its_gradient_is_that_of_differences),
        cmocka_unit_test(going_up_the_gradient_tells_classes_apart),
        cmocka_unit_test(one_class_or_constant_columns_are_no_error),
        cmocka_unit_test(numbers_that_are_none_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
