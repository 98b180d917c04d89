/* SPDX-License-Identifier: MIT */
/* The encoders as users run them, on both executors, against what PyTorch and
 * NumPy computed from the same files: the shipped eye, and the network that it was
 * made from, squashed. That one is in $TYTO_MODELS_DIR, or where scripts/setup --test
 * puts it; skipped without. */
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

#include "model/encoder/encoder.h"
#include "model/encoder/resize_cpu.h"
#include "model/graph/file.h"
#include "model/import/import.h"
#include "tests/golden/fill.h"
#include "tests/golden/visual.h"
#include "tests/golden/visual_wide.h"
#include "tests/golden/yamnet.h"

enum {
    SIDE = 224,
    WIDE_W = 640,
    WIDE_H = 360,
    CHANNELS = 1280, /* of Conv_1 */
    STRIDE = 16,
    EYE_CHANNELS =
        145, /* log-odds of 24 classes, the highest of each, 96 components, the picture's share */
    EYE_STEP = 5, /* places in the golden file */
    SAMPLES = 16000
};
enum { PATCH = 96 * 64, CLASSES = 521 };

static const enum tyto_exec execs[] = {TYTO_EXEC_VULKAN, TYTO_EXEC_CPU};
static struct tyto_gpu *gpu;

static int open_gpu(void **state)
{
    const struct tyto_gpu_params params = {.device = getenv("TYTO_DEVICE"), .validate = true};
    (void)state;
    return tyto_gpu_create(&params, &gpu) != TYTO_OK;
}

static int close_gpu(void **state)
{
    (void)state;
    const uint64_t num_messages = tyto_gpu_num_validation_messages(gpu);
    tyto_gpu_destroy(&gpu);
    return num_messages != 0;
}

/* PATH of NAME: among the imported encoders, or in the folder `below` of the source tree. */
static void find(const char *below, const char *name, char path[4096])
{
    const char *models = getenv("TYTO_MODELS_DIR"), *dist = getenv("TYTO_DIST");
    const char *golden = getenv("TYTO_GOLDEN_DIR");

    if (!golden)
        golden = "tests/golden";
    if (below)
        (void)snprintf(path, 4096, "%s/../../%s/%s", golden, below, name);
    else if (models)
        (void)snprintf(path, 4096, "%s/%s", models, name);
    else if (dist)
        (void)snprintf(path, 4096, "%s/share/tyto/models/%s", dist, name);
    else
        (void)snprintf(path, 4096, "%s/../../dist/share/tyto/models/%s", golden, name);
}

static void need(const char *path)
{
    if (access(path, R_OK) == 0)
        return;
    printf("SKIP: %s is not there (scripts/setup fetches encoders)\n", path);
    skip();
}

/* Within 1e-4 of the largest |want|, on average within 5e-6: measured 5e-6 and less, asked 1e-3. */
static void assert_close(const char *what, enum tyto_exec exec, const float *got, size_t got_step,
                         const float *want, size_t num)
{
    double largest = 0.0, worst = 0.0, sum = 0.0;

    for (size_t i = 0; i < num; i++) {
        const double error = fabs((double)got[i * got_step] - (double)want[i]);
        largest = fmax(largest, fabs((double)want[i]));
        worst = fmax(worst, isfinite(error) ? error : INFINITY);
        sum += error;
    }
    printf("%s, %s: largest %.3g, worst error %.2e of it\n", what,
           exec == TYTO_EXEC_VULKAN ? "Vulkan" : "CPU", largest, worst / largest);
    if (!(worst <= 1e-4 * largest) || !(sum / (double)num <= 5e-6 * largest))
        fail_msg("%s: worst error %g, largest value %g", what, worst, largest);
}

static float *read_rows(const struct tyto_buf *buf, size_t num)
{
    float *rows = malloc(num * sizeof(*rows));
    assert_non_null(rows);
    assert_int_equal(tyto_buf_read(buf, 0, rows, num * sizeof(*rows)), TYTO_OK);
    return rows;
}

/* --- visual -------------------------------------------------------------------------- */

/* Which of two forms a file has: squashed to 224x224, or, as the shipped eye, letterboxed to
 * 384x224 with a detector. */
struct form {
    uint32_t places, channels;
    bool is_wide;
};

