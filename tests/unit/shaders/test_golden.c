/* SPDX-License-Identifier: MIT */
/* The filled numbers in C are those that Python made goldens with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/golden/cman_small.h"
#include "tests/golden/fill.h"
#include "tests/golden/filled.h"

static void the_fill_in_c_equals_the_fill_in_python(void **state)
{
    float *want = golden_read("filled.f32", GOLDEN_FILLED_NUM);
    float got[GOLDEN_FILLED_AUDIO_NUM];

    (void)state;
    assert_non_null(want);
    golden_fill("in.audio", got, GOLDEN_FILLED_AUDIO_NUM, 2.0f);
    assert_memory_equal(got, want + GOLDEN_FILLED_AUDIO_AT, sizeof(got));
    golden_fill("head.0.weight", got, GOLDEN_FILLED_WEIGHT_NUM, golden_weight_scale(256));
    assert_memory_equal(got, want + GOLDEN_FILLED_WEIGHT_AT,
                        GOLDEN_FILLED_WEIGHT_NUM * sizeof(float));
    free(want);
}

static void the_picture_in_c_equals_the_picture_in_python(void **state)
{
    enum { WIDTH = 321, HEIGHT = 7 };
    static uint8_t rgb[WIDTH * HEIGHT * 3];
    float *want = golden_read("filled.f32", GOLDEN_FILLED_NUM);
    size_t i;

    (void)state;
    assert_non_null(want);
    assert_int_equal(GOLDEN_FILLED_PICTURE_NUM, sizeof(rgb));
    golden_picture(rgb, WIDTH, HEIGHT);
    for (i = 0; i < sizeof(rgb); i++)
        assert_int_equal(rgb[i], (int)want[GOLDEN_FILLED_PICTURE_AT + i]);
    free(want);
}

static void a_golden_file_of_another_size_is_refused(void **state)
{
    (void)state;
    assert_null(golden_read("cman_small.f32", GOLDEN_CMAN_SMALL_NUM - 1));
    assert_null(golden_read("cman_small.f32", GOLDEN_CMAN_SMALL_NUM + 1));
    assert_null(golden_read("no-such-file.f32", 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fill_in_c_equals_the_fill_in_python),
        cmocka_unit_test(the_picture_in_c_equals_the_picture_in_python),
        cmocka_unit_test(a_golden_file_of_another_size_is_refused),
    };

    return cmocka_run_group_tests_name("golden", tests, NULL, NULL);
}
