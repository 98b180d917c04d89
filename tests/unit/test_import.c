/* SPDX-License-Identifier: MIT */
/* Import: small networks give what PyTorch says they give, what cannot be
 * imported is named, and an encoder file comes back as it was written. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "files/safetensors.h"
#include "model/executor/xnnpack.h"
#include "model/graph/file.h"
#include "model/graph/ref.h"
#include "model/import/import.h"
#include "tests/golden/fill.h"
#include "tests/golden/import.h"

static float *golden;
static char dir[] = "/tmp/tyto-import-XXXXXX";
static char out_path[64];

static int set_up(void **state)
{
    (void)state;
    golden = golden_read("import.f32", GOLDEN_IMPORT_NUM);
    if (!golden || !mkdtemp(dir))
        return -1;
    snprintf(out_path, sizeof(out_path), "%s/out.safetensors", dir);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(golden);
    unlink(out_path);
    return rmdir(dir);
}

static const char *model_path(const char *name)
{
    static char path[4096];
    const char *folder = getenv("TYTO_GOLDEN_DIR");
    snprintf(path, sizeof(path), "%s/../fuzz/corpus/import/%s", folder ? folder : "tests/golden",
             name);
    return path;
}

static struct tyto_encoder_file *import(const char *name, struct tyto_import_params params)
{
    struct tyto_encoder_file *file = NULL;
    struct tyto_fault fault = {0};
    params.path = model_path(name);
    if (tyto_import(&params, &file, &fault))
        fail_msg("%s: %s: %s", name, fault.key, fault.text);
    return file;
}

/* The graph's output for golden_fill(name, ..., 2) is what PyTorch gave, by both executors. */
static void assert_gives(const struct tyto_graph *graph, const char *name, const float *want,
                         size_t num_want)
{
    const struct tyto_value *in = &graph->values[0], *out = &graph->values[graph->out_idx];
    const size_t num_in = (size_t)in->h * in->w * in->c, num_out = (size_t)out->h * out->w * out->c;
    float *input = calloc(num_in, sizeof(*input)), *output = calloc(num_out, sizeof(*output));
    double *reference = calloc(num_out, sizeof(*reference));
    struct tyto_executor_xnn *exec = NULL;
    assert_int_equal(num_out, num_want);
    assert_true(input && output && reference);
    golden_fill(name, input, num_in, 2);
    assert_int_equal(tyto_graph_ref_run(graph, input, reference), TYTO_OK);
    assert_int_equal(tyto_executor_xnn_create(graph, 1, 1, &exec), TYTO_OK);
    assert_int_equal(tyto_executor_xnn_run(exec, input, &output, 1), TYTO_OK);
    for (size_t i = 0; i < num_out; i++) {
        const double limit = 1e-5 * (1 + fabs((double)want[i]));
        if (!(fabs(reference[i] - (double)want[i]) <= limit) ||
            !(fabs((double)output[i] - (double)want[i]) <= limit))
            fail_msg("%s, element %zu: PyTorch %g, reference %g, XNNPACK %g", name, i,
                     (double)want[i], reference[i], (double)output[i]);
    }
    tyto_executor_xnn_destroy(&exec);
    free(input);
    free(output);
    free(reference);
}

static void networks_give_what_pytorch_says(void **state)
{
    (void)state;
    const struct {
        const char *file, *name;
        size_t at, num;
        uint32_t num_layers; /* after fusing */
    } cases[] = {
        {"cnn.onnx", "cnn", GOLDEN_IMPORT_CNN_AT, GOLDEN_IMPORT_CNN_NUM, 13},
        {"flat.onnx", "flat", GOLDEN_IMPORT_FLAT_AT, GOLDEN_IMPORT_FLAT_NUM, 2},
        {"nhwc.onnx", "nhwc", GOLDEN_IMPORT_NHWC_AT, GOLDEN_IMPORT_NHWC_NUM, 2},
        {"half.tflite", "half", GOLDEN_IMPORT_HALF_AT, GOLDEN_IMPORT_HALF_NUM, 8},
        {"int8.tflite", "int8", GOLDEN_IMPORT_INT8_AT, GOLDEN_IMPORT_INT8_NUM, 2},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tyto_encoder_file *file = import(cases[i].file, (struct tyto_import_params){0});
        assert_int_equal(file->graph.num_layers, cases[i].num_layers);
        assert_string_equal(file->source, cases[i].file);
        assert_int_equal(strlen(file->source_sha256), 64);
        assert_gives(&file->graph, cases[i].name, golden + cases[i].at, cases[i].num);
        tyto_encoder_file_destroy(&file);
    }
}

