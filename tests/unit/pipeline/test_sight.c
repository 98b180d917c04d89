/* SPDX-License-Identifier: MIT */
/* Boxes and maps over the picture: of a detector by its anchors, of places by where the picture
 * lies among them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "pipeline/track/sight.h"

enum { CLASSES = 2, ANCHORS = 2 * 3 * 2 + 1, INPUT_H = 32, INPUT_W = 48 };

static const struct tyto_value input = {INPUT_H, INPUT_W, 4};
static const struct tyto_picture_fit whole = {.width = 1, .height = 1};
static struct tyto_detector detector;
static float scores[ANCHORS][CLASSES], boxes[ANCHORS][4];
static struct tyto_detection found[8];

static int reset(void **state)
{
    (void)state;
    detector = (struct tyto_detector){
        .num_classes = CLASSES,
        .num_levels = 2,
        .names = {"Cattle", "Computer mouse"},
        .levels = {{.rows = 2, .cols = 3, .num_shapes = 2, .heights = {8, 16}, .widths = {8, 4}},
                   {.rows = 1, .cols = 1, .num_shapes = 1, .heights = {30}, .widths = {40}}},
        .centre_scale = 10,
        .size_scale = 5,
    };
    memset(boxes, 0, sizeof(boxes));
    for (int i = 0; i < ANCHORS; i++)
        for (int c = 0; c < CLASSES; c++)
            scores[i][c] = -9;
    return 0;
}

static uint32_t find(const struct tyto_picture_fit *fit, uint32_t max)
{
    return tyto_detector_find(&detector, &input, fit, scores[0], boxes[0], 0.25f, found, max);
}

static void assert_box(const struct tyto_detection *one, double left, double top, double right,
                       double bottom)
{
    assert_float_equal(one->left, left, 1e-6);
    assert_float_equal(one->top, top, 1e-6);
    assert_float_equal(one->right, right, 1e-6);
    assert_float_equal(one->bottom, bottom, 1e-6);
}

static void a_code_of_zeros_is_the_anchor(void **state)
{
    (void)state;
    scores[2 * (3 + 1)][1] = 0; /* row 1, column 1, shape 0: around (24, 24), 8 x 8 */
    assert_int_equal(tyto_detector_num_anchors(&detector), ANCHORS);
    assert_int_equal(find(&whole, 8), 1);
    assert_int_equal(found[0].class_idx, 1);
    assert_float_equal(found[0].score, 0.5, 1e-6);
    assert_box(&found[0], 20.0 / 48, 20.0 / 32, 28.0 / 48, 28.0 / 32);
}

static void codes_move_and_stretch_the_anchor(void **state)
{
    (void)state;
    const float code[4] = {10, -5, 5 * logf(0.5f), 0}; /* down by 16, left by 2, half as high */
    memcpy(boxes[1], code, sizeof(code));              /* shape 1 at (8, 8): 16 high, 4 wide */
    scores[1][0] = 2;
    assert_int_equal(find(&whole, 8), 1);
    assert_box(&found[0], 4.0 / 48, 20.0 / 32, 8.0 / 48, 28.0 / 32);
}

/* The picture takes the middle two thirds of the width: what sticks out of it is cut off. */
static void boxes_are_in_shares_of_a_letterboxed_picture(void **state)
{
    (void)state;
    const struct tyto_picture_fit fit = {.left = 8.0f / 48, .width = 32.0f / 48, .height = 1};
    scores[ANCHORS - 1][0] = 1; /* the coarse anchor: 40 wide, 30 high, in the middle */
    scores[0][1] = 1;           /* at (8, 8), 8 wide: half of it is beside the picture */
    assert_int_equal(find(&fit, 8), 2);
    assert_box(&found[0], 0, 4.0 / 32, 4.0 / 32, 12.0 / 32);
    assert_box(&found[1], 0, 1.0 / 32, 1, 31.0 / 32);
}

static void what_lies_beside_the_picture_is_not_found(void **state)
{
    (void)state;
    const struct tyto_picture_fit fit = {.left = 0.5f, .width = 0.5f, .height = 1};
    scores[0][1] = 5;
    assert_int_equal(find(&fit, 8), 0);
}

/* Where boxes begin, each weighed by its score. */
static float mean_of(const float *logits, const float *lefts, int num)
{
    float sum = 0, weighed = 0;
    for (int i = 0; i < num; i++) {
        const float score = 1 / (1 + expf(-logits[i]));
        sum += score;
        weighed += score * lefts[i];
    }
    return weighed / sum;
}

static void of_boxes_that_share_most_the_highest_stays_between_them_all(void **state)
{
    static const float logits[] = {4, 3, 2, 1};
    static const float lefts[] = {4.0f / 48, 6.0f / 48, 8.0f / 48, 10.0f / 48};
    (void)state;
    /* Four of a class in a row, each sharing 3/5 with the next: 0 hides 1, which hides no more. */
    for (int i = 0; i < 4; i++) {
        scores[2 * i][0] = 4.0f - (float)i;
        for (int k = 0; k < 4; k++)
            boxes[2 * i][k] = 0;
        const float wanted_x = 8.0f + 2.0f * (float)i, anchor_x = 8.0f + 16.0f * (float)(i % 3);
        const float anchor_y = 8.0f + 16.0f * (float)(i / 3);
        boxes[2 * i][0] = (8.0f - anchor_y) / 8.0f * 10.0f;
        boxes[2 * i][1] = (wanted_x - anchor_x) / 8.0f * 10.0f;
    }
    scores[2][1] = 3; /* another class at the place of a hidden one is not hidden */
    assert_int_equal(find(&whole, 8), 3);
    assert_float_equal(found[0].left, mean_of(logits, lefts, 2), 1e-5);
    assert_float_equal(found[0].score, 1 / (1 + expf(-4)), 1e-5);
    assert_int_equal(found[1].class_idx, 1);
    assert_float_equal(found[1].left, lefts[1], 1e-5);
    assert_int_equal(found[2].class_idx, 0);
    assert_float_equal(found[2].left, mean_of(logits + 1, lefts + 1, 3), 1e-5);
    assert_int_equal(find(&whole, 1), 1);
    assert_float_equal(found[0].left, mean_of(logits, lefts, 2), 1e-5);
}

