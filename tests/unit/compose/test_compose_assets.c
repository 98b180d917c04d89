/* SPDX-License-Identifier: MIT */
/* Manifests of what scenes are composed of: read or refused line by line, splits never mix. */
#include "tests/unit/compose/compose_rig.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void a_manifest_becomes_classes_places_noises_and_distractors(void **state)
{
    struct fixture *f = *state;
    const struct tyto_compose_assets *assets = &f->assets;
    assert_int_equal(assets->num_wanted, 4);
    assert_string_equal(assets->classes[assets->wanted[0]].name, "cat");
    assert_int_equal(assets->classes[assets->wanted[0]].pictures.num, PER_CLASS - 1);
    assert_int_equal(assets->classes[assets->wanted[0]].sounds.num, PER_CLASS - 1);
    assert_int_equal(assets->places.num, PER_CLASS);
    assert_int_equal(assets->noises.num, PER_CLASS);
    assert_int_equal(assets->odd_pictures.num, PER_CLASS);
    assert_int_equal(assets->odd_sounds.num, PER_CLASS);
    assert_string_equal(assets->entries[0].source, "here, and there");
    for (uint32_t i = 0; i < assets->num_entries; i++)
        assert_null(strstr(assets->entries[i].name, "-val-"));
}

static void what_is_not_asked_for_is_a_distractor(void **state)
{
    struct fixture *f = *state;
    static const char *const two[] = {"dog", "cow"};
    struct tyto_compose_assets assets;
    assert_int_equal(read_assets(f, "val", two, 2, &assets), TYTO_OK);
    assert_int_equal(assets.num_wanted, 2);
    assert_int_equal(assets.odd_pictures.num, 2);
    for (uint32_t i = 0; i < assets.num_entries; i++)
        assert_non_null(strstr(assets.entries[i].name, "-val-"));
    tyto_compose_assets_finish(&assets);
}

static void an_unknown_class_or_split_is_named(void **state)
{
    struct fixture *f = *state;
    static const char *const wrong[] = {"dgo"};
    struct tyto_compose_assets assets;
    assert_int_equal(read_assets(f, "train", wrong, 1, &assets), TYTO_ERR_NOT_FOUND);
    assert_non_null(strstr(f->faults[0].text, "'dog'"));
    assert_int_equal(read_assets(f, "test", NULL, 0, &assets), TYTO_ERR_NOT_FOUND);
    assert_non_null(strstr(f->faults[0].text, "'test'"));
}

static void every_bad_line_is_reported_with_its_number(void **state)
{
    struct fixture *f = *state;
    struct tyto_compose_assets assets;
    touch(f, "a");
    write_manifest(f, "path,kind,class,split\n"
                      "a,image,dog,train\n"
                      "a,film,dog,train\n"   /* 3 */
                      "a,image,Dog!,train\n" /* 4 */
                      "a,image\n"            /* 5 */
                      "# a comment\n"
                      "\"a,image,dog,train\n" /* 7 */
                      "missing.jpg,image,dog,train" /* 8 */);
    assert_int_equal(read_assets(f, "train", NULL, 0, &assets), TYTO_ERR_FORMAT);
    assert_int_equal(f->num_faults, 5);
    static const uint32_t lines[] = {3, 4, 5, 7, 8};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(f->faults[i].line, lines[i]);
        assert_string_equal(f->faults[i].file, f->manifest);
    }
    assert_string_equal(f->faults[4].key, "missing.jpg");
}

static void files_that_are_not_there_are_all_listed(void **state)
{
    struct fixture *f = *state;
    struct tyto_compose_assets assets;
    write_manifest(f, "split,class,kind,path\ntrain,dog,image,no.jpg\ntrain,dog,audio,no.flac\n"
                      "val,dog,audio,not-asked-for.flac\n");
    assert_int_equal(read_assets(f, "train", NULL, 0, &assets), TYTO_ERR_NOT_FOUND);
    assert_int_equal(f->num_faults, 2);
    assert_int_equal(f->faults[1].line, 3);
}

static void what_is_no_manifest_is_refused(void **state)
{
    struct fixture *f = *state;
    struct tyto_compose_assets assets;
    static const char *const bad[] = {"", "path,kind,class\na,image,dog\n",
                                      "\xff\xd8\xff\xe0,,,\n"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        write_manifest(f, bad[i]);
        assert_int_equal(read_assets(f, "train", NULL, 0, &assets), TYTO_ERR_FORMAT);
        assert_true(f->num_faults > 0);
    }
    char *line = malloc(20000);
    assert_non_null(line);
    memset(line, 'a', 19999);
    line[19999] = '\0';
    write_manifest(f, line);
    free(line);
    assert_int_equal(read_assets(f, "train", NULL, 0, &assets), TYTO_ERR_FORMAT);
    FILE *file = fopen(f->manifest, "w");
    assert_non_null(file);
    fwrite("path,kind,class,split\na\0b\nc,d\n", 1, 30, file);
    fclose(file);
    assert_int_equal(read_assets(f, "train", NULL, 0, &assets), TYTO_ERR_FORMAT);
    snprintf(f->manifest, sizeof(f->manifest), "%s/nowhere.csv", f->folder);
    assert_int_equal(read_assets(f, "train", NULL, 0, &assets), TYTO_ERR_NOT_FOUND);
}

static void paths_count_from_the_folder_that_is_named(void **state)
{
    struct fixture *f = *state;
    struct tyto_compose_assets assets;
    touch(f, "a");
    char text[] = "path,kind,class,split\na,image,dog,x\na,audio,dog,x\n";
    FILE *file = fmemopen(text, strlen(text), "r");
    assert_non_null(file);
    const struct tyto_compose_assets_params params = {.manifest = "elsewhere/list.csv",
                                                      .folder = f->folder,
                                                      .split = "x",
                                                      .user = f,
                                                      .on_fault = on_fault};
    assert_int_equal(tyto_compose_assets_read_stream(&params, file, &assets), TYTO_OK);
    assert_int_equal(access(assets.entries[0].path, R_OK), 0);
    tyto_compose_assets_finish(&assets);
    fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_manifest_becomes_classes_places_noises_and_distractors),
        TEST(what_is_not_asked_for_is_a_distractor),
        TEST(an_unknown_class_or_split_is_named),
        TEST(every_bad_line_is_reported_with_its_number),
        TEST(files_that_are_not_there_are_all_listed),
        TEST(what_is_no_manifest_is_refused),
        TEST(paths_count_from_the_folder_that_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