static void an_encoder_file_comes_back_as_it_was_written(void **state)
{
    (void)state;
    struct tyto_fault fault = {0};
    struct tyto_encoder_file *file = import("half.tflite", (struct tyto_import_params){0});
    struct tyto_encoder_file *back = NULL;
    file->kind = TYTO_ENCODER_VISUAL;
    for (int i = 0; i < 3; i++) {
        file->mean[i] = 127.5f;
        file->scale[i] = 1 / 127.5f;
    }
    assert_int_equal(tyto_encoder_file_write(file, out_path, &fault), TYTO_OK);
    assert_int_equal(tyto_encoder_file_read(out_path, &back, &fault), TYTO_OK);
    assert_int_equal(back->kind, TYTO_ENCODER_VISUAL);
    assert_memory_equal(back->mean, file->mean, sizeof(file->mean));
    assert_memory_equal(back->scale, file->scale, sizeof(file->scale));
    assert_string_equal(back->layout, file->layout);
    assert_string_equal(back->source, "half.tflite");
    assert_gives(&back->graph, "half", golden + GOLDEN_IMPORT_HALF_AT, GOLDEN_IMPORT_HALF_NUM);

    /* fp16 weights are stored as such */
    struct tyto_weights *weights = NULL;
    assert_int_equal(tyto_weights_open(out_path, &weights, &fault), TYTO_OK);
    assert_int_equal(tyto_weights_find(weights, "layer.000.weight")->dtype, TYTO_DTYPE_F16);
    tyto_weights_close(&weights);
    tyto_encoder_file_destroy(&back);
    tyto_encoder_file_destroy(&file);
}

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

static void a_front_end_is_read_with_its_tables(void **state)
{
    (void)state;
    struct tyto_fault fault = {0};
    struct tyto_encoder_file *file = NULL, *back = NULL;
    assert_int_equal(tyto_encoder_file_create(&file), TYTO_OK);
    file->graph = (struct tyto_graph){.num_values = 1, .values = {{12, 8, 1}}};
    file->frontend = (struct tyto_frontend){.sample_rate_hz = 16000,
                                            .pcm_scale = 32768,
                                            .post_scale = 0.1f,
                                            .post_shift = 2,
                                            .frames_hop = 4};
    const enum tyto_err err = tyto_import_frontend(model_path("mel.onnx"), file, &fault);
    if (err)
        fail_msg("%s: %s", fault.key, fault.text);
    assert_int_equal(tyto_encoder_file_write(file, out_path, &fault), TYTO_OK);
    assert_int_equal(tyto_encoder_file_read(out_path, &back, &fault), TYTO_OK);
    const struct tyto_frontend *front = &back->frontend;
    assert_true(back->has_frontend && back->kind == TYTO_ENCODER_AUDIO);
    assert_int_equal(front->form, TYTO_LOG_FORM_DB_POWER);
    assert_int_equal(front->fft, 64);
    assert_int_equal(front->window_len, GOLDEN_IMPORT_WINDOW_NUM);
    assert_int_equal(front->hop, 16);
    assert_int_equal(front->num_mel, 8);
    assert_int_equal(front->num_frames, 12);
    assert_int_equal(front->frames_hop, 4);
    assert_true(front->floor == 1e-8f && front->top_db == 60 && front->pcm_scale == 32768);
    assert_true(front->post_scale == 0.1f && front->post_shift == 2);
    assert_memory_equal(front->window, golden + GOLDEN_IMPORT_WINDOW_AT,
                        GOLDEN_IMPORT_WINDOW_NUM * sizeof(float));
    assert_memory_equal(front->mel, golden + GOLDEN_IMPORT_MEL_AT,
                        GOLDEN_IMPORT_MEL_NUM * sizeof(float));
    tyto_encoder_file_destroy(&back);

    assert_int_equal(tyto_import_frontend(model_path("cnn.onnx"), file, &fault),
                     TYTO_ERR_UNSUPPORTED);
    file->graph.values[0].w = 9;
    assert_int_equal(tyto_import_frontend(model_path("mel.onnx"), file, &fault), TYTO_ERR_SHAPE);
    assert_string_equal(fault.text, "gives 8 bands, the encoder's input is (12,9,1)");
    tyto_encoder_file_destroy(&file);
}

