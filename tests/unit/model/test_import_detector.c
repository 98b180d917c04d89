/* SPDX-License-Identifier: MIT */
/* Import of a visual encoder with a detector: columns, scores and boxes are what PyTorch says, for
 * wide and tall pictures, and what does not fit is named. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/model/import_rig.h"

static const struct tyto_import_detector small_detector = {.names = "???\nDog\nCar\n",
                                                           .side_px = 16,
                                                           .min_scale = 0.25f,
                                                           .max_scale = 0.75f,
                                                           .centre_scale = 10,
                                                           .size_scale = 5};

static struct tyto_import_params detector_params(const struct tyto_import_detector *detector)
{
    return (struct tyto_import_params){.output_name = "level1",
                                       .num_more_outputs = 2,
                                       .more_output_names = {"raw/scores", "raw/boxes"},
                                       .detector = detector,
                                       .letterbox = true};
}

/* Each output of a file that has been written and read. */
static void a_detector_gives_features_scores_and_boxes(void **state)
{
    (void)state;
    const size_t at[] = {GOLDEN_IMPORT_DETECTOR_AT, GOLDEN_IMPORT_DETECTOR_SCORES_AT,
                         GOLDEN_IMPORT_DETECTOR_BOXES_AT};
    const size_t num[] = {GOLDEN_IMPORT_DETECTOR_NUM, GOLDEN_IMPORT_DETECTOR_SCORES_NUM,
                          GOLDEN_IMPORT_DETECTOR_BOXES_NUM};
    struct tyto_encoder_file *file = import("detector.tflite", detector_params(&small_detector));
    struct tyto_encoder_file *back = NULL;
    struct tyto_fault fault = {0};
    file->kind = TYTO_ENCODER_VISUAL;
    assert_int_equal(tyto_encoder_file_write(file, out_path, &fault), TYTO_OK);
    assert_int_equal(tyto_encoder_file_read(out_path, &back, &fault), TYTO_OK);
    for (uint32_t i = 0; i < 3; i++) {
        struct tyto_graph one = back->graph;
        assert_int_equal(tyto_graph_num_outs(&one), 3);
        one.out_idx = tyto_graph_out(&back->graph, i);
        one.num_more_outs = 0;
        assert_gives(&one, "detector", golden + at[i], num[i]);
    }
    assert_int_equal(back->fit, TYTO_FIT_LETTERBOX);
    assert_true(back->has_detector);
    const struct tyto_detector *detector = &back->detector;
    assert_int_equal(detector->num_classes, 2);
    assert_string_equal(detector->names[1], "Car");
    assert_int_equal(detector->first_column, 8);
    assert_int_equal(detector->num_levels, 3);
    const struct tyto_detector_level *level = detector->levels;
    assert_true(level[0].rows == 8 && level[0].cols == 12 && level[0].num_shapes == 3);
    assert_float_equal(level[0].heights[0], 16 * 0.125, 1e-5);
    assert_float_equal(level[0].widths[1], 5.656854f, 1e-5);
    assert_float_equal(level[1].heights[5], 9.797959f, 1e-5);
    assert_float_equal(level[2].heights[5], 13.856406f, 1e-5);
    tyto_encoder_file_destroy(&back);
    tyto_encoder_file_destroy(&file);
}

/* Between the features and the classes come the finer tensor's columns. */
static void a_finer_tensor_is_pooled_to_the_places(void **state)
{
    enum { PLACES = 4 * 6, OWN = 8, FINER = 6, MORE = 3, ALL = OWN + FINER + MORE };
    (void)state;
    struct tyto_import_params params = detector_params(&small_detector);
    float want[PLACES * ALL];
    params.pooled_name = "level0";
    params.tall = true;
    struct tyto_encoder_file *file = import("detector.tflite", params);
    for (int i = 0; i < PLACES; i++) {
        const float *before = golden + GOLDEN_IMPORT_DETECTOR_AT + i * (OWN + MORE);
        memcpy(want + i * ALL, before, OWN * sizeof(*want));
        memcpy(want + i * ALL + OWN, golden + GOLDEN_IMPORT_DETECTOR_POOLED_AT + i * FINER,
               FINER * sizeof(*want));
        memcpy(want + i * ALL + OWN + FINER, before + OWN, MORE * sizeof(*want));
    }
    struct tyto_graph one = file->graph;
    one.num_more_outs = 0;
    assert_gives(&one, "detector", want, PLACES * ALL);
    assert_int_equal(file->detector.first_column, OWN + FINER);
    assert_true(file->has_tall);
    tyto_encoder_file_destroy(&file);
}

static void a_detector_follows_another_input_size(void **state)
{
    (void)state;
    struct tyto_import_params params = detector_params(&small_detector);
    params.input_h = 24;
    params.input_w = 24;
    struct tyto_encoder_file *file = import("detector.tflite", params);
    const struct tyto_value *features = &file->graph.values[file->graph.out_idx];
    assert_true(features->h == 6 && features->w == 6 && features->c == 11);
    assert_int_equal(tyto_detector_num_anchors(&file->detector),
                     12 * 12 * 3 + 6 * 6 * 6 + 3 * 3 * 6);
    tyto_encoder_file_destroy(&file);
}