static void numbers_that_are_none_are_not_found(void **state)
{
    (void)state;
    scores[0][0] = NAN;
    scores[2][0] = 3;
    boxes[2][2] = NAN;
    assert_int_equal(find(&whole, 8), 0);
}

static void a_detector_that_does_not_fit_its_graph_is_refused(void **state)
{
    struct tyto_graph graph = {.num_values = 4, .num_more_outs = 2, .more_outs = {2, 3}};
    (void)state;
    graph.out_idx = 1;
    graph.values[1] = (struct tyto_value){2, 3, 10};
    graph.values[2] = (struct tyto_value){ANCHORS, 1, CLASSES};
    graph.values[3] = (struct tyto_value){ANCHORS, 1, 4};
    detector.first_column = 8;
    assert_null(tyto_detector_check(&detector, &graph));
    detector.first_column = 9;
    assert_non_null(tyto_detector_check(&detector, &graph));
    detector.first_column = TYTO_DETECTOR_NO_COLUMNS;
    assert_null(tyto_detector_check(&detector, &graph));
    detector.first_column = 8;
    detector.levels[1].rows = 2;
    assert_non_null(tyto_detector_check(&detector, &graph));
    detector.levels[1].rows = 1;
    detector.levels[0].widths[1] = NAN;
    assert_non_null(tyto_detector_check(&detector, &graph));
    detector.levels[0].widths[1] = 4;
    detector.size_scale = 0;
    assert_non_null(tyto_detector_check(&detector, &graph));
    detector.size_scale = 5;
    graph.num_more_outs = 1;
    assert_non_null(tyto_detector_check(&detector, &graph));
}

static void a_detector_comes_back_from_its_json(void **state)
{
    (void)state;
    struct tyto_detector back;
    struct tyto_json *json = tyto_detector_to_json(&detector);
    assert_non_null(json);
    assert_true(tyto_detector_from_json(json, &back));
    tyto_json_destroy(&json);
    assert_int_equal(back.num_levels, 2);
    assert_string_equal(back.names[1], "Computer mouse");
    assert_int_equal(back.levels[0].cols, 3);
    assert_float_equal(back.levels[0].widths[1], 4, 0);
    assert_float_equal(back.size_scale, 5, 0);
}

static void a_class_is_shown_by_its_name_or_another_word_for_it(void **state)
{
    (void)state;
    struct tyto_sight sight = {.num_found = 2,
                               .found = {{.class_idx = 1, .right = 0.5f, .bottom = 0.25f},
                                         {.class_idx = 0, .right = 1, .bottom = 1}}};
    struct tyto_box box;
    assert_true(tyto_sight_shows("Person", "person"));
    assert_false(tyto_sight_shows("Car", "cart"));
    assert_true(tyto_sight_box(&sight, &detector, "computer_mouse", &box));
    assert_float_equal(box.x1, 0.5, 0);
    assert_true(tyto_sight_box(&sight, &detector, "cow", &box));
    assert_float_equal(box.x1, 1, 0);
    assert_false(tyto_sight_box(&sight, &detector, "dog", &box));
    assert_false(tyto_sight_box(&sight, NULL, "cow", &box));
}

static void a_map_over_the_places_becomes_one_over_the_picture(void **state)
{
    enum { ROWS = 2, COLS = 4 };
    const float places[ROWS * COLS] = {9, 1, 2, 9, 9, 3, 4, 9};
    float map[ROWS * COLS];
    const struct tyto_picture_fit middle = {.left = 0.25f, .width = 0.5f, .height = 1};
    (void)state;
    tyto_sight_map(&whole, ROWS, COLS, places, map);
    for (int i = 0; i < ROWS * COLS; i++)
        assert_float_equal(map[i], places[i], 1e-6);
    tyto_sight_map(&middle, ROWS, COLS, places, map);
    const float wanted[ROWS * COLS] = {0.5f, 0.5f, 1, 1, 1.5f, 1.5f, 2, 2};
    for (int i = 0; i < ROWS * COLS; i++)
        assert_float_equal(map[i], wanted[i], 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_code_of_zeros_is_the_anchor, reset),
        cmocka_unit_test_setup(codes_move_and_stretch_the_anchor, reset),
        cmocka_unit_test_setup(boxes_are_in_shares_of_a_letterboxed_picture, reset),
        cmocka_unit_test_setup(what_lies_beside_the_picture_is_not_found, reset),
        cmocka_unit_test_setup(of_boxes_that_share_most_the_highest_stays_between_them_all, reset),
        cmocka_unit_test_setup(numbers_that_are_none_are_not_found, reset),
        cmocka_unit_test_setup(a_detector_that_does_not_fit_its_graph_is_refused, reset),
        cmocka_unit_test_setup(a_detector_comes_back_from_its_json, reset),
        cmocka_unit_test_setup(a_class_is_shown_by_its_name_or_another_word_for_it, reset),
        cmocka_unit_test_setup(a_map_over_the_places_becomes_one_over_the_picture, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
