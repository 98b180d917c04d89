/* SPDX-License-Identifier: MIT */
/* The folder of recordings: what is deleted, what is kept, and its labels. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "pipeline/record/store.h"
#include "tests/unit/pipeline/clip_folder.h"

#define S 1000000000ll
#define MS 1000000ll

static const struct tyto_clip_label dog = {"dog", 1500 * MS, 4 * S, TYTO_MODALITY_A};

static void labels_are_added_to_what_a_person_left(void **state)
{
    (void)state;
    const struct tyto_clip_label two[] = {dog, {"cat", 0, 12345 * MS, TYTO_MODALITY_AV}};
    assert_int_equal(tyto_clip_labels_add(folder, "front/a.mkv", two, 2), TYTO_OK);
    assert_string_equal(read_file("labels.csv"), "file,class,begin_s,end_s,modality\n"
                                                 "front/a.mkv,dog,1.500,4.000,heard\n"
                                                 "front/a.mkv,cat,0.000,12.345,both\n");
    write_file("labels.csv", "file,class,begin_s,end_s\n\"front/a.mkv\",wolf,1,2"); /* no newline */
    assert_int_equal(tyto_clip_labels_add(folder, "front/b.mkv", two, 1), TYTO_OK);
    assert_string_equal(read_file("labels.csv"), "file,class,begin_s,end_s\n"
                                                 "\"front/a.mkv\",wolf,1,2\n"
                                                 "front/b.mkv,dog,1.500,4.000,heard\n");
    assert_int_equal(tyto_clip_labels_add("/nonexistent", "b", two, 1), TYTO_ERR_IO);
}

static void name_of(char name[TYTO_FILE_NAME_MAX], int64_t unix_s)
{
    const uint8_t entropy[10] = {(uint8_t)unix_s, (uint8_t)(unix_s >> 8)};
    char id[TYTO_ULID_CHARS + 1];
    tyto_event_id_format((uint64_t)unix_s * 1000000000u, entropy, id);
    tyto_file_name(name, unix_s * S, "dog", id);
}

static void store_one(struct tyto_clip_store *store, int64_t unix_s, uint32_t num_bytes)
{
    char name[TYTO_FILE_NAME_MAX], path[TYTO_CLIP_PATH_MAX];
    name_of(name, unix_s);
    assert_int_equal(tyto_clip_store_reserve(store, num_bytes, NULL), TYTO_OK);
    assert_int_equal(tyto_clip_store_begin(store, "front", name, path, NULL), TYTO_OK);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    for (uint32_t i = 0; i < num_bytes; i++)
        fputc('x', file);
    fclose(file);
    assert_int_equal(tyto_clip_store_commit(store, "front", name, num_bytes, &dog, 1, NULL),
                     TYTO_OK);
}

static void the_oldest_go_first_and_nothing_else_does(void **state)
{
    (void)state;
    struct tyto_clip_store_params params = {
        .dir = folder, .max_bytes = 10000, .min_free_bytes = 1, .max_age_ns = 1000 * S};
    struct tyto_clip_store *store = NULL;
    struct tyto_clip_store *second = NULL;
    struct tyto_fault fault;
    assert_int_equal(tyto_clip_store_create(&params, &store, &fault), TYTO_OK);
    assert_int_equal(tyto_clip_store_create(&params, &second, &fault), TYTO_ERR_EXISTS);
    for (int64_t i = 0; i < 5; i++)
        store_one(store, 1700000000 + i, 3000);
    struct tyto_clip_store_counts counts;
    tyto_clip_store_get_counts(store, &counts);
    assert_int_equal(counts.num_clips, 3);
    assert_int_equal(counts.num_deleted, 2);
    assert_true(counts.num_bytes <= 10000);
    assert_null(strstr(read_file("labels.csv"), "20231114T221320Z")); /* the first */
    assert_non_null(strstr(read_file("labels.csv"), "20231114T221324Z"));
    assert_int_equal(tyto_clip_store_reserve(store, 10001, &fault), TYTO_ERR_FULL);
    assert_non_null(strstr(fault.text, "max_gib"));
    tyto_clip_store_get_counts(store, &counts);
    assert_int_equal(counts.num_clips, 0); /* it did what it could */
    assert_string_equal(read_file("labels.csv"), "file,class,begin_s,end_s,modality\n");

    store_one(store, 946684800, 100); /* the camera thinks that it is 2000 */
    store_one(store, 1700000900, 100);
    write_file("front/holiday.mkv", "mine");
    write_file("front/20231114T221320Z-dog-short.mkv", "mine, too");
    tyto_clip_store_destroy(&store);
    write_file("front/20231114T221320Z-dog-01HF7YAT00041061050R3GG28A.mkv.part", "half");
    assert_int_equal(tyto_clip_store_create(&params, &store, &fault), TYTO_OK);
    tyto_clip_store_get_counts(store, &counts);
    assert_int_equal(counts.num_clips, 2);
    assert_int_equal(counts.num_bytes, 200);
    assert_string_equal(read_file("front/20231114T221320Z-dog-01HF7YAT00041061050R3GG28A.mkv.part"),
                        "");
    assert_int_equal(tyto_clip_store_reserve(store, 9999, &fault), TYTO_OK);
    assert_string_equal(read_file("front/holiday.mkv"), "mine");
    assert_string_equal(read_file("front/20231114T221320Z-dog-short.mkv"), "mine, too");
    tyto_clip_store_destroy(&store);
}