static struct tyto_frame golden_frame(bool is_wide)
{
    static uint8_t rgb[WIDE_W * WIDE_H * 3];
    const uint32_t w = is_wide ? WIDE_W : SIDE, h = is_wide ? WIDE_H : SIDE;
    golden_picture(rgb, (int)w, (int)h);
    return (struct tyto_frame){.format = TYTO_PIXEL_RGB,
                               .width = w,
                               .height = h,
                               .planes = {rgb},
                               .strides_bytes = {3 * w}};
}

/* Row 1 of a batch of three is the golden picture; 0 and 2 are others, of other sizes. */
static float *run_visual(const char *path, enum tyto_exec exec, struct form *form)
{
    enum { WIDE = 320, HIGH = 180 };
    static uint8_t other[WIDE * HIGH * 3];
    struct tyto_visual *visual = NULL;
    struct tyto_fault fault = {0};
    const struct tyto_visual_params params = {
        .weights_path = path, .gpu = gpu, .exec = exec, .max_batch = 3, .num_threads = 1};
    const struct tyto_frame noise = {.format = TYTO_PIXEL_NV12,
                                     .width = WIDE,
                                     .height = HIGH,
                                     .planes = {other, other + WIDE * HIGH},
                                     .strides_bytes = {WIDE, WIDE}};
    uint32_t places_y = 0, places_x = 0;

    golden_picture(other, WIDE, HIGH);
    if (tyto_visual_create(&params, &visual, &fault))
        fail_msg("%s: %s", fault.key, fault.text);
    tyto_visual_shape(visual, &places_y, &places_x, &form->channels);
    form->is_wide = tyto_visual_detector(visual) != NULL;
    form->places = places_y * places_x;
    assert_int_equal(form->places, form->is_wide ? 7 * 12 : 7 * 7);
    assert_int_equal(form->channels, form->is_wide ? EYE_CHANNELS : CHANNELS);
    if (form->is_wide)
        assert_int_equal(tyto_visual_detector(visual)->first_column, TYTO_DETECTOR_NO_COLUMNS);
    const struct tyto_frame frames[3] = {noise, golden_frame(form->is_wide), noise};
    assert_int_equal(tyto_visual_exec(visual), exec);
    assert_int_equal(tyto_visual_run(visual, frames, 0), TYTO_ERR_INVALID);
    assert_int_equal(tyto_visual_run(visual, frames, 4), TYTO_ERR_INVALID);
    assert_int_equal(tyto_visual_run(visual, frames, 2), TYTO_OK);
    assert_int_equal(tyto_visual_run(visual, frames, 3), TYTO_OK);
    const size_t row = (size_t)form->places * form->channels;
    float *rows = read_rows(tyto_visual_output(visual), 3 * row);
    tyto_visual_destroy(&visual);
    assert_null(visual);
    assert_memory_equal(rows, rows + 2 * row, row * sizeof(*rows));
    return rows;
}

static void assert_squashed(enum tyto_exec exec, const float *row)
{
    float sums[CHANNELS] = {0}, *golden = golden_read("visual.f32", GOLDEN_VISUAL_NUM);
    assert_non_null(golden);
    assert_close("Conv_1", exec, row, STRIDE, golden + GOLDEN_VISUAL_CONV1_AT,
                 GOLDEN_VISUAL_CONV1_NUM);
    for (int place = 0; place < 7 * 7; place++)
        for (int c = 0; c < CHANNELS; c++)
            sums[c] += row[place * CHANNELS + c];
    assert_close("sums over places", exec, sums, 1, golden + GOLDEN_VISUAL_CHANNEL_SUMS_AT,
                 CHANNELS);
    free(golden);
}

static void assert_wide(enum tyto_exec exec, const float *row, const struct form *form)
{
    float *golden = golden_read("visual_wide.f32", GOLDEN_VISUAL_WIDE_NUM);
    float got[GOLDEN_VISUAL_WIDE_FEATURES_NUM], *to = got;
    assert_non_null(golden);
    for (uint32_t place = 0; place < form->places; place += EYE_STEP, to += EYE_CHANNELS)
        memcpy(to, row + (size_t)place * EYE_CHANNELS, EYE_CHANNELS * sizeof(*to));
    assert_close("classes and components", exec, got, 1, golden + GOLDEN_VISUAL_WIDE_FEATURES_AT,
                 GOLDEN_VISUAL_WIDE_FEATURES_NUM);
    free(golden);
}