static void a_front_end_inside_tflite_is_read_too(void **state)
{
    (void)state;
    struct tyto_fault fault = {0};
    struct tyto_encoder_file *file = import("spectrum.tflite", (struct tyto_import_params){0});
    assert_true(file->graph.num_layers == 1 && file->graph.values[0].h == 12 &&
                file->graph.values[0].w == 8); /* cut behind the logarithm */
    file->frontend.frames_hop = 6;
    const enum tyto_err err = tyto_import_frontend(model_path("spectrum.tflite"), file, &fault);
    if (err)
        fail_msg("%s: %s", fault.key, fault.text);
    const struct tyto_frontend *front = &file->frontend;
    assert_int_equal(front->form, TYTO_LOG_FORM_LN_MAGNITUDE);
    assert_true(front->fft == 64 && front->window_len == 48 && front->hop == 32);
    assert_true(front->num_mel == 8 && front->num_frames == 12 && front->frames_hop == 6);
    assert_true(front->floor == 0.01f && front->top_db == 0);
    assert_memory_equal(front->window, golden + GOLDEN_IMPORT_SPECTRUM_WINDOW_AT,
                        GOLDEN_IMPORT_SPECTRUM_WINDOW_NUM * sizeof(float));
    assert_memory_equal(front->mel, golden + GOLDEN_IMPORT_SPECTRUM_MEL_AT,
                        GOLDEN_IMPORT_SPECTRUM_MEL_NUM * sizeof(float));
    assert_int_equal(tyto_import_frontend(model_path("half.tflite"), file, &fault),
                     TYTO_ERR_UNSUPPORTED);
    tyto_encoder_file_destroy(&file);
}

static void the_network_can_be_cut_and_resized(void **state)
{
    (void)state;
    struct tyto_encoder_file *file = import(
        "half.tflite",
        (struct tyto_import_params){.output_name = "conv/Relu6", .input_h = 20, .input_w = 7});
    assert_int_equal(file->graph.num_layers, 1);
    const struct tyto_layer *layer = &file->graph.layers[0];
    const struct tyto_value *out = &file->graph.values[1];
    assert_true(out->h == 10 && out->w == 4 && out->c == 8);
    assert_true(layer->pad_top == 0 && layer->pad_bottom == 1 && layer->pad_left == 1 &&
                layer->pad_right == 1); /* SAME, computed anew */
    tyto_encoder_file_destroy(&file);

    file = import("half.tflite", (struct tyto_import_params){.input_h = 40, .input_w = 40});
    assert_int_equal(file->graph.values[file->graph.out_idx].c, 6); /* the mean takes any size */
    tyto_encoder_file_destroy(&file);

    file = import("unsupported.onnx", (struct tyto_import_params){.output_name = "conv"});
    assert_int_equal(file->graph.num_layers, 1);
    tyto_encoder_file_destroy(&file);
    file = import("unsupported.onnx",
                  (struct tyto_import_params){.input_name = "erf", .input_h = 4, .input_w = 4});
    assert_true(file->graph.num_layers == 1 && file->graph.values[0].h == 4);
    tyto_encoder_file_destroy(&file);
}