static uint32_t num_left(struct tyto_clip_store_params *params)
{
    struct tyto_clip_store *store = NULL;
    struct tyto_clip_store_counts counts;
    assert_int_equal(tyto_clip_store_create(params, &store, NULL), TYTO_OK);
    tyto_clip_store_expire(store, tyto_clock_boot_ns());
    tyto_clip_store_get_counts(store, &counts);
    tyto_clip_store_destroy(&store);
    return counts.num_clips;
}

static void date(int64_t name_unix_s, int64_t unix_s)
{
    char name[TYTO_FILE_NAME_MAX], path[512];
    name_of(name, name_unix_s);
    snprintf(path, sizeof(path), "%s/front/%s.mkv", folder, name);
    const struct timespec times[2] = {{.tv_sec = (time_t)unix_s}, {.tv_sec = (time_t)unix_s}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* Names have the time of the camera's clock, or of a machine whose clock was not set yet. */
static void recordings_age_by_when_they_were_written(void **state)
{
    (void)state;
    struct tyto_clip_store_params params = {
        .dir = folder, .max_bytes = 10000, .min_free_bytes = 1, .max_age_ns = 1000 * S};
    struct tyto_clip_store *store = NULL;
    struct tyto_clip_store_counts counts;
    const int64_t now_s = (int64_t)tyto_clock_unix_ns() / S;
    static const int64_t names[] = {946684800, 1700000000, 4102444800};
    assert_int_equal(tyto_clip_store_create(&params, &store, NULL), TYTO_OK);
    for (size_t i = 0; i < 3; i++)
        store_one(store, names[i], 1000);
    tyto_clip_store_expire(store, tyto_clock_boot_ns());
    tyto_clip_store_get_counts(store, &counts);
    assert_int_equal(counts.num_clips, 3);
    tyto_clip_store_expire(store, tyto_clock_boot_ns() + (uint64_t)(1001 * S));
    tyto_clip_store_get_counts(store, &counts);
    assert_int_equal(counts.num_clips, 0);
    for (size_t i = 0; i < 3; i++)
        store_one(store, names[i], 1000);
    tyto_clip_store_destroy(&store);
    assert_int_equal(num_left(&params), 3); /* the next run */
    date(names[0], 0);                      /* nobody knows: it counts from now on */
    date(names[1], now_s - 1001);
    date(names[2], now_s + 400 * 86400);
    assert_int_equal(num_left(&params), 2);
}

/* 20,000 recordings in a folder; sorted and looked up by twos that would be 200 million steps. */
static void many_recordings_are_listed_and_deleted_in_no_time(void **state)
{
    (void)state;
    enum { NUM = 20000 };
    struct tyto_clip_store_params params = {.dir = folder, .max_bytes = NUM, .min_free_bytes = 1};
    struct tyto_clip_store *store = NULL;
    struct tyto_clip_store_counts counts;
    char name[TYTO_FILE_NAME_MAX], path[512];
    snprintf(path, sizeof(path), "%s/front", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/labels.csv", folder);
    FILE *labels = fopen(path, "wb");
    assert_non_null(labels);
    for (int64_t i = 0; i < NUM; i++) {
        name_of(name, 1700000000 + i);
        fprintf(labels, "front/%s.mkv,dog,0,1\n", name);
        snprintf(path, sizeof(path), "%s/front/%s.mkv", folder, name);
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        fputc('x', file);
        fclose(file);
    }
    fclose(labels);
    const uint64_t begin_ns = tyto_clock_cpu_ns();
    assert_int_equal(tyto_clip_store_create(&params, &store, NULL), TYTO_OK);
    assert_int_equal(tyto_clip_store_reserve(store, NUM, NULL), TYTO_OK);
    assert_true(tyto_clock_cpu_ns() - begin_ns < 5 * TYTO_NS_PER_S);
    tyto_clip_store_get_counts(store, &counts);
    assert_int_equal(counts.num_clips, 0);
    assert_int_equal(counts.num_deleted, NUM);
    assert_string_equal(read_file("labels.csv"), "");
    tyto_clip_store_destroy(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(labels_are_added_to_what_a_person_left),
        IN_FOLDER(the_oldest_go_first_and_nothing_else_does),
        IN_FOLDER(recordings_age_by_when_they_were_written),
        IN_FOLDER(many_recordings_are_listed_and_deleted_in_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