static void check_features(const char *path)
{
    for (int e = 0; e < 2; e++) {
        struct form form;
        float *rows = run_visual(path, execs[e], &form);
        const float *row = rows + (size_t)form.places * form.channels;
        if (form.is_wide)
            assert_wide(execs[e], row, &form);
        else
            assert_squashed(execs[e], row);
        free(rows);
    }
}

static void the_eye_s_features_are_those_of_pytorch(void **state)
{
    char path[4096];
    (void)state;
    find("weights", "eye.safetensors", path);
    check_features(path);
}

static void visual_features_are_those_of_pytorch(void **state)
{
    char path[4096];
    (void)state;
    find(NULL, "ssd.safetensors", path);
    need(path);
    check_features(path);
}

/* The anchors' scores and boxes, by the graph alone. */
static void a_detector_says_what_it_says_in_pytorch(void **state)
{
    enum { ANCHORS = 84, CLASSES_SEEN = 24 };
    const size_t widths[2] = {CLASSES_SEEN, 4};
    const size_t at[2] = {GOLDEN_VISUAL_WIDE_SCORES_AT, GOLDEN_VISUAL_WIDE_BOXES_AT};
    const struct tyto_image_resize_shape shape = {.out_w = 384,
                                                  .out_h = 224,
                                                  .mean = {127.5f, 127.5f, 127.5f},
                                                  .scale = {1 / 127.5f, 1 / 127.5f, 1 / 127.5f},
                                                  .letterbox = true};
    static float input[384 * 224 * 4];
    char path[4096];
    struct tyto_encoder_file *file = NULL;
    struct tyto_image_resize_cpu *resize = NULL;
    struct tyto_fault fault = {0};
    (void)state;
    find("weights", "eye.safetensors", path);
    assert_int_equal(tyto_encoder_file_read(path, &file, &fault), TYTO_OK);
    assert_true(file->has_detector);
    float *golden = golden_read("visual_wide.f32", GOLDEN_VISUAL_WIDE_NUM);
    const struct tyto_frame frame = golden_frame(true);
    assert_int_equal(tyto_image_resize_cpu_create(&shape, &resize), TYTO_OK);
    assert_int_equal(tyto_image_resize_cpu_run(resize, &frame, input), TYTO_OK);
    for (int e = 0; e < 2; e++) {
        struct tyto_executor *exec = NULL;
        const struct tyto_executor_params params = {
            .graph = &file->graph, .gpu = gpu, .exec = execs[e], .max_batch = 1, .num_threads = 1};
        assert_int_equal(tyto_executor_create(&params, &exec), TYTO_OK);
        assert_int_equal(tyto_buf_write(tyto_executor_input(exec), 0, input, sizeof(input)),
                         TYTO_OK);
        assert_int_equal(tyto_executor_run(exec, 1), TYTO_OK);
        for (uint32_t i = 0; i < 2; i++) {
            const size_t width = widths[i];
            float *rows = read_rows(tyto_executor_output_at(exec, i + 1), ANCHORS * width);
            assert_close(i ? "boxes" : "scores", execs[e], rows, 1, golden + at[i],
                         ANCHORS * width);
            free(rows);
        }
        tyto_executor_destroy(&exec);
    }
    tyto_image_resize_cpu_destroy(&resize);
    tyto_encoder_file_destroy(&file);
    free(golden);
}

static void visual_executors_agree(void **state)
{
    char path[4096];
    (void)state;
    find("weights", "eye.safetensors", path);
    struct form form;
    float *vulkan = run_visual(path, TYTO_EXEC_VULKAN, &form);
    float *cpu = run_visual(path, TYTO_EXEC_CPU, &form);
    assert_close("three pictures against the CPU's", TYTO_EXEC_VULKAN, vulkan, 1, cpu,
                 3 * (size_t)form.places * form.channels);
    free(vulkan);
    free(cpu);
}