static void what_cannot_be_imported_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        struct tyto_import_params params;
        enum tyto_err err;
        const char *key, *text; /* the fault's, the latter in part */
    } cases[] = {
        {"unsupported.onnx", {.input_name = "erf"}, TYTO_ERR_SHAPE, "Conv (second)", "--input HxW"},
        {"unsupported.onnx", {0}, TYTO_ERR_UNSUPPORTED, "Erf (the_odd_one)", "--output"},
        {"custom.tflite",
         {0},
         TYTO_ERR_UNSUPPORTED,
         "CUSTOM:Detection_PostProcess (boxes)",
         "cut the model"},
        {"half.tflite", {.output_name = "nowhere"}, TYTO_ERR_NOT_FOUND, "", "\"nowhere\""},
        {"half.tflite", {.output_name = "conv"}, TYTO_ERR_OK, "", ""}, /* part of one name */
        {"half.tflite", {.output_name = "e"}, TYTO_ERR_NOT_FOUND, "", "tensors have \"e\""},
        {"half.tflite", {.input_name = "scores"}, TYTO_ERR_INVALID, "", "nothing to import"},
        {"flat.onnx", {.input_h = 9}, TYTO_ERR_UNSUPPORTED, "Gemm (/last/Gemm)", "126 elements"},
        {"int8.tflite",
         {.input_name = "q", .input_w = 5},
         TYTO_ERR_UNSUPPORTED,
         "RESHAPE (image)",
         "from (6,5,1) to (6,8,1)"},
        {"half.tflite", {.input_h = 1, .input_w = 1}, TYTO_ERR_OK, "", ""},
        {"nowhere.onnx", {0}, TYTO_ERR_NOT_FOUND, "", "cannot open"},
        {"../import", {0}, TYTO_ERR_FORMAT, "", "not a regular file"},
        {"../stamps/stamps.csv", {0}, TYTO_ERR_FORMAT, "", "no ONNX (nor TFLite)"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tyto_import_params params = cases[i].params;
        struct tyto_encoder_file *file = NULL;
        struct tyto_fault fault = {0};
        params.path = model_path(cases[i].file);
        const enum tyto_err err = tyto_import(&params, &file, &fault);
        if (err != cases[i].err || strcmp(fault.key, cases[i].key) != 0 ||
            !strstr(fault.text, cases[i].text))
            fail_msg("case %zu: %s, \"%s\", \"%s\"", i, tyto_err_text(err), fault.key, fault.text);
        tyto_encoder_file_destroy(&file);
    }
}

