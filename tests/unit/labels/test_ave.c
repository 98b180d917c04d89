/* SPDX-License-Identifier: MIT */
/* AVE's HDF5 files: the same values as h5py reads, labels from whatever says them, and clear words
 * about files that are not right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/golden/ave.h"
#include "tests/golden/fill.h"
#include "trainer/data/ave/ave.h"
#include "trainer/data/ave/hdf5_file.h"

enum { ROWS = 7, T = 10, A = 6, L = 4, V = 5, K = 3, NOISY = 2 };

static char golden_dir[512], corpus_dir[512];
static char dir[] = "/tmp/tyto-ave-XXXXXX";
static float *golden;

static const char *const names[] = {"audio_feature.h5", "visual_feature.h5", "labels.h5",
                                    "labels_closs.h5",  "mil_labels.h5",     "Annotations.txt",
                                    "train_order.h5",   "val_order.h5",      "test_order.h5"};
enum { NUM_NAMES = sizeof(names) / sizeof(names[0]) };

static int setup(void **state)
{
    const char *from = getenv("TYTO_GOLDEN_DIR");
    (void)state;
    if (!from || !mkdtemp(dir))
        return -1;
    snprintf(golden_dir, sizeof(golden_dir), "%s/ave", from);
    snprintf(corpus_dir, sizeof(corpus_dir), "%s/../fuzz/corpus/hdf5", from);
    golden = golden_read("ave.f32", GOLDEN_AVE_NUM);
    return golden ? 0 : -1;
}

static void in_dir(const char *name, char ret_path[600])
{
    snprintf(ret_path, 600, "%s/%s", dir, name);
}

static void remove_all(void)
{
    for (int i = 0; i < NUM_NAMES; i++) {
        char path[600];
        in_dir(names[i], path);
        unlink(path);
    }
}

static int teardown(void **state)
{
    (void)state;
    remove_all();
    free(golden);
    return rmdir(dir);
}

static void copy(const char *from_path, const char *name, size_t max_bytes)
{
    char path[600], bytes[1 << 15];
    in_dir(name, path);
    FILE *from = fopen(from_path, "rb"), *to = fopen(path, "wb");
    assert_non_null(from);
    assert_non_null(to);
    size_t num = fread(bytes, 1, sizeof(bytes), from);
    num = num < max_bytes ? num : max_bytes;
    assert_int_equal(fwrite(bytes, 1, num, to), num);
    fclose(from);
    fclose(to);
}

/* The golden files in a folder of their own, without those whose letter is in left_out: l labels,
 * c closs, m mil, a Annotations. */
static struct tyto_ave_params files_without(const char *left_out)
{
    static const char letters[NUM_NAMES + 1] = "..lcma...";
    remove_all();
    for (int i = 0; i < NUM_NAMES; i++) {
        char from[600];
        snprintf(from, sizeof(from), "%s/%s", golden_dir, names[i]);
        if (!strchr(left_out, letters[i]))
            copy(from, names[i], SIZE_MAX);
    }
    return (struct tyto_ave_params){.dir = dir, .split = TYTO_AVE_ALL};
}

static struct tyto_dataset *open_ave(const struct tyto_ave_params *params)
{
    struct tyto_dataset *dataset = NULL;
    struct tyto_fault fault = {0};
    const enum tyto_err err = tyto_ave_open(params, &dataset, &fault);
    assert_string_equal(fault.text, "");
    assert_int_equal(err, TYTO_OK);
    return dataset;
}

static void assert_clip(struct tyto_dataset *dataset, uint32_t clip, const float *audio,
                        const float *visual)
{
    float got_audio[T * A], got_visual[T * L * V];
    bool has_audio[T] = {false}, has_visual[T] = {false};
    struct tyto_dataset_clip out = {got_audio, got_visual, has_audio, has_visual};
    assert_int_equal(tyto_dataset_read(dataset, clip, &out), TYTO_OK);
    assert_memory_equal(got_audio, audio, sizeof(got_audio));
    assert_memory_equal(got_visual, visual, sizeof(got_visual));
    for (int t = 0; t < T; t++)
        assert_true(has_audio[t] && has_visual[t]);
    memset(got_audio, 0, sizeof(got_audio));
    out.visual = NULL;
    assert_int_equal(tyto_dataset_read(dataset, clip, &out), TYTO_OK);
    assert_memory_equal(got_audio, audio, sizeof(got_audio));
}

