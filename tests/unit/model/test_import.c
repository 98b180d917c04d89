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
#include "tests/golden/import.h"
#include "tests/unit/model/import_rig.h"

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
        {"../labels/good.csv", {0}, TYTO_ERR_FORMAT, "", "no ONNX (nor TFLite)"},
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
        if (!err || !strstr(fault.text, cases[i].text))
            fail_msg("case %zu: %s, \"%s\": \"%s\"", i, tyto_err_text(err), fault.key, fault.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_give_what_pytorch_says),
        cmocka_unit_test(an_encoder_file_comes_back_as_it_was_written),
        cmocka_unit_test(a_front_end_is_read_with_its_tables),
        cmocka_unit_test(a_front_end_inside_tflite_is_read_too),
        cmocka_unit_test(the_network_can_be_cut_and_resized),
        cmocka_unit_test(what_cannot_be_imported_is_named),
        cmocka_unit_test(encoder_files_that_do_not_fit_are_refused),
    };
    return cmocka_run_group_tests_name("import", tests, set_up, tear_down);
}
