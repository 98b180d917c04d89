/* SPDX-License-Identifier: MIT */
/* The real labels of AVE, where they are at hand (else skipped): Annotations.txt as our reader of
 * labels and as rows of the features, against labels_closs.h5, mil_labels.h5 and the splits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "trainer/data/ave/ave.h"
#include "trainer/data/ave/hdf5_file.h"
#include "trainer/labels/labels.h"

enum { ROWS = 4143, T = 10, K = 28 };

static const char *dir;
static struct tyto_ave_rows rows;

static const char *in_dir(const char *name)
{
    static char path[600];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

static struct tyto_hdf5 *open_hdf5(const char *name)
{
    struct tyto_hdf5 *hdf5 = NULL;
    struct tyto_fault fault = {0};
    const enum tyto_err err = tyto_hdf5_open(in_dir(name), NULL, &hdf5, &fault);
    assert_string_equal(fault.text, "");
    assert_int_equal(err, TYTO_OK);
    return hdf5;
}

static int setup(void **state)
{
    (void)state;
    return tyto_ave_rows_read(in_dir("Annotations.txt"), &rows, NULL) == TYTO_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    tyto_ave_rows_finish(&rows);
    return 0;
}

static void rows_agree_with_the_labels_of_segments_and_clips(void **state)
{
    (void)state;
    static float closs[ROWS][T], mil[ROWS][K + 1];
    struct tyto_hdf5 *hdf5 = open_hdf5("labels_closs.h5");
    assert_int_equal(tyto_hdf5_read_f32(hdf5, 0, ROWS, closs[0], NULL), TYTO_OK);
    tyto_hdf5_close(&hdf5);
    hdf5 = open_hdf5("mil_labels.h5");
    assert_int_equal(tyto_hdf5_read_f32(hdf5, 0, ROWS, mil[0], NULL), TYTO_OK);
    tyto_hdf5_close(&hdf5);
    assert_int_equal(rows.num_rows, ROWS);
    assert_int_equal(rows.num_categories, K);
    for (uint32_t i = 0; i < ROWS; i++) {
        for (uint32_t t = 0; t < T; t++)
            assert_int_equal(closs[i][t] > 0.5f, t >= rows.rows[i].begin && t < rows.rows[i].end);
        for (uint32_t k = 0; k <= K; k++)
            assert_int_equal(mil[i][k] > 0.5f, k == rows.rows[i].category);
    }
}

static void labels_are_the_same_runs_and_classes(void **state)
{
    (void)state;
    static bool is_met[ROWS];
    const char *const path = in_dir("Annotations.txt");
    const struct tyto_labels_params params = {.paths = &path, .num_paths = 1, .media_dir = ""};
    struct tyto_labels labels = {0};
    assert_int_equal(tyto_labels_read(&params, &labels), TYTO_OK);
    assert_int_equal(labels.num_labels, ROWS - 1); /* one row has no length */
    assert_int_equal(labels.num_files, 4097);
    assert_int_equal(labels.num_classes, K);
    assert_int_equal(labels.num_errors, 0);
    for (uint32_t k = 0; k < K; k++)
        assert_string_equal(labels.classes[labels.classes_as_read[k]], rows.categories[k]);
    for (uint32_t i = 0; i < labels.num_labels; i++) {
        const struct tyto_label *label = &labels.labels[i];
        const struct tyto_ave_row *row = &rows.rows[label->line - 1];
        assert_false(is_met[label->line - 1]);
        is_met[label->line - 1] = true;
        assert_string_equal(labels.files[label->file_idx], row->id);
        assert_string_equal(labels.classes[label->class_idx], rows.categories[row->category]);
        assert_int_equal(label->begin_ns, row->begin * 1000000000ll);
        assert_int_equal(label->end_ns, row->end * 1000000000ll);
    }
    tyto_labels_finish(&labels);
}

static void splits_are_3339_402_and_402_rows_without_overlap(void **state)
{
    (void)state;
    static const char *const names[] = {"train_order.h5", "val_order.h5", "test_order.h5"};
    static const uint32_t sizes[] = {3339, 402, 402};
    static int64_t order[ROWS];
    static uint32_t num_uses[ROWS];
    for (int split = 0; split < 3; split++) {
        struct tyto_hdf5 *hdf5 = open_hdf5(names[split]);
        assert_int_equal(tyto_hdf5_get_info(hdf5)->dims[0], sizes[split]);
        assert_int_equal(tyto_hdf5_read_i64(hdf5, 0, sizes[split], order, NULL), TYTO_OK);
        tyto_hdf5_close(&hdf5);
        for (uint32_t i = 0; i < sizes[split]; i++) {
            assert_in_range(order[i], 0, ROWS - 1);
            num_uses[order[i]]++;
        }
    }
    for (uint32_t i = 0; i < ROWS; i++)
        assert_int_equal(num_uses[i], 1);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_agree_with_the_labels_of_segments_and_clips),
        cmocka_unit_test(labels_are_the_same_runs_and_classes),
        cmocka_unit_test(splits_are_3339_402_and_402_rows_without_overlap),
    };
    dir = argc > 1 ? argv[1] : "";
    if (access(in_dir("Annotations.txt"), R_OK) != 0 ||
        access(in_dir("mil_labels.h5"), R_OK) != 0) {
        printf("skipped: AVE's labels are not in %s\n", dir);
        return 77;
    }
    return cmocka_run_group_tests(tests, setup, teardown);
}