/* Truth of the clip that is row of the files, against labels.h5 as h5py reads it. */
static void assert_truth(const struct tyto_dataset *dataset, uint32_t clip, uint32_t row,
                         int category)
{
    const float *labels = golden + GOLDEN_AVE_LABELS_AT + row * T * (K + 1);
    for (uint32_t t = 0; t < T; t++) {
        for (uint32_t k = 0; k < K; k++)
            assert_int_equal(dataset->truth[(clip * T + t) * K + k],
                             labels[t * (K + 1) + k] > 0.5f ? TYTO_TRUTH_BOTH : 0);
    }
    for (int k = 0; k < K; k++)
        assert_int_equal(dataset->clip_truth[clip * K + (uint32_t)k],
                         k == category ? TYTO_TRUTH_BOTH : 0);
    assert_false(dataset->is_weak[clip]);
}

static void features_are_those_that_h5py_reads(void **state)
{
    (void)state;
    static const uint32_t train[] = {3, 0, 6, 5};
    const struct tyto_ave_params params = {
        .dir = golden_dir, .split = TYTO_AVE_TRAIN, .with_noisy = true};
    struct tyto_dataset *dataset = open_ave(&params);
    assert_int_equal(dataset->shape.num_clips, 4 + NOISY);
    assert_int_equal(dataset->shape.num_segments, T);
    assert_int_equal(dataset->shape.audio_in, A);
    assert_int_equal(dataset->shape.num_places, L);
    assert_int_equal(dataset->shape.visual_in, V);
    assert_int_equal(dataset->shape.num_classes, K);
    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < 4; i++)
            assert_clip(dataset, i, golden + GOLDEN_AVE_AUDIO_FEATURE_AT + train[i] * T * A,
                        golden + GOLDEN_AVE_VISUAL_FEATURE_AT + train[i] * T * L * V);
        for (uint32_t i = 0; i < NOISY; i++)
            assert_clip(dataset, 4 + i, golden + GOLDEN_AVE_AUDIO_FEATURE_NOISY_AT + i * T * A,
                        golden + GOLDEN_AVE_VISUAL_FEATURE_NOISY_AT + i * T * L * V);
    }
    for (uint32_t k = 0; k < K; k++)
        assert_int_equal(dataset->clip_truth[5 * K + k], 0);
    assert_string_equal(dataset->names[0], "WM5R44UMLq0");
    assert_string_equal(dataset->names[5], "noisy 1");
    assert_int_not_equal(dataset->groups[4], dataset->groups[5]);
    tyto_dataset_destroy(&dataset);
}

static void truth_is_the_same_from_each_of_its_sources(void **state)
{
    (void)state;
    static const char *const left_out[] = {"", "a", "l", "la", "lm", "lc", "lcm", "cma"};
    static const int categories[ROWS] = {0, 1, 2, 1, 2, 0, 0};
    for (size_t i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++) {
        const struct tyto_ave_params params = files_without(left_out[i]);
        struct tyto_dataset *dataset = open_ave(&params);
        assert_int_equal(dataset->shape.num_clips, ROWS);
        assert_int_equal(dataset->shape.num_classes, K);
        for (uint32_t row = 0; row < ROWS; row++) /* row 5 has no event; only others say of what */
            assert_truth(dataset, row, row,
                         strcmp(left_out[i], "cma") == 0 && row == 5 ? -1 : categories[row]);
        const bool has_names = !strchr(left_out[i], 'a');
        assert_string_equal(dataset->classes[2], has_names ? "race_car_auto_racing" : "class_2");
        assert_string_equal(dataset->names[4], has_names ? "RUhOCu3LNXM" : "row 4");
        assert_int_equal(dataset->groups[4], has_names ? 0 : 4);
        tyto_dataset_destroy(&dataset);
    }
}

static void weak_clips_tell_only_what_they_hold(void **state)
{
    (void)state;
    struct tyto_ave_params params = files_without("l");
    params.is_weak = true;
    params.split = TYTO_AVE_TEST;
    struct tyto_dataset *dataset = open_ave(&params);
    assert_int_equal(dataset->shape.num_clips, 2);
    for (uint32_t i = 0; i < 2 * T * K; i++)
        assert_int_equal(dataset->truth[i], 0);
    for (uint32_t i = 0; i < 2; i++) { /* rows 4 and 2, both of class 2 */
        assert_true(dataset->is_weak[i]);
        assert_int_equal(dataset->clip_truth[i * K + 1], 0);
        assert_int_equal(dataset->clip_truth[i * K + 2], TYTO_TRUTH_BOTH);
    }
    tyto_dataset_destroy(&dataset);
}