/* Writes the small detector of the import tests, for wide and tall pictures, to path. */
static void make_small_eye(const char *path)
{
    const struct tyto_import_detector detector = {.names = "???\nDog\nCar\n",
                                                  .side_px = 16,
                                                  .min_scale = 0.25f,
                                                  .max_scale = 0.75f,
                                                  .centre_scale = 10,
                                                  .size_scale = 5};
    char model[4096];
    struct tyto_encoder_file *file = NULL;
    struct tyto_fault fault = {0};
    find("tests/fuzz/corpus/import", "detector.tflite", model);
    const struct tyto_import_params params = {.path = model,
                                              .output_name = "level1",
                                              .num_more_outputs = 2,
                                              .more_output_names = {"raw/scores", "raw/boxes"},
                                              .detector = &detector,
                                              .letterbox = true,
                                              .tall = true};
    if (tyto_import(&params, &file, &fault))
        fail_msg("%s: %s", fault.key, fault.text);
    file->kind = TYTO_ENCODER_VISUAL;
    for (int c = 0; c < 3; c++) {
        file->mean[c] = 127.5f;
        file->scale[c] = 1 / 127.5f;
    }
    assert_int_equal(tyto_encoder_file_write(file, path, &fault), TYTO_OK);
    tyto_encoder_file_destroy(&file);
}

/* Tall and wide pictures of one batch, and boxes of each, are those of each alone. */
static void pictures_of_both_shapes_share_a_batch(void **state)
{
    enum { NUM = 5, LONG = 40, SHORT = 30, ROW = 4 * 6 * 11, FOUND = 4 };
    static const bool is_tall[NUM] = {false, true, true, false, true};
    static uint8_t rgb[NUM][LONG * SHORT * 3];
    char path[] = "/tmp/tyto-eye-XXXXXX";
    struct tyto_frame frames[NUM];
    (void)state;
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    make_small_eye(path);
    for (uint32_t i = 0; i < NUM; i++) {
        const uint32_t w = is_tall[i] ? SHORT : LONG, h = is_tall[i] ? LONG : SHORT;
        for (uint32_t k = 0; k < LONG * SHORT * 3; k++)
            rgb[i][k] = (uint8_t)(((k + 1) * (i + 3) * 2654435761u) >> 21);
        frames[i] = (struct tyto_frame){.format = TYTO_PIXEL_RGB,
                                        .width = w,
                                        .height = h,
                                        .planes = {rgb[i]},
                                        .strides_bytes = {3 * w}};
    }
    for (int e = 0; e < 2; e++) {
        struct tyto_visual *visual = NULL;
        struct tyto_fault fault = {0};
        const struct tyto_visual_params params = {
            .weights_path = path, .gpu = gpu, .exec = execs[e], .max_batch = NUM, .num_threads = 1};
        struct tyto_detection found[NUM][FOUND], alone[FOUND];
        uint32_t num_found[NUM], num_alone, rows, cols;
        if (tyto_visual_create(&params, &visual, &fault))
            fail_msg("%s: %s", fault.key, fault.text);
        assert_int_equal(tyto_visual_run(visual, frames, NUM), TYTO_OK);
        float *all = read_rows(tyto_visual_output(visual), NUM * ROW);
        for (uint32_t i = 0; i < NUM; i++)
            assert_int_equal(tyto_visual_find(visual, i, 0.01f, found[i], FOUND, &num_found[i]),
                             TYTO_OK);
        for (uint32_t i = 0; i < NUM; i++) {
            assert_int_equal(tyto_visual_run(visual, &frames[i], 1), TYTO_OK);
            float *row = read_rows(tyto_visual_output(visual), ROW);
            assert_memory_equal(all + (size_t)i * ROW, row, ROW * sizeof(*row));
            free(row);
            assert_int_equal(tyto_visual_find(visual, 0, 0.01f, alone, FOUND, &num_alone), TYTO_OK);
            assert_int_equal(num_alone, num_found[i]);
            assert_memory_equal(alone, found[i], num_alone * sizeof(*alone));
            (void)tyto_visual_fit(visual, frames[i].width, frames[i].height, &rows, &cols);
            assert_int_equal(rows, is_tall[i] ? 6 : 4);
            assert_int_equal(cols, is_tall[i] ? 4 : 6);
        }
        assert_int_equal(tyto_visual_find(visual, 1, 0.5f, alone, FOUND, &num_alone),
                         TYTO_ERR_INVALID); /* one picture ran last */
        free(all);
        tyto_visual_destroy(&visual);
    }
    unlink(path);
}

