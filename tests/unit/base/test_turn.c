/* SPDX-License-Identifier: MIT */
/* Pictures turned upright, each of the eight ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/turn.h"

enum { WIDTH = 3, HEIGHT = 2 };

/* abc
 * def */
static const uint8_t stored[] = "abc#def#"; /* rows of 4 bytes */

static void each_way_puts_each_element_where_its_matrix_says(void **state)
{
    (void)state;
    static const struct {
        enum tyto_turn turn;
        int32_t matrix[4];
        const char *upright;
    } cases[] = {
        {TYTO_TURN_NONE, {1, 0, 0, 1}, "abcdef"},
        {TYTO_TURN_MIRROR, {-1, 0, 0, 1}, "cbafed"},
        {TYTO_TURN_180, {-1, 0, 0, -1}, "fedcba"},
        {TYTO_TURN_UPSIDE_DOWN, {1, 0, 0, -1}, "defabc"},
        {TYTO_TURN_TRANSPOSE, {0, 1, 1, 0}, "adbecf"},
        {TYTO_TURN_RIGHT, {0, 1, -1, 0}, "daebfc"},
        {TYTO_TURN_TRANSVERSE, {0, -1, -1, 0}, "fcebda"},
        {TYTO_TURN_LEFT, {0, -1, 1, 0}, "cfbead"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const int32_t *m = cases[i].matrix;
        char upright[7] = "";
        const bool swaps = tyto_turn_swaps(cases[i].turn);
        assert_int_equal(
            tyto_turn_of_matrix(m[0] * 65536, m[1] * 65536, m[2] * 65536, m[3] * 65536),
            cases[i].turn);
        tyto_turn_plane(stored, 4, WIDTH, HEIGHT, 1, cases[i].turn, (uint8_t *)upright,
                        swaps ? HEIGHT : WIDTH);
        assert_string_equal(upright, cases[i].upright);
        /* And where the matrix puts (p, q), moved into the picture. */
        const int32_t width = swaps ? HEIGHT : WIDTH, height = swaps ? WIDTH : HEIGHT;
        for (int32_t q = 0; q < HEIGHT; q++) {
            for (int32_t p = 0; p < WIDTH; p++) {
                int32_t x = m[0] * p + m[2] * q, y = m[1] * p + m[3] * q;
                x += m[0] + m[2] < 0 ? width - 1 : 0;
                y += m[1] + m[3] < 0 ? height - 1 : 0;
                assert_int_equal(upright[y * width + x], stored[q * 4 + p]);
            }
        }
    }
}

static void no_matrix_and_one_that_is_askew_are_something(void **state)
{
    (void)state;
    assert_int_equal(tyto_turn_of_matrix(0, 0, 0, 0), TYTO_TURN_NONE);
    assert_int_equal(tyto_turn_of_matrix(60000, 20000, -20000, 60000), TYTO_TURN_NONE);
    assert_int_equal(tyto_turn_of_matrix(20000, 60000, -60000, 20000), TYTO_TURN_RIGHT);
    assert_int_equal(tyto_turn_of_matrix(INT32_MIN, 0, 0, INT32_MIN), TYTO_TURN_180);
}

static void all_planes_of_odd_frames_are_turned(void **state)
{
    (void)state;
    static const enum tyto_pixel_format formats[] = {TYTO_PIXEL_I420, TYTO_PIXEL_NV12,
                                                     TYTO_PIXEL_RGB};
    uint8_t planes[3][64];
    for (size_t f = 0; f < 3; f++) {
        struct tyto_frame frame = {.format = formats[f],
                                   .width = 5,
                                   .height = 3,
                                   .bt709 = true,
                                   .planes = {planes[0], planes[1], planes[2]},
                                   .strides_bytes = {16, 8, 8}};
        for (int i = 0; i < 3; i++) {
            for (int k = 0; k < 64; k++)
                planes[i][k] = (uint8_t)rand();
        }
        for (int turn = TYTO_TURN_NONE; turn <= TYTO_TURN_LEFT; turn++) {
            static const int back[] = {0, 1, 2, 3, 4, 5, 8, 7, 6};
            struct tyto_frame upright, again;
            void *memory, *second;
            assert_int_equal(tyto_turn_frame_copy(&frame, (enum tyto_turn)turn, &memory, &upright),
                             TYTO_OK);
            assert_int_equal(tyto_frame_check(&upright), TYTO_OK);
            assert_true(upright.bt709);
            assert_int_equal(
                tyto_turn_frame_copy(&upright, (enum tyto_turn)back[turn], &second, &again),
                TYTO_OK);
            assert_int_equal(again.width, 5);
            const uint32_t row_bytes = formats[f] == TYTO_PIXEL_RGB ? 15 : 5;
            for (uint32_t y = 0; y < 3; y++)
                assert_memory_equal(again.planes[0] + y * again.strides_bytes[0],
                                    planes[0] + y * 16, row_bytes);
            const uint32_t chroma_bytes = formats[f] == TYTO_PIXEL_NV12 ? 6 : 3;
            for (uint32_t y = 0; formats[f] != TYTO_PIXEL_RGB && y < 2; y++)
                assert_memory_equal(again.planes[1] + y * again.strides_bytes[1], planes[1] + y * 8,
                                    chroma_bytes);
            free(memory);
            free(second);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_way_puts_each_element_where_its_matrix_says),
        cmocka_unit_test(no_matrix_and_one_that_is_askew_are_something),
        cmocka_unit_test(all_planes_of_odd_frames_are_turned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
