/* SPDX-License-Identifier: MIT */
/* Thresholds in the text of a configuration: they get where they belong, and nothing else changes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "web/config/edit.h"

static const struct tyto_config_wish dog = {"dog", 0.4f, 0.61f, 0.62f};
static const struct tyto_config_wish cat = {"cat", 0.5f, 0.7f, 0.7f};

#define DOG "dog: {threshold: 0.4, threshold_heard: 0.61, threshold_seen: 0.62}"

static void expect(const char *camera, const struct tyto_config_wish *wishes, uint32_t num,
                   const char *before, const char *after)
{
    struct tyto_fault fault = {.text = ""};
    char *text = NULL;
    const enum tyto_err err =
        tyto_config_edit("tytod.yaml", before, strlen(before), camera, wishes, num, &text, &fault);
    if (err)
        print_message("%s\n", fault.text);
    assert_int_equal(err, TYTO_OK);
    assert_string_equal(text, after);
    free(text);
}

static void expect_fault(const char *camera, const char *before, enum tyto_err wanted,
                         const char *says)
{
    struct tyto_fault fault = {.text = ""};
    char *text = NULL, said[1024];
    assert_int_equal(
        tyto_config_edit("tytod.yaml", before, strlen(before), camera, &dog, 1, &text, &fault),
        wanted);
    tyto_fault_print(&fault, said, sizeof(said));
    if (!strstr(said, says))
        print_message("%s\n", said);
    assert_non_null(strstr(said, says));
    assert_null(text);
}

static void a_file_without_classes_gets_them_at_its_end(void **state)
{
    (void)state;
    expect(NULL, &dog, 1, "# mine\ncameras:\n  - id: yard # the gate\n    uri: a.mp4\n",
           "# mine\ncameras:\n  - id: yard # the gate\n    uri: a.mp4\nclasses:\n  " DOG "\n");
    expect(NULL, &dog, 1, "cameras: [{id: yard, uri: a.mp4}]",
           "cameras: [{id: yard, uri: a.mp4}]\nclasses:\n  " DOG);
    expect(NULL, &dog, 1, "cameras: [{id: yard, uri: a.mp4}] # caf\xc3\xa9\r\n",
           "cameras: [{id: yard, uri: a.mp4}] # caf\xc3\xa9\nclasses:\n  " DOG "\r\n");
}

static void what_is_there_is_renewed_in_its_place(void **state)
{
    (void)state;
    expect(NULL, &dog, 1,
           "classes: {dog: {threshold: 0.9, publish: true}} # caf\xc3\xa9\nlog: {}\n",
           "classes: {dog: {threshold: 0.4, publish: true, threshold_heard: 0.61, threshold_seen: "
           "0.62}} # caf\xc3\xa9\nlog: {}\n");
    expect(NULL, &dog, 1,
           "# caf\xc3\xa9\nclasses:\n    dog:\n        threshold: 0.9   # loud\n"
           "        publish: true\n    # end\nlog: {}\n",
           "# caf\xc3\xa9\nclasses:\n    dog:\n        threshold: 0.4   # loud\n"
           "        publish: true\n        threshold_heard: 0.61\n        threshold_seen: 0.62\n"
           "    # end\nlog: {}\n");
}

static void another_class_comes_after_those_that_are_there(void **state)
{
    (void)state;
    const struct tyto_config_wish both[] = {dog, cat};
    expect(NULL, both, 2, "classes:\n  owl: {publish: false} # never\n\nlog:\n  level: info\n",
           "classes:\n  owl: {publish: false} # never\n  " DOG
           "\n  cat: {threshold: 0.5, threshold_heard: 0.7, threshold_seen: 0.7}\n"
           "\nlog:\n  level: info\n");
    expect(NULL, &dog, 1, "classes: {}\n", "classes: {" DOG "}\n");
}

static void one_camera_has_its_own(void **state)
{
    (void)state;
    expect("yard", &dog, 1,
           "cameras:\n  - {id: door, uri: b.mp4}\n  - id: yard\n    uri: a.mp4\n  - id: lane\n"
           "    uri: c.mp4\n",
           "cameras:\n  - {id: door, uri: b.mp4}\n  - id: yard\n    uri: a.mp4\n    classes:\n"
           "      " DOG "\n  - id: lane\n    uri: c.mp4\n");
    expect("door", &dog, 1, "cameras:\n  - {id: door, uri: b.mp4}\n",
           "cameras:\n  - {id: door, uri: b.mp4, classes: {dog: {threshold: 0.4, threshold_heard: "
           "0.61, "
           "threshold_seen: 0.62}}}\n");
    /* After a text of several lines there is no telling where it ends. */
    expect("yard", &dog, 1, "cameras:\n  - id: yard\n    uri: >\n      a.mp4\n",
           "cameras:\n  - classes:\n      " DOG "\n    id: yard\n    uri: >\n      a.mp4\n");
}

static void what_cannot_be_changed_safely_is_refused(void **state)
{
    (void)state;
    expect_fault(NULL, "a: &x {b: 1}\nclasses: *x\n", TYTO_ERR_FORMAT,
                 "tytod.yaml:2: has an alias (*x)");
    expect_fault(NULL, "classes:\n  - dog\n", TYTO_ERR_FORMAT,
                 "tytod.yaml:2: classes: is no group");
    expect_fault(NULL, "classes:\nlog: {}\n", TYTO_ERR_FORMAT, "classes: is no group");
    expect_fault(NULL, "classes: {dog: {threshold: [1]}}\n", TYTO_ERR_FORMAT, "is no threshold");
    expect_fault("yard", "cameras: [{id: door}]\n", TYTO_ERR_NOT_FOUND,
                 "there is no camera 'yard'");
    expect_fault(NULL, "cameras: [\n", TYTO_ERR_FORMAT, "is no YAML");
    expect_fault(NULL, "- a\n", TYTO_ERR_FORMAT, "is no configuration");
    expect_fault(NULL, "", TYTO_ERR_FORMAT, "is no configuration");
    expect_fault(NULL,
                 "\xef\xbb\xbf"
                 "a: 1\n",
                 TYTO_ERR_FORMAT, "is no plain UTF-8");
    expect_fault(NULL, "a: \xff\n", TYTO_ERR_FORMAT, "is no plain UTF-8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_without_classes_gets_them_at_its_end),
        cmocka_unit_test(what_is_there_is_renewed_in_its_place),
        cmocka_unit_test(another_class_comes_after_those_that_are_there),
        cmocka_unit_test(one_camera_has_its_own),
        cmocka_unit_test(what_cannot_be_changed_safely_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