/* --- files that do not fit ------------------------------------------------------------- */

static void wrong_encoder_files_are_refused_with_a_reason(void **state)
{
    char visual_path[4096], audio_path[4096];
    struct tyto_visual *visual = NULL;
    struct tyto_audio *audio = NULL;
    struct tyto_fault fault = {0};
    (void)state;
    find("weights", "eye.safetensors", visual_path);
    find("weights", "ear.safetensors", audio_path);
    struct tyto_visual_params visual_params = {
        .weights_path = audio_path, .gpu = gpu, .exec = TYTO_EXEC_CPU, .max_batch = 1};
    struct tyto_audio_params audio_params = {.weights_path = visual_path,
                                             .gpu = gpu,
                                             .exec = TYTO_EXEC_CPU,
                                             .max_batch = 1,
                                             .segment_samples = SAMPLES};
    assert_int_equal(tyto_visual_create(&visual_params, &visual, &fault), TYTO_ERR_FORMAT);
    assert_non_null(strstr(fault.text, "no visual encoder"));
    assert_int_equal(tyto_audio_create(&audio_params, &audio, &fault), TYTO_ERR_FORMAT);
    assert_non_null(strstr(fault.text, "no audio encoder"));
    visual_params.weights_path = "nowhere.safetensors";
    assert_int_equal(tyto_visual_create(&visual_params, &visual, &fault), TYTO_ERR_NOT_FOUND);
    audio_params.weights_path = audio_path;
    audio_params.segment_samples = 12000; /* 73 frames; the network needs 96 */
    assert_int_equal(tyto_audio_create(&audio_params, &audio, &fault), TYTO_ERR_SHAPE);
    assert_non_null(strstr(fault.text, "longer segments"));
    audio_params.segment_samples = 100;
    assert_int_equal(tyto_audio_create(&audio_params, &audio, &fault), TYTO_ERR_SHAPE);
    assert_null(visual);
    assert_null(audio);
}

/* --- YAMNet -------------------------------------------------------------------------- */

static void yamnet_scores_are_those_of_numpy(void **state)
{
    char path[4096];
    static float patches[2 * PATCH];
    struct tyto_encoder_file *file = NULL;
    struct tyto_fault fault = {0};
    (void)state;
    find("../shared/models", "yamnet_classification.tflite", path);
    need(path);
    float *golden = golden_read("yamnet.f32", GOLDEN_YAMNET_NUM);
    assert_non_null(golden);
    golden_fill("yamnet", patches, 2 * PATCH, 4.0f);
    const struct tyto_import_params import = {.path = path};
    if (tyto_import(&import, &file, &fault))
        fail_msg("%s: %s", fault.key, fault.text);
    for (int e = 0; e < 2; e++) {
        const struct tyto_executor_params params = {
            .graph = &file->graph, .gpu = gpu, .exec = execs[e], .max_batch = 2, .num_threads = 1};
        struct tyto_executor *exec = NULL;
        assert_int_equal(tyto_executor_create(&params, &exec), TYTO_OK);
        assert_int_equal(tyto_buf_write(tyto_executor_input(exec), 0, patches, sizeof(patches)),
                         TYTO_OK);
        assert_int_equal(tyto_executor_run(exec, 2), TYTO_OK);
        float *rows = read_rows(tyto_executor_output(exec), 2 * CLASSES);
        assert_close("YAMNet", execs[e], rows, 1, golden + GOLDEN_YAMNET_SCORES_AT, 2 * CLASSES);
        free(rows);
        tyto_executor_destroy(&exec);
    }
    tyto_encoder_file_destroy(&file);
    free(golden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(visual_features_are_those_of_pytorch),
        cmocka_unit_test(the_eye_s_features_are_those_of_pytorch),
        cmocka_unit_test(a_detector_says_what_it_says_in_pytorch),
        cmocka_unit_test(visual_executors_agree),
        cmocka_unit_test(pictures_of_both_shapes_share_a_batch),
        cmocka_unit_test(wrong_encoder_files_are_refused_with_a_reason),
        cmocka_unit_test(yamnet_scores_are_those_of_numpy),
    };
    return cmocka_run_group_tests(tests, open_gpu, close_gpu);
}