/* The graph for tall pictures is the one that the other input size gives. */
static void a_tall_graph_has_the_weights_of_the_wide_one(void **state)
{
    (void)state;
    struct tyto_import_params params = detector_params(&small_detector);
    struct tyto_fault fault = {0};
    struct tyto_encoder_file *back = NULL;
    params.tall = true;
    struct tyto_encoder_file *file = import("detector.tflite", params);
    file->kind = TYTO_ENCODER_VISUAL;
    assert_int_equal(tyto_encoder_file_write(file, out_path, &fault), TYTO_OK);
    tyto_encoder_file_destroy(&file);
    if (tyto_encoder_file_read(out_path, &back, &fault))
        fail_msg("%s: %s", fault.key, fault.text);
    params.tall = false;
    params.input_h = 24;
    params.input_w = 16;
    file = import("detector.tflite", params);
    const size_t num = 6 * 4 * 11;
    float input[24 * 16 * 4];
    double want[6 * 4 * 11], got[6 * 4 * 11];
    assert_true(back->has_tall && tyto_value_num_floats(&back->tall.values[0]) == 24 * 16 * 4);
    golden_fill("tall", input, 24 * 16 * 4, 2);
    assert_int_equal(tyto_graph_ref_run(&file->graph, input, want), TYTO_OK);
    assert_int_equal(tyto_graph_ref_run(&back->tall, input, got), TYTO_OK);
    for (size_t i = 0; i < num; i++)
        assert_true(fabs(got[i] - want[i]) < 1e-9);
    assert_int_equal(back->tall_detector.levels[0].rows, 12);
    assert_int_equal(back->tall_detector.levels[0].cols, 8);

    /* Another network is no tall form of this one. */
    struct tyto_graph other = back->tall;
    other.layers[1].act = TYTO_ACT_TANH;
    assert_non_null(tyto_encoder_file_set_tall(back, &other, &back->tall_detector));
    other = back->tall;
    other.layers[2].in_idx[0] = 9999;
    assert_non_null(tyto_encoder_file_set_tall(back, &other, &back->tall_detector));
    other = back->tall;
    other.num_layers--;
    assert_non_null(tyto_encoder_file_set_tall(back, &other, &back->tall_detector));
    tyto_encoder_file_destroy(&back);
    tyto_encoder_file_destroy(&file);
}

static void what_is_resized_and_laid_together_is_what_pytorch_says(void **state)
{
    (void)state;
    struct tyto_import_params params = {.output_name = "both"};
    struct tyto_encoder_file *file = import("detector.tflite", params);
    float *input = calloc(16 * 24 * 4, sizeof(*input)), *picture = calloc(16 * 24 * 3, 4);
    double *got = calloc(GOLDEN_IMPORT_DETECTOR_BOTH_NUM, sizeof(*got));
    assert_true(input && picture && got);
    golden_fill("detector", input, 16 * 24 * 4, 2); /* its fourth channel is not read */
    for (int i = 0; i < 16 * 24 * 3; i++)
        picture[i] = input[i / 3 * 4 + i % 3];
    assert_int_equal(tyto_graph_ref_run(&file->graph, picture, got), TYTO_OK);
    for (int i = 0; i < GOLDEN_IMPORT_DETECTOR_BOTH_NUM; i++)
        assert_float_equal(got[i], golden[GOLDEN_IMPORT_DETECTOR_BOTH_AT + i], 1e-5);
    free(input);
    free(picture);
    free(got);
    tyto_encoder_file_destroy(&file);
}

static void a_detector_that_does_not_fit_is_named(void **state)
{
    (void)state;
    struct tyto_import_detector few = small_detector, empty = small_detector;
    few.names = "Dog\nCar\n";
    empty.names = "???\n\nCar\n";
    struct {
        struct tyto_import_params params;
        const char *key, *text;
    } cases[] = {
        {detector_params(&few), "detector (scores, boxes)", "do not fit each other and 2 names"},
        {detector_params(&empty), "detector (scores, boxes)", "class name 1 is empty"},
        {detector_params(&small_detector), "detector (scores, boxes)", "needs three outputs"},
        {detector_params(&small_detector), "detector (scores, boxes)",
         "must each be a CONCATENATION"},
        {detector_params(&small_detector), "letterbox (input)", "picture of whole places"},
        {detector_params(&small_detector), "pooled (output)", "has no whole number of rows"},
    };
    cases[2].params.num_more_outputs = 1;
    cases[3].params.more_output_names[0] = "classes0";
    cases[4].params.input_h = 23;
    cases[4].params.input_w = 24;
    cases[5].params.pooled_name = "level2";
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tyto_encoder_file *file = NULL;
        struct tyto_fault fault = {0};
        cases[i].params.path = model_path("detector.tflite");
        const enum tyto_err err = tyto_import(&cases[i].params, &file, &fault);
        if (!err || strcmp(fault.key, cases[i].key) != 0 || !strstr(fault.text, cases[i].text))
            fail_msg("case %zu: %s, \"%s\", \"%s\"", i, tyto_err_text(err), fault.key, fault.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_detector_gives_features_scores_and_boxes),
        cmocka_unit_test(a_finer_tensor_is_pooled_to_the_places),
        cmocka_unit_test(a_detector_follows_another_input_size),
        cmocka_unit_test(a_tall_graph_has_the_weights_of_the_wide_one),
        cmocka_unit_test(what_is_resized_and_laid_together_is_what_pytorch_says),
        cmocka_unit_test(a_detector_that_does_not_fit_is_named),
    };
    return cmocka_run_group_tests_name("import_detector", tests, set_up, tear_down);
}