static void assert_fault(const struct tyto_ave_params *params, enum tyto_err err, const char *text)
{
    struct tyto_dataset *dataset = NULL;
    struct tyto_fault fault = {0};
    char said[1024], *at;
    assert_int_equal(tyto_ave_open(params, &dataset, &fault), err);
    assert_null(dataset);
    tyto_fault_print(&fault, said, sizeof(said));
    while ((at = strstr(said, dir)))
        memmove(at, at + sizeof(dir) - 1, strlen(at + sizeof(dir) - 1) + 1);
    while ((at = strstr(said, golden_dir)))
        memmove(at, at + strlen(golden_dir), strlen(at + strlen(golden_dir)) + 1);
    assert_string_equal(said, text);
}

static void files_that_do_not_fit_are_named(void **state)
{
    (void)state;
    char path[600];
    struct tyto_ave_params params = files_without("lca");
    assert_fault(&params, TYTO_ERR_NOT_FOUND,
                 ": there is nothing that says the classes: it takes labels.h5, or labels_closs.h5 "
                 "and mil_labels.h5, or Annotations.txt");
    params.split = TYTO_AVE_VAL;
    params.with_noisy = true;
    assert_fault(&params, TYTO_ERR_INVALID, "noisy clips are only for training");
    params.split = TYTO_AVE_TRAIN;
    assert_fault(&params, TYTO_ERR_NOT_FOUND,
                 "/audio_feature_noisy.h5: it cannot be read: No such file or directory");

    params = (struct tyto_ave_params){.dir = golden_dir, .split = TYTO_AVE_VAL};
    snprintf(path, sizeof(path), "%s/labels.h5", golden_dir);
    params.order_path = path;
    assert_fault(&params, TYTO_ERR_SHAPE,
                 "/labels.h5: avadataset: its shape is (7, 10, 4), not (clips of the split): do "
                 "the files belong together?");
    params = (struct tyto_ave_params){.dir = golden_dir, .split = TYTO_AVE_ALL};
    params.audio_path = path;
    params.labels_path = path;
    params.closs_path = path;
    snprintf(path, sizeof(path), "%s/test_order.h5", golden_dir);
    assert_fault(&params, TYTO_ERR_SHAPE,
                 "/test_order.h5: order: its shape is (2), not (clips, 10, 128): do the files "
                 "belong together?");
    params.audio_path = NULL;
    assert_fault(&params, TYTO_ERR_SHAPE,
                 "/test_order.h5: order: its shape is (2), not (clips, segments, classes and "
                 "background) of the features: do the files belong together?");
    params.labels_path = NULL;
    params.visual_path = path;
    assert_fault(&params, TYTO_ERR_SHAPE,
                 "/test_order.h5: order: its shape is (2), not (clips, 10, 7, 7, 512) with as many "
                 "clips and segments as the sound: do the files belong together?");
    params = (struct tyto_ave_params){.split = TYTO_AVE_ALL};
    assert_fault(&params, TYTO_ERR_INVALID,
                 "audio_feature.h5: neither the file nor its folder is named");

    params = files_without("l");
    in_dir("Annotations.txt", path);
    FILE *file = fopen(path, "a");
    assert_non_null(file);
    fputs("Bark&x&good&0&10\n", file);
    fclose(file);
    assert_fault(&params, TYTO_ERR_SHAPE,
                 "/Annotations.txt: it has 8 rows, the features 7: do the files belong together?");
    file = fopen(path, "w");
    assert_non_null(file);
    fputs("Bark&x&good&0&10\nBark&x&good&0\n", file);
    fclose(file);
    assert_fault(&params, TYTO_ERR_FORMAT,
                 "/Annotations.txt:2: it is not category&id&quality&begin&end with whole seconds: "
                 "tyto label check says more");
}

static void an_order_has_to_count_the_rows(void **state)
{
    (void)state;
    char path[600];
    struct tyto_ave_params params = files_without("");
    params.split = TYTO_AVE_TRAIN;
    snprintf(path, sizeof(path), "%s/order.h5", corpus_dir); /* 0..4: sound */
    params.order_path = path;
    struct tyto_dataset *dataset = open_ave(&params);
    assert_int_equal(dataset->shape.num_clips, 5);
    tyto_dataset_destroy(&dataset);

    copy(path, "train_order.h5", SIZE_MAX);
    in_dir("train_order.h5", path);
    params.order_path = NULL;
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, -8, SEEK_END), 0); /* the last of the five */
    assert_int_equal(fputc(9, file), 9);
    fclose(file);
    assert_fault(&params, TYTO_ERR_FORMAT,
                 "train_order.h5: entry 4 is 9, which is no row of the features: do the files "
                 "belong together?");
    file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, -8, SEEK_END), 0);
    assert_int_equal(fputc(2, file), 2);
    fclose(file);
    assert_fault(&params, TYTO_ERR_FORMAT,
                 "train_order.h5: entry 4 is 2, which is there twice: do the files belong "
                 "together?");
}