/* Writes an encoder file, changes one metadata text or leaves tensors out, reads it. */
static void encoder_files_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value; /* metadata to change; NULL: none */
        const char *dropped;     /* tensor to leave out */
        const char *text;
    } cases[] = {
        {"tyto.format", "head/1", NULL, "expected \"encoder/1\""},
        {"tyto.kind", "smell", NULL, "must be one of generic, visual, audio, as a text"},
        {"tyto.kind", "visual", NULL, "is missing"}, /* tyto.input */
        {"tyto.graph", "[", NULL, "']' expected"},
        {"tyto.graph", "{}", NULL, "values or layers missing"},
        {"tyto.graph", "{\"values\":[[1,2]],\"layers\":[],\"out\":0}", NULL,
         "value 0: wrong shape"},
        {"tyto.graph", "{\"values\":[[1,2,99999999]],\"layers\":[],\"out\":0}", NULL,
         "value 0: wrong shape"},
        {"tyto.graph", "{\"values\":[[65536,65536,3]],\"layers\":[],\"out\":0}", NULL,
         "outside the limits"},
        {"tyto.graph", "{\"values\":[[6,8,2]],\"layers\":[{\"op\":\"magic\"}],\"out\":0}", NULL,
         "layer 0: unknown op"},
        {"tyto.graph",
         "{\"values\":[[6,8,2],[6,8,2]],\"layers\":[{\"op\":\"add\",\"in\":[0,5],\"out\":1}],"
         "\"out\":1}",
         NULL, "reads a value that no earlier layer wrote"},
        {"tyto.graph",
         "{\"values\":[[1000,1000,60],[1,1,65536]],\"layers\":[{\"op\":\"linear\",\"in\":[0],"
         "\"out\":1}],\"out\":1}",
         NULL, "too many weights"},
        {"tyto.graph",
         "{\"values\":[[16,16,16],[1,1,60000]],\"layers\":[{\"op\":\"linear\",\"in\":[0],"
         "\"out\":1}],\"out\":1}",
         NULL, "shape is (3,3,3,2), expected (60000,4096)"},
        {"tyto.layout", "0123", NULL, "does not belong"},
        {NULL, NULL, "layer.000.bias", "tensor is missing"},
    };
    struct tyto_encoder_file *file = import("flat.onnx", (struct tyto_import_params){0});
    struct tyto_fault fault = {0};
    assert_int_equal(tyto_encoder_file_write(file, out_path, &fault), TYTO_OK);
    tyto_encoder_file_destroy(&file);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tyto_weights *weights = NULL;
        struct tyto_tensor tensors[8];
        struct tyto_meta metas[16];
        uint32_t num_tensors = 0, num_metas = 0;
        char changed[80];
        assert_int_equal(tyto_weights_open(out_path, &weights, &fault), TYTO_OK);
        for (uint32_t j = 0; j < tyto_weights_num_tensors(weights); j++) {
            const struct tyto_tensor *tensor = tyto_weights_tensor(weights, j);
            if (!cases[i].dropped || strcmp(tensor->name, cases[i].dropped) != 0)
                tensors[num_tensors++] = *tensor;
        }
        for (uint32_t j = 0; j < tyto_weights_num_metas(weights); j++) {
            metas[num_metas] = *tyto_weights_meta_at(weights, j);
            if (cases[i].key && strcmp(metas[num_metas].key, cases[i].key) == 0)
                metas[num_metas].value = cases[i].value;
            num_metas++;
        }
        snprintf(changed, sizeof(changed), "%s.changed", out_path);
        assert_int_equal(
            tyto_weights_write(changed, tensors, num_tensors, metas, num_metas, &fault), TYTO_OK);
        tyto_weights_close(&weights);
        const enum tyto_err err = tyto_encoder_file_read(changed, &file, &fault);
        unlink(changed);
        if (err == TYTO_OK || !strstr(fault.text, cases[i].text))
            fail_msg("case %zu: %s, \"%s\": \"%s\"", i, tyto_err_text(err), fault.key, fault.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_give_what_pytorch_says),
        cmocka_unit_test(an_encoder_file_comes_back_as_it_was_written),
        cmocka_unit_test(a_detector_gives_features_scores_and_boxes),
        cmocka_unit_test(a_finer_tensor_is_pooled_to_the_places),
        cmocka_unit_test(a_detector_follows_another_input_size),
        cmocka_unit_test(a_tall_graph_has_the_weights_of_the_wide_one),
        cmocka_unit_test(what_is_resized_and_laid_together_is_what_pytorch_says),
        cmocka_unit_test(a_detector_that_does_not_fit_is_named),
        cmocka_unit_test(a_front_end_is_read_with_its_tables),
        cmocka_unit_test(a_front_end_inside_tflite_is_read_too),
        cmocka_unit_test(the_network_can_be_cut_and_resized),
        cmocka_unit_test(what_cannot_be_imported_is_named),
        cmocka_unit_test(encoder_files_that_do_not_fit_are_refused),
    };
    return cmocka_run_group_tests_name("import", tests, set_up, tear_down);
}