static void files_cut_short_are_refused_or_fail_when_read(void **state)
{
    (void)state;
    char from[600];
    snprintf(from, sizeof(from), "%s/visual_feature.h5", golden_dir);
    for (size_t num = 0; num < 10500; num += 700) {
        const struct tyto_ave_params params = files_without("");
        struct tyto_dataset *dataset = NULL;
        struct tyto_fault fault = {0};
        copy(from, "visual_feature.h5", num);
        assert_int_not_equal(tyto_ave_open(&params, &dataset, &fault), TYTO_OK);
        assert_true(fault.text[0] != '\0' && strstr(fault.file, "visual_feature.h5"));
    }
}

static void strange_hdf5_files_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *file, *text;
    } cases[] = {
        {"several.h5", "it holds several datasets, and none is called avadataset: one, two. Keep "
                       "one in the file"},
        {"links.h5", "it holds no dataset"},
        {"lzf.h5",
         "avadataset: it is packed by 'lzf', which is not there: repack it by h5repack -f "
         "GZIP=1 IN OUT"},
        {"text.h5", "avadataset: its values are no numbers of 1 to 8 bytes"},
        {"outside.h5", "avadataset: its values are kept in other files: repack it by h5repack IN "
                       "OUT"},
        {"../labels/good.csv", "it is no HDF5 file, or is damaged: copy it again"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char path[600], said[1024];
        struct tyto_hdf5 *hdf5 = NULL;
        struct tyto_fault fault = {0};
        snprintf(path, sizeof(path), "%s/%s", corpus_dir, cases[i].file);
        assert_int_not_equal(tyto_hdf5_open(path, NULL, &hdf5, &fault), TYTO_OK);
        assert_true(strncmp(path, fault.file, sizeof(fault.file) - 1) == 0);
        fault.file[0] = '\0';
        tyto_fault_print(&fault, said, sizeof(said));
        assert_string_equal(said, cases[i].text);
    }
}

static void every_layout_gives_the_same_values(void **state)
{
    (void)state;
    static const char *const files[] = {"plain.h5", "packed.h5", "newest.h5", "several.h5"};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char path[600];
        struct tyto_hdf5 *hdf5 = NULL;
        struct tyto_fault fault = {0};
        float values[24];
        int64_t numbers[12];
        snprintf(path, sizeof(path), "%s/%s", corpus_dir, files[i]);
        assert_int_equal(tyto_hdf5_open(path, i == 3 ? "two" : NULL, &hdf5, &fault), TYTO_OK);
        const struct tyto_hdf5_info *info = tyto_hdf5_get_info(hdf5);
        assert_int_equal(info->num_dims, 3);
        assert_int_equal(info->row_items, 12);
        assert_int_equal(info->chunk[0], i == 1 || i == 2 ? 1 : 0);
        assert_int_equal(info->is_compressed, i == 1);
        assert_int_equal(info->item_bytes, i == 1 ? 4 : 8);
        assert_int_equal(tyto_hdf5_read_f32(hdf5, 0, 2, values, &fault), TYTO_OK);
        assert_int_equal(tyto_hdf5_read_i64(hdf5, 1, 1, numbers, &fault), TYTO_OK);
        for (int j = 0; j < 24; j++)
            assert_true(values[j] - (float)j == 0);
        for (int j = 0; j < 12; j++)
            assert_int_equal(numbers[j], 12 + j);
        assert_int_equal(tyto_hdf5_read_f32(hdf5, 1, 2, values, &fault), TYTO_ERR_INVALID);
        assert_int_equal(tyto_hdf5_read_f32(hdf5, 2, 0, values, &fault), TYTO_ERR_INVALID);
        tyto_hdf5_close(&hdf5);
        assert_null(hdf5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(features_are_those_that_h5py_reads),
        cmocka_unit_test(truth_is_the_same_from_each_of_its_sources),
        cmocka_unit_test(weak_clips_tell_only_what_they_hold),
        cmocka_unit_test(files_that_do_not_fit_are_named),
        cmocka_unit_test(an_order_has_to_count_the_rows),
        cmocka_unit_test(files_cut_short_are_refused_or_fail_when_read),
        cmocka_unit_test(strange_hdf5_files_are_refused_by_name),
        cmocka_unit_test(every_layout_gives_the_same_values),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
